"""Scores with 95 % intervals, of one model or of several side by side: as a table on a terminal, Markdown, JSON and an SVG chart.

A figure that was asked of nothing is absent, never 0. Shares have Wilson's interval; so have means of values between 0 and 1, which no
spread of such values can make too narrow.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import fmean
from typing import Any, Final

from rich.table import Table

from magnet_ray.bar_chart import BarChart

_Z: Final = 1.959963984540054
"""Half-width of the middle 95 % of the normal distribution."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One figure between 0 and 1 with its 95 % interval."""

    value: float
    """Share or mean."""
    low: float
    """Lower end of the interval."""
    high: float
    """Upper end of the interval."""
    count: int
    """How many it was asked of, at least 1."""

    def __str__(self) -> str:
        return f"{100 * self.value:.1f} ({100 * self.low:.0f}-{100 * self.high:.0f})"


def share(holds: Sequence[bool]) -> Score | None:
    """The share for which something holds; None where it was asked of nothing."""
    return mean([float(each) for each in holds])


def mean(values: Sequence[float]) -> Score | None:
    """The mean of values between 0 and 1; None where there are none."""
    if not values:
        return None
    value, squared = fmean(values), _Z * _Z / len(values)
    middle = (value + squared / 2) / (1 + squared)
    half = _Z * sqrt(value * (1 - value) / len(values) + squared / (4 * len(values))) / (1 + squared)
    return Score(value=value, low=max(0.0, middle - half), high=min(1.0, middle + half), count=len(values))


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """One figure of several models."""

    name: str
    """What is measured; two spaces before it for a part of the row above."""
    scores: tuple[Score | None, ...]
    """The figure of each model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreTable:
    """Figures of several models; rich can print it."""

    title: str
    """What was evaluated."""
    models: tuple[str, ...]
    """Their names."""
    rows: tuple[ScoreRow, ...]
    """The figures, those that are known of no model left out."""

    def __rich__(self) -> Table:
        header, rows = self.cells()
        table = Table(title=f"{self.title}, per cent with 95 % intervals", title_justify="left", title_style="bold")
        for index, name in enumerate(header):
            table.add_column(name, justify="right" if index else "left", overflow="fold")
        for row in rows:
            table.add_row(*row)
        return table

    def cells(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The table as text: its header and its rows."""
        return ("", "of", *self.models), [(row.name, _most(row), *map(_cell, row.scores)) for row in self.rows]

    def markdown(self) -> str:
        """The table in Markdown."""
        header, rows = self.cells()
        lines = ["| " + " | ".join(header) + " |", "| --- |" + " ---: |" * (len(header) - 1)]
        lines += ["| " + " | ".join((name.replace("  ", "&nbsp;&nbsp;"), *cells)) + " |" for name, *cells in rows]
        return "\n".join(lines) + "\n"

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "title": self.title,
            "models": list(self.models),
            "rows": [{"name": row.name, "scores": [_values(score) for score in row.scores]} for row in self.rows],
        }

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> ScoreTable:
        """The table that `as_json` gave."""
        rows = tuple(
            ScoreRow(name=row["name"], scores=tuple(Score(**score) if score else None for score in row["scores"])) for row in values["rows"]
        )
        return cls(title=values["title"], models=tuple(values["models"]), rows=rows)

    def chart(self) -> str:
        """The table as a bar chart: one self-contained SVG, a bar with its interval for each model and figure."""
        rows = [(row.name, [(score.value, score.low, score.high) if score else None for score in row.scores]) for row in self.rows]
        return BarChart(names=self.models, rows=rows, title=self.title).svg()

    def score(self, name: str, model: int = 0) -> Score | None:
        """One figure; None where there is none of the name."""
        return next((row.scores[model] for row in self.rows if row.name == name), None)


def score_table(title: str, model: str, figures: Mapping[str, Score | None]) -> ScoreTable:
    """The figures of one model, those that are None left out."""
    rows = tuple(ScoreRow(name=name, scores=(score,)) for name, score in figures.items() if score)
    return ScoreTable(title=title, models=(model,), rows=rows)


def side_by_side(tables: Sequence[ScoreTable]) -> ScoreTable:
    """Several tables as one, their rows matched by name. Models of one name are told apart by a number."""
    names = list(dict.fromkeys(name for table in _longest_first(tables) for name in (row.name for row in table.rows)))
    models: list[str] = []
    for model in (model for table in tables for model in table.models):
        again = sum(model == known.rpartition(" #")[0] or model == known for known in models)
        models.append(f"{model} #{again + 1}" if again else model)
    found = [{row.name: row.scores for row in table.rows} for table in tables]
    rows = tuple(
        ScoreRow(
            name=name,
            scores=tuple(score for of, table in zip(found, tables, strict=True) for score in of.get(name, (None,) * len(table.models))),
        )
        for name in names
    )
    return ScoreTable(title=tables[0].title, models=tuple(models), rows=rows)


def _longest_first(tables: Sequence[ScoreTable]) -> list[ScoreTable]:
    return sorted(tables, key=lambda table: -len(table.rows))


def table_text(table: ScoreTable, more: Mapping[str, Any]) -> str:
    """`scores.json`: a table with further figures."""
    return json.dumps({**table.as_json(), **more}, indent=2, ensure_ascii=False) + "\n"


def _most(row: ScoreRow) -> str:
    return str(max(score.count for score in row.scores if score))


def _cell(score: Score | None) -> str:
    return str(score) if score else "-"


def _values(score: Score | None) -> dict[str, Any] | None:
    if score is None:
        return None
    return {"value": round(score.value, 4), "low": round(score.low, 4), "high": round(score.high, 4), "count": score.count}
