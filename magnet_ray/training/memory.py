"""Bytes of a training run on its fullest GPU: weights, gradients and optimizer from shapes, activations from a dry run.

Mixed precision is float32 weights, gradients and Adam moments with bfloat16 arithmetic, by autocast; under FSDP2 weights are also
gathered in bfloat16 and gradients added up in float32. Weights frozen under adapters are bfloat16, and adapters are not sharded.
Gradients are reduced after every pack. mDPO holds no reference model: its log-probabilities are computed before.
Three moments of the backward pass are compared, for each needs what the others do not: at the head, the last and the first layer.
Not counted: CUDA's context and NCCL's buffers, for which the difference between 80 GB (10^9) and the 80 GiB of a GPU is left.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod
from typing import Literal

from magnet_ray.training.architectures import Architecture, Lora, Weight
from magnet_ray.training.dry_run import Activations, Pass, activations_of
from magnet_ray.training.scoring import TILE

FLOAT32, BF16 = 4, 2
ADAM = 2 * FLOAT32
"""Adam's two moments of a trained number, in bytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What is trained, and how it is laid out over GPUs."""

    model: str
    """Checkpoint directory, or a published model's name."""
    method: Literal["sft", "mdpo"] = "sft"
    """What it is trained by: log-probabilities are computed in other pieces."""
    lora: Lora | None = None
    """Adapters; without them all weights are trained."""
    workers: int = 1
    """GPUs."""
    sharding: Literal["ddp", "fsdp"] = "fsdp"
    """Whether every GPU has all weights, or a shard of them."""
    precision: Literal["bf16", "float32"] = "bf16"
    """What is computed in; trained weights are float32 in both."""
    recompute: bool = True
    """Gradient checkpointing: a layer's activations are computed again in the backward pass."""
    pack_tokens: int = 8_192
    """Tokens of the largest pack, all of which go through the model at once."""

    @property
    def sharded(self) -> bool:
        """Whether anything is sharded: a single GPU has all there is."""
        return self.sharding == "fsdp" and self.workers > 1

    @property
    def bf16(self) -> bool:
        """Whether it is computed in bfloat16."""
        return self.precision == "bf16"

    @property
    def number(self) -> int:
        """Bytes of a number that is computed with."""
        return BF16 if self.bf16 else FLOAT32


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """Bytes beside weights, gradients and optimizer at one moment of a step."""

    name: str
    """When it is."""
    in_flight: int
    """Weights and gradients on their way. FSDP: gathered layers, their gradients, and gradients that are being sent to their
    shards. DDP and one GPU: autocast's copies of weights, a new gradient, the buckets in which gradients are exchanged."""
    activations: int
    """Kept by the forward pass, and a layer's recomputation and gradients on top."""
    log_probabilities: int
    """The logits that are in memory at once, and the gradient of the last hidden states."""

    @property
    def total(self) -> int:
        """All together."""
        return self.in_flight + self.activations + self.log_probabilities


@dataclass(frozen=True, slots=True, kw_only=True)
class MemoryPlan:
    """Bytes on the fullest GPU, by kind."""

    weights: int
    """Weights, or the GPU's shard of them."""
    gradients: int
    """Their gradients."""
    optimizer: int
    """Adam's moments."""
    worst: Moment
    """What comes on top when it is most."""

    @property
    def total(self) -> int:
        """All together."""
        return self.weights + self.gradients + self.optimizer + self.worst.total


def plan_memory(architecture: Architecture, placement: Placement) -> MemoryPlan:
    """Bytes on the fullest GPU."""
    return _plan(
        architecture,
        placement,
        activations_of(
            architecture.config,
            Pass(
                tokens=placement.pack_tokens,
                bf16=placement.bf16,
                gathered=placement.sharded,
                recompute=placement.recompute,
                lora=placement.lora,
            ),
        ),
    )


def least_memory(architecture: Architecture, placement: Placement) -> MemoryPlan:
    """The same without activations, which alone take a moment to find: never more than the plan."""
    return _plan(architecture, placement, Activations(held=0, working=0))


def _plan(architecture: Architecture, placement: Placement, activations: Activations) -> MemoryPlan:
    trained = sum(_local(weight, placement) for weight in architecture.weights if weight.trained)
    frozen = sum(_local(weight, placement) for weight in architecture.weights if not weight.trained)
    return MemoryPlan(
        weights=FLOAT32 * trained + placement.number * frozen,
        gradients=FLOAT32 * trained,
        optimizer=ADAM * trained,
        worst=max(moments_of(architecture, placement, activations), key=lambda moment: moment.total),
    )


def moments_of(architecture: Architecture, placement: Placement, activations: Activations) -> tuple[Moment, ...]:
    """The moments that are compared."""
    head, last, first = (_gathered if placement.sharded else _replicated)(architecture, placement)
    return (
        Moment(
            name="the head's backward pass",
            in_flight=head,
            activations=activations.held,
            log_probabilities=_log_probabilities(architecture, placement),
        ),
        Moment(
            name="the last layer's backward pass",
            in_flight=last,
            activations=activations.held + activations.working,
            log_probabilities=0,
        ),
        Moment(name="the first layer's backward pass", in_flight=first, activations=activations.working, log_probabilities=0),
    )


def _log_probabilities(architecture: Architecture, placement: Placement) -> int:
    """Logits of a tile, as they come and in float32, and the float32 gradient of the hidden states."""
    tokens, words = placement.pack_tokens, int(architecture.config.vocab_size)
    tile = min(tokens * words, TILE)
    return tile * (placement.number + FLOAT32) + tokens * int(architecture.config.hidden_size) * FLOAT32


def _local(weight: Weight, placement: Placement) -> int:
    """Numbers on the fullest GPU: FSDP2 splits the first dimension, and adapters join a sharded model whole."""
    if weight.adapter or not placement.sharded:
        return weight.elements
    return -(-weight.shape[0] // placement.workers) * prod(weight.shape[1:])


def _replicated(architecture: Architecture, placement: Placement) -> tuple[int, int, int]:
    """In flight without sharding, while the head, the last layer and the first pass backward."""
    buckets = FLOAT32 * architecture.trained if placement.workers > 1 else 0
    if placement.lora is not None:
        # Copies of adapters are among the activations, where the dry run makes them; their gradients are small.
        return buckets, buckets, buckets
    copies = BF16 * sum(weight.elements for weight in architecture.weights if weight.linear) if placement.bf16 else 0
    # Autocast drops its copies after the forward pass, but for those that the backward pass goes back to.
    layer = BF16 * architecture.largest_layer if placement.bf16 else 0
    # A new gradient comes in bfloat16, as the dry run counts it, and is made float32 before it is added.
    added = max(weight.elements for weight in architecture.weights if weight.group.startswith("layer")) if placement.bf16 else 0
    backward = buckets + FLOAT32 * added
    return buckets + copies + FLOAT32 * architecture.head, backward + (layer if placement.recompute else copies), backward + layer


def _gathered(architecture: Architecture, placement: Placement) -> tuple[int, int, int]:
    """In flight under FSDP2, while the head, the last layer and the first pass backward.

    The next group's weights are fetched meanwhile. Gradients are copied as float32 to be sent, after the weights are let go, and
    the copy stays until the next group's are to be sent.
    """
    head, layer = architecture.head, architecture.largest_layer
    number, full = placement.number, placement.lora is None
    new, sent = (number, FLOAT32) if full else (0, 0)
    return (
        max(number + new, new + sent) * head + number * layer,
        sent * head + (number + new + number) * layer,
        number * architecture.embedding + (number + new + sent) * layer,
    )
