"""What a killed run goes on from: trained weights, optimizer, schedule, position and random state. Safetensors and JSON only.

Each worker writes its part with torch's distributed checkpointing, so the next run may have another number of workers or shard
otherwise. Weights that are not trained are not written: they lie in the checkpoint that training started from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
import torch.distributed.checkpoint as dcp
from safetensors.torch import load_file, save_file
from torch.distributed.checkpoint.hf_storage import HuggingFaceStorageReader, HuggingFaceStorageWriter
from torch.distributed.checkpoint.state_dict import (
    StateDictOptions,
    get_model_state_dict,
    get_optimizer_state_dict,
    set_model_state_dict,
    set_optimizer_state_dict,
)
from torch.distributed.tensor import DTensor

MODEL, OPTIMIZER = "model.", "optimizer."
STATE_FILE = "state.json"
_FLAT = StateDictOptions(flatten_optimizer_state_dict=True)
_TRAINED = StateDictOptions(ignore_frozen_params=True, strict=False)
_RANDOM = "random-{rank:05d}.safetensors"


def save_state(directory: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Write this worker's part of a checkpoint; every worker calls it, each with a directory of its own or all with the same.

    Args:
        directory: an existing directory.
        model: as it is trained, without DistributedDataParallel.
        optimizer: of its parameters.
        state: JSON values that are the same on all workers, such as the schedule's state; worker 0 writes them.
    """
    with _one_process_group():
        # A large tensor that is the same everywhere is written once, by whichever worker has least to write.
        dcp.save(
            _tensors(model, optimizer),
            storage_writer=HuggingFaceStorageWriter(path=str(directory), save_distributed=True, enable_consolidation=False),
        )
        rank = dist.get_rank()
        save_file(_random_state(), directory / _RANDOM.format(rank=rank))
        if rank == 0:
            (directory / STATE_FILE).write_text(json.dumps(state), encoding="utf-8")


def load_state(directory: Path, model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    """Put a checkpoint into a model and its optimizer, in place, and return the JSON values saved with it."""
    with _one_process_group():
        tensors = _tensors(model, optimizer)
        dcp.load(tensors, storage_reader=HuggingFaceStorageReader(str(directory)))
        weights = {name.removeprefix(MODEL): value for name, value in tensors.items() if name.startswith(MODEL)}
        set_model_state_dict(model, weights, options=_TRAINED)
        loaded = {name.removeprefix(OPTIMIZER): value for name, value in tensors.items() if name.startswith(OPTIMIZER)}
        # Learning rates and the like are no tensors: the configuration and the schedule give them.
        set_optimizer_state_dict(model, optimizer, {**get_optimizer_state_dict(model, optimizer, options=_FLAT), **loaded}, options=_FLAT)
        values: dict[str, Any] = json.loads((directory / STATE_FILE).read_text(encoding="utf-8"))
        return values


def load_random_state(directory: Path) -> None:
    """Go on with the random numbers of the same worker; one that did not exist then keeps its own."""
    file = directory / _RANDOM.format(rank=dist.get_rank() if dist.is_initialized() else 0)
    if not file.exists():
        return
    states = load_file(file)
    torch.set_rng_state(states["cpu"])
    if "cuda" in states and torch.cuda.is_available():
        torch.cuda.set_rng_state(states["cuda"])


def _random_state() -> dict[str, torch.Tensor]:
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states["cuda"] = torch.cuda.get_rng_state()
    return states


def _tensors(model: torch.nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    weights = get_model_state_dict(model, options=_TRAINED)
    moments = get_optimizer_state_dict(model, optimizer, options=_FLAT)
    return {
        **{MODEL + name: value for name, value in _once(weights).items()},
        **{OPTIMIZER + name: value for name, value in moments.items() if isinstance(value, torch.Tensor)},
    }


def _once(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each tensor under its first name: a head that is tied to the embedding is the same tensor, which safetensors refuses twice."""
    first = {_address(value): name for name, value in reversed(weights.items())}
    return {name: value for name, value in weights.items() if first[_address(value)] == name}


def _address(value: torch.Tensor) -> tuple[int, int]:
    local = value.to_local() if isinstance(value, DTensor) else value
    # Empty shards have no address.
    return (local.data_ptr(), local.numel()) if local.numel() else (-id(value), 0)


@contextmanager
def _one_process_group() -> Iterator[None]:
    """A process group of one where there is none, which torch's checkpointing cannot do without."""
    if dist.is_initialized():
        yield
        return
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    try:
        yield
    finally:
        dist.destroy_process_group()
