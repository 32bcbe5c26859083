"""Replies about any JSON output, in words: counts, names, the salient fields; never raw JSON or identifiers."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any

from magnet_ray.phrases import Tell
from magnet_ray.teacher.verbs import is_plural, singular, spelled, split_identifier, word_list
from magnet_ray.wording import article, clock, listing, number, plural, spoken_date

_LABELS = ("name", "title", "full name", "label", "headline", "display name", "symbol", "username", "text", "city", "code", "url", "id")
_SALIENT = word_list(
    """
    name title full label headline status result answer message price amount total count score rating value rate
    temperature date time start end duration city country location address email phone type category symbol currency
    author description summary text success id code url link
    """
)
_NOISE = frozenset(
    word_list(
        """
    statuscode status code timestamp request page pages offset limit per took etag version hash cursor thumbnail
    image img icon logo avatar lang locale meta
    """
    )
)
_WRAPPERS = frozenset(
    word_list(
        """
    data result results response items records rows body payload output list entries content hits value
    """
    )
)
_DATE = re.compile(r"(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(?::\d{2})?(?:\.\d+)?(?:Z|[+-]\d{2}:?\d{2})?)?")
_TIME = re.compile(r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?")
_LONG = 140


@dataclass(frozen=True, slots=True)
class Finding:
    """What an output says, in words."""

    subject: str
    """Name of the thing that was found; may be empty."""
    facts: tuple[tuple[str, str], ...]
    """(what, value in words), the most salient first."""
    items: tuple[str, ...]
    """Names of the items of a list, with a detail each where there is one."""
    count: int
    """Number of items; -1 when the output is no list."""
    noun: str
    """What one item is called."""
    scalar: str
    """A bare value in words; may be empty."""
    empty: bool = False
    """Whether the output itself was empty."""
    truth: bool | None = None
    """A bare yes or no."""


def derive_tells(noun: str, value_noun: str, *, lookup: bool, seed: int) -> tuple[Tell, ...]:
    """Five replies about the outputs of one function.

    Args:
        noun: what one result is called.
        value_noun: what a bare value is called.
        lookup: whether the function hands something over, rather than doing something.
        seed: chooses the wordings.
    """
    rng = Random(seed)
    variants = rng.sample(range(4), 4)
    return tuple(partial(_tell, noun=noun, value_noun=value_noun, lookup=lookup, variant=variant) for variant in variants)


def _tell(arguments: Mapping[str, Any], output: Any, *, noun: str, value_noun: str, lookup: bool, variant: int) -> str:
    """One reply about an output."""
    finding = read_output(output, noun, value_noun)
    text = _sentence(finding, variant, lookup=lookup)
    return re.sub(r"None", "none", re.sub(r"\s+", " ", text)).strip()


def read_output(output: Any, noun: str, value_noun: str = "result") -> Finding:
    """What an output says: its list, its record or its bare value."""
    key, focus = _unwrapped(output, "")
    if isinstance(focus, list):
        return _read_list(focus, _item_noun(key, noun))
    if isinstance(focus, Mapping):
        if len(focus) > 1 and all(isinstance(item, Mapping) and not _field(name) for name, item in focus.items()):
            return _read_list(list(focus.values()), _item_noun(key, noun))
        return _read_record(focus, noun)
    if isinstance(focus, bool):
        return Finding("", (), (), -1, _field(key) or value_noun, "yes" if focus else "no", truth=focus)
    if key.lower().startswith("error") and (text := value_in_words(focus)):
        return Finding("", (("error", text),), (), -1, noun, "")
    return Finding("", (), (), -1, _field(key) or value_noun, value_in_words(focus), empty=focus in (None, "", {}))


def _unwrapped(output: Any, key: str) -> tuple[str, Any]:
    """The part of an output that matters: inside `data`, `result` and their like, past counters."""
    for _ in range(6):
        if isinstance(output, str) and output.lstrip()[:1] in ("{", "["):
            output = _parsed(output)
        if not isinstance(output, Mapping) or not output:
            break
        telling = {name: value for name, value in output.items() if not _is_noise(name) and value not in (None, "", [], {})}
        if len(telling) == 1:
            key, output = next((str(name), value) for name, value in telling.items())
            continue
        wrapper = next((name for name in telling if str(name).lower() in _WRAPPERS and isinstance(telling[name], list | dict)), None)
        lists = [name for name, value in telling.items() if isinstance(value, list) and value and isinstance(value[0], Mapping)]
        if wrapper is None and len(lists) == 1 and not any(name in {"name", "title"} for name in telling):
            wrapper = lists[0]
        if wrapper is None:
            break
        key, output = str(wrapper), output[wrapper]
    return key, output


def _parsed(text: str) -> Any:
    """JSON that came as text; the text itself, without its brackets, when it is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return re.sub(r'[{}\[\]"]', " ", text)


def _is_noise(key: Any) -> bool:
    words = split_identifier(str(key))
    return not words or (all(word in _NOISE for word in words) and words != ["status"])


def _field(key: Any) -> str:
    """A key in plain words, or an empty text when it is no word."""
    words = [spelled(word) for word in split_identifier(str(key)) if re.fullmatch(r"[a-z0-9]+", word)]
    text = " ".join(words)
    if (
        not re.search(r"[A-Za-z]{2}", text)
        or len(text) > 40
        or len(words) > 5
        or text.lower() in _WRAPPERS
        or re.search(r"[a-z]\d{3}|\d[a-z]+\d", text)
    ):
        return ""
    return text


def _item_noun(key: str, noun: str) -> str:
    field = _field(key)
    return singular(field) if field and is_plural(field.split()[-1]) and len(field.split()) <= 3 else noun


def value_in_words(value: Any) -> str:
    """A scalar for a reply; an empty text when there is nothing to say about it."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return _number(value)
    if not isinstance(value, str):
        return ""
    text = re.sub(r"<[^<>]{1,200}>", " ", value)
    text = re.sub(r"\s+", " ", "".join(letter if letter.isprintable() else " " for letter in text)).strip()
    if not text or text.lower() in {"none", "null", "nan", "undefined", "n/a", "str", "string"} or text[0] in "{[":
        return ""
    match = _DATE.fullmatch(text)
    if match and (day := _day(match.group(1))):
        return f"{day} at {clock(match.group(2))}" if match.group(2) and _TIME.fullmatch(match.group(2)) else day
    if _TIME.fullmatch(text):
        return clock(text)
    if re.fullmatch(r"[a-z]+(_[a-z]+)+|[A-Z]+(_[A-Z]+)+", text):
        return text.replace("_", " ").lower()
    return shortened(text).rstrip(".")


def _day(iso: str) -> str:
    try:
        return spoken_date(iso, "")[0]
    except ValueError:
        return ""


def _number(value: float) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return ""
    if isinstance(value, int) and value.bit_length() > 90:
        return "a very large number"
    if isinstance(value, float) and (abs(value) >= 1e15 or 0 < abs(value) < 0.01):
        return f"{value:.3g}"
    return number(value)


def shortened(text: str, limit: int = _LONG) -> str:
    """A text cut at a word boundary."""
    if len(text) <= limit:
        return text
    if " " not in text[:limit]:
        return f"{text[: limit - 1]}…"
    return f"{text[:limit].rsplit(' ', 1)[0].rstrip(' ,;:.-')}…"


def _read_list(items: Sequence[Any], noun: str) -> Finding:
    names: list[str] = []
    for item in items[:40]:
        text = _item(item)
        if text and text not in names:
            names.append(text)
    return Finding("", (), tuple(names), len(items), noun, "")


def _item(item: Any) -> str:
    """A list's item by its name and one detail."""
    if isinstance(item, list):
        return ""
    if not isinstance(item, Mapping):
        return shortened(value_in_words(item), 60)
    facts = _facts(item)
    label = next(
        (
            value
            for wanted in _LABELS
            for name, value in facts
            if name.lower() == wanted or (name.lower().endswith(f" {wanted}") and wanted in {"name", "title"})
        ),
        "",
    )
    label = shortened(label, 60)
    rest = [
        (name, value)
        for name, value in facts
        if value != label and len(value) <= 40 and not name.lower().endswith(("id", "url")) and not value.startswith("http")
    ]
    if not label and facts:
        name, value = facts[0]
        return f"{name} {shortened(value, 50)}"
    return f"{label} ({rest[0][0]} {rest[0][1]})" if label and rest else label


def _facts(record: Mapping[Any, Any]) -> list[tuple[str, str]]:
    """The fields of a record in words, the most salient first."""
    found: list[tuple[int, int, str, str]] = []
    seen: set[str] = set()
    for place, (key, value) in enumerate(record.items()):
        name = _field(key)
        if (not name and len(record) > 3) or name in seen or place > 200:
            continue
        if isinstance(value, list) and value and not isinstance(value[0], list | dict):
            parts = [text for text in (shortened(value_in_words(x), 40) for x in value[:20]) if text]
            text = listing(parts, limit=3) if parts else ""
        elif isinstance(value, list) and value:
            name, text = f"number of {name}", number(len(value))
        elif isinstance(value, Mapping):
            inner = [(n, v) for n, v in ((_field(k), value_in_words(v)) for k, v in value.items()) if n and v]
            label = next(
                (
                    v
                    for n, v in inner
                    if n in {"name", "title", "value", "text", "message", "information", "detail", "reason", "description"}
                ),
                "",
            )
            text = label
        else:
            text = value_in_words(value)
        if not text:
            continue
        seen.add(name)
        words = name.lower().split() or ["value"]
        if words[0] in {"error", "errors"}:
            found.append((-1, place, "error", text))
            continue
        late = (
            75
            if isinstance(value, bool)
            else 80
            if words[:2] == ["number", "of"]
            else 60
            if text.startswith("http") or _is_noise(key)
            else 0
        )
        score = late + min((_SALIENT.index(word) for word in words if word in _SALIENT), default=len(_SALIENT))
        found.append((score, place, name or "value", text))
    return [(name, text) for _, _, name, text in sorted(found)]


def _read_record(record: Mapping[Any, Any], noun: str) -> Finding:
    facts = _facts(record)
    if len(facts) < 2:
        inner = [
            (f"{_field(key)} {name}".strip(), text)
            for key, value in list(record.items())[:6]
            if isinstance(value, Mapping)
            for name, text in _facts(value)[:2]
        ]
        facts += [(name, text) for name, text in inner if len(name.split()) <= 6 and (name, text) not in facts]
    subject = next((value for name, value in facts if name.lower() in {"name", "title", "full name", "headline"} and len(value) < 80), "")
    return Finding(subject, tuple(facts[:5]), (), -1, noun, "", empty=not record)


def _sentence(finding: Finding, variant: int, *, lookup: bool) -> str:
    if finding.count >= 0:
        return _list_sentence(finding, variant)
    if finding.truth is not None:
        return _truth_sentence(finding, variant, lookup=lookup)
    if finding.scalar:
        return _scalar_sentence(finding, variant)
    if finding.facts:
        return _record_sentence(finding, variant, lookup=lookup)
    empty = (
        "There was nothing to show for that.",
        "Nothing came back this time.",
        "That gave no results.",
        "I looked, but nothing turned up.",
    )
    thin = (
        "That went through.",
        "It's there, without further details.",
        "The request went through.",
        "That worked, though there is little to report.",
    )
    done = ("That's done.", "All done.", "Done, with nothing further to report.", "It went through.")
    return (done if not lookup else empty if finding.empty else thin)[variant]


def _list_sentence(finding: Finding, variant: int) -> str:
    if finding.count == 0:
        many = _many(finding.noun)
        return (f"I found no {many}.", f"There are no {many} to show.", f"No {many} turned up.", f"The search gave no {many}.")[variant]
    counted = _counted(finding.count, finding.noun)
    if not finding.items:
        return (
            f"I found {counted}.",
            f"There {'is' if finding.count == 1 else 'are'} {counted}.",
            f"That gave {counted}.",
            f"{_cap(counted)} came up.",
        )[variant]
    shown = listing(finding.items, limit=3)
    if len(finding.items) < finding.count or len(finding.items) > 3:
        shown = listing(finding.items[:3], limit=3)
        among = "starting with" if finding.count > 1 else "namely"
        return (
            f"I found {counted}, among them {shown}.",
            f"There are {counted}, {among} {shown}.",
            f"The first ones are {shown}; there are {number(finding.count)} in all.",
            f"{_cap(counted)} came up, for example {finding.items[0]}{' and ' + finding.items[1] if len(finding.items) > 1 else ''}.",
        )[variant]
    is_or_are = "is" if finding.count == 1 else "are"
    return (
        f"I found {counted}: {shown}.",
        f"Here's what came back: {shown}.",
        f"There {is_or_are} {counted}, namely {shown}.",
        f"{_cap(counted)} came up: {shown}.",
    )[variant]


def _counted(count: int, noun: str) -> str:
    return f"{number(count)} {noun if count == 1 else _many(noun)}"


def _many(noun: str) -> str:
    last = noun.split()[-1]
    if is_plural(last):
        return noun
    if last.lower() in {
        "information",
        "data",
        "news",
        "media",
        "weather",
        "details",
        "music",
        "content",
        "feedback",
        "traffic",
        "metadata",
        "history",
        "statistics",
    }:
        return f"{noun} entries"
    return plural(2, noun)[2:]


def _truth_sentence(finding: Finding, variant: int, *, lookup: bool) -> str:
    if not lookup or {"success", "ok", "successful", "succeeded"} & set(finding.noun.lower().split()):
        done = ("That worked.", "Done, it went through.", "That's been done.", "It went through without a problem.")
        failed = ("That didn't go through.", "It didn't work this time.", "That was not successful.", "No luck, it did not go through.")
        return (done if finding.truth else failed)[variant]
    if finding.truth:
        return ("Yes, that's right.", "The answer is yes.", "Yes, it checks out.", "It came back as a yes.")[variant]
    return ("No, that's not the case.", "The answer is no.", "No, it doesn't look like it.", "It came back as a no.")[variant]


def _scalar_sentence(finding: Finding, variant: int) -> str:
    noun = finding.noun if len(finding.noun) < 40 else "result"
    verb = "are" if is_plural(noun.split()[-1]) else "is"
    value = finding.scalar
    if len(value.split()) > 6:
        return (
            f'The answer reads: "{value}"',
            f"Here's what it says: {value}.",
            f"This is what I got: {value}.",
            f"It came back with the following: {value}.",
        )[variant]
    return (f"The {noun} {verb} {value}.", f"The answer is {value}.", f"It comes out as {value}.", f"I got {value} as the {noun}.")[variant]


def _record_sentence(finding: Finding, variant: int, *, lookup: bool) -> str:
    if finding.facts[0][0] == "error":
        reason = finding.facts[0][1]
        return (
            f"That didn't work: {reason}.",
            f"There was an error: {reason}.",
            f"It failed with this message: {reason}.",
            f"No luck, the answer was: {reason}.",
        )[variant]
    facts = [(name, value) for name, value in finding.facts if value != finding.subject]
    stated = [_fact(name, value) for name, value in facts]
    if not stated:
        return (
            f"I found {finding.subject}.",
            f"It's {finding.subject}.",
            f"The name is {finding.subject}.",
            f"That would be {finding.subject}.",
        )[variant]
    if variant == 0:
        lead = f"For {finding.subject}, " if finding.subject else ""
        return f"{_cap(lead + listing(stated[:3], limit=3))}."
    if variant == 1:
        pairs = listing(
            [f"{name} {value}" for name, value in facts[:3] if len(value) <= 60] or [f"{name} {value}" for name, value in facts[:1]],
            limit=3,
        )
        about = f" on {finding.subject}" if finding.subject and lookup else ""
        return f"{'Here is what I have' if lookup else 'That went through'}{about}: {pairs}."
    if variant == 2:
        head = (
            f"I found {finding.subject}."
            if finding.subject and lookup
            else f"It's about {finding.subject}."
            if finding.subject
            else "All set."
            if not lookup
            else ""
        )
        return f"{head} {_cap(listing(stated[:2], limit=3))}.".strip()
    shown = [
        f"{name if is_plural(name.split()[-1]) else article(name)} of {value}"
        for name, value in facts[:3]
        if len(value) < 60 and value not in {"yes", "no"}
    ]
    if not shown:
        return f"{_cap(stated[0])}."
    return f"{finding.subject or 'It'} shows {listing(shown, limit=3)}."


def _fact(name: str, value: str) -> str:
    if value in {"yes", "no"}:
        return f"it says {value} for {name}"
    if len(value.split()) > 6:
        return f'the {name} reads "{value}"'
    return f"the {name} {'are' if is_plural(name.split()[-1]) else 'is'} {value}"


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]
