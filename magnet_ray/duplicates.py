"""The second pass: near duplicates and overlaps with a benchmark's queries, over a whole run.

Both use MinHash (datasketch) over word 3-grams. A row goes when a row that is kept and has a smaller index is nearly
the same, so the outcome does not depend on how the run was sharded. Memory: the signatures, 256 bytes a row.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import orjson
from datasketch import MinHash

from magnet_ray.errors import SourceError
from magnet_ray.functions.overlap import bfcl_queries
from magnet_ray.types import Trajectory

PERMUTATIONS = 64
"""Length of a signature; the estimated similarity has a standard error of at most 1 / 16."""
BANDS = 16
"""Bands of 4 values: two rows with similarity 0.8 meet in one with probability 0.9998, with 0.5 in 0.64."""
_WORD = re.compile(r"\w+")

Signature = np.ndarray[Any, np.dtype[np.uint32]]

_EMPTY = MinHash(num_perm=PERMUTATIONS, seed=1, hashfunc=zlib.crc32)


def words(text: str) -> list[str]:
    """Lower-case words and numbers of a text."""
    return _WORD.findall(text.lower())


def shingles(text: str, size: int = 3) -> set[str]:
    """Word n-grams of a text; a shorter text is one shingle."""
    found = words(text)
    return {" ".join(found[index : index + size]) for index in range(max(1, len(found) - size + 1))}


def conversation_text(row: Trajectory) -> str:
    """What makes a conversation different from another: its words, its calls and its outputs."""
    parts = []
    for message in parsed_messages(row):
        parts.append(message["content"] if message["role"] != "system" else "")
        parts.extend(call["function"]["name"] + call["function"]["arguments"] for call in message.get("tool_calls", ()))
    return " ".join(parts)


def parsed_messages(row: Trajectory) -> list[dict[str, Any]]:
    """The messages of a row."""
    messages: list[dict[str, Any]] = orjson.loads(row.messages)
    return messages


def signature(text: str) -> Signature:
    """The MinHash signature of a text, shape (PERMUTATIONS,)."""
    return of_shingles(shingles(text))


def of_shingles(found: Iterable[str]) -> Signature:
    """The MinHash signature of a set of shingles, shape (PERMUTATIONS,)."""
    sketch = _EMPTY.copy()
    sketch.update_batch([item.encode() for item in found])
    values: Signature = sketch.hashvalues.astype(np.uint32)
    return values


def near_duplicates(indices: Sequence[int], signatures: Signature, threshold: float) -> dict[int, int]:
    """Rows to remove: index -> index of the kept row that it repeats.

    Args:
        indices: path index of each row.
        signatures: their signatures, shape (rows, PERMUTATIONS).
        threshold: estimated similarity from which two rows are the same.
    """
    order = sorted(range(len(indices)), key=lambda row: indices[row])
    removed: dict[int, int] = {}
    kept_in: dict[tuple[int, bytes], list[int]] = {}
    shared = _shared_bands(signatures)
    for row in order:
        bands = [(band, signatures[row, _columns(band)].tobytes()) for band in np.flatnonzero(shared[row]).tolist()]
        twin = _twin(signatures, row, (other for band in bands for other in kept_in.get(band, ())), threshold)
        if twin is not None:
            removed[int(indices[row])] = int(indices[twin])
            continue
        for band in bands:
            kept_in.setdefault(band, []).append(row)
    return removed


def _columns(band: int) -> slice:
    width = PERMUTATIONS // BANDS
    return slice(band * width, (band + 1) * width)


def _shared_bands(signatures: Signature) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which bands of each row stand in another row too, shape (rows, BANDS): only those can show a duplicate."""
    shared = np.zeros((len(signatures), BANDS), dtype=np.bool_)
    for band in range(BANDS):
        values = np.ascontiguousarray(signatures[:, _columns(band)])
        _, inverse, counts = np.unique(
            values.view(f"V{values.dtype.itemsize * values.shape[1]}").ravel(), return_inverse=True, return_counts=True
        )
        shared[:, band] = counts[inverse] > 1
    return shared


def _twin(signatures: Signature, row: int, candidates: Iterator[int], threshold: float) -> int | None:
    for other in sorted(set(candidates)):
        if float(np.mean(signatures[row] == signatures[other])) >= threshold:
            return other
    return None


class QueryIndex:
    """A benchmark's user queries, to find rows that repeat one."""

    def __init__(self, queries: Sequence[str], *, ngram: int, threshold: float) -> None:
        self._ngram, self._threshold = ngram, threshold
        self._ngrams: set[str] = set()
        self._shingles = [shingles(query) for query in queries]
        self._by_shingle: dict[str, list[int]] = {}
        for position, query in enumerate(queries):
            found = words(query)
            self._ngrams.update(" ".join(found[i : i + ngram]) for i in range(len(found) - ngram + 1))
            for item in self._shingles[position]:
                self._by_shingle.setdefault(item, []).append(position)

    def overlaps(self, query: str) -> bool:
        """Whether a query shares an n-gram with a test query, or at least the threshold of its 3-grams (Jaccard)."""
        found = words(query)
        if any(" ".join(found[i : i + self._ngram]) in self._ngrams for i in range(len(found) - self._ngram + 1)):
            return True
        mine = shingles(query)
        near: dict[int, int] = {}
        for item in mine:
            for position in self._by_shingle.get(item, ()):
                near[position] = near.get(position, 0) + 1
        return any(common / (len(mine) + len(self._shingles[position]) - common) >= self._threshold for position, common in near.items())


@lru_cache(maxsize=4)
def benchmark_index(ngram: int, threshold: float) -> QueryIndex | None:
    """The index of BFCL's test queries, or None where `bfcl_eval` is not installed."""
    try:
        queries = bfcl_queries()
    except SourceError:
        return None
    return QueryIndex(queries, ngram=ngram, threshold=threshold)


def user_queries(row: Trajectory) -> list[str]:
    """What the user says in a row."""
    return [message["content"] for message in parsed_messages(row) if message["role"] == "user"]
