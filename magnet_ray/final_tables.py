"""The final tables of a synthesis run, each file by a Ray task: the rows of its shards without those that the whole run removes.

A file holds the rows of a range of path indices, so its bytes follow from the run alone, whoever writes it and when.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import ray

from magnet_ray.artifacts import RunDirectory, Tally, shard_files
from magnet_ray.config import SynthesizeConfig
from magnet_ray.errors import RunError
from magnet_ray.places import Place, make_directory, remove_tree
from magnet_ray.progress import Progress
from magnet_ray.rows import from_table, record_schema
from magnet_ray.statistics import RunStatistics
from magnet_ray.table_files import ROWS_PER_FILE, DataFile, read_table, write_part
from magnet_ray.types import Failure, FailureReason, Trajectory

Removed = Mapping[int, tuple[FailureReason, str]]
"""Path index -> why the whole run removes its row."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one file is made of."""

    directory: Place
    """Of the run."""
    table: str
    """Name of the table."""
    number: int
    """Number of the file."""
    paths: range
    """Indices of the paths whose rows are in it."""
    shard_size: int
    """Paths of a shard."""
    removed: Removed
    """What is removed among them."""


@dataclass(slots=True, kw_only=True)
class Written:
    """A file, or all files up to one."""

    files: list[DataFile]
    """The files."""
    tally: Tally
    """Rows by category."""
    gone: list[Failure]
    """The removed rows."""
    statistics: RunStatistics
    """What the rows look like."""

    def merge(self, later: Written) -> None:
        """Add the files that come after these."""
        self.files += later.files
        self.tally.merge(later.tally)
        self.gone += later.gone
        self.statistics.merge(later.statistics)


def write_final_tables(run: RunDirectory[SynthesizeConfig], kept: Sequence[int], removed: Removed, progress: Progress) -> Written:
    """Write the table of rows on the cluster.

    Args:
        run: the run, all its shards made.
        kept: indices of the paths whose rows stay, ascending.
        removed: the others that have rows.
        progress: says how far it is.

    Raises:
        RunError: a shard cannot be read, or a file not be written.
    """
    directory = run.path / run.job.part
    remove_tree(directory)
    make_directory(directory)
    # A task that loses its worker is done again, as often as that happens.
    write: Any = ray.remote(num_cpus=1, max_retries=-1)(write_file)
    parts = list(parts_of(run, kept, removed))
    paths = {write.remote(part): len(part.paths) for part in parts}
    in_order, waiting = list(paths), list(paths)
    progress.start("writing rows", run.total, 0)
    while waiting:
        ready, waiting = ray.wait(waiting)
        progress.advance(sum(paths[reference] for reference in ready))
    whole: Written | None = None
    for reference in in_order:
        part: Written | str = ray.get(reference)
        if isinstance(part, str):
            raise RunError("the final tables cannot be written", part, fix="mend that, and go on with --resume")
        if whole is None:
            whole = part
        else:
            whole.merge(part)
    # Of tasks that lost their workers.
    for temporary in directory.glob(".*.tmp"):
        temporary.unlink(missing_ok=True)
    assert whole is not None
    return whole


def parts_of(run: RunDirectory[SynthesizeConfig], kept: Sequence[int], removed: Removed) -> Iterator[Part]:
    """The files of a run: all its paths in order, cut so that each file but the last holds `ROWS_PER_FILE` rows."""
    cuts = [0, *kept[ROWS_PER_FILE::ROWS_PER_FILE], run.total]
    for number, (start, stop) in enumerate(pairwise(cuts)):
        paths = range(start, stop)
        yield Part(
            directory=run.path,
            table=run.job.part,
            number=number,
            paths=paths,
            shard_size=run.config.ray.shard_size,
            removed={index: why for index, why in removed.items() if index in paths},
        )


def write_file(part: Part) -> Written | str:
    """Write a file; why that cannot be done comes as text, since Ray would wrap an error in one of its own."""
    # Of the first file only: it has as many queries as diversity is measured over.
    written = Written(files=[], tally=Tally("category", "id"), gone=[], statistics=RunStatistics(diversity=not part.number))
    try:
        rows = written.tally.passing(_kept(part, written))
        written.files.append(write_part(rows, record_schema(Trajectory), part.directory / part.table, part.number))
    except RunError as error:
        return str(error)
    return written


def _kept(part: Part, written: Written) -> Iterator[pa.Table]:
    """The rows that stay; those that are removed are noted as failures."""
    for shard in range(part.paths.start // part.shard_size, -(-part.paths.stop // part.shard_size)):
        table = read_table(shard_files(part.directory, shard)[0])
        index = table.column("index")
        table = table.filter(pc.and_(pc.greater_equal(index, part.paths.start), pc.less(index, part.paths.stop)))
        removals = pa.array([index in part.removed for index in table.column("index").to_pylist()], pa.bool_())
        written.gone += (_removed(row, *part.removed[row.index]) for row in from_table(Trajectory, table.filter(removals)))
        kept = table.filter(pc.invert(removals))
        written.statistics.add(kept)
        yield kept


def _removed(row: Trajectory, reason: FailureReason, detail: str) -> Failure:
    return Failure(id=row.id, index=row.index, stage="duplicates", reason=reason, detail=detail, category=row.category.value)
