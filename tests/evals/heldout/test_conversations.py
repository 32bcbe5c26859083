"""Which rows a model is measured on: those that no training run of its chain saw."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from evals.heldout.conversations import HeldOutConfig, choose_conversations, splits_of
from magnet_ray.errors import ConfigError, RunError
from tests.evals.heldout.rows import synthesised, trained_on
from tests.scripted_student import real_rows

ROWS = list(real_rows()[:200])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return synthesised(tmp_path_factory.mktemp("data") / "a", ROWS)


def test_a_run_alone_gives_all_of_its_rows(data: Path) -> None:
    chosen = choose_conversations(HeldOutConfig(run=str(data)))
    assert [each.row for each in chosen.chosen] == ROWS
    assert (chosen.offered, chosen.unseen) == (len(ROWS), False)


def test_a_training_run_gives_the_rows_that_it_held_out(data: Path, tmp_path: Path) -> None:
    split = trained_on(tmp_path / "sft", data)
    chosen = choose_conversations(HeldOutConfig(trained=str(tmp_path / "sft")))
    assert [each.row.id for each in chosen.chosen] == [row.id for row in ROWS if split.holds_out(row)]
    assert 0 < chosen.offered == split.held_out < len(ROWS)
    assert chosen.unseen
    offered = {domain for each in chosen.chosen for domain in each.row.domains}
    assert offered <= split.domains


def test_rows_of_another_run_count_when_training_could_not_have_seen_them(data: Path, tmp_path: Path) -> None:
    split = trained_on(tmp_path / "sft", data)
    other = synthesised(tmp_path / "b", ROWS[::3])
    chosen = choose_conversations(HeldOutConfig(run=str(other), trained=str(tmp_path / "sft")))
    assert [each.row.id for each in chosen.chosen] == [row.id for row in ROWS[::3] if split.holds_out(row)]


def test_what_any_run_of_a_chain_trained_on_is_not_held_out(data: Path, tmp_path: Path) -> None:
    first = trained_on(tmp_path / "sft", data, by="row", seed=1, share=0.5)
    second = trained_on(tmp_path / "mdpo", data, by="row", seed=2, share=0.5, model=str(tmp_path / "sft" / "model"))
    assert splits_of(tmp_path / "mdpo") == [second, first]
    chosen = choose_conversations(HeldOutConfig(trained=str(tmp_path / "mdpo")))
    assert {each.row.id for each in chosen.chosen} == {row.id for row in ROWS if first.holds_out(row) and second.holds_out(row)}
    assert 0 < chosen.offered < second.held_out


def test_a_limit_takes_as_many_of_each_category_in_their_order(data: Path) -> None:
    few = choose_conversations(HeldOutConfig(run=str(data), limit=3))
    more = choose_conversations(HeldOutConfig(run=str(data), limit=5))
    assert set(Counter(each.row.category for each in few.chosen).values()) == {3}
    assert {each.row.id for each in few.chosen} < {each.row.id for each in more.chosen}
    assert [each.row.index for each in more.chosen] == sorted(each.row.index for each in more.chosen)
    assert few.offered == len(ROWS)


def test_what_cannot_be_evaluated_on_is_named(data: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--run DIR, --trained DIR or both"):
        choose_conversations(HeldOutConfig())
    with pytest.raises(RunError, match="no finished training run"):
        choose_conversations(HeldOutConfig(trained=str(tmp_path)))
    with pytest.raises(RunError, match="holds a run of magnet synthesize"):
        choose_conversations(HeldOutConfig(trained=str(data)))
    with pytest.raises(RunError, match="is not a directory"):
        choose_conversations(HeldOutConfig(run=str(tmp_path / "nowhere")))
    trained_on(tmp_path / "all", data, share=0.0)
    with pytest.raises(RunError, match="nothing is held out"):
        choose_conversations(HeldOutConfig(trained=str(tmp_path / "all")))
