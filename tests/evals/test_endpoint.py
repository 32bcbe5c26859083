"""The model that is evaluated: a bad reply is data, an endpoint that is away is not."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals.endpoint import Chat, EndpointAgent, Reply, endpoint_settings
from evals.throughput.model_server import Behaviour, Fault, ModelServer, echo
from magnet_ray.errors import ConfigError, Rejected
from magnet_ray.llm.base import ToolCall
from magnet_ray.llm.http import HttpTransport
from magnet_ray.llm.settings import ModelSettings
from magnet_ray.llm.transport import RequestFailed, Trouble
from magnet_ray.types import FailureReason, JsonValue
from tests.evals.agents import QUICK, endpoint_config


def ask(url: str, responses: Path | None = None, times: int = 1) -> list[Reply]:
    """Replies to the same question, asked under different steps."""

    async def run() -> list[Reply]:
        agent = EndpointAgent(settings=await endpoint_settings(endpoint_config(url)), requests=QUICK, responses=responses)
        async with agent() as model:
            chat = Chat(model, "task")
            return [await chat.chat([{"role": "user", "content": "hi"}], step=str(step)) for step in range(times)]

    return asyncio.run(run())


def calling(headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
    function = {"name": "find", "arguments": '{"a": 1,  "b": '}
    return {"content": "", "tool_calls": [{"id": "x", "type": "function", "function": function}]}


def test_arguments_stay_the_text_that_was_emitted() -> None:
    with ModelServer(calling) as server:
        (reply,) = ask(server.url)
    assert reply.calls == (ToolCall(name="find", arguments='{"a": 1,  "b": '),)
    assert (reply.failure, reply.finish_reason) == ("", "tool_calls")
    assert reply.as_message(7)["tool_calls"][0] == {
        "id": "call_7", "type": "function", "function": {"name": "find", "arguments": '{"a": 1,  "b": '},
    }  # fmt: skip
    assert reply.usage.prompt_tokens > 0


@pytest.mark.parametrize("kind", [Fault.EMPTY_CHOICES, Fault.WRONG_TYPES, Fault.TRUNCATED])
def test_a_reply_that_is_always_malformed_is_a_failed_reply_and_no_crash(kind: Fault) -> None:
    with ModelServer(echo, Behaviour(faults=1.0, kinds=(kind,))) as server:
        (reply,) = ask(server.url)
    assert (reply.failure, reply.content, reply.calls) == ("malformed", "", ())
    assert reply.detail


def test_a_request_that_is_refused_for_good_is_a_failed_reply() -> None:
    async def run(url: str) -> list[Reply]:
        settings = replace(await endpoint_settings(endpoint_config(url)), name="too-long")
        async with EndpointAgent(settings=settings, requests=QUICK, transport=Refusing)() as model:
            chat = Chat(model, "task")
            return [await chat.chat([{"role": "user", "content": "hi"}], step="0")]

    with ModelServer(echo, Behaviour(model="m")) as server:
        (reply,) = asyncio.run(run(server.url))
    assert (reply.failure, reply.finish_reason) == ("refused", "")
    assert "too many tokens" in reply.detail


class Refusing(HttpTransport):
    """A server for which every conversation is too long."""

    def __init__(self, settings: ModelSettings) -> None:
        super().__init__(settings.base_url)

    async def complete(self, body: dict[str, JsonValue], request_id: str, timeout: float) -> JsonValue:
        raise RequestFailed(Trouble.REFUSED, "too many tokens", 400)


def test_an_endpoint_that_breaks_says_nothing_about_the_model() -> None:
    with (
        ModelServer(echo, Behaviour(faults=1.0, kinds=(Fault.SERVER_ERROR, Fault.RESET))) as server,
        pytest.raises(Rejected) as rejected,
    ):
        ask(server.url)
    assert rejected.value.reason is FailureReason.MODEL_UNAVAILABLE


def test_faults_that_pass_are_retried() -> None:
    with ModelServer(echo, Behaviour(faults=0.4, kinds=(Fault.SERVER_ERROR, Fault.RESET, Fault.TRUNCATED, Fault.RATE_LIMIT))) as server:
        replies = ask(server.url, times=20)
    assert [reply.content for reply in replies if not reply.failure] == [
        f"task/student/{step}/0: hi" for step, reply in enumerate(replies) if not reply.failure
    ]
    assert sum(not reply.failure for reply in replies) >= 18


def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    with ModelServer(echo, Behaviour(model="m")) as server:
        first = ask(server.url, tmp_path, times=5)
        again = ask(server.url, tmp_path, times=6)
        assert server.served.answered.total() == 6
    assert again[:5] == first


def test_without_a_name_the_only_model_is_taken() -> None:
    with ModelServer(echo, Behaviour(model="only-one")) as server:
        settings = asyncio.run(endpoint_settings(endpoint_config(server.url, name=None)))
    assert (settings.name, settings.temperature) == ("only-one", 0.0)


def test_an_endpoint_that_is_away_or_lets_nobody_in_is_the_users_to_fix() -> None:
    with pytest.raises(ConfigError, match="cannot be listed"):
        asyncio.run(endpoint_settings(endpoint_config("http://127.0.0.1:9/v1", name=None)))
    with ModelServer(echo, Behaviour(api_key="secret")) as server, pytest.raises(ConfigError, match="check the key"):
        asyncio.run(endpoint_settings(endpoint_config(server.url)))
    with ModelServer(echo, Behaviour(model="other")) as server, pytest.raises(ConfigError, match="not_found"):
        asyncio.run(endpoint_settings(endpoint_config(server.url)))
