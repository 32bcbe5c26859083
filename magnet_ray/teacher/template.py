"""The embedded teacher: words from hand-written or derived phrases, no model, the same words for the same seed.

A query is made of clauses (one a step, see `clauses`), each worded from its arguments: literal values, words for
an earlier output (`references`), or for a nested helper the thing that the helper would find.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

from magnet_ray.errors import Rejected
from magnet_ray.json_paths import split_path, value_at
from magnet_ray.phrases import Phrases, slot_names
from magnet_ray.teacher import frames
from magnet_ray.teacher.base import PlannedCall, TurnRequest, TurnWords
from magnet_ray.teacher.clauses import Rendered, choose_clause, render_clause
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.teacher.references import Referent, describe_item, refer, says_other_values
from magnet_ray.types import ArgumentOrigin, Effect, FailureReason, FunctionSpec, Origin, parsed
from magnet_ray.wording import article, listing, spoken

LITERAL_PLAINEST = 0.6
"""Share of literal values worded in their plainest form; the others take any of their forms."""


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
        """Required parameters: a template leaves them out, or an indefinite phrase stands in."""
        return _slots(spec)[1] or frozenset(spec.required)

    def query(self, request: TurnRequest) -> TurnWords:
        """Clauses of the turn's steps, framed and joined."""
        said = _Said(request)
        clauses = said.clauses()
        earlier = {turn.query for turn in request.history}
        for _ in range(8):
            text = _assemble(clauses, request)
            if text not in earlier:
                return TurnWords(text=text, spans=tuple(said.spans), nested=tuple(said.nested))
        raise Rejected(FailureReason.UNWORDED, f"only a repeated query: {text}")

    def reply(self, request: TurnRequest) -> str:
        """What each call that the user asked for found or did."""
        nested = [call for call in request.calls if call.nested]
        told: list[str] = []
        used: dict[str, list[int]] = {}
        for call in request.calls:
            if call.nested and len(nested) < len(request.calls):
                continue
            tells = phrases_of(call.spec).tells
            order = request.rng.sample(range(len(tells)), len(tells))
            fresh = [index for index in order if index not in used.get(call.spec.name, ())] or order
            used.setdefault(call.spec.name, []).append(fresh[0])
            sentence = tells[fresh[0]](call.arguments, call.output).strip()
            if sentence not in told:
                told.append(sentence)
        return " ".join(told)

    def decline(self, request: TurnRequest) -> str:
        """One of the refusals, naming the deed that no tool does."""
        return _capital(request.rng.choice(frames.DECLINES).format(deed=_deed(request)))

    def clarify(self, request: TurnRequest) -> str:
        """One of the questions, naming what is missing."""
        call, parameter = _withheld(request)
        phrases = phrases_of(call.spec)
        return request.rng.choice(frames.CLARIFICATIONS).format(noun=phrases.noun_of(parameter), deed=phrases.deed)

    def enable(self, request: TurnRequest) -> str:
        """The user offers the function, naming what it is good for."""
        return _capital(request.rng.choice(frames.ENABLES).format(deed=_deed(request)))

    def supply(self, request: TurnRequest) -> TurnWords:
        """The user gives the value in a short answer."""
        call, parameter = _withheld(request)
        value = literal(call, parameter, request.today, request.rng)
        noun = phrases_of(call.spec).noun_of(parameter)
        frame = request.rng.choice([x for x in frames.SUPPLIES if "{noun}" not in x or noun.lower() not in value.lower()])
        text = _capital(frame.format(value=value, Value=_capital(value), noun=noun))
        spans = tuple({parameter: value} if other is call or (other.step == call.step) else {} for other in request.calls)
        return TurnWords(text=text, spans=spans)


def literal(call: PlannedCall, parameter: str, today: str, rng: Random) -> str:
    """A literal value in words."""
    known = phrases_of(call.spec).argument(parameter)
    forms = spoken(call.arguments[parameter], today=today, kind=known.kind, word=known.word)
    return forms[0] if rng.random() < LITERAL_PLAINEST else rng.choice(forms)


class _Said:
    """The clauses of one turn, and what each of them says of each call."""

    def __init__(self, request: TurnRequest) -> None:
        self.request = request
        self.rng = request.rng
        self.spans: list[dict[str, str]] = [{} for _ in request.calls]
        self.nested = [call.nested for call in request.calls]
        self._descriptions: dict[int, str | None] = {}
        self._suffixes: dict[int, str | None] = {}
        self._mentioned: set[str] = set()
        self._elliptic = False

    def clauses(self) -> list[Rendered]:
        """One clause for each step that the user mentions."""
        steps: dict[int, list[int]] = {}
        for index, call in enumerate(self.request.calls):
            steps.setdefault(call.step, []).append(index)
        worded = []
        for indices in steps.values():
            if self._nested_words(indices[0]):
                continue
            worded.append(self._step(indices))
        return worded

    def _nested_words(self, index: int) -> bool:
        """Whether a nested call can stay unmentioned; otherwise it is asked for like any other."""
        call = self.request.calls[index]
        if not call.nested:
            return False
        if self._described(index) or self._implied(index):
            return True
        self.nested[index] = False
        return False

    def _users(self, index: int) -> list[tuple[PlannedCall, str, ArgumentOrigin]]:
        """Arguments of the same turn that come from a call's output."""
        return [
            (call, parameter, origin)
            for call in self.request.calls
            for parameter, origin in call.origins.items()
            if origin.origin is Origin.OUTPUT and origin.turn == self.request.turn and origin.call == index
        ]

    def _described(self, index: int) -> str | None:
        """Words for what a nested lookup finds: `the cheapest Thai restaurant in Leeds`; worded once a turn."""
        if index not in self._descriptions:
            self._descriptions[index] = self._describe(index)
        return self._descriptions[index]

    def _describe(self, index: int) -> str | None:
        call = self.request.calls[index]
        users = self._users(index)
        if not users or self._said_besides(index):
            return None
        words, flags = self._arguments(index)
        things = phrases_of(call.spec).things
        for template in self.rng.sample(things, len(things)):
            rendered = render_clause(template, words, flags)
            text = rendered and describe_item(rendered.text, call.output, users[0][2].path, self.rng)
            if rendered and text:
                self.spans[index].update(rendered.spans)
                return text
        return None

    def _said_besides(self, index: int) -> bool:
        """Whether another call of the turn takes a text that this one takes too: then both have to name it."""
        mine = {value for value in self.request.calls[index].arguments.values() if isinstance(value, str)}
        others = (call for position, call in enumerate(self.request.calls) if position != index)
        return any(value in mine for call in others for value in call.arguments.values() if isinstance(value, str))

    def _implied(self, index: int) -> str | None:
        """Words at the end of another request that imply a nested follow-up: `in euros`; worded once a turn."""
        if index not in self._suffixes:
            self._suffixes[index] = self._imply(index)
        return self._suffixes[index]

    def _imply(self, index: int) -> str | None:
        call = self.request.calls[index]
        sources = {origin.call for origin in call.origins.values() if origin.origin is Origin.OUTPUT and origin.turn == self.request.turn}
        if not sources or any(self.request.calls[source].nested for source in sources):
            return None
        words, flags = self._arguments(index, literal_only=True)
        for template in phrases_of(call.spec).suffixes:
            rendered = render_clause(template, words, flags)
            if rendered:
                self.spans[index].update(rendered.spans)
                return rendered.text
        return None

    def _suffix_of(self, index: int) -> str:
        """The suffix that a nested follow-up adds to the request of call `index`."""
        for other, call in enumerate(self.request.calls):
            if self.nested[other] and any(
                o.origin is Origin.OUTPUT and o.turn == self.request.turn and o.call == index for o in call.origins.values()
            ):
                suffix = self._implied(other)
                if suffix:
                    return f" {suffix}" if suffix[0].isalnum() else suffix
        return ""

    def _step(self, indices: list[int]) -> Rendered:
        """The clause of one step: its calls differ in the values of one parameter, which are listed."""
        words, flags = self._arguments(indices[0])
        for other in indices[1:]:
            more, _ = self._arguments(other)
            for parameter, text in more.items():
                if self.request.calls[other].arguments[parameter] != self.request.calls[indices[0]].arguments[parameter]:
                    words[parameter] = f"{words[parameter]}\0{text}"
        varied = {name: text.split("\0") for name, text in words.items() if "\0" in text}
        words |= {name: listing(parts, limit=9) for name, parts in varied.items()}
        phrases = self._without_withheld(indices[0], words, flags)
        suffix = self._suffix_of(indices[0])
        rendered = choose_clause(phrases, words, flags, self.rng, sentences=not suffix)
        if rendered is None:
            raise Rejected(FailureReason.UNWORDED, f"no clause of {self.request.calls[indices[0]].spec.name} words {sorted(words | flags)}")
        for position, index in enumerate(indices):
            spans = {name: varied[name][position] if name in varied else text for name, text in rendered.spans.items()}
            self.spans[index].update({name: text for name, text in spans.items() if name in self.request.calls[index].arguments})
        values = {str(value) for index in indices for value in self.request.calls[index].arguments.values()}
        self._mentioned.update(value for value in values if value in rendered.text)
        return replace(rendered, text=rendered.text + suffix)

    def _without_withheld(self, index: int, words: dict[str, str], flags: Mapping[str, bool]) -> Phrases:
        """Take the forgotten value out of the words; where no template can drop it, an indefinite phrase stands in."""
        call, withheld = self.request.calls[index], self.request.withheld
        phrases = phrases_of(call.spec)
        if withheld is None or self.request.calls[withheld[0]].step != call.step:
            return phrases
        parameter = withheld[1]
        words.pop(parameter, None)
        asks = tuple(template for template in phrases.asks if render_clause(template, words, flags))
        questions = tuple(template for template in phrases.questions if render_clause(template, words, flags))
        if asks:
            return replace(phrases, asks=asks, questions=questions)
        noun = phrases.noun_of(parameter)
        words[parameter] = f"some {noun}" if noun.endswith("s") else article(noun)
        return replace(phrases, questions=())

    def _arguments(self, index: int, *, literal_only: bool = False) -> tuple[dict[str, str], dict[str, bool]]:
        """Words of a call's arguments, and its booleans."""
        call = self.request.calls[index]
        words: dict[str, str] = {}
        flags: dict[str, bool] = {}
        for parameter, value in call.arguments.items():
            origin = call.origins[parameter]
            if literal_only and origin.origin is Origin.OUTPUT:
                continue
            if isinstance(value, bool):
                flags[parameter] = value
            else:
                words[parameter] = self._word(call, parameter, origin)
        return words, flags

    def _word(self, call: PlannedCall, parameter: str, origin: ArgumentOrigin) -> str:
        if origin.origin is Origin.OUTPUT:
            return self._reference(call, parameter, origin)
        value = call.arguments[parameter]
        if call.spec.names_thing(parameter) and phrases_of(call.spec).argument(parameter).kind != "text":
            noun = phrases_of(call.spec).noun_of(parameter)
            if str(value) in self._mentioned and self.rng.random() < 0.7:
                return self.rng.choice(frames.MENTIONED).format(noun=noun)
            if origin.origin is Origin.EARLIER_QUERY and self.rng.random() < 0.5:
                near = origin.turn >= len(self.request.history) - 1
                return self.rng.choice(frames.AGAIN if near else frames.LONG_AGAIN).format(noun=noun)
        return literal(call, parameter, self.request.today, self.rng)

    def _reference(self, call: PlannedCall, parameter: str, origin: ArgumentOrigin) -> str:
        known = phrases_of(call.spec).argument(parameter)
        noun = phrases_of(call.spec).noun_of(parameter)
        if origin.turn < self.request.turn and (known.kind in frames.SAID_PLAINLY or "format" in call.spec.properties[parameter]):
            return literal(call, parameter, self.request.today, self.rng)
        if origin.turn == self.request.turn:
            source = self.request.calls[origin.call]
            output, spec = source.output, source.spec
            if self.nested[origin.call]:
                described = self._described(origin.call)
                first = next(iter(self._users(origin.call)))
                if described and first[0] is call and first[1] == parameter:
                    return described
                if described:
                    return f"its {noun}"
        else:
            executed = self.request.history[origin.turn].calls[origin.call]
            output, spec = parsed(executed.output), self.request.specs[executed.function]
        value = value_at(output, origin.path)
        ago = self.request.turn - origin.turn
        key = next((part for part in reversed(split_path(origin.path)) if isinstance(part, str)), "")
        made = spec.effect is Effect.WRITE and phrases_of(spec).noun == noun
        shown = [parsed(done.output) for turn in self.request.history for done in turn.calls]
        referent = Referent(
            output=output,
            path=origin.path,
            noun=noun,
            turns_ago=ago,
            made=made,
            found=spec.effect is Effect.READ,
            unique=not says_other_values(shown, key, value),
        )
        text = refer(referent, self.rng, elliptic=not self._elliptic) or literal(call, parameter, self.request.today, self.rng)
        self._elliptic = self._elliptic or bool(re.search(r"\bones?\b|of those", text))
        return text


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
    opening = not request.history or roll < 0.4
    bank = frames.OPENINGS if opening else frames.FOLLOW_UPS
    if not re.search(r"\bme\b", body):
        bank += frames.OWN_OPENINGS if opening else frames.OWN_FOLLOW_UPS
    return _capital(_frame(rng.choice(bank), body))


def _frame(frame: str, body: str) -> str:
    return frame.format(ask=body, Ask=_capital(body)).replace("?.", "?").replace("..", ".")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _stop(text: str) -> str:
    return text if text[-1:] in ".?!" else f"{text}."


def _deed(request: TurnRequest) -> str:
    deeds: Mapping[str, Any] = dict.fromkeys(
        phrases_of(call.spec).deed for call in request.calls if not call.nested or len(request.calls) == 1
    )
    return listing(list(deeds) or [phrases_of(request.calls[-1].spec).deed], limit=3, conjunction="or")


def _withheld(request: TurnRequest) -> tuple[PlannedCall, str]:
    if request.withheld is None:
        raise Rejected(FailureReason.UNWORDED, "no value is withheld in this turn")
    return request.calls[request.withheld[0]], request.withheld[1]
