"""Who holds a run directory on an object store. What a disk's kernel does is tried in `test_artifacts`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from upath import UPath

from magnet_ray.errors import RunError
from magnet_ray.locks import LockTimes, take_lock
from magnet_ray.places import Place, entries
from tests.cluster_support import ROOT, wait_until

QUICK = LockTimes(beat=0.2, stale=4.0, look=0.1)
"""Stale after more than the second that a store's clock counts in, and than a busy machine sleeps."""


@contextmanager
def holder(bucket: Place, times: LockTimes = QUICK) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock until it is killed."""
    body = (
        "import sys, time\nfrom magnet_ray.locks import LockTimes, take_lock\nfrom magnet_ray.places import place\n"
        f"lock = take_lock(place(sys.argv[1]) / 'lock', {times!r})\nprint('held', flush=True)\ntime.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", body, str(bucket)], stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline() == "held\n"
            yield process
        finally:
            process.kill()


def test_a_put_that_must_not_replace_anything_does_not(bucket: Place) -> None:
    assert isinstance(bucket, UPath)
    file = (bucket / "file").path
    bucket.fs.pipe_file(file, b"first", mode="create")
    with pytest.raises(FileExistsError):
        bucket.fs.pipe_file(file, b"second", mode="create")
    assert bucket.fs.cat_file(file) == b"first"


def test_a_lock_that_is_renewed_is_refused_with_its_holder_and_a_released_one_is_free(bucket: Place) -> None:
    first = take_lock(bucket / "lock", QUICK)
    with pytest.raises(RunError, match=rf"^{bucket} is being written by process {os.getpid()} on .*; wait for it or stop it, or choose"):
        take_lock(bucket / "lock", QUICK)
    first.check()
    first.release()
    first.release()
    assert entries(bucket) == set()
    again = take_lock(bucket / "lock", QUICK)
    again.check()
    again.release()


def test_a_killed_holder_blocks_nobody_for_longer_than_said(bucket: Place, caplog: pytest.LogCaptureFixture) -> None:
    with holder(bucket) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    began = time.monotonic()
    lock = take_lock(bucket / "lock", QUICK)
    # A store's clock counts whole seconds.
    assert time.monotonic() - began >= QUICK.stale - 1.5
    assert entries(bucket / "lock") == {"00002"}
    assert "gave no sign of life; going on without it in" in caplog.text
    lock.release()


def test_a_lock_that_was_left_long_ago_is_taken_at_once(bucket: Place) -> None:
    with holder(bucket) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    time.sleep(2)
    began = time.monotonic()
    take_lock(bucket / "lock", LockTimes(beat=0.2, stale=1.0, look=600.0)).release()
    assert time.monotonic() - began < 300


def test_a_holder_that_slept_too_long_finds_out_and_leaves_the_new_one_alone(bucket: Place) -> None:
    slept = take_lock(bucket / "lock", LockTimes(beat=1.0, stale=4.0))
    # By this reckoning it is dead at once.
    new = take_lock(bucket / "lock", LockTimes(beat=0.2, stale=-10.0))

    def found_out() -> bool:
        try:
            slept.check()
        except RunError as error:
            return str(error).startswith(f"another process took over {bucket} while this one gave no sign of life")
        return False

    wait_until(found_out, seconds=30)
    slept.release()
    new.check()
    assert entries(bucket / "lock") == {"00002"}
    new.release()


def test_a_higher_number_holds_though_the_lower_one_is_still_there(bucket: Place) -> None:
    lock = take_lock(bucket / "lock", QUICK)
    (bucket / "lock" / "00002").write_text('{"token": "another"}')

    def lost() -> bool:
        try:
            lock.check()
        except RunError:
            return True
        return False

    wait_until(lost, seconds=30)
    lock.release()
    assert entries(bucket / "lock") == {"00002"}


class Raced(MemoryFileSystem):  # type: ignore[misc]
    """A store on which somebody else is always a moment quicker with a lock, and lives."""

    beats = 0

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **more: Any) -> None:
        if path.endswith("00001") and not self.exists(path):
            super().pipe_file(path, b'{"holder": "the quicker one", "token": "another"}')
        super().pipe_file(path, value, mode, **more)

    def cat_file(self, path: str, *more: Any, **named: Any) -> bytes:
        self.beats += 1
        return json.dumps(json.loads(super().cat_file(path, *more, **named)) | {"beats": self.beats}).encode()


def test_of_two_that_find_no_lock_the_quicker_one_has_it() -> None:
    ours = fsspec.get_filesystem_class("memory")
    fsspec.register_implementation("memory", Raced, clobber=True)
    try:
        with pytest.raises(RunError, match="is being written by the quicker one"):
            take_lock(UPath(f"memory://{uuid4().hex}/run/lock"), QUICK)
    finally:
        fsspec.register_implementation("memory", ours, clobber=True)


def test_a_lock_says_who_holds_it_and_nothing_else(bucket: Place) -> None:
    lock = take_lock(bucket / "lock", QUICK)
    held = json.loads((bucket / "lock" / "00001").read_text())
    lock.release()
    assert held.keys() == {"holder", "token", "beats"}
    assert held["holder"].startswith(f"process {os.getpid()} on ")
