"""`magnet serve`: what it refuses, and a real small model behind the engine `transformers`; `test_served_by_vllm.py` has the other."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")
pytest.importorskip("uvicorn")

from evals.tiny_checkpoint import cached_checkpoint
from magnet_ray.cli import USER_ERROR
from magnet_ray.free_ports import free_port
from tests.cluster_support import ROOT
from tests.serving.served_model import check_cancellation, check_chat, check_refusals, check_stops, serving

IN_ONE_PROCESS = """
import contextlib, io, json, sys
from magnet_ray.cli import run_command
for arguments in json.loads(sys.argv[1]):
    with contextlib.redirect_stderr(io.StringIO()) as said:
        code = run_command(arguments)
    print(json.dumps([code, said.getvalue()]))
"""
"""Runs commands one after the other: a process for each would load Ray Serve each time."""


@pytest.mark.parametrize(
    ("model", "name"),
    [
        ("runs/sft/model", "sft"),
        ("runs/mdpo/adapter/", "mdpo"),
        ("checkpoints/small", "small"),
        ("Qwen/Qwen3-0.6B", "Qwen3-0.6B"),
        ("model", "model"),
    ],
)
def test_a_model_is_known_by_the_name_of_its_run(model: str, name: str) -> None:
    from magnet_ray.serving.settings import ServeConfig, served_name

    assert served_name(ServeConfig(model=model)) == name
    assert served_name(ServeConfig(model=model, name="mine")) == "mine"


def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path) -> None:
    pytest.importorskip("transformers", reason="needs the train extra")
    (tmp_path / "config.json").write_text("{}", encoding="utf-8")
    (tmp_path / "keys").write_text("# none\n", encoding="utf-8")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        cases: tuple[tuple[list[object], str], ...] = (
            ([], "--model is missing"),
            (["--model", tmp_path / "nothing"], "does not exist"),
            (["--model", tmp_path], "has no tokenizer"),
            (["--model", tmp_path, "--port", port], "cannot be listened at"),
            (["--model", tmp_path, "--api-key-file", tmp_path / "no_file"], "cannot be read"),
            (["--model", tmp_path, "--api-key-file", tmp_path / "keys"], "has no key"),
            (["--model", tmp_path, "--engine", "magic"], "'vllm'"),
            (["--model", tmp_path, "--set", "limit.seconds=3"], "did you mean limits?"),
        )
        commands = [["serve", "--port", str(free_port()), *map(str, arguments)] for arguments, _ in cases]
        program = [sys.executable, "-c", IN_ONE_PROCESS, json.dumps(commands)]
        done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, timeout=280, check=False)
    said = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(said) == len(cases), done.stderr
    for (_, words), (code, line) in zip(cases, said, strict=True):
        assert (code, line.count("\n")) == (USER_ERROR, 1), line
        assert words in line


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_small_model_is_served_by_transformers() -> None:
    pytest.importorskip("transformers", reason="needs the train extra")
    model = cached_checkpoint()
    if not (model / "config.json").exists():
        pytest.skip("the small model is not here: python -m evals.tiny_checkpoint")
    with serving("--model", model, "--engine", "transformers", "--set", "context_length=4096") as (url, command):
        check_chat(url, model.name)
        check_refusals(url, model.name)
        check_cancellation(url, model.name)
        # Ray's workers would give way to all other processes.
        replicas = [pid for pid, line in command.processes().items() if line.startswith("ray::ServeReplica")]
        assert len(replicas) == 2
        assert {os.getpriority(os.PRIO_PROCESS, pid) for pid in replicas} == {os.getpriority(os.PRIO_PROCESS, 0)}
        check_stops(url, model.name, command)
