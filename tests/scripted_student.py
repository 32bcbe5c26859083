"""Real conversations of the built-in pool, and a student that plays them with one known mistake."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from magnet_ray.at_once import at_once
from magnet_ray.environments.opening import open_environment
from magnet_ray.llm.base import ChatAnswer, ChatModel, ChatRequest, Role, ToolCall
from magnet_ray.rollouts.rollout import Player, Rollout, World, roll_out
from magnet_ray.synthesis import make_rows
from magnet_ray.types import ErrorType, Trajectory
from tests.builtin_recipe import builtin_recipe

Call = tuple[str, Mapping[str, Any]]
"""(function, arguments)."""


@cache
def world() -> World:
    """The built-in pool and its environments."""
    return World(pool=builtin_recipe().workshop.pool, open_environment=open_environment)


@cache
def real_rows(count: int = 300) -> tuple[Trajectory, ...]:
    """The rows of the first paths."""
    return tuple(make_rows(range(count), builtin_recipe())[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Mistake:
    """What a student does wrong in one turn, and what that is called."""

    turn: int
    """The turn."""
    kind: ErrorType | None
    """What it should be found to be."""
    rounds: tuple[tuple[Call, ...], ...]
    """Calls by round."""
    reply: str = "All done."
    """Closing message."""


@dataclass(slots=True)
class Student:
    """Says what the row says, but for its mistake."""

    row: Trajectory
    """The conversation."""
    mistake: Mistake | None = None
    """What it does wrong; None: nothing."""
    requests: list[ChatRequest] = field(default_factory=list)
    """What it was asked."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The next message of the script."""
        self.requests.append(request)
        turn, number = place(request)
        if self.mistake is None or turn != self.mistake.turn:
            return said(self.row, turn, number)
        if number < len(self.mistake.rounds):
            return calling(self.mistake.rounds[number])
        return ChatAnswer(content=self.mistake.reply, finish_reason="stop")


def place(request: ChatRequest) -> tuple[int, int]:
    """(turn, messages that the assistant has written in it)."""
    users = [index for index, message in enumerate(request.messages) if message["role"] == "user"]
    return len(users) - 1, sum(message["role"] == "assistant" for message in request.messages[users[-1] :])


def said(row: Trajectory, turn: int, number: int) -> ChatAnswer:
    """A message of the row's assistant."""
    message = [message for message in messages_of(row, turn) if message["role"] == "assistant"][number]
    calls = tuple(ToolCall(name=c["function"]["name"], arguments=c["function"]["arguments"]) for c in message.get("tool_calls") or ())
    return ChatAnswer(content=message["content"], tool_calls=calls, finish_reason="tool_calls" if calls else "stop")


def calling(calls: Sequence[Call]) -> ChatAnswer:
    """A message with calls."""
    made = tuple(ToolCall(name=name, arguments=json.dumps(arguments)) for name, arguments in calls)
    return ChatAnswer(tool_calls=made, finish_reason="tool_calls")


def messages_of(row: Trajectory, turn: int) -> list[dict[str, Any]]:
    """The messages of one turn."""
    messages = json.loads(row.messages)
    users = [*(index for index, message in enumerate(messages) if message["role"] == "user"), len(messages)]
    turn_messages: list[dict[str, Any]] = messages[users[turn] : users[turn + 1]]
    return turn_messages


def played(row: Trajectory, model: ChatModel) -> Rollout:
    """The rollout of a student."""
    return at_once(roll_out(row, Player(model=model, role=Role.STUDENT), world()))


def mistakes(row: Trajectory) -> Iterator[Mistake]:
    """Mistakes that a row offers a place for, at most one of each kind; values are made up, so the environment may refuse them."""
    reference, provenance = json.loads(row.reference_calls), json.loads(row.provenance)
    found: dict[str, Mistake] = {}
    for turn, calls in enumerate(reference):
        rounds = tuple(tuple(made) for made in _rounds(row, turn))
        if not calls:
            tool = json.loads(row.tools)[0]["function"]["name"]
            found.setdefault("miss", Mistake(turn=turn, kind=ErrorType.MISS_NOT_RECOGNISED, rounds=(((tool, {}),),)))
            continue
        invented = "You will find it under reference ZQX-90817."
        found.setdefault("summary", Mistake(turn=turn, kind=ErrorType.WRONG_SUMMARY, rounds=rounds, reply=invented))
        for number, call in enumerate(calls):
            origins = provenance[turn][number]
            if call["nested"]:
                wrong = _changed(rounds, calls, _dependants(provenance[turn], turn, number), skipped=number)
                found.setdefault("nested", Mistake(turn=turn, kind=ErrorType.NESTED_MISSING, rounds=wrong))
            for name, origin in origins.items():
                if origin["origin"] == "output":
                    short = origin["turn"] == turn
                    kind = ErrorType.SHORT_DEPENDENCY if short else ErrorType.LONG_DEPENDENCY
                    wrong = _changed(rounds, calls, {(number, name)})
                    found.setdefault(kind.value, Mistake(turn=turn, kind=kind, rounds=wrong))
    yield from found.values()


def _rounds(row: Trajectory, turn: int) -> Iterator[list[Call]]:
    for message in messages_of(row, turn):
        if message.get("tool_calls"):
            yield [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in message["tool_calls"]]


def _dependants(origins: Sequence[Mapping[str, Any]], turn: int, source: int) -> set[tuple[int, str]]:
    return {
        (number, name)
        for number, of_call in enumerate(origins)
        for name, origin in of_call.items()
        if (origin["origin"], origin["turn"], origin.get("call")) == ("output", turn, source)
    }


def _changed(
    rounds: Sequence[Sequence[Call]], calls: Sequence[Mapping[str, Any]], sites: set[tuple[int, str]], skipped: int = -1
) -> tuple[tuple[Call, ...], ...]:
    """The rounds with made-up values at (reference call, parameter), and one reference call left out."""
    number, changed = 0, []
    for made in rounds:
        kept = []
        for name, arguments in made:
            assert name == calls[number]["name"]
            wrong = {key: invented(value) if (number, key) in sites else value for key, value in arguments.items()}
            kept += [] if number == skipped else [(name, wrong)]
            number += 1
        changed += [tuple(kept)] if kept else []
    return tuple(changed)


def invented(value: Any) -> Any:
    """Another value of the same type."""
    match value:
        case bool():
            return not value
        case int() | float():
            return value + 1
        case str():
            return f"{value[:3]}zzyx"
        case list():
            return [invented(item) for item in value]
    return value
