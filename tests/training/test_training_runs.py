"""Real training runs on real Ray workers: the curve does not depend on how many there are, who shards what, or who is killed when."""

from __future__ import annotations

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from tests.cluster_support import ROOT, Command, magnet, needs_proc, started, wait_until
from tests.training.tiny_models import torch
from tests.training.tiny_runs import tiny_checkpoint, tiny_data, tiny_pairs

load_file = pytest.importorskip("safetensors.torch").load_file
pytestmark = pytest.mark.slow

STEPS = 20
PATIENCE = 400.0
LAYOUTS = {
    "ddp": ("--set", "scaling.workers=[2,2]", "--set", "scaling.sharding=ddp"),
    "fsdp": ("--set", "scaling.workers=[2,2]", "--set", "scaling.sharding=fsdp"),
}


class World:
    """A checkpoint, a run and its pairs, and what an undisturbed worker makes of them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        # By a relative path: workers run in another directory.
        self.model = os.path.relpath(tiny_checkpoint(directory / "model"), ROOT)
        self.data = {"sft": tiny_data(directory / "data")}
        self.data["mdpo"] = tiny_pairs(directory / "pairs", self.data["sft"])
        self._alone: dict[str, Path] = {}

    def arguments(self, method: str, out: Path, *more: object) -> tuple[object, ...]:
        """A run of 20 steps of several packs each, that measures nothing."""
        return (
            *("train", method, "--data", self.data[method], "--model", self.model, "--out", out),
            *("--set", f"max_steps={STEPS}", "--set", "epochs=2", "--set", "batch_size=6", "--set", "max_tokens=4096"),
            *("--set", "held_out.share=0", "--set", "learning_rate=3e-3", "--set", "ray.num_cpus=2", "--set", "pack_tokens=2048"),
            *more,
        )

    def alone(self, method: str) -> Path:
        """A finished run of one worker."""
        if method not in self._alone:
            self._alone[method] = trained(self, method, self.directory / f"{method}-alone")
        return self._alone[method]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return World(tmp_path_factory.mktemp("world"))


def trained(world: World, method: str, out: Path, *more: object) -> Path:
    with started(*world.arguments(method, out, *more)) as command:
        done = command.wait(PATIENCE)
    assert done.returncode == 0, done.stderr
    return out


def curve(run: Path, figure: str = "loss") -> list[float]:
    return [json.loads(line)[figure] for line in (run / "curve.jsonl").read_text(encoding="utf-8").splitlines()]


def weights(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = load_file(run / "model" / "model.safetensors")
    return found


def assert_same(run: Path, other: Path) -> None:
    """The same curve and, roundings apart, the same weights: Adam makes steps of roundings where gradients are next to nothing."""
    assert len(curve(run)) == STEPS
    assert curve(run) == pytest.approx(curve(other), abs=1e-3)
    assert curve(run, "grad_norm") == pytest.approx(curve(other, "grad_norm"), rel=1e-2)
    assert weights(run).keys() == weights(other).keys()
    for name, weight in weights(run).items():
        assert torch.allclose(weight, weights(other)[name], atol=1e-2), name


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("method", ["sft", "mdpo"])
@pytest.mark.timeout(1_200)
def test_two_workers_take_the_steps_of_one(world: World, tmp_path: Path, method: str, layout: str) -> None:
    assert_same(trained(world, method, tmp_path / "run", *LAYOUTS[layout]), world.alone(method))


@pytest.mark.timeout(600)
def test_preferences_begin_without_a_margin_and_end_with_one(world: World) -> None:
    margins = curve(world.alone("mdpo"), "margin")
    assert abs(margins[0]) < 1e-4 and curve(world.alone("mdpo"), "mdpo_loss")[0] == pytest.approx(0.6931, abs=1e-4)
    assert sum(margins[-10:]) / 10 > 0.01


@needs_proc
@pytest.mark.timeout(1_200)
def test_a_run_whose_worker_and_driver_are_killed_takes_the_same_steps(world: World, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = world.arguments("sft", out, "--set", "checkpoint.every=3", *LAYOUTS["fsdp"])
    with started(*arguments) as command:
        wait_until(lambda: checkpoints(out) >= 2, PATIENCE)
        # In step 7 or soon after it: steps take a moment, a checkpoint lies behind every third.
        os.kill(worker_of(command), signal.SIGKILL)
        wait_until(lambda: checkpoints(out) >= 4, PATIENCE)
        os.kill(command.process.pid, signal.SIGKILL)
        command.process.wait(60)
    assert not (out / "model").exists() and not (out / "manifest.json").exists()
    unfinished = magnet(*arguments)
    assert unfinished.returncode == 2 and "add --resume" in unfinished.stderr
    # On one worker, which holds whole what two had sharded.
    with started(*arguments, "--set", "scaling.workers=[1,1]", "--resume") as command:
        done = command.wait(PATIENCE)
    assert done.returncode == 0, done.stderr
    assert_same(out, world.alone("sft"))
    assert not (out / "checkpoints").exists()


@needs_proc
@pytest.mark.timeout(600)
def test_ctrl_c_ends_a_run_that_can_go_on(world: World, tmp_path: Path) -> None:
    out = tmp_path / "run"
    with started(*world.arguments("sft", out, "--set", "checkpoint.every=3", "--set", "epochs=50", "--set", "max_steps=1000")) as command:
        wait_until(lambda: checkpoints(out) >= 1, PATIENCE)
        command.process.send_signal(signal.SIGINT)
        done = command.wait(60)
        assert done.returncode == 130 and "--resume" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
        wait_until(lambda: not command.processes())
    assert (out / "run.json").exists() and not (out / "model").exists()


def checkpoints(out: Path) -> int:
    """The number of the checkpoint written last, counted from 1; they are removed when later ones are there."""
    return max((_step(file) for file in out.glob("checkpoints/*/checkpoint_*/trainer_state.json")), default=0) // 3


def _step(file: Path) -> int:
    """The step of a checkpoint; 0 for one that is being written, or removed."""
    try:
        step: int = json.loads(file.read_text(encoding="utf-8"))["global_step"]
    except (OSError, ValueError):
        return 0
    return step


def worker_of(command: Command) -> int:
    """A training worker."""
    return next(pid for pid, line in command.processes().items() if line.startswith("ray::RayTrainWorker"))


@pytest.mark.timeout(600)
def test_adapters_are_trained_alone_and_merged(world: World, tmp_path: Path) -> None:
    out = trained(world, "mdpo", tmp_path / "run", "--set", "lora.enabled=true", "--set", "lora.rank=4", "--set", "max_steps=3")
    assert (out / "adapter" / "adapter_model.safetensors").exists()
    before = load_file(ROOT / world.model / "model.safetensors")
    changed = {name for name, weight in weights(out).items() if not torch.equal(weight, before[name])}
    assert changed and not any("embed" in name or "norm" in name for name in changed)
    refused = magnet(*world.arguments("mdpo", tmp_path / "again", "--model", out / "adapter"))
    assert refused.returncode == 2 and "is an adapter" in refused.stderr and "magnet train merge" in refused.stderr


@pytest.mark.timeout(600)
def test_a_loss_that_is_no_number_ends_the_run_in_one_line(world: World, tmp_path: Path) -> None:
    with started(*world.arguments("sft", tmp_path / "run", "--set", "learning_rate=1e30", "--set", "warmup=0")) as command:
        done = command.wait(PATIENCE)
    assert done.returncode == 1, done.stderr
    assert "not finite" in done.stderr.splitlines()[-1] and "Traceback" not in done.stderr
    assert not (tmp_path / "run" / "model").exists() and not (tmp_path / "run" / "curve.jsonl").exists()
