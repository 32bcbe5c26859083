"""The `python:` source on modules that nobody wrote for this project, and on awkward files."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from magnet_ray.environments.isolated import Target, close_workers
from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import MagnetError, SourceError
from magnet_ray.functions.observation import observe_pool
from magnet_ray.functions.pool import build_pool
from magnet_ray.functions.python_source import constructor_arguments, load
from magnet_ray.functions.sources import SourceResult
from magnet_ray.types import FailureReason
from magnet_ray.values import draw_argument


@pytest.fixture(scope="module", autouse=True)
def _workers_end() -> Iterator[None]:
    yield
    close_workers()


def success_rates(result: SourceResult, draws: int = 6) -> dict[str, float]:
    rates = {}
    for spec in result.specs:
        specs = {item.callable_name: item for item in result.specs if item.environment == spec.environment}
        good = 0
        for seed in range(draws):
            environment, rng = open_environment(spec.environment, seed, specs), Random(f"{spec.name} {seed}")
            arguments: dict[str, object] = {}
            try:
                for parameter in spec.required:
                    arguments[parameter] = draw_argument(environment, spec, parameter, arguments, rng)
                environment.call(spec.callable_name, arguments)
                good += 1
            except MagnetError:
                pass
            environment.close()
        rates[spec.name] = good / draws
    return rates


def test_most_functions_of_statistics_can_be_called_with_sampled_arguments() -> None:
    result = load("statistics")
    names = {spec.name: spec for spec in result.specs}
    assert {"mean", "median", "stdev", "quantiles", "correlation"} <= names.keys()
    assert names["mean"].properties["data"]["type"] == "array" and names["mean"].required == ("data",)
    assert names["mean"].description == "Return the sample arithmetic mean of data."
    rates = success_rates(result)
    assert sum(rate >= 0.8 for rate in rates.values()) >= 0.8 * len(rates)


def test_a_class_gives_its_methods_as_functions_over_one_instance() -> None:
    result = load("configparser:ConfigParser")
    names = {spec.name: spec for spec in result.specs}
    assert {"add_section", "sections", "has_section", "remove_section"} <= names.keys()
    assert {spec.environment for spec in result.specs} == {"python:configparser:ConfigParser"}
    assert {spec.category for spec in result.specs} == {"ConfigParser"}
    assert {spec.source for spec in result.specs} == {"python:configparser"}
    failed = {failure.id for failure in result.failures}
    assert "read_file" in failed, "it takes a file object, which JSON cannot say"
    assert all(failure.reason is FailureReason.BAD_SPEC for failure in result.failures)


CODE = '''
"""Shop."""
import enum
from dataclasses import dataclass

__all__ = ["total", "scale", "apply", "shout", "Mode", "Cart", "Wallet", "Broken"]

class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"

def total(prices, tax_rate=0.2, mode: Mode = Mode.FAST):
    """Add up prices.

    Args:
        prices (list of float): Prices in dollars.
        tax_rate (float): Share of tax.
    """
    return round(sum(prices) * (1 + tax_rate), 2)

def scale(text, times: int = 2):
    """Repeat a text.

    :param text: what to repeat
    :type text: str
    """
    return text * times

def apply(function, value):
    return function(value)

def shout(text: str) -> None:
    print(text)

def hidden():
    return 1

class Cart:
    """A cart."""
    def __init__(self, owner: str):
        self.owner, self.items = owner, {}

    def put(self, item: str, count: int = 1):
        self.items[item] = self.items.get(item, 0) + count
        return self.items

    def remove(self, item: str):
        """Take an item out."""
        del self.items[item]

    def view(self):
        return self.items

class Wallet:
    def pay(self, amount: float):
        return amount

class Broken:
    def __init__(self, handle):
        raise OSError("no handle")

    def read(self):
        return 1
'''


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("code") / "shop.py"
    path.write_text(CODE)
    return str(path)


def test_types_come_from_hints_docstrings_and_what_calls_accept(shop: str) -> None:
    result = load(shop)
    names = {spec.name: spec for spec in result.specs}
    assert names["total"].properties["prices"] == {"type": "array", "items": {"type": "number"}, "description": "Prices in dollars."}
    assert names["total"].properties["tax_rate"]["default"] == 0.2
    assert names["total"].properties["mode"]["enum"] == ["fast", "slow"]
    assert names["scale"].properties["text"]["type"] == "string"
    assert "hidden" not in names
    assert names["cart_put"].callable_name == "put" and names["wallet_pay"].required == ("amount",)


def test_what_cannot_be_used_is_named_with_its_reason_and_the_rest_builds(shop: str) -> None:
    failures = {failure.id: failure.detail for failure in load(shop).failures}
    assert "no call with sampled arguments succeeded" in failures["apply"]
    assert "returns nothing" in failures["shout"]
    assert "no handle" in failures["read"]
    assert failures.keys() == {"apply", "shout", "read"}


def test_a_fresh_instance_is_made_and_filled_from_the_seed(shop: str) -> None:
    target = Target(module=shop, class_name="Cart")
    assert constructor_arguments(target, 3) == constructor_arguments(target, 3)
    specs = {spec.callable_name: spec for spec in load(f"{shop}:Cart").specs}
    states = [open_environment(f"python:{shop}:Cart", seed, specs).state() for seed in (1, 1, 2)]
    assert states[0] == states[1] != states[2]
    assert states[0]["items"]


def test_held_values_are_suggested(shop: str) -> None:
    specs = {spec.callable_name: spec for spec in load(f"{shop}:Cart").specs}
    environment = open_environment(f"python:{shop}:Cart", 1, specs)
    rng = Random(4)
    drawn = [draw_argument(environment, specs["remove"], "item", {}, rng) for _ in range(20)]
    assert sum(value in environment.state()["items"] for value in drawn) > 10


@pytest.mark.parametrize(
    ("argument", "words"),
    [("no_such_module_at_all", "No module named"), ("nowhere/shop.py", "does not exist"), ("errno", "no public function or class")],
)
def test_a_module_that_cannot_be_used_is_one_clear_line(argument: str, words: str) -> None:
    with pytest.raises(SourceError, match=words) as caught:
        load(argument)
    assert "\n" not in str(caught.value)


AWKWARD = """
import collections, queue, secrets

class Word(collections.UserString):
    def __init__(self, text: str):
        super().__init__(text)
    def louder(self) -> str:
        return self.data.upper()

class Line:
    def __init__(self):
        self.waiting = []
        self.nested = []
    def put(self, item: str) -> None:
        self.waiting.append(item)
    def hang(self) -> str:
        queue.Queue().get()
    def nest(self) -> None:
        for _ in range(100):
            self.nested = [self.nested]
    def first(self) -> str:
        return self.waiting[0]

def token(length: int) -> str:
    return secrets.token_hex(8)
"""


def test_functions_that_break_their_instances_cost_only_themselves(tmp_path: Path) -> None:
    path = tmp_path / "awkward.py"
    path.write_text(AWKWARD)
    pool = observe_pool(build_pool([f"python:{path}"]), open_environment)
    failures = {failure.id: failure.detail for failure in pool.failures}
    assert "no answer within" in failures["hang"]
    assert "different answers" in failures["token"]
    assert {"put", "first", "louder"} <= {spec.callable_name for spec in pool.specs}


def test_the_functions_of_a_module_s_fast_half_are_its_own() -> None:
    assert {"bisect_left", "insort_right"} & {spec.name for spec in load("bisect").specs}


def test_the_same_module_gives_the_same_specifications() -> None:
    assert load("colorsys") == load("colorsys")
