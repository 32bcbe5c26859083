"""What the workers of one run share: the budget that is left, and how far each has come. One small Ray actor.

Workers put totals on it, never differences, so that a report that comes twice or late does no harm.
"""

from __future__ import annotations

from dataclasses import dataclass

import ray

from magnet_ray.config import BudgetConfig
from magnet_ray.errors import BudgetSpent
from magnet_ray.llm.budget import Amount, BudgetCounter
from magnet_ray.llm.usage import UsageBook
from magnet_ray.types import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How far one worker has come since it started."""

    done: int = 0
    """Conversations that are finished, kept or not."""
    failed: int = 0
    """Those of them that gave no row."""
    usage: JsonValue = None
    """`UsageBook.as_json()`."""


class Scoreboard:
    """The state of the actor."""

    def __init__(self, budget: BudgetConfig, spent: Amount) -> None:
        """`spent`: by earlier processes of the run."""
        self._counter = BudgetCounter(budget, spent)
        self._scores: dict[str, Score] = {}

    def exchange(self, spent: Amount, returned: Amount, more: bool) -> Amount | str:
        """`BudgetCounter.exchange`; the refusal as text, since Ray would wrap an error in one of its own."""
        try:
            return self._counter.exchange(spent, returned, more)
        except BudgetSpent as refusal:
            return str(refusal)

    def report(self, worker: str, score: Score) -> None:
        """Put up a worker's totals."""
        self._scores[worker] = score

    def total(self) -> Score:
        """The totals of all workers."""
        book = UsageBook()
        for score in self._scores.values():
            book.add(UsageBook.from_json(score.usage or {}))
        scores = self._scores.values()
        return Score(done=sum(score.done for score in scores), failed=sum(score.failed for score in scores), usage=book.as_json())


ScoreboardActor = ray.remote(num_cpus=0)(Scoreboard)
