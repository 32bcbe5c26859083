"""What kind of mistake a wrong turn makes: the paper's five (section 3.4), found by comparing calls, not by asking a model.

The first wrong call of the reference's order is the cause and decides; later ones are taken for its consequences:

1. a turn that lacks something was carried out, or closed as if it had been -> MISS_NOT_RECOGNISED;
2. a nested call was left out -> NESTED_MISSING;
3. an argument that depends on this turn's outputs has another value -> SHORT_DEPENDENCY; on an earlier turn -> LONG_DEPENDENCY;
4. a call that was asked for was left out, or a value that the user said was misread -> MISS_NOT_RECOGNISED: the paper's
   "missed function or parameter not recognised" is read widely, so that every mistake about the request has a kind;
5. the calls are right and the closing message is not -> WRONG_SUMMARY; anything else (a call that nobody asked for, a turn
   that broke off, a hint spoken of) has no kind, and no pair is made of it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magnet_ray.rollouts.acceptance import TurnVerdict
from magnet_ray.rollouts.rollout import RolledCall, RolledTurn, Rollout
from magnet_ray.types import ErrorType, FailureReason, Origin, Trajectory, parsed

Reference = Mapping[str, Any]
"""A call of a row: name, arguments, nested."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnError:
    """A wrong turn and what is wrong with it."""

    turn: int
    """Index of the user turn."""
    error_type: ErrorType | None
    """Kind of mistake; None: none of the five."""
    detail: str
    """One line for a reader."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn's reference beside what was rolled."""

    row: Trajectory
    index: int
    rolled: RolledTurn

    @property
    def reference(self) -> Sequence[Reference]:
        calls: Sequence[Reference] = parsed(self.row.reference_calls)[self.index]
        return calls

    def origin(self, call: int, parameter: str) -> Mapping[str, Any]:
        """Where the reference took an argument from."""
        origin: Mapping[str, Any] = parsed(self.row.provenance)[self.index][call].get(parameter, {})
        return origin


def classify(row: Trajectory, rollout: Rollout, verdicts: Sequence[TurnVerdict]) -> tuple[TurnError, ...]:
    """The mistakes of a rollout, one for each wrong turn, in order.

    Args:
        row: the conversation with its reference.
        rollout: how a player carried it on.
        verdicts: what `turn_verdicts` says about it.
    """
    return tuple(_error(row, rollout, verdict) for verdict in verdicts if verdict.reason is not None)


def _error(row: Trajectory, rollout: Rollout, verdict: TurnVerdict) -> TurnError:
    if verdict.turn >= len(rollout.turns):
        return TurnError(turn=verdict.turn, error_type=None, detail="the conversation ended before this turn")
    turn = _Turn(row, verdict.turn, rollout.turns[verdict.turn])
    if verdict.reason is FailureReason.NOT_ENDED and not turn.rolled.calls:
        return TurnError(turn=verdict.turn, error_type=None, detail=verdict.detail)
    kind, detail = _unrecognised(turn, verdict) if not turn.reference else _wrong_call(turn, verdict) or _beyond_calls(verdict)
    return TurnError(turn=verdict.turn, error_type=kind, detail=detail)


def _unrecognised(turn: _Turn, verdict: TurnVerdict) -> tuple[ErrorType | None, str]:
    """The mistake in a turn that lacks a function or a value."""
    if turn.rolled.calls:
        called = ", ".join(dict.fromkeys(call.function for call in turn.rolled.calls))
        return ErrorType.MISS_NOT_RECOGNISED, f"{called} was called although something is missing"
    if verdict.reason in {FailureReason.WRONG_SUMMARY, FailureReason.CALLED_INSTEAD_OF_ASKING}:
        return ErrorType.MISS_NOT_RECOGNISED, f"closed as if nothing were missing: {verdict.detail}"
    return None, verdict.detail


def _beyond_calls(verdict: TurnVerdict) -> tuple[ErrorType | None, str]:
    """The mistake in a turn whose calls are right."""
    return (ErrorType.WRONG_SUMMARY if verdict.reason is FailureReason.WRONG_SUMMARY else None), verdict.detail


def _wrong_call(turn: _Turn, verdict: TurnVerdict) -> tuple[ErrorType, str] | None:
    """The mistake of the first wrong call, or None when every call is as it should be."""
    for missed in sorted(verdict.missed):
        return _missed(turn, missed)
    for index in sorted(verdict.unexpected):
        call = turn.rolled.calls[index]
        same = [number for number, reference in enumerate(turn.reference) if reference["name"] == call.function]
        if same:
            # A wrong call that was put right afterwards: it is held against the reference call that it comes nearest to.
            nearest = min(same, key=lambda number: len(differing(turn.reference[number]["arguments"], call)))
            return _misfilled(turn, nearest, call)
    return None


def _missed(turn: _Turn, missed: int) -> tuple[ErrorType, str]:
    """The mistake behind a reference call whose output was never seen."""
    reference = turn.reference[missed]
    rest = [
        call
        for call in turn.rolled.calls
        if call.function == reference["name"]
        and not any(other["name"] == call.function and not differing(other["arguments"], call) for other in turn.reference)
    ]
    if rest:
        return _misfilled(turn, missed, min(rest, key=lambda call: len(differing(reference["arguments"], call))))
    if reference.get("nested"):
        return ErrorType.NESTED_MISSING, f"{reference['name']} was left out"
    return ErrorType.MISS_NOT_RECOGNISED, f"{reference['name']} was asked for and not called"


def _misfilled(turn: _Turn, number: int, call: RolledCall) -> tuple[ErrorType, str]:
    """The mistake of a call with other arguments than the reference's."""
    found: dict[ErrorType, str] = {}
    for parameter in differing(turn.reference[number]["arguments"], call):
        found.setdefault(_dependency(turn, number, parameter), f"{call.function}.{parameter} in {call.arguments}")
    order = (ErrorType.NESTED_MISSING, ErrorType.SHORT_DEPENDENCY, ErrorType.LONG_DEPENDENCY, ErrorType.MISS_NOT_RECOGNISED)
    kind = next((kind for kind in order if kind in found), ErrorType.MISS_NOT_RECOGNISED)
    return kind, found.get(kind, f"{call.function}({call.arguments}) gave another output")


def _dependency(turn: _Turn, number: int, parameter: str) -> ErrorType:
    """What a wrong value of a parameter breaks, by where the reference took it from."""
    origin = turn.origin(number, parameter)
    kind, at = origin.get("origin"), origin.get("turn", turn.index)
    if kind == Origin.OUTPUT and at != turn.index:
        return ErrorType.LONG_DEPENDENCY
    if kind == Origin.OUTPUT:
        source = turn.reference[origin.get("call", 0)]
        left_out = source.get("nested") and not any(call.function == source["name"] for call in turn.rolled.calls)
        return ErrorType.NESTED_MISSING if left_out else ErrorType.SHORT_DEPENDENCY
    if kind == Origin.EARLIER_QUERY and not _completes(turn, at):
        return ErrorType.LONG_DEPENDENCY
    return ErrorType.MISS_NOT_RECOGNISED


def _completes(turn: _Turn, at: int) -> bool:
    """Whether the turn carries out the request of an earlier one that lacked something."""
    return at == turn.index - 1 and not parsed(turn.row.reference_calls)[at]


def differing(arguments: Mapping[str, Any], call: RolledCall) -> tuple[str, ...]:
    """Parameters in which a rolled call differs from reference arguments, in the reference's order; all of them when it is no object."""
    try:
        given = json.loads(call.arguments or "{}")
    except ValueError:
        given = None
    if not isinstance(given, dict):
        return tuple(arguments) or ("",)
    return tuple(
        name
        for name in dict.fromkeys((*arguments, *given))
        if name not in given or name not in arguments or _differ(arguments[name], given[name])
    )


def _differ(one: Any, other: Any) -> bool:
    # 1 and 1.0 are one number in JSON; True is none.
    return bool(one != other) or (isinstance(one, bool) != isinstance(other, bool))
