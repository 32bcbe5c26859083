"""What each worker of a training run does: load its part of the model, go on from the last checkpoint, train, write the result.

Only rank 0's return value reaches the driver. What a user must know of comes back in it as a value, for an exception would have Ray
start the workers again, to fail in the same way.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.train
import torch
from datasets import Dataset
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments
from transformers.integrations import TensorBoardCallback
from trl import SFTConfig as TrlConfig

from magnet_ray.checkpoint_places import put_directory
from magnet_ray.errors import ModelError
from magnet_ray.places import place
from magnet_ray.render.renderer import load_renderer
from magnet_ray.training.batches import Batches
from magnet_ray.training.models import load_model, put_away, write_model
from magnet_ray.training.preference_trainer import PreferenceTrainer
from magnet_ray.training.reference import ReferencePlace, reference_log_probs
from magnet_ray.training.scoring import add_scored_head, check_scored_head
from magnet_ray.training.settings import MdpoConfig, TrainConfig
from magnet_ray.training.steps import StepCollator
from magnet_ray.training.token_table import TokenRows
from magnet_ray.training.trainers import LossNotFinite, SupervisedTrainer
from magnet_ray.training.training_run import TENSORBOARD

FINAL_FILE = "final.json"
"""In the checkpoint that holds the finished model: the loss curve."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerJob:
    """What every worker is told."""

    config: TrainConfig
    """The run's configuration."""
    tokens: tuple[ray.ObjectRef[pa.Table], ...]
    """The token table, inside a tuple so that Ray does not unpack it."""
    directory: str
    """Run directory."""
    board: Any
    """`ProgressBoardActor` that rank 0 writes to."""
    gpu: bool
    """Whether workers have GPUs."""
    cpus: int = 1
    """CPUs of each worker: without a GPU, as many threads."""
    reference: ReferencePlace | None = None
    """Where the reference's log-probabilities are kept; None for SFT."""


def train_worker(arguments: Mapping[str, WorkerJob]) -> dict[str, Any]:
    """Do the `job`; returns `curve`, a list of figures for each step, or `error`.

    Only errors that all workers meet alike are returned: one worker that ended by itself would leave the others waiting for it.
    """
    try:
        return {"curve": _train(arguments["job"])}
    except (LossNotFinite, ModelError) as error:
        return {"error": error}


def _train(job: WorkerJob) -> list[dict[str, Any]]:
    rows = TokenRows(ray.get(job.tokens[0]))
    with tempfile.TemporaryDirectory() as scratch, _last_checkpoint() as resumed:
        if resumed is not None and (resumed / FINAL_FILE).exists():
            # The driver was lost after the last step.
            curve: list[dict[str, Any]] = json.loads((resumed / FINAL_FILE).read_text(encoding="utf-8"))
            return curve
        trainer = make_trainer(job, rows, Path(scratch))
        trainer.train(resume_from_checkpoint=str(resumed) if resumed is not None else None)
        curve = [figures for figures in trainer.state.log_history if "loss" in figures]
        _put_logs(job, _logs(job, Path(scratch)))
        _write_result(job, trainer, curve, Path(scratch) / "result")
        return curve


@contextmanager
def _last_checkpoint() -> Iterator[Path | None]:
    """The directory of the run's last checkpoint, in place where the storage is a directory; None at the beginning."""
    checkpoint = ray.train.get_checkpoint()
    if checkpoint is None:
        yield None
        return
    with checkpoint.as_directory() as directory:
        yield Path(directory)


def make_trainer(job: WorkerJob, rows: TokenRows, scratch: Path) -> Any:
    """The trainer, with model, data and callbacks."""
    config, context = job.config, ray.train.get_context()
    bf16 = job.gpu if config.bf16 is None else config.bf16
    if not job.gpu:
        torch.set_num_threads(job.cpus)
    workers, rank = context.get_world_size(), context.get_world_rank()
    batches, logs = batches_of(config, rows), _logs(job, scratch)
    model = load_model(config, bf16=bf16, workers=workers)
    collator = StepCollator(rows, batches, worker=rank, workers=workers, budget=config.pack_tokens or config.max_tokens)
    options: dict[str, Any] = {
        "model": model,
        "args": _arguments(job, batches.steps, bf16, scratch),
        "data_collator": collator,
        "train_dataset": Dataset.from_dict({"step": [step for step in range(batches.steps) for _ in range(workers)]}),
        "processing_class": load_renderer(config.model).tokenizer,
        "callbacks": [reporter := _Reporter(job, batches.steps, logs)],
    }
    if "tensorboard" in config.report_to and rank == 0:
        options["callbacks"].append(_tensorboard(logs))
    # Or what it keeps offline is gone with the worker's own directory.
    os.environ.setdefault("WANDB_DIR", str(logs))
    add_scored_head(model)
    trainer = PreferenceTrainer(objective=config, **options) if isinstance(config, MdpoConfig) else SupervisedTrainer(**options)
    check_scored_head(model)
    if job.reference is not None:
        kind = "bfloat16" if bf16 else "float32"
        asked = sorted({position for step in range(batches.steps) for position in batches.examples_of(step)})
        pairs = [rows[position] for position in asked]
        collator.reference = reference_log_probs(model, pairs, job.reference, kind=kind, budget=collator.budget)
    put_away(model)
    reporter.trainer = trainer
    return trainer


def batches_of(config: TrainConfig, rows: TokenRows) -> Batches:
    """The steps of a run over token rows."""
    return Batches(sizes=rows.sizes, batch_size=config.batch_size, epochs=config.epochs, seed=config.seed, max_steps=config.max_steps)


def _arguments(job: WorkerJob, steps: int, bf16: bool, scratch: Path) -> TrainingArguments:
    """transformers' settings. One item of the data is one step of one worker, so batch and accumulation are 1."""
    config = job.config
    options: dict[str, Any] = {
        "output_dir": str(scratch / "transformers"),
        "per_device_train_batch_size": 1,
        "gradient_accumulation_steps": 1,
        "max_steps": steps,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": int(config.warmup * steps),
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "bf16": bf16,
        "use_cpu": not job.gpu,
        "seed": config.seed,
        "activation_checkpointing": config.gradient_checkpointing,
        "ddp_find_unused_parameters": False,
        "train_sampling_strategy": "sequential",
        "remove_unused_columns": False,
        # Loading, saving and the trackers' directory are ours.
        "save_strategy": "no",
        "report_to": [tracker for tracker in config.report_to if tracker != "tensorboard"],
        "run_name": Path(job.directory).name,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "disable_tqdm": True,
    }
    if isinstance(config, MdpoConfig):
        return TrainingArguments(**options)
    return TrlConfig(**options, max_length=None, dataset_kwargs={"skip_prepare_dataset": True})


def _logs(job: WorkerJob, scratch: Path) -> Path:
    """Where trackers write: the run directory, or a place from which it is put there now and then."""
    run = place(job.directory)
    return run if isinstance(run, Path) else scratch


def _tensorboard(logs: Path) -> TrainerCallback:
    writer = import_module("tensorboardX").SummaryWriter(logdir=str(logs / TENSORBOARD))
    return TensorBoardCallback(writer)


def _put_logs(job: WorkerJob, logs: Path) -> None:
    """Put what the tracker wrote into a run directory on a store."""
    run = place(job.directory)
    if not isinstance(run, Path) and (logs / TENSORBOARD).exists():
        put_directory(logs / TENSORBOARD, run / TENSORBOARD)


class _Reporter(TrainerCallback):
    """Tells the driver of every step, and writes checkpoints."""

    def __init__(self, job: WorkerJob, steps: int, logs: Path) -> None:
        self.job, self.steps, self.logs = job, steps, logs
        self.trainer: Any = None

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **more: Any) -> None:
        logs = more.get("logs") or {}
        if state.is_world_process_zero and "loss" in logs:
            self.job.board.put_step.remote({"step": state.global_step, "steps": self.steps, **logs})
        # Here, and not at the step's end, for by now its figures are part of the state.
        if state.global_step % self.job.config.checkpoint.every == 0 and state.global_step < self.steps:
            with tempfile.TemporaryDirectory() as directory:
                self.trainer.save_position(Path(directory))
                report(Path(directory), {"step": state.global_step})
            _put_logs(self.job, self.logs)


def report(directory: Path, metrics: dict[str, Any]) -> None:
    """Hand a directory to Ray Train, which joins those of all workers in the run's storage."""
    ray.train.report(metrics, checkpoint=ray.train.Checkpoint.from_directory(str(directory)))


def _write_result(job: WorkerJob, trainer: Any, curve: list[dict[str, Any]], directory: Path) -> None:
    directory.mkdir()
    first = ray.train.get_context().get_world_rank() == 0
    write_model(trainer.accelerator.unwrap_model(trainer.model), job.config.model, directory)
    if first:
        load_renderer(job.config.model).save(directory)
        (directory / FINAL_FILE).write_text(json.dumps(curve), encoding="utf-8")
    report(directory, {"step": len(curve)})
