"""What a call takes from the list of one thing, it does not use on another."""

from __future__ import annotations

import json
from typing import Any

from magnet_ray.arguments import Chosen
from magnet_ray.consistency import mixes_things
from magnet_ray.types import ArgumentOrigin, Effect, Origin
from tests.builtin_recipe import builtin_recipe, builtin_rows
from tests.test_judge import TEXT, WHOLE, items, spec
from tests.test_synthesis import calls_of, follow, outputs_of, turns_of
from tests.tiny_world import planned

SEATS = spec("list_seats", {"train": TEXT}, {"seats": items(seat=TEXT, fee=WHOLE)}, effect=Effect.READ)
TICKETS = spec("list_tickets", {}, {"tickets": items(ticket_code=TEXT, train=TEXT)}, effect=Effect.READ)
TIMES = spec("list_times", {}, {"times": items(doctor=TEXT, time=TEXT)}, effect=Effect.READ)
FREE = planned(SEATS, {"train": "IC 1"}, {"train": "IC 1", "seats": [{"seat": "11A", "fee": 4}]})
HELD = planned(TICKETS, {}, {"tickets": [{"ticket_code": "T-1", "train": "IC 1"}, {"ticket_code": "T-2", "train": "IC 2"}]})
OPEN = planned(TIMES, {}, {"times": [{"doctor": "Dr Berg", "time": "10:00"}]})


def seat_on(ticket: str) -> Chosen:
    seat = ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=0, path="seats[0].seat")
    return Chosen({"ticket_code": ticket, "seat": "11A"}, {"ticket_code": ArgumentOrigin(origin=Origin.QUERY, turn=1), "seat": seat})


def test_the_calls_own_output_says_what_it_was_about() -> None:
    assert mixes_things(seat_on("T-2"), {"ticket_code": "T-2", "train": "IC 2"}, {0: (FREE,), 1: ()})
    assert not mixes_things(seat_on("T-1"), {"ticket_code": "T-1", "train": "IC 1"}, {0: (FREE,), 1: ()})


def test_an_output_of_before_says_it_too() -> None:
    assert mixes_things(seat_on("T-2"), {"done": True}, {0: (FREE, HELD), 1: ()})
    assert not mixes_things(seat_on("T-1"), {"done": True}, {0: (FREE, HELD), 1: ()})
    assert not mixes_things(seat_on("T-9"), {"done": True}, {0: (FREE, HELD), 1: ()}), "nothing is known of this ticket"


def test_a_detail_of_an_item_is_not_used_on_another_item() -> None:
    time = ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=0, path="times[0].time")
    chosen = Chosen({"visit": "V-1", "time": "10:00"}, {"visit": ArgumentOrigin(origin=Origin.QUERY, turn=1), "time": time})
    assert mixes_things(chosen, {"visit": "V-1", "doctor": "Dr Lind"}, {0: (OPEN,)})
    assert not mixes_things(chosen, {"visit": "V-1", "doctor": "Dr Berg"}, {0: (OPEN,)})


def test_what_a_call_changes_by_itself_is_no_contradiction() -> None:
    moved = seat_on("T-1")
    moved.put("train", "IC 2", ArgumentOrigin(origin=Origin.QUERY, turn=1))
    assert not mixes_things(moved, {"ticket_code": "T-1", "train": "IC 2"}, {0: (FREE,), 1: ()})


def test_no_built_in_row_uses_on_one_thing_what_it_found_for_another() -> None:
    pool = builtin_recipe().workshop.pool
    for row in builtin_rows():
        turns, calls = turns_of(row), json.loads(row.reference_calls)
        for turn, origins in enumerate(json.loads(row.provenance)):
            for place, call in enumerate(origins):
                output: Any = outputs_of(turns[turn])[place]
                given = json.loads(calls_of(turns[turn])[place]["function"]["arguments"])
                for origin in call.values():
                    if origin["origin"] != "output" or "[" not in origin["path"]:
                        continue
                    source = calls[origin["turn"]][origin["call"]]
                    for name, value in source["arguments"].items():
                        if pool.spec(source["name"]).names_thing(name) and name not in given and name in output:
                            assert output[name] == value, (row.index, turn, source, given)


def test_replies_about_trains_name_them() -> None:
    named = {"list_free_seats": "train", "find_connections": "origin", "read_departure_board": "station", "order_extra": "stay_code"}
    for row in builtin_rows():
        for turn in turns_of(row):
            reply = turn[-1]["content"]
            asked = calls_of(turn)
            for call, output in zip(asked, outputs_of(turn), strict=True):
                if len(asked) == 1 and (name := named.get(call["function"]["name"])):
                    assert str(follow(output, name)) in reply, reply
