"""Back-and-forth translation in a world that refuses and breaks: what is retried, what is undone, and what is given up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.arguments import Chosen
from magnet_ray.at_once import at_once
from magnet_ray.environments.base import Environment
from magnet_ray.errors import CallError, EnvironmentFault, Rejected
from magnet_ray.planned_calls import foretold, rounds
from magnet_ray.teacher.base import TurnRequest, TurnWords
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.translation import translate
from magnet_ray.types import (
    ArgumentOrigin,
    Category,
    Effect,
    FailureReason,
    FunctionSpec,
    Miss,
    Origin,
    Step,
    TurnSignature,
    canonical,
    parsed,
)
from tests.builtin_recipe import builtin_recipe, builtin_translation
from tests.test_judge import TEXT, spec
from tests.tiny_world import TinyWorld, path_of, planned, workshop_of

State = dict[str, Any]


def _file(state: State, arguments: Mapping[str, Any]) -> Any:
    state["notes"] = [*state.get("notes", []), arguments["text"]]
    return {"ticket": f"T-{len(state['notes'])}"}


def _owner(state: State, arguments: Mapping[str, Any]) -> Any:
    return {"boat": arguments["boat"], "owner": f"Owner of {arguments['boat']}"}


FILE_NOTE = spec("file_note", {"text": TEXT}, {"ticket": TEXT}, effect=Effect.WRITE)
FIND_OWNER = spec("find_owner", {"boat": TEXT}, {"boat": TEXT, "owner": TEXT}, effect=Effect.READ)
SPECS = (FILE_NOTE, FIND_OWNER)
BOATS = ("Alma", "Bertha", "Carla", "Doris", "Elsa", "Frieda")
NOTES = ("buy rope", "paint the hull", "fix the mast", "order fuel", "clean the deck", "renew the permit")


def world_of(**others: Any) -> TinyWorld:
    return TinyWorld({"file_note": _file, "find_owner": _owner}, values={"text": NOTES, "boat": BOATS}, **others)


def tried(world: TinyWorld, function: str) -> list[bool]:
    """For each try of a function, whether it was accepted."""
    return [accepted for name, _, accepted in world.calls if name == function]


def test_a_path_becomes_words_and_calls_in_its_order() -> None:
    world = world_of()
    translated = at_once(translate(path_of(["find_owner"], ["file_note", "find_owner"]), workshop_of(world, SPECS)))
    assert [[call.function for call in turn.calls] for turn in translated.turns] == [["find_owner"], ["file_note", "find_owner"]]
    assert all(turn.query and turn.reply and turn.miss is Miss.NONE for turn in translated.turns)
    assert parsed(translated.final_state) == world.held
    assert set(translated.offered) == {"find_owner", "file_note"}
    assert world.closed == 1


@given(st.integers(0, 5))
def test_a_failed_call_is_retried_alone_with_other_values(refusals: int) -> None:
    world = world_of(refusals={"file_note": refusals})
    translated = at_once(translate(path_of(["find_owner", "file_note"]), workshop_of(world, SPECS)))
    assert tried(world, "file_note") == [False] * refusals + [True]
    assert tried(world, "find_owner") == [True] and world.rollbacks == refusals
    assert len(translated.turns[0].calls) == 2
    values = {arguments["text"] for name, arguments, _ in world.calls if name == "file_note"}
    assert refusals < 5 or len(values) > 1


def test_when_a_call_keeps_failing_its_turn_begins_again() -> None:
    path = path_of(["find_owner"], ["file_note", "find_owner"])
    left = [3]

    def late(state: State, arguments: Mapping[str, Any]) -> Any:
        if state.get("notes") and left[0]:
            left[0] -= 1
            raise CallError("not now")
        return _owner(state, arguments)

    world = TinyWorld({"file_note": _file, "find_owner": late}, values={"text": NOTES, "boat": BOATS})
    translated = at_once(translate(path, workshop_of(world, SPECS, call_retries=2)))
    undisturbed = at_once(translate(path, workshop_of(world_of(), SPECS, call_retries=2)))
    assert tried(world, "file_note") == [True, True]
    assert len(world.held["notes"]) == 1, "the first attempt's note was not undone"
    assert translated.turns[0] == undisturbed.turns[0], "a turn that was done was done again"
    assert translated.final_state == canonical(world.held)


def test_when_a_turn_keeps_failing_the_path_is_given_up_with_its_reason() -> None:
    world = world_of(refusals={"file_note": 10_000})
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(["find_owner"], ["file_note"]), workshop_of(world, SPECS, call_retries=2, turn_retries=3)))
    assert caught.value.reason is FailureReason.CALL_FAILED
    assert "turn 1" in caught.value.detail and "file_note is busy" in caught.value.detail
    assert tried(world, "file_note") == [False] * 3 * 4
    assert world.held == {} and world.closed == 1


def test_a_lookup_is_not_repeated_while_nothing_has_changed() -> None:
    world = TinyWorld({"find_owner": _owner}, values={"boat": ["Alma"]})
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(["find_owner"], ["find_owner"]), workshop_of(world, [FIND_OWNER])))
    assert caught.value.reason is FailureReason.CALL_FAILED
    assert "nothing has changed since" in caught.value.detail


def test_a_lookup_is_repeated_once_its_answer_is_another() -> None:
    def count(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"boat": arguments["boat"], "notes": len(state.get("notes", ()))}

    world = TinyWorld({"file_note": _file, "find_owner": count}, values={"text": NOTES, "boat": ["Alma"]})
    translated = at_once(translate(path_of(["find_owner"], ["file_note"], ["find_owner"]), workshop_of(world, SPECS)))
    first, last = translated.turns[0].calls[0], translated.turns[2].calls[0]
    assert first.arguments == last.arguments and first.output != last.output


def test_a_write_is_not_repeated_with_the_same_arguments() -> None:
    world = TinyWorld({"file_note": _file}, values={"text": NOTES[:1]})
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(["file_note"], ["file_note"]), workshop_of(world, [FILE_NOTE])))
    assert "same arguments" in caught.value.detail
    assert tried(world, "file_note") == [True]


def test_an_answer_that_carries_a_failure_message_counts_as_a_failed_call() -> None:
    answers = iter([{"error": "busy"}, {"success": False}, "Error: no"])

    def grumpy(state: State, arguments: Mapping[str, Any]) -> Any:
        return next(answers, {"ticket": "T-9"})

    world = TinyWorld({"file_note": grumpy}, values={"text": NOTES})
    translated = at_once(translate(path_of(["file_note"]), workshop_of(world, [FILE_NOTE])))
    assert parsed(translated.turns[0].calls[0].output) == {"ticket": "T-9"}
    assert len(world.calls) == 4


def test_an_environment_that_breaks_ends_the_path_at_once() -> None:
    world = world_of(faults=frozenset({"file_note"}))
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(["find_owner"], ["file_note"]), workshop_of(world, SPECS)))
    assert caught.value.reason is FailureReason.ENVIRONMENT_FAULT
    assert "broke the world" in caught.value.detail
    assert world.closed == 1 and world.rollbacks == 0


def test_an_environment_that_cannot_be_opened_ends_the_path() -> None:
    def broken(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> Environment:
        raise EnvironmentFault("no memory")

    workshop = replace(workshop_of(world_of(), SPECS), open_environment=broken)
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(["find_owner"]), workshop))
    assert caught.value.reason is FailureReason.ENVIRONMENT_FAULT


def test_a_path_through_two_environments_is_refused() -> None:
    elsewhere = spec("list_ports", {}, environment="test:two")
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(["find_owner"], ["list_ports"]), workshop_of(world_of(), [*SPECS, elsewhere])))
    assert caught.value.reason is FailureReason.NO_PATH
    assert "test:one, test:two" in caught.value.detail


@dataclass(frozen=True)
class SpeechlessTeacher(TemplateTeacher):
    """Finds no words for a query."""

    async def query(self, request: TurnRequest) -> TurnWords:
        raise Rejected(FailureReason.UNWORDED, "no words")


def test_a_turn_that_cannot_be_worded_is_undone_and_given_up() -> None:
    world = world_of()
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(["file_note"]), replace(workshop_of(world, SPECS, turn_retries=2), teacher=SpeechlessTeacher())))
    assert caught.value.reason is FailureReason.UNWORDED
    assert world.held == {} and world.rollbacks == 3


def repeated(count: int) -> TurnSignature:
    return TurnSignature(steps=(Step(function="find_owner", repeats=count),))


@given(st.integers(2, 4), st.integers(0, 50))
def test_a_repeated_step_calls_one_function_over_several_things(count: int, seed: int) -> None:
    translated = at_once(translate(path_of(repeated(count), seed=seed), workshop_of(world_of(), SPECS)))
    boats = [parsed(call.arguments)["boat"] for call in translated.turns[0].calls]
    assert len(boats) == len(set(boats)) and 2 <= len(boats) <= count
    assert all(boat in translated.turns[0].query for boat in boats)
    assert translated.turns[0].steps == (tuple(range(len(boats))),)


def test_a_step_is_repeated_as_often_as_there_are_things() -> None:
    world = TinyWorld({"find_owner": _owner}, values={"boat": ["Alma", "Bertha"]})
    translated = at_once(translate(path_of(repeated(4)), workshop_of(world, [FIND_OWNER])))
    assert {parsed(call.arguments)["boat"] for call in translated.turns[0].calls} == {"Alma", "Bertha"}


def test_a_parallel_path_with_nothing_to_repeat_over_is_given_up() -> None:
    world = TinyWorld({"find_owner": _owner}, values={"boat": ["Alma"]})
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(repeated(2), category=Category.PARALLEL), workshop_of(world, [FIND_OWNER])))
    assert caught.value.reason is FailureReason.NO_VALUE


def test_a_missing_function_is_asked_for_first_and_called_one_turn_later() -> None:
    world = world_of()
    path = path_of(["find_owner"], TurnSignature(steps=(), miss=Miss.FUNCTION), ["file_note"], category=Category.MISS_FUNC)
    _, miss, completed = at_once(translate(path, workshop_of(world, SPECS))).turns
    assert (miss.miss, miss.missing, miss.calls, miss.steps) == (Miss.FUNCTION, ("file_note",), (), ())
    assert completed.tools_added == ("file_note",)
    (call,) = completed.calls
    assert dict(call.origins)["text"].origin is Origin.EARLIER_QUERY and dict(call.origins)["text"].turn == 1
    assert parsed(call.arguments)["text"] in miss.query


def test_a_missing_value_is_left_out_and_given_one_turn_later() -> None:
    path = path_of(TurnSignature(steps=(), miss=Miss.PARAMETER), ["file_note"], category=Category.MISS_PARAMS)
    miss, completed = at_once(translate(path, workshop_of(world_of(), SPECS))).turns
    assert (miss.miss, miss.missing, miss.calls) == (Miss.PARAMETER, ("text",), ())
    (call,) = completed.calls
    value = parsed(call.arguments)["text"]
    assert value not in miss.query and value.lower() in completed.query.lower()
    assert dict(call.origins)["text"].origin is Origin.QUERY and dict(call.origins)["text"].turn == 1


def test_an_irrelevant_request_leaves_the_world_untouched() -> None:
    world = world_of()
    translated = at_once(translate(path_of(["file_note"], category=Category.IRRELEVANCE), workshop_of(world, SPECS)))
    assert translated.final_state == "{}" and world.held == {}
    assert translated.offered == ("find_owner",) and translated.turns[0].calls == ()


def test_an_irrelevant_request_needs_something_to_offer() -> None:
    with pytest.raises(Rejected) as caught:
        at_once(translate(path_of(["file_note"], category=Category.IRRELEVANCE), workshop_of(world_of(), [FILE_NOTE])))
    assert caught.value.reason is FailureReason.NO_GENUINE_MISS


def test_the_same_path_is_translated_the_same_way_again() -> None:
    path = builtin_translation(4).path
    assert at_once(translate(path, builtin_recipe().workshop)) == builtin_translation(4)


def test_calls_are_made_in_one_round_unless_one_needs_another() -> None:
    def call(*sources: int, turn: int = 2) -> Any:
        origins = {f"p{n}": ArgumentOrigin(origin=Origin.OUTPUT, turn=turn, call=source, path="x") for n, source in enumerate(sources)}
        return planned(FIND_OWNER, {}, {}, origins=origins)

    assert rounds((), 2) == ()
    assert rounds((call(), call(), call()), 2) == ((0, 1, 2),)
    assert rounds((call(), call(0), call(1)), 2) == ((0,), (1,), (2,))
    assert rounds((call(), call(0), call()), 2) == ((0,), (1, 2))
    assert rounds((call(), call(), call(0, 1)), 2) == ((0, 1), (2,))
    assert rounds((call(), call(0, turn=1)), 2) == ((0, 1),)


def test_nobody_says_a_code_that_the_same_query_has_issued_first() -> None:
    function = spec("book_berth", {"boat": TEXT}, {"berth_code": TEXT, "day": TEXT}, effect=Effect.WRITE)
    booked = planned(function, {"boat": "Alma"}, {"berth_code": "B-17", "day": "2026-03-04", "boat": "Alma"})
    said, shown = ArgumentOrigin(origin=Origin.QUERY), ArgumentOrigin(origin=Origin.OUTPUT)
    assert foretold(Chosen({"code": "B-17"}, {"code": said}), [booked]) == "B-17"
    assert foretold(Chosen({"code": "B-17"}, {"code": shown}), [booked]) == ""
    assert foretold(Chosen({"boat": "Alma", "day": "2026-03-04"}, {"boat": said, "day": said}), [booked]) == ""
    assert foretold(Chosen({"code": "B-17"}, {"code": said}), []) == ""
