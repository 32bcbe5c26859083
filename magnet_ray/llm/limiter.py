"""How many requests are in flight at one endpoint, and whose turn it is.

`Window` is the control law, free of clocks: additive increase, multiplicative decrease, judged once per round of
requests, so that a burst of refusals from one moment counts once. The cut grows with the square of the share refused
(at most one half): a full endpoint is obeyed, while faults scattered at random do not starve a run.
`Limiter` hands out places: to who came first, and in the end to records with more requests to come. A refused request
rests its place as long as an answer takes. Retry-After closes the endpoint when more than a stray request was refused.
"""

from __future__ import annotations

import asyncio
from heapq import heapify, heappop, heappush
from itertools import count

LONGEST_PAUSE = 300.0
"""Seconds after which a refused endpoint is asked again, whatever Retry-After says."""
PRESSURE_TO_PAUSE = 0.3
"""Share of the last requests refused from which Retry-After stops the whole endpoint, and not only its own request."""

FIRST_GUESS = 0.2
"""Seconds that an answer is thought to take before the first has come."""


class Window:
    """The most requests that may be in flight, learned from which of them are pushed back.

    A round is a sample: the first requests sent after the last judgement, as many as were in flight at once. It is
    judged when 7/8 of it have come back, by the share refused of the *whole* sample: refusals come back at once, so
    among the first answers they are many.
    """

    __slots__ = ("_most", "_peak", "_refused", "_returned", "_sent", "_size", "_step", "limit", "round")

    def __init__(self, most: int) -> None:
        self._most, self._step = most, 1.0
        self._size, self._peak = 1, 0
        self._sent, self._returned, self._refused = 0, 0, 0
        self.limit = float(most)
        """Requests that may be in flight now: 1 to `most`."""
        self.round = 1
        """Number of the round that is being sampled."""

    def begin(self, in_flight: int) -> int:
        """Note that a request is sent as one of `in_flight`; returns its round, 0 outside the sample."""
        if in_flight > self._peak:
            self._peak = in_flight
        if self._sent >= self._size:
            return 0
        self._sent += 1
        return self.round

    def end(self, sent_in: int, refused: bool) -> None:
        """Note how a request of round `sent_in` ended. Rounds that were judged already count no more."""
        if sent_in != self.round:
            return
        self._returned += 1
        self._refused += refused
        if self._returned * 8 >= self._size * 7:
            self._judge(self._refused / self._size)

    def forget(self, sent_in: int) -> None:
        """Note that a request of round `sent_in` tells nothing: another is sampled instead of it."""
        if sent_in == self.round:
            self._sent -= 1

    def _judge(self, share: float) -> None:
        # Every clean round in a row doubles the step, so that the way back from an outage is short.
        self._step = min(self._step * 2, self.limit) if share == 0 else max(1.0, self.limit / 32)
        grown = self._step if share < 0.5 else 0.0
        self.limit = min(float(self._most), max(1.0, self.limit * (1 - min(0.5, share * share)) + grown))
        self._size, self._peak = max(1, min(int(self.limit), self._peak)), 0
        self._sent, self._returned, self._refused = 0, 0, 0
        self.round += 1


class Limiter:
    """Places in flight at one endpoint, for one event loop."""

    __slots__ = ("_arrivals", "_ending", "_memory", "_pause", "_refused", "_sent", "_usual", "_waiting", "_window", "in_flight")

    def __init__(self, most: int) -> None:
        self._window = Window(most)
        # (priority, arrival, requests that the record still needs, who waits)
        self._waiting: list[tuple[int, int, int, asyncio.Future[int]]] = []
        self._ending = True
        self._arrivals = count()
        self._pause: asyncio.TimerHandle | None = None
        # Requests sent and refused, forgotten over about two windows of requests sent.
        self._memory, self._sent, self._refused = 1 - 1 / (2 * most), 0.0, 0.0
        # Seconds that an answer takes; a refused request rests its place as long.
        self._usual = FIRST_GUESS
        self.in_flight = 0
        """Places taken."""

    @property
    def limit(self) -> int:
        """Requests that may be in flight now."""
        return int(self._window.limit)

    def set_ending(self, ending: bool) -> None:
        """Say whether nothing more is waiting to begin.

        Then records with more to come go first, so that all end together and no place is idle before; until then whoever
        came first goes first, so that records neither wait for newer ones nor march in step.
        """
        if ending != self._ending:
            self._ending = ending
            self._waiting = [(self._priority(remaining), arrival, remaining, future) for _, arrival, remaining, future in self._waiting]
            heapify(self._waiting)

    def _priority(self, remaining: int) -> int:
        return -remaining if self._ending else 0

    async def enter(self, remaining: int) -> int:
        """Wait for a place; returns the round that `leave` wants back.

        `remaining`: requests that the record still needs after this one.
        """
        if not self._waiting and self._is_open():
            return self._take()
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        heappush(self._waiting, (self._priority(remaining), next(self._arrivals), remaining, future))
        # Those in front may all have been cancelled meanwhile.
        self._admit()
        try:
            return await future
        except asyncio.CancelledError:
            if future.done() and not future.cancelled():
                self.leave(future.result(), None)
            raise

    def leave(self, sent_in: int, refused: bool | None, seconds: float = 0.0, retry_after: float | None = None) -> None:
        """Give the place of a request sent in round `sent_in` back, `seconds` after it was sent.

        `refused`: whether the endpoint pushed back; None when the request tells nothing about that.
        `retry_after`: seconds that the endpoint asked to be left alone.
        """
        if refused is None:
            self._window.forget(sent_in)
        else:
            self._window.end(sent_in, refused)
            self._refused += refused
        if retry_after and self._refused >= PRESSURE_TO_PAUSE * self._sent:
            self._close_for(min(retry_after, LONGEST_PAUSE))
        if refused and seconds < self._usual:
            # One place too many would otherwise be refused over and over while the others wait for their answers.
            asyncio.get_running_loop().call_later(self._usual - seconds, self._free)
            return
        if refused is False:
            self._usual += (seconds - self._usual) / 16
        self._free()

    def _close_for(self, seconds: float) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        if self._pause is not None:
            if self._pause.when() >= until:
                return
            self._pause.cancel()
        self._pause = loop.call_at(until, self._open)

    def _open(self) -> None:
        self._pause = None
        self._admit()

    def _is_open(self) -> bool:
        return self._pause is None and self.in_flight < self.limit

    def _take(self) -> int:
        self.in_flight += 1
        self._sent = self._sent * self._memory + 1
        self._refused *= self._memory
        return self._window.begin(self.in_flight)

    def _free(self) -> None:
        self.in_flight -= 1
        if self._waiting:
            self._admit()

    def _admit(self) -> None:
        """Give free places to those who wait."""
        while self._waiting and self._is_open():
            *_, future = heappop(self._waiting)
            if not future.done():
                future.set_result(self._take())
