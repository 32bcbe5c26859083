"""A budget stops a run at its end, overshot by no more than what is in flight, however many workers share it."""

from __future__ import annotations

import asyncio

import pytest

from magnet_ray.config import BudgetConfig
from magnet_ray.errors import BudgetSpent
from magnet_ray.llm.base import Role, Usage
from magnet_ray.llm.budget import Amount, BudgetCounter, LeasedLedger, Ledger, Price, local_ledger

PRICES = {Role.JUDGE: Price(input=1.0, output=4.0)}


async def buy(ledger: Ledger, most: int, usage: Usage) -> int:
    """Buy answers one after another until the budget stops it; how many."""
    for bought in range(most):
        try:
            await ledger.admit()
        except BudgetSpent:
            return bought
        await asyncio.sleep(0)
        ledger.spend(Role.JUDGE, usage)
    return most


@pytest.mark.parametrize(
    ("budget", "expected"),
    [
        (BudgetConfig(), 100),
        (BudgetConfig(tokens=55), 6),
        (BudgetConfig(tokens=60), 6),
        (BudgetConfig(cost=0.00021), 10),
        (BudgetConfig(tokens=60, cost=0.00010), 5),
    ],
)
def test_one_worker_stops_at_tokens_or_cost(budget: BudgetConfig, expected: int) -> None:
    # 10 tokens each, 6 * 1 + 4 * 4 = 22 millionths.
    usage = Usage(prompt_tokens=6, completion_tokens=4)
    assert asyncio.run(buy(local_ledger(budget, PRICES), 100, usage)) == expected


def test_what_an_earlier_process_spent_counts() -> None:
    usage = Usage(prompt_tokens=10)
    assert asyncio.run(buy(local_ledger(BudgetConfig(tokens=60), PRICES, Amount(tokens=40)), 100, usage)) == 2
    with pytest.raises(BudgetSpent, match="the budget of 60 tokens is spent"):
        asyncio.run(local_ledger(BudgetConfig(tokens=60), PRICES, Amount(tokens=60)).admit())


def test_wall_time_stops_it_too() -> None:
    async def main() -> None:
        ledger = local_ledger(BudgetConfig(seconds=0.05), PRICES)
        await ledger.admit()
        await asyncio.sleep(0.06)
        with pytest.raises(BudgetSpent, match=r"0\.05 seconds"):
            await ledger.admit()

    asyncio.run(main())


@pytest.mark.parametrize("in_flight", [1, 8])
def test_workers_that_share_a_budget_overshoot_by_no_more_than_what_is_in_flight(in_flight: int) -> None:
    async def main() -> None:
        counter, workers, exchanges = BudgetCounter(BudgetConfig(tokens=100_000)), 5, 0

        async def exchange(spent: Amount, returned: Amount, more: bool) -> Amount:
            nonlocal exchanges
            exchanges += 1
            await asyncio.sleep(0.001)
            return counter.exchange(spent, returned, more)

        ledgers = [LeasedLedger(exchange, PRICES) for _ in range(workers)]
        usage = Usage(prompt_tokens=7, completion_tokens=3)
        bought = sum(await asyncio.gather(*(buy(ledger, 10**6, usage) for ledger in ledgers for _ in range(in_flight))))
        await asyncio.gather(*(ledger.close() for ledger in ledgers))
        assert counter.spent.tokens == bought * 10
        assert 100_000 <= counter.spent.tokens <= 100_000 + workers * in_flight * 10
        assert exchanges < bought / 10

    asyncio.run(main())


def test_what_a_worker_gives_back_another_can_spend() -> None:
    async def main() -> None:
        counter = BudgetCounter(BudgetConfig(tokens=100), block=1.0)

        async def exchange(spent: Amount, returned: Amount, more: bool) -> Amount:
            return counter.exchange(spent, returned, more)

        first, second = LeasedLedger(exchange, PRICES), LeasedLedger(exchange, PRICES)
        assert await buy(first, 3, Usage(prompt_tokens=10)) == 3
        assert await buy(second, 100, Usage(prompt_tokens=10)) == 0
        await first.close()
        assert await buy(second, 100, Usage(prompt_tokens=10)) == 7

    asyncio.run(main())


def test_a_counter_without_a_limit_counts_and_never_stops() -> None:
    counter = BudgetCounter(BudgetConfig())
    for _ in range(2_000):
        assert counter.exchange(Amount(tokens=5), Amount(), True).tokens > 0
    assert counter.spent.tokens == 10_000
