"""The model that is evaluated: an OpenAI-compatible endpoint, asked with `magnet_ray.llm`'s retries, limits and response cache.

A bad reply is data, not a crash: a request that the endpoint refuses for good (a conversation too long for its context) and a
reply in another format give an empty reply that says so, which is a wrong answer. An endpoint that cannot be reached says
nothing about the model: that is `Rejected`, and its task stays unscored.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Annotated, Any, Final, Protocol

from pydantic import Field

from magnet_ray.config import BudgetConfig, RequestsConfig, RoleConfig
from magnet_ray.errors import ConfigError, Rejected
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest, RequestKey, Role, ToolCall, Usage
from magnet_ray.llm.budget import local_ledger
from magnet_ray.llm.cache import ResponseCache
from magnet_ray.llm.roles import Models, connect, role_prices
from magnet_ray.llm.settings import ModelSettings, settings_of
from magnet_ray.llm.transport import RequestFailed, Transport, Trouble
from magnet_ray.places import Place
from magnet_ray.sections import Section
from magnet_ray.types import FailureReason, JsonValue, compact, content_id

BAD_REPLY: Final = frozenset({Trouble.REFUSED, Trouble.MALFORMED})
"""Troubles that are an answer of the model or of its server to this very conversation, and not of an endpoint that is away."""
LIST_SECONDS: Final = 30.0
"""Longest wait for the endpoint's list of models."""
BUCKETS: Final = 16
"""Buckets of the response cache; each process has one file open in each that it uses."""


class ModelConfig(RoleConfig):
    """The endpoint's model and how it is sampled: greedily, unless told otherwise."""

    name: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="Name of the model, as the endpoint knows it; null: the only one that it lists."
    )
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        default=0.0, description="Sampling temperature; null: the endpoint's own."
    )


class EndpointConfig(Section):
    """The endpoint and its model."""

    model: ModelConfig = Field(default=ModelConfig(), description="The model.")
    requests: RequestsConfig = Field(default=RequestsConfig(), description="Failed requests.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What the model said."""

    content: str = ""
    """Text, byte for byte; empty when it only calls."""
    calls: tuple[ToolCall, ...] = ()
    """Calls in order, their arguments as the raw text that was emitted."""
    finish_reason: str = ""
    """Why it ended, in OpenAI's words (`stop`, `length`, `tool_calls`, `content_filter`)."""
    usage: Usage = field(default=Usage())
    """Tokens that it cost."""
    failure: str = ""
    """What was wrong with the reply, `refused` or `malformed`; empty for a good one. A failed reply holds nothing else."""
    detail: str = ""
    """The failure in one line."""

    def as_message(self, first_call: int = 1) -> dict[str, Any]:
        """The reply as a message in OpenAI's chat format; calls get the ids `call_N`, counted from `first_call`."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content}
        if self.calls:
            message["tool_calls"] = [
                {"id": f"call_{number}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
                for number, call in enumerate(self.calls, first_call)
            ]
        return message


class ChatModel(Protocol):
    """Whom a task is put to."""

    async def chat(
        self, messages: Sequence[Mapping[str, JsonValue]], tools: Sequence[Mapping[str, JsonValue]] = (), *, step: str, remaining: int = 0
    ) -> Reply:
        """The model's reply.

        Args:
            messages: conversation so far, in OpenAI's chat format.
            tools: offered tools, in OpenAI's format.
            step: place in the task, such as `3.1` (second round of turn 3); unique within it.
            remaining: requests that the task is expected to need after this one.

        Raises:
            Rejected: MODEL_UNAVAILABLE, no answer could be had.
        """


class BadReply(Rejected):
    """The endpoint answered this request with a refusal, or with something that is no chat completion."""

    @property
    def failure(self) -> str:
        """`refused` or `malformed`."""
        return self.raw


class Chat:
    """One task's side of a model: a `ChatModel`, and a `magnet_ray.llm` model for rollouts. It counts what the task costs."""

    __slots__ = ("_model", "problems", "requests", "seconds", "task", "usage")

    def __init__(self, model: base.ChatModel, task: str) -> None:
        self._model, self.task = model, task
        self.requests, self.seconds, self.usage = 0, 0.0, Usage()
        self.problems: list[str] = []
        """Replies that could not be used, each in one line."""

    async def chat(
        self, messages: Sequence[Mapping[str, JsonValue]], tools: Sequence[Mapping[str, JsonValue]] = (), *, step: str, remaining: int = 0
    ) -> Reply:
        """See `ChatModel`."""
        key = RequestKey(record=self.task, role=Role.STUDENT, step=step)
        text = compact(list(tools)) if tools else ""
        before = len(self.problems)
        answer = await self.answer(ChatRequest(key=key, messages=tuple(messages), tools=text, remaining=remaining))
        failed = self.problems[before:]
        return Reply(
            content=answer.content,
            calls=answer.tool_calls,
            finish_reason="" if failed else answer.finish_reason,
            usage=answer.usage,
            failure=answer.finish_reason if failed else "",
            detail=failed[0] if failed else "",
        )

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """As `magnet_ray.llm.base.ChatModel`; a bad reply is an empty answer whose `finish_reason` is `refused` or `malformed`.

        Raises:
            Rejected: MODEL_UNAVAILABLE, no answer could be had.
        """
        self.requests += 1
        began = perf_counter()
        try:
            answer = await self._model.answer(request)
        except BadReply as bad:
            self.problems.append(bad.detail)
            answer = ChatAnswer(finish_reason=bad.failure)
        finally:
            self.seconds += perf_counter() - began
        self.usage = Usage(
            prompt_tokens=self.usage.prompt_tokens + answer.usage.prompt_tokens,
            completion_tokens=self.usage.completion_tokens + answer.usage.completion_tokens,
        )
        return answer


OpenAgent = Callable[[], AbstractAsyncContextManager[base.ChatModel]]
"""Opens whoever is evaluated, for one event loop: an endpoint, or an agent that a test or a check puts in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointAgent:
    """Opens the endpoint of a configuration; sent to every worker."""

    settings: ModelSettings
    """The model."""
    requests: RequestsConfig
    """What is done about requests that fail."""
    responses: Place | None = None
    """Directory of the response cache; None: nothing is kept."""
    transport: Callable[[ModelSettings], Transport] = connect
    """What sends to the endpoint."""

    def __call__(self) -> AbstractAsyncContextManager[base.ChatModel]:
        """The model, while the context lasts."""
        return self._opened()

    @asynccontextmanager
    async def _opened(self) -> AsyncIterator[base.ChatModel]:
        settings = {Role.STUDENT: self.settings}
        cache = ResponseCache.open(self.responses) if self.responses else None
        noted: dict[str, RequestFailed] = {}
        models = Models(
            settings,
            requests=self.requests,
            ledger=local_ledger(BudgetConfig(), role_prices(settings)),
            cache=cache,
            bucket_of=lambda key: f"{int(content_id(key.record), 16) % BUCKETS:03d}",
            transport=lambda each: _Noting(self.transport(each), noted),
        )
        try:
            async with models:
                yield _Endpoint(models, noted)
        finally:
            if cache is not None:
                cache.close()


class _Noting:
    """A transport that notes how the last try of each request failed."""

    def __init__(self, transport: Transport, noted: dict[str, RequestFailed]) -> None:
        self._transport, self._noted = transport, noted

    @property
    def place(self) -> str:
        return self._transport.place

    async def complete(self, body: dict[str, JsonValue], request_id: str, timeout: float) -> JsonValue:
        try:
            return await self._transport.complete(body, request_id, timeout)
        except RequestFailed as failure:
            self._noted[request_id] = failure
            raise

    async def models(self, timeout: float) -> tuple[str, ...]:
        return await self._transport.models(timeout)

    async def close(self) -> None:
        await self._transport.close()


class _Endpoint:
    """The endpoint's model, with refusals and malformed replies told apart from an endpoint that is away."""

    def __init__(self, models: Models, noted: dict[str, RequestFailed]) -> None:
        self._models, self._noted = models, noted

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The answer.

        Raises:
            BadReply: refused for good, or malformed every time.
            Rejected: MODEL_UNAVAILABLE.
        """
        key = str(request.key)
        try:
            return await self._models.answer(request)
        except Rejected as rejected:
            failure = self._noted.get(key)
            trouble = failure.trouble if failure else Trouble.MALFORMED
            if trouble in BAD_REPLY:
                raise BadReply(FailureReason.MODEL_UNAVAILABLE, rejected.detail, trouble.value) from None
            raise
        finally:
            self._noted.pop(key, None)


async def endpoint_settings(config: EndpointConfig, transport: Callable[[ModelSettings], Transport] = connect) -> ModelSettings:
    """The settings of the endpoint's model, found to be there.

    Raises:
        ConfigError: the endpoint is away, lets nobody in, does not know the model, or lists several and none is named.
    """
    named = config.model
    if not named.name:
        asked = settings_of(named.model_copy(update={"name": "?"}), "model")
        named = named.model_copy(update={"name": await _only_model(asked, transport)})
    settings = settings_of(named, "model")
    ledger = local_ledger(BudgetConfig(), role_prices({Role.STUDENT: settings}))
    async with Models({Role.STUDENT: settings}, requests=config.requests, ledger=ledger, transport=transport) as models:
        await models.check()
    return settings


async def _only_model(settings: ModelSettings, transport: Callable[[ModelSettings], Transport]) -> str:
    opened = transport(settings)
    try:
        names = await opened.models(min(settings.timeout, LIST_SECONDS))
    except RequestFailed as failure:
        raise ConfigError(
            f"the models at {opened.place} cannot be listed: {failure}", fix="start the server, or name one by --model"
        ) from None
    finally:
        await opened.close()
    if len(names) != 1:
        raise ConfigError(f"{opened.place} lists {len(names)} models", ", ".join(names) or "none", "one", "name one by --model")
    return names[0]
