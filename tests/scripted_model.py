"""A model in this process: it says what a test has written down, and keeps what it was asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from magnet_ray.llm.base import ChatAnswer, ChatRequest


@dataclass(slots=True)
class ScriptedModel:
    """Answers in order, or by a function of the request; the last answer is repeated."""

    script: Sequence[str | ChatAnswer] | Callable[[ChatRequest], str]
    """What it says."""
    requests: list[ChatRequest] = field(default_factory=list)
    """What it was asked."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The next answer."""
        self.requests.append(request)
        said = self.script(request) if callable(self.script) else self.script[min(len(self.requests), len(self.script)) - 1]
        return said if isinstance(said, ChatAnswer) else ChatAnswer(content=said, finish_reason="stop")

    def last_words(self) -> str:
        """Content of the last message that it was shown."""
        return str(self.requests[-1].messages[-1]["content"])
