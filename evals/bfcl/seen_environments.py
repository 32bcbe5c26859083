"""Whether a checkpoint's training saw the benchmark's environments, read from the manifests of the runs that it came from."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from magnet_ray.atomic_files import read_json
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import MANIFEST_FILE
from magnet_ray.places import Place, place

MOST_RUNS: Final = 50
"""Runs that are looked at for one checkpoint: training on training on training."""
ADVICE: Final = {
    True: "training saw BFCL's environments (functions renamed, scenarios of our own), so multi-turn is no unseen domain to the model",
    False: "training did not see BFCL's environments",
    None: "whether training saw BFCL's environments is unknown",
}
"""What a report says."""


def saw_benchmark(checkpoint: Place | str | None) -> bool | None:
    """Whether BFCL's classes were among the sources of anything that a checkpoint was trained on; None where it cannot be told.

    Only runs of ours are looked through: what a base from elsewhere was trained on is not counted, because nobody knows.

    Args:
        checkpoint: the directory of a model, inside a run of `magnet train` or elsewhere; None: none is known.
    """
    run = _training_run(place(checkpoint)) if checkpoint is not None else None
    if run is None:
        return None
    answers = list(_answers(run))
    return True if True in answers else None if None in answers else False


def _answers(run: Place) -> Iterator[bool | None]:
    """What is known of each run that a training run rests on."""
    waiting, seen = [run], set[Place]()
    while waiting and len(seen) < MOST_RUNS:
        path = waiting.pop()
        if path in seen:
            continue
        seen.add(path)
        manifest = _manifest(path)
        if manifest is None:
            yield None
            continue
        config = manifest.get("config", {})
        if "benchmark_environments" in manifest:
            yield bool(manifest["benchmark_environments"])
        else:
            waiting += [place(data) for data in config.get("data", ())]
            base = _training_run(place(str(config.get("model", ""))))
            waiting += [base] if base is not None else []


def _training_run(checkpoint: Place) -> Place | None:
    """The training run that a checkpoint lies in."""
    for directory in (checkpoint, checkpoint.parent):
        if (manifest := _manifest(directory)) is not None and "data" in manifest.get("config", {}):
            return directory
    return None


def _manifest(directory: Place) -> dict[str, Any] | None:
    try:
        return read_json(directory / MANIFEST_FILE)
    except RunError:
        return None
