"""A run directory: shards while the job runs, tables and a manifest when it is done.

`run.json` opens a run and holds its configuration; `shards/00012*.parquet` are written atomically and are
never changed; `trajectories/` and `failures/` are written from all shards, and `manifest.json` comes last, so
a directory with a manifest is complete. Shard k holds the paths [k * size, (k + 1) * size), whoever made it,
and rows in = rows kept + failures. One driver at a time: the lock ends with the process that holds it.
"""

from __future__ import annotations

import platform
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import chain
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

import pyarrow as pa

from magnet_ray.atomic_files import read_json, write_json, write_table
from magnet_ray.config import DistillConfig, SynthesizeConfig
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import FORMAT, MANIFEST_FILE, RUN_FILE, Counts, Manifest
from magnet_ray.locks import Lock
from magnet_ray.places import Place, entries, make_directory, place, remove_tree
from magnet_ray.rows import FAILURE_SCHEMA, record_schema, to_table
from magnet_ray.run_directories import claim_directory, package_versions
from magnet_ray.sections import section_values
from magnet_ray.table_files import ROWS_PER_GROUP, DataFile, batched, noted, read_records, read_table, rows_in, with_note, write_tables
from magnet_ray.types import Failure, PreferencePair, Trajectory

BENCHMARK_SOURCES = ("bfcl",)
READERS = 8
"""Shards that are read at once, when a run is resumed and when its tables are written."""


Config = TypeVar("Config", SynthesizeConfig, DistillConfig)
Read = TypeVar("Read")
Rows = Sequence[Trajectory] | Sequence[PreferencePair]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a kind of job writes."""

    kind: str
    """Name of the job."""
    records: type
    """Record of a row."""
    part: str
    """Name of the table."""
    doing: str
    """What the job says of its main stage."""
    unit: str
    """Column that names the unit of a row: every unit gives rows or a failure."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """What the rows of a run come from."""

    sources: Sequence[str]
    """Sources of functions."""
    prompts: Mapping[str, str] = field(default_factory=dict)
    """Prompt file -> content hash, where a model was asked."""
    job: Mapping[str, str] = field(default_factory=dict)
    """The Ray job that made them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a job counted beside its rows."""

    statistics: Mapping[str, Any] = field(default_factory=dict)
    """Further figures."""
    usage: Mapping[str, Any] = field(default_factory=dict)
    """Requests and tokens of each role that a model played."""


JOBS: Mapping[type, Job] = {
    SynthesizeConfig: Job(kind="synthesize", records=Trajectory, part="trajectories", doing="making paths", unit="id"),
    DistillConfig: Job(kind="distill", records=PreferencePair, part="pairs", doing="making pairs", unit="path_id"),
}


class RunDirectory(Generic[Config]):
    """A run being made. Use it as a context manager: leaving it releases the lock and keeps the shards."""

    def __init__(self, path: Place, config: Config, total: int, lock: Lock) -> None:
        self.path, self.total = path, total
        self.config: Config = config
        self.job = JOBS[type(config)]
        self._lock = lock
        self._started = time.monotonic()

    @classmethod
    def open(cls, path: Place | str, config: Config, *, resume: bool = False, total: int | None = None) -> RunDirectory[Config]:
        """Start a run in an empty or new directory, or go on with an unfinished one when `resume` is set.

        `total` is the number of units (paths, or rows to distil) where the configuration does not say it.

        Raises:
            RunError: the directory is in use, not empty, not a run, finished, or of another configuration or version.
        """
        path = place(path)
        lock = claim_directory(path, JOBS[type(config)].kind, config, resume=resume)
        try:
            make_directory(path / "shards")
            _remove_leftovers(path)
        except BaseException:
            lock.release()
            raise
        return cls(path, config, total if total is not None else config.num or 0, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._forget_if_untouched()
        self.close()

    def _forget_if_untouched(self) -> None:
        """A run that failed before its functions were known leaves no trace, so that a corrected source can use the directory."""
        run = self.path / RUN_FILE
        if run.exists() and "pool" not in read_json(run) and not entries(self.path / "shards"):
            run.unlink()
            remove_tree(self.path / "shards")

    def close(self) -> None:
        """Release the lock; calling it twice is fine."""
        self._lock.release()

    @property
    def shards(self) -> int:
        """How many shards the run has in all."""
        size: int = self.config.ray.shard_size
        return -(-self.total // size)

    def paths_of(self, shard: int) -> range:
        """Indices of the paths in a shard."""
        size = self.config.ray.shard_size
        return range(shard * size, min((shard + 1) * size, self.total))

    def claim_pool(self, fingerprint: str) -> None:
        """Note the functions that this run uses, or compare them with those it began with.

        Raises:
            RunError: the run began with other functions.
        """
        run = read_json(self.path / RUN_FILE)
        began_with = run.setdefault("pool", fingerprint)
        if began_with != fingerprint:
            raise RunError(
                f"the functions have changed since the run in {self.path} began",
                fingerprint,
                f"the pool {began_with}",
                "restore the sources, or start anew in another --out",
            )
        write_json(self.path / RUN_FILE, run)

    def finished_shards(self) -> frozenset[int]:
        """Shards that are whole on disk. A shard with a damaged or missing file is removed, to be made again."""
        present = entries(self.path / "shards")
        made = [shard for shard in range(self.shards) if shard_files(self.path, shard)[0].name in present]
        # A store answers many at once as fast as one.
        with ThreadPoolExecutor(READERS) as readers:
            whole = list(readers.map(lambda shard: is_whole(self.path, shard, len(self.paths_of(shard))), made))
        for shard in (shard for shard, is_good in zip(made, whole, strict=True) if not is_good):
            shard_files(self.path, shard)[0].unlink(missing_ok=True)
        return frozenset(shard for shard, is_good in zip(made, whole, strict=True) if is_good)

    def write_shard(self, shard: int, rows: Rows, failures: Sequence[Failure]) -> None:
        """Write a shard; see the function of the same name, which a worker without this object can call."""
        write_shard(self.path, shard, self.paths_of(shard), to_table(self.job.records, rows), failures)

    def read_table(self, shard: int) -> pa.Table:
        """The trajectories of a finished shard as a table, by path index.

        Raises:
            RunError: the shard is missing or damaged.
        """
        return read_table(shard_files(self.path, shard)[0])

    def read_failures(self, shard: int) -> tuple[Failure, ...]:
        """The failures of a finished shard, by path index.

        Raises:
            RunError: the shard is missing or damaged.
        """
        return tuple(read_records(Failure, shard_files(self.path, shard)[1]))

    def tables(self) -> Iterator[pa.Table]:
        """The tables of all finished shards, in order; the next ones are read meanwhile. As `read_table`."""
        return self._read_ahead(self.read_table)

    def failures(self) -> Iterator[Failure]:
        """The failures of all finished shards, in order; the next ones are read meanwhile. As `read_failures`."""
        return chain.from_iterable(self._read_ahead(self.read_failures))

    def _read_ahead(self, read: Callable[[int], Read]) -> Iterator[Read]:
        coming = deque[Future[Read]]()
        with ThreadPoolExecutor(READERS) as readers:
            for shard in range(self.shards):
                coming.append(readers.submit(read, shard))
                if len(coming) > READERS:
                    yield coming.popleft().result()
            while coming:
                yield coming.popleft().result()

    def finish(
        self,
        rows: Iterable[pa.Table],
        failures: Iterable[Failure],
        origin: Origin,
        figures: Callable[[], Figures] = Figures,
        before_manifest: Callable[[Manifest], object] | None = None,
    ) -> Manifest:
        """Write the final tables and then the manifest; both streams come by path index. Removes the shards.

        `rows`, in tables of any size, is read to its end before `failures`, and no more than one row group and one table
        are held in memory.
        `figures` is called when all rows have gone by, `before_manifest` when the tables are written.

        Raises:
            RunError: what the rows were made from and the failures are not as many as the units attempted, or another process
                took over the directory.
        """
        self._lock.check()
        kept = Tally("category", self.job.unit)
        files = write_tables(kept.passing(rows), record_schema(self.job.records), self.path / self.job.part)
        return self.finish_with(files, kept, failures, origin, figures, before_manifest)

    def finish_with(
        self,
        files: Sequence[DataFile],
        kept: Tally,
        failures: Iterable[Failure],
        origin: Origin,
        figures: Callable[[], Figures] = Figures,
        before_manifest: Callable[[Manifest], object] | None = None,
    ) -> Manifest:
        """As `finish`, where the table of rows is written already: its files, and the count of its rows."""
        self._lock.check()
        failed = Tally("reason", "id")
        tables = (to_table(Failure, chunk) for chunk in batched(failures, ROWS_PER_GROUP))
        failure_files = write_tables(failed.passing(tables), FAILURE_SCHEMA, self.path / "failures")
        if kept.units + failed.units != self.total:
            got = f"{kept.units} kept + {failed.units} failed"
            raise RunError(f"rows were lost in {self.path}", got, f"{self.total} paths", "please report it")
        gathered = figures()
        manifest = Manifest(
            format=FORMAT,
            kind=self.job.kind,
            config=section_values(self.config),
            sources=list(origin.sources),
            pool=read_json(self.path / RUN_FILE).get("pool", ""),
            benchmark_environments=any(source.partition(":")[0] in BENCHMARK_SOURCES for source in origin.sources),
            counts=Counts(
                attempted=self.total,
                kept=kept.counts.total(),
                failed=failed.units,
                by_category=dict(sorted(kept.counts.items())),
                by_reason=dict(sorted(failed.counts.items())),
            ),
            statistics=dict(gathered.statistics),
            usage=dict(gathered.usage),
            prompts=dict(origin.prompts),
            job=dict(origin.job),
            versions=package_versions(),
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self._started, 3),
            files=list(chain(files, failure_files)),
        )
        if before_manifest is not None:
            before_manifest(manifest)
        self._lock.check()
        write_json(self.path / MANIFEST_FILE, manifest.model_dump(mode="json"))
        remove_tree(self.path / "shards")
        return manifest


class Tally:
    """Counts the rows of tables that go by, and the units that they were made from."""

    def __init__(self, column: str, unit: str) -> None:
        self._column, self._unit = column, unit
        self._last = ""
        self.counts: Counter[str] = Counter()
        self.units = 0

    def passing(self, tables: Iterable[pa.Table]) -> Iterator[pa.Table]:
        """The same tables. Rows of one unit stand together."""
        for table in tables:
            self.counts.update(table.column(self._column).to_pylist())
            for unit in table.column(self._unit).to_pylist():
                self.units += unit != self._last
                self._last = unit
            yield table

    def merge(self, later: Tally) -> None:
        """Add what went by elsewhere, of other units."""
        self.counts.update(later.counts)
        self.units += later.units


def shard_files(directory: Place, shard: int) -> tuple[Place, Place]:
    """The files of a shard: rows, failures."""
    return directory / "shards" / f"{shard:05d}.parquet", directory / "shards" / f"{shard:05d}.failures.parquet"


def is_whole(directory: Place, shard: int, paths: int) -> bool:
    """Whether a shard made from so many paths is on disk."""
    rows, failures = shard_files(directory, shard)
    note = noted(rows)
    return bool(note) and note == {"units": paths, "failures": rows_in(failures)}


def write_shard(directory: Place, shard: int, paths: range, rows: pa.Table, failures: Sequence[Failure]) -> None:
    """Write a shard so that it is whole or absent: the file of rows comes last and says that it is done.

    Raises:
        RunError: the disk refused.
        ValueError: a path of the shard is missing, or one gave both rows and a failure.
    """
    ids = rows.column("id").to_pylist()
    indices = sorted([*set(rows.column("index").to_pylist()), *(row.index for row in failures)])
    if indices != list(paths) or len(set(ids)) != len(ids):
        raise ValueError(f"shard {shard} must hold the paths {paths.start} to {paths.stop - 1} once each, got {indices[:20]}")
    done, failed = shard_files(directory, shard)
    write_table(failed, to_table(Failure, sorted(failures, key=lambda row: row.index)))
    write_table(done, with_note(rows.sort_by("index"), {"units": len(paths), "failures": len(failures)}))


def _remove_leftovers(path: Place) -> None:
    """Remove what a killed driver or worker left half-written."""
    for temporary in (*path.glob(".*.tmp"), *path.glob("shards/.*.tmp")):
        temporary.unlink(missing_ok=True)
    for part in ("failures", *(job.part for job in JOBS.values())):
        remove_tree(path / part)
