"""Opens the environment that a key names: `builtin:DOMAIN`, `simulated:CATEGORY`, `python:MODULE[:CLASS]`, `bfcl:CLASS`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from magnet_ray.environments.base import Environment, OpenEnvironment
from magnet_ray.environments.in_process import BuiltinEnvironment
from magnet_ray.environments.isolated import IsolatedEnvironment, Limits, Scenario, fill, growing, python_target
from magnet_ray.environments.simulated import SimulatedEnvironment
from magnet_ray.errors import EnvironmentFault
from magnet_ray.functions.bfcl import bfcl_scenario, bfcl_suggest, bfcl_target
from magnet_ray.functions.python_source import constructor_arguments
from magnet_ray.types import FunctionSpec


def environment_opener(call_seconds: float, memory_mb: int) -> OpenEnvironment:
    """`open_environment` with limits on foreign code: seconds of one call, and memory of one process in MiB."""
    return partial(open_environment, limits=Limits(call_seconds=call_seconds, memory_bytes=memory_mb * 2**20))


def open_environment(key: str, seed: int, specs: Mapping[str, FunctionSpec], *, limits: Limits | None = None) -> Environment:
    """A fresh environment in the scenario of `seed`.

    Args:
        key: `FunctionSpec.environment` of the functions.
        seed: seed of the scenario.
        specs: callable name -> specification, for the functions of this environment.
        limits: what foreign code may use.

    Raises:
        EnvironmentFault: it cannot be opened.
    """
    kind, _, rest = key.partition(":")
    limits = limits or Limits()
    match kind:
        case "builtin":
            return BuiltinEnvironment(rest, seed)
        case "simulated":
            return SimulatedEnvironment(rest, seed, specs)
        case "python":
            return _open_python(rest, seed, specs, limits)
        case "bfcl":
            return IsolatedEnvironment(bfcl_target(rest), bfcl_scenario(rest, seed), specs, suggest=bfcl_suggest(rest), limits=limits)
    raise EnvironmentFault(f"no environment answers to {key!r}")


def _open_python(text: str, seed: int, specs: Mapping[str, FunctionSpec], limits: Limits) -> IsolatedEnvironment:
    """A module, or an instance of a class that a few calls have filled."""
    target = python_target(text)
    if not target.class_name:
        return IsolatedEnvironment(target, Scenario(seed=seed), specs, limits=limits)

    def fresh(at: int) -> IsolatedEnvironment:
        return IsolatedEnvironment(target, Scenario(seed=at, arguments=constructor_arguments(target, at)), specs, limits=limits)

    # What grows an instance depends on the functions alone, never on the conversations that this process saw before.
    known = (text, limits, *sorted((name, spec.parameters, spec.effect.value) for name, spec in specs.items()))
    if known not in _GROWERS:
        trial = fresh(0)
        _GROWERS[known] = growing(trial, specs)
        trial.close()
    environment = fresh(seed)
    fill(environment, specs, _GROWERS[known], seed)
    return environment


_GROWERS: dict[tuple[object, ...], tuple[str, ...]] = {}
