"""The records: frozen, with JSON text that is stable, and ids that depend on content alone."""

from __future__ import annotations

import dataclasses
import json
import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray import types
from magnet_ray.types import FunctionSpec, canonical, compact, content_id, parsed
from tests.test_judge import TEXT, spec

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
RECORDS = [item for item in vars(types).values() if dataclasses.is_dataclass(item)]


def test_every_record_is_frozen_slotted_and_keyword_only() -> None:
    assert len(RECORDS) >= 13
    for record in RECORDS:
        assert vars(record)["__dataclass_params__"].frozen and "__slots__" in vars(record), record
        assert all(field.kw_only for field in dataclasses.fields(record)), record


def test_a_record_cannot_be_changed() -> None:
    function = spec("find_city", {"city": TEXT})
    with pytest.raises(dataclasses.FrozenInstanceError):
        function.name = "other"  # type: ignore[misc]


@given(JSON)
def test_canonical_and_compact_text_are_read_back_as_the_same_value(value: Any) -> None:
    assert json.loads(canonical(value)) == value
    assert json.loads(compact(value)) == value


@given(st.dictionaries(st.text(max_size=4), st.integers(), min_size=2))
def test_canonical_text_forgets_the_order_of_keys_and_compact_text_keeps_it(value: dict[str, int]) -> None:
    turned = dict(reversed(value.items()))
    assert canonical(value) == canonical(turned)
    assert list(json.loads(compact(turned))) == list(turned)
    assert compact(value) != compact(turned)


@given(st.lists(st.text(max_size=6), max_size=4), st.lists(st.text(max_size=6), max_size=4))
def test_ids_are_equal_exactly_for_equal_parts(one: list[str], other: list[str]) -> None:
    assert (content_id(*one) == content_id(*other)) is (one == other)


def test_ids_are_the_same_on_every_machine() -> None:
    assert content_id(1, "a") == "20d44199cf6afb45"


def test_non_ascii_text_is_kept_as_it_is() -> None:
    assert canonical({"b": "Süd", "a": 1}) == '{"a":1,"b":"Süd"}'


def test_parsed_shares_the_value_of_equal_texts() -> None:
    assert parsed('{"a":[1]}') is parsed('{"a":[1]}')


def test_a_function_is_executed_under_its_original_name_and_offered_under_its_own() -> None:
    function = spec("find_place", {"city": TEXT, "?near": {"type": "string", "format": "date"}}, original_name="ls")
    assert function.callable_name == "ls"
    assert (function.required, tuple(function.properties)) == (("city",), ("city", "near"))
    assert function.as_tool() == {
        "type": "function",
        "function": {"name": "find_place", "description": "find_place.", "parameters": json.loads(function.parameters)},
    }
    assert spec("plain", {}).callable_name == "plain"
    assert spec("plain", {}).return_schema is None


@pytest.mark.parametrize(
    ("schema", "names"),
    [
        ({"type": "string"}, True),
        ({"type": "string", "enum": ["a", "b"]}, False),
        ({"type": "string", "format": "date"}, False),
        ({"type": "integer"}, False),
        ({"type": "array", "items": {"type": "string"}}, False),
    ],
)
def test_only_a_free_text_names_a_thing(schema: dict[str, Any], names: bool) -> None:
    assert spec("find", {"it": schema}).names_thing("it") is names


def test_a_specification_survives_pickling() -> None:
    function: FunctionSpec = spec("find_city", {"city": TEXT}, {"population": {"type": "integer"}})
    assert pickle.loads(pickle.dumps(function)) == function
