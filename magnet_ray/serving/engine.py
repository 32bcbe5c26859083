"""What answers requests, and the pieces that it answers in.

Every engine (vLLM, transformers, the scripted ones of tests and benchmarks) gives one stream of pieces for a request; the
streamed and the unstreamed answer are both made from it, so that one assembles to the other by construction.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Literal, Protocol

from magnet_ray.serving.chat_requests import IncomingChat


@dataclass(frozen=True, slots=True, kw_only=True)
class TextPiece:
    """More of the answer's text."""

    text: str
    """To be appended."""
    thought: bool = False
    """Whether it belongs to the reasoning and not to the content."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallPiece:
    """A call, or more of one."""

    index: int
    """Which call of the answer."""
    id: str = ""
    """The call's id; empty after its first piece."""
    name: str = ""
    """The function's name; empty after its first piece."""
    arguments: str = ""
    """To be appended to its arguments."""


FinishReason = Literal["stop", "length", "tool_calls", "content_filter"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EndPiece:
    """The end of an answer, always its last piece."""

    reason: FinishReason
    """Why it ended."""
    prompt_tokens: int
    """Tokens of the request."""
    completion_tokens: int
    """Tokens of the answer, its end-of-turn token included."""


Piece = TextPiece | CallPiece | EndPiece


class Engine(Protocol):
    """Something that answers requests."""

    async def ready(self) -> None:
        """Return when it can answer.

        Raises:
            ApiError: it cannot, and why.
        """

    def generate(self, request: IncomingChat) -> AsyncGenerator[Piece]:
        """The answer to a request; closing the generator stops the work on it.

        Raises:
            ApiError: while iterating, when there is no (further) answer.
        """
