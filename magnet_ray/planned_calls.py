"""Planned calls and what is kept of them: their order, their origins once they are worded, and the rounds that they are made in."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from magnet_ray.arguments import Chosen
from magnet_ray.json_paths import field_values
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.types import ArgumentOrigin, Effect, ExecutedCall, FunctionSpec, JsonValue, Origin, compact

_DATED = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d")


def listing_order(value: JsonValue) -> tuple[int, float, str]:
    """People list numbers and dates in their order, and other things as they come."""
    if isinstance(value, int | float):
        return 0, float(value), ""
    return 1, 0.0, value if isinstance(value, str) and value[:4].isdigit() and value[4:5] == "-" else ""


def planned_call(spec: FunctionSpec, chosen: Chosen, output: object, step: int, *, nested: bool) -> PlannedCall:
    """An executed call that needs words."""
    return PlannedCall(spec=spec, arguments=chosen.values, origins=chosen.origins, output=output, step=step, nested=nested)


def foretold(chosen: Chosen, now: Sequence[PlannedCall]) -> str:
    """A value that the user would have to say before a call of the same query brings it into being, or an empty text."""
    said = [value for name, value in chosen.values.items() if isinstance(value, str) and chosen.origins[name].origin is Origin.QUERY]
    coined = [value for value in said if any(letter.isdigit() for letter in value) and not _DATED.match(value)]
    if not coined:
        return ""
    made = {
        leaf: call for call in now if call.spec.effect is not Effect.READ for _, leaf in field_values(call.output) if isinstance(leaf, str)
    }
    return next((value for value in coined if value in made and value not in made[value].arguments.values()), "")


def nested_as_worded(calls: tuple[PlannedCall, ...], nested: tuple[bool, ...]) -> tuple[PlannedCall, ...]:
    """The calls, marked nested as the query came to mention them or not."""
    return tuple(replace(call, nested=flag) for call, flag in zip(calls, nested, strict=True))


def worded_origins(
    call: PlannedCall, turn: int, span: Mapping[str, str], *, late: Mapping[str, str] | None = None
) -> dict[str, ArgumentOrigin]:
    """A call's origins completed by the words that carry each value.

    Args:
        call: the call.
        turn: the turn whose query carries the values.
        span: parameter -> words in that query.
        late: after a miss, when the call is made one turn later: parameter -> words in that later query.
    """
    origins = {}
    for name, origin in call.origins.items():
        if late and name in late:
            origin = ArgumentOrigin(origin=Origin.QUERY, turn=turn + 1, text=late[name])
        elif origin.origin is Origin.QUERY:
            kind = Origin.QUERY if late is None else Origin.EARLIER_QUERY
            origin = ArgumentOrigin(origin=kind, turn=turn, text=span.get(name, ""))
        elif origin.origin is Origin.OUTPUT:
            origin = replace(origin, text=span.get(name, ""))
        origins[name] = origin
    return origins


def executed_call(call: PlannedCall) -> ExecutedCall:
    """The record of a call."""
    return ExecutedCall(
        function=call.spec.name,
        arguments=compact(call.arguments),
        output=compact(call.output),
        origins=tuple(call.origins.items()),
        nested=call.nested,
    )


def rounds(calls: tuple[PlannedCall, ...], turn: int) -> tuple[tuple[int, ...], ...]:
    """Indices of a turn's calls by round: a call waits for those whose outputs it uses."""
    level: list[int] = []
    for call in calls:
        needed = [origin.call for origin in call.origins.values() if origin.origin is Origin.OUTPUT and origin.turn == turn]
        # Calls keep their order, so a call is never made before one that stands earlier.
        level.append(max([level[index] + 1 for index in needed if index < len(level)] + [level[-1] if level else 0]))
    return tuple(tuple(index for index, at in enumerate(level) if at == number) for number in range(max(level, default=-1) + 1))
