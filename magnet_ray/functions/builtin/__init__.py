"""The built-in pool: our own stateful domains, one file each. A new domain is a new file and a line in `DOMAINS`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from importlib import import_module

from magnet_ray.errors import SourceError
from magnet_ray.functions.builtin.base import PHRASES_ATTRIBUTE, Domain
from magnet_ray.functions.schema import argument_of, hints_of, parameter_schema, return_schema
from magnet_ray.functions.sources import SourceResult
from magnet_ray.phrases import Argument, Phrases
from magnet_ray.types import FunctionSpec, compact

DOMAINS: tuple[str, ...] = (
    "dining",
    "rail",
    "lodging",
    "events",
    "museum",
    "library",
    "clinic",
    "gym",
    "courses",
    "smart_home",
    "groceries",
    "parcels",
    "recruiting",
)
"""Names of the domains; each is the class of the module of that name."""


@cache
def domain_class(name: str) -> type[Domain]:
    """The class of a built-in domain.

    Raises:
        SourceError: there is no such domain.
    """
    if name not in DOMAINS:
        raise SourceError("no built-in domain of that name", got=name, expected=f"one of {', '.join(DOMAINS)}")
    module = import_module(f"{__name__}.{name}")
    return next(x for x in vars(module).values() if isinstance(x, type) and issubclass(x, Domain) and x.__module__ == module.__name__)


@cache
def functions_of(name: str) -> Mapping[str, Phrases]:
    """The functions of a domain, in source order, with their words and what is known about their arguments."""
    found = {}
    for function, method in vars(domain_class(name)).items():
        phrases = getattr(method, PHRASES_ATTRIBUTE, None)
        if isinstance(phrases, Phrases):
            found[function] = replace(phrases, arguments=_arguments(method))
    return found


def _arguments(method: object) -> dict[str, Argument]:
    hints = hints_of(method)  # type: ignore[arg-type]
    return {name: argument for name, hint in hints.items() if name != "return" and (argument := argument_of(hint))}


def load(argument: str = "") -> SourceResult:
    """The specifications of every built-in function, or of the comma-separated domains in `argument`."""
    chosen = tuple(part.strip() for part in argument.split(",") if part.strip()) or DOMAINS
    return SourceResult(specs=tuple(_spec(name, function) for name in chosen for function in functions_of(name)), failures=())


def _spec(domain: str, function: str) -> FunctionSpec:
    method = getattr(domain_class(domain), function)
    returns = return_schema(method)
    return FunctionSpec(
        name=function,
        description=" ".join((inspect.getdoc(method) or "").split("\n\n")[0].split()),
        parameters=compact(parameter_schema(method)),
        returns=compact(returns) if returns else "",
        category=domain,
        source="builtin",
        environment=f"builtin:{domain}",
    )
