"""Ray for the length of a job: the caller's, a cluster's, or one of our own on this machine; and what ends the job early."""

from __future__ import annotations

import json
import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import ray
import ray.data
from ray._private.worker import get_dashboard_url
from ray.util.client import ray as ray_client

from magnet_ray.config import ClusterConfig
from magnet_ray.errors import ConfigError
from magnet_ray.progress import Progress

CONNECT_SECONDS = 10.0
"""Longest wait for a cluster's port to answer."""


@contextmanager
def cluster(settings: ClusterConfig, progress: Progress) -> Iterator[None]:
    """Ray, started: the caller's if it runs already, else the cluster of `address` or RAY_ADDRESS, else one on this machine.

    Raises:
        ConfigError: no cluster answers at the address.
    """
    if ray.is_initialized():
        with _quiet_ray_data():
            yield
        return
    address = settings.address or os.environ.get("RAY_ADDRESS")
    # Ray puts a handler of its own in the place of ours.
    on_termination = signal.getsignal(signal.SIGTERM)
    try:
        progress.say(f"joining the Ray cluster {address}" if address else "starting Ray")
        _join(address) if address else _start(settings.num_cpus)
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, on_termination)
        with _quiet_ray_data():
            yield
    finally:
        ray.shutdown()


def _start(num_cpus: int | None) -> None:
    """Start Ray on this machine. Its ports are open to the network, so its processes share a token that nobody else knows."""
    # The job needs no network, so nothing should reach for it.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    # It would announce that tokens are in use.
    logging.getLogger("ray._private.authentication.authentication_token_setup").setLevel(logging.ERROR)
    # `local`, because without an address Ray joins any cluster that happens to run on this machine.
    ray.init(address="local", num_cpus=num_cpus, include_dashboard=False, log_to_driver=False, logging_level=logging.WARNING)


def _join(address: str) -> None:
    try:
        _check_listening(address)
        ray.init(address=address, log_to_driver=False, logging_level=logging.WARNING)
    except (OSError, RuntimeError, ValueError, OverflowError) as error:
        detail = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ConfigError(
            f"the Ray cluster {address} cannot be joined",
            detail,
            fix="correct ray.address or RAY_ADDRESS, or leave both out to run on this machine",
        ) from None


def _check_listening(address: str) -> None:
    """Find out in seconds what Ray finds out in five minutes: that nobody listens at HOST:PORT or SCHEME://HOST:PORT."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if port.isdecimal():
        socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS).close()


def submission_id() -> str:
    """The name under which this job was submitted to Ray; empty for a command that was started here."""
    # The job manager hands the name over in here, and nowhere else.
    config = json.loads(os.environ.get("RAY_JOB_CONFIG_JSON_ENV_VAR") or "{}")
    return str((config.get("metadata") or {}).get("job_submission_id", ""))


def ray_job() -> dict[str, str]:
    """Where to look this job up in Ray: `submission_id`, `job_id`, `dashboard`; empty in a Ray of our own, which ends with it."""
    submitted = submission_id()
    # A client of ray:// is not told the address.
    url = "" if ray_client.is_connected() else get_dashboard_url()  # type: ignore[no-untyped-call]
    if not (submitted or url):
        return {}
    job = ray.get_runtime_context().get_job_id()
    links = {"submission_id": submitted, "job_id": job, "dashboard": f"http://{url}/#/jobs/{submitted or job}" if url else ""}
    return {name: value for name, value in links.items() if value}


@contextmanager
def _quiet_ray_data() -> Iterator[None]:
    """Ray Data without its own bars and banners: the job's progress says more."""
    context = ray.data.DataContext.get_current()
    before = context.enable_progress_bars, context.print_on_execution_start
    context.enable_progress_bars = context.print_on_execution_start = False
    logging.getLogger("ray.data").setLevel(logging.WARNING)
    # It warns that its bars are off.
    logging.getLogger("ray.data._internal.progress").setLevel(logging.ERROR)
    try:
        yield
    finally:
        context.enable_progress_bars, context.print_on_execution_start = before


@contextmanager
def interrupted_by_sigterm() -> Iterator[None]:
    """SIGTERM, as a job scheduler sends it, raises KeyboardInterrupt."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    previous = signal.signal(signal.SIGTERM, _interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)


def _interrupt(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt
