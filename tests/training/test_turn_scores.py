"""What a message is worth: each measure, its denominator, and intervals."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.render.base import CallForm, Message
from magnet_ray.render.parsing import parse_message
from magnet_ray.training.turn_scores import ALL, Measure, Rate, score_turn, score_turns
from magnet_ray.training.turns import Due, Turn, turns_of
from magnet_ray.types import Category, compact
from tests.builtin_recipe import builtin_rows

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "book",
            "description": "Books.",
            "parameters": {
                "type": "object",
                "properties": {"place": {"type": "string"}, "guests": {"type": "integer", "minimum": 1, "default": 2}},
                "required": ["place"],
            },
        },
    },
    {"type": "function", "function": {"name": "list_places", "description": "Lists.", "parameters": {"type": "object", "properties": {}}}},
]
CALL_MEASURES = (Measure.VALID, Measure.FUNCTION, Measure.ARGUMENTS, Measure.RIGHT)


def a_turn(due: Due, *calls: tuple[str, str], category: Category = Category.MULTIPLE) -> Turn:
    return Turn(
        id="row:2",
        category=category,
        due=due,
        messages='[{"role":"user","content":"Book it."}]',
        tools=compact(TOOLS),
        calls=compact([{"name": name, "arguments": arguments} for name, arguments in calls]),
    )


def said(*calls: tuple[str, str], content: str = "") -> Message:
    message: Message = {"role": "assistant", "content": content}
    if calls:
        message["tool_calls"] = [{"type": "function", "function": {"name": name, "arguments": text}} for name, text in calls]
    return message


def held(turn: Turn, message: Message) -> list[bool]:
    return [score_turn(turn, message).holds[measure] for measure in CALL_MEASURES]


SUED = ("book", '{"place":"Süd","guests":2}')


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        pytest.param([SUED], [True] * 4, id="the call itself"),
        pytest.param([("book", '{ "guests" : 2.0, "place": "S\\u00fcd" }')], [True] * 4, id="other text, other order, 2.0"),
        pytest.param([("book", '{"place":"Süd"}')], [True] * 4, id="the default left out"),
        pytest.param([("book", '{"place":"Nord","guests":2}')], [True, True, False, False], id="another place"),
        pytest.param([("book", '{"guests":2}')], [False, True, False, False], id="a required argument left out"),
        pytest.param([("book", '{"place":"Süd","guests":"2"}')], [False, True, False, False], id="a text for a number"),
        pytest.param([("book", '{"place":"Süd","guests":0}')], [False, True, False, False], id="below the minimum"),
        pytest.param([("book", '{"place":"Süd","city":"Ulm"}')], [False, True, False, False], id="an unknown argument"),
        pytest.param([("book", '["Süd"]')], [False, True, False, False], id="no object"),
        pytest.param([("book", '{"place":')], [False, True, False, False], id="no JSON"),
        pytest.param([("list_places", "{}")], [True, False, False, False], id="another function"),
        pytest.param([("cancel", '{"place":"Süd"}')], [False, False, False, False], id="a function that is not offered"),
        pytest.param([SUED, SUED], [True, False, False, False], id="the call twice"),
        pytest.param([], [False] * 4, id="no call"),
        pytest.param([("book", '{"place":' + "[" * 400 + "]" * 400 + "}")], [False, True, False, False], id="a deep value"),
    ],
)
def test_what_a_message_is_worth_where_a_call_is_due(calls: list[tuple[str, str]], expected: list[bool]) -> None:
    assert held(a_turn(Due.CALL, SUED), said(*calls, content="" if calls else "Booked!")) == expected


def test_calls_of_one_message_may_come_in_any_order() -> None:
    turn = a_turn(Due.CALL, SUED, ("list_places", "{}"))
    assert held(turn, said(("list_places", "{}"), SUED)) == [True] * 4
    assert held(turn, said(SUED)) == [True, False, False, False]


@pytest.mark.parametrize(
    ("text", "valid"),
    [
        ('<tool_call>\n{"name": "book", "arguments": {"place":"Süd"}}\n</tool_call>', True),
        ('<tool_call>\n{"name": "book", "arguments": {"place":"Süd"}', False),
        ('```json\n{"name": "book", "arguments": {"place":"Süd"}}\n```', False),
        ('{"name": "book", "arguments": {"place":"Süd"}}', False),
        ('<tool_call>\n{"name": "book", "arguments": {"place":"Süd"}}\n</tool_call>\n<tool_call>\n{"name"\n</tool_call>', False),
    ],
)
def test_only_calls_in_the_templates_form_are_valid(text: str, valid: bool) -> None:
    verdict = score_turn(a_turn(Due.CALL, SUED), parse_message(text, CallForm.HERMES))
    assert verdict.holds[Measure.VALID] is valid
    assert verdict.holds[Measure.RIGHT] is valid


@pytest.mark.parametrize(
    ("text", "clarifies", "closes"),
    [
        ("For how many guests?", True, True),
        ("I can't book a table with the tools I have.", True, True),
        ("Sure, it is booked.", False, True),
        ('<tool_response>\n{"places":["none"]}\n</tool_response>', False, False),
        ("", False, False),
        ("  \n", False, False),
        ('<tool_call>\n{"name": "list_places", "arguments": {}}\n</tool_call>', False, False),
        ('Which? <tool_call>\n{"name": "list_places", "arg', False, False),
        ('Which one?\n```json\n{"name": "list_places", "arguments": {}}\n```', False, False),
    ],
)
def test_where_no_call_is_due_a_message_must_speak_and_not_try_to_call(text: str, clarifies: bool, closes: bool) -> None:
    message = parse_message(text, CallForm.HERMES)
    for due in (Due.ASK, Due.DECLINE):
        assert score_turn(a_turn(due), message).holds == {Measure.CLARIFIES: clarifies, Measure.RIGHT: clarifies}
    assert score_turn(a_turn(Due.ANSWER), message).holds == {Measure.CLOSES: closes}


def stored_message(turn: Turn, messages: list[dict[str, Any]]) -> Message:
    return messages[int(turn.id.rpartition(":")[2])]


def test_the_stored_messages_are_right_everywhere() -> None:
    turns = [(turn, stored_message(turn, json.loads(row.messages))) for row in builtin_rows() for turn in turns_of(row)]
    scores = score_turns([turn for turn, _ in turns], [message for _, message in turns])
    assert {rate.share for rates in scores.rates.values() for rate in rates.values()} == {1.0}
    assert set(scores.rates) == {ALL, *(category.value for category in Category)}
    assert set(scores.rates[ALL]) == set(Measure)


def test_each_measure_counts_the_turns_it_is_about_and_none_that_was_skipped() -> None:
    turns = [a_turn(Due.CALL, SUED), a_turn(Due.CALL, SUED), a_turn(Due.ASK, category=Category.MISS_PARAMS), a_turn(Due.ANSWER)]
    turns.append(replace(turns[0], id="row:4"))
    scores = score_turns(turns, [said(SUED), said(content="Booked!"), said(content="Booked!"), said(content="Booked!"), None])
    assert (scores.scored, scores.skipped) == (4, 1)
    rates = {measure: (rate.hits, rate.turns) for measure, rate in scores.rates[ALL].items()}
    assert rates == {
        Measure.VALID: (1, 2),
        Measure.FUNCTION: (1, 2),
        Measure.ARGUMENTS: (1, 2),
        Measure.CLARIFIES: (0, 1),
        Measure.CLOSES: (1, 1),
        Measure.RIGHT: (1, 3),
    }
    assert scores.rate(Measure.VALID, "miss_params") is None
    assert scores.as_json()["rates"]["miss_params"]["clarifies"] == {"hits": 0, "turns": 1, "share": 0.0, "low": 0.0, "high": 0.7935}


def test_wilsons_interval_is_the_published_one() -> None:
    low, high = Rate(hits=81, turns=263).interval
    # Newcombe (1998), Statistics in Medicine 17, table I, method 3.
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


@given(st.integers(1, 500).flatmap(lambda turns: st.tuples(st.integers(0, turns), st.just(turns))))
def test_an_interval_holds_its_share_and_stays_between_0_and_1(counts: tuple[int, int]) -> None:
    rate = Rate(hits=counts[0], turns=counts[1])
    low, high = rate.interval
    assert 0 <= low <= rate.share + 1e-12 and rate.share - 1e-12 <= high <= 1
