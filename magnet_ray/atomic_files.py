"""Files that are whole or absent, whoever is killed and whenever, and a lock that dies with its holder."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from magnet_ray.errors import RunError

try:
    import fcntl
except ImportError:  # Windows: no lock there
    fcntl = None  # type: ignore[assignment]


def write_table(path: Path, table: pa.Table) -> None:
    """Write a table as Parquet, atomically."""
    write_atomically(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file beside `path`, flush it to the disk and give it its name.

    Raises:
        RunError: the disk refused.
    """
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        write(temporary)
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    except OSError as error:
        raise RunError(f"{path} cannot be written", error.strerror or str(error), fix="free some space or choose another --out") from None
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Path) -> dict[str, Any]:
    """The JSON object in a file that this package wrote.

    Raises:
        RunError: it is missing, unreadable or something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} cannot be read", str(error), fix="start anew in another directory") from None
    if not isinstance(values, dict):
        raise RunError(f"{path} is not a JSON object", type(values).__name__, fix="start anew in another directory")
    return values


def checksum(path: Path) -> str:
    """The hexadecimal SHA-256 of a file."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class FileLock:
    """A lock that one process holds on a path. Make it with `take_lock`."""

    def __init__(self, path: Path, file: IO[str] | None) -> None:
        self._path, self._file = path, file

    def release(self) -> None:
        """Give the lock up and remove its file; calling it twice is fine."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            self._file.close()
            self._file = None


def take_lock(path: Path) -> FileLock:
    """Lock a directory by a file in it. The kernel frees it when its holder dies, so a killed driver blocks nobody.

    Raises:
        RunError: another process holds it.
    """
    if fcntl is None:
        return FileLock(path, None)
    while True:
        try:
            file = path.open("a+", encoding="utf-8")
        except OSError as error:
            raise RunError(f"the run directory {path.parent} cannot be written", error.strerror, fix="choose another --out") from None
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            holder = file.read().strip() or "another process"
            file.close()
            raise RunError(f"{path.parent} is being written by {holder}", fix="wait for it or stop it, or choose another --out") from None
        except OSError:
            # A file system without locks, such as some object-store mounts.
            file.close()
            return FileLock(path, None)
        if _is_same_file(file, path):
            file.truncate(0)
            file.write(f"process {os.getpid()} on {socket.gethostname()}\n")
            file.flush()
            return FileLock(path, file)
        # Its holder finished and removed it between our two steps.
        file.close()


def _is_same_file(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
