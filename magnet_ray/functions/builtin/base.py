"""What a built-in domain is: a class over a JSON state, whose decorated methods are its functions.

The state is one JSON-able dictionary, made by `scenario` from a seed, so it can be copied, compared and
stored as text. Methods read and change `self.state`, return JSON values and raise `CallError` when they
refuse, before they change anything.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from random import Random
from typing import Any, ClassVar, TypeVar

from magnet_ray.errors import CallError
from magnet_ray.phrases import Phrases, Tell

State = dict[str, Any]
F = TypeVar("F", bound=Callable[..., Any])

PHRASES_ATTRIBUTE = "__magnet_phrases__"


class Domain:
    """One domain of functions over one state."""

    name: ClassVar[str]
    """Category of the functions."""

    def __init__(self, state: State) -> None:
        self.state = state

    @classmethod
    def scenario(cls, rng: Random) -> State:
        """A varied, plausible initial state drawn from `rng`; must hold `today` (ISO 8601) when dates matter."""
        raise NotImplementedError

    @property
    def today(self) -> date:
        """The scenario's date."""
        return date.fromisoformat(self.state["today"])

    def issue(self, prefix: str, digits: int = 5) -> str:
        """A new code such as `RSV-48213`, from a counter in the state (so a replay gives the same one)."""
        counter = self.state["issued"] = self.state.get("issued", 0) + 1
        seed = sum(map(ord, prefix)) * 7919 + int(self.state.get("code_seed", 0)) * 104_729 + counter * 15_485_863
        return f"{prefix}-{10 ** (digits - 1) + seed % (9 * 10 ** (digits - 1))}"


def tool(
    *,
    asks: tuple[str, ...],
    tells: tuple[Tell, ...],
    noun: str,
    deed: str,
    questions: tuple[str, ...] = (),
    things: tuple[str, ...] = (),
    suffixes: tuple[str, ...] = (),
) -> Callable[[F], F]:
    """Mark a method of a `Domain` as one of its functions and give its words (see `Phrases`)."""

    def mark(method: F) -> F:
        phrases = Phrases(asks=asks, tells=tells, noun=noun, deed=deed, questions=questions, things=things, suffixes=suffixes)
        setattr(method, PHRASES_ATTRIBUTE, phrases)
        return method

    return mark


def pick_today(rng: Random) -> date:
    """A scenario's date, in 2025 or 2026."""
    return date(2025, 1, 6) + timedelta(days=rng.randrange(700))


def soon(days: int = 14) -> Callable[[Any, Random, Any], str]:
    """A `pick` for dates from tomorrow to `days` days ahead (ISO 8601)."""

    def pick(domain: Domain, rng: Random, chosen: Any) -> str:
        return (domain.today + timedelta(days=rng.randint(1, days))).isoformat()

    return pick


def require(condition: object, message: str) -> None:
    """Refuse the call with `message` unless `condition` holds.

    Raises:
        CallError: the condition does not hold.
    """
    if not condition:
        raise CallError(message)
