"""The error tree: one class for each boundary.

MagnetError
├── UserError            the user must fix something: one line, exit code 2, no traceback
│   ├── ConfigError      a configuration key or value
│   ├── SourceError      a function source: file, module or specification
│   ├── RunError         a run directory: missing, unfinished, made with another configuration
│   └── ModelError       a checkpoint: missing, without what a job needs of it, unfit for tools
├── CallError            an environment refused a call: it becomes the call's output, {"error": …}
├── EnvironmentFault     the environment itself broke: crash, time or memory limit, lost worker
├── Rejected             a record cannot go on: it becomes a Failure beside the data
├── BudgetSpent          the run may buy no more tokens: it stops, to be resumed
└── JobFailed            the job ended over its failure budget: exit code 1

Every class takes positional arguments only, so that it survives pickling (Ray pickles errors).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from magnet_ray.types import FailureReason


class MagnetError(Exception):
    """Root of every error raised on purpose by this package."""


class UserError(MagnetError):
    """Something that only the user can fix, said in one line."""

    def __init__(self, what: str, got: object = None, expected: str = "", fix: str = "") -> None:
        super().__init__(what, got, expected, fix)
        self.what, self.got, self.expected, self.fix = what, got, expected, fix

    def __str__(self) -> str:
        parts = [self.what]
        if self.got is not None:
            parts.append(f"got {self.got!r}" if isinstance(self.got, str) else f"got {self.got}")
        if self.expected:
            parts.append(f"expected {self.expected}")
        if self.fix:
            parts.append(self.fix)
        return "; ".join(" ".join(part.split()) for part in parts)


class ConfigError(UserError):
    """A configuration key or value that cannot be used."""


class SourceError(UserError):
    """A function source that cannot be read."""


class RunError(UserError):
    """A run directory that cannot be read, written or resumed."""


class ModelError(UserError):
    """A checkpoint that cannot be used."""


class CallError(MagnetError):
    """A call that its environment refused, in words that a caller can act on."""


class EnvironmentFault(MagnetError):
    """The environment broke while it executed a call (crash, time limit, memory limit)."""


class Rejected(MagnetError):
    """A record that cannot go on; `reason` is counted, `detail` and the model's `raw` text are kept beside the data."""

    def __init__(self, reason: FailureReason, detail: str = "", raw: str = "") -> None:
        super().__init__(reason, detail, raw)
        self.reason, self.detail, self.raw = reason, detail, raw

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.detail}" if self.detail else self.reason.value


class BudgetSpent(MagnetError):
    """The budget of tokens, money or time is used up; what was bought is kept and a resumed run goes on from it."""


class JobFailed(MagnetError):
    """A job that ran to its end or its failure budget without a usable result."""


@contextmanager
def boundary(reason: FailureReason) -> Iterator[None]:
    """Turn anything that a record's own content can cause into `Rejected(reason)`.

    The one place with a broad `except`: a bad record is data, not a crash.
    """
    try:
        yield
    except (MagnetError, KeyboardInterrupt):
        raise
    except Exception as error:
        raise Rejected(reason, f"{type(error).__name__}: {error}") from error
