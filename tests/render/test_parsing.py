"""Reading what a model emitted: the inverse of rendering one message."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.render.base import CallForm
from magnet_ray.render.parsing import parse_message


def calls_of(text: str, form: CallForm = CallForm.HERMES, *, thinks: bool = False) -> list[tuple[str, str]]:
    """Names and raw arguments."""
    made = parse_message(text, form, thinks=thinks).get("tool_calls", ())
    return [(call["function"]["name"], call["function"]["arguments"]) for call in made]


def test_arguments_keep_the_text_that_was_emitted() -> None:
    raw = '{ "b":1.0,"a" : "\\u00e9\\"" ,"a": [ ] }'
    assert calls_of(f'<tool_call>\n{{"name": "f", "arguments": {raw}}}\n</tool_call>') == [("f", raw)]
    assert calls_of(f'{{"name": "f", "parameters": {raw}}}', CallForm.LLAMA) == [("f", raw)]


def test_a_text_may_stand_before_several_calls() -> None:
    block = '<tool_call>\n{"name": "f", "arguments": {"x": "</tool_call> {\\"name\\""}}\n</tool_call>'
    message = parse_message(f"Look.\n\n{block}\n{block}", CallForm.HERMES)
    assert message["content"] == "Look.\n"
    assert [call["function"]["name"] for call in message["tool_calls"]] == ["f", "f"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Plain.",
        "<tool_call>",
        "<tool_call>\nnothing\n</tool_call>",
        '<tool_call>\n{"name": "f"}\n</tool_call>',
        '<tool_call>\n{"name": 3, "arguments": {}}\n</tool_call>',
        '<tool_call>\n{"name": "f", "arguments": {}} and more\n</tool_call>',
        '<tool_call>\n{"name": "f", "arguments": {',
        '```json\n{"name": "f", "arguments": {}}\n```',
        '{"name": "f", "parameters": {}}',
    ],
)
def test_what_is_no_call_stays_text(text: str) -> None:
    assert parse_message(text, CallForm.HERMES) == {"role": "assistant", "content": text}


@pytest.mark.parametrize("text", ["", "{", '{"name": "f", "parameters": {}} and more', 'Look: {"name": "f", "parameters": {}}', "[]"])
def test_what_is_no_call_of_llama_s_stays_text(text: str) -> None:
    assert parse_message(text, CallForm.LLAMA) == {"role": "assistant", "content": text}


def test_a_block_that_is_broken_does_not_hide_the_next() -> None:
    message = parse_message('<tool_call>\n{"name": \n<tool_call>\n{"name": "f", "arguments": {}}\n</tool_call>', CallForm.HERMES)
    assert message["content"] == '<tool_call>\n{"name": ' and len(message["tool_calls"]) == 1


def test_the_last_block_may_be_left_open() -> None:
    assert calls_of('<tool_call>\n{"name": "f", "arguments": {}}') == [("f", "{}")]


def test_llama_s_python_tag_is_no_text() -> None:
    assert calls_of('<|python_tag|>{"name": "f", "parameters": {}}', CallForm.LLAMA) == [("f", "{}")]


def test_thoughts_are_taken_out_where_the_template_writes_them() -> None:
    call = '<tool_call>\n{"name": "f", "arguments": {"x": "</think>"}}\n</tool_call>'
    text = f"<think>\nOne <tool_call> is enough.\n</think>\n\nLook.\n{call}"
    message = parse_message(text, CallForm.HERMES, thinks=True)
    assert (message["reasoning_content"], message["content"]) == ("One <tool_call> is enough.", "Look.")
    assert calls_of(text, thinks=True) == calls_of(call, thinks=True) == [("f", '{"x": "</think>"}')]
    assert "reasoning_content" not in parse_message("<think>\n\n</think>\n\nYes.", CallForm.HERMES, thinks=True)
    assert parse_message("a</think>b", CallForm.HERMES)["content"] == "a</think>b"


@given(text=st.text(), form=st.sampled_from(CallForm))
def test_any_text_is_some_message(text: str, form: CallForm) -> None:
    message = parse_message(text, form, thinks=True)
    assert message["role"] == "assistant" and isinstance(message["content"], str)


@given(depth=st.integers(1, 100_000))
def test_nesting_without_end_is_no_call(depth: int) -> None:
    deep = '<tool_call>\n{"name": "f", "arguments": ' + "[" * depth
    assert calls_of(deep) == []


@given(arguments=st.dictionaries(st.text(), st.text(), max_size=3))
def test_a_call_reads_as_it_was_written(arguments: dict[str, str]) -> None:
    raw = json.dumps(arguments, ensure_ascii=False)
    assert calls_of(f'<tool_call>\n{{"name": "f", "arguments": {raw}}}\n</tool_call>') == [("f", raw)]
