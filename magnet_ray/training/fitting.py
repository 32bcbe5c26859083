"""What would have to change for a run to fit its GPUs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from magnet_ray.training.architectures import Lora, load_architecture
from magnet_ray.training.memory import MemoryPlan, Placement, least_memory, plan_memory

SMALLEST_PACK = 1_024
"""Tokens below which no pack is proposed."""
MOST_GPUS = 1_024
"""GPUs above which no number is proposed."""

Changed = tuple[str, Placement]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A placement that fits, and how to get there."""

    words: str
    """What to change, with the settings that do it."""
    placement: Placement
    """The run after it."""
    memory: MemoryPlan
    """What it takes."""


def smallest_change(placement: Placement, limit: int) -> Change | None:
    """The change with which a run takes at most `limit` bytes of each GPU, or None.

    One change is better than two, and of as many the one that comes first in: sharding, recomputation, adapters, smaller packs,
    more GPUs. Of packs the largest that fits, of GPUs the fewest.
    """
    for number in range(1, len(_CHANGES) + 1):
        for changes in combinations(_CHANGES, number):
            for words, changed in _applied(placement, changes):
                if (memory := _fits(changed, limit)) is not None:
                    return Change(words=words, placement=changed, memory=memory)
    return None


def describe(placement: Placement) -> str:
    """A placement in a few words."""
    tuning = "full fine-tuning" if placement.lora is None else f"LoRA of rank {placement.lora.rank}"
    gpus = "1 GPU" if placement.workers == 1 else f"{placement.workers} GPUs ({placement.sharding})"
    return f"{tuning} of {placement.model} on {gpus} with packs of {placement.pack_tokens} tokens"


def _fits(placement: Placement, limit: int) -> MemoryPlan | None:
    architecture = load_architecture(placement.model, placement.lora)
    if least_memory(architecture, placement).total > limit:
        return None
    memory = plan_memory(architecture, placement)
    return memory if memory.total <= limit else None


def _applied(placement: Placement, changes: Sequence[Callable[[Placement], Iterator[Changed]]]) -> Iterator[Changed]:
    """All ways to make all of these changes."""
    if not changes:
        yield "", placement
        return
    for words, changed in changes[0](placement):
        for more, last in _applied(changed, changes[1:]):
            yield f"{words} and {more}" if more else words, last


def _shard(placement: Placement) -> Iterator[Changed]:
    if placement.sharding == "ddp" and placement.workers > 1:
        yield "fsdp (--set scaling.sharding=fsdp)", replace(placement, sharding="fsdp")


def _recompute(placement: Placement) -> Iterator[Changed]:
    if not placement.recompute:
        yield "gradient checkpointing (--set gradient_checkpointing=true)", replace(placement, recompute=True)


def _adapt(placement: Placement) -> Iterator[Changed]:
    if placement.lora is None:
        lora = Lora()
        yield f"LoRA of rank {lora.rank} (--set lora.enabled=true)", replace(placement, lora=lora)


def _shorten(placement: Placement) -> Iterator[Changed]:
    tokens = placement.pack_tokens // 2
    while tokens >= SMALLEST_PACK:
        # Both sides of a pair may be as long as a conversation, and a pair is not cut in two.
        longest = tokens if placement.method == "sft" else tokens // 2
        words = f"packs of {tokens} tokens and nothing longer (--set pack_tokens={tokens} --set max_tokens={longest})"
        yield words, replace(placement, pack_tokens=tokens)
        tokens //= 2


def _enlarge(placement: Placement) -> Iterator[Changed]:
    gpus = 1 << placement.workers.bit_length()
    while gpus <= MOST_GPUS:
        words = f"{gpus} GPUs with fsdp (--set scaling.workers=[{gpus},{gpus}])"
        yield words, replace(placement, workers=gpus, sharding="fsdp")
        gpus *= 2


_CHANGES = (_shard, _recompute, _adapt, _shorten, _enlarge)
"""In the order in which they are tried."""
