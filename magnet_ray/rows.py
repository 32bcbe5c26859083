"""Records as Arrow rows and back.

Every table has an explicit schema, derived once from the record's type hints, because Arrow infers
`list<null>` from an empty list and merges dictionaries. Text fields that hold JSON stay text. Converting a
record to a row and back gives an equal record.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

import pyarrow as pa

from magnet_ray.errors import RunError
from magnet_ray.types import Edge, Failure, FunctionSpec, Trajectory

Record = TypeVar("Record")

_SCALARS: Mapping[type, Any] = {str: pa.string(), int: pa.int64(), float: pa.float64(), bool: pa.bool_()}
_HINTS: dict[type, Mapping[str, Any]] = {}
_SCHEMAS: dict[type, pa.Schema] = {}


def record_schema(record_type: type) -> pa.Schema:
    """The Arrow schema of a record type: `str`, `int`, `float`, `bool`, `StrEnum`, tuples of these or of records, and `| None`.

    Raises:
        TypeError: a field has a type that no column can hold.
    """
    if record_type not in _SCHEMAS:
        _SCHEMAS[record_type] = pa.schema([_column(name, hint) for name, hint in _hints(record_type).items()])
    return _SCHEMAS[record_type]


def to_row(record: object) -> dict[str, Any]:
    """A record as a row of plain values: enumerations become text, tuples lists, nested records dictionaries."""
    return {name: _plain(getattr(record, name)) for name in _hints(type(record))}


def from_row(record_type: type[Record], row: Mapping[str, Any]) -> Record:
    """The record that `to_row` made the row from; columns that the record does not know are ignored.

    Raises:
        RunError: a column is missing, or an enumeration has no such value.
    """
    hints = _hints(record_type)
    if missing := [name for name in hints if name not in row]:
        raise RunError(f"a {record_type.__name__} row lacks {', '.join(missing)}", fix="the data was written by another version")
    try:
        return record_type(**{name: _restored(row[name], hint) for name, hint in hints.items()})
    except ValueError as error:
        raise RunError(f"a {record_type.__name__} row holds an unknown value", str(error)) from None


def to_table(record_type: type[Record], records: Iterable[Record]) -> pa.Table:
    """Records of one type as a table with the type's schema, in the order given."""
    rows = list(records)
    columns = {name: [_plain(getattr(row, name)) for row in rows] for name in _hints(record_type)}
    return pa.Table.from_pydict(columns, schema=record_schema(record_type))


def from_table(record_type: type[Record], table: pa.Table | pa.RecordBatch) -> Iterator[Record]:
    """The records of a table, in its order.

    Raises:
        RunError: the table lacks a column of the record, or an enumeration has no such value.
    """
    hints = _hints(record_type)
    if missing := [name for name in hints if name not in table.schema.names]:
        raise RunError(f"a {record_type.__name__} row lacks {', '.join(missing)}", fix="the data was written by another version")
    try:
        columns = [_restored_column(table.column(name).to_pylist(), hint) for name, hint in hints.items()]
    except ValueError as error:
        raise RunError(f"a {record_type.__name__} row holds an unknown value", str(error)) from None
    for values in zip(*columns, strict=True):
        yield record_type(**dict(zip(hints, values, strict=True)))


def _restored_column(values: list[Any], hint: Any) -> list[Any]:
    # Most columns hold text and numbers, which need nothing.
    return values if hint in (str, int, float, bool) else [_restored(value, hint) for value in values]


def _hints(record_type: type) -> Mapping[str, Any]:
    """Field -> type of a record, in order, worked out once for each type."""
    if record_type not in _HINTS:
        resolved = get_type_hints(record_type)
        _HINTS[record_type] = {field.name: resolved[field.name] for field in dataclasses.fields(cast(Any, record_type))}
    return _HINTS[record_type]


def _column(name: str, hint: Any) -> pa.Field:
    inner = _without_none(hint)
    return pa.field(name, _arrow_type(inner), nullable=inner is not hint)


def _arrow_type(hint: Any) -> Any:
    if get_origin(hint) is tuple:
        item, *rest = get_args(hint)
        if rest != [...]:
            raise TypeError(f"only tuples of one type fit a column: {hint}")
        return pa.list_(pa.field("item", _arrow_type(item), nullable=False))
    if isinstance(hint, type):
        if hint in _SCALARS:
            return _SCALARS[hint]
        if issubclass(hint, StrEnum):
            return pa.string()
        if dataclasses.is_dataclass(hint):
            return pa.struct(list(record_schema(hint)))
    raise TypeError(f"no column type for {hint}")


def _without_none(hint: Any) -> Any:
    if get_origin(hint) in (Union, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not NoneType]
        if len(kinds) == 1:
            return kinds[0]
    return hint


def _plain(value: Any) -> Any:
    if type(value) in (str, int, float, bool):
        return value
    if isinstance(value, StrEnum):
        return value.value
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return to_row(value) if dataclasses.is_dataclass(value) else value


def _restored(value: Any, hint: Any) -> Any:
    hint = _without_none(hint)
    if value is None:
        return None
    if get_origin(hint) is tuple:
        item = get_args(hint)[0]
        return tuple(_restored(element, item) for element in value)
    if issubclass(hint, StrEnum):
        return hint(value)
    return from_row(cast(type[object], hint), value) if dataclasses.is_dataclass(hint) else value


TRAJECTORY_SCHEMA = record_schema(Trajectory)
FAILURE_SCHEMA = record_schema(Failure)
FUNCTION_SCHEMA = record_schema(FunctionSpec)
EDGE_SCHEMA = record_schema(Edge)
