"""The simulated environment: deterministic, conforming, consistent, and never changed by a call."""

from __future__ import annotations

import itertools
import json
import random
import time
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evals.seal_tools import convert_seal_tools
from magnet_ray.environments.base import MISSING, Environment
from magnet_ray.environments.inferred_returns import inferred_return_schema
from magnet_ray.environments.simulated import HashRandom, SimulatedEnvironment, issued_kind
from magnet_ray.errors import CallError
from magnet_ray.functions.pool import build_pool
from magnet_ray.types import FunctionSpec, compact
from magnet_ray.values import draw_argument

DATA = Path(__file__).parents[2].parent / "shared" / "data"


def obj(**fields: Any) -> dict[str, Any]:
    return {"type": "object", "properties": fields, "required": list(fields)}


TEXT, WHOLE, NUMBER = {"type": "string"}, {"type": "integer"}, {"type": "number"}


def spec(name: str, parameters: dict[str, Any], returns: dict[str, Any] | None = None, category: str = "Travel") -> FunctionSpec:
    return FunctionSpec(
        name=name,
        description=f"{name} for tests.",
        parameters=compact(parameters),
        returns=compact(returns) if returns else "",
        category=category,
        source="jsonl:tests",
        environment=f"simulated:{category}",
    )


HOTEL = obj(hotel_id=TEXT, name=TEXT, city=TEXT, country=TEXT, rating=NUMBER, price=NUMBER)
SPECS = {
    item.name: item
    for item in (
        spec("search_hotels", obj(city=TEXT, limit=WHOLE), obj(total=WHOLE, hotels={"type": "array", "items": HOTEL})),
        spec("get_hotel", obj(hotel_id=TEXT), HOTEL),
        spec("hotel_price", obj(hotel_id=TEXT, date=TEXT), obj(hotel_id=TEXT, price=NUMBER, date=TEXT)),
        spec("list_songs", obj(), {"type": "array", "items": obj(id=WHOLE, title=TEXT, artist=obj(id=WHOLE, name=TEXT))}),
        spec("get_track_details", obj(track_id=WHOLE), obj(data=obj(id=WHOLE, title=TEXT, year=WHOLE))),
        spec("book_room", obj(hotel_id=TEXT, guests={"type": "integer", "minimum": 1, "maximum": 4})),
    )
}


def environment(seed: int = 5) -> SimulatedEnvironment:
    return SimulatedEnvironment("simulated:Travel", seed, SPECS)


def test_it_is_an_environment() -> None:
    env: Environment = environment()
    assert env.suggest("get_hotel", "hotel_id", {}, random.Random(0)) is MISSING
    env.rollback(env.checkpoint())
    env.close()
    env.close()


def test_the_same_call_gives_the_same_answer_in_any_order_and_another_scenario_another() -> None:
    calls: list[tuple[str, dict[str, Any]]] = [
        ("search_hotels", {"city": "Rome", "limit": 3}),
        ("get_hotel", {"hotel_id": "HOT-10001"}),
        ("list_songs", {}),
    ]
    answers = [[environment().call(*calls[index]) for index in order] for order in itertools.permutations(range(3))]
    assert {compact(sorted(map(compact, answer))) for answer in answers} == {compact(sorted(map(compact, answers[0])))}
    env = environment()
    assert env.call(*calls[0]) == env.call(*calls[0])
    assert environment(6).call(*calls[0]) != env.call(*calls[0])
    assert environment(6).today != env.today


def test_no_call_changes_the_state() -> None:
    env = environment()
    before = compact(env.state())
    for name, arguments in (("search_hotels", {"city": "Rome", "limit": 3}), ("book_room", {"hotel_id": "x", "guests": 2})):
        env.call(name, arguments)
    assert compact(env.state()) == before == compact(environment().state())


@pytest.mark.parametrize("seed", range(6))
def test_details_of_an_issued_id_agree_with_the_list(seed: int) -> None:
    env = environment(seed)
    listed = env.call("search_hotels", {"city": "Lisbon", "limit": 5})
    for hotel in listed["hotels"]:
        detail = env.call("get_hotel", {"hotel_id": hotel["hotel_id"]})
        assert {key: detail[key] for key in ("hotel_id", "name", "rating", "price")} == {
            key: hotel[key] for key in ("hotel_id", "name", "rating", "price")
        }
    for song in env.call("list_songs", {}):
        detail = env.call("get_track_details", {"track_id": song["id"]})["data"]
        assert (detail["id"], detail["title"]) == (song["id"], song["title"])


def test_arguments_are_echoed_and_belong_together() -> None:
    listed = environment().call("search_hotels", {"city": "Lisbon", "limit": 2})
    assert {(hotel["city"], hotel["country"]) for hotel in listed["hotels"]} == {("Lisbon", "Portugal")}
    assert listed["total"] == len(listed["hotels"]) == 2
    assert len({hotel["name"] for hotel in listed["hotels"]}) == len({hotel["hotel_id"] for hotel in listed["hotels"]}) == 2


def test_measures_depend_on_the_other_arguments() -> None:
    env = environment()
    prices = {env.call("hotel_price", {"hotel_id": "HOT-1", "date": f"2026-03-{day:02d}"})["price"] for day in range(1, 9)}
    assert len(prices) > 1


def test_issued_ids_tell_the_kind_of_their_entity() -> None:
    env = environment()
    songs = env.call("list_songs", {})
    kinds = [kind.name if (kind := issued_kind(song["id"])) else "" for song in songs]
    assert kinds == ["song"] * len(songs)
    assert all(song["artist"]["id"] != song["id"] for song in songs)
    assert issued_kind(8209520) is None
    assert issued_kind("tt0944947") is None


@pytest.mark.parametrize(
    ("function", "arguments", "words"),
    [
        ("fly", {}, "no function called 'fly'"),
        ("get_hotel", {}, "Missing required argument: hotel_id"),
        ("get_hotel", {"hotel_id": "a", "stars": 4}, "Unknown argument 'stars'; expected hotel_id"),
        ("get_hotel", {"hotel_id": 4}, "Invalid value for hotel_id"),
        ("book_room", {"hotel_id": "a", "guests": 9}, "Invalid value for guests"),
        ("list_songs", {"page": 1}, "Unknown argument 'page'"),
    ],
)
def test_calls_that_do_not_conform_are_refused_in_plain_words(function: str, arguments: dict[str, Any], words: str) -> None:
    with pytest.raises(CallError) as caught:
        environment().call(function, arguments)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unknown_output_is_what_such_a_function_usually_answers() -> None:
    answer = environment().call("book_room", {"hotel_id": "HOT-12345", "guests": 2})
    assert answer["success"] is True
    assert answer["booking_id"]
    zones = inferred_return_schema(spec("nearby_places_get_time_zones", obj(), category="Location"))
    assert set(zones["properties"]) == {"total", "timezones"}
    comment = inferred_return_schema(spec("video_get_comment_by_id", obj(), category="Media"))
    assert {"id", "author", "remark"} <= set(comment["properties"])
    listed = inferred_return_schema(spec("list_popular_movies", obj(), category="Movies"))
    assert set(listed["properties"]) == {"total", "movies"}


def returns() -> st.SearchStrategy[dict[str, Any]]:
    names = st.sampled_from(
        ["id", "name", "city", "price", "created_at", "url", "status", "items", "details", "count", "x", "user_id", "tips"]
    )
    plain: list[dict[str, Any]] = [
        TEXT,
        WHOLE,
        NUMBER,
        {"type": "boolean"},
        {"enum": ["a", "b"]},
        {"type": "null"},
        {"type": ["string", "null"]},
    ]
    plain += [{"type": "string", "format": "date"}, {"type": "integer", "minimum": 3, "maximum": 4}, {"type": "number", "multipleOf": 0.5}]
    plain += [{"type": "string", "maxLength": 5}, {"type": "string", "minLength": 200}]

    def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        lists = st.builds(lambda item, low: {"type": "array", "items": item, "minItems": low}, inner, st.integers(0, 2))
        return st.one_of(lists, st.dictionaries(names, inner, min_size=1, max_size=4).map(lambda fields: obj(**fields)))

    return st.recursive(st.sampled_from(plain), nested, max_leaves=8)


@settings(max_examples=80, deadline=None)
@given(schema=returns(), seed=st.integers(0, 10_000), value=st.one_of(st.text(max_size=20), st.sampled_from(["Lisbon", "HOT-12345", "5"])))
def test_every_output_conforms_to_its_schema(schema: dict[str, Any], seed: int, value: str) -> None:
    one = spec("get_item", obj(id=TEXT, city=TEXT), schema)
    answer = SimulatedEnvironment("simulated:Travel", seed, {"get_item": one}).call("get_item", {"id": value, "city": value})
    assert jsonschema_rs.is_valid(schema, answer)
    assert json.loads(compact(answer)) == answer


def test_the_hash_generator_is_uniform_enough_and_restarts() -> None:
    rng = HashRandom()
    draws = [rng.restart(f"key {index}").randrange(10) for index in range(5000)]
    assert all(400 < draws.count(digit) < 600 for digit in range(10))
    assert rng.restart("a").getrandbits(200) == rng.restart("a").getrandbits(200)
    assert 0 <= rng.restart("b").random() < 1
    assert sorted(rng.restart("c").sample(range(20), 20)) == list(range(20))


def exercise(source: str) -> tuple[float, int]:
    """Call every function of a pool once; mean microseconds of a warm call, and how many outputs do not conform."""
    pool, rng, spent, bad = build_pool([source]), random.Random(4), 0.0, 0
    for category in pool.categories:
        specs = {item.callable_name: item for item in pool.in_category(category)}
        env = SimulatedEnvironment(f"simulated:{category}", 9, specs)
        for name, item in specs.items():
            arguments: dict[str, Any] = {}
            for parameter in item.required:
                arguments[parameter] = draw_argument(env, item, parameter, arguments, rng)
            first = env.call(name, arguments)
            start = time.perf_counter()
            assert env.call(name, arguments) == first
            spent += time.perf_counter() - start
            bad += bool(item.returns) and not jsonschema_rs.is_valid(dict(item.return_schema or {}), first)
    return 1e6 * spent / len(pool.specs), bad


@pytest.mark.skipif(not DATA.exists(), reason="the public data sets are not at ../shared/data")
def test_every_function_of_the_public_pools_answers_in_its_schema_and_fast(tmp_path: Path) -> None:
    convert_seal_tools(DATA / "seal_tools" / "tool.jsonl", tmp_path / "seal.jsonl")
    for source in (f"toolbench:{DATA / 'stabletoolbench'}", f"jsonl:{tmp_path / 'seal.jsonl'}"):
        microseconds, bad = exercise(source)
        assert bad == 0
        assert microseconds < 500  # about 90 and 35 on an idle core; the bound leaves room for a busy machine
