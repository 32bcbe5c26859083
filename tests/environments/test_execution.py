"""A call is refused or fails in one way, whatever its environment answers."""

from __future__ import annotations

from typing import Any

import pytest

from magnet_ray.environments.execution import execute, failed
from magnet_ray.errors import CallError
from tests.test_judge import spec
from tests.tiny_world import TinyWorld


@pytest.mark.parametrize(
    ("output", "bad"),
    [
        ({"error": "no"}, True),
        ({"success": False}, True),
        ("Error: no", True),
        ("bad request", True),
        ({"error": None}, False),
        ({"success": True}, False),
        ("Erroll Flynn", False),
        ([], False),
        (None, False),
        ({"errors": 3}, False),
    ],
)
def test_a_failure_message_is_told_from_an_answer(output: Any, bad: bool) -> None:
    assert failed(output) is bad


def test_executing_a_function_that_answers_with_a_failure_raises() -> None:
    world = TinyWorld({"ls": lambda state, arguments: {"error": "no such place"}})
    with pytest.raises(CallError, match="no such place"):
        execute(world, spec("list_places", {}, original_name="ls"), {})
