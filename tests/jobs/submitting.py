"""A head that jobs are submitted to as users do, by `ray job`."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import uuid4

from magnet_ray.free_ports import free_port
from tests.cluster_support import ROOT, started, wait_until
from tests.ray_heads import ray_head

RAY = ("-m", "ray.scripts.scripts")
"""The `ray` command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobHead:
    """A running head that lets nobody in without its token."""

    env: Mapping[str, str]
    """What a client's environment holds: the dashboard's address and the token."""

    def job(self, command: str, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
        """`ray job COMMAND`, done."""
        with started("job", command, *arguments, env={**self.env, **env}, program=RAY) as client:
            return client.wait(600)

    def submit(self, name: str, *entry: object, options: Sequence[object] = ()) -> subprocess.CompletedProcess[str]:
        """A job submitted from the root of the repository and followed to its end; what was printed holds its log."""
        return self.job("submit", "--submission-id", name, "--working-dir", ROOT, *options, "--", sys.executable, *entry)

    def status(self, name: str) -> str:
        """`running`, `was stopped`, `succeeded`, `failed` with the end of the log, …, as the command says it."""
        told = self.job("status", name)
        return (told.stdout + told.stderr).lower().replace(f"'{name}'", "it")


@contextmanager
def job_head(cpus: int = 2) -> Iterator[JobHead]:
    """A head by `ray start --head` with authentication on, reached from this machine alone."""
    port = free_port()
    env = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": uuid4().hex * 2, "HF_HUB_OFFLINE": "1"}
    options = (f"--dashboard-port={port}", "--dashboard-host=127.0.0.1", f"--num-cpus={cpus}")
    with ray_head(*options, env=env) as node:
        head = JobHead(env={**env, "RAY_ADDRESS": f"http://127.0.0.1:{port}"})
        wait_until(lambda: node.command.process.poll() is not None or head.job("list").returncode == 0, pause=0.5)
        assert node.command.process.poll() is None, node.command.wait().stderr
        yield head
