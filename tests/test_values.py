"""Drawn values: they conform, they can be said, and they go together."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnet_ray.environments.base import MISSING, Missing
from magnet_ray.errors import Rejected
from magnet_ray.field_kinds import KINDS, kind_of, singular, tokens_of
from magnet_ray.field_kinds.coined import identifier_text
from magnet_ray.field_kinds.meanings import coerced, examples_said, is_identifier, sayable
from magnet_ray.types import FunctionSpec, JsonValue, compact
from magnet_ray.values import draw_argument, plausible_value

TODAY = "2026-03-14"
NAMES = st.sampled_from(
    ["city", "max_price", "patient_id", "start_date", "tags", "query", "limit", "x", "email", "duration", "frobnication"]
)


class Suggesting:
    """An environment that suggests one value for one parameter."""

    today = TODAY

    def __init__(self, **values: JsonValue) -> None:
        self.values = values

    def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        return None

    def state(self) -> JsonValue:
        return {}

    def checkpoint(self) -> object:
        return None

    def rollback(self, mark: object) -> None:
        return None

    def suggest(self, function: str, parameter: str, chosen: Mapping[str, JsonValue], rng: random.Random) -> JsonValue | Missing:
        return self.values.get(parameter, MISSING)

    def close(self) -> None:
        return None


def spec(**properties: dict[str, Any]) -> FunctionSpec:
    parameters = compact({"type": "object", "properties": properties, "required": list(properties)})
    return FunctionSpec(
        name="plan_trip", description="Plan.", parameters=parameters, category="Travel", source="jsonl:x", environment="simulated:Travel"
    )


def draw(name: str, schema: dict[str, Any], description: str = "", seed: int = 0) -> Any:
    return plausible_value(name, schema, description, random.Random(seed), TODAY)


def schemas() -> st.SearchStrategy[dict[str, Any]]:
    def bounds(low: int, width: int, extra: dict[str, Any]) -> dict[str, Any]:
        return {"minimum": low, "maximum": low + width, **extra}

    numbers = st.builds(bounds, st.integers(-500, 500), st.integers(0, 400), st.sampled_from([{"type": "integer"}, {"type": "number"}]))
    texts = st.one_of(
        st.just({"type": "string"}),
        st.builds(lambda low, more: {"type": "string", "minLength": low, "maxLength": low + more}, st.integers(0, 30), st.integers(0, 30)),
        st.sampled_from(["date", "time", "date-time", "email", "uri", "uuid", "ipv4", "hostname"]).map(
            lambda name: {"type": "string", "format": name}
        ),
        st.lists(st.sampled_from(["a", "b", "c", ""]), min_size=1, unique=True).map(lambda values: {"enum": values}),
    )
    plain = st.one_of(
        numbers,
        texts,
        st.just({"type": "boolean"}),
        st.just({"type": ["integer", "null"]}),
        st.just({"const": 7}),
        st.just({"type": "integer", "multipleOf": 5}),
        st.just({"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
    )

    def nested(inner: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
        lists = st.builds(lambda item, low: {"type": "array", "items": item, "minItems": low}, inner, st.integers(0, 3))
        objects = st.dictionaries(NAMES, inner, max_size=3).map(
            lambda fields: {"type": "object", "properties": fields, "required": sorted(fields)[:1]}
        )
        return st.one_of(lists, objects, inner.map(lambda schema: {"anyOf": [schema, {"type": "null"}]}))

    return st.recursive(plain, nested, max_leaves=5)


@settings(max_examples=80, deadline=None)
@given(name=NAMES, schema=schemas(), seed=st.integers(0, 2**32))
def test_every_value_conforms_to_its_schema_and_is_the_same_for_the_same_seed(name: str, schema: dict[str, Any], seed: int) -> None:
    value = draw(name, schema, seed=seed)
    assert jsonschema_rs.is_valid(schema, value)
    assert value == draw(name, schema, seed=seed)


@settings(max_examples=80, deadline=None)
@given(kind=st.sampled_from(sorted(KINDS)), seed=st.integers(0, 10_000))
def test_texts_drawn_by_name_can_be_said(kind: str, seed: int) -> None:
    text = draw(kind, {"type": "string"}, seed=seed)
    assert sayable(text) or (kind == "equation" and len(text) < 20)
    assert text.lower() not in {"string", "example", "value"}


def test_names_say_what_values_mean() -> None:
    meanings = {
        "hotelCity": "city",
        "start_date": "date",
        "product_name": "product",
        "max_price": "price",
        "number_of_guests": "guests",
        "teamTitle": "team",
        "state": "us_state",
    }
    assert {name: kind.name if (kind := kind_of(name)) else "" for name in meanings} == meanings
    assert kind_of("detailed_state") is None
    named = kind_of("name", ("hotel",))
    assert named is not None
    assert named.name == "hotel"
    assert (singular("cities"), singular("movies"), singular("bus"), singular("class")) == ("city", "movie", "bus", "class")
    assert tokens_of("checkInDate2") == ("check", "in", "date", "2")


def test_identifiers_are_recognised_and_worded_like_codes() -> None:
    assert all(is_identifier(name) for name in ("id", "patientId", "tracking_number", "booking_code", "userid", "UUID"))
    assert not any(is_identifier(name) for name in ("valid", "paid", "country_code", "phone_number", "grid", "idea"))
    assert re.fullmatch(r"PAT-\d{5}", identifier_text("patient_id", random.Random(1)))
    assert re.fullmatch(r"\d{6}", identifier_text("id", random.Random(1)))


@pytest.mark.parametrize(
    ("description", "found"),
    [
        ("The method (e.g., spectroscopy, chromatography, or microscopy)", ("spectroscopy", "chromatography", "microscopy")),
        ("Language code, for example: 'en' or 'fr'.", ("en", "fr")),
        ("Where it happened (e.g., river name, specific address)", ()),
        ("Size of the sample (e.g. 2.5, 4.8)", ("2.5", "4.8")),
        ('The payload (e.g., {"a": 1})', ()),
        ("The city", ()),
    ],
)
def test_examples_are_read_from_descriptions_only_when_clean(description: str, found: tuple[str, ...]) -> None:
    assert examples_said(description) == found


def test_examples_enums_constants_and_defaults_are_used() -> None:
    assert draw("colour_scheme", {"enum": ["dark", ""]}) == "dark"
    assert draw("x", {"const": 3}) == 3
    assert {draw("frob_id", {"type": "string", "examples": ["tt0944947"]}, seed=seed) for seed in range(8)} >= {"tt0944947"}
    assert "string" not in {draw("q", {"type": "string", "default": "string"}, seed=seed) for seed in range(40)}
    assert draw("amount", {"type": "integer"}, "Number of beds (e.g., 12 beds, 15)") in (12, 15)


def test_dates_are_near_today_and_in_the_described_form() -> None:
    assert re.fullmatch(r"2026-\d\d-\d\d", draw("check_in_date", {"type": "string"}))
    assert re.fullmatch(r"2026\d{4}", draw("date", {"type": "string"}, "The day as YYYYMMDD"))
    assert re.fullmatch(r"\d\d/\d\d/2026", draw("date", {"type": "string"}, "The day (MM/DD/YYYY)"))


def test_a_schema_that_nothing_fits_is_rejected() -> None:
    with pytest.raises(Rejected, match="no_value"):
        draw("city", {"type": "string", "pattern": "^zz[0-9]{30}$"})
    with pytest.raises(Rejected, match="no_value"):
        draw("n", {"type": "integer", "minimum": 5, "maximum": 4})


def test_references_and_alternatives_are_followed() -> None:
    schema = {
        "$ref": "#/$defs/guest",
        "$defs": {"guest": {"type": "object", "properties": {"email": {"type": "string"}}, "required": ["email"]}},
    }
    assert "@" in draw("guest", schema)["email"]
    assert isinstance(draw("n", {"oneOf": [{"type": "null"}, {"type": "integer"}]}), int)


def test_the_environment_is_asked_first() -> None:
    chosen = spec(city={"type": "string"})
    assert draw_argument(Suggesting(city="Atlantis"), chosen, "city", {}, random.Random(0)) == "Atlantis"
    assert draw_argument(Suggesting(city=None), chosen, "city", {}, random.Random(0)) is None


@pytest.mark.parametrize("seed", range(12))
def test_paired_arguments_agree(seed: int) -> None:
    date = {"type": "string", "format": "date"}
    chosen = spec(
        start_date=date,
        end_date=date,
        min_price={"type": "integer"},
        max_price={"type": "integer"},
        from_city={"type": "string"},
        to_city={"type": "string"},
    )
    rng, drawn = random.Random(seed), dict[str, Any]()
    for parameter in chosen.properties:
        drawn[parameter] = draw_argument(Suggesting(), chosen, parameter, drawn, rng)
    assert drawn["start_date"] < drawn["end_date"]
    assert drawn["min_price"] < drawn["max_price"]
    assert drawn["from_city"] != drawn["to_city"]


def test_values_are_read_in_the_schemas_type() -> None:
    assert coerced("50 kg", "integer") == 50
    assert coerced("2.5", "integer") is None
    assert coerced(True, "number") is None
    assert coerced("True", "boolean") is True
    assert coerced(5, "string") == "5"
