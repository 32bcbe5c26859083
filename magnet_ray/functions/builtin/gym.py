"""A gym as one member meets it: group classes, personal trainers, membership plans and lockers.

A group class has one coming session and a number of places; trainers have free times that follow from their
rota and the sessions taken so far. The member always has exactly one plan.
"""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, soon, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import clock, day, listing, money, number, plural

Activity = Literal["yoga", "pilates", "spinning", "boxing", "swimming", "dance", "strength training"]
Focus = Literal["weight loss", "marathon running", "strength", "back health", "flexibility", "swimming technique"]
FOCUSES = ("weight loss", "marathon running", "strength", "back health", "flexibility", "swimming technique")
CLASS_NAMES: Mapping[str, tuple[str, ...]] = {
    "yoga": ("Slow Flow", "Morning Stretch", "Candlelight Yoga", "Power Vinyasa"),
    "pilates": ("Core Express", "Reformer Basics", "Long Spine", "Lunchtime Pilates"),
    "spinning": ("Sunrise Ride", "Hill Climb", "Disco Spin", "Sprint Thirty"),
    "boxing": ("Bag Work", "Footwork First", "Round Twelve", "Boxing Basics"),
    "swimming": ("Lane Club", "Aqua Fit", "Stroke Clinic", "Deep Water"),
    "dance": ("Salsa Hour", "Barefoot Jazz", "Street Steps", "Bollywood Burn"),
    "strength training": ("Kettlebell Club", "Iron Lunch", "Heavy Lifting", "Barbell School"),
}
CLASS_HOURS = {
    "Morning Stretch": ("07:00", "08:00", "09:00"),
    "Sunrise Ride": ("07:00", "08:00"),
    "Candlelight Yoga": ("19:00", "20:00"),
    "Disco Spin": ("18:00", "19:00", "20:00"),
    "Lunchtime Pilates": ("12:30",),
    "Iron Lunch": ("12:30",),
}
TRAINERS = (
    "Marcus Dahl",
    "Yuki Sato",
    "Leila Haddad",
    "Tomas Vesely",
    "Bea Whitlock",
    "Kofi Annan-Reed",
    "Irina Petrova",
    "Callum Frazer",
    "Rosa Delgado",
    "Anders Holm",
    "Zoe Marchand",
    "Dev Malhotra",
)
PLANS = (
    ("Off-Peak", 19, 34, 0),
    ("Basic", 25, 42, 1),
    ("Swim and Sauna", 38, 55, 2),
    ("All Classes", 45, 68, 2),
    ("Family", 72, 98, 4),
    ("Premium", 80, 120, 6),
)
AREAS = ("entrance", "pool", "weights room")
Plan = Literal["Off-Peak", "Basic", "Swim and Sauna", "All Classes", "Family", "Premium"]
TIMES = ("07:00", "08:00", "09:00", "11:00", "12:30", "15:00", "17:00", "18:00", "19:00", "20:00")


class ClassSummary(TypedDict):
    class_name: str
    trainer: str
    date: str
    time: str
    duration_minutes: int
    price: int
    places_left: int


class ClassList(TypedDict):
    classes: list[ClassSummary]


class TrainerSummary(TypedDict):
    trainer: str
    focus: str
    rating: float
    price: int
    years_of_experience: int


class TrainerList(TypedDict):
    trainers: list[TrainerSummary]


class TrainerTimes(TypedDict):
    trainer: str
    date: str
    open_times: list[str]
    price: int


class TrainerSession(TypedDict):
    session_code: str
    trainer: str
    date: str
    time: str
    price: int


class JoinedClass(TypedDict):
    class_name: str
    trainer: str
    date: str
    time: str
    price: int


class GymBookings(TypedDict):
    joined_classes: list[JoinedClass]
    trainer_sessions: list[TrainerSession]


class ClassPlace(TypedDict):
    class_name: str
    trainer: str
    date: str
    time: str
    price: int
    places_left: int


class LeftClass(TypedDict):
    class_name: str
    date: str
    refund: int


class PlanSummary(TypedDict):
    plan: str
    monthly_price: int
    guest_passes: int
    current: bool


class PlanList(TypedDict):
    plans: list[PlanSummary]


class PlanChange(TypedDict):
    plan: str
    previous_plan: str
    monthly_price: int
    price_difference: int
    starts_on: str


class LockerSummary(TypedDict):
    locker: str
    area: str
    monthly_price: int


class LockerList(TypedDict):
    lockers: list[LockerSummary]


class LockerRental(TypedDict):
    locker: str
    area: str
    months: int
    total_price: int
    rented_until: str


def _day_of(text: str) -> date:
    """The date that `text` says; a refusal where it says none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        require(False, f"{text!r} is not a date; dates look like 2026-03-14.")
        raise


def _matching(domain: Domain, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Group classes that satisfy the search limits chosen so far."""
    return [
        x
        for x in domain.state["classes"].values()
        if x["activity"] == chosen.get("activity", x["activity"])
        and x["price"] <= chosen.get("max_price", x["price"])
        and x["duration_minutes"] <= chosen.get("max_minutes", x["duration_minutes"])
    ]


def _activity(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([x["activity"] for x in _matching(domain, {})])


def _max_price(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([x["price"] for x in _matching(domain, chosen)] or [20]) + rng.randint(0, 3)


def _max_minutes(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([x["duration_minutes"] for x in _matching(domain, chosen)] or [60]) + rng.choice((0, 5, 15))


def _focus(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["focus"] for x in domain.state["trainers"].values()}))


def _trainer(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(list(domain.state["trainers"]))


def _open_class(domain: Domain, rng: Random, chosen: Any) -> Any:
    classes, joined = domain.state["classes"], domain.state["joined"]
    return rng.choice([name for name, x in classes.items() if x["places_left"] and name not in joined] or list(classes))


def _joined_class(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(domain.state["joined"] or list(domain.state["classes"]))


def _session_code(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(list(domain.state["sessions"]) or ["PTS-10000"])


def _other_plan(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([name for name in domain.state["plans"] if name != domain.state["plan"]])


def _area(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["area"] for x in domain.state["lockers"].values() if not x["rented_until"]}) or list(AREAS))


def _free_locker(domain: Domain, rng: Random, chosen: Any) -> Any:
    lockers = domain.state["lockers"]
    return rng.choice([name for name, x in lockers.items() if not x["rented_until"]] or list(lockers))


def _free_times(state: State, trainer: str, when: str) -> list[str]:
    """Times at which a trainer is on the rota and the member has no session yet; a different pattern every day."""
    rota, ordinal = state["trainers"][trainer]["rota"], date.fromisoformat(when).toordinal()
    taken = {x["time"] for x in state["sessions"].values() if x["date"] == when}
    taken |= {state["classes"][name]["time"] for name in state["joined"] if state["classes"][name]["date"] == when}
    return [time for index, time in enumerate(TIMES) if (index * 4 + ordinal * 3 + rota) % 7 < 4 and time not in taken]


def _free_time(domain: Domain, rng: Random, chosen: Any) -> Any:
    session = domain.state["sessions"].get(chosen.get("session_code"), {})
    trainer, when = chosen.get("trainer", session.get("trainer")), chosen.get("date")
    if trainer not in domain.state["trainers"] or not when:
        return rng.choice(TIMES)
    return rng.choice(_free_times(domain.state, trainer, when) or TIMES)


def _plan(x: Any) -> str:
    passes = plural(x["guest_passes"], "guest pass", "guest passes") if x["guest_passes"] else "no guest passes"
    return f"{x['plan']} at {money(x['monthly_price'])} a month ({passes})"


Trainer = Annotated[str, Argument(description="Full name of the personal trainer.", noun="trainer", pick=_trainer)]
Date = Annotated[str, Argument(description="Date in ISO 8601 format (YYYY-MM-DD).", noun="date", kind="date", pick=soon(12))]
Time = Annotated[str, Argument(description="Time of day in 24-hour format (HH:MM).", noun="time", kind="time", pick=_free_time)]


class Gym(Domain):
    """Join group classes, train with a personal trainer, change the membership plan and rent lockers."""

    name: ClassVar[str] = "gym"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {
            "today": today.isoformat(),
            "code_seed": rng.randrange(10_000),
            "classes": {},
            "joined": [],
            "trainers": {},
            "sessions": {},
            "plans": {},
            "lockers": {},
        }
        names = rng.sample(TRAINERS, rng.randint(5, 6))
        focuses = rng.sample(FOCUSES, 3)
        for index, name in enumerate(names):
            state["trainers"][name] = {
                "focus": focuses[index % 3],
                "rating": round(rng.uniform(3.6, 5.0), 1),
                "price": rng.randint(35, 90),
                "years": rng.randint(1, 18),
                "rota": rng.randrange(7),
            }
        for activity in rng.sample(sorted(CLASS_NAMES), 4):
            for class_name in rng.sample(CLASS_NAMES[activity], rng.randint(2, 4)):
                state["classes"][class_name] = {
                    "activity": activity,
                    "trainer": rng.choice(names),
                    "date": (today + timedelta(days=rng.randint(1, 9))).isoformat(),
                    "time": rng.choice(CLASS_HOURS.get(class_name, TIMES)),
                    "duration_minutes": rng.choice((30, 40, 45, 50, 60, 75, 90)),
                    "price": rng.randint(13, 28),
                    "places_left": rng.randint(2, 14),
                }
        state["joined"] = rng.sample(list(state["classes"]), rng.randint(3, 4))
        for name, low, high, guest_passes in rng.sample(PLANS, rng.randint(4, 5)):
            state["plans"][name] = {"monthly_price": rng.randint(low, high), "guest_passes": guest_passes}
        state["plan"] = rng.choice(list(state["plans"]))
        cls._add_sessions_and_lockers(state, rng, today)
        return state

    @classmethod
    def _add_sessions_and_lockers(cls, state: State, rng: Random, today: date) -> None:
        domain = cls(state)
        for trainer in rng.sample(list(state["trainers"]), rng.randint(2, 3)):
            when = (today + timedelta(days=rng.randint(1, 12))).isoformat()
            time = rng.choice(_free_times(state, trainer, when))
            price = state["trainers"][trainer]["price"]
            state["sessions"][domain.issue("PTS")] = {"trainer": trainer, "date": when, "time": time, "price": price}
        prices = {area: rng.randint(5, 16) for area in AREAS}
        for number_on_door in rng.sample(range(11, 99), 6):
            area = AREAS[number_on_door % 3]
            price = prices[area] + number_on_door % 4
            state["lockers"][f"{'EPW'[number_on_door % 3]}{number_on_door}"] = {"area": area, "monthly_price": price, "rented_until": ""}

    def _coach(self, trainer: str) -> dict[str, Any]:
        require(trainer in self.state["trainers"], f"No trainer called {trainer!r} works here.")
        coach: dict[str, Any] = self.state["trainers"][trainer]
        return coach

    def _group_class(self, class_name: str) -> dict[str, Any]:
        require(class_name in self.state["classes"], f"There is no class called {class_name!r}.")
        group_class: dict[str, Any] = self.state["classes"][class_name]
        return group_class

    def _require_free(self, trainer: str, when: str, time: str) -> None:
        require(_day_of(when) >= self.today, f"{when} is in the past.")
        free = _free_times(self.state, trainer, when)
        require(time in free, f"{trainer} or the member is taken at {time} on {when}; free times: {', '.join(free) or 'none'}.")

    def _session(self, code: str) -> TrainerSession:
        x = self.state["sessions"][code]
        return {"session_code": code, "trainer": x["trainer"], "date": x["date"], "time": x["time"], "price": x["price"]}

    @tool(
        asks=(
            "find {activity} classes[ for {max_price} or less][ that last no longer than {max_minutes}]",
            "see which {activity} sessions are coming up[ at {max_price} or less][, lasting {max_minutes} at most]",
            "look through the group timetable for {activity}[, up to {max_price}][, within {max_minutes}]",
            "check what the gym runs[ in the way of {activity}][ for {max_price} at most][, not going over {max_minutes}]",
            "recommend some {activity} at the gym[ for under {max_price}][, {max_minutes} or shorter]",
        ),
        questions=(
            "What {activity} classes are on this week[ for at most {max_price}][, taking {max_minutes} or less]?",
            "Is there any {activity} on the timetable[ for less than {max_price}][, no longer than {max_minutes}]?",
            "My weekends could do with some {activity}[ for {max_price} or less][, done within {max_minutes}].",
            "Which {activity} groups could I still get into[ for {max_price} or less][, finishing within {max_minutes}]?",
        ),
        things=("{activity} class", "{activity} session on the timetable"),
        noun="class",
        deed="look for group classes",
        tells=(
            lambda a, r: (
                f"For {a['activity']} you could try {listing([x['class_name'] + ' (' + day(x['date']) + ' at ' + clock(x['time']) + ', ' + money(x['price']) + ')' for x in r['classes']], conjunction='or')}."
            ),
            lambda a, r: (
                f"You could join {listing([x['class_name'] + ' with ' + x['trainer'] + ' (' + number(x['duration_minutes']) + ' minutes, ' + money(x['price']) + ')' for x in r['classes']], conjunction='or')}."
            ),
            lambda a, r: (
                f"The timetable has {plural(len(r['classes']), a['activity'] + ' class')}: {listing([x['class_name'] + ' on ' + day(x['date']) + ' (' + (plural(x['places_left'], 'place') if x['places_left'] else 'no places') + ' left)' for x in r['classes']])}. "
                f"{'It costs' if len(r['classes']) == 1 else 'Prices start at'} {money(min(x['price'] for x in r['classes']))}."
            ),
        ),
    )
    def find_group_classes(
        self,
        activity: Annotated[Activity, Argument(description="Kind of training.", noun="activity", pick=_activity)],
        max_price: Annotated[
            int | None, Argument(description="Highest price of a place in dollars.", noun="price limit", word="${}", pick=_max_price)
        ] = None,
        max_minutes: Annotated[
            int | None,
            Argument(description="Longest duration in minutes.", noun="longest duration", word="{} minute(s)", pick=_max_minutes),
        ] = None,
    ) -> ClassList:
        """List the coming group classes of one kind, optionally up to a price and a duration."""
        found: list[ClassSummary] = [
            {
                "class_name": name,
                "trainer": x["trainer"],
                "date": x["date"],
                "time": x["time"],
                "duration_minutes": x["duration_minutes"],
                "price": x["price"],
                "places_left": x["places_left"],
            }
            for name, x in self.state["classes"].items()
            if x["activity"] == activity
            and (max_price is None or x["price"] <= max_price)
            and (max_minutes is None or x["duration_minutes"] <= max_minutes)
        ]
        require(found, f"No {activity} class meets these limits.")
        return {"classes": found}

    @tool(
        asks=(
            "sign me up for {class_name}",
            "save me a place in {class_name}",
            "put me on the list for {class_name}",
            "get me into {class_name} before there's no room left",
        ),
        questions=(
            "I'd love to take part in {class_name}.",
            "Is there still room for me in {class_name}?",
            "Count me in for {class_name}, please.",
            "A friend talked me into {class_name}, so please sign me up.",
        ),
        noun="place",
        deed="book a place in a class",
        tells=(
            lambda a, r: f"You have a place in {r['class_name']} on {day(r['date'])} at {clock(r['time'])}, for {money(r['price'])}.",
            lambda a, r: (
                f"You're in: {r['class_name']} with {r['trainer']}, {day(r['date'])}, {clock(r['time'])}. "
                + (
                    f"After you there {'is one place' if r['places_left'] == 1 else 'are ' + plural(r['places_left'], 'place')} left."
                    if r["places_left"]
                    else "You got the last place."
                )
            ),
            lambda a, r: (
                f"{r['trainer']} expects you in {r['class_name']} on {day(r['date'])}, {clock(r['time'])}; the place costs {money(r['price'])}."
            ),
        ),
    )
    def join_class(
        self, class_name: Annotated[str, Argument(description="Name of the group class.", noun="class", pick=_open_class)]
    ) -> ClassPlace:
        """Take a place in the coming session of a group class."""
        x = self._group_class(class_name)
        require(class_name not in self.state["joined"], f"The member already has a place in {class_name}.")
        require(x["places_left"] > 0, f"{class_name} is full.")
        x["places_left"] -= 1
        self.state["joined"].append(class_name)
        return {
            "class_name": class_name,
            "trainer": x["trainer"],
            "date": x["date"],
            "time": x["time"],
            "price": x["price"],
            "places_left": x["places_left"],
        }

    @tool(
        asks=(
            "take me off the list for {class_name}",
            "give up my place in {class_name}",
            "let somebody else have my spot in {class_name}",
            "sign me out of {class_name}, my knee is acting up",
        ),
        questions=(
            "I won't make it to {class_name}, so please free my spot.",
            "Since I'm skipping {class_name}, please take me out and refund what you can.",
            "Work got in the way, so I have to drop out of {class_name}.",
        ),
        noun="refund",
        deed="give up a place in a class",
        tells=(
            lambda a, r: (
                f"You're off the list for {r['class_name']} on {day(r['date'])}"
                + (f" and get {money(r['refund'])} back." if r["refund"] else ", but it's too late for a refund.")
            ),
            lambda a, r: (
                f"Your place in {r['class_name']} is free again. "
                + (f"The refund is {money(r['refund'])}." if r["refund"] else "Because it starts so soon, nothing is refunded.")
            ),
            lambda a, r: (
                f"Done: no {r['class_name']} for you on {day(r['date'])}. "
                + (f"{money(r['refund'])} will be refunded." if r["refund"] else "The price can't be refunded at such short notice.")
            ),
        ),
    )
    def leave_class(
        self,
        class_name: Annotated[
            str, Argument(description="Name of a group class that the member has joined.", noun="class", pick=_joined_class)
        ],
    ) -> LeftClass:
        """Give up a place in a group class; the price is refunded until the day before."""
        x = self._group_class(class_name)
        require(class_name in self.state["joined"], f"The member has no place in {class_name}.")
        self.state["joined"].remove(class_name)
        x["places_left"] += 1
        early = (date.fromisoformat(x["date"]) - self.today).days > 1
        return {"class_name": class_name, "date": x["date"], "refund": x["price"] if early else 0}

    @tool(
        asks=(
            "show what I have booked at the gym",
            "list my coming classes and trainer sessions",
            "go over my gym diary",
            "check which workouts I've signed up for",
        ),
        questions=(
            "What training do I have coming up?",
            "Which gym classes am I signed up for?",
            "When do I next see a trainer, and what else is booked at the gym?",
        ),
        things=("class I've joined", "workout I have booked"),
        noun="gym booking",
        deed="list gym bookings",
        tells=(
            lambda a, r: (
                (
                    f"You've joined {listing([x['class_name'] + ' (' + day(x['date']) + ' at ' + clock(x['time']) + ')' for x in r['joined_classes']], limit=6)}. "
                    if r["joined_classes"]
                    else "You haven't joined any classes. "
                )
                + (
                    f"With trainers you have {listing([x['trainer'] + ' on ' + day(x['date']) + ' (' + x['session_code'] + ')' for x in r['trainer_sessions']], limit=6)}."
                    if r["trainer_sessions"]
                    else "There are no trainer sessions."
                )
            ),
            lambda a, r: (
                "In your diary: "
                + listing(
                    [x["class_name"] + " on " + day(x["date"]) for x in r["joined_classes"]]
                    + ["a session with " + x["trainer"] + " on " + day(x["date"]) for x in r["trainer_sessions"]],
                    limit=9,
                )
                + "."
            ),
            lambda a, r: (
                f"Ahead of you: {listing([x['class_name'] + ' with ' + x['trainer'] + ' (' + day(x['date']) + ' at ' + clock(x['time']) + ')' for x in r['joined_classes']] + ['session ' + x['session_code'] + ' with ' + x['trainer'] + ' (' + day(x['date']) + ' at ' + clock(x['time']) + ')' for x in r['trainer_sessions']], limit=9)}. "
                f"In all that costs {money(sum(x['price'] for x in r['joined_classes'] + r['trainer_sessions']))}."
            ),
        ),
    )
    def list_gym_bookings(self) -> GymBookings:
        """List the group classes that the member has joined and the member's trainer sessions."""
        joined: list[JoinedClass] = []
        for name in self.state["joined"]:
            x = self.state["classes"][name]
            joined.append({"class_name": name, "trainer": x["trainer"], "date": x["date"], "time": x["time"], "price": x["price"]})
        require(joined or self.state["sessions"], "There is nothing booked.")
        return {"joined_classes": joined, "trainer_sessions": [self._session(code) for code in self.state["sessions"]]}

    @tool(
        asks=(
            "list the personal trainers[ who focus on {focus}]",
            "find a trainer[ for {focus}]",
            "compare the trainers at the gym[ that know about {focus}] by price and rating",
            "look up who could coach me[ in {focus}]",
        ),
        questions=(
            "Who could train with me[ on {focus}]?",
            "Which personal trainers does the gym have[ for {focus}]?",
            "What do your trainers charge[, those who specialise in {focus}]?",
            "It's time I got some coaching[ in {focus}], so who's available?",
        ),
        things=("trainer[ for {focus}]", "personal trainer[ who focuses on {focus}]"),
        noun="trainer",
        deed="look for personal trainers",
        tells=(
            lambda a, r: (
                f"You could train with {listing([x['trainer'] + ' (' + x['focus'] + ', ' + money(x['price']) + ' a session)' for x in r['trainers']], limit=6, conjunction='or')}."
            ),
            lambda a, r: (
                f"There {'is one trainer' if len(r['trainers']) == 1 else 'are ' + plural(len(r['trainers']), 'trainer')}{' for ' + a['focus'] if a.get('focus') else ''}: "
                f"{listing([x['trainer'] + ' (' + number(x['rating']) + ' stars, ' + money(x['price']) + ')' for x in r['trainers']], limit=6)}."
            ),
            lambda a, r: (
                f"Best rated{' for ' + a['focus'] if a.get('focus') else ''} is {listing([x['trainer'] for x in r['trainers'] if x['rating'] == max(y['rating'] for y in r['trainers'])])} with {number(max(x['rating'] for x in r['trainers']))} stars. "
                f"In all: {listing([x['trainer'] + ' (' + plural(x['years_of_experience'], 'year') + ' of experience, ' + money(x['price']) + ')' for x in r['trainers']], limit=6)}."
            ),
        ),
    )
    def list_trainers(
        self,
        focus: Annotated[Focus | None, Argument(description="What the trainer specialises in.", noun="training focus", pick=_focus)] = None,
    ) -> TrainerList:
        """List the personal trainers with focus, rating and price of a session."""
        found: list[TrainerSummary] = [
            {
                "trainer": name,
                "focus": x["focus"],
                "rating": x["rating"],
                "price": x["price"],
                "years_of_experience": x["years"],
            }
            for name, x in self.state["trainers"].items()
            if focus in (None, x["focus"])
        ]
        require(found, f"No trainer specialises in {focus}.")
        return {"trainers": found}

    @tool(
        asks=(
            "see when I could have a session with {trainer} on {date}",
            "check the open training slots of {trainer} for {date}",
            "find a gap in the schedule of {trainer}[ on {date}]",
            "tell me which hours on {date} I could train with {trainer}",
        ),
        questions=(
            "Could I still train with {trainer} on {date}, and when?",
            "At what times on {date} could {trainer} fit me in?",
            "How much time is left with {trainer} on {date}?",
        ),
        things=("free hour of {trainer} on {date}",),
        noun="training slot",
        deed="check when a trainer is free",
        tells=(
            lambda a, r: (
                f"{r['trainer']} is free on {day(r['date'])} at {listing([clock(t) for t in r['open_times']], limit=10, conjunction='or')}."
            ),
            lambda a, r: (
                f"On {day(r['date'])} you could train with {r['trainer']} at {listing([clock(t) for t in r['open_times']], limit=10, conjunction='or')}, for {money(r['price'])}."
            ),
            lambda a, r: (
                f"{r['trainer']} still has {plural(len(r['open_times']), 'slot')} on {day(r['date'])}: {listing([clock(t) for t in r['open_times']], limit=10)}."
            ),
        ),
    )
    def list_trainer_slots(self, trainer: Trainer, date: Date) -> TrainerTimes:
        """List the times at which a personal trainer is free on a date, with the price of a session."""
        x = self._coach(trainer)
        require(_day_of(date) >= self.today, f"{date} is in the past.")
        free = _free_times(self.state, trainer, date)
        require(free, f"{trainer} has no free time on {date}.")
        return {"trainer": trainer, "date": date, "open_times": free, "price": x["price"]}

    @tool(
        asks=(
            "book a training session with {trainer}[ on {date}][ at {time}]",
            "get me an hour with {trainer}[ for {date}][ at {time}]",
            "have {trainer} train me[ on {date}][ at {time}]",
            "fix a one-to-one with {trainer}[ at {time}][ on {date}]",
            "plan a workout with {trainer}[ on {date}][, starting at {time}]",
        ),
        questions=(
            "I want to work out with {trainer}[ on {date}][ at {time}].",
            "Would {trainer} coach me[ on {date}][ at {time}]?",
            "For my next personal session I'd like {trainer}[ on {date}][ at {time}].",
        ),
        noun="training session",
        deed="book a trainer",
        tells=(
            lambda a, r: (
                f"Your session with {r['trainer']} is on {day(r['date'])} at {clock(r['time'])} and costs {money(r['price'])}. It's session {r['session_code']}."
            ),
            lambda a, r: (
                f"{r['trainer']} will train you on {day(r['date'])}, {clock(r['time'])}, for {money(r['price'])} (session {r['session_code']})."
            ),
            lambda a, r: f"Session {r['session_code']} is booked: {r['trainer']}, {day(r['date'])}, {clock(r['time'])}.",
        ),
    )
    def book_trainer(self, trainer: Trainer, date: Date, time: Time) -> TrainerSession:
        """Book a personal session with a trainer at a free time on a date."""
        x = self._coach(trainer)
        self._require_free(trainer, date, time)
        code = self.issue("PTS")
        self.state["sessions"][code] = {"trainer": trainer, "date": date, "time": time, "price": x["price"]}
        return self._session(code)

    @tool(
        asks=(
            "push {session_code}[ to {date}][, starting at {time}]",
            "rearrange {session_code}[ for {date}][, with a start at {time}]",
            "have the trainer switch {session_code}[ to {date}][, beginning at {time}]",
            "find another slot for {session_code}[ on {date}][ at {time}]",
        ),
        questions=(
            "I need another hour for {session_code}[, best on {date}][, ideally at {time}].",
            "Could {session_code} happen in another slot[ on {date}][ at {time}]?",
            "A meeting clashes with {session_code}, so I need a new date[, namely {date}][, starting at {time}].",
        ),
        noun="new session time",
        deed="reschedule a trainer session",
        tells=(
            lambda a, r: f"Session {r['session_code']} with {r['trainer']} now takes place on {day(r['date'])} at {clock(r['time'])}.",
            lambda a, r: (
                f"{r['trainer']} will see you on {day(r['date'])}, {clock(r['time'])} instead; the price stays at {money(r['price'])}."
            ),
            lambda a, r: f"Your training with {r['trainer']} has been put on {day(r['date'])} at {clock(r['time'])}.",
        ),
    )
    def reschedule_session(
        self,
        session_code: Annotated[
            str,
            Argument(
                description="Code of the trainer session, such as PTS-48213.",
                noun="training session",
                word="session {}",
                kind="code",
                pick=_session_code,
            ),
        ],
        date: Date,
        time: Time,
    ) -> TrainerSession:
        """Put a personal training session on another date and time at which its trainer is free."""
        require(session_code in self.state["sessions"], f"There is no session with code {session_code!r}.")
        x = self.state["sessions"][session_code]
        self._require_free(x["trainer"], date, time)
        x["date"], x["time"] = date, time
        return self._session(session_code)

    @tool(
        asks=(
            "compare the membership plans",
            "list what memberships the gym offers and what they cost",
            "tell me which plan I'm on and what the others cost",
            "go through the gym's monthly plans with me",
        ),
        questions=(
            "What does a membership cost here per month?",
            "Which plans come with guest passes?",
            "Am I on the right membership, or is there a cheaper one?",
        ),
        things=("membership plan", "gym membership"),
        noun="membership plan",
        deed="list membership plans",
        tells=(
            lambda a, r: (
                f"The plans are {listing([_plan(x) for x in r['plans']], limit=6)}."
                + "".join(f" You're on {x['plan']}." for x in r["plans"] if x["current"])
            ),
            lambda a, r: (
                f"You pay {money(next(x['monthly_price'] for x in r['plans'] if x['current']))} a month for {next(x['plan'] for x in r['plans'] if x['current'])}. "
                f"The alternatives: {listing([x['plan'] + ' (' + money(x['monthly_price']) + ', ' + (plural(x['guest_passes'], 'guest pass') if x['guest_passes'] else 'no guest passes') + ')' for x in r['plans'] if not x['current']], limit=6)}."
            ),
            lambda a, r: (
                f"There are {plural(len(r['plans']), 'plan')}; yours is {next(x['plan'] for x in r['plans'] if x['current'])}. "
                f"The whole list by price: {listing([_plan(x) for x in sorted(r['plans'], key=lambda x: x['monthly_price'])], limit=6)}."
            ),
        ),
    )
    def list_membership_plans(self) -> PlanList:
        """List the membership plans with monthly price and guest passes, and mark the member's own."""
        found: list[PlanSummary] = [
            {
                "plan": name,
                "monthly_price": x["monthly_price"],
                "guest_passes": x["guest_passes"],
                "current": name == self.state["plan"],
            }
            for name, x in self.state["plans"].items()
        ]
        return {"plans": found}

    @tool(
        asks=(
            "switch my membership[ to {plan}][ from {starts_on}]",
            "put me on {plan} at the gym[ as of {starts_on}]",
            "change my gym contract[ to {plan}][, effective {starts_on}]",
            "move my membership over to {plan}[, starting {starts_on}]",
        ),
        questions=(
            "I'd be better off with {plan}, so please change me over[ on {starts_on}].",
            "Could I have {plan} as my membership[ from {starts_on} on]?",
            "My present plan isn't right any more; {plan} would be[, from {starts_on}].",
        ),
        noun="membership change",
        deed="change a gym membership",
        tells=(
            lambda a, r: (
                f"From {day(r['starts_on'])} you're on {r['plan']} instead of {r['previous_plan']}, at {money(r['monthly_price'])} a month."
            ),
            lambda a, r: (
                f"Your membership changes to {r['plan']} on {day(r['starts_on'])}. You'll pay {money(r['monthly_price'])} a month, "
                + (
                    f"{money(abs(r['price_difference']))} {'more' if r['price_difference'] > 0 else 'less'} than before."
                    if r["price_difference"]
                    else "the same as before."
                )
            ),
            lambda a, r: (
                f"Changed: {r['previous_plan']} ends, and {r['plan']} for {money(r['monthly_price'])} a month starts on {day(r['starts_on'])}."
            ),
        ),
    )
    def switch_membership(
        self,
        plan: Annotated[Plan, Argument(description="Name of the membership plan.", noun="plan", word="the {} plan", pick=_other_plan)],
        starts_on: Annotated[
            str | None,
            Argument(
                description="First day of the new plan (YYYY-MM-DD); today unless given.", noun="start date", kind="date", pick=soon(30)
            ),
        ] = None,
    ) -> PlanChange:
        """Change the member's plan from a date on and tell the difference in price."""
        require(plan in self.state["plans"], f"There is no plan called {plan!r}.")
        previous = self.state["plan"]
        require(plan != previous, f"The member is already on {plan}.")
        start = starts_on or self.state["today"]
        require(_day_of(start) >= self.today, f"{start} is in the past.")
        price = self.state["plans"][plan]["monthly_price"]
        self.state["plan"] = plan
        difference = price - self.state["plans"][previous]["monthly_price"]
        return {"plan": plan, "previous_plan": previous, "monthly_price": price, "price_difference": difference, "starts_on": start}

    @tool(
        asks=(
            "check which lockers are free[ near {area}]",
            "find a locker I could rent[ by {area}]",
            "list the lockers still to be had[ near {area}]",
            "see what a locker costs per month[ at {area}]",
        ),
        questions=(
            "Are there any lockers left[ near {area}]?",
            "Which lockers could I rent[ by {area}]?",
            "How much would it cost to keep a locker[ at {area}]?",
        ),
        things=("free locker", "locker that's still free"),
        noun="locker",
        deed="look for a free locker",
        tells=(
            lambda a, r: (
                f"Free to rent: {listing([x['locker'] + ' (by the ' + x['area'] + ', ' + money(x['monthly_price']) + ' a month)' for x in r['lockers']], limit=9)}."
            ),
            lambda a, r: (
                f"{'One locker is' if len(r['lockers']) == 1 else plural(len(r['lockers']), 'locker') + ' are'} free, {'at' if len(r['lockers']) == 1 else 'from'} {money(min(x['monthly_price'] for x in r['lockers']))} a month: "
                f"{listing([x['locker'] for x in r['lockers']], limit=9)}."
            ),
            lambda a, r: (
                f"You could have {listing([x['locker'] + ' at ' + money(x['monthly_price']) for x in r['lockers']], limit=9, conjunction='or')}, per month."
            ),
        ),
    )
    def list_free_lockers(
        self,
        area: Annotated[
            Literal["entrance", "pool", "weights room"] | None,
            Argument(description="Part of the building.", noun="area", word="the {}", pick=_area),
        ] = None,
    ) -> LockerList:
        """List the lockers that nobody rents, with their area and monthly price."""
        found: list[LockerSummary] = [
            {"locker": name, "area": x["area"], "monthly_price": x["monthly_price"]}
            for name, x in self.state["lockers"].items()
            if not x["rented_until"] and area in (None, x["area"])
        ]
        require(found, "No locker is free there.")
        return {"lockers": found}

    @tool(
        asks=(
            "rent {locker} for me[ for {months}]",
            "reserve {locker} in my name[ for {months}]",
            "let me have {locker}[ over the next {months}]",
            "assign {locker} to me[ for {months}]",
        ),
        questions=(
            "I'll take {locker}[ for {months}].",
            "I'd pay right away if I can have {locker}[ for {months}].",
            "Carrying my shoes around is a nuisance, so give me {locker}[ for {months}].",
        ),
        noun="locker rental",
        deed="rent a locker",
        tells=(
            lambda a, r: (
                f"Locker {r['locker']} by the {r['area']} is yours until {day(r['rented_until'])}, for {money(r['total_price'])} in total."
            ),
            lambda a, r: (
                f"You've rented locker {r['locker']} for {plural(r['months'], 'month')} at {money(r['total_price'])}; it's yours until {day(r['rented_until'])}."
            ),
            lambda a, r: (
                f"Done — {r['locker']} is in your name for {plural(r['months'], 'month')}. That comes to {money(r['total_price'])}."
            ),
        ),
    )
    def rent_locker(
        self,
        locker: Annotated[
            str, Argument(description="Number of the locker, such as P48.", noun="locker", word="locker {}", kind="code", pick=_free_locker)
        ],
        months: Annotated[int, Argument(description="How many months, 1 to 12.", noun="rental period", word="{} month(s)", low=1, high=12)],
    ) -> LockerRental:
        """Rent a free locker for a number of months."""
        require(locker in self.state["lockers"], f"There is no locker {locker!r}.")
        x = self.state["lockers"][locker]
        require(not x["rented_until"], f"Locker {locker} is taken until {x['rented_until']}.")
        require(1 <= months <= 12, "Lockers are rented for 1 to 12 months.")
        x["rented_until"] = (self.today + timedelta(days=30 * months)).isoformat()
        return {
            "locker": locker,
            "area": x["area"],
            "months": months,
            "total_price": months * x["monthly_price"],
            "rented_until": x["rented_until"],
        }
