"""How synthesis grows with its cluster: workers that wait for a model, CPUs that make rows, and what one driver can feed.

    python -m evals.throughput.scaling teacher    # 1, 2 and 4 workers against a model that takes 0.5 s, so many slots each
    python -m evals.throughput.scaling embedded   # the Ray job on 1 and on 2 CPUs, beside what the machine itself gives
    python -m evals.throughput.scaling driver     # the driver's own seconds with the reports of 1,000 workers, hence the largest cluster

Efficiency is the rate divided by the rate of one and by their number: 1.0 is perfect. The workers of `driver` are simulated: they
answer at once with the report of a real shard, so the driver's own code is what is measured, Ray's part of it included.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import ray
import ray.data
import typer

from evals.throughput.model_server import Behaviour, ModelServerProcess
from evals.throughput.oracle import Script
from evals.throughput.synthesis import job_seconds, loop_seconds
from evals.throughput.tables import print_table
from evals.throughput.teacher import rehearsed
from magnet_ray.artifacts import RunDirectory, write_shard
from magnet_ray.config import ClusterConfig, SynthesizeConfig, load_config
from magnet_ray.environments.opening import open_environment
from magnet_ray.final_tables import write_final_tables
from magnet_ray.path_maker import PathMaker
from magnet_ray.pipeline import Sketches, check_budget, find_removed, finish
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster
from magnet_ray.shard_runs import taken
from magnet_ray.shards import Made, Work, report_of, shard_item
from magnet_ray.synthesis import Recipe, make_rows, prepare
from magnet_ray.worker_pool import PoolSize, WorkerPool

app = typer.Typer(help=__doc__, no_args_is_help=True)
SHARDS_AT_ONCE = 8
"""Shards that a simulated worker has, as one of 512 conversations does."""


@app.command()
def teacher(conversations: int = 120, slots: int = 32, seconds: float = 0.5, repeats: int = 1) -> None:
    """Conversations a second with 1, 2 and 4 workers of so many slots and so many conversations each."""
    rehearsal = rehearsed(4 * conversations)
    rates: dict[int, list[float]] = {1: [], 2: [], 4: []}
    for _ in range(repeats):
        for workers in rates:
            with ModelServerProcess(Script(rehearsal.answers), Behaviour(seconds=seconds)) as server:
                sets = (
                    "teacher.kind=openai",
                    "teacher.model.name=oracle",
                    "mix.single_turn=0",
                    "mix.irrelevance=0",
                    f"teacher.model.base_url={server.url}",
                    f"teacher.model.concurrency={slots}",
                    f"teacher.conversations={3 * slots}",
                    f"teacher.workers={workers}",
                    f"ray.num_cpus={workers}",
                    "ray.shard_size=10",
                )
                _job(workers * conversations, sets)
                moments = sorted(server.served.moments)
            # The first answer is that of the look whether the model is there.
            rates[workers].append(workers * conversations / (moments[-1] - moments[1] + seconds))
    table = [
        (f"{workers} worker(s)", f"{rate:.2f} conversations/s", f"efficiency {rate / workers / statistics.median(rates[1]):.3f}")
        for workers, rate in ((workers, statistics.median(found)) for workers, found in rates.items())
    ]
    print_table(f"{slots} slots of {seconds} s and {conversations} multi-turn conversations a worker", table)


def _job(paths: int, sets: Sequence[str]) -> None:
    """The job as its users start it."""
    with tempfile.TemporaryDirectory() as directory:
        command = [sys.executable, "-m", "magnet_ray.cli", "synthesize", "--num", str(paths), "--out", f"{directory}/run"]
        subprocess.run([*command, *(word for text in sets for word in ("--set", text))], check=True, capture_output=True)


@app.command()
def embedded(paths: int = 20_000, repeats: int = 3) -> None:
    """Paths a second of the Ray job on 1 and on 2 CPUs, from the shards to the manifest, in a Ray that runs."""
    efficiencies, limits, table = [], [], []
    for _ in range(repeats):
        one, two = job_seconds(paths, 1)[0], job_seconds(paths, 2)[0]
        table.append((f"{paths / one:.0f} paths/s on one CPU", f"{paths / two:.0f} on two", f"efficiency {one / two / 2:.3f}"))
        efficiencies.append(one / two / 2)
        limits.append(loop_seconds(paths // 4, 1) / loop_seconds(paths // 4, 2))
    table.append(("median", "", f"efficiency {statistics.median(efficiencies):.3f}"))
    table.append(("the machine's limit: two plain loops at once against one", "", f"{statistics.median(limits):.3f}"))
    print_table(f"{paths} paths; the driver takes its share of the same cores", table)


# The driver


@app.command()
def driver(workers: int = 1_000, shards: int = 4_000, tables: int = 200, cpu_rate: float = 330.0, model_rate: float = 38.0) -> None:
    """The driver's CPU seconds for a conversation, and the largest cluster that it can feed.

    Args:
        workers: workers that are simulated.
        shards: shards of 100 paths whose reports the driver takes.
        tables: shards whose rows go into final tables, which tasks write: the driver tells them what, and gathers what they counted.
        cpu_rate: paths that one CPU makes in a second with the embedded teacher (`synthesis rate`, the default mix).
        model_rate: conversations that one worker holds through in a second at its ceiling (`teacher ceiling`).
    """
    sample = prepare(load_config(), open_environment)
    with tempfile.TemporaryDirectory() as directory, cluster(ClusterConfig(num_cpus=1), Progress()):
        template = _report(sample, Path(directory) / "sample")
        pool = _fed(Path(directory) / "pool", shards, partial(_from_pool, template, workers))
        tasks = _fed(Path(directory) / "tasks", shards, partial(_from_tasks, template))
        end = _finished(Path(directory) / "finished", sample, tables)
    table = []
    for name, feed, rate in (("CPUs with the embedded teacher", tasks, cpu_rate), ("workers with a model", pool, model_rate)):
        cost = feed + end
        table += [
            (name, f"reports {feed * 1e6:.1f} + end {end * 1e6:.1f} µs a conversation", f"{1 / cost:,.0f} conversations/s"),
            ("", f"/ {rate:g} conversations/s each", f"the driver feeds {1 / cost / rate:,.0f}"),
        ]
    print_table(f"{workers:,} simulated workers, {shards * 100:,} conversations", table)


def _report(recipe: Recipe, directory: Path) -> dict[str, Any]:
    """The report of a real shard."""
    config = load_config(overrides={"num": 100})
    with RunDirectory.open(directory, config) as run:
        rows, failures = make_rows(run.paths_of(0), recipe)
        maker = PathMaker(recipe=recipe, teacher=config.teacher, verification=config.verification)
        return report_of(shard_item(run, 0, finished=False), Made(rows=rows, failures=failures), maker, Work(seconds=0.3))


def simulated(item: Mapping[str, Any], template: Mapping[str, Any]) -> dict[str, Any]:
    """The report of a shard that nobody made: another shard's with the right numbers, and rows that resemble no others."""
    indices = [item["start"] + index for index in json.loads(template["indices"])]
    signatures = np.random.default_rng(item["shard"]).integers(0, 2**32, len(template["signatures"]) // 4, dtype=np.uint32)
    return {**template, "shard": item["shard"], "indices": json.dumps(indices), "signatures": signatures.tobytes()}


class SimulatedWorkers:
    """All workers of a pool in one actor."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._template = template

    def work(self, item: Mapping[str, Any]) -> dict[str, Any]:
        """See `simulated`."""
        return simulated(item, self._template)

    def close(self) -> None:
        """There is nothing to close."""


def _from_pool(template: Mapping[str, Any], workers: int, items: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    actor: Any = ray.remote(SimulatedWorkers).options(num_cpus=1).remote(template)
    size = PoolSize(fewest=workers, most=workers, shards=SHARDS_AT_ONCE)
    return WorkerPool(lambda: actor, size, lambda present: 0.0).reports(items)


def _from_tasks(template: Mapping[str, Any], items: Sequence[dict[str, Any]]) -> Iterable[dict[str, Any]]:
    # Five shards a task, as in a run of more than a few thousand paths.
    data = ray.data.from_items(list(items), override_num_blocks=len(items) // 5)
    reports: Iterable[dict[str, Any]] = data.map(partial(simulated, template=template), num_cpus=1).iter_rows()
    return reports


def _fed(directory: Path, shards: int, reports_of: Any) -> float:
    """CPU seconds of this process for a conversation, from handing shards out to knowing the near duplicates."""
    config = load_config(overrides={"num": shards * 100, "failure_budget": 1.0})
    with RunDirectory.open(directory, config) as run, Progress() as progress:
        for shard in range(shards):
            # The driver looks whether the file is there.
            (directory / "shards" / f"{shard:05d}.parquet").touch()
        items = [shard_item(run, shard, finished=False) for shard in range(shards)]
        progress.start("taking reports", run.total, 0)
        sketches, began = Sketches(), time.process_time()
        for report in taken(run, reports_of(items), progress):
            sketches.add(report)
        sketches.kept(find_removed(run, sketches))
        return (time.process_time() - began) / run.total


def _finished(directory: Path, recipe: Recipe, shards: int) -> float:
    """CPU seconds of this process for a row of the final tables."""
    config = load_config(overrides={"num": shards * 100, "failure_budget": 1.0})
    with RunDirectory.open(directory, config) as run, Progress() as progress:
        run.claim_pool(recipe.fingerprint)
        _write_shards(run, recipe, min(10, shards))
        kept = [index for table in run.tables() for index in table.column("index").to_pylist()]
        began = time.process_time()
        check_budget(run, {})
        finish(run, recipe, (write_final_tables(run, kept, {}, progress), {}), {}, time.monotonic())
        return (time.process_time() - began) / run.total


def _write_shards(run: RunDirectory[SynthesizeConfig], recipe: Recipe, different: int) -> None:
    """Real shards: so many different ones, over and over with other numbers."""
    for shard in range(run.shards):
        paths = run.paths_of(shard)
        if shard < different:
            run.write_shard(shard, *make_rows(paths, recipe))
            continue
        rows, failures = run.read_table(shard % different), run.read_failures(shard % different)
        moved = paths.start - run.paths_of(shard % different).start
        indices = [index + moved for index in rows.column("index").to_pylist()]
        columns = {"id": pa.array([f"{index:016x}" for index in indices]), "index": pa.array(indices, rows.schema.field("index").type)}
        for name, column in columns.items():
            rows = rows.set_column(rows.schema.get_field_index(name), rows.schema.field(name), column)
        renamed = [replace(failure, id=f"{failure.index + moved:016x}", index=failure.index + moved) for failure in failures]
        write_shard(run.path, shard, paths, rows, renamed)


if __name__ == "__main__":
    app()
