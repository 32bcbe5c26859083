"""A training plan as a table for the terminal."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table

from magnet_ray.training.fitting import describe
from magnet_ray.training.plan import GB, PEAK_TFLOPS, TrainingPlan

BAR = 40
"""Width of the bar that shows how full a GPU is, in characters."""


def render_plan(plan: TrainingPlan) -> RenderableType:
    """A plan, to be printed."""
    request = plan.request
    share = plan.memory.total / (request.gpu_memory_gb * GB)
    full = Table.grid(padding=(0, 1))
    full.add_row(ProgressBar(total=1.0, completed=min(share, 1.0), width=BAR), f"{share:.0%} of {request.gpu_memory_gb:g} GB")
    return Group(
        f"{describe(request.placement)}, {_precision(plan)}",
        f"{_billions(plan.parameters)} parameters, {_billions(plan.trained)} trained ({plan.trained / plan.parameters:.2%})",
        _memory(plan),
        full,
        _work(plan),
    )


def _memory(plan: TrainingPlan) -> Table:
    memory, worst = plan.memory, plan.memory.worst
    table = Table()
    table.add_column("on each GPU")
    table.add_column("GB", justify="right")
    rows = {
        "weights": memory.weights,
        "gradients": memory.gradients,
        "optimizer (Adam)": memory.optimizer,
        "weights and gradients in flight": worst.in_flight,
        "activations": worst.activations,
        "log-probabilities": worst.log_probabilities,
    }
    for name, size in rows.items():
        table.add_row(name, f"{size / GB:.2f}")
    table.add_section()
    table.add_row(f"at most, in {worst.name}", f"{memory.total / GB:.2f}")
    return table


def _work(plan: TrainingPlan) -> Table:
    request = plan.request
    gpus = request.placement.workers
    table = Table.grid(padding=(0, 2))
    unit = "pairs" if request.placement.method == "mdpo" else "examples"
    table.add_row(
        "a step", f"{request.batch_size} {unit}, {plan.tokens_per_step:,.0f} tokens, {plan.packs_per_step} or more packs on each GPU"
    )
    table.add_row("steps", f"{plan.steps:,} ({plan.steps_per_epoch:,} an epoch of {request.examples:,} {unit})")
    table.add_row("work", f"{plan.flops:.2e} operations, {_speed(plan)}")
    table.add_row("time", f"{plan.hours:,.2f} h on {gpus} GPU{'s' * (gpus > 1)}, {plan.hours * gpus:,.1f} GPU hours")
    if plan.cost is not None:
        table.add_row("cost", f"{plan.cost:,.2f} at {request.price_per_gpu_hour:g} a GPU hour")
    return table


def _speed(plan: TrainingPlan) -> str:
    request = plan.request
    if request.tokens_per_second is not None:
        return f"{request.tokens_per_second:,.0f} tokens/s on each GPU as stated"
    peak = request.peak_tflops or PEAK_TFLOPS[request.placement.precision]
    return f"assumed at {request.utilisation:.0%} of {peak:g} TFLOP/s"


def _precision(plan: TrainingPlan) -> str:
    placement = plan.request.placement
    kind = "bfloat16 over float32 weights" if placement.bf16 else "float32"
    return f"{kind}, {'activations recomputed' if placement.recompute else 'all activations kept'}"


def _billions(number: int) -> str:
    return f"{number / 1e9:.2f} B" if number >= 1e8 else f"{number / 1e6:.2f} M"
