"""The weather tasks: each template is a way of reference calls, drawn three times with other places and days."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import date, timedelta
from functools import partial
from random import Random
from typing import Any, Final

from evals.toolquery.tools import Question, Script, Task, drawn
from evals.toolquery.weather import COUNTRIES, Place, Weather, places, weather
from magnet_ray.wording import plural

TENTH: Final = 0.051
"""Tolerance where one decimal is asked for."""
Template = Callable[["Scene"], tuple[str, Any, float] | None]
"""Makes the calls of a task in a scene; gives goal, answer and tolerance, or None when the draw makes no good question."""


class Scene:
    """Where and when a task is set, and what its template draws from."""

    def __init__(self, rng: Random) -> None:
        self.rng = rng
        named = [place for place in places() if sum(place.name == other.name for other in places()) == 1]
        self.home, *self.others = rng.sample(named, 4)
        self.today = date(2023, 1, 1) + timedelta(days=rng.randrange(365))
        self.script = Script(Weather(self.start), self.start)

    @property
    def start(self) -> Mapping[str, str]:
        """Where and when the user is."""
        return {"current_date": self.today.isoformat(), "current_location": self.home.name}

    def where(self, place: Place) -> dict[str, float]:
        """Look a place up; its coordinates."""
        results = self.script("get_latitude_longitude", name=place.name)["results"]
        found = next(each for each in results if each["country_code"] == place.country)
        return {"latitude": found["latitude"], "longitude": found["longitude"]}

    def past(self, kind: str, place: Place, first: date, last: date) -> Mapping[str, list[Any]]:
        """Look past days up."""
        span = {"start_date": first.isoformat(), "end_date": last.isoformat()}
        daily: Mapping[str, list[Any]] = self.script(f"get_historical_{kind}", **self.where(place), **span)["daily"]
        return daily

    def days(self, least: int, most: int) -> tuple[date, date]:
        """First and last of some past days."""
        last = self.today - timedelta(days=self.rng.randint(3, 200))
        return last - timedelta(days=self.rng.randint(least, most) - 1), last


def yesterday_here(scene: Scene) -> tuple[str, Any, float]:
    scene.script("get_user_current_date")
    scene.script("get_user_current_location")
    day = scene.today - timedelta(days=1)
    daily = scene.past("temp", scene.home, day, day)
    return (
        "How warm did it get at most yesterday in the city that I'm in? Answer in degrees Celsius.",
        daily["temperature_2m_max"][0],
        TENTH,
    )


def low_on_day(scene: Scene) -> tuple[str, Any, float]:
    place, (day, _) = scene.others[0], scene.days(1, 1)
    daily = scene.past("temp", place, day, day)
    return f"What was the lowest temperature in {place.name} on {_said(day)}, in degrees Celsius?", daily["temperature_2m_min"][0], TENTH


def rain_in_total(scene: Scene) -> tuple[str, Any, float] | None:
    place, (first, last) = scene.others[0], scene.days(4, 9)
    total = round(sum(scene.past("rain", place, first, last)["rain_sum"]), 1)
    goal = f"How many millimetres of rain fell in {place.name} from {_said(first)} to {_said(last)} altogether? Round to one decimal."
    return (goal, total, TENTH) if total > 2 else None


def warmer_of_two(scene: Scene) -> tuple[str, Any, float] | None:
    one, other, (day, _) = scene.others[0], scene.others[1], scene.days(1, 1)
    highs = {place.name: scene.past("temp", place, day, day)["temperature_2m_max"][0] for place in (one, other)}
    if abs(highs[one.name] - highs[other.name]) < 0.5:
        return None
    return f"Where did it get warmer on {_said(day)}, in {one.name} or in {other.name}?", max(highs, key=highs.__getitem__), 0.0


def days_with_snow(scene: Scene) -> tuple[str, Any, float] | None:
    place, (first, last) = scene.others[0], scene.days(8, 15)
    if not any(weather(place, first + timedelta(days=number)).snow for number in range(15)):
        return None
    count = sum(snow > 0 for snow in scene.past("snow", place, first, last)["snowfall_sum"])
    return f"On how many days did it snow in {place.name} between {_said(first)} and {_said(last)}, both included?", count, 0.0


def distance(scene: Scene) -> tuple[str, Any, float]:
    one, other = scene.others[:2]
    ends = {f"{name}{number}": value for number, place in enumerate((one, other), 1) for name, value in scene.where(place).items()}
    kilometres = scene.script("get_distance", **ends)
    return f"How far is it from {one.name} to {other.name}? Answer in kilometres, rounded to a whole number.", round(kilometres), 1.0


def highest_place(scene: Scene) -> tuple[str, Any, float] | None:
    heights = {place.name: scene.script("get_elevation", **scene.where(place))["elevation"][0] for place in scene.others}
    if len(set(heights.values())) < len(heights):
        return None
    return f"Which of {_listed(list(heights))} lies highest above the sea?", max(heights, key=heights.__getitem__), 0.0


def tomorrow_here(scene: Scene) -> tuple[str, Any, float]:
    scene.script("get_user_current_location")
    scene.script("get_user_current_date")
    day = (scene.today + timedelta(days=1)).isoformat()
    daily = scene.script("get_temp_forecast", **scene.where(scene.home), start_date=day, end_date=day)["daily"]
    return "What temperature is expected at most for tomorrow where I am, in degrees Celsius?", daily["temperature_2m_max"][0], TENTH


def rain_ahead(scene: Scene) -> tuple[str, Any, float]:
    place, days = scene.others[0], scene.rng.randint(3, 5)
    scene.script("get_user_current_date")
    span = {"start_date": (scene.today + timedelta(days=1)).isoformat(), "end_date": (scene.today + timedelta(days=days)).isoformat()}
    count = sum(rain > 0 for rain in scene.script("get_rain_forecast", **scene.where(place), **span)["daily"]["rain_sum"])
    goal = f"I travel to {place.name} tomorrow and stay for {plural(days, 'day')}, tomorrow included. On how many of them is rain expected?"
    return goal, count, 0.0


def air_today(scene: Scene) -> tuple[str, Any, float]:
    place = scene.others[0]
    scene.script("get_user_current_date")
    daily = scene.script("get_current_air_quality_index", **scene.where(place), current_date=scene.today.isoformat())["daily"]
    level = scene.script("get_air_quality_level", air_quality_index=daily["european_aqi_pm2_5"][0])
    return f"What level does the air quality in {place.name} have today?", level, 0.0


def hottest_day(scene: Scene) -> tuple[str, Any, float] | None:
    place, (first, last) = scene.others[0], scene.days(6, 12)
    daily = scene.past("temp", place, first, last)
    highs = daily["temperature_2m_max"]
    if sorted(highs)[-1] == sorted(highs)[-2]:
        return None
    goal = f"On which day from {_said(first)} to {_said(last)} was it hottest in {place.name}? Answer with the date as YYYY-MM-DD."
    return goal, daily["time"][highs.index(max(highs))], 0.0


def namesake(scene: Scene) -> tuple[str, Any, float]:
    shared = [place for place in places() if sum(place.name == other.name for other in places()) > 1]
    # The one that a search does not name first.
    place = scene.rng.choice([each for each in shared if each != next(other for other in shared if other.name == each.name)])
    scene.script("get_user_current_date")
    daily = scene.script("get_current_temp", **scene.where(place), current_date=scene.today.isoformat())["daily"]
    country = COUNTRIES[place.country][0]
    goal = f"What is today's mean temperature in {place.name}, the one in {country} (country code {place.country}), in degrees Celsius?"
    return goal, daily["temperature_2m_mean"][0], TENTH


TEMPLATES: Final[tuple[Template, ...]] = (
    *(yesterday_here, low_on_day, rain_in_total, warmer_of_two, days_with_snow, distance),
    *(highest_place, tomorrow_here, rain_ahead, air_today, hottest_day, namesake),
)


def weather_tasks(draws: int) -> Iterator[Task]:
    """The tasks: `draws` of each template."""
    for template in TEMPLATES:
        for draw in range(draws):
            yield drawn(f"weather-{template.__name__}-{draw}", partial(_made, template))


def _made(template: Template, rng: Random) -> tuple[Script, Question | None]:
    scene = Scene(rng)
    question = template(scene)
    return scene.script, question


def _said(day: date) -> str:
    return f"{day:%B} {day.day}, {day.year}"


def _listed(names: list[str]) -> str:
    return f"{', '.join(names[:-1])} and {names[-1]}"
