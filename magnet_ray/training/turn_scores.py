"""What an emitted message is worth against what was due, and the shares over many, with 95 % Wilson intervals.

Where calls are due, all of them count whatever the model does, so a message without a call has none that is valid, chosen or
matched; where none is due, nothing is said of calls. A figure without turns is absent, never 0. Only the decision is judged: calls
are compared and not executed, and of a closing message no more than that it closes.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from math import sqrt
from typing import Any, Final

from magnet_ray.render.base import Message
from magnet_ray.rollouts.acceptance import asks_or_declines
from magnet_ray.rollouts.reference import comparable_text
from magnet_ray.rollouts.text_calls import take_calls
from magnet_ray.training.turns import Due, Turn
from magnet_ray.types import Category, compact
from magnet_ray.verification import validator

ALL: Final = "all"
"""Group of all categories together."""
_OUTPUT: Final = "<tool_response>"
"""How most templates open a function's output: a model that writes it plays the environment."""
_Z: Final = 1.959963984540054
"""Half-width of the middle 95 % of the normal distribution."""


class Measure(StrEnum):
    """What is measured, and over which turns."""

    VALID = "call validity"
    """Calls are due: it makes some, all read, name an offered function, and have arguments that fit its schema."""
    FUNCTION = "function choice"
    """Calls are due: it calls the same functions equally often, in any order."""
    ARGUMENTS = "argument match"
    """Calls are due: it makes the same calls, defaults filled in, in any order."""
    CLARIFIES = "clarifying when it should"
    """A value or a function is missing: it tries no call, and asks for something or says what it cannot do."""
    CLOSES = "closing when done"
    """Everything was called: it tries no further call and says something that is no copy of an output."""
    RIGHT = "next-turn accuracy"
    """Calls are due or something is missing: valid calls that match, or it clarifies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """A share of turns."""

    hits: int
    """Turns of which it holds."""
    turns: int
    """Turns of which it was asked, at least 1."""

    @property
    def share(self) -> float:
        """0 to 1."""
        return self.hits / self.turns

    @property
    def interval(self) -> tuple[float, float]:
        """The share's 95 % interval (Wilson, 1927)."""
        squared = _Z * _Z / self.turns
        middle = (self.share + squared / 2) / (1 + squared)
        half = _Z * sqrt(self.share * (1 - self.share) / self.turns + squared / (4 * self.turns)) / (1 + squared)
        return max(0.0, middle - half), min(1.0, middle + half)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        low, high = self.interval
        return {"hits": self.hits, "turns": self.turns, "share": round(self.share, 4), "low": round(low, 4), "high": round(high, 4)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one message is worth."""

    id: str
    """The turn's id."""
    category: Category
    """The turn's kind of conversation."""
    holds: Mapping[Measure, bool]
    """Measures that apply to the turn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scores:
    """What a checkpoint is worth."""

    rates: Mapping[str, Mapping[Measure, Rate]]
    """Category, or `ALL`, -> measures that apply to any of its turns."""
    scored: int = 0
    """Turns that were answered."""
    skipped: int = 0
    """Turns that could not be put to the model."""
    verdicts: tuple[Verdict, ...] = field(default=(), repr=False)
    """What they were made from."""

    def rate(self, measure: Measure, group: str = ALL) -> Rate | None:
        """One figure; None where no turn of the group has it."""
        return self.rates.get(group, {}).get(measure)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values; measures by the names of `Measure` in lower case."""
        rates = {
            group: {measure.name.lower(): rate.as_json() for measure, rate in measures.items()} for group, measures in self.rates.items()
        }
        return {"scored": self.scored, "skipped": self.skipped, "rates": rates}


def score_turns(turns: Sequence[Turn], messages: Sequence[Message | None]) -> Scores:
    """The scores of a checkpoint's messages.

    Args:
        turns: decisions.
        messages: as many: what the checkpoint said there, or None where it was not asked.
    """
    verdicts = tuple(score_turn(turn, message) for turn, message in zip(turns, messages, strict=True) if message is not None)
    groups = [ALL, *(category.value for category in Category if any(verdict.category is category for verdict in verdicts))]
    rates = {group: _rates(verdict for verdict in verdicts if group in (ALL, verdict.category.value)) for group in groups}
    return Scores(rates=rates, scored=len(verdicts), skipped=len(turns) - len(verdicts), verdicts=verdicts)


def _rates(verdicts: Iterable[Verdict]) -> dict[Measure, Rate]:
    asked: Counter[Measure] = Counter()
    hits: Counter[Measure] = Counter()
    for verdict in verdicts:
        asked.update(verdict.holds.keys())
        hits.update(measure for measure, held in verdict.holds.items() if held)
    return {measure: Rate(hits=hits[measure], turns=asked[measure]) for measure in Measure if asked[measure]}


def score_turn(turn: Turn, message: Message) -> Verdict:
    """What a message is worth.

    Args:
        turn: the decision.
        message: what was emitted, as `Renderer.parse` reads it: calls that cannot be read stand in its text.
    """
    content = message.get("content") or ""
    quiet = bool(content.strip()) and not message.get("tool_calls") and not tries_to_call(content) and _OUTPUT not in content
    match turn.due:
        case Due.CALL:
            holds = _of_calls(turn, message, content)
        case Due.ANSWER:
            holds = {Measure.CLOSES: quiet}
        case _:
            clarifies = quiet and asks_or_declines(content)
            holds = {Measure.CLARIFIES: clarifies, Measure.RIGHT: clarifies}
    return Verdict(id=turn.id, category=turn.category, holds=holds)


def tries_to_call(text: str) -> bool:
    """Whether a text holds a call: one that cannot be read, or one in another form than the template's, such as a fence."""
    found = take_calls(text)
    return bool(found.calls) or found.unreadable


def _of_calls(turn: Turn, message: Message, content: str) -> dict[Measure, bool]:
    schemas = {tool["function"]["name"]: tool["function"].get("parameters") or {} for tool in json.loads(turn.tools)}
    made = [(call["function"]["name"], _arguments(call["function"]["arguments"])) for call in message.get("tool_calls") or ()]
    due = [(call["name"], _arguments(call["arguments"])) for call in json.loads(turn.calls)]
    valid = bool(made) and not tries_to_call(content) and all(_fits(name, arguments, schemas) for name, arguments in made)
    same = Counter(name for name, _ in made) == Counter(name for name, _ in due)
    match = same and _compared(made, schemas) == _compared(due, schemas)
    return {Measure.VALID: valid, Measure.FUNCTION: same, Measure.ARGUMENTS: match, Measure.RIGHT: valid and match}


def _arguments(text: Any) -> Any:
    """The value of an argument text; the text where it is none."""
    try:
        return json.loads(text) if isinstance(text, str) else text
    except (ValueError, RecursionError):
        return text


def _fits(name: str, arguments: Any, schemas: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a call names an offered function, and gives what its schema asks for and nothing that it does not know."""
    if name not in schemas or not isinstance(arguments, dict):
        return False
    known = schemas[name].get("properties", {})
    return arguments.keys() <= known.keys() and bool(validator(compact(schemas[name])).is_valid(arguments))


def _compared(calls: Sequence[tuple[str, Any]], schemas: Mapping[str, Mapping[str, Any]]) -> Counter[tuple[str, str]]:
    """The calls in a form in which equal ones are equal; one that is no object, or too deep, equals none that is due."""
    compared: Counter[tuple[str, str]] = Counter()
    for name, arguments in calls:
        try:
            text = comparable_text(arguments, schemas.get(name, {}).get("properties", {})) if isinstance(arguments, dict) else ""
        except RecursionError:
            text = ""
        compared[name, text] += 1
    return compared
