"""Numbers that come from somewhere pass; invented ones are named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.teacher.grounding import invented_numbers

RESULT = {
    "orders": [{"code": "ORD-4711", "total": 69.95, "at": "2025-10-28T16:30"}, {"code": "ORD-4712", "total": 30.5, "at": "2025-10-29"}],
    "share": 0.125,
    "views": 1_250_000,
    "minutes": 95,
}


@pytest.mark.parametrize(
    "text",
    [
        "Order ORD-4711 is $69.95, ORD-4712 $30.50.",
        "That is about $70 and 31 dollars.",
        "Both come to $100.45, or roughly $100.",
        "2 orders: the 1st on October 28 at 4:30 pm, the 2nd on the 29th, 2025.",
        "12.5 % of them, or 13 percent.",
        "1,250,000 views, 1.25 million, 1.3 million, 1250k.",
        "It takes 95 minutes, that is 1 hour and 35 minutes.",
        "No numbers here.",
    ],
)
def test_what_the_results_give_is_known(text: str) -> None:
    assert invented_numbers(text, [RESULT]) == []


@pytest.mark.parametrize(
    ("text", "invented"),
    [
        ("Order ORD-4713 for $69.95.", ["4713"]),
        ("It costs $71.", ["71"]),
        ("It costs $69.94.", ["69.94"]),
        ("1.4 million views", ["1.4"]),
        ("On October 27 at 17:46.", ["27", "17", "46"]),
    ],
)
def test_what_no_result_gives_is_named(text: str, invented: list[str]) -> None:
    assert [written for written in invented_numbers(text, [RESULT]) if written in invented] == invented


@given(st.lists(st.integers(0, 10**9) | st.floats(0, 10**6).map(lambda value: round(value, 2))))
def test_numbers_that_are_given_are_never_invented(values: list[float]) -> None:
    assert invented_numbers(" and ".join(f"{value}" for value in values if "e" not in f"{value}"), [{"values": values}]) == []
    assert invented_numbers(" and ".join(f"{value:,}" for value in values if "e" not in f"{value}"), [str(values)]) == []
