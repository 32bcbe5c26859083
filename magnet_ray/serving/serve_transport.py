"""Chat completions through a Ray Serve handle: from any process of the cluster to a replica, without HTTP in between.

A `ServeTransport` is a name and no more, so it pickles into any worker; it finds the application at its first request.
Bodies and replies are plain dicts in OpenAI's format: a CPU worker that sends them needs no vLLM.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import grpc
import ray.exceptions
from ray import serve
from ray.serve.exceptions import BackPressureError, RayServeException
from ray.serve.handle import DeploymentHandle, DeploymentResponse

from magnet_ray.llm.transport import RequestFailed, Trouble, trouble_of_status
from magnet_ray.types import JsonValue


@dataclass(frozen=True, slots=True)
class ServedRequest:
    """One request as a replica gets it."""

    body: Mapping[str, JsonValue]
    """Chat completion request in OpenAI's format; the replica fills in its model's name."""
    request_id: str = ""
    """Name of the request in the replica's log."""

    @property
    def prompt(self) -> str:
        """What the prompt begins with, for the prefix-aware router, which reads this attribute; never empty, it divides by its length."""
        messages = self.body.get("messages")
        contents = [str(each.get("content") or "") for each in messages if isinstance(each, dict)] if isinstance(messages, list) else []
        # A template puts the system's message first and the tools behind it: text alike up to there is a prompt alike.
        return "\n".join([*contents[:1], str(self.body.get("tools") or ""), *contents[1:]]) or "\n"


class ServeTransport:
    """A `magnet_ray.llm.transport.Transport` to the Serve application of this name."""

    __slots__ = ("_application", "_handle")

    def __init__(self, application: str) -> None:
        self._application = application
        self._handle: DeploymentHandle[Any] | None = None

    def __reduce__(self) -> tuple[type[ServeTransport], tuple[str]]:
        return ServeTransport, (self._application,)

    def __repr__(self) -> str:
        return f"ServeTransport({self._application!r})"

    @property
    def place(self) -> str:
        """The application, for messages."""
        return f"serve://{self._application}"

    async def complete(self, body: dict[str, JsonValue], request_id: str, timeout: float) -> JsonValue:
        """The reply to a chat completion request in OpenAI's format.

        Raises:
            RequestFailed: no reply, after at most `timeout` seconds; the replica then stops working on it.
        """
        reply = await self._call("complete", ServedRequest(body, request_id), timeout)
        error = reply.get("error") if isinstance(reply, dict) else None
        if isinstance(error, dict):
            status = error.get("code")
            status = status if isinstance(status, int) else 500
            raise RequestFailed(trouble_of_status(status), " ".join(str(error.get("message", "")).split())[:300], status)
        return reply

    async def models(self, timeout: float) -> tuple[str, ...]:
        """Name of the model that the replicas serve.

        Raises:
            RequestFailed: no replica answers in time.
        """
        reply = await self._call("models", ServedRequest({}), timeout)
        return tuple(reply)

    async def close(self) -> None:
        """Forget the handle; the next request finds the application again."""
        self._handle = None

    async def _call(self, method: str, request: ServedRequest, timeout: float) -> Any:
        response: DeploymentResponse[Any] | None = None
        try:
            async with asyncio.timeout(timeout):
                handle = self._handle or await self._connect()
                response = getattr(handle, method).remote(request)
                return await response
        except (TimeoutError, asyncio.CancelledError) as stop:
            # Nobody waits any longer, so the replica must not go on generating.
            if response is not None:
                response.cancel()  # type: ignore[no-untyped-call]
            if isinstance(stop, asyncio.CancelledError):
                raise
            raise RequestFailed(Trouble.TIMEOUT, f"no whole answer in {timeout:g} s") from None
        except RequestFailed:
            raise
        except Exception as error:  # noqa: BLE001 - over gRPC, what a replica raises is raised here as it is
            raise _failure(error) from None

    async def _connect(self) -> DeploymentHandle[Any]:
        try:
            # It asks the controller and waits.
            self._handle = await asyncio.to_thread(serve.get_app_handle, self._application)
        except RayServeException as error:
            raise RequestFailed(Trouble.NOT_FOUND, str(error)[:300]) from None
        return self._handle


def _failure(error: Exception) -> RequestFailed:
    detail = f"{type(error).__name__}: {' '.join(str(error).split())}"
    match error:
        case BackPressureError():
            return RequestFailed(Trouble.UNAVAILABLE, detail[:300], error.status_code, error.retry_after_s)
        case ray.exceptions.RayTaskError():
            # Raised inside the replica: the end of the text says what, the beginning is the traceback.
            return RequestFailed(Trouble.SERVER_ERROR, detail[-300:], 500)
        case RayServeException():
            return RequestFailed(Trouble.UNAVAILABLE, detail[:300])
        case ray.exceptions.RayError() | grpc.RpcError():
            # The replica died, cannot be reached, or gave the request up; Serve starts another.
            return RequestFailed(Trouble.CONNECTION, detail[:300])
        case _:
            return RequestFailed(Trouble.SERVER_ERROR, detail[:300], 500)
