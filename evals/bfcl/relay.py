"""The package's inference loop, run in a thread of an isolated process: where it would ask OpenAI, the process outside is asked."""

from __future__ import annotations

import copy
import json
import queue
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, Final

from evals.bfcl.doors import shut_doors

MOST_WORDS: Final = 2_000
"""Characters of an error's description that are kept."""
INFERENCE_ERROR: Final = "Error during inference: "
"""How the package begins the result of an entry that could not be carried on."""
KEPT: Final = ("id", "result", "input_token_count", "output_token_count", "latency")
"""Fields of the package's result rows that are kept; the log of a conversation is left out."""


class RelayedConversation(ABC):
    """One entry, carried on by the package's loop; the process outside answers its requests."""

    def __init__(self, mode: str, entry: str) -> None:
        """`mode`: `fc` or `prompt`. `entry`: as JSON text."""
        self._requests: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._replies: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._sent = 0
        self._tools: Any = None
        handler = self.handler(mode)
        handler.client = _Client(self._ask)
        self._thread = threading.Thread(target=self._run, args=(handler, self.prepared(json.loads(entry))), daemon=True)
        shut_doors()

    @abstractmethod
    def handler(self, mode: str) -> Any:
        """The package's handler of OpenAI's chat completions, under a name that was never used before."""

    @abstractmethod
    def prepared(self, entry: dict[str, Any]) -> dict[str, Any]:
        """The entry as the package's loop wants it, with its functions."""

    @abstractmethod
    def carried_on(self, handler: Any, entry: dict[str, Any]) -> dict[str, Any]:
        """The row that the package's loop makes of an entry."""

    def advance(self, reply: str) -> str:
        """Go on with a reply (empty at the beginning); returns the next request, or the finished row, as JSON text.

        A reply is `{"message": …, "usage": …}` or `{"failure": …}`. A request is `{"messages": …, "tools": …}`, with only the messages
        that came since the last one, and null for tools that did not change. A row is `{"row": …}`.
        """
        if reply:
            self._replies.put(json.loads(reply))
        else:
            self._thread.start()
        return json.dumps(self._requests.get())

    def stop(self) -> None:
        """End the thread of a conversation that nobody goes on with."""
        if self._thread.is_alive():
            self._replies.put(None)
            self._thread.join()

    def _run(self, handler: Any, entry: dict[str, Any]) -> None:
        try:
            row = self.carried_on(handler, entry)
        except _Stopped:
            return
        except Exception as error:  # noqa: BLE001 -- the border to third-party code
            row = {"id": entry["id"], "result": f"{INFERENCE_ERROR}{type(error).__name__}: {error}"}
        self._requests.put({"row": {key: row[key] for key in KEPT if key in row}})

    def _ask(self, request: dict[str, Any]) -> dict[str, Any]:
        messages, tools = request["messages"], request.get("tools") or []
        changed = tools != self._tools
        if changed:
            self._tools = copy.deepcopy(tools)
        self._requests.put({"messages": messages[self._sent :], "tools": tools if changed else None})
        self._sent = len(messages)
        reply = self._replies.get()
        if reply is None:
            raise _Stopped
        return reply


class _Stopped(BaseException):
    """Nobody goes on with the conversation; not an `Exception`, which the package's loop would take for the model's."""


class _Client:
    """As much of OpenAI's client as the handler uses: `client.chat.completions.create(messages=…, model=…, tools=…)`."""

    def __init__(self, ask: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        self._ask = ask
        self.chat = self.completions = self

    def create(self, **request: Any) -> Any:
        """The completion, with the attributes of OpenAI's."""
        reply = self._ask(request)
        if "failure" in reply:
            raise RuntimeError(reply["failure"])
        return _Attributes(choices=[_Attributes(message=_Attributes(reply["message"]))], usage=_Attributes(reply["usage"]))


class _Attributes(dict[str, Any]):
    """A JSON object whose members are attributes too, so that a message can stand in the history of a conversation as it is."""

    def __getattr__(self, name: str) -> Any:
        if name not in self and name not in ("content", "tool_calls"):
            raise AttributeError(name)
        value = self.get(name)
        if isinstance(value, dict):
            return _Attributes(value)
        return [_Attributes(item) for item in value] if isinstance(value, list) else value


def error_of(failure: dict[str, Any]) -> dict[str, str]:
    """The type of an error and its description: at the top of a row of the package's scores, or inside `error` for conversations."""
    error = failure["error"]
    kind = failure.get("error_type", "")
    if isinstance(error, dict):
        kind, error = error.get("error_type", kind), error.get("error_message", "")
    words = "; ".join(str(part) for part in error) if isinstance(error, list) else str(error)
    return {"error_type": kind, "error": words[:MOST_WORDS]}


def judged(check: Callable[[], dict[str, Any]]) -> str:
    """What a check finds, as JSON text `{"valid": …, "error_type": …, "error": …}`; a crash of it is one more type of error."""
    shut_doors()
    try:
        found = check()
    except Exception as error:  # noqa: BLE001 -- the border to third-party code
        found = {"valid": False, "error_type": "checker:crashed", "error": f"{type(error).__name__}: {error}"[:MOST_WORDS]}
    return json.dumps(found)
