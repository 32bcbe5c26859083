"""What a teacher is asked for. Calls are planned and executed first; a teacher writes the words around them.

A teacher may wait for a model, so its words are awaited; the embedded one never waits. The methods follow the
roles of the paper (section 3.3): `query` is back-translation (functions -> request), `reply` closes a turn from
the real outputs, and the rest word the two kinds of misses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Protocol

from magnet_ray.types import ArgumentOrigin, FunctionSpec, JsonValue, TranslatedTurn


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedCall:
    """A call that was executed and now needs words."""

    spec: FunctionSpec
    """The function."""
    arguments: Mapping[str, JsonValue]
    """Parameter -> value."""
    origins: Mapping[str, ArgumentOrigin]
    """Parameter -> where the value comes from; `text` is still empty for queries."""
    output: JsonValue
    """What the environment answered."""
    step: int
    """Step of the turn; calls of one repeated step share it."""
    nested: bool = False
    """True when the query should not mention it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnRequest:
    """One turn to word."""

    record: str
    """Id of the path."""
    turn: int
    """Index of the turn."""
    turns: int
    """Turns that the conversation will have."""
    attempt: int = 0
    """Number of the try at this turn."""
    calls: tuple[PlannedCall, ...]
    """The turn's calls, in order."""
    history: tuple[TranslatedTurn, ...]
    """Earlier turns, already in words."""
    specs: Mapping[str, FunctionSpec]
    """Functions by name, for the calls of earlier turns."""
    today: str
    """Date of the scenario (ISO 8601), or empty."""
    rng: Random
    """Source of this turn's choices."""
    withheld: tuple[int, str] | None = None
    """(call, parameter) whose value the user forgets to give."""
    query: str = ""
    """What the user said for these calls, for the words that come after it; empty while that is being worded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnWords:
    """A query with the words that carry each argument."""

    text: str
    """What the user says."""
    spans: tuple[Mapping[str, str], ...]
    """Per call: parameter -> words in the query."""
    nested: tuple[bool, ...] = field(default=())
    """Per call: whether the query leaves it unmentioned."""


class Teacher(Protocol):
    """Writes the words of a conversation. Raises `Rejected(UNWORDED)` for what it cannot word."""

    def speakable(self, spec: FunctionSpec) -> frozenset[str]:
        """Parameters of a function that this teacher can put into words."""

    def droppable(self, spec: FunctionSpec) -> frozenset[str]:
        """Required parameters that a request can leave out and still read like a person's."""

    async def query(self, request: TurnRequest) -> TurnWords:
        """The user's request for the calls of a turn."""

    async def reply(self, request: TurnRequest) -> str:
        """The assistant's closing message, from the outputs."""

    async def decline(self, request: TurnRequest) -> str:
        """The assistant says that no offered function can do what the calls of the request would."""

    async def clarify(self, request: TurnRequest) -> str:
        """The assistant asks for the withheld value."""

    async def enable(self, request: TurnRequest) -> str:
        """The user says that the missing function is there now."""

    async def supply(self, request: TurnRequest) -> TurnWords:
        """The user gives the withheld value."""
