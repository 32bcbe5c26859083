"""What came of a ToolQuery-style evaluation: success and progress, overall, by domain and by difficulty, and why tasks failed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from rich.console import Group

from evals.evaluation_runs import Transcript
from evals.score_tables import Score, ScoreTable, mean, score_table, share, table_text
from evals.toolquery.scoring import TaskScore
from evals.toolquery.tasks import TOOLKITS, VERSION

TITLE: Final = "ToolQuery-style"
NOT_AGENTBOARD: Final = (
    "AgentBoard's tool signatures and scores on synthetic data of our own: the figures cannot be compared with those published for "
    "AgentBoard's ToolQuery."
)
MOST_FAILED: Final = 40
"""Failed tasks that the card names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolQueryReport:
    """See the module; rich can print it."""

    table: ScoreTable
    """All figures."""
    scores: tuple[TaskScore, ...]
    """Every task."""
    unscored: Mapping[str, int]
    """Reason -> tasks that could not be scored."""

    @classmethod
    def of(cls, model: str, scores: Sequence[TaskScore], unscored: Sequence[Transcript]) -> ToolQueryReport:
        """The report on tasks."""
        failures = Counter(each.failure for each in unscored)
        return cls(table=score_table(TITLE, model, figures(scores)), scores=tuple(scores), unscored=dict(failures.most_common()))

    @property
    def reasons(self) -> dict[str, int]:
        """Why tasks failed -> how many."""
        return dict(Counter(score.reason for score in self.scores if score.reason).most_common())

    def files(self) -> Mapping[str, str]:
        """The card, the scores and the chart."""
        return {"README.md": self.markdown(), "scores.json": table_text(self.table, self.figures()), "scores.svg": self.table.chart()}

    def figures(self) -> Mapping[str, Any]:
        """What the manifest holds beside the counts."""
        success, progress = self.table.score("success rate"), self.table.score("progress rate")
        return {
            "tasks_version": VERSION,
            "score": success.value if success else None,
            "success_rate": success.value if success else None,
            "progress_rate": progress.value if progress else None,
            "failed_by_reason": self.reasons,
        }

    def markdown(self) -> str:
        """The card."""
        lines = [f"# {TITLE}: {self.table.models[0]}", "", self._what(), "", "![scores](scores.svg)", "", self.table.markdown()]
        failed = [score for score in self.scores if not score.success]
        if failed:
            lines += ["## Tasks that failed", "", ", ".join(f"{count} {reason}" for reason, count in self.reasons.items()), ""]
            lines += ["| task | reason | progress | steps |", "| --- | --- | ---: | ---: |"]
            lines += [f"| {each.task} | {each.reason} | {100 * each.progress:.0f} % | {each.steps} |" for each in failed[:MOST_FAILED]]
            lines += [f"\n{len(failed) - MOST_FAILED} more are in transcripts.jsonl."] if len(failed) > MOST_FAILED else []
        return "\n".join([*lines, ""])

    def __rich__(self) -> Group:
        reasons = ", ".join(f"{count} {reason}" for reason, count in self.reasons.items())
        return Group(self.table, self._what(), f"failed: {reasons}" if reasons else "no task failed")

    def _what(self) -> str:
        unscored = ", ".join(f"{count} {reason}" for reason, count in self.unscored.items())
        more = f" {sum(self.unscored.values())} more could not be scored ({unscored})." if unscored else ""
        return f"{len(self.scores)} tasks. {NOT_AGENTBOARD}{more}"


def figures(scores: Sequence[TaskScore]) -> dict[str, Score | None]:
    """Every figure by name."""
    groups = {
        **{f"  {domain}": [score for score in scores if score.domain == domain] for domain in TOOLKITS},
        "  easy": [score for score in scores if not score.hard],
        "  hard": [score for score in scores if score.hard],
    }
    found = {"success rate": share([score.success for score in scores])}
    found |= {name: share([score.success for score in group]) for name, group in groups.items()}
    found |= {"progress rate": mean([score.progress for score in scores])}
    found |= {f"{name} progress": mean([score.progress for score in group]) for name, group in groups.items()}
    found |= {"right answers": share([score.answered for score in scores]), "grounding": mean([score.grounding for score in scores])}
    return found
