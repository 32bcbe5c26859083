"""Clause templates are read as written, and a broken one is refused."""

from __future__ import annotations

import pytest

from magnet_ray.phrases import Argument, Phrases, Segment, Slot, parse_clause, plain_name, slot_names

BOOKING = "book a table at {restaurant} for {party_size}[ on {date}][ with a high chair{?high_chair}]"


def test_a_clause_is_read_as_fixed_and_optional_segments() -> None:
    assert parse_clause(BOOKING) == (
        Segment(("book a table at ", Slot("restaurant"), " for ", Slot("party_size")), False),
        Segment((" on ", Slot("date")), True),
        Segment((" with a high chair", Slot("high_chair", "?")), True),
    )


def test_slots_are_told_apart_by_whether_they_may_be_left_out() -> None:
    assert slot_names(BOOKING) == {"restaurant", "party_size", "date", "high_chair"}
    assert slot_names(BOOKING, optional=False) == {"restaurant", "party_size"}
    assert slot_names(BOOKING, optional=True) == {"date", "high_chair"}
    assert slot_names("call the waiter") == frozenset()


def test_a_negative_test_is_a_slot_of_its_own() -> None:
    assert parse_clause("[ without sugar{!sugar}]")[0].slots == (Slot("sugar", "!"),)


@pytest.mark.parametrize("template", ["go to {city", "go to city}", "go[ to {city}", "go to {city}]", "go [to [the]] {city}", "{a b}"])
def test_unpaired_brackets_and_braces_are_refused(template: str) -> None:
    with pytest.raises(ValueError, match="unpaired"):
        parse_clause(template)


@pytest.mark.parametrize(
    ("identifier", "words"),
    [("restaurant_id", "restaurant"), ("checkInDate", "check in date"), ("id", "id"), ("order-ids", "order"), ("city", "city")],
)
def test_identifiers_become_plain_words(identifier: str, words: str) -> None:
    assert plain_name(identifier) == words


def test_an_argument_without_words_of_its_own_is_called_by_its_name() -> None:
    phrases = Phrases(asks=("do it",), arguments={"guest_count": Argument(description="", noun="number of guests")})
    assert phrases.noun_of("guest_count") == "number of guests"
    assert phrases.noun_of("roomType") == "room type"
    assert phrases.argument("roomType") == Argument(description="")
