"""How a template writes a call, for calls that a request demands: what stands before, between and after name and arguments.

Learned from the template by rendering a call, so that the model goes on from text that it was trained to write.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from magnet_ray.errors import ModelError
from magnet_ray.render.renderer import Renderer
from magnet_ray.serving.chat_requests import ChatRequest

_NAME, _ARGUMENTS = "some_function", {"some_argument": 1}


@dataclass(frozen=True, slots=True, kw_only=True)
class CallOpening:
    """The text around a call's name."""

    before_name: str
    """From the beginning of the assistant's message."""
    before_arguments: str
    """From the name's end."""
    after_arguments: str
    """To the end of the call."""

    def opened(self, name: str) -> str:
        """A call of this function up to its arguments."""
        return self.before_name + json.dumps(name, ensure_ascii=False)[1:-1] + self.before_arguments


def call_opening(renderer: Renderer) -> CallOpening:
    """How the renderer's template opens a call.

    Raises:
        ModelError: the template writes the arguments before the name.
    """
    tool = {"type": "function", "function": {"name": _NAME, "parameters": {"type": "object", "properties": {"some_argument": {}}}}}
    question = {"role": "user", "content": "Go on."}
    call = {"id": "call_1", "type": "function", "function": {"name": _NAME, "arguments": _ARGUMENTS}}
    asked = renderer.write([question], [tool], ask=True)
    whole = renderer.write([question, {"role": "assistant", "content": "", "tool_calls": [call]}], [tool])
    written = whole.removeprefix(asked)
    before, _, rest = written.partition(_NAME)
    between, _, after = rest.partition(json.dumps(_ARGUMENTS))
    if written == whole or not after or not between:
        raise ModelError("the checkpoint's template opens calls in a way that cannot be demanded of it", written)
    after = after.partition(renderer.template.end_of_turn)[0]
    return CallOpening(before_name=before, before_arguments=between, after_arguments=after)


class OneOf:
    """A `Guide` to one of several sequences of tokens, and to anything behind it."""

    def __init__(self, sequences: Sequence[Sequence[int]]) -> None:
        self._sequences = [tuple(sequence) for sequence in sequences]

    def __call__(self, emitted: Sequence[int]) -> Sequence[int] | None:
        """Tokens that go on with one of the sequences; None once one of them is whole."""
        begun = tuple(emitted)
        if any(begun[: len(sequence)] == sequence for sequence in self._sequences):
            return None
        ahead = {sequence[len(begun)] for sequence in self._sequences if sequence[: len(begun)] == begun}
        return sorted(ahead) or None


def guide_to(opening: CallOpening, names: Sequence[str], tokens_of: Callable[[str], Sequence[int]]) -> OneOf:
    """A guide to a call of one of the functions."""
    # Without the blank before the arguments, which the model's tokens join to what follows it.
    return OneOf([tokens_of(opening.opened(name).rstrip()) for name in names])


def call_grammar(opening: CallOpening, chat: ChatRequest, *, with_schemas: bool, several: bool) -> dict[str, Any]:
    """A structural tag (xgrammar's format) of the calls that a request demands.

    Args:
        opening: how the template writes calls.
        chat: the request.
        with_schemas: hold the arguments to the functions' schemas, and not only to being an object.
        several: whether the answer may have more calls than one.
    """
    tags = []
    for tool in chat.tools or ():
        if tool.function.name in chat.forced_names:
            schema = tool.function.parameters if with_schemas else None
            content = {"type": "json_schema", "json_schema": schema or {"type": "object"}}
            tags.append({"type": "tag", "begin": opening.opened(tool.function.name), "content": content, "end": opening.after_arguments})
    calls = {"type": "tags_with_separator", "tags": tags, "separator": "\n", "at_least_one": True, "stop_after_first": not several}
    return {"type": "structural_tag", "format": calls}
