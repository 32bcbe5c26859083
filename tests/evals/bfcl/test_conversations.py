from __future__ import annotations

import pytest

pytest.importorskip("bfcl_eval")
pytest.importorskip("tree_sitter")

from evals.bfcl.relay import INFERENCE_ERROR
from evals.endpoint import BadReply
from magnet_ray.errors import Rejected
from magnet_ray.llm.base import ChatAnswer, ChatRequest
from magnet_ray.types import FailureReason
from tests.evals.bfcl.saying import DONE, Saying, calling, job_of, outputs_seen, put_to


class Refusing:
    """Refuses every request."""

    def __init__(self, error: Rejected) -> None:
        self._error = error

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        raise self._error


def result_of(model: Saying | Refusing, category: str, mode: str = "fc") -> object:
    transcript = put_to(model, job_of(category, mode))
    assert transcript.result is not None, transcript.detail
    return transcript.result["result"]


def test_a_single_turn_entry_is_one_request_with_the_tools_of_bfcls_own_handler() -> None:
    model = Saying(calling("calculate_triangle_area", '{"base": 10}'))
    assert result_of(model, "java") == [{"calculate_triangle_area": '{"base": 10}'}]
    [request] = model.asked
    assert request.messages[0]["role"] == "user"
    assert "Java 8 SDK syntax" in request.tools and "." not in model.tools(0)[0]


def test_in_prompt_mode_the_functions_stand_in_the_system_message() -> None:
    model = Saying(ChatAnswer(content="[f(x=1)]"))
    assert result_of(model, "multiple", "prompt") == "[f(x=1)]"
    [request] = model.asked
    assert not request.tools
    assert [message["role"] for message in request.messages] == ["system", "user"]


def test_calls_are_executed_and_a_message_without_calls_ends_the_turn() -> None:
    model = Saying(calling("no_such_function"), DONE)
    job = job_of("multi_turn_base")
    transcript = put_to(model, job)
    assert transcript.result is not None
    turns = transcript.result["result"]
    assert [len(turn) for turn in turns] == [2, *[1] * (job.entries[0].turns - 1)]
    assert outputs_seen(model.asked) == ["Error during execution: name 'no_such_function' is not defined"]
    assert [request.key.step for request in model.asked] == [str(number) for number in range(len(model.asked))]


def test_the_missing_function_is_offered_from_its_turn_on() -> None:
    model = Saying()
    job = job_of("multi_turn_miss_func")
    put_to(model, job)
    [(turn, names)] = job.entries[0].values["missed_function"].items()
    offered = [set(model.tools(number)) for number in range(len(model.asked))]
    assert all(set(names).isdisjoint(tools) for tools in offered[: int(turn)])
    assert all(set(names) <= tools for tools in offered[int(turn) :])
    assert "updated some more functions" in str(model.asked[int(turn)].messages[-1]["content"])


def test_a_model_that_never_stops_calling_is_stopped_after_the_packages_limit() -> None:
    model = Saying(calling("no_such_function"))
    turns = result_of(model, "multi_turn_base")
    assert isinstance(turns, list) and len(turns) == 1 and len(turns[0]) == 21


def test_arguments_that_are_no_json_end_the_turn_and_stay_as_they_came() -> None:
    turns = result_of(Saying(calling("ls", '{"a": '), DONE), "multi_turn_base")
    assert isinstance(turns, list) and turns[0] == [[{"ls": '{"a": '}]]


@pytest.mark.parametrize("category", ["simple", "multi_turn_base"])
def test_a_refused_request_is_a_wrong_answer(category: str) -> None:
    job = job_of(category)
    transcript = put_to(Refusing(BadReply(FailureReason.MODEL_UNAVAILABLE, "the conversation is too long", "refused")), job)
    assert transcript.result is not None
    assert str(transcript.result["result"]).startswith(f"{INFERENCE_ERROR}refused: the conversation is too long")
    [verdict] = job.report([transcript]).verdicts
    assert verdict.verdict is not None and not verdict.verdict.valid


def test_an_endpoint_that_is_away_leaves_the_entry_unscored() -> None:
    job = job_of("simple")
    transcript = put_to(Refusing(Rejected(FailureReason.MODEL_UNAVAILABLE, "nobody there")), job)
    assert transcript.result is None and transcript.failure == "model_unavailable"
    report = job.report([transcript])
    assert report.unscored == {"model_unavailable": 1} and report.table.rows == ()


@pytest.mark.parametrize("mode", ["fc", "prompt"])
@pytest.mark.parametrize("category", ["parallel", "live_relevance", "irrelevance", "multi_turn_miss_param", "multi_turn_long_context"])
def test_the_reference_is_right_from_the_request_to_the_verdict(category: str, mode: str) -> None:
    job = job_of(category, mode)
    report = job.report([put_to(job.reference_agent(), job)])
    score = report.table.score(f"  {category}")
    assert score is not None and score.value == 1.0 and score.count == 1
