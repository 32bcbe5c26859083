"""Conversations that hypothesis makes, and one that stands for all."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import strategies as st

from magnet_ray.render.base import Message

AWKWARD = [
    '"',
    "{",
    "}",
    "\\",
    "\n",
    "\t",
    " ",
    "</tool_call>",
    "<tool_call>",
    '{"name": "x", "arguments": {}}',
    "</think>",
    "日本",
    "🜚",
    "```json",
]
NAMES = st.from_regex(r"[a-z][a-z_]{0,8}", fullmatch=True)
# Lone surrogates are no text; SmolLM2's vocabulary lacks some bytes of control and unassigned characters.
_CHARACTERS = st.characters(exclude_categories=["Cs", "Cc", "Cn", "Co"])
_STRINGS = st.lists(st.one_of(st.text(_CHARACTERS, max_size=6), st.sampled_from(AWKWARD)), max_size=4).map("".join)
_STRINGS = _STRINGS.filter(lambda text: "<|" not in text)
_LEAVES = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False, allow_infinity=False), _STRINGS)
_VALUES = st.recursive(_LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_STRINGS, inner, max_size=3), max_leaves=6)
CONTENTS = _STRINGS.filter(lambda text: not any(sign in text for sign in ("tool_call>", "think>", '{"name"')))
"""Texts that hold neither a call nor a thought."""


@st.composite
def calls(draw: Any) -> Message:
    """A stored call: its arguments are text, written in one of two ways."""
    separators = draw(st.sampled_from([(",", ":"), (", ", ": ")]))
    arguments = json.dumps(draw(st.dictionaries(_STRINGS, _VALUES, max_size=3)), ensure_ascii=draw(st.booleans()), separators=separators)
    return {"id": "", "type": "function", "function": {"name": draw(NAMES), "arguments": arguments}}


@st.composite
def answers(draw: Any, *, beside: bool = True, several: bool = True) -> Message:
    """One assistant message: text, calls, or both."""
    made = draw(st.lists(calls(), max_size=3 if several else 1))
    message: Message = {"role": "assistant", "content": draw(CONTENTS) if beside or not made else ""}
    if made:
        message["tool_calls"] = [{**call, "id": f"call_{number}"} for number, call in enumerate(made)]
    return message


@st.composite
def conversations(draw: Any, *, beside: bool = True, several: bool = True) -> list[Message]:
    """One to three turns, each with up to two rounds of calls and a reply."""
    messages: list[Message] = [{"role": "system", "content": draw(CONTENTS)}] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 3))):
        messages.append({"role": "user", "content": draw(CONTENTS)})
        for _ in range(draw(st.integers(0, 2))):
            said = draw(answers(beside=beside, several=several))
            if said.get("tool_calls"):
                messages.append(said)
                messages += [{"role": "tool", "tool_call_id": call["id"], "content": draw(_STRINGS)} for call in said["tool_calls"]]
        messages.append({"role": "assistant", "content": draw(CONTENTS)})
    return messages


def tool(name: str) -> dict[str, Any]:
    """A tool in OpenAI's format."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": f"Does {name}: «it».", "parameters": parameters}}


def call(key: str, name: str, arguments: str) -> dict[str, Any]:
    """A stored call."""
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}


def output(key: str, text: str) -> Message:
    """What a function answered."""
    return {"role": "tool", "tool_call_id": key, "name": "find", "content": text}


TOOLS = [tool("find"), tool("book")]
TALK: list[Message] = [
    {"role": "system", "content": "Today is Monday."},
    {"role": "user", "content": "What is there in Ulm and in Bern?"},
    {
        "role": "assistant",
        "content": "",
        "tool_calls": [call("call_1", "find", '{"city":"Ulm"}'), call("call_2", "find", '{"city":"Bern"}')],
    },
    output("call_1", '{"places":["Süd"]}'),
    output("call_2", "[]"),
    {"role": "assistant", "content": "Süd in Ulm."},
    {"role": "user", "content": "Book it."},
    {"role": "assistant", "content": "", "tool_calls": [call("call_3", "book", '{"city":"Süd","guests":2}')]},
    output("call_3", '{"code":"A-1"}'),
    {"role": "assistant", "content": "Booked: A-1."},
]
"""Two turns, the first with two calls of one round."""
