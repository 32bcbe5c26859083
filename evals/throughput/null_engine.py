"""An engine that answers with fixed words, at once or after a fixed time: what is left to measure is the way to it and back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from magnet_ray.serving.chat_requests import IncomingChat
from magnet_ray.serving.engine import CallPiece, EndPiece, Piece, TextPiece
from magnet_ray.serving.settings import ServeConfig

WORDS = 32
"""Words of an answer, each a piece."""


class NullEngine:
    """A `magnet_ray.serving.engine.Engine` without a model; where tools are offered it calls the first."""

    def __init__(self, config: ServeConfig | None = None, *, seconds: float = 0.0) -> None:
        """`seconds` go by before the first word, as they would in a model."""
        self._seconds = seconds

    async def ready(self) -> None:
        """Always."""

    async def generate(self, request: IncomingChat) -> AsyncGenerator[Piece]:
        """The fixed answer."""
        chat = request.chat
        if self._seconds:
            await asyncio.sleep(self._seconds)
        if chat.tools and chat.choice != "none":
            yield CallPiece(index=0, id="call_0", name=chat.tools[0].function.name, arguments="{}")
        else:
            for number in range(WORDS):
                yield TextPiece(text=f"word{number} ")
                # As an engine would: others have their turn between two words.
                await asyncio.sleep(0)
        yield EndPiece(reason="stop", prompt_tokens=10, completion_tokens=WORDS)
