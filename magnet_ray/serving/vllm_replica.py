"""What runs in a replica of the teacher: `ray.serve.llm`'s server with a door for plain dicts.

Only replicas, and the process that deploys them, import this module: it needs vLLM.
"""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ValidationError
from ray.serve.llm import LLMServer
from ray.serve.llm.openai_api_models import ChatCompletionRequest

from magnet_ray.serving.serve_transport import ServedRequest


class TeacherServer(LLMServer):
    """A vLLM engine behind `complete` and `models`, the methods that `ServeTransport` calls."""

    async def complete(self, request: ServedRequest) -> dict[str, Any]:
        """The reply, or {"error": {"message", "code"}} with an HTTP status as its code."""
        try:
            body = {**request.body, "model": self._llm_config.model_id, "stream": False}
            chat = ChatCompletionRequest(**body, **({"request_id": request.request_id} if request.request_id else {}))
        except ValidationError as error:
            return _refusal(str(error), 400)
        async for reply in await self.chat(chat):
            if isinstance(reply, BaseModel):
                # An ErrorResponse has our refusal's shape. Not asked by class: the engine's are not the ones that ray.serve.llm exports.
                plain: dict[str, Any] = reply.model_dump(mode="json")
                return plain
        return _refusal("the engine gave no reply", 500)

    async def models(self, request: ServedRequest) -> list[str]:
        """Name of the one model that is served."""
        return [self._llm_config.model_id]


def _refusal(message: str, code: int) -> dict[str, Any]:
    return {"error": {"message": message, "code": code}}
