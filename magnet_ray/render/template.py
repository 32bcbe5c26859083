"""Which chat template a checkpoint is rendered with, and what is known of it.

Templates are judged by what they do to a probe conversation, not by their names. The checkpoint's own template is taken
where it shows tools and where a conversation begins with what the model was given, and gave, at each of its answers. Qwen3's
does not (it drops earlier thinking): TRL's training template takes its place and is saved with the checkpoint, so that every
server shows the model what training showed it. A ChatML model that knows no tools (SmolLM2) is given ours, saved likewise.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib import import_module
from importlib.resources import files
from typing import Any, Final

from magnet_ray.errors import ModelError, Rejected, boundary
from magnet_ray.render.base import CallForm, Message, Tokenizer, Tools
from magnet_ray.render.conversation import Abilities
from magnet_ray.render.parsing import parse_message
from magnet_ray.types import FailureReason

PINNED_DATE: Final = '{%- if not date_string is defined %}{%- set date_string = "26 Jul 2024" %}{%- endif %}'
"""Llama 3.2's header names the day of rendering: the day of Llama 3.1's stands there instead, or each day would train another text."""
_MARK: Final = re.compile(r"\{%(-?)\s*(?:end)?generation\s*(-?)%\}|\{#(-?).*?(-?)#\}", re.DOTALL)
"""A mark, or a comment, which may speak of marks."""
CHATML: Final = ("<|im_start|>", "<|im_end|>")


class TemplateOrigin(StrEnum):
    """Where the template comes from."""

    OWN = "the checkpoint's own"
    TRAINING = "TRL's training template, saved with the checkpoint"
    OURS = "ours, saved with the checkpoint: its own knows no tools"


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """A template with what the probe showed."""

    text: str
    """Jinja text: what is rendered with and saved with the checkpoint."""
    origin: TemplateOrigin
    """Where it comes from."""
    generation_prompt: str
    """What stands before each of the assistant's messages; it holds a special token."""
    end_of_turn: str
    """Special token that ends each of the assistant's messages, trained with it."""
    markers: tuple[str, ...]
    """Special tokens that the template writes: no message may hold them as text."""
    form: CallForm
    """How a call is written."""
    abilities: Abilities
    """What it can say."""


def _probe_call(number: int) -> Message:
    return {"id": f"call_{number}", "type": "function", "function": {"name": "probe_function", "arguments": {"probe": number}}}


PROBE_TOOLS: Final[Tools] = (
    {
        "type": "function",
        "function": {
            "name": "probe_function",
            "description": "Probes.",
            "parameters": {"type": "object", "properties": {"probe": {"type": "integer"}}, "required": ["probe"]},
        },
    },
)
PROBE: Final[Sequence[Message]] = (
    {"role": "system", "content": "probe system"},
    {"role": "user", "content": "first probe question"},
    {"role": "assistant", "content": "", "tool_calls": [_probe_call(1)]},
    {"role": "tool", "tool_call_id": "call_1", "name": "probe_function", "content": '{"probe":1}'},
    {"role": "assistant", "content": "first probe answer", "reasoning_content": "probe thought"},
    {"role": "user", "content": "second probe question"},
    {"role": "assistant", "content": "second probe answer"},
)
_ASKED: Final = 2
"""Messages of the probe before its first call."""
_QUESTION: Final = PROBE[:_ASKED]
_BOTH: Final[Message] = {"role": "assistant", "content": "probe remark", "tool_calls": [_probe_call(1)]}
_TWO: Final[Message] = {"role": "assistant", "content": "", "tool_calls": [_probe_call(1), _probe_call(2)]}
_THOUGHT: Final[Message] = {"role": "assistant", "content": "probe answer", "reasoning_content": "probe thought"}


def choose_template(tokenizer: Tokenizer) -> Template:
    """The template that a checkpoint is trained, served and evaluated with.

    Raises:
        ModelError: there is no chat template, or none that can be trained on, and why.
    """
    own = tokenizer.chat_template
    if isinstance(own, Mapping):
        own = own.get("tool_use") or own.get("default")
    if not own:
        raise ModelError("the tokenizer has no chat template", fix="start from an instruction-tuned checkpoint")
    problems = []
    for origin, text in _candidates(tokenizer, own):
        try:
            return study(tokenizer, text, origin)
        except Rejected as unfit:
            problems.append(unfit.detail)
    raise ModelError(
        "the checkpoint's chat template cannot be trained on", "; ".join(dict.fromkeys(problems)), fix="choose another checkpoint"
    )


def _candidates(tokenizer: Tokenizer, own: str) -> Iterator[tuple[TemplateOrigin, str]]:
    """The templates to try, best first."""
    pinned = PINNED_DATE + own if "strftime_now" in own and "date_string" in own and not own.startswith(PINNED_DATE) else own
    yield TemplateOrigin.OWN, pinned
    if shows_tools(tokenizer, own):
        if training := _training_template(tokenizer):
            yield TemplateOrigin.TRAINING, without_marks(training)
    elif {token.content for token in tokenizer.added_tokens_decoder.values()}.issuperset(CHATML):
        yield TemplateOrigin.OURS, our_template()


def _training_template(tokenizer: Tokenizer) -> str | None:
    """TRL's training template for the tokenizer's own; None where it has none, or TRL is not installed."""
    try:
        # TRL tries the template out, and a template can fail in any way.
        with boundary(FailureReason.UNRENDERED):
            found = import_module("trl.chat_template_utils").get_training_chat_template(tokenizer)
    except Rejected:
        return None
    return str(found) if found else None


def without_marks(template: str) -> str:
    """A training template without its generation marks, which few servers know; comments in their place trim as they did."""
    return _MARK.sub(r"{#\1\3 \2\4#}", template)


@lru_cache(maxsize=1)
def our_template() -> str:
    """The ChatML template with Hermes' tool calls that is given to a model whose own template knows no tools."""
    return files("magnet_ray.render").joinpath("hermes.jinja").read_text(encoding="utf-8")


def write_text(tokenizer: Tokenizer, template: str, messages: Sequence[Message], tools: Tools, *, ask: bool = False) -> str:
    """The conversation as text; `ask` adds the generation prompt.

    Raises:
        Rejected: UNRENDERED, in the template's words when it refuses.
    """
    with boundary(FailureReason.UNRENDERED):
        text: str = tokenizer.apply_chat_template(
            list(messages), tools=list(tools) or None, chat_template=template, tokenize=False, add_generation_prompt=ask
        )
    return text


def shows_tools(tokenizer: Tokenizer, template: str) -> bool:
    """Whether a template writes the offered tools and the calls."""
    try:
        # The name stands in the tools and in the call.
        return write_text(tokenizer, template, PROBE[: _ASKED + 1], PROBE_TOOLS).count("probe_function") > 1
    except Rejected:
        return False


def study(tokenizer: Tokenizer, template: str, origin: TemplateOrigin) -> Template:
    """What the probe shows of a template.

    Raises:
        Rejected: UNRENDERED, the template cannot be trained on, and why.
    """

    def text(messages: Sequence[Message], *, ask: bool = False) -> str:
        return write_text(tokenizer, template, messages, PROBE_TOOLS, ask=ask)

    if not shows_tools(tokenizer, template):
        raise _unfit("it shows no tools or no calls")
    whole = text(PROBE)
    for index, message in enumerate(PROBE):
        if message["role"] == "assistant" and not (
            whole.startswith(text(PROBE[:index], ask=True)) and whole.startswith(text(PROBE[: index + 1]))
        ):
            raise _unfit("it writes an earlier answer otherwise than when that answer was the last")
    question = text(_QUESTION)
    prompt = text(_QUESTION, ask=True).removeprefix(question)
    special = [token.content for token in tokenizer.added_tokens_decoder.values() if token.special]
    after = whole[whole.index("first probe answer") + len("first probe answer") :]
    end = next((token for token in special if after.startswith(token)), None)
    if end is None or not any(token in prompt for token in special):
        raise _unfit("an answer does not begin and end with a special token")
    call = text(PROBE[: _ASKED + 1])[len(question + prompt) :].partition(end)[0]
    return Template(
        text=template,
        origin=origin,
        generation_prompt=prompt,
        end_of_turn=end,
        markers=tuple(token for token in special if token in whole),
        form=_form(call),
        abilities=Abilities(
            several_calls=_says(text, _TWO, '{"probe": 2}'),
            text_beside_calls=_says(text, _BOTH, "probe remark"),
            thinks=_says(text, _THOUGHT, "probe thought"),
        ),
    )


def _says(text: Any, message: Message, words: str) -> bool:
    """Whether the template writes the words of a message."""
    try:
        return words in text([*_QUESTION, message])
    except Rejected:
        return False


def _form(call: str) -> CallForm:
    """The form in which the probe's call reads as it was meant."""
    meant = _probe_call(1)["function"]
    for form in CallForm:
        for read in parse_message(call, form, thinks=True).get("tool_calls", ()):
            if (read["function"]["name"], json.loads(read["function"]["arguments"])) == (meant["name"], meant["arguments"]):
                return form
    raise _unfit(f"it writes calls in a form that is not known here: {call!r}")


def _unfit(why: str) -> Rejected:
    return Rejected(FailureReason.UNRENDERED, why)
