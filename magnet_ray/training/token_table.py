"""Examples and pairs as an Arrow table, and as records again.

Five bytes a token: the paper's 34,000 conversations take well under a gigabyte, so that a table travels through Ray's object
store to workers on any node, which read it in place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from magnet_ray.training.tokens import Tokens

TOKEN_SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("ids", pa.large_list(pa.int32())),
        ("mask", pa.large_list(pa.uint8())),
        ("shared", pa.int32()),
        ("chosen", pa.int32()),
        ("rejected", pa.int32()),
    ]
)


def token_table(rows: Sequence[Tokens]) -> pa.Table:
    """The records as a table of `TOKEN_SCHEMA`."""
    # Arrow stores booleans as bits, which numpy cannot read in place.
    columns = [
        [row.id for row in rows],
        _lists([row.ids for row in rows], pa.int32()),
        _lists([row.mask.view(np.uint8) for row in rows], pa.uint8()),
        [row.shared for row in rows],
        [row.chosen for row in rows],
        [row.rejected for row in rows],
    ]
    return pa.table(columns, schema=TOKEN_SCHEMA)


def _lists(arrays: Sequence[npt.NDArray[Any]], kind: pa.DataType) -> pa.LargeListArray:
    offsets = np.cumsum([0, *(len(array) for array in arrays)], dtype=np.int64)
    values = np.concatenate(arrays) if arrays else np.empty(0, kind.to_pandas_dtype())
    return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(values, kind))


class TokenRows:
    """A table read as records, in place."""

    def __init__(self, table: pa.Table) -> None:
        table = table.combine_chunks()
        self.ids: list[str] = table.column("id").to_pylist()
        self._tokens, self._offsets = _in_place(table.column("ids"))
        self._mask, _ = _in_place(table.column("mask"))
        self._parts = np.stack([table.column(name).to_numpy() for name in ("shared", "chosen", "rejected")], axis=1)

    @property
    def sizes(self) -> list[int]:
        """Tokens of each record."""
        sizes: list[int] = np.diff(self._offsets).tolist()
        return sizes

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, position: int) -> Tokens:
        """The record at a position."""
        start, stop = self._offsets[position], self._offsets[position + 1]
        shared, chosen, rejected = self._parts[position].tolist()
        return Tokens(
            id=self.ids[position],
            ids=self._tokens[start:stop],
            mask=self._mask[start:stop].view(np.bool_),
            shared=shared,
            chosen=chosen,
            rejected=rejected,
        )


def _in_place(column: pa.ChunkedArray) -> tuple[npt.NDArray[Any], npt.NDArray[np.int64]]:
    """Values and offsets of a column of lists; an empty table has no chunk."""
    if not column.num_chunks:
        return np.empty(0, np.int32), np.zeros(1, np.int64)
    lists = column.chunk(0)
    return lists.values.to_numpy(zero_copy_only=True), lists.offsets.to_numpy(zero_copy_only=True)
