"""Ports of this machine that nobody listens at.

They lie below those that systems hand to outgoing connections (32768 and up), which could take one before its server
starts, and above those of Ray's workers (10002 to 19999). Each is tried by binding to it; those of one call differ.
"""

from __future__ import annotations

import random
import socket
from contextlib import ExitStack

from magnet_ray.errors import JobFailed

_RANGE = range(20_000, 32_000)
_TRIES = 1_000


def free_ports(count: int) -> tuple[int, ...]:
    """`count` different ports, free on every address of this machine.

    Raises:
        JobFailed: there are not so many.
    """
    with ExitStack() as held:
        found: list[int] = []
        # Never from a seed: two runs at once must not look in the same order.
        for port in random.SystemRandom().sample(_RANGE, _TRIES):
            probe = held.enter_context(socket.socket())
            try:
                probe.bind(("", port))
            except OSError:
                continue
            found.append(port)
            if len(found) == count:
                return tuple(found)
    raise JobFailed(f"of {_TRIES:,} ports tried from {_RANGE.start} to {_RANGE.stop - 1}, fewer than {count} are free")


def free_port() -> int:
    """One port, free on every address of this machine.

    Raises:
        JobFailed: there is none.
    """
    return free_ports(1)[0]
