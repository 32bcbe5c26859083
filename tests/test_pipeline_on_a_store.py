"""The jobs as their users start them, with every run directory on an S3 server: real processes, real Ray, the S3 protocol."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from magnet_ray.artifacts import shard_files
from magnet_ray.cli import DONE, USER_ERROR
from magnet_ray.finished_runs import read_manifest
from magnet_ray.places import Place, entries, matching
from tests.cluster_support import Command, magnet, needs_proc, started, wait_until
from tests.test_pipeline_faults import DIES_BEFORE_THE_MANIFEST
from tests.test_runs_on_a_store import tree

pytestmark = [pytest.mark.slow, needs_proc]

NUM, SHARDS = 200, 20
OPTIONS = ("synthesize", "--num", NUM, "--seed", 3, "--set", "ray.shard_size=10", "--set", "ray.num_cpus=2")


@pytest.fixture(scope="module")
def on_a_disk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that all others must equal."""
    out = tmp_path_factory.mktemp("disk") / "run"
    done = magnet(*OPTIONS, "--out", out)
    assert done.returncode == DONE, done.stderr
    return out


def tables(run: Place) -> dict[str, bytes]:
    """The files of a finished run that hold rows and what they were made from."""
    return {name: content for name, content in tree(run).items() if name.endswith(".parquet") or name.startswith(("pool/", "graph/"))}


def shards_there(run: Place) -> int:
    return len(matching(run / "shards", "?????.parquet"))


def send(number: signal.Signals, processes: list[int]) -> None:
    for pid in processes:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def in_the_middle(command: Command, run: Place) -> None:
    """Wait until some shards are made, and make sure that some are not."""
    wait_until(lambda: shards_there(run) >= 3 or command.process.poll() is not None, pause=0.05)
    assert command.process.poll() is None, command.wait().stderr


def test_a_run_on_a_store_equals_the_one_on_a_disk_and_serves_what_comes_after_it(on_a_disk: Path, bucket: Place, tmp_path: Path) -> None:
    run, pairs = bucket / "run", bucket / "pairs"
    done = magnet(*OPTIONS, "--out", run)
    assert done.returncode == DONE, done.stderr
    assert str(run) in done.stdout
    assert "Traceback" not in done.stderr
    assert entries(run) == {entry.name for entry in on_a_disk.iterdir()}
    assert tables(run) == tables(on_a_disk)
    assert read_manifest(run).files == read_manifest(on_a_disk).files
    # No secret, and nothing of the place, is in what is left.
    assert not [name for name, content in tree(run).items() if b"of-a-test" in content or b"127.0.0.1" in content]
    for source, out in ((run, pairs), (on_a_disk, tmp_path / "pairs")):
        done = magnet("distill", "--run", source, "--set", "ray.num_cpus=2", "--out", out)
        assert done.returncode == DONE, done.stderr
    assert tables(pairs) == tables(tmp_path / "pairs")
    assert "chosen" in magnet("inspect", pairs).stdout


def test_a_killed_driver_is_refused_to_nobody_for_long_and_is_resumed(on_a_disk: Path, bucket: Place) -> None:
    run = bucket / "run"
    with started(*OPTIONS, "--out", run) as command:
        in_the_middle(command, run)
        # So that it lives for as long as it takes; while it does, nobody else may write there.
        wait_until(command.workers)
        stopped = command.workers()
        send(signal.SIGSTOP, stopped)
        second = magnet(*OPTIONS, "--out", run, "--resume")
        assert second.returncode == USER_ERROR
        assert f"magnet: {run} is being written by process {command.process.pid} on " in second.stderr
        assert second.stderr.count("\n") == 1
        command.process.kill()
        command.process.wait()
        send(signal.SIGKILL, stopped)
        wait_until(lambda: not command.processes(), pause=0.2)
    unfinished = magnet("inspect", run)
    assert (unfinished.returncode, unfinished.stderr) == (
        USER_ERROR,
        f"magnet: the run in {run} is not finished; finish it: the same command with --resume\n",
    )
    made = shards_there(run)
    assert 0 < made < SHARDS
    done = magnet(*OPTIONS, "--out", run, "--resume")
    assert done.returncode == DONE, done.stderr
    assert f"making paths: {made * 10} of {NUM} were done before" in done.stderr
    assert tables(run) == tables(on_a_disk)
    assert "lock" not in entries(run)


def test_a_driver_killed_between_the_tables_and_the_manifest_is_resumed(on_a_disk: Path, bucket: Place) -> None:
    run = bucket / "run"
    with started(*OPTIONS, "--out", run, program=("-c", DIES_BEFORE_THE_MANIFEST)) as command:
        assert command.wait().returncode == -signal.SIGKILL
    assert {"trajectories", "failures", "README.md", "shards"} < entries(run)
    assert "is not finished" in magnet("inspect", run).stderr
    done = magnet(*OPTIONS, "--out", run, "--resume")
    assert done.returncode == DONE, done.stderr
    assert f"making paths: {NUM} of {NUM} were done before" in done.stderr
    assert tables(run) == tables(on_a_disk)


def test_an_interrupted_run_gives_its_lock_up_and_goes_on_at_once(on_a_disk: Path, bucket: Place) -> None:
    run = bucket / "run"
    with started(*OPTIONS, "--out", run) as command:
        in_the_middle(command, run)
        os.kill(command.process.pid, signal.SIGTERM)
        stopped = command.wait()
    assert stopped.stderr.splitlines()[-1] == f"magnet: interrupted; go on with: magnet {' '.join(map(str, OPTIONS))} --out {run} --resume"
    assert "lock" not in entries(run)
    done = magnet(*OPTIONS, "--out", run, "--resume")
    assert done.returncode == DONE, done.stderr
    assert "sign of life" not in done.stderr
    assert tables(run) == tables(on_a_disk)


def test_workers_that_may_not_write_are_one_clear_line(bucket: Place) -> None:
    # A cluster whose nodes were started without the driver's credentials.
    without = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
    with started(1, program=("-m", "tests.cluster_support"), env=without) as cluster:
        assert cluster.process.stdout is not None
        address = cluster.process.stdout.readline().strip()
        refused = magnet(*OPTIONS, "--set", f"ray.address={address}", "--out", bucket / "run")
    assert refused.returncode == USER_ERROR, refused.stderr
    last = refused.stderr.splitlines()[-1]
    assert last.startswith("magnet: "), refused.stderr
    assert "Unable to locate credentials" in last
    assert "Traceback" not in refused.stderr
    rows, _ = shard_files(bucket / "run", 0)
    assert not rows.exists()
