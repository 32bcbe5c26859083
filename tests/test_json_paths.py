"""Paths into JSON values lead where they say."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.json_paths import expand, field_values, leaves, schema_fields, split_path, value_at

KEYS = st.from_regex(r"[a-z_]{1,6}", fullmatch=True)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=3),
    max_leaves=10,
)
GUESTS = {"reservations": [{"code": "A", "guest": {"name": "Ida"}}, {"code": "B", "guest": {"name": "Jo"}}], "count": 2}


@given(VALUES)
def test_every_leaf_is_found_at_its_path(value: Any) -> None:
    for path, leaf in leaves(value):
        assert value_at(value, path) is leaf
        assert list(expand(value, path)) == [(path, leaf)]


@given(VALUES)
def test_a_field_is_the_last_name_on_the_path(value: Any) -> None:
    def name(path: str) -> str:
        return next((part for part in reversed(split_path(path)) if isinstance(part, str)), "")

    assert field_values(value) == [(name(path) if path != "$" else "", leaf) for path, leaf in leaves(value)]


@given(VALUES)
def test_leaves_are_all_scalars_of_a_value(value: Any) -> None:
    def count(item: Any) -> int:
        if isinstance(item, dict | list):
            return sum(count(inner) for inner in (item.values() if isinstance(item, dict) else item))
        return 1

    assert len(list(leaves(value))) == count(value)


@given(VALUES)
def test_a_pattern_expands_to_every_leaf_that_it_stands_for(value: Any) -> None:
    found = dict(leaves(value))
    for pattern in {re.sub(r"\[\d+\]", "[]", path) for path in found}:
        expected = {path for path in found if re.sub(r"\[\d+\]", "[]", path) == pattern}
        expanded = dict(expand(value, pattern))
        assert expected <= expanded.keys()
        assert all(value_at(value, path) is item for path, item in expanded.items())


def test_parts_of_a_path_are_keys_indices_and_every_item() -> None:
    assert split_path("reservations[2].guest.name") == ("reservations", 2, "guest", "name")
    assert split_path("[].code") == (None, "code")
    assert split_path("$.a[0]") == ("a", 0)
    assert split_path("$") == split_path("") == ()


def test_brackets_stand_for_every_item_in_order() -> None:
    assert list(expand(GUESTS, "reservations[].guest.name")) == [
        ("reservations[0].guest.name", "Ida"),
        ("reservations[1].guest.name", "Jo"),
    ]
    assert list(expand([1, 2], "[]")) == [("[0]", 1), ("[1]", 2)]
    assert list(expand(GUESTS, "$")) == [("$", GUESTS)]


@pytest.mark.parametrize("pattern", ["nothing", "count[]", "reservations[7].code", "reservations.code", "count.unit"])
def test_what_is_not_there_expands_to_nothing(pattern: str) -> None:
    assert list(expand(GUESTS, pattern)) == []


@pytest.mark.parametrize("path", ["nothing", "count[0]", "reservations[7]", "reservations.code", "reservations[].code"])
def test_a_value_that_is_not_there_is_a_key_error(path: str) -> None:
    with pytest.raises(KeyError):
        value_at(GUESTS, path)


def test_the_whole_value_stands_at_the_dollar_sign() -> None:
    assert value_at(GUESTS, "$") is GUESTS
    assert list(leaves(5)) == [("$", 5)]


def test_schema_fields_are_paths_with_brackets_for_arrays() -> None:
    text = {"type": "string"}
    rows = {"type": "array", "items": {"type": "object", "properties": {"code": text, "tags": {"type": "array", "items": text}}}}
    fields = dict(schema_fields({"type": "object", "properties": {"rows": rows, "count": {"type": "integer"}}}))
    assert list(fields) == ["rows[].code", "rows[].tags[]", "count"]
    assert fields["rows[].code"] == text
    assert dict(schema_fields(text)) == {"$": text}
    assert list(schema_fields(True)) == []
