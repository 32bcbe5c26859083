"""How fast synthesis is, what Ray adds, what memory it takes, and how long a graph takes to build.

    python -m evals.throughput.synthesis rate                 # verified multi-turn trajectories a second on one core
    python -m evals.throughput.synthesis ray --paths 10000    # the Ray job on 2 CPUs against the plain loop
    python -m evals.throughput.synthesis memory               # peak memory at 10,000 and 100,000 rows
    python -m evals.throughput.synthesis graph --source toolbench:DIR --source jsonl:FILE

Each figure is printed as a table row. The plain loop runs the same stages in one process: rows, sketches, tables.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import psutil
import pyarrow as pa
import typer

from evals.throughput.tables import print_table
from magnet_ray.artifacts import Origin, RunDirectory
from magnet_ray.at_once import at_once
from magnet_ray.config import SynthesizeConfig, load_config
from magnet_ray.duplicates import benchmark_index, conversation_text, near_duplicates, signature, user_queries
from magnet_ray.environments.opening import open_environment
from magnet_ray.functions.pool import build_pool
from magnet_ray.graph import build_graph, verify_edges
from magnet_ray.rows import from_table
from magnet_ray.synthesis import Recipe, make_row, make_rows, prepare
from magnet_ray.types import Trajectory

app = typer.Typer(help=__doc__, no_args_is_help=True)
ONLY_MULTI_TURN = {"mix.single_turn": 0, "mix.irrelevance": 0}


@app.command()
def rate(paths: int = 1_000, repeats: int = 3) -> None:
    """Verified multi-turn trajectories a second, in the plain loop on one core."""
    recipe = prepare(_config(paths, ONLY_MULTI_TURN), open_environment)
    make_rows(range(50), recipe)
    rates = []
    for repeat in range(repeats):
        began = time.perf_counter()
        kept = sum(isinstance(at_once(make_row(repeat * paths + index, recipe)), Trajectory) for index in range(paths))
        rates.append(kept / (time.perf_counter() - began))
    print_table("plain loop, one core", [("verified multi-turn trajectories/s", f"{statistics.median(rates):.0f}", _spread(rates))])


@app.command("ray")
def ray_ratio(paths: int = 10_000, repeats: int = 3, cpus: int = 2) -> None:
    """The Ray job against the plain loop over the same stages, in turn; ratio of the times, Ray's start excluded and included.

    What the machine itself allows is measured beside it: as many plain loops at once, none knowing of the others, against
    one. Cores that share a physical core or a memory bus give less than their number.
    """
    ratios, whole, limits = [], [], []
    for _ in range(repeats):
        plain = _timed(lambda directory: _plain_loop(_config(paths, {}), directory))
        inner, outer = job_seconds(paths, cpus)
        ratios.append(plain / inner)
        whole.append(plain / outer)
        limits.append(cpus * loop_seconds(paths // 4, 1) / loop_seconds(paths // 4, cpus))
    rows = [
        (f"plain loop / Ray job on {cpus} CPUs", f"{statistics.median(ratios):.2f}", _spread(ratios)),
        ("the same with interpreter and Ray started anew", f"{statistics.median(whole):.2f}", _spread(whole)),
        (f"the machine's limit: {cpus} plain loops at once / one", f"{statistics.median(limits):.2f}", _spread(limits)),
    ]
    print_table(f"{paths} paths", rows)


@app.command()
def memory(rows: Annotated[list[int] | None, typer.Option()] = None, cpus: int = 2) -> None:
    """Peak memory of the driver and of the largest worker, at several sizes."""
    table = []
    for paths in rows or [10_000, 100_000]:
        with tempfile.TemporaryDirectory() as directory:
            driver, worker = _peaks(_command(paths, cpus, Path(directory) / "run"))
        table.append((f"{paths} rows", f"driver {driver / 2**20:.0f} MiB", f"largest worker {worker / 2**20:.0f} MiB"))
        print_table("peak resident memory", table)


@app.command()
def graph(source: Annotated[list[str] | None, typer.Option()] = None) -> None:
    """Seconds to build the pool and the graph of each source."""
    table = []
    for text in source or ["builtin"]:
        began = time.perf_counter()
        pool = build_pool([text])
        built = time.perf_counter()
        found = build_graph(pool)
        judged = time.perf_counter()
        verified = verify_edges(found, pool, open_environment, 1)
        done = time.perf_counter()
        size = f"{len(pool.specs)} functions, {len(verified.edges)} edges"
        table.append((text, size, f"pool {built - began:.1f} s, graph {judged - built:.1f} s, verified {done - judged:.1f} s"))
    print_table("graph", table)


def _config(paths: int, overrides: dict[str, Any]) -> SynthesizeConfig:
    return load_config(overrides={"num": paths, **overrides})


def _plain_loop(config: SynthesizeConfig, directory: Path) -> None:
    """The job's stages one after another in this process."""
    with RunDirectory.open(directory, config) as run:
        recipe = prepare(config, open_environment)
        for shard in range(run.shards):
            run.write_shard(shard, *make_rows(run.paths_of(shard), recipe))
        removed = _duplicates(run, recipe, config)
        kept = (_without(run.read_table(shard), removed) for shard in range(run.shards))
        failures = [failure for shard in range(run.shards) for failure in run.read_failures(shard)]
        run.finish(kept, [*failures, *removed.values()], Origin(sources=config.sources))


def _without(rows: pa.Table, removed: Container[int]) -> pa.Table:
    return rows.filter(pa.array([index not in removed for index in rows.column("index").to_pylist()], pa.bool_()))


def _duplicates(run: RunDirectory[SynthesizeConfig], recipe: Recipe, config: SynthesizeConfig) -> dict[int, Any]:
    from magnet_ray.types import Failure, FailureReason

    index = benchmark_index(config.verification.ngram, config.verification.contamination)
    rows = [row for shard in range(run.shards) for row in from_table(Trajectory, run.read_table(shard))]
    for row in rows:
        if index:
            any(index.overlaps(query) for query in user_queries(row))
    signatures = np.stack([signature(conversation_text(row)) for row in rows])
    twins = near_duplicates([row.index for row in rows], signatures, config.verification.near_duplicate)
    return {
        row.index: Failure(id=row.id, index=row.index, stage="duplicates", reason=FailureReason.NEAR_DUPLICATE, detail="")
        for row in rows
        if row.index in twins
    }


def _timed(work: Callable[[Path], None]) -> float:
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        work(Path(directory) / "run")
        return time.perf_counter() - began


_LOOP = """
import sys, time
from magnet_ray.config import load_config
from magnet_ray.environments.opening import open_environment
from magnet_ray.synthesis import make_rows, prepare
recipe = prepare(load_config(), open_environment)
make_rows(range(200), recipe)
print("ready", flush=True)
sys.stdin.readline()
began = time.perf_counter()
make_rows(range(200, 200 + int(sys.argv[1])), recipe)
print(time.perf_counter() - began)
"""


def loop_seconds(paths: int, processes: int) -> float:
    """Seconds that a plain loop over so many paths takes while others of its kind run beside it."""
    command = [sys.executable, "-c", _LOOP, str(paths)]
    running = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)]
    for process in running:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    # They were made ready one beside the other; now they begin together.
    return max(float(out) for out, _ in _together(running))


def _together(running: Sequence[subprocess.Popen[str]]) -> list[tuple[str, str]]:
    for process in running:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    return [process.communicate() for process in running]


_JOB = """
import sys, time, json
from pathlib import Path
from magnet_ray import pipeline
from magnet_ray.config import load_config
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster
config = load_config(overrides={"num": int(sys.argv[1]), "ray.num_cpus": int(sys.argv[2])})
with cluster(config.ray, Progress()):
    began = time.perf_counter()
    pipeline.synthesize(config, Path(sys.argv[3]))
    print("SECONDS", time.perf_counter() - began)
"""


def _command(paths: int, cpus: int, out: Path) -> list[str]:
    return [sys.executable, "-c", _JOB, str(paths), str(cpus), str(out)]


def job_seconds(paths: int, cpus: int) -> tuple[float, float]:
    """Seconds of the job in a started cluster, and of the whole process."""
    with tempfile.TemporaryDirectory() as directory:
        began = time.perf_counter()
        done = subprocess.run(_command(paths, cpus, Path(directory) / "run"), check=True, capture_output=True, text=True)
        outer = time.perf_counter() - began
    return float(done.stdout.split("SECONDS")[-1]), outer


def _peaks(command: Sequence[str]) -> tuple[int, int]:
    """Largest resident memory of a process and of the largest of its descendants, in bytes."""
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    driver, worker = 0, 0
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        try:
            driver = max(driver, watched.memory_info().rss)
            sizes = [child.memory_info().rss for child in watched.children(recursive=True) if child.name().startswith("ray::")]
            worker = max([worker, *sizes])
        except psutil.NoSuchProcess:
            continue
        time.sleep(0.25)
    if process.returncode:
        raise SystemExit(f"the job failed: {json.dumps(list(command[3:]))}")
    return driver, worker


def _spread(values: Sequence[float]) -> str:
    return f"{min(values):.2f} to {max(values):.2f} over {len(values)}"


if __name__ == "__main__":
    app()
