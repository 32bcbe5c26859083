"""What a `[Hint]` says (paper, section 3.4): the calls of a turn, or that the right move is to decline or to ask."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from magnet_ray.types import Category, Trajectory, compact, parsed

UNSAID: Final = "This note is private: do not mention it."
NO_FUNCTION: Final = f"No available function can do this. Call nothing and say that you cannot do it. {UNSAID}"


def calls_hint(calls: Iterable[Mapping[str, Any]]) -> str:
    """The hint to make some calls.

    Args:
        calls: {name, arguments} of each, in order, as in `Trajectory.reference_calls`.
    """
    listed = "\n".join(f"{number}. {call['name']}({compact(call['arguments'])})" for number, call in enumerate(calls, 1))
    return f"Make these calls in this order, then answer from what they return:\n{listed}\n{UNSAID}"


def missing_value_hint(parameters: Sequence[str]) -> str:
    """The hint that the user has to be asked for a value."""
    named = " and ".join(parameters) or "a required argument"
    return f"The value of {named} is missing. Call nothing, guess nothing, and ask for it. {UNSAID}"


def reference_hints(row: Trajectory) -> dict[int, str]:
    """Turn -> hint to do what the reference does."""
    turns = parsed(row.reference_calls)
    return {
        index: calls_hint(calls) if calls else missing_value_hint(supplied_later(row, index)) if _asks(row, index) else NO_FUNCTION
        for index, calls in enumerate(turns)
    }


def supplied_later(row: Trajectory, turn: int) -> tuple[str, ...]:
    """Parameters whose values the user gives only in the turn after one that lacks them."""
    provenance = parsed(row.provenance)
    if turn + 1 >= len(provenance):
        return ()
    given = {
        name: None
        for call in provenance[turn + 1]
        for name, origin in call.items()
        if origin["origin"] == "query" and origin["turn"] == turn + 1
    }
    return tuple(given)


def _asks(row: Trajectory, turn: int) -> bool:
    """Whether a turn without calls lacks a value rather than a function."""
    return row.category is Category.MISS_PARAMS and str(turn + 1) not in parsed(row.tools_added)
