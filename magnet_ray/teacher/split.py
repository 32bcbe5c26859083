"""A teacher of two: one writes what the user says, the other what the assistant says."""

from __future__ import annotations

from dataclasses import dataclass

from magnet_ray.teacher.base import Teacher, TurnRequest, TurnWords
from magnet_ray.types import FunctionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTeacher:
    """See `Teacher`. Where hinted rollouts replace the assistant's messages, nobody pays a model to write them first."""

    user: Teacher
    """Writes queries, and what the user says after a miss."""
    assistant: Teacher
    """Writes replies, refusals and questions."""

    def speakable(self, spec: FunctionSpec) -> frozenset[str]:
        """What the user can put into words."""
        return self.user.speakable(spec)

    def droppable(self, spec: FunctionSpec) -> frozenset[str]:
        """What the user can leave out."""
        return self.user.droppable(spec)

    async def query(self, request: TurnRequest) -> TurnWords:
        """The user's."""
        return await self.user.query(request)

    async def supply(self, request: TurnRequest) -> TurnWords:
        """The user's."""
        return await self.user.supply(request)

    async def enable(self, request: TurnRequest) -> str:
        """The user's."""
        return await self.user.enable(request)

    async def reply(self, request: TurnRequest) -> str:
        """The assistant's."""
        return await self.assistant.reply(request)

    async def decline(self, request: TurnRequest) -> str:
        """The assistant's."""
        return await self.assistant.decline(request)

    async def clarify(self, request: TurnRequest) -> str:
        """The assistant's."""
        return await self.assistant.clarify(request)
