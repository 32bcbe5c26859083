"""Third-party functions, executed in worker processes with limits of time, memory and output.

A `Worker` imports its modules once; every conversation is a fork of it, so conversations start clean and open in
about a millisecond. Calls go over a socket as JSON, never as pickles. The parent enforces the time limit and kills
the conversation's process group. Going back to a checkpoint is a fresh fork in which the calls made until then are
repeated; a call that fails is undone in the same way, because third-party code may have changed something first.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from magnet_ray.environments.base import MISSING, Missing
from magnet_ray.environments.harvest import harvest
from magnet_ray.environments.isolated_process import Channel, Limits, close_workers, idle_channel, keep_channel, worker_for
from magnet_ray.errors import CallError, EnvironmentFault, Rejected
from magnet_ray.types import Effect, FunctionSpec, JsonValue

__all__ = [
    "IsolatedEnvironment",
    "Limits",
    "Scenario",
    "Suggest",
    "Target",
    "close_workers",
    "fill",
    "growing",
    "python_target",
]

FILL_CALLS = 6
"""Calls that fill a fresh instance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What a conversation executes: a module's functions, or one instance of a class."""

    module: str
    """Dotted name of the module, or path of a `.py` file."""
    class_name: str = ""
    """Class of the instance; empty for the module's own functions."""
    modules: tuple[str, ...] = ()
    """Modules that the worker imports; targets with the same ones share a worker. Default: just `module`."""
    loader: str = ""
    """Method that puts a scenario into a fresh instance."""
    hidden: tuple[str, ...] = ()
    """Attributes that do not belong to the state: clocks, back references."""
    integer_keys: tuple[str, ...] = ()
    """Dictionary attributes whose keys are whole numbers, which JSON turns into text."""
    error_field: str = ""
    """Field of an output that says that the call failed."""
    reusable: bool = False
    """Whether one process may serve conversations one after the other: true only of code known to keep all that it
    remembers in its instances. Opening then takes a fifth of a fork's time."""


Suggest = Callable[[JsonValue, str, str, Mapping[str, JsonValue], Random], "JsonValue | Missing"]
"""(state, function, parameter, arguments chosen so far, rng) -> a value that fits the state, or MISSING."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """How a conversation begins."""

    seed: int
    """Seed of the worker's `random` module, and of the values that fill an empty instance."""
    state: JsonValue = None
    """What the target's loader gets."""
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)
    """Arguments of the class's constructor."""
    today: str = ""
    """Date of the scenario (ISO 8601), or empty."""


class IsolatedEnvironment:
    """One conversation in a worker process."""

    def __init__(
        self,
        target: Target,
        scenario: Scenario,
        specs: Mapping[str, FunctionSpec],
        *,
        suggest: Suggest | None = None,
        limits: Limits | None = None,
    ) -> None:
        self.today = scenario.today
        self._target, self._scenario, self._specs = target, scenario, specs
        self._suggest, self._limits = suggest, limits or Limits()
        self._modules = tuple(located(module) for module in target.modules or (target.module,))
        self._log: list[tuple[str, Mapping[str, JsonValue]]] = []
        self._state: JsonValue = None
        self._stale = self._broken = False
        self._drawing: set[str] = set()
        self._channel: Channel | None = self._open()

    def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        """Execute a function in the worker; see `Environment.call`."""
        reply = self._request({"op": "call", "function": function, "arguments": dict(arguments)})
        if "drew" in reply:
            self._drawing.add(function)
        if "error" in reply:
            # Undone before the next request, in a fresh process.
            self._stale = bool(reply.get("changed"))
            self._state = None if self._stale else self._state
            raise CallError(str(reply["error"]))
        self._state = None
        # A copy, because the caller may change its dictionary before a replay.
        self._log.append((function, json.loads(json.dumps(arguments))))
        return reply["value"]

    def state(self) -> JsonValue:
        """The instance's attributes as JSON; an empty object for a module's functions."""
        return json.loads(self.state_text())

    def checkpoint(self) -> object:
        """The calls so far: a mark stays good after going back before it."""
        return tuple(self._log)

    def rollback(self, mark: object) -> None:
        """Go to a checkpoint by repeating its calls in a fresh process, unless the calls since only read.

        This also mends an environment that broke after the checkpoint.
        """
        assert isinstance(mark, tuple)
        if self._broken or self._changes(mark) != self._changes(self._log):
            self._stale, self._state = True, None
        self._log = list(mark)

    def _changes(self, calls: Sequence[tuple[str, Mapping[str, JsonValue]]]) -> list[tuple[str, Mapping[str, JsonValue]]]:
        """The calls that may have changed something: all but those of functions that were seen to only read.

        A random number that happens to come twice looks like reading, so the worker says what drew one.
        """
        return [call for call in calls if call[0] in self._drawing or not self._only_reads(call[0])]

    def _only_reads(self, function: str) -> bool:
        spec = self._specs.get(function)
        return spec is not None and spec.effect is Effect.READ

    def suggest(self, function: str, parameter: str, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue | Missing:
        """A value that the present state holds for this parameter."""
        if not self._target.class_name:
            return MISSING
        if self._suggest is not None:
            return self._suggest(self.state(), function, parameter, chosen, rng)
        spec = self._specs.get(function)
        return MISSING if spec is None else harvest(self.state(), spec, parameter, chosen, rng)

    def describe(self) -> JsonValue:
        """What the module defines (see `magnet_ray.functions.python_introspection`)."""
        return self._value({"op": "describe"}, self._limits.import_seconds)

    def close(self) -> None:
        """End the conversation's process."""
        if self._channel is not None:
            self._release(self._channel)
        self._channel, self._broken, self._stale = None, False, False

    def _release(self, channel: Channel) -> None:
        if not (self._target.reusable and keep_channel(channel, self._modules, self._limits)):
            channel.close()

    def _fresh_channel(self) -> Channel:
        waiting = idle_channel(self._modules, self._limits) if self._target.reusable else None
        return waiting or worker_for(self._modules, self._limits).converse()

    def _open(self) -> Channel:
        target, scenario = self._target, self._scenario
        opening = {
            "op": "open",
            "module": located(target.module),
            "class_name": target.class_name,
            "loader": target.loader,
            "hidden": target.hidden,
            "integer_keys": target.integer_keys,
            "error_field": target.error_field,
            "seed": scenario.seed,
            "scenario": scenario.state,
            "arguments": dict(scenario.arguments),
            "output_bytes": self._limits.output_bytes,
        }
        channel = self._fresh_channel()
        channel.served += 1
        try:
            reply = channel.request(opening, self._limits.call_seconds)
        except EnvironmentFault:
            channel.close()
            raise
        if "fault" in reply:
            channel.close()
            raise EnvironmentFault(f"{target.class_name or target.module} could not be set up: {reply['fault']}")
        channel.pid = int(reply["value"])
        return channel

    def _request(self, request: dict[str, Any], seconds: float = 0.0) -> dict[str, Any]:
        if self._channel is None and not (self._broken and self._stale):
            raise EnvironmentFault("this environment is closed, or broke in an earlier call")
        if self._stale:
            self.close()
            self._channel = self._open()
            if self._log:
                self._exchange({"op": "replay", "calls": self._log}, self._limits.cpu_seconds)
        return self._exchange(request, seconds or self._limits.call_seconds)

    def _exchange(self, request: dict[str, Any], seconds: float) -> dict[str, Any]:
        assert self._channel is not None
        try:
            reply = self._channel.request(request, seconds)
        except EnvironmentFault:
            self._abandon()
            raise
        if "fault" in reply:
            self._abandon()
            raise EnvironmentFault(str(reply["fault"]))
        return reply

    def _abandon(self) -> None:
        if self._channel is not None:
            self._channel.close()
        self._channel, self._broken, self._stale = None, True, False

    def _value(self, request: dict[str, Any], seconds: float = 0.0) -> JsonValue:
        return self._request(request, seconds)["value"]

    def state_text(self) -> str:
        """The state as JSON text."""
        if self._state is None:
            self._state = json.dumps(self._value({"op": "state"})) if self._target.class_name else "{}"
        return str(self._state)


def growing(environment: IsolatedEnvironment, specs: Mapping[str, FunctionSpec]) -> tuple[str, ...]:
    """Functions that were seen to add something to an instance, found by calling each with plausible values."""
    rng = Random("growing")
    names = sorted(name for name, spec in specs.items() if spec.effect is not Effect.READ)
    found: dict[str, None] = {}
    breaking: set[str] = set()
    for name in [name for _ in range(2) for name in rng.sample(names, len(names))]:
        if name in breaking:
            continue
        mark = environment.checkpoint()
        try:
            before = len(environment.state_text())
            if not _try_call(environment, specs[name], rng):
                continue
            after = len(environment.state_text())
        except EnvironmentFault:
            breaking.add(name)
            environment.rollback(mark)
            continue
        if after > before:
            found.setdefault(name)
        elif after < before:
            environment.rollback(mark)
    return tuple(sorted(found.keys() - breaking))


def fill(environment: IsolatedEnvironment, specs: Mapping[str, FunctionSpec], growers: tuple[str, ...], seed: int) -> None:
    """Call a few growing functions of a fresh instance, so that a conversation does not begin with an empty object."""
    rng = Random(f"fill {seed}")
    for _ in range(FILL_CALLS if growers else 0):
        mark = environment.checkpoint()
        try:
            _try_call(environment, specs[rng.choice(growers)], rng)
        except EnvironmentFault:
            environment.rollback(mark)


def _try_call(environment: IsolatedEnvironment, spec: FunctionSpec, rng: Random) -> bool:
    from magnet_ray.values import draw_argument

    chosen: dict[str, JsonValue] = {}
    try:
        for parameter in spec.required:
            chosen[parameter] = draw_argument(environment, spec, parameter, chosen, rng)
        environment.call(spec.callable_name, chosen)
    except (CallError, Rejected):
        return False
    return True


def located(module: str) -> str:
    """A module as a worker finds it: the path of a file made absolute, because the worker runs in a directory of its own."""
    return str(Path(module).resolve()) if module.endswith(".py") else module


def python_target(text: str) -> Target:
    """The target of `MODULE`, `FILE.py`, `MODULE:CLASS` or `FILE.py:CLASS`."""
    module, _, class_name = text.rpartition(":")
    return Target(module=module, class_name=class_name) if module and class_name.isidentifier() else Target(module=text)
