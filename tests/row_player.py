"""A chat model that knows the rows: it answers each turn with the row's own calls and closing messages, unless told otherwise.

What it is told: (turn, round) -> another answer. It keeps every request, so that a test can look at what a player was shown.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from magnet_ray.llm.base import ChatAnswer, ChatRequest, ToolCall
from magnet_ray.types import Trajectory

Change = Callable[[ChatAnswer, ChatRequest], ChatAnswer]


class RowPlayer:
    """Plays rows by heart."""

    def __init__(self, rows: Iterable[Trajectory], changes: Mapping[tuple[int, int], Change | ChatAnswer] | None = None) -> None:
        self.answers = {row.id: right_answers(row) for row in rows}
        self.changes = changes or {}
        self.requests: list[ChatRequest] = []

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The row's answer at this place, or what the player was told to answer there."""
        self.requests.append(request)
        turn, _, number = request.key.step.partition(".")
        place = (int(turn), int(number))
        turns = self.answers[request.key.record]
        right = turns[place[0]][min(place[1], len(turns[place[0]]) - 1)]
        changed = self.changes.get(place, right)
        return changed if isinstance(changed, ChatAnswer) else changed(right, request)


def right_answers(row: Trajectory) -> list[list[ChatAnswer]]:
    """What the assistant of a row says, by turn and round."""
    turns: list[list[ChatAnswer]] = []
    for message in json.loads(row.messages):
        if message["role"] == "user":
            turns.append([])
        elif message["role"] == "assistant":
            turns[-1].append(_answer(message))
    return turns


def _answer(message: Mapping[str, Any]) -> ChatAnswer:
    calls = tuple(
        ToolCall(name=call["function"]["name"], arguments=call["function"]["arguments"]) for call in message.get("tool_calls", ())
    )
    return ChatAnswer(content=message["content"], tool_calls=calls, finish_reason="tool_calls" if calls else "stop")
