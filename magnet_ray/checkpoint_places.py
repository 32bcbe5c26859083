"""Checkpoints on an object store: put whole, and fetched whole to where the libraries that load models can read them.

Invariants: the file that says what a checkpoint is, its `config.json` or an adapter's, is put last, so that nothing without it is one;
a fetched checkpoint is what the store holds now, by every file's size and version, and is fetched once for each machine.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from upath import UPath

from magnet_ray.errors import ModelError, RunError
from magnet_ray.places import Place, place, put_file, reason, remove_tree, storage_errors
from magnet_ray.types import content_id

try:
    import fcntl
except ImportError:  # Windows: two processes may fetch the same
    fcntl = None  # type: ignore[assignment]

MARKS: Final = frozenset({"config.json", "adapter_config.json"})
"""Files that make a directory a checkpoint, or an adapter."""
WEIGHTS: Final = (".safetensors", ".bin", ".gguf", ".pt", ".pth")
"""Endings of the large files."""
CACHE_VARIABLE: Final = "MAGNET_CACHE"
"""Names the directory that fetched checkpoints are kept in; ~/.cache/magnet_ray without it."""


def is_checkpoint(directory: Place) -> bool:
    """Whether a whole checkpoint or adapter lies there."""
    return any((directory / name).exists() for name in MARKS)


@contextmanager
def whole_directory(target: Place) -> Iterator[Path]:
    """A local directory to be made by the block, which becomes `target` when the block ends without an error.

    Raises:
        RunError: the store refused.
    """
    if isinstance(target, Path):
        temporary = target.with_name(f".{target.name}.tmp")
        yield temporary
        temporary.replace(target)
        return
    with TemporaryDirectory() as scratch:
        directory = Path(scratch) / target.name
        yield directory
        try:
            remove_tree(target)
            put_directory(directory, target)
        except storage_errors() as error:
            raise RunError(f"{target} cannot be written", reason(error), fix="go on with --resume when the store is back") from None


def put_directory(directory: Path, target: UPath) -> None:
    """Put all files of a local directory on a store, those that make it a checkpoint last.

    Raises:
        Exception: one of `storage_errors()`.
    """
    files = [file for file in sorted(directory.rglob("*")) if file.is_file()]
    for file in sorted(files, key=lambda file: file.name in MARKS):
        put_file(file, target / file.relative_to(directory).as_posix())


def fetched(model: str | Path, *, weights: bool = True) -> str:
    """Where a checkpoint is on this machine: `model` itself, or where it was fetched to from its store.

    Args:
        model: directory, name that a hub knows, or address on a store.
        weights: whether the large files are wanted.

    Raises:
        ModelError: nothing whole lies at the address, or it cannot be fetched.
    """
    if "://" not in str(model):
        return str(model)
    try:
        source: Any = place(str(model))
        files = _listed(source)
    except storage_errors(RunError) as error:
        raise ModelError(f"the checkpoint {model} cannot be read", reason(error), fix="correct the address, or let it be read") from None
    if not MARKS & files.keys():
        raise ModelError(
            f"{model} holds no whole checkpoint", expected=" or ".join(sorted(MARKS)), fix="name one, such as s3://bucket/run/model"
        )
    wanted = {name: version for name, version in files.items() if weights or not name.endswith(WEIGHTS)}
    target = _cache() / f"{source.name}-{content_id(str(model), *(f'{name} {version}' for name, version in sorted(wanted.items())))}"
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with _alone(target):
            if not target.exists():
                _fetch(source, wanted, target)
    except storage_errors() as error:
        raise ModelError(f"the checkpoint {model} cannot be fetched to {target.parent}", reason(error), fix="free some space") from None
    return str(target)


def _listed(source: Any) -> dict[str, tuple[int, str]]:
    """File -> size and version, of all that lies at a place."""
    found: Mapping[str, Mapping[str, Any]] = source.fs.find(source.path, detail=True)
    return {
        name.removeprefix(source.path).lstrip("/"): (int(about["size"]), _version(about))
        for name, about in found.items()
        if not name.endswith("/")
    }


def _version(about: Mapping[str, Any]) -> str:
    """What changes with an object's content."""
    return str(next((about[key] for key in ("ETag", "etag", "md5Hash", "LastModified", "created") if about.get(key)), ""))


def _cache() -> Path:
    named = os.environ.get(CACHE_VARIABLE)
    return (Path(named) if named else Path.home() / ".cache" / "magnet_ray") / "checkpoints"


@contextmanager
def _alone(target: Path) -> Iterator[None]:
    """Wait until no other process of this machine fetches the same."""
    with target.with_name(f".{target.name}.lock").open("w") as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _fetch(source: Any, files: Mapping[str, tuple[int, str]], target: Path) -> None:
    temporary = target.with_name(f".{target.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    for name, (size, _) in files.items():
        file = temporary / name
        file.parent.mkdir(parents=True, exist_ok=True)
        source.fs.get_file((source / name).path, str(file))
        if file.stat().st_size != size:
            raise OSError(f"{name} has {file.stat().st_size} bytes here and {size} there")
    temporary.replace(target)
