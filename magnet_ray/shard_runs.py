"""Running the shards of a job on Ray Data: which are missing, how they are spread, what failures and models may cost.

The unit of work is a shard: a fixed slice of units, made by one worker and written atomically by it. A lost worker costs
its unfinished shards, and a resumed run makes just the missing ones.
"""

from __future__ import annotations

import json
import os
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, cast

import ray
import ray.data

from magnet_ray.artifacts import RunDirectory, shard_files
from magnet_ray.atomic_files import read_json, write_json
from magnet_ray.errors import JobFailed, RunError
from magnet_ray.llm.base import Usage
from magnet_ray.llm.budget import Amount, Price, amount_of
from magnet_ray.llm.roles import role_prices
from magnet_ray.llm.usage import UsageBook
from magnet_ray.model_workers import ModelAccess, ModelWorker
from magnet_ray.progress import Progress
from magnet_ray.scoreboard import Score, ScoreboardActor
from magnet_ray.shards import Maker, shard_item, work_shard

PATHS_PER_TASK = 500
"""Paths that one Ray task makes where there are enough: about a second and a half of work."""
TASKS_PER_CPU = 8
"""Tasks for each CPU, at least, so that the last ones end together."""
TOP_REASONS = 5
"""Reasons that the message of a failed job names."""
WORKER_CPUS = 0.5
"""CPUs that a worker reserves which mostly waits for models: a pool that held whole CPUs would leave none to feed it."""
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
    budget, nodes, stopped = FailureBudget(run), Counter[str](), ""
    with _reports(run, items, maker, progress, access) as reports:
        for report in reports:
            _check_report(run, report)
            budget.spend(json.loads(report["failures"]))
            stopped = stopped or report["stopped"]
            if not report["finished"] and not report["stopped"]:
                nodes[report["node"]] += 1
                if access is None:
                    progress.advance(report["paths"], failed=budget.failed.total())
            yield report
    if stopped:
        raise JobFailed(f"{stopped}; what was answered is kept; raise teacher.budget and go on with --resume")
    if len(nodes) > 1:
        shares = ", ".join(str(count) for _, count in nodes.most_common())
        progress.say(f"{nodes.total()} shards were made on {len(nodes)} nodes: {shares}")


@contextmanager
def _reports(
    run: RunDirectory[Any], items: list[dict[str, Any]], maker: Maker, progress: Progress, access: ModelAccess | None
) -> Iterator[Iterable[dict[str, Any]]]:
    shared = [ray.put(maker)]
    if access is None:
        data = ray.data.from_items(items, override_num_blocks=_tasks(run))
        yield data.map(partial(work_shard, shared=shared), num_cpus=1).iter_rows()
        return
    waiting = [item for item in items if not item["finished"]]
    workers = min(access.teacher.workers or _cpus(), max(1, len(waiting)))
    # Enough shards at once to keep a worker's conversations going while the last ones of a shard end.
    at_once = 2 + -(-access.teacher.conversations // run.config.ray.shard_size)
    with _scoreboard(run, access, progress) as board:
        yield (
            ray.data.from_items(items, override_num_blocks=len(items))
            .map(
                cast(Any, ModelWorker),
                fn_constructor_args=(shared, access, board, access.teacher.conversations),
                num_cpus=WORKER_CPUS,
                compute=ray.data.ActorPoolStrategy(
                    size=workers,
                    max_tasks_in_flight_per_actor=at_once,
                    max_concurrent_calls_per_actor=at_once,
                    enable_true_multi_threading=True,
                ),
            )
            .iter_rows()
        )


def _tasks(run: RunDirectory[Any]) -> int:
    """Into how many Ray tasks the shards go: enough to keep every CPU busy to the end, but none too short for its overhead."""
    return min(run.shards, max(TASKS_PER_CPU * _cpus(), -(-run.total // PATHS_PER_TASK)))


def _cpus() -> int:
    resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return int(resources.get("CPU", os.cpu_count() or 1))


def _check_report(run: RunDirectory[Any], report: Mapping[str, Any]) -> None:
    shared = "let --out be on storage that every node of the cluster shares"
    if report["refusal"]:
        raise RunError("a worker cannot write its shard", fix=f"{report['refusal']}; on a cluster, {shared}")
    if not report["stopped"] and not shard_files(run.path, report["shard"])[0].exists():
        raise RunError(f"a worker on another machine wrote shard {report['shard']} to a directory of its own", str(run.path), fix=shared)


# What models cost


def used(run: RunDirectory[Any]) -> UsageBook:
    """What earlier and present processes of a run asked of models, by the last look at the scoreboard."""
    file = run.path / USAGE_FILE
    return UsageBook.from_json(read_json(file)) if file.exists() else UsageBook()


def note_usage(run: RunDirectory[Any], more: UsageBook) -> None:
    """Add to what the run has used."""
    book = used(run)
    book.add(more)
    write_json(run.path / USAGE_FILE, book.as_json())


def spent_before(run: RunDirectory[Any], access: ModelAccess) -> Amount:
    """What earlier processes of the run have spent of its budget."""
    spent, prices = Amount(), role_prices(access.settings)
    for role, counts in used(run).roles.items():
        usage = Usage(prompt_tokens=counts.prompt_tokens, completion_tokens=counts.completion_tokens)
        spent = spent + amount_of(usage, prices.get(role, Price()))
    return spent


@contextmanager
def _scoreboard(run: RunDirectory[Any], access: ModelAccess, progress: Progress) -> Iterator[Any]:
    """The run's scoreboard, looked at now and then: for the progress bar, and to note what was used."""
    before = used(run)
    board: Any = ScoreboardActor.remote(access.teacher.budget, spent_before(run, access))
    ending = threading.Event()

    def look() -> None:
        score: Score = ray.get(board.total.remote())
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
        yield board
    finally:
        ending.set()
        watcher.join()
        look()
