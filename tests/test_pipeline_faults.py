"""What becomes of a run whose processes are killed or interrupted, or that fails too often: no id is lost, none comes twice."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from magnet_ray.cli import DONE, FAILED, INTERRUPTED, USER_ERROR
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import read_manifest, read_trajectories
from tests.cluster_support import Command, frail_cluster, magnet, needs_proc, rows_by_id, shards_done, started, wait_until

pytestmark = [pytest.mark.slow, needs_proc]

NUM, SHARDS = 400, 80
OPTIONS = ("synthesize", "--num", NUM, "--seed", 3, "--set", "ray.shard_size=5", "--set", "ray.num_cpus=2")


@pytest.fixture(scope="module")
def expected(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The rows of a run that nothing disturbed."""
    out = tmp_path_factory.mktemp("undisturbed") / "run"
    done = magnet(*OPTIONS, "--out", out)
    assert done.returncode == DONE, done.stderr
    return rows_by_id(out)


def in_the_middle(command: Command, run: Path, shards: int = 5) -> None:
    """Wait until some shards are done, and make sure that some are not."""
    wait_until(lambda: shards_done(run) >= shards or command.process.poll() is not None)
    assert command.process.poll() is None, command.wait().stderr
    assert shards_done(run) < SHARDS


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Path]:
    """A run whose driver was killed in the middle, and then its cluster, which would end by itself after a minute."""
    run = tmp_path / "run"
    with started(*OPTIONS, "--out", run) as command:
        in_the_middle(command, run)
        command.process.kill()
        command.process.wait()
    assert 0 < shards_done(run) < SHARDS
    yield run


def test_a_killed_worker_costs_nothing_but_time(tmp_path: Path, expected: dict[str, str]) -> None:
    run = tmp_path / "run"
    with started(*OPTIONS, "--out", run) as command:
        in_the_middle(command, run)
        wait_until(command.workers)
        victims = command.workers()
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        done = command.wait()
        assert victims
        assert done.returncode == DONE, done.stderr
    assert rows_by_id(run) == expected


def test_a_killed_node_costs_only_its_unfinished_shards(tmp_path: Path, expected: dict[str, str]) -> None:
    run = tmp_path / "run"
    made: set[tuple[str, int]] = set()

    def look() -> bool:
        """Note which files hold the shards: one that is made again is another file."""
        with suppress(FileNotFoundError):
            made.update((entry.name, entry.inode()) for entry in os.scandir(run / "shards") if len(entry.name) == len("00000.parquet"))
        return command.process.poll() is not None

    with frail_cluster(3) as (address, kill_node), started(*OPTIONS, "--out", run, env={"RAY_ADDRESS": address}) as command:
        wait_until(lambda: look() or len(made) >= 5)
        assert len(made) < SHARDS
        kill_node()
        wait_until(look)
        done = command.wait()
    assert done.returncode == DONE, done.stderr
    assert rows_by_id(run) == expected
    # What the node had finished was not made again, nor was anything of the others.
    assert len({shard for shard, _ in made}) == len(made)
    shares = re.search(r"80 shards were made on (\d) nodes: ([\d, ]+)", done.stderr)
    assert shares and sum(map(int, shares[2].split(", "))) == SHARDS, done.stderr


def test_a_killed_driver_is_resumed(killed: Path, expected: dict[str, str]) -> None:
    with pytest.raises(RunError, match="is not finished"):
        read_trajectories(killed)
    refused = magnet(*OPTIONS, "--out", killed)
    assert refused.returncode == USER_ERROR
    assert "holds an unfinished run; add --resume" in refused.stderr
    changed = magnet(*OPTIONS, "--seed", 4, "--set", "ops.merge.enabled=false", "--set", "ray.shard_size=6", "--out", killed, "--resume")
    assert changed.returncode == USER_ERROR
    assert changed.stderr.count("\n") == 1
    for words in ("seed was 3, is 4", "ops.merge.enabled was true, is false", "ray.shard_size was 5, is 6"):
        assert words in changed.stderr
    made = shards_done(killed)
    # Where it runs and how much may fail do not matter.
    done = magnet(*OPTIONS, "--set", "ray.num_cpus=1", "--set", "failure_budget=0.5", "--out", killed, "--resume")
    assert done.returncode == DONE, done.stderr
    assert f"making paths: {made * 5} of {NUM} were done before" in done.stderr
    assert rows_by_id(killed) == expected


DIES_BEFORE_THE_MANIFEST = """
import os, sys
from magnet_ray import artifacts, cli
write = artifacts.write_json
def die(path, value):
    if path.name == "manifest.json":
        os.kill(os.getpid(), 9)
    write(path, value)
artifacts.write_json = die
cli.main()
"""


def test_a_driver_killed_between_the_tables_and_the_manifest_is_resumed(tmp_path: Path, expected: dict[str, str]) -> None:
    run = tmp_path / "run"
    with started(*OPTIONS, "--out", run, program=("-c", DIES_BEFORE_THE_MANIFEST)) as command:
        assert command.wait().returncode == -signal.SIGKILL
    assert (run / "trajectories" / "part-00000.parquet").exists()
    assert (run / "README.md").exists()
    inspected = magnet("inspect", run)
    assert inspected.returncode == USER_ERROR
    assert inspected.stderr == f"magnet: the run in {run} is not finished; finish it: the same command with --resume\n"
    done = magnet(*OPTIONS, "--out", run, "--resume")
    assert done.returncode == DONE, done.stderr
    assert f"making paths: {NUM} of {NUM} were done before" in done.stderr
    assert rows_by_id(run) == expected


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_an_interrupted_run_says_how_to_go_on_and_leaves_nothing_running(number: signal.Signals, tmp_path: Path) -> None:
    run = tmp_path / "run"
    with started(*OPTIONS, "--out", run) as command:
        in_the_middle(command, run)
        # Ctrl-C in a terminal reaches the whole process group, a scheduler's SIGTERM only the driver.
        (os.killpg if number == signal.SIGINT else os.kill)(command.process.pid, number)
        done = command.wait()
        assert done.returncode == INTERRUPTED, done.stderr
        again = " ".join(map(str, (*OPTIONS, "--out", run, "--resume")))
        assert done.stderr.splitlines()[-1] == f"magnet: interrupted; go on with: magnet {again}"
        assert "Traceback" not in done.stderr
        wait_until(lambda: not command.processes(), pause=0.2, seconds=20)
    assert 0 < shards_done(run) < SHARDS


@pytest.mark.parametrize("line", ["reading and trying", "starting Ray"])
def test_a_run_can_be_interrupted_before_it_makes_anything(line: str, tmp_path: Path) -> None:
    with started(*OPTIONS, "--out", tmp_path / "run") as command:
        assert command.process.stderr is not None
        while line not in (told := command.process.stderr.readline()):
            assert told, "it ended before its time"
        wait_until(lambda: line != "starting Ray" or any("gcs_server" in name for name in command.processes().values()))
        os.kill(command.process.pid, signal.SIGINT)
        done = command.wait()
        assert (done.returncode, "Traceback" in done.stderr) == (INTERRUPTED, False), done.stderr
        wait_until(lambda: not command.processes(), pause=0.2, seconds=20)


FLAKY = '''
def weigh_parcel(sender: str, grams: int) -> dict[str, int]:
    """Weigh a parcel.

    Args:
        sender: Name of the sender.
        grams: Weight in grams.
    """
    if (grams + len(sender)) % 3 == 0:
        raise ValueError("the scale is jammed")
    return {"fee": grams * 2}


def track_parcel(sender: str) -> str:
    """Track the parcel of a sender.

    Args:
        sender: Name of the sender.
    """
    if sum(map(ord, sender)) % 2:
        raise ValueError("no such sender")
    return "on its way"
'''


def test_too_many_failures_end_a_run_and_a_larger_budget_finishes_it(tmp_path: Path) -> None:
    source, run = tmp_path / "parcels.py", tmp_path / "run"
    source.write_text(FLAKY, encoding="utf-8")
    settings = ("ray.shard_size=4", "ray.num_cpus=2", "retries.call=0", "retries.turn=0")
    options = ("synthesize", "--source", f"python:{source}", "--num", 40, *(f"--set={setting}" for setting in settings), "--out", run)
    failed = magnet(*options, "--set", "failure_budget=0")
    assert failed.returncode == FAILED, failed.stderr
    told = failed.stderr.splitlines()[-1]
    assert told.startswith("magnet: ")
    assert "of 40 paths failed, more than the budget of 0%: " in told
    assert "for example, " in told
    assert "raise failure_budget and go on with --resume" in told
    assert "Traceback" not in failed.stderr
    with pytest.raises(RunError, match="is not finished"):
        read_manifest(run)
    made = shards_done(run)
    assert made
    done = magnet(*options, "--set", "failure_budget=1", "--resume")
    assert done.returncode == DONE, done.stderr
    assert f"making paths: {made * 4} of 40 were done before" in done.stderr
    counts = read_manifest(run).counts
    assert counts.failed > 0
    assert counts.kept + counts.failed == 40
