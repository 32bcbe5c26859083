"""Replies about any JSON output, in words: counts, names, the salient fields; never raw JSON or identifiers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from random import Random
from typing import Any

from magnet_ray.phrases import Tell
from magnet_ray.teacher.findings import Finding, detail, read_output, value_in_words
from magnet_ray.teacher.verbs import is_plural
from magnet_ray.wording import article, listing, number, plural


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
    said = frozenset(value_in_words(value) for value in arguments.values() if not isinstance(value, bool | list | dict)) - {""}
    finding = read_output(output, noun, value_noun, said)
    text = _sentence(finding, variant, lookup=lookup)
    return re.sub(r"None", "none", re.sub(r"\s+", " ", text)).strip()


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
    if last.lower() in {"person", "child"}:
        return noun[: -len(last)] + {"person": "people", "child": "children"}[last.lower()]
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
    if len(value.split()) > 6 or noun == "message":
        told = value.rstrip(".")
        return (
            f"{_cap(told)}.",
            f"Here's what it says: {told}.",
            f"This is what I got: {told}.",
            f"On the {noun}: {told}." if noun not in {"result", "value", "answer"} else f"It came back with the following: {told}.",
        )[variant]
    said = value if re.match(r"[\d$+-]", value) or " " not in value else f'"{value}"' if value[:1].islower() and len(value) > 24 else value
    return (
        f"The {noun} {verb} {said}.",
        f"Here {'are' if verb == 'are' else 'is'} the {noun}: {said}.",
        f"That gives {said}.",
        f"I got {said} as the {noun}.",
    )[variant]


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
    subject = finding.subject
    if not stated:
        return (f"I found {subject}.", f"It's {subject}.", f"The name is {subject}.", f"That would be {subject}.")[variant]
    if not lookup and not subject:
        done = ("Done: ", "That went through: ", "All set. ", "It's done, and ")[variant]
        return f"{done}{listing(stated[:2], limit=3) if variant != 2 else _cap(listing(stated[:2], limit=3))}."
    if variant == 0:
        return f"{_cap((f'For {subject}, ' if subject else '') + listing(stated[:3], limit=3))}."
    if variant == 1:
        pairs = listing(
            [detail(name, value) for name, value in facts[:3] if len(value) <= 60] or [f"{name} {value}" for name, value in facts[:1]],
            limit=3,
        )
        return f"Here is what I have{f' on {subject}' if subject else ''}: {pairs}."
    if variant == 2:
        return f"{f'I found {subject}.' if subject else ''} {_cap(listing(stated[:2], limit=3))}.".strip()
    if subject:
        had = [_having(name, value) for name, value in facts[:3] if len(value) < 60 and value not in {"yes", "no"}]
        subject = _cap(subject)
        return f"{subject} came up, with {listing(had, limit=3)}." if had else f"For {subject}, {stated[0]}."
    return f"According to the result, {listing(stated[:3], limit=3)}."


def _having(name: str, value: str) -> str:
    """`a rating of 4.2`, `Marcus Weber as the author`, `46 likes`."""
    if is_plural(name.split()[-1]):
        return f"{value} {name}" if re.fullmatch(r"[\d,.]+", value) and value != "1" else f"{value} as {name}"
    return f"{article(name)} of {value}" if re.match(r"[$€£+-]?\d", value) else f"{value} as the {name}"


def _fact(name: str, value: str) -> str:
    if value in {"yes", "no"}:
        flag = re.fullmatch(r"(is|has|can) (.+)", name)
        if flag:
            verb = {"is": ("it is", "it isn't"), "has": ("it has", "it doesn't have"), "can": ("it can", "it can't")}[flag.group(1)]
            return f"{verb[value == 'no']} {flag.group(2)}"
        return (
            f"{'it is' if value == 'yes' else 'it is not'} {name}" if name.endswith(("ed", "able", "valid", "safe")) else f"{name}: {value}"
        )
    if len(value.split()) > 6:
        return f'the {name} {"read" if is_plural(name.split()[-1]) else "reads"} "{value}"'
    return f"the {name} {'are' if is_plural(name.split()[-1]) else 'is'} {value}"


def _cap(text: str) -> str:
    return text[:1].upper() + text[1:]
