"""Playing and scoring tasks: the reference scores everything, silence nothing, and everything between what it should."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from evals.conversation_workers import hold_here
from evals.endpoint import Chat
from evals.evaluation_jobs import Silent
from evals.evaluation_runs import EvaluationRun
from evals.toolquery.job import KIND, Guide, ToolQueryConfig, ToolQueryJob
from evals.toolquery.playing import REMINDER, Ending, Played, play
from evals.toolquery.report import ToolQueryReport
from evals.toolquery.scoring import TaskScore, same_answer, score_task
from evals.toolquery.tasks import all_tasks
from evals.toolquery.tools import FINISH, Task
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest, ToolCall
from tests.evals.agents import Changed, opens
from tests.scripted_model import ScriptedModel

TASK = all_tasks()["weather-warmer_of_two-0"]


def played(task: Task, agent: base.ChatModel, max_steps: int = 20) -> tuple[Played, TaskScore]:
    """A task as an agent plays it, and what that is worth."""
    result = asyncio.run(play(task, Chat(agent, task.id), max_steps))
    again = Played.from_json(json.loads(json.dumps(result.as_json())))
    assert score_task(task, again) == score_task(task, result)
    return result, score_task(task, result)


def calling(*calls: tuple[str, str]) -> ChatAnswer:
    return ChatAnswer(tool_calls=tuple(ToolCall(name=name, arguments=arguments) for name, arguments in calls), finish_reason="tool_calls")


def finishing(answer: object) -> tuple[str, str]:
    return FINISH, json.dumps({"answer": answer})


@pytest.mark.parametrize("domain", ["weather", "movie", "academia"])
def test_the_reference_agent_succeeds_and_the_silent_one_gets_nowhere(domain: str) -> None:
    for task in (task for task in all_tasks().values() if task.domain == domain):
        _, reference = played(task, Guide([task]))
        assert (reference.success, reference.progress, reference.answered, reference.grounding, reference.reason) == (
            True,
            1.0,
            True,
            1.0,
            "",
        )
        result, silent = played(task, Silent())
        assert (silent.success, silent.progress, silent.answered, silent.ending) == (False, 0.0, False, Ending.NO_CALLS)
        assert [message["content"] for message in result.messages if message["role"] == "user"] == [task.goal, REMINDER, REMINDER]


@pytest.mark.parametrize("id", list(all_tasks())[::7])
def test_leaving_any_one_call_out_is_no_success(id: str) -> None:
    task = all_tasks()[id]
    for left_out in range(len(task.calls)):
        calls = [call for number, call in enumerate(task.calls) if number != left_out]
        _, score = played(task, ScriptedModel([calling(*calls), calling(finishing(task.answer))]))
        assert not score.success
        # What comes after a net that was not loaded is refused too.
        assert score.progress <= (len(task.calls)) / (len(task.calls) + 1)
        assert (score.answered, score.reason) == (True, "subgoals_missed")


def test_the_answer_is_the_last_subgoal() -> None:
    wrong = finishing("Nowhere")
    _, score = played(TASK, ScriptedModel([calling(*TASK.calls), calling(wrong)]))
    assert (score.success, score.answered, score.progress, score.reason) == (False, False, 0.8, "wrong_answer")
    _, guess = played(TASK, ScriptedModel([calling(finishing(TASK.answer))]))
    assert (guess.success, guess.answered, guess.progress) == (False, True, 0.2)


def test_calls_of_one_message_are_steps_and_end_with_finish() -> None:
    result, score = played(TASK, ScriptedModel([calling(*TASK.calls, finishing(TASK.answer), ("get_user_current_date", "{}"))]))
    assert (score.success, score.steps) == (True, 5)
    assert [message["role"] for message in result.messages] == ["system", "user", "assistant", *["tool"] * 5]
    ids = [call["id"] for call in result.messages[2]["tool_calls"]]
    assert ids == [message["tool_call_id"] for message in result.messages[3:]] == [f"call_{number}" for number in range(1, 6)]


def test_one_output_reaches_one_subgoal_once() -> None:
    _, score = played(TASK, ScriptedModel([calling(*[TASK.calls[0]] * 3), calling(finishing("x"))]))
    assert score.progress == 0.2


def test_steps_run_out() -> None:
    result, score = played(TASK, ScriptedModel([calling(("check_valid_actions", "{}"))]), max_steps=6)
    assert (score.ending, score.steps, score.progress, score.grounding) == (Ending.STEPS, 6, 0.0, 1.0)
    many = ScriptedModel([calling(*[("check_valid_actions", "{}")] * 50)])
    result, score = played(TASK, many, max_steps=6)
    assert (score.steps, len(result.messages), len(many.requests)) == (6, 2 + 1 + 6, 1)


def test_calls_that_an_endpoint_leaves_in_the_text_are_made() -> None:
    def in_text(request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
        (call,) = answer.tool_calls
        text = json.dumps({"name": call.name, "arguments": json.loads(call.arguments)})
        return ChatAnswer(content=f"<tool_call>\n{text}\n</tool_call>", finish_reason="stop")

    _, score = played(TASK, Changed(Guide([TASK]), in_text))
    assert score.success


def test_nonsense_is_answered_and_costs_grounding() -> None:
    nonsense = [("get_the_moon", "{}"), ("get_elevation", "{"), ("get_historical_temp", '{"latitude": 1}')]
    result, score = played(TASK, ScriptedModel([calling(*nonsense), calling(*TASK.calls), calling(finishing(TASK.answer))]))
    assert score.success
    assert score.grounding == 5 / 8
    assert all("error" in json.loads(message["content"]) for message in result.messages[3:6])
    # Byte for byte as emitted.
    assert result.messages[2]["tool_calls"][1]["function"]["arguments"] == "{"


def test_a_word_between_calls_is_reminded_and_forgiven() -> None:
    result, score = played(TASK, ScriptedModel(["Let me see.", calling(*TASK.calls), "Done.", "Yes.", calling(finishing(TASK.answer))]))
    assert (score.success, score.steps) == (True, 8)
    assert [message["content"] for message in result.messages].count(REMINDER) == 3


@pytest.mark.parametrize(
    ("given", "right", "tolerance", "same"),
    [
        (16.4, 16.4, 0.05, True),
        ("16.4 °C", 16.4, 0.05, True),
        ("-3.0", -3, 0.0, True),
        ("1,204 km", 1204, 1.0, True),
        ("between 3 and 4", 3, 0.0, False),
        (True, 1, 0.0, False),
        (None, 1, 0.0, False),
        ("three", 3, 0.0, False),
        ("lund.", "Lund", 0.0, True),
        (["Lund"], "Lund", 0.0, True),
        (["Lund", "Ulm"], "Lund", 0.0, False),
        (["b", "A"], ["a", "B"], 0.0, True),
        (["a", "a"], ["a"], 0.0, False),
        ("a", ["a"], 0.0, True),
        ("a, b", ["a", "b"], 0.0, False),
        ({"x": 1}, "x", 0.0, False),
    ],
)
def test_answers_are_compared_by_what_they_say(given: object, right: object, tolerance: float, same: bool) -> None:
    assert same_answer(given, right, tolerance) is same


def made(config: ToolQueryConfig, agent: base.ChatModel, out: Path) -> ToolQueryReport:
    """The report of an evaluation in this process."""
    job = ToolQueryJob.of(config)
    with EvaluationRun.open(out, KIND, config, resume=False) as run:
        return job.report(hold_here(run, job, opens(agent)))


def test_a_report_says_what_failed_and_that_it_is_not_agentboard(tmp_path: Path) -> None:
    config = ToolQueryConfig(limit=4)
    job = ToolQueryJob.of(config)
    half = set(job.tasks()[::2])

    def forgets(request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
        wrong = answer.tool_calls[0].name == FINISH and request.key.record in half
        return calling(finishing("I forgot")) if wrong else answer

    report = made(config, Changed(job.reference_agent(), forgets), tmp_path / "run")
    success, progress = report.table.score("success rate"), report.table.score("progress rate")
    assert success and progress
    assert (success.value, success.count) == (0.5, 12)
    assert 0.5 < progress.value < 1.0
    assert report.reasons == {"wrong_answer": 6}
    assert set(report.files()) == {"README.md", "scores.json", "scores.svg"}
    assert "cannot be compared with those published" in report.markdown()
    assert report.markdown().count("| wrong_answer |") == 6
    assert json.loads(report.files()["scores.json"])["success_rate"] == 0.5


def test_a_limit_takes_the_same_tasks_of_each_domain() -> None:
    few, more = (ToolQueryJob.of(ToolQueryConfig(limit=limit)).tasks() for limit in (2, 5))
    assert (len(few), len(more)) == (6, 15)
    assert set(few) < set(more)
    assert few != ToolQueryJob.of(ToolQueryConfig(limit=2, seed=2)).tasks()
    assert all(task.startswith("movie-") for task in ToolQueryJob.of(ToolQueryConfig(domains=("movie",))).tasks())
