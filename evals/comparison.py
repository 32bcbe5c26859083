"""Several finished evaluations of one kind side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from evals.evaluation_runs import read_evaluation
from evals.score_tables import ScoreTable, side_by_side
from magnet_ray.atomic_files import read_json, write_atomically
from magnet_ray.errors import RunError
from magnet_ray.places import Place, make_directory, place
from magnet_ray.types import compact

SCORES_FILE: Final = "scores.json"
"""The table of one evaluation."""
TASK_KEYS: Final = ("limit", "seed", "run", "trained", "categories", "domains")
"""Settings that say which tasks were put; scores on other tasks are not comparable."""


def compare(kind: str, runs: Sequence[Place | str], out: Place | str | None = None) -> ScoreTable:
    """The scores of evaluations of a kind in one table.

    Args:
        kind: command that made them, such as `eval toolquery`.
        runs: their directories.
        out: where to write `comparison.md`, `comparison.json` and `comparison.svg`; None: nowhere.

    Raises:
        RunError: one is no finished evaluation of the kind, or was made on other tasks than the first.
    """
    manifests = [read_evaluation(run, kind) for run in runs]
    asked = [compact({key: manifest["config"].get(key) for key in TASK_KEYS}) for manifest in manifests]
    for run, manifest, tasks in zip(runs, manifests, asked, strict=True):
        if tasks != asked[0] or manifest["counts"]["tasks"] != manifests[0]["counts"]["tasks"]:
            raise RunError(f"{run} and {runs[0]} put other tasks", tasks, asked[0], "evaluate both with the same options")
    table = side_by_side([ScoreTable.from_json(read_json(place(run) / SCORES_FILE)) for run in runs])
    if out is not None:
        folder = place(out)
        make_directory(folder)
        text = f"# {table.title}\n\n![scores](comparison.svg)\n\n{table.markdown()}"
        for name, content in (("md", text), ("json", compact(table.as_json()) + "\n"), ("svg", table.chart())):
            _write(folder / f"comparison.{name}", content)
    return table


def _write(file: Place, text: str) -> None:
    write_atomically(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))
