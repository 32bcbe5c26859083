"""An agent's answers recorded by the conversation that they answer, and an endpoint's side that plays the recording.

Whoever plays it knows nothing but what it is sent: who gets the recorded answers has sent the same conversations and the same tools.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest, ToolCall
from magnet_ray.types import canonical, parsed


def conversation_key(messages: Any, tools: Any) -> str:
    """What a conversation and its tools are, whatever an absent text is written as."""
    said = [{key: message.get(key) or "" for key in ("role", "content", "tool_calls", "tool_call_id")} for message in messages]
    return blake2b(canonical([said, tools or []]).encode(), digest_size=16).hexdigest()


@dataclass(slots=True)
class Recording:
    """An agent that keeps what it answers; the same conversation always gets the same."""

    agent: base.ChatModel
    """Who answers the first time."""
    messages: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Conversation -> the message that answered it."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The recorded answer, or a new one."""
        key = conversation_key(request.messages, parsed(request.tools) if request.tools else [])
        if key not in self.messages:
            made = sum(len(message.get("tool_calls") or ()) for message in request.messages)
            self.messages[key] = _message(await self.agent.answer(request), made)
        message = self.messages[key]
        calls = tuple(ToolCall(**call["function"]) for call in message.get("tool_calls", ()))
        return ChatAnswer(content=message["content"], tool_calls=calls)


def _message(answer: ChatAnswer, calls_before: int) -> dict[str, Any]:
    """An answer as the endpoint gives it; calls have the ids that this harness gives them."""
    calls = [
        {"id": f"call_{number}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
        for number, call in enumerate(answer.tool_calls, calls_before + 1)
    ]
    return {"content": answer.content, **({"tool_calls": calls} if calls else {})}


@dataclass(slots=True)
class Replay:
    """Answers a server's requests out of a recording."""

    messages: Mapping[str, dict[str, Any]]
    """Conversation -> message."""
    unknown: list[dict[str, Any]] = field(default_factory=list)
    """Requests that the recording does not hold."""

    def __call__(self, headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        """The message that answers a request."""
        known = self.messages.get(conversation_key(body["messages"], body.get("tools")))
        if known is None:
            self.unknown.append(body)
        return known or {"content": "I do not know this conversation."}
