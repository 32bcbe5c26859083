"""The worker process of `magnet_ray.environments.isolated`: imports third-party modules once, forks one child a conversation.

Started as `python -m magnet_ray.environments.isolated_worker DESCRIPTOR`; the descriptor is a Unix socket over which
it gets its settings and then, for every conversation, the child's end of a socket pair. Messages are JSON behind a
4-byte length. A child runs in its own process group and directory, under limits of memory, CPU time and file size,
with nothing on its standard streams. It promises nothing about the network or about files outside its directory.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import importlib.util
import json
import os
import resource
import shutil
import signal
import socket
import struct
import sys
import typing
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from magnet_ray.environments.isolated_values import Coercion, Unserialisable, coercion_of, output_value, state_value, without_addresses

HEADER = struct.Struct("!I")
STATE_BYTES = 4 * 2**20
"""Longest state that is sent."""
GRACE_SECONDS = 2.0
"""How long after its time limit a call is ended from the inside, should the parent be gone."""


def send_message(channel: socket.socket, message: Mapping[str, Any]) -> None:
    """Send one message."""
    body = json.dumps(message, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
    channel.sendall(HEADER.pack(len(body)) + body)


def receive_message(channel: socket.socket) -> dict[str, Any] | None:
    """The next message, or None at the end of the stream."""
    header = _receive_exactly(channel, HEADER.size)
    if header is None:
        return None
    body = _receive_exactly(channel, HEADER.unpack(header)[0])
    if body is None:
        return None
    message: dict[str, Any] = json.loads(body)
    return message


def _receive_exactly(channel: socket.socket, count: int) -> bytes | None:
    body = b""
    while len(body) < count:
        part = channel.recv(count - len(body))
        if not part:
            return None
        body += part
    return body


def import_target(name: str) -> ModuleType:
    """A module by its dotted name, or by the path of its file."""
    if not name.endswith(".py"):
        return importlib.import_module(name)
    stem = os.path.splitext(os.path.basename(name))[0]
    specification = importlib.util.spec_from_file_location(stem, name)
    if specification is None or specification.loader is None:
        raise ImportError(f"cannot load {name}")
    module = importlib.util.module_from_spec(specification)
    sys.modules.setdefault(stem, module)
    specification.loader.exec_module(module)
    return module


def describe_error(error: BaseException) -> str:
    """One line about an exception, without memory addresses."""
    lines = without_addresses(str(error)).strip().splitlines()
    text = lines[0][:300] if lines else ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


class World:
    """One conversation: a module's functions, or one instance of a class."""

    def __init__(self, opening: Mapping[str, Any], modules: Mapping[str, ModuleType]) -> None:
        self._hidden = tuple(opening["hidden"])
        self._error_field: str = opening["error_field"]
        self._functions: dict[str, tuple[Callable[..., Any], tuple[str, ...], dict[str, Coercion]]] = {}
        self._output_bytes: int = opening["output_bytes"]
        _seed_random(opening["seed"])
        module = modules[opening["module"]]
        self._owner: Any = module
        self._instance: Any = None
        self._seen_state: str | None = None
        if opening["class_name"]:
            self._instance = self._owner = self._build(getattr(module, opening["class_name"]), opening)

    def _build(self, kind: Callable[..., Any], opening: Mapping[str, Any]) -> Any:
        instance = _apply(kind, opening["arguments"])
        if opening["loader"]:
            getattr(instance, opening["loader"])(opening["scenario"])
        for name in opening["integer_keys"]:
            setattr(instance, name, {int(key): item for key, item in getattr(instance, name).items()})
        return instance

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The reply to one request: `value`, or `error` (the call failed), or `fault` (the world is broken)."""
        match request["op"]:
            case "call":
                return self._call_and_compare(request["function"], request["arguments"])
            case "replay":
                for function, arguments in request["calls"]:
                    self.call(function, arguments)
                return {"value": None}
            case "state":
                value = {} if self._instance is None else state_value(self._instance, self._hidden)
                self._seen_state = json.dumps(value)
                return {"value": value}
            case "describe":
                # Only this request needs the rest of the package.
                from magnet_ray.functions.python_introspection import describe_module

                return {"value": describe_module(self._owner)}
        return {"fault": f"unknown request {request['op']!r}"}

    def _call_and_compare(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call one function; a failed call comes back with whether it may have changed the state all the same."""
        drawn = _random_state()
        reply = self.call(name, arguments)
        before = self._seen_state
        if _random_state() != drawn:
            reply["drew"] = True
        if "error" in reply and self._instance is None:
            reply["changed"] = "drew" in reply
        elif "error" in reply:
            unchanged = "drew" not in reply and before is not None and json.dumps(state_value(self._instance, self._hidden)) == before
            reply["changed"] = not unchanged
            if unchanged:
                return reply
        self._seen_state = None
        return reply

    def call(self, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
        """Call one function."""
        try:
            function, positional, coercions = self._function(name)
            for parameter, convert in coercions.items():
                if arguments.get(parameter) is not None:
                    arguments[parameter] = convert(arguments[parameter])
            leading = [arguments.pop(parameter) for parameter in positional if parameter in arguments]
            result = function(*leading, **arguments)
            if hasattr(result, "__await__"):
                result = _wait_for(result)
            value = None if result is self._instance and result is not None else output_value(result)
        except MemoryError:
            return {"fault": "the call ran out of memory"}
        except Unserialisable as error:
            return {"error": f"The result cannot be returned: {error}."}
        except BaseException as error:  # noqa: BLE001 -- the border to third-party code
            return {"error": describe_error(error)}
        return self._checked(value)

    def _checked(self, value: Any) -> dict[str, Any]:
        refusal = _error_in(value, self._error_field) if self._error_field else None
        if refusal is not None:
            return {"error": refusal}
        if len(json.dumps(value)) > self._output_bytes:
            return {"error": f"The result cannot be returned: it is longer than {self._output_bytes // 1024} kB."}
        return {"value": value}

    def _function(self, name: str) -> tuple[Callable[..., Any], tuple[str, ...], dict[str, Coercion]]:
        if name not in self._functions:
            function = None if name.startswith("_") else getattr(self._owner, name, None)
            if not callable(function):
                raise LookupError(f"there is no function called {name!r}")
            self._functions[name] = (function, *_binding(function))
        return self._functions[name]


def _binding(function: Callable[..., Any]) -> tuple[tuple[str, ...], dict[str, Coercion]]:
    import inspect

    try:
        signature = inspect.signature(function)
        hints = typing.get_type_hints(
            inspect.getattr_static(function, "__init__") if isinstance(function, type) else function, include_extras=True
        )
    except (ValueError, TypeError, NameError, AttributeError):
        signature, hints = None, {}
    parameters = signature.parameters.values() if signature else ()
    positional = tuple(item.name for item in parameters if item.kind is item.POSITIONAL_ONLY)
    coercions = {name: convert for name, hint in hints.items() if name != "return" and (convert := coercion_of(hint))}
    return positional, coercions


def _apply(kind: Callable[..., Any], arguments: dict[str, Any]) -> Any:
    positional, coercions = _binding(kind)
    given = {name: coercions[name](value) if name in coercions else value for name, value in arguments.items()}
    return kind(*[given.pop(name) for name in positional if name in given], **given)


def _wait_for(awaitable: Any) -> Any:
    import asyncio

    async def wait() -> Any:
        return await awaitable

    return asyncio.run(wait())


def _error_in(value: Any, field: str) -> str | None:
    first = value[0] if isinstance(value, list) and value else value
    if isinstance(first, dict) and field in first:
        return str(first[field])
    if isinstance(value, list) and isinstance(first, str) and first.lower().startswith(f"{field}:"):
        return first.split(":", 1)[1].strip()
    return None


def _seed_random(seed: int) -> None:
    if "random" in sys.modules:
        sys.modules["random"].seed(seed)
    if "numpy.random" in sys.modules:
        sys.modules["numpy.random"].seed(seed % 2**32)


def _random_state() -> Any:
    """The state of the `random` module, which is part of what a module remembers; None where it is not loaded."""
    random = sys.modules.get("random")
    return random.getstate() if random is not None else None


def _limit(kind: int, amount: int) -> None:
    # A limit that the platform does not know, or that is already lower, is left as it is.
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (amount, amount))


def _address_space() -> int:
    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        return 0


def _converse(channel: socket.socket, settings: Mapping[str, Any], modules: Mapping[str, ModuleType], number: int) -> None:
    """Serve one conversation until its end of the channel is closed; never returns."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    os.mkdir(str(number))
    os.chdir(str(number))
    _limit(resource.RLIMIT_AS, _address_space() + settings["memory_bytes"])
    _limit(resource.RLIMIT_CPU, settings["cpu_seconds"])
    try:
        world = None
        while (request := receive_message(channel)) is not None:
            signal.setitimer(signal.ITIMER_REAL, request["seconds"] + GRACE_SECONDS)
            try:
                if world is None or request["op"] == "open":
                    world = World(request, modules)
                    reply: dict[str, Any] = {"value": os.getpid()}
                else:
                    reply = world.answer(request)
            except BaseException as error:  # noqa: BLE001 -- the border to third-party code
                reply = {"fault": describe_error(error)}
            _reply(channel, reply)
            signal.setitimer(signal.ITIMER_REAL, 0)
    finally:
        os.killpg(0, signal.SIGKILL)


def _reply(channel: socket.socket, reply: dict[str, Any]) -> None:
    try:
        send_message(channel, reply)
    except (MemoryError, RecursionError, TypeError, ValueError) as error:
        send_message(channel, {"fault": describe_error(error)})


def _serve(control: socket.socket) -> None:
    settings = receive_message(control)
    if settings is None:
        return
    for kind, amount in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 256), (resource.RLIMIT_FSIZE, 16 * 2**20)):
        _limit(kind, amount)
    os.chdir(settings["directory"])
    modules = {}
    try:
        for name in settings["modules"]:
            modules[name] = import_target(name)
    except BaseException as error:  # noqa: BLE001 -- the border to third-party code
        send_message(control, {"error": describe_error(error)})
        return
    send_message(control, {"value": True})
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    gc.collect()
    gc.freeze()
    number = 0
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, 1, 1)
        if not message:
            return
        number += 1
        if os.fork() == 0:
            control.close()
            _converse(socket.socket(fileno=descriptors[0]), settings, modules, number)
        os.close(descriptors[0])


def main() -> None:
    """Serve until the other end of the control socket is closed, then remove the working directory."""
    control = socket.socket(fileno=int(sys.argv[1]))
    try:
        _serve(control)
    finally:
        os.chdir("/")
        shutil.rmtree(sys.argv[2], ignore_errors=True)
        os._exit(0)


if __name__ == "__main__":
    main()
