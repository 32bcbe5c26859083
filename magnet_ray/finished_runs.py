"""Finished runs: the manifest, and the tables that it vouches for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from magnet_ray.atomic_files import checksum, read_json
from magnet_ray.errors import RunError
from magnet_ray.places import Place, entries, place, reason, storage_errors
from magnet_ray.table_files import DataFile, Record, read_records
from magnet_ray.types import Failure, PreferencePair, Trajectory

FORMAT = 1
"""Version of the layout; another version is neither read nor resumed."""

RUN_FILE, MANIFEST_FILE = "run.json", "manifest.json"


class Counts(BaseModel):
    """What became of the paths, or of the rows that pairs were made from."""

    model_config = ConfigDict(frozen=True)

    attempted: int = Field(description="Paths, or rows of the run that was distilled.")
    kept: int = Field(description="Trajectories, or pairs, written.")
    failed: int = Field(description="Failures written. A path gives a trajectory or a failure, a row one pair or several, or a failure.")
    by_category: dict[str, int] = Field(description="Trajectories, or pairs, of each category.")
    by_reason: dict[str, int] = Field(description="Failures of each reason.")


class Manifest(BaseModel):
    """`manifest.json`: what a finished run is and how it was made."""

    model_config = ConfigDict(frozen=True)

    format: int = Field(description="Version of the layout.")
    kind: str = Field(description="Job that made it: `synthesize` or `distill`.")
    config: dict[str, Any] = Field(description="Whole configuration, as `parse_section` reads it; holds the seed.")
    sources: list[str] = Field(description="Sources of functions.")
    pool: str = Field(description="Fingerprint of the function pool; empty when the job gave none.")
    benchmark_environments: bool = Field(description="Whether functions of a benchmark were among the sources.")
    counts: Counts = Field(description="What became of the paths.")
    statistics: dict[str, Any] = Field(description="Further figures that the job reports.")
    usage: dict[str, Any] = Field(default={}, description="Requests and tokens of each role that a model played.")
    prompts: dict[str, str] = Field(default={}, description="Prompt file -> content hash, where a model was asked.")
    job: dict[str, str] = Field(default={}, description="Ray job that made it: `submission_id`, `job_id`, `dashboard`, and `run`.")
    versions: dict[str, str] = Field(description="Versions of the packages that can change rows.")
    python: str = Field(description="Version of Python.")
    platform: str = Field(description="Operating system and processor.")
    finished: str = Field(description="When it was finished (ISO 8601, UTC).")
    seconds: float = Field(description="Seconds taken by the process that finished it.")
    files: list[DataFile] = Field(description="Table files with their checksums.")


def read_manifest(directory: Place | str) -> Manifest:
    """The manifest of a finished run.

    Raises:
        RunError: there is no run, it is unfinished, or its manifest cannot be used.
    """
    directory = place(directory)
    names = entries(directory)
    if MANIFEST_FILE not in names:
        if RUN_FILE in names:
            raise RunError(f"the run in {directory} is not finished", fix="finish it: the same command with --resume")
        if not names and not directory.is_dir():
            raise RunError(f"{directory} is not a directory", fix="name a run made by magnet synthesize")
        raise RunError(f"{directory} holds no run", expected=MANIFEST_FILE, fix="name a run made by magnet synthesize")
    values = read_json(directory / MANIFEST_FILE)
    check_format(directory, values)
    try:
        return Manifest.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        raise RunError(f"{directory / MANIFEST_FILE} is damaged", f"{key}: {first['msg']}", fix="make the run again") from None


def read_trajectories(directory: Place | str, *, checksums: bool = False, start: int = 0, stop: int | None = None) -> Iterator[Trajectory]:
    """The trajectories of a finished run, by path index, a row group in memory at a time.

    Args:
        directory: a run of `magnet synthesize`.
        checksums: compare the files with the manifest first.
        start: position of the first row to read.
        stop: position after the last row to read; None: all.

    Raises:
        RunError: at once when the run is unfinished or a file is missing, cut short or (with `checksums`) changed.
    """
    files = _files(place(directory), "trajectories", checksums)
    return _slice(Trajectory, place(directory), files, start, stop)


def read_outlines(record_type: type[Record], directory: Place | str) -> Iterator[Record]:
    """The trajectories of a finished run as records of fewer fields: only their columns are read. As `read_trajectories`."""
    return _slice(record_type, place(directory), _files(place(directory), "trajectories", False), 0, None)


def read_pairs(directory: Place | str, *, checksums: bool = False, start: int = 0, stop: int | None = None) -> Iterator[PreferencePair]:
    """The preference pairs of a finished run of `magnet distill`; as `read_trajectories`."""
    return _slice(PreferencePair, place(directory), _files(place(directory), "pairs", checksums), start, stop)


def read_failures(directory: Place | str, *, checksums: bool = False) -> Iterator[Failure]:
    """The failures of a finished run, by path index; as `read_trajectories`."""
    return _slice(Failure, place(directory), _files(place(directory), "failures", checksums), 0, None)


def _files(directory: Place, part: str, checksums: bool) -> list[DataFile]:
    manifest = read_manifest(directory)
    files = [file for file in manifest.files if file.path.startswith(f"{part}/")]
    if not files:
        made = {"trajectories": "magnet synthesize", "pairs": "magnet distill"}[part]
        raise RunError(f"{directory} holds no {part}", f"a run of magnet {manifest.kind}", fix=f"name a run made by {made}")
    for file in files:
        _check_file(directory / file.path, file, checksums)
    return files


def _slice(record_type: type[Record], directory: Place, files: Sequence[DataFile], start: int, stop: int | None) -> Iterator[Record]:
    """The records at positions `start` to `stop` of the files taken together."""
    before = 0
    for file in files:
        first, last = max(0, start - before), min(file.rows, file.rows if stop is None else stop - before)
        if first < last:
            yield from read_records(record_type, directory / file.path, first, last)
        before += file.rows


def _check_file(path: Place, file: DataFile, compare: bool) -> None:
    again = "restore the file or make the run again"
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise RunError(f"{path} is missing", fix=again) from None
    except storage_errors() as error:
        raise RunError(f"{path} cannot be read", reason(error), fix=again) from None
    if size != file.bytes:
        raise RunError(f"{path} is damaged", f"{size} bytes", f"{file.bytes} bytes", again)
    if compare and checksum(path) != file.sha256:
        raise RunError(f"{path} has changed since the run was finished", expected=f"SHA-256 {file.sha256[:12]}…", fix=again)


def check_format(directory: Place, values: Mapping[str, Any]) -> None:
    """Refuse a run of another layout.

    Raises:
        RunError: it was made by another version.
    """
    if values.get("format") != FORMAT:
        raise RunError(
            f"the run in {directory} was made by another version of this package",
            f"format {values.get('format')}",
            f"format {FORMAT}",
            "use that version, or start anew in another directory",
        )
