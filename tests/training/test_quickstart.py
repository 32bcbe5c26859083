"""`magnet quickstart` with a real model: every stage runs, none of them twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.tiny_checkpoint import CheckpointUnavailable, cached_checkpoint, tiny_checkpoint
from tests.cluster_support import magnet
from tests.training.tiny_models import torch

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model() -> Path:
    assert torch
    pytest.importorskip("starlette", reason="serving needs the serve extra")
    try:
        return tiny_checkpoint(cached_checkpoint())
    except CheckpointUnavailable as error:
        pytest.skip(str(error))


@pytest.mark.timeout(1_800)
def test_a_tiny_model_is_tuned_on_what_was_made(model: Path, tmp_path: Path) -> None:
    out = tmp_path / "quick"
    done = magnet("quickstart", "--out", out, "--model", model, seconds=1_500)
    assert done.returncode == 0, done.stderr
    manifests = {name: json.loads((tmp_path / f"quick-{name}" / "manifest.json").read_text()) for name in ("pairs", "sft", "mdpo")}
    assert manifests["sft"]["steps"] == 5 and manifests["mdpo"]["steps"] == 2
    assert (tmp_path / "quick-mdpo" / "model" / "model.safetensors").exists()
    # mDPO starts from what SFT ended with, which has given its answers.
    assert "was asked these turns before" in done.stderr
    answers = [(tmp_path / f"quick-{name}.jsonl").read_text() for name in ("sft/held_out/after", "mdpo/held_out/before")]
    assert answers[0] == answers[1] and answers[0].count("\n") == 6

    # Served, asked once, and scored.
    assert "How is the weather in Ulm?" in done.stdout and "turns with calls due" in done.stdout
    assert json.loads((tmp_path / "quick-heldout" / "manifest.json").read_text())["counts"]["unscored"] == 0

    again = magnet("quickstart", "--out", out, "--model", model)
    assert again.returncode == 0, again.stderr
    assert "training" not in again.stderr and "making" not in again.stderr and str(tmp_path / "quick-mdpo") in again.stdout
