"""An OpenAI-compatible server for tests and measurements: it answers by a function, slowly and faultily on demand.

Latency and faults are drawn from (seed, X-Request-Id, number of the try), so every run meets the same ones in any
order. `ModelServer` runs in a thread of this process, `ModelServerProcess` in a process of its own; `GET /served`
gives the counts of either.
"""

from __future__ import annotations

import asyncio
import json
import math
import multiprocessing
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from multiprocessing.connection import Connection
from random import Random
from types import TracebackType
from typing import Any, Self

import orjson
from aiohttp import web

Answerer = Callable[[Mapping[str, str], dict[str, Any]], dict[str, Any]]
"""(headers, request body) -> the assistant's message; its `finish_reason`, if any, moves to the choice."""


class Fault(StrEnum):
    """What can go wrong with one try of a request."""

    RATE_LIMIT = "rate_limit"
    """429 without a Retry-After."""
    RETRY_AFTER = "retry_after"
    """429 with one."""
    SERVER_ERROR = "server_error"
    """500."""
    UNAVAILABLE = "unavailable"
    """503."""
    RESET = "reset"
    """The connection is reset before an answer."""
    HANG = "hang"
    """Nothing for `hang` seconds, then the connection is reset."""
    TRUNCATED = "truncated"
    """The answer's JSON ends in its middle."""
    EMPTY_CHOICES = "empty_choices"
    """An answer without a choice."""
    WRONG_TYPES = "wrong_types"
    """A list where a text belongs."""
    HUGE = "huge"
    """A text of `huge` characters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """How a server behaves."""

    seconds: float = 0.0
    """Mean time that an answer takes in its slot."""
    sigma: float = 0.0
    """Sigma of a lognormal latency with that mean; 0: always the mean."""
    slots: int = 0
    """Requests worked on at once, while others wait; 0: any number."""
    refuse_beyond: int = 0
    """Requests in the house beyond which one is refused with 429; 0: none is."""
    faults: float = 0.0
    """Share of the tries that go wrong."""
    kinds: tuple[Fault, ...] = tuple(Fault)
    """Faults to choose from, with equal chances."""
    seed: int = 1
    """Seed of latencies and faults."""
    hang: float = 60.0
    """Seconds of a hang."""
    retry_after: str = "1"
    """Value of the Retry-After header."""
    huge: int = 6 << 20
    """Characters of a huge output."""
    model: str = ""
    """The one model served, 404 for others; empty: any."""
    api_key: str = ""
    """The one key let in, 401 (which repeats the wrong key) for others; empty: any."""


@dataclass(slots=True, kw_only=True)
class Served:
    """What a server has done so far."""

    tries: Counter[str] = field(default_factory=Counter)
    """X-Request-Id -> times that it came."""
    answered: Counter[str] = field(default_factory=Counter)
    """X-Request-Id -> times that it was answered in full."""
    faults: Counter[str] = field(default_factory=Counter)
    """Fault -> times."""
    refused: int = 0
    """Requests refused because too many were in the house."""
    prompt_tokens: int = 0
    """Tokens read for full answers."""
    completion_tokens: int = 0
    """Tokens written in full answers."""
    in_flight: int = 0
    """Requests in the house now."""
    most_in_flight: int = 0
    """Most that were in the house at once."""
    moments: list[float] = field(default_factory=list)
    """When each full answer was given, in seconds of the server's clock."""
    waits: float = 0.0
    """Seconds of hangs and of Retry-After that were injected."""


def served_from(values: Mapping[str, Any]) -> Served:
    """The counts from their JSON form."""
    counts: dict[str, Any] = {name: Counter(value) if isinstance(value, dict) else value for name, value in values.items()}
    return Served(**counts)


class _House:
    """The server's request handlers."""

    def __init__(self, answer: Answerer, behaviour: Behaviour) -> None:
        self.answer, self.behaviour, self.served = answer, behaviour, Served()
        self.slots = asyncio.Semaphore(behaviour.slots) if behaviour.slots else None
        self.closing = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application(client_max_size=64 << 20)
        app.router.add_post("/v1/chat/completions", self.complete)
        app.router.add_get("/v1/models", self.models)
        app.router.add_get("/served", self.report)
        return app

    async def report(self, request: web.Request) -> web.Response:
        return web.Response(body=orjson.dumps({each.name: getattr(self.served, each.name) for each in fields(self.served)}))

    async def models(self, request: web.Request) -> web.Response:
        if refusal := self.refusal(request, self.behaviour.model):
            return refusal
        return web.Response(body=orjson.dumps({"object": "list", "data": [{"id": self.behaviour.model or "any", "object": "model"}]}))

    def refusal(self, request: web.Request, model: str) -> web.Response | None:
        """What a stranger or a request for another model gets."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if self.behaviour.api_key and key != self.behaviour.api_key:
            return _error(401, f"Incorrect API key provided: {key}")
        if self.behaviour.model and model != self.behaviour.model:
            return _error(404, f"The model `{model}` does not exist.")
        return None

    async def complete(self, request: web.Request) -> web.StreamResponse:
        served, behaviour = self.served, self.behaviour
        key = request.headers.get("X-Request-Id", "")
        served.tries[key] += 1
        served.in_flight += 1
        served.most_in_flight = max(served.most_in_flight, served.in_flight)
        try:
            if behaviour.refuse_beyond and served.in_flight > behaviour.refuse_beyond:
                served.refused += 1
                return _error(429, "Too many requests at once.")
            random = Random(f"{behaviour.seed}/{key}/{served.tries[key]}")
            fault = random.choice(behaviour.kinds) if random.random() < behaviour.faults else None
            if fault is not None:
                served.faults[fault.value] += 1
                if response := await self.refuse(request, fault):
                    return response
            return await self.work(request, key, fault, self.latency(random))
        finally:
            served.in_flight -= 1

    def latency(self, random: Random) -> float:
        mean, sigma = self.behaviour.seconds, self.behaviour.sigma
        return random.lognormvariate(math.log(mean) - sigma * sigma / 2, sigma) if mean and sigma else mean

    async def refuse(self, request: web.Request, fault: Fault) -> web.Response | None:
        """The faults that come before any work."""
        match fault:
            case Fault.RATE_LIMIT:
                return _error(429, "Slow down.")
            case Fault.RETRY_AFTER:
                self.served.waits += float(self.behaviour.retry_after) if self.behaviour.retry_after.isdecimal() else 0.0
                return _error(429, "Slow down.", {"Retry-After": self.behaviour.retry_after})
            case Fault.SERVER_ERROR:
                return _error(500, "Something broke.")
            case Fault.UNAVAILABLE:
                return _error(503, "Overloaded.")
            case Fault.RESET:
                return _reset(request)
            case Fault.HANG:
                return await self.hang(request)
        return None

    async def hang(self, request: web.Request) -> web.Response:
        """Silence until the time is over or the client has gone."""
        loop = asyncio.get_running_loop()
        started = loop.time()
        while loop.time() - started < self.behaviour.hang and not self.closing.is_set():
            if request.transport is None or request.transport.is_closing():
                break
            await asyncio.sleep(0.02)
        self.served.waits += loop.time() - started
        return _reset(request)

    async def work(self, request: web.Request, key: str, fault: Fault | None, seconds: float) -> web.Response:
        """An answer, whole or spoiled."""
        text = await request.read()
        body = orjson.loads(text)
        if refusal := self.refusal(request, body.get("model", "")):
            return refusal
        if self.slots is not None:
            async with self.slots:
                await asyncio.sleep(seconds)
        elif seconds:
            await asyncio.sleep(seconds)
        message = self.answer(request.headers, body)
        reply = _completion(message, body.get("model", ""), len(text) // 4)
        if fault is not None:
            return web.Response(body=self.spoil(reply, fault), content_type="application/json")
        self.served.answered[key] += 1
        self.served.moments.append(time.monotonic())
        self.served.prompt_tokens += reply["usage"]["prompt_tokens"]
        self.served.completion_tokens += reply["usage"]["completion_tokens"]
        return web.Response(body=orjson.dumps(reply), content_type="application/json")

    def spoil(self, reply: dict[str, Any], fault: Fault) -> bytes:
        """The bytes of an answer that cannot be used."""
        match fault:
            case Fault.EMPTY_CHOICES:
                reply["choices"] = []
            case Fault.WRONG_TYPES:
                reply["choices"][0]["message"] = {"role": "assistant", "content": ["a", "list"], "tool_calls": "none"}
            case Fault.HUGE:
                reply["choices"][0]["message"] = {"role": "assistant", "content": "x" * self.behaviour.huge}
        whole = orjson.dumps(reply)
        return whole[: len(whole) // 2] if fault is Fault.TRUNCATED else whole


def _completion(message: dict[str, Any], model: str, prompt_tokens: int) -> dict[str, Any]:
    message = {"role": "assistant", "content": None, **message}
    finish_reason = message.pop("finish_reason", "tool_calls" if message.get("tool_calls") else "stop")
    completion_tokens = 1 + len(orjson.dumps(message)) // 4
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": model,
        "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
        "usage": {
            "prompt_tokens": prompt_tokens,
            "completion_tokens": completion_tokens,
            "total_tokens": prompt_tokens + completion_tokens,
        },
    }


def _error(status: int, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=orjson.dumps({"error": {"message": message, "type": "error", "code": None}}), headers=headers)


def _reset(request: web.Request) -> web.Response:
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _serve(house: _House, announce: Callable[[str], None], until: asyncio.Event) -> None:
    runner = web.AppRunner(house.app(), access_log=None, shutdown_timeout=0.5)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, backlog=2048)
    await site.start()
    announce(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
    await until.wait()
    house.closing.set()
    await runner.cleanup()


class ModelServer:
    """The server in a thread: `with ModelServer(answer) as server:`."""

    def __init__(self, answer: Answerer, behaviour: Behaviour | None = None) -> None:
        self._answer, self._behaviour = answer, behaviour or Behaviour()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()), daemon=True)
        self.url = ""

    @property
    def served(self) -> Served:
        """What it has done so far (shared with the server's thread)."""
        return self._house.served

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait(10)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._loop.call_soon_threadsafe(self._until.set)
        self._thread.join(10)

    def _announce(self, url: str) -> None:
        self.url = url
        self._ready.set()

    async def _main(self) -> None:
        self._loop, self._until = asyncio.get_running_loop(), asyncio.Event()
        self._house = _House(self._answer, self._behaviour)
        await _serve(self._house, self._announce, self._until)


class ModelServerProcess:
    """The server in a process of its own; `answer` must be importable there (a function of a module)."""

    def __init__(self, answer: Answerer, behaviour: Behaviour | None = None) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(target=_serve_process, args=(answer, behaviour or Behaviour(), theirs), daemon=True)
        self.url = ""

    @property
    def served(self) -> Served:
        """What it has done so far, as it reports."""
        with urllib.request.urlopen(self.url.removesuffix("/v1") + "/served", timeout=10) as response:
            return served_from(json.load(response))

    def __enter__(self) -> Self:
        self._process.start()
        self.url = self._ours.recv()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ours.send(None)
        self._process.join(10)
        self._ours.close()
        self._process.close()


def _serve_process(answer: Answerer, behaviour: Behaviour, pipe: Connection) -> None:
    async def main() -> None:
        until = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), until.set)
        await _serve(_House(answer, behaviour), pipe.send, until)

    asyncio.run(main())


def echo(headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """Answers with the request's id and the last message."""
    return {"content": f"{headers.get('X-Request-Id', '')}: {body['messages'][-1]['content']}"}
