"""Mistakes: each of the five kinds is told from the others by executing and comparing."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace

import pytest

from magnet_ray.negatives.turn_errors import TurnError, classify, differing
from magnet_ray.rollouts.acceptance import turn_verdicts
from magnet_ray.rollouts.rollout import RolledCall
from magnet_ray.types import Category, ErrorType, Trajectory
from tests.scripted_student import Mistake, Student, messages_of, mistakes, played, real_rows, world


def errors_of(row: Trajectory, mistake: Mistake | None) -> tuple[TurnError, ...]:
    """What is found in the rollout of a student."""
    rollout = played(row, Student(row, mistake))
    return classify(row, rollout, turn_verdicts(row, rollout, world()))


def test_a_student_that_says_what_the_row_says_makes_no_mistake() -> None:
    assert [errors_of(row, None) for row in real_rows()[:40]] == [()] * 40


@pytest.mark.parametrize("kind", list(ErrorType))
def test_each_kind_of_mistake_is_found_in_a_real_conversation(kind: ErrorType) -> None:
    row, mistake = next((row, mistake) for row in real_rows() for mistake in mistakes(row) if mistake.kind is kind)
    first = errors_of(row, mistake)[0]
    assert (first.turn, first.error_type) == (mistake.turn, kind)
    assert first.detail


def test_at_least_95_of_100_known_mistakes_are_classified_right_for_each_kind_and_in_all() -> None:
    rows = [row for row in real_rows() if row.category is not Category.SINGLE][:200]
    right: Counter[ErrorType] = Counter()
    made: Counter[ErrorType] = Counter()
    for row in rows:
        for mistake in mistakes(row):
            assert mistake.kind is not None
            first = next(iter(errors_of(row, mistake)), None)
            made[mistake.kind] += 1
            right[mistake.kind] += first is not None and (first.turn, first.error_type) == (mistake.turn, mistake.kind)
    assert made.total() >= 300
    assert min(made.values()) >= 15
    assert right.total() >= 0.95 * made.total()
    assert all(right[kind] >= 0.9 * made[kind] for kind in made), (right, made)


def test_a_call_that_was_asked_for_and_left_out_was_not_recognised() -> None:
    row = next(row for row in real_rows() if row.category is Category.MULTIPLE)
    (error,) = errors_of(row, Mistake(turn=0, kind=ErrorType.MISS_NOT_RECOGNISED, rounds=(), reply="Sure, tell me more."))
    assert error.error_type is ErrorType.MISS_NOT_RECOGNISED
    assert "not called" in error.detail


def test_a_misread_value_of_the_request_was_not_recognised() -> None:
    row = next(
        row
        for row in real_rows()
        if row.category is Category.SINGLE and any(isinstance(v, str) for v in json.loads(row.reference_calls)[0][0]["arguments"].values())
    )
    call = json.loads(row.reference_calls)[0][0]
    name = next(name for name, value in call["arguments"].items() if isinstance(value, str))
    wrong = call["arguments"] | {name: "something else"}
    (error,) = errors_of(row, Mistake(turn=0, kind=None, rounds=(((call["name"], wrong),),)))
    assert error.error_type is ErrorType.MISS_NOT_RECOGNISED
    assert name in error.detail


def test_a_call_that_nobody_asked_for_is_none_of_the_five_kinds() -> None:
    row = next(row for row in real_rows() if row.category is Category.MULTIPLE and row.environment == "builtin:dining")
    calls = json.loads(row.reference_calls)[0]
    review = ("review_restaurant", {"restaurant": restaurant_of(row), "stars": 4})
    assert review[0] not in {call["name"] for call in calls}
    tools = json.dumps([*json.loads(row.tools), world().pool.spec(review[0]).as_tool()])
    mistake = Mistake(turn=0, kind=None, rounds=(*(((call["name"], call["arguments"]),) for call in calls), (review,)))
    errors = errors_of(replace(row, tools=tools), mistake)
    assert [error.error_type for error in errors] == [None]


def restaurant_of(row: Trajectory) -> str:
    """A restaurant of the row's scenario."""
    return str(min(json.loads(row.final_state)["restaurants"]))


def test_a_turn_that_is_cut_off_before_any_call_is_none_of_the_five_kinds() -> None:
    row = next(row for row in real_rows() if row.category is Category.MULTI_TURN)
    errors = errors_of(row, Mistake(turn=0, kind=None, rounds=(), reply=""))
    assert [(error.turn, error.error_type) for error in errors] == [(0, None)]


def test_a_miss_that_is_closed_as_if_nothing_were_missing_was_not_recognised() -> None:
    row = next(row for row in real_rows() if row.category is Category.IRRELEVANCE)
    (error,) = errors_of(row, Mistake(turn=0, kind=None, rounds=(), reply="All done, enjoy your evening!"))
    assert error.error_type is ErrorType.MISS_NOT_RECOGNISED


def test_a_wrong_call_that_is_put_right_afterwards_is_held_against_the_call_that_it_comes_nearest_to() -> None:
    for row in real_rows():
        mistake = next((mistake for mistake in mistakes(row) if mistake.kind is ErrorType.LONG_DEPENDENCY), None)
        if mistake:
            break
    assert mistake
    right = [call for message in messages_of(row, mistake.turn) for call in message.get("tool_calls") or ()]
    again = tuple((call["function"]["name"], json.loads(call["function"]["arguments"])) for call in right)
    first = next(iter(errors_of(row, replace(mistake, rounds=(*mistake.rounds, again)))), None)
    assert first is None or first.error_type in {ErrorType.LONG_DEPENDENCY, ErrorType.WRONG_SUMMARY}


@pytest.mark.parametrize(
    ("arguments", "emitted", "expected"),
    [
        ({"a": 1}, '{"a": 1.0}', ()),
        ({"a": 1}, '{"a": true}', ("a",)),
        ({"a": 1}, "{}", ("a",)),
        ({}, '{"b": 2}', ("b",)),
        ({"a": 1, "b": 2}, "[1]", ("a", "b")),
        ({"a": 1}, "no JSON", ("a",)),
        ({}, "", ()),
    ],
)
def test_arguments_are_compared_as_json(arguments: dict[str, object], emitted: str, expected: tuple[str, ...]) -> None:
    call = RolledCall(function="f", arguments=emitted, output="{}", accepted=True, wrote=False)
    assert differing(arguments, call) == expected
