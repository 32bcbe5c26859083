"""A cluster to be killed piece by piece: a head that survives its own death, nodes that come and go, a served teacher.

    python -m tests.chaos.victims DIRECTORY PORT ANSWERS

prints the address of the cluster; then `node` on stdin kills a node and adds another, `head` kills the head's service and starts
it again, each answered by a line; ends with its stdin. The head keeps its state in DIRECTORY and has no CPU for work. The
teacher, two replicas behind a gateway at PORT, answers out of the file ANSWERS.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import orjson

from magnet_ray.serving.chat_requests import IncomingChat
from magnet_ray.serving.engine import CallPiece, EndPiece, Piece, TextPiece
from magnet_ray.serving.settings import ServeConfig
from tests.cluster_support import Command, started

TEACHER = "teacher"
"""Name of the model."""
THINKING_SECONDS = 0.3
"""What an answer takes."""
HEAD_SECONDS = 1.0
"""How long the head is away."""
NODES = 2


def asked(body: dict[str, Any]) -> str:
    """What a request asks, whoever asks it and how often."""
    return hashlib.sha256(orjson.dumps([body["messages"], body.get("tools")], option=orjson.OPT_SORT_KEYS)).hexdigest()


class RehearsedEngine:
    """An engine that answers out of a file: `asked` -> message."""

    def __init__(self, answers: str, config: ServeConfig) -> None:
        self._answers: dict[str, dict[str, Any]] = json.loads(Path(answers).read_text(encoding="utf-8"))

    async def ready(self) -> None:
        """Always."""

    async def generate(self, request: IncomingChat) -> AsyncGenerator[Piece]:
        """The pieces of the message."""
        await asyncio.sleep(THINKING_SECONDS)
        message = self._answers[asked(dict(request.fields))]
        calls = [call["function"] for call in message.get("tool_calls", ())]
        if message.get("content"):
            yield TextPiece(text=message["content"])
        for index, call in enumerate(calls):
            yield CallPiece(index=index, id=f"call_{index}", name=call["name"], arguments=call["arguments"])
        yield EndPiece(reason="tool_calls" if calls else "stop", prompt_tokens=1, completion_tokens=1)


class Victims:
    """Such a cluster, running."""

    def __init__(self, command: Command) -> None:
        self._command = command
        self.address = self._line()

    def lose(self, what: str) -> None:
        """Kill and replace `node` or `head`."""
        assert self._command.process.stdin is not None
        self._command.process.stdin.write(f"{what}\n")
        self._command.process.stdin.flush()
        assert self._line() == what

    def processes(self, *names: str) -> list[int]:
        """Processes of the cluster whose command line has one of these names in it."""
        return [pid for pid, line in self._command.processes().items() if any(name in line for name in names)]

    def _line(self) -> str:
        assert self._command.process.stdout is not None
        line = self._command.process.stdout.readline().strip()
        assert line, self._command.wait().stderr
        return line


@contextmanager
def victims(directory: Path, port: int, answers: Path) -> Iterator[Victims]:
    """The cluster, with its teacher ready; nothing of it is left afterwards."""
    state = {"RAY_gcs_storage": "rocksdb", "RAY_gcs_storage_path": str(directory), "RAY_AUTH_MODE": "disabled"}
    with started(directory, port, answers, program=("-m", "tests.chaos.victims"), env=state) as command:
        yield Victims(command)


def main(port: int, answers: str) -> None:
    """Be the cluster."""
    import ray
    from ray.cluster_utils import Cluster

    from magnet_ray.free_ports import free_port
    from magnet_ray.progress import Progress
    from magnet_ray.sections import load_section
    from magnet_ray.serving.app import engine_replicas, gateway
    from magnet_ray.serving.running import deployed

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    # A head that comes back must come back to where it was.
    cluster = Cluster()
    head: Any = cluster.add_node(num_cpus=0, include_dashboard=False, gcs_server_port=free_port())
    nodes = [cluster.add_node(num_cpus=2) for _ in range(NODES)]
    ray.init(cluster.address, log_to_driver=False)
    replicas = {"replicas.min": 2, "replicas.max": 2, "replicas.cpus": 0.1}
    config = load_section(ServeConfig, overrides={"http.port": port, "name": TEACHER, **replicas})
    application = gateway(config, (), engine_replicas(config, partial(RehearsedEngine, answers)))
    with deployed(application, config.http, Progress()):
        print(cluster.address, flush=True)
        for line in sys.stdin:
            if line.strip() == "node":
                nodes.append(cluster.add_node(num_cpus=2))
                cluster.remove_node(nodes.pop(0), allow_graceful=False)
            else:
                head.kill_gcs_server()
                time.sleep(HEAD_SECONDS)
                head.start_gcs_server()
            print(line.strip(), flush=True)
        # Whatever still runs ends with this process.
        os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[2]), sys.argv[3])
