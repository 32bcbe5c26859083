"""Function signature paths: what a conversation will do, before any words (paper, section 3.1 and 3.2).

A path is a function of (run seed, index, graph, settings) alone, so any worker can make any path. Its id and
seed come from the run seed and the index, its category from the mix, its first function from a seeded order
in which every function takes its turn, and the rest from a walk of S = 7 steps along the graph's edges.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import lru_cache
from random import Random
from typing import Final

from magnet_ray.errors import Rejected
from magnet_ray.graph import FunctionGraph, FunctionNode
from magnet_ray.mix import MixWeights, category_of, position_of
from magnet_ray.node_ops import MAX_FUNCTIONS, contradicts, edge_weight, insert, merge, operation_rng, repeat, split
from magnet_ray.types import Category, Edge, EdgeKind, FailureReason, Miss, SignaturePath, Step, TurnSignature, content_id

MISSES: Final = {Category.MISS_FUNC: Miss.FUNCTION, Category.MISS_PARAMS: Miss.PARAMETER}
WALKED: Final = frozenset({Category.MULTI_TURN, *MISSES})
MAX_VISITS: Final = 3
"""A walk may come back to a function twice."""
RELENT: Final = 0.15
"""Weight of an action right after one that it contradicts."""
REVISIT: Final = (1.0, 0.12, 0.04)
"""Weight of a function by how often the walk has visited it."""
SHORTEST: Final = 4
"""Steps after which a walk may end where no edge leads to a new function."""
STOP: Final = 0.8
"""Chance that it does: the paper's walks average fewer turns than S steps and Merge alone would give."""
WALK_ATTEMPTS: Final = 8
"""Walks to try before a path without an eligible turn for its miss gives up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PathSettings:
    """How paths are made. Defaults: the paper's settings, and repeats that bring calls near the paper's count."""

    steps: int = 7
    """Functions of a walk, S."""
    merge: bool = True
    """Whether Merge applies."""
    merge_probability: float = 0.3
    """Chance that two consecutive turns become one."""
    insert: bool = True
    """Whether Insert applies."""
    insert_probability: float = 0.8
    """Chance that a turn gains a dependent call, where there is one."""
    insert_long_probability: float = 0.4
    """Share of these that go into a later turn."""
    split: bool = True
    """Whether Split applies; without it the two miss categories give plain multi-turn paths."""
    repeat: bool = True
    """Whether a step may make several calls."""
    repeat_probability: float = 0.6
    """Chance that a turn has such a step, where it can."""
    max_repeats: int = 3
    """Calls of one step at most."""
    max_functions: int = MAX_FUNCTIONS
    """Functions of one turn at most."""
    mix: MixWeights = field(default_factory=MixWeights)
    """Shares of the categories."""


def path_id(run_seed: int, index: int) -> str:
    """The id of a path: a content hash of the run seed and the path's index."""
    return content_id(run_seed, index)


def sample_path(index: int, *, run_seed: int, graph: FunctionGraph, settings: PathSettings) -> SignaturePath:
    """The signature path of an index, node operations applied.

    Args:
        index: position in the run, from 0.
        run_seed: seed of the run.
        graph: functions to draw from; leave unusable ones out with `FunctionGraph.without`.
        settings: walk, operations and mix.

    Raises:
        Rejected: NO_PATH, the graph has no function that can start a path of this category.
    """
    category = category_of(index, settings.mix)
    starts = start_order(graph, run_seed, category)
    if not starts:
        raise Rejected(FailureReason.NO_PATH, f"no function of the pool can start a {category.value} path")
    start = starts[position_of(index, settings.mix) % len(starts)]
    identity = path_id(run_seed, index)
    path = SignaturePath(
        id=identity,
        index=index,
        seed=int(content_id("path", run_seed, identity), 16) >> 1,
        category=category,
        domain=graph.node(start).category,
        turns=(TurnSignature(steps=(Step(function=start),)),),
    )
    if category in WALKED:
        return _multi_turn(path, graph, settings)
    return _parallel(path, graph) if category is Category.PARALLEL else path


@lru_cache(maxsize=64)
def start_order(graph: FunctionGraph, run_seed: int, category: Category) -> tuple[str, ...]:
    """The functions that can start a path of a category, in the run's order: paths take them in turn."""
    names = [node.name for node in graph.nodes if _may_start(graph, node.name, category)]
    if category in WALKED and not names:
        names = [node.name for node in graph.nodes]
    Random(int(content_id("starts", run_seed, category.value), 16)).shuffle(names)
    return tuple(names)


def _may_start(graph: FunctionGraph, name: str, category: Category) -> bool:
    node = graph.node(name)
    if category is Category.PARALLEL:
        return _may_run_several_times(node) or len(graph.groups[node.group]) > 1
    return category not in WALKED or len(graph.groups[node.group]) > 1


def _may_run_several_times(node: FunctionNode) -> bool:
    """Whether one request may ask for it over several values: a lookup over any, another function over things only."""
    return bool(node.scalars if node.lookup else node.entities)


def _multi_turn(path: SignaturePath, graph: FunctionGraph, settings: PathSettings) -> SignaturePath:
    miss = MISSES.get(path.category, Miss.NONE) if settings.split else Miss.NONE
    seed = path.seed
    for attempt in range(WALK_ATTEMPTS):
        # The seed of a further attempt stands in for the path's own while operations draw from it.
        tried = replace(path, seed=seed if not attempt else int(content_id(seed, "attempt", attempt), 16) >> 1)
        shaped = _shaped(replace(tried, turns=walk(tried, graph, settings.steps)), graph, settings, miss)
        if miss is Miss.NONE or any(turn.miss is miss for turn in shaped.turns):
            return replace(shaped, seed=seed, category=path.category if miss is not Miss.NONE else Category.MULTI_TURN)
    raise Rejected(
        FailureReason.NO_PATH, f"no turn of a walk from {path.turns[0].steps[0].function} can lack {miss.value.removeprefix('miss_')}"
    )


def _shaped(path: SignaturePath, graph: FunctionGraph, settings: PathSettings, miss: Miss) -> SignaturePath:
    if settings.merge:
        path = merge(path, settings.merge_probability, settings.max_functions, graph)
    if settings.insert:
        path = insert(path, graph, settings.insert_probability, settings.insert_long_probability, settings.max_functions)
    if miss is not Miss.NONE:
        path = split(path, graph, miss)
    return repeat(path, graph, settings.repeat_probability, settings.max_repeats) if settings.repeat else path


def walk(path: SignaturePath, graph: FunctionGraph, steps: int) -> tuple[TurnSignature, ...]:
    """A random walk from the path's first function: one function, one step, one turn each.

    Edges are drawn by score and success rate, unused functions first; a dead end goes on from an earlier
    function, else from any other of the group. The output that an edge carries is noted on the step; a
    prerequisite carries none.
    """
    rng = operation_rng(path, "walk")
    visits: list[str] = [path.turns[0].steps[0].function]
    sources: list[int | None] = [None]
    group = graph.groups[graph.node(visits[0]).group]
    while len(visits) < min(steps, 2 * len(group)):
        if len(visits) >= SHORTEST and _is_dead_end(visits, graph) and rng.random() < STOP:
            break
        source, name = _next_visit(visits, graph, group, rng)
        visits.append(name)
        sources.append(source)
    return tuple(
        TurnSignature(steps=(Step(function=name, source_turn=source, source_step=None if source is None else 0),))
        for name, source in zip(visits, sources, strict=True)
    )


def _is_dead_end(visits: list[str], graph: FunctionGraph) -> bool:
    return all(edge.target in visits for edge in graph.successors(visits[-1]))


def _next_visit(visits: list[str], graph: FunctionGraph, group: tuple[str, ...], rng: Random) -> tuple[int | None, str]:
    last = len(visits) - 1
    here = [edge for edge in graph.successors(visits[last]) if visits.count(edge.target) < MAX_VISITS and edge.target != visits[last]]
    if any(edge.target not in visits for edge in here):
        return _followed(last, here, visits, graph, rng)
    earlier = [number for number in range(last) if any(edge.target not in visits for edge in graph.successors(visits[number]))]
    if earlier:
        number = rng.choice(earlier)
        fresh_edges = [edge for edge in graph.successors(visits[number]) if edge.target not in visits]
        return _followed(number, fresh_edges, visits, graph, rng)
    fresh = [name for name in group if name not in visits]
    if here and not fresh:
        return _followed(last, here, visits, graph, rng)
    others = fresh or [name for name in group if name != visits[last] and visits.count(name) < MAX_VISITS] or list(group)
    # In a sparse graph, going on where something can follow makes dependencies instead of a list of errands.
    relent = [RELENT if contradicts(visits[last], name, graph) else 1.0 for name in others]
    return None, rng.choices(others, [(4 if graph.successors(name) else 1) * r for name, r in zip(others, relent, strict=True)])[0]


def _followed(number: int, edges: list[Edge], visits: list[str], graph: FunctionGraph, rng: Random) -> tuple[int | None, str]:
    weights = [edge_weight(edge) * REVISIT[min(visits.count(edge.target), MAX_VISITS - 1)] * _sense(edge, graph) for edge in edges]
    edge = rng.choices(edges, weights)[0] if sum(weights) > 0 else rng.choice(edges)
    return (None if edge.kind is EdgeKind.PREREQUISITE else number), edge.target


def _sense(edge: Edge, graph: FunctionGraph) -> float:
    """How often a person would go that way: seldom to undo what was just done, or to do what was just undone."""
    return RELENT if contradicts(edge.source, edge.target, graph) else 1.0


def _parallel(path: SignaturePath, graph: FunctionGraph) -> SignaturePath:
    """One function over two or three entities, or two or three functions that do not need each other."""
    rng = operation_rng(path, "parallel")
    start = path.turns[0].steps[0]
    node = graph.node(start.function)
    calls = 3 if rng.random() < 0.35 else 2
    others = [name for name in graph.groups[node.group] if name != node.name]
    apart = [name for name in others if not _linked(graph, node.name, name)]
    if _may_run_several_times(node) and (rng.random() < 0.6 or not apart):
        return replace(path, turns=(TurnSignature(steps=(replace(start, repeats=calls),)),))
    chosen = [node.name]
    for name in rng.sample(apart or others, len(apart or others)):
        if len(chosen) < calls and (not apart or not any(_linked(graph, name, other) for other in chosen)):
            chosen.append(name)
    return replace(path, turns=(TurnSignature(steps=tuple(Step(function=name) for name in chosen)),))


def _linked(graph: FunctionGraph, first: str, second: str) -> bool:
    return graph.edge(first, second) is not None or graph.edge(second, first) is not None
