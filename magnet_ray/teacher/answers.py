"""What a language model answers as a teacher: the schemas, and both directions between an answer and the words of a turn.

Reading checks that the words say every value that they must and nothing that they must not; each failure is one line that the
model is shown. Invariant: `read_words(words_answer(words), request)` gives the same text, the same spans and the same nested calls.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Final

from magnet_ray.errors import Rejected
from magnet_ray.teacher.base import PlannedCall, TurnRequest, TurnWords
from magnet_ray.teacher.said import as_written, asks_for, leaked_identifiers, repeats_query, value_said, without, words_of_value
from magnet_ray.teacher.turn_texts import is_withheld
from magnet_ray.types import FailureReason, JsonValue, Origin, compact

_MENTION: Final = {
    "type": "object",
    "properties": {"call": {"type": "integer"}, "parameter": {"type": "string"}, "words": {"type": "string"}},
    "required": ["call", "parameter", "words"],
    "additionalProperties": False,
}
WORDS_SCHEMA: Final = compact(
    {
        "type": "object",
        "properties": {
            "query": {"type": "string"},
            "mentions": {"type": "array", "items": _MENTION},
            "unmentioned": {"type": "array", "items": {"type": "integer"}},
        },
        "required": ["query", "mentions", "unmentioned"],
        "additionalProperties": False,
    }
)
"""A query with the words that carry its values; calls are counted from 1."""
SUPPLY_SCHEMA: Final = compact(
    {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "words": {"type": "string"}},
        "required": ["answer", "words"],
        "additionalProperties": False,
    }
)
"""An answer with the words that carry the value that was asked for."""

Spans = Sequence[Mapping[str, str]]


def words_answer(words: TurnWords) -> JsonValue:
    """The answer of a model that words a turn so."""
    mentions = [
        {"call": number, "parameter": name, "words": said} for number, spans in enumerate(words.spans, 1) for name, said in spans.items()
    ]
    return {"query": words.text, "mentions": mentions, "unmentioned": [number for number, nested in enumerate(words.nested, 1) if nested]}


def supply_answer(words: TurnWords) -> JsonValue:
    """The answer of a model that gives the value so."""
    return {"answer": words.text, "words": next((said for spans in words.spans for said in spans.values()), "")}


def read_words(answer: JsonValue, request: TurnRequest) -> TurnWords:
    """The words of a turn from an answer that follows `WORDS_SCHEMA`.

    Raises:
        Rejected: with what the words say wrongly or leave out.
    """
    text = answer["query"].strip()
    check_speech(text, request)
    if repeats_query(text, request.history):
        raise Rejected(FailureReason.REPEATED_QUERY, "this is what the person said in an earlier turn; ask in other words")
    spans = _spans(answer["mentions"], text, request)
    unmentioned = {number - 1 for number in answer["unmentioned"]}
    for index, call in enumerate(request.calls):
        _check_values(index, call, text, spans[index], request)
    _check_withheld(text, spans, request)
    nested = tuple(_nested(index, call, text, spans[index], unmentioned) for index, call in enumerate(request.calls))
    if all(nested):
        raise Rejected(FailureReason.NOT_ASKED, "the message must ask for something")
    return TurnWords(text=text, spans=spans, nested=nested)


def check_speech(text: str, request: TurnRequest) -> None:
    """What holds for every message: it is not empty and speaks no identifiers.

    Raises:
        Rejected: UNPARSED or IDENTIFIER_LEAK.
    """
    if not text:
        raise Rejected(FailureReason.UNPARSED, "the message is empty")
    leaked = leaked_identifiers(text, request)
    if leaked:
        raise Rejected(FailureReason.IDENTIFIER_LEAK, f"the message must not contain {', '.join(leaked)}; say it in plain words")


def _spans(mentions: Sequence[Mapping[str, JsonValue]], text: str, request: TurnRequest) -> tuple[dict[str, str], ...]:
    """Per call: parameter -> words of the text; what the model did not mention is looked for."""
    spans: dict[int, dict[str, str]] = defaultdict(dict)
    for mention in mentions:
        index, name = mention["call"] - 1, mention["parameter"]
        words = as_written(text, mention["words"])
        if words and 0 <= index < len(request.calls) and name in request.calls[index].arguments:
            spans[index][name] = words
    for index, call in enumerate(request.calls):
        for name in call.arguments:
            if name not in spans[index] and is_asked(call, name, request) and (words := words_of_value(text, call, name, request.today)):
                spans[index][name] = words
    return tuple({name: spans[index][name] for name in call.arguments if name in spans[index]} for index, call in enumerate(request.calls))


def is_asked(call: PlannedCall, name: str, request: TurnRequest) -> bool:
    """Whether this turn's query has to say an argument's value."""
    return call.origins[name].origin is Origin.QUERY and not is_withheld(call, name, request)


def _check_values(index: int, call: PlannedCall, text: str, spans: Mapping[str, str], request: TurnRequest) -> None:
    for name, value in call.arguments.items():
        if not is_asked(call, name, request):
            continue
        if isinstance(value, bool):
            if not spans.get(name):
                raise Rejected(FailureReason.PROVENANCE, f"mentions: copy the words that say {name} of call {index + 1} ({compact(value)})")
        elif not value_said(text, call, name, request.today):
            raise Rejected(FailureReason.PROVENANCE, f"the message does not say {name} of call {index + 1}: {compact(value)}")


def _check_withheld(text: str, spans: Spans, request: TurnRequest) -> None:
    """The forgotten value is not said, unless as another value."""
    if request.withheld is None:
        return
    call, name = request.calls[request.withheld[0]], request.withheld[1]
    others = [
        said
        for other, found in zip(request.calls, spans, strict=True)
        for parameter, said in found.items()
        if not is_withheld(other, parameter, request)
    ]
    if not isinstance(call.arguments[name], bool) and value_said(without(text, others), call, name, request.today):
        raise Rejected(FailureReason.NOT_ASKED, f"the message must leave out {name}: {compact(call.arguments[name])}")


def _nested(index: int, call: PlannedCall, text: str, spans: Mapping[str, str], unmentioned: set[int]) -> bool:
    """Whether a call goes unmentioned.

    Raises:
        Rejected: NOT_ASKED, for a call that has to be asked for.
    """
    asked = asks_for(text, call.spec, spans)
    if not call.nested and not asked:
        raise Rejected(FailureReason.NOT_ASKED, f"the message does not ask for call {index + 1} ({call.spec.description[:100]})")
    if not call.nested and index in unmentioned:
        raise Rejected(FailureReason.NOT_ASKED, f"call {index + 1} must be asked for in the message, not left unmentioned")
    return call.nested and (index in unmentioned or not asked)


def read_supply(answer: JsonValue, request: TurnRequest) -> TurnWords:
    """The words that give the withheld value, from an answer that follows `SUPPLY_SCHEMA`.

    Raises:
        Rejected: with what the words say wrongly or leave out.
    """
    call, name = withheld_of(request)
    text = answer["answer"].strip()
    check_speech(text, request)
    if repeats_query(text, request.history):
        raise Rejected(FailureReason.REPEATED_QUERY, "this is what the person said in an earlier turn; say it in other words")
    words = as_written(text, answer["words"]) or words_of_value(text, call, name, request.today)
    if not words or (not isinstance(call.arguments[name], bool) and not value_said(text, call, name, request.today)):
        raise Rejected(FailureReason.PROVENANCE, f"the answer does not say the value {compact(call.arguments[name])}")
    return TurnWords(text=text, spans=tuple({name: words} if is_withheld(other, name, request) else {} for other in request.calls))


def withheld_of(request: TurnRequest) -> tuple[PlannedCall, str]:
    """The call and the parameter whose value is withheld.

    Raises:
        Rejected: UNWORDED, when none is.
    """
    if request.withheld is None:
        raise Rejected(FailureReason.UNWORDED, "no value is withheld in this turn")
    return request.calls[request.withheld[0]], request.withheld[1]
