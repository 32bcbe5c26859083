"""A clause says every argument of its call, nothing that is not there, and reads like a sentence."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.phrases import Argument, Phrases, slot_names
from magnet_ray.teacher.clauses import choose_clause, render_clause, tidy

ROOM = "book a room in {city}[ for {guests}][ from {start}][ with a balcony{?balcony}][ without breakfast{!breakfast}]"
PHRASES = Phrases(
    asks=(ROOM, "find {guests} a bed in {city}[ from {start}]", "reserve something[ in {city}]"),
    questions=("Is there a room in {city}[ for {guests}]?", "What's free in {city} from {start}[ with a balcony{?balcony}]?"),
    arguments={"guests": Argument(description="", noun="number of guests"), "budget": Argument(description="", noun="price limit")},
)
WORDS = {"city": "Ulm", "guests": "3 guests", "start": "May 4", "budget": "$90"}
FLAGS = ("balcony", "breakfast")


def test_optional_segments_appear_with_their_values_and_vanish_without() -> None:
    every = render_clause(ROOM, {"city": "Ulm", "guests": "3 guests", "start": "May 4"}, {})
    assert every and every.text == "book a room in Ulm for 3 guests from May 4"
    few = render_clause(ROOM, {"city": "Ulm"}, {})
    assert few and (few.text, few.spans) == ("book a room in Ulm", {"city": "Ulm"})


@pytest.mark.parametrize(
    ("flags", "text"),
    [
        ({"balcony": True}, "book a room in Ulm with a balcony"),
        ({"breakfast": False}, "book a room in Ulm without breakfast"),
        ({"balcony": True, "breakfast": False}, "book a room in Ulm with a balcony without breakfast"),
    ],
)
def test_booleans_choose_their_segments(flags: dict[str, bool], text: str) -> None:
    rendered = render_clause(ROOM, {"city": "Ulm"}, flags)
    assert rendered and rendered.text == text and set(rendered.spans) == {"city", *flags}
    assert all(span in text for span in rendered.spans.values())


@pytest.mark.parametrize("flags", [{"balcony": False}, {"breakfast": True}, {"sauna": True}])
def test_a_boolean_that_no_segment_words_is_not_left_unsaid(flags: dict[str, bool]) -> None:
    assert render_clause(ROOM, {"city": "Ulm"}, flags) is None


def test_an_argument_without_a_slot_is_not_left_unsaid() -> None:
    assert render_clause(ROOM, {"city": "Ulm", "budget": "$90"}, {}) is None


def test_a_fixed_slot_without_a_value_cannot_be_filled() -> None:
    assert render_clause(ROOM, {"guests": "3 guests"}, {}) is None


GIVEN = st.tuples(
    st.sets(st.sampled_from(sorted(WORDS))).map(lambda names: {name: WORDS[name] for name in sorted(names | {"city"})}),
    st.dictionaries(st.sampled_from(FLAGS), st.booleans()),
)


@given(GIVEN, st.integers(0, 10_000), st.booleans())
def test_whatever_clause_is_drawn_words_exactly_the_arguments(
    given_: tuple[dict[str, str], dict[str, bool]], seed: int, sentences: bool
) -> None:
    words, flags = given_
    rendered = choose_clause(PHRASES, words, flags, Random(seed), sentences=sentences)
    assert rendered is not None
    assert set(rendered.spans) == set(words) | set(flags)
    assert all(rendered.spans[name] == text and text in rendered.text for name, text in words.items())
    assert all(span in rendered.text for span in rendered.spans.values())
    assert not any(text in rendered.text for name, text in WORDS.items() if name not in words)
    assert sentences or not rendered.sentence


def test_an_argument_that_no_template_words_follows_in_a_tail() -> None:
    for seed in range(10):
        rendered = choose_clause(PHRASES, {"city": "Ulm", "budget": "$90"}, {"breakfast": True}, Random(seed), sentences=True)
        assert rendered and not rendered.sentence
        assert rendered.text.endswith(", with price limit $90, with breakfast")


def test_a_clause_that_nothing_fits_is_not_made() -> None:
    assert choose_clause(Phrases(asks=("go to {city}",)), {"guests": "2"}, {}, Random(1), sentences=True) is None


def test_whole_sentences_and_asks_are_both_drawn() -> None:
    drawn = [choose_clause(PHRASES, {"city": "Ulm"}, {}, Random(seed), sentences=True) for seed in range(80)]
    share = sum(bool(rendered and rendered.sentence) for rendered in drawn) / 80
    assert 0.2 < share < 0.6


@pytest.mark.parametrize(
    ("rough", "smooth"),
    [
        ("book a table on tomorrow", "book a table tomorrow"),
        ("book it on this Friday at noon", "book it this Friday at noon"),
        ("come at today", "come today"),
        ("a table for tomorrow", "a table for tomorrow"),
        ("finish it by today", "finish it by today"),
        ("what happened on last Monday", "what happened last Monday"),
        ("book  a   table , please", "book a table, please"),
        ("is it free ?", "is it free?"),
        ("Go there,.", "Go there."),
        ("on Monday", "on Monday"),
        ("version .5 of it", "version .5 of it"),
    ],
)
def test_what_dropped_segments_leave_is_mended(rough: str, smooth: str) -> None:
    assert tidy(rough) == smooth


@given(st.lists(st.tuples(st.sampled_from(("book", "it", "tomorrow", "5")), st.sampled_from((" ", "  ", ", ", " , ", ". "))), max_size=9))
def test_mending_twice_is_mending_once(pieces: list[tuple[str, str]]) -> None:
    text = "".join(word + gap for word, gap in pieces)
    assert tidy(tidy(text)) == tidy(text)


def test_the_template_of_these_tests_has_the_slots_it_should() -> None:
    assert slot_names(ROOM) == {"city", "guests", "start", "balcony", "breakfast"}
