"""What the three domains share: how a tool is declared, offered and called, and how a task is written down by making its calls.

Names, parameters and results are AgentBoard's (Ma et al., 2024, tool-query); descriptions and data are ours. A call that cannot be
carried out says why in its output, `{"error": …}`, and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any, ClassVar, Final

import orjson

from magnet_ray.types import JsonValue, canonical

FINISH: Final = "finish"
"""The tool that gives the answer and ends a task."""
_TYPES: Final[Mapping[str, str]] = {
    "latitude": "number", "longitude": "number", "latitude1": "number", "longitude1": "number", "latitude2": "number",
    "longitude2": "number", "air_quality_index": "number",
}  # fmt: skip
"""Parameters that are no text."""
_ANSWER: Final = {"type": ["string", "number", "array"], "items": {"type": ["string", "number"]}, "description": "The answer."}


class Refused(Exception):
    """A call that cannot be carried out; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool of a domain."""

    name: str
    """Its name, as in AgentBoard."""
    description: str
    """What it does, as the model sees it."""
    parameters: Mapping[str, str]
    """Parameter -> description; all are required."""
    choices: Mapping[str, tuple[str, ...]]
    """Parameter -> its values, where they are few."""

    def as_tool(self) -> dict[str, Any]:
        """The tool in OpenAI's format."""
        properties = {
            name: {
                "type": _TYPES.get(name, "string"),
                **({"enum": list(self.choices[name])} if name in self.choices else {}),
                "description": text,
            }
            for name, text in self.parameters.items()
        }
        return _offered(self.name, self.description, properties)


def tool(name: str, description: str, choices: Mapping[str, tuple[str, ...]] | None = None, /, **parameters: str) -> Tool:
    """A tool with its parameters."""
    return Tool(name=name, description=description, parameters=parameters, choices=choices or {})


def _offered(name: str, description: str, properties: Mapping[str, Any]) -> dict[str, Any]:
    schema = {"type": "object", "properties": dict(properties), "required": list(properties)}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": schema}}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a call."""

    output: JsonValue
    """Its output, or `{"error": …}`."""
    accepted: bool
    """Whether it was carried out."""


class Toolkit:
    """The tools of a domain in one conversation. A domain's class has one method for each tool."""

    tools: ClassVar[Sequence[Tool]]
    """What it offers beside `check_valid_actions` and `finish`."""

    @classmethod
    def offered(cls) -> list[dict[str, Any]]:
        """All tools in OpenAI's format."""
        return [
            *(each.as_tool() for each in cls.tools),
            _offered("check_valid_actions", "List the tools that can be used.", {}),
            _offered(FINISH, "Give the answer and end the task. Has to be called once, at the end.", {"answer": _ANSWER}),
        ]

    def call(self, name: str, arguments: str) -> Outcome:
        """Carry out a call, whatever the model emitted."""
        try:
            return Outcome(output=self._called(name, _parsed(arguments)), accepted=True)
        except Refused as refused:
            return Outcome(output={"error": str(refused)}, accepted=False)

    def _called(self, name: str, values: dict[str, JsonValue]) -> JsonValue:
        names = [each.name for each in self.tools]
        if name == "check_valid_actions":
            return {"actions": [*names, "check_valid_actions", FINISH]}
        if name == FINISH:
            if "answer" not in values:
                raise Refused("finish needs an answer")
            return values["answer"]
        if name not in names:
            raise Refused(f"there is no tool called {name!r}; there are {', '.join(names)}, check_valid_actions and finish")
        declared = self.tools[names.index(name)]
        method: Callable[..., JsonValue] = getattr(self, name)
        return method(**_fitted(declared, values))


def _parsed(text: str) -> dict[str, JsonValue]:
    try:
        values = orjson.loads(text or "{}")
    except orjson.JSONDecodeError as error:
        raise Refused(f"the arguments are not valid JSON: {error}") from None
    if not isinstance(values, dict):
        raise Refused("the arguments must be a JSON object")
    return values


def _fitted(declared: Tool, values: Mapping[str, JsonValue]) -> dict[str, JsonValue]:
    """The values with numbers given as text and ids given as numbers put right, as the services behind AgentBoard's tools do."""
    unknown = sorted(values.keys() - declared.parameters.keys())
    missing = [name for name in declared.parameters if values.get(name) is None]
    if unknown or missing:
        problems = [f"has no parameter {', '.join(unknown)}"] * bool(unknown) + [f"needs {', '.join(missing)}"] * bool(missing)
        raise Refused(f"{declared.name} {' and '.join(problems)}")
    fitted: dict[str, JsonValue] = {}
    for name in declared.parameters:
        value = values[name]
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Refused(f"{name} must be a {_TYPES.get(name, 'string')}")
        fitted[name] = _number(name, value) if name in _TYPES else str(value)
        if name in declared.choices and fitted[name] not in declared.choices[name]:
            raise Refused(f"{name} must be one of {', '.join(declared.choices[name])}")
    return fitted


def _number(name: str, value: str | float) -> float:
    try:
        return float(value)
    except ValueError:
        raise Refused(f"{name} must be a number") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A goal with the way to it."""

    id: str
    """Unique, and the same in every run of the same seed."""
    domain: str
    """`weather`, `movie` or `academia`."""
    goal: str
    """What the user wants to know."""
    answer: JsonValue
    """The right answer: a text, a number, or a list of them in any order."""
    tolerance: float
    """How far a number may be from the right one."""
    start: Mapping[str, str]
    """Where and when the user is; empty where that plays no part."""
    calls: tuple[tuple[str, str], ...]
    """Reference calls: (tool, arguments as JSON text)."""
    subgoals: tuple[str, ...]
    """Their outputs as canonical JSON text; the answer is one more subgoal."""

    @property
    def is_hard(self) -> bool:
        """Whether it has more than five subgoals, the answer among them."""
        return len(self.subgoals) + 1 > 5


class Script:
    """Writes a task down by making its reference calls; each output is a subgoal."""

    def __init__(self, toolkit: Toolkit, start: Mapping[str, str] | None = None) -> None:
        self._toolkit, self._start = toolkit, start or {}
        self._calls: list[tuple[str, str]] = []
        self._subgoals: list[str] = []

    def __call__(self, name: str, /, **arguments: JsonValue) -> Any:
        """Make a reference call.

        Raises:
            ValueError: it cannot be carried out.
        """
        text = canonical(arguments)
        outcome = self._toolkit.call(name, text)
        if not outcome.accepted:
            raise ValueError(f"the reference call {name}({text}) is refused: {outcome.output}")
        self._calls.append((name, text))
        self._subgoals.append(canonical(outcome.output))
        return outcome.output

    def task(self, id: str, goal: str, answer: JsonValue, tolerance: float = 1e-6) -> Task:
        """The task, once its calls are made."""
        return Task(
            id=id,
            domain=id.partition("-")[0],
            goal=goal,
            answer=answer,
            tolerance=tolerance,
            start=self._start,
            calls=tuple(self._calls),
            subgoals=tuple(self._subgoals),
        )


Question = tuple[str, JsonValue] | tuple[str, JsonValue, float]
"""Goal, answer, and tolerance where the answer is a number that was rounded."""


def drawn(id: str, make: Callable[[Random], tuple[Script, Question | None]]) -> Task:
    """The first draw of a task that makes a good question.

    Raises:
        ValueError: none of a thousand does.
    """
    for attempt in range(1_000):
        script, question = make(Random(f"{id}/{attempt}"))
        if question is not None:
            return script.task(id, *question)
    raise ValueError(f"{id}: no draw makes a good question")
