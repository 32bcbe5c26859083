# ruff: noqa: E501
"""Train journeys on one main line: connections, delays, seats, tickets, and refunds for late trains.

Trains run every day at the same times; fares rise at weekends, and a seat belongs to one train on one date.
"""

from __future__ import annotations

from datetime import date as Day
from datetime import timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, soon, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import clock, day, listing, money, plural

# Stations in line order with the minutes that a fast train takes from the first one.
LINES: tuple[dict[str, int], ...] = (
    {"London": 0, "Peterborough": 50, "York": 115, "Newcastle": 170, "Edinburgh": 260},
    {"Munich": 0, "Nuremberg": 65, "Erfurt": 140, "Leipzig": 185, "Berlin": 250},
    {"Milan": 0, "Bologna": 65, "Florence": 105, "Rome": 195, "Naples": 265},
    {"Lille": 0, "Paris": 65, "Lyon": 185, "Avignon": 250, "Marseille": 285},
    {"Barcelona": 0, "Zaragoza": 85, "Madrid": 165, "Cordoba": 270, "Seville": 315},
    {"Boston": 0, "Providence": 40, "New Haven": 125, "New York": 220, "Philadelphia": 290},
)
CAUSES = (
    "a signal failure",
    "a late crew",
    "engineering works",
    "a fallen tree on the line",
    "a door fault",
    "heavy snow",
    "a broken-down freight train",
)
SEATS = ("11A", "12C", "14D", "21A", "23F", "26C", "31B", "34D", "35A", "42C", "46F", "48B")
COACHES = ("quiet", "standard", "family", "panorama")
SUPPLEMENTS = {"quiet": 4, "standard": 2, "family": 3, "panorama": 7}
Coach = Literal["quiet", "standard", "family", "panorama"]
TravelClass = Literal["standard", "first"]


class Connection(TypedDict):
    train: str
    departs: str
    arrives: str
    duration_minutes: int
    changes: int
    fare: int


class ConnectionList(TypedDict):
    origin: str
    destination: str
    date: str
    connections: list[Connection]


class Departure(TypedDict):
    train: str
    destination: str
    departs: str
    platform: str
    delay_minutes: int


class DepartureBoard(TypedDict):
    station: str
    departures: list[Departure]


class DelayReport(TypedDict):
    train: str
    origin: str
    destination: str
    status: str
    delay_minutes: int
    expected_arrival: str
    cause: str


class FreeSeat(TypedDict):
    seat: str
    coach: str
    position: str
    supplement: int


class FreeSeats(TypedDict):
    train: str
    date: str
    seats: list[FreeSeat]


class RailTicket(TypedDict):
    ticket_code: str
    train: str
    origin: str
    destination: str
    date: str
    departs: str
    passengers: int
    travel_class: str
    seats: list[str]
    total_price: int


class TicketList(TypedDict):
    tickets: list[RailTicket]


class SeatReservation(TypedDict):
    ticket_code: str
    train: str
    date: str
    seat: str
    coach: str
    supplement: int


class MovedTicket(TypedDict):
    ticket_code: str
    train: str
    date: str
    departs: str
    exchange_fee: int
    total_price: int


class TicketRefund(TypedDict):
    ticket_code: str
    refunded_amount: float
    status: str


class PastJourney(TypedDict):
    trip_code: str
    train: str
    origin: str
    destination: str
    date: str
    delay_minutes: int
    price: int
    compensation_claimed: bool


class JourneyList(TypedDict):
    journeys: list[PastJourney]


class Compensation(TypedDict):
    trip_code: str
    delay_minutes: int
    compensation: float
    paid_by: str


def _origin(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([name for name in domain.state["stations"] if name != chosen.get("destination")])


def _destination(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([name for name in domain.state["stations"] if name != chosen.get("origin")])


def _not_too_late(domain: Domain, rng: Random, chosen: Any) -> Any:
    last = max(
        (
            x["departs"]
            for x in domain.state["trains"].values()
            if x["origin"] == chosen.get("origin") and x["destination"] == chosen.get("destination")
        ),
        default="12:00",
    )
    return rng.choice([time for time in ("07:00", "08:30", "10:00", "12:00", "14:00", "15:30", "17:00") if time <= last] or ["06:00"])


def _train(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["trains"]))


def _late_or_any_train(domain: Domain, rng: Random, chosen: Any) -> Any:
    late = sorted(domain.state["delays"])
    return rng.choice(late) if late and rng.random() < 0.6 else _train(domain, rng, chosen)


def _ticket(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["tickets"]) or ["TKT-10000"])


def _ticket_without_seats(domain: Domain, rng: Random, chosen: Any) -> Any:
    open_ones = [code for code, ticket in sorted(domain.state["tickets"].items()) if len(ticket["seats"]) < ticket["passengers"]]
    return rng.choice(open_ones) if open_ones else _ticket(domain, rng, chosen)


def _seat(domain: Domain, rng: Random, chosen: Any) -> Any:
    ticket = domain.state["tickets"].get(chosen.get("ticket_code"))
    free = Rail(domain.state).free_seats(ticket["train"], ticket["date"]) if ticket else list(SEATS)
    return rng.choice(free or list(SEATS))


def _new_date(domain: Domain, rng: Random, chosen: Any) -> Any:
    ticket = domain.state["tickets"].get(chosen.get("ticket_code"), {})
    days = [(domain.today + timedelta(days=ahead)).isoformat() for ahead in range(1, 15)]
    return rng.choice([text for text in days if text != ticket.get("date")])


def _claimable_trip(domain: Domain, rng: Random, chosen: Any) -> Any:
    journeys = domain.state["journeys"]
    return rng.choice([code for code, x in sorted(journeys.items()) if x["delay_minutes"] >= 30 and not x["claimed"]] or sorted(journeys))


Train = Annotated[
    str,
    Argument(
        description="Train number as printed in the timetable, such as IC 482.", noun="train", word="train {}", kind="code", pick=_train
    ),
]
TicketCode = Annotated[
    str, Argument(description="Code of a bought ticket, such as TKT-48213.", noun="ticket", word="ticket {}", kind="code", pick=_ticket)
]
Date = Annotated[
    str, Argument(description="Date of travel in ISO 8601 format (YYYY-MM-DD).", noun="travel date", kind="date", pick=soon(14))
]


def _offers(r: Any) -> list[str]:
    return [f"{x['train']} at {clock(x['departs'])} for {money(x['fare'])}" for x in r["connections"]]


def _lasting(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join([plural(hours, "hour")] * bool(hours) + [plural(rest, "minute")] * bool(rest))


def _rides(x: Any) -> str:
    return f"{x['origin']} to {x['destination']} on {day(x['date'])}"


def _late(x: Any) -> str:
    return f"{plural(x['delay_minutes'], 'minute')} late" if x["delay_minutes"] else "on time"


def _board_row(x: Any) -> str:
    return f"{clock(x['departs'])} {x['train']} for {x['destination']} (platform {x['platform']}, {_late(x)})"


def _bought(x: Any) -> str:
    return f"{x['ticket_code']} for {plural(x['passengers'], 'passenger')} on {x['train']}, {day(x['date'])} ({money(x['total_price'])})"


class Rail(Domain):
    """Find train connections, check delays, buy and change tickets, reserve seats, claim money back for late trains."""

    name: ClassVar[str] = "rail"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        line = rng.choice(LINES)
        stations = sorted(rng.sample(sorted(line), 4), key=lambda name: line[name])
        state: State = {"today": today.isoformat(), "code_seed": rng.randrange(10_000), "stations": stations}
        state.update(trains={}, delays={}, tickets={}, journeys={}, reserved={})
        numbers = iter(rng.sample(range(102, 998), 60))
        for origin in stations:
            for destination in stations:
                if origin != destination:
                    for hour in rng.sample(range(6, 21), rng.randint(2, 4)):
                        prefix = rng.choice(("IC", "IC", "EX", "RE"))
                        train = _timetable_entry(rng, origin, destination, abs(line[origin] - line[destination]), hour)
                        state["trains"][f"{prefix} {next(numbers)}"] = train
        domain = cls(state)
        for train in sorted(rng.sample(sorted(state["trains"]), len(state["trains"]) // 3)):
            state["delays"][train] = {"minutes": rng.choice((5, 8, 12, 15, 20, 25, 35, 50, 70)), "cause": rng.choice(CAUSES)}
        for _ in range(rng.randint(3, 4)):
            domain._sell(
                _train(domain, rng, {}), soon(14)(domain, rng, {}), rng.randint(1, 3), rng.choice(("standard", "standard", "first"))
            )
        delays = [rng.choice((32, 38, 45, 55)), rng.choice((61, 75, 90)), rng.choice((34, 64)), rng.choice((0, 5, 12)), 0]
        for delay in delays[: rng.randint(4, 5)]:
            x = state["trains"][train := _train(domain, rng, {})]
            past = (today - timedelta(days=rng.randint(2, 27))).isoformat()
            journey = {
                "train": train,
                "origin": x["origin"],
                "destination": x["destination"],
                "date": past,
                "delay_minutes": delay,
                "price": x["fare"],
                "claimed": False,
            }
            state["journeys"][domain.issue("RJ")] = journey
        return state

    def _service(self, train: str) -> dict[str, Any]:
        require(train in self.state["trains"], f"There is no train {train!r} in the timetable.")
        service: dict[str, Any] = self.state["trains"][train]
        return service

    def _held(self, ticket_code: str) -> dict[str, Any]:
        require(ticket_code in self.state["tickets"], f"No valid ticket with code {ticket_code!r}.")
        ticket: dict[str, Any] = self.state["tickets"][ticket_code]
        return ticket

    def _travel_day(self, text: str) -> Day:
        try:
            travel = Day.fromisoformat(text)
        except ValueError:
            travel = Day.min
        require(travel >= self.today, f"{text!r} is not a date from today on.")
        require(travel <= self.today + timedelta(days=180), "Tickets go on sale 180 days ahead.")
        return travel

    def _fare(self, train: str, travel: Day) -> int:
        fare: int = self.state["trains"][train]["fare"]
        return round(fare * (1.15 if travel.weekday() >= 5 else 1))

    def free_seats(self, train: str, date: str) -> list[str]:
        """Seats of a train that nobody holds on a date."""
        start = sum(map(ord, train)) + Day.fromisoformat(date).toordinal() * 5
        held = self.state["reserved"].get(f"{train}|{date}", [])
        return [seat for place, seat in enumerate(SEATS) if (start + place * 7) % 3 and seat not in held]

    def _sell(self, train: str, date: str, passengers: int, travel_class: str) -> str:
        code = self.issue("TKT")
        price = self._fare(train, Day.fromisoformat(date)) * passengers * (1.6 if travel_class == "first" else 1)
        self.state["tickets"][code] = {
            "train": train,
            "date": date,
            "passengers": passengers,
            "travel_class": travel_class,
            "price": round(price),
            "seats": [],
        }
        return code

    def _ticket(self, code: str) -> RailTicket:
        x = self.state["tickets"][code]
        service = self.state["trains"][x["train"]]
        return RailTicket(
            ticket_code=code,
            train=x["train"],
            origin=service["origin"],
            destination=service["destination"],
            date=x["date"],
            departs=service["departs"],
            passengers=x["passengers"],
            travel_class=x["travel_class"],
            seats=list(x["seats"]),
            total_price=x["price"],
        )

    def _release_seats(self, ticket: dict[str, Any]) -> None:
        held = self.state["reserved"].get(f"{ticket['train']}|{ticket['date']}", [])
        for seat in ticket["seats"]:
            held.remove(seat)
        ticket["seats"] = []

    @tool(
        asks=(
            "find trains from {origin} to {destination} on {date}[ that leave after {departs_after}]",
            "work out how I could get from {origin} to {destination} by rail on {date}[, setting off no earlier than {departs_after}]",
            "compare the rail connections between {origin} and {destination} for {date}[, leaving from {departs_after} onwards]",
            "look up what runs to {destination} out of {origin} on {date}[ any time past {departs_after}]",
        ),
        questions=(
            "Which trains run from {origin} to {destination} on {date}[ later than {departs_after}]?",
            "I have to be in {destination} on {date} and I'm starting from {origin}[, but I can't leave before {departs_after}] — what are my options by train?",
            "When do trains leave {origin} for {destination} on {date}[, not counting any before {departs_after}], and what's the fare?",
        ),
        things=("train from {origin} to {destination} on {date}", "connection between {origin} and {destination} on {date}"),
        noun="connection",
        deed="search the timetable",
        tells=(
            lambda a, r: (
                f"From {r['origin']} to {r['destination']} on {day(r['date'])} there {'is' if len(r['connections']) == 1 else 'are'} "
                f"{plural(len(r['connections']), 'train')}: {listing(_offers(r))}."
            ),
            lambda a, r: (
                f"From {r['origin']} to {r['destination']} on {day(r['date'])} you could take "
                f"{listing([x['train'] + ' (' + clock(x['departs']) + ' to ' + clock(x['arrives']) + ', ' + money(x['fare']) + ')' for x in r['connections']], conjunction='or')}."
            ),
            lambda a, r: (
                f"The quickest ride from {r['origin']} to {r['destination']} takes "
                f"{_lasting(min(x['duration_minutes'] for x in r['connections']))}, and the cheapest fare is "
                f"{money(min(x['fare'] for x in r['connections']))}. All departures on {day(r['date'])}: {listing(_offers(r))}."
            ),
        ),
    )
    def find_connections(
        self,
        origin: Annotated[str, Argument(description="Station where the journey starts.", noun="starting point", pick=_origin)],
        destination: Annotated[str, Argument(description="Station where the journey ends.", noun="destination", pick=_destination)],
        date: Date,
        departs_after: Annotated[
            str | None,
            Argument(
                description="Earliest departure in 24-hour format (HH:MM).", noun="earliest departure", kind="time", pick=_not_too_late
            ),
        ] = None,
    ) -> ConnectionList:
        """List the trains between two stations on a date with times, changes and fare per person."""
        for place in (origin, destination):
            require(place in self.state["stations"], f"No station called {place!r} on this line.")
        require(origin != destination, "The journey must start and end at different stations.")
        travel = self._travel_day(date)
        found = [
            Connection(
                train=train,
                departs=x["departs"],
                arrives=x["arrives"],
                duration_minutes=x["minutes"],
                changes=x["changes"],
                fare=self._fare(train, travel),
            )
            for train, x in self.state["trains"].items()
            if x["origin"] == origin and x["destination"] == destination and x["departs"] >= (departs_after or "")
        ]
        require(found, f"No train leaves {origin} for {destination} after {departs_after}.")
        return ConnectionList(origin=origin, destination=destination, date=date, connections=sorted(found, key=lambda x: x["departs"]))

    @tool(
        asks=(
            "show me today's departures at {station}[ towards {destination}]",
            "read me the departure board for {station}[, only what goes to {destination}]",
            "list the trains leaving {station} today[ in the direction of {destination}] with their platforms",
            "check from which platforms trains pull out of {station} today[ for {destination}]",
        ),
        questions=(
            "What's on the board at {station} right now[ for {destination}]?",
            "I'm standing in the hall at {station} — which platform should I look at[ to reach {destination}]?",
            "Are today's departures from {station}[ to {destination}] running to schedule?",
        ),
        things=("departure on the board of {station}", "departure that the board of {station} shows"),
        noun="departure",
        deed="read a departure board",
        tells=(
            lambda a, r: (
                f"Leaving {r['station']} today: "
                f"{listing([x['train'] + ' to ' + x['destination'] + ' at ' + clock(x['departs']) + ' from platform ' + x['platform'] + ' (' + _late(x) + ')' for x in r['departures']])}."
            ),
            lambda a, r: (
                f"The board at {r['station']} shows {plural(len(r['departures']), 'departure')}, "
                + (
                    f"{sum(x['delay_minutes'] > 0 for x in r['departures'])} of them late: "
                    if any(x["delay_minutes"] for x in r["departures"])
                    else "all on time: "
                )
                + f"{listing([_board_row(x) for x in r['departures']])}."
            ),
            lambda a, r: f"Here's {r['station']}: {listing([_board_row(x) for x in r['departures']])}.",
        ),
    )
    def read_departure_board(
        self,
        station: Annotated[str, Argument(description="Station whose board is read.", noun="station", pick=_origin)],
        destination: Annotated[
            str | None,
            Argument(
                description="Only trains to this station.",
                noun="destination",
                pick=lambda d, rng, a: rng.choice([x for x in d.state["stations"] if x != a.get("station")]),
            ),
        ] = None,
    ) -> DepartureBoard:
        """Show today's first departures from a station with platform and delay."""
        require(station in self.state["stations"], f"No station called {station!r} on this line.")
        rows = [
            Departure(
                train=train,
                destination=x["destination"],
                departs=x["departs"],
                platform=x["platform"],
                delay_minutes=self.state["delays"].get(train, {}).get("minutes", 0),
            )
            for train, x in self.state["trains"].items()
            if x["origin"] == station and destination in (None, x["destination"])
        ]
        require(rows, f"Nothing leaves {station} for {destination} today.")
        return DepartureBoard(station=station, departures=sorted(rows, key=lambda x: x["departs"])[:6])

    @tool(
        asks=(
            "check for delays on {train} today",
            "find out the present delay of {train}",
            "see if there's any disruption to {train} today",
            "tell me the expected arrival of {train}",
        ),
        questions=(
            "Any trouble or delays on {train} today?",
            "Someone said there's trouble with {train} — how bad is the delay?",
            "When can I expect {train} to get in, and is anything holding things up?",
            "My sister comes in on {train}, so when should I be on the platform?",
            "People here talk of a delay, so what's the news on {train}?",
            "Should I hurry, or do I have some extra time before {train} comes?",
        ),
        noun="delay report",
        deed="check for delays",
        tells=(
            lambda a, r: (
                f"{r['train']} from {r['origin']} to {r['destination']} is {_late(r)}"
                + (f" because of {r['cause']}" if r["delay_minutes"] else "")
                + f", arriving at {clock(r['expected_arrival'])}."
            ),
            lambda a, r: (
                (
                    f"Expect a delay of {plural(r['delay_minutes'], 'minute')} on {r['train']}: {r['cause']}."
                    if r["delay_minutes"]
                    else f"Nothing is wrong with {r['train']} today."
                )
                + f" It should reach {r['destination']} at {clock(r['expected_arrival'])}."
            ),
            lambda a, r: (
                f"Arrival in {r['destination']} is now {clock(r['expected_arrival'])}; {r['train']} is {_late(r)}"
                + (f" ({r['cause']})." if r["delay_minutes"] else ".")
            ),
        ),
    )
    def check_train_delay(
        self,
        train: Annotated[
            str,
            Argument(
                description="Train number as printed in the timetable, such as IC 482.",
                noun="train",
                word="train {}",
                kind="code",
                pick=_late_or_any_train,
            ),
        ],
    ) -> DelayReport:
        """Report today's delay of a train, its cause and the expected arrival."""
        x = self._service(train)
        delay = self.state["delays"].get(train, {"minutes": 0, "cause": "no disruption reported"})
        return DelayReport(
            train=train,
            origin=x["origin"],
            destination=x["destination"],
            status="delayed" if delay["minutes"] else "on time",
            delay_minutes=delay["minutes"],
            expected_arrival=_later(x["arrives"], delay["minutes"]),
            cause=delay["cause"],
        )

    @tool(
        asks=(
            "see which seats are still free on {train} on {date}[, in {coach} only]",
            "go through the seating on {train} for {date} and list what's left[ in {coach}]",
            "check the seating plan of {train} for {date}[ and stick to {coach}]",
            "find me somewhere to sit[ in {coach}] on {train} on {date}",
        ),
        questions=(
            "Are there any seats left[ in {coach}] on {train} on {date}?",
            "How many seats are left on {train} for {date}[, especially in {coach}]?",
            "Where could we still sit on {train} on {date}[ if we want {coach}]?",
        ),
        things=("free seat on {train} on {date}", "seat left on {train} for {date}"),
        noun="free seat",
        deed="check which seats are free",
        tells=(
            lambda a, r: (
                f"{r['train']} on {day(r['date'])} still has {plural(len(r['seats']), 'seat')}: "
                f"{listing([x['seat'] + ' in the ' + x['coach'] + ' coach for ' + money(x['supplement']) for x in r['seats']])}."
            ),
            lambda a, r: (
                f"You can choose "
                f"{listing([x['seat'] + ' (' + x['position'] + ', ' + x['coach'] + ')' for x in r['seats']], limit=6, conjunction='or')} "
                f"on {r['train']} for {day(r['date'])}. The cheapest seat supplement is {money(min(x['supplement'] for x in r['seats']))}."
            ),
            lambda a, r: (
                f"Free on {r['train']} on {day(r['date'])}: "
                f"{listing([x['position'] + ' seat ' + x['seat'] + ' for ' + money(x['supplement']) for x in r['seats']])}."
            ),
        ),
    )
    def list_free_seats(
        self,
        train: Train,
        date: Date,
        coach: Annotated[Coach | None, Argument(description="Kind of coach to sit in.", noun="kind of coach", word="the {} coach")] = None,
    ) -> FreeSeats:
        """List the free seats of a train on a date, optionally in one kind of coach."""
        self._service(train)
        self._travel_day(date)
        seats = [
            FreeSeat(seat=seat, coach=_coach(seat), position=_position(seat), supplement=SUPPLEMENTS[_coach(seat)])
            for seat in self.free_seats(train, date)
            if coach in (None, _coach(seat))
        ]
        require(seats, f"No free seat of that kind on {train} on {date}.")
        return FreeSeats(train=train, date=date, seats=seats)

    @tool(
        asks=(
            "buy tickets for {train}[ on {date}][ for {passengers}][ in {travel_class}]",
            "get {passengers} onto {train}[ on {date}][, travelling {travel_class}]",
            "pay for seats on {train}[ for {passengers}][, date of travel {date}][, {travel_class}]",
            "sort out rail tickets for {passengers}[ on {date}] with {train}[, in {travel_class}]",
        ),
        questions=(
            "We're {passengers} and would like to travel on {train}[ on {date}][, {travel_class}].",
            "I've settled on {train} for {date} — {passengers}[, {travel_class}], please.",
            "Could {passengers} get tickets for {train}[ on {date}][ in {travel_class}]?",
        ),
        noun="ticket",
        deed="buy train tickets",
        tells=(
            lambda a, r: (
                f"Your ticket {r['ticket_code']} is ready: {r['train']} from {_rides(r)} at {clock(r['departs'])}, "
                f"{plural(r['passengers'], 'passenger')} in {r['travel_class']} class for {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"Paid {money(r['total_price'])} for {plural(r['passengers'], 'passenger')} on {r['train']}, {day(r['date'])}, leaving "
                f"{r['origin']} at {clock(r['departs'])}. The ticket code is {r['ticket_code']}."
            ),
            lambda a, r: (
                f"You're travelling to {r['destination']} on {day(r['date'])}: {r['train']} departs at {clock(r['departs'])}. I bought "
                f"{r['travel_class']}-class ticket {r['ticket_code']} at {money(r['total_price'])}."
            ),
        ),
    )
    def buy_rail_ticket(
        self,
        train: Train,
        date: Date,
        passengers: Annotated[
            int,
            Argument(description="Number of travellers on the ticket.", noun="number of passengers", word="{} passenger(s)", low=1, high=6),
        ],
        travel_class: Annotated[
            TravelClass | None, Argument(description="Class of travel; standard unless given.", noun="class", word="{} class")
        ] = None,
    ) -> RailTicket:
        """Buy one ticket for a group of passengers on a train and date."""
        self._service(train)
        self._travel_day(date)
        require(1 <= passengers <= 6, "A ticket covers 1 to 6 passengers.")
        return self._ticket(self._sell(train, date, passengers, travel_class or "standard"))

    @tool(
        asks=(
            "list the train tickets I'm holding",
            "bring up every rail journey I have paid for",
            "show which trains I'm booked on over the coming weeks",
            "go over my upcoming rail trips",
        ),
        questions=(
            "Which train trips do I have ahead of me?",
            "What rail tickets are in my name at the moment?",
            "Remind me when I'm travelling by train next, and on which tickets.",
        ),
        things=("train ticket of mine", "rail ticket I hold"),
        noun="ticket",
        deed="list train tickets",
        tells=(
            lambda a, r: (
                f"You hold {plural(len(r['tickets']), 'ticket')}: "
                f"{listing([x['ticket_code'] + ' from ' + _rides(x) for x in r['tickets']])}."
            ),
            lambda a, r: (
                "Ahead of you: "
                f"{listing([_rides(x) + ' with ' + x['train'] + ' at ' + clock(x['departs']) + ' (' + x['ticket_code'] + ')' for x in r['tickets']])}."
            ),
            lambda a, r: (
                f"Your tickets come to {money(sum(x['total_price'] for x in r['tickets']))} in all: "
                f"{listing([_bought(x) for x in r['tickets']])}."
            ),
        ),
    )
    def list_rail_tickets(self) -> TicketList:
        """List the user's valid train tickets for coming journeys."""
        require(self.state["tickets"], "There are no valid tickets.")
        return TicketList(tickets=sorted(map(self._ticket, self.state["tickets"]), key=lambda x: (x["date"], x["departs"])))

    @tool(
        asks=(
            "reserve {seat} on {ticket_code}",
            "put us down for {seat} on {ticket_code}",
            "add a seat reservation to {ticket_code}: {seat}",
            "hold {seat} under {ticket_code} before somebody else takes it",
        ),
        questions=(
            "I don't fancy standing, so please attach {seat} to {ticket_code}.",
            "Would it be possible to sit in {seat} with {ticket_code}?",
            "For {ticket_code} I'd prefer {seat}, if nobody has taken it.",
        ),
        noun="seat reservation",
        deed="reserve a seat",
        tells=(
            lambda a, r: (
                f"Seat {r['seat']} in the {r['coach']} coach of {r['train']} is yours on {day(r['date'])}, for a supplement of "
                f"{money(r['supplement'])}."
            ),
            lambda a, r: f"I've reserved seat {r['seat']} for ticket {r['ticket_code']}; it cost {money(r['supplement'])}.",
            lambda a, r: (
                f"Ticket {r['ticket_code']} now includes seat {r['seat']}. You'll find it in the {r['coach']} coach of {r['train']}."
            ),
        ),
    )
    def reserve_train_seat(
        self,
        ticket_code: Annotated[
            str,
            Argument(
                description="Code of a bought ticket, such as TKT-48213.",
                noun="ticket",
                word="ticket {}",
                kind="code",
                pick=_ticket_without_seats,
            ),
        ],
        seat: Annotated[str, Argument(description="Seat number, such as 21A.", noun="seat", word="seat {}", kind="code", pick=_seat)],
    ) -> SeatReservation:
        """Reserve a free seat on the train of a ticket and add its supplement to the price."""
        ticket = self._held(ticket_code)
        require(seat in SEATS, f"There is no seat {seat!r} on this train.")
        require(seat in self.free_seats(ticket["train"], ticket["date"]), f"Seat {seat} on {ticket['train']} is taken on {ticket['date']}.")
        require(len(ticket["seats"]) < ticket["passengers"], f"Every passenger on {ticket_code} has a seat already.")
        coach = _coach(seat)
        ticket["seats"].append(seat)
        ticket["price"] += SUPPLEMENTS[coach]
        self.state["reserved"].setdefault(f"{ticket['train']}|{ticket['date']}", []).append(seat)
        return SeatReservation(
            ticket_code=ticket_code, train=ticket["train"], date=ticket["date"], seat=seat, coach=coach, supplement=SUPPLEMENTS[coach]
        )

    @tool(
        asks=(
            "move {ticket_code} to {date}",
            "change the day of travel on {ticket_code} so that we go on {date}",
            "swap {ticket_code} for the same train on {date}",
            "shift the journey on {ticket_code} to {date} instead",
        ),
        questions=(
            "Something came up and {ticket_code} would suit me better on {date}.",
            "Whatever the exchange costs, I need to travel on {date} with {ticket_code}.",
            "My meeting has moved to {date}, so I need {ticket_code} for that day as well.",
        ),
        noun="changed ticket",
        deed="move a ticket to another day",
        tells=(
            lambda a, r: (
                f"Ticket {r['ticket_code']} is now valid on {day(r['date'])}: {r['train']} at {clock(r['departs'])}. "
                + (f"The exchange fee was {money(r['exchange_fee'])}." if r["exchange_fee"] else "There was no exchange fee.")
            ),
            lambda a, r: (
                f"You'll travel on {day(r['date'])} instead, same train ({r['train']}). "
                + (f"With {money(r['exchange_fee'])} for the exchange the" if r["exchange_fee"] else "The exchange is free, and the")
                + f" ticket comes to {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"I've moved {r['train']} to {day(r['date'])}; the new total for {r['ticket_code']} is {money(r['total_price'])}. Seats "
                "have to be reserved afresh."
            ),
        ),
    )
    def move_rail_ticket(
        self,
        ticket_code: TicketCode,
        date: Annotated[
            str, Argument(description="New date of travel in ISO 8601 format (YYYY-MM-DD).", noun="new date", kind="date", pick=_new_date)
        ],
    ) -> MovedTicket:
        """Move a ticket to the same train on another date; seat reservations lapse and a fee may apply."""
        ticket = self._held(ticket_code)
        travel = self._travel_day(date)
        require(date != ticket["date"], f"Ticket {ticket_code} is already for {date}.")
        service = self.state["trains"][ticket["train"]]
        fee = 0 if ticket["travel_class"] == "first" else 6 * ticket["passengers"]
        self._release_seats(ticket)
        base = self._fare(ticket["train"], travel) * ticket["passengers"] * (1.6 if ticket["travel_class"] == "first" else 1)
        ticket.update(date=date, price=round(base) + fee)
        return MovedTicket(
            ticket_code=ticket_code,
            train=ticket["train"],
            date=date,
            departs=service["departs"],
            exchange_fee=fee,
            total_price=ticket["price"],
        )

    @tool(
        asks=(
            "hand {ticket_code} back and get the money returned",
            "refund {ticket_code}",
            "give up {ticket_code}, because we won't be travelling",
            "return {ticket_code} for whatever the railway still pays",
        ),
        questions=(
            "That trip is off, so I need a refund on {ticket_code}.",
            "I can't travel after all; please hand in {ticket_code} and tell me what I get back.",
            "Nobody is going to use {ticket_code} any more; please get the fare refunded.",
        ),
        noun="refund",
        deed="refund a train ticket",
        tells=(
            lambda a, r: f"Ticket {r['ticket_code']} has been handed back, and {money(r['refunded_amount'])} is on its way to you.",
            lambda a, r: f"You get {money(r['refunded_amount'])} back for {r['ticket_code']}, which is no longer valid.",
            lambda a, r: f"Refund arranged: {money(r['refunded_amount'])} for ticket {r['ticket_code']}.",
        ),
    )
    def refund_rail_ticket(self, ticket_code: TicketCode) -> TicketRefund:
        """Hand back a ticket before travel; 90 percent of the price is refunded, or 50 percent on the last day."""
        ticket = self._held(ticket_code)
        share = 0.9 if (Day.fromisoformat(ticket["date"]) - self.today).days > 1 else 0.5
        self._release_seats(ticket)
        del self.state["tickets"][ticket_code]
        return TicketRefund(ticket_code=ticket_code, refunded_amount=round(ticket["price"] * share, 2), status="refunded")

    @tool(
        asks=(
            "go through the train journeys I made recently[ that ran at least {min_delay} late]",
            "look back at my last rail trips[ with a delay of {min_delay} or more]",
            "dig out my travel history on the railway[, only trips held up by {min_delay} or more]",
            "list the trips I've already taken by train[ that came in {min_delay} or more behind schedule]",
        ),
        questions=(
            "Which of my recent train rides were late[ by {min_delay} or more]?",
            "I want to see how punctual my past trips were[, leaving out anything under {min_delay}].",
            "How did the trains treat me over the last month[, counting delays of {min_delay} and more]?",
        ),
        things=("late journey of mine", "train trip I made recently"),
        noun="past journey",
        deed="look through past journeys",
        tells=(
            lambda a, r: (
                f"You made {plural(len(r['journeys']), 'journey')} like that: "
                f"{listing([_rides(x) + ' (' + x['trip_code'] + ', ' + _late(x) + ')' for x in r['journeys']])}."
            ),
            lambda a, r: (
                f"The longest delay was {plural(max(x['delay_minutes'] for x in r['journeys']), 'minute')}. Trips: "
                f"{listing([_rides(x) + ' (' + x['trip_code'] + ', ' + _late(x) + ')' for x in r['journeys']])}."
            ),
            lambda a, r: (
                "Here's what I have on file: "
                f"{listing([x['trip_code'] + ' with ' + x['train'] + ' on ' + day(x['date']) + ' (' + _late(x) + ', fare ' + money(x['price']) + ')' for x in r['journeys']], limit=5)}."
            ),
        ),
    )
    def list_past_journeys(
        self,
        min_delay: Annotated[
            int | None,
            Argument(
                description="Only journeys that were at least this many minutes late.",
                noun="smallest delay",
                word="{} minute(s)",
                choices=(10, 20, 30),
            ),
        ] = None,
    ) -> JourneyList:
        """List the train journeys that the user made in the past weeks with their delays."""
        found = [
            PastJourney(
                trip_code=code,
                train=x["train"],
                origin=x["origin"],
                destination=x["destination"],
                date=x["date"],
                delay_minutes=x["delay_minutes"],
                price=x["price"],
                compensation_claimed=x["claimed"],
            )
            for code, x in sorted(self.state["journeys"].items(), key=lambda item: (item[1]["date"], item[0]))
            if x["delay_minutes"] >= (min_delay or 0)
        ]
        require(found, f"No journey was {min_delay} minutes late or more.")
        return JourneyList(journeys=found)

    @tool(
        asks=(
            "claim compensation for {trip_code}[, paid by {paid_by}]",
            "file a delay claim for {trip_code}[, to be settled by {paid_by}]",
            "ask the railway for compensation on {trip_code}, which ran late[, and have the money paid by {paid_by}]",
            "get me what I'm owed for the delay on {trip_code}[ by {paid_by}]",
        ),
        questions=(
            "I was stuck for ages on {trip_code} and want compensation[ by {paid_by}].",
            "If I'm owed anything for {trip_code}, please claim the money[ by {paid_by}].",
            "After the delay on {trip_code} I think some money is due to me[, ideally by {paid_by}].",
        ),
        noun="compensation",
        deed="claim money back for a delay",
        tells=(
            lambda a, r: (
                f"You receive {money(r['compensation'])} by {r['paid_by']} for the {plural(r['delay_minutes'], 'minute')} that you lost "
                f"on {r['trip_code']}."
            ),
            lambda a, r: f"The claim for {r['trip_code']} went through: {money(r['compensation'])}, paid by {r['paid_by']}.",
            lambda a, r: (
                f"A delay of {plural(r['delay_minutes'], 'minute')} gives you {money(r['compensation'])}; it will come by {r['paid_by']}."
            ),
        ),
    )
    def claim_delay_compensation(
        self,
        trip_code: Annotated[
            str,
            Argument(
                description="Code of a past journey, such as RJ-48213.", noun="journey", word="trip {}", kind="code", pick=_claimable_trip
            ),
        ],
        paid_by: Annotated[
            Literal["bank transfer", "voucher", "cheque"] | None,
            Argument(description="How the money is paid; bank transfer unless given.", noun="way of payment"),
        ] = None,
    ) -> Compensation:
        """Claim part of the fare back for a past journey that was at least 30 minutes late."""
        require(trip_code in self.state["journeys"], f"No past journey with code {trip_code!r}.")
        x = self.state["journeys"][trip_code]
        require(x["delay_minutes"] >= 30, f"Journey {trip_code} was less than 30 minutes late.")
        require(not x["claimed"], f"Compensation for {trip_code} has been claimed already.")
        x["claimed"] = True
        share = 0.5 if x["delay_minutes"] >= 60 else 0.25
        return Compensation(
            trip_code=trip_code,
            delay_minutes=x["delay_minutes"],
            compensation=round(x["price"] * share, 2),
            paid_by=paid_by or "bank transfer",
        )


def _timetable_entry(rng: Random, origin: str, destination: str, fast: int, hour: int) -> dict[str, Any]:
    changes = rng.choice((0, 0, 0, 1)) if fast > 60 else 0
    minutes = round(fast * rng.uniform(1, 1.2)) + 18 * changes
    departs = f"{min(hour, 16) if minutes > 200 else hour:02d}:{rng.randrange(0, 60, 3):02d}"
    fare = round((7 + fast * 0.21) * rng.uniform(0.75, 1.3))
    return {
        "origin": origin,
        "destination": destination,
        "departs": departs,
        "arrives": _later(departs, minutes),
        "minutes": minutes,
        "changes": changes,
        "fare": fare,
        "platform": str(rng.randint(1, 12)),
    }


def _later(time: str, minutes: int) -> str:
    total = int(time[:2]) * 60 + int(time[3:]) + minutes
    return f"{total // 60 % 24:02d}:{total % 60:02d}"


def _coach(seat: str) -> str:
    return COACHES[int(seat[0]) - 1]


def _position(seat: str) -> str:
    return "window" if seat[-1] in "AF" else "aisle"
