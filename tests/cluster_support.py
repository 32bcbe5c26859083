"""What the tests of real runs share: the command as a process of its own, the processes that it started, a small cluster.

Run as a module, it is a cluster: `python -m tests.cluster_support NODES` prints the address and ends with its stdin.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from magnet_ray.finished_runs import read_failures, read_trajectories
from magnet_ray.rows import to_row
from magnet_ray.types import Failure, Trajectory

ROOT = Path(__file__).parent.parent
MARK = "MAGNET_TEST_MARK"
"""Environment variable by which the processes of one run are known, whoever their parent is by now."""
PATIENCE = 300.0
"""Seconds within which anything that a test waits for happens, on a busy machine too."""

needs_proc = pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are found through /proc")


class Command:
    """A command of `magnet` as a process, with all processes that it started."""

    def __init__(
        self,
        arguments: Sequence[object],
        *,
        env: Mapping[str, str] | None = None,
        program: Sequence[str] = (),
        python: Path | str = sys.executable,
    ) -> None:
        self.mark = uuid4().hex
        inherited = {key: value for key, value in os.environ.items() if not key.startswith("RAY_")}
        self.process = subprocess.Popen(
            [str(python), *(program or ("-m", "magnet_ray.cli")), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**inherited, MARK: self.mark, **(env or {})},
            start_new_session=True,
            # A shell that starts the tests in the background has them, and so their children, ignore Ctrl-C.
            preexec_fn=_heed_interrupts,
        )

    def wait(self, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
        """What it printed and how it ended."""
        out, err = self.process.communicate(timeout=seconds)
        return subprocess.CompletedProcess(self.process.args, self.process.returncode, out, err)

    def processes(self) -> dict[int, str]:
        """Process id -> command line, of every living process that the command started, itself included."""
        return dict(_marked(self.mark))

    def workers(self) -> list[int]:
        """Ray workers that make a shard at this moment."""
        return [pid for pid, line in self.processes().items() if line.startswith("ray::Map(")]

    def kill_everything(self) -> None:
        """Leave nothing behind, whatever a test did."""
        for pid in self.processes():
            _kill(pid)
        self.process.wait(PATIENCE)
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()


@contextmanager
def started(
    *arguments: object, env: Mapping[str, str] | None = None, program: Sequence[str] = (), python: Path | str = sys.executable
) -> Iterator[Command]:
    """A running command; nothing of it is left afterwards."""
    command = Command(arguments, env=env, program=program, python=python)
    try:
        yield command
    finally:
        command.kill_everything()


def magnet(*arguments: object, env: Mapping[str, str] | None = None, seconds: float = PATIENCE) -> subprocess.CompletedProcess[str]:
    """A finished command."""
    with started(*arguments, env=env) as command:
        return command.wait(seconds)


def wait_until(condition: Callable[[], object], seconds: float = PATIENCE, pause: float = 0.005) -> None:
    """Wait for something to be true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(pause)


def shards_done(run: Path) -> int:
    """Shards that are whole on disk."""
    return sum(1 for _ in run.glob("shards/?????.parquet"))


def rows_by_id(run: Path) -> dict[str, str]:
    """Id -> the whole row or failure as text, of a finished run."""
    records: list[Trajectory | Failure] = [*read_trajectories(run, checksums=True), *read_failures(run, checksums=True)]
    rows = {record.id: json.dumps(to_row(record), ensure_ascii=False) for record in records}
    assert len(rows) == len(records), "an id stands in the run twice"
    return rows


@contextmanager
def cluster_of(nodes: int) -> Iterator[str]:
    """The address of a Ray cluster on this machine, of nodes with one CPU each."""
    with frail_cluster(nodes) as (address, _):
        yield address


@contextmanager
def frail_cluster(nodes: int) -> Iterator[tuple[str, Callable[[], None]]]:
    """The address of such a cluster, and what kills one of its nodes, but never the head, with everything on it."""
    with started(nodes, program=("-m", "tests.cluster_support")) as cluster:
        told, asked = cluster.process.stdout, cluster.process.stdin
        assert told is not None and asked is not None
        address = told.readline().strip()
        assert address, cluster.wait().stderr

        def kill_node() -> None:
            asked.write("kill\n")
            asked.flush()
            assert told.readline().strip() == "killed"

        yield address, kill_node
        cluster.wait()


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _marked(mark: str) -> Iterator[tuple[int, str]]:
    wanted = f"{MARK}={mark}".encode()
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name), (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
            except OSError:
                # It ended between two of our steps.
                continue


def _kill(pid: int) -> None:
    try:
        os.kill(pid, 9)
    except ProcessLookupError:
        return


def _serve_cluster(nodes: int) -> None:
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    others = [cluster.add_node(num_cpus=1) for _ in range(nodes - 1)]
    cluster.wait_for_nodes()
    print(cluster.address, flush=True)
    for _ in sys.stdin:
        cluster.remove_node(others.pop(), allow_graceful=False)
        print("killed", flush=True)
    # Its nodes end with this process.


if __name__ == "__main__":
    _serve_cluster(int(sys.argv[1]))
