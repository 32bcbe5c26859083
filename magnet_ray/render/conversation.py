"""Stored messages as a template takes them.

Call arguments are raw text in the records and are decoded here, once: a template that applies `tojson` to a text
would encode it a second time. What a template would leave out or refuse is put otherwise or refused by name, so that
nothing goes missing between the record and the tokens.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magnet_ray.errors import Rejected
from magnet_ray.render.base import Message
from magnet_ray.types import FailureReason

ROLES = ("system", "user", "assistant", "tool")


@dataclass(frozen=True, slots=True, kw_only=True)
class Abilities:
    """What a template can say."""

    several_calls: bool
    """Whether one message may hold several calls."""
    text_beside_calls: bool
    """Whether a message that calls keeps its text."""
    thinks: bool
    """Whether it writes `reasoning_content`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """Messages as a template takes them."""

    messages: tuple[Message, ...]
    """Messages; call arguments are objects."""
    trained: tuple[bool, ...]
    """Whether a message is one of the assistant's that is trained."""

    @property
    def turns(self) -> tuple[int, ...]:
        """Where the user turns start."""
        return tuple(index for index, message in enumerate(self.messages) if message["role"] == "user")

    def without_turns(self, number: int) -> Conversation:
        """The conversation without its first turns; what stands before the first turn stays."""
        if not number:
            return self
        head, start = self.turns[0], self.turns[number]
        return Conversation(
            messages=self.messages[:head] + self.messages[start:],
            trained=self.trained[:head] + self.trained[start:],
        )


def take_conversation(messages: Sequence[Mapping[str, Any]], loss_from: int, abilities: Abilities) -> Conversation:
    """The stored messages as a template takes them; the assistant's are trained from message `loss_from` on.

    Raises:
        Rejected: UNRENDERED, with the text that is to blame.
    """
    taken: list[Message] = []
    trained: list[bool] = []
    waiting = [(dict(message), index >= loss_from) for index, message in enumerate(messages)]
    for message, counts in waiting if abilities.several_calls else _one_by_one(waiting):
        taken.append(_message(message, abilities))
        trained.append(counts and message["role"] == "assistant")
    return Conversation(messages=tuple(taken), trained=tuple(trained))


def _one_by_one(messages: Sequence[tuple[Message, bool]]) -> Iterator[tuple[Message, bool]]:
    """Calls of one message as messages of one call each, every one followed by its output."""
    position = 0
    while position < len(messages):
        message, counts = messages[position]
        calls = message.get("tool_calls") or ()
        position += 1
        if len(calls) < 2:
            yield message, counts
            continue
        outputs = [output for output, _ in messages[position : position + len(calls)] if output["role"] == "tool"]
        if len(outputs) < len(calls):
            raise Rejected(
                FailureReason.UNRENDERED,
                f"the template takes one call in a message, and of the {len(calls)} calls of this one only {len(outputs)} have an output",
            )
        keys = [output.get("tool_call_id") for output in outputs]
        for number, call in enumerate(calls):
            key = call.get("id")
            output = outputs[keys.index(key)] if key is not None and key in keys else outputs[number]
            yield {**message, "content": message.get("content") if number == 0 else "", "tool_calls": [call]}, counts
            yield output, counts
        position += len(calls)


def _message(message: Mapping[str, Any], abilities: Abilities) -> Message:
    """One message with no more than templates know; calls only where there are any, for some ask whether the key is there."""
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        raise Rejected(FailureReason.UNRENDERED, f"a message has the role {role!r}, expected one of {', '.join(ROLES)}")
    if not isinstance(content, str | None):
        raise Rejected(FailureReason.UNRENDERED, f"the content of a message is a {type(content).__name__}, expected text")
    taken: Message = {"role": role, "content": content or ""}
    taken |= {key: message[key] for key in ("name", "tool_call_id") if role == "tool" and key in message}
    if role == "assistant" and abilities.thinks and message.get("reasoning_content"):
        taken["reasoning_content"] = message["reasoning_content"]
    if calls := message.get("tool_calls"):
        if taken["content"].strip() and not abilities.text_beside_calls:
            raise Rejected(FailureReason.UNRENDERED, "the template leaves out the text of a message that calls", taken["content"])
        taken["tool_calls"] = [_call(call) for call in calls]
    return taken


def _call(call: Mapping[str, Any]) -> Message:
    function = call["function"]
    decoded = {"type": "function", "function": {"name": function["name"], "arguments": _decoded(function["name"], function["arguments"])}}
    return {"id": call["id"], **decoded} if "id" in call else decoded


def _decoded(name: str, arguments: Any) -> Mapping[str, Any]:
    """The arguments as an object, whether they are stored as text or were decoded before."""
    if isinstance(arguments, str):
        try:
            value = json.loads(arguments)
        except (ValueError, RecursionError):
            raise Rejected(FailureReason.UNRENDERED, f"the arguments of {name} are no JSON", arguments) from None
    else:
        value = arguments
    if not isinstance(value, Mapping):
        raise Rejected(FailureReason.UNRENDERED, f"the arguments of {name} are no JSON object", str(arguments))
    return value
