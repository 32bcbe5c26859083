"""Right rollouts pass, and each way to be wrong is found with its own reason."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from magnet_ray.config import load_config
from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import Rejected
from magnet_ray.llm.base import ChatAnswer, Role, ToolCall
from magnet_ray.rollouts.acceptance import TurnVerdict, check_rollout, check_summaries, turn_verdicts
from magnet_ray.rollouts.rollout import Player, Rollout, World, roll_out
from magnet_ray.synthesis import make_rows, prepare
from magnet_ray.types import Category, FailureReason, Trajectory, compact, parsed
from tests.booking_desk import EVENING, RATING, UNCLEAR, Turn, desk_row, desk_world
from tests.builtin_recipe import builtin_recipe, builtin_rows, rows_of
from tests.row_player import Change, RowPlayer
from tests.tiny_world import TinyWorld

Changes = dict[tuple[int, int], Change | ChatAnswer]
Call = tuple[str, dict[str, object]]

OPENING: Turn = (
    "Is Green Orchard open? And Silver Fig?",
    [("is_open", {"place": "Green Orchard"}), ("is_open", {"place": "Silver Fig"})],
    "Both are open.",
)
BOTH: Turn = (
    "Book Green Orchard and Silver Fig.",
    [("book_table", {"place": "Green Orchard"}), ("book_table", {"place": "Silver Fig"})],
    "Done: TBL-G7 and TBL-S7.",
)
LOOK: Turn = ("What have I booked?", [("list_bookings", {})], "Here is your list.")


def simulated(name: str, description: str, parameters: dict[str, str], returns: dict[str, str]) -> dict[str, object]:
    """A line of a `jsonl` source."""
    properties = {key: {"type": kind, "description": key.replace("_", " ")} for key, kind in parameters.items()}
    return {
        "name": name,
        "description": description,
        "parameters": {"type": "object", "properties": properties, "required": list(parameters)},
        "returns": {"type": "object", "properties": {key: {"type": kind} for key, kind in returns.items()}},
        "category": "Travel",
    }


SIMULATED = [
    simulated("search_hotel", "Find a hotel in a city.", {"city": "string"}, {"hotel_id": "string", "price": "number"}),
    simulated("hotel_details", "Show the details of a hotel.", {"hotel_id": "string"}, {"name": "string", "rating": "number"}),
    simulated("city_weather", "Tell the weather of a city.", {"city": "string"}, {"temperature": "number", "summary": "string"}),
    simulated("exchange_rate", "Look up the exchange rate of a currency.", {"currency": "string"}, {"rate": "number"}),
    simulated("find_flight", "Find a flight to a city.", {"city": "string"}, {"flight_id": "string", "departure": "string"}),
    simulated("flight_status", "Tell the status of a flight.", {"flight_id": "string"}, {"status": "string", "gate": "string"}),
]


def builtin_world() -> World:
    return World(pool=builtin_recipe().workshop.pool, open_environment=open_environment)


def played(row: Trajectory, changes: Changes, world: World) -> Rollout:
    return asyncio.run(roll_out(row, Player(model=RowPlayer([row], changes), role=Role.STUDENT), world))


def calling(*calls: Call) -> ChatAnswer:
    return ChatAnswer(tool_calls=tuple(ToolCall(name=name, arguments=compact(arguments)) for name, arguments in calls))


def saying(content: str) -> ChatAnswer:
    return ChatAnswer(content=content, finish_reason="stop")


def adding(text: str) -> Change:
    """The right answer with something more."""
    return lambda answer, request: replace(answer, content=f"{answer.content} {text}".strip())


def verdicts(row: Trajectory, changes: Changes, world: World | None = None) -> tuple[TurnVerdict, ...]:
    world = world or desk_world()
    return turn_verdicts(row, played(row, changes, world), world)


def reasons(row: Trajectory, changes: Changes, world: World | None = None) -> list[FailureReason | None]:
    return [verdict.reason for verdict in verdicts(row, changes, world)]


def outcome(row: Trajectory, changes: Changes, world: World | None = None) -> FailureReason | None:
    world = world or desk_world()
    try:
        check_rollout(row, played(row, changes, world), world)
    except Rejected as rejected:
        return rejected.reason
    return None


def test_rows_played_as_they_are_pass() -> None:
    world = builtin_world()
    failed = [(row.id, reason) for row in builtin_rows() if (reason := outcome(row, {}, world))]
    assert len(failed) <= len(builtin_rows()) // 100
    assert {reason for _, reason in failed} <= {FailureReason.WRONG_SUMMARY}
    assert {row.category for row in builtin_rows()} == set(Category)


def test_rows_of_a_simulated_pool_pass(tmp_path: Path) -> None:
    tools = tmp_path / "tools.jsonl"
    tools.write_text("\n".join(map(compact, SIMULATED)), encoding="utf-8")
    recipe = prepare(load_config(overrides={"seed": 3, "sources": (f"jsonl:{tools}",)}), open_environment)
    world = World(pool=recipe.workshop.pool, open_environment=open_environment)
    rows, _ = make_rows(range(100), recipe)
    assert len(rows) > 80
    assert [row.id for row in rows if outcome(row, {}, world) not in {None, FailureReason.WRONG_SUMMARY}] == []
    assert sum(outcome(row, {}, world) is None for row in rows) >= 0.98 * len(rows)


# Real conversations, one for each reason


def first_with(category: Category, choose: Callable[[Trajectory], bool] = lambda row: True) -> Trajectory:
    return next(row for row in rows_of(category) if choose(row))


def miss_turn(row: Trajectory) -> int:
    return next(index for index, calls in enumerate(parsed(row.reference_calls)) if not calls)


def last_calls(row: Trajectory) -> tuple[int, list[dict[str, object]]]:
    calls = parsed(row.reference_calls)
    index = max(index for index, found in enumerate(calls) if found)
    return index, calls[index]


def is_write(name: str) -> bool:
    return builtin_recipe().workshop.pool.spec(name).effect.value == "write"


def test_an_over_eager_call_instead_of_a_question_is_caught() -> None:
    for row in rows_of(Category.MISS_PARAMS):
        turn = miss_turn(row)
        call = parsed(row.reference_calls)[turn + 1][0]
        changes: Changes = {(turn, 0): calling((call["name"], call["arguments"])), (turn, 1): saying("All done.")}
        assert outcome(row, changes, builtin_world()) is FailureReason.CALLED_INSTEAD_OF_ASKING
        found = verdicts(row, changes, builtin_world())[turn]
        assert found.unexpected == (0,) and found.missed == ()


def test_even_a_reading_is_too_much_where_no_function_fits() -> None:
    for row in rows_of(Category.IRRELEVANCE)[:5]:
        name = parsed(row.tools)[0]["function"]["name"]
        changes: Changes = {(0, 0): calling((name, {})), (0, 1): saying("Sorry, that is not possible.")}
        assert outcome(row, changes, builtin_world()) is FailureReason.CALLED_INSTEAD_OF_ASKING


def test_a_claim_instead_of_a_question_is_caught() -> None:
    row = first_with(Category.MISS_PARAMS)
    assert outcome(row, {(miss_turn(row), 0): saying("All set, it is taken care of.")}, builtin_world()) is FailureReason.WRONG_SUMMARY


def test_a_write_that_was_left_out_leaves_another_state() -> None:
    row = first_with(Category.SINGLE, lambda row: is_write(parsed(row.reference_calls)[0][0]["name"]))
    changes: Changes = {(0, 0): saying("It is done.")}
    assert outcome(row, changes, builtin_world()) is FailureReason.STATE_DIFFERS
    assert verdicts(row, changes, builtin_world())[0].missed == (0,)


def test_a_reading_that_was_left_out_is_missed() -> None:
    row = first_with(Category.SINGLE, lambda row: not is_write(parsed(row.reference_calls)[0][0]["name"]))
    changes: Changes = {(0, 0): saying("I had a look.")}
    assert outcome(row, changes, builtin_world()) is FailureReason.OUTPUT_MISSED
    assert verdicts(row, changes, builtin_world())[0].missed == (0,)


def test_a_number_that_no_output_holds_is_caught() -> None:
    for row in rows_of(Category.MULTI_TURN)[:8]:
        turn, _ = last_calls(row)
        end = len(RowPlayer([row]).answers[row.id][turn]) - 1
        assert outcome(row, {(turn, end): adding("In all that is $98,317.46.")}, builtin_world()) is FailureReason.WRONG_SUMMARY


@pytest.mark.parametrize("text", ["As the hint says, that is it.", "I followed the reference calls.", "I was told to call it like this."])
def test_talk_of_a_hint_is_caught(text: str) -> None:
    row = first_with(Category.MULTI_TURN)
    turn, _ = last_calls(row)
    end = len(RowPlayer([row]).answers[row.id][turn]) - 1
    for place in ((turn, 0), (turn, end)):
        assert outcome(row, {place: adding(text)}, builtin_world()) is FailureReason.HINT_LEAK


def test_a_function_named_to_the_user_is_caught() -> None:
    row = first_with(Category.MULTI_TURN)
    turn, calls = last_calls(row)
    end = len(RowPlayer([row]).answers[row.id][turn]) - 1
    for text in (f"I used {calls[0]['name']} for this.", f"I ran {calls[0]['name']}({compact(calls[0]['arguments'])})."):
        assert outcome(row, {(turn, end): adding(text)}, builtin_world()) is FailureReason.HINT_LEAK


def test_a_turn_that_does_not_end_is_caught_with_what_was_said() -> None:
    row = first_with(Category.MULTI_TURN)
    cut = ChatAnswer(content="The table is", finish_reason="length")
    rollout = played(row, {(1, 0): cut}, builtin_world())
    with pytest.raises(Rejected) as caught:
        check_rollout(row, rollout, builtin_world())
    assert caught.value.reason is FailureReason.NOT_ENDED
    assert caught.value.raw == "The table is"
    assert caught.value.detail.startswith("turn 1: ")


# A desk on which every state is known


def test_an_extra_write_is_caught_even_when_it_is_undone() -> None:
    row = desk_row(EVENING, RATING)
    undone: Changes = {
        (1, 1): calling(("book_table", {"place": "Silver Fig"})),
        (1, 2): calling(("cancel_booking", {"code": "TBL-S7"})),
        (1, 3): saying(RATING[2]),
    }
    assert reasons(row, undone) == [None, FailureReason.EXTRA_WRITE]
    assert verdicts(row, undone)[1].unexpected == (1, 2)
    kept: Changes = {(1, 1): calling(("book_table", {"place": "Silver Fig"})), (1, 2): saying(RATING[2])}
    assert reasons(row, kept) == [None, FailureReason.EXTRA_WRITE]


def test_the_same_write_made_twice_is_one_too_many() -> None:
    once = ("book_table", {"place": "Green Orchard", "guests": 3})
    assert reasons(desk_row(EVENING), {(0, 0): calling(once, once)}) == [FailureReason.EXTRA_WRITE]


def test_a_write_to_another_domain_is_extra_too() -> None:
    opened: list[TinyWorld] = []
    world = desk_world(opened)
    row = desk_row(RATING)
    rollout = played(row, {}, world)
    first = rollout.turns[0].calls[0]
    elsewhere = replace(first, function="list_rooms", arguments="{}", output='{"rooms":[]}', wrote=True)
    changed = replace(rollout, turns=(replace(rollout.turns[0], calls=(first, elsewhere)),))
    assert turn_verdicts(row, changed, world)[0].reason is FailureReason.EXTRA_WRITE


def test_another_value_leaves_another_state() -> None:
    wrong = calling(("book_table", {"place": "Silver Fig", "guests": 3}))
    (found,) = verdicts(desk_row(EVENING), {(0, 0): wrong})
    assert (found.reason, found.missed, found.unexpected) == (FailureReason.STATE_DIFFERS, (0,), (0,))


def test_extra_readings_and_failed_calls_are_allowed() -> None:
    changes: Changes = {
        (0, 0): calling(("list_bookings", {}), ("rate", {"place": "Salt Cellar"})),
        (0, 1): calling(("book_table", {"place": "Moonbase"})),
        (0, 2): calling(*EVENING[1]),
        (0, 3): saying(EVENING[2]),
    }
    (found,) = verdicts(desk_row(EVENING), changes)
    assert (found.reason, found.missed, found.unexpected) == (None, (), (2,))


def test_what_was_seen_early_need_not_be_read_again() -> None:
    row = desk_row(EVENING, RATING)
    early: Changes = {(0, 1): calling(*RATING[1]), (0, 2): saying(EVENING[2]), (1, 0): saying(RATING[2])}
    assert reasons(row, early) == [None, None]


def test_what_has_changed_since_must_be_read_again() -> None:
    row = desk_row(LOOK, EVENING, ("And now?", [("list_bookings", {})], "Green Orchard alone."))
    assert reasons(row, {}) == [None, None, None]
    assert reasons(row, {(2, 0): saying("Green Orchard alone.")}) == [None, None, FailureReason.OUTPUT_MISSED]


def test_a_default_may_be_spelled_out() -> None:
    row = desk_row(("Book Silver Fig.", [("book_table", {"place": "Silver Fig"})], "Booked as TBL-S7."))
    assert reasons(row, {(0, 0): calling(("book_table", {"guests": 2, "place": "Silver Fig"}))}) == [None]


def test_a_bare_output_counts_for_the_same_arguments_only() -> None:
    row = desk_row(OPENING)
    assert reasons(row, {}) == [None]
    wrong = calling(("is_open", {"place": "Green Orchard"}), ("is_open", {"place": "Salt Cellar"}))
    (found,) = verdicts(row, {(0, 0): wrong, (0, 1): saying(OPENING[2])})
    assert (found.reason, found.missed) == (FailureReason.OUTPUT_MISSED, (1,))


def test_writes_of_one_turn_may_come_in_another_order() -> None:
    row = desk_row(BOTH, (LOOK[0], LOOK[1], "You have booked Green Orchard and Silver Fig."))
    swapped: Changes = {(0, 0): calling(BOTH[1][1]), (0, 1): calling(BOTH[1][0])}
    rollout = played(row, swapped, desk_world())
    assert rollout.turns[-1].state != row.final_state
    assert reasons(row, swapped) == [None, None]
    # An order is no excuse for another call.
    wrong: Changes = {(0, 0): calling(BOTH[1][1]), (0, 1): calling(("book_table", {"place": "Salt Cellar"}))}
    assert reasons(row, wrong)[0] is FailureReason.STATE_DIFFERS


def test_misses_that_ask_pass_and_functions_that_come_later_may_be_named_by_the_user_alone() -> None:
    row = desk_row(UNCLEAR, EVENING, category=Category.MISS_PARAMS)
    assert reasons(row, {}) == [None, None]
    named = desk_row(("Use list_bookings, please.", [("list_bookings", {})], "list_bookings shows nothing."))
    assert reasons(named, {}) == [None]
    unnamed = desk_row(("What is booked?", [("list_bookings", {})], "list_bookings shows nothing."))
    assert reasons(unnamed, {}) == [FailureReason.HINT_LEAK]


def test_a_row_whose_reference_no_longer_replays_says_so() -> None:
    row = desk_row(EVENING)
    for broken in (
        replace(row, final_state="{}"),
        replace(row, reference_calls=json.dumps([[{"name": "book_table", "arguments": {"place": "Moonbase"}, "nested": False}]])),
    ):
        assert outcome(broken, {}) is FailureReason.REPLAY_DIFFERS


def test_environments_are_closed() -> None:
    opened: list[TinyWorld] = []
    outcome(desk_row(EVENING, RATING), {}, desk_world(opened))
    outcome(replace(desk_row(EVENING), final_state="{}"), {}, desk_world(opened))
    assert opened and {desk.closed for desk in opened} == {1}


# A model that reads the summaries


class Critic:
    """Finds fault with one turn."""

    def __init__(self, turn: int) -> None:
        self.turn, self.read = turn, list[int]()

    async def fault(self, row: Trajectory, turn: int, rollout: Rollout) -> str:
        """Says what is wrong with its turn."""
        self.read.append(turn)
        return "it leaves out the price" if turn == self.turn else ""


def test_a_judge_reads_every_closing_message_until_one_is_wrong() -> None:
    row = desk_row(EVENING, RATING, UNCLEAR)
    rollout = played(row, {}, desk_world())
    content = Critic(9)
    asyncio.run(check_summaries(row, rollout, content))
    assert content.read == [0, 1, 2]
    with pytest.raises(Rejected) as caught:
        asyncio.run(check_summaries(row, rollout, Critic(1)))
    assert caught.value.reason is FailureReason.WRONG_SUMMARY
    assert caught.value.raw == RATING[2]
