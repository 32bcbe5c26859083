"""A model that answers every request with the same useless words, in a process of its own.

Run as a module, it is the server: `python -m tests.mumbling_server SECONDS SLOTS` prints its address and ends with its stdin.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from evals.throughput.model_server import Behaviour, ModelServer
from tests.cluster_support import started


def mumble(headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
    """No answer to anything, so that every conversation soon fails."""
    return {"content": "Well, hmm."}


@contextmanager
def mumbling_server(seconds: float = 0.0, slots: int = 0) -> Iterator[str]:
    """Its address; see `Behaviour`."""
    with started(seconds, slots, program=("-m", "tests.mumbling_server")) as command:
        assert command.process.stdout is not None
        url = command.process.stdout.readline().strip()
        assert url, command.wait().stderr
        yield url


def main(seconds: float, slots: int) -> None:
    """Serve until stdin ends."""
    with ModelServer(mumble, Behaviour(seconds=seconds, slots=slots)) as server:
        print(server.url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main(float(sys.argv[1]), int(sys.argv[2]))
