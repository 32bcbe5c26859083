# ruff: noqa: E501
"""Concerts, plays and other shows of one season: listings, seats, tickets and places in line for sold-out nights.

Every show has three sections with a price and a number of seats left; orders take seats from them and give them back.
"""

from __future__ import annotations

from datetime import timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import clock, day, listing, money, plural

GENRES = ("jazz", "folk", "rock", "opera", "comedy", "theatre", "ballet")
TITLES = {
    "jazz": ("Midnight Quintet", "Lena Marsh Trio", "Brass After Dark", "The Velvet Hour", "Otis Grey Band"),
    "folk": ("The Hollow Reeds", "Songs of the Estuary", "Marta Kell & Friends", "Wicker & Wool", "Northern Fiddles"),
    "rock": ("Paper Satellites", "The Gravel Kings", "Neon Orchard", "Iron Magpie", "Static Summer"),
    "opera": ("Carmen", "The Magic Flute", "Tosca", "La Traviata", "Rusalka"),
    "comedy": ("Dana Price Live", "Four Clowns and a Lawyer", "The Late Giggle", "Improv Roulette", "Badly Briefed"),
    "theatre": ("The Glass Harbour", "An Honest Thief", "Seven Letters", "The Winter Ferry", "Uncle Vanya"),
    "ballet": ("Swan Lake", "Giselle", "The Firebird", "Coppelia", "Cinderella"),
}
MINUTES = {
    "jazz": (80, 110),
    "folk": (75, 110),
    "rock": (90, 140),
    "opera": (140, 200),
    "comedy": (60, 90),
    "theatre": (95, 160),
    "ballet": (100, 150),
}
VENUES = ("Palace Theatre", "Riverside Hall", "Foundry", "Old Exchange", "Civic Playhouse", "Lyceum", "Dockside Arena")
DRINKS = {"sparkling wine": 9, "beer": 6, "lemonade": 4, "coffee": 3}
FRIENDS = ("Amira", "Ben", "Carla", "Dmitri", "Elif", "Femi", "Greta", "Hugo", "Ines", "Jonah")
SECTIONS = ("stalls", "circle", "balcony")
Genre = Literal["jazz", "folk", "rock", "opera", "comedy", "theatre", "ballet"]
Section = Literal["stalls", "circle", "balcony"]
Drink = Literal["sparkling wine", "beer", "lemonade", "coffee"]


class Show(TypedDict):
    event: str
    venue: str
    date: str
    price_from: int
    seats_left: int


class ShowList(TypedDict):
    events: list[Show]


class ShowProfile(TypedDict):
    event: str
    genre: str
    venue: str
    date: str
    doors_open: str
    starts: str
    duration_minutes: int
    minimum_age: int
    status: str


class SeatSection(TypedDict):
    section: str
    price: int
    seats_left: int


class SectionList(TypedDict):
    event: str
    sections: list[SeatSection]


class Order(TypedDict):
    order_code: str
    event: str
    venue: str
    date: str
    section: str
    tickets: int
    total_price: int


class OrderList(TypedDict):
    orders: list[Order]


class SeatMove(TypedDict):
    order_code: str
    event: str
    section: str
    tickets: int
    price_difference: int
    total_price: int


class HandBack(TypedDict):
    order_code: str
    event: str
    tickets_returned: int
    tickets_left: int
    refund: float


class Gift(TypedDict):
    order_code: str
    event: str
    recipient: str
    tickets: int
    tickets_left: int


class SoldOutShow(TypedDict):
    event: str
    venue: str
    date: str
    people_waiting: int


class SoldOutList(TypedDict):
    events: list[SoldOutShow]


class PlaceInLine(TypedDict):
    event: str
    tickets: int
    position: int
    people_waiting: int


class DrinksOrder(TypedDict):
    order_code: str
    event: str
    drink: str
    servings: int
    cost: int
    collect_at: str


def _seats_left(show: dict[str, Any]) -> int:
    return sum(section["left"] for section in show["sections"].values())


def _event(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["events"]))


def _open_event(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(
        [name for name, show in sorted(domain.state["events"].items()) if _seats_left(show) >= 4] or sorted(domain.state["events"])
    )


def _sold_out_event(domain: Domain, rng: Random, chosen: Any) -> Any:
    sold_out = [name for name, show in sorted(domain.state["events"].items()) if not _seats_left(show)]
    return rng.choice([name for name in sold_out if not domain.state["events"][name]["in_line"]] or sold_out or ["Nothing"])


def _genre(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({show["genre"] for show in domain.state["events"].values() if _seats_left(show)}))


def _price_limit(domain: Domain, rng: Random, chosen: Any) -> Any:
    prices = [_price_from(show) for show in domain.state["events"].values() if show["genre"] == chosen.get("genre") and _seats_left(show)]
    return rng.choice([limit for limit in (20, 25, 30, 40, 50, 60, 80, 100) if limit >= min(prices or [50])][:3])


def _last_day(domain: Domain, rng: Random, chosen: Any) -> Any:
    limit = chosen.get("max_price") or 1_000
    dates = [
        x["date"]
        for x in domain.state["events"].values()
        if x["genre"] == chosen.get("genre") and _seats_left(x) and _price_from(x) <= limit
    ]
    first = min(dates or [domain.state["today"]])
    return (domain.today.fromisoformat(first) + timedelta(days=rng.randint(1, 12))).isoformat()


def _open_section(domain: Domain, rng: Random, chosen: Any) -> Any:
    show = domain.state["events"].get(chosen.get("event"))
    return rng.choice([name for name, x in show["sections"].items() if x["left"] >= 2] or list(SECTIONS)) if show else rng.choice(SECTIONS)


def _count(domain: Domain, rng: Random, chosen: Any) -> Any:
    show = domain.state["events"].get(chosen.get("event"))
    left = show["sections"].get(chosen.get("section"), {"left": 4})["left"] if show else 4
    return rng.randint(1, max(1, min(5, left)))


def _order(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["orders"]) or ["EVT-10000"])


def _order_of_several(domain: Domain, rng: Random, chosen: Any) -> Any:
    several = [code for code, x in sorted(domain.state["orders"].items()) if x["tickets"] > 1]
    return rng.choice(several) if several else _order(domain, rng, chosen)


def _some_tickets(domain: Domain, rng: Random, chosen: Any) -> Any:
    order = domain.state["orders"].get(chosen.get("order_code"))
    return rng.randint(1, max(1, order["tickets"] - 1)) if order else 1


def _other_section(domain: Domain, rng: Random, chosen: Any) -> Any:
    order = domain.state["orders"].get(chosen.get("order_code"))
    if not order:
        return rng.choice(SECTIONS)
    sections = domain.state["events"][order["event"]]["sections"]
    return rng.choice(
        [name for name, x in sections.items() if name != order["section"] and x["left"] >= order["tickets"]] or list(SECTIONS)
    )


def _price_from(show: dict[str, Any]) -> int:
    prices: list[int] = [section["price"] for section in show["sections"].values() if section["left"]]
    return min(prices, default=0)


EventName = Annotated[str, Argument(description="Title of the show, as listed.", noun="show", pick=_event)]
OrderCode = Annotated[
    str, Argument(description="Code of a ticket order, such as EVT-48213.", noun="ticket order", word="order {}", kind="code", pick=_order)
]


def _seats(r: Any) -> str:
    return "it is sold out" if r["status"] == "sold out" else "there are still seats"


def _dated(r: Any) -> list[str]:
    return [f"{x['event']} at the {x['venue']} on {day(x['date'])}" for x in r["events"]]


class Events(Domain):
    """Find shows, look at seats, buy, move, give away and return tickets, wait for sold-out nights, order drinks."""

    name: ClassVar[str] = "events"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {"today": today.isoformat(), "code_seed": rng.randrange(10_000), "events": {}, "orders": {}}
        genres = rng.sample(GENRES, 4)
        titles = [(genre, title) for genre in genres for title in rng.sample(TITLES[genre], rng.randint(2, 4))]
        rng.shuffle(titles)
        sold_out = rng.randint(2, 3)
        for place, (genre, title) in enumerate(titles):
            price = rng.randint(16, 48)
            sections = {
                "stalls": {"price": price + rng.randint(12, 40), "left": rng.randint(4, 80)},
                "circle": {"price": price + rng.randint(5, 11), "left": rng.randint(6, 60)},
                "balcony": {"price": price, "left": rng.randint(8, 50)},
            }
            if place < sold_out:
                for section in sections.values():
                    section["left"] = 0
            hour = rng.choice((18, 19, 19, 20, 20, 21))
            state["events"][title] = {
                "genre": genre,
                "venue": rng.choice(VENUES),
                "date": (today + timedelta(days=rng.randint(3, 45))).isoformat(),
                "starts": f"{hour}:{rng.choice(('00', '30'))}",
                "doors_open": f"{hour - 1}:{rng.choice(('00', '15', '30'))}",
                "duration_minutes": rng.randrange(*MINUTES[genre], 5),
                "minimum_age": rng.choice((6, 8, 12, 14, 16)),
                "sections": sections,
                "waiting": rng.randint(3, 60) if place < sold_out else 0,
                "in_line": 0,
            }
        domain = cls(state)
        for _ in range(rng.randint(3, 4)):
            event = _open_event(domain, rng, {})
            domain._enter(event, rng.choice(("circle", "balcony")), rng.randint(2, 4))
        return state

    def _show(self, event: str) -> dict[str, Any]:
        require(event in self.state["events"], f"No show called {event!r} this season.")
        show: dict[str, Any] = self.state["events"][event]
        return show

    def _ordered(self, order_code: str) -> dict[str, Any]:
        require(order_code in self.state["orders"], f"No ticket order with code {order_code!r}.")
        order: dict[str, Any] = self.state["orders"][order_code]
        return order

    def _enter(self, event: str, section: str, tickets: int) -> str:
        code = self.issue("EVT")
        x = self.state["events"][event]["sections"][section]
        x["left"] -= tickets
        self.state["orders"][code] = {"event": event, "section": section, "tickets": tickets, "price": x["price"], "drinks": 0, "given": []}
        return code

    def _order(self, code: str) -> Order:
        x = self.state["orders"][code]
        show = self.state["events"][x["event"]]
        return Order(
            order_code=code,
            event=x["event"],
            venue=show["venue"],
            date=show["date"],
            section=x["section"],
            tickets=x["tickets"],
            total_price=x["tickets"] * x["price"] + x["drinks"],
        )

    @tool(
        asks=(
            "find[ {genre}] shows[ up to {last_day}][ with tickets for {max_price} or less]",
            "see what {genre} is on[ before the end of {last_day}][ that doesn't cost over {max_price}]",
            "look for {genre} nights out[ for {max_price} at most][, no later than {last_day}]",
            "put together the[ {genre}] programme for me[ until {last_day}][, leaving out whatever costs more than {max_price}]",
        ),
        questions=(
            "What {genre} events are coming up[ until {last_day}][ for {max_price} or under]?",
            "Any {genre} worth seeing around here[ between now and {last_day}][, with seats for up to {max_price}]?",
            "I'm in the mood for some {genre}[, ideally no dearer than {max_price}][ and by {last_day}] — what's playing?",
        ),
        things=("{genre} show", "{genre} evening"),
        noun="show",
        deed="search for shows",
        tells=(
            lambda a, r: (
                f"There {'is' if len(r['events']) == 1 else 'are'} {plural(len(r['events']), a['genre'] + ' show')}: "
                f"{listing([t + ' (from ' + money(x['price_from']) + ')' for t, x in zip(_dated(r), r['events'], strict=True)])}."
            ),
            lambda a, r: (
                f"If you like {a['genre']}, you can go to {listing(_dated(r), conjunction='or')}. Tickets {'cost' if len(r['events']) == 1 else 'start at'} "
                f"{money(min(x['price_from'] for x in r['events']))}{' and up' if len(r['events']) == 1 else ''}."
            ),
            lambda a, r: (
                f"On the {a['genre']} programme: "
                f"{listing([x['event'] + ' (' + day(x['date']) + ', ' + plural(x['seats_left'], 'seat') + ' left, from ' + money(x['price_from']) + ')' for x in r['events']])}."
            ),
        ),
    )
    def browse_events(
        self,
        genre: Annotated[Genre, Argument(description="Kind of show.", noun="kind of show", pick=_genre)],
        max_price: Annotated[
            int | None,
            Argument(description="Highest price in dollars for the cheapest ticket.", noun="price limit", word="${}", pick=_price_limit),
        ] = None,
        last_day: Annotated[
            str | None,
            Argument(description="Last date to consider in ISO 8601 format (YYYY-MM-DD).", noun="last date", kind="date", pick=_last_day),
        ] = None,
    ) -> ShowList:
        """List shows of a genre that still have seats, optionally by price and date."""
        found = [
            Show(event=name, venue=x["venue"], date=x["date"], price_from=_price_from(x), seats_left=_seats_left(x))
            for name, x in self.state["events"].items()
            if x["genre"] == genre
            and _seats_left(x)
            and (max_price is None or _price_from(x) <= max_price)
            and (last_day is None or x["date"] <= last_day)
        ]
        require(found, f"No {genre} show with free seats fits these limits.")
        return ShowList(events=sorted(found, key=lambda x: x["date"]))

    @tool(
        asks=(
            "tell me the starting time and length of {event}",
            "look up the practical details for {event}, doors and age limit included",
            "find out the venue and the age limit for {event}",
            "get me the running time, date and venue of {event}",
        ),
        questions=(
            "At what time do the doors open for {event}?",
            "How old does my daughter have to be for {event}, and how long would we sit there?",
            "Where and when can I see {event}, and are there still seats?",
        ),
        noun="show details",
        deed="look up a show",
        tells=(
            lambda a, r: (
                f"{r['event']} is on at the {r['venue']} on {day(r['date'])} at {clock(r['starts'])}; doors open at {clock(r['doors_open'])}. It lasts "
                f"{plural(r['duration_minutes'], 'minute')}, the minimum age is {r['minimum_age']}, and {_seats(r)}."
            ),
            lambda a, r: (
                f"Doors for {r['event']} open at {clock(r['doors_open'])} on {day(r['date'])} at the {r['venue']}; it begins at {clock(r['starts'])} and takes "
                f"{plural(r['duration_minutes'], 'minute')}. You have to be at least {r['minimum_age']}, and {_seats(r)}."
            ),
            lambda a, r: (
                f"Allow {plural(r['duration_minutes'], 'minute')} for {r['event']} at the {r['venue']}. It starts at {clock(r['starts'])} on {day(r['date'])}, with doors "
                f"from {clock(r['doors_open'])}; visitors must be {r['minimum_age']} or older, and {_seats(r)}."
            ),
        ),
    )
    def describe_event(self, event: EventName) -> ShowProfile:
        """Return a show's venue, date, times, length, minimum age and whether it is sold out."""
        x = self._show(event)
        return ShowProfile(
            event=event,
            genre=x["genre"],
            venue=x["venue"],
            date=x["date"],
            doors_open=x["doors_open"],
            starts=x["starts"],
            duration_minutes=x["duration_minutes"],
            minimum_age=x["minimum_age"],
            status="on sale" if _seats_left(x) else "sold out",
        )

    @tool(
        asks=(
            "compare the seating sections for {event}",
            "check how many seats each part of the house has left for {event}",
            "list what it costs to sit in the stalls, circle or balcony at {event}",
            "see where in the hall we could still sit at {event}",
        ),
        questions=(
            "What do the different seats cost at {event}?",
            "How many places are left for {event}, section by section?",
            "Which part of the house is cheapest for {event}?",
        ),
        things=("section for {event}", "part of the house at {event}"),
        noun="seating section",
        deed="compare seating sections",
        tells=(
            lambda a, r: (
                f"For {r['event']} you pay "
                f"{listing([money(x['price']) + ' in the ' + x['section'] + ' (' + str(x['seats_left']) + ' left)' for x in r['sections']])}."
            ),
            lambda a, r: (
                f"{r['event']} still has "
                f"{listing([plural(x['seats_left'], 'seat') + ' in the ' + x['section'] + ' at ' + money(x['price']) for x in r['sections']])}."
            ),
            lambda a, r: (
                f"Seats are left in the {listing([x['section'] + ' (' + str(x['seats_left']) + ' at ' + money(x['price']) + ')' for x in r['sections']])}; "
                f"the cheapest ticket for {r['event']} is {money(min(x['price'] for x in r['sections']))}."
            ),
        ),
    )
    def list_seat_sections(
        self, event: Annotated[str, Argument(description="Title of the show, as listed.", noun="show", pick=_open_event)]
    ) -> SectionList:
        """List the sections of the house with free seats for a show, their prices and the seats left."""
        show = self._show(event)
        sections = [SeatSection(section=name, price=x["price"], seats_left=x["left"]) for name, x in show["sections"].items() if x["left"]]
        require(sections, f"{event} is sold out.")
        return SectionList(event=event, sections=sections)

    @tool(
        asks=(
            "buy {tickets} for {event}[ in {section}]",
            "get us into {event}[ with {tickets}][, sitting in {section}]",
            "take {tickets}[ in {section}] for {event}",
            "secure seats at {event}[: {tickets}][ in {section}]",
        ),
        questions=(
            "I'd be thrilled to see {event} — {tickets}[ in {section}], please.",
            "Let's do {event}[ from {section}]; we need {tickets}.",
            "Would you be so kind as to buy {tickets} for {event}[, best in {section}]?",
        ),
        noun="ticket order",
        deed="buy tickets for a show",
        tells=(
            lambda a, r: (
                f"You have {plural(r['tickets'], 'ticket')} for {r['event']} on {day(r['date'])} in the {r['section']}. The order code "
                f"is {r['order_code']} and the total {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"That's settled: order {r['order_code']}, {plural(r['tickets'], 'seat')} in the {r['section']} for {r['event']}, "
                f"{money(r['total_price'])} altogether."
            ),
            lambda a, r: (
                f"I paid {money(r['total_price'])} for {plural(r['tickets'], 'ticket')}, so you'll see {r['event']} from the "
                f"{r['section']} on {day(r['date'])}. Show code {r['order_code']} at the door."
            ),
        ),
    )
    def buy_show_tickets(
        self,
        event: Annotated[str, Argument(description="Title of the show, as listed.", noun="show", pick=_open_event)],
        section: Annotated[Section, Argument(description="Section of the house.", noun="section", word="the {}", pick=_open_section)],
        tickets: Annotated[
            int, Argument(description="Number of tickets.", noun="number of tickets", word="{} ticket(s)", pick=_count, low=1, high=8)
        ],
    ) -> Order:
        """Buy tickets for a show in one section of the house."""
        show = self._show(event)
        require(section in SECTIONS, f"The sections are {', '.join(SECTIONS)}.")
        require(1 <= tickets <= 8, "An order covers 1 to 8 tickets.")
        left = show["sections"][section]["left"]
        require(tickets <= left, f"Only {left} seats are left in the {section} for {event}.")
        return self._order(self._enter(event, section, tickets))

    @tool(
        asks=(
            "list the shows I have tickets for",
            "bring up all my theatre and concert orders",
            "remind me which evenings out I've paid for",
            "check what tickets for shows are in my account",
        ),
        questions=(
            "Which shows am I going to, and where do I sit?",
            "Have I still got concert or theatre tickets for the coming weeks?",
            "For which shows do I already have seats, and when are they?",
        ),
        things=("ticket order of mine", "order for a show"),
        noun="ticket order",
        deed="list ticket orders",
        tells=(
            lambda a, r: (
                f"You have {plural(len(r['orders']), 'order')}: "
                f"{listing([x['event'] + ' on ' + day(x['date']) + ' (' + x['order_code'] + ', ' + plural(x['tickets'], 'ticket') + ' in the ' + x['section'] + ')' for x in r['orders']])}."
            ),
            lambda a, r: (
                f"You're going to {listing([x['event'] + ' on ' + day(x['date']) + ' with ' + plural(x['tickets'], 'seat') + ' in the ' + x['section'] for x in r['orders']])}."
            ),
            lambda a, r: (
                f"Orders worth {money(sum(x['total_price'] for x in r['orders']))} are in your account: "
                f"{listing([x['order_code'] + ' for ' + x['event'] + ' on ' + day(x['date']) + ' (' + x['section'] + ', ' + money(x['total_price']) + ')' for x in r['orders']])}."
            ),
        ),
    )
    def list_show_orders(self) -> OrderList:
        """List the user's ticket orders for coming shows."""
        require(self.state["orders"], "There are no ticket orders.")
        return OrderList(orders=sorted(map(self._order, self.state["orders"]), key=lambda x: x["date"]))

    @tool(
        asks=(
            "move the seats of {order_code} to {section}",
            "swap {order_code} into {section} and charge me the difference",
            "change where we sit on {order_code}: {section} would be better",
            "get better seats for {order_code}, ideally in {section}",
        ),
        questions=(
            "We'd rather sit in {section} with {order_code}, whatever the price.",
            "If there's room in {section}, please rebook {order_code}.",
            "My father can't manage the stairs, so we need {order_code} changed to {section}.",
        ),
        noun="new seats",
        deed="change seats",
        tells=(
            lambda a, r: (
                f"Order {r['order_code']} for {r['event']} is now in the {r['section']}. "
                + (
                    f"That cost {money(r['price_difference'])} more."
                    if r["price_difference"] > 0
                    else f"You get {money(-r['price_difference'])} back."
                    if r["price_difference"]
                    else "The price is the same."
                )
            ),
            lambda a, r: (
                f"You'll be sitting in the {r['section']} at {r['event']}; with that the order comes to {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"All {plural(r['tickets'], 'ticket')} for {r['event']} moved to the {r['section']}, and {r['order_code']} now totals "
                f"{money(r['total_price'])}."
                if r["tickets"] > 1
                else f"Your ticket for {r['event']} moved to the {r['section']}, and {r['order_code']} now totals {money(r['total_price'])}."
            ),
        ),
    )
    def change_section(
        self,
        order_code: OrderCode,
        section: Annotated[
            Section, Argument(description="Section of the house to move to.", noun="section", word="the {}", pick=_other_section)
        ],
    ) -> SeatMove:
        """Move all tickets of an order to another section and settle the price difference."""
        x = self._ordered(order_code)
        require(section in SECTIONS, f"The sections are {', '.join(SECTIONS)}.")
        require(section != x["section"], f"Order {order_code} is already in the {section}.")
        sections = self._show(x["event"])["sections"]
        require(sections[section]["left"] >= x["tickets"], f"The {section} has only {sections[section]['left']} seats left.")
        sections[section]["left"] -= x["tickets"]
        sections[x["section"]]["left"] += x["tickets"]
        difference = (sections[section]["price"] - x["price"]) * x["tickets"]
        x.update(section=section, price=sections[section]["price"])
        return SeatMove(
            order_code=order_code,
            event=x["event"],
            section=section,
            tickets=x["tickets"],
            price_difference=difference,
            total_price=self._order(order_code)["total_price"],
        )

    @tool(
        asks=(
            "hand back[ {tickets} of] {order_code}",
            "return the tickets on {order_code}[, though only {tickets}]",
            "give[ {tickets} of] {order_code} back to the box office",
            "get my money back on {order_code}[ for {tickets}]",
        ),
        questions=(
            "We can't make it to the show and want to return {order_code}[, {tickets} to be exact].",
            "Plans fell through: get us the refund for[ {tickets} of] {order_code}.",
            "There's no one to go with me, so {order_code} should go back[, at least {tickets}].",
        ),
        noun="refund",
        deed="return tickets to the box office",
        tells=(
            lambda a, r: (
                f"{plural(r['tickets_returned'], 'ticket')} for {r['event']} went back to the box office, and {money(r['refund'])} will "
                "be refunded."
            ),
            lambda a, r: (
                f"You get {money(r['refund'])} for returning {plural(r['tickets_returned'], 'ticket')} of order {r['order_code']}; "
                + (
                    f"{plural(r['tickets_left'], 'ticket')} remain{'s' if r['tickets_left'] == 1 else ''} yours."
                    if r["tickets_left"]
                    else "none remain."
                )
            ),
            lambda a, r: (
                f"The box office took back {plural(r['tickets_returned'], 'seat')} for {r['event']}. Refund: {money(r['refund'])}. "
                f"Tickets you still hold on {r['order_code']}: {r['tickets_left']}."
            ),
        ),
    )
    def hand_back_tickets(
        self,
        order_code: OrderCode,
        tickets: Annotated[
            int | None,
            Argument(
                description="Number of tickets to return; all of them unless given.",
                noun="number of tickets",
                word="{} ticket(s)",
                pick=_some_tickets,
                low=1,
                high=8,
            ),
        ] = None,
    ) -> HandBack:
        """Return tickets of an order to the box office for 85 percent of their price."""
        x = self._ordered(order_code)
        count = x["tickets"] if tickets is None else tickets
        require(1 <= count <= x["tickets"], f"Order {order_code} has {x['tickets']} tickets.")
        self._show(x["event"])["sections"][x["section"]]["left"] += count
        self._take_from(order_code, count)
        return HandBack(
            order_code=order_code,
            event=x["event"],
            tickets_returned=count,
            tickets_left=x["tickets"],
            refund=round(count * x["price"] * 0.85, 2),
        )

    def _take_from(self, order_code: str, count: int) -> None:
        self.state["orders"][order_code]["tickets"] -= count
        if not self.state["orders"][order_code]["tickets"]:
            del self.state["orders"][order_code]

    @tool(
        asks=(
            "pass {tickets} of {order_code} on to {recipient}",
            "give {recipient} {tickets} out of {order_code}",
            "transfer {tickets} from {order_code} to {recipient}",
            "make {recipient} the holder of {tickets} on {order_code}",
        ),
        questions=(
            "It's a birthday present: {recipient} should get {tickets} of {order_code}.",
            "Please let {recipient} have {tickets} from {order_code}.",
            "Since I promised {recipient} a night out, hand over {tickets} of {order_code}.",
        ),
        noun="gift",
        deed="pass tickets on",
        tells=(
            lambda a, r: (
                f"{r['recipient']} now holds {plural(r['tickets'], 'ticket')} for {r['event']}. On {r['order_code']} you have "
                f"{plural(r['tickets_left'], 'ticket')} left."
            ),
            lambda a, r: f"Passed on to {r['recipient']}: {plural(r['tickets'], 'ticket')} for {r['event']} from order {r['order_code']}.",
            lambda a, r: (
                f"I've transferred {plural(r['tickets'], 'seat')} at {r['event']} to {r['recipient']}; your share of {r['order_code']} "
                f"is down to {plural(r['tickets_left'], 'ticket')}."
            ),
        ),
    )
    def pass_on_tickets(
        self,
        order_code: Annotated[
            str,
            Argument(
                description="Code of a ticket order, such as EVT-48213.",
                noun="ticket order",
                word="order {}",
                kind="code",
                pick=_order_of_several,
            ),
        ],
        recipient: Annotated[
            str, Argument(description="First name of the person who receives the tickets.", noun="recipient", choices=FRIENDS)
        ],
        tickets: Annotated[
            int,
            Argument(
                description="Number of tickets to pass on.",
                noun="number of tickets",
                word="{} ticket(s)",
                pick=_some_tickets,
                low=1,
                high=8,
            ),
        ],
    ) -> Gift:
        """Pass tickets of an order on to another person."""
        x = self._ordered(order_code)
        require(recipient.strip(), "The recipient needs a name.")
        require(1 <= tickets <= x["tickets"], f"Order {order_code} has {x['tickets']} tickets.")
        x["given"].append(recipient)
        self._take_from(order_code, tickets)
        return Gift(order_code=order_code, event=x["event"], recipient=recipient, tickets=tickets, tickets_left=x["tickets"])

    @tool(
        asks=(
            "list the shows that are sold out",
            "find out for which shows people are queueing for returned tickets",
            "see which nights have no seats left and how long the line is",
            "check what can't be had at the box office any more",
        ),
        questions=(
            "Which performances have sold out this season?",
            "For what shows would I have to hope for returned tickets?",
            "Are any shows completely full, and how many people are waiting?",
        ),
        things=("sold-out show", "show without seats left"),
        noun="sold-out show",
        deed="list sold-out shows",
        tells=(
            lambda a, r: (
                f"{plural(len(r['events']), 'show')} {'is' if len(r['events']) == 1 else 'are'} sold out: "
                f"{listing([t + ' (' + str(x['people_waiting']) + ' waiting)' for t, x in zip(_dated(r), r['events'], strict=True)])}."
            ),
            lambda a, r: (
                f"No seats are left for {listing([x['event'] + ' on ' + day(x['date']) + ' (' + str(x['people_waiting']) + ' waiting)' for x in r['events']], conjunction='or')}."
            ),
            lambda a, r: (
                f"People are waiting for {listing([x['event'] + ' (' + str(x['people_waiting']) + ' in line)' for x in r['events']])}, "
                "all without a free seat."
            ),
        ),
    )
    def list_sold_out_events(self) -> SoldOutList:
        """List the shows without free seats and how many people wait for returned tickets."""
        found = [
            SoldOutShow(event=name, venue=x["venue"], date=x["date"], people_waiting=x["waiting"])
            for name, x in self.state["events"].items()
            if not _seats_left(x)
        ]
        require(found, "No show is sold out.")
        return SoldOutList(events=found)

    @tool(
        asks=(
            "queue for returned tickets to {event}[: {tickets}]",
            "put my name down for {event} in case of returns[, asking for {tickets}]",
            "get me in line for {event}[ with {tickets} in mind]",
            "let the box office know I'd take {tickets} for {event} if any are returned",
        ),
        questions=(
            "I missed out on {event} and would still love {tickets} — can I wait in line?",
            "If anyone returns seats for {event}, I want {tickets}.",
            "Is there a list I can go on for {event}? We'd need {tickets}.",
        ),
        noun="place in line",
        deed="wait for returned tickets",
        tells=(
            lambda a, r: f"You're number {r['position']} in line for {r['event']}, asking for {plural(r['tickets'], 'ticket')}.",
            lambda a, r: f"Your name is down for {plural(r['tickets'], 'returned ticket')} to {r['event']}, at position {r['position']}.",
            lambda a, r: (
                f"You're in line for {plural(r['tickets'], 'returned ticket')} to {r['event']}. Including you, "
                f"{plural(r['people_waiting'], 'person', 'people')} {'is' if r['people_waiting'] == 1 else 'are'} waiting."
            ),
        ),
    )
    def queue_for_returns(
        self,
        event: Annotated[str, Argument(description="Title of a sold-out show.", noun="show", pick=_sold_out_event)],
        tickets: Annotated[
            int, Argument(description="Number of tickets wanted.", noun="number of tickets", word="{} ticket(s)", low=1, high=4)
        ],
    ) -> PlaceInLine:
        """Wait in line for returned tickets of a sold-out show; asking again replaces the number wanted."""
        show = self._show(event)
        require(not _seats_left(show), f"{event} still has seats, so nobody has to wait.")
        require(1 <= tickets <= 4, "People in line can ask for 1 to 4 tickets.")
        require(show["in_line"] != tickets, f"You are already in line for {tickets} tickets to {event}.")
        if not show["in_line"]:
            show["waiting"] += 1
            show["position"] = show["waiting"]
        show["in_line"] = tickets
        return PlaceInLine(event=event, tickets=tickets, position=show["position"], people_waiting=show["waiting"])

    @tool(
        asks=(
            "order {drink} for the interval on {order_code}[, {servings}]",
            "have {drink} ready for us at half-time, that's {order_code}[, {servings}]",
            "pre-order {servings} of {drink} with {order_code}",
            "add interval drinks to {order_code}: {drink}[, {servings}]",
        ),
        questions=(
            "I don't want to queue at the bar, so get {servings} of {drink} for {order_code}.",
            "During the break we'd enjoy {drink}[, {servings}] — please put that on {order_code}.",
            "If drinks can be had in advance on {order_code}, I'd take {servings} of {drink}.",
        ),
        noun="drinks order",
        deed="order interval drinks",
        tells=(
            lambda a, r: (
                f"{plural(r['servings'], 'serving')} of {r['drink']} will be ready at the {r['collect_at']} during {r['event']}, for "
                f"{money(r['cost'])}."
            ),
            lambda a, r: (
                f"Your interval drinks at {r['event']} are ordered: {plural(r['servings'], 'serving')} of {r['drink']}, "
                f"{money(r['cost'])}. Pick them up at the {r['collect_at']}."
            ),
            lambda a, r: (
                f"I added {r['drink']} for {money(r['cost'])} to order {r['order_code']}; you'll find it at the {r['collect_at']} in the "
                "break."
            ),
        ),
    )
    def order_interval_drinks(
        self,
        order_code: OrderCode,
        drink: Annotated[Drink, Argument(description="Drink to order.", noun="drink")],
        servings: Annotated[
            int, Argument(description="Number of servings.", noun="number of servings", word="{} serving(s)", low=1, high=6)
        ],
    ) -> DrinksOrder:
        """Order drinks for the interval of a show and add them to the order."""
        x = self._ordered(order_code)
        require(drink in DRINKS, f"The bar serves {', '.join(DRINKS)}.")
        require(1 <= servings <= 12, "The bar prepares 1 to 12 servings.")
        cost = DRINKS[drink] * servings
        x["drinks"] += cost
        return DrinksOrder(
            order_code=order_code, event=x["event"], drink=drink, servings=servings, cost=cost, collect_at=f"{x['section']} bar"
        )
