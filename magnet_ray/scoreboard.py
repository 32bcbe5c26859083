"""What the workers of one run share: the budget that is left, and how far each has come. One small Ray actor.

Workers put totals on it, never differences, so that a report that comes twice or late does no harm. It is near the driver,
who notes the totals in the run, so that one whose process was killed goes on from there.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import ray

from magnet_ray.config import BudgetConfig
from magnet_ray.errors import BudgetSpent
from magnet_ray.llm.budget import Amount, BudgetCounter
from magnet_ray.llm.usage import UsageBook
from magnet_ray.types import JsonValue

LOOKS = 10
"""Looks at the scoreboard over which it is judged how busy the workers are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """How far one worker has come since it started."""

    done: int = 0
    """Conversations that are finished, kept or not."""
    failed: int = 0
    """Those of them that gave no row."""
    usage: JsonValue = None
    """`UsageBook.as_json()`."""
    seconds: float = 0.0
    """Wall time since it started."""
    busy: float = 0.0
    """Of that, the time in which it had something to do; else it waited for models."""


class Scoreboard:
    """The state of the actor."""

    def __init__(self, budget: BudgetConfig, spent: Callable[[], Amount]) -> None:
        """`spent`: what the run has spent so far."""
        self._counter = BudgetCounter(budget, spent())
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
        return Score(
            done=sum(score.done for score in scores),
            failed=sum(score.failed for score in scores),
            usage=book.as_json(),
            seconds=sum(score.seconds for score in scores),
            busy=sum(score.busy for score in scores),
        )


class Busyness:
    """How busy the workers of a run are, from looks at their totals; noted in one thread and asked in another."""

    def __init__(self) -> None:
        self._looks: deque[Score] = deque(maxlen=LOOKS)
        self._workers = 0

    def note(self, total: Score) -> None:
        """Remember a look at the totals."""
        self._looks.append(total)

    def of(self, workers: int) -> float:
        """Share of their time in which so many workers had something to do lately; 0 until there were that many for long enough."""
        if workers != self._workers:
            self._workers = workers
            self._looks.clear()
        if len(self._looks) < LOOKS:
            return 0.0
        first, last = self._looks[0], self._looks[-1]
        return (last.busy - first.busy) / max(last.seconds - first.seconds, 1e-9)


ScoreboardActor = ray.remote(num_cpus=0, max_restarts=-1, max_task_retries=-1)(Scoreboard)
