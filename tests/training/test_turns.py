"""The decisions of a row, and a balanced sample of them."""

from __future__ import annotations

import json
import random
from collections import Counter

from magnet_ray.training.turns import Due, Turn, prompt_of, sample_turns, turns_of
from magnet_ray.types import Category
from tests.builtin_recipe import builtin_rows, rows_of
from tests.conftest import sample_trajectory
from tests.test_datasets import with_addition


def dues(turns: tuple[Turn, ...]) -> Counter[tuple[str, Due]]:
    return Counter((turn.category.value, turn.due) for turn in turns)


def test_a_decision_stands_before_each_message_of_the_assistant() -> None:
    turns = list(turns_of(sample_trajectory(3)))
    assert [turn.due for turn in turns] == [Due.CALL, Due.ANSWER, Due.CALL, Due.ANSWER]
    assert [(call["name"], json.loads(call["arguments"])) for call in json.loads(turns[0].calls)] == [
        ("find_places", {"city": "Ulm"}),
        ("find_places", {"city": "Bern"}),
    ]
    assert [message["role"] for message in prompt_of(turns[1])[0]] == ["system", "user", "assistant", "tool", "tool"]
    assert len({turn.id for turn in turns}) == 4


def test_each_decision_is_offered_what_had_come_by_then() -> None:
    offered = [(turn.due, len(prompt_of(turn)[1])) for turn in turns_of(with_addition())]
    assert offered[4:] == [(Due.DECLINE, 2), (Due.CALL, 3), (Due.ANSWER, 3)]


def test_every_row_with_a_miss_has_a_decision_not_to_call() -> None:
    for category, due in {Category.MISS_FUNC: Due.DECLINE, Category.MISS_PARAMS: Due.ASK, Category.IRRELEVANCE: Due.DECLINE}.items():
        for row in rows_of(category):
            found = Counter(turn.due for turn in turns_of(row))
            assert found[due] == 1, row.id
            assert not found.keys() & ({Due.ASK, Due.DECLINE} - {due})


def test_the_decisions_to_call_make_up_the_reference() -> None:
    for row in builtin_rows():
        made = [call["name"] for turn in turns_of(row) for call in json.loads(turn.calls)]
        assert made == [call["name"] for calls in json.loads(row.reference_calls) for call in calls]


def test_a_sample_has_equally_many_of_each_category_and_of_what_is_due_in_it() -> None:
    sample = dues(sample_turns(builtin_rows(), 80))
    assert sum(sample.values()) == 80
    assert {
        category: sum(count for (other, due), count in sample.items() if other == category and due is not Due.ANSWER)
        for category in Category
    } == dict.fromkeys(Category, 10)
    assert sum(count for (_, due), count in sample.items() if due is Due.ANSWER) == 10
    assert sample["miss_params", Due.ASK] == sample["miss_params", Due.CALL] == sample["miss_func", Due.DECLINE] == 5


def test_the_first_part_of_a_sample_is_a_smaller_sample() -> None:
    assert sample_turns(builtin_rows(), 60)[:16] == sample_turns(builtin_rows(), 16)


def test_a_sample_depends_on_the_seed_and_not_on_the_order_of_the_rows() -> None:
    rows = list(builtin_rows())
    random.Random(1).shuffle(rows)
    assert sample_turns(rows, 40, seed=2) == sample_turns(builtin_rows(), 40, seed=2) != sample_turns(rows, 40, seed=3)


def test_where_there_are_fewer_decisions_all_are_taken() -> None:
    rows = builtin_rows()[:10]
    assert {turn.id for turn in sample_turns(rows, 10_000)} == {turn.id for row in rows for turn in turns_of(row)}


def test_decisions_that_do_not_fit_are_replaced_by_others() -> None:
    sample = sample_turns(builtin_rows(), 40, fits=lambda turn: len(turn.messages) < 2_000)
    assert len(sample) == 40
    assert all(len(turn.messages) < 2_000 for turn in sample)
