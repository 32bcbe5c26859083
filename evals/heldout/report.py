"""What came of a held-out evaluation: by category, by what was due, by node operation and by domain, and why turns went wrong.

"Which operation hurts" compares conversations that an operation shaped with those of the same categories that it did not, and gives the
difference its 95 % interval (Newcombe, 1998, method 10).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import hypot
from typing import Any, Final

from rich.console import Group
from rich.table import Table

from evals.evaluation_runs import Transcript
from evals.heldout.turns import CALLING, ConversationResult, Due, TurnResult
from evals.score_tables import Score, ScoreTable, score_table, share, table_text
from magnet_ray.types import Category, Operation

TITLE: Final = "Held-out conversations"
EXAMPLES: Final = 3
"""Examples that the report shows of each reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationEffect:
    """Conversations with a node operation beside those without, of the categories that have it."""

    operation: str
    """The operation."""
    with_it: Score
    """Share of right conversations that it shaped."""
    without: Score
    """Share of right ones that it did not."""

    @property
    def difference(self) -> tuple[float, float, float]:
        """With less without, and the ends of its 95 % interval."""
        one, other = self.with_it, self.without
        middle = one.value - other.value
        low = middle - hypot(one.value - one.low, other.high - other.value)
        high = middle + hypot(one.high - one.value, other.value - other.low)
        return middle, low, high

    @property
    def verdict(self) -> str:
        """In words: it hurts, helps, or nothing can be told."""
        _, low, high = self.difference
        return "hurts" if high < 0 else "helps" if low > 0 else "not told apart"

    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        middle, low, high = (100 * value for value in self.difference)
        counts = f"{self.with_it.count} / {self.without.count}"
        return self.operation, counts, str(self.with_it), str(self.without), f"{middle:+.1f} ({low:+.0f} to {high:+.0f})", self.verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOutReport:
    """See the module; rich can print it."""

    table: ScoreTable
    """All figures."""
    operations: tuple[OperationEffect, ...]
    """Which operation hurts."""
    reasons: Mapping[str, int]
    """Why turns were wrong -> how many; of each conversation the first wrong turn alone."""
    examples: Mapping[str, Sequence[str]]
    """Reason -> details of some."""
    scored: int
    """Conversations that were scored."""
    unscored: Mapping[str, int]
    """Reason -> conversations that could not be."""
    offered: int
    """Rows that could have been chosen."""
    unseen: bool
    """Whether training held them out."""

    @classmethod
    def of(
        cls, model: str, results: Sequence[ConversationResult], *, unscored: Sequence[Transcript], offered: int, unseen: bool
    ) -> HeldOutReport:
        """The report on conversations."""
        wrong = [next(turn for turn in result.turns if not turn.right) for result in results if not result.right]
        examples: dict[str, list[str]] = {}
        for turn in wrong:
            examples.setdefault(turn.reason, []).append(turn.detail)
        return cls(
            table=score_table(TITLE, model, figures(results)),
            operations=operation_effects(results),
            reasons=dict(Counter(turn.reason for turn in wrong).most_common()),
            examples={reason: details[:EXAMPLES] for reason, details in examples.items()},
            scored=len(results),
            unscored=dict(Counter(each.failure for each in unscored).most_common()),
            offered=offered,
            unseen=unseen,
        )

    def files(self) -> Mapping[str, str]:
        """The card, the scores and the chart."""
        return {"README.md": self.markdown(), "scores.json": table_text(self.table, self.figures()), "scores.svg": self.table.chart()}

    def figures(self) -> Mapping[str, Any]:
        """What the manifest holds beside the counts."""
        right = self.table.score("conversations")
        return {
            "score": right.value if right else None,
            "held_out_by_training": self.unseen,
            "rows_offered": self.offered,
            "operations": {
                each.operation: {"with": each.with_it.value, "without": each.without.value, "difference": each.difference}
                for each in self.operations
            },
            "wrong_by_reason": dict(self.reasons),
        }

    def markdown(self) -> str:
        """The card."""
        lines = [f"# {TITLE}: {self.table.models[0]}", "", self._what(), "", "![scores](scores.svg)", "", self.table.markdown()]
        if self.operations:
            lines += ["## Which node operation hurts", "", _OPERATIONS, "", *_markdown_table(_OPERATION_HEADER, self.operations), ""]
        if self.reasons:
            lines += ["## Why conversations went wrong", "", "The first wrong turn of each.", ""]
            for reason, count in self.reasons.items():
                lines += [f"- **{reason}**: {count}", *(f"  - `{_one_line(detail)}`" for detail in self.examples[reason] if detail)]
        return "\n".join([*lines, ""])

    def __rich__(self) -> Group:
        parts: list[Any] = [self.table]
        if self.operations:
            table = Table(title="which node operation hurts", title_justify="left", title_style="bold")
            for index, name in enumerate(_OPERATION_HEADER):
                table.add_column(name, justify="right" if index else "left")
            for effect in self.operations:
                table.add_row(*effect.cells())
            parts.append(table)
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.reasons.items())
        return Group(*parts, self._what(), f"first wrong turns: {reasons}" if reasons else "no turn was wrong")

    def _what(self) -> str:
        origin = "that training held out" if self.unseen else "of a run; whether training saw them is not known"
        unscored = ", ".join(f"{count} {reason}" for reason, count in self.unscored.items())
        more = f" {sum(self.unscored.values())} more could not be scored ({unscored})." if unscored else ""
        return f"{self.scored} of {self.offered} conversations {origin}, played with the environment live.{more}"


def figures(results: Sequence[ConversationResult]) -> dict[str, Score | None]:
    """Every figure by name."""
    turns = [turn for result in results for turn in result.turns]
    calling = [turn for turn in turns if turn.due in CALLING]
    found = {
        "conversations": share([result.right for result in results]),
        **{f"  {each.value}": share([result.right for result in results if result.category == each]) for each in Category},
        "turns with calls due": _right(calling),
        "  while all before were right": _right(turn for turn in _led_up_to(results) if turn.due in CALLING),
        "  after a miss": _right(turn for turn in turns if turn.due is Due.COMPLETED),
        "  closing message faithful": share([turn.faithful for turn in calling if turn.faithful is not None]),
        "irrelevance declined": _right(turn for turn in turns if turn.due is Due.IRRELEVANCE),
        "missing function recognised": _right(turn for turn in turns if turn.due is Due.MISS_FUNC),
        "missing value asked for": _right(turn for turn in turns if turn.due is Due.MISS_PARAMS),
    }
    domains = sorted({domain for result in results for domain in result.domains})
    if len(domains) > 1:
        found |= {f"domain {domain}": share([result.right for result in results if domain in result.domains]) for domain in domains}
    return found


def operation_effects(results: Sequence[ConversationResult]) -> tuple[OperationEffect, ...]:
    """Each operation that some conversations have and others of the same categories do not."""
    effects = []
    for operation in Operation:
        categories = {result.category for result in results if operation.value in result.ops}
        peers = [result for result in results if result.category in categories]
        with_it = share([result.right for result in peers if operation.value in result.ops])
        without = share([result.right for result in peers if operation.value not in result.ops])
        if with_it and without:
            effects.append(OperationEffect(operation=operation.value, with_it=with_it, without=without))
    return tuple(sorted(effects, key=lambda effect: effect.difference[0]))


def _led_up_to(results: Iterable[ConversationResult]) -> list[TurnResult]:
    """The turns of each conversation up to and with its first wrong one."""
    led: list[TurnResult] = []
    for result in results:
        for turn in result.turns:
            led.append(turn)
            if not turn.right:
                break
    return led


def _right(turns: Iterable[TurnResult]) -> Score | None:
    return share([turn.right for turn in turns])


_OPERATION_HEADER: Final = ("operation", "with / without", "right with it", "right without", "difference in points", "")
_OPERATIONS: Final = (
    "Conversations that an operation shaped, beside those of the same categories that it did not. Longer conversations have more "
    "operations, so a difference is a hint and no proof: `magnet synthesize --set ops.OPERATION.enabled=false` makes the comparison clean."
)


def _markdown_table(header: Sequence[str], effects: Iterable[OperationEffect]) -> list[str]:
    rows = [" | ".join(effect.cells()) for effect in effects]
    return [f"| {' | '.join(header)} |", "| --- |" + " ---: |" * (len(header) - 1), *(f"| {row} |" for row in rows)]


def _one_line(text: str) -> str:
    return " ".join(text.replace("`", "'").split())[:240]
