# ruff: noqa: E501 — patterns are kept whole, so that they can be read and searched
"""Reading what a function does from its description or, failing that, from its name.

The outcome is a `Deed`: a base-form verb with what follows it. A description that is empty, foreign, advertising
or about something else (`For valid response try …`) is passed over.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from magnet_ray.teacher.description_patterns import BOILERPLATE, CLAUSE, CUTS, LIST_OF, NOT_OURS
from magnet_ray.teacher.verbs import FOREIGN, LOOKUP_VERBS, MASS, NOUNS_TOO, base_form, is_plural, spelled, split_identifier, word_list
from magnet_ray.types import FunctionSpec
from magnet_ray.wording import article


@dataclass(frozen=True, slots=True)
class Deed:
    """What a function does."""

    verb: str
    """In its base form; `get` for everything that only hands something over."""
    rest: str
    """What follows the verb: an object with its article (`the latest news`), or `for houses`; may be empty."""
    lookup: bool
    """Whether it only hands something over, `rest` being a noun phrase."""


DETERMINERS = frozenset(
    word_list(
        """
    a an the all any every each some this these that those my your our their its his one two three several many both
    no more such another other what which who how whether if where when at
    """
    )
)
_PREPOSITIONS = "of for from in on at by with about between to into within against via using under over per across through based during regarding around near titled called named"
PREPOSITION = re.compile(rf"\b(?:{'|'.join(_PREPOSITIONS.split())})\b", re.IGNORECASE)
_AGENT = re.compile(r"(?:tor|der|ver|ler|per|zer|fier|cker|nder|rter|tter|mer|ner)$")
"""Ends of words for a tool: `calculator`, `downloader`."""
_PERSONS = frozenset(
    word_list(
        """
    holder number weather letter driver player order newsletter customer server paper center seller banner partner
    winner member user owner timer computer charter water dinner corner counter visitor author actor director sector
    factor vendor tracker leader reader founder order border header folder river cover silver chapter power per
    developer newspaper copper helper worker matter twitter trailer summer farmer former
    """
    )
)
"""Words with such an end that are no tools."""


_NAMES_FIRST = frozenset(word_list("email tweet fund monitor stream image map chart track model label trade forecast file plot cover view"))
"""Words that open a name as nouns, though they may be verbs in a description."""
_FUSED_VERBS = {
    "login": "log in",
    "logout": "log out",
    "signup": "sign up",
    "logon": "log on",
    "checkin": "check in",
    "checkout": "check out",
}
"""Verbs written as one word in names."""


def describe_deed(spec: FunctionSpec) -> Deed:
    """What a function does, from its description, else from its name."""
    stated = first_sentence(spec.description)
    named = re.match(r"Look up (.+?) from .+$", stated)  # how loaders describe a function that came without a description
    if (
        named
        and (words := split_identifier(named.group(1)))
        and words[0] not in _NAMES_FIRST
        and (base_form(words[0]) or words[0] in _FUSED_VERBS)
    ):
        acting = deed_of(" ".join([_FUSED_VERBS.get(words[0], words[0]), *words[1:]]))
        if acting is not None and not acting.lookup and acting.rest:
            return acting
    for deed in (deed_of(stated) if " " in stated else None, *map(deed_of, _names_as_text(spec))):
        if deed is not None:
            return deed
    tool = " ".join(spelled(word) for word in split_identifier(spec.name.rsplit("__", 1)[-1])[:5]) or "lookup"
    return Deed("use", f"the {tool} tool", False)


def _names_as_text(spec: FunctionSpec) -> list[str]:
    """The names of a function in words, the most telling first."""
    name = spec.callable_name if "__" in spec.callable_name else spec.name
    tool, _, own = name.rpartition("__")
    if not tool and "_for_" in own:
        own, _, tool = own.partition("_for_")
    words = _meaningful(split_identifier(own))
    if words and words[0] in _FUSED_VERBS:
        words = [*_FUSED_VERBS[words[0]].split(), *words[1:]]
    if len(words) == 1 and re.fullmatch(r"is[a-z]{4,}", words[0]) and not base_form(words[0]):
        return [f"check if it is {words[0][2:]}"]
    if len(words) > 1 and words[-1] in {"exists", "exist"}:
        return [f"check if the {' '.join(words[:-1])} exists"]
    if len(words) > 1 and words[0] in {"is", "has"}:
        return [f"check if it {' '.join(words)}"]
    if 2 < len(words) < 7 and "to" in words[1:-1] and not base_form(words[0]):
        words = ["convert", *words]
    tool_words = [
        word
        for word in split_identifier(tool)
        if word not in {"api", "data", "by", "v1", "v2", "v3", "free", "live", "the", "unofficial", "demo", "project"}
    ]
    if len(words) == 1 and base_form(words[0]) and tool_words:
        words = [*words, *([] if base_form(words[0]) not in {"search", "find"} else ["on"]), *tool_words[:3]]
    elif len(words) == 1 and tool_words and words[0] not in tool_words:
        words = ["get", *tool_words[:3], *words]
    elif not words:
        words = ["get", *tool_words] if tool_words else []
    return [" ".join(words)] if words else []


def _meaningful(words: list[str]) -> list[str]:
    drop = {"api", "endpoint", "v1", "v2", "v3", "v4", "rest", "json", "copy", "request", "php", "html", "using", "post", "put"}
    words = [word for word in words if word not in drop and (len(word) > 1 or word == "a") and not word.isdigit()]
    if len(words) > 1 and words[-1] in {"id", "ids"} and not ({"by", "get", "search", "for"} & set(words)):
        words = words[:-1]
    for place, word in enumerate(words[1:-1], 1):
        if (
            not base_form(words[0])
            and words[place + 1] not in {"by", "of", "results", "result"}
            and word in {"get", "search", "list", "find", "fetch", "retrieve"}
        ):
            return [word, *(other for other in words[place + 1 :] if other not in {"get", "search"})]
    return words


def first_sentence(description: str) -> str:
    """The first sentence of a description, without mark-up, addresses and asides."""
    text = description.split("Tool description:")[-1]
    text = "".join(" " if unicodedata.category(letter) in ("So", "Cs", "Co", "Cn", "Cc") else letter for letter in text)
    text = re.sub(r"<[^>]{0,80}>", " ", text)
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", text)
    text = re.sub(r"https?://\S+|www\.\S+", " ", text)
    text = text.replace("**", "")
    text = re.sub(r"\*(\w+)\*", r"\1", text)
    text = re.sub(r"(?<!\w)'(\w+)'", r"\1", text)
    text = re.sub(r"\([^()]*\)", " ", text).replace(" & ", " and ").replace("’", "'").replace("**", "").replace("`", "").replace("_", " ")  # noqa: RUF001
    text = re.sub(r"^(?:[\s\W\d]+|v\d+ ?/? )+", "", text)
    text = re.sub(r"[-/]", " ", text) if " " not in text.strip() else text
    text = re.split(r"(?<=[a-z0-9')%A-Z])[.!?](?:\s|$)|\n\s*\n|\n\s*[-*#>\d]|:\s*\n", text, maxsplit=1)[0]
    text = re.sub(r"\s+", " ", text).strip(" .:;,-!?*#'\"")
    return re.sub(r" with (?:[A-Z][\w.]*(?: |$))+$", "", text) if len(text.split()) < 9 else text


def deed_of(sentence: str) -> Deed | None:
    """The deed that a sentence states, or None when it states none that can be used."""
    text = sentence
    if not text or _foreign(text) or len(re.findall(r"[A-Za-z]", text)) < 3:
        return None
    for _ in range(6):
        before = text
        for pattern in BOILERPLATE:
            shorter = pattern.sub("", text, count=1)
            if shorter != text and len(shorter) > 2:
                text = shorter
        if text == before or _opens_with_verb(text):
            break
    text = re.sub(r"^(?:successfully|easily|quickly|automatically|randomly|simply|continuously|also|only) ", "", text, flags=re.IGNORECASE)
    words = text.split()
    if not words or NOT_OURS.match(words[0].strip(",.")):
        return None
    return _with_verb(words) if _opens_with_verb(text) else _noun_phrase(text)


def _foreign(text: str) -> bool:
    words = re.findall(r"[^\W\d_]+", text.lower())
    strange = sum(word in FOREIGN for word in words)
    return strange >= max(2, len(words) / 5) or sum(ord(letter) > 127 for letter in text) > len(text) / 10


def _opens_with_verb(text: str) -> bool:
    words = text.lower().split()
    if not words or not base_form(words[0]):
        return False
    verb = base_form(words[0])
    if words[0].endswith("ing") and len(words) > 1 and words[1].strip(",") in {"of", "for", "data", "results", "is"}:
        return False
    following = words[1] if len(words) > 1 else ""
    if (
        verb in NOUNS_TOO
        and words[0] == verb
        and following in {"of", "from", "with", "results", "result", "is", "details", "data", "information", "history", "status", "number"}
    ):
        return False
    return not (
        verb in NOUNS_TOO
        and verb != "list"
        and verb != "search"
        and words[0] == verb
        and len(words) > 1
        and is_plural(words[1])
        and following not in MASS
    )


_PARTICLE = re.compile(r"(?:out|up|off|down|in|on|over)(?= (?:a|an|the|my|to|from|of|user|users|for)\b|$)", re.IGNORECASE)
_PHRASAL = frozenset(word_list("check log sign turn shut set switch opt fill clean back follow"))
"""Verbs that go with a particle: `check out`, `turn off`."""
_ABOUT_ITSELF = re.compile(r"\b(?:this|the) (?:api|end ?point)\b|^(?:an? )?(?:api|end ?point)\b", re.IGNORECASE)
_IDLE = frozenset(word_list("test use call query be do make"))
"""Verbs that say nothing about a request."""
_CHECKING = frozenset(word_list("check determine verify test validate tell detect find"))
"""Verbs before `if` or `whether`."""


def _with_verb(words: list[str]) -> Deed | None:
    """The deed of a text that opens with a verb."""
    verb = base_form(words[0])
    rest = " ".join(words[1:])
    if re.match(r"(?:and|or|/) ", rest, re.IGNORECASE):
        following = rest.split(maxsplit=2)
        if len(following) < 3 or not base_form(following[1]):
            return None
        rest = following[2]
    elif rest.startswith(","):
        return None
    rest = re.sub(r"^(?:back|you|us|me) (?=\w)", "", rest, flags=re.IGNORECASE)
    particle = _PARTICLE.match(rest)
    if particle and verb in _PHRASAL:
        left = _lower(_tidy(rest[particle.end() :].strip()))
        return Deed(f"{verb} {particle.group(0).lower()}", "" if left in {"me", "user", "the user", "users"} else _articled(left), False)
    rest = _tidy(rest)
    if _ABOUT_ITSELF.search(rest) or (verb in _IDLE and re.match(r"^(?:the |a |an |this )?(?:request|call|$)", rest, re.IGNORECASE)):
        return None
    if re.search(r"\b(?:parameters?|query param|request body|get request|post request)\b|^(?:an? )?[A-Z]+ request\b", rest, re.IGNORECASE):
        return None
    if verb == "be":
        return None
    if verb == "respond":
        return _lookup(rest.removeprefix("with ")) if rest.startswith("with ") else None
    return _handing_over(verb, rest) if verb in LOOKUP_VERBS or verb == "look" else _acting(verb, rest)


def _handing_over(verb: str, rest: str) -> Deed | None:
    """The deed of `get`, `return`, `look up` and their like."""
    if verb == "look":
        return _lookup(rest[3:]) if rest.startswith("up ") else None
    if verb == "find" and rest.startswith("out "):
        return None
    if verb == "find" and re.match(r"(?:if|whether)\b", rest):
        return _acting(verb, rest)
    return _lookup(rest) if rest else None


def _acting(verb: str, rest: str) -> Deed | None:
    """The deed of a verb that does something."""
    if verb in _CHECKING and re.match(r"(?:if|whether)\b", rest):
        return Deed("check", re.sub(r"^(?:if|whether)(?: or not)?", "whether", _lower(rest)), False)
    if verb in _CHECKING and re.match(r"(?:the |an? |your |my )?(?:[\w-]+ ){1,4}(?:is|are|has|exists?)\b", rest):
        return Deed("check", "whether " + re.sub(r" or not$", "", _lower(rest)), False)
    if verb in _CHECKING | {"filter"} and re.match(r"(?:for|at|in|by|with|out)\b", rest):
        return None
    searched = re.match(r"^(?:an? )?(?:([\w]+) )?search(?: for)?\b ?(.*)$", rest, re.IGNORECASE) if verb == "make" else None
    if searched:
        return Deed("search", (_lower(searched.group(1) or "", all_words=True) + " " + _lower(searched.group(2))).strip(), False)
    rest = _lower(rest).removeprefix(f"{verb} ")
    return Deed(verb, _object(verb, rest), False)


def _object(verb: str, rest: str) -> str:
    """The object of a verb with the article that goes with it: `perform an audit`, `create a list`, `update the list`."""
    if verb == "search":
        rest = rest.removeprefix("for ") or rest
    bare = bool(re.match(r"[a-z]", rest)) and _articled(rest) == f"the {rest}"
    if not bare:
        return _articled(rest) if verb != "search" else rest
    if verb in {"perform", "conduct", "do", "run"}:
        head = PREPOSITION.split(rest, maxsplit=1)[0].split()[-1]
        return rest if re.search(r"(?:ing|sis|ance|ment|ation|tics)$", head) else article(rest)
    return article(rest) if verb in {"create", "generate", "make", "build", "produce", "compose", "search"} else _articled(rest)


def _lookup(rest: str) -> Deed | None:
    rest = _lower(rest)
    words = rest.split()
    if words[0] in {"true", "false", "null", "none"} or re.match(
        r"^(?:a |the )?(?:json|response|success|result|boolean|dict|dictionary|string|float|int|tuple|bool|object)s?$", rest
    ):
        return None
    if re.match(r"^(?:(?:a|the) )?(?:boolean|json|list|dictionary) (?:response|object|value|indicating)", rest):
        return None
    if re.match(r"(?:whether|if|true|false)\b", rest):
        return Deed("check", re.sub(r"^(?:true if|false if|true|false|if)(?: the)?", "whether", rest), False)
    if words[0] in {
        "up",
        "to",
        "by",
        "with",
        "for",
        "from",
        "in",
        "on",
        "of",
        "only",
        "as",
        "and",
        "per",
        "into",
        "at",
        "via",
        "using",
        "is",
        "are",
        "not",
    }:
        return None
    return Deed("get", _articled(LIST_OF.sub("", rest) or rest), True)


def _noun_phrase(text: str) -> Deed | None:
    """A description that is a noun phrase: `Information of an article`."""
    if (
        CLAUSE.match(text)
        or re.match(r"^(?:\w+ ){0,2}(?:\w+)?(?:ed|you)\b (?:by|to|in|on|as)\b", text, re.IGNORECASE)
        or len(text.split()) > 40
    ):
        return None
    titled = len(text.split()) > 1 and all(word[:1].isupper() or len(word) < 4 for word in text.split())
    rest = _tidy(_lower(text, all_words=titled))
    words = rest.split()
    if (
        not words
        or len(words) > 12
        or (len(words) == 1 and (words[0].endswith("ed") or len(text.split()) > 6))
        or re.search(r"\b(?:requests?|endpoints?|api|apis|parameter|parameters|response)\b", rest, re.IGNORECASE)
    ):
        return None
    if any(
        base_form(word) == word
        and word
        in {"get", "use", "return", "enter", "retrieve", "validate", "verify", "check", "convert", "calculate", "fetch", "generate"}
        for word in words
    ):
        return None
    head = (PREPOSITION.split(rest, maxsplit=1)[0].split() or [""])[-1]
    if _AGENT.search(head) and head not in _PERSONS:
        return Deed("use", f"the {rest}", False)
    return Deed("get", _articled(LIST_OF.sub("", rest)), True)


def _tidy(text: str) -> str:
    """Cut at the first subordinate clause, aside or list, and to a sane length."""
    text = re.sub(r"\b(?:a\.k\.a|aka)\b.*$", "", text, flags=re.IGNORECASE)
    text = CUTS.sub("", text, count=1)
    text = re.sub(r"\b(\w+)s/(\w+)", r"\1s and \2", text)
    text = re.sub(
        r"\b(?:the )?(?:(?:current|authenticated|logged[- ]in|currently authenticated) )users?(?:'s)?\b",
        lambda m: "my" if m.group(0).endswith("'s") else "me",
        text,
        flags=re.IGNORECASE,
    )
    text = re.sub(r"\bme (?=session|account|profile|settings|token|id|info|information|data)", "my ", text)
    text = re.sub(r"\b(?:a|an|the) user's\b", "my", text)
    text = re.sub(r"\byour\b", "my", text, flags=re.IGNORECASE)
    text = re.sub(r"\b(\w+) \1\b", r"\1", text, flags=re.IGNORECASE)
    text = re.sub(r" (?:for|of) (?:me|(?:the|a) user)$", "", text)
    words = text.split()
    while len(words) > 14 and (places := [i for i, word in enumerate(words) if i > 3 and PREPOSITION.fullmatch(word.lower())]):
        words = words[: places[-1]]
    words = words[:16]
    dangling = {
        *_PREPOSITIONS.split(),
        "a",
        "an",
        "the",
        "and",
        "or",
        "all",
        "any",
        "that",
        "which",
        "is",
        "its",
        "their",
        "as",
        "your",
        "my",
        "this",
        "be",
        "given",
        "specific",
        "certain",
        "given,",
        "when",
        "if",
        "while",
    }
    while words and words[-1].lower().strip(",") in dangling:
        words.pop()
    return " ".join(words).strip(" ,.-/&'")


def _lower(text: str, *, all_words: bool = False) -> str:
    """Lower-case what only the beginning of a sentence, or a title, had capitalised; mend known words."""
    words = text.split()
    long = [word for word in words if len(word) > 3]
    if len(long) > 1 and sum(word[:1].isupper() for word in long) > 0.6 * len(long):
        all_words = True
    shown: list[str] = []
    for place, word in enumerate(words):
        bare = word.strip(",.'")
        ordinary = bare[1:].islower() or len(bare) == 1
        if (
            bare.endswith("'s")
            and place == 0
            and base_form(bare) == ""
            and bare.lower() not in {"today's", "user's", "team's", "player's", "it's"}
        ):
            shown.append(word)
        elif spelled(bare) != bare.lower() or re.search(r"[a-z][A-Z]", bare):
            shown.append(word.replace(bare, spelled(bare) if spelled(bare) != bare.lower() else _uncamel(bare)))
        elif (
            (ordinary and (all_words or place == 0))
            or (bare.isupper() and len(bare) > 5)
            or (bare.isupper() and len(bare) > 2 and text.isupper())
        ):
            shown.append(word.lower())
        else:
            shown.append(word)
    return " ".join(shown)


def _uncamel(word: str) -> str:
    return " ".join(spelled(part) for part in split_identifier(word))


def _articled(rest: str) -> str:
    """`rest` with an article where its first noun phrase needs one."""
    words = rest.split()
    if not words or words[0].lower() in DETERMINERS or words[0].lower() in _PREPOSITIONS.split() or re.match(r"^[\d{]|.*'s$", words[0]):
        return rest
    if words[0][:1].isupper() and words[0].lower() not in {"api", "url"} and len(words) == 1:
        return rest
    if is_plural(words[0]) or (words[0].isupper() and words[1:2] == ["to"]):
        return rest
    phrase = PREPOSITION.split(rest, maxsplit=1)[0].split()
    head = phrase[-1] if phrase else words[0]
    first = phrase[: phrase.index("and")][-1:] if "and" in phrase[1:] else []
    nouns = [*first, head]
    if any(is_plural(noun) or noun.lower() in MASS for noun in nouns) or (
        base_form(words[0]) == words[0] and len(phrase) == 1 and words[0] in {"up", "out"}
    ):
        return rest
    if words[0].lower() in {"up", "out", "off", "in", "into", "back", "it", "me", "and", "or", "as", "not", "is"}:
        return rest
    return article(rest) if rest.startswith("random ") and not any(is_plural(noun) for noun in words[1:3]) else f"the {rest}"
