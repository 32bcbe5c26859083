"""Evaluations as users run them: Ray workers, HTTP, faults, kills and resumption."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evals.evaluation_runs import SEGMENTS, Transcript, read_evaluation, read_transcripts
from evals.throughput.model_server import Behaviour, Fault, ModelServer
from evals.toolquery.job import KIND, Guide
from evals.toolquery.tasks import all_tasks
from magnet_ray.cli import DONE, FAILED, INTERRUPTED
from tests.cluster_support import PATIENCE, Command, needs_proc
from tests.evals.agents import Served
from tests.evals.heldout.rows import job_of, synthesised
from tests.scripted_student import real_rows

pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(900)]

ANSWERS = Served(Guide(all_tasks().values()))
QUICK = ("--set", "ray.num_cpus=2", "--set", "requests.backoff=0.01", "--set", "requests.backoff_max=0.1")


def command(name: str, url: str, out: Path, *more: object) -> Command:
    """An evaluation as a process."""
    return Command(["--endpoint", url, "--model", "m", "--out", out, *QUICK, *more], program=("-m", f"evals.{name}"))


def finished(running: Command) -> subprocess.CompletedProcess[str]:
    """How a command ended; it leaves nothing behind."""
    try:
        return running.wait(3 * PATIENCE)
    finally:
        running.kill_everything()


def content(run: Path) -> list[Transcript]:
    """What a run holds, without times."""
    return [Transcript(task=each.task, result=each.result, requests=each.requests) for each in read_transcripts(run)]


def lines(run: Path) -> int:
    """Tasks that are on the disk."""
    return sum(file.read_bytes().count(b"\n") for file in (run / SEGMENTS).glob("*.jsonl"))


def test_faults_change_no_score(tmp_path: Path) -> None:
    kinds = (Fault.RATE_LIMIT, Fault.SERVER_ERROR, Fault.UNAVAILABLE, Fault.RESET, Fault.TRUNCATED, Fault.EMPTY_CHOICES, Fault.WRONG_TYPES)
    with ModelServer(ANSWERS, Behaviour(model="m", seconds=0.01, slots=16, faults=0.2, kinds=kinds)) as server:
        done = finished(command("toolquery", server.url, tmp_path / "run"))
        assert done.returncode == DONE, done.stderr
        assert sum(server.served.faults.values()) > 50
    manifest = read_evaluation(tmp_path / "run", KIND)
    assert (manifest["score"], manifest["counts"]["unscored"]) == (1.0, 0)
    assert manifest["counts"]["requests"] == sum(len(task.calls) + 1 for task in all_tasks().values())
    assert "100.0 (97-100)" in done.stdout


def test_a_run_that_is_ended_goes_on_and_asks_nothing_again(tmp_path: Path) -> None:
    with ModelServer(ANSWERS, Behaviour(model="m", seconds=0.4, slots=12)) as server:
        more: tuple[str, ...] = ()
        for how, scored in ((signal.SIGTERM, 20), (signal.SIGKILL, 60)):
            running = command("toolquery", server.url, tmp_path / "run", "--set", "ray.conversations=6", *more)
            try:
                until = time.monotonic() + 3 * PATIENCE
                while lines(tmp_path / "run") < scored:
                    assert time.monotonic() < until and running.process.poll() is None, running.process.poll()
                    time.sleep(0.05)
                os.kill(running.process.pid, how)
                if how is signal.SIGTERM:
                    stopped = running.wait()
                    assert stopped.returncode == INTERRUPTED, stopped.stderr
            finally:
                running.kill_everything()
            assert scored <= lines(tmp_path / "run") < 114
            more = ("--resume",)
        done = finished(command("toolquery", server.url, tmp_path / "run", *more))
        assert done.returncode == DONE, done.stderr
        asked = Counter(server.served.answered)
    assert f"of {len(all_tasks())} were done before" in done.stderr
    # Those under way when it ended were answered to nobody: each time one for each conversation of two workers at most.
    assert asked.total() - len(asked) <= 2 * 12
    assert read_evaluation(tmp_path / "run", KIND)["score"] == 1.0
    assert len(content(tmp_path / "run")) == len(all_tasks())


def test_a_lost_worker_costs_nothing_but_its_tasks(tmp_path: Path) -> None:
    with ModelServer(ANSWERS, Behaviour(model="m", seconds=0.4, slots=12)) as server:
        running = command("toolquery", server.url, tmp_path / "run", "--set", "ray.conversations=6", "--set", "ray.workers=2")
        try:
            until = time.monotonic() + 3 * PATIENCE
            while lines(tmp_path / "run") < 10:
                assert time.monotonic() < until and running.process.poll() is None
                time.sleep(0.05)
            worker = next(pid for pid, line in running.processes().items() if line.startswith("ray::_work"))
            os.kill(worker, signal.SIGKILL)
            done = running.wait(3 * PATIENCE)
        finally:
            running.kill_everything()
    assert done.returncode == DONE, done.stderr
    assert "tasks of lost workers are put again" in done.stderr
    assert read_evaluation(tmp_path / "run", KIND)["score"] == 1.0


def test_an_endpoint_that_goes_away_fails_the_job_and_a_resumed_one_finishes_it(tmp_path: Path) -> None:
    broken = Behaviour(model="m", faults=1.0, kinds=(Fault.SERVER_ERROR,))
    with ModelServer(ANSWERS, broken) as server:
        failed = finished(command("toolquery", server.url, tmp_path / "run", "--limit", 4, "--set", "requests.retries=1"))
    assert failed.returncode == FAILED, failed.stderr
    assert "could not be scored" in failed.stderr and "model_unavailable" in failed.stderr and "--resume" in failed.stderr
    with ModelServer(ANSWERS, Behaviour(model="m")) as server:
        done = finished(command("toolquery", server.url, tmp_path / "run", "--limit", 4, "--resume"))
        assert done.returncode == DONE, done.stderr
    assert read_evaluation(tmp_path / "run", KIND)["counts"]["tasks"] == 12


def test_workers_change_no_transcript(tmp_path: Path) -> None:
    with ModelServer(ANSWERS, Behaviour(model="m")) as server:
        for name, workers in (("one", 1), ("three", 3)):
            done = finished(command("toolquery", server.url, tmp_path / name, "--limit", 10, "--set", f"ray.workers={workers}"))
            assert done.returncode == DONE, done.stderr
    assert content(tmp_path / "one") == content(tmp_path / "three")


def test_held_out_conversations_are_held_over_http(tmp_path: Path) -> None:
    rows = list(real_rows()[:60])
    data = synthesised(tmp_path / "data", rows)
    with ModelServer(Served(job_of(rows).reference_agent()), Behaviour(model="m", seconds=0.01)) as server:
        done = finished(command("heldout", server.url, tmp_path / "run", "--run", data, "--limit", 5))
    assert done.returncode == DONE, done.stderr
    manifest: dict[str, Any] = read_evaluation(tmp_path / "run", "eval heldout")
    assert (manifest["score"], manifest["model"]) == (1.0, "m")
    assert json.loads((tmp_path / "run" / "scores.json").read_text())["models"] == ["m"]
