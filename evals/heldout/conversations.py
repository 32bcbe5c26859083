"""Which conversations a model is measured on: rows of finished runs, all of them or those that its training never saw.

A training run's manifest says what it held out, and the checkpoint that it began with may come from another run: a row counts as
unseen when every run of that chain held it out.
"""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from pydantic import Field

from evals.evaluation_runs import EvaluationConfig
from magnet_ray.atomic_files import read_json
from magnet_ray.config import IsolationConfig
from magnet_ray.environments.opening import environment_opener
from magnet_ray.errors import ConfigError, RunError
from magnet_ray.finished_runs import MANIFEST_FILE, read_manifest, read_trajectories
from magnet_ray.functions.pool import load_pool
from magnet_ray.places import Place, place
from magnet_ray.rollouts.rollout import World
from magnet_ray.training.held_out import Split, synthesised_runs
from magnet_ray.types import Category, Trajectory, content_id

TRAININGS: Final = frozenset({"sft", "mdpo"})
"""Kinds of runs that train."""


class HeldOutConfig(EvaluationConfig):
    """`magnet eval heldout`: conversations with the environment live."""

    run: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="A finished run of `magnet synthesize` to take rows of; null: the data of `trained`."
    )
    trained: Annotated[str, Field(min_length=1)] | None = Field(
        default=None, description="A finished run of `magnet train`: only rows that it held out are used; null: all rows of `run`."
    )
    max_rounds: int = Field(default=8, ge=1, le=100, description="Rounds of calls that one turn may take.")
    isolation: IsolationConfig = Field(default=IsolationConfig(), description="Limits on foreign code.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """A row to be held as a conversation."""

    row: Trajectory
    """The row; its id is unique among all that are held."""
    world: int
    """Index of the world that it is held in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversations:
    """What a model is measured on."""

    worlds: tuple[World, ...]
    """The functions and environments of each run."""
    chosen: tuple[Conversation, ...]
    """The conversations, in the order of the runs and their rows."""
    offered: int
    """Rows that could have been chosen."""
    unseen: bool
    """Whether they are those that a training run held out."""


def choose_conversations(config: HeldOutConfig) -> Conversations:
    """The conversations of an evaluation.

    Raises:
        ConfigError: neither a run nor a training run is named.
        RunError: one of them cannot be read, or no row is left.
    """
    splits, runs = _unseen(config)
    found = [
        (number, row) for number, run in enumerate(runs) for row in read_trajectories(run) if all(split.holds_out(row) for split in splits)
    ]
    if not found:
        by = config.trained or config.run
        raise RunError(f"nothing is held out: no row of {', '.join(map(str, runs))} is unseen by {by}", fix="name another --run")
    opener = environment_opener(config.isolation.call_seconds, config.isolation.memory_mb)
    chosen = _stratified(found, config.limit, config.seed)
    return Conversations(
        worlds=tuple(World(pool=load_pool(run / "pool"), open_environment=opener) for run in runs),
        chosen=tuple(Conversation(row=_named(row, number, len(runs)), world=number) for number, row in chosen),
        offered=len(found),
        unseen=bool(splits),
    )


def splits_of(trained: Place) -> list[Split]:
    """What a training run held out, and what the runs held out whose models it and they began with.

    Raises:
        RunError: it is no finished training run.
    """
    splits = []
    run: Place | None = trained
    while run is not None:
        manifest = _training_manifest(run)
        splits.append(Split.from_json(manifest["held_out"]))
        began_with = place(manifest["config"]["model"])
        run = began_with.parent if (began_with.parent / MANIFEST_FILE).exists() else None
    return splits


def _unseen(config: HeldOutConfig) -> tuple[list[Split], tuple[Place, ...]]:
    """What was held out, and the runs to take rows of."""
    if config.trained is None:
        if config.run is None:
            raise ConfigError("nothing to evaluate on is named", expected="--run DIR, --trained DIR or both")
        splits: list[Split] = []
        runs: Sequence[str] = (config.run,)
    else:
        splits = splits_of(place(config.trained))
        runs = (config.run,) if config.run else tuple(_training_manifest(place(config.trained))["config"]["data"])
    for run in runs:
        if (kind := read_manifest(run).kind) not in {"synthesize", "distill"}:
            raise RunError(f"{run} holds no conversations", f"a run of magnet {kind}", fix="name a run made by magnet synthesize")
    return splits, synthesised_runs(runs)


def _training_manifest(run: Place) -> dict[str, Any]:
    if not (run / MANIFEST_FILE).exists():
        raise RunError(f"{run} holds no finished training run", expected=MANIFEST_FILE, fix="name a run made by magnet train")
    manifest = read_json(run / MANIFEST_FILE)
    if manifest.get("kind") not in TRAININGS:
        raise RunError(f"{run} holds a run of magnet {manifest.get('kind')}", fix="name a run made by magnet train")
    return manifest


def _stratified(rows: Iterable[tuple[int, Trajectory]], limit: int | None, seed: int) -> Iterator[tuple[int, Trajectory]]:
    """At most `limit` rows of each category, chosen by the hashes of their ids."""
    rows = list(rows)
    if limit is None:
        yield from rows
        return
    groups: defaultdict[Category, list[tuple[str, int]]] = defaultdict(list)
    for position, (number, row) in enumerate(rows):
        groups[row.category].append((content_id(seed, "limit", number, row.id), position))
    kept = {position for group in groups.values() for _, position in sorted(group)[:limit]}
    yield from (rows[position] for position in sorted(kept))


def _named(row: Trajectory, number: int, runs: int) -> Trajectory:
    """The row under an id that no row of another run has."""
    return row if runs == 1 else dataclasses.replace(row, id=f"{number}.{row.id}")
