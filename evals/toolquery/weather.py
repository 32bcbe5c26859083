"""The weather domain: invented places with a climate of their own, and AgentBoard's weather tools over them.

A day's weather follows from (seed, place, date) alone, so history, today and forecasts agree. Places are at least 100 km apart, and a
query within 50 km of one is about it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from difflib import get_close_matches
from functools import lru_cache
from math import asin, cos, exp, pi, radians, sin, sqrt
from random import Random
from typing import Final

from evals.toolquery.tools import Refused, Toolkit, tool
from magnet_ray.types import JsonValue

SEED: Final = 20_240
"""Seed of the places and their weather."""
COUNTRIES: Final[Mapping[str, tuple[str, float, float]]] = {
    "XA": ("Arvenia", 61.0, 14.0), "XB": ("Belmora", 47.5, 8.0), "XC": ("Castoria", 40.0, -4.0), "XD": ("Dravany", 52.0, 24.0),
    "XE": ("Esparre", 18.0, -72.0), "XF": ("Faloria", -33.0, 148.0), "XG": ("Goravia", 36.0, 138.0), "XH": ("Halvast", -41.0, -70.0),
}  # fmt: skip
"""Code (of ISO 3166's free range) -> name, latitude and longitude of the middle."""
PLACES_OF_COUNTRY: Final = 6
NAMESAKES: Final = 4
"""Names that two countries share."""
SPAN_DAYS: Final = 30
"""Most days between the first and the last day of a query."""
FORECAST_DAYS: Final = 16
"""How far forecasts go."""
NEAR_KM: Final = 50.0
EARTH_KM: Final = 6_371.0
LEVELS: Final = ((20, "good"), (40, "fair"), (60, "moderate"), (80, "poor"), (100, "very poor"))
"""European air quality index up to which a level reaches; beyond the last it is extremely poor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place."""

    name: str
    """Its name, which a place of another country may share."""
    country: str
    """Country code."""
    latitude: float
    """Degrees north."""
    longitude: float
    """Degrees east."""
    elevation: float
    """Metres."""

    @property
    def key(self) -> str:
        """What its weather is drawn from."""
        return f"{SEED}/{self.name}/{self.country}"


@lru_cache(maxsize=1)
def places() -> tuple[Place, ...]:
    """All places."""
    rng = Random(f"{SEED}/places")
    names = _names(rng, len(COUNTRIES) * PLACES_OF_COUNTRY - NAMESAKES)
    names += names[:NAMESAKES]
    found: list[Place] = []
    for number, name in enumerate(names):
        code = list(COUNTRIES)[number % len(COUNTRIES)]
        _, latitude, longitude = COUNTRIES[code]
        while True:
            place = Place(
                name=name,
                country=code,
                latitude=round(latitude + rng.uniform(-4, 4), 5),
                longitude=round(longitude + rng.uniform(-6, 6), 5),
                elevation=float(round(rng.triangular(2, 1_400, 120))),
            )
            if all(distance_km(place.latitude, place.longitude, other.latitude, other.longitude) > 100 for other in found):
                break
        found.append(place)
    return tuple(found)


def _names(rng: Random, count: int) -> list[str]:
    """Different names, none a part of another."""
    heads = (
        "Bar",
        "Cal",
        "Dor",
        "El",
        "Fen",
        "Gal",
        "Hol",
        "Il",
        "Kar",
        "Lun",
        "Mar",
        "Nor",
        "Or",
        "Pel",
        "Quen",
        "Ros",
        "Sel",
        "Tor",
        "Ul",
        "Ver",
    )
    middles = ("a", "e", "i", "o", "an", "en", "il", "or")
    tails = ("berg", "dal", "ford", "grad", "heim", "mont", "mere", "nova", "stad", "ton", "vale", "wick")
    names: list[str] = []
    while len(names) < count:
        name = rng.choice(heads) + rng.choice(middles) + rng.choice(tails)
        if not get_close_matches(name, names, n=1, cutoff=0.8):
            names.append(name)
    return names


def distance_km(latitude1: float, longitude1: float, latitude2: float, longitude2: float) -> float:
    """Length of the great circle between two points."""
    north, south = radians(latitude1), radians(latitude2)
    half = sin((south - north) / 2) ** 2 + cos(north) * cos(south) * sin(radians(longitude2 - longitude1) / 2) ** 2
    return 2 * EARTH_KM * asin(sqrt(half))


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The weather of one day at one place."""

    high: float
    """Highest temperature in degrees Celsius."""
    low: float
    """Lowest."""
    mean: float
    """Mean."""
    rain: float
    """Rain in millimetres."""
    snow: float
    """Snow in centimetres."""
    air: int
    """European air quality index of PM2.5."""


@lru_cache(maxsize=65_536)
def weather(place: Place, day: date) -> Day:
    """The weather of a day at a place."""
    climate, rng = Random(f"{place.key}/climate"), Random(f"{place.key}/{day.isoformat()}")
    season = cos(2 * pi * (day.timetuple().tm_yday - 200) / 365.25) * (1 if place.latitude >= 0 else -1)
    phases = [climate.uniform(0, 2 * pi) for _ in range(3)]
    slow = sum(sin(2 * pi * day.toordinal() / period + phase) for period, phase in zip((7.3, 12.7, 31.1), phases, strict=True))
    yearly = 29 - 0.47 * abs(place.latitude) - 6.5 * place.elevation / 1_000
    mean = yearly + (2 + 0.2 * abs(place.latitude)) * season + 1.6 * slow + rng.gauss(0, 1.2)
    spread = climate.uniform(3, 5) + rng.uniform(0, 2.5)
    wet = rng.random() < climate.uniform(0.25, 0.5) + 0.08 * slow
    water = round(rng.expovariate(1 / 6.0) + 0.1, 1) if wet else 0.0
    frozen = mean < 0.5
    return Day(
        high=round(mean + spread, 1),
        low=round(mean - spread, 1),
        mean=round(mean, 1),
        rain=0.0 if frozen else water,
        snow=round(water * 0.7, 2) if frozen else 0.0,
        air=round(climate.uniform(10, 60) * exp(rng.gauss(0, 0.35))),
    )


_AT: Final = {"latitude": "Degrees north.", "longitude": "Degrees east."}
_SPAN: Final = {"start_date": "First day, YYYY-MM-DD.", "end_date": "Last day, YYYY-MM-DD; at most 30 days after the first."}
_DAY: Final = {"current_date": "The day, YYYY-MM-DD."}
_ENDS: Final = {
    "latitude1": "Degrees north of the first point.", "longitude1": "Degrees east of it.",
    "latitude2": "Degrees north of the second point.", "longitude2": "Degrees east of it.",
}  # fmt: skip


class Weather(Toolkit):
    """The weather tools, for a user somewhere at some date."""

    tools = (
        tool("get_user_current_date", "Today's date where the user is, as YYYY-MM-DD."),
        tool("get_user_current_location", "The city that the user is in."),
        tool("get_historical_temp", "Daily temperatures at a place over past days.", **_AT, **_SPAN),
        tool("get_historical_rain", "Daily rain at a place over past days.", **_AT, **_SPAN),
        tool("get_historical_snow", "Daily snowfall at a place over past days.", **_AT, **_SPAN),
        tool("get_snow_forecast", "Daily snowfall that is expected at a place over coming days.", **_AT, **_SPAN),
        tool("get_current_snow", "Snowfall at a place today.", **_AT, **_DAY),
        tool("get_current_temp", "Temperatures at a place today.", **_AT, **_DAY),
        tool("get_latitude_longitude", "Coordinates of the places of a name, the best match first.", name="Name of the place."),
        tool("get_elevation", "Elevation of a place in metres.", **_AT),
        tool("get_temp_forecast", "Daily temperatures that are expected at a place over coming days.", **_AT, **_SPAN),
        tool("get_rain_forecast", "Daily rain that is expected at a place over coming days.", **_AT, **_SPAN),
        tool("get_current_rain", "Rain at a place today.", **_AT, **_DAY),
        tool("get_distance", "Distance between two points in kilometres.", **_ENDS),
        tool("get_historical_air_quality_index", "Daily air quality index (PM2.5) at a place over past days.", **_AT, **_SPAN),
        tool("get_current_air_quality_index", "Air quality index (PM2.5) at a place today.", **_AT, **_DAY),
        tool(
            "get_air_quality_level", "Level, from good to extremely poor, that an air quality index means.", air_quality_index="The index."
        ),
    )

    def __init__(self, start: Mapping[str, str]) -> None:
        """`start`: `current_date` and `current_location`."""
        self._today, self._city = date.fromisoformat(start["current_date"]), start["current_location"]

    def get_user_current_date(self) -> JsonValue:
        return self._today.isoformat()

    def get_user_current_location(self) -> JsonValue:
        return self._city

    def get_latitude_longitude(self, name: str) -> JsonValue:
        wanted = name.split(",")[0].strip().casefold()
        exact = [place for place in places() if place.name.casefold() == wanted]
        close = get_close_matches(wanted, [place.name.casefold() for place in places()], n=3, cutoff=0.75)
        alike = [place for place in places() if place.name.casefold() in close and place not in exact]
        found = [*exact, *alike][:3]
        return {
            "results": [
                {"name": each.name, "latitude": each.latitude, "longitude": each.longitude, "country_code": each.country} for each in found
            ]
        }

    def get_elevation(self, latitude: float, longitude: float) -> JsonValue:
        return {"elevation": [_place(latitude, longitude).elevation]}

    def get_distance(self, latitude1: float, longitude1: float, latitude2: float, longitude2: float) -> JsonValue:
        return round(distance_km(latitude1, longitude1, latitude2, longitude2), 2)

    def get_historical_temp(self, latitude: float, longitude: float, start_date: str, end_date: str) -> JsonValue:
        return self._past(latitude, longitude, start_date, end_date, TEMPERATURES)

    def get_historical_rain(self, latitude: float, longitude: float, start_date: str, end_date: str) -> JsonValue:
        return self._past(latitude, longitude, start_date, end_date, RAIN)

    def get_historical_snow(self, latitude: float, longitude: float, start_date: str, end_date: str) -> JsonValue:
        return self._past(latitude, longitude, start_date, end_date, SNOW)

    def get_historical_air_quality_index(self, latitude: float, longitude: float, start_date: str, end_date: str) -> JsonValue:
        return self._past(latitude, longitude, start_date, end_date, AIR)

    def get_temp_forecast(self, latitude: float, longitude: float, start_date: str, end_date: str) -> JsonValue:
        return self._coming(latitude, longitude, start_date, end_date, TEMPERATURES)

    def get_rain_forecast(self, latitude: float, longitude: float, start_date: str, end_date: str) -> JsonValue:
        return self._coming(latitude, longitude, start_date, end_date, RAIN)

    def get_snow_forecast(self, latitude: float, longitude: float, start_date: str, end_date: str) -> JsonValue:
        return self._coming(latitude, longitude, start_date, end_date, SNOW)

    def get_current_temp(self, latitude: float, longitude: float, current_date: str) -> JsonValue:
        return self._now(latitude, longitude, current_date, TEMPERATURES)

    def get_current_rain(self, latitude: float, longitude: float, current_date: str) -> JsonValue:
        return self._now(latitude, longitude, current_date, RAIN)

    def get_current_snow(self, latitude: float, longitude: float, current_date: str) -> JsonValue:
        return self._now(latitude, longitude, current_date, SNOW)

    def get_current_air_quality_index(self, latitude: float, longitude: float, current_date: str) -> JsonValue:
        return self._now(latitude, longitude, current_date, AIR)

    def get_air_quality_level(self, air_quality_index: float) -> JsonValue:
        return next((level for most, level in LEVELS if air_quality_index <= most), "extremely poor")

    def _past(self, latitude: float, longitude: float, start_date: str, end_date: str, series: Series) -> JsonValue:
        first, last = _span(start_date, end_date)
        if last >= self._today:
            raise Refused("end_date must be before today")
        return _daily(_place(latitude, longitude), first, last, series)

    def _coming(self, latitude: float, longitude: float, start_date: str, end_date: str, series: Series) -> JsonValue:
        first, last = _span(start_date, end_date)
        if first <= self._today:
            raise Refused("start_date must be after today")
        if last > self._today + timedelta(days=FORECAST_DAYS):
            raise Refused(f"forecasts reach {FORECAST_DAYS} days from today")
        return _daily(_place(latitude, longitude), first, last, series)

    def _now(self, latitude: float, longitude: float, current_date: str, series: Series) -> JsonValue:
        day = _day("current_date", current_date)
        if day > self._today:
            raise Refused("current_date must not be after today")
        return _daily(_place(latitude, longitude), day, day, series)


Series = Mapping[str, tuple[str, Callable[[Day], float]]]
"""Name of a column -> its unit and its value."""
TEMPERATURES: Final[Series] = {
    "temperature_2m_max": ("°C", lambda day: day.high),
    "temperature_2m_min": ("°C", lambda day: day.low),
    "temperature_2m_mean": ("°C", lambda day: day.mean),
}
RAIN: Final[Series] = {"rain_sum": ("mm", lambda day: day.rain)}
SNOW: Final[Series] = {"snowfall_sum": ("cm", lambda day: day.snow)}
AIR: Final[Series] = {"european_aqi_pm2_5": ("EAQI", lambda day: day.air)}


def _daily(place: Place, first: date, last: date, series: Series) -> JsonValue:
    days = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    columns = {name: [value(weather(place, day)) for day in days] for name, (_, value) in series.items()}
    return {
        "latitude": round(place.latitude, 1),
        "longitude": round(place.longitude, 1),
        "daily_units": {"time": "iso8601", **{name: unit for name, (unit, _) in series.items()}},
        "daily": {"time": [day.isoformat() for day in days], **columns},
    }


def _place(latitude: float, longitude: float) -> Place:
    nearest = min(places(), key=lambda place: distance_km(latitude, longitude, place.latitude, place.longitude))
    if distance_km(latitude, longitude, nearest.latitude, nearest.longitude) > NEAR_KM:
        raise Refused("there is no weather station within 50 km of these coordinates")
    return nearest


def _span(start_date: str, end_date: str) -> tuple[date, date]:
    first, last = _day("start_date", start_date), _day("end_date", end_date)
    if last < first:
        raise Refused("end_date must not be before start_date")
    if (last - first).days > SPAN_DAYS:
        raise Refused("a query spans 30 days at most; split it into several")
    return first, last


def _day(name: str, text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise Refused(f"{name} must be a date as YYYY-MM-DD") from None
