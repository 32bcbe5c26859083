"""Playing held-out conversations: the reference is right everywhere, silence nowhere, and single mistakes are found where they are."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from evals.conversation_workers import hold_here
from evals.endpoint import BadReply, Chat
from evals.evaluation_jobs import Silent
from evals.evaluation_runs import EvaluationRun
from evals.heldout.conversations import HeldOutConfig
from evals.heldout.job import KIND
from evals.heldout.report import HeldOutReport, operation_effects
from evals.heldout.turns import CALLING, ConversationResult, Due, TurnResult, dues
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest, ToolCall
from magnet_ray.types import Category, FailureReason, Trajectory, parsed
from tests.evals.agents import Changed, opens
from tests.evals.heldout.rows import job_of, rows_of
from tests.scripted_student import real_rows


def played(row: Trajectory, agent: base.ChatModel) -> ConversationResult:
    """What an agent's conversation is worth."""
    result = asyncio.run(job_of([row]).perform(row.id, Chat(agent, row.id)))
    return ConversationResult.from_json(json.loads(json.dumps(result)))


def changed(row: Trajectory, change: Callable[[ChatRequest, ChatAnswer], ChatAnswer]) -> ConversationResult:
    """What the reference agent is worth when its answers are changed."""
    return played(row, Changed(job_of([row]).reference_agent(), change))


def turn_of(request: ChatRequest) -> int:
    return int(request.key.step.partition(".")[0])


@pytest.mark.parametrize("category", list(Category))
def test_the_reference_agent_is_right_and_the_silent_one_is_not(category: Category) -> None:
    for row in rows_of(category):
        reference = played(row, job_of([row]).reference_agent())
        assert reference.right, reference.turns
        assert [turn.due for turn in reference.turns] == list(dues(row))
        assert all(turn.faithful for turn in reference.turns if turn.due in CALLING)
        silent = played(row, Silent())
        assert not any(turn.right for turn in silent.turns if turn.due in CALLING)
        assert not silent.right


def test_one_that_always_declines_is_right_only_where_nothing_is_to_be_called() -> None:
    refusing = Silent("Sorry, I cannot do that.")
    assert all(played(row, refusing).right for row in rows_of(Category.IRRELEVANCE))
    for row in [*rows_of(Category.MISS_FUNC), *rows_of(Category.MISS_PARAMS), *rows_of(Category.MULTI_TURN)]:
        for turn in played(row, refusing).turns:
            assert turn.right is (turn.due not in CALLING)


def test_a_miss_is_completed_with_the_tools_that_come_later() -> None:
    for row in rows_of(Category.MISS_FUNC):
        agent = Changed(job_of([row]).reference_agent())
        assert played(row, agent).right
        miss = dues(row).index(Due.MISS_FUNC)
        late = {tool["function"]["name"] for tool in parsed(row.tools_added)[str(miss + 1)]}
        for request in agent.requests:
            offered = {tool["function"]["name"] for tool in json.loads(request.tools or "[]")}
            assert (late <= offered) is (turn_of(request) > miss)
        assert dues(row)[miss + 1] is Due.COMPLETED


def test_calling_something_where_a_value_is_missing_is_no_recognised_miss() -> None:
    row = rows_of(Category.MISS_PARAMS)[0]
    miss = dues(row).index(Due.MISS_PARAMS)
    name = parsed(row.tools)[0]["function"]["name"]

    def calls(request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
        if request.key.step != f"{miss}.0":
            return answer
        return ChatAnswer(tool_calls=(ToolCall(name=name, arguments="{}"),), finish_reason="tool_calls")

    turn = changed(row, calls).turns[miss]
    assert (turn.right, turn.reason) == (False, "called_instead_of_asking")


def test_a_write_too_many_a_write_left_out_and_a_reading_left_out_are_told_apart() -> None:
    found = set()
    for row in rows_of(Category.MULTI_TURN, 20):
        for turn, calls in enumerate(parsed(row.reference_calls)):
            if len(calls) == 1:
                result = changed(row, partial(_silent_in, turn))
                assert not result.turns[turn].right
                found.add(result.turns[turn].reason)
            twice = changed(row, partial(_twice_in, turn))
            found.add(twice.turns[turn].reason)
    assert found == {"", "state_differs", "output_missed", "extra_write"}


def _silent_in(turn: int, request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
    return ChatAnswer(content="Okay.", finish_reason="stop") if turn_of(request) == turn else answer


def _twice_in(turn: int, request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
    if turn_of(request) != turn or not answer.tool_calls:
        return answer
    return ChatAnswer(tool_calls=answer.tool_calls * 2, finish_reason="tool_calls")


def test_an_invented_summary_is_no_wrong_turn_but_unfaithful() -> None:
    row = rows_of(Category.SINGLE)[0]

    def invents(request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
        return answer if answer.tool_calls else ChatAnswer(content="It is under reference ZQX-90817.", finish_reason="stop")

    (turn,) = changed(row, invents).turns
    assert (turn.right, turn.faithful) == (True, False)
    assert "ZQX-90817" in turn.detail


def test_a_conversation_that_the_endpoint_refuses_ends_there_and_keeps_what_was_right() -> None:
    row = next(row for row in rows_of(Category.MULTI_TURN) if row.num_turns > 2)

    def too_long(request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
        if turn_of(request) == 1:
            raise BadReply(FailureReason.MODEL_UNAVAILABLE, "the conversation is too long", "refused")
        return answer

    result = changed(row, too_long)
    assert [turn.right for turn in result.turns] == [True] + [False] * (row.num_turns - 1)
    assert [turn.reason for turn in result.turns[1:]] == ["not_ended"] + ["not_reached"] * (row.num_turns - 2)


def test_what_the_model_emitted_is_kept_byte_for_byte() -> None:
    row = rows_of(Category.SINGLE)[0]
    odd = ToolCall(name="no_such_tool", arguments='{"a":  1,}')

    def first_nonsense(request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
        return ChatAnswer(tool_calls=(odd,), finish_reason="tool_calls") if request.key.step == "0.0" else answer

    result = changed(row, first_nonsense)
    (call,) = next(message for message in result.messages if message.get("tool_calls"))["tool_calls"]
    assert call["function"] == {"name": "no_such_tool", "arguments": '{"a":  1,}'}
    cut = changed(row, lambda request, answer: ChatAnswer(content="I will just", finish_reason="length"))
    assert (cut.cut, cut.turns[0].reason) == ("I will just", "not_ended")


def made(rows: list[Trajectory], agent: base.ChatModel, out: Path) -> HeldOutReport:
    """The report of an evaluation in this process."""
    job = job_of(rows)
    with EvaluationRun.open(out, KIND, HeldOutConfig(), resume=False) as run:
        return job.report(hold_here(run, job, opens(agent)))


def test_the_report_scores_misses_apart_and_names_what_hurts(tmp_path: Path) -> None:
    rows = list(real_rows()[:120])
    hurt = {row.id for row in rows if "insert_long" in row.ops}

    def stumbles(request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
        stumbling = request.key.record in hurt and answer.tool_calls
        return ChatAnswer(content="Okay.", finish_reason="stop") if stumbling else answer

    report = made(rows, Changed(job_of(rows).reference_agent(), stumbles), tmp_path / "run")
    whole, missing = report.table.score("conversations"), report.table.score("missing function recognised")
    assert whole and missing
    assert round(whole.value * whole.count) == len(rows) - len(hurt)
    assert (missing.value, missing.count) == (1.0, sum(row.category is Category.MISS_FUNC for row in rows))
    worst = report.operations[0]
    assert (worst.operation, worst.with_it.value, worst.without.value, worst.verdict) == ("insert_long", 0.0, 1.0, "hurts")
    assert set(report.reasons) <= {"state_differs", "output_missed"}
    assert sum(report.reasons.values()) == len(hurt)
    assert "| insert_long |" in report.markdown()
    assert json.loads(report.files()["scores.json"])["operations"]["insert_long"]["with"] == 0.0


def test_an_interval_of_a_difference_holds_the_difference() -> None:
    def result(right: bool, *ops: str) -> ConversationResult:
        turn = TurnResult(due=Due.CALLS, right=right)
        return ConversationResult(category="multi_turn", ops=ops, domains=("d",), turns=(turn,), messages=())

    results = [result(n % 3 == 0, "merge") for n in range(30)] + [result(n % 2 == 0) for n in range(40)]
    (effect,) = operation_effects(results)
    middle, low, high = effect.difference
    assert low < middle < high
    assert round(middle, 3) == round(1 / 3 - 1 / 2, 3)
    assert effect.verdict == "not told apart"
