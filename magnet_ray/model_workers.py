"""A worker that waits for models: many conversations of several shards in flight on one event loop, no barrier between turns.

Ray Data hands shards to a pool of these; each shard is written as soon as its last conversation ends, while those of other
shards go on. When the budget is spent, what is in flight ends and goes into the response cache, and nothing new begins.
"""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

import ray
from ray.actor import ActorHandle

from magnet_ray.config import RoleConfig, TeacherConfig
from magnet_ray.conversations import Conversations, spare_the_collector
from magnet_ray.errors import BudgetSpent
from magnet_ray.llm.base import RequestKey, Role
from magnet_ray.llm.budget import Amount, LeasedLedger, Ledger
from magnet_ray.llm.cache import ResponseCache
from magnet_ray.llm.roles import Models, connect, role_prices, teacher_settings
from magnet_ray.llm.settings import ModelSettings, settings_of
from magnet_ray.llm.transport import Transport
from magnet_ray.scoreboard import Score
from magnet_ray.shards import Made, Maker, Unit, indices_of, joined, known_shard, report_of, write_made

BUCKET = 100
"""Units whose responses share the files of one bucket; fixed, so that it does not depend on the size of a shard."""
REPORT_SECONDS = 0.5
"""Time between two reports to the scoreboard."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAccess:
    """How a process of a run reaches its models."""

    teacher: TeacherConfig
    """The teacher's models."""
    student: RoleConfig | None = None
    """The student, if there is one."""
    responses: Path
    """Directory of the response cache."""
    transport: Callable[[ModelSettings], Transport] = connect
    """What sends to an endpoint."""

    @property
    def settings(self) -> dict[Role, ModelSettings]:
        """Role -> settings of its model.

        Raises:
            ConfigError: a role without a model, or with settings that cannot be used.
        """
        if self.teacher.kind != "template":
            return teacher_settings(self.teacher, self.student)
        return {Role.STUDENT: settings_of(self.student, "student")} if self.student else {}

    @property
    def asks(self) -> bool:
        """Whether there is any model to ask."""
        return self.teacher.kind != "template" or self.student is not None

    def open(self, ledger: Ledger, cache: ResponseCache | None, bucket_of: Callable[[RequestKey], str]) -> Models:
        """The models, for one event loop."""
        return Models(
            self.settings,
            requests=self.teacher.requests,
            ledger=ledger,
            cache=cache,
            bucket_of=bucket_of,
            transport=self.transport,
        )


class ModelWorker:
    """One process of the pool. Ray Data calls it from several threads, a shard in each."""

    def __init__(self, shared: Sequence[ray.ObjectRef[Maker]], access: ModelAccess, board: ActorHandle[Any], conversations: int) -> None:
        """
        Args:
            shared: the maker, inside a list so that Ray does not unpack it.
            access: how models are reached.
            board: the run's scoreboard.
            conversations: conversations in flight at most.
        """
        self._name, self._board = uuid4().hex, board
        self._buckets: dict[str, str] = {}
        self._open_buckets: Counter[str] = Counter()
        self._done = self._failed = 0
        self._stopped = ""
        self._cache = ResponseCache.open(access.responses)
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True, name="conversations").start()
        self._await(self._open(ray.get(shared[0]), access, conversations))
        spare_the_collector()

    def __call__(self, item: dict[str, Any]) -> dict[str, Any]:
        """Make (or read) a shard, and report on it: see `report_of`."""
        made, refusal = known_shard(item, self._maker), ""
        if made is None:
            made = self._await(self._make(self._maker.units(indices_of(item))))
            if made is not None:
                refusal = write_made(item, made, self._maker)
        # Before the driver hears of the shard, so that its totals are complete when the last one is in.
        ray.get(self._board.report.remote(self._name, self._score()))
        return report_of(item, made or Made(), self._maker, refusal=refusal, stopped="" if made is not None else self._stopped)

    def _await(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self, maker: Maker, access: ModelAccess, conversations: int) -> None:
        ledger = LeasedLedger(self._exchange, role_prices(access.settings), access.teacher.budget.seconds)
        self._models = access.open(ledger, self._cache, lambda key: self._buckets.get(key.record, "other"))
        self._maker = maker.with_models(self._models)
        self._conversations = Conversations(conversations, self._models)
        self._reporting = asyncio.create_task(self._report_now_and_then())

    async def _exchange(self, spent: Amount, returned: Amount, more: bool) -> Amount:
        granted: Amount | str = await self._board.exchange.remote(spent, returned, more)
        if isinstance(granted, str):
            raise BudgetSpent(granted)
        return granted

    async def _make(self, units: Sequence[Unit]) -> Made | None:
        """What became of the units, or None when the budget did not last for all of them."""
        buckets = {unit.id: f"{unit.index // BUCKET:06d}" for unit in units}
        self._buckets.update(buckets)
        self._open_buckets.update(set(buckets.values()))
        try:
            made = await self._conversations.hold([partial(self._make_one, unit) for unit in units])
        finally:
            for unit in units:
                self._buckets.pop(unit.id, None)
            for bucket in set(buckets.values()):
                self._open_buckets[bucket] -= 1
                if not self._open_buckets[bucket]:
                    self._cache.close_bucket(bucket)
        whole = [part for part in made if part is not None]
        return joined(whole) if len(whole) == len(made) else None

    async def _make_one(self, unit: Unit) -> Made | None:
        if self._stopped:
            return None
        try:
            made = await self._maker.make(unit)
        except BudgetSpent as spent:
            self._stopped = str(spent)
            return None
        self._done += 1
        self._failed += bool(made.failures)
        return made

    def _score(self) -> Score:
        return Score(done=self._done, failed=self._failed, usage=self._models.usage.as_json())

    async def _report_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self._board.report.remote(self._name, self._score())
