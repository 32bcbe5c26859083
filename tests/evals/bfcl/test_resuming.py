from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

pytest.importorskip("bfcl_eval")
pytest.importorskip("tree_sitter")

from evals.bfcl.job import KIND, BfclConfig, BfclJob
from evals.bfcl.recording import Recording, Replay
from evals.conversation_workers import hold_here
from evals.endpoint import EndpointAgent, endpoint_settings
from evals.evaluation_runs import RESPONSES, ConversationsConfig, EvaluationRun
from evals.throughput.model_server import Behaviour, ModelServer
from tests.evals.agents import QUICK, opens
from tests.evals.bfcl.spoiled import Spoiled
from tests.evals.test_evaluation_runs import Dying, Killed


def agent_of(config: BfclConfig, run: EvaluationRun) -> EndpointAgent:
    return EndpointAgent(settings=asyncio.run(endpoint_settings(config)), requests=QUICK, responses=run.path / RESPONSES)


@pytest.mark.parametrize("after", [3, 20])
def test_a_run_that_was_stopped_inside_conversations_asks_nothing_again_and_scores_the_same(after: int, tmp_path: Path) -> None:
    categories = ("multi_turn_base", "multi_turn_miss_func", "simple")
    config = BfclConfig(categories=categories, limit=3, ray=ConversationsConfig(conversations=1))
    job = BfclJob.of(config)
    recording = Recording(Spoiled({entry.key: entry for entry in job.entries}, "fc"))
    with EvaluationRun.open(tmp_path / "whole", KIND, config, resume=False) as run:
        whole = job.report(hold_here(run, job, opens(recording)))
    with ModelServer(Replay(recording.messages), Behaviour(model="m")) as server:
        model = config.model.model_copy(update={"name": "m", "base_url": server.url})
        config = config.model_copy(update={"model": model})
        with pytest.raises(Killed), EvaluationRun.open(tmp_path / "run", KIND, config, resume=False) as run:
            hold_here(run, job, Dying(agent_of(config, run), after))
        with EvaluationRun.open(tmp_path / "run", KIND, config, resume=True) as run:
            resumed = job.report(hold_here(run, job, agent_of(config, run)))
        asked = server.served.answered
        assert asked.total() == len(asked)
        assert len(asked) == sum(each.said.requests for each in resumed.verdicts)
    assert [each.as_json() for each in resumed.verdicts] == [each.as_json() for each in whole.verdicts]
