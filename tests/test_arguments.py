"""Arguments come from where the conversation has them, and their origins say so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.arguments import Chosen, Surroundings, choose_arguments, vary
from magnet_ray.errors import Rejected
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.graph import build_graph
from magnet_ray.json_paths import value_at
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.types import ArgumentOrigin, Effect, FailureReason, FunctionSpec, Origin, Step
from tests.test_judge import TEXT, WHOLE, items, spec
from tests.tiny_world import TinyWorld, planned

FIND = spec("find_gadgets", {"colour": TEXT}, {"gadgets": items(gadget=TEXT, price=WHOLE)}, effect=Effect.READ)
ORDER = spec("order_gadget", {"gadget": TEXT, "pieces": WHOLE, "?note": TEXT}, {"order_code": TEXT, "gadget": TEXT}, effect=Effect.WRITE)
CANCEL = spec("cancel_order", {"order_code": TEXT}, {"refund": WHOLE}, effect=Effect.WRITE)
GRAPH = build_graph(FunctionPool(specs=(FIND, ORDER, CANCEL)))
VALUES: dict[str, list[Any]] = {
    "gadget": ["lamp", "fan"],
    "pieces": [1, 2, 3],
    "order_code": ["O-7"],
    "colour": ["red", "blue"],
    "note": ["quickly"],
}
GADGETS = {"gadgets": [{"gadget": "kettle", "price": 30}, {"gadget": "toaster", "price": 20}, {"gadget": "radio", "price": 40}]}
FOUND = planned(FIND, {"colour": "red"}, GADGETS)
WALKED = Step(function="order_gadget", source_turn=0, source_step=0)
SEEDS = st.integers(0, 10_000)
SAID = {name: ArgumentOrigin(origin=Origin.QUERY, turn=0, text=name) for name in ("gadget", "pieces")}


def around(
    done: Mapping[int, tuple[PlannedCall, ...]], turn: int, *, speakable: frozenset[str] = frozenset(), fresh: bool = False
) -> Surroundings:
    return Surroundings(environment=TinyWorld({}, values=VALUES), graph=GRAPH, done=done, turn=turn, speakable=speakable, fresh=fresh)


def chosen(spec_: FunctionSpec, step: Step, place: Surroundings, seed: int, attempt: int = 0) -> Chosen:
    return choose_arguments(spec_, step, place, Random(seed), attempt=attempt)


@given(SEEDS)
def test_a_walked_edge_fills_the_argument_from_the_output(seed: int) -> None:
    found = chosen(ORDER, WALKED, around({0: (FOUND,), 1: ()}, 1), seed)
    origin = found.origins["gadget"]
    assert (origin.origin, origin.turn, origin.call) == (Origin.OUTPUT, 0, 0)
    assert value_at(GADGETS, origin.path) == found.values["gadget"]
    assert found.origins["pieces"] == ArgumentOrigin(origin=Origin.QUERY, turn=1)


@given(SEEDS, st.integers(3, 6))
def test_later_attempts_draw_new_values(seed: int, attempt: int) -> None:
    found = chosen(ORDER, WALKED, around({0: (FOUND,), 1: ()}, 1), seed, attempt)
    assert {origin.origin for origin in found.origins.values()} == {Origin.QUERY}
    assert found.values["gadget"] in VALUES["gadget"]


@given(SEEDS)
def test_of_a_list_that_the_user_has_not_seen_only_an_item_that_words_single_out_is_taken(seed: int) -> None:
    found = chosen(ORDER, WALKED, around({0: (FOUND,)}, 0), seed)
    # The toaster is the cheapest, the radio the most expensive.
    assert found.origins["gadget"].path in {f"gadgets[{index}].gadget" for index in (1, 2)}
    plain = {"gadgets": [{"gadget": name, "price": 20} for name in ("kettle", "toaster", "radio")]}
    same = chosen(ORDER, WALKED, around({0: (planned(FIND, {"colour": "red"}, plain),)}, 0), seed)
    assert same.origins["gadget"].origin is Origin.QUERY, "nobody who has not seen the list could say which"


@given(SEEDS)
def test_of_a_list_that_was_read_out_in_part_only_that_part_is_taken(seed: int) -> None:
    place = replace(around({0: (FOUND,), 1: ()}, 1), told={0: "There is the kettle for $30, the radio for $40 and 1 more."})
    found = chosen(ORDER, WALKED, place, seed)
    assert found.origins["gadget"].path in {"gadgets[0].gadget", "gadgets[2].gadget"}
    silent = replace(place, told={0: "I found 3 gadgets."})
    assert chosen(ORDER, WALKED, silent, seed).origins["gadget"].origin is Origin.QUERY


@given(SEEDS)
def test_something_fresh_takes_nothing_from_before_but_what_was_walked(seed: int) -> None:
    ordered = planned(ORDER, {"gadget": "kettle", "pieces": 2}, {"order_code": "O-1", "gadget": "kettle"})
    loose = chosen(CANCEL, Step(function="cancel_order"), around({0: (ordered,), 1: ()}, 1, fresh=True), seed)
    assert loose.values == {"order_code": "O-7"}
    walked = Step(function="cancel_order", source_turn=0, source_step=0)
    assert chosen(CANCEL, walked, around({0: (ordered,), 1: ()}, 1, fresh=True), seed).values == {"order_code": "O-1"}


def test_an_earlier_output_is_used_now_and_then_even_where_no_edge_was_walked() -> None:
    ordered = planned(ORDER, {"gadget": "kettle", "pieces": 2}, {"order_code": "O-1", "gadget": "kettle"})
    codes = [
        chosen(CANCEL, Step(function="cancel_order"), around({0: (ordered,), 1: ()}, 1), seed).values["order_code"] for seed in range(60)
    ]
    assert {"O-1", "O-7"} == set(codes)


def test_what_the_user_spoke_of_before_comes_up_again_as_an_earlier_query() -> None:
    said = planned(
        ORDER,
        {"gadget": "samovar", "pieces": 2},
        {},
        origins=SAID,
    )
    again = [chosen(ORDER, Step(function="order_gadget"), around({0: (said,), 1: ()}, 1), seed) for seed in range(60)]
    taken = [found.origins["gadget"] for found in again if found.values["gadget"] == "samovar"]
    assert taken and len(taken) < 60
    assert set(taken) == {ArgumentOrigin(origin=Origin.EARLIER_QUERY, turn=0, text="gadget")}


def test_an_output_that_only_repeats_what_was_said_has_the_user_as_its_origin() -> None:
    echo = planned(
        ORDER,
        {"gadget": "kettle", "pieces": 2},
        {"order_code": "kettle", "gadget": "kettle"},
        origins=SAID,
    )
    walked = Step(function="cancel_order", source_turn=0, source_step=0)
    origin = chosen(CANCEL, walked, around({0: (echo,), 1: ()}, 1), 1).origins["order_code"]
    assert origin == ArgumentOrigin(origin=Origin.EARLIER_QUERY, turn=0, text="gadget")


def test_an_optional_argument_is_given_only_if_it_can_be_worded() -> None:
    step = Step(function="order_gadget")
    silent = [chosen(ORDER, step, around({0: ()}, 0), seed) for seed in range(40)]
    assert all("note" not in found.values for found in silent)
    worded = [chosen(ORDER, step, around({0: ()}, 0, speakable=frozenset({"note"})), seed) for seed in range(40)]
    assert 0 < sum("note" in found.values for found in worded) < 40


@given(SEEDS)
def test_arguments_keep_the_declared_order_and_each_has_an_origin(seed: int) -> None:
    found = chosen(ORDER, WALKED, around({0: (FOUND,), 1: ()}, 1, speakable=frozenset({"note"})), seed)
    declared = [name for name in ORDER.properties if name in found.values]
    assert list(found.values) == list(found.origins) == declared
    assert set(ORDER.required) <= set(declared)


def test_a_required_argument_without_any_value_is_rejected() -> None:
    impossible = spec("lift", {"weight": {"type": "integer", "minimum": 5, "maximum": 2}})
    with pytest.raises(Rejected) as caught:
        chosen(impossible, Step(function="lift"), around({0: ()}, 0), 1)
    assert caught.value.reason is FailureReason.NO_VALUE


def test_a_call_varies_in_one_argument_over_what_it_is_about() -> None:
    first = planned(ORDER, {"gadget": "lamp", "pieces": 2}, {"order_code": "O-1"})
    varied = 0
    for seed in range(40):
        try:
            parameter, found = vary(first, around({0: (first,)}, 0), Random(seed), {"lamp", "2"}, "gadget")
        except Rejected:
            continue
        varied += 1
        assert parameter == "gadget" and found.values == {"gadget": "fan", "pieces": 2}
    assert varied > 30


@given(SEEDS)
def test_a_call_on_an_item_varies_over_the_other_items_of_its_list(seed: int) -> None:
    origins = {
        "gadget": ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=0, path="gadgets[0].gadget"),
        "pieces": ArgumentOrigin(origin=Origin.QUERY, turn=1),
    }
    first = planned(ORDER, {"gadget": "kettle", "pieces": 2}, {}, origins=origins)
    try:
        _, found = vary(first, around({0: (FOUND,), 1: (first,)}, 1), Random(seed), {"kettle", "2"})
    except Rejected as rejected:
        assert rejected.reason is FailureReason.NO_VALUE
        return
    assert found.values["gadget"] in {"toaster", "radio"}
    assert value_at(GADGETS, found.origins["gadget"].path) == found.values["gadget"]


def test_a_call_on_the_only_thing_there_is_cannot_vary() -> None:
    first = planned(CANCEL, {"order_code": "O-7"}, {})
    with pytest.raises(Rejected) as caught:
        vary(first, around({0: (first,)}, 0), Random(1), {"O-7"})
    assert caught.value.reason is FailureReason.NO_VALUE
