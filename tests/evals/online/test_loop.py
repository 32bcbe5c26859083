"""The online evaluation with a deployer and an evaluation that only note what they are asked."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from evals.evaluation_runs import EvaluationConfig, EvaluationRun, Transcript
from evals.online.checkpoints import Checkpoint, find_checkpoints
from evals.online.leaderboard import Entry, Leaderboard, card
from evals.online.loop import EVALUATIONS, Watch, follow, passed_over
from evals.score_tables import score_table, share, table_text
from magnet_ray.errors import ConfigError, JobFailed, ModelError, RunError
from magnet_ray.places import Place, make_directory
from magnet_ray.progress import Progress
from tests.evals.online.checkpoint_runs import finish_run


@dataclass(slots=True)
class Noting:
    """Deploys and evaluates nothing; keeps what it was asked."""

    broken: tuple[str, ...] = ()
    """Checkpoints that cannot be served."""
    dies_in: str = ""
    """Checkpoint whose evaluation a kill interrupts, once."""
    deployed: list[str] = field(default_factory=list)
    evaluated: list[tuple[str, bool]] = field(default_factory=list)

    def deploy(self, checkpoint: Checkpoint) -> str:
        self.deployed.append(checkpoint.name)
        if checkpoint.name in self.broken:
            raise ModelError("no chat template")
        return "http://127.0.0.1:1/v1"

    def __call__(self, checkpoint: Checkpoint, url: str, out: Place, *, resume: bool) -> None:
        self.evaluated.append((checkpoint.name, resume))
        with EvaluationRun.open(out, "eval heldout", EvaluationConfig(), resume=resume) as run:
            make_directory(run.path / "transcripts")
            if checkpoint.name == self.dies_in:
                self.dies_in = ""
                raise KeyboardInterrupt
            right = [number < len(checkpoint.name) for number in range(10)]
            table = score_table("Held-out", "model", {"conversations": share(right), "  single": share(right[:5])})
            run.finish([Transcript(task=f"t{number}", result={}) for number in range(10)], {"scores.json": table_text(table, {})}, {}, 2.5)


def watched(tmp_path: Path, noting: Noting, checkpoints: int | None, *arrivals: tuple[str, bytes]) -> Leaderboard:
    """Follow a directory in which more checkpoints arrive, one at each pause."""
    directory = tmp_path / "training"
    directory.mkdir(exist_ok=True)
    coming = iter(enumerate(arrivals))

    def pause(seconds: float) -> None:
        number, (name, weights) = next(coming)
        finish_run(directory / name, weights, at=number)

    watch = Watch(directory=directory, out=tmp_path / "board", checkpoints=checkpoints)
    return follow(watch, noting, noting, Progress(), pause)


def test_each_checkpoint_that_arrives_gets_a_row_with_its_weights(tmp_path: Path) -> None:
    noting = Noting()
    board = watched(tmp_path, noting, 3, ("a", b"1"), ("bbbb", b"2"), ("cc", b"3"))
    entries = board.entries()
    assert [(entry.name, entry.score, entry.tasks, entry.steps) for entry in entries] == [
        ("a", 0.1, 10, 7), ("bbbb", 0.4, 10, 7), ("cc", 0.2, 10, 7),
    ]  # fmt: skip
    assert len({entry.weights for entry in entries}) == 3
    assert noting.deployed == ["a", "bbbb", "cc"]
    table = pq.read_table(tmp_path / "board" / "leaderboard.parquet")
    assert (table.num_rows, table.column("evaluation_seconds").to_pylist()) == (3, [2.5] * 3)
    text = (tmp_path / "board" / "README.md").read_text()
    assert text.index("| bbbb |") < text.index("| cc |") < text.index("| a |")
    assert f"`{entries[0].weights[:12]}`" in text
    assert (tmp_path / "board" / "leaderboard.svg").read_text().startswith("<svg")


def test_the_same_weights_are_evaluated_once(tmp_path: Path) -> None:
    noting = Noting()
    watched(tmp_path, noting, 1, ("a", b"1"))
    board = watched(tmp_path, noting, 2, ("copy", b"1"), ("new", b"2"))
    assert [entry.name for entry in board.entries()] == ["a", "new"]


def test_what_was_killed_goes_on(tmp_path: Path) -> None:
    noting = Noting(dies_in="b")
    with pytest.raises(KeyboardInterrupt):
        watched(tmp_path, noting, 2, ("a", b"1"), ("b", b"2"))
    board = watched(tmp_path, noting, 2)
    assert [entry.name for entry in board.entries()] == ["a", "b"]
    assert noting.evaluated == [("a", False), ("b", False), ("b", True)]
    # Killed between the evaluation's end and its row.
    (tmp_path / "board" / "leaderboard.parquet").unlink()
    board = watched(tmp_path, noting, 2)
    assert [entry.name for entry in board.entries()] == ["a", "b"]
    assert len(noting.evaluated) == 3


def test_a_checkpoint_that_cannot_be_served_holds_up_no_other(tmp_path: Path) -> None:
    noting = Noting(broken=("bad",))
    board = watched(tmp_path, noting, 3, ("a", b"1"), ("bad", b"2"), ("c", b"3"))
    assert [entry.name for entry in board.entries()] == ["a", "c"]
    assert [(each["name"], each["reason"]) for each in passed_over(tmp_path / "board")] == [("bad", "no chat template")]
    watched(tmp_path, noting, 3)
    assert noting.deployed == ["a", "bad", "c"]


def test_it_ends_when_nothing_comes(tmp_path: Path) -> None:
    (tmp_path / "training").mkdir()
    watch = Watch(directory=tmp_path / "training", out=tmp_path / "board", idle_seconds=0.05, poll_seconds=0.01)
    assert follow(watch, Noting(), Noting(), Progress()).entries() == []


def test_what_is_no_finished_training_run_is_passed_over(tmp_path: Path) -> None:
    finish_run(tmp_path / "sft", b"1", at=2)
    finish_run(tmp_path / "mdpo", b"2", at=1, kind="mdpo")
    finish_run(tmp_path / "data", b"3", kind="synthesize")
    finish_run(tmp_path / "empty")
    finish_run(tmp_path / ".copying", b"4")
    (tmp_path / "unfinished" / "model").mkdir(parents=True)
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "manifest.json").write_text("[]")
    assert [(each.name, each.kind) for each in find_checkpoints(tmp_path)] == [("mdpo", "mdpo"), ("sft", "sft")]


def test_a_directory_that_cannot_be_watched_or_is_in_use_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not a directory"):
        follow(Watch(directory=tmp_path / "nowhere", out=tmp_path / "board"), Noting(), Noting(), Progress())

    class Twice(Noting):
        def deploy(self, checkpoint: Checkpoint) -> str:
            with pytest.raises(RunError, match="is being written by process"):
                watched(tmp_path, Noting(), 1)
            raise JobFailed("enough")

    watched(tmp_path, Twice(), 1, ("a", b"1"))
    assert passed_over(tmp_path / "board")[0]["reason"] == "enough"


def test_a_damaged_leaderboard_is_no_empty_one(tmp_path: Path) -> None:
    watched(tmp_path, Noting(), 1, ("a", b"1"))
    (tmp_path / "board" / "leaderboard.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunError, match="cannot be read"):
        Leaderboard(tmp_path / "board").entries()


def test_the_card_says_which_scores_cannot_be_compared(tmp_path: Path) -> None:
    (entry,) = watched(tmp_path, Noting(), 1, ("a", b"1")).entries()
    assert "cannot be compared" not in card([entry])
    other = Entry(**{**{name: getattr(entry, name) for name in Entry.__slots__}, "name": "b", "tasks_id": "another"})
    assert "| 10 (2) |" in card([entry, other])
    assert "cannot be compared" in card([entry, other])
    assert (tmp_path / "board" / EVALUATIONS / f"a-{entry.weights[:12]}").is_dir()
