"""The schema judge on hand-made specifications."""

from __future__ import annotations

from typing import Any

import pytest

from magnet_ray.judge import ECHO_CEILING, MINIMUM_SCORE, SchemaJudge, function_nouns, name_tokens
from magnet_ray.types import EdgeKind, Effect, FunctionSpec, compact

TEXT: dict[str, Any] = {"type": "string"}
WHOLE: dict[str, Any] = {"type": "integer"}


def spec(name: str, parameters: dict[str, Any], returns: dict[str, Any] | None = None, **others: Any) -> FunctionSpec:
    required = others.pop("required", [key for key in parameters if not key.startswith("?")])
    properties = {key.lstrip("?"): value for key, value in parameters.items()}
    if returns is not None and "type" not in returns:
        returns = {"type": "object", "properties": returns}
    return FunctionSpec(
        name=name,
        description=f"{name}.",
        parameters=compact({"type": "object", "properties": properties, "required": required}),
        returns=compact(returns) if returns else "",
        **{"category": "test", "source": "test", "environment": "test:one", **others},
    )


def items(**fields: Any) -> dict[str, Any]:
    return {"type": "array", "items": {"type": "object", "properties": fields}}


def mapped(source: FunctionSpec, target: FunctionSpec) -> dict[str, str]:
    edge = SchemaJudge().judge(source, target)
    return {mapping.parameter: mapping.output_path for mapping in edge.mappings} if edge else {}


@pytest.mark.parametrize(
    ("identifier", "tokens"),
    [
        ("restaurantIds", ("restaurant", "id")),
        ("booking_code", ("booking", "code")),
        ("HTTPServerURL", ("http", "server", "url")),
        ("teamid", ("team", "id")),
        ("paid", ("paid",)),
        ("categories", ("category",)),
        ("status", ("status",)),
        ("lat", ("latitude",)),
    ],
)
def test_names_become_normalised_words(identifier: str, tokens: tuple[str, ...]) -> None:
    assert name_tokens(identifier) == tokens


def test_a_function_is_about_the_nouns_of_its_name() -> None:
    assert function_nouns("get_hotel_reviews_by_city") == {"hotel", "review"}
    assert function_nouns("she_scores_get_player_by_id") == {"player"}
    assert function_nouns("list") == {"list"}


@pytest.mark.parametrize(
    ("field", "parameter"),
    [
        ({"restaurants": items(name=TEXT)}, "restaurant"),
        ({"restaurants": items(name=TEXT)}, "restaurant_name"),
        ({"restaurants": items(restaurant=TEXT)}, "restaurant"),
        ({"flight": {"type": "object", "properties": {"id": TEXT}}}, "flight_id"),
        ({"booking_code": TEXT}, "booking_code"),
        ({"bookingCode": TEXT}, "booking_code"),
        ({"order_code": TEXT}, "order_code"),
        ({"users": items(id=TEXT)}, "user_id"),
        ({"message_id": TEXT}, "message_id"),
        ({"home_city": TEXT}, "city"),
        ({"coordinates": {"type": "object", "properties": {"lat": TEXT}}}, "latitude"),
    ],
)
def test_a_field_fills_a_parameter_about_the_same_thing(field: dict[str, Any], parameter: str) -> None:
    assert parameter in mapped(spec("find_something", {}, field), spec("use_it", {parameter: TEXT}))


@pytest.mark.parametrize(
    ("field", "parameter"),
    [
        ({"status": TEXT}, "status"),
        ({"name": TEXT}, "name"),
        ({"date": TEXT}, "date"),
        ({"hotels": items(name=TEXT)}, "restaurant"),
        ({"hotels": items(id=TEXT)}, "flight_id"),
        ({"restaurant_name": TEXT}, "restaurant_id"),
        ({"rating": WHOLE}, "min_rating"),
        ({"origin_city": TEXT}, "destination_city"),
        ({"message": TEXT}, "message"),
        ({"status_code": WHOLE}, "status_code"),
        ({"page_number": WHOLE}, "page_number"),
    ],
)
def test_a_field_does_not_fill_a_parameter_about_something_else(field: dict[str, Any], parameter: str) -> None:
    assert parameter not in mapped(spec("find_thing", {}, field), spec("use_other", {parameter: TEXT}))


def test_a_name_that_says_little_counts_when_the_functions_are_about_the_same_thing() -> None:
    assert mapped(spec("create_task", {}, {"id": TEXT}), spec("close_task", {"id": TEXT})) == {"id": "id"}
    assert not mapped(spec("create_task", {}, {"id": TEXT}), spec("close_account", {"id": TEXT}))


def test_types_must_agree() -> None:
    source = spec("find_city", {}, {"city": TEXT, "city_id": WHOLE})
    assert "city" not in mapped(source, spec("use", {"city": {"type": "boolean"}}))
    assert "city" not in mapped(source, spec("use", {"city": {"type": "array", "items": TEXT}}))
    assert mapped(source, spec("use", {"city_id": TEXT})) == {"city_id": "city_id"}


def test_a_scalar_output_is_named_by_its_function() -> None:
    assert mapped(spec("get_distance", {"place": TEXT}, {"type": "number"}), spec("convert_unit", {"distance": {"type": "number"}})) == {
        "distance": "$"
    }


def test_an_enum_needs_a_common_value() -> None:
    source = spec("find_room", {}, {"room": {"type": "string", "enum": ["red", "blue"]}})
    assert mapped(source, spec("use", {"room": {"type": "string", "enum": ["blue"]}}))
    assert not mapped(source, spec("use", {"room": {"type": "string", "enum": ["green"]}}))


def test_an_echoed_argument_maps_with_a_lower_score() -> None:
    judge, target = SchemaJudge(), spec("book_table", {"restaurant": TEXT})
    echo = judge.judge(spec("describe_restaurant", {"restaurant": TEXT}, {"restaurant": TEXT}), target)
    found = judge.judge(spec("browse", {}, {"restaurants": items(restaurant=TEXT)}), target)
    assert echo and found
    assert MINIMUM_SCORE <= echo.mappings[0].score <= ECHO_CEILING < found.mappings[0].score


def test_one_field_fills_one_parameter() -> None:
    edge = SchemaJudge().judge(spec("find_city", {}, {"city": TEXT}), spec("find_route", {"from_city": TEXT, "to_city": TEXT}))
    assert edge and len(edge.mappings) == 1 and edge.kind is EdgeKind.PARTIAL


def test_kinds_follow_how_much_is_filled() -> None:
    judge, source = SchemaJudge(), spec("book_table", {"guests": WHOLE}, {"booking_code": TEXT, "restaurant": TEXT})
    full = judge.judge(source, spec("cancel_table", {"booking_code": TEXT, "?reason": TEXT}))
    partial = judge.judge(source, spec("move_table", {"booking_code": TEXT, "new_time": TEXT}))
    assert full and full.kind is EdgeKind.FULL
    assert partial and partial.kind is EdgeKind.PARTIAL and partial.score < full.score


def test_a_check_on_the_same_thing_is_a_prerequisite() -> None:
    judge, target = SchemaJudge(), spec("reserve_seat", {"train": TEXT})
    checks = spec("has_seats", {"train": TEXT}, {"available": {"type": "boolean"}})
    edge = judge.judge(checks, target)
    assert edge and edge.kind is EdgeKind.PREREQUISITE and not edge.mappings and edge.score > 0
    assert judge.judge(spec("has_seats", {"hall": TEXT}, {"available": {"type": "boolean"}}), target) is None
    assert judge.judge(spec("sell_seat", {"train": TEXT}, {"available": {"type": "boolean"}}, effect=Effect.WRITE), target) is None


def test_functions_without_a_return_schema_give_no_edge() -> None:
    assert SchemaJudge().judge(spec("a_city", {"city": TEXT}), spec("b_city", {"city": TEXT})) is None
