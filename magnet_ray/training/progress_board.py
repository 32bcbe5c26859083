"""What the driver knows of a training run while it goes on: one small Ray actor that worker 0 writes to."""

from __future__ import annotations

from typing import Any

import ray


class ProgressBoard:
    """The state of the actor."""

    def __init__(self) -> None:
        self._latest: dict[str, Any] = {}

    def put(self, figures: dict[str, Any]) -> None:
        """Replace what is known: `stage`, `step`, `steps` and the figures of the last step."""
        self._latest = figures

    def latest(self) -> dict[str, Any]:
        """What was put last."""
        return self._latest


ProgressBoardActor = ray.remote(num_cpus=0)(ProgressBoard)
