"""Shares with their intervals as a bar chart: one self-contained SVG, a group of bars for each figure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import cycle
from typing import Final

BARS, BAR, TOP = 460, 13, 46
"""Pixels: width of 100 %, height of a bar, and of the legend."""
COLOURS: Final = ("#2f7ed8", "#0d9a6c", "#c8782a", "#8e5bb5", "#9aa5b1", "#b8405e")

Bar = tuple[float, float, float]
"""A share with the ends of its interval, each from 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BarChart:
    """What is drawn; `svg` draws it."""

    names: Sequence[str]
    """What the bars of a group stand for."""
    rows: Sequence[tuple[str, Sequence[Bar | None]]]
    """Each figure's name, and a bar for each of `names`; None where there is none."""
    title: str = ""
    """For those who cannot see it."""
    colours: Sequence[str] = COLOURS
    """Of `names`, in their order; they begin again."""
    labels: int = 250
    """Pixels for the figures' names."""
    gap: int = 10
    """Pixels between two groups."""

    def svg(self) -> str:
        """The chart as SVG text."""
        step = BAR * len(self.names) + self.gap
        height = TOP + step * len(self.rows) + 24
        width = self.labels + BARS + 60
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" font-family="sans-serif" font-size="12">',
            *([f"<title>{escape(self.title)}</title>"] if self.title else []),
            '<rect width="100%" height="100%" fill="white"/>',
            *self._legend(),
            *self._scale(height - 20),
        ]
        for index, (name, bars) in enumerate(self.rows):
            top = TOP + index * step
            middle = top + (step - self.gap) / 2 + 4
            parts.append(f'<text x="{self.labels - 8}" y="{middle:.0f}" text-anchor="end">{escape(name.strip())}</text>')
            for place, (bar, colour) in enumerate(zip(bars, cycle(self.colours), strict=False)):
                if bar:
                    parts += self._bar(bar, top + place * BAR, colour)
        return "\n".join([*parts, "</svg>", ""])

    def _legend(self) -> Iterator[str]:
        for index, (name, colour) in enumerate(zip(self.names, cycle(self.colours), strict=False)):
            left = self.labels + index * BARS / len(self.names)
            yield f'<rect x="{left:.0f}" y="14" width="12" height="12" fill="{colour}"/>'
            yield f'<text x="{left + 18:.0f}" y="24">{escape(name)}</text>'

    def _scale(self, bottom: int) -> Iterator[str]:
        for percent in range(0, 101, 25):
            x = self.labels + BARS * percent / 100
            yield f'<line x1="{x:.0f}" x2="{x:.0f}" y1="{TOP - 6}" y2="{bottom}" stroke="#dddddd"/>'
            yield f'<text x="{x:.0f}" y="{bottom + 14}" text-anchor="middle" fill="#666666">{percent} %</text>'

    def _bar(self, bar: Bar, top: float, colour: str) -> Iterator[str]:
        share, *interval = bar
        low, high = (self.labels + BARS * edge for edge in interval)
        middle = top + BAR / 2 - 1
        yield f'<rect x="{self.labels}" y="{top:.0f}" width="{BARS * share:.1f}" height="{BAR - 2}" fill="{colour}"/>'
        yield f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{middle:.1f}" y2="{middle:.1f}" stroke="#333333"/>'
        yield f'<text x="{high + 4:.1f}" y="{middle + 4:.1f}" fill="#333333">{100 * share:.0f}</text>'
