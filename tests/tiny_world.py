"""A world of a few functions over one dictionary, for tests that need an environment to refuse, to break, or to know a value."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from magnet_ray.environments.base import MISSING, Missing, OpenEnvironment
from magnet_ray.errors import CallError, EnvironmentFault
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.graph import build_graph
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.translation import TranslationSettings, Workshop
from magnet_ray.types import ArgumentOrigin, Category, FunctionSpec, Origin, SignaturePath, Step, TurnSignature

State = dict[str, Any]
Behaviour = Callable[[State, Mapping[str, Any]], Any]
KEY = "test:one"


@dataclass(slots=True)
class TinyWorld:
    """An environment whose functions are given as callables (state, arguments) -> output."""

    functions: Mapping[str, Behaviour]
    """Name -> behaviour; a behaviour raises `CallError` to refuse."""
    values: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    """Parameter -> values that a user may name."""
    refusals: dict[str, int] = field(default_factory=dict)
    """Function -> how many of its next calls are refused."""
    faults: frozenset[str] = frozenset()
    """Functions that break the world."""
    held: State = field(default_factory=dict)
    """The state."""
    today: str = ""
    """No dates here."""
    calls: list[tuple[str, dict[str, Any], bool]] = field(default_factory=list)
    """Every call that was tried: function, arguments, accepted."""
    rollbacks: int = 0
    """How often the world went back."""
    closed: int = 0
    """How often it was closed."""

    def call(self, function: str, arguments: Mapping[str, Any]) -> Any:
        """Execute, refuse or break."""
        if function in self.faults:
            raise EnvironmentFault(f"{function} broke the world")
        refused = self.refusals.get(function, 0) > 0
        self.calls.append((function, dict(arguments), not refused))
        if refused:
            self.refusals[function] -= 1
            raise CallError(f"{function} is busy")
        return copy.deepcopy(self.functions[function](self.held, arguments))

    def state(self) -> Any:
        """A copy of the state."""
        return copy.deepcopy(self.held)

    def checkpoint(self) -> object:
        """A copy of the state."""
        return copy.deepcopy(self.held)

    def rollback(self, mark: object) -> None:
        """Go back to a copy."""
        assert isinstance(mark, dict)
        self.rollbacks += 1
        self.held = copy.deepcopy(mark)

    def suggest(self, function: str, parameter: str, chosen: Mapping[str, Any], rng: Random) -> Any | Missing:
        """One of the parameter's values."""
        return rng.choice(list(self.values[parameter])) if parameter in self.values else MISSING

    def close(self) -> None:
        """Count."""
        self.closed += 1


def opening(world: TinyWorld) -> OpenEnvironment:
    """An opener that always gives this world."""
    return lambda key, seed, specs: world


def workshop_of(world: TinyWorld, specs: Sequence[FunctionSpec], **settings: int) -> Workshop:
    """Pool, graph and template teacher around a tiny world."""
    pool = FunctionPool(specs=tuple(specs))
    return Workshop(
        pool=pool,
        graph=build_graph(pool),
        teacher=TemplateTeacher(),
        open_environment=opening(world),
        settings=TranslationSettings(**settings, distractors=(8, 8)),
    )


def path_of(*turns: Sequence[str] | TurnSignature, category: Category = Category.MULTI_TURN, seed: int = 5) -> SignaturePath:
    """A path that calls the named functions, turn by turn."""
    signatures = tuple(
        turn if isinstance(turn, TurnSignature) else TurnSignature(steps=tuple(Step(function=name) for name in turn)) for turn in turns
    )
    return SignaturePath(id="path", index=0, seed=seed, category=category, domain="test", turns=signatures)


def planned(spec: FunctionSpec, arguments: Mapping[str, Any], output: Any, *, turn: int = 0, step: int = 0, **others: Any) -> PlannedCall:
    """A call whose arguments the query of its turn names."""
    origins = {name: ArgumentOrigin(origin=Origin.QUERY, turn=turn) for name in arguments}
    return PlannedCall(spec=spec, arguments=arguments, origins=others.pop("origins", origins), output=output, step=step, **others)
