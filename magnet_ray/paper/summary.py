"""What came of a pipeline: each step's figures, the scores of the models side by side, and where to look."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from evals.bfcl import comparison as bfcl_comparison
from evals.comparison import compare
from evals.score_tables import ScoreTable
from magnet_ray.atomic_files import read_json, write_atomically
from magnet_ray.paper.chain import Step
from magnet_ray.places import Place, make_directory

CARD_FILE = "README.md"
MEASURED = ("before", "after")
"""Names under which a training run's manifest holds the answers of the models that it began and ended with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineSummary:
    """A finished pipeline; rich can print it."""

    outcomes: tuple[tuple[str, str, Place], ...]
    """Step, what came of it, where it lies."""
    scores: tuple[ScoreTable, ...]
    """The scores of each evaluation, a column for each model."""

    def __rich__(self) -> RenderableType:
        table = Table("step", "what came of it", "where to look", box=None, pad_edge=False)
        for name, outcome, place in self.outcomes:
            table.add_row(name, outcome, str(place))
        return Group("", table, *self.scores)

    def markdown(self) -> str:
        """The summary as a Markdown page."""
        rows = [f"| {name} | {outcome} | `{place}` |" for name, outcome, place in self.outcomes]
        tables = [text for table in self.scores for text in (f"\n## {table.title}, per cent with 95 % intervals\n", table.markdown())]
        return "\n".join(
            ["# What came of the pipeline\n", "| step | what came of it | where to look |", "| --- | --- | --- |", *rows, *tables]
        )


def summarize(steps: Sequence[Step], out: Place) -> PipelineSummary:
    """The summary of finished steps; the page is written to `out`, and the scores side by side to `out/evaluate`."""
    trained = [step for step in steps if not step.name.startswith("evaluate/")]
    summary = PipelineSummary(
        outcomes=tuple((step.name, outcome_of(step), step.directory) for step in trained), scores=tuple(_scores(steps, out / "evaluate"))
    )
    make_directory(out)
    write_atomically(out / CARD_FILE, lambda temporary: temporary.write_text(summary.markdown(), encoding="utf-8"))
    return summary


def outcome_of(step: Step) -> str:
    """What came of a finished step, in few words."""
    found = read_json(step.directory / step.last_file)
    match step.name:
        case "pool":
            return f"{found['functions']:,} functions, {found['failures']:,} left out"
        case "graph":
            return f"{found['edges']:,} edges between {found['functions']:,} functions"
        case "synthesize":
            return f"{found['counts']['kept']:,} conversations of {found['counts']['attempted']:,}"
        case "distill":
            return f"{found['counts']['kept']:,} pairs from {found['counts']['attempted']:,} conversations"
    unit = "pairs" if step.name == "mdpo" else "examples"
    return f"{found['steps']:,} steps on {found['counts']['examples']:,} {unit}{_before_after(found['measured'])}"


def _before_after(measured: Mapping[str, Any]) -> str:
    """Next-turn accuracy at the turns that training held out."""
    rates = [measured.get(name, {}).get("rates", {}).get("all", {}).get("right") for name in MEASURED]
    return f", held-out turns right {100 * rates[0]['share']:.1f} -> {100 * rates[1]['share']:.1f} %" if all(rates) else ""


def _scores(steps: Sequence[Step], out: Place) -> Iterator[ScoreTable]:
    runs: dict[str, list[Place]] = {}
    for step in steps:
        if step.name.startswith("evaluate/"):
            runs.setdefault(step.name.rpartition("-")[2], []).append(step.directory)
    for evaluation, directories in runs.items():
        if evaluation == "bfcl":
            compared = bfcl_comparison.compare(directories)
            compared.write(out / evaluation)
            yield compared.table
        else:
            yield compare(f"eval {evaluation}", directories, out / evaluation)
