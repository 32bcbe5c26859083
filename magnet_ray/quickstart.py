"""`magnet quickstart`: every stage in small, one after the other, each a run of its own. What is finished is not done again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from rich.console import Console, RenderableType

from magnet_ray.config import DistillConfig, SynthesizeConfig
from magnet_ray.datasets import write_sft_jsonl
from magnet_ray.finished_runs import MANIFEST_FILE, RUN_FILE
from magnet_ray.inspection import show_run
from magnet_ray.sections import load_section

DATA: Final = {"num": 200, "ray.shard_size": 25}
"""Settings of the conversations."""
TRAINING: Final[dict[str, Any]] = {
    # Short conversations in few steps, so that two cores need minutes: enough to see that it works, too little to be good at it.
    "max_tokens": 640,
    "pack_tokens": 1_280,
    "batch_size": 4,
    "gradient_checkpointing": False,
    "failure_budget": 1.0,
    "held_out.turns": 8,
    "held_out.max_new_tokens": 64,
}
"""Settings of both trainings."""
SFT: Final = {**TRAINING, "max_steps": 5, "learning_rate": 2e-4}
MDPO: Final = {**TRAINING, "max_steps": 2, "learning_rate": 5e-6}


def make_data(out: Path, screen: Console) -> None:
    """Make 200 conversations offline, show one of them, and say where to look."""
    from magnet_ray.pipeline import synthesize

    config = load_section(SynthesizeConfig, overrides=DATA)
    _once(out, screen, lambda resume: synthesize(config, out, resume))
    examples = write_sft_jsonl(out, out / "sft.jsonl")
    show_run(out, screen, category="multi_turn", seed=1)
    screen.print(
        f"""
Where to look:
  {out}/README.md       the data card: counts, conversations, distributions
  {out}/trajectories/   the rows, as Parquet
  {out}/failures/       what was left out and why
  {out}/sft.jsonl       {examples} training examples for TRL
Next:
  magnet inspect {out} --list
  magnet synthesize --source python:YOUR_MODULE --num 1000 --out runs/mine""",
        soft_wrap=True,
    )


def tune(data: Path, model: str, screen: Console) -> None:
    """Make preference pairs of the conversations, tune a model by SFT and mDPO for a few steps each, and say where to look.

    Args:
        data: what `make_data` made; the runs are put beside it, as DATA-pairs, DATA-sft and DATA-mdpo.
        model: checkpoint to start from.
        screen: where it is shown.
    """
    from magnet_ray.distillation import distill
    from magnet_ray.training.launch import train
    from magnet_ray.training.settings import MdpoConfig, SftConfig

    pairs, sft, mdpo = (data.with_name(f"{data.name}-{name}") for name in ("pairs", "sft", "mdpo"))
    distilling = load_section(DistillConfig, overrides={"run": str(data)})
    screen.print(f"\n[bold]Preference pairs[/]: magnet distill --run {data} --out {pairs}", soft_wrap=True)
    _once(pairs, screen, lambda resume: distill(distilling, pairs, resume))
    supervised = load_section(SftConfig, overrides={**SFT, "data": (str(data),), "model": model})
    screen.print(f"\n[bold]SFT[/]: magnet train sft --data {data} --model {model} --out {sft}", soft_wrap=True)
    _once(sft, screen, lambda resume: train(supervised, sft, resume))
    preferring = load_section(MdpoConfig, overrides={**MDPO, "data": (str(pairs),), "model": str(sft / "model")})
    screen.print(f"\n[bold]mDPO[/]: magnet train mdpo --data {pairs} --model {sft}/model --out {mdpo}", soft_wrap=True)
    _once(mdpo, screen, lambda resume: train(preferring, mdpo, resume))
    screen.print(
        f"""
Where to look:
  {pairs}/README.md     the preference pairs; magnet inspect {pairs} shows one
  {mdpo}/README.md      what training did, and the answers before and after
  {mdpo}/model/         the checkpoint; transformers and vLLM load it
A few steps show that it works; jobs/configs/tiny-sft.yaml is the smallest recipe that teaches a model to call functions.""",
        soft_wrap=True,
    )


def _once(out: Path, screen: Console, job: Callable[[bool], RenderableType]) -> None:
    """Do a job whose run is not finished, and show its summary; an interrupted one goes on."""
    if not (out / MANIFEST_FILE).exists():
        screen.print(job((out / RUN_FILE).exists()))
