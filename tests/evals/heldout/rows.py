"""Real rows of the built-in pool as a finished run, and training runs that held some of them out."""

from __future__ import annotations

from pathlib import Path

from evals.heldout.conversations import Conversation, Conversations
from evals.heldout.job import HeldOutJob
from magnet_ray.artifacts import Origin, RunDirectory
from magnet_ray.atomic_files import write_json
from magnet_ray.config import load_config
from magnet_ray.finished_runs import FORMAT
from magnet_ray.functions.pool import save_pool
from magnet_ray.training.held_out import By, Split, split_runs
from magnet_ray.types import Category, Failure, FailureReason, Trajectory
from tests.scripted_student import real_rows, world


def rows_of(category: Category, count: int = 8) -> list[Trajectory]:
    """The first rows of a category."""
    return [row for row in real_rows() if row.category is category][:count]


def job_of(rows: list[Trajectory], max_rounds: int = 8) -> HeldOutJob:
    """An evaluation on some rows."""
    chosen = tuple(Conversation(row=row, world=0) for row in rows)
    conversations = Conversations(worlds=(world(),), chosen=chosen, offered=len(rows), unseen=False)
    return HeldOutJob(model="m", conversations=conversations, max_rounds=max_rounds)


def synthesised(directory: Path, rows: list[Trajectory]) -> Path:
    """A finished run of some rows."""
    config = load_config(overrides={"num": max(row.index for row in rows) + 1, "ray.shard_size": 100_000})
    known = {row.index for row in rows}
    failures = [
        Failure(id=f"{index:016x}", index=index, stage="path", reason=FailureReason.NO_PATH, detail="left out")
        for index in range(config.num)
        if index not in known
    ]
    with RunDirectory.open(directory, config) as run:
        save_pool(world().pool, run.path / "pool")
        run.write_shard(0, rows, failures)
        run.finish((run.read_table(0),), failures, Origin(sources=config.sources))
    return directory


def trained_on(directory: Path, data: Path, *, by: By = "domain", share: float = 0.3, seed: int = 1, model: str = "base") -> Split:
    """A finished training run on a run, as far as evaluations look at it; what it held out."""
    split = split_runs([data], by=by, share=share, seed=seed)
    (directory / "model").mkdir(parents=True)
    config = {"model": model, "data": [str(data)]}
    write_json(directory / "manifest.json", {"format": FORMAT, "kind": "sft", "config": config, "held_out": split.as_json()})
    return split
