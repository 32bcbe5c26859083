"""Table files of a run: Parquet in row groups of a fixed size, so that their bytes depend on the rows alone and not on who made them."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel, ConfigDict, Field

from magnet_ray.atomic_files import checksum, write_atomically
from magnet_ray.errors import RunError
from magnet_ray.places import Place, make_directory, remove_tree, storage_errors
from magnet_ray.rows import from_table, record_schema

ROWS_PER_GROUP, GROUPS_PER_FILE = 1_000, 10
ROWS_PER_FILE = ROWS_PER_GROUP * GROUPS_PER_FILE

Record = TypeVar("Record")
Item = TypeVar("Item")


class DataFile(BaseModel):
    """One table file of a finished run."""

    model_config = ConfigDict(frozen=True)

    path: str = Field(description="Path inside the run directory.")
    rows: int = Field(description="Rows in the file.")
    bytes: int = Field(description="Size in bytes.")
    sha256: str = Field(description="Hexadecimal SHA-256 of the file.")


def read_records(record_type: type[Record], path: Place, start: int = 0, stop: int = sys.maxsize) -> Iterator[Record]:
    """The records of a table file at positions `start` to `stop`, a row group in memory at a time; other columns are not read.

    Raises:
        RunError: the file is missing or damaged, or is a table of something else.
    """
    try:
        with _opened(path) as source, pq.ParquetFile(source, pre_buffer=not isinstance(path, Path)) as file:
            before = 0
            for group in range(file.num_row_groups):
                rows = file.metadata.row_group(group).num_rows
                first, last = max(0, start - before), min(rows, stop - before)
                if first < last:
                    table = file.read_row_group(group, columns=record_schema(record_type).names)
                    yield from from_table(record_type, table.slice(first, last - first))
                before += rows
    except storage_errors(pa.ArrowException) as error:
        raise _unreadable(path, error) from None


@contextmanager
def _opened(path: Place) -> Iterator[Any]:
    """What pyarrow reads pieces of: a local file, or an object of which it fetches no more than it asks for."""
    if isinstance(path, Path):
        yield path
        return
    with path.fs.open(path.path, "rb", cache_type="none") as file:
        yield file


def whole_file(path: Place) -> Any:
    """What pyarrow reads all of: a local file, or the content of an object, fetched at once.

    Raises:
        FileNotFoundError: there is no such object.
        RunError: the store refused.
    """
    if isinstance(path, Path):
        return path
    try:
        return pa.BufferReader(path.fs.cat_file(path.path))
    except FileNotFoundError:
        raise
    except storage_errors() as error:
        # No sign of damage: whoever asks whether a file is whole must not take it for broken.
        raise _unreadable(path, error) from None


def read_table(path: Place) -> pa.Table:
    """A table file as a whole.

    Raises:
        RunError: the file is missing or damaged.
    """
    try:
        return pq.read_table(whole_file(path)).replace_schema_metadata(None)
    except (OSError, pa.ArrowException) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Place, error: Exception) -> RunError:
    return RunError(f"{path} cannot be read", str(error), fix="restore the file or make the run again")


_NOTE = b"note"


def with_note(table: pa.Table, note: Mapping[str, int]) -> pa.Table:
    """The table with a note that its file carries."""
    return table.replace_schema_metadata({_NOTE: json.dumps(note)})


def noted(path: Place) -> dict[str, int]:
    """The note that a table file carries; empty when there is none, or the file is missing or damaged."""
    try:
        metadata = pq.read_schema(whole_file(path)).metadata or {}
    except (OSError, pa.ArrowException):
        return {}
    note: dict[str, int] = json.loads(metadata.get(_NOTE, b"{}"))
    return note


def rows_in(path: Place) -> int:
    """Rows of a table file; -1 when it is missing or damaged."""
    try:
        rows: int = pq.read_metadata(whole_file(path)).num_rows
    except (OSError, pa.ArrowException):
        return -1
    return rows


def write_tables(tables: Iterable[pa.Table], schema: pa.Schema, directory: Place) -> list[DataFile]:
    """Write `part-00000.parquet` and on, the first even when there are no rows, so that the table has its columns.

    Args:
        tables: tables of any size, in order.
        schema: their schema.
        directory: replaced; its name is part of the paths that are returned.
    """
    remove_tree(directory)
    make_directory(directory)
    groups = _regrouped(tables, schema)
    files: list[DataFile] = []
    first = next(groups, schema.empty_table())
    while first.num_rows or not files:
        files.append(_write_part(first, islice(groups, GROUPS_PER_FILE - 1), part_file(directory, len(files))))
        first = next(groups, schema.empty_table())
    return files


def write_part(tables: Iterable[pa.Table], schema: pa.Schema, directory: Place, number: int) -> DataFile:
    """Write one of the files of `write_tables`: what it would write, given the tables of its rows."""
    groups = _regrouped(tables, schema)
    return _write_part(next(groups, schema.empty_table()), groups, part_file(directory, number))


def part_file(directory: Place, number: int) -> Place:
    """A file of a table."""
    return directory / f"part-{number:05d}.parquet"


def _write_part(first: pa.Table, groups: Iterable[pa.Table], path: Place) -> DataFile:
    written: list[DataFile] = []

    def write(temporary: Path) -> None:
        rows = 0
        with pq.ParquetWriter(temporary, first.schema, compression="zstd") as writer:
            for group in (first, *groups):
                writer.write_table(group)
                rows += group.num_rows
        size, name = temporary.stat().st_size, f"{path.parent.name}/{path.name}"
        written.append(DataFile(path=name, rows=rows, bytes=size, sha256=checksum(temporary)))

    write_atomically(path, write)
    return written[0]


def _regrouped(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """The same rows in tables of `ROWS_PER_GROUP`, the last one shorter."""
    waiting = schema.empty_table()
    for table in tables:
        waiting = pa.concat_tables([waiting, table])
        while waiting.num_rows >= ROWS_PER_GROUP:
            # As one chunk: where a table was cut shows in the bytes of a file.
            yield waiting.slice(0, ROWS_PER_GROUP).combine_chunks()
            waiting = waiting.slice(ROWS_PER_GROUP)
    if waiting.num_rows:
        yield waiting.combine_chunks()


def batched(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """The items in lists of a size, the last one shorter."""
    iterator = iter(items)
    while chunk := list(islice(iterator, size)):
        yield chunk
