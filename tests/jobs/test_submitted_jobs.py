"""`ray job submit` as it is typed, against a head that wants a token: what each job leaves, and what becomes of one that is stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from magnet_ray.cli import DONE
from magnet_ray.finished_runs import read_manifest, read_pairs
from magnet_ray.functions.pool import load_pool
from tests.cluster_support import magnet, needs_proc, rows_by_id, shards_done, wait_until
from tests.jobs.submitting import JobHead, job_head

pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(900)]

NUM = 200
SYNTHESIZE = ("--num", NUM, "--seed", 3, "--set", "ray.shard_size=5")
SLOW = '''
import time


def weigh_parcel(sender: str, grams: int) -> dict[str, int]:
    """Weigh a parcel.

    Args:
        sender: Name of the sender.
        grams: Weight in grams.
    """
    time.sleep(0.1)
    return {"fee": grams * 2}


def find_depot(city: str) -> dict[str, str]:
    """Find the depot of a city.

    Args:
        city: Name of the city.
    """
    time.sleep(0.1)
    return {"depot": f"{city} North"}
'''
"""Functions that take their time, so that a job of few conversations can be stopped in the middle on any machine."""
SLOW_SHARDS = 20


@pytest.fixture(scope="module")
def head() -> Iterator[JobHead]:
    with job_head() as started:
        yield started


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that `magnet synthesize` makes of the same options, with a Ray of its own."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    done = magnet("synthesize", *SYNTHESIZE, "--set", "ray.num_cpus=2", "--out", out)
    assert done.returncode == DONE, done.stderr
    return out


def lines_of(log: str) -> list[str]:
    """What a job itself printed, between the lines of the client."""
    lines = log.split("\n")
    begin = next(number for number, line in enumerate(lines) if "Running entrypoint for job" in line)
    return [line for line in lines[begin + 1 :] if " cli.py:" not in line]


def test_nobody_gets_in_without_the_token(head: JobHead) -> None:
    for env in ({"RAY_AUTH_TOKEN": "0" * 64}, {"RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": ""}):
        refused = head.job("list", **env)
        assert refused.returncode != 0
        assert any(
            word in (refused.stdout + refused.stderr).lower() for word in ("unauthenticated", "unauthorized", "authentication", "token")
        )


def test_a_pool_becomes_conversations_and_those_become_pairs(head: JobHead, undisturbed: Path, tmp_path: Path) -> None:
    built = head.submit("pool", "jobs/build_pool.py", "--source", "builtin", "--out", tmp_path / "pool")
    assert built.returncode == 0, built.stdout + built.stderr
    assert load_pool(tmp_path / "pool").fingerprint == load_pool(undisturbed / "pool").fingerprint

    made = head.submit("make", "jobs/synthesize.py", *SYNTHESIZE, "--set", f"pool={tmp_path / 'pool'}", "--out", tmp_path / "run")
    assert made.returncode == 0, made.stdout + made.stderr
    assert rows_by_id(tmp_path / "run") == rows_by_id(undisturbed)
    told = lines_of(made.stdout)
    assert told[0] == "reading and trying the functions" and any(line.startswith("joining the Ray cluster") for line in told)
    assert any(line.startswith(f"making paths: {NUM} of {NUM}") for line in told)
    # Whole lines for whoever follows it: nothing is drawn over.
    assert not any(mark in line for line in told for mark in ("\r", "\x1b"))
    assert read_manifest(tmp_path / "run").sources == ["builtin"]

    paired = head.submit("pair", "jobs/distill.py", "--run", tmp_path / "run", "--num", 60, "--out", tmp_path / "pairs")
    assert paired.returncode == 0, paired.stdout + paired.stderr
    assert {pair.source for pair in read_pairs(tmp_path / "pairs")} == {"rule"}


def test_an_evaluation_is_a_job_too(head: JobHead, tmp_path: Path) -> None:
    options = ("toolquery", "--agent", "reference", "--limit", 3, "--out", tmp_path / "eval")
    done = head.submit("check", "jobs/evaluate.py", *options)
    assert done.returncode == 0, done.stdout + done.stderr
    counts = json.loads((tmp_path / "eval" / "manifest.json").read_text(encoding="utf-8"))["counts"]
    assert (counts["tasks"], counts["unscored"]) == (9, 0)


def test_what_the_user_must_fix_is_shown_by_the_status(head: JobHead, tmp_path: Path) -> None:
    refused = head.submit("wrong", "jobs/synthesize.py", "--set", "sed=1", "--out", tmp_path / "run")
    assert refused.returncode != 0
    told = head.status("wrong")
    assert "job it failed" in told and "magnet: sed in --set is not a configuration key; did you mean seed?" in told
    lost = head.submit("lost", "jobs/synthesize.py", *SYNTHESIZE, "--out", "runs/a")
    assert lost.returncode != 0 and "expected a place that outlives the job" in lost.stdout


def test_a_job_that_is_stopped_keeps_what_it_made_and_goes_on_when_it_is_submitted_again(head: JobHead, tmp_path: Path) -> None:
    source, out = tmp_path / "slow.py", tmp_path / "run"
    source.write_text(SLOW, encoding="utf-8")
    options = ("--source", f"python:{source}", "--num", 2 * SLOW_SHARDS, "--set", "ray.shard_size=2", "--set", "failure_budget=1")
    entry = ("jobs/synthesize.py", *options, "--out", out)
    begun = head.submit("stopped", *entry, options=("--no-wait",))
    assert begun.returncode == 0, begun.stderr
    wait_until(lambda: shards_done(out) >= 2, pause=0.05)
    assert "running" in head.status("stopped")
    assert head.job("stop", "stopped").returncode == 0
    wait_until(lambda: "job it was stopped" in head.status("stopped"), pause=0.5)
    log = head.job("logs", "stopped").stdout
    assert "interrupted; go on with: magnet synthesize" in log and "Traceback" not in log
    assert 0 < shards_done(out) < SLOW_SHARDS and not (out / "manifest.json").exists()

    refused = head.submit("again", *entry)
    assert refused.returncode != 0 and "holds an unfinished run; add --resume" in refused.stdout
    kept = shards_done(out)
    done = head.submit("resumed", *entry, "--resume")
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"making paths: {2 * kept} of {2 * SLOW_SHARDS} were done before" in done.stdout
    undisturbed = magnet("synthesize", *options, "--set", "ray.num_cpus=2", "--out", tmp_path / "undisturbed")
    assert undisturbed.returncode == DONE, undisturbed.stderr
    assert rows_by_id(out) == rows_by_id(tmp_path / "undisturbed")


def test_training_is_a_job_too(head: JobHead, tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    from tests.training.tiny_runs import CALM, tiny_checkpoint, tiny_data

    model, data = tiny_checkpoint(tmp_path / "model"), tiny_data(tmp_path / "data")
    options = ("--set", "max_steps=3", "--set", "batch_size=6", "--set", "max_tokens=4096", "--set", "scaling.gpu=false", *CALM)
    entry = ("jobs/train_sft.py", "--data", data, "--model", model, "--out", tmp_path / "sft", *options)
    done = head.submit("train", *entry)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "sft" / "model" / "model.safetensors").exists()
    assert json.loads((tmp_path / "sft" / "manifest.json").read_text(encoding="utf-8"))["steps"] == 3
