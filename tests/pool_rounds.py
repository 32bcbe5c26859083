"""Rounds of a pool of workers on a Ray of its own; prints what came of each as one line of JSON. Run as a module."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import ray
from ray.actor import exit_actor

from magnet_ray.errors import JobFailed
from magnet_ray.worker_pool import PoolSize, WorkerPool


class Player:
    """A worker that fails as it is told."""

    def __init__(self, place: str, fault: str) -> None:
        if fault == "start":
            raise OSError("no room")
        self._place, self._fault = Path(place), fault

    def work(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """Report the shard and the process; `once` dies of shard 3 the first time, `always` each time."""
        mark = self._place / f"{item['shard']}"
        if item["shard"] == 3 and (self._fault == "always" or (self._fault == "once" and not mark.exists())):
            mark.touch()
            os._exit(1)
        time.sleep(0.05)
        return {"shard": item["shard"], "process": os.getpid()}

    def close(self) -> None:
        """Leave a note, and end."""
        (self._place / f"closed-{os.getpid()}").touch()
        exit_actor()  # type: ignore[no-untyped-call]


def played(place: Path, fault: str, size: PoolSize, busy: Callable[[int], float] = lambda workers: 0.0, shards: int = 24) -> dict[str, Any]:
    """The shards reported, by how many processes, how many of which closed in the end; or why the round failed."""
    place.mkdir()
    actor: Any = ray.remote(Player).options(num_cpus=0.1, max_concurrency=size.shards)
    reports: list[dict[str, Any]] = []
    try:
        reports += WorkerPool(partial(actor.remote, str(place), fault), size, busy).reports({"shard": shard} for shard in range(shards))
    except JobFailed as error:
        return {"error": str(error)}
    processes = {report["process"] for report in reports}
    closed = sum((place / f"closed-{process}").exists() for process in processes)
    return {"shards": sorted(report["shard"] for report in reports), "processes": len(processes), "closed": closed}


def main(place: Path) -> None:
    """Play every round."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    two, grows = PoolSize(fewest=2, most=2, shards=2), PoolSize(fewest=1, most=3, shards=2)
    rounds = {
        "calm": played(place / "calm", "", two),
        "lost": played(place / "lost", "once", two),
        "deadly": played(place / "deadly", "always", two, shards=6),
        "stillborn": played(place / "stillborn", "start", two),
        "busy": played(place / "busy", "", grows, lambda workers: 1.0, shards=200),
        "idle": played(place / "idle", "", grows, lambda workers: 0.5),
        "out of reach": played(place / "reach", "", PoolSize(fewest=40, most=40, shards=2), shards=30),
        "nothing": played(place / "nothing", "", two, shards=0),
    }
    print(json.dumps(rounds))
    ray.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
