"""Training runs as they are finished, as far as the online evaluation looks at them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from magnet_ray.atomic_files import checksum, write_json
from magnet_ray.finished_runs import FORMAT


def finish_run(directory: Path, weights: bytes = b"", *, at: int = 0, kind: str = "sft", data: Path | None = None) -> Path:
    """A finished training run; its model is what lies in `model/` already, or one weight file."""
    model = directory / "model"
    model.mkdir(parents=True, exist_ok=True)
    if weights:
        (model / "model.safetensors").write_bytes(weights)
    manifest = {
        "format": FORMAT,
        "kind": kind,
        "steps": 7,
        "finished": datetime.fromtimestamp(1_700_000_000 + at, UTC).isoformat(timespec="seconds"),
        "config": {"model": "base", "data": [str(data)]},
        "files": [{"path": f"model/{file.name}", "sha256": checksum(file)} for file in sorted(model.iterdir())],
    }
    write_json(directory / "manifest.json", manifest)
    return directory
