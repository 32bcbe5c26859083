"""What one worker does for one shard: make its rows or read those that an earlier run made, write them, and report.

A `Maker` knows how one unit of a job (a path to synthesise, a row to distil) becomes rows. The report that goes back
holds counts and sketches, never rows, so the driver's memory does not grow with what a row holds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, ClassVar, Protocol, Self

import ray

from magnet_ray.artifacts import RunDirectory, is_whole, shard_files, write_shard
from magnet_ray.at_once import at_once
from magnet_ray.errors import RunError
from magnet_ray.llm.base import ChatModel
from magnet_ray.metrics import RunLabel, metrics_of
from magnet_ray.places import place
from magnet_ray.rows import to_table
from magnet_ray.table_files import read_records
from magnet_ray.types import Failure, Trajectory, content_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """What rows are made from."""

    index: int
    """Index of the path, or position of the row."""
    id: str
    """Id of the path: part of every request's key."""
    row: Trajectory | None = None
    """The row, where one is distilled."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What became of units."""

    rows: Sequence[Any] = ()
    """Records of the job's table."""
    failures: Sequence[Failure] = ()
    """One for each unit without a row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """How the work on a shard went."""

    seconds: float = 0.0
    """Wall time that it took; with models, while other shards went on beside it."""
    tokens: Mapping[str, int] = field(default_factory=dict)
    """`prompt` and `completion`: tokens that models read and wrote for it."""
    refusal: str = ""
    """Why the rows could not be written, which no retry would change."""
    stopped: str = ""
    """Why the shard was left unfinished."""


class Maker(Protocol):
    """Makes the rows of a job; sent to every worker."""

    record_type: ClassVar[type]
    """Record of a row."""

    def units(self, indices: range) -> Sequence[Unit]:
        """What the rows of a shard are made from."""

    async def make(self, unit: Unit) -> Made:
        """The rows of one unit, or why there is none."""

    def sketch(self, rows: Sequence[Any]) -> dict[str, Any]:
        """What the driver needs to know of a shard's rows to see the whole run: columns of its report."""

    def with_models(self, models: ChatModel) -> Self:
        """The same, asking these models."""


def shard_item(run: RunDirectory[Any], shard: int, *, finished: bool) -> dict[str, Any]:
    """What a worker is told of a shard; `finished` when its rows are on disk."""
    paths, label = run.paths_of(shard), label_of(run)
    return {
        "directory": str(run.path.resolve()),
        "kind": label.kind,
        "run": label.run,
        "shard": shard,
        "start": paths.start,
        "stop": paths.stop,
        "finished": finished,
    }


def label_of(run: RunDirectory[Any]) -> RunLabel:
    """What the run is called in metrics and logs."""
    return RunLabel(kind=run.job.kind, run=content_id(run.path.resolve()))


def work_shard(item: dict[str, Any], *, shared: Sequence[ray.ObjectRef[Maker]]) -> dict[str, Any]:
    """Make (or read) a shard with a maker that waits for nothing, and report on it.

    Args:
        item: see `shard_item`.
        shared: the maker, inside a list so that Ray does not unpack it for every shard.

    Returns:
        See `report_of`.
    """
    began = perf_counter()
    maker = maker_of(shared[0])
    made, refusal = known_shard(item, maker), ""
    if made is None:
        made = joined([at_once(maker.make(unit)) for unit in maker.units(indices_of(item))])
        refusal = write_made(item, made, maker)
    return report_of(item, made, maker, Work(seconds=perf_counter() - began, refusal=refusal))


def indices_of(item: dict[str, Any]) -> range:
    """The units of a shard."""
    return range(item["start"], item["stop"])


def joined(parts: Sequence[Made]) -> Made:
    """What became of several units, in order."""
    return Made(rows=[row for part in parts for row in part.rows], failures=[failure for part in parts for failure in part.failures])


def known_shard(item: dict[str, Any], maker: Maker) -> Made | None:
    """A shard that is on disk: of an earlier run, or of a task that lost its worker after it had written it."""
    directory = place(item["directory"])
    try:
        if not item["finished"] and not is_whole(directory, item["shard"], len(indices_of(item))):
            return None
    except RunError:
        # The store refuses. So it will when the shard is written, which is told to the driver.
        return None
    rows, failures = shard_files(directory, item["shard"])
    return Made(rows=tuple(read_records(maker.record_type, rows)), failures=tuple(read_records(Failure, failures)))


def write_made(item: dict[str, Any], made: Made, maker: Maker) -> str:
    """Write a shard; returns why it could not be written, or nothing."""
    try:
        write_shard(place(item["directory"]), item["shard"], indices_of(item), to_table(maker.record_type, made.rows), made.failures)
    except RunError as error:
        return str(error)
    return ""


def report_of(item: dict[str, Any], made: Made, maker: Maker, work: Work) -> dict[str, Any]:
    """What goes back to the driver; what was made is counted in the run's metrics.

    Returns:
        `shard`, `paths`, `finished`, `node`; `kept`: rows; `failures`: JSON text, see `by_reason`; what `Work` holds, with
        `tokens` as JSON text; and the maker's sketch.
    """
    failures = by_reason([(failure.reason.value, failure.detail) for failure in made.failures])
    if not (item["finished"] or work.refusal or work.stopped):
        label = RunLabel(kind=item["kind"], run=item["run"])
        metrics_of(label).made(len(made.rows), {reason: count for reason, (count, _) in failures.items()})
    return {
        "shard": item["shard"],
        "paths": len(indices_of(item)),
        "finished": item["finished"],
        "node": ray.get_runtime_context().get_node_id(),
        "kept": len(made.rows),
        "failures": json.dumps(failures),
        "seconds": work.seconds,
        "tokens": json.dumps(work.tokens),
        "refusal": work.refusal,
        "stopped": work.stopped,
        **maker.sketch(made.rows),
    }


def by_reason(failures: Sequence[tuple[str, str]]) -> dict[str, tuple[int, str]]:
    """(reason, detail) of each failure -> reason -> (count, the first detail)."""
    counts, examples = Counter(reason for reason, _ in failures), dict(reversed(failures))
    return {reason: (count, examples[reason]) for reason, count in counts.items()}


_MAKERS: dict[str, Maker] = {}


def maker_of(reference: ray.ObjectRef[Maker]) -> Maker:
    """The maker, fetched once for each worker process, so that what it caches lives on between shards."""
    key = reference.hex()
    if key not in _MAKERS:
        _MAKERS.clear()
        _MAKERS[key] = ray.get(reference)
    return _MAKERS[key]
