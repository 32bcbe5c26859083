"""The reference's log-probabilities: of both sides of every pair, once, before the first step.

The reference is the model that training starts from, so the workers ask their own model while it still is that, each for its share of
the pairs, and no second model is ever loaded. What they find is kept by (weights, type, pair): a resumed run, and a run with another
beta or learning rate that shares the cache, asks for nothing. The template's part lies in the pair's tokens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
import torch.distributed as dist

from magnet_ray.atomic_files import write_table
from magnet_ray.errors import JobFailed
from magnet_ray.places import Place, make_directory, matching, place
from magnet_ray.table_files import whole_file
from magnet_ray.training.batches import Batches
from magnet_ray.training.losses import side_sums
from magnet_ray.training.packs import pack, scored_inputs
from magnet_ray.training.tokens import Tokens

SCHEMA = pa.schema([("key", pa.string()), ("chosen", pa.float64()), ("rejected", pa.float64())])
PAIRS_OF_ROUND = 256
"""Pairs of a worker after which what was found is written and told."""
Sums = tuple[float, float]
"""Sums over the right side's trained tokens and over the wrong side's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferencePlace:
    """Where log-probabilities of one reference are kept."""

    directory: str
    """Directory that all workers reach."""
    weights: str
    """Fingerprint of the reference's weights."""


def weights_fingerprint(checkpoint: Path) -> str:
    """SHA-256 over the weights of a checkpoint directory: names and contents of its safetensors files, hexadecimal."""
    digest = sha256()
    for file in sorted(checkpoint.glob("*.safetensors")):
        digest.update(file.name.encode())
        with file.open("rb") as stream:
            while block := stream.read(1 << 24):
                digest.update(block)
    return digest.hexdigest()


def pair_key(tokens: Tokens) -> str:
    """What a pair's log-probabilities depend on beside the model: its tokens, which of them count, and where its sides part."""
    parts = np.array([tokens.shared, tokens.chosen, tokens.rejected], np.int64)
    return sha256(parts.tobytes() + tokens.ids.tobytes() + tokens.mask.tobytes()).hexdigest()


def reference_log_probs(model: Any, rows: Sequence[Tokens], kept: ReferencePlace, *, kind: str, budget: int) -> dict[str, Sums]:
    """Pair id -> sums of the log-probabilities of the right and of the wrong side's trained tokens. Every worker calls it.

    Args:
        model: the reference, with a scored head, on its device; sharded or whole.
        rows: the pairs.
        kept: where known ones are kept.
        kind: type that it computes in, float32 or bfloat16.
        budget: tokens of a pack.
    """
    directory = place(kept.directory) / f"{kept.weights[:16]}-{kind}"
    pairs = {pair_key(tokens): tokens for tokens in rows}
    known = _agreed(_read(directory))
    missing = [tokens for key, tokens in pairs.items() if key not in known]
    for share in _shares(missing, budget):
        training = model.training
        model.eval()
        with torch.no_grad():
            found = {pair_key(tokens): sums for packed in share for tokens, sums in zip(packed, _sums(model, packed, kind), strict=True)}
        model.train(training)
        _write(directory, found)
        known |= _gathered(found)
    return {tokens.id: known[key] for key, tokens in pairs.items()}


def _shares(missing: Sequence[Tokens], budget: int) -> Iterator[list[list[Tokens]]]:
    """This worker's packs of each round. Sharded models want equally many passes of every worker, if only of nothing."""
    worker, workers = (dist.get_rank(), dist.get_world_size()) if dist.is_initialized() else (0, 1)
    batches = Batches(sizes=[len(tokens.ids) for tokens in missing], batch_size=PAIRS_OF_ROUND * workers)
    for step in range(batches.steps):
        yield [[missing[position] for position in packed] for packed in batches.layout_of(step, workers, budget)[worker]]


def _sums(model: Any, pairs: Sequence[Tokens], kind: str) -> list[Sums]:
    row = pack(pairs)
    device = next(model.parameters()).device
    inputs = {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in scored_inputs(row).items()}
    # As in training, or step 0 would see a margin.
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=kind == "bfloat16"):
        log_probs = model(**inputs)
    sums = side_sums(log_probs, row["owners"].to(device), row["sides"].to(device), len(row["ids"]))
    if not torch.isfinite(sums).all():
        raise JobFailed("the reference gives log-probabilities that are not finite; its weights are damaged, or overflow in this type")
    by_id = dict(zip(row["ids"], sums.tolist(), strict=True))
    # A pair without a trained token has no sums.
    return [(by_id[pair.id][0], by_id[pair.id][1]) if pair.id in by_id else (0.0, 0.0) for pair in pairs]


def _read(directory: Place) -> dict[str, Sums]:
    known: dict[str, Sums] = {}
    for file in matching(directory, "*.parquet"):
        table = pq.read_table(whole_file(file), schema=SCHEMA)
        known |= {row["key"]: (row["chosen"], row["rejected"]) for row in table.to_pylist()}
    return known


def _write(directory: Place, batch: Mapping[str, Sums]) -> None:
    if batch:
        make_directory(directory)
        columns = [list(batch), [chosen for chosen, _ in batch.values()], [rejected for _, rejected in batch.values()]]
        write_table(directory / f"{uuid4().hex}.parquet", pa.table(columns, schema=SCHEMA))


def _agreed(known: dict[str, Sums]) -> dict[str, Sums]:
    """What worker 0 knows, for all: they must agree on what is missing."""
    if not dist.is_initialized():
        return known
    box = [known]
    dist.broadcast_object_list(box, src=0)
    return box[0]


def _gathered(found: dict[str, Sums]) -> dict[str, Sums]:
    """What all workers found."""
    if not dist.is_initialized():
        return found
    boxes: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(boxes, found)
    return {key: sums for box in boxes for key, sums in box.items()}
