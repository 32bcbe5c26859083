"""One endpoint, asked with patience: a place in flight, the budget's leave, one try, and waiting before the next.

Retries are bounded; waits grow exponentially with full jitter and honour Retry-After; nobody holds a place while
waiting. What the endpoint refuses for good, or too often, is `Rejected(MODEL_UNAVAILABLE)`.
"""

from __future__ import annotations

import asyncio
from random import SystemRandom
from time import perf_counter

from magnet_ray.config import RequestsConfig
from magnet_ray.errors import BudgetSpent, Rejected
from magnet_ray.llm.base import ChatAnswer, ChatRequest
from magnet_ray.llm.budget import Ledger
from magnet_ray.llm.limiter import LONGEST_PAUSE, Limiter
from magnet_ray.llm.transport import RequestFailed, Transport, Trouble, read_answer
from magnet_ray.llm.usage import RoleUsage
from magnet_ray.types import FailureReason, JsonValue

# Only waits are drawn from it, and workers must not wait in step.
_JITTER = SystemRandom()


class Endpoint:
    """A transport with its limit and the patience for it. Roles with one address share one."""

    __slots__ = ("_ledger", "_policy", "limiter", "transport")

    def __init__(self, transport: Transport, limiter: Limiter, policy: RequestsConfig, ledger: Ledger) -> None:
        self.transport, self.limiter = transport, limiter
        self._policy, self._ledger = policy, ledger

    async def ask(self, request: ChatRequest, body: dict[str, JsonValue], timeout: float, usage: RoleUsage) -> ChatAnswer:
        """The answer, tried up to `retries` times more.

        Raises:
            Rejected: MODEL_UNAVAILABLE, refused for good or too often.
            BudgetSpent: ours, or the account's.
        """
        tries = 0
        while True:
            tries += 1
            try:
                return await self.ask_once(request, body, timeout, usage)
            except RequestFailed as failure:
                if failure.trouble is Trouble.NO_QUOTA:
                    raise BudgetSpent(f"the account at {self.transport.place} may buy nothing more: {failure}") from None
                if not failure.retriable or tries > self._policy.retries:
                    raise self._give_up(body, failure, tries) from None
                usage.retries += 1
                seconds = self._wait_seconds(tries, failure.retry_after)
            await asyncio.sleep(seconds)

    async def ask_once(self, request: ChatRequest, body: dict[str, JsonValue], timeout: float, usage: RoleUsage) -> ChatAnswer:
        """One try, at its turn.

        Raises:
            RequestFailed: no answer.
            BudgetSpent: nothing more may be bought.
        """
        sent_in = await self.limiter.enter(request.remaining)
        refused: bool | None = None
        retry_after: float | None = None
        started = perf_counter()
        try:
            await self._ledger.admit()
            usage.requests += 1
            answer = read_answer(await self.transport.complete(body, str(request.key), timeout))
            refused = False
            usage.add_answer(answer.usage, perf_counter() - started)
            self._ledger.spend(request.key.role, answer.usage)
            return answer
        except RequestFailed as failure:
            usage.errors[failure.trouble.value] += 1
            refused, retry_after = failure.pushed_back, failure.retry_after
            raise
        finally:
            self.limiter.leave(sent_in, refused, perf_counter() - started, retry_after)

    def _wait_seconds(self, tries: int, retry_after: float | None) -> float:
        policy = self._policy
        # Full jitter: uniform from 0, so `backoff` is the mean of the first wait.
        jitter = _JITTER.uniform(0.0, min(policy.backoff_max, 2 * policy.backoff * 2.0 ** min(tries - 1, 30)))
        # At least what the server asks, and not all at the same moment.
        return jitter if retry_after is None else min(retry_after, LONGEST_PAUSE) + min(jitter, policy.backoff)

    def _give_up(self, body: dict[str, JsonValue], failure: RequestFailed, tries: int) -> Rejected:
        words = f"no answer in {tries} tries" if failure.retriable else "the request was refused"
        return Rejected(FailureReason.MODEL_UNAVAILABLE, f"{body.get('model', '')} at {self.transport.place}: {words}; {failure}")
