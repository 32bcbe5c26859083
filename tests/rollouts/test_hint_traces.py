"""Talk of a hint, quoted calls and identifiers are traces; words that the conversation brought up are none."""

from __future__ import annotations

import pytest

from magnet_ray.rollouts.hint_traces import HintTraces
from tests.booking_desk import desk_pool


def trace(text: str) -> str:
    traces = HintTraces(desk_pool())
    for spec in desk_pool().specs:
        traces.add_function(spec.name)
    traces.add_shown("Enrol me in the course on list_rooms.")
    traces.add_values('{"place":"Silver Fig"}', '{"is_open":true,"file":"rate book_table.txt"}')
    return traces.find(text)


@pytest.mark.parametrize(
    "text",
    [
        "According to the hint, it is open.",
        "[Hint] says yes.",
        "I followed the reference calls.",
        "As per the instructions, I booked it.",
        "My instructions say that I should ask.",
        "I was told to call it.",
        "I used cancel_booking.",
        "is_open gave true.",
        'I ran rate({"place":"Silver Fig"}).',
        "I called list_bookings() for you.",
    ],
)
def test_traces_are_found(text: str) -> None:
    assert trace(text)


@pytest.mark.parametrize(
    "text",
    [
        "Silver Fig has a good rate (4.5).",
        "Your booking reference is TBL-7; follow the instructions on the door.",
        "For reference, it closes at ten.",
        "You are in the course on list_rooms, and book_table.txt is saved.",
        "Which place do you mean?",
        "",
    ],
)
def test_ordinary_words_are_none(text: str) -> None:
    assert trace(text) == ""


def test_a_hint_that_the_user_speaks_of_may_be_answered() -> None:
    traces = HintTraces(desk_pool())
    traces.add_values("{}", '{"course":"Hints and Tricks"}')
    assert traces.find('You are enrolled in "Hints and Tricks".') == ""


@pytest.mark.parametrize("piece", ["a-", "x(", "the instructions ", "following "])
def test_a_message_without_end_is_searched_in_time(piece: str) -> None:
    assert trace(piece * 100_000) == ""
