"""A reply states what its request asked for, and of several things which one each sentence is about."""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import partial

from magnet_ray.mix import category_of
from magnet_ray.phrases import Tell
from magnet_ray.teacher.answering_tells import asked_values, best_tell, stated_share
from magnet_ray.types import Category, Trajectory
from tests.builtin_recipe import builtin_outcome, builtin_recipe
from tests.test_judge import TEXT, WHOLE, spec
from tests.test_synthesis import turns_of
from tests.tiny_world import planned

COURSE = {"tutor": "Ida Berg", "starts_on": "2026-03-09", "weekly_fee": 12.5, "rating": 4.6, "full": False}
SHOW = spec("show_course", {"course": TEXT, "term": WHOLE})


def test_a_word_asks_for_the_fields_of_its_name_and_for_those_that_people_use_it_for() -> None:
    assert asked_values(COURSE, "When does Weaving start?") == [[["2026-03-09"]]]
    assert asked_values(COURSE, "Who teaches it, and is it expensive?") == [[[12.5]], [["Ida Berg"]]]
    assert asked_values({"courses": [COURSE, COURSE | {"rating": 3}]}, "compare the courses by rating") == [[[4.6, 3]]]
    assert asked_values(COURSE, "Tell me about Weaving.") == []


def test_values_are_found_as_replies_state_them() -> None:
    assert stated_share("It begins on Monday, March 9 at 6:30 pm, for $12.50.", [["2026-03-09", "18:30", 12.5]]) == 1
    assert stated_share("Ida Berg teaches it.", [["Ida Berg", "Jo Lund"], [7]]) == 0.5


def tells_of(texts: Sequence[str]) -> list[Tell]:
    """Sentences that say the same of every call."""
    return [partial(lambda text, arguments, output: text, text) for text in texts]


def test_the_sentence_that_states_what_was_asked_for_is_told() -> None:
    texts = ["Ida Berg teaches Weaving.", "Weaving starts on Monday, March 9.", "Weaving costs $12.50."]
    call = planned(SHOW, {"course": "Weaving", "term": 1}, COURSE)
    assert best_tell(call, tells_of(texts), [0, 1, 2], "When does it start?", []) == (1, texts[1])
    assert best_tell(call, tells_of(texts), [0, 1, 2], "What's the fee for Weaving?", []) == (2, texts[2])
    assert best_tell(call, tells_of(texts), [2, 0, 1], "Tell me about Weaving.", []) == (2, texts[2])


def test_of_several_things_each_sentence_names_its_own() -> None:
    call = planned(SHOW, {"course": "Weaving", "term": 1}, COURSE)
    other = planned(SHOW, {"course": "Pottery", "term": 1}, COURSE)
    texts = ["It starts on Monday, March 9.", "Ida Berg teaches Weaving."]
    assert best_tell(call, tells_of(texts), [0, 1], "Show me both.", [other]) == (1, texts[1])
    assert best_tell(call, tells_of(texts), [0, 1], "Show me both.", []) == (0, texts[0])


def test_replies_about_several_things_name_every_one_of_them() -> None:
    """Over many paths: what the calls of one function differ in stands in the closing message."""
    recipe = builtin_recipe()
    indices = [index for index in range(420) if category_of(index, recipe.paths.mix) is Category.PARALLEL]
    unnamed, seen = [], 0
    for row in (outcome for outcome in map(builtin_outcome, indices) if isinstance(outcome, Trajectory)):
        for calls, turn in zip(json.loads(row.reference_calls), turns_of(row), strict=True):
            asked = [call for call in calls if not call["nested"]]
            for call in asked:
                beside = [other["arguments"] for other in asked if other["name"] == call["name"]]
                for name, value in call["arguments"].items():
                    if any(other.get(name, value) != value for other in beside):
                        seen += 1
                        unnamed += [(row.index, call["name"], name)] if not stated_share(turn[-1]["content"], [[value]]) else []
    assert seen > 80 and not unnamed
