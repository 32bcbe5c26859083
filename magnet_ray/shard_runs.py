"""Running the shards of a job on Ray: which are missing, how they are spread, what failures and models may cost.

The unit of work is a shard: a fixed slice of units, made by one worker and written atomically by it. A lost worker costs
its unfinished shards, and a resumed run makes just the missing ones. Work that fills CPUs goes to Ray Data, which asks
the cluster for more while all are taken; work that waits for models goes to a pool that grows while its workers are busy.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ray
import ray.data
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from magnet_ray.artifacts import RunDirectory, shard_files
from magnet_ray.atomic_files import read_json, write_json
from magnet_ray.errors import JobFailed, RunError
from magnet_ray.llm.base import Usage
from magnet_ray.llm.budget import Amount, Price, amount_of
from magnet_ray.llm.roles import role_prices
from magnet_ray.llm.usage import UsageBook
from magnet_ray.metrics import metrics_of
from magnet_ray.model_workers import ModelAccess, ModelWorkerActor
from magnet_ray.places import Place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import ray_job, submission_id
from magnet_ray.scoreboard import Busyness, Score, ScoreboardActor
from magnet_ray.shard_log import log_shard, open_shard_log
from magnet_ray.shards import Maker, label_of, shard_item, work_shard
from magnet_ray.worker_pool import PoolSize, WorkerPool

PATHS_PER_TASK = 500
"""Paths that one Ray task makes where there are enough: about a second and a half of work."""
TASKS_PER_CPU = 8
"""Tasks for each CPU, at least, so that the last ones end together."""
TOP_REASONS = 5
"""Reasons that the message of a failed job names."""
WORKER_CPUS = 1
"""CPUs that a worker of conversations reserves: what it takes while it is busy."""
POLL_SECONDS = 1.0
"""Time between two looks at the scoreboard."""
USAGE_FILE = "usage.json"


class FailureBudget:
    """Counts failed units of a run, and stops the job when there are too many."""

    def __init__(self, run: RunDirectory[Any]) -> None:
        self._run = run
        self._examples: dict[str, str] = {}
        self.failed: Counter[str] = Counter()

    def spend(self, failures: Mapping[str, Any]) -> None:
        """Count failures: reason -> [count, the detail of one].

        Raises:
            JobFailed: more units failed than the budget allows.
        """
        for reason, (count, example) in failures.items():
            self.failed[reason] += count
            self._examples.setdefault(reason, example)
        budget, total = self._run.config.failure_budget, self.failed.total()
        if total <= budget * self._run.total:
            return
        top = self.failed.most_common(TOP_REASONS)
        raise JobFailed(
            f"{total} of {self._run.total} paths failed, more than the budget of {budget:.0%}: "
            f"{', '.join(f'{count} {reason}' for reason, count in top)}; "
            f"for example, {top[0][0]}: {self._examples[top[0][0]]}; "
            f"all are in {self._run.path}/shards; raise failure_budget and go on with --resume"
        )


def make_shards(run: RunDirectory[Any], maker: Maker, progress: Progress, access: ModelAccess | None = None) -> Iterator[dict[str, Any]]:
    """Make and write the shards that are missing; yields the report of every shard as it comes, see `report_of`.

    Args:
        run: the run.
        maker: makes the rows.
        progress: says how far the work is.
        access: how models are reached, when the maker waits for any.

    Raises:
        JobFailed: more units failed than the budget allows, or the models' budget is spent.
        RunError: a worker cannot write to the run directory, or writes to another one.
    """
    finished = run.finished_shards()
    items = [shard_item(run, shard, finished=shard in finished) for shard in range(run.shards)]
    before = sum(len(run.paths_of(shard)) for shard in finished)
    progress.start(run.job.doing, run.total, before)
    wanted = run.config.ray.shard_log
    open_shard_log(bool(submission_id()) if wanted is None else wanted)
    with _reports(run, items, maker, progress, access) as reports:
        yield from taken(run, reports, progress, counted=access is not None)


def taken(
    run: RunDirectory[Any], reports: Iterable[dict[str, Any]], progress: Progress, *, counted: bool = False
) -> Iterator[dict[str, Any]]:
    """The reports of a run's shards, each checked and counted as it comes; `counted`: somebody else tells the progress.

    Raises:
        JobFailed, RunError: see `make_shards`.
    """
    label = label_of(run)
    budget, nodes, stopped = FailureBudget(run), Counter[str](), ""
    # Before the first comes: a queue that shows only once it moves hides the runs that are stuck.
    metrics_of(label).waiting(run.shards)
    for seen, report in enumerate(reports, 1):
        metrics_of(label).waiting(run.shards - seen)
        _check_report(run, report)
        budget.spend(json.loads(report["failures"]))
        stopped = stopped or report["stopped"]
        if not report["finished"] and not report["stopped"]:
            nodes[report["node"]] += 1
            log_shard(label, report)
            if not counted:
                progress.advance(report["paths"], failed=budget.failed.total())
        yield report
    if stopped:
        raise JobFailed(f"{stopped}; what was answered is kept; raise teacher.budget and go on with --resume")
    if len(nodes) > 1:
        shares = ", ".join(str(count) for _, count in nodes.most_common())
        progress.say(f"{nodes.total()} shards were made on {len(nodes)} nodes: {shares}")


def job_links(run: RunDirectory[Any]) -> dict[str, str]:
    """What a run's card says of the job that makes it: see `ray_job`; and `run`, its name in metrics and logs."""
    job = ray_job()
    return {**job, "run": label_of(run).run} if job else {}


@contextmanager
def _reports(
    run: RunDirectory[Any], items: list[dict[str, Any]], maker: Maker, progress: Progress, access: ModelAccess | None
) -> Iterator[Iterable[dict[str, Any]]]:
    shared = [ray.put(maker)]
    if access is None:
        data = ray.data.from_items(items, override_num_blocks=_tasks(run)).map(partial(work_shard, shared=shared), num_cpus=1)
        data.context.execution_options.resource_limits = ray.data.ExecutionResources.for_limits(cpu=run.config.ray.max_cpus)
        yield data.iter_rows()
        return
    conversations = access.teacher.conversations
    # Enough shards at once to keep a worker's conversations going while the last ones of a shard end.
    at_once = 2 + -(-conversations // run.config.ray.shard_size)
    waiting = sum(not item["finished"] for item in items)
    fewest, most = (min(workers, max(1, waiting)) for workers in access.teacher.workers or (_cpus(), _cpus()))
    with _scoreboard(run, access, progress) as (board, busy):
        actor: Any = ModelWorkerActor.options(num_cpus=WORKER_CPUS, max_concurrency=at_once, scheduling_strategy="SPREAD")
        start = partial(actor.remote, shared, access, board, conversations, label_of(run))
        with closing(WorkerPool(start, PoolSize(fewest=fewest, most=most, shards=at_once), busy).reports(items)) as reports:
            yield reports


def _tasks(run: RunDirectory[Any]) -> int:
    """Into how many Ray tasks the shards go: enough to keep every CPU busy to the end, but none too short for its overhead."""
    cpus = run.config.ray.max_cpus or _cpus()
    return min(run.shards, max(TASKS_PER_CPU * cpus, -(-run.total // PATHS_PER_TASK)))


def _cpus() -> int:
    """CPUs of the cluster now; one where it has none yet and will grow."""
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return max(1, int(resources.get("CPU", 0)))


def _check_report(run: RunDirectory[Any], report: Mapping[str, Any]) -> None:
    shared = "let --out be on storage that every node of the cluster shares"
    if report["refusal"]:
        raise RunError("a worker cannot write its shard", fix=f"{report['refusal']}; on a cluster, {shared}")
    # A store is the same for all, and asking it takes longer than the driver has.
    if isinstance(run.path, Path) and not report["stopped"] and not shard_files(run.path, report["shard"])[0].exists():
        raise RunError(f"a worker on another machine wrote shard {report['shard']} to a directory of its own", str(run.path), fix=shared)


# What models cost


def used(run: Place) -> UsageBook:
    """What earlier and present processes of the run in a directory asked of models, by the last look at the scoreboard."""
    file = run / USAGE_FILE
    return UsageBook.from_json(read_json(file)) if file.exists() else UsageBook()


def note_usage(run: RunDirectory[Any], more: UsageBook) -> None:
    """Add to what the run has used."""
    book = used(run.path)
    book.add(more)
    write_json(run.path / USAGE_FILE, book.as_json())


def spent_so_far(run: Place, access: ModelAccess) -> Amount:
    """What the run in a directory has spent of its budget, by the last look at the scoreboard."""
    spent, prices = Amount(), role_prices(access.settings)
    for role, counts in used(run).roles.items():
        usage = Usage(prompt_tokens=counts.prompt_tokens, completion_tokens=counts.completion_tokens)
        spent = spent + amount_of(usage, prices.get(role, Price()))
    return spent


@contextmanager
def _scoreboard(run: RunDirectory[Any], access: ModelAccess, progress: Progress) -> Iterator[tuple[Any, Callable[[int], float]]]:
    """The run's scoreboard, looked at now and then: for the progress bar, and to note what was used; and how busy workers are."""
    before, busyness = used(run.path), Busyness()
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    actor: Any = ScoreboardActor.options(scheduling_strategy=here)
    board: Any = actor.remote(access.teacher.budget, partial(spent_so_far, run.path, access))
    ending = threading.Event()

    def look() -> None:
        score: Score = ray.get(board.total.remote())
        busyness.note(score)
        book = UsageBook.from_json(score.usage)
        tokens = sum(counts.prompt_tokens + counts.completion_tokens for counts in book.roles.values())
        requests = sum(counts.requests for counts in book.roles.values())
        progress.show(score.done, score.failed, f"{requests:,} requests, {tokens:,} tokens")
        book.add(before)
        write_json(run.path / USAGE_FILE, book.as_json())

    def watch() -> None:
        while not ending.wait(POLL_SECONDS):
            look()

    watcher = threading.Thread(target=watch, daemon=True, name="scoreboard")
    watcher.start()
    try:
        yield board, busyness.of
    finally:
        ending.set()
        watcher.join()
        look()
