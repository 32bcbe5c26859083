"""What models might say to the benchmark's entries, made by rules from the ground truth: right, wrong in many ways, malformed, nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from evals.bfcl.entries import Entry
from evals.bfcl.isolated import Mode
from evals.bfcl.reference import CLOSING, Call, as_reply, reference_calls

Calls = tuple[Call, ...]
Change = Callable[[Calls], Calls]


def _same(calls: Calls) -> Calls:
    return calls


def _wrong_function(calls: Calls) -> Calls:
    return (("no_such_function", calls[0][1]), *calls[1:])


def _changed(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + " and more"
    if isinstance(value, list):
        return [*value, "more"]
    return {**value, "more": 1} if isinstance(value, dict) else "other"


def _argument(change: Callable[[Any], Any]) -> Change:
    """Change the first argument of the last call that has one."""

    def changed(calls: Calls) -> Calls:
        place = max((index for index, (_, arguments) in enumerate(calls) if arguments), default=0)
        name, arguments = calls[place]
        first = next(iter(arguments), None)
        new = {key: change(value) if key == first else value for key, value in arguments.items()}
        return (*calls[:place], (name, new), *calls[place + 1 :])

    return changed


def _without_argument(calls: Calls) -> Calls:
    name, arguments = calls[0]
    return ((name, dict(list(arguments.items())[1:])), *calls[1:])


def _with_argument(calls: Calls) -> Calls:
    name, arguments = calls[0]
    return ((name, {**arguments, "unexpected": 1}), *calls[1:])


CHANGES: Final[Mapping[str, Change]] = {
    "right": _same,
    "wrong function": _wrong_function,
    "wrong value": _argument(_changed),
    "wrong type": _argument(lambda value: [value]),
    "null": _argument(lambda value: None),
    "missing argument": _without_argument,
    "unexpected argument": _with_argument,
    "call twice": lambda calls: (*calls, calls[-1]),
    "call dropped": lambda calls: calls[:-1],
    "reversed": lambda calls: calls[::-1],
}
"""Kinds of outputs that are made by changing the calls."""
RAW: Final = ("malformed", "no object", "silent", "empty", "nothing")
"""Kinds of outputs that replace what is emitted."""
KINDS: Final = (*CHANGES, *RAW)
WHOLE: Final = ("force-terminated", "error")
"""Kinds that concern a whole conversation."""


def output(entry: Entry, kind: str, mode: Mode) -> Any:
    """The `result` of a row of `bfcl generate` to an entry."""
    turns = reference_calls(entry)
    if kind == "error":
        return "Error during inference: the request was refused"
    if not entry.category.startswith("multi_turn"):
        return _emitted(turns[0] or (("some_function", {"value": 1}),), kind, mode) if turns[0] or kind != "right" else CLOSING
    due = [index for index, calls in enumerate(turns) if calls]
    # Now in the first turn, now in the last one.
    spoiled = due[-1] if len(entry.id) % 2 else due[0]
    steps = [_turn(calls, kind if index == spoiled else "right", mode) for index, calls in enumerate(turns)]
    return steps[:-1] if kind == "force-terminated" else steps


def _turn(calls: Calls, kind: str, mode: Mode) -> list[Any]:
    if not calls or kind == "silent":
        return [CLOSING]
    return [_emitted(calls, kind, mode), CLOSING]


def _emitted(calls: Calls, kind: str, mode: Mode) -> Any:
    """What stands in a row for one answer."""
    if kind in ("silent", "empty"):
        return CLOSING if kind == "silent" else ""
    if kind == "nothing":
        return [] if mode == "fc" else "[]"
    calls = CHANGES[kind](calls) if kind in CHANGES else calls
    return _as_text(calls, kind) if mode == "prompt" else _as_calls(calls, kind)


def _as_text(calls: Sequence[Call], kind: str) -> str:
    text = as_reply(calls, "prompt").content
    return text[: len(text) * 2 // 3] if kind == "malformed" else '["no", "call"]' if kind == "no object" else text


def _as_calls(calls: Sequence[Call], kind: str) -> list[dict[str, str]]:
    made = [{call.name: call.arguments} for call in as_reply(calls, "fc").calls]
    if kind in ("malformed", "no object"):
        [(name, text)] = made[0].items()
        made[0] = {name: text[:-1] if kind == "malformed" else "[1, 2]"}
    return made
