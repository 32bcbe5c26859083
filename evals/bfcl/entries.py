"""The benchmark's entries, read from the data that an installed `bfcl_eval` holds; its code is not imported here."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final, Literal

from evals.bfcl.categories import Category
from magnet_ray.errors import ConfigError

Version = Literal[3, 4]
"""Of the benchmark. Of BFCL-v4 only the multi-turn categories run here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Release:
    """The release of bfcl_eval that holds a version of the benchmark."""

    package: str
    """Version of the package."""
    prefix: str
    """How the names of its files begin."""
    module: str
    """What runs in the isolated processes."""

    @property
    def install(self) -> str:
        """How it is installed."""
        return f"pip install 'magnet-ray[eval]' && pip install --no-deps bfcl-eval=={self.package}"


RELEASES: Final[Mapping[Version, Release]] = {
    3: Release(package="2025.6.8", prefix="BFCL_v3", module="evals.bfcl.inside"),
    4: Release(package="2026.3.23", prefix="BFCL_v4", module="evals.bfcl.inside_v4"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One entry of the benchmark."""

    id: str
    """Its id, such as `live_simple_3-2-1`."""
    category: str
    """Its category."""
    text: str
    """The entry as JSON text, as the benchmark holds it: question, functions or classes and their initial state."""
    answer: str = ""
    """The entry's ground truth as JSON text; empty where the category has none."""
    number: int = 1
    """Which one of its id: the data give `live_relevance_3-3-0` to two entries."""
    version: Version = 3
    """Version of the benchmark."""

    @property
    def key(self) -> str:
        """What tells it from every other entry."""
        return self.id if self.number == 1 else f"{self.id}#{self.number}"

    @property
    def values(self) -> dict[str, Any]:
        """The parsed entry, a fresh copy."""
        values: dict[str, Any] = json.loads(self.text)
        return values

    @property
    def ground_truth(self) -> list[Any]:
        """The parsed answer: for a conversation calls of each turn, else acceptable calls; empty where there is none."""
        truth: list[Any] = json.loads(self.answer)["ground_truth"] if self.answer else []
        return truth

    @property
    def turns(self) -> int:
        """Turns of the user."""
        return len(self.values["question"])


def read_entries(categories: Sequence[Category], limit: int | None = None, seed: int = 1, version: Version = 3) -> tuple[Entry, ...]:
    """The entries of some categories, in the benchmark's order.

    Args:
        categories: which.
        limit: most entries of each; None: all.
        seed: of the choice. The same seed chooses the same entries whatever the other categories are, and a higher limit only adds.
        version: of the benchmark.

    Raises:
        ConfigError: bfcl_eval is missing or is another release.
    """
    directory = data_directory(version)
    return tuple(entry for category in categories for entry in _sample(_read(directory, category, version), limit, seed))


def data_directory(version: Version = 3) -> Path:
    """Where the installed package keeps its data.

    Raises:
        ConfigError: bfcl_eval is missing or is another release.
    """
    release = RELEASES[version]
    specification = find_spec("bfcl_eval")
    if specification is None or specification.origin is None:
        raise ConfigError("BFCL needs the package bfcl_eval, which is not installed", fix=f"run: {release.install}")
    try:
        found = installed("bfcl_eval")
    except PackageNotFoundError:
        found = "an unknown release"
    if found != release.package:
        raise ConfigError("bfcl_eval is another release", found, f"{release.package} for BFCL-v{version}", f"run: {release.install}")
    return Path(specification.origin).parent / "data"


def _read(directory: Path, category: Category, version: Version) -> Iterator[Entry]:
    name = f"{RELEASES[version].prefix}_{category.name}.json"
    answers = {json.loads(line)["id"]: line for line in _lines(directory / "possible_answer" / name)} if category.has_answers else {}
    times: Counter[str] = Counter()
    for line in _lines(directory / name):
        identity = json.loads(line)["id"]
        times[identity] += 1
        answer = answers.get(identity, "")
        yield Entry(id=identity, category=category.name, text=line, answer=answer, number=times[identity], version=version)


def _lines(file: Path) -> list[str]:
    try:
        return [line for line in file.read_text(encoding="utf-8").split("\n") if line.strip()]
    except OSError as error:
        raise ConfigError(f"{file} cannot be read", error.strerror, fix="install the package again") from None


def _sample(entries: Iterator[Entry], limit: int | None, seed: int) -> list[Entry]:
    every = list(entries)
    if limit is None or len(every) <= limit:
        return every
    drawn = sorted(every, key=lambda entry: blake2b(f"{seed}/{entry.key}".encode(), digest_size=8).digest())
    taken = {entry.key for entry in drawn[:limit]}
    return [entry for entry in every if entry.key in taken]
