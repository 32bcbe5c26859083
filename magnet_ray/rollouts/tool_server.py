"""Executes the calls of one conversation as a tool server would: whatever is wrong with a call is said in its output.

A player may emit anything: an unknown function, text that is no JSON, values that the schema forbids. None of that ends
the conversation; only an environment that breaks does. A refused call leaves the state as it was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import orjson

from magnet_ray.environments.base import Environment, OpenEnvironment
from magnet_ray.environments.execution import failed
from magnet_ray.errors import CallError, EnvironmentFault, Rejected, boundary
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.types import FailureReason, FunctionSpec, JsonValue, canonical
from magnet_ray.verification import validator

LONGEST_REFUSAL: Final = 600
"""Characters of an error message that the player is shown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """What became of one call."""

    output: JsonValue
    """Its output, or `{"error": …}`."""
    accepted: bool
    """Whether it was carried out."""
    wrote: bool
    """Whether it changed the state."""


class _Refused(Exception):
    """A call that cannot be made; the text tells the player why."""


class ToolServer:
    """The environments of one conversation: that of its row, and those of distractors from other domains when they are called."""

    def __init__(self, pool: FunctionPool, open_environment: OpenEnvironment, key: str, seed: int) -> None:
        """Opens the environment `key` in the scenario of `seed`.

        Raises:
            Rejected: ENVIRONMENT_FAULT.
        """
        self._pool, self._open_environment, self._key, self._seed = pool, open_environment, key, seed
        self._environments: dict[str, Environment] = {}
        self._states: dict[str, JsonValue] = {}
        with environment_faults():
            self._open(key)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for environment in self._environments.values():
            environment.close()

    def state(self) -> str:
        """State of the row's environment as canonical JSON text.

        Raises:
            Rejected: ENVIRONMENT_FAULT.
        """
        with environment_faults():
            return canonical(self._state_of(self._key))

    def checkpoint(self) -> object:
        """A mark of the row's environment, for `rollback`."""
        return self._environments[self._key].checkpoint()

    def rollback(self, mark: object) -> None:
        """Return the row's environment to `mark`."""
        self._environments[self._key].rollback(mark)
        self._states.pop(self._key, None)

    def serve(self, name: str, arguments: str, offered: Collection[str]) -> Served:
        """Carry out a call, or say why not.

        Args:
            name: function as the player named it.
            arguments: text that should be a JSON object.
            offered: names of the functions that may be called.

        Raises:
            Rejected: ENVIRONMENT_FAULT.
        """
        try:
            spec = self._spec(name, offered)
            values = parsed_arguments(arguments)
            _check_arguments(spec, values)
        except _Refused as refused:
            return _refusal(str(refused))
        with environment_faults():
            return self._execute(spec, values)

    def _spec(self, name: str, offered: Collection[str]) -> FunctionSpec:
        spec = self._pool.by_name.get(name)
        if spec is None or name not in offered:
            raise _Refused(f"There is no function called {name!r}. Available functions: {', '.join(offered)}.")
        return spec

    def _execute(self, spec: FunctionSpec, values: dict[str, JsonValue]) -> Served:
        environment = self._environments.get(spec.environment) or self._open(spec.environment)
        mark, before = environment.checkpoint(), self._state_of(spec.environment)
        try:
            # Values that a schema allows can still be absurd (a year of ten digits); the function's own error is no fault of ours.
            with boundary(FailureReason.CALL_FAILED):
                output = environment.call(spec.callable_name, values)
                canonical(output).encode()
        except CallError as error:
            refusal = str(error)
        except Rejected as rejected:
            refusal = f"{spec.name} failed: {rejected.detail}"
        else:
            self._states[spec.environment] = after = environment.state()
            return Served(output=output, accepted=not failed(output), wrote=after != before)
        environment.rollback(mark)
        return _refusal(refusal)

    def _state_of(self, key: str) -> JsonValue:
        """An environment's state, copied once between two changes."""
        if key not in self._states:
            self._states[key] = self._environments[key].state()
        return self._states[key]

    def _open(self, key: str) -> Environment:
        environment = self._open_environment(key, self._seed, self._pool.in_environment(key))
        self._environments[key] = environment
        return environment


def _refusal(text: str) -> Served:
    # A message may quote the whole of what the player emitted, which has no bound.
    shown = text if len(text) <= LONGEST_REFUSAL else f"{text[:LONGEST_REFUSAL]}…"
    return Served(output={"error": shown}, accepted=False, wrote=False)


@contextmanager
def environment_faults() -> Iterator[None]:
    """Turn a broken environment into `Rejected(ENVIRONMENT_FAULT)`."""
    try:
        yield
    except EnvironmentFault as fault:
        raise Rejected(FailureReason.ENVIRONMENT_FAULT, str(fault)) from fault


def parsed_arguments(text: str) -> dict[str, JsonValue]:
    """The arguments of a call.

    Raises:
        _Refused: the text is no JSON object.
    """
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _Refused(f"The arguments are not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise _Refused("The arguments must be a JSON object.")
    return values


def _check_arguments(spec: FunctionSpec, values: dict[str, JsonValue]) -> None:
    check = validator(spec.parameters)
    if not check.is_valid(values):
        error = next(iter(check.iter_errors(values)))
        place = "".join(f"{step}: " for step in [".".join(str(part) for part in error.instance_path)] if step)
        raise _Refused(f"The arguments do not fit {spec.name}: {place}{error.message}")
    unknown = [name for name in values if name not in spec.properties]
    if unknown:
        raise _Refused(f"{spec.name} has no parameter {', '.join(map(repr, unknown))}. Parameters: {', '.join(spec.properties) or 'none'}.")
