"""Makes the rows of `magnet synthesize`: one path, one row or one failure; and sketches rows for what the whole run must show."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np

from magnet_ray.config import TeacherConfig, VerificationConfig
from magnet_ray.duplicates import PERMUTATIONS, benchmark_index, conversation_text, signature, user_queries
from magnet_ray.llm.base import ChatModel
from magnet_ray.paths import path_id
from magnet_ray.shards import Made, Unit
from magnet_ray.synthesis import Recipe, make_row, with_models
from magnet_ray.types import Failure, Trajectory


@dataclass(frozen=True, slots=True, kw_only=True)
class PathMaker:
    """See `Maker`."""

    record_type: ClassVar[type] = Trajectory
    recipe: Recipe
    """What every path is made with."""
    teacher: TeacherConfig
    """Who writes the words."""
    verification: VerificationConfig
    """What counts as an overlap with a benchmark."""

    def units(self, indices: range) -> Sequence[Unit]:
        """The paths of a shard."""
        return [Unit(index=index, id=path_id(self.recipe.seed, index)) for index in indices]

    async def make(self, unit: Unit) -> Made:
        """The path's row."""
        made = await make_row(unit.index, self.recipe)
        return Made(failures=[made]) if isinstance(made, Failure) else Made(rows=[made])

    def sketch(self, rows: Sequence[Trajectory]) -> dict[str, Any]:
        """`contaminated` and `indices`: JSON text, path indices of the rows that overlap with a benchmark, and of the others;
        `signatures`: uint32 bytes, shape (indices, PERMUTATIONS)."""
        index = benchmark_index(self.verification.ngram, self.verification.contamination)
        bad = {row.index for row in rows if index and any(index.overlaps(query) for query in user_queries(row))}
        kept = [row for row in rows if row.index not in bad]
        signatures = np.stack([signature(conversation_text(row)) for row in kept]) if kept else np.zeros((0, PERMUTATIONS), dtype=np.uint32)
        return {
            "contaminated": json.dumps(sorted(bad)),
            "indices": json.dumps([row.index for row in kept]),
            "signatures": signatures.tobytes(),
        }

    def with_models(self, models: ChatModel) -> Self:
        """The same with a teacher that is a language model."""
        return replace(self, recipe=with_models(self.recipe, models, self.teacher))
