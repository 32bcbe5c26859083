"""Hinted rollouts become rows: the best right one, without a trace of its hints."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import Rejected
from magnet_ray.llm.base import ChatAnswer, ChatRequest, Role, ToolCall
from magnet_ray.rollouts.hints import NO_FUNCTION, UNSAID, calls_hint, reference_hints
from magnet_ray.rollouts.positives import Positives, check_positive, positive_row, responder_instructions
from magnet_ray.rollouts.rollout import Player, Rollout, World, roll_out
from magnet_ray.types import Category, FailureReason, Trajectory, compact, parsed
from tests.booking_desk import EVENING, RATING, UNCLEAR, desk_row, desk_world
from tests.builtin_recipe import builtin_recipe, builtin_rows, rows_of
from tests.row_player import Change, RowPlayer

LISTING = ToolCall(name="list_bookings", arguments="{}")


def builtin_world() -> World:
    return World(pool=builtin_recipe().workshop.pool, open_environment=open_environment)


def by_sample(*changes: Change | ChatAnswer | None) -> Change:
    """What each rollout of a row says at one place; None: what is right."""

    def answer(right: ChatAnswer, request: ChatRequest) -> ChatAnswer:
        change = changes[request.key.attempt // 100]
        return right if change is None else change if isinstance(change, ChatAnswer) else change(right, request)

    return answer


def made(row: Trajectory, model: RowPlayer, attempts: int = 3, world: World | None = None) -> Trajectory:
    return asyncio.run(positive_row(row, Positives(models=model, world=world or desk_world(), attempts=attempts)))


def test_rows_of_every_category_become_positives() -> None:
    rows = [rows_of(category)[0] for category in Category]
    for row in rows:
        model = RowPlayer([row])
        assert made(row, model, world=builtin_world()) == row
        assert {request.key.role for request in model.requests} == {Role.RESPONDER}
        assert {request.key.attempt for request in model.requests} == {0}


def test_the_responder_sees_the_reference_of_each_turn_as_a_hint() -> None:
    row = desk_row(EVENING, UNCLEAR, RATING)
    model = RowPlayer([row])
    made(row, model)
    hinted = [str(message["content"]) for request in model.requests for message in request.messages if "[Hint]" in str(message["content"])]
    assert any('1. book_table({"place":"Green Orchard","guests":3})' in text for text in hinted)
    assert any('1. rate({"place":"Silver Fig"})' in text for text in hinted)
    assert all(request.messages[0]["content"] == responder_instructions() for request in model.requests)


def test_hints_follow_what_a_turn_lacks() -> None:
    for row in builtin_rows():
        hints = reference_hints(row)
        for turn, calls in enumerate(parsed(row.reference_calls)):
            assert UNSAID in hints[turn]
            if calls:
                assert hints[turn] == calls_hint(calls)
            elif row.category is Category.MISS_PARAMS:
                given = parsed(row.reference_calls)[turn + 1]
                named = hints[turn].removeprefix("The value of ").partition(" is missing")[0]
                assert any(named in call["arguments"] for call in given)
            else:
                assert hints[turn] == NO_FUNCTION


def test_a_miss_without_a_known_parameter_still_asks() -> None:
    assert "a required argument is missing" in reference_hints(desk_row(UNCLEAR, category=Category.MISS_PARAMS))[0]


def test_the_first_right_rollout_without_extra_calls_ends_the_trying() -> None:
    row = desk_row(EVENING, RATING)
    model = RowPlayer([row], {(1, 0): by_sample(ChatAnswer(content="4.5 it is, I think."), None, None)})
    assert made(row, model) == row
    assert {request.key.attempt for request in model.requests} == {0, 100}


def test_the_best_rollout_has_the_fewest_extra_calls() -> None:
    row = desk_row(EVENING, RATING)

    def looking(times: int) -> Change:
        return lambda right, request: replace(right, tool_calls=(*(LISTING,) * times, *right.tool_calls))

    model = RowPlayer([row], {(1, 0): by_sample(looking(2), looking(1), looking(3))})
    best = made(row, model)
    assert best.num_calls == row.num_calls + 1
    assert [message.get("name") for message in parsed(best.messages) if message["role"] == "tool"] == [
        "book_table",
        "list_bookings",
        "rate",
    ]
    assert replace(best, messages=row.messages, num_calls=row.num_calls) == row
    assert "[Hint]" not in best.messages and "private" not in best.messages


def test_a_row_without_a_right_rollout_is_given_up_with_the_last_words() -> None:
    row = desk_row(EVENING, RATING)
    wrong = ChatAnswer(tool_calls=(ToolCall(name="book_table", arguments=compact({"place": "Salt Cellar"})),))
    model = RowPlayer([row], {(0, 0): by_sample(wrong, None), (1, 0): by_sample(None, ChatAnswer(content="As the hint says: 4.5."))})
    with pytest.raises(Rejected) as caught:
        made(row, model, attempts=2)
    assert caught.value.reason is FailureReason.OUTPUT_MISSED
    assert caught.value.raw == "As the hint says: 4.5."
    with pytest.raises(Rejected) as caught:
        made(row, model, attempts=1)
    assert caught.value.reason is FailureReason.STATE_DIFFERS
    assert 'book_table({"place":"Salt Cellar"})' in caught.value.raw


def test_a_leaked_hint_is_never_kept() -> None:
    row = desk_row(EVENING, RATING)
    for leak in ("The hint says 4.5.", "[Hint] Silver Fig has 4.5.", 'I called rate({"place":"Silver Fig"}): 4.5.'):
        model = RowPlayer([row], {(1, 1): ChatAnswer(content=leak, finish_reason="stop")})
        with pytest.raises(Rejected) as caught:
            made(row, model, attempts=1)
        assert caught.value.reason is FailureReason.HINT_LEAK


def test_messages_with_a_hint_in_what_the_user_says_are_no_positive() -> None:
    row = desk_row(EVENING, RATING)
    rollout = asyncio.run(roll_out(row, Player(model=RowPlayer([row]), role=Role.RESPONDER), desk_world()))
    messages = parsed(rollout.messages)
    leaked = [
        message | {"content": message["content"] + "\n\n[Hint] rate it"} if message["role"] == "user" else message for message in messages
    ]
    with pytest.raises(Rejected) as caught:
        check_positive(row, replace(rollout, messages=compact(leaked)), desk_world())
    assert caught.value.reason is FailureReason.HINT_LEAK


def test_calls_in_an_order_that_the_state_shows_are_no_positive() -> None:
    calls = [("book_table", {"place": "Green Orchard"}), ("book_table", {"place": "Silver Fig"})]
    row = desk_row(("Book Green Orchard and Silver Fig.", calls, "Done."))

    def swapped(right: ChatAnswer, request: ChatRequest) -> ChatAnswer:
        (name, arguments) = calls[1 - int(request.key.step[-1])]
        return ChatAnswer(tool_calls=(ToolCall(name=name, arguments=compact(arguments)),))

    with pytest.raises(Rejected) as caught:
        made(row, RowPlayer([row], {(0, 0): swapped, (0, 1): swapped}), attempts=1)
    assert caught.value.reason is FailureReason.STATE_DIFFERS


def test_a_judge_has_a_say_in_what_is_kept() -> None:
    row = desk_row(RATING)

    class Strict:
        """Wants whole sentences."""

        async def fault(self, row: Trajectory, turn: int, rollout: Rollout) -> str:
            """What is wrong with a closing message."""
            return "" if rollout.turns[turn].reply.startswith("Silver Fig") else "no sentence"

    model = RowPlayer([row], {(0, 1): by_sample(ChatAnswer(content="4.5."), None)})
    positives = Positives(models=model, world=desk_world(), attempts=2, judge=Strict())
    assert asyncio.run(positive_row(row, positives)) == row
    with pytest.raises(Rejected) as caught:
        asyncio.run(positive_row(row, replace(positives, attempts=1)))
    assert caught.value.reason is FailureReason.WRONG_SUMMARY
