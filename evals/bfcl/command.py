"""`magnet eval bfcl`: the Berkeley function-calling leaderboard, version 3, every category that runs offline."""

from __future__ import annotations

from typing import Annotated

import typer

from evals.options import Agent, CompareOut, Endpoint, Model, Out, Runs, Serve, ServeSets, limit_option, overrides, run_evaluation
from magnet_ray.cli_options import ConfigFile, Keys, Resume, Sets, console, option
from magnet_ray.places import place

bfcl_app = typer.Typer(
    help="Measure a served model on BFCL-v3, scored by bfcl_eval's own checkers.", invoke_without_command=True, rich_markup_mode="rich"
)


@bfcl_app.callback()
def bfcl(
    context: typer.Context,
    endpoint: Endpoint = None,
    serve: Serve = None,
    serve_set: ServeSets = None,
    model: Model = None,
    categories: Annotated[
        list[str] | None,
        option("--categories", help="Categories or groups (live, non_live, multi_turn, …), separated by commas.", metavar="NAME,…"),
    ] = None,
    limit: Annotated[int | None, limit_option("Most entries of each category.")] = None,
    mode: Annotated[
        str | None, option("--mode", help="fc: functions offered as tools; prompt: in the system message.", metavar="fc|prompt")
    ] = None,
    checkpoint: Annotated[
        str | None, option("--checkpoint", help="Directory of the model, to tell what its training saw.", metavar="DIR")
    ] = None,
    out: Out = None,
    agent: Agent = None,
    config: ConfigFile = None,
    sets: Sets = None,
    resume: Resume = False,
    keys: Keys = False,
) -> None:
    """Put BFCL-v3's entries to a served model and score what it says.

    \b
    magnet eval bfcl --endpoint http://localhost:8000/v1 --out runs/bfcl
    magnet eval bfcl --endpoint http://localhost:8000/v1 --categories multi_turn,irrelevance --limit 20 --out runs/bfcl
    magnet eval bfcl --endpoint http://localhost:8000/v1 --mode prompt --out runs/bfcl-prompt
    magnet eval bfcl compare runs/bfcl-base runs/bfcl-sft runs/bfcl-mdpo --out runs/bfcl-table

    Needs the extra `eval` and bfcl_eval 2025.6.8: pip install --no-deps -r requirements/bfcl.lock
    With bfcl_eval 2026.3.23 in its place, --set version=4 runs the multi-turn categories of BFCL-v4.
    """
    if context.invoked_subcommand is not None:
        return
    from evals.bfcl.job import KIND, BfclConfig, BfclJob

    named = tuple(name.strip() for text in categories or () for name in text.split(",") if name.strip())
    origin = str(place(checkpoint).resolve()) if checkpoint else None
    own = overrides(
        endpoint,
        model,
        agent,
        limit,
        categories=named or None,
        mode=mode,
        checkpoint=origin,
    )
    given = {"file": config, "sets": sets or (), "overrides": own}
    run_evaluation((KIND, BfclConfig, BfclJob.of), out, given, (serve, serve_set), resume=resume, keys=keys)


@bfcl_app.command()
def compare(runs: Runs, out: CompareOut = None) -> None:
    """Show finished evaluations side by side, with the paper's table and the failures by reason."""
    from evals.bfcl import comparison

    compared = comparison.compare(runs)
    if out is not None:
        compared.write(out)
    console().print(compared)
