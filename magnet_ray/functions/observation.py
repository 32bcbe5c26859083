"""Observation, not annotation: what a function does is found by executing it in sampled scenarios.

For each function: whether it only reads (the state stays the same, and so does the answer to the same call), the schema of its output where
none was declared, and whether it can be called at all with plausible arguments.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random

from genson import SchemaBuilder

from magnet_ray.environments.base import Environment, OpenEnvironment
from magnet_ray.environments.execution import execute
from magnet_ray.errors import CallError, EnvironmentFault, Rejected
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.types import Effect, Failure, FailureReason, FunctionSpec, JsonValue, canonical, compact, content_id
from magnet_ray.values import draw_argument

SCENARIOS = 4
"""Scenarios in which each function is executed."""
ATTEMPTS = 4
"""Argument sets tried in each scenario."""
ACCEPTED = 0.2
"""Share of its calls that a function must accept to be of use."""
WARM_UP = 6
"""Other functions executed first, for those that need an earlier step."""


@dataclass(slots=True)
class Sighting:
    """What was seen of one function."""

    attempted: int = 0
    """Calls that were tried."""
    succeeded: int = 0
    """Calls that its environment accepted."""
    wrote: bool = False
    """Whether any of them changed the state."""
    broke: bool = False
    """Whether a call broke the environment: then the function is not called again."""
    wavers: bool = False
    """Whether the same call in the same scenario gave another answer, or left another state."""
    outputs: list[JsonValue] = field(default_factory=list)
    """Outputs, for the schema."""
    refusal: str = "never called"
    """The last refusal."""

    @property
    def usable(self) -> bool:
        """Whether it accepts calls often enough, and never broke its environment or contradicted itself."""
        return not self.broke and not self.wavers and self.succeeded > 0 and self.succeeded >= ACCEPTED * self.attempted


def observe_pool(pool: FunctionPool, open_environment: OpenEnvironment, *, seed: int = 0) -> FunctionPool:
    """The pool with observed effects and output schemas; functions that were never accepted become failures."""
    seen: dict[str, Sighting] = {}
    for key in dict.fromkeys(spec.environment for spec in pool.specs):
        specs = pool.in_environment(key)
        seen |= _observe_environment(key, specs, open_environment, seed)
    kept = tuple(_described(spec, seen[spec.name]) for spec in pool.specs if seen[spec.name].usable)
    lost = tuple(_failure(index, spec, seen[spec.name]) for index, spec in enumerate(pool.specs) if not seen[spec.name].usable)
    return replace(pool, specs=kept, failures=(*pool.failures, *lost))


def _observe_environment(key: str, specs: Mapping[str, FunctionSpec], open_environment: OpenEnvironment, seed: int) -> dict[str, Sighting]:
    """Sightings by offered name, over several scenarios of one environment."""
    seen = {spec.name: Sighting() for spec in specs.values()}
    scenarios = 1 if key.startswith("simulated:") else SCENARIOS
    for number in range(scenarios):
        scenario = int(content_id(seed, key, number)[:12], 16)
        rng = Random(f"{seed}/{key}/{number}")
        while (broken := _broken(seen)) < len(seen):
            try:
                environment = open_environment(key, scenario, specs)
            except EnvironmentFault as fault:
                for sighting in seen.values():
                    sighting.refusal = str(fault)
                break
            try:
                usable = [spec for spec in specs.values() if not seen[spec.name].broke]
                _observe_scenario(environment, usable, seen, rng, again=key.startswith("python:"))
                break
            except EnvironmentFault as fault:
                # The scenario begins again without the function that broke it.
                if _broken(seen) == broken:
                    _note(seen, str(fault))
                    break
            finally:
                environment.close()
    return seen


def _broken(seen: Mapping[str, Sighting]) -> int:
    return sum(sighting.broke for sighting in seen.values())


def _note(seen: Mapping[str, Sighting], refusal: str) -> None:
    for sighting in seen.values():
        if not sighting.attempted:
            sighting.refusal = refusal


def _observe_scenario(
    environment: Environment, specs: Sequence[FunctionSpec], seen: Mapping[str, Sighting], rng: Random, *, again: bool
) -> None:
    """Call every function; `again`: also see whether the same call in the same state gives the same."""
    mark = environment.checkpoint()
    lost = []
    for spec in specs:
        if not _try(environment, spec, seen[spec.name], rng, mark if again else None):
            lost.append(spec)
        environment.rollback(mark)
    if not lost:
        return
    # Some functions work only after others (a payment after a purchase): act a little, then try again.
    for spec in rng.sample(list(specs), min(WARM_UP, len(specs))):
        warming = Sighting()
        try:
            _try(environment, spec, warming, rng)
        except EnvironmentFault:
            seen[spec.name].refusal, seen[spec.name].broke = warming.refusal, True
            raise
    warm = environment.checkpoint()
    for spec in lost:
        _try(environment, spec, seen[spec.name], rng, warm if again else None)
        environment.rollback(warm)
    environment.rollback(mark)


def _try(environment: Environment, spec: FunctionSpec, sighting: Sighting, rng: Random, mark: object = None) -> bool:
    """Call a function with drawn arguments until it is accepted, and note what happened; returns whether it was.

    Args:
        environment: where it is called.
        spec: the function.
        sighting: what was seen of it so far.
        rng: source of the arguments.
        mark: the present checkpoint, where the call is to be repeated from it; None where one call is enough.

    Raises:
        EnvironmentFault: it broke the environment.
    """
    before = canonical(environment.state())
    for _ in range(ATTEMPTS):
        arguments: dict[str, JsonValue] = {}
        sighting.attempted += 1
        try:
            for name in spec.properties:
                if name in spec.required:
                    arguments[name] = draw_argument(environment, spec, name, arguments, rng)
            output = execute(environment, spec, arguments)
            after = canonical(environment.state())
            sighting.wrote = sighting.wrote or after != before or not _repeats(environment, spec, arguments, output)
            if mark is not None:
                environment.rollback(mark)
                steady = _repeats(environment, spec, arguments, output) and canonical(environment.state()) == after
                sighting.wavers = sighting.wavers or not steady
        except (CallError, Rejected) as error:
            sighting.refusal = str(error)
            continue
        except EnvironmentFault as fault:
            sighting.refusal, sighting.broke = str(fault), True
            raise
        sighting.succeeded += 1
        sighting.outputs.append(output)
        return True
    return False


def _repeats(environment: Environment, spec: FunctionSpec, arguments: Mapping[str, JsonValue], output: JsonValue) -> bool:
    """Whether the same call gives the same output again: otherwise it changed something that the state does not show."""
    try:
        return canonical(execute(environment, spec, arguments)) == canonical(output)
    except CallError:
        return False


def _described(spec: FunctionSpec, sighting: Sighting) -> FunctionSpec:
    effect = Effect.WRITE if sighting.wrote else Effect.READ
    return replace(spec, effect=effect, returns=spec.returns or compact(infer_schema(sighting.outputs)))


def infer_schema(values: Sequence[JsonValue]) -> dict[str, JsonValue]:
    """A JSON Schema that all values conform to."""
    builder = SchemaBuilder(schema_uri=None)
    for value in values:
        builder.add_object(value)
    schema: dict[str, JsonValue] = builder.to_schema()
    return schema


def _failure(index: int, spec: FunctionSpec, sighting: Sighting) -> Failure:
    seen = f"accepted {sighting.succeeded} of {sighting.attempted} calls: {' '.join(sighting.refusal.split())[:300]}"
    return Failure(
        id=spec.name,
        index=index,
        stage="pool",
        reason=FailureReason.CALL_FAILED,
        detail="the same call in the same state gave different answers" if sighting.wavers and not sighting.broke else seen,
        category=spec.category,
    )
