"""Pairs: one shared prompt, two continuations that part at the wrong turn, and shares that do not depend on sharding."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache
from itertools import pairwise

import pytest

from magnet_ray.at_once import at_once
from magnet_ray.errors import ConfigError, Rejected
from magnet_ray.negatives.corruptions import corrupt
from magnet_ray.negatives.negatives import Cast, NegativeSettings, negative_pairs
from magnet_ray.negatives.pairs import GROUPS, PairWeights, balance, build_pair, check_pair, offered_in
from magnet_ray.rollouts.acceptance import check_rollout, turn_verdicts
from magnet_ray.rollouts.replays import replayed, turns_of
from magnet_ray.types import Category, ErrorType, Failure, FailureReason, PreferencePair, Trajectory
from tests.scripted_student import Student, messages_of, played, real_rows, world


@cache
def rule_made() -> tuple[tuple[PreferencePair, ...], tuple[Failure, ...]]:
    """The rule-made pairs of 300 rows, and what gave none."""
    made = [at_once(negative_pairs(row, Cast(), world(), NegativeSettings())) for row in real_rows(300)]
    return tuple(pair for pairs, _ in made for pair in pairs), tuple(failure for _, failures in made for failure in failures)


def row_of(pair: PreferencePair) -> Trajectory:
    return next(row for row in real_rows() if row.id == pair.path_id)


def multi_turn_pair(kind: ErrorType, extent: str, category: Category = Category.MULTI_TURN) -> tuple[Trajectory, PreferencePair]:
    """A pair whose wrong turn is not the last one."""
    for row in real_rows():
        try:
            wrong = corrupt(row, kind, world())
        except Rejected:
            continue
        if row.category is category and wrong.turn + 2 < row.num_turns:
            return row, build_pair(row, wrong.rollout, wrong.turn, kind, source="rule", extent=extent)
    raise AssertionError("no such row")


def test_300_rows_give_150_pairs_and_20_of_each_kind() -> None:
    pairs, _ = rule_made()
    kinds = Counter(pair.error_type for pair in pairs)
    assert len(pairs) >= 150
    assert min(kinds[kind] for kind in ErrorType) >= 20
    assert {pair.source for pair in pairs} == {"rule"}


def test_in_every_pair_the_chosen_side_passes_and_the_rejected_side_fails_where_they_part() -> None:
    for pair in rule_made()[0]:
        row, prompt = row_of(pair), json.loads(pair.prompt)
        check_rollout(row, replayed(row, prompt + json.loads(pair.chosen), world()), world())
        rejected = replayed(row, prompt + json.loads(pair.rejected), world())
        wrong = [verdict.turn for verdict in turn_verdicts(row, rejected, world()) if verdict.reason]
        assert wrong[0] == pair.divergence_turn


def test_both_continuations_begin_with_another_message_of_the_assistant_in_the_wrong_turn() -> None:
    for pair in rule_made()[0]:
        chosen, rejected = json.loads(pair.chosen), json.loads(pair.rejected)
        assert chosen[0]["role"] == rejected[0]["role"] == "assistant"
        assert chosen[0] != rejected[0]
        assert sum(message["role"] == "user" for message in json.loads(pair.prompt)) == pair.divergence_turn + 1


def test_both_continuations_answer_the_same_user_messages_and_end_with_the_assistant() -> None:
    for pair in rule_made()[0]:
        chosen, rejected = json.loads(pair.chosen), json.loads(pair.rejected)
        assert [m for m in chosen if m["role"] == "user"] == [m for m in rejected if m["role"] == "user"]
        assert all(side[-1]["role"] == "assistant" and not side[-1].get("tool_calls") for side in (chosen, rejected))


def test_the_calls_of_both_sides_are_numbered_on_from_the_prompt() -> None:
    for pair in rule_made()[0]:
        for side in (pair.chosen, pair.rejected):
            messages = json.loads(pair.prompt) + json.loads(side)
            ids = [call["id"] for message in messages for call in message.get("tool_calls") or ()]
            assert ids == [f"call_{number}" for number in range(1, len(ids) + 1)]
            assert sorted(ids) == sorted(message["tool_call_id"] for message in messages if message["role"] == "tool")


def test_every_called_function_of_the_chosen_side_is_offered_and_no_side_goes_on_where_tools_are_added() -> None:
    for pair in rule_made()[0]:
        row = row_of(pair)
        offered = {tool["function"]["name"] for tool in json.loads(pair.tools_chosen)}
        messages = json.loads(pair.prompt) + json.loads(pair.chosen)
        assert {call["function"]["name"] for message in messages for call in message.get("tool_calls") or ()} <= offered
        turns = len(turns_of(messages)) - 1
        assert not any(pair.divergence_turn < int(turn) < turns for turn in json.loads(row.tools_added))
        assert pair.tools_chosen == pair.tools_rejected == offered_in(row, pair.divergence_turn)


def test_the_prompt_goes_on_as_long_as_both_sides_say_the_same() -> None:
    pair = next(pair for pair in rule_made()[0] if pair.error_type is ErrorType.WRONG_SUMMARY)
    assert json.loads(pair.prompt)[-1]["role"] == "tool"


def test_an_extent_of_one_turn_ends_with_the_wrong_turn_on_both_sides() -> None:
    row, pair = multi_turn_pair(ErrorType.LONG_DEPENDENCY, "turn")
    assert pair.extent == "turn"
    assert not any(message["role"] == "user" for message in json.loads(pair.chosen) + json.loads(pair.rejected))
    check_pair(pair, row, world())


def test_an_extent_of_the_trajectory_goes_to_the_end() -> None:
    row, pair = multi_turn_pair(ErrorType.LONG_DEPENDENCY, "trajectory")
    assert pair.extent == "trajectory"
    assert json.loads(pair.prompt) + json.loads(pair.chosen) == json.loads(row.messages)
    assert sum(message["role"] == "user" for message in json.loads(pair.rejected)) == row.num_turns - pair.divergence_turn - 1


def test_a_missing_function_that_is_not_recognised_ends_before_the_function_arrives() -> None:
    row, pair = multi_turn_pair(ErrorType.MISS_NOT_RECOGNISED, "trajectory", Category.MISS_FUNC)
    assert pair.extent == "turn"
    added = {tool["function"]["name"] for tools in json.loads(row.tools_added).values() for tool in tools}
    assert not added & {tool["function"]["name"] for tool in json.loads(pair.tools_chosen)}


def test_an_id_is_the_hash_of_what_the_pair_holds() -> None:
    _, pair = multi_turn_pair(ErrorType.SHORT_DEPENDENCY, "trajectory")
    _, again = multi_turn_pair(ErrorType.SHORT_DEPENDENCY, "trajectory")
    _, shorter = multi_turn_pair(ErrorType.SHORT_DEPENDENCY, "turn")
    assert pair == again
    assert pair.id != shorter.id
    assert len({pair.id for pair in rule_made()[0]}) == len(rule_made()[0])


def test_two_sides_that_read_the_same_are_no_pair() -> None:
    row = next(row for row in real_rows() if row.category is Category.MULTI_TURN)
    with pytest.raises(Rejected) as error:
        build_pair(row, played(row, Student(row)), 0, ErrorType.WRONG_SUMMARY, source="student")
    assert error.value.reason is FailureReason.NOT_WRONG


def test_a_wrong_turn_that_was_not_closed_is_no_pair() -> None:
    row = next(row for row in real_rows() if row.category is Category.MULTI_TURN)
    rollout = played(row, Student(row))
    cut = replace(rollout, turns=(replace(rollout.turns[0], ended=False),))
    with pytest.raises(Rejected) as error:
        build_pair(row, cut, 0, ErrorType.WRONG_SUMMARY, source="student")
    assert error.value.reason is FailureReason.NOT_ENDED


def test_a_pair_with_a_right_rejected_side_does_not_pass() -> None:
    row, pair = multi_turn_pair(ErrorType.LONG_DEPENDENCY, "trajectory")
    with pytest.raises(Rejected) as error:
        check_pair(replace(pair, rejected=pair.chosen), row, world())
    assert error.value.reason is FailureReason.NOT_WRONG
    with pytest.raises(Rejected):
        check_pair(replace(pair, chosen=pair.rejected), row, world())


def test_earlier_turns_that_say_the_same_in_other_words_are_replaced_by_the_rows_own() -> None:
    row, pair = multi_turn_pair(ErrorType.LONG_DEPENDENCY, "trajectory")
    right = json.loads(row.messages)
    assert json.loads(pair.prompt)[: len(right) - len(json.loads(pair.chosen))] == right[: len(json.loads(pair.prompt))]
    assert messages_of(row, pair.divergence_turn)[0] in json.loads(pair.prompt)


# Balancing


def test_the_groups_stand_in_the_papers_ratio_and_the_scarcest_decides() -> None:
    balanced = balance(rule_made()[0], PairWeights())
    groups = Counter(GROUPS[pair.category] for pair in balanced.pairs)
    expected = {"single_turn": 1556, "multi_turn": 2250, "irrelevance": 750}
    scale = sum(groups.values()) / sum(expected.values())
    assert all(abs(groups[group] - scale * weight) < 1.5 for group, weight in expected.items())
    available = Counter(GROUPS[pair.category] for pair in rule_made()[0])
    assert any(groups[group] == available[group] for group in expected)


def test_kinds_of_mistakes_share_a_group_evenly_as_far_as_there_are_any() -> None:
    kept = balance(rule_made()[0], PairWeights()).kept
    counts = {kind: kept[("multi_turn", kind)] for kind in ErrorType}
    available = Counter(pair.error_type for pair in rule_made()[0] if GROUPS[pair.category] == "multi_turn")
    assert all(counts[kind] >= max(counts.values()) - 1 or counts[kind] == available[kind] for kind in ErrorType)


def test_balancing_does_not_depend_on_the_order_and_says_what_it_left_out() -> None:
    pairs = rule_made()[0]
    balanced = balance(pairs, PairWeights())
    assert balance(reversed(pairs), PairWeights()) == balanced
    assert sum(balanced.left_out.values()) + len(balanced.pairs) == len(pairs)
    assert sum(balanced.kept.values()) == len(balanced.pairs)
    assert all(one.id < other.id for one, other in pairwise(balanced.pairs))


def test_another_seed_keeps_other_pairs_in_the_same_shares() -> None:
    one, other = (balance(rule_made()[0], PairWeights(), seed) for seed in (1, 2))
    assert one.kept == other.kept
    assert one.pairs != other.pairs


def test_a_pair_that_comes_twice_counts_once() -> None:
    pairs = rule_made()[0]
    assert balance((*pairs, *pairs), PairWeights()) == balance(pairs, PairWeights())


def test_a_kind_without_weight_is_left_out() -> None:
    weights = PairWeights(errors={ErrorType.LONG_DEPENDENCY: 1.0, ErrorType.SHORT_DEPENDENCY: 2.0}, groups={"multi_turn": 1})
    kept = balance(rule_made()[0], weights).kept
    assert set(kept) == {("multi_turn", ErrorType.LONG_DEPENDENCY), ("multi_turn", ErrorType.SHORT_DEPENDENCY)}


def test_no_pairs_are_balanced_to_none() -> None:
    assert balance((), PairWeights()).pairs == ()


@pytest.mark.parametrize("groups", [{"single_turn": -1.0}, {"single_turn": 0.0}, {"other": 1.0}, {"multi_turn": float("nan")}])
def test_weights_that_give_no_shares_are_refused_in_one_line(groups: dict[str, float]) -> None:
    with pytest.raises(ConfigError) as error:
        balance((), PairWeights(groups=groups))
    assert "\n" not in str(error.value)
