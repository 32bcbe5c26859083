"""Files that are whole or absent, whoever is killed and whenever.

On a disk a file is written beside its place and renamed; on an object store it is written here and put, which no reader sees half done.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import pyarrow as pa
import pyarrow.parquet as pq

from magnet_ray.errors import RunError
from magnet_ray.places import Place, put_file, reason, storage_errors


def write_table(path: Place, table: pa.Table) -> None:
    """Write a table as Parquet, atomically."""
    write_atomically(path, lambda temporary: pq.write_table(table, temporary, compression="zstd"))


def write_json(path: Place, value: Mapping[str, Any]) -> None:
    """Write a JSON object, atomically."""
    text = json.dumps(value, indent=2, ensure_ascii=False) + "\n"
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def write_atomically(path: Place, write: Callable[[Path], object]) -> None:
    """Let `write` fill a temporary file, and put that in place of `path`.

    Raises:
        RunError: the disk or the store refused.
    """
    try:
        if isinstance(path, Path):
            _write_beside(path, write)
            return
        with TemporaryDirectory() as directory:
            temporary = Path(directory) / path.name
            write(temporary)
            put_file(temporary, path)
    except storage_errors() as error:
        raise RunError(f"{path} cannot be written", reason(error), fix="free some space or choose another --out") from None


def _write_beside(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, flush it to the disk and give it its name."""
    temporary = path.with_name(f".{path.name}.{uuid4().hex}.tmp")
    try:
        write(temporary)
        _flush(temporary)
        temporary.replace(path)
        _flush(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def read_json(path: Place) -> dict[str, Any]:
    """The JSON object in a file that this package wrote.

    Raises:
        RunError: it is missing, unreadable or something else.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except storage_errors(ValueError) as error:
        raise RunError(f"{path} cannot be read", str(error), fix="start anew in another directory") from None
    if not isinstance(values, dict):
        raise RunError(f"{path} is not a JSON object", type(values).__name__, fix="start anew in another directory")
    return values


def checksum(path: Place) -> str:
    """The hexadecimal SHA-256 of a file."""
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
