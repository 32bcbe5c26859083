"""The distillation job as its users start it: pairs of a finished run, made by rules, and the views of them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from magnet_ray.cli import DONE, USER_ERROR, run_command
from magnet_ray.environments.opening import open_environment
from magnet_ray.finished_runs import read_failures, read_manifest, read_pairs, read_trajectories
from magnet_ray.functions.pool import load_pool
from magnet_ray.negatives.pairs import check_pair
from magnet_ray.rollouts.rollout import World
from magnet_ray.types import ErrorType
from tests.cluster_support import magnet, needs_proc

pytestmark = [pytest.mark.slow, needs_proc]

NUM = 120


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run to distil."""
    out = tmp_path_factory.mktemp("source") / "run"
    done = magnet("synthesize", "--num", NUM, "--seed", 2, "--set", "ray.num_cpus=2", "--out", out)
    assert done.returncode == DONE, done.stderr
    return out


@pytest.fixture(scope="module")
def pairs(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its pairs."""
    out = tmp_path_factory.mktemp("pairs") / "run"
    done = magnet("distill", "--run", source, "--set", "ray.num_cpus=2", "--set", "ray.shard_size=20", "--out", out)
    assert done.returncode == DONE, done.stderr
    assert re.search(r"^\d+ pairs from \d+ rows; \d+ rows gave none$", done.stdout, re.MULTILINE)
    return out


def test_every_row_gives_pairs_or_a_failure_and_every_pair_holds(source: Path, pairs: Path) -> None:
    manifest = read_manifest(pairs)
    rows = {row.id: row for row in read_trajectories(source)}
    made = list(read_pairs(pairs, checksums=True))
    assert manifest.counts.kept == len(made) and manifest.counts.attempted == len(rows)
    assert {pair.path_id for pair in made}.isdisjoint(failure.id for failure in read_failures(pairs))
    assert {*(pair.path_id for pair in made), *(failure.id for failure in read_failures(pairs))} == set(rows)
    assert {pair.error_type for pair in made} == set(ErrorType) and {pair.source for pair in made} == {"rule"}
    world = World(pool=load_pool(source / "pool"), open_environment=open_environment)
    for pair in made:
        check_pair(pair, rows[pair.path_id], world)
    assert {failure.reason.value for failure in read_failures(pairs)} <= {"not_wrong", "unbalanced"}


def test_balance_keeps_the_papers_proportions_and_can_be_switched_off(source: Path, pairs: Path, tmp_path: Path) -> None:
    groups = {name: sum(errors.values()) for name, errors in read_manifest(pairs).statistics["pairs_by_group_and_error"].items()}
    assert groups["multi_turn"] / groups["single_turn"] == pytest.approx(2250 / 1556, rel=0.15)
    done = magnet("distill", "--run", source, "--set", "balance=false", "--set", "ray.num_cpus=1", "--out", tmp_path / "all")
    assert done.returncode == DONE, done.stderr
    statistics = read_manifest(tmp_path / "all").statistics
    assert statistics["pairs_left_out"] == 0
    every = {pair.id: pair for pair in read_pairs(tmp_path / "all")}
    assert len(every) == statistics["pairs_made"] == read_manifest(pairs).statistics["pairs_made"]
    assert all(every[pair.id] == pair for pair in read_pairs(pairs)), "one worker or two, other shards or not"


def test_pairs_are_shown_listed_and_exported(pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pair = next(iter(read_pairs(pairs)))
    assert run_command(["inspect", str(pairs), "--id", pair.id]) == DONE
    shown = capsys.readouterr().out
    assert all(words in shown for words in (pair.id, pair.error_type.value, "chosen", "rejected"))
    assert run_command(["inspect", str(pairs), "--list", "--limit", "2"]) == DONE
    assert pair.id in capsys.readouterr().out
    assert run_command(["export", str(pairs), "--format", "preference", "--out", str(tmp_path / "pairs.jsonl")]) == DONE
    lines = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(lines) == read_manifest(pairs).counts.kept
    assert all(line["prompt"][-1]["role"] in {"user", "tool"} and line["chosen"] != line["rejected"] for line in lines)


def test_the_card_shows_a_pair_of_each_kind(pairs: Path) -> None:
    card = (pairs / "README.md").read_text(encoding="utf-8")
    assert all(f"### {error.value}, " in card for error in ErrorType)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--run", "nowhere", "--out", "{out}"), "nowhere is not a directory"),
        (("--run", "{pairs}", "--out", "{out}"), "holds no conversations"),
        (("--run", "{source}"), "--out is missing"),
        (("--run", "{source}", "--out", "{pairs}"), "holds a finished run"),
        (("--run", "{source}", "--out", "{out}", "--student", "http://127.0.0.1:9/v1"), "names no model"),
        (
            ("--run", "{source}", "--out", "{out}", "--student", "http://127.0.0.1:9/v1", "--student-model", "x"),
            "start the server or correct base_url",
        ),
        (("--run", "{source}", "--out", "{out}", "--set", "rolouts=3"), "did you mean rollouts?"),
        (("--run", "{source}", "--out", "{out}", "--set", "extent=page"), "expected 'turn' or 'trajectory'"),
        (("--run", "{source}", "--out", "{out}", "--set", "mix.multi_turn=-1"), "mix.multi_turn"),
    ],
)
def test_what_only_the_user_can_mend_is_one_line(
    arguments: tuple[str, ...], words: str, source: Path, pairs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = {"source": str(source), "pairs": str(pairs), "out": str(tmp_path / "out")}
    assert run_command(["distill", *(argument.format(**places) for argument in arguments)]) == USER_ERROR
    printed = capsys.readouterr().err
    assert printed.startswith("magnet: ") and printed.count("\n") == 1 and words in printed
