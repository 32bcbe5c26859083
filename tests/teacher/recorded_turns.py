"""Real turns of the built-in pool: what the template teacher was asked for, and what it said."""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import TypeVar

from magnet_ray.at_once import at_once
from magnet_ray.errors import Rejected
from magnet_ray.paths import sample_path
from magnet_ray.teacher.base import TurnRequest, TurnWords
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.translation import translate
from tests.builtin_recipe import builtin_recipe

PATHS = 80
"""Paths that are looked at."""
Said = TypeVar("Said", str, TurnWords)


@dataclass(frozen=True, slots=True)
class RecordedTurn:
    """One request to a teacher."""

    method: str
    """Method of `Teacher`."""
    request: TurnRequest
    """What it was given; with the query where one had been worded."""
    said: str | TurnWords
    """What the template teacher answered."""


class RecordingTeacher(TemplateTeacher):
    """The template teacher, with a record of what it was asked."""

    def __init__(self) -> None:
        self.record: list[RecordedTurn] = []
        self._query = ""

    async def query(self, request: TurnRequest) -> TurnWords:
        words = await self._kept("query", request, super().query)
        self._query = words.text
        return words

    async def reply(self, request: TurnRequest) -> str:
        return await self._kept("reply", request, super().reply)

    async def decline(self, request: TurnRequest) -> str:
        return await self._kept("decline", request, super().decline)

    async def clarify(self, request: TurnRequest) -> str:
        return await self._kept("clarify", request, super().clarify)

    async def enable(self, request: TurnRequest) -> str:
        return await self._kept("enable", request, super().enable)

    async def supply(self, request: TurnRequest) -> TurnWords:
        return await self._kept("supply", request, super().supply)

    async def _kept(self, method: str, request: TurnRequest, say: Callable[[TurnRequest], Awaitable[Said]]) -> Said:
        before = copy.deepcopy(request.rng)
        said = await say(request)
        asked = request if method == "query" else replace(request, query=self._query)
        self.record.append(RecordedTurn(method, replace(asked, rng=before), said))
        return said


@cache
def recorded_turns() -> tuple[RecordedTurn, ...]:
    """What the first `PATHS` paths ask of a teacher."""
    recipe = builtin_recipe()
    teacher = RecordingTeacher()
    workshop = replace(recipe.workshop, teacher=teacher)
    for index in range(PATHS):
        path = sample_path(index, run_seed=recipe.seed, graph=recipe.workshop.graph, settings=recipe.paths)
        try:
            at_once(translate(path, workshop))
        except Rejected:
            continue
    return tuple(teacher.record)


def turns_for(method: str) -> tuple[RecordedTurn, ...]:
    """Those of one method."""
    return tuple(turn for turn in recorded_turns() if turn.method == method)
