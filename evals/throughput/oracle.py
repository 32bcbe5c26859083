"""A teacher that is never wrong, for benchmarks and tests of everything around a model: it says what the embedded teacher would.

The planned calls of a path do not depend on who words them, so the answers to all requests of a run can be worked out
beforehand: `rehearse` makes the paths with the real stages and notes every request's answer under its key. A `Script`
of these answers then stands behind a server.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from magnet_ray.at_once import at_once
from magnet_ray.config import TeacherConfig
from magnet_ray.llm.base import ChatAnswer, ChatRequest, Role, ToolCall
from magnet_ray.path_maker import PathMaker
from magnet_ray.shards import Unit
from magnet_ray.synthesis import with_models
from magnet_ray.teacher.answers import supply_answer, words_answer
from magnet_ray.teacher.base import Teacher, TurnRequest, TurnWords
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.types import Failure, FunctionSpec, Trajectory, compact


@dataclass(slots=True)
class Oracle:
    """A `ChatModel` that answers what was noted, and remembers which request it answered how."""

    noted: dict[str, dict[str, Any]] = field(default_factory=dict)
    """`record/role/step` -> message."""
    answers: dict[str, dict[str, Any]] = field(default_factory=dict)
    """Key of a request -> the message that answered it."""

    def note(self, record: str, role: Role, step: str, message: dict[str, Any]) -> None:
        """Note what to answer, whatever the attempt."""
        self.noted[f"{record}/{role.value}/{step}"] = message

    def note_row(self, row: Trajectory) -> None:
        """Note what the responder of a row does, round by round."""
        turn, number = -1, 0
        for message in json.loads(row.messages):
            if message["role"] == "user":
                turn, number = turn + 1, 0
            elif message["role"] == "assistant":
                self.note(
                    row.id, Role.RESPONDER, f"{turn}.{number}", {key: message[key] for key in ("content", "tool_calls") if key in message}
                )
                number += 1

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The noted answer."""
        key = request.key
        message = self.noted[f"{key.record}/{key.role.value}/{key.step}"]
        self.answers[str(key)] = message
        calls = tuple(
            ToolCall(name=call["function"]["name"], arguments=call["function"]["arguments"]) for call in message.get("tool_calls", ())
        )
        return ChatAnswer(content=message["content"], tool_calls=calls, finish_reason="tool_calls" if calls else "stop")


@dataclass(frozen=True, slots=True)
class _Prompter:
    """A teacher that tells the oracle what to answer before the teacher in training asks it."""

    pupil: Teacher
    oracle: Oracle
    embedded: Teacher = field(default_factory=TemplateTeacher)

    def speakable(self, spec: FunctionSpec) -> frozenset[str]:
        return self.pupil.speakable(spec)

    def droppable(self, spec: FunctionSpec) -> frozenset[str]:
        return self.pupil.droppable(spec)

    async def query(self, request: TurnRequest) -> TurnWords:
        words = await self.embedded.query(_aside(request))
        self._note(request, Role.BACK_TRANSLATOR, "", compact(words_answer(words)))
        calls = [{"name": call.spec.name, "arguments": dict(call.arguments)} for call in request.calls]
        self._note(request, Role.FORTH_TRANSLATOR, "", compact({"calls": calls}))
        return await self.pupil.query(request)

    async def supply(self, request: TurnRequest) -> TurnWords:
        self._note(request, Role.BACK_TRANSLATOR, ".supply", compact(supply_answer(await self.embedded.supply(_aside(request)))))
        return await self.pupil.supply(request)

    async def enable(self, request: TurnRequest) -> str:
        self._note(request, Role.BACK_TRANSLATOR, ".enable", await self.embedded.enable(_aside(request)))
        return await self.pupil.enable(request)

    async def reply(self, request: TurnRequest) -> str:
        self._note(request, Role.RESPONDER, ".reply", await self.embedded.reply(_aside(request)))
        return await self.pupil.reply(request)

    async def decline(self, request: TurnRequest) -> str:
        self._note(request, Role.RESPONDER, ".decline", await self.embedded.decline(_aside(request)))
        return await self.pupil.decline(request)

    async def clarify(self, request: TurnRequest) -> str:
        self._note(request, Role.RESPONDER, ".clarify", await self.embedded.clarify(_aside(request)))
        return await self.pupil.clarify(request)

    def _note(self, request: TurnRequest, role: Role, suffix: str, text: str) -> None:
        self.oracle.note(request.record, role, f"{request.turn}{suffix}", {"content": text})


def _aside(request: TurnRequest) -> TurnRequest:
    """The same request with a copy of its random numbers, so that answering it changes nothing."""
    return replace(request, rng=copy.copy(request.rng))


def rehearse(
    maker: PathMaker, config: TeacherConfig, units: Sequence[Unit]
) -> tuple[dict[str, dict[str, Any]], list[Trajectory | Failure]]:
    """Every answer that making the units asks for, and what becomes of them."""
    oracle = Oracle()
    recipe = with_models(maker.recipe, oracle, config)
    act = recipe.act

    async def acted(row: Trajectory) -> Trajectory:
        oracle.note_row(row)
        assert act is not None
        return await act(row)

    workshop = replace(recipe.workshop, teacher=_Prompter(recipe.workshop.teacher, oracle))
    prompted = replace(maker, recipe=replace(recipe, workshop=workshop, act=acted if act else None))
    outcomes: list[Trajectory | Failure] = []
    for unit in units:
        made = at_once(prompted.make(unit))
        outcomes += [*made.rows, *made.failures]
    return oracle.answers, outcomes


@dataclass(frozen=True, slots=True)
class Script:
    """Answers a server's requests out of a rehearsal; an unknown one gets a text that no stage can use."""

    answers: Mapping[str, dict[str, Any]]

    def __call__(self, headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return self.answers.get(headers.get("X-Request-Id", ""), {"content": "I do not know this request."})
