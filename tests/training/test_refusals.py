"""What a user must put right is one line on stderr and exit code 2, before Ray is started, and leaves no directory behind."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from magnet_ray.cli import USER_ERROR, run_command
from magnet_ray.config import load_config
from tests.conftest import make_run
from tests.training.tiny_runs import tiny_checkpoint

World = dict[str, Path]


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    directory = tmp_path_factory.mktemp("world")
    places = {"model": tiny_checkpoint(directory / "model"), "data": make_run(directory / "data", load_config(overrides={"num": 13}))}
    places["mute"] = Path(shutil.copytree(places["model"], directory / "mute"))
    (places["mute"] / "chat_template.jinja").unlink()
    places["adapter"] = directory / "adapter"
    places["adapter"].mkdir()
    (places["adapter"] / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(places["model"])}), encoding="utf-8")
    places["unfinished"] = directory / "unfinished"
    places["unfinished"].mkdir()
    shutil.copy(places["data"] / "run.json", places["unfinished"])
    return places


REFUSED: dict[str, tuple[Callable[[World], tuple[object, ...]], str]] = {
    "no pairs": (lambda world: ("mdpo", "--data", world["data"], "--model", world["model"]), "holds no preference pairs"),
    "an unfinished run": (lambda world: ("sft", "--data", world["unfinished"], "--model", world["model"]), "is not finished"),
    "no run": (lambda world: ("sft", "--data", world["model"], "--model", world["model"]), "holds no run"),
    "no template": (lambda world: ("sft", "--data", world["data"], "--model", world["mute"]), "has no chat template"),
    "an adapter": (lambda world: ("mdpo", "--data", world["data"], "--model", world["adapter"]), "merge it first: magnet train merge"),
    "no checkpoint": (lambda world: ("sft", "--data", world["data"], "--model", "checkpoints/nowhere/at/all"), "does not exist"),
    "longer than the model": (
        lambda world: ("sft", "--data", world["data"], "--model", world["model"], "--set", "max_tokens=9000"),
        "takes texts of up to 8192 tokens; got 'max_tokens=9000'; --set max_tokens=8192",
    ),
    "a tracker that is not there": (
        lambda world: ("sft", "--data", world["data"], "--model", world["model"], "--set", "report_to=[mlflow]"),
        "report_to=mlflow needs the package mlflow; got 'not installed'; pip install mlflow",
    ),
    "nothing left": (
        lambda world: ("sft", "--data", world["data"], "--model", world["model"], "--set", "held_out.share=1"),
        "held_out",
    ),
    "a misspelt key": (lambda world: ("sft", "--data", world["data"], "--set", "batchsize=3"), "did you mean batch_size?"),
    "a value out of range": (lambda world: ("mdpo", "--data", world["data"], "--set", "beta=0"), "greater than 0"),
    "workers the wrong way round": (lambda world: ("sft", "--set", "scaling.workers=[4,2]"), "workers as [fewest, most]"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_trained_is_one_line(what: str, world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments, words = REFUSED[what]
    code = run_command(["train", *map(str, arguments(world)), "--out", str(tmp_path / "out")])
    lines = capsys.readouterr().err.strip().splitlines()
    assert code == USER_ERROR
    assert len(lines) == 1 and lines[0].startswith("magnet: ") and words in lines[0], lines
    assert not (tmp_path / "out").exists()


def test_a_directory_that_is_taken_stays_as_it_is(world: World, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").touch()
    given = ("--data", world["data"], "--model", world["model"], "--set", "held_out.by=row", "--set", "held_out.share=0.3")
    code = run_command(["train", "sft", *map(str, given), "--out", str(tmp_path / "out")])
    assert code == USER_ERROR and "is not empty" in capsys.readouterr().err
    assert [file.name for file in (tmp_path / "out").iterdir()] == ["thesis.tex"]
