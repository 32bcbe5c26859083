"""Whether one function's output serves another's input (paper, section 3.1).

`SchemaJudge` reads names, types and descriptions and calls no model. A field's and a parameter's name are
split into a *core* (what it is about: `restaurant`) and *marks* (which handle it is: `id`, `name`); a bare
`id` takes its core from the key around it (`flight.id`) or from the function (`get_hotel`). Names that say
little (`status`, `date`, `limit`) count only where the cores agree.
Invariant: a verdict depends on the two specifications alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from magnet_ray.json_paths import schema_fields, split_path
from magnet_ray.types import Edge, EdgeKind, Effect, FieldMapping, FunctionSpec

MINIMUM_SCORE: Final = 0.5
"""Mappings below this are not kept."""
ECHO_CEILING: Final = 0.6
"""No mapping of an echoed argument scores above this, and hardly any other mapping scores below it."""

Tokens = frozenset[str]


def _words(text: str) -> Tokens:
    return frozenset(text.split())


MARKS: Final = _words("id name code number key reference symbol slug ticker")
"""Tokens that say which handle of a thing is meant, not which thing."""
FILLERS: Final = _words("a an the of for by to in on at from with and or all via api v1 v2 v3 my your this that is be it as its which will")
HANDLES: Final = _words("id key reference")
"""Marks whose values mean nothing but their thing."""
VAGUE: Final = (
    MARKS
    | FILLERS
    | frozenset("abcdefghijklmnopqrstuvwxyz")
    | _words("status type date time limit query count message page value data result text description start end total size format level")
    | _words(
        "rate rating amount quantity price year month day note comment version url link sort offset filter mode option language content"
    )
    | _words("label category success error list item method unit info detail state user order score percentage duration period summary")
    | _words("reason action title file image")
)
"""Tokens that two unrelated functions may well share."""
FREE_TEXT: Final = _words(
    "status message description note comment text query limit page count success error content offset sort summary reason rating"
)
"""Tokens of fields that are hardly ever handed on, even about the same thing."""
BOUNDS: Final = _words(
    "min max minimum maximum limit per page offset total new old previous before after target goal average mean lower upper"
)
"""Tokens that turn a quantity into another one: `rating` does not fill `min_rating`."""
WRAPPERS: Final = _words("data result item response list record entry detail info output payload body value content object all")
"""Keys that enclose a thing without naming it."""
VERBS: Final = _words(
    "get list find search fetch look lookup show read retrieve query check create add make set update change edit modify delete remove "
    "cancel send submit post put calculate compute estimate convert compare analyze analyse evaluate determine generate browse describe "
    "track verify validate is has can do run start stop open close begin end book reserve buy pay transfer predict identify measure"
)
PLAIN_VERBS: Final = _words(
    "get find search fetch show retrieve create add update delete remove send submit calculate compute convert check verify validate "
    "generate"
)
SYNONYMS: Final[Mapping[str, str]] = {
    "identifier": "id", "ids": "id", "uid": "id", "uuid": "id", "num": "number", "no": "number", "lat": "latitude", "lng": "longitude",
    "lon": "longitude", "qty": "quantity", "addr": "address", "tel": "phone", "telephone": "phone", "mail": "email", "ref": "reference",
    "zipcode": "zip", "postcode": "zip", "postal": "zip", "desc": "description", "title": "name", "cost": "price", "img": "image",
    "lang": "language", "src": "source", "dest": "destination", "film": "movie",
}  # fmt: skip
GATES: Final = _words(
    "available availability status exist exists valid eligible active remaining stock count open free allowed enabled balance is has can"
)
"""Tokens of output fields that decide whether a further call makes sense."""

_PIECE = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_GLUED_ID = re.compile(
    r"(?!(?:paid|valid|invalid|grid|covid|android|avoid|liquid|solid|hybrid|rapid|fluid|acid|bid|hid|kid|lipid|amid)$)([a-z]{3,})id"
)


@lru_cache(maxsize=65_536)
def name_tokens(identifier: str) -> tuple[str, ...]:
    """The normalised words of an identifier: `restaurantIds` -> (`restaurant`, `id`)."""
    tokens: list[str] = []
    for piece in _PIECE.findall(identifier):
        word = _singular(piece.lower())
        glued = _GLUED_ID.fullmatch(word)
        for part in (_singular(glued.group(1)), "id") if glued else (word,):
            tokens.append(SYNONYMS.get(part, part))
    return tuple(tokens)


def _singular(word: str) -> str:
    if len(word) <= 3 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word[:-1]


HANDLE_MARKS: Final = frozenset({"id", "ids", "uuid", "uid", "key", "slug", "token"})
"""Marks of handles that mean nothing outside the system that issued them."""
PUBLIC_IDS: Final = frozenset({"imdb", "isbn", "tmdb", "asin", "doi", "isin", "video", "spotify", "youtube", "steam", "barcode", "vin"})
"""Words of ids that are the same everywhere."""
PLUMBING: Final = frozenset({"cursor", "width", "height", "format", "callback", "offset", "storage", "page", "limit"})
"""Parameters that say how to answer; a value of another answer is never meant for them."""
SERVICES: Final = ("toolbench:",)
"""Sources whose categories hold services that do not know each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedPlace:
    """A parameter or an output field, as the judge compares it."""

    label: str
    """Parameter name, or path of the field."""
    tokens: Tokens
    """Words of its own name."""
    head: str
    """Last word of its own name."""
    core: Tokens
    """What it is about: its own words without marks, else the words around it."""
    own_core: bool
    """Whether the core comes from its own name or its enclosing key, not from the function's name."""
    marks: Tokens
    """Which handle of the core it is."""
    context: Tokens
    """Words of the enclosing key or the function, for names that say little."""
    types: Tokens
    """JSON types that it may have; empty when unknown."""
    choices: frozenset[object]
    """Enumerated values; empty when free."""
    format: str
    """JSON Schema format, or empty."""
    words: Tokens
    """Content words of its description."""
    telling: bool
    """Whether its own name says what it is about: `city`, `order_id`, but not `id` or `order`."""
    required: bool = False
    """For a parameter: whether calls need it."""
    echo: bool = False
    """For a field: whether the function has a parameter of the same name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Features:
    """What the judge needs of one specification, computed once."""

    parameters: tuple[NamedPlace, ...]
    """Parameters in declared order."""
    fields: tuple[NamedPlace, ...]
    """Scalar output fields in declared order."""
    offered: Tokens
    """Words under which the output can be found."""
    wanted: Tokens
    """Words under which a parameter can be found."""
    entities: Tokens
    """Required parameters whose names say what they are about, for prerequisites."""
    gate: float
    """How clearly the output decides on a further call, 0 to 1."""


@lru_cache(maxsize=32_768)
def features_of(spec: FunctionSpec) -> Features:
    """The judge's view of a specification."""
    nouns = function_nouns(spec.name)
    required = set(spec.required)
    parameters = tuple(
        _place(name, (name,), schema if isinstance(schema, dict) else {}, nouns, required=name in required)
        for name, schema in spec.properties.items()
    )
    given = {place.tokens for place in parameters}
    fields = tuple(_field(path, schema, nouns, given) for path, schema in schema_fields(spec.return_schema))
    return Features(
        parameters=parameters,
        fields=fields,
        offered=frozenset().union(*(place.tokens | place.core for place in fields)),
        wanted=frozenset().union(*(place.tokens | place.core for place in parameters)),
        entities=frozenset("_".join(sorted(place.tokens)) for place in parameters if place.required and place.telling),
        gate=_gate(spec, fields),
    )


def verb_of(name: str) -> tuple[str, int]:
    """The verb of a function's name and its position, or ("", -1): `get` in `get_player` and in `she_scores_get_player`."""
    tokens = name_tokens(name)
    if tokens and tokens[0] in VERBS:
        return tokens[0], 0
    # Inside a name many verbs are nouns (`order`, `post`), so only the plain ones count there.
    return next(((token, place) for place, token in enumerate(tokens[:-1]) if token in PLAIN_VERBS), ("", -1))


def function_nouns(name: str) -> Tokens:
    """What a function is about: the words of its name after its verb, without small words."""
    tokens = name_tokens(name)
    rest = tokens[verb_of(name)[1] + 1 :] or tokens
    # What follows "by" or "for" says how or in which product, not what: `find_team_by_city`.
    rest = rest[: next((place for place, token in enumerate(rest) if place and token in {"by", "for"}), len(rest))]
    nouns = frozenset(token for token in rest if not token.isdigit()) - FILLERS - MARKS
    return nouns - WRAPPERS - {"search", "get", "find"} or nouns


def _field(path: str, schema: Mapping[str, Any], nouns: Tokens, given: set[Tokens]) -> NamedPlace:
    keys = tuple(part for part in split_path(path) if isinstance(part, str))
    place = _place(path, keys, schema, nouns)
    return _place(path, keys, schema, nouns, echo=True) if place.tokens in given else place


def _place(
    label: str, keys: tuple[str, ...], schema: Mapping[str, Any], nouns: Tokens, *, required: bool = False, echo: bool = False
) -> NamedPlace:
    ordered = name_tokens(keys[-1]) if keys else tuple(sorted(nouns))
    tokens = frozenset(ordered) - FILLERS or frozenset(ordered)
    enclosing = next((found for key in reversed(keys[:-1]) if (found := frozenset(name_tokens(key)) - WRAPPERS)), frozenset())
    core = tokens - MARKS
    return NamedPlace(
        label=label,
        tokens=tokens,
        head=ordered[-1] if ordered else "",
        core=core or enclosing - MARKS or nouns,
        own_core=bool(core or enclosing),
        marks=tokens & MARKS,
        context=enclosing | nouns,
        types=frozenset(_types(schema)),
        choices=frozenset(value for value in schema.get("enum", ()) if isinstance(value, str | int | float)),
        format=str(schema.get("format", "")),
        words=frozenset(name_tokens(str(schema.get("description", ""))[:200])) - FILLERS,
        telling=bool(tokens - VAGUE or (tokens & MARKS and core)),
        required=required,
        echo=echo,
    )


def _types(schema: Mapping[str, Any]) -> Iterator[str]:
    declared = schema.get("type", ())
    yield from (name for name in ([declared] if isinstance(declared, str) else declared) if name != "null")
    for part in (*schema.get("anyOf", ()), *schema.get("oneOf", ())):
        if isinstance(part, dict):
            yield from _types(part)


def _gate(spec: FunctionSpec, fields: tuple[NamedPlace, ...]) -> float:
    # What a write returns says how the write went; it does not gate another call.
    if spec.effect is Effect.WRITE:
        return 0.0
    strength = 0.0
    for place in fields:
        if place.types == {"boolean"} and not place.tokens & {"success", "ok", "error"}:
            strength = 1.0
        elif place.tokens & GATES:
            strength = max(strength, 0.5 if place.tokens <= VAGUE else 0.8)
    return strength


def type_fit(field: NamedPlace, parameter: NamedPlace) -> float:
    """How well a field's JSON type suits a parameter, 0 (never) to 1."""
    if parameter.types & {"boolean", "object", "array"} and not parameter.types & {"string", "integer", "number"}:
        return 0.0
    if field.format and parameter.format and field.format != parameter.format:
        return 0.0
    fit = 1.0
    if field.types and parameter.types and not field.types & parameter.types:
        numbers = {"integer", "number"}
        if field.types <= numbers and parameter.types <= numbers:
            fit = 0.95
        elif field.types <= numbers and "string" in parameter.types and parameter.marks:
            fit = 0.85
        else:
            return 0.0
    if parameter.choices:
        # A free text hardly ever happens to be one of the allowed values.
        fit *= (1.0 if field.choices & parameter.choices else 0.0) if field.choices else 0.7
    return fit


def name_fit(field: NamedPlace, parameter: NamedPlace) -> float:
    """How well a field's name suits a parameter's, 0 to 1."""
    if (field.tokens ^ parameter.tokens) & BOUNDS or parameter.tokens <= PLUMBING:
        return 0.0
    related = bool((field.core - VAGUE or field.context) & (parameter.core - VAGUE or parameter.context)) or bool(
        field.context & parameter.context
    )
    if not (field.tokens & parameter.tokens & HANDLES) and (field.tokens | parameter.tokens) & FREE_TEXT:
        return 0.55 if field.tokens == parameter.tokens and related else 0.0
    if field.tokens == parameter.tokens and field.telling:
        return 0.95 if len(field.tokens) > 1 else 0.88
    handed = bool(field.marks) and field.marks == parameter.marks
    if (handed or (field.core - VAGUE and parameter.core - VAGUE)) and _same_core(field, parameter):
        return _mark_fit(field.marks, parameter)
    return _head_fit(field, parameter, related)


def _same_core(field: NamedPlace, parameter: NamedPlace) -> bool:
    if field.own_core and parameter.own_core:
        return field.core == parameter.core
    if field.own_core:
        return field.core <= parameter.core
    if parameter.own_core:
        # A bare `name` from get_team_of_city is a team's, so it fills `city_id` at best, never `city`.
        return parameter.core <= field.core if parameter.marks else parameter.core == field.core
    return bool(field.core & parameter.core) and field.marks == parameter.marks


def _mark_fit(marks: Tokens, parameter: NamedPlace) -> float:
    if marks == parameter.marks:
        return 0.9
    if not parameter.marks:
        # `restaurants[].name` fills `restaurant`; `restaurants[].id` does when the description asks for an id.
        return 0.88 if "name" in marks or marks & parameter.words else 0.52 if not marks & HANDLE_MARKS else 0.0
    if not marks:
        # A riddle's text is not its id, nor is a team's name.
        return 0.85 if "name" in parameter.marks else 0.0 if parameter.marks & HANDLE_MARKS else 0.52
    return 0.0


def _head_fit(field: NamedPlace, parameter: NamedPlace, related: bool) -> float:
    if field.head != parameter.head or field.head in MARKS or not (field.tokens <= parameter.tokens or parameter.tokens <= field.tokens):
        return 0.0
    if field.head not in VAGUE:
        return 0.68
    return 0.64 if related else 0.25


def score_mapping(field: NamedPlace, parameter: NamedPlace) -> float:
    """The judge's confidence that the field's value fills the parameter, 0 to 1."""
    score = name_fit(field, parameter)
    if score:
        score *= type_fit(field, parameter)
    if score and (field.words | field.tokens) & parameter.words - VAGUE:
        score = min(1.0, score + 0.04)
    return min(ECHO_CEILING, score * 0.65) if field.echo else score


class DependencyJudge(Protocol):
    """Decides how one function's output serves another's input."""

    def judge(self, source: FunctionSpec, target: FunctionSpec) -> Edge | None:
        """The edge from source to target, or None when neither values nor decisions flow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaJudge:
    """Judges by names, types and descriptions of the two schemas."""

    minimum: float = MINIMUM_SCORE
    """Mappings that score below this are left out."""

    def judge(self, source: FunctionSpec, target: FunctionSpec) -> Edge | None:
        """The edge from source to target, or None."""
        giver, taker = features_of(source), features_of(target)
        mappings = self._mappings(giver, taker, same_product=_same_product(source, target)) if giver.offered & taker.wanted else ()
        if mappings:
            return _edge(source, target, taker, mappings)
        shared = len(giver.entities & taker.entities)
        if not shared or giver.gate < 0.5:
            return None
        share = shared / len(giver.entities | taker.entities)
        return Edge(source=source.name, target=target.name, kind=EdgeKind.PREREQUISITE, score=round(giver.gate * (0.3 + 0.3 * share), 4))

    def _mappings(self, giver: Features, taker: Features, *, same_product: bool) -> tuple[FieldMapping, ...]:
        found = [
            (-score, index, field.label, parameter.label)
            for index, parameter in enumerate(taker.parameters)
            for field in giver.fields
            if not field.tokens.isdisjoint(parameter.tokens | parameter.core) or not field.core.isdisjoint(parameter.core)
            if (score := score_mapping(field, parameter)) >= self.minimum and (same_product or not _is_private(field, parameter))
        ]
        used: set[str] = set()
        chosen: dict[int, FieldMapping] = {}
        for negative, index, label, parameter_name in sorted(found):
            # One field fills one parameter: two cities must not both be the city that was found.
            if index not in chosen and label not in used:
                used.add(label)
                chosen[index] = FieldMapping(output_path=label, parameter=parameter_name, score=round(-negative, 4))
        return tuple(chosen[index] for index in sorted(chosen))


def _same_product(source: FunctionSpec, target: FunctionSpec) -> bool:
    """Whether two functions can know each other's ids: of unrelated services in one category, only those whose names begin alike."""
    return not source.source.startswith(SERVICES) or name_tokens(source.name)[:1] == name_tokens(target.name)[:1]


def _is_private(field: NamedPlace, parameter: NamedPlace) -> bool:
    """Whether a mapping hands over an id that only its own service knows."""
    return bool((field.marks | parameter.marks) & HANDLE_MARKS) and not field.tokens & PUBLIC_IDS


def _edge(source: FunctionSpec, target: FunctionSpec, taker: Features, mappings: tuple[FieldMapping, ...]) -> Edge:
    required = {place.label for place in taker.parameters if place.required}
    filled = required & {mapping.parameter for mapping in mappings}
    coverage = len(filled) / len(required) if required else 0.5
    mean = sum(mapping.score for mapping in mappings) / len(mappings)
    kind = EdgeKind.FULL if required and filled == required else EdgeKind.PARTIAL
    return Edge(source=source.name, target=target.name, kind=kind, mappings=mappings, score=round(mean * (0.7 + 0.3 * coverage), 4))
