# ruff: noqa: E501 — patterns are kept whole, so that they can be read and searched
"""Finding in a description the words that mean a parameter, and putting its slot there.

`media for a specific team` with the parameter `id` becomes `media for {id}`; what then only speaks of
parameters (`by ID`, `with the given values`) is dropped. Attachments change with it: a value that stands
for a thing is named with it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from magnet_ray.teacher.attachments import Attachment
from magnet_ray.teacher.descriptions import DETERMINERS, PREPOSITION, Deed
from magnet_ray.teacher.verbs import MASS, is_plural, split_identifier, word_list

CREATES = frozenset(
    word_list(
        """
    create generate make build produce insert post publish draft compose design develop new
    """
    )
)
_DET = r"(?:(?:a|an|the|my|any|one|this|that|their|its|each|every|some|another|given|specific|specified|particular|certain|single|provided|desired|input|chosen|selected|individual|valid|requested|unique|list of|set of|array of|of)\s+)"
_AFTER = r"(?=$|,|\s+(?:and|or|of|for|from|in|on|at|by|with|about|between|to|into|within|against|via|using|under|over|is|are|was|exists?|has|can|belongs?|contains?)\b)"


def place_pair(rest: str, attachments: dict[str, Attachment], required: frozenset[str]) -> tuple[str, list[str]]:
    """`between two cities` and `one number by another` with the slots of the two like parameters."""
    names = [name for name in attachments if name in required and not attachments[name].boolean and re.fullmatch(r"\w+", name)]
    stems = {
        re.sub(r"(?:[_ ]?(?:[abxyAB12]|one|two|first|second|from|to))$|^(?:first|second|from|to)_?", "", name).lower() for name in names
    }
    if len(names) != 2 or len(stems) != 1:
        return rest, []
    first, second = names
    match = re.search(r"\b(?:the )?two (?:[\w-]+ ){0,2}?\w+s\b(?=$| (?:in|with|using|by|and|for|of)\b)", rest)
    if match:
        text = f"{rest[: match.start()]}{{{first}}} and {{{second}}}{rest[match.end() :]}"
    elif match := re.search(r"\b(?:one|a) (\w+) (by|from|to|with) another(?: \1)?\b", rest):
        swapped = match.group(2) == "from"
        text = f"{rest[: match.start()]}{{{second if swapped else first}}} {match.group(2)} {{{first if swapped else second}}}{rest[match.end() :]}"
    else:
        return rest, []
    for name in names:
        if re.search(r" as the |^(?:first|second) ", attachments[name].word):
            attachments[name] = replace(attachments[name], word="{}")
    return text, [first, second]


def _nouns(name: str, attachment: Attachment) -> list[str]:
    """Phrases by which a description may mean a parameter, the longest first."""
    words = " ".join(split_identifier(name))
    bare = re.sub(r" ?\b(ids?|name|names|code|number|value|text)$", "", words)
    nouns = [name.lower(), words, bare, attachment.noun.lower(), attachment.noun.lower().removesuffix(" id")]
    if attachment.noun == "search term":
        nouns += ["search query", "query", "keyword", "keywords", "term", "search term", "search", "text"]
    if re.match(r"(?:target|new|desired) ", words):
        nouns.append(words.split(" ", 1)[1])
    if words == "tag":
        nouns.append("hashtag")
    if re.search(r"\b(recipient|receiver)", words):
        nouns += ["recipient", "user", "friend", "person"]
    if words in {"keyword", "keywords"}:
        nouns += ["search query", "keyword", "keywords", "query"]
    nouns += {
        "symbol": ["stock", "company", "stock symbol", "ticker", "ticker symbol"],
        "ticker": ["stock", "company"],
        "ip": ["ip address"],
        "url": ["link", "website", "web page"],
    }.get(words, [])
    if words in {"numbers", "data"}:
        nouns += ["numbers", "numeric data", "data", "values"]
    kept = {noun for noun in nouns if (len(noun) > 2 and noun not in {"the", "from", "type", "first", "second"}) or noun == "ip"}
    return sorted(kept, key=lambda noun: (-len(noun), noun))


def place(rest: str, name: str, attachment: Attachment, deed: Deed) -> str:
    """`rest` with the phrase that means a parameter replaced by its slot, where there is one."""
    lowered = rest.lower()
    for noun in _nouns(name, attachment):
        if noun not in lowered or (deed.verb in CREATES and noun in PREPOSITION.split(lowered)[0]):
            continue
        tail = r"(?:\s+(?:ids?|names?|codes?|numbers?|identifiers?|parameters?|symbols?|values?|strings?|addresse?s?))?"
        end = re.escape(noun) + r"(?:s|es)?" + tail
        match = re.search(
            rf"\b(?P<prep>for|of|from|in|by|with|at|to|on|about|using|between|into|against|whether|to the user)\s+(?:{_DET}+(?:[\w-]+\s+){{0,2}}?|(?!{_DET}))(?:{end})'?{_AFTER}",
            rest,
            re.IGNORECASE,
        )
        shared = match is not None and rest[match.end() :].startswith(" and ") and len(match.group(0).split()) == 1 + len(noun.split())
        if match and "{" not in match.group(0) and not shared:
            prep = match.group("prep").lower()
            lead = attachment.leads[0].strip(" ,")
            if prep in {"by", "using", "with"} and not deed.verb.startswith(("multiply", "divide")):
                prep = lead or "for"
            if prep == "for" and lead in {"titled", "in"}:
                prep = "for" if lead == "titled" else "in"
            left = re.sub(r"^ or (?:an? |the )?[\w-]+(?: [\w-]+)?$", "", rest[match.end() :])
            return f"{rest[: match.start()]}{prep} {{{name}}}{left}"
        between = 3 if attachment.kind == "code" and not deed.lookup else 1
        match = re.match(rf"(?:{_DET}*(?:[\w-]+\s+){{0,{between}}}?)(?:{end}){_AFTER}", rest, re.IGNORECASE)
        if (
            match
            and deed.verb not in CREATES
            and not (attachment.kind == "text" and deed.verb in {"update", "add", "edit"})
            and not re.match(r" (?:and|or)\b" if deed.lookup else r" and\b", rest[match.end() :])
            and "{" not in match.group(0)
            and match.group(0).lower() not in {"search"}
        ):
            left = re.sub(r"^ or (?:an? |the )?[\w-]+", "", rest[match.end() :])
            return f"the details of {{{name}}}{left}" if deed.lookup else f"{{{name}}}{left}"
        match = re.search(
            rf"\b(?:(?:a|an|the|given|specific|single)\s+)*(?:{re.escape(noun)})'s?\s+(?P<owned>[\w -]+?)(?=$|\s+(?:by|with|from|for|using)\b)",
            rest,
            re.IGNORECASE,
        )
        if match and "{" not in match.group(0):
            owned = match.group("owned")
            determiner = "" if owned.split()[0] in DETERMINERS | MASS or is_plural(owned.split()[-1]) else "the "
            prep = "about" if owned.endswith("information") else "of"
            return f"{rest[: match.start()]}{determiner}{owned} {prep} {{{name}}}{rest[match.end() :]}"
    return rest


def named_directly(attachment: Attachment) -> Attachment:
    """A value that stands as the object itself is named with its noun: `delete the device Lamp`."""
    places = {
        "year",
        "month",
        "symbol",
        "ticker",
        "stock symbol",
        "city",
        "country",
        "location",
        "region",
        "state",
        "place",
        "area",
        "search term",
        "numbers",
        "data",
        "word",
        "text",
        "number",
        "email",
        "URL",
        "domain",
    }
    if attachment.leads[0] == " titled ":
        return attachment
    if (
        attachment.word == "{}"
        and attachment.noun not in places
        and not is_plural(attachment.noun)
        and not attachment.noun.endswith(("email", "URL", "address", "link", "date"))
    ):
        return replace(attachment, word=f"the {attachment.noun} {{}}")
    if attachment.word.endswith("{} as the " + attachment.noun):
        return replace(attachment, word=f"the {attachment.noun} {{}}")
    return attachment


def take_place(rest: str, attachments: dict[str, Attachment], waiting: frozenset[str], anchored: list[str]) -> str:
    """Let the main parameter stand for the thing that the description speaks of: `tracks of an album`, `count for a given hashtag`."""
    name = next(
        (
            n
            for n in sorted(waiting, key=lambda n: (attachments[n].rank, n))
            if attachments[n].topic and attachments[n].rank <= 3 and re.fullmatch(r"\w+", n)
        ),
        "",
    )
    if not name or "{" in rest or attachments[name].kind == "text":
        return rest
    chosen = r"(?:given|specific|specified|certain|particular|single|selected|requested) "
    optional = (
        "?"
        if (attachments[name].kind == "code" and re.search(r"(?:\bID|ID|id|_id)$|^id$|ID", name + attachments[name].noun))
        or attachments[name].noun == "ID"
        else ""
    )
    match = re.search(rf"\b(for|of|in|on|about|from|by|to|with) (?:an?|the) (?:{chosen}){optional}((?:[\w-]+ ){{0,1}}[\w-]+)$", rest)
    if (
        not match
        or PREPOSITION.search(match.group(2))
        or is_plural(match.group(2))
        or match.group(2).split()[-1] in {"id", "ids", "ID", "api", "API"}
    ):
        return rest
    old = attachments[name]
    noun = match.group(2)
    the = "" if old.kind == "code" or old.word.startswith("ID") else "the "
    attachments[name] = replace(old, noun=noun, word=f"{the}{noun} {{}}")
    anchored.append(name)
    return f"{rest[: match.start()]}{match.group(1)} {{{name}}}"


def called(name: str, attachment: Attachment) -> Attachment:
    """A name that a new thing is given."""
    words = split_identifier(name)
    if (
        words[-1:] == ["name"]
        and attachment.leads[0] in (" for ", " from ")
        and not re.search(r"\b(user|customer|patient|company|city|country|author|employee|student|guest|first|last)\b", " ".join(words))
    ):
        return replace(attachment, leads=(" called ", " named "), word="{}")
    return attachment


def with_an(text: str) -> str:
    """`a` before a vowel becomes `an`."""
    return re.sub(r"\ba (?=[aeio](?!ne\b|nce\b|u)[a-z])", "an ", text)


_TAIL = re.compile(r"(?:^|\s+)(?:by|with|using|given|per|for|from|of|in|based on)\s+([\w\s'/-]+)$")
_EMPTY_WORDS = frozenset(
    word_list("given specific specified the a an id name parameters particular certain location lat lon coordinates latitude longitude")
)
"""Words that say nothing once a parameter has its slot."""


def without_leftovers(rest: str, attachments: Mapping[str, Attachment]) -> str:
    """Drop ends that only speak of parameters: `by ID`, `with the given values`, `by name or symbol`."""
    known = {word for name, x in attachments.items() for word in (*split_identifier(name), *x.noun.lower().split())}
    known |= {
        "id",
        "ids",
        "identifier",
        "name",
        "code",
        "slug",
        "given",
        "specific",
        "specified",
        "parameters",
        "parameter",
        "values",
        "a",
        "an",
        "the",
        "their",
        "its",
        "my",
        "or",
        "and",
        "particular",
        "certain",
        "single",
        "criteria",
        "input",
        "number",
        "type",
        "url",
        "unique",
        "provided",
        "coordinates",
        "details",
        "query",
        "symbol",
        "date",
    }
    rest = re.sub(
        r"(\{\w+\})(?: and| or|,) ([\w ]+)$",
        lambda m: m.group(1) if m.group(2).lower().split()[-1].removesuffix("s") in known and len(m.group(2).split()) < 4 else m.group(0),
        rest,
    )
    if attachments:
        rest = re.sub(r"(?<!ed)(?<! line)(?<!sent)(?<!made)(?:^|\s+)(?:by|through) (?:(?!me\b)[\w/'-]+ ?){1,6}$", "", rest)
        rest = re.sub(
            r"\s+(?:using|via|with) (?:an? |the )?(?:user ?names?|keywords?|ids?|query|parameters?|filters?|url)$",
            "",
            rest,
            flags=re.IGNORECASE,
        )
    known |= {"lat", "lon", "latitude", "longitude", "location", "coordinate", "point"}
    match = next(reversed([*_TAIL.finditer(rest)]), None)
    if match and all(word.removesuffix("s") in known or word in known for word in re.findall(r"[\w']+", match.group(1).lower())):
        weak = {"by", "with", "using", "given", "per"}
        lead = match.group(0).split()[0]
        if lead in weak or all(word in _EMPTY_WORDS for word in match.group(1).lower().split()):
            return without_leftovers(rest[: match.start()].strip(" ,"), attachments)
        rest = f"{rest[: match.start()]} {lead} {re.sub(r'(given|specific|specified|particular|certain) ', '', match.group(1))}".strip()
    return re.sub(
        r"\b(?P<a>an? |the )?(?:given|specified|provided|specific|particular) (?=\w)",
        lambda m: m.group("a") and "a " if (m.group("a") or "").startswith("a") else m.group("a") or "",
        rest,
    ).strip(" ,")
