"""A plausible return schema for a function that came without one, from the words of its name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from magnet_ray.field_kinds import Kind, kind_of, singular, tokens_of
from magnet_ray.field_kinds.meanings import is_identifier
from magnet_ray.types import FunctionSpec

_LISTING: Final = frozenset({"list", "search", "all", "top", "popular", "trending", "find", "browse", "latest", "recent",
    "autocomplete", "suggest", "feed", "discover", "related", "similar"} )  # fmt: skip


_CHECKING: Final = frozenset({"verify", "validate", "check", "is", "validator", "valid", "verification", "validation"})


_ATTRIBUTES: Final[Mapping[str, str]] = {
    "product": "price rating in_stock", "team": "city league founded", "league": "country season", "work": "author year rating",
        "song": "artist duration_seconds", "artist": "genre country followers",
    "hotel": "city rating price", "restaurant": "city cuisine rating", "company": "industry country employees_count",
        "person": "email city", "event": "date venue", "venue": "city capacity",
    "vehicle": "make year price", "news": "published_at url", "coin": "symbol price change", "food": "calories servings",
        "game": "genre rating", "animal": "habitat_region weight",
    "city": "country population timezone", "country": "country_code currency population", "project": "status created_at",
        "hospital": "city phone", "school": "city students_count",
    "job": "company city salary", "software": "version rating", "airline": "country iata_code", "organisation": "country website",
        "make": "country", "medicine": "dosage price", "sport": "players_count",
}  # fmt: skip


_ANSWERS: Final[Mapping[str, str]] = {
    "weather": "temperature humidity conditions", "forecast": "temperature humidity conditions", "convert": "converted_amount rate",
        "converter": "converted_amount rate", "conversion": "converted_amount rate",
    "bmi": "bmi", "calculate": "result_value", "calculator": "result_value", "translate": "translated_text", "exchange": "rate",
        "price": "price", "prices": "price", "quote": "price change",
    "tracking": "tracking_status days", "distance": "distance", "hash": "result_text",
}  # fmt: skip


_NO_NOUNS: Final = frozenset({"details", "infos", "stats", "statistics", "news", "movies_tv", "settings", "status", "us"})


def entity_kind(context: Iterable[str]) -> Kind | None:
    for word in context:
        kind = kind_of(word)
        if kind and kind.named and kind.name not in {"topic", "dataset", "month", "subject"}:
            return kind
    return None


def inferred_return_schema(spec: FunctionSpec) -> dict[str, Any]:
    """A small plausible return schema for a function that has none, from the words of its name."""
    tokens = tokens_of(spec.name)
    words = tuple(singular(token) for token in reversed(tokens) if token not in _LISTING | {"get", "by", "id", "data", "info"})
    if {*tokens} & _CHECKING:
        return _object_schema(
            ("valid", "boolean"),
            *(
                (name, str(inner.get("type", "string")))
                for name, inner in list(spec.properties.items())[:1]
                if isinstance(inner.get("type"), str)
            ),
        )
    if tokens[-1:] == ("count",):
        return _object_schema(("count", "integer"))
    asked = next((fields for word, fields in _ANSWERS.items() if word in tokens), "")
    if asked:
        shown = [
            (name, str(inner["type"]))
            for name, inner in spec.properties.items()
            if name in spec.required and inner.get("type") in ("string", "integer", "number")
        ]
        return _object_schema(
            *shown[:2],
            *((name, "string" if name.endswith(("text", "conditions", "currency", "status")) else "number") for name in asked.split()),
        )
    kind = entity_kind(words[:4])
    fields = _ATTRIBUTES.get(kind.name, "status").split() if kind else []
    typed = [
        (name, "number" if (known := kind_of(name)) and known.numeric else "boolean" if name.startswith("in_") else "string")
        for name in fields
    ]
    nouns = [
        token
        for token in tokens
        if token.isalpha() and token.endswith("s") and singular(token) != token and len(token) > 3 and token not in _NO_NOUNS
    ]
    single = "by" in tokens and tokens[-1] in {"id", "name", "uid", "slug", "code"}
    if kind and not single and (nouns or {*tokens} & _LISTING):
        item = _object_schema(("id", "string"), ("title" if kind.name in ("work", "song", "news") else "name", "string"), *typed)
        plural = nouns[-1] if nouns else "results"
        return {
            "type": "object",
            "properties": {"total": {"type": "integer"}, plural: {"type": "array", "items": item}},
            "required": ["total", plural],
        }
    if kind:
        return _object_schema(("id", "string"), ("title" if kind.name in ("work", "song", "news") else "name", "string"), *typed)
    shown = [
        (name, str(inner["type"]))
        for name, inner in spec.properties.items()
        if name in spec.required and inner.get("type") in ("string", "integer", "number") and not is_identifier(name)
    ]
    schema = _object_schema(*shown[:2], ("reference_id", "string"), ("status", "string"), ("updated_at", "string"))
    if "status" not in dict(shown[:2]):
        schema["properties"]["status"] = {"type": "string", "enum": ["success", "completed", "active"]}
    return schema


def _object_schema(*fields: tuple[str, str]) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in fields}
    return {"type": "object", "properties": properties, "required": list(properties)}
