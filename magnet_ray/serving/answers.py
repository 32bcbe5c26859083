"""Pieces as OpenAI's objects: one chat completion, or the chunks of a stream that assemble to it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from magnet_ray.serving.engine import CallPiece, EndPiece, Piece, TextPiece


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """What stands in every object of one answer."""

    id: str
    """Name of the answer."""
    model: str
    """Name of the model, as the client gave it."""
    created: int
    """Seconds since 1970."""

    def chunk(self, delta: dict[str, Any], finish_reason: str | None = None) -> dict[str, Any]:
        """One chunk of a stream."""
        return self._object("chat.completion.chunk", [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}])

    def opening(self, first: Piece) -> dict[str, Any]:
        """The chunk before that of the first piece: content is null until there is some, as in the whole answer."""
        is_text = isinstance(first, EndPiece) or (isinstance(first, TextPiece) and not first.thought)
        return self.chunk({"role": "assistant", "content": "" if is_text else None})

    def chunk_of(self, piece: Piece) -> dict[str, Any]:
        """The chunk of a piece."""
        match piece:
            case TextPiece():
                return self.chunk({"reasoning_content" if piece.thought else "content": piece.text})
            case CallPiece():
                function = {"name": piece.name, "arguments": piece.arguments} if piece.name else {"arguments": piece.arguments}
                head = {"id": piece.id, "type": "function"} if piece.name else {}
                return self.chunk({"tool_calls": [{"index": piece.index, **head, "function": function}]})
            case EndPiece():
                return self.chunk({}, piece.reason)

    def usage_chunk(self, end: EndPiece) -> dict[str, Any]:
        """The last chunk where usage was asked for: it has no choice."""
        return {**self._object("chat.completion.chunk", []), "usage": usage_of(end)}

    def completion(self, pieces: Iterable[Piece]) -> dict[str, Any]:
        """The whole answer."""
        whole = Assembly()
        for piece in pieces:
            whole.add(piece)
        reason = whole.end.reason if whole.end else None
        choice = {"index": 0, "message": whole.message(), "logprobs": None, "finish_reason": reason}
        return {**self._object("chat.completion", [choice]), "usage": usage_of(whole.end) if whole.end else None}

    def _object(self, kind: str, choices: list[dict[str, Any]]) -> dict[str, Any]:
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "choices": choices}


@dataclass(slots=True)
class Assembly:
    """An answer as it grows."""

    text: list[str] = field(default_factory=list)
    """Its content so far."""
    thought: list[str] = field(default_factory=list)
    """Its reasoning so far."""
    calls: dict[int, dict[str, Any]] = field(default_factory=dict)
    """Its calls so far, by index."""
    end: EndPiece | None = None
    """How it ended."""

    def add(self, piece: Piece) -> None:
        """Append a piece."""
        match piece:
            case TextPiece():
                (self.thought if piece.thought else self.text).append(piece.text)
            case CallPiece():
                empty: dict[str, Any] = {"id": "", "type": "function", "function": {"name": "", "arguments": ""}}
                call = self.calls.setdefault(piece.index, empty)
                call["id"] += piece.id
                call["function"]["name"] += piece.name
                call["function"]["arguments"] += piece.arguments
            case EndPiece():
                self.end = piece

    def message(self) -> dict[str, Any]:
        """The assistant's message; its content is null where it only calls."""
        text = "".join(self.text)
        message: dict[str, Any] = {"role": "assistant", "content": text or (None if self.calls or self.thought else "")}
        if self.thought:
            message["reasoning_content"] = "".join(self.thought)
        if self.calls:
            message["tool_calls"] = [call for _, call in sorted(self.calls.items())]
        return message


def usage_of(end: EndPiece) -> dict[str, int]:
    """OpenAI's usage object."""
    total = end.prompt_tokens + end.completion_tokens
    return {"prompt_tokens": end.prompt_tokens, "completion_tokens": end.completion_tokens, "total_tokens": total}
