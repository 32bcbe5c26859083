"""A chain of jobs, each with a directory of its own: what is finished is not done again, and what is unfinished goes on.

A directory speaks for its step: `run.json` holds the configuration that it began with, a last file says that it is finished. So a step
may be done by its own command, here or elsewhere, and steps that have not begun may still be changed. A step whose directory holds
another configuration, or was made from something that has been made anew since, is refused before anything runs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rich.console import Console, RenderableType
from rich.table import Table

from magnet_ray.atomic_files import read_json
from magnet_ray.errors import ConfigError, RunError
from magnet_ray.finished_runs import MANIFEST_FILE, RUN_FILE
from magnet_ray.places import Place
from magnet_ray.sections import Section, parse_section, section_changes


class State(StrEnum):
    """How far a step is."""

    FINISHED = "finished"
    """Its result is whole."""
    UNFINISHED = "unfinished"
    """It was begun and goes on."""
    TO_DO = "to do"
    """Nothing of it is there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A job of a chain."""

    name: str
    """Name, unique in the chain."""
    directory: Place
    """Where its result lies."""
    config: Section
    """Its whole configuration, as its directory holds it."""
    what: str
    """What it does, in few words."""
    job: Callable[[bool], RenderableType]
    """Does it, in a new directory or (True) in an unfinished one; gives what is shown of it."""
    sources: tuple[str, ...] = ()
    """Names of the steps whose results it uses."""
    last_file: str = MANIFEST_FILE
    """The file that is written last."""
    asks_model: bool = False
    """Whether it has a model served; any other step has the cluster to itself."""

    @property
    def state(self) -> State:
        """How far it is."""
        if not (self.directory / RUN_FILE).exists():
            return State.TO_DO
        return State.FINISHED if (self.directory / self.last_file).exists() else State.UNFINISHED


def run_steps(steps: Sequence[Step], screen: Console, *, resume: bool) -> None:
    """Do what is not finished, in order, and show what comes of it.

    Raises:
        RunError: a directory holds another configuration or an older result, or something unfinished without `resume`.
        UserError, JobFailed, KeyboardInterrupt: as a job raises; the steps before it stay finished.
    """
    check_steps(steps, resume=resume)
    for number, step in enumerate(steps, 1):
        state, head = step.state, f"[{number}/{len(steps)}] {step.name}"
        if state is State.FINISHED:
            screen.print(f"{head}: was finished before, in {step.directory}", markup=False, soft_wrap=True)
            continue
        goes_on = "goes on: " if state is State.UNFINISHED else ""
        screen.print(f"\n{head}: {goes_on}{step.what}", markup=False, soft_wrap=True, style="bold")
        screen.print(step.job(state is State.UNFINISHED))


def check_steps(steps: Sequence[Step], *, resume: bool) -> None:
    """Refuse a chain that its directories do not fit.

    Raises:
        RunError: see `run_steps`.
    """
    by_name = {step.name: step for step in steps}
    for step in steps:
        if step.state is not State.TO_DO:
            _check_config(step)
        if step.state is State.FINISHED:
            for source in (by_name[name] for name in step.sources if name in by_name):
                _check_age(step, source)
    begun = [step for step in steps if step.state is not State.TO_DO]
    if begun and not resume and any(step.state is not State.FINISHED for step in steps):
        raise RunError(f"{begun[0].name} has begun in {begun[0].directory}", fix="add --resume to go on, or choose another --out")


def plan_table(steps: Sequence[Step]) -> Table:
    """What is done and what would run.

    Raises:
        RunError: see `run_steps`.
    """
    check_steps(steps, resume=True)
    table = Table("step", "state", "what it does", box=None, pad_edge=False)
    for step in steps:
        table.add_row(step.name, step.state.value, step.what)
    return table


def _check_config(step: Step) -> None:
    try:
        held = parse_section(type(step.config), read_json(step.directory / RUN_FILE).get("config", {}))
    except ConfigError as error:
        raise RunError(
            f"the {step.name} in {step.directory} was made by another version: {error}",
            fix="remove that directory, or choose another --out",
        ) from None
    if changes := section_changes(held, step.config):
        raise RunError(
            f"the {step.name} in {step.directory} has another configuration: {changes}",
            fix="use the same options, remove that directory to make it anew, or choose another --out",
        )


def _check_age(step: Step, source: Step) -> None:
    """Refuse a result of something that is no longer there, or that is younger than it."""
    made, from_ = _finished(step), _finished(source)
    if source.state is not State.FINISHED or (made and from_ and from_ > made):
        what = "is not finished" if source.state is not State.FINISHED else "was made after it"
        raise RunError(
            f"the {step.name} in {step.directory} was made from another {source.name} than that in {source.directory}, which {what}",
            fix=f"remove {step.directory}, too, so that it is made again",
        )


def _finished(step: Step) -> str:
    """When a step was finished (ISO 8601, UTC); empty where nothing says so."""
    file: Place = step.directory / step.last_file
    values: dict[str, Any] = read_json(file) if file.exists() else {}
    return str(values.get("finished", ""))
