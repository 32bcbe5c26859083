"""An engine without a model: what it says follows from the request, word by word, so that tests know it beforehand.

The last message directs it: `slow` never ends, `fail` breaks, `late` breaks in the middle, anything else is repeated. Where tools
are offered, it calls the first of them for every word of the message, unless the request names another or forbids it.
"""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncGenerator
from pathlib import Path

from magnet_ray.serving.chat_requests import ChatRequest, IncomingChat
from magnet_ray.serving.engine import CallPiece, EndPiece, Piece, TextPiece
from magnet_ray.serving.settings import ServeConfig

GIVEN_UP = "MAGNET_TEST_GIVEN_UP"
"""Environment variable that names a file, which gets a line for every answer that nobody waited for."""


class ScriptedEngine:
    """See the module."""

    def __init__(self, config: ServeConfig | None = None) -> None:
        self.given_up = 0

    async def ready(self) -> None:
        """Always."""

    async def generate(self, request: IncomingChat) -> AsyncGenerator[Piece]:
        """The pieces that the last message asks for."""
        words = str(request.chat.plain_messages()[-1]["content"]).split()
        try:
            if words[:1] == ["fail"]:
                raise RuntimeError("the engine broke, and this must not be told")
            while words[:1] == ["slow"]:
                yield TextPiece(text="on ")
                await asyncio.sleep(0.01)
            if words[:1] == ["late"]:
                yield TextPiece(text="well, ")
                raise RuntimeError("the engine broke in the middle")
        except (GeneratorExit, asyncio.CancelledError):
            self._count()
            raise
        for piece in said(request.chat, words):
            yield piece
            await asyncio.sleep(0)

    def _count(self) -> None:
        self.given_up += 1
        if file := os.environ.get(GIVEN_UP):
            with Path(file).open("a", encoding="utf-8") as lines:
                lines.write("given up\n")


def said(chat: ChatRequest, words: list[str]) -> list[Piece]:
    """All pieces of an answer."""
    pieces: list[Piece] = [TextPiece(text=f"{word} ") for word in words]
    names = chat.forced_names or tuple(tool.function.name for tool in chat.tools or () if chat.choice != "none")
    arguments = words if chat.parallel_tool_calls is not False else words[:1]
    if names:
        pieces = []
        for index, word in enumerate(arguments):
            text = json.dumps({"word": word})
            pieces.append(CallPiece(index=index, id=f"call_{index}", name=names[0], arguments=text[:4]))
            pieces += [CallPiece(index=index, arguments=text[start : start + 3]) for start in range(4, len(text), 3)]
    reason: EndPiece = EndPiece(reason="tool_calls" if names and words else "stop", prompt_tokens=len(words), completion_tokens=len(pieces))
    return [*pieces, reason]
