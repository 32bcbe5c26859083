"""What one worker does for one shard: make its rows or read those that an earlier run made, write them, and sketch them.

The report that goes back holds counts and sketches, never rows, so the driver's memory does not grow with what a row holds.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray

from magnet_ray.artifacts import RunDirectory, is_whole, shard_files, write_shard
from magnet_ray.duplicates import PERMUTATIONS, benchmark_index, conversation_text, signature, user_queries
from magnet_ray.errors import RunError
from magnet_ray.rows import to_table
from magnet_ray.synthesis import Recipe, make_rows
from magnet_ray.table_files import read_records
from magnet_ray.types import Failure, Trajectory


def shard_item(run: RunDirectory[Any], shard: int, *, finished: bool) -> dict[str, Any]:
    """What a worker is told of a shard; `finished` when its rows are on disk."""
    paths = run.paths_of(shard)
    return {"directory": str(run.path.resolve()), "shard": shard, "start": paths.start, "stop": paths.stop, "finished": finished}


def work_shard(item: dict[str, Any], *, shared: Sequence[ray.ObjectRef[Recipe]], ngram: int, threshold: float) -> dict[str, Any]:
    """Make (or read) a shard, and report on it.

    Args:
        item: see `shard_item`.
        shared: the recipe, inside a list so that Ray does not unpack it for every shard.
        ngram: words in a row that count as contamination.
        threshold: similarity to a test query that counts as contamination.

    Returns:
        `shard`, `paths`, `finished`, `node`; `refusal`: why the rows could not be written, which no retry would change;
        `failures`: JSON text, see `by_reason`; `contaminated` and `indices`: JSON text, path indices of the rows that
        overlap with a benchmark, and of the others; `signatures`: uint32 bytes, shape (indices, PERMUTATIONS).
    """
    directory, indices, refusal = Path(item["directory"]), range(item["start"], item["stop"]), ""
    rows: Sequence[Trajectory]
    failures: Sequence[Failure]
    # A task that runs again, after its worker was lost, finds what it had written.
    if item["finished"] or is_whole(directory, item["shard"], len(indices)):
        done, failed = shard_files(directory, item["shard"])
        rows, failures = tuple(read_records(Trajectory, done)), tuple(read_records(Failure, failed))
    else:
        rows, failures = make_rows(indices, _recipe(shared[0]))
        try:
            write_shard(directory, item["shard"], indices, to_table(Trajectory, rows), failures)
        except RunError as error:
            refusal = str(error)
    return {
        "shard": item["shard"],
        "paths": len(indices),
        "finished": item["finished"],
        "node": ray.get_runtime_context().get_node_id(),
        "refusal": refusal,
        "failures": json.dumps(by_reason([(failure.reason.value, failure.detail) for failure in failures])),
        **_sketch(rows, ngram, threshold),
    }


def by_reason(failures: Sequence[tuple[str, str]]) -> dict[str, tuple[int, str]]:
    """(reason, detail) of each failure -> reason -> (count, the first detail)."""
    counts, examples = Counter(reason for reason, _ in failures), dict(reversed(failures))
    return {reason: (count, examples[reason]) for reason, count in counts.items()}


def _sketch(rows: Sequence[Trajectory], ngram: int, threshold: float) -> dict[str, Any]:
    """Signatures of the rows, and which of them overlap with a benchmark's queries."""
    index = benchmark_index(ngram, threshold)
    bad = {row.index for row in rows if index and any(index.overlaps(query) for query in user_queries(row))}
    kept = [row for row in rows if row.index not in bad]
    signatures = np.stack([signature(conversation_text(row)) for row in kept]) if kept else np.zeros((0, PERMUTATIONS), dtype=np.uint32)
    return {
        "contaminated": json.dumps(sorted(bad)),
        "indices": json.dumps([row.index for row in kept]),
        "signatures": signatures.tobytes(),
    }


_RECIPES: dict[str, Recipe] = {}


def _recipe(reference: ray.ObjectRef[Recipe]) -> Recipe:
    """The recipe, fetched once for each worker process, so that what it caches lives on between shards."""
    key = reference.hex()
    if key not in _RECIPES:
        _RECIPES.clear()
        _RECIPES[key] = ray.get(reference)
    return _RECIPES[key]
