"""The template teacher words what was planned, leaves out what it should, and repeats itself for the same seed."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.at_once import at_once
from magnet_ray.errors import Rejected
from magnet_ray.functions.builtin import load
from magnet_ray.phrases import slot_names
from magnet_ray.teacher import frames
from magnet_ray.teacher.base import PlannedCall, Teacher, TurnRequest
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.types import ArgumentOrigin, ExecutedCall, FailureReason, FunctionSpec, Origin, TranslatedTurn, compact
from tests.builtin_recipe import builtin_rows
from tests.test_synthesis import turns_of
from tests.tiny_world import planned

DINING = {item.name: item for item in load("dining").specs}
TEACHER: Teacher = TemplateTeacher()
TODAY = "2026-03-11"
SEEDS = st.integers(0, 100_000)
RESTAURANTS = {
    "restaurants": [
        {"restaurant": "Blue Fig", "cuisine": "Thai", "rating": 4.5, "price_per_person": 30},
        {"restaurant": "Old Olive", "cuisine": "Thai", "rating": 4.0, "price_per_person": 20},
    ]
}
BROWSED = planned(DINING["browse_restaurants"], {"cuisine": "Thai"}, RESTAURANTS)
BOOKED = planned(
    DINING["book_table"],
    {"restaurant": "Blue Fig", "guests": 4, "date": "2026-03-12", "time": "19:00"},
    {"booking_code": "TBL-4711", "restaurant": "Blue Fig", "date": "2026-03-12", "time": "19:00", "guests": 4, "status": "confirmed"},
    step=1,
)


def request(*calls: PlannedCall, seed: int = 1, turn: int = 0, history: tuple[TranslatedTurn, ...] = (), **others: Any) -> TurnRequest:
    return TurnRequest(
        record="record", turn=turn, turns=turn + 1, calls=calls, history=history, specs=DINING, today=TODAY, rng=Random(seed), **others
    )


def after(call: PlannedCall, query: str = "Something before.") -> tuple[TranslatedTurn, ...]:
    """A history of one turn with one call."""
    executed = ExecutedCall(function=call.spec.name, arguments=compact(call.arguments), output=compact(call.output))
    return (TranslatedTurn(query=query, calls=(executed,), reply="Done."),)


def from_output(spec: FunctionSpec, arguments: dict[str, Any], parameter: str, origin: ArgumentOrigin, **others: Any) -> PlannedCall:
    origins = {name: ArgumentOrigin(origin=Origin.QUERY) for name in arguments} | {parameter: origin}
    return planned(spec, arguments, {}, origins=origins, **others)


@given(SEEDS)
def test_a_query_words_every_argument_and_names_the_words(seed: int) -> None:
    words = at_once(TEACHER.query(request(BOOKED, seed=seed)))
    (spans,) = words.spans
    assert set(spans) == {"restaurant", "guests", "date", "time"}
    assert all(span.lower() in words.text.lower() for span in spans.values())
    assert "Blue Fig" in words.text and words.nested == (False,)
    assert re.fullmatch(r"[A-Z\"'\d].*[.?!]", words.text), words.text


@given(SEEDS)
def test_the_same_seed_gives_the_same_words(seed: int) -> None:
    assert at_once(TEACHER.query(request(BROWSED, BOOKED, seed=seed))) == at_once(TEACHER.query(request(BROWSED, BOOKED, seed=seed)))


def test_other_seeds_give_other_words() -> None:
    texts = [at_once(TEACHER.query(request(BOOKED, seed=seed))).text for seed in range(60)]
    assert len(set(texts)) > 50
    assert Counter(" ".join(text.split()[:3]) for text in texts).most_common(1)[0][1] <= 12


@given(SEEDS)
def test_several_intents_are_joined_in_their_order(seed: int) -> None:
    words = at_once(TEACHER.query(request(BROWSED, BOOKED, seed=seed)))
    assert words.text.index("Thai") < words.text.index("Blue Fig")
    assert words.nested == (False, False)


@given(SEEDS)
def test_one_function_over_several_things_is_asked_for_once_with_all_of_them(seed: int) -> None:
    menus = [
        planned(DINING["read_menu"], {"restaurant": name}, {"restaurant": name, "dishes": []})
        for name in ("Blue Fig", "Old Olive", "Wild Mango")
    ]
    words = at_once(TEACHER.query(request(*menus, seed=seed)))
    assert "Blue Fig, Old Olive and Wild Mango" in words.text
    assert [span["restaurant"] for span in words.spans] == ["Blue Fig", "Old Olive", "Wild Mango"]


@given(SEEDS)
def test_a_nested_lookup_goes_unmentioned_and_its_find_is_described(seed: int) -> None:
    found = ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=0, path="restaurants[1].restaurant")
    menu = from_output(DINING["read_menu"], {"restaurant": "Old Olive"}, "restaurant", found, step=1)
    words = at_once(TEACHER.query(request(replace(BROWSED, nested=True), menu, seed=seed)))
    assert words.nested == (True, False)
    assert "Old Olive" not in words.text and "Thai" in words.text
    assert re.search(r"the (cheapest|lowest-rated) Thai", words.text), words.text


@given(SEEDS)
def test_an_item_of_an_unseen_list_that_nothing_singles_out_cannot_be_worded(seed: int) -> None:
    bookings = [{"booking_code": f"TBL-{n}", "restaurant": "Blue Fig"} for n in range(3)]
    lookup = planned(DINING["list_table_bookings"], {}, {"bookings": bookings}, nested=True)
    found = ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=0, path="bookings[1].booking_code")
    cancel = from_output(DINING["cancel_table"], {"booking_code": "TBL-1"}, "booking_code", found, step=1)
    with pytest.raises(Rejected) as caught:
        at_once(TEACHER.query(request(lookup, cancel, seed=seed)))
    assert caught.value.reason is FailureReason.UNWORDED


@given(SEEDS)
def test_an_earlier_booking_is_referred_to_and_not_spelled_out(seed: int) -> None:
    made = ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=0, path="booking_code")
    cancel = from_output(DINING["cancel_table"], {"booking_code": "TBL-4711"}, "booking_code", made)
    words = at_once(TEACHER.query(request(cancel, seed=seed, turn=1, history=after(BOOKED))))
    assert "TBL-4711" not in words.text and "booking" in words.text
    assert words.spans[0]["booking_code"] in words.text


def test_a_query_of_before_is_not_repeated() -> None:
    reworded = 0
    for seed in range(60):
        first = at_once(TEACHER.query(request(BROWSED, seed=seed))).text
        try:
            again = at_once(TEACHER.query(request(BROWSED, seed=seed, history=after(BOOKED, first), turn=1))).text
        except Rejected as rejected:
            assert rejected.reason is FailureReason.UNWORDED
            continue
        reworded += 1
        assert again != first
    assert reworded > 20


@given(SEEDS)
def test_a_reply_states_what_came_out_of_every_call_that_was_asked_for(seed: int) -> None:
    reply = at_once(TEACHER.reply(request(BOOKED, seed=seed)))
    assert "TBL-4711" in reply or "Blue Fig" in reply
    both = at_once(TEACHER.reply(request(BROWSED, BOOKED, seed=seed)))
    assert "Old Olive" in both and re.search(r"TBL-4711|7 pm", both)
    hidden = at_once(TEACHER.reply(request(replace(BROWSED, nested=True), BOOKED, seed=seed)))
    assert "Old Olive" not in hidden and "Blue Fig" in hidden


def test_two_calls_of_one_function_are_told_in_different_words() -> None:
    second = planned(DINING["cancel_table"], {"booking_code": "B"}, {"booking_code": "B", "status": "cancelled", "refunded_deposit": 0})
    first = planned(DINING["cancel_table"], {"booking_code": "A"}, {"booking_code": "A", "status": "cancelled", "refunded_deposit": 0})
    tells = phrases_of(DINING["cancel_table"]).tells
    for seed in range(20):
        text = at_once(TEACHER.reply(request(first, second, seed=seed)))
        kinds = [[n for n, tell in enumerate(tells) if tell(call.arguments, call.output).strip() in text] for call in (first, second)]
        assert all(kinds) and kinds[0] != kinds[1]


@given(SEEDS)
def test_a_refusal_names_the_deed(seed: int) -> None:
    text = at_once(TEACHER.decline(request(BOOKED, seed=seed)))
    assert phrases_of(BOOKED.spec).deed in text and text[0].isupper() and "{" not in text


def test_the_user_says_that_a_function_is_there_and_now_and_then_which() -> None:
    texts = {at_once(TEACHER.enable(request(BOOKED, seed=seed))) for seed in range(120)}
    named = {text for text in texts if phrases_of(BOOKED.spec).deed in text}
    assert named and len(texts) >= 15
    assert all(text[0].isupper() and text[-1] in ".?!" and "{" not in text for text in texts)


@given(SEEDS, st.sampled_from(("restaurant", "guests", "date", "time")))
def test_a_forgotten_value_is_left_out_asked_for_and_given(seed: int, parameter: str) -> None:
    asked = request(BOOKED, seed=seed, withheld=(0, parameter))
    words = at_once(TEACHER.query(asked))
    assert parameter not in words.spans[0] or words.spans[0][parameter].startswith(("a ", "an ", "some "))
    said = {"restaurant": "Blue Fig", "guests": r"\b4\b|\bfour\b", "date": r"\b12\b|tomorrow|Thursday", "time": r"\b7\b|19:00|seven"}
    assert not re.search(said[parameter], words.text), words.text
    noun = phrases_of(BOOKED.spec).noun_of(parameter)
    question = at_once(TEACHER.clarify(asked)).lower()
    assert noun in question or "how many guests" in question
    given_ = at_once(TEACHER.supply(asked))
    assert re.search(said[parameter], given_.text, re.IGNORECASE) and set(given_.spans[0]) == {parameter}
    assert given_.spans[0][parameter].lower() in given_.text.lower()


def test_a_teacher_can_speak_of_what_its_templates_have_slots_for() -> None:
    browse = DINING["browse_restaurants"]
    assert TEACHER.speakable(browse) == {name for ask in phrases_of(browse).asks for name in slot_names(ask)}
    for item in DINING.values():
        assert TEACHER.droppable(item) <= set(item.required)
        assert set(item.required) <= TEACHER.speakable(item)


BANKS = {
    "OPENINGS": ("ask",), "FOLLOW_UPS": ("ask",), "OWN_OPENINGS": ("ask",), "OWN_FOLLOW_UPS": ("ask",), "AFTER_QUESTION": ("ask",),
    "JOINTS": ("first", "second"), "TRIPLE_JOINTS": ("first", "second", "third"), "DECLINES": ("deed",), "ENABLES": (),
    "CLARIFICATIONS": ("question",), "CLARIFICATIONS_OF_SEVERAL": ("question",), "SUPPLIES": ("value",),
    "MENTIONED": ("noun",), "AGAIN": ("noun",), "LONG_AGAIN": ("noun",),
}  # fmt: skip


@pytest.mark.parametrize("bank", sorted(BANKS))
def test_every_frame_holds_its_slots_and_none_comes_twice(bank: str) -> None:
    templates = getattr(frames, bank)
    assert len(set(templates)) == len(templates)
    for template in templates:
        slots = {name.lower() for name in re.findall(r"\{(\w+)\}", template)}
        assert set(BANKS[bank]) <= slots <= {*BANKS[bank], "deed", "noun"}, template


def test_no_opening_is_frequent_in_the_built_in_rows() -> None:
    queries = [turn[0]["content"] for row in builtin_rows() for turn in turns_of(row)]
    openings = Counter(" ".join(query.lower().split()[:3]) for query in queries)
    assert openings.most_common(1)[0][1] <= 0.04 * len(queries)


def test_queries_of_the_built_in_rows_are_whole_sentences() -> None:
    for row in builtin_rows():
        for turn in turns_of(row):
            query = turn[0]["content"]
            assert query[0].isupper() or query[0] in "\"'$0123456789" or query.split()[0] in json.dumps(row.reference_calls), query
            assert query[-1] in ".?!" or query.endswith(('."', '?"')), query
            assert "  " not in query and " ," not in query


def test_values_that_are_said_as_they_are_share_no_words_with_each_other() -> None:
    names = ("the latest kitchen", "the oldest kitchen")
    for seed in range(20):
        menus = [planned(DINING["read_menu"], {"restaurant": name}, {}) for name in names]
        query = at_once(TEACHER.query(request(*menus, seed=seed))).text
        assert all(name in query.lower() for name in names), query
