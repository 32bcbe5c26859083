# ruff: noqa: E501
"""Holiday cottages, cabins, guesthouses and campsites of one region: free dates, stays, extras and payments.

A stay fills its nights; what others have taken is a list of night ranges. Prices rise for nights from Friday to Sunday.
"""

from __future__ import annotations

from datetime import date as Day
from datetime import timedelta
from itertools import islice
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import article, clock, day, listing, money, number, plural

SETTINGS = ("seaside", "lakeside", "mountain", "woodland")
VILLAGES = {
    "seaside": ("Port Ellery", "Sandholm", "Kirra Cove", "Merrow Bay"),
    "lakeside": ("Ulster Shore", "Lindwater", "Talvik", "Ambermere"),
    "mountain": ("Hochried", "Stonepass", "Alta Vigna", "Glen Torran"),
    "woodland": ("Fernleigh", "Birkdale", "Oakhollow", "Pinsmead"),
}
HEADS = (
    "Heron",
    "Juniper",
    "Old Mill",
    "Tide",
    "Lark",
    "Foxglove",
    "Bramble",
    "Swallow",
    "Skylark",
    "Saltmarsh",
    "Hazel",
    "Rowan",
    "Kestrel",
    "Driftwood",
    "Clover",
)
KINDS = {
    "Cottage": (85, 190),
    "Cabin": (70, 150),
    "Guesthouse": (60, 130),
    "Campsite": (22, 48),
    "Farmhouse": (120, 240),
    "Lodge": (95, 210),
}
EXTRAS = {
    "bundles of firewood": 12,
    "breakfast hampers": 24,
    "rental bikes": 18,
    "high chairs": 8,
    "sets of bed linen": 15,
    "rental kayaks": 30,
    "bottles of wine": 16,
    "beach towels": 4,
}
Setting = Literal["seaside", "lakeside", "mountain", "woodland"]


class LodgingSummary(TypedDict):
    lodging: str
    village: str
    nightly_rate: int
    sleeps: int
    rating: float


class LodgingList(TypedDict):
    lodgings: list[LodgingSummary]


class LodgingProfile(TypedDict):
    lodging: str
    kind: str
    setting: str
    village: str
    nightly_rate: int
    sleeps: int
    rating: float
    pets_welcome: bool
    shop_distance_km: float
    check_in_from: str
    check_out_by: str


class ArrivalDay(TypedDict):
    arrival_date: str
    total_price: int


class ArrivalDays(TypedDict):
    lodging: str
    nights: int
    arrivals: list[ArrivalDay]


class StayQuote(TypedDict):
    lodging: str
    arrival_date: str
    departure_date: str
    nights: int
    available: bool
    total_price: int
    deposit: int


class Stay(TypedDict):
    stay_code: str
    lodging: str
    arrival_date: str
    departure_date: str
    nights: int
    guests: int
    extras: list[str]
    total_price: int
    balance_due: int


class StayList(TypedDict):
    stays: list[Stay]


class Extra(TypedDict):
    extra: str
    price: int


class ExtraList(TypedDict):
    lodging: str
    extras: list[Extra]


class ExtraOrder(TypedDict):
    stay_code: str
    lodging: str
    extra: str
    quantity: int
    cost: int
    balance_due: int


class Payment(TypedDict):
    stay_code: str
    paid: int
    balance_due: int


class CancelledStay(TypedDict):
    stay_code: str
    lodging: str
    refunded_amount: int
    status: str


def _lodging(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["lodgings"]))


def _setting(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["setting"] for x in domain.state["lodgings"].values()}))


def _party(domain: Domain, rng: Random, chosen: Any) -> Any:
    """At most what the lodging (or some lodging in the setting) sleeps."""
    lodgings = domain.state["lodgings"]
    fitting = [
        x["sleeps"]
        for name, x in lodgings.items()
        if chosen.get("lodging", name) == name and chosen.get("setting", x["setting"]) == x["setting"]
    ]
    return rng.randint(1, max(fitting or [2]))


def _rate_limit(domain: Domain, rng: Random, chosen: Any) -> Any:
    guests = chosen.get("guests") or 1
    rates = [
        x["nightly_rate"] for x in domain.state["lodgings"].values() if x["setting"] == chosen.get("setting") and x["sleeps"] >= guests
    ]
    lowest = min(rates or [100])
    return rng.choice([limit for limit in (40, 60, 80, 100, 120, 150, 180, 200, 250) if limit >= lowest][:3])


def _arrival(domain: Domain, rng: Random, chosen: Any) -> Any:
    nights, lodgings = chosen.get("nights") or 3, Lodging(domain.state)
    days = lodgings.free_days(chosen.get("lodging", ""), nights)
    days = [text for text in days if not lodgings.away(Day.fromisoformat(text), nights)] or days
    return rng.choice(days) if days else (domain.today + timedelta(days=rng.randint(2, 40))).isoformat()


def _nights(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice((1, 2, 2, 3, 3, 4))


def _stay(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["stays"]) or ["STY-10000"])


def _unpaid_stay(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([code for code, x in sorted(domain.state["stays"].items()) if x["total_price"] > x["paid"]] or ["STY-10000"])


def _part_payment(domain: Domain, rng: Random, chosen: Any) -> Any:
    x = domain.state["stays"].get(chosen.get("stay_code"))
    due = x["total_price"] - x["paid"] if x else 100
    return rng.choice([amount for amount in (20, 40, 50, 75, 100, 150) if amount <= due] or [due])


def _more_nights(domain: Domain, rng: Random, chosen: Any) -> Any:
    domain_ = Lodging(domain.state)
    fitting = [
        nights
        for nights in (1, 2, 3)
        if chosen.get("stay_code") in domain.state["stays"] and domain_.can_extend(chosen["stay_code"], nights)
    ]
    return rng.choice(fitting or [1])


def _extendable_stay(domain: Domain, rng: Random, chosen: Any) -> Any:
    domain_ = Lodging(domain.state)
    return rng.choice(
        [code for code in sorted(domain.state["stays"]) if domain_.can_extend(code, 1)] or sorted(domain.state["stays"]) or ["STY-10000"]
    )


def _extra(domain: Domain, rng: Random, chosen: Any) -> Any:
    stay = domain.state["stays"].get(chosen.get("stay_code"))
    return rng.choice(domain.state["lodgings"][stay["lodging"]]["extras"] if stay else sorted(EXTRAS))


LodgingName = Annotated[str, Argument(description="Name of the place to stay, as listed.", noun="place", pick=_lodging)]
StayCode = Annotated[
    str, Argument(description="Code of a booked stay, such as STY-48213.", noun="stay", word="stay {}", kind="code", pick=_stay)
]
Nights = Annotated[
    int, Argument(description="Number of nights.", noun="number of nights", word="{} night(s)", pick=_nights, low=1, high=14)
]
Arrival = Annotated[
    str, Argument(description="Date of arrival in ISO 8601 format (YYYY-MM-DD).", noun="arrival date", kind="date", pick=_arrival)
]


def _priced(r: Any) -> list[str]:
    return [f"{x['lodging']} in {x['village']} at {money(x['nightly_rate'])} a night" for x in r["lodgings"]]


def _open(x: Any) -> str:
    return f"{money(x['balance_due'])} to pay" if x["balance_due"] else "paid"


def _sized(x: Any) -> str:
    return f"{x['lodging']} (sleeps {x['sleeps']}, {money(x['nightly_rate'])} a night, rated {x['rating']})"


class Lodging(Domain):
    """Find holiday places, check free dates, book and extend stays, order extras, pay and cancel."""

    name: ClassVar[str] = "lodging"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {"today": today.isoformat(), "code_seed": rng.randrange(10_000), "lodgings": {}, "stays": {}}
        kinds = sorted(KINDS)
        settings = rng.sample(SETTINGS, 3)
        for place, head in enumerate(rng.sample(HEADS, rng.randint(8, 11))):
            kind = rng.choice(kinds)
            setting = settings[place % 3]
            taken = []
            start = rng.randint(1, 9)
            while start < 60:
                length = rng.randint(2, 6)
                taken.append([(today + timedelta(days=start)).isoformat(), length])
                start += length + rng.randint(4, 12)
            state["lodgings"][f"{head} {kind}"] = {
                "kind": kind.lower(),
                "setting": setting,
                "village": rng.choice(VILLAGES[setting]),
                "nightly_rate": rng.randint(*KINDS[kind]),
                "sleeps": rng.randint(2, 8),
                "rating": round(rng.uniform(3.4, 5.0), 1),
                "pets_welcome": rng.random() < 0.6,
                "shop_distance_km": round(rng.uniform(0.2, 7), 1),
                "check_in_from": rng.choice(("14:00", "15:00", "16:00")),
                "check_out_by": rng.choice(("10:00", "10:30", "11:00")),
                "extras": sorted(rng.sample(sorted(EXTRAS), 4)),
                "taken": taken,
            }
        domain = cls(state)
        for _ in range(rng.randint(3, 4)):
            lodging, nights = _lodging(domain, rng, {}), rng.randint(2, 4)
            arrival = _arrival(domain, rng, {"lodging": lodging, "nights": nights})
            code = domain._enter(lodging, arrival, nights, rng.randint(1, state["lodgings"][lodging]["sleeps"]))
            state["stays"][code]["paid"] = state["stays"][code]["total_price"] // 5
        return state

    def _place(self, lodging: str) -> dict[str, Any]:
        require(lodging in self.state["lodgings"], f"No place called {lodging!r}.")
        place: dict[str, Any] = self.state["lodgings"][lodging]
        return place

    def _booked(self, stay_code: str) -> dict[str, Any]:
        require(stay_code in self.state["stays"], f"No stay with code {stay_code!r}.")
        stay: dict[str, Any] = self.state["stays"][stay_code]
        return stay

    def _arrival_day(self, text: str) -> Day:
        try:
            arrival = Day.fromisoformat(text)
        except ValueError:
            arrival = Day.min
        require(arrival > self.today, f"{text!r} is not a date after today.")
        return arrival

    def _price(self, lodging: str, arrival: Day, nights: int) -> int:
        rate: int = self.state["lodgings"][lodging]["nightly_rate"]
        return round(sum(rate * (1.2 if (arrival + timedelta(days=night)).weekday() >= 4 else 1) for night in range(nights)))

    def _spans(self, lodging: str) -> list[tuple[int, int]]:
        """The taken nights of a place as (first, past the last) day numbers."""
        starts = ((Day.fromisoformat(start).toordinal(), length) for start, length in self.state["lodgings"][lodging]["taken"])
        return [(start, start + length) for start, length in starts]

    def _free(self, lodging: str, arrival: Day, nights: int) -> bool:
        first = arrival.toordinal()
        return all(first + nights <= start or first >= end for start, end in self._spans(lodging))

    def free_days(self, lodging: str, nights: int) -> list[str]:
        """The first arrival dates from which a place is free for a number of nights."""
        if lodging not in self.state["lodgings"]:
            return []
        spans, today = self._spans(lodging), self.today.toordinal()
        free = (day for day in range(today + 2, today + 75) if all(day + nights <= start or day >= end for start, end in spans))
        return [Day.fromordinal(day).isoformat() for day in islice(free, 8)]

    def away(self, arrival: Day, nights: int) -> str:
        """The user's stay that shares a night with others, or an empty text."""
        first = arrival.toordinal()
        starts = ((code, Day.fromisoformat(x["arrival_date"]).toordinal(), x["nights"]) for code, x in self.state["stays"].items())
        return next((code for code, start, length in starts if first < start + length and start < first + nights), "")

    def can_extend(self, stay_code: str, nights: int) -> bool:
        """Whether the nights after a stay are free, and the user is not elsewhere."""
        x = self.state["stays"][stay_code]
        end = Day.fromisoformat(x["arrival_date"]) + timedelta(days=x["nights"])
        return self._free(x["lodging"], end, nights) and not self.away(end, nights)

    def _enter(self, lodging: str, arrival_date: str, nights: int, guests: int) -> str:
        code = self.issue("STY")
        price = self._price(lodging, Day.fromisoformat(arrival_date), nights)
        self.state["lodgings"][lodging]["taken"].append([arrival_date, nights])
        self.state["stays"][code] = {
            "lodging": lodging,
            "arrival_date": arrival_date,
            "nights": nights,
            "guests": guests,
            "extras": [],
            "total_price": price,
            "paid": 0,
        }
        return code

    def _stay(self, code: str) -> Stay:
        x = self.state["stays"][code]
        departure = Day.fromisoformat(x["arrival_date"]) + timedelta(days=x["nights"])
        return Stay(
            stay_code=code,
            lodging=x["lodging"],
            arrival_date=x["arrival_date"],
            departure_date=departure.isoformat(),
            nights=x["nights"],
            guests=x["guests"],
            extras=list(x["extras"]),
            total_price=x["total_price"],
            balance_due=x["total_price"] - x["paid"],
        )

    @tool(
        asks=(
            "find {setting} places to stay[ that sleep {guests}][ for under {max_rate} a night]",
            "search for[ {setting}] cottages, cabins and campsites[ with room for {guests}][, up to {max_rate} per night]",
            "suggest some {setting} holiday accommodation[ big enough for {guests}][ that won't cost more than {max_rate} a night]",
            "dig up a few[ {setting}] getaways[, sleeping {guests}][, at {max_rate} a night or less]",
        ),
        questions=(
            "Where could we spend a {setting} holiday[ with {guests}][ for {max_rate} a night at most]?",
            "I'm dreaming of {setting} quiet — which places can be rented[ by {guests}][ for up to {max_rate} a night]?",
            "Is there some {setting} accommodation you'd suggest[ for {guests}][, costing {max_rate} or less per night]?",
        ),
        things=("{setting} place", "{setting} holiday let", "{setting} place to stay"),
        noun="place to stay",
        deed="search for places to stay",
        tells=(
            lambda a, r: f"I found {plural(len(r['lodgings']), a['setting'] + ' place')}: {listing(_priced(r))}.",
            lambda a, r: (
                f"For a {a['setting']} stay there {'is' if len(r['lodgings']) == 1 else 'are'} "
                f"{listing([_sized(x) for x in r['lodgings']])}."
            ),
            lambda a, r: (
                f"{listing(_priced(r))} would fit. {'The' if len(r['lodgings']) == 1 else 'The best'} rating is {max(x['rating'] for x in r['lodgings'])}."
            ),
        ),
    )
    def search_lodgings(
        self,
        setting: Annotated[Setting, Argument(description="Landscape around the place.", noun="kind of landscape", pick=_setting)],
        guests: Annotated[
            int | None,
            Argument(
                description="Number of people who must find a bed.", noun="number of guests", word="{} guest(s)", pick=_party, low=1, high=8
            ),
        ] = None,
        max_rate: Annotated[
            int | None,
            Argument(description="Highest price per night in dollars.", noun="price limit per night", word="${}", pick=_rate_limit),
        ] = None,
    ) -> LodgingList:
        """List holiday places in a kind of landscape, optionally by beds and price per night."""
        found = [
            LodgingSummary(lodging=name, village=x["village"], nightly_rate=x["nightly_rate"], sleeps=x["sleeps"], rating=x["rating"])
            for name, x in self.state["lodgings"].items()
            if x["setting"] == setting and x["sleeps"] >= (guests or 1) and (max_rate is None or x["nightly_rate"] <= max_rate)
        ]
        require(found, f"No {setting} place matches these limits.")
        return LodgingList(lodgings=found)

    @tool(
        asks=(
            "describe {lodging} to me",
            "look up the house rules and check-in times of {lodging}",
            "find out the size of {lodging} and the rules on pets there",
            "give me the facts about {lodging} before I decide",
        ),
        questions=(
            "From what time can guests check in at {lodging}, and is the dog welcome?",
            "How far would we be from the shops if we stayed at {lodging}?",
            "Tell me a bit about {lodging}: the area, the price and the number of beds.",
        ),
        noun="description",
        deed="look up a holiday place",
        tells=(
            lambda a, r: (
                f"{r['lodging']} is {article(r['setting'])} {r['kind'].lower()} in {r['village']} that sleeps {r['sleeps']} for {money(r['nightly_rate'])} a night. "
                f"Check-in is from {clock(r['check_in_from'])}, check-out by {clock(r['check_out_by'])}; the shop is {number(r['shop_distance_km'])} km away, and pets "
                f"{'are welcome' if r['pets_welcome'] else 'have to stay at home'}."
            ),
            lambda a, r: (
                f"You'll find {r['lodging']} in {r['village']}, {number(r['shop_distance_km'])} km from the nearest shop. It has beds for {r['sleeps']}, is rated "
                f"{r['rating']} and costs {money(r['nightly_rate'])} per night; arrive after {clock(r['check_in_from'])}, {'with your pets if you like' if r['pets_welcome'] else 'without pets'}."
            ),
            lambda a, r: (
                f"Rated {r['rating']}, {r['lodging']} in {r['village']} takes up to {plural(r['sleeps'], 'guest')} at {money(r['nightly_rate'])} a night. Pets "
                f"{'may come along' if r['pets_welcome'] else 'are not allowed'}, the next shop is {number(r['shop_distance_km'])} km off, and you arrive from "
                f"{clock(r['check_in_from'])} and leave by {clock(r['check_out_by'])}."
            ),
        ),
    )
    def describe_lodging(self, lodging: LodgingName) -> LodgingProfile:
        """Return a holiday place's village, size, price, rating, house rules and check-in times."""
        x = self._place(lodging)
        return LodgingProfile(
            lodging=lodging,
            kind=x["kind"],
            setting=x["setting"],
            village=x["village"],
            nightly_rate=x["nightly_rate"],
            sleeps=x["sleeps"],
            rating=x["rating"],
            pets_welcome=x["pets_welcome"],
            shop_distance_km=x["shop_distance_km"],
            check_in_from=x["check_in_from"],
            check_out_by=x["check_out_by"],
        )

    @tool(
        asks=(
            "list the days on which we could arrive at {lodging}[ for {nights}]",
            "look for a gap of {nights} at {lodging}",
            "check the calendar of {lodging} for {nights}",
            "work out on which dates we could have {lodging}[ for {nights}]",
        ),
        questions=(
            "When could we have {lodging} for {nights}?",
            "We're flexible about dates: when could we get {nights} at {lodging}?",
            "On what days can a stay of {nights} begin at {lodging}?",
        ),
        things=("arrival day at {lodging} for {nights}", "free date at {lodging} for {nights}"),
        noun="arrival day",
        deed="check free dates",
        tells=(
            lambda a, r: (
                f"For {plural(r['nights'], 'night')} you could arrive at {r['lodging']} on "
                f"{listing([day(x['arrival_date']) + ' (' + money(x['total_price']) + ')' for x in r['arrivals']], conjunction='or')}."
            ),
            lambda a, r: (
                f"{r['lodging']} has {plural(len(r['arrivals']), 'possible arrival day')}: "
                f"{listing([day(x['arrival_date']) + ' for ' + money(x['total_price']) for x in r['arrivals']])}."
            ),
            lambda a, r: (
                f"The earliest free date is {day(r['arrivals'][0]['arrival_date'])} at {money(r['arrivals'][0]['total_price'])}; the "
                f"cheapest {plural(r['nights'], 'night')} would cost {money(min(x['total_price'] for x in r['arrivals']))}."
            ),
        ),
    )
    def list_arrival_days(self, lodging: LodgingName, nights: Nights) -> ArrivalDays:
        """List the next dates on which a stay of some nights can begin at a place, with the total price."""
        self._place(lodging)
        require(1 <= nights <= 14, "A stay lasts 1 to 14 nights.")
        days = [
            ArrivalDay(arrival_date=text, total_price=self._price(lodging, Day.fromisoformat(text), nights))
            for text in self.free_days(lodging, nights)[:6]
        ]
        require(days, f"{lodging} has no gap of {nights} nights in the next weeks.")
        return ArrivalDays(lodging=lodging, nights=nights, arrivals=days)

    @tool(
        asks=(
            "work out what {nights} at {lodging} would cost from {arrival_date}",
            "price a stay at {lodging}[ of {nights}] starting {arrival_date}",
            "get me a quote for {lodging}[, arriving {arrival_date}][ and staying {nights}]",
            "check what we'd pay at {lodging}[ from {arrival_date}] if we took {nights}",
        ),
        questions=(
            "How much would {nights} at {lodging} be from {arrival_date}?",
            "Suppose we arrive on {arrival_date} and spend {nights} at {lodging}: what would the bill be?",
            "Could we have {lodging} from {arrival_date} for {nights}, and at what price?",
        ),
        things=("price of {nights} at {lodging} from {arrival_date}",),
        noun="quote",
        deed="price a stay",
        tells=(
            lambda a, r: (
                f"{plural(r['nights'], 'night')} at {r['lodging']} from {day(r['arrival_date'])} would cost {money(r['total_price'])}, "
                f"and the place is {'still free' if r['available'] else 'already taken'} then."
            ),
            lambda a, r: (
                f"From {day(r['arrival_date'])} to {day(r['departure_date'])}, {r['lodging']} comes to {money(r['total_price'])} with a "
                f"deposit of {money(r['deposit'])}. "
                f"{'Those dates are available.' if r['available'] else 'Unfortunately those dates are gone.'}"
            ),
            lambda a, r: (
                f"{'The place is free for those dates' if r['available'] else 'Those dates are taken, though the price would have been'}{': ' if r['available'] else ' '}{money(r['total_price'])} for "
                f"{plural(r['nights'], 'night')} at {r['lodging']}."
            ),
        ),
    )
    def quote_stay(self, lodging: LodgingName, arrival_date: Arrival, nights: Nights) -> StayQuote:
        """Price a stay at a place and say whether its nights are free."""
        self._place(lodging)
        arrival = self._arrival_day(arrival_date)
        require(1 <= nights <= 14, "A stay lasts 1 to 14 nights.")
        price = self._price(lodging, arrival, nights)
        return StayQuote(
            lodging=lodging,
            arrival_date=arrival_date,
            departure_date=(arrival + timedelta(days=nights)).isoformat(),
            nights=nights,
            available=self._free(lodging, arrival, nights),
            total_price=price,
            deposit=price // 5,
        )

    @tool(
        asks=(
            "book {lodging}[ from {arrival_date}][ for {nights}][, {guests} in all]",
            "rent {lodging}[ for {nights}][ starting {arrival_date}][ with {guests}]",
            "take {lodging} for us[, arriving {arrival_date}][, staying {nights}][, {guests} altogether]",
            "reserve {lodging} for our holiday[ from {arrival_date}][, {nights}][ with {guests}]",
        ),
        questions=(
            "We'd love to spend {nights} at {lodging}[ from {arrival_date}] with {guests}.",
            "Please keep {lodging} free for {guests}[ from {arrival_date}][, {nights}].",
            "Our holiday starts on {arrival_date}: {nights} at {lodging} for {guests}, if you can arrange that.",
        ),
        noun="stay",
        deed="book a stay",
        tells=(
            lambda a, r: (
                f"{r['lodging']} is yours from {day(r['arrival_date'])} to {day(r['departure_date'])} for "
                f"{plural(r['guests'], 'guest')}. The stay code is {r['stay_code']} and the total {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"Booked: {plural(r['nights'], 'night')} at {r['lodging']} from {day(r['arrival_date'])}, under code {r['stay_code']}. "
                f"{money(r['balance_due'])} is still to be paid."
            ),
            lambda a, r: (
                f"Your holiday is fixed. Arrive at {r['lodging']} on {day(r['arrival_date'])} and stay {plural(r['nights'], 'night')}; "
                f"it costs {money(r['total_price'])} (code {r['stay_code']})."
            ),
        ),
    )
    def book_stay(
        self,
        lodging: LodgingName,
        arrival_date: Arrival,
        nights: Nights,
        guests: Annotated[
            int, Argument(description="Number of people who stay.", noun="number of guests", word="{} guest(s)", pick=_party, low=1, high=8)
        ],
    ) -> Stay:
        """Book a holiday place from a date for some nights and guests."""
        x = self._place(lodging)
        arrival = self._arrival_day(arrival_date)
        require(1 <= nights <= 14, "A stay lasts 1 to 14 nights.")
        require(1 <= guests <= x["sleeps"], f"{lodging} sleeps {x['sleeps']}.")
        require(self._free(lodging, arrival, nights), f"{lodging} is taken for some of the {nights} nights from {arrival_date}.")
        booked = self.away(arrival, nights)
        require(not booked, f"Stay {booked} is booked for some of the {nights} nights from {arrival_date}.")
        return self._stay(self._enter(lodging, arrival_date, nights, guests))

    @tool(
        asks=(
            "list the holiday stays I have booked",
            "show what accommodation I've got lined up",
            "run through my holiday bookings and what I owe on each",
            "pull together everything I have reserved for my holidays",
        ),
        questions=(
            "Where am I staying on my next holidays?",
            "Which of my stays still have something to pay?",
            "Do I have any holiday places booked, and until when?",
        ),
        things=("holiday stay of mine", "stay I have booked"),
        noun="stay",
        deed="list booked stays",
        tells=(
            lambda a, r: (
                f"You have {plural(len(r['stays']), 'stay')} booked: "
                f"{listing([x['lodging'] + ' from ' + day(x['arrival_date']) + ' to ' + day(x['departure_date']) + ' (' + x['stay_code'] + ', ' + _open(x) + ')' for x in r['stays']])}."
            ),
            lambda a, r: (
                f"Lined up: {listing([plural(x['nights'], 'night') + ' at ' + x['lodging'] + ' from ' + day(x['arrival_date']) + ' (' + _open(x) + ')' for x in r['stays']])}. "
                f"In all you {'still owe ' + money(sum(x['balance_due'] for x in r['stays'])) if any(x['balance_due'] for x in r['stays']) else 'owe nothing'}."
            ),
            lambda a, r: (
                f"Your bookings are {listing([x['stay_code'] + ' (' + x['lodging'] + ' until ' + day(x['departure_date']) + ', ' + _open(x) + ')' for x in r['stays']])}."
            ),
        ),
    )
    def list_stays(self) -> StayList:
        """List the user's booked stays with dates, extras and what is still to be paid."""
        require(self.state["stays"], "There are no booked stays.")
        return StayList(stays=sorted(map(self._stay, self.state["stays"]), key=lambda x: x["arrival_date"]))

    @tool(
        asks=(
            "see what extras there are at {lodging}",
            "list the add-ons that can be ordered at {lodging}",
            "find out what else we could get at {lodging}, things like bikes or wine",
            "check the price list for extras at {lodging}",
        ),
        questions=(
            "What can be ordered on top at {lodging}?",
            "Can guests get anything extra at {lodging}, and for how much?",
            "I'm curious what extras they have at {lodging}.",
        ),
        things=("extra at {lodging}", "add-on offered at {lodging}"),
        noun="extra",
        deed="list extras",
        tells=(
            lambda a, r: (
                f"At {r['lodging']} you can order {listing([x['extra'] + ' for ' + money(x['price']) + ' each' for x in r['extras']])}."
            ),
            lambda a, r: (
                f"{r['lodging']} offers {plural(len(r['extras']), 'extra')}: "
                f"{listing([x['extra'] + ' (' + money(x['price']) + ')' for x in r['extras']])}."
            ),
            lambda a, r: (
                f"The host's list has {listing([x['extra'] + ' at ' + money(x['price']) for x in r['extras']])}; the cheapest costs "
                f"{money(min(x['price'] for x in r['extras']))}."
            ),
        ),
    )
    def list_lodging_extras(self, lodging: LodgingName) -> ExtraList:
        """List what can be ordered in addition at a place, with prices."""
        return ExtraList(lodging=lodging, extras=[Extra(extra=extra, price=EXTRAS[extra]) for extra in self._place(lodging)["extras"]])

    @tool(
        asks=(
            "add {extra} to {stay_code}[, {quantity}]",
            "order {extra} for {stay_code}[ ({quantity})]",
            "have {extra} waiting for us on {stay_code}[, {quantity}]",
            "include {extra} with {stay_code}[, say {quantity}]",
        ),
        questions=(
            "We could do with {extra} during {stay_code}[, {quantity} to be exact].",
            "Would the host add {extra} to {stay_code}[ ({quantity})]?",
            "For {stay_code}, please order {extra}[ ({quantity})].",
        ),
        noun="order",
        deed="order extras",
        tells=(
            lambda a, r: (
                f"I've added {r['extra']} ({number(r['quantity'])} of them) to stay {r['stay_code']} at {r['lodging']} for {money(r['cost'])}."
            ),
            lambda a, r: (
                f"Ordered for {money(r['cost'])}: {r['extra']}, {number(r['quantity'])} of them. The open balance of {r['stay_code']} is {money(r['balance_due'])}."
            ),
            lambda a, r: (
                f"That's on order now for {r['lodging']}, {r['extra']} at {money(r['cost'])}. That leaves {money(r['balance_due'])} to pay "
                f"on {r['stay_code']}."
            ),
        ),
    )
    def order_extra(
        self,
        stay_code: StayCode,
        extra: Annotated[
            str, Argument(description="Name of the extra as on the host's list, such as rental bikes.", noun="extra", pick=_extra)
        ],
        quantity: Annotated[
            int, Argument(description="How many of the extra are ordered.", noun="quantity", word="{} of them", low=2, high=5)
        ],
    ) -> ExtraOrder:
        """Order an extra for a booked stay and add its price to the balance."""
        stay = self._booked(stay_code)
        require(extra in self.state["lodgings"][stay["lodging"]]["extras"], f"{stay['lodging']} does not offer {extra!r}.")
        require(1 <= quantity <= 10, "Between 1 and 10 of an extra can be ordered.")
        cost = EXTRAS[extra] * quantity
        stay["extras"].append(extra)
        stay["total_price"] += cost
        return ExtraOrder(
            stay_code=stay_code,
            lodging=stay["lodging"],
            extra=extra,
            quantity=quantity,
            cost=cost,
            balance_due=stay["total_price"] - stay["paid"],
        )

    @tool(
        asks=(
            "extend {stay_code}[ by {extra_nights}]",
            "add {extra_nights} to {stay_code}",
            "stretch {stay_code} so that we can remain for {extra_nights} more",
            "let us stay on after {stay_code}[, {extra_nights} longer]",
        ),
        questions=(
            "We're enjoying ourselves and want to make {stay_code} {extra_nights} longer.",
            "Could we leave later and have {stay_code} prolonged by {extra_nights}?",
            "If nobody comes after us, please lengthen {stay_code} by {extra_nights}.",
        ),
        noun="extended stay",
        deed="extend a stay",
        tells=(
            lambda a, r: (
                f"Your stay at {r['lodging']} now lasts {plural(r['nights'], 'night')}, until {day(r['departure_date'])}. The new total "
                f"is {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"You can keep {r['lodging']} until {day(r['departure_date'])}; {money(r['balance_due'])} is still open on "
                f"{r['stay_code']}."
            ),
            lambda a, r: (
                f"Extended: {r['stay_code']} runs from {day(r['arrival_date'])} to {day(r['departure_date'])} and costs "
                f"{money(r['total_price'])} in all."
            ),
        ),
    )
    def extend_stay(
        self,
        stay_code: Annotated[
            str,
            Argument(
                description="Code of a booked stay, such as STY-48213.", noun="stay", word="stay {}", kind="code", pick=_extendable_stay
            ),
        ],
        extra_nights: Annotated[
            int,
            Argument(
                description="Number of nights to add at the end.",
                noun="number of extra nights",
                word="{} night(s)",
                pick=_more_nights,
                low=1,
                high=7,
            ),
        ],
    ) -> Stay:
        """Add nights to the end of a booked stay if they are free."""
        x = self._booked(stay_code)
        require(1 <= extra_nights <= 7, "A stay can be extended by 1 to 7 nights.")
        require(self.can_extend(stay_code, extra_nights), f"{x['lodging']} is taken after stay {stay_code}, or you are booked elsewhere.")
        end = Day.fromisoformat(x["arrival_date"]) + timedelta(days=x["nights"])
        taken = self.state["lodgings"][x["lodging"]]["taken"]
        taken[taken.index([x["arrival_date"], x["nights"]])][1] += extra_nights
        x["nights"] += extra_nights
        x["total_price"] += self._price(x["lodging"], end, extra_nights)
        return self._stay(stay_code)

    @tool(
        asks=(
            "pay what's open on {stay_code}[, but only {amount} for now]",
            "settle {stay_code}[ in part, with {amount}]",
            "pay my bill for {stay_code}[: {amount} today]",
            "clear the balance of {stay_code}[ as far as {amount} goes]",
        ),
        questions=(
            "There's still a bill open for {stay_code}, so please pay[ {amount} to start with].",
            "Before we travel I'd rather have {stay_code} paid[, or at least {amount} of it].",
            "My salary is in, so please pay what I owe on {stay_code}[, or {amount} of that for now].",
        ),
        noun="payment",
        deed="pay for a stay",
        tells=(
            lambda a, r: (
                f"{money(r['paid'])} has been paid for stay {r['stay_code']}"
                + (f"; {money(r['balance_due'])} remains." if r["balance_due"] else " and nothing is left to pay.")
            ),
            lambda a, r: (
                f"Thank you, the payment of {money(r['paid'])} went through. "
                + (
                    f"The balance of {r['stay_code']} is now {money(r['balance_due'])}."
                    if r["balance_due"]
                    else f"Nothing is open on {r['stay_code']} now."
                )
            ),
            lambda a, r: (
                f"{'You still owe ' + money(r['balance_due']) if r['balance_due'] else 'All is settled'} on {r['stay_code']} after this "
                f"payment of {money(r['paid'])}."
            ),
        ),
    )
    def pay_stay_balance(
        self,
        stay_code: Annotated[
            str,
            Argument(description="Code of a booked stay, such as STY-48213.", noun="stay", word="stay {}", kind="code", pick=_unpaid_stay),
        ],
        amount: Annotated[
            int | None,
            Argument(description="Dollars to pay; the whole balance unless given.", noun="amount", word="${}", pick=_part_payment, low=1),
        ] = None,
    ) -> Payment:
        """Pay the open balance of a stay, or a part of it."""
        x = self._booked(stay_code)
        due = x["total_price"] - x["paid"]
        require(due > 0, f"Stay {stay_code} is paid in full.")
        paid = due if amount is None else amount
        require(0 < paid <= due, f"The amount must lie between 1 and {due} dollars.")
        x["paid"] += paid
        return Payment(stay_code=stay_code, paid=paid, balance_due=due - paid)

    @tool(
        asks=(
            "cancel {stay_code}, we aren't going after all",
            "give up {stay_code} for us and get back what they'll refund",
            "withdraw from {stay_code}",
            "release {stay_code} for other guests and see to the refund",
        ),
        questions=(
            "The kids are ill, so we have to let go of {stay_code}.",
            "Whatever we get back, {stay_code} must be called off.",
            "Our leave was refused, so we'd better cancel {stay_code}.",
        ),
        noun="cancelled stay",
        deed="cancel a stay",
        tells=(
            lambda a, r: (
                f"Stay {r['stay_code']} at {r['lodging']} is cancelled"
                + (f", and {money(r['refunded_amount'])} will be refunded." if r["refunded_amount"] else "; nothing could be refunded.")
            ),
            lambda a, r: f"I've called off {r['lodging']}. You get {money(r['refunded_amount'])} back for {r['stay_code']}.",
            lambda a, r: f"Your stay at {r['lodging']} is off. Refund for {r['stay_code']}: {money(r['refunded_amount'])}.",
        ),
    )
    def cancel_stay(self, stay_code: StayCode) -> CancelledStay:
        """Cancel a booked stay; what was paid is refunded in full a week ahead, by half later."""
        x = self._booked(stay_code)
        ahead = (Day.fromisoformat(x["arrival_date"]) - self.today).days
        self.state["lodgings"][x["lodging"]]["taken"].remove([x["arrival_date"], x["nights"]])
        del self.state["stays"][stay_code]
        return CancelledStay(
            stay_code=stay_code, lodging=x["lodging"], refunded_amount=x["paid"] if ahead >= 7 else x["paid"] // 2, status="cancelled"
        )
