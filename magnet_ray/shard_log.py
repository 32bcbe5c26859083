"""A line of JSON for each shard that is made, on the driver's stderr: what `ray job logs` shows, and a log collector reads."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Mapping
from typing import Any

from magnet_ray.metrics import RunLabel

LOGGER = logging.getLogger("magnet_ray.shards")


def open_shard_log(wanted: bool) -> None:
    """Let the lines go to stderr, or nowhere but to handlers that the caller set up."""
    LOGGER.setLevel(logging.INFO if wanted else logging.WARNING)
    if wanted and not LOGGER.handlers:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(message)s"))
        LOGGER.addHandler(handler)
        LOGGER.propagate = False


def log_shard(label: RunLabel, report: Mapping[str, Any]) -> None:
    """Log the report of a shard that this run has made; see `report_of`."""
    if not LOGGER.isEnabledFor(logging.INFO):
        return
    failed = {reason: count for reason, (count, _) in json.loads(report["failures"]).items()}
    event = {
        "event": "shard",
        "job": label.kind,
        "run": label.run,
        "shard": report["shard"],
        "paths": report["paths"],
        "kept": report["kept"],
        "failed": failed,
        "seconds": round(report["seconds"], 3),
        "node": report["node"],
        "tokens": json.loads(report["tokens"]),
    }
    LOGGER.info(json.dumps(event))
