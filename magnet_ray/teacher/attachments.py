# ruff: noqa: E501 — patterns are kept whole, so that they can be read and searched
"""How one parameter is attached to a request, from its name, type and description alone.

`attach` gives an `Attachment`: the words before the slot (several ways), what a person calls the parameter, how
its value is worded and where it stands among the others. The words before a slot never hold the parameter's
noun, so that a name, a worded value or a reference ("that one") can fill it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from magnet_ray.teacher.verbs import MASS, in_words, singular, split_identifier, word_list


@dataclass(frozen=True, slots=True, kw_only=True)
class Attachment:
    """The words of one parameter."""

    leads: tuple[str, ...]
    """Words before the slot, such as ` for `; the first is the plainest."""
    noun: str
    """What a person calls the parameter."""
    word: str = "{}"
    """As `Argument.word`."""
    kind: str = ""
    """As `Argument.kind`."""
    rank: int = 5
    """Place among the attachments, smallest first."""
    boolean: bool = False
    """Whether it is said with or without, and no value is printed."""
    topic: bool = False
    """Whether it may be the main argument of a request that names none."""


@dataclass(frozen=True, slots=True)
class Rule:
    """How parameters with certain names are attached."""

    pattern: str
    leads: tuple[str, ...]
    word: str = "{}"
    kind: str = ""
    rank: int = 5
    topic: bool = False


_FOR = (" for ", " for ", " about ")
_WITH = (" with ", " using ")
RULES: tuple[Rule, ...] = (
    Rule(r"^(start|begin|from|since|after|min|minimum|earliest|first|departure|check in|pickup)( date| day| time| datetime| at)*$", (" from ", " starting from "), rank=6),
    Rule(r"^(end|until|till|before|max|maximum|latest|last|return|check out|to)( date| day| time| datetime| at)+$|^(end|until|till|through|stop)$", (" until ", " up to "), rank=7),
    Rule(r"\b(date of birth|birth ?date|birthday)$", (" with ",), "birth date {}"),
    Rule(r"\b(deadline|due|due date)$", (" by ",), rank=7),
    Rule(r"\b(expiration|expiry|expires?)( date)?$", (" with ",), "{noun} {}", rank=7),
    Rule(r"\b(date|day|datetime)$|^date\b", (" on ", " for "), rank=6),
    Rule(r"\btime ?zone$|^tz$", (" in ",), "the {} time zone", rank=8),
    Rule(r"\b(hour|time|start time|timestamp)$", (" at ", " for "), rank=7),
    Rule(r"^(time period|period|timeframe|time frame|time range|date range|range|interval|window)$", (" over ", " for "), "the {noun} {}", rank=7),
    Rule(r"\b(source|base|from|original|input|have) currency( code)?$|^(have|base)$", (" from ",), rank=3),
    Rule(r"\b(target|to|destination|output|want|quote) currency( code)?$|^want$", (" to ",), rank=4),
    Rule(r"\bcurrency( code)?$|^(currencies|vs currency)$", (" in ",), rank=8),
    Rule(r"\b(source|from|original|input) (language|locale)( code)?$", (" from ",), rank=3),
    Rule(r"\b(target|to|destination|output) (language|locale)( code)?$", (" to ", " into "), rank=4),
    Rule(r"^(language|languages|target language)$", (" in ",), rank=8),
    Rule(r"\b(language|locale|hl)( code)?$", (" with ",), "language code {}", "code", 8),
    Rule(r"^(from|source|origin|departure|starting point|start location|from location|from city|departure (city|airport|location)|origin (city|airport)|sender|pickup location|from unit|unit from|unit in)$", (" from ",), rank=3),
    Rule(r"^(to|target|destination|arrival|end location|to location|to city|arrival (city|airport|location)|destination (city|airport)|to unit|unit to|unit out|dropoff location)$", (" to ",), rank=4),
    Rule(r"^(travel|flight|trip|route|transfer|move|convert|ship|depart\w*) from$", (" from ",), rank=3),
    Rule(r"^(travel|flight|trip|route|transfer|move|convert|ship|arriv\w*) to$", (" to ",), rank=4),
    Rule(r"^(recipient|recipients|receiver|to (email|user|name|number|address))$|\b(recipient|receiver)s?\b", (" to ",), rank=2, topic=True),
    Rule(r"\blatitude$", (" at ",), "{noun} {}", rank=1, topic=True),
    Rule(r"\blongitude$", (", ",), "{noun} {}", rank=1),
    Rule(r"\b(coordinates|coordinate)$", (" at ",), "{noun} {}", rank=1, topic=True),
    Rule(r"\b(street|address|postal address|shipping address|delivery address)$", (" at ", " for "), rank=2, topic=True),
    Rule(r"\b(ip|ip address|mac address)$", (" for ",), "{noun} {}", "code", 1, True),
    Rule(r"\b(city|town|country|location|region|state|province|place|area|neighbou?rhood|county|continent|venue|city name|country name|state name|location name)$", (" in ",), rank=2, topic=True),
    Rule(r"\b(zip code|zip|postal code|postleitzahl)$", (" in ", " for "), "{noun} {}", "code", 2, True),
    Rule(r"\b(country|region|state|city|market|area|province) (code|iso code|iso|slug)$|^(geo|mkt|market|cc)$", (" in ", " for "), "{noun} {}", "code", 2, True),
    Rule(r"\byears?$", (" in ", " for "), rank=6),
    Rule(r"\b(month|week|season|quarter|round|stage|episode|chapter|level|grade|semester|matchday)( number)?$", (" for ", " in "), "{noun} {}", rank=6),
    Rule(r"^(limit|count|results per page|page size|size limit|max results|maximum results|top|per page|number of results|page limit|take|rows|num results|maximum|results|max items)$", (", limited to ", " with at most "), "{} result(s)", rank=9),
    Rule(r"^(page|page number|page token|p)$|\bpage( number)?$", (" from ", " on "), "page {}", rank=9),
    Rule(r"^(offset|skip|cursor|after|start index|next|index)$", (", starting at ",), "position {}", rank=9),
    Rule(r"\b(format|output|output format|output type|response type|response format|file type|extension)$", (" in ",), "{} format", rank=8),
    Rule(r"\b(sort|sort order|sorting|sort by|order by|ordering|sort field)$", (", sorted by ", " ordered by "), rank=8),
    Rule(r"^(order|direction|order direction|sort direction)$", (" in ",), "{} order", rank=8),
    Rule(r"\b(sender email|recipient email|email address|emails?|e ?mail|to email)$", (" for ",), "{}", "code", 1, True),
    Rule(r"\b(phone number|phone|mobile|mobile number|telephone|fax|contact number|msisdn)$", (" for ",), "{noun} {}", "code", 1, True),
    Rule(r"\b(password|passcode|pin|secret|otp)$", (" with ",), "password {}", "code", 8),
    Rule(r"\b(token|api key|access key|key|signature|checksum|hash|client secret|access code|session)$", (" with ", " using "), "{noun} {}", "code", 8),
    Rule(r"\b(username|user name|screen name|handle|login|nickname)$", (" for ",), "the user {}", "code", 1, True),
    Rule(r"\b(url|uri|link|website|webpage|web page|site|href)$", (" for ", " from "), "{}", "code", 1, True),
    Rule(r"\b(domain|domain name|host|hostname|subdomain)$", (" for ",), "{}", "code", 1, True),
    Rule(r"\b(symbols?|ticker|tickers|stock|stock symbol|ticker symbol|pair|isin|coin)$", (" for ",), "{}", "code", 1, True),
    Rule(r"\b(hashtag|tag)$", (" for ",), "the {noun} {}", "code", 1, True),
    Rule(r"^(q|query|search|search query|search term|keywords?|term|terms|search text|s|searchtext|search string|phrase|search keywords?|search topic)$", (" for ",), rank=1, topic=True),
    Rule(r"\b(topic|topics|subject|theme)$|^about$", (" on ", " about "), rank=1, topic=True),
    Rule(r"^(hex|color|colour|hex color)$|\b(color|colour)$", (" with ",), "the {noun} {}"),
    Rule(r"\b(file|file name|file path|path|folder|directory|directory name|image path|audio file|folder path|dataset|database|database name|table|table name|library|library name|filename|image|image file|video|audio|document)$", (" from ", " using "), "the {noun} {}", "code", 2, True),
    Rule(r"\b(text|content|message|body|comment|comments|prompt|sentence|paragraph|string|input text|message body|caption|code snippet|snippet|feedback|question|lyrics|bio|quote|statement|text to translate)$", (" using ", " with "), "the {noun} {}", "text", 3, True),
    Rule(r"\b(description|details|note|notes|reason|summary|instructions|purpose|symptoms|review|complaint|remarks)$", (" with ",), "the {noun} {}", "text", 7),
    Rule(r"\b(title|headline|subject line)$", (" titled ", " with the title "), "{}", "text", 2, True),
    Rule(r"\b(category|genre|section|sector|industry|department|field)$", (" in ", " for "), "the {} {noun}", rank=4),
    Rule(r"\b(language pair)$", (" for ",), rank=3),
    Rule(r"^(age)$", (" aged ",), rank=4),
    Rule(r"\b(weight|height|length|width|temperature|price|distance|speed|mass|volume|radius|depth|budget|income|duration|density|size|quantity|population|score|threshold|frequency|voltage|current|pressure|force|rate|interest rate|power|margin|thickness|altitude|deposit|salary|loan amount|principal|value|dosage|area|mileage|capacity)$", (" with ", " using "), "a {noun} of {}"),
    Rule(r"\b(amount|sum)$", (" for ", " with "), "an amount of {}", rank=2),
    Rule(r"^(radius|distance|max distance)$", (" within ",), rank=4),
    Rule(r"\b(attendees|participants|members|guests|passengers|players|users|friends)$", (" with ",), rank=4),
    Rule(r"\b(id|ids|identifier|uuid|guid|slug|code|number|no|isbn|doi|sku|vin|asin|upc|ean|barcode)$", (" for ",), "{noun} {}", "code", 1, True),
    Rule(r"\b(first|last|middle|family|given) name$", (" with ",), "{noun} {}", rank=3, topic=True),
    Rule(r"\b(name|names)$", (" for ",), rank=1, topic=True),
    Rule(r"\b(type|types|kind|mode|method|algorithm|status|priority|gender|style|model|quality|level|strategy|technique|variant|version)$", (" with ", " using "), "{} as the {noun}"),
)  # fmt: skip
"""Checked in order; the first that matches wins. `{noun}` in a word is the parameter's noun."""

_COMPILED = tuple((rule, re.compile(rule.pattern)) for rule in RULES)

_LETTERS: Mapping[frozenset[str], Mapping[str, str]] = {
    frozenset("rgb"): {"r": "red", "g": "green", "b": "blue"},
    frozenset("hsv"): {"h": "hue", "s": "saturation", "v": "brightness"},
    frozenset("hls"): {"h": "hue", "l": "lightness", "s": "saturation"},
    frozenset("cmyk"): {"c": "cyan", "m": "magenta", "y": "yellow", "k": "black"},
    frozenset("ab"): {"a": "first number", "b": "second number"},
    frozenset("xy"): {"x": "x value", "y": "y value"},
    frozenset("yiq"): {"y": "luma", "i": "in-phase part", "q": "quadrature part"},
    frozenset(["y1", "y2"]): {"y1": "first year", "y2": "last year"},
}
_VAGUE = frozenset(
    word_list(
        """
    id name code slug type key number value data input item object list value1 uuid title no ids element param
    parameters text
    """
    )
)
_OF = re.compile(
    r"\b(?:ids?|identifiers?|names?|codes?|slugs?|symbols?|keys?|numbers?|uuid)\s+(?:of|for)\s+(?:(?:the|a|an|your|this|each|desired|specific|given|required|target)\s+)*([A-Za-z][A-Za-z-]+(?: [a-z-]+)?)",
    re.IGNORECASE,
)
_BEFORE = re.compile(
    r"^(?:(?:the|a|an|unique|your|valid|specific|given|numeric|integer)\s+)*([A-Za-z][A-Za-z-]+(?: [a-z-]+)?)(?:'s)?\s+(?:ids?|identifiers?|name|code|slug|key|uuid)\b",
    re.IGNORECASE,
)
_CUT = frozenset(
    word_list(
        """
    to for from of in on with that which whose you is are as at by and or can where must whom using get retrieve
    fetch we want will
    """
    )
)
_NO_ENTITY = frozenset(
    word_list(
        """
    id ids unique identifier name code the this api request required item object string number value numeric
    endpoint parameter rapidapi response one any same its their your result data valid full first last detail
    details info information iso given user's optional list integer desired specified specific output country-code
    """
    )
)


def entity_of(parameter: str, description: str, context: str) -> str:
    """What a bare parameter such as `id` or `name` belongs to, or an empty text.

    Args:
        parameter: its name.
        description: its description.
        context: the function's description and name in words.
    """
    for text, pattern in ((description, _OF), (description, _BEFORE)):
        match = pattern.search(text)
        if match and (noun := _entity(match.group(1))):
            return noun
    name = split_identifier(parameter)[-1]
    for pattern in (
        re.compile(
            rf"\b(?:by|with|using|given|from)\s+(?:(?:its|their|the|a|an|unique|given|specific)\s+)*([A-Za-z-]{{3,}})\s+{name}\b",
            re.IGNORECASE,
        ),
        re.compile(
            r"\b(?:specific|given|specified|particular|certain|single|requested|individual)\s+([A-Za-z-]{3,}(?: [a-z-]{3,})?)",
            re.IGNORECASE,
        ),
        re.compile(rf"\b([a-z-]{{3,}})(?:'s)?\s+(?:[a-z-]+ )?by(?: its| their| the)? {name}\b", re.IGNORECASE),
        re.compile(
            r"\b(?:of|for|about|from|on|in)\s+(?:a|an|the)\s+([A-Za-z-]{3,}(?: [a-z-]{3,})?)(?=[.,;]|$)", re.IGNORECASE | re.MULTILINE
        ),
        re.compile(
            r"^(?:get|delete|remove|update|fetch|retrieve|find|show|view|cancel)s?\s+(?:a|an|the|one)?\s*([a-z-]{3,})(?=$|\s+(?:details?|info|information|data|by)\b)",
            re.IGNORECASE | re.MULTILINE,
        ),
    ):
        match = pattern.search(context)
        if match and (noun := _entity(match.group(1))):
            return noun
    return ""


def _entity(text: str) -> str:
    words: list[str] = []
    for word in text.lower().split():
        if word in _CUT:
            break
        words.append(word)
    if not words or words[-1] in _NO_ENTITY or words[0] in _NO_ENTITY:
        return ""
    return singular(" ".join(in_words(word) for word in words))


def attach(parameter: str, schema: Mapping[str, Any], siblings: frozenset[str], context: str) -> Attachment:
    """How a parameter is said.

    Args:
        parameter: its name.
        schema: its JSON Schema.
        siblings: lower-case names of all parameters of the function.
        context: the function's description and name in words.
    """
    description = str(schema.get("description") or "")
    words = " ".join(split_identifier(parameter)) or "value"
    kind_of = _type(schema)
    if words == "long" and any(sibling.startswith("lat") for sibling in siblings):
        words = "longitude"
    if kind_of == "boolean":
        return Attachment(leads=(" with ",), noun=_flag_noun(words), boolean=True, rank=8)
    letter = next(
        (names.get(parameter.lower()) for keys, names in _LETTERS.items() if keys <= siblings and parameter.lower() in names), None
    )
    if letter:
        if letter.endswith("value"):
            letter = {"x": "first list", "y": "second list"}[letter[0]] if kind_of == "array" else letter
        if letter.endswith("value"):
            return Attachment(
                leads=(" with ",) if letter[0] == "x" else (" and with ",),
                noun=letter,
                word="an x of {}" if letter[0] == "x" else "a y of {}",
                rank=2 + (letter[0] == "y"),
                topic=True,
            )
        letter = letter.replace("value", "list").replace("number", "list") if kind_of == "array" else letter
        if re.match(r"first|second|last", letter):
            return Attachment(
                leads=(" with ",) if letter.startswith("first") else (" and with ",),
                noun=letter,
                word=f"{{}} as the {letter}",
                rank=2 + (not letter.startswith("first")),
                topic=True,
            )
        return Attachment(
            leads=(" with ",) if parameter.lower() in "rhcy" else (", ",),
            noun=letter,
            word=f"{letter} {{}}",
            rank=2 + (parameter.lower() not in "rhcy"),
            topic=True,
        )
    counted = re.fullmatch(r"(?:number of|number|total|amount of) (\w+s)", words)
    if counted and kind_of in ("integer", "number"):
        return Attachment(leads=(" with ", " for "), noun=f"number of {counted.group(1)}", word=f"{{}} {singular(counted.group(1))}(s)")
    if words.removesuffix("s") in _UNITS and kind_of in ("integer", "number"):
        return Attachment(
            leads=(" for ",), noun=f"number of {words.removesuffix('s')}s", word=f"{{}} {words.removesuffix('s')}(s)", rank=2, topic=True
        )
    found = _from_rules(words, description, kind_of, context)
    if found and re.search(r"\b(latitude|longitude)$", words):
        return _coordinate(words, siblings)
    return _by_format(found or _generic(words, kind_of, description), schema, description)


def _coordinate(words: str, siblings: frozenset[str]) -> Attachment:
    """One coordinate; two points give `from latitude …, longitude … to latitude …`."""
    name = words.rsplit(" ", 1)[-1]
    pair = sum(bool(re.search(r"lat", sibling)) for sibling in siblings) > 1
    late = pair and bool(re.search(r"\b(second|end|to|destination|target|dest|2|b)\b", words))
    lead = ", " if name == "longitude" else " to " if late else " from " if pair else " at "
    noun = f"{'second' if late else 'first'} {name}" if pair else name
    return Attachment(
        leads=(lead,), noun=noun, word=f"{name} {{}}", rank=1 + 2 * late + (name == "longitude"), topic=not late and name == "latitude"
    )


def _type(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "string")
    kind = next((x for x in kind if x != "null"), "string") if isinstance(kind, list) else kind
    for option in schema.get("anyOf", ()):
        if option.get("type") not in (None, "null"):
            return str(option["type"])
    return str(kind)


def _from_rules(words: str, description: str, kind_of: str, context: str) -> Attachment | None:
    rule = next((rule for rule, pattern in _COMPILED if pattern.search(words)), None)
    if rule is None or kind_of == "object":
        return None
    noun = _noun(words, description, context)
    if rule.kind == "code" and _FILE_NAME.match(noun):
        noun = noun.rsplit(" ", 1)[0]
    owner = re.fullmatch(r"(.+) name", words)
    if owner and owner.group(1) in {"new", "current", "old", "original"}:
        rule = replace(rule, leads=_WITH, word="{} as the {noun}")
    elif owner and rule.word == "{}" and not _SELF_EVIDENT.search(words):
        noun = in_words(owner.group(1))
        rule = replace(rule, word="the {noun} {}")
    if kind_of == "array":
        return Attachment(leads=rule.leads, noun=noun, rank=rule.rank, topic=True)
    if kind_of in ("integer", "number"):
        return _numeric(rule, noun, words)
    word = rule.word.replace("{noun}", noun.removesuffix(" ID") or noun)
    if rule.rank == 6 and "month" in words:
        word = "{}"
    if word.endswith(" of {}"):
        word = f"{{}} as the {noun}"
    return Attachment(leads=rule.leads, noun=noun.removesuffix(" ID") or noun, word=word, kind=rule.kind, rank=rule.rank, topic=rule.topic)


def _numeric(rule: Rule, noun: str, words: str) -> Attachment:
    """An attachment for a number, where the rule was made with texts in mind."""
    if rule.kind == "text":
        return replace(_generic(words, "number", ""), noun=noun)
    if rule.word == "{}" and rule.rank == 2 and rule.leads[0] in (" in ", " at "):
        return Attachment(leads=_WITH, noun=noun, word=f"{_countable(noun)} of {{}}", topic=True)
    short = noun.removesuffix(" ID") or noun
    word = rule.word.replace("{noun}", short)
    if rule.word.endswith(" of {}"):
        word = f"{_countable(noun)} of {{}}"
    elif rule.word.startswith("{} as the"):
        word = f"{noun} {{}}"
    elif rule.word == "{}" and "day" in words.split():
        word = "day {}"
    return Attachment(leads=rule.leads, noun=short, word=word, kind=rule.kind, rank=rule.rank, topic=rule.topic)


_FILE_NAME = re.compile(r"(file|folder|directory|library|database|table|image|document|audio|video)\b.* (name|path)$")
_UNITS = frozenset(
    word_list(
        """
    gallon liter litre mile kilometer kilometre meter metre pound kilogram gram ounce minute hour day week month
    second guest night person degree litre adult room
    """
    )
) - {"month", "day", "room", "person", "hour"}
"""Units and countable things that follow their number."""
_SELF_EVIDENT = re.compile(
    r"\b(first|last|middle|full|user|city|country|state|region|location|place|person|author|player|artist|patient|employee|student|customer|guest|donor|member|actor|driver|client|"
    r"participant|doctor|athlete|celebrity|contact|recipient|company|brand|manager|teacher|owner|display|event)\b"
)
"""Names that need no noun before them."""


def _countable(noun: str) -> str:
    return f"{'an' if noun[:1] in 'aeio' else 'a'} {noun}"


def _noun(words: str, description: str, context: str) -> str:
    """What a person calls a parameter of this name."""
    last = words.rsplit(" ", 1)[-1]
    if words in _VAGUE:
        entity = entity_of(words, description, context)
        if words in {"id", "ids", "uuid"}:
            return f"{entity} ID" if entity else "ID"
        if words in {"code", "slug", "type", "key", "number", "no"}:
            entity = entity_of(words, description, context if words in {"code", "slug"} else "")
            return f"{entity} {in_words(words)}".strip()
        return entity if entity and words == "name" else in_words(words)
    if last == "ids":
        words = words[:-1]
    if words in {"q", "s", "query", "search", "search query", "term"}:
        return "search term"
    return in_words(words)


def _generic(words: str, kind_of: str, description: str) -> Attachment:
    noun = in_words(words)
    if len(words) == 1:
        noun = noun.upper()
    topic = True
    if kind_of in ("integer", "number"):
        return Attachment(leads=_WITH, noun=noun, word=f"{{}} for {noun}" if len(words) == 1 else f"{noun} {{}}", topic=topic)
    if kind_of == "array":
        return Attachment(leads=(" for ", " with "), noun=noun, topic=topic, rank=2)
    if kind_of == "object":
        return Attachment(leads=(" with ",), noun=noun, word=noun + " {}", topic=topic)
    if words in MASS or re.search(r"\b(expenses|items|ingredients|features|skills|criteria|preferences|options|settings)$", words):
        return Attachment(leads=(" with ",), noun=noun, word=f"{{}} as the {noun}", topic=topic)
    if re.search(r"\b(of|for) (the|a)\b", description) and len(words.split()) == 1:
        return Attachment(leads=(" for ", " with "), noun=noun, word=f"the {noun} {{}}", topic=topic, rank=3)
    return Attachment(leads=_WITH, noun=noun, word=f"{{}} as the {noun}", topic=topic)


def _by_format(found: Attachment, schema: Mapping[str, Any], description: str) -> Attachment:
    if found.kind or _type(schema) != "string":
        return found
    stated = {"date": "date", "date-time": "datetime", "time": "time", "email": "code", "uri": "code", "uuid": "code"}.get(
        str(schema.get("format")), ""
    )
    if not stated and re.search(r"YYYY-MM-DD|\bISO.?8601", description, re.IGNORECASE):
        stated = "date"
    if not stated and found.noun.split()[-1:] in (["date"], ["time"]):
        stated = found.noun.split()[-1]
    return replace(found, kind=stated)


def _flag_noun(words: str) -> str:
    """`include hidden files` -> `hidden files`: what a boolean parameter switches on."""
    bare = re.sub(
        r"^(is|has|with|include|includes|including|enable|enabled|use|show|want|wants|return|add|should|only|allow|get|display)\b ?",
        "",
        words,
    )
    bare = re.sub(r" ?\b(enabled|included|flag|only)$", "", bare)
    return in_words(bare or words)
