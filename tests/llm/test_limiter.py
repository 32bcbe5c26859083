"""The window follows what the endpoint can take; the limiter hands out places in order and loses none."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from magnet_ray.llm.limiter import Limiter, Window


def play(window: Window, capacity: int, rounds: int, faults: float = 0.0, seed: int = 1) -> list[tuple[float, float]]:
    """Rounds against an endpoint that refuses what is beyond `capacity`, and a share at random: (limit, share refused)."""
    random, seen = Random(f"{seed}"), []
    for _ in range(rounds):
        sent = [window.begin(place + 1) for place in range(int(window.limit))]
        refused = [place >= capacity or random.random() < faults for place in range(len(sent))]
        for number, bad in zip(sent, refused, strict=True):
            window.end(number, bad)
        seen.append((window.limit, sum(refused) / len(refused)))
    return seen


def test_the_window_starts_at_the_most_and_stays_there_while_nothing_is_refused() -> None:
    assert {limit for limit, _ in play(Window(64), capacity=1_000, rounds=50)} == {64.0}


def test_the_window_settles_a_little_above_what_the_endpoint_takes() -> None:
    settled = play(Window(512), capacity=20, rounds=200)[-100:]
    limits, refused = [limit for limit, _ in settled], [share for _, share in settled]
    assert min(limits) >= 18 and max(limits) <= 32
    assert sum(refused) / len(refused) < 0.3


def test_faults_scattered_at_random_do_not_starve_the_window() -> None:
    limits = [limit for limit, _ in play(Window(64), capacity=1_000, rounds=400, faults=0.13)]
    assert sum(limits) / len(limits) > 50


def test_a_window_that_is_refused_everything_goes_down_to_one_and_no_further() -> None:
    window = Window(64)
    assert [limit for limit, _ in play(window, capacity=0, rounds=20)][:3] == [32.0, 16.0, 8.0]
    assert window.limit == 1.0


def test_after_an_outage_the_window_is_back_within_a_few_rounds() -> None:
    window = Window(512)
    play(window, capacity=0, rounds=20)
    limits = [limit for limit, _ in play(window, capacity=1_000, rounds=12)]
    assert limits[0] <= 3 and limits[-1] == 512


def test_a_burst_of_refusals_of_one_round_cuts_once() -> None:
    window = Window(64)
    sent = [window.begin(place + 1) for place in range(64)]
    for number in sent:
        window.end(number, True)
    later = [window.begin(place + 1) for place in range(32)]
    # Late news of the first round, such as its time-outs.
    for number in sent:
        window.end(number, True)
    assert window.limit == 32.0
    for number in later:
        window.end(number, False)
    assert window.limit > 32.0


def test_never_more_than_the_limit_are_in_flight_and_all_get_their_turn() -> None:
    async def main() -> None:
        limiter, most, done = Limiter(7), 0, []

        async def one(number: int) -> None:
            nonlocal most
            sent_in = await limiter.enter(0)
            most = max(most, limiter.in_flight)
            await asyncio.sleep(0.001)
            limiter.leave(sent_in, False)
            done.append(number)

        await asyncio.gather(*(one(number) for number in range(100)))
        assert (most, sorted(done), limiter.in_flight) == (7, list(range(100)), 0)

    asyncio.run(main())


def test_records_with_more_to_come_go_first_then_who_came_first() -> None:
    async def main() -> list[str]:
        limiter, order = Limiter(1), list[str]()

        async def one(name: str, remaining: int) -> None:
            sent_in = await limiter.enter(remaining)
            order.append(name)
            await asyncio.sleep(0)
            limiter.leave(sent_in, False)

        first = await limiter.enter(0)
        waiting = [asyncio.create_task(one(*each)) for each in (("a", 1), ("b", 5), ("c", 5), ("d", 9), ("e", 1))]
        await asyncio.sleep(0)
        limiter.leave(first, False)
        await asyncio.gather(*waiting)
        return order

    assert asyncio.run(main()) == ["d", "b", "c", "a", "e"]


def test_a_cancelled_waiter_takes_no_place_with_it() -> None:
    async def main() -> None:
        limiter = Limiter(1)
        first = await limiter.enter(0)
        waiting = [asyncio.create_task(limiter.enter(0)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limiter.leave(first, False)
        # The place was just given to the second, who is cancelled before it can run.
        waiting[1].cancel()
        sent_in = await waiting[2]
        assert limiter.in_flight == 1
        limiter.leave(sent_in, False)
        assert limiter.in_flight == 0
        assert [task.cancelled() for task in waiting] == [True, True, False]

    asyncio.run(main())


def test_an_endpoint_not_known_yet_is_left_alone_as_long_as_it_asks() -> None:
    async def main() -> float:
        limiter, loop = Limiter(8), asyncio.get_running_loop()
        limiter.leave(await limiter.enter(0), True, 9.0, 0.1)
        started = loop.time()
        limiter.leave(await limiter.enter(0), False)
        return loop.time() - started

    assert 0.09 <= asyncio.run(main()) < 1.0


@pytest.mark.parametrize(("refusals", "paused"), [(1, False), (3, False), (7, True)])
def test_a_lone_retry_after_does_not_stop_an_endpoint_that_answers(refusals: int, paused: bool) -> None:
    async def main() -> float:
        limiter, loop = Limiter(8), asyncio.get_running_loop()
        for _ in range(100):
            limiter.leave(await limiter.enter(0), False)
        for sent_in in [await limiter.enter(0) for _ in range(refusals)]:
            limiter.leave(sent_in, True, 9.0, 0.1)
        started = loop.time()
        limiter.leave(await limiter.enter(0), False)
        return loop.time() - started

    assert (asyncio.run(main()) >= 0.09) == paused


def test_a_longer_pause_replaces_a_shorter_one_and_not_the_other_way_round() -> None:
    async def main() -> float:
        limiter, loop = Limiter(8), asyncio.get_running_loop()
        places = [await limiter.enter(0) for _ in range(3)]
        started = loop.time()
        for sent_in, seconds in zip(places, (0.05, 0.15, 0.1), strict=True):
            limiter.leave(sent_in, True, 9.0, seconds)
        await limiter.enter(0)
        return loop.time() - started

    assert 0.14 <= asyncio.run(main()) < 1.0


def test_the_place_of_a_refused_request_rests_as_long_as_an_answer_takes() -> None:
    async def main() -> float:
        limiter, loop = Limiter(2), asyncio.get_running_loop()
        for _ in range(200):
            limiter.leave(await limiter.enter(0), False, 0.1)
        await limiter.enter(0)
        limiter.leave(await limiter.enter(0), True, 0.02)
        started = loop.time()
        await limiter.enter(0)
        return loop.time() - started

    assert 0.07 <= asyncio.run(main()) < 0.6


def test_a_round_whose_requests_were_cancelled_is_judged_by_others() -> None:
    window = Window(8)
    window.end(window.begin(8), False)
    for number in [window.begin(place + 1) for place in range(8)]:
        window.forget(number)
    for number in [window.begin(place + 1) for place in range(8)]:
        window.end(number, True)
    assert window.limit == 4.0
