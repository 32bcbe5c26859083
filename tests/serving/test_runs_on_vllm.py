"""Whole runs on a real vLLM and a model of 135M parameters, which hardly ever says what it should: nothing is lost, nothing miscounted.

What the model says differs from run to run, so these tests hold what must be true of any answers.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from magnet_ray.cli import DONE
from magnet_ray.finished_runs import Manifest, read_failures, read_manifest, read_pairs, read_trajectories
from magnet_ray.types import Failure, FailureReason
from tests.cluster_support import magnet, needs_proc, started, wait_until
from tests.serving.vllm_server import ENGINE, ENVIRONMENT, TokenCounts, VllmServer

pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(900)]
PATHS = 8
MANY = 24
"""Paths of which one is worded well enough to go on, all but surely: of eight, two or three were."""
ROWS = 20
RUN_SECONDS = 600.0
"""Longest wait for a run: one to two minutes are usual on two free cores."""
CALM = (
    "failure_budget=1.0",
    "ray.num_cpus=2",
    "ray.shard_size=5",
    # The server goes on counting what nobody waits for any longer.
    "teacher.model.timeout=500",
    "teacher.model.max_tokens=96",
    "teacher.model.temperature=0.7",
    "teacher.requests.reasks=1",
    "teacher.positives.max_rounds=2",
    "retries.turn=0",
    "mix.single_turn=3",
    "mix.multi_turn=3",
    "mix.irrelevance=2",
)
"""Settings of a run that takes a minute or two on two cores."""
SINGLE = ("mix.multi_turn=0", "mix.irrelevance=0", "mix.parallel=0", "mix.multiple=0")
"""Settings of a run of one call a conversation."""
WITHOUT_A_MODEL = frozenset(
    {
        FailureReason.NO_PATH,
        FailureReason.NO_VALUE,
        FailureReason.CALL_FAILED,
        FailureReason.UNWORDED,
        FailureReason.NO_GENUINE_MISS,
        FailureReason.MODEL_UNAVAILABLE,
    }
)
"""Reasons for which no model need have said anything."""


def options(*sets: str) -> list[str]:
    """Command line options for settings."""
    return [word for text in sets for word in ("--set", text)]


def at(server: VllmServer, who: str = "teacher.model") -> list[str]:
    """Options that name the server's model."""
    return options(f"{who}.base_url={server.base_url}", f"{who}.name={server.model}")


def menu(directory: Path, description: str) -> str:
    """A source of one function without parameters: hardly anything can be said wrongly in asking for it."""
    function = {"name": "show_menu", "description": description, "parameters": {"type": "object", "properties": {}}}
    (directory / "menu.jsonl").write_text(json.dumps(function))
    return f"jsonl:{directory / 'menu.jsonl'}"


def finished(*arguments: object) -> subprocess.CompletedProcess[str]:
    """A run that came to its end."""
    with started(*arguments) as command:
        done = command.wait(RUN_SECONDS)
    assert done.returncode == DONE, done.stderr
    return done


def since(server: VllmServer, before: TokenCounts) -> tuple[int, int]:
    """Tokens that the server read and wrote since it had counted so many."""
    now = server.tokens()
    return now.prompt - before.prompt, now.generation - before.generation


def counted(manifest: Manifest) -> tuple[int, int]:
    """Tokens read and written as the manifest has them; every request was answered."""
    usage = manifest.usage.values()
    assert not any(counts["errors"] or counts["retries"] for counts in usage), manifest.usage
    return sum(counts["prompt_tokens"] for counts in usage), sum(counts["completion_tokens"] for counts in usage)


def check_accounted_for(kept: Sequence[int], failures: Sequence[Failure], total: int) -> None:
    """Every position is kept or a failure, and what a model said wrongly stands beside the failure."""
    assert sorted({*kept, *(failure.index for failure in failures)}) == list(range(total))
    assert not {*kept} & {failure.index for failure in failures}
    for failure in failures:
        assert failure.reason is not FailureReason.UNEXPECTED, failure
        if failure.stage in {"translation", "positives"} and failure.reason not in WITHOUT_A_MODEL:
            assert failure.raw, failure


def check_paths(run: Path, total: int = PATHS) -> None:
    """As `check_accounted_for`, of a run of `magnet synthesize`."""
    check_accounted_for([row.index for row in read_trajectories(run, checksums=True)], list(read_failures(run, checksums=True)), total)


def test_a_run_on_a_server_accounts_for_every_path_and_token(server: VllmServer, tmp_path: Path) -> None:
    before = server.tokens()
    teacher = [*options("teacher.kind=openai", *CALM), *at(server)]
    finished("synthesize", "--num", PATHS, "--out", tmp_path / "run", *teacher)
    check_paths(tmp_path / "run")
    manifest = read_manifest(tmp_path / "run")
    assert counted(manifest) == since(server, before)
    assert manifest.usage["back_translator"]["requests"] >= PATHS


def test_a_run_without_the_forth_check_reaches_the_responder(server: VllmServer, tmp_path: Path) -> None:
    before = server.tokens()
    teacher = [*options("teacher.kind=openai", *CALM, *SINGLE, "teacher.forth_check=false"), *at(server)]
    finished("synthesize", "--num", MANY, "--out", tmp_path / "run", "--source", menu(tmp_path, "Show the menu."), *teacher)
    check_paths(tmp_path / "run", MANY)
    manifest = read_manifest(tmp_path / "run")
    assert counted(manifest) == since(server, before)
    assert manifest.usage["responder"]["requests"] > 0


def test_a_prompt_beyond_the_models_context_is_a_failure(server: VllmServer, tmp_path: Path) -> None:
    source = menu(tmp_path, "Show the menu. " + "It is long. " * 2_000)
    rows = options("ray.num_cpus=2", "failure_budget=1.0", *SINGLE)
    made = magnet("synthesize", "--num", PATHS, "--source", source, "--out", tmp_path / "rows", *rows)
    assert made.returncode == DONE, made.stderr
    before = server.tokens()
    student = options("rollouts=2", "failure_budget=1.0", "ray.num_cpus=2")
    named = ["--student", server.base_url, "--student-model", server.model]
    finished("distill", "--run", tmp_path / "rows", "--out", tmp_path / "pairs", *named, *student)
    failures = list(read_failures(tmp_path / "pairs"))
    assert len(failures) == read_manifest(tmp_path / "rows").counts.kept > 0
    for failure in failures:
        assert failure.reason is FailureReason.MODEL_UNAVAILABLE, failure
        assert "refused (400): " in failure.detail and "context" in failure.detail
    assert since(server, before) == (0, 0)


def test_a_run_on_replicas_in_its_cluster_accounts_for_every_path_and_token(python: Path, checkpoint: Path, tmp_path: Path) -> None:
    replicas = options(
        "teacher.kind=vllm",
        f"teacher.vllm.model={checkpoint}",
        f"teacher.vllm.engine={json.dumps(ENGINE)}",
        'teacher.vllm.bundle={"CPU": 1}',
        *CALM,
    )
    # The replica, the router and the workers have a CPU each.
    run = ["4", "synthesize", "--num", PATHS, "--out", tmp_path / "run", *replicas]
    with started(*run, program=("-m", "tests.serving.replica_run"), python=python, env=ENVIRONMENT) as command:
        done = command.wait(RUN_SECONDS)
        assert done.returncode == 0, done.stderr[-3_000:]
        wait_until(lambda: not command.processes())
    seen = json.loads(done.stdout.strip().splitlines()[-1])
    assert seen["code"] == DONE, done.stderr[-3_000:]
    check_paths(tmp_path / "run")
    assert list(counted(read_manifest(tmp_path / "run"))) == seen["counted"]
    assert (seen["applications"], seen["at_rest"]) == ([], True)


def test_a_small_model_as_student_gives_pairs_or_failures_of_every_row(server: VllmServer, tmp_path: Path) -> None:
    made = magnet("synthesize", "--num", 30, "--out", tmp_path / "rows", *options("ray.num_cpus=2", "ray.shard_size=15"))
    assert made.returncode == DONE, made.stderr
    before = server.tokens()
    student = options("rollouts=3", "max_rounds=3", "balance=false", "failure_budget=1.0", "ray.num_cpus=2", "ray.shard_size=5")
    student += options("student.max_tokens=96", "student.temperature=0.7", "student.timeout=500")
    named = ["--student", server.base_url, "--student-model", server.model]
    finished("distill", "--run", tmp_path / "rows", "--num", ROWS, "--out", tmp_path / "pairs", *named, *student)
    pairs, failures = list(read_pairs(tmp_path / "pairs", checksums=True)), list(read_failures(tmp_path / "pairs", checksums=True))
    check_accounted_for([pair.index for pair in pairs], failures, ROWS)
    assert all(failure.raw for failure in failures if failure.reason is not FailureReason.NOT_WRONG)
    manifest = read_manifest(tmp_path / "pairs")
    assert manifest.statistics["pairs_by_source"] == ({"student": len(pairs)} if pairs else {})
    assert set(manifest.usage) == {"student"}
    assert counted(manifest) == since(server, before)
