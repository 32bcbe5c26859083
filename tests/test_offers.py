"""What is offered: what is needed, distractors of the same domain, and never what is withheld."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.functions.pool import FunctionPool
from magnet_ray.offers import offer, similar
from magnet_ray.types import Category, FunctionSpec
from tests.test_judge import TEXT, spec
from tests.tiny_world import path_of

SPECS = tuple(
    spec(f"{verb}_{thing}", {"it": TEXT}, category=category, environment=f"test:{category}")
    for category, things in (("test", ("ship", "crane", "pier")), ("kitchen", ("oven", "kettle")))
    for thing in things
    for verb in ("inspect", "repair", "sell", "paint")
)
POOL = FunctionPool(specs=SPECS)
NAMES = [item.name for item in POOL.in_category("test")]
NEEDED = st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)
SEEDS = st.integers(0, 2**40)
MULTI = st.sampled_from([Category.MULTI_TURN, Category.MULTIPLE, Category.PARALLEL, Category.MISS_PARAMS])


@given(NEEDED, SEEDS, MULTI)
def test_the_needed_functions_and_some_of_their_domain_are_offered(needed: list[str], seed: int, category: Category) -> None:
    offered = offer(path_of(needed, category=category, seed=seed), POOL, (3, 5), frozenset())
    assert set(needed) <= set(offered) <= set(NAMES)
    assert len(set(offered)) == len(offered)
    assert 3 <= len(offered) - len(needed) <= 5


@given(NEEDED, SEEDS)
def test_what_is_withheld_is_not_offered(needed: list[str], seed: int) -> None:
    withheld = frozenset(needed[:1])
    offered = offer(path_of(needed, category=Category.MISS_FUNC, seed=seed), POOL, (3, 5), withheld)
    assert not withheld & set(offered) and set(needed[1:]) <= set(offered)


@given(st.sampled_from(NAMES), SEEDS)
def test_a_single_call_is_offered_its_function_alone(name: str, seed: int) -> None:
    assert offer(path_of([name], category=Category.SINGLE, seed=seed), POOL, (3, 8), frozenset()) == (name,)


@given(NEEDED, SEEDS)
def test_the_same_path_gets_the_same_offer(needed: list[str], seed: int) -> None:
    path = path_of(needed, seed=seed)
    assert offer(path, POOL, (2, 6), frozenset()) == offer(path, POOL, (2, 6), frozenset())


def test_the_order_of_an_offer_tells_nothing() -> None:
    firsts = {offer(path_of([NAMES[0]], seed=seed), POOL, (4, 4), frozenset()).index(NAMES[0]) for seed in range(80)}
    assert firsts == set(range(5))


def test_about_half_of_irrelevant_requests_are_offered_their_own_domain() -> None:
    own = 0
    for seed in range(200):
        path = path_of([NAMES[0]], category=Category.IRRELEVANCE, seed=seed)
        categories = {POOL.spec(name).category for name in offer(path, POOL, (3, 3), frozenset([NAMES[0]]))}
        assert categories in ({"test"}, {"kitchen"})
        own += categories == {"test"}
    assert 70 <= own <= 130


def test_a_pool_of_one_domain_offers_that_domain_for_irrelevant_requests() -> None:
    pool = FunctionPool(specs=POOL.in_category("test"))
    for seed in range(20):
        path = path_of([NAMES[0]], category=Category.IRRELEVANCE, seed=seed)
        assert offer(path, pool, (3, 3), frozenset([NAMES[0]]))


def worded(name: str, description: str) -> FunctionSpec:
    return FunctionSpec(name=name, description=description, parameters="{}", category="test", source="test", environment="test:one")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("find_hotels", "Search hotels in a city by price"), ("search_hotels", "Search hotels of a city by price and stars"), True),
        (("find_hotels", "Search hotels in a city by price"), ("pay_bill", "Settle the amount that is due"), False),
        (("a", ""), ("b", ""), False),
    ],
)
def test_functions_that_say_the_same_are_similar(one: tuple[str, str], other: tuple[str, str], same: bool) -> None:
    assert similar(worded(*one), worded(*other)) is similar(worded(*other), worded(*one)) is same


def test_what_resembles_a_withheld_function_is_not_offered() -> None:
    twin = worded("search_hotels", "Search hotels of a city by price and stars")
    gone = worded("find_hotels", "Search hotels in a city by price")
    pool = FunctionPool(specs=(twin, gone, worded("pay_bill", "Settle the amount that is due")))
    for seed in range(10):
        path = path_of(["find_hotels"], category=Category.IRRELEVANCE, seed=seed)
        assert offer(path, pool, (3, 3), frozenset(["find_hotels"])) == ("pay_bill",)
