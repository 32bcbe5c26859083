"""`magnet quickstart`: the pipeline in small, one step after the other, and a request to the model that comes of it."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from functools import partial
from typing import Any, Final

from rich.console import Console

from magnet_ray.datasets import write_sft_jsonl
from magnet_ray.inspection import show_run
from magnet_ray.paper.chain import State, run_steps
from magnet_ray.paper.config import PipelineConfig
from magnet_ray.paper.run import check_needs, opened_steps
from magnet_ray.places import Place
from magnet_ray.sections import load_section

TRAINING: Final[dict[str, Any]] = {
    # Short conversations in few steps, so that two cores need minutes: enough to see that it works, too little to be good at it.
    "max_tokens": 640,
    "pack_tokens": 1_280,
    "batch_size": 4,
    "gradient_checkpointing": False,
    "failure_budget": 1.0,
    "held_out.turns": 4,
    "held_out.max_new_tokens": 48,
}
"""Settings of both trainings."""
SETTINGS: Final[dict[str, Any]] = {
    "synthesize.num": 200,
    "synthesize.ray.shard_size": 25,
    **{f"{method}.{key}": value for method in ("sft", "mdpo") for key, value in TRAINING.items()},
    "sft.max_steps": 4,
    "sft.learning_rate": 2e-4,
    "mdpo.max_steps": 2,
    "mdpo.learning_rate": 5e-6,
    "evaluate.checkpoints": ("mdpo",),
    "evaluate.evaluations": ("heldout",),
    # One conversation of each category.
    "evaluate.heldout.limit": 1,
    "evaluate.heldout.max_rounds": 2,
    "evaluate.heldout.model.max_tokens": 32,
    "serve.engine": "transformers",
}
"""Settings of the pipeline."""
ENDINGS: Final = {"synthesize": "", "distill": "-pairs", "sft": "-sft", "mdpo": "-mdpo", "evaluate/mdpo-heldout": "-heldout"}
"""Step -> what follows the name of the directory: the conversations lie in it, all else beside it."""
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


def make_data(out: Place, screen: Console) -> None:
    """Make 200 conversations offline, show one of them, and say where to look."""
    config = load_section(PipelineConfig, overrides={**SETTINGS, "steps": ("synthesize",)})
    with opened_steps(config, partial(_place, out), str(out)) as (steps, _):
        run_steps(steps, screen, resume=True)
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


def tune(data: Place, model: str, screen: Console) -> None:
    """Tune a model by SFT and mDPO for a few steps each, serve it, send it a request, score it, and say where to look.

    Args:
        data: what `make_data` made; the other runs are put beside it.
        model: checkpoint to start from.
        screen: where it is shown.
    """
    config = load_section(
        PipelineConfig, overrides={**SETTINGS, "sft.model": model, "steps": ("synthesize", "sft", "distill", "mdpo", "evaluate")}
    )
    with opened_steps(config, partial(_place, data), str(data)) as (steps, means):
        check_needs(steps, config)
        run_steps(steps[:-1], screen, resume=True)
        if steps[-1].state is not State.FINISHED:
            reached = means.reach(str(_place(data, "mdpo") / "model"), "mdpo")
            screen.print("\nserved, as magnet serve does:", style="bold")
            screen.print(
                f"{REQUEST['messages'][0]['content']}  ->  {_asked(reached['base_url'], reached['name'])}", markup=False, soft_wrap=True
            )
        run_steps(steps[-1:], screen, resume=True)
    pairs, mdpo = _place(data, "distill"), _place(data, "mdpo")
    screen.print(
        f"""
Where to look:
  {pairs}/README.md     the preference pairs; magnet inspect {pairs} shows one
  {mdpo}/README.md      what training did, and the answers before and after
  {mdpo}/model/         the checkpoint; transformers, vLLM and magnet serve load it
A few steps show that it works; jobs/configs/tiny-sft.yaml is the smallest recipe that teaches a model to call functions.""",
        soft_wrap=True,
    )


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


def _place(out: Place, step: str) -> Place:
    return out.with_name(f"{out.name}{ENDINGS[step]}")
