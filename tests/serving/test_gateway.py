"""OpenAI's API before a scripted engine, through the unmodified client."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")
pytest.importorskip("uvicorn")

from magnet_ray.serving.access import Access, Bucket, key_digests
from magnet_ray.serving.gateway import Gateway
from magnet_ray.serving.settings import LimitsConfig, ServeConfig
from tests.cluster_support import wait_until
from tests.serving.client_checks import MODEL, chat, check_answers, check_failures, check_refusals, client_of, openai, streamed
from tests.serving.in_process import ask, listening
from tests.serving.scripted_engine import ScriptedEngine

BODY = {"model": MODEL, "messages": [{"role": "user", "content": "good day"}]}
BYTES = 20_000


def gateway(engine: ScriptedEngine, keys: tuple[str, ...] = (), **limits: Any) -> Any:
    """A gateway's application."""
    digests = tuple(digest for key in keys for digest in key_digests(ServeConfig(), {"MAGNET_API_KEY": key}))
    settings = LimitsConfig(**{"max_body_bytes": BYTES, **limits})
    access = Access(digests, settings.requests_per_minute)
    return Gateway(model=MODEL, engine=engine, access=access, limits=settings).application()


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A gateway that knows one key."""
    with listening(gateway(ScriptedEngine(), keys=("right",))) as base:
        yield base


@pytest.fixture
def client(url: str) -> Iterator[Any]:
    """A client with that key."""
    with client_of(url, "right") as right:
        yield right


def test_the_client_gets_chats_calls_and_streams(client: Any) -> None:
    check_answers(client)


def test_the_client_gets_its_own_errors(client: Any) -> None:
    check_refusals(client, BYTES)
    check_failures(client)


@pytest.mark.parametrize("key", ["wrong", "righ", "rightt", "RIGHT"])
def test_only_a_known_key_is_served(url: str, key: str) -> None:
    with client_of(url, key) as stranger:
        with pytest.raises(openai.AuthenticationError) as caught:
            chat(stranger, "hello")
        assert caught.value.body["code"] == "invalid_api_key"
        assert key not in str(caught.value)
        with pytest.raises(openai.AuthenticationError):
            stranger.models.list()


def test_a_client_that_goes_away_ends_the_work() -> None:
    engine = ScriptedEngine()
    with listening(gateway(engine)) as base, client_of(base) as client:
        stream = chat(client, "slow", stream=True)
        assert [next(stream).choices[0].delta.content for _ in range(2)] == ["", "on "]
        stream.close()
        wait_until(lambda: engine.given_up == 1, 10.0)
        with pytest.raises(openai.APITimeoutError):
            chat(client.with_options(timeout=0.5), "slow")
        wait_until(lambda: engine.given_up == 2, 10.0)


def test_an_answer_that_takes_too_long_is_ended() -> None:
    engine = ScriptedEngine()
    with listening(gateway(engine, seconds=0.3)) as base, client_of(base) as client:
        with pytest.raises(openai.InternalServerError) as caught:
            chat(client, "slow")
        assert (caught.value.status_code, caught.value.body["code"]) == (504, "timeout")
        with pytest.raises(openai.APIError):
            list(chat(client, "slow", stream=True))
    assert engine.given_up == 2


def test_a_key_has_its_own_rate() -> None:
    app = gateway(ScriptedEngine(), keys=("right",), requests_per_minute=3.0)
    right = {"authorization": "Bearer right"}

    async def several() -> list[int]:
        replies = [await ask(app, "/v1/chat/completions", json.dumps(BODY).encode(), right) for _ in range(5)]
        assert 1 <= int(replies[-1].headers["retry-after"]) <= 21
        return [reply.status for reply in replies]

    assert asyncio.run(several()) == [200, 200, 200, 429, 429]


def test_a_bucket_fills_again() -> None:
    now = [0.0]
    bucket = Bucket(60.0, lambda: now[0])
    assert [bucket.take() for _ in range(60)] == [0.0] * 60
    assert bucket.take() == pytest.approx(1.0)
    now[0] += 2.0
    assert [bucket.take() > 0 for _ in range(3)] == [False, False, True]
    now[0] += 1_000.0
    assert sum(bucket.take() == 0.0 for _ in range(100)) == 60


def test_health_needs_no_key_and_metrics_count_what_was_answered() -> None:
    app = gateway(ScriptedEngine(), keys=("right",))

    async def look() -> str:
        for path in ("/health", "/ready"):
            assert (await ask(app, path, method="GET")).status == 200
        assert (await ask(app, "/v1/chat/completions", json.dumps(BODY).encode())).status == 401
        right = {"authorization": "Bearer right"}
        for stream in (False, True):
            reply = await ask(app, "/v1/chat/completions", json.dumps({**BODY, "stream": stream}).encode(), right)
            assert reply.status == 200
        return (await ask(app, "/metrics", method="GET")).body.decode()

    text = asyncio.run(look())
    for line in (
        'magnet_requests_total{route="chat",status="200"} 2.0',
        'magnet_requests_total{route="chat",status="401"} 1.0',
        "magnet_completion_tokens_total 4.0",
        "magnet_requests_in_flight 0.0",
        "magnet_first_piece_seconds_count 2.0",
    ):
        assert line in text, text


def test_other_paths_and_methods_get_error_objects() -> None:
    app = gateway(ScriptedEngine())
    for path, method, status in (("/v1/nothing", "GET", 404), ("/v1/chat/completions", "GET", 405), ("/v1/models/x/y", "GET", 404)):
        reply = asyncio.run(ask(app, path, method=method))
        assert (reply.status, set(reply.value["error"])) == (status, {"message", "type", "param", "code"})


def test_many_clients_at_once_get_their_own_answers(url: str) -> None:
    async def one(client: Any, number: int) -> bool:
        completion = await chat(client, f"number {number}")
        return bool(completion.choices[0].message.content == f"number {number} ")

    async def all_of_them() -> list[bool]:
        async with openai.AsyncOpenAI(base_url=url, api_key="right", max_retries=0) as client:
            return list(await asyncio.gather(*(one(client, number) for number in range(50))))

    assert all(asyncio.run(all_of_them()))


def test_a_stream_without_the_option_has_no_usage(client: Any) -> None:
    chunks = list(chat(client, "hello you", stream=True))
    assert [chunk.usage for chunk in chunks] == [None] * len(chunks)
    assert streamed(client, "hello you")["usage"] == (2, 2, 4)
