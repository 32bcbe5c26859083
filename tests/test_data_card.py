"""A run says of itself what it holds."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from magnet_ray.config import SynthesizeConfig
from magnet_ray.data_card import Summary, render_markdown, write_card
from magnet_ray.finished_runs import Manifest, read_manifest
from magnet_ray.rows import to_table
from magnet_ray.statistics import EXAMPLES, RunStatistics
from magnet_ray.types import Category, Trajectory
from tests.builtin_recipe import builtin_rows
from tests.conftest import make_run, sample_trajectory

SECTIONS = ("## Counts", "## Shape", "## Domains", "## Text diversity of the queries", "## Conversations", "## Columns")


@pytest.fixture
def statistics() -> RunStatistics:
    """Those of the built-in rows."""
    found = RunStatistics()
    found.add(to_table(Trajectory, builtin_rows()))
    return found


@pytest.fixture
def summary(tmp_path: Path, config: SynthesizeConfig, statistics: RunStatistics) -> Summary:
    """A finished run of 25 sample paths, told with the figures of the built-in rows."""
    manifest = read_manifest(make_run(tmp_path / "run", config))
    return Summary(path=tmp_path / "run", manifest=manifest.model_copy(update={"statistics": statistics.summary()}), seconds=2.5)


def card_of(summary: Summary, statistics: RunStatistics) -> str:
    write_card(summary, statistics)
    return (summary.path / "README.md").read_text(encoding="utf-8")


def test_the_card_has_its_sections_in_order(summary: Summary, statistics: RunStatistics) -> None:
    card = card_of(summary, statistics)
    places = [card.index(f"\n{section}\n") for section in SECTIONS]
    assert places == sorted(places)
    assert card.startswith(f"# {summary.manifest.counts.kept} verified tool-use conversations\n")


def test_the_card_counts_categories_and_failures(summary: Summary, statistics: RunStatistics) -> None:
    card = card_of(summary, statistics)
    for category in Category:
        assert f"| {category.value} | {summary.manifest.counts.by_category.get(category.value, 0)} |" in card
    assert "| call_failed | 4 |" in card
    assert "25 paths were attempted, 21 kept, 4 failed" in card


def test_the_card_shows_conversations_of_every_category(summary: Summary, statistics: RunStatistics) -> None:
    card = card_of(summary, statistics)
    for category in Category:
        assert card.count(f"\n### {category.value}, `") == EXAMPLES
    row = statistics.examples["single"][0]
    assert f"`{row.id}`" in card and render_markdown(row) in card


def test_the_card_shows_distributions_and_diversity(summary: Summary, statistics: RunStatistics) -> None:
    card = card_of(summary, statistics)
    figures = statistics.summary()
    assert f"| turns a multi-turn conversation | {figures['multi_turn_mean_turns']} | 4.71 |" in card
    assert f"commonest opening: “{figures['diversity']['commonest_opening']}”" in card
    assert f"{figures['diversity']['distinct_1']} / {figures['diversity']['distinct_2']}" in card
    assert all(domain in card for domain in statistics.domains)
    assert "█" in card


@pytest.mark.parametrize("used", [True, False])
def test_the_card_says_when_a_benchmarks_environments_were_used(summary: Summary, statistics: RunStatistics, used: bool) -> None:
    manifest: Manifest = summary.manifest.model_copy(update={"benchmark_environments": used})
    card = card_of(Summary(path=summary.path, manifest=manifest, seconds=1.0), statistics)
    assert ("benchmark's environments were used" in card) is used


def test_the_card_links_to_the_job_that_made_the_run(summary: Summary, statistics: RunStatistics) -> None:
    def card(**job: str) -> str:
        return card_of(replace(summary, manifest=summary.manifest.model_copy(update={"job": job})), statistics)

    dashboard = "http://10.0.0.1:8265/#/jobs/raysubmit_1"
    submitted = card(run="0123", job_id="02000000", submission_id="raysubmit_1", dashboard=dashboard)
    assert f"Ray job: [`raysubmit_1`]({dashboard}); its metrics and log lines carry the run `0123`.\n" in submitted
    assert "Ray job: `02000000`; its metrics" in card(run="0123", job_id="02000000")
    assert "Ray job" not in card()


def test_the_summary_table_fits_a_terminal_and_names_what_failed(summary: Summary) -> None:
    console = Console(width=80, record=True, file=None, quiet=False)
    with console.capture() as captured:
        console.print(summary)
    text = captured.get()
    assert "21 of 25 paths kept (84.0%)" in text and "4 failed" in text and "call_failed" in text
    assert all(category.value in text for category in Category)
    assert "10 paths/s" in text and max(map(len, text.splitlines())) <= 80


def test_a_conversation_in_markdown_shows_queries_calls_and_shortened_outputs() -> None:
    row = sample_trajectory()
    lines = render_markdown(row).splitlines()
    assert lines[1] == "- **user**: What is there in Ulm and in Bern? (0)"
    assert lines[2] == '- *calls* `find_places({"city":"Ulm"})`'
    assert lines[4].startswith("  - returned `{")
    long = next(row for row in builtin_rows() if any(len(m["content"]) > 400 for m in json.loads(row.messages) if m["role"] == "tool"))
    assert "…`" in render_markdown(long) and max(len(line) for line in render_markdown(long).splitlines() if "returned" in line) < 200
