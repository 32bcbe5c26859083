"""What a model emitted, as a message: the inverse of rendering one assistant message.

Calls are read as JSON, so a call's own text may hold braces, quotes or `</tool_call>`; their arguments keep the text that
was emitted. What does not read as a call stays text.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any, Final

from magnet_ray.render.base import CallForm, Message

OPEN: Final = "<tool_call>"
CLOSE: Final = "</tool_call>"
_SPACE: Final = re.compile(r"\s*")
_DECODER: Final = json.JSONDecoder()
_PYTHON_TAG: Final = "<|python_tag|>"


def parse_message(text: str, form: CallForm, *, thinks: bool = False) -> Message:
    """The assistant's message that a text is: `content`, `tool_calls` where it calls, `reasoning_content` where it thought.

    Args:
        text: what was emitted, without its end-of-turn token.
        form: how calls are written.
        thinks: whether the template writes thoughts, so that `</think>` ends one.
    """
    message: Message = {"role": "assistant", "content": text}
    # Before a call, or after its own opening: elsewhere it is a call's text.
    if thinks and "</think>" in (text if text.startswith("<think>") else text.partition(OPEN)[0]):
        thought, _, text = text.partition("</think>")
        message["content"] = text = text.lstrip("\n")
        if thought := thought.removeprefix("<think>").strip("\n"):
            message["reasoning_content"] = thought
    content, calls = _hermes(text) if form is CallForm.HERMES else _llama(text)
    if calls:
        message["content"] = content
        message["tool_calls"] = [{"type": "function", "function": {"name": name, "arguments": raw}} for name, raw in calls]
    return message


def _hermes(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The text without the blocks that read as calls, and the calls."""
    pieces: list[str] = []
    calls: list[tuple[str, str]] = []
    start = position = 0
    while (found := text.find(OPEN, position)) >= 0:
        position = found + len(OPEN)
        read = _call(text, _skip(text, position), "arguments")
        if read is None:
            continue
        name, raw, end = read
        end = _skip(text, end)
        if text.startswith(CLOSE, end):
            end += len(CLOSE)
        elif end < len(text):
            continue
        # Between text and block the template puts one newline.
        pieces.append(text[start:found].removesuffix("\n"))
        calls.append((name, raw))
        start = position = end
    pieces.append(text[start:])
    first, *others = pieces
    return "\n".join([first, *(piece.strip() for piece in others if piece.strip())]) if calls else text, calls


def _llama(text: str) -> tuple[str, list[tuple[str, str]]]:
    """The call that the whole text is, or the text."""
    start = _skip(text, 0)
    if text.startswith(_PYTHON_TAG, start):
        start = _skip(text, start + len(_PYTHON_TAG))
    read = _call(text, start, "parameters")
    if read is None or _skip(text, read[2]) < len(text):
        return text, []
    return "", [read[:2]]


def _call(text: str, start: int, key: str) -> tuple[str, str, int] | None:
    """Name, raw arguments and end of the call object at `start`; None when there is none."""
    try:
        members, end = _members(text, start)
    except (ValueError, IndexError, RecursionError):
        return None
    if not {"name", key} <= members.keys():
        return None
    (name, _), (_, raw) = members["name"], members[key]
    return (name, raw, end) if isinstance(name, str) and name else None


def _members(text: str, start: int) -> tuple[dict[str, tuple[Any, str]], int]:
    """The members of the JSON object at `start`, each with its value and the value's own text, and where it ends.

    Raises:
        ValueError, IndexError: there is no such object.
    """
    members: dict[str, tuple[Any, str]] = {}
    position = _expect(text, start, "{")
    while text[position] != "}":
        if members:
            position = _expect(text, position, ",")
        key, position = _DECODER.raw_decode(text, position)
        position = _expect(text, _skip(text, position), ":")
        value, end = _DECODER.raw_decode(text, position)
        members[key] = (value, text[position:end])
        position = _skip(text, end)
    return members, position + 1


def _expect(text: str, position: int, character: str) -> int:
    if text[position] != character:
        raise ValueError(f"no {character} at {position}")
    return _skip(text, position + 1)


def _skip(text: str, position: int) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def until(text: str, ends: Sequence[str]) -> str:
    """A text up to the first of some tokens."""
    return re.split("|".join(map(re.escape, ends)), text, maxsplit=1)[0]
