"""What came of a run of the benchmark: the leaderboard's figures and the paper's table, by category, and the failures by reason.

Shares have Wilson's 95 % interval. A composed figure's interval comes from those of its categories (the method of variance estimates
recovery, Zou and Donner, 2008), so it also holds for a subset of equally many entries from each. Entries that could not be put to the
model are not counted.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any, Final

from rich.console import Group
from rich.table import Table
from rich.text import Text

from evals.bfcl.categories import BY_NAME, CATEGORIES, FIGURES, FORMULA, PAPER_NOTE, Weights, chosen
from evals.bfcl.entries import RELEASES, Entry, Version
from evals.bfcl.isolated import Mode, Verdict
from evals.bfcl.paper_table import paper_table
from evals.bfcl.seen_environments import ADVICE
from evals.evaluation_runs import Transcript
from evals.score_tables import Score, ScoreTable, score_table, share, table_text

EXAMPLES: Final = 3
"""Examples that the report shows of each reason."""
MODES: Final = {"fc": "FC mode (functions offered as tools)", "prompt": "prompt mode (functions in the system message, calls as text)"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """One entry with what became of it."""

    entry: Entry
    """The entry."""
    said: Transcript
    """What the model said."""
    verdict: Verdict | None
    """What bfcl_eval says of it; None where it could not be put to the model."""

    def as_json(self) -> dict[str, Any]:
        """A line of `verdicts.jsonl`."""
        if self.verdict is None:
            return {"id": self.entry.key, "category": self.entry.category, "valid": None, "error_type": self.said.failure, "error": ""}
        verdict = self.verdict
        return {
            "id": self.entry.key,
            "category": self.entry.category,
            "valid": verdict.valid,
            "error_type": verdict.error_type,
            "error": verdict.error,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class BfclReport:
    """See the module; rich can print it."""

    mode: Mode
    """How the model was asked."""
    version: Version
    """Of the benchmark."""
    table: ScoreTable
    """All figures."""
    missing: tuple[str, ...]
    """Categories that were not run."""
    reasons: Mapping[str, Mapping[str, int]]
    """bfcl_eval's type of error -> category -> entries; the most frequent first."""
    examples: Mapping[str, Sequence[str]]
    """Type of error -> a few entries, in one line each."""
    unscored: Mapping[str, int]
    """Reason -> entries that could not be put to the model."""
    saw_benchmark: bool | None
    """Whether training saw the benchmark's environments; None: not known."""
    verdicts: Sequence[Scored]
    """What it was made from."""

    @classmethod
    def of(cls, model: str, *, mode: Mode, version: Version = 3, scored: Sequence[Scored], saw_benchmark: bool | None) -> BfclReport:
        """The report on entries, in any order."""
        ordered = sorted(scored, key=lambda each: _PLACES[each.entry.category])
        wrong = [(each, each.verdict) for each in ordered if each.verdict is not None and not each.verdict.valid]
        reasons: dict[str, Counter[str]] = {}
        examples: dict[str, list[str]] = {}
        for each, verdict in wrong:
            reasons.setdefault(verdict.error_type, Counter())[each.entry.category] += 1
            examples.setdefault(verdict.error_type, []).append(_example(each, verdict))
        scores = category_scores(ordered)
        return cls(
            mode=mode,
            version=version,
            table=score_table(f"BFCL-v{version}, {mode}", model, figures(scores)),
            missing=tuple(category.name for category in chosen(("all",), version) if category.name not in scores),
            reasons={reason: reasons[reason] for reason in sorted(reasons, key=lambda name: (-reasons[name].total(), name))},
            examples={reason: lines[:EXAMPLES] for reason, lines in examples.items()},
            unscored=dict(Counter(each.said.failure for each in ordered if each.verdict is None).most_common()),
            saw_benchmark=saw_benchmark,
            verdicts=ordered,
        )

    def files(self) -> Mapping[str, str]:
        """The card, the scores, the chart, and the verdict on each entry."""
        verdicts = "".join(json.dumps(each.as_json(), ensure_ascii=False) + "\n" for each in self.verdicts)
        return {
            "README.md": self.markdown(),
            "scores.json": table_text(self.table, self.figures()),
            "scores.svg": self.table.chart(),
            "verdicts.jsonl": verdicts,
        }

    def figures(self) -> Mapping[str, Any]:
        """What the manifest holds beside the counts."""
        overall = self.table.score("overall")
        return {
            "score": overall.value if overall else None,
            "mode": self.mode,
            "version": self.version,
            "formula": FORMULA,
            "paper_note": PAPER_NOTE,
            "missing_categories": list(self.missing),
            "trained_on_bfcl_environments": self.saw_benchmark,
            "bfcl_eval": RELEASES[self.version].package,
            "wrong_by_reason": {reason: dict(counts) for reason, counts in self.reasons.items()},
        }

    def markdown(self) -> str:
        """The card."""
        lines = [f"# BFCL-v{self.version}: {self.table.models[0]}", "", *(f"- {note}" for note in self._notes()), ""]
        if self.version == 3:
            lines += ["## As in the paper", "", paper_table(self.table), PAPER_NOTE, ""]
        lines += ["## All figures", "", "![scores](scores.svg)", "", self.table.markdown()]
        lines += ["## What went wrong", "", *self._reason_lines(), ""]
        return "\n".join(lines)

    def __rich__(self) -> Group:
        parts: list[Any] = [self.table]
        if self.reasons:
            table = Table(title="what went wrong", title_justify="left", title_style="bold")
            table.add_column("bfcl_eval's reason")
            table.add_column("entries", justify="right")
            table.add_column("for example", overflow="fold")
            for reason, counts in self.reasons.items():
                table.add_row(Text(reason), str(sum(counts.values())), Text(self.examples[reason][0]))
            parts.append(table)
        return Group(*parts, Text("\n".join(self._notes())))

    def _notes(self) -> Iterator[str]:
        scored = sum(each.verdict is not None for each in self.verdicts)
        package = RELEASES[self.version].package
        yield f"{MODES[self.mode]}; {scored} entries, scored by bfcl_eval {package}'s own checkers; {ADVICE[self.saw_benchmark]}"
        yield FORMULA if self.version == 3 else "of BFCL-v4 the multi-turn categories alone; multi-turn = mean of its four categories"
        if self.missing:
            yield f"not run: {', '.join(self.missing)}; figures that need them are absent (the leaderboard would count them as 0)"
        if self.unscored:
            words = ", ".join(f"{count} {reason}" for reason, count in self.unscored.items())
            yield f"could not be put to the model, and are not counted: {words}"

    def _reason_lines(self) -> Iterator[str]:
        for reason, counts in self.reasons.items():
            where = ", ".join(f"{count} {category}" for category, count in counts.items())
            yield f"- **{reason}**: {sum(counts.values())} ({where})"
            yield from (f"  - `{line}`" for line in self.examples[reason])
        if not self.reasons:
            yield "Nothing."


def category_scores(scored: Sequence[Scored]) -> dict[str, Score]:
    """Category -> share of right entries, in the benchmark's order."""
    holds: dict[str, list[bool]] = {}
    for each in scored:
        if each.verdict is not None:
            holds.setdefault(each.entry.category, []).append(each.verdict.valid)
    shares = {category.name: share(holds.get(category.name, ())) for category in CATEGORIES}
    return {name: score for name, score in shares.items() if score is not None}


def figures(scores: Mapping[str, Score]) -> dict[str, Score | None]:
    """Every figure by name: the composed ones, then the categories."""
    composed: dict[str, Score | None] = {name: composed_score(weights, scores) for name, weights in FIGURES.items()}
    return composed | {f"  {name}": score for name, score in scores.items()}


def composed_score(weights: Weights, scores: Mapping[str, Score]) -> Score | None:
    """A weighted mean of categories with its 95 % interval; None where one of them is missing."""
    if not weights.keys() <= scores.keys():
        return None
    parts = [(weight, scores[name]) for name, weight in weights.items()]
    value = sum(weight * score.value for weight, score in parts)
    below = sqrt(sum((weight * (score.value - score.low)) ** 2 for weight, score in parts))
    above = sqrt(sum((weight * (score.high - score.value)) ** 2 for weight, score in parts))
    return Score(value=value, low=max(0.0, value - below), high=min(1.0, value + above), count=sum(score.count for _, score in parts))


_PLACES: Final = {name: place for place, name in enumerate(BY_NAME)}


def _example(each: Scored, verdict: Verdict) -> str:
    said = each.said.result.get("result") if each.said.result is not None else None
    return f"{each.entry.key}: {_short(verdict.error, 160)}; said {_short(json.dumps(said, ensure_ascii=False), 160)}"


def _short(text: str, most: int) -> str:
    text = " ".join(text.replace("`", "'").split())
    return text if len(text) <= most else text[: most - 1] + "…"
