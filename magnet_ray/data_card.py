"""What a run says of itself: a table at the end of the job, and the data card (README.md) in its directory."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.table import Table

from magnet_ray.atomic_files import write_atomically
from magnet_ray.finished_runs import Manifest
from magnet_ray.places import Place
from magnet_ray.statistics import RunStatistics
from magnet_ray.types import Category, Trajectory

BAR = 30
"""Width of the longest bar of a chart, in characters."""
OUTPUT = 160
"""Characters of an output that an example shows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a finished job made."""

    path: Place
    """Directory of the run."""
    manifest: Manifest
    """Its manifest."""
    seconds: float
    """Wall-clock seconds of the job."""

    def __rich__(self) -> RenderableType:
        counts, figures = self.manifest.counts, self.manifest.statistics
        # A table's own title would be folded to the width of the table.
        lines: list[RenderableType] = [f"{counts.kept} of {counts.attempted} paths kept ({counts.kept / counts.attempted:.1%})"]
        lines.append(_counted("category", "rows", [(category.value, counts.by_category.get(category.value, 0)) for category in Category]))
        if counts.failed:
            lines += [f"{counts.failed} failed", _counted("reason", "paths", _by_count(counts.by_reason))]
        lines.append(
            f"multi-turn: {figures['multi_turn_mean_turns']} turns and {figures['multi_turn_mean_calls']} calls a conversation "
            f"(paper: {figures['paper_mean_turns']} and {figures['paper_mean_calls']})"
        )
        if used := usage_line(self.manifest):
            lines.append(used)
        lines.append(f"{counts.attempted / self.seconds:.0f} paths/s, {self.seconds:.1f} s in all, start included")
        return Group(*lines, str(self.path))


def _counted(name: str, unit: str, rows: Iterable[tuple[str, int]]) -> Table:
    table = Table()
    table.add_column(name)
    table.add_column(unit, justify="right")
    for label, count in rows:
        table.add_row(label, str(count))
    return table


def _by_count(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """The largest first."""
    return sorted(counts.items(), key=lambda item: -item[1])


def write_card(summary: Summary, statistics: RunStatistics) -> None:
    """Write the data card of a run."""
    text = "\n".join(_sections(summary, statistics))
    write_atomically(summary.path / "README.md", lambda path: path.write_text(text, encoding="utf-8"))


def _sections(summary: Summary, statistics: RunStatistics) -> Iterable[str]:
    manifest = summary.manifest
    counts, figures = manifest.counts, manifest.statistics
    yield f"# {counts.kept} verified tool-use conversations\n"
    yield (
        f"Made by `magnet synthesize` from {', '.join(f'`{source}`' for source in manifest.sources)} with seed {manifest.config['seed']}. "
        "Every call was executed, every conversation replays in a fresh environment with the same outputs and final state, "
        "and every argument has a provenance that was checked.\n"
    )
    yield from job_lines(manifest)
    if manifest.benchmark_environments:
        yield "**Functions of a benchmark's environments were used: a model trained on this must say so beside its score.**\n"
    yield "## Counts\n"
    yield markdown_table(("category", "rows"), [(category.value, counts.by_category.get(category.value, 0)) for category in Category])
    yield f"{counts.attempted} paths were attempted, {counts.kept} kept, {counts.failed} failed" + (":\n" if counts.failed else ".\n")
    if counts.failed:
        yield markdown_table(("reason", "paths"), _by_count(counts.by_reason))
    if manifest.usage:
        yield "## Models\n"
        yield usage_table(manifest)
    yield "## Shape\n"
    yield _shape(figures)
    yield "Turns of the multi-turn categories:\n"
    yield chart(_merged(statistics.turns))
    yield "Calls of the multi-turn categories:\n"
    yield chart(_merged(statistics.calls))
    yield "Node operations (conversations with at least one):\n"
    yield chart(statistics.operations)
    yield "Where arguments come from:\n"
    yield chart(statistics.arguments)
    yield "## Domains\n"
    yield chart(dict(statistics.domains.most_common(60)))
    yield "## Text diversity of the queries\n"
    yield _diversity(figures["diversity"])
    yield "## Conversations\n"
    for category in Category:
        for row in statistics.examples.get(category.value, ()):
            yield f"### {category.value}, `{row.id}`\n"
            yield render_markdown(row)
    yield "## Columns\n"
    yield (
        "`messages` (OpenAI chat format), `tools` (OpenAI tool format), `tools_added` (turn -> tools that arrive with it), "
        "`reference_calls` (per turn), `provenance` (per turn, call and argument) and `final_state` hold JSON text. "
        "`magnet inspect DIR` shows one conversation; `magnet export DIR` writes files for trainers.\n"
    )


def job_lines(manifest: Manifest) -> Iterable[str]:
    """Where the job can be looked up in Ray; nothing for a run that started a Ray of its own."""
    job = manifest.job
    if not job:
        return
    name = f"`{job.get('submission_id') or job['job_id']}`"
    link = f"[{name}]({job['dashboard']})" if "dashboard" in job else name
    yield f"Ray job: {link}; its metrics and log lines carry the run `{job['run']}`.\n"


def usage_table(manifest: Manifest) -> str:
    """What each role's model was asked, as a Markdown table."""
    config = manifest.config["teacher"]
    rows = []
    for role, counts in manifest.usage.items():
        own = (manifest.config.get("student") if role == "student" else config["roles"].get(role)) or {}
        name = own.get("name") or config["model"]["name"] or config["vllm"]["model"] or ""
        tokens = (f"{counts['prompt_tokens']:,}", f"{counts['completion_tokens']:,}")
        rows.append((role, name, f"{counts['requests']:,}", f"{counts['from_cache']:,}", *tokens))
    return markdown_table(("role", "model", "requests", "answered before", "tokens read", "tokens written"), rows)


def usage_line(manifest: Manifest) -> str:
    """What all models were asked, in one line; empty when none was."""
    if not manifest.usage:
        return ""
    names = ("requests", "prompt_tokens", "completion_tokens")
    requests, read, written = (sum(counts[name] for counts in manifest.usage.values()) for name in names)
    return f"models: {requests:,} requests, {read:,} tokens read, {written:,} written"


def _shape(figures: Mapping[str, Any]) -> str:
    rows = [
        ("turns a multi-turn conversation", figures["multi_turn_mean_turns"], figures["paper_mean_turns"]),
        ("calls a multi-turn conversation", figures["multi_turn_mean_calls"], figures["paper_mean_calls"]),
        ("functions that were called", figures["functions_called"], ""),
        ("nested calls (not mentioned by the user)", figures["nested_calls"], ""),
    ]
    return markdown_table(("", "this run", "paper"), rows)


def _diversity(figures: Mapping[str, Any]) -> str:
    rows = [
        (
            f"distinct-1 / 2 / 3 over {figures['queries']} queries",
            f"{figures['distinct_1']} / {figures['distinct_2']} / {figures['distinct_3']}",
        ),
        (f"commonest opening: “{figures['commonest_opening']}”", f"{figures['commonest_opening_share']:.2%}"),
        (f"commonest skeleton: “{figures['commonest_skeleton']}”", f"{figures['commonest_skeleton_share']:.2%}"),
    ]
    return markdown_table(("", ""), rows)


def _merged(counters: Mapping[str, Counter[int]]) -> dict[int, int]:
    total: Counter[int] = Counter()
    for name in (Category.MULTI_TURN.value, Category.MISS_FUNC.value, Category.MISS_PARAMS.value):
        total.update(counters.get(name, Counter()))
    return dict(sorted(total.items()))


def markdown_table(head: Sequence[object], rows: Iterable[Sequence[object]]) -> str:
    """A table in Markdown."""
    lines = [_cells(head), "|" + "---|" * len(head), *(_cells(row) for row in rows)]
    return "\n".join(lines) + "\n"


def _cells(row: Sequence[object]) -> str:
    return "| " + " | ".join(str(cell).replace("|", "\\|") for cell in row) + " |"


def chart(counts: Mapping[Any, int]) -> str:
    """Horizontal bars in a code block."""
    if not counts:
        return "none\n"
    most, width = max(counts.values()), max(len(str(name)) for name in counts)
    lines = [f"{name!s:>{width}} {'█' * max(1, round(BAR * count / most))} {count}" for name, count in counts.items()]
    return "```\n" + "\n".join(lines) + "\n```\n"


def render_markdown(row: Trajectory) -> str:
    """A conversation as Markdown."""
    return render_messages(json.loads(row.messages))


def render_messages(messages: Iterable[Mapping[str, Any]]) -> str:
    """Chat messages as Markdown: what is said, and the calls with their outputs, shortened."""
    lines = []
    for message in messages:
        if message["role"] == "tool":
            content = message["content"]
            lines.append(f"  - returned `{content if len(content) <= OUTPUT else content[:OUTPUT] + '…'}`")
        elif message.get("tool_calls"):
            lines += [f"- *calls* `{call['function']['name']}({call['function']['arguments']})`" for call in message["tool_calls"]]
        else:
            lines.append(f"- **{message['role']}**: {message['content']}")
    return "\n".join(lines) + "\n"
