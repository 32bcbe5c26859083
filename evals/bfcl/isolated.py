"""The border to bfcl_eval: one process for each conversation, forked from one that has imported the package.

A process ends with its conversation, so nothing that a model wrote reaches another entry. Where nothing of a model's is evaluated
(single-turn entries in FC mode), a process serves many entries, one after the other.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final, Literal, ParamSpec, TypeVar

from evals.bfcl.entries import RELEASES, Entry, Version
from magnet_ray.config import IsolationConfig
from magnet_ray.environments.isolated import IsolatedEnvironment, Limits, Scenario, Target
from magnet_ray.environments.isolated_process import worker_for
from magnet_ray.errors import CallError, ConfigError, EnvironmentFault

Mode = Literal["fc", "prompt"]
OUTPUT_BYTES: Final = 3 << 20
"""Longest request or row that a process may hand out."""
THREADS: Final = 64
"""Processes that are waited for at once."""

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def limits_of(config: IsolationConfig) -> Limits:
    """The limits of one process."""
    return Limits(
        call_seconds=config.call_seconds,
        cpu_seconds=max(60, int(10 * config.call_seconds)),
        memory_bytes=config.memory_mb << 20,
        output_bytes=OUTPUT_BYTES,
    )


def check_package(version: Version, limits: Limits) -> None:
    """Find out, before any work, whether bfcl_eval runs in a process.

    Raises:
        ConfigError: it does not; something that it needs is not installed.
    """
    try:
        worker_for((RELEASES[version].module,), limits)
    except EnvironmentFault as fault:
        raise ConfigError("bfcl_eval cannot be used", str(fault), fix=f"run: {RELEASES[version].install}") from None


def is_harmless(entry: Entry, mode: Mode) -> bool:
    """Whether neither asking nor scoring evaluates anything that a model wrote: its arguments are only read as JSON."""
    return mode == "fc" and not entry.category.startswith("multi_turn")


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What bfcl_eval says of one entry."""

    valid: bool
    """Whether it counts as right."""
    error_type: str = ""
    """The package's name of what is wrong; empty when it is right."""
    error: str = ""
    """What is wrong, in the package's words."""


def judge(entry: Entry, mode: Mode, row: Mapping[str, Any], limits: Limits) -> Verdict:
    """Have bfcl_eval score a result row in a process of its own.

    Args:
        entry: the entry.
        mode: how the model was asked.
        row: `id` and `result`, as `bfcl generate` writes them.
        limits: of the process. A process that exceeds them was broken by what the model wrote, which is wrong then.

    Raises:
        EnvironmentFault: no process can be had.
    """
    target = Target(module=RELEASES[entry.version].module, reusable=is_harmless(entry, mode))
    environment = IsolatedEnvironment(target, Scenario(seed=1), {}, limits=limits)
    text = json.dumps({"id": row["id"], "result": row["result"]})
    try:
        values = environment.call("judge", {"mode": mode, "entry": entry.text, "answer": entry.answer, "row": text})
    except (CallError, EnvironmentFault) as error:
        return Verdict(valid=False, error_type="checker:crashed", error=str(error))
    finally:
        environment.close()
    return Verdict(**json.loads(str(values)))


class Process:
    """An entry's conversation in its process. Use it as an async context manager."""

    def __init__(self, entry: Entry, mode: Mode, limits: Limits) -> None:
        target = Target(module=RELEASES[entry.version].module, class_name="Conversation", reusable=is_harmless(entry, mode))
        scenario = Scenario(seed=1, arguments={"mode": mode, "entry": entry.text})
        self._open: Callable[[], IsolatedEnvironment] = partial(IsolatedEnvironment, target, scenario, {}, limits=limits)
        self._environment: IsolatedEnvironment | None = None

    async def __aenter__(self) -> Process:
        self._environment = await _in_thread(self._open)
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._environment is not None:
            await _in_thread(self._end, self._environment)
            self._environment = None

    async def advance(self, reply: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """See `relay.RelayedConversation.advance`.

        Raises:
            EnvironmentFault: the process broke, or what it would hand out is too long.
        """
        assert self._environment is not None
        text = json.dumps(reply) if reply is not None else ""
        try:
            values: dict[str, Any] = json.loads(str(await _in_thread(self._environment.call, "advance", {"reply": text})))
        except CallError as error:
            # Another request would repeat the conversation in a fresh process.
            self._environment.close()
            self._environment = None
            raise EnvironmentFault(str(error)) from None
        return values

    @staticmethod
    def _end(environment: IsolatedEnvironment) -> None:
        try:
            environment.call("stop", {})
        except (CallError, EnvironmentFault):
            # It is gone, or will be with its connection.
            pass
        finally:
            environment.close()


def _in_thread(work: Callable[Parameters, Result], *arguments: Parameters.args, **named: Parameters.kwargs) -> Awaitable[Result]:
    """The result of waiting for a process, without holding up the event loop."""
    return asyncio.get_running_loop().run_in_executor(_threads(), partial(work, *arguments, **named))


@lru_cache(maxsize=1)
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="bfcl")
