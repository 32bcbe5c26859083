"""What the serving tests share: the interpreter that has vLLM, the tiny checkpoint, and one server of it for all of them."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving.vllm_server import ROOT, VllmServer, interpreter, vllm_server


@pytest.fixture(scope="package")
def python() -> Path:
    """The interpreter that has vLLM."""
    found = interpreter()
    if found is None:
        pytest.skip("no environment with vLLM: run `make setup-vllm`, or name its interpreter in MAGNET_VLLM_PYTHON")
    return found


@pytest.fixture(scope="package")
def checkpoint(python: Path) -> Path:
    """The tiny chat model, from the user's cache after the first time."""
    make = [str(python), "-m", "evals.tiny_checkpoint"]
    done = subprocess.run(make, capture_output=True, text=True, cwd=ROOT, timeout=880, check=False)
    if done.returncode:
        pytest.skip(f"the tiny model cannot be had: {done.stderr.strip().splitlines()[-1:]}")
    return Path(done.stdout.strip().splitlines()[-1])


@pytest.fixture(scope="package")
def server(python: Path, checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[VllmServer]:
    """An OpenAI-compatible server; its start takes a minute, so it is gone only after the last of these tests."""
    with vllm_server(python, checkpoint, log=tmp_path_factory.mktemp("vllm") / "server.log") as running:
        yield running
