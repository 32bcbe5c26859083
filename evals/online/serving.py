"""Deploying checkpoints behind a Ray Serve endpoint: the application of the same name and address gets another model.

Serve replaces the replicas one after another; those that go finish what they began, and requests that arrive meanwhile wait for one that
has come. The model keeps its name, so clients notice nothing.
"""

from __future__ import annotations

import time
import urllib.error
import urllib.request
from types import TracebackType
from typing import Any, Final, Self

from ray import serve

from evals.online.checkpoints import Checkpoint
from magnet_ray.errors import JobFailed
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster
from magnet_ray.serving.app import QUIET, application, check_settings
from magnet_ray.serving.running import NAME, check_port
from magnet_ray.serving.settings import ServeConfig, served_name

READY_SECONDS: Final = 120.0
"""Longest wait for an answer from an application that runs."""


class ServeDeployer:
    """See `evals.online.loop.Deployer`. A context: an endpoint that it started ends with it, one that ran before goes on."""

    def __init__(self, config: ServeConfig, progress: Progress) -> None:
        """`config`: how to serve; its model is replaced by each checkpoint's, its name stays."""
        self._config, self._progress = config, progress
        self._cluster = cluster(config.ray, progress)
        self._ours = False

    @property
    def name(self) -> str:
        """Name that clients ask for, whatever is deployed."""
        return served_name(self._config) if self._config.name else "model"

    def __enter__(self) -> Self:
        self._cluster.__enter__()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if self._ours:
                serve.delete(NAME)
                shutdown: Any = serve.shutdown
                shutdown()
        finally:
            self._cluster.__exit__(kind, error, trace)

    def deploy(self, checkpoint: Checkpoint) -> str:
        """See `evals.online.loop.Deployer`.

        Raises:
            ConfigError, ModelError: settings or a checkpoint that cannot be used.
            JobFailed: no replica became ready.
        """
        config = self._config.model_copy(update={"model": str(checkpoint.model.resolve()), "name": self.name})
        check_settings(config)
        where = config.http
        if NAME not in serve.status().applications:
            check_port(where)
            serve.start(proxy_location="EveryNode", http_options={"host": where.host, "port": where.port}, logging_config=QUIET)
            self._ours = True
        target = serve.RunTarget(application(config), name=NAME, route_prefix="/", logging_config=QUIET)
        try:
            serve.run_many([target], wait_for_applications_running=True)
        except RuntimeError as error:
            raise JobFailed(f"{checkpoint.name} cannot be served: {' '.join(str(error).split())[:500]}") from None
        base = f"http://{'127.0.0.1' if where.host == '0.0.0.0' else where.host}:{where.port}"
        _wait_until_ready(base)
        return f"{base}/v1"


def _wait_until_ready(base: str) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"{base}/ready", timeout=30) as response:
                if response.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            # Routes reach the proxy a little after the replicas run.
            pass
        time.sleep(0.2)
    raise JobFailed(f"nothing answers at {base}")
