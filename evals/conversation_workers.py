"""Putting the tasks of an evaluation to a model, spread over Ray: each worker holds many conversations on one event loop.

Workers take tasks from one board, one whenever a place is free, so that all end together however long single tasks are. A worker that
is lost costs the tasks that it held: they are put again by the next round. Too many unscored tasks end the job early.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Protocol

import ray
import ray.exceptions

from evals.endpoint import Chat, OpenAgent
from evals.evaluation_runs import EvaluationRun, Transcript, TranscriptFile
from magnet_ray.conversations import spare_the_collector
from magnet_ray.errors import JobFailed, Rejected, RunError, boundary
from magnet_ray.llm import base
from magnet_ray.places import place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster
from magnet_ray.types import FailureReason, JsonValue

WORKER_CPUS: Final = 0.25
"""CPUs that a worker reserves: it mostly waits, and the model's replicas may be in the same cluster."""
POLL_SECONDS: Final = 0.2
"""Time between two looks at the board."""
LOST: Final = (
    *(ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError),
    ray.exceptions.OutOfMemoryError,
)
"""Errors that say that a worker, and not its work, came to an end."""
ROUNDS: Final = 4
"""Times that tasks of lost workers are put again before the job fails."""


class Evaluation(Protocol):
    """What is evaluated; sent to every worker."""

    def tasks(self) -> Sequence[str]:
        """Ids of the tasks, in order; the same at every call."""

    async def perform(self, task: str, chat: Chat) -> Mapping[str, JsonValue]:
        """Hold the conversation of a task; returns what is kept of it, as JSON values.

        Raises:
            Rejected: it cannot be scored.
        """


@dataclass(slots=True)
class Board:
    """What the workers share: the tasks still to be put, and how far everybody is."""

    waiting: list[str]
    """Tasks, the next one last."""
    most_unscored: int
    """Unscored tasks beyond which nothing more is put."""
    done: int = 0
    """Tasks that were finished."""
    tokens: int = 0
    """Tokens read and written for them."""
    unscored: Counter[str] = field(default_factory=Counter)
    """Reason -> tasks."""
    example: str = ""
    """Detail of the first unscored one."""
    refusal: str = ""
    """Why a worker could not write."""

    def take(self) -> str | None:
        """The next task; None when there is none or the job is to end."""
        if self.refusal or self.unscored.total() > self.most_unscored or not self.waiting:
            return None
        return self.waiting.pop()

    def report(self, failure: str, detail: str, tokens: int) -> None:
        """Count a task that is on the disk."""
        self.done += 1
        self.tokens += tokens
        if failure:
            self.unscored[failure] += 1
            self.example = self.example or detail

    def refuse(self, refusal: str) -> None:
        """End the job: a worker cannot write."""
        self.refusal = self.refusal or refusal

    def state(self) -> dict[str, Any]:
        """The counts."""
        return {**asdict(self), "unscored": dict(self.unscored), "waiting": len(self.waiting)}


BoardActor = ray.remote(num_cpus=0)(Board)


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """How one worker reaches what all share."""

    take: Callable[[], Awaitable[str | None]]
    """The next task."""
    keep: Callable[[Transcript], Awaitable[None]]
    """Writes a finished task down and counts it."""


async def hold_conversations(evaluation: Evaluation, open_agent: OpenAgent, desk: Desk, places: int) -> None:
    """Put tasks until there are none, `places` at a time."""
    async with open_agent() as model:

        async def sit() -> None:
            while (task := await desk.take()) is not None:
                await desk.keep(await perform(evaluation, task, model))

        await asyncio.gather(*(sit() for _ in range(places)))


async def perform(evaluation: Evaluation, task: str, model: base.ChatModel) -> Transcript:
    """Put one task to a model; whatever goes wrong with it is in its transcript."""
    chat = Chat(model, task)
    result: Mapping[str, JsonValue] | None = None
    failure = detail = ""
    try:
        with boundary(FailureReason.UNEXPECTED):
            result = await evaluation.perform(task, chat)
    except Rejected as rejected:
        failure, detail = rejected.reason.value, rejected.detail
    return Transcript(
        task=task,
        result=result,
        failure=failure,
        detail=detail,
        requests=chat.requests,
        prompt_tokens=chat.usage.prompt_tokens,
        completion_tokens=chat.usage.completion_tokens,
        seconds=round(chat.seconds, 3),
        problems=tuple(chat.problems),
    )


def hold_here(run: EvaluationRun, evaluation: Evaluation, open_agent: OpenAgent) -> list[Transcript]:
    """As `hold_all`, in this process and without Ray: for small evaluations and tests."""
    tasks = evaluation.tasks()
    waiting = run.missing(tasks)[::-1]
    file = TranscriptFile(run.path)

    async def take() -> str | None:
        return waiting.pop() if waiting else None

    async def keep(transcript: Transcript) -> None:
        file.add(transcript)

    try:
        asyncio.run(hold_conversations(evaluation, open_agent, Desk(take=take, keep=keep), run.config.ray.conversations))
    finally:
        file.close()
    known = run.transcripts()
    return [known[task] for task in tasks]


def hold_all(run: EvaluationRun, evaluation: Evaluation, open_agent: OpenAgent, progress: Progress) -> list[Transcript]:
    """Put the tasks of a run that are missing, spread over a cluster; the transcripts of all, in the order of the tasks.

    Raises:
        JobFailed: too many tasks are unscored, or workers are lost again and again; the run can be resumed.
        RunError: a worker cannot write.
        ConfigError: no cluster answers at the configured address.
    """
    tasks = evaluation.tasks()
    missing = run.missing(tasks)
    progress.start("conversations", len(tasks), len(tasks) - len(missing))
    if missing:
        with cluster(run.config.ray, progress):
            _rounds(run, evaluation, open_agent, progress)
    known = run.transcripts()
    _check_budget(run, Counter(each.failure for each in known.values() if each.failure), known, len(tasks))
    return [known[task] for task in tasks]


def _rounds(run: EvaluationRun, evaluation: Evaluation, open_agent: OpenAgent, progress: Progress) -> None:
    """Put missing tasks, and again those of workers that were lost."""
    tasks = evaluation.tasks()
    shared = ray.put((evaluation, open_agent))
    missing = run.missing(tasks)
    first = len(missing)
    for _ in range(ROUNDS):
        again = frozenset(missing)
        unscored = sum(bool(each.failure) and task not in again for task, each in run.transcripts().items())
        board: Any = BoardActor.remote(missing[::-1], int(run.config.failure_budget * len(tasks)) - unscored)
        _round(run, shared, board, len(missing), progress, first - len(missing))
        state = ray.get(board.state.remote())
        if state["refusal"]:
            raise RunError("a worker cannot write", fix=f"{state['refusal']}; on a cluster, let --out be on storage that all nodes share")
        known = run.transcripts()
        missing = [task for task in tasks if task not in known]
        if not missing or sum(state["unscored"].values()) > state["most_unscored"]:
            return
        progress.say(f"{len(missing)} tasks of lost workers are put again")
    raise JobFailed(f"{len(missing)} tasks were lost {ROUNDS} times with their workers; go on with --resume")


def _round(run: EvaluationRun, shared: Any, board: Any, tasks: int, progress: Progress, done_before: int) -> None:
    workers = min(run.config.ray.workers or _cpus(), tasks)
    # Not more than its share, or the first to start would take all of a few.
    places = min(run.config.ray.conversations, -(-tasks // workers))
    task = ray.remote(num_cpus=WORKER_CPUS, max_retries=0, scheduling_strategy="SPREAD")(_work)
    waiting = [task.remote([shared], board, str(run.path.resolve()), places) for _ in range(workers)]
    began = time.monotonic()
    lost = Counter[str]()
    while waiting:
        ready, waiting = ray.wait(waiting, num_returns=len(waiting), timeout=POLL_SECONDS)
        lost.update(filter(None, map(_loss, ready)))
        state = ray.get(board.state.remote())
        rate = state["tokens"] / max(time.monotonic() - began, 1e-9)
        unscored = sum(state["unscored"].values())
        progress.show(done_before + state["done"], unscored, f"{state['tokens']:,} tokens, {rate:,.0f} a second")
    if lost:
        progress.say(f"{lost.total()} workers were lost: {', '.join(sorted(lost))}")


def _loss(worker: Any) -> str:
    """How a worker that has ended was lost; empty when it ended by itself."""
    try:
        ray.get(worker)
    except LOST as error:
        return type(error).__name__
    return ""


def _work(shared: Sequence[Any], board: Any, path: str, places: int) -> None:
    """One worker, as a Ray task."""
    evaluation, open_agent = ray.get(shared[0])
    spare_the_collector()
    file = TranscriptFile(place(path))

    async def take() -> str | None:
        task: str | None = await board.take.remote()
        return task

    async def keep(transcript: Transcript) -> None:
        try:
            file.add(transcript)
        except RunError as error:
            await board.refuse.remote(str(error))
            return
        await board.report.remote(transcript.failure, transcript.detail, transcript.prompt_tokens + transcript.completion_tokens)

    try:
        asyncio.run(hold_conversations(evaluation, open_agent, Desk(take=take, keep=keep), places))
    finally:
        file.close()


def _check_budget(run: EvaluationRun, unscored: Counter[str], known: Mapping[str, Transcript], tasks: int) -> None:
    """Fail the job when too many tasks are unscored, or some were never put because of that."""
    if unscored.total() <= run.config.failure_budget * tasks and len(known) >= tasks:
        return
    example = next((f"{each.task}: {each.detail}" for each in known.values() if each.failure), "")
    raise JobFailed(
        f"{unscored.total()} of {tasks} tasks could not be scored, more than the budget of {run.config.failure_budget:.0%}: "
        f"{', '.join(f'{count} {reason}' for reason, count in unscored.most_common())}; for example {example}; "
        "raise failure_budget or mend the endpoint, and go on with --resume"
    )


def _cpus() -> int:
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 1)))
