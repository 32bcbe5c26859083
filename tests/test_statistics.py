"""Counts agree with the rows, and text diversity looks at what is said, not at the values in it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.rows import to_table
from magnet_ray.statistics import EXAMPLES, Diversity, RunStatistics, skeletons
from magnet_ray.types import Category, Trajectory
from tests.builtin_recipe import builtin_rows
from tests.conftest import sample_trajectory


def gathered() -> RunStatistics:
    statistics = RunStatistics()
    statistics.add(to_table(Trajectory, builtin_rows()))
    return statistics


def test_the_counts_are_those_of_the_rows() -> None:
    statistics = gathered()
    assert statistics.categories == Counter(row.category.value for row in builtin_rows())
    assert statistics.domains == Counter(domain for row in builtin_rows() for domain in row.domains)
    assert sum(statistics.functions.values()) == sum(row.num_calls for row in builtin_rows())
    assert statistics.nested == sum(row.reference_calls.count('"nested":true') for row in builtin_rows())
    assert sum(statistics.arguments.values()) == sum(row.provenance.count('"origin":"') for row in builtin_rows())
    assert statistics.diversity.queries == sum(row.num_turns for row in builtin_rows())


def test_an_operation_counts_once_a_conversation() -> None:
    assert gathered().operations == Counter(operation for row in builtin_rows() for operation in set(row.ops))


def test_means_are_over_the_multi_turn_categories_alone() -> None:
    rows = [row for row in builtin_rows() if row.category in {Category.MULTI_TURN, Category.MISS_FUNC, Category.MISS_PARAMS}]
    summary = gathered().summary()
    assert summary["multi_turn_mean_turns"] == pytest.approx(sum(row.num_turns for row in rows) / len(rows), abs=0.01)
    assert summary["multi_turn_mean_calls"] == pytest.approx(sum(row.num_calls for row in rows) / len(rows), abs=0.01)
    assert (summary["paper_mean_turns"], summary["paper_mean_calls"]) == (4.71, 15.13)


def test_a_few_conversations_of_each_category_are_kept_as_examples() -> None:
    statistics = gathered()
    assert {name: len(rows) for name, rows in statistics.examples.items()} == {category.value: EXAMPLES for category in Category}
    assert all(row.category.value == name for name, rows in statistics.examples.items() for row in rows)


def test_what_is_gathered_apart_is_what_is_gathered_in_a_row() -> None:
    rows = to_table(Trajectory, builtin_rows())
    first, later = RunStatistics(), RunStatistics(diversity=False)
    first.add(rows.slice(0, 7))
    later.add(rows.slice(7))
    said = first.diversity.summary()
    first.merge(later)
    assert first.examples == gathered().examples
    assert first.summary() == gathered().summary() | {"diversity": said}


def test_an_empty_run_has_a_summary_too() -> None:
    summary = RunStatistics().summary()
    assert summary["multi_turn_mean_turns"] == 0.0 and summary["diversity"]["commonest_opening"] == ""
    assert json.loads(json.dumps(summary)) == summary


def test_the_summary_does_not_depend_on_the_order_of_its_keys() -> None:
    statistics = RunStatistics()
    statistics.add(to_table(Trajectory, reversed(builtin_rows())))
    mine, other = gathered().summary(), statistics.summary()
    for part in ("rows_by_domain", "arguments_by_origin", "rows_by_operation"):
        assert list(mine[part].items()) == list(other[part].items())


@pytest.mark.parametrize(
    ("query", "values", "masked"),
    [
        ("Book a table at Blue Fig for 4.", ["Blue Fig", "4"], ["book a table at _ for _."]),
        ("Book a table at Blue Fig for 12.", [], ["book a table at blue fig for _."]),
        ('Write "See you at 6. Bye" to Ida. And call her?', ["Ida"], ["write _ to _.", "and call her?"]),
        ("Compare Ulm, Bern and Linz.", ["Ulm", "Bern", "Linz"], ["compare _."]),
        ("Pay $1,250.50 now!", [], ["pay _ now!"]),
        ("Is it at 6:30?", [], ["is it at _?"]),
        ("Blue Fig or Blue Fig Annexe?", ["Blue Fig", "Blue Fig Annexe"], ["_ or _?"]),
        ("", [], []),
    ],
)
def test_a_skeleton_is_a_sentence_without_its_values(query: str, values: list[str], masked: list[str]) -> None:
    assert skeletons(query, values) == masked


@given(st.lists(st.sampled_from(["Ulm", "Bern", "Linz", "Graz"]), min_size=1, max_size=4), st.integers(0, 99))
def test_sentences_that_differ_in_values_alone_have_one_skeleton(cities: list[str], guests: int) -> None:
    query = f"Find rooms in {cities[0]} for {guests} people."
    assert skeletons(query, [cities[0], str(guests)]) == skeletons("Find rooms in Wien for 3 people.", ["Wien", "3"])


def test_diversity_counts_openings_grams_and_skeletons() -> None:
    diversity = Diversity()
    for city in ("Ulm", "Bern"):
        diversity.add([f"Show me {city}."], [[{"city": {"origin": "query", "turn": 0, "text": city}}]])
    diversity.add(["Show me more, please!"], [[]])
    summary = diversity.summary()
    assert (summary["queries"], summary["commonest_skeleton"], summary["commonest_skeleton_share"]) == (3, "show me _.", round(2 / 3, 5))
    assert diversity.openings == Counter({"show me ulm": 1, "show me bern": 1, "show me more": 1})
    # Words: show me ulm / show me bern / show me more please.
    assert (summary["distinct_1"], summary["distinct_2"], summary["distinct_3"]) == (0.6, round(5 / 7, 4), 1.0)


def test_a_value_of_an_earlier_query_is_masked_where_it_was_said() -> None:
    diversity = Diversity()
    provenance: list[list[Mapping[str, Any]]] = [[], [{"city": {"origin": "earlier_query", "turn": 0, "text": "Ulm"}}]]
    diversity.add(["Go to Ulm?", "Now go, Ulm is nice."], provenance)
    assert set(diversity.skeletons) == {"go to _?", "now go, ulm is nice."}


def test_nested_calls_of_a_row_are_counted() -> None:
    statistics = RunStatistics()
    statistics.add(to_table(Trajectory, [sample_trajectory()]))
    assert statistics.nested == 1 and statistics.functions == Counter({"find_places": 2, "book_place": 1})
