"""What a reader remembers of a list is what the message named, in its order; people point at nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.teacher.references import ORDINALS, SUPERLATIVES
from magnet_ray.teacher.shown import Shown
from magnet_ray.types import Trajectory
from magnet_ray.wording import spoken
from tests.builtin_recipe import builtin_rows
from tests.test_synthesis import calls_of, follow, outputs_of, turns_of

SEATS = [{"seat": "11A", "fee": 4}, {"seat": "12C", "fee": 2}, {"seat": "14D", "fee": 4}]
DAYS = ["2026-03-12", "2026-03-14", "2026-03-20"]
RANKS = "|".join(dict.fromkeys(word for _, low, high in SUPERLATIVES for word in (low, high)))


def test_what_was_cut_off_is_not_named() -> None:
    cut = Shown("Free are 11A for $4, 12C for $2 and 1 more.", "2026-03-11")
    assert cut.named(SEATS) == {0, 1} and cut.order(SEATS) == (0, 1)
    assert not cut.compared(SEATS, "fee")


def test_items_are_ordered_as_they_were_read_out() -> None:
    assert Shown("By price: 12C, 14D and 11A.").order(SEATS) == (1, 2, 0)


def test_an_item_that_is_also_named_apart_leaves_the_order_unclear() -> None:
    assert Shown("The best is 14D. All seats: 11A, 12C and 14D.").order(SEATS) == ()
    assert Shown("The best is 11A. All seats: 11A, 12C and 14D.").order(SEATS) == (0, 1, 2)


def test_dates_are_found_in_the_words_that_people_use_for_them() -> None:
    assert Shown("You could come on Thursday, March 12 or Friday, March 20.", "2026-03-11").named(DAYS) == {0, 2}


def test_items_compare_only_where_each_was_told_with_its_value() -> None:
    assert Shown("11A costs $4, 12C $2 and 14D $4.").compared(SEATS, "fee")
    assert not Shown("Free are 11A, 12C and 14D.").compared(SEATS, "fee")


@given(st.permutations(range(3)), st.integers(0, 3))
def test_the_order_is_that_of_the_words(order: list[int], named: int) -> None:
    text = " and ".join(f"seat {SEATS[index]['seat']}" for index in order[:named])
    assert Shown(text).order(SEATS) == tuple(order[:named])


def pointed(row: Trajectory) -> Iterator[tuple[int, Mapping[str, Any], Any, list[Any]]]:
    """Turn, origin, value and list of every argument that an earlier turn's list gave."""
    turns, provenance = turns_of(row), json.loads(row.provenance)
    for number, calls in enumerate(provenance):
        for position, call in enumerate(calls):
            for name, origin in call.items():
                if origin["origin"] != "output" or origin["turn"] == number or "[" not in origin["path"]:
                    continue
                items = follow(outputs_of(turns[origin["turn"]])[origin["call"]], origin["path"].rsplit("[", 1)[0])
                value = json.loads(calls_of(turns[number])[position]["function"]["arguments"])[name]
                if len(items) > 1:
                    yield number, origin, value, items


def name_of(item: Any) -> Any:
    return next(iter(item.values())) if isinstance(item, dict) else item


def first_mention(value: Any, reply: str, today: str) -> int:
    """Where a reply first says a value, or -1; read independently of the package."""
    found = [match.start() for form in spoken(value, today=today) if (match := re.search(rf"(?<!\w){re.escape(form)}(?!\w)", reply))]
    return min(found, default=-1)


def reply_of(row: Trajectory, turn: int) -> str:
    return str(turns_of(row)[turn][-1]["content"])


def today_of(row: Trajectory) -> str:
    return str(json.loads(row.final_state).get("today", ""))


def test_an_ordinal_counts_what_the_assistant_read_out() -> None:
    seen = 0
    for row in builtin_rows():
        for _, origin, value, items in pointed(row):
            word = re.match(rf"the ({'|'.join(ORDINALS)}|last)\b", origin.get("text", ""))
            if not word or "that's" in origin["text"]:
                continue
            reply = reply_of(row, origin["turn"])
            at = {str(name_of(item)): first_mention(name_of(item), reply, today_of(row)) for item in items}
            order = sorted((name for name, place in at.items() if place >= 0), key=lambda name: at[name])
            index = len(items) - 1 if word.group(1) == "last" else ORDINALS.index(word.group(1))
            assert len(order) > index, (row.index, origin["text"], reply)
            assert order[index] == str(name_of(next(x for x in items if value in (x, *(x.values() if isinstance(x, dict) else ())))))
            seen += 1
    assert seen


def test_what_is_called_the_cheapest_could_be_seen_to_be() -> None:
    for row in builtin_rows():
        for _, origin, _, items in pointed(row):
            if re.match(rf"the (.* )?({RANKS})\b", origin.get("text", "")):
                reply = reply_of(row, origin["turn"])
                missing = [item for item in items if first_mention(name_of(item), reply, today_of(row)) < 0]
                assert not missing, (row.index, origin["text"], reply)


def test_nobody_points_at_a_list_after_another_one_of_its_kind() -> None:
    for row in builtin_rows():
        turns, calls = turns_of(row), json.loads(row.reference_calls)
        for number, origin, _, items in pointed(row):
            if not re.match(rf"the ({'|'.join(ORDINALS)}|last|{RANKS})\b", origin.get("text", "")) or not isinstance(items[0], dict):
                continue
            for later in range(origin["turn"] + 1, number):
                outputs = [x for call, x in zip(calls[later], outputs_of(turns[later]), strict=True) if not call["nested"]]
                lists = [x for output in outputs for x in output.values() if isinstance(x, list) and len(x) > 1]
                kinds = {next(iter(x[0])) for x in lists if isinstance(x[0], dict)}
                assert next(iter(items[0])) not in kinds, (row.index, origin["text"])


def test_nobody_says_that_train_of_a_ticket_after_speaking_of_another_train() -> None:
    """The thing that an unseen record of this turn holds is `that train` only where no other was spoken of in the turn before."""
    for row in builtin_rows():
        turns, calls = turns_of(row), json.loads(row.reference_calls)
        for turn, origins in enumerate(json.loads(row.provenance)):
            for place, call in enumerate(origins):
                for name, origin in call.items():
                    said = re.match(r"(that|this|the same) ", origin.get("text", ""))
                    if not turn or not said or origin["origin"] != "output" or origin["turn"] != turn or "[" in origin["path"]:
                        continue
                    if calls[turn][origin["call"]]["name"].startswith(
                        ("buy", "book", "make", "arrange", "start", "join", "place", "enrol")
                    ):
                        continue
                    value = json.loads(calls_of(turns[turn])[place]["function"]["arguments"])[name]
                    before = {str(earlier["arguments"][name]) for earlier in calls[turn - 1] if name in earlier["arguments"]}
                    assert before <= {str(value)}, (row.index, turn, origin["text"], before)
