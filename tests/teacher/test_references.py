"""Words for what an earlier output showed single out one thing, and only by what the user could see."""

from __future__ import annotations

import re
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.json_paths import value_at
from magnet_ray.teacher.clauses import listed
from magnet_ray.teacher.references import (
    ORDINALS,
    SUPERLATIVES,
    Referent,
    describe_item,
    identifies_item,
    is_sayable,
    list_place,
    refer,
    stands_out,
    superlatives,
)
from magnet_ray.teacher.shown import Shown

HOTELS = {
    "hotels": [
        {"hotel": "Old Mill", "price": 80, "rating": 4.1},
        {"hotel": "Grand Oak", "price": 120, "rating": 4.1},
        {"hotel": "Pine Lodge", "price": 60, "rating": 3.9},
    ]
}
READ_OUT = Shown("You can stay at Old Mill ($80, rated 4.1), Grand Oak ($120, rated 4.1) or Pine Lodge ($60, rated 3.9).")
NAMED = Shown("You can stay at Old Mill, Grand Oak or Pine Lodge.")
CUT = Shown("You can stay at Old Mill ($80, rated 4.1), Grand Oak ($120, rated 4.1) or 1 more.")
TIMES = {"times": ["18:00", "19:00", "20:30"]}
BOOKING = {"booking_code": "HTL-4711", "hotel": "Old Mill", "price": 80}
ITEMS = st.lists(st.fixed_dictionaries({"name": st.sampled_from(("A", "B", "C", "D")), "price": st.integers(1, 5)}), min_size=1, max_size=6)


def referent(output: Any, path: str, ago: int, **others: Any) -> Referent:
    facts: dict[str, Any] = {"noun": "hotel", "made": False, "found": True, "unique": True, "shown": READ_OUT, **others}
    return Referent(output=output, path=path, turns_ago=ago, **facts)


def words_for(found: Referent, *, elliptic: bool = True) -> set[str | None]:
    """Everything that may be said, over many draws."""
    return {refer(found, Random(seed), elliptic=elliptic) for seed in range(120)}


@given(ITEMS, st.data())
def test_a_superlative_holds_for_one_item_alone(items: list[dict[str, Any]], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(items) - 1))
    prices = [item["price"] for item in items]
    mine = prices[index]
    expected = set()
    if len(items) > 1 and prices.count(mine) == 1:
        expected |= {"cheapest"} if mine == min(prices) else set()
        expected |= {"most expensive"} if mine == max(prices) else set()
    assert set(superlatives(items, index)) == expected


def test_no_superlative_names_two_items_of_a_list() -> None:
    claims = [superlative for index in range(3) for superlative in superlatives(HOTELS["hotels"], index)]
    assert sorted(claims) == ["cheapest", "lowest-rated", "most expensive"]
    assert "best-rated" not in claims, "two hotels share the best rating"


def test_of_two_prices_the_first_counts() -> None:
    items = [{"fare": 10, "fee": 9}, {"fare": 20, "fee": 1}]
    assert superlatives(items, 0) == ["cheapest"]
    assert superlatives(items, 1) == ["most expensive"]


def test_dates_and_numbers_compare_and_texts_do_not() -> None:
    assert superlatives([{"date": "2026-03-01"}, {"date": "2026-02-01"}], 1) == ["earliest"]
    assert superlatives([{"price": "cheap"}, {"price": "dear"}], 0) == []
    assert superlatives([{"price": True}, {"price": False}], 0) == []
    assert superlatives([{"price": 1}], 0) == []
    assert superlatives(["a", "b"], 0) == []
    assert superlatives([{"price": 1}, {"name": "x"}], 0) == []


def test_times_of_different_days_do_not_say_which_is_earlier() -> None:
    dated = [{"date": "2026-03-01", "departs": "09:00"}, {"date": "2026-02-01", "departs": "10:00"}]
    assert "earliest" not in superlatives(dated, 0)
    assert superlatives([{"departs": "09:00"}, {"departs": "10:00"}], 0) == ["earliest"]


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("hotels[2].name", ("hotels", 2)),
        ("a[1].b[3].c", ("a[1].b", 3)),
        ("[4]", ("$", 4)),
        ("code", None),
        ("$", None),
        ("a.b[0]", ("a.b", 0)),
    ],
)
def test_the_innermost_list_of_a_path_is_found(path: str, place: tuple[str, int] | None) -> None:
    assert list_place(path) == place


def test_an_item_is_known_by_its_first_field_alone() -> None:
    assert identifies_item(HOTELS, "hotels[1].hotel")
    assert not identifies_item(HOTELS, "hotels[1].price")
    assert not identifies_item({"hotels": [{"hotel": "A"}, {"hotel": "A"}]}, "hotels[1].hotel")
    assert identifies_item({"times": ["18:00", "19:00"]}, "times[0]")
    assert not identifies_item({"times": ["18:00", "18:00"]}, "times[0]")


def singled_out(words: str, output: Any) -> list[int]:
    """Indices of the items that words may mean, read independently of the package."""
    items = output["hotels"]
    for index, ordinal in enumerate(ORDINALS):
        if re.search(rf"\b{ordinal}\b", words):
            return [index]
    if "the last" in words:
        return [len(items) - 1]
    if "cheapest" in words:
        return [i for i, item in enumerate(items) if item["price"] == min(x["price"] for x in items)]
    if "most expensive" in words:
        return [i for i, item in enumerate(items) if item["price"] == max(x["price"] for x in items)]
    if "lowest-rated" in words:
        return [i for i, item in enumerate(items) if item["rating"] == min(x["rating"] for x in items)]
    if "best-rated" in words:
        return [i for i, item in enumerate(items) if item["rating"] == max(x["rating"] for x in items)]
    return [i for i, item in enumerate(items) if item["hotel"] in words]


@pytest.mark.parametrize("ago", [1, 2, 3])
@pytest.mark.parametrize("index", [0, 1, 2])
def test_every_reference_to_a_listed_item_means_that_item(index: int, ago: int) -> None:
    found = words_for(referent(HOTELS, f"hotels[{index}].hotel", ago))
    assert len(found) >= 2
    for words in found:
        assert words is not None and singled_out(words, HOTELS) == [index], words


def test_a_list_that_nobody_has_seen_gives_no_ordinal_and_no_name() -> None:
    middle = words_for(referent(HOTELS, "hotels[1].hotel", 0))
    assert middle == {"the most expensive hotel", "the most expensive one", "the most expensive of those"}
    assert words_for(referent(HOTELS, "hotels[0].hotel", 0)) == {None}
    assert words_for(referent(TIMES, "times[0]", 0, noun="time")) == {"the earliest time"}
    assert words_for(referent(TIMES, "times[1]", 0, noun="time")) == {None}


def test_what_the_message_did_not_read_out_is_not_pointed_at() -> None:
    assert words_for(referent(HOTELS, "hotels[2].hotel", 1, shown=CUT)) == {None}
    second = words_for(referent(HOTELS, "hotels[1].hotel", 1, shown=CUT))
    assert second == {"the second hotel you listed", "the second one", "Grand Oak"}
    assert words_for(referent(HOTELS, "hotels[0].hotel", 1, shown=Shown("Old Mill is rated 4.1."))) == {"Old Mill"}


def test_nobody_ranks_what_was_not_said_of_every_item() -> None:
    for index in range(3):
        found = words_for(referent(HOTELS, f"hotels[{index}].hotel", 1, shown=NAMED))
        assert found and not any(re.search(r"cheap|expensive|rated", str(words)) for words in found)


def test_an_ordinal_follows_the_order_of_the_message() -> None:
    by_price = Shown("By price: Pine Lodge, Old Mill and Grand Oak.")
    assert "the second hotel you listed" in words_for(referent(HOTELS, "hotels[0].hotel", 1, shown=by_price))
    assert "the last hotel on that list" in words_for(referent(HOTELS, "hotels[1].hotel", 1, shown=by_price))


def test_a_list_that_only_served_a_lookup_is_not_pointed_at() -> None:
    found = words_for(referent(HOTELS, "hotels[0].hotel", 1, listed=False))
    assert {"that hotel", "Old Mill"} <= found and not any(re.search(r"first|list", str(words)) for words in found)


def test_names_are_said_only_when_they_were_seen() -> None:
    assert "Grand Oak" in words_for(referent(HOTELS, "hotels[1].hotel", 1))
    assert "Grand Oak" not in words_for(referent(HOTELS, "hotels[1].hotel", 0))


def test_a_long_gone_list_is_said_to_be_one() -> None:
    for words in words_for(referent(HOTELS, "hotels[2].hotel", 3)):
        assert words == "Pine Lodge" or "earlier" in str(words)


def test_two_elliptic_references_in_one_sentence_are_avoided() -> None:
    found = words_for(referent(HOTELS, "hotels[2].hotel", 1), elliptic=False)
    assert not any(re.search(r"\bone\b|of those", str(words)) for words in found)
    assert any(re.search(r"\bone\b", str(words)) for words in words_for(referent(HOTELS, "hotels[2].hotel", 1)))


def test_a_price_in_a_list_is_not_called_by_its_item() -> None:
    assert words_for(referent(HOTELS, "hotels[1].price", 1)) == {None}


def test_a_record_is_called_by_what_was_done_to_it() -> None:
    booked = words_for(referent(BOOKING, "booking_code", 1, noun="booking", made=True, found=False))
    assert {"that booking", "the booking you just set up"} <= booked
    assert not any("found" in str(words) or "HTL" in str(words) for words in booked)
    found = words_for(referent(BOOKING, "booking_code", 2, noun="booking"))
    assert "the booking from earlier" in found and not any("set up" in str(words) for words in found)


def test_what_a_record_holds_is_referred_to_only_where_it_was_said() -> None:
    silent = referent(BOOKING, "hotel", 1, shown=Shown("Your code is HTL-4711."))
    assert words_for(silent) == {None}
    assert "that hotel" in words_for(referent(BOOKING, "hotel", 1, shown=Shown("Booked: Old Mill.")))


def test_one_booking_of_several_has_no_words() -> None:
    for ago in (1, 2, 3):
        assert words_for(referent(BOOKING, "booking_code", ago, noun="booking", unique=False)) == {None}
        assert words_for(referent(BOOKING, "booking_code", ago, noun="booking")) >= {
            "that booking" if ago == 1 else "the booking from earlier"
        }


def test_a_whole_list_is_called_those() -> None:
    dishes, told = {"dishes": ["soup", "stew"]}, Shown("There is soup and stew.")
    assert words_for(referent(dishes, "dishes", 1, shown=told)) <= {"those", "these", "the ones you just listed"}
    assert words_for(referent(dishes, "dishes", 1, shown=Shown("There is soup."))) == {None}
    assert words_for(referent(dishes, "dishes", 2, shown=told)) == {None}


@pytest.mark.parametrize(
    ("value", "sayable"),
    [("Grand Oak", True), ("Ida O'Neil", True), ("HTL-4711", False), ("on_sale", False), ("lower case", False), ("Ab", False), (5, False),
     ("A Very Long Name Of Six", False), ("X" * 41, False)],
)  # fmt: skip
def test_names_are_sayable_and_codes_are_not(value: Any, sayable: bool) -> None:
    assert is_sayable(value) is sayable


@pytest.mark.parametrize(
    ("index", "expected"),
    [(0, {None}), (1, {"the most expensive hotel in Ulm"}), (2, {"the cheapest hotel in Ulm", "the lowest-rated hotel in Ulm"})],
)
def test_an_unseen_item_is_described_by_what_singles_it_out(index: int, expected: set[str | None]) -> None:
    assert {describe_item("hotel in Ulm", HOTELS, f"hotels[{index}].hotel", Random(seed)) for seed in range(40)} == expected
    assert stands_out(HOTELS["hotels"], index, HOTELS["hotels"][index]["hotel"]) is (expected != {None})


def test_an_unseen_item_is_described_by_a_name_of_its_own() -> None:
    courses = {"courses": [{"course": name, "tutor": tutor} for name, tutor in (("Pottery", "Ada Berg"), ("Singing", "Bo Lind"))]}
    assert describe_item("course of mine", courses, "courses[1].course", Random(1)) == "my Bo Lind course"


def test_an_unseen_item_that_nothing_singles_out_has_no_description() -> None:
    plain = {"hotels": [{"hotel": name, "price": 5} for name in ("A", "B", "C")]}
    assert describe_item("hotel", plain, "hotels[1].hotel", Random(1)) is None
    assert describe_item("hotel", HOTELS, "hotels[1].price", Random(1)) is None
    assert describe_item("hotel", {"hotels": [{"hotel": "A"}]}, "hotels[0].hotel", Random(1)) == "the hotel"
    assert describe_item("booking", BOOKING, "booking_code", Random(1)) == "the booking"
    assert describe_item("booking", BOOKING, "price", Random(1)) is None


def test_what_belongs_to_someone_keeps_its_owner() -> None:
    assert describe_item("my hotel in Ulm", HOTELS, "hotels[1].hotel", Random(1)) == "my most expensive hotel in Ulm"


def test_every_kind_of_superlative_has_two_ends() -> None:
    for pattern, lowest, highest in SUPERLATIVES:
        assert re.compile(pattern) and lowest != highest
    assert value_at(HOTELS, "hotels[2].price") == 60


def test_what_references_share_is_said_once() -> None:
    assert listed(["the first product you listed", "the third product you listed"]) == "the first and the third product you listed"
