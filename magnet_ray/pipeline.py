"""The synthesis job on Ray Data. The order of the stages is visible in `synthesize`.

    pool, graph -> shards of path indices -> rows (first pass) -> sketches (second pass) -> tables, card, manifest

The unit of work is a shard: a fixed slice of path indices, made by one task and written atomically by it. Ray moves
only counts and sketches; a lost worker costs its unfinished shards, and a resumed run makes just the missing ones.
"""

from __future__ import annotations

import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
import ray.data

from magnet_ray.artifacts import RunDirectory, read_shard, write_shard
from magnet_ray.config import RayConfig, SynthesizeConfig
from magnet_ray.data_card import Summary, write_card
from magnet_ray.duplicates import PERMUTATIONS, benchmark_index, conversation_text, near_duplicates, signature, user_queries
from magnet_ray.environments.opening import environment_opener
from magnet_ray.errors import JobFailed
from magnet_ray.functions.pool import save_pool
from magnet_ray.graph import save_graph
from magnet_ray.mix import category_of
from magnet_ray.progress import Progress
from magnet_ray.statistics import RunStatistics
from magnet_ray.synthesis import Recipe, make_rows, prepare
from magnet_ray.types import Failure, FailureReason, Trajectory

TOP_REASONS = 5


def synthesize(config: SynthesizeConfig, out: Path | str, resume: bool = False) -> Summary:
    """Make a run: verified conversations from the sources of a configuration.

    Args:
        config: the job.
        out: directory of the run, new or empty, or an unfinished run with `resume`.
        resume: go on with an unfinished run of the same configuration.

    Raises:
        UserError: the sources, the configuration or the directory cannot be used.
        JobFailed: more paths failed than the budget allows.
    """
    started = time.monotonic()
    with RunDirectory.open(out, config, resume=resume) as run, Progress() as progress:
        progress.say("reading and trying the functions")
        recipe = prepare(config, environment_opener(config.isolation.call_seconds, config.isolation.memory_mb))
        run.claim_pool(recipe.fingerprint)
        save_pool(recipe.workshop.pool, run.path / "pool")
        save_graph(recipe.workshop.graph, run.path / "graph")
        with cluster(config.ray):
            make_shards(run, recipe, progress)
            removed = find_removed(run, progress)
        statistics = RunStatistics()
        manifest = run.finish(
            _kept(run, removed, statistics, progress),
            _failed(run, removed),
            lambda: _figures(recipe, statistics),
        )
        summary = Summary(path=run.path, manifest=manifest, seconds=time.monotonic() - started)
        write_card(summary, statistics)
    _check_budget(config, manifest.counts.failed, Counter(manifest.counts.by_reason), run.path)
    return summary


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


class cluster:
    """A context with Ray started: the cluster of `address` or `RAY_ADDRESS`, else one on this machine."""

    def __init__(self, settings: RayConfig) -> None:
        self._settings = settings
        self._ours = False

    def __enter__(self) -> None:
        logging.getLogger("ray.data").setLevel(logging.WARNING)
        if not ray.is_initialized():
            self._ours = True
            address = self._settings.address or os.environ.get("RAY_ADDRESS")
            if address:
                ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
            else:
                # Ray reads the variable in every process that it starts; nothing listens beyond this machine.
                os.environ.setdefault("RAY_AUTH_MODE", "disabled")
                ray.init(num_cpus=self._settings.num_cpus, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        context.print_on_execution_start = False

    def __exit__(self, *error: object) -> None:
        if self._ours:
            ray.shutdown()


# First pass: shards of rows


def make_shards(run: RunDirectory, recipe: Recipe, progress: Progress) -> None:
    """Make and write the shards that are missing.

    Raises:
        JobFailed: more paths failed than the budget allows.
    """
    finished = run.finished_shards()
    todo = [shard for shard in range(run.shards) if shard not in finished]
    done = sum(len(run.paths_of(shard)) for shard in finished)
    failed = Counter[str]()
    progress.start("paths", run.config.num, done)
    if not todo:
        return
    shared = ray.put(recipe)
    work = ray.data.from_items([_item(run, shard) for shard in todo], override_num_blocks=len(todo))
    for report in work.map(_make_shard, fn_kwargs={"shared": [shared]}, num_cpus=1).iter_rows():
        failed.update(dict(zip(report["reasons"], report["counts"], strict=True)))
        progress.advance(report["paths"], failed=failed.total())
        if failed.total() > run.config.failure_budget * run.config.num:
            _check_budget(run.config, failed.total(), failed, run.path)


def _item(run: RunDirectory, shard: int) -> dict[str, Any]:
    """What a worker is told of a shard."""
    paths = run.paths_of(shard)
    return {"directory": str(run.path.resolve()), "shard": shard, "start": paths.start, "stop": paths.stop}


def _make_shard(item: dict[str, Any], shared: Sequence[ray.ObjectRef[Recipe]]) -> dict[str, Any]:
    """Worker: make the rows of a shard and write them."""
    indices = range(item["start"], item["stop"])
    rows, failures = make_rows(indices, _recipe(shared[0]))
    write_shard(Path(item["directory"]), item["shard"], indices, rows, failures)
    reasons = Counter(failure.reason.value for failure in failures)
    return {"shard": item["shard"], "paths": len(indices), "reasons": list(reasons), "counts": list(reasons.values())}


_RECIPES: dict[str, Recipe] = {}


def _recipe(reference: ray.ObjectRef[Recipe]) -> Recipe:
    """The recipe, fetched once for each worker process, so that what it caches lives on between shards."""
    key = reference.hex()
    if key not in _RECIPES:
        _RECIPES.clear()
        _RECIPES[key] = ray.get(reference)
    return _RECIPES[key]


# Second pass: what needs the whole run


def find_removed(run: RunDirectory, progress: Progress) -> dict[int, tuple[FailureReason, str]]:
    """Path indices of rows to remove, with the reason: overlaps with a benchmark, then near duplicates."""
    settings = run.config.verification
    progress.start("sketches", run.config.num, 0)
    items = [_item(run, shard) for shard in range(run.shards)]
    work = ray.data.from_items(items, override_num_blocks=min(len(items), 512))
    sketched = work.map(_sketch_shard, fn_kwargs={"ngram": settings.ngram, "threshold": settings.contamination}, num_cpus=1)
    removed: dict[int, tuple[FailureReason, str]] = {}
    indices: list[int] = []
    signatures: list[np.ndarray[Any, np.dtype[np.uint32]]] = []
    for report in sketched.iter_rows():
        progress.advance(report["stop"] - report["start"])
        for index in report["contaminated"]:
            removed[int(index)] = (FailureReason.CONTAMINATED, "a query overlaps with a test query of BFCL")
        indices.extend(int(index) for index in report["indices"])
        signatures.append(np.frombuffer(report["signatures"], dtype=np.uint32).reshape(-1, PERMUTATIONS))
    if indices:
        for index, twin in near_duplicates(indices, np.concatenate(signatures), settings.near_duplicate).items():
            removed.setdefault(index, (FailureReason.NEAR_DUPLICATE, f"nearly the same as path {twin}"))
    return removed


def _sketch_shard(item: dict[str, Any], ngram: int, threshold: float) -> dict[str, Any]:
    """Worker: signatures of a shard's rows, and which of them overlap with a benchmark."""
    rows, _ = read_shard(Path(item["directory"]), item["shard"])
    index = benchmark_index(ngram, threshold)
    bad = [row.index for row in rows if index and any(index.overlaps(query) for query in user_queries(row))]
    kept = [row for row in rows if row.index not in set(bad)]
    sketches = np.stack([signature(conversation_text(row)) for row in kept]) if kept else np.zeros((0, PERMUTATIONS), dtype=np.uint32)
    return {
        "start": item["start"],
        "stop": item["stop"],
        "contaminated": bad,
        "indices": [row.index for row in kept],
        "signatures": sketches.tobytes(),
    }


# Final tables


def _kept(
    run: RunDirectory, removed: dict[int, tuple[FailureReason, str]], statistics: RunStatistics, progress: Progress
) -> Iterator[Trajectory]:
    progress.start("rows written", run.config.num, 0)
    for shard in range(run.shards):
        for row in run.read_shard(shard)[0]:
            if row.index not in removed:
                statistics.add(row)
                yield row
        progress.advance(len(run.paths_of(shard)))


def _failed(run: RunDirectory, removed: dict[int, tuple[FailureReason, str]]) -> Iterator[Failure]:
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


def _check_budget(config: SynthesizeConfig, failed: int, reasons: Counter[str], path: Path) -> None:
    if failed <= config.failure_budget * config.num:
        return
    top = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common(TOP_REASONS))
    raise JobFailed(
        f"{failed} of {config.num} paths failed, more than the budget of {config.failure_budget:.0%}: {top}; "
        f"see {path}/failures or raise failure_budget and resume"
    )

