"""A model plays the assistant of a conversation: its calls are executed in a fresh environment until it has replied to every turn.

The user's turns are those of the row. A hint, where one is given, stands in the request alone and never in what is kept.
A player that is cut off, says nothing, or calls without end stops the conversation there; no call is kept without its output.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Final

from magnet_ray.environments.base import OpenEnvironment
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.llm.base import ChatAnswer, ChatModel, ChatRequest, RequestKey, Role
from magnet_ray.rollouts.text_calls import TextCalls, take_calls, without_thought
from magnet_ray.rollouts.tool_server import ToolServer
from magnet_ray.types import Trajectory, canonical, compact, parsed

CUT_OFF: Final = frozenset({"length", "content_filter"})
"""Reasons to finish that leave a message incomplete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledCall:
    """A call that the player made."""

    function: str
    """Function that it named, offered or not."""
    arguments: str
    """Arguments, byte for byte as emitted."""
    output: str
    """What came back, as canonical JSON text: an output, or `{"error": …}`."""
    accepted: bool
    """Whether the environment carried it out; False when it was refused, unknown, or its arguments are no JSON object."""
    wrote: bool
    """Whether it changed the state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledTurn:
    """What the player did in one turn."""

    calls: tuple[RolledCall, ...]
    """Calls in order."""
    rounds: tuple[tuple[int, ...], ...]
    """Indices of `calls` by assistant message."""
    reply: str
    """Closing message; empty when there is none."""
    ended: bool
    """Whether the player closed the turn; False when it was still calling after the most rounds allowed, or was cut off."""
    state: str
    """State of the environment at the end of the turn, as canonical JSON text."""
    raw: tuple[str, ...] = ()
    """What the player emitted, round by round, byte for byte; the last one is the reply, or what cut the turn off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rollout:
    """A conversation as a player carried it on; shorter than the row's when a turn did not end."""

    turns: tuple[RolledTurn, ...]
    """Turns in order."""
    messages: str
    """JSON text of the conversation in OpenAI's chat format, without hints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Where calls are executed."""

    pool: FunctionPool
    """The functions."""
    open_environment: OpenEnvironment
    """Opens a fresh environment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Player:
    """Who plays, and how."""

    model: ChatModel
    """Answers for the assistant."""
    role: Role
    """Role of its requests."""
    sample: int = 0
    """Number of this rollout among those of the same row: part of every request's key."""
    hints: Mapping[int, str] = field(default_factory=dict)
    """Turn -> hint that is put before the player in that turn."""
    max_rounds: int = 8
    """Rounds of calls that one turn may take."""
    instructions: str = ""
    """Text that goes before the system message of its requests; never kept."""


async def roll_out(row: Trajectory, player: Player, world: World) -> Rollout:
    """The conversation of a row as a player carries it on.

    Raises:
        Rejected: ENVIRONMENT_FAULT, or whatever the model raises.
        BudgetSpent: the run may buy nothing more.
    """
    with ToolServer(world.pool, world.open_environment, row.environment, row.scenario_seed) as server:
        return await _Conversation(row, player, server).run()


def user_turns(row: Trajectory) -> tuple[str, ...]:
    """What the user of a row says, by turn."""
    return tuple(message["content"] for message in parsed(row.messages) if message["role"] == "user")


def with_hint(query: str, hint: str) -> str:
    """A user's words with a hint behind them, as the player is shown them."""
    return f"{query}\n\n[Hint] {hint}"


def rounds_of(row: Trajectory) -> tuple[int, ...]:
    """How many messages the assistant of a row writes in each turn."""
    counts: list[int] = []
    for message in parsed(row.messages):
        if message["role"] == "user":
            counts.append(0)
        elif message["role"] == "assistant" and counts:
            counts[-1] += 1
    return tuple(counts)


@dataclass(slots=True)
class _Turn:
    """A turn while it is played; fields as in `RolledTurn`."""

    calls: list[RolledCall] = field(default_factory=list)
    rounds: list[tuple[int, ...]] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    reply: str = ""
    ended: bool = False


class _Conversation:
    """One rollout in progress."""

    def __init__(self, row: Trajectory, player: Player, server: ToolServer) -> None:
        self.row, self.player, self.server = row, player, server
        self.queries = user_turns(row)
        self.expected = rounds_of(row)
        self.tools: list[Mapping[str, Any]] = list(parsed(row.tools))
        self.added: Mapping[str, Sequence[Mapping[str, Any]]] = parsed(row.tools_added)
        self.messages: list[dict[str, Any]] = list(takewhile(lambda message: message["role"] == "system", parsed(row.messages)))
        self.made = 0

    async def run(self) -> Rollout:
        """Play every turn, up to the first that does not end."""
        turns: list[RolledTurn] = []
        for index, query in enumerate(self.queries):
            self.tools += self.added.get(str(index), ())
            self.messages.append({"role": "user", "content": query})
            turn = await self._play(index)
            turns.append(
                RolledTurn(
                    calls=tuple(turn.calls),
                    rounds=tuple(turn.rounds),
                    reply=turn.reply,
                    ended=turn.ended,
                    state=self.server.state(),
                    raw=tuple(turn.raw),
                )
            )
            if not turn.ended:
                break
        return Rollout(turns=tuple(turns), messages=compact(self.messages))

    async def _play(self, index: int) -> _Turn:
        """One turn: rounds of calls until the player replies, may call no more, or is cut off."""
        turn, asked = _Turn(), len(self.messages) - 1
        tools = compact(self.tools)
        for number in range(self.player.max_rounds + 1):
            answer = await self.player.model.answer(self._request(index, number, asked, tools))
            turn.raw.append(emitted(answer))
            taken = _calls_of(answer)
            if taken.unreadable or answer.finish_reason in CUT_OFF or (taken.calls and number == self.player.max_rounds):
                break
            if not taken.calls:
                turn.reply, turn.ended = taken.remainder, bool(taken.remainder.strip())
                if turn.ended:
                    self.messages.append({"role": "assistant", "content": turn.reply})
                break
            self._carry_out(turn, taken)
        return turn

    def _request(self, index: int, number: int, asked: int, tools: str) -> ChatRequest:
        messages = self.messages.copy()
        if hint := self.player.hints.get(index):
            messages[asked] = {"role": "user", "content": with_hint(self.queries[index], hint)}
        if self.player.instructions:
            dated = messages[0]["content"] if messages[0]["role"] == "system" else ""
            system = {"role": "system", "content": "\n\n".join(filter(None, (self.player.instructions, dated)))}
            messages = [system, *(messages[1:] if dated else messages)]
        return ChatRequest(
            key=RequestKey(record=self.row.id, role=self.player.role, step=f"{index}.{number}", attempt=self.player.sample * 100),
            messages=tuple(messages),
            tools=tools if self.tools else "",
            remaining=max(self.expected[index] - number - 1, 0) + sum(self.expected[index + 1 :]),
        )

    def _carry_out(self, turn: _Turn, taken: TextCalls) -> None:
        """Execute the calls of one message and add them to the conversation with their outputs."""
        offered = {tool["function"]["name"]: None for tool in self.tools}
        calls, outputs = [], []
        for call in taken.calls:
            served = self.server.serve(call.name, call.arguments, offered)
            self.made += 1
            key = f"call_{self.made}"
            calls.append({"id": key, "type": "function", "function": {"name": call.name, "arguments": call.arguments}})
            outputs.append({"role": "tool", "tool_call_id": key, "name": call.name, "content": compact(served.output)})
            turn.calls.append(
                RolledCall(
                    function=call.name,
                    arguments=call.arguments,
                    output=canonical(served.output),
                    accepted=served.accepted,
                    wrote=served.wrote,
                )
            )
        turn.rounds.append(tuple(range(len(turn.calls) - len(calls), len(turn.calls))))
        self.messages += [{"role": "assistant", "content": taken.remainder, "tool_calls": calls}, *outputs]


def _calls_of(answer: ChatAnswer) -> TextCalls:
    """The calls of an answer: those that the endpoint took out, else those that the text holds."""
    if answer.tool_calls:
        return TextCalls(calls=answer.tool_calls, remainder=without_thought(answer.content))
    return take_calls(without_thought(answer.content))


def emitted(answer: ChatAnswer) -> str:
    """What a model emitted, as one text: its words, then its calls as they came."""
    calls = [f"{call.name}({call.arguments})" for call in answer.tool_calls]
    return "\n".join(part for part in (answer.content, *calls) if part)
