"""Where functions come from: a source text such as `builtin` or `jsonl:tools.jsonl` and the loader behind its prefix.

Loaders are imported only when they are asked for, so one source never needs another's dependencies.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Final

from magnet_ray.errors import SourceError
from magnet_ray.types import Failure, FunctionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceResult:
    """What one source gave."""

    specs: tuple[FunctionSpec, ...]
    """Specifications in the source's order, not yet validated."""
    failures: tuple[Failure, ...] = ()
    """Entries that could not even be read as a specification."""
    places: tuple[str, ...] = ()
    """Where each specification stands (`tools.jsonl: line 12`), parallel to `specs`; empty when the source has no file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Loader:
    """How a prefix is loaded."""

    module: str
    """Module that holds `load(argument) -> SourceResult`."""
    argument: str = ""
    """What must follow the prefix; empty when nothing must."""


LOADERS: Final = {
    "builtin": Loader(module="magnet_ray.functions.builtin"),
    "python": Loader(module="magnet_ray.functions.python_source", argument="MODULE_OR_FILE"),
    "bfcl": Loader(module="magnet_ray.functions.bfcl"),
    "toolbench": Loader(module="magnet_ray.functions.toolbench", argument="DIR_OR_FILE"),
    "jsonl": Loader(module="magnet_ray.functions.jsonl", argument="FILE"),
}
PLANNED: Final = ("mcp", "openapi")


def split_source(source: str) -> tuple[str, str]:
    """Prefix and argument of a source text; `builtin` has the argument ``.

    Raises:
        SourceError: unknown prefix, or a prefix without the argument it needs.
    """
    prefix, _, argument = source.strip().partition(":")
    if prefix in PLANNED:
        raise SourceError(f"source {prefix}: is not available yet", source, f"one of {_known()}")
    if prefix not in LOADERS:
        near = get_close_matches(prefix.lower(), LOADERS, n=1, cutoff=0.4)
        hint = "jsonl" if prefix.endswith(".jsonl") else "python" if prefix.endswith(".py") else ""
        fix = f"did you mean {hint}:{source}?" if hint else f"did you mean {near[0]}?" if near else ""
        raise SourceError("unknown function source", source, f"one of {_known()}", fix)
    if LOADERS[prefix].argument and not argument:
        raise SourceError(f"source {prefix}: needs an argument", source, f"{prefix}:{LOADERS[prefix].argument}")
    return prefix, argument


def load_source(source: str) -> SourceResult:
    """Everything that one source gives.

    Raises:
        SourceError: the source text is wrong, or the source cannot be read at all.
    """
    prefix, argument = split_source(source)
    result = importlib.import_module(LOADERS[prefix].module).load(argument)
    assert isinstance(result, SourceResult)
    return result


def _known() -> str:
    return ", ".join(f"{prefix}:{loader.argument}" if loader.argument else prefix for prefix, loader in LOADERS.items())
