"""Agents for the tests of evaluations: what an agent answers, over HTTP or with one thing changed; and small evaluations."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from evals.endpoint import Chat, ModelConfig, OpenAgent
from evals.evaluation_runs import EvaluationConfig
from magnet_ray.at_once import at_once
from magnet_ray.config import RequestsConfig
from magnet_ray.errors import Rejected
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest, RequestKey, Role
from magnet_ray.types import FailureReason, JsonValue

QUICK = RequestsConfig(retries=3, backoff=0.001, backoff_max=0.01)
"""Patience that tests have time for."""


class Served:
    """An agent behind HTTP: answers a server's requests by their ids."""

    def __init__(self, agent: base.ChatModel) -> None:
        self.agent = agent

    def __call__(self, headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        record, role, step, attempt = headers["X-Request-Id"].rsplit("/", 3)
        key = RequestKey(record=record, role=Role(role), step=step, attempt=int(attempt))
        answer = at_once(self.agent.answer(ChatRequest(key=key, messages=tuple(body["messages"]))))
        calls = [
            {"id": f"c{number}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for number, call in enumerate(answer.tool_calls)
        ]
        return {"content": answer.content, **({"tool_calls": calls} if calls else {}), "finish_reason": answer.finish_reason}


@dataclass(slots=True)
class Changed:
    """Another agent whose answers a test changes; it keeps what it was asked."""

    agent: base.ChatModel
    """Who answers otherwise."""
    change: Callable[[ChatRequest, ChatAnswer], ChatAnswer] = lambda request, answer: answer
    """What becomes of an answer."""
    requests: list[ChatRequest] = field(default_factory=list)
    """What it was asked."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The changed answer."""
        self.requests.append(request)
        return self.change(request, await self.agent.answer(request))


def opens(agent: base.ChatModel) -> OpenAgent:
    """Opens an agent of this process."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[base.ChatModel]:
        yield agent

    return opened


def endpoint_config(url: str, name: str | None = "m", **more: Any) -> EvaluationConfig:
    """A configuration that asks a server of this machine."""
    return EvaluationConfig(model=ModelConfig(base_url=url, name=name, timeout=5.0), requests=QUICK, **more)


@dataclass(frozen=True, slots=True)
class Counting:
    """An evaluation whose tasks are numbers: each asks for a few of them, one after the other."""

    size: int = 12
    """Tasks."""
    steps: int = 3
    """Requests of each."""

    def tasks(self) -> Sequence[str]:
        """Ids."""
        return [f"t{number:03d}" for number in range(self.size)]

    async def perform(self, task: str, chat: Chat) -> Mapping[str, JsonValue]:
        """Ask, and keep what was said."""
        if task == "t004":
            raise Rejected(FailureReason.ENVIRONMENT_FAULT, "its world broke")
        if task == "t005":
            raise ZeroDivisionError("nobody thought of this")
        said = [await chat.chat([{"role": "user", "content": f"{task}?"}], step=str(step)) for step in range(self.steps)]
        return {"said": [reply.content for reply in said], "failures": [reply.failure for reply in said]}
