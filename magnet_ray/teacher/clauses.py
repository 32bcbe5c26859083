"""Rendering one call, or one repeated step, as a clause: which template, and the words of each slot.

Invariant: a clause is used only when it words every argument that was given, so that nothing in a call is
unsaid; the words of each argument are returned beside the text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeVar

from magnet_ray.phrases import Phrases, Segment, Slot, parse_clause
from magnet_ray.teacher.references import ORDINALS
from magnet_ray.wording import listing

SENTENCES = 0.28
"""Share of requests that are whole sentences of their own rather than framed clauses."""
Item = TypeVar("Item")
Words = Mapping[str, str]
"""Parameter -> its words; booleans have no words of their own."""


@dataclass(frozen=True, slots=True)
class Rendered:
    """A clause in words."""

    text: str
    """The clause, without capital and final stop, or a whole sentence for a question."""
    spans: Mapping[str, str]
    """Parameter -> the words that carry it."""
    sentence: bool
    """Whether it stands alone."""


def render_clause(template: str, words: Words, flags: Mapping[str, bool], *, sentence: bool = False) -> Rendered | None:
    """Fill a template, or return None when it does not word every argument, or words one that is not there.

    Args:
        template: see `magnet_ray.phrases`.
        words: words of the arguments that are not boolean.
        flags: values of the boolean arguments.
        sentence: whether the template is a whole sentence.
    """
    spans: dict[str, str] = {}
    text = ""
    for segment in parse_clause(template):
        filled = _fill(segment, words, flags)
        if filled is None:
            if segment.optional:
                continue
            return None
        text += filled
        for slot in segment.slots:
            spans[slot.name] = filled.strip(" ,;—-") if slot.test else words[slot.name]
    if (set(words) | set(flags)) - set(spans):
        return None
    return Rendered(tidy(text), spans, sentence)


def _fill(segment: Segment, words: Words, flags: Mapping[str, bool]) -> str | None:
    text = ""
    for piece in segment.pieces:
        if not isinstance(piece, Slot):
            text += piece
        elif piece.test:
            if flags.get(piece.name) is not (piece.test == "?"):
                return None
        elif piece.name in words:
            text += _after_determiner(text, words[piece.name])
        else:
            return None
    return text


_DETERMINED = re.compile(r"(?:^|\s)(?:my|our|your|the|an?|this|that)(?: (?:finished|own|current|next|old|new|whole|open))? $")


def _after_determiner(before: str, words: str) -> str:
    """`my finished` + `the latest assignment` has one article too many."""
    return re.sub(r"^(?:the|that same|that|this) (?=\w)", "", words) if _DETERMINED.search(before) else words


def tidy(text: str) -> str:
    """Mend what dropped segments leave: double spaces, spaces before commas, a doubled preposition."""
    text = re.sub(r"\s+", " ", text).strip()
    text = re.sub(r"\s+([,.;:?!])(?=\s|$)", r"\1", text)
    text = re.sub(r",\s*([.?!])$", r"\1", text)
    return re.sub(r"\b(on|for|at|by|in) (today|tomorrow|yesterday|this [A-Z]\w+day|last [A-Z]\w+day)\b", _before_relative, text)


def _before_relative(match: re.Match[str]) -> str:
    return match.group(0) if match.group(1) in {"for", "by"} else match.group(2)


def choose_clause(phrases: Phrases, words: Words, flags: Mapping[str, bool], rng: Random, *, sentences: bool) -> Rendered | None:
    """A drawn clause of a function that words exactly the given arguments, or None when no template can.

    Args:
        phrases: the function's words.
        words: words of the arguments that are not boolean.
        flags: values of the boolean arguments.
        rng: source of the choice.
        sentences: whether whole sentences may be chosen.
    """
    asks = [(template, False) for template in turned(phrases.asks, rng)]
    whole = [(template, True) for template in turned(phrases.questions, rng)] if sentences else []
    for template, sentence in whole + asks if rng.random() < SENTENCES else asks + whole:
        rendered = render_clause(template, words, flags, sentence=sentence)
        if rendered:
            return rendered
    return _with_tail(phrases, words, flags, rng)


def turned(items: Sequence[Item], rng: Random) -> Sequence[Item]:
    """The items from a drawn one on, then those before it: every one is as likely to come first, for a single draw."""
    start = rng.randrange(len(items)) if items else 0
    return [*items[start:], *items[:start]]


def _with_tail(phrases: Phrases, words: Words, flags: Mapping[str, bool], rng: Random) -> Rendered | None:
    """A clause for the arguments that some template words, and the others after it: `…, with the limit 5`."""
    for template in rng.sample(phrases.asks, len(phrases.asks)):
        covered = {slot.name for segment in parse_clause(template) for slot in segment.slots}
        rendered = render_clause(
            template, {k: v for k, v in words.items() if k in covered}, {k: v for k, v in flags.items() if k in covered and v}
        )
        if rendered is None:
            continue
        spans, text = dict(rendered.spans), rendered.text
        for name, value in words.items():
            if name not in spans:
                noun = phrases.noun_of(name)
                text += f", with {value}" if noun.lower() in value.lower() else f", with {noun} {value}"
                spans[name] = value
        for name, flag in flags.items():
            if name not in spans:
                tail = f"{'with' if flag else 'without'} {phrases.noun_of(name)}"
                text += f", {tail}"
                spans[name] = tail
        return Rendered(text, spans, False)
    return None


def listed(parts: list[str]) -> str:
    """`the first and the third product you listed`: what references have in common is said once.

    Values that are said as they are never share words: `the latest section and the oldest section` names two of them.
    """
    matches = [re.fullmatch(r"the (\w+) (.+)", part) for part in parts]
    ranked = all(match and (match.group(1) in (*ORDINALS, "last") or match.group(1).endswith("est")) for match in matches)
    if len(parts) > 1 and ranked and len({match.group(2) for match in matches if match}) == 1:
        return f"{listing([f'the {match.group(1)}' for match in matches if match], limit=9)} {parts[0].split(' ', 2)[2]}"
    return listing(parts, limit=9)
