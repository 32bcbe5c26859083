"""What is asked of a language model and what it answers: the seam between the stages and whatever runs the model.

A request carries its key, so that a response cache, a log and a server can tell two samples of one prompt apart.
Whoever answers (HTTP endpoint, Serve handle, cache in front of either, scripted fake) implements `ChatModel`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from magnet_ray.types import JsonValue


class Role(StrEnum):
    """Who a model plays (paper, sections 3.1 to 3.4)."""

    JUDGE = "judge"
    BACK_TRANSLATOR = "back_translator"
    FORTH_TRANSLATOR = "forth_translator"
    RESPONDER = "responder"
    ERROR_JUDGE = "error_judge"
    STUDENT = "student"


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestKey:
    """Which request of a run this is; two requests of one run never share a key."""

    record: str
    """Id of the record that it serves: a path's id, or `source>target` for an edge."""
    role: Role
    """Who is asked."""
    step: str
    """Place inside the record, such as `3` (turn) or `3.1` (second round of turn 3)."""
    attempt: int = 0
    """Number of the try: re-asks, retried turns and further samples count up."""

    def __str__(self) -> str:
        return f"{self.record}/{self.role.value}/{self.step}/{self.attempt}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatRequest:
    """One request to a model."""

    key: RequestKey
    """Which request it is."""
    messages: tuple[Mapping[str, JsonValue], ...]
    """Conversation so far, in OpenAI's chat format."""
    tools: str = ""
    """JSON text of the offered tools (a list in OpenAI's tool format); empty for none."""
    schema: str = ""
    """JSON Schema text that the answer's content must follow; empty for free text."""
    remaining: int = 0
    """Requests that the record is expected to need after this one: those with more go first, so that all end together."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A call that a model emitted."""

    name: str
    """Function that it names."""
    arguments: str
    """Arguments, byte for byte as emitted: perhaps not JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens of one answer, as the server counted them."""

    prompt_tokens: int = 0
    """Tokens read."""
    completion_tokens: int = 0
    """Tokens written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatAnswer:
    """What a model answered."""

    content: str = ""
    """Text, byte for byte; empty when it only calls."""
    tool_calls: tuple[ToolCall, ...] = ()
    """Calls in the order emitted."""
    finish_reason: str = ""
    """Why it ended, in OpenAI's words: `stop`, `length`, `tool_calls`, `content_filter`."""
    usage: Usage = field(default=Usage())
    """Tokens that it cost."""


class ChatModel(Protocol):
    """Answers requests of one or several roles."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The model's answer.

        Raises:
            Rejected: MODEL_UNAVAILABLE, when the retries are spent or the endpoint refuses this request for good.
            BudgetSpent: the run may buy nothing more; it stops and can be resumed.
        """
