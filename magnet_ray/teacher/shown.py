"""What a reader saw of a list: which of its items a message named, in what order, and what it said of each.

A person points at `the second one` only on a list that was read out, and calls one `the cheapest` only where every item's price
was said.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from magnet_ray.types import JsonValue
from magnet_ray.wording import places_of

Item = Any
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}|\d{1,2}:\d{2}")


@dataclass(frozen=True, slots=True)
class Shown:
    """A closing message, as a reader remembers it."""

    text: str = ""
    """What was said."""
    today: str = ""
    """Date of the scenario (ISO 8601), for relative dates."""

    def says(self, value: JsonValue) -> bool:
        """Whether a value was said, in any of its forms."""
        return bool(_places(self.text, value, self.today)) if isinstance(value, str | int | float) else False

    def named(self, items: Sequence[Item]) -> frozenset[int]:
        """Indices of the items that were named."""
        return frozenset(index for index in range(len(items)) if self._at(items, index))

    def order(self, items: Sequence[Item]) -> tuple[int, ...]:
        """Indices of the named items in the order in which they were read out; empty where that is unclear.

        It is unclear where some item was also named apart, before the list or after it, or under a name that it shares.
        """
        at = {index: places for index in range(len(items)) if (places := self._at(items, index))}
        others = (value for index, item in enumerate(items) if index not in at for value in _names(item))
        if any(self.says(value) for value in others):
            return ()
        first = sorted(at, key=lambda index: at[index][0])
        last = sorted(at, key=lambda index: at[index][-1])
        return tuple(first) if first == last and len({at[index][0] for index in first}) == len(first) else ()

    def compared(self, items: Sequence[Item], key: str) -> bool:
        """Whether every item was named with its value of a field, so that a reader can rank them."""
        return len(self.named(items)) == len(items) and all(self.says(item[key]) for item in items)

    def _at(self, items: Sequence[Item], index: int) -> tuple[int, ...]:
        """Where an item was named: by its first field, else by what else is its own."""
        for value in _names(items[index]):
            if _alone(items, value) and (places := _places(self.text, value, self.today)):
                return places
        return ()


NOTHING_SHOWN: Final = Shown()


def _names(item: Item) -> Iterator[JsonValue]:
    """What may name an item: itself, or of a record the first text, and others that are no number, date or time."""
    if isinstance(item, str | int | float):
        yield item
    if not isinstance(item, dict):
        return
    for place, value in enumerate(item.values()):
        if isinstance(value, str) and not _MOMENT.match(value) and (not place or (len(value) > 2 and re.search(r"[^\W\d_]", value))):
            yield value


def _alone(items: Sequence[Item], value: JsonValue) -> bool:
    return sum(1 for item in items if (value in item.values() if isinstance(item, dict) else item == value)) == 1


@lru_cache(maxsize=32_768, typed=True)
def _places(text: str, value: JsonValue, today: str) -> tuple[int, ...]:
    return places_of(text, value, today=today) if isinstance(value, str | int | float) else ()


def list_kind(items: Sequence[Any], place: str) -> str:
    """What the items of a list are known by: the name of their first field, or of the list of plain values."""
    first = items[0] if items else None
    key = str(next(iter(first), "")) if isinstance(first, dict) else place.rsplit(".", 1)[-1]
    return re.sub(r"_?(title|name|code|id)$", "", key) or key


def list_kinds(output: JsonValue) -> frozenset[str]:
    """The kinds of the lists in an output that have several items."""
    values = output.items() if isinstance(output, dict) else [("$", output)]
    return frozenset(list_kind(value, key) for key, value in values if isinstance(value, list) and len(value) > 1)
