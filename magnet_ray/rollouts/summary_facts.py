"""Whether a closing message says only what the conversation holds: its numbers, dates, times, ids and quoted names.

A cheap check without a model. It is lenient where a person would be: values may be rounded, written another way, counted,
added up or averaged over a list. What it reports stands nowhere in the queries, arguments and outputs so far.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from functools import lru_cache
from typing import Any, Final

from magnet_ray.types import JsonValue
from magnet_ray.wording import NUMBERS

_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_MONTH: Final = (
    r"(Jan(?:uary)?|Feb(?:ruary)?|Mar(?:ch)?|Apr(?:il)?|May|June?|July?|Aug(?:ust)?"
    r"|Sept?(?:ember)?|Oct(?:ober)?|Nov(?:ember)?|Dec(?:ember)?)"
)
_WEEKDAY: Final = r"(?:\b(Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,?\s+(?:the\s+)?)?"
_ORDINAL: Final = r"(?:st|nd|rd|th)?"

LONGEST: Final = 20_000
"""Characters of a message that are looked at."""
_ADDRESS: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"')\]]+|(?<![\w.+-])[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63})+")
_ISO_DAY: Final = re.compile(r"(?<!\d)(\d{4})-(\d{2})-(\d{2})(?!\d)T?")
_MONTH_FIRST: Final = re.compile(rf"{_WEEKDAY}\b{_MONTH}\.?\s+(\d{{1,2}}){_ORDINAL}(?![\d:]|\.\d)(?:,?\s+(\d{{4}})(?!\d))?")
_DAY_FIRST: Final = re.compile(rf"{_WEEKDAY}(?<!\d)(\d{{1,2}}){_ORDINAL}\s+(?:of\s+)?{_MONTH}\b\.?(?:,?\s+(\d{{4}})(?!\d))?")
_SLASHED: Final = re.compile(r"(?<![\d/])(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d{2}))?(?![\d/])")
_HALF_TIME: Final = re.compile(r"(?<![\d:.])(1[0-2]|0?[1-9])(?:[:.]([0-5]\d))?\s?([ap])\.?m\b\.?", re.IGNORECASE)
_TIME: Final = re.compile(r"(?<![\d:])([01]?\d|2[0-3]):([0-5]\d)(?::[0-5]\d)?(?!\d)")
_TO: Final = re.compile(r"\s?(?:to|and|until|till|-|\u2013)\s?")
_ID: Final = re.compile(r"[A-Za-z0-9]+(?:[-_/#.:][A-Za-z0-9]+)*")
_MEASURE: Final = re.compile(r"\d[\d.,]*[A-Za-z]{0,5}(?:[-/.][A-Za-z]+)*|\d+(?:[-/.:]\d+)*")
"""Digits with a unit or a word behind them (`30-minute`, `4k`, `2nd`): a number rather than an id."""
_NUMBER: Final = re.compile(r"\d+(?:,\d{3})+(?:\.\d+)?(?!\d)|\d+(?:\.\d+)?")
_ITEM: Final = re.compile(r"(?m)^[ \t*#>-]*\d{1,2}[.)]\s")
_QUOTED: Final = re.compile(r"[\"“]([^\"“”\n]+)[\"”]|(?:(?<=\s)|^)['\u2018]([^'\u2018\u2019\n]+)['\u2019](?=[\s.,;:!?)]|$)")
_LONGEST_NAME: Final = 80
_LENGTH: Final = re.compile(r"(\d+)\s?h(?:ours?|rs?)?\s?(?:and\s)?(\d+)\s?m(?:in(?:ute)?s?)?\b")
_SCALE: Final = re.compile(r"(?<=\bout of )(?:5|10|100)\b")
_ROUGHLY: Final = re.compile(r"(?:about|around|roughly|nearly|almost|over|approximately|approx\.|some|~|≈)\s*[$€£¥]?$", re.IGNORECASE)
_SCALES: Final = (1.0, 0.01, 1e-3, 1e-6, 1e-9, 1 / 60)
"""Whole units of hundredths, thousandths and so on (cents, grams, views in millions), and hours of minutes."""


class Facts:
    """What was said and shown in a conversation so far."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._joined = ""
        self._numbers: set[float] = set()
        self._sorted: list[float] = []
        self._days: set[date] = set()
        self._times: set[int] = set()
        self._longest = 0
        self._columns: defaultdict[str, list[float]] = defaultdict(list)

    def add_text(self, text: str) -> None:
        """Something that was said, or a text inside an output."""
        days, times, numbers = _figures_in(text)
        self._texts.append(squeezed(text))
        self._days |= days
        self._times |= times
        self._numbers |= numbers

    def add_names(self, text: str) -> None:
        """A text whose names may be repeated but whose figures say nothing, such as the description of a function."""
        self._texts.append(squeezed(text))

    def add_value(self, value: JsonValue) -> None:
        """An output, or the arguments of a call."""
        before = {name: len(values) for name, values in self._columns.items()}
        self._walk(value, "")
        for name, values in self._columns.items():
            self._add_column(values[before.get(name, 0) :])

    def end_turn(self) -> None:
        """Take in the totals and averages over what this turn showed, and start the next turn."""
        for values in self._columns.values():
            self._add_column(values)
        self._columns.clear()

    def _walk(self, value: JsonValue, name: str) -> None:
        if isinstance(value, str):
            self.add_text(value)
        elif isinstance(value, bool) or value is None:
            return
        elif isinstance(value, int | float):
            self._numbers.add(abs(float(value)))
            self._columns[name].append(float(value))
        else:
            self._longest = max(self._longest, len(value))
            self._numbers.add(float(len(value)))
            fields = value.items() if isinstance(value, dict) else ((name, entry) for entry in value)
            if isinstance(value, list):
                self._add_fields(value)
            for key, entry in fields:
                if isinstance(value, dict):
                    self._texts.append(squeezed(key))
                self._walk(entry, key)

    def _add_fields(self, entries: list[Any]) -> None:
        """Totals and averages over one list."""
        columns: defaultdict[str, list[float]] = defaultdict(list)
        for entry in entries:
            for key, value in entry.items() if isinstance(entry, dict) else (("", entry),):
                if isinstance(value, int | float) and not isinstance(value, bool):
                    columns[key].append(float(value))
        for values in columns.values():
            self._add_column(values)

    def _add_column(self, values: list[float]) -> None:
        if len(values) > 1:
            self._numbers |= {abs(sum(values)), abs(sum(values) / len(values)), float(len(values))}

    # Questions

    def unknown(self, text: str) -> Iterator[str]:
        """What a message says that stands nowhere: the words themselves, in no particular order; of a very long one, its beginning."""
        self.end_turn()
        self._joined = "\n".join(self._texts)
        numbers = {*self._numbers, *(float(part) for day in self._days for part in (day.day, day.month, day.year))}
        self._sorted = sorted(numbers)
        rest = _ITEM.sub(" ", text[:LONGEST])
        for pattern, problem in ((_ADDRESS, self._missing), (_QUOTED, self._missing_name)):
            yield from (match.group() for match in pattern.finditer(rest) if problem(match))
            rest = _ADDRESS.sub(" ", rest)
        for found in _days_in(rest):
            if not self._days & found.candidates():
                yield found.text
        rest = _blanked(rest, [found.span for found in _days_in(rest)])
        times = list(_times_in(rest))
        for number, (start, end, choices) in enumerate(times):
            opens = times[number - 1] if number and _TO.fullmatch(rest[times[number - 1][1] : start]) else None
            if not self._knows_time(choices) and not (opens and self._knows_time(opens[2]) and _shortly_after(opens[2], choices)):
                yield rest[start:end]
        rest = _blanked(rest, [(start, end) for start, end, _ in times])
        lengths = [match for match in _LENGTH.finditer(rest) if self._near(float(int(match[1]) * 60 + int(match[2])), 0.0)]
        rest = _blanked(rest, [match.span() for match in (*lengths, *_SCALE.finditer(rest))])
        ids = [match for match in _ID.finditer(rest) if _is_id(match.group())]
        yield from (match.group() for match in ids if self._missing(match))
        rest = _blanked(rest, [match.span() for match in ids])
        yield from (match.group() for match in _NUMBER.finditer(rest) if not self._knows_number(match, rest))

    def _missing(self, match: re.Match[str]) -> bool:
        return squeezed(match.group()) not in self._joined

    def _missing_name(self, match: re.Match[str]) -> bool:
        name = match.group(1) or match.group(2)
        # Words in small letters are quoted for emphasis, or are a choice that the user is asked about.
        if len(name) > _LONGEST_NAME or not re.search(r"[A-Z0-9]", name) or squeezed(name) in self._joined:
            return False
        return any(squeezed(part) not in self._joined for part in re.split(r", | and | or ", name))

    def _knows_time(self, choices: frozenset[int]) -> bool:
        # `1:30` may be a length as well.
        return bool(choices & self._times) or any(self._near(float(minutes), 0.0) for minutes in choices)

    def _knows_number(self, match: re.Match[str], text: str) -> bool:
        written = match.group().replace(",", "")
        value = float(written)
        if value.is_integer() and value <= self._longest:
            return True
        slack = 0.5 * 10.0 ** -len(written.partition(".")[2]) * (1 + 1e-9) + 1e-9
        if _ROUGHLY.search(text[max(match.start() - 24, 0) : match.start()]):
            slack = max(slack, 0.06 * value)
        suffix = text[match.end() : match.end() + 9].lstrip().lower()
        value, slack = (scale * (1e3 if suffix[:1] == "k" and not suffix[1:2].isalpha() else 1) for scale in (value, slack))
        if suffix.startswith(("%", "percent", "per cent")) and self._near(value / 100, slack / 100):
            return True
        return any(self._near(value / scale, slack / scale) for scale in _SCALES if scale == 1 or value > 0)

    def _near(self, value: float, slack: float) -> bool:
        at = bisect_left(self._sorted, value - slack)
        return at < len(self._sorted) and self._sorted[at] <= value + slack


class _Day:
    """A date in a text: the parts that it states."""

    __slots__ = ("day", "month", "span", "swapped", "text", "weekday", "year")

    def __init__(self, text: str, span: tuple[int, int], parts: tuple[int, int, int], *, weekday: int = -1, swapped: bool = False) -> None:
        self.text, self.span, self.weekday, self.swapped = text, span, weekday, swapped
        self.year, self.month, self.day = parts

    def candidates(self) -> set[date]:
        """The days that it may be: in every plausible year when it states none."""
        years = [self.year] if self.year else range(2015, 2041)
        orders = [(self.month, self.day), (self.day, self.month)] if self.swapped else [(self.month, self.day)]
        days = (_date(year, month, day) for year in years for month, day in orders)
        return {day for day in days if day and (self.weekday < 0 or day.weekday() == self.weekday)}


@lru_cache(maxsize=65_536)
def _date(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _days_in(text: str) -> list[_Day]:
    """The dates of a text."""
    found: list[_Day] = []
    for match in _ISO_DAY.finditer(text):
        found.append(_Day(match.group(), match.span(), (int(match[1]), int(match[2]), int(match[3]))))
    for match in _MONTH_FIRST.finditer(text):
        parts = (int(match[4] or 0), _index(match[2], _MONTHS) + 1, int(match[3]))
        found.append(_Day(match.group(), match.span(), parts, weekday=_index(match[1], _WEEKDAYS)))
    taken = [day.span for day in found]
    for match in _DAY_FIRST.finditer(text):
        if not any(start < match.end() and match.start() < end for start, end in taken):
            parts = (int(match[4] or 0), _index(match[3], _MONTHS) + 1, int(match[2]))
            found.append(_Day(match.group(), match.span(), parts, weekday=_index(match[1], _WEEKDAYS)))
    for match in _SLASHED.finditer(text):
        year = int(match[3] or 0)
        if year and int(match[1]) and int(match[2]):
            parts = (year + 2000 if year < 100 else year, int(match[1]), int(match[2]))
            found.append(_Day(match.group(), match.span(), parts, swapped=True))
    return found


def _index(name: str | None, names: tuple[str, ...]) -> int:
    return names.index(name[:3].lower()) if name else -1


def _times_in(text: str) -> list[tuple[int, int, frozenset[int]]]:
    """(start, end, minutes of the day that it may mean) of each time of day in a text."""
    found = []
    for match in _HALF_TIME.finditer(text):
        hour = int(match[1]) % 12 + (12 if match[3].lower() == "p" else 0)
        found.append((*match.span(), frozenset({hour * 60 + int(match[2] or 0)})))
    taken = [(start, end) for start, end, _ in found]
    for match in _TIME.finditer(text):
        if not any(start < match.end() and match.start() < end for start, end in taken):
            minutes = int(match[1]) * 60 + int(match[2])
            found.append((*match.span(), frozenset({minutes, (minutes + 720) % 1440} if int(match[1]) < 13 else {minutes})))
    return sorted(found, key=lambda time: time[0])


def _shortly_after(first: frozenset[int], second: frozenset[int]) -> bool:
    """Whether a time may end what began at another: within three hours."""
    return any(0 < (late - early) % 1440 <= 180 for early in first for late in second)


def _words_as_numbers(text: str) -> set[float]:
    """Numbers that are written out, up to twelve."""
    words = set(re.findall(r"[a-z]+", text.lower()))
    return {float(value) for value, word in enumerate(NUMBERS) if word in words}


def _is_id(token: str) -> bool:
    """Whether a token is an id or a code: letters and digits that are not a number with its unit."""
    return bool(re.search(r"\d", token) and re.search(r"[A-Za-z]", token)) and not _MEASURE.fullmatch(token)


def _blanked(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


@lru_cache(maxsize=16_384)
def _figures_in(text: str) -> tuple[frozenset[date], frozenset[int], frozenset[float]]:
    """Days, minutes of the day and numbers of a text; the same names and sentences come again and again."""
    numbers = _words_as_numbers(text)
    if not any(map(str.isdigit, text)):
        return frozenset(), frozenset(), frozenset(numbers)
    days = frozenset(day for found in _days_in(text) for day in found.candidates())
    times = frozenset(minutes for _, _, choices in _times_in(text) for minutes in choices)
    return days, times, frozenset({*numbers, *(float(match.group().replace(",", "")) for match in _NUMBER.finditer(text))})


@lru_cache(maxsize=16_384)
def squeezed(text: str) -> str:
    """A text as it is compared: small letters and digits alone."""
    return "".join(filter(str.isalnum, text.lower()))
