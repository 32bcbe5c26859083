"""`magnet quickstart`: every stage in small, one after the other, each a run of its own. What is finished is not done again."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
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
    "held_out.turns": 6,
    "held_out.max_new_tokens": 64,
}
"""Settings of both trainings."""
SFT: Final = {**TRAINING, "max_steps": 5, "learning_rate": 2e-4}
MDPO: Final = {**TRAINING, "max_steps": 2, "learning_rate": 5e-6}
SCORING: Final[dict[str, Any]] = {"limit": 1, "max_rounds": 2, "model.max_tokens": 32}
"""Settings of the held-out score: one conversation of each category."""
REQUEST: Final[dict[str, Any]] = {
    "messages": [{"role": "user", "content": "How is the weather in Ulm?"}],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Tell the weather of a city.",
                "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
            },
        }
    ],
    "tool_choice": "required",
    "max_tokens": 64,
}
"""A function-calling request; the call is demanded, since a few steps of training teach little."""


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
  {mdpo}/model/         the checkpoint; transformers, vLLM and magnet serve load it
A few steps show that it works; jobs/configs/tiny-sft.yaml is the smallest recipe that teaches a model to call functions.""",
        soft_wrap=True,
    )


def try_out(data: Path, screen: Console) -> None:
    """Serve what `tune` made, send it one function-calling request, and score it on a few held-out conversations."""
    from evals.evaluation_jobs import evaluate
    from evals.heldout.conversations import HeldOutConfig
    from evals.heldout.job import KIND, HeldOutJob
    from magnet_ray.config import RayConfig
    from magnet_ray.progress import Progress
    from magnet_ray.ray_session import cluster
    from magnet_ray.serving.app import application
    from magnet_ray.serving.running import deployed, free_port
    from magnet_ray.serving.settings import ServeConfig, served_name

    mdpo, scores = (data.with_name(f"{data.name}-{name}") for name in ("mdpo", "heldout"))
    serving = load_section(ServeConfig, overrides={"model": f"{mdpo}/model", "engine": "transformers", "http.port": free_port()})
    screen.print(f"\n[bold]Serving[/]: magnet serve --model {mdpo}/model", soft_wrap=True)
    progress = Progress()
    with cluster(RayConfig(), progress), deployed(application(serving), serving.http, progress) as url:
        screen.print(f"{REQUEST['messages'][0]['content']}  ->  {_asked(url, served_name(serving))}", markup=False, soft_wrap=True)
        command = f"magnet eval heldout --endpoint {url} --trained {mdpo} --limit 1 --out {scores}"
        screen.print(f"\n[bold]Held-out conversations[/]: {command}", soft_wrap=True)
        scoring = load_section(HeldOutConfig, overrides={**SCORING, "model.base_url": url, "trained": str(mdpo)})
        _once(scores, screen, lambda resume: evaluate(KIND, scoring, scores, HeldOutJob.of, resume=resume))


def _asked(url: str, model: str) -> str:
    """The calls, or the text, that the model answers `REQUEST` with."""
    body = json.dumps({**REQUEST, "model": model}).encode()
    request = urllib.request.Request(f"{url}/chat/completions", body, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as response:
            message = json.load(response)["choices"][0]["message"]
    except urllib.error.HTTPError as refusal:
        return str(json.load(refusal)["error"]["message"])
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    return ", ".join(f"{call['name']}({call['arguments']})" for call in calls) or str(message["content"])


def _once(out: Path, screen: Console, job: Callable[[bool], RenderableType]) -> None:
    """Do a job whose run is not finished, and show its summary; an interrupted one goes on."""
    if not (out / MANIFEST_FILE).exists():
        screen.print(job((out / RUN_FILE).exists()))
