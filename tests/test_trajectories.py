"""A translated path as a row: messages by round, tools that arrive later, and provenance as plain JSON."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from magnet_ray.functions.pool import FunctionPool
from magnet_ray.trajectories import build_messages, build_trajectory, system_message
from magnet_ray.types import ArgumentOrigin, Category, ExecutedCall, Miss, Operation, Origin, TranslatedPath, TranslatedTurn
from tests.builtin_recipe import builtin_recipe, builtin_rows, builtin_translation
from tests.test_judge import TEXT, spec
from tests.tiny_world import path_of

FIND = spec("find_owner", {"boat": TEXT}, source="python:harbour")
FILE = spec("file_note", {"text": TEXT}, category="desk", source="python:harbour")
POOL = FunctionPool(specs=(FIND, FILE))


def call(function: str, arguments: str, output: str, **origins: ArgumentOrigin) -> ExecutedCall:
    return ExecutedCall(function=function, arguments=arguments, output=output, origins=tuple(origins.items()))


QUERY = ArgumentOrigin(origin=Origin.QUERY, turn=0, text="Alma")
OUTPUT = ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=1, path="owner", text="her")
TRANSLATED = TranslatedPath(
    path=replace(path_of(["find_owner"], [], ["file_note"], category=Category.MISS_FUNC), ops=(Operation.MERGE, Operation.REPEAT)),
    scenario_seed=11,
    environment="test:one",
    today="2026-03-01",
    offered=("find_owner",),
    turns=(
        TranslatedTurn(
            query="Who owns Alma and Bertha?",
            calls=(
                call("find_owner", '{"boat":"Alma"}', '{"owner":"Ida"}', boat=QUERY),
                call("find_owner", '{"boat":"Bertha"}', '{"owner":"Jo"}', boat=replace(QUERY, text="Bertha")),
                replace(call("find_owner", '{"boat":"Jo"}', "[]", boat=OUTPUT), nested=True),
            ),
            reply="Ida and Jo.",
            steps=((0, 1), (2,)),
        ),
        TranslatedTurn(query="Note that.", calls=(), reply="I can't.", miss=Miss.FUNCTION, missing=("file_note",)),
        TranslatedTurn(
            query="Now you can.",
            calls=(call("file_note", '{"text":"Jo"}', '{"ticket":1}', text=OUTPUT),),
            reply="Done.",
            steps=((0,),),
            tools_added=("file_note",),
        ),
    ),
    final_state='{"notes":["Jo"]}',
)


def test_calls_of_one_round_share_a_message_and_outputs_follow_in_their_order() -> None:
    messages = build_messages(TRANSLATED)
    shape = [(m["role"], [c["id"] for c in m.get("tool_calls", ())] or m.get("tool_call_id", "")) for m in messages]
    assert shape == [
        ("system", ""),
        ("user", ""),
        ("assistant", ["call_1", "call_2"]),
        ("tool", "call_1"),
        ("tool", "call_2"),
        ("assistant", ["call_3"]),
        ("tool", "call_3"),
        ("assistant", ""),
        ("user", ""),
        ("assistant", ""),
        ("user", ""),
        ("assistant", ["call_4"]),
        ("tool", "call_4"),
        ("assistant", ""),
    ]
    assert messages[2]["tool_calls"][1] == {
        "id": "call_2",
        "type": "function",
        "function": {"name": "find_owner", "arguments": '{"boat":"Bertha"}'},
    }
    assert messages[4] == {"role": "tool", "tool_call_id": "call_2", "name": "find_owner", "content": '{"owner":"Jo"}'}


def test_a_scenario_without_a_date_has_no_system_message() -> None:
    assert build_messages(replace(TRANSLATED, today=""))[0] == {"role": "user", "content": "Who owns Alma and Bertha?"}
    assert system_message("2026-03-01") == "Today is Sunday, 1 March 2026."


def test_a_row_holds_the_tools_that_arrive_later_under_their_turn() -> None:
    row = build_trajectory(TRANSLATED, POOL)
    assert json.loads(row.tools) == [FIND.as_tool()]
    assert json.loads(row.tools_added) == {"2": [FILE.as_tool()]}


def test_a_row_counts_and_names_what_it_holds() -> None:
    row = build_trajectory(TRANSLATED, POOL)
    assert (row.num_turns, row.num_calls, row.ops, row.domains) == (3, 4, ("merge", "repeat"), ("desk", "test"))
    assert (row.source, row.environment, row.scenario_seed, row.final_state) == ("python", "test:one", 11, '{"notes":["Jo"]}')
    assert (row.id, row.index, row.category) == ("path", 0, Category.MISS_FUNC)


def test_reference_calls_and_provenance_go_turn_by_turn() -> None:
    row = build_trajectory(TRANSLATED, POOL)
    calls = json.loads(row.reference_calls)
    assert [len(turn) for turn in calls] == [3, 0, 1]
    assert calls[0][2] == {"name": "find_owner", "arguments": {"boat": "Jo"}, "nested": True}
    assert json.loads(row.provenance) == [
        [
            {"boat": {"origin": "query", "turn": 0, "text": "Alma"}},
            {"boat": {"origin": "query", "turn": 0, "text": "Bertha"}},
            {"boat": {"origin": "output", "turn": 0, "call": 1, "path": "owner", "text": "her"}},
        ],
        [],
        [{"text": {"origin": "output", "turn": 0, "call": 1, "path": "owner", "text": "her"}}],
    ]


@pytest.mark.parametrize("position", range(0, 140, 20))
def test_a_built_in_row_is_its_translation(position: int) -> None:
    row = builtin_rows()[position]
    assert build_trajectory(builtin_translation(row.index), builtin_recipe().workshop.pool) == row
