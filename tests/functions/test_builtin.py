"""Every built-in function: its schema, its words, what it does in sampled scenarios, and in some domains what follows from what."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from random import Random
from typing import Any

import jsonschema
import pytest

from magnet_ray.environments.in_process import BuiltinEnvironment
from magnet_ray.errors import CallError, SourceError
from magnet_ray.functions.builtin import DOMAINS, domain_class, functions_of, load
from magnet_ray.functions.builtin.base import Domain
from magnet_ray.phrases import Phrases, slot_names
from magnet_ray.teacher.answering_tells import asked_values, stated_share
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.types import Effect, FunctionSpec
from magnet_ray.values import draw_argument
from tests.builtin_recipe import builtin_recipe

SPECS = load().specs
PHRASES: dict[str, Phrases] = {item.name: functions_of(item.category)[item.name] for item in SPECS}
SCENARIOS = 12
TRIES = 4
by_domain = pytest.mark.parametrize("domain", DOMAINS)
each_function = pytest.mark.parametrize("function", SPECS, ids=[item.name for item in SPECS])


@dataclass
class Seen:
    """What happened when a function was called in sampled scenarios."""

    tried: int = 0
    """Calls."""
    accepted: list[tuple[dict[str, Any], Any]] = field(default_factory=list)
    """(arguments, output) of those that were accepted."""
    changed: int = 0
    """How many of them changed the state."""
    refusals: list[str] = field(default_factory=list)
    """Why the others were not."""


def drawn(environment: BuiltinEnvironment, function: FunctionSpec, rng: Random, *, optional: float = 0.5) -> dict[str, Any]:
    """Arguments as a user might give them."""
    arguments: dict[str, Any] = {}
    for name in function.properties:
        if name in function.required or rng.random() < optional:
            arguments[name] = draw_argument(environment, function, name, arguments, rng)
    return arguments


@cache
def seen() -> dict[str, Seen]:
    """Every function called in sampled scenarios, each time from the scenario's first state."""
    found = {item.name: Seen() for item in SPECS}
    for item in SPECS:
        for seed in range(SCENARIOS):
            environment, rng = BuiltinEnvironment(item.category, seed), Random(f"{item.name}/{seed}")
            before = environment.state()
            mine = found[item.name]
            for _ in range(TRIES if not mine.accepted else 1):
                arguments = drawn(environment, item, rng)
                mine.tried += 1
                try:
                    mine.accepted.append((arguments, environment.call(item.name, arguments)))
                except CallError as error:
                    mine.refusals.append(str(error))
                    assert environment.state() == before, f"{item.name} refused and changed the state: {error}"
                    continue
                mine.changed += environment.state() != before
                break
    return found


# The pool


def test_there_are_enough_functions_in_enough_domains_and_no_name_comes_twice() -> None:
    names = [item.name for item in SPECS]
    assert len(DOMAINS) >= 12 and len(names) >= 130
    assert len(set(names)) == len(names)
    assert all(count >= 8 for count in Counter(item.category for item in SPECS).values())


def test_functions_differ_in_what_they_say_they_do() -> None:
    descriptions = [item.description for item in SPECS]
    assert len(set(descriptions)) == len(descriptions)
    assert all(20 <= len(text) <= 200 and text.endswith(".") for text in descriptions)


def test_chosen_domains_can_be_loaded_and_an_unknown_one_is_named() -> None:
    assert {item.category for item in load("rail, dining").specs} == {"rail", "dining"}
    with pytest.raises(SourceError, match="atlantis"):
        load("atlantis")
    assert all(domain_class(name).name == name for name in DOMAINS)


@each_function
def test_the_schemas_are_valid_typed_and_described(function: FunctionSpec) -> None:
    for schema in (function.parameter_schema, function.return_schema):
        assert schema is not None
        jsonschema.Draft202012Validator.check_schema(schema)
    assert set(function.required) <= set(function.properties)
    for name, schema in function.properties.items():
        assert schema.get("type") in {"string", "integer", "number", "boolean", "array"}, name
        assert len(schema["description"]) >= 8, name
    assert function.return_schema and function.return_schema["type"] == "object"


@each_function
def test_the_words_are_enough_and_have_slots_for_their_parameters_alone(function: FunctionSpec) -> None:
    phrases = PHRASES[function.name]
    assert len(phrases.asks) >= 4 and len(phrases.questions) >= 3 and len(phrases.tells) >= 3
    assert phrases.noun and phrases.deed and not slot_names(phrases.deed)
    templates = (*phrases.asks, *phrases.questions, *phrases.things, *phrases.suffixes)
    assert len(set(templates)) == len(templates)
    for template in templates:
        assert slot_names(template) <= set(function.properties), template
    for template in (*phrases.asks, *phrases.questions):
        assert set(function.required) <= slot_names(template), template
    assert set(function.properties) <= {name for ask in phrases.asks for name in slot_names(ask)}


@each_function
def test_the_words_are_a_persons(function: FunctionSpec) -> None:
    phrases = PHRASES[function.name]
    names = {item.name for item in SPECS} | {name for item in SPECS for name in item.properties}
    joined = {name for name in names if "_" in name}
    for template in (*phrases.asks, *phrases.questions, *phrases.things, *phrases.suffixes, phrases.noun, phrases.deed):
        plain = re.sub(r"\{[?!]?\w+\}", "", template)
        assert not set(re.findall(r"\w+", plain)) & joined, template
        assert "  " not in plain.replace("[", "").replace("]", "") or "{" in template, template
    assert all(ask[0].islower() and ask[-1] not in ".?!" for ask in phrases.asks)
    assert all(re.sub(r"\[.*?\]", "", question).rstrip()[-1] in ".?!" for question in phrases.questions)


@each_function
def test_a_value_that_is_no_name_of_a_thing_can_be_left_out_without_another_word(function: FunctionSpec) -> None:
    """A user forgets which restaurant as `a restaurant`, but hardly forgets a cuisine as `a cuisine food`."""
    for parameter in TemplateTeacher().droppable(function):
        asks = [ask for ask in PHRASES[function.name].asks if parameter not in slot_names(ask, optional=False)]
        assert asks or function.names_thing(parameter), parameter


@each_function
def test_what_a_request_asks_for_is_stated_by_a_sentence_of_the_reply(function: FunctionSpec) -> None:
    """What stands outside the optional parts asks for fields of the output (see `asked_values`); a nought may be put in words."""
    phrases = PHRASES[function.name]
    for template in (*phrases.asks, *phrases.questions):
        plain = re.sub(r"\[.*?\]|\{.*?\}", "", template)
        for arguments, output in seen()[function.name].accepted[:4]:
            asked = [fields for fields in asked_values(output, plain) if all(values and all(values) for values in fields)]
            best = max(sum(stated_share(tell(arguments, output), fields) for fields in asked) for tell in phrases.tells)
            given = [fields for fields in asked if any(value in arguments.values() for values in fields for value in values)]
            assert best >= len(asked) - len(given), (template, asked)


# What they do


def test_most_calls_are_accepted_and_every_function_works() -> None:
    tried = sum(mine.tried for mine in seen().values())
    accepted = sum(len(mine.accepted) for mine in seen().values())
    assert accepted >= 0.8 * tried, f"{accepted} of {tried}"
    assert [name for name, mine in seen().items() if not mine.accepted] == []


@each_function
def test_outputs_fit_their_schema(function: FunctionSpec) -> None:
    validator = jsonschema.Draft202012Validator(_lenient(function.return_schema))
    for arguments, output in seen()[function.name].accepted:
        errors = [error.message for error in validator.iter_errors(output)]
        assert not errors, (arguments, errors)


def _lenient(schema: Any) -> Any:
    """The schema with null beside every type, since `X | None` is described as X."""
    if isinstance(schema, dict):
        inner = {key: _lenient(value) for key, value in schema.items()}
        return inner | ({"type": [schema["type"], "null"]} if isinstance(schema.get("type"), str) else {})
    return [_lenient(item) for item in schema] if isinstance(schema, list) else schema


@each_function
def test_drawn_arguments_fit_their_schema(function: FunctionSpec) -> None:
    validator = jsonschema.Draft202012Validator(function.parameter_schema)
    for arguments, _ in seen()[function.name].accepted:
        assert validator.is_valid(arguments), arguments


@each_function
def test_every_tell_speaks_of_every_output(function: FunctionSpec) -> None:
    for arguments, output in seen()[function.name].accepted:
        for tell in PHRASES[function.name].tells:
            text = tell(arguments, output).strip()
            assert text and text[-1] in ".?!", text
            assert not re.search(r"\bNone\b|\bnan\b|[{}\[\]]|  |\b1 \w+s are\b|\(s\)|\.\.", text), text
            assert "_" not in text, text


@each_function
def test_the_observed_effect_is_what_happened(function: FunctionSpec) -> None:
    effect = builtin_recipe().workshop.pool.spec(function.name).effect
    mine = seen()[function.name]
    assert effect is not Effect.UNKNOWN
    assert mine.changed == 0 if effect is Effect.READ else mine.changed > 0


def test_every_domain_reads_and_writes() -> None:
    pool = builtin_recipe().workshop.pool
    for domain in DOMAINS:
        effects = Counter(item.effect for item in pool.in_category(domain))
        assert effects[Effect.READ] >= 3 and effects[Effect.WRITE] >= 3, domain


@by_domain
def test_states_are_json_and_scenarios_repeat_for_their_seed_and_vary(domain: str) -> None:
    kind: type[Domain] = domain_class(domain)
    states = [kind.scenario(Random(seed)) for seed in range(20)]
    assert states == [kind.scenario(Random(seed)) for seed in range(20)]
    assert all(json.loads(json.dumps(state)) == state for state in states)
    assert all(re.fullmatch(r"202[56]-\d\d-\d\d", state["today"]) for state in states)
    assert len({json.dumps(state) for state in states}) == 20


@by_domain
def test_a_conversation_of_many_calls_replays(domain: str) -> None:
    specs = [item for item in SPECS if item.category == domain]
    environment, rng = BuiltinEnvironment(domain, 77), Random(domain)
    made: list[tuple[str, dict[str, Any], Any]] = []
    for _ in range(40):
        item = rng.choice(specs)
        arguments = drawn(environment, item, rng)
        try:
            made.append((item.name, arguments, environment.call(item.name, arguments)))
        except CallError:
            continue
    assert len(made) >= 20
    again = BuiltinEnvironment(domain, 77)
    assert [again.call(name, arguments) for name, arguments, _ in made] == [output for _, _, output in made]
    assert again.state() == environment.state()


# Stateful: what follows from what, domain by domain


def call(environment: BuiltinEnvironment, name: str, seed: int = 0, **fixed: Any) -> tuple[dict[str, Any], Any]:
    """Call a function with some arguments fixed and the others drawn, until it is accepted."""
    (function,) = [item for item in SPECS if item.name == name]
    for attempt in range(60):
        arguments = drawn(environment, function, Random(f"{seed}/{attempt}"), optional=0.0) | fixed
        try:
            return arguments, environment.call(name, arguments)
        except CallError as error:
            refusal = error
    raise AssertionError(f"{name} was never accepted: {refusal}")


def table_bookings(environment: BuiltinEnvironment) -> dict[str, Any]:
    return {x["booking_code"]: x for x in environment.call("list_table_bookings", {})["bookings"]}


def test_a_booked_table_is_listed_and_its_time_is_taken_until_it_is_cancelled() -> None:
    environment = BuiltinEnvironment("dining", 3)
    arguments, booked = call(environment, "book_table")
    place = {"restaurant": arguments["restaurant"], "date": arguments["date"]}
    assert table_bookings(environment)[booked["booking_code"]] == booked
    assert arguments["time"] not in environment.call("list_open_tables", place)["open_times"]
    with pytest.raises(CallError, match="full"):
        environment.call("book_table", arguments)
    environment.call("cancel_table", {"booking_code": booked["booking_code"]})
    assert booked["booking_code"] not in table_bookings(environment)
    assert arguments["time"] in environment.call("list_open_tables", place)["open_times"]
    with pytest.raises(CallError, match="already cancelled"):
        environment.call("cancel_table", {"booking_code": booked["booking_code"]})


def test_a_resized_table_keeps_its_new_size_and_dishes_add_up() -> None:
    environment = BuiltinEnvironment("dining", 4)
    _, booked = call(environment, "book_table", guests=2)
    code = booked["booking_code"]
    environment.call("resize_booking", {"booking_code": code, "guests": 5})
    assert table_bookings(environment)[code]["guests"] == 5
    menu = environment.call("read_menu", {"restaurant": booked["restaurant"]})["dishes"]
    environment.call("order_dishes_ahead", {"booking_code": code, "dishes": [menu[0]["dish"]]})
    total = environment.call("order_dishes_ahead", {"booking_code": code, "dishes": [menu[1]["dish"]]})
    assert total["order_total"] == menu[0]["price"] + menu[1]["price"]


def tickets(environment: BuiltinEnvironment) -> dict[str, Any]:
    return {x["ticket_code"]: x for x in environment.call("list_rail_tickets", {})["tickets"]}


def test_a_bought_ticket_is_listed_moves_takes_a_seat_and_is_gone_when_refunded() -> None:
    environment = BuiltinEnvironment("rail", 5)
    arguments, bought = call(environment, "buy_rail_ticket", passengers=1)
    code = bought["ticket_code"]
    assert tickets(environment)[code]["train"] == arguments["train"] and bought["seats"] == []
    seats = environment.call("list_free_seats", {"train": bought["train"], "date": bought["date"]})["seats"]
    seat = seats[0]["seat"] if isinstance(seats[0], dict) else seats[0]
    environment.call("reserve_train_seat", {"ticket_code": code, "seat": seat})
    assert tickets(environment)[code]["seats"] == [seat]
    left = environment.call("list_free_seats", {"train": bought["train"], "date": bought["date"]})["seats"]
    assert seat not in [item["seat"] if isinstance(item, dict) else item for item in left]
    environment.call("refund_rail_ticket", {"ticket_code": code})
    assert code not in {code for code in environment.state()} and code not in _listed_tickets(environment)


def _listed_tickets(environment: BuiltinEnvironment) -> set[str]:
    try:
        return set(tickets(environment))
    except CallError:
        return set()


def test_a_borrowed_book_is_on_loan_and_back_on_its_shelf_when_returned() -> None:
    environment = BuiltinEnvironment("library", 6)
    arguments, borrowed = call(environment, "borrow_book")
    title = arguments["book_title"]

    def loans() -> list[str]:
        return [x["book_title"] for x in environment.call("list_loans", {})["loans"]]

    assert title in loans()
    with pytest.raises(CallError):
        environment.call("borrow_book", arguments)
    renewed = environment.call("renew_loan", {"book_title": title})
    assert renewed["due_date"] > borrowed["due_date"] and renewed["renewals_left"] == borrowed["renewals_left"] - 1
    environment.call("return_book", arguments)
    assert title not in loans()


def test_a_hold_is_listed_until_it_is_withdrawn() -> None:
    environment = BuiltinEnvironment("library", 8)
    _, hold = call(environment, "place_hold")

    def holds() -> list[str]:
        return [x["hold_code"] for x in environment.call("list_holds", {})["holds"]]

    assert hold["hold_code"] in holds()
    left = environment.call("withdraw_hold", {"hold_code": hold["hold_code"]})["holds_left"]
    assert left == len(holds()) and hold["hold_code"] not in holds()


def stays(environment: BuiltinEnvironment) -> dict[str, Any]:
    return {x["stay_code"]: x for x in environment.call("list_stays", {})["stays"]}


def test_a_stay_costs_what_was_quoted_and_its_balance_falls_with_payments() -> None:
    environment = BuiltinEnvironment("lodging", 9)
    arguments, booked = call(environment, "book_stay")
    quote = BuiltinEnvironment("lodging", 9).call("quote_stay", {name: arguments[name] for name in ("lodging", "arrival_date", "nights")})
    assert booked["total_price"] == quote["total_price"] and quote["available"] is True
    code = booked["stay_code"]
    assert stays(environment)[code] == booked
    assert environment.call("quote_stay", {name: arguments[name] for name in ("lodging", "arrival_date", "nights")})["available"] is False
    paid = environment.call("pay_stay_balance", {"stay_code": code})
    assert paid["paid"] == booked["balance_due"] and stays(environment)[code]["balance_due"] == 0
    environment.call("cancel_stay", {"stay_code": code})
    assert code not in stays(environment)
