"""What the driver shows of a training run while it goes on: steps, stages before them, and workers that were lost.

Workers and Ray Train's controller write to one small actor; the driver reads it in a thread of its own, for its main thread waits.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import ray
import ray.train

from magnet_ray.progress import Progress

POLL_SECONDS = 0.5
SHOWN = {"loss": "loss {:.4f}", "margin": "margin {:.3f}", "tokens_per_second": "{:,.0f} tokens/s", "mfu": "MFU {:.1%}"}
"""Figures of a step that are shown, and how."""
TRAIN: Any = ray.train
"""Ray Train as it runs: its annotations still speak of the version before."""


class ProgressBoard:
    """The state of the actor."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._step: dict[str, Any] = {}

    def say(self, line: str) -> None:
        """Put up a line."""
        self._lines.append(line)

    def put_step(self, figures: dict[str, Any]) -> None:
        """Put up the figures of a step, `step` and `steps` among them."""
        self._step = figures

    def read(self, lines: int) -> tuple[list[str], dict[str, Any]]:
        """The lines after the first `lines`, and the figures of the last step."""
        return self._lines[lines:], self._step


ProgressBoardActor = ray.remote(num_cpus=0)(ProgressBoard)


class LostWorkers(TRAIN.UserCallback):
    """Says why workers were lost; Ray Train starts them again."""

    def __init__(self, board: Any) -> None:
        self.board = board

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Called by the controller."""
        rank, error = min(worker_exceptions.items())
        more = f" and {len(worker_exceptions) - 1} more" if len(worker_exceptions) > 1 else ""
        self.board.say.remote(f"worker {rank}{more} lost, starting again from the last checkpoint: {last_line(error)}")


@contextmanager
def shown(board: Any, progress: Progress) -> Iterator[None]:
    """Show what the board says, until the block ends."""
    ended = threading.Event()
    thread = threading.Thread(target=_show, args=(board, progress, ended), daemon=True, name="training progress")
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def _show(board: Any, progress: Progress, ended: threading.Event) -> None:
    said, before, last = 0, -1, dict[str, Any]()
    while not ended.wait(POLL_SECONDS):
        try:
            lines, step = ray.get(board.read.remote(said), timeout=10)
        except (ray.exceptions.RayError, RuntimeError):
            # The cluster is ending, or busy.
            continue
        for line in lines:
            progress.say(line)
        said += len(lines)
        if not step or step == last:
            continue
        if before < 0:
            before = step["step"] - 1
            progress.start("training", step["steps"], before)
        last = step
        progress.show(step["step"] - before, note=", ".join(text.format(step[key]) for key, text in SHOWN.items() if key in step))


def last_line(error: Exception) -> str:
    """The last line of what an error says: Ray's begin with where it happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
