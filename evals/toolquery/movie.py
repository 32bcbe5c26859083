"""The movie domain: AgentBoard's tools, which there ask The Movie Database, over the invented catalogue of `movie_data`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Final

from evals.toolquery.movie_data import COUNTRIES, GENRES, LANGUAGES, Film, Person, films, people
from evals.toolquery.tools import Refused, Toolkit, tool
from magnet_ray.types import JsonValue

MOST: Final = 10
"""Most entries of a list of people or films."""
_FILM: Final = {"movie_id": "The film's id."}
_PERSON: Final = {"person_id": "The person's id."}


class Movie(Toolkit):
    """The movie tools."""

    tools = (
        tool("get_search_movie", "Find a film by its title: id, title and overview of the best match.", movie_name="Title of the film."),
        tool("get_movie_details", "Title, budget, genres, revenue, mean vote and release date of a film.", **_FILM),
        tool("get_movie_production_companies", "Companies that made a film.", **_FILM),
        tool("get_movie_production_countries", "Countries that a film was made in.", **_FILM),
        tool("get_movie_cast", "The first ten actors of a film with their ids and characters.", **_FILM),
        tool(
            "get_movie_crew", "The first ten of those who made a film, director, producers and writers first, with ids and jobs.", **_FILM
        ),
        tool("get_movie_keywords", "Keywords of a film.", **_FILM),
        tool("get_search_person", "Find a person by name: id and name of the best match.", person_name="Name of the person."),
        tool("get_person_details", "Name, biography, birthday and place of birth of a person.", **_PERSON),
        tool("get_person_cast", "The first ten films that a person acts in, with ids and characters.", **_PERSON),
        tool("get_person_crew", "The first ten films that a person worked on, with ids and jobs.", **_PERSON),
        tool("get_person_external_ids", "A person's ids at IMDb, Facebook, Instagram and Twitter.", **_PERSON),
        tool("get_movie_alternative_titles", "Titles of a film in other countries.", **_FILM),
        tool("get_movie_translation", "Overview and tagline of a film by language.", **_FILM),
    )

    def __init__(self, start: Mapping[str, str]) -> None:
        """`start` plays no part."""

    def get_search_movie(self, movie_name: str) -> JsonValue:
        id = _best(movie_name, {id: film.title for id, film in films().items()})
        return [{"id": id, "overview": films()[id].overview, "title": films()[id].title}] if id else []

    def get_search_person(self, person_name: str) -> JsonValue:
        id = _best(person_name, {id: person.name for id, person in people().items()})
        return [{"id": id, "name": people()[id].name}] if id else []

    def get_movie_details(self, movie_id: str) -> JsonValue:
        film = _film(movie_id)
        return {
            "title": film.title,
            "budget": film.budget,
            "genres": [{"id": genre, "name": GENRES[genre]} for genre in film.genres],
            "revenue": film.revenue,
            "vote_average": film.vote,
            "release_date": film.released.isoformat(),
        }

    def get_movie_production_companies(self, movie_id: str) -> JsonValue:
        return {"production_companies": [{"name": name} for name in _film(movie_id).companies]}

    def get_movie_production_countries(self, movie_id: str) -> JsonValue:
        return {"production_countries": [{"iso_3166_1": code, "name": COUNTRIES[code]} for code in _film(movie_id).countries]}

    def get_movie_cast(self, movie_id: str) -> JsonValue:
        cast = _film(movie_id).cast[:MOST]
        return {"cast": [{"id": id, "name": people()[id].name, "character": character} for id, character in cast]}

    def get_movie_crew(self, movie_id: str) -> JsonValue:
        crew = _film(movie_id).crew[:MOST]
        return {"crew": [{"id": id, "name": people()[id].name, "job": job} for id, job in crew]}

    def get_movie_keywords(self, movie_id: str) -> JsonValue:
        return {"keywords": list(_film(movie_id).keywords)}

    def get_movie_alternative_titles(self, movie_id: str) -> JsonValue:
        film = _film(movie_id)
        return {"id": film.id, "titles": [{"iso_3166_1": country, "title": title} for country, title in film.titles.items()]}

    def get_movie_translation(self, movie_id: str) -> JsonValue:
        film = _film(movie_id)
        return {
            "id": film.id,
            "translations": [
                {
                    "iso_3166_1": country,
                    "iso_639_1": LANGUAGES[country][0],
                    "name": LANGUAGES[country][1],
                    "data": {"overview": f"[{LANGUAGES[country][0]}] {film.overview}", "tagline": tagline},
                }
                for country, tagline in film.taglines.items()
            ],
        }

    def get_person_details(self, person_id: str) -> JsonValue:
        person = _person(person_id)
        return {
            "name": person.name,
            "biography": f"{person.name} was born in {person.birthplace} and has worked in film since leaving school.",
            "birthday": person.birthday.isoformat(),
            "place_of_birth": person.birthplace,
        }

    def get_person_cast(self, person_id: str) -> JsonValue:
        person = _person(person_id)
        roles = [(film, character) for film in films().values() for id, character in film.cast if id == person.id]
        return {"cast": [{"id": film.id, "title": film.title, "character": character} for film, character in roles[:MOST]]}

    def get_person_crew(self, person_id: str) -> JsonValue:
        person = _person(person_id)
        jobs = [(film, job) for film in films().values() for id, job in film.crew if id == person.id]
        return {"crew": [{"id": film.id, "title": film.title, "job": job} for film, job in jobs[:MOST]]}

    def get_person_external_ids(self, person_id: str) -> JsonValue:
        return dict(_person(person_id).accounts)


def _film(text: str) -> Film:
    found = films().get(int(text)) if text.isascii() and text.isdecimal() else None
    if found is None:
        raise Refused(f"there is no film with the id {text!r}")
    return found


def _person(text: str) -> Person:
    found = people().get(int(text)) if text.isascii() and text.isdecimal() else None
    if found is None:
        raise Refused(f"there is no person with the id {text!r}")
    return found


def _best(wanted: str, names: Mapping[int, str]) -> int | None:
    """The id whose name is meant: the same, or the most similar one that is similar enough."""
    ids = {name.casefold(): id for id, name in names.items()}
    close = get_close_matches(wanted.strip().casefold(), ids, n=1, cutoff=0.75)
    return ids[close[0]] if close else None
