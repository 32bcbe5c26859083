"""Messages that already exist, carried out again in a fresh environment: what a conversation did, as a rollout.

A replay can be left at any turn and gone on with by hand: `begin` a turn, `carry_out` rounds of calls, `close` it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random
from types import TracebackType
from typing import Any, Self

from magnet_ray.environments.base import Environment
from magnet_ray.errors import Rejected
from magnet_ray.rollouts.rollout import RolledCall, RolledTurn, Rollout, World
from magnet_ray.rollouts.tool_server import ToolServer, environment_faults
from magnet_ray.types import FailureReason, FunctionSpec, JsonValue, Trajectory, canonical, compact, parsed
from magnet_ray.values import draw_argument

Message = Mapping[str, Any]
Place = tuple[int, int]
"""(turn, call) in a row's reference."""


def replayed(row: Trajectory, messages: Sequence[Message], world: World) -> Rollout:
    """The rollout that some messages of a row's conversation tell, whole or broken off.

    Args:
        row: gives the environment, the scenario and the tools.
        messages: OpenAI chat messages; those of a row make its own rollout.
        world: functions and environments.

    Raises:
        Rejected: REPLAY_DIFFERS, when an output is not what the messages say; or ENVIRONMENT_FAULT.
    """
    with Replay(row, world) as replay:
        for said in turns_of(messages)[1:]:
            replay.as_said(said)
        return replay.rollout()


class Replay:
    """A conversation being carried out; use it as a context manager.

    Raises:
        Rejected: ENVIRONMENT_FAULT.
    """

    def __init__(self, row: Trajectory, world: World) -> None:
        self.row, self.world = row, world
        self.messages: list[Message] = list(turns_of(parsed(row.messages))[0])
        self.turns: list[RolledTurn] = []
        self._tools: list[str] = [tool["function"]["name"] for tool in parsed(row.tools)]
        self._calls: list[RolledCall] = []
        self._rounds: list[tuple[int, ...]] = []
        self._made = 0
        self._environments: dict[str, Environment] = {}
        self._server = ToolServer(world.pool, self._opened, row.environment, row.scenario_seed)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for environment in self._environments.values():
            environment.close()

    def _opened(self, key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> Environment:
        if key not in self._environments:
            self._environments[key] = self.world.open_environment(key, seed, specs)
        return self._environments[key]

    def rollout(self) -> Rollout:
        """What was carried out so far."""
        return Rollout(turns=tuple(self.turns), messages=compact(self.messages))

    def draw(self, spec: FunctionSpec, parameter: str, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue:
        """A plausible value for a parameter in the present state.

        Raises:
            Rejected: NO_VALUE, or ENVIRONMENT_FAULT.
        """
        with environment_faults():
            environment = self._opened(spec.environment, self.row.scenario_seed, self.world.pool.in_environment(spec.environment))
            return draw_argument(environment, spec, parameter, chosen, rng)

    def as_said(self, said: Sequence[Message]) -> None:
        """Carry out a turn as its messages tell it.

        Raises:
            Rejected: REPLAY_DIFFERS, or ENVIRONMENT_FAULT.
        """
        self.begin(said[0])
        outputs = {message["tool_call_id"]: message["content"] for message in said if message["role"] == "tool"}
        for message in said[1:]:
            emitted = message.get("tool_calls") or ()
            if not emitted:
                continue
            made = self.carry_out([(call["function"]["name"], call["function"]["arguments"]) for call in emitted], message["content"] or "")
            for call, rolled in zip(emitted, made, strict=True):
                if canonical(parsed(outputs.get(call["id"], "null"))) != rolled.output:
                    raise Rejected(FailureReason.REPLAY_DIFFERS, f"turn {len(self.turns)}: {rolled.function}({rolled.arguments})")
        last = said[-1]
        self.close(last["content"] if last["role"] == "assistant" and not last.get("tool_calls") else "")

    def begin(self, query: Message) -> None:
        """Begin the next turn with its user message."""
        self._tools += [tool["function"]["name"] for tool in parsed(self.row.tools_added).get(str(len(self.turns)), ())]
        self.messages.append(query)
        self._calls, self._rounds = [], []

    def carry_out(self, calls: Sequence[tuple[str, str]], content: str = "") -> list[RolledCall]:
        """One assistant message with calls, each (function, arguments as text), and their outputs."""
        emitted, outputs, made = [], [], []
        for name, arguments in calls:
            served = self._server.serve(name, arguments, self._tools)
            self._made += 1
            key = f"call_{self._made}"
            emitted.append({"id": key, "type": "function", "function": {"name": name, "arguments": arguments}})
            outputs.append({"role": "tool", "tool_call_id": key, "name": name, "content": compact(served.output)})
            output = canonical(served.output)
            made.append(RolledCall(function=name, arguments=arguments, output=output, accepted=served.accepted, wrote=served.wrote))
        self.messages += [{"role": "assistant", "content": content, "tool_calls": emitted}, *outputs]
        self._rounds.append(tuple(range(len(self._calls), len(self._calls) + len(made))))
        self._calls += made
        return made

    def close(self, reply: str) -> None:
        """End the turn with a closing message; an empty one leaves it open."""
        if reply:
            self.messages.append({"role": "assistant", "content": reply})
        self.turns.append(
            RolledTurn(
                calls=tuple(self._calls), rounds=tuple(self._rounds), reply=reply, ended=bool(reply.strip()), state=self._server.state()
            )
        )


def turns_of(messages: Sequence[Message]) -> list[list[Message]]:
    """Messages by turn: first what stands before the first user message, then each user message with what follows it."""
    turns: list[list[Message]] = [[]]
    for message in messages:
        if message["role"] == "user":
            turns.append([])
        turns[-1].append(message)
    return turns


def calls_in(messages: Sequence[Message]) -> list[tuple[str, str, str]]:
    """(function, arguments, output) of every call in some messages, in order."""
    outputs = {message["tool_call_id"]: message["content"] for message in messages if message["role"] == "tool"}
    return [
        (call["function"]["name"], call["function"]["arguments"], outputs.get(call["id"], ""))
        for message in messages
        for call in message.get("tool_calls") or ()
    ]


def outputs_of(row: Trajectory) -> dict[Place, JsonValue]:
    """(turn, reference call) -> its output, for the reference calls that the row's messages make."""
    turns = turns_of(parsed(row.messages))[1:]
    found: dict[Place, JsonValue] = {}
    for turn, references in enumerate(parsed(row.reference_calls)):
        made = [(name, parsed(arguments), parsed(output)) for name, arguments, output in calls_in(turns[turn])]
        for number, reference in enumerate(references):
            same = [output for name, arguments, output in made if name == reference["name"] and arguments == reference["arguments"]]
            if same:
                found[turn, number] = same[0]
    return found
