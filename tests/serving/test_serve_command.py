"""`magnet serve`: what it refuses, and a real small model behind it with both engines."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")
pytest.importorskip("uvicorn")

from evals.tiny_checkpoint import cached_checkpoint
from magnet_ray.cli import USER_ERROR
from magnet_ray.free_ports import free_port
from tests.cluster_support import ROOT, Command, started, wait_until
from tests.serving.asked import WEATHER
from tests.serving.client_checks import assembled, client_of, message_of, openai
from tests.serving.vllm_server import ENVIRONMENT

START_SECONDS = 500.0


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


@contextmanager
def serving(*arguments: object, python: Path | None = None) -> Iterator[tuple[str, Command]]:
    """A running server that knows the key `right`, and its process."""
    where = ("serve", "--port", free_port(), *arguments)
    with started(*where, env={**ENVIRONMENT, "MAGNET_API_KEY": "right"}, python=python or sys.executable) as command:
        assert command.process.stdout is not None
        timer = threading.Timer(START_SECONDS, command.kill_everything)
        timer.start()
        line = command.process.stdout.readline()
        timer.cancel()
        assert line.startswith("serving "), command.wait().stderr
        yield line.split()[-1], command


def ask(client: Any, model: str, text: str, **more: Any) -> dict[str, Any]:
    """An answer, whole; its stream must assemble to the same."""
    asked = {"model": model, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 40, **more}
    whole = message_of(client.chat.completions.create(**asked))
    stream = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    assert assembled(stream) == whole
    return whole


def check_served(url: str, model: str) -> None:
    """Chat, refusals and cancellation."""
    with client_of(url, "right") as client:
        assert [each.id for each in client.models.list()] == [model]
        assert "help" in str(ask(client, model, "Hi")["content"])
        assert ask(client, model, "Hi", stop="help")["reason"] == "stop"
        assert ask(client, model, "How is the weather in Ulm?", tools=[WEATHER], tool_choice="none")["calls"] == []
        for more, kind in (
            ({"model": "other"}, openai.NotFoundError),
            ({"messages": [{"role": "user", "content": "word " * 9_000}]}, openai.BadRequestError),
            ({"messages": [{"role": "user", "content": "x" * 5_000_000}]}, openai.APIStatusError),
        ):
            with pytest.raises(kind):
                client.chat.completions.create(**{"model": model, "messages": [{"role": "user", "content": "Hi"}], **more})
        question = [{"role": "user", "content": "Tell me a very long story."}]
        stream = client.chat.completions.create(model=model, messages=question, max_tokens=1_500, stream=True)
        next(stream)
        stream.close()
        # Were it still at the story, this would take its time.
        assert ask(client.with_options(timeout=60.0), model, "Hi", max_tokens=3)["reason"] == "length"
    with client_of(url, "wrong") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def check_stops(url: str, model: str, command: Command) -> None:
    """SIGTERM in the middle of an answer: it is finished, then the server ends well and leaves nothing behind."""
    with client_of(url, "right") as client:
        question = [{"role": "user", "content": "Tell me a story."}]
        stream = client.chat.completions.create(model=model, messages=question, max_tokens=30, temperature=0, stream=True)
        next(stream)
        os.kill(command.process.pid, signal.SIGTERM)
        assert [chunk.choices[0].finish_reason for chunk in stream][-1] in ("stop", "length")
    assert command.wait().returncode == 0
    wait_until(lambda: not command.processes())


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_small_model_is_served_by_transformers() -> None:
    pytest.importorskip("transformers", reason="needs the train extra")
    model = cached_checkpoint()
    if not (model / "config.json").exists():
        pytest.skip("the small model is not here: python -m evals.tiny_checkpoint")
    with serving("--model", model, "--engine", "transformers", "--set", "context_length=4096") as (url, command):
        check_served(url, model.name)
        check_stops(url, model.name, command)


@pytest.mark.slow
@pytest.mark.timeout(1_500)
def test_a_small_model_is_served_by_vllm(python: Path, checkpoint: Path) -> None:
    with serving("--model", checkpoint, "--engine", "vllm", "--set", "context_length=4096", python=python) as (url, command):
        check_served(url, checkpoint.name)
        other = json.loads(json.dumps(WEATHER))
        other["function"]["name"] = "get_time"
        with client_of(url, "right") as client:
            weather = {"tools": [WEATHER, other], "parallel_tool_calls": False}
            for choice, names in (
                ("required", {"get_weather", "get_time"}),
                ({"type": "function", "function": {"name": "get_time"}}, {"get_time"}),
            ):
                answer = ask(client, checkpoint.name, "How is the weather in Ulm?", tool_choice=choice, max_tokens=80, **weather)
                [(name, arguments)] = answer["calls"]
                assert name in names and list(json.loads(arguments)) == ["city"]
            call = r'<tool_call>\n\{"name": "get_weather", "arguments": \{"city": "[A-Z][a-z]{2,9}"\}\}\n</tool_call>'
            two = {"structured_outputs": {"regex": f"{call}\\n{call}"}}
            answer = ask(client, checkpoint.name, "How is the weather in Ulm and Bern?", tools=[WEATHER], max_tokens=90, extra_body=two)
            assert [name for name, _ in answer["calls"]] == ["get_weather"] * 2 and answer["reason"] == "tool_calls"
            # What a grammar cannot hold is an object all the same.
            other["function"]["parameters"]["properties"]["city"]["pattern"] = "(?<!a)b"
            answer = ask(
                client, checkpoint.name, "What time is it in Bern?", tools=[other], tool_choice="required", parallel_tool_calls=False
            )
            assert all(isinstance(json.loads(arguments), dict) for _, arguments in answer["calls"])
        check_stops(url, checkpoint.name, command)
