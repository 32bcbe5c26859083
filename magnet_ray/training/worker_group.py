"""The workers of a training run: how many, with what, where their checkpoints go, and what the driver shows meanwhile."""

from __future__ import annotations

import logging
import os
from pathlib import Path
from typing import Any

import pyarrow as pa
import ray
import ray.train
import ray.train.torch
from pyarrow.fs import FSSpecHandler, PyFileSystem

from magnet_ray.checkpoint_places import whole_directory
from magnet_ray.errors import ConfigError, JobFailed
from magnet_ray.places import STORES, Place, place
from magnet_ray.progress import Progress
from magnet_ray.training.models import readable
from magnet_ray.training.reference import ReferencePlace
from magnet_ray.training.settings import TrainConfig
from magnet_ray.training.training_progress import TRAIN, LostWorkers, ProgressBoardActor, last_line, shown_until_done
from magnet_ray.training.training_run import CHECKPOINTS, TrainingRun
from magnet_ray.training.worker import FINAL_FILE, WorkerJob, train_worker

KEPT_CHECKPOINTS = 2
"""The last one, and the one before it while that is written."""


def run_workers(run: TrainingRun, tokens: pa.Table, progress: Progress, reference: ReferencePlace | None = None) -> list[dict[str, Any]]:
    """Train on the Ray cluster that is joined, going on from the run's last checkpoint.

    Args:
        run: the run, into whose directory the trained weights are put.
        tokens: token table.
        progress: shows steps.
        reference: where the reference's log-probabilities are kept; None for SFT.

    Returns:
        the figures of every step.

    Raises:
        MagnetError: what the workers said that the user must know of.
        JobFailed: workers were lost more often than `scaling.max_failures`.
    """
    config, directory = run.config, run.path.resolve()
    gpu, resources = worker_resources(config)
    board = ProgressBoardActor.remote()
    job = WorkerJob(
        # Workers run in another directory.
        config=config.model_copy(update={"model": str(Path(config.model).resolve())}) if Path(config.model).exists() else config,
        tokens=(ray.put(tokens),),
        directory=str(directory),
        board=board,
        gpu=gpu,
        cpus=int(resources["CPU"]),
        reference=reference,
    )
    # Ray Train hides its own lines, which speak of actors and placement groups.
    logging.getLogger("ray.train").setLevel(logging.ERROR)
    trainer = TRAIN.torch.TorchTrainer(
        train_worker,
        train_loop_config={"job": job},
        scaling_config=TRAIN.ScalingConfig(num_workers=_workers(config), use_gpu=gpu, resources_per_worker=resources),
        torch_config=TRAIN.torch.TorchConfig(backend="nccl" if gpu else "gloo"),
        run_config=TRAIN.RunConfig(
            name=run.name,
            **_storage(config.checkpoint.storage or str(directory / CHECKPOINTS)),
            failure_config=TRAIN.FailureConfig(max_failures=config.scaling.max_failures),
            checkpoint_config=TRAIN.CheckpointConfig(num_to_keep=KEPT_CHECKPOINTS),
            callbacks=[LostWorkers(board)],
            logging_config=TRAIN.LoggingConfig(log_level="ERROR"),
        ),
    )
    try:
        result: Any = shown_until_done(trainer.fit, board, progress)
    except TRAIN.TrainingFailedError as error:
        raise JobFailed(f"the workers were lost more than {config.scaling.max_failures} times: {last_line(error)}") from None
    returned = result.return_value or {}
    if "error" in returned:
        raise returned["error"]
    if result.checkpoint is None:
        raise JobFailed("the workers ended without a model")
    _fetch(result.checkpoint, run.result)
    curve: list[dict[str, Any]] = returned["curve"]
    return curve


def worker_resources(config: TrainConfig) -> tuple[bool, dict[str, float]]:
    """Whether workers have GPUs, and what each takes of the cluster.

    Raises:
        ConfigError: the cluster has less than the fewest workers take.
    """
    scaling = config.scaling
    cluster: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    gpu = scaling.gpu if scaling.gpu is not None else cluster.get("GPU", 0) >= 1
    fewest, most = scaling.workers
    share = int(cluster.get("CPU", 1) // max(fewest, min(most, int(cluster.get("CPU", 1)))))
    cpus = scaling.cpus or (1 if gpu else max(1, share))
    resources = {"CPU": float(cpus), **({"GPU": 1.0} if gpu else {})}
    # A cluster that grows by itself may have nothing yet.
    if not os.environ.get("RAY_ADDRESS") and config.ray.address is None:
        for kind, each in resources.items():
            if cluster.get(kind, 0) < each * fewest:
                raise ConfigError(
                    f"{fewest} workers take {each * fewest:g} {kind}s",
                    f"a machine with {cluster.get(kind, 0):g}",
                    fix="--set scaling.workers=[1,1]" if kind == "CPU" else "--set scaling.gpu=false",
                )
    return gpu, resources


def _workers(config: TrainConfig) -> int | tuple[int, int]:
    fewest, most = config.scaling.workers
    return fewest if fewest == most else (fewest, most)


def _storage(where: str) -> dict[str, Any]:
    """Where Ray Train puts checkpoints: through our client on a store that we know, so that address and credentials are the same."""
    if not where.startswith(STORES):
        return {"storage_path": where if "://" in where else str(Path(where).resolve())}
    found: Any = place(where)
    return {"storage_path": found.path, "storage_filesystem": PyFileSystem(FSSpecHandler(found.fs))}


def _fetch(checkpoint: ray.train.Checkpoint, directory: Place) -> None:
    """Copy the finished model out of the storage; whole or absent."""
    with whole_directory(directory) as temporary:
        checkpoint.to_directory(str(temporary))
        (temporary / FINAL_FILE).unlink(missing_ok=True)
        readable(temporary)
