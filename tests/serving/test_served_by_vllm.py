"""The acceptance of `magnet serve --engine vllm`, with the unmodified `openai` client: one server for all tests (`make test-vllm`)."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")

from tests.cluster_support import Command, needs_proc
from tests.serving.asked import WEATHER
from tests.serving.client_checks import client_of
from tests.serving.served_model import ask, check_cancellation, check_chat, check_refusals, check_stops, serving

pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(900)]
TIME: dict[str, Any] = copy.deepcopy(WEATHER)
TIME["function"]["name"] = "get_time"


@pytest.fixture(scope="module")
def served(python: Path, checkpoint: Path) -> Iterator[tuple[str, Command]]:
    """Base URL and process of the server."""
    with serving("--model", checkpoint, "--engine", "vllm", "--set", "context_length=4096", python=python) as running:
        yield running


@pytest.fixture
def client(served: tuple[str, Command]) -> Iterator[Any]:
    with client_of(served[0], "right") as right:
        yield right


def test_chat_and_its_stream_are_the_same(served: tuple[str, Command], checkpoint: Path) -> None:
    check_chat(served[0], checkpoint.name)


@pytest.mark.parametrize(
    ("choice", "names"),
    [("required", {"get_weather", "get_time"}), ({"type": "function", "function": {"name": "get_time"}}, {"get_time"})],
)
def test_a_call_that_is_demanded_is_made(client: Any, checkpoint: Path, choice: Any, names: set[str]) -> None:
    tools = {"tools": [WEATHER, TIME], "parallel_tool_calls": False, "tool_choice": choice}
    [(name, arguments)] = ask(client, checkpoint.name, "How is the weather in Ulm?", max_tokens=80, **tools)["calls"]
    assert name in names and list(json.loads(arguments)) == ["city"]


def test_calls_come_in_parallel(client: Any, checkpoint: Path) -> None:
    call = r'<tool_call>\n\{"name": "get_weather", "arguments": \{"city": "[A-Z][a-z]{2,9}"\}\}\n</tool_call>'
    two = {"structured_outputs": {"regex": f"{call}\\n{call}"}}
    answer = ask(client, checkpoint.name, "How is the weather in Ulm and Bern?", tools=[WEATHER], max_tokens=90, extra_body=two)
    assert [name for name, _ in answer["calls"]] == ["get_weather"] * 2 and answer["reason"] == "tool_calls"


def test_what_a_grammar_cannot_hold_is_an_object_all_the_same(client: Any, checkpoint: Path) -> None:
    odd = copy.deepcopy(TIME)
    odd["function"]["parameters"]["properties"]["city"]["pattern"] = "(?<!a)b"
    tools = {"tools": [odd], "tool_choice": "required", "parallel_tool_calls": False}
    answer = ask(client, checkpoint.name, "What time is it in Bern?", max_tokens=40, **tools)
    assert all(isinstance(json.loads(arguments), dict) for _, arguments in answer["calls"])


def test_a_bad_key_an_unknown_model_and_too_much_are_refused(served: tuple[str, Command], checkpoint: Path) -> None:
    check_refusals(served[0], checkpoint.name)


def test_a_client_that_goes_away_ends_the_work_on_its_answer(served: tuple[str, Command], checkpoint: Path) -> None:
    check_cancellation(served[0], checkpoint.name)


def test_an_answer_that_was_begun_is_finished_before_the_end(served: tuple[str, Command], checkpoint: Path) -> None:
    """The last of these tests: nothing is served afterwards."""
    check_stops(served[0], checkpoint.name, served[1])
