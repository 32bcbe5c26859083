"""What a process that evaluates a model's text may not do: start or end processes, reach the network, change files of others.

An audit hook (PEP 578), so it holds for whatever Python code asks for; machine code that went round Python would also go round it. It
is a second line: the process already has limits of memory and time, a directory of its own, and no secrets in its environment.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

SHUT: Final = frozenset(
    {
        *("os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "subprocess.Popen", "pty.spawn"),
        *("socket.connect", "socket.bind", "socket.sendto", "socket.getaddrinfo", "socket.gethostbyname"),
        *("os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate", "os.chmod", "os.chown", "shutil.rmtree"),
        *("ctypes.dlopen", "ctypes.call_function", "os.putenv", "signal.pthread_kill"),
    }
)
"""Events that are refused whatever their arguments are."""
WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_shut_in: int = 0


def shut_doors() -> None:
    """Refuse all this from now on in this process; calling it again is fine."""
    global _shut_in
    if _shut_in != os.getpid():
        _shut_in = os.getpid()
        inside = os.path.realpath(os.getcwd()) + os.sep

        def refuse(event: str, arguments: tuple[Any, ...]) -> None:
            if event in SHUT or (event in ("os.kill", "os.killpg") and arguments[0] not in (0, os.getpid())):
                raise PermissionError(f"{event} is not allowed here")
            writing = event == "open" and isinstance(arguments[2], int) and arguments[2] & WRITING
            if (writing or event == "os.remove") and not _is_inside(arguments[0], inside):
                raise PermissionError(f"changing {arguments[0]} is not allowed here")

        sys.addaudithook(refuse)


def _is_inside(path: Any, directory: str) -> bool:
    # A descriptor was opened before.
    return isinstance(path, int) or os.path.realpath(os.fsdecode(path)).startswith(directory)
