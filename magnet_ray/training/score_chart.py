"""The before-and-after table as a bar chart: a bar with its 95 % interval for each checkpoint and figure."""

from __future__ import annotations

from typing import Final

from magnet_ray.bar_chart import BarChart
from magnet_ray.training.before_after import BeforeAfter

COLOURS: Final = ("#9aa5b1", "#2f7ed8", "#0d9a6c", "#c8782a")
"""Colours of the checkpoints, in the order of training."""


def score_chart(comparison: BeforeAfter) -> str:
    """The chart as SVG text."""
    rows = [(figure.name, [(rate.share, *rate.interval) if rate else None for rate in figure.rates]) for figure in comparison.figures()]
    return BarChart(names=comparison.names, rows=rows, colours=COLOURS, labels=220, gap=12).svg()
