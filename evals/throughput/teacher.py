"""How near to a server's limit real conversations come, how high one worker's ceiling is, and what a request costs the client.

    python -m evals.throughput.teacher near      # 64 slots, 0.5 s: fixed and lognormal latency
    python -m evals.throughput.teacher ceiling   # 512 slots, 0.5 s
    python -m evals.throughput.teacher cost      # CPU seconds for 1,000 requests, beyond what making the paths costs
    python -m evals.throughput.teacher faults    # 30 % of the tries go wrong: the same rows, and the time

The server is a process of its own that speaks OpenAI's protocol. It answers out of a rehearsal (see `oracle`): what it
is asked are the real requests of multi-turn conversations, whose calls are executed and whose answers are parsed and checked.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import typer

from evals.throughput.model_server import Behaviour, ModelServerProcess, Served
from evals.throughput.oracle import Script, rehearse
from evals.throughput.tables import print_table
from magnet_ray.config import SynthesizeConfig, load_config
from magnet_ray.conversations import Conversations, spare_the_collector
from magnet_ray.environments.opening import open_environment
from magnet_ray.llm.cache import ResponseCache
from magnet_ray.llm.roles import Models
from magnet_ray.path_maker import PathMaker
from magnet_ray.shards import Unit
from magnet_ray.synthesis import prepare
from magnet_ray.types import Failure, Trajectory

app = typer.Typer(help=__doc__, no_args_is_help=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run against the server."""

    seconds: float
    """Wall time from the first request to the last row."""
    cpu: float
    """CPU seconds of this process meanwhile."""
    served: Served
    """What the server counted."""
    outcomes: Sequence[Trajectory | Failure]
    """Rows and failures in order."""

    @property
    def rate(self) -> float:
        """Answered requests a second, start and end included."""
        return self.served.answered.total() / self.seconds

    @property
    def sustained(self) -> float:
        """Answered requests a second between the first and the last tenth of them."""
        moments = sorted(self.served.moments)
        tenth = len(moments) // 10
        return (len(moments) - 2 * tenth) / (moments[-tenth - 1] - moments[tenth])


@dataclass(frozen=True, slots=True, kw_only=True)
class Rehearsal:
    """Paths with the answers to every request that they ask."""

    sets: Sequence[str]
    """Settings that they are made with."""
    maker: PathMaker
    """Makes them."""
    units: Sequence[Unit]
    """The paths."""
    answers: dict[str, dict[str, Any]]
    """Key of a request -> message."""
    outcomes: Sequence[Trajectory | Failure]
    """What becomes of them."""
    cpu: float
    """CPU seconds of making them with every answer at hand: planning, execution, prompts, parsing, checks."""


def configured(sets: Sequence[str]) -> SynthesizeConfig:
    """A run of multi-turn conversations with a teacher behind an endpoint."""
    return load_config(sets=["teacher.kind=openai", "teacher.model.name=oracle", "mix.single_turn=0", "mix.irrelevance=0", *sets])


def rehearsed(conversations: int, sets: Sequence[str] = ()) -> Rehearsal:
    """Rehearse multi-turn conversations of the built-in pool."""
    config = configured(sets)
    maker = PathMaker(recipe=prepare(config, open_environment), teacher=config.teacher, verification=config.verification)
    units = maker.units(range(conversations))
    rehearse(maker, config.teacher, units[:20])
    began = time.process_time()
    answers, outcomes = rehearse(maker, config.teacher, units)
    return Rehearsal(sets=sets, maker=maker, units=units, answers=answers, outcomes=outcomes, cpu=time.process_time() - began)


def measured(rehearsal: Rehearsal, behaviour: Behaviour, concurrency: int) -> Measured:
    """Make the paths by asking a server that behaves so, as one worker would."""
    with ModelServerProcess(Script(rehearsal.answers), behaviour) as server, tempfile.TemporaryDirectory() as directory:
        config = configured(
            [
                *rehearsal.sets,
                f"teacher.model.base_url={server.url}",
                f"teacher.model.concurrency={concurrency}",
                f"teacher.conversations={3 * concurrency}",
            ]
        )
        began, cpu = time.perf_counter(), time.process_time()
        outcomes = asyncio.run(_converse(rehearsal, config, Path(directory)))
        return Measured(seconds=time.perf_counter() - began, cpu=time.process_time() - cpu, served=server.served, outcomes=outcomes)


async def _converse(rehearsal: Rehearsal, config: SynthesizeConfig, responses: Path) -> list[Trajectory | Failure]:
    spare_the_collector()
    async with Models.of_teacher(config.teacher, ResponseCache.open(responses)) as models:
        maker = rehearsal.maker.with_models(models)
        conversations = Conversations(config.teacher.conversations, models)
        made = await conversations.hold([partial(maker.make, unit) for unit in rehearsal.units])
    return [outcome for part in made for outcome in (*part.rows, *part.failures)]


@app.command()
def near(conversations: int = 500, slots: int = 64, seconds: float = 0.5, spare: int = 8) -> None:
    """Requests a second against the server's limit, with fixed and with lognormal latency (sigma 0.8)."""
    rehearsal = rehearsed(conversations)
    table = []
    for name, sigma in (("fixed", 0.0), ("lognormal", 0.8)):
        run = measured(rehearsal, Behaviour(seconds=seconds, sigma=sigma, slots=slots), slots + spare)
        table.append((f"{name} latency", *_against(run, slots / seconds), _same(run, rehearsal)))
    print_table(f"{conversations} multi-turn conversations, {slots} slots, {seconds} s", table)


@app.command()
def ceiling(conversations: int = 2_000, slots: int = 512, seconds: float = 0.5) -> None:
    """Requests a second that one worker reaches where the server would take more."""
    rehearsal = rehearsed(conversations)
    run = measured(rehearsal, Behaviour(seconds=seconds, slots=slots), slots + slots // 8)
    rows = [
        ("from the first request to the last row", *_against(run, slots / seconds)),
        ("between the first and the last tenth of the answers", "", f"{run.sustained:.0f}/s", f"{run.sustained * seconds / slots:.1%}"),
        ("client's CPU", f"{run.cpu:.1f} s", f"{run.cpu / run.served.answered.total() * 1e3:.2f} ms a request", _same(run, rehearsal)),
    ]
    print_table(f"one worker, {conversations} multi-turn conversations, {slots} slots, {seconds} s", rows)


@app.command()
def cost(conversations: int = 500, slots: int = 64, seconds: float = 0.1) -> None:
    """CPU seconds of the client for 1,000 requests: in all, of making the paths, and the rest."""
    rehearsal = rehearsed(conversations)
    run = measured(rehearsal, Behaviour(seconds=seconds, slots=slots), slots + 8)
    thousands = run.served.answered.total() / 1_000
    rows = [
        ("in all", f"{run.cpu / thousands:.2f} s"),
        ("planning, execution, prompts, checks", f"{rehearsal.cpu / thousands:.2f} s"),
        ("the requests themselves", f"{(run.cpu - rehearsal.cpu) / thousands:.2f} s"),
    ]
    print_table(f"CPU seconds for 1,000 requests, {run.served.answered.total():,} requests", rows)


@app.command()
def faults(conversations: int = 200, slots: int = 64, seconds: float = 0.5, share: float = 0.3, hang: float = 60.0) -> None:
    """Time and rows when a share of the tries goes wrong, against a run without faults."""
    # A hang is given up well before the server would.
    rehearsal = rehearsed(conversations, ["teacher.model.timeout=10", "teacher.requests.retries=20"])
    clean = measured(rehearsal, Behaviour(seconds=seconds, slots=slots), slots + 8)
    faulty = measured(rehearsal, Behaviour(seconds=seconds, slots=slots, faults=share, hang=hang), slots + 8)
    bound = clean.seconds + faulty.served.waits / slots
    rows = [
        ("clean", f"{clean.seconds:.1f} s", _same(clean, rehearsal)),
        (f"{share:.0%} faults", f"{faulty.seconds:.1f} s", _same(faulty, rehearsal)),
        ("clean + injected waits / slots", f"{bound:.1f} s", f"{faulty.seconds / bound:.2f} times that"),
        ("answered twice", str(sum(count - 1 for count in faulty.served.answered.values())), f"{faulty.served.faults.total():,} faults"),
    ]
    print_table(f"{conversations} multi-turn conversations", rows)


def _against(run: Measured, limit: float) -> tuple[str, str, str]:
    asked = run.served.answered.total()
    return f"{asked:,} requests in {run.seconds:.1f} s", f"{run.rate:.1f}/s of {limit:.0f}/s", f"{run.rate / limit:.1%}"


def _same(run: Measured, rehearsal: Rehearsal) -> str:
    kept = [outcome for outcome in run.outcomes if isinstance(outcome, Trajectory)]
    expected = [outcome for outcome in rehearsal.outcomes if isinstance(outcome, Trajectory)]
    return f"{len(kept)} rows, as rehearsed" if kept == expected else f"{len(kept)} rows, NOT the {len(expected)} rehearsed"


if __name__ == "__main__":
    app()
