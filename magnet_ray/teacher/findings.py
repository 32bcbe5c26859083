"""Reading any JSON output: its list, its record or its bare value, in words and with the salient fields first.

What a reply should not say is left out: counters and other noise, what the request itself gave, raw JSON and
identifiers of fields.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from magnet_ray.field_kinds import kind_of
from magnet_ray.teacher.verbs import is_plural, singular, spelled, split_identifier, word_list
from magnet_ray.wording import clock, listing, number, pluralise, spoken_date

_LABELS = (
    "name",
    "title",
    "full name",
    "label",
    "headline",
    "display name",
    "symbol",
    "username",
    "text",
    "product",
    "address",
    "city",
    "code",
)
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
_PROSE = frozenset(
    word_list("remark comment text joke saying fact riddle tweet content message body question quote review description excerpt snippet")
)
"""Fields that are quoted rather than summed up."""
_COUNTERS = frozenset(word_list("total count total_count totalcount num_results success ok status result_count"))
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


def read_output(output: Any, noun: str, value_noun: str = "result", said: frozenset[str] = frozenset()) -> Finding:
    """What an output says: its list, its record or its bare value.

    Args:
        output: any JSON value.
        noun: what one result is called.
        value_noun: what a bare value is called.
        said: values in words that the request gave, which a reply need not repeat.
    """
    key, focus = _unwrapped(output, "")
    if isinstance(focus, list):
        return _read_list(focus, _item_noun(key, noun), said)
    if isinstance(focus, Mapping):
        if len(focus) > 1 and all(isinstance(item, Mapping) and not _field(name) for name, item in focus.items()):
            return _read_list(list(focus.values()), _item_noun(key, noun), said)
        return _read_record(focus, noun, said)
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
        lists = {name: value for name, value in output.items() if isinstance(value, list) and value}
        if len(lists) == 1 and all(str(name).lower() in _COUNTERS or _is_noise(name) for name in output if name not in lists):
            key, output = next((str(name), value) for name, value in lists.items())
            continue
        telling = {name: value for name, value in output.items() if not _is_noise(name) and value not in (None, "", [], {})}
        if len(telling) == 1:
            key, output = next((str(name), value) for name, value in telling.items())
            continue
        wrapper = next((name for name in telling if str(name).lower() in _WRAPPERS and isinstance(telling[name], list | dict)), None)
        records = [name for name, value in telling.items() if isinstance(value, list) and value and isinstance(value[0], Mapping)]
        if wrapper is None and len(records) == 1 and not any(name in {"name", "title"} for name in telling):
            wrapper = records[0]
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


_AT: Mapping[str, str] = {
    "published": "publication date",
    "expires": "expiry date",
    "modified": "last change",
    "scanned": "scan date",
    "reset": "reset date",
}
"""`published_at` and its like in words."""


def _field(key: Any) -> str:
    """A key in plain words, or an empty text when it is no word."""
    words = [spelled(word) for word in split_identifier(str(key)) if re.fullmatch(r"[a-z0-9]+", word)]
    if len(words) > 1 and words[-1] == "at":
        words = [
            "creation" if words[-2] == "created" else "last update" if words[-2] == "updated" else _AT.get(words[-2], f"{words[-2]} date")
        ]
        words = words[0].split() + (["date"] if words[0] == "creation" else [])
    if len(words) > 1 and words[-1] == "count":
        words = [*words[:-2], words[-2] if is_plural(words[-2]) else pluralise(words[-2])]
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


def _read_list(items: Sequence[Any], noun: str, said: frozenset[str]) -> Finding:
    names: list[str] = []
    for item in items[:40]:
        text = _item(item, noun, said)
        if text and text not in names:
            names.append(text)
    return Finding("", (), tuple(names), len(items), noun, "")


def _item(item: Any, noun: str, said: frozenset[str]) -> str:
    """A list's item by its name and one detail, or by its two most salient details."""
    if isinstance(item, list):
        return ""
    if not isinstance(item, Mapping):
        return shortened(value_in_words(item), 60)
    facts = _facts(item)
    label = next(
        (
            value
            for wanted in (*_LABELS, noun.split()[-1].lower())
            for name, value in facts
            if name.lower() == wanted or (name.lower().endswith(f" {wanted}") and wanted in {"name", "title", "headline"})
        ),
        "",
    )
    label = label or next((value for name, value in facts if (kind := kind_of(name)) and kind.named and not value[0].isdigit()), "")
    label = label or next((value for name, value in facts if _names_thing(value)), "")
    prose = next((value for name, value in facts if len(value.split()) > 3 and name.lower().split()[-1] in _PROSE), "")
    if prose and prose != label and prose not in said:
        return f'{label}: "{shortened(prose, 90)}"' if label and label != prose else f'"{shortened(prose, 90)}"'
    rest = [
        (name, value)
        for name, value in facts
        if value not in said and value != label and len(value) <= 40 and not _is_key(name) and value not in {"yes", "no"}
    ]
    if not label:
        told = rest[:2] or facts[:1]
        return listing([detail(name, shortened(value, 50)) for name, value in told])
    label = shortened(label, 60)
    rest = [(name, value.split(" at ")[0]) for name, value in rest]
    rest = [fact for fact in rest if not fact[0].endswith("date")] or rest
    return f"{label} ({detail(*rest[0])})" if rest else label


def detail(name: str, value: str) -> str:
    """`rating 4.2`, `46 likes`: a field with its value, short."""
    if is_plural(name.split()[-1]) and re.fullmatch(r"[\d,.]+", value):
        name = name.removeprefix("number of ")
        return f"{value} {name if value != '1' else singular(name)}"
    return f"{name} {value}"


def _names_thing(value: str) -> bool:
    """Whether a value reads like a name: a few words, the first with a capital, no digits."""
    return bool(re.fullmatch(r"[A-Z][^\W\d_]+(?:[ '&.-]+[^\W\d_]+){0,4}", value)) and len(value) <= 48


def _is_key(name: str) -> bool:
    """Whether a field only says which record it is, or where it is kept."""
    return name.lower().split()[-1:] in (["id"], ["url"], ["uuid"], ["slug"], ["link"], ["href"]) or name.lower() in {
        "updated at",
        "last update",
        "type",
    }


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
                (v for n, v in inner if n in {"name", "title", "value", "text", "description"}),
                "",
            )
            text = label
        else:
            verbatim = isinstance(value, int) if _is_key(name) else name.lower().split()[-1:] in (["username"], ["handle"], ["slug"])
            text = str(value) if verbatim else value_in_words(value)
        if not text:
            continue
        seen.add(name)
        words = name.lower().split() or ["value"]
        if words[0] in {"error", "errors"} and text != "none":
            found.append((-1, place, "error", text))
            continue
        late = (
            75
            if isinstance(value, bool)
            else 80
            if words[:2] == ["number", "of"]
            else 60
            if text.startswith("http") or _is_noise(key) or _is_key(name) or str(key)[:1] in "_@$"
            else 50
            if len(text) > 60
            else 0
        )
        score = late + min((_SALIENT.index(word) for word in words if word in _SALIENT), default=len(_SALIENT))
        found.append((score, place, name or "value", text))
    return [(name, text) for _, _, name, text in sorted(found)]


def _read_record(record: Mapping[Any, Any], noun: str, said: frozenset[str]) -> Finding:
    facts = _facts(record)
    worked = next(
        (value for key, value in record.items() if str(key).lower() in {"success", "ok", "succeeded"} and isinstance(value, bool)), None
    )
    told = [(name, text) for name, text in facts if name.lower() not in {"success", "ok", "succeeded", "message"}]
    if worked is not None and not told:
        return Finding("", (), (), -1, "success", "yes" if worked else "no", truth=worked)
    facts = told or facts
    if len(facts) < 2:
        inner = [
            (f"{_field(key)} {name}".strip(), text)
            for key, value in list(record.items())[:6]
            if isinstance(value, Mapping)
            for name, text in _facts(value)[:2]
        ]
        facts += [(name, text) for name, text in inner if len(name.split()) <= 6 and (name, text) not in facts]
    subject = next((value for name, value in facts if name.lower() in {"name", "title", "full name", "headline"} and len(value) < 80), "")
    fresh = [(name, text) for name, text in facts if text not in said]
    return Finding(subject, tuple((fresh or facts)[:5]), (), -1, noun, "", empty=not record)
