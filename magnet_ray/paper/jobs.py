"""The jobs behind the steps: each is what the step's own command calls, told its directory and whether to go on with it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rich.console import RenderableType

from evals.evaluation_runs import EvaluationConfig
from magnet_ray.atomic_files import write_json
from magnet_ray.config import DistillConfig, SynthesizeConfig
from magnet_ray.finished_runs import FORMAT, RUN_FILE
from magnet_ray.paper.config import EvaluationName
from magnet_ray.places import Place
from magnet_ray.sections import Section, section_values
from magnet_ray.training.settings import TrainConfig


def make_pool_step(config: SynthesizeConfig, depends: Section, out: Place, resume: bool) -> RenderableType:
    """The functions of all sources, tried in sampled scenarios."""
    from magnet_ray.environments.opening import environment_opener
    from magnet_ray.functions.pool import save_pool
    from magnet_ray.synthesis import usable_pool

    pool = usable_pool(config, environment_opener(config.isolation.call_seconds, config.isolation.memory_mb))
    save_pool(pool, out)
    _note(out, "pool build", depends)
    return f"{len(pool.specs)} functions in {len(pool.categories)} domains, {len(pool.failures)} left out"


def make_graph_step(config: SynthesizeConfig, depends: Section, out: Place, resume: bool) -> RenderableType:
    """Which output serves which input, by the schema judge and then by execution."""
    from magnet_ray.environments.opening import environment_opener
    from magnet_ray.graph import save_graph
    from magnet_ray.judge import SchemaJudge
    from magnet_ray.synthesis import connect, usable_pool

    opener = environment_opener(config.isolation.call_seconds, config.isolation.memory_mb)
    graph = connect(usable_pool(config, opener), config, opener, SchemaJudge(minimum=config.graph.min_score))
    save_graph(graph, out)
    _note(out, "graph build", depends)
    return f"{len(graph.edges)} edges between {len(graph.nodes)} functions, {graph.dropped} dropped"


def _note(out: Place, kind: str, config: Section) -> None:
    """A pool and a graph are made in seconds and all at once: what they were made from is noted at the end."""
    write_json(out / RUN_FILE, {"format": FORMAT, "kind": kind, "config": section_values(config)})


def synthesize_step(config: SynthesizeConfig, out: Place, resume: bool) -> RenderableType:
    """Conversations, see `magnet_ray.pipeline`."""
    from magnet_ray.pipeline import synthesize

    return synthesize(config, out, resume)


def train_step(config: TrainConfig, out: Place, resume: bool) -> RenderableType:
    """SFT or mDPO, see `magnet_ray.training.launch`."""
    from magnet_ray.training.launch import train

    return train(config, out, resume)


def distill_step(config: DistillConfig, out: Place, resume: bool) -> RenderableType:
    """Preference pairs, see `magnet_ray.distillation`."""
    from magnet_ray.distillation import distill

    return distill(config, out, resume)


def evaluate_step(evaluation: EvaluationName, config: EvaluationConfig, out: Place, resume: bool) -> RenderableType:
    """One evaluation of one model, see `evals.evaluation_jobs`."""
    from evals.bfcl.job import BfclJob
    from evals.evaluation_jobs import evaluate
    from evals.heldout.job import HeldOutJob
    from evals.toolquery.job import ToolQueryJob

    makers: dict[str, Callable[[Any], Any]] = {"heldout": HeldOutJob.of, "toolquery": ToolQueryJob.of, "bfcl": BfclJob.of}
    report: Any = evaluate(f"eval {evaluation}", config, out, makers[evaluation], resume=resume)
    shown: RenderableType = report
    return shown
