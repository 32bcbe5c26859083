"""A run directory: shards while the job runs, tables and a manifest when it is done.

`run.json` opens a run and holds its configuration; `shards/00012*.parquet` are written atomically and are
never changed; `trajectories/` and `failures/` are written from all shards, and `manifest.json` comes last, so
a directory with a manifest is complete. Shard k holds the paths [k * size, (k + 1) * size), whoever made it,
and rows in = rows kept + failures. One driver at a time: the lock ends with the process that holds it.
"""

from __future__ import annotations

import json
import platform
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from magnet_ray.atomic_files import FileLock, checksum, read_json, take_lock, write_json, write_table
from magnet_ray.config import SynthesizeConfig
from magnet_ray.errors import ConfigError, RunError
from magnet_ray.rows import FAILURE_SCHEMA, TRAJECTORY_SCHEMA, to_table
from magnet_ray.sections import parse_section, section_differences, section_values
from magnet_ray.table_files import ROWS_PER_GROUP, DataFile, Record, batched, read_records, read_table, rows_in, write_tables
from magnet_ray.types import Failure, Trajectory

FORMAT = 1
"""Version of the layout; another version is neither read nor resumed."""

RUN_FILE, MANIFEST_FILE, LOCK_FILE = "run.json", "manifest.json", "lock"
BENCHMARK_SOURCES = ("bfcl",)
PACKAGES = ("magnet_ray", "ray", "pyarrow", "numpy", "networkx", "pydantic", "datasketch", "jsonschema_rs", "bfcl_eval")


class Counts(BaseModel):
    """What became of the paths."""

    model_config = ConfigDict(frozen=True)

    attempted: int = Field(description="Paths attempted.")
    kept: int = Field(description="Trajectories written.")
    failed: int = Field(description="Failures written; attempted = kept + failed.")
    by_category: dict[str, int] = Field(description="Trajectories of each category.")
    by_reason: dict[str, int] = Field(description="Failures of each reason.")


class Manifest(BaseModel):
    """`manifest.json`: what a finished run is and how it was made."""

    model_config = ConfigDict(frozen=True)

    format: int = Field(description="Version of the layout.")
    kind: str = Field(description="Job that made it: `synthesize`.")
    config: dict[str, Any] = Field(description="Whole configuration, as `parse_section` reads it; holds the seed.")
    sources: list[str] = Field(description="Sources of functions.")
    pool: str = Field(description="Fingerprint of the function pool; empty when the job gave none.")
    benchmark_environments: bool = Field(description="Whether functions of a benchmark were among the sources.")
    counts: Counts = Field(description="What became of the paths.")
    statistics: dict[str, Any] = Field(description="Further figures that the job reports.")
    versions: dict[str, str] = Field(description="Versions of the packages that can change rows.")
    python: str = Field(description="Version of Python.")
    platform: str = Field(description="Operating system and processor.")
    finished: str = Field(description="When it was finished (ISO 8601, UTC).")
    seconds: float = Field(description="Seconds taken by the process that finished it.")
    files: list[DataFile] = Field(description="Table files with their checksums.")


class RunDirectory:
    """A run being made. Use it as a context manager: leaving it releases the lock and keeps the shards."""

    def __init__(self, path: Path, config: SynthesizeConfig, lock: FileLock) -> None:
        self.path, self.config = path, config
        self._lock = lock
        self._started = time.monotonic()

    @classmethod
    def open(cls, path: Path | str, config: SynthesizeConfig, *, resume: bool = False) -> RunDirectory:
        """Start a run in an empty or new directory, or go on with an unfinished one when `resume` is set.

        Raises:
            RunError: the directory is in use, not empty, not a run, finished, or of another configuration or version.
        """
        path = Path(path)
        _check_place(path, resume)
        try:
            (path / "shards").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise RunError(f"the run directory {path} cannot be created", error.strerror, fix="choose another --out") from None
        lock = take_lock(path / LOCK_FILE)
        try:
            # Again, now that nobody else can write: another process may have been here in between.
            _check_place(path, resume)
            if (path / RUN_FILE).exists():
                _check_resumable(path, config)
            else:
                write_json(
                    path / RUN_FILE, {"format": FORMAT, "kind": "synthesize", "config": section_values(config), "versions": _versions()}
                )
            _remove_leftovers(path)
        except BaseException:
            lock.release()
            raise
        return cls(path, config, lock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None:
            self._forget_if_untouched()
        self.close()

    def _forget_if_untouched(self) -> None:
        """A run that failed before its functions were known leaves no trace, so that a corrected source can use the directory."""
        run = self.path / RUN_FILE
        if run.exists() and "pool" not in read_json(run) and not any((self.path / "shards").iterdir()):
            run.unlink()
            (self.path / "shards").rmdir()

    def close(self) -> None:
        """Release the lock; calling it twice is fine."""
        self._lock.release()

    @property
    def shards(self) -> int:
        """How many shards the run has in all."""
        return -(-self.config.num // self.config.ray.shard_size)

    def paths_of(self, shard: int) -> range:
        """Indices of the paths in a shard."""
        size = self.config.ray.shard_size
        return range(shard * size, min((shard + 1) * size, self.config.num))

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
        finished = set()
        for shard in range(self.shards):
            if is_whole(self.path, shard, len(self.paths_of(shard))):
                finished.add(shard)
            else:
                shard_files(self.path, shard)[0].unlink(missing_ok=True)
        return frozenset(finished)

    def write_shard(self, shard: int, trajectories: Sequence[Trajectory], failures: Sequence[Failure]) -> None:
        """Write a shard; see the function of the same name, which a worker without this object can call."""
        write_shard(self.path, shard, self.paths_of(shard), trajectories, failures)

    def read_shard(self, shard: int) -> tuple[tuple[Trajectory, ...], tuple[Failure, ...]]:
        """The trajectories and failures of a finished shard, by path index.

        Raises:
            RunError: the shard is missing or damaged.
        """
        return read_shard(self.path, shard)

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

    def finish(
        self,
        trajectories: Iterable[pa.Table],
        failures: Iterable[Failure],
        statistics: Callable[[], Mapping[str, Any]] = dict,
        before_manifest: Callable[[Manifest], object] | None = None,
    ) -> Manifest:
        """Write the final tables and then the manifest; both streams come by path index. Removes the shards.

        `trajectories`, in tables of any size, is read to its end before `failures`, and no more than one row group and
        one table are held in memory.
        `statistics` is called when all rows have gone by, `before_manifest` when the tables are written.

        Raises:
            RunError: the rows kept and the failures are not as many as the paths attempted.
        """
        kept, failed = Counter[str](), Counter[str]()
        files = write_tables(_counted(trajectories, "category", kept), TRAJECTORY_SCHEMA, self.path / "trajectories")
        tables = (to_table(Failure, chunk) for chunk in batched(failures, ROWS_PER_GROUP))
        files += write_tables(_counted(tables, "reason", failed), FAILURE_SCHEMA, self.path / "failures")
        if kept.total() + failed.total() != self.config.num:
            raise RunError(
                f"rows were lost in {self.path}",
                f"{kept.total()} kept + {failed.total()} failed",
                f"{self.config.num} paths",
                "please report it",
            )
        manifest = Manifest(
            format=FORMAT,
            kind="synthesize",
            config=section_values(self.config),
            sources=list(self.config.sources),
            pool=read_json(self.path / RUN_FILE).get("pool", ""),
            benchmark_environments=any(source.partition(":")[0] in BENCHMARK_SOURCES for source in self.config.sources),
            counts=Counts(
                attempted=self.config.num,
                kept=kept.total(),
                failed=failed.total(),
                by_category=dict(sorted(kept.items())),
                by_reason=dict(sorted(failed.items())),
            ),
            statistics=dict(statistics()),
            versions=_versions(),
            python=platform.python_version(),
            platform=f"{platform.system()} {platform.machine()}",
            finished=datetime.now(UTC).isoformat(timespec="seconds"),
            seconds=round(time.monotonic() - self._started, 3),
            files=files,
        )
        if before_manifest is not None:
            before_manifest(manifest)
        write_json(self.path / MANIFEST_FILE, manifest.model_dump(mode="json"))
        shutil.rmtree(self.path / "shards")
        return manifest


def shard_files(directory: Path, shard: int) -> tuple[Path, Path]:
    """The files of a shard: trajectories, failures."""
    return directory / "shards" / f"{shard:05d}.parquet", directory / "shards" / f"{shard:05d}.failures.parquet"


def read_shard(directory: Path, shard: int) -> tuple[tuple[Trajectory, ...], tuple[Failure, ...]]:
    """The trajectories and failures of a finished shard, by path index.

    Raises:
        RunError: the shard is missing or damaged.
    """
    trajectories, failures = shard_files(directory, shard)
    return tuple(read_records(Trajectory, trajectories)), tuple(read_records(Failure, failures))


def is_whole(directory: Path, shard: int, paths: int) -> bool:
    """Whether a shard of so many paths is on disk, every path once."""
    trajectories, failures = shard_files(directory, shard)
    return trajectories.exists() and rows_in(trajectories) + rows_in(failures) == paths


def write_shard(directory: Path, shard: int, paths: range, trajectories: Sequence[Trajectory], failures: Sequence[Failure]) -> None:
    """Write a shard so that it is whole or absent: the file of trajectories comes last and says that it is done.

    Raises:
        RunError: the disk refused.
        ValueError: a path of the shard is missing, or one is there twice.
    """
    indices = sorted([row.index for row in trajectories] + [row.index for row in failures])
    if indices != list(paths):
        raise ValueError(f"shard {shard} must hold the paths {paths.start} to {paths.stop - 1} once each, got {indices[:20]}")
    done, failed = shard_files(directory, shard)
    write_table(failed, to_table(Failure, sorted(failures, key=lambda row: row.index)))
    write_table(done, to_table(Trajectory, sorted(trajectories, key=lambda row: row.index)))


def _counted(tables: Iterable[pa.Table], column: str, counts: Counter[str]) -> Iterator[pa.Table]:
    for table in tables:
        counts.update(table.column(column).to_pylist())
        yield table


def read_manifest(directory: Path | str) -> Manifest:
    """The manifest of a finished run.

    Raises:
        RunError: there is no run, it is unfinished, or its manifest cannot be used.
    """
    directory = Path(directory)
    if not directory.is_dir():
        raise RunError(f"{directory} is not a directory", fix="name a run made by magnet synthesize")
    if not (directory / MANIFEST_FILE).exists():
        if (directory / RUN_FILE).exists():
            raise RunError(f"the run in {directory} is not finished", fix="finish it: magnet synthesize --resume with the same options")
        raise RunError(f"{directory} holds no run", expected=MANIFEST_FILE, fix="name a run made by magnet synthesize")
    values = read_json(directory / MANIFEST_FILE)
    _check_format(directory, values)
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RunError(f"{directory / MANIFEST_FILE} is damaged", f"{key}: {first['msg']}", fix="make the run again") from None


def read_trajectories(directory: Path | str, *, checksums: bool = False) -> Iterator[Trajectory]:
    """The trajectories of a finished run, by path index, a row group in memory at a time.

    Raises:
        RunError: at once when the run is unfinished or a file is missing, cut short or (with `checksums`) changed.
    """
    return _read_run(Trajectory, Path(directory), "trajectories", checksums)


def read_failures(directory: Path | str, *, checksums: bool = False) -> Iterator[Failure]:
    """The failures of a finished run, by path index; as `read_trajectories`."""
    return _read_run(Failure, Path(directory), "failures", checksums)


def _read_run(record_type: type[Record], directory: Path, part: str, checksums: bool) -> Iterator[Record]:
    files = [file for file in read_manifest(directory).files if file.path.startswith(f"{part}/")]
    for file in files:
        _check_file(directory / file.path, file, checksums)
    return (record for file in files for record in read_records(record_type, directory / file.path))


def _check_file(path: Path, file: DataFile, compare: bool) -> None:
    again = "restore the file or make the run again"
    if not path.is_file():
        raise RunError(f"{path} is missing", fix=again)
    if path.stat().st_size != file.bytes:
        raise RunError(f"{path} is damaged", f"{path.stat().st_size} bytes", f"{file.bytes} bytes", again)
    if compare and checksum(path) != file.sha256:
        raise RunError(f"{path} has changed since the run was finished", expected=f"SHA-256 {file.sha256[:12]}…", fix=again)


def _versions() -> dict[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _check_format(directory: Path, values: Mapping[str, Any]) -> None:
    if values.get("format") != FORMAT:
        raise RunError(
            f"the run in {directory} was made by another version of this package",
            f"format {values.get('format')}",
            f"format {FORMAT}",
            "use that version, or start anew in another directory",
        )


def _check_place(path: Path, resume: bool) -> None:
    """Refuse a directory that a run cannot start or go on in."""
    try:
        if path.exists() and not path.is_dir():
            raise RunError(f"{path} is a file", expected="a directory", fix="choose another --out")
        names = {entry.name for entry in path.iterdir()} if path.exists() else set()
    except OSError as error:
        raise RunError(f"the run directory {path} cannot be read", error.strerror, fix="choose another --out") from None
    if MANIFEST_FILE in names:
        raise RunError(f"{path} holds a finished run", fix="choose another --out, or remove it first")
    if RUN_FILE in names:
        if not resume:
            raise RunError(f"{path} holds an unfinished run", fix="add --resume to go on with it, or choose another --out")
        return
    ours = {LOCK_FILE, "shards"}
    if others := sorted(name for name in names - ours if not name.endswith(".tmp")):
        raise RunError(
            f"{path} is not empty and holds no run", f"{others[0]} and {len(others) - 1} more entries", fix="choose another --out"
        )


def _check_resumable(path: Path, config: SynthesizeConfig) -> None:
    """Refuse to resume a run of another configuration, format or version."""
    run = read_json(path / RUN_FILE)
    _check_format(path, run)
    try:
        began_with = parse_section(SynthesizeConfig, run.get("config", {}))
    except ConfigError as error:
        raise RunError(f"{path / RUN_FILE} is damaged: {error}", fix="start anew in another --out") from None
    if differences := section_differences(began_with, config):
        then, now = section_values(began_with), section_values(config)
        shown = "; ".join(f"{key} was {_at(then, key)}, is {_at(now, key)}" for key in differences)
        raise RunError(f"the run in {path} began with another configuration: {shown}", fix="use the same options, or another --out")
    ours, theirs = _versions().get("magnet_ray"), run.get("versions", {}).get("magnet_ray")
    if ours != theirs:
        raise RunError(
            f"the run in {path} began with magnet_ray {theirs}", ours, fix="install that version, or start anew in another --out"
        )


def _at(values: Mapping[str, Any], key: str) -> str:
    value: Any = values
    for part in key.split("."):
        value = value[part]
    return json.dumps(value)


def _remove_leftovers(path: Path) -> None:
    """Remove what a killed driver or worker left half-written."""
    for temporary in (*path.glob(".*.tmp"), *path.glob("shards/.*.tmp")):
        temporary.unlink(missing_ok=True)
    for part in ("trajectories", "failures"):
        shutil.rmtree(path / part, ignore_errors=True)
