"""What is held out: never trained on, the same however rows come, and the same for pairs as for rows."""

from __future__ import annotations

import json
import pickle
import random
from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from magnet_ray.config import load_config
from magnet_ray.errors import ConfigError, RunError
from magnet_ray.negatives.pairs import offered_in
from magnet_ray.training.held_out import By, Split, choose_split, offered_functions, split_runs, synthesised_runs
from magnet_ray.types import Category, ErrorType, PreferencePair, Trajectory, compact
from tests.builtin_recipe import builtin_rows
from tests.conftest import make_run, sample_trajectory, tool

EVERY: tuple[By, ...] = ("domain", "function", "row")


def split_of(rows: Iterable[Trajectory], by: By, share: float = 0.1, seed: int = 3) -> Split:
    kept = tuple(rows)
    return choose_split(lambda: kept, by=by, share=share, seed=seed)


@cache
def builtin_split(by: By) -> Split:
    return split_of(builtin_rows(), by)


def pair_of(row: Trajectory, turn: int) -> PreferencePair:
    """A pair of a row, as far as splitting looks at it."""
    tools = offered_in(row, turn)
    return PreferencePair(
        id="pair",
        path_id=row.id,
        category=row.category,
        tools_chosen=tools,
        tools_rejected=tools,
        prompt="[]",
        chosen="[]",
        rejected="[]",
        divergence_turn=turn,
        error_type=ErrorType.WRONG_SUMMARY,
        source="rule",
        extent="turn",
    )


def called(row: Trajectory) -> set[str]:
    return {call["name"] for calls in json.loads(row.reference_calls) for call in calls}


@pytest.mark.parametrize("by", EVERY)
def test_no_row_is_both_trained_and_held_out_and_the_counts_add_up(by: By) -> None:
    split = builtin_split(by)
    trained = [row.id for row in builtin_rows() if split.trains(row)]
    held = [row.id for row in builtin_rows() if split.holds_out(row)]
    assert not set(trained) & set(held)
    assert (len(trained), len(held)) == (split.trained, split.held_out)
    assert split.trained + split.held_out + split.left_out == len(builtin_rows())


@pytest.mark.parametrize("by", ["domain", "function"])
def test_no_held_out_function_is_called_or_offered_in_training(by: By) -> None:
    split = builtin_split(by)
    assert split.functions
    for row in builtin_rows():
        if split.trains(row):
            assert not split.functions & (offered_functions(row) | called(row))


def test_a_held_out_domain_is_neither_asked_for_nor_offered_in_training_and_held_out_rows_know_no_other() -> None:
    split = builtin_split("domain")
    trained = set[str]().union(*(offered_functions(row) for row in builtin_rows() if split.trains(row)))
    for row in builtin_rows():
        if split.trains(row):
            assert not split.domains & set(row.domains)
        if split.holds_out(row):
            assert set(row.domains) <= split.domains
            assert not trained & offered_functions(row)


def test_what_is_left_out_by_domain_are_irrelevant_requests_that_mix_two_kinds() -> None:
    split = builtin_split("domain")
    left = [row for row in builtin_rows() if not split.trains(row) and not split.holds_out(row)]
    assert {row.category for row in left} <= {Category.IRRELEVANCE}


def test_by_function_held_out_rows_call_one_or_rightly_call_none() -> None:
    split = builtin_split("function")
    for row in builtin_rows():
        if split.holds_out(row):
            assert called(row) & split.functions or not called(row)


@pytest.mark.parametrize("by", EVERY)
def test_about_the_share_asked_for_is_held_out(by: By) -> None:
    split = split_of(builtin_rows(), by, 0.3)
    assert 0.2 < split.held_out / len(builtin_rows()) < 0.4


@pytest.mark.parametrize("by", EVERY)
def test_the_choice_does_not_depend_on_the_order_of_the_rows(by: By) -> None:
    rows = list(builtin_rows())
    random.Random(5).shuffle(rows)
    assert split_of(rows, by) == builtin_split(by)


@pytest.mark.parametrize("by", EVERY)
def test_another_seed_chooses_otherwise(by: By) -> None:
    splits = [split_of(builtin_rows(), by, seed=seed) for seed in range(4)]
    assert len({tuple(split.holds_out(row) for row in builtin_rows()) for split in splits}) > 1


@pytest.mark.parametrize("by", EVERY)
def test_a_pair_is_trained_exactly_when_its_row_is(by: By) -> None:
    split = builtin_split(by)
    for row in builtin_rows():
        for turn in range(row.num_turns):
            assert split.trains_pair(pair_of(row, turn)) == split.trains(row), (row.category, turn)


def test_a_pair_that_ends_before_a_held_out_function_comes_is_not_trained() -> None:
    row = replace(sample_trajectory(1), tools_added=compact({"1": [tool("late")]}))
    others = [replace(sample_trajectory(index), id=f"{index}") for index in range(2, 12)]
    split = next(found for seed in range(200) if (found := _one_function([row, *others], seed)).functions == {"late"})
    assert not split.trains(row)
    assert not split.trains_pair(pair_of(row, 0))


def _one_function(rows: list[Trajectory], seed: int) -> Split:
    rows = [replace(rows[0], reference_calls=compact([[{"name": "late", "arguments": {}, "nested": False}]])), *rows[1:]]
    return split_of(rows, "function", 0.01, seed)


@pytest.mark.parametrize("by", EVERY)
def test_a_share_of_0_trains_on_everything(by: By) -> None:
    split = split_of(builtin_rows(), by, 0.0)
    assert (split.trained, split.held_out) == (len(builtin_rows()), 0)
    assert all(split.trains(row) and not split.holds_out(row) and split.trains_pair(pair_of(row, 0)) for row in builtin_rows())


@pytest.mark.parametrize("by", EVERY)
def test_a_split_survives_json_and_pickle(by: By) -> None:
    split = builtin_split(by)
    assert Split.from_json(json.loads(json.dumps(split.as_json()))) == split
    assert pickle.loads(pickle.dumps(split)) == split


def test_two_domains_of_half_the_rows_each_give_one_to_hold_out() -> None:
    rows = [
        replace(sample_trajectory(1), id=str(index), domains=(domain,), tools=compact([tool(f"{domain}_find")]), reference_calls="[[]]")
        for index, domain in enumerate(["music", "sports"] * 5)
    ]
    split = split_of(rows, "domain")
    assert (len(split.domains), split.trained, split.held_out) == (1, 5, 5)


def test_one_domain_cannot_be_held_out() -> None:
    rows = [replace(sample_trajectory(index), id=str(index)) for index in range(20)]
    with pytest.raises(ConfigError, match=r"fewer than two domains; --set held_out\.by=function or held_out\.by=row"):
        split_of(rows, "domain")


def test_functions_that_every_row_offers_leave_nothing_to_train_on() -> None:
    rows = [replace(sample_trajectory(index), id=str(index)) for index in range(20)]
    with pytest.raises(ConfigError, match=r"of 20 rows none is left to train on; --set held_out\.by=row"):
        split_of(rows, "function")


def test_too_few_rows_hold_none_out() -> None:
    with pytest.raises(ConfigError, match="of 1 rows none is held out"):
        split_of([sample_trajectory()], "row", 1e-9)


@pytest.mark.parametrize("share", [-0.1, 1.0, float("nan")])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ConfigError, match=r"held_out\.share cannot be used"):
        split_of(builtin_rows(), "row", share)


def test_the_split_of_a_run_is_that_of_its_rows(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", load_config(overrides={"num": 25, "ray.shard_size": 10}))
    rows = [sample_trajectory(index) for index in range(25) if index % 7]
    assert split_runs([run], by="row", share=0.4, seed=1) == split_of(rows, "row", 0.4, 1)


def test_the_runs_that_conversations_are_in_are_told(finished_run: Path) -> None:
    assert synthesised_runs([finished_run, str(finished_run)]) == (finished_run.resolve(),)
    manifest = json.loads((finished_run / "manifest.json").read_text())
    pairs = finished_run.parent / "pairs"
    pairs.mkdir()
    for source in (finished_run, finished_run / "gone"):
        (pairs / "manifest.json").write_text(json.dumps({**manifest, "kind": "distill", "config": {"run": str(source)}}))
        if source == finished_run:
            assert synthesised_runs([pairs]) == (finished_run.resolve(),)
        else:
            with pytest.raises(RunError, match=r"are gone; got .*; put that run back"):
                synthesised_runs([pairs])
