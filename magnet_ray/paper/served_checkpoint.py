"""The checkpoint that a chain of steps has served at this moment."""

from __future__ import annotations

from contextlib import ExitStack
from types import ModuleType, TracebackType
from typing import Self

from magnet_ray.errors import UserError
from magnet_ray.progress import Progress
from magnet_ray.serving.settings import ServeConfig


class ServedCheckpoint:
    """At most one checkpoint at a time, kept from one step of a job to the next while they ask for the same. A context."""

    def __init__(self, config: ServeConfig, purpose: str, progress: Progress) -> None:
        """`config`, `purpose`: see `served`; the model and its name are each checkpoint's own."""
        self._config, self._purpose, self._progress = config, purpose, progress
        self._checkpoint = self._url = ""
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()

    def reach(self, checkpoint: str, name: str) -> dict[str, str]:
        """The settings of a client of a checkpoint, which is served from now on under this name.

        Raises:
            UserError, JobFailed: see `served`; or the libraries that serving needs are not installed.
        """
        temporary = need_serving()
        if self._checkpoint != checkpoint:
            self.stop()
            config = self._config.model_copy(update={"model": checkpoint, "name": name})
            self._url = self._stack.enter_context(temporary.served(config, self._purpose, self._progress))
            self._checkpoint = checkpoint
        reached: dict[str, str] = temporary.reach(self._url, name)
        return reached

    def stop(self) -> None:
        """Serve nothing any more, so that the next step has the whole cluster."""
        self._checkpoint = self._url = ""
        self._stack.close()


def need_serving() -> ModuleType:
    """The module that serves.

    Raises:
        UserError: the libraries that it needs are not installed.
    """
    try:
        from magnet_ray.serving import temporary
    except ImportError as error:
        raise UserError(f"serving needs {error.name}", fix="pip install 'magnet-ray[serve]'") from None
    return temporary
