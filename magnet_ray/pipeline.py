"""The synthesis job on Ray Data. The order of the stages is visible in `synthesize`.

    pool, graph -> shards of path indices -> rows (first pass) -> sketches (second pass) -> tables, card, manifest

The unit of work is a shard: a fixed slice of path indices, made by one task and written atomically by it. Ray moves
only counts and sketches; a lost worker costs its unfinished shards, and a resumed run makes just the missing ones.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import ray
import ray.data

from magnet_ray.artifacts import Manifest, RunDirectory, read_shard, shard_files, write_shard
from magnet_ray.config import RayConfig, SynthesizeConfig
from magnet_ray.data_card import Summary, write_card
from magnet_ray.environments.opening import environment_opener
from magnet_ray.errors import ConfigError, JobFailed, RunError
from magnet_ray.functions.pool import FunctionPool, save_pool
from magnet_ray.graph import save_graph
from magnet_ray.mix import category_of
from magnet_ray.progress import Progress
from magnet_ray.statistics import RunStatistics
from magnet_ray.synthesis import Recipe, make_rows, prepare
from magnet_ray.types import Failure, FailureReason, Trajectory

TOP_REASONS = 5
"""Reasons that the message of a failed job names."""
SHOWN_FAILURES = 5
"""Functions left out of the pool that are named on stderr; the rest stand in the run's `pool/`."""
CONNECT_SECONDS = 10.0
"""Longest wait for a cluster's port to answer."""

Removed = dict[int, tuple[FailureReason, str]]
"""Path index -> why the second pass removes its row."""


def synthesize(config: SynthesizeConfig, out: Path | str, resume: bool = False) -> Summary:
    """Make a run: verified conversations from the sources of a configuration.

    SIGTERM ends it as Ctrl-C does. What was finished by then stays, for `resume`.

    Args:
        config: the job.
        out: directory of the run, new or empty, or an unfinished run with `resume`.
        resume: go on with an unfinished run of the same configuration.

    Raises:
        UserError: the sources, the configuration or the directory cannot be used.
        JobFailed: more paths failed than the budget allows; the run stays unfinished.
        KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    started = time.monotonic()
    with _interrupted_by_sigterm(), RunDirectory.open(out, config, resume=resume) as run, Progress() as progress:
        progress.say("reading and trying the functions")
        recipe = prepare(config, environment_opener(config.isolation.call_seconds, config.isolation.memory_mb))
        run.claim_pool(recipe.fingerprint)
        save_pool(recipe.workshop.pool, run.path / "pool")
        save_graph(recipe.workshop.graph, run.path / "graph")
        _say_left_out(recipe.workshop.pool, run.path, progress)
        with cluster(config.ray, progress):
            make_shards(run, recipe, progress)
            removed = find_removed(run, progress)
        return _finish(run, recipe, removed, progress, started)


def _say_left_out(pool: FunctionPool, directory: Path, progress: Progress) -> None:
    for failure in pool.failures[:SHOWN_FAILURES]:
        progress.say(f"left out: {failure.id}: {failure.detail}")
    if len(pool.failures) > SHOWN_FAILURES:
        progress.say(f"left out: {len(pool.failures) - SHOWN_FAILURES} more, all in {directory}/pool")


def plan(config: SynthesizeConfig) -> str:
    """What `synthesize` would do, in a few lines.

    Raises:
        SourceError: a source cannot be read.
    """
    recipe = prepare(config, environment_opener(config.isolation.call_seconds, config.isolation.memory_mb))
    pool, graph = recipe.workshop.pool, recipe.workshop.graph
    shards = -(-config.num // config.ray.shard_size)
    where = config.ray.address or os.environ.get("RAY_ADDRESS") or f"a local cluster of {config.ray.num_cpus or os.cpu_count()} CPUs"
    kinds = Counter(edge.kind.value for edge in graph.edges)
    return "\n".join(
        (
            f"sources      {', '.join(config.sources)}",
            f"functions    {len(pool.specs)} in {len(pool.categories)} domains, {len(pool.failures)} left out",
            f"graph        {len(graph.edges)} edges ({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))})",
            f"paths        {config.num}: " + ", ".join(f"{count} {name}" for name, count in _quotas(config, recipe).items()),
            f"shards       {shards} of {config.ray.shard_size} paths",
            f"where        {where}",
            f"teacher      {config.teacher.kind}",
        )
    )


def _quotas(config: SynthesizeConfig, recipe: Recipe) -> dict[str, int]:
    sample = min(config.num, 100_000)
    counts = Counter(category_of(index, recipe.paths.mix).value for index in range(sample))
    return {name: round(count * config.num / sample) for name, count in counts.items()}


# The cluster


@contextmanager
def cluster(settings: RayConfig, progress: Progress) -> Iterator[None]:
    """Ray, started: the caller's if it runs already, else the cluster of `address` or RAY_ADDRESS, else one on this machine.

    Raises:
        ConfigError: no cluster answers at the address.
    """
    if ray.is_initialized():
        with _quiet_ray_data():
            yield
        return
    address = settings.address or os.environ.get("RAY_ADDRESS")
    # Ray puts a handler of its own in the place of ours.
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        progress.say(f"joining the Ray cluster {address}" if address else "starting Ray")
        _join(address) if address else _start(settings.num_cpus)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_termination)
        with _quiet_ray_data():
            yield
    finally:
        ray.shutdown()


def _start(num_cpus: int | None) -> None:
    """Start Ray on this machine. Its ports are open to the network, so its processes share a token that nobody else knows."""
    # The job needs no network, so nothing should reach for it.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # It would announce that tokens are in use.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    # `local`, because without an address Ray joins any cluster that happens to run on this machine.
    ray.init(address="local", num_cpus=num_cpus, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)


def _join(address: str) -> None:
    try:
        _check_listening(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"the Ray cluster {address} cannot be joined",
            detail,
            fix="correct ray.address or RAY_ADDRESS, or leave both out to run on this machine",
        ) from None


def _check_listening(address: str) -> None:
    """Find out in seconds what Ray finds out in five minutes: that nobody listens at HOST:PORT or SCHEME://HOST:PORT."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()


@contextmanager
def _quiet_ray_data() -> Iterator[None]:
    """Ray Data without its own bars and banners: the job's progress says more."""
    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars, context.print_on_execution_start
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    # It warns that its bars are off.
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars, context.print_on_execution_start = before


@contextmanager
def _interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM, as a job scheduler sends it, raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


# The failure budget


class Budget:
    """Counts failed paths of a run, and stops the job when there are too many."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._examples: dict[str, str] = {}
        self.failed: Counter[str] = Counter()

    def spend(self, failures: Mapping[str, Any]) -> None:
        """Count failures: reason -> [count, the detail of one].

        Raises:
            JobFailed: more paths failed than the budget allows.
        """
        for reason, (count, example) in failures.items():
            self.failed[reason] += count
            self._examples.setdefault(reason, example)
        config, total = self._run.config, self.failed.total()
        if total <= config.failure_budget * config.num:
            return
        top = self.failed.most_common(TOP_REASONS)
        raise JobFailed(
            f"{total} of {config.num} paths failed, more than the budget of {config.failure_budget:.0%}: "
            f"{', '.join(f'{count} {reason}' for reason, count in top)}; "
            f"for example, {top[0][0]}: {self._examples[top[0][0]]}; "
            f"all are in {self._run.path}/shards; raise failure_budget and go on with --resume"
        )


def _by_reason(failures: Sequence[tuple[str, str]]) -> dict[str, tuple[int, str]]:
    """(reason, detail) of each failure -> reason -> (count, the first detail)."""
    counts, examples = Counter(reason for reason, _ in failures), dict(reversed(failures))
    return {reason: (count, examples[reason]) for reason, count in counts.items()}


# First pass: shards of rows


def make_shards(run: RunDirectory, recipe: Recipe, progress: Progress) -> None:
    """Make and write the shards that are missing.

    Raises:
        JobFailed: more paths failed than the budget allows.
        RunError: a worker cannot write to the run directory, or writes to another one.
    """
    finished = run.finished_shards()
    todo = [shard for shard in range(run.shards) if shard not in finished]
    budget, nodes = Budget(run), Counter[str]()
    progress.start("making paths", run.config.num, sum(len(run.paths_of(shard)) for shard in finished))
    for shard in sorted(finished):
        budget.spend(_failures_of(run.path, shard))
    if not todo:
        return
    shared = ray.put(recipe)
    work = ray.data.from_items([_item(run, shard) for shard in todo], override_num_blocks=len(todo))
    for report in work.map(partial(_make_shard, shared=[shared]), num_cpus=1).iter_rows():
        _check_report(run, report)
        nodes[report["node"]] += 1
        budget.spend(json.loads(report["failures"]))
        progress.advance(report["paths"], failed=budget.failed.total())
    if len(nodes) > 1:
        progress.say(f"{len(todo)} shards were made on {len(nodes)} nodes: {', '.join(str(count) for _, count in nodes.most_common())}")


def _item(run: RunDirectory, shard: int) -> dict[str, Any]:
    """What a worker is told of a shard."""
    paths = run.paths_of(shard)
    return {"directory": str(run.path.resolve()), "shard": shard, "start": paths.start, "stop": paths.stop}


def _make_shard(item: dict[str, Any], shared: Sequence[ray.ObjectRef[Recipe]]) -> dict[str, Any]:
    """Worker: make the rows of a shard and write them. The report tells of a disk that refuses, which no retry would change."""
    directory, indices, refusal = Path(item["directory"]), range(item["start"], item["stop"]), ""
    rows, failures = make_rows(indices, _recipe(shared[0]))
    try:
        write_shard(directory, item["shard"], indices, rows, failures)
    except RunError as error:
        refusal = str(error)
    return {
        "shard": item["shard"],
        "paths": len(indices),
        "failures": json.dumps(_by_reason([(failure.reason.value, failure.detail) for failure in failures])),
        "node": ray.get_runtime_context().get_node_id(),
        "refusal": refusal,
    }


def _check_report(run: RunDirectory, report: Mapping[str, Any]) -> None:
    shared = "let --out be on storage that every node of the cluster shares"
    if report["refusal"]:
        raise RunError("a worker cannot write its shard", fix=f"{report['refusal']}; on a cluster, {shared}")
    if not shard_files(run.path, report["shard"])[0].exists():
        raise RunError(f"a worker on another machine wrote shard {report['shard']} to a directory of its own", str(run.path), fix=shared)


def _failures_of(directory: Path, shard: int) -> dict[str, tuple[int, str]]:
    """The failures of a finished shard by reason, without its rows."""
    table = pq.read_table(shard_files(directory, shard)[1], columns=["reason", "detail"])
    return _by_reason(list(zip(*table.to_pydict().values(), strict=True)))


_RECIPES: dict[str, Recipe] = {}


def _recipe(reference: ray.ObjectRef[Recipe]) -> Recipe:
    """The recipe, fetched once for each worker process, so that what it caches lives on between shards."""
    key = reference.hex()
    if key not in _RECIPES:
        _RECIPES.clear()
        _RECIPES[key] = ray.get(reference)
    return _RECIPES[key]


# Second pass: what needs the whole run


def find_removed(run: RunDirectory, progress: Progress) -> Removed:
    """Path indices of rows to remove, with the reason: overlaps with a benchmark, then near duplicates.

    Raises:
        JobFailed: with these, more paths failed than the budget allows.
    """
    # Imported where it is used: the workers of the first pass start a second earlier without it.
    from magnet_ray.duplicates import PERMUTATIONS, near_duplicates

    settings = run.config.verification
    progress.start("comparing rows", run.config.num, 0)
    items = [_item(run, shard) for shard in range(run.shards)]
    work = ray.data.from_items(items, override_num_blocks=min(len(items), 512))
    sketched = work.map(partial(_sketch_shard, ngram=settings.ngram, threshold=settings.contamination), num_cpus=1)
    budget, removed = Budget(run), Removed()
    indices: list[int] = []
    signatures: list[np.ndarray[Any, np.dtype[np.uint32]]] = []
    for report in sketched.iter_rows():
        progress.advance(report["stop"] - report["start"])
        budget.spend(json.loads(report["failures"]))
        for index in json.loads(report["contaminated"]):
            removed[index] = (FailureReason.CONTAMINATED, "a query overlaps with a test query of BFCL")
        indices.extend(json.loads(report["indices"]))
        signatures.append(np.frombuffer(report["signatures"], dtype=np.uint32).reshape(-1, PERMUTATIONS))
    if indices:
        for index, twin in near_duplicates(indices, np.concatenate(signatures), settings.near_duplicate).items():
            removed.setdefault(index, (FailureReason.NEAR_DUPLICATE, f"nearly the same as path {twin}"))
    budget.spend(_by_reason([(reason.value, detail) for reason, detail in removed.values()]))
    return removed


def _sketch_shard(item: dict[str, Any], ngram: int, threshold: float) -> dict[str, Any]:
    """Worker: signatures of a shard's rows, which of them overlap with a benchmark, and the shard's failures."""
    from magnet_ray.duplicates import PERMUTATIONS, benchmark_index, conversation_text, signature, user_queries

    rows, failures = read_shard(Path(item["directory"]), item["shard"])
    index = benchmark_index(ngram, threshold)
    bad = {row.index for row in rows if index and any(index.overlaps(query) for query in user_queries(row))}
    kept = [row for row in rows if row.index not in bad]
    sketches = np.stack([signature(conversation_text(row)) for row in kept]) if kept else np.zeros((0, PERMUTATIONS), dtype=np.uint32)
    return {
        "start": item["start"],
        "stop": item["stop"],
        "failures": json.dumps(_by_reason([(failure.reason.value, failure.detail) for failure in failures])),
        "contaminated": json.dumps(sorted(bad)),
        "indices": json.dumps([row.index for row in kept]),
        "signatures": sketches.tobytes(),
    }


# Final tables


def _finish(run: RunDirectory, recipe: Recipe, removed: Removed, progress: Progress, started: float) -> Summary:
    """Write the tables, the card and then the manifest."""
    statistics = RunStatistics()

    def summary(manifest: Manifest) -> Summary:
        return Summary(path=run.path, manifest=manifest, seconds=time.monotonic() - started)

    manifest = run.finish(
        _kept(run, removed, statistics, progress),
        _failed(run, removed),
        lambda: _figures(recipe, statistics),
        lambda manifest: write_card(summary(manifest), statistics),
    )
    return summary(manifest)


def _kept(run: RunDirectory, removed: Removed, statistics: RunStatistics, progress: Progress) -> Iterator[Trajectory]:
    progress.start("writing rows", run.config.num, 0)
    for shard in range(run.shards):
        for row in run.read_shard(shard)[0]:
            if row.index not in removed:
                statistics.add(row)
                yield row
        progress.advance(len(run.paths_of(shard)))


def _failed(run: RunDirectory, removed: Removed) -> Iterator[Failure]:
    for shard in range(run.shards):
        rows, failures = run.read_shard(shard)
        gone = [_removed(row, *removed[row.index]) for row in rows if row.index in removed]
        yield from sorted([*failures, *gone], key=lambda failure: failure.index)


def _removed(row: Trajectory, reason: FailureReason, detail: str) -> Failure:
    return Failure(id=row.id, index=row.index, stage="duplicates", reason=reason, detail=detail, category=row.category.value)


def _figures(recipe: Recipe, statistics: RunStatistics) -> dict[str, Any]:
    """Figures for the manifest: the functions, their graph and the rows."""
    pool, graph = recipe.workshop.pool, recipe.workshop.graph
    return {
        "functions": len(pool.specs),
        "functions_left_out": len(pool.failures),
        "edges": len(graph.edges),
        "edges_dropped": graph.dropped,
        **statistics.summary(),
    }
