"""The mix: quotas by index."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.errors import ConfigError
from magnet_ray.mix import MixWeights, category_of, position_of, shares
from magnet_ray.types import Category

GROUPS = {
    "single_turn": (Category.SINGLE, Category.PARALLEL, Category.MULTIPLE),
    "multi_turn": (Category.MULTI_TURN, Category.MISS_FUNC, Category.MISS_PARAMS),
    "irrelevance": (Category.IRRELEVANCE,),
}


def test_34000_paths_have_the_papers_counts() -> None:
    counts = Counter(category_of(index, MixWeights()) for index in range(34_000))
    sums = {name: sum(counts[category] for category in group) for name, group in GROUPS.items()}
    assert sums == {"single_turn": 20_000, "multi_turn": 7_800, "irrelevance": 6_200}
    assert (counts[Category.MULTI_TURN], counts[Category.MISS_FUNC], counts[Category.MISS_PARAMS]) == (3_900, 1_950, 1_950)


@pytest.mark.parametrize("start", [0, 777, 20_011])
def test_any_thousand_paths_have_all_seven_categories_near_their_quota(start: int) -> None:
    counts = Counter(category_of(index, MixWeights()) for index in range(start, start + 1_000))
    for category, share in shares(MixWeights()).items():
        assert abs(counts[category] - 1_000 * share) <= 2


def test_every_prefix_is_near_its_quota() -> None:
    counts: Counter[Category] = Counter()
    exact = shares(MixWeights())
    for index in range(3_000):
        counts[category_of(index, MixWeights())] += 1
        assert all(abs(counts[category] - (index + 1) * share) < 2 for category, share in exact.items())


@given(index=st.integers(0, 4_000), single=st.integers(0, 9), multi=st.integers(0, 9), irrelevance=st.integers(1, 9))
def test_a_position_counts_the_earlier_paths_of_the_category(index: int, single: int, multi: int, irrelevance: int) -> None:
    weights = MixWeights(single_turn=single, multi_turn=multi, irrelevance=irrelevance)
    category = category_of(index, weights)
    assert position_of(index, weights) == sum(category_of(earlier, weights) is category for earlier in range(index))


def test_a_weight_of_zero_leaves_its_categories_out() -> None:
    weights = MixWeights(single_turn=0, irrelevance=0, complete=0)
    assert {category_of(index, weights) for index in range(200)} == {Category.MISS_FUNC, Category.MISS_PARAMS}


def test_odd_weights_still_give_a_full_cycle() -> None:
    weights = MixWeights(single_turn=0.3333, multi_turn=0.12345, irrelevance=7 / 9)
    counts = Counter(category_of(index, weights) for index in range(20_000))
    assert all(abs(counts[category] - 20_000 * share) <= 1.5 for category, share in shares(weights).items())


@pytest.mark.parametrize(
    "weights",
    [
        MixWeights(single_turn=0, multi_turn=0, irrelevance=0),
        MixWeights(single_turn=-1),
        MixWeights(irrelevance=float("nan")),
        MixWeights(multi_turn=float("inf")),
        MixWeights(single=0, parallel=0, multiple=0),
    ],
)
def test_weights_that_give_no_mix_are_refused_in_one_line(weights: MixWeights) -> None:
    with pytest.raises(ConfigError) as caught:
        category_of(0, weights)
    assert "\n" not in str(caught.value)
