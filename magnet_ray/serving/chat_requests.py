"""A chat completion request, checked: the fields that are used have the right types, others are let through unread.

Source: OpenAI's API reference, "Create chat completion". What is wrong is said with the field's name; what is right but not
offered here (several choices, log-probabilities, pictures) is refused by name, never ignored where the answer would differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from magnet_ray.serving.api_errors import ApiError, invalid

Name = Annotated[str, Field(min_length=1, max_length=256)]
MAX_STOPS = 16


class Body(BaseModel):
    """A part of a request: strict types; unknown fields are left alone, as OpenAI's API does."""

    model_config = ConfigDict(extra="ignore", frozen=True, strict=True, allow_inf_nan=False)


class TextPart(Body):
    """A piece of a content that is given in pieces."""

    type: Literal["text"]
    text: str


class CalledFunction(Body):
    """Name and raw arguments of an earlier call."""

    name: Name
    arguments: str = "{}"


class EarlierCall(Body):
    """A call in one of the assistant's messages."""

    id: str | None = None
    function: CalledFunction


class ChatMessage(Body):
    """A message of the conversation so far."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | tuple[TextPart, ...] | None = None
    reasoning_content: str | None = None
    tool_calls: tuple[EarlierCall, ...] | None = None
    tool_call_id: str | None = None
    name: str | None = None

    def plain(self) -> dict[str, Any]:
        """The message as rendering takes it: text content, no empty fields."""
        content = self.content
        text = "".join(part.text for part in content) if isinstance(content, tuple) else content or ""
        message: dict[str, Any] = {"role": "system" if self.role == "developer" else self.role, "content": text}
        for key in ("reasoning_content", "tool_call_id", "name"):
            if (value := getattr(self, key)) is not None:
                message[key] = value
        if self.tool_calls:
            message["tool_calls"] = [{"type": "function", **call.model_dump(exclude_none=True)} for call in self.tool_calls]
        return message


class OfferedFunction(Body):
    """A function that the model may call."""

    name: Name
    description: str | None = None
    parameters: dict[str, Any] | None = None


class OfferedTool(Body):
    """A tool; functions are the only kind."""

    type: Literal["function"]
    function: OfferedFunction


class NamedFunction(Body):
    """The name in a `tool_choice`."""

    name: Name


class NamedChoice(Body):
    """A `tool_choice` that names the function to call."""

    type: Literal["function"]
    function: NamedFunction


class StreamOptions(Body):
    """How a stream ends."""

    include_usage: bool | None = None


class ResponseFormat(Body):
    """How the answer's text is to look."""

    type: Literal["text", "json_object", "json_schema"]
    json_schema: dict[str, Any] | None = None


class ChatRequest(Body):
    """A request for the next message of a conversation."""

    model: str
    messages: Annotated[tuple[ChatMessage, ...], Field(min_length=1)]
    tools: tuple[OfferedTool, ...] | None = None
    tool_choice: Literal["auto", "none", "required"] | NamedChoice | None = None
    parallel_tool_calls: bool | None = None
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0.0, le=2.0)] | None = None
    top_p: Annotated[float, Field(gt=0.0, le=1.0)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: Annotated[str, Field(min_length=1)] | tuple[Annotated[str, Field(min_length=1)], ...] | None = None
    n: int | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    response_format: ResponseFormat | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        """Texts at which the answer ends."""
        return (self.stop,) if isinstance(self.stop, str) else self.stop or ()

    @property
    def limit(self) -> int | None:
        """Most tokens of the answer, as asked."""
        return self.max_completion_tokens if self.max_completion_tokens is not None else self.max_tokens

    @property
    def choice(self) -> str | NamedChoice:
        """Which calls are wanted; `none` where nothing is offered."""
        return (self.tool_choice or "auto") if self.tools else "none"

    @property
    def forced_names(self) -> tuple[str, ...]:
        """The functions of which one must be called; empty: the model decides."""
        if isinstance(self.choice, NamedChoice):
            return (self.choice.function.name,)
        return tuple(tool.function.name for tool in self.tools or ()) if self.choice == "required" else ()

    @property
    def is_single(self) -> bool:
        """Whether the answer may have one call at most."""
        return isinstance(self.choice, NamedChoice) or self.parallel_tool_calls is False

    def plain_messages(self) -> list[dict[str, Any]]:
        """The messages as rendering takes them."""
        return [message.plain() for message in self.messages]

    def plain_tools(self) -> list[dict[str, Any]]:
        """The offered functions as rendering takes them."""
        return [tool.model_dump(exclude_none=True) for tool in self.tools or ()]


@dataclass(frozen=True, kw_only=True)
class IncomingChat:
    """A request with the bytes that it came as, which travel to a replica."""

    body: bytes
    """JSON text."""
    chat: ChatRequest
    """What it says."""

    @cached_property
    def fields(self) -> Mapping[str, Any]:
        """All fields of the request, those that are not checked here too."""
        fields: dict[str, Any] = orjson.loads(self.body)
        return fields


def parse_chat(body: bytes) -> IncomingChat:
    """A request from its body.

    Raises:
        ApiError: 400, with the first field that is wrong.
    """
    try:
        # Twice, because pydantic takes NaN in free-form fields and orjson takes any depth that pydantic refuses.
        orjson.loads(body)
        chat = ChatRequest.model_validate_json(body)
        orjson.dumps(chat.plain_tools())
    except (orjson.JSONDecodeError, orjson.JSONEncodeError, RecursionError) as error:
        raise invalid(f"the body is not JSON that can be read: {error}", code="invalid_json") from None
    except ValidationError as error:
        raise _wrong_field(error) from None
    _check_choice(chat)
    _check_offered(chat)
    return IncomingChat(body=body, chat=chat)


def _check_choice(chat: ChatRequest) -> None:
    names = [tool.function.name for tool in chat.tools or ()]
    if len(set(names)) < len(names):
        raise invalid(f"two tools have one name: {next(name for name in names if names.count(name) > 1)[:80]}", "tools")
    if not names and chat.tool_choice not in (None, "none", "auto"):
        raise invalid("tool_choice demands a call, but there are no tools", "tool_choice")
    if isinstance(chat.tool_choice, NamedChoice) and chat.tool_choice.function.name not in names:
        raise invalid(f"tool_choice names {chat.tool_choice.function.name[:80]!r}, which is not among the tools", "tool_choice")
    if len(chat.stops) > MAX_STOPS:
        raise invalid(f"stop has {len(chat.stops)} texts, expected at most {MAX_STOPS}", "stop")


def _check_offered(chat: ChatRequest) -> None:
    if chat.n not in (None, 1):
        raise invalid("only one choice is made for a request: n must be 1", "n", "unsupported_value")
    if chat.logprobs or chat.top_logprobs:
        raise invalid("log-probabilities are not given: leave logprobs and top_logprobs out", "logprobs", "unsupported_value")


def _wrong_field(error: ValidationError) -> ApiError:
    # Of the alternatives that a field has, the last is the one with an object or a list, and says most.
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    path = [str(part) for part in first["loc"]]
    place = ".".join(path)[:200]
    if first["type"] == "json_invalid":
        return invalid(f"the body is not JSON that can be read: {first['msg']}", code="invalid_json")
    message = f"{place}: {first['msg']}" if place else first["msg"]
    return invalid(message, ".".join(path[:1]) or None, "missing_required_parameter" if first["type"] == "missing" else "invalid_type")
