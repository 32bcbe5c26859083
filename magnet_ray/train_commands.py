"""`magnet train`: SFT, mDPO, merging an adapter, and a look at what a chat template has trained."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.exceptions import Exit

from magnet_ray.cli_options import ConfigFile, Keys, Resume, Sets, console, option, print_keys
from magnet_ray.errors import UserError
from magnet_ray.places import place

if TYPE_CHECKING:
    from magnet_ray.training.settings import TrainConfig

train_app = typer.Typer(
    help="Train a model on finished runs: SFT on conversations, then multi-turn DPO on preference pairs.",
    invoke_without_command=True,
    rich_markup_mode="rich",
)

Data = Annotated[list[str] | None, option("--data", help="A finished run to train on. Can be given again.", metavar="DIR")]
Model = Annotated[str | None, option("--model", help="Checkpoint to start from: a directory, or a name that transformers finds.")]
Out = Annotated[str | None, option("--out", help="Directory of the run, or s3://BUCKET/PREFIX.", metavar="DIR")]
Plan = Annotated[bool, typer.Option("--plan", help="Print memory, steps, hours and cost, and stop.")]


@train_app.callback()
def train(
    context: typer.Context,
    check_template: Annotated[
        str | None, option("--check-template", help="Show what would be trained in an example, in colour, and stop.", metavar="MODEL")
    ] = None,
) -> None:
    """Options before the method."""
    if check_template is not None:
        from magnet_ray.render.report import template_report

        console().print(template_report(check_template))
        raise Exit
    if context.invoked_subcommand is None:
        raise UserError("magnet train needs a method", expected="sft, mdpo or merge", fix="see magnet train --help")


@train_app.command()
def sft(
    data: Data = None,
    model: Model = None,
    out: Out = None,
    config: ConfigFile = None,
    sets: Sets = None,
    plan: Plan = False,
    resume: Resume = False,
    keys: Keys = False,
) -> None:
    """Fine-tune a checkpoint on conversations: the assistant's text, calls and end-of-turn tokens are trained, nothing else.

    \b
    magnet train sft --data runs/a --model Qwen/Qwen2.5-Coder-7B-Instruct --out runs/sft
    magnet train sft --config jobs/configs/magnet-14b-sft.yaml --set scaling.workers=[8,8] --plan
    magnet train sft --data runs/a --model MODEL --out runs/sft --resume

    The result is runs/sft/model, a checkpoint that transformers and vLLM load.
    """
    from magnet_ray.training.settings import SftConfig

    _train(SftConfig, out, plan, resume, keys, _given(config, sets, data, model))


@train_app.command()
def mdpo(
    data: Data = None,
    model: Model = None,
    out: Out = None,
    config: ConfigFile = None,
    sets: Sets = None,
    plan: Plan = False,
    resume: Resume = False,
    keys: Keys = False,
) -> None:
    """Tune a checkpoint on preference pairs by multi-turn DPO beside SFT on the right side.

    \b
    magnet train mdpo --data runs/pairs --model runs/sft/model --out runs/mdpo
    magnet train mdpo --data runs/pairs --model runs/sft/model --set lora.enabled=true --set beta=0.3 --out runs/mdpo

    The model that is given is the reference; its log-probabilities are computed once, before the first step.
    """
    from magnet_ray.training.settings import MdpoConfig

    _train(MdpoConfig, out, plan, resume, keys, _given(config, sets, data, model))


@train_app.command()
def merge(
    adapter: Annotated[str, typer.Argument(help="Directory of an adapter.", metavar="ADAPTER", show_default=False)],
    out: Annotated[str, option("--out", help="Directory to write.", metavar="DIR")],
    model: Model = None,
) -> None:
    """Write the checkpoint that an adapter and its base make together.

    \b
    magnet train merge runs/mdpo/adapter --out checkpoints/mdpo
    """
    from magnet_ray.training.adapters import merge_adapter

    merge_adapter(adapter, out, base=model)
    typer.echo(str(out))


def _given(config: Path | None, sets: list[str] | None, data: list[str] | None, model: str | None) -> Mapping[str, Any]:
    return {"file": config, "sets": sets or (), "overrides": {"data": tuple(data) if data else None, "model": model}}


def _train(kind: type[TrainConfig], out: str | None, plan: bool, resume: bool, keys: bool, given: Mapping[str, Any]) -> None:
    from magnet_ray.sections import describe_section, load_section

    if keys:
        print_keys(describe_section(kind))
        return
    settings = load_section(kind, **given)
    if out is None and not plan:
        raise UserError("--out is missing", expected="the directory of the run", fix="such as --out runs/sft, or --plan to only look")
    need_training()
    from magnet_ray.training import launch, planning

    if out is None or plan:
        console().print(planning.plan(settings))
    else:
        console().print(launch.train(settings, place(out), resume))


def need_training() -> None:
    """Raise a `UserError` where the libraries that training needs are not installed."""
    try:
        from magnet_ray.training import launch  # noqa: F401
    except ModuleNotFoundError as error:
        raise UserError(f"training needs {error.name}", fix="pip install 'magnet-ray[train]'") from None
