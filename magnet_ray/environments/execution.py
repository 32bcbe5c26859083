"""Executing a call by its offered specification, with failure messages in outputs treated as what they are."""

from __future__ import annotations

from collections.abc import Mapping

from magnet_ray.environments.base import Environment
from magnet_ray.errors import CallError
from magnet_ray.types import FunctionSpec, JsonValue


def failed(output: JsonValue) -> bool:
    """Whether an output carries a failure message (paper, section 3.3: such turns are dropped)."""
    if isinstance(output, dict):
        return bool(output.get("error")) or output.get("success") is False
    return isinstance(output, str) and output.lower().startswith(("error", "bad request", "internal server error"))


def execute(environment: Environment, spec: FunctionSpec, arguments: Mapping[str, JsonValue]) -> JsonValue:
    """Execute a call by its offered specification.

    Raises:
        CallError: the environment refused, or answered with a failure message.
    """
    output = environment.call(spec.callable_name, arguments)
    if failed(output):
        raise CallError(f"{spec.name} answered with a failure: {str(output)[:200]}")
    return output
