"""What a run of preference pairs says of itself: a table at the end of the job, and the data card (README.md) in its directory."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from magnet_ray.atomic_files import write_atomically
from magnet_ray.data_card import chart, job_lines, markdown_table, render_messages, usage_line, usage_table
from magnet_ray.finished_runs import Manifest
from magnet_ray.places import Place
from magnet_ray.table_files import read_records
from magnet_ray.types import ErrorType, PreferencePair

MEANINGS = {
    ErrorType.NESTED_MISSING: "a helper call that the request implies was left out",
    ErrorType.SHORT_DEPENDENCY: "an argument does not come from the output of the same turn",
    ErrorType.LONG_DEPENDENCY: "an argument does not come from the output of an earlier turn",
    ErrorType.WRONG_SUMMARY: "the closing message says what no output holds, or leaves out what was asked for",
    ErrorType.MISS_NOT_RECOGNISED: "something was missing or asked for, and the assistant did not see it",
}
"""Kind of mistake -> what it is, for readers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairSummary:
    """What a finished job made."""

    path: Place
    """Directory of the run."""
    manifest: Manifest
    """Its manifest."""
    seconds: float
    """Wall-clock seconds of the job."""

    def __rich__(self) -> RenderableType:
        counts, figures = self.manifest.counts, self.manifest.statistics
        table = Table()
        for name in ("error type", *figures["pairs_by_group_and_error"], "pairs"):
            table.add_column(name, justify="left" if name == "error type" else "right")
        for row in _cross(figures):
            table.add_row(*row)
        lines: list[RenderableType] = [f"{counts.kept} pairs from {counts.attempted} rows; {counts.failed} rows gave none", table]
        if figures["pairs_left_out"]:
            lines.append(f"{figures['pairs_left_out']} more were made and left out to keep the proportions (balance=false keeps them)")
        lines.append("rejected sides: " + (", ".join(f"{count} {name}" for name, count in figures["pairs_by_source"].items()) or "none"))
        if used := usage_line(self.manifest):
            lines.append(used)
        lines.append(f"{counts.attempted / self.seconds:.0f} rows/s, {self.seconds:.1f} s in all, start included")
        return Group(*lines, str(self.path))


def _cross(figures: dict[str, Any]) -> list[tuple[str, ...]]:
    """Error types by groups of categories, as text."""
    groups = figures["pairs_by_group_and_error"]
    return [
        (error.value, *(str(groups[group].get(error.value, 0)) for group in groups), str(figures["pairs_by_error"].get(error.value, 0)))
        for error in ErrorType
    ]


def write_pair_card(summary: PairSummary) -> None:
    """Write the data card of a run of pairs."""
    text = "\n".join(_sections(summary))
    write_atomically(summary.path / "README.md", lambda path: path.write_text(text, encoding="utf-8"))


def _sections(summary: PairSummary) -> Iterable[str]:
    manifest = summary.manifest
    counts, figures = manifest.counts, manifest.statistics
    yield f"# {counts.kept} preference pairs for multi-turn tool use\n"
    yield (
        f"Made by `magnet distill` from {counts.attempted} conversations over {', '.join(f'`{source}`' for source in manifest.sources)}. "
        "The chosen side of every pair passes the environment's check, the rejected side fails it in the turn where the two part.\n"
    )
    yield from job_lines(manifest)
    if manifest.benchmark_environments:
        yield "**Functions of a benchmark's environments were used: a model trained on this must say so beside its score.**\n"
    yield "## Counts\n"
    yield markdown_table(("error type", *figures["pairs_by_group_and_error"], "pairs"), _cross(figures))
    yield f"{figures['pairs_made']} pairs were made, {figures['pairs_left_out']} left out for the proportions. Rejected sides:\n"
    yield chart(figures["pairs_by_source"])
    if counts.failed:
        yield f"{counts.failed} conversations gave no pair:\n"
        yield markdown_table(
            ("reason", "conversations"),
            [(name, count) for count, name in sorted(((count, name) for name, count in counts.by_reason.items()), reverse=True)],
        )
    if manifest.usage:
        yield "## Models\n"
        yield usage_table(manifest)
    yield "## One pair of each error type\n"
    for pair in _examples(summary):
        yield f"### {pair.error_type.value}, `{pair.id}` ({pair.source}): {MEANINGS[pair.error_type]}\n"
        yield "The last message that both sides share:\n"
        yield render_messages(json.loads(pair.prompt)[-1:])
        yield "Chosen:\n"
        yield render_messages(json.loads(pair.chosen))
        yield "Rejected:\n"
        yield render_messages(json.loads(pair.rejected))
    yield "## Columns\n"
    yield (
        "`prompt` (messages that both sides share), `chosen` and `rejected` (what follows) hold OpenAI chat messages as JSON text; "
        "`tools_chosen` and `tools_rejected` the tools offered on each side. `divergence_turn` is the user turn in which the sides part, "
        "`extent` how far the rejected side goes, `source` who made it: `student`, `hinted` (a teacher misled by the student's mistake) "
        "or `rule`.\n"
    )


def _examples(summary: PairSummary) -> Iterable[PreferencePair]:
    """The first pair of each error type in the first table file."""
    found: dict[ErrorType, PreferencePair] = {}
    files = [file.path for file in summary.manifest.files if file.path.startswith("pairs/")]
    for pair in read_records(PreferencePair, summary.path / files[0]):
        found.setdefault(pair.error_type, pair)
        if len(found) == len(ErrorType):
            break
    return [found[error] for error in ErrorType if error in found]
