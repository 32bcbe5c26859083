"""Whatever a model wraps around a value, the value is found; what is none is asked for again, then refused with its text."""

from __future__ import annotations

import asyncio
import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.errors import Rejected
from magnet_ray.llm.base import ChatAnswer, ChatRequest, RequestKey, Role
from magnet_ray.llm.structured import MAX_CHARACTERS, ask, asked, parse, plain_text
from magnet_ray.types import FailureReason
from tests.scripted_model import ScriptedModel

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
SCALARS = st.none() | st.booleans() | st.integers(-(10**12), 10**12) | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12)
OBJECTS = st.dictionaries(TEXTS, VALUES, max_size=4)
NOISE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="{}[]\"'`\u201c\u2018<"), max_size=40)
SCHEMA = json.dumps({"type": "object", "properties": {"size": {"type": "integer"}}, "required": ["size"]})
REQUEST = ChatRequest(
    key=RequestKey(record="r", role=Role.JUDGE, step="1", attempt=300), messages=({"role": "user", "content": "How large is it?"},)
)


def refused(text: str, schema: str = "") -> str:
    with pytest.raises(Rejected) as caught:
        parse(text, schema)
    assert caught.value.reason is FailureReason.UNPARSED
    return caught.value.detail


@given(VALUES)
def test_json_comes_back_as_it_is(value: Any) -> None:
    assert parse(json.dumps(value)) == value
    assert parse(json.dumps(value, ensure_ascii=False, indent=2)) == value


@given(VALUES, st.sampled_from(("", "json", "python")), NOISE, NOISE)
def test_a_fence_and_what_stands_around_it_are_taken_off(value: Any, language: str, before: str, after: str) -> None:
    for text in (json.dumps(value), json.dumps(value, ensure_ascii=False)):
        assert parse(f"{before}\n```{language}\n{text}\n```\n{after}", json.dumps({"const": value})) == value


@given(OBJECTS, NOISE, NOISE)
def test_words_before_and_after_an_object_are_passed_over(value: dict[str, Any], before: str, after: str) -> None:
    assert parse(before + json.dumps(value) + after) == value


@given(OBJECTS, NOISE)
def test_an_object_as_python_writes_it_is_read(value: dict[str, Any], before: str) -> None:
    assert parse(before + repr(value)) == value


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.integers() | st.lists(st.integers(), min_size=1), min_size=1))
def test_trailing_commas_are_dropped(value: dict[str, Any]) -> None:
    text = json.dumps(value).replace("}", ",}").replace("]", ", ]")
    assert parse(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{“size”: “it\u2019s large”}", {"size": "it\u2019s large"}),
        ('{"quote": "he said “no, [never]”"}', {"quote": "he said “no, [never]”"}),
        ("{'name': \"O'Hara\", 'ok': True, 'none': None,}", {"name": "O'Hara", "ok": True, "none": None}),
        ('<think>{"size": 1}? no</think>{"size": 2}', {"size": 2}),
        ('{"text": "two\nlines"}', {"text": "two\nlines"}),
        ("It's {'a': 1}, isn't it?", {"a": 1}),
        ('Here { is one: {"a": {"b": "}"}} and more }', {"a": {"b": "}"}}),
        ('{"text": "True, None,]"}', {"text": "True, None,]"}),
        ('\ufeff{"a": 1}', {"a": 1}),
        ('```json {"a": 1} ```', {"a": 1}),
        ("```\n7\n```", 7),
        ("First:\n```python\n{'a': 1}\n```\nthen\n```\n{'a': 2}\n```", {"a": 1}),
        ('```json\n{"a": 1}', {"a": 1}),
    ],
)
def test_what_models_do_to_json_is_undone(text: str, value: Any) -> None:
    assert parse(text) == value


def test_of_several_values_the_first_that_follows_the_schema_is_meant() -> None:
    assert parse('As in [1] and {"weight": 3}: {"size": 4}. Or {"size": 5}.', SCHEMA) == {"size": 4}


@pytest.mark.parametrize(
    "text", ["", "   ", "No.", "NaN", "[Infinity]", "{'a': NaN}", "1e999", '"\\ud800"', "{" * 5_000, "[" * 50_000, "{'a':"]
)
def test_what_is_no_value_is_refused(text: str) -> None:
    assert refused(text)


def test_code_is_not_run() -> None:
    assert refused("{'a': __import__('os').getcwd()}") and refused("[print(1)]")


def test_an_answer_of_endless_length_is_refused_at_once() -> None:
    assert str(MAX_CHARACTERS) in refused('{"size": 1}' + " " * MAX_CHARACTERS)


@pytest.mark.parametrize("part", ['\\\\"', "\u201c", "```j x\n", "{'", ",  ", '{"a":', "<think>"])
def test_the_time_of_reading_grows_with_the_text_alone(part: str) -> None:
    started = time.process_time()
    refused(part * (MAX_CHARACTERS // len(part)))
    assert time.process_time() - started < 10


def test_what_breaks_the_schema_is_named_with_its_place() -> None:
    assert refused('{"size": "big"}', SCHEMA).startswith("size: ")
    assert "size" in refused("{}", SCHEMA)


@pytest.mark.parametrize(
    ("text", "plain"),
    [('"Done."', "Done."), (" “Done.” ", "Done."), ('"A" and "B"', '"A" and "B"'), ("<think>hm</think>\nDone.", "Done."), ("'tis", "'tis")],
)
def test_free_text_is_freed_of_thoughts_and_quotes(text: str, plain: str) -> None:
    assert plain_text(text) == plain


def small(value: Any) -> int:
    """The size, which must be below 10."""
    if value["size"] >= 10:
        raise Rejected(FailureReason.PROVENANCE, f"size {value['size']} is too large")
    return int(value["size"])


def test_a_usable_answer_is_not_asked_for_twice() -> None:
    model = ScriptedModel(['{"size": 3}'])
    assert asyncio.run(ask(model, REQUEST, SCHEMA, small, 5)) == 3
    assert [(request.key.attempt, request.schema) for request in model.requests] == [(300, SCHEMA)]


def test_each_failure_is_shown_with_the_answer_and_counted_in_the_key() -> None:
    cut = ChatAnswer(content='{"size": 3}', finish_reason="length")
    model = ScriptedModel(["no idea", '{"size": "x"}', '{"size": 12}', cut, '{"size": 4}'])
    result = asyncio.run(asked(model, REQUEST, SCHEMA, small, 4))
    assert (result.value, result.text, result.request) == (4, '{"size": 4}', model.requests[-1])
    assert [request.key.attempt for request in model.requests] == [300, 301, 302, 303, 304]
    shown = [message["content"] for message in model.requests[-1].messages]
    assert shown[1::2] == ["no idea", '{"size": "x"}', '{"size": 12}', '{"size": 3}']
    for part, remark in zip(("no JSON", "size: ", "too large", "cut off"), shown[2::2], strict=True):
        assert part in remark
    assert [message["role"] for message in model.requests[-1].messages] == ["user", *["assistant", "user"] * 4]


@pytest.mark.parametrize(
    ("last", "reason"),
    [("{", FailureReason.UNPARSED), ('{"size": 10}', FailureReason.PROVENANCE), (ChatAnswer(), FailureReason.UNPARSED)],
)
def test_what_no_reask_mends_is_refused_with_its_reason_and_text(last: str | ChatAnswer, reason: FailureReason) -> None:
    model = ScriptedModel(["nothing", last])
    with pytest.raises(Rejected) as caught:
        asyncio.run(ask(model, REQUEST, SCHEMA, small, 1))
    assert caught.value.reason is reason and len(model.requests) == 2
    assert caught.value.raw == (last if isinstance(last, str) else "")


def test_free_text_is_checked_too() -> None:
    model = ScriptedModel(["", ' "All done." '])
    assert asyncio.run(ask(model, REQUEST, "", str, 1)) == "All done."
    assert model.requests[1].messages[1] == {"role": "assistant", "content": "(no answer)"} and model.requests[1].schema == ""


def test_an_endless_answer_is_shown_shortened() -> None:
    model = ScriptedModel(["x" * 10_000, '{"size": 1}'])
    asyncio.run(ask(model, REQUEST, SCHEMA, small, 1))
    assert len(str(model.requests[1].messages[1]["content"])) < 2_100
