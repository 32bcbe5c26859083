"""The held-out evaluation: each conversation is played by the model in a fresh environment, and judged in another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from evals.endpoint import Chat
from evals.evaluation_runs import Transcript
from evals.heldout.conversations import Conversations, HeldOutConfig, choose_conversations
from evals.heldout.report import HeldOutReport
from evals.heldout.turns import ConversationResult, conversation_result
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest, Role, ToolCall
from magnet_ray.rollouts.rollout import Player, roll_out
from magnet_ray.types import JsonValue, Trajectory, parsed

KIND = "eval heldout"
"""Command that makes these runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutJob:
    """See `evals.evaluation_jobs.Job`."""

    model: str
    """Name of the model, for the report."""
    conversations: Conversations
    """What it is measured on."""
    max_rounds: int
    """Rounds of calls that one turn may take."""
    _places: dict[str, int] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, config: HeldOutConfig) -> HeldOutJob:
        """The job of a configuration.

        Raises:
            UserError: the rows cannot be read.
        """
        return cls(model=config.model.name or "", conversations=choose_conversations(config), max_rounds=config.max_rounds)

    def tasks(self) -> Sequence[str]:
        """Ids of the rows."""
        return [conversation.row.id for conversation in self.conversations.chosen]

    async def perform(self, task: str, chat: Chat) -> Mapping[str, JsonValue]:
        """Play a row and judge what was played.

        Raises:
            Rejected: the model is away, or the environment broke.
        """
        if not self._places:
            self._places.update((conversation.row.id, number) for number, conversation in enumerate(self.conversations.chosen))
        conversation = self.conversations.chosen[self._places[task]]
        world = self.conversations.worlds[conversation.world]
        rollout = await roll_out(conversation.row, Player(model=chat, role=Role.STUDENT, max_rounds=self.max_rounds), world)
        return conversation_result(conversation.row, rollout, world).as_json()

    def reference_agent(self) -> base.ChatModel:
        """Says what the rows say."""
        return ByHeart(conversation.row for conversation in self.conversations.chosen)

    def report(self, transcripts: Sequence[Transcript]) -> HeldOutReport:
        """What came of it."""
        return HeldOutReport.of(
            self.model,
            [ConversationResult.from_json(each.result) for each in transcripts if each.result is not None],
            unscored=[each for each in transcripts if each.result is None],
            offered=self.conversations.offered,
            unseen=self.conversations.unseen,
        )


class ByHeart:
    """An agent that repeats what the assistant of each row says."""

    def __init__(self, rows: Iterable[Trajectory]) -> None:
        self._answers = {row.id: _answers(row) for row in rows}

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The row's message at this place."""
        turn, _, number = request.key.step.partition(".")
        said = self._answers[request.key.record][int(turn)]
        return said[min(int(number), len(said) - 1)]


def _answers(row: Trajectory) -> list[list[ChatAnswer]]:
    """What the assistant of a row says, by turn."""
    turns: list[list[ChatAnswer]] = []
    for message in parsed(row.messages):
        if message["role"] == "user":
            turns.append([])
        elif message["role"] == "assistant":
            made = [call["function"] for call in message.get("tool_calls") or ()]
            calls = tuple(ToolCall(name=call["name"], arguments=call["arguments"]) for call in made)
            turns[-1].append(
                ChatAnswer(content=message["content"] or "", tool_calls=calls, finish_reason="tool_calls" if calls else "stop")
            )
    return turns
