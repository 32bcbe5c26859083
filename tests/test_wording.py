"""Whatever form of a value is said, it is found again, and nothing else is."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.wording import (
    article,
    clock,
    contains_words,
    day,
    listing,
    moment,
    money,
    number,
    plural,
    pluralise,
    says,
    spoken,
    spoken_date,
    spoken_time,
)

TODAY = "2026-03-11"  # a Wednesday
TIMES = st.times().map(lambda time: f"{time:%H:%M}")
DATES = st.integers(-400, 400).map(lambda days: (date.fromisoformat(TODAY) + timedelta(days=days)).isoformat())
NAMES = st.from_regex(r"[A-Z][a-z]{1,8}( [A-Z][a-z]{1,8})?", fullmatch=True)
NUMBERS = st.integers(-50_000, 50_000) | st.floats(0.01, 1e6, allow_nan=False).map(lambda value: round(value, 2))
CASES: st.SearchStrategy[tuple[Any, str, str]] = st.one_of(
    st.tuples(NUMBERS, st.just(""), st.sampled_from(("{}", "${}", "{} guest(s)", "order {}"))),
    st.tuples(DATES, st.sampled_from(("", "date")), st.just("{}")),
    st.tuples(TIMES, st.sampled_from(("", "time")), st.just("{}")),
    st.tuples(st.tuples(DATES, TIMES).map("T".join), st.sampled_from(("", "datetime")), st.just("{}")),
    st.tuples(NAMES, st.sampled_from(("", "text")), st.sampled_from(("{}", "the {} line"))),
    st.tuples(st.from_regex(r"[A-Z]{3}-\d{5}", fullmatch=True), st.just("code"), st.just("booking {}")),
    st.tuples(st.sampled_from(("on_sale", "half_board_plus", "sold_out")), st.just(""), st.just("{}")),
    st.tuples(st.lists(NAMES, min_size=1, max_size=5) | st.lists(NUMBERS, min_size=1, max_size=5), st.just(""), st.just("{}")),
)


@given(CASES, st.sampled_from(("Please take {}.", "{}, that is it", "I mean {}, not more", "({})", "Is it {}?")))
def test_every_spoken_form_is_found_in_a_sentence(case: tuple[Any, str, str], sentence: str) -> None:
    value, kind, word = case
    forms = spoken(value, today=TODAY, kind=kind, word=word)
    assert forms
    for form in forms:
        assert says(sentence.format(form), value, today=TODAY, kind=kind, word=word), form


@given(st.integers(0, 30_000), st.integers(0, 30_000))
def test_a_number_is_not_found_in_another(said: int, other: int) -> None:
    for form in spoken(said):
        assert says(f"Make it {form}, please.", other) is (said == other)


@given(DATES, DATES)
def test_a_date_is_not_found_in_another(said: str, other: str) -> None:
    for form in spoken_date(said, TODAY):
        assert says(f"on {form}", other, today=TODAY, kind="date") is (said == other)


@given(TIMES, TIMES)
def test_a_time_is_not_found_in_another(said: str, other: str) -> None:
    for form in spoken_time(said):
        assert says(f"at {form}", other, kind="time") is (said == other), form


@pytest.mark.parametrize(
    ("text", "form"),
    [("13 guests", "3"), ("30 guests", "3"), ("3.5 stars", "3"), ("2.5 km", "5"), ("$1,250", "250"), ("6:30 pm", "6"), ("at 18:30", "30")],
)
def test_part_of_a_number_or_of_a_time_is_not_the_number(text: str, form: str) -> None:
    assert not contains_words(text, form)


def test_part_of_a_word_is_not_the_word_and_case_does_not_matter() -> None:
    assert not contains_words("the Ulmer line", "Ulm")
    assert contains_words("the ULM line", "Ulm")
    assert contains_words('say "Hello there" twice', '"hello there"')


@pytest.mark.parametrize(
    ("ahead", "form"),
    [
        (0, "today"),
        (1, "tomorrow"),
        (-1, "yesterday"),
        (3, "this Saturday"),
        (6, "this Tuesday"),
        (-2, "last Monday"),
        (-6, "last Thursday"),
    ],
)
def test_a_close_date_has_a_relative_form(ahead: int, form: str) -> None:
    iso = (date.fromisoformat(TODAY) + timedelta(days=ahead)).isoformat()
    assert form in spoken_date(iso, TODAY)


@pytest.mark.parametrize("ahead", [7, -7, 30])
def test_a_date_a_week_or_more_away_has_no_relative_form(ahead: int) -> None:
    iso = (date.fromisoformat(TODAY) + timedelta(days=ahead)).isoformat()
    assert not {word.split()[0] for word in spoken_date(iso, TODAY)} & {"this", "last", "today", "tomorrow", "yesterday"}


def test_a_date_far_away_or_without_a_today_is_said_with_its_year() -> None:
    assert all("2027" in form for form in spoken_date("2027-01-05", TODAY))
    assert all("2026" in form for form in spoken_date("2026-03-14", ""))
    assert spoken_date("2026-03-24", TODAY)[0] == "March 24"


@given(DATES)
def test_forms_of_one_date_do_not_name_another_date(iso: str) -> None:
    following = (date.fromisoformat(iso) + timedelta(days=1)).isoformat()
    assert not set(spoken_date(iso, TODAY)) & set(spoken_date(following, TODAY))


@pytest.mark.parametrize(
    ("count", "noun", "words"),
    [
        (1, "table", "1 table"),
        (3, "table", "3 tables"),
        (0, "dish", "0 dishes"),
        (2, "city", "2 cities"),
        (2, "day", "2 days"),
        (12_000, "box", "12,000 boxes"),
    ],
)
def test_counts_agree_with_their_nouns(count: int, noun: str, words: str) -> None:
    assert plural(count, noun) == words


def test_an_irregular_plural_is_given() -> None:
    assert plural(2, "person", "people") == "2 people"
    assert pluralise("birthday party") == "birthday parties"


@pytest.mark.parametrize(
    ("phrase", "words"),
    [
        ("hour", "an hour"),
        ("unit", "a unit"),
        ("offer", "an offer"),
        ("8-day pass", "an 8-day pass"),
        ("one-way ticket", "a one-way ticket"),
        ("date", "a date"),
    ],
)
def test_the_article_follows_the_sound(phrase: str, words: str) -> None:
    assert article(phrase) == words


@pytest.mark.parametrize(("value", "words"), [(45, "$45"), (45.5, "$45.50"), (1250.5, "$1,250.50"), (-3, "-$3"), (0, "$0"), (12.0, "$12")])
def test_money_has_two_decimals_or_none(value: float, words: str) -> None:
    assert money(value) == words


def test_numbers_are_written_as_people_write_them() -> None:
    assert [number(value) for value in (4, 4.0, 3.5, 1250, 12_500, 0.001)] == ["4", "4", "3.5", "1250", "12,500", "0.001"]


@pytest.mark.parametrize(
    ("time", "words"),
    [
        ("18:30", "6:30 pm"),
        ("00:00", "12 am"),
        ("12:00", "12 pm"),
        ("09:05", "9:05 am"),
        ("11:00", "11 am"),
        ("later", "later"),
        ("25:00", "25:00"),
    ],
)
def test_a_clock_time_is_said_in_two_halves_of_the_day(time: str, words: str) -> None:
    assert clock(time) == words


def test_noon_midnight_and_half_past_have_names() -> None:
    assert "noon" in spoken_time("12:00")
    assert "midnight" in spoken_time("00:00")
    assert "half past six in the evening" in spoken_time("18:30")
    assert "half past nine in the morning" in spoken_time("09:30")


def test_days_and_moments_are_for_replies() -> None:
    assert day("2026-03-14") == "Saturday, March 14"
    assert moment("2026-03-14T18:30") == "Saturday, March 14 at 6:30 pm"
    assert moment("2026-03-14") == "Saturday, March 14"
    assert day("soon") == "soon"


@pytest.mark.parametrize(
    ("items", "words"),
    [
        ([], "none"),
        (["a"], "a"),
        (["a", "b"], "a and b"),
        (["a", "b", "c"], "a, b and c"),
        (list("abcdef"), "a, b, c, d, e and f"),
        (list("abcdefgh"), "a, b, c, d, e and 3 more"),
    ],
)
def test_a_listing_ends_with_and_and_counts_what_it_leaves_out(items: list[str], words: str) -> None:
    assert listing(items) == words


def test_a_word_template_agrees_with_its_number() -> None:
    assert spoken(1, word="{} guest(s)") == ["1 guest", "one guest"]
    assert spoken(2, word="{} guest(s)") == ["2 guests", "two guests"]
    assert set(spoken(2, word="${}")) == {"$2"}


def test_texts_are_quoted_codes_verbatim_and_choices_in_plain_words() -> None:
    assert spoken("See you soon", kind="text") == ['"See you soon"', "'See you soon'"]
    assert spoken("on_sale", kind="code") == ["on_sale"]
    assert spoken("on_sale") == ["on sale", "on-sale"]
    assert spoken(True) == ["yes"]
    assert spoken(None) == ["nothing"]
    assert spoken({"room_type": "double", "nights": 2}) == ["room type double and nights 2"]


def test_a_lists_only_form_holds_all_its_items() -> None:
    assert spoken([1, 2.5]) == ["1 and 2.5"]
    assert not says("a and b", ["a", "b", "c"])
    assert spoken([]) == ["none"]


def test_a_noun_that_a_value_ends_with_is_said_once() -> None:
    assert spoken("regional section", word="the {} section") == ["the regional section"]
    assert spoken("Original Option", word="the option {}") == ["the Original Option"]
    assert spoken("dissection", word="the {} section") == ["the dissection section"]
    assert spoken("section", word="the {} section") == ["the section section"]
