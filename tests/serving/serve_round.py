"""What `test_vllm.py` runs in vLLM's environment, since that is where Ray Serve is: prints one JSON object of what it saw.

python -m tests.serving.serve_round teacher CHECKPOINT    # real replicas through ray.serve.llm
python -m tests.serving.serve_round routing               # two replicas without a model behind the same options
"""

from __future__ import annotations

import asyncio
import json
import os
import pickle
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from itertools import pairwise
from typing import Any

import ray
from ray import serve

from magnet_ray.config import VllmConfig
from magnet_ray.errors import MagnetError
from magnet_ray.llm.transport import RequestFailed, Transport, read_answer
from magnet_ray.progress import Progress
from magnet_ray.serving.serve_transport import ServedRequest, ServeTransport
from magnet_ray.serving.teacher import deploy_teacher, deployment_options
from magnet_ray.types import JsonValue
from tests.serving.asked import is_verdict, verdict_body, weather_body
from tests.serving.vllm_server import ENGINE, TokenCounts, counted_tokens

REQUESTS = 100
NAME = "magnet-teacher"


class Echo:
    """A replica without a model: it takes a moment, and says which replica it is."""

    async def complete(self, request: ServedRequest) -> dict[str, JsonValue]:
        if request.body.get("die"):
            os._exit(1)
        if request.body.get("fail"):
            raise ValueError("the engine broke")
        await asyncio.sleep(0.05)
        return {"replica": serve.get_replica_context().replica_id.unique_id}

    async def models(self, request: ServedRequest) -> list[str]:
        return ["echo"]


async def ask_teacher(transport: Transport) -> dict[str, Any]:
    """Verdicts, a tool call, refused requests and one that is given up."""
    began = time.perf_counter()
    replies = await asyncio.gather(
        *(transport.complete(verdict_body(index), f"pair-{index}/judge/0/0", 400.0) for index in range(REQUESTS))
    )
    seconds = time.perf_counter() - began
    called = await transport.complete(weather_body("Ulm"), "weather/responder/0/0", 60.0)
    answers = [read_answer(reply) for reply in [*replies, called]]
    read = sum(answer.usage.prompt_tokens for answer in answers)
    seen: dict[str, Any] = {
        "parsed": sum(is_verdict(answer.content) for answer in answers[:-1]),
        "call": [(call.name, json.loads(call.arguments)) for call in answers[-1].tool_calls],
        "prompt": read,
        "generation": sum(answer.usage.completion_tokens for answer in answers),
        "requests_per_second": REQUESTS / seconds,
        "models": await transport.models(10.0),
    }
    seen["counted"] = await asyncio.to_thread(count_tokens, read)
    long: dict[str, JsonValue] = {"messages": [{"role": "user", "content": "word " * 5_000}], "max_tokens": 4}
    seen["refused"] = await trouble(lambda: transport.complete(long, "long/judge/0/0", 60.0))
    endless: dict[str, JsonValue] = {"messages": [{"role": "user", "content": "Go on."}], "max_tokens": 3_000, "ignore_eos": True}
    seen["late"] = await trouble(lambda: transport.complete(endless, "endless/judge/0/0", 1.0))
    seen["elsewhere"] = await trouble(lambda: ServeTransport("nobody").complete(endless, "x/judge/0/0", 10.0))
    return seen


async def trouble(send: Callable[[], Awaitable[object]]) -> tuple[str, bool]:
    """(trouble, whether it may be tried again) of a request that fails."""
    try:
        await send()
    except RequestFailed as failure:
        return failure.trouble.value, failure.retriable
    return "none", False


def count_tokens(expected: int) -> tuple[int, int]:
    """vLLM's counters as Ray exports them, which takes some seconds: as soon as they reach `expected` tokens read."""
    deadline = time.monotonic() + 40.0
    while True:
        counts = counters()
        if counts.prompt >= expected or time.monotonic() > deadline:
            return counts.prompt, counts.generation
        time.sleep(1.0)


def counters() -> TokenCounts:
    """vLLM's counters of all replicas, as Ray exports them at this moment."""
    read = written = 0
    for node in ray.nodes():  # type: ignore[no-untyped-call]
        address = f"http://{node['NodeManagerAddress']}:{node['MetricsExportPort']}/metrics"
        with urllib.request.urlopen(address, timeout=10) as response:
            counts = counted_tokens(response.read().decode(), prefix="ray_vllm_")
        read, written = read + counts.prompt, written + counts.generation
    return TokenCounts(prompt=read, generation=written)


def teacher(checkpoint: str) -> dict[str, Any]:
    """A deployed teacher, asked through a transport that went through pickle."""
    config = VllmConfig(model=checkpoint, engine=json.dumps(ENGINE), bundle='{"CPU": 1}', ongoing_requests=64)
    began = time.perf_counter()
    with deploy_teacher(config, NAME, Progress(), patience=400.0) as deployed:
        started = time.perf_counter() - began
        seen = asyncio.run(ask_teacher(pickle.loads(pickle.dumps(deployed)).transport()))
    return seen | {"start_seconds": started, "left": sorted(serve.status().applications), "bad": refusals(checkpoint)}


def refusals(checkpoint: str) -> list[str]:
    """What is said about configurations that cannot be deployed."""
    said = []
    sound = VllmConfig(model=checkpoint, bundle='{"CPU": 1}')
    wrongs: tuple[dict[str, object], ...] = (
        {"engine": "{dtype}"},
        {"engine": '{"dtyp": "float32"}'},
        {"bundle": "[]"},
        {"min_replicas": 2},
        {"model": None},
    )
    for wrong in wrongs:
        try:
            with deploy_teacher(sound.model_copy(update=wrong), NAME, Progress()):
                said.append("deployed")
        except MagnetError as error:
            said.append(str(error))
    return said


async def converse(transport: Transport, conversation: int, turns: int) -> list[str]:
    """Replicas that the turns of one conversation went to. All conversations share their long first lines."""
    rules = "You are the assistant of a test. " * 40
    messages: list[JsonValue] = [{"role": "system", "content": rules}]
    replicas = []
    for turn in range(turns):
        messages.append({"role": "user", "content": f"Conversation {conversation} {'abcdefghij'[conversation % 10] * 600}, turn {turn}."})
        reply = await transport.complete({"messages": messages}, f"{conversation}/judge/{turn}/0", 30.0)
        assert isinstance(reply, dict)
        replicas.append(str(reply["replica"]))
    return replicas


def routing() -> dict[str, Any]:
    """How two replicas share conversations that begin alike, with the options of a teacher of two replicas."""
    options = deployment_options(VllmConfig(min_replicas=2, max_replicas=2, ongoing_requests=32), {"CPU": 1})
    serve.start(proxy_location="Disabled")
    serve.run(serve.deployment(**options)(Echo).bind(), name=NAME, route_prefix=None)

    async def ask() -> tuple[list[list[str]], float, list[tuple[str, bool]]]:
        transport = ServeTransport(NAME)
        assert await transport.models(30.0) == ("echo",)
        began = time.perf_counter()
        talks = await asyncio.gather(*(converse(transport, number, 6) for number in range(16)))
        seconds = time.perf_counter() - began
        broken: tuple[dict[str, JsonValue], ...] = ({"messages": [], "fail": True}, {"messages": [], "die": True})
        troubles = [await trouble(partial(transport.complete, body, "broken/judge/0/0", 30.0)) for body in broken]
        await converse(transport, 0, 1)
        return talks, seconds, troubles

    talks, seconds, troubles = asyncio.run(ask())
    serve.shutdown()  # type: ignore[no-untyped-call]
    everywhere = Counter(replica for talk in talks for replica in talk)
    kept = sum(left == right for talk in talks for left, right in pairwise(talk))
    return {"shares": sorted(everywhere.values()), "kept": kept, "moves": 16 * 5, "troubles": troubles, "requests_per_second": 96 / seconds}


def main() -> None:
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled", HF_HUB_OFFLINE="1", VLLM_NO_USAGE_STATS="1")
    ray.init(address="local", num_cpus=4, include_dashboard=False, log_to_driver=False)
    seen = teacher(sys.argv[2]) if sys.argv[1] == "teacher" else routing()
    ray.shutdown()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
