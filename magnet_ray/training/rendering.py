"""Rows of finished runs become token tables, in Ray tasks over slices of rows.

Rows in = rows rendered + rows held out + failures: a row that cannot be rendered, or of which not even one turn fits, is a
`Failure`. The same rows come out in the same order on any number of workers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import pyarrow as pa
import ray

from magnet_ray.datasets import sft_examples
from magnet_ray.errors import Rejected, RunError
from magnet_ray.finished_runs import read_manifest, read_pairs, read_trajectories
from magnet_ray.places import place
from magnet_ray.progress import Progress
from magnet_ray.render.renderer import Renderer, load_renderer
from magnet_ray.training.held_out import Split
from magnet_ray.training.token_table import TOKEN_SCHEMA, token_table
from magnet_ray.training.tokens import Tokens, example_tokens, pair_tokens
from magnet_ray.types import Failure, PreferencePair, Trajectory

ROWS_OF_SLICE = 250
"""Rows that one task renders."""
MADE_BY = {"sft": "synthesize", "mdpo": "distill"}
"""Method -> job whose rows it trains on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderSettings:
    """How rows become tokens."""

    model: str
    """Checkpoint whose template and tokenizer are used."""
    method: Literal["sft", "mdpo"]
    """What is trained."""
    limit: int
    """Most tokens of a conversation."""
    whole: bool = True
    """Whether a pair's shared turns are trained too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RowSlice:
    """Rows of one run that one task renders."""

    run: str
    """Directory."""
    start: int
    """Position of the first row."""
    stop: int
    """Position after the last row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedRows:
    """What became of rows."""

    table: pa.Table
    """Tokens, see `TOKEN_SCHEMA`."""
    failures: tuple[Failure, ...] = ()
    """Rows that cannot be trained on."""
    rows: int = 0
    """Rows read."""
    dropped_turns: int = 0
    """Examples and pairs that lost turns at their beginning."""


def slices_of(runs: Sequence[str], method: str) -> tuple[RowSlice, ...]:
    """The rows of finished runs in slices.

    Raises:
        RunError: a run is missing, unfinished, empty, or of another job.
    """
    slices: list[RowSlice] = []
    for run in runs:
        manifest = read_manifest(run)
        if manifest.kind != MADE_BY[method]:
            raise RunError(
                f"{run} holds no {'preference pairs' if method == 'mdpo' else 'conversations'}",
                f"a run of magnet {manifest.kind}",
                fix=f"name a run made by magnet {MADE_BY[method]}",
            )
        if not manifest.counts.kept:
            raise RunError(f"the run in {run} kept no row", fix="name a run with rows")
        for start in range(0, manifest.counts.kept, ROWS_OF_SLICE):
            slices.append(RowSlice(run=str(place(run).resolve()), start=start, stop=min(start + ROWS_OF_SLICE, manifest.counts.kept)))
    return tuple(slices)


def render_rows(slices: Sequence[RowSlice], settings: RenderSettings, split: Split, progress: Progress) -> RenderedRows:
    """Render the rows of all slices, in their order, in tasks of the Ray cluster."""
    progress.start("rendering rows", sum(part.stop - part.start for part in slices), 0)
    task = ray.remote(num_cpus=1)(render_slice)
    waiting = [task.remote(part, settings, split) for part in slices]
    done: list[RenderedRows] = []
    for reference, part in zip(waiting, slices, strict=True):
        done.append(ray.get(reference))
        progress.advance(part.stop - part.start, sum(len(each.failures) for each in done))
    return RenderedRows(
        table=pa.concat_tables([each.table for each in done]) if done else TOKEN_SCHEMA.empty_table(),
        failures=tuple(failure for each in done for failure in each.failures),
        rows=sum(each.rows for each in done),
        dropped_turns=sum(each.dropped_turns for each in done),
    )


def render_slice(part: RowSlice, settings: RenderSettings, split: Split) -> RenderedRows:
    """Render the rows of one slice."""
    renderer = _renderer(settings.model)
    rows, rendered, failures, shortened = 0, list[Tokens](), list[Failure](), 0
    for row in _rows(part, settings.method):
        rows += 1
        if not (split.trains(row) if isinstance(row, Trajectory) else split.trains_pair(row)):
            continue
        try:
            for tokens, dropped in _tokens(renderer, row, settings):
                rendered.append(tokens)
                shortened += dropped > 0
        except Rejected as refusal:
            failures.append(_failure(row, refusal))
    return RenderedRows(table=token_table(rendered), failures=tuple(failures), rows=rows, dropped_turns=shortened)


@lru_cache(maxsize=1)
def _renderer(model: str) -> Renderer:
    """The renderer, kept by a worker process from slice to slice."""
    return load_renderer(model)


def _rows(part: RowSlice, method: str) -> Iterator[Trajectory | PreferencePair]:
    read = read_trajectories if method == "sft" else read_pairs
    return iter(read(part.run, start=part.start, stop=part.stop))


def _tokens(renderer: Renderer, row: Trajectory | PreferencePair, settings: RenderSettings) -> list[tuple[Tokens, int]]:
    """A row's examples, or its pair, with the turns that each lost. All of a row's examples, or none."""
    if isinstance(row, PreferencePair):
        pair = renderer.render_pair(row, settings.limit, whole=settings.whole)
        return [(pair_tokens(pair), pair.chosen.dropped_turns)]
    examples = [(example.id, renderer.render_example(example, settings.limit)) for example in sft_examples(row)]
    return [(example_tokens(id, rendered), rendered.dropped_turns) for id, rendered in examples]


def _failure(row: Trajectory | PreferencePair, refusal: Rejected) -> Failure:
    return Failure(id=row.id, index=row.index, stage="rendering", reason=refusal.reason, detail=refusal.detail, category=row.category.value)
