"""What a training run would take, before anybody rents GPUs: memory, steps, hours and cost.

The model is built from its configuration alone, without weights. What does not fit is refused, together with what would.
`magnet_ray.training.plan_card.render_plan` shows a plan.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil

from magnet_ray.errors import ConfigError
from magnet_ray.training.architectures import Architecture, load_architecture
from magnet_ray.training.fitting import describe, smallest_change
from magnet_ray.training.memory import MemoryPlan, Placement, plan_memory

GB = 10**9
PEAK_TFLOPS = {"bf16": 989.0, "float32": 67.0}
"""Dense peak of an H100 SXM by what is computed in, in 10^12 operations a second (NVIDIA's data sheet, without sparsity and TF32)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanRequest:
    """What is asked about a run."""

    placement: Placement
    """What is trained, and how it is laid out over GPUs."""
    examples: int
    """Examples, or pairs, of one epoch."""
    mean_tokens: float
    """Mean tokens of an example, or of a pair as it is laid out: shared part, right side, wrong side."""
    batch_size: int
    """Examples, or pairs, of one optimizer step over all GPUs."""
    epochs: int = 1
    """Passes over the data."""
    max_steps: int | None = None
    """Steps after which the run stops."""
    gpu_memory_gb: float = 80.0
    """Memory of a GPU, in 10^9 bytes."""
    tokens_per_second: float | None = None
    """Tokens that a GPU trains on in a second, where they were measured; None: from peak and utilisation."""
    peak_tflops: float | None = None
    """Peak of a GPU in 10^12 operations a second; None: an H100's."""
    utilisation: float = 0.4
    """Share of the peak that is reached, operations of recomputation counted."""
    price_per_gpu_hour: float | None = None
    """Price of a GPU for an hour, in any currency."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingPlan:
    """What a run takes."""

    request: PlanRequest
    """What was asked."""
    parameters: int
    """Numbers in the model's weights, adapters included."""
    trained: int
    """Numbers that are trained."""
    memory: MemoryPlan
    """Bytes on the fullest GPU."""
    tokens_per_step: float
    """Tokens of one optimizer step over all GPUs."""
    packs_per_step: int
    """Fewest passes of each GPU through the model for a step."""
    steps_per_epoch: int
    """Steps of one pass over the data."""
    steps: int
    """Steps in all."""
    flops: float
    """Operations of the whole run; with mDPO the reference's forward pass among them."""
    hours: float
    """Hours of training, without start, checkpoints and measurements."""
    cost: float | None
    """GPU hours times their price; None without a price."""


def plan_training(request: PlanRequest) -> TrainingPlan:
    """What a run takes.

    Raises:
        ModelError: the model is neither a checkpoint directory nor a published architecture that is known.
        ConfigError: a figure that is no positive number; or the run does not fit its GPUs, with the smallest change that does.
    """
    _check_figures(request)
    placement = request.placement
    architecture = load_architecture(placement.model, placement.lora)
    memory = plan_memory(architecture, placement)
    if memory.total > request.gpu_memory_gb * GB:
        raise _does_not_fit(request, memory)
    steps_per_epoch = ceil(request.examples / request.batch_size)
    whole = steps_per_epoch * request.epochs
    steps = whole if request.max_steps is None else min(whole, request.max_steps)
    tokens_per_step = min(request.batch_size, request.examples) * request.mean_tokens
    hours, flops = _hours(architecture, request, request.examples * request.mean_tokens * request.epochs * steps / whole)
    return TrainingPlan(
        request=request,
        parameters=architecture.parameters,
        trained=architecture.trained,
        memory=memory,
        tokens_per_step=tokens_per_step,
        packs_per_step=ceil(tokens_per_step / placement.pack_tokens / placement.workers),
        steps_per_epoch=steps_per_epoch,
        steps=steps,
        flops=flops,
        hours=hours,
        cost=None if request.price_per_gpu_hour is None else hours * placement.workers * request.price_per_gpu_hour,
    )


def training_flops(architecture: Architecture, *, context: float, recompute: bool) -> float:
    """Operations of training on one token.

    With N numbers in the matrices: 2N forward, 2N for the gradients of activations, 2N for those of weights, of the trained
    ones only, which makes 6N without adapters (Kaplan et al. 2020, section 2.1; an embedding is only looked up). Attention adds
    4 x layers x width x context forward and twice that backward (Chowdhery et al. 2022, appendix B, with the tokens that are
    seen in place of the whole length). Recomputation adds a forward pass.

    Args:
        architecture: the model.
        context: mean number of earlier tokens that a token sees.
        recompute: whether activations are computed again.
    """
    forward = forward_flops(architecture, context=context)
    weights = 2.0 * min(architecture.trained, architecture.multiplied)
    attention = forward - 2.0 * architecture.multiplied
    return forward * (2 if recompute else 1) + 2.0 * architecture.multiplied + 2 * attention + weights


def forward_flops(architecture: Architecture, *, context: float) -> float:
    """Operations of the forward pass of one token."""
    return 2.0 * architecture.multiplied + 4.0 * architecture.layers * architecture.attention_width * context


def _hours(architecture: Architecture, request: PlanRequest, tokens: float) -> tuple[float, float]:
    """Hours and operations of training on that many tokens; with mDPO of the reference's pass over the data, too."""
    placement = request.placement
    # Causal attention: a token sees half of its conversation.
    context = request.mean_tokens / 2
    training = tokens * training_flops(architecture, context=context, recompute=placement.recompute)
    reference = 0.0
    if placement.method == "mdpo":
        reference = request.examples * request.mean_tokens * forward_flops(architecture, context=context)
    if request.tokens_per_second is not None:
        seconds = tokens / (request.tokens_per_second * placement.workers) * (training + reference) / training
    else:
        peak = request.peak_tflops or PEAK_TFLOPS[placement.precision]
        seconds = (training + reference) / (peak * 1e12 * request.utilisation * placement.workers)
    return seconds / 3600, training + reference


def _check_figures(request: PlanRequest) -> None:
    figures = {
        "GPUs": request.placement.workers,
        "pack_tokens": request.placement.pack_tokens,
        "examples": request.examples,
        "mean tokens": request.mean_tokens,
        "batch_size": request.batch_size,
        "epochs": request.epochs,
        "max_steps": request.max_steps,
        "GPU memory": request.gpu_memory_gb,
        "tokens per second": request.tokens_per_second,
        "peak": request.peak_tflops,
        "utilisation": request.utilisation,
    }
    for name, figure in figures.items():
        if figure is not None and not figure > 0:
            raise ConfigError(f"a plan needs {name} above 0", figure)


def _does_not_fit(request: PlanRequest, memory: MemoryPlan) -> ConfigError:
    limit = int(request.gpu_memory_gb * GB)
    what = f"{describe(request.placement)} does not fit: {memory.total / GB:.1f} GB on a GPU of {request.gpu_memory_gb:g} GB"
    change = smallest_change(request.placement, limit)
    if change is None:
        return ConfigError(what, fix="no change of sharding, recomputation, adapters, pack or GPUs makes it fit; take a smaller model")
    return ConfigError(what, fix=f"this would fit: {change.words} ({change.memory.total / GB:.1f} GB)")
