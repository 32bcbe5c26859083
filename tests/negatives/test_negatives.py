"""From a student's mistakes to pairs: found, played out again by a teacher, kept when really wrong and plausible."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import pytest

from magnet_ray.errors import BudgetSpent, Rejected
from magnet_ray.llm.base import ChatAnswer, ChatRequest, Role
from magnet_ray.negatives.misleading import FromTurn, hint_trace, misleading_hint
from magnet_ray.negatives.negatives import Cast, NegativeSettings, negative_pairs
from magnet_ray.negatives.pairs import check_pair
from magnet_ray.rollouts.rollout import RolledCall, RolledTurn, Rollout
from magnet_ray.types import Category, ErrorType, Failure, FailureReason, PreferencePair, Trajectory
from tests.scripted_student import Mistake, Student, calling, mistakes, place, played, real_rows, said, world

_CALL = re.compile(r"^\d+\. (\w+)\((\{.*\})\)$", re.MULTILINE)


@dataclass(slots=True)
class Students:
    """A student whose rollouts differ: sample -> mistake."""

    row: Trajectory
    """The conversation."""
    made: Mapping[int, Mistake]
    """Sample -> what goes wrong in it; others are right."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The next message of that sample's script."""
        assert request.key.role is Role.STUDENT
        return await Student(self.row, self.made.get(request.key.attempt // 100)).answer(request)


@dataclass(slots=True)
class Teacher:
    """Does what its hint says, and what the row says where there is none."""

    row: Trajectory
    """The conversation."""
    words: str = "Here is what came of it."
    """How it closes a turn with a hint that gives it no words."""
    obedient: bool = True
    """Whether it heeds the hint."""
    requests: list[ChatRequest] = field(default_factory=list)
    """What it was asked."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The hint's calls in one round, then a closing message."""
        self.requests.append(request)
        turn, number = place(request)
        query = next(message["content"] for message in reversed(request.messages) if message["role"] == "user")
        if "[Hint]" not in query or not self.obedient:
            return said(self.row, turn, number)
        calls = [(name, json.loads(arguments)) for name, arguments in _CALL.findall(query)]
        if calls and not number:
            return calling(calls)
        return ChatAnswer(content=query.partition("as this one:\n")[2] or self.words, finish_reason="stop")


class Judge:
    """Finds fault with every closing message that holds a word."""

    def __init__(self, word: str) -> None:
        self.word = word

    async def fault(self, row: Trajectory, turn: int, rollout: Rollout) -> str:
        """What is wrong with a closing message."""
        return f"says {self.word}" if self.word in rollout.turns[turn].reply else ""


def place_for(kind: ErrorType) -> tuple[Trajectory, Mistake]:
    """A real conversation with a place for a mistake, not in its last turn."""
    rows = [row for row in real_rows() if row.category is not Category.SINGLE]
    return next((row, mistake) for row in rows for mistake in mistakes(row) if mistake.kind is kind and mistake.turn + 1 < row.num_turns)


def outcome(row: Trajectory, cast: Cast, **settings: object) -> tuple[list[PreferencePair], list[Failure]]:
    """What a row gives with two rollouts of the student."""
    return asyncio.run(negative_pairs(row, cast, world(), replace(NegativeSettings(rollouts=2), **settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", list(ErrorType))
def test_a_students_mistake_of_each_kind_becomes_a_pair_in_a_teachers_words(kind: ErrorType) -> None:
    row, mistake = place_for(kind)
    teacher = Teacher(row)
    (pair,), failures = outcome(row, Cast(student=Students(row, {0: mistake}), teacher=teacher))
    assert (pair.error_type, pair.divergence_turn, pair.source) == (kind, mistake.turn, "hinted")
    assert not failures
    check_pair(pair, row, world())
    assert "[Hint]" not in pair.prompt + pair.rejected
    assert any("[Hint]" in str(request.messages) for request in teacher.requests)
    assert all(request.key.role is Role.RESPONDER for request in teacher.requests)


@pytest.mark.parametrize("kind", list(ErrorType))
def test_without_a_teacher_the_students_own_words_are_rejected(kind: ErrorType) -> None:
    row, mistake = place_for(kind)
    (pair,), failures = outcome(row, Cast(student=Students(row, {1: mistake})))
    assert (pair.error_type, pair.source) == (kind, "student")
    assert not failures
    check_pair(pair, row, world())
    assert json.loads(pair.rejected)[-1]["content"]


def test_the_same_mistake_counts_once_and_right_rollouts_count_nothing() -> None:
    row, mistake = place_for(ErrorType.LONG_DEPENDENCY)
    other = next(other for other in mistakes(row) if other.kind is ErrorType.WRONG_SUMMARY)
    cast = Cast(student=Students(row, {0: mistake, 2: mistake, 3: other, 4: replace(mistake, reply="Done now.")}))
    pairs, failures = outcome(row, cast, rollouts=6)
    assert sorted(pair.error_type for pair in pairs) == ["long_dependency", "wrong_summary"]
    assert not failures


def test_a_student_that_makes_no_mistake_gives_neither_pairs_nor_failures() -> None:
    row, _ = place_for(ErrorType.LONG_DEPENDENCY)
    assert outcome(row, Cast(student=Students(row, {}))) == ([], [])


def test_rules_fill_in_what_the_student_did_not_get_wrong_where_that_is_asked_for() -> None:
    row, mistake = place_for(ErrorType.LONG_DEPENDENCY)
    pairs, _ = outcome(row, Cast(student=Students(row, {0: mistake})), fill=True)
    assert {pair.source for pair in pairs} == {"student", "rule"}
    assert [pair.error_type for pair in pairs].count(ErrorType.LONG_DEPENDENCY) == 1


def test_a_teacher_that_does_the_right_thing_all_the_same_gives_a_failure_with_what_it_said() -> None:
    row, mistake = place_for(ErrorType.SHORT_DEPENDENCY)
    pairs, (failure,) = outcome(row, Cast(student=Students(row, {0: mistake}), teacher=Teacher(row, obedient=False)))
    assert not pairs
    assert (failure.reason, failure.stage, failure.id) == (FailureReason.NOT_WRONG, "negatives", row.id)
    assert failure.raw


def test_a_teacher_that_speaks_of_the_hint_gives_a_failure() -> None:
    row, mistake = place_for(ErrorType.SHORT_DEPENDENCY)
    teacher = Teacher(row, words="According to the hint, this is done.")
    pairs, (failure,) = outcome(row, Cast(student=Students(row, {0: mistake}), teacher=teacher))
    assert not pairs
    assert failure.reason is FailureReason.HINT_LEAK
    assert "hint" in failure.raw


def test_a_turn_that_the_teacher_does_not_close_is_implausible() -> None:
    row, mistake = place_for(ErrorType.SHORT_DEPENDENCY)
    pairs, (failure,) = outcome(row, Cast(student=Students(row, {0: mistake}), teacher=Teacher(row, words="")))
    assert not pairs
    assert failure.reason is FailureReason.IMPLAUSIBLE


def test_arguments_that_are_no_json_are_implausible() -> None:
    row, mistake = place_for(ErrorType.LONG_DEPENDENCY)

    class Garbling:
        async def answer(self, request: ChatRequest) -> ChatAnswer:
            answer = await Student(row, mistake).answer(request)
            if place(request)[0] != mistake.turn:
                return answer
            return replace(answer, tool_calls=tuple(replace(call, arguments=call.arguments[:-1]) for call in answer.tool_calls))

    for teacher in (None, Teacher(row)):
        pairs, failures = outcome(row, Cast(student=Garbling(), teacher=teacher), rollouts=1)
        assert not pairs
        assert [failure.reason for failure in failures] == [FailureReason.IMPLAUSIBLE]


def test_a_mistake_of_no_kind_is_counted_and_gives_no_pair() -> None:
    row, _ = place_for(ErrorType.LONG_DEPENDENCY)
    pairs, failures = outcome(row, Cast(student=Students(row, {0: Mistake(turn=0, kind=None, rounds=(), reply="")})))
    assert not pairs
    assert [failure.reason for failure in failures] == [FailureReason.NOT_ENDED]


def test_a_row_that_fails_its_own_check_gives_only_a_failure() -> None:
    row = next(row for row in real_rows() if row.category is Category.SINGLE)
    messages = json.loads(row.messages)
    messages[-1]["content"] = "Your reference is QQ-99871."
    wrong = replace(row, messages=json.dumps(messages))
    pairs, (failure,) = outcome(wrong, Cast(student=Students(wrong, {})))
    assert not pairs
    assert failure.reason is FailureReason.WRONG_SUMMARY


def test_a_model_may_read_the_closing_messages_that_the_environment_finds_right() -> None:
    row = next(row for row in real_rows() if row.category is Category.MULTIPLE)
    right = next(mistake for mistake in mistakes(row) if mistake.kind is ErrorType.WRONG_SUMMARY)
    cast = Cast(student=Students(row, {0: replace(right, reply="Everything went swimmingly.")}), judge=Judge("swimmingly"))
    (pair,), _ = outcome(row, cast)
    assert pair.error_type is ErrorType.WRONG_SUMMARY
    assert "swimmingly" in pair.rejected
    (pair,), _ = outcome(row, replace(cast, teacher=Teacher(row)))
    assert pair.source == "hinted"


def test_a_model_that_is_unavailable_gives_a_failure_and_a_spent_budget_stops_the_run() -> None:
    row, mistake = place_for(ErrorType.LONG_DEPENDENCY)

    class Gone:
        def __init__(self, error: Exception) -> None:
            self.error = error

        async def answer(self, request: ChatRequest) -> ChatAnswer:
            raise self.error

    _, failures = outcome(row, Cast(student=Gone(Rejected(FailureReason.MODEL_UNAVAILABLE, "503"))))
    assert [failure.reason for failure in failures] == [FailureReason.MODEL_UNAVAILABLE] * 2
    with pytest.raises(BudgetSpent):
        outcome(row, Cast(student=Students(row, {0: mistake}), teacher=Gone(BudgetSpent("tokens"))))


def test_the_same_rollouts_give_the_same_pairs() -> None:
    row, mistake = place_for(ErrorType.NESTED_MISSING)
    cast = Cast(student=Students(row, {0: mistake}), teacher=Teacher(row))
    assert outcome(row, cast) == outcome(row, cast)
    assert outcome(row, Cast()) == outcome(row, Cast())


def test_no_two_requests_share_a_key() -> None:
    row, mistake = place_for(ErrorType.LONG_DEPENDENCY)
    other = next(other for other in mistakes(row) if other.kind is ErrorType.WRONG_SUMMARY)
    teacher = Teacher(row)
    outcome(row, Cast(student=Students(row, {0: mistake, 1: other}), teacher=teacher))
    keys = [str(request.key) for request in teacher.requests]
    assert len(keys) == len(set(keys)) > 2


def test_a_teacher_is_asked_for_the_turns_of_the_pair_alone() -> None:
    row, mistake = place_for(ErrorType.LONG_DEPENDENCY)
    for extent, last in (("turn", mistake.turn), ("trajectory", row.num_turns - 1)):
        teacher = Teacher(row)
        outcome(row, Cast(student=Students(row, {0: mistake}), teacher=teacher), extent=extent)
        added = [int(turn) - 1 for turn in json.loads(row.tools_added) if int(turn) > mistake.turn]
        asked = {place(request)[0] for request in teacher.requests}
        assert (min(asked), max(asked)) == (mistake.turn, min([last, *added]))


def test_until_a_model_takes_over_the_rows_own_messages_answer() -> None:
    row = next(row for row in real_rows() if row.category is Category.MULTI_TURN)
    rollout = played(row, FromTurn(row, row.num_turns, row.num_turns, Student(row)))
    assert rollout == replace(played(row, Student(row)))


def test_a_hint_holds_the_wrong_calls_and_the_wrong_words_where_they_are_the_mistake() -> None:
    call = RolledCall(function="find", arguments='{"a": 1}', output="{}", accepted=True, wrote=False)
    turn = RolledTurn(calls=(call,), rounds=((0,),), reply="It is 7.", ended=True, state="{}")
    assert "It is 7." not in misleading_hint(turn, closing=False)
    assert 'find({"a":1})' in misleading_hint(turn, closing=False)
    assert "It is 7." in misleading_hint(turn, closing=True)
    silent = misleading_hint(replace(turn, calls=(), rounds=()), closing=False)
    assert "It is 7." in silent
    assert "Call nothing" in silent


def test_a_trace_of_a_hint_is_found_from_the_asked_for_turn_on() -> None:
    row = next(row for row in real_rows() if row.category is Category.MULTI_TURN)
    rollout = played(row, Student(row, Mistake(turn=0, kind=None, rounds=(), reply="The hint says so.")))
    assert hint_trace(row, rollout, world(), first=0)
    assert not hint_trace(row, rollout, world(), first=1)
