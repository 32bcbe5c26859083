from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.errors import RunError
from magnet_ray.rows import (
    EDGE_SCHEMA,
    FAILURE_SCHEMA,
    FUNCTION_SCHEMA,
    TRAJECTORY_SCHEMA,
    from_row,
    from_table,
    record_schema,
    to_row,
    to_table,
)
from magnet_ray.types import Edge, EdgeKind, Failure, FieldMapping, FunctionSpec, Trajectory
from tests.conftest import sample_trajectory

RECORDS = (Trajectory, Failure, Edge, FunctionSpec)


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any value of a field's type that a column can hold."""
    if get_origin(hint) in (Union, UnionType):
        return st.one_of(*(st.none() if kind is NoneType else values(kind) for kind in get_args(hint)))
    if get_origin(hint) is tuple:
        return st.lists(values(get_args(hint)[0]), max_size=3).map(tuple)
    if dataclasses.is_dataclass(hint):
        return records(hint)  # type: ignore[arg-type]
    if issubclass(hint, StrEnum):
        return st.sampled_from(hint)
    scalars: dict[type, st.SearchStrategy[Any]] = {
        str: st.text(max_size=8),
        int: st.integers(-(2**63), 2**63 - 1),
        float: st.floats(allow_nan=False),
        bool: st.booleans(),
    }
    return scalars[hint]


def records(record_type: type) -> st.SearchStrategy[Any]:
    """Any record of a type."""
    return st.builds(
        record_type, **{name: values(hint) for name, hint in get_type_hints(record_type).items() if name in fields(record_type)}
    )


def fields(record_type: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(record_type)}


@pytest.mark.parametrize("record_type", RECORDS, ids=lambda record_type: record_type.__name__)
@given(data=st.data())
def test_records_survive_an_arrow_table(record_type: type, data: st.DataObject) -> None:
    some = data.draw(st.lists(records(record_type), max_size=2))
    table = to_table(record_type, some)
    assert table.schema == record_schema(record_type)
    assert list(from_table(record_type, table)) == some


@given(record=records(Trajectory))
def test_a_row_gives_its_record_back(record: Trajectory) -> None:
    assert from_row(Trajectory, to_row(record)) == record


def test_schemas_are_explicit_and_without_nulls() -> None:
    for schema in (TRAJECTORY_SCHEMA, FAILURE_SCHEMA, FUNCTION_SCHEMA):
        assert not any(field.nullable for field in schema)
    assert TRAJECTORY_SCHEMA.field("ops").type == pa.list_(pa.field("item", pa.string(), nullable=False))
    assert TRAJECTORY_SCHEMA.field("messages").type == pa.string()
    assert EDGE_SCHEMA.field("success_rate").nullable


def test_an_empty_table_keeps_its_columns() -> None:
    assert to_table(Trajectory, []).schema == TRAJECTORY_SCHEMA


def test_the_columns_that_users_rely_on_are_there() -> None:
    promised = "id category tools tools_added messages reference_calls provenance ops domains scenario_seed final_state num_turns num_calls"
    assert set(promised.split()) <= set(TRAJECTORY_SCHEMA.names)


def test_json_text_is_kept_byte_for_byte() -> None:
    record = sample_trajectory()
    (again,) = from_table(Trajectory, to_table(Trajectory, [record]))
    assert again.messages == record.messages
    assert "Süd" in again.messages


def test_nested_records_and_missing_values_are_kept() -> None:
    mapping = FieldMapping(output_path="a[].b", parameter="c", score=0.5)
    edge = Edge(source="f", target="g", kind=EdgeKind.PARTIAL, mappings=(mapping,), score=math.pi, success_rate=None)
    assert list(from_table(Edge, to_table(Edge, [edge]))) == [edge]


def test_a_row_without_a_column_is_refused() -> None:
    row = to_row(sample_trajectory())
    del row["ops"], row["domains"]
    with pytest.raises(RunError, match="a Trajectory row lacks ops, domains"):
        from_row(Trajectory, row)


def test_a_row_with_an_unknown_category_is_refused() -> None:
    with pytest.raises(RunError, match="'sonnet' is not a valid Category"):
        from_row(Trajectory, to_row(sample_trajectory()) | {"category": "sonnet"})


def test_columns_that_the_record_does_not_know_are_ignored() -> None:
    record = sample_trajectory()
    assert from_row(Trajectory, to_row(record) | {"later": 1}) == record


def test_a_record_that_fits_no_column_is_refused() -> None:
    @dataclass(frozen=True)
    class Odd:
        values: dict[str, int]

    with pytest.raises(TypeError, match="no column type"):
        record_schema(Odd)
