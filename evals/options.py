"""What the commands of `magnet eval` share: their options, how they run an evaluation, and how they show several side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from magnet_ray.cli_options import console, option, print_keys
from magnet_ray.errors import UserError
from magnet_ray.places import place

if TYPE_CHECKING:
    from evals.evaluation_jobs import Job
    from evals.evaluation_runs import EvaluationConfig

Endpoint = Annotated[str | None, option("--endpoint", help="OpenAI-compatible endpoint, such as http://localhost:8000/v1.", metavar="URL")]
Serve = Annotated[
    str | None, option("--serve", help="Checkpoint to serve for the length of the evaluation, in place of --endpoint.", metavar="DIR")
]
ServeSets = Annotated[
    list[str] | None, option("--serve-set", help="With --serve: a setting of magnet serve, such as replicas.max=4.", metavar="KEY=VALUE")
]
Model = Annotated[
    str | None, option("--model", help="Name of the model, as the endpoint knows it; not needed where it serves one.", metavar="NAME")
]
Out = Annotated[str | None, option("--out", help="Directory of the evaluation, or s3://BUCKET/PREFIX.", metavar="DIR")]
Agent = Annotated[
    str | None, option("--agent", help="`reference` or `silent`: check the evaluation itself, without a model.", metavar="AGENT")
]
Runs = Annotated[list[str], typer.Argument(help="Finished evaluations.", metavar="DIR…", show_default=False)]
CompareOut = Annotated[str | None, option("--out", help="Directory to write the table and the chart to.", metavar="DIR")]

Config = TypeVar("Config", bound="EvaluationConfig")


def limit_option(help: str) -> Any:
    """The option `--limit`, with what it counts here."""
    return option("--limit", help=help, metavar="N")


def run_evaluation(
    kind: tuple[str, type[Config], Callable[[Config], Job]],
    out: str | None,
    given: Mapping[str, Any],
    serve: tuple[str | None, Sequence[str] | None] = (None, None),
    *,
    resume: bool,
    keys: bool,
) -> None:
    """Read the configuration, evaluate, print the report.

    Args:
        kind: command, its configuration, and what makes the job of one.
        out: directory of the run.
        given: arguments of `load_section`.
        serve: checkpoint to serve meanwhile, and settings of `magnet serve`.
        resume: go on with an unfinished run.
        keys: print the settings instead.

    Raises:
        UserError: something that only the user can fix.
        JobFailed: too many tasks could not be scored.
    """
    from evals.evaluation_jobs import evaluate
    from magnet_ray.sections import describe_section, load_section

    name, section, make = kind
    if keys:
        print_keys(describe_section(section))
        return
    config = load_section(section, **given)
    if out is None:
        raise UserError("--out is missing", expected="the directory of the evaluation", fix="such as --out runs/eval")
    model, sets = serve
    if model is not None:
        from evals.served import serving

        with serving(config, model, sets or (), out) as config:
            report = evaluate(name, config, place(out), make, resume=resume)
    elif config.agent == "endpoint" and config.model.base_url is None:
        raise UserError(
            "--endpoint is missing",
            expected="the address of a served model",
            fix="such as --endpoint http://localhost:8000/v1, or --serve DIR to serve a checkpoint meanwhile",
        )
    else:
        report = evaluate(name, config, place(out), make, resume=resume)
    screen = console()
    screen.print(report)
    screen.print(f"\n{out}/README.md holds the report, {out}/transcripts.jsonl every conversation", soft_wrap=True)


def show_side_by_side(kind: str, runs: list[str], out: str | None) -> None:
    """Print the scores of finished evaluations of one kind in one table; with `out`, write table and chart.

    Raises:
        RunError: one of them is no finished evaluation of the kind.
    """
    from evals.comparison import compare

    console().print(compare(kind, runs, out))


def overrides(endpoint: str | None, model: str | None, agent: str | None, limit: int | None, **more: Any) -> dict[str, Any]:
    """The settings that a command's own options give."""
    return {"model.base_url": endpoint, "model.name": model, "agent": agent, "limit": limit, **more}
