"""Lines that one process adds to a file, which outlive its end whenever it comes.

On a disk a line is one `write`, so a kill costs at most the line being written. An object store cannot append: there the lines are
gathered and put as a further object every `PUT_SECONDS` and at the end, so a kill costs the lines of the last `PUT_SECONDS` and those
of a put under way. The objects of one file sort in the order of its lines.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final
from uuid import uuid4

from magnet_ray.places import Place, storage_errors

PUT_SECONDS: Final = 10.0
"""Longest time that a line waits to be put on an object store."""
ENDING: Final = ".jsonl"


class LineFile:
    """A file of a name that nobody else has, made at its first line."""

    def __init__(self, directory: Place, prefix: str = "", put_seconds: float = PUT_SECONDS) -> None:
        """
        Args:
            directory: an existing directory.
            prefix: what the file's name begins with.
            put_seconds: longest time that a line waits on a store.
        """
        self._directory, self._name, self._put_seconds = directory, f"{prefix}{uuid4().hex}", put_seconds
        self._descriptor: int | None = None
        self._waiting: list[bytes] = []
        self._parts = 0
        self._timer: threading.Timer | None = None
        self._refusal: Exception | None = None
        self._adding, self._putting = threading.Lock(), threading.Lock()

    def add(self, line: bytes) -> None:
        """Add a line, which ends with its line feed.

        Raises:
            Exception: the disk or the store refuses, one of `storage_errors()`.
        """
        if isinstance(self._directory, Path):
            self._append(self._directory, line)
            return
        self._check()
        with self._adding:
            self._waiting.append(line)
            if self._timer is None:
                # Another thread's, so that whoever adds lines waits for no store.
                self._timer = threading.Timer(self._put_seconds, self._put)
                self._timer.daemon = True
                self._timer.start()

    def close(self) -> None:
        """Put what waits and close the file; calling it twice is fine.

        Raises:
            Exception: as `add`.
        """
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
        if self._timer is not None:
            self._timer.cancel()
        self._put()
        self._check()

    def _append(self, directory: Path, line: bytes) -> None:
        if self._descriptor is None:
            file = directory / f"{self._name}{ENDING}"
            self._descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
        if os.write(self._descriptor, line) != len(line):
            raise OSError("no space left for a whole line")

    def _put(self) -> None:
        with self._putting:
            with self._adding:
                lines, self._waiting, self._timer = self._waiting, [], None
            if not lines or isinstance(self._directory, Path):
                return
            part = self._directory / f"{self._name}.{self._parts:05d}{ENDING}"
            try:
                part.fs.pipe_file(part.path, b"".join(lines))
                self._parts += 1
            except storage_errors() as error:
                # Told to whoever adds the next line.
                self._refusal = error

    def _check(self) -> None:
        if self._refusal is not None:
            raise self._refusal
