"""A Ray head that a test starts with `ray start`, alone or with the autoscaler on machines that are only pretended.

Run as a module, it watches a cluster: `python -m tests.ray_heads ADDRESS` prints a line of JSON (seconds, worker nodes) now and
then, until its stdin ends.
"""

from __future__ import annotations

import json
import logging
import select
import shutil
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from magnet_ray.free_ports import free_port, free_ports
from tests.cluster_support import Command, started, wait_until

LOOK_SECONDS = 0.5
HEAD_NODE = "fffffffffffffffffffffffffffffffffffffffffffffffffff00000"
"""Id that the pretended provider knows the head by."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """A running head."""

    address: str
    """HOST:PORT for `ray.address`."""
    metrics: str
    """Address of its metrics."""
    command: Command
    """Its process."""


@contextmanager
def ray_head(*options: object, env: Mapping[str, str] | None = None, port: int | None = None) -> Iterator[Head]:
    """A head with every port of its own; `options` of `ray start` beyond those."""
    metrics, client, another = [free for free in free_ports(4) if free != port][:3]
    port = port or another
    # Short, for the sockets inside have long names.
    directory = tempfile.mkdtemp(prefix="ray-", dir="/tmp")
    own = {"--port": port, "--metrics-export-port": metrics, "--ray-client-server-port": client, "--temp-dir": directory}
    fixed = ("--node-ip-address=127.0.0.1", "--min-worker-port=0", "--max-worker-port=0", "--dashboard-agent-listen-port=0")
    arguments = ("start", "--head", "--block", *fixed, *(f"{name}={value}" for name, value in own.items()), *options)
    quiet = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "RAY_metrics_report_interval_ms": "1000"}
    with started(*arguments, program=("-m", "ray.scripts.scripts"), env={**quiet, **(env or {})}) as command:
        try:
            assert any("Ray runtime started" in line for line in command.process.stdout or ()), command.wait().stderr
            yield Head(address=f"127.0.0.1:{port}", metrics=f"http://127.0.0.1:{metrics}/metrics", command=command)
        finally:
            command.kill_everything()
            shutil.rmtree(directory, ignore_errors=True)


@contextmanager
def growing_cluster(directory: Path, *, head_cpus: int, most: int) -> Iterator[Head]:
    """A head whose autoscaler adds up to `most` nodes of one CPU, and takes them away after six idle seconds."""
    port = free_port()
    types = {
        "ray.head.default": {"resources": {"CPU": head_cpus}, "node_config": {}, "max_workers": 0},
        "worker": {"resources": {"CPU": 1}, "node_config": {}, "min_workers": 0, "max_workers": most},
    }
    # By its class: under its own name it wants a template that Ray's wheel lacks.
    fake = {"type": "external", "module": "ray.autoscaler._private.fake_multi_node.node_provider.FakeMultiNodeProvider"}
    provider = {**fake, "head_node_id": HEAD_NODE, "gcs_address": f"127.0.0.1:{port}", "launch_multiple": True}
    config = {
        "cluster_name": "pretended",
        "max_workers": most,
        "upscaling_speed": 10.0,
        "idle_timeout_minutes": 0.1,
        "provider": {**provider, "disable_node_updaters": True, "disable_launch_config_check": True},
        "auth": {},
        "docker": {},
        "available_node_types": types,
        "head_node_type": "ray.head.default",
        **{name: [] for name in ("initialization_commands", "setup_commands", "head_setup_commands", "worker_setup_commands")},
        **{name: [] for name in ("head_start_ray_commands", "worker_start_ray_commands", "rsync_exclude", "rsync_filter")},
        "file_mounts": {},
        "cluster_synced_files": [],
    }
    file = directory / "autoscaling.json"
    file.write_text(json.dumps(config), encoding="utf-8")
    env = {
        "RAY_FAKE_CLUSTER": "1",
        "AUTOSCALER_UPDATE_INTERVAL_S": "1",
        "RAY_enable_autoscaler_v2": "1",
        "RAY_CLOUD_INSTANCE_ID": HEAD_NODE,
        "RAY_OVERRIDE_NODE_ID_FOR_TESTING": HEAD_NODE,
    }
    with ray_head(f"--num-cpus={head_cpus}", f"--autoscaling-config={file}", env=env, port=port) as head:
        yield head


class Watch:
    """(seconds, worker nodes) of a cluster, over time."""

    def __init__(self, command: Command) -> None:
        self._seen: list[tuple[float, int]] = []
        self._reader = threading.Thread(target=self._read, args=(command,), daemon=True)
        self._reader.start()
        wait_until(lambda: self._seen or command.process.poll() is not None)
        assert self._seen, command.wait().stderr

    def _read(self, command: Command) -> None:
        for line in command.process.stdout or ():
            seconds, nodes = json.loads(line)
            self._seen.append((seconds, nodes))

    def so_far(self) -> list[tuple[float, int]]:
        """What was seen until now."""
        return list(self._seen)


@contextmanager
def watched(head: Head) -> Iterator[Watch]:
    """A look at the nodes of a cluster now and then, from the outside."""
    with started(head.address, program=("-m", "tests.ray_heads"), env={"RAY_AUTH_MODE": "disabled"}) as command:
        yield Watch(command)


def listens(port: int) -> bool:
    """Whether somebody listens at a port of this machine."""
    with socket.socket() as caller:
        return caller.connect_ex(("127.0.0.1", port)) == 0


def _watch(arguments: Sequence[str]) -> None:
    import ray

    ray.init(address=arguments[0], log_to_driver=False, logging_level=logging.ERROR)
    began = time.monotonic()
    while not select.select([sys.stdin], [], [], LOOK_SECONDS)[0]:
        nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
        workers = [node for node in nodes if node["Alive"] and "node:__internal_head__" not in node["Resources"]]
        print(json.dumps([round(time.monotonic() - began, 1), len(workers)]), flush=True)


if __name__ == "__main__":
    _watch(sys.argv[1:])
