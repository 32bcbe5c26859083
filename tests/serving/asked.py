"""What the serving tests ask of the tiny model: verdicts under a JSON Schema, and tool calls in Hermes' form."""

from __future__ import annotations

import json

from magnet_ray.types import JsonValue

VERDICT: dict[str, JsonValue] = {
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["full", "partial", "prerequisite", "none"]},
        "output": {"type": "string", "maxLength": 12},
        "parameter": {"type": "string", "maxLength": 12},
    },
    "required": ["verdict", "output", "parameter"],
    "additionalProperties": False,
}
WEATHER: JsonValue = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather of a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def verdict_body(index: int) -> dict[str, JsonValue]:
    """Request number `index` for a verdict on a pair of functions."""
    ask = (
        f"Function A: find_place_{index}(city: string) -> {{place_id: string, name: string}}. "
        f"Function B: book_place_{index}(place_id: string, guests: integer). "
        "Which output of A fills which parameter of B? Answer with verdict, output and parameter."
    )
    system = "You judge whether the output of one function can serve as an input of another. You answer in JSON."
    return {
        "messages": [{"role": "system", "content": system}, {"role": "user", "content": ask}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "verdict", "schema": VERDICT, "strict": True}},
        "max_tokens": 64,
        "temperature": 0.7,
        "seed": index,
    }


def is_verdict(text: str | None) -> bool:
    """Whether a text is a verdict."""
    try:
        value = json.loads(text or "")
    except json.JSONDecodeError:
        return False
    return isinstance(value, dict) and list(value) == ["verdict", "output", "parameter"] and value["verdict"] in VERDICT_WORDS


VERDICT_WORDS = ("full", "partial", "prerequisite", "none")


def weather_body(city: str) -> dict[str, JsonValue]:
    """A request for a tool call; the grammar holds the words to Hermes' form, which so small a model does not keep to by itself."""
    form = r'<tool_call>\n\{"name": "get_weather", "arguments": \{"city": "[A-Z][a-z]{2,9}"\}\}\n</tool_call>'
    return {
        "messages": [{"role": "user", "content": f"How is the weather in {city}?"}],
        "tools": [WEATHER],
        "tool_choice": "auto",
        "structured_outputs": {"regex": form},
        "max_tokens": 64,
        "temperature": 0,
    }
