from __future__ import annotations

import json
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from pydantic import Field
from rich.console import Console

from magnet_ray.errors import JobFailed, RunError
from magnet_ray.paper.chain import State, Step, plan_table, run_steps
from magnet_ray.sections import ROWS_UNCHANGED, Section, section_values


class Work(Section):
    """A configuration."""

    size: int = Field(default=1, description="Changes what comes of it.")
    cpus: int = Field(default=1, description="Does not.", json_schema_extra={ROWS_UNCHANGED: True})


class Desk:
    """A chain of three jobs that note what they were told; `b` uses what `a` makes, and `c` what `b` does."""

    def __init__(self, directory: Path, **configs: Work) -> None:
        self.directory, self.told = directory, list[tuple[str, bool]]()
        self.fails: dict[str, Callable[[], None]] = {}
        self.finished = "2026-01-01T00:00:00+00:00"
        sources = {"a": (), "b": ("a",), "c": ("b",)}
        self.steps = [
            Step(
                name=name,
                directory=directory / name,
                config=configs.get(name, Work()),
                what=f"makes {name}",
                job=lambda resume, name=name: self._do(name, resume),  # type: ignore[misc]
                sources=sources[name],
            )
            for name in sources
        ]

    def _do(self, name: str, resume: bool) -> str:
        self.told.append((name, resume))
        step = next(step for step in self.steps if step.name == name)
        step.directory.mkdir(parents=True, exist_ok=True)
        (step.directory / "run.json").write_text(json.dumps({"config": section_values(step.config)}), encoding="utf-8")
        self.fails.pop(name, lambda: None)()
        (step.directory / "manifest.json").write_text(json.dumps({"finished": self.finished}), encoding="utf-8")
        return f"{name} is there"

    def run(self, *, resume: bool = False) -> str:
        """Run the chain; what it showed."""
        shown = StringIO()
        run_steps(self.steps, Console(file=shown, width=200), resume=resume)
        return shown.getvalue()


def stop() -> None:
    raise KeyboardInterrupt


def fail() -> None:
    raise JobFailed("too much went wrong")


def test_steps_are_done_in_order_and_announced(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    shown = desk.run()
    assert desk.told == [("a", False), ("b", False), ("c", False)]
    assert shown.split("\n") == ["", "[1/3] a: makes a", "a is there", "", "[2/3] b: makes b", "b is there", *shown.split("\n")[6:]]


@pytest.mark.parametrize("end", [stop, fail])
def test_what_is_finished_is_skipped_and_what_is_unfinished_goes_on(tmp_path: Path, end: Callable[[], None]) -> None:
    desk = Desk(tmp_path)
    desk.fails["b"] = end
    with pytest.raises((KeyboardInterrupt, JobFailed)):
        desk.run()
    assert [step.state for step in desk.steps] == [State.FINISHED, State.UNFINISHED, State.TO_DO]
    with pytest.raises(RunError, match=r"a has begun in .*; add --resume to go on"):
        desk.run()
    desk.told.clear()
    shown = desk.run(resume=True)
    assert desk.told == [("b", True), ("c", False)]
    assert f"[1/3] a: was finished before, in {tmp_path}/a" in shown and "[2/3] b: goes on: makes b" in shown


def test_a_finished_chain_does_nothing_and_needs_no_resume(tmp_path: Path) -> None:
    Desk(tmp_path).run()
    desk = Desk(tmp_path)
    desk.run()
    assert desk.told == []


def test_a_changed_configuration_is_refused_by_its_keys_before_anything_runs(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.fails["b"] = stop
    with pytest.raises(KeyboardInterrupt):
        desk.run()
    for name in ("a", "b"):
        changed = Desk(tmp_path, **{name: Work(size=2)})
        with pytest.raises(RunError, match=rf"the {name} in {tmp_path}/{name} has another configuration: size was 1, is 2"):
            changed.run(resume=True)
        with pytest.raises(RunError, match="size was 1, is 2"):
            plan_table(changed.steps)
        assert changed.told == []
    # What has not begun may change, and so may keys that change nothing.
    other = Desk(tmp_path, a=Work(cpus=4), c=Work(size=7))
    other.run(resume=True)
    assert other.told == [("b", True), ("c", False)]


def test_a_result_of_something_that_was_made_anew_is_refused(tmp_path: Path) -> None:
    Desk(tmp_path).run()
    (tmp_path / "a" / "manifest.json").unlink()
    with pytest.raises(RunError, match=rf"the b in {tmp_path}/b was made from another a than that in .*, which is not finished"):
        Desk(tmp_path).run(resume=True)
    again = Desk(tmp_path)
    again.finished = "2026-01-01T00:00:01+00:00"
    again.steps = again.steps[:1]
    again.run(resume=True)
    with pytest.raises(RunError, match="which was made after it; remove"):
        Desk(tmp_path).run(resume=True)


def test_a_plan_says_how_far_each_step_is(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.fails["b"] = stop
    with pytest.raises(KeyboardInterrupt):
        desk.run()
    shown = StringIO()
    Console(file=shown, width=100).print(plan_table(desk.steps))
    lines = [line.split() for line in shown.getvalue().splitlines()[1:]]
    assert lines == [["a", "finished", "makes", "a"], ["b", "unfinished", "makes", "b"], ["c", "to", "do", "makes", "c"]]
