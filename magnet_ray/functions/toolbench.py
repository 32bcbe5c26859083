"""`toolbench:DIR_OR_FILE`: the API lists of ToolBench and StableToolBench as functions.

Reads instruction files (a list of queries, each with its `api_list`) and toolenv files (one tool with its
`api_list`, the category being the folder). An API that several queries repeat is one function. Names, types,
descriptions and example values are cleaned here; what cannot be read is a `Failure` with file and entry.
"""

from __future__ import annotations

import html
import json
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from magnet_ray.environments.inferred_returns import inferred_return_schema
from magnet_ray.errors import SourceError
from magnet_ray.field_kinds.meanings import coerced, sayable
from magnet_ray.functions.jsonl import read_text
from magnet_ray.functions.sources import SourceResult
from magnet_ray.functions.template_response import return_schema_of
from magnet_ray.types import Failure, FailureReason, FunctionSpec, JsonValue, compact

_DESCRIPTION_LIMIT: Final = 320
_NOISE: Final = frozenset({"api", "apis", "rapidapi", "rest", "v", "v1", "v2", "v3", "the", "a", "an", "of", "unofficial", "official"})
_WHOLE: Final = frozenset({"page", "limit", "offset", "count", "size", "num", "skip", "year", "month", "day", "number", "quantity",
    "width", "height", "length", "index", "per_page", "top"} )  # fmt: skip
_VERBS: Final = frozenset({
    "get", "list", "search", "find", "fetch", "retrieve", "check", "create", "add", "delete", "remove", "update", "convert",
        "calculate", "generate", "send", "validate",
    "verify", "lookup", "show", "return", "returns", "download", "upload", "post", "put", "set", "translate", "analyze", "compare",
        "track", "detect", "extract",
    "compute", "estimate", "predict", "scrape", "read", "query", "autocomplete", "browse", "count", "decode", "encode", "parse",
        "provide", "provides", "allows",
})  # fmt: skip
_TYPES: Final = {
    "STRING": "string", "ENUM": "string", "NUMBER": "number", "INTEGER": "integer", "BOOLEAN": "boolean", "ARRAY": "array",
        "OBJECT": "object",
    "BINARY": "string", "FILE": "string", "MAP": "object", "DATE": "string", "TIME": "string", "GEOPOINT": "string",
        "CREDENTIALS": "string", "JSON": "object",
}  # fmt: skip


class _BadEntry(Exception):
    """An API that cannot be read; the text says what is wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Entry:
    """One API with where it stands."""

    place: str
    index: int
    api: JsonValue
    category: str = ""
    tool: str = ""


def load(argument: str) -> SourceResult:
    """The distinct APIs of a file, or of every JSON file below a folder, in the order of the file names.

    Raises:
        SourceError: nothing there, no JSON files, or a file that is not JSON or holds no API list.
    """
    seen: set[tuple[str, str, str]] = set()
    names: set[str] = set()
    specs, failures, places = [], [], []
    for entry in _entries(_files(Path(argument))):
        try:
            key, api = _identity(entry)
            if key in seen:
                continue
            seen.add(key)
            specs.append(_spec(key, api, argument, names))
            places.append(entry.place)
        except _BadEntry as error:
            identity = str(entry.api.get("api_name") or entry.place) if isinstance(entry.api, dict) else entry.place
            detail = f"{entry.place} (`{identity}`): {error}" if identity != entry.place else f"{entry.place}: {error}"
            failures.append(Failure(id=identity, index=entry.index, stage="pool", reason=FailureReason.BAD_SPEC, detail=detail))
    return SourceResult(specs=tuple(specs), failures=tuple(failures), places=tuple(places))


# --- files and entries -------------------------------------------------------------------------------------


def _files(path: Path) -> list[Path]:
    if path.is_dir():
        files = sorted(path.rglob("*.json"))
        if not files:
            raise SourceError(f"{path}: the folder holds no JSON file", expected="ToolBench instruction files (*.json)")
        return files
    return [path]


def _entries(files: list[Path]) -> Iterator[_Entry]:
    for path in files:
        text = read_text(path, "toolbench")
        if not text.strip():
            raise SourceError(f"{path}: the file is empty", expected="a JSON list of entries with api_list")
        try:
            document = json.loads(text)
        except (json.JSONDecodeError, RecursionError) as error:
            raise SourceError(f"{path}: not JSON ({error})", expected="a JSON list of entries with api_list") from None
        yield from _document_entries(path, document)


def _document_entries(path: Path, document: JsonValue) -> Iterator[_Entry]:
    if isinstance(document, dict) and isinstance(document.get("api_list"), list) and "tool_name" in document:
        for index, api in enumerate(document["api_list"], 1):
            yield _Entry(place=f"{path}: api {index}", index=index, api=api, category=path.parent.name, tool=str(document["tool_name"]))
        return
    items = [document] if isinstance(document, dict) and "api_list" in document else document
    if not isinstance(items, list):
        raise SourceError(f"{path}: got a JSON {type(document).__name__}", expected="a JSON list of entries with api_list")
    for index, item in enumerate(items, 1):
        place = f"{path}: entry {index}"
        listed = item.get("api_list") if isinstance(item, dict) else None
        if not isinstance(listed, list):
            yield _Entry(place=place, index=index, api=None)
            continue
        for number, api in enumerate(listed, 1):
            yield _Entry(place=f"{place}, api {number}", index=index, api=api)


def _identity(entry: _Entry) -> tuple[tuple[str, str, str], dict[str, Any]]:
    if not isinstance(entry.api, dict):
        raise _BadEntry(
            "expected an object with api_list" if entry.api is None else f"got {type(entry.api).__name__}, expected an API object"
        )
    api = entry.api
    names = {
        "category_name": api.get("category_name", entry.category),
        "tool_name": api.get("tool_name", entry.tool),
        "api_name": api.get("api_name", api.get("name")),
    }
    for field, value in names.items():
        if not isinstance(value, str) or not value.strip():
            raise _BadEntry(f"{field} is missing" if value in (None, "") else f"{field} is {value!r}, expected a non-empty text")
    return (str(names["category_name"]).strip(), str(names["tool_name"]), str(names["api_name"])), api


def _spec(key: tuple[str, str, str], api: Mapping[str, Any], argument: str, names: set[str]) -> FunctionSpec:
    category, tool, name = key
    parameters = _parameters(api)
    returns = return_schema_of(api.get("template_response"))
    offered = function_name(tool, name, names, parameters["required"])
    names.add(offered)
    spec = FunctionSpec(
        name=offered,
        description=function_description(tool, name, api.get("api_description", api.get("description"))),
        parameters=compact(parameters),
        returns=compact(returns) if returns else "",
        category=category,
        source=f"toolbench:{argument}",
        environment=f"simulated:{category}",
    )
    return spec if returns else replace(spec, returns=compact(inferred_return_schema(spec)))


# --- words -------------------------------------------------------------------------------------------------


def _words(text: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    plain = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", plain.replace("'", "")))
    return re.findall(r"[a-z]+|\d+", plain.lower())


def function_name(tool: str, api: str, taken: set[str], required: Sequence[str] = ()) -> str:
    """A readable snake_case name of at most 64 characters from tool and API name, not in `taken`.

    A name that is taken gets its required parameters (`_by_brand`), then a number.
    """
    head = [word for word in _words(tool) if word not in _NOISE] or _words(tool)
    api = re.sub(r"\(.*?\)|\bv\d+\b", " ", api)
    tail = [word for word in _words(api) if word not in _NOISE] or _words(api) or ["call"]
    while head and tail[: len(head)] == head and len(tail) > len(head):
        tail = tail[len(head) :]
    tail = [word for index, word in enumerate(tail) if index == 0 or word != tail[index - 1]]
    while len("_".join(head + tail)) > 60 and (len(head) > 2 or len(tail) > 1):
        if len(head) > 2 and len(head) >= len(tail) // 2:
            head.pop()
        else:
            tail.pop()
    name = "_".join(head + tail)[:60].strip("_")
    by = "_by_" + "_".join(_words(" ".join(required[:2])))
    longer = [name + by] if required and len(name + by) <= 64 and not name.endswith(by) else []
    candidates = (name, *longer, *(f"{name}_{number}" for number in range(2, 1000)))
    return next(candidate for candidate in candidates if candidate not in taken)


def clean_text(text: JsonValue, limit: int = _DESCRIPTION_LIMIT) -> str:
    """Text without HTML, Markdown and stray white space, cut at the end of a sentence before `limit` characters."""
    if not isinstance(text, str):
        return ""
    plain = html.unescape(re.sub(r"<[^<>]{1,200}>", " ", text))
    plain = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", plain)
    plain = re.sub(r"https?://\S+", "", plain)
    plain = re.sub(r"(?m)^\s*(#+|[-*•>]|\|)\s*", "", plain)
    plain = re.sub(r"\*\*|__|`+|~~|\\[nrt]", " ", plain)
    plain = re.sub(r"\s+([.,;:)])", r"\1", " ".join(plain.split()))
    if len(plain) > limit:
        cut = max(plain.rfind(mark, 0, limit) for mark in (". ", "! ", "? "))
        plain = plain[: cut + 1] if cut > 40 else plain[: plain.rfind(" ", 0, limit)].rstrip(",;:- ") + "."
    return plain.strip()


def function_description(tool: str, api: str, description: JsonValue) -> str:
    """The cleaned description, or one made from the names where it says nothing."""
    cleaned = clean_text(description)
    words = re.findall(r"[^\W\d_]{2,}", cleaned)
    if len(words) >= 3 and not cleaned.startswith(("/", "{", "http", "Authentication:")):
        return cleaned[0].upper() + cleaned[1:] + ("" if cleaned[-1] in ".!?" else ".")
    source = " ".join(clean_text(tool).split()) or "this service"
    plain = " ".join(_words(re.sub(r"\bv\d+\b", " ", api))) or (" ".join(words) or "data").lower()
    extra = f" ({cleaned.rstrip('.')})" if words and cleaned.lower() not in api.lower() and len(words) == 2 else ""
    if plain.split()[0] in _VERBS:
        return f"{plain[0].upper()}{plain[1:]} with {source}{extra}."
    return f"Look up {plain}{extra} from {source}."


# --- parameters --------------------------------------------------------------------------------------------


def _parameters(api: Mapping[str, Any]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    required: list[str] = []
    for field, needed in (("required_parameters", True), ("optional_parameters", False)):
        listed = api.get(field) or []
        if not isinstance(listed, list):
            raise _BadEntry(f"{field} is {type(listed).__name__}, expected a list")
        for number, parameter in enumerate(listed, 1):
            if not isinstance(parameter, dict) or not str(parameter.get("name") or "").strip():
                raise _BadEntry(f"{field}[{number - 1}] has no name")
            name = parameter_name(str(parameter["name"]))
            if name in properties:
                continue
            properties[name] = parameter_schema(parameter, needed=needed)
            required += [name] if needed else []
    return {"type": "object", "properties": properties, "required": required}


def parameter_name(name: str) -> str:
    """A legal identifier, as close to the API's own name as possible."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    legal = re.sub(r"\W+", "_", plain).strip("_") or "value"
    return (f"p_{legal}" if legal[0].isdigit() else legal)[:64]


def parameter_schema(parameter: Mapping[str, Any], *, needed: bool) -> dict[str, Any]:
    """The JSON Schema of a RapidAPI parameter; its `default` is an example value.

    Raises:
        _BadEntry: an unknown type.
    """
    declared = str(parameter.get("type") or "STRING").strip()
    kind = _TYPES.get(re.split(r"[\s(]", declared.upper())[0])
    if kind is None:
        raise _BadEntry(f"parameter {parameter['name']!r}: type is {declared!r}, expected one of {', '.join(_TYPES)}")
    schema: dict[str, Any] = {"type": kind, "description": clean_text(parameter.get("description"), 200)}
    example = parameter.get("default")
    if kind == "number" and _is_whole(str(parameter["name"]), example):
        schema["type"] = kind = "integer"
    if not schema["description"]:
        schema["description"] = _described(str(parameter["name"]), declared)
    if declared.upper().startswith("DATE") and "(" in declared:
        schema["format"] = "date"
    if declared.upper().startswith("TIME"):
        schema["pattern"] = "^([01][0-9]|2[0-3]):[0-5][0-9]$"
    if kind == "array":
        schema["items"] = {"type": "string"}
    value = _example(example, kind, schema)
    if declared.upper() == "ENUM" and isinstance(example, list):
        choices = [item for item in example if isinstance(item, str) and sayable(item)]
        return {**schema, "enum": choices} if len(choices) > 1 else schema
    if value is not None:
        schema["examples" if needed else "default"] = [value] if needed else value
    return schema


def _is_whole(name: str, example: JsonValue) -> bool:
    words = _words(name)
    coordinate = bool(words) and words[-1] in {"lat", "lon", "lng", "long", "latitude", "longitude", "price", "amount", "rate", "weight"}
    if isinstance(example, float) and not example.is_integer():
        return False
    numeric = isinstance(example, int) or (isinstance(example, str) and example.strip().lstrip("-").isdigit())
    return not coordinate and (numeric or (bool(words) and (words[-1] in _WHOLE or words[-1] in {"id", "ids"})))


def _described(name: str, declared: str) -> str:
    words = " ".join(_words(name))
    return f"{words[0].upper()}{words[1:]}{' (YYYY-MM-DD)' if 'YYYY' in declared else ''}." if words else ""


def _example(value: JsonValue, kind: str, schema: Mapping[str, Any]) -> JsonValue | None:
    """The default as a clean value of the type, or None."""
    if kind == "array":
        items = [item.strip().strip("\"'") for item in str(value or "").strip("[]").split(",")] if isinstance(value, str) else value
        return [item for item in items if isinstance(item, str) and sayable(item)] or None if isinstance(items, list) else None
    if kind == "object" or value in (None, "", [], {}):
        return None
    given = value.strip().strip("\"'").strip() if isinstance(value, str) else value
    if isinstance(given, str) and (given.rstrip(".") == str(schema.get("description", "")).rstrip(".") or len(given.split()) > 8):
        return None  # the description once more, not an example
    if isinstance(given, str) and re.fullmatch(r"\w{2,5}(?:, ?\w{2,5})+", given) and re.search(r"(?i)format|one of", str(schema)):
        given = given.split(",")[0].strip()  # the formats that there are; one is used
    known = coerced(given, kind)
    if kind == "string":
        if known is None or not sayable(known):
            return None
        if schema.get("format") == "date" and not re.fullmatch(r"\d{4}-\d{2}-\d{2}", str(known)):
            return None
        return known if "pattern" not in schema or re.fullmatch(schema["pattern"], str(known)) else None
    return known
