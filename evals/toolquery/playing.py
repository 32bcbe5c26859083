"""Putting a task to a model: it calls tools until it calls `finish`, says nothing more to the point, or has used up its steps.

As in AgentBoard a step is one call, and a message without a call is a step that is answered by a reminder. Calls that an endpoint leaves
in the text are taken out of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from evals.endpoint import ChatModel, Reply
from evals.toolquery.tasks import open_tools
from evals.toolquery.tools import FINISH, Task
from magnet_ray.llm.base import ToolCall
from magnet_ray.rollouts.text_calls import take_calls, without_thought
from magnet_ray.types import compact

INSTRUCTIONS: Final = (
    "Answer the user's question with the tools. Look everything up, names, dates and coordinates included, and guess nothing. "
    "When you know the answer, call finish with it: a number where a number is asked for, a list where several things are, and else a text."
)
REMINDER: Final = "Go on with a tool, or call finish with the answer."
REMINDERS: Final = 3
"""Messages in a row without a call after which a task ends."""


class Ending(StrEnum):
    """How a task ended."""

    FINISHED = "finished"
    """`finish` was called with an answer."""
    STEPS = "steps_used_up"
    """The model may take no further step."""
    NO_CALLS = "no_calls"
    """It made no call, several times in a row."""
    BAD_REPLY = "bad_reply"
    """The endpoint refused the conversation, or its reply could not be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A task as a model played it."""

    messages: tuple[Mapping[str, Any], ...]
    """The conversation in OpenAI's chat format, arguments as emitted."""
    ending: Ending
    """How it ended."""
    steps: int
    """Steps that it took."""

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Played:
        """What `as_json` gave."""
        return cls(messages=tuple(values["messages"]), ending=Ending(values["ending"]), steps=values["steps"])


async def play(task: Task, chat: ChatModel, max_steps: int) -> Played:
    """Put a task to a model.

    Raises:
        Rejected: MODEL_UNAVAILABLE, no answer could be had.
    """
    return await _Game(task, chat, max_steps).run()


class _Game:
    """A task while it is played."""

    def __init__(self, task: Task, chat: ChatModel, max_steps: int) -> None:
        self.task, self.chat, self.max_steps = task, chat, max_steps
        self.toolkit = open_tools(task)
        self.tools = self.toolkit.offered()
        self.messages: list[dict[str, Any]] = [{"role": "system", "content": INSTRUCTIONS}, {"role": "user", "content": task.goal}]
        self.steps = self.made = self.asked = self.silent = 0

    async def run(self) -> Played:
        """Play until it ends."""
        ending: Ending | None = None
        while ending is None:
            ending = await self._go_on()
        return Played(messages=tuple(self.messages), ending=ending, steps=self.steps)

    async def _go_on(self) -> Ending | None:
        """One message of the model, and what becomes of it; how the task ended, if it did."""
        remaining = max(0, len(self.task.calls) - self.asked)
        reply = await self.chat.chat(self.messages, self.tools, step=str(self.asked), remaining=remaining)
        self.asked += 1
        if reply.failure:
            self.steps += 1
            return Ending.BAD_REPLY
        content, calls = _taken(reply)
        calls = calls[: self.max_steps - self.steps]
        if calls:
            self.silent = 0
            if self._carry_out(content, calls):
                return Ending.FINISHED
        else:
            self.steps, self.silent = self.steps + 1, self.silent + 1
            self.messages.append({"role": "assistant", "content": content})
            if self.silent == REMINDERS:
                return Ending.NO_CALLS
            self.messages.append({"role": "user", "content": REMINDER})
        return Ending.STEPS if self.steps >= self.max_steps else None

    def _carry_out(self, content: str, calls: tuple[ToolCall, ...]) -> bool:
        """Make the calls of one message up to an accepted `finish`; whether there was one."""
        outputs, finished = [], False
        for call in calls:
            outcome = self.toolkit.call(call.name, call.arguments)
            self.steps += 1
            outputs.append({"role": "tool", "name": call.name, "content": compact(outcome.output)})
            if finished := call.name == FINISH and outcome.accepted:
                break
        made = Reply(content=content, calls=calls[: len(outputs)]).as_message(self.made + 1)
        self.made += len(outputs)
        self.messages.append(made)
        for output, call in zip(outputs, made["tool_calls"], strict=True):
            self.messages.append({"role": "tool", "tool_call_id": call["id"], **output})
        return finished


def _taken(reply: Reply) -> tuple[str, tuple[ToolCall, ...]]:
    """The text and the calls of a reply: those that the endpoint took out, else those that the text holds."""
    text = without_thought(reply.content)
    if reply.calls:
        return text, reply.calls
    taken = take_calls(text)
    return taken.remainder, taken.calls
