"""`magnet eval heldout`: conversations that training never saw, with the environment live."""

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
from magnet_ray.cli_options import ConfigFile, Keys, Resume, Sets, option

heldout_app = typer.Typer(
    help="Measure a served model on conversations that its training never saw.", invoke_without_command=True, rich_markup_mode="rich"
)


@heldout_app.callback()
def heldout(
    context: typer.Context,
    endpoint: Endpoint = None,
    serve: Serve = None,
    serve_set: ServeSets = None,
    model: Model = None,
    run: Annotated[str | None, option("--run", help="A finished run of magnet synthesize to take rows of.", metavar="DIR")] = None,
    trained: Annotated[str | None, option("--trained", help="A finished run of magnet train: its held-out rows.", metavar="DIR")] = None,
    out: Out = None,
    limit: Annotated[int | None, limit_option("Most conversations of each category.")] = None,
    agent: Agent = None,
    config: ConfigFile = None,
    sets: Sets = None,
    resume: Resume = False,
    keys: Keys = False,
) -> None:
    """Play held-out conversations with the environment live, and score states and outputs.

    \b
    magnet eval heldout --endpoint http://localhost:8000/v1 --trained runs/sft --out runs/heldout
    magnet eval heldout --serve runs/sft/model --trained runs/sft --out runs/heldout
    magnet eval heldout --endpoint http://localhost:8000/v1 --run runs/b --limit 20 --out runs/heldout
    magnet eval heldout compare runs/heldout-base runs/heldout-sft
    """
    if context.invoked_subcommand is not None:
        return
    from evals.heldout.conversations import HeldOutConfig
    from evals.heldout.job import KIND, HeldOutJob

    own = overrides(endpoint, model, agent, limit, run=run, trained=trained)
    given = {"file": config, "sets": sets or (), "overrides": own}
    run_evaluation((KIND, HeldOutConfig, HeldOutJob.of), out, given, (serve, serve_set), resume=resume, keys=keys)


@heldout_app.command()
def compare(runs: Runs, out: CompareOut = None) -> None:
    """Show finished evaluations side by side."""
    from evals.heldout.job import KIND

    show_side_by_side(KIND, runs, out)
