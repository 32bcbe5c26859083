"""A steady load of chat completions on an OpenAI endpoint, and what its answers took."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import median, quantiles
from typing import Any

import aiohttp


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is asked, and how often."""

    requests: int
    """Requests that count."""
    concurrency: int
    """Requests in flight at any time."""
    stream: bool
    """Whether the answers are streamed."""
    tokens: int
    """Most tokens of an answer."""
    warm_up: int = 4
    """Requests before those that count, for each that is in flight."""
    spread: float = 0.0
    """Seconds over which the first requests begin, so that they do not all come and go together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One answer, in seconds."""

    whole: float
    """From the request to the end."""
    first: float
    """From the request to the first piece of content; that to the end where it was not streamed."""
    gaps: tuple[float, ...]
    """Between two pieces."""
    tokens: int
    """Tokens of the answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A load on one endpoint."""

    seconds: float
    """From the first request that counts to the last answer."""
    timings: Sequence[Timing]
    """Every answer that counts."""

    @property
    def rate(self) -> float:
        """Requests a second."""
        return len(self.timings) / self.seconds

    @property
    def tokens_a_second(self) -> float:
        """Tokens a second, of all answers."""
        return sum(timing.tokens for timing in self.timings) / self.seconds

    @property
    def whole(self) -> tuple[float, float]:
        """Median and 95th percentile of whole answers, in milliseconds."""
        return _spread([timing.whole for timing in self.timings])

    @property
    def first(self) -> tuple[float, float]:
        """The same until the first piece."""
        return _spread([timing.first for timing in self.timings])

    @property
    def gap(self) -> tuple[float, float]:
        """The same between two pieces."""
        return _spread([gap for timing in self.timings for gap in timing.gaps])


def measure(base_url: str, model: str, load: Load) -> Measured:
    """Put a load on an endpoint."""
    return asyncio.run(_measure(base_url, model, load))


async def _measure(base_url: str, model: str, load: Load) -> Measured:
    timings: list[Timing] = []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def ask(number: int) -> Timing:
            return await _ask(session, f"{base_url}/chat/completions", _body(model, number, load))

        await _worked_off(ask, load.warm_up * load.concurrency, load)
        began = time.perf_counter()
        timings = await _worked_off(ask, load.requests, load)
        return Measured(seconds=time.perf_counter() - began, timings=timings)


async def _worked_off(ask: Any, requests: int, load: Load) -> list[Timing]:
    numbers = iter(range(requests))
    timings: list[Timing] = []

    async def worker(position: int) -> None:
        await asyncio.sleep(load.spread * position / load.concurrency)
        for number in numbers:
            timings.append(await ask(number))

    await asyncio.gather(*(worker(position) for position in range(load.concurrency)))
    return timings


async def _ask(session: aiohttp.ClientSession, url: str, body: dict[str, Any]) -> Timing:
    began = time.perf_counter()
    async with session.post(url, json=body) as response:
        if response.status != 200:
            raise RuntimeError(f"{url} answered {response.status}: {(await response.text())[:300]}")
        if not body["stream"]:
            usage = (await response.json())["usage"]
            whole = time.perf_counter() - began
            return Timing(whole=whole, first=whole, gaps=(), tokens=usage["completion_tokens"])
        moments, tokens = [], 0
        async for line in response.content:
            if line.startswith(b"data: {"):
                chunk = json.loads(line[6:])
                tokens = (chunk.get("usage") or {}).get("completion_tokens", tokens)
                if any(choice["delta"].get("content") for choice in chunk["choices"]):
                    moments.append(time.perf_counter())
    gaps = tuple(later - earlier for earlier, later in pairwise(moments))
    return Timing(whole=time.perf_counter() - began, first=(moments or [time.perf_counter()])[0] - began, gaps=gaps, tokens=tokens)


def _body(model: str, number: int, load: Load) -> dict[str, Any]:
    question = f"Tell me a story about the number {number} and a lighthouse."
    body = {"model": model, "messages": [{"role": "user", "content": question}], "stream": load.stream}
    # As many tokens from either server, whatever the model would rather say.
    body |= {"max_tokens": load.tokens, "min_tokens": load.tokens, "temperature": 0}
    return body | {"stream_options": {"include_usage": True}} if load.stream else body


def _spread(seconds: Sequence[float]) -> tuple[float, float]:
    if len(seconds) < 2:
        return (0.0, 0.0)
    return median(seconds) * 1e3, quantiles(seconds, n=20)[-1] * 1e3
