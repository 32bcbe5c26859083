"""One evaluation from beginning to end: find the model, open the run, hold the conversations, score them, write the report."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from rich.console import ConsoleRenderable, RichCast

from evals.conversation_workers import Evaluation, hold_all
from evals.endpoint import EndpointAgent, OpenAgent, endpoint_settings
from evals.evaluation_runs import RESPONSES, EvaluationConfig, EvaluationRun, Transcript
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest
from magnet_ray.places import Place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import interrupted_by_sigterm

Config = TypeVar("Config", bound=EvaluationConfig)


class Report(Protocol):
    """What came of an evaluation; rich can print it."""

    def files(self) -> Mapping[str, str]:
        """Name -> text of the files to write: the card, the scores, the chart."""

    def figures(self) -> Mapping[str, Any]:
        """What the manifest holds beside the counts, as JSON values."""

    def __rich__(self) -> ConsoleRenderable | RichCast | str:
        """The report on a terminal."""


class Job(Evaluation, Protocol):
    """An evaluation with what it takes to check and to report it."""

    def reference_agent(self) -> base.ChatModel:
        """An agent that knows the answers."""

    def report(self, transcripts: Sequence[Transcript]) -> Report:
        """What came of it, from the transcripts of all tasks in order."""


@dataclass(frozen=True, slots=True)
class Silent:
    """An agent that says one word and calls nothing."""

    words: str = "Okay."
    """What it says."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The same to everything."""
        return ChatAnswer(content=self.words, finish_reason="stop")


@dataclass(frozen=True, slots=True)
class OfJob:
    """Opens the agent in a worker that stands in for an endpoint."""

    job: Job
    """Knows the answers."""
    silent: bool
    """Whether the agent keeps them to itself."""

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[base.ChatModel]:
        """The agent, while the context lasts."""
        yield Silent() if self.silent else self.job.reference_agent()


def evaluate(kind: str, config: Config, out: Place | str, make: Callable[[Config], Job], *, resume: bool = False) -> Report:
    """Make an evaluation run.

    SIGTERM ends it as Ctrl-C does. What was finished by then stays, for `resume`.

    Args:
        kind: command that makes it, such as `eval toolquery`.
        config: the evaluation.
        out: directory of the run, new or empty, or an unfinished run with `resume`.
        make: reads the tasks; called once the endpoint is known to be there.
        resume: go on with an unfinished run of the same configuration.

    Raises:
        UserError: the endpoint, the tasks, the configuration or the directory cannot be used.
        JobFailed: too many tasks could not be scored; the run stays unfinished.
        KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    began = time.monotonic()
    config, settings = _named(config)
    job = make(config)
    with interrupted_by_sigterm(), EvaluationRun.open(out, kind, config, resume=resume) as run, Progress() as progress:
        open_agent: OpenAgent = OfJob(job, config.agent == "silent")
        if settings is not None:
            open_agent = EndpointAgent(settings=settings, requests=config.requests, responses=run.path.resolve() / RESPONSES)
        transcripts = hold_all(run, job, open_agent, progress)
        report = job.report(transcripts)
        run.finish(transcripts, report.files(), report.figures(), time.monotonic() - began)
    return report


def _named(config: Config) -> tuple[Config, Any]:
    """The configuration with its model named, and the endpoint's settings where there is one."""
    if config.agent == "endpoint":
        settings = asyncio.run(endpoint_settings(config))
        return config.model_copy(update={"model": config.model.model_copy(update={"name": settings.name})}), settings
    return config.model_copy(update={"model": config.model.model_copy(update={"name": config.agent})}), None
