"""Values that make calls on the BFCL-v3 classes succeed: what the present state holds, or what the code knows.

A table per class, (function, parameter) or ("*", parameter) -> a draw from the state. `MISSING` leaves the value
to the parameter's schema.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from random import Random
from typing import Any

from magnet_ray.environments.base import MISSING, Missing
from magnet_ray.functions.bfcl_scenarios import DOORS, FILES, FOLDERS, HANDLES, PROBLEMS, ROUTES, TAGS
from magnet_ray.lexicon import FIRST_NAMES, LAST_NAMES, SENTENCES, STREETS
from magnet_ray.types import JsonValue

State = Mapping[str, Any]
Chosen = Mapping[str, JsonValue]
Draw = Callable[[Any, Chosen, Random], "JsonValue | Missing"]

CITIES = (
    "Rivermist",
    "Stonebrook",
    "Maplecrest",
    "Silverpine",
    "Shadowridge",
    "Sunset Valley",
    "Oakendale",
    "Willowbend",
    "Crescent Hollow",
    "Autumnville",
    "San Francisco",
)
AIRPORT_CITIES = (
    *CITIES,
    "Pinehaven",
    "Greenfield",
    "Los Angeles",
    "New York",
    "Chicago",
    "Boston",
    "Beijing",
    "Hong Kong",
    "Rome",
    "Tokyo",
    "London",
    "Paris",
)
DISTANCES = (
    ("83214", "74532"), ("56108", "62947"), ("71354", "83462"), ("47329", "52013"), ("69238", "51479"), ("94016", "83214"),
    ("94016", "94704"), ("62947", "47329"), ("94016", "62947"), ("74532", "94016"),
)  # fmt: skip
COMPANY_NAMES = (
    "Apple",
    "Google",
    "Tesla",
    "Microsoft",
    "Nvidia",
    "Zeta Corp",
    "Alpha Tech",
    "Omega Industries",
    "Quasar Ltd.",
    "Neptune Systems",
    "Synex Solutions",
    "Amazon",
)
CURRENCIES = ("RMB", "EUR", "JPY", "GBP", "CAD", "AUD", "INR", "BRL", "MXN")
UNIT_PAIRS = (
    ("cm", "in"), ("in", "cm"), ("m", "ft"), ("ft", "m"), ("m", "yd"), ("yd", "m"), ("km", "miles"), ("miles", "km"),
    ("kg", "lb"), ("lb", "kg"), ("celsius", "fahrenheit"), ("fahrenheit", "celsius"),
)  # fmt: skip
METRIC = ("km", "m", "cm", "mm")


def suggest_for(class_name: str, state: State, function: str, parameter: str, chosen: Chosen, rng: Random) -> JsonValue | Missing:
    """A value for one parameter of a class's function, or MISSING."""
    table = TABLES.get(class_name, {})
    draw = table.get((function, parameter)) or table.get(("*", parameter))
    return MISSING if draw is None else draw(state, chosen, rng)


def _one_of(options: Sequence[JsonValue]) -> Draw:
    return lambda state, chosen, rng: rng.choice(list(options)) if options else MISSING


def _some_of(options: Sequence[JsonValue], low: int, high: int) -> Draw:
    return lambda state, chosen, rng: rng.sample(list(options), rng.randint(low, high))


def _held(find: Callable[[Any], Sequence[JsonValue]]) -> Draw:
    def draw(state: Any, chosen: Chosen, rng: Random) -> JsonValue | Missing:
        found = list(find(state))
        return rng.choice(found) if found else MISSING

    return draw


def _number(low: float, high: float, step: float) -> Draw:
    def draw(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
        value = round(low + step * rng.randint(0, int((high - low) / step)), 2)
        return int(value) if float(value).is_integer() else value

    return draw


def _partner(pairs: Sequence[tuple[str, str]], other: str) -> Draw:
    def draw(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
        first = chosen.get(other)
        options = [b for a, b in pairs if a == first] + [a for a, b in pairs if b == first and (a, b) not in ROUTES]
        return rng.choice(options or [b for _, b in pairs])

    return draw


# --- files


def _here(state: State) -> Mapping[str, Any]:
    contents: Mapping[str, Any] = state["_current_dir"]["contents"]
    return contents


def _files(state: State) -> list[JsonValue]:
    return [name for name, item in _here(state).items() if "content" in item]


def _folders(state: State) -> list[JsonValue]:
    return [name for name, item in _here(state).items() if "contents" in item]


def _empty_folders(state: State) -> list[JsonValue]:
    return [name for name, item in _here(state).items() if item.get("contents") == {}]


def _entries(state: State) -> list[JsonValue]:
    return [*_files(state), *_folders(state)]


def _new_file(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    return rng.choice([name for name in FILES if name not in _here(state)])


def _new_folder(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    return rng.choice([name for name in FOLDERS if name not in _here(state)])


def _place(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    source = str(chosen.get("source", ""))
    free = [name for name in _folders(state) if name != source and source not in _here(state)[name]["contents"]]
    if free and rng.random() < 0.6:
        return rng.choice(free)
    return _new_file(state, chosen, rng) if "." in source else _new_folder(state, chosen, rng)


def _word_in_file(state: Any, chosen: Chosen, rng: Random) -> JsonValue | Missing:
    content = _here(state).get(str(chosen.get("file_name")), {}).get("content", "")
    words = sorted({word.strip(".,;:!?\"'") for word in content.split() if len(word) > 4})
    return rng.choice(words) if words else MISSING


def _enter(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    folders = _folders(state)
    return rng.choice(folders) if folders else ".."


def _other_file(state: Any, chosen: Chosen, rng: Random) -> JsonValue | Missing:
    others = [name for name in _files(state) if name != chosen.get("file_name1")]
    return rng.choice(others) if others else MISSING


FILE_SYSTEM: dict[tuple[str, str], Draw] = {
    ("*", "file_name"): _held(_files),
    ("touch", "file_name"): _new_file,
    ("echo", "file_name"): _new_file,
    ("rm", "file_name"): _held(_entries),
    ("echo", "content"): _one_of(SENTENCES),
    ("cd", "folder"): _enter,
    ("mkdir", "dir_name"): _new_folder,
    ("rmdir", "dir_name"): _held(_empty_folders),
    ("diff", "file_name1"): _held(_files),
    ("diff", "file_name2"): _other_file,
    ("grep", "pattern"): _word_in_file,
    ("*", "source"): _held(_entries),
    ("*", "destination"): _place,
    ("find", "path"): _one_of(["."]),
    ("find", "name"): _one_of(["csv", "txt", "md", "list", "log"]),
    ("tail", "lines"): _one_of([1, 2, 3, 4]),
    ("wc", "mode"): _one_of(["l", "w", "c"]),
}

# --- people


def _user_ids(state: State) -> list[JsonValue]:
    return list(state["user_map"].values())


def _others(state: State) -> list[JsonValue]:
    return [user for user in _user_ids(state) if user != state["current_user"]]


def _addressees(state: State) -> list[JsonValue]:
    return sorted({receiver for message in state["inbox"] for receiver in message})


def _word_of(texts: Callable[[Any], Sequence[str]]) -> Draw:
    return _held(lambda state: sorted({word.strip(".,;:!?\"'") for text in texts(state) for word in text.split() if len(word) > 4}))


MESSAGES: dict[tuple[str, str], Draw] = {
    ("add_contact", "user_name"): lambda state, chosen, rng: rng.choice([name for name in FIRST_NAMES if name not in state["user_map"]]),
    ("delete_message", "receiver_id"): _held(_addressees),
    ("send_message", "receiver_id"): _held(_others),
    ("send_message", "message"): _one_of(SENTENCES),
    ("get_user_id", "user"): _held(lambda state: list(state["user_map"])),
    ("message_login", "user_id"): _held(_user_ids),
    ("search_messages", "keyword"): _word_of(lambda state: [text for message in state["inbox"] for text in message.values()]),
}


def _posts(state: State) -> list[JsonValue]:
    return [int(number) for number in state["tweets"]]


def _commented(state: State) -> list[JsonValue]:
    return [int(number) for number in state["comments"]] or _posts(state)


def _not_reposted(state: State) -> list[JsonValue]:
    done = state["retweets"].get(state["username"], [])
    return [number for number in _posts(state) if number not in done]


def _authors(state: State) -> list[JsonValue]:
    return sorted({item["username"] for item in state["tweets"].values()})


POSTS: dict[tuple[str, str], Draw] = {
    ("*", "tweet_id"): _held(_posts),
    ("retweet", "tweet_id"): _held(_not_reposted),
    ("get_tweet_comments", "tweet_id"): _held(_commented),
    ("*", "username"): _held(_authors),
    ("authenticate_twitter", "username"): lambda state, chosen, rng: state["username"],
    ("authenticate_twitter", "password"): lambda state, chosen, rng: state["password"],
    ("comment", "comment_content"): _one_of(SENTENCES),
    ("post_tweet", "content"): _one_of(SENTENCES),
    ("post_tweet", "tags"): _some_of(TAGS, 1, 2),
    ("post_tweet", "mentions"): _some_of([f"@{name}" for name in HANDLES], 1, 2),
    ("mention", "mentioned_usernames"): _some_of(HANDLES, 1, 2),
    ("follow_user", "username_to_follow"): _held(
        lambda state: [name for name in HANDLES if name not in (*state["following_list"], state["username"])]
    ),
    ("unfollow_user", "username_to_unfollow"): _held(lambda state: state["following_list"]),
    ("search_tweets", "keyword"): _word_of(lambda state: [item["content"] for item in state["tweets"].values()]),
}


def _tickets(*statuses: str) -> Draw:
    return _held(lambda state: [item["id"] for item in state["ticket_queue"] if not statuses or item["status"] in statuses])


def _updates(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    options: dict[str, JsonValue] = {
        "priority": rng.randint(1, 5),
        "status": rng.choice(("In Progress", "On Hold")),
        "description": rng.choice(PROBLEMS)[1],
    }
    return {key: options[key] for key in sorted(rng.sample(sorted(options), rng.randint(1, 2)))}


def _problem_text(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    return dict(PROBLEMS).get(str(chosen.get("title")), rng.choice(PROBLEMS)[1])


TICKETS: dict[tuple[str, str], Draw] = {
    ("*", "ticket_id"): _tickets(),
    ("close_ticket", "ticket_id"): _tickets("Open", "In Progress", "Resolved", "On Hold"),
    ("resolve_ticket", "ticket_id"): _tickets("Open", "In Progress", "On Hold", "Closed"),
    ("create_ticket", "title"): _one_of([title for title, _ in PROBLEMS]),
    ("create_ticket", "description"): _problem_text,
    ("create_ticket", "priority"): _one_of([1, 2, 3, 4, 5]),
    ("edit_ticket", "updates"): _updates,
    ("resolve_ticket", "resolution"): _one_of(
        [
            "Replaced the cable",
            "Restarted the service",
            "Account created and tested",
            "Updated the driver",
            "Explained the workaround on the phone",
        ]
    ),
    ("get_user_tickets", "status"): _held(lambda state: sorted({item["status"] for item in state["ticket_queue"]})),
    ("ticket_login", "username"): _held(lambda state: sorted({item["created_by"] for item in state["ticket_queue"]})),
    ("ticket_login", "password"): _one_of(["maple-42-river", "quiet.harbor9", "seven!lanterns", "BlueKettle77"]),
}

# --- money and travel


def _symbols(state: State) -> list[JsonValue]:
    return sorted(state["stocks"])


def _near_price(share: float) -> Draw:
    def draw(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
        stock = state["stocks"].get(chosen.get("symbol"))
        price: float = stock["price"] if stock else rng.uniform(20, 500)
        return round(price * rng.uniform(1 - share, 1 + share), 2)

    return draw


TRADING: dict[tuple[str, str], Draw] = {
    ("*", "symbol"): _held(_symbols),
    ("*", "stocks"): lambda state, chosen, rng: rng.sample(_symbols(state), rng.randint(2, 4)),
    ("add_to_watchlist", "stock"): _held(lambda state: [symbol for symbol in _symbols(state) if symbol not in state["watch_list"]]),
    ("remove_stock_from_watchlist", "symbol"): _held(lambda state: state["watch_list"]),
    ("*", "order_id"): _held(lambda state: [int(number) for number in state["orders"]]),
    ("cancel_order", "order_id"): _held(lambda state: [item["id"] for item in state["orders"].values() if item["status"] == "Open"]),
    ("make_transaction", "account_id"): lambda state, chosen, rng: state["account_info"]["account_id"],
    ("make_transaction", "xact_type"): _one_of(["deposit", "withdrawal"]),
    ("*", "amount"): _number(100, 3000, 50),
    ("place_order", "amount"): _number(1, 60, 1),
    ("place_order", "order_type"): _one_of(["Buy", "Sell"]),
    ("place_order", "price"): _near_price(0.02),
    ("update_stock_price", "new_price"): _near_price(0.05),
    ("filter_stocks_by_price", "min_price"): _number(10, 100, 10),
    ("filter_stocks_by_price", "max_price"): _number(200, 600, 25),
    ("notify_price_change", "threshold"): _one_of([0.5, 1, 1.5, 2]),
    ("get_available_stocks", "sector"): _one_of(["Technology", "Automobile"]),
    ("get_symbol_by_name", "name"): _one_of(COMPANY_NAMES),
    ("update_market_status", "current_time_str"): _one_of(["09:45 AM", "10:30 AM", "11:15 AM", "01:20 PM", "03:40 PM"]),
    ("get_transaction_history", "start_date"): _one_of(["2024-08-01", "2024-08-05", "2024-08-10"]),
    ("get_transaction_history", "end_date"): _one_of(["2024-08-25", "2024-08-31"]),
    ("trading_login", "username"): lambda state, chosen, rng: rng.choice(FIRST_NAMES).lower(),
    ("trading_login", "password"): _one_of(["maple-42-river", "quiet.harbor9", "BlueKettle77"]),
}


def _day(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    return (date(2025, 9, 1) + timedelta(days=rng.randrange(300))).isoformat()


def _cost(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    return float(rng.randrange(200, 1600, 20))


TRAVEL: dict[tuple[str, str], Draw] = {
    ("*", "access_token"): lambda state, chosen, rng: state["access_token"] or MISSING,
    ("*", "card_id"): _held(lambda state: sorted(state["credit_card_list"])),
    ("*", "booking_id"): _held(lambda state: sorted(state["booking_record"])),
    ("*", "travel_date"): _day,
    ("*", "travel_from"): _one_of(sorted({origin for origin, _ in ROUTES})),
    ("*", "travel_to"): _partner(ROUTES, "travel_from"),
    ("*", "travel_class"): _one_of(["economy", "business", "first"]),
    ("book_flight", "travel_cost"): _cost,
    ("purchase_insurance", "insurance_cost"): _number(40, 400, 10),
    ("purchase_insurance", "insurance_type"): _one_of(["cancellation", "medical", "baggage", "comprehensive"]),
    ("compute_exchange_rate", "base_currency"): _one_of(["USD"]),
    ("compute_exchange_rate", "target_currency"): _one_of(CURRENCIES),
    ("compute_exchange_rate", "value"): _number(50, 4000, 25),
    ("contact_customer_support", "message"): _one_of(
        [
            "Can I change my seat?",
            "Is a vegetarian meal available?",
            "My surname is misspelt on the ticket.",
            "How much luggage may I bring?",
        ]
    ),
    ("get_nearest_airport_by_city", "location"): _one_of(AIRPORT_CITIES),
    ("register_credit_card", "card_number"): lambda state, chosen, rng: str(rng.randint(4 * 10**15, 5 * 10**15 - 1)),
    ("register_credit_card", "expiration_date"): lambda state, chosen, rng: f"{rng.randint(1, 12):02d}/{rng.randint(2027, 2031)}",
    ("register_credit_card", "cardholder_name"): lambda state, chosen, rng: f"{state['user_first_name']} {state['user_last_name']}",
    ("register_credit_card", "card_verification_number"): lambda state, chosen, rng: rng.randint(100, 999),
    ("set_budget_limit", "budget_limit"): _number(1500, 9000, 250),
    ("verify_traveler_information", "first_name"): lambda state, chosen, rng: state["user_first_name"],
    ("verify_traveler_information", "last_name"): lambda state, chosen, rng: state["user_last_name"],
    ("verify_traveler_information", "date_of_birth"): lambda state, chosen, rng: date(
        rng.randint(1955, 2002), rng.randint(1, 12), rng.randint(1, 28)
    ).isoformat(),
    ("verify_traveler_information", "passport_number"): lambda state, chosen, rng: f"US{rng.randint(10_000_000, 99_999_999)}",
    ("authenticate_travel", "client_id"): lambda state, chosen, rng: f"trip{rng.randint(1000, 9999)}",
    ("authenticate_travel", "client_secret"): lambda state, chosen, rng: f"sk-{rng.randint(10**7, 10**8 - 1)}",
    ("authenticate_travel", "refresh_token"): lambda state, chosen, rng: f"rt-{rng.randint(10**7, 10**8 - 1)}",
    ("authenticate_travel", "grant_type"): _one_of(["read_write", "read", "write"]),
    ("authenticate_travel", "user_first_name"): lambda state, chosen, rng: state["user_first_name"] or rng.choice(FIRST_NAMES),
    ("authenticate_travel", "user_last_name"): lambda state, chosen, rng: state["user_last_name"] or rng.choice(LAST_NAMES),
}

# --- car and arithmetic


def _doors(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    wanted = "locked" if chosen.get("unlock") else "unlocked"
    fitting = [door for door in DOORS if state["doorStatus"].get(door) == wanted] or list(DOORS)
    return sorted(rng.sample(fitting, rng.randint(1, len(fitting))))


def _fuel(state: Any, chosen: Chosen, rng: Random) -> JsonValue:
    return rng.randint(1, max(1, int(50 - state["fuelLevel"])))


VEHICLE: dict[tuple[str, str], Draw] = {
    ("startEngine", "ignitionMode"): _one_of(["START"]),
    ("fillFuelTank", "fuelAmount"): _fuel,
    ("lockDoors", "door"): _doors,
    ("pressBrakePedal", "pedalPosition"): _one_of([0.5, 0.75, 1, 1, 1]),
    ("setCruiseControl", "speed"): _number(40, 80, 5),
    ("setCruiseControl", "distanceToNextVehicle"): _number(40, 120, 10),
    ("adjustClimateControl", "temperature"): lambda state, chosen, rng: (
        rng.randint(64, 78) if chosen.get("unit") == "fahrenheit" else rng.randint(17, 26)
    ),
    ("adjustClimateControl", "fanSpeed"): _number(20, 90, 10),
    ("estimate_distance", "cityA"): _one_of([first for first, _ in DISTANCES]),
    ("estimate_distance", "cityB"): _partner(DISTANCES, "cityA"),
    ("get_zipcode_based_on_city", "city"): _one_of(CITIES),
    ("estimate_drive_feasibility_by_mileage", "distance"): _number(60, 900, 20),
    ("gallon_to_liter", "gallon"): _number(2, 40, 1),
    ("liter_to_gallon", "liter"): _number(5, 150, 5),
    ("set_navigation", "destination"): lambda state, chosen, rng: f"{rng.randint(2, 240)} {rng.choice(STREETS)}, {rng.choice(CITIES)}",
    ("display_log", "messages"): _some_of(
        ["Tyres checked", "Oil topped up", "Left on a long trip", "Washed the windscreen", "Service due in May"], 1, 3
    ),
}

ARITHMETIC: dict[tuple[str, str], Draw] = {
    ("imperial_si_conversion", "unit_in"): _one_of([first for first, _ in UNIT_PAIRS]),
    ("imperial_si_conversion", "unit_out"): lambda state, chosen, rng: dict(UNIT_PAIRS).get(str(chosen.get("unit_in")), "ft"),
    ("si_unit_conversion", "unit_in"): _one_of(METRIC),
    ("si_unit_conversion", "unit_out"): lambda state, chosen, rng: rng.choice([unit for unit in METRIC if unit != chosen.get("unit_in")]),
    ("*", "numbers"): lambda state, chosen, rng: [rng.randint(1, 120) for _ in range(rng.randint(3, 6))],
    ("*", "precision"): _one_of([5, 8, 10, 12]),
    ("logarithm", "base"): _one_of([2, 3, 5, 10]),
    ("logarithm", "value"): _number(2, 900, 1),
    ("square_root", "number"): _number(2, 2000, 1),
    ("power", "base"): _number(2, 15, 1),
    ("power", "exponent"): _number(2, 6, 1),
    ("round_number", "number"): _number(1, 300, 0.37),
    ("round_number", "decimal_places"): _one_of([0, 1]),
    ("absolute_value", "number"): _number(-500, -1, 3.5),
    ("*", "value"): _number(1, 600, 1),
    ("*", "a"): _number(2, 900, 1),
    ("*", "b"): _number(1, 90, 1),
    ("percentage", "part"): _number(5, 180, 1),
    ("percentage", "whole"): _number(200, 900, 5),
}

TABLES: dict[str, dict[tuple[str, str], Draw]] = {
    "GorillaFileSystem": FILE_SYSTEM,
    "MathAPI": ARITHMETIC,
    "MessageAPI": MESSAGES,
    "TwitterAPI": POSTS,
    "TicketAPI": TICKETS,
    "TradingBot": TRADING,
    "TravelAPI": TRAVEL,
    "VehicleControlAPI": VEHICLE,
}
"""Class -> (function or `*`, parameter) -> draw."""
