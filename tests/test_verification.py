"""Each way of spoiling a good translated path is rejected with its own reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from magnet_ray.environments.base import Environment
from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import EnvironmentFault, Rejected
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.teacher.said import content_stems, identifiers
from magnet_ray.types import (
    ArgumentOrigin,
    Category,
    ExecutedCall,
    FailureReason,
    FunctionSpec,
    Origin,
    TranslatedPath,
    TranslatedTurn,
    compact,
    parsed,
)
from magnet_ray.verification import verify
from tests.builtin_recipe import builtin_recipe, builtin_translation, rows_of
from tests.test_judge import TEXT, spec

Place = tuple[int, int]
Change = Callable[[ExecutedCall], ExecutedCall]


def checked(translated: TranslatedPath) -> FailureReason | None:
    """The reason of its rejection, or None when the path passes."""
    try:
        verify(translated, builtin_recipe().workshop.pool, open_environment)
    except Rejected as rejected:
        return rejected.reason
    return None


@cache
def good_paths() -> tuple[TranslatedPath, ...]:
    """Multi-turn paths that pass."""
    return tuple(builtin_translation(row.index) for row in rows_of(Category.MULTI_TURN))


def with_turn(translated: TranslatedPath, at: int, **changes: Any) -> TranslatedPath:
    turns = [replace(turn, **changes) if index == at else turn for index, turn in enumerate(translated.turns)]
    return replace(translated, turns=tuple(turns))


def with_call(translated: TranslatedPath, place: Place, change: Change) -> TranslatedPath:
    turn = translated.turns[place[0]]
    calls = tuple(change(call) if index == place[1] else call for index, call in enumerate(turn.calls))
    return with_turn(translated, place[0], calls=calls)


def find(wanted: Callable[[str, Any, ArgumentOrigin, int], bool]) -> tuple[TranslatedPath, Place, str]:
    """The first argument of a good path that fits: the path, its call's place, and the parameter."""
    for translated in good_paths():
        for number, turn in enumerate(translated.turns):
            for index, call in enumerate(turn.calls):
                for name, origin in call.origins:
                    if wanted(name, parsed(call.arguments)[name], origin, number):
                        return translated, (number, index), name
    raise AssertionError("no good path has such an argument")


def set_origin(parameter: str, origin: ArgumentOrigin) -> Change:
    return lambda call: replace(call, origins=tuple((name, origin if name == parameter else found) for name, found in call.origins))


def set_argument(parameter: str, value: Any) -> Change:
    return lambda call: replace(call, arguments=compact({**json.loads(call.arguments), parameter: value}))


def test_good_paths_pass() -> None:
    assert len(good_paths()) >= 10
    assert [checked(translated) for translated in good_paths()] == [None] * len(good_paths())


def test_an_argument_of_the_wrong_type_is_an_invalid_call() -> None:
    for wrong in ({"a": 1}, None, ["x"]):
        translated, place, parameter = find(lambda name, value, origin, turn: isinstance(value, str))
        assert checked(with_call(translated, place, set_argument(parameter, wrong))) is FailureReason.INVALID_CALL


def test_a_number_beyond_its_limits_is_an_invalid_call() -> None:
    pool = builtin_recipe().workshop.pool
    for translated in good_paths():
        for number, turn in enumerate(translated.turns):
            for index, call in enumerate(turn.calls):
                for name, schema in pool.spec(call.function).properties.items():
                    if "maximum" in schema and name in parsed(call.arguments):
                        changed = with_call(translated, (number, index), set_argument(name, schema["maximum"] + 1))
                        assert checked(changed) is FailureReason.INVALID_CALL
                        return
    raise AssertionError("no call has an argument with a limit")


def test_an_unknown_parameter_is_an_invalid_call() -> None:
    changed = with_call(good_paths()[0], (0, 0), set_argument("colour_of_the_moon", "red"))
    assert checked(changed) is FailureReason.INVALID_CALL


def test_a_missing_required_argument_is_an_invalid_call() -> None:
    translated, place, parameter = find(lambda name, value, origin, turn: isinstance(value, str))

    def drop(call: ExecutedCall) -> ExecutedCall:
        arguments = {name: value for name, value in parsed(call.arguments).items() if name != parameter}
        return replace(call, arguments=compact(arguments), origins=tuple(item for item in call.origins if item[0] != parameter))

    required = builtin_recipe().workshop.pool.spec(translated.turns[place[0]].calls[place[1]].function).required
    assert parameter in required
    assert checked(with_call(translated, place, drop)) is FailureReason.INVALID_CALL


def test_a_call_of_a_function_that_is_not_offered_is_an_invalid_call() -> None:
    translated = good_paths()[0]
    called = translated.turns[0].calls[0].function
    changed = replace(translated, offered=tuple(name for name in translated.offered if name != called))
    assert checked(changed) is FailureReason.INVALID_CALL


def test_a_function_that_arrives_too_late_is_an_invalid_call() -> None:
    translated = next(path for path in good_paths() if len(path.turns) > 1)
    called = translated.turns[0].calls[0].function
    late = replace(translated, offered=tuple(name for name in translated.offered if name != called))
    assert checked(with_turn(late, 1, tools_added=(called,))) is FailureReason.INVALID_CALL
    assert checked(with_turn(late, 0, tools_added=(called,))) is None


def test_a_changed_output_does_not_replay() -> None:
    translated = good_paths()[0]
    last = len(translated.turns) - 1
    place = (last, len(translated.turns[last].calls) - 1)

    def change(call: ExecutedCall) -> ExecutedCall:
        return replace(call, output=compact({**json.loads(call.output), "extra": 1}))

    assert checked(with_call(translated, place, change)) is FailureReason.REPLAY_DIFFERS


def test_a_changed_final_state_does_not_replay() -> None:
    translated = good_paths()[0]
    changed = replace(translated, final_state=compact({**json.loads(translated.final_state), "issued": 99}))
    assert checked(changed) is FailureReason.REPLAY_DIFFERS


def test_another_scenario_does_not_replay() -> None:
    translated = good_paths()[0]
    assert checked(replace(translated, scenario_seed=translated.scenario_seed + 1)) is FailureReason.REPLAY_DIFFERS


def test_an_environment_that_breaks_during_the_replay_is_a_fault() -> None:
    def broken(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> Environment:
        raise EnvironmentFault("gone")

    with pytest.raises(Rejected) as caught:
        verify(good_paths()[0], builtin_recipe().workshop.pool, broken)
    assert caught.value.reason is FailureReason.ENVIRONMENT_FAULT


@pytest.mark.parametrize("change", [{"path": "no.such[0].field"}, {"path": "$"}, {"call": 99}])
def test_an_output_that_does_not_hold_the_value_there_is_no_provenance(change: dict[str, Any]) -> None:
    translated, place, parameter = find(lambda name, value, origin, turn: origin.origin is Origin.OUTPUT)
    origin = dict(translated.turns[place[0]].calls[place[1]].origins)[parameter]
    changed = with_call(translated, place, set_origin(parameter, replace(origin, **change)))
    assert checked(changed) is FailureReason.PROVENANCE


def test_an_output_of_a_later_turn_is_no_provenance() -> None:
    translated, place, parameter = find(lambda name, value, origin, turn: origin.origin is Origin.OUTPUT)
    origin = dict(translated.turns[place[0]].calls[place[1]].origins)[parameter]
    changed = with_call(translated, place, set_origin(parameter, replace(origin, turn=place[0] + 1)))
    assert checked(changed) is FailureReason.PROVENANCE


def test_a_call_is_not_the_source_of_its_own_argument() -> None:
    """A booking that echoes its date does not explain where the date came from."""
    pool = builtin_recipe().workshop.pool
    for translated in good_paths():
        for number, turn in enumerate(translated.turns):
            for index, call in enumerate(turn.calls):
                for name, value in parsed(call.arguments).items():
                    if isinstance(value, str) and parsed(call.output).get(name) == value and name in pool.spec(call.function).required:
                        own = ArgumentOrigin(origin=Origin.OUTPUT, turn=number, call=index, path=name)
                        assert checked(with_call(translated, (number, index), set_origin(name, own))) is FailureReason.PROVENANCE
                        return
    raise AssertionError("no call echoes an argument")


def test_a_query_of_the_wrong_turn_is_no_provenance() -> None:
    translated, place, parameter = find(lambda name, value, origin, turn: origin.origin is Origin.QUERY and turn > 0)
    for origin in (
        ArgumentOrigin(origin=Origin.QUERY, turn=place[0] - 1),
        ArgumentOrigin(origin=Origin.EARLIER_QUERY, turn=place[0]),
        ArgumentOrigin(origin=Origin.EARLIER_QUERY, turn=place[0] + 1),
    ):
        assert checked(with_call(translated, place, set_origin(parameter, origin))) is FailureReason.PROVENANCE


def test_a_value_that_the_query_does_not_say_is_no_provenance() -> None:
    translated, place, parameter = find(lambda name, value, origin, turn: origin.origin is Origin.QUERY and isinstance(value, str))
    turn = translated.turns[place[0]]
    text = dict(turn.calls[place[1]].origins)[parameter].text
    changed = with_turn(translated, place[0], query=turn.query.replace(text, "something else"))
    assert checked(changed) is FailureReason.PROVENANCE


def test_an_argument_without_an_origin_is_no_provenance() -> None:
    translated, place, _ = find(lambda name, value, origin, turn: True)
    changed = with_call(translated, place, lambda call: replace(call, origins=call.origins[1:]))
    assert checked(changed) is FailureReason.PROVENANCE


def test_a_default_must_be_the_schemas_own() -> None:
    translated, place, parameter = find(lambda name, value, origin, turn: isinstance(value, str))
    changed = with_call(translated, place, set_origin(parameter, ArgumentOrigin(origin=Origin.DEFAULT)))
    assert checked(changed) is FailureReason.PROVENANCE


@pytest.mark.parametrize("field", ["query", "reply"])
def test_an_identifier_in_what_is_said_is_a_leak(field: str) -> None:
    translated = good_paths()[0]
    turn = translated.turns[0]
    for name in (turn.calls[0].function, translated.offered[-1]):
        text = f"{getattr(turn, field)} Then use {name}."
        assert checked(with_turn(translated, 0, **{field: text})) is FailureReason.IDENTIFIER_LEAK


def test_a_parameters_identifier_is_a_leak_and_an_ordinary_word_is_not() -> None:
    function = spec("book", {"city": TEXT, "party_size": TEXT, "checkIn": TEXT}, original_name="BookTable")
    assert set(identifiers(function)) == {"BookTable", "party_size", "checkIn"}


def test_a_repeated_query_is_rejected_whatever_its_spaces_and_capitals() -> None:
    translated = next(path for path in good_paths() if len(path.turns) > 1)
    again = f" {translated.turns[0].query.upper()} "
    assert checked(with_turn(translated, 1, query=again)) is FailureReason.REPEATED_QUERY
    assert checked(with_turn(translated, 1, query="  ")) is FailureReason.REPEATED_QUERY


def test_a_call_that_nobody_asked_for_is_rejected() -> None:
    pool = builtin_recipe().workshop.pool
    for translated in good_paths():
        free = [name for name in translated.offered if not pool.spec(name).properties]
        if free:
            stray = ExecutedCall(function=free[0], arguments="{}", output="{}")
            turn = TranslatedTurn(query="Xylophone qwerty?", calls=(stray,), reply="Fine.", steps=((0,),))
            assert checked(replace(translated, turns=(*translated.turns, turn))) is FailureReason.NOT_ASKED
            hidden = replace(turn, calls=(replace(stray, nested=True),))
            assert checked(replace(translated, turns=(*translated.turns, hidden))) is not FailureReason.NOT_ASKED
            return
    raise AssertionError("no good path is offered a function without parameters")


def test_a_turn_without_calls_that_lacks_nothing_is_rejected() -> None:
    translated = good_paths()[0]
    turn = TranslatedTurn(query="How are you?", calls=(), reply="Fine, thanks.")
    assert checked(replace(translated, turns=(*translated.turns, turn))) is FailureReason.NOT_ASKED


def test_a_request_may_be_made_in_the_miss_before() -> None:
    for category in (Category.MISS_FUNC, Category.MISS_PARAMS):
        for row in rows_of(category):
            assert checked(builtin_translation(row.index)) is None


def test_content_words_of_a_function_are_those_of_its_phrases() -> None:
    function = next(item for item in builtin_recipe().workshop.pool.specs if item.name == "cancel_table")
    assert phrases_of(function).asks
    assert {"cancel", "tabl"} <= content_stems(function) and not {"the", "and", "for"} & content_stems(function)
