"""Many conversations in flight on one event loop: started one after another, each going on as soon as its model has answered.

A conversation is planned on the processor before its first request, so starting all at once would leave the model idle
meanwhile; and the last ones of all are asked for in such an order that they end together.
"""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from magnet_ray.llm.roles import Models

Result = TypeVar("Result")


def spare_the_collector() -> None:
    """Have Python look for garbage less often in this process, and never in what is there already.

    Thousands of conversations in flight are millions of objects that are no garbage: looking through them again and again
    took a third of a worker's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


class Conversations:
    """Places for conversations, for one event loop."""

    def __init__(self, most: int, models: Models) -> None:
        """
        Args:
            most: conversations in flight at most.
            models: whom they ask.
        """
        self._places = asyncio.Semaphore(most)
        self._models = models
        self._starting = 0

    async def hold(self, works: Iterable[Callable[[], Awaitable[Result]]]) -> list[Result]:
        """The results of conversations, in order; others may be held at the same time."""
        self._begin(1)
        tasks = []
        try:
            for work in works:
                await self._places.acquire()
                tasks.append(asyncio.create_task(self._one(work)))
                # Its first step, and whatever has come in for others, before the next one starts.
                await asyncio.sleep(0)
        finally:
            self._begin(-1)
        return await asyncio.gather(*tasks)

    def _begin(self, change: int) -> None:
        self._starting += change
        self._models.set_ending(not self._starting)

    async def _one(self, work: Callable[[], Awaitable[Result]]) -> Result:
        try:
            return await work()
        finally:
            self._places.release()
