"""Finished runs of BFCL-v3 side by side: figures, the paper's table, failures by reason, and what keeps them from being comparable."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Group
from rich.text import Text

from evals.bfcl.categories import FORMULA, PAPER_NOTE
from evals.bfcl.job import KIND
from evals.bfcl.paper_table import paper_table
from evals.bfcl.seen_environments import ADVICE
from evals.evaluation_runs import read_evaluation
from evals.score_tables import ScoreTable, side_by_side, table_text
from magnet_ray.atomic_files import read_json, write_atomically
from magnet_ray.errors import RunError
from magnet_ray.places import Place, make_directory, place

SAME: Final = ("version", "mode", "categories", "limit", "seed")
"""Settings in which runs must agree to be comparable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """Runs side by side; rich can print it."""

    table: ScoreTable
    """Their figures."""
    manifests: tuple[dict[str, Any], ...]
    """Their manifests."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader must know."""
        lines = [
            f"{name}: {ADVICE[each['trained_on_bfcl_environments']]}" for name, each in zip(self.table.models, self.manifests, strict=True)
        ]
        for key in SAME:
            values = [each["config"].get(key) for each in self.manifests]
            if any(value != values[0] for value in values):
                lines.append(f"the runs differ in {key}: {', '.join(json.dumps(value) for value in values)}")
        return (*lines, FORMULA)

    def reasons(self) -> list[tuple[str, ...]]:
        """Type of error -> entries of each model, the most frequent first."""
        counts = [{reason: sum(of.values()) for reason, of in each["wrong_by_reason"].items()} for each in self.manifests]
        names = sorted(
            {reason for each in counts for reason in each}, key=lambda reason: (-sum(each.get(reason, 0) for each in counts), reason)
        )
        return [(reason, *(str(each.get(reason, 0)) for each in counts)) for reason in names]

    def markdown(self) -> str:
        """The comparison as a Markdown page."""
        models = self.table.models
        reasons = [("reason", *models), ("---", *("---:" for _ in models)), *self.reasons()]
        return "\n".join(
            [
                f"# {self.table.title}, side by side\n",
                *(f"- {note}" for note in self.notes),
                "\n## As in the paper\n",
                paper_table(self.table),
                f"{PAPER_NOTE}\n\n## All figures\n\n![scores](scores.svg)\n",
                self.table.markdown(),
                "## What went wrong\n",
                *(f"| {' | '.join(row)} |" for row in reasons),
                "",
            ]
        )

    def write(self, directory: Place | str) -> None:
        """Write the page, the figures and the chart.

        Raises:
            RunError: the disk refused.
        """
        try:
            folder = place(directory)
            make_directory(folder)
        except OSError as error:
            raise RunError(f"{directory} cannot be created", error.strerror, fix="choose another --out") from None
        files = {
            "README.md": self.markdown(),
            "scores.json": table_text(self.table, {"notes": list(self.notes)}),
            "scores.svg": self.table.chart(),
        }
        for name, text in files.items():
            _write(folder / name, text)

    def __rich__(self) -> Group:
        return Group(self.table, Text("\n".join(self.notes)))


def compare(runs: Sequence[Place | str]) -> Comparison:
    """Finished runs side by side, in the order given.

    Raises:
        RunError: one of them is missing, unfinished or another kind of run.
    """
    manifests = tuple(read_evaluation(run, KIND) for run in runs)
    tables = [ScoreTable.from_json(read_json(place(run) / "scores.json")) for run in runs]
    return Comparison(table=side_by_side(tables), manifests=manifests)


def _write(file: Place, text: str) -> None:
    write_atomically(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))
