"""Sampling signature paths by index."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

import pytest

from magnet_ray.errors import Rejected
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.graph import FunctionGraph, build_graph
from magnet_ray.mix import MixWeights, category_of
from magnet_ray.paths import MAX_VISITS, SHORTEST, PathSettings, sample_path
from magnet_ray.types import Category, EdgeKind, FailureReason, Miss, Operation, SignaturePath
from tests.test_judge import TEXT, spec
from tests.test_node_ops import GRAPH, check, functions

WALKS = MixWeights(single_turn=0, irrelevance=0)
MULTI = MixWeights(single_turn=0, irrelevance=0, miss_func=0, miss_params=0)
PLAIN = PathSettings(mix=MULTI, merge=False, insert=False, repeat=False)


@lru_cache(maxsize=8)
def sample(count: int, settings: PathSettings = PathSettings(), run_seed: int = 1, start: int = 0) -> tuple[SignaturePath, ...]:  # noqa: B008
    return tuple(sample_path(index, run_seed=run_seed, graph=GRAPH, settings=settings) for index in range(start, start + count))


def calls(path: SignaturePath) -> int:
    return sum(step.repeats for turn in path.turns for step in turn.steps)


def test_paths_have_the_mixs_category_and_unique_ids() -> None:
    paths = sample(600)
    assert [path.category for path in paths] == [category_of(index, MixWeights()) for index in range(600)]
    assert len({path.id for path in paths}) == len({path.seed for path in paths}) == 600
    assert all(0 <= path.seed < 2**63 for path in paths)


def test_a_path_does_not_depend_on_which_others_were_made() -> None:
    paths = sample(300)
    backwards = [sample_path(index, run_seed=1, graph=GRAPH, settings=PathSettings()) for index in reversed(range(300))]
    assert list(paths) == backwards[::-1]
    rebuilt = FunctionGraph(nodes=GRAPH.nodes, edges=GRAPH.edges)
    assert sample_path(123, run_seed=1, graph=rebuilt, settings=PathSettings()) == paths[123]


def test_another_run_seed_gives_other_paths() -> None:
    assert not {path.id for path in sample(50)} & {path.id for path in sample(50, run_seed=2)}


def test_every_function_starts_about_equally_often() -> None:
    starts = Counter(path.turns[0].steps[0].function for path in sample(200, PLAIN))
    assert set(starts.values()) == {10} and len(starts) == len(GRAPH.nodes)


def test_a_walk_has_seven_turns_of_one_function_or_ends_at_a_dead_end_and_notes_what_feeds_what() -> None:
    fed = 0
    for path in sample(200, PLAIN):
        check(path)
        assert SHORTEST <= len(path.turns) <= 7 and all(len(turn.steps) == 1 for turn in path.turns)
        assert len(path.turns) == 7 or not any(edge.target not in functions(path) for edge in GRAPH.successors(functions(path)[-1]))
        names = [turn.steps[0].function for turn in path.turns]
        assert max(Counter(names).values()) <= MAX_VISITS
        assert all(first != second for first, second in pairwise(names))
        fed += sum(turn.steps[0].source_turn is not None for turn in path.turns)
    assert fed > 3 * 200


def test_a_prerequisite_carries_no_values() -> None:
    edges = tuple(replace(edge, kind=EdgeKind.PREREQUISITE, mappings=()) for edge in GRAPH.edges)
    graph = FunctionGraph(nodes=GRAPH.nodes, edges=edges)
    path = sample_path(3, run_seed=1, graph=graph, settings=PLAIN)
    assert all(turn.steps[0].source_turn is None for turn in path.turns)


def test_multi_turn_paths_are_near_the_papers_shape() -> None:
    paths = sample(600, PathSettings(mix=MULTI))
    for path in paths:
        check(path)
    assert 4.2 <= sum(len(path.turns) for path in paths) / 600 <= 5.5
    assert 8 <= sum(calls(path) for path in paths) / 600 <= 13
    assert {Operation.MERGE, Operation.INSERT_SHORT, Operation.INSERT_LONG, Operation.REPEAT} <= {op for path in paths for op in path.ops}


def test_a_miss_path_has_exactly_one_miss_of_its_kind() -> None:
    kinds = {Category.MULTI_TURN: [], Category.MISS_FUNC: [Miss.FUNCTION], Category.MISS_PARAMS: [Miss.PARAMETER]}
    for path in sample(200, PathSettings(mix=WALKS)):
        check(path)
        assert [turn.miss for turn in path.turns if turn.miss] == kinds[path.category]


@pytest.mark.parametrize("operation", ["merge", "insert", "split", "repeat"])
def test_each_operation_can_be_switched_off(operation: str) -> None:
    paths = sample(150, PathSettings(mix=WALKS, **{operation: False}))
    assert not any(op.value.startswith(operation) for path in paths for op in path.ops)
    if operation == "split":
        assert {path.category for path in paths} == {Category.MULTI_TURN}


def test_single_turn_kinds_have_their_shape() -> None:
    for path in sample(600):
        steps = path.turns[0].steps
        if path.category in (Category.SINGLE, Category.MULTIPLE, Category.IRRELEVANCE):
            assert len(path.turns) == 1 and len(steps) == 1 and steps[0].repeats == 1
        elif path.category is Category.PARALLEL:
            assert len(path.turns) == 1 and 2 <= calls(path) <= 3
            assert len({step.function for step in steps}) == len(steps)
            assert all(GRAPH.edge(a.function, b.function) is None for a in steps for b in steps)
            assert len(steps) > 1 or GRAPH.node(steps[0].function).scalars


def test_a_single_function_still_gives_paths() -> None:
    graph = build_graph(FunctionPool(specs=(spec("lone_city", {"city": TEXT}),)))
    path = sample_path(0, run_seed=1, graph=graph, settings=PLAIN)
    assert [turn.steps[0].function for turn in path.turns] == ["lone_city", "lone_city"]


@pytest.mark.parametrize(
    "graph",
    [build_graph(FunctionPool(specs=())), build_graph(FunctionPool(specs=(spec("ping", {}),)))],
    ids=["no function", "nothing to vary"],
)
def test_a_pool_that_cannot_start_a_path_is_a_rejected_record(graph: FunctionGraph) -> None:
    with pytest.raises(Rejected) as caught:
        sample_path(0, run_seed=1, graph=graph, settings=PathSettings(mix=MixWeights(multi_turn=0, irrelevance=0, single=0, multiple=0)))
    assert caught.value.reason is FailureReason.NO_PATH


def test_a_miss_that_no_walk_can_have_is_a_rejected_record() -> None:
    graph = build_graph(FunctionPool(specs=(spec("ping", {}), spec("pong", {}))))
    with pytest.raises(Rejected):
        sample_path(
            0, run_seed=1, graph=graph, settings=PathSettings(mix=MixWeights(single_turn=0, irrelevance=0, complete=0, miss_func=0))
        )


def test_unusable_functions_can_be_left_out() -> None:
    left_out = {node.name for node in GRAPH.nodes if "hotel" in node.name}
    graph = GRAPH.without(left_out)
    paths = [sample_path(index, run_seed=1, graph=graph, settings=PathSettings()) for index in range(200)]
    assert not left_out & {step.function for path in paths for turn in path.turns for step in turn.steps}
