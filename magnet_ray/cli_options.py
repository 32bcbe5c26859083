"""What the commands of `magnet` share: options that mean the same everywhere, and how they print."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer


def option(*names: str, help: str, metavar: str | None = None) -> Any:
    """An option whose default the help text does not repeat."""
    return typer.Option(*names, help=help, metavar=metavar, show_default=False)


ConfigFile = Annotated[Path | None, option("--config", help="YAML file of settings.", metavar="FILE")]
Sets = Annotated[
    list[str] | None, option("--set", help="One setting, such as ops.merge.enabled=false. Can be given again.", metavar="KEY=VALUE")
]
Resume = Annotated[bool, typer.Option("--resume", help="Go on with an unfinished run of the same settings.")]
Keys = Annotated[bool, typer.Option("--keys", help="Print every setting with its default, and stop.")]


def console() -> Any:
    """A console that leaves a closed pipe to the command line's end."""
    from rich.console import Console

    class PipeConsole(Console):
        """See `console`."""

        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return PipeConsole(highlight=False)


def print_keys(keys: Sequence[tuple[str, str, str]]) -> None:
    """Print settings: key, default as text, meaning."""
    width = max(len(key) for key, _, _ in keys)
    for key, default, meaning in keys:
        typer.echo(f"{key:<{width}}  {meaning} (default {default})")
