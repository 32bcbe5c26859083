"""A whole application on Ray Serve with the scripted engine behind the gateway: prints its base URL and ends with its stdin.

python -m tests.serving.serve_scripted PORT [SETTING…]
"""

from __future__ import annotations

import os
import sys

import ray

from magnet_ray.progress import Progress
from magnet_ray.sections import load_section
from magnet_ray.serving.access import key_digests
from magnet_ray.serving.app import engine_replicas, gateway
from magnet_ray.serving.running import deployed
from magnet_ray.serving.settings import ServeConfig
from tests.serving.client_checks import MODEL
from tests.serving.scripted_engine import ScriptedEngine


def main() -> None:
    config = load_section(ServeConfig, sets=sys.argv[2:], overrides={"http.port": int(sys.argv[1]), "name": MODEL})
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_AUTH_MODE="disabled")
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    application = gateway(config, key_digests(config), engine_replicas(config, ScriptedEngine))
    with deployed(application, config.http, Progress()) as url:
        print(url, flush=True)
        sys.stdin.read()


if __name__ == "__main__":
    main()
