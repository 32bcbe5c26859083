"""Between gateway and model: an engine in a Ray Serve replica, and the engine that forwards to such replicas.

The request travels as the bytes that came, errors as values, so that nothing of Ray's wrapping reaches a client. Whoever stops
reading an answer cancels it in the replica.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import grpc
import ray.exceptions
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle

from magnet_ray.errors import MagnetError
from magnet_ray.serving.api_errors import SERVER, ApiError, unavailable
from magnet_ray.serving.chat_requests import ChatRequest, IncomingChat, parse_chat
from magnet_ray.serving.engine import Engine, Piece
from magnet_ray.serving.settings import ServeConfig

_LOGGER = logging.getLogger("ray.serve.magnet")
Batch = list[Piece] | ApiError
"""Pieces that go together, or why there are no more."""
EngineMaker = Callable[[ServeConfig], Engine]
LOST = (ray.exceptions.RayError, RayServeException, grpc.RpcError)
"""What a handle raises where there is no answer; what a replica raises comes as it is over gRPC, else within a `RayTaskError`."""


@dataclass(frozen=True, slots=True)
class ServedChat:
    """A request on its way to a replica."""

    body: bytes
    """JSON text of the request."""
    prompt: str
    """What the prompt begins with, for the prefix-aware router, which reads this attribute; never empty, it divides by its length."""


class EngineReplica:
    """What runs in a replica: an engine, with methods that a handle can call."""

    def __init__(self, make: EngineMaker, config: ServeConfig) -> None:
        """Make the engine.

        Raises:
            MagnetError: it cannot be made.
        """
        self._engine = make(config)

    async def ready(self, request: ServedChat) -> None:
        """Return when the engine can answer. It has an argument because a router may want to see one."""
        await self._engine.ready()

    async def check_health(self) -> None:
        """Serve asks this; a replica whose engine has died is replaced."""
        await self._engine.ready()

    async def answer(self, request: ServedChat) -> Batch:
        """All pieces of an answer at once."""
        pieces: list[Piece] = []
        async for batch in self.generate(request):
            if isinstance(batch, ApiError):
                return batch
            pieces += batch
        return pieces

    async def generate(self, request: ServedChat) -> AsyncGenerator[Batch]:
        """Pieces as they are made."""
        try:
            async with aclosing(self._engine.generate(parse_chat(request.body))) as pieces:
                async for piece in pieces:
                    yield [piece]
        except MagnetError as error:
            yield error if isinstance(error, ApiError) else ApiError(500, str(error), "internal_error", kind=SERVER)


class RemoteEngine:
    """The `Engine` that has replicas do the work."""

    def __init__(self, handle: DeploymentHandle[Any], *, by_prefix: bool = False) -> None:
        """Forwards to the deployment of `handle`; `by_prefix`: its router wants to see how prompts begin."""
        self._handle: Any = handle
        self._streaming: Any = handle.options(stream=True)
        self._by_prefix = by_prefix

    async def ready(self) -> None:
        """Return when a replica can answer."""
        try:
            await self._handle.ready.remote(ServedChat(b"", "\n"))
        except LOST as error:
            raise _as_api_error(error) from None

    async def generate(self, request: IncomingChat) -> AsyncGenerator[Piece]:
        """The pieces as a replica makes them; in one go where nobody sees them grow."""
        served = ServedChat(request.body, prompt_beginning(request.chat) if self._by_prefix else "\n")
        batches = self._batches(served) if request.chat.stream else self._whole(served)
        async with aclosing(batches):
            async for batch in batches:
                if isinstance(batch, ApiError):
                    raise batch
                for piece in batch:
                    yield piece

    async def _whole(self, served: ServedChat) -> AsyncGenerator[Batch]:
        response = self._handle.answer.remote(served)
        try:
            yield await response
        except LOST as error:
            raise _as_api_error(error) from None
        except asyncio.CancelledError:
            response.cancel()
            raise

    async def _batches(self, served: ServedChat) -> AsyncGenerator[Batch]:
        response = self._streaming.generate.remote(served)
        is_over = False
        try:
            async for batch in response:
                yield batch
            is_over = True
        except LOST as error:
            is_over = True
            raise _as_api_error(error) from None
        finally:
            if not is_over:
                response.cancel()


def prompt_beginning(chat: ChatRequest) -> str:
    """A text that is alike as far as two prompts are."""
    first, *others = [str(message["content"]) for message in chat.plain_messages()]
    # A template puts the system's message first and the tools behind it.
    return "\n".join([first, str(chat.plain_tools() or ""), *others]) or "\n"


def _as_api_error(error: Exception) -> ApiError:
    match error:
        case BackPressureError():
            return unavailable("too many requests are waiting", error.retry_after_s or 1.0)
        case ray.exceptions.RayTaskError():
            # Its text ends with what was raised; the client is not told.
            _LOGGER.error("a replica failed on a request: %s", str(error)[-500:])
            return ApiError(500, "the server failed to answer this request", "internal_error", kind=SERVER)
        case grpc.aio.AioRpcError() if error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
            # The cluster's own limit, where it is lower than the gateway's.
            return ApiError(413, "the body has more bytes than the model's replicas take", "request_too_large")
        case _:
            # The replica died or is going; Serve starts another.
            _LOGGER.warning("a replica is lost: %s", str(error)[-300:])
            return unavailable("the replica that had this request is gone; send it again")
