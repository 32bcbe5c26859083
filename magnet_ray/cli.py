"""The `magnet` command. Each command checks its options, calls one function of the library and prints what came of it.

Exit codes: 0 done, 1 the job failed (over its failure budget), 2 the user must fix something: one clear line on
stderr, no traceback. 130: interrupted. Heavy imports stand inside the commands, so that `--help` is quick.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Sequence
from importlib import metadata
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import Exit, TyperException

from evals.commands import eval_app
from magnet_ray.cli_options import ConfigFile, Keys, Resume, Sets, console, option, print_keys
from magnet_ray.errors import JobFailed, RunError, UserError
from magnet_ray.pipeline_command import pipeline
from magnet_ray.places import client_errors, place, reason
from magnet_ray.serve_command import serve
from magnet_ray.train_commands import train_app

DONE, FAILED, USER_ERROR, INTERRUPTED = 0, 1, 2, 130
RESUMABLE = ("synthesize", "distill", "train", "eval bfcl", "eval heldout", "eval toolquery", "pipeline")
"""Commands that go on with --resume where they were stopped."""

app = typer.Typer(
    name="magnet",
    help="Verified multi-turn tool-use data from any pool of functions.\n\nStart with: magnet quickstart",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)
pool_app = typer.Typer(help="Pools of functions: what conversations are made from.", no_args_is_help=True, rich_markup_mode="rich")
graph_app = typer.Typer(help="Dependency graphs: whose output serves whose input.", no_args_is_help=True, rich_markup_mode="rich")
app.add_typer(pool_app, name="pool")
app.add_typer(graph_app, name="graph")
app.add_typer(train_app, name="train")
app.command()(pipeline)
app.command()(serve)
app.add_typer(eval_app, name="eval")

SOURCE_HELP = "Source of functions: builtin | python:MODULE_OR_FILE | bfcl | toolbench:DIR | jsonl:FILE. Can be given again."
Sources = Annotated[list[str] | None, option("--source", help=SOURCE_HELP, metavar="SPEC")]
OutDirectory = Annotated[str, option("--out", help="Directory to write, or s3://BUCKET/PREFIX.", metavar="DIR")]
RunArgument = Annotated[str, typer.Argument(help="A finished run.", metavar="DIR", show_default=False)]


def _print_version(wanted: bool) -> None:
    if wanted:
        try:
            typer.echo(f"magnet_ray {metadata.version('magnet_ray')}")
        except metadata.PackageNotFoundError:
            typer.echo("magnet_ray, not installed: run from its source tree")
        raise Exit


@app.callback()
def common(
    version: Annotated[bool, typer.Option("--version", help="Print the version and stop.", callback=_print_version, is_eager=True)] = False,
) -> None:
    """Options before the command; `version` has done its work by now."""


@app.command()
def quickstart(
    out: Annotated[str, typer.Option("--out", help="Directory of the run, or s3://BUCKET/PREFIX.", metavar="DIR")] = "runs/quickstart",
    model: Annotated[
        str | None, option("--model", help="Checkpoint to tune on what was made, such as a model of 0.1B parameters.", metavar="MODEL")
    ] = None,
) -> None:
    """Make a small data set offline and show one conversation of it; with --model, tune, serve and score a model on it.

    200 paths over the built-in functions: no model, no network, under a minute. With a model: preference pairs, a few steps of
    SFT and of multi-turn DPO, a request to the served result and a score on held-out conversations, in some minutes for a tiny
    one. Running it again shows the same data set; what was interrupted goes on.
    """
    from magnet_ray import quickstart as stages

    data = place(out)
    stages.make_data(data, console())
    if model is not None:
        stages.tune(data, model, console())


@pool_app.command("build")
def pool_build(out: OutDirectory, source: Sources = None) -> None:
    """Validate and deduplicate the functions of all sources, try each one in sampled scenarios, and save them.

    \b
    magnet pool build --source builtin --out pools/builtin
    magnet pool build --source python:statistics --source jsonl:tools.jsonl --out pools/mine

    A specification that cannot be used is named with its place and what is wrong; the rest still builds. Conversations are
    made from it by magnet synthesize --set pool=DIR.
    """
    from magnet_ray.config import load_config
    from magnet_ray.environments.opening import open_environment
    from magnet_ray.functions.pool import save_pool
    from magnet_ray.synthesis import usable_pool

    pool = usable_pool(load_config(overrides={"sources": tuple(source or ("builtin",))}), open_environment)
    save_pool(pool, out)
    for failure in pool.failures[:20]:
        typer.echo(f"left out: {failure.id}: {failure.detail}", err=True)
    if len(pool.failures) > 20:
        typer.echo(f"left out: {len(pool.failures) - 20} more, all in {out}", err=True)
    categories = {spec.category for spec in pool.specs}
    typer.echo(f"{len(pool.specs)} functions in {len(categories)} categories, {len(pool.failures)} left out -> {out}")


@pool_app.command("overlap")
def pool_overlap(source: Sources = None) -> None:
    """Compare a pool with BFCL's functions: names, parameter sets, 13-grams of descriptions.

    \b
    magnet pool overlap --source builtin

    Needs bfcl_eval 2025.6.8 (pip install --no-deps -r requirements/bfcl.lock).
    """
    from magnet_ray.functions.overlap import bfcl_functions, report_overlap
    from magnet_ray.functions.pool import build_pool

    references = bfcl_functions()
    typer.echo("\n".join(report_overlap(build_pool(tuple(source or ("builtin",))).specs, references).lines()))


@graph_app.command("build")
def graph_build(
    pool: Annotated[str, option("--pool", help="A pool made by magnet pool build.", metavar="DIR")],
    out: OutDirectory,
    config: ConfigFile = None,
    sets: Sets = None,
    seed: Annotated[int | None, option("--seed", help="Seed of the scenarios.")] = None,
) -> None:
    """Judge which outputs serve which inputs, verify it by execution, and save the graph (Parquet, GraphML).

    \b
    magnet graph build --pool pools/builtin --out graphs/builtin
    magnet graph build --pool pools/builtin --set graph.max_candidates=10 --out graphs/small
    magnet synthesize --set pool=pools/builtin --set graph.directory=graphs/small --out runs/a
    """
    from magnet_ray.config import load_config
    from magnet_ray.environments.opening import open_environment
    from magnet_ray.functions.pool import load_pool
    from magnet_ray.graph import save_graph
    from magnet_ray.judge import SchemaJudge
    from magnet_ray.synthesis import connect

    settings = load_config(config, sets or (), {"seed": seed})
    graph = connect(load_pool(pool), settings, open_environment, SchemaJudge(minimum=settings.graph.min_score))
    save_graph(graph, out)
    typer.echo(f"{len(graph.nodes)} functions, {len(graph.edges)} edges, {graph.dropped} dropped -> {out}")


@app.command()
def synthesize(
    out: Annotated[str | None, option("--out", help="Directory of the run, or s3://BUCKET/PREFIX.", metavar="DIR")] = None,
    source: Sources = None,
    num: Annotated[int | None, option("--num", help="Paths to attempt, 1000 by default.", metavar="N")] = None,
    seed: Annotated[int | None, option("--seed", help="Seed of everything random, 1 by default.", metavar="S")] = None,
    config: ConfigFile = None,
    sets: Sets = None,
    plan: Annotated[bool, typer.Option("--plan", help="Print what would run, and stop.")] = False,
    resume: Resume = False,
    keys: Keys = False,
) -> None:
    """Turn a pool of functions into verified conversations.

    \b
    magnet synthesize --source builtin --num 1000 --seed 1 --out runs/a
    magnet synthesize --source python:my_module.py --out runs/mine --plan
    magnet synthesize --config jobs/configs/paper.yaml --set ray.num_cpus=4 --out runs/paper
    magnet synthesize --source builtin --num 1000 --seed 1 --out runs/a --resume

    The same settings give the same rows on any number of workers. Look at a run with magnet inspect DIR.
    """
    from magnet_ray.config import SynthesizeConfig, load_config
    from magnet_ray.sections import describe_section

    if keys:
        print_keys(describe_section(SynthesizeConfig))
        return
    settings = load_config(config, sets or (), {"sources": tuple(source) if source else None, "num": num, "seed": seed})
    if out is None and not plan:
        raise UserError("--out is missing", expected="the directory of the run", fix="such as --out runs/a, or --plan to only look")
    from magnet_ray import pipeline

    if out is None or plan:
        typer.echo(pipeline.plan(settings))
        return
    console().print(pipeline.synthesize(settings, place(out), resume))


@app.command()
def distill(
    run: Annotated[str | None, option("--run", help="A finished run of magnet synthesize.", metavar="DIR")] = None,
    out: Annotated[str | None, option("--out", help="Directory to write, or s3://BUCKET/PREFIX.", metavar="DIR")] = None,
    student: Annotated[
        str | None, option("--student", help="OpenAI-compatible endpoint of the student, such as http://host:8000/v1.", metavar="URL")
    ] = None,
    student_model: Annotated[str | None, option("--student-model", help="Name of the student there.", metavar="NAME")] = None,
    num: Annotated[int | None, option("--num", help="Rows to use, all by default.", metavar="N")] = None,
    seed: Annotated[int | None, option("--seed", help="Seed of everything random, 1 by default.", metavar="S")] = None,
    config: ConfigFile = None,
    sets: Sets = None,
    resume: Resume = False,
    keys: Keys = False,
) -> None:
    """Turn conversations into preference pairs: the right continuation beside a wrong one.

    \b
    magnet distill --run runs/a --out runs/pairs                    # rules make the mistakes: no model needed
    magnet distill --run runs/a --student http://localhost:8000/v1 --student-model NAME --out runs/pairs
    magnet distill --run runs/a --config jobs/configs/distill.yaml --set rollouts=3 --out runs/pairs --resume

    A student's wrong turns are found by executing its calls; a teacher, where one is configured, plays them out again
    under a misleading hint. The chosen side of a pair passes the environment's check and the rejected side fails it.
    """
    from magnet_ray.config import DistillConfig
    from magnet_ray.sections import describe_section, load_section

    if keys:
        print_keys(describe_section(DistillConfig))
        return
    given = {"run": run, "num": num, "seed": seed, "student.base_url": student, "student.name": student_model}
    settings = load_section(DistillConfig, config, sets or (), given)
    if out is None:
        raise UserError("--out is missing", expected="the directory of the run", fix="such as --out runs/pairs")
    from magnet_ray import distillation

    console().print(distillation.distill(settings, place(out), resume))


@app.command()
def inspect(
    run: RunArgument,
    id: Annotated[str | None, option("--id", help="Id of a conversation, or how it begins.")] = None,
    category: Annotated[str | None, option("--category", help="Only of this category.")] = None,
    listed: Annotated[bool, typer.Option("--list", help="List the conversations instead.")] = False,
    limit: Annotated[int, typer.Option("--limit", help="Rows of the list.", min=1)] = 50,
    seed: Annotated[int, typer.Option("--seed", help="Another seed shows another conversation.")] = 0,
    full: Annotated[bool, typer.Option("--full", help="Show outputs in full.")] = False,
) -> None:
    """Show one conversation with the provenance of every argument, or one preference pair.

    \b
    magnet inspect runs/a
    magnet inspect runs/a --category miss_func --seed 3
    magnet inspect runs/a --list
    magnet inspect runs/a --id 4f1c
    """
    from magnet_ray.finished_runs import read_manifest
    from magnet_ray.inspection import list_run, show_run
    from magnet_ray.pair_inspection import list_pairs, show_pair

    pairs = read_manifest(run).kind == "distill"
    if listed:
        (list_pairs if pairs else list_run)(run, console(), category=category, limit=limit)
    else:
        (show_pair if pairs else show_run)(run, console(), id=id, category=category, seed=seed, full=full)


@app.command()
def export(
    run: RunArgument,
    out: Annotated[str, option("--out", help="File to write, or s3://BUCKET/NAME.", metavar="FILE")],
    format: Annotated[str, typer.Option("--format", help="sft | prompt-completion | sharegpt | preference")] = "sft",
) -> None:
    """Write a run as JSON lines for a trainer.

    \b
    magnet export runs/a --format sft --out sft.jsonl                # TRL: messages, tools, loss_from
    magnet export runs/a --format prompt-completion --out pc.jsonl   # TRL: split where the loss starts
    magnet export runs/a --format sharegpt --out sharegpt.jsonl      # LLaMA-Factory and the like
    magnet export runs/pairs --format preference --out pairs.jsonl   # TRL: prompt, chosen, rejected, tools
    """
    from magnet_ray.datasets import WRITERS

    if format not in WRITERS:
        raise UserError("--format", format, "one of " + ", ".join(WRITERS))
    typer.echo(f"{WRITERS[format](run, out)} examples -> {out}")


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(run_command(given))


def run_command(arguments: Sequence[str]) -> int:
    """Run one command and give its exit code; errors that the user can fix are one line on stderr."""
    try:
        # Not `app(…)`, which would turn an interruption and a closed pipe into bare exit codes.
        command = typer.main.get_command(app)
        with command.make_context("magnet", list(arguments)) as context:
            command.invoke(context)
        sys.stdout.flush()
        return DONE
    except Exit as stop:
        return stop.exit_code
    except TyperException as error:
        return _refuse(_usage_line(error), USER_ERROR)
    except KeyboardInterrupt:
        again = shlex.join(["magnet", *(word for word in arguments if word != "--resume"), "--resume"])
        goes_on = " ".join(arguments).startswith(RESUMABLE)
        return _refuse(f"interrupted; go on with: {again}" if goes_on else "interrupted", INTERRUPTED)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python would complain once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    except Exception as error:
        ending = _ending(error)
        if ending is None:
            raise
        return _refuse(str(ending), USER_ERROR if isinstance(ending, UserError) else FAILED)


def _ending(error: BaseException | None) -> UserError | JobFailed | None:
    """The error that ended a command on purpose. Ray wraps what a worker raised, once or twice, in errors of its own."""
    ending = None
    while error is not None:
        if isinstance(error, UserError | JobFailed):
            ending = error
        elif isinstance(error, client_errors()):
            ending = RunError("the object store does not answer", reason(error), fix="check its address and credentials")
        error = getattr(error, "cause", None) or error.__cause__
    return ending


def _refuse(line: str, code: int) -> int:
    typer.echo(f"magnet: {' '.join(line.split())}", err=True)
    return code


def _usage_line(error: TyperException) -> str:
    message = error.format_message().rstrip(".")
    context: Any = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "magnet"
    return f"{message}; see {command} --help" if message else f"a command is missing; see {command} --help"


if __name__ == "__main__":
    main()
