"""Leading a responder into a mistake: the misleading hint, the turn from which it plays, and what must not show (paper, section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence

from magnet_ray.errors import Rejected
from magnet_ray.llm.base import ChatAnswer, ChatModel, ChatRequest, ToolCall
from magnet_ray.rollouts.hint_traces import HintTraces
from magnet_ray.rollouts.hints import UNSAID, calls_hint
from magnet_ray.rollouts.replays import Message, turns_of
from magnet_ray.rollouts.rollout import RolledTurn, Rollout, World
from magnet_ray.types import FailureReason, JsonValue, Trajectory, parsed


def misleading_hint(turn: RolledTurn, *, closing: bool) -> str:
    """The hint that leads a responder into a mistake; it reads like those that lead it right.

    Args:
        turn: the turn in which a student made it.
        closing: whether the mistake lies in the closing message.

    Raises:
        Rejected: IMPLAUSIBLE, when a call's arguments are no JSON object.
    """
    calls = [{"name": call.function, "arguments": object_in(call.arguments)} for call in turn.calls]
    if any(call["arguments"] is None for call in calls):
        raise Rejected(FailureReason.IMPLAUSIBLE, "the arguments of a call are no JSON object", "\n".join(turn.raw))
    parts = [calls_hint(calls)] if calls else [f"Call nothing. {UNSAID}"]
    if closing or not calls:
        parts.append(f"Close with a message that says the same as this one:\n{turn.reply}")
    return "\n".join(parts)


def object_in(arguments: str) -> dict[str, JsonValue] | None:
    """The arguments of a call, or None when their text is no JSON object."""
    try:
        value = parsed(arguments)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def hint_trace(row: Trajectory, rollout: Rollout, world: World, *, first: int) -> str:
    """The first trace of a hint in what the assistant says from a turn on; empty when there is none."""
    traces = HintTraces(world.pool)
    for tool in (*parsed(row.tools), *(tool for tools in parsed(row.tools_added).values() for tool in tools)):
        traces.add_function(tool["function"]["name"])
    said = turns_of(parsed(rollout.messages))[1:]
    for index, turn in enumerate(rollout.turns):
        traces.add_shown(said[index][0]["content"])
        for call in turn.calls:
            traces.add_values(call.arguments if call.accepted else "", call.output)
        texts = [message["content"] for message in said[index] if message["role"] == "assistant" and message["content"]]
        if index >= first and (trace := next(filter(None, map(traces.find, texts)), "")):
            return trace
    return ""


class FromTurn:
    """A model that takes over a row's conversation in one turn; until then the row's own messages answer.

    From turn `end` on nobody answers, which ends the rollout: no model is asked for what is not used.
    """

    def __init__(self, row: Trajectory, turn: int, end: int, model: ChatModel) -> None:
        self._said = turns_of(parsed(row.messages))[1:]
        self._turn, self._end, self._model = turn, end, model

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The row's next message, or the model's."""
        turns = turns_of(request.messages)[1:]
        if len(turns) > self._end:
            return ChatAnswer()
        if len(turns) > self._turn:
            return await self._model.answer(request)
        made = _assistants(turns[-1])
        message = _assistants(self._said[len(turns) - 1])[len(made)]
        calls = [call["function"] for call in message.get("tool_calls") or ()]
        return ChatAnswer(
            content=message["content"] or "",
            tool_calls=tuple(ToolCall(name=call["name"], arguments=call["arguments"]) for call in calls),
            finish_reason="tool_calls" if calls else "stop",
        )


def _assistants(messages: Sequence[Message]) -> list[Message]:
    return [message for message in messages if message["role"] == "assistant"]
