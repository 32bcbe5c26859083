"""Makes the rows of `magnet distill`: one row of a finished run, its preference pairs or one failure."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Self

from magnet_ray.config import TeacherConfig
from magnet_ray.finished_runs import read_trajectories
from magnet_ray.llm.base import ChatModel
from magnet_ray.negatives.negatives import Cast, NegativeSettings, negative_pairs
from magnet_ray.places import Place
from magnet_ray.rollouts.rollout import World
from magnet_ray.shards import Made, Unit
from magnet_ray.synthesis import summary_judge
from magnet_ray.types import Failure, FailureReason, PreferencePair


@dataclass(frozen=True, slots=True, kw_only=True)
class PairMaker:
    """See `Maker`."""

    record_type: ClassVar[type] = PreferencePair
    run: Place
    """Finished run whose rows are distilled."""
    world: World
    """Functions and environments."""
    settings: NegativeSettings
    """How negative trajectories are made."""
    has_student: bool = False
    """Whether a student makes the mistakes."""
    teacher: TeacherConfig = field(default_factory=TeacherConfig)
    """The teacher's models."""
    has_teacher: bool = False
    """Whether a teacher plays them out again."""
    cast: Cast = field(default_factory=Cast)
    """Who plays: nobody until there are models."""

    def units(self, indices: range) -> Sequence[Unit]:
        """The rows of a shard."""
        rows = read_trajectories(self.run, start=indices.start, stop=indices.stop)
        return [Unit(index=index, id=row.id, row=row) for index, row in zip(indices, rows, strict=True)]

    async def make(self, unit: Unit) -> Made:
        """The row's pairs; a row without any is a failure with the reason of the last attempt."""
        assert unit.row is not None
        pairs, failures = await negative_pairs(unit.row, self.cast, self.world, self.settings)
        if pairs:
            return Made(rows=[replace(pair, index=unit.index) for pair in pairs])
        if failures:
            return Made(failures=[replace(failures[-1], id=unit.id, index=unit.index)])
        nothing = Failure(
            id=unit.id,
            index=unit.index,
            stage="negatives",
            reason=FailureReason.NOT_WRONG,
            detail="the student made no mistake",
            category=unit.row.category.value,
        )
        return Made(failures=[nothing])

    def sketch(self, rows: Sequence[PreferencePair]) -> dict[str, Any]:
        """`pairs`: JSON text, [id, category, error type, source, path id, index] of each pair."""
        sketched = [[pair.id, pair.category.value, pair.error_type.value, pair.source, pair.path_id, pair.index] for pair in rows]
        return {"pairs": json.dumps(sketched)}

    def with_models(self, models: ChatModel) -> Self:
        """The same with a student, and with a teacher where there is one."""
        cast = Cast(
            student=models if self.has_student else None,
            teacher=models if self.has_teacher else None,
            judge=summary_judge(models, self.teacher) if self.has_teacher else None,
        )
        return replace(self, cast=cast)
