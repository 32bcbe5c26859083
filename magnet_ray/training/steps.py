"""What a worker is given for one optimizer step: its packs, and how much the step holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import torch

from magnet_ray.training.batches import Batches
from magnet_ray.training.packs import Pack, pack, scored_inputs
from magnet_ray.training.token_table import TokenRows


class PairTerms(TypedDict):
    """What the loss of a pack of pairs needs beside the log-probabilities of its terms."""

    owners: torch.Tensor
    """Pair of each term, int64 [N]."""
    sides: torch.Tensor
    """Sides that each term counts on, bool [N, 2]."""
    counts: torch.Tensor
    """Terms on either side of each pair, int64 [P, 2]."""
    reference: torch.Tensor
    """The reference's log-probabilities of the sides of each pair, float64 [P, 2]."""


class StepInputs(TypedDict):
    """One step of one worker. A plain dictionary, so that loaders can move its tensors to a device."""

    packs: list[dict[str, Any]]
    """For SFT what the model is called with; for mDPO that as `model`, and `pairs` (`PairTerms`)."""
    tokens: int
    """Tokens of right sides that are trained."""
    seen: int
    """Tokens that go through the model."""
    items: int
    """Examples, or pairs."""


class StepCollator:
    """Makes the packs of a worker's steps, each when its turn comes."""

    def __init__(self, rows: TokenRows, batches: Batches, *, worker: int, workers: int, budget: int) -> None:
        self.rows, self.batches = rows, batches
        self.worker, self.workers, self.budget = worker, workers, budget
        self.reference: Mapping[str, tuple[float, float]] = {}
        """Pair -> the reference's log-probabilities of its sides; to be set before pairs are trained on."""

    def __call__(self, items: Sequence[Mapping[str, int]]) -> StepInputs:
        """The packs of the one step that is asked for."""
        (item,) = items
        lane = self.batches.layout_of(item["step"], self.workers, self.budget)[self.worker]
        rows = [pack([self.rows[position] for position in positions]) for positions in lane]
        return StepInputs(
            packs=[self._pair_inputs(row) if self.reference else scored_inputs(row) for row in rows],
            tokens=sum(int(row["counts"][:, 0].sum()) for row in rows),
            seen=sum(row["input_ids"].numel() for row in rows),
            items=sum(len(row["ids"]) for row in rows),
        )

    def _pair_inputs(self, row: Pack) -> dict[str, Any]:
        reference = torch.tensor([self.reference[id] for id in row["ids"]], dtype=torch.float64).reshape(-1, 2)
        pairs = PairTerms(owners=row["owners"], sides=row["sides"], counts=row["counts"], reference=reference)
        return {"model": scored_inputs(row), "pairs": pairs}
