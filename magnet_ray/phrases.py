"""Words for functions: how a person asks for one, names its values, and hears what it found.

A *clause* is a template in plain words with slots:

    book a table at {restaurant} for {party_size}[ on {date}][ with a high chair{?high_chair}]

- `{name}` is replaced by the worded value of the parameter `name` (see `Argument.word`).
- `[…]` is optional: it is left out unless every slot in it has a value.
- `{?name}` prints nothing and needs a true value, `{!name}` needs a false one: for booleans, inside `[…]`.

Clauses are read by `parse_clause` once and rendered many times.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from random import Random
from typing import Any

Tell = Callable[[Mapping[str, Any], Any], str]
"""(arguments, output) -> one or two sentences that state what was found or done."""
Pick = Callable[[Any, Random, Mapping[str, Any]], Any]
"""(domain instance, rng, arguments chosen so far) -> a plausible value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Argument:
    """What a function's author knows about one parameter, beyond its type. Used as `Annotated` metadata."""

    description: str
    """What the model reads about the parameter."""
    noun: str = ""
    """What a person calls it, singular and without article: `party size`; default: the name in words."""
    word: str = "{}"
    """How a value is worded: `order {}`, `{} guest(s)`, `${}`. `(s)` agrees with the number."""
    kind: str = ""
    """How it is said: `date`, `time`, `datetime`, `text` (quoted), `code` (verbatim), or empty to go by the type."""
    pick: Pick | None = None
    """Draws a value that fits the present state."""
    choices: tuple[Any, ...] = ()
    """Values to draw from when there is no `pick`; an enum's values come from its `Literal` type."""
    low: float | None = None
    """Smallest number to draw (also the schema's minimum)."""
    high: float | None = None
    """Largest number to draw (also the schema's maximum)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Phrases:
    """The words of one function."""

    asks: tuple[str, ...]
    """Clauses that begin with a verb in its base form (`book a table …`), fit for `Could you …?`."""
    questions: tuple[str, ...] = ()
    """Whole questions or statements that stand alone (`Is there …?`, `I've lost my card …`)."""
    things: tuple[str, ...] = ()
    """For a lookup: noun phrases without article for one item that it finds (`{cuisine} restaurant in {city}`),
    used when the lookup is a nested helper that the user does not mention."""
    suffixes: tuple[str, ...] = ()
    """For a follow-up on another output: words that imply it at the end of that request (`in {currency}`)."""
    tells: tuple[Tell, ...] = ()
    """Sentences about the output; one is drawn."""
    noun: str = ""
    """What one result is called, singular: `reservation`, `quote`."""
    deed: str = ""
    """What it does, for 'I can't …': a base-form clause without slots (`book tables`)."""
    arguments: Mapping[str, Argument] = field(default_factory=dict)
    """Parameter -> what is known about it."""

    def argument(self, parameter: str) -> Argument:
        """What is known about a parameter; an empty `Argument` when nothing is."""
        return self.arguments.get(parameter) or Argument(description="")

    def noun_of(self, parameter: str) -> str:
        """What a person calls a parameter."""
        return self.argument(parameter).noun or plain_name(parameter)


def plain_name(identifier: str) -> str:
    """An identifier in plain words: `restaurant_id` -> `restaurant`, `checkInDate` -> `check in date`."""
    words = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", identifier).replace("_", " ").replace("-", " ").lower().split()
    if len(words) > 1 and words[-1] in {"id", "ids"}:
        words = words[:-1]
    return " ".join(words)


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a clause for one parameter's words."""

    name: str
    """The parameter."""
    test: str = ""
    """`?` needs a true value, `!` a false one, and nothing is printed; empty prints the value."""


Piece = str | Slot


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of words and slots that appears whole or not at all."""

    pieces: tuple[Piece, ...]
    """Words and slots in order."""
    optional: bool
    """Whether it may be left out."""

    @property
    def slots(self) -> tuple[Slot, ...]:
        """The slots of this segment."""
        return tuple(piece for piece in self.pieces if isinstance(piece, Slot))


Clause = tuple[Segment, ...]

_SEGMENT = re.compile(r"\[([^\[\]]*)\]|([^\[\]]+)")
_SLOT = re.compile(r"\{([?!]?)(\w+)\}")


@lru_cache(maxsize=65_536)
def parse_clause(template: str) -> Clause:
    """The segments of a clause template.

    Raises:
        ValueError: brackets or braces that do not pair.
    """
    segments = []
    for match in _SEGMENT.finditer(template):
        optional = match.group(1) is not None
        segments.append(Segment(tuple(_pieces(match.group(1) if optional else match.group(2))), optional))
    rest = _SLOT.sub("", _SEGMENT.sub("", template) + "".join(p for s in segments for p in s.pieces if isinstance(p, str)))
    if re.search(r"[\[\]{}]", rest):
        raise ValueError(f"unpaired bracket or brace in clause {template!r}")
    return tuple(segments)


def _pieces(text: str) -> Iterable[Piece]:
    position = 0
    for match in _SLOT.finditer(text):
        if match.start() > position:
            yield text[position : match.start()]
        yield Slot(match.group(2), match.group(1))
        position = match.end()
    if position < len(text):
        yield text[position:]


def slot_names(template: str, *, optional: bool | None = None) -> frozenset[str]:
    """Parameters with a slot in a clause: in optional segments, in fixed ones, or (None) in either."""
    return frozenset(
        slot.name for segment in parse_clause(template) if optional is None or segment.optional is optional for slot in segment.slots
    )
