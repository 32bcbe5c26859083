"""Rule-made mistakes: executed for real, of the kind that was meant, plausible, and the same each time."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from functools import cache

import pytest

from magnet_ray.errors import Rejected
from magnet_ray.negatives.corruptions import Corruption, corrupt, kinds_for
from magnet_ray.negatives.turn_errors import classify
from magnet_ray.rollouts.acceptance import turn_verdicts
from magnet_ray.rollouts.replays import calls_in, replayed, turns_of
from magnet_ray.types import Category, ErrorType, FailureReason, Trajectory
from tests.scripted_student import messages_of, real_rows, world


@cache
def corrupted() -> tuple[tuple[Trajectory, Corruption], ...]:
    """Every corruption of 150 rows."""
    made = []
    for row in real_rows()[:150]:
        for kind in kinds_for(row):
            try:
                made.append((row, corrupt(row, kind, world())))
            except Rejected as rejected:
                assert rejected.reason is FailureReason.NOT_WRONG
    return tuple(made)


def of_kind(kind: ErrorType) -> list[tuple[Trajectory, Corruption]]:
    return [(row, made) for row, made in corrupted() if made.error_type is kind]


def test_every_kind_of_mistake_is_made() -> None:
    assert set(Counter(made.error_type for _, made in corrupted())) == set(ErrorType)


def test_the_first_wrong_turn_is_the_one_that_was_meant_and_wrong_as_meant() -> None:
    for row, made in corrupted():
        error = classify(row, made.rollout, turn_verdicts(row, made.rollout, world()))[0]
        assert (error.turn, error.error_type) == (made.turn, made.error_type)


def test_everything_before_the_wrong_turn_is_the_rows_own_and_the_users_words_stay() -> None:
    for row, made in corrupted():
        right, wrong = turns_of(json.loads(row.messages)), turns_of(json.loads(made.rollout.messages))
        assert right[: made.turn + 1] == wrong[: made.turn + 1]
        assert [turn[0] for turn in right[1:]] == [turn[0] for turn in wrong[1:]]


def test_every_output_is_what_a_fresh_environment_answers() -> None:
    for row, made in corrupted()[::3]:
        assert replayed(row, json.loads(made.rollout.messages), world()).turns == made.rollout.turns


def test_the_environment_accepts_nearly_all_wrong_calls_and_every_turn_is_closed() -> None:
    wrong = [call for _, made in corrupted() for call in made.rollout.turns[made.turn].calls]
    assert sum(call.accepted for call in wrong) >= 0.95 * len(wrong)
    assert all(turn.ended for _, made in corrupted() for turn in made.rollout.turns)


def test_the_same_row_is_corrupted_in_the_same_way_each_time() -> None:
    for row, made in corrupted()[::7]:
        assert corrupt(row, made.error_type, world()) == made


def test_a_nested_call_that_is_left_out_leaves_its_dependants_with_another_value() -> None:
    for row, made in of_kind(ErrorType.NESTED_MISSING):
        reference = json.loads(row.reference_calls)[made.turn]
        assert len(made.rollout.turns[made.turn].calls) < len(reference)


def test_a_broken_dependency_makes_the_same_calls_with_another_value() -> None:
    for kind in (ErrorType.SHORT_DEPENDENCY, ErrorType.LONG_DEPENDENCY):
        for row, made in of_kind(kind):
            reference = json.loads(row.reference_calls)[made.turn]
            calls = made.rollout.turns[made.turn].calls
            assert Counter(call.function for call in calls) <= Counter(call["name"] for call in reference)
            right = [(call["name"], call["arguments"]) for call in reference]
            assert any((call.function, json.loads(call.arguments)) not in right for call in calls)


def test_a_wrong_summary_follows_the_right_calls() -> None:
    for row, made in of_kind(ErrorType.WRONG_SUMMARY):
        right = messages_of(row, made.turn)
        assert calls_in(turns_of(json.loads(made.rollout.messages))[made.turn + 1]) == calls_in(right)
        assert made.rollout.turns[made.turn].reply != right[-1]["content"]


def test_a_miss_is_carried_out_with_an_offered_function_or_an_invented_value() -> None:
    seen = set()
    for row, made in of_kind(ErrorType.MISS_NOT_RECOGNISED):
        seen.add(row.category)
        assert not json.loads(row.reference_calls)[made.turn]
        offered = {tool["function"]["name"] for tool in json.loads(row.tools)}
        assert {call.function for call in made.rollout.turns[made.turn].calls} <= offered
    assert seen == {Category.IRRELEVANCE, Category.MISS_FUNC, Category.MISS_PARAMS}


def test_later_calls_take_their_values_from_what_the_mistake_led_to() -> None:
    """Where a wrong booking gives another code, the call that cancels `that booking` cancels the wrong one."""
    followed = 0
    for row, made in of_kind(ErrorType.LONG_DEPENDENCY) + of_kind(ErrorType.SHORT_DEPENDENCY):
        provenance = json.loads(row.provenance)
        for turn in range(made.turn + 1, len(made.rollout.turns)):
            right = [json.loads(arguments) for _, arguments, _ in calls_in(messages_of(row, turn))]
            for call, origins in zip(made.rollout.turns[turn].calls, provenance[turn], strict=False):
                depends = any(origin["origin"] == "output" and origin["turn"] == made.turn for origin in origins.values())
                followed += depends and json.loads(call.arguments) not in right
    assert followed > 0


def test_a_row_without_a_place_for_a_mistake_is_not_corrupted() -> None:
    row = next(row for row in real_rows() if row.category is Category.SINGLE)
    assert kinds_for(row) == (ErrorType.WRONG_SUMMARY,)
    with pytest.raises(Rejected) as error:
        corrupt(row, ErrorType.LONG_DEPENDENCY, world())
    assert error.value.reason is FailureReason.NOT_WRONG


def test_a_row_whose_outputs_are_not_what_the_environment_answers_is_not_replayed() -> None:
    row = next(row for row in real_rows() if row.category is Category.SINGLE)
    messages = json.loads(row.messages)
    tool = next(message for message in messages if message["role"] == "tool")
    tool["content"] = '{"made":"up"}'
    with pytest.raises(Rejected) as error:
        replayed(replace(row, messages=json.dumps(messages)), messages, world())
    assert error.value.reason is FailureReason.REPLAY_DIFFERS
