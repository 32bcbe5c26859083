"""The distillation job on Ray Data: rows of a finished run become preference pairs. The order of the stages is visible in `distill`.

rows -> shards of positions -> mistakes, negative trajectories, pairs -> balancing over the whole run -> tables, card, manifest
"""

from __future__ import annotations

import heapq
import json
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from magnet_ray.artifacts import Figures, Origin, RunDirectory
from magnet_ray.config import DistillConfig
from magnet_ray.environments.opening import environment_opener
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import Manifest, read_manifest
from magnet_ray.functions.pool import load_pool
from magnet_ray.negatives.negatives import NegativeSettings
from magnet_ray.negatives.pairs import GROUPS, PairWeights, balance
from magnet_ray.pair_card import PairSummary, write_pair_card
from magnet_ray.pair_maker import PairMaker
from magnet_ray.places import Place, place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster, interrupted_by_sigterm
from magnet_ray.rollouts.rollout import World
from magnet_ray.run_models import models_of
from magnet_ray.shard_runs import job_links, make_shards, used
from magnet_ray.teacher.prompts import prompt_versions
from magnet_ray.types import Category, ErrorType, Failure, FailureReason, PreferencePair


def distill(config: DistillConfig, out: Place | str, resume: bool = False) -> PairSummary:
    """Make preference pairs from a finished run of `magnet synthesize`.

    SIGTERM ends it as Ctrl-C does. What was finished by then stays, for `resume`.

    Args:
        config: the job.
        out: directory of the run, new or empty, or an unfinished run with `resume`.
        resume: go on with an unfinished run of the same configuration.

    Raises:
        UserError: the run to distil, the configuration or the directory cannot be used.
        JobFailed: too many rows gave no pair, or the budget is spent; the run stays unfinished.
        KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    started = time.monotonic()
    source = place(config.run)
    made_from = _rows_of(source)
    total = min(config.num or made_from.counts.kept, made_from.counts.kept)
    maker = _maker(config, source)
    with (
        interrupted_by_sigterm(),
        RunDirectory.open(out, config, resume=resume, total=total) as run,
        Progress() as progress,
        models_of(run, config.student, progress) as access,
    ):
        run.claim_pool(f"{made_from.pool} {made_from.files[0].sha256}")
        pairs: list[PreferencePair] = []
        with cluster(config.ray, progress):
            job = job_links(run)
            for report in make_shards(run, maker, progress, access):
                pairs += _sketched(report)
        left_out = _left_out(pairs, config) if config.balance else frozenset[str]()
        return _finish(run, made_from, _Kept(pairs, left_out), job, progress, started)


def _rows_of(source: Place) -> Manifest:
    manifest = read_manifest(source)
    if manifest.kind != "synthesize":
        raise RunError(f"{source} holds no conversations", f"a run of magnet {manifest.kind}", fix="name a run made by magnet synthesize")
    if not manifest.counts.kept:
        raise RunError(f"the run in {source} kept no conversation", fix="name a run with rows")
    return manifest


def _maker(config: DistillConfig, source: Place) -> PairMaker:
    opener = environment_opener(config.isolation.call_seconds, config.isolation.memory_mb)
    return PairMaker(
        run=source.resolve(),
        world=World(pool=load_pool(source / "pool"), open_environment=opener),
        settings=NegativeSettings(rollouts=config.rollouts, max_rounds=config.max_rounds, extent=config.extent, fill=config.fill),
        has_student=config.student is not None,
        teacher=config.teacher,
        has_teacher=config.student is not None and config.hinted and config.teacher.kind != "template",
    )


# Balancing


def _sketched(report: Mapping[str, Any]) -> Iterator[PreferencePair]:
    """The pairs of a shard without their texts, all that balancing needs."""
    for id, category, error_type, source, path_id, index in json.loads(report["pairs"]):
        yield PreferencePair(
            id=id,
            path_id=path_id,
            index=index,
            category=Category(category),
            error_type=ErrorType(error_type),
            source=source,
            tools_chosen="",
            tools_rejected="",
            prompt="",
            chosen="",
            rejected="",
            divergence_turn=0,
            extent="",
        )


def _left_out(pairs: list[PreferencePair], config: DistillConfig) -> frozenset[str]:
    """Ids of the pairs that balancing leaves out."""
    balanced = balance(pairs, PairWeights(groups=config.mix.model_dump()), config.seed)
    return frozenset(pair.id for pair in pairs) - {pair.id for pair in balanced.pairs}


@dataclass(frozen=True, slots=True)
class _Kept:
    """Which pairs stay."""

    pairs: list[PreferencePair]
    left_out: frozenset[str]

    def figures(self) -> dict[str, Any]:
        """Counts for the manifest and the card."""
        kept = [pair for pair in self.pairs if pair.id not in self.left_out]
        table: dict[str, Counter[str]] = {}
        for pair in kept:
            table.setdefault(GROUPS[pair.category], Counter())[pair.error_type.value] += 1
        return {
            "pairs_made": len(self.pairs),
            "pairs_left_out": len(self.left_out),
            "pairs_by_error": dict(sorted(Counter(pair.error_type.value for pair in kept).items())),
            "pairs_by_source": dict(sorted(Counter(pair.source for pair in kept).items())),
            "pairs_by_group_and_error": {group: dict(sorted(errors.items())) for group, errors in sorted(table.items())},
        }

    def emptied(self) -> list[PreferencePair]:
        """One pair of each row whose pairs were all left out, by position."""
        staying = {pair.index for pair in self.pairs if pair.id not in self.left_out}
        return sorted({pair.index: pair for pair in self.pairs if pair.index not in staying}.values(), key=lambda pair: pair.index)


# Final tables


def _finish(
    run: RunDirectory[DistillConfig], made_from: Manifest, kept: _Kept, job: Mapping[str, str], progress: Progress, started: float
) -> PairSummary:
    asked = run.config.student is not None
    figures = kept.figures()

    def summary(manifest: Manifest) -> PairSummary:
        return PairSummary(path=run.path, manifest=manifest, seconds=time.monotonic() - started)

    manifest = run.finish(
        _tables(run, kept.left_out, progress),
        _failures(run, kept),
        Origin(sources=made_from.sources, prompts=prompt_versions() if asked else {}, job=job),
        lambda: Figures(statistics=figures, usage=used(run.path).as_json()),
        lambda manifest: write_pair_card(summary(manifest)),
    )
    return summary(manifest)


def _tables(run: RunDirectory[DistillConfig], left_out: frozenset[str], progress: Progress) -> Iterator[pa.Table]:
    progress.start("writing pairs", run.total, 0)
    for shard, table in enumerate(run.tables()):
        yield table.filter(pa.array([id not in left_out for id in table.column("id").to_pylist()], pa.bool_()))
        progress.advance(len(run.paths_of(shard)))


def _failures(run: RunDirectory[DistillConfig], kept: _Kept) -> Iterator[Failure]:
    """The rows without a pair: those that gave none, and those whose pairs balancing left out."""
    unbalanced = (
        Failure(
            id=pair.path_id,
            index=pair.index,
            stage="balancing",
            reason=FailureReason.UNBALANCED,
            detail=f"a {pair.error_type.value} pair too many",
            category=pair.category.value,
        )
        for pair in kept.emptied()
    )
    return heapq.merge(run.failures(), unbalanced, key=lambda failure: failure.index)
