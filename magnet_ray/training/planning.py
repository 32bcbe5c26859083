"""`magnet train … --plan`: what is asked of a plan, from a configuration and a sample of its data."""

from __future__ import annotations

from itertools import islice

from rich.console import RenderableType

from magnet_ray.errors import ConfigError
from magnet_ray.training.architectures import Lora
from magnet_ray.training.held_out import split_runs, synthesised_runs
from magnet_ray.training.launch import method_of, render_settings
from magnet_ray.training.memory import Placement
from magnet_ray.training.plan import PlanRequest, plan_training
from magnet_ray.training.plan_card import render_plan
from magnet_ray.training.rendering import render_slice, slices_of
from magnet_ray.training.settings import MdpoConfig, TrainConfig
from magnet_ray.training.token_table import TokenRows

SLICES = 2
"""Slices of rows that are rendered to see how long examples are."""


def plan(config: TrainConfig) -> RenderableType:
    """What a run of this configuration would take, as a table.

    Raises:
        ConfigError: it does not fit, and what would.
        UserError: the data or the checkpoint cannot be used.
    """
    examples, mean_tokens, longest = _sizes(config)
    scaling, lora = config.scaling, config.lora
    placement = Placement(
        model=config.model,
        method=method_of(config),
        lora=Lora(rank=lora.rank, alpha=lora.alpha) if lora.enabled else None,
        workers=scaling.workers[1],
        sharding=scaling.sharding,
        precision="float32" if config.bf16 is False else "bf16",
        recompute=config.gradient_checkpointing,
        pack_tokens=max(config.pack_tokens or config.max_tokens, longest),
    )
    asked = config.plan
    request = PlanRequest(
        placement=placement,
        examples=examples,
        mean_tokens=mean_tokens,
        batch_size=config.batch_size,
        epochs=config.epochs,
        max_steps=config.max_steps,
        gpu_memory_gb=asked.gpu_memory_gb,
        tokens_per_second=asked.tokens_per_second,
        peak_tflops=asked.peak_tflops,
        utilisation=asked.utilisation,
        price_per_gpu_hour=asked.price_per_gpu_hour,
    )
    return render_plan(plan_training(request))


def _sizes(config: TrainConfig) -> tuple[int, float, int]:
    """Number of examples, their mean tokens, and the longest that may come: both sides of a pair lie in one row."""
    asked = config.plan
    most = 2 * config.max_tokens if isinstance(config, MdpoConfig) else config.max_tokens
    if asked.examples is not None and asked.mean_tokens is not None:
        return asked.examples, asked.mean_tokens, most
    slices = slices_of(config.data, method_of(config))
    split = split_runs(synthesised_runs(config.data), by=config.held_out.by, share=config.held_out.share, seed=config.held_out.seed)
    done = [render_slice(part, render_settings(config), split) for part in islice(slices, SLICES)]
    sizes = [size for rendered in done for size in TokenRows(rendered.table).sizes]
    if not sizes:
        raise ConfigError("no row of the data can be trained on", f"{sum(each.rows for each in done)} rows tried")
    share = sum(part.stop - part.start for part in slices) / sum(each.rows for each in done)
    return asked.examples or round(len(sizes) * share), asked.mean_tokens or sum(sizes) / len(sizes), max(sizes)
