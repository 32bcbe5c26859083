"""The online evaluation as a job: its configuration, and its parts put together."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from evals.evaluation_jobs import evaluate
from evals.heldout.conversations import HeldOutConfig
from evals.heldout.job import KIND, HeldOutJob
from evals.online.checkpoints import Checkpoint
from evals.online.leaderboard import Leaderboard
from evals.online.loop import Watch, follow
from magnet_ray.errors import ConfigError, UserError
from magnet_ray.places import Place, place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import interrupted_by_sigterm
from magnet_ray.sections import Section
from magnet_ray.serving.settings import ServeConfig


class OnlineConfig(Section):
    """`magnet eval online`: checkpoints as they arrive."""

    watch: Annotated[str, Field(min_length=1)] | None = Field(default=None, description="Directory below which training runs are finished.")
    poll_seconds: float = Field(default=5.0, gt=0, description="Time between two looks.")
    checkpoints: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Checkpoints, known ones included, after which it ends; null: it goes on."
    )
    idle_seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Time without a new checkpoint after which it ends; null: it goes on."
    )
    heldout: HeldOutConfig = Field(
        default=HeldOutConfig(), description="The evaluation; without run and trained, each checkpoint is asked what its own run held out."
    )
    serve: ServeConfig = Field(
        default=ServeConfig(name="model"), description="How checkpoints are served; `serve.model` is set by the loop."
    )


class HeldOutEvaluation:
    """See `evals.online.loop.Evaluate`: held-out conversations."""

    def __init__(self, config: HeldOutConfig, model: str) -> None:
        """`model`: name that the endpoint knows."""
        self._config, self._model = config, model

    def __call__(self, checkpoint: Checkpoint, url: str, out: Place | str, *, resume: bool) -> None:
        """Make the evaluation run `out`, or go on with it."""
        config = self._config
        trained = config.trained or (None if config.run else str(checkpoint.run))
        model = config.model.model_copy(update={"base_url": url, "name": self._model})
        evaluate(KIND, config.model_copy(update={"model": model, "trained": trained}), out, HeldOutJob.of, resume=resume)


def run_online(config: OnlineConfig, out: Place | str) -> Leaderboard:
    """Serve and evaluate checkpoints until the watch ends; Ctrl-C and SIGTERM end it too.

    Raises:
        UserError: settings or directories that cannot be used.
        KeyboardInterrupt: Ctrl-C or SIGTERM.
    """
    if config.watch is None:
        raise ConfigError("--watch is missing", expected="the directory that training runs are written to")
    try:
        from evals.online.serving import ServeDeployer
    except ImportError as error:
        raise UserError(f"serving needs {error.name}", fix="pip install 'magnet-ray[serve]'") from None
    watch = Watch(
        directory=place(config.watch),
        out=place(out),
        poll_seconds=config.poll_seconds,
        checkpoints=config.checkpoints,
        idle_seconds=config.idle_seconds,
    )
    progress = Progress()
    with interrupted_by_sigterm(), ServeDeployer(config.serve, progress) as deployer:
        return follow(watch, deployer, HeldOutEvaluation(config.heldout, deployer.name), progress)
