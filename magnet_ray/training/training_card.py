"""What came of a training run: a summary for the terminal, and a card (README.md) beside the model."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from rich.console import Group, RenderableType
from rich.table import Table

from magnet_ray.places import Place
from magnet_ray.sections import section_values
from magnet_ray.training.before_after import BeforeAfter
from magnet_ray.training.settings import TrainConfig
from magnet_ray.training.training_run import MODEL, Trained

NAMES = {"sft": "SFT", "mdpo": "SFT + multi-turn DPO"}
FIGURES = {"loss": ".4f", "sft_loss": ".4f", "mdpo_loss": ".4f", "margin": ".3f", "preferred": ".1%", "mean_token_accuracy": ".1%"}
"""Figures of a step that are shown at the beginning and at the end, and how."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingSummary:
    """A finished training run; rich can print it."""

    path: Place
    """Run directory."""
    method: str
    """sft or mdpo."""
    config: TrainConfig
    """Configuration."""
    trained: Trained
    """What it was trained on."""
    curve: Sequence[dict[str, Any]]
    """Figures of each step."""
    measured: BeforeAfter | None
    """Answers before and after; None when nothing was held out."""
    seconds: float
    """Time of the process that finished the run."""

    def facts(self) -> Iterator[tuple[str, str]]:
        """What was done, as name and text."""
        trained = self.trained
        unit = "pairs" if self.method == "mdpo" else "examples"
        yield "trained on", f"{trained.examples:,} {unit}, {trained.tokens:,} tokens, {trained.trained_tokens:,} of them trained"
        if trained.shared_tokens:
            share = trained.shared_tokens / (trained.tokens + trained.shared_tokens)
            yield "shared by both sides", f"{trained.shared_tokens:,} tokens, computed once: {share:.0%} of the work saved"
        if trained.failures:
            yield "not trained on", f"{len(trained.failures):,} rows, see failures/"
        if trained.shortened:
            yield "shortened", f"{trained.shortened:,} {unit} lost turns at their beginning"
        yield "steps", f"{len(self.curve):,} of {self.config.batch_size} {unit}"
        for name, form in FIGURES.items():
            if self.curve and name in self.curve[-1]:
                # The last tenth: a single step is one batch, and the last batch may be a short one.
                ends = [figures[name] for figures in self.curve[-max(1, len(self.curve) // 10) :]]
                yield name.replace("_", " "), f"{self.curve[0][name]:{form}} -> {statistics.mean(ends):{form}}"
        # The first step warms up; a resumed run has one for each process.
        if rates := [figures["tokens_per_second"] for figures in self.curve[1:] if "tokens_per_second" in figures]:
            used = [figures["mfu"] for figures in self.curve[1:] if "mfu" in figures]
            of_peak = f", {statistics.median(used):.0%} of the GPUs' arithmetic" if used else ""
            yield "speed", f"{statistics.median(rates):,.0f} tokens/s{of_peak} (median step)"
        yield "time", f"{self.seconds:.0f} s"

    def __rich__(self) -> RenderableType:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim", no_wrap=True)
        grid.add_column(overflow="fold")
        for name, fact in self.facts():
            grid.add_row(name, fact)
        parts: list[RenderableType] = [grid]
        if self.measured is not None:
            parts.append(self.measured)
        return Group(*parts, f"{self.path / MODEL}")


def training_card(summary: TrainingSummary) -> str:
    """The run's README: what the model is, what it was trained on, and how it did before and after."""
    return "\n".join(_lines(summary)) + "\n"


def _lines(summary: TrainingSummary) -> Iterator[str]:
    config = summary.config
    yield f"# {summary.path.name}: {NAMES[summary.method]} of {config.model}"
    yield ""
    yield f"Made by `magnet train {summary.method}`. `model/` is a checkpoint in Hugging Face's layout, its chat template included."
    yield ""
    if isinstance(summary.path, Path):
        yield "```python"
        yield "from transformers import AutoModelForCausalLM, AutoTokenizer"
        yield f'model, tokenizer = (kind.from_pretrained("{summary.path / MODEL}") for kind in (AutoModelForCausalLM, AutoTokenizer))'
        yield "```"
    else:
        yield f"`magnet serve --model {summary.path / MODEL}` fetches and serves it."
    yield ""
    yield "| | |"
    yield "|---|---|"
    yield from (f"| {name} | {fact} |" for name, fact in summary.facts())
    split = summary.trained.split
    if summary.measured is not None:
        header, rows = summary.measured.cells()
        yield ""
        yield "## Before and after"
        yield ""
        yield "The next message at held-out turns, from the stored conversation up to there (per cent, 95 % intervals)."
        if split.get("domains"):
            yield f"Held out: {', '.join(split['domains'])}."
        yield ""
        yield f"| {' | '.join(header)} |"
        yield "|" + "---|" * len(header)
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""
        yield "![scores](held_out/scores.svg)"
    yield ""
    yield "## Configuration"
    yield ""
    yield "```yaml"
    yield yaml.safe_dump(section_values(config), sort_keys=False, default_flow_style=None, width=120).rstrip()
    yield "```"
