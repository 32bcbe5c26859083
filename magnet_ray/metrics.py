"""What a run shows of itself while it works: series for Prometheus, through Ray's exporter on every node.

Recorded where the work happens: rows, tokens and requests by the workers, the queue by the driver. Each series carries the
kind of the job and the run's id, a hash that gives no path away; Ray adds the node and the process, and writes `ray_`
before the name. Recording costs microseconds and fails no shard.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from time import perf_counter
from typing import Final

from ray.util.metrics import Counter, Gauge, Histogram

from magnet_ray.llm.base import Role, Usage
from magnet_ray.llm.transport import Transport
from magnet_ray.types import JsonValue

LATENCY_SECONDS: Final = [0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0]
"""Upper bounds of the histogram's buckets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLabel:
    """Which run a series belongs to."""

    kind: str
    """Name of the job."""
    run: str
    """Id of the run: the same for its resumption."""


class RunMetrics:
    """The series of one run in one process; see `metrics_of`."""

    def __init__(self, label: RunLabel) -> None:
        self._tags = {"job_kind": label.kind, "run": label.run}
        keys = tuple(self._tags)
        self._kept = Counter("magnet_rows_kept", "Rows of the shards made, before the pass over the whole run.", keys)
        self._failed = Counter("magnet_rows_failed", "Units of the shards made that gave no row.", (*keys, "reason"))
        self._tokens = Counter("magnet_tokens", "Tokens that models read and wrote.", (*keys, "role", "kind"))
        self._latency = Histogram(
            "magnet_teacher_latency_seconds", "Time from sending a request to a model to its answer.", LATENCY_SECONDS, keys
        )
        self._in_flight = Gauge("magnet_requests_in_flight", "Requests sent to models and not answered yet.", keys)
        self._waiting = Gauge("magnet_queue_depth", "Shards that are not done yet.", keys)

    def made(self, kept: int, failed: Mapping[str, int]) -> None:
        """A shard was made: so many rows, and failures by reason."""
        # A counter takes no zero.
        if kept:
            self._kept.inc(kept, self._tags)
        for reason, count in failed.items():
            self._failed.inc(count, {**self._tags, "reason": reason})

    def spent(self, role: Role, usage: Usage) -> None:
        """An answer took so many tokens."""
        for kind, count in (("prompt", usage.prompt_tokens), ("completion", usage.completion_tokens)):
            if count:
                self._tokens.inc(count, {**self._tags, "role": role.value, "kind": kind})

    def answered(self, seconds: float) -> None:
        """An answer came after so long."""
        self._latency.observe(seconds, self._tags)

    def in_flight(self, requests: int) -> None:
        """So many requests of this process are in flight."""
        self._in_flight.set(requests, self._tags)

    def waiting(self, shards: int) -> None:
        """So many shards of the run are not done."""
        self._waiting.set(shards, self._tags)


@lru_cache(maxsize=4)
def metrics_of(label: RunLabel) -> RunMetrics:
    """The series of a run, made once for each process."""
    return RunMetrics(label)


class MeteredTransport:
    """A transport whose requests are timed and counted."""

    __slots__ = ("_metrics", "_transport", "in_flight")

    def __init__(self, transport: Transport, metrics: RunMetrics) -> None:
        self._transport, self._metrics = transport, metrics
        self.in_flight = 0
        """Requests that wait for their answers."""

    @property
    def place(self) -> str:
        """See `Transport`."""
        return self._transport.place

    async def complete(self, body: dict[str, JsonValue], request_id: str, timeout: float) -> JsonValue:
        """See `Transport`."""
        began = perf_counter()
        self.in_flight += 1
        try:
            reply = await self._transport.complete(body, request_id, timeout)
        finally:
            self.in_flight -= 1
        self._metrics.answered(perf_counter() - began)
        return reply

    async def models(self, timeout: float) -> tuple[str, ...]:
        """See `Transport`."""
        return await self._transport.models(timeout)

    async def close(self) -> None:
        """See `Transport`."""
        await self._transport.close()
