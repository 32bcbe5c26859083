"""Words for functions that nobody wrote any for, derived from the specification alone.

The description gives what is done (`descriptions`), the parameters give how each value is attached
(`attachments`); here both become clauses, whole sentences, noun phrases and replies. A parameter that the
description speaks of (`media for a specific team`) takes that place; the others follow in a fixed order.
Everything is deterministic: which verbs and frames a function gets follows from a hash of its specification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from random import Random

from magnet_ray.field_kinds.meanings import meaning_of
from magnet_ray.phrases import Argument, Phrases
from magnet_ray.teacher.anchors import CREATES, called, named_directly, place, place_pair, take_place, with_an, without_leftovers
from magnet_ray.teacher.attachments import Attachment, attach
from magnet_ray.teacher.derived_frames import DOINGS, GENERAL, LOOKUPS, PLAIN_LOOKUPS, SYNONYMS, WANTS, WHETHER
from magnet_ray.teacher.derived_tells import derive_tells
from magnet_ray.teacher.descriptions import DETERMINERS, PREPOSITION, Deed, describe_deed, first_sentence
from magnet_ray.teacher.verbs import MASS, base_form, is_plural, singular, split_identifier, word_list
from magnet_ray.types import FunctionSpec, content_id
from magnet_ray.wording import article


@dataclass(frozen=True, slots=True)
class _Draft:
    """A deed with slots, and the attachments that it does not hold yet."""

    deed: Deed
    rest: str
    attachments: Mapping[str, Attachment]
    free: tuple[str, ...]
    required: frozenset[str]


@lru_cache(maxsize=65_536)
def derive_phrases(spec: FunctionSpec) -> Phrases:
    """The words of a function, from its name, description and schemas.

    Returns:
        Phrases with 4 to 8 asks that each hold a slot for every required parameter.
    """
    rng = Random(int(content_id(spec.name, spec.description, spec.parameters), 16))
    draft = _draft(spec)
    asks = _asks(draft, rng)
    noun = _result_noun(draft)
    arguments = {
        name: Argument(description=str(spec.properties[name].get("description") or ""), noun=x.noun, word=x.word, kind=x.kind)
        for name, x in draft.attachments.items()
    }
    return Phrases(
        asks=asks,
        questions=_questions(draft, rng),
        things=_things(spec, draft),
        tells=derive_tells(
            noun,
            "result" if is_plural(_head(draft.rest)) else noun,
            lookup=draft.deed.lookup or draft.deed.verb in {"search", "check", "use"},
            seed=rng.randrange(1 << 30),
        ),
        noun=noun,
        deed=_plain_deed(draft),
        arguments=arguments,
    )


def _draft(spec: FunctionSpec) -> _Draft:
    deed = describe_deed(spec)
    required = frozenset(name for name in spec.required if name in spec.properties)
    context = f"{first_sentence(spec.description)}\n{' '.join(split_identifier(spec.name.rsplit('__', 1)[-1]))}"
    siblings = frozenset(name.lower() for name in spec.properties)
    attachments = {
        name: attach(name, schema, siblings, context)
        for name, schema in spec.properties.items()
        if isinstance(schema, Mapping) and (name in required or _worth_saying(name, schema))
    }
    rest, anchored = place_pair(deed.rest, attachments, required)
    for name in sorted(attachments, key=lambda name: (name not in required, attachments[name].rank)):
        if attachments[name].boolean or name not in required or name in anchored or not re.fullmatch(r"\w+", name):
            continue
        placed = place(rest, name, attachments[name], deed)
        if placed != rest:
            rest = placed
            anchored.append(name)
            attachments[name] = named_directly(attachments[name])
    rest = take_place(rest, attachments, required - set(anchored), anchored)
    rest = with_an(without_leftovers(rest, attachments))
    if deed.verb in CREATES:
        attachments = {name: called(name, x) for name, x in attachments.items()}
    if deed.lookup and not rest:
        rest = "the details"
    free = tuple(
        sorted((name for name in attachments if name not in anchored), key=lambda name: (name not in required, attachments[name].rank))
    )
    return _Draft(deed, rest, attachments, free, required)


_TECHNICAL = re.compile(
    r"(?i)api_?key|token|callback|cursor|offset|^fields?$|signature|checksum|session|client_?id|nonce|^key$|webhook|user_?agent|viewbox|charset"
    r"|^(?:page_?token|since|dedupe|debug|pretty|envelope|jsonp?|format|output|type|locale|datum|namespace|storage_?name|proxy|uule|hl|gl|lr)$"
)
"""Optional parameters that only a program would give."""


def _worth_saying(name: str, schema: Mapping[str, object]) -> bool:
    """Whether a person would ever mention an optional parameter: its name says something, or its values are known."""
    if _TECHNICAL.search(name):
        return "enum" in schema
    if schema.get("type") == "boolean":
        return len(split_identifier(name)) > 1
    known = bool({"enum", "default", "examples"} & schema.keys())
    return known or meaning_of(name, str(schema.get("description") or "")) is not None


def _tail(draft: _Draft, turn: int, *, required_only: bool = False) -> str:
    """The attachments that are not in the deed itself; the main one fixed, the others in brackets."""
    text, used = "", set(re.findall(r"\b(for|with|in|from|to|at|on|using)\s+\{", draft.rest))
    main = "{" in draft.rest
    topics = [name for name in draft.free if name in draft.required and not draft.attachments[name].boolean and re.fullmatch(r"\w+", name)]
    first = next((name for name in topics if draft.attachments[name].topic), topics[0] if topics else "")
    order = [first, *(name for name in draft.free if name != first)] if first and not main else list(draft.free)
    for name in order:
        attachment = draft.attachments[name]
        if not re.fullmatch(r"\w+", name):  # no slot can hold such a name; the teacher says it after the clause
            continue
        if required_only and name not in draft.required:
            continue
        if attachment.boolean:
            on, off = (" with {} on", " with {} off") if base_form(attachment.noun.split()[0]) else (" with {}", " without {}")
            text += f"[{on.format(attachment.noun)}{{?{name}}}][{off.format(attachment.noun)}{{!{name}}}]"
            continue
        lead = _lead(attachment, used, turn)
        if name == first and draft.deed.verb == "search" and not draft.rest:
            lead = " for "
        used.add(lead.strip(" ,"))
        piece = f"{lead}{{{name}}}"
        if name == first and not main and name in draft.required:
            text += piece
            main = True
        else:
            text += f"[{piece}]"
    return text


def _lead(attachment: Attachment, used: set[str], turn: int) -> str:
    """A lead that was not used before in this request, where there is one."""
    leads = [*attachment.leads[turn % len(attachment.leads) :], *attachment.leads[: turn % len(attachment.leads)]]
    fresh = [lead for lead in leads if lead.strip(" ,") not in used or lead == ", "]
    if fresh:
        return fresh[0]
    if attachment.word == "{}":
        return leads[0]
    return next((lead for lead in (" with ", " using ") if lead.strip() not in used), ", with ")


def _asks(draft: _Draft, rng: Random) -> tuple[str, ...]:
    deed = draft.deed
    asks: list[str] = []
    for turn, frame in enumerate(_frames(draft, rng)):
        asks.append(_join(frame, _tail(draft, turn)))
    if not draft.rest and not asks:
        asks = [_join(deed.verb, _tail(draft, 0))]
    return tuple(dict.fromkeys(asks))[:6]


def _join(body: str, tail: str) -> str:
    text = f"{body}{tail}"
    return re.sub(r"\b(for|of|in|from|to|with|at|on) (for|of|in|from|to|with|at|on)(?= \{)", r"\2", _once(text)).strip(" ,")


def _once(text: str) -> str:
    """`text` without doubled words and spaces."""
    return re.sub(r"\b((?:[A-Za-z]+ ){0,2}[A-Za-z]+) \1\b", r"\1", re.sub(r" {2,}", " ", text))


def _frames(draft: _Draft, rng: Random) -> list[str]:
    """Clauses for the deed, differently worded."""
    if draft.deed.lookup:
        return _lookup_frames(draft.rest, rng)
    if draft.deed.verb == "search":
        return _search_frames(draft.rest, rng)
    bodies = [f"{verb} {draft.rest}".strip() for verb in _verbs(draft.deed.verb, draft.rest)]
    rng.shuffle(bodies)
    plain = f"{draft.deed.verb} {draft.rest}".strip()
    return [*bodies, *(frame.replace("{}", plain) for frame in rng.sample(GENERAL, len(GENERAL)))][:5]


def _lookup_frames(rest: str, rng: Random) -> list[str]:
    indefinite = rest.split()[0] in {"a", "an", "any", "some", "random"}
    plain = indefinite or re.match(r"(?:the )?(?:information|data|details|media|everything)\b", rest)
    frames = rng.sample(PLAIN_LOOKUPS if plain else LOOKUPS, 6)
    if not plain and is_plural(_head(rest)):
        frames[-1] = "list {}"
    return [frame.replace("{}", rest) for frame in frames]


def _verbs(verb: str, rest: str) -> tuple[str, ...]:
    """Ways to say the verb before this object."""
    if not rest:
        return (verb,)
    if rest.startswith("whether"):
        return WHETHER
    return SYNONYMS.get(verb, (verb,))


def _search_frames(rest: str, rng: Random) -> list[str]:
    rest = re.sub(r"^(?:for|titled) (?=\{)", "", re.sub(r"^for ", "", rest))
    if not rest or rest.startswith(("in ", "on ", "by ", "within ", "from ", "through ", "across ", "with ", "titled ", "called ", "{")):
        gap = f" {rest}" if rest and not rest.startswith("{") else f" for {rest}" if rest else ""
        bodies = [
            f"search{gap}",
            f"run a search{gap}",
            f"do a search{gap}",
            f"have a look{gap}" if rest.startswith(("in ", "on ")) else f"look{gap}" if rest.startswith("{") else f"make a search{gap}",
        ]
    elif re.match(r"(?:the )?[A-Z]\w+$", rest):
        bodies = [f"search {rest}", f"run a search on {rest}", f"have a look on {rest}", f"go through {rest}"]
    else:
        bodies = [
            f"search for {rest}",
            f"look for {rest}",
            f"run a search for {rest}",
            f"find {rest}",
            f"go looking for {rest}",
            f"hunt for {rest}",
        ]
    rng.shuffle(bodies)
    return bodies


def _questions(draft: _Draft, rng: Random) -> tuple[str, ...]:
    texts: list[str] = []
    deed, rest = draft.deed, draft.rest
    if deed.lookup or (deed.verb == "search" and rest and not re.match(r"(?:for|in|on|by|within|from|through|across)\b|\{|[A-Z]", rest)):
        verb = "are" if is_plural(_head(rest)) else "is"
        if rng.random() < 0.5 and rest.startswith("the ") and not rest.startswith("the details of") and _short(rest) and verb == "is":
            texts.append(f"What {verb} {rest}{_tail(draft, 0)}?")
        elif (
            rest.split()[0] not in {"a", "an", "the"}
            and verb == "are"
            and _short(rest)
            and _head(rest).lower() not in MASS
            and "{" in rest + _tail(draft, 1)
        ):
            texts.append(f"What are the {re.sub(r'^(?:(?:all|any|some|the|available) )+', '', rest)}{_tail(draft, 1)}?")
        elif rest.split()[0] not in {"a", "an", "the"} and verb == "are" and _short(rest) and _head(rest).lower() not in MASS:
            texts.append(f"Which {re.sub(r'^(?:all|any|some|my)(?: the)? ', '', rest)} are there{_tail(draft, 1)}?")
        for turn, frame in enumerate(rng.sample(WANTS, 4)):
            texts.append(frame.replace("{}", rest + _tail(draft, turn)))
    else:
        bodies = [frame for frame in _frames(draft, rng) if not frame.startswith(("go ahead", "go and", "try to", "let me"))] or [deed.verb]
        for turn, frame in enumerate(rng.sample(DOINGS, 4)):
            texts.append(frame.replace("{}", _join(bodies[turn % len(bodies)], _tail(draft, turn))))
    return tuple(dict.fromkeys(_once(text) for text in texts[:4]))


def _short(rest: str) -> bool:
    return len(rest.split()) <= 9


def _head(rest: str) -> str:
    """The last noun before the first preposition, without punctuation."""
    phrase = _noun_part(rest).split()
    return phrase[-1] if phrase else ""


def _noun_part(rest: str) -> str:
    """What stands before the first preposition, slot or participle."""
    text = PREPOSITION.split(rest, maxsplit=1)[0].split("{")[0].replace(",", " ")
    text = re.split(r" (?:representing|containing|showing|listing|giving|holding|describing)\b", text, maxsplit=1)[0]
    return re.split(r"(?<=\ws) (?:currently|relevant|available|related|similar|containing|who|now|today|that|which)\b", text, maxsplit=1)[
        0
    ].strip()


def _object_noun(draft: _Draft) -> str:
    """The object in the singular, without article and without what follows a preposition; may be empty."""
    text = _noun_part(draft.rest)
    text = re.split(r"\s+and\s+|,|\s+or\s+", text)[0]
    words = text.split()
    while words and (
        words[0].lower() in DETERMINERS
        or words[0].lower() in {"of", "list", "full", "detailed", "available", "whether", "latest", "specific"}
    ):
        words.pop(0)
    return singular(" ".join(words[-3:])) if words else ""


_NO_RESULT = frozenset(
    word_list(
        """
    information data details detail result info data media text list json response output value up whether it them
    """
    )
)


def _result_noun(draft: _Draft) -> str:
    noun = _object_noun(draft)
    last = noun.split()[-1].lower() if noun else ""
    if last in {"iterator", "matrix", "array", "list", "sequence", "tuple", "generator"}:
        return "value"
    if not noun or last in {"up", "whether", "it", "them", "list", "me", "is"} or len(noun) > 40:
        return "result"
    return noun


def _things(spec: FunctionSpec, draft: _Draft) -> tuple[str, ...]:
    """Noun phrases for one found item, where the object is a plural or a plain singular noun."""
    if not (draft.deed.lookup or draft.deed.verb == "search") or any(draft.attachments[name].boolean for name in draft.required):
        return ()
    noun = _object_noun(draft)
    last = noun.split()[-1].lower() if noun else ""
    if not noun or last in _NO_RESULT or last in MASS or not re.fullmatch(r"[A-Za-z0-9' -]+", noun) or " is " in draft.rest:
        return ()
    if draft.rest.startswith("the details of"):
        return ()
    match = PREPOSITION.search(draft.rest)
    follow = draft.rest[match.start() :] if match else ""
    if " and " in draft.rest.split(follow or "\0")[0] or (not is_plural(_head(draft.rest)) and draft.deed.verb == "search"):
        return ()
    return (_join(f"{noun} {follow}".strip(), _tail(draft, 0)),)


def _plain_deed(draft: _Draft) -> str:
    """The deed without slots, for `I can't …`."""

    def named(match: re.Match[str]) -> str:
        noun = draft.attachments[match.group(1)].noun
        return noun if is_plural(noun) or noun in MASS else article(noun)

    rest = re.sub(r"\{(\w+)\}", named, draft.rest)
    verb = "look up" if draft.deed.lookup else draft.deed.verb
    if (
        verb == "search"
        and rest
        and not rest.startswith(("for ", "in ", "on ", "by ", "within "))
        and not re.match(r"(?:the )?[A-Z]\w+$", rest)
    ):
        verb = "search for"
    return f"{verb} {rest}".strip()
