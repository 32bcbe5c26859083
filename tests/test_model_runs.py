"""Runs whose words a model writes: real Ray workers, real HTTP, a server that answers as rehearsed and can be made to fail."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evals.throughput.model_server import Behaviour, Fault, ModelServer, Served
from evals.throughput.oracle import Script
from evals.throughput.teacher import Rehearsal, rehearsed
from magnet_ray.cli import DONE, FAILED, USER_ERROR
from magnet_ray.finished_runs import read_failures, read_manifest, read_trajectories
from magnet_ray.types import Trajectory
from tests.cluster_support import magnet, needs_proc, shards_done, started, wait_until

pytestmark = [pytest.mark.slow, needs_proc]

NUM = 60
SLOW = Behaviour(seconds=0.05, slots=32)


@pytest.fixture(scope="module")
def rehearsal() -> Rehearsal:
    """Conversations with the answers to every request that they ask."""
    return rehearsed(NUM)


def options(url: str, out: Path, *more: str) -> list[str]:
    """The command line of a run of those conversations."""
    sets = (
        "teacher.kind=openai",
        f"teacher.model.base_url={url}",
        "teacher.model.name=oracle",
        "mix.single_turn=0",
        "mix.irrelevance=0",
        "ray.num_cpus=2",
        "ray.shard_size=10",
        "teacher.requests.backoff=0.05",
        *more,
    )
    return ["synthesize", "--num", str(NUM), "--out", str(out), *(word for text in sets for word in ("--set", text))]


def again(served: Served) -> int:
    """Requests that were answered more than once; the look whether a model is there, at the start of each process, apart."""
    return sum(count - 1 for key, count in served.answered.items() if not key.startswith("check/"))


def kept(rehearsal: Rehearsal) -> list[Trajectory]:
    """The rows that a run must have."""
    return [outcome for outcome in rehearsal.outcomes if isinstance(outcome, Trajectory)]


def test_a_run_keeps_what_the_models_worded_and_counts_what_it_took(rehearsal: Rehearsal, tmp_path: Path) -> None:
    with ModelServer(Script(rehearsal.answers), SLOW) as server:
        done = magnet(*options(server.url, tmp_path / "run"))
        assert done.returncode == DONE, done.stderr
        served = server.served
    assert list(read_trajectories(tmp_path / "run", checksums=True)) == kept(rehearsal)
    # Two workers with more than one shard in flight each.
    assert served.most_in_flight > 2 * 10
    assert set(served.answered) >= set(rehearsal.answers) and again(served) == 0
    manifest = read_manifest(tmp_path / "run")
    usage = manifest.usage.values()
    assert sum(counts["prompt_tokens"] for counts in usage) == served.prompt_tokens
    assert sum(counts["completion_tokens"] for counts in usage) == served.completion_tokens
    assert "back_translation.md" in manifest.prompts
    card = (tmp_path / "run" / "README.md").read_text(encoding="utf-8")
    assert "## Models" in card and "| back_translator | oracle | " in card
    assert re.search(r"^models: [\d,]+ requests, ", done.stdout, re.MULTILINE)
    assert " requests, " in done.stderr


def test_faults_change_no_row_and_lose_none(rehearsal: Rehearsal, tmp_path: Path) -> None:
    behaviour = Behaviour(seconds=0.05, slots=32, faults=0.3, hang=3.0, retry_after="0.2")
    with ModelServer(Script(rehearsal.answers), behaviour) as server:
        done = magnet(*options(server.url, tmp_path / "run", "teacher.model.timeout=2", "teacher.requests.retries=30"))
        assert done.returncode == DONE, done.stderr
        served = server.served
    assert set(served.faults) == {fault.value for fault in Fault}
    assert list(read_trajectories(tmp_path / "run")) == kept(rehearsal)
    errors = [counts["errors"] for counts in read_manifest(tmp_path / "run").usage.values()]
    assert {"rate_limited", "malformed", "timeout", "connection", "server_error"} <= {name for counts in errors for name in counts}


def test_a_spent_budget_stops_the_run_and_a_larger_one_ends_it(rehearsal: Rehearsal, tmp_path: Path) -> None:
    with ModelServer(Script(rehearsal.answers), SLOW) as server:
        whole = magnet(*options(server.url, tmp_path / "whole"))
        assert whole.returncode == DONE, whole.stderr
        tokens = server.served.prompt_tokens + server.served.completion_tokens
    with ModelServer(Script(rehearsal.answers), SLOW) as server:
        stopped = magnet(*options(server.url, tmp_path / "run", f"teacher.budget.tokens={tokens // 2}"))
        assert stopped.returncode == FAILED
        assert stopped.stderr.splitlines()[-1].endswith("raise teacher.budget and go on with --resume")
        spent = server.served.prompt_tokens + server.served.completion_tokens
        largest = tokens / len(rehearsal.answers) * 3
        assert tokens // 2 <= spent <= tokens // 2 * 1.02 + server.served.most_in_flight * largest
        done = magnet(*options(server.url, tmp_path / "run", f"teacher.budget.tokens={tokens * 2}"), "--resume")
        assert done.returncode == DONE, done.stderr
        assert again(server.served) == 0, "a completed request was sent twice"
    assert list(read_trajectories(tmp_path / "run")) == kept(rehearsal)


def test_a_killed_run_pays_at_most_for_what_was_in_flight_again(rehearsal: Rehearsal, tmp_path: Path) -> None:
    with ModelServer(Script(rehearsal.answers), Behaviour(seconds=0.2, slots=32)) as server:
        with started(*options(server.url, tmp_path / "run", "teacher.conversations=16")) as command:
            wait_until(lambda: shards_done(tmp_path / "run") >= 1 or command.process.poll() is not None)
            assert command.process.poll() is None, command.wait().stderr
            command.kill_everything()
        done = magnet(*options(server.url, tmp_path / "run", "teacher.conversations=64"), "--resume")
        assert done.returncode == DONE, done.stderr
        assert again(server.served) <= server.served.most_in_flight
    assert list(read_trajectories(tmp_path / "run")) == kept(rehearsal)


def test_an_answer_that_cannot_be_used_is_a_failure_with_its_text(rehearsal: Rehearsal, tmp_path: Path) -> None:
    def mumble(headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        key = headers["X-Request-Id"]
        return {"content": "Well, hmm."} if "/back_translator/2/" in key else rehearsal.answers.get(key, {"content": "?"})

    with ModelServer(mumble, Behaviour()) as server:
        done = magnet(*options(server.url, tmp_path / "run", "failure_budget=1.0"))
        assert done.returncode == DONE, done.stderr
    failures = [failure for failure in read_failures(tmp_path / "run") if failure.reason.value == "unparsed"]
    assert failures and all("Well, hmm." in failure.raw for failure in failures)


@pytest.mark.parametrize(
    ("sets", "words"),
    [
        (("teacher.model.name=nobody",), "nobody"),
        (("teacher.model.base_url=http://127.0.0.1:9/v1",), "start the server or correct base_url"),
        (("teacher.model.api_key_env=NO_SUCH_KEY",), "NO_SUCH_KEY is not set"),
        (("teacher.model.name=null",), "names no model"),
        (("teacher.model.extra_body=[1]",), "extra_body"),
    ],
)
def test_models_that_cannot_be_reached_are_one_line(sets: tuple[str, ...], words: str, rehearsal: Rehearsal, tmp_path: Path) -> None:
    with ModelServer(Script(rehearsal.answers), Behaviour(model="oracle")) as server:
        done = magnet(*options(server.url, tmp_path / "run", *sets))
    assert done.returncode == USER_ERROR
    assert words in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr


def test_a_model_can_judge_the_graph(rehearsal: Rehearsal, tmp_path: Path) -> None:
    def judge(headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        key = headers["X-Request-Id"]
        kind = "none" if hash_of(key) % 4 else "prerequisite"
        return {"content": json.dumps({"kind": kind, "mapping": []})} if "/judge/" in key else {"content": "?"}

    with ModelServer(judge, Behaviour()) as server:
        done = magnet(*options(server.url, tmp_path / "run", "graph.judge=model", "failure_budget=1.0"), "--num", 5)
        assert done.returncode == DONE, done.stderr
    manifest = read_manifest(tmp_path / "run")
    judged = manifest.statistics["judges"]
    assert judged["unusable_verdicts"] == 0 and judged["schema_model"]["first_only"] > 0
    assert manifest.usage["judge"]["prompt_tokens"] > 0
    assert manifest.statistics["edges"] > 0


def hash_of(text: str) -> int:
    """A number that depends on the text alone."""
    return sum(text.encode())


def test_a_student_and_a_teacher_make_pairs(rehearsal: Rehearsal, tmp_path: Path) -> None:
    with ModelServer(Script(rehearsal.answers), Behaviour()) as server:
        made = magnet(*options(server.url, tmp_path / "run"))
        assert made.returncode == DONE, made.stderr

    def silent(headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return {"content": "It is done: 99 items were found."}

    with ModelServer(silent, Behaviour()) as server:
        done = magnet(
            "distill", "--run", tmp_path / "run", "--student", server.url, "--student-model", "silent", "--num", 20,
            "--set", "rollouts=2", "--set", "ray.num_cpus=2", "--set", "ray.shard_size=5", "--set", "failure_budget=1.0",
            "--out", tmp_path / "pairs",
        )  # fmt: skip
        assert done.returncode == DONE, done.stderr
    manifest = read_manifest(tmp_path / "pairs")
    assert manifest.kind == "distill" and manifest.statistics["pairs_by_source"] == {"student": manifest.counts.kept}
    assert json.loads((tmp_path / "pairs" / "manifest.json").read_text())["usage"]["student"]["prompt_tokens"] > 0
