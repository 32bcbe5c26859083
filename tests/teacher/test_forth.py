"""A reader who understands a turn as planned agrees with the plan, however it is written; any other value is a difference."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest

from magnet_ray.errors import Rejected
from magnet_ray.functions.builtin import load
from magnet_ray.teacher.base import PlannedCall, TurnRequest
from magnet_ray.teacher.forth import calls_answer, difference, read_calls
from magnet_ray.types import ArgumentOrigin, FailureReason, FunctionSpec, Origin, compact
from tests.teacher.recorded_turns import turns_for
from tests.tiny_world import planned

DINING = {item.name: item for item in load("dining").specs}
BROWSED = planned(DINING["browse_restaurants"], {"cuisine": "Thai"}, {"restaurants": []})
BOOKED = planned(DINING["book_table"], {"restaurant": "Blue Fig", "guests": 4, "date": "2026-03-12", "time": "19:00"}, {}, step=1)
CANCELLED = planned(
    DINING["cancel_table"],
    {"booking_code": "TBL-1"},
    {},
    origins={"booking_code": ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=0, path="booking_code")},
    nested=True,
)


def turn(*calls: PlannedCall, **others: Any) -> TurnRequest:
    return TurnRequest(record="r", turn=1, turns=2, calls=calls, history=(), specs=DINING, today="2026-03-11", rng=Random(1), **others)


def read(*calls: tuple[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    return list(calls)


def test_the_plan_agrees_with_itself_in_every_real_turn() -> None:
    for recorded in turns_for("query"):
        calls = recorded.request.calls
        answer = calls_answer(calls, without=recorded.request.withheld)
        assert difference(read_calls(answer, recorded.request), recorded.request) == ""


def test_order_letter_case_and_kinds_of_numbers_do_not_matter() -> None:
    booked = {"time": "19:00", "date": "2026-03-12", "guests": 4.0, "restaurant": " blue  fig"}
    assert difference(read(("book_table", booked), ("browse_restaurants", {"cuisine": "thai"})), turn(BROWSED, BOOKED)) == ""


@pytest.mark.parametrize("answer", [{"size": "m"}, {"size": "m", "colour": "red"}, {"size": "m", "colour": None, "gift": False}])
def test_defaults_and_nulls_are_filled_in(answer: dict[str, Any]) -> None:
    properties = {
        "size": {"type": "string"},
        "colour": {"type": "string", "default": "red"},
        "gift": {"type": "boolean", "default": False},
    }
    spec = FunctionSpec(
        name="order_shirt",
        description="Order a shirt.",
        parameters=compact({"type": "object", "properties": properties}),
        category="shirts",
        source="test",
        environment="test:one",
    )
    given = {name: value for name, value in answer.items() if value is not None}
    assert difference([("order_shirt", given)], turn(planned(spec, {"size": "m"}, {}))) == ""


def test_a_boolean_is_no_number() -> None:
    assert "guests: planned 1, understood true" in difference(
        read(("book_table", {**BOOKED.arguments, "guests": True})), turn(replace(BOOKED, arguments={**BOOKED.arguments, "guests": 1}))
    )


def test_each_difference_is_named() -> None:
    other = {"restaurant": "Blue Fig", "guests": 5, "date": "2026-03-12"}
    text = difference(read(("book_table", other), ("cancel_table", {"booking_code": "X"})), turn(BROWSED, BOOKED, replace(CANCELLED)))
    assert 'call 1 (browse_restaurants with cuisine "thai") was not understood' in text
    assert 'call 2: guests: planned 4, understood 5; time: planned "19:00", understood nothing' in text
    assert 'not planned: cancel_table with booking_code "x"' in text


def test_a_call_made_twice_is_one_too_many() -> None:
    once = ("browse_restaurants", {"cuisine": "Thai"})
    assert "not planned" in difference(read(once, once), turn(BROWSED))


def test_a_nested_call_with_nothing_from_the_query_may_be_left_out() -> None:
    assert difference(read(("browse_restaurants", {"cuisine": "Thai"})), turn(BROWSED, CANCELLED)) == ""
    assert "call 1" in difference(read(), turn(replace(BROWSED, nested=True)))


def test_a_withheld_value_is_not_compared() -> None:
    rest = {name: value for name, value in BOOKED.arguments.items() if name != "time"}
    for arguments in (rest, {**rest, "time": "12:00"}):
        assert difference(read(("book_table", arguments)), turn(BOOKED, withheld=(0, "time"))) == ""


@pytest.mark.parametrize("call", [{"name": "fly", "arguments": {}}, {"name": "book_table", "arguments": {"view": "sea"}}])
def test_an_unknown_function_or_parameter_is_refused(call: dict[str, Any]) -> None:
    with pytest.raises(Rejected) as caught:
        read_calls({"calls": [call]}, turn(BOOKED))
    assert caught.value.reason is FailureReason.UNPARSED and ("fly" in caught.value.detail or "view" in caught.value.detail)
