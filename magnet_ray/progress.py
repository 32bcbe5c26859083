"""Progress of a long job on stderr: a live bar in a terminal; in a log, a line now and then and one at the end of a stage."""

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
    """One bar for each stage of a job."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True, highlight=False)
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
        self._stage, self._total, self._done, self._before, self._said = "", 0, 0, 0, 0
        self._began = self._logged = time.monotonic()

    def __enter__(self) -> Self:
        self._bars.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bars.stop()

    def say(self, text: str) -> None:
        """Print one line, whole even where the terminal is narrower."""
        self._console.print(text, soft_wrap=True, markup=False)

    def start(self, stage: str, total: int, done: int) -> None:
        """Begin a stage of `total` units, of which `done` are done already."""
        self._stage, self._total, self._done, self._before, self._said = stage, total, done, done, done
        self._began = self._logged = time.monotonic()
        self._task = self._bars.add_task(stage, total=total, completed=done, note="")
        if done:
            self.say(f"{stage}: {done} of {total} were done before")

    def advance(self, units: int, failed: int = 0) -> None:
        """Count units of the present stage, and show how many failed so far."""
        self.show(self._done + units - self._before, failed)

    def show(self, made: int, failed: int = 0, note: str = "") -> None:
        """Show how many units of the present stage this process has made, how many of them failed, and a few words more."""
        self._done = self._before + made
        notes = [text for text in (f"{failed} failed" if failed else "", note) if text]
        if self._task is not None:
            self._bars.update(self._task, completed=self._done, note=", ".join(notes))
        now = time.monotonic()
        if not self._live and (now - self._logged >= LOG_SECONDS or self._done == self._total > self._said):
            self._logged, self._said = now, self._done
            self.say(self._line(now - self._began, notes))

    def _line(self, seconds: float, notes: list[str]) -> str:
        left, made = self._total - self._done, self._done - self._before
        parts = [f"{self._stage}: {self._done} of {self._total}", *notes, f"{seconds:.0f} s"]
        if left and made:
            parts.append(f"about {seconds * left / made:.0f} s to go")
        return ", ".join(parts)
