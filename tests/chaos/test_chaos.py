"""Workers, replicas, the teacher, nodes, the head and the driver are killed at random: the data are those of an undisturbed run.

MAGNET_CHAOS_MINUTES says for how long (2); `make chaos` takes 20.
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")

from evals.throughput.model_server import ModelServer
from evals.throughput.teacher import Rehearsal, rehearsed
from magnet_ray.cli import DONE
from magnet_ray.free_ports import free_port
from tests.chaos.victims import TEACHER, Victims, asked, victims
from tests.cluster_support import Command, magnet, needs_proc, rows_by_id, shards_done, started

MINUTES = float(os.environ.get("MAGNET_CHAOS_MINUTES", "2"))
pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(MINUTES * 60 + 900)]

CONVERSATIONS, PATHS = 60, 1_000
"""Conversations of a run with a teacher, and paths of one without."""
PAUSE_SECONDS = (4.0, 12.0)
"""Between two deaths, at least and at most."""
NOBODY_THERE = ("the Ray cluster .* cannot be joined", "the model teacher .* cannot be used")
"""What a driver says that begins while the head or the teacher is away, before it does anything."""
KINDS = ("worker", "replica", "teacher", "node", "head", "driver")


class Chaos:
    """What kills, and what it has killed."""

    def __init__(self, cluster: Victims, seed: int) -> None:
        self._cluster, self._random = cluster, Random(seed)
        self._deck: list[str] = []
        self.killed: Counter[str] = Counter()

    def survived_by(self, options: Sequence[object], out: Path) -> None:
        """Run a job to its end, whatever dies meanwhile. It may end early if its driver is killed, or finds no head or no teacher."""
        more: tuple[str, ...] = ()
        while True:
            with started(*options, "--out", out, *more) as command:
                drivers = self.killed["driver"]
                self._kill_until_it_ends(command, out)
                done = command.wait()
            if done.returncode == DONE:
                return
            assert self.killed["driver"] > drivers or any(re.search(words, done.stderr) for words in NOBODY_THERE), done.stderr
            more = ("--resume",)

    def _kill_until_it_ends(self, command: Command, out: Path) -> None:
        begun = shards_done(out)
        while command.process.poll() is None:
            self._sleep(self._random.uniform(*PAUSE_SECONDS), command)
            if not self._deck:
                self._deck = self._random.sample(KINDS, len(KINDS))
            # A driver that is killed before it gets anywhere would never end.
            if self._deck[-1] == "driver" and shards_done(out) <= begun:
                continue
            if command.process.poll() is None and self._kill(self._deck[-1], command):
                self.killed[self._deck.pop()] += 1

    def _sleep(self, seconds: float, command: Command) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end and command.process.poll() is None:
            time.sleep(0.05)

    def _kill(self, kind: str, command: Command) -> bool:
        """Whether there was something to kill."""
        if kind in {"node", "head"}:
            self._cluster.lose(kind)
            return True
        if kind == "driver":
            pids = [command.process.pid]
        elif kind == "worker":
            pids = self._cluster.processes("ray::Map(", "ray::ModelWorker", "ray::Scoreboard")
            pids = self._random.sample(pids, min(1, len(pids)))
        else:
            pids = self._cluster.processes("ray::ServeReplica:")
            self._random.shuffle(pids)
            pids = pids[:1] if kind == "replica" else pids
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return bool(pids)


def of_a_teacher(url: str, *more: str) -> list[object]:
    """The command line of a run whose words a model writes."""
    sets = (
        *("teacher.kind=openai", f"teacher.model.base_url={url}", f"teacher.model.name={TEACHER}", "teacher.conversations=16"),
        # A teacher that was killed is away for some seconds, and its replicas may die with what they were asked.
        *("teacher.requests.retries=40", "teacher.requests.backoff=0.2", "teacher.workers=2"),
        *("mix.single_turn=0", "mix.irrelevance=0", "ray.shard_size=5"),
    )
    return ["synthesize", "--num", CONVERSATIONS, *(word for text in (*sets, *more) for word in ("--set", text))]


OF_NOBODY = ["synthesize", "--num", PATHS, "--seed", 3, "--set", "ray.shard_size=10"]
"""The command line of a run that needs no model."""


def undisturbed(rehearsal: Rehearsal, directory: Path) -> tuple[dict[str, str], dict[str, str], dict[str, dict[str, Any]]]:
    """The rows of both runs, and what the teacher is asked in the first of them, with its answers."""
    said: dict[str, dict[str, Any]] = {}

    def answer(headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        message = rehearsal.answers.get(headers.get("X-Request-Id", ""), {"content": "Here I am."})
        return said.setdefault(asked(body), message)

    with ModelServer(answer) as server:
        done = magnet(*of_a_teacher(server.url, "ray.num_cpus=2"), "--out", directory / "asked")
        assert done.returncode == DONE, done.stderr
    done = magnet(*OF_NOBODY, "--set", "ray.num_cpus=2", "--out", directory / "embedded")
    assert done.returncode == DONE, done.stderr
    return rows_by_id(directory / "asked"), rows_by_id(directory / "embedded"), said


def test_whatever_dies_the_data_are_the_same(tmp_path: Path) -> None:
    rows_of_a_teacher, rows_of_nobody, said = undisturbed(rehearsed(CONVERSATIONS), tmp_path)
    answers, port, rounds = tmp_path / "answers.json", free_port(), 0
    answers.write_text(json.dumps(said), encoding="utf-8")
    with victims(tmp_path / "head", port, answers) as cluster:
        chaos, end = Chaos(cluster, seed=rounds), time.monotonic() + MINUTES * 60
        where = f"ray.address={cluster.address}"
        while time.monotonic() < end or set(chaos.killed) != set(KINDS):
            rounds += 1
            for name, options, expected in (
                ("asked", of_a_teacher(f"http://127.0.0.1:{port}/v1", where), rows_of_a_teacher),
                ("embedded", [*OF_NOBODY, "--set", where], rows_of_nobody),
            ):
                out = tmp_path / f"{name}-{rounds}"
                chaos.survived_by(options, out)
                assert rows_by_id(out) == expected, f"round {rounds}, {name}: after {dict(chaos.killed)}"
                print(f"round {rounds}, {name}: the same {len(expected)} rows; killed so far: {dict(chaos.killed)}", flush=True)
