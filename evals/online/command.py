"""`magnet eval online`: watches for checkpoints, serves each behind one endpoint, evaluates it, and keeps a leaderboard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from evals.options import Out, limit_option
from magnet_ray.cli_options import ConfigFile, Keys, Sets, console, option, print_keys
from magnet_ray.errors import UserError

if TYPE_CHECKING:
    from evals.online.job import OnlineConfig

online_app = typer.Typer(
    help="Evaluate checkpoints as they arrive behind one running endpoint.", invoke_without_command=True, rich_markup_mode="rich"
)


@online_app.callback()
def online(
    watch: Annotated[str | None, option("--watch", help="Directory below which training runs are finished.", metavar="DIR")] = None,
    out: Out = None,
    run: Annotated[str | None, option("--run", help="A finished run of magnet synthesize to take rows of.", metavar="DIR")] = None,
    trained: Annotated[str | None, option("--trained", help="The training run whose held-out rows all are asked.", metavar="DIR")] = None,
    limit: Annotated[int | None, limit_option("Most conversations of each category.")] = None,
    checkpoints: Annotated[int | None, option("--checkpoints", help="End after so many, known ones included.", metavar="N")] = None,
    config: ConfigFile = None,
    sets: Sets = None,
    keys: Keys = False,
) -> None:
    """Deploy each new checkpoint behind the endpoint, evaluate it on held-out conversations, and add it to the leaderboard.

    \b
    magnet eval online --watch runs/training --trained runs/training/first --limit 20 --out runs/leaderboard
    magnet eval online --watch runs/training --set serve.ray.address=auto --checkpoints 3 --out runs/leaderboard

    The same command again goes on where it was stopped.
    """
    from evals.online.job import OnlineConfig, run_online
    from magnet_ray.sections import describe_section, load_section

    if keys:
        print_keys(describe_section(OnlineConfig))
        return
    own = {
        "watch": watch,
        "heldout.run": run,
        "heldout.trained": trained,
        "heldout.limit": limit,
        "checkpoints": checkpoints,
    }
    settings: OnlineConfig = load_section(OnlineConfig, config, sets or (), own)
    if out is None:
        raise UserError("--out is missing", expected="the directory of the leaderboard", fix="such as --out runs/leaderboard")
    run_online(settings, out)
    console().print(f"{out}/README.md holds the leaderboard", soft_wrap=True)
