"""An application from its start to its end: deployed, ready, served until somebody stops it, drained."""

from __future__ import annotations

import http.client
import logging
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from time import monotonic, sleep
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.schema import ApplicationStatusOverview

from magnet_ray.errors import ConfigError, JobFailed
from magnet_ray.free_ports import free_ports
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster, interrupted_by_sigterm
from magnet_ray.serving.app import QUIET, application, check_settings
from magnet_ray.serving.settings import HttpConfig, ServeConfig

NAME = "magnet"
"""Name of the Serve application."""
START_SECONDS = 1_800.0
"""Longest wait for a first replica: a cluster that scales up needs minutes."""


def serve_until_stopped(config: ServeConfig, progress: Progress, ready: Callable[[str], None]) -> None:
    """Serve a model until Ctrl-C or SIGTERM, then finish what was begun. `ready` is told the base URL.

    Raises:
        ConfigError, ModelError: settings or a checkpoint that cannot be used; a port that is taken.
        JobFailed: no replica becomes ready.
    """
    if not (config.ray.address or os.environ.get("RAY_ADDRESS")):
        check_port(config.http)
        answer_first()
        if config.http.haproxy:
            use_haproxy()
    check_settings(config)
    # Built within the cluster: ray.serve.llm would join any that it finds otherwise.
    with interrupted_by_sigterm(), cluster(config.ray, progress), deployed(application(config), config.http, progress) as url:
        ready(url)
        try:
            while True:
                sleep(3_600.0)
        except KeyboardInterrupt:
            progress.say("stopping: answers that were begun are finished")


@contextmanager
def deployed(built: Application, where: HttpConfig, progress: Progress, name: str = NAME, route: str = "") -> Iterator[str]:
    """An application in the cluster that this process is connected to, ready; drained and gone at the end. Gives its base URL.

    `route`, such as `/judge`, sets it apart from other applications of the cluster.

    Raises:
        JobFailed: no replica becomes ready.
    """
    for logger in ("ray.serve", "ray.llm"):
        # They would print each deployment's options.
        logging.getLogger(logger).setLevel(logging.WARNING)
    alone = not serve.status().applications
    serve.start(proxy_location="EveryNode", http_options={"host": where.host, "port": where.port}, logging_config=QUIET)
    try:
        progress.say("starting the model")
        target = serve.RunTarget(built, name=name, route_prefix=route or "/", logging_config=QUIET)
        serve.run_many([target], wait_for_applications_running=False)
        deadline = monotonic() + START_SECONDS
        _wait_until_running(name, progress, deadline)
        _wait_until_answered(where, route, deadline)
        yield f"http://{'127.0.0.1' if where.host == '0.0.0.0' else where.host}:{where.port}{route}/v1"
    finally:
        serve.delete(name)
        if alone and not serve.status().applications:
            shutdown: Any = serve.shutdown
            shutdown()


def answer_first() -> None:
    """Have the Ray that this process starts next run its workers like other processes; by default they give way to whatever else runs."""
    os.environ.setdefault("RAY_worker_niceness", "0")


def use_haproxy() -> None:
    """Have the Ray that this process starts next route requests by HAProxy straight to the gateway's replicas.

    Serve reads this from the environment; by default two of them on one machine would share their files and ports.
    """
    directory = Path(mkdtemp(prefix="magnet-haproxy-"))
    metrics, statistics = free_ports(2)
    files = {"CONFIG_FILE_LOC": "haproxy.cfg", "SOCKET_PATH": "admin.sock", "SERVER_STATE_FILE": "server-state"}
    os.environ.update({f"RAY_SERVE_HAPROXY_{key}": str(directory / name) for key, name in files.items()})
    os.environ.update(
        RAY_SERVE_ENABLE_HA_PROXY="1",
        RAY_SERVE_THROUGHPUT_OPTIMIZED="1",
        RAY_SERVE_HAPROXY_SERVER_STATE_BASE=str(directory),
        RAY_SERVE_HAPROXY_METRICS_PORT=str(metrics),
        RAY_SERVE_HAPROXY_STATS_PORT=str(statistics),
        # How long a gateway stays that nobody needs any more: 30 s are for load balancers outside.
        RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S="2",
    )


def check_port(where: HttpConfig) -> None:
    """Refuse a port that something else listens at.

    Raises:
        ConfigError: it is taken, or the address is not this machine's.
    """
    try:
        with socket.socket(socket.AF_INET6 if ":" in where.host else socket.AF_INET) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((where.host, where.port))
    except OSError as error:
        raise ConfigError(f"{where.host}:{where.port} cannot be listened at", error.strerror, fix="choose another --port") from None


def _wait_until_running(name: str, progress: Progress, deadline: float) -> None:
    said = ""
    while True:
        overview = serve.status().applications.get(name)
        state = str(overview.status.value) if overview else "NOT_STARTED"
        if overview and state == "DEPLOY_FAILED":
            raise JobFailed(f"the model cannot be served: {_why(overview)}")
        if state == "RUNNING":
            return
        if monotonic() > deadline:
            raise JobFailed(f"no replica became ready in time: {_why(overview) if overview else state}")
        if overview and (news := _why(overview)) != said:
            said = news
            progress.say(f"waiting: {news}")
        sleep(0.25)


def _wait_until_answered(where: HttpConfig, route: str, deadline: float) -> None:
    """The first request over HTTP: routes reach the proxy a little after the replicas run."""
    host = "127.0.0.1" if where.host == "0.0.0.0" else where.host
    while monotonic() < deadline:
        connection = http.client.HTTPConnection(host, where.port, timeout=30)
        try:
            connection.request("GET", f"{route}/ready")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            # It does not listen yet.
            pass
        finally:
            connection.close()
        sleep(0.2)
    raise JobFailed(f"nothing answers at {host}:{where.port}")


def _why(overview: ApplicationStatusOverview) -> str:
    parts = [overview.message]
    for name, deployment in overview.deployments.items():
        states = ", ".join(f"{count} {state.lower()}" for state, count in sorted(deployment.replica_states.items()))
        parts += [f"{name}: {states}" if states else "", deployment.message]
    return " ".join("; ".join(part for part in parts if part).split())[-1_000:]
