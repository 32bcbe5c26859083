"""How a person refers to something that an earlier output showed: `the cheapest one`, `the booking you just made`.

A reference must be unambiguous for whoever saw the output: a superlative is used only where one item holds it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from magnet_ray.json_paths import leaves, split_path, value_at

SUPERLATIVES: tuple[tuple[str, str, str], ...] = (
    (r"temperature", "coldest", "warmest"),
    (r"weight|_kg$", "lightest", "heaviest"),
    (r"salary|wage", "lowest-paid", "best-paid"),
    (r"price|cost|fare|fee|rent|total|charge|amount|deposit", "cheapest", "most expensive"),
    (r"rating|stars|score", "lowest-rated", "best-rated"),
    (r"distance|_km$|_miles$|km_", "closest", "farthest"),
    (r"duration|minutes|hours|length", "shortest", "longest"),
    (r"depart|start|date|deadline|due|opens|time$", "earliest", "latest"),
    (r"capacity|seats|beds|sleeps|size|area|pages", "smallest", "largest"),
    (r"year|founded", "oldest", "newest"),
)
ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")
_DATE, _TIME = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{2}:\d{2}")
NAME_KEYS = re.compile(r"(^|_)(name|title|label)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Referent:
    """A value inside an output that was shown before."""

    output: Any
    """The whole output."""
    path: str
    """Concrete path of the value."""
    noun: str
    """What a person calls it."""
    turns_ago: int
    """0 for this turn."""
    made: bool
    """Whether the function that gave it made the thing."""
    found: bool
    """Whether that function looked it up."""
    unique: bool
    """Whether no other value of that noun was shown in the conversation."""


def superlatives(items: Sequence[Any], index: int) -> list[str]:
    """Superlatives that hold for one item of a list and for no other."""
    found = []
    item = items[index]
    if len(items) < 2 or not isinstance(item, dict):
        return []
    used: set[str] = set()
    dated = any(isinstance(value, str) and _DATE.match(value) for value in item.values())
    for key, value in item.items():
        if dated and isinstance(value, str) and _TIME.fullmatch(value):
            # Without its date a time of day does not say which is earlier.
            continue
        values: list[Any] = [other.get(key) for other in items if isinstance(other, dict)]
        if len(values) != len(items) or not _comparable(values):
            continue
        for pattern, lowest, highest in SUPERLATIVES:
            # Of two prices the first one counts, or "cheapest" would name two items.
            if re.search(pattern, key) and pattern not in used:
                used.add(pattern)
                if value == min(values) and values.count(value) == 1:
                    found.append(lowest)
                if value == max(values) and values.count(value) == 1:
                    found.append(highest)
                break
    return found


def _comparable(values: Sequence[Any]) -> bool:
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return True
    return all(isinstance(value, str) and (_DATE.match(value) or _TIME.fullmatch(value)) for value in values)


def list_place(path: str) -> tuple[str, int] | None:
    """Path of the innermost list that a concrete path goes through, and the index in it."""
    parts = split_path(path)
    for position in range(len(parts) - 1, -1, -1):
        part = parts[position]
        if isinstance(part, int):
            return _join(parts[:position]), part
    return None


def _join(parts: Sequence[str | int | None]) -> str:
    text = ""
    for part in parts:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text or "$"


def refer(referent: Referent, rng: Random, *, elliptic: bool = True) -> str | None:
    """Words for a value of an earlier output, or None where only the value itself says which one is meant.

    Args:
        referent: the value.
        rng: source of the choice.
        elliptic: whether `the cheapest one` may stand for it; two of these in a sentence cannot be told apart.
    """
    value = value_at(referent.output, referent.path)
    if isinstance(value, list):
        return rng.choice(("those", "these", "the ones you just listed"))
    place = list_place(referent.path)
    seen = referent.turns_ago > 0
    options: list[tuple[int, str]] = []
    if place and identifies_item(referent.output, referent.path):
        options = _item_words(referent, value_at(referent.output, place[0]), place[1])
        options = [option for option in options if elliptic or not re.search(r"\bone\b|of those", option[1])]
    elif not place and (referent.unique or referent.turns_ago < 2):
        options = _record_words(referent)
    if seen and is_sayable(value):
        options.append((2 if referent.turns_ago < 2 else 4, value))
    return rng.choices([words for _, words in options], [weight for weight, _ in options])[0] if options else None


def identifies_item(output: Any, path: str) -> bool:
    """Whether a value is what its item is known by: the item itself or its first field, and no other item's."""
    place = list_place(path)
    if place is None:
        return False
    items, value = value_at(output, place[0]), value_at(output, path)
    item = items[place[1]]
    if not isinstance(item, dict):
        return bool(items.count(item) == 1)
    key = next(iter(item))
    return bool(
        item[key] == value and path.endswith(key) and sum(1 for other in items if isinstance(other, dict) and other.get(key) == value) == 1
    )


def is_sayable(value: Any) -> bool:
    """Whether a value is a name that people say as it is, not a code or a long text."""
    if not isinstance(value, str) or not 2 < len(value) <= 40 or len(value.split()) > 5:
        return False
    return bool(re.fullmatch(r"[A-Z][\w'\u2019&.\-]*( [\w'\u2019&.\-]+)*", value)) and not re.search(r"\d{3}|_", value)


def _item_words(referent: Referent, items: list[Any], index: int) -> list[tuple[int, str]]:
    noun, ago = referent.noun, referent.turns_ago
    if len(items) == 1:
        return _record_words(referent)
    words = []
    for superlative in superlatives(items, index):
        if ago < 2:
            words += [(2, f"the {superlative} {noun}"), (3, f"the {superlative} one"), (1, f"the {superlative} of those")]
        else:
            words.append((2, f"the {superlative} {noun} from that earlier list"))
    if ago == 0:
        return words + ([(1, f"the first {noun} on it"), (1, "the first one")] if index == 0 else [])
    if index < len(ORDINALS) and ago == 1:
        words += [(1, f"the {ORDINALS[index]} {noun} you listed"), (1, f"the {ORDINALS[index]} one")]
    elif index < len(ORDINALS):
        words.append((1, f"the {ORDINALS[index]} {noun} on that earlier list"))
    if index == len(items) - 1:
        words.append((1, f"the last {noun} on that {'earlier ' if ago > 1 else ''}list"))
    sibling = _sibling_name(items, index, value_at(referent.output, referent.path))
    if sibling and noun.lower() not in sibling.lower():
        words.append((3, f"the {sibling} {noun}"))
    return words


def _sibling_name(items: list[Any], index: int, itself: Any) -> str:
    item = items[index]
    if not isinstance(item, dict):
        return ""
    for key, value in item.items():
        named = NAME_KEYS.search(key) or not key.endswith(("_id", "code"))
        alone = sum(1 for other in items if isinstance(other, dict) and other.get(key) == value) == 1
        if named and alone and value != itself and is_sayable(value) and len(value.split()) <= 3:
            return str(value)
    return ""


def _record_words(referent: Referent) -> list[tuple[int, str]]:
    noun, deed = referent.noun, "set up" if referent.made else "found" if referent.found else ""
    if referent.turns_ago == 0:
        return [(1, f"that {noun}")]
    if referent.turns_ago == 1:
        words = [(3, f"that {noun}"), (1, f"the {noun} from just now"), (1, f"this {noun}")]
        return [*words, (2, f"the {noun} you just {deed}")] if deed else words
    words = [(2, f"the {noun} from earlier"), (1, f"the {noun} we talked about before"), (1, f"that earlier {noun}")]
    return [*words, (2, f"the {noun} you {deed} earlier")] if deed else words


def describe_item(thing: str, output: Any, path: str, rng: Random) -> str | None:
    """`the cheapest Thai restaurant`: an item of a list that the user has not seen, from what kind of thing it is.

    Returns None where nothing that the user could know picks that item, or the value is not what it is known by.
    """
    place = list_place(path)
    if place is None:
        first = isinstance(output, dict) and path == next(iter(output), None)
        return _with_article(thing, "") if first or path == "$" else None
    if not identifies_item(output, path):
        return None
    items = value_at(output, place[0])
    if len(items) == 1:
        return _with_article(thing, "")
    found = superlatives(items, place[1])
    if found:
        return _with_article(thing, rng.choice(found))
    return _with_article(thing, "first") + rng.choice((" that comes up", " you find")) if place[1] == 0 else None


def _with_article(thing: str, adjective: str) -> str:
    own = re.match(r"(my|our|his|her|their|your) (.+)", thing)
    head, rest = (own.group(1), own.group(2)) if own else ("the", thing)
    return " ".join(part for part in (head, adjective, rest) if part)


def says_other_values(outputs: Sequence[Any], key: str, value: Any) -> bool:
    """Whether the outputs hold another value than `value` under the same field name."""
    return any(
        isinstance(parts[-1], str) and parts[-1] == key and other != value
        for output in outputs
        for path, other in leaves(output)
        if (parts := split_path(path))
    )
