"""How near to an endpoint's limit BFCL-v3 comes, beside bfcl_eval's own `generate` with as many threads.

    python -m evals.throughput.evaluation near              # 16 slots, 0.5 s, some 1,600 requests

The server is a process of its own that answers after a fixed time, as many at once as it has slots, with the ground truth: all hold
the same conversations, with every call executed. Times are the server's, from the beginning of the first answer to the end of the last.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from evals.bfcl.job import KIND, BfclConfig, BfclJob
from evals.bfcl.recording import Recording, Replay
from evals.conversation_workers import hold_here
from evals.endpoint import EndpointAgent, OpenAgent, endpoint_settings
from evals.evaluation_runs import EvaluationRun
from evals.throughput.model_server import Behaviour, ModelServerProcess, Served
from evals.throughput.tables import print_table
from magnet_ray.errors import JobFailed
from magnet_ray.llm import base
from magnet_ray.sections import parse_section

app = typer.Typer(help=__doc__, no_args_is_help=True)
MODEL = "oracle"


@app.callback()
def evaluation() -> None:
    """Keeps `near` a command of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One pass over the entries."""

    served: Served
    """What the server counted."""
    behaviour: Behaviour
    """How the server behaved."""
    wall: float
    """Seconds of the whole pass, starting included."""

    @property
    def rate(self) -> float:
        """Requests a second, from the beginning of the first answer to the end of the last."""
        moments = sorted(self.served.moments)
        return len(moments) / (moments[-1] - moments[0] + self.behaviour.seconds)

    @property
    def sustained(self) -> float:
        """Requests a second between the first and the last tenth of the answers."""
        moments = sorted(self.served.moments)
        tenth = len(moments) // 10
        return (len(moments) - 2 * tenth) / (moments[-tenth - 1] - moments[tenth])

    def cells(self) -> tuple[str, ...]:
        """A row of the table."""
        most = self.behaviour.slots / self.behaviour.seconds
        whole, middle = (f"{rate:.1f}/s, {rate / most:.1%}" for rate in (self.rate, self.sustained))
        return f"all: {whole}", f"middle: {middle}", f"{len(self.served.moments):,} requests", f"{self.wall:.1f} s with start"


@app.command()
def near(
    categories: str = "javascript,live_parallel_multiple,live_relevance,multi_turn_base",
    slots: int = 16,
    seconds: float = 0.5,
    spare: int = 2,
) -> None:
    """Requests a second of this harness, of one worker, and of `bfcl generate` against the limit of slots / seconds."""
    config = parse_section(BfclConfig, {"categories": categories.split(","), "model": {"name": MODEL, "max_tokens": 512}})
    replay, behaviour = Replay(_recorded(BfclJob.of(config)).messages), Behaviour(seconds=seconds, slots=slots, model=MODEL)
    ours = _measured(replay, behaviour, lambda url: _ours(config, url, slots))
    more = _measured(replay, behaviour, lambda url: _ours(config, url, slots + spare))
    theirs = _measured(replay, behaviour, lambda url: _theirs(config, url, slots))
    table = [
        (f"ours, {slots} in flight", *ours.cells()),
        (f"ours, {slots + spare} in flight", *more.cells()),
        (f"bfcl generate, {slots} threads", *theirs.cells()),
        ("ours / bfcl at equal threads", f"{ours.rate / theirs.rate:.2f}", f"{ours.sustained / theirs.sustained:.2f}", "", ""),
    ]
    print_table(f"{slots} slots, {seconds} s: at most {slots / seconds:.0f} requests/s", table)


def _measured(replay: Replay, behaviour: Behaviour, ask: Callable[[str], None]) -> Measured:
    with ModelServerProcess(replay, behaviour) as server:
        began = time.perf_counter()
        ask(server.url)
        wall = time.perf_counter() - began
        return Measured(served=server.served, behaviour=behaviour, wall=wall)


def _recorded(job: BfclJob) -> Recording:
    """The ground truth's answers to every conversation of a job."""
    recording = Recording(job.reference_agent())
    _hold(job, lambda: _open(recording))
    return recording


@asynccontextmanager
async def _open(agent: base.ChatModel) -> AsyncIterator[base.ChatModel]:
    yield agent


def _hold(job: BfclJob, agent: OpenAgent) -> None:
    with tempfile.TemporaryDirectory() as directory, EvaluationRun.open(Path(directory) / "run", KIND, job.config, resume=False) as run:
        hold_here(run, job, agent)


def _ours(config: BfclConfig, url: str, in_flight: int) -> None:
    """Hold all conversations in this process, as one worker does."""
    model = config.model.model_copy(update={"base_url": url, "concurrency": in_flight})
    ray = config.ray.model_copy(update={"conversations": 2 * in_flight})
    job = BfclJob.of(config.model_copy(update={"model": model, "ray": ray}))
    settings = asyncio.run(endpoint_settings(job.config))
    _hold(job, EndpointAgent(settings=settings, requests=config.requests))


def _theirs(config: BfclConfig, url: str, threads: int) -> None:
    """Have `bfcl generate` ask the same."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "evals.bfcl.original", "generate", "--model", f"{MODEL}-FC", "--num-threads", str(threads)]
        named = ["--test-category", ",".join(config.categories), "--result-dir", "result"]
        variables = {**os.environ, "BFCL_PROJECT_ROOT": directory, "OPENAI_BASE_URL": url, "OPENAI_API_KEY": "none"}
        ended = subprocess.run([*command, *named], env=variables, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise JobFailed(f"bfcl generate ended with {ended.returncode}: {ended.stderr.strip()[-500:]}")


if __name__ == "__main__":
    app()
