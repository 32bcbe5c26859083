"""Values for parameters, harvested from the state of an object that we know nothing about.

By name (parameter `city` and an attribute or key `city` or `cities`), and, for parameters that name a key or an
element of a container (`key`, `section`, `item`, …), from the keys and elements that the object holds. Functions
whose name says that they bring in something new mostly get fresh values instead.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from random import Random
from typing import Any

from magnet_ray.environments.base import MISSING, Missing
from magnet_ray.phrases import plain_name
from magnet_ray.types import FunctionSpec, JsonValue, canonical
from magnet_ray.wording import pluralise

KEY_NAMES = frozenset({"key", "k", "name", "field", "section", "index_name", "attribute", "label"})
INNER_KEY_NAMES = frozenset({"option", "subkey", "inner_key", "setting", "property"})
ELEMENT_NAMES = frozenset({"item", "element", "value", "x", "obj", "object", "member", "v", "elem", "entry"})
HELD_NAMES = frozenset({"item", "element", "member", "entry"})
"""Parameters that name a key when the container is a mapping."""
INDEX_NAMES = frozenset({"index", "i", "position", "pos", "idx"})
FRESH_VERBS = frozenset({"add", "create", "insert", "new", "register", "append", "push", "make"})
SHARE_HELD = 0.85
"""How often a function that looks something up gets a value that the object holds."""
SHARE_HELD_FOR_FRESH = 0.1
"""The same, for a function that brings in something new."""


def harvest(state: JsonValue, spec: FunctionSpec, parameter: str, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue | Missing:
    """A value that `state` holds for a parameter, or MISSING."""
    schema = spec.properties.get(parameter, {})
    if "enum" in schema or not isinstance(state, Mapping):
        return MISSING
    verb = plain_name(spec.callable_name).split(" ")[0]
    if rng.random() > (SHARE_HELD_FOR_FRESH if verb in FRESH_VERBS and parameter not in INDEX_NAMES else SHARE_HELD):
        return MISSING
    found = [value for value in _candidates(state, parameter, chosen) if _fits(value, schema.get("type"))]
    unique = {canonical(value): value for value in found}
    return unique[rng.choice(sorted(unique))] if unique else MISSING


def _candidates(state: Mapping[str, Any], parameter: str, chosen: Mapping[str, JsonValue]) -> Iterator[JsonValue]:
    contents = state.get("contents")
    name = plain_name(parameter).replace(" ", "_")
    if isinstance(contents, Mapping):
        if name in INNER_KEY_NAMES:
            inner = next((contents[value] for value in chosen.values() if isinstance(value, str) and value in contents), None)
            yield from inner if isinstance(inner, Mapping | list) else ()
        if name in KEY_NAMES or name in HELD_NAMES:
            yield from contents
    elif isinstance(contents, list):
        if name in INDEX_NAMES:
            yield from range(len(contents))
        elif name in KEY_NAMES or name in ELEMENT_NAMES:
            yield from contents
    else:
        yield from _held_keys(state, name)
    yield from _named(state, frozenset({parameter, name, pluralise(name)}), 0)


def _held_keys(state: Mapping[str, Any], name: str) -> Iterator[JsonValue]:
    """Keys and elements of an object's attributes: of all of them for `name` and the like, of `orders` for `order_id`."""
    general = name in KEY_NAMES or name in HELD_NAMES
    for attribute, held in state.items():
        if isinstance(held, Mapping | list) and (general or attribute.strip("_") == pluralise(name)):
            yield from (item for item in held if isinstance(item, str | int))


def _named(value: JsonValue, names: frozenset[str], depth: int) -> Iterator[JsonValue]:
    if depth > 4:
        return
    if isinstance(value, list):
        for item in value[:50]:
            yield from _named(item, names, depth + 1)
    if not isinstance(value, Mapping):
        return
    for key, item in value.items():
        plain = key.strip("_")
        if plain in names:
            yield from item if isinstance(item, list | Mapping) else (item,)
        if isinstance(item, Mapping | list):
            yield from _named(item, names, depth + 1)


def _fits(value: JsonValue, kind: str | None) -> bool:
    if isinstance(value, bool):
        return kind == "boolean"
    if isinstance(value, str):
        return kind in {"string", None} and value != ""
    if isinstance(value, int):
        return kind in {"integer", "number", None}
    return isinstance(value, float) and kind in {"number", None}
