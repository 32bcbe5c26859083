"""`magnet eval`: its commands, and running one of them as a module (`python -m evals.toolquery`)."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from evals.bfcl.command import bfcl_app
from evals.heldout.command import heldout_app
from evals.online.command import online_app
from evals.toolquery.command import toolquery_app

eval_app = typer.Typer(help="Measure a served model.", no_args_is_help=True, rich_markup_mode="rich")
eval_app.add_typer(bfcl_app, name="bfcl")
eval_app.add_typer(heldout_app, name="heldout")
eval_app.add_typer(online_app, name="online")
eval_app.add_typer(toolquery_app, name="toolquery")


def run_module(name: str) -> NoReturn:
    """Run one command of `magnet eval` with the arguments of this process, and leave with its exit code."""
    from magnet_ray.cli import run_command

    sys.exit(run_command(["eval", name, *sys.argv[1:]]))
