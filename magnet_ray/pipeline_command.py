"""`magnet pipeline`: the whole paper, step by step."""

from __future__ import annotations

from typing import Annotated

import typer

from magnet_ray.cli_options import ConfigFile, Keys, Resume, Sets, console, option, print_keys
from magnet_ray.errors import UserError


def pipeline(
    out: Annotated[str | None, option("--out", help="Directory of the pipeline; each step has its own in it.", metavar="DIR")] = None,
    model: Annotated[
        str | None, option("--model", help="Checkpoint to start from: a directory, or a name that transformers finds.")
    ] = None,
    config: ConfigFile = None,
    sets: Sets = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what is done and what would run, and stop.")] = False,
    resume: Resume = False,
    keys: Keys = False,
) -> None:
    """Do the whole paper: pool, graph, conversations, SFT, preference pairs, multi-turn DPO, and what each model is worth.

    \b
    magnet pipeline --config jobs/configs/tiny-pipeline.yaml --model DIR --out runs/tiny
    magnet pipeline --config jobs/configs/pipeline.yaml --out runs/paper --plan
    magnet pipeline --config jobs/configs/pipeline.yaml --set sft.scaling.workers=[16,16] --out runs/paper --resume

    Each step's directory is one that its own command makes. What is finished is not done again, and what is unfinished goes on
    with --resume; a step whose settings have changed is refused by their names.
    """
    from magnet_ray.paper.config import PipelineConfig
    from magnet_ray.sections import describe_section, load_section

    if keys:
        print_keys(describe_section(PipelineConfig))
        return
    settings = load_section(PipelineConfig, config, sets or (), {"sft.model": model})
    if out is None:
        raise UserError("--out is missing", expected="the directory of the pipeline", fix="such as --out runs/paper")
    from magnet_ray.paper.run import plan_pipeline, run_pipeline
    from magnet_ray.places import place

    screen = console()
    if plan:
        screen.print(plan_pipeline(settings, place(out)))
        return
    screen.print(run_pipeline(settings, place(out), screen, resume=resume))
    screen.print(f"\n{out}/README.md holds this summary", soft_wrap=True)
