"""What a model emits, token by token, as pieces: text as soon as it is certain, a call as soon as its block is closed.

The pieces of a finished answer assemble to what `parse_message` reads in the whole text. Text is held back where it may still
turn out to be the beginning of a call or of a stop text, and all of it until a thought that it begins with is closed.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from typing import Final

from magnet_ray.render.base import CallForm, Message
from magnet_ray.render.parsing import CLOSE, OPEN, parse_message
from magnet_ray.render.template import Template
from magnet_ray.serving.engine import CallPiece, Piece, TextPiece

THINK: Final = "<think>"
_THOUGHT_ENDS: Final = "</think>"
_PYTHON_TAG: Final = "<|python_tag|>"


class Emitted:
    """One answer's text as it grows."""

    def __init__(self, form: CallForm | None, *, thinks: bool = False, in_thought: bool = False, stops: Sequence[str] = ()) -> None:
        """An answer without text.

        Args:
            form: how calls are written; None: no calls are looked for.
            thinks: whether the text may begin with a thought.
            in_thought: whether the prompt opened a thought already.
            stops: texts at which the answer ends, themselves left out.
        """
        self._form, self._thinks, self._in_thought, self._stops = form, thinks, in_thought, tuple(stops)
        self._text = ""
        self._thought: str | None = None
        self._content_sent = self._calls_sent = self._searched = 0

    @property
    def calls(self) -> int:
        """Calls that were sent."""
        return self._calls_sent

    def grow(self, text: str) -> tuple[list[Piece], bool]:
        """Pieces that are certain now that the whole text is `text`, and whether a stop text was reached, which ends the answer."""
        found = [position for stop in self._stops if (position := text.find(stop)) >= 0]
        self._text = text[: min(found)] if found else text
        return ([], True) if found else (list(self._certain()), False)

    def close(self) -> list[Piece]:
        """The rest of the pieces; nothing can come after it."""
        content, pieces = self._after_thought(), list[Piece]()
        if self._thought:
            pieces.append(TextPiece(text=self._thought, thought=True))
        message = self._message(self._text if content is None else content)
        if rest := message["content"][self._content_sent :]:
            pieces.append(TextPiece(text=rest))
        return [*pieces, *self._calls(message)]

    def _certain(self) -> Iterator[Piece]:
        content = self._after_thought()
        if content is None:
            return
        if self._thought:
            yield TextPiece(text=self._thought, thought=True)
            self._thought = ""
        safe = self._safe_length(content)
        if safe > self._content_sent:
            yield TextPiece(text=content[self._content_sent : safe])
            self._content_sent = safe
        if self._form is CallForm.HERMES and CLOSE in content[self._searched :]:
            yield from self._closed_calls(content)

    def _after_thought(self) -> str | None:
        """The text behind the thought that it begins with; None while that is open, or while it may yet begin."""
        text = self._text
        begun = text.startswith(THINK)
        if not (self._in_thought or (self._thinks and begun)):
            return None if self._thinks and THINK.startswith(text) else text
        # After its own opening a thought may hold a call's; without one, a call's opening says that there was no thought.
        thought, ended, content = text.partition(_THOUGHT_ENDS)
        if not begun and OPEN in thought:
            return text
        if not ended:
            return None
        if self._thought is None:
            self._thought = thought.removeprefix(THINK).strip("\n")
        return content.lstrip("\n")

    def _closed_calls(self, content: str) -> Iterator[Piece]:
        self._searched = content.rindex(CLOSE) + len(CLOSE)
        closed = content[: self._searched]
        message = self._message(closed)
        # Where some opening did not read as a call, its own text may go on behind what looks like its end.
        if len(message.get("tool_calls", ())) == closed.count(OPEN):
            yield from self._calls(message)

    def _calls(self, message: Message) -> Iterator[CallPiece]:
        for call in message.get("tool_calls", ())[self._calls_sent :]:
            name, arguments = call["function"]["name"], call["function"]["arguments"]
            yield CallPiece(index=self._calls_sent, id=f"call_{uuid.uuid4().hex[:24]}", name=name, arguments=arguments)
            self._calls_sent += 1

    def _message(self, content: str) -> Message:
        return parse_message(content, self._form) if self._form else {"content": content}

    def _safe_length(self, content: str) -> int:
        """Length of the content that stays whatever follows."""
        end = _without_beginning(content, self._stops)
        if self._form is CallForm.HERMES:
            opened = content.find(OPEN)
            # The newline before a block belongs to the block.
            calling = len(content[:opened].removesuffix("\n")) if opened >= 0 else _without_beginning(content, ("\n" + OPEN, OPEN))
            return min(end, calling)
        start = content.lstrip()
        may_call = any(start.startswith(opening) or opening.startswith(start) for opening in ("{", _PYTHON_TAG))
        return 0 if self._form is CallForm.LLAMA and may_call else end


def in_thought(template: Template) -> bool:
    """Whether a template's prompt opens a thought, so that the answer begins within it."""
    return template.abilities.thinks and template.generation_prompt.rstrip().endswith(THINK)


def _without_beginning(text: str, marks: Sequence[str]) -> int:
    """Length of the text without an end that may be the beginning of a mark."""
    longest = max((len(mark) for mark in marks), default=1) - 1
    for start in range(max(0, len(text) - longest), len(text)):
        if any(mark.startswith(text[start:]) for mark in marks):
            return start
    return len(text)
