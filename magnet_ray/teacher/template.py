"""The embedded teacher: words from hand-written or derived phrases, no model, the same words for the same seed.

A query is made of clauses (one a step, see `turn_clauses`), framed and joined here; replies come from the functions' own
sentences about their outputs; misses are worded from `frames`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from magnet_ray.errors import Rejected
from magnet_ray.phrases import slot_names
from magnet_ray.teacher import frames
from magnet_ray.teacher.answering_tells import best_tell
from magnet_ray.teacher.base import PlannedCall, TurnRequest, TurnWords
from magnet_ray.teacher.clauses import Rendered
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.teacher.turn_clauses import TurnClauses, forms_of, literal
from magnet_ray.types import Effect, FailureReason, FunctionSpec
from magnet_ray.wording import listing


@lru_cache(maxsize=65_536)
def _slots(spec: FunctionSpec) -> tuple[frozenset[str], frozenset[str]]:
    """All parameters with a slot in the asks, and the required ones among those with an optional slot."""
    templates = phrases_of(spec).asks
    every = frozenset(name for template in templates for name in slot_names(template))
    optional = frozenset(name for template in templates for name in slot_names(template, optional=True))
    return every, optional & frozenset(spec.required)


class TemplateTeacher:
    """Words every turn from phrases; see `Teacher`."""

    def speakable(self, spec: FunctionSpec) -> frozenset[str]:
        """Parameters with a slot in one of the function's asks."""
        return _slots(spec)[0]

    def droppable(self, spec: FunctionSpec) -> frozenset[str]:
        """Required parameters: a template leaves them out, or an indefinite phrase (`a train`) stands in."""
        things = (name for name in spec.required if spec.names_thing(name) and phrases_of(spec).argument(name).kind in {"", "code"})
        return _slots(spec)[1] | frozenset(things) or frozenset(spec.required)

    async def query(self, request: TurnRequest) -> TurnWords:
        """Clauses of the turn's steps, framed and joined."""
        said = TurnClauses(request)
        clauses = said.clauses()
        earlier = {turn.query for turn in request.history}
        for _ in range(8):
            text = _assemble(clauses, request)
            if text not in earlier:
                return TurnWords(text=text, spans=tuple(said.spans), nested=tuple(said.nested))
        raise Rejected(FailureReason.UNWORDED, f"only a repeated query: {text}")

    async def reply(self, request: TurnRequest) -> str:
        """What each call that the user asked for found or did."""
        unmentioned = all(call.nested for call in request.calls)
        told: list[str] = []
        used: dict[str, list[int]] = {}
        for call in request.calls:
            if call.nested and not unmentioned:
                continue
            before = used.setdefault(call.spec.name, [])
            sentence = _told(call, request, before)
            if sentence not in told:
                told.append(sentence)
        return " ".join(told)

    async def decline(self, request: TurnRequest) -> str:
        """One of the refusals, naming the deed that no tool does."""
        return _capital(request.rng.choice(frames.DECLINES).format(deed=_deed(request)))

    async def clarify(self, request: TurnRequest) -> str:
        """One of the questions, naming what is missing and, in a request for several things, what it is for."""
        call, parameter = _withheld(request)
        phrases = phrases_of(call.spec)
        noun = phrases.noun_of(parameter)
        bank = frames.CLARIFICATIONS if len({other.spec.name for other in request.calls}) == 1 else frames.CLARIFICATIONS_OF_SEVERAL
        question = _question(noun, named=call.spec.names_thing(parameter) and phrases.argument(parameter).kind in {"", "code"})
        return _capital(request.rng.choice(bank).format(noun=noun, deed=phrases.deed, question=question, Question=_capital(question)))

    async def enable(self, request: TurnRequest) -> str:
        """The user offers the function, now and then naming what it is good for."""
        rng = request.rng
        text = rng.choice(frames.ENABLED_FIRST) + rng.choice(frames.ENABLES) + rng.choice(frames.ENABLED_SO)
        return _capital(text.format(deed=_from_the_user(_deed(request, conjunction="and"))))

    async def supply(self, request: TurnRequest) -> TurnWords:
        """The user gives the value in a short answer."""
        call, parameter = _withheld(request)
        value = literal(call, parameter, request.today, request.rng)
        noun = phrases_of(call.spec).noun_of(parameter)
        named = not {*noun.lower().split()} & {*re.findall(r"\w+", f"{value.lower()} {_forms_text(call, parameter, request.today)}")}
        named = named and not noun.startswith("number of") and not isinstance(call.arguments[parameter], list)
        frame = request.rng.choice([x for x in frames.SUPPLIES if "{noun}" not in x or named])
        text = _capital(frame.format(value=value, Value=_capital(value), noun=noun))
        spans = tuple({parameter: value} if other is call or (other.step == call.step) else {} for other in request.calls)
        return TurnWords(text=text, spans=spans)


def _told(call: PlannedCall, request: TurnRequest, used: list[int]) -> str:
    """What a call found or did, in the sentence that answers the query best; of equals, one that was not used before."""
    tells = phrases_of(call.spec).tells
    order = request.rng.sample(range(len(tells)), len(tells))
    order.sort(key=used.__contains__)
    beside = [other for other in request.calls if other.step == call.step and other is not call]
    chosen, text = best_tell(call, tells, order, request.query, beside)
    used.append(chosen)
    return text


def _forms_text(call: PlannedCall, parameter: str, today: str) -> str:
    return forms_of(call, parameter, today)[0].lower()


def _question(noun: str, *, named: bool) -> str:
    """`how many guests`, `what time`, `which restaurant`: the beginning of a question for a value."""
    if noun.startswith("number of "):
        return f"how many {noun.removeprefix('number of ')}"
    return f"{'which' if named else 'what'} {noun}"


def _from_the_user(deed: str) -> str:
    """A deed as the user says it: `look up my lab results`."""
    deed = re.sub(r"\byour\b", "my", deed)
    return re.sub(r"\byou\b", "me", deed)


def _assemble(clauses: Sequence[Rendered], request: TurnRequest) -> str:
    """Clauses as one query: runs of asks are joined and framed, whole sentences stand between them."""
    parts: list[str] = []
    asks: list[str] = []
    for clause in clauses:
        if not clause.sentence:
            asks.append(clause.text)
            continue
        if asks:
            parts.append(_framed(asks, request, after=bool(parts)))
            asks = []
        parts.append(_capital(clause.text))
    if asks:
        parts.append(_framed(asks, request, after=bool(parts)))
    return " ".join(parts)


def _framed(asks: Sequence[str], request: TurnRequest, *, after: bool) -> str:
    """Asks as one sentence.

    Args:
        asks: base-form clauses.
        request: the turn.
        after: whether a sentence of the same query stands before it.
    """
    rng = request.rng
    body = asks[0]
    if len(asks) == 2:
        body = rng.choice(frames.JOINTS).format(first=asks[0], second=asks[1])
    elif len(asks) > 2:
        body = rng.choice(frames.TRIPLE_JOINTS).format(first=asks[0], second=asks[1], third=", and ".join(asks[2:]))
    if after:
        return rng.choice(frames.AFTER_QUESTION).format(ask=body)
    roll = rng.random()
    if roll < 0.3:
        return _stop(_capital(body))
    bank = _bank(asks, request, opening=not request.history or roll < 0.45)
    earlier = [turn.query for turn in request.history]
    frame = rng.choice(bank)
    for _ in range(3):
        if not any(query.startswith(frame.partition("{")[0] or "\0") for query in earlier):
            break
        frame = rng.choice(bank)
    return _capital(_frame(frame, body))


def _bank(asks: Sequence[str], request: TurnRequest, *, opening: bool) -> tuple[str, ...]:
    """The frames that fit: greetings only at the beginning, thanks for what was just done, `I want to` for what one does oneself."""
    own = not any(re.search(r"\bme\b", ask) or ask.split(maxsplit=1)[0] in frames.ASSISTANTS_VERBS for ask in asks)
    if opening:
        bank = frames.OPENINGS + (frames.OWN_OPENINGS if own else ())
        return bank + frames.GREETINGS if not request.history else bank
    done = [request.specs[call.function].effect for turn in request.history[-1:] for call in turn.calls]
    after = frames.AFTER_DEED if Effect.WRITE in done else frames.AFTER_LOOKUP if done else ()
    return frames.FOLLOW_UPS + after + (frames.OWN_FOLLOW_UPS if own else ())


def _frame(frame: str, body: str) -> str:
    return frame.format(ask=body, Ask=_capital(body)).replace("?.", "?").replace("..", ".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stop(text: str) -> str:
    return text if text[-1:] in ".?!" else f"{text}."


def _deed(request: TurnRequest, *, conjunction: str = "or") -> str:
    deeds: Mapping[str, Any] = dict.fromkeys(
        phrases_of(call.spec).deed for call in request.calls if not call.nested or len(request.calls) == 1
    )
    return listing(list(deeds) or [phrases_of(request.calls[-1].spec).deed], limit=3, conjunction=conjunction)


def _withheld(request: TurnRequest) -> tuple[PlannedCall, str]:
    if request.withheld is None:
        raise Rejected(FailureReason.UNWORDED, "no value is withheld in this turn")
    return request.calls[request.withheld[0]], request.withheld[1]
