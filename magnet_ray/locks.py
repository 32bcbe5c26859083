"""One driver at a time in a run directory: a lock that dies with its holder.

On a disk the kernel holds it. On an object store it is an object below `lock/`, made by a put that fails where the object exists, and
put again every few seconds while its holder lives; the highest number holds. Whoever finds a lock that was not renewed for a minute,
by the store's own clock, makes the next number, which only one can: so a killed driver blocks nobody for longer, and two that come
at once are told apart. A holder that was taken for dead while it slept finds out and writes no manifest.
"""

from __future__ import annotations

import json
import logging
import os
import socket
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final, Protocol
from uuid import uuid4

from upath import UPath

from magnet_ray.errors import RunError
from magnet_ray.places import Place, entries, reason, storage_errors

try:
    import fcntl
except ImportError:  # Windows: no lock there
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True, slots=True, kw_only=True)
class LockTimes:
    """Seconds in the life of a lock on a store."""

    beat: float = 5.0
    """Between two renewals."""
    stale: float = 60.0
    """Without a renewal, after which the holder counts as dead."""
    look: float = 1.0
    """Between two looks at a lock that may be stale."""


TIMES: Final = LockTimes()


class Lock(Protocol):
    """A lock that this process holds."""

    def check(self) -> None:
        """Make sure that it is still held.

        Raises:
            RunError: another process has taken it over.
        """

    def release(self) -> None:
        """Give it up; calling it twice is fine."""


def take_lock(path: Place, times: LockTimes = TIMES) -> Lock:
    """Take the lock of a directory.

    Args:
        path: the lock's own path in the directory, which must exist on a disk.
        times: how long a lock on a store lives.

    Raises:
        RunError: another process holds it, or nothing can be written there.
    """
    return _take_file(path) if isinstance(path, Path) else _take_object(path, times)


def _in_use(path: Place, holder: str) -> RunError:
    return RunError(f"{path.parent} is being written by {holder}", fix="wait for it or stop it, or choose another --out")


def _unwritable(path: Place, error: Exception) -> RunError:
    return RunError(f"the run directory {path.parent} cannot be written", reason(error), fix="choose another --out")


def _this_process() -> str:
    return f"process {os.getpid()} on {socket.gethostname()}"


# On a disk


class FileLock:
    """A lock that the kernel frees when its holder dies."""

    def __init__(self, path: Path, file: IO[str] | None) -> None:
        self._path, self._file = path, file

    def check(self) -> None:
        """The kernel takes it from nobody who lives."""

    def release(self) -> None:
        """Give the lock up and remove its file; calling it twice is fine."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None


def _take_file(path: Path) -> FileLock:
    if fcntl is None:
        return FileLock(path, None)
    while True:
        try:
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise _unwritable(path, error) from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise _in_use(path, holder) from None
        except OSError:
            # A file system without locks, such as some object-store mounts.
            file.close()
            return FileLock(path, None)
        if _is_same_file(file, path):
            file.truncate(0)
            file.write(f"{_this_process()}\n")
            file.flush()
            return FileLock(path, file)
        # Its holder finished and removed it between our two steps.
        file.close()


def _is_same_file(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


# On an object store


class ObjectLock:
    """A lock object that a thread renews. Make it with `take_lock`."""

    def __init__(self, path: UPath, number: int, token: str, beat: float) -> None:
        self._file, self._token, self._beat = _numbered(path, number), token, beat
        self._path, self._number, self._lost = path, number, False
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._renew_until_the_end, daemon=True, name="run lock")
        self._thread.start()

    def check(self) -> None:
        """Make sure that it is still held.

        Raises:
            RunError: another process took this one for dead.
        """
        if self._lost:
            raise RunError(f"another process took over {self._path.parent} while this one gave no sign of life", fix="let that one go on")

    def release(self) -> None:
        """Stop renewing and remove the object; calling it twice is fine. Where the store is away, it becomes stale by itself."""
        if not self._ending.is_set():
            self._ending.set()
            self._thread.join()
            _remove(self._file)

    def _renew_until_the_end(self) -> None:
        beats = 0
        while not self._ending.wait(self._beat):
            beats += 1
            try:
                known = _read(self._file)
                self._lost = known is None or known["token"] != self._token or max(_numbers(self._path)) != self._number
                if self._lost:
                    return
                self._file.fs.pipe_file(self._file.path, _content(self._token, beats))
            except storage_errors(RunError):
                # The store is away: the next beat tries again.
                continue


def _take_object(path: UPath, times: LockTimes) -> ObjectLock:
    token = uuid4().hex
    while True:
        held = _numbers(path)
        if held and not _is_free(path, held[-1], times):
            continue
        number = held[-1] + 1 if held else 1
        if not _create(_numbered(path, number), token):
            # Somebody was quicker: the next look tells who.
            continue
        if _numbers(path)[-1] != number:
            # While we slept, others came, and the numbers went on without us.
            _remove(_numbered(path, number))
            continue
        for dead in held:
            _remove(_numbered(path, dead))
        return ObjectLock(path, number, token, times.beat)


def _is_free(path: UPath, number: int, times: LockTimes) -> bool:
    """Watch a lock until its holder renews it, gives it up or counts as dead; whether it is dead.

    Raises:
        RunError: it is renewed, so somebody holds it.
    """
    file = _numbered(path, number)
    found = _read(file)
    if found is None:
        return False
    death = time.monotonic() + times.stale - _age(path, file)
    announced = time.monotonic() + 2 * times.beat
    while time.monotonic() < death:
        time.sleep(times.look)
        now = _read(file)
        if now is None:
            return False
        if now != found:
            raise _in_use(path, str(now["holder"]))
        if time.monotonic() > announced:
            announced = death
            wait = death - time.monotonic()
            logging.getLogger(__name__).warning(
                "%s gave no sign of life; going on without it in %.0f s unless it does", found["holder"], wait
            )
    return True


def _numbers(path: UPath) -> list[int]:
    return sorted(int(name) for name in entries(path) if name.isdecimal())


def _numbered(path: UPath, number: int) -> UPath:
    return path / f"{number:05d}"


def _content(token: str, beats: int) -> bytes:
    return json.dumps({"holder": _this_process(), "token": token, "beats": beats}).encode()


def _create(file: UPath, token: str) -> bool:
    """Put an object that must not exist; whether it is ours."""
    try:
        file.fs.pipe_file(file.path, _content(token, 0), mode="create")
    except storage_errors() as error:
        known = _read(file)
        if known is None and not isinstance(error, FileExistsError):
            raise _unwritable(file.parent, error) from None
        # Ours even so when the first of two tries went through and its answer was lost.
        return known is not None and known["token"] == token
    return True


def _read(file: UPath) -> dict[str, object] | None:
    """What a lock object says; None when it is gone.

    Raises:
        RunError: the store refuses.
    """
    try:
        values = json.loads(file.fs.cat_file(file.path))
    except FileNotFoundError:
        return None
    except storage_errors() as error:
        raise _unwritable(file.parent, error) from None
    return {"holder": "another process", "token": "", **values}


def _age(path: UPath, file: UPath) -> float:
    """Seconds since a lock was renewed. By the store's clock, against an object put now: ours may be wrong."""
    now = path / f"look-{uuid4().hex}"
    try:
        now.fs.pipe_file(now.path, b"")
        return float((now.fs.modified(now.path) - file.fs.modified(file.path)).total_seconds())
    except FileNotFoundError:
        return 0.0
    except storage_errors() as error:
        raise _unwritable(path, error) from None
    finally:
        _remove(now)


def _remove(file: UPath) -> None:
    try:
        file.fs.rm_file(file.path)
    except storage_errors():
        return
