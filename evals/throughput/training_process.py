"""One measured training run, ours or plain TRL's, in a process of its own, so that its peak memory is its own.

    python -m evals.throughput.training_process RUN.json FIGURES.json

Ours is what a worker of `magnet train` makes, in Ray Train's local mode: the same trainer, batches, packs and references, without a
cluster. TRL's is `SFTTrainer` or `DPOTrainer` as it comes. Both take the same steps over the same examples from the same weights.
Building the model and computing the references are over when the clock starts.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow.parquet as pq
import ray.train
import ray.train.torch
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, TrainerCallback
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from evals.throughput.random_model import word
from evals.throughput.training_runs import Figures, Run
from magnet_ray.render.renderer import load_renderer
from magnet_ray.training import settings
from magnet_ray.training.batches import Batches
from magnet_ray.training.reference import ReferencePlace
from magnet_ray.training.token_table import TokenRows
from magnet_ray.training.tokens import Tokens, unshared
from magnet_ray.training.worker import WorkerJob, batches_of, make_trainer

RAY_TRAIN: Any = ray.train
LEARNING_RATE, BETA = 1e-5, 0.1
IGNORED = -100
"""transformers' label of a token that is not trained."""


class Stopwatch(TrainerCallback):  # type: ignore[misc]
    """Notes when steps end, and the memory before the first one."""

    def __init__(self, gpu: bool) -> None:
        self.ends: list[float] = []
        self.gpu, self.before = gpu, 0

    def on_step_begin(self, *positional: Any, **named: Any) -> None:
        """Start the peak anew, so that what building took does not count."""
        if self.ends:
            return
        if self.gpu:
            torch.cuda.reset_peak_memory_stats()
            self.before = torch.cuda.memory_allocated()
            return
        # Linux only; elsewhere the peak is that of the whole process.
        with suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5", encoding="utf-8")
        self.before = psutil.Process().memory_info().rss

    def on_step_end(self, *positional: Any, **named: Any) -> None:
        """Note the time."""
        if self.gpu:
            torch.cuda.synchronize()
        self.ends.append(time.perf_counter())

    @property
    def peak(self) -> int:
        """Most bytes since the first step began."""
        return int(torch.cuda.max_memory_allocated()) if self.gpu else resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class _NoBoard:
    """Stands where the actor is that shows a run's progress, and forgets what it is told."""

    def __getattr__(self, method: str) -> _NoBoard:
        return self

    def remote(self, *told: Any) -> None:
        """Forget it."""


def train(run: Run, scratch: Path) -> Figures:
    """Do a run; `scratch` is an empty directory."""
    rows = TokenRows(pq.read_table(run.table))
    config = _config(run, rows)
    batches = batches_of(config, rows)
    watch = Stopwatch(run.gpu)
    if run.trainer == "ours":
        trainer = _train_ours(run, config, rows, scratch, watch)
        computed = [sum(len(rows[position].ids) for position in batches.examples_of(step)) for step in range(batches.steps)]
    else:
        trainer = _trl_trainer(run, config, rows, batches, scratch, watch)
        trainer.train()
        _check_count(trainer, rows)
        computed = [_padded(run, [rows[position] for position in batches.examples_of(step)]) for step in range(batches.steps)]
    full = [sum(sum(_lengths(rows[position])) for position in batches.examples_of(step)) for step in range(batches.steps)]
    return Figures(
        seconds=np.diff(watch.ends).tolist(),
        tokens=full[1:],
        computed=computed[1:],
        losses=[figures["loss"] for figures in trainer.state.log_history if "loss" in figures],
        before=watch.before,
        peak=watch.peak,
        parameters=sum(parameter.numel() for parameter in trainer.model.parameters()),
        device=torch.cuda.get_device_name() if run.gpu else f"threads: {torch.get_num_threads()}",
    )


def _config(run: Run, rows: TokenRows) -> settings.TrainConfig:
    """One pass with packs as large as TRL's largest micro-batch."""
    longest = max(max(_lengths(rows[position])) for position in range(len(rows)))
    sides = 2 if run.objective == "mdpo" else 1
    options: dict[str, Any] = {
        "model": run.model,
        "max_tokens": longest,
        "pack_tokens": longest * run.rows * sides,
        "batch_size": run.batch,
        "learning_rate": LEARNING_RATE,
        "bf16": run.gpu,
        "gradient_checkpointing": run.checkpointing,
        "report_to": (),
    }
    return settings.MdpoConfig(**options, beta=BETA) if run.objective == "mdpo" else settings.SftConfig(**options)


def _train_ours(run: Run, config: settings.TrainConfig, rows: TokenRows, scratch: Path, watch: Stopwatch) -> Any:
    place = ReferencePlace(directory=str(scratch), weights="random") if isinstance(config, settings.MdpoConfig) else None
    cpus = torch.get_num_threads()
    job = WorkerJob(config=config, tokens=(), directory=str(scratch), board=_NoBoard(), gpu=run.gpu, cpus=cpus, reference=place)
    trainers: list[Any] = []

    def loop() -> None:
        trainer = make_trainer(job, rows, scratch)
        trainer.add_callback(watch)
        trainer.train()
        trainers.append(trainer)

    # No workers: Ray Train calls the loop here.
    RAY_TRAIN.torch.TorchTrainer(loop, scaling_config=RAY_TRAIN.ScalingConfig(num_workers=0)).fit()
    return trainers[0]


def _trl_trainer(run: Run, config: settings.TrainConfig, rows: TokenRows, batches: Batches, scratch: Path, watch: Stopwatch) -> Any:
    """TRL's trainer over the same examples in the same order. Both have the same AdamW, schedule and clipping."""
    options: dict[str, Any] = {
        "output_dir": str(scratch),
        "per_device_train_batch_size": run.rows,
        "gradient_accumulation_steps": run.batch // run.rows,
        "max_steps": batches.steps,
        "learning_rate": config.learning_rate,
        "lr_scheduler_type": config.schedule,
        "warmup_steps": int(config.warmup * batches.steps),
        "weight_decay": config.weight_decay,
        "max_grad_norm": config.max_grad_norm,
        "bf16": run.gpu,
        "use_cpu": not run.gpu,
        "activation_checkpointing": run.checkpointing,
        "train_sampling_strategy": "sequential",
        "max_length": None,
        "save_strategy": "no",
        "report_to": [],
        "logging_steps": 1,
        "disable_tqdm": True,
    }
    model = AutoModelForCausalLM.from_pretrained(run.model, dtype=torch.float32)
    shared = {"model": model, "processing_class": load_renderer(run.model).tokenizer, "callbacks": [watch]}
    ordered = [rows[position] for step in range(batches.steps) for position in batches.examples_of(step)]
    if isinstance(config, settings.MdpoConfig):
        # The same sum of two losses; the reference's part is computed when the trainer is made.
        objective = {"loss_type": ["sigmoid", "sft"], "loss_weights": [config.mdpo_weight, 1.0], "beta": config.beta}
        arguments = DPOConfig(**options, **objective, precompute_ref_log_probs=True)
        return DPOTrainer(args=arguments, train_dataset=_texts(ordered), **shared)
    return SFTTrainer(args=SFTConfig(**options, padding_free=run.flat), train_dataset=_labelled(ordered), **shared)


def _check_count(trainer: Any, rows: TokenRows) -> None:
    """Refuse figures of other data: TRL counts tokens, too."""
    counted = [figures["num_tokens"] for figures in trainer.state.log_history if "num_tokens" in figures][-1]
    given = sum(sum(_lengths(rows[position])) for position in range(len(rows)))
    if counted != given:
        raise ValueError(f"TRL trained on {counted:,.0f} tokens of {given:,}")


def _labelled(examples: Iterable[Tokens]) -> Dataset:
    """Examples as TRL takes them tokenised, with the assistant's tokens as labels."""
    labels = [np.where(tokens.mask, tokens.ids, IGNORED) for tokens in examples]
    return Dataset.from_dict({"input_ids": [tokens.ids for tokens in examples], "labels": labels})


def _texts(pairs: Iterable[Tokens]) -> Dataset:
    """Pairs as texts, which TRL tokenises; what both sides begin with is the prompt, as TRL itself would take it."""
    columns: dict[str, list[str]] = {"prompt": [], "chosen": [], "rejected": []}
    for pair in pairs:
        ends = np.cumsum([pair.shared, pair.chosen])
        for name, ids in zip(columns, np.split(pair.ids, ends), strict=True):
            columns[name].append("".join(map(word, ids.tolist())))
    return Dataset.from_dict(columns)


def _lengths(tokens: Tokens) -> list[int]:
    """Tokens of the example, or of each side of the pair."""
    return [len(side.ids) for side in unshared(tokens)] if tokens.is_pair else [len(tokens.ids)]


def _padded(run: Run, examples: Sequence[Tokens]) -> int:
    """Tokens that TRL's micro-batches of a step have."""
    starts = range(0, len(examples), run.rows)
    lengths = [[length for tokens in examples[start : start + run.rows] for length in _lengths(tokens)] for start in starts]
    return sum(sum(each) if run.flat else len(each) * max(each) for each in lengths)


def main(run_file: Path, figures_file: Path) -> None:
    """Do the run of one file, and write its figures into another."""
    run = Run(**json.loads(run_file.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as scratch:
        figures = train(run, Path(scratch))
    figures_file.write_text(json.dumps(asdict(figures)), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
