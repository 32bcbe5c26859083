"""What a run may use up: tokens, money, seconds.

A request is admitted while something is left and paid when its answer is there, so a budget is overshot by no more than
what is in flight. Many workers share one `BudgetCounter`: each takes a small block from it, pays from the block, and
gives the rest back at its end.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Protocol, Self

from magnet_ray.config import BudgetConfig
from magnet_ray.errors import BudgetSpent
from magnet_ray.llm.base import Role, Usage

PLENTY = 1e15
"""Size of a block where nothing bounds it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """What a model's tokens cost."""

    input: float = 0.0
    """Price of a million tokens read."""
    output: float = 0.0
    """Price of a million tokens written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """Tokens and money, spent or to be spent."""

    tokens: float = 0
    """Tokens read and written."""
    cost: float = 0.0
    """Money, in the currency of the prices."""

    def __add__(self, other: Self) -> Amount:
        return Amount(tokens=self.tokens + other.tokens, cost=self.cost + other.cost)

    def __sub__(self, other: Self) -> Amount:
        return Amount(tokens=self.tokens - other.tokens, cost=self.cost - other.cost)

    def spent_part(self) -> str:
        """Which part is used up: `tokens`, `cost`, or empty while something is left of both."""
        return "tokens" if self.tokens <= 0 else "cost" if self.cost <= 0 else ""


def amount_of(usage: Usage, price: Price) -> Amount:
    """What an answer took."""
    cost = (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6
    return Amount(tokens=usage.prompt_tokens + usage.completion_tokens, cost=cost)


class Ledger(Protocol):
    """Lets requests through while the budget lasts."""

    async def admit(self) -> None:
        """Come here before a request is sent.

        Raises:
            BudgetSpent: nothing is left.
        """

    def spend(self, role: Role, usage: Usage) -> None:
        """Pay for an answer."""

    async def close(self) -> None:
        """Report what was spent and give back what was set aside."""


class BudgetCounter:
    """A run's budget, in one place. Workers come with what they spent and take blocks; it holds no lock and does no I/O."""

    __slots__ = ("_block", "_budget", "_left", "spent")

    def __init__(self, budget: BudgetConfig, spent: Amount | None = None, *, block: float = 1 / 500) -> None:
        """`spent`: by earlier processes of the run. `block`: share of the budget that a worker takes at a time."""
        self.spent = spent or Amount()
        """What was reported as spent, earlier processes included."""
        self._budget = budget
        self._left = Amount(tokens=budget.tokens or inf, cost=budget.cost or inf) - self.spent
        # A block is always finite: inf - inf would be no number.
        self._block = Amount(tokens=(budget.tokens or PLENTY) * block, cost=(budget.cost or PLENTY) * block)

    def exchange(self, spent: Amount, returned: Amount, more: bool) -> Amount:
        """Book what a worker spent and what it gives back of its block; grant another block if it wants `more`.

        `returned` is negative in a part that was overdrawn.

        Raises:
            BudgetSpent: it wants more and nothing is left.
        """
        self.spent = self.spent + spent
        self._left = self._left + returned
        if not more:
            return Amount()
        if part := self._left.spent_part():
            raise BudgetSpent(f"the budget of {getattr(self._budget, part):,} {part} is spent")
        block = Amount(tokens=min(self._left.tokens, self._block.tokens), cost=min(self._left.cost, self._block.cost))
        self._left = self._left - block
        return block


Exchange = Callable[[Amount, Amount, bool], Awaitable[Amount]]
"""`BudgetCounter.exchange` from afar."""


class LeasedLedger:
    """One worker's share of a `BudgetCounter` that is elsewhere, reached through an async callable."""

    __slots__ = ("_block", "_deadline", "_exchange", "_lock", "_prices", "_seconds", "_spent")

    def __init__(self, exchange: Exchange, prices: Mapping[Role, Price], seconds: float | None = None) -> None:
        """`seconds`: wall time from now after which nothing more is bought."""
        self._exchange, self._prices, self._seconds = exchange, prices, seconds
        self._deadline = time.monotonic() + seconds if seconds else inf
        self._block, self._spent = Amount(), Amount()
        self._lock = asyncio.Lock()

    async def admit(self) -> None:
        """Let a request through, taking another block when this one is used up."""
        if time.monotonic() >= self._deadline:
            raise BudgetSpent(f"the budget of {self._seconds:g} seconds is spent")
        if self._left().spent_part():
            async with self._lock:
                # Whoever held the lock may have taken a block for all.
                if self._left().spent_part():
                    await self._trade(more=True)

    def spend(self, role: Role, usage: Usage) -> None:
        """Pay for an answer from the block, which it may overdraw."""
        self._spent = self._spent + amount_of(usage, self._prices.get(role, Price()))

    async def close(self) -> None:
        """Report what was spent and give the rest of the block back."""
        async with self._lock:
            await self._trade(more=False)

    def _left(self) -> Amount:
        return self._block - self._spent

    async def _trade(self, more: bool) -> None:
        spent, returned = self._spent, self._left()
        # Answers that come during the exchange are paid from the next block.
        self._spent, self._block = Amount(), Amount()
        self._block = await self._exchange(spent, returned, more)


def local_ledger(budget: BudgetConfig, prices: Mapping[Role, Price], spent: Amount | None = None) -> LeasedLedger:
    """A ledger for a run of one process: it holds the whole budget as its block. `spent`: by earlier processes of the run."""
    counter = BudgetCounter(budget, spent, block=1.0)

    async def exchange(spent: Amount, returned: Amount, more: bool) -> Amount:
        return counter.exchange(spent, returned, more)

    return LeasedLedger(exchange, prices, budget.seconds)
