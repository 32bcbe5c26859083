"""Progress of a long job: a live bar in a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.progress import Progress as RichProgress

LOG_SECONDS = 10.0
"""Seconds between two lines where there is no terminal."""


class Progress:
    """One bar for each stage of a job, on stderr."""

    def __init__(self) -> None:
        self._console = Console(stderr=True, highlight=False)
        self._live = self._console.is_terminal
        self._bars = RichProgress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[note]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=not self._live,
        )
        self._task: TaskID | None = None
        self._stage, self._total, self._done = "", 0, 0
        self._began = self._logged = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Print one line."""
        self._console.print(text)

    def start(self, stage: str, total: int, done: int) -> None:
        """Begin a stage of `total` units, of which `done` are done already."""
        self._stage, self._total, self._done = stage, total, done
        self._began = self._logged = time.monotonic()
        self._task = self._bars.add_task(stage, total=total, completed=done, note="")
        if done:
            self.say(f"{stage}: {done} of {total} were done before")

    def advance(self, units: int, failed: int = 0) -> None:
        """Count units of the present stage, and show how many failed so far."""
        self._done += units
        if self._task is not None:
            self._bars.update(self._task, completed=self._done, note=f"{failed} failed" if failed else "")
        now = time.monotonic()
        if not self._live and (now - self._logged >= LOG_SECONDS):
            self._logged = now
            self.say(f"{self._stage}: {self._done} of {self._total}{f', {failed} failed' if failed else ''}, {now - self._began:.0f} s")
