"""`magnet train`: the order of what happens to a run is visible in `train`.

rows -> tokens -> steps on the workers of Ray Train -> checkpoint in Hugging Face's layout -> answers before and after -> manifest

Everything before the workers is a function of the configuration, so nothing of it is kept: a killed run is started again from its
beginning and goes on at its last checkpoint.
"""

from __future__ import annotations

import time
from importlib.util import find_spec
from itertools import chain
from typing import Literal

import pyarrow.compute as pc

from magnet_ray.checkpoint_places import is_checkpoint
from magnet_ray.errors import ConfigError, JobFailed
from magnet_ray.finished_runs import read_trajectories
from magnet_ray.places import Place, place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster, interrupted_by_sigterm
from magnet_ray.render.renderer import load_renderer
from magnet_ray.training.adapters import merge_adapter
from magnet_ray.training.before_after import BeforeAfter
from magnet_ray.training.held_out import Split, split_runs, synthesised_runs
from magnet_ray.training.measuring import AFTER, BEFORE, measure
from magnet_ray.training.models import check_checkpoint, checkpoint_directory
from magnet_ray.training.reference import ReferencePlace, weights_fingerprint
from magnet_ray.training.rendering import RenderedRows, RenderSettings, render_rows, slices_of
from magnet_ray.training.settings import MdpoConfig, TrainConfig
from magnet_ray.training.training_card import TrainingSummary, training_card
from magnet_ray.training.training_run import HELD_OUT, MODEL, Trained, TrainingRun
from magnet_ray.training.worker_group import run_workers

PACKAGES = {"tensorboard": "tensorboardX"}
"""What a tracker is imported as, where that is not its name."""


def train(config: TrainConfig, out: Place | str, resume: bool = False) -> TrainingSummary:
    """Train a model on finished runs, by SFT or by mDPO, whichever the configuration is of.

    SIGTERM ends it as Ctrl-C does. What was finished by then stays, for `resume`.

    Args:
        config: the job.
        out: directory of the run, new or empty, or an unfinished run with `resume`.
        resume: go on with an unfinished run of the same configuration.

    Raises:
        UserError: the data, the checkpoint, the configuration or the directory cannot be used.
        JobFailed: too many rows cannot be rendered, workers were lost too often, or the loss is no number any more.
        KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    started = time.monotonic()
    method = method_of(config)
    _check_trackers(config)
    check_checkpoint(config.model, config.max_tokens)
    # Its chat template, too, before anything is started.
    load_renderer(config.model)
    slices = slices_of(config.data, method)
    conversations = synthesised_runs(config.data)
    more = synthesised_runs(config.held_out.data)
    split = split_runs(conversations, by=config.held_out.by, share=config.held_out.share, seed=config.held_out.seed)
    with (
        TrainingRun.open(out, method, config, resume=resume) as run,
        interrupted_by_sigterm(),
        Progress() as progress,
        cluster(config.ray, progress),
    ):
        rendered = render_rows(slices, render_settings(config), split, progress)
        _check_rendered(config, rendered)
        if not run.is_trained:
            run.write_curve(run_workers(run, rendered.table, progress, _reference(run)))
        if config.lora.enabled and not is_checkpoint(run.path / MODEL):
            progress.say("merging the adapter")
            merge_adapter(run.result, run.path / MODEL, base=config.model)
        measured = None
        if (split.held_out or more) and config.held_out.turns:
            held_out = (row for row in chain.from_iterable(map(read_trajectories, conversations)) if split.holds_out(row))
            rows = chain(held_out, chain.from_iterable(map(read_trajectories, more)))
            checkpoints = {BEFORE: config.model, AFTER: str(run.path / MODEL)}
            measured = measure(config, checkpoints, rows, run.path / HELD_OUT, progress)
        return _finish(run, _trained(rendered, split), measured, started)


def method_of(config: TrainConfig) -> Literal["sft", "mdpo"]:
    """The kind of training that a configuration is of."""
    return "mdpo" if isinstance(config, MdpoConfig) else "sft"


def render_settings(config: TrainConfig) -> RenderSettings:
    """How the rows of a run become tokens."""
    whole = isinstance(config, MdpoConfig) and config.extent == "trajectory"
    return RenderSettings(model=config.model, method=method_of(config), limit=config.max_tokens, whole=whole)


def _check_trackers(config: TrainConfig) -> None:
    for tracker in config.report_to:
        if find_spec(PACKAGES.get(tracker, tracker)) is None:
            raise ConfigError(f"report_to={tracker} needs the package {tracker}", "not installed", fix=f"pip install {tracker}")


def _reference(run: TrainingRun) -> ReferencePlace | None:
    if not isinstance(run.config, MdpoConfig):
        return None
    directory = run.config.reference_cache or run.path / "reference"
    return ReferencePlace(directory=str(place(directory).resolve()), weights=weights_fingerprint(checkpoint_directory(run.config.model)))


def _check_rendered(config: TrainConfig, rendered: RenderedRows) -> None:
    """Stop before anything is trained when there is too little to train on."""
    failed = len(rendered.failures)
    if failed > config.failure_budget * rendered.rows:
        first = rendered.failures[0]
        raise JobFailed(
            f"{failed} of {rendered.rows} rows cannot be trained on, more than failure_budget={config.failure_budget}; "
            f"the first is {first.id}: {first.reason.value}, {first.detail}"
        )
    if not rendered.table.num_rows:
        raise ConfigError("no row is left to train on", f"{rendered.rows} rows", fix="give more data, or hold out less")


def _trained(rendered: RenderedRows, split: Split) -> Trained:
    table = rendered.table
    pairs = table.filter(pc.greater(table.column("chosen"), 0))
    return Trained(
        rows=rendered.rows,
        examples=table.num_rows,
        tokens=pc.sum(pc.list_value_length(table.column("ids"))).as_py(),
        trained_tokens=pc.sum(pc.list_flatten(table.column("mask")).cast("int64")).as_py(),
        shared_tokens=pc.sum(pairs.column("shared")).as_py() or 0,
        shortened=rendered.dropped_turns,
        split=split.as_json(),
        failures=rendered.failures,
    )


def _finish(run: TrainingRun, trained: Trained, measured: BeforeAfter | None, started: float) -> TrainingSummary:
    summary = TrainingSummary(
        path=run.path,
        method=run.method,
        config=run.config,
        trained=trained,
        curve=run.curve(),
        measured=measured,
        seconds=time.monotonic() - started,
    )
    run.finish(trained, measured.as_json() if measured else {}, training_card(summary), summary.seconds)
    return summary
