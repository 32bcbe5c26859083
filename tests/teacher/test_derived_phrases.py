"""Derived words are clauses that parse, cover what is required and name nothing; replies survive any output."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from magnet_ray.phrases import Phrases, Slot, parse_clause, slot_names
from magnet_ray.teacher.derived_phrases import derive_phrases
from magnet_ray.teacher.derived_tells import derive_tells
from magnet_ray.teacher.verbs import base_form, in_words, singular
from magnet_ray.types import FunctionSpec
from magnet_ray.wording import spoken


def spec_of(name: str, description: str, required: dict[str, Any] | None = None, optional: dict[str, Any] | None = None) -> FunctionSpec:
    """A specification; parameters are given as `name -> type` or `name -> schema`."""
    parameters = {**(required or {}), **(optional or {})}
    properties = {key: {"type": value} if isinstance(value, str) else value for key, value in parameters.items()}
    schema = {"type": "object", "properties": properties, "required": list(required or {})}
    return FunctionSpec(
        name=name,
        description=description,
        parameters=json.dumps(schema),
        category="test",
        source="jsonl:test",
        environment="simulated:test",
    )


SPECS = (
    spec_of("search_youtube_videos", "Make youtube search", {"query": "string"}, {"limit": "integer"}),
    spec_of("rugby_team_media", "Get media for a specific Rugby team.", {"id": "integer"}),
    spec_of("she_scores_get_player_by_id", "Get a player's information by ID", {"id": "string"}),
    spec_of("getWeather", "This endpoint returns the current weather for a given city", {"city": "string"}, {"units": "string"}),
    spec_of(
        "egypt_distance",
        "Calculates the distance between two points given their coordinates",
        {"lat1": "number", "lon1": "number", "lat2": "number", "lon2": "number"},
    ),
    spec_of("convert_currency", "Convert an amount of money", {"from": "string", "to": "string", "amount": "number"}),
    spec_of("create_playlist", "Create a new playlist.", {"playlist_name": "string"}, {"public": "boolean"}),
    spec_of("cancel_order", "Cancel an order.", {"order_id": "integer"}),
    spec_of("getTrips", "", {"from_date": "string", "to_date": "string"}),
    spec_of("leagueStandings", "You will love our API, it is the best!!!", {"leagueId": "integer", "seasonId": "integer"}),
    spec_of("mean", "Return the sample arithmetic mean of data.", {"data": {"type": "array", "items": {"type": "number"}}}),
    spec_of("isleap", "Return True for leap years, False for non-leap years.", {"year": "integer"}),
    spec_of("rgb_to_hsv", "", {"r": "number", "g": "number", "b": "number"}),
    spec_of("subtract", "Tool description: Subtract one number from another.", {"a": "number", "b": "number"}),
    spec_of("ls", "It lists files. Tool description: List the contents of the current directory.", {}, {"a": "boolean"}),
    spec_of("lock", "Locks the doors of the vehicle.", {"unlock": "boolean", "door": {"type": "array", "items": {"type": "string"}}}),
    spec_of("plz_ort", "Gibt den Ort für die Postleitzahl zurück und liefert das Ergebnis", {"postleitzahl": "string"}),
    spec_of("x", "https://example.com", {"payload": {"type": "object"}}),
    spec_of("check_text", "Check if text contains profanity", {"text": "string"}),
    spec_of("send_message", "Send a message to a user.", {"receiver_id": "string", "message": "string"}),
    spec_of(
        "filter_v2", "Returns `items` {with} [brackets] and *stars*", {"filter[type]": "string", "accept-language": "string", "q": "string"}
    ),
    spec_of("get_nba_news", "NBA News", {}, {"page": "integer", "per_page": "integer", "sort": "string", "lang": "string"}),
)

OTHER_VERBS = {"go", "do", "dig", "bring", "come", "figure", "gather", "gauge", "hunt", "put", "keep", "confirm", "have"}
OTHER_VERBS |= {"use", "try", "make", "arrange", "work", "take"}
TEXT = re.compile(r"\{[?!]?\w+\}")
CAMEL = re.compile(r"[a-z][A-Z]")
SPELLED = {"YouTube", "IDs", "URLs", "GIFs"}


def wordings(phrases: Phrases) -> tuple[str, ...]:
    return (*phrases.asks, *phrases.questions, *phrases.things)


def say(template: str, phrases: Phrases, values: dict[str, Any]) -> str:
    """A template with values, in their plainest words."""
    text = ""
    for segment in parse_clause(template):
        if segment.optional and not all(
            values.get(slot.name) is (slot.test == "?") if slot.test else slot.name in values for slot in segment.slots
        ):
            continue
        for piece in segment.pieces:
            if isinstance(piece, Slot):
                argument = phrases.argument(piece.name)
                text += "" if piece.test else spoken(values[piece.name], kind=argument.kind, word=argument.word)[0]
            else:
                text += piece
    return text


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_every_wording_parses_and_has_slots_for_what_is_required_and_nothing_else(spec: FunctionSpec) -> None:
    phrases = derive_phrases(spec)
    sayable = {name for name in spec.required if re.fullmatch(r"\w+", name)}
    for template in wordings(phrases):
        assert slot_names(template) <= set(spec.properties)
        assert sayable <= slot_names(template)


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_asks_are_a_few_different_base_form_clauses(spec: FunctionSpec) -> None:
    asks = derive_phrases(spec).asks
    assert 4 <= len(asks) <= 8
    assert len(set(asks)) == len(asks)
    for ask in asks:
        verb = ask.split()[0]
        assert base_form(verb) == verb or verb in OTHER_VERBS
        assert not ask.endswith((".", "?", "!"))


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_no_wording_holds_an_identifier_or_a_doubled_word_or_runs_on(spec: FunctionSpec) -> None:
    phrases = derive_phrases(spec)
    nouns = [text for argument in phrases.arguments.values() for text in (argument.noun, argument.word)]
    for template in (*wordings(phrases), phrases.noun, phrases.deed, *nouns):
        words = TEXT.sub("", template)
        assert "_" not in words
        assert not [word for word in re.findall(r"\w+", words) if CAMEL.search(word) and word not in SPELLED]
        assert not re.search(r"\b(\w+) \1\b", words)
        assert len(template.split("[")[0].split()) < 30


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.name)
def test_words_depend_on_the_specification_alone(spec: FunctionSpec) -> None:
    first = derive_phrases(spec)
    derive_phrases.cache_clear()
    again = derive_phrases(spec)
    assert wordings(first) == wordings(again)
    assert (first.noun, first.deed, first.arguments) == (again.noun, again.deed, again.arguments)
    assert [tell({}, {"name": "Ada", "age": 3}) for tell in first.tells] == [tell({}, {"name": "Ada", "age": 3}) for tell in again.tells]


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("search_youtube_videos", {"query": "jazz piano"}, "search YouTube for jazz piano"),
        ("rugby_team_media", {"id": 12}, "media for rugby team 12"),
        ("getWeather", {"city": "Paris"}, "the current weather in Paris"),
        ("egypt_distance", dict(lat1=1, lon1=2, lat2=3, lon2=4), "two points from latitude 1, longitude 2 to latitude 3, longitude 4"),
        ("cancel_order", {"order_id": 7}, "cancel order 7"),
        ("subtract", {"a": 9, "b": 4}, "subtract 4 from 9"),
        ("mean", {"data": [1, 2, 3]}, "the sample arithmetic mean of 1, 2 and 3"),
        ("create_playlist", {"playlist_name": "Road Trip"}, "create a new playlist called Road Trip"),
        ("check_text", {"text": "hello there"}, 'find out whether the text "hello there" contains profanity'),
        ("rgb_to_hsv", {"r": 1, "g": 2, "b": 3}, "convert RGB to HSV with red 1, green 2, blue 3"),
        ("send_message", {"receiver_id": "U-7", "message": "See you at six"}, 'send the message "See you at six" to the receiver U-7'),
    ],
)  # fmt: skip
def test_some_ask_reads_as_a_person_would_say_it(name: str, values: dict[str, Any], expected: str) -> None:
    phrases = derive_phrases(next(spec for spec in SPECS if spec.name == name))
    said = [say(ask, phrases, values) for ask in phrases.asks]
    assert any(expected in text for text in said), said


def test_a_required_value_beside_the_main_one_can_be_left_out() -> None:
    phrases = derive_phrases(next(spec for spec in SPECS if spec.name == "leagueStandings"))
    assert all(slot_names(ask, optional=True) for ask in phrases.asks)


def test_unusable_descriptions_give_way_to_the_name() -> None:
    by_name = {spec.name: derive_phrases(spec) for spec in SPECS}
    assert by_name["leagueStandings"].deed == "look up league standings"
    assert by_name["getTrips"].deed == "look up trips"
    assert "Postleitzahl" not in " ".join(by_name["plz_ort"].asks)


def test_parameters_get_plain_nouns_and_kinds() -> None:
    league = derive_phrases(next(spec for spec in SPECS if spec.name == "leagueStandings")).argument("leagueId")
    assert (league.noun, league.word, league.kind) == ("league", "league {}", "code")
    text = derive_phrases(next(spec for spec in SPECS if spec.name == "check_text")).argument("text")
    assert text.kind == "text"
    day = derive_phrases(spec_of("get_menu", "Get the menu", {"menu_date": "string"})).argument("menu_date")
    assert (day.noun, day.kind) == ("menu date", "date")


def test_openings_of_questions_vary_between_functions() -> None:
    openings = [
        " ".join(text.split()[:3])
        for number in range(150)
        for text in derive_phrases(spec_of(f"get_team_{number}_news", "Get team news", {"team": "string"})).questions
    ]
    assert max(openings.count(opening) for opening in set(openings)) / len(openings) < 0.08


def tell_all(output: Any, *, lookup: bool = True) -> list[str]:
    return [tell({}, output) for tell in derive_tells("team", "result", lookup=lookup, seed=3)]


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        (42, "42"),
        ({"result": 42.5}, "42.5"),
        ({"current_speed": 30}, "30"),
        ({"teams": [{"name": "Lakers", "wins": 3}, {"name": "Bulls", "wins": 1}]}, "Lakers"),
        ({"data": {"items": ["a", "b"]}}, "a and b"),
        ({"order_id": 7, "status": "in_progress"}, "in progress"),
        ({"created_at": "2026-03-14T18:30:00", "title": "Match"}, "March 14, 2026 at 6:30 pm"),
        ('{"name": "Ada", "age": 36}', "36"),
        ({"error": "No such file"}, "No such file"),
        ({"0": {"name": "Oslo"}, "1": {"name": "Rome"}}, "Rome"),
    ],
)
def test_replies_state_what_was_found(output: Any, expected: str) -> None:
    tells = tell_all(output)
    assert len(set(tells)) >= 3 and len(tells) >= 4
    assert all(expected in text for text in tells), tells
    assert not any(re.search(r"[{}\[\]_]", text) for text in tells)


def test_empty_outputs_and_plain_success_are_said_in_words() -> None:
    assert all(re.search(r"no|nothing", text, re.IGNORECASE) for text in tell_all([]) + tell_all(None))
    assert all(re.search(r"done|work|through", text, re.IGNORECASE) for text in tell_all({"success": True}, lookup=False))
    assert all("teams" in text for text in tell_all([]))


KEYS = st.one_of(
    st.text(max_size=8), st.sampled_from(["name", "title", "data", "results", "user_id", "isOpen", "error", "success", "None", "status"])
)
LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=20),
    st.sampled_from(["None", "2026-03-14", "2026-13-45", "25:99", "18:30", '{"a": 1}', "[", "in_progress", "<b>x</b>"]),
)  # fmt: skip
OUTPUTS = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12)


@settings(max_examples=150, deadline=None)
@given(OUTPUTS, st.booleans())
def test_replies_never_fail_and_never_say_none(output: Any, lookup: bool) -> None:
    for text in tell_all(output, lookup=lookup):
        assert text and text == text.strip()
        assert "None" not in text


DESCRIPTION_WORDS = tuple(
    [
        "get",
        "the",
        "list",
        "of",
        "a",
        "given",
        "{x}",
        "[y]",
        "for",
        "team",
        "by",
        "id",
        ",",
        ".",
        "(",
        ")",
        "https://x.y",
        "user_id",
        "Returns",
        "with",
        "all",
    ]
)
NAMES = st.text(alphabet="abcdefgXYZ_-[]. 019é", min_size=1, max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    st.text(alphabet="abc XYZ_19éü😀", min_size=1, max_size=20),
    st.text(max_size=80) | st.lists(st.sampled_from(DESCRIPTION_WORDS), max_size=14).map(" ".join),
    st.dictionaries(NAMES, st.sampled_from(["string", "integer", "boolean", "array", "object", "number"]), max_size=4),
)  # fmt: skip
def test_any_specification_gives_clauses_that_parse(name: str, description: str, parameters: dict[str, Any]) -> None:
    spec = spec_of(name, description, parameters)
    phrases = derive_phrases(spec)
    assert len(phrases.asks) >= 4
    for template in wordings(phrases):
        assert {key for key in spec.required if re.fullmatch(r"\w+", key)} <= slot_names(template) <= set(parameters)


def test_word_forms() -> None:
    assert [base_form(word) for word in ("Returns", "fetches", "getting", "Calculating", "Weather")] == [
        "return",
        "fetch",
        "get",
        "calculate",
        "",
    ]
    assert [singular(noun) for noun in ("NBA teams", "categories", "matches", "news", "status")] == [
        "NBA team",
        "category",
        "match",
        "news",
        "status",
    ]
    assert [in_words(name) for name in ("leagueId", "imdb_id", "videoURL", "num_pages")] == [
        "league ID",
        "IMDb ID",
        "video URL",
        "number pages",
    ]
