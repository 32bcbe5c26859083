"""Parts that were asked for and that the closing message does not speak of."""

from __future__ import annotations

import json

import pytest

from magnet_ray.rollouts.left_out import unmentioned
from magnet_ray.rollouts.replays import outputs_of
from magnet_ray.types import Effect, compact
from tests.scripted_student import messages_of, real_rows, world

PLACES = ('{"city":"Ulm"}', '{"city":"Ulm","places":[{"name":"Nordlicht"},{"name":"Golden Fern"},{"name":"Rosengarten"}]}')
PRICE = ('{"item":"tea"}', '{"price":12.496,"currency":"EUR"}')
WHEN = ("{}", '{"date":"2026-03-14","time":"18:30","open":true}')


@pytest.mark.parametrize(
    ("reply", "silent"),
    [
        ("Ulm has Nordlicht; tea costs 12.50, and it begins on March 14.", []),
        ("There are 3 places; tea is about 12. It starts at 6:30 pm.", []),
        ("There are three places; it costs €12.5 on Saturday, March 14.", []),
        ("You might like the fern, in EUR, at 18:30.", []),
        ("I looked at Ulm. Tea costs 12.50 on 14 March.", [0]),
        ("Rosengarten is nice, and the price is fine. 6:30 pm it is.", [1]),
        ("Nordlicht, for 12.5.", [2]),
        ("All done.", [0, 1, 2]),
    ],
)
def test_a_reading_counts_as_told_when_one_of_its_values_is_said(reply: str, silent: list[int]) -> None:
    assert list(unmentioned([PLACES, PRICE, WHEN], reply)) == silent


def test_an_output_that_tells_nothing_new_cannot_be_left_out() -> None:
    assert not list(unmentioned([('{"room":"kitchen"}', '{"room":"kitchen","on":true}'), ("{}", "[]"), ("{}", "{}")], "Done."))


def test_no_reply_of_a_real_row_leaves_a_reading_out() -> None:
    looked_at = 0
    for row in real_rows():
        outputs = outputs_of(row)
        for turn, calls in enumerate(json.loads(row.reference_calls)):
            asked = [
                (compact(call["arguments"]), compact(outputs[turn, number]))
                for number, call in enumerate(calls)
                if not call["nested"] and world().pool.spec(call["name"]).effect is Effect.READ
            ]
            looked_at += len(asked)
            assert not list(unmentioned(asked, messages_of(row, turn)[-1]["content"]))
    assert looked_at > 200
