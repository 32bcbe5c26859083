"""What a conversation has spoken of, so that a reference points at one thing only.

A *topic* is a parameter's name or what people call it (`restaurant`); an output field counts under its own name. Outputs of
calls that went unmentioned were not told to the user, so they are not counted.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cached_property, lru_cache

from magnet_ray.json_paths import field_values
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.types import FunctionSpec, JsonValue, TranslatedTurn, parsed

Topics = Mapping[str, frozenset[str]]
"""Topic -> the values spoken of, as text."""


@lru_cache(maxsize=8_192)
def _told(output: str) -> tuple[tuple[str, str], ...]:
    """(field, value) for the texts and numbers of an output."""
    return tuple(fields_of(parsed(output)))


def fields_of(output: JsonValue) -> list[tuple[str, str]]:
    """(field, value) for the texts and numbers of an output; see `json_paths.field_values`."""
    return [(name, str(value)) for name, value in field_values(output)]


class Mentions:
    """Topics of the earlier turns, and of what the present query has said so far."""

    def __init__(self, history: Sequence[TranslatedTurn], specs: Mapping[str, FunctionSpec]) -> None:
        self._history = history
        self._specs = specs
        self._now: dict[str, set[str]] = defaultdict(set)
        self._about: dict[str, set[str]] = defaultdict(set)

    @cached_property
    def _asked(self) -> list[dict[str, set[str]]]:
        """Per earlier turn, what its calls were asked with."""
        turns: list[dict[str, set[str]]] = []
        for turn in self._history:
            asked = defaultdict[str, set[str]](set)
            for call in turn.calls:
                phrases = phrases_of(self._specs[call.function])
                for name, value in parsed(call.arguments).items():
                    asked[name].add(str(value))
                    asked[phrases.noun_of(name)].add(str(value))
            turns.append(asked)
        return turns

    @cached_property
    def _shown(self) -> list[dict[str, set[str]]]:
        """Per earlier turn, what the user was told."""
        turns: list[dict[str, set[str]]] = []
        for turn in self._history:
            shown = defaultdict[str, set[str]](set)
            for call in turn.calls:
                if not call.nested:
                    for key, text in _told(call.output):
                        shown[key].add(text)
            turns.append(shown)
        return turns

    def say(self, call: PlannedCall) -> None:
        """Note that the present query has spoken of a call's arguments."""
        phrases = phrases_of(call.spec)
        for name, value in call.arguments.items():
            self._now[name].add(str(value))
            self._now[phrases.noun_of(name)].add(str(value))
        if isinstance(call.output, dict):
            # Who speaks of an appointment speaks of its physician too.
            for name, value in call.output.items():
                if isinstance(value, str):
                    self._about[name].add(value)

    @property
    def begun(self) -> bool:
        """Whether the present query has spoken of anything yet."""
        return bool(self._now)

    def said(self, name: str, noun: str) -> frozenset[str]:
        """Values of a topic in the present query."""
        return frozenset(self._now.get(name, set()) | self._now.get(noun, set()))

    def alone_now(self, name: str, noun: str, value: JsonValue) -> bool:
        """Whether the present query has spoken of no other value of the topic, nor of a thing that has another."""
        return self.said(name, noun) | self._about.get(name, set()) <= {str(value)}

    def alone_since(self, turn: int, name: str, noun: str, value: JsonValue) -> bool:
        """Whether no other value of the topic was asked about or shown in `turn` and after it, this query included."""
        spoken = [topics.get(topic, set()) for topics in (*self._asked[turn:], *self._shown[turn:]) for topic in (name, noun)]
        return self.alone_now(name, noun, value) and all(values <= {str(value)} for values in spoken)

    def alone_asked(self, name: str, noun: str, value: JsonValue) -> bool:
        """Whether the user has asked about no other value of the topic in the whole conversation."""
        spoken = [topics.get(topic, set()) for topics in self._asked for topic in (name, noun)]
        return self.alone_now(name, noun, value) and all(values <= {str(value)} for values in spoken)

    def known(self, value: JsonValue) -> bool:
        """Whether the user asked about the value or was shown it, in an earlier turn or in this query."""
        text = str(value)
        return any(text in values for topics in (*self._asked, *self._shown, self._now) for values in topics.values())
