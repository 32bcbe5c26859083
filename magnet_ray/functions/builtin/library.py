"""A public library: its catalogue, and one reader's loans, holds and charges.

Books and branches go by their names, holds and charges by the code on the slip. A book has copies at some
branches: borrowing takes one off the shelf, returning puts one back, and a late return adds a charge.
"""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, tool
from magnet_ray.phrases import Argument, Pick
from magnet_ray.wording import clock, day, listing, money, number, plural

Genre = Literal["mystery", "science fiction", "history", "biography", "poetry", "travel", "cookery"]
Payment = Literal["card", "cash", "library credit"]

SHELVES: Mapping[str, tuple[tuple[str, str], ...]] = {
    "mystery": (
        ("The Ferryman's Alibi", "Helen Marchetti"),
        ("Nine Keys to Salter House", "Helen Marchetti"),
        ("Low Tide at Gull Rock", "Helen Marchetti"),
        ("A Quiet Word in Trieste", "Anton Brodsky"),
        ("The Winter Auction", "Anton Brodsky"),
        ("Fog over Platform Six", "Anton Brodsky"),
    ),
    "science fiction": (
        ("The Glass Orbit", "Ifeoma Adeyemi"),
        ("Children of the Slow Star", "Ifeoma Adeyemi"),
        ("Salt Engine", "Ifeoma Adeyemi"),
        ("Letters from Ganymede", "Kenji Morita"),
        ("The Last Cartographer", "Kenji Morita"),
        ("Ninety Seconds of Gravity", "Kenji Morita"),
    ),
    "history": (
        ("The Spice Ledger", "Rosalind Achterberg"),
        ("Bridges of the Old Republic", "Rosalind Achterberg"),
        ("A City Built on Wool", "Rosalind Achterberg"),
        ("Canals and Kings", "Farid Mansouri"),
        ("The Long Harvest", "Farid Mansouri"),
        ("Roads before Rome", "Farid Mansouri"),
    ),
    "biography": (
        ("The Woman Who Mapped the Wind", "Grace Tolliver"),
        ("An Engineer's Heart", "Grace Tolliver"),
        ("Unfinished Symphonies", "Grace Tolliver"),
        ("The Gardener of Kyoto", "Pavel Hruska"),
        ("Eleven Lives of a Clockmaker", "Pavel Hruska"),
        ("North of Everything", "Pavel Hruska"),
    ),
    "poetry": (
        ("Small Weather", "Noor Rahmani"),
        ("Apricots in February", "Noor Rahmani"),
        ("The Understudy Moon", "Noor Rahmani"),
        ("Field Notes for Swallows", "Eoin Gallagher"),
        ("Harbour Rain", "Eoin Gallagher"),
        ("Bread and Thunder", "Eoin Gallagher"),
    ),
    "travel": (
        ("Slow Trains to Samarkand", "Marta Villanueva"),
        ("Walking the Amber Coast", "Marta Villanueva"),
        ("Islands without Timetables", "Marta Villanueva"),
        ("A Bicycle in Patagonia", "Lars Engdahl"),
        ("The Tea Road", "Lars Engdahl"),
        ("Nights in Small Hotels", "Lars Engdahl"),
    ),
    "cookery": (
        ("Four Seasons in One Pot", "Sunita Kapoor"),
        ("The Lentil Shelf", "Sunita Kapoor"),
        ("Sunday Breads", "Sunita Kapoor"),
        ("Smoke and Lemon", "Bruno Caetano"),
        ("A Kitchen by the Harbour", "Bruno Caetano"),
        ("Plain Cakes", "Bruno Caetano"),
    ),
}
BRANCHES = (
    "Elm Street Library",
    "Riverside Library",
    "Northgate Library",
    "Old Mill Library",
    "Harbour View Library",
    "Castle Hill Library",
    "Meadow Lane Library",
)
REASONS = (
    ("a late return", 1, 9),
    ("a damaged cover", 4, 12),
    ("colour printing", 2, 6),
    ("an interlibrary loan", 3, 5),
    ("a replacement card", 3, 5),
    ("a lost audiobook", 12, 28),
    ("overdue magazines", 1, 4),
)
LOAN_DAYS = 21


class BookSummary(TypedDict):
    book_title: str
    author: str
    year: int
    pages: int
    rating: float
    copies_available: int


class CatalogueResult(TypedDict):
    books: list[BookSummary]


class ShelvedCopies(TypedDict):
    branch: str
    copies_available: int
    distance_km: float
    closes: str


class ShelfReport(TypedDict):
    book_title: str
    author: str
    shelf_mark: str
    branches: list[ShelvedCopies]


class Loan(TypedDict):
    book_title: str
    branch: str
    due_date: str
    renewals_left: int


class LoanList(TypedDict):
    loans: list[Loan]


class ReturnReceipt(TypedDict):
    book_title: str
    branch: str
    days_late: int
    late_fee: int


class Hold(TypedDict):
    hold_code: str
    book_title: str
    branch: str
    queue_position: int
    expected_on: str


class HoldList(TypedDict):
    holds: list[Hold]


class WithdrawnHold(TypedDict):
    hold_code: str
    book_title: str
    holds_left: int


class Charge(TypedDict):
    charge_code: str
    reason: str
    amount: int
    charged_on: str


class ChargeList(TypedDict):
    charges: list[Charge]
    total_owed: int


class ChargeReceipt(TypedDict):
    charge_code: str
    amount_paid: int
    payment_method: str
    total_owed: int


def _copies(book: Mapping[str, Any]) -> int:
    return sum(book["copies"].values())


def _fitting(domain: Domain, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Books that satisfy the search limits chosen so far."""
    return [
        x
        for x in domain.state["books"].values()
        if x["genre"] == chosen.get("genre", x["genre"])
        and x["pages"] <= chosen.get("max_pages", x["pages"])
        and x["rating"] >= chosen.get("min_rating", 0)
    ]


def _genre(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["genre"] for x in domain.state["books"].values()}))


def _max_pages(domain: Domain, rng: Random, chosen: Any) -> Any:
    book = rng.choice(_fitting(domain, chosen) or list(domain.state["books"].values()))
    return int(book["pages"] // 50 + rng.randint(1, 2)) * 50


def _min_rating(domain: Domain, rng: Random, chosen: Any) -> Any:
    book = rng.choice(_fitting(domain, chosen) or list(domain.state["books"].values()))
    return max(value for value in (2, 2.5, 3, 3.5, 4, 4.5) if value <= book["rating"])


def _author(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["author"] for x in domain.state["books"].values()}))


def _any_title(domain: Domain, rng: Random, chosen: Any) -> Any:
    on_shelf = [book_title for book_title, x in domain.state["books"].items() if _copies(x)]
    return rng.choice(on_shelf or list(domain.state["books"]))


def _title_where(fits: Callable[[State, str], bool]) -> Pick:
    def pick(domain: Domain, rng: Random, chosen: Any) -> Any:
        titles = list(domain.state["books"])
        return rng.choice([book_title for book_title in titles if fits(domain.state, book_title)] or titles)

    return pick


def _branch(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["branches"]))


def _stocked_branch(domain: Domain, rng: Random, chosen: Any) -> Any:
    copies = domain.state["books"].get(chosen.get("book_title"), {}).get("copies", {})
    return rng.choice([branch for branch, count in copies.items() if count] or sorted(domain.state["branches"]))


def _code(shelf: str, fallback: str) -> Pick:
    def pick(domain: Domain, rng: Random, chosen: Any) -> Any:
        return rng.choice(sorted(domain.state[shelf]) or [fallback])

    return pick


Branch = Annotated[str, Argument(description="Name of the library branch.", noun="branch", pick=_branch)]
BorrowedTitle = Annotated[
    str,
    Argument(
        description="Title of a book that the reader has on loan.",
        noun="book",
        pick=_title_where(lambda state, book_title: book_title in state["loans"]),
    ),
]


def _renewals(x: Any) -> str:
    return f"{plural(x['renewals_left'], 'renewal')} left" if x["renewals_left"] else "no renewals left"


class Library(Domain):
    """Search a public library, borrow, renew and return books, keep holds, pay charges."""

    name: ClassVar[str] = "library"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        branches = rng.sample(BRANCHES, rng.randint(3, 4))
        state: State = {
            "today": today.isoformat(),
            "code_seed": rng.randrange(10_000),
            "branches": {
                name: {"distance_km": round(rng.uniform(0.4, 9.5), 1), "closes": rng.choice(("17:30", "18:00", "19:00", "20:00"))}
                for name in branches
            },
            "books": {},
            "loans": {},
            "holds": {},
            "charges": {},
        }
        for genre in rng.sample(sorted(SHELVES), 4):
            for book_title, author in rng.sample(SHELVES[genre], 4):
                state["books"][book_title] = cls._new_book(rng, genre, author, branches)
        cls._fill_card(state, rng, today)
        return state

    @staticmethod
    def _new_book(rng: Random, genre: str, author: str, branches: list[str]) -> dict[str, Any]:
        return {
            "author": author,
            "genre": genre,
            "year": rng.randint(1988, 2024),
            "pages": rng.randint(72, 140) if genre == "poetry" else rng.randint(180, 620),
            "rating": round(rng.uniform(2.9, 4.9), 1),
            "shelf_mark": f"{rng.randint(100, 999)}.{rng.randint(1, 99)} {author.split()[-1][:3].upper()}",
            "copies": {branch: rng.randint(1, 3) for branch in rng.sample(branches, rng.randint(2, len(branches)))},
        }

    @classmethod
    def _fill_card(cls, state: State, rng: Random, today: date) -> None:
        """Put loans, holds and charges on the reader's card, for books that differ."""
        domain = cls(state)
        titles = rng.sample(list(state["books"]), 9)
        branches = list(state["branches"])
        for book_title in titles[: rng.randint(4, 5)]:
            due = today + timedelta(days=rng.choice((-5, -2, 1, 3, 4, 6, 8, 11, 13, 16)))
            state["loans"][book_title] = {"branch": rng.choice(branches), "due_date": due.isoformat(), "renewals_left": rng.randint(1, 3)}
        for book_title in titles[5 : 5 + rng.randint(3, 4)]:
            state["holds"][domain.issue("HLD")] = {
                "book_title": book_title,
                "branch": rng.choice(branches),
                "queue_position": rng.randint(1, 7),
                "expected_on": (today + timedelta(days=rng.randint(2, 40))).isoformat(),
            }
        for reason, low, high in rng.sample(REASONS, rng.randint(4, 5)):
            charged = today - timedelta(days=rng.randint(3, 70))
            amount = rng.randint(low, high)
            state["charges"][domain.issue("LIB")] = {"reason": reason, "amount": amount, "charged_on": charged.isoformat()}

    def _book(self, book_title: str) -> dict[str, Any]:
        require(book_title in self.state["books"], f"The catalogue holds no book called {book_title!r}.")
        book: dict[str, Any] = self.state["books"][book_title]
        return book

    def _loan(self, book_title: str) -> dict[str, Any]:
        require(book_title in self.state["loans"], f"{book_title!r} is not on loan to this reader.")
        loan: dict[str, Any] = self.state["loans"][book_title]
        return loan

    def _summary(self, book_title: str) -> BookSummary:
        x = self.state["books"][book_title]
        return {
            "book_title": book_title,
            "author": x["author"],
            "year": x["year"],
            "pages": x["pages"],
            "rating": x["rating"],
            "copies_available": _copies(x),
        }

    def _owed(self) -> int:
        return sum(x["amount"] for x in self.state["charges"].values())

    @tool(
        asks=(
            "find {genre} books[ under {max_pages}][ rated at least {min_rating}]",
            "search the library catalogue for {genre}[ of no more than {max_pages}][ with {min_rating} or better]",
            "browse what the library owns[ in {genre}][, below {max_pages}][, with a reader score from {min_rating} up]",
            "put together a list of {genre} titles I could read[, {max_pages} at the most][, scored {min_rating} or higher]",
            "check which {genre} books the library has[ with at least {min_rating}][, none longer than {max_pages}]",
        ),
        questions=(
            "Any good {genre} in the catalogue[ below {max_pages}][ with {min_rating} or more]?",
            "Which {genre} books can I find at the library[ that are shorter than {max_pages}][, rated at least {min_rating}]?",
            "I'm in the mood for some {genre}[, nothing over {max_pages}][, rated {min_rating} or better] — what's on offer?",
            "My book club picked {genre} as the next theme, so what is there[ under {max_pages}][ with {min_rating} or more]?",
        ),
        things=("{genre} book", "{genre} title in the catalogue"),
        noun="book",
        deed="search the catalogue",
        tells=(
            lambda a, r: (
                f"The catalogue has {plural(len(r['books']), a['genre'] + ' book')} that {'fits' if len(r['books']) == 1 else 'fit'}: "
                f"{listing([x['book_title'] + ' by ' + x['author'] + ' (' + plural(x['pages'], 'page') + ', rated ' + number(x['rating']) + ')' for x in r['books']])}."
            ),
            lambda a, r: (
                f"In {a['genre']} you could read {listing([x['book_title'] + ' (' + str(x['year']) + ', ' + plural(x['pages'], 'page') + ')' for x in r['books']], conjunction='or')}. "
                f"Readers like {max(r['books'], key=lambda x: x['rating'])['book_title']} best, at {number(max(x['rating'] for x in r['books']))} stars."
            ),
            lambda a, r: (
                f"Here's what I found under {a['genre']}: "
                f"{listing([x['book_title'] + ' at ' + number(x['rating']) + ' stars with ' + (plural(x['copies_available'], 'copy') if x['copies_available'] else 'no copies') + ' in' for x in r['books']])}."
            ),
        ),
    )
    def search_catalogue(
        self,
        genre: Annotated[Genre, Argument(description="Genre to look in.", noun="genre", pick=_genre)],
        max_pages: Annotated[
            int | None, Argument(description="Largest number of pages.", noun="page limit", word="{} page(s)", pick=_max_pages, low=50)
        ] = None,
        min_rating: Annotated[
            float | None,
            Argument(description="Lowest average reader rating, 1 to 5.", noun="minimum rating", word="{} star(s)", pick=_min_rating),
        ] = None,
    ) -> CatalogueResult:
        """List the library's books of a genre, optionally up to a length and from a reader rating on."""
        found = [
            self._summary(book_title)
            for book_title, x in self.state["books"].items()
            if x["genre"] == genre and (max_pages is None or x["pages"] <= max_pages) and (min_rating is None or x["rating"] >= min_rating)
        ]
        require(found, f"No {genre} book in the catalogue meets these limits.")
        return {"books": found}

    @tool(
        asks=(
            "list everything the library has by {author}",
            "look up which books by {author} I could get",
            "see what else by {author} the catalogue holds",
            "bring up the library's holdings of work by {author}",
        ),
        questions=(
            "What does the library own by {author}?",
            "Do you have anything by {author} on your shelves?",
            "A friend keeps recommending {author} — which titles are in the catalogue?",
        ),
        things=("book by {author}", "title written by {author}"),
        noun="book",
        deed="look up an author's books",
        tells=(
            lambda a, r: (
                f"By {a['author']} the library has {listing([x['book_title'] + ' (' + str(x['year']) + ', ' + plural(x['pages'], 'page') + ')' for x in r['books']])}."
            ),
            lambda a, r: (
                f"There {'is one book' if len(r['books']) == 1 else 'are ' + plural(len(r['books']), 'book')} by {a['author']}: "
                f"{listing([x['book_title'] + ' (rated ' + number(x['rating']) + ')' for x in r['books']])}."
            ),
            lambda a, r: (
                f"{a['author']} is on the shelves with {listing([x['book_title'] + ' from ' + str(x['year']) + ' (' + (plural(x['copies_available'], 'copy') + ' free' if x['copies_available'] else 'all copies out') + ')' for x in r['books']])}."
            ),
        ),
    )
    def find_books_by_author(
        self, author: Annotated[str, Argument(description="Full name of the author.", noun="author", pick=_author)]
    ) -> CatalogueResult:
        """List the books of one author that the library owns."""
        found = [self._summary(book_title) for book_title, x in self.state["books"].items() if x["author"] == author]
        require(found, f"The library owns nothing by {author!r}.")
        return {"books": found}

    @tool(
        asks=(
            "check which branches have {book_title} on the shelf",
            "find out where I could get {book_title} right now",
            "look for a branch that still has a copy of {book_title}",
            "tell me where I'd have to go to pick up {book_title} today",
        ),
        questions=(
            "Where could I get hold of {book_title}?",
            "Does any branch have {book_title} in at the moment?",
            "Which libraries nearby still have {book_title}?",
        ),
        things=("branch that has {book_title}", "library with {book_title} on the shelf"),
        noun="branch",
        deed="see where a book is on the shelf",
        tells=(
            lambda a, r: (
                f"{r['book_title']} is on the shelf at {listing([x['branch'] + ' (' + plural(x['copies_available'], 'copy') + ', ' + number(x['distance_km']) + ' km away)' for x in r['branches']])}. "
                f"Look under {r['shelf_mark']}."
            ),
            lambda a, r: (
                f"You can pick up {r['book_title']} by {r['author']} at {listing([x['branch'] + ' (open until ' + clock(x['closes']) + ')' for x in r['branches']], conjunction='or')}; the shelf mark is {r['shelf_mark']}."
            ),
            lambda a, r: (
                f"The closest copy of {r['book_title']} is at {min(r['branches'], key=lambda x: x['distance_km'])['branch']}, "
                f"{number(min(x['distance_km'] for x in r['branches']))} km away."
                + (
                    f" Branches that have it in: {listing([x['branch'] for x in r['branches']])}."
                    if len(r["branches"]) > 1
                    else " No other branch has it in."
                )
            ),
        ),
    )
    def check_shelves(
        self, book_title: Annotated[str, Argument(description="Title of the book.", noun="book", pick=_any_title)]
    ) -> ShelfReport:
        """Show at which branches a book is on the shelf, with copies, distance and closing time."""
        x = self._book(book_title)
        branches = self.state["branches"]
        found: list[ShelvedCopies] = [
            {
                "branch": branch,
                "copies_available": count,
                "distance_km": branches[branch]["distance_km"],
                "closes": branches[branch]["closes"],
            }
            for branch, count in x["copies"].items()
            if count
        ]
        require(found, f"All copies of {book_title!r} are out at the moment.")
        return {"book_title": book_title, "author": x["author"], "shelf_mark": x["shelf_mark"], "branches": found}

    @tool(
        asks=(
            "show me the books I have out",
            "list my current loans with their due dates",
            "go over what I've borrowed and when it all has to be back",
            "check my library card for books that are still out",
        ),
        questions=(
            "Which books do I still have at home?",
            "When are my loans due?",
            "How many books am I holding on to, and which one is due first?",
        ),
        things=("book I have on loan", "book I've borrowed", "loan of mine"),
        noun="loan",
        deed="list loans",
        tells=(
            lambda a, r: (
                f"You have {plural(len(r['loans']), 'book')} out: {listing([x['book_title'] + ' (due ' + day(x['due_date']) + ')' for x in r['loans']], limit=6)}."
            ),
            lambda a, r: (
                f"On your card are {listing([x['book_title'] + ' until ' + day(x['due_date']) + ' (' + _renewals(x) + ')' for x in r['loans']], limit=8)}."
            ),
            lambda a, r: (
                "Still at home with you: "
                + listing([x["book_title"] + " from " + x["branch"] + " until " + day(x["due_date"]) for x in r["loans"]], limit=6)
                + "."
            ),
        ),
    )
    def list_loans(self) -> LoanList:
        """List the reader's books on loan with due date and renewals left."""
        found: list[Loan] = [
            {"book_title": book_title, "branch": x["branch"], "due_date": x["due_date"], "renewals_left": x["renewals_left"]}
            for book_title, x in sorted(self.state["loans"].items(), key=lambda item: item[1]["due_date"])
        ]
        require(found, "There are no books on loan.")
        return {"loans": found}

    @tool(
        asks=(
            "list the holds on my library card",
            "see where I stand in the queues for the books I'm waiting for",
            "pull up my reserved books and when they should come in",
            "look at the titles that are being kept for me",
        ),
        questions=(
            "Which books am I still waiting for?",
            "What holds do I have, and where will they be ready?",
            "How far along are the books I put aside for myself?",
        ),
        things=("hold of mine", "book I'm waiting for", "hold on my card"),
        noun="hold",
        deed="list holds",
        tells=(
            lambda a, r: (
                f"You're waiting for {plural(len(r['holds']), 'book')}: {listing([x['book_title'] + ' at ' + x['branch'] + ' (' + x['hold_code'] + ', number ' + str(x['queue_position']) + ' in the queue)' for x in r['holds']], limit=8)}."
            ),
            lambda a, r: (
                f"Your holds: {listing([x['book_title'] + ' at ' + x['branch'] + ' (number ' + str(x['queue_position']) + ' in line, expected ' + day(x['expected_on']) + ')' for x in r['holds']], limit=8)}."
            ),
            lambda a, r: (
                f"{plural(len(r['holds']), 'hold is', 'holds are')} on your card: {listing([x['book_title'] + ' at ' + x['branch'] + ' around ' + day(x['expected_on']) + ' (' + x['hold_code'] + ', place ' + str(x['queue_position']) + ')' for x in r['holds']], limit=8)}."
            ),
        ),
    )
    def list_holds(self) -> HoldList:
        """List the reader's holds with branch, place in the queue and expected date."""
        found: list[Hold] = [
            {
                "hold_code": code,
                "book_title": x["book_title"],
                "branch": x["branch"],
                "queue_position": x["queue_position"],
                "expected_on": x["expected_on"],
            }
            for code, x in self.state["holds"].items()
        ]
        require(found, "There are no holds on this card.")
        return {"holds": found}

    @tool(
        asks=(
            "add up what I owe the library",
            "list the open charges on my library card",
            "find out if I've run up any library fines",
            "see what the library is charging me for",
        ),
        questions=(
            "How much do I owe in library fines?",
            "Are there unpaid charges on my card, and what are they for?",
            "What fees has the library put on my account?",
        ),
        things=("library fine of mine", "unpaid charge on my card"),
        noun="charge",
        deed="list library charges",
        tells=(
            lambda a, r: (
                f"You owe {money(r['total_owed'])} in all: {listing([money(x['amount']) + ' for ' + x['reason'] + ' (' + x['charge_code'] + ')' for x in r['charges']], limit=6)}."
            ),
            lambda a, r: (
                f"There {'is' if len(r['charges']) == 1 else 'are'} {plural(len(r['charges']), 'open charge')} on your card, {money(r['total_owed'])} together: "
                f"{listing([x['reason'] + ' (' + money(x['amount']) + ')' for x in r['charges']], limit=8)}."
            ),
            lambda a, r: (
                f"Outstanding: {listing([money(x['amount']) + ' for ' + x['reason'] + ' from ' + day(x['charged_on']) for x in r['charges']], limit=6)}. That makes {money(r['total_owed'])}."
            ),
        ),
    )
    def list_library_charges(self) -> ChargeList:
        """List the reader's unpaid charges with reason, amount and date, and their sum."""
        found: list[Charge] = [
            {"charge_code": code, "reason": x["reason"], "amount": x["amount"], "charged_on": x["charged_on"]}
            for code, x in self.state["charges"].items()
        ]
        require(found, "There are no unpaid charges.")
        return {"charges": found, "total_owed": self._owed()}

    @tool(
        asks=(
            "check out {book_title} for me[ at {branch}]",
            "borrow {book_title}[ from {branch}]",
            "take {book_title} out on my card[, to be collected at {branch}]",
            "put {book_title} on loan to me[ at {branch}]",
            "sign out a copy of {book_title}[ from the shelf at {branch}]",
        ),
        questions=(
            "I'm after {book_title}, which I'd collect[ at {branch}].",
            "May I take {book_title} home[ from {branch}]?",
            "On my reading list I also have {book_title}, to be borrowed[ at {branch}].",
        ),
        noun="loan",
        deed="borrow books",
        tells=(
            lambda a, r: f"{r['book_title']} is checked out to you from {r['branch']}. It's due back on {day(r['due_date'])}.",
            lambda a, r: (
                f"Enjoy {r['book_title']}! You have it until {day(r['due_date'])} and can renew it {'twice' if r['renewals_left'] == 2 else plural(r['renewals_left'], 'time')}."
            ),
            lambda a, r: f"Done — {r['branch']} has put {r['book_title']} on your card, due {day(r['due_date'])}.",
        ),
    )
    def borrow_book(
        self,
        book_title: Annotated[
            str,
            Argument(
                description="Title of the book to borrow.",
                noun="book",
                pick=_title_where(
                    lambda state, book_title: (
                        book_title not in state["loans"]
                        and all(x["book_title"] != book_title for x in state["holds"].values())
                        and _copies(state["books"][book_title]) > 0
                    )
                ),
            ),
        ],
        branch: Annotated[str, Argument(description="Branch that has the book on the shelf.", noun="branch", pick=_stocked_branch)],
    ) -> Loan:
        """Check a book out to the reader from a branch that has it on the shelf."""
        x = self._book(book_title)
        require(book_title not in self.state["loans"], f"{book_title!r} is already on loan to this reader.")
        require(branch in self.state["branches"], f"There is no branch called {branch!r}.")
        held = next((code for code, hold in self.state["holds"].items() if hold["book_title"] == book_title), "")
        require(not held, f"The reader waits for {book_title!r} under hold {held}.")
        require(x["copies"].get(branch, 0) > 0, f"{branch} has no copy of {book_title!r} on the shelf.")
        x["copies"][branch] -= 1
        due = (self.today + timedelta(days=LOAN_DAYS)).isoformat()
        self.state["loans"][book_title] = {"branch": branch, "due_date": due, "renewals_left": 2}
        return {"book_title": book_title, "branch": branch, "due_date": due, "renewals_left": 2}

    @tool(
        asks=(
            "renew {book_title}",
            "extend my loan of {book_title}",
            "get me another three weeks with {book_title}",
            "push back the due date of {book_title}",
        ),
        questions=(
            "I haven't finished {book_title} yet and need a renewal.",
            "Could I keep {book_title} a little longer?",
            "There's no way I'll finish {book_title} in time — is a renewal possible?",
        ),
        noun="renewal",
        deed="renew a loan",
        tells=(
            lambda a, r: (
                f"{r['book_title']} is renewed and now due on {day(r['due_date'])}. "
                + (
                    f"You can renew it {plural(r['renewals_left'], 'more time')}."
                    if r["renewals_left"]
                    else "That was the last renewal for it."
                )
            ),
            lambda a, r: (
                f"You can keep {r['book_title']} until {day(r['due_date'])}"
                + (
                    f", with {plural(r['renewals_left'], 'renewal')} to spare."
                    if r["renewals_left"]
                    else ", but no longer: there are no renewals left."
                )
            ),
            lambda a, r: f"The new due date for {r['book_title']} is {day(r['due_date'])}; renewals left: {r['renewals_left'] or 'none'}.",
        ),
    )
    def renew_loan(
        self,
        book_title: Annotated[
            str,
            Argument(
                description="Title of a book that the reader has on loan.",
                noun="book",
                pick=_title_where(lambda state, book_title: state["loans"].get(book_title, {}).get("renewals_left", 0) > 0),
            ),
        ],
    ) -> Loan:
        """Extend the loan of a borrowed book by three weeks."""
        x = self._loan(book_title)
        require(x["renewals_left"] > 0, f"{book_title!r} cannot be renewed again.")
        start = max(self.today, date.fromisoformat(x["due_date"]))
        x["due_date"] = (start + timedelta(days=LOAN_DAYS)).isoformat()
        x["renewals_left"] -= 1
        return {"book_title": book_title, "branch": x["branch"], "due_date": x["due_date"], "renewals_left": x["renewals_left"]}

    @tool(
        asks=(
            "return {book_title}[ at {branch}]",
            "hand {book_title} back[ at {branch}]",
            "check {book_title} in[ at {branch}, where I'm just now]",
            "take {book_title} off my card, brought back[ to {branch}] today",
        ),
        questions=(
            "I've finished reading {book_title}, now on the returns desk[ at {branch}].",
            "Please mark {book_title} as returned[ to {branch}].",
            "Done with {book_title}, which I'm handing in[ at {branch}] today.",
        ),
        noun="return",
        deed="return a book",
        tells=(
            lambda a, r: (
                f"{r['book_title']} is back at {r['branch']}"
                + (
                    f", {plural(r['days_late'], 'day')} late, so a fee of {money(r['late_fee'])} was added."
                    if r["days_late"]
                    else " and was on time, so there's nothing to pay."
                )
            ),
            lambda a, r: (
                f"{r['branch']} has checked in {r['book_title']}. "
                + (
                    f"The late fee comes to {money(r['late_fee'])} for {plural(r['days_late'], 'day')}."
                    if r["days_late"]
                    else "No late fee applies."
                )
            ),
            lambda a, r: (
                f"That's {r['book_title']} returned to {r['branch']}, "
                + (f"overdue by {plural(r['days_late'], 'day')} ({money(r['late_fee'])})." if r["days_late"] else "with no charge.")
            ),
        ),
    )
    def return_book(self, book_title: BorrowedTitle, branch: Branch) -> ReturnReceipt:
        """Take a borrowed book back at a branch and charge a dollar for each day it is late."""
        loan = self._loan(book_title)
        require(branch in self.state["branches"], f"There is no branch called {branch!r}.")
        late = max(0, (self.today - date.fromisoformat(loan["due_date"])).days)
        del self.state["loans"][book_title]
        copies = self.state["books"][book_title]["copies"]
        copies[branch] = copies.get(branch, 0) + 1
        if late:
            self.state["charges"][self.issue("LIB")] = {"reason": "a late return", "amount": late, "charged_on": self.state["today"]}
        return {"book_title": book_title, "branch": branch, "days_late": late, "late_fee": late}

    @tool(
        asks=(
            "place a hold on {book_title}[ for pickup at {branch}]",
            "reserve {book_title} for me[ at {branch}]",
            "join the queue for {book_title}[ with delivery to {branch}]",
            "have {book_title} kept for me[ at the desk of {branch}]",
            "put my name down for {book_title}[, to be collected at {branch}]",
        ),
        questions=(
            "As soon as anyone returns {book_title}, I'd come[ to {branch}], so please hold that for me.",
            "Would you set {book_title} aside for me[ at {branch}]?",
            "I want to read {book_title} next, so get me in line[ at {branch}].",
        ),
        noun="hold",
        deed="place a hold on a book",
        tells=(
            lambda a, r: (
                f"You're number {r['queue_position']} in line for {r['book_title']}; it should reach {r['branch']} around {day(r['expected_on'])}. Your hold is {r['hold_code']}."
            ),
            lambda a, r: (
                f"Hold {r['hold_code']} is placed: {r['book_title']}, to be collected at {r['branch']}, expected {day(r['expected_on'])}."
            ),
            lambda a, r: (
                f"{r['book_title']} will be kept for you at {r['branch']}. Expect it on {day(r['expected_on'])} (hold {r['hold_code']}, place {r['queue_position']} in the queue)."
            ),
        ),
    )
    def place_hold(
        self,
        book_title: Annotated[
            str,
            Argument(
                description="Title of the book to keep.",
                noun="book",
                pick=_title_where(
                    lambda state, book_title: (
                        book_title not in state["loans"] and all(x["book_title"] != book_title for x in state["holds"].values())
                    )
                ),
            ),
        ],
        branch: Branch,
    ) -> Hold:
        """Queue the reader for a book, to be collected at a branch."""
        x = self._book(book_title)
        require(branch in self.state["branches"], f"There is no branch called {branch!r}.")
        require(book_title not in self.state["loans"], f"{book_title!r} is already on loan to this reader.")
        require(
            all(hold["book_title"] != book_title for hold in self.state["holds"].values()), f"There is already a hold on {book_title!r}."
        )
        position = 1 + x["year"] % 5
        expected = (self.today + timedelta(days=4 * position + x["pages"] % 4)).isoformat()
        code = self.issue("HLD")
        self.state["holds"][code] = {"book_title": book_title, "branch": branch, "queue_position": position, "expected_on": expected}
        return {"hold_code": code, "book_title": book_title, "branch": branch, "queue_position": position, "expected_on": expected}

    @tool(
        asks=(
            "withdraw {hold_code}",
            "give up {hold_code} so that somebody else gets the book",
            "remove {hold_code} from my card",
            "stop waiting on {hold_code} for me",
        ),
        questions=(
            "I no longer need {hold_code}.",
            "Somebody gave me that book, so {hold_code} can be dropped.",
            "I'd like to let somebody else have {hold_code}.",
        ),
        noun="withdrawal",
        deed="withdraw a hold",
        tells=(
            lambda a, r: (
                f"Hold {r['hold_code']} on {r['book_title']} is withdrawn. "
                + (f"You have {plural(r['holds_left'], 'hold')} left." if r["holds_left"] else "It was your last one.")
            ),
            lambda a, r: f"You're no longer in the queue for {r['book_title']}; I've taken {r['hold_code']} off your card.",
            lambda a, r: f"{r['book_title']} is no longer on hold for you. Holds still on your card: {r['holds_left'] or 'none'}.",
        ),
    )
    def withdraw_hold(
        self,
        hold_code: Annotated[
            str,
            Argument(
                description="Code of the hold, such as HLD-48213.",
                noun="hold",
                word="hold {}",
                kind="code",
                pick=_code("holds", "HLD-10000"),
            ),
        ],
    ) -> WithdrawnHold:
        """Take the reader out of the queue for a book."""
        require(hold_code in self.state["holds"], f"There is no hold with code {hold_code!r}.")
        hold = self.state["holds"].pop(hold_code)
        return {"hold_code": hold_code, "book_title": hold["book_title"], "holds_left": len(self.state["holds"])}

    @tool(
        asks=(
            "pay off {charge_code}[ by {payment_method}]",
            "settle {charge_code} with the library[, using {payment_method}]",
            "clear {charge_code}[, paid with {payment_method}]",
            "take care of {charge_code}[, {payment_method} is fine for that]",
        ),
        questions=(
            "I'd rather get {charge_code} out of the way now[ and pay by {payment_method}].",
            "Please put through my payment for {charge_code}[ by {payment_method}].",
            "Time to pay {charge_code}[, with {payment_method} this time].",
        ),
        noun="receipt",
        deed="pay a library charge",
        tells=(
            lambda a, r: (
                f"Paid: {money(r['amount_paid'])} for charge {r['charge_code']}. "
                + (f"You still owe {money(r['total_owed'])}." if r["total_owed"] else "Your card is clear now.")
            ),
            lambda a, r: (
                f"Charge {r['charge_code']} is settled by {r['payment_method']}, {money(r['amount_paid'])} in total"
                + (f", which leaves {money(r['total_owed'])} open." if r["total_owed"] else ", and nothing else is open.")
            ),
            lambda a, r: f"The library has received {money(r['amount_paid'])}; you owe {money(r['total_owed'])} now.",
        ),
    )
    def settle_charge(
        self,
        charge_code: Annotated[
            str,
            Argument(
                description="Code of the charge, such as LIB-48213.",
                noun="charge",
                word="charge {}",
                kind="code",
                pick=_code("charges", "LIB-10000"),
            ),
        ],
        payment_method: Annotated[Payment | None, Argument(description="How to pay; by card unless given.", noun="way to pay")] = None,
    ) -> ChargeReceipt:
        """Pay one charge on the reader's card in full."""
        require(charge_code in self.state["charges"], f"There is no unpaid charge with code {charge_code!r}.")
        amount = self.state["charges"].pop(charge_code)["amount"]
        return {"charge_code": charge_code, "amount_paid": amount, "payment_method": payment_method or "card", "total_owed": self._owed()}
