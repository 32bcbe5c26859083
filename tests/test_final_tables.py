"""Files of a table that tasks write apart are those that one process would have written."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from magnet_ray.artifacts import RunDirectory, shard_files, write_shard
from magnet_ray.config import SynthesizeConfig, load_config
from magnet_ray.final_tables import Removed, Written, parts_of, write_file
from magnet_ray.places import make_directory
from magnet_ray.rows import record_schema, to_table
from magnet_ray.table_files import ROWS_PER_FILE, write_tables
from magnet_ray.types import FailureReason, Trajectory
from tests.builtin_recipe import builtin_rows
from tests.conftest import sample_failure

PATHS, SHARD = 12_500, 500
REMOVED: Removed = {index: (FailureReason.NEAR_DUPLICATE, "nearly the same") for index in (0, 3, 9_999, 10_000, 10_051, 12_499)}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunDirectory[SynthesizeConfig]]:
    """A run with all its shards; in each of them the tenth path failed."""
    config = load_config(overrides={"num": PATHS, "ray.shard_size": SHARD})
    with RunDirectory.open(tmp_path_factory.mktemp("final") / "run", config) as run:
        make_directory(run.path / run.job.part)
        _write_shards(run)
        yield run


def _write_shards(run: RunDirectory[SynthesizeConfig]) -> None:
    sample = to_table(Trajectory, builtin_rows())
    sample = pa.concat_tables([sample] * -(-SHARD // sample.num_rows))
    for shard in range(run.shards):
        paths = run.paths_of(shard)
        indices = [index for index in paths if index != paths.start + 10]
        rows = sample.slice(0, len(indices))
        for name, values in (("id", [f"{index:016x}" for index in indices]), ("index", indices)):
            at = rows.schema.get_field_index(name)
            rows = rows.set_column(at, rows.schema.field(at), pa.array(values, rows.schema.field(at).type))
        write_shard(run.path, shard, paths, rows, [sample_failure(paths.start + 10)])


def kept_of(run: RunDirectory[SynthesizeConfig], removed: Removed) -> list[int]:
    return [index for table in run.tables() for index in table.column("index").to_pylist() if index not in removed]


def test_the_files_are_those_of_one_process(run: RunDirectory[SynthesizeConfig], tmp_path: Path) -> None:
    kept = kept_of(run, REMOVED)
    parts = list(parts_of(run, kept, REMOVED))
    assert [(part.paths.start, part.paths.stop) for part in parts] == [(0, kept[ROWS_PER_FILE]), (kept[ROWS_PER_FILE], PATHS)]
    # In the other order, as tasks may come.
    written = [write_file(part) for part in reversed(parts)]
    assert isinstance(written[1], Written) and isinstance(written[0], Written)
    whole = written[1]
    whole.merge(written[0])
    staying = (table.filter(pa.array([index not in REMOVED for index in table.column("index").to_pylist()])) for table in run.tables())
    expected = write_tables(staying, record_schema(Trajectory), tmp_path / run.job.part)
    assert whole.files == expected and [file.rows for file in expected] == [ROWS_PER_FILE, len(kept) - ROWS_PER_FILE]
    assert whole.tally.units == len(kept) == whole.tally.counts.total()
    assert {failure.index: (failure.reason, failure.detail) for failure in whole.gone} == REMOVED
    assert whole.statistics.categories == whole.tally.counts


def test_a_run_that_keeps_nothing_has_an_empty_table(run: RunDirectory[SynthesizeConfig]) -> None:
    removed = {index: (FailureReason.NEAR_DUPLICATE, "") for index in kept_of(run, {})}
    (part,) = parts_of(run, [], removed)
    written = write_file(part)
    assert isinstance(written, Written)
    assert [file.rows for file in written.files] == [0] and len(written.gone) == len(removed)


def test_a_shard_that_cannot_be_read_is_told_as_text(run: RunDirectory[SynthesizeConfig]) -> None:
    file = shard_files(run.path, 2)[0]
    content = file.read_bytes()
    file.write_bytes(content[:100])
    (part,) = parts_of(run, run.paths_of(0), {})
    assert f"{file} cannot be read" in str(write_file(part))
    file.write_bytes(content)
