"""A checkpoint served for the length of a job, in the job's own cluster: for a student, or a model to measure.

The endpoint has a route and a name of its own, so that it stands beside whatever else the cluster serves, and an application that a
killed driver left behind under that name gives way to the next one. A Ray that is started here is served on this machine only; in a
cluster every node must reach the endpoint, so it listens to all, and MAGNET_API_KEY in the job's environment is the key.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import ray
from ray import serve

from magnet_ray.free_ports import free_port
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster
from magnet_ray.serving.access import KEY_VARIABLE
from magnet_ray.serving.app import application, check_settings
from magnet_ray.serving.running import deployed
from magnet_ray.serving.settings import HttpConfig, ServeConfig
from magnet_ray.types import content_id

DRAIN_SECONDS = 2.0
"""How long a replica may take to end: its only client is the job, which is done with it."""


@contextmanager
def served(config: ServeConfig, purpose: str, progress: Progress) -> Iterator[str]:
    """A checkpoint behind OpenAI's API until the context ends; gives the base URL, which every node of the cluster reaches.

    Args:
        config: how it is served; its port, if it is given, must be that of a Serve that the cluster runs already.
        purpose: what it is served for, such as a run's directory; the same after a resumption.
        progress: told what happens.

    Raises:
        ConfigError, ModelError: settings or a checkpoint that cannot be used.
        JobFailed: no replica becomes ready.
    """
    local = Path(str(config.model))
    # Replicas run in another directory.
    model = str(local.resolve()) if local.exists() else config.model
    config = config.model_copy(update={"model": model, "drain_seconds": DRAIN_SECONDS})
    check_settings(config)
    name = f"magnet-{content_id(purpose)}"
    with cluster(config.ray, progress):
        if name in serve.status().applications:
            serve.delete(name)
        given = config.http.model_fields_set
        joined = config.ray.address or os.environ.get("RAY_ADDRESS")
        everywhere = joined and "host" not in given
        port = config.http.port if "port" in given else free_port()
        where = HttpConfig(host="0.0.0.0" if everywhere else config.http.host, port=port)
        with deployed(application(config), where, progress, name, f"/{name}") as url:
            yield f"http://{_head()}:{port}/{name}/v1" if everywhere else url


def _head() -> str:
    """Address of the node that always has one of Serve's proxies."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    return str(next(node["NodeManagerAddress"] for node in nodes if "node:__internal_head__" in node["Resources"]))


def reach(url: str, name: str) -> dict[str, str]:
    """The settings of a client: values of `RoleConfig`."""
    return {"base_url": url, "name": name, **({"api_key_env": KEY_VARIABLE} if os.environ.get(KEY_VARIABLE) else {})}
