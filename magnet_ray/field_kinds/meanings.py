"""What a field is about, from its name and its description together, and which example values may be used.

`field_kinds` knows names alone; here the description corrects them (`in seconds`, `name of the hotel`) and
gives examples (`(e.g., Rome, Paris)`), of which only clean, sayable ones count.
"""

from __future__ import annotations

import re
from functools import lru_cache
from random import Random
from typing import Final

from magnet_ray.field_kinds import KINDS, Kind, kind_of, plain_tokens, tokens_of
from magnet_ray.types import JsonValue

_PLACEHOLDER = re.compile(
    r"(?i)here$|enter_|_here|insert_|\.ext$|^your|\byour[_ -]|placeholder|<|>|[{}\[\]\\|^]|xxx|^(string|example|test|undefined"
    r"|null|none|nan|foo|bar|value|text|todo|n/?a|checked|required|optional|default|sample|demo)$"
)


_META = re.compile(
    r"(?i)\b(names?|specific|formats?|etc|any|valid|yyyy|type of|string|integer|number of|your|the|path to"
    r"|values?|id|ids|url|address|some|other|different|details|information|list of|or more|description)\b|\.\.\."
)


_CUE = re.compile(
    r"(?i)\(\s*(?:e\.?\s?g\.?|eg|for example|for instance|such as|like|examples?|ex)\s*[,:.]?\s*([^()]*)\)"
    r"|(?:\be\.\s?g\.?|\bfor example|\bsuch as|\bexamples?\s*:)\s*[,:]?\s*(.+?)(?:\.(?:\s|$)|;|\)|$)"
)


ID_TAILS: Final = frozenset({"id", "ids", "uuid", "guid", "uid", "identifier", "sku", "pk", "ref", "reference", "barcode", "vin",
    "imei", "asin", "gtin", "ean", "upc"} )  # fmt: skip


_CODE_HEADS: Final = frozenset({"booking", "confirmation", "tracking", "policy", "order", "account", "invoice", "reference", "ticket",
    "claim", "case", "serial", "reservation", "shipment", "registration", "license", "patent", "container", "batch", "contract",
    "membership", "parcel", "transaction"})  # fmt: skip


_PICTURES: Final = frozenset(
    {"image", "thumbnail", "logo", "photo", "icon", "poster", "picture", "avatar", "cover", "banner", "gif", "video", "screenshot"}
)


_NAME_OF = re.compile(r"(?i)\b(?:name|title)s? of (?:the |an? |your )?([a-z]+(?: [a-z]+)?)")


_UNIT_WORD = re.compile(r"(?i)\b(?:in|of) (seconds|minutes|hours|days|weeks|months|years|meters|metres)\b")


_SAID: Final = (
    ("email", r"e-?mail address"), ("url", r"\burl\b|\bweb ?site\b|\blink to\b"), ("phone", r"phone number"), ("symbol",
        r"ticker|stock symbol"), ("country_code", r"country code"),
    ("language_code", r"language code"), ("language", r"\blanguage\b"), ("currency", r"\bcurrency\b"), ("ip", r"\bip address"),
        ("domain", r"\bdomain name"), ("postcode", r"zip ?code|postal code"),
    ("username", r"\busername\b"), ("word", r"\bword\b"), ("animal", r"\banimal\b"), ("disease", r"\bdisease\b"), ("chemical",
        r"\bchemical\b"), ("date", r"\bdate\b"),
)  # fmt: skip


def meaning_of(name: str, description: str, context: tuple[str, ...] = ()) -> Kind | None:
    """The kind of value by name, corrected by what the description says in plain words."""
    if is_identifier(name):
        return None
    kind = _by_name(name, description, context)
    if kind and kind.numeric:
        kind = _in_said_unit(kind, description)
    if (
        kind
        and kind.name in {"length", "height", "volume", "weight", "limit"}
        and (re.search(r"(?i)pixel|image|thumbnail|screenshot|\bpx\b", description) or _PICTURES & {*context[:2], *tokens_of(name)})
    ):
        return KINDS["pixels"]
    if kind is None or kind.name in {"topic", "dataset", "location", "amount"}:
        return _said_kind(description) or kind
    return kind


def _by_name(name: str, description: str, context: tuple[str, ...]) -> Kind | None:
    tokens = plain_tokens(tokens_of(name))
    if not tokens or tokens[-1] not in {"name", "title", "names"}:
        return kind_of(name, context)
    if len(tokens) > 1:
        return kind_of(name)
    said = _NAME_OF.search(description)
    return kind_of(name, (tuple(reversed(tokens_of(said.group(1)))) if said else ()) + context)


def _in_said_unit(kind: Kind, description: str) -> Kind:
    """A measure in the unit that its description names."""
    said = _UNIT_WORD.search(description)
    if kind.name == "temperature" and re.search(r"(?i)\bbody|patient", description):
        return KINDS["body_temperature"]
    if said is None or kind.name not in {"duration", "height", "length", "depth", "distance", "age", "quantity"}:
        return kind
    word = said.group(1).lower().replace("metres", "meters")
    if word == "meters":
        return kind if kind.name == "distance" else KINDS["meters"]
    return KINDS["duration" if word == "minutes" else word]


@lru_cache(maxsize=16_384)
def _said_kind(description: str) -> Kind | None:
    head = re.split(r"[.(;]", description)[0].lower()
    return next((KINDS[name] for name, pattern in _SAID if len(head) < 90 and re.search(pattern, head)), None)


def is_identifier(name: str) -> bool:
    """Whether a name says that its value identifies a record: `id`, `patientId`, `tracking_number`."""
    tokens = tokens_of(name)
    if not tokens:
        return False
    joined = len(tokens[-1]) > 4 and tokens[-1].endswith("id") and tokens[-1] not in {"valid", "android", "covid", "grid", "paid",
        "unpaid", "liquid", "solid", "hybrid", "squid", "fluid", "steroid", "asteroid", "steroids", "avoid", "rapid", "acid", "void",
        "orchid", "invalid", "typhoid", "thyroid"}  # fmt: skip
    return tokens[-1] in ID_TAILS or joined or (len(tokens) > 1 and tokens[-1] in {"number", "code", "no"} and tokens[-2] in _CODE_HEADS)


def identifier_prefix(stem: str) -> str:
    """Three capitals for the ids of a thing, never those of a kind that has its own: `PXY` for a proxy, as `PRO` is a product's."""
    prefix = stem[:3].upper()
    if prefix in _KIND_PREFIXES:
        prefix = (stem[:1] + "".join(letter for letter in stem[1:] if letter not in "aeiour"))[:3].upper()
    return f"{prefix[:2]}X" if prefix in _KIND_PREFIXES else prefix


_KIND_PREFIXES: Final = frozenset(name[:3].upper() for name, kind in KINDS.items() if kind.named)


def coerced(value: JsonValue, kind: str) -> JsonValue | None:
    """`value` in a schema's type, or None when it cannot be read as one."""
    if kind == "string":
        return (
            value.strip()
            if isinstance(value, str)
            else str(value)
            if isinstance(value, int | float) and not isinstance(value, bool)
            else None
        )
    if kind == "boolean":
        return value if isinstance(value, bool) else {"true": True, "false": False}.get(str(value).strip().lower())
    if kind not in ("integer", "number"):
        return value
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    match = re.fullmatch(r"\s*(-?\d{1,12}(?:\.\d{1,8})?)\s*[%A-Za-z°]*\s*", str(value))
    if not match:
        return None
    number = float(match.group(1))
    return int(number) if number.is_integer() else number if kind == "number" else None


def sayable(text: JsonValue) -> bool:
    """Whether a text can be said in a sentence and is no placeholder."""
    return (
        isinstance(text, str)
        and 0 < len(text) <= 60
        and "\n" not in text
        and not _PLACEHOLDER.search(text)
        and any(c.isalnum() for c in text)
    )


@lru_cache(maxsize=16_384)
def examples_said(description: str) -> tuple[str, ...]:
    """Short, clean values listed after `e.g.` or the like in a description."""
    found: list[str] = []
    for match in _CUE.finditer(description):
        pieces = re.split(r",\s+(?:or\s+|and\s+)?|\s+or\s+|\s*/\s+|;\s*", (match.group(1) or match.group(2) or "").strip())
        for piece in pieces:
            item = piece.strip().strip("\"'`\u201c\u201d\u2018\u2019*_ ").rstrip(".").strip()
            if item and len(item) <= 40 and len(item.split()) <= 5 and sayable(item) and not _META.search(item) and item not in found:
                found.append(item)
    return tuple(found)


def coined_name(name: str, description: str, rng: Random) -> str:
    """A name for a thing of an unknown kind: `Harbor zone` for `zone_name`."""
    said = _NAME_OF.search(description)
    noun = " ".join(tokens_of(name)[:-1]) or (said.group(1).lower().split()[-1] if said else "project")
    if len(noun) > 14 and " " not in noun:
        noun = ""  # several words written as one
    return f"{rng.choice(('Harbor', 'Northgate', 'Juniper', 'Summit', 'Bluebird', 'Atlas', 'Cedar', 'Aurora'))} {noun}".strip()
