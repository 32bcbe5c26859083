"""Whether a model was right, turn by turn: by the state that its calls leave and by the outputs that it saw, not by its words.

Where calls are due, a turn is right when the environment is in the reference's state, every output of the reference was seen, and
nothing else was written. Where none is due (irrelevance, a missing function or value), it is right when nothing is called and the
message asks or declines. A closing message that says what no output holds is counted beside that, never instead.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from magnet_ray.rollouts.acceptance import TurnVerdict, asks_or_declines, turn_verdicts
from magnet_ray.rollouts.rollout import Rollout, World
from magnet_ray.types import Category, FailureReason, Trajectory, parsed

WORDS: Final = frozenset({FailureReason.WRONG_SUMMARY, FailureReason.HINT_LEAK})
"""Reasons for which a rollout is no training example, though its calls are right."""
NOT_REACHED: Final = "not_reached"
"""Reason of a turn that was never played, because one before it did not end."""
NEITHER: Final = "neither_asks_nor_declines"
"""Reason of a turn that calls nothing, as is due, and says nothing to the point."""


class Due(StrEnum):
    """What the user's message calls for."""

    CALLS = "calls"
    """Calls that the reference makes."""
    COMPLETED = "calls after a miss"
    """The same, now that what was missing has come."""
    MISS_FUNC = "miss_func"
    """To say that no function is offered that does it."""
    MISS_PARAMS = "miss_params"
    """To ask for a value."""
    IRRELEVANCE = "irrelevance"
    """To say that nothing offered serves."""


CALLING: Final = frozenset({Due.CALLS, Due.COMPLETED})
_MISSES: Final = {Category.MISS_FUNC: Due.MISS_FUNC, Category.MISS_PARAMS: Due.MISS_PARAMS}


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult:
    """One turn of a conversation."""

    due: Due
    """What was due."""
    right: bool
    """Whether the model did it."""
    reason: str = ""
    """Why not: a `FailureReason`, `not_reached` or `neither_asks_nor_declines`."""
    detail: str = ""
    """One line for a reader."""
    faithful: bool | None = None
    """Whether the closing message of a right turn with calls says what the outputs say, as far as rules tell; None elsewhere."""


def turn_results(row: Trajectory, rollout: Rollout, world: World) -> tuple[TurnResult, ...]:
    """How every turn of a row went, those that were never reached among them.

    Raises:
        Rejected: ENVIRONMENT_FAULT, or REPLAY_DIFFERS when the row's own calls no longer do what they did.
    """
    due = dues(row)
    verdicts = turn_verdicts(row, rollout, world)
    played = [_result(due[verdict.turn], verdict, rollout) for verdict in verdicts]
    return (*played, *(TurnResult(due=each, right=False, reason=NOT_REACHED) for each in due[len(played) :]))


def dues(row: Trajectory) -> tuple[Due, ...]:
    """What each turn of a row calls for."""
    found: list[Due] = []
    for calls in parsed(row.reference_calls):
        if not calls:
            found.append(_MISSES.get(row.category, Due.IRRELEVANCE))
        else:
            found.append(Due.COMPLETED if found and found[-1] in _MISSES.values() else Due.CALLS)
    return tuple(found)


def _result(due: Due, verdict: TurnVerdict, rollout: Rollout) -> TurnResult:
    reason = verdict.reason
    if due in CALLING:
        if reason is None or reason in WORDS:
            return TurnResult(due=due, right=True, detail=verdict.detail, faithful=reason is not FailureReason.WRONG_SUMMARY)
        return TurnResult(due=due, right=False, reason=reason.value, detail=verdict.detail)
    if reason is None or reason in WORDS:
        reply = rollout.turns[verdict.turn].reply
        if asks_or_declines(reply):
            return TurnResult(due=due, right=True, detail=verdict.detail)
        return TurnResult(due=due, right=False, reason=NEITHER, detail=reply[:300])
    return TurnResult(due=due, right=False, reason=reason.value, detail=verdict.detail)


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversationResult:
    """One conversation, as its transcript keeps it."""

    category: str
    """Kind of conversation."""
    ops: tuple[str, ...]
    """Node operations of its path."""
    domains: tuple[str, ...]
    """Domains of its functions."""
    turns: tuple[TurnResult, ...]
    """Its turns."""
    messages: Sequence[Mapping[str, Any]]
    """The conversation in OpenAI's chat format, arguments as emitted."""
    cut: str = ""
    """What the model emitted last, where it closed the last turn with no message."""

    @property
    def right(self) -> bool:
        """Whether every turn is."""
        return all(turn.right for turn in self.turns)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ConversationResult:
        """The result that `as_json` gave."""
        turns = tuple(TurnResult(**{**turn, "due": Due(turn["due"])}) for turn in values["turns"])
        return cls(**{**values, "ops": tuple(values["ops"]), "domains": tuple(values["domains"]), "turns": turns})


def conversation_result(row: Trajectory, rollout: Rollout, world: World) -> ConversationResult:
    """What a rollout of a row is worth.

    Raises:
        Rejected: see `turn_results`.
    """
    last = rollout.turns[-1]
    return ConversationResult(
        category=row.category.value,
        ops=row.ops,
        domains=row.domains,
        turns=turn_results(row, rollout, world),
        messages=parsed(rollout.messages),
        cut="" if last.ended else last.raw[-1],
    )
