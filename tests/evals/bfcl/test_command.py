from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from evals.bfcl.job import BfclConfig
from evals.commands import eval_app
from evals.throughput.model_server import Behaviour, ModelServer
from magnet_ray import cli
from magnet_ray.sections import describe_section


def run(*arguments: object) -> int:
    if not any(group.name == "eval" for group in cli.app.registered_groups):
        cli.app.add_typer(eval_app, name="eval")
    return cli.run_command(["eval", "bfcl", *map(str, arguments)])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--agent", "silent", "--categories", "exec_simple"), "categories names no category of BFCL-v3; got 'exec_simple'"),
        (("--agent", "silent", "--limit", "0"), "limit"),
        (("--agent", "silent", "--mode", "react"), "'fc' or 'prompt'"),
        ((), "--endpoint is missing"),
        (("--agent", "silent", "--set", "isolation.call_second=1"), "did you mean isolation.call_seconds?"),
    ],
)
def test_bad_input_is_one_line(arguments: tuple[str, ...], words: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(*arguments, "--out", tmp_path / "run") == 2
    error = capsys.readouterr().err
    assert words in error and error.count("\n") == 1
    assert not (tmp_path / "run" / "manifest.json").exists()


def test_comparing_what_is_no_run_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("compare", tmp_path / "gone") == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_every_setting_has_a_meaning() -> None:
    settings = {key: meaning for key, _, meaning in describe_section(BfclConfig)}
    assert {"mode", "categories", "limit", "model.temperature", "isolation.call_seconds"} <= settings.keys()
    assert all(settings.values())


def plain_calls(headers: Any, body: dict[str, Any]) -> dict[str, Any]:
    """Calls the first tool without arguments, once for each message of the user."""
    if body["messages"][-1]["role"] == "tool" or not body.get("tools"):
        return {"content": "Done."}
    name = body["tools"][0]["function"]["name"]
    return {"content": None, "tool_calls": [{"id": "x", "type": "function", "function": {"name": name, "arguments": "{}"}}]}


@pytest.mark.slow
def test_an_evaluation_runs_from_the_command_to_the_report_and_compares(tmp_path: Path) -> None:
    pytest.importorskip("bfcl_eval")
    pytest.importorskip("tree_sitter")
    with ModelServer(plain_calls, Behaviour(model="m")) as server:
        assert run("--endpoint", server.url, "--limit", 2, "--out", tmp_path / "a", "--set", "ray.workers=2") == 0
        asked = server.served.tries
    assert all(re.fullmatch(r"[a-z_]+_[\d#-]+/student/\d+/0", key) for key in asked if not key.startswith(("models", "check")))
    manifest = json.loads((tmp_path / "a" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["tasks"] == 34 and manifest["model"] == "m" and manifest["mode"] == "fc"
    assert manifest["wrong_by_reason"]["irrelevance_error:decoder_success"] == {"irrelevance": 2, "live_irrelevance": 2}
    assert run("compare", tmp_path / "a", tmp_path / "a", "--out", tmp_path / "both") == 0
    assert "m #2" in (tmp_path / "both" / "README.md").read_text(encoding="utf-8")
