"""Built-in domains, executed in this process: our own code over a JSON state, so no isolation is needed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from random import Random
from typing import Any

import orjson

from magnet_ray.environments.base import MISSING, Missing
from magnet_ray.errors import CallError
from magnet_ray.functions.builtin import domain_class, functions_of
from magnet_ray.phrases import Argument
from magnet_ray.types import JsonValue


@lru_cache(maxsize=16)
def _scenario(domain: str, seed: int) -> bytes:
    """A scenario's state as JSON: the translation of a path and its replay open the same one."""
    return orjson.dumps(domain_class(domain).scenario(Random(seed)))


class BuiltinEnvironment:
    """One conversation in a built-in domain."""

    def __init__(self, domain: str, seed: int) -> None:
        self._functions = functions_of(domain)
        self._domain = domain_class(domain)(orjson.loads(_scenario(domain, seed)))
        self.today: str = self._domain.state.get("today", "")

    def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        """Execute a function of the domain; see `Environment.call`."""
        if function not in self._functions:
            raise CallError(f"There is no function called {function!r} here.")
        try:
            output = getattr(self._domain, function)(**arguments)
        except TypeError as error:
            raise CallError(f"The arguments do not fit: {error}.") from error
        # Outputs must not share objects with the state, or later calls would rewrite history.
        return orjson.loads(orjson.dumps(output))

    def state(self) -> JsonValue:
        """A copy of the domain's state."""
        return orjson.loads(orjson.dumps(self._domain.state))

    def checkpoint(self) -> bytes:
        """The state as JSON bytes."""
        return orjson.dumps(self._domain.state)

    def rollback(self, mark: object) -> None:
        """Return to a checkpoint."""
        assert isinstance(mark, bytes)
        self._domain.state = orjson.loads(mark)

    def suggest(self, function: str, parameter: str, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue | Missing:
        """A value by the parameter's `Argument`: its `pick`, its choices, or a number within its limits."""
        argument = self._functions[function].arguments.get(parameter)
        return MISSING if argument is None else _draw(argument, self._domain, chosen, rng)

    def close(self) -> None:
        """Nothing to free."""


def _draw(argument: Argument, domain: Any, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue | Missing:
    if argument.pick:
        return argument.pick(domain, rng, chosen)
    if argument.choices:
        return rng.choice(argument.choices)
    if argument.low is not None and argument.high is not None:
        whole = float(argument.low).is_integer() and float(argument.high).is_integer()
        return rng.randint(int(argument.low), int(argument.high)) if whole else round(rng.uniform(argument.low, argument.high), 1)
    return MISSING
