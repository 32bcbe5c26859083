"""Models with a fixed part, put to one entry of a category in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from evals.bfcl.job import BfclConfig, BfclJob
from evals.conversation_workers import perform
from evals.evaluation_runs import Transcript
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest, ToolCall, Usage
from magnet_ray.types import parsed

DONE = ChatAnswer(content="Done.", usage=Usage(prompt_tokens=5, completion_tokens=2))


class Saying:
    """Says these replies, whatever it is asked, and then the last one for ever."""

    def __init__(self, *replies: ChatAnswer) -> None:
        self._replies = [*replies] or [DONE]
        self.asked: list[ChatRequest] = []

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The next reply."""
        self.asked.append(request)
        return self._replies[min(len(self.asked), len(self._replies)) - 1]

    def tools(self, number: int) -> list[str]:
        """Names of the tools that a request offered."""
        return [tool["function"]["name"] for tool in parsed(self.asked[number].tools or "[]")]


def calling(name: str, arguments: str = "{}") -> ChatAnswer:
    """A reply that is one call."""
    return ChatAnswer(tool_calls=(ToolCall(name=name, arguments=arguments),))


def job_of(category: str, mode: str = "fc", call_seconds: float = 30.0) -> BfclJob:
    """The evaluation of one entry of a category."""
    tight = {"call_seconds": call_seconds, "memory_mb": 256}
    return BfclJob.of(BfclConfig.model_validate({"mode": mode, "categories": (category,), "limit": 1, "isolation": tight}))


def put_to(model: base.ChatModel, job: BfclJob) -> Transcript:
    """The transcript of a job's first entry."""
    return asyncio.run(perform(job, job.tasks()[0], model))


def outputs_seen(asked: Sequence[ChatRequest]) -> list[str]:
    """What tools gave out, as far as the last request shows."""
    return [str(message["content"]) for message in asked[-1].messages if message["role"] == "tool"]
