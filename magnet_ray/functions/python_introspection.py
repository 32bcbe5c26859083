"""What a module offers, as JSON. Runs in the worker process, because looking at third-party code executes it.

Only facts are collected here: names, documentation, parameters with what hints, defaults and docstrings say about
their types. What a function really accepts is found by `magnet_ray.functions.python_source` from the outside.
"""

from __future__ import annotations

import enum
import inspect
import re
import types
from collections.abc import Callable, Iterator
from typing import Any

from docstring_parser import Docstring, ParseError
from docstring_parser import parse as parse_docstring

from magnet_ray.functions.schema import argument_of, hints_of, return_schema, type_schema

DOCUMENTED_TYPES: dict[str, dict[str, Any]] = {
    "str": {"type": "string"},
    "string": {"type": "string"},
    "text": {"type": "string"},
    "int": {"type": "integer"},
    "integer": {"type": "integer"},
    "float": {"type": "number"},
    "number": {"type": "number"},
    "numeric": {"type": "number"},
    "real": {"type": "number"},
    "decimal": {"type": "number"},
    "bool": {"type": "boolean"},
    "boolean": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "number"}},
    "sequence": {"type": "array", "items": {"type": "number"}},
    "iterable": {"type": "array", "items": {"type": "number"}},
    "tuple": {"type": "array", "items": {"type": "number"}},
    "set": {"type": "array", "items": {"type": "number"}},
    "dict": {"type": "object"},
    "mapping": {"type": "object"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}
"""Words for types in docstrings -> schemas."""
_LIST_OF = re.compile(r"(?:list|sequence|iterable|tuple|set)s?(?: of |\[)(\w+?)s?\b", re.IGNORECASE)
_CHOICES = re.compile(r"\{\s*((?:['\"][^'\"]+['\"]\s*,?\s*)+)\}")


def describe_module(module: types.ModuleType) -> dict[str, Any]:
    """The public functions and classes of a module: those in `__all__`, or else those that it defines itself."""
    functions, classes = [], []
    for name, value in _public(module):
        if inspect.isclass(value):
            if not issubclass(value, BaseException | enum.Enum) and not inspect.isabstract(value):
                classes.append(_describe_class(name, value))
        elif inspect.isroutine(value) or hasattr(value, "__wrapped__"):
            functions.append(_describe_function(name, value))
    return {"name": module.__name__, "functions": functions, "classes": classes}


def _public(module: types.ModuleType) -> Iterator[tuple[str, Any]]:
    exported = getattr(module, "__all__", None)
    for name in sorted(vars(module)) if exported is None else exported:
        value = getattr(module, name, None)
        if not name.startswith("_") and callable(value) and (exported is not None or _is_own(value, module)):
            yield name, value


def _is_own(value: Any, module: types.ModuleType) -> bool:
    # `_bisect` is where CPython keeps the fast half of `bisect`.
    return getattr(value, "__module__", None) in {module.__name__, f"_{module.__name__}", None}


def _describe_class(name: str, kind: type) -> dict[str, Any]:
    methods = []
    for method_name in sorted(dir(kind)):
        raw = inspect.getattr_static(kind, method_name)
        if method_name.startswith("_") or hasattr(object, method_name) or isinstance(raw, classmethod | staticmethod | type):
            continue
        if callable(raw):
            methods.append(_describe_function(method_name, getattr(kind, method_name), is_method=True))
    return {
        "name": name,
        "doc": _first_paragraph(kind),
        "constructor": _describe_function(name, kind),
        "methods": methods,
    }


def _describe_function(name: str, function: Callable[..., Any], *, is_method: bool = False) -> dict[str, Any]:
    described: dict[str, Any] = {"name": name, "doc": _first_paragraph(function), "parameters": [], "returns": None, "reason": ""}
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (ValueError, TypeError):
        return {**described, "reason": "it has no signature that Python can read"}
    hints = hints_of(inspect.getattr_static(function, "__init__") if isinstance(function, type) else function)
    documented = _documented(function)
    for parameter in parameters[1:] if is_method else parameters:
        if parameter.kind in {parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD}:
            continue
        described["parameters"].append(_describe_parameter(parameter, hints, documented))
    if not isinstance(function, type):
        described["returns"] = return_schema(function)
    return described


def _describe_parameter(parameter: inspect.Parameter, hints: dict[str, Any], documented: dict[str, tuple[str, str]]) -> dict[str, Any]:
    text, type_name = documented.get(parameter.name, ("", ""))
    hint = hints.get(parameter.name)
    argument = argument_of(hint)
    required = parameter.default is parameter.empty
    default = parameter.default
    return {
        "name": parameter.name,
        "description": (argument.description if argument else "") or text,
        "required": required,
        "default": default if not required and isinstance(default, str | int | float) and default == default else None,
        "hinted": _hinted(hint),
        "documented": _documented_type(type_name),
    }


def _hinted(hint: Any) -> list[dict[str, Any]]:
    """The schemas that a hint allows, `null` and anything unlimited left out."""
    if hint is None:
        return []
    try:
        schema = type_schema(hint)
    except TypeError:
        return []
    variants = schema.get("anyOf", [schema])
    return [variant for variant in variants if variant.get("type", "enum" if "enum" in variant else "null") != "null"]


def _documented_type(text: str) -> list[dict[str, Any]]:
    if choices := _CHOICES.search(text):
        return [{"type": "string", "enum": re.findall(r"['\"]([^'\"]+)['\"]", choices.group(1))}]
    if items := _LIST_OF.search(text):
        item = DOCUMENTED_TYPES.get(items.group(1).lower(), {"type": "number"})
        return [{"type": "array", "items": dict(item)}]
    words = re.findall(r"[a-z]+", text.lower())
    return [dict(DOCUMENTED_TYPES[word]) for word in words if word in DOCUMENTED_TYPES]


def _docstring(function: Any) -> Docstring | None:
    try:
        return parse_docstring(inspect.getdoc(function) or "")
    except ParseError:
        return None


def _documented(function: Any) -> dict[str, tuple[str, str]]:
    docstring = _docstring(function)
    return {item.arg_name: (item.description or "", item.type_name or "") for item in docstring.params} if docstring else {}


def _first_paragraph(function: Any) -> str:
    text = inspect.getdoc(function) or ""
    if isinstance(function, type) and text == inspect.getdoc(object):
        return ""
    docstring = _docstring(function)
    first = (docstring.short_description if docstring else None) or text.split("\n\n")[0]
    return " ".join(first.split())
