"""A role's settings are its own over the teacher's; bodies and identities hold what shapes an answer."""

from __future__ import annotations

import json
from typing import Any

import pytest

from magnet_ray.config import RoleConfig, RolesConfig, TeacherConfig
from magnet_ray.errors import ConfigError, Rejected
from magnet_ray.llm.base import ChatRequest, RequestKey, Role
from magnet_ray.llm.roles import role_prices, teacher_settings
from magnet_ray.llm.settings import identity, request_body, role_settings, settings_of
from magnet_ray.types import FailureReason

CLOSED = '{"type":"object","properties":{"q":{"type":"string"}},"required":["q"],"additionalProperties":false}'
OPEN = '{"type":"object","properties":{"q":{"type":"string"}}}'


def chat(text: str = "hello", **more: Any) -> ChatRequest:
    """A request of the judge."""
    key = RequestKey(record="r", role=Role.JUDGE, step="1", attempt=more.pop("attempt", 0))
    return ChatRequest(key=key, messages=({"role": "user", "content": text},), **more)


def body_of(request: ChatRequest, **config: Any) -> dict[str, Any]:
    """The body that a role with these settings sends."""
    return request_body(request, settings_of(RoleConfig(name="m", **config), "here"))


def test_a_role_takes_what_it_leaves_null_from_the_teachers_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    base = RoleConfig(name="strong", temperature=0.9, concurrency=32, input_price=2.0, api_key_env="KEY_A")
    judge = RoleConfig(name="cheap", base_url="http://localhost:1/v1", temperature=0.0)
    settings = teacher_settings(TeacherConfig(model=base, roles=RolesConfig(judge=judge)))
    assert sorted(settings) == sorted(role for role in Role if role is not Role.STUDENT)
    mine, other = settings[Role.JUDGE], settings[Role.RESPONDER]
    assert (mine.name, mine.base_url, mine.temperature, mine.concurrency) == ("cheap", "http://localhost:1/v1", 0.0, 32)
    assert (other.name, other.base_url, other.temperature) == ("strong", "https://api.openai.com/v1", 0.9)
    assert (other.max_tokens, other.structured, other.timeout, other.top_p) == (2_048, "json_schema", 120.0, None)
    assert role_prices(settings)[Role.JUDGE].input == 2.0


def test_the_address_comes_from_the_environment_where_none_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    assert settings_of(RoleConfig(name="m"), "here").base_url == "http://elsewhere/v1"


def test_a_student_inherits_nothing_from_the_teacher() -> None:
    base = RoleConfig(name="strong", base_url="http://teacher/v1", temperature=0.9)
    student = teacher_settings(TeacherConfig(model=base), RoleConfig(name="small", base_url="http://student/v1"))[Role.STUDENT]
    assert (student.name, student.base_url, student.temperature) == ("small", "http://student/v1", None)


@pytest.mark.parametrize("extra", ["[1]", "{", "3"])
def test_settings_that_cannot_be_used_are_one_line(extra: str) -> None:
    with pytest.raises(ConfigError, match=r"teacher\.roles\.judge names no model"):
        role_settings(TeacherConfig(), Role.JUDGE)
    with pytest.raises(ConfigError, match=r"here\.extra_body cannot be used"):
        settings_of(RoleConfig(name="m", extra_body=extra), "here")


def test_a_key_that_was_named_must_be_there_and_another_may_be_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "MY_KEY"):
        monkeypatch.delenv(name, raising=False)
    assert settings_of(RoleConfig(name="m"), "here").api_key() == ""
    named = settings_of(RoleConfig(name="m", api_key_env="MY_KEY"), "here")
    with pytest.raises(ConfigError, match="MY_KEY is not set"):
        named.api_key()
    monkeypatch.setenv("MY_KEY", " secret\n")
    assert named.api_key() == "secret"
    assert "secret" not in repr(named)


def test_the_body_holds_only_what_is_set() -> None:
    assert body_of(chat()) == {"model": "m", "messages": ({"role": "user", "content": "hello"},), "max_tokens": 2_048}
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    full = body_of(chat(tools=json.dumps(tools)), temperature=0.5, top_p=0.9, max_tokens=5)
    assert (full["tools"], full["temperature"], full["top_p"], full["max_tokens"]) == (tools, 0.5, 0.9, 5)
    assert "tools" not in body_of(chat(tools="[]"))


@pytest.mark.parametrize(("schema", "strict"), [(CLOSED, True), (OPEN, False), ('{"type":"array","items":' + OPEN + "}", False)])
def test_structured_modes_stand_in_the_body(schema: str, strict: bool) -> None:
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": json.loads(schema), "strict": strict}}
    assert body_of(chat(schema=schema))["response_format"] == wanted
    assert body_of(chat(schema=schema), structured="json_object")["response_format"] == {"type": "json_object"}
    assert "response_format" not in body_of(chat(schema=schema), structured="none")
    assert "response_format" not in body_of(chat())


def test_extra_body_adds_keys_and_null_takes_one_out() -> None:
    body = body_of(chat(), extra_body='{"max_tokens":null,"max_completion_tokens":9,"chat_template_kwargs":{"enable_thinking":false}}')
    assert (body["max_completion_tokens"], body["chat_template_kwargs"]) == (9, {"enable_thinking": False})
    assert "max_tokens" not in body


def test_the_identity_changes_with_all_that_shapes_an_answer_and_not_with_the_address() -> None:
    def of(request: ChatRequest, **config: Any) -> bytes:
        return identity(request, body_of(request, **config))

    same = of(chat())
    assert of(chat(), base_url="http://other/v1", timeout=3.0, concurrency=9, api_key_env="K") == same
    assert of(chat(remaining=7)) == same
    others = [
        of(chat("other")),
        of(chat(attempt=1)),
        of(chat(tools='[{"type":"function","function":{"name":"f"}}]')),
        of(chat(schema=CLOSED)),
        of(chat(), temperature=0.5),
        of(chat(), top_p=0.5),
        of(chat(), max_tokens=5),
        of(chat(), extra_body='{"seed":1}'),
    ]
    assert len({same, *others}) == len(others) + 1


def test_a_request_that_json_cannot_hold_is_a_rejected_record() -> None:
    with pytest.raises(Rejected) as caught:
        request = chat("lone \ud800 surrogate")
        identity(request, body_of(request))
    assert caught.value.reason is FailureReason.MODEL_UNAVAILABLE
