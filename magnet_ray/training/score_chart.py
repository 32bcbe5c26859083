"""The before-and-after table as a bar chart: one self-contained SVG, a bar with its 95 % interval for each checkpoint and figure."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from itertools import cycle
from typing import Final

from magnet_ray.training.before_after import BeforeAfter
from magnet_ray.training.turn_scores import Rate

COLOURS: Final = ("#9aa5b1", "#2f7ed8", "#0d9a6c", "#c8782a")
"""Colours of the checkpoints, in the order of training."""
LABELS, BARS, BAR, GAP, TOP = 220, 460, 13, 12, 46
"""Pixels: width of the names, of 100 %; height of a bar, of the space between two figures, and of the legend."""


def score_chart(comparison: BeforeAfter) -> str:
    """The chart as SVG text."""
    figures = list(comparison.figures())
    step = BAR * len(comparison.names) + GAP
    height = TOP + step * len(figures) + 24
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{LABELS + BARS + 60}" height="{height}" font-family="sans-serif" font-size="12">',
        '<rect width="100%" height="100%" fill="white"/>',
        *_legend(comparison.names),
        *_scale(height - 20),
    ]
    for index, figure in enumerate(figures):
        top = TOP + index * step
        middle = top + (step - GAP) / 2 + 4
        parts.append(f'<text x="{LABELS - 8}" y="{middle:.0f}" text-anchor="end">{escape(figure.name.strip())}</text>')
        for place, (rate, colour) in enumerate(zip(figure.rates, cycle(COLOURS), strict=False)):
            if rate:
                parts += _bar(rate, top + place * BAR, colour)
    return "\n".join([*parts, "</svg>", ""])


def _legend(names: tuple[str, ...]) -> Iterator[str]:
    for index, (name, colour) in enumerate(zip(names, cycle(COLOURS), strict=False)):
        left = LABELS + index * BARS / len(names)
        yield f'<rect x="{left:.0f}" y="14" width="12" height="12" fill="{colour}"/>'
        yield f'<text x="{left + 18:.0f}" y="24">{escape(name)}</text>'


def _scale(bottom: int) -> Iterator[str]:
    for percent in range(0, 101, 25):
        x = LABELS + BARS * percent / 100
        yield f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 6}" y2="{bottom}" stroke="#dddddd"/>'
        yield f'<text x="{x:.0f}" y="{bottom + 14}" text-anchor="middle" fill="#666666">{percent} %</text>'


def _bar(rate: Rate, top: float, colour: str) -> Iterator[str]:
    low, high = (LABELS + BARS * edge for edge in rate.interval)
    middle = top + BAR / 2 - 1
    yield f'<rect x="{LABELS}" y="{top:.0f}" width="{BARS * rate.share:.1f}" height="{BAR - 2}" fill="{colour}"/>'
    yield f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}" stroke="#333333"/>'
    yield f'<text x="{high + 4:.1f}" y="{middle + 4:.1f}" fill="#333333">{100 * rate.share:.0f}</text>'
