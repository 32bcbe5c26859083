"""Whether a miss is genuine, found by executing what is offered (BFCL's missing functions and parameters).

A missing function is genuine when no offered function gives the same result or reaches the same state; a missing
value is genuine when no offered function, called with what the user did say, yields it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random

from magnet_ray.environments.base import Environment
from magnet_ray.environments.execution import execute
from magnet_ray.errors import CallError, Rejected
from magnet_ray.graph import FunctionGraph
from magnet_ray.json_paths import expand, field_values, schema_fields
from magnet_ray.plain_values import is_plain
from magnet_ray.teacher.answering_tells import asked_values
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.types import Effect, FailureReason, FunctionSpec, JsonValue, Origin
from magnet_ray.values import draw_argument

TRIES = 2
"""Argument sets with which each offered function is tried."""
SHARE_TOLD = 0.5
"""Share of what a missing lookup tells from which another one serves as well."""
TELLING = 5
"""Length of a value (as `repr`) beyond which it says the same in a field of another name: not a small number."""


def servers(
    calls: Sequence[PlannedCall],
    after_state: JsonValue,
    environment: Environment,
    key: str,
    offered: Sequence[FunctionSpec],
    seed: int,
    query: str = "",
) -> frozenset[str]:
    """Offered functions that reach what the planned calls reach, tried on the state before them.

    A lookup serves when it tells half of what the calls tell, or all that the query asks for by name; or when it is a list
    in which one would look the asked thing up, whether it stands there or not.

    Args:
        calls: the calls of the withheld functions, with their outputs.
        after_state: the state that they led to.
        environment: the world, at the state before them; left as it was.
        key: key of that environment; functions of other environments cannot serve.
        offered: functions to try.
        seed: seed of the values that are drawn.
        query: what the user says for the calls, if it is worded.
    """
    mark = environment.checkpoint()
    wrote = environment.state() != after_state
    tells = _Telling(calls, query)
    found = set()
    for spec in offered:
        if spec.environment != key:
            continue
        if not wrote and any(_lists_the_same(spec, call) for call in calls):
            found.add(spec.name)
            continue
        rng = Random(f"{seed}/{spec.name}")
        for arguments in _argument_sets(spec, _known(calls), environment, rng):
            try:
                output = execute(environment, spec, arguments)
            except CallError:
                continue
            same_state = wrote and environment.state() == after_state
            environment.rollback(mark)
            if same_state or (not wrote and tells.same(output)):
                found.add(spec.name)
                break
    return frozenset(found)


def _lists_the_same(spec: FunctionSpec, call: PlannedCall) -> bool:
    """Whether a lookup shows things by the names that a call asks with, and half of the fields that the call tells of one."""
    fields = {path.rpartition(".")[2].rstrip("[]") for path, _ in schema_fields(spec.return_schema)}
    asked = set(call.spec.required)
    wanted = {path.rpartition(".")[2].rstrip("[]") for path, _ in schema_fields(call.spec.return_schema)} - asked
    known = set(spec.required) <= set(_known([call]))
    return bool(asked and wanted) and known and asked <= fields and len(wanted & fields) >= SHARE_TOLD * len(wanted)


class _Telling:
    """What the outputs of some calls tell that was not asked with."""

    def __init__(self, calls: Sequence[PlannedCall], query: str) -> None:
        given = {repr(value) for call in calls for value in call.arguments.values()}
        told = [leaf for call in calls for leaf in _told(call.output)]
        self.leaves = [leaf for leaf in told if leaf[1] not in given] or told
        words = [fields for call in calls for fields in asked_values(call.output, query)]
        news = ([[repr(value) for value in values] for values in fields if not given & {*map(repr, values)}] for fields in words)
        self.asked = [fields for fields in news if fields]

    def same(self, output: JsonValue) -> bool:
        """Whether an output tells half of it, field for field or in the same text, or all that was asked for by name."""
        told = set(_told(output))
        values = {value for _, value in told}
        found = sum((field, value) in told or (len(value) > TELLING and value in values) for field, value in self.leaves)
        asked = bool(self.asked) and all(any(set(field) <= values for field in fields) for fields in self.asked)
        return asked or (bool(self.leaves) and found >= SHARE_TOLD * len(self.leaves))


def _told(output: JsonValue) -> Iterator[tuple[str, str]]:
    """Field and value (as `repr`) of what an output tells, without yes and no."""
    return ((name, repr(value)) for name, value in field_values(output) if value is not None and not isinstance(value, bool))


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
    shown = (leaf for other in before for _, leaf in field_values(other.output) if isinstance(leaf, str))
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
            if any(leaf == value for _, leaf in field_values(output)):
                return True
            continue
        edge = graph.edge(spec.name, call.spec.name)
        paths = [mapping.output_path for mapping in edge.mappings if mapping.parameter == parameter] if edge else []
        if any(item == value for path in paths for _, item in expand(output, path)):
            return True
    return False
