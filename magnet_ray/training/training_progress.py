"""What the driver shows of a training run while it goes on: steps, stages before them, and workers that were lost.

Workers and Ray Train's controller write to one small actor, which the driver reads.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, TypeVar

import ray
import ray.train

from magnet_ray.progress import Progress

Result = TypeVar("Result")
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


def shown_until_done(fit: Callable[[], Result], board: Any, progress: Progress) -> Result:
    """Call a function that takes long, and meanwhile show what the board says.

    In a thread of its own: in the main thread Ray Train would take Ctrl-C for itself and end as if it were done.
    """
    caller = ThreadPoolExecutor(max_workers=1, thread_name_prefix="training")
    try:
        fitting = caller.submit(fit)
        watcher = _Watcher(board, progress)
        while not wait([fitting], timeout=POLL_SECONDS).done:
            watcher.look()
        watcher.look()
        return fitting.result()
    finally:
        # An interrupted call ends with the cluster.
        caller.shutdown(wait=False)


class _Watcher:
    """Shows what is new on the board."""

    def __init__(self, board: Any, progress: Progress) -> None:
        self._board, self._progress = board, progress
        self._said, self._before = 0, -1
        self._last: dict[str, Any] = {}

    def look(self) -> None:
        """Show lines that were not shown yet, and the last step."""
        try:
            lines, step = ray.get(self._board.read.remote(self._said), timeout=10)
        except (ray.exceptions.RayError, RuntimeError):
            # The cluster is busy, or has lost the board's node.
            return
        for line in lines:
            self._progress.say(line)
        self._said += len(lines)
        if not step or step == self._last:
            return
        if self._before < 0:
            self._before = step["step"] - 1
            self._progress.start("training", step["steps"], self._before)
        self._last = step
        note = ", ".join(text.format(step[key]) for key, text in SHOWN.items() if key in step)
        self._progress.show(step["step"] - self._before, note=note)


def last_line(error: Exception) -> str:
    """The last line of what an error says: Ray's begin with where it happened."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return lines[-1] if lines else type(error).__name__
