"""Replies are read strictly: an answer or a `RequestFailed`, nothing between."""

from __future__ import annotations

import pickle
from typing import Any

import pytest

from magnet_ray.llm.base import ChatAnswer, ToolCall, Usage
from magnet_ray.llm.transport import RequestFailed, Trouble, read_answer, trouble_of_status


def reply(message: Any, **more: Any) -> dict[str, Any]:
    """A reply with one choice."""
    return {"choices": [{"index": 0, "message": message, "finish_reason": "stop"}], **more}


def test_an_answer_keeps_text_calls_reason_and_tokens() -> None:
    call = {"id": "c1", "type": "function", "function": {"name": "book", "arguments": "{'not': json"}}
    message = {"role": "assistant", "content": " as it came\n", "tool_calls": [call]}
    assert read_answer(reply(message, usage={"prompt_tokens": 5, "completion_tokens": 7, "total_tokens": 12})) == ChatAnswer(
        content=" as it came\n",
        tool_calls=(ToolCall(name="book", arguments="{'not': json"),),
        finish_reason="stop",
        usage=Usage(prompt_tokens=5, completion_tokens=7),
    )


def test_null_content_null_calls_and_missing_usage_are_an_empty_answer() -> None:
    assert read_answer({"choices": [{"message": {"content": None, "tool_calls": None}, "finish_reason": None}]}) == ChatAnswer()


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "text",
        {},
        {"choices": []},
        {"choices": {}},
        {"choices": [None]},
        {"choices": [{}]},
        {"choices": [{"message": []}]},
        {"error": {"message": "inside a 200"}},
        reply({"content": ["a", "list"]}),
        reply({"content": 3}),
        reply({"content": "", "tool_calls": "none"}),
        reply({"content": "", "tool_calls": [None]}),
        reply({"content": "", "tool_calls": [{"function": "f"}]}),
        reply({"content": "", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}),
        reply({"content": "", "tool_calls": [{"function": {"name": None, "arguments": "{}"}}]}),
        reply({"content": "x"}, usage=[]),
        reply({"content": "x"}, usage={"prompt_tokens": "5", "completion_tokens": 7}),
        reply({"content": "x"}, usage={"prompt_tokens": True, "completion_tokens": 7}),
        reply({"content": "x"}, usage={"prompt_tokens": -1, "completion_tokens": 7}),
        {"choices": [{"message": {"content": "x"}, "finish_reason": 3}]},
    ],
)
def test_any_other_shape_is_malformed_and_retriable(value: Any) -> None:
    with pytest.raises(RequestFailed) as caught:
        read_answer(value)
    assert caught.value.trouble is Trouble.MALFORMED
    assert caught.value.retriable and not caught.value.pushed_back


@pytest.mark.parametrize(
    ("statuses", "retriable", "pushed_back"),
    [
        ((429, 503, 408, 504, 529), True, True),
        ((409, 425, 500, 502, 599), True, False),
        ((301, 400, 401, 402, 403, 404, 405, 413, 422), False, False),
    ],
)
def test_a_status_says_whether_to_try_again_and_whether_to_slow_down(statuses: tuple[int, ...], retriable: bool, pushed_back: bool) -> None:
    for status in statuses:
        failure = RequestFailed(trouble_of_status(status), "", status)
        assert (failure.retriable, failure.pushed_back) == (retriable, pushed_back), status


def test_a_failed_request_survives_pickling() -> None:
    failure = RequestFailed(Trouble.RATE_LIMITED, "slow down", 429, 2.5)
    copy = pickle.loads(pickle.dumps(failure))
    assert (str(copy), vars(copy)) == (str(failure), vars(failure))
    assert str(copy) == "rate_limited (429): slow down"
