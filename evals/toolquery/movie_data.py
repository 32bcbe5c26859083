"""An invented catalogue of films: people with lives and accounts, films with casts, crews, money, keywords and titles abroad.

All of it follows from one seed. Names of people and titles of films are unique; who acts in a film was born before it was made.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from functools import lru_cache
from itertools import product
from random import Random
from typing import Final

SEED: Final = 20_241
"""Seed of the catalogue."""
PEOPLE, FILMS = 110, 64
"""How many there are."""
LANGUAGES: Final = {"NL": ("nl", "Nederlands"), "CN": ("zh", "普通话"), "US": ("en", "English"), "DE": ("de", "Deutsch")}
"""Country of a translation -> language code and name."""
COUNTRIES: Final = {
    "US": "United States of America",
    "GB": "United Kingdom",
    "FR": "France",
    "KR": "South Korea",
    "NO": "Norway",
    "CA": "Canada",
}
GENRES: Final = {
    18: "Drama",
    28: "Action",
    35: "Comedy",
    53: "Thriller",
    80: "Crime",
    878: "Science Fiction",
    9648: "Mystery",
    10749: "Romance",
}
COMPANIES: Final = (
    *("Lantern Hill Pictures", "Ninth Gate Films", "Blue Heron Studio", "Paper Kite Entertainment", "Old Mill Productions"),
    *("Saltwater Features", "Quiet Thunder Media", "Copper Fox Films", "Northern Lines Cinema", "Little Harbor Pictures"),
)
KEYWORDS: Final = (
    *("lighthouse", "double life", "road trip", "heist", "small town", "time loop", "rival siblings", "courtroom", "island", "amnesia"),
    *("stolen painting", "orchestra", "winter", "undercover", "inheritance", "submarine", "chess", "robot", "wedding", "letters"),
    *("detective", "desert", "twins", "underground", "first love", "space station"),
)
ADJECTIVES: Final = (
    *("Silent", "Crimson", "Hollow", "Distant", "Broken", "Golden", "Restless", "Hidden", "Frozen", "Burning", "Gentle", "Crooked"),
    *("Painted", "Sleeping", "Forgotten", "Electric"),
)
NOUNS: Final = (
    *("Harbor", "Orchard", "Meridian", "Lanterns", "Compass", "Cathedral", "Canyon", "Symphony", "Paradox", "Carousel", "Frontier"),
    *("Aquarium", "Telescope", "Labyrinth", "Monsoon", "Ballroom"),
)
FIRST: Final = (
    *("Ada", "Bruno", "Celia", "Dmitri", "Edith", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Keiko", "Lionel", "Mira", "Nadia"),
    *("Oscar", "Petra", "Quentin", "Rosa", "Stellan", "Tamsin"),
)
LAST: Final = (
    *("Abernathy", "Bellweather", "Castellan", "Dunmore", "Eastlake", "Farrow", "Glasswright", "Hartigan", "Ivanek", "Jorgens"),
    *("Kestrel", "Lindqvist", "Marchetti", "Norwood", "Okonjo", "Pemberley", "Quillon", "Rasmussen", "Sorrel", "Thackeray"),
)
TOWNS: Final = (
    *("Leeds, England, UK", "Lyon, France", "Busan, South Korea", "Bergen, Norway", "Halifax, Nova Scotia, Canada"),
    *("Tulsa, Oklahoma, USA", "Trieste, Italy", "Porto, Portugal", "Graz, Austria", "Adelaide, Australia"),
)
ROLES: Final = ("Captain", "Inspector", "Doctor", "Professor", "Sister", "Uncle", "Judge", "Miss", "Mister", "Sergeant")
ROLE_NAMES: Final = (
    *("Albright", "Bramble", "Corbin", "Delgado", "Ellery", "Finch", "Gannet", "Hobbes", "Ibsen", "Juniper", "Kipling", "Lockhart"),
    *("Mallory", "Nettles", "Orme", "Pickett", "Quarles", "Ridley", "Stroud", "Tansy"),
)
TAGLINES: Final = (
    *("Nobody leaves the same.", "One night changes everything.", "Some doors stay shut.", "The truth has a price."),
    *("Every map has an edge.", "Listen closely.", "They came back different.", "Home is further than you think."),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody who acts or works on films."""

    id: int
    """Number in the catalogue."""
    name: str
    """Full name, unique."""
    birthday: date
    """Day of birth."""
    birthplace: str
    """Place of birth."""
    accounts: dict[str, str | None]
    """`imdb_id`, `facebook_id`, `instagram_id`, `twitter_id`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Film:
    """A film."""

    id: int
    """Number in the catalogue."""
    title: str
    """Title, unique."""
    overview: str
    """What it is about."""
    released: date
    """First day in cinemas."""
    budget: int
    """US dollars."""
    revenue: int
    """US dollars."""
    vote: float
    """Mean vote, 0 to 10."""
    genres: tuple[int, ...]
    """Keys of `GENRES`."""
    companies: tuple[str, ...]
    """Who made it."""
    countries: tuple[str, ...]
    """Keys of `COUNTRIES`."""
    keywords: tuple[str, ...]
    """What it is tagged with."""
    cast: tuple[tuple[int, str], ...]
    """(person, character) in order of billing."""
    crew: tuple[tuple[int, str], ...]
    """(person, job); the director first."""
    titles: dict[str, str]
    """Country -> title there."""
    taglines: dict[str, str]
    """Country -> tagline in its language's translation."""


@lru_cache(maxsize=1)
def people() -> dict[int, Person]:
    """Everybody, by number."""
    rng = Random(f"{SEED}/people")
    names = rng.sample([f"{first} {last}" for first, last in product(FIRST, LAST)], PEOPLE)
    ids = rng.sample(range(1_000, 99_000), PEOPLE)
    found = {}
    for id, name in zip(ids, names, strict=True):
        handle = name.lower().replace(" ", "")
        accounts = {
            "imdb_id": f"nm{rng.randrange(10**6, 10**7):07d}",
            "facebook_id": rng.choice([f"{handle}.official", None]),
            "instagram_id": f"the.{handle}" if rng.random() < 0.8 else None,
            "twitter_id": rng.choice([handle[:14], None]),
        }
        birthday = date(1940, 1, 1) + timedelta(days=rng.randrange(55 * 365))
        found[id] = Person(id=id, name=name, birthday=birthday, birthplace=rng.choice(TOWNS), accounts=accounts)
    return found


@lru_cache(maxsize=1)
def films() -> dict[int, Film]:
    """Every film, by number."""
    rng = Random(f"{SEED}/films")
    patterns = ("The {0} {1}", "{0} {1}", "A {0} {1}")
    pairs = rng.sample(list(product(ADJECTIVES, NOUNS)), FILMS)
    titles = [rng.choice(patterns).format(*pair) for pair in pairs]
    ids = rng.sample(range(100_000, 999_000), FILMS)
    return {id: _film(rng, id, title) for id, title in zip(ids, titles, strict=True)}


def _film(rng: Random, id: int, title: str) -> Film:
    everybody = list(people().values())
    released = date(1995, 1, 1) + timedelta(days=rng.randrange(28 * 365))
    old_enough = [person.id for person in everybody if (released - person.birthday).days > 18 * 365]
    # A few are seen again and again, so that people share films.
    known = sorted(old_enough)[: max(14, len(old_enough) // 2)]
    cast = rng.sample(known, rng.randint(4, 7))
    behind = rng.sample([person for person in old_enough if person not in cast], 5)
    jobs = ["Director", "Producer", "Writer", "Original Music Composer", "Editor"]
    characters = rng.sample([f"{role} {name}" for role, name in product(ROLES, ROLE_NAMES)], len(cast))
    keywords = tuple(rng.sample(KEYWORDS, rng.randint(4, 7)))
    budget = rng.randrange(4, 190) * 500_000
    core = title.removeprefix("The ").removeprefix("A ")
    return Film(
        id=id,
        title=title,
        overview=f"A story of {keywords[0]} and {keywords[1]} that begins with {characters[0]} and does not end well for {characters[1]}.",
        released=released,
        budget=budget,
        revenue=int(budget * rng.uniform(0.3, 4.5)) // 1_000 * 1_000,
        vote=round(rng.uniform(4.1, 8.9), 2),
        genres=tuple(rng.sample(list(GENRES), rng.randint(1, 3))),
        companies=tuple(rng.sample(COMPANIES, rng.randint(1, 3))),
        countries=tuple(rng.sample(list(COUNTRIES), rng.randint(1, 2))),
        keywords=keywords,
        cast=tuple(zip(cast, characters, strict=True)),
        crew=tuple(zip(behind, jobs, strict=True)),
        titles={
            country: f"{core}: {rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}" for country in rng.sample(["DE", "FR", "JP", "BR", "PL"], 3)
        },
        taglines=dict(zip(LANGUAGES, rng.sample(TAGLINES, len(LANGUAGES)), strict=True)),
    )
