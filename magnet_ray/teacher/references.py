"""How a person refers to something that an earlier output showed: `the cheapest one`, `the booking you just made`.

A reference must be unambiguous for whoever heard of the output: an ordinal counts what the closing message read out, a superlative
is used only where one item holds it and the message said so of every item. Of what nobody has heard yet, people say what sets it
apart: `the cheapest one`, `the Old Town restaurant`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from typing import Any

from magnet_ray.json_paths import split_path, value_at
from magnet_ray.teacher.shown import NOTHING_SHOWN, Shown

SUPERLATIVES: tuple[tuple[str, str, str], ...] = (
    (r"due|deadline", "that's due first", "that's due last"),
    (r"expir|valid_", "that expires first", "that expires last"),
    (r"clos(es|ing)", "that closes first", "that closes last"),
    (r"temperature", "coldest", "warmest"),
    (r"weight|_kg$", "lightest", "heaviest"),
    (r"salary|wage", "lowest-paid", "best-paid"),
    (r"price|cost|fare|fee|rent|total|charge|amount|deposit", "cheapest", "most expensive"),
    (r"test_score|points", "lowest-scoring", "highest-scoring"),
    (r"rating|stars|score", "lowest-rated", "best-rated"),
    (r"distance|_km$|_miles$|km_", "closest", "farthest"),
    (r"duration|minutes|hours|length|pages", "shortest", "longest"),
    (r"depart|start|date|opens|time$", "earliest", "latest"),
    (r"capacity|seats|beds|sleeps|size|area", "smallest", "largest"),
    (r"(^|_)year$|founded", "oldest", "newest"),
)
"""(field, word for its lowest value, word for its highest)."""
UNRANKED = re.compile(r"delay|wait|late|remaining|left|weeks|used|owed|refund")
"""Fields for whose values people have no adjective: the train that is late is not `the longest train`."""
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
    """Whether nothing else of that noun was spoken of since, so that `that restaurant` can only be this one."""
    single_list: bool = True
    """Whether nothing like its list was shown with it or since, so that `the first one` can only be on it."""
    shown: Shown = NOTHING_SHOWN
    """The message that told of the output; empty for this turn."""
    listed: bool = True
    """Whether its list was told of at all, rather than only the one item that the turn was about."""


def superlatives(items: Sequence[Any], index: int, shown: Shown | None = None) -> list[str]:
    """Superlatives that hold for one item of a list and for no other; with `shown`, only those that a reader of it can see."""
    found = []
    item = items[index]
    if len(items) < 2 or not isinstance(item, dict):
        return []
    used: set[str] = set()
    dated = any(isinstance(value, str) and _DATE.match(value) for value in item.values())
    for key, value in item.items():
        rank = _rank_of(key)
        # Of two prices the first one counts, or "cheapest" would name two items; without its date a time says nothing.
        if rank is None or rank[0] in used or (dated and isinstance(value, str) and _TIME.fullmatch(value)):
            continue
        values: list[Any] = [other.get(key) for other in items if isinstance(other, dict)]
        if len(values) != len(items) or not _comparable(values):
            continue
        pattern, lowest, highest = rank
        used.add(pattern)
        if values.count(value) == 1 and value in (min(values), max(values)) and (shown is None or shown.compared(items, key)):
            found += [lowest] if value == min(values) else []
            found += [highest] if value == max(values) else []
    return found


@lru_cache(maxsize=4_096)
def _rank_of(key: str) -> tuple[str, str, str] | None:
    """The entry of `SUPERLATIVES` that a field falls under."""
    return None if UNRANKED.search(key) else next((entry for entry in SUPERLATIVES if re.search(entry[0], key)), None)


def ranked(superlative: str, noun: str) -> str:
    """A noun with its superlative: `cheapest room`, `loan that's due first`."""
    return f"{noun} {superlative}" if superlative.startswith("that") else f"{superlative} {noun}".strip()


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
        whole = referent.turns_ago == 1 and len(referent.shown.named(value)) == len(value)
        return rng.choice(("those", "these", "the ones you just listed")) if whole else None
    place = list_place(referent.path) if referent.listed else None
    seen = referent.turns_ago > 0
    options: list[tuple[int, str]] = []
    if place and identifies_item(referent.output, referent.path):
        options = _item_words(referent, value_at(referent.output, place[0]), place[1])
        options = [option for option in options if elliptic or not re.search(r"\bone\b|of those", option[1])]
    elif not place and referent.unique and (not seen or _known_by(referent, value)):
        options = _record_words(referent)
    if seen and is_sayable(value) and referent.shown.says(value):
        options.append((3 if referent.turns_ago < 2 else 5, value))
    return rng.choices([words for _, words in options], [weight for weight, _ in options])[0] if options else None


def _known_by(referent: Referent, value: Any) -> bool:
    """Whether who heard of a record knows the value: it is what the record is called by, or it was said."""
    output = referent.output
    first = not referent.listed or not isinstance(output, dict) or referent.path == next(iter(output), None)
    return first or referent.shown.says(value)


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


def ordinal_words(noun: str, place: int, *, turns_ago: int) -> str | None:
    """`the third trainer you listed`, or None beyond the ordinals that people use.

    Args:
        noun: what the items are called.
        place: how many were read out before it.
        turns_ago: turns since the list.
    """
    if place >= len(ORDINALS):
        return None
    return f"the {ORDINALS[place]} {noun} {'you listed' if turns_ago == 1 else 'on that earlier list'}"


def _item_words(referent: Referent, items: list[Any], index: int) -> list[tuple[int, str]]:
    noun, ago = referent.noun, referent.turns_ago
    if len(items) == 1:
        return ([(1, f"the {noun} you find")] if ago == 0 else _record_words(referent)) if referent.unique or ago == 0 else []
    if ago == 0:
        return _unseen_words(referent, items, index)
    sibling = _sibling_name(items, index, value_at(referent.output, referent.path))
    named = _named(sibling, noun) if referent.shown.says(sibling) else []
    if not referent.single_list:
        return named
    words = _ordinal_options(referent, items, index)
    for superlative in superlatives(items, index, referent.shown):
        words += _ranked_options(noun, superlative) if ago == 1 else [(2, f"the {ranked(superlative, noun)} from that earlier list")]
    return words + named


def _named(sibling: str, noun: str) -> list[tuple[int, str]]:
    return [(3, f"the {sibling} {noun}")] if sibling and noun.lower() not in sibling.lower() else []


def _ranked_options(noun: str, superlative: str) -> list[tuple[int, str]]:
    words = [(2, f"the {ranked(superlative, noun)}"), (3, f"the {ranked(superlative, 'one')}")]
    return words if superlative.startswith("that") else [*words, (1, f"the {superlative} of those")]


def _ordinal_options(referent: Referent, items: list[Any], index: int) -> list[tuple[int, str]]:
    noun, ago, order = referent.noun, referent.turns_ago, referent.shown.order(items)
    if index not in order or len(order) < 2:
        return []
    place = order.index(index)
    ordinal = ordinal_words(noun, place, turns_ago=ago)
    words = [(1, ordinal)] if ordinal else []
    if ordinal and ago == 1:
        words.append((1, f"the {ORDINALS[place]} one"))
    if place == len(items) - 1:
        words.append((1, f"the last {noun} on that {'earlier ' if ago > 1 else ''}list"))
    return words


def _unseen_words(referent: Referent, items: list[Any], index: int) -> list[tuple[int, str]]:
    """Words by what an item is, for somebody who has not seen the list that it is on."""
    noun = referent.noun
    named = _named(_sibling_name(items, index, value_at(referent.output, referent.path)), noun)
    if not referent.single_list:
        return named
    words = [option for superlative in superlatives(items, index) for option in _ranked_options(noun, superlative)]
    return words + named + [(1, f"the {end} {noun}") for end in time_ends(items, index)]


def time_ends(items: Sequence[Any], index: int) -> list[str]:
    """`earliest` or `latest` for the ends of a plain list of times or dates."""
    if len(items) < 2 or not all(isinstance(item, str) for item in items) or not _comparable(items):
        return []
    ends = {"earliest": min(items), "latest": max(items)}
    return [word for word, end in ends.items() if items[index] == end and items.count(end) == 1]


def stands_out(items: Sequence[Any], index: int, itself: Any) -> bool:
    """Whether words can single out an item for somebody who has not seen its list."""
    return len(items) == 1 or bool(superlatives(items, index) or time_ends(items, index) or _sibling_name(items, index, itself))


def _sibling_name(items: Sequence[Any], index: int, itself: Any) -> str:
    item = items[index]
    if not isinstance(item, dict):
        return ""
    for key, value in item.items():
        named = NAME_KEYS.search(key) or not key.endswith(("_id", "code", "language", "status"))
        alone = sum(1 for other in items if isinstance(other, dict) and other.get(key) == value) == 1
        if named and alone and value != itself and is_sayable(value) and len(value.split()) <= 3:
            return str(value)
    return ""


def _record_words(referent: Referent) -> list[tuple[int, str]]:
    noun, deed = referent.noun, "set up" if referent.made else "found" if referent.found else ""
    if referent.turns_ago == 0:
        return [(1, f"that {noun}")]
    if referent.turns_ago == 1:
        words = [(4, f"that {noun}"), (1, f"this {noun}")]
        return [*words, (2, f"the {noun} you just {deed}")] if deed == "set up" else words
    words = [(2, f"the {noun} from earlier"), (1, f"the {noun} we talked about before")]
    return [*words, (2, f"the {noun} you {deed} earlier")] if deed == "set up" else words


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
    value = value_at(output, path)
    found = [*superlatives(items, place[1]), *time_ends(items, place[1])] or [_sibling_name(items, place[1], value)]
    word = rng.choice(found)
    return _with_article(thing, word) if word and word.lower() not in thing.lower() else None


def describe_choice(noun: str, output: Any, path: str, rng: Random) -> str | None:
    """`the earliest free time`: an item of a list that is known by what the request says anyway, or None as in `describe_item`."""
    place = list_place(path)
    if place is None or not identifies_item(output, path):
        return None
    items = value_at(output, place[0])
    if len(items) == 1:
        return rng.choice((f"whatever {noun} is available", f"the {noun} that's available"))
    found = superlatives(items, place[1]) or time_ends(items, place[1])
    if not found:
        return None
    word = rng.choice(found)
    return f"the {ranked(word, f'available {noun}')}" if rng.random() < 0.5 else f"the {ranked(word, noun)} available"


def _with_article(thing: str, adjective: str) -> str:
    if thing.endswith((" of mine", " of ours")):
        thing = f"{'my' if thing.endswith('mine') else 'our'} {thing.rsplit(' of ', 1)[0]}"
    own = re.match(r"(my|our|his|her|their|your) (.+)", thing)
    head, rest = (own.group(1), own.group(2)) if own else ("the", thing)
    return f"{head} {ranked(adjective, rest)}"
