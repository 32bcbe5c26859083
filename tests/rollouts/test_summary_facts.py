"""Closing messages may round, count and rewrite what the conversation holds, and may say nothing beyond it."""

from __future__ import annotations

from random import Random

import pytest

from magnet_ray.rollouts.summary_facts import Facts
from magnet_ray.types import parsed
from tests.builtin_recipe import builtin_rows

STAY = {
    "stay_code": "STY-43688",
    "lodging": "Tide Lodge",
    "arrival_date": "2025-06-26",
    "nights": 3,
    "total_price": 1250.5,
    "share": 0.374,
    "minutes": 163,
    "check_in": "15:30",
    "starts_at": "2025-07-01T18:00:00Z",
    "contact": "desk@tide.example",
    "extras": [{"extra": "rental bikes", "price": 30}, {"extra": "breakfast", "price": 45}, {"extra": "parking", "price": 12}],
}


def unknown(text: str) -> list[str]:
    facts = Facts()
    facts.add_text("Today is Monday, 23 June 2025.")
    facts.add_text("Book Tide Lodge for two, please, in my name: Ana O'Neil. Not over $1,400.")
    facts.add_names("book_stay Books a place to stay.")
    facts.add_value({"guests": 2})
    facts.add_value(STAY)
    return list(facts.unknown(text))


@pytest.mark.parametrize(
    "text",
    [
        "Stay STY-43688 at Tide Lodge (sty 43688).",
        "It comes to $1,250.50, about $1,251 or 1.25k.",
        "Roughly 1,200 in all; 37.4 % or 37% of it is paid.",
        "You arrive on Thursday, June 26, the 26th of June 2025, Jun 26, 2025-06-26 or 06/26/2025.",
        "Check-in is at 3:30 pm, 15:30 or 3.30 p.m.; the concert is at 6pm on 1 July.",
        "The concert lasts from 6 pm to 8 pm.",
        "There are 3 extras, 2 of them cheap; together they cost $87, on average $29.",
        "The drive takes 2 hours 43 minutes (2h 43m, 163 minutes).",
        "1. rental bikes\n2. breakfast\n3. parking",
        'You asked for "Tide Lodge" in the name of "Ana O\'Neil".',
        "Write to desk@tide.example.",
        "Your budget of $1,400 is kept for the two of you, rated 2 out of 10.",
        'Do you mean "full board" or "half board"?',
        "A 3-night stay, a 163-minute drive and the 3rd extra.",
        "",
    ],
)
def test_what_the_conversation_holds_may_be_said(text: str) -> None:
    assert unknown(text) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Your code is STY-43689.", ["STY-43689"]),
        ("It comes to $1,350.50.", ["1,350.50"]),
        ("Roughly 1,800 in all.", ["1,800"]),
        ("You arrive on June 27.", ["June 27"]),
        ("You arrive on Friday, June 26.", ["Friday, June 26"]),
        ("You arrive on 26 June 2026.", ["26 June 2026"]),
        ("You arrive on 2025-06-28.", ["2025-06-28"]),
        ("Check-in is at 4:45 pm, I think.", ["4:45 pm"]),
        ("The drive takes 2 hours 57 minutes.", ["57"]),
        ('It is called "Heron Farmhouse".', ['"Heron Farmhouse"']),
        ("Write to help@tide.example.", ["help@tide.example"]),
        ("That leaves 57 percent.", ["57"]),
    ],
)
def test_what_it_does_not_hold_is_named(text: str, found: list[str]) -> None:
    assert unknown(text) == found


def test_replies_of_real_rows_pass_and_most_changed_numbers_do_not() -> None:
    rng, replies, alarms, caught, changed = Random(1), 0, 0, 0, 0
    for row in builtin_rows():
        facts = Facts()
        for message in parsed(row.messages):
            if message["role"] in {"system", "user"}:
                facts.add_text(message["content"])
            elif message["role"] == "tool":
                facts.add_value(parsed(message["content"]))
            elif message.get("tool_calls"):
                for call in message["tool_calls"]:
                    facts.add_value(parsed(call["function"]["arguments"]))
            else:
                replies += 1
                alarms += bool(list(facts.unknown(message["content"])))
                if "$" in message["content"]:
                    changed += 1
                    wrong = f"{message['content']} That is ${rng.randint(200, 90_000)}."
                    caught += bool(list(facts.unknown(wrong)))
                facts.add_text(message["content"])
    assert alarms <= replies * 0.01
    assert caught >= changed * 0.9 > 40


@pytest.mark.parametrize("piece", ["a-", "* ", "*", "a.a@", "12,", "'A ", "\n", "3:30 "])
def test_a_message_without_end_is_read_in_time(piece: str) -> None:
    facts = Facts()
    facts.add_value({"name": "x"})
    assert len(list(facts.unknown(piece * 200_000))) < 20_000
