"""A real vLLM server with an OpenAI API on this machine's CPU, for tests and for end-to-end runs against it.

    with vllm_server(interpreter(), checkpoint) as server:
        ...  # server.base_url, server.model, server.tokens()

Its interpreter lives in a virtual environment of its own (`make setup-vllm`), so vLLM is never imported here.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError

from magnet_ray.free_ports import free_port

ROOT = Path(__file__).resolve().parents[2]
ENVIRONMENT = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
ENGINE: dict[str, object] = {
    # Fastest on a CPU, together with no compilation.
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 4096,
    "max_num_seqs": 32,
    "kv_cache_memory_bytes": 1 << 30,
    # vLLM 0.32 on a CPU: a request with a `seed` whose prompt is read in chunks kills the engine ("CPU Generator does not use offset").
    "enable_chunked_prefill": False,
    "max_num_batched_tokens": 4096,
    # A small model spends its tokens on blanks where the grammar lets it.
    "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    "enable_auto_tool_choice": True,
    "tool_call_parser": "hermes",
}
"""Engine arguments for SmolLM2-135M on two cores, as keyword arguments of vLLM's engine."""
START_SECONDS = 240.0
"""Longest wait for a server: 60 s are usual on two free cores."""


class ServerFailed(Exception):
    """The server ended, or did not answer, before it was ready; the text ends with the last lines of its log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenCounts:
    """Tokens that the server counted since it started."""

    prompt: int
    """Read."""
    generation: int
    """Written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VllmServer:
    """A running server."""

    base_url: str
    """For OpenAI clients, ending in /v1."""
    model: str
    """Name of its model."""
    start_seconds: float
    """How long it took to be ready."""
    log: Path
    """What it printed."""

    def tokens(self) -> TokenCounts:
        """The server's own counters, from /metrics."""
        with urllib.request.urlopen(f"{self.base_url.removesuffix('/v1')}/metrics", timeout=30) as response:
            return counted_tokens(response.read().decode())


def counted_tokens(metrics: str, prefix: str = "vllm:") -> TokenCounts:
    """The sums of vLLM's two token counters in a text of Prometheus' format."""
    sums = {}
    for kind in ("prompt", "generation"):
        values = re.findall(rf"^{re.escape(prefix)}{kind}_tokens_total(?:\{{.*\}})? ([\d.e+]+)$", metrics, re.MULTILINE)
        sums[kind] = round(sum(float(value) for value in values))
    return TokenCounts(**sums)


def interpreter() -> Path | None:
    """The Python that has vLLM: `$MAGNET_VLLM_PYTHON`, else `.venv-vllm/bin/python`; None where there is none."""
    named = os.environ.get("MAGNET_VLLM_PYTHON")
    python = Path(named) if named else ROOT / ".venv-vllm" / "bin" / "python"
    return python if python.exists() else None


@contextmanager
def vllm_server(python: Path, checkpoint: Path, *, model: str = "tiny", log: Path | None = None, port: int = 0) -> Iterator[VllmServer]:
    """A server of `checkpoint`, ready; it and its children are gone at the end. `port` 0: a free one.

    Raises:
        ServerFailed: it does not become ready.
    """
    port = port or free_port()
    log = log or checkpoint.with_name(f"vllm-{port}.log")
    began = time.monotonic()
    with log.open("wb") as output:
        # A session of its own, so that its process group holds the engine's and the worker's processes and nobody else's.
        process = subprocess.Popen(
            [str(python), "-m", "vllm.entrypoints.openai.api_server", *_arguments(checkpoint, model, port)],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | ENVIRONMENT,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(process, port, log)
        yield VllmServer(base_url=f"http://127.0.0.1:{port}/v1", model=model, start_seconds=time.monotonic() - began, log=log)
    finally:
        _stop(process)


def _arguments(checkpoint: Path, model: str, port: int) -> list[str]:
    arguments = ["--model", str(checkpoint), "--served-model-name", model, "--host", "127.0.0.1", "--port", str(port)]
    for name, value in ENGINE.items():
        option = name.replace("_", "-")
        match value:
            case bool():
                arguments.append(f"--{option}" if value else f"--no-{option}")
            case dict():
                arguments += [f"--{option}", json.dumps(value)]
            case _:
                arguments += [f"--{option}", str(value)]
    return arguments


def _wait_until_healthy(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"vLLM ended with {process.returncode}:\n{_end_of(log)}")
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
                if response.status == 200:
                    return
        except (URLError, OSError):
            # Not listening yet.
            pass
        time.sleep(0.5)
    raise ServerFailed(f"vLLM did not answer within {START_SECONDS:g} s:\n{_end_of(log)}")


def _stop(process: subprocess.Popen[bytes]) -> None:
    for stop, patience in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 10.0)):
        try:
            os.killpg(process.pid, stop)
            process.wait(patience)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    # The engine's own processes may outlive the server that was killed; the group is still theirs.
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def _end_of(log: Path) -> str:
    return "\n".join(log.read_text(encoding="utf-8", errors="replace").splitlines()[-15:])
