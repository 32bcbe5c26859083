"""StableToolBench's `template_response` as a JSON Schema of the output.

A template holds type names (`"str"`), lists with one template, `_list_length` marks and
`"list of str with length 4"`. Long ones are stored as text cut off in the middle: what came before the cut is
used. A template that only reports an error says nothing about the output.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final

from magnet_ray.types import JsonValue

_TYPES: Final = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}
_LIST = re.compile(r"list of (\w+) with length (\d+)")
_ERRORS: Final = frozenset({
    "error", "errors", "err", "stack", "innererror", "fault", "faultstring", "faultcode", "exception", "traceback", "trace", "traceid",
        "errorcode", "error_code",
    "errormessage", "error_message", "invalid", "apierror", "exc_type", "debug", "disclaimer", "deprecated", "errormsg",
        "error_description", "errorcategory",
})  # fmt: skip
_SHELL: Final = frozenset({
    "message", "messages", "msg", "code", "status", "statuscode", "status_code", "success", "ok", "detail", "details", "info", "type",
        "title", "reason", "path",
    "timestamp", "ref", "requestid", "request_id", "result", "response", "data", "status_message", "httpstatus", "name", "meta", "version",
})  # fmt: skip
_MAX_PROPERTIES: Final = (12, 10, 6, 5)
"""Most fields of an object, by its depth: answers stay short enough to read."""


def return_schema_of(template: JsonValue) -> dict[str, Any] | None:
    """The output's JSON Schema, or None when the template is absent, empty, an error, or unreadable."""
    if isinstance(template, str) and template.lstrip()[:1] in ("{", "["):
        template = _repaired(template)
    schema = _schema(template, 0)
    if schema is None or schema.get("type") not in ("object", "array"):
        return None
    properties = schema.get("properties", {})
    shell = all(name.lower() in _SHELL and inner.get("type") not in ("object", "array") for name, inner in properties.items())
    return None if schema["type"] == "object" and shell else schema


def _schema(template: JsonValue, depth: int) -> dict[str, Any] | None:
    if isinstance(template, Mapping):
        return _object(template, depth)
    if isinstance(template, list):
        if len(template) == 1 and isinstance(template[0], str) and _LIST.fullmatch(template[0]):
            return _schema(template[0], depth)
        inner = _schema(template[0], depth + 1) if template else None
        return {"type": "array", "items": inner} if inner else None
    if isinstance(template, str):
        listed = _LIST.fullmatch(template)
        if listed:
            kind = _TYPES.get(listed.group(1))
            return {"type": "array", "items": {"type": kind}} if kind else None
        return {"type": _TYPES[template]} if template in _TYPES else None
    return None


def _object(template: Mapping[str, Any], depth: int) -> dict[str, Any] | None:
    properties: dict[str, Any] = {}
    for name, value in template.items():
        if depth >= len(_MAX_PROPERTIES) or len(properties) >= _MAX_PROPERTIES[depth]:
            break
        if (
            name == "_list_length"
            or name.lower() in _ERRORS
            or re.match(r"(?i)err(?:or)?[_A-Z -]", name)
            or _language_key(name, template)
            or name.startswith("__")
            or not re.fullmatch(r"[A-Za-z@$_][\w .%$@:-]{0,39}", name)
            or not name.strip("_$@ ")
        ):
            continue
        inner = _schema(value, depth + 1)
        if inner:
            properties[name] = inner
    return {"type": "object", "properties": properties, "required": list(properties)} if properties else None


def _language_key(name: str, template: Mapping[str, Any]) -> bool:
    """Whether a key is one of many language codes, `de`, `fr`, `zh-cn`: translations of one text, of which English does."""
    codes = [key for key in template if re.fullmatch(r"[a-z]{2}(?:-[a-z]{2,4})?", key)]
    return len(codes) > 3 and name in codes[1:]


def _repaired(text: str) -> JsonValue:
    """The JSON value of a text that may have been cut off: read up to the last complete member."""
    try:
        return json.loads(text)
    except (json.JSONDecodeError, RecursionError):
        pass
    open_brackets: list[str] = []
    safe: list[tuple[int, str]] = []
    in_text = escaped = False
    for position, char in enumerate(text):
        if in_text:
            escaped, in_text = char == "\\" and not escaped, in_text and (char != '"' or escaped)
        elif char == '"':
            in_text = True
        elif char in "{[":
            open_brackets.append("}" if char == "{" else "]")
        elif char in "}]" and open_brackets:
            open_brackets.pop()
        elif char == ",":
            safe.append((position, "".join(reversed(open_brackets))))
    for position, closing in reversed(safe[-40:]):
        try:
            return json.loads(text[:position] + closing)
        except (json.JSONDecodeError, RecursionError):
            continue
    return None
