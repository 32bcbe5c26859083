"""Thousands of malformed bodies against the whole API, in this process: never a 5xx, never a hang, no growing memory."""

from __future__ import annotations

import asyncio
import gc
import json
import random
import tracemalloc
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")
pytest.importorskip("uvicorn")

from magnet_ray.serving.access import Access
from magnet_ray.serving.gateway import Gateway
from magnet_ray.serving.settings import LimitsConfig
from tests.serving.in_process import ask
from tests.serving.scripted_engine import ScriptedEngine

BODIES = 10_000
WHOLE: dict[str, Any] = {
    "model": "scripted",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "good day"}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "1", "content": "[]"},
        {"role": "user", "content": "and now"},
    ],
    "tools": [{"type": "function", "function": {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "stream": True,
    "stream_options": {"include_usage": True},
    "stop": ["END"],
    "temperature": 0.5,
    "max_tokens": 5,
    "seed": 1,
    "response_format": {"type": "text"},
}
ODD: tuple[Any, ...] = (
    *(None, True, 0, -1, 1e308, 10**30, -(10**400), 2**63, 0.0001, "", "x", "\u0000", "\ud800", "<|im_end|>", "a" * 3_000),
    *([], {}, [[]], [None], {"": ""}, {"a": [{"b": {}}]}, [{}] * 50, {"role": "user"}, "auto", "required", float("nan"), float("inf")),
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where in a value something can be put instead."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, each in inner for place in places(each, (*path, key)))]


def changed(value: Any, path: tuple[Any, ...], new: Any) -> Any:
    """A copy with something else at a place."""
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = changed(value[path[0]], path[1:], new)
    return copy


def without(value: Any, path: tuple[Any, ...]) -> Any:
    """A copy without what is at a place."""
    copy = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del copy[path[0]]
    else:
        copy[path[0]] = without(value[path[0]], path[1:])
    return copy


def wrong_value(source: random.Random) -> bytes:
    value = WHOLE
    for _ in range(source.randint(1, 3)):
        value = changed(value, source.choice(places(value)), source.choice(ODD))
        if not isinstance(value, dict):
            break
    return json.dumps(value).encode()


def missing_value(source: random.Random) -> bytes:
    return json.dumps(without(WHOLE, source.choice(places(WHOLE)[1:]))).encode()


def broken_text(source: random.Random) -> bytes:
    text = bytearray(json.dumps(WHOLE).encode())
    for _ in range(source.randint(1, 6)):
        start = source.randrange(len(text))
        text[start : start + source.randint(0, 4)] = source.randbytes(source.randint(0, 4))
    return bytes(text)


def cut_text(source: random.Random) -> bytes:
    text = json.dumps(WHOLE).encode()
    return text[: source.randrange(len(text))]


def noise(source: random.Random) -> bytes:
    return source.randbytes(source.randint(0, 300))


def deep(source: random.Random) -> bytes:
    depth = source.choice((50, 190, 250, 500, 5_000))
    return json.dumps(WHOLE).replace('"properties": {}', '"properties": ' + '{"a":' * depth + "1" + "}" * depth).encode()


def unknown_field(source: random.Random) -> bytes:
    return json.dumps({**WHOLE, f"field_{source.randrange(9)}": source.choice(ODD)}).encode()


KINDS: tuple[Callable[[random.Random], bytes], ...] = (wrong_value, missing_value, broken_text, cut_text, noise, deep, unknown_field)


def send(bodies: int) -> tuple[Counter[tuple[str, int]], list[int]]:
    """Statuses by kind of body, and the memory that Python held after the first and the second half where it is traced."""
    source = random.Random(20_250)
    app = Gateway(model="scripted", engine=ScriptedEngine(), access=Access(()), limits=LimitsConfig(max_body_bytes=100_000)).application()
    seen: Counter[tuple[str, int]] = Counter()
    held: list[int] = []

    async def send_all() -> None:
        for number in range(bodies):
            kind = KINDS[number % len(KINDS)]
            body = kind(source)
            reply = await asyncio.wait_for(ask(app, "/v1/chat/completions", body), 10.0)
            seen[kind.__name__, reply.status] += 1
            assert reply.status in (200, 400, 404, 413), (reply.status, reply.body, body)
            if reply.status == 200:
                assert b'"error"' not in reply.body, body
            else:
                assert set(reply.value["error"]) == {"message", "type", "param", "code"}
                assert len(reply.body) < 2_000
            if number in (bodies // 2, bodies - 1):
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])

    asyncio.run(send_all())
    return seen, held


def test_no_malformed_body_breaks_the_api() -> None:
    seen, _ = send(1_400)
    assert {kind for kind, status in seen if status == 400} == {kind.__name__ for kind in KINDS}
    # Unknown fields are let through, unless what they hold is no JSON.
    assert seen["unknown_field", 200] > 100


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_memory_stays_flat_under_ten_thousand_malformed_bodies() -> None:
    tracemalloc.start()
    try:
        seen, held = send(BODIES)
    finally:
        tracemalloc.stop()
    assert seen.total() == BODIES
    # What is held after the second half is what was held after the first, but for caches that fill.
    assert held[1] - held[0] < 500_000, held
