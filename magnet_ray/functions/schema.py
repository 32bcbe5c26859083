"""JSON Schemas from Python signatures: type hints through pydantic, descriptions through the docstring.

`Annotated[type, Argument(…)]` gives a parameter its description and limits. Schemas are inlined (no `$ref`),
without titles, and keep the declared order of parameters.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

from docstring_parser import parse as parse_docstring
from pydantic import PydanticInvalidForJsonSchema, PydanticSchemaGenerationError, PydanticUserError, TypeAdapter

from magnet_ray.phrases import Argument, plain_name


def parameter_schema(function: Callable[..., Any]) -> dict[str, Any]:
    """The object schema of a callable's arguments; `self` and `cls` are left out.

    Raises:
        TypeError: a parameter has no type hint, or one that JSON cannot express.
    """
    hints = hints_of(function)
    documented = {item.arg_name: item.description or "" for item in parse_docstring(inspect.getdoc(function) or "").params}
    properties: dict[str, Any] = {}
    required = []
    for name, parameter in inspect.signature(function).parameters.items():
        if name in {"self", "cls"}:
            continue
        if name not in hints:
            raise TypeError(f"parameter {name!r} of {function.__qualname__} has no type hint")
        schema = type_schema(hints[name])
        argument = argument_of(hints[name])
        description = (argument.description if argument else "") or documented.get(name, "") or f"The {plain_name(name)}."
        properties[name] = {"type": schema.pop("type", None), **schema, "description": description} | _limits(argument)
        properties[name] = {key: value for key, value in properties[name].items() if value is not None}
        if parameter.default is inspect.Parameter.empty:
            required.append(name)
        elif parameter.default is not None and isinstance(parameter.default, str | int | float | bool):
            properties[name]["default"] = parameter.default
    return {"type": "object", "properties": properties, "required": required}


def return_schema(function: Callable[..., Any]) -> dict[str, Any] | None:
    """The schema of a callable's return hint, or None where there is none that JSON can express."""
    hint = hints_of(function).get("return")
    if hint is None or hint is Any:
        return None
    try:
        return type_schema(hint)
    except TypeError:
        return None


def hints_of(function: Callable[..., Any]) -> dict[str, Any]:
    """Resolved type hints with their `Annotated` metadata; empty where they cannot be resolved."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError, AttributeError):
        return {}


def argument_of(hint: Any) -> Argument | None:
    """The `Argument` in a hint's `Annotated` metadata."""
    return next((item for item in getattr(hint, "__metadata__", ()) if isinstance(item, Argument)), None)


def type_schema(hint: Any) -> dict[str, Any]:
    """The JSON Schema of a type hint; `X | None` gives the schema of `X`.

    Raises:
        TypeError: JSON cannot express it.
    """
    try:
        schema = TypeAdapter(hint).json_schema()
    except (PydanticUserError, PydanticSchemaGenerationError, PydanticInvalidForJsonSchema, AttributeError) as error:
        raise TypeError(f"no JSON Schema for {hint!r}: {str(error).splitlines()[0]}") from error
    definitions = schema.pop("$defs", {})
    plain = _inline(schema, definitions, 0)
    assert isinstance(plain, dict)
    return plain


def _inline(schema: Any, definitions: dict[str, Any], depth: int) -> Any:
    if isinstance(schema, list):
        return [_inline(item, definitions, depth) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        return _inline(definitions[schema["$ref"].rsplit("/", 1)[-1]], definitions, depth + 1) if depth < 8 else {}
    variants = [item for item in schema.get("anyOf", ()) if item != {"type": "null"}]
    if len(variants) == 1:
        return _inline(variants[0], definitions, depth)
    if schema.get("type") == "object" and "properties" in schema:
        properties = {key: _inline(item, definitions, depth) for key, item in schema["properties"].items()}
        return {"type": "object", "properties": properties, "required": list(schema.get("required", ()))}
    return {key: _inline(item, definitions, depth) for key, item in schema.items() if key not in {"title", "default"}}


def _limits(argument: Argument | None) -> dict[str, Any]:
    if argument is None:
        return {}
    limits = {"minimum": argument.low, "maximum": argument.high}
    formats = {"date": "date"} if argument.kind == "date" else {}
    return {key: value for key, value in limits.items() if value is not None} | ({"format": formats["date"]} if formats else {})
