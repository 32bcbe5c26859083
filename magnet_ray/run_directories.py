"""Claiming the directory of a run: `run.json` opens it and holds its configuration, `manifest.json` says that it is finished.

One driver at a time: the lock ends with the process that holds it. A run is resumed only under the configuration and the version
that it began with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from magnet_ray.atomic_files import read_json, write_json
from magnet_ray.errors import ConfigError, RunError
from magnet_ray.finished_runs import FORMAT, MANIFEST_FILE, RUN_FILE, check_format
from magnet_ray.locks import Lock, take_lock
from magnet_ray.places import Place, entries, make_directory
from magnet_ray.sections import Section, parse_section, section_differences, section_values

LOCK_FILE = "lock"
PACKAGES = (
    *("magnet_ray", "ray", "pyarrow", "numpy", "networkx", "pydantic", "datasketch", "jsonschema_rs", "bfcl_eval"),
    *("torch", "transformers", "trl", "peft", "accelerate"),
)


def claim_directory(path: Place, kind: str, config: Section, *, resume: bool) -> Lock:
    """Open a run of a kind of job in an empty or new directory, or an unfinished one again when `resume` is set.

    Returns:
        the lock, to be released when the job ends.

    Raises:
        RunError: the directory is in use, not empty, not a run, finished, or of another configuration or version.
    """
    _check_place(path, resume)
    try:
        make_directory(path)
    except OSError as error:
        raise RunError(f"the run directory {path} cannot be created", error.strerror, fix="choose another --out") from None
    lock = take_lock(path / LOCK_FILE)
    try:
        # Again, now that nobody else can write: another process may have been here in between.
        _check_place(path, resume)
        if (path / RUN_FILE).exists():
            _check_resumable(path, kind, config)
        else:
            write_json(path / RUN_FILE, {"format": FORMAT, "kind": kind, "config": section_values(config), "versions": package_versions()})
    except BaseException:
        lock.release()
        raise
    return lock


def package_versions() -> dict[str, str]:
    """Versions of the packages that can change what a run makes, where they are installed."""
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _check_place(path: Place, resume: bool) -> None:
    """Refuse a directory that a run cannot start or go on in."""
    if isinstance(path, Path) and path.is_file():
        raise RunError(f"{path} is a file", expected="a directory", fix="choose another --out")
    names = entries(path)
    if MANIFEST_FILE in names:
        raise RunError(f"{path} holds a finished run", fix="choose another --out, or remove it first")
    if RUN_FILE in names:
        if not resume:
            raise RunError(f"{path} holds an unfinished run", fix="add --resume to go on with it, or choose another --out")
        return
    # What a run leaves that was stopped before it was opened.
    ours = {LOCK_FILE, "shards"}
    if others := sorted(name for name in names - ours if not name.endswith(".tmp")):
        raise RunError(
            f"{path} is not empty and holds no run", f"{others[0]} and {len(others) - 1} more entries", fix="choose another --out"
        )


def _check_resumable(path: Place, kind: str, config: Section) -> None:
    """Refuse to resume a run of another configuration, format or version."""
    run = read_json(path / RUN_FILE)
    check_format(path, run)
    if run.get("kind") != kind:
        raise RunError(f"{path} holds a run of magnet {run.get('kind')}", expected=f"one of magnet {kind}", fix="choose another --out")
    try:
        began_with = parse_section(type(config), run.get("config", {}))
    except ConfigError as error:
        raise RunError(f"{path / RUN_FILE} is damaged: {error}", fix="start anew in another --out") from None
    if differences := section_differences(began_with, config):
        then, now = section_values(began_with), section_values(config)
        shown = "; ".join(f"{key} was {_at(then, key)}, is {_at(now, key)}" for key in differences)
        raise RunError(f"the run in {path} began with another configuration: {shown}", fix="use the same options, or another --out")
    ours, theirs = package_versions().get("magnet_ray"), run.get("versions", {}).get("magnet_ray")
    if ours != theirs:
        raise RunError(
            f"the run in {path} began with magnet_ray {theirs}", ours, fix="install that version, or start anew in another --out"
        )


def _at(values: Mapping[str, Any], key: str) -> str:
    value: Any = values
    for part in key.split("."):
        value = None if value is None else value[part]
    return json.dumps(value)
