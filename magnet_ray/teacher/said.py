"""Whether words say what they must and nothing that they must not: values, identifiers, deeds.

The same rules by which a finished conversation is verified, here for one turn while its words can still be mended.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache

from magnet_ray.json_paths import leaves, split_path
from magnet_ray.teacher.base import PlannedCall, TurnRequest
from magnet_ray.teacher.grounding import invented_numbers
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.teacher.turn_clauses import forms_of
from magnet_ray.types import FunctionSpec, TranslatedTurn, parsed
from magnet_ray.wording import contains_words, says, spoken

_WORD = re.compile(r"[a-z]+")
_STOP = frozenset(
    re.findall(
        r"\w+",
        """the a an of for to in on at by from with and or this that these those my your its our is are be it you me i we please
        can could would will all any some one new get give show tell see let do up out about into as so what which when where who how""",
    )
)
"""Words that say nothing about which function is meant."""


def value_said(text: str, call: PlannedCall, parameter: str, today: str) -> bool:
    """Whether a text holds one of the forms of an argument's value."""
    kind = phrases_of(call.spec).argument(parameter).kind
    return says(text, call.arguments[parameter], today=today, kind=kind)


def words_of_value(text: str, call: PlannedCall, parameter: str, today: str) -> str:
    """The words of a text that say an argument's value, as they stand there; empty when it does not say it."""
    kind = phrases_of(call.spec).argument(parameter).kind
    forms = [*forms_of(call, parameter, today), *spoken(call.arguments[parameter], today=today, kind=kind)]
    return next((found for form in forms if contains_words(text, form) and (found := as_written(text, form))), "")


def as_written(text: str, words: str) -> str:
    """`words` as they stand in a text, letter case ignored; empty when they do not."""
    words = " ".join(words.split())
    found = re.search(re.escape(words), text, re.IGNORECASE) if words else None
    return found.group() if found else ""


def without(text: str, spans: Iterable[str]) -> str:
    """A text with some of its words left out."""
    for span in sorted(spans, key=lambda span: (-len(span), span)):
        text = re.sub(re.escape(span), " … ", text, flags=re.IGNORECASE) if span else text
    return text


def leaked_identifiers(text: str, request: TurnRequest) -> list[str]:
    """Identifiers of the functions in play, and keys of their outputs, that stand in a text and are no values of this turn."""
    words = {word for word in re.findall(r"\w+", text) if _is_identifier(word)}
    if not words:
        return []
    specs = [call.spec for call in request.calls]
    specs += [request.specs[call.function] for turn in request.history for call in turn.calls if call.function in request.specs]
    names = {name for spec in specs for name in identifiers(spec)}
    names |= {key for call in request.calls for path, _ in leaves(call.output) for key in split_path(path) if isinstance(key, str)}
    return sorted(name for name in words & names if not any(name in value for value in _texts(request)))


@lru_cache(maxsize=65_536)
def identifiers(spec: FunctionSpec) -> tuple[str, ...]:
    """Names of a function and its parameters that no person would say: those of several joined words."""
    names = [spec.name, spec.callable_name, *spec.properties]
    return tuple(dict.fromkeys(name for name in names if _is_identifier(name)))


def _is_identifier(name: str) -> bool:
    return "_" in name.strip("_") or re.search(r"[a-z][A-Z]", name) is not None


def _texts(request: TurnRequest) -> Iterable[str]:
    """Text values of this turn's arguments and outputs (a file may be called like a function)."""
    values = [value for call in request.calls for value in (dict(call.arguments), call.output)]
    return (leaf for value in values for _, leaf in leaves(value) if isinstance(leaf, str))


def asks_for(text: str, spec: FunctionSpec, spans: Mapping[str, str]) -> bool:
    """Whether a query speaks of what a function does, or of a value that it needs."""
    stems = {_stem(word) for word in _WORD.findall(text.lower())}
    return bool(content_stems(spec) & stems) or any(span and span.lower() in text.lower() for span in spans.values())


@lru_cache(maxsize=65_536)
def content_stems(spec: FunctionSpec) -> frozenset[str]:
    """Stems of the content words that a request for a function may use."""
    phrases = phrases_of(spec)
    said = (*phrases.asks, *phrases.questions, *phrases.suffixes, phrases.deed, phrases.noun)
    texts = (spec.name.replace("_", " "), spec.description, *said)
    words = {word for text in texts for word in _WORD.findall(re.sub(r"\{[^}]*\}", " ", text).lower())}
    return frozenset(_stem(word) for word in words - _STOP if len(word) > 2)


def speaks_of(text: str, words: str) -> bool:
    """Whether a text shares a content word with others, endings ignored."""
    wanted = {_stem(word) for word in _WORD.findall(words.lower()) if word not in _STOP}
    return bool(wanted & {_stem(word) for word in _WORD.findall(text.lower())})


@lru_cache(maxsize=65_536)
def _stem(word: str) -> str:
    for ending in ("ings", "ing", "ies", "ied", "es", "ed", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def repeats_query(text: str, history: Iterable[TranslatedTurn]) -> bool:
    """Whether an earlier turn asked with the same words."""
    return " ".join(text.lower().split()) in {" ".join(turn.query.lower().split()) for turn in history}


def invented(text: str, request: TurnRequest) -> list[str]:
    """Numbers of a closing message that stand in no output, argument or message of the conversation."""
    now = [value for call in request.calls for value in (dict(call.arguments), call.output)]
    found = invented_numbers(text, [*now, request.query, request.today])
    if not found:
        return []
    before = [parsed(text) for turn in request.history for call in turn.calls for text in (call.arguments, call.output)]
    said = [text for turn in request.history for text in (turn.query, turn.reply)]
    return invented_numbers(text, [*now, request.query, request.today, *before, *said])
