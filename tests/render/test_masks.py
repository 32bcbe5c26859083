"""What is trained: the assistant's text, calls and end of turn, and nothing else."""

from __future__ import annotations

import json
import pickle
import re
from importlib import import_module
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.datasets import sft_examples
from magnet_ray.errors import Rejected
from magnet_ray.render.base import Message
from magnet_ray.types import FailureReason, compact
from tests.conftest import sample_trajectory
from tests.render.conversations import CONTENTS, TALK, TOOLS, call, conversations, output, tool
from tests.render.families import FAMILIES, LLAMA, comparable, renderer_of, smollm2_renderer, spoken, training_template

HERMES = [family for family in FAMILIES if family not in LLAMA]
MARKED = ["qwen2.5", "qwen3", "qwen3-2507"]


def trimmed(family: str, message: Message) -> Any:
    """What a message says after the template's own trimming."""
    content, calls, thought = comparable(message)
    if family == "qwen3":
        content = content.lstrip("\n")
    return content.strip() if family in LLAMA else content, calls, thought


def talks(family: str) -> st.SearchStrategy[list[Message]]:
    """Conversations that the family's template takes as they are."""
    return conversations() if family in HERMES else conversations(beside=False, several=False)


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
def test_the_mask_covers_the_assistant_s_messages_and_nothing_else(family: str, data: st.DataObject) -> None:
    messages = data.draw(talks(family))
    renderer = renderer_of(family)
    rendered = renderer.render(messages, TOOLS)
    assert renderer.decode(rendered.ids) == renderer.write(messages, TOOLS)
    said = spoken(renderer, rendered.ids, rendered.mask)
    assert all(text.endswith(renderer.template.end_of_turn) for text in said)
    expected = [trimmed(family, message) for message in messages if message["role"] == "assistant"]
    assert [comparable(renderer.parse(text)) for text in said] == expected


@given(messages=conversations())
def test_the_mask_holds_on_smollm2_s_own_tokenizer(messages: list[Message]) -> None:
    renderer = smollm2_renderer()
    rendered = renderer.render(messages, TOOLS)
    assert renderer.decode(rendered.ids) == renderer.write(messages, TOOLS)
    said = [comparable(renderer.parse(text)) for text in spoken(renderer, rendered.ids, rendered.mask)]
    assert said == [comparable(message) for message in messages if message["role"] == "assistant"]


def test_a_message_is_read_from_its_tokens_up_to_the_end_of_its_turn() -> None:
    renderer = renderer_of("qwen2.5")
    rendered = renderer.render(TALK[:3], TOOLS)
    emitted = rendered.ids[len(renderer.ask(TALK[:2], TOOLS)) :]
    assert emitted[-2] == renderer.end_of_turn or emitted[-1] == renderer.end_of_turn
    assert comparable(renderer.parse(emitted)) == comparable(renderer.parse([*emitted, *emitted])) == comparable(TALK[2])


def test_a_renderer_travels_to_another_process() -> None:
    renderer = renderer_of("qwen3")
    again = pickle.loads(pickle.dumps(renderer))
    assert again.render(TALK, TOOLS) == renderer.render(TALK, TOOLS)


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
def test_what_the_model_is_asked_with_begins_the_supervised_text(family: str, data: st.DataObject) -> None:
    messages = data.draw(talks(family))
    renderer = renderer_of(family)
    text, rendered = renderer.write(messages, TOOLS), renderer.render(messages, TOOLS)
    starts = [index for index, (one, before) in enumerate(zip(rendered.mask, (False, *rendered.mask), strict=False)) if one and not before]
    places = [index for index, message in enumerate(messages) if message["role"] == "assistant"]
    for index, start in zip(places, starts, strict=True):
        assert text.startswith(renderer.write(messages[:index], TOOLS, ask=True))
        assert renderer.ask(messages[:index], TOOLS) == rendered.ids[:start]


@pytest.mark.parametrize("family", MARKED)
@given(data=st.data())
def test_the_mask_is_trl_s_without_what_the_model_need_not_produce(family: str, data: st.DataObject) -> None:
    messages = data.draw(conversations())
    renderer = renderer_of(family)
    decoded = json.loads(json.dumps(messages))
    for made in (made for message in decoded for made in message.get("tool_calls", ())):
        made["function"]["arguments"] = json.loads(made["function"]["arguments"])
    render = import_module("transformers.utils.chat_template_utils").render_jinja_template
    (text,), (marked,) = render(
        conversations=[decoded], tools=TOOLS, chat_template=training_template(family), return_assistant_tokens_mask=True
    )
    assert text == renderer.write(messages, TOOLS)
    prompt, end = renderer.template.generation_prompt, renderer.template.end_of_turn
    narrowed = []
    for start, stop in marked:
        # TRL's mark may begin inside the generation prompt, and holds the newline after the turn.
        first = next(at for at in range(start, stop) if text[:at].endswith(prompt))
        narrowed.append(text[first : text.rindex(end, start, stop) + len(end)])
    rendered = renderer.render(messages, TOOLS)
    assert spoken(renderer, rendered.ids, rendered.mask) == narrowed


def test_a_bare_conversation_trains_text_calls_and_end_of_turn() -> None:
    renderer = renderer_of("qwen2.5")
    rendered = renderer.render(TALK, TOOLS)
    assert spoken(renderer, rendered.ids, rendered.mask) == [
        '<tool_call>\n{"name": "find", "arguments": {"city": "Ulm"}}\n</tool_call>\n'
        '<tool_call>\n{"name": "find", "arguments": {"city": "Bern"}}\n</tool_call><|im_end|>',
        "Süd in Ulm.<|im_end|>",
        '<tool_call>\n{"name": "book", "arguments": {"city": "Süd", "guests": 2}}\n</tool_call><|im_end|>',
        "Booked: A-1.<|im_end|>",
    ]
    assert rendered.trained == sum(rendered.mask) < len(rendered.ids)


def test_qwen3_trains_the_empty_thought_that_its_generation_prompt_leaves_to_it() -> None:
    renderer = renderer_of("qwen3")
    rendered = renderer.render(TALK, TOOLS)
    said = spoken(renderer, rendered.ids, rendered.mask)
    assert len(said) == 4 and all(text.startswith("<think>\n\n</think>\n\n") for text in said)
    thought = {**TALK[-1], "reasoning_content": "The code is A-1."}
    rendered = renderer.render([*TALK[:-1], thought], TOOLS)
    assert spoken(renderer, rendered.ids, rendered.mask)[-1] == "<think>\nThe code is A-1.\n</think>\n\nBooked: A-1.<|im_end|>"


@pytest.mark.parametrize("family", FAMILIES)
def test_only_messages_from_the_given_one_on_are_trained_and_the_tokens_stay(family: str) -> None:
    renderer = renderer_of(family)
    whole, rest = renderer.render(TALK, TOOLS), renderer.render(TALK, TOOLS, loss_from=6)
    assert rest.ids == whole.ids
    assert spoken(renderer, rest.ids, rest.mask) == spoken(renderer, whole.ids, whole.mask)[-2:]


@pytest.mark.parametrize("family", LLAMA)
def test_several_calls_become_messages_of_one_call_each(family: str) -> None:
    renderer = renderer_of(family)
    swapped = [*TALK[:3], TALK[4], TALK[3], *TALK[5:]]
    for messages in (TALK, swapped):
        text = renderer.write(messages, TOOLS)
        first, second = text.index('"parameters": {"city": "Ulm"}'), text.index('"parameters": {"city": "Bern"}')
        assert first < text.index("places") < second < text.index('"[]"')
    said = renderer.render(TALK, TOOLS)
    assert len(spoken(renderer, said.ids, said.mask)) == 5


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([TALK[1], TALK[2]], "only 0 have an output"),
        ([TALK[1], TALK[2], output("call_1", "1")], "only 1 have an output"),
        ([TALK[1], {**TALK[7], "content": "I book it."}], "leaves out the text"),
    ],
)
def test_what_llama_s_template_would_lose_is_refused(messages: list[Message], words: str) -> None:
    with pytest.raises(Rejected, match=words) as refusal:
        renderer_of("llama3.1").render(messages, TOOLS)
    assert refusal.value.reason is FailureReason.UNRENDERED


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("place", ["user", "output", "arguments", "tool"])
def test_a_message_cannot_end_its_turn_by_itself(family: str, place: str) -> None:
    renderer = renderer_of(family)
    end = renderer.template.end_of_turn
    messages: list[Message] = [
        {"role": "user", "content": end if place == "user" else "?"},
        {"role": "assistant", "content": "", "tool_calls": [call("c", "find", compact({"city": end if place == "arguments" else "Ulm"}))]},
        output("c", end if place == "output" else "1"),
        {"role": "assistant", "content": "Done."},
    ]
    with pytest.raises(Rejected, match=re.escape(end)):
        renderer.render(messages, [tool(end if place == "tool" else "find")])


@pytest.mark.parametrize("arguments", ["{", "", "[1]", '"{}"', "null"])
@pytest.mark.parametrize("family", FAMILIES)
def test_arguments_that_are_no_object_are_refused_with_their_text(family: str, arguments: str) -> None:
    messages: list[Message] = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "", "tool_calls": [call("c", "find", arguments)]},
    ]
    with pytest.raises(Rejected, match="arguments of find") as refusal:
        renderer_of(family).render(messages, TOOLS)
    assert refusal.value.reason is FailureReason.UNRENDERED


@pytest.mark.parametrize("family", FAMILIES)
@given(content=CONTENTS)
def test_an_empty_or_blank_text_is_a_message_of_its_own(family: str, content: str) -> None:
    renderer = renderer_of(family)
    blank: Message = {"role": "assistant", "content": content[:0]}
    asked: Message = {"role": "user", "content": content}
    rendered = renderer.render([asked, blank, TALK[1], TALK[5]])
    assert len(spoken(renderer, rendered.ids, rendered.mask)) == 2


@pytest.mark.parametrize("family", FAMILIES)
def test_tools_that_come_later_give_two_examples_that_train_each_reply_once(family: str) -> None:
    row = sample_trajectory()
    row = type(row)(**{name: getattr(row, name) for name in row.__slots__} | {"tools_added": compact({"1": [tool("cancel")]})})
    renderer = renderer_of(family)
    first, second = (renderer.render_example(example) for example in sft_examples(row))
    assert "cancel" not in renderer.decode(first.ids) and '"cancel"' in renderer.decode(second.ids)
    said = spoken(renderer, first.ids, first.mask) + spoken(renderer, second.ids, second.mask)
    whole = renderer.render(json.loads(row.messages), json.loads(row.tools))
    assert said == spoken(renderer, whole.ids, whole.mask)
