"""A gateway in this process: called as ASGI, without a socket, or behind uvicorn for clients that want one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn

from magnet_ray.free_ports import free_port


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an application answered."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


async def ask(app: Any, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None, method: str = "POST") -> Reply:
    """One request; the client stays until the answer is whole."""
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    got: list[dict[str, Any]] = []
    forever = asyncio.Event()

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop()
        await forever.wait()
        raise AssertionError

    async def send(message: dict[str, Any]) -> None:
        got.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(key.lower().encode(), value.encode("latin-1")) for key, value in (headers or {}).items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }
    await app(scope, receive, send)
    start, *parts = got
    names = {key.decode(): value.decode() for key, value in start["headers"]}
    return Reply(status=start["status"], headers=names, body=b"".join(part.get("body", b"") for part in parts))


@contextmanager
def listening(app: Any) -> Iterator[str]:
    """An application behind uvicorn; gives its base URL for OpenAI's clients."""
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws="none"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        threading.Event().wait(0.01)
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        server.should_exit = True
        thread.join(10.0)
