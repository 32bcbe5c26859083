"""The parent's side of the worker processes: starting them, talking to them, ending them.

One worker for each set of modules, each set of limits and each process of ours. Every wait has a deadline; a
conversation that misses it is killed with its whole process group, by the id that its child told us.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from magnet_ray.environments.isolated_worker import HEADER, STATE_BYTES
from magnet_ray.errors import EnvironmentFault

MAX_REUSES = 200
"""Conversations that one process serves, where its target is reusable; its CPU limit counts all of them."""
MAX_IDLE = 4
"""Processes kept waiting for the next conversation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What third-party code may use."""

    call_seconds: float = 2.0
    """Wall-clock time of one call."""
    cpu_seconds: int = 30
    """Processor time of one conversation."""
    memory_bytes: int = 512 * 2**20
    """Address space on top of what the imported modules took."""
    output_bytes: int = 256 * 1024
    """Length of one output as JSON text."""
    import_seconds: float = 60.0
    """Wall-clock time of starting a worker and importing its modules."""


class Channel:
    """The parent's end of one conversation."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.pid = 0
        self.served = 0

    def request(self, message: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """Send a message and wait for its reply.

        Raises:
            EnvironmentFault: no reply within `seconds`, or the process ended; the conversation is over.
        """
        body = json.dumps({**message, "seconds": seconds}, separators=(",", ":")).encode()
        deadline = time.monotonic() + seconds
        try:
            self._connection.settimeout(seconds)
            self._connection.sendall(HEADER.pack(len(body)) + body)
            length = HEADER.unpack(self._receive(HEADER.size, deadline))[0]
            if length > STATE_BYTES:
                raise EnvironmentFault(f"a reply of {length} bytes is longer than {STATE_BYTES}")
            reply: dict[str, Any] = json.loads(self._receive(length, deadline))
        except TimeoutError:
            self._kill()
            raise EnvironmentFault(f"no answer within {seconds:g} s: the call was ended") from None
        except (OSError, EOFError):
            raise EnvironmentFault("the process ended during the call (exit, crash, or its memory or CPU limit)") from None
        except ValueError:
            raise EnvironmentFault("the process sent something that is no message") from None
        return reply

    def _receive(self, count: int, deadline: float) -> bytes:
        parts = b""
        while len(parts) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
            part = self._connection.recv(count - len(parts))
            if not part:
                raise EOFError
            parts += part
        return parts

    def _kill(self) -> None:
        # Alive, since it holds its end open: the id cannot have gone to another process. Before the first
        # reply the id is unknown, and the child's own timer ends it.
        if self.pid > 1:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.pid, signal.SIGKILL)

    def close(self) -> None:
        """Close the connection, at which the child ends itself and its process group."""
        self._connection.close()

    def __del__(self) -> None:
        # A conversation that was dropped without `close` must not leave its process behind.
        self._connection.close()


class Worker:
    """A process that has imported some modules and forks a child for each conversation."""

    def __init__(self, modules: Sequence[str], limits: Limits) -> None:
        self._lock = threading.Lock()
        ours, theirs = socket.socketpair()
        directory = tempfile.mkdtemp(prefix="magnet-isolated-")
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-P", "-B", "-m", "magnet_ray.environments.isolated_worker", str(theirs.fileno()), directory],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env=_environment(directory),
                start_new_session=True,
            )
        self._control = Channel(ours)
        self._socket = ours
        settings = {"modules": modules, "directory": directory, "memory_bytes": limits.memory_bytes, "cpu_seconds": limits.cpu_seconds}
        try:
            reply = self._control.request(settings, limits.import_seconds)
        except EnvironmentFault as error:
            self.close()
            raise EnvironmentFault(f"importing {', '.join(modules)} failed: {error}") from None
        if "error" in reply:
            self.close()
            raise EnvironmentFault(f"importing {', '.join(modules)} failed: {reply['error']}")

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    def converse(self) -> Channel:
        """Fork a child and return the channel to it.

        Raises:
            EnvironmentFault: the worker is gone.
        """
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                with self._lock:
                    socket.send_fds(self._socket, [b"o"], [theirs.fileno()])
            except OSError:
                ours.close()
                raise EnvironmentFault("the worker process is gone") from None
        return Channel(ours)

    def close(self) -> None:
        """End the process; it removes its directory itself, unless it must be killed."""
        self._socket.close()
        try:
            self._process.wait(timeout=2.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_WORKERS: dict[tuple[object, ...], Worker] = {}
_WORKERS_LOCK = threading.Lock()
_IDLE: dict[tuple[object, ...], list[Channel]] = {}


def worker_for(modules: tuple[str, ...], limits: Limits) -> Worker:
    """The running worker for these modules, started when needed; one for each process of ours that asks."""
    key = (os.getpid(), modules, limits)
    with _WORKERS_LOCK:
        worker = _WORKERS.get(key)
        if worker is None or not worker.alive:
            worker = _WORKERS[key] = Worker(modules, limits)
        return worker


def idle_channel(modules: tuple[str, ...], limits: Limits) -> Channel | None:
    """A process that waits for another conversation, or None."""
    idle = _IDLE.get((os.getpid(), modules, limits))
    return idle.pop() if idle else None


def keep_channel(channel: Channel, modules: tuple[str, ...], limits: Limits) -> bool:
    """Keep a process for another conversation; false when it has served enough, or enough wait."""
    idle = _IDLE.setdefault((os.getpid(), modules, limits), [])
    if channel.served >= MAX_REUSES or len(idle) >= MAX_IDLE:
        return False
    idle.append(channel)
    return True


def close_workers() -> None:
    """End every worker of this process; the next conversation starts a new one."""
    for key in [key for key in _IDLE if key[0] == os.getpid()]:
        for channel in _IDLE.pop(key):
            channel.close()
    with _WORKERS_LOCK:
        for key in [key for key in _WORKERS if key[0] == os.getpid()]:
            _WORKERS.pop(key).close()


atexit.register(close_workers)


@lru_cache(maxsize=1)
def _search_path() -> str:
    package_root = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    entries = [os.path.abspath(entry or os.getcwd()) for entry in [*sys.path, os.getcwd(), package_root]]
    return os.pathsep.join(dict.fromkeys(entry for entry in entries if os.path.exists(entry)))


def _environment(directory: str) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": directory,
        "TMPDIR": directory,
        "TZ": "UTC",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": _search_path(),
        # One thread is enough for a call, and pools of threads do not survive a fork.
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
    }
