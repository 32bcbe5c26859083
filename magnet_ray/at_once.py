"""Running a coroutine that never waits, without an event loop: the embedded teacher's work costs nothing for being awaitable."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")


def at_once(work: Coroutine[Any, Any, Result]) -> Result:
    """The result of a coroutine that has nothing to wait for.

    Raises:
        RuntimeError: it waits for something, so it needs an event loop.
    """
    try:
        work.send(None)
    except StopIteration as stop:
        result: Result = stop.value
        return result
    work.close()
    raise RuntimeError("this work waits for something: await it in an event loop")
