"""A small model behind `magnet serve`, and what the unmodified `openai` client must be able to do with it, whatever the engine."""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.free_ports import free_port
from tests.cluster_support import Command, started, wait_until
from tests.serving.asked import WEATHER
from tests.serving.client_checks import assembled, client_of, message_of, openai
from tests.serving.vllm_server import ENVIRONMENT

START_SECONDS = 500.0


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
    asked = {"model": model, "messages": [{"role": "user", "content": text}], "temperature": 0, "max_tokens": 16, **more}
    whole = message_of(client.chat.completions.create(**asked))
    stream = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    assert assembled(stream) == whole
    return whole


def check_chat(url: str, model: str) -> None:
    """Chat, whole and streamed, with tools that may not be called too."""
    with client_of(url, "right") as client:
        assert [each.id for each in client.models.list()] == [model]
        assert "help" in str(ask(client, model, "Hi")["content"])
        assert ask(client, model, "Hi", stop="help")["reason"] == "stop"
        assert ask(client, model, "How is the weather in Ulm?", tools=[WEATHER], tool_choice="none")["calls"] == []


def check_refusals(url: str, model: str) -> None:
    """A bad key, an unknown model, a prompt beyond the context, a body beyond the limit."""
    with client_of(url, "right") as client:
        for more, kind in (
            ({"model": "other"}, openai.NotFoundError),
            ({"messages": [{"role": "user", "content": "word " * 9_000}]}, openai.BadRequestError),
            ({"messages": [{"role": "user", "content": "x" * 5_000_000}]}, openai.APIStatusError),
        ):
            with pytest.raises(kind) as caught:
                client.chat.completions.create(**{"model": model, "messages": [{"role": "user", "content": "Hi"}], **more})
            assert set(caught.value.body) == {"message", "type", "param", "code"}
    with client_of(url, "wrong") as stranger, pytest.raises(openai.AuthenticationError):
        stranger.models.list()


def check_cancellation(url: str, model: str) -> None:
    """A client that goes away ends the work on its answer."""
    with client_of(url, "right") as client:
        question = [{"role": "user", "content": "Tell me a very long story."}]
        stream = client.chat.completions.create(model=model, messages=question, max_tokens=1_500, stream=True)
        next(stream)
        stream.close()
        # Were it still at the story, this would take its time.
        assert ask(client.with_options(timeout=60.0), model, "Hi", max_tokens=3)["reason"] == "length"


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
