"""Whether a miss is genuine, found by executing what is offered (BFCL's missing functions and parameters).

A missing function is genuine when no offered function gives the same result or reaches the same state; a missing
value is genuine when no offered function, called with what the user did say, yields it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from magnet_ray.environments.base import Environment
from magnet_ray.environments.execution import execute
from magnet_ray.errors import CallError, Rejected
from magnet_ray.graph import FunctionGraph
from magnet_ray.json_paths import expand, leaves
from magnet_ray.plain_values import is_plain
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.types import Effect, FailureReason, FunctionSpec, JsonValue, Origin
from magnet_ray.values import draw_argument

TRIES = 2
"""Argument sets with which each offered function is tried."""


def servers(
    calls: Sequence[PlannedCall],
    after_state: JsonValue,
    environment: Environment,
    key: str,
    offered: Sequence[FunctionSpec],
    seed: int,
) -> frozenset[str]:
    """Offered functions that reach what the planned calls reach, tried on the state before them.

    Args:
        calls: the calls of the withheld functions, with their outputs.
        after_state: the state that they led to.
        environment: the world, at the state before them; left as it was.
        key: key of that environment; functions of other environments cannot serve.
        offered: functions to try.
        seed: seed of the values that are drawn.
    """
    mark = environment.checkpoint()
    wrote = environment.state() != after_state
    wanted = _informative(calls)
    found = set()
    for spec in offered:
        if spec.environment != key:
            continue
        rng = Random(f"{seed}/{spec.name}")
        for arguments in _argument_sets(spec, _known(calls), environment, rng):
            try:
                output = execute(environment, spec, arguments)
            except CallError:
                continue
            same_state = wrote and environment.state() == after_state
            told = wanted and not wrote and wanted <= {repr(value) for _, value in leaves(output)}
            environment.rollback(mark)
            if same_state or told:
                found.add(spec.name)
                break
    return frozenset(found)


def _informative(calls: Sequence[PlannedCall]) -> set[str]:
    """What the outputs tell that was not asked with: their leaves without the arguments' own values."""
    given = {repr(value) for call in calls for value in call.arguments.values()}
    told = {repr(value) for call in calls for _, value in leaves(call.output) if value is not None and not isinstance(value, bool)}
    return (told - given) or told or {repr(value) for call in calls for _, value in leaves(call.output)}


def _known(calls: Sequence[PlannedCall]) -> dict[str, JsonValue]:
    """Parameter -> value, for what the user said."""
    return {name: value for call in calls for name, value in call.arguments.items() if call.origins[name].origin is not Origin.OUTPUT}


def _argument_sets(spec: FunctionSpec, known: Mapping[str, JsonValue], environment: Environment, rng: Random) -> list[dict[str, JsonValue]]:
    sets = []
    for _ in range(TRIES):
        arguments: dict[str, JsonValue] = {}
        try:
            for name in spec.required:
                arguments[name] = known[name] if name in known else draw_argument(environment, spec, name, arguments, rng)
        except Rejected:
            continue
        if arguments not in sets:
            sets.append(arguments)
        full = arguments | {name: known[name] for name in spec.properties if name in known}
        if full not in sets:
            sets.append(full)
    return sets


def find_withheld(
    calls: Sequence[PlannedCall],
    candidates: Sequence[tuple[int, str]],
    earlier: Sequence[Sequence[PlannedCall]],
    environment: Environment,
    offered: Sequence[FunctionSpec],
    graph: FunctionGraph,
    rng: Random,
) -> tuple[int, str]:
    """The (call, parameter) whose value the user can forget so that asking is the only right move.

    Args:
        calls: the calls of the turn, executed.
        candidates: (call, parameter) that the teacher can leave out.
        earlier: the calls of each earlier turn, in order.
        environment: the world, at the state before the turn; left as it was.
        offered: functions that could be asked instead of the user.
        graph: tells which output fields mean which parameter.
        rng: source of the choice.

    Raises:
        Rejected: every value is known from elsewhere.
    """
    tried = rng.sample(list(candidates), len(candidates))
    for index, parameter in tried:
        call = calls[index]
        if call.nested or call.origins[parameter].origin is not Origin.QUERY or isinstance(call.arguments[parameter], bool | dict):
            continue
        if _said_elsewhere(index, parameter, calls, earlier):
            continue
        if not _yielded(call, parameter, calls, environment, offered, graph):
            return index, parameter
    raise Rejected(FailureReason.NO_GENUINE_MISS, "every value of the turn can be found without asking")


def yielders(
    call: PlannedCall,
    parameter: str,
    calls: Sequence[PlannedCall],
    environment: Environment,
    offered: Sequence[FunctionSpec],
    graph: FunctionGraph,
) -> frozenset[str]:
    """Offered lookups that show the value of a parameter; see `find_withheld`."""
    return frozenset(spec.name for spec in offered if _yielded(call, parameter, calls, environment, [spec], graph))


def _said_elsewhere(index: int, parameter: str, calls: Sequence[PlannedCall], earlier: Sequence[Sequence[PlannedCall]]) -> bool:
    """Whether the conversation tells the value, or one that would be taken for it; for a thing with a name, any of its kind."""
    call = calls[index]
    value = call.arguments[parameter]
    if any(other.step == call.step and other.arguments.get(parameter) != value for other in calls):
        return True
    beside = [other for position, other in enumerate(calls) if position != index and other.step != call.step]
    if any(parameter in other.arguments for other in beside):
        # `Which times are free on Friday? Then book me in with her`: the Friday would be taken for both.
        return True
    if is_plain(call, parameter, earlier, beside):
        return True
    schema = call.spec.properties[parameter]
    named_thing = isinstance(value, str) and "format" not in schema and "enum" not in schema
    before = [other for turn in earlier for other in turn]
    for other in (*beside, *before):
        if value in other.arguments.values() or (named_thing and parameter in other.arguments):
            return True
    shown = (leaf for other in before for _, leaf in leaves(other.output) if isinstance(leaf, str))
    # A date also stands inside a date with a time.
    return isinstance(value, str) and any(leaf == value or (len(value) > 3 and value in leaf) for leaf in shown)


def _yielded(
    call: PlannedCall,
    parameter: str,
    calls: Sequence[PlannedCall],
    environment: Environment,
    offered: Sequence[FunctionSpec],
    graph: FunctionGraph,
) -> bool:
    """Whether an offered lookup, called with what is known, shows the value."""
    value = call.arguments[parameter]
    known = {name: item for name, item in _known(calls).items() if name != parameter}
    mark = environment.checkpoint()
    for spec in offered:
        if spec.environment != call.spec.environment or spec.effect is Effect.WRITE or not set(spec.required) <= set(known):
            continue
        try:
            output = execute(environment, spec, {name: known[name] for name in spec.required})
        except CallError:
            continue
        environment.rollback(mark)
        if isinstance(value, str):
            if any(leaf == value for _, leaf in leaves(output)):
                return True
            continue
        edge = graph.edge(spec.name, call.spec.name)
        paths = [mapping.output_path for mapping in edge.mappings if mapping.parameter == parameter] if edge else []
        if any(item == value for path in paths for _, item in expand(output, path)):
            return True
    return False
