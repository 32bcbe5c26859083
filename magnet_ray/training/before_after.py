"""What training changed: the scores of several checkpoints on the same held-out turns, side by side.

A row is one figure with the turns behind it; a column is a checkpoint, in the order of training, with the change in points from the
one before it. Overall figures are means over the sample, whose categories are equally frequent, not over the run.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Group, RenderableType
from rich.table import Table

from magnet_ray.training.turn_scores import ALL, Measure, Rate, Scores

FIGURES: Final = (Measure.VALID, Measure.FUNCTION, Measure.ARGUMENTS, Measure.CLARIFIES, Measure.CLOSES, Measure.RIGHT)
"""Overall figures, in the order of the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One row of the table."""

    name: str
    """What is measured, and of which category."""
    rates: tuple[Rate | None, ...]
    """The figure of each checkpoint; None where it was asked nothing of the kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BeforeAfter:
    """The comparison; rich can print it."""

    names: tuple[str, ...] = ()
    """Checkpoints in the order of training, such as before and after; none where nothing was measured."""
    scores: tuple[Scores, ...] = ()
    """Their scores."""

    def figures(self) -> Iterator[Figure]:
        """The rows: overall figures, then next-turn accuracy by category."""
        yield from (self._figure(measure.value, measure, ALL) for measure in FIGURES if self._known(measure, ALL))
        groups = dict.fromkeys(group for scores in self.scores for group in scores.rates if group != ALL)
        yield from (self._figure(f"  {group}", Measure.RIGHT, group) for group in groups if self._known(Measure.RIGHT, group))

    def cells(self) -> tuple[tuple[str, ...], list[tuple[str, ...]]]:
        """The table as text: its header and its rows."""
        columns = [*self.names[:1], *(text for name in self.names[1:] for text in (name, "change"))]
        return ("", "turns", *columns), [(figure.name, _turns(figure), *_columns(figure)) for figure in self.figures()]

    def as_json(self) -> dict[str, Any]:
        """Plain JSON values, for the manifest: checkpoint -> `Scores.as_json`."""
        return {name: scores.as_json() for name, scores in zip(self.names, self.scores, strict=True)}

    def __rich__(self) -> RenderableType:
        if not self.scores:
            return "nothing was held out, so nothing was measured"
        header, rows = self.cells()
        table = Table()
        for index, name in enumerate(header):
            table.add_column(name, justify="right" if index else "left", no_wrap=True)
        for row in rows:
            table.add_row(*row)
        skipped = max((scores.skipped for scores in self.scores), default=0)
        note = f"; {skipped} more could not be put to the model" if skipped else ""
        scored = max((scores.scored for scores in self.scores), default=0)
        return Group(table, f"per cent of {scored} held-out turns, with 95 % intervals; changes in points{note}")

    def _known(self, measure: Measure, group: str) -> bool:
        return any(scores.rate(measure, group) for scores in self.scores)

    def _figure(self, name: str, measure: Measure, group: str) -> Figure:
        return Figure(name=name, rates=tuple(scores.rate(measure, group) for scores in self.scores))


def _turns(figure: Figure) -> str:
    return str(max(rate.turns for rate in figure.rates if rate))


def _columns(figure: Figure) -> Iterator[str]:
    yield _percent(figure.rates[0])
    for before, after in zip(figure.rates, figure.rates[1:], strict=False):
        yield _percent(after)
        yield f"{100 * (after.share - before.share):+.1f}" if before and after else "-"


def _percent(rate: Rate | None) -> str:
    if rate is None:
        return "-"
    low, high = rate.interval
    return f"{100 * rate.share:.1f} ({100 * low:.0f}-{100 * high:.0f})"
