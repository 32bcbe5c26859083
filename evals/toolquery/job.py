"""The ToolQuery-style evaluation: its tasks, an agent that knows the ways, and its report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from pydantic import Field

from evals.endpoint import Chat
from evals.evaluation_runs import EvaluationConfig, Transcript
from evals.toolquery.playing import Played, play
from evals.toolquery.report import ToolQueryReport
from evals.toolquery.scoring import score_task
from evals.toolquery.tasks import TOOLKITS, all_tasks
from evals.toolquery.tools import FINISH, Task
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest, ToolCall
from magnet_ray.types import JsonValue, compact, content_id

KIND: Final = "eval toolquery"
"""Command that makes these runs."""
Domain = Literal["weather", "movie", "academia"]


class ToolQueryConfig(EvaluationConfig):
    """`magnet eval toolquery`: questions over three synthetic domains."""

    domains: tuple[Domain, ...] = Field(default=("weather", "movie", "academia"), min_length=1, description="Domains to ask about.")
    max_steps: int = Field(default=20, ge=1, le=1_000, description="Steps that one task may take; 20 in AgentBoard.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolQueryJob:
    """See `evals.evaluation_jobs.Job`."""

    model: str
    """Name of the model, for the report."""
    chosen: tuple[str, ...]
    """Ids of the tasks."""
    max_steps: int
    """Steps that one task may take."""

    @classmethod
    def of(cls, config: ToolQueryConfig) -> ToolQueryJob:
        """The job of a configuration."""
        return cls(model=config.model.name or "", chosen=tuple(_chosen(config)), max_steps=config.max_steps)

    def tasks(self) -> Sequence[str]:
        """Ids of the tasks."""
        return self.chosen

    async def perform(self, task: str, chat: Chat) -> Mapping[str, JsonValue]:
        """Put a task.

        Raises:
            Rejected: the model is away.
        """
        return (await play(all_tasks()[task], chat, self.max_steps)).as_json()

    def reference_agent(self) -> base.ChatModel:
        """Goes the reference way."""
        return Guide(all_tasks()[id] for id in self.chosen)

    def report(self, transcripts: Sequence[Transcript]) -> ToolQueryReport:
        """What came of it."""
        scores = [score_task(all_tasks()[each.task], Played.from_json(each.result)) for each in transcripts if each.result is not None]
        return ToolQueryReport.of(self.model, scores, [each for each in transcripts if each.result is None])


def _chosen(config: ToolQueryConfig) -> Iterable[str]:
    """The tasks of the configured domains, at most `limit` of each, chosen by the hashes of their ids."""
    groups: defaultdict[str, list[str]] = defaultdict(list)
    for task in all_tasks().values():
        groups[task.domain].append(task.id)
    for domain in (each for each in TOOLKITS if each in config.domains):
        limit = config.limit or len(groups[domain])
        kept = set(sorted(groups[domain], key=lambda id: content_id(config.seed, "limit", id))[:limit])
        yield from (id for id in groups[domain] if id in kept)


class Guide:
    """An agent that makes the reference calls one after another and gives the right answer."""

    def __init__(self, tasks: Iterable[Task]) -> None:
        self._tasks = {task.id: task for task in tasks}

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The next call of the reference."""
        task = self._tasks[request.key.record]
        calls = [*task.calls, (FINISH, compact({"answer": task.answer}))]
        name, arguments = calls[int(request.key.step)]
        return ChatAnswer(tool_calls=(ToolCall(name=name, arguments=arguments),), finish_reason="tool_calls")
