"""Which of a function's sentences answers a request: the one that states what was asked for and names what it is about.

A request asks for a field of the output when it uses the field's own words, or words that people use for it (`how expensive`
for a fee). Where a step was made over several things, a sentence about each has to say which thing it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Final

from magnet_ray.json_paths import field_values
from magnet_ray.phrases import Tell
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.teacher.verbs import split_identifier
from magnet_ray.types import JsonValue
from magnet_ray.wording import clock, money, number, spoken_date

STATED: Final = 3
"""Values of a list that a sentence has to state: long lists are cut."""
_MONEY = "price cost fee fare nightly copay supplement salary amount compensation refund total deposit balance"
_WHEN = "date day due until expires closing starts first session"
_TIMES = "time starts opens closes departs"
SPOKEN_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(("price", "cost", "expensive", "fee", "fare", "charge", "pay", "postage"), _MONEY),
    **dict.fromkeys(("rating", "rated", "star", "score", "scored"), "rating stars score"),
    **dict.fromkeys(("when", "soon"), f"{_WHEN} {_TIMES}"),
    "where": "branch venue room village neighbourhood museum restaurant lodging section",
    **dict.fromkeys(("date", "day"), _WHEN),
    **dict.fromkeys(("time", "hour"), _TIMES),
    **dict.fromkeys(("long", "length", "duration"), "duration minutes weeks pages"),
    **dict.fromkeys(("far", "distance", "nearby"), "distance"),
    "late": "closes delay",
    **dict.fromkeys(("who", "whom", "whose"), "tutor trainer guide curator holder author physician interviewer candidate"),
}
"""Word of a request -> words of the fields that it asks for, beside those of its own name."""
_LITTLE_WORDS: Final = frozenset({"on", "by", "in", "at", "to", "of", "from", "is", "for", "per", "left"})


@lru_cache(maxsize=8_192)
def _stem(word: str) -> str:
    """A word without a plural's, a participle's or a past's ending: `starting` and `starts` are one."""
    return re.sub(r"(?<=[a-z]{3})(ing|ed|e?s|e)$", "", word)


_STEMMED: Final = {_stem(word): tuple(_stem(field) for field in fields.split()) for word, fields in SPOKEN_OF.items()}


def best_tell(call: PlannedCall, tells: Sequence[Tell], order: Sequence[int], query: str, beside: Sequence[PlannedCall]) -> tuple[int, str]:
    """The sentence that says most of what was asked for, with its index; of equals, the first in `order`.

    Args:
        call: the call that is told of.
        tells: its function's sentences.
        order: indices of the sentences, the preferred first.
        query: what the user said.
        beside: the other calls of its step.
    """
    wanted = [[values] for values in [_distinguishing(call, beside)] if values] + asked_values(call.output, query)
    best, score = (order[0], ""), -1.0
    for index in order:
        text = tells[index](call.arguments, call.output).strip()
        said = sum(stated_share(text, fields) for fields in wanted)
        if said > score:
            best, score = (index, text), said
        if score >= len(wanted):
            break
    return best


def asked_values(output: JsonValue, query: str) -> list[list[list[JsonValue]]]:
    """For each word of a request that asks for a part of an output: the first values of each field that could be meant."""
    found: dict[str, list[JsonValue]] = {}
    for field, value in field_values(output):
        if value is not None and not isinstance(value, bool) and len(found.setdefault(field, [])) < STATED:
            found[field].append(value)
    return [[found[field] for field in asked] for asked in _asked_fields(query, tuple(found))]


def stated_share(text: str, fields: Sequence[Sequence[JsonValue]]) -> float:
    """How many of the values of a field a sentence states, 0 to 1; of several fields, the one that it states most of."""
    return max(sum(any(form in text for form in _forms(value)) for value in values) / len(values) for values in fields if values)


def _distinguishing(call: PlannedCall, beside: Sequence[PlannedCall]) -> list[JsonValue]:
    """The arguments in which a call differs from the others of its step."""
    return [value for name, value in call.arguments.items() if any(other.arguments.get(name) != value for other in beside)]


def _asked_fields(query: str, fields: tuple[str, ...]) -> list[tuple[str, ...]]:
    """The fields that each word of a request could mean, for the words that mean any."""
    meanings = _meanings(fields)
    return list(dict.fromkeys(meanings[word] for word in _words(query) if word in meanings))


@lru_cache(maxsize=1_024)
def _words(query: str) -> tuple[str, ...]:
    """The words of a request, by their stems, in one order."""
    return tuple(sorted({_stem(word) for word in re.findall(r"[a-z]+", query.lower())} - _LITTLE_WORDS))


@lru_cache(maxsize=4_096)
def _meanings(fields: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Word -> the fields that it asks for: those of its own name, and those that people use it for."""
    words = {*_STEMMED, *(word for field in fields for word in _field_words(field))}
    meant = {word: tuple(field for field in fields if _field_words(field) & {word, *_STEMMED.get(word, ())}) for word in words}
    return {word: found for word, found in meant.items() if found}


@lru_cache(maxsize=4_096)
def _field_words(field: str) -> frozenset[str]:
    return frozenset(_stem(word) for word in split_identifier(field)) - _LITTLE_WORDS


@lru_cache(maxsize=8_192, typed=True)
def _forms(value: JsonValue) -> tuple[str, ...]:
    """How replies state a value."""
    if isinstance(value, int | float):
        return number(value), money(value)
    if isinstance(value, str) and re.fullmatch(r"\d{4}-\d\d-\d\d.*", value):
        return (spoken_date(value[:10], value[:10])[0],)
    return str(value), clock(str(value))
