"""What `test_runs_on_vllm.py` runs in vLLM's environment: a `magnet` command in a Ray cluster whose metrics are watched.

python -m tests.serving.replica_run CPUS ARGUMENT…    # the command's own output, then one JSON object of what was seen
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from urllib.error import URLError

import ray
from ray import serve

from magnet_ray.cli import run_command
from tests.serving.serve_round import counters
from tests.serving.vllm_server import TokenCounts

WATCH_SECONDS = 0.2
"""Time between two looks at the counters: they are gone with the replicas, soon after the last answer."""
RELEASE_SECONDS = 30.0
"""Within these, the CPUs of replicas that are gone are free again."""


class Watch:
    """The replicas' token counters as last exported."""

    def __init__(self) -> None:
        self.last = TokenCounts(prompt=0, generation=0)
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True, name="watch")

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._ending.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._ending.wait(WATCH_SECONDS):
            try:
                now = counters()
            except (URLError, OSError):
                # The exporter has only begun, or was busy.
                continue
            if now.prompt + now.generation > self.last.prompt + self.last.generation:
                self.last = now


def cpus_at_rest() -> bool:
    """Whether all CPUs of the cluster become free."""
    total = ray.cluster_resources()["CPU"]  # type: ignore[no-untyped-call]
    deadline = time.monotonic() + RELEASE_SECONDS
    while time.monotonic() < deadline:
        if ray.available_resources().get("CPU") == total:  # type: ignore[no-untyped-call]
            return True
        time.sleep(0.5)
    return False


def main() -> None:
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled", HF_HUB_OFFLINE="1", VLLM_NO_USAGE_STATS="1")
    # Often, so that the last tokens are exported before their replica goes. 10 s otherwise.
    often = {"metrics_report_interval_ms": 200}
    ray.init(address="local", num_cpus=int(sys.argv[1]), include_dashboard=False, log_to_driver=False, _system_config=often)
    with Watch() as watch:
        code = run_command(sys.argv[2:])
    seen = {
        "code": code,
        "counted": [watch.last.prompt, watch.last.generation],
        "applications": sorted(serve.status().applications),
        "at_rest": cpus_at_rest(),
    }
    ray.shutdown()
    print(json.dumps(seen))


if __name__ == "__main__":
    main()
