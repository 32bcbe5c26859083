"""Whether a closing message leaves out what was asked for: a reading that it says nothing about (paper, section 3.4: a wrong summary).

A cheap check without a model, lenient where a person would be: one value of the output, one longer word of a name in it, or
the length of a list is enough. What only repeats the arguments tells nothing; nor do truth values, which have no words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

from magnet_ray.json_paths import leaves
from magnet_ray.types import JsonValue, canonical, parsed
from magnet_ray.wording import clock, contains_words, day, says

_WORD = re.compile(r"[^\W\d_]{4,}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"\d{2}:\d{2}")


def unmentioned(calls: Iterable[tuple[str, str]], reply: str) -> Iterator[int]:
    """Positions of the readings that a closing message says nothing about.

    Args:
        calls: (arguments, output) of each reading that was asked for, as JSON text.
        reply: the closing message.
    """
    for position, (arguments, output) in enumerate(calls):
        given = {canonical(value) for value in parsed(arguments).values()}
        found = parsed(output)
        values = [value for _, value in leaves(found) if _tells(value) and canonical(value) not in given]
        if values and not any(_told(value, reply) for value in values) and not any(says(reply, size) for size in _sizes(found)):
            yield position


def _tells(value: JsonValue) -> bool:
    return value is not None and value != "" and not isinstance(value, bool)


def _told(value: JsonValue, reply: str) -> bool:
    """Whether a message says a number, whole or rounded, or a text, or a longer word of it."""
    if isinstance(value, int | float):
        return says(reply, value) or any(
            contains_words(reply, form) for form in (f"{value:,.2f}", f"{value:.1f}", f"{value:,.0f}", str(round(value)))
        )
    text = str(value)
    if says(reply, text):
        return True
    if _DAY.match(text):
        # `Saturday, March 14`: the weekday need not be said.
        month, _, number = day(text).rpartition(", ")[2].partition(" ")
        return contains_words(reply, f"{month} {number}") or contains_words(reply, f"{number} {month}")
    if _TIME.fullmatch(text):
        return contains_words(reply, clock(text))
    return any(word.lower() in reply.lower() for word in _WORD.findall(text))


def _sizes(value: Any) -> Iterator[int]:
    """Lengths of the lists inside a value."""
    if isinstance(value, list):
        yield len(value)
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _sizes(item)
