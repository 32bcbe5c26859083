"""The synthetic domains: consistent, deterministic, and patient with whatever a model calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import date, timedelta
from itertools import combinations
from typing import Any

import pytest

from evals.toolquery.academia import Academia, authors, collaborations, collaborators, papers
from evals.toolquery.movie import Movie
from evals.toolquery.movie_data import films, people
from evals.toolquery.tasks import TOOLKITS, all_tasks, open_tools
from evals.toolquery.tools import FINISH, Toolkit
from evals.toolquery.weather import Weather, distance_km, places, weather
from magnet_ray.types import canonical
from tests.cluster_support import ROOT

HERE = {"current_date": "2023-06-15", "current_location": places()[5].name}
SPOT = {"latitude": places()[5].latitude, "longitude": places()[5].longitude}


def call(toolkit: Toolkit, tool: str, **arguments: Any) -> Any:
    outcome = toolkit.call(tool, json.dumps(arguments))
    assert outcome.accepted, outcome.output
    return outcome.output


def refusal(toolkit: Toolkit, tool: str, arguments: str) -> str:
    outcome = toolkit.call(tool, arguments)
    assert not outcome.accepted
    return str(outcome.output["error"])


@pytest.mark.parametrize(
    ("domain", "names"),
    [
        (
            "weather",
            "get_user_current_date get_user_current_location get_historical_temp get_historical_rain get_historical_snow get_snow_forecast "
            "get_current_snow get_current_temp get_latitude_longitude get_elevation get_temp_forecast get_rain_forecast get_current_rain "
            "get_distance get_historical_air_quality_index get_current_air_quality_index get_air_quality_level",
        ),
        (
            "movie",
            "get_search_movie get_movie_details get_movie_production_companies get_movie_production_countries get_movie_cast "
            "get_movie_crew get_movie_keywords get_search_person get_person_details get_person_cast get_person_crew "
            "get_person_external_ids get_movie_alternative_titles get_movie_translation",
        ),
        ("academia", "loadPaperNet loadAuthorNet neighbourCheck paperNodeCheck authorNodeCheck authorEdgeCheck paperEdgeCheck"),
    ],
)
def test_the_tools_are_agentboards(domain: str, names: str) -> None:
    offered = [each["function"]["name"] for each in TOOLKITS[domain].offered()]
    assert offered == [*names.split(), "check_valid_actions", "finish"]


def test_every_tool_has_a_method_with_its_parameters() -> None:
    for toolkit in TOOLKITS.values():
        for tool in toolkit.tools:
            code = getattr(toolkit, tool.name).__code__
            assert list(tool.parameters) == list(code.co_varnames[1 : code.co_argcount])


def test_tasks_are_the_same_in_every_process() -> None:
    program = (
        "from evals.toolquery.tasks import all_tasks\nfrom magnet_ray.types import content_id\n"
        "print(content_id(*(repr(task) for task in all_tasks().values())))"
    )
    prints = set()
    for seed in ("1", "2"):
        env = {**os.environ, "PYTHONHASHSEED": seed}
        prints.add(subprocess.run([sys.executable, "-c", program], env=env, cwd=ROOT, capture_output=True, check=True).stdout)
    assert len(prints) == 1


def test_there_are_enough_tasks_and_each_is_its_own() -> None:
    tasks = all_tasks()
    assert len(tasks) >= 60
    assert all(sum(task.domain == domain for task in tasks.values()) >= 20 for domain in TOOLKITS)
    # "Yesterday, here" is another day at another place.
    assert len({(task.goal, *task.start.values()) for task in tasks.values()}) == len(tasks)
    assert any(task.is_hard for task in tasks.values())
    assert all(len(task.calls) < 20 for task in tasks.values())


@pytest.mark.parametrize("id", sorted(all_tasks()))
def test_the_reference_calls_give_the_subgoals(id: str) -> None:
    task = all_tasks()[id]
    toolkit = open_tools(task)
    outcomes = [toolkit.call(name, arguments) for name, arguments in task.calls]
    assert all(outcome.accepted for outcome in outcomes)
    assert tuple(canonical(outcome.output) for outcome in outcomes) == task.subgoals
    assert toolkit.call(FINISH, json.dumps({"answer": task.answer})).accepted


def test_what_a_model_calls_wrongly_is_said_and_ends_nothing() -> None:
    toolkit = Weather(HERE)
    assert "not valid JSON" in refusal(toolkit, "get_elevation", '{"latitude": ')
    assert "JSON object" in refusal(toolkit, "get_elevation", "[1, 2]")
    assert "needs longitude" in refusal(toolkit, "get_elevation", '{"latitude": 3}')
    assert "no parameter height" in refusal(toolkit, "get_elevation", json.dumps({**SPOT, "height": 1}))
    assert "must be a number" in refusal(toolkit, "get_elevation", '{"latitude": "north", "longitude": 1}')
    assert "must be a number" in refusal(toolkit, "get_elevation", '{"latitude": [1], "longitude": 1}')
    assert "no tool called '__init__'" in refusal(toolkit, "__init__", "{}")
    assert "no tool called '_past'" in refusal(toolkit, "_past", "{}")
    assert "needs an answer" in refusal(toolkit, FINISH, "{}")
    assert "within 50 km" in refusal(toolkit, "get_elevation", '{"latitude": 0, "longitude": 0}')
    assert "one of PaperNet, AuthorNet" in refusal(Academia({}), "neighbourCheck", '{"graph": "Net", "node": "x"}')
    assert "load loadPaperNet" not in refusal(Academia({}), "paperNodeCheck", '{"node": "x"}')
    assert "no film with the id '7'" in refusal(Movie({}), "get_movie_cast", '{"movie_id": 7}')
    assert call(toolkit, "check_valid_actions")["actions"][-1] == FINISH


def test_numbers_may_come_as_text_and_ids_as_numbers() -> None:
    toolkit, film = Weather(HERE), next(iter(films().values()))
    assert call(toolkit, "get_elevation", **{name: str(value) for name, value in SPOT.items()}) == call(toolkit, "get_elevation", **SPOT)
    assert call(Movie({}), "get_movie_details", movie_id=film.id) == call(Movie({}), "get_movie_details", movie_id=str(film.id))


# Weather


def test_places_are_far_apart_and_some_share_a_name() -> None:
    far = [distance_km(a.latitude, a.longitude, b.latitude, b.longitude) for a, b in combinations(places(), 2)]
    assert min(far) > 100
    assert len({place.name for place in places()}) < len(places())
    assert len({(place.name, place.country) for place in places()}) == len(places())


def test_history_today_and_forecast_agree() -> None:
    today = date(2023, 6, 15)
    now = call(Weather(HERE), "get_current_temp", **SPOT, current_date=today.isoformat())
    later = Weather({**HERE, "current_date": (today + timedelta(days=1)).isoformat()})
    earlier = Weather({**HERE, "current_date": (today - timedelta(days=1)).isoformat()})
    span = {"start_date": today.isoformat(), "end_date": today.isoformat()}
    assert call(later, "get_historical_temp", **SPOT, **span) == now == call(earlier, "get_temp_forecast", **SPOT, **span)


def test_weather_is_plausible() -> None:
    days = [weather(place, date(2023, 1, 1) + timedelta(days=number)) for place in places() for number in range(0, 365, 9)]
    assert all(day.low < day.mean < day.high and day.low > -45 and day.high < 48 for day in days)
    assert all(not (day.rain and day.snow) and day.rain >= 0 and day.snow >= 0 and day.air > 0 for day in days)
    assert 0.1 < sum(day.rain > 0 for day in days) / len(days) < 0.6
    assert any(day.snow for day in days)


def test_past_days_are_past_and_coming_days_coming() -> None:
    toolkit = Weather(HERE)
    for tool, first, last, words in (
        ("get_historical_rain", "2023-06-10", "2023-06-15", "before today"),
        ("get_rain_forecast", "2023-06-15", "2023-06-16", "after today"),
        ("get_rain_forecast", "2023-06-16", "2023-07-16", "16 days"),
        ("get_historical_rain", "2023-01-01", "2023-03-01", "30 days"),
        ("get_historical_rain", "2023-03-02", "2023-03-01", "not be before"),
        ("get_historical_rain", "yesterday", "2023-03-01", "YYYY-MM-DD"),
    ):
        assert words in refusal(toolkit, tool, json.dumps({**SPOT, "start_date": first, "end_date": last}))


# Films


def test_films_are_made_by_people_who_were_alive() -> None:
    for film in films().values():
        for person, _ in (*film.cast, *film.crew):
            assert (film.released - people()[person].birthday).days >= 18 * 365
        assert len({character for _, character in film.cast}) == len(film.cast)
    assert len({film.title for film in films().values()}) == len(films())


def test_a_search_finds_a_film_and_a_person_by_nearly_their_name() -> None:
    film, person = next(iter(films().values())), next(iter(people().values()))
    assert call(Movie({}), "get_search_movie", movie_name=film.title.lower())[0]["id"] == film.id
    assert call(Movie({}), "get_search_person", person_name=f"{person.name}s")[0]["id"] == person.id
    assert call(Movie({}), "get_search_person", person_name="Zzz") == []


def test_casts_and_careers_agree() -> None:
    for film in films().values():
        for person, character in film.cast:
            roles = call(Movie({}), "get_person_cast", person_id=person)["cast"]
            assert len(roles) == 10 or {"id": film.id, "title": film.title, "character": character} in roles


# Papers


def test_papers_cite_older_ones_and_authors_are_joined_by_what_they_wrote() -> None:
    for paper in papers().values():
        assert all(papers()[title].year <= paper.year and title != paper.title for title in paper.cites)
        assert all(paper.title in collaborations()[frozenset(pair)] for pair in combinations(paper.authors, 2))
    for author in authors():
        assert all(author in collaborators(other) for other in collaborators(author))


def test_a_net_has_to_be_loaded_first() -> None:
    toolkit, title = Academia({}), next(iter(papers()))
    assert refusal(toolkit, "paperNodeCheck", json.dumps({"node": title})) == "PaperNet is not loaded; call loadPaperNet first"
    call(toolkit, "loadPaperNet")
    assert call(toolkit, "paperNodeCheck", node=f"{title}.")["year"] == papers()[title].year
    assert "AuthorNet is not loaded" in refusal(toolkit, "authorNodeCheck", json.dumps({"node": title}))
