"""`bfcl generate` itself, pointed at an endpoint, asks what this harness asks, and its rows score the same."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("bfcl_eval")
pytest.importorskip("tree_sitter")
pytest.importorskip("openai")

from evals.bfcl.isolated import Mode
from evals.bfcl.job import KIND, BfclConfig, BfclJob
from evals.bfcl.recording import Recording, Replay
from evals.conversation_workers import hold_here
from evals.endpoint import EndpointAgent, OpenAgent, endpoint_settings
from evals.evaluation_runs import EvaluationRun, Transcript
from evals.throughput.model_server import Behaviour, ModelServer
from tests.evals.agents import opens
from tests.evals.bfcl.bfcl_runs import bfcl, failures, read_rows
from tests.evals.bfcl.spoiled import Spoiled

CATEGORIES = {
    "fc": ("java", "live_parallel_multiple", "live_relevance", "irrelevance", "multi_turn_miss_func", "multi_turn_long_context"),
    "prompt": ("javascript", "live_parallel", "live_relevance", "multi_turn_miss_func"),
}


def rows(found: Sequence[dict[str, Any]]) -> Counter[tuple[str, str]]:
    return Counter((row["id"], json.dumps(row["result"])) for row in found)


def held(path: Path, job: BfclJob, agent: OpenAgent) -> list[Transcript]:
    with EvaluationRun.open(path, KIND, job.config, resume=False) as run:
        return hold_here(run, job, agent)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("mode", ["fc", "prompt"])
def test_bfcl_generate_asks_the_same_and_scores_the_same(tmp_path: Path, mode: Mode) -> None:
    config = BfclConfig.model_validate({"mode": mode, "categories": CATEGORIES[mode], "model": {"name": "replay"}})
    job = BfclJob.of(config)
    recorded = Recording(Spoiled({entry.key: entry for entry in job.entries}, mode))
    held(tmp_path / "recording", job, opens(recorded))
    replaying = Replay(recorded.messages)
    with ModelServer(replaying, Behaviour(model="replay")) as server:
        config = config.model_copy(update={"model": config.model.model_copy(update={"base_url": server.url})})
        settings = asyncio.run(endpoint_settings(config))
        ours = held(tmp_path / "ours", job, EndpointAgent(settings=settings, requests=config.requests))
        model = "replay-FC" if mode == "fc" else "replay"
        named = ("--test-category", ",".join(CATEGORIES[mode]), "--result-dir", "result")
        bfcl(tmp_path, "generate", "--model", model, "--num-threads", "8", *named, environment={"OPENAI_BASE_URL": server.url})
    assert not replaying.unknown
    bfcl(tmp_path, "evaluate", "--model", model, *named, "--score-dir", "score")
    report = job.report(ours)
    for category in CATEGORIES[mode]:
        own = [each for each in report.verdicts if each.entry.category == category]
        assert rows([dict(each.said.result or {}) for each in own]) == rows(read_rows(tmp_path, model, category))
        wrong = Counter((each.entry.id, each.verdict.error_type) for each in own if each.verdict and not each.verdict.valid)
        assert wrong == failures(tmp_path, model, category)
        assert 0 < wrong.total() < len(own)
