"""The whole paper in small: without a model as far as that goes, stopped and resumed; and with a tiny random one from end to end."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path

import pytest

from magnet_ray.cli import DONE, INTERRUPTED, USER_ERROR
from tests.cluster_support import magnet, needs_proc, rows_by_id, shards_done, started, wait_until
from tests.jobs.submitting import job_head

pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(1_800)]

DATA = (
    *("--set", "steps=[pool, graph, synthesize, distill, evaluate]", "--set", "ray.num_cpus=2"),
    *("--set", "synthesize.num=300", "--set", "synthesize.seed=3", "--set", "synthesize.ray.shard_size=5"),
    *("--set", "distill.num=40", "--set", "evaluate.evaluations=[heldout]"),
    *("--set", "evaluate.heldout.agent=reference", "--set", "evaluate.heldout.limit=2"),
)


def manifests(out: Path) -> dict[str, dict[str, object]]:
    """Step -> its manifest."""
    found = {str(file.parent.relative_to(out)): file for file in sorted(out.rglob("manifest.json"))}
    return {name: json.loads(file.read_text(encoding="utf-8")) for name, file in found.items()}


def test_a_pipeline_that_is_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    whole, out = tmp_path / "whole", tmp_path / "stopped"
    done = magnet("pipeline", *DATA, "--out", whole)
    assert done.returncode == DONE, done.stderr
    assert list(manifests(whole)) == ["distill", "evaluate/base-heldout", "synthesize"]
    card = (whole / "README.md").read_text(encoding="utf-8")
    assert "| synthesize | 3" in card or "| synthesize | 2" in card
    assert "pairs from 40 conversations" in card and "Held-out" in card

    with started("pipeline", *DATA, "--out", out) as command:
        wait_until(lambda: shards_done(out / "synthesize") >= 5 or command.process.poll() is not None)
        os.kill(command.process.pid, signal.SIGTERM)
        stopped = command.wait()
        assert stopped.returncode == INTERRUPTED, stopped.stderr
        assert "go on with: magnet pipeline" in stopped.stderr.splitlines()[-1] and stopped.stderr.endswith("--resume\n")
        assert "Traceback" not in stopped.stderr
        wait_until(lambda: not command.processes(), pause=0.2)
    refused = magnet("pipeline", *DATA, "--out", out)
    assert refused.returncode == USER_ERROR and "add --resume to go on" in refused.stderr
    changed = magnet("pipeline", *DATA, "--set", "synthesize.num=301", "--out", out, "--resume")
    assert changed.returncode == USER_ERROR and "num was 300, is 301" in changed.stderr
    resumed = magnet("pipeline", *DATA, "--out", out, "--resume")
    assert resumed.returncode == DONE, resumed.stderr
    assert "pool: was finished before" in resumed.stdout and "synthesize: goes on: 300 conversations" in resumed.stdout
    assert rows_by_id(out / "synthesize") == rows_by_id(whole / "synthesize")


TINY = (
    *("--set", "steps=[pool, graph, synthesize, sft, distill, mdpo, evaluate]"),
    *("--set", "synthesize.num=60", "--set", "synthesize.tools.distractors=[0,0]", "--set", "synthesize.ray.shard_size=10"),
    *("--set", "synthesize.mix={multi_turn: 0, parallel: 0, irrelevance: 0}"),
    *(
        option
        for method in ("sft", "mdpo")
        for key in ("max_steps=3", "batch_size=6", "max_tokens=4096", "scaling.gpu=false")
        for option in ("--set", f"{method}.{key}")
    ),
    *(
        option
        for method in ("sft", "mdpo")
        for key in ("held_out.share=0.3", "held_out.turns=2", "held_out.max_new_tokens=8")
        for option in ("--set", f"{method}.{key}")
    ),
    *("--set", "distill.num=6", "--set", "distill.student={max_tokens: 8}", "--set", "distill.rollouts=1", "--set", "distill.max_rounds=1"),
    *("--set", "distill.fill=true", "--set", "distill.balance=false", "--set", "distill.failure_budget=1.0"),
    *("--set", "distill.teacher.workers=1", "--set", "evaluate.evaluations=[heldout, toolquery]"),
    # The SFT model is the student, and so is served as well.
    *("--set", "evaluate.checkpoints=[base, mdpo]"),
    *("--set", "evaluate.heldout.limit=1", "--set", "evaluate.heldout.max_rounds=1", "--set", "evaluate.heldout.model.max_tokens=8"),
    *("--set", "evaluate.toolquery.limit=1", "--set", "evaluate.toolquery.max_steps=1", "--set", "evaluate.toolquery.model.max_tokens=8"),
    *("--set", "serve.engine=transformers", "--set", "serve.http.host=127.0.0.1"),
)


def test_the_whole_paper_is_one_submitted_job(tmp_path: Path) -> None:
    pytest.importorskip("torch", reason="training needs the train extra")
    pytest.importorskip("starlette", reason="serving needs the serve extra")
    from tests.training.tiny_runs import tiny_checkpoint

    model, out = tiny_checkpoint(tmp_path / "model"), tmp_path / "paper"
    entry = ("jobs/pipeline.py", "--model", model, *TINY, "--out", out)
    with job_head(cpus=3) as head:
        done = head.submit("paper", *entry)
        assert done.returncode == 0, done.stdout + done.stderr
        # The same again is no work: everything is there.
        again = head.submit("again", *entry, "--resume")
        assert again.returncode == 0 and again.stdout.count("was finished before") == 10, again.stdout
    made = manifests(out)
    evaluations = [f"evaluate/{name}-{kind}" for name in ("base", "mdpo") for kind in ("heldout", "toolquery")]
    assert sorted(made) == sorted(["synthesize", "sft", "distill", "mdpo", *evaluations])
    # The student was the SFT model: its answers are in the pairs' run, and were asked of a model of that name.
    assert made["distill"]["config"]["student"]["name"] == "sft" and made["distill"]["usage"]["student"]["requests"] > 0  # type: ignore[index]
    assert made["mdpo"]["config"]["model"] == str(out / "sft" / "model")  # type: ignore[index]
    assert "[10/10] evaluate/mdpo-toolquery" in done.stdout
    assert "held-out turns right" in (out / "README.md").read_text(encoding="utf-8")
    tables = {kind: (out / "evaluate" / kind / "comparison.md").read_text(encoding="utf-8") for kind in ("heldout", "toolquery")}
    assert all("| base | mdpo |" in table for table in tables.values())
