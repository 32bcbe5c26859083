# ruff: noqa: E501
"""The museums of one city: exhibitions, timed entry, guided tours, memberships and audio guides.

Entry and tours share one kind of booking code. A membership takes a percentage off the tours that are booked with its number.
"""

from __future__ import annotations

from datetime import date as Day
from datetime import timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, soon, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import article, clock, day, listing, money, plural

MUSEUMS = (
    "Kessler Museum",
    "Harbour Gallery",
    "Museum of the City",
    "Linden Collection",
    "Old Mint Museum",
    "Science Centre",
    "Marigold Art Hall",
)
SHOWS = {
    "painting": ("Light on Water", "The Blue Room", "Portraits of Strangers", "After the Storm", "Women of the Studio"),
    "photography": ("Streets at Dawn", "Faces of the Delta", "One Camera, One Century", "Night Shift", "The Long Exposure"),
    "archaeology": ("Voices of Ur", "Under the Vineyard", "The Bronze Ship", "Gold of the Steppe", "A City Beneath"),
    "science": ("Inside the Hive", "Machines that Dream", "Deep Ice", "The Restless Sky", "How We Hear"),
    "design": ("Chairs!", "Paper Worlds", "The Kitchen of Tomorrow", "Type in Motion", "Made by Hand"),
}
TOURS = (
    "Hidden Stairways",
    "Masters in an Hour",
    "Behind the Vitrines",
    "The Founder's Secrets",
    "Tales for Families",
    "After Closing Time",
    "From Cellar to Dome",
    "Slow Looking",
)
GUIDES = ("Beatrix Holm", "Samuel Oduya", "Irene Castell", "Pavel Novak", "Yuki Mori", "Leila Farouk")
CURATORS = ("Dr Anna Feld", "Prof. Luis Cabral", "Dr Mona Sayeed", "Henrik Dahl", "Dr Chloe Baptiste")
ENTRY_TIMES = ("10:00", "11:00", "12:30", "14:00", "15:30", "16:30")
PLANS = {"Friend": (45, 10, 1), "Duo": (75, 15, 2), "Family": (98, 20, 5), "Patron": (240, 35, 4)}
LANGUAGES = ("English", "French", "German", "Spanish", "Italian", "Japanese")
HOLDERS = ("Amara Osei", "Jonas Weber", "Priya Nair", "Lucia Ferrari", "Tom Becker", "Mei Tanaka", "Omar Haddad", "Nina Kovacs")
GUIDE_FEE = 5
Theme = Literal["painting", "photography", "archaeology", "science", "design"]
Plan = Literal["Friend", "Duo", "Family", "Patron"]
Language = Literal["English", "French", "German", "Spanish", "Italian", "Japanese"]


class Exhibition(TypedDict):
    exhibition: str
    museum: str
    ticket_price: int
    closing_date: str
    visitor_rating: float


class ExhibitionList(TypedDict):
    exhibitions: list[Exhibition]


class ExhibitionProfile(TypedDict):
    exhibition: str
    museum: str
    theme: str
    curator: str
    objects: int
    visit_minutes: int
    ticket_price: int
    closing_date: str


class EntryTime(TypedDict):
    entry_time: str
    places_left: int


class EntryTimes(TypedDict):
    exhibition: str
    date: str
    entry_times: list[EntryTime]


class Visit(TypedDict):
    booking_code: str
    title: str
    museum: str
    date: str
    time: str
    people: int
    audio_guides: int
    total_price: float


class VisitList(TypedDict):
    bookings: list[Visit]


class GuidedTour(TypedDict):
    tour: str
    guide: str
    starts: str
    duration_minutes: int
    price_per_person: int
    places_left: int


class TourList(TypedDict):
    museum: str
    date: str
    tours: list[GuidedTour]


class DroppedVisit(TypedDict):
    booking_code: str
    title: str
    refund: float
    status: str


class MembershipPlan(TypedDict):
    plan: str
    yearly_price: int
    discount_percent: int
    people_covered: int


class PlanList(TypedDict):
    plans: list[MembershipPlan]


class Membership(TypedDict):
    member_number: str
    holder: str
    plan: str
    discount_percent: int
    valid_until: str
    paid: int


class MembershipStatus(TypedDict):
    member_number: str
    holder: str
    plan: str
    discount_percent: int
    valid_until: str
    days_left: int


class GuideHire(TypedDict):
    booking_code: str
    language: str
    audio_guides: int
    fee: int
    total_price: float


def _exhibition(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["exhibitions"]))


def _theme(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["theme"] for x in domain.state["exhibitions"].values()}))


def _fee_limit(domain: Domain, rng: Random, chosen: Any) -> Any:
    fees = [x["ticket_price"] for x in domain.state["exhibitions"].values() if x["theme"] == chosen.get("theme")]
    return rng.choice([limit for limit in (8, 10, 12, 15, 18, 20, 25) if limit >= min(fees or [10])][:3])


def _museum(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["museum"] for x in domain.state["tours"].values()}))


def _tour(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["tours"]))


def _entry_time(domain: Domain, rng: Random, chosen: Any) -> Any:
    left = Museum(domain.state).places(f"{chosen.get('exhibition')}|{chosen.get('date')}")
    own = _own_times(domain.state, chosen.get("date"))
    return rng.choice([time for time in ENTRY_TIMES if left[time] >= 2 and time not in own] or list(ENTRY_TIMES))


def _own_times(state: State, date: Any) -> list[str]:
    """Times of a date at which the user has entry to an exhibition or joins a tour."""
    return [x["time"] for x in state["visits"].values() if x["date"] == date]


def _visitors(domain: Domain, rng: Random, chosen: Any) -> Any:
    left = Museum(domain.state).places(f"{chosen.get('exhibition')}|{chosen.get('date')}").get(chosen.get("entry_time", ""), 4)
    return rng.randint(1, max(1, min(6, left)))


def _participants(domain: Domain, rng: Random, chosen: Any) -> Any:
    if chosen.get("tour") not in domain.state["tours"]:
        return 2
    return rng.randint(1, max(1, min(5, Museum(domain.state).tour_places(chosen["tour"], chosen.get("date", domain.state["today"])))))


def _booking(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["visits"]) or ["MUS-10000"])


def _devices(domain: Domain, rng: Random, chosen: Any) -> Any:
    visit = domain.state["visits"].get(chosen.get("booking_code"))
    return rng.randint(1, max(1, visit["people"] - visit["audio_guides"])) if visit else 1


def _member(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["members"]) or ["MEM-10000"])


def _newcomer(domain: Domain, rng: Random, chosen: Any) -> Any:
    known = {x["holder"] for x in domain.state["members"].values()}
    return rng.choice([name for name in HOLDERS if name not in known] or list(HOLDERS))


ExhibitionName = Annotated[str, Argument(description="Title of the exhibition, as listed.", noun="exhibition", pick=_exhibition)]
VisitDate = Annotated[
    str, Argument(description="Date of the visit in ISO 8601 format (YYYY-MM-DD).", noun="date", kind="date", pick=soon(14))
]
BookingCode = Annotated[
    str,
    Argument(
        description="Code of a booked visit or tour, such as MUS-48213.", noun="booking", word="booking {}", kind="code", pick=_booking
    ),
]


def _on_show(r: Any) -> list[str]:
    return [f"{x['exhibition']} at the {x['museum']} ({money(x['ticket_price'])})" for x in r["exhibitions"]]


def _planned(x: Any) -> str:
    return f"{x['title']} on {day(x['date'])} at {clock(x['time'])}"


def _guided_by(x: Any) -> str:
    return (
        f"{x['tour']} at {clock(x['starts'])} with {x['guide']} ({plural(x['duration_minutes'], 'minute')}, {money(x['price_per_person'])})"
    )


def _covering(x: Any) -> str:
    return f"{x['plan']} ({money(x['yearly_price'])}, covers {plural(x['people_covered'], 'person', 'people')})"


class Museum(Domain):
    """Find exhibitions and guided tours, book entry and places, join as a member, hire audio guides."""

    name: ClassVar[str] = "museum"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        museums = rng.sample(MUSEUMS, 3)
        state: State = {"today": today.isoformat(), "code_seed": rng.randrange(10_000)}
        state.update(exhibitions={}, tours={}, visits={}, members={}, booked={})
        themes = rng.sample(sorted(SHOWS), 3)
        titles = [(theme, title) for theme in themes for title in rng.sample(SHOWS[theme], rng.randint(2, 3))]
        for place, (subject, title) in enumerate(titles):
            state["exhibitions"][title] = {
                "museum": museums[(place + rng.randrange(2)) % 3],
                "theme": subject,
                "curator": rng.choice(CURATORS),
                "objects": rng.randint(24, 310),
                "visit_minutes": rng.randrange(40, 125, 5),
                "ticket_price": rng.randint(6, 22),
                "closing_date": (today + timedelta(days=rng.randint(20, 140))).isoformat(),
                "visitor_rating": round(rng.uniform(3.3, 4.9), 1),
            }
        for place, title in enumerate(rng.sample(TOURS, rng.randint(6, 8))):
            state["tours"][title] = {
                "museum": museums[place % 3],
                "guide": rng.choice(GUIDES),
                "starts": rng.choice(("10:30", "11:15", "13:00", "14:30", "16:00", "17:30")),
                "duration_minutes": rng.randrange(45, 125, 15),
                "price_per_person": rng.randint(5, 26),
                "group_size": rng.randint(10, 20),
            }
        domain = cls(state)
        for plan in rng.sample(sorted(PLANS), 2):
            domain._enrol(_newcomer(domain, rng, {}), plan, today - timedelta(days=rng.randint(20, 340)))
        for _ in range(2):
            tour, exhibition = _tour(domain, rng, {}), _exhibition(domain, rng, {})
            domain._enter_tour(tour, soon(14)(domain, rng, {}), rng.randint(1, 3), 0)
            domain._enter_exhibition(exhibition, soon(14)(domain, rng, {}), rng.choice(ENTRY_TIMES), rng.randint(1, 3))
        return state

    def _shown(self, exhibition: str) -> dict[str, Any]:
        require(exhibition in self.state["exhibitions"], f"No exhibition called {exhibition!r}.")
        shown: dict[str, Any] = self.state["exhibitions"][exhibition]
        return shown

    def _guided(self, tour: str) -> dict[str, Any]:
        require(tour in self.state["tours"], f"No guided tour called {tour!r}.")
        guided: dict[str, Any] = self.state["tours"][tour]
        return guided

    def _visit_day(self, text: str) -> Day:
        try:
            visit = Day.fromisoformat(text)
        except ValueError:
            visit = Day.min
        require(visit >= self.today, f"{text!r} is not a date from today on.")
        return visit

    def places(self, key: str) -> dict[str, int]:
        """Places left for each entry time of an `exhibition|date`."""
        start = sum(map(ord, key))
        booked = self.state["booked"].get(key, {})
        return {time: max(0, (start * (number + 3)) % 23 + 1 - booked.get(time, 0)) for number, time in enumerate(ENTRY_TIMES)}

    def tour_places(self, tour: str, date: str) -> int:
        """Places left on a guided tour on a date."""
        x = self.state["tours"][tour]
        others = sum(map(ord, tour + date)) % (x["group_size"] - 5)
        return int(x["group_size"] - others - self.state["booked"].get(f"{tour}|{date}", {}).get(x["starts"], 0))

    def _enter(self, visit: dict[str, Any], price: float) -> str:
        code = self.issue("MUS")
        visits = self.state["booked"].setdefault(f"{visit['title']}|{visit['date']}", {})
        visits[visit["time"]] = visits.get(visit["time"], 0) + visit["people"]
        self.state["visits"][code] = {**visit, "audio_guides": 0, "price": round(price, 2)}
        return code

    def _enter_exhibition(self, exhibition: str, date: str, time: str, people: int) -> str:
        x = self.state["exhibitions"][exhibition]
        return self._enter(
            {"title": exhibition, "museum": x["museum"], "date": date, "time": time, "people": people}, x["ticket_price"] * people
        )

    def _enter_tour(self, tour: str, date: str, people: int, discount: int) -> str:
        x = self.state["tours"][tour]
        visit = {"title": tour, "museum": x["museum"], "date": date, "time": x["starts"], "people": people}
        return self._enter(visit, x["price_per_person"] * people * (100 - discount) / 100)

    def _enrol(self, holder: str, plan: str, start: Day) -> str:
        number = self.issue("MEM")
        self.state["members"][number] = {"holder": holder, "plan": plan, "valid_until": (start + timedelta(days=365)).isoformat()}
        return number

    def _visit(self, code: str) -> Visit:
        x = self.state["visits"][code]
        return Visit(
            booking_code=code,
            title=x["title"],
            museum=x["museum"],
            date=x["date"],
            time=x["time"],
            people=x["people"],
            audio_guides=x["audio_guides"],
            total_price=round(x["price"] + x["audio_guides"] * GUIDE_FEE, 2),
        )

    @tool(
        asks=(
            "find[ {theme}] exhibitions in the city[ with tickets up to {max_fee}]",
            "see what {theme} is on show in town[ for {max_fee} or less]",
            "look through the museums for anything to do with {theme}[, at {max_fee} at most]",
            "name the exhibitions[ about {theme}] that are running[ and cost no more than {max_fee}]",
        ),
        questions=(
            "Which museums are showing {theme} at the moment[ for under {max_fee}]?",
            "A rainy weekend ahead: what {theme} exhibitions could I visit[ for {max_fee} or less]?",
            "My class is learning about {theme} — is there a fitting exhibition[ for up to {max_fee} each]?",
        ),
        things=("{theme} exhibition", "exhibition about {theme}"),
        noun="exhibition",
        deed="search for exhibitions",
        tells=(
            lambda a, r: (
                f"There {'is' if len(r['exhibitions']) == 1 else 'are'} {plural(len(r['exhibitions']), a['theme'] + ' exhibition')}: "
                f"{listing(_on_show(r))}."
            ),
            lambda a, r: (
                "You could see "
                f"{listing([x['exhibition'] + ' (until ' + day(x['closing_date']) + ', rated ' + str(x['visitor_rating']) + ')' for x in r['exhibitions']], conjunction='or')}."
            ),
            lambda a, r: (
                f"Running at the moment: {listing(_on_show(r))}."
                + (f" Tickets start at {money(min(x['ticket_price'] for x in r['exhibitions']))}." if len(r["exhibitions"]) > 1 else "")
            ),
        ),
    )
    def find_exhibitions(
        self,
        theme: Annotated[Theme, Argument(description="What the exhibition is about.", noun="theme", pick=_theme)],
        max_fee: Annotated[
            int | None, Argument(description="Highest ticket price in dollars.", noun="price limit", word="${}", pick=_fee_limit)
        ] = None,
    ) -> ExhibitionList:
        """List the exhibitions of the city's museums on a theme, optionally up to a ticket price."""
        found = [
            Exhibition(
                exhibition=name,
                museum=x["museum"],
                ticket_price=x["ticket_price"],
                closing_date=x["closing_date"],
                visitor_rating=x["visitor_rating"],
            )
            for name, x in self.state["exhibitions"].items()
            if x["theme"] == theme and (max_fee is None or x["ticket_price"] <= max_fee)
        ]
        require(found, f"No {theme} exhibition fits these limits.")
        return ExhibitionList(exhibitions=found)

    @tool(
        asks=(
            "tell me what to expect from {exhibition}",
            "find out the closing date of {exhibition} and how long a visit takes",
            "look into {exhibition}: size, curator and ticket price",
            "brief me on {exhibition} before we go there",
        ),
        questions=(
            "In which museum would we see {exhibition}, and how much time should we plan?",
            "Who put {exhibition} together, and how much is there to see?",
            "Until when can people see {exhibition}?",
        ),
        noun="exhibition details",
        deed="describe exhibitions",
        tells=(
            lambda a, r: (
                f"{r['exhibition']} shows {plural(r['objects'], 'object')} at the {r['museum']} until {day(r['closing_date'])}. Curated "
                f"by {r['curator']}, it takes about {plural(r['visit_minutes'], 'minute')}, and a ticket costs "
                f"{money(r['ticket_price'])}."
            ),
            lambda a, r: (
                f"Plan {plural(r['visit_minutes'], 'minute')} for {r['exhibition']} at the {r['museum']}: "
                f"{plural(r['objects'], 'object')} chosen by {r['curator']}. It closes on {day(r['closing_date'])} and costs "
                f"{money(r['ticket_price'])}."
            ),
            lambda a, r: (
                f"Until {day(r['closing_date'])} the {r['museum']} has {r['exhibition']}, {article(r['theme'] + ' exhibition')} by {r['curator']}. "
                f"Entry is {money(r['ticket_price'])}; there are {plural(r['objects'], 'object')}, enough for "
                f"{plural(r['visit_minutes'], 'minute')}."
            ),
        ),
    )
    def describe_exhibition(self, exhibition: ExhibitionName) -> ExhibitionProfile:
        """Return an exhibition's museum, curator, size, time needed, ticket price and last day."""
        x = self._shown(exhibition)
        return ExhibitionProfile(
            exhibition=exhibition,
            museum=x["museum"],
            theme=x["theme"],
            curator=x["curator"],
            objects=x["objects"],
            visit_minutes=x["visit_minutes"],
            ticket_price=x["ticket_price"],
            closing_date=x["closing_date"],
        )

    @tool(
        asks=(
            "list the entry times for {exhibition} on {date}",
            "see at what hours {exhibition} can still take people on {date}",
            "check at which hours there's room at {exhibition} on {date}",
            "look at the time slots left for {exhibition}[ on {date}]",
        ),
        questions=(
            "At which times can visitors get into {exhibition} on {date}?",
            "When could we still get into {exhibition} on {date}?",
            "At what hours are there places left for {exhibition} on {date}?",
        ),
        things=("entry time for {exhibition} on {date}",),
        noun="entry time",
        deed="check entry times",
        tells=(
            lambda a, r: (
                f"On {day(r['date'])} you can enter {r['exhibition']} at "
                f"{listing([clock(x['entry_time']) + ' (' + plural(x['places_left'], 'place') + ')' for x in r['entry_times']], limit=6, conjunction='or')}."
            ),
            lambda a, r: (
                f"{r['exhibition']} has places on {day(r['date'])} at "
                f"{listing([clock(x['entry_time']) for x in r['entry_times']], limit=6)}. The quietest hour is "
                f"{clock(max(r['entry_times'], key=lambda x: x['places_left'])['entry_time'])}."
            ),
            lambda a, r: (
                f"There {'is' if len(r['entry_times']) == 1 else 'are'} {plural(len(r['entry_times']), 'entry time')} for "
                f"{r['exhibition']} on {day(r['date'])}: "
                f"{listing([clock(x['entry_time']) + ' with ' + plural(x['places_left'], 'place') + ' left' for x in r['entry_times']], limit=6)}."
            ),
        ),
    )
    def list_entry_times(self, exhibition: ExhibitionName, date: VisitDate) -> EntryTimes:
        """List the entry times of an exhibition on a date with the places left."""
        self._shown(exhibition)
        self._visit_day(date)
        slots = [EntryTime(entry_time=time, places_left=left) for time, left in self.places(f"{exhibition}|{date}").items() if left]
        require(slots, f"{exhibition} is full on {date}.")
        return EntryTimes(exhibition=exhibition, date=date, entry_times=slots)

    @tool(
        asks=(
            "book entry to {exhibition}[ on {date}][ at {entry_time}][ for {people}]",
            "get {people} into {exhibition}[ on {date}][ at {entry_time}]",
            "reserve a time slot at {exhibition}[: {entry_time}][ on {date}][, {people}]",
            "arrange our visit to {exhibition}[ for {date}][, going in at {entry_time}][ with {people}]",
        ),
        questions=(
            "We want to see {exhibition}[ on {date}], {people}[, starting at {entry_time}].",
            "Please put {people} down for {exhibition}[ at {entry_time}][ on {date}].",
            "Our free day is {date}, and we'd love to see {exhibition} at {entry_time} with {people}.",
        ),
        noun="entry booking",
        deed="book entry to an exhibition",
        tells=(
            lambda a, r: (
                f"Entry to {r['title']} is booked for {plural(r['people'], 'person', 'people')} on {day(r['date'])} at "
                f"{clock(r['time'])}. The booking code is {r['booking_code']}, the price {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"Be at the {r['museum']} on {day(r['date'])} by {clock(r['time'])}: {r['title']}, {plural(r['people'], 'visitor')}, "
                f"{money(r['total_price'])}, code {r['booking_code']}."
            ),
            lambda a, r: (
                f"Your slot is {clock(r['time'])} on {day(r['date'])}. For {money(r['total_price'])}, booking {r['booking_code']} lets "
                f"{plural(r['people'], 'visitor')} into {r['title']}."
            ),
        ),
    )
    def book_exhibition_entry(
        self,
        exhibition: ExhibitionName,
        date: VisitDate,
        entry_time: Annotated[
            str, Argument(description="Entry time in 24-hour format (HH:MM).", noun="entry time", kind="time", pick=_entry_time)
        ],
        people: Annotated[
            int,
            Argument(description="Number of visitors.", noun="number of visitors", word="{} visitor(s)", pick=_visitors, low=1, high=10),
        ],
    ) -> Visit:
        """Book timed entry to an exhibition for a number of visitors."""
        x = self._shown(exhibition)
        visit = self._visit_day(date)
        require(visit <= Day.fromisoformat(x["closing_date"]), f"{exhibition} closes on {x['closing_date']}.")
        require(entry_time in ENTRY_TIMES, f"Entry times are {', '.join(ENTRY_TIMES)}.")
        left = self.places(f"{exhibition}|{date}")[entry_time]
        require(1 <= people <= left, f"{exhibition} has {left} places left at {entry_time} on {date}.")
        require(entry_time not in _own_times(self.state, date), f"The user has another visit at {entry_time} on {date}.")
        return self._visit(self._enter_exhibition(exhibition, date, entry_time, people))

    @tool(
        asks=(
            "list the guided tours at {museum} on {date}",
            "find out about tours of {museum} on {date} and their prices",
            "show which tours one can join at {museum}[ on {date}]",
            "check what there is in the way of guided tours at {museum} on {date}",
        ),
        questions=(
            "Do they run guided tours of {museum} on {date}?",
            "When do the tours of {museum} set off on {date}?",
            "We'd enjoy being shown around {museum} on {date} — what tours do they have?",
        ),
        things=("guided tour at {museum} on {date}", "tour of {museum} on {date}"),
        noun="guided tour",
        deed="list guided tours",
        tells=(
            lambda a, r: (
                f"The {r['museum']} has {plural(len(r['tours']), 'tour')} on {day(r['date'])}: "
                f"{listing([x['tour'] + ' at ' + clock(x['starts']) + ' for ' + money(x['price_per_person']) for x in r['tours']])}."
            ),
            lambda a, r: f"On {day(r['date'])} you can join {listing([_guided_by(x) for x in r['tours']], conjunction='or')}.",
            lambda a, r: (
                f"At the {r['museum']} they offer "
                f"{listing([x['tour'] + ' (' + clock(x['starts']) + ', ' + money(x['price_per_person']) + ' a person)' for x in r['tours']])}. "
                f"The shortest lasts {plural(min(x['duration_minutes'] for x in r['tours']), 'minute')}."
            ),
        ),
    )
    def list_guided_tours(
        self,
        museum: Annotated[str, Argument(description="Name of the museum.", noun="museum", word="the {}", pick=_museum)],
        date: VisitDate,
    ) -> TourList:
        """List the guided tours of a museum on a date with guide, start, price and places left."""
        self._visit_day(date)
        tours = [
            GuidedTour(
                tour=name,
                guide=x["guide"],
                starts=x["starts"],
                duration_minutes=x["duration_minutes"],
                price_per_person=x["price_per_person"],
                places_left=left,
            )
            for name, x in self.state["tours"].items()
            if x["museum"] == museum and (left := self.tour_places(name, date)) > 0
        ]
        require(tours, f"No guided tour at {museum!r} on {date}.")
        return TourList(museum=museum, date=date, tours=tours)

    @tool(
        asks=(
            "sign {people} up for {tour}[ on {date}][, using {member_number}]",
            "join {tour}[ on {date}] with {people}[ and {member_number}]",
            "book {tour}[ on {date}][ for {people}][, with the discount from {member_number}]",
            "save room on {tour}[ on {date}] for {people}[ through {member_number}]",
        ),
        questions=(
            "We've heard good things about {tour} and would come with {people}[ on {date}][, booking through {member_number}].",
            "If there's room for {people} on {tour}[ on {date}], put us down[ under {member_number}].",
            "For {date} I've chosen {tour}; please register {people}[ with {member_number}].",
        ),
        noun="tour booking",
        deed="join a guided tour",
        tells=(
            lambda a, r: (
                f"{plural(r['people'], 'place')} on {r['title']} {'is' if r['people'] == 1 else 'are'} yours, {day(r['date'])} at "
                f"{clock(r['time'])}, for {money(r['total_price'])}. The booking code is {r['booking_code']}."
            ),
            lambda a, r: (
                f"You're signed up for {_planned(r)} at the {r['museum']}: code {r['booking_code']}, "
                f"{plural(r['people'], 'person', 'people')}, {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"The tour at the {r['museum']} starts at {clock(r['time'])} on {day(r['date'])}. Booking {r['booking_code']} covers "
                f"{plural(r['people'], 'person', 'people')} on {r['title']} and costs {money(r['total_price'])}."
            ),
        ),
    )
    def join_guided_tour(
        self,
        tour: Annotated[str, Argument(description="Title of the guided tour, as listed.", noun="tour", pick=_tour)],
        date: VisitDate,
        people: Annotated[
            int,
            Argument(
                description="Number of people who take part.",
                noun="number of people",
                word="{} participant(s)",
                pick=_participants,
                low=1,
                high=10,
            ),
        ],
        member_number: Annotated[
            str | None,
            Argument(
                description="Number of a membership for its discount, such as MEM-48213.",
                noun="membership",
                word="membership {}",
                kind="code",
                pick=_member,
            ),
        ] = None,
    ) -> Visit:
        """Book places on a guided tour, with the discount of a membership if one is given."""
        self._guided(tour)
        self._visit_day(date)
        left = self.tour_places(tour, date)
        require(1 <= people <= left, f"{tour} has {left} places left on {date}.")
        require(member_number is None or member_number in self.state["members"], f"No membership with number {member_number!r}.")
        discount = PLANS[self.state["members"][member_number]["plan"]][1] if member_number else 0
        return self._visit(self._enter_tour(tour, date, people, discount))

    @tool(
        asks=(
            "list the museum visits I have planned",
            "bring up my tours and exhibition bookings",
            "show me on which days I'm due at a museum",
            "sum up which exhibitions and tours I'm booked on",
        ),
        questions=(
            "Which museum bookings do I have at present?",
            "When are my next tours and exhibition visits?",
            "What museum visits and tours lie ahead of us?",
        ),
        things=("museum booking of mine", "visit I have planned"),
        noun="booking",
        deed="list museum bookings",
        tells=(
            lambda a, r: (
                f"You have {plural(len(r['bookings']), 'booking')}: "
                f"{listing([_planned(x) + ' (' + x['booking_code'] + ')' for x in r['bookings']])}."
            ),
            lambda a, r: (
                "Planned so far: "
                f"{listing([x['title'] + ' at the ' + x['museum'] + ' on ' + day(x['date']) + ' for ' + plural(x['people'], 'person', 'people') for x in r['bookings']])}, "
                f"for {money(round(sum(x['total_price'] for x in r['bookings']), 2))} in total."
            ),
            lambda a, r: (
                "Your codes are "
                f"{listing([x['booking_code'] + ' for ' + _planned(x) + ' (' + money(x['total_price']) + ')' for x in r['bookings']])}."
            ),
        ),
    )
    def list_museum_bookings(self) -> VisitList:
        """List the user's booked exhibition visits and guided tours."""
        require(self.state["visits"], "There are no museum bookings.")
        return VisitList(bookings=sorted(map(self._visit, self.state["visits"]), key=lambda x: (x["date"], x["time"])))

    @tool(
        asks=(
            "drop {booking_code} from my museum plans",
            "cancel our visit under {booking_code} and get us the refund",
            "take us off {booking_code}",
            "free up the places on {booking_code}, as nobody can go",
        ),
        questions=(
            "The school trip was called off, so we don't need {booking_code} any more.",
            "Sadly I won't get to the museum, so please cancel {booking_code} and tell me the refund.",
            "With everyone down with a cold, we'd better cancel {booking_code}.",
        ),
        noun="cancellation",
        deed="cancel museum bookings",
        tells=(
            lambda a, r: f"{r['title']} is off your plans; {money(r['refund'])} will be refunded for {r['booking_code']}.",
            lambda a, r: (
                f"Booking {r['booking_code']} for {r['title']} has been cancelled"
                + (f" and you get {money(r['refund'])} back." if r["refund"] else ", but it's too late for a refund.")
            ),
            lambda a, r: f"You're no longer expected at {r['title']}. Refund on {r['booking_code']}: {money(r['refund'])}.",
        ),
    )
    def drop_museum_booking(self, booking_code: BookingCode) -> DroppedVisit:
        """Cancel a booked visit or tour; it is refunded in full until the day before."""
        require(booking_code in self.state["visits"], f"No museum booking with code {booking_code!r}.")
        refund = self._visit(booking_code)["total_price"] if self.state["visits"][booking_code]["date"] > self.state["today"] else 0.0
        x = self.state["visits"].pop(booking_code)
        self.state["booked"][f"{x['title']}|{x['date']}"][x["time"]] -= x["people"]
        return DroppedVisit(booking_code=booking_code, title=x["title"], refund=refund, status="cancelled")

    @tool(
        asks=(
            "compare the museum memberships[ that cover {people}]",
            "show me what membership plans there are[ for {people}] and what they cost a year",
            "explain which memberships the museums sell[ to groups of {people}]",
            "find out what I'd save as a member of the museums[, given that we're {people}]",
        ),
        questions=(
            "How much is a museum membership per year[ for {people}]?",
            "We go to museums a lot[, {people} in all] — what membership plans are there?",
            "Is becoming a member of the museums worth it[ for {people}]?",
        ),
        things=("museum membership", "membership plan"),
        noun="membership plan",
        deed="compare memberships",
        tells=(
            lambda a, r: (
                f"There {'is' if len(r['plans']) == 1 else 'are'} {plural(len(r['plans']), 'plan')}: "
                f"{listing([x['plan'] + ' for ' + money(x['yearly_price']) + ' a year with ' + str(x['discount_percent']) + ' percent off' for x in r['plans']])}."
            ),
            lambda a, r: f"You can choose {listing([_covering(x) for x in r['plans']], conjunction='or')}.",
            lambda a, r: (
                f"Membership starts at {money(min(x['yearly_price'] for x in r['plans']))} a year. In detail: "
                f"{listing([x['plan'] + ' at ' + money(x['yearly_price']) + ' with a discount of ' + str(x['discount_percent']) + ' percent' for x in r['plans']])}."
            ),
        ),
    )
    def compare_memberships(
        self,
        people: Annotated[
            int | None,
            Argument(
                description="Number of people whom the membership must cover.", noun="number of people", word="{} people", low=2, high=5
            ),
        ] = None,
    ) -> PlanList:
        """List the membership plans of the museums with yearly price, discount and people covered."""
        plans = [
            MembershipPlan(plan=name, yearly_price=price, discount_percent=discount, people_covered=covered)
            for name, (price, discount, covered) in PLANS.items()
            if covered >= (people or 1)
        ]
        require(plans, f"No membership covers {people} people.")
        return PlanList(plans=plans)

    @tool(
        asks=(
            "take out {plan} in the name of {holder}",
            "enrol {holder} with {plan} at the museums",
            "start {plan} for {holder}",
            "make {holder} a museum member on {plan}",
        ),
        questions=(
            "As a birthday gift {holder} should get {plan} for the museums.",
            "I've decided on {plan}; the museum card should say {holder}.",
            "Museum membership for {holder}, please: {plan}.",
        ),
        noun="membership",
        deed="take out memberships",
        tells=(
            lambda a, r: (
                f"{r['holder']} is now a {r['plan']} member until {day(r['valid_until'])}, {r['valid_until'][:4]}. The member number is "
                f"{r['member_number']}, and {money(r['paid'])} was paid."
            ),
            lambda a, r: (
                f"Membership {r['member_number']} has started for {r['holder']}: {r['plan']} plan, {r['discount_percent']} percent off, "
                f"{money(r['paid'])} for the year."
            ),
            lambda a, r: (
                f"For {money(r['paid'])} the {r['plan']} plan is active in the name of {r['holder']}, with {r['discount_percent']} "
                f"percent off tours (number {r['member_number']})."
            ),
        ),
    )
    def start_membership(
        self,
        holder: Annotated[str, Argument(description="Full name of the member.", noun="member's name", pick=_newcomer)],
        plan: Annotated[Plan, Argument(description="Membership plan.", noun="plan", word="the {} plan")],
    ) -> Membership:
        """Start a year of museum membership for a person."""
        require(plan in PLANS, f"The plans are {', '.join(PLANS)}.")
        require(holder.strip(), "The member needs a name.")
        require(all(x["holder"] != holder for x in self.state["members"].values()), f"{holder} is a member already.")
        number = self._enrol(holder, plan, self.today)
        price, discount, _ = PLANS[plan]
        return Membership(
            member_number=number,
            holder=holder,
            plan=plan,
            discount_percent=discount,
            valid_until=self.state["members"][number]["valid_until"],
            paid=price,
        )

    @tool(
        asks=(
            "check the expiry date of {member_number}",
            "look up the holder and discount of {member_number}",
            "see how many days are left on {member_number}",
            "confirm the plan and discount of {member_number}",
        ),
        questions=(
            "Can I still use {member_number} at the museums?",
            "In whose name did we take out {member_number}, and what's the discount?",
            "Until when can I go on using {member_number}?",
        ),
        noun="membership",
        deed="check memberships",
        tells=(
            lambda a, r: (
                f"Membership {r['member_number']} belongs to {r['holder']} ({r['plan']} plan, {r['discount_percent']} percent off) and is valid until "
                f"{day(r['valid_until'])}, {r['valid_until'][:4]}, which leaves {plural(r['days_left'], 'day')}."
            ),
            lambda a, r: (
                f"It's {r['holder']}'s {r['plan']} membership with {r['discount_percent']} percent off; {plural(r['days_left'], 'day')} "
                f"remain{'s' if r['days_left'] == 1 else ''} on {r['member_number']}, until {day(r['valid_until'])}, {r['valid_until'][:4]}."
            ),
            lambda a, r: (
                f"{r['member_number']} can be used for {plural(r['days_left'], 'more day', 'more days')}, until {day(r['valid_until'])}, {r['valid_until'][:4]}. "
                f"With the {r['plan']} plan, {r['holder']} gets {r['discount_percent']} percent off."
            ),
        ),
    )
    def check_membership(
        self,
        member_number: Annotated[
            str,
            Argument(
                description="Number of the membership, such as MEM-48213.",
                noun="membership",
                word="membership {}",
                kind="code",
                pick=_member,
            ),
        ],
    ) -> MembershipStatus:
        """Return a membership's holder, plan, discount and last day."""
        require(member_number in self.state["members"], f"No membership with number {member_number!r}.")
        x = self.state["members"][member_number]
        left = (Day.fromisoformat(x["valid_until"]) - self.today).days
        return MembershipStatus(
            member_number=member_number,
            holder=x["holder"],
            plan=x["plan"],
            discount_percent=PLANS[x["plan"]][1],
            valid_until=x["valid_until"],
            days_left=left,
        )

    @tool(
        asks=(
            "hire {devices} in {language} for {booking_code}",
            "add {devices} to {booking_code}, spoken in {language}",
            "have {devices} set to {language} ready for {booking_code}",
            "rent {devices} for our visit on {booking_code}, narrated in {language}",
        ),
        questions=(
            "Some of us only understand {language}, so please add {devices} to {booking_code}.",
            "Could we have {devices} in {language} on {booking_code}?",
            "To follow everything we need {devices} in {language} on {booking_code}.",
        ),
        noun="audio guide hire",
        deed="hire audio guides",
        tells=(
            lambda a, r: (
                f"{plural(r['audio_guides'], 'audio guide')} in {r['language']} will be ready for booking {r['booking_code']}, at "
                f"{money(r['fee'])}."
            ),
            lambda a, r: (
                f"I've hired {plural(r['audio_guides'], r['language'] + ' audio guide')} for {money(r['fee'])}, which brings "
                f"{r['booking_code']} to {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"You have {plural(r['audio_guides'], r['language'] + ' audio guide')} on your booking. The hire costs "
                f"{money(r['fee'])}, so {r['booking_code']} comes to {money(r['total_price'])}."
            ),
        ),
    )
    def hire_audio_guides(
        self,
        booking_code: BookingCode,
        language: Annotated[Language, Argument(description="Language of the audio guide.", noun="language")],
        devices: Annotated[
            int,
            Argument(
                description="Number of audio guides, one for each visitor at most.",
                noun="number of audio guides",
                word="{} audio guide(s)",
                pick=_devices,
                low=1,
                high=10,
            ),
        ],
    ) -> GuideHire:
        """Hire audio guides in a language for a booked visit and add their fee."""
        require(booking_code in self.state["visits"], f"No museum booking with code {booking_code!r}.")
        require(language in LANGUAGES, f"Audio guides speak {', '.join(LANGUAGES)}.")
        visit = self.state["visits"][booking_code]
        wanting = visit["people"] - visit["audio_guides"]
        require(1 <= devices <= wanting, f"Booking {booking_code} has {wanting} visitors without an audio guide.")
        self.state["visits"][booking_code]["audio_guides"] += devices
        return GuideHire(
            booking_code=booking_code,
            language=language,
            audio_guides=devices,
            fee=devices * GUIDE_FEE,
            total_price=self._visit(booking_code)["total_price"],
        )
