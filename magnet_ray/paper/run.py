"""The pipeline from its configuration to its summary; what it needs is found out before the first step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console, RenderableType

from magnet_ray.paper.chain import State, Step, check_steps, plan_table, run_steps
from magnet_ray.paper.config import PipelineConfig
from magnet_ray.paper.served_checkpoint import ServedCheckpoint, need_serving
from magnet_ray.paper.steps import Means, PlaceOf, pipeline_steps
from magnet_ray.paper.summary import PipelineSummary, summarize
from magnet_ray.places import Place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import interrupted_by_sigterm
from magnet_ray.train_commands import need_training


def run_pipeline(config: PipelineConfig, out: Place, screen: Console, *, resume: bool = False) -> PipelineSummary:
    """Do the steps that are not finished, each in its directory below `out`.

    SIGTERM ends it as Ctrl-C does. What was finished by then stays, for `resume`.

    Args:
        config: the steps and their settings.
        out: directory of the pipeline, new or empty, or one that was begun with `resume`.
        screen: where each step is announced and shown.
        resume: go on with what was begun.

    Raises:
        UserError: the configuration, a directory or something that a step needs cannot be used.
        JobFailed: a step failed; those before it stay finished.
        KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    with interrupted_by_sigterm(), opened_steps(config, out.joinpath, str(out)) as (steps, _):
        check_steps(steps, resume=resume)
        check_needs(steps, config)
        run_steps(steps, screen, resume=resume)
    return summarize(steps, out)


def plan_pipeline(config: PipelineConfig, out: Place) -> RenderableType:
    """What is done below `out`, and what would run.

    Raises:
        UserError: the configuration or a directory cannot be used.
    """
    with opened_steps(config, out.joinpath, str(out)) as (steps, _):
        return plan_table(steps)


@contextmanager
def opened_steps(config: PipelineConfig, place: PlaceOf, purpose: str) -> Iterator[tuple[tuple[Step, ...], Means]]:
    """The steps of a pipeline, and what they use. A model that they have served is gone at the end.

    Args:
        config: the steps and their settings.
        place: name of a step -> its directory.
        purpose: tells this pipeline's served models from others of the cluster.
    """
    serve = config.serve.model_copy(update={"ray": config.ray})
    with ServedCheckpoint(serve, purpose, Progress()) as served:
        means = Means(place=place, reach=served.reach, alone=served.stop)
        yield pipeline_steps(config, means), means


def check_needs(steps: Sequence[Step], config: PipelineConfig) -> None:
    """Find out before the first step whether the libraries and the checkpoint are there that a later one needs.

    Raises:
        UserError: one is not.
    """
    waiting = {step.name for step in steps if step.state is not State.FINISHED}
    if waiting & {"sft", "mdpo"}:
        need_training()
    if "sft" in waiting:
        from magnet_ray.render.renderer import load_renderer
        from magnet_ray.training.models import check_checkpoint

        check_checkpoint(config.sft.model, config.sft.max_tokens)
        load_renderer(config.sft.model)
    if any(step.asks_model for step in steps if step.name in waiting):
        need_serving()
    if any(name.endswith("-bfcl") for name in waiting):
        from evals.bfcl.isolated import check_package, limits_of

        check_package(config.evaluate.bfcl.version, limits_of(config.evaluate.bfcl.isolation))
