"""vLLM's requests and answers (OpenAI's format with extensions), from and to ours.

vLLM is asked for the bare text of an answer, and the calls in it are read by the reader that training, evaluation and the other
engine use: its own parsers read a text that is cut off in a call, or streamed, otherwise than the same text as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import orjson

from magnet_ray.render.base import CallForm
from magnet_ray.render.parsing import CLOSE
from magnet_ray.serving.api_errors import SERVER, ApiError
from magnet_ray.serving.call_openings import CallOpening, call_grammar
from magnet_ray.serving.chat_requests import ChatRequest, IncomingChat
from magnet_ray.serving.emitted import Emitted
from magnet_ray.serving.engine import EndPiece, FinishReason, Piece

FIELDS: Final = frozenset(
    {
        *("messages", "max_tokens", "max_completion_tokens", "temperature", "top_p", "seed", "stop", "response_format"),
        *("frequency_penalty", "presence_penalty", "top_k", "min_p", "repetition_penalty", "ignore_eos", "min_tokens"),
        *("structured_outputs", "chat_template_kwargs"),
    }
)
"""Fields that reach vLLM as they are; whatever else a client writes does not, templates and transfers between engines above all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a checkpoint writes calls and thoughts."""

    form: CallForm
    """How it writes calls."""
    thinks: bool
    """Whether it writes thoughts."""
    in_thought: bool
    """Whether its prompt opens one."""
    several: bool
    """Whether an answer may have several calls."""
    opening: CallOpening
    """How it opens a call."""


def request_fields(incoming: IncomingChat, reading: Reading, *, stream: bool, with_schemas: bool = True) -> dict[str, Any]:
    """The fields of a request for vLLM, but for the model's name.

    Args:
        incoming: the request.
        reading: how the checkpoint writes calls.
        stream: whether the text is wanted as it grows.
        with_schemas: hold the arguments of a call that is demanded to the function's schema.
    """
    chat = incoming.chat
    fields = {key: value for key, value in incoming.fields.items() if key in FIELDS and value is not None}
    fields |= {"stream": stream}
    if stream:
        fields["stream_options"] = {"include_usage": True}
    if chat.choice != "none":
        # Some templates open calls with a token that is not shown otherwise.
        fields |= {"tools": incoming.fields["tools"], "tool_choice": "none", "skip_special_tokens": False}
    if chat.forced_names:
        grammar = call_grammar(reading.opening, chat, with_schemas=with_schemas, several=reading.several and not chat.is_single)
        fields["structured_outputs"] = {"structural_tag": orjson.dumps(grammar).decode()}
    return fields


def refusal_of(reply: Mapping[str, Any]) -> ApiError:
    """The error that a reply of vLLM's is; what is not the client's fault is not told in its words."""
    error = reply["error"]
    status = error.get("code")
    if isinstance(status, int) and 400 <= status < 500:
        # A prompt that is too long is also a wrong value to vLLM.
        code = "context_length_exceeded" if "context length" in str(error.get("message")) else None
        return ApiError(status, str(error.get("message"))[:1_000], code, error.get("param"))
    return ApiError(500, "the model failed on this request", "internal_error", kind=SERVER)


class Answer:
    """An answer of vLLM's as it is read."""

    def __init__(self, chat: ChatRequest, reading: Reading) -> None:
        """An answer to a request, without text so far."""
        self._emitted = Emitted(reading.form if chat.choice != "none" else None, thinks=reading.thinks, in_thought=reading.in_thought)
        self._single = chat.is_single
        self._text = ""
        self._is_over = False
        self._reason: str | None = None
        self._usage: Mapping[str, Any] = {}

    def read_whole(self, reply: Mapping[str, Any]) -> list[Piece]:
        """The pieces of a whole reply.

        Raises:
            ApiError: it is an error.
        """
        if "error" in reply:
            raise refusal_of(reply)
        [choice] = reply["choices"]
        self._reason, self._usage = choice["finish_reason"], reply["usage"]
        return [*self._grow(choice["message"].get("content") or ""), *self.close()]

    def read_event(self, event: str) -> list[Piece]:
        """The pieces that a server-sent event of a stream completes.

        Raises:
            ApiError: it is an error.
        """
        pieces: list[Piece] = []
        for line in event.splitlines():
            data = line.removeprefix("data:").strip()
            if not line.startswith("data:") or data == "[DONE]":
                continue
            chunk = orjson.loads(data)
            if "error" in chunk:
                raise refusal_of(chunk)
            self._usage = chunk.get("usage") or self._usage
            for choice in chunk["choices"]:
                pieces += self._grow(choice["delta"].get("content") or "")
                self._reason = choice.get("finish_reason") or self._reason
        return pieces

    def close(self) -> list[Piece]:
        """The last pieces; the end is not among them when the stream broke off."""
        pieces = self._emitted.close()
        if self._reason is None:
            return pieces
        reason: FinishReason = (
            "length" if self._reason == "length" and not self._is_over else "tool_calls" if self._emitted.calls else "stop"
        )
        read, written = int(self._usage.get("prompt_tokens") or 0), int(self._usage.get("completion_tokens") or 0)
        return [*pieces, EndPiece(reason=reason, prompt_tokens=read, completion_tokens=written)]

    def _grow(self, text: str) -> Iterator[Piece]:
        """The text grows call by call, so that one that may have a single call ends behind it, however much comes at once."""
        start, self._text = len(self._text), self._text + text
        ends = [found.end() for found in re.finditer(CLOSE, self._text) if found.end() > start]
        for end in dict.fromkeys([*ends, len(self._text)]):
            if not self._is_over and end > start:
                yield from self._emitted.grow(self._text[:end])[0]
                self._is_over = self._single and self._emitted.calls > 0
