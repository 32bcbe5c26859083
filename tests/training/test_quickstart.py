"""`magnet quickstart` with a real model, on a store and killed in its middle: every stage runs, none of them twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.tiny_checkpoint import CheckpointUnavailable, cached_checkpoint, tiny_checkpoint
from magnet_ray.finished_runs import read_manifest
from magnet_ray.places import Place, entries
from tests.cluster_support import magnet, started, wait_until
from tests.training.tiny_models import torch

pytestmark = pytest.mark.slow
BEGIN_SECONDS, WHOLE_SECONDS = 300.0, 1_500.0


@pytest.fixture(scope="module")
def model() -> Path:
    assert torch
    pytest.importorskip("starlette", reason="serving needs the serve extra")
    try:
        return tiny_checkpoint(cached_checkpoint())
    except CheckpointUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.timeout(2_400)
def test_a_tiny_model_is_tuned_on_what_was_made(model: Path, bucket: Place, tmp_path: Path) -> None:
    command = ("quickstart", "--out", bucket / "quick", "--model", model)
    env = {"MAGNET_CACHE": str(tmp_path / "cache")}
    with started(*command, env=env) as killed:
        training = bucket / "quick-sft"
        wait_until(lambda: "run.json" in entries(training) or killed.process.poll() is not None, BEGIN_SECONDS, pause=0.2)
        assert killed.process.poll() is None, killed.wait().stderr
        killed.kill_everything()
    made = read_manifest(bucket / "quick").finished
    assert "manifest.json" not in entries(training)

    done = magnet(*command, env=env, seconds=WHOLE_SECONDS)
    assert done.returncode == 0, done.stderr
    assert read_manifest(bucket / "quick").finished == made
    assert {"manifest.json", "sft.jsonl", "README.md", "trajectories"} <= entries(bucket / "quick")
    manifests = {name: json.loads((bucket / f"quick-{name}" / "manifest.json").read_text()) for name in ("pairs", "sft", "mdpo")}
    assert manifests["sft"]["steps"] == 4 and manifests["mdpo"]["steps"] == 2
    assert (bucket / "quick-mdpo" / "model" / "model.safetensors").exists()
    # mDPO starts from what SFT ended with, which has given its answers.
    assert "was asked these turns before" in done.stderr
    answers = [(bucket / f"quick-{name}.jsonl").read_text() for name in ("sft/held_out/after", "mdpo/held_out/before")]
    assert answers[0] == answers[1] and answers[0].count("\n") == 4

    # Served, asked once, and scored.
    assert "How is the weather in Ulm?" in done.stdout and "turns with calls due" in done.stdout
    assert json.loads((bucket / "quick-heldout" / "manifest.json").read_text())["counts"]["unscored"] == 0

    again = magnet(*command, env=env)
    assert again.returncode == 0, again.stderr
    assert "training" not in again.stderr and "making" not in again.stderr and str(bucket / "quick-mdpo") in again.stdout
