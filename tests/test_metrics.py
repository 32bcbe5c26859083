"""What a run shows of itself: series that Prometheus can scrape, and a line of JSON for each shard."""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from magnet_ray.cli import DONE
from magnet_ray.config import BudgetConfig
from magnet_ray.finished_runs import read_manifest
from magnet_ray.free_ports import free_port
from magnet_ray.llm.base import Role, Usage
from magnet_ray.llm.budget import local_ledger
from magnet_ray.llm.transport import RequestFailed, Trouble
from magnet_ray.metrics import MeteredTransport, RunLabel, RunMetrics
from magnet_ray.model_workers import SHARD_TOKENS, IdleClock, MeteredLedger
from magnet_ray.shard_log import LOGGER, log_shard, open_shard_log
from magnet_ray.types import JsonValue
from tests.cluster_support import ROOT, needs_proc, started, wait_until
from tests.mumbling_server import mumbling_server
from tests.ray_heads import listens, ray_head

LABEL = RunLabel(kind="synthesize", run="0123456789abcdef")
REPORT: dict[str, Any] = {
    "shard": 7,
    "paths": 10,
    "kept": 8,
    "failures": json.dumps({"call_failed": [2, "no table"]}),
    "seconds": 1.23456,
    "node": "ab12",
    "tokens": json.dumps({"prompt": 50, "completion": 5}),
}


class Noted(RunMetrics):
    """Metrics that remember what was recorded."""

    def __init__(self) -> None:
        super().__init__(LABEL)
        self.answers: list[float] = []
        self.tokens: Counter[str] = Counter()

    def answered(self, seconds: float) -> None:
        """Remember a latency."""
        super().answered(seconds)
        self.answers.append(seconds)

    def spent(self, role: Role, usage: Usage) -> None:
        """Remember tokens."""
        super().spent(role, usage)
        self.tokens[role.value] += usage.prompt_tokens + usage.completion_tokens


class Waiting:
    """A transport that answers when it is let, and fails on an empty body."""

    place = "nowhere"

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.closed = False

    async def complete(self, body: dict[str, JsonValue], request_id: str, timeout: float) -> JsonValue:
        """The body again."""
        await self.let.wait()
        if not body:
            raise RequestFailed(Trouble.SERVER_ERROR)
        return body

    async def models(self, timeout: float) -> tuple[str, ...]:
        """One model."""
        return ("m",)

    async def close(self) -> None:
        """Note it."""
        self.closed = True


def test_requests_are_counted_while_they_wait_and_timed_when_they_are_answered() -> None:
    async def main() -> None:
        metrics, inner = Noted(), Waiting()
        transport = MeteredTransport(inner, metrics)
        asked = [asyncio.create_task(transport.complete(body, "a", 1.0)) for body in ({"x": 1}, {"x": 2}, {})]
        await asyncio.sleep(0.01)
        assert transport.in_flight == 3 and not metrics.answers
        inner.let.set()
        good, also, bad = await asyncio.gather(*asked, return_exceptions=True)
        assert (good, also) == ({"x": 1}, {"x": 2}) and isinstance(bad, RequestFailed)
        # A failed try is no answer.
        assert transport.in_flight == 0 and len(metrics.answers) == 2 and min(metrics.answers) >= 0.005
        assert (transport.place, await transport.models(1.0)) == ("nowhere", ("m",))
        await transport.close()
        assert inner.closed

    asyncio.run(main())


def test_tokens_go_to_the_shard_whose_conversation_asked() -> None:
    async def main() -> None:
        metrics = Noted()
        ledger = MeteredLedger(local_ledger(BudgetConfig(), {}), metrics)

        async def shard(tokens: Counter[str], asks: int) -> None:
            SHARD_TOKENS.set(tokens)

            async def conversation() -> None:
                await ledger.admit()
                await asyncio.sleep(0)
                ledger.spend(Role.JUDGE, Usage(prompt_tokens=10, completion_tokens=1))

            await asyncio.gather(*(asyncio.create_task(conversation()) for _ in range(asks)))

        first, second = Counter[str](), Counter[str]()
        await asyncio.gather(shard(first, 2), shard(second, 3))
        assert (first, second) == ({"prompt": 20, "completion": 2}, {"prompt": 30, "completion": 3})
        assert metrics.tokens == {"judge": 55}

    asyncio.run(main())


def test_a_loop_that_waits_is_idle_and_one_that_works_is_not() -> None:
    clock = IdleClock()
    loop = asyncio.SelectorEventLoop(clock)

    async def work(seconds: float) -> None:
        end = loop.time() + seconds
        while loop.time() < end:
            await asyncio.sleep(0)

    try:
        began = clock.seconds
        loop.run_until_complete(asyncio.sleep(0.2))
        waited = clock.idle
        assert 0.19 <= waited <= clock.seconds - began
        loop.run_until_complete(work(0.2))
        assert clock.idle - waited < 0.1
    finally:
        loop.close()


@pytest.fixture
def shard_log() -> Iterator[None]:
    """The logger as it was, afterwards."""
    yield
    LOGGER.handlers.clear()
    LOGGER.setLevel(logging.NOTSET)
    LOGGER.propagate = True


def test_a_shard_is_one_line_of_json(shard_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    open_shard_log(True)
    log_shard(LABEL, REPORT)
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1
    assert json.loads(err) == {
        "event": "shard",
        "job": "synthesize",
        "run": LABEL.run,
        "shard": 7,
        "paths": 10,
        "kept": 8,
        "failed": {"call_failed": 2},
        "seconds": 1.235,
        "node": "ab12",
        "tokens": {"prompt": 50, "completion": 5},
    }


def test_a_shard_is_no_line_where_nobody_wants_one(shard_log: None, capsys: pytest.CaptureFixture[str]) -> None:
    open_shard_log(False)
    log_shard(LABEL, REPORT)
    assert capsys.readouterr() == ("", "")


NUM = 40
SETS = ("ray.shard_size=10", "failure_budget=1.0", "mix.single_turn=0", "mix.irrelevance=0", "teacher.conversations=10")


@pytest.mark.slow
@needs_proc
def test_a_submitted_job_is_logged_scraped_and_linked(tmp_path: Path) -> None:
    """One job with the embedded teacher, and one whose model answers nonsense, so that every series is there."""
    port = free_port()
    dashboard, options = f"127.0.0.1:{port}", ("--num-cpus=2", "--include-dashboard=true", f"--dashboard-port={port}")
    with ray_head(*options) as head, mumbling_server(seconds=1.0) as url:
        wait_until(lambda: listens(port), pause=0.2)
        made = submitted(dashboard, tmp_path / "made")
        model = (f"teacher.model.base_url={url}", "teacher.kind=openai", "teacher.model.name=mumbler")
        meanwhile: list[Series] = []
        sets = (*SETS, *model, "ray.shard_log=false")
        asked = submitted(dashboard, tmp_path / "asked", *sets, look=lambda: meanwhile.append(scraped(head.metrics)))
        manifest, other = read_manifest(tmp_path / "made"), read_manifest(tmp_path / "asked")
        # The exporters' last interval.
        wait_until(lambda: total(scraped(head.metrics), "ray_magnet_rows_failed_total") >= other.counts.failed, seconds=30, pause=0.5)
        series = scraped(head.metrics)

    lines = [json.loads(line) for line in made.splitlines() if line.startswith("{")]
    assert sorted(line["shard"] for line in lines) == list(range(NUM // 10))
    assert '{"event"' not in asked
    run = manifest.job["run"]
    assert {line["run"] for line in lines} == {run}
    assert total(series, "ray_magnet_rows_kept_total", run=run, job_kind="synthesize") == sum(line["kept"] for line in lines)
    for reason, count in other.counts.by_reason.items():
        assert total(series, "ray_magnet_rows_failed_total", run=other.job["run"], reason=reason) == count
    for role, used in other.usage.items():
        # The run's own count has the look whether the model is there, too.
        counted = total(series, "ray_magnet_tokens_total", role=role, kind="prompt")
        assert 0 < counted <= used["prompt_tokens"] or role == "judge"
    assert total(series, "ray_magnet_teacher_latency_seconds_count", run=other.job["run"]) > 0
    # Gauges are gone soon after the processes that set them.
    gauges = [
        [total(seen, f"ray_magnet_{name}", run=other.job["run"]) for seen in meanwhile] for name in ("requests_in_flight", "queue_depth")
    ]
    assert 0 < max(gauges[0]) <= 20 and 0 < max(gauges[1]) <= NUM // 10
    assert not any(str(tmp_path) in str(labels) for _, labels, _ in series)

    assert manifest.job["submission_id"] in made
    assert manifest.job["dashboard"] == f"http://{dashboard}/#/jobs/{manifest.job['submission_id']}"
    assert manifest.job["dashboard"] in (tmp_path / "made" / "README.md").read_text(encoding="utf-8")


def submitted(dashboard: str, out: Path, *sets: str, look: Callable[[], object] = bool) -> str:
    """What the log of a submitted job shows, which is looked at now and then until it ends."""
    words = [word for text in ("ray.shard_size=10", *sets) for word in ("--set", text)]
    job = (sys.executable, ROOT / "jobs" / "synthesize.py", "--num", NUM, *words, "--out", out)
    ray = ("job", "submit", "--address", f"http://{dashboard}", "--", *job)
    with started(*ray, program=("-m", "ray.scripts.scripts"), env={"RAY_AUTH_MODE": "disabled"}) as command:
        while command.process.poll() is None:
            look()
            time.sleep(0.5)
        done = command.wait()
    assert done.returncode == DONE, done.stdout + done.stderr
    return done.stdout + done.stderr


Series = list[tuple[str, dict[str, str], float]]


def scraped(url: str) -> Series:
    """The samples of our series, as Prometheus reads them."""
    with urllib.request.urlopen(url, timeout=10) as response:
        families = list(text_string_to_metric_families(response.read().decode()))
    return [(sample.name, sample.labels, sample.value) for family in families for sample in family.samples if "magnet" in sample.name]


def total(series: Series, name: str, **labels: str) -> float:
    """The sum of the samples of a name that carry these labels."""
    return sum(value for found, carried, value in series if found == name and labels.items() <= carried.items())
