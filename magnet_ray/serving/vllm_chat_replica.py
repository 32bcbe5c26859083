"""What runs in a replica of the engine `vllm`: `ray.serve.llm`'s server with the methods that `RemoteEngine` calls.

Only replicas, and the process that deploys them, import this module: it needs vLLM.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from typing import Any, cast

from pydantic import BaseModel, ValidationError
from ray.llm._internal.serve.core.configs.llm_config import DiskMultiplexConfig
from ray.serve.llm import LLMServer
from ray.serve.llm.openai_api_models import ChatCompletionRequest
from vllm.exceptions import VLLMClientError

from magnet_ray.atomic_files import write_atomically
from magnet_ray.checkpoint_places import fetched
from magnet_ray.serving.api_errors import ApiError, invalid
from magnet_ray.serving.chat_requests import IncomingChat, parse_chat
from magnet_ray.serving.engine import Piece
from magnet_ray.serving.replicas import Batch, ServedChat
from magnet_ray.serving.vllm_answers import Answer, refusal_of, request_fields
from magnet_ray.serving.vllm_engine import SETTINGS, ReplicaSettings, template_file


class VllmChatReplica(LLMServer):
    """A vLLM engine that answers in pieces."""

    async def start(self) -> None:
        """Start the engine, with the template where it looks for it, and with the adapter if there is one."""
        self._settings: ReplicaSettings = self._llm_config.experimental_configs[SETTINGS]
        template = self._settings.template
        write_atomically(template_file(template), lambda file: file.write_text(template, encoding="utf-8"))
        start: Any = super().start
        await start()
        if self._settings.adapter:
            engine, adapter = cast(Any, self.engine), fetched(self._settings.adapter)
            await engine.resolve_lora(
                DiskMultiplexConfig(model_id=self._settings.served, local_path=adapter, max_total_tokens=None, lora_assigned_int_id=1)
            )

    async def ready(self, request: ServedChat) -> None:
        """Return when the engine is well."""
        await self.check_health()

    async def answer(self, request: ServedChat) -> Batch:
        """All pieces of an answer at once."""
        incoming = parse_chat(request.body)
        try:
            try:
                return await self._whole(incoming, with_schemas=True)
            except ApiError as error:
                if error.status != 400 or not incoming.chat.forced_names:
                    raise
                # A schema may say what a grammar cannot: then the arguments are any object.
                return await self._whole(incoming, with_schemas=False)
        except ApiError as error:
            return error

    async def generate(self, request: ServedChat) -> AsyncGenerator[Batch]:
        """Pieces as they are made."""
        incoming = parse_chat(request.body)
        begun = False
        try:
            try:
                async for pieces in self._stream(incoming, with_schemas=True):
                    begun = True
                    yield pieces
            except ApiError as error:
                if begun or error.status != 400 or not incoming.chat.forced_names:
                    raise
                async for pieces in self._stream(incoming, with_schemas=False):
                    yield pieces
        except ApiError as error:
            yield error

    async def _whole(self, incoming: IncomingChat, *, with_schemas: bool) -> list[Piece]:
        answer = Answer(incoming.chat, self._settings.reading)
        async for reply in await self.chat(self._asked(incoming, stream=False, with_schemas=with_schemas)):
            if isinstance(reply, BaseModel):
                return answer.read_whole(reply.model_dump(mode="json"))
        raise ApiError(500, "the engine gave no answer", "internal_error", kind="server_error")

    async def _stream(self, incoming: IncomingChat, *, with_schemas: bool) -> AsyncGenerator[list[Piece]]:
        answer = Answer(incoming.chat, self._settings.reading)
        async for events in await self.chat(self._asked(incoming, stream=True, with_schemas=with_schemas)):
            for event in events if isinstance(events, list) else [events]:
                if isinstance(event, BaseModel):
                    raise refusal_of(event.model_dump(mode="json"))
                if pieces := answer.read_event(event):
                    yield pieces
        yield answer.close()

    def _asked(self, incoming: IncomingChat, *, stream: bool, with_schemas: bool) -> ChatCompletionRequest:
        fields = request_fields(incoming, self._settings.reading, stream=stream, with_schemas=with_schemas)
        if self._settings.longest and not (fields.get("max_tokens") or fields.get("max_completion_tokens")):
            fields["max_tokens"] = self._settings.longest
        try:
            return ChatCompletionRequest(**fields, model=self._settings.served)
        except ValidationError as error:
            first = error.errors()[0]
            raise invalid(f"{'.'.join(str(part) for part in first['loc'])}: {first['msg']}") from None
        except (VLLMClientError, ValueError) as error:
            raise invalid(str(error)[:500]) from None
