"""What a query says of each planned call of a turn: one clause a step, every argument in words.

A value is said literally, referred to (`references`, only where `mentions` leaves one thing that can be meant), or, for a nested
helper, replaced by what the helper would find. Rejects what only somebody who saw an unseen output could say.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from random import Random

from magnet_ray.errors import Rejected
from magnet_ray.json_paths import split_path, value_at
from magnet_ray.phrases import Phrases
from magnet_ray.teacher import frames
from magnet_ray.teacher.base import PlannedCall, TurnRequest
from magnet_ray.teacher.clauses import Rendered, choose_clause, listed, render_clause, turned
from magnet_ray.teacher.mentions import Mentions
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.teacher.references import (
    Referent,
    describe_choice,
    describe_item,
    identifies_item,
    is_sayable,
    list_place,
    ordinal_words,
    refer,
)
from magnet_ray.teacher.shown import NOTHING_SHOWN, Shown, list_kind, list_kinds
from magnet_ray.types import ArgumentOrigin, Effect, FailureReason, FunctionSpec, JsonValue, Origin, parsed
from magnet_ray.wording import article, listing, spoken

LITERAL_PLAINEST = 0.6
"""Share of literal values worded in their plainest form; the others take any of their forms."""
SAID_AGAIN = 0.5
"""Share of values from an earlier query that are referred to rather than repeated."""


class TurnClauses:
    """The clauses of one turn, and what each of them says of each call."""

    def __init__(self, request: TurnRequest) -> None:
        self.request = request
        self.rng = request.rng
        self.spans: list[dict[str, str]] = [{} for _ in request.calls]
        self.nested = [call.nested for call in request.calls]
        self._descriptions: dict[int, str | None] = {}
        self._suffixes: dict[int, str | None] = {}
        self._mentions = Mentions(request.history, request.specs)
        self._elliptic = False
        self._literals: set[str] = set()

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
        self._share_words()
        return worded

    def _share_words(self) -> None:
        """Give a nested call, for the values that it shares with the call it serves, the words of that call."""
        for index, call in enumerate(self.request.calls):
            for user, _, _ in self._users(index) if self.nested[index] else ():
                words = next(span for span, other in zip(self.spans, self.request.calls, strict=True) if other is user)
                same = [name for name, value in call.arguments.items() if name in words and user.arguments.get(name) == value]
                self.spans[index] = {name: words[name] for name in same} | self.spans[index]

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
        if not users:
            return None
        user, parameter, origin = users[0]
        shared = {name for name, value in call.arguments.items() if user.arguments.get(name) == value}
        if call.arguments and shared == set(call.arguments):
            return describe_choice(phrases_of(user.spec).noun_of(parameter), call.output, origin.path, self.rng)
        if self._said_besides(index):
            return None
        words, flags = self._arguments(index)
        things = phrases_of(call.spec).things
        for template in turned(things, self.rng):
            rendered = render_clause(template, words, flags)
            text = rendered and describe_item(rendered.text, call.output, origin.path, self.rng)
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
        first = self.request.calls[indices[0]]
        words, flags = self._arguments(indices[0])
        varied = self._varied(indices)
        referred = {name for name in varied if all(self.request.calls[index].origins[name].origin is Origin.OUTPUT for index in indices)}
        words |= {name: listed(parts) if name in referred else listing(parts, limit=9) for name, parts in varied.items()}
        phrases = self._without_withheld(indices[0], words, flags)
        suffix = self._suffix_of(indices[0])
        rendered = choose_clause(phrases, words, flags, self.rng, sentences=not suffix)
        if rendered is None:
            raise Rejected(FailureReason.UNWORDED, f"no clause of {first.spec.name} words {sorted(words | flags)}")
        for position, index in enumerate(indices):
            spans = {name: varied[name][position] if name in varied else text for name, text in rendered.spans.items()}
            self.spans[index].update({name: text for name, text in spans.items() if name in self.request.calls[index].arguments})
            self._mentions.say(self.request.calls[index])
        return replace(rendered, text=rendered.text + suffix)

    def _varied(self, indices: list[int]) -> dict[str, list[str]]:
        """Parameter -> the words of each call, for what a step's calls differ in: all literal, or all referred to."""
        calls = [self.request.calls[index] for index in indices]
        names = [name for name, value in calls[0].arguments.items() if any(call.arguments.get(name) != value for call in calls)]
        found = {}
        for name in names:
            origins = [call.origins[name] for call in calls]
            values = [call.arguments[name] for call in calls]
            referred = all(origin.origin is Origin.OUTPUT for origin in origins)
            if referred and (origins[0].turn == self.request.turn or not all(is_sayable(value) for value in values)):
                self._elliptic = True
                found[name] = self._ordinals(calls, name) or [self._word(call, name, call.origins[name]) for call in calls]
            else:
                found[name] = [self._forms(call, name)[0] for call in calls]
                self._literals.update(str(value) for value in values)
        return found

    def _ordinals(self, calls: list[PlannedCall], name: str) -> list[str]:
        """`the third trainer you listed` for each call, or nothing where that is not clear for all of them."""
        origins, noun = [call.origins[name] for call in calls], reference_noun(calls[0].spec, name)
        origin, places = origins[0], [list_place(at.path) for at in origins]
        if origin.turn == self.request.turn or not all(places):
            return []
        # Two routines of one room are no second room.
        if not all(identifies_item(parsed(self.request.history[at.turn].calls[at.call].output), at.path) for at in origins):
            return []
        if len({(call.origins[name].turn, call.origins[name].call) for call in calls}) > 1:
            return []
        output = parsed(self.request.history[origin.turn].calls[origin.call].output)
        if not self._lists(calls[0], origin, output)[0]:
            return []
        containers = {place[0] for place in places if place}
        order = self._shown(origin.turn).order(value_at(output, containers.pop())) if len(containers) == 1 else ()
        at = [order.index(place[1]) for place in places if place and place[1] in order]
        words = [ordinal_words(noun, place, turns_ago=self.request.turn - origin.turn) for place in at]
        return [word for word in words if word] if len(at) == len(calls) and all(words) else []

    def _shown(self, turn: int) -> Shown:
        """What the assistant said at the end of an earlier turn."""
        return Shown(self.request.history[turn].reply, self.request.today)

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
        words[parameter] = (
            "somebody" if noun in frames.PERSONS else f"some {noun}" if noun.endswith("s") and not noun.endswith("ss") else article(noun)
        )
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
        value, noun = call.arguments[parameter], reference_noun(call.spec, parameter)
        again = self._again(call, parameter, origin, noun)
        if again:
            return self.rng.choice(again).format(noun=noun)
        if origin.origin is not Origin.OUTPUT or not self._may_refer(call, parameter, origin):
            return self._literal(call, parameter)
        text = self._reference(call, parameter, origin, noun)
        if text is None and (origin.turn < self.request.turn or self._mentions.known(value)):
            return self._literal(call, parameter)
        if text is None:
            raise Rejected(FailureReason.UNWORDED, f"{call.spec.name}: nobody who has not seen it could say {parameter}={value!r}")
        self._elliptic = self._elliptic or bool(re.search(r"\bones?\b|of those", text))
        return text

    def _again(self, call: PlannedCall, parameter: str, origin: ArgumentOrigin, noun: str) -> tuple[str, ...]:
        """Frames for what this query or an earlier one has spoken of, where nothing else can be meant."""
        value, mentions = call.arguments[parameter], self._mentions
        known = phrases_of(call.spec).argument(parameter)
        is_day = known.kind == "date" or call.spec.properties[parameter].get("format") == "date"
        if not is_day and (known.kind in {"text", *frames.SAID_PLAINLY} or not call.spec.names_thing(parameter)):
            return ()
        if str(value) in mentions.said(parameter, noun):
            if origin.origin is Origin.QUERY and str(value) not in self._literals:
                return ()
            said_often = self.rng.random() < (0.4 if is_day else 0.8)
            return (frames.SAME_DAY if is_day else frames.MENTIONED) if said_often and mentions.alone_now(parameter, noun, value) else ()
        if origin.origin is not Origin.EARLIER_QUERY or self.rng.random() >= SAID_AGAIN:
            return ()
        last = len(self.request.history) - 1
        if origin.turn >= last and mentions.alone_since(last, parameter, noun, value):
            return frames.SAME_DAY if is_day else frames.AGAIN
        return frames.LONG_AGAIN if not is_day and origin.turn < last and mentions.alone_asked(parameter, noun, value) else ()

    def _may_refer(self, call: PlannedCall, parameter: str, origin: ArgumentOrigin) -> bool:
        """Whether people refer to such a value rather than repeat it: not to dates, and not to two values of one record."""
        known = phrases_of(call.spec).argument(parameter)
        if origin.turn == self.request.turn:
            return True
        earlier = [name for name in call.origins if name != parameter and call.origins[name].origin is Origin.OUTPUT]
        beside = any(
            (call.origins[name].turn, call.origins[name].call) == (origin.turn, origin.call)
            and list(call.origins).index(name) < list(call.origins).index(parameter)
            for name in earlier
        )
        plainly = known.kind in frames.SAID_PLAINLY or "format" in call.spec.properties[parameter]
        place = frames.PLACES.search(reference_noun(call.spec, parameter))
        return not plainly and not ((beside or place) and is_sayable(call.arguments[parameter]))

    def _reference(self, call: PlannedCall, parameter: str, origin: ArgumentOrigin, noun: str) -> str | None:
        """Words for a value of an output, or None where only the value itself says which one is meant."""
        value, here = call.arguments[parameter], origin.turn == self.request.turn
        if here and self.nested[origin.call]:
            described = self._described(origin.call)
            first = next(iter(self._users(origin.call)))
            if described:
                return described if first[0] is call and first[1] == parameter else f"its {noun}"
        if here:
            output, spec, listed = self.request.calls[origin.call].output, self.request.calls[origin.call].spec, True
        else:
            executed = self.request.history[origin.turn].calls[origin.call]
            output, spec, listed = parsed(executed.output), self.request.specs[executed.function], not executed.nested
        single, elliptic = self._lists(call, origin, output)
        made = spec.effect is Effect.WRITE and phrases_of(spec).noun == noun
        # What was just made is `that booking` whatever was spoken of before; `that train` may be the one of the turn before.
        before = len(self.request.history)
        since = origin.turn if not here else before if made else max(before - 1, 0)
        referent = Referent(
            output=output,
            path=origin.path,
            noun=noun,
            turns_ago=self.request.turn - origin.turn,
            made=made,
            found=spec.effect is Effect.READ,
            unique=self._only_since(since, origin, parameter, noun, value),
            single_list=single,
            shown=NOTHING_SHOWN if here else self._shown(origin.turn),
            listed=listed,
        )
        elliptic = elliptic and not self._elliptic and call.spec.names_thing(parameter) and self._follows(call, parameter, origin)
        elliptic = elliptic and phrases_of(call.spec).argument(parameter).kind not in frames.SAID_PLAINLY
        if here and list_place(origin.path) is None and frames.PLACES.search(noun):
            return None
        text = refer(referent, self.rng, elliptic=elliptic)
        if text is None and here and list_place(origin.path) is None and not self._mentions.known(value):
            topic = self._topic(self.request.calls[origin.call])
            return f"the {noun} of that {topic}" if topic and noun not in topic else None
        return text

    def _topic(self, call: PlannedCall) -> str:
        """What a call is about: the first thing that it was asked with, else what it gives."""
        thing = next((name for name, value in call.arguments.items() if isinstance(value, str) and call.spec.names_thing(name)), "")
        return reference_noun(call.spec, thing) if thing else phrases_of(call.spec).noun

    def _follows(self, call: PlannedCall, parameter: str, origin: ArgumentOrigin) -> bool:
        """Whether nothing else was named since the list, so that `the cheapest one` can only be on it."""
        if next(iter(call.arguments)) != parameter:
            return False
        asked = [index for index, other in enumerate(self.request.calls) if not self.nested[index] and other.step < call.step]
        return asked[-1:] == [origin.call] if origin.turn == self.request.turn else not asked

    def _only_since(self, turn: int, origin: ArgumentOrigin, parameter: str, noun: str, value: JsonValue) -> bool:
        key = next((part for part in reversed(split_path(origin.path)) if isinstance(part, str)), "")
        mentions = self._mentions
        earlier = origin.turn < self.request.turn and self.request.history[origin.turn].calls[origin.call]
        if earlier and mentions.begun and list_place(origin.path) is None and next(iter(parsed(earlier.output)), key) != key:
            # After something else, `that room` is no longer the one that an earlier thing stands in.
            return False
        return mentions.alone_since(turn, parameter, noun, value) and mentions.alone_since(turn, key, noun, value)

    def _lists(self, call: PlannedCall, origin: ArgumentOrigin, output: JsonValue) -> tuple[bool, bool]:
        """Whether a list is the only one of its kind that can be meant, and whether it is the only list at all."""
        place = list_place(origin.path)
        if place is None:
            return True, True
        before = next(index for index, other in enumerate(self.request.calls) if other is call)
        now = [
            (other.spec.name, other.output) for other, nested in zip(self.request.calls[:before], self.nested, strict=False) if not nested
        ]
        if origin.turn == self.request.turn:
            name, shown, later = self.request.calls[origin.call].spec.name, now, []
        else:
            turns = [[(call.function, parsed(call.output)) for call in turn.calls if not call.nested] for turn in self.request.history]
            name, shown = self.request.history[origin.turn].calls[origin.call].function, turns[origin.turn]
            later = [pair for turn in (*turns[origin.turn + 1 :], now) for pair in turn]
        kind = list_kind(value_at(output, place[0]), place[0])
        alike = [function == name or kind in list_kinds(other) for function, other in shown]
        same = sum(alike) <= 1 and not any(function == name or kind in list_kinds(other) for function, other in later)
        return same, same and sum(1 for _, other in shown if list_kinds(other)) <= 1

    def _literal(self, call: PlannedCall, parameter: str) -> str:
        self._literals.add(str(call.arguments[parameter]))
        return literal(call, parameter, self.request.today, self.rng)

    def _forms(self, call: PlannedCall, parameter: str) -> list[str]:
        return forms_of(call, parameter, self.request.today)


def reference_noun(spec: FunctionSpec, parameter: str) -> str:
    """What the thing that a parameter names is called: `member` for a `member's name`."""
    noun = phrases_of(spec).noun_of(parameter)
    return re.sub(r"(?:'s)? name$", "", noun) or noun


def literal(call: PlannedCall, parameter: str, today: str, rng: Random) -> str:
    """A literal value in words."""
    forms = forms_of(call, parameter, today)
    return forms[0] if rng.random() < LITERAL_PLAINEST else rng.choice(forms)


def forms_of(call: PlannedCall, parameter: str, today: str) -> list[str]:
    """Every form of a literal value, the plainest first."""
    known = phrases_of(call.spec).argument(parameter)
    return spoken(call.arguments[parameter], today=today, kind=known.kind, word=known.word)
