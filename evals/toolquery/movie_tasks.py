"""The movie tasks: each template is a way of reference calls, drawn with other films and people."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from itertools import combinations
from random import Random
from typing import Any, Final

from evals.toolquery.movie import Movie
from evals.toolquery.movie_data import LANGUAGES, Film, Person, films, people
from evals.toolquery.tools import Question, Script, Task, drawn

Template = Callable[["Scene"], tuple[str, Any] | None]
"""Makes the calls of a task; gives goal and answer, or None when the draw makes no good question."""


class Scene:
    """What a template draws from, and the calls that it makes."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        self.film, self.other, self.third = rng.sample(list(films().values()), 3)
        self.script = Script(Movie({}))

    def find(self, film: Film) -> dict[str, str]:
        """Look a film up; the argument that names it."""
        return {"movie_id": str(self.script("get_search_movie", movie_name=film.title)[0]["id"])}

    def find_person(self, person: Person) -> dict[str, str]:
        """Look a person up; the argument that names it."""
        return {"person_id": str(self.script("get_search_person", person_name=person.name)[0]["id"])}

    def director(self, film: Film) -> dict[str, Any]:
        """Who directed a film."""
        crew = self.script("get_movie_crew", **self.find(film))["crew"]
        return next(dict(each) for each in crew if each["job"] == "Director")


def release_date(scene: Scene) -> tuple[str, Any]:
    details = scene.script("get_movie_details", **scene.find(scene.film))
    return f"When was the film {scene.film.title} released? Answer with the date as YYYY-MM-DD.", details["release_date"]


def who_directed(scene: Scene) -> tuple[str, Any]:
    return f"Who directed {scene.film.title}?", scene.director(scene.film)["name"]


def bigger_profit(scene: Scene) -> tuple[str, Any]:
    profits = {}
    for film in (scene.film, scene.other):
        details = scene.script("get_movie_details", **scene.find(film))
        profits[film.title] = details["revenue"] - details["budget"]
    goal = f"Which film earned more beyond its budget, {scene.film.title} or {scene.other.title}? Answer with its title."
    return goal, max(profits, key=profits.__getitem__)


def director_born(scene: Scene) -> tuple[str, Any]:
    person = scene.director(scene.film)
    details = scene.script("get_person_details", person_id=str(person["id"]))
    return f"Where was the director of {scene.film.title} born?", details["place_of_birth"]


def who_played(scene: Scene) -> tuple[str, Any]:
    role = scene.rng.choice(scene.script("get_movie_cast", **scene.find(scene.film))["cast"])
    return f"Who plays {role['character']} in {scene.film.title}?", role["name"]


def films_together(scene: Scene) -> tuple[str, Any] | None:
    pairs = [(one, other) for film in films().values() for one, other in combinations((id for id, _ in film.cast), 2)]
    one, other = (people()[id] for id in scene.rng.choice(pairs))
    titles = [{each["title"] for each in scene.script("get_person_cast", **scene.find_person(person))["cast"]} for person in (one, other)]
    shared = sorted(titles[0] & titles[1])
    if max(map(len, titles)) >= 10 or len(shared) > 3:
        return None
    return f"In which films do both {one.name} and {other.name} act? Answer with the list of their titles.", shared


def shared_company(scene: Scene) -> tuple[str, Any] | None:
    names = []
    for film in (scene.film, scene.other):
        companies = scene.script("get_movie_production_companies", **scene.find(film))["production_companies"]
        names.append({each["name"] for each in companies})
    shared = sorted(names[0] & names[1])
    goal = f"Which company had a part in making both {scene.film.title} and {scene.other.title}?"
    return (goal, shared[0]) if len(shared) == 1 else None


def title_abroad(scene: Scene) -> tuple[str, Any]:
    country = scene.rng.choice(list(scene.film.titles))
    titles = scene.script("get_movie_alternative_titles", **scene.find(scene.film))["titles"]
    goal = f"Under what title was {scene.film.title} shown in the country with the code {country}?"
    return goal, next(each["title"] for each in titles if each["iso_3166_1"] == country)


def translated_tagline(scene: Scene) -> tuple[str, Any]:
    country = scene.rng.choice([each for each in LANGUAGES if each != "US"])
    found = scene.script("get_movie_translation", **scene.find(scene.film))["translations"]
    goal = f"What tagline stands in the {COUNTRY_LANGUAGES[country]} translation of {scene.film.title}?"
    return goal, next(each["data"]["tagline"] for each in found if each["iso_3166_1"] == country)


def actors_account(scene: Scene) -> tuple[str, Any] | None:
    role = scene.rng.choice(scene.script("get_movie_cast", **scene.find(scene.film))["cast"])
    account = scene.script("get_person_external_ids", person_id=str(role["id"]))["instagram_id"]
    goal = f"What is the Instagram id of the one who plays {role['character']} in {scene.film.title}?"
    return (goal, account) if account else None


def shared_keywords(scene: Scene) -> tuple[str, Any] | None:
    words = [set(scene.script("get_movie_keywords", **scene.find(film))["keywords"]) for film in (scene.film, scene.other)]
    shared = sorted(words[0] & words[1])
    goal = f"Which keywords do {scene.film.title} and {scene.other.title} have in common? Answer with a list."
    return (goal, shared) if len(shared) >= 2 else None


def best_of_director(scene: Scene) -> tuple[str, Any] | None:
    directors = [next(id for id, job in film.crew if job == "Director") for film in films().values()]
    person = people()[scene.rng.choice([id for id in directors if 2 <= directors.count(id) <= 4] or directors)]
    crew = scene.script("get_person_crew", **scene.find_person(person))["crew"]
    votes = {}
    for job in crew:
        if job["job"] == "Director":
            votes[job["title"]] = scene.script("get_movie_details", movie_id=str(job["id"]))["vote_average"]
    if not 2 <= len(votes) <= 4 or len(set(votes.values())) < len(votes):
        return None
    goal = f"Of the films that {person.name} directed, which one has the best mean vote? Answer with its title."
    return goal, max(votes, key=votes.__getitem__)


def newest_of_three(scene: Scene) -> tuple[str, Any]:
    dates = {}
    for film in (scene.film, scene.other, scene.third):
        dates[film.title] = scene.script("get_movie_details", **scene.find(film))["release_date"]
    one, other, third = dates
    return f"Which came out last: {one}, {other} or {third}? Answer with its title.", max(dates, key=dates.__getitem__)


def made_where(scene: Scene) -> tuple[str, Any]:
    found = scene.script("get_movie_production_countries", **scene.find(scene.film))["production_countries"]
    return f"In which countries was {scene.film.title} made? Answer with a list of their names.", sorted(each["name"] for each in found)


COUNTRY_LANGUAGES: Final = {"NL": "Dutch", "CN": "Chinese", "DE": "German"}
TEMPLATES: Final[tuple[Template, ...]] = (
    *(release_date, who_directed, bigger_profit, director_born, who_played, films_together, shared_company),
    *(title_abroad, translated_tagline, actors_account, shared_keywords, best_of_director, newest_of_three, made_where),
)


def movie_tasks(draws: int) -> Iterator[Task]:
    """The tasks: `draws` of each template."""
    for template in TEMPLATES:
        for draw in range(draws):
            yield drawn(f"movie-{template.__name__}-{draw}", partial(_made, template))


def _made(template: Template, rng: Random) -> tuple[Script, Question | None]:
    scene = Scene(rng)
    question = template(scene)
    return scene.script, question
