"""`magnet eval` from the command line: what the user must fix is one line, evaluations are comparable or refused."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evals.commands import eval_app
from evals.comparison import compare
from evals.conversation_workers import hold_here
from evals.evaluation_jobs import Silent
from evals.evaluation_runs import EvaluationRun
from evals.toolquery.job import KIND, ToolQueryConfig, ToolQueryJob
from magnet_ray import cli
from magnet_ray.cli import USER_ERROR
from magnet_ray.errors import RunError
from tests.evals.agents import opens


@pytest.fixture(autouse=True, scope="module")
def mounted() -> None:
    """`magnet eval`, whoever mounts it."""
    if not any(group.name == "eval" for group in cli.app.registered_groups):
        cli.app.add_typer(eval_app, name="eval")


def finished(out: Path, name: str, *, silent: bool = False, seed: int = 1) -> Path:
    """A finished evaluation, made in this process."""
    config = ToolQueryConfig(limit=2, seed=seed)
    config = config.model_copy(update={"model": config.model.model_copy(update={"name": name})})
    job = ToolQueryJob.of(config)
    with EvaluationRun.open(out, KIND, config, resume=False) as run:
        transcripts = hold_here(run, job, opens(Silent() if silent else job.reference_agent()))
        report = job.report(transcripts)
        run.finish(transcripts, report.files(), report.figures(), 1.0)
    return out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["toolquery"], "--out is missing"),
        (["toolquery", "--out", "x"], "--endpoint is missing"),
        (["toolquery", "--endpoint", "http://127.0.0.1:9/v1", "--out", "x"], "cannot be listed"),
        (["toolquery", "--endpoint", "127.0.0.1", "--out", "x"], "127.0.0.1"),
        (["toolquery", "--agent", "clever", "--out", "x"], "agent"),
        (["toolquery", "--limit", "0", "--agent", "silent", "--out", "x"], "limit"),
        (["toolquery", "--set", "domain=[]", "--out", "x"], "did you mean domains?"),
        (["toolquery", "--set", 'domains=["sports"]', "--agent", "silent", "--out", "x"], "domains"),
        (["heldout", "--agent", "silent", "--out", "x"], "--run DIR, --trained DIR or both"),
        (["heldout", "--agent", "silent", "--run", "nowhere", "--out", "x"], "nowhere is not a directory"),
        (["heldout", "compare", "nowhere"], "does not exist"),
    ],
)
def test_what_the_user_must_fix_is_one_line(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.run_command(["eval", *arguments]) == USER_ERROR
    error = capsys.readouterr().err
    assert words in error
    assert error.startswith("magnet: ")
    assert error.count("\n") == 1
    assert not (tmp_path / "x").exists()


def test_every_setting_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("toolquery", "heldout"):
        assert cli.run_command(["eval", name, "--keys"]) == 0
        lines = capsys.readouterr().out.splitlines()
        assert any(line.startswith("model.temperature") and "(default 0.0)" in line for line in lines)
        assert all("(default " in line and len(line.split("(default ")[0].split()) > 2 for line in lines)


def test_evaluations_of_the_same_tasks_stand_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [finished(tmp_path / "a", "base", silent=True), finished(tmp_path / "b", "tuned")]
    assert cli.run_command(["eval", "toolquery", "compare", *map(str, runs), "--out", str(tmp_path / "both")]) == 0
    assert "success rate" in capsys.readouterr().out
    table = json.loads((tmp_path / "both" / "comparison.json").read_text())
    assert table["models"] == ["base", "tuned"]
    assert [score["value"] for score in table["rows"][0]["scores"]] == [0.0, 1.0]
    assert (tmp_path / "both" / "comparison.svg").read_text().startswith("<svg")
    assert "| success rate | 6 | 0.0 (0-39) | 100.0 (61-100) |" in (tmp_path / "both" / "comparison.md").read_text()


def test_evaluations_of_other_tasks_are_not_compared(tmp_path: Path) -> None:
    runs = [finished(tmp_path / "a", "base"), finished(tmp_path / "b", "base", seed=2)]
    with pytest.raises(RunError, match="put other tasks"):
        compare(KIND, runs)
