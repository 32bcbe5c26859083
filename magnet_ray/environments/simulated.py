"""An environment for functions that cannot be executed: every answer is derived from hashes, nothing is recorded.

A field's value is a function of (scenario seed, entity, field), where the entity is the id or the name that the
call was given, or the one that stands in the output. So the same call always gives the same answer, an id that
one call issued is accepted by the next, the details of an entity agree with what a list showed of it, the order
of calls plays no part, and `state()` never changes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from hashlib import blake2b
from random import Random
from typing import Final

import jsonschema_rs

from magnet_ray.environments.base import MISSING, Missing
from magnet_ray.environments.simulated_schema import Node, Plan, plan_of
from magnet_ray.environments.simulated_text import output_text
from magnet_ray.errors import CallError, Rejected
from magnet_ray.field_kinds import KINDS, PLACE_FIELDS, Kind, tokens_of
from magnet_ray.field_kinds.meanings import coerced, coined_name, identifier_prefix, sayable
from magnet_ray.lexicon import PLACES, STREETS, Place
from magnet_ray.types import FunctionSpec, JsonValue, canonical
from magnet_ray.values import bounded_number, plausible_value, written_date

_MASK: Final = (1 << 64) - 1
_NAMED: Final = tuple(sorted(name for name, kind in KINDS.items() if kind.named))
_PREFIXES: Final[Mapping[str, str]] = {prefix: name for name in reversed(_NAMED) for prefix in (name[:3].upper(),)}
_COUNT_WORDS: Final = frozenset({"count", "total", "results", "result", "num", "number", "size", "totalcount", "totalresults", "hits",
    "items", "of", "entries", "length"} )  # fmt: skip


class HashRandom(Random):
    """A `Random` that restarts from a text in about a microsecond (SplitMix64 over a BLAKE2b hash)."""

    _word = 0

    def seed(self, *args: object, **kwargs: object) -> None:
        """Do nothing: this generator starts with `restart`."""

    def restart(self, key: str) -> HashRandom:
        """Start over from `key`."""
        self._word = int.from_bytes(blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        return self

    def _next(self) -> int:
        self._word = (self._word + 0x9E3779B97F4A7C15) & _MASK
        z = self._word
        z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
        return z ^ (z >> 31)

    def random(self) -> float:
        """A number in [0, 1)."""
        return (self._next() >> 11) * 2.0**-53

    def getrandbits(self, k: int) -> int:
        """An integer of `k` random bits."""
        if k <= 64:
            return self._next() >> (64 - k) if k else 0
        value = 0
        for _ in range((k + 63) // 64):
            value = (value << 64) | self._next()
        return value >> (-k % 64)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Scope:
    """What the fields of one object are derived from."""

    entity: str
    """Text that stands for the entity (seed included)."""
    kind: Kind | None = None
    """What the entity is, when known: the kind behind a bare `name`."""
    varies: str = ""
    """The call's other arguments, which measures depend on as well; empty inside lists."""
    arguments: Mapping[str, JsonValue] = field(default_factory=dict)
    """Arguments of the call, for echoes."""
    topic: str = ""
    """What prose speaks about."""
    issued: tuple[str, JsonValue] | None = None
    """Field that the entity is known by, with its value, when the entity was issued here."""
    listed: bool = False
    """Whether it is an item of a list, which is not the one that the call named."""
    count: int | None = None
    """Length of the one list in this object, for counting fields."""


class SimulatedEnvironment:
    """One conversation's simulated functions."""

    def __init__(self, category_key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> None:
        self.key = category_key
        self.seed = seed
        self.specs = specs
        self._rng = HashRandom()
        self.today = (date(2025, 1, 6) + timedelta(days=self._rng.restart(f"{seed}|today").randrange(700))).isoformat()
        self._day = date.fromisoformat(self.today)

    def call(self, function: str, arguments: Mapping[str, JsonValue]) -> JsonValue:
        """Answer a call by the function's return schema.

        Raises:
            CallError: an unknown function, or arguments that do not conform to its schema.
        """
        spec = self.specs.get(function)
        if spec is None:
            raise CallError(f"There is no function called {function!r}.")
        plan = plan_of(spec)
        _check(spec, plan, arguments)
        text = canonical(arguments)
        scope = self._call_scope(plan, arguments, f"{self.seed}|{function}|{text}")
        return self._value(plan.output, scope)

    def state(self) -> JsonValue:
        """The scenario; it never changes, since nothing is recorded."""
        return {"scenario": self.seed, "today": self.today}

    def checkpoint(self) -> object:
        """A mark of the present state, which is the only one."""
        return self.seed

    def rollback(self, mark: object) -> None:
        """Do nothing: there is only one state."""

    def suggest(self, function: str, parameter: str, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue | Missing:
        """Nothing to suggest: the schema says what fits."""
        return MISSING

    def close(self) -> None:
        """Nothing to free."""

    # --- entities ------------------------------------------------------------------------------------------

    def _call_scope(self, plan: Plan, arguments: Mapping[str, JsonValue], call: str) -> _Scope:
        topic = _topic(plan, arguments)
        subject = plan.subject if plan.subject in arguments else ""
        if not subject:
            return _Scope(entity=call, kind=plan.kind, arguments=arguments, topic=topic)
        value = arguments[subject]
        others = {
            name: item
            for name, item in arguments.items()
            if name != subject and (name not in plan.presentation or _PAGING & {*tokens_of(name)})
        }
        kind = (issued_kind(value) if plan.by_id else None) or plan.kind
        return _Scope(entity=self._entity(value), kind=kind, varies=canonical(others) if others else "", arguments=arguments, topic=topic)

    def _entity(self, value: JsonValue) -> str:
        return f"{self.seed}|{str(value).casefold()}"

    def _issue(self, node: Node, scope: _Scope) -> JsonValue:
        """An id: readable, and telling the kind of its entity."""
        rng = self._rng.restart(f"{scope.entity}|{node.key}")
        if node.type == "string" and node.tokens[-1] in ("uuid", "guid"):
            digits = f"{rng.getrandbits(128):032x}"
            return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-a{digits[17:20]}-{digits[20:]}"
        kind = scope.kind if node.bare or not node.stem else node.stem_kind
        if node.type == "string":
            prefix = kind.name[:3].upper() if kind and kind.named else identifier_prefix(node.stem)
            return f"{prefix}-{rng.randint(10_000, 99_999)}" if len(prefix) > 1 else str(rng.randint(100_000, 999_999))
        body = rng.randint(10_000, 99_999)
        return _sealed(body, _NAMED.index(kind.name)) if kind and kind.named else body

    # --- values --------------------------------------------------------------------------------------------

    def _value(self, node: Node, scope: _Scope) -> JsonValue:
        if node.type == "object":
            return self._object(node, scope)
        if node.type == "array":
            return self._array(node, scope)
        if node.echo in scope.arguments:
            echoed = _echo(node, scope.arguments[node.echo])
            if echoed is not None:
                return echoed
        value = self._leaf(node, scope)
        if node.constrained and not node.accepts(value):
            return self._by_schema(node, scope)
        return value

    def _by_schema(self, node: Node, scope: _Scope) -> JsonValue:
        rng = self._rng.restart(f"{scope.entity}|{node.key}|schema")
        try:
            return plausible_value(node.name, node.schema, node.description, rng, self.today)
        except Rejected as error:
            raise CallError(f"The service has no data for this request ({node.name or 'result'}).") from error

    def _object(self, node: Node, scope: _Scope) -> JsonValue:
        inner = scope if node.transparent else self._nested(node, scope)
        made: dict[str, JsonValue] = {}
        for child in node.children:
            if child.type == "array":
                made[child.name] = self._value(child, inner)
        if len(made) == 1:
            inner = replace(inner, count=len(next(iter(made.values()))))
        for child in node.children:
            if child.name not in made:
                made[child.name] = self._value(child, inner)
        ordered = {child.name: made[child.name] for child in node.children}
        return ordered if not node.constrained or node.accepts(ordered) else self._by_schema(node, scope)

    def _nested(self, node: Node, scope: _Scope) -> _Scope:
        """The scope of an object inside another: an entity of its own where it has an id, else a part of its parent."""
        own = replace(scope, entity=f"{scope.entity}|{node.key}", kind=node.kind or scope.kind, count=None, issued=None)
        return self._identified(node, own)

    def _identified(self, node: Node, scope: _Scope) -> _Scope:
        if node.identity is None:
            return scope
        value = self._value(node.identity, scope)
        issued = None if node.identity.echo in scope.arguments else (node.identity.name, value)
        return replace(scope, entity=self._entity(value), issued=issued)

    def _array(self, node: Node, scope: _Scope) -> JsonValue:
        assert node.item is not None
        rng = self._rng.restart(f"{scope.entity}|{node.key}|{scope.varies}|length")
        low = int(node.schema.get("minItems", 2))
        wanted = rng.randint(max(low, 1), max(low, 2 if node.depth > 2 else 4))
        limit = scope.arguments.get(node.limit) if node.limit else None
        limit = coerced(limit, "integer") if limit is not None else None
        wanted = min(
            [wanted, int(node.schema.get("maxItems", wanted)), *([limit] if isinstance(limit, int) and limit >= max(low, 1) else [])]
        )
        items: list[JsonValue] = []
        seen: set[str] = set()
        for position in range(wanted * 4):
            if len(items) == wanted:
                break
            entity = f"{scope.entity}|{node.key}|{scope.varies}|{position}"
            item = self._item(
                node.item, replace(scope, entity=entity, kind=node.kind or scope.kind, varies="", count=None, issued=None, listed=True)
            )
            marks = _marks(node.item, item)
            needed = low - len(items) >= wanted * 4 - position  # equal items only where the schema demands more than there are
            if needed or not seen & marks:
                items.append(item)
                seen |= marks
        return items if not node.constrained or node.accepts(items) else self._by_schema(node, scope)

    def _item(self, node: Node, scope: _Scope) -> JsonValue:
        if node.type != "object":
            return self._value(node, scope)
        return self._object(replace_transparent(node), self._identified(node, scope))

    # --- leaves --------------------------------------------------------------------------------------------

    def _leaf(self, node: Node, scope: _Scope) -> JsonValue:
        if node.identifies and scope.issued and scope.issued[0] == node.name:
            return scope.issued[1]
        if node.values:
            return node.values[self._rng.restart(f"{scope.entity}|{node.key}|{scope.varies}").randrange(len(node.values))]
        if node.identifier:
            return self._issue(node, scope)
        if node.type == "boolean":
            return node.positive or self._rng.restart(f"{scope.entity}|{node.key}|{scope.varies}").random() < 0.65
        if node.type in ("integer", "number"):
            return self._number(node, scope)
        if node.type == "string":
            return self._text(node, scope)
        return None

    def _number(self, node: Node, scope: _Scope) -> JsonValue:
        words = set(node.tokens)
        if scope.count is not None and words <= _COUNT_WORDS and words and not node.constrained:
            return scope.count
        kind = node.meaning
        if kind and kind.name in ("latitude", "longitude"):
            place = self._place(node, scope)
            return place.latitude if kind.name == "latitude" else place.longitude
        if kind and kind.name == "price" and node.tokens[-1] in _QUOTES:
            return self._quote(node, scope)
        rng = self._rng.restart(f"{scope.entity}|{node.key}|{scope.varies}")
        if node.samples:
            return rng.choice(node.samples)
        if node.positive or node.tokens[:1] in (("has",), ("is",)):
            return 1
        if node.tokens[:1] in (("red",), ("green",), ("blue",)) and len(node.tokens) == 1:
            return rng.randint(0, 255)
        value = bounded_number(node.schema, kind, rng, whole=node.type == "integer", name=node.name)
        return 0 if value is None else value

    def _quote(self, node: Node, scope: _Scope) -> float:
        """Open, high, low and close around one price of the entity."""
        rng = self._rng.restart(f"{scope.entity}|price|{scope.varies}")
        base, wave = 20 + rng.random() * 300, 0.004 + rng.random() * 0.02
        value = round(base * (1 + wave * _QUOTES[node.tokens[-1]]), 2)
        return int(value) if node.type == "integer" else value

    def _place(self, node: Node, scope: _Scope) -> Place:
        for value in () if node.bare and scope.listed else scope.arguments.values():
            if isinstance(value, str) and value in _PLACE_BY_NAME:
                return _PLACE_BY_NAME[value]
        return self._rng.restart(f"{scope.entity}|place|{node.part}").choice(PLACES)

    def _text(self, node: Node, scope: _Scope) -> str:
        if node.samples and not node.bare:
            return str(self._changing(node, scope).choice(node.samples))
        if node.shape:
            return str(self._by_schema(node, scope))
        if node.tokens[:1] in (("error",), ("errors",)):
            return "none"
        kind = _text_kind(node, scope)
        if node.bare and kind is None and node.noun in ("location", "place", "town"):
            return self._place(node, scope).city
        if node.bare and node.tokens[-1] != "title" and (kind is None or (scope.kind is None and node.noun)):
            return coined_name("", f"name of the {node.noun or 'record'}", self._rng.restart(f"{scope.entity}|name"))
        return self._of_kind(node, kind, scope)

    def _changing(self, node: Node, scope: _Scope) -> Random:
        """Randomness for what depends on the call's other arguments, too."""
        return self._rng.restart(f"{scope.entity}|{node.key}|{scope.varies}")

    def _of_kind(self, node: Node, kind: Kind | None, scope: _Scope) -> str:
        if kind and kind.name == "topic" and node.tokens[-1] in _WORDED:
            return kind.draw_text(self._changing(node, scope), self._day)
        if kind is None or kind.name in _PROSE:
            return output_text(node.name, scope.topic, self._changing(node, scope), self._day)
        if kind.name == "status" and node.depth <= 1 and len(node.tokens) == 1 and not scope.listed and scope.kind is None:
            return self._changing(node, scope).choice(("success", "ok", "completed"))
        if kind.group == "place" or (kind.name in ("currency", "language") and scope.kind and scope.kind.name in ("city", "country")):
            return self._of_place(node, kind, scope)
        measured = kind.numeric or kind.name in _CHANGING
        key = f"{scope.entity}|person|{node.part}" if kind.group == "person" else f"{scope.entity}|{'name' if node.bare else node.key}"
        text = kind.draw_text(self._rng.restart(f"{key}|{scope.varies}" if measured else key), self._day)
        return written_date(text, node.description, []) if kind.name.endswith("date") else text

    def _of_place(self, node: Node, kind: Kind, scope: _Scope) -> str:
        place = self._place(node, scope)
        if kind.name in ("currency", "language"):
            return place.currency if kind.name == "currency" else place.language
        street = self._rng.restart(f"{scope.entity}|street")
        return (
            PLACE_FIELDS[kind.name](place)
            if kind.name in PLACE_FIELDS
            else f"{street.randint(2, 180)} {street.choice(STREETS)}, {place.city}"
        )


def _text_kind(node: Node, scope: _Scope) -> Kind | None:
    """What a text field holds: a bare name or title is its entity's."""
    kind = scope.kind if node.bare and scope.kind and scope.kind.named else node.meaning
    titled = node.bare and node.tokens[-1] == "title"
    return KINDS["work"] if titled and (kind is None or kind.name == "person") else kind


_QUOTES: Final[Mapping[str, float]] = {"open": -0.3, "high": 1.0, "low": -1.0, "close": 0.4, "last": 0.4, "price": 0.4, "bid": 0.38,
    "ask": 0.42}  # fmt: skip
_PAGING: Final = frozenset({"page", "offset", "skip", "cursor"})
"""Words of parameters that say which part of a list is wanted, so that it differs."""
_PROSE: Final = frozenset({"topic", "sentence", "dataset", "method"})
_WORDED: Final = frozenset({"keyword", "keywords", "topic", "topics", "interest", "theme", "hashtag", "term", "query", "q"})
"""Names of fields that hold a topic itself, not prose about one."""
_CHANGING: Final = frozenset({"date", "future_date", "time", "moment", "weather", "status", "availability"})
_PLACE_BY_NAME: Final[Mapping[str, Place]] = {
    name: place for place in reversed(PLACES) for name in (place.country, place.airport, place.city)
}


def _check(spec: FunctionSpec, plan: Plan, arguments: Mapping[str, JsonValue]) -> None:
    properties = spec.properties
    missing = [name for name in spec.required if name not in arguments]
    if missing:
        raise CallError(f"Missing required argument{'s' if len(missing) > 1 else ''}: {', '.join(missing)}.")
    unknown = (
        [name for name in arguments if name not in properties]
        if properties or not spec.parameter_schema.get("additionalProperties")
        else []
    )
    if unknown:
        raise CallError(f"Unknown argument {unknown[0]!r}; expected {', '.join(properties) or 'no arguments'}.")
    given = dict(arguments)
    if not plan.validator.is_valid(given):
        error: jsonschema_rs.ValidationError = next(plan.validator.iter_errors(given))
        place = ".".join(str(step) for step in error.instance_path) or "arguments"
        raise CallError(f"Invalid value for {place}: {error.message}.")


def _topic(plan: Plan, arguments: Mapping[str, JsonValue]) -> str:
    """What the call is about, in words: its most telling text argument, else the function's own subject."""
    for name in plan.topics:
        value = arguments.get(name)
        if isinstance(value, list) and value:
            value = value[0]
        if (
            sayable(value)
            and len(str(value)) <= 48
            and sum(c.isalpha() for c in str(value)) > len(str(value)) / 2
            and not str(value).endswith((".", "!"))
            and not re.search(r"\d\w*[a-z]|://|_", str(value))
        ):
            return str(value)
    return plan.topic


def _echo(node: Node, value: JsonValue) -> JsonValue | None:
    """An argument as this field shows it, or None where it does not fit."""
    if isinstance(value, list | dict) or value is None:
        return value if node.accepts(value) else None
    if node.type == "boolean" and not isinstance(value, bool):
        return None
    shown = coerced(value, node.type)
    return shown if shown is not None and shown != "" and node.accepts(shown) else None


def _marks(node: Node, item: JsonValue) -> set[str]:
    """What two items of one list must not share: their ids and names, or themselves."""
    if not isinstance(item, dict):
        return {canonical(item)}
    marks = {
        f"{child.name}={item[child.name]}"
        for child in node.children
        if (child.identifies or child.bare) and child.name in item and child.echo == "\0"
    }
    return marks or {canonical(item)}


def _sealed(body: int, kind: int) -> int:
    """An integer id of eight digits: five of its own, two for the kind, one that checks them."""
    seven = body * 100 + kind
    return seven * 10 + (seven * 7 + 3) % 10


def issued_kind(value: JsonValue) -> Kind | None:
    """The kind of entity that an id issued by a simulated environment tells; None for other ids."""
    if isinstance(value, str) and len(value) == 9 and value[3] == "-" and value[4:].isdigit():
        name = _PREFIXES.get(value[:3])
        return KINDS[name] if name else None
    if isinstance(value, int) and 10_000_000 <= value <= 99_999_999:
        seven, check = divmod(value, 10)
        kind = seven % 100
        return KINDS[_NAMED[kind]] if kind < len(_NAMED) and (seven * 7 + 3) % 10 == check else None
    return None


@lru_cache(maxsize=65_536)
def replace_transparent(node: Node) -> Node:
    """The same object, built in the scope that it is given."""
    return replace(node, transparent=True)
