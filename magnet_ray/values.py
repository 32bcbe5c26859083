"""Values for arguments that a user could say: from the environment, the schema, its documentation, or the name.

`plausible_value` always conforms to the schema it was given or raises `Rejected(NO_VALUE)`. Values are short,
sayable in a sentence, and never placeholders. All randomness comes from the `Random` passed in.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from random import Random
from typing import Any, Final

import jsonschema_rs

from magnet_ray.environments.base import Environment, Missing
from magnet_ray.errors import Rejected
from magnet_ray.field_kinds import KINDS, PLACE_FIELDS, Kind, clock_time, kind_of, singular, tokens_of
from magnet_ray.field_kinds.coined import free_text, identifier_text
from magnet_ray.field_kinds.meanings import coerced, examples_said, is_identifier, meaning_of, sayable
from magnet_ray.lexicon import PLACES
from magnet_ray.types import FailureReason, FunctionSpec, JsonValue, canonical, parsed

DEFAULT_TODAY: Final = date(2025, 6, 2)
_ATTEMPTS: Final = 16
_DATE_FORMATS: Final = (
    (re.compile(r"(?i)yyyy-mm-dd|iso ?8601"), "%Y-%m-%d"), (re.compile(r"(?i)yyyymmdd"), "%Y%m%d"), (re.compile(r"(?i)mm/dd/yyyy"),
        "%m/%d/%Y"),
    (re.compile(r"(?i)dd/mm/yyyy"), "%d/%m/%Y"), (re.compile(r"(?i)dd-mm-yyyy"), "%d-%m-%Y"), (re.compile(r"(?i)mm-dd-yyyy"), "%m-%d-%Y"),
    (re.compile(r"(?i)yyyy/mm/dd"), "%Y/%m/%d"), (re.compile(r"(?i)dd\.mm\.yyyy"), "%d.%m.%Y"),
)  # fmt: skip
_DATE_KINDS: Final = frozenset({"date", "future_date", "past_date", "birth_date"})
_BASE_KEYS: Final = frozenset({"type", "description", "title", "examples", "example", "default", "format", "$defs", "definitions"})
_PAIRS: Final = (
    ("start", "end"), ("from", "to"), ("min", "max"), ("minimum", "maximum"), ("source", "target"), ("origin", "destination"), ("in",
        "out"), ("departure", "return"),
    ("departure", "arrival"), ("since", "until"), ("low", "high"), ("begin", "end"), ("base", "quote"), ("first", "second"), ("after",
        "before"), ("player", "opponent"),
    ("team", "opponent"), ("home", "away"), ("base", "target"), ("1", "2"), ("initial", "final"), ("sender", "recipient"),
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class _Field:
    """One value to draw, with everything that is known about it."""

    name: str
    schema: Mapping[str, Any]
    description: str
    today: date
    context: tuple[str, ...] = ()
    root: Mapping[str, Any]
    depth: int = 0


def plausible_value(name: str, schema: Mapping[str, Any], description: str, rng: Random, today: str) -> JsonValue:
    """A value that conforms to `schema` and that a user would really say for a parameter.

    Args:
        name: the parameter's name.
        schema: its JSON Schema; `$ref` is resolved inside it.
        description: what the model reads about it; `(e.g., …)` lists in it are used.
        rng: source of all randomness.
        today: date of the scenario (ISO 8601), or empty.

    Raises:
        Rejected: NO_VALUE, when nothing that was tried conforms.
    """
    day = date.fromisoformat(today) if today else DEFAULT_TODAY
    return _draw(_Field(name=name, schema=schema, description=description, today=day, root=schema), rng)


def draw_argument(environment: Environment, spec: FunctionSpec, parameter: str, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue:
    """A value for one parameter: what the environment suggests, else a plausible one by the schema.

    Values agree with those `chosen` so far where names pair up: an end is after its start, two cities differ.

    Raises:
        Rejected: NO_VALUE, when nothing fits.
    """
    suggested = environment.suggest(spec.callable_name, parameter, chosen, rng)
    if not isinstance(suggested, Missing):
        return suggested
    schema = spec.properties.get(parameter, {})
    today = date.fromisoformat(environment.today) if environment.today else DEFAULT_TODAY
    context = (*reversed(tokens_of(spec.name)), *tokens_of(spec.category))
    description = str(schema.get("description", ""))
    field = _Field(name=parameter, schema=schema, description=description, today=today, context=context, root=spec.parameter_schema)
    value = _same_place(field, chosen, rng) or _draw(field, rng)
    for _ in range(_ATTEMPTS):
        if _agrees(parameter, value, chosen):
            return value
        value = _later(value, parameter, chosen, schema) or _draw(field, rng)
    return value


def _same_place(field: _Field, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue | None:
    """The country (region, latitude, …) of a city that was chosen before, so that they belong together."""
    kind = meaning_of(field.name, field.description, field.context)
    if (
        kind is None
        or kind.name not in PLACE_FIELDS
        or kind.name == "location"
        or schema_type(field.schema) not in ("string", "number")
        or "enum" in field.schema
    ):
        return None
    for other, value in chosen.items():
        known = kind_of(other)
        places = _PLACES_BY_NAME.get(value, ()) if isinstance(value, str) and known and known.group == "place" else ()
        if places and known and known.name != kind.name and _prefix(other) == _prefix(field.name):
            fitting = coerced(PLACE_FIELDS[kind.name](rng.choice(places)), schema_type(field.schema))
            return fitting if _conforms(fitting, field.schema, field.root) else None
    return None


_PLACES_BY_NAME: Final = {
    name: [place for place in PLACES if name in (place.country, place.region, place.code, place.city)]
    for known in PLACES
    for name in (known.country, known.region, known.code, known.city)
}


def _prefix(name: str) -> tuple[str, ...]:
    return tuple(
        token
        for token in tokens_of(name)
        if token in {"origin", "destination", "from", "to", "departure", "arrival", "source", "target", "home", "start", "end"}
    )


def _agrees(parameter: str, value: JsonValue, chosen: Mapping[str, JsonValue]) -> bool:
    for other, forward in _partners(parameter, chosen):
        rival = chosen[other]
        if isinstance(value, bool) or type(value) is not type(rival):
            continue
        if value == rival:
            return False
        ordered = isinstance(value, int | float) or (isinstance(value, str) and _is_day(value) and _is_day(str(rival)))
        if ordered and (value > rival) is not forward:
            return False
    return True


def _partners(parameter: str, chosen: Mapping[str, JsonValue]) -> list[tuple[str, bool]]:
    """(chosen parameter, True when `parameter` must come after it) for names that differ in one paired token."""
    mine, found = tokens_of(parameter), []
    for other in chosen:
        theirs = tokens_of(other)
        if len(mine) != len(theirs):
            continue
        differing = [(a, b) for a, b in zip(theirs, mine, strict=True) if a != b]
        if len(differing) == 1 and (differing[0] in _PAIRS or differing[0][::-1] in _PAIRS):
            found.append((other, differing[0] in _PAIRS))
    return found


def _later(value: JsonValue, parameter: str, chosen: Mapping[str, JsonValue], schema: Mapping[str, Any]) -> JsonValue | None:
    """For a date or number that must come after (or before) a chosen one: a little beyond it."""
    for other, forward in _partners(parameter, chosen):
        rival = chosen[other]
        if isinstance(value, str) and _is_day(value) and isinstance(rival, str) and _is_day(rival):
            gap = 2 + (date.fromisoformat(rival).toordinal() % 9)
            moved = (date.fromisoformat(rival) + timedelta(days=gap if forward else -gap)).isoformat()
            return moved if _conforms(moved, schema, {}) else None
        if isinstance(value, int | float) and not isinstance(value, bool) and isinstance(rival, int | float):
            beyond = rival + max(1, round(abs(rival) / 4)) * (1 if forward else -1)
            moved_number = int(beyond) if isinstance(value, int) else beyond
            return moved_number if _conforms(moved_number, schema, {}) else None
    return None


def _is_day(text: str) -> bool:
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


# --- drawing by schema -------------------------------------------------------------------------------------


def _draw(field: _Field, rng: Random) -> JsonValue:
    schema = resolve_schema(field.schema, field.root, rng)
    field = replace(field, schema=schema, description=field.description or str(schema.get("description", "")))
    if field.depth > 8:
        raise Rejected(FailureReason.NO_VALUE, f"{field.name}: the schema nests too deeply")
    if "const" in schema:
        return schema["const"]
    if "enum" in schema:
        return rng.choice([item for item in schema["enum"] if item not in ("", None)] or list(schema["enum"]))
    kind = schema_type(schema)
    if kind == "null":
        return None
    for _ in range(_ATTEMPTS):
        value = _object(field, rng) if kind == "object" else _array(field, rng) if kind == "array" else _leaf(field, kind, rng)
        if value is not None and _conforms(value, schema, field.root):
            return value
    raise Rejected(FailureReason.NO_VALUE, f"no plausible value for {field.name} fits its schema")


def resolve_schema(schema: Mapping[str, Any] | bool, root: Mapping[str, Any], rng: Random | None = None) -> Mapping[str, Any]:
    """The schema behind local references and alternatives: a non-null alternative is drawn, or the first taken."""
    for _ in range(8):
        if not isinstance(schema, Mapping):
            return {}
        if "$ref" in schema:
            target: Any = root
            for step in str(schema["$ref"]).removeprefix("#").strip("/").split("/"):
                target = target.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, Mapping) and step else target
            schema = {**(target if isinstance(target, Mapping) else {}), **{k: v for k, v in schema.items() if k != "$ref"}}
        elif "anyOf" in schema or "oneOf" in schema:
            key = "anyOf" if "anyOf" in schema else "oneOf"
            options = [option for option in schema[key] if not (isinstance(option, Mapping) and option.get("type") == "null")] or [
                {"type": "null"}
            ]
            chosen = rng.choice(options) if rng else options[0]
            schema = {**{k: v for k, v in schema.items() if k != key}, **(chosen if isinstance(chosen, Mapping) else {})}
        elif "allOf" in schema:
            merged: dict[str, Any] = {k: v for k, v in schema.items() if k != "allOf"}
            for part in schema["allOf"]:
                merged = {**merged, **resolve_schema(part, root, rng)}
            schema = merged
        else:
            return schema
    return schema if isinstance(schema, Mapping) else {}


def schema_type(schema: Mapping[str, Any]) -> str:
    """The one type to draw for a schema: the first that is not null, `string` when it says nothing."""
    declared = schema.get("type")
    if isinstance(declared, list):
        declared = next((name for name in declared if name != "null"), "null")
    if declared is None:
        declared = "object" if "properties" in schema else "array" if "items" in schema else "string"
        declared = "number" if declared == "string" and ("minimum" in schema or "maximum" in schema) else declared
    return str(declared)


def _object(field: _Field, rng: Random) -> JsonValue:
    schema = field.schema
    required = schema.get("required", ())
    drawn = {}
    for name, inner in schema.get("properties", {}).items():
        if name in required or (field.depth < 3 and rng.random() < 0.5) or not required:
            try:
                drawn[name] = _draw(_inner(field, name, inner), rng)
            except Rejected:
                if name in required:
                    raise
    for name in required:
        if name not in drawn:
            drawn[name] = _draw(_inner(field, name, {}), rng)
    return drawn


def _array(field: _Field, rng: Random) -> JsonValue:
    schema = field.schema
    low = int(schema.get("minItems", 1))
    high = min(int(schema.get("maxItems", max(low, 3))), max(low, 3))
    prefix = schema.get("prefixItems", ())
    items: list[JsonValue] = [_draw(_inner(field, singular(field.name), inner), rng) for inner in prefix]
    wanted = max(rng.randint(low, max(low, high)), len(items))
    for _ in range(_ATTEMPTS):
        if len(items) >= wanted or schema.get("items") is False:
            break
        item = _draw(_inner(field, singular(field.name), schema.get("items", {})), rng)
        if item not in items or (len(items) < low and not schema.get("uniqueItems")):
            items.append(item)
    return items


def _inner(field: _Field, name: str, schema: Mapping[str, Any] | bool) -> _Field:
    inner: Mapping[str, Any] = schema if isinstance(schema, Mapping) else {}
    own = str(inner.get("description", "")) or (field.description if name == singular(field.name) else "")
    context = (*reversed(tokens_of(field.name)), *field.context)
    return replace(field, name=name, schema=inner, description=own, context=context, depth=field.depth + 1)


@lru_cache(maxsize=16_384)
def _validator(schema_text: str) -> jsonschema_rs.Draft202012Validator:
    return jsonschema_rs.Draft202012Validator(parsed(schema_text))


def _conforms(value: JsonValue, schema: Mapping[str, Any], root: Mapping[str, Any]) -> bool:
    if schema.keys() <= _BASE_KEYS and not isinstance(value, dict | list):
        return True
    whole = {**{key: root[key] for key in ("$defs", "definitions") if key in root}, **schema}
    return bool(_validator(canonical(whole)).is_valid(value))


# --- leaves ------------------------------------------------------------------------------------------------


def _leaf(field: _Field, kind: str, rng: Random) -> JsonValue:
    if kind == "boolean":
        return rng.random() < 0.5
    meaning = meaning_of(re.sub(r"(?<=[a-z])_?\d$", "", field.name), field.description, field.context)
    known = _documented(field, kind)
    if meaning and meaning.group == "place":
        known = [item for item in known if not isinstance(item, str) or item != item.lower()]  # "city", "mountain range" name no place
    if known and rng.random() < _trust(field, meaning, len(known)):
        return rng.choice(known)
    if kind in ("integer", "number"):
        return bounded_number(field.schema, meaning, rng, whole=kind == "integer", name=field.name)
    return _text(field, meaning, known, rng)


def _trust(field: _Field, meaning: Kind | None, count: int) -> float:
    """How often documented examples are used before the kind's own words."""
    if is_identifier(field.name) or meaning is None:
        return 0.95
    if meaning.name in _DATE_KINDS or meaning.name in {"moment", "page", "limit", "offset"}:
        return 0.1
    return 0.95 if count > 1 and meaning.group != "place" else 0.6 if count > 1 else 0.4


def _documented(field: _Field, kind: str) -> list[JsonValue]:
    """Clean values that the schema or its description gives, in the schema's type."""
    schema = field.schema
    given = [*(schema.get("examples") or ()), *([schema["default"]] if "default" in schema else [])]
    said = examples_said(field.description)
    values = [value for value in (coerced(item, kind) for item in (*given, *said)) if value is not None]
    return values if kind != "string" else [value for value in values if sayable(value) and value.lower() != field.name.lower()]


def bounded_number(schema: Mapping[str, Any], kind: Kind | None, rng: Random, *, whole: bool, name: str = "") -> int | float | None:
    """A number inside the schema's bounds, near the kind's range where both are known; None when none exists."""
    low, high = _bounds(schema, whole)
    usual = kind if kind and kind.numeric else _range_of_text_kind(kind, name)
    if is_identifier(name) and low is None and high is None:
        return rng.randint(1000, 99_999)
    first = max(usual.low, low) if low is not None else usual.low
    last = min(usual.high, high) if high is not None else usual.high
    if first > last:
        first = low if low is not None else (high or 0) - 10
        last = high if high is not None else first + 10
    if (low is not None or high is not None) and usual.name == "quantity" and kind is None:
        first, last = (low if low is not None else (high or 0) - 100), (high if high is not None else (low or 0) + 100)
    if first > last:
        return None
    return _on_grid(replace(usual, low=first, high=last), schema.get("multipleOf"), rng, whole=whole)


def _bounds(schema: Mapping[str, Any], whole: bool) -> tuple[float | None, float | None]:
    step = 1 if whole else 1e-6
    low, high = schema.get("minimum"), schema.get("maximum")
    if isinstance(schema.get("exclusiveMinimum"), int | float):
        low = max(low if low is not None else float("-inf"), schema["exclusiveMinimum"] + step)
    if isinstance(schema.get("exclusiveMaximum"), int | float):
        high = min(high if high is not None else float("inf"), schema["exclusiveMaximum"] - step)
    return low, high


def _range_of_text_kind(kind: Kind | None, name: str) -> Kind:
    """The range for a number whose name is usually a text."""
    if kind and kind.group == "place" and kind.name in ("latitude", "longitude"):
        return Kind(name=kind.name, low=-38 if kind.name == "latitude" else -122, high=60 if kind.name == "latitude" else 150, decimals=4)
    known = {"month": "month_number", "date": "day_number", "time": "hour_number", "moment": "epoch", "past_date": "epoch",
        "level": "level_number", "grade": "level_number", "priority": "level_number", "status": "status_code", "phone": "phone_digits",
        "postcode": "zip_digits"}  # fmt: skip
    return KINDS[known.get(kind.name if kind else "", "quantity")]


def _on_grid(kind: Kind, multiple: float | None, rng: Random, *, whole: bool) -> int | float:
    if multiple:
        first, last = int(-(-kind.low // multiple)), int(kind.high // multiple)
        value = multiple * rng.randint(first, max(first, last))
        return int(value) if float(value).is_integer() else round(value, 9)
    if whole:
        low, high = int(-(-kind.low // 1)), int(kind.high // 1)
        drawn = int(replace(kind, decimals=0, low=low, high=max(low, high)).draw_number(rng))
        return min(max(drawn, low), max(low, high))
    inside = min(max(kind.draw_number(rng), kind.low), kind.high)
    return int(inside) if float(inside).is_integer() else inside


def _text(field: _Field, kind: Kind | None, known: list[JsonValue], rng: Random) -> str | None:
    shaped = _formatted(str(field.schema.get("format", "")), field, rng)
    if shaped is not None:
        return shaped
    text = (
        kind.draw_text(rng, field.today)
        if kind
        else identifier_text(field.name, rng)
        if is_identifier(field.name)
        else free_text(field.name, field.description, rng, field.today)
    )
    if kind and kind.name in _DATE_KINDS:
        text = written_date(text, field.description, known)
    low, high = int(field.schema.get("minLength", 0)), field.schema.get("maxLength")
    if high is not None and len(text) > high:
        text = text[: int(high)].rstrip() if int(high) > 3 else text[: int(high)].upper()
    while len(text) < low:
        text = f"{text} {KINDS['sentence'].draw_text(rng, field.today)}".strip()[: high if high is not None else None]
    return text


def _formatted(name: str, field: _Field, rng: Random) -> str | None:
    kind = meaning_of(field.name, field.description, field.context)
    match name:
        case "date":
            return (kind if kind and kind.name in _DATE_KINDS else KINDS["date"]).draw_text(rng, field.today)
        case "time":
            return clock_time(rng, field.today) + ":00"
        case "date-time":
            day = (kind if kind and kind.name in _DATE_KINDS else KINDS["date"]).draw_text(rng, field.today)
            return f"{day}T{clock_time(rng, field.today)}:00Z"
        case "uuid":
            digits = f"{rng.getrandbits(128):032x}"
            return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
        case "email":
            return KINDS["email"].draw_text(rng, field.today)
        case "uri" | "url" | "uri-reference" | "iri":
            return KINDS["image" if kind and kind.name == "image" else "url"].draw_text(rng, field.today)
        case "ipv4":
            return KINDS["ip"].draw_text(rng, field.today)
        case "hostname":
            return KINDS["domain"].draw_text(rng, field.today)
    return None


def written_date(iso: str, description: str, known: list[JsonValue]) -> str:
    """The date in the form that the description names or its examples show; ISO 8601 otherwise."""
    day = date.fromisoformat(iso)
    for pattern, form in _DATE_FORMATS:
        if pattern.search(description):
            return day.strftime(form)
    for example in known:
        for _, form in _DATE_FORMATS:
            try:
                datetime.strptime(str(example), form)
            except ValueError:
                continue
            return day.strftime(form)
    return iso
