"""What a call changed is seen in the states, and so is what takes it back."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.changes import Change, Deed, Deeds, changes, takes_back, things
from magnet_ray.environments.in_process import BuiltinEnvironment
from magnet_ray.types import Category, Effect
from tests.builtin_recipe import builtin_recipe, rows_of
from tests.test_judge import TEXT, WHOLE, spec

EMPTY: dict[str, Any] = {"issued": 1, "orders": {}, "seats": ["1A"], "heating": {"kitchen": 19}}
ORDERED = {**EMPTY, "issued": 2, "orders": {"O-1": {"lamp": 2, "notes": []}}}
STATES = st.recursive(st.integers(0, 3), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3), max_leaves=8)


def deed(before: Any, after: Any) -> Deed:
    return Deed(turn=0, changes=tuple(changes(before, after)), undid=False)


@given(STATES, STATES)
def test_states_that_are_equal_and_only_they_have_no_changes(before: Any, after: Any) -> None:
    assert bool(list(changes(before, after))) == (before != after)


@given(STATES, STATES)
def test_going_back_takes_back(before: Any, after: Any) -> None:
    assert takes_back(deed(before, after), after, before) == (before != after)


@given(STATES, STATES)
def test_what_changes_nothing_takes_nothing_back(before: Any, after: Any) -> None:
    assert not takes_back(deed(before, after), after, after)


def test_a_counter_that_goes_on_does_not_hide_that_something_was_taken_back() -> None:
    cancelled = {**EMPTY, "issued": 3}
    assert takes_back(deed(EMPTY, ORDERED), ORDERED, cancelled)
    another = {**ORDERED, "issued": 3, "orders": {**ORDERED["orders"], "O-2": {}}}
    assert not takes_back(deed(EMPTY, ORDERED), ORDERED, another)


def test_what_was_added_to_a_thing_goes_with_the_thing() -> None:
    noted = {**ORDERED, "orders": {"O-1": {"lamp": 2, "notes": ["ring twice"]}}}
    assert takes_back(deed(ORDERED, noted), noted, {**noted, "orders": {}})
    assert not takes_back(deed(ORDERED, noted), noted, {**noted, "heating": {"kitchen": 22}})


def test_what_was_taken_away_is_not_made_anew_under_another_code() -> None:
    held = {"holds": {"H-1": {"book": "Salt Engine", "branch": "North"}}}
    again = {"holds": {"H-2": {"book": "Salt Engine", "branch": "South"}}}
    other = {"holds": {"H-2": {"book": "Plain Cakes", "branch": "North"}}}
    assert takes_back(deed(held, {"holds": {}}), {"holds": {}}, again)
    assert not takes_back(deed(held, {"holds": {}}), {"holds": {}}, other)


def test_items_of_a_list_are_taken_back_one_by_one() -> None:
    taken, more = {"seats": ["1A", "2B"]}, {"seats": ["1A", "2B", "3C"]}
    assert takes_back(deed({"seats": ["1A"]}, taken), more, {"seats": ["1A", "3C"]})
    assert not takes_back(deed({"seats": ["1A"]}, taken), more, taken)
    assert list(changes({"seats": ["1A"]}, taken)) == [Change(("seats",), ["1A"], ["1A", "2B"])]


def test_nothing_is_taken_back_lately_and_later_one_thing() -> None:
    deeds, warm = Deeds(), {**EMPTY, "heating": {"kitchen": 22}}
    assert deeds.admit(0, EMPTY, ORDERED, lately=0)
    assert not deeds.admit(1, ORDERED, EMPTY, lately=0)
    assert deeds.admit(3, ORDERED, EMPTY, lately=2)
    assert deeds.admit(4, EMPTY, warm, lately=3)
    assert not deeds.admit(7, warm, EMPTY, lately=6), "once in a conversation is enough"
    assert deeds.admit(7, warm, EMPTY, lately=-1)


def test_what_is_tried_again_is_forgotten() -> None:
    deeds = Deeds()
    assert deeds.admit(1, EMPTY, ORDERED, lately=0)
    deeds.forget(1)
    assert deeds.admit(1, ORDERED, EMPTY, lately=0)


def test_a_call_acts_on_what_it_names_and_not_on_dates_or_numbers() -> None:
    book = spec("book_room", {"room": TEXT, "date": TEXT, "guests": WHOLE, "?note": TEXT}, {}, effect=Effect.WRITE)
    arguments = {"room": "Blue", "date": "2026-03-12", "guests": 2, "note": "late"}
    assert things(book, arguments) == {("room", "Blue")}


def test_hardly_any_conversation_undoes_at_once_what_it_did() -> None:
    pool = builtin_recipe().workshop.pool
    hasty, rows = 0, rows_of(Category.MULTI_TURN)
    for row in rows:
        environment = BuiltinEnvironment(row.environment.removeprefix("builtin:"), row.scenario_seed)
        states = [environment.state()]
        for turn in json.loads(row.reference_calls):
            for call in turn:
                environment.call(pool.spec(call["name"]).callable_name, call["arguments"])
            states.append(environment.state())
        made = [deed(before, after) for before, after in pairwise(states)]
        hasty += any(takes_back(made[turn], states[turn + 1], states[turn + 2]) for turn in range(len(made) - 1))
    assert rows and hasty <= len(rows) // 20


def test_no_row_does_the_same_to_the_same_thing_twice() -> None:
    pool = builtin_recipe().workshop.pool
    twice, rows = 0, rows_of(Category.MULTI_TURN)
    for row in rows:
        calls = [call for turn in json.loads(row.reference_calls) for call in turn]
        done = [(call["name"], things(pool.spec(call["name"]), call["arguments"])) for call in calls]
        writes = [deed for deed in done if pool.spec(deed[0]).effect is Effect.WRITE and deed[1]]
        twice += len(writes) > len(set(writes))
    assert rows and twice <= len(rows) // 20
