"""`jsonl:FILE`: one function in OpenAI's tool format a line, with an optional return schema and category.

A line is `{"type": "function", "function": {name, description, parameters, returns?}}` or the bare function
object. A bad line is a `Failure` that names the file and the line; the others are read. The functions cannot
be executed, so they run on a simulated environment, one for each category.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from magnet_ray.environments.inferred_returns import inferred_return_schema
from magnet_ray.errors import SourceError
from magnet_ray.functions.sources import SourceResult
from magnet_ray.types import Failure, FailureReason, FunctionSpec, JsonValue, compact

RETURN_KEYS: Final = ("returns", "response", "return_schema", "responses")
DEFAULT_CATEGORY: Final = "functions"


class _BadEntry(Exception):
    """An entry that is no function; the text says what is wrong."""


def load(argument: str) -> SourceResult:
    """The functions of one file.

    Raises:
        SourceError: the file is missing, not UTF-8 or empty.
    """
    path = Path(argument)
    specs, failures, places = [], [], []
    lines = [(number, line) for number, line in enumerate(read_text(path, "jsonl").splitlines(), 1) if line.strip()]
    if not lines:
        raise SourceError(f"{path}: the file is empty", expected="one function in OpenAI's tool format a line")
    for number, line in lines:
        try:
            specs.append(_spec(_parsed_line(line), argument))
            places.append(f"{path}: line {number}")
        except _BadEntry as error:
            detail = f"{path}: line {number}: {error}"
            failures.append(Failure(id=f"line {number}", index=number, stage="pool", reason=FailureReason.BAD_SPEC, detail=detail))
    return SourceResult(specs=tuple(specs), failures=tuple(failures), places=tuple(places))


def read_text(path: Path, prefix: str) -> str:
    """A source file's text.

    Raises:
        SourceError: the file is missing, a directory, unreadable or not UTF-8.
    """
    if path.is_dir():
        raise SourceError(f"source {prefix}: expected a file", str(path), f"{prefix}:FILE")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError:
        raise SourceError("no such file", str(path), f"an existing file after {prefix}:") from None
    except UnicodeDecodeError as error:
        raise SourceError(f"{path}: not UTF-8 (byte {error.start})", expected="a UTF-8 text file", fix="save it as UTF-8") from None
    except OSError as error:
        raise SourceError(f"{path}: cannot be read", error.strerror or str(error)) from None


def _once(pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise _BadEntry(f"duplicate key {key!r}, expected each name once")
        found[key] = value
    return found


def _parsed_line(line: str) -> dict[str, Any]:
    try:
        value = json.loads(line, object_pairs_hook=_once)
    except (json.JSONDecodeError, RecursionError) as error:
        raise _BadEntry(f"not JSON ({error})") from None
    if not isinstance(value, dict):
        raise _BadEntry(f"got {_kind(value)}, expected a JSON object")
    return value


def _spec(entry: dict[str, Any], argument: str) -> FunctionSpec:
    function = entry.get("function", entry)
    if not isinstance(function, dict):
        raise _BadEntry(f"function is {_kind(function)}, expected an object")
    name = function.get("name")
    if not isinstance(name, str) or not name.strip():
        raise _BadEntry("name is missing" if name is None else f"name is {name!r}, expected a non-empty text")
    description = function.get("description", "")
    if not isinstance(description, str):
        raise _BadEntry(f"(`{name}`): description is {_kind(description)}, expected a text")
    parameters = function.get("parameters")
    parameters = {"type": "object", "properties": {}} if parameters in (None, {}) else parameters
    if not isinstance(parameters, dict):
        raise _BadEntry(f"(`{name}`): parameters is {_kind(parameters)}, expected a JSON Schema object")
    returns = next((holder[key] for holder in (function, entry) for key in RETURN_KEYS if holder.get(key) is not None), None)
    category = _category(function, entry, name)
    offered = re.sub(r"[.]", "_", name)
    spec = FunctionSpec(
        name=offered,
        description=" ".join(description.split()),
        parameters=compact(parameters),
        returns=compact(returns) if returns is not None else "",
        category=category,
        source=f"jsonl:{argument}",
        environment=f"simulated:{category}",
        original_name=name if name != offered else "",
    )
    return spec if returns is not None or not _has_properties(parameters) else replace(spec, returns=compact(inferred_return_schema(spec)))


def _has_properties(parameters: dict[str, Any]) -> bool:
    """Whether a schema is sound enough to infer from; the pool says what is wrong with the others."""
    properties = parameters.get("properties", {})
    return isinstance(properties, dict) and all(isinstance(inner, dict) for inner in properties.values())


def _category(function: dict[str, Any], entry: dict[str, Any], name: str) -> str:
    given = function.get("category", entry.get("category"))
    if given is None:
        return name.rsplit(".", 1)[0] if "." in name.strip(".") else DEFAULT_CATEGORY
    if not isinstance(given, str) or not given.strip():
        raise _BadEntry(f"(`{name}`): category is {given!r}, expected a non-empty text")
    return given.strip()


def _kind(value: JsonValue) -> str:
    names = {dict: "an object", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number", type(None): "null"}
    return names.get(type(value), type(value).__name__)
