"""A player carries a row's conversation on: what it is shown, what its calls do, where it stops, and what is kept."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import BudgetSpent, Rejected
from magnet_ray.llm.base import ChatAnswer, ChatRequest, Role, ToolCall
from magnet_ray.rollouts.rollout import Player, Rollout, World, roll_out, rounds_of, user_turns, with_hint
from magnet_ray.types import FailureReason, Trajectory, canonical, parsed
from tests.booking_desk import EVENING, RATING, UNCLEAR, desk_row, desk_world
from tests.builtin_recipe import builtin_recipe, builtin_rows
from tests.row_player import Change, RowPlayer
from tests.tiny_world import TinyWorld

Changes = dict[tuple[int, int], Change | ChatAnswer]


def played(row: Trajectory, changes: Changes | None = None, opened: list[TinyWorld] | None = None, **settings: Any) -> Rollout:
    player = Player(model=RowPlayer([row], changes), role=Role.STUDENT, **settings)
    return asyncio.run(roll_out(row, player, desk_world(opened)))


def calling(name: str, arguments: str) -> ChatAnswer:
    return ChatAnswer(tool_calls=(ToolCall(name=name, arguments=arguments),), finish_reason="tool_calls")


def saying(content: str, finish_reason: str = "stop") -> ChatAnswer:
    return ChatAnswer(content=content, finish_reason=finish_reason)


def roles(rollout: Rollout) -> list[str]:
    return [message["role"] for message in parsed(rollout.messages)]


def test_a_player_that_knows_the_rows_reproduces_them_byte_for_byte() -> None:
    world = World(pool=builtin_recipe().workshop.pool, open_environment=open_environment)
    rows = builtin_rows()

    async def all_of_them() -> list[Rollout]:
        player = Player(model=RowPlayer(rows), role=Role.STUDENT)
        return [await roll_out(row, player, world) for row in rows]

    for row, rollout in zip(rows, asyncio.run(all_of_them()), strict=True):
        assert rollout.messages == row.messages
        assert rollout.turns[-1].state == row.final_state
        assert sum(len(turn.calls) for turn in rollout.turns) == row.num_calls
        assert all(turn.ended and all(call.accepted for call in turn.calls) for turn in rollout.turns)


def test_a_hint_stands_in_the_requests_of_its_turn_and_is_never_kept() -> None:
    row = desk_row(EVENING, RATING)
    model = RowPlayer([row])
    rollout = asyncio.run(roll_out(row, Player(model=model, role=Role.RESPONDER, hints={1: "rate it"}), desk_world()))
    shown = [(request.key.step, [message for message in request.messages if message["role"] == "user"]) for request in model.requests]
    for step, users in shown:
        hinted = [message["content"] for message in users if "[Hint]" in message["content"]]
        assert hinted == ([with_hint(RATING[0], "rate it")] if step.startswith("1.") else [])
    assert rollout.messages == row.messages


def test_instructions_go_before_the_system_message_of_requests_alone() -> None:
    dated = next(row for row in builtin_rows() if parsed(row.messages)[0]["role"] == "system")
    for row, world in (
        (desk_row(RATING), desk_world()),
        (dated, World(pool=builtin_recipe().workshop.pool, open_environment=open_environment)),
    ):
        model = RowPlayer([row])
        rollout = asyncio.run(roll_out(row, Player(model=model, role=Role.RESPONDER, instructions="Be brief."), world))
        first = model.requests[0].messages
        assert first[0]["role"] == "system" and str(first[0]["content"]).startswith("Be brief.")
        assert [message["role"] for message in first].count("system") == 1
        assert rollout.messages == row.messages


def test_requests_have_their_own_keys_and_say_how_many_follow() -> None:
    row = desk_row(EVENING, UNCLEAR, RATING)
    model = RowPlayer([row])
    for sample in range(2):
        asyncio.run(roll_out(row, Player(model=model, role=Role.STUDENT, sample=sample), desk_world()))
    keys = [str(request.key) for request in model.requests]
    assert keys[:5] == [f"desk/student/{step}/0" for step in ("0.0", "0.1", "1.0", "2.0", "2.1")]
    assert len(set(keys)) == 10 and keys[-1] == "desk/student/2.1/100"
    assert [request.remaining for request in model.requests[:5]] == [4, 3, 2, 1, 0]
    assert rounds_of(row) == (2, 1, 2)
    assert user_turns(row) == (EVENING[0], UNCLEAR[0], RATING[0])


def test_functions_are_offered_from_the_turn_that_brings_them() -> None:
    row = desk_row(UNCLEAR, RATING, added={"1": ["rate"]})
    early = played(row, {(0, 0): calling("rate", '{"place":"Silver Fig"}'), (0, 1): saying("I can't.")})
    assert not early.turns[0].calls[0].accepted
    assert early.turns[1].calls[0].accepted


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("fly", "{}", "There is no function called 'fly'"),
        ("rate", '{"place": "Silver', "not valid JSON"),
        ("rate", "", "not valid JSON"),
        ("rate", '["Silver Fig"]', "must be a JSON object"),
        ("rate", "{}", '"place" is a required property'),
        ("rate", '{"place":"Silver Fig","stars":3}', "has no parameter 'stars'. Parameters: place"),
        ("book_table", '{"place":"Silver Fig","guests":0}', "guests: 0 is less than the minimum"),
        ("book_table", '{"place":"Moonbase"}', "There is no place called 'Moonbase'."),
        ("stumble", '{"days":400}', "stumble failed: OverflowError"),
    ],
)
def test_a_call_that_cannot_be_made_is_answered_with_what_is_wrong(name: str, arguments: str, told: str) -> None:
    row = desk_row(EVENING, RATING)
    rollout = played(row, {(1, 0): calling(name, arguments), (1, 1): saying("That did not work.")})
    (call,) = rollout.turns[1].calls
    assert told in json.loads(call.output)["error"]
    assert call.arguments == arguments
    assert not call.accepted and not call.wrote
    assert rollout.turns[1].ended and rollout.turns[1].state == rollout.turns[0].state
    kept = [message["content"] for message in parsed(rollout.messages) if message["role"] == "tool"]
    assert canonical(json.loads(kept[-1])) == call.output


def test_an_error_message_does_not_repeat_endless_arguments() -> None:
    rollout = played(
        desk_row(RATING), {(0, 0): calling("book_table", json.dumps({"place": 7, "guests": "x" * 100_000})), (0, 1): saying("No.")}
    )
    assert len(rollout.turns[0].calls[0].output) < 1_000


def test_writes_are_told_from_readings() -> None:
    rollout = played(desk_row(EVENING, RATING))
    assert [call.wrote for turn in rollout.turns for call in turn.calls] == [True, False]


def test_a_distractor_of_another_domain_answers_too_and_leaves_the_state_alone() -> None:
    opened: list[TinyWorld] = []
    rollout = played(desk_row(RATING), {(0, 0): calling("list_rooms", "{}"), (0, 1): saying("There is a Blue Room.")}, opened)
    assert rollout.turns[0].calls[0].output == '{"rooms":["Blue Room"]}'
    assert [desk.closed for desk in opened] == [1, 1]


@pytest.mark.parametrize(
    "content",
    [
        'Let me look.\n<tool_call>\n{"name": "rate", "arguments": {"place": "Silver Fig"}}\n</tool_call>',
        'Let me look.\n<tool_call>{"name": "rate", "arguments": {"place": "Silver Fig"}}',
        'Let me look.\n```json\n{"name": "rate", "arguments": {"place": "Silver Fig"}}\n```',
    ],
)
def test_calls_that_stand_in_the_text_are_taken_out_of_it(content: str) -> None:
    row = desk_row(RATING)
    rollout = played(row, {(0, 0): saying(content)})
    assert rollout.turns[0].calls == played(row).turns[0].calls
    assert rollout.turns[0].raw[0] == content
    assistant = parsed(rollout.messages)[1]
    assert assistant["content"] == "Let me look."
    assert assistant["tool_calls"][0]["function"] == {"name": "rate", "arguments": '{"place":"Silver Fig"}'}


def test_thoughts_are_not_kept_in_the_conversation() -> None:
    row = desk_row(RATING)
    thinking: Changes = {
        (0, 0): lambda answer, request: replace(answer, content="<think>\nThe hint says rate.\n</think>\n\n"),
        (0, 1): saying(f"The hint gives 4.5, so </think> {RATING[2]}"),
    }
    rollout = played(row, thinking)
    assert rollout.messages == row.messages
    assert "The hint" in rollout.turns[0].raw[0] and "The hint" in rollout.turns[0].raw[1]
    assert not played(row, {(0, 0): saying("<think>Nothing to say.</think>")}).turns[0].ended


def test_several_calls_of_one_message_are_one_round() -> None:
    both = ChatAnswer(
        tool_calls=tuple(ToolCall(name="rate", arguments=json.dumps({"place": place})) for place in ("Silver Fig", "Salt Cellar"))
    )
    rollout = played(desk_row(RATING), {(0, 0): both, (0, 1): calling("list_bookings", "{}"), (0, 2): saying("Fine, both.")})
    assert rollout.turns[0].rounds == ((0, 1), (2,))
    assert [message["tool_call_id"] for message in parsed(rollout.messages) if message["role"] == "tool"] == ["call_1", "call_2", "call_3"]


@pytest.mark.parametrize(
    "answer",
    [
        saying("Silver Fig has a", "length"),
        ChatAnswer(tool_calls=(ToolCall(name="rate", arguments='{"place":"Silver'),), finish_reason="length"),
        saying("", "content_filter"),
        saying("  \n"),
        saying('<tool_call>{"name": "rate", "arguments": {"place": </tool_call>'),
    ],
)
def test_a_message_that_is_cut_off_empty_or_unreadable_ends_the_rollout(answer: ChatAnswer) -> None:
    rollout = played(desk_row(EVENING, RATING, UNCLEAR), {(1, 0): answer})
    assert [turn.ended for turn in rollout.turns] == [True, False]
    assert roles(rollout)[-1] == "user"
    assert len(rollout.turns[1].raw) == 1


def test_a_player_that_never_stops_calling_is_stopped() -> None:
    row = desk_row(RATING, UNCLEAR)
    opened: list[TinyWorld] = []
    rollout = played(row, {(0, number): calling("list_bookings", "{}") for number in range(9)}, opened, max_rounds=3)
    assert len(rollout.turns) == 1 and not rollout.turns[0].ended
    assert len(rollout.turns[0].calls) == len(opened[0].calls) == 3
    assert roles(rollout) == ["user", *["assistant", "tool"] * 3]


def test_the_environment_is_closed_whatever_happens() -> None:
    def spent(answer: ChatAnswer, request: ChatRequest) -> ChatAnswer:
        raise BudgetSpent("no tokens left")

    opened: list[TinyWorld] = []
    with pytest.raises(BudgetSpent):
        played(desk_row(EVENING, RATING), {(1, 0): spent}, opened)
    with pytest.raises(Rejected) as caught:
        played(desk_row(EVENING, RATING), {(1, 0): calling("break_down", "{}")}, opened)
    assert caught.value.reason is FailureReason.ENVIRONMENT_FAULT
    assert opened and {desk.closed for desk in opened} == {1}
