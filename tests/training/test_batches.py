from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.training.batches import Batches

SIZES = st.lists(st.integers(1, 300), min_size=1, max_size=60)


@given(SIZES, st.integers(1, 20), st.integers(1, 3))
def test_each_epoch_sees_every_example_once(sizes: list[int], batch_size: int, epochs: int) -> None:
    batches = Batches(sizes=sizes, batch_size=batch_size, epochs=epochs)
    seen = Counter(example for step in range(batches.steps) for example in batches.examples_of(step))
    assert seen == dict.fromkeys(range(len(sizes)), epochs)


@given(SIZES, st.integers(1, 20), st.integers(1, 5), st.integers(1, 400))
def test_a_layout_holds_the_examples_of_its_step_however_many_workers_share_it(
    sizes: list[int], batch_size: int, workers: int, budget: int
) -> None:
    batches = Batches(sizes=sizes, batch_size=batch_size)
    for step in range(batches.steps):
        lanes = batches.layout_of(step, workers, budget)
        assert sorted(example for lane in lanes for pack in lane for example in pack) == sorted(batches.examples_of(step))
        assert len({len(lane) for lane in lanes}) == 1 and len(lanes) == workers
        assert all(len(pack) <= 1 or sum(sizes[example] for example in pack) <= budget for lane in lanes for pack in lane)


def test_a_worker_is_idle_only_where_there_are_fewer_examples_than_workers() -> None:
    batches = Batches(sizes=[10] * 8, batch_size=8)
    assert all(pack for lane in batches.layout_of(0, 3, 1_000) for pack in lane)
    assert sum(not pack for lane in Batches(sizes=[10], batch_size=8).layout_of(0, 3, 1_000) for pack in lane) == 2


def test_the_order_comes_from_the_seed_and_differs_between_epochs() -> None:
    batches = Batches(sizes=[1] * 50, batch_size=50, epochs=2, seed=7)
    assert batches.examples_of(0) == Batches(sizes=[1] * 50, batch_size=50, epochs=2, seed=7).examples_of(0)
    assert batches.examples_of(0) != batches.examples_of(1)
    assert batches.examples_of(0) != Batches(sizes=[1] * 50, batch_size=50, seed=8).examples_of(0)


def test_training_stops_at_max_steps() -> None:
    assert Batches(sizes=[1] * 10, batch_size=2, max_steps=3).steps == 3
    assert Batches(sizes=[1] * 10, batch_size=3, max_steps=30).steps == 4
