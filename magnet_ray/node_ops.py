"""Merge, Insert, Split and Repeat: what turns a walk into the shape of a real conversation (paper, section 3.2).

Each operation is a pure function path -> path, seeded by (path seed, operation), that appends to `ops` what it
did and returns the very same path when it cannot apply. Invariants: a turn never holds more than
`MAX_FUNCTIONS` functions, the functions that were there stay there in their order, `source_turn` and
`source_step` point at an earlier step, and a turn with functions keeps one that the user asks for.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Final

from magnet_ray.graph import FunctionGraph
from magnet_ray.judge import ECHO_CEILING, name_tokens
from magnet_ray.types import Edge, Effect, Miss, Operation, SignaturePath, Step, TurnSignature, content_id

MAX_FUNCTIONS: Final = 3
MAX_CALLS: Final = 5
"""Calls of one turn, repeats included."""
MORE: Final = 0.35
"""Chance that a repeated step makes one call more than it needs to."""

CLEAR: Final = 0.8
"""Share of misses that go where one function, or a value that no lookup tells, is missing."""
SURE: Final = 0.85
"""Success rate from which any item that a lookup finds will do."""
LOOK_AGAIN: Final = 0.5
"""Chance that a lookup is inserted for a step that an earlier output already serves."""
UNDOING: Final = frozenset(
    re.findall(
        r"\w+",
        """cancel drop withdraw refund call leave return remove delete take turn move reschedule revise change resize redirect amend
        edit update modify revoke release close undo reject end stop clear reset decline extend rearrange renew""",
    )
)
"""Verbs that change or undo what an earlier call has made."""

Place = tuple[int, int]
"""(turn, step) of a step in its path."""


def operation_rng(path: SignaturePath, operation: str) -> Random:
    """The random source of one operation on one path."""
    return Random(int(content_id(path.seed, operation), 16))


def merge(
    path: SignaturePath, probability: float = 0.3, max_functions: int = MAX_FUNCTIONS, graph: FunctionGraph | None = None
) -> SignaturePath:
    """Make each two consecutive turns one with `probability`, where no function would occur twice in it.

    With a graph, an action and the one that undoes it stay apart: nobody asks for both in one breath.
    """
    rng = operation_rng(path, "merge")
    turns: list[list[Step]] = []
    places: dict[Place, Place] = {}
    merged = 0
    for number, turn in enumerate(path.turns):
        # The draw is made at every boundary, so that a full turn does not shift the later draws.
        joins = rng.random() < probability
        if not (joins and turns and _may_join(turns[-1], turn.steps, max_functions) and _agree(turns[-1], turn.steps, graph)):
            turns.append([])
        else:
            merged += 1
        for index, step in enumerate(turn.steps):
            places[number, index] = (len(turns) - 1, len(turns[-1]))
            turns[-1].append(step)
    if not merged:
        return path
    renumbered = _renumbered((TurnSignature(steps=tuple(steps)) for steps in turns), lambda place: places[place])
    return replace(path, turns=renumbered, ops=(*path.ops, *[Operation.MERGE] * merged))


def _may_join(first: Sequence[Step], second: Sequence[Step], max_functions: int) -> bool:
    fits = len(first) + len(second) <= max_functions
    return fits and bool(first) and bool(second) and not {step.function for step in first} & {step.function for step in second}


def _agree(first: Sequence[Step], second: Sequence[Step], graph: FunctionGraph | None) -> bool:
    """Whether no action of `second` undoes one of `first`, or does again what `first` undid."""
    return graph is None or not any(contradicts(one.function, other.function, graph) for one in first for other in second)


def contradicts(first: str, second: str, graph: FunctionGraph) -> bool:
    """Whether one of two actions changes or undoes what the other is about."""
    if graph.node(first).lookup or graph.node(second).lookup:
        return False
    linked = graph.edge(first, second) is not None or graph.edge(second, first) is not None
    shared = set(graph.node(first).entities) & set(graph.node(second).entities)
    return bool(linked or shared) and (undoes(first) or undoes(second))


@lru_cache(maxsize=65_536)
def undoes(function: str) -> bool:
    """Whether a function's name says that it changes or undoes something."""
    return not UNDOING.isdisjoint(name_tokens(function)[:1])


def _renumbered(turns: Iterable[TurnSignature], moved: Callable[[Place], Place]) -> tuple[TurnSignature, ...]:
    return tuple(replace(turn, steps=tuple(_redirected(step, moved) for step in turn.steps)) for turn in turns)


def _redirected(step: Step, moved: Callable[[Place], Place]) -> Step:
    if step.source_turn is None or step.source_step is None:
        return step
    turn, index = moved((step.source_turn, step.source_step))
    return replace(step, source_turn=turn, source_step=index)


def insert(
    path: SignaturePath, graph: FunctionGraph, probability: float = 0.8, long_probability: float = 0.4, max_functions: int = MAX_FUNCTIONS
) -> SignaturePath:
    """Add to each turn, with `probability`, a call that depends on its last function, or that it depends on.

    Short dependency: into the same turn, where one of the two goes unmentioned: a new lookup that finds what the
    last function is about; else the last function when it is a mere lookup for the new one; else the new one when
    it is a lookup that needs nothing else.
    Long dependency (`long_probability`): into a random later turn, asked for, pointing back at its source.
    """
    rng = operation_rng(path, "insert")
    turns = [list(turn.steps) for turn in path.turns]
    ops: list[Operation] = []
    for number in range(len(turns)):
        applies, long = rng.random() < probability, rng.random() < long_probability
        if not applies or not turns[number]:
            continue
        places = [later for later in range(number + 1, len(turns)) if turns[later] and len(turns[later]) < max_functions]
        if long and _insert_long(turns, number, places, graph, rng):
            ops.append(Operation.INSERT_LONG)
        elif len(turns[number]) < max_functions and _insert_short(turns, number, graph, rng):
            ops.append(Operation.INSERT_SHORT)
    if not ops:
        return path
    return replace(
        path, turns=tuple(replace(turn, steps=tuple(steps)) for turn, steps in zip(path.turns, turns, strict=True)), ops=(*path.ops, *ops)
    )


def _addable(graph: FunctionGraph, turns: list[list[Step]], number: int, target: int) -> list[Edge]:
    """Edges from a turn's last function to functions that a target turn can take in."""
    visits = Counter(step.function for steps in turns for step in steps)
    there = {step.function for step in turns[target]}
    edges = graph.nested_successors(turns[number][-1].function)
    edges = tuple(edge for edge in edges if not any(contradicts(step.function, edge.target, graph) for step in turns[target]))
    # What is already part of the conversation may come up once more, but it should be something new if possible.
    return [edge for edge in edges if not visits[edge.target]] or [
        edge for edge in edges if visits[edge.target] == 1 and edge.target not in there
    ]


def _insert_long(turns: list[list[Step]], number: int, places: list[int], graph: FunctionGraph, rng: Random) -> bool:
    if not places:
        return False
    target = rng.choice(places)
    edges = _addable(graph, turns, number, target)
    if edges:
        turns[target].append(Step(function=_drawn(edges, rng).target, source_turn=number, source_step=len(turns[number]) - 1))
    return bool(edges)


def _insert_short(turns: list[list[Step]], number: int, graph: FunctionGraph, rng: Random) -> bool:
    last = len(turns[number]) - 1
    giver = turns[number][last]
    if any(_insert_before(turns, (number, index), graph, rng) for index in rng.sample(range(last + 1), last + 1)):
        return True
    edges = _addable(graph, turns, number, number)
    lookup_only = graph.node(giver.function).lookup and not giver.nested and giver.repeats == 1 and not _feeds_other(turns, number, last)
    # When the giver is needed for its own sake, the new call itself must be one that may go unmentioned.
    hideable = [edge for edge in edges if graph.node(edge.target).lookup and not graph.unfilled(edge)]
    options = edges if lookup_only else hideable
    if not options:
        return False
    edge = _drawn(options, rng)
    turns[number][last] = replace(giver, nested=lookup_only)
    turns[number].append(Step(function=edge.target, source_turn=number, source_step=last, nested=not lookup_only))
    return True


def _insert_before(turns: list[list[Step]], place: Place, graph: FunctionGraph, rng: Random) -> bool:
    """Let an unmentioned lookup find what the step at `place` is about, or of several that an earlier output tells, another."""
    number, last = place
    step = turns[number][last]
    if step.nested or step.repeats > 1 or step.source_turn == number or (step.source_turn is not None and rng.random() >= LOOK_AGAIN):
        return False
    there = {other.function for steps in turns for other in steps}
    options = [edge for edge in graph.predecessors(step.function) if edge.source not in there and _finds(edge, graph)]
    if not options:
        return False
    lookup = Step(function=_drawn(options, rng).source, nested=True)
    for steps in turns:
        steps[:] = [_redirected(other, lambda at: (at[0], at[1] + (at[0] == number and at[1] >= last))) for other in steps]
    turns[number][last : last + 1] = [lookup, replace(turns[number][last], source_turn=number, source_step=last)]
    return True


def _finds(edge: Edge, graph: FunctionGraph) -> bool:
    """Whether an edge leads from a lookup of several things to what one of them is needed for."""
    required = graph.node(edge.target).required
    listed = any("[]" in m.output_path and m.parameter in required and m.score > ECHO_CEILING for m in edge.mappings)
    # What the lookup finds must do as it is: a book of the catalogue can be borrowed, but not returned.
    sure = edge.success_rate is None or edge.success_rate >= SURE
    return listed and sure and graph.node(edge.source).lookup and len(graph.node(edge.source).required) <= 2


def _feeds_other(turns: list[list[Step]], number: int, index: int) -> bool:
    return any(step.source_turn == number and step.source_step == index for steps in turns for step in steps)


def _drawn(edges: Sequence[Edge], rng: Random) -> Edge:
    return rng.choices(edges, [edge_weight(edge) + 1e-9 for edge in edges])[0]


def edge_weight(edge: Edge) -> float:
    """How readily an edge is walked: the judge's score times the success rate, where it was executed."""
    return edge.score * (1.0 if edge.success_rate is None else max(edge.success_rate, 0.05))


def split(path: SignaturePath, graph: FunctionGraph, miss: Miss) -> SignaturePath:
    """Precede a random eligible turn by one that asks for the same but cannot be carried out yet.

    The new turn h has no steps and `miss` set; turn h + 1 holds the steps, once the function or value is there.
    A missing function must not have been used before; a missing value must be one that a query has to give.
    """
    rng = operation_rng(path, f"split_{miss.value}")
    if miss is Miss.NONE or any(turn.miss is not Miss.NONE for turn in path.turns):
        return path
    eligible = [number for number in range(len(path.turns)) if _may_miss(path, number, graph, miss)]
    if not eligible:
        return path
    return _missing_before(path, _clear_turn(path, eligible, graph, miss, rng), miss)


def move_miss(path: SignaturePath, graph: FunctionGraph) -> SignaturePath | None:
    """The path with its miss before the next turn that may have one (after the last, the first), or None without another."""
    at = next((number for number, turn in enumerate(path.turns) if turn.miss is not Miss.NONE), None)
    if at is None:
        return None
    rest = _renumbered((*path.turns[:at], *path.turns[at + 1 :]), lambda place: (place[0] - (place[0] > at), place[1]))
    plain, miss = replace(path, turns=rest), path.turns[at].miss
    eligible = [number for number in range(len(rest)) if number != at and _may_miss(plain, number, graph, miss)]
    following = [number for number in eligible if number > at] or eligible
    return replace(_missing_before(plain, following[0], miss), ops=path.ops) if following else None


def _clear_turn(path: SignaturePath, eligible: list[int], graph: FunctionGraph, miss: Miss, rng: Random) -> int:
    plain = [number for number in eligible if miss is Miss.PARAMETER and _lacks_detail(path, number, graph)]
    short = [number for number in eligible if miss is Miss.FUNCTION and len(path.turns[number].steps) == 1]
    # A number or a date that was not said can only be asked for; of several missing functions nobody likes to hear.
    return rng.choice((plain or short or eligible) if rng.random() < CLEAR else eligible)


def _missing_before(path: SignaturePath, at: int, miss: Miss) -> SignaturePath:
    turns = (*path.turns[:at], TurnSignature(steps=(), miss=miss), *path.turns[at:])
    operation = Operation.SPLIT_MISS_FUNC if miss is Miss.FUNCTION else Operation.SPLIT_MISS_PARAMS
    moved = _renumbered(turns, lambda place: (place[0] + (place[0] >= at), place[1]))
    return replace(path, turns=moved, ops=(*path.ops, operation))


def _may_miss(path: SignaturePath, number: int, graph: FunctionGraph, miss: Miss) -> bool:
    steps = path.turns[number].steps
    if miss is Miss.FUNCTION:
        earlier = {step.function for turn in path.turns[:number] for step in turn.steps}
        return bool(steps) and not any(step.function in earlier for step in steps)
    return any(not step.nested and step.repeats == 1 and _asked_values(path, step, graph) for step in steps)


def _lacks_detail(path: SignaturePath, number: int, graph: FunctionGraph) -> bool:
    """Whether a step of a turn needs a number, a date or a choice that the user gives."""
    for step in path.turns[number].steps:
        node = graph.node(step.function)
        if not step.nested and step.repeats == 1 and set(_asked_values(path, step, graph)) & (set(node.scalars) - set(node.entities)):
            return True
    return False


def _asked_values(path: SignaturePath, step: Step, graph: FunctionGraph) -> tuple[str, ...]:
    """Required parameters that no output is meant to fill."""
    node = graph.node(step.function)
    if step.source_turn is None or step.source_step is None:
        return node.required
    edge = graph.edge(path.turns[step.source_turn].steps[step.source_step].function, step.function)
    return graph.unfilled(edge) if edge else node.required


def repeat(path: SignaturePath, graph: FunctionGraph, probability: float = 0.6, max_repeats: int = 3) -> SignaturePath:
    """Let a step make two calls or more, over as many entities, with `probability` a turn.

    Only where a person would list several: the step is asked for, something it is about is left to the query
    or comes from a list, no unmentioned call hangs on it, and calling it several times leaves later turns
    unambiguous (it only looks something up, or nothing later uses its output). At most one step a turn.
    """
    rng = operation_rng(path, "repeat")
    used = Counter((step.source_turn, step.source_step) for turn in path.turns for step in turn.steps)
    turns, applied = [], 0
    for number, turn in enumerate(path.turns):
        applies, pick, calls = rng.random() < probability, rng.random(), _repeat_count(rng, max_repeats)
        held_up = bool(number) and path.turns[number - 1].miss is not Miss.NONE
        options = (
            []
            if held_up
            else [index for index in range(len(turn.steps)) if _may_repeat(path, (number, index), graph, bool(used[number, index]))]
        )
        if applies and options:
            chosen = options[int(pick * len(options))]
            calls = min(calls, MAX_CALLS - sum(step.repeats for step in turn.steps) + 1)
            turn = replace(
                turn, steps=tuple(replace(step, repeats=calls) if index == chosen else step for index, step in enumerate(turn.steps))
            )
            applied += 1
        turns.append(turn)
    return replace(path, turns=tuple(turns), ops=(*path.ops, *[Operation.REPEAT] * applied)) if applied else path


def _repeat_count(rng: Random, most: int) -> int:
    count = 2
    while count < most and rng.random() < MORE:
        count += 1
    return count


def _may_repeat(path: SignaturePath, place: Place, graph: FunctionGraph, feeds: bool) -> bool:
    turn, step = path.turns[place[0]], path.turns[place[0]].steps[place[1]]
    node = graph.node(step.function)
    if feeds and any(other.source_turn == place[0] and other.source_step == place[1] for other in turn.steps):
        # Of several unseen outputs nobody could say which one is meant.
        return False
    # A lookup may be asked for two dates; an action is repeated only over the things that it acts on.
    varied = node.scalars if node.lookup else node.entities
    if step.repeats > 1 or not varied or any(other.nested for other in turn.steps):
        return False
    if (node.effect is Effect.UNKNOWN and not node.lookup) or (feeds and not node.lookup):
        return False
    if step.source_turn is None or step.source_step is None:
        return True
    edge = graph.edge(path.turns[step.source_turn].steps[step.source_step].function, step.function)
    filled = {mapping.parameter: mapping.output_path for mapping in edge.mappings} if edge else {}
    # One scalar output gives one value, so only a list, or a value that the query gives, can vary.
    return any(name not in filled or "[]" in filled[name] for name in varied)
