"""Run directories on an object store: as on a disk, though nothing there can be renamed, appended to or locked by a kernel."""

from __future__ import annotations

import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from upath import UPath

from magnet_ray.artifacts import Origin, RunDirectory, shard_files
from magnet_ray.atomic_files import checksum, read_json, write_atomically, write_json
from magnet_ray.cli import DONE, USER_ERROR, run_command
from magnet_ray.config import SynthesizeConfig, load_config
from magnet_ray.datasets import write_sft_jsonl
from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import read_failures, read_manifest, read_trajectories
from magnet_ray.functions.observation import observe_pool
from magnet_ray.functions.pool import build_pool, load_pool, save_pool
from magnet_ray.graph import build_graph, load_graph, save_graph
from magnet_ray.llm.base import ChatAnswer, RequestKey, Role
from magnet_ray.llm.cache import ResponseCache
from magnet_ray.places import Place, entries, matching, place
from tests.conftest import make_run, sample_rows


def tree(directory: Place) -> dict[str, bytes]:
    """Path inside a directory -> content, of every file below it."""
    files = [file for file in matching(directory, "**/*") if file.is_file()]
    return {str(file).removeprefix(f"{directory}/"): file.read_bytes() for file in files}


def test_a_run_on_a_store_is_byte_for_byte_the_run_on_a_disk(tmp_path: Path, bucket: Place, config: SynthesizeConfig) -> None:
    there, here = tree(make_run(bucket / "run", config)), tree(make_run(tmp_path / "run", config))
    assert there.keys() == here.keys()
    assert {name for name in here if here[name] != there[name]} == {"manifest.json"}
    assert read_manifest(bucket / "run").files == read_manifest(tmp_path / "run").files
    kept, failed = sample_rows(range(25))
    assert list(read_trajectories(str(bucket / "run"), checksums=True)) == kept
    assert list(read_trajectories(bucket / "run", start=3, stop=7)) == kept[3:7]
    assert list(read_failures(bucket / "run", checksums=True)) == failed


def test_a_file_is_put_whole_and_not_at_all_when_writing_it_fails(bucket: Place) -> None:
    def fail(temporary: Path) -> None:
        temporary.write_text("half")
        raise KeyError("stage")

    write_json(bucket / "a.json", {"a": 1})
    with pytest.raises(KeyError):
        write_atomically(bucket / "a.json", fail)
    assert read_json(bucket / "a.json") == {"a": 1}
    assert entries(bucket) == {"a.json"}
    assert checksum(bucket / "a.json") == sha256((bucket / "a.json").read_bytes()).hexdigest()


class Killed(BaseException):
    """Ends a driver as a kill does: nothing of it runs on, not its lock's release either."""


def unfinished(directory: Place, config: SynthesizeConfig) -> None:
    """A run that ended between its shards and its manifest."""

    def die(manifest: object) -> None:
        raise Killed

    run = RunDirectory.open(directory, config)
    for shard in range(run.shards):
        run.write_shard(shard, *sample_rows(run.paths_of(shard)))
    tables = (run.read_table(shard) for shard in range(run.shards))
    failures = [failure for shard in range(run.shards) for failure in run.read_failures(shard)]
    with pytest.raises(Killed):
        run.finish(tables, failures, Origin(sources=config.sources), before_manifest=die)
    run.close()


def test_a_run_without_its_manifest_is_not_read_and_is_completed_by_a_resumption(
    bucket: Place, tmp_path: Path, config: SynthesizeConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    unfinished(bucket / "run", config)
    assert {"run.json", "shards", "trajectories", "failures"} == entries(bucket / "run")
    with pytest.raises(RunError, match="is not finished; finish it: the same command with --resume"):
        read_trajectories(bucket / "run")
    assert run_command(["export", str(bucket / "run"), "--out", str(tmp_path / "sft.jsonl")]) == USER_ERROR
    assert capsys.readouterr().err == f"magnet: the run in {bucket}/run is not finished; finish it: the same command with --resume\n"
    with pytest.raises(RunError, match="holds an unfinished run; add --resume"):
        RunDirectory.open(bucket / "run", config)
    with RunDirectory.open(bucket / "run", config, resume=True) as run:
        assert run.finished_shards() == {0, 1, 2}
        # What the killed driver had begun at the end is gone.
        assert entries(bucket / "run") == {"run.json", "shards", "lock"}
        failures = [failure for shard in range(run.shards) for failure in run.read_failures(shard)]
        run.finish((run.read_table(shard) for shard in range(run.shards)), failures, Origin(sources=config.sources))
    assert tree(bucket / "run")["trajectories/part-00000.parquet"] == tree(make_run(tmp_path, config))["trajectories/part-00000.parquet"]
    with pytest.raises(RunError, match="holds a finished run"):
        RunDirectory.open(bucket / "run", config, resume=True)


@pytest.mark.parametrize("damage", ["cut", "gone", "no failures", "too few"])
def test_a_damaged_shard_is_made_again(damage: str, bucket: Place, config: SynthesizeConfig) -> None:
    with RunDirectory.open(bucket, config) as run:
        run.write_shard(0, *sample_rows(run.paths_of(0)))
        run.write_shard(1, *sample_rows(run.paths_of(1)))
    kept, failed = shard_files(bucket, 0)
    if damage == "cut":
        kept.write_bytes(kept.read_bytes()[:-20])
    elif damage == "too few":
        kept.write_bytes(failed.read_bytes())
    else:
        (kept if damage == "gone" else failed).unlink()
    with RunDirectory.open(bucket, config, resume=True) as run:
        assert run.finished_shards() == {1}
        assert kept.name not in entries(bucket / "shards")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.unlink(), "is missing"),
        (lambda file: file.write_bytes(file.read_bytes()[:-20]), "is damaged; got"),
        (lambda file: file.write_bytes(file.read_bytes()[::-1]), "has changed since the run was finished"),
    ],
    ids=["missing", "cut", "changed"],
)
def test_a_damaged_table_is_refused_in_one_line(change: Any, words: str, bucket: Place, config: SynthesizeConfig) -> None:
    make_run(bucket, config)
    change(bucket / "trajectories" / "part-00000.parquet")
    with pytest.raises(RunError, match=words):
        read_trajectories(bucket, checksums=True)


def test_a_second_driver_is_refused_while_the_first_one_lives(bucket: Place, config: SynthesizeConfig) -> None:
    with RunDirectory.open(bucket, config), pytest.raises(RunError, match="is being written by process"):
        RunDirectory.open(bucket, config, resume=True)
    RunDirectory.open(bucket, config, resume=True).close()


def test_a_driver_that_lost_its_run_writes_no_manifest(bucket: Place, config: SynthesizeConfig) -> None:
    class Lost:
        def check(self) -> None:
            raise RunError("taken over")

        def release(self) -> None:
            pass

    run = RunDirectory(bucket, config, config.num, Lost())
    with pytest.raises(RunError, match="taken over"):
        run.finish([], [], Origin(sources=()))
    assert entries(bucket) == set()


def test_a_run_that_failed_before_it_made_anything_leaves_no_trace(bucket: Place, config: SynthesizeConfig) -> None:
    with pytest.raises(KeyError), RunDirectory.open(bucket, config):
        raise KeyError("stage")
    assert entries(bucket) == set()


def test_only_the_row_groups_that_are_asked_for_are_fetched(bucket: Place, config: SynthesizeConfig) -> None:
    many = config.model_copy(update={"num": 4_200, "ray": config.ray.model_copy(update={"shard_size": 4_200})})
    make_run(bucket, many)
    file = bucket / "trajectories" / "part-00000.parquet"
    assert isinstance(file, UPath)
    with file.open("rb") as opened:
        assert pq.ParquetFile(opened).num_row_groups == 4
    kept, _ = sample_rows(range(4_200))
    assert list(read_trajectories(bucket, start=999, stop=2_001)) == kept[999:2_001]


def test_pool_graph_and_exports_go_there_and_come_back(bucket: Place, tmp_path: Path, config: SynthesizeConfig) -> None:
    pool = observe_pool(build_pool(("builtin",)), open_environment)
    save_pool(pool, bucket / "pool")
    save_pool(pool, tmp_path / "pool")
    assert load_pool(str(bucket / "pool")) == pool
    graph = build_graph(pool)
    save_graph(graph, str(bucket / "graph"))
    save_graph(graph, tmp_path / "graph")
    assert load_graph(bucket / "graph").fingerprint == graph.fingerprint
    for name in ("pool", "graph"):
        assert tree(bucket / name) == tree(tmp_path / name)
    (bucket / "pool" / "pool.json").unlink()
    with pytest.raises(RunError, match="the pool is unfinished"):
        load_pool(bucket / "pool")
    run = make_run(tmp_path / "run", config)
    assert write_sft_jsonl(run, str(bucket / "sft.jsonl")) == write_sft_jsonl(run, tmp_path / "sft.jsonl")
    assert (bucket / "sft.jsonl").read_bytes() == (tmp_path / "sft.jsonl").read_bytes()


def test_the_commands_that_only_read_take_an_address(bucket: Place, config: SynthesizeConfig, capsys: pytest.CaptureFixture[str]) -> None:
    make_run(bucket, config)
    assert run_command(["inspect", str(bucket), "--list"]) == DONE
    assert "multi_turn" in capsys.readouterr().out
    assert run_command(["inspect", str(bucket), "--category", "parallel"]) == DONE
    assert run_command(["export", str(bucket), "--format", "sharegpt", "--out", f"{bucket}/share.jsonl"]) == DONE
    assert f"21 examples -> {bucket}/share.jsonl" in capsys.readouterr().out


def test_answers_outlive_a_process_that_closed_its_buckets(bucket: Place) -> None:
    key, answer = RequestKey(record="r", role=Role.JUDGE, step="1"), ChatAnswer(content="Zwölf\n")
    cache = ResponseCache.open(bucket / "responses")
    for bucket_name, number in (("1", 1), ("1", 2), ("10", 3)):
        cache.keep(bucket_name, number.to_bytes(16), key, answer)
    cache.close_bucket("1")
    again = ResponseCache.open(place(str(bucket / "responses")), ["1", "10"])
    assert [again.find("1", number.to_bytes(16)) for number in (1, 2, 3)] == [answer, answer, None]
    # Not put yet: what a kill would cost.
    assert again.find("10", (3).to_bytes(16)) is None
    cache.close()
    assert ResponseCache.open(bucket / "responses").find("10", (3).to_bytes(16)) == answer
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer) and not thread.finished.is_set()]


@pytest.mark.usefixtures("store")
def test_a_bucket_that_is_not_there_is_one_line_for_a_run_and_for_answers() -> None:
    nowhere = "s3://no-such-bucket-at-all/run"
    with pytest.raises(RunError, match=f"the run directory {nowhere} cannot be written; got 'The specified bucket does not exist'"):
        RunDirectory.open(nowhere, load_config(overrides={"num": 3}))
    cache = ResponseCache.open(place(nowhere))
    with pytest.raises(RunError, match=f"{nowhere} cannot be read; got 'The specified bucket does not exist'"):
        cache.find("1", bytes(16))
