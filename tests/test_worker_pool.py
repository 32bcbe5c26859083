"""The pool hands out every shard once, survives its workers, and grows only while they are busy."""

from __future__ import annotations

import json
from typing import Any

import pytest

from magnet_ray.scoreboard import LOOKS, Busyness, Score
from magnet_ray.worker_pool import BUSY, MOST_LOSSES, PoolSize
from tests.cluster_support import started

SIZE = PoolSize(fewest=1, most=10, shards=4)


@pytest.mark.parametrize(
    ("workers", "waiting", "busy", "more"),
    [
        (1, 100, 1.0, 1),
        (4, 100, BUSY, 4),
        (4, 100, BUSY - 0.01, 0),
        (4, 0, 1.0, 0),
        (4, 5, 1.0, 2),
        (8, 100, 1.0, 2),
        (10, 100, 1.0, 0),
        (12, 100, 1.0, 0),
    ],
)
def test_busy_workers_double_as_far_as_there_is_work_and_room(workers: int, waiting: int, busy: float, more: int) -> None:
    assert SIZE.more(workers, waiting, busy) == more


def test_workers_count_as_busy_only_after_a_while_with_so_many_of_them() -> None:
    busyness = Busyness()
    found = []
    for second in range(2 * LOOKS):
        # Nine tenths of the time, by two workers.
        busyness.note(Score(seconds=2.0 * second, busy=1.8 * second))
        found.append(busyness.of(2))
    # The first question says how many they are, and what was seen before does not count.
    assert found[:LOOKS] == [0.0] * LOOKS
    assert found[LOOKS:] == pytest.approx([0.9] * LOOKS)
    assert busyness.of(3) == 0.0


@pytest.fixture(scope="module")
def rounds(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of every round."""
    with started(tmp_path_factory.mktemp("rounds"), program=("-m", "tests.pool_rounds")) as command:
        done = command.wait(240)
    assert done.returncode == 0, done.stderr
    # Ray may have the last word.
    found: dict[str, dict[str, Any]] = json.loads(next(line for line in done.stdout.splitlines() if line.startswith("{")))
    return found


@pytest.mark.slow
def test_every_shard_is_reported_once_and_workers_close_what_they_have_open(rounds: dict[str, dict[str, Any]]) -> None:
    assert rounds["calm"] == {"shards": list(range(24)), "processes": 2, "closed": 2}
    assert rounds["nothing"] == {"shards": [], "processes": 0, "closed": 0}


@pytest.mark.slow
def test_a_lost_worker_is_replaced_and_its_shards_are_made_by_others(rounds: dict[str, dict[str, Any]]) -> None:
    assert rounds["lost"]["shards"] == list(range(24))


@pytest.mark.slow
def test_a_shard_that_kills_every_worker_fails_the_job(rounds: dict[str, dict[str, Any]]) -> None:
    assert rounds["deadly"]["error"].startswith(f"shard 3 has lost {MOST_LOSSES} workers")


@pytest.mark.slow
def test_workers_that_cannot_start_fail_the_job_with_the_reason(rounds: dict[str, dict[str, Any]]) -> None:
    assert rounds["stillborn"]["error"].startswith("workers do not start") and "no room" in rounds["stillborn"]["error"]


@pytest.mark.slow
def test_the_pool_grows_while_its_workers_are_busy_and_else_stays(rounds: dict[str, dict[str, Any]]) -> None:
    assert (rounds["busy"]["processes"], rounds["busy"]["shards"]) == (3, list(range(200)))
    assert rounds["idle"]["processes"] == 1


@pytest.mark.slow
def test_workers_for_whom_there_is_no_room_keep_nobody_waiting(rounds: dict[str, dict[str, Any]]) -> None:
    """Twenty of the forty that are wanted fit into the cluster."""
    assert rounds["out of reach"]["shards"] == list(range(30))
    assert rounds["out of reach"]["processes"] <= 20
