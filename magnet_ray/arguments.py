"""Choosing the arguments of a call, each with the place that its value comes from.

In order of preference: what the walked edge maps from an earlier output; what another earlier output maps; what
the conversation already spoke of; a new value that the environment or the schema makes plausible.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from random import Random

from magnet_ray.environments.base import Environment
from magnet_ray.errors import Rejected
from magnet_ray.graph import FunctionGraph
from magnet_ray.json_paths import expand, value_at
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.teacher.references import identifies_item, is_sayable, list_place, stands_out, superlatives
from magnet_ray.teacher.shown import Shown
from magnet_ray.types import ArgumentOrigin, Edge, EdgeKind, Effect, FailureReason, FunctionSpec, JsonValue, Origin, Step
from magnet_ray.values import draw_argument

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}")
_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?")

LINK = 0.55
"""Probability of taking a value from an earlier output that no walked edge asks for."""
REUSE = 0.4
"""Probability of speaking of the same entity again."""
OPTIONAL = 0.3
"""Probability of giving an optional argument."""
MAX_CARRIED = 60
"""Longest text that one call takes from another's output; a longer one is prose."""
MAX_OPTIONAL = 2
"""Most optional arguments that one call is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What choosing arguments may look at."""

    environment: Environment
    """The conversation's world, at the present state."""
    graph: FunctionGraph
    """Dependencies of the pool."""
    done: Mapping[int, tuple[PlannedCall, ...]]
    """Turn -> the calls made so far; the present turn's are under `turn`."""
    turn: int
    """Index of the present turn."""
    speakable: frozenset[str]
    """Parameters of the function that the teacher can word."""
    fresh: bool = False
    """Whether to speak of something new: only the walked edge may bring values from before."""
    told: Mapping[int, str] = field(default_factory=dict)
    """Turn -> what the assistant said at its end: of a long list, the user knows what stands there."""


@dataclass(slots=True)
class Chosen:
    """Arguments in declared order with their origins."""

    values: dict[str, JsonValue] = field(default_factory=dict)
    """Parameter -> value."""
    origins: dict[str, ArgumentOrigin] = field(default_factory=dict)
    """Parameter -> where it comes from."""

    def put(self, parameter: str, value: JsonValue, origin: ArgumentOrigin) -> None:
        """Set one argument."""
        self.values[parameter] = value
        self.origins[parameter] = origin


def choose_arguments(spec: FunctionSpec, step: Step, around: Surroundings, rng: Random, *, attempt: int = 0) -> Chosen:
    """Arguments for a call of `spec`; later attempts rely less on earlier outputs.

    Raises:
        Rejected: a required argument has no plausible value.
    """
    chosen = Chosen()
    wanted = [*spec.required, *_optional(spec, around, rng)]
    if attempt < 3:
        _from_step_source(chosen, spec, step, around, rng)
        _from_context(chosen, spec, step, around)
    if attempt < 2 and not around.fresh:
        _from_other_outputs(chosen, spec, around, rng, wanted)
        _from_conversation(chosen, spec, step, around, rng, wanted)
    for parameter in spec.properties:
        if parameter in wanted and parameter not in chosen.values:
            value = draw_argument(around.environment, spec, parameter, chosen.values, rng)
            chosen.put(parameter, value, ArgumentOrigin(origin=Origin.QUERY, turn=around.turn))
    ordered = [name for name in spec.properties if name in chosen.values]
    return Chosen({name: chosen.values[name] for name in ordered}, {name: chosen.origins[name] for name in ordered})


def _optional(spec: FunctionSpec, around: Surroundings, rng: Random) -> list[str]:
    names = [name for name in spec.properties if name not in spec.required and name in around.speakable]
    return [name for name in names if rng.random() < OPTIONAL][:MAX_OPTIONAL]


def _sources(step: Step, around: Surroundings) -> Iterator[tuple[int, int, PlannedCall]]:
    """The calls that the step's edge starts from."""
    if step.source_turn is None or step.source_step is None:
        return
    for index, call in enumerate(around.done.get(step.source_turn, ())):
        if call.step == step.source_step:
            yield step.source_turn, index, call


def _from_step_source(chosen: Chosen, spec: FunctionSpec, step: Step, around: Surroundings, rng: Random) -> None:
    for turn, index, call in _sources(step, around):
        edge = around.graph.edge(call.spec.name, spec.name)
        if edge and edge.kind is not EdgeKind.PREREQUISITE:
            # Counts and choices of an earlier output are seldom what a person refers to; what converts is the exception.
            whole = len(spec.required) == 1 or edge.kind is EdgeKind.FULL
            carried = [
                name for name in spec.required if spec.properties[name].get("type") == "string" or (whole and len(edge.mappings) == 1)
            ]
            carried = [name for name in carried if "enum" not in spec.properties[name]]
            _map(chosen, spec, edge, (turn, index, call), rng, frozenset(carried), around)
            return


def _from_context(chosen: Chosen, spec: FunctionSpec, step: Step, around: Surroundings) -> None:
    """What a lookup of the same turn was asked with holds for the call that it serves: the same date, the same place."""
    for turn, _, call in _sources(step, around):
        if turn != around.turn or call.spec.effect is not Effect.READ:
            continue
        for name, value in call.arguments.items():
            if name in spec.required and name not in chosen.values and not isinstance(value, bool):
                chosen.put(name, value, _again(call.origins[name], around.turn))


def _from_other_outputs(chosen: Chosen, spec: FunctionSpec, around: Surroundings, rng: Random, wanted: list[str]) -> None:
    for turn in sorted(around.done, reverse=True):
        for index, call in enumerate(around.done[turn]):
            open_parameters = frozenset(name for name in wanted if name not in chosen.values and spec.names_thing(name))
            edge = around.graph.edge(call.spec.name, spec.name)
            if edge and edge.kind is not EdgeKind.PREREQUISITE and open_parameters and rng.random() < LINK:
                _map(chosen, spec, edge, (turn, index, call), rng, open_parameters, around)


def _map(
    chosen: Chosen,
    spec: FunctionSpec,
    edge: Edge,
    source: tuple[int, int, PlannedCall],
    rng: Random,
    parameters: frozenset[str],
    around: Surroundings,
) -> None:
    """Take what an edge maps; all values out of one list come from the same item."""
    turn, index, call = source
    now, told = around.turn, around.told.get(turn, "")
    if call.nested and turn < now:
        # What went unmentioned was not told either.
        return
    picked: dict[str, int] = {}
    for mapping in edge.mappings:
        if mapping.parameter in chosen.values or mapping.parameter not in parameters:
            continue
        found = [(path, value) for path, value in expand(call.output, mapping.output_path) if _fits(spec, mapping.parameter, value)]
        if not found or ("[]" in mapping.output_path and _elsewhere(chosen, spec, call)):
            continue
        if turn < now and told:
            found = _told(found, call, Shown(told, around.environment.today))
        item = _pick_item(found, picked, call, rng, unseen=turn == now) if found else None
        if item is None:
            continue
        path, value = item
        if turn == now and list_place(path) and not identifies_item(call.output, path):
            # The user has not seen the list, so only the item itself can be spoken of.
            continue
        echoed = next((name for name, item in call.arguments.items() if isinstance(value, str) and item == value), None)
        if echoed:
            # The output only repeats what the user said: the user is the origin.
            chosen.put(mapping.parameter, value, _again(call.origins[echoed], now))
        else:
            chosen.put(mapping.parameter, value, ArgumentOrigin(origin=Origin.OUTPUT, turn=turn, call=index, path=path))


def _told(found: list[tuple[str, JsonValue]], call: PlannedCall, shown: Shown) -> list[tuple[str, JsonValue]]:
    """Of the mapped values, those that the closing message said, else those that a person can point at without saying them."""
    known = [item for item in found if shown.says(item[1])]
    if known:
        return known
    place = list_place(found[0][0])
    if place is None:
        return [item for item in found if not is_sayable(item[1])]
    # Of a list, one points at what was read out by another name.
    named = shown.named(value_at(call.output, place[0]))
    return [item for item in found if (at := list_place(item[0])) and at[0] == place[0] and at[1] in named and not is_sayable(item[1])]


def _elsewhere(chosen: Chosen, spec: FunctionSpec, call: PlannedCall) -> bool:
    """Whether a list was asked for with another date or thing than the call is about: then its items do not belong there."""
    return any(name in spec.properties and name in chosen.values and chosen.values[name] != value for name, value in call.arguments.items())


def _pick_item(
    found: list[tuple[str, JsonValue]], picked: dict[str, int], call: PlannedCall, rng: Random, *, unseen: bool
) -> tuple[str, JsonValue] | None:
    """One of the mapped values; of a list that the user has not seen, one that words can single out, or None without any."""
    place = list_place(found[0][0])
    if place is None:
        return found[0]
    container = place[0]
    if container not in picked:
        at = [(where[1], value) for path, value in found if (where := list_place(path))]
        if unseen:
            items = value_at(call.output, container)
            at = [(i, value) for i, value in at if superlatives(items, i)] or [(i, value) for i, value in at if stands_out(items, i, value)]
        if not at:
            return None
        picked[container] = rng.choice(at)[0]
    return next((item for item in found if list_place(item[0]) == (container, picked[container])), found[0])


def _fits(spec: FunctionSpec, parameter: str, value: JsonValue) -> bool:
    """Whether a value has the parameter's type and can be spoken of."""
    kind = spec.properties[parameter].get("type")
    match value:
        case bool():
            return False
        case int():
            return kind in ("integer", "number")
        case float():
            return kind == "number"
        case str():
            return kind == "string" and 0 < len(value) <= MAX_CARRIED and not value.endswith(".")
        case list():
            return kind == "array" and bool(value)
    return False


def _from_conversation(chosen: Chosen, spec: FunctionSpec, step: Step, around: Surroundings, rng: Random, wanted: list[str]) -> None:
    """Speak of the same entity again: the same parameter of one of the last calls."""
    walked = {id(call) for _, _, call in _sources(step, around)}
    for turn in sorted((t for t in around.done if t >= around.turn - 2), reverse=True):
        for call in around.done[turn]:
            for parameter in wanted:
                value = call.arguments.get(parameter)
                if parameter in chosen.values or not isinstance(value, str):
                    continue
                if not _goes_on(spec, parameter, call, chosen, near=turn >= around.turn - 1):
                    continue
                if rng.random() < (0.9 if id(call) in walked else REUSE):
                    chosen.put(parameter, value, _again(call.origins[parameter], around.turn))


def _goes_on(spec: FunctionSpec, parameter: str, call: PlannedCall, chosen: Chosen, *, near: bool) -> bool:
    """Whether people would speak of an argument of `call` again: of a thing, or of the date that they just asked about it."""
    value = call.arguments[parameter]
    if _MOMENT.fullmatch(str(value)):
        shared = any(chosen.values.get(name) == item for name, item in call.arguments.items() if spec.properties.get(name))
        return near and shared and call.spec.effect is Effect.READ and _DAY.fullmatch(str(value)) is not None
    return spec.names_thing(parameter)


def _again(origin: ArgumentOrigin, turn: int) -> ArgumentOrigin:
    if origin.origin is Origin.QUERY and origin.turn < turn:
        return ArgumentOrigin(origin=Origin.EARLIER_QUERY, turn=origin.turn, text=origin.text)
    return origin


def vary(first: PlannedCall, around: Surroundings, rng: Random, taken: set[str], only: str = "") -> tuple[str, Chosen]:
    """The arguments of a call like `first` over another entity: one value differs.

    Args:
        first: the step's first call.
        around: as for `choose_arguments`.
        rng: source of the choice.
        taken: values (as text) that the step has used.
        only: the parameter that must differ, when the step has begun to vary one.

    Raises:
        Rejected: no parameter can vary.
    """
    for parameter in (only,) if only else _entity_parameters(first):
        origin = first.origins[parameter]
        others = {name: value for name, value in first.arguments.items() if name != parameter}
        for _ in range(4):
            if origin.origin is Origin.OUTPUT:
                value, where = _other_item(first, parameter, around, rng, taken)
            else:
                value, where = (
                    draw_argument(around.environment, first.spec, parameter, others, rng),
                    ArgumentOrigin(origin=Origin.QUERY, turn=around.turn),
                )
            if value is not None and str(value) not in taken:
                values = {name: value if name == parameter else item for name, item in first.arguments.items()}
                origins = {name: where if name == parameter else item for name, item in first.origins.items()}
                return parameter, Chosen(values, origins)
    raise Rejected(FailureReason.NO_VALUE, f"{first.spec.name} has no argument that can vary")


def _entity_parameters(call: PlannedCall) -> list[str]:
    """Parameters that a step can be repeated over: texts first, then numbers.

    A write is repeated over its first parameter alone: the same thing is not changed twice in one breath.
    """
    names = [name for name in call.spec.required if isinstance(call.arguments.get(name), str)]
    if call.spec.effect is Effect.WRITE:
        # One does not switch to two plans, nor set two favourites.
        several = not (names and "enum" in call.spec.properties[names[0]]) and not (
            len(call.spec.required) == 1 and call.spec.name.startswith("set")
        )
        return [name for name in names[:1] if several and call.origins[name].origin is not Origin.EARLIER_QUERY]
    names += [
        name
        for name in call.spec.required
        if isinstance(call.arguments.get(name), int | float) and not isinstance(call.arguments.get(name), bool)
    ]
    return [name for name in names if call.origins[name].origin is not Origin.EARLIER_QUERY]


def _other_item(first: PlannedCall, parameter: str, around: Surroundings, rng: Random, taken: set[str]) -> tuple[JsonValue, ArgumentOrigin]:
    origin = first.origins[parameter]
    place = list_place(origin.path)
    if place is None or origin.turn not in around.done:
        return None, origin
    source = around.done[origin.turn][origin.call]
    pattern = origin.path.replace(f"[{place[1]}]", "[]")
    found = [(path, value) for path, value in expand(source.output, pattern) if str(value) not in taken]
    if origin.turn == around.turn:
        items = value_at(source.output, place[0])
        found = [(path, value) for path, value in found if (at := list_place(path)) and superlatives(items, at[1])]
        found = [(path, value) for path, value in found if identifies_item(source.output, path)]
    else:
        told = around.told.get(origin.turn, "")
        found = _told(found, source, Shown(told, around.environment.today)) if told and found else found
    if not found:
        return None, origin
    path, value = rng.choice(found)
    return value, ArgumentOrigin(origin=Origin.OUTPUT, turn=origin.turn, call=origin.call, path=path)
