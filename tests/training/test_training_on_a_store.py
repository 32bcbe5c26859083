"""Training runs whose data, model and directory lie on an S3 server: as on a disk, on real Ray workers."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.checkpoint_places import fetched, is_checkpoint, put_directory
from magnet_ray.places import Place, entries, matching, place
from tests.cluster_support import magnet, needs_proc, started, wait_until
from tests.object_store import new_bucket
from tests.training.tiny_models import torch
from tests.training.tiny_runs import CALM, tiny_checkpoint, tiny_data, tiny_pairs

load_file = pytest.importorskip("safetensors.torch").load_file
pytestmark = [pytest.mark.slow, pytest.mark.timeout(1_200)]

PATIENCE = 400.0
STEPS = 6
HELD_OUT = ("share=0.2", "by=row", "turns=4", "max_new_tokens=8")


class World:
    """A checkpoint, a run and its pairs, on a store and on a disk."""

    def __init__(self, here: Path, there: Any) -> None:
        self.here, self.there = here, there
        put_directory(tiny_checkpoint(here / "base"), there / "base")
        tiny_data(here / "data", rows=30)
        tiny_pairs(here / "pairs", here / "data")
        put_directory(here / "data", there / "data")
        # From there, so that the pairs name the run there.
        tiny_pairs(there / "pairs", there / "data")

    def arguments(self, method: str, world: Place, out: Place, *more: object) -> tuple[object, ...]:
        """A run of a few steps with everything on one side."""
        data = world / ("data" if method == "sft" else "pairs")
        steps = ("--set", f"max_steps={STEPS}", "--set", "epochs=9", "--set", "batch_size=6", "--set", "max_tokens=4096")
        return ("train", method, "--data", data, "--model", world / "base", "--out", out, *CALM, *steps, "--set", "ray.num_cpus=2", *more)


@pytest.fixture(scope="module")
def world(store: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> World:
    os.environ["MAGNET_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    return World(tmp_path_factory.mktemp("world"), place(f"{new_bucket()}/world"))


def trained(*arguments: object) -> str:
    done = magnet(*arguments, seconds=PATIENCE)
    assert done.returncode == 0, done.stderr
    return done.stderr


def curve(run: Place) -> list[float]:
    return [json.loads(line)["loss"] for line in (run / "curve.jsonl").read_text(encoding="utf-8").splitlines()]


def weights(model: Place) -> dict[str, Any]:
    found: dict[str, Any] = load_file(Path(fetched(str(model))) / "model.safetensors")
    return found


@pytest.fixture(scope="module")
def on_a_disk(world: World) -> Path:
    out = world.here / "sft"
    trained(*world.arguments("sft", world.here, out))
    return out


def assert_same(run: Place, other: Path) -> None:
    assert len(curve(run)) == STEPS
    assert curve(run) == pytest.approx(curve(other), abs=1e-3)
    there, here = weights(run / "model"), weights(other / "model")
    assert there.keys() == here.keys()
    assert all(torch.allclose(weight, here[name], atol=1e-2) for name, weight in there.items())


def test_adapters_measured_and_merged_on_a_store(world: World) -> None:
    out = world.there / "mdpo"
    held_out = [word for each in HELD_OUT for word in ("--set", f"held_out.{each}")]
    trained(*world.arguments("mdpo", world.there, out, "--set", "lora.enabled=true", "--set", "lora.rank=4", *held_out))
    assert {"adapter", "model", "held_out", "reference"} <= entries(out)
    assert {"turns.jsonl", "before.jsonl", "after.jsonl", "scores.svg"} == entries(out / "held_out")
    named = json.loads((out / "adapter" / "adapter_config.json").read_text())["base_model_name_or_path"]
    assert named == f"{world.there}/base"
    merged = world.there / "merged"
    assert magnet("train", "merge", out / "adapter", "--out", merged).returncode == 0
    assert all(torch.equal(weight, weights(out / "model")[name]) for name, weight in weights(merged).items())
    again = magnet("train", "merge", out / "adapter", "--out", merged)
    assert (again.returncode, again.stderr) == (2, f"magnet: {merged} exists; choose another --out\n")


@needs_proc
def test_a_killed_run_goes_on_and_equals_the_one_on_a_disk(world: World, on_a_disk: Path) -> None:
    out = world.there / "sft"
    arguments = world.arguments("sft", world.there, out, "--set", "report_to=[tensorboard]", "--set", "checkpoint.every=2")
    with started(*arguments) as command:
        wait_until(lambda: matching(out, "checkpoints/*/checkpoint_*/trainer_state.json"), PATIENCE, pause=0.1)
        command.process.send_signal(signal.SIGKILL)
        command.process.wait()
        wait_until(lambda: not command.processes(), pause=0.2)
    assert "manifest.json" not in entries(out)
    assert not is_checkpoint(out / "model")
    unfinished = magnet(*arguments)
    assert unfinished.returncode == 2 and "add --resume" in unfinished.stderr
    trained(*arguments, "--resume")
    assert_same(out, on_a_disk)
    assert {"manifest.json", "model", "curve.jsonl", "README.md", "tensorboard", "run.json"} == entries(out)
    assert entries(out / "model") == entries(on_a_disk / "model")
    manifest = json.loads((out / "manifest.json").read_text())
    assert {file["path"] for file in manifest["files"]} == {f"model/{name}" for name in entries(out / "model")}
    assert all((out / file["path"]).stat().st_size == file["bytes"] for file in manifest["files"])
    assert matching(out / "tensorboard", "events*")
    assert f"magnet serve --model {out}/model" in (out / "README.md").read_text()


def test_a_model_that_is_not_there_is_one_line(world: World, tmp_path: Path) -> None:
    refused = magnet("train", "sft", "--data", world.there / "data", "--model", world.there / "none", "--out", tmp_path / "run")
    assert refused.returncode == 2
    assert refused.stderr.startswith(f"magnet: {world.there}/none holds no whole checkpoint; expected adapter_config.json or config.json")
    assert refused.stderr.count("\n") == 1
