"""What a played task is worth, as AgentBoard defines it (Ma et al., 2024, section 3).

Subgoals are the outputs of the reference calls and, last, the right answer. Progress is the share of them that was reached, each output
counting once; since outputs are only ever added, the progress at the end is the best on the way. Success: the task was finished with
progress 1. Grounding is the share of steps that were calls that could be carried out.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final

from evals.toolquery.playing import Ending, Played
from evals.toolquery.tools import FINISH, Task
from magnet_ray.rollouts.replays import calls_in
from magnet_ray.types import JsonValue, canonical

_NUMBER: Final = re.compile(r"\D*?(-?\d[\d,]*(?:\.\d+)?)\D*")
"""A text that holds one number, perhaps with a unit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScore:
    """What one task is worth."""

    task: str
    """Id of the task."""
    domain: str
    """Its domain."""
    hard: bool
    """Whether it is a hard one."""
    progress: float
    """Share of subgoals that were reached, 0 to 1."""
    answered: bool
    """Whether the right answer was given, however it was found."""
    grounding: float
    """Share of steps that were calls that could be carried out."""
    steps: int
    """Steps that it took."""
    ending: Ending
    """How it ended."""

    @property
    def success(self) -> bool:
        """Whether it was finished with every subgoal reached."""
        return self.ending is Ending.FINISHED and self.progress == 1.0

    @property
    def reason(self) -> str:
        """Why it was no success; empty where it was."""
        if self.success:
            return ""
        if self.ending is not Ending.FINISHED:
            return self.ending.value
        return "subgoals_missed" if self.answered else "wrong_answer"


def score_task(task: Task, played: Played) -> TaskScore:
    """What a played task is worth."""
    made = [(name, arguments, json.loads(output)) for name, arguments, output in calls_in(played.messages)]
    accepted = [(name, output) for name, _, output in made if not (isinstance(output, dict) and "error" in output)]
    reached = Counter(canonical(output) for name, output in accepted if name != FINISH) & Counter(task.subgoals)
    answers = [output for name, output in accepted if name == FINISH]
    answered = bool(answers) and same_answer(answers[-1], task.answer, task.tolerance)
    return TaskScore(
        task=task.id,
        domain=task.domain,
        hard=task.is_hard,
        progress=(reached.total() + answered) / (len(task.subgoals) + 1),
        answered=answered,
        grounding=len(accepted) / played.steps if played.steps else 0.0,
        steps=played.steps,
        ending=played.ending,
    )


def same_answer(given: JsonValue, right: JsonValue, tolerance: float) -> bool:
    """Whether an answer is right: lists in any order, texts whatever their case and closing stop, numbers within a tolerance.

    A number may come as a text with its unit; a list of one stands for the thing itself, and the other way round.
    """
    if isinstance(right, list):
        if not isinstance(given, list):
            return len(right) == 1 and same_answer(given, right[0], tolerance)
        return sorted(map(_plain, given)) == sorted(map(_plain, right))
    if isinstance(given, list):
        return len(given) == 1 and same_answer(given[0], right, tolerance)
    if isinstance(right, int | float):
        value = _value(given)
        return value is not None and abs(value - right) <= tolerance
    return _plain(given) == _plain(right)


def _value(given: JsonValue) -> float | None:
    if isinstance(given, bool):
        return None
    if isinstance(given, int | float):
        return float(given)
    match = _NUMBER.fullmatch(given) if isinstance(given, str) else None
    return float(match[1].replace(",", "")) if match else None


def _plain(value: Any) -> str:
    return " ".join(str(value).split()).rstrip(".").casefold()
