from __future__ import annotations

import pytest

pytest.importorskip("bfcl_eval")

from evals.bfcl.categories import BY_NAME, CATEGORIES, chosen
from evals.bfcl.entries import read_entries


def test_every_category_has_the_entries_that_the_formula_counts() -> None:
    entries = read_entries(CATEGORIES)
    for category in CATEGORIES:
        own = [entry for entry in entries if entry.category == category.name]
        assert len(own) == category.entries
        assert all(bool(entry.answer) == category.has_answers for entry in own)


def test_two_entries_of_one_id_are_told_apart() -> None:
    entries = read_entries(CATEGORIES)
    assert len({entry.key for entry in entries}) == len(entries)
    assert [entry.key for entry in entries if entry.number > 1] == ["live_relevance_3-3-0#2"]


def test_an_entry_and_its_answer_belong_together() -> None:
    for entry in read_entries(CATEGORIES, limit=5):
        assert entry.values["id"] == entry.id
        if entry.category.startswith("multi_turn"):
            assert len(entry.ground_truth) == entry.turns


def test_a_subset_is_the_same_for_the_same_seed_whatever_else_is_chosen() -> None:
    alone = read_entries([BY_NAME["java"]], limit=7, seed=3)
    among = [entry for entry in read_entries(CATEGORIES, limit=7, seed=3) if entry.category == "java"]
    assert list(alone) == among
    assert alone != read_entries([BY_NAME["java"]], limit=7, seed=4)


def test_a_larger_subset_holds_the_smaller_one_in_the_order_of_the_benchmark() -> None:
    whole = [entry.key for entry in read_entries([BY_NAME["simple"]])]
    small, large = ([entry.key for entry in read_entries([BY_NAME["simple"]], limit=limit)] for limit in (20, 90))
    assert set(small) < set(large)
    assert small == [key for key in whole if key in set(small)]


def test_every_category_is_sampled_evenly() -> None:
    entries = read_entries(CATEGORIES, limit=20)
    assert len(entries) == sum(min(20, category.entries) for category in CATEGORIES)


def test_groups_name_their_categories() -> None:
    assert [category.name for category in chosen(["java", "live_simple", "java"])] == ["java", "live_simple"]
    assert len(chosen(["single_turn"])) == 13
    assert chosen(["all"]) == CATEGORIES
