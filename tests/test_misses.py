"""A miss is genuine: no offered function serves instead, and the missing value stands nowhere. What is not genuine is caught."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

import pytest

from magnet_ray.at_once import at_once
from magnet_ray.environments.base import MISSING
from magnet_ray.environments.in_process import BuiltinEnvironment
from magnet_ray.errors import CallError, Rejected
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.graph import build_graph
from magnet_ray.json_paths import schema_fields
from magnet_ray.misses import find_withheld, servers
from magnet_ray.mix import category_of
from magnet_ray.teacher.base import PlannedCall
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.translation import translate
from magnet_ray.types import ArgumentOrigin, Category, Effect, FailureReason, FunctionSpec, Miss, Origin, Trajectory, TurnSignature
from magnet_ray.wording import says
from tests.builtin_recipe import builtin_outcome, builtin_recipe, builtin_translation, rows_of
from tests.test_judge import TEXT, WHOLE, items, spec
from tests.test_synthesis import calls_of, names_in, outputs_of, turns_of
from tests.tiny_world import KEY, Behaviour, TinyWorld, path_of, planned, workshop_of

State = dict[str, Any]


def miss_turn(row: Trajectory) -> int:
    """Index of the turn that has no call."""
    (index,) = [number for number, calls in enumerate(json.loads(row.reference_calls)) if not calls]
    return index


def replayed(row: Trajectory, turns: int) -> BuiltinEnvironment:
    """The scenario of a row after its first turns."""
    environment = BuiltinEnvironment(row.environment.removeprefix("builtin:"), row.scenario_seed)
    for turn in turns_of(row)[:turns]:
        for call in calls_of(turn):
            environment.call(call["function"]["name"], json.loads(call["function"]["arguments"]))
    return environment


# Rows of the built-in pool


def test_a_missing_function_is_named_by_no_tool_until_the_next_turn_brings_exactly_it() -> None:
    assert len(rows_of(Category.MISS_FUNC)) >= 5
    for row in rows_of(Category.MISS_FUNC):
        at = miss_turn(row)
        translated = builtin_translation(row.index)
        missing = list(translated.turns[at].missing)
        added = json.loads(row.tools_added)
        assert missing and not set(missing) & set(names_in(json.loads(row.tools)))
        assert list(added) == [str(at + 1)] and names_in(added[str(at + 1)]) == missing
        made = {call["function"]["name"] for call in calls_of(turns_of(row)[at + 1])}
        assert set(missing) <= made


def test_the_assistant_says_so_and_makes_no_call_when_its_function_is_missing() -> None:
    for row in (*rows_of(Category.MISS_FUNC), *rows_of(Category.IRRELEVANCE)):
        turn = turns_of(row)[miss_turn(row)]
        assert [message["role"] for message in turn] == ["user", "assistant"]
        assert re.search(r"can't|don't|isn't|none of|nothing|not able|no available|no tool", turn[1]["content"], re.IGNORECASE)


def test_no_offered_function_gives_the_result_of_the_missing_one() -> None:
    pool = builtin_recipe().workshop.pool
    tried = 0
    for row in rows_of(Category.MISS_FUNC):
        at = miss_turn(row)
        before = replayed(row, at)
        untouched, after = before.state(), replayed(row, at + 2).state()
        results = outputs_of(turns_of(row)[at + 1])
        known = {key: value for call in json.loads(row.reference_calls)[at + 1] for key, value in call["arguments"].items()}
        mark = before.checkpoint()
        for name in names_in(json.loads(row.tools)):
            function = pool.spec(name)
            for arguments in plausible(before, function, known):
                try:
                    output = before.call(name, arguments)
                except CallError:
                    continue
                tried += 1
                assert output not in results, (row.index, name)
                assert before.state() == untouched or before.state() != after, (row.index, name)
                before.rollback(mark)
    assert tried > 40


def plausible(environment: BuiltinEnvironment, function: FunctionSpec, known: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Argument sets that an assistant might try: what the user said where names agree, else what the scenario suggests."""
    sets = []
    for attempt in range(4):
        rng, arguments = Random(attempt), dict[str, Any]()
        for name in function.required:
            drawn = environment.suggest(function.name, name, arguments, rng)
            schema = function.properties[name]
            value = known.get(name, rng.choice(schema["enum"]) if drawn is MISSING and "enum" in schema else drawn)
            if value is not MISSING:
                arguments[name] = value
        sets.append(arguments)
    return sets


def test_an_irrelevant_request_needs_a_function_that_is_not_offered() -> None:
    assert len(rows_of(Category.IRRELEVANCE)) >= 15
    for row in rows_of(Category.IRRELEVANCE):
        (turn,) = builtin_translation(row.index).turns
        offered = names_in(json.loads(row.tools))
        assert turn.missing and offered and not set(turn.missing) & set(offered)
        assert (row.num_calls, row.tools_added) == (0, "{}")


def test_an_unserved_request_is_offered_no_list_in_which_one_would_look_the_thing_up() -> None:
    """Over many paths: no offered lookup shows things by the names asked with, and half of what the missing one tells of one."""
    recipe, tried = builtin_recipe(), 0
    indices = [index for index in range(800) if category_of(index, recipe.paths.mix) is Category.IRRELEVANCE]
    specs = recipe.workshop.pool.by_name
    for row in (outcome for outcome in map(builtin_outcome, indices) if isinstance(outcome, Trajectory)):
        missing = specs[builtin_translation(row.index).turns[0].missing[0]]
        wanted = fields_of(missing) - set(missing.required)
        for name in names_in(json.loads(row.tools)):
            offered = specs[name]
            if missing.effect is offered.effect is Effect.READ and not offered.required and set(missing.required) & fields_of(offered):
                tried += 1
                assert 2 * len(wanted & fields_of(offered)) < len(wanted), (row.index, name, missing.name)
    assert tried > 5


def fields_of(function: FunctionSpec) -> set[str]:
    """Names of the fields that an output holds."""
    return {path.rpartition(".")[2].rstrip("[]") for path, _ in schema_fields(function.return_schema)}


def missing_arguments(row: Trajectory) -> list[tuple[str, str, Any]]:
    """(function, parameter, value) that the turn after the miss supplies."""
    at = miss_turn(row) + 1
    calls = json.loads(row.reference_calls)[at]
    origins = json.loads(row.provenance)[at]
    return [
        (call["name"], name, call["arguments"][name])
        for call, found in zip(calls, origins, strict=True)
        for name, origin in found.items()
        if (origin["origin"], origin["turn"]) == ("query", at)
    ]


def test_a_missing_value_is_asked_for_by_name_and_given_in_the_next_message() -> None:
    pool = builtin_recipe().workshop.pool
    assert len(rows_of(Category.MISS_PARAMS)) >= 5
    for row in rows_of(Category.MISS_PARAMS):
        at = miss_turn(row)
        turn, following = turns_of(row)[at : at + 2]
        assert row.tools_added == "{}" and [message["role"] for message in turn] == ["user", "assistant"]
        found = missing_arguments(row)
        assert found
        function, parameter, _ = found[0]
        question = turn[1]["content"]
        assert "?" in question or re.search(r"let me know|need to know|haven't said|without it", question), question
        noun = phrases_of(pool.spec(function)).noun_of(parameter)
        assert noun in question or f"how many {noun.removeprefix('number of ')}" in question.lower()
        for name, other, value in found:
            kind = phrases_of(pool.spec(name)).argument(other).kind
            assert other == parameter and other in pool.spec(name).required
            assert says(following[0]["content"], value, today=builtin_translation(row.index).today, kind=kind)


def test_a_missing_value_was_said_in_no_earlier_message() -> None:
    pool = builtin_recipe().workshop.pool
    for row in rows_of(Category.MISS_PARAMS):
        at = miss_turn(row)
        turns = turns_of(row)
        for name, parameter, value in missing_arguments(row):
            kind = phrases_of(pool.spec(name)).argument(parameter).kind
            today = builtin_translation(row.index).today
            assert not says(turns[at][0]["content"], value, today=today, kind=kind), (row.index, value)
            if isinstance(value, str):
                earlier = " ".join(message["content"] for turn in turns[: at + 1] for message in turn)
                assert value not in earlier, (row.index, value)


def test_a_day_or_time_is_not_asked_for_right_after_the_only_one_of_its_kind_was_said() -> None:
    """Over many seeds: of what the last turn's calls were given, no single day (or time) could stand for the one asked for."""
    recipe = builtin_recipe()
    indices = [index for index in range(700) if category_of(index, recipe.paths.mix) is Category.MISS_PARAMS]
    rows = [row for row in map(builtin_outcome, indices) if isinstance(row, Trajectory)]
    asked = 0
    for row in rows:
        at = miss_turn(row)
        calls = json.loads(row.reference_calls)
        for _, _, value in missing_arguments(row):
            kind = next((kind for kind in (r"\d{4}-\d\d-\d\d", r"\d\d:\d\d") if re.fullmatch(kind, str(value))), None)
            if kind and at:
                asked += 1
                said = {item for call in calls[at - 1] for item in call["arguments"].values() if re.fullmatch(kind, str(item))}
                assert len(said) != 1, (row.index, value, said)
    assert len(rows) > 30 and asked >= 2


# Misses that are not genuine, in a world made for it


def _add(state: State, arguments: Mapping[str, Any]) -> Any:
    state["notes"] = [*state.get("notes", []), arguments["text"]]
    return {"ticket": f"T-{len(state['notes'])}"}


def _owner(state: State, arguments: Mapping[str, Any]) -> Any:
    return {"owner": "Ida Berg", "since": 2019}


def _city(state: State, arguments: Mapping[str, Any]) -> Any:
    return {"town": "Ulm"}


def _refuse(state: State, arguments: Mapping[str, Any]) -> Any:
    raise CallError("never")


FILE_NOTE = spec("file_note", {"text": TEXT}, {"ticket": TEXT}, effect=Effect.WRITE)
WRITE_MEMO = spec("write_memo", {"text": TEXT}, {"memo": TEXT}, effect=Effect.WRITE)
FIND_OWNER = spec("find_owner", {"boat": TEXT}, {"owner": TEXT, "since": WHOLE}, effect=Effect.READ)
INSPECT_BOAT = spec("inspect_boat", {"boat": TEXT}, {"captain": TEXT, "built": WHOLE}, effect=Effect.READ)
FIND_TOWN = spec("find_town", {"boat": TEXT}, {"town": TEXT}, effect=Effect.READ)
SPECS = (FILE_NOTE, WRITE_MEMO, FIND_OWNER, INSPECT_BOAT, FIND_TOWN)
BASE: dict[str, Behaviour] = {"file_note": _add, "write_memo": _refuse, "find_owner": _owner, "inspect_boat": _refuse, "find_town": _city}


def world_of(**changed: Behaviour) -> TinyWorld:
    return TinyWorld({**BASE, **changed}, values={"text": ["buy rope"], "boat": ["Alma", "Bertha"]})


def served(world: TinyWorld, call: PlannedCall, offered: Sequence[FunctionSpec], query: str = "") -> frozenset[str]:
    """What serves instead of a call, from the state before it."""
    after = TinyWorld(BASE, held=world.state())
    after.call(call.spec.name, call.arguments)
    before = world.state()
    found = servers([call], after.state(), world, KEY, offered, 1, query)
    assert world.state() == before
    return found


def test_another_function_that_reaches_the_same_state_serves() -> None:
    def memo(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"memo": _add(state, arguments)["ticket"] + "x"}

    call = planned(FILE_NOTE, {"text": "buy rope"}, {"ticket": "T-1"})
    assert served(world_of(write_memo=memo), call, [WRITE_MEMO, FIND_OWNER]) == {"write_memo"}
    assert served(world_of(), call, [WRITE_MEMO, FIND_OWNER]) == frozenset()


def test_another_function_that_tells_the_same_serves_whatever_it_calls_the_fields() -> None:
    def inspect(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"captain": "Ida Berg", "built": 2019, "length": 9}

    def other(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"captain": "Jo Lund", "built": 2019}

    call = planned(FIND_OWNER, {"boat": "Alma"}, {"owner": "Ida Berg", "since": 2019})
    assert served(world_of(inspect_boat=inspect), call, [INSPECT_BOAT, FIND_TOWN]) == {"inspect_boat"}
    assert served(world_of(inspect_boat=other), call, [INSPECT_BOAT, FIND_TOWN]) == frozenset()


def test_a_list_that_tells_half_of_it_serves_field_for_field() -> None:
    def boats(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"boats": [{"boat": "Alma", "owner": "Ida Berg", "berth": 3}, {"boat": "Bertha", "owner": "Jo Lund", "berth": 8}]}

    call = planned(FIND_OWNER, {"boat": "Alma"}, {"owner": "Ida Berg", "berth": 3, "since": 2019, "length": 9})
    longer = planned(FIND_OWNER, {"boat": "Alma"}, {"owner": "Ida Berg", "berth": 4, "since": 2019, "length": 9})
    assert served(world_of(inspect_boat=boats), call, [INSPECT_BOAT]) == {"inspect_boat"}
    assert served(world_of(inspect_boat=boats), longer, [INSPECT_BOAT]) == frozenset()


def test_a_list_in_which_one_would_look_the_thing_up_serves_even_where_it_does_not_stand() -> None:
    fields = {"owner": TEXT, "since": WHOLE}
    listing = spec("list_boats", {}, {"boats": items(boat=TEXT, **fields)}, effect=Effect.READ)
    nameless = spec("list_owners", {}, {"owners": items(**fields)}, effect=Effect.READ)
    world = TinyWorld({"list_boats": lambda state, arguments: {"boats": []}, "list_owners": lambda state, arguments: {"owners": []}})
    call = planned(FIND_OWNER, {"boat": "Alma"}, {"owner": "Ida Berg", "since": 2019})
    assert served(world, call, [listing, nameless]) == {"list_boats"}


def test_a_lookup_that_tells_what_was_asked_for_by_name_serves() -> None:
    def inspect(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"captain": "Ida Berg", "built": 1990}

    call = planned(FIND_OWNER, {"boat": "Alma"}, {"owner": "Ida Berg", "since": 2019, "length": 9, "berth": 4})
    assert served(world_of(inspect_boat=inspect), call, [INSPECT_BOAT], "What's the name of the owner of Alma?") == {"inspect_boat"}
    assert served(world_of(inspect_boat=inspect), call, [INSPECT_BOAT], "What's the length of Alma?") == frozenset()


def test_a_read_that_tells_the_output_of_a_write_does_not_serve_for_it() -> None:
    def inspect(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"captain": "T-1", "built": 1}

    call = planned(FILE_NOTE, {"text": "buy rope"}, {"ticket": "T-1"})
    assert served(world_of(inspect_boat=inspect), call, [INSPECT_BOAT]) == frozenset()


def test_a_function_of_another_environment_cannot_serve() -> None:
    call = planned(FIND_OWNER, {"boat": "Alma"}, {"owner": "Ida Berg", "since": 2019})
    elsewhere = spec("find_owner_too", {"boat": TEXT}, environment="test:two", original_name="find_owner")
    assert served(world_of(), call, [elsewhere]) == frozenset()


def irrelevant(world: TinyWorld, function: str) -> tuple[str, ...]:
    """What an irrelevant request for a function ends up being offered."""
    path = path_of([function], category=Category.IRRELEVANCE)
    return at_once(translate(path, workshop_of(world, SPECS, turn_retries=0))).offered


def test_a_function_that_would_serve_is_withdrawn_from_the_offer() -> None:
    def inspect(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"captain": "Ida Berg", "built": 2019}

    assert "inspect_boat" in irrelevant(world_of(), "find_owner")
    offered = irrelevant(world_of(inspect_boat=inspect), "find_owner")
    assert "inspect_boat" not in offered and "find_town" in offered


def test_a_missing_function_is_no_miss_when_a_needed_one_would_serve() -> None:
    def inspect(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"captain": "Ida Berg", "built": 2019}

    turns = (["inspect_boat"], TurnSignature(steps=(), miss=Miss.FUNCTION), ["find_owner"])
    path = path_of(*turns, category=Category.MISS_FUNC)
    with pytest.raises(Rejected) as caught:
        at_once(translate(path, workshop_of(world_of(inspect_boat=inspect), SPECS, turn_retries=1)))
    assert caught.value.reason is FailureReason.NO_GENUINE_MISS

    def boring(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"captain": "Nobody", "built": 1990, "length": 7}

    kept = at_once(translate(path, workshop_of(world_of(inspect_boat=boring), SPECS)))
    assert kept.turns[1].missing == kept.turns[2].tools_added == ("find_owner",)
    assert not kept.turns[1].calls and [call.function for call in kept.turns[2].calls] == ["find_owner"]
    assert "find_owner" not in kept.offered


BOOK = spec("book_berth", {"boat": TEXT, "town": TEXT, "nights": WHOLE}, {"berth": TEXT}, effect=Effect.WRITE)


def withheld(
    world: TinyWorld, call: PlannedCall, parameter: str, *, earlier: Sequence[PlannedCall] = (), offered: Sequence[FunctionSpec] = SPECS
) -> tuple[int, str]:
    graph = build_graph(FunctionPool(specs=(*SPECS, BOOK)))
    return find_withheld([call], [(0, parameter)], [[before] for before in earlier], world, offered, graph, Random(1))


def booking(**origins: ArgumentOrigin) -> PlannedCall:
    arguments = {"boat": "Alma", "town": "Ulm", "nights": 3}
    query = {name: ArgumentOrigin(origin=Origin.QUERY) for name in arguments}
    return planned(BOOK, arguments, {"berth": "B-1"}, origins={**query, **origins})


def test_a_value_that_a_lookup_tells_is_not_missing() -> None:
    with pytest.raises(Rejected) as caught:
        withheld(world_of(), booking(), "town")
    assert caught.value.reason is FailureReason.NO_GENUINE_MISS
    assert withheld(world_of(), booking(), "town", offered=[FIND_OWNER]) == (0, "town")


def test_a_value_that_was_said_or_shown_before_is_not_missing() -> None:
    before = planned(FIND_OWNER, {"boat": "Carla"}, {"owner": "Ulm", "since": 3})
    with pytest.raises(Rejected):
        withheld(world_of(), booking(), "town", earlier=[before], offered=[])
    other = planned(FIND_TOWN, {"boat": "Ulm"}, {})
    with pytest.raises(Rejected):
        withheld(world_of(), booking(), "town", earlier=[other], offered=[])
    assert withheld(world_of(), booking(), "nights", earlier=[before], offered=[]) == (0, "nights")


def test_a_thing_of_the_same_kind_that_was_named_before_could_be_meant() -> None:
    before = planned(FIND_OWNER, {"boat": "Carla"}, {"owner": "Jo", "since": 3})
    with pytest.raises(Rejected):
        withheld(world_of(), booking(), "boat", earlier=[before], offered=[])


def test_a_date_that_was_shown_with_a_time_is_not_missing() -> None:
    before = planned(FIND_OWNER, {"boat": "Carla"}, {"owner": "Jo", "seen": "2026-03-04T10:00"})
    call = planned(BOOK, {"boat": "Alma", "town": "2026-03-04", "nights": 3}, {"berth": "B-1"})
    with pytest.raises(Rejected):
        withheld(world_of(), call, "town", earlier=[before], offered=[])
    assert withheld(world_of(), call, "town", offered=[]) == (0, "town")


def test_a_value_that_another_call_of_the_turn_is_given_would_be_taken_for_both() -> None:
    graph = build_graph(FunctionPool(specs=(*SPECS, BOOK)))
    beside = planned(spec("count_berths", {"nights": WHOLE}), {"nights": 5}, {}, step=1)
    with pytest.raises(Rejected):
        find_withheld([booking(), beside], [(0, "nights")], [], world_of(), [], graph, Random(1))
    assert find_withheld([booking(), beside], [(0, "town")], [], world_of(), [], graph, Random(1)) == (0, "town")


def berth_on(date: str, *, boat: str = "Alma", step: int = 0) -> PlannedCall:
    """A call that needs a day, beside a boat and a number of nights."""
    function = spec("reserve_berth", {"boat": TEXT, "date": TEXT | {"format": "date"}, "nights": WHOLE}, {"berth": TEXT})
    return planned(function, {"boat": boat, "date": date, "nights": 3}, {"berth": "B-1"}, step=step)


def day_missing(*earlier: Sequence[PlannedCall], parameter: str = "date") -> bool:
    """Whether the user can forget a call's value after these turns, with nothing offered."""
    call = berth_on("2026-03-12")
    graph = build_graph(FunctionPool(specs=(*SPECS, call.spec)))
    try:
        find_withheld([call], [(0, parameter)], earlier, world_of(), [], graph, Random(1))
    except Rejected:
        return False
    return True


def seen_on(*days: str, boat: str = "Bertha", **shown: Any) -> PlannedCall:
    """A lookup by days that shows something."""
    function = spec("list_berths", {"boat": TEXT, **{f"on_{place}": TEXT for place, _ in enumerate(days)}})
    return planned(function, {"boat": boat, **{f"on_{place}": day for place, day in enumerate(days)}}, shown)


def test_a_day_is_not_missing_right_after_one_day_was_said_or_shown() -> None:
    assert day_missing()
    assert not day_missing([seen_on("2026-03-04")])
    assert not day_missing([seen_on(berths=[{"from": "2026-03-04T10:00"}, {"from": "2026-03-04T11:00"}])])
    assert day_missing([seen_on(berths=[{"from": "2026-03-04"}, {"from": "2026-03-05"}])])
    assert day_missing([seen_on("2026-03-04", "2026-03-05")])
    assert day_missing([seen_on("2026-03-04")], [seen_on(owner="Ida Berg")])


def test_a_day_said_of_the_same_thing_is_not_missing_however_long_ago() -> None:
    since = [seen_on(owner="Ida Berg")]
    assert not day_missing([seen_on("2026-03-04", boat="Alma")], since)
    assert not day_missing([seen_on("2026-03-04", boats=["Alma", "Carla"])], since)
    assert not day_missing([seen_on("2026-03-01", "2026-03-02"), seen_on("2026-03-04", boat="Alma")], since)
    assert day_missing([seen_on("2026-03-04", "2026-03-05", boat="Alma")], since)


def test_a_number_is_not_missing_right_after_one_of_its_name_was_said_or_shown() -> None:
    assert day_missing([seen_on(nights=2, price=70), seen_on(nights=5)], parameter="nights")
    assert not day_missing([seen_on(nights=2, price=70)], parameter="nights")
    assert not day_missing([berth_on("2026-03-04", boat="Bertha")], parameter="nights")


def test_a_value_from_an_output_or_an_earlier_query_is_not_missing() -> None:
    for origin in (Origin.OUTPUT, Origin.EARLIER_QUERY):
        with pytest.raises(Rejected):
            withheld(world_of(), booking(town=ArgumentOrigin(origin=origin)), "town", offered=[])


def test_looking_for_a_missing_value_leaves_the_world_as_it_was() -> None:
    def remembering(state: State, arguments: Mapping[str, Any]) -> Any:
        state["asked"] = state.get("asked", 0) + 1
        return {"town": "Bern"}

    world = world_of(find_town=remembering)
    assert withheld(world, booking(), "town") == (0, "town")
    assert world.held == {} and world.calls


def test_a_list_of_things_that_shows_the_value_tells_it() -> None:
    def towns(state: State, arguments: Mapping[str, Any]) -> Any:
        return {"towns": [{"town": "Bern"}, {"town": "Ulm"}]}

    listing = spec("list_towns", {}, {"towns": items(town=TEXT)}, effect=Effect.READ)
    with pytest.raises(Rejected):
        withheld(TinyWorld({"list_towns": towns}), booking(), "town", offered=[listing])
