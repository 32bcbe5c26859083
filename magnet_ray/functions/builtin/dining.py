# ruff: noqa: E501
"""Restaurants of one town: browsing, table bookings, waiting lists and reviews."""

from __future__ import annotations

from datetime import date as Day
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, soon, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import article, clock, day, listing, money, plural

CUISINES = ("Italian", "Thai", "Mexican", "Indian", "Japanese", "French", "Lebanese", "Korean", "Greek", "Ethiopian")
HEADS = ("Blue", "Golden", "Little", "Old", "Copper", "Silver", "Wild", "Corner", "Salt & ", "Green")
TAILS = ("Fig", "Lantern", "Harbour", "Olive", "Pepper", "Magnolia", "Anchor", "Thistle", "Saffron", "Orchard", "Mango", "Juniper")
TIMES = ("17:30", "18:00", "18:30", "19:00", "19:30", "20:00", "20:30", "21:00")
# The last dish of each cuisine is its dessert.
DISHES = {
    "Italian": ("mushroom risotto", "tagliatelle al ragu", "grilled sea bass", "burrata salad", "tiramisu"),
    "Thai": ("green curry", "pad thai", "papaya salad", "massaman beef", "mango sticky rice"),
    "Mexican": ("fish tacos", "chicken mole", "black bean enchiladas", "pozole", "churros"),
    "Indian": ("dal makhani", "lamb biryani", "palak paneer", "tandoori chicken", "gulab jamun"),
    "Japanese": ("ramen", "salmon donburi", "vegetable tempura", "pork katsu", "matcha ice cream"),
    "French": ("duck confit", "onion soup", "steak frites", "ratatouille", "tarte tatin"),
    "Lebanese": ("falafel plate", "lamb kofta", "fattoush", "chicken shawarma", "baklava"),
    "Korean": ("bibimbap", "beef bulgogi", "kimchi stew", "seafood pancake", "sweet rice cakes"),
    "Greek": ("moussaka", "grilled octopus", "spanakopita", "lamb souvlaki", "honey yoghurt"),
    "Ethiopian": ("doro wat", "vegetable beyaynetu", "beef tibs", "misir lentils", "honey cake"),
}
Cuisine = Literal["Italian", "Thai", "Mexican", "Indian", "Japanese", "French", "Lebanese", "Korean", "Greek", "Ethiopian"]


class RestaurantSummary(TypedDict):
    restaurant: str
    cuisine: str
    rating: float
    price_per_person: int


class Dish(TypedDict):
    dish: str
    price: int


class Menu(TypedDict):
    restaurant: str
    dishes: list[Dish]


class DishOrder(TypedDict):
    booking_code: str
    restaurant: str
    dishes: list[str]
    order_total: int


class RestaurantList(TypedDict):
    restaurants: list[RestaurantSummary]


class RestaurantProfile(TypedDict):
    restaurant: str
    cuisine: str
    neighbourhood: str
    rating: float
    price_per_person: int
    opens: str
    closes: str
    signature_dish: str


class OpenTables(TypedDict):
    restaurant: str
    date: str
    open_times: list[str]


class TableBooking(TypedDict):
    booking_code: str
    restaurant: str
    date: str
    time: str
    guests: int
    status: str


class BookingList(TypedDict):
    bookings: list[TableBooking]


class Cancellation(TypedDict):
    booking_code: str
    status: str
    refunded_deposit: int


class WaitlistPlace(TypedDict):
    restaurant: str
    position: int
    estimated_wait_minutes: int


class ReviewReceipt(TypedDict):
    restaurant: str
    stars: int
    new_rating: float


def _restaurant(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["restaurants"]))


def _booking_code(domain: Domain, rng: Random, chosen: Any) -> Any:
    active = [code for code, booking in sorted(domain.state["bookings"].items()) if booking["status"] == "confirmed"]
    return rng.choice(active or ["TBL-10000"])


def _guests(domain: Domain, rng: Random, chosen: Any) -> Any:
    """A number that differs from the present one of the chosen booking."""
    booking = domain.state["bookings"].get(chosen.get("booking_code"), {"guests": 0})
    return rng.choice([guests for guests in range(1, 10) if guests != booking["guests"]])


def _dishes(domain: Domain, rng: Random, chosen: Any) -> list[str]:
    booking = domain.state["bookings"].get(chosen.get("booking_code"))
    menu = domain.state["restaurants"][booking["restaurant"]]["menu"] if booking else {"bread": 3}
    return rng.sample(sorted(menu), min(len(menu), rng.randint(1, 3)))


def _max_price(domain: Domain, rng: Random, chosen: Any) -> Any:
    prices = [x["price_per_person"] for x in domain.state["restaurants"].values() if x["cuisine"] == chosen.get("cuisine")]
    return rng.choice([limit for limit in (20, 25, 30, 40, 50, 60, 75, 90) if limit >= min(prices or [40])][:4])


def _min_rating(domain: Domain, rng: Random, chosen: Any) -> Any:
    limit = chosen.get("max_price") or 1_000
    ratings = [
        x["rating"]
        for x in domain.state["restaurants"].values()
        if x["cuisine"] == chosen.get("cuisine") and x["price_per_person"] <= limit
    ]
    return rng.choice([limit for limit in (3, 3.5, 4, 4.2, 4.5) if limit <= max(ratings or [5])][-3:] or [3])


def _open_time(domain: Domain, rng: Random, chosen: Any) -> Any:
    taken = {
        *domain.state["taken"].get(f"{chosen.get('restaurant')}|{chosen.get('date')}", []),
        *_own_times(domain.state, chosen.get("date")),
    }
    return rng.choice([time for time in TIMES if time not in taken] or list(TIMES))


def _own_times(state: State, date: Any) -> list[str]:
    """Times of a date at which the user has a table somewhere."""
    return [x["time"] for x in state["bookings"].values() if x["date"] == date and x["status"] == "confirmed"]


Restaurant = Annotated[str, Argument(description="Name of the restaurant, as listed.", noun="restaurant", pick=_restaurant)]
BookingCode = Annotated[
    str,
    Argument(
        description="Code of the table booking, such as TBL-48213.", noun="booking", word="booking {}", kind="code", pick=_booking_code
    ),
]
Guests = Annotated[int, Argument(description="Number of guests at the table.", noun="number of guests", word="{} guest(s)", low=1, high=9)]
Date = Annotated[str, Argument(description="Date in ISO 8601 format (YYYY-MM-DD).", noun="date", kind="date", pick=soon(12))]
Time = Annotated[str, Argument(description="Time of day in 24-hour format (HH:MM).", noun="time", kind="time", pick=_open_time)]


def is_date(text: str) -> bool:
    """Whether a text is an ISO 8601 date."""
    try:
        Day.fromisoformat(text)
    except ValueError:
        return False
    return True


class Dining(Domain):
    """Find restaurants, book tables, change and cancel bookings, join waiting lists, leave reviews."""

    name: ClassVar[str] = "dining"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {
            "today": today.isoformat(),
            "code_seed": rng.randrange(10_000),
            "restaurants": {},
            "bookings": {},
            "taken": {},
            "waitlists": {},
        }
        names = [f"{head}{tail}" if head.endswith(" ") else f"{head} {tail}" for head in HEADS for tail in TAILS]
        cuisines = rng.sample(CUISINES, 4)
        for name in rng.sample(names, rng.randint(8, 12)):
            cuisine = rng.choice(cuisines)
            price = rng.randrange(14, 85)
            *mains, dessert = DISHES[cuisine]
            mains = rng.sample(mains, 3)
            state["restaurants"][name] = {
                "cuisine": cuisine,
                "neighbourhood": rng.choice(("Riverside", "Old Town", "Chapel Street", "Station Quarter", "Northgate", "Market Hill")),
                "rating": round(rng.uniform(3.2, 4.9), 1),
                "reviews": rng.randint(12, 640),
                "price_per_person": price,
                "opens": rng.choice(("11:30", "12:00", "17:00")),
                "closes": rng.choice(("22:00", "22:30", "23:00")),
                "signature_dish": mains[0],
                "menu": {dish: round(price * rng.uniform(0.4, 0.65)) for dish in mains} | {dessert: round(price * 0.2)},
            }
        domain = cls(state)
        for _ in range(rng.randint(3, 5)):
            chosen = {"restaurant": _restaurant(domain, rng, {}), "date": soon(12)(domain, rng, {})}
            domain._enter(**chosen, time=_open_time(domain, rng, chosen), guests=rng.randint(2, 6))
        return state

    def _enter(self, restaurant: str, date: str, time: str, guests: int) -> str:
        code = self.issue("TBL")
        self.state["taken"].setdefault(f"{restaurant}|{date}", []).append(time)
        self.state["bookings"][code] = {
            "restaurant": restaurant,
            "date": date,
            "time": time,
            "guests": guests,
            "dishes": [],
            "status": "confirmed",
        }
        return code

    def _upcoming(self, date: str) -> None:
        require(is_date(date) and date >= self.state["today"], f"{date!r} is not a date from today on.")

    def _place(self, restaurant: str) -> dict[str, Any]:
        require(restaurant in self.state["restaurants"], f"No restaurant called {restaurant!r}.")
        place: dict[str, Any] = self.state["restaurants"][restaurant]
        return place

    def _booking(self, booking_code: str) -> dict[str, Any]:
        require(booking_code in self.state["bookings"], f"No booking with code {booking_code!r}.")
        booking: dict[str, Any] = self.state["bookings"][booking_code]
        require(booking["status"] == "confirmed", f"Booking {booking_code} is already cancelled.")
        return booking

    @tool(
        asks=(
            "find {cuisine} restaurants[ under {max_price} a head][, rated at least {min_rating}]",
            "look for somewhere to eat[ that serves {cuisine} food][ for no more than {max_price}][ with a rating of {min_rating} or better]",
            "show me where to go for {cuisine} cooking in town[, below {max_price} a head][ and with a score of {min_rating} or more]",
            "come up with[ {cuisine}] options for dinner[, nothing over {max_price} each][, and none rated lower than {min_rating}]",
        ),
        questions=(
            "Where can I get good {cuisine} food[ for less than {max_price}][, rated {min_rating} or higher]?",
            "Which {cuisine} restaurants are around here[ that cost at most {max_price}][ and have at least {min_rating} stars]?",
            "We're craving {cuisine} tonight[ and can spend {max_price} each][, though not anywhere under {min_rating} stars] — what's in town?",
        ),
        things=("{cuisine} restaurant", "{cuisine} place in town"),
        noun="restaurant",
        deed="search for restaurants",
        tells=(
            lambda a, r: (
                f"I found {plural(len(r['restaurants']), a['cuisine'] + ' restaurant')}: "
                f"{listing([x['restaurant'] + ' (' + str(x['rating']) + ' stars, about ' + money(x['price_per_person']) + ' a head)' for x in r['restaurants']])}."
            ),
            lambda a, r: (
                f"For {a['cuisine']} food there {'is' if len(r['restaurants']) == 1 else 'are'} "
                f"{listing([x['restaurant'] + ' at around ' + money(x['price_per_person']) + ' per person' for x in r['restaurants']])}."
            ),
            lambda a, r: (
                f"{listing([x['restaurant'] + ' (' + money(x['price_per_person']) + ')' for x in r['restaurants']])} "
                f"{'serves' if len(r['restaurants']) == 1 else 'serve'} {a['cuisine']} food. "
                + ("Its" if len(r["restaurants"]) == 1 else "The best")
                + f" rating is {max(x['rating'] for x in r['restaurants'])} stars."
            ),
        ),
    )
    def browse_restaurants(
        self,
        cuisine: Annotated[
            Cuisine,
            Argument(
                description="Cuisine to look for.",
                noun="cuisine",
                pick=lambda d, rng, a: rng.choice(sorted({x["cuisine"] for x in d.state["restaurants"].values()})),
            ),
        ],
        max_price: Annotated[
            int | None, Argument(description="Highest price per person in dollars.", noun="price limit", word="${}", pick=_max_price)
        ] = None,
        min_rating: Annotated[
            float | None, Argument(description="Lowest acceptable average rating, 1 to 5.", noun="minimum rating", pick=_min_rating)
        ] = None,
    ) -> RestaurantList:
        """List restaurants of a cuisine, optionally below a price per person and above an average rating."""
        found = [
            RestaurantSummary(restaurant=name, cuisine=x["cuisine"], rating=x["rating"], price_per_person=x["price_per_person"])
            for name, x in self.state["restaurants"].items()
            if x["cuisine"] == cuisine
            and (max_price is None or x["price_per_person"] <= max_price)
            and (min_rating is None or x["rating"] >= min_rating)
        ]
        require(found, f"No {cuisine} restaurant matches these limits.")
        return {"restaurants": found}

    @tool(
        asks=(
            "pull up the details of {restaurant}",
            "tell me more about {restaurant}",
            "check the opening hours and prices of {restaurant}",
            "find out the neighbourhood and the signature dish of {restaurant}",
        ),
        questions=(
            "What can you tell me about {restaurant}, opening hours included?",
            "In what part of town would I find {restaurant}, and what is it known for?",
            "How expensive would dinner at {restaurant} be, and until when does the kitchen stay open?",
        ),
        noun="profile",
        deed="look up restaurant details",
        tells=(
            lambda a, r: (
                f"{r['restaurant']} is in {r['neighbourhood']}, serves {r['cuisine']} food and is open from {clock(r['opens'])} to "
                f"{clock(r['closes'])}. It is rated {r['rating']}, costs about {money(r['price_per_person'])} a person and is known for "
                f"its {r['signature_dish']}."
            ),
            lambda a, r: (
                f"You'll find {r['restaurant']} in {r['neighbourhood']}, open {clock(r['opens'])} to {clock(r['closes'])}. Expect "
                f"{r['cuisine']} cooking at roughly {money(r['price_per_person'])} each; try the {r['signature_dish']}."
            ),
            lambda a, r: (
                f"Rated {r['rating']}, {r['restaurant']} opens at {clock(r['opens'])} and closes at {clock(r['closes'])}. It's "
                f"{article(r['cuisine'] + ' place')} in {r['neighbourhood']} at {money(r['price_per_person'])} a head, and people come for the "
                f"{r['signature_dish']}."
            ),
        ),
    )
    def describe_restaurant(self, restaurant: Restaurant) -> RestaurantProfile:
        """Return a restaurant's neighbourhood, opening hours, price level, rating and signature dish."""
        x = self._place(restaurant)
        return RestaurantProfile(
            restaurant=restaurant,
            cuisine=x["cuisine"],
            neighbourhood=x["neighbourhood"],
            rating=x["rating"],
            price_per_person=x["price_per_person"],
            opens=x["opens"],
            closes=x["closes"],
            signature_dish=x["signature_dish"],
        )

    @tool(
        asks=(
            "see which tables are still free at {restaurant} on {date}",
            "find out when we could get a table at {restaurant} on {date}",
            "check what times {restaurant} can still seat people on {date}",
            "go through the evening slots at {restaurant}[ on {date}]",
        ),
        questions=(
            "What times are still open at {restaurant} on {date}?",
            "Is anything free at {restaurant} on {date}?",
            "How late could we eat at {restaurant} on {date}?",
        ),
        noun="free time",
        deed="check which tables are free",
        tells=(
            lambda a, r: (
                f"On {day(r['date'])}, {r['restaurant']} still has tables at {listing([clock(t) for t in r['open_times']], limit=8)}."
            ),
            lambda a, r: (
                f"{r['restaurant']} can seat you on {day(r['date'])} at "
                f"{listing([clock(t) for t in r['open_times']], limit=8, conjunction='or')}."
            ),
            lambda a, r: (
                f"There {'is' if len(r['open_times']) == 1 else 'are'} {plural(len(r['open_times']), 'slot')} left at {r['restaurant']} "
                f"on {day(r['date'])}: {listing([clock(t) for t in r['open_times']], limit=8)}."
            ),
        ),
    )
    def list_open_tables(self, restaurant: Restaurant, date: Date) -> OpenTables:
        """List the evening times at which a restaurant still has a table on a date."""
        self._place(restaurant)
        self._upcoming(date)
        taken = self.state["taken"].get(f"{restaurant}|{date}", [])
        return OpenTables(restaurant=restaurant, date=date, open_times=[time for time in TIMES if time not in taken])

    @tool(
        asks=(
            "book a table at {restaurant}[ for {guests}][ on {date}][ at {time}]",
            "get us in at {restaurant}[ on {date}][, {time} if possible][, {guests}]",
            "set up dinner at {restaurant}[ on {date}][ at {time}][ for {guests}]",
            "have {restaurant} keep a table for {guests}[ on {date}][ at {time}]",
        ),
        questions=(
            "I'd love to eat at {restaurant}[ on {date}][ at {time}], with a table for {guests}.",
            "We're {guests} and want dinner at {restaurant}[ on {date}][, {time} if you can arrange it].",
            "For our anniversary I'd like to go to {restaurant}[ on {date}][ at {time}], {guests}.",
        ),
        noun="booking",
        deed="book a table",
        tells=(
            lambda a, r: (
                f"Your table for {r['guests']} at {r['restaurant']} is booked for {day(r['date'])} at {clock(r['time'])}. The booking "
                f"code is {r['booking_code']}."
            ),
            lambda a, r: (
                f"Done: {r['restaurant']}, {day(r['date'])}, {clock(r['time'])}, {plural(r['guests'], 'guest')}. Your code is "
                f"{r['booking_code']}."
            ),
            lambda a, r: (
                f"{r['restaurant']} is expecting {plural(r['guests'], 'guest')} on {day(r['date'])} at {clock(r['time'])}; the booking "
                f"is {r['booking_code']}."
            ),
        ),
    )
    def book_table(self, restaurant: Restaurant, guests: Guests, date: Date, time: Time) -> TableBooking:
        """Book a table at a restaurant for a number of guests on a date and time."""
        self._place(restaurant)
        require(time in TIMES, f"Tables can be booked at {', '.join(TIMES)}.")
        self._upcoming(date)
        require(1 <= guests <= 12, "A table seats 1 to 12 guests.")
        require(time not in self.state["taken"].get(f"{restaurant}|{date}", []), f"{restaurant} is full at {time} on {date}.")
        require(time not in _own_times(self.state, date), f"The user has another table at {time} on {date}.")
        code = self._enter(restaurant, date, time, guests)
        return TableBooking(booking_code=code, restaurant=restaurant, date=date, time=time, guests=guests, status="confirmed")

    @tool(
        asks=(
            "list the table bookings I have",
            "show me my upcoming dinner bookings",
            "go through the restaurant tables I've booked",
            "check where I'm supposed to be eating out soon",
        ),
        questions=(
            "Which restaurant bookings do I have coming up?",
            "What tables have I booked so far?",
            "Where am I having dinner over the next two weeks?",
        ),
        things=("dinner booking of mine", "table I have booked"),
        noun="booking",
        deed="list table bookings",
        tells=(
            lambda a, r: (
                f"You have {plural(len(r['bookings']), 'booking')}: "
                f"{listing([x['restaurant'] + ' on ' + day(x['date']) + ' at ' + clock(x['time']) + ' (' + x['booking_code'] + ')' for x in r['bookings']])}."
            ),
            lambda a, r: (
                "Coming up: "
                f"{listing([x['restaurant'] + ' on ' + day(x['date']) + ' for ' + plural(x['guests'], 'guest') for x in r['bookings']])}."
            ),
            lambda a, r: (
                "Your tables: "
                f"{listing([x['booking_code'] + ' at ' + x['restaurant'] + ' for ' + plural(x['guests'], 'guest') + ' on ' + day(x['date']) for x in r['bookings']])}."
            ),
        ),
    )
    def list_table_bookings(self) -> BookingList:
        """List the user's confirmed table bookings."""
        found = [
            TableBooking(
                booking_code=code, restaurant=x["restaurant"], date=x["date"], time=x["time"], guests=x["guests"], status=x["status"]
            )
            for code, x in sorted(self.state["bookings"].items(), key=lambda item: (item[1]["date"], item[1]["time"]))
            if x["status"] == "confirmed"
        ]
        require(found, "There are no confirmed bookings.")
        return {"bookings": found}

    @tool(
        asks=(
            "change the party size of {booking_code} to {guests}",
            "make {booking_code} a table for {guests}",
            "update the head count on {booking_code} to {guests}",
            "tell the restaurant to expect {guests} on {booking_code}",
        ),
        questions=(
            "There will be {guests} after all — can {booking_code} be adjusted?",
            "Our group isn't the size I said; could {booking_code} be for {guests}?",
            "It turns out we're {guests}; please correct {booking_code}.",
        ),
        noun="booking",
        deed="change the size of a booking",
        tells=(
            lambda a, r: f"{r['restaurant']} now expects {plural(r['guests'], 'guest')} on {day(r['date'])} at {clock(r['time'])}.",
            lambda a, r: f"I've updated booking {r['booking_code']} at {r['restaurant']} to {plural(r['guests'], 'guest')}.",
            lambda a, r: f"Done, {plural(r['guests'], 'guest')} it is: {r['restaurant']} on {day(r['date'])}, booking {r['booking_code']}.",
        ),
    )
    def resize_booking(
        self,
        booking_code: BookingCode,
        guests: Annotated[
            int,
            Argument(
                description="Number of guests at the table.", noun="number of guests", word="{} guest(s)", pick=_guests, low=1, high=9
            ),
        ],
    ) -> TableBooking:
        """Change the number of guests of a table booking."""
        x = self._booking(booking_code)
        require(x["guests"] != guests, f"Booking {booking_code} is already for {guests}.")
        x["guests"] = guests
        return TableBooking(
            booking_code=booking_code, restaurant=x["restaurant"], date=x["date"], time=x["time"], guests=guests, status=x["status"]
        )

    @tool(
        asks=(
            "cancel {booking_code}",
            "call off {booking_code} and tell me about the deposit",
            "drop {booking_code}, since plans have changed",
            "strike {booking_code} from the books, as nobody will turn up",
        ),
        questions=(
            "We can't come any more and would like to cancel {booking_code}.",
            "I've got a fever and won't be eating out; please cancel {booking_code}.",
            "Even if that costs me the deposit, I'm giving up {booking_code}.",
        ),
        noun="cancellation",
        deed="cancel a table booking",
        tells=(
            lambda a, r: (
                f"Booking {r['booking_code']} is cancelled"
                + (
                    f" and your deposit of {money(r['refunded_deposit'])} will be refunded."
                    if r["refunded_deposit"]
                    else "; there was no deposit to refund."
                )
            ),
            lambda a, r: (
                f"That's off your calendar: {r['booking_code']} has been cancelled"
                + (f" and {money(r['refunded_deposit'])} of deposit refunded." if r["refunded_deposit"] else "; there was no deposit.")
            ),
            lambda a, r: (
                f"{r['booking_code']} is off."
                + (
                    f" The deposit of {money(r['refunded_deposit'])} comes back to you."
                    if r["refunded_deposit"]
                    else " No deposit had been taken."
                )
            ),
        ),
    )
    def cancel_table(self, booking_code: BookingCode) -> Cancellation:
        """Cancel a table booking and refund its deposit."""
        x = self._booking(booking_code)
        x["status"] = "cancelled"
        taken = self.state["taken"].get(f"{x['restaurant']}|{x['date']}", [])
        if x["time"] in taken:
            taken.remove(x["time"])
        return Cancellation(booking_code=booking_code, status="cancelled", refunded_deposit=5 * x["guests"] if x["guests"] > 4 else 0)

    @tool(
        asks=(
            "put us on the waiting list of {restaurant}[ for {date}][, {guests}]",
            "add my name to the queue at {restaurant}[ on {date}][ for {guests}]",
            "have {restaurant} note us in case a table frees up[ on {date}][ for {guests}]",
            "reserve a spot in the queue at {restaurant}[ on {date}][ for {guests}]",
        ),
        questions=(
            "Can we get on the waiting list at {restaurant} for {date}? There'd be {guests}.",
            "If anyone cancels at {restaurant} on {date}, we'd come with {guests}.",
            "However long the wait, please put {guests} on the list at {restaurant} for {date}.",
        ),
        noun="place on the waiting list",
        deed="join a waiting list",
        tells=(
            lambda a, r: (
                f"You're number {r['position']} on the waiting list at {r['restaurant']}; the wait should be about "
                f"{r['estimated_wait_minutes']} minutes."
            ),
            lambda a, r: (
                f"{r['restaurant']} has you in position {r['position']}, with an estimated wait of {r['estimated_wait_minutes']} minutes."
            ),
            lambda a, r: (
                f"About {r['estimated_wait_minutes']} minutes of waiting at {r['restaurant']}: you're in position {r['position']}."
            ),
        ),
    )
    def join_waitlist(self, restaurant: Restaurant, date: Date, guests: Guests) -> WaitlistPlace:
        """Join a restaurant's waiting list for a date and return the position in it."""
        x = self._place(restaurant)
        self._upcoming(date)
        queue = self.state["waitlists"].setdefault(f"{restaurant}|{date}", x["reviews"] % 5)
        self.state["waitlists"][f"{restaurant}|{date}"] = queue + 1
        return WaitlistPlace(restaurant=restaurant, position=queue + 1, estimated_wait_minutes=15 * (queue + 1))

    @tool(
        asks=(
            "give {restaurant} {stars}[ and add the comment {comment}]",
            "review {restaurant} for me with {stars}[, saying {comment}]",
            "rate {restaurant} with {stars}[ and write {comment}]",
            "post {stars} for {restaurant}[ along with the words {comment}]",
        ),
        questions=(
            "I'd like {restaurant} to get {stars} from me[, with the note {comment}].",
            "After last night I'd give {restaurant} {stars}[, with these words: {comment}].",
            "Having eaten there, I'd rate {restaurant} at {stars}[; you can quote me: {comment}].",
        ),
        noun="review",
        deed="post a review",
        tells=(
            lambda a, r: f"Your {r['stars']}-star review of {r['restaurant']} is posted; its average is now {r['new_rating']}.",
            lambda a, r: f"Thanks — {r['restaurant']} received your {plural(r['stars'], 'star')} and now averages {r['new_rating']}.",
            lambda a, r: f"Your rating of {plural(r['stars'], 'star')} is in, and {r['restaurant']} stands at {r['new_rating']} now.",
        ),
    )
    def review_restaurant(
        self,
        restaurant: Restaurant,
        stars: Annotated[int, Argument(description="Stars, 1 to 5.", noun="number of stars", word="{} star(s)", low=1, high=5)],
        comment: Annotated[
            str | None,
            Argument(
                description="Text of the review.",
                noun="comment",
                kind="text",
                choices=(
                    "Lovely evening, slow dessert",
                    "Great value and friendly staff",
                    "The starters were cold",
                    "Best meal we had this year",
                ),
            ),
        ] = None,
    ) -> ReviewReceipt:
        """Post a star rating with an optional comment for a restaurant."""
        x = self._place(restaurant)
        require(1 <= stars <= 5, "Stars go from 1 to 5.")
        x["rating"] = round((x["rating"] * x["reviews"] + stars) / (x["reviews"] + 1), 2)
        x["reviews"] += 1
        return ReviewReceipt(restaurant=restaurant, stars=stars, new_rating=x["rating"])

    @tool(
        asks=(
            "read me the menu of {restaurant}",
            "list the dishes on offer at {restaurant}",
            "check the dishes and prices at {restaurant}",
            "see what's cooking at {restaurant}",
        ),
        questions=(
            "What dishes do they have at {restaurant}?",
            "Which main courses could I order at {restaurant}, and at what prices?",
            "Before we decide, what's on the card at {restaurant}?",
        ),
        things=("dish at {restaurant}", "dish on the menu of {restaurant}"),
        noun="dish",
        deed="read out menus",
        tells=(
            lambda a, r: f"The menu of {r['restaurant']} has {listing([x['dish'] + ' for ' + money(x['price']) for x in r['dishes']])}.",
            lambda a, r: (
                f"At {r['restaurant']} you can eat "
                f"{listing([x['dish'] + ' (' + money(x['price']) + ')' for x in r['dishes']], conjunction='or')}."
            ),
            lambda a, r: (
                f"{r['restaurant']} lists {plural(len(r['dishes']), 'dish')}: "
                f"{listing([x['dish'] + ' at ' + money(x['price']) for x in r['dishes']])}. The dearest costs "
                f"{money(max(x['price'] for x in r['dishes']))}."
            ),
        ),
    )
    def read_menu(self, restaurant: Restaurant) -> Menu:
        """List the dishes of a restaurant with their prices."""
        return Menu(restaurant=restaurant, dishes=[Dish(dish=dish, price=price) for dish, price in self._place(restaurant)["menu"].items()])

    @tool(
        asks=(
            "pre-order {dishes} for {booking_code}",
            "let the kitchen know that we'll have {dishes} on {booking_code}",
            "add {dishes} to {booking_code}, to be ready when we arrive",
            "order {dishes} ahead of time for {booking_code}",
        ),
        questions=(
            "To save time on {booking_code}, please order {dishes} in advance.",
            "We already know what we'll eat: {dishes}, on {booking_code}.",
            "Would the chef prepare {dishes} for {booking_code}?",
        ),
        noun="food order",
        deed="order dishes ahead",
        tells=(
            lambda a, r: (
                f"The kitchen of {r['restaurant']} will prepare {listing(r['dishes'], limit=8)}. So far the order comes to "
                f"{money(r['order_total'])}."
            ),
            lambda a, r: (
                f"Booking {r['booking_code']} now includes {listing(r['dishes'], limit=8)}, for {money(r['order_total'])} in total."
            ),
            lambda a, r: (
                f"Ordered ahead at {r['restaurant']}: {listing(r['dishes'], limit=8)}. You'll pay {money(r['order_total'])} for the food "
                f"on {r['booking_code']}."
            ),
        ),
    )
    def order_dishes_ahead(
        self,
        booking_code: BookingCode,
        dishes: Annotated[list[str], Argument(description="Names of dishes from the restaurant's menu.", noun="dishes", pick=_dishes)],
    ) -> DishOrder:
        """Order dishes of the restaurant's menu in advance for a table booking; earlier orders stay."""
        x = self._booking(booking_code)
        menu = self._place(x["restaurant"])["menu"]
        require(dishes, "Name at least one dish.")
        unknown = [dish for dish in dishes if dish not in menu]
        require(not unknown, f"{x['restaurant']} does not serve {', '.join(unknown)}.")
        require(len(x["dishes"]) + len(dishes) <= 12, f"The order for {booking_code} cannot exceed 12 dishes.")
        x["dishes"] += dishes
        return DishOrder(
            booking_code=booking_code,
            restaurant=x["restaurant"],
            dishes=list(x["dishes"]),
            order_total=sum(menu[dish] for dish in x["dishes"]),
        )
