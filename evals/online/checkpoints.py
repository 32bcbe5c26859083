"""Checkpoints as they arrive: finished training runs below a directory, in the order in which they were finished.

A checkpoint is known by its weights' hash, which its run's manifest vouches for: the same weights under another name are no news.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final

from magnet_ray.atomic_files import read_json
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import MANIFEST_FILE
from magnet_ray.places import Place, matching

TRAININGS: Final = frozenset({"sft", "mdpo"})
"""Kinds of runs that make checkpoints."""
WEIGHTS: Final = (".safetensors",)
"""Endings of the files that hold weights."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A finished training run's model."""

    name: str
    """Name of the run: its directory, below the one that is watched."""
    run: Place
    """Directory of the run."""
    model: Place
    """Directory of the model."""
    weights: str
    """Hexadecimal SHA-256 over the hashes of its weight files, in the order of their names."""
    kind: str
    """`sft` or `mdpo`."""
    steps: int
    """Steps that the run took."""
    finished: str
    """When it was finished (ISO 8601, UTC)."""


def find_checkpoints(directory: Place) -> list[Checkpoint]:
    """The checkpoints below a directory, the first finished first. Runs that are still being made, and other things, are passed over.

    Raises:
        RunError: the directory cannot be read.
    """
    manifests = matching(directory, f"*/{MANIFEST_FILE}")
    # A name that begins with a dot is one under which something is still being put together.
    found = [_checkpoint(file.parent) for file in manifests if not file.parent.name.startswith(".")]
    return sorted((each for each in found if each is not None), key=lambda each: (each.finished, each.name))


def _checkpoint(run: Place) -> Checkpoint | None:
    """The checkpoint of a run; None when it holds none."""
    try:
        manifest = read_json(run / MANIFEST_FILE)
    except RunError:
        # Somebody else's file of that name.
        return None
    hashes = _weight_hashes(manifest)
    if manifest.get("kind") not in TRAININGS or not hashes or not (run / "model").is_dir():
        return None
    return Checkpoint(
        name=run.name,
        run=run,
        model=run / "model",
        weights=sha256("".join(hashes).encode()).hexdigest(),
        kind=str(manifest["kind"]),
        steps=int(manifest.get("steps", 0)),
        finished=str(manifest.get("finished", "")),
    )


def _weight_hashes(manifest: Mapping[str, Any]) -> list[str]:
    files = {str(file["path"]): str(file["sha256"]) for file in manifest.get("files", ())}
    return [files[path] for path in sorted(files) if path.startswith("model/") and path.endswith(WEIGHTS)]
