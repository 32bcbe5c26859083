"""How far a pool overlaps with BFCL-v3: in names, in sets of parameters, in the words of descriptions.

Against every function that the benchmark shows a model: the multi-turn documentation and the `function` lists of all
test files. `bfcl_queries` gives the users' words of those files for the contamination check.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from magnet_ray.functions.bfcl import documented_functions, package_root, plain_schema
from magnet_ray.types import FunctionSpec, compact

GRAM: Final = 13
"""Words in a row that count as shared text."""
MIN_PARAMETERS: Final = 3
"""Parameters from which on an equal set says something."""
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """One function of a pool that resembles one of the benchmark."""

    function: str
    """Name in the pool."""
    reference: str
    """Name in the benchmark."""
    kind: str
    """`name`, `parameters` or `description`."""
    detail: str
    """What they share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverlapReport:
    """What a pool shares with the benchmark."""

    compared: int
    """Functions of the pool."""
    references: int
    """Distinct functions of the benchmark."""
    overlaps: tuple[Overlap, ...]
    """Everything found, by function and kind."""

    def count(self, kind: str) -> int:
        """Functions of the pool with an overlap of this kind."""
        return len({item.function for item in self.overlaps if item.kind == kind})

    def lines(self) -> list[str]:
        """The report for a terminal."""
        head = [
            f"{self.compared} functions compared with {self.references} of BFCL-v3",
            *(f"{self.count(kind)} share {what}" for kind, what in KINDS.items()),
        ]
        return head + [f"  {item.kind}: {item.function} ~ {item.reference}: {item.detail}" for item in self.overlaps]


KINDS: Final = {
    "name": "a name",
    "parameters": f"a set of {MIN_PARAMETERS} or more parameters",
    "description": f"{GRAM} words in a row of their description",
}


def report_overlap(specs: Sequence[FunctionSpec], bfcl_specs: Sequence[FunctionSpec]) -> OverlapReport:
    """Compare a pool with the benchmark's functions (see `bfcl_functions`)."""
    names: dict[str, str] = {}
    parameters: dict[frozenset[str], str] = {}
    grams: dict[str, str] = {}
    for spec in bfcl_specs:
        names.setdefault(normal_name(spec.name), spec.name)
        names.setdefault(normal_name(spec.name.rsplit(".", 1)[-1]), spec.name)
        parameters.setdefault(_parameter_set(spec), spec.name)
        for gram in word_grams(spec.description):
            grams.setdefault(gram, spec.name)
    found = []
    for spec in specs:
        if reference := names.get(normal_name(spec.name)):
            found.append(Overlap(function=spec.name, reference=reference, kind="name", detail=normal_name(spec.name)))
        own = _parameter_set(spec)
        if len(own) >= MIN_PARAMETERS and own in parameters:
            found.append(Overlap(function=spec.name, reference=parameters[own], kind="parameters", detail=", ".join(sorted(own))))
        shared = next((gram for gram in word_grams(spec.description) if gram in grams), "")
        if shared:
            found.append(Overlap(function=spec.name, reference=grams[shared], kind="description", detail=shared))
    return OverlapReport(compared=len(specs), references=len({spec.name for spec in bfcl_specs}), overlaps=tuple(found))


@lru_cache(maxsize=1)
def bfcl_functions() -> tuple[FunctionSpec, ...]:
    """Every distinct function of BFCL-v3, under its own name.

    Raises:
        SourceError: `bfcl_eval` is not installed.
    """
    root = package_root()
    distinct: dict[str, FunctionSpec] = {}
    for function in [*documented_functions(root), *(item for entry in _entries() for item in entry.get("function", ()))]:
        spec = _reference(function)
        distinct.setdefault(compact([spec.name, spec.parameters]), spec)
    return tuple(distinct.values())


@lru_cache(maxsize=1)
def bfcl_queries() -> tuple[str, ...]:
    """Every distinct user message of BFCL-v3's test files, in the files' order.

    Raises:
        SourceError: `bfcl_eval` is not installed.
    """
    queries: dict[str, None] = {}
    for entry in _entries():
        for turn in entry["question"]:
            for message in turn if isinstance(turn, list) else [turn]:
                if message["role"] == "user" and message["content"].strip():
                    queries.setdefault(message["content"].strip())
    return tuple(queries)


def normal_name(name: str) -> str:
    """A name without case, separators and camel humps: `get_userId` and `GetUserID` are the same."""
    return "".join(_WORD.findall(name.lower()))


def word_grams(text: str, size: int = GRAM) -> Iterator[str]:
    """Runs of `size` words, in lower case and without punctuation."""
    words = _WORD.findall(text.lower())
    return (" ".join(words[start : start + size]) for start in range(len(words) - size + 1))


def _parameter_set(spec: FunctionSpec) -> frozenset[str]:
    return frozenset(normal_name(parameter) for parameter in spec.properties)


def _entries() -> Iterator[dict[str, Any]]:
    for path in sorted((package_root() / "data").glob("BFCL_v3_*.json")):
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield json.loads(line)


def _reference(function: Mapping[str, Any]) -> FunctionSpec:
    return FunctionSpec(
        name=function["name"],
        description=function.get("description", "").rsplit("Tool description:", 1)[-1].strip(),
        parameters=compact({"type": "object", **plain_schema(function.get("parameters", {}))}),
        category="bfcl",
        source="bfcl:original",
        environment="",
    )
