"""A real vLLM on this machine's CPU, behind OpenAI's API and through `ray.serve.llm`.

vLLM has an environment of its own (`make setup-vllm`); these tests are skipped where it, or the tiny model, cannot be had.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.llm.base import ChatAnswer
from magnet_ray.llm.http import HttpTransport
from magnet_ray.llm.transport import RequestFailed, read_answer
from magnet_ray.types import JsonValue
from tests.serving.asked import is_verdict, verdict_body, weather_body
from tests.serving.vllm_server import ROOT, VllmServer

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
REQUESTS = 100


async def ask(server: VllmServer, bodies: list[dict[str, JsonValue]]) -> list[ChatAnswer]:
    async with HttpTransport(server.base_url) as transport:
        replies = (transport.complete({**body, "model": server.model}, f"request-{n}", 400.0) for n, body in enumerate(bodies))
        return [read_answer(reply) for reply in await asyncio.gather(*replies)]


def test_structured_answers_parse_and_our_token_counts_are_the_servers(server: VllmServer) -> None:
    before = server.tokens()
    answers = asyncio.run(ask(server, [verdict_body(index) for index in range(REQUESTS)]))
    after = server.tokens()
    assert sum(is_verdict(answer.content) for answer in answers) >= 0.9 * REQUESTS
    assert sum(answer.usage.prompt_tokens for answer in answers) == after.prompt - before.prompt
    assert sum(answer.usage.completion_tokens for answer in answers) == after.generation - before.generation


def test_a_call_in_hermes_form_comes_back_as_a_tool_call(server: VllmServer) -> None:
    [answer] = asyncio.run(ask(server, [weather_body("Ulm")]))
    assert (answer.content, answer.finish_reason) == ("", "tool_calls")
    [call] = answer.tool_calls
    assert call.name == "get_weather"
    assert list(json.loads(call.arguments)) == ["city"]


def test_a_prompt_that_is_too_long_is_refused_for_good(server: VllmServer) -> None:
    long: dict[str, JsonValue] = {"messages": [{"role": "user", "content": "word " * 5_000}], "max_tokens": 4}
    with pytest.raises(RequestFailed) as caught:
        asyncio.run(ask(server, [long]))
    assert (caught.value.status, caught.value.retriable) == (400, False)


def test_replicas_in_the_cluster_answer_by_handle_as_the_server_does(python: Path, checkpoint: Path) -> None:
    seen = _seen(_run(python, "tests.serving.serve_round", "teacher", str(checkpoint)))
    assert seen["parsed"] >= 0.9 * REQUESTS
    assert [name for name, _ in seen["call"]] == ["get_weather"]
    assert seen["counted"] == [seen["prompt"], seen["generation"]]
    assert seen["models"] == [checkpoint.name]
    assert seen["refused"] == ["refused", False]
    assert seen["late"] == ["timeout", True]
    assert seen["elsewhere"][1] is False
    assert seen["left"] == []
    assert [line.split()[0].rstrip(":;") for line in seen["bad"]] == [
        "teacher.vllm.engine",
        "teacher.vllm",
        "teacher.vllm.bundle",
        "teacher.vllm.min_replicas",
        "teacher.vllm.model",
    ]


def test_replicas_share_conversations_that_begin_alike_and_outlive_each_other(python: Path) -> None:
    seen = _seen(_run(python, "tests.serving.serve_round", "routing"))
    assert len(seen["shares"]) == 2
    # Serve's default for this router would send all 96 to one.
    assert seen["shares"][0] >= 15
    # A request that a replica fails on, or whose replica dies, may be sent again; the other replica answers.
    assert seen["troubles"] == [["server_error", True], ["connection", True]]


def _run(python: Path, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(python), "-m", module, *arguments], capture_output=True, text=True, cwd=ROOT, timeout=880, check=False)


def _seen(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr[-3_000:]
    # Ray may write a line of its own before ours.
    seen: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return seen
