"""A plausible return schema for a function that came without one, from the words of its name and description.

Three steps, the first that fits wins: a table of answers that many services give (`SHAPES`), what a function that
changes something reports, and a record or a list of what the name speaks of, with the usual attributes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, Final

from magnet_ray.environments.answer_shapes import ATTRIBUTES, SHAPES
from magnet_ray.field_kinds import Kind, kind_of, singular, tokens_of
from magnet_ray.field_kinds.meanings import is_identifier
from magnet_ray.types import FunctionSpec

_LISTING: Final = frozenset({"list", "search", "all", "top", "popular", "trending", "find", "browse", "latest", "recent",
    "autocomplete", "suggest", "feed", "discover", "related", "similar", "many"} )  # fmt: skip
_CHECKING: Final = frozenset({"verify", "validate", "check", "is", "validator", "valid", "verification", "validation", "exists", "exist"})
_WRITING: Final = frozenset({"create", "add", "update", "delete", "remove", "send", "set", "book", "cancel", "register", "subscribe",
    "unsubscribe", "post", "insert", "upload", "submit", "edit", "reset", "schedule", "login", "logout", "log", "insert", "assign",
    "enable", "disable", "save", "publish", "pay", "order", "buy", "like", "follow", "unfollow", "block", "patch", "approve"} )  # fmt: skip
_MAKING: Final = frozenset({"create", "add", "book", "register", "send", "post", "insert", "upload", "submit", "schedule", "order", "save"})
_SMALL: Final = frozenset({"get", "by", "id", "data", "info", "information", "api", "v1", "v2", "v3", "the", "of", "for", "from", "with", "in",
    "details", "detail", "endpoint", "list", "search", "all", "and", "to", "a", "an", "my", "me", "us", "name", "names", "new", "free",
    "get", "fetch", "find", "json", "results", "result", "specific", "single", "one", "many", "full", "user", "test", "call",
    "request", "service", "random"} )  # fmt: skip
_NO_NOUNS: Final = frozenset(
    {"details", "infos", "stats", "statistics", "news", "movies_tv", "settings", "status", "us", "series", "results", "sports", "plus"}
)
_CUT: Final = frozenset({"by", "for", "with", "from", "in", "of", "using", "on"})
_NUMBERS: Final = frozenset({"number", "integer", "boolean"})


def entity_kind(context: Iterable[str]) -> Kind | None:
    """The first kind of named thing that the words speak of."""
    for word in context:
        kind = kind_of(word)
        if kind and kind.named and kind.name not in {"topic", "dataset", "month", "subject"}:
            return kind
    return None


@lru_cache(maxsize=16_384)
def inferred_return_schema(spec: FunctionSpec) -> dict[str, Any]:
    """A small plausible return schema for a function that has none (shared: do not change)."""
    tokens = tokens_of(spec.callable_name.rsplit("__", 1)[-1])
    if {*tokens} & _CHECKING and not tokens[-1].endswith("s"):
        return _object_schema("valid:boolean", *_shown(spec)[:1])
    if tokens[-1:] == ("count",):
        return _object_schema("count:integer")
    return _from_table(spec, tokens) or _written(spec, tokens) or _about(spec, tokens)


def _first_sentence(description: str) -> str:
    return re.split(r"(?<=[a-z0-9)])[.!?](?:\s|$)", description.lower(), maxsplit=1)[0][:160]


def _from_table(spec: FunctionSpec, tokens: tuple[str, ...]) -> dict[str, Any] | None:
    name, stated = " ".join(tokens), _first_sentence(spec.description)
    writes = bool(_verbs(spec, tokens) & _WRITING)
    for text in (name, stated):
        for shape in SHAPES:
            if (not writes or shape.writes) and shape.pattern.search(text):
                return _built(shape.fields, _shown(spec) if shape.echoes else [])
    return None


def _verbs(spec: FunctionSpec, tokens: tuple[str, ...]) -> set[str]:
    """Verbs that may say what is done: the description's first word in its base form, else the name's own."""
    first = re.match(r"[A-Za-z]+", spec.description)
    word = first.group(0).lower() if first else ""
    stated = {word, word.removesuffix("s"), word.removesuffix("es")} & _WRITING
    return stated or ({*tokens[-4:]} & {"create", "add", "update", "delete", "remove", "send", "upload", "submit", "cancel"})


def _written(spec: FunctionSpec, tokens: tuple[str, ...]) -> dict[str, Any] | None:
    """What a function that changes something reports: that it worked, and the id of what is new."""
    verbs = _verbs(spec, tokens)
    if not verbs:
        return None
    noun = next((singular(token) for token in reversed(_before_cut(tokens)) if token not in _SMALL | _WRITING and token.isalpha()), "")
    made = [f"{noun}_id"] if noun and verbs & _MAKING and f"{noun}_id" not in spec.properties else []
    return _object_schema("success:boolean", *made, "message")


def _before_cut(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The words of a name before `by`, `for` and the like: what it speaks of, not how it is found."""
    place = next((index for index, token in enumerate(tokens) if index and token in _CUT), len(tokens))
    return tokens[:place]


def _about(spec: FunctionSpec, tokens: tuple[str, ...]) -> dict[str, Any]:
    """A record or a list of what the name, or else the description, speaks of."""
    words = tuple(singular(token) for token in reversed(_before_cut(tokens)) if token not in _SMALL and token.isalpha())
    kind = entity_kind(words[:2])
    plural = _plural(spec, tokens)
    single = bool({"by", "with"} & {*tokens}) and tokens[-1] in {"id", "name", "uid", "slug", "code"} and not plural
    noun = (singular(plural) if plural else words[0] if words else "") or singular(spec.category.lower().split("_")[0])
    if plural:
        kind = kind_of(singular(plural)) or None
        kind = kind if kind and kind.named else None
    title = "title" if kind and kind.name in ("work", "song", "news") else "name"
    fields = ("id", title, *(ATTRIBUTES.get(kind.name, "created_at") if kind else "created_at").split())
    if (plural or {*tokens} & _LISTING) and not single:
        return _list_schema(plural or "results", _object_schema(*fields))
    if kind or len(noun) < 4:
        return _object_schema(*fields)
    return _object_schema(*_shown(spec)[:1], *(f for f in ("id", "name", "description", "updated_at") if f not in spec.properties))


def _plural(spec: FunctionSpec, tokens: tuple[str, ...]) -> str:
    """The plural noun that the function lists, by its name or by its description's object."""
    for token in reversed(_before_cut(tokens)):
        if token.isalpha() and token.endswith("s") and singular(token) != token and len(token) > 3 and token not in _NO_NOUNS:
            return token
    found = re.search(r"\b(?:list|lists|all|array|collection) of (?:all |the |available |supported )*((?:[a-z]+ ){0,2}?)([a-z]{4,}s)\b",
        _first_sentence(spec.description))  # fmt: skip
    return found.group(2) if found and singular(found.group(2)) != found.group(2) and found.group(2) not in _NO_NOUNS else ""


def _shown(spec: FunctionSpec) -> list[str]:
    """Required arguments that an answer repeats."""
    return [
        f"{name}:{inner['type']}"
        for name, inner in spec.properties.items()
        if name in spec.required
        and inner.get("type") in ("string", "integer", "number")
        and not is_identifier(name)
        and not re.search(r"(?i)pass|key|token|secret|format|lang", name)
    ][:1]


def _built(shape: str, shown: list[str]) -> dict[str, Any]:
    """The schema that a shape of `SHAPES` writes down."""
    head, listed, rest = shape.partition("[]")
    if not listed:
        return _object_schema(*shown, *shape.split())
    if rest.startswith("*"):
        # The item's own words say its kind, so the list is named by it where the two differ.
        return _list_schema(head, {"type": "string", "description": f"A {rest[1:].replace('_', ' ')}."})
    return _list_schema(head, _object_schema(*rest.strip(": ").split()))


def _list_schema(name: str, item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": {"total": {"type": "integer"}, name: {"type": "array", "items": item}},
        "required": ["total", name],
    }


def _object_schema(*fields: str) -> dict[str, Any]:
    """Fields such as `price:number`, `status=open|closed` or `city`; without a type, the name's kind decides."""
    properties: dict[str, Any] = {}
    for field in fields:
        name, chosen, choices = field.partition("=")
        name, _, declared = name.partition(":")
        if chosen:
            properties[name] = {"type": "string", "enum": [choice.replace("_", " ") for choice in choices.split("|")]}
            continue
        kind = kind_of(name)
        usual = "number" if kind and kind.numeric else "boolean" if name.startswith("in_") else "string"
        properties[name] = {"type": declared or usual}
    return {"type": "object", "properties": properties, "required": list(properties)}
