"""The paper's table of headline results with models of one's own below it."""

from __future__ import annotations

from typing import Final

from evals.score_tables import ScoreTable

HEADER: Final = ("model", "overall", "multi-turn", "base", "miss func", "miss param", "long context", "relevance", "irrelevance")
ROWS: Final = (
    "overall",
    "multi-turn",
    "  multi_turn_base",
    "  multi_turn_miss_func",
    "  multi_turn_miss_param",
    "  multi_turn_long_context",
    "relevance",
    "irrelevance",
)
"""The figures of a table under the columns of the paper's."""
PAPER: Final = (
    ("Qwen2.5-Coder-14B-Instruct", "51.88", "5.38", "7.5", "7", "4", "3", "100", "44.58"),
    ("Magnet-14B-SFT", "66.83", "33.38", "47", "32", "32", "22.5", "72.22", "82.59"),
    ("Magnet-14B-mDPO", "68.01", "37.88", "52", "36", "35.5", "28", "88.89", "84.78"),
    ("Gemini-1.5-pro-002 (teacher)", "62.19", "20.75", "", "", "", "", "72.22", "78.15"),
)
"""Figures from the paper."""


def paper_table(table: ScoreTable) -> str:
    """The paper's table in Markdown, then a row for each model of `table`."""
    own = [(f"**{name}**", *(_cell(table, row, index) for row in ROWS)) for index, name in enumerate(table.models)]
    paper = [(f"{name} *(paper)*", *(cell or "-" for cell in cells)) for name, *cells in PAPER]
    lines = [f"| {' | '.join(HEADER)} |", "| --- |" + " ---: |" * (len(HEADER) - 1)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in [*paper, *own])]) + "\n"


def _cell(table: ScoreTable, row: str, model: int) -> str:
    score = table.score(row, model)
    return str(score) if score else "-"
