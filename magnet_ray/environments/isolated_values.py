"""JSON values across the process border: what third-party code returns, holds and is given.

Runs in the worker process, so it imports nothing but small parts of the standard library. Outputs are converted
strictly (what JSON cannot say is refused), states leniently (what JSON cannot say is left out), both within fixed
budgets of values and depth. Sets come out sorted; nothing with a memory address comes out at all.
"""

from __future__ import annotations

import datetime
import decimal
import enum
import json
import math
import numbers
import os
import re
import sys
import types
import typing
from collections import UserString
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, MappingView, Sequence, Set
from itertools import islice
from typing import Any, Final

MAX_VALUES: Final = 50_000
"""Values in one output or state."""
MAX_DEPTH: Final = 40
"""Levels of nesting in one output or state."""
MAX_ITEMS: Final = 50
"""Items taken from an iterator."""
MAX_TEXT: Final = 200
"""Characters of a text that stands for an object."""
_ADDRESS = re.compile(r"\b(at )?0x[0-9a-fA-F]{6,}")
_LEFT_OUT: Final = object()
_OPAQUE = (type, types.ModuleType, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.MethodWrapperType)


class Unserialisable(Exception):
    """A value that cannot be said in JSON within the limits."""


def output_value(value: object) -> Any:
    """The JSON value of a function's result.

    Raises:
        Unserialisable: it has no JSON form, or is too large or too deep.
    """
    return _Projection(lenient=False).of(value, 0)


def state_value(instance: object, hidden: Iterable[str] = ()) -> dict[str, Any]:
    """An instance's attributes (public and private) as a JSON object; a container's content stands under `contents`.

    Raises:
        Unserialisable: it is too large.
    """
    return _Projection(lenient=True, hidden=frozenset(hidden)).attributes(instance, 0)


def without_addresses(text: str) -> str:
    """`text` without memory addresses, which differ from process to process."""
    return _ADDRESS.sub("", text).replace(" >", ">")


class _Projection:
    """One conversion, with its budget."""

    def __init__(self, *, lenient: bool, hidden: frozenset[str] = frozenset()) -> None:
        self._lenient, self._hidden, self._left = lenient, hidden, MAX_VALUES
        self._within: set[int] = set()

    def of(self, value: Any, depth: int) -> Any:
        self._left -= 1
        if self._left < 0:
            raise Unserialisable(f"more than {MAX_VALUES} values")
        if value is None or value is True or value is False:
            return value
        if isinstance(value, enum.Enum):
            return self.of(value.value, depth + 1) if _is_plain(value.value) else value.name
        if isinstance(value, str):
            return str.__str__(value)
        if isinstance(value, UserString):
            return value.data
        if isinstance(value, numbers.Number):
            return self._number(value)
        if depth > MAX_DEPTH:
            return self._refuse(f"nested more than {MAX_DEPTH} levels deep")
        if id(value) in self._within:
            return self._refuse("refers to itself")
        self._within.add(id(value))
        try:
            return self._composite(value, depth + 1)
        finally:
            self._within.discard(id(value))

    def _number(self, value: Any) -> Any:
        if isinstance(value, int):
            return int(value) if -(2**63) <= value < 2**63 else self._refuse("a whole number of more than 64 bits")
        if isinstance(value, complex):
            return {"real": self._number(value.real), "imag": self._number(value.imag)}
        try:
            plain = float(value)
        except (TypeError, ValueError, OverflowError):
            return self._refuse(f"a {type(value).__name__} that is no ordinary number")
        if not math.isfinite(plain):
            return str(plain) if self._lenient else self._refuse("a number that is not finite")
        return int(value) if isinstance(value, numbers.Integral) else plain

    def _composite(self, value: Any, depth: int) -> Any:
        if isinstance(value, bytes | bytearray):
            return _text_of_bytes(bytes(value))
        if isinstance(value, Mapping):
            return self._held_mapping(value, depth) if self._lenient else self._mapping(value, depth)
        if isinstance(value, tuple) and hasattr(value, "_asdict"):
            return self._mapping(value._asdict(), depth)
        if isinstance(value, Set) and not isinstance(value, MappingView):
            return sorted(self._items(value, depth), key=_sort_key)
        if isinstance(value, Sequence | MappingView) or type(value).__name__ in {"deque", "array"}:
            return self._items(value, depth)
        if isinstance(value, Iterator):
            return self._refuse("an iterator") if self._lenient else self._items(islice(value, MAX_ITEMS), depth)
        return self._object(value, depth)

    def _held_mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        attributes = self.attributes(value, depth) if type(value) is not dict else {}
        return attributes if attributes.keys() - {"contents"} else self._mapping(value, depth)

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        pairs = ((self._key(key), self.of(item, depth)) for key, item in list(value.items()))
        return {key: item for key, item in pairs if key is not _LEFT_OUT and item is not _LEFT_OUT}

    def _key(self, key: Any) -> Any:
        if isinstance(key, enum.Enum):
            key = key.value if _is_plain(key.value) else key.name
        if isinstance(key, str):
            return str.__str__(key)
        if key is None or isinstance(key, int | float | datetime.date | decimal.Decimal):
            return str(key)
        if isinstance(key, tuple) and all(_is_plain(part) for part in key):
            return ", ".join(map(str, key))
        return self._refuse(f"a {type(key).__name__} as a key")

    def _items(self, value: Iterable[Any], depth: int) -> list[Any]:
        return [item for item in (self.of(item, depth) for item in value) if item is not _LEFT_OUT]

    def _object(self, value: Any, depth: int) -> Any:
        if isinstance(value, _OPAQUE) or _is_random(value):
            return self._refuse(f"a {type(value).__name__}")
        if isinstance(value, datetime.date | datetime.time):
            return value.isoformat()
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if hasattr(value, "tolist") and hasattr(value, "dtype"):
            return self.of(value.tolist(), depth)
        if hasattr(type(value), "model_dump"):
            return self.of(value.model_dump(), depth)
        if self._lenient:
            return self.attributes(value, depth) or _LEFT_OUT
        public = {name: item for name, item in _attributes(value).items() if not name.startswith("_")}
        if public and not isinstance(value, BaseException):
            return self._mapping(public, depth)
        text = str(value)
        return text if len(text) <= MAX_TEXT and not _ADDRESS.search(text) else self._refuse(f"a {type(value).__name__}")

    def attributes(self, value: object, depth: int) -> dict[str, Any]:
        # The private attributes of a container are its bookkeeping (indexes, caches): its content is its state.
        # A text that is a container contains texts of its own kind, without end: its characters stand in an attribute.
        content = value if isinstance(value, Collection) and not isinstance(value, str | UserString) else None
        found = {}
        for name, item in sorted(_attributes(value).items()):
            if name in self._hidden or (content is not None and name.startswith("_")):
                continue
            projected = self.of(item, depth + 1)
            if projected is not _LEFT_OUT:
                found[name] = projected
        if isinstance(value, Mapping):
            found["contents"] = self._mapping(value, depth + 1)
        elif isinstance(value, Set):
            found["contents"] = sorted(self._items(value, depth + 1), key=_sort_key)
        elif content is not None:
            found["contents"] = self._items(list(content), depth + 1)
        return found

    def _refuse(self, what: str) -> Any:
        if self._lenient:
            return _LEFT_OUT
        raise Unserialisable(what)


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float)


def _sort_key(value: Any) -> tuple[str, Any, str]:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return ("number", value, "") if number else (type(value).__name__, 0, json.dumps(value, sort_keys=True))


def _is_random(value: object) -> bool:
    random = sys.modules.get("random")
    return random is not None and isinstance(value, random.Random)


def _attributes(value: object) -> dict[str, Any]:
    found = dict(getattr(value, "__dict__", {}))
    for kind in type(value).__mro__:
        slots = kind.__dict__.get("__slots__", ())
        for name in (slots,) if isinstance(slots, str) else slots:
            if name not in {"__dict__", "__weakref__"} and hasattr(value, name):
                found[name] = getattr(value, name)
    return found


def _text_of_bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value.hex()


Coercion = Callable[[Any], Any]


def coercion_of(hint: Any) -> Coercion | None:
    """How a JSON value becomes a value of the hinted type; None when it may stay as it is."""
    origin, parameters = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Annotated:
        return coercion_of(parameters[0])
    if origin is typing.Union or origin is types.UnionType:
        return _any_of([_PASS if part in {str, int, float, bool} else coercion_of(part) for part in parameters if part is not type(None)])
    if origin is not None:
        return _container(origin, parameters)
    return _scalar(hint)


def _PASS(value: Any) -> Any:
    return value


def _any_of(options: Sequence[Coercion | None]) -> Coercion | None:
    known = [option for option in options if option is not None and option is not _PASS]
    if not known:
        return None

    def convert(value: Any) -> Any:
        for option in known:
            try:
                return option(value)
            except (TypeError, ValueError, ArithmeticError, AttributeError):
                continue
        return value

    return convert


def _container(origin: Any, parameters: tuple[Any, ...]) -> Coercion | None:
    item = coercion_of(parameters[0]) if parameters and parameters[0] is not Ellipsis else None
    if origin in {tuple, set, frozenset}:
        return lambda value: origin(map(item, value) if item else value)
    if item and isinstance(origin, type) and issubclass(origin, Iterable) and not issubclass(origin, Mapping):
        return lambda value: [item(part) for part in value]
    if isinstance(origin, type) and issubclass(origin, Mapping) and len(parameters) == 2:
        key, inner = (int if parameters[0] is int else None), coercion_of(parameters[1])
        if key or inner:
            return lambda value: {(key or _PASS)(name): (inner or _PASS)(part) for name, part in value.items()}
    return None


def _scalar(hint: Any) -> Coercion | None:
    if not isinstance(hint, type):
        return None
    if hint in {datetime.date, datetime.datetime, datetime.time}:
        return lambda value: hint.fromisoformat(value)
    if hint is datetime.timedelta:
        return _duration
    if hint is decimal.Decimal:
        return lambda value: decimal.Decimal(str(value))
    if hint is bytes:
        return lambda value: value.encode()
    if hint in {tuple, set, frozenset, complex} or issubclass(hint, enum.Enum | os.PathLike) or hint.__name__ == "Fraction":
        return lambda value: hint(value)
    if hasattr(hint, "__dataclass_fields__"):
        return lambda value: hint(**value)
    return None


def _duration(value: Any) -> datetime.timedelta:
    if isinstance(value, int | float):
        return datetime.timedelta(seconds=value)
    match = re.fullmatch(r"P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?", value)
    if not match:
        raise ValueError(f"no ISO 8601 duration: {value!r}")
    days, hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return datetime.timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
