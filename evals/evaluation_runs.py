"""The run directory of an evaluation: a task's transcript is kept before the task counts, and a finished task is not put again.

`run.json` opens it; while it runs, `transcripts/` holds one file of JSON lines for each worker, a line for each finished task, and
`responses/` every answer, so that a killed run asks nothing twice, not even in the middle of a conversation. At the end both become
`transcripts.jsonl`, in the order of the tasks, beside the report; `manifest.json` comes last. On an object store a kill may cost the
answers and transcripts of the last ten seconds: see `line_files`.
"""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Annotated, Any, Final, Literal, Self

import orjson
from pydantic import Field

from evals.endpoint import EndpointConfig
from magnet_ray.atomic_files import checksum, read_json, write_atomically, write_json
from magnet_ray.config import ClusterConfig
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import FORMAT, MANIFEST_FILE, RUN_FILE, check_format
from magnet_ray.line_files import ENDING, LineFile
from magnet_ray.locks import Lock
from magnet_ray.places import Place, make_directory, matching, place, reason, remove_tree, storage_errors
from magnet_ray.run_directories import claim_directory, package_versions
from magnet_ray.sections import ROWS_UNCHANGED, section_values
from magnet_ray.types import FailureReason, JsonValue

TRANSCRIPTS_FILE: Final = "transcripts.jsonl"
"""All transcripts of a finished run."""
SEGMENTS, RESPONSES = "transcripts", "responses"
"""Directories of an unfinished run: transcripts by worker, and answers."""


class ConversationsConfig(ClusterConfig):
    """Where the conversations are held. Nothing here changes a score."""

    workers: Annotated[int, Field(ge=1, le=4_096)] | None = Field(
        default=None, description="Workers that hold conversations; null: one for each CPU.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    conversations: int = Field(
        default=128,
        ge=1,
        le=100_000,
        description="Conversations that one worker keeps in flight; model.concurrency bounds its requests.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )


class EvaluationConfig(EndpointConfig):
    """What the configurations of all evaluations share."""

    agent: Literal["endpoint", "reference", "silent"] = Field(
        default="endpoint",
        description="Who is evaluated. `reference` knows the answers and `silent` says nothing: they check the evaluation itself.",
    )
    limit: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Most tasks of each category; null: all.")
    seed: int = Field(default=1, ge=0, lt=2**63, description="Seed of the choice of tasks under `limit`.")
    ray: ConversationsConfig = Field(default=ConversationsConfig(), description="Where it runs.")
    failure_budget: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.02,
        description="Share of tasks that may stay unscored (endpoint away, environment broken) before the job fails.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """What became of one task: raw, one JSON line of a run."""

    task: str
    """Id of the task."""
    result: Mapping[str, JsonValue] | None = None
    """What the evaluation keeps of it; None when it is unscored."""
    failure: str = ""
    """Why it is unscored, a `FailureReason`; empty when it is not."""
    detail: str = ""
    """The failure in one line."""
    requests: int = 0
    """Requests that it took."""
    prompt_tokens: int = 0
    """Tokens that the model read for it."""
    completion_tokens: int = 0
    """Tokens that the model wrote for it."""
    seconds: float = 0.0
    """Time that it waited for the model."""
    problems: tuple[str, ...] = ()
    """Replies that could not be used, each in one line; they count as what the model said."""

    def as_line(self) -> bytes:
        """The JSON line."""
        return orjson.dumps(self, option=orjson.OPT_APPEND_NEWLINE)


def read_line(line: bytes) -> Transcript | None:
    """The transcript in a line; None when it was torn by a kill."""
    try:
        values = orjson.loads(line)
        return Transcript(**{**values, "problems": tuple(values["problems"])})
    except (ValueError, TypeError, KeyError):
        return None


class TranscriptFile:
    """The transcripts of one worker."""

    def __init__(self, run: Place) -> None:
        self._directory = run / SEGMENTS
        self._lines = LineFile(self._directory)

    def add(self, transcript: Transcript) -> None:
        """Write a transcript down.

        Raises:
            RunError: the disk or the store refused.
        """
        try:
            make_directory(self._directory)
            self._lines.add(transcript.as_line())
        except storage_errors() as error:
            raise self._unwritable(error) from None

    def close(self) -> None:
        """Close the file; calling it twice is fine.

        Raises:
            RunError: the last transcripts cannot be written.
        """
        try:
            self._lines.close()
        except storage_errors() as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: Exception) -> RunError:
        return RunError(f"transcripts cannot be written to {self._directory}", reason(error), fix="free some space")


class EvaluationRun:
    """A run being made. Use it as a context manager: leaving it releases the lock and keeps what was written."""

    def __init__(self, path: Place, kind: str, config: EvaluationConfig, lock: Lock) -> None:
        self.path, self.kind, self.config = path, kind, config
        self._lock = lock

    @classmethod
    def open(cls, path: Place | str, kind: str, config: EvaluationConfig, *, resume: bool) -> Self:
        """Start a run in an empty or new directory, or go on with an unfinished one when `resume` is set.

        Raises:
            RunError: see `claim_directory`.
        """
        path = place(path)
        return cls(path, kind, config, claim_directory(path, kind, config, resume=resume))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None and not any((self.path / name).exists() for name in (SEGMENTS, RESPONSES)):
            # Nothing was asked: a corrected command can use the directory.
            (self.path / RUN_FILE).unlink(missing_ok=True)
        self._lock.release()

    def transcripts(self) -> dict[str, Transcript]:
        """Task -> what became of it so far: its result if it has one, else its latest failure."""
        found: dict[str, Transcript] = {}
        for segment in sorted(matching(self.path / SEGMENTS, f"*{ENDING}"), key=lambda file: (file.stat().st_mtime_ns, file.name)):
            for line in segment.read_bytes().split(b"\n"):
                transcript = read_line(line) if line else None
                if transcript is not None and (transcript.result is not None or _is_open(found.get(transcript.task))):
                    found[transcript.task] = transcript
        return found

    def missing(self, tasks: Sequence[str]) -> list[str]:
        """The tasks still to be put: those without a transcript, and those for which the endpoint was away."""
        known = self.transcripts()
        return [task for task in tasks if task not in known or known[task].failure == FailureReason.MODEL_UNAVAILABLE.value]

    def finish(
        self, transcripts: Sequence[Transcript], files: Mapping[str, str], figures: Mapping[str, Any], seconds: float
    ) -> dict[str, Any]:
        """Write transcripts, report and manifest, and remove what only an unfinished run needs.

        Args:
            transcripts: of all tasks, in their order.
            files: name -> text of the files of the report.
            figures: what the manifest holds beside the counts.
            seconds: wall time of this process.

        Returns:
            The manifest.

        Raises:
            RunError: the disk or the store refused, or another process took over the directory.
        """
        self._lock.check()
        _write(self.path / TRANSCRIPTS_FILE, b"".join(transcript.as_line() for transcript in transcripts))
        for name, text in files.items():
            _write(self.path / name, text.encode())
        manifest = {
            "format": FORMAT,
            "kind": self.kind,
            "model": self.config.model.name,
            "config": section_values(self.config),
            "counts": _counts(transcripts),
            **figures,
            "versions": package_versions(),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "files": [
                {"path": name, "bytes": (self.path / name).stat().st_size, "sha256": checksum(self.path / name)}
                for name in (TRANSCRIPTS_FILE, *files)
            ],
        }
        write_json(self.path / MANIFEST_FILE, manifest)
        for name in (SEGMENTS, RESPONSES):
            remove_tree(self.path / name)
        return manifest


def read_evaluation(directory: Place | str, kind: str) -> dict[str, Any]:
    """The manifest of a finished evaluation of a kind.

    Raises:
        RunError: there is none, it is unfinished, or it is a run of another kind.
    """
    directory = place(directory)
    if not (directory / MANIFEST_FILE).exists():
        state = "is not finished" if (directory / RUN_FILE).exists() else "does not exist"
        raise RunError(f"the evaluation in {directory} {state}", expected=MANIFEST_FILE, fix=f"make it with magnet {kind}")
    manifest = read_json(directory / MANIFEST_FILE)
    check_format(directory, manifest)
    if manifest.get("kind") != kind:
        raise RunError(f"{directory} holds a run of magnet {manifest.get('kind')}", expected=f"one of magnet {kind}")
    return manifest


def read_transcripts(directory: Place | str) -> Iterator[Transcript]:
    """The transcripts of a finished evaluation, in the order of its tasks.

    Raises:
        RunError: the file cannot be read, or is damaged.
    """
    file = place(directory) / TRANSCRIPTS_FILE
    try:
        lines = file.read_bytes().splitlines()
    except storage_errors() as error:
        raise RunError(f"{file} cannot be read", reason(error), fix="make the evaluation again") from None
    for number, line in enumerate(lines, 1):
        transcript = read_line(line)
        if transcript is None:
            raise RunError(f"{file}, line {number} is damaged", fix="make the evaluation again")
        yield transcript


def _counts(transcripts: Sequence[Transcript]) -> dict[str, Any]:
    unscored = Counter(transcript.failure for transcript in transcripts if transcript.result is None)
    return {
        "tasks": len(transcripts),
        "unscored": unscored.total(),
        "by_reason": dict(sorted(unscored.items())),
        "bad_replies": sum(len(transcript.problems) for transcript in transcripts),
        **{name: sum(getattr(each, name) for each in transcripts) for name in ("requests", "prompt_tokens", "completion_tokens")},
        "model_seconds": round(sum(transcript.seconds for transcript in transcripts), 3),
    }


def _is_open(known: Transcript | None) -> bool:
    return known is None or known.result is None


def _write(file: Place, content: bytes) -> None:
    write_atomically(file, lambda temporary: temporary.write_bytes(content))
