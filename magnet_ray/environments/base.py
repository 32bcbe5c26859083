"""What every environment offers: calls, its state, and a way back.

An environment belongs to one conversation. It is opened from a scenario seed, and the same seed and the
same calls give the same outputs and the same states, on any machine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from typing import Final, Protocol

from magnet_ray.types import FunctionSpec, JsonValue


class Missing:
    """Says that an environment has no value to suggest."""


MISSING: Final = Missing()


class Environment(Protocol):
    """A conversation's world: the functions of one domain over one state."""

    today: str
    """Date of the scenario (ISO 8601), or empty where time plays no part."""

    def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        """Execute a function by its environment name and return its JSON output.

        Raises:
            CallError: the function refused; nothing changed.
            EnvironmentFault: the environment broke and must not be used again.
        """

    def state(self) -> JsonValue:
        """The whole state, as a JSON value that the caller may keep."""

    def checkpoint(self) -> object:
        """An opaque mark of the present state, for `rollback`."""

    def rollback(self, mark: object) -> None:
        """Return to the state at `mark`."""

    def suggest(self, function: str, parameter: str, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue | Missing:
        """A value that a user could plausibly name for a parameter now, given the arguments `chosen` so far.

        `MISSING` when the environment knows none: the caller then goes by the schema alone.
        """

    def close(self) -> None:
        """Free what the environment holds; calling it twice is fine."""


OpenEnvironment = Callable[[str, int, Mapping[str, FunctionSpec]], Environment]
"""(environment key, scenario seed, callable name -> specification) -> a fresh environment."""
