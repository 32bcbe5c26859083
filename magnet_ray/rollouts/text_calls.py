"""Calls that a model wrote into its text, where its endpoint does not take them out.

Forms: `<tool_call>{…}</tool_call>` blocks (the last may be left open), a ```json fence, or an answer that is nothing but the
object or a list of such; each object holds `name` and `arguments`. Other JSON in an answer is text.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final

from magnet_ray.llm.base import ToolCall
from magnet_ray.types import compact

_TAGGED: Final = re.compile(r"<tool_call>(.*?)(?:</tool_call>|(?=<tool_call>)|\Z)", re.DOTALL)
_FENCED: Final = re.compile(r"```(?:json|tool_call|tool_code)?[ \t]*\n(.*?)(?:```|\Z)", re.DOTALL)
_THOUGHT: Final = re.compile(r"\A.*?</think(?:ing)?>\s*", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextCalls:
    """An answer's text, taken apart."""

    calls: tuple[ToolCall, ...]
    """Calls in order; arguments as compact JSON text."""
    remainder: str
    """What is left without them."""
    unreadable: bool = False
    """Whether a `<tool_call>` block holds something else."""


def without_thought(content: str) -> str:
    """An answer's text without the thinking that some models put before it."""
    return _THOUGHT.sub("", content, count=1)


def take_calls(content: str) -> TextCalls:
    """The calls of an answer's text; without any, the remainder is the text as it was."""
    if "<tool_call>" in content:
        found = [_calls(inner) for inner in _TAGGED.findall(content)]
        return TextCalls(
            calls=tuple(call for calls in found for call in calls), remainder=_TAGGED.sub("", content).strip(), unreadable=[] in found
        )
    if content.lstrip().startswith(("{", "[")) and (calls := _calls(content)):
        return TextCalls(calls=tuple(calls), remainder="")
    fences = [(match.group(0), _calls(match.group(1))) for match in _FENCED.finditer(content)]
    remainder = content
    for text, calls in fences:
        if calls:
            remainder = remainder.replace(text, "", 1).strip()
    return TextCalls(calls=tuple(call for _, calls in fences for call in calls), remainder=remainder)


def _calls(text: str) -> list[ToolCall]:
    """The calls in one JSON text; empty when it holds anything else."""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return []
    calls = [_call(entry) for entry in (value if isinstance(value, list) else [value])]
    return [call for call in calls if call] if all(calls) else []


def _call(entry: Any) -> ToolCall | None:
    if not isinstance(entry, dict):
        return None
    name, arguments = entry.get("name"), entry.get("arguments", entry.get("parameters"))
    if not isinstance(name, str) or not name or not isinstance(arguments, dict | str):
        return None
    return ToolCall(name=name, arguments=arguments if isinstance(arguments, str) else compact(arguments))
