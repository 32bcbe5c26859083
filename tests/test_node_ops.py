"""Node operations keep what they must keep, whatever the path."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnet_ray.functions.pool import FunctionPool
from magnet_ray.graph import FunctionGraph, build_graph
from magnet_ray.node_ops import MAX_CALLS, MAX_FUNCTIONS, insert, merge, move_miss, repeat, split
from magnet_ray.paths import walk
from magnet_ray.types import Category, Effect, FunctionSpec, Miss, Operation, SignaturePath, Step, TurnSignature
from tests.test_judge import TEXT, items, spec

THINGS = ("hotel", "museum", "concert", "train", "parcel")


def town() -> tuple[FunctionSpec, ...]:
    """Per thing a search, a lookup, an action and a cancellation: 20 functions of one environment."""
    found: list[FunctionSpec] = []
    for thing, after in zip(THINGS, (*THINGS[1:], THINGS[0]), strict=True):
        found += [
            spec(f"find_{thing}s", {"town": TEXT}, {f"{thing}s": items(**{thing: TEXT, "town": TEXT})}, effect=Effect.READ),
            spec(f"describe_{thing}", {thing: TEXT}, {thing: TEXT, f"{after}": TEXT, "open": {"type": "boolean"}}, effect=Effect.READ),
            spec(f"reserve_{thing}", {thing: TEXT, "guests": {"type": "integer"}}, {f"{thing}_code": TEXT}, effect=Effect.WRITE),
            spec(f"cancel_{thing}", {f"{thing}_code": TEXT}, {"refund": {"type": "number"}}, effect=Effect.WRITE),
        ]
    return tuple(found)


GRAPH = build_graph(FunctionPool(specs=town()))


def fresh_path(seed: int, start: int = 0, steps: int = 7, graph: FunctionGraph = GRAPH) -> SignaturePath:
    first = TurnSignature(steps=(Step(function=graph.nodes[start % len(graph.nodes)].name),))
    path = SignaturePath(id=f"{seed}", index=0, seed=seed, category=Category.MULTI_TURN, domain="test", turns=(first,))
    return replace(path, turns=walk(path, graph, steps))


def functions(path: SignaturePath) -> list[str]:
    return [step.function for turn in path.turns for step in turn.steps]


def check(path: SignaturePath) -> None:
    """What holds for every path, at any time."""
    for number, turn in enumerate(path.turns):
        assert len(turn.steps) <= MAX_FUNCTIONS
        assert bool(turn.steps) is (turn.miss is Miss.NONE)
        assert not turn.steps or any(not step.nested for step in turn.steps)
        assert len({step.function for step in turn.steps}) == len(turn.steps)
        for index, step in enumerate(turn.steps):
            if step.source_turn is not None and step.source_step is not None:
                assert (step.source_turn, step.source_step) < (number, index)
                source = path.turns[step.source_turn].steps[step.source_step].function
                edge = GRAPH.edge(source, step.function)
                assert edge is not None and edge.mappings


seeds = st.integers(0, 2**62)
starts = st.integers(0, len(GRAPH.nodes) - 1)


@given(seed=seeds, start=starts, probability=st.floats(0, 1))
def test_merge_keeps_functions_and_their_order_and_never_exceeds_three(seed: int, start: int, probability: float) -> None:
    path = fresh_path(seed, start)
    merged = merge(path, probability)
    check(merged)
    assert functions(merged) == functions(path)
    assert len(path.turns) - len(merged.turns) == merged.ops.count(Operation.MERGE)
    assert (merged is path) is (merged.ops == path.ops)


@given(seed=seeds, start=starts)
def test_merge_keeps_what_feeds_what(seed: int, start: int) -> None:
    def links(path: SignaturePath) -> list[tuple[str, str]]:
        steps = [step for turn in path.turns for step in turn.steps]
        return [
            (path.turns[s.source_turn].steps[s.source_step].function, s.function)
            for s in steps
            if s.source_turn is not None and s.source_step is not None
        ]

    path = fresh_path(seed, start)
    assert links(merge(path, 0.6)) == links(path)
    assert links(split(path, GRAPH, Miss.PARAMETER)) == links(path)


@given(seed=seeds, start=starts, probability=st.floats(0, 1), long=st.floats(0, 1))
def test_insert_only_adds(seed: int, start: int, probability: float, long: float) -> None:
    path = merge(fresh_path(seed, start))
    inserted = insert(path, GRAPH, probability, long)
    check(inserted)
    assert len(inserted.turns) == len(path.turns)
    for before, after in zip(path.turns, inserted.turns, strict=True):
        kept = [step.function for step in after.steps if step.function in {known.function for known in before.steps}]
        assert kept == [step.function for step in before.steps]
    added = len(functions(inserted)) - len(functions(path))
    counts = Counter(inserted.ops)
    assert added == counts[Operation.INSERT_SHORT] + counts[Operation.INSERT_LONG]
    nested = [step for turn in inserted.turns for step in turn.steps if step.nested]
    assert len(nested) == counts[Operation.INSERT_SHORT]
    assert all(GRAPH.node(step.function).lookup for step in nested)


@given(seed=seeds, start=starts, miss=st.sampled_from([Miss.FUNCTION, Miss.PARAMETER]))
def test_split_adds_exactly_one_turn_and_keeps_functions(seed: int, start: int, miss: Miss) -> None:
    path = insert(merge(fresh_path(seed, start)), GRAPH)
    result = split(path, GRAPH, miss)
    check(result)
    assert functions(result) == functions(path)
    at = next(number for number, turn in enumerate(result.turns) if turn.miss is miss)
    assert len(result.turns) == len(path.turns) + 1 and result.turns[at + 1].steps
    if miss is Miss.FUNCTION:
        earlier = {step.function for turn in result.turns[:at] for step in turn.steps}
        assert not earlier & {step.function for step in result.turns[at + 1].steps}
    else:
        assert any(GRAPH.node(step.function).required for step in result.turns[at + 1].steps)
    assert split(result, GRAPH, miss) is result


@given(seed=seeds, start=starts, probability=st.floats(0, 1), most=st.integers(2, 4))
def test_repeat_changes_counts_only_and_bounds_the_calls_of_a_turn(seed: int, start: int, probability: float, most: int) -> None:
    path = split(insert(merge(fresh_path(seed, start)), GRAPH), GRAPH, Miss.PARAMETER)
    repeated = repeat(path, GRAPH, probability, most)
    check(repeated)
    plain = tuple(replace(turn, steps=tuple(replace(step, repeats=1) for step in turn.steps)) for turn in repeated.turns)
    assert plain == path.turns
    feeding = {(s.source_turn, s.source_step) for turn in path.turns for s in turn.steps}
    for number, turn in enumerate(repeated.turns):
        assert sum(step.repeats for step in turn.steps) <= MAX_CALLS
        for index, step in enumerate(turn.steps):
            if step.repeats > 1:
                assert step.repeats <= most and not any(other.nested for other in turn.steps)
                assert GRAPH.node(step.function).lookup or (number, index) not in feeding
                assert not number or repeated.turns[number - 1].miss is Miss.NONE


@settings(max_examples=40)
@given(seed=seeds, start=starts)
def test_operations_are_deterministic_and_leave_their_input_alone(seed: int, start: int) -> None:
    path = fresh_path(seed, start)
    copy = replace(path, turns=tuple(replace(turn) for turn in path.turns))
    shaped = repeat(split(insert(merge(path), GRAPH), GRAPH, Miss.FUNCTION), GRAPH)
    assert repeat(split(insert(merge(copy), GRAPH), GRAPH, Miss.FUNCTION), GRAPH) == shaped
    assert path == copy


def test_operations_that_cannot_apply_return_the_same_path() -> None:
    bare = build_graph(FunctionPool(specs=(spec("ping", {}), spec("pong", {}))))
    path = fresh_path(1, 0, 2, bare)
    assert merge(path, 0.0) is path
    assert insert(path, bare) is path
    assert split(path, bare, Miss.PARAMETER) is path and split(path, bare, Miss.NONE) is path
    assert repeat(path, bare, 1.0) is path


def test_merge_with_certainty_fills_turns_of_three() -> None:
    for seed in range(20):
        path = fresh_path(seed)
        assert all(len(turn.steps) == 3 for turn in merge(path, 1.0).turns[:-1]) or len(set(functions(path))) < len(functions(path))


def two_turns(first: str, second: str) -> SignaturePath:
    turns = tuple(TurnSignature(steps=(Step(function=name),)) for name in (first, second))
    return SignaturePath(id="x", index=0, seed=4, category=Category.MULTI_TURN, domain="test", turns=turns)


def test_a_lookup_that_serves_an_inserted_call_goes_unmentioned() -> None:
    turn = insert(two_turns("find_hotels", "cancel_train"), GRAPH, 1.0, 0.0).turns[0]
    assert [step.nested for step in turn.steps] == [True, False]
    assert (turn.steps[1].source_turn, turn.steps[1].source_step) == (0, 0)


def test_a_lookup_that_finds_what_an_action_is_about_goes_unmentioned() -> None:
    turn = insert(two_turns("reserve_hotel", "cancel_train"), GRAPH, 1.0, 0.0).turns[0]
    assert [(step.function, step.nested) for step in turn.steps] == [("find_hotels", True), ("reserve_hotel", False)]
    assert (turn.steps[1].source_turn, turn.steps[1].source_step) == (0, 0)


def test_after_an_action_only_a_lookup_that_needs_nothing_else_is_hidden() -> None:
    assert len(insert(two_turns("cancel_hotel", "cancel_train"), GRAPH, 1.0, 0.0).turns[0].steps) == 1


def test_an_action_and_the_one_that_undoes_it_do_not_share_a_turn() -> None:
    assert len(merge(two_turns("reserve_hotel", "cancel_hotel"), 1.0, graph=GRAPH).turns) == 2
    assert len(merge(two_turns("reserve_hotel", "cancel_hotel"), 1.0).turns) == 1
    assert len(merge(two_turns("reserve_hotel", "find_trains"), 1.0, graph=GRAPH).turns) == 1


def test_a_miss_moves_on_to_another_turn() -> None:
    path = split(merge(fresh_path(3)), GRAPH, Miss.PARAMETER)
    moved = move_miss(path, GRAPH)
    assert moved is not None and functions(moved) == functions(path) and moved.ops == path.ops
    assert [turn.miss for turn in moved.turns] != [turn.miss for turn in path.turns]
    check(moved)


def test_a_long_dependency_points_back_and_is_asked_for() -> None:
    path = insert(two_turns("reserve_hotel", "find_trains"), GRAPH, 1.0, 1.0)
    assert path.ops[0] is Operation.INSERT_LONG
    assert path.turns[1].steps[1] == Step(function="cancel_hotel", source_turn=0, source_step=0)


@pytest.mark.parametrize(("function", "repeats"), [("reserve_hotel", True), ("find_hotels", True)])
def test_a_step_with_an_entity_of_its_own_can_repeat(function: str, repeats: bool) -> None:
    path = repeat(two_turns(function, "cancel_train"), GRAPH, 1.0)
    assert (path.turns[0].steps[0].repeats > 1) is repeats


def test_an_action_that_a_later_turn_refers_to_is_not_repeated() -> None:
    path = two_turns("reserve_hotel", "cancel_hotel")
    fed = replace(path, turns=(path.turns[0], TurnSignature(steps=(Step(function="cancel_hotel", source_turn=0, source_step=0),))))
    assert repeat(fed, GRAPH, 1.0) is fed


def test_an_unseen_effect_is_not_repeated() -> None:
    graph = build_graph(FunctionPool(specs=(spec("touch", {"city": TEXT}), spec("feel", {"city": TEXT}))))
    assert repeat(two_turns("touch", "feel"), graph, 1.0).ops == ()
