"""An evaluation of a checkpoint that the evaluation itself serves, in its own cluster and for its own length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from evals.evaluation_runs import EvaluationConfig
from magnet_ray.errors import ConfigError, UserError
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster, interrupted_by_sigterm
from magnet_ray.sections import load_section
from magnet_ray.serving.settings import ServeConfig, served_name

Config = TypeVar("Config", bound=EvaluationConfig)


@contextmanager
def serving(config: Config, model: str, sets: Sequence[str], purpose: str) -> Iterator[Config]:
    """The configuration with the endpoint of a checkpoint that is served until the context ends.

    Args:
        config: the evaluation; where it runs, the checkpoint is served.
        model: directory of the checkpoint.
        sets: settings of `magnet serve`, `key=value` each.
        purpose: what it is served for, such as the directory of the evaluation.

    Raises:
        UserError: the configuration names an endpoint, or the checkpoint cannot be served.
        JobFailed: no replica becomes ready.
    """
    if config.agent != "endpoint" or config.model.base_url is not None:
        raise ConfigError("--serve and another agent are given", expected="one of --serve, --endpoint and --agent")
    try:
        from magnet_ray.serving.temporary import reach, served
    except ImportError as error:
        raise UserError(f"serving needs {error.name}", fix="pip install 'magnet-ray[serve]'") from None
    where = {"ray.address": config.ray.address, "ray.num_cpus": config.ray.num_cpus}
    settings = load_section(ServeConfig, sets=sets, overrides={"model": model, "name": config.model.name, **where})
    progress = Progress()
    # One session of Ray for both: the endpoint ends with it.
    with (
        interrupted_by_sigterm(),
        cluster(config.ray, progress),
        served(settings, purpose, progress) as url,
    ):
        yield config.model_copy(update={"model": config.model.model_copy(update=reach(url, served_name(settings)))})
