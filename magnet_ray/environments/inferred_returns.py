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
_CHECKING: Final = frozenset({"verify", "validate", "check", "validator", "valid", "verification", "validation", "exists", "exist"})
_WRITING: Final = frozenset({"create", "add", "update", "delete", "remove", "send", "set", "book", "cancel", "register", "subscribe",
    "unsubscribe", "post", "insert", "upload", "submit", "edit", "reset", "schedule", "login", "logout", "log", "assign",
    "enable", "disable", "save", "publish", "pay", "order", "buy", "like", "follow", "unfollow", "block", "patch", "approve"} )  # fmt: skip
_MAKING: Final = frozenset({"create", "add", "book", "register", "send", "post", "insert", "upload", "submit", "schedule", "order", "save"})
_BOOKED: Final = {"book": "booking", "order": "order", "subscribe": "subscription", "register": "registration", "pay": "payment"}
_SMALL: Final = frozenset({"get", "by", "id", "data", "info", "information", "api", "v1", "v2", "v3", "the", "of", "for", "from", "with",
    "in", "details", "detail", "endpoint", "list", "search", "all", "and", "to", "a", "an", "my", "me", "us", "name", "names", "new",
    "free",
    "fetch", "find", "json", "results", "result", "specific", "single", "one", "many", "full", "user", "test", "call",
    "request", "service", "random"} )  # fmt: skip
_NO_NOUNS: Final = frozenset(
    {"details", "infos", "stats", "statistics", "news", "movies_tv", "settings", "status", "us", "series", "results", "sports", "plus"}
)
_PLAIN_VERBS: Final = frozenset({"get", "list", "fetch", "find", "search", "retrieve", "show", "lookup", "check"})
_CUT: Final = frozenset({"by", "for", "with", "from", "in", "of", "using", "on"})


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
    own = own_words(tokens)
    checks = {*own, *tokens[-2:]} & _CHECKING or re.match(r"(?i)(?:check|verif|validat)", spec.description)
    if checks and (singular(own[-1]) == own[-1] or own[-1] in _CHECKING):
        return _object_schema("valid:boolean", *_shown(spec)[:1])
    if tokens[-1:] == ("count",):
        return _object_schema("count:integer")
    return _computed(spec, own) or _from_table(spec, tokens) or _written(spec, tokens) or _about(spec, tokens)


def _computed(spec: FunctionSpec, own: tuple[str, ...]) -> dict[str, Any] | None:
    """The one number that a calculation gives, named by what is calculated."""
    if not re.match(r"(?i)(?:calculat|comput|estimat)", spec.description) or re.search(
        r"bmi|distance|loan|mortgage|currenc", spec.description
    ):
        return None
    nouns = [token for token in own if token.isalpha() and token not in _SMALL | {"calculate", "calculator", "compute", "estimate"}]
    return _object_schema(f"{'_'.join(nouns[-2:]) or 'result'}:number")


def _first_sentence(description: str) -> str:
    sentence = re.split(r"(?<=[a-z0-9)])[.!?](?:\s|$)", description.lower(), maxsplit=1)[0][:160]
    # What follows says for whom or by what, not what is answered.
    return re.split(r"(?<=\w{3}) (?:by|for|from|with|using|based|related|that|which|to|owned|about|in)\b", sentence, maxsplit=1)[0]


def _from_table(spec: FunctionSpec, tokens: tuple[str, ...]) -> dict[str, Any] | None:
    own, writes = own_words(tokens), bool(_verbs(spec, tokens) & _WRITING)
    single = _is_single(spec) or (tokens[-1] in {"id", "uid", "slug", "code"} and not any(singular(token) != token for token in own))
    texts = (" ".join(own), _first_sentence(spec.description), *([] if _plural(spec, tokens) or len(own) > 1 else [" ".join(tokens)]))
    for text in texts:
        for shape in SHAPES:
            if (not writes or shape.writes) and shape.pattern.search(text):
                return _built(shape.fields, _shown(spec) if shape.echoes else [], single=single)
    return None


def _is_single(spec: FunctionSpec) -> bool:
    """Whether the description speaks of one thing: `Returns a variable and its details`."""
    one = re.match(
        r"(?:gets?|returns?|retrieves?|fetch(?:es)?|shows?) (?:a|an|one|a single|a specific) (?!list|array|set|random)",
        spec.description.lower(),
    )
    return one is not None and bool(spec.required) and " list " not in spec.description.lower()[:60]


def own_words(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """The words of the function itself in a name that begins with its tool's: after the last plain verb, or the last three."""
    start = max((place + 1 for place, token in enumerate(tokens) if token in _PLAIN_VERBS), default=max(len(tokens) - 3, 0))
    return _before_cut(tokens[start:]) or tokens[-3:]


def _verbs(spec: FunctionSpec, tokens: tuple[str, ...]) -> set[str]:
    """Verbs that may say what is done: the description's first word in its base form, else the name's own."""
    first = re.match(r"[A-Za-z]+", spec.description)
    word = first.group(0).lower() if first else ""
    if {*tokens[-3:]} & {"login", "logout"}:
        return {"login"}
    stated = {word, word.removesuffix("s"), word.removesuffix("es")} & _WRITING
    return stated or ({*tokens[-4:]} & {"create", "add", "update", "delete", "remove", "send", "upload", "submit", "cancel"})


def _written(spec: FunctionSpec, tokens: tuple[str, ...]) -> dict[str, Any] | None:
    """What a function that changes something reports: that it worked, and the id of what is new."""
    verbs = _verbs(spec, tokens)
    if not verbs:
        return None
    noun = next((singular(token) for token in reversed(_before_cut(tokens)) if token not in _SMALL | _WRITING and token.isalpha()), "")
    noun = next((booked for verb, booked in _BOOKED.items() if verb in verbs), noun)
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
    plural = "" if _is_single(spec) else _plural(spec, tokens)
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
    return _object_schema(*_shown(spec)[:1], *(f for f in ("id", "name", "owner", "created_at") if f not in spec.properties))


def _plural(spec: FunctionSpec, tokens: tuple[str, ...]) -> str:
    """The plural noun that the function lists, by its name or by its description's object."""
    for token in reversed(_before_cut(tokens)[-2:] or tokens):
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


def _built(shape: str, shown: list[str], *, single: bool) -> dict[str, Any]:
    """The schema that a shape of `SHAPES` writes down; `single` takes one item of a list."""
    head, listed, rest = shape.partition("[]")
    if not listed:
        return _object_schema(*shown, *shape.split())
    if single and not rest.startswith("*"):
        return _object_schema(*rest.strip(": ").split())
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
