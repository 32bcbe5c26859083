# ruff: noqa: E501
"""A parcel carrier as its customer sees it: quotes, labels, tracking, new delivery dates, pick-up points, claims."""

from __future__ import annotations

from datetime import date as calendar_date
from datetime import timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import clock, day, listing, money, number, plural

# destination -> (price factor, extra days)
DESTINATIONS = {
    "Lisbon": (1.3, 2),
    "Oslo": (1.5, 3),
    "Dublin": (1.2, 2),
    "Vienna": (1.1, 1),
    "Athens": (1.5, 3),
    "Lyon": (1.0, 1),
    "Porto": (1.3, 2),
    "Tallinn": (1.6, 4),
    "Krakow": (1.2, 2),
    "Ghent": (1.0, 0),
}
# service -> (base price, price a kilogram, days)
SERVICES = {"economy": (4.2, 1.1, 5), "standard": (6.4, 1.5, 3), "express": (12.8, 2.4, 1)}
PEOPLE = (
    "Elif Yilmaz",
    "Noah Fischer",
    "Ines Carvalho",
    "Ravi Menon",
    "Hanna Virtanen",
    "Luca Moretti",
    "Aoife Byrne",
    "Pavel Novak",
    "Grace Mwangi",
    "Yuki Sato",
)
INCOMING = (
    "running shoes from Tern Outdoor",
    "cookbooks from Northwind Books",
    "a desk lamp from Lumen Lighting",
    "coffee beans from Old Mill Coffee",
    "a rain jacket from Tern Outdoor",
    "board games from Brightside Toys",
    "bicycle tyres from Velo Supply",
    "ceramic mugs from Casa Verde",
    "headphones from Pixel & Pine",
    "a wool blanket from Mara Textiles",
    "picture frames from Studio Halden",
    "garden tools from Casa Verde",
)
OUTGOING = ("a birthday present", "old camera lenses", "a signed contract", "homemade jam", "a pair of boots", "vinyl records")
DISTRICTS = ("Riverside", "Old Town", "Northgate", "Station Quarter", "Market Hill")
POINT_HEADS = (
    "Corner Kiosk",
    "Daily Market",
    "Green Door Pharmacy",
    "Central Station Lockers",
    "Page & Ink Bookshop",
    "Sunny Laundry",
    "Harbour Post Shop",
    "Quick Stop Fuel",
    "Maple Street Bakery",
    "Tower Mall Desk",
)
WAITING = ("in transit", "at the depot", "delivery attempted")

Service = Literal["economy", "standard", "express"]
Problem = Literal["damage", "missing items", "wrong contents"]


class Quote(TypedDict):
    service: str
    price: float
    days: int
    arrival_date: str


class Quotes(TypedDict):
    destination: str
    weight_kg: float
    quotes: list[Quote]


class AwaitedParcel(TypedDict):
    tracking_number: str
    contents: str
    status: str
    due_date: str
    weight_kg: float


class AwaitedParcels(TypedDict):
    parcels: list[AwaitedParcel]


class SentParcel(TypedDict):
    tracking_number: str
    contents: str
    status: str
    due_date: str
    weight_kg: float
    collection_date: str | None


class SentParcels(TypedDict):
    parcels: list[SentParcel]


class DeliveredParcel(TypedDict):
    tracking_number: str
    contents: str
    delivery_date: str
    weight_kg: float
    open_claims: int


class DeliveredParcels(TypedDict):
    parcels: list[DeliveredParcel]


class ParcelStatus(TypedDict):
    tracking_number: str
    contents: str
    status: str
    due_date: str
    drop_off: str
    open_claims: int


class PickupPoint(TypedDict):
    pickup_point: str
    distance_km: float
    closes: str
    free_lockers: int


class PickupPoints(TypedDict):
    district: str
    pickup_points: list[PickupPoint]


class DateOption(TypedDict):
    date: str
    fee: float


class RedeliveryOptions(TypedDict):
    tracking_number: str
    options: list[DateOption]


class ShippingLabel(TypedDict):
    tracking_number: str
    recipient: str
    destination: str
    service: str
    price: float
    arrival_date: str


class Collection(TypedDict):
    tracking_number: str
    date: str
    earliest_time: str
    fee: float
    arrival_date: str


class Redirection(TypedDict):
    tracking_number: str
    pickup_point: str
    ready_date: str
    closes: str
    lockers_left: int


class NewDelivery(TypedDict):
    tracking_number: str
    contents: str
    date: str
    fee: float


class Claim(TypedDict):
    claim_number: str
    tracking_number: str
    problem: str
    amount: int
    answer_by: str


def _numbers(domain: Domain, *, direction: str | None = None, delivered: bool = False) -> list[str]:
    return sorted(
        number
        for number, x in domain.state["parcels"].items()
        if direction in (None, x["direction"]) and (x["status"] == "delivered") is delivered
    )


def _any_parcel(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["parcels"]))


def _awaited_parcel(domain: Domain, rng: Random, chosen: Any) -> Any:
    awaited, parcels = _numbers(domain, direction="incoming"), domain.state["parcels"]
    present = [
        number
        for number in awaited
        if chosen.get("date") == parcels[number]["due_date"] or chosen.get("pickup_point") == parcels[number]["drop_off"]
    ]
    return rng.choice([number for number in awaited if number not in present] or awaited)


def _due_by(domain: Domain, rng: Random, chosen: Any) -> Any:
    first = min(domain.state["parcels"][number]["due_date"] for number in _numbers(domain, direction="incoming"))
    return rng.choice([date for ahead in range(1, 9) if (date := (domain.today + timedelta(days=ahead)).isoformat()) >= first] or [first])


def _outgoing_parcel(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(_numbers(domain, direction="outgoing"))


def _delivered_parcel(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(_numbers(domain, delivered=True))


def _problem(domain: Domain, rng: Random, chosen: Any) -> Any:
    claimed = domain.state["parcels"].get(chosen.get("tracking_number"), {}).get("claims", {})
    return rng.choice([problem for problem in ("damage", "missing items", "wrong contents") if problem not in claimed] or ["damage"])


def _destination(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["destinations"]))


def _district(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["district"] for x in domain.state["pickup_points"].values()}))


def _open_until(domain: Domain, rng: Random, chosen: Any) -> Any:
    latest = max((x["closes"] for x in domain.state["pickup_points"].values() if x["district"] == chosen.get("district")), default="18:00")
    return rng.choice([time for time in ("18:00", "19:00", "20:00", "21:00") if time <= latest])


def _pickup_point(domain: Domain, rng: Random, chosen: Any) -> Any:
    present = domain.state["parcels"].get(chosen.get("tracking_number"), {}).get("drop_off")
    return rng.choice(sorted(name for name, x in domain.state["pickup_points"].items() if x["free_lockers"] > 0 and name != present))


def _delivery_date(domain: Domain, rng: Random, chosen: Any) -> Any:
    present = domain.state["parcels"].get(chosen.get("tracking_number"), {}).get("due_date")
    return rng.choice(sorted(date for date in domain.state["delivery_dates"] if date != present))


def _collection_date(domain: Domain, rng: Random, chosen: Any) -> Any:
    present = domain.state["parcels"].get(chosen.get("tracking_number"), {}).get("collection_date")
    return rng.choice([date for ahead in range(1, 6) if (date := (domain.today + timedelta(days=ahead)).isoformat()) != present])


Destination = Annotated[str, Argument(description="City to send to.", noun="destination", pick=_destination)]
Weight = Annotated[
    float,
    Argument(
        description="Weight in kilograms, up to 20.",
        noun="weight",
        word="{} kg",
        low=0.1,
        high=20,
        choices=(0.5, 0.8, 1, 1.5, 2, 2.5, 3, 4, 5, 7.5, 10),
    ),
]
PointName = Annotated[str, Argument(description="Name of the pick-up point.", noun="pick-up point", pick=_pickup_point)]


def _pick_up(x: Any) -> str:
    return f"to be collected on {day(x['collection_date'])}" if x["collection_date"] else "waiting for a collection date"


class Parcels(Domain):
    """Quote and buy shipping, follow parcels, change deliveries, have parcels collected and claim for them."""

    name: ClassVar[str] = "parcels"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {
            "today": today.isoformat(),
            "code_seed": rng.randrange(10_000),
            "parcels": {},
            "pickup_points": {},
            "delivery_dates": {},
        }
        state["destinations"] = {city: DESTINATIONS[city] for city in rng.sample(sorted(DESTINATIONS), 6)}
        state["destinations"] = {city: list(pair) for city, pair in state["destinations"].items()}
        for ahead in sorted(rng.sample(range(1, 11), 6)):
            state["delivery_dates"][(today + timedelta(days=ahead)).isoformat()] = rng.choice((0.0, 2.5, 3.9, 4.9))
        districts = rng.sample(DISTRICTS, 3)
        for position, name in enumerate(rng.sample(POINT_HEADS, 8)):
            state["pickup_points"][name] = {
                "district": districts[position % 3],
                "distance_km": round(rng.uniform(0.3, 5.8), 1),
                "closes": rng.choice(("18:00", "19:00", "20:00", "21:00", "22:00")),
                "free_lockers": rng.randint(3, 24),
            }
        domain = cls(state)
        kinds = ["delivered"] * 3 + ["outgoing"] * 2 + ["waiting"] * rng.randint(3, 4)
        for kind, incoming, person in zip(kinds, rng.sample(INCOMING, len(kinds)), rng.sample(PEOPLE, len(kinds)), strict=True):
            ahead = -rng.randint(1, 6) if kind == "delivered" else rng.randint(1, 7)
            domain._register(
                direction="outgoing" if kind == "outgoing" else "incoming",
                contents=f"{rng.choice(OUTGOING)} for {person}" if kind == "outgoing" else incoming,
                status={"delivered": "delivered", "outgoing": "waiting for collection"}.get(kind) or rng.choice(WAITING),
                due_date=(today + timedelta(days=ahead)).isoformat(),
                weight_kg=rng.choice((0.5, 0.8, 1.2, 2.0, 3.4, 5.5)),
                drop_off=f"{person} in {rng.choice(sorted(state['destinations']))}" if kind == "outgoing" else "your front door",
            )
        return state

    def _register(self, *, direction: str, contents: str, status: str, due_date: str, weight_kg: float, drop_off: str) -> str:
        tracking_number = self.issue("PX", 7)
        self.state["parcels"][tracking_number] = {
            "direction": direction,
            "contents": contents,
            "status": status,
            "due_date": due_date,
            "weight_kg": weight_kg,
            "drop_off": drop_off,
            "collection_date": None,
            "earliest_time": None,
            "transit_days": max(1, (calendar_date.fromisoformat(due_date) - self.today).days),
            "claims": {},
        }
        return tracking_number

    def _parcel(self, tracking_number: str) -> dict[str, Any]:
        require(tracking_number in self.state["parcels"], f"No parcel has the tracking number {tracking_number!r}.")
        parcel: dict[str, Any] = self.state["parcels"][tracking_number]
        return parcel

    def _awaited(self, tracking_number: str) -> dict[str, Any]:
        parcel = self._parcel(tracking_number)
        require(
            parcel["direction"] == "incoming", f"Parcel {tracking_number} is one that you send, so its delivery is up to the recipient."
        )
        require(parcel["status"] != "delivered", f"Parcel {tracking_number} has been delivered already.")
        return parcel

    def _quote(self, destination: str, weight_kg: float, service: str) -> Quote:
        require(destination in self.state["destinations"], f"We do not ship to {destination!r}.")
        require(0 < weight_kg <= 20, "A parcel can weigh up to 20 kg.")
        require(service in SERVICES, f"The services are {', '.join(SERVICES)}.")
        factor, extra = self.state["destinations"][destination]
        base, per_kg, days = SERVICES[service]
        days += extra if service != "express" else extra // 2
        return Quote(
            service=service,
            price=round((base + per_kg * weight_kg) * factor, 2),
            days=days,
            arrival_date=(self.today + timedelta(days=days)).isoformat(),
        )

    @tool(
        asks=(
            "tell me what it costs to ship {weight_kg} to {destination}",
            "compare the services for a parcel of {weight_kg} going to {destination}",
            "get me shipping prices to {destination}[ for {weight_kg}]",
            "price up a parcel bound for {destination}[, weighing {weight_kg}]",
            "work out postage[ for {weight_kg}] to {destination}",
        ),
        questions=(
            "How much would it be to send {weight_kg} to {destination}, and how long does that take?",
            "What are my options for getting {weight_kg} over to {destination}?",
            "I have to mail {weight_kg} to {destination}; what are the rates?",
            "Is it expensive to ship {weight_kg} to {destination}?",
        ),
        things=("shipping option to {destination} for {weight_kg}", "service for sending {weight_kg} to {destination}"),
        noun="shipping quote",
        deed="quote shipping prices",
        tells=(
            lambda a, r: (
                f"Sending {number(r['weight_kg'])} kg to {r['destination']} costs {listing([money(x['price']) + ' with ' + x['service'] + ' (' + plural(x['days'], 'day') + ')' for x in r['quotes']], conjunction='or')}."
            ),
            lambda a, r: (
                f"To {r['destination']} you can choose between {listing([x['service'] + ' for ' + money(x['price']) + ' (there by ' + day(x['arrival_date']) + ')' for x in r['quotes']], conjunction='or')}."
            ),
            lambda a, r: (
                f"The cheapest way to {r['destination']} is {min(r['quotes'], key=lambda x: x['price'])['service']}. The services are "
                f"{listing([x['service'] + ' at ' + money(x['price']) + ' (' + plural(x['days'], 'day') + ')' for x in r['quotes']])}."
            ),
        ),
    )
    def quote_shipping(self, destination: Destination, weight_kg: Weight) -> Quotes:
        """Quote every shipping service for a parcel of a given weight to a city: price, days and arrival date."""
        return {
            "destination": destination,
            "weight_kg": weight_kg,
            "quotes": [self._quote(destination, weight_kg, service) for service in SERVICES],
        }

    @tool(
        asks=(
            "list the parcels that are coming to me[ by {due_by}]",
            "run through the deliveries I'm waiting for[ up to {due_by}] with their status",
            "show me all parcels on their way to my door[, due no later than {due_by}]",
            "check which packages should reach me[ by {due_by}]",
            "pull up everything the courier still has for me[ up to {due_by}]",
        ),
        questions=(
            "Which parcels am I waiting for[ that should be here by {due_by}]?",
            "What's still on its way to me[ and due by {due_by}]?",
            "Is there anything in the post for me[ by {due_by}]?",
            "I've ordered too much lately — what is still to come[ by {due_by}]?",
        ),
        things=("parcel I'm waiting for[ by {due_by}]", "parcel on its way to me[ by {due_by}]"),
        noun="parcel",
        deed="list incoming parcels",
        tells=(
            lambda a, r: (
                f"You're waiting for {plural(len(r['parcels']), 'parcel')}: {listing([x['contents'] + ' (' + x['tracking_number'] + ', ' + x['status'] + ', due ' + day(x['due_date']) + ')' for x in r['parcels']], limit=8)}."
            ),
            lambda a, r: " ".join(
                f"{x['tracking_number']} brings {x['contents']}; it is due {day(x['due_date'])} ({x['status']})." for x in r["parcels"]
            ),
            lambda a, r: (
                f"{plural(len(r['parcels']), 'parcel is', 'parcels are')} coming: "
                f"{'; '.join(x['contents'] + ' on ' + day(x['due_date']) + ' (' + x['tracking_number'] + ', ' + x['status'] + ')' for x in r['parcels'])}."
            ),
        ),
    )
    def list_awaited_parcels(
        self,
        due_by: Annotated[
            str | None,
            Argument(description="Only parcels due on or before this date (YYYY-MM-DD).", noun="latest date", kind="date", pick=_due_by),
        ] = None,
    ) -> AwaitedParcels:
        """List the incoming parcels that are not delivered yet, with status, due date and weight."""
        found = [
            AwaitedParcel(
                tracking_number=code, contents=x["contents"], status=x["status"], due_date=x["due_date"], weight_kg=x["weight_kg"]
            )
            for code, x in self.state["parcels"].items()
            if x["direction"] == "incoming" and x["status"] != "delivered" and (due_by is None or x["due_date"] <= due_by)
        ]
        require(found, "No parcel is due in that time.")
        return {"parcels": found}

    @tool(
        asks=(
            "list the parcels I'm sending",
            "show me what I have going out and where each parcel stands",
            "go over my outgoing parcels with their collection dates",
            "check whether the things I'm mailing have been collected",
            "tell me which of my own shipments are still here",
        ),
        questions=(
            "What parcels of mine are going out at the moment?",
            "How are my outgoing parcels doing?",
            "What have I got labels for so far?",
            "Has anyone been round for my outgoing parcels?",
        ),
        things=("parcel I'm sending", "outgoing parcel of mine"),
        noun="parcel",
        deed="list outgoing parcels",
        tells=(
            lambda a, r: (
                f"You're sending {plural(len(r['parcels']), 'parcel')}: {listing([x['contents'] + ' (' + x['tracking_number'] + ', ' + _pick_up(x) + ')' for x in r['parcels']], limit=8)}."
            ),
            lambda a, r: (
                f"Of your outgoing parcels, {listing([x['tracking_number'] + ' with ' + x['contents'] + ' is ' + _pick_up(x) for x in r['parcels']], limit=8)}."
            ),
            lambda a, r: (
                f"Going out from you: {'; '.join(x['contents'] + ', ' + _pick_up(x) + ', due there ' + day(x['due_date']) for x in r['parcels'])}."
            ),
        ),
    )
    def list_sent_parcels(self) -> SentParcels:
        """List the parcels that the user sends, with status, due date, weight and date of collection."""
        found = [
            SentParcel(
                tracking_number=code,
                contents=x["contents"],
                status=x["status"],
                due_date=x["due_date"],
                weight_kg=x["weight_kg"],
                collection_date=x["collection_date"],
            )
            for code, x in self.state["parcels"].items()
            if x["direction"] == "outgoing"
        ]
        require(found, "There are no outgoing parcels.")
        return {"parcels": found}

    @tool(
        asks=(
            "show me the parcels that arrived lately",
            "list what has been delivered to me over the past days",
            "look up my recent deliveries",
            "go back over the parcels I've already received",
            "tell me which parcels were dropped off here this past week",
        ),
        questions=(
            "What was delivered to me recently?",
            "Which of my parcels have already arrived?",
            "When did my last few parcels come?",
            "Someone signed for my parcels — which ones got here?",
        ),
        things=("parcel I received lately", "parcel that was delivered to me lately"),
        noun="delivery",
        deed="list recent deliveries",
        tells=(
            lambda a, r: (
                f"Delivered lately: {'; '.join(x['contents'] + ' on ' + day(x['delivery_date']) + ' (' + x['tracking_number'] + ')' for x in r['parcels'])}."
            ),
            lambda a, r: " ".join(
                f"{x['tracking_number']} with {x['contents']} came on {day(x['delivery_date'])}"
                + (f" and has {plural(x['open_claims'], 'open claim')}." if x["open_claims"] else ".")
                for x in r["parcels"]
            ),
            lambda a, r: (
                f"You received {plural(len(r['parcels']), 'parcel')} lately: {listing([x['tracking_number'] + ' with ' + x['contents'] + ' on ' + day(x['delivery_date']) for x in r['parcels']], limit=8)}."
            ),
        ),
    )
    def list_recent_deliveries(self) -> DeliveredParcels:
        """List the parcels delivered to the user lately, with delivery date, weight and open claims."""
        found = [
            DeliveredParcel(
                tracking_number=code,
                contents=x["contents"],
                delivery_date=x["due_date"],
                weight_kg=x["weight_kg"],
                open_claims=len(x["claims"]),
            )
            for code, x in sorted(self.state["parcels"].items(), key=lambda item: item[1]["due_date"])
            if x["status"] == "delivered"
        ]
        require(found, "Nothing has been delivered lately.")
        return {"parcels": found}

    @tool(
        asks=(
            "track {tracking_number}",
            "find out the whereabouts of {tracking_number}",
            "look up the status of {tracking_number}",
            "tell me when and where to expect {tracking_number}",
            "see how far along the courier is with {tracking_number}",
        ),
        questions=(
            "Where can I find {tracking_number} right now?",
            "Did the courier deliver {tracking_number} yet?",
            "When will {tracking_number} get here?",
            "Still no sign of {tracking_number} — what does the tracking say?",
        ),
        noun="tracking status",
        deed="track a parcel",
        tells=(
            lambda a, r: (
                f"Parcel {r['tracking_number']} ({r['contents']}) was delivered to {r['drop_off']} on {day(r['due_date'])}."
                if r["status"] == "delivered"
                else f"Parcel {r['tracking_number']} ({r['contents']}) is marked as {r['status']} and due on {day(r['due_date'])}, going to {r['drop_off']}."
            ),
            lambda a, r: (
                f"The status of {r['tracking_number']} is: {r['status']}. "
                + (
                    f"It was delivered to {r['drop_off']} on {day(r['due_date'])}"
                    + (f" and has {plural(r['open_claims'], 'open claim')}." if r["open_claims"] else ".")
                    if r["status"] == "delivered"
                    else f"It holds {r['contents']} and is heading for {r['drop_off']}, due on {day(r['due_date'])}."
                )
            ),
            lambda a, r: (
                f"According to the tracking, {r['contents']} ({r['tracking_number']}) "
                + (
                    f"reached {r['drop_off']} on {day(r['due_date'])}."
                    if r["status"] == "delivered"
                    else f"will reach {r['drop_off']} on {day(r['due_date'])}; for now it says {r['status']}."
                )
            ),
        ),
    )
    def track_parcel(
        self,
        tracking_number: Annotated[
            str,
            Argument(
                description="Tracking number of the parcel, such as PX-4821377.",
                noun="parcel",
                word="parcel {}",
                kind="code",
                pick=_any_parcel,
            ),
        ],
    ) -> ParcelStatus:
        """Report a parcel's status, due date, drop-off place and open claims."""
        x = self._parcel(tracking_number)
        return ParcelStatus(
            tracking_number=tracking_number,
            contents=x["contents"],
            status=x["status"],
            due_date=x["due_date"],
            drop_off=x["drop_off"],
            open_claims=len(x["claims"]),
        )

    @tool(
        asks=(
            "find pick-up points in {district}[ that stay open until {open_until}]",
            "look for a parcel shop or locker around {district}[ that's open till {open_until}]",
            "show me where I could collect parcels in {district}[ as late as {open_until}]",
            "find out who holds parcels for people in {district}[, with doors open until {open_until}]",
            "list places in {district} that hold parcels[ and don't close before {open_until}]",
        ),
        questions=(
            "Where in {district} could I pick up a parcel[ as late as {open_until}]?",
            "Which pick-up points are there in {district}[ that are open until {open_until}]?",
            "I'm often around {district}; where can parcels be left for me[ until {open_until}]?",
            "Could I use a parcel locker in {district}[ until {open_until}]?",
        ),
        things=("pick-up point in {district}[ open until {open_until}]", "parcel shop in {district}[ open until {open_until}]"),
        noun="pick-up point",
        deed="find pick-up points",
        tells=(
            lambda a, r: (
                f"In {r['district']} you can use {listing([x['pickup_point'] + ' (' + number(x['distance_km']) + ' km away, open until ' + clock(x['closes']) + ')' for x in r['pickup_points']], conjunction='or')}."
            ),
            lambda a, r: (
                f"I found {plural(len(r['pickup_points']), 'pick-up point')} in {r['district']}: {listing([x['pickup_point'] + ' (' + plural(x['free_lockers'], 'free locker') + ', open until ' + clock(x['closes']) + ')' for x in r['pickup_points']])}."
            ),
            lambda a, r: (
                f"The nearest in {r['district']} is {min(r['pickup_points'], key=lambda x: x['distance_km'])['pickup_point']}, {number(min(x['distance_km'] for x in r['pickup_points']))} km away and open until {clock(min(r['pickup_points'], key=lambda x: x['distance_km'])['closes'])}"
                + (
                    f". Also possible: {listing([x['pickup_point'] for x in sorted(r['pickup_points'], key=lambda x: x['distance_km'])[1:]])}."
                    if len(r["pickup_points"]) > 1
                    else "; it's the only one."
                )
            ),
        ),
    )
    def find_pickup_points(
        self,
        district: Annotated[str, Argument(description="District of the town.", noun="district", pick=_district)],
        open_until: Annotated[
            str | None,
            Argument(description="Only points open at least until this time (HH:MM).", noun="closing time", kind="time", pick=_open_until),
        ] = None,
    ) -> PickupPoints:
        """List the pick-up points of a district with distance, closing time and free lockers."""
        found = [
            PickupPoint(pickup_point=name, distance_km=x["distance_km"], closes=x["closes"], free_lockers=x["free_lockers"])
            for name, x in self.state["pickup_points"].items()
            if x["district"] == district and (open_until is None or x["closes"] >= open_until)
        ]
        require(found, f"No pick-up point in {district} fits.")
        return {"district": district, "pickup_points": found}

    @tool(
        asks=(
            "see which other days {tracking_number} could be delivered",
            "check the redelivery dates for {tracking_number} and what they cost",
            "find out when else the courier can bring {tracking_number}",
            "give me the alternative delivery days for {tracking_number}",
            "look up possible new dates for {tracking_number}",
        ),
        questions=(
            "On which other days could {tracking_number} come?",
            "What would another delivery day cost for {tracking_number}?",
            "The planned day doesn't suit me for {tracking_number}; what else is there?",
            "Are there other delivery days for {tracking_number}?",
        ),
        things=("alternative delivery day for {tracking_number}", "redelivery date for {tracking_number}"),
        noun="delivery day",
        deed="look up redelivery dates",
        tells=(
            lambda a, r: (
                f"Parcel {r['tracking_number']} could come on one of these days: {'; '.join(day(x['date']) + (' for ' + money(x['fee']) if x['fee'] else ' at no charge') for x in r['options'])}."
            ),
            lambda a, r: (
                f"There {'is one other day' if len(r['options']) == 1 else 'are ' + str(len(r['options'])) + ' other days'} for {r['tracking_number']}: {'; '.join(day(x['date']) + ' (' + (money(x['fee']) if x['fee'] else 'free') + ')' for x in r['options'])}."
            ),
            lambda a, r: (
                f"The earliest new date for {r['tracking_number']} is {day(min(x['date'] for x in r['options']))}, and the cheapest day {'costs ' + money(min(x['fee'] for x in r['options'])) if all(x['fee'] for x in r['options']) else 'is free'}. The days on offer: {'; '.join(day(x['date']) for x in r['options'])}."
            ),
        ),
    )
    def list_redelivery_dates(
        self,
        tracking_number: Annotated[
            str,
            Argument(
                description="Tracking number of an incoming parcel.", noun="parcel", word="parcel {}", kind="code", pick=_awaited_parcel
            ),
        ],
    ) -> RedeliveryOptions:
        """List the other dates on which an incoming parcel can be delivered, with the fee of each."""
        x = self._awaited(tracking_number)
        return {
            "tracking_number": tracking_number,
            "options": [DateOption(date=date, fee=fee) for date, fee in self.state["delivery_dates"].items() if date != x["due_date"]],
        }

    @tool(
        asks=(
            "make a label for {weight_kg} to {destination} with {service}, addressed to {recipient}",
            "buy a shipping label to {destination} for {recipient}[, {weight_kg}][ with {service}]",
            "send {weight_kg} to {recipient} in {destination}[ using {service}]",
            "ship a parcel to {recipient} in {destination}[, {weight_kg}][, {service} please]",
            "book {service} to {destination} for {weight_kg}, with {recipient} as the recipient",
        ),
        questions=(
            "I want {weight_kg} to go to {recipient} in {destination}, with {service}.",
            "There's {weight_kg} of presents for {recipient} in {destination}; {service} will do.",
            "A parcel of {weight_kg} has to reach {recipient} in {destination}, so get me {service}.",
            "Could a label be made for {recipient} in {destination}: {weight_kg}, {service}?",
        ),
        noun="shipping label",
        deed="buy a shipping label",
        tells=(
            lambda a, r: (
                f"The {r['service']} label to {r['recipient']} in {r['destination']} cost {money(r['price'])}; the tracking number is {r['tracking_number']} and it should arrive on {day(r['arrival_date'])}."
            ),
            lambda a, r: (
                f"Your label is ready: {r['tracking_number']}, {r['service']}, {money(r['price'])}. {r['recipient']} can expect the parcel on {day(r['arrival_date'])}."
            ),
            lambda a, r: (
                f"Paid {money(r['price'])} for {r['service']} shipping to {r['destination']}. Track it as {r['tracking_number']}; arrival is planned for {day(r['arrival_date'])}."
            ),
        ),
    )
    def buy_shipping_label(
        self,
        recipient: Annotated[str, Argument(description="Full name of the recipient.", noun="recipient", choices=PEOPLE)],
        destination: Destination,
        weight_kg: Weight,
        service: Annotated[Service, Argument(description="Shipping service.", noun="service", word="{} shipping")],
    ) -> ShippingLabel:
        """Buy a shipping label for a parcel and return its tracking number, price and arrival date."""
        quote = self._quote(destination, weight_kg, service)
        code = self._register(
            direction="outgoing",
            contents=f"a parcel for {recipient}",
            status="waiting for collection",
            due_date=quote["arrival_date"],
            weight_kg=weight_kg,
            drop_off=f"{recipient} in {destination}",
        )
        return ShippingLabel(
            tracking_number=code,
            recipient=recipient,
            destination=destination,
            service=service,
            price=quote["price"],
            arrival_date=quote["arrival_date"],
        )

    @tool(
        asks=(
            "have a courier collect {tracking_number} from me on {date}[, not before {earliest_time}]",
            "arrange a pick-up of {tracking_number}[ on {date}][ from {earliest_time} on]",
            "send someone round for {tracking_number}[ on {date}][ after {earliest_time}]",
            "book the collection of {tracking_number}[ for {date}][, {earliest_time} at the earliest]",
        ),
        questions=(
            "Someone should come and get {tracking_number} on {date}[, any time after {earliest_time}].",
            "I've packed {tracking_number} and will be home on {date}[ from {earliest_time}] for the collection.",
            "Would a courier be able to fetch {tracking_number} on {date}[ after {earliest_time}]?",
            "Packed and ready: {tracking_number} can be picked up here on {date}[ from {earliest_time}].",
        ),
        noun="collection",
        deed="arrange a collection",
        tells=(
            lambda a, r: (
                f"A courier will collect parcel {r['tracking_number']} on {day(r['date'])}, from {clock(r['earliest_time'])} on. The collection costs {money(r['fee'])}."
            ),
            lambda a, r: (
                f"Collection booked for {r['tracking_number']}: {day(r['date'])}, not before {clock(r['earliest_time'])}, for {money(r['fee'])}. It should arrive on {day(r['arrival_date'])}."
            ),
            lambda a, r: (
                f"Please have {r['tracking_number']} ready on {day(r['date'])} by {clock(r['earliest_time'])}. You'll be charged {money(r['fee'])} for the pick-up."
            ),
        ),
    )
    def arrange_collection(
        self,
        tracking_number: Annotated[
            str,
            Argument(
                description="Tracking number of an outgoing parcel.", noun="parcel", word="parcel {}", kind="code", pick=_outgoing_parcel
            ),
        ],
        date: Annotated[
            str,
            Argument(
                description="Date of collection in ISO 8601 format (YYYY-MM-DD).",
                noun="collection date",
                kind="date",
                pick=_collection_date,
            ),
        ],
        earliest_time: Annotated[
            str | None,
            Argument(
                description="Earliest time in 24-hour format (HH:MM); 08:00 when left out.",
                noun="earliest time",
                kind="time",
                choices=("09:00", "10:30", "12:00", "14:00", "16:30"),
            ),
        ] = None,
    ) -> Collection:
        """Arrange or change the collection of an outgoing parcel from the user's home."""
        x = self._parcel(tracking_number)
        require(x["direction"] == "outgoing", f"Parcel {tracking_number} comes to you, so there is nothing to collect.")
        require(date > self.state["today"], "A collection can be booked from tomorrow on.")
        x["collection_date"], x["earliest_time"], x["status"] = date, earliest_time or "08:00", "collection booked"
        x["due_date"] = (calendar_date.fromisoformat(date) + timedelta(days=x["transit_days"])).isoformat()
        fee = 3.5 if x["weight_kg"] <= 5 else 5.5
        return Collection(tracking_number=tracking_number, date=date, earliest_time=x["earliest_time"], fee=fee, arrival_date=x["due_date"])

    @tool(
        asks=(
            "redirect {tracking_number} to {pickup_point}",
            "have {tracking_number} left at {pickup_point} for me",
            "send {tracking_number} over to {pickup_point} instead of my home",
            "change the drop-off of {tracking_number}[ to {pickup_point}]",
            "let me collect {tracking_number} myself[ at {pickup_point}]",
        ),
        questions=(
            "I'm never home for {tracking_number}, so {pickup_point} would be a better place.",
            "Couldn't {tracking_number} go to {pickup_point} instead?",
            "Picking up {tracking_number} at {pickup_point} would be easier for me.",
            "Rather than my door, please use {pickup_point} for {tracking_number}.",
        ),
        noun="redirection",
        deed="redirect a parcel",
        tells=(
            lambda a, r: (
                f"Parcel {r['tracking_number']} is going to {r['pickup_point']}; you can collect it from {day(r['ready_date'])}, until {clock(r['closes'])}."
            ),
            lambda a, r: (
                f"Redirected: {r['tracking_number']} will wait for you at {r['pickup_point']} (open until {clock(r['closes'])}) as of {day(r['ready_date'])}."
            ),
            lambda a, r: (
                f"{r['pickup_point']} is keeping a locker for {r['tracking_number']}, ready on {day(r['ready_date'])}. It closes at {clock(r['closes'])}."
            ),
        ),
    )
    def redirect_to_pickup_point(
        self,
        tracking_number: Annotated[
            str,
            Argument(
                description="Tracking number of an incoming parcel.", noun="parcel", word="parcel {}", kind="code", pick=_awaited_parcel
            ),
        ],
        pickup_point: PointName,
    ) -> Redirection:
        """Send an incoming parcel to a pick-up point instead of the user's door."""
        x = self._awaited(tracking_number)
        require(pickup_point in self.state["pickup_points"], f"There is no pick-up point called {pickup_point!r}.")
        point = self.state["pickup_points"][pickup_point]
        require(x["drop_off"] != pickup_point, f"Parcel {tracking_number} is going to {pickup_point} already.")
        require(point["free_lockers"] > 0, f"{pickup_point} has no free locker.")
        if x["drop_off"] in self.state["pickup_points"]:
            self.state["pickup_points"][x["drop_off"]]["free_lockers"] += 1
        point["free_lockers"] -= 1
        x["drop_off"] = pickup_point
        return Redirection(
            tracking_number=tracking_number,
            pickup_point=pickup_point,
            ready_date=x["due_date"],
            closes=point["closes"],
            lockers_left=point["free_lockers"],
        )

    @tool(
        asks=(
            "have {tracking_number} delivered on {date} instead",
            "switch the delivery of {tracking_number}[ to {date}]",
            "ask the courier to bring {tracking_number}[ on {date}]",
            "set a new delivery day for {tracking_number}[: {date}]",
            "put off {tracking_number} until {date}",
        ),
        questions=(
            "Can't be here for {tracking_number} as planned — {date} would be fine.",
            "They missed me with {tracking_number}; try again on {date}.",
            "Might {tracking_number} come on {date} rather than the planned day?",
            "Only {date} works for {tracking_number}, so please change the delivery.",
        ),
        noun="new delivery date",
        deed="change a delivery date",
        tells=(
            lambda a, r: (
                f"Parcel {r['tracking_number']} ({r['contents']}) will now be delivered on {day(r['date'])}"
                + (f" for a fee of {money(r['fee'])}." if r["fee"] else " at no extra charge.")
            ),
            lambda a, r: (
                f"The courier is bringing {r['contents']} on {day(r['date'])}; that "
                + (f"costs {money(r['fee'])}." if r["fee"] else "is free of charge.")
            ),
            lambda a, r: (
                f"New date for {r['tracking_number']}: {day(r['date'])}, "
                + (f"with {money(r['fee'])} to pay." if r["fee"] else "nothing to pay.")
            ),
        ),
    )
    def change_delivery_date(
        self,
        tracking_number: Annotated[
            str,
            Argument(
                description="Tracking number of an incoming parcel.", noun="parcel", word="parcel {}", kind="code", pick=_awaited_parcel
            ),
        ],
        date: Annotated[
            str,
            Argument(
                description="New delivery date in ISO 8601 format (YYYY-MM-DD).", noun="delivery date", kind="date", pick=_delivery_date
            ),
        ],
    ) -> NewDelivery:
        """Move the delivery of an incoming parcel to one of its redelivery dates."""
        x = self._awaited(tracking_number)
        require(date in self.state["delivery_dates"], f"Deliveries are possible on {', '.join(self.state['delivery_dates'])}.")
        require(x["due_date"] != date, f"Parcel {tracking_number} is due on {date} already.")
        x["due_date"], x["status"] = date, "at the depot"
        return NewDelivery(tracking_number=tracking_number, contents=x["contents"], date=date, fee=self.state["delivery_dates"][date])

    @tool(
        asks=(
            "claim {amount} for {tracking_number} because of {problem}",
            "file a complaint about {problem} in {tracking_number}[ and ask for {amount} back]",
            "report {problem} for {tracking_number}[ and request {amount}]",
            "start a claim on {tracking_number}[ for {amount}], the reason being {problem}",
            "get {amount} back for {tracking_number} on account of {problem}",
        ),
        questions=(
            "When I opened {tracking_number} I noticed {problem}, and I want {amount} back.",
            "Sorry to report {problem} in {tracking_number}; please claim {amount}.",
            "I'm not happy with {tracking_number}, since {problem} should be worth {amount}.",
            "Who pays for {problem} in {tracking_number}? I'm claiming {amount}.",
        ),
        noun="claim",
        deed="file a claim for a parcel",
        tells=(
            lambda a, r: (
                f"Your claim {r['claim_number']} for {money(r['amount'])} for parcel {r['tracking_number']} is filed, giving {r['problem']} as the reason. You'll have an answer by {day(r['answer_by'])}."
            ),
            lambda a, r: (
                f"I've reported {r['problem']} for {r['tracking_number']} and asked for {money(r['amount'])}. The claim number is {r['claim_number']}; expect a reply by {day(r['answer_by'])}."
            ),
            lambda a, r: (
                f"Claim {r['claim_number']} for {money(r['amount'])} on parcel {r['tracking_number']} is open now. The carrier answers by {day(r['answer_by'])}."
            ),
        ),
    )
    def claim_for_parcel(
        self,
        tracking_number: Annotated[
            str,
            Argument(
                description="Tracking number of a delivered parcel.", noun="parcel", word="parcel {}", kind="code", pick=_delivered_parcel
            ),
        ],
        problem: Annotated[Problem, Argument(description="What was wrong with the parcel.", noun="problem", pick=_problem)],
        amount: Annotated[
            int,
            Argument(
                description="Amount claimed in dollars.",
                noun="amount",
                word="${}",
                low=1,
                high=2000,
                choices=(15, 20, 25, 35, 40, 50, 65, 80, 95, 120),
            ),
        ],
    ) -> Claim:
        """File a claim for money back on a delivered parcel and return the claim number."""
        x = self._parcel(tracking_number)
        require(x["status"] == "delivered", f"Parcel {tracking_number} has not been delivered yet.")
        require(problem not in x["claims"], f"There is a claim already for {problem} in parcel {tracking_number}.")
        require(1 <= amount <= 2000, "A claim can be for $1 to $2000.")
        x["claims"][problem] = amount
        return Claim(
            claim_number=self.issue("CLM"),
            tracking_number=tracking_number,
            problem=problem,
            amount=amount,
            answer_by=(self.today + timedelta(days=10)).isoformat(),
        )
