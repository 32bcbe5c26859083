"""The words of any function: hand-written for the built-in ones, derived from the specification for all others."""

from __future__ import annotations

from functools import lru_cache

from magnet_ray.functions.builtin import functions_of
from magnet_ray.phrases import Phrases
from magnet_ray.teacher.derived_phrases import derive_phrases
from magnet_ray.types import FunctionSpec


@lru_cache(maxsize=65_536)
def phrases_of(spec: FunctionSpec) -> Phrases:
    """The words of a function."""
    if spec.source == "builtin":
        return functions_of(spec.category)[spec.callable_name]
    return derive_phrases(spec)
