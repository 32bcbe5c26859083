"""The synthesis job on Ray Data. The order of the stages is visible in `synthesize`.

    pool, graph -> shards of path indices -> rows and sketches -> what the whole run shows -> tables, card, manifest

The unit of work is a shard: a fixed slice of path indices, made by one task and written atomically by it. Ray moves
only counts and sketches; a lost worker costs its unfinished shards, and a resumed run makes just the missing ones.
"""

from __future__ import annotations

import heapq
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from magnet_ray.artifacts import Figures, Origin, RunDirectory
from magnet_ray.config import SynthesizeConfig
from magnet_ray.data_card import Summary, write_card
from magnet_ray.duplicates import PERMUTATIONS, Signature, near_duplicates
from magnet_ray.environments.opening import environment_opener
from magnet_ray.errors import Rejected
from magnet_ray.final_tables import Removed, Written, write_final_tables
from magnet_ray.finished_runs import Manifest
from magnet_ray.functions.pool import FunctionPool, save_pool
from magnet_ray.graph import save_graph
from magnet_ray.judge import DependencyJudge
from magnet_ray.mix import category_of
from magnet_ray.path_maker import PathMaker
from magnet_ray.paths import sample_path
from magnet_ray.places import Place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster, interrupted_by_sigterm
from magnet_ray.run_models import JudgedByModel, judge_by_model, models_of
from magnet_ray.shard_runs import FailureBudget, job_links, make_shards, used
from magnet_ray.shards import by_reason
from magnet_ray.statistics import RunStatistics
from magnet_ray.synthesis import MESSAGES_A_TURN, Recipe, prepare
from magnet_ray.table_files import ROWS_PER_GROUP, batched
from magnet_ray.teacher.prompts import prompt_versions
from magnet_ray.types import Failure, FailureReason

SAMPLED_PATHS = 300
"""Paths from which a plan estimates the requests of a run."""
SHOWN_FAILURES = 5
"""Functions left out of the pool that are named on stderr; the rest stand in the run's `pool/`."""


def synthesize(config: SynthesizeConfig, out: Place | str, resume: bool = False) -> Summary:
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
    opener = environment_opener(config.isolation.call_seconds, config.isolation.memory_mb)
    judged: list[JudgedByModel] = []

    def judge(pool: FunctionPool) -> DependencyJudge:
        progress.say("asking the model which outputs serve which inputs")
        judged.append(judge_by_model(run, access, pool, config.graph, opener))
        return judged[0].judge

    with (
        interrupted_by_sigterm(),
        RunDirectory.open(out, config, resume=resume) as run,
        Progress() as progress,
        models_of(run, None, progress) as access,
    ):
        progress.say("reading and trying the functions")
        recipe = prepare(config, opener, judge if config.graph.judge == "model" else None)
        run.claim_pool(recipe.fingerprint)
        save_pool(recipe.workshop.pool, run.path / "pool")
        save_graph(recipe.workshop.graph, run.path / "graph")
        _say_left_out(recipe.workshop.pool, run.path, progress)
        maker = PathMaker(recipe=recipe, teacher=config.teacher, verification=config.verification)
        sketches = Sketches()
        with cluster(config.ray, progress):
            job = job_links(run)
            for report in make_shards(run, maker, progress, access):
                sketches.add(report)
            removed = find_removed(run, sketches)
            check_budget(run, removed)
            written = write_final_tables(run, sketches.kept(removed), removed, progress)
        figures = {"judges": judged[0].figures()} if judged else {}
        return finish(run, recipe, (written, figures), job, started)


def _say_left_out(pool: FunctionPool, directory: Place, progress: Progress) -> None:
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
            f"sources      {', '.join(pool.sources)}",
            f"functions    {len(pool.specs)} in {len(pool.categories)} domains, {len(pool.failures)} left out",
            f"graph        {len(graph.edges)} edges ({', '.join(f'{count} {kind}' for kind, count in sorted(kinds.items()))})",
            f"paths        {config.num}: " + ", ".join(f"{count} {name}" for name, count in _quotas(config, recipe).items()),
            f"shards       {shards} of {config.ray.shard_size} paths",
            f"where        {where}",
            f"teacher      {_teacher(config, recipe)}",
        )
    )


def _teacher(config: SynthesizeConfig, recipe: Recipe) -> str:
    """Who writes the words, and about how many requests that takes when nothing is asked twice."""
    teacher = config.teacher
    if teacher.kind == "template":
        return teacher.kind
    turns = []
    for index in range(min(config.num, SAMPLED_PATHS)):
        with suppress(Rejected):
            turns.append(len(sample_path(index, run_seed=config.seed, graph=recipe.workshop.graph, settings=recipe.paths).turns))
    replies = MESSAGES_A_TURN * teacher.positives.attempts if teacher.positives.attempts else 1.0
    requests = sum(turns) / max(1, len(turns)) * (1 + teacher.forth_check + replies) * config.num
    name = teacher.model.name or teacher.vllm.model or "no model named"
    return f"{teacher.kind}, {name}: about {requests:,.0f} requests"


def _quotas(config: SynthesizeConfig, recipe: Recipe) -> dict[str, int]:
    sample = min(config.num, 100_000)
    counts = Counter(category_of(index, recipe.paths.mix).value for index in range(sample))
    return {name: round(count * config.num / sample) for name, count in counts.items()}


# What needs the whole run


class Sketches:
    """What the driver keeps of every row: its index and its signature, 264 bytes."""

    def __init__(self) -> None:
        self.contaminated: list[int] = []
        self._indices: list[int] = []
        self._signatures: list[Signature] = []

    def add(self, report: Mapping[str, Any]) -> None:
        """Keep a shard's sketches (see `PathMaker.sketch`)."""
        self.contaminated += json.loads(report["contaminated"])
        self._indices += json.loads(report["indices"])
        self._signatures.append(np.frombuffer(report["signatures"], dtype=np.uint32).reshape(-1, PERMUTATIONS))

    def kept(self, removed: Removed) -> list[int]:
        """Indices of the rows that stay, ascending."""
        return sorted(index for index in self._indices if index not in removed)

    def twins(self, threshold: float) -> dict[int, int]:
        """Index of each near duplicate -> index of the row that it repeats."""
        return near_duplicates(self._indices, np.concatenate(self._signatures), threshold) if self._indices else {}


def find_removed(run: RunDirectory[SynthesizeConfig], sketches: Sketches) -> Removed:
    """Path indices of rows to remove, with the reason: overlaps with a benchmark, then near duplicates."""
    removed: dict[int, tuple[FailureReason, str]] = {}
    for index in sketches.contaminated:
        removed[index] = (FailureReason.CONTAMINATED, "a query overlaps with a test query of BFCL")
    for index, twin in sketches.twins(run.config.verification.near_duplicate).items():
        removed.setdefault(index, (FailureReason.NEAR_DUPLICATE, f"nearly the same as path {twin}"))
    return removed


def check_budget(run: RunDirectory[SynthesizeConfig], removed: Removed) -> None:
    """Count all failures of the run, those that the whole run shows included.

    Raises:
        JobFailed: more paths failed than the budget allows.
    """
    budget = FailureBudget(run)
    for failures in batched(run.failures(), ROWS_PER_GROUP):
        budget.spend(by_reason([(failure.reason.value, failure.detail) for failure in failures]))
    budget.spend(by_reason([(reason.value, detail) for reason, detail in removed.values()]))


# Final tables


def finish(
    run: RunDirectory[SynthesizeConfig],
    recipe: Recipe,
    found: tuple[Written, Mapping[str, Any]],
    job: Mapping[str, str],
    started: float,
) -> Summary:
    """Write the failures, the card and then the manifest. `found`: the rows, and further figures."""
    written, more = found

    def summary(manifest: Manifest) -> Summary:
        return Summary(path=run.path, manifest=manifest, seconds=time.monotonic() - started)

    manifest = run.finish_with(
        written.files,
        written.tally,
        _failed(run, written.gone),
        Origin(sources=recipe.workshop.pool.sources, prompts=prompt_versions() if run.config.teacher.kind != "template" else {}, job=job),
        lambda: Figures(statistics={**_figures(recipe, written.statistics), **more}, usage=used(run.path).as_json()),
        lambda manifest: write_card(summary(manifest), written.statistics),
    )
    return summary(manifest)


def _failed(run: RunDirectory[SynthesizeConfig], gone: list[Failure]) -> Iterator[Failure]:
    """The failures of all shards and those of the whole run, by path index."""
    return heapq.merge(run.failures(), gone, key=lambda failure: failure.index)


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
