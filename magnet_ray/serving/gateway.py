"""The HTTP side of serving, the same for every engine: OpenAI's API as an ASGI application.

In this order: key, rate, size, the body's fields, the model's name; only then does an engine see a request. Every refusal and
every failure is an error object of OpenAI's shape. The head of an answer is sent when its first piece is there, so what fails
before that has a status of its own. A client that goes away ends the work on its answer.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from magnet_ray.serving.access import Access
from magnet_ray.serving.answers import Heading
from magnet_ray.serving.api_errors import SERVER, ApiError, unavailable
from magnet_ray.serving.chat_requests import IncomingChat, parse_chat
from magnet_ray.serving.engine import EndPiece, Engine, Piece
from magnet_ray.serving.measurements import GONE, ChatTimes, Measurements
from magnet_ray.serving.settings import LimitsConfig

READY_SECONDS = 10.0
"""Longest wait for an engine that is asked whether it is ready."""
_LOGGER = logging.getLogger("ray.serve.magnet")


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """OpenAI's API before an engine."""

    model: str
    """Name of the model that is served."""
    engine: Engine
    """What answers."""
    access: Access
    """Who may ask, and how often."""
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    """What a request may ask for."""
    measurements: Measurements = field(default_factory=Measurements)
    """What is counted."""
    started: int = field(default_factory=lambda: int(time.time()))
    """Seconds since 1970."""

    def application(self) -> Starlette:
        """The ASGI application."""
        routes = [
            Route("/v1/chat/completions", self._answered("chat", self._chat), methods=["POST"]),
            Route("/v1/models", self._answered("models", self._models), methods=["GET"]),
            Route("/v1/models/{model:path}", self._answered("model", self._one_model), methods=["GET"]),
            Route("/health", self._answered("health", self._health), methods=["GET"]),
            Route("/ready", self._answered("ready", self._ready), methods=["GET"]),
            Route("/metrics", self._metrics, methods=["GET"]),
        ]
        return Starlette(routes=routes, exception_handlers={HTTPException: self._no_route})

    def _answered(self, route: str, answer: Callable[[Request], Awaitable[Response]]) -> Callable[[Request], Awaitable[Response]]:
        """The boundary where everything that a request can cause becomes an error object."""

        async def endpoint(request: Request) -> Response:
            try:
                response = await answer(request)
            except ApiError as error:
                response = _refusal(error)
            except ClientDisconnect:
                response = Response(status_code=GONE)
            except Exception:
                _LOGGER.exception("a request to %s failed", route)
                response = _refusal(_internal())
            self.measurements.answered(route, response.status_code)
            return response

        return endpoint

    async def _no_route(self, request: Request, error: Exception) -> Response:
        status = error.status_code if isinstance(error, HTTPException) else 500
        # Not the path as it came: labels and messages hold nothing that a client wrote at length.
        self.measurements.answered("other", status)
        words = {404: "there is nothing at this path", 405: f"this path does not take {request.method[:10]}"}
        return _refusal(ApiError(status, words.get(status, "the request cannot be answered"), "not_found" if status == 404 else None))

    async def _health(self, request: Request) -> Response:
        return _json({"status": "alive"})

    async def _ready(self, request: Request) -> Response:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await self.engine.ready()
        except TimeoutError:
            raise unavailable("no replica of the model answers") from None
        return _json({"status": "ready"})

    async def _metrics(self, request: Request) -> Response:
        return Response(self.measurements.text(), media_type="text/plain; version=0.0.4; charset=utf-8")

    async def _models(self, request: Request) -> Response:
        self.access.admit(request.headers.get("authorization"))
        return _json({"object": "list", "data": [self._card()]})

    async def _one_model(self, request: Request) -> Response:
        self.access.admit(request.headers.get("authorization"))
        self._check_model(str(request.path_params["model"]))
        return _json(self._card())

    async def _chat(self, request: Request) -> Response:
        self.access.admit(request.headers.get("authorization"))
        incoming = parse_chat(await self._body(request))
        self._check_model(incoming.chat.model)
        self._check_length(incoming)
        heading = Heading(id=f"chatcmpl-{uuid.uuid4().hex}", model=incoming.chat.model, created=int(time.time()))
        if incoming.chat.stream:
            return await self._stream(request, incoming, heading)
        whole = await _unless_gone(request, self._whole(incoming, heading))
        return Response(status_code=GONE) if whole is None else _json(whole)

    async def _whole(self, incoming: IncomingChat, heading: Heading) -> dict[str, Any]:
        with self.measurements.chat() as times:
            return heading.completion([piece async for piece in self._pieces(incoming, times)])

    async def _stream(self, request: Request, incoming: IncomingChat, heading: Heading) -> Response:
        events = self._events(incoming, heading)
        # What fails before the first piece still gets a status of its own.
        first = await _unless_gone(request, anext(events))
        if first is None:
            await events.aclose()
            return Response(status_code=GONE)
        return StreamingResponse(_chained(first, events), media_type="text/event-stream", headers={"cache-control": "no-cache"})

    async def _events(self, incoming: IncomingChat, heading: Heading) -> AsyncGenerator[bytes]:
        options = incoming.chat.stream_options
        more: dict[str, Any] = {"usage": None} if options and options.include_usage else {}
        opened = False
        try:
            with self.measurements.chat() as times:
                async with aclosing(self._pieces(incoming, times)) as pieces:
                    async for piece in pieces:
                        chunk = _event(heading.chunk_of(piece) | more)
                        yield chunk if opened else _event(heading.opening(piece) | more) + chunk
                        opened = True
                        if isinstance(piece, EndPiece) and more:
                            yield _event(heading.usage_chunk(piece))
            yield b"data: [DONE]\n\n"
        except ApiError as error:
            if not opened:
                raise
            # The status is sent: clients take this object for the error that it is.
            yield _event(error.body())

    async def _pieces(self, incoming: IncomingChat, times: ChatTimes) -> AsyncGenerator[Piece]:
        """The engine's pieces, with the time limit and the boundary around it."""
        generated = self.engine.generate(incoming)
        deadline = asyncio.get_running_loop().time() + self.limits.seconds
        try:
            while True:
                async with asyncio.timeout_at(deadline):
                    piece = await anext(generated)
                times.saw(piece)
                yield piece
        except StopAsyncIteration:
            return
        except ApiError:
            raise
        except TimeoutError:
            raise ApiError(504, f"no whole answer within {self.limits.seconds:g} s", "timeout", kind=SERVER) from None
        except Exception:
            _LOGGER.exception("the engine failed")
            raise _internal() from None
        finally:
            await generated.aclose()

    async def _body(self, request: Request) -> bytes:
        limit = self.limits.max_body_bytes
        too_large = ApiError(413, f"the body has more than {limit} bytes", "request_too_large")
        announced = request.headers.get("content-length", "")
        if announced.isdecimal() and int(announced) > limit:
            raise too_large
        parts, size = [], 0
        async for part in request.stream():
            size += len(part)
            if size > limit:
                raise too_large
            parts.append(part)
        return b"".join(parts)

    def _check_model(self, name: str) -> None:
        if name != self.model:
            raise ApiError(404, f"the model {name[:80]!r} is not served here, only {self.model!r} is", "model_not_found", "model")

    def _check_length(self, incoming: IncomingChat) -> None:
        limit, asked = self.limits.max_tokens, incoming.chat.limit
        if limit is not None and asked is not None and asked > limit:
            raise ApiError(400, f"an answer may have {limit} tokens at most, not {asked}", "invalid_value", "max_tokens")

    def _card(self) -> dict[str, Any]:
        return {"id": self.model, "object": "model", "created": self.started, "owned_by": "magnet_ray"}


async def _unless_gone(request: Request, work: Awaitable[Any]) -> Any:
    """What the work gives; None, and the work is cancelled, when the client goes away before."""
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait({working, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        return None
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _chained(first: bytes, events: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """All events; whoever stops reading stops the engine too."""
    try:
        yield first
        async for event in events:
            yield event
    finally:
        await events.aclose()


def _internal() -> ApiError:
    return ApiError(500, "the server failed to answer this request", "internal_error", kind=SERVER)


def _refusal(error: ApiError) -> Response:
    headers = {} if error.retry_after is None else {"retry-after": str(max(1, math.ceil(error.retry_after)))}
    if error.status == 401:
        headers["www-authenticate"] = "Bearer"
    return _json(error.body(), error.status, headers)


def _json(value: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(value), status, headers, media_type="application/json")


def _event(value: dict[str, Any]) -> bytes:
    return b"data: " + orjson.dumps(value) + b"\n\n"
