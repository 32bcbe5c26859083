"""Whether a planned call speaks of one thing only: what it takes from an earlier list belongs to what else it is about.

A seat off the list of one train is not reserved on the ticket of another. Which train a ticket is for is observed: the call's own
output says so, or an output of before that told of the ticket.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from magnet_ray.arguments import Chosen
from magnet_ray.json_paths import value_at
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.teacher.references import list_place
from magnet_ray.types import JsonValue, Origin

Done = Mapping[int, tuple[PlannedCall, ...]]
"""Turn -> the calls made so far."""


def mixes_things(chosen: Chosen, output: JsonValue, done: Done) -> bool:
    """Whether a value comes from the list of one thing while the call turned out to be about another."""
    of = list(_lists_were_of(chosen, done))
    known = _known(chosen, output, done) if of else {}
    return any(known.get(name, value) != value for name, value in of)


def _known(chosen: Chosen, output: JsonValue, done: Done) -> Mapping[str, str]:
    """What is known about the things that a call is about: field -> text, its own output first."""
    known: dict[str, str] = {}
    values = {value for value in chosen.values.values() if isinstance(value, str)}
    for turn in sorted(done):
        for call in done[turn]:
            for record in records_of(call.output):
                named = next(iter(record.values()), None)
                if isinstance(named, str) and named in values:
                    known |= _texts(record)
    return known | (_texts(output) if isinstance(output, dict) else {}) | _texts(chosen.values)


def _lists_were_of(chosen: Chosen, done: Done) -> Iterator[tuple[str, str]]:
    """What the lists that values come from were asked for, and what their items are known by."""
    for parameter, origin in chosen.origins.items():
        place = list_place(origin.path) if origin.origin is Origin.OUTPUT else None
        if place is None:
            continue
        source = done[origin.turn][origin.call]
        asked = _texts({name: value for name, value in source.arguments.items() if source.spec.names_thing(name)})
        # What the call is given itself need not be what the list was of: a booking of one day is moved to another.
        yield from ((name, value) for name, value in asked.items() if name not in chosen.values)
        item = value_at(source.output, f"{place[0]}[{place[1]}]")
        if isinstance(item, dict) and item:
            name, value = next(iter(item.items()))
            if isinstance(value, str) and value != chosen.values[parameter]:
                yield name, value


def records_of(output: JsonValue) -> Iterator[Mapping[str, Any]]:
    """The record that an output is, and those in its lists."""
    if isinstance(output, dict):
        yield output
        for value in output.values():
            if isinstance(value, list):
                yield from (item for item in value if isinstance(item, dict))


def _texts(record: Mapping[str, JsonValue]) -> dict[str, str]:
    return {name: value for name, value in record.items() if isinstance(value, str)}
