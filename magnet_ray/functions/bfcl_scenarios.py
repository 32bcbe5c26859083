"""Initial states for the BFCL-v3 classes, our own, drawn from a seed: never the benchmark's.

Each has the shape that the class's `_load_scenario` reads. They are made so that most functions have something to
work on: somebody is logged in, the market is open, the car may be driven. Travel has its token and cards.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, timedelta
from random import Random
from typing import Any

from magnet_ray.lexicon import FIRST_NAMES, LAST_NAMES, SENTENCES, STREETS, TOPICS

State = dict[str, Any]

TRADING_DAY = "2024-09-01"
"""The day that the trading class's clock always shows."""
FOLDERS = ("invoices", "recipes", "garden_plans", "lab_notes", "tax_2024", "choir", "letters", "trip_photos", "course_work", "backups")
FILES = (
    "packing_list.txt", "shopping.txt", "minutes_march.md", "inventory.csv", "readings.csv", "draft_letter.txt", "guest_list.txt",
    "quotes.md", "todo.txt", "seating_plan.txt", "roster.csv", "changelog.md", "ideas.txt", "contacts.csv", "syllabus.md", "meter_log.csv",
)  # fmt: skip
HANDLES = (
    "fernwalker",
    "oak_and_ink",
    "mirabelle_k",
    "tidepool",
    "northlight",
    "bakerstreetbee",
    "quietcircuit",
    "papercranes",
    "juno_writes",
    "saltmarsh",
)
TAGS = ("#garden", "#cycling", "#opensource", "#baking", "#astronomy", "#reading", "#choir", "#hiking", "#pottery", "#birding")
ROUTES = (
    ("SFO", "LAX"), ("SFO", "BOS"), ("SFO", "CIA"), ("LAX", "ORD"), ("LAX", "JFK"), ("JFK", "HND"), ("JFK", "PEK"), ("JFK", "BOS"),
    ("ORD", "LAX"), ("ORD", "PHV"), ("BOS", "GFD"), ("RMS", "BOS"), ("SBK", "CRH"), ("LHR", "CDG"), ("CRH", "SFO"), ("OKD", "LAX"),
)  # fmt: skip
"""Routes that the class knows a price for."""
TICKERS = ("AAPL", "GOOG", "MSFT", "NVDA", "TSLA", "F", "GM", "AMZN", "ALPH", "OMEG", "QUAS", "NEPT", "SYNX", "ZETA")
DOORS = ("driver", "passenger", "rear_left", "rear_right")
PROBLEMS = (
    ("Projector in room 4 flickers", "The picture drops out every few minutes during calls."),
    ("Badge reader at the side door", "It takes three attempts to open the door since Monday."),
    ("Payroll export is empty", "The file for last month has headings but no rows."),
    ("Second monitor not detected", "The laptop only finds it after a restart."),
    ("Shared calendar out of date", "Room bookings made this week do not appear."),
    ("Printer on floor 2 jams", "Double-sided jobs stop after the first page."),
    ("Cannot reach the wiki from home", "The page times out although the connection is up."),
    ("New starter needs an account", "She begins next week in the design team."),
)


def file_system(rng: Random) -> State:
    """A home folder with files and two levels of folders."""

    def folder(depth: int) -> State:
        names = rng.sample(FILES, rng.randint(3, 6) if depth == 0 else rng.randint(1, 3))
        contents: State = {name: {"type": "file", "content": _text(rng)} for name in names}
        for name in rng.sample(FOLDERS, (3, 1, 0)[depth]):
            contents[name] = folder(depth + 1)
        return {"type": "directory", "contents": contents}

    home = folder(0)
    home["contents"][rng.choice(("spare", "inbox", "old"))] = {"type": "directory", "contents": {}}
    return {"root": {rng.choice(("home", "studio", "desk", "projects")): home}}


def _text(rng: Random) -> str:
    return "\n".join(rng.sample(SENTENCES, rng.randint(3, 6)))


def messages(rng: Random) -> State:
    """A workspace of five to seven people, one of them logged in, with a few messages."""
    names = rng.sample(FIRST_NAMES, rng.randint(5, 7))
    users = {name: f"USR{index:03d}" for index, name in enumerate(names, 1)}
    ids = list(users.values())
    inbox = [{rng.choice(ids[1:]): rng.choice(SENTENCES)} for _ in range(rng.randint(3, 6))]
    return {
        "random_seed": rng.randrange(10**6),
        "user_count": len(users),
        "user_map": users,
        "inbox": inbox,
        "message_count": len(inbox),
        "current_user": ids[0],
    }


def posts(rng: Random) -> State:
    """A microblog with posts by several people, comments and a logged-in user."""
    people = rng.sample(HANDLES, 6)
    count = rng.randint(5, 8)
    tweets = {
        str(index): {
            "id": index,
            "username": rng.choice(people[:4]) if index else people[0],
            "content": rng.choice(SENTENCES),
            "tags": rng.sample(TAGS, rng.randint(0, 2)),
            "mentions": [],
        }
        for index in range(count)
    }
    comments = {
        str(index): [{"username": rng.choice(people[1:]), "content": rng.choice(SENTENCES)}] for index in rng.sample(range(count), 3)
    }
    return {
        "username": people[0],
        "password": f"{rng.choice(TOPICS).split()[0].lower()}{rng.randint(10, 99)}",
        "authenticated": True,
        "tweets": tweets,
        "comments": comments,
        "retweets": {people[0]: [rng.randrange(count)]},
        "following_list": people[1:4],
        "tweet_counter": count,
    }


def tickets(rng: Random) -> State:
    """A support queue with open and resolved tickets, most of them by the logged-in user."""
    user, other = rng.sample(FIRST_NAMES, 2)
    first = rng.randint(101, 400)
    queue = [
        {
            "id": index,
            "title": title,
            "description": description,
            "status": rng.choice(("Open", "Open", "Open", "In Progress", "Resolved")),
            "priority": rng.randint(1, 5),
            "created_by": (user if rng.random() < 0.8 else other).lower(),
        }
        for index, (title, description) in enumerate(rng.sample(PROBLEMS, rng.randint(4, 6)), first)
    ]
    return {"ticket_queue": queue, "ticket_counter": first + len(queue), "current_user": user.lower()}


def trading(rng: Random) -> State:
    """A brokerage account with orders, a watchlist and a market that is open."""
    stocks = {
        symbol: {
            "price": (price := round(rng.uniform(12, 640), 2)),
            "percent_change": round(rng.uniform(-3, 3), 2),
            "volume": round(rng.uniform(0.4, 6), 3),
            "MA(5)": round(price * rng.uniform(0.98, 1.02), 2),
            "MA(20)": round(price * rng.uniform(0.95, 1.05), 2),
        }
        for symbol in [*TICKERS[:7], *rng.sample(TICKERS[7:], 4)]
    }
    first = rng.randint(20_000, 80_000)
    orders = {
        str(number): {
            "id": number,
            "order_type": rng.choice(("Buy", "Sell")),
            "symbol": (symbol := rng.choice(sorted(stocks))),
            "price": stocks[symbol]["price"],
            "amount": rng.randint(1, 60),
            "status": "Open" if number % 3 else "Completed",
        }
        for number in range(first, first + rng.randint(3, 5))
    }
    history = [
        {"type": rng.choice(("deposit", "withdrawal")), "amount": rng.randrange(100, 4000, 50), "timestamp": _moment(rng)}
        for _ in range(rng.randint(2, 4))
    ]
    return {
        "orders": orders,
        "account_info": {
            "account_id": rng.randint(10_000, 99_999),
            "balance": float(rng.randrange(8_000, 60_000, 25)),
            "binding_card": rng.randint(10**15, 10**16 - 1),
        },
        "authenticated": True,
        "market_status": "Open",
        "order_counter": first + len(orders),
        "stocks": stocks,
        "watch_list": rng.sample(sorted(stocks), 3),
        "transaction_history": history,
        "random_seed": rng.randrange(10**6),
    }


def _moment(rng: Random) -> str:
    return (datetime(2024, 8, 1, 9, 30) + timedelta(minutes=rng.randrange(42_000))).strftime("%Y-%m-%d %H:%M:%S")


def travel(rng: Random) -> State:
    """A logged-in traveller with two cards and two bookings."""
    first, last = rng.choice(FIRST_NAMES), rng.choice(LAST_NAMES)
    cards = {
        str(rng.randint(10**11, 10**12 - 1)): {
            "card_number": str(rng.randint(4 * 10**15, 5 * 10**15 - 1)),
            "expiration_date": f"{rng.randint(1, 12):02d}/{rng.randint(2027, 2030)}",
            "cardholder_name": f"{first} {last}",
            "card_verification_number": rng.randint(100, 999),
            "balance": float(rng.randrange(9_000, 40_000, 10)),
        }
        for _ in range(2)
    }
    bookings = {str(rng.randint(10**6, 10**7 - 1)): _booking(rng, rng.choice(sorted(cards))) for _ in range(2)}
    return {
        "random_seed": rng.randrange(10**6),
        "credit_card_list": cards,
        "booking_record": bookings,
        "access_token": str(rng.randint(100_000, 999_999)),
        "token_type": "Bearer",
        "token_expires_in": 1800,
        "token_scope": "read_write",
        "user_first_name": first,
        "user_last_name": last,
        "budget_limit": float(rng.randrange(3_000, 8_000, 100)),
    }


def _booking(rng: Random, card: str) -> State:
    origin, destination = rng.choice(ROUTES)
    return {
        "card_id": card,
        "travel_date": (date(2025, 9, 1) + timedelta(days=rng.randrange(240))).isoformat(),
        "travel_from": origin,
        "travel_to": destination,
        "travel_class": rng.choice(("economy", "business")),
        "travel_cost": float(rng.randrange(200, 1800, 20)),
        "transaction_id": str(rng.randint(10**7, 10**8 - 1)),
    }


def vehicle(rng: Random) -> State:
    """A car that is ready to be started or already running."""
    locked = rng.random() < 0.85
    doors = {door: "locked" if locked or rng.random() < 0.5 else "unlocked" for door in DOORS}
    return {
        "random_seed": rng.randrange(10**6),
        "fuelLevel": float(rng.randint(6, 34)),
        "batteryVoltage": round(rng.uniform(12.1, 13.4), 1),
        "engineState": rng.choice(("running", "running", "stopped")),
        "doorStatus": doors,
        "acTemperature": float(rng.randint(18, 27)),
        "fanSpeed": rng.randrange(20, 90, 10),
        "acMode": rng.choice(("auto", "cool", "heat")),
        "humidityLevel": float(rng.randint(35, 60)),
        "headLightStatus": rng.choice(("on", "off")),
        "parkingBrakeStatus": "released",
        "brakePedalStatus": "pressed",
        "brakePedalForce": 1000.0,
        "distanceToNextVehicle": float(rng.randint(25, 120)),
        "cruiseStatus": "inactive",
        "destination": f"{rng.randint(2, 240)} {rng.choice(STREETS)}",
        **{f"{tire}TirePressure": float(rng.randint(29, 35)) for tire in ("frontLeft", "frontRight", "rearLeft", "rearRight")},
    }


def calculator(rng: Random) -> State:
    """Nothing: the class has no state."""
    return {}


SCENARIOS: dict[str, Callable[[Random], State]] = {
    "GorillaFileSystem": file_system,
    "MathAPI": calculator,
    "MessageAPI": messages,
    "TwitterAPI": posts,
    "TicketAPI": tickets,
    "TradingBot": trading,
    "TravelAPI": travel,
    "VehicleControlAPI": vehicle,
}
"""Class of the benchmark -> scenario generator."""
