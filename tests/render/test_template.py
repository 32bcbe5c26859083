"""The template that a checkpoint is rendered with: chosen by what it does, equal to what others apply, saved with it."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.errors import ModelError
from magnet_ray.render.base import CallForm, Message
from magnet_ray.render.renderer import Renderer, load_renderer
from magnet_ray.render.template import PINNED_DATE, TemplateOrigin, our_template, without_marks
from tests.render.conversations import TALK, TOOLS
from tests.render.families import FAMILIES, LLAMA, bundled_template, renderer_of, smollm2, stand_in, training_template, transformers

SINGLE = [message for message in TALK if message.get("tool_call_id") != "call_2"]
SINGLE[2] = {**SINGLE[2], "tool_calls": SINGLE[2]["tool_calls"][:1]}

UNMARKED = "{% for t in tools %}{{ t.function.name * 2 }}{% endfor %}{% for m in messages %}{{ m.content }}{% endfor %}"
"""It shows the tools, and no special token."""


def decoded(messages: list[Message]) -> list[Message]:
    """Messages as TRL's users give them: arguments as objects."""
    messages = copy.deepcopy(messages)
    for message in messages:
        for call in message.get("tool_calls", ()):
            call["function"]["arguments"] = json.loads(call["function"]["arguments"])
    return messages


@pytest.mark.parametrize(
    ("family", "origin", "form"),
    [
        ("qwen2.5", TemplateOrigin.OWN, CallForm.HERMES),
        ("qwen3", TemplateOrigin.TRAINING, CallForm.HERMES),
        ("qwen3-2507", TemplateOrigin.OWN, CallForm.HERMES),
        ("llama3.1", TemplateOrigin.OWN, CallForm.LLAMA),
        ("llama3.2", TemplateOrigin.OWN, CallForm.LLAMA),
        ("smollm2", TemplateOrigin.OURS, CallForm.HERMES),
    ],
)
def test_each_family_has_its_template(family: str, origin: TemplateOrigin, form: CallForm) -> None:
    template = renderer_of(family).template
    assert (template.origin, template.form) == (origin, form)
    assert template.end_of_turn == FAMILIES[family].end
    assert template.abilities.several_calls is (family not in LLAMA)
    assert template.abilities.text_beside_calls is (family not in LLAMA)
    assert template.abilities.thinks is (family == "qwen3")


@pytest.mark.parametrize("messages", [SINGLE, SINGLE[1:], SINGLE[:2]], ids=["whole", "no system message", "question"])
@pytest.mark.parametrize("offered", [TOOLS, []], ids=["tools", "no tools"])
@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in ("qwen3", "smollm2")])
def test_the_text_is_the_bundled_template_s(family: str, offered: list[Any], messages: list[Message]) -> None:
    text = stand_in(family).apply_chat_template(
        decoded(messages), tools=offered or None, chat_template=bundled_template(family), tokenize=False, date_string="26 Jul 2024"
    )
    assert renderer_of(family).write(messages, offered) == text


@pytest.mark.parametrize("offered", [TOOLS, []], ids=["tools", "no tools"])
@pytest.mark.parametrize("family", ["qwen2.5", "qwen3", "qwen3-2507"])
def test_the_text_is_the_training_template_s(family: str, offered: list[Any]) -> None:
    text = stand_in(family).apply_chat_template(
        decoded(TALK), tools=offered or None, chat_template=training_template(family), tokenize=False
    )
    assert renderer_of(family).write(TALK, offered) == text


@pytest.mark.parametrize("family", FAMILIES)
def test_the_tokens_are_those_of_smollm2_s_tokenizer_on_the_whole_text(family: str) -> None:
    renderer = Renderer(smollm2(family))
    rendered = renderer.render(SINGLE, TOOLS)
    whole = renderer.tokenizer.apply_chat_template(
        decoded(SINGLE), tools=TOOLS, chat_template=renderer.template.text, tokenize=True, return_dict=True
    )
    assert list(rendered.ids) == whole["input_ids"]


@pytest.mark.parametrize("family", ["qwen3", "smollm2", "llama3.2"])
def test_a_saved_checkpoint_applies_the_template_that_was_trained(family: str, tmp_path: Path) -> None:
    renderer = Renderer(stand_in(family))
    trained = renderer.write(SINGLE, TOOLS)
    renderer.save(tmp_path)
    served = transformers.AutoTokenizer.from_pretrained(str(tmp_path))
    assert served.apply_chat_template(decoded(SINGLE), tools=TOOLS, tokenize=False) == trained
    assert "generation %}" not in served.chat_template
    again = load_renderer(tmp_path)
    assert again.template.origin is TemplateOrigin.OWN
    assert again.render(SINGLE, TOOLS) == renderer.render(SINGLE, TOOLS)


def test_marks_leave_the_text_as_it_was() -> None:
    tokenizer = stand_in("qwen3")
    marked = training_template("qwen3")
    texts = [tokenizer.apply_chat_template(decoded(TALK), chat_template=each, tokenize=False) for each in (marked, without_marks(marked))]
    assert texts[0] == texts[1]


def test_a_header_with_the_present_day_is_pinned_once() -> None:
    text = renderer_of("llama3.2").template.text
    assert text.startswith(PINNED_DATE) and text.count(PINNED_DATE) == 1
    assert "Today Date: 26 Jul 2024" in renderer_of("llama3.2").write(TALK[:2], TOOLS)
    tokenizer = stand_in("llama3.2")
    tokenizer.chat_template = text
    assert Renderer(tokenizer).template.text == text


def test_our_template_takes_arguments_as_text_or_as_objects_alike() -> None:
    tokenizer = stand_in("smollm2")
    objects, stored = (
        tokenizer.apply_chat_template(messages, tools=TOOLS, chat_template=our_template(), tokenize=False)
        for messages in (decoded(TALK), TALK)
    )
    assert '"arguments": {"city": "Ulm"}' in objects and '"arguments": {"city":"Ulm"}' in stored


def test_arguments_are_not_encoded_twice() -> None:
    doubled = stand_in("qwen2.5").apply_chat_template(TALK, tools=TOOLS, tokenize=False)
    assert r'"arguments": "{\"city\":\"Ulm\"}"' in doubled, "the template does quote a text"
    assert '"arguments": {"city": "Ulm"}' in renderer_of("qwen2.5").write(TALK, TOOLS)


@pytest.mark.parametrize(
    ("template", "words"),
    [
        (None, "no chat template"),
        (UNMARKED, "special token"),
        ("{{ raise_exception('never') }}", "shows no tools"),
    ],
)
def test_a_template_that_cannot_be_trained_on_is_refused_in_one_line(template: str | None, words: str) -> None:
    tokenizer = stand_in("llama3.1")
    tokenizer.chat_template = template
    with pytest.raises(ModelError, match=words) as refusal:
        Renderer(tokenizer)
    assert "\n" not in str(refusal.value)


def test_calls_in_an_unknown_form_are_refused() -> None:
    tokenizer = stand_in("qwen3")
    tokenizer.chat_template = bundled_template("qwen2.5").replace("tool_call.arguments | tojson", "tool_call.arguments | items | list")
    with pytest.raises(ModelError, match="form that is not known"):
        Renderer(tokenizer)


def test_a_directory_without_tokenizer_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no tokenizer that transformers can load") as refusal:
        load_renderer(tmp_path)
    assert "\n" not in str(refusal.value)
