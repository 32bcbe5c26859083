"""Opens the environment that a key names: `builtin:DOMAIN`, `simulated:CATEGORY`, `python:MODULE[:CLASS]`, `bfcl:CLASS`."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from magnet_ray.environments.base import Environment, OpenEnvironment
from magnet_ray.errors import EnvironmentFault
from magnet_ray.types import FunctionSpec


def environment_opener(call_seconds: float, memory_mb: int) -> OpenEnvironment:
    """`open_environment` with limits on foreign code: seconds of one call, and memory of one process in MiB."""
    return partial(open_environment, call_seconds=call_seconds, memory_mb=memory_mb)


def open_environment(
    key: str, seed: int, specs: Mapping[str, FunctionSpec], *, call_seconds: float | None = None, memory_mb: int | None = None
) -> Environment:
    """A fresh environment in the scenario of `seed`.

    Args:
        key: `FunctionSpec.environment` of the functions.
        seed: seed of the scenario.
        specs: callable name -> specification, for the functions of this environment.
        call_seconds: longest that a call of foreign code may take; None for the environment's own default.
        memory_mb: memory that foreign code may use; None for the environment's own default.

    Raises:
        EnvironmentFault: it cannot be opened.
    """
    kind, _, rest = key.partition(":")
    if kind == "builtin":
        from magnet_ray.environments.in_process import BuiltinEnvironment

        return BuiltinEnvironment(rest, seed)
    if kind == "simulated":
        from magnet_ray.environments.simulated import SimulatedEnvironment

        return SimulatedEnvironment(rest, seed, specs)
    if kind in {"python", "bfcl"}:
        from magnet_ray.environments.isolated import open_isolated

        return open_isolated(key, seed, specs, call_seconds=call_seconds, memory_mb=memory_mb)
    raise EnvironmentFault(f"no environment answers to {key!r}")
