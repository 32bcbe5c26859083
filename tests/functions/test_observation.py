"""What a function does is seen by executing it, never read from its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema
import pytest
from hypothesis import given

from magnet_ray.environments.base import Environment
from magnet_ray.errors import CallError, EnvironmentFault
from magnet_ray.functions.observation import infer_schema, observe_pool
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.types import Effect, FailureReason, FunctionSpec
from tests.builtin_recipe import builtin_recipe
from tests.test_judge import TEXT, spec
from tests.test_types import JSON
from tests.tiny_world import Behaviour, TinyWorld

State = dict[str, Any]


def _count(state: State, arguments: Mapping[str, Any]) -> Any:
    state["calls"] = state.get("calls", 0) + 1
    return {"calls": state["calls"]}


def _look(state: State, arguments: Mapping[str, Any]) -> Any:
    return {"calls": state.get("calls", 0), "note": None}


def _after_a_count(state: State, arguments: Mapping[str, Any]) -> Any:
    if not state.get("calls"):
        raise CallError("count first")
    return ["done"]


def _refuse(state: State, arguments: Mapping[str, Any]) -> Any:
    raise CallError("never\non a Sunday")


# Names that say the opposite of what is done.
FUNCTIONS: dict[str, Behaviour] = {"get_total": _count, "delete_total": _look, "finish": _after_a_count, "refuse": _refuse}
POOL = FunctionPool(specs=tuple(spec(name, {"?city": TEXT}) for name in FUNCTIONS))


def observed(world: TinyWorld | None = None, pool: FunctionPool = POOL) -> FunctionPool:
    return observe_pool(pool, lambda key, seed, specs: world or TinyWorld(FUNCTIONS))


def test_effects_are_seen_and_not_read_from_names() -> None:
    effects = {item.name: item.effect for item in observed().specs}
    assert effects["get_total"] is Effect.WRITE and effects["delete_total"] is Effect.READ


def test_a_function_that_is_never_accepted_is_a_failure_with_its_last_refusal() -> None:
    (failure,) = observed().failures
    assert (failure.id, failure.stage, failure.reason) == ("refuse", "pool", FailureReason.CALL_FAILED)
    assert failure.detail.endswith(": never on a Sunday") and failure.category == "test"


def test_a_function_that_needs_another_one_first_is_found_out() -> None:
    assert "finish" in {item.name for item in observed().specs}


def test_output_schemas_are_inferred_where_none_was_declared() -> None:
    schemas = {item.name: item.return_schema for item in observed().specs}
    assert schemas["get_total"] == {"type": "object", "properties": {"calls": {"type": "integer"}}, "required": ["calls"]}
    assert schemas["finish"] == {"type": "array", "items": {"type": "string"}}
    declared = FunctionPool(specs=(spec("get_total", {}, {"calls": {"type": "number"}}),))
    assert observed(pool=declared).specs[0].returns == declared.specs[0].returns


def test_an_environment_that_cannot_be_opened_leaves_its_functions_out() -> None:
    def broken(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> Environment:
        raise EnvironmentFault("no such class")

    found = observe_pool(POOL, broken)
    assert not found.specs and len(found.failures) == len(FUNCTIONS)
    assert "no such class" in found.failures[0].detail


def test_a_function_that_breaks_its_environment_costs_only_itself() -> None:
    def opened(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> Environment:
        return TinyWorld(FUNCTIONS, faults=frozenset({"delete_total"}))

    found = observe_pool(POOL, opened)
    assert "get_total" in {item.name for item in found.specs}
    assert "delete_total" in {failure.id for failure in found.failures}


def test_what_was_given_is_kept_or_accounted_for_and_worlds_are_closed() -> None:
    world = TinyWorld(FUNCTIONS)
    found = observed(world)
    assert len(found.specs) + len(found.failures) == len(POOL.specs)
    assert world.closed >= 1


def test_observing_twice_gives_the_same() -> None:
    assert observed() == observed()


@given(JSON)
def test_an_inferred_schema_fits_its_values(value: Any) -> None:
    jsonschema.validate(value, infer_schema([value]))
    jsonschema.validate(value, infer_schema([value, {"other": 1}]))


@pytest.mark.parametrize(
    ("name", "effect"),
    [
        ("browse_restaurants", Effect.READ),
        ("book_table", Effect.WRITE),
        ("cancel_table", Effect.WRITE),
        ("list_table_bookings", Effect.READ),
    ],
)
def test_effects_of_built_in_functions_are_seen(name: str, effect: Effect) -> None:
    assert builtin_recipe().workshop.pool.spec(name).effect is effect
