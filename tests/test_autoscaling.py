"""Our job drives Ray's autoscaler: nodes come under load and go when idle, and none comes for workers that wait for a model.

The nodes are real Ray nodes of one CPU, which Ray's fake provider starts on this machine.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from magnet_ray.cli import DONE
from magnet_ray.finished_runs import read_manifest
from tests.cluster_support import magnet, needs_proc, wait_until
from tests.mumbling_server import mumbling_server
from tests.ray_heads import Head, growing_cluster, watched

pytestmark = [pytest.mark.slow, needs_proc]

MOST = 2
# Ray Data looks at what it asks the autoscaler for every ten seconds.
HASTE = {"RAY_AUTH_MODE": "disabled", "RAY_DATA_MIN_GAP_BETWEEN_AUTOSCALING_REQUESTS": "1"}


def synthesize(head: Head, out: Path, num: int, *sets: str) -> None:
    """A finished run on the cluster."""
    words = [word for text in (f"ray.address={head.address}", "failure_budget=1.0", *sets) for word in ("--set", text)]
    done = magnet("synthesize", "--num", num, *words, "--out", out, env=HASTE)
    assert done.returncode == DONE, done.stderr
    counts = read_manifest(out).counts
    assert counts.kept + counts.failed == num


def nodes_gone(seen: list[tuple[float, int]]) -> bool:
    """Whether there were nodes, and are none."""
    return any(nodes for _, nodes in seen) and seen[-1][1] == 0


def test_nodes_come_under_load_and_go_when_idle(tmp_path: Path) -> None:
    """The head has no CPU at all, so every row is made on a node that the job asked for."""
    with growing_cluster(tmp_path, head_cpus=0, most=MOST) as head, watched(head) as watch:
        synthesize(head, tmp_path / "run", 12_000, f"ray.max_cpus={MOST}")
        wait_until(lambda: nodes_gone(watch.so_far()), seconds=60, pause=0.5)
        seen = watch.so_far()
    assert seen[0][1] == 0
    assert max(nodes for _, nodes in seen) == MOST


def test_workers_that_wait_for_a_model_bring_no_node_and_busy_ones_do(tmp_path: Path) -> None:
    model = ("teacher.kind=openai", "teacher.model.name=mumbler", "teacher.workers=[1,3]", "teacher.model.concurrency=256")
    # A worker has six shards at once, so that others wait.
    sets = (*model, "mix.single_turn=0", "mix.irrelevance=0", "teacher.conversations=20", "ray.shard_size=5")
    with growing_cluster(tmp_path, head_cpus=1, most=MOST) as head, watched(head) as watch:
        # Eight slots: the teacher is the bottleneck.
        with mumbling_server(seconds=0.5, slots=8) as url:
            synthesize(head, tmp_path / "slow", 60, *sets, f"teacher.model.base_url={url}")
        assert {nodes for _, nodes in watch.so_far()} == {0}
        with mumbling_server() as url:
            synthesize(head, tmp_path / "fast", 3_000, *sets, f"teacher.model.base_url={url}")
        wait_until(lambda: nodes_gone(watch.so_far()), seconds=60, pause=0.5)
