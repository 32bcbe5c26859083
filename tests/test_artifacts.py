from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from magnet_ray.artifacts import Origin, RunDirectory, shard_files
from magnet_ray.config import SynthesizeConfig, load_config
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import read_failures, read_manifest, read_trajectories
from magnet_ray.rows import from_table, to_table
from magnet_ray.sections import parse_section
from magnet_ray.types import Trajectory
from tests.conftest import make_run, sample_failure, sample_rows, sample_trajectory


def unfinished(directory: Path, config: SynthesizeConfig) -> Path:
    """A run of which only the first shard is there."""
    with RunDirectory.open(directory, config) as run:
        run.write_shard(0, *sample_rows(run.paths_of(0)))
    return directory


def edit(file: Path, **changes: object) -> None:
    """Change some keys of a JSON file."""
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def test_a_run_gives_back_its_rows_in_order(finished_run: Path) -> None:
    kept, failed = sample_rows(range(25))
    assert list(read_trajectories(finished_run)) == kept
    assert list(read_failures(finished_run, checksums=True)) == failed


def test_the_manifest_says_what_the_run_is(finished_run: Path, config: SynthesizeConfig) -> None:
    manifest = read_manifest(finished_run)
    assert parse_section(SynthesizeConfig, manifest.config) == config
    assert (manifest.counts.attempted, manifest.counts.kept, manifest.counts.failed) == (25, 21, 4)
    assert sum(manifest.counts.by_category.values()) == 21
    assert manifest.counts.by_reason == {"call_failed": 4}
    assert {"pyarrow", "ray"} <= manifest.versions.keys()
    assert manifest.sources == ["builtin"]
    assert [file.path for file in manifest.files] == ["trajectories/part-00000.parquet", "failures/part-00000.parquet"]
    assert sorted(entry.name for entry in finished_run.iterdir()) == ["failures", "manifest.json", "run.json", "trajectories"]


@pytest.mark.parametrize(("sources", "used"), [(("builtin",), False), (("bfcl",), True), (("builtin", "bfcl:GorillaFileSystem"), True)])
def test_the_manifest_says_when_a_benchmark_was_used(sources: tuple[str, ...], used: bool, tmp_path: Path) -> None:
    config = load_config(overrides={"num": 3, "sources": sources})
    assert read_manifest(make_run(tmp_path / "run", config)).benchmark_environments is used


def test_the_files_do_not_depend_on_the_shards(tmp_path: Path) -> None:
    runs = [make_run(tmp_path / str(size), load_config(overrides={"num": 60, "ray.shard_size": size})) for size in (7, 60)]
    for name in ("trajectories", "failures"):
        first, second = ((run / name / "part-00000.parquet").read_bytes() for run in runs)
        assert first == second


def test_a_run_without_rows_keeps_its_columns(tmp_path: Path) -> None:
    with RunDirectory.open(tmp_path / "run", load_config(overrides={"num": 2})) as run:
        run.finish([], [sample_failure(0), sample_failure(1)], Origin(sources=("builtin",)))
    assert list(read_trajectories(tmp_path / "run")) == []
    assert "messages" in pq.read_schema(tmp_path / "run" / "trajectories" / "part-00000.parquet").names


def test_large_runs_are_split_into_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("magnet_ray.table_files.ROWS_PER_GROUP", 4)
    monkeypatch.setattr("magnet_ray.table_files.GROUPS_PER_FILE", 2)
    run = make_run(tmp_path / "run", load_config(overrides={"num": 24}))
    assert [file.rows for file in read_manifest(run).files] == [8, 8, 4, 4]
    assert list(read_trajectories(run)) == sample_rows(range(24))[0]


def test_lost_rows_are_noticed(tmp_path: Path, config: SynthesizeConfig) -> None:
    with RunDirectory.open(tmp_path / "run", config) as run, pytest.raises(RunError, match="1 kept \\+ 0 failed"):
        run.finish([to_table(Trajectory, [sample_trajectory(1)])], [], Origin(sources=("builtin",)))
    with pytest.raises(RunError, match="is not finished"):
        read_manifest(tmp_path / "run")


@pytest.mark.parametrize("shard", [0, 1, 2])
def test_a_shard_must_hold_each_of_its_paths_once(shard: int, tmp_path: Path, config: SynthesizeConfig) -> None:
    with RunDirectory.open(tmp_path / "run", config) as run:
        kept, failed = sample_rows(run.paths_of(shard))
        for rows in (kept[1:], [*kept, kept[0]], [*kept, sample_trajectory(99)]):
            with pytest.raises(ValueError, match="once each"):
                run.write_shard(shard, rows, failed)
        assert run.finished_shards() == frozenset()


def test_a_resumed_run_equals_an_uninterrupted_one(tmp_path: Path, config: SynthesizeConfig, finished_run: Path) -> None:
    directory = unfinished(tmp_path / "again", config)
    (directory / ".run.json.1.tmp").write_text("half")
    (directory / "shards" / ".00001.parquet.2.tmp").write_text("half")
    (directory / "trajectories").mkdir()
    (directory / "trajectories" / "part-00000.parquet").write_text("half")
    with RunDirectory.open(directory, config, resume=True) as run:
        assert run.finished_shards() == {0}
        assert not list(directory.rglob("*.tmp"))
        for shard in set(range(run.shards)) - run.finished_shards():
            run.write_shard(shard, *sample_rows(run.paths_of(shard)))
        failures = [failure for shard in range(run.shards) for failure in run.read_failures(shard)]
        run.finish((run.read_table(shard) for shard in range(run.shards)), failures, Origin(sources=config.sources))
    for part in ("trajectories", "failures"):
        name = f"{part}/part-00000.parquet"
        assert (directory / name).read_bytes() == (finished_run / name).read_bytes()


def test_resuming_nothing_starts(tmp_path: Path, config: SynthesizeConfig) -> None:
    with RunDirectory.open(tmp_path / "a" / "b", config, resume=True) as run:
        assert run.finished_shards() == frozenset()


@pytest.mark.parametrize("damage", ["cut", "gone", "no failures", "too few"])
def test_a_damaged_shard_is_made_again(damage: str, tmp_path: Path, config: SynthesizeConfig) -> None:
    directory = unfinished(tmp_path / "run", config)
    kept, failed = shard_files(directory, 0)
    if damage == "cut":
        kept.write_bytes(kept.read_bytes()[:-20])
    elif damage == "gone":
        kept.unlink()
    elif damage == "no failures":
        failed.unlink()
    else:
        kept.write_bytes(failed.read_bytes())
    with RunDirectory.open(directory, config, resume=True) as run:
        assert run.finished_shards() == frozenset()


def test_the_functions_may_not_change_within_a_run(tmp_path: Path, config: SynthesizeConfig) -> None:
    with RunDirectory.open(tmp_path / "run", config) as run:
        run.claim_pool("aaaa")
        run.claim_pool("aaaa")
    with RunDirectory.open(tmp_path / "run", config, resume=True) as run, pytest.raises(RunError, match="the functions have changed"):
        run.claim_pool("bbbb")


BadPlace = Callable[[Path, SynthesizeConfig], object]


def old_format(path: Path, config: SynthesizeConfig) -> None:
    edit(unfinished(path, config) / "run.json", format=0)


def old_version(path: Path, config: SynthesizeConfig) -> None:
    edit(unfinished(path, config) / "run.json", versions={"magnet_ray": "0.0.1"})


def bad_config(path: Path, config: SynthesizeConfig) -> None:
    edit(unfinished(path, config) / "run.json", config={"num": "many"})


def broken_json(path: Path, config: SynthesizeConfig) -> None:
    (unfinished(path, config) / "run.json").write_text("{")


def foreign(path: Path, config: SynthesizeConfig) -> None:
    path.mkdir()
    (path / "thesis.tex").write_text("dear")


def other_config(path: Path, config: SynthesizeConfig) -> None:
    unfinished(path, load_config(overrides={"num": 25, "ray.shard_size": 10, "seed": 7, "ops.merge.enabled": False}))


BAD_PLACES: dict[str, tuple[BadPlace, bool, str]] = {
    "a file": (lambda path, _: path.write_text("x"), False, "is a file; expected a directory; choose another --out"),
    "somebody's files": (foreign, False, "is not empty and holds no run; got 'thesis.tex"),
    "somebody's files, resuming": (foreign, True, "is not empty and holds no run"),
    "an unfinished run": (unfinished, False, "holds an unfinished run; add --resume"),
    "a finished run": (make_run, False, "holds a finished run; choose another --out"),
    "a finished run, resuming": (make_run, True, "holds a finished run"),
    "another configuration": (other_config, True, "seed was 7, is 1; ops.merge.enabled was false, is true; use the same options"),
    "another format": (old_format, True, "another version of this package; got 'format 0'; expected format 1"),
    "another version": (old_version, True, "began with magnet_ray 0.0.1"),
    "a bad configuration": (bad_config, True, "run.json is damaged"),
    "a broken run.json": (broken_json, True, "run.json cannot be read"),
}


@pytest.mark.parametrize(("prepare", "resume", "words"), BAD_PLACES.values(), ids=BAD_PLACES)
def test_a_directory_that_cannot_be_used_is_refused_in_one_line(
    prepare: BadPlace, resume: bool, words: str, tmp_path: Path, config: SynthesizeConfig
) -> None:
    prepare(tmp_path / "run", config)
    before = sorted(str(entry) for entry in tmp_path.rglob("*") if entry.name != "lock")
    with pytest.raises(RunError) as caught:
        RunDirectory.open(tmp_path / "run", config, resume=resume)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)
    assert sorted(str(entry) for entry in tmp_path.rglob("*") if entry.name != "lock") == before


def cut(run: Path) -> None:
    file = run / "trajectories" / "part-00000.parquet"
    file.write_bytes(file.read_bytes()[:-1])


def flip(run: Path) -> None:
    file = run / "trajectories" / "part-00000.parquet"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))


def no_run(run: Path) -> None:
    for name in ("manifest.json", "run.json"):
        (run / name).unlink()


def no_counts(run: Path) -> None:
    edit(run / "manifest.json", counts={"kept": 1})


BAD_RUNS: dict[str, tuple[Callable[[Path], object], str]] = {
    "nothing there": (shutil.rmtree, "is not a directory"),
    "no manifest": (lambda run: (run / "manifest.json").unlink(), "is not finished; finish it: the same command with --resume"),
    "no run": (no_run, "holds no run"),
    "a broken manifest": (lambda run: (run / "manifest.json").write_text("{"), "manifest.json cannot be read"),
    "a list as manifest": (lambda run: (run / "manifest.json").write_text("[]"), "is not a JSON object"),
    "a manifest without counts": (no_counts, "manifest.json is damaged"),
    "another format": (lambda run: edit(run / "manifest.json", format=99), "got 'format 99'; expected format 1"),
    "a missing file": (lambda run: (run / "trajectories" / "part-00000.parquet").unlink(), "is missing"),
    "a file cut short": (cut, "is damaged; got"),
    "a changed file": (flip, "has changed since the run was finished"),
}


@pytest.mark.parametrize(("damage", "words"), BAD_RUNS.values(), ids=BAD_RUNS)
def test_a_run_that_cannot_be_read_is_refused_at_once_and_in_one_line(
    damage: Callable[[Path], object], words: str, finished_run: Path
) -> None:
    damage(finished_run)
    with pytest.raises(RunError) as caught:
        read_trajectories(finished_run, checksums=True)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def driver(body: str, *arguments: object) -> subprocess.Popen[str]:
    """Another Python process that runs `body` after the usual imports."""
    head = "import sys, time\nfrom magnet_ray.artifacts import RunDirectory\nfrom magnet_ray.config import load_config\n"
    head += "from tests.conftest import sample_rows\nconfig = load_config(overrides={'num': 25, 'ray.shard_size': 10})\n"
    words = [sys.executable, "-c", head + textwrap.dedent(body), *map(str, arguments)]
    root = Path(__file__).parent.parent
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, cwd=root, env=os.environ | {"PYTHONPATH": str(root)})


def test_two_drivers_cannot_write_one_run_and_a_killed_one_blocks_nobody(tmp_path: Path, config: SynthesizeConfig) -> None:
    body = """
        with RunDirectory.open(sys.argv[1], config) as run:
            run.write_shard(0, *sample_rows(run.paths_of(0)))
            print("ready", flush=True)
            time.sleep(120)
    """
    with driver(body, tmp_path / "run") as other:
        assert other.stdout is not None
        try:
            assert other.stdout.readline() == "ready\n"
            with pytest.raises(RunError, match=f"is being written by process {other.pid} on "):
                RunDirectory.open(tmp_path / "run", config, resume=True)
        finally:
            other.send_signal(signal.SIGKILL)
    with RunDirectory.open(tmp_path / "run", config, resume=True) as run:
        assert run.finished_shards() == {0}


@pytest.mark.parametrize("delay", [0.0, 0.02, 0.05])
def test_a_driver_killed_while_it_writes_leaves_only_whole_shards(delay: float, tmp_path: Path, config: SynthesizeConfig) -> None:
    body = """
        with RunDirectory.open(sys.argv[1], config) as run:
            print("ready", flush=True)
            while True:
                for shard in range(run.shards):
                    run.write_shard(shard, *sample_rows(run.paths_of(shard)))
    """
    with driver(body, tmp_path / "run") as other:
        assert other.stdout is not None
        other.stdout.readline()
        time.sleep(delay)
        other.send_signal(signal.SIGKILL)
    with RunDirectory.open(tmp_path / "run", config, resume=True) as run:
        for shard in run.finished_shards():
            kept = list(from_table(Trajectory, run.read_table(shard)))
            assert [kept, list(run.read_failures(shard))] == list(sample_rows(run.paths_of(shard)))
        assert not list((tmp_path / "run").rglob("*.tmp"))


def test_a_run_that_fails_frees_its_directory(tmp_path: Path, config: SynthesizeConfig) -> None:
    with pytest.raises(KeyError), RunDirectory.open(tmp_path / "run", config):
        raise KeyError("stage")
    RunDirectory.open(tmp_path / "run", config, resume=True).close()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_directory_without_permission_is_refused(tmp_path: Path, config: SynthesizeConfig) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(RunError, match="cannot be created; got 'Permission denied'"):
        RunDirectory.open(tmp_path / "run", config)


def test_a_parent_that_is_a_file_is_refused(tmp_path: Path, config: SynthesizeConfig) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(RunError, match="cannot be"):
        RunDirectory.open(tmp_path / "file" / "run", config)
