"""Translated paths as rows: OpenAI chat messages, offered tools, reference calls and provenance as JSON text."""

from __future__ import annotations

from datetime import date
from functools import lru_cache
from typing import Any

from magnet_ray.functions.pool import FunctionPool
from magnet_ray.types import ArgumentOrigin, ExecutedCall, FunctionSpec, Trajectory, TranslatedPath, TranslatedTurn, compact, parsed


def build_trajectory(translated: TranslatedPath, pool: FunctionPool) -> Trajectory:
    """The row of a translated path."""
    path = translated.path
    added = {
        str(index): [pool.spec(name).as_tool() for name in turn.tools_added]
        for index, turn in enumerate(translated.turns)
        if turn.tools_added
    }
    asked = dict.fromkeys(step.function for turn in path.turns for step in turn.steps)
    first = pool.spec(next(iter(asked)))
    return Trajectory(
        id=path.id,
        index=path.index,
        category=path.category,
        tools=f"[{','.join(tool_text(pool.spec(name)) for name in translated.offered)}]",
        tools_added=compact(added),
        messages=compact(build_messages(translated)),
        reference_calls=compact([[_reference(call) for call in turn.calls] for turn in translated.turns]),
        provenance=compact([[_provenance(call) for call in turn.calls] for turn in translated.turns]),
        ops=tuple(operation.value for operation in path.ops),
        domains=tuple(sorted({pool.spec(name).category for name in asked})),
        source=first.source.partition(":")[0],
        environment=translated.environment,
        scenario_seed=translated.scenario_seed,
        final_state=translated.final_state,
        num_turns=len(translated.turns),
        num_calls=sum(len(turn.calls) for turn in translated.turns),
    )


@lru_cache(maxsize=16_384)
def tool_text(spec: FunctionSpec) -> str:
    """A function in OpenAI's tool format, as JSON text."""
    return compact(spec.as_tool())


def build_messages(translated: TranslatedPath) -> list[dict[str, Any]]:
    """The conversation in OpenAI's chat format; a system message gives the date where the scenario has one."""
    messages: list[dict[str, Any]] = []
    if translated.today:
        messages.append({"role": "system", "content": system_message(translated.today)})
    made = 0
    for turn in translated.turns:
        messages.append({"role": "user", "content": turn.query})
        messages.extend(_rounds(turn, made))
        made += len(turn.calls)
        messages.append({"role": "assistant", "content": turn.reply})
    return messages


def system_message(today: str) -> str:
    """The system message of a dated scenario."""
    value = date.fromisoformat(today)
    return f"Today is {value:%A}, {value.day} {value:%B} {value.year}."


def _rounds(turn: TranslatedTurn, made: int) -> list[dict[str, Any]]:
    """One assistant message for each round of calls, followed by the outputs."""
    messages: list[dict[str, Any]] = []
    for indices in turn.steps:
        calls = [(f"call_{made + index + 1}", turn.calls[index]) for index in indices]
        messages.append(
            {
                "role": "assistant",
                "content": "",
                "tool_calls": [
                    {"id": key, "type": "function", "function": {"name": call.function, "arguments": call.arguments}} for key, call in calls
                ],
            }
        )
        messages.extend({"role": "tool", "tool_call_id": key, "name": call.function, "content": call.output} for key, call in calls)
    return messages


def _reference(call: ExecutedCall) -> dict[str, Any]:
    return {"name": call.function, "arguments": parsed(call.arguments), "nested": call.nested}


def _provenance(call: ExecutedCall) -> dict[str, Any]:
    return {name: _origin(origin) for name, origin in call.origins}


def _origin(origin: ArgumentOrigin) -> dict[str, Any]:
    found: dict[str, Any] = {"origin": origin.origin.value, "turn": origin.turn}
    if origin.path:
        found |= {"call": origin.call, "path": origin.path}
    if origin.text:
        found["text"] = origin.text
    return found
