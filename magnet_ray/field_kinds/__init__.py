"""What a field's name says about its values: `hotel_city` is a city, `max_price` an amount, `patient_id` a code.

`kind_of(name, context)` resolves name tokens, longest suffix first, to a `Kind`; the kind draws a text or a
number from a seeded `Random`. Kinds of one group (place, person) make their first draw choose the record, so
fields drawn from equally seeded generators belong together.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from random import Random

from magnet_ray import lexicon
from magnet_ray.field_kinds.names import FIELD_NAMES
from magnet_ray.lexicon import Place

Draw = Callable[[Random, date], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of value and how to draw one."""

    name: str
    """Name of the kind."""
    text: Draw | None = None
    """Draws a text; None for kinds that are numbers, whose text is the number with its unit."""
    low: float = 0
    """Smallest number."""
    high: float = 0
    """Largest number; equal to `low` when the kind has no numbers."""
    decimals: int = 0
    """Digits after the point."""
    unit: str = "{}"
    """How the number is written as text."""
    group: str = ""
    """Record that it belongs to: `place`, `person`, or empty."""
    named: bool = False
    """True when a value names a thing, so that `X_name` and the bare `name` of an X take it."""

    @property
    def numeric(self) -> bool:
        """Whether numbers of this kind have a sensible range."""
        return self.high > self.low

    def draw_number(self, rng: Random) -> float:
        """A number of this kind; round figures are likelier where the range is wide."""
        if self.decimals:
            return round(self.low + rng.random() * (self.high - self.low), self.decimals)
        span = self.high - self.low
        step = 1 if span <= 100 else 5 if span <= 1000 else 10 if span <= 20_000 else 100
        return int(self.low) + step * rng.randrange(int(span) // step + 1)

    def draw_text(self, rng: Random, today: date) -> str:
        """A text of this kind."""
        return self.text(rng, today) if self.text else self.unit.replace("{}", f"{self.draw_number(rng):g}")


def _words(words: Sequence[str]) -> Draw:
    return lambda rng, today: rng.choice(words)


def _place(field: Callable[[Place], str]) -> Draw:
    return lambda rng, today: field(rng.choice(lexicon.PLACES))


def person(rng: Random) -> tuple[str, str]:
    """First and last name of a person."""
    return rng.choice(lexicon.FIRST_NAMES), rng.choice(lexicon.LAST_NAMES)


def _person(field: Callable[[str, str], str]) -> Draw:
    return lambda rng, today: field(*person(rng))


def _email(rng: Random, today: date) -> str:
    first, last = person(rng)
    return f"{first}.{last}@{rng.choice(lexicon.MAIL_HOSTS)}".lower()


def _address(rng: Random, today: date) -> str:
    place = rng.choice(lexicon.PLACES)
    return f"{rng.randint(2, 180)} {rng.choice(lexicon.STREETS)}, {place.city}"


def day_around(rng: Random, today: date, back: int, ahead: int) -> str:
    """A date between `back` days before and `ahead` days after today (ISO 8601)."""
    return (today + timedelta(days=rng.randint(-back, ahead))).isoformat()


def _day(back: int, ahead: int) -> Draw:
    return lambda rng, today: day_around(rng, today, back, ahead)


def clock_time(rng: Random, today: date) -> str:
    """A time of day on the half or quarter hour."""
    return f"{rng.randint(7, 20):02d}:{rng.choice((0, 0, 15, 30, 30, 45)):02d}"


def _moment(rng: Random, today: date) -> str:
    return f"{day_around(rng, today, 30, 0)}T{clock_time(rng, today)}:00Z"


def _slug(rng: Random, today: date) -> str:
    return rng.choice(lexicon.TITLES).lower().replace("'", "").replace(" ", "-")


def _page(rng: Random, today: date) -> str:
    return f"https://www.{rng.choice(lexicon.DOMAINS)}/{rng.choice(lexicon.TOPICS).replace(' ', '-').lower()}"


def _image(rng: Random, today: date) -> str:
    return f"https://images.{rng.choice(lexicon.DOMAINS)}/{rng.randint(1000, 9999)}.jpg"


def _phone(rng: Random, today: date) -> str:
    return f"+1 {rng.randint(201, 989)} 555 {rng.randint(100, 9999):04d}"


def _ip(rng: Random, today: date) -> str:
    return f"203.0.113.{rng.randint(2, 250)}"


def _letters_code(length: int) -> Draw:
    return lambda rng, today: "".join(rng.choice("0123456789abcdef") for _ in range(length))


def _sequence(rng: Random, today: date) -> str:
    return "".join(rng.choice("ACGT") for _ in range(16))


PLACE_FIELDS: dict[str, Callable[[Place], str]] = {
    "city": lambda p: p.city, "country": lambda p: p.country, "country_code": lambda p: p.code, "region": lambda p: p.region,
    "timezone": lambda p: p.timezone, "postcode": lambda p: p.postcode, "airport": lambda p: p.airport, "location": lambda p: p.city,
    "coordinates": lambda p: f"{p.latitude}, {p.longitude}", "nationality": lambda p: p.country,
    "locality": lambda p: f"{p.city}, {p.country}", "latitude": lambda p: f"{p.latitude}", "longitude": lambda p: f"{p.longitude}",
}  # fmt: skip
"""Kind -> the field of a place that it shows."""


def _text_kinds() -> dict[str, Kind]:
    named = {
        "company": lexicon.COMPANIES, "product": lexicon.PRODUCTS, "sport": lexicon.SPORTS, "team": lexicon.TEAMS,
            "league": lexicon.LEAGUES,
        "artist": lexicon.ARTISTS, "song": lexicon.SONGS, "work": lexicon.TITLES, "food": lexicon.FOODS, "ingredient": lexicon.INGREDIENTS,
        "animal": lexicon.ANIMALS, "plant": lexicon.PLANTS, "disease": lexicon.DISEASES, "medicine": lexicon.MEDICINES,
        "event": lexicon.EVENTS, "venue": lexicon.VENUES, "hotel": lexicon.HOTELS, "restaurant": lexicon.RESTAURANTS,
        "vehicle": lexicon.VEHICLES, "airline": lexicon.AIRLINES, "game": lexicon.GAMES, "software": lexicon.SOFTWARE,
            "database": lexicon.DATABASES, "platform": lexicon.PLATFORMS,
        "project": lexicon.PROJECTS, "library": lexicon.LIBRARIES, "school": lexicon.SCHOOLS, "organisation": lexicon.ORGANISATIONS,
        "hospital": lexicon.HOSPITALS, "device": lexicon.DEVICES, "dataset": lexicon.DATASETS, "subject": lexicon.SUBJECTS,
        "activity": lexicon.ACTIVITIES, "job": lexicon.JOBS, "department": lexicon.DEPARTMENTS, "chemical": lexicon.CHEMICALS,
        "topic": lexicon.TOPICS, "news": lexicon.NEWS, "make": lexicon.CAR_MAKES, "coin": lexicon.CRYPTO_NAMES, "month": lexicon.MONTHS,
        "drink": lexicon.DRINKS, "character": lexicon.CHARACTERS,
    }  # fmt: skip
    plain = {
        "language": lexicon.LANGUAGES, "language_code": lexicon.LANGUAGE_CODES, "currency": lexicon.CURRENCIES, "symbol": lexicon.SYMBOLS,
        "crypto": lexicon.CRYPTO, "continent": lexicon.CONTINENTS, "genre": lexicon.GENRES, "music_genre": lexicon.MUSIC_GENRES,
        "cuisine": lexicon.CUISINES, "color": lexicon.COLORS, "hex_color": lexicon.HEX_COLORS, "material": lexicon.MATERIALS,
        "symptom": lexicon.SYMPTOMS, "industry": lexicon.INDUSTRIES, "skill": lexicon.SKILLS, "method": lexicon.METHODS,
            "gas": lexicon.GASES,
        "artwork": lexicon.ARTWORKS, "style": lexicon.STYLES, "audience": lexicon.AUDIENCES, "period": lexicon.PERIODS,
            "size": lexicon.SIZES,
        "level": lexicon.LEVELS, "grade": lexicon.GRADES, "status": lexicon.STATUSES, "gender": lexicon.GENDERS,
            "weekday": lexicon.WEEKDAYS,
        "season": lexicon.SEASONS, "zodiac": lexicon.ZODIAC, "weather": lexicon.WEATHER, "file": lexicon.FILE_NAMES, "unit": lexicon.UNITS,
        "tag": lexicon.TAGS, "word": lexicon.WORDS, "sentence": lexicon.SENTENCES, "domain": lexicon.DOMAINS, "us_state": lexicon.STATES,
        "us_state_code": lexicon.STATE_CODES, "age_group": ("18-24", "25-34", "35-44", "45-64"), "market": ("US", "GB", "DE", "FR", "CA"),
        "locale": ("en-US", "en-GB", "de-DE", "fr-FR", "es-ES"), "version": ("1.2.0", "2.0.1", "2.4.3", "3.1.0"), "format": ("json",
            "csv", "pdf"),
        "sort": ("newest", "price", "rating", "name"), "order": ("ascending", "descending"), "relation": ("similar", "related"),
        "interval": ("daily", "weekly", "monthly"), "position": ("midfielder", "goalkeeper", "forward", "defender"),
        "sentiment": ("positive", "neutral", "mixed"), "risk": ("low", "moderate", "elevated"), "availability": ("available", "limited",
            "fully booked"),
        "day_part": ("morning", "afternoon", "evening"), "password": ("sunny-harbor-42", "copper-lantern-17", "quiet-meadow-88"),
        "equation": ("2x + 3 = 11", "x^2 - 4 = 0", "3y = 12"), "field_of_law": ("tenancy law", "labor law", "consumer law"),
        "blood": ("A+", "O+", "B-", "AB+"), "extent": ("page", "section"), "mode": ("standard", "automatic", "manual"),
        "category": lexicon.CATEGORIES, "news_source": lexicon.SOURCES, "amenity": lexicon.AMENITIES,
            "habitat": lexicon.HABITATS, "celestial": lexicon.CELESTIAL,
        "climate": lexicon.CLIMATES, "joke": lexicon.JOKES, "saying": lexicon.QUOTES, "fact": lexicon.FACTS, "riddle": lexicon.RIDDLES,
        "remark": lexicon.REMARKS, "priority": ("low", "medium", "high"), "coordinates": (), "carrier": ("DHL", "FedEx", "UPS"),
            "browser": ("Firefox", "Chrome", "Safari"),
    }  # fmt: skip
    kinds = {name: Kind(name=name, text=_words(words), named=True) for name, words in named.items()}
    kinds |= {name: Kind(name=name, text=_words(words)) for name, words in plain.items() if words}
    kinds |= {
        name: Kind(name=name, text=_place(field), group="place", named=name in ("city", "country")) for name, field in PLACE_FIELDS.items()
    }
    kinds |= {
        "person": Kind(name="person", text=_person(lambda a, b: f"{a} {b}"), group="person", named=True),
        "first_name": Kind(name="first_name", text=_person(lambda a, b: a), group="person"),
        "last_name": Kind(name="last_name", text=_person(lambda a, b: b), group="person"),
        "username": Kind(name="username", text=_person(lambda a, b: f"{a}_{b}".lower()), group="person"),
        "email": Kind(name="email", text=_email, group="person"),
        "address": Kind(name="address", text=_address, group="place"),
    }
    draws: dict[str, Draw] = {
        "date": _day(20, 20), "future_date": _day(-2, 40), "past_date": _day(400, -3), "birth_date": _day(22_000, -8000), "moment": _moment,
        "sunrise": lambda rng, today: f"{rng.randint(5, 7):02d}:{rng.randint(0, 59):02d}", "sunset": lambda rng,
            today: f"{rng.randint(17, 20):02d}:{rng.randint(0, 59):02d}",
        "time": clock_time, "url": _page, "image": _image, "phone": _phone, "ip": _ip, "token": _letters_code(12), "slug": _slug,
        "hash": _letters_code(16), "sequence": _sequence, "isbn": lambda rng, today: f"978{rng.randint(10**9, 10**10 - 1)}",
        "doi": lambda rng, today: f"10.1016/j.{rng.randint(2019, 2025)}.{rng.randint(10_000, 99_999)}",
        "age_range": lambda rng, today: rng.choice(("18-24", "25-34", "35-44", "45-64")),
        "blood_pressure": lambda rng, today: f"{rng.randint(108, 138)}/{rng.randint(66, 88)}",
        "flight": lambda rng, today: f"{rng.choice(('LH', 'DL', 'QF', 'IB', 'KL'))}{rng.randint(100, 989)}",
        "plate": lambda rng,
            today: f"{rng.choice('KBMT')}{rng.choice('ALRS')}{rng.randint(10, 99)} {rng.choice('XVDG')}{rng.choice('HJPN')}",
        "dimensions": lambda rng, today: f"{rng.randint(2, 12) * 10} x {rng.randint(2, 12) * 10} cm",
        "ratio": lambda rng, today: f"{rng.randint(2, 9)}:1",
    }  # fmt: skip
    return kinds | {name: Kind(name=name, text=draw) for name, draw in draws.items()}


_NUMBERS: dict[str, tuple[float, float, int, str]] = {
    "age": (21, 74, 0, "{}"), "year": (2012, 2025, 0, "{}"), "quantity": (1, 9, 0, "{}"), "price": (9, 180, 2, "${}"), "budget": (500,
        9000, 0, "${}"),
    "salary": (38_000, 120_000, 0, "${}"), "revenue": (120_000, 4_800_000, 0, "${}"), "amount": (20, 900, 0, "{}"), "temperature": (4,
        31, 1, "{}°C"),
    "percent": (3, 97, 0, "{}%"), "rate": (0.5, 12, 2, "{}%"), "fraction": (0.05, 0.95, 2, "{}"), "rating": (3.1, 4.9, 1, "{}"),
        "stars": (1, 5, 0, "{}"),
    "score": (52, 98, 0, "{}"), "distance": (1, 480, 0, "{} km"), "weight": (2, 95, 1, "{} kg"), "height": (12, 190, 0, "{} cm"),
        "length": (2, 60, 1, "{} m"),
    "depth": (2, 120, 0, "{} m"), "area": (40, 900, 0, "{} square meters"), "volume": (5, 400, 0, "{}"), "speed": (20, 130, 0, "{} km/h"),
    "pressure": (985, 1030, 0, "{} hPa"), "humidity": (28, 92, 0, "{}%"), "wind": (3, 45, 0, "{} km/h"), "duration": (10, 180, 0,
        "{} minutes"),
    "seconds": (45, 3600, 0, "{} seconds"), "hours": (1, 12, 0, "{} hours"), "days": (2, 21, 0, "{} days"), "weeks": (2, 12, 0, "{} weeks"),
    "months": (2, 36, 0, "{} months"), "years": (1, 25, 0, "{} years"), "count": (3, 90, 0, "{}"), "population": (48_000, 3_900_000, 0,
        "{}"),
    "views": (800, 96_000, 0, "{}"), "page": (1, 4, 0, "{}"), "limit": (5, 25, 0, "{}"), "offset": (0, 40, 0, "{}"), "rank": (1, 40, 0,
        "{}"),
    "capacity": (20, 600, 0, "{}"), "power": (5, 450, 0, "{} kW"), "voltage": (12, 240, 0, "{} V"), "current": (1, 20, 1, "{} A"),
    "frequency": (50, 900, 0, "{} Hz"), "heart_rate": (58, 96, 0, "{} bpm"), "calories": (90, 720, 0, "{} kcal"), "change": (-4, 4, 2,
        "{}"),
    "month_number": (1, 12, 0, "{}"), "day_number": (1, 28, 0, "{}"), "hour_number": (7, 21, 0, "{}"), "minute_number": (0, 59, 0, "{}"),
    "pixels": (240, 1920, 0, "{}"), "grade_number": (1, 12, 0, "{}"), "angle": (5, 85, 0, "{} degrees"), "ph": (5.5, 8.5, 1, "{}"),
        "level_number": (1, 10, 0, "{}"),
    "epoch": (1_700_000_000, 1_760_000_000, 0, "{}"), "port": (1024, 9000, 0, "{}"), "guests": (1, 6, 0, "{}"), "status_code": (200,
        201, 0, "{}"),
    "mass": (1, 40, 1, "{} kg"), "density": (0.7, 8.9, 2, "{}"), "concentration": (0.1, 4, 2, "{}"), "latency": (12, 180, 0, "{} ms"),
    "storage": (2, 512, 0, "{} GB"), "zero": (0, 3, 0, "{}"), "phone_digits": (2_025_550_100, 2_025_559_900, 0, "{}"),
        "zip_digits": (10_001, 97_001, 0, "{}"), "body_temperature": (36.4, 38.9, 1, "{}°C"), "meters": (1, 40, 1, "{} m"),
        "p_value": (0.001, 0.09, 3, "{}"), "deviation": (0.4, 9, 2, "{}"), "bmi": (18, 31, 1, "{}"),
}  # fmt: skip

KINDS: dict[str, Kind] = _text_kinds()
for _name, (_low, _high, _decimals, _unit) in _NUMBERS.items():
    KINDS[_name] = Kind(name=_name, low=_low, high=_high, decimals=_decimals, unit=_unit)

_ALIASES: dict[str, str] = {}
for _line in FIELD_NAMES.replace("\n    ", " ").strip().splitlines():
    _kind, _, _names = _line.partition(":")
    for _alias in _names.split(","):
        _ALIASES.setdefault(_alias.strip().lower(), _kind)
for _kind in KINDS:
    _ALIASES[_kind.replace("_", " ")] = _kind

GENERIC_TAILS = frozenset(
    {"name", "names", "title", "id", "ids", "list", "info", "data", "details", "value", "input", "string", "label", "text", "information"}
)
_COUNT_HEADS = frozenset({"num", "number", "total", "count", "n", "nb", "max", "min"})


_WHOLE_ONLY = frozenset({
    "state", "number", "line", "term", "base", "table", "play", "bar", "show", "track", "club", "index", "value", "set", "part",
        "where", "near", "open", "close", "high", "low",
    "last", "start", "end", "next", "current", "class", "item", "single", "search",
        "category", "post", "admin", "power", "make", "order", "mode",
        "sum", "change", "key", "image file", "level", "page",
    "tool", "condition", "body", "medium", "position", "share", "movement", "size", "interest", "load", "first", "top", "take",
        "area name", "line item", "system", "stay", "statement",
})  # fmt: skip
"""Aliases that say something only when they are the whole name: `state`, but not `detailed_state`."""
_NAME_ADJECTIVES = frozenset(
    {"display", "full", "short", "long", "common", "official", "original", "english", "raw", "local", "public", "default", "new"}
)
_ODD_PLURALS = {"movies": "movie", "series": "series", "cookies": "cookie", "species": "species", "people": "person",
    "children": "child", "news": "news", "addresses": "address", "matches": "match", "statuses": "status", "searches": "search",
    "boxes": "box", "indices": "index", "analyses": "analysis", "sms": "sms", "gps": "gps", "aws": "aws", "dns": "dns", "seo": "seo",
    "courses": "course", "houses": "house"}  # fmt: skip


def plain_tokens(tokens: tuple[str, ...]) -> tuple[str, ...]:
    """`display_name`, `full_title` as a bare `name`, `title`; other tokens unchanged."""
    return tokens[-1:] if len(tokens) > 1 and tokens[-1] in {"name", "title"} and set(tokens[:-1]) <= _NAME_ADJECTIVES else tokens


@lru_cache(maxsize=65_536)
def tokens_of(name: str) -> tuple[str, ...]:
    """Lower-case tokens of an identifier: `checkInDate`, `check_in_date` -> check, in, date."""
    spaced = re.sub(r"([a-z0-9])([A-Z])", r"\1 \2", re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1 \2", name))
    return tuple(re.findall(r"[a-z]+|\d+", spaced.lower()))


def singular(word: str) -> str:
    """A plain singular of an English word."""
    if word in _ODD_PLURALS:
        return _ODD_PLURALS[word]
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3 else word


def _known(phrase: Sequence[str]) -> Kind | None:
    for words in (tuple(phrase), (*phrase[:-1], singular(phrase[-1]))):
        kind = _ALIASES.get(" ".join(words))
        if kind:
            return KINDS[kind]
    return None


@lru_cache(maxsize=65_536)
def kind_of(name: str, context: tuple[str, ...] = ()) -> Kind | None:
    """The kind of value that a field's name promises, or None when the name says nothing.

    Args:
        name: the field's or parameter's name.
        context: further words (parent, function, category), most telling first; used for bare `name`, `title`.
    """
    tokens = plain_tokens(tokens_of(name))
    if not tokens:
        return None
    if tokens[0] in {"number", "num", "total"} and len(tokens) > 1 and _known(tokens) is None:
        return _known(tokens[-1:]) if (_known(tokens[-1:]) or KINDS["person"]).numeric else KINDS["count"]
    if tokens[-1] == "count":
        return KINDS["count"]
    if tokens[-1] in {"name", "names", "title", "titles", "label"}:
        return _named_thing(tokens, context)
    for start in range(len(tokens)):
        kind = _known(tokens[start:])
        if kind and not (start and len(tokens) - start == 1 and tokens[start] in _WHOLE_ONLY and not kind.numeric):
            return kind
    if len(tokens) > 1 and tokens[-1] in GENERIC_TAILS:
        return _known(tokens[:-1]) or _known(tokens[-2:-1])
    return None


def _named_thing(tokens: tuple[str, ...], context: tuple[str, ...]) -> Kind | None:
    """The kind behind `name`, `hotel_name`, `title`: by its own words, then by the context's; None when they name something unknown."""
    whole = _ALIASES.get(" ".join(tokens))
    if len(tokens) > 1 and whole:
        return KINDS[whole]
    for phrase in (tokens[:-1], tokens[-2:-1]):
        kind = _known(phrase) if phrase else None
        if kind and (kind.named or kind.group):
            return kind
    if len(tokens) > 1 and not context:
        return KINDS["work"] if tokens[-1].startswith("title") else None
    for word in context:
        kind = _known((word,))
        if kind and kind.named and kind.name not in {"topic", "dataset", "device", "platform", "month"} and word != "model":
            if tokens[-1].startswith("title") and kind.name == "person":
                continue
            return kind
    return KINDS["work"] if tokens[-1].startswith("title") else KINDS["person"] if len(tokens) == 1 else None
