"""Forth-translation as a check: whether a reader of the query arrives at the calls that were planned.

Compared as a bag: the calls of a turn in any order, defaults filled in, 2 equal to 2.0, letter case and spaces of texts ignored.
A nested call that takes nothing from the query may be left out. A withheld value is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from magnet_ray.errors import Rejected
from magnet_ray.teacher.base import PlannedCall, TurnRequest
from magnet_ray.teacher.turn_texts import is_withheld
from magnet_ray.types import FailureReason, FunctionSpec, JsonValue, Origin, canonical, compact

FORTH_SCHEMA: Final = compact(
    {
        "type": "object",
        "properties": {
            "calls": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"name": {"type": "string"}, "arguments": {"type": "object"}},
                    "required": ["name", "arguments"],
                    "additionalProperties": False,
                },
            }
        },
        "required": ["calls"],
        "additionalProperties": False,
    }
)
"""The calls that a reader makes of a query."""

ReadCall = tuple[str, Mapping[str, JsonValue]]
"""(function, arguments) as the reader filled them in."""


def calls_answer(calls: Sequence[PlannedCall], *, without: tuple[int, str] | None = None) -> JsonValue:
    """The answer of a reader who understands a turn as planned; `without` is the (call, parameter) that nobody gave."""
    return {
        "calls": [
            {
                "name": call.spec.name,
                "arguments": {name: value for name, value in call.arguments.items() if without is None or (index, name) != without},
            }
            for index, call in enumerate(calls)
        ]
    }


def read_calls(answer: JsonValue, request: TurnRequest) -> list[ReadCall]:
    """The calls of an answer that follows `FORTH_SCHEMA`.

    Raises:
        Rejected: UNPARSED, for a function or a parameter that there is not.
    """
    specs = {call.spec.name: call.spec for call in request.calls}
    for call in answer["calls"]:
        if call["name"] not in specs:
            raise Rejected(FailureReason.UNPARSED, f"there is no function {call['name']!r}; there are {', '.join(specs)}")
        unknown = sorted(call["arguments"].keys() - specs[call["name"]].properties.keys())
        if unknown:
            raise Rejected(FailureReason.UNPARSED, f"{call['name']} has no parameter {', '.join(unknown)}")
    return [(call["name"], call["arguments"]) for call in answer["calls"]]


def difference(read: Sequence[ReadCall], request: TurnRequest) -> str:
    """In which calls a reader differs from the plan, a line each; empty when in none."""
    dropped = {(call.spec.name, name) for call in request.calls for name in call.arguments if is_withheld(call, name, request)}
    specs = {call.spec.name: call.spec for call in request.calls}
    left = [(name, _comparable(specs[name], arguments, dropped)) for name, arguments in read]
    missing: list[tuple[int, PlannedCall, dict[str, str]]] = []
    for index, call in enumerate(request.calls):
        wanted = _comparable(call.spec, call.arguments, dropped)
        if (call.spec.name, wanted) in left:
            left.remove((call.spec.name, wanted))
        elif not _optional(call, request):
            missing.append((index, call, wanted))
    lines = [_missing_line(index, call, wanted, left) for index, call, wanted in missing]
    return "\n".join([*lines, *(f"not planned: {name} with {_shown(arguments)}" for name, arguments in left)])


def _optional(call: PlannedCall, request: TurnRequest) -> bool:
    """Whether the query need not give a call: it is nested, and nothing of it is for the query to say."""
    return call.nested and not any(origin.origin is Origin.QUERY for origin in call.origins.values())


def _missing_line(index: int, call: PlannedCall, wanted: Mapping[str, str], left: list[tuple[str, dict[str, str]]]) -> str:
    """One planned call that was not read, with the closest call that was; that one is taken out of `left`."""
    rivals = [other for other in left if other[0] == call.spec.name]
    if not rivals:
        return f"call {index + 1} ({call.spec.name} with {_shown(wanted)}) was not understood to be asked for"
    closest = max(rivals, key=lambda other: sum(wanted.get(name) == value for name, value in other[1].items()))
    left.remove(closest)
    read = closest[1]
    parts = [
        f"{name}: planned {wanted.get(name, 'nothing')}, understood {read.get(name, 'nothing')}"
        for name in dict.fromkeys([*wanted, *read])
        if wanted.get(name) != read.get(name)
    ]
    return f"call {index + 1}: {'; '.join(parts)}"


def _shown(arguments: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {value}" for name, value in arguments.items()) or "nothing"


def _comparable(spec: FunctionSpec, arguments: Mapping[str, JsonValue], dropped: set[tuple[str, str]]) -> dict[str, str]:
    """Parameter -> value as comparable text, in declared order; defaults filled in, absent and null alike."""
    values = {}
    for name, schema in spec.properties.items():
        value = arguments.get(name, schema.get("default") if isinstance(schema, dict) else None)
        if value is not None and (spec.name, name) not in dropped:
            values[name] = canonical(_plain(value))
    return values


def _plain(value: JsonValue) -> JsonValue:
    match value:
        case float() if value.is_integer():
            return int(value)
        case str():
            return " ".join(value.casefold().split())
        case list():
            return [_plain(item) for item in value]
        case dict():
            return {key: _plain(item) for key, item in value.items()}
    return value
