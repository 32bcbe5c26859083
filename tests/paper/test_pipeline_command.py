from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from magnet_ray.cli import DONE, USER_ERROR, run_command

CONFIGS = Path(__file__).parents[2] / "jobs" / "configs"
DATA = ("--set", "steps=[pool, graph]", "--set", "synthesize.sources=['builtin:gym']")


def told(arguments: Sequence[object], capsys: pytest.CaptureFixture[str]) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of `magnet pipeline`."""
    code = run_command(["pipeline", *map(str, arguments)])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("name", ["pipeline.yaml", "tiny-pipeline.yaml"])
def test_the_published_pipelines_can_be_planned(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = told(["--config", CONFIGS / name, "--out", tmp_path / "p", "--plan"], capsys)
    assert code == DONE
    steps = [line.split()[0] for line in out.splitlines()[1:] if line[0] != " "]
    assert steps[:6] == ["pool", "graph", "synthesize", "sft", "distill", "mdpo"]
    assert all(step.startswith("evaluate/") for step in steps[6:]) and len(steps) >= 8
    assert not (tmp_path / "p").exists()


def test_a_pipeline_needs_a_directory(capsys: pytest.CaptureFixture[str]) -> None:
    code, _, err = told([], capsys)
    assert code == USER_ERROR
    assert err == "magnet: --out is missing; expected the directory of the pipeline; such as --out runs/paper\n"


def test_pool_and_graph_are_made_once_and_a_changed_source_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "p"
    code, shown, err = told([*DATA, "--out", out], capsys)
    assert code == DONE, err
    assert "[1/2] pool: functions of builtin:gym" in shown and "edges between" in shown
    assert "README.md holds this summary" in shown and "functions, 0 left out" in (out / "README.md").read_text(encoding="utf-8")
    made = (out / "pool" / "pool.json").stat().st_mtime_ns
    code, shown, _ = told([*DATA, "--out", out], capsys)
    assert code == DONE and shown.count("was finished before") == 2
    assert (out / "pool" / "pool.json").stat().st_mtime_ns == made
    code, _, err = told([*DATA[:2], "--set", "synthesize.sources=['builtin:rail']", "--out", out, "--resume"], capsys)
    assert code == USER_ERROR and err.count("\n") == 1
    assert 'sources was ["builtin:gym"], is ["builtin:rail"]' in err
    shutil.rmtree(out / "graph")
    code, _, err = told([*DATA, "--out", out], capsys)
    assert code == USER_ERROR and "pool has begun in" in err and "add --resume" in err
    code, shown, _ = told([*DATA, "--out", out, "--resume"], capsys)
    assert code == DONE and shown.count("was finished before") == 1


def test_a_missing_checkpoint_is_found_out_before_the_first_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("transformers", reason="training needs the train extra")
    code, _, err = told(["--model", tmp_path / "none", "--out", tmp_path / "p"], capsys)
    assert code == USER_ERROR
    assert "none does not exist" in err
    assert not (tmp_path / "p").exists()
