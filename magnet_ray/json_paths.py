"""Paths into JSON values: `reservations[2].guest.name`; `[]` stands for every item; `$` is the whole value."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

_PART = re.compile(r"\[(\d*)\]|([^.\[\]]+)")


@lru_cache(maxsize=16_384)
def split_path(path: str) -> tuple[str | int | None, ...]:
    """Parts of a path: a key (str), an index (int) or every item (None)."""
    if path in ("", "$"):
        return ()
    text = path.removeprefix("$").removeprefix(".")
    return tuple(key or (int(index) if index else None) for index, key in _PART.findall(text))


def value_at(value: Any, path: str) -> Any:
    """The value at a concrete path.

    Raises:
        KeyError: nothing stands there, or the path holds `[]`.
    """
    for part in split_path(path):
        try:
            value = value[part]
        except (IndexError, TypeError, KeyError):
            raise KeyError(path) from None
    return value


def expand(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Concrete path and value for each place that a path with `[]` stands for, in order."""
    yield from _expand(value, split_path(path), "")


def _expand(value: Any, parts: tuple[str | int | None, ...], prefix: str) -> Iterator[tuple[str, Any]]:
    if not parts:
        yield prefix or "$", value
        return
    part, rest = parts[0], parts[1:]
    if part is None:
        if isinstance(value, list):
            for index, item in enumerate(value):
                yield from _expand(item, rest, f"{prefix}[{index}]")
    elif isinstance(part, str) and isinstance(value, dict) and part in value:
        yield from _expand(value[part], rest, f"{prefix}.{part}" if prefix else part)
    elif isinstance(part, int) and isinstance(value, list) and part < len(value):
        yield from _expand(value[part], rest, f"{prefix}[{part}]")


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Concrete path and value of every scalar inside a JSON value, in document order."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from leaves(item, f"{prefix}.{key}" if prefix else key)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from leaves(item, f"{prefix}[{index}]")
    else:
        yield prefix or "$", value


def field_values(value: Any) -> list[tuple[str, Any]]:
    """Field and value of every scalar inside a JSON value, in document order; items of a plain list count under the list's name."""
    found: list[tuple[str, Any]] = []
    _collect(value, "", found)
    return found


def _collect(value: Any, name: str, found: list[tuple[str, Any]]) -> None:
    if isinstance(value, dict):
        for key, item in value.items():
            _collect(item, key, found)
    elif isinstance(value, list):
        for item in value:
            _collect(item, name, found)
    else:
        found.append((name, value))


def schema_fields(schema: Any, prefix: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Path (with `[]` for arrays) and schema of every scalar field that an output schema declares."""
    if not isinstance(schema, dict):
        return
    if "properties" in schema:
        for key, item in schema["properties"].items():
            yield from schema_fields(item, f"{prefix}.{key}" if prefix else key)
    elif schema.get("type") == "array" or "items" in schema:
        yield from schema_fields(schema.get("items") or {}, f"{prefix}[]")
    else:
        yield prefix or "$", schema
