"""A worker that waits for models: many conversations of several shards in flight on one event loop, no barrier between turns.

A pool (`worker_pool`) hands shards to these; each is written as soon as its last conversation ends, while those of other
shards go on. When the budget is spent, what is in flight ends and goes into the response cache, and nothing new begins.
"""

from __future__ import annotations

import asyncio
import os
import selectors
import threading
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter, process_time
from typing import Any, TypeVar
from uuid import uuid4

import ray
from ray.actor import ActorHandle, exit_actor
from ray.exceptions import RayActorError

from magnet_ray.config import RoleConfig, TeacherConfig
from magnet_ray.conversations import Conversations, spare_the_collector
from magnet_ray.errors import BudgetSpent
from magnet_ray.llm.base import RequestKey, Role, Usage
from magnet_ray.llm.budget import Amount, LeasedLedger, Ledger
from magnet_ray.llm.cache import ResponseCache
from magnet_ray.llm.roles import Models, connect, role_prices, teacher_settings
from magnet_ray.llm.settings import ModelSettings, settings_of
from magnet_ray.llm.transport import Transport
from magnet_ray.metrics import MeteredTransport, RunLabel, RunMetrics, metrics_of
from magnet_ray.places import Place
from magnet_ray.scoreboard import Score
from magnet_ray.shards import Made, Maker, Unit, Work, indices_of, joined, known_shard, report_of, write_made

BUCKET = 100
"""Units whose responses share the files of one bucket; fixed, so that it does not depend on the size of a shard."""
REPORT_SECONDS = 1.0
"""Time between two reports to the scoreboard."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAccess:
    """How a process of a run reaches its models."""

    teacher: TeacherConfig
    """The teacher's models."""
    student: RoleConfig | None = None
    """The student, if there is one."""
    responses: Place
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
    """One process of the pool. It is called from several threads, with a shard in each.

    None of its methods is a coroutine: Ray would run all of them in one thread, and one shard at a time.
    """

    def __init__(
        self, shared: Sequence[ray.ObjectRef[Maker]], access: ModelAccess, board: ActorHandle[Any], conversations: int, label: RunLabel
    ) -> None:
        """
        Args:
            shared: the maker, inside a list so that Ray does not unpack it.
            access: how models are reached.
            board: the run's scoreboard.
            conversations: conversations in flight at most.
            label: what the run is called in metrics.
        """
        clock = IdleClock()
        self._loop = asyncio.SelectorEventLoop(clock)
        threading.Thread(target=self._loop.run_forever, daemon=True, name="conversations").start()
        self._held = HeldConversations(access, board, metrics_of(label), clock)
        self._await(self._held.open(ray.get(shared[0]), access, conversations))
        spare_the_collector()

    def work(self, item: dict[str, Any]) -> dict[str, Any]:
        """Make (or read) a shard, and report on it: see `report_of`."""
        began, tokens, held = perf_counter(), Counter[str](), self._held
        made, refusal = known_shard(item, held.maker), ""
        if made is None:
            made = self._await(held.make(held.maker.units(indices_of(item)), tokens))
            if made is not None:
                refusal = write_made(item, made, held.maker)
        # Before the driver hears of the shard, so that its totals are complete when the last one is in.
        self._await(held.report())
        stopped = "" if made is not None else held.stopped
        work = Work(seconds=perf_counter() - began, tokens=tokens, refusal=refusal, stopped=stopped)
        return report_of(item, made or Made(), held.maker, work)

    def close(self) -> None:
        """Give back connections and what is left of the budget's block, and end the process, which then exports its last counts."""
        self._await(self._held.close())
        exit_actor()  # type: ignore[no-untyped-call]

    def _await(self, work: Coroutine[Any, Any, Result]) -> Result:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()


class HeldConversations:
    """The conversations of one worker, all on one event loop."""

    def __init__(self, access: ModelAccess, board: ActorHandle[Any], metrics: RunMetrics, clock: IdleClock) -> None:
        """See `ModelWorker`; `clock`: the event loop's."""
        self._name, self._board, self._metrics, self._clock = uuid4().hex, board, metrics, clock
        self._buckets: dict[str, str] = {}
        self._open_buckets: Counter[str] = Counter()
        self._done = self._failed = 0
        self._cache = ResponseCache.open(access.responses)
        self._transports: list[MeteredTransport] = []
        self.stopped = ""
        """Why nothing new begins, if that is so."""

    async def open(self, maker: Maker, access: ModelAccess, conversations: int) -> None:
        """Reach the models, and report now and then."""
        leased = LeasedLedger(self._exchange, role_prices(access.settings), access.teacher.budget.seconds)
        metered = replace(access, transport=partial(self._metered, access.transport))
        self._models = metered.open(MeteredLedger(leased, self._metrics), self._cache, lambda key: self._buckets.get(key.record, "other"))
        self.maker = maker.with_models(self._models)
        self._conversations = Conversations(conversations, self._models)
        self._reporting = asyncio.create_task(self._report_now_and_then())

    async def close(self) -> None:
        """Give back connections and what is left of the budget's block."""
        await self._models.close()
        self._cache.close()

    def _metered(self, transport: Callable[[ModelSettings], Transport], settings: ModelSettings) -> Transport:
        self._transports.append(MeteredTransport(transport(settings), self._metrics))
        return self._transports[-1]

    async def _exchange(self, spent: Amount, returned: Amount, more: bool) -> Amount:
        try:
            granted: Amount | str = await self._board.exchange.remote(spent, returned, more)
        except RayActorError:
            # The driver is gone with its node. No conversation is to blame, and none may be written down as failed.
            os._exit(1)
        if isinstance(granted, str):
            raise BudgetSpent(granted)
        return granted

    async def make(self, units: Sequence[Unit], tokens: Counter[str]) -> Made | None:
        """What became of the units, or None when the budget did not last for all of them; `tokens`: what they took is added."""
        SHARD_TOKENS.set(tokens)
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
        if self.stopped:
            return None
        try:
            made = await self.maker.make(unit)
        except BudgetSpent as spent:
            self.stopped = str(spent)
            return None
        self._done += 1
        self._failed += bool(made.failures)
        return made

    async def report(self) -> None:
        """Put up on the scoreboard how far they have come."""
        score = Score(
            done=self._done,
            failed=self._failed,
            usage=self._models.usage.as_json(),
            seconds=self._clock.seconds,
            busy=self._clock.seconds - self._clock.idle,
        )
        await self._board.report.remote(self._name, score)

    async def _report_now_and_then(self) -> None:
        while True:
            await asyncio.sleep(REPORT_SECONDS)
            self._metrics.in_flight(sum(transport.in_flight for transport in self._transports))
            await self.report()


ModelWorkerActor = ray.remote(ModelWorker)

SHARD_TOKENS: ContextVar[Counter[str]] = ContextVar("SHARD_TOKENS")
"""Where the answers to a shard's conversations are counted; every task of a conversation inherits it."""


class MeteredLedger:
    """A ledger that also counts tokens, for the run's metrics and for the shard that asked."""

    def __init__(self, ledger: Ledger, metrics: RunMetrics) -> None:
        self._ledger, self._metrics = ledger, metrics
        self.admit, self.close = ledger.admit, ledger.close

    def spend(self, role: Role, usage: Usage) -> None:
        """See `Ledger`."""
        self._ledger.spend(role, usage)
        self._metrics.spent(role, usage)
        SHARD_TOKENS.get().update(prompt=usage.prompt_tokens, completion=usage.completion_tokens)


class IdleClock(selectors.DefaultSelector):
    """An event loop's selector that knows how long the process had nothing to do."""

    def __init__(self) -> None:
        super().__init__()
        self._began = perf_counter()
        self.idle = 0.0
        """Seconds in which the loop waited and no other thread worked."""

    @property
    def seconds(self) -> float:
        """Seconds since the beginning."""
        return perf_counter() - self._began

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """See `selectors`; the loop asks without a timeout, or with one above 0, when nothing is ready to run."""
        if timeout is not None and timeout <= 0:
            return super().select(timeout)
        began, worked = perf_counter(), process_time()
        try:
            return super().select(timeout)
        finally:
            self.idle += max(0.0, perf_counter() - began - (process_time() - worked))
