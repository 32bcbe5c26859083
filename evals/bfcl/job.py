"""The evaluation: bfcl_eval's own loop holds each conversation in a process of its own, the model answers it, its checkers score it.

Every entry's raw answers are on the disk before anything is scored. A reply that the endpoint refuses, and a process that what the
model wrote has broken, end the entry as they do in the package: its result is an error, which counts as wrong.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from pydantic import Field

from evals.bfcl.categories import chosen
from evals.bfcl.entries import Entry, Version, read_entries
from evals.bfcl.isolated import Mode, Process, Verdict, check_package, judge, limits_of
from evals.bfcl.reference import ReferenceAgent
from evals.bfcl.relay import INFERENCE_ERROR
from evals.bfcl.report import BfclReport, Scored
from evals.bfcl.seen_environments import saw_benchmark
from evals.endpoint import Chat, ModelConfig, Reply
from evals.evaluation_runs import EvaluationConfig, Transcript
from magnet_ray.config import IsolationConfig, Text
from magnet_ray.environments.isolated import Limits
from magnet_ray.errors import EnvironmentFault, JobFailed, Rejected
from magnet_ray.llm import base
from magnet_ray.sections import ROWS_UNCHANGED
from magnet_ray.types import FailureReason, JsonValue

KIND: Final = "eval bfcl"
"""Command that makes these runs."""
REQUESTS_A_TURN: Final = 2
"""Requests that a turn usually takes: the calls, then the closing text."""


class BfclModelConfig(ModelConfig):
    """The endpoint's model, sampled as bfcl_eval does unless told otherwise."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        default=0.001, description="Sampling temperature; null: the endpoint's own."
    )


class BfclConfig(EvaluationConfig):
    """How BFCL-v3 is run."""

    model: BfclModelConfig = Field(default=BfclModelConfig(), description="The model.")
    categories: tuple[Text, ...] = Field(
        default=("all",), min_length=1, description="Categories of BFCL-v3, or all, non_live, live, multi_turn, single_turn."
    )
    version: Version = Field(
        default=3, description="Version of the benchmark: 3, or 4 for the multi-turn categories of bfcl_eval 2026.3.23, installed instead."
    )
    mode: Mode = Field(
        default="fc", description="How functions are offered: `fc`, as tools; `prompt`, in the system message, calls as Python text."
    )
    checkpoint: Text | None = Field(
        default=None,
        description="Directory of the model, to tell from its run what training saw; null: not known.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    isolation: IsolationConfig = Field(
        default=IsolationConfig(call_seconds=20.0, memory_mb=1_024), description="Limits on the processes that execute the model's calls."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BfclJob:
    """See `evals.evaluation_jobs.Job`."""

    config: BfclConfig
    """How it is run."""
    entries: tuple[Entry, ...]
    """What is put to the model: the longest conversations first, so that nothing long is left for the end."""
    _by_key: dict[str, Entry] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, config: BfclConfig) -> BfclJob:
        """The job of a configuration.

        Raises:
            ConfigError: bfcl_eval is not installed or cannot be used, or a category is unknown.
        """
        entries = read_entries(chosen(config.categories, config.version), config.limit, config.seed, config.version)
        check_package(config.version, limits_of(config.isolation))
        ordered = sorted(entries, key=lambda entry: -entry.turns)
        return cls(config=config, entries=tuple(ordered), _by_key={entry.key: entry for entry in entries})

    @property
    def limits(self) -> Limits:
        """Limits on the processes."""
        return limits_of(self.config.isolation)

    def tasks(self) -> Sequence[str]:
        """Keys of the entries."""
        return [entry.key for entry in self.entries]

    async def perform(self, task: str, chat: Chat) -> Mapping[str, JsonValue]:
        """Put an entry to the model; returns the row that `bfcl generate` writes, without its log.

        Raises:
            Rejected: the model is away, or no process can be started.
        """
        entry = self._by_key[task]
        try:
            return await _carried_on(entry, self.config.mode, self.limits, chat)
        except EnvironmentFault as fault:
            # Before its first answer, and where nothing that it wrote is evaluated, a model can break nothing.
            if not chat.requests or not entry.category.startswith("multi_turn"):
                raise Rejected(FailureReason.ENVIRONMENT_FAULT, str(fault)) from None
            return {"id": entry.id, "result": f"{INFERENCE_ERROR}{fault}"}

    def reference_agent(self) -> base.ChatModel:
        """Answers from the ground truth."""
        return ReferenceAgent(self._by_key, self.config.mode)

    def report(self, transcripts: Sequence[Transcript]) -> BfclReport:
        """What came of it.

        Raises:
            JobFailed: no process can be had for scoring.
        """
        rows = [(self._by_key[each.task], each) for each in transcripts]
        verdicts = self._judged([(entry, each.result) for entry, each in rows if each.result is not None])
        scored = [Scored(entry=entry, said=each, verdict=verdicts.get(entry.key)) for entry, each in rows]
        name = self.config.model.name or ""
        # A served model is often named by its directory.
        saw = saw_benchmark(self.config.checkpoint or name)
        return BfclReport.of(name, mode=self.config.mode, version=self.config.version, scored=scored, saw_benchmark=saw)

    def _judged(self, rows: Sequence[tuple[Entry, Mapping[str, Any]]]) -> dict[str, Verdict]:
        """Key -> verdict, from as many processes at a time as there are processors."""
        limits = self.limits
        with ThreadPoolExecutor(max_workers=os.cpu_count()) as threads:
            verdicts = threads.map(lambda row: judge(row[0], self.config.mode, row[1], limits), rows)
            try:
                return {entry.key: verdict for (entry, _), verdict in zip(rows, verdicts, strict=True)}
            except EnvironmentFault as fault:
                raise JobFailed(f"the answers cannot be scored: {fault}; go on with --resume") from None


async def _carried_on(entry: Entry, mode: Mode, limits: Limits, chat: Chat) -> dict[str, JsonValue]:
    """The row of an entry."""
    if entry.category.startswith("multi_turn"):
        async with Process(entry, mode, limits) as process:
            return await _converse(process, await process.advance(), chat, REQUESTS_A_TURN * entry.turns)
    # One request: no process waits while the model answers.
    async with Process(entry, mode, limits) as process:
        step = await process.advance()
    reply = await _ask(chat, step["messages"], step["tools"] or (), 0, 0)
    async with Process(entry, mode, limits) as process:
        await process.advance()
        step = await process.advance(_reply(reply, 0))
    row: dict[str, JsonValue] = step["row"]
    return row


async def _converse(process: Process, step: Mapping[str, Any], chat: Chat, expected: int) -> dict[str, JsonValue]:
    """Answer the requests of a conversation until its row is there."""
    messages: list[Mapping[str, JsonValue]] = []
    tools: Sequence[Mapping[str, JsonValue]] = ()
    calls = number = 0
    while "row" not in step:
        messages += step["messages"]
        tools = tools if step["tools"] is None else step["tools"]
        reply = await _ask(chat, messages, tools, number, max(0, expected - number - 1))
        step = await process.advance(_reply(reply, calls))
        number, calls = number + 1, calls + len(reply.calls)
    row: dict[str, JsonValue] = step["row"]
    return row


async def _ask(chat: Chat, messages: Sequence[Mapping[str, JsonValue]], tools: Sequence[Any], number: int, remaining: int) -> Reply:
    return await chat.chat(messages, tools, step=str(number), remaining=remaining)


def _reply(reply: Reply, calls_before: int) -> dict[str, Any]:
    """A reply as the process wants it; the calls of a conversation are numbered through."""
    if reply.failure:
        return {"failure": f"{reply.failure}: {reply.detail}"}
    usage = {"prompt_tokens": reply.usage.prompt_tokens, "completion_tokens": reply.usage.completion_tokens}
    return {"message": reply.as_message(calls_before + 1), "usage": usage}
