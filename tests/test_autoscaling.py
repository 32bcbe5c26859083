"""Our job drives Ray's autoscaler: nodes come under load and go when idle, and none comes for workers that wait for a model.

The nodes are real Ray nodes of one CPU, which Ray's fake provider starts on this machine.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from magnet_ray.cli import DONE, INTERRUPTED
from magnet_ray.finished_runs import read_manifest
from magnet_ray.scoreboard import LOOKS
from tests.cluster_support import magnet, needs_proc, started, wait_until
from tests.mumbling_server import mumbling_server
from tests.ray_heads import Head, growing_cluster, watched

pytestmark = [pytest.mark.slow, needs_proc]

MOST = 2
# Ray Data looks at what it asks the autoscaler for every ten seconds.
HASTE = {"RAY_AUTH_MODE": "disabled", "RAY_DATA_MIN_GAP_BETWEEN_AUTOSCALING_REQUESTS": "1"}


def arguments(head: Head, out: Path, num: int, *sets: str) -> list[object]:
    """The command line of a run on the cluster."""
    words = [word for text in (f"ray.address={head.address}", "failure_budget=1.0", *sets) for word in ("--set", text)]
    return ["synthesize", "--num", num, *words, "--out", out]


def nodes_gone(seen: list[tuple[float, int]]) -> bool:
    """Whether there were nodes, and are none."""
    return any(nodes for _, nodes in seen) and seen[-1][1] == 0


def test_nodes_come_under_load_and_go_when_idle(tmp_path: Path) -> None:
    """The head has no CPU at all, so every row is made on a node that the job asked for."""
    with growing_cluster(tmp_path, head_cpus=0, most=MOST) as head, watched(head) as watch:
        done = magnet(*arguments(head, tmp_path / "run", 12_000, f"ray.max_cpus={MOST}"), env=HASTE, seconds=240)
        assert done.returncode == DONE, done.stderr
        wait_until(lambda: nodes_gone(watch.so_far()), seconds=60, pause=0.5)
        seen = watch.so_far()
    assert seen[0][1] == 0
    assert max(nodes for _, nodes in seen) == MOST
    counts = read_manifest(tmp_path / "run").counts
    assert counts.kept + counts.failed == 12_000


def test_workers_that_wait_for_a_model_bring_no_node_and_busy_ones_do(tmp_path: Path) -> None:
    model = ("teacher.kind=openai", "teacher.model.name=mumbler", "teacher.workers=[1,3]", "teacher.model.concurrency=256")
    sets = (*model, "mix.single_turn=0", "mix.irrelevance=0", "teacher.conversations=300", "ray.shard_size=10")
    with growing_cluster(tmp_path, head_cpus=1, most=MOST) as head, watched(head) as watch:
        # Eight slots: the teacher is the bottleneck, though far more conversations wait than one worker holds.
        with mumbling_server(seconds=0.5, slots=8) as url, asking(head, tmp_path / "slow", *sets, f"teacher.model.base_url={url}"):
            time.sleep(2 * LOOKS)
            assert {nodes for _, nodes in watch.so_far()} == {0}
        with mumbling_server() as url, asking(head, tmp_path / "fast", *sets, f"teacher.model.base_url={url}"):
            wait_until(lambda: watch.so_far()[-1][1], pause=0.5)
        # The job was interrupted, and nobody wants the nodes any more.
        wait_until(lambda: nodes_gone(watch.so_far()), seconds=60, pause=0.5)


@contextmanager
def asking(head: Head, out: Path, *sets: str) -> Iterator[None]:
    """A run that is asking its model and would do so for long; interrupted at the end."""
    with started(*arguments(head, out, 100_000, *sets), env=HASTE) as command:
        wait_until(lambda: any(out.glob("responses/*")) or command.process.poll() is not None)
        yield
        assert command.process.poll() is None, command.wait().stderr
        command.process.send_signal(signal.SIGINT)
        assert command.wait().returncode == INTERRUPTED
