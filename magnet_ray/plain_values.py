"""Which values a conversation makes so plain that whoever leaves one out is understood all the same.

A value is plain when it is the only one of its kind that was just said or just shown, or that was ever told about the
same thing: after `What is free at Silver Juniper on Friday?`, `Book me a table there at 7` means Friday. Dates and times
are of one kind whatever they are called; other values are when their parameter or field has the same name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from magnet_ray.json_paths import field_values
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.types import JsonValue

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}(?=$|[T ])")
_CLOCK = re.compile(r"(?:^|[T ])(\d{1,2}:\d{2})(?=$|:)")


def is_plain(call: PlannedCall, parameter: str, earlier: Sequence[Sequence[PlannedCall]], beside: Sequence[PlannedCall]) -> bool:
    """Whether the value of an argument could be left out and still be understood, rightly or wrongly.

    Args:
        call: the call that needs it.
        parameter: the argument.
        earlier: the calls of each earlier turn, in order.
        beside: other calls that the same query asks for.
    """
    just = [other for told in [told for told in earlier if told][-1:] for other in told if not other.nested]
    about = _last_about(call, parameter, [other for told in earlier for other in told])
    return _one_told(call, parameter, just) or _one_told(call, parameter, about) or len(set(_said(call, parameter, beside))) == 1


def _last_about(call: PlannedCall, parameter: str, earlier: Sequence[PlannedCall]) -> list[PlannedCall]:
    """The last call about the same thing that told a value of the argument's kind."""
    things = {
        value for name, value in call.arguments.items() if name != parameter and isinstance(value, str) and call.spec.names_thing(name)
    }
    for other in reversed(earlier):
        told = (leaf for part in (dict(other.arguments), other.output) for _, leaf in field_values(part))
        if things and any(leaf in things for leaf in told) and any((*_said(call, parameter, [other]), *_shown(call, parameter, [other]))):
            return [other]
    return []


def _one_told(call: PlannedCall, parameter: str, calls: Sequence[PlannedCall]) -> bool:
    """Whether one value of the argument's kind was said, or none said and one shown."""
    said, shown = set(_said(call, parameter, calls)), set(_shown(call, parameter, calls))
    return len(said or shown) == 1


def _said(call: PlannedCall, parameter: str, calls: Iterable[PlannedCall]) -> Iterator[str]:
    for other in calls:
        yield from _of_kind(call, parameter, other.arguments.items())


def _shown(call: PlannedCall, parameter: str, calls: Iterable[PlannedCall]) -> Iterator[str]:
    for other in calls:
        yield from _of_kind(call, parameter, field_values(other.output))


def _of_kind(call: PlannedCall, parameter: str, told: Iterable[tuple[str, JsonValue]]) -> Iterator[str]:
    """The values, or the parts of them, that could stand for the argument's."""
    wanted = call.arguments[parameter]
    pattern = next((kind for kind in (_DAY, _CLOCK) if isinstance(wanted, str) and kind.fullmatch(wanted)), None)
    for name, value in told:
        if pattern is None:
            if name == parameter and isinstance(value, str | int | float):
                yield str(value)
        elif isinstance(value, str) and (found := pattern.search(value)):
            yield found.group(found.re.groups)
