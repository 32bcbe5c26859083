"""Examples and pairs laid end to end in one row, with what is scored in it.

Nothing is padded. Positions start again with each item; a pair's rejected side goes on from the shared part, as its chosen side
does. A term is the log-probability of one trained token, predicted at the position that its own side has before it: the first
rejected token by the last shared one. A term of the shared part is computed once and counts on both sides. An item's first token
is never trained, for nothing predicts it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

import numpy as np
import numpy.typing as npt
import torch

from magnet_ray.training.tokens import Tokens

Segments = tuple[tuple[int, int, int], ...]
"""Tokens of each item of a row: shared, only chosen, only rejected."""
_FILLER = Tokens(id="", ids=np.zeros(1, np.int32), mask=np.zeros(1, np.bool_), shared=1)


class Pack(TypedDict):
    """A row. A plain dictionary, so that loaders can move its tensors to a device."""

    input_ids: torch.Tensor
    """Token ids, int64 [1, T]."""
    position_ids: torch.Tensor
    """Position of each token in its own side, int64 [1, T]."""
    segments: Segments
    """Tokens of each item: shared, only chosen, only rejected."""
    sources: torch.Tensor
    """Positions in the row at which terms are predicted, int64 [N]."""
    targets: torch.Tensor
    """Ids that are predicted there, int64 [N]."""
    owners: torch.Tensor
    """Which of `ids` each term belongs to, int64 [N]."""
    sides: torch.Tensor
    """Whether each term counts on the right and on the wrong side, bool [N, 2]. An example has a right side only."""
    counts: torch.Tensor
    """Terms on either side, int64 [P, 2]."""
    ids: tuple[str, ...]
    """Ids of the P items with a trained token, in the row's order."""


def pack(items: Sequence[Tokens]) -> Pack:
    """Examples only, or pairs only, in one row; none gives a row that trains nothing, with which a worker can keep step.

    Raises:
        ValueError: an example is trained beside pairs, or an item's parts are not as long as its tokens.
    """
    items = items or (_FILLER,)
    terms = [_terms(item) for item in items]
    scored = [number for number, (sources, _, _) in enumerate(terms) if len(sources)]
    if len({items[number].is_pair for number in scored}) > 1:
        raise ValueError("examples and pairs in one pack: their losses are means over different things")
    starts = np.cumsum([0, *(len(item.ids) for item in items)])
    owners = [np.full(len(terms[number][0]), owner) for owner, number in enumerate(scored)]
    sides = [terms[number][2] for number in scored]
    return Pack(
        input_ids=_row([item.ids for item in items]),
        position_ids=_row([_positions(item) for item in items]),
        segments=tuple((item.shared, item.chosen, item.rejected) for item in items),
        sources=_joined([terms[number][0] + starts[number] for number in scored]),
        targets=_joined([terms[number][1] for number in scored]),
        owners=_joined(owners),
        sides=torch.from_numpy(np.concatenate([np.zeros((0, 2), np.bool_), *sides])),
        counts=torch.from_numpy(np.array([side.sum(0) for side in sides], np.int64).reshape(-1, 2)),
        ids=tuple(items[number].id for number in scored),
    )


def scored_inputs(row: Pack) -> dict[str, Any]:
    """What a model with a scored head is called with for the log-probabilities of the terms."""
    return {name: row[name] for name in ("input_ids", "position_ids", "segments", "sources", "targets")}


def _terms(item: Tokens) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int32], npt.NDArray[np.bool_]]:
    """Sources in the item, targets and sides of its trained tokens."""
    length, middle = len(item.ids), item.shared + item.chosen
    if length != len(item.mask) or length != middle + item.rejected:
        raise ValueError(f"{item.id}: parts of {middle + item.rejected} tokens, {length} ids and {len(item.mask)} mask values")
    places = np.arange(length)
    before = places - 1
    if item.rejected:
        before[middle] = item.shared - 1
    trained = item.mask & (before >= 0)
    sides = np.stack([places < middle, item.is_pair & ((places < item.shared) | (places >= middle))], axis=1)
    return before[trained], item.ids[trained], sides[trained]


def _positions(item: Tokens) -> npt.NDArray[np.int64]:
    return np.concatenate([np.arange(item.shared + item.chosen), np.arange(item.shared, item.shared + item.rejected)])


def _row(parts: Sequence[npt.NDArray[Any]]) -> torch.Tensor:
    """Parts end to end, int64 [1, T]."""
    return _joined(parts)[None]


def _joined(parts: Sequence[npt.NDArray[Any]]) -> torch.Tensor:
    """Parts end to end, int64."""
    return torch.from_numpy(np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64))
