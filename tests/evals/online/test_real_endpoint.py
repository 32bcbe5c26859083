"""Checkpoints arrive behind a real Ray Serve endpoint while a client goes on asking: no request fails."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

import pytest

from evals.online.checkpoints import find_checkpoints
from evals.online.leaderboard import Leaderboard
from evals.online.loop import passed_over
from magnet_ray.cli import DONE
from magnet_ray.free_ports import free_port
from tests.cluster_support import Command, needs_proc
from tests.evals.heldout.rows import synthesised
from tests.evals.online.checkpoint_runs import finish_run
from tests.scripted_student import real_rows

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("starlette")
pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(900)]

PATIENCE = 400.0
"""Seconds within which a checkpoint is served and evaluated, on a busy machine too."""


class Client:
    """Two requests a second, each in a thread of its own, from when the endpoint first answers."""

    def __init__(self, url: str) -> None:
        self.url, self.statuses = url, Counter[str]()
        self.slowest = 0.0
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begin to ask."""
        self._thread.start()

    def stop(self) -> None:
        """Ask no more, and wait for the answers."""
        self._ending.set()
        if self._thread.is_alive():
            self._thread.join(PATIENCE)

    def _run(self) -> None:
        asking = []
        while not self._ending.wait(0.5):
            asking.append(threading.Thread(target=self._ask, daemon=True))
            asking[-1].start()
        for each in asking:
            each.join(PATIENCE)

    def _ask(self) -> None:
        body = {"model": "model", "messages": [{"role": "user", "content": "hi"}], "max_tokens": 2}
        request = urllib.request.Request(f"{self.url}/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"})
        began = time.monotonic()
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE) as response:
                self.statuses[str(response.status)] += 1
        except urllib.error.HTTPError as error:
            self.statuses[f"{error.code}: {error.read()[:200]!r}"] += 1
        except OSError as error:
            self.statuses[repr(error)] += 1
        self.slowest = max(self.slowest, time.monotonic() - began)


def checkpoint(directory: Path, seed: int, at: int, data: Path) -> None:
    """A finished training run of a tiny random model."""
    from tests.training.tiny_models import torch
    from tests.training.tiny_runs import tiny_checkpoint

    made = directory.with_name(f".{directory.name}")
    tiny_checkpoint(made / "model")
    weights = made / "model" / "model.safetensors"
    from safetensors.torch import load_file, save_file

    torch.manual_seed(seed)
    save_file({name: value + 0.01 * torch.randn_like(value) for name, value in load_file(weights).items()}, weights, {"format": "pt"})
    finish_run(made, at=at, data=data)
    # The manifest comes last, as in a real run.
    shutil.copytree(made, directory, ignore=shutil.ignore_patterns("manifest.json"))
    shutil.copy(made / "manifest.json", directory / "manifest.json")


def test_three_checkpoints_arrive_while_a_client_asks_and_no_request_fails(tmp_path: Path) -> None:
    data = synthesised(tmp_path / "data", [row for row in real_rows()[:40] if row.category == "single"][:3])
    training, board = tmp_path / "training", tmp_path / "board"
    training.mkdir()
    checkpoint(training / "first", 1, 1, data)
    port = free_port()
    client = Client(f"http://127.0.0.1:{port}/v1")
    sets = (
        *("heldout.max_rounds=1", "heldout.model.max_tokens=4", "heldout.ray.workers=1", "heldout.ray.conversations=2", "poll_seconds=0.5"),
        *("serve.engine=transformers", f"serve.http.port={port}", "serve.ray.num_cpus=3", "serve.replicas.cpus=1"),
        *("serve.generation.threads=1", "serve.drain_seconds=30"),
    )
    options = [word for text in sets for word in ("--set", text)]
    running = Command(["--watch", training, "--run", data, "--out", board, "--checkpoints", 3, *options], program=("-m", "evals.online"))
    try:
        until = time.monotonic() + PATIENCE
        for number, name in enumerate(("second", "third"), 2):
            while len(Leaderboard(board).entries()) < number - 1:
                assert time.monotonic() < until and running.process.poll() is None, passed_over(board)
                time.sleep(0.2)
            if number == 2:
                client.start()
                time.sleep(3)
            checkpoint(training / name, number, number, data)
            until = time.monotonic() + PATIENCE
        while len(Leaderboard(board).entries()) + len(passed_over(board)) < 3:
            assert time.monotonic() < until and running.process.poll() in (None, DONE)
            # The endpoint goes with the loop, so the client stops before.
            if (board / "evaluations").exists() and len(list((board / "evaluations").iterdir())) == 3:
                client.stop()
            time.sleep(0.1)
        done = running.wait(PATIENCE)
    finally:
        client.stop()
        running.kill_everything()
    assert done.returncode == DONE, done.stderr
    entries = Leaderboard(board).entries()
    assert passed_over(board) == []
    assert [entry.name for entry in entries] == ["first", "second", "third"]
    assert [entry.weights for entry in entries] == [each.weights for each in find_checkpoints(training)]
    assert len({entry.weights for entry in entries}) == 3
    assert {entry.tasks for entry in entries} == {3}
    print(client.statuses, client.slowest, [entry.deploy_seconds for entry in entries])
    assert set(client.statuses) == {"200"}, client.statuses
    assert client.statuses.total() > 10
