"""The directory of a training run.

`run.json` opens it; `checkpoints/` holds what a killed run goes on from and is removed at the end; `model/` (and `adapter/`) is the
result in Hugging Face's layout; `curve.jsonl` the figures of every step; `tensorboard/` the same for TensorBoard; `failures/` the rows
that could not be trained on; `held_out/` the answers before and after; `README.md` what came of it. `manifest.json` comes last.
"""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self
from uuid import uuid4

from magnet_ray.atomic_files import checksum, read_json, write_atomically, write_json, write_table
from magnet_ray.finished_runs import FORMAT, MANIFEST_FILE, RUN_FILE
from magnet_ray.locks import Lock
from magnet_ray.places import Place, make_directory, matching, place, remove_tree
from magnet_ray.rows import to_table
from magnet_ray.run_directories import claim_directory, package_versions
from magnet_ray.sections import section_values
from magnet_ray.training.settings import TrainConfig
from magnet_ray.types import Failure

MODEL, ADAPTER, CHECKPOINTS, TENSORBOARD, HELD_OUT, CURVE_FILE = "model", "adapter", "checkpoints", "tensorboard", "held_out", "curve.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trained:
    """What a run trained on and how long it took."""

    rows: int
    """Rows of the data."""
    examples: int
    """Examples, or pairs, that were trained on."""
    tokens: int
    """Tokens of them that go through the model in one epoch."""
    trained_tokens: int
    """Tokens among them that the model must produce."""
    shared_tokens: int
    """Tokens that both sides of a pair begin with: computed once, not twice. 0 for SFT."""
    shortened: int
    """Examples that lost turns at their beginning, so that they fit."""
    split: Mapping[str, Any]
    """What was held out, see `Split.as_json`."""
    failures: Sequence[Failure]
    """Rows that could not be rendered."""


class TrainingRun:
    """A run being trained. Use it as a context manager: leaving it releases the lock and keeps what was written."""

    def __init__(self, path: Place, method: str, config: TrainConfig, lock: Lock) -> None:
        self.path, self.method, self.config = path, method, config
        self._lock = lock

    @classmethod
    def open(cls, path: Place | str, method: str, config: TrainConfig, *, resume: bool) -> TrainingRun:
        """Start a run in an empty or new directory, or go on with an unfinished one when `resume` is set.

        Raises:
            RunError: see `claim_directory`.
        """
        path = place(path)
        run = cls(path, method, config, claim_directory(path, method, config, resume=resume))
        for temporary in matching(path, ".*.tmp"):
            remove_tree(temporary)
            temporary.unlink(missing_ok=True)
        return run

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None and not self._holds_work():
            # Nothing was made: a corrected command can use the directory.
            (self.path / RUN_FILE).unlink(missing_ok=True)
            for made in (CHECKPOINTS, TENSORBOARD):
                remove_tree(self.path / made)
        self._lock.release()

    def _holds_work(self) -> bool:
        return bool(matching(self.path, f"{CHECKPOINTS}/*/checkpoint_*")) or any(
            (self.path / name).exists() for name in (MODEL, ADAPTER, CURVE_FILE)
        )

    @property
    def name(self) -> str:
        """Name of the run in the storage of its checkpoints; the same after a resumption."""
        values = read_json(self.path / RUN_FILE)
        if "name" not in values:
            write_json(self.path / RUN_FILE, {**values, "name": f"{self.path.name}-{uuid4().hex[:8]}"})
        name: str = read_json(self.path / RUN_FILE)["name"]
        return name

    @property
    def is_trained(self) -> bool:
        """Whether the last step was taken and the result fetched."""
        return (self.path / CURVE_FILE).exists()

    @property
    def result(self) -> Place:
        """Where the trained weights lie: the adapter's, or the whole model's."""
        return self.path / (ADAPTER if self.config.lora.enabled else MODEL)

    def write_curve(self, curve: Sequence[Mapping[str, Any]]) -> None:
        """Write the figures of all steps, one a line; says that training is done."""
        text = "".join(json.dumps(figures) + "\n" for figures in curve)
        write_atomically(self.path / CURVE_FILE, lambda temporary: temporary.write_text(text, encoding="utf-8"))

    def curve(self) -> list[dict[str, Any]]:
        """The figures of all steps."""
        return [json.loads(line) for line in (self.path / CURVE_FILE).read_text(encoding="utf-8").splitlines()]

    def finish(self, trained: Trained, measured: Mapping[str, Any], card: str, seconds: float) -> dict[str, Any]:
        """Write failures, card and manifest, and remove the checkpoints.

        Raises:
            RunError: the disk or the store refused, or another process took over the directory.
        """
        self._lock.check()
        if trained.failures:
            make_directory(self.path / "failures")
            write_table(self.path / "failures" / "00000.parquet", to_table(Failure, trained.failures))
        write_atomically(self.path / "README.md", lambda temporary: temporary.write_text(card, encoding="utf-8"))
        manifest = {
            "format": FORMAT,
            "kind": self.method,
            "config": section_values(self.config),
            "counts": _counts(trained),
            "held_out": dict(trained.split),
            "steps": len(self.curve()),
            "last": self.curve()[-1],
            "measured": dict(measured),
            "versions": package_versions(),
            "python": platform.python_version(),
            "platform": f"{platform.system()} {platform.machine()}",
            "finished": datetime.now(UTC).isoformat(timespec="seconds"),
            "seconds": round(seconds, 3),
            "files": [
                {"path": f"{part}/{file.name}", "bytes": file.stat().st_size, "sha256": checksum(file)}
                for part in (MODEL, ADAPTER)
                for file in matching(self.path / part, "*")
            ],
        }
        write_json(self.path / MANIFEST_FILE, manifest)
        remove_tree(self.path / CHECKPOINTS)
        return manifest


def _counts(trained: Trained) -> dict[str, Any]:
    return {
        "rows": trained.rows,
        "examples": trained.examples,
        "failed": len(trained.failures),
        "by_reason": dict(sorted(Counter(failure.reason.value for failure in trained.failures).items())),
        "tokens": trained.tokens,
        "trained_tokens": trained.trained_tokens,
        "shared_tokens": trained.shared_tokens,
        "shortened": trained.shortened,
    }
