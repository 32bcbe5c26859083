"""The leaderboard: one row for each checkpoint, as Parquet, as a Markdown table and as a chart; whole or absent at every moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from evals.score_tables import ScoreTable, side_by_side
from magnet_ray.atomic_files import write_atomically, write_table
from magnet_ray.errors import RunError
from magnet_ray.places import Place
from magnet_ray.table_files import whole_file
from magnet_ray.types import parsed

TABLE_FILE, CARD_FILE, CHART_FILE = "leaderboard.parquet", "README.md", "leaderboard.svg"
SHOWN: Final = 12
"""Hexadecimal digits of a hash that the card shows."""
CHARTED: Final = 6
"""Latest checkpoints that the chart shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One checkpoint on the leaderboard."""

    name: str
    """Name of its run."""
    weights: str
    """Hash of its weights."""
    kind: str
    """`sft` or `mdpo`."""
    steps: int
    """Steps that its run took."""
    finished: str
    """When it was trained (ISO 8601, UTC)."""
    evaluated: str
    """When it was evaluated (ISO 8601, UTC)."""
    score: float
    """Share of conversations that were right."""
    low: float
    """Lower end of its 95 % interval."""
    high: float
    """Upper end of its 95 % interval."""
    tasks: int
    """Conversations."""
    tasks_id: str
    """Fingerprint of the conversations: scores are comparable where it is the same."""
    deploy_seconds: float
    """Time from the old weights to the new ones answering."""
    evaluation_seconds: float
    """Time that the evaluation took."""
    figures: str
    """All figures: JSON text of `ScoreTable.as_json`."""


_TYPES: Final[dict[str, Any]] = {"str": pa.string(), "int": pa.int64(), "float": pa.float64()}
SCHEMA: Final = pa.schema([pa.field(each.name, _TYPES[str(each.type)], nullable=False) for each in fields(Entry)])
"""Columns of the table."""


class Leaderboard:
    """The leaderboard in a directory."""

    def __init__(self, directory: Place) -> None:
        self._directory = directory

    def entries(self) -> list[Entry]:
        """The entries, in the order in which they were added.

        Raises:
            RunError: the table is damaged.
        """
        file = self._directory / TABLE_FILE
        if not file.exists():
            return []
        try:
            rows = pq.read_table(whole_file(file), schema=SCHEMA).to_pylist()
        except (OSError, pa.ArrowException) as error:
            raise RunError(
                f"{file} cannot be read", str(error).splitlines()[0], fix="remove it to evaluate all checkpoints again"
            ) from None
        return [Entry(**row) for row in rows]

    def add(self, entry: Entry) -> None:
        """Add an entry, unless its weights are there.

        Raises:
            RunError: the disk refused.
        """
        entries = self.entries()
        if any(known.weights == entry.weights for known in entries):
            return
        entries.append(entry)
        # The table last: a kill before it has the entry made again, and both other files with it.
        _write(self._directory / CARD_FILE, card(entries))
        _write(self._directory / CHART_FILE, joined(entries[-CHARTED:]).chart())
        write_table(self._directory / TABLE_FILE, pa.Table.from_pylist([asdict(each) for each in entries], schema=SCHEMA))


def joined(entries: Sequence[Entry]) -> ScoreTable:
    """The figures of several checkpoints side by side."""
    tables = [ScoreTable.from_json(parsed(entry.figures)) for entry in entries]
    named = [ScoreTable(title=table.title, models=(entry.name,), rows=table.rows) for entry, table in zip(entries, tables, strict=True)]
    return side_by_side(named)


def card(entries: Sequence[Entry]) -> str:
    """The leaderboard in Markdown, the best first."""
    lines = [
        "# Leaderboard",
        "",
        f"{len(entries)} checkpoints on held-out conversations, per cent right with 95 % intervals.",
        "",
        f"![the latest checkpoints]({CHART_FILE})",
        "",
        "| checkpoint | weights | kind | steps | right | of | trained | deployed in | evaluated in |",
        "| --- | --- | --- | ---: | ---: | ---: | --- | ---: | ---: |",
    ]
    marks = {id: number for number, id in enumerate(dict.fromkeys(entry.tasks_id for entry in entries), 1)}
    for entry in sorted(entries, key=lambda each: (-each.score, each.evaluated)):
        mark = f" ({marks[entry.tasks_id]})" if len(marks) > 1 else ""
        right = f"{100 * entry.score:.1f} ({100 * entry.low:.0f}-{100 * entry.high:.0f})"
        cells = (entry.name, f"`{entry.weights[:SHOWN]}`", entry.kind, entry.steps, right, f"{entry.tasks}{mark}", entry.finished)
        lines.append(f"| {' | '.join(map(str, cells))} | {entry.deploy_seconds:.1f} s | {entry.evaluation_seconds:.1f} s |")
    if len(marks) > 1:
        lines += ["", "Checkpoints with another number in brackets were asked other conversations: their scores cannot be compared."]
    return "\n".join([*lines, "", "## All figures", "", joined(entries[-CHARTED:]).markdown()])


def _write(file: Place, text: str) -> None:
    write_atomically(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))
