"""A built-in domain as an environment: repeatable, reversible, and sharing nothing with those who look at it."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.environments.base import MISSING, Environment, Missing
from magnet_ray.environments.in_process import BuiltinEnvironment
from magnet_ray.environments.opening import environment_opener, open_environment
from magnet_ray.errors import CallError, EnvironmentFault, SourceError
from magnet_ray.functions.builtin import DOMAINS

SEEDS = st.integers(0, 2**48)


def book(environment: Environment, seed: int = 1) -> str:
    """Book a table with suggested values; returns the booking's code."""
    rng = Random(seed)
    for _ in range(20):
        arguments: dict[str, object] = {}
        for name in ("restaurant", "guests", "date", "time"):
            arguments[name] = environment.suggest("book_table", name, arguments, rng)
        try:
            return str(environment.call("book_table", arguments)["booking_code"])
        except CallError:
            continue
    raise AssertionError("no table at all")


@given(SEEDS, st.sampled_from(DOMAINS))
def test_the_same_seed_gives_the_same_scenario(seed: int, domain: str) -> None:
    one, other = BuiltinEnvironment(domain, seed), BuiltinEnvironment(domain, seed)
    assert one.state() == other.state() and one.today == other.today != ""


@given(SEEDS)
def test_the_same_calls_give_the_same_outputs_and_states(seed: int) -> None:
    one, other = BuiltinEnvironment("dining", seed), BuiltinEnvironment("dining", seed)
    assert book(one) == book(other)
    assert one.state() == other.state() != BuiltinEnvironment("dining", seed).state()


@given(SEEDS)
def test_a_rollback_leads_back_however_much_happened(seed: int) -> None:
    environment = BuiltinEnvironment("dining", seed)
    book(environment)
    mark, before = environment.checkpoint(), environment.state()
    first = book(environment, 2)
    environment.rollback(mark)
    assert environment.state() == before
    assert book(environment, 2) == first
    environment.rollback(mark)
    assert environment.state() == before, "a mark can be used twice"


def test_nobody_can_change_the_state_through_what_it_returned() -> None:
    environment = BuiltinEnvironment("dining", 7)
    before = environment.state()
    environment.state()["restaurants"].clear()
    name = next(iter(before["restaurants"]))
    dishes = environment.call("read_menu", {"restaurant": name})
    dishes["dishes"].clear()
    assert environment.state() == before
    assert environment.call("read_menu", {"restaurant": name})["dishes"]


def test_a_refused_call_changes_nothing() -> None:
    environment = BuiltinEnvironment("dining", 7)
    before = environment.state()
    with pytest.raises(CallError, match="No booking"):
        environment.call("cancel_table", {"booking_code": "TBL-0"})
    assert environment.state() == before


@pytest.mark.parametrize(
    ("function", "arguments", "message"),
    [
        ("fly_to_the_moon", {}, "no function called 'fly_to_the_moon'"),
        ("scenario", {}, "no function called 'scenario'"),
        ("_place", {"restaurant": "x"}, "no function called '_place'"),
        ("read_menu", {}, "arguments do not fit"),
        ("read_menu", {"restaurant": "x", "colour": "red"}, "arguments do not fit"),
    ],
)
def test_a_call_that_does_not_fit_is_refused_with_a_reason(function: str, arguments: dict[str, str], message: str) -> None:
    with pytest.raises(CallError, match=message):
        BuiltinEnvironment("dining", 7).call(function, arguments)


@given(SEEDS)
def test_suggested_numbers_keep_their_limits_and_suggested_names_exist(seed: int) -> None:
    environment, rng = BuiltinEnvironment("dining", 7), Random(seed)
    assert environment.suggest("book_table", "restaurant", {}, rng) in environment.state()["restaurants"]
    guests = environment.suggest("book_table", "guests", {}, rng)
    assert not isinstance(guests, Missing) and isinstance(guests, int) and 1 <= guests <= 9


def test_what_the_domain_does_not_know_is_missing() -> None:
    assert BuiltinEnvironment("dining", 7).suggest("book_table", "shoe_size", {}, Random(1)) is MISSING


def test_the_opener_goes_by_the_kind_of_the_key() -> None:
    environment = open_environment("builtin:rail", 3, {})
    assert isinstance(environment, BuiltinEnvironment)
    assert environment.state() == environment_opener(1.0, 64)("builtin:rail", 3, {}).state()
    environment.close()
    environment.close()


def test_a_key_of_no_kind_is_a_fault_and_an_unknown_domain_names_the_known_ones() -> None:
    with pytest.raises(EnvironmentFault, match="nowhere:x"):
        open_environment("nowhere:x", 1, {})
    with pytest.raises(SourceError, match="dining"):
        open_environment("builtin:atlantis", 1, {})
