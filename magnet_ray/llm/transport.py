"""The seam below retries: a body goes out, a parsed JSON reply comes back, and every trouble is one `RequestFailed`.

An HTTP endpoint and a Serve handle both fit it. A transport sends once: limits, retries and the cache stand above.
Replies are read strictly, since a server that answers with other shapes would otherwise corrupt rows silently.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Protocol

from magnet_ray.errors import MagnetError
from magnet_ray.llm.base import ChatAnswer, ToolCall, Usage
from magnet_ray.types import JsonValue


class Trouble(StrEnum):
    """Why one try of a request gave no answer."""

    RATE_LIMITED = "rate_limited"
    """The server takes no more requests just now (429)."""
    UNAVAILABLE = "unavailable"
    """The server is overloaded or away (503, 529)."""
    TIMEOUT = "timeout"
    """No whole answer in time, here or at a gateway (408, 504)."""
    CONNECTION = "connection"
    """The connection failed or was reset."""
    SERVER_ERROR = "server_error"
    """The server broke (other 5xx), or asks to come again (409, 425)."""
    MALFORMED = "malformed"
    """What came is not an answer in OpenAI's format."""
    NO_QUOTA = "no_quota"
    """The account may buy nothing more (402, `insufficient_quota`)."""
    NOT_ALLOWED = "not_allowed"
    """The key is wrong or may not do this (401, 403)."""
    NOT_FOUND = "not_found"
    """There is no such model or path (404)."""
    REFUSED = "refused"
    """The server will not take this request as it stands (other 3xx and 4xx)."""


_RETRIABLE = frozenset(
    {Trouble.RATE_LIMITED, Trouble.UNAVAILABLE, Trouble.TIMEOUT, Trouble.CONNECTION, Trouble.SERVER_ERROR, Trouble.MALFORMED}
)
_PUSH_BACK = frozenset({Trouble.RATE_LIMITED, Trouble.UNAVAILABLE, Trouble.TIMEOUT, Trouble.CONNECTION})
_BY_STATUS = {
    401: Trouble.NOT_ALLOWED,
    402: Trouble.NO_QUOTA,
    403: Trouble.NOT_ALLOWED,
    404: Trouble.NOT_FOUND,
    408: Trouble.TIMEOUT,
    409: Trouble.SERVER_ERROR,
    425: Trouble.SERVER_ERROR,
    429: Trouble.RATE_LIMITED,
    503: Trouble.UNAVAILABLE,
    504: Trouble.TIMEOUT,
    529: Trouble.UNAVAILABLE,
}


def trouble_of_status(status: int) -> Trouble:
    """What an HTTP status other than 200 means."""
    return _BY_STATUS.get(status, Trouble.SERVER_ERROR if status >= 500 else Trouble.REFUSED)


class RequestFailed(MagnetError):
    """One try of a request failed. `detail` never holds a key; it stays between a transport and the retries."""

    def __init__(self, trouble: Trouble, detail: str = "", status: int = 0, retry_after: float | None = None) -> None:
        super().__init__(trouble, detail, status, retry_after)
        self.trouble, self.detail, self.status, self.retry_after = trouble, detail, status, retry_after

    def __str__(self) -> str:
        status = f" ({self.status})" if self.status else ""
        return f"{self.trouble.value}{status}: {self.detail}" if self.detail else f"{self.trouble.value}{status}"

    @property
    def retriable(self) -> bool:
        """Whether the same request may succeed later."""
        return self.trouble in _RETRIABLE

    @property
    def pushed_back(self) -> bool:
        """Whether it says that fewer requests should be in flight."""
        return self.trouble in _PUSH_BACK


class Transport(Protocol):
    """Sends one request, once."""

    @property
    def place(self) -> str:
        """Where it sends, for messages: never a key or a password."""

    async def complete(self, body: dict[str, JsonValue], request_id: str, timeout: float) -> JsonValue:
        """The parsed reply to a chat completion request in OpenAI's format.

        Raises:
            RequestFailed: no reply, after at most `timeout` seconds.
        """

    async def models(self, timeout: float) -> tuple[str, ...]:
        """Names of the models that it serves; empty when it does not say.

        Raises:
            RequestFailed: it cannot be reached or lets nobody in.
        """

    async def close(self) -> None:
        """Give connections back; it may be used again afterwards."""


def read_answer(reply: JsonValue) -> ChatAnswer:
    """The answer in a chat completion reply.

    Raises:
        RequestFailed: MALFORMED, the reply has another shape.
    """
    if type(reply) is not dict:
        raise _malformed("the reply is not an object")
    choices = reply.get("choices")
    if type(choices) is not list or not choices:
        raise _malformed(f"no choices; {str(reply.get('error', ''))[:200]}".rstrip("; "))
    choice = choices[0]
    message = choice.get("message") if type(choice) is dict else None
    if type(message) is not dict:
        raise _malformed("the choice has no message")
    content, reason = message.get("content"), choice.get("finish_reason")
    if content is not None and type(content) is not str:
        raise _malformed(f"content is a {type(content).__name__}")
    if reason is not None and type(reason) is not str:
        raise _malformed(f"finish_reason is a {type(reason).__name__}")
    calls = message.get("tool_calls")
    return ChatAnswer(
        content=content or "",
        tool_calls=_read_calls(calls) if calls is not None else (),
        finish_reason=reason or "",
        usage=_read_usage(reply.get("usage")),
    )


def _read_calls(calls: JsonValue) -> tuple[ToolCall, ...]:
    if type(calls) is not list:
        raise _malformed("tool_calls is not a list")
    read = []
    for call in calls:
        function = call.get("function") if type(call) is dict else None
        name, arguments = (function.get("name"), function.get("arguments")) if type(function) is dict else (None, None)
        if type(name) is not str or type(arguments) is not str:
            raise _malformed("a tool call lacks its name or the text of its arguments")
        read.append(ToolCall(name=name, arguments=arguments))
    return tuple(read)


def _read_usage(usage: JsonValue) -> Usage:
    if usage is None:
        # Some servers count nothing.
        return Usage()
    prompt, completion = (usage.get("prompt_tokens", 0), usage.get("completion_tokens", 0)) if type(usage) is dict else (None, None)
    if type(prompt) is not int or type(completion) is not int or prompt < 0 or completion < 0:
        raise _malformed("usage holds no counts of tokens")
    return Usage(prompt_tokens=prompt, completion_tokens=completion)


def _malformed(detail: str) -> RequestFailed:
    return RequestFailed(Trouble.MALFORMED, detail)
