"""What the unmodified `openai` client must be able to do, with any engine that says what `ScriptedEngine` says."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

import pytest

openai: Any = pytest.importorskip("openai")

MODEL = "scripted"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": f"Does {name}.",
            "parameters": {"type": "object", "properties": {"word": {"type": "string"}}, "required": ["word"]},
        },
    }
    for name in ("spell", "shout")
]


def client_of(url: str, key: str = "no key") -> Any:
    """A client that does not try again."""
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=60.0)


def chat(client: Any, text: str, **more: Any) -> Any:
    """A chat completion, or a stream."""
    return client.chat.completions.create(**{"model": MODEL, "messages": [{"role": "user", "content": text}], **more})


def message_of(completion: Any) -> dict[str, Any]:
    """Message, reason and usage of an answer, without the calls' ids, which are random."""
    choice = completion.choices[0]
    calls = [(call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()]
    usage = completion.usage
    tokens = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens)
    return {"content": choice.message.content, "calls": calls, "reason": choice.finish_reason, "usage": tokens, "role": choice.message.role}


def assembled(chunks: Iterable[Any]) -> dict[str, Any]:
    """The same of a stream that was asked for its usage."""
    content: str | None = None
    calls: dict[int, list[str]] = {}
    reason = usage = role = None
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            role, reason = choice.delta.role or role, choice.finish_reason or reason
            if choice.delta.content is not None:
                content = (content or "") + choice.delta.content
            for call in choice.delta.tool_calls or ():
                parts = calls.setdefault(call.index, ["", ""])
                parts[0] += call.function.name or ""
                parts[1] += call.function.arguments or ""
    tokens = (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) if usage else None
    named = [(name, arguments) for name, arguments in calls.values()]
    return {"content": content, "calls": named, "reason": reason, "usage": tokens, "role": role}


def streamed(client: Any, text: str, **more: Any) -> dict[str, Any]:
    """A streamed answer, assembled."""
    return assembled(chat(client, text, stream=True, stream_options={"include_usage": True}, **more))


def check_answers(client: Any) -> None:
    """Models, chat, tools in every choice, parallel calls, and streams that assemble to the same."""
    assert [model.id for model in client.models.list()] == [MODEL]
    assert client.models.retrieve(MODEL).id == MODEL
    for more in (
        {},
        {"tools": TOOLS},
        {"tools": TOOLS, "tool_choice": "none"},
        {"tools": TOOLS, "tool_choice": "required"},
        {"tools": TOOLS, "parallel_tool_calls": False},
        {"tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "shout"}}},
    ):
        whole = message_of(chat(client, "good day", **more))
        assert streamed(client, "good day", **more) == whole, more
        if not more or more.get("tool_choice") == "none":
            assert (whole["content"], whole["calls"], whole["reason"]) == ("good day ", [], "stop")
            continue
        name = "shout" if isinstance(more.get("tool_choice"), dict) else "spell"
        words = ["good"] if "parallel_tool_calls" in more else ["good", "day"]
        assert (whole["content"], whole["reason"]) == (None, "tool_calls")
        assert [(called, json.loads(arguments)) for called, arguments in whole["calls"]] == [(name, {"word": word}) for word in words]
    assert message_of(chat(client, "")) == streamed(client, "") | {"usage": (0, 0, 0)}


def check_refusals(client: Any, body_bytes: int) -> None:
    """Errors arrive as the client's own classes, with what is wrong."""
    expected: tuple[tuple[dict[str, Any], Any, str | None], ...] = (
        ({"model": "other"}, openai.NotFoundError, "model_not_found"),
        ({"n": 2}, openai.BadRequestError, "unsupported_value"),
        ({"temperature": "hot"}, openai.BadRequestError, "invalid_type"),
        ({"tool_choice": "required"}, openai.BadRequestError, None),
        ({"messages": [{"role": "user", "content": "x" * body_bytes}]}, openai.APIStatusError, "request_too_large"),
    )
    for more, kind, code in expected:
        with pytest.raises(kind) as caught:
            chat(client, "hello", **more)
        assert caught.value.body["code"] == code, more
        assert set(caught.value.body) == {"message", "type", "param", "code"}


def check_failures(client: Any) -> None:
    """An engine that breaks is a server's error, before the stream and within it, and nothing of its words gets out."""
    for more in ({}, {"stream": True}):
        with pytest.raises(openai.InternalServerError) as caught:
            chat(client, "fail", **more)
        assert "must not be told" not in str(caught.value)
    stream = chat(client, "late", stream=True)
    with pytest.raises(openai.APIError):
        list(stream)
