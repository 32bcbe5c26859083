"""The run directory of an evaluation: what is on the disk counts, and nothing is asked twice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from evals.conversation_workers import hold_here
from evals.endpoint import EndpointAgent, OpenAgent, endpoint_settings
from evals.evaluation_runs import (
    RESPONSES,
    SEGMENTS,
    ConversationsConfig,
    EvaluationConfig,
    EvaluationRun,
    Transcript,
    TranscriptFile,
    read_evaluation,
    read_line,
    read_transcripts,
)
from evals.throughput.model_server import Behaviour, Fault, ModelServer, echo
from magnet_ray.errors import RunError
from magnet_ray.llm import base
from magnet_ray.llm.base import ChatAnswer, ChatRequest
from magnet_ray.places import Place, entries, place
from tests.evals.agents import QUICK, Changed, Counting, endpoint_config, opens
from tests.scripted_model import ScriptedModel

KIND = "eval counting"


@pytest.fixture(params=["disk", "store"])
def directory(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Where runs are made: what an object store has instead of files is tried, too."""
    return tmp_path if request.param == "disk" else place(str(request.getfixturevalue("bucket")))


def agent_of(config: EvaluationConfig, run: EvaluationRun) -> EndpointAgent:
    """The endpoint of a configuration."""
    settings = asyncio.run(endpoint_settings(config))
    return EndpointAgent(settings=settings, requests=QUICK, responses=run.path / RESPONSES)


def test_every_task_has_a_transcript_and_what_goes_wrong_is_in_it(directory: Place) -> None:
    with EvaluationRun.open(directory / "run", KIND, EvaluationConfig(), resume=False) as run:
        transcripts = hold_here(run, Counting(), opens(ScriptedModel(["yes"])))
        assert [each.task for each in transcripts] == list(Counting().tasks())
        broken, unexpected = transcripts[4:6]
        assert (broken.result, broken.failure, broken.detail) == (None, "environment_fault", "its world broke")
        assert (unexpected.failure, unexpected.detail) == ("unexpected", "ZeroDivisionError: nobody thought of this")
        assert transcripts[0].result == {"said": ["yes"] * 3, "failures": [""] * 3}
        assert transcripts[0].requests == 3
        manifest = run.finish(transcripts, {"README.md": "# card\n"}, {"score": 1.0}, 2.0)
    assert manifest["counts"]["by_reason"] == {"environment_fault": 1, "unexpected": 1}
    assert (manifest["counts"]["tasks"], manifest["counts"]["unscored"], manifest["score"]) == (12, 2, 1.0)
    assert read_evaluation(directory / "run", KIND) == manifest
    assert list(read_transcripts(directory / "run")) == transcripts
    assert SEGMENTS not in entries(directory / "run")


class Killed(BaseException):
    """As a kill would, it passes everything by."""


@dataclass(frozen=True, slots=True)
class Dying:
    """Opens an agent that answers a few times and then ends the process, so to speak."""

    agent: OpenAgent
    after: int

    @asynccontextmanager
    async def __call__(self) -> AsyncIterator[base.ChatModel]:
        left = iter(range(self.after))

        def dies(request: ChatRequest, answer: ChatAnswer) -> ChatAnswer:
            if next(left, None) is None:
                raise Killed
            return answer

        async with self.agent() as model:
            yield Changed(model, dies)


@pytest.mark.parametrize("after", [1, 13, 26])
def test_a_run_that_was_stopped_anywhere_asks_nothing_again(after: int, directory: Place) -> None:
    with ModelServer(echo, Behaviour(model="m")) as server:
        config = endpoint_config(server.url, ray=ConversationsConfig(conversations=2))
        with pytest.raises(Killed), EvaluationRun.open(directory / "run", KIND, config, resume=False) as run:
            hold_here(run, Counting(), Dying(agent_of(config, run), after))
        assert after <= server.served.answered.total() < 30
        with EvaluationRun.open(directory / "run", KIND, config, resume=True) as run:
            assert (after - 4) // 3 <= len(run.transcripts()) < 12
            transcripts = hold_here(run, Counting(), agent_of(config, run))
        # The other conversation's request may have been under way.
        assert len(server.served.answered) == 10 * 3
        assert server.served.answered.total() <= 10 * 3 + 1
    said = [f"t000/student/{step}/0: t000?" for step in range(3)]
    assert transcripts[0].result == {"said": said, "failures": [""] * 3}


def test_tasks_that_the_endpoint_missed_are_put_again_and_others_are_not(directory: Place) -> None:
    config = EvaluationConfig()
    with EvaluationRun.open(directory / "run", KIND, config, resume=False) as run:
        file = TranscriptFile(run.path)
        file.add(Transcript(task="t000", failure="model_unavailable", detail="away"))
        file.add(Transcript(task="t001", failure="environment_fault", detail="broken"))
        file.add(Transcript(task="t002", result={"said": []}))
        file.close()
        assert run.missing(["t000", "t001", "t002", "t003"]) == ["t000", "t003"]
        later = TranscriptFile(run.path)
        later.add(Transcript(task="t000", result={"said": ["now"]}))
        later.close()
        assert run.transcripts()["t000"].result == {"said": ["now"]}


def test_a_torn_line_is_no_transcript(tmp_path: Path) -> None:
    whole = Transcript(task="t", result={"a": 1}, problems=("refused: too long",))
    line = whole.as_line()
    assert read_line(line) == whole
    assert all(read_line(line[:end]) is None for end in range(len(line) - 2))
    assert read_line(b'{"task": "t"}') is None
    with EvaluationRun.open(tmp_path / "run", KIND, EvaluationConfig(), resume=False) as run:
        (run.path / SEGMENTS).mkdir()
        (run.path / SEGMENTS / "a.jsonl").write_bytes(line + replace(whole, task="u").as_line()[:-9])
        assert list(run.transcripts()) == ["t"]


def test_a_run_of_another_configuration_is_not_resumed(tmp_path: Path) -> None:
    first = endpoint_config("http://127.0.0.1:1/v1")
    with EvaluationRun.open(tmp_path / "run", KIND, first, resume=False) as run:
        (run.path / SEGMENTS).mkdir()
    elsewhere = endpoint_config("http://127.0.0.1:2/v1", failure_budget=0.5)
    EvaluationRun.open(tmp_path / "run", KIND, elsewhere, resume=True).__exit__(None, None, None)
    with pytest.raises(RunError, match=r'model\.name was "m", is "other"'):
        EvaluationRun.open(tmp_path / "run", KIND, endpoint_config("http://127.0.0.1:1/v1", name="other"), resume=True)
    with pytest.raises(RunError, match="unfinished run"):
        EvaluationRun.open(tmp_path / "run", KIND, first, resume=False)


def test_an_evaluation_that_asked_nothing_leaves_its_directory_free(directory: Place) -> None:
    with pytest.raises(KeyboardInterrupt), EvaluationRun.open(directory / "run", KIND, EvaluationConfig(), resume=False):
        raise KeyboardInterrupt
    with EvaluationRun.open(directory / "run", KIND, EvaluationConfig(seed=2), resume=False):
        pass


def test_what_is_no_finished_evaluation_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="does not exist"):
        read_evaluation(tmp_path, KIND)
    with EvaluationRun.open(tmp_path / "run", KIND, EvaluationConfig(), resume=False) as run:
        with pytest.raises(RunError, match="is not finished"):
            read_evaluation(run.path, KIND)
        run.finish([Transcript(task="t", result={})], {}, {}, 1.0)
    with pytest.raises(RunError, match="holds a run of magnet eval counting"):
        read_evaluation(tmp_path / "run", "eval other")
    (tmp_path / "run" / "transcripts.jsonl").write_bytes(b'{"task":\n')
    with pytest.raises(RunError, match="line 1 is damaged"):
        list(read_transcripts(tmp_path / "run"))


def test_bad_replies_are_counted_and_kept(tmp_path: Path) -> None:
    with ModelServer(echo, Behaviour(faults=1.0, kinds=(Fault.EMPTY_CHOICES,))) as server:
        config = endpoint_config(server.url)
        with EvaluationRun.open(tmp_path / "run", KIND, config, resume=False) as run:
            transcripts = hold_here(run, Counting(size=2, steps=1), agent_of(config, run))
            manifest = run.finish(transcripts, {}, {}, 1.0)
    assert transcripts[0].result == {"said": [""], "failures": ["malformed"]}
    assert "no choices" in transcripts[0].problems[0]
    assert manifest["counts"]["bad_replies"] == 2
    assert json.loads((tmp_path / "run" / "manifest.json").read_text()) == manifest
