"""A model that answers the benchmark's entries now right, now wrong in some way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from evals.bfcl.entries import Entry
from evals.bfcl.isolated import Mode
from evals.bfcl.reference import CLOSING
from magnet_ray.llm.base import ChatAnswer, ChatRequest, ToolCall
from tests.evals.bfcl.outputs import KINDS, output


@dataclass(frozen=True, slots=True)
class Spoiled:
    """How an entry is answered depends on its key; a step's name is the number of the request."""

    entries: Mapping[str, Entry]
    """Key -> entry."""
    mode: Mode
    """How it is asked."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """What its output holds at this place."""
        entry, number = self.entries[request.key.record], int(request.key.step)
        kind = KINDS[int(blake2b(entry.key.encode(), digest_size=4).hexdigest(), 16) % len(KINDS)]
        said = output(entry, kind, self.mode)
        if entry.category.startswith("multi_turn"):
            steps = [step for turn in said for step in turn]
            said = steps[number] if number < len(steps) else CLOSING
        return _answer(said)


def _answer(said: Any) -> ChatAnswer:
    if isinstance(said, str) or not said:
        return ChatAnswer(content=said or "")
    return ChatAnswer(tool_calls=tuple(ToolCall(name=name, arguments=arguments) for call in said for name, arguments in call.items()))
