"""What a model that knows the ground truth would answer: the check that the benchmark, and this harness, can be passed.

The replies to an entry do not depend on what its environment says, so they are known beforehand: in every turn the calls, if any are
due, in one message, then a closing text. A category without ground truth gets a call where one is due, of any offered function.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

from evals.bfcl.entries import Entry, Version, data_directory
from evals.bfcl.isolated import Mode
from evals.endpoint import Reply
from magnet_ray.functions.bfcl import MODULES
from magnet_ray.llm.base import ChatAnswer, ChatRequest, ToolCall
from magnet_ray.types import compact

CLOSING: Final = "That is all I can do here."
"""A text that no handler reads as a call."""
Call = tuple[str, Mapping[str, Any]]
"""A function and its arguments."""


@dataclass(frozen=True, slots=True)
class ReferenceAgent:
    """A `magnet_ray.llm` model that answers from the ground truth; a step's name is the number of the request."""

    entries: Mapping[str, Entry]
    """Key -> entry."""
    mode: Mode
    """How it is asked."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The reference's reply."""
        replies = reference_replies(self.entries[request.key.record], self.mode)
        number = int(request.key.step)
        reply = replies[number] if number < len(replies) else Reply(content=CLOSING)
        return ChatAnswer(content=reply.content, tool_calls=reply.calls, finish_reason="tool_calls" if reply.calls else "stop")


def reference_replies(entry: Entry, mode: Mode) -> tuple[Reply, ...]:
    """A reference's replies to the requests of an entry, in order."""
    replies: list[Reply] = []
    conversation = entry.category.startswith("multi_turn")
    for calls in reference_calls(entry):
        if calls:
            replies.append(as_reply(calls, mode))
        if conversation or not calls:
            replies.append(Reply(content=CLOSING))
    return tuple(replies)


def as_reply(calls: Sequence[Call], mode: Mode) -> Reply:
    """Calls as a model emits them: as tool calls with `_` for the dots of names, or as text."""
    if mode == "prompt":
        return Reply(content=f"[{', '.join(_written(name, arguments) for name, arguments in calls)}]")
    return Reply(calls=tuple(ToolCall(name=name.replace(".", "_"), arguments=compact(dict(arguments))) for name, arguments in calls))


def _written(name: str, arguments: Mapping[str, Any]) -> str:
    return f"{name}({', '.join(f'{key}={value!r}' for key, value in arguments.items())})"


def reference_calls(entry: Entry) -> tuple[tuple[Call, ...], ...]:
    """The calls that are due in each turn of an entry."""
    if entry.category.startswith("multi_turn"):
        documents = _documents(tuple(entry.values["involved_classes"]), entry.version)
        return tuple(tuple(_read_call(text, documents) for text in turn) for turn in entry.ground_truth)
    if not entry.answer:
        return (((entry.values["function"][0]["name"], {}),) if entry.category == "live_relevance" else (),)
    functions = {function["name"]: function["parameters"] for function in entry.values["function"]}
    # A few answers name their only function by another name than its description, which is the one that counts.
    only = next(iter(functions))
    calls = [(name if name in functions else only, answers) for call in entry.ground_truth for name, answers in call.items()]
    return (tuple((name, dict(_chosen(answers, functions[name], entry.category))) for name, answers in calls),)


def _chosen(answers: Mapping[str, Sequence[Any]], parameters: Mapping[str, Any], category: str) -> Iterator[tuple[str, Any]]:
    """An acceptable value for each parameter; what may be left out is left out."""
    for name, options in answers.items():
        if "" in options and name not in parameters["required"]:
            continue
        value = _plain(next((option for option in options if option != ""), ""))
        yield name, _SOURCES[category](value, parameters["properties"].get(name, {})) if category in _SOURCES else value


def _plain(option: Any) -> Any:
    """An option as a value: inside an object, every member is again a list of options."""
    if isinstance(option, dict):
        given = {key: options if isinstance(options, list) else [options] for key, options in option.items()}
        return {key: _plain(options[0]) for key, options in given.items() if options and "" not in options}
    return [_plain(item) for item in option] if isinstance(option, list) else option


def _java(value: Any, parameter: Mapping[str, Any]) -> str:
    """A value as Java source, which is how the benchmark wants the arguments of its Java category."""
    kind, inner = parameter.get("type", ""), parameter.get("items", {}).get("type", "")
    if isinstance(value, str):
        return value if kind in ("Array", "ArrayList", "HashMap") else _java_literal(value, kind, quoted=False)
    if kind == "Array":
        # The package's reader of arrays leaves the quotes of strings on.
        return f"new Object[]{{{', '.join(_java_literal(item, inner, quoted=False) for item in value)}}}"
    if kind == "ArrayList":
        return f"new ArrayList<>(Arrays.asList({', '.join(_java_literal(item, inner, quoted=True) for item in value)}))"
    if isinstance(value, dict):
        puts = " ".join(
            f"put({_java_literal(key, '', quoted=True)}, {_java_literal(item, '', quoted=True)});" for key, item in value.items()
        )
        return f"new HashMap<>() {{{{ {puts} }}}}"
    return _java_literal(value, kind, quoted=False)


def _java_literal(value: Any, kind: str, *, quoted: bool) -> str:
    text = value if isinstance(value, str) and not quoted else json.dumps(value)
    return text + {"long": "L", "float": "f"}.get(kind, "")


def _javascript(value: Any, parameter: Mapping[str, Any]) -> str:
    """A value as JavaScript source."""
    if isinstance(value, str):
        return value
    return json.dumps(value) + ("n" if parameter.get("type") == "Bigint" else "")


_SOURCES: Final = {"java": _java, "javascript": _javascript}
"""Categories whose arguments are source code."""


def _read_call(text: str, documents: Mapping[str, Sequence[str]]) -> Call:
    """A call of the ground truth, written as Python, with its positional arguments named."""
    call = ast.parse(text, mode="eval").body
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name)
    name = call.func.id
    positional = zip(documents[name], map(ast.literal_eval, call.args), strict=False)
    return name, dict(positional) | {word.arg or "": ast.literal_eval(word.value) for word in call.keywords}


@lru_cache(maxsize=256)
def _documents(classes: tuple[str, ...], version: Version) -> dict[str, tuple[str, ...]]:
    """Function -> its parameters in order."""
    found = {}
    for name in classes:
        for line in (data_directory(version) / "multi_turn_func_doc" / f"{MODULES[name]}.json").read_text(encoding="utf-8").splitlines():
            function = json.loads(line)
            found[function["name"]] = tuple(function["parameters"]["properties"])
    return found
