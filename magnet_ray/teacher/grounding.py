"""Whether the numbers of a text come from somewhere: a cheap check for invented facts.

A number may be rounded, scaled (per cent, thousands, hours of minutes), counted, or added up over the items of lists.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from typing import Any, Final

from magnet_ray.json_paths import leaves

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_GROUPED = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_CLOCK = re.compile(r"(?<!\d)([01]?\d|2[0-3]):[0-5]\d")
_LAST_KEY = re.compile(r"[^.\[\]]*(?=[\[\]\d]*$)")
_SCALE = re.compile(r"\s*(k|thousand|million|m|bn|billion)\b", re.IGNORECASE)
SCALES: Final = {"k": 1e3, "thousand": 1e3, "million": 1e6, "m": 1e6, "bn": 1e9, "billion": 1e9}
TOLERANCE: Final = 1e-9


def invented_numbers(text: str, sources: Iterable[Any]) -> list[str]:
    """Numbers of a text that no source gives, as written.

    Args:
        text: what was said.
        sources: JSON values and texts that the numbers may come from.
    """
    known, longest = {0.0, 1.0}, 1
    for source in sources:
        known.update(_numbers(source))
        longest = max(longest, _longest(source))
    return [written for written, value, places in _written(text) if not _given(value, places, known, longest)]


def _written(text: str) -> Iterator[tuple[str, float, int]]:
    """Each number of a text: as written, its value, its decimal places."""
    for found in _NUMBER.finditer(text):
        for written in [found.group()] if _GROUPED.fullmatch(found.group()) else found.group().split(","):
            digits = written.replace(",", "")
            # `12.03.2026` is three numbers.
            for part in [digits] if digits.count(".") < 2 else digits.split("."):
                scale = _SCALE.match(text, found.end())
                factor = SCALES[scale.group(1).lower()] if scale else 1.0
                yield part, float(part) * factor, len(part.partition(".")[2]) - round(math.log10(factor))


def _numbers(value: Any) -> Iterator[float]:
    """Every number that a JSON value holds, and for each of its fields the sum over all items."""
    totals: dict[str, float] = defaultdict(float)
    for path, leaf in leaves(value):
        if isinstance(leaf, str):
            yield from (number for _, number, _ in _written(leaf))
            yield from (float(int(hour) % 12 or 12) for hour in _CLOCK.findall(leaf))
        elif isinstance(leaf, int | float) and not isinstance(leaf, bool):
            yield from _forms(abs(float(leaf)))
            totals[_LAST_KEY.search(path).group()] += leaf  # type: ignore[union-attr]  # matches any text
        yield from (number for _, number, _ in _written(path))
    yield from (abs(total) for total in totals.values())


def _forms(number: float) -> tuple[float, ...]:
    """A number, as a percentage, from one, in whole currency units, and as hours and minutes."""
    return number, number * 100, number / 100, number // 60, number % 60


def _longest(value: Any) -> int:
    """Items of the longest list or object inside a value: what can be counted."""
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return max([len(value) if isinstance(value, dict | list) else 0, *(_longest(item) for item in inner)])


def _given(value: float, places: int, known: Iterable[float], longest: int) -> bool:
    if value <= longest and value.is_integer():
        return True
    margin = 0.5 * 10.0**-places
    return any(abs(number - value) <= margin * (1 + TOLERANCE) if places >= 0 else abs(number - value) <= margin for number in known)
