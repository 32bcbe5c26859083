"""What serving on Ray Serve costs beside the bare engine: requests a second, time to the first token and between tokens.

    python -m evals.throughput.serving null                       # an engine that does nothing: the way to it and back
    python -m evals.throughput.serving vllm --model CHECKPOINT    # with an interpreter that has vLLM; its own server is the bare engine

The same requests come at 1, 4 and 16 in flight, on this machine. `vllm` asks both servers in turns and takes the median of the ratios
side by side, for a machine that is busy with other things. `null` compares with the time that the engine itself takes in a loop, so
that all of the HTTP, the checks and the handles are counted as added. Of an engine that answers at once as many requests come as the
CPUs can take, and each waits for those before it: that measures requests a second. What is added to a model's own time shows behind
an engine that waits first, whose requests begin one after the other.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import partial
from statistics import median
from tempfile import TemporaryFile
from typing import Annotated, Any
from urllib.error import URLError

import ray
import typer

from evals.throughput.null_engine import NullEngine
from evals.throughput.serving_load import Load, Measured, measure
from evals.throughput.tables import print_table
from magnet_ray.progress import Progress
from magnet_ray.serving.app import application, engine_replicas, gateway
from magnet_ray.serving.chat_requests import parse_chat
from magnet_ray.serving.running import answer_first, deployed, use_haproxy
from magnet_ray.serving.settings import ServeConfig

app = typer.Typer(help=__doc__, no_args_is_help=True)
CONCURRENCIES = (1, 4, 16)
ROUNDS = 10
"""Requests, for each in flight, to an engine that waits."""
START_SECONDS = 600.0
Port = Annotated[int, typer.Option(help="Port for the servers, one after the other.")]


@app.command()
def null(requests: int = 400, port: Port = 18_700, haproxy: bool = False, seconds: float = 0.5) -> None:
    """Added time with an engine that does nothing, unstreamed and streamed; at once, and after some seconds."""
    if haproxy:
        use_haproxy()
    config = ServeConfig.model_validate({"name": "null", "http": {"port": port}, "replicas": {"cpus": 0.5, "max_ongoing": 64}})
    with _cluster():
        for wait in (0.0, seconds):
            _measure_null(config, wait, requests)


def _measure_null(config: ServeConfig, wait: float, requests: int) -> None:
    """Print a table of an engine that waits first."""
    make = partial(NullEngine, seconds=wait)
    bare = median(asyncio.run(_alone(make())) for _ in range(5 if wait else 50)) * 1e3
    rows: list[Sequence[str]] = [("in flight", "answers", "requests/s", "whole, median", "95th", "first piece, median", "added median")]
    with deployed(gateway(config, (), engine_replicas(config, make)), config.http, Progress()) as url:
        for stream in (False, True):
            for concurrency in CONCURRENCIES:
                count = ROUNDS * concurrency if wait else requests
                load = Load(requests=count, concurrency=concurrency, stream=stream, tokens=32, spread=wait)
                run = measure(url, "null", load)
                added = run.first[0] - wait * 1e3 if stream else run.whole[0] - bare
                rows.append((str(concurrency), "streamed" if stream else "whole", *_cells(run), f"{added:.1f} ms"))
    kind = f"waits for {wait:g} s" if wait else "answers at once"
    print_table(f"an engine that {kind} ({bare:.2f} ms in a loop); the load shares the CPUs", rows)


@app.command()
def vllm(
    model: Annotated[str, typer.Option(help="Checkpoint directory.")],
    requests: Annotated[int, typer.Option(help="Requests of a measurement, but two for each in flight at least.")] = 8,
    tokens: int = 16,
    rounds: Annotated[int, typer.Option(help="Pairs of measurements at each number in flight.")] = 5,
    stream: bool = True,
    context: int = 2_048,
    port: Port = 18_700,
) -> None:
    """Ray Serve against vLLM's own server: same engine arguments, same load, in turns; both are up, and one is asked at a time."""
    config = ServeConfig.model_validate(
        {"model": model, "name": "model", "engine": "vllm", "context_length": context, "http": {"port": port}}
    )
    loads = [
        Load(requests=max(requests, 2 * each), concurrency=each, stream=stream, tokens=tokens, warm_up=1 if each > 1 else 2)
        for each in CONCURRENCIES
    ]
    with _bare_vllm(config, port + 1) as bare, _cluster(), deployed(application(config), config.http, Progress()) as served:
        pairs = {load.concurrency: _in_turns(bare, served, load, rounds) for load in loads}
    kind = "streamed" if stream else "whole"
    print_table(f"{rounds} pairs of measurements, answers of {tokens} tokens, {kind}; the load shares the CPUs", _vllm_rows(pairs))


def _in_turns(bare: str, served: str, load: Load, rounds: int) -> list[tuple[Measured, Measured]]:
    """Measurements of vLLM alone and of Ray Serve, side by side; who begins changes, so that a machine that slows down favours neither."""
    pairs = []
    for number in range(rounds):
        order = (bare, served) if number % 2 == 0 else (served, bare)
        runs = {url: measure(url, "model", load) for url in order}
        pairs.append((runs[bare], runs[served]))
        rates = f"{runs[bare].rate:.2f} requests/s from vLLM alone, {runs[served].rate:.2f} from Ray Serve"
        typer.echo(f"{load.concurrency} in flight, pair {number + 1}: {rates}", err=True)
    return pairs


def _vllm_rows(pairs: Mapping[int, Sequence[tuple[Measured, Measured]]]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = [
        ("in flight", "server", "requests/s", "tokens/s", "first token", "between tokens", "ratio to bare", "ratios")
    ]
    for concurrency, measured in pairs.items():
        ratios = sorted(served.rate / bare.rate for bare, served in measured)
        for position, name in enumerate(("vLLM alone", "Ray Serve")):
            runs = [pair[position] for pair in measured]
            numbers = [f"{median(run.rate for run in runs):.2f}", f"{median(run.tokens_a_second for run in runs):.1f}"]
            times = [f"{median(value):.1f} ms" for value in ([run.first[0] for run in runs], [run.gap[0] for run in runs])]
            ratio = [f"{median(ratios):.3f}", f"{ratios[0]:.2f} to {ratios[-1]:.2f}"] if position else ["", ""]
            rows.append((str(concurrency), name, *numbers, *times, *ratio))
    return rows


async def _alone(engine: NullEngine) -> float:
    """Seconds of one answer of an engine, its request already read."""
    request = parse_chat(json.dumps({"model": "null", "messages": [{"role": "user", "content": "hello"}]}).encode())
    began = time.perf_counter()
    async for _ in engine.generate(request):
        pass
    return time.perf_counter() - began


@contextmanager
def _cluster() -> Iterator[None]:
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")
    answer_first()
    ray.init(address="local", include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


@contextmanager
def _bare_vllm(config: ServeConfig, port: int) -> Iterator[str]:
    """vLLM's own server with the engine arguments that replicas get."""
    from magnet_ray.atomic_files import write_atomically
    from magnet_ray.serving.vllm_engine import engine_arguments, read_checkpoint, runs_on_cpu, template_file

    checkpoint = read_checkpoint(config)
    arguments = engine_arguments(checkpoint, config.replicas.max_ongoing, runs_on_cpu())
    write_atomically(template_file(checkpoint.template), lambda file: file.write_text(checkpoint.template, encoding="utf-8"))
    where = ["--model", checkpoint.base, "--served-model-name", "model", "--host", "127.0.0.1", "--port", str(port)]
    command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server", *where, "--disable-uvicorn-access-log", *_options(arguments)]
    with TemporaryFile() as log, closing(_Server(subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT))) as server:
        server.wait_until_healthy(f"http://127.0.0.1:{port}/health")
        yield f"http://127.0.0.1:{port}/v1"


class _Server:
    """A server process that ends with its block."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process

    def wait_until_healthy(self, url: str) -> None:
        """Return when it answers; raise when it ended or takes too long."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                with urllib.request.urlopen(url, timeout=5):
                    return
            except (URLError, OSError):
                time.sleep(0.5)
        raise RuntimeError(f"the server did not start (exit code {self._process.poll()})")

    def close(self) -> None:
        """Stop it and wait for its end."""
        self._process.terminate()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def _options(arguments: Mapping[str, Any]) -> list[str]:
    options = []
    for name, value in arguments.items():
        flag = name.replace("_", "-")
        if isinstance(value, bool):
            options.append(f"--{flag}" if value else f"--no-{flag}")
        else:
            options += [f"--{flag}", json.dumps(value) if isinstance(value, dict) else str(value)]
    return options


def _cells(run: Measured) -> Sequence[str]:
    return f"{run.rate:.0f}", f"{run.whole[0]:.1f} ms", f"{run.whole[1]:.1f} ms", f"{run.first[0]:.1f} ms"


if __name__ == "__main__":
    app()
