"""Where a run lies: a directory of this machine, or a prefix of an object store (`s3://bucket/run`, `gs://bucket/run`).

A local place is a plain `pathlib.Path`, one on a store a `UPath`, which has the same methods. Invariants: no listing is remembered,
for another process may have written since; a store's address and credentials come from its client's own environment
(AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, GOOGLE_APPLICATION_CREDENTIALS, …) and are never written down; no bucket is ever created.
A store has no directories, no renaming and no appending: an object is put whole, and replaces the one before.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Final

from upath import UPath

from magnet_ray.errors import RunError

Place = Path | UPath
"""A local path, or one on an object store."""
_CLIENTS: Final = {"s3": ("s3fs", "s3"), "gs": ("gcsfs", "gcs")}
"""Scheme -> the package that speaks to the store, and our extra that installs it."""
STORES: Final = tuple(f"{scheme}://" for scheme in _CLIENTS)
"""How the addresses on stores begin."""
_CLIENT_ERRORS: Final = (("botocore.exceptions", "BotoCoreError"), ("google.auth.exceptions", "GoogleAuthError"))
"""What clients raise that is no OSError: no credentials, nobody at the address."""


_READ_FIX: Final = "correct the address, or let it be read"


def place(where: str | os.PathLike[str] | Place) -> Place:
    """The place that a text names. The store is not asked anything.

    Raises:
        RunError: no such kind of store, its client is not installed, or the address names no bucket or holds credentials.
    """
    if isinstance(where, UPath):
        return where
    text = os.fspath(where)
    scheme, separator, rest = text.partition("://")
    if not separator and text.partition(":/")[0] in _CLIENTS:
        raise RunError(f"{text} is no address", expected=f"two slashes: {text.replace(':/', '://', 1)}", fix="correct the address")
    if not separator:
        return Path(where)
    bucket = rest.partition("/")[0]
    if "@" in bucket or ":" in bucket:
        # The address is not repeated, for it may hold a secret.
        raise RunError(
            f"an address {scheme}://… holds more than a bucket", fix="leave credentials to the environment, as the client reads them"
        )
    if scheme not in _CLIENTS or not bucket:
        schemes = " or ".join(f"{name}://BUCKET/PREFIX" for name in _CLIENTS)
        raise RunError(f"{text} cannot hold a run", expected=f"a directory, {schemes}", fix="correct the address")
    client, extra = _CLIENTS[scheme]
    try:
        import_module(client)
    except ModuleNotFoundError:
        raise RunError(f"{text} needs the package {client}", fix=f"pip install 'magnet-ray[{extra}]'") from None
    found = UPath(text.rstrip("/"), use_listings_cache=False)
    # Made here, so that all paths below share one client.
    found.fs  # noqa: B018
    return found


def storage_errors(*more: type[Exception]) -> tuple[type[Exception], ...]:
    """What a disk or a store raises when it refuses, and `more`; made anew for each `except`, since clients are imported late."""
    return OSError, *client_errors(), *more


def client_errors() -> tuple[type[Exception], ...]:
    """Errors of the stores' clients that are no OSError."""
    return tuple(getattr(sys.modules[module], name) for module, name in _CLIENT_ERRORS if module in sys.modules)


def reason(error: Exception) -> str:
    """Why a disk or a store refused, in one line."""
    return getattr(error, "strerror", None) or " ".join(str(error).split()) or type(error).__name__


def entries(directory: Place) -> set[str]:
    """Names in a directory; none where there is no such directory.

    Raises:
        RunError: it cannot be read.
    """
    try:
        if isinstance(directory, Path):
            return {entry.name for entry in directory.iterdir()} if directory.is_dir() else set()
        names = {name.rstrip("/") for name in directory.fs.ls(directory.path, detail=False)}
    except FileNotFoundError:
        return set()
    except storage_errors() as error:
        raise RunError(f"{directory} cannot be read", reason(error), fix=_READ_FIX) from None
    # An object of the directory's own name is what some consoles make for an empty folder.
    return {name.rpartition("/")[2] for name in names - {directory.path.rstrip("/")}}


def matching(directory: Place, pattern: str) -> list[Place]:
    """The paths below a directory that fit a pattern, in the order of their names.

    Raises:
        RunError: it cannot be read.
    """
    found: Iterator[Place] = directory.glob(pattern)
    try:
        return sorted(found, key=str)
    except storage_errors() as error:
        raise RunError(f"{directory} cannot be read", reason(error), fix=_READ_FIX) from None


def make_directory(directory: Place) -> None:
    """Make a directory and those above it, where there are directories.

    Raises:
        OSError: the disk refused.
    """
    if isinstance(directory, Path):
        directory.mkdir(parents=True, exist_ok=True)


def remove_tree(directory: Place) -> None:
    """Remove a directory with all that is in it, if it is there."""
    if isinstance(directory, Path):
        shutil.rmtree(directory, ignore_errors=True)
    elif entries(directory):
        directory.fs.rm(directory.path, recursive=True)


def put_file(file: Path, target: UPath) -> None:
    """Put a local file on a store: whole or not at all.

    Raises:
        Exception: one of `storage_errors()`.
    """
    target.fs.put_file(str(file), target.path)
