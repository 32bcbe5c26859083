"""What is counted of the requests, for Prometheus: as text at /metrics, and through Ray's exporter for a whole cluster.

/metrics is the gateway that happens to answer; with several of them, scrape Ray's exporter, which adds Serve's and vLLM's own.
No label holds anything that a client writes.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any, Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from magnet_ray.serving.engine import CallPiece, EndPiece, Piece

SECONDS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0)
GONE: Final = 499
"""Status under which an answer is counted whose client went away."""


class Sink(Protocol):
    """Where counts go beside /metrics."""

    def count(self, name: str, value: float, labels: dict[str, str]) -> None:
        """Add to a counter."""

    def observe(self, name: str, value: float, labels: dict[str, str]) -> None:
        """Add to a distribution."""


class Measurements:
    """The counts of one gateway."""

    def __init__(self, sink: Sink | None = None) -> None:
        self._registry, self._sink = CollectorRegistry(), sink
        # Without their creation times, which would double the text.
        self._counters = {
            "magnet_requests": self._counter("magnet_requests", "Requests answered.", "route", "status"),
            "magnet_prompt_tokens": self._counter("magnet_prompt_tokens", "Tokens read."),
            "magnet_completion_tokens": self._counter("magnet_completion_tokens", "Tokens written."),
            "magnet_calls": self._counter("magnet_calls", "Function calls in answers."),
        }
        self._histograms = {
            name: Histogram(name, words, buckets=SECONDS, registry=self._registry)
            for name, words in (
                ("magnet_request_seconds", "Time from a chat request to the end of its answer."),
                ("magnet_first_piece_seconds", "Time from a chat request to the first piece of its answer."),
            )
        }
        self._in_flight = Gauge("magnet_requests_in_flight", "Chat requests that are being answered.", registry=self._registry)

    def text(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self._registry)

    def answered(self, route: str, status: int) -> None:
        """A request got its answer."""
        self._count("magnet_requests", 1, route=route, status=str(status))

    @contextmanager
    def chat(self) -> Iterator[ChatTimes]:
        """The time of a chat request; pieces are to be shown to what this gives."""
        times = ChatTimes(self)
        self._in_flight.inc()
        try:
            yield times
        finally:
            self._in_flight.dec()
            self.observe("magnet_request_seconds", times.elapsed())

    def tokens(self, end: EndPiece, calls: int) -> None:
        """An answer is whole."""
        self._count("magnet_prompt_tokens", end.prompt_tokens)
        self._count("magnet_completion_tokens", end.completion_tokens)
        self._count("magnet_calls", calls)

    def observe(self, name: str, value: float) -> None:
        """Add to a distribution."""
        self._histograms[name].observe(value)
        if self._sink:
            self._sink.observe(name, value, {})

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(name, words, labels, registry=self._registry)

    def _count(self, name: str, value: float, **labels: str) -> None:
        counter = self._counters[name]
        (counter.labels(**labels) if labels else counter).inc(value)
        if self._sink:
            self._sink.count(name, value, labels)


class ChatTimes:
    """What one chat request adds to the measurements."""

    def __init__(self, measurements: Measurements) -> None:
        self._measurements, self._began = measurements, perf_counter()
        self._calls, self._seen = 0, False

    def elapsed(self) -> float:
        """Seconds since it began."""
        return perf_counter() - self._began

    def saw(self, piece: Piece) -> None:
        """A piece is about to be sent."""
        if not self._seen:
            self._seen = True
            self._measurements.observe("magnet_first_piece_seconds", self.elapsed())
        match piece:
            case CallPiece() if piece.name:
                self._calls += 1
            case EndPiece():
                self._measurements.tokens(piece, self._calls)


class RaySink:
    """A `Sink` into Ray's exporter."""

    def __init__(self) -> None:
        from ray.util import metrics

        self._metrics: Any = metrics
        self._made: dict[str, Any] = {}

    def count(self, name: str, value: float, labels: dict[str, str]) -> None:
        """Add to a counter; Ray refuses to add nothing."""
        if value:
            self._metric(name, lambda: self._metrics.Counter(f"{name}_total", tag_keys=tuple(labels))).inc(value, tags=labels)

    def observe(self, name: str, value: float, labels: dict[str, str]) -> None:
        """Add to a distribution."""
        made = self._metric(name, lambda: self._metrics.Histogram(name, boundaries=list(SECONDS), tag_keys=tuple(labels)))
        made.observe(value, tags=labels)

    def _metric(self, name: str, make: Any) -> Any:
        if name not in self._made:
            self._made[name] = make()
        return self._made[name]
