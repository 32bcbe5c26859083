"""`magnet eval toolquery`: questions over synthetic weather, films and papers, with AgentBoard's tools."""

from __future__ import annotations

from typing import Annotated

import typer

from evals.options import (
    Agent,
    CompareOut,
    Endpoint,
    Model,
    Out,
    Runs,
    Serve,
    ServeSets,
    limit_option,
    overrides,
    run_evaluation,
    show_side_by_side,
)
from magnet_ray.cli_options import ConfigFile, Keys, Resume, Sets

toolquery_app = typer.Typer(
    help="Measure a served model on questions over synthetic weather, films and papers.",
    invoke_without_command=True,
    rich_markup_mode="rich",
)


@toolquery_app.callback()
def toolquery(
    context: typer.Context,
    endpoint: Endpoint = None,
    serve: Serve = None,
    serve_set: ServeSets = None,
    model: Model = None,
    out: Out = None,
    limit: Annotated[int | None, limit_option("Most tasks of each domain.")] = None,
    agent: Agent = None,
    config: ConfigFile = None,
    sets: Sets = None,
    resume: Resume = False,
    keys: Keys = False,
) -> None:
    """Put ToolQuery-style tasks, and score success and progress as AgentBoard does.

    \b
    magnet eval toolquery --endpoint http://localhost:8000/v1 --out runs/toolquery
    magnet eval toolquery --agent reference --out runs/check
    magnet eval toolquery compare runs/toolquery-base runs/toolquery-sft
    """
    if context.invoked_subcommand is not None:
        return
    from evals.toolquery.job import KIND, ToolQueryConfig, ToolQueryJob

    given = {"file": config, "sets": sets or (), "overrides": overrides(endpoint, model, agent, limit)}
    run_evaluation((KIND, ToolQueryConfig, ToolQueryJob.of), out, given, (serve, serve_set), resume=resume, keys=keys)


@toolquery_app.command()
def compare(runs: Runs, out: CompareOut = None) -> None:
    """Show finished evaluations side by side."""
    from evals.toolquery.job import KIND

    show_side_by_side(KIND, runs, out)
