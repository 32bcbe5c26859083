"""A pool of workers that hold conversations in flight: it hands them shards, replaces the lost, and grows while all are busy.

Not Ray Data's pool, which grows while shards wait and CPUs are reserved: here that is always so, and it would ask for node
after node while every worker waits for the same model. This one grows when the workers have no idle time left, so a
teacher at its limit brings no CPU node. A new worker is one pending actor to Ray's autoscaler; shards go only to
workers that run, and a worker without more to do goes, and its node after it.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import ray
from ray.actor import ActorHandle
from ray.exceptions import ObjectLostError, RayActorError

from magnet_ray.errors import JobFailed

BUSY = 0.8
"""Share of their time that workers have something to do, from which there are too few of them."""
WAIT_SECONDS = 0.05
"""Longest wait for reports between two looks at the pool; a worker has more shards than it works on, so it does not wait."""
MOST_LOSSES = 20
"""Workers that one shard may lose before it is taken for their death."""
MOST_FAILED_STARTS = 3
"""Workers in a row that may fail to start."""
CLOSE_SECONDS = 5.0
"""Longest wait for the last workers to close what they have open."""

Item = Mapping[str, Any]
Report = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolSize:
    """How large a pool is."""

    fewest: int
    """Workers at the start."""
    most: int
    """Workers at most."""
    shards: int
    """Shards that a worker has at once."""

    def more(self, workers: int, waiting: int, busy: float) -> int:
        """How many further workers are worth it.

        Args:
            workers: how many there are, all of them running.
            waiting: shards that nobody has.
            busy: share of their time in which they had something to do; 0 while that is unknown.
        """
        if busy < BUSY:
            return 0
        return max(0, min(workers, self.most - workers, math.ceil(waiting / self.shards)))


@dataclass(slots=True, eq=False)
class _Worker:
    handle: ActorHandle[Any]
    shards: int = 0


class WorkerPool:
    """Workers of one run, used once."""

    def __init__(self, start: Callable[[], ActorHandle[Any]], size: PoolSize, busy: Callable[[int], float]) -> None:
        """
        Args:
            start: begins a worker, an actor with the methods `work(item)` and `close()`; it need not run at once.
            size: how large the pool is.
            busy: share of their time in which the workers had something to do, for as long as there were so many; else 0.
        """
        self._start, self._size, self._busy = start, size, busy
        self._wanted = size.fewest
        self._waiting: deque[Item] = deque()
        self._running: list[_Worker] = []
        self._starting: dict[ray.ObjectRef[Any], _Worker] = {}
        self._given: dict[ray.ObjectRef[Any], tuple[_Worker, Item]] = {}
        self._leaving: list[ray.ObjectRef[Any]] = []
        self._losses: Counter[Any] = Counter()
        self._failed_starts = 0

    def reports(self, items: Iterable[Item]) -> Generator[Report]:
        """The report of every item, as they come; closing it ends the workers.

        Raises:
            JobFailed: workers do not start, or die of a shard.
        """
        self._waiting.extend(items)
        try:
            while self._waiting or self._given:
                self._resize()
                self._hand_out()
                refs = [*self._starting, *self._given]
                for ref in ray.wait(refs, num_returns=len(refs), timeout=WAIT_SECONDS)[0]:
                    if ref in self._starting:
                        self._welcome(ref)
                    elif (report := self._report(ref)) is not None:
                        yield report
            self._send_home()
            if self._leaving:
                ray.wait(self._leaving, num_returns=len(self._leaving), timeout=CLOSE_SECONDS)
        finally:
            for worker in (*self._running, *self._starting.values()):
                ray.kill(worker.handle)

    def _resize(self) -> None:
        if not self._waiting:
            self._send_home()
            return
        if len(self._running) == self._wanted:
            self._wanted += self._size.more(self._wanted, len(self._waiting), self._busy(self._wanted))
        wanted = min(self._wanted, len(self._waiting) + len(self._given))
        for _ in range(wanted - len(self._running) - len(self._starting)):
            worker = _Worker(self._start())
            self._starting[worker.handle.__ray_ready__.remote()] = worker

    def _send_home(self) -> None:
        """Nobody waits: whoever has nothing may go, and whoever is not there yet need not come."""
        self._leaving += [worker.handle.close.remote() for worker in self._running if not worker.shards]
        self._running = [worker for worker in self._running if worker.shards]
        for worker in self._starting.values():
            ray.kill(worker.handle)
        self._starting.clear()

    def _hand_out(self) -> None:
        """Give shards to whoever has the fewest; while workers are few, no more than a fair share of all."""
        share = math.ceil((len(self._waiting) + len(self._given)) / max(self._size.fewest, len(self._running)))
        while self._waiting and self._running:
            worker = min(self._running, key=lambda each: each.shards)
            if worker.shards >= min(share, self._size.shards):
                return
            item = self._waiting.popleft()
            self._given[worker.handle.work.remote(item)] = (worker, item)
            worker.shards += 1

    def _welcome(self, ref: ray.ObjectRef[Any]) -> None:
        worker = self._starting.pop(ref)
        try:
            ray.get(ref)
        except RayActorError as error:
            self._failed_starts += 1
            if self._failed_starts >= MOST_FAILED_STARTS:
                # Above it stands the trace.
                raise JobFailed(f"workers do not start: {str(error).strip().splitlines()[-1]}") from None
            return
        self._failed_starts = 0
        self._running.append(worker)

    def _report(self, ref: ray.ObjectRef[Any]) -> Report | None:
        """The report of a shard, or None when its worker was lost and the shard waits again."""
        worker, item = self._given.pop(ref)
        worker.shards -= 1
        try:
            report: Report = ray.get(ref)
            return report
        except (RayActorError, ObjectLostError) as error:
            self._losses[item["shard"]] += 1
            if self._losses[item["shard"]] >= MOST_LOSSES:
                raise JobFailed(f"shard {item['shard']} has lost {MOST_LOSSES} workers: {str(error).splitlines()[0]}") from None
            self._waiting.appendleft(item)
            if worker in self._running:
                self._running.remove(worker)
                ray.kill(worker.handle)
            return None
