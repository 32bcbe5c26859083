"""Return schemas compiled once for the simulated environment: what each output field means and echoes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Final

import jsonschema_rs

from magnet_ray.environments.inferred_returns import entity_kind, inferred_return_schema, own_words
from magnet_ray.field_kinds import KINDS, Kind, kind_of, plain_tokens, singular, tokens_of
from magnet_ray.field_kinds.meanings import coerced, examples_said, is_identifier, meaning_of, sayable
from magnet_ray.field_kinds.units import unit_of
from magnet_ray.types import FunctionSpec, JsonValue, canonical, parsed
from magnet_ray.values import resolve_schema, schema_type

WRAPPERS: Final = frozenset(
    {"data", "result", "response", "payload", "content", "body", "output", "item", "record", "info", "details", "results"}
)
_BARE: Final = frozenset({"name", "title", "names"})
_SHARED: Final = frozenset({"id", "name", "title", "url", "type", "date", "status", "value", "image", "text", "description", "code",
    "key", "slug", "link", "count", "total", "size"} )  # fmt: skip
_PRESENTATION: Final = frozenset({"page", "limit", "offset", "count", "size", "per", "sort", "order", "format", "lang", "language",
    "locale", "cursor", "fields", "callback", "output", "units", "skip", "token"} )  # fmt: skip
_KEYS: Final = frozenset({"symbol", "ticker", "code", "slug", "username", "domain", "isbn", "iata", "key", "handle", "name", "title",
    "email", "url", "ip", "phone", "city", "country", "company", "coin"} )  # fmt: skip
_LIMITS: Final = frozenset({"limit", "count", "per_page", "perpage", "page_size", "pagesize", "max_results", "maxresults", "size",
    "num", "number_of_results", "num_results", "top"} )  # fmt: skip
_NEGATIVE: Final = ("fail", "error", "denied", "invalid", "unsuccess", "reject", "cancel", "unavailable", "unable", "not ", "declin",
    "expired")  # fmt: skip
_POSITIVE: Final = frozenset({"success", "successful", "ok", "valid", "found", "exists", "available", "approved", "confirmed",
    "authenticated", "sent", "updated", "created", "deleted", "registered", "status", "completed", "added", "booked", "cancelled",
    "scheduled", "saved"} )  # fmt: skip
_PLACE_WORDS: Final = frozenset(
    {
        "address",
        "street",
        "postal",
        "zip",
        "zipcode",
        "postcode",
        "code",
        "country",
        "city",
        "state",
        "region",
        "county",
        "province",
        "location",
        "locality",
        "geo",
        "name",
        "short",
        "long",
        "full",
        "iso",
        "id",
        "lat",
        "lon",
        "lng",
        "latitude",
        "longitude",
        "timezone",
        "time",
        "zone",
        "airport",
        "iata",
        "coordinates",
        "place",
        "town",
        "area",
        "district",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Node:
    """One field of an output."""

    name: str
    """Its name; a list's item has the list's name in the singular."""
    key: str
    """Its name as one normalised word: what hashes are keyed by."""
    tokens: tuple[str, ...]
    """Its name's words."""
    type: str
    """JSON type."""
    schema: Mapping[str, Any]
    """Its schema."""
    description: str
    """Its description."""
    meaning: Kind | None = None
    """What its name and description say."""
    kind: Kind | None = None
    """For objects and lists: what the entity inside is."""
    identifier: bool = False
    """Whether it holds an id."""
    identifies: bool = False
    """Whether it is what its own object is known by."""
    bare: bool = False
    """Whether it is a plain `id`, `name` or `title`, which the entity's kind explains."""
    stem: str = ""
    """For ids: the word before (`hotel` of `hotel_id`)."""
    stem_kind: Kind | None = None
    """What the stem is."""
    noun: str = ""
    """For a bare name: what the thing is called, when its kind is unknown."""
    part: str = ""
    """Which of several places or persons it belongs to (`origin` of `origin_city`)."""
    echo: str = "\0"
    """Parameter whose value it repeats."""
    limit: str = ""
    """For lists: parameter that limits the length."""
    values: tuple[JsonValue, ...] = ()
    """Enumerated values."""
    samples: tuple[JsonValue, ...] = ()
    """Values that its description names."""
    shape: str = ""
    """The schema's `format`."""
    positive: bool = False
    """For booleans: true means that it worked."""
    transparent: bool = False
    """For objects: shows its parent's entity."""
    constrained: bool = False
    """Whether values must be checked against the schema."""
    children: tuple[Node, ...] = ()
    """For objects: the fields."""
    item: Node | None = None
    """For lists: the item."""
    identity: Node | None = None
    """For objects: the field that it is known by."""
    depth: int = 0
    """How deep it stands."""
    root: Mapping[str, Any] = field(default_factory=dict)
    """The whole return schema, for references."""

    def accepts(self, value: JsonValue) -> bool:
        """Whether a value conforms to this field's schema."""
        return bool(_validator(canonical(_with_definitions(self.schema, self.root))).is_valid(value))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """One function, ready to be answered."""

    validator: Any
    """Compiled validator of the arguments."""
    output: Node
    """The output."""
    subject: str
    """Parameter that says which entity the call is about; empty when none does."""
    by_id: bool
    """Whether that parameter is an id."""
    presentation: frozenset[str]
    """Parameters that only say how to show the answer."""
    kind: Kind | None
    """What the entity is."""
    topics: tuple[str, ...]
    """Parameters that prose can speak about, the most telling first."""
    topic: str
    """What prose speaks about when no argument can be said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a field stands while its schema is compiled."""

    root: Mapping[str, Any]
    parameters: Mapping[str, str]
    context: tuple[str, ...]
    listed: bool = False
    top: bool = True
    depth: int = 0


@lru_cache(maxsize=16_384)
def _validator(text: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(parsed(text))


def _with_definitions(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    found = {key: root[key] for key in ("$defs", "definitions") if key in root and key not in schema}
    return {**found, **schema} if found else schema


@lru_cache(maxsize=8192)
def plan_of(spec: FunctionSpec) -> Plan:
    """The compiled plan of a function."""
    schema = spec.return_schema or inferred_return_schema(spec)
    parameters = {"".join(tokens_of(name)): name for name in spec.properties}
    words = tuple(
        singular(token)
        for token in reversed(tokens_of(spec.name))
        if token not in {"get", "by", "id", "list", "search", "data", "all", "the", "for", "of", "name", "title"}
    )
    subject = _subject(spec)
    by_id = bool(subject) and is_identifier(subject)
    stem = tuple(token for token in tokens_of(subject) if token not in {"id", "name", "code", "title"})
    owned = (*reversed(stem), *words) if by_id or not stem else _spoken_first(spec, stem, words)
    place = _Place(root=schema, parameters=parameters, context=(*owned, singular(spec.category.lower())))
    presentation = frozenset(name for name in spec.properties if set(tokens_of(name)) & _PRESENTATION)
    texts = [
        name
        for name, inner in spec.properties.items()
        if inner.get("type", "string") in ("string", "array") and not is_identifier(name) and name not in presentation
    ]
    return Plan(
        validator=_validator(spec.parameters),
        output=_node("", schema, place),
        subject=subject,
        by_id=by_id,
        presentation=presentation,
        kind=entity_kind((*(stem if by_id else ()), *(singular(token) for token in reversed(own_words(tokens_of(spec.name)))))),
        topics=tuple(sorted(texts, key=lambda name: (_topic_rank(name, spec), texts.index(name)))),
        topic=" ".join(reversed([word for word in words if len(word) > 2 and word not in _NO_TOPIC][:2])) or spec.category.lower(),
    )


_NO_TOPIC: Final = frozenset({"and", "with", "from", "info", "information", "detail", "details", "edit", "update", "endpoint", "api"})


def _spoken_first(spec: FunctionSpec, stem: tuple[str, ...], words: tuple[str, ...]) -> tuple[str, ...]:
    """Context words with what the function lists before what it is found by: cocktails, then their ingredient."""
    tokens = tokens_of(spec.name)
    cut = next((place for place, token in enumerate(tokens) if place and token in {"by", "for", "with", "in", "from"}), len(tokens))
    spoken = tuple(word for word in (singular(token) for token in reversed(tokens[:cut])) if word in words)
    return (*(word for word in spoken if word not in stem), *(word for word in words if word not in stem))


def _topic_rank(name: str, spec: FunctionSpec) -> int:
    kind = meaning_of(name, str(spec.properties[name].get("description", "")))
    if kind is None:
        return 1 if name in spec.required else 3
    weak = (
        kind.group
        or kind.numeric
        or kind.name
        in {
            "date",
            "time",
            "period",
            "unit",
            "format",
            "url",
            "file",
            "sentence",
            "password",
            "token",
            "gender",
            "age_group",
            "dataset",
            "status",
        }
    )
    return 4 if weak else 0 if name in spec.required else 2


def _subject(spec: FunctionSpec) -> str:
    """The parameter that names one entity: the only required id, else the only required key such as `symbol`."""
    required = [name for name in spec.properties if name in spec.required]
    ids = [name for name in required if is_identifier(name)]
    if ids:
        return ids[0]
    keys = [name for name in required if tokens_of(name) and tokens_of(name)[-1] in _KEYS]
    return keys[0] if len(keys) == 1 else ""


def _node(name: str, raw: Mapping[str, Any] | bool, place: _Place) -> Node:
    schema = resolve_schema(raw, place.root)
    kind = schema_type(schema)
    tokens = tokens_of(name)
    common: dict[str, Any] = {
        "name": name, "key": "".join(tokens) or name, "tokens": tokens, "type": kind, "schema": schema, "root": place.root,
            "description": str(schema.get("description", "")),
        "constrained": _is_constrained(schema), "depth": place.depth,
    }  # fmt: skip
    if "const" in schema or "enum" in schema:
        values = [schema["const"]] if "const" in schema else schema["enum"]
        good = [value for value in values if value not in ("", None) and not _sounds_bad(value)]
        return Node(**{**common, "type": "enum"}, values=tuple(good or values), echo=_echo_of(name, tokens, place))
    if place.depth > 7:
        return Node(**{**common, "type": "null" if kind in ("object", "array") else kind})
    if kind == "object":
        return _object_node(common, place)
    if kind == "array":
        return _array_node(common, place)
    return _leaf_node(common, place)


def _inner(place: _Place, name: str, *, listed: bool, top: bool) -> _Place:
    words = tuple(singular(token) for token in reversed(tokens_of(name)) if token not in WRAPPERS)
    return _Place(
        root=place.root, parameters=place.parameters, context=(*words, *place.context), listed=listed, top=top, depth=place.depth + 1
    )


def _object_node(common: dict[str, Any], place: _Place) -> Node:
    name, schema = common["name"], common["schema"]
    wrapper = place.top and not place.listed and (not name or common["key"] in WRAPPERS)
    inner = _inner(place, name, listed=place.listed, top=wrapper)
    children = [_node(child, value, inner) for child, value in schema.get("properties", {}).items()]
    known = [child.name for child in children]
    children += [_node(child, {}, inner) for child in schema.get("required", ()) if child not in known]
    identity = None if wrapper else _identity(children)
    if identity:
        known_by = replace(identity, identifies=True, echo="\0" if place.listed else identity.echo)  # items never all repeat the argument
        children = [known_by if child is identity else child for child in children]
        identity = known_by
    words = tuple(singular(token) for token in reversed(common["tokens"]) if token not in WRAPPERS)
    return Node(**common, transparent=wrapper, children=tuple(children), identity=identity, kind=entity_kind(words))


_DULL: Final = WRAPPERS | {"meta", "entry", "hit", "node", "edge", "object", "element", "row", "top", "api", "get", "detail",
    "profile", "category", "model", "user", "symbol", "ticker", "url", "code", "username"}  # fmt: skip


def _identity(children: list[Node]) -> Node | None:
    ids = [child for child in children if child.identifier]
    bare = [child for child in ids if child.bare or child.key == "uid"]
    if bare or ids:
        return (bare or ids)[0]
    named = [
        child
        for child in children
        if child.type == "string" and (child.bare or child.key in ("symbol", "slug", "code")) and not child.constrained
    ]
    return named[0] if named else None


def _array_node(common: dict[str, Any], place: _Place) -> Node:
    name, schema = common["name"], common["schema"]
    inner = _inner(place, name, listed=True, top=False)
    item = _node(singular(name), schema.get("items", {}), inner)
    words = tuple(singular(token) for token in reversed(common["tokens"]) if token not in WRAPPERS)
    limit = (
        next((parameter for key, parameter in place.parameters.items() if parameter.lower() in _LIMITS or key in _LIMITS), "")
        if place.depth <= 2
        else ""
    )
    return Node(
        **{**common, "constrained": bool(schema.keys() - {"type", "items", "description", "title", "minItems", "maxItems"})},
        item=item,
        kind=entity_kind(words),
        limit=limit,
    )


def _leaf_node(common: dict[str, Any], place: _Place) -> Node:
    name, tokens, schema, description = common["name"], common["tokens"], common["schema"], common["description"]
    meaning = meaning_of(name, description, place.context) if name else None
    identifier = common["type"] in ("string", "integer", "number") and is_identifier(name)
    stem = tokens[-2] if identifier and len(tokens) > 1 else ""
    said = [*(schema.get("examples") or ()), *examples_said(description)]
    samples = [value for value in (coerced(item, common["type"]) for item in said) if value is not None and not _sounds_bad(value)]
    if common["type"] == "string":
        samples = [value for value in samples if sayable(value)]
    if tokens == ("code",) and meaning is None and (place.top or common["type"] != "string"):
        meaning = KINDS["status_code"]
    if meaning and meaning.name == "unit" and not samples:
        samples = [unit_of(f"{description} {' '.join(place.context)}"), ""][:1]
        meaning = None
    part = "_".join(token for token in tokens if token not in _PLACE_WORDS) if meaning and meaning.group else ""
    if meaning and meaning.group == "person" and meaning.name == "person" and plain_tokens(tokens) not in (("name",), ("fullname",)):
        part = common["key"]
    if meaning and meaning.name in ("first_name", "last_name", "username", "email"):
        part = ""
    return Node(
        **common,
        meaning=meaning,
        identifier=identifier,
        bare=(len(tokens) == 1 and identifier) or plain_tokens(tokens) in (("name",), ("title",), ("names",)),
        stem=stem,
        stem_kind=kind_of(stem) if stem else None,
        part=part,
        noun=next((word for word in place.context[:2] if word.isalpha() and len(word) > 2 and word not in _DULL), ""),
        echo=_echo_of(name, tokens, place),
        samples=tuple(samples if len(samples) > 1 or (samples and meaning is None) else ()),
        shape=str(schema.get("format", "")),
        positive=bool(set(tokens) & _POSITIVE) and not {"error", "not"} & set(tokens),
    )


def _echo_of(name: str, tokens: tuple[str, ...], place: _Place) -> str:
    key = "".join(tokens)
    parameter = place.parameters.get(key)
    if parameter is None and tokens[-1:] == ("email",) and not place.listed:
        parameter = place.parameters.get("email")
    if parameter is None and place.top and key == "id":
        ids = [known for known in place.parameters.values() if is_identifier(known)]
        parameter = ids[0] if len(ids) == 1 else None
    if parameter is None and not place.listed:
        parameter = _named_parameter(tokens, place)
    if parameter is not None and place.listed and place.context[:1] == (key,):
        return "\0"  # a list of authors found by an author does not repeat the one
    if parameter is None or ((place.listed or not place.top) and key in _SHARED) or tokens[:1] in (("min",), ("max",)):
        return "\0"
    return parameter


_NAMING: Final = frozenset({"name", "title"})


def _named_parameter(tokens: tuple[str, ...], place: _Place) -> str | None:
    """The parameter that names the same thing in a slightly different way: `occupation` for the field `occupation_title`."""
    stem = "".join(token for token in tokens if token not in _NAMING)
    if stem:
        return next((known for key, known in place.parameters.items() if key != stem and _without_naming(known) == stem), None) or (
            place.parameters.get(stem) if tokens[-1] in _NAMING else None
        )
    if not place.top:
        return None
    # A record found by one name shows that name.
    named = [known for known in place.parameters.values() if tokens_of(known)[-1:] in (("name",), ("title",)) and len(tokens_of(known)) > 1]
    return named[0] if len(named) == 1 and len(place.parameters) == 1 else None


def _without_naming(parameter: str) -> str:
    tokens = tokens_of(parameter)
    return "".join(token for token in tokens if token not in _NAMING) if tokens[-1:] in (("name",), ("title",)) else ""


def _sounds_bad(value: JsonValue) -> bool:
    return isinstance(value, str) and any(word in value.lower() for word in _NEGATIVE)


def _is_constrained(schema: Mapping[str, Any]) -> bool:
    plain = {
        "type",
        "description",
        "title",
        "examples",
        "example",
        "default",
        "format",
        "properties",
        "required",
        "additionalProperties",
        "$defs",
        "definitions",
        "$schema",
    }
    return bool(schema.keys() - plain) and not {"enum", "const"} & schema.keys()
