"""How values are said, and how a said value is found again.

`spoken(value, …)` gives every surface form that the value may take in a sentence, the plainest first; the
teacher draws one, and the verification accepts exactly these. Dates are said relative to the scenario's today.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from typing import Any

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")
_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_DATETIME = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2})?Z?")


def plural(count: float, noun: str, plural_noun: str = "") -> str:
    """`3 tables`, `1 table`: a count with its noun, the plural formed by the usual rules unless given."""
    return f"{number(count)} {noun if count == 1 else plural_noun or pluralise(noun)}"


def pluralise(noun: str) -> str:
    """The usual English plural of a noun's last word."""
    if re.search(r"[^aeiou]y$", noun):
        return noun[:-1] + "ies"
    return noun + ("es" if re.search(r"(s|x|z|ch|sh)$", noun) else "s")


def article(phrase: str) -> str:
    """`phrase` after `a` or `an`, by its first sound."""
    first = phrase.lstrip("\"'").lower()
    vowel = first[:1] in "aeiou" and not re.match(r"(uni|use|eu|one\b|ur[aeiou]|ut[ei])", first)
    vowel = vowel or bool(re.match(r"(hour|honest|8|11\b|18\b)", first))
    return f"{'an' if vowel else 'a'} {phrase}"


def number(value: float) -> str:
    """A number as people write it: `1,250`, `3.5`, `4`."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    if float(value).is_integer() and abs(value) < 1e15:
        return f"{int(value):,}" if abs(value) >= 10_000 else str(int(value))
    return f"{value:,.2f}".rstrip("0").rstrip(".") if abs(value) >= 0.01 else repr(value)


def money(value: float, sign: str = "$") -> str:
    """An amount of money: `$45`, `$1,250.50`."""
    minus, amount = ("-", -value) if value < 0 else ("", value)
    return f"{minus}{sign}{amount:,.0f}" if float(amount).is_integer() else f"{minus}{sign}{amount:,.2f}"


def day(iso: str) -> str:
    """A date for a reply: `Saturday, March 14` from `2026-03-14`; other texts come back unchanged."""
    try:
        value = date.fromisoformat(iso[:10])
    except ValueError:
        return iso
    return f"{value:%A}, {value:%B} {value.day}"


def clock(text: str) -> str:
    """A time of day: `6:30 pm` from `18:30`; other texts come back unchanged."""
    if not _TIME.fullmatch(text):
        return text
    hour, minute = (int(part) for part in text.split(":")[:2])
    half = "am" if hour < 12 else "pm"
    return f"{hour % 12 or 12}{f':{minute:02d}' if minute else ''} {half}"


def moment(iso: str) -> str:
    """A date with a time: `Saturday, March 14 at 6:30 pm` from `2026-03-14T18:30`."""
    return f"{day(iso)} at {clock(iso[11:16])}" if _DATETIME.fullmatch(iso) else day(iso)


def listing(items: Sequence[str], *, limit: int = 6, conjunction: str = "and") -> str:
    """`a, b and c`; beyond `limit` items `a, b, c and 2 more`."""
    shown = list(items[:limit])
    if len(items) > limit:
        shown = [*items[: limit - 1], f"{len(items) - limit + 1} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {conjunction} {shown[-1]}" if shown else "none"


def spoken_date(iso: str, today: str) -> list[str]:
    """Forms of a date, the plainest first; relative ones only where `today` makes them unambiguous."""
    value = date.fromisoformat(iso)
    month, weekday = f"{value:%B}", f"{value:%A}"
    forms = [f"{month} {value.day}", f"{value.day} {month}", f"{weekday}, {month} {value.day}", f"{value:%b} {value.day}"]
    ahead = (value - date.fromisoformat(today)).days if today else None
    if ahead is None or not -180 <= ahead <= 180:
        forms = [f"{month} {value.day}, {value.year}", f"{value.day} {month} {value.year}", f"{value:%b} {value.day}, {value.year}"]
    if ahead is not None:
        forms += {0: ["today"], 1: ["tomorrow"], -1: ["yesterday"]}.get(ahead, [])
        if 2 <= ahead <= 6:
            forms += [f"this {weekday}"]
        if -6 <= ahead <= -2:
            forms += [f"last {weekday}"]
    return forms


def spoken_time(text: str) -> list[str]:
    """Forms of a time of day, 24-hour input."""
    hour, minute = (int(part) for part in text.split(":")[:2])
    forms = [clock(text), f"{hour:02d}:{minute:02d}"]
    if minute == 0:
        forms += {0: ["midnight"], 12: ["noon"]}.get(hour, [])
    elif minute == 30 and hour % 12 > 0:
        forms += [f"half past {NUMBERS[hour % 12]} in the {'morning' if hour < 12 else 'afternoon' if hour < 18 else 'evening'}"]
    return forms


def spoken(value: Any, *, today: str = "", kind: str = "", word: str = "{}") -> list[str]:
    """Every surface form of a value, the plainest first.

    Args:
        value: a JSON value; lists are joined, objects are spelled out as `key value` pairs.
        today: date of the scenario (ISO 8601), for relative dates.
        kind: as `Argument.kind`.
        word: as `Argument.word`.
    """
    return [_fit(word, form, value) for form in _bare_forms(value, today, kind)]


def _fit(word: str, form: str, value: Any) -> str:
    if "{}" not in word:
        return form
    if "${}" in word and (form in NUMBERS or form.isdigit()):
        form = number(value)
    singular = value in (1, 1.0) if isinstance(value, int | float) else False
    before, _, after = word.replace("(s)", "" if singular else "s").partition("{}")
    if isinstance(value, str):
        before, after = _unsaid(before, after, form)
    return f"{before}{form}{after}"


def _unsaid(before: str, after: str, form: str) -> tuple[str, str]:
    """The constant words around a text, without a noun that the text ends with: `the` + `regional section`, not `… section section`."""
    if after.strip() and form.lower().endswith(f" {after.strip().lower()}"):
        return before, ""
    noun = before.removeprefix("the ").strip()
    if noun and form.lower().endswith(f" {noun.lower()}"):
        return before[: len(before) - len(before.removeprefix("the "))], after
    return before, after


def _bare_forms(value: Any, today: str, kind: str) -> list[str]:
    match value:
        case bool():
            return ["yes" if value else "no"]
        case int() | float():
            return [str(value)] if kind == "code" else _number_forms(value)
        case str():
            return _text_forms(value, today, kind)
        case list():
            return _list_forms(value, today)
        case dict():
            parts = [f"{key.replace('_', ' ')} {_bare_forms(item, today, '')[0]}" for key, item in value.items()]
            return [listing(parts, limit=99)]
    return ["nothing"]


def _number_forms(value: float) -> list[str]:
    forms = [number(value)]
    if float(value).is_integer():
        if 0 <= value <= 12:
            forms.append(NUMBERS[int(value)])
        if str(int(value)) not in forms:
            forms.append(str(int(value)))
    exact = repr(value)
    if float(value) != float(forms[0].replace(",", "")):
        return [exact]
    return forms if exact in forms or float(value).is_integer() else [*forms, exact]


def _text_forms(value: str, today: str, kind: str) -> list[str]:
    if kind == "text":
        return [f'"{value}"', f"'{value}'"]
    if kind == "code":
        return [value]
    if _DATETIME.fullmatch(value) and _is_date(value[:10]):
        times = spoken_time(value[11:16])
        return [f"{a} at {b}" for a in spoken_date(value[:10], today) for b in times]
    if _DATE.fullmatch(value) and _is_date(value):
        return spoken_date(value, today)
    if _TIME.fullmatch(value) and kind in ("", "time"):
        return spoken_time(value)
    plain = value.replace("_", " ").strip()
    if plain != value and re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)+", value):
        return [plain, plain.replace(" ", "-")]
    return [value]


def _list_forms(value: list[Any], today: str) -> list[str]:
    if not value:
        return ["none"]
    if all(isinstance(item, int | float) and not isinstance(item, bool) for item in value):
        return [
            listing([number(item) if float(number(item).replace(",", "")) == float(item) else repr(item) for item in value], limit=10_000)
        ]
    parts = [_bare_forms(item, today, "")[0] for item in value]
    return [listing(parts, limit=10_000)]


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True


def says(text: str, value: Any, *, today: str = "", kind: str = "", word: str = "{}") -> bool:
    """Whether `text` holds one of the value's surface forms as whole words."""
    return any(contains_words(text, form) for form in _bare_forms(value, today, kind))


def contains_words(text: str, form: str) -> bool:
    """Whether `form` occurs in `text`, not inside a longer word, number or time of day (letter case ignored)."""
    return next(_occurrences(text.lower(), form.lower()), None) is not None


def places_of(text: str, value: Any, *, today: str = "") -> tuple[int, ...]:
    """Where a text says a value in any of its forms, in ascending order."""
    forms = _bare_forms(value, today, "")
    if isinstance(value, float):
        forms = [*forms, f"{value:,.2f}"]
    lowered = text.lower()
    return tuple(sorted({start for form in forms for start in _occurrences(lowered, form.lower())}))


def _occurrences(text: str, form: str) -> Iterator[int]:
    """Where a form stands as whole words in a text, both in lower case."""
    start = text.find(form)
    while start >= 0:
        end = start + len(form)
        if not (form[:1].isalnum() and _goes_on(text[max(0, start - 2) : start][::-1])) and not (
            form[-1:].isalnum() and _goes_on(text[end : end + 2])
        ):
            yield start
        start = text.find(form, start + 1)


def _joins(character: str) -> bool:
    return character.isalnum() or character == "_"


def _goes_on(beyond: str) -> bool:
    """Whether the next two characters beyond an end belong to the same word, number (`.5` of `1.5`) or time (`:3` of `6:30`)."""
    return bool(beyond) and (_joins(beyond[0]) or (beyond[0] in ".,:" and beyond[1:].isdigit()))
