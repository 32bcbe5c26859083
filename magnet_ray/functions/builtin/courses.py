"""Evening courses of an adult-education centre: the programme, one learner's enrolments, homework and certificates.

Courses and assignments go by their titles. Handing an assignment in takes it off the open list; grades belong to
assignments marked earlier; a certificate is issued once for a course that the learner has finished.
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

Subject = Literal["modern languages", "arts and crafts", "computing", "music", "photography", "bookkeeping"]
Level = Literal["beginner", "intermediate", "advanced"]
Discount = Literal["student", "senior", "resident", "jobseeker"]
LEVELS = ("beginner", "intermediate", "advanced")
DISCOUNTS = {"student": 30, "senior": 25, "resident": 10, "jobseeker": 50}

PROGRAMME: Mapping[str, tuple[tuple[str, tuple[str, ...]], ...]] = {
    "modern languages": (
        ("Spanish for Travellers", ("Restaurant Dialogue", "Postcard from Seville", "Past Tense Worksheet")),
        ("Everyday Italian", ("Market Day Dialogue", "Family Portrait Essay", "Listening Log")),
        ("Business German", ("Cover Letter in German", "Meeting Minutes Exercise", "Phone Call Script")),
        ("Japanese Writing", ("Hiragana Chart", "First Kanji Set", "New Year Card")),
        ("Conversational Arabic", ("Greeting Video", "Souk Role Play", "Alphabet Quiz")),
    ),
    "arts and crafts": (
        ("Pottery at the Wheel", ("Glaze Test Tiles", "Set of Four Bowls", "Teapot Sketches")),
        ("Upholstery Basics", ("Fabric Sample Sheet", "Footstool Project", "Webbing Photo Diary")),
        ("Weaving on a Small Loom", ("Sampler Strip", "Colour Study", "Scarf Pattern Draft")),
        ("Stained Glass", ("Cutting Exercise", "Window Panel Design", "Lead Line Drawing")),
        ("Bookbinding", ("Pamphlet Stitch Booklet", "Paper Grain Report", "Cloth Cover Notebook")),
    ),
    "computing": (
        ("Spreadsheets without Fear", ("Household Budget Sheet", "Chart Exercise", "Lookup Table Task")),
        ("Python from Scratch", ("Number Guessing Game", "Text Cleaning Script", "Weather Diary Program")),
        ("Build Your Own Website", ("Homepage Mock-up", "Contact Page", "Colour Scheme Proposal")),
        ("Databases for Clubs", ("Members Table Design", "Query Worksheet", "Subscription Report")),
        ("Safe Online Banking", ("Password Plan", "Phishing Quiz", "Device Checklist")),
    ),
    "music": (
        ("Guitar for Grown-ups", ("Open Chord Recording", "Strumming Log", "Campfire Song Arrangement")),
        ("Choir Sight-reading", ("Interval Quiz", "Alto Line Recording", "Rhythm Dictation")),
        ("Jazz Piano Workshop", ("Blues Scale Video", "Voicing Worksheet", "Standard Transcription")),
        ("Ukulele in Ten Weeks", ("Three Chord Song", "Finger-picking Clip", "Tuning Diary")),
        ("Songwriting Lab", ("Lyric Draft", "Melody Sketch", "Demo Recording")),
    ),
    "photography": (
        ("Portraits in Natural Light", ("Window Light Series", "Self-portrait Task", "Retouching Notes")),
        ("Night Photography", ("Light Trail Shot", "Exposure Log", "City Skyline Print")),
        ("Darkroom Evenings", ("Contact Sheet", "Split-grade Print", "Chemistry Notes")),
        ("Phone Camera Tricks", ("Ten Frames Challenge", "Editing Diary", "Market Street Reportage")),
        ("Birds and Gardens", ("Bird Feeder Sequence", "Macro Leaf Study", "Garden Journal")),
    ),
    "bookkeeping": (
        ("Accounts for Sole Traders", ("Trial Balance Exercise", "Mileage Log", "Invoice Template")),
        ("Payroll Step by Step", ("Payslip Calculation", "Overtime Case Study", "Year-end Checklist")),
        ("Tax Returns Explained", ("Expense Sorting Task", "Sample Return", "Allowance Quiz")),
        ("Budgeting for Charities", ("Grant Budget Draft", "Cash Flow Table", "Treasurer Report")),
        ("Double Entry in Practice", ("Journal Entries Set", "Ledger Corrections", "Depreciation Table")),
    ),
}
TUTORS = (
    "Carmen Iglesias",
    "Piotr Zielinski",
    "Hannah Ashworth",
    "Ravi Chandran",
    "Solveig Berg",
    "Nadia Benali",
    "George Abara",
    "Emi Kuroda",
    "Luca Moretti",
    "Teresa Quinn",
    "Wendell Pryce",
    "Asha Patel",
)
VENUES = (
    "Room 4 at Mill Lane School",
    "the Old Fire Station",
    "Studio B at the Arts House",
    "Room 12 at Park College",
    "the Library Annexe",
)
EVENINGS = ("Monday", "Tuesday", "Wednesday", "Thursday")


class CourseSummary(TypedDict):
    course: str
    tutor: str
    level: str
    fee: int
    weeks: int
    starts_on: str
    rating: float


class CourseList(TypedDict):
    courses: list[CourseSummary]


class CoursePlan(TypedDict):
    course: str
    tutor: str
    level: str
    evening: str
    time: str
    venue: str
    starts_on: str
    weeks: int
    fee: int
    places_left: int


class Enrolment(TypedDict):
    course: str
    tutor: str
    starts_on: str
    fee_due: int
    places_left: int


class EnrolmentSummary(TypedDict):
    course: str
    tutor: str
    evening: str
    next_session: str
    weeks_left: int


class EnrolmentList(TypedDict):
    enrolments: list[EnrolmentSummary]


class Withdrawal(TypedDict):
    course: str
    refund: int
    courses_left: int


class AssignmentSummary(TypedDict):
    assignment: str
    course: str
    due_date: str
    max_points: int


class AssignmentList(TypedDict):
    assignments: list[AssignmentSummary]


class HandIn(TypedDict):
    assignment: str
    course: str
    receipt_code: str
    days_early: int
    assignments_left: int


class Extension(TypedDict):
    assignment: str
    course: str
    extra_days: int
    due_date: str


class Grade(TypedDict):
    assignment: str
    points: int
    max_points: int
    percent: int


class GradeReport(TypedDict):
    course: str
    tutor: str
    grades: list[Grade]
    average_percent: int


class FinishedCourse(TypedDict):
    course: str
    finished_on: str
    average_percent: int
    certified: bool


class IssuedCertificate(TypedDict):
    certificate_code: str
    awarded_for: str
    prints_ordered: int


class FinishedCourseList(TypedDict):
    finished_courses: list[FinishedCourse]
    certificates: list[IssuedCertificate]


class Certificate(TypedDict):
    certificate_code: str
    course: str
    average_percent: int
    issued_on: str


class PaperCopies(TypedDict):
    certificate_code: str
    course: str
    copies: int
    total_price: int
    posted_by: str


def _matching(domain: Domain, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Courses that satisfy the search limits chosen so far."""
    return [
        x
        for x in domain.state["courses"].values()
        if x["subject"] == chosen.get("subject", x["subject"])
        and x["level"] == chosen.get("level", x["level"])
        and x["fee"] <= chosen.get("max_fee", x["fee"])
    ]


def _subject(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([x["subject"] for x in _matching(domain, {})])


def _level(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([x["level"] for x in _matching(domain, chosen)] or LEVELS)


def _max_fee(domain: Domain, rng: Random, chosen: Any) -> Any:
    fee = rng.choice([x["fee"] for x in _matching(domain, chosen)] or [150])
    return (fee // 10 + rng.randint(1, 3)) * 10


def _course_where(fits: Callable[[State, str], bool]) -> Pick:
    def pick(domain: Domain, rng: Random, chosen: Any) -> Any:
        courses = list(domain.state["courses"])
        return rng.choice([course for course in courses if fits(domain.state, course)] or courses)

    return pick


def _assignment(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([name for name, x in domain.state["assignments"].items() if x["open"]] or list(domain.state["assignments"]))


def _certificate_code(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(list(domain.state["certificates"]) or ["CRT-10000"])


def _next_evening(today: date, evening: str) -> date:
    """The first date after `today` that falls on the weekday named by `evening`."""
    return today + timedelta(days=1 + (EVENINGS.index(evening) - today.weekday() - 1) % 7)


def _has_open_work(state: State, course: str) -> bool:
    return any(x["open"] and x["course"] == course for x in state["assignments"].values())


Course = Annotated[str, Argument(description="Title of the course.", noun="course", pick=_course_where(lambda state, course: True))]
Assignment = Annotated[str, Argument(description="Title of an open assignment.", noun="assignment", pick=_assignment)]


def _places(x: Any) -> str:
    return f"{plural(x['places_left'], 'place is', 'places are')} left" if x["places_left"] else "no places are left"


def _finished(x: Any) -> str:
    return f"{x['course']} ({x['average_percent']} percent)"


def _certificates(r: Any) -> str:
    if not r["certificates"]:
        return " There are no certificates yet."
    return f" Certificates so far: {listing([x['certificate_code'] + ' for ' + x['awarded_for'] for x in r['certificates']], limit=6)}."


class Courses(Domain):
    """Choose evening courses, enrol, hand in assignments, read grades and get certificates."""

    name: ClassVar[str] = "courses"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {
            "today": today.isoformat(),
            "code_seed": rng.randrange(10_000),
            "courses": {},
            "enrolments": {},
            "assignments": {},
            "grades": {},
            "finished": {},
            "certificates": {},
        }
        tutors = rng.sample(TUTORS, 7)
        titles: list[tuple[str, tuple[str, ...]]] = []
        for subject in rng.sample(sorted(PROGRAMME), 4):
            for course, homework in rng.sample(PROGRAMME[subject], rng.randint(3, 4)):
                titles.append((course, homework))
                state["courses"][course] = cls._new_course(rng, subject, rng.choice(tutors), today)
        rng.shuffle(titles)
        cls._enrol_learner(state, rng, today, titles)
        return state

    @staticmethod
    def _new_course(rng: Random, subject: str, tutor: str, today: date) -> dict[str, Any]:
        evening = rng.choice(EVENINGS)
        return {
            "subject": subject,
            "tutor": tutor,
            "level": rng.choice(LEVELS),
            "fee": rng.randrange(60, 290, 5),
            "weeks": rng.randint(5, 14),
            "starts_on": (_next_evening(today, evening) + timedelta(weeks=rng.randint(0, 6))).isoformat(),
            "evening": evening,
            "time": rng.choice(("17:30", "18:00", "18:30", "19:00")),
            "venue": rng.choice(VENUES),
            "places_left": rng.randint(2, 12),
            "rating": round(rng.uniform(3.3, 4.9), 1),
        }

    @classmethod
    def _enrol_learner(cls, state: State, rng: Random, today: date, titles: list[tuple[str, tuple[str, ...]]]) -> None:
        """Give the learner three or four current courses with homework and grades, and four finished ones."""
        current = rng.randint(3, 4)
        for course, homework in titles[:current]:
            x = state["courses"][course]
            next_session, past = _next_evening(today, x["evening"]), rng.randint(2, x["weeks"] - 2)
            state["enrolments"][course] = {"next_session": next_session.isoformat(), "weeks_left": x["weeks"] - past}
            x["starts_on"] = (next_session - timedelta(weeks=past)).isoformat()
            marked = 1 if len(state["assignments"]) < 4 else 2
            cls._mark(state, rng, course, homework[:marked])
            for assignment in homework[marked:]:
                due = (today + timedelta(days=rng.randint(1, 21))).isoformat()
                points = rng.choice((10, 20, 25, 50))
                state["assignments"][assignment] = {"course": course, "due_date": due, "max_points": points, "open": True}
        finished = titles[current : current + 4]
        for course, homework in finished:
            cls._mark(state, rng, course, homework)
            state["finished"][course] = (today - timedelta(days=rng.randint(20, 400))).isoformat()
        domain = cls(state)
        code = domain.issue("CRT")
        state["certificates"][code] = {"course": finished[-1][0], "issued_on": state["finished"][finished[-1][0]], "prints_ordered": 0}

    @staticmethod
    def _mark(state: State, rng: Random, course: str, homework: tuple[str, ...]) -> None:
        marks = []
        for assignment in homework:
            most = rng.choice((10, 20, 25, 50))
            marks.append({"assignment": assignment, "points": round(most * rng.uniform(0.55, 1)), "max_points": most})
        state["grades"][course] = marks

    def _offered(self, course: str) -> dict[str, Any]:
        require(course in self.state["courses"], f"The programme has no course called {course!r}.")
        offered: dict[str, Any] = self.state["courses"][course]
        return offered

    def _open_assignment(self, assignment: str) -> dict[str, Any]:
        require(assignment in self.state["assignments"], f"There is no assignment called {assignment!r}.")
        x: dict[str, Any] = self.state["assignments"][assignment]
        require(x["open"], f"{assignment!r} has already been handed in.")
        return x

    def _average(self, course: str) -> int:
        marks = self.state["grades"][course]
        return int(100 * sum(x["points"] for x in marks) / sum(x["max_points"] for x in marks) + 0.5)

    def _certificate_of(self, course: str) -> str:
        return next((code for code, x in self.state["certificates"].items() if x["course"] == course), "")

    @tool(
        asks=(
            "find evening courses in {subject}[ that suit {level} learners][ for {max_fee} or less]",
            "see what the centre offers in {subject}[ under {max_fee}][, pitched at {level} learners]",
            "look through the programme for {subject}[, {level} level only][, with a fee of {max_fee} at most]",
            "suggest a few {subject} courses[ below {max_fee}][ that suit {level} students]",
            "tell me which evening classes there are[ in {subject}][ at {level} level][, costing up to {max_fee}]",
        ),
        questions=(
            "Which {subject} courses could I take this term[ at {level} level][ for up to {max_fee}]?",
            "Is anything in {subject} starting soon[ at {level} level][ that costs {max_fee} or less]?",
            "After a break of some years I'm going back to {subject} — what courses are there[ for less than {max_fee}][ at {level} level]?",
            "What's on the programme for {subject}[, {level} level][, at no more than {max_fee}]?",
        ),
        things=("{subject} course", "evening course in {subject}"),
        noun="course",
        deed="look for courses",
        tells=(
            lambda a, r: (
                f"In {a['subject']} you could take {listing([x['course'] + ' (' + x['level'] + ', ' + money(x['fee']) + ')' for x in r['courses']], conjunction='or')}."
            ),
            lambda a, r: (
                f"The programme has {plural(len(r['courses']), 'course')} in {a['subject']}: "
                f"{listing([x['course'] + ' with ' + x['tutor'] + ' (' + plural(x['weeks'], 'week') + ' from ' + day(x['starts_on']) + ', ' + money(x['fee']) + ')' for x in r['courses']])}."
            ),
            lambda a, r: (
                f"For {a['subject']} there's {listing([x['course'] + ' (' + number(x['rating']) + ' stars, ' + money(x['fee']) + ')' for x in r['courses']])}."
                + (f" Fees start at {money(min(x['fee'] for x in r['courses']))}." if len(r["courses"]) > 1 else "")
            ),
        ),
    )
    def browse_courses(
        self,
        subject: Annotated[Subject, Argument(description="Subject area.", noun="subject", pick=_subject)],
        level: Annotated[Level | None, Argument(description="Level of the course.", noun="level", pick=_level)] = None,
        max_fee: Annotated[
            int | None, Argument(description="Highest course fee in dollars.", noun="fee limit", word="${}", pick=_max_fee)
        ] = None,
    ) -> CourseList:
        """List the centre's evening courses in a subject, optionally by level and fee."""
        found: list[CourseSummary] = [
            {
                "course": name,
                "tutor": x["tutor"],
                "level": x["level"],
                "fee": x["fee"],
                "weeks": x["weeks"],
                "starts_on": x["starts_on"],
                "rating": x["rating"],
            }
            for name, x in self.state["courses"].items()
            if x["subject"] == subject and level in (None, x["level"]) and (max_fee is None or x["fee"] <= max_fee)
        ]
        require(found, f"No course in {subject} meets these wishes.")
        return {"courses": found}

    @tool(
        asks=(
            "show me the plan for {course}",
            "find out the dates and the place of {course}",
            "check how many places are left in {course}",
            "get the practical details of {course}: evening, room and tutor",
        ),
        questions=(
            "On which evening would I have {course}, and with which tutor?",
            "How many weeks would I need for {course}, and at what cost?",
            "Where would I have to go for {course}?",
            "I'm curious about {course} — is there still a place?",
        ),
        things=("fee for {course}", "tutor of {course}"),
        noun="course plan",
        deed="look up a course plan",
        tells=(
            lambda a, r: (
                f"{r['course']} is taught by {r['tutor']} on {r['evening']}s at {clock(r['time'])}, in {r['venue']}. It runs for {plural(r['weeks'], 'week')}, costs {money(r['fee'])} and has "
                + (f"{plural(r['places_left'], 'place')} left." if r["places_left"] else "no places left.")
            ),
            lambda a, r: (
                f"You'd meet in {r['venue']} every {r['evening']} at {clock(r['time'])} for {plural(r['weeks'], 'week')}. {r['tutor']} teaches {r['course']} at "
                f"{r['level']} level; the fee is {money(r['fee'])}, and {_places(r)}."
            ),
            lambda a, r: (
                f"{r['course']} starts on {day(r['starts_on'])} and takes {plural(r['weeks'], 'week')}, {r['evening']}s at {clock(r['time'])} in {r['venue']}. The tutor of "
                f"this {r['level']} course is {r['tutor']}, it costs {money(r['fee'])}, and {_places(r)}."
            ),
        ),
    )
    def show_course_plan(self, course: Course) -> CoursePlan:
        """Return a course's tutor, level, evening, venue, dates, fee and places left."""
        x = self._offered(course)
        return {
            "course": course,
            "tutor": x["tutor"],
            "level": x["level"],
            "evening": x["evening"],
            "time": x["time"],
            "venue": x["venue"],
            "starts_on": x["starts_on"],
            "weeks": x["weeks"],
            "fee": x["fee"],
            "places_left": x["places_left"],
        }

    @tool(
        asks=(
            "enrol me in {course}[ with {discount}]",
            "sign me up to study {course}[ using {discount}]",
            "register me for {course}[, taking off {discount}]",
            "claim one of the remaining places in {course} for me[ with {discount} applied]",
        ),
        questions=(
            "I've made up my mind to do {course}[ and qualify for {discount}].",
            "May I start {course} this term[, given {discount}]?",
            "Please add me to the register of {course}[ and apply {discount}].",
        ),
        noun="enrolment",
        deed="enrol anyone in a course",
        tells=(
            lambda a, r: f"You're enrolled in {r['course']} with {r['tutor']}. The fee to pay is {money(r['fee_due'])}.",
            lambda a, r: (
                f"Welcome to {r['course']}! {r['tutor']} is the tutor, and you owe {money(r['fee_due'])}. "
                + (f"Places left after yours: {r['places_left']}." if r["places_left"] else "That was the last place.")
            ),
            lambda a, r: (
                f"Your place in {r['course']} is confirmed, starting date {day(r['starts_on'])}. With {'the ' + a['discount'] + ' discount' if a.get('discount') else 'no discount'} it comes to {money(r['fee_due'])}."
            ),
        ),
    )
    def enrol_in_course(
        self,
        course: Annotated[
            str,
            Argument(
                description="Title of the course.",
                noun="course",
                pick=_course_where(
                    lambda state, course: (
                        course not in state["enrolments"]
                        and course not in state["finished"]
                        and state["courses"][course]["places_left"] > 0
                    )
                ),
            ),
        ],
        discount: Annotated[
            Discount | None, Argument(description="Discount that the learner is entitled to.", noun="discount", word="the {} discount")
        ] = None,
    ) -> Enrolment:
        """Enrol the learner in a course, with an optional discount on the fee."""
        x = self._offered(course)
        require(course not in self.state["enrolments"], f"The learner is already enrolled in {course}.")
        require(course not in self.state["finished"], f"The learner has already finished {course}.")
        require(x["places_left"] > 0, f"{course} is full.")
        x["places_left"] -= 1
        fee = round(x["fee"] * (100 - DISCOUNTS[discount] if discount else 100) / 100)
        first = max(_next_evening(self.today, x["evening"]), date.fromisoformat(x["starts_on"]))
        self.state["enrolments"][course] = {"next_session": first.isoformat(), "weeks_left": x["weeks"]}
        return {"course": course, "tutor": x["tutor"], "starts_on": x["starts_on"], "fee_due": fee, "places_left": x["places_left"]}

    @tool(
        asks=(
            "list the courses I'm taking",
            "show my current enrolments and the next sessions",
            "check which evenings my courses are on",
            "tell me what I'm signed up to study at the moment",
        ),
        questions=(
            "Which courses am I enrolled in?",
            "When is my next class, and in which course?",
            "How many weeks do my courses still have to go?",
        ),
        things=("course I'm taking", "course I'm enrolled in"),
        noun="enrolment",
        deed="list enrolments",
        tells=(
            lambda a, r: (
                f"You're taking {listing([x['course'] + ' on ' + x['evening'] + 's (' + plural(x['weeks_left'], 'week') + ' left, next on ' + day(x['next_session']) + ')' for x in r['enrolments']], limit=6)}."
            ),
            lambda a, r: (
                f"You're enrolled in {plural(len(r['enrolments']), 'course')}. The next session is {min(r['enrolments'], key=lambda x: x['next_session'])['course']}, on {day(min(x['next_session'] for x in r['enrolments']))}. "
                f"In all: {listing([x['course'] + ' (' + x['evening'] + 's, ' + plural(x['weeks_left'], 'week') + ' left)' for x in r['enrolments']], limit=6)}."
            ),
            lambda a, r: (
                f"This term it's {listing([x['course'] + ' with ' + x['tutor'] + ' (next on ' + day(x['next_session']) + ', ' + plural(x['weeks_left'], 'week') + ' to go)' for x in r['enrolments']], limit=6)}."
            ),
        ),
    )
    def list_enrolments(self) -> EnrolmentList:
        """List the courses that the learner is taking, with evening, next session and weeks left."""
        found: list[EnrolmentSummary] = [
            {
                "course": course,
                "tutor": self.state["courses"][course]["tutor"],
                "evening": self.state["courses"][course]["evening"],
                "next_session": x["next_session"],
                "weeks_left": x["weeks_left"],
            }
            for course, x in self.state["enrolments"].items()
        ]
        require(found, "The learner is not enrolled in any course.")
        return {"enrolments": found}

    @tool(
        asks=(
            "withdraw me from {course}",
            "take me off the register of {course}",
            "drop {course} from my timetable and see what I get back",
            "end my enrolment in {course}",
        ),
        questions=(
            "I can't keep up with {course} and need to drop out.",
            "Even if the refund is small, I want to leave {course}.",
            "My shifts changed, so I can't go on with {course}.",
        ),
        noun="refund",
        deed="end an enrolment",
        tells=(
            lambda a, r: (
                f"You've been withdrawn from {r['course']}"
                + (f" and will get {money(r['refund'])} back." if r["refund"] else "; it's too far along for a refund.")
            ),
            lambda a, r: (
                f"You're no longer in {r['course']}. "
                + (f"{money(r['refund'])} will be refunded." if r["refund"] else "Nothing is refunded at this stage.")
            ),
            lambda a, r: (
                f"Your enrolment in {r['course']} has ended, with {money(r['refund']) if r['refund'] else 'nothing'} to be paid back. "
                + (f"You still have {plural(r['courses_left'], 'other course')}." if r["courses_left"] else "It was your only course.")
            ),
        ),
    )
    def withdraw_from_course(
        self,
        course: Annotated[
            str,
            Argument(
                description="Title of a course that the learner is taking.",
                noun="course",
                pick=_course_where(lambda state, course: course in state["enrolments"]),
            ),
        ],
    ) -> Withdrawal:
        """End the learner's enrolment in a course and refund the weeks that are left, less one."""
        x = self._offered(course)
        require(course in self.state["enrolments"], f"The learner is not enrolled in {course}.")
        left = self.state["enrolments"].pop(course)["weeks_left"]
        x["places_left"] += 1
        for assignment in [name for name, work in self.state["assignments"].items() if work["course"] == course and work["open"]]:
            del self.state["assignments"][assignment]
        refund = max(0, round(x["fee"] * (min(left, x["weeks"]) - 1) / x["weeks"]))
        return {"course": course, "refund": refund, "courses_left": len(self.state["enrolments"])}

    @tool(
        asks=(
            "list the homework I still have to hand in[ for {course}]",
            "show my open assignments[ in {course}] with their due dates",
            "check which assignments are coming up[ in {course}]",
            "see what work is outstanding[ for {course}]",
        ),
        questions=(
            "What homework do I have left[ for {course}]?",
            "Which assignments are due soon[ in {course}]?",
            "Have I forgotten any coursework[ for {course}]?",
        ),
        things=("open assignment[ for {course}]", "piece of homework I still have to do[ for {course}]"),
        noun="assignment",
        deed="list open assignments",
        tells=(
            lambda a, r: (
                f"Still to do: {listing([x['assignment'] + ' for ' + x['course'] + ' (due ' + day(x['due_date']) + ')' for x in r['assignments']], limit=8)}."
            ),
            lambda a, r: (
                f"You have {plural(len(r['assignments']), 'open assignment')}{' in ' + a['course'] if a.get('course') else ''}: {listing([x['assignment'] + ' (' + plural(x['max_points'], 'point') + ', due ' + day(x['due_date']) + ')' for x in r['assignments']], limit=8)}."
            ),
            lambda a, r: (
                f"Next up is {min(r['assignments'], key=lambda x: x['due_date'])['assignment']}, due {day(min(x['due_date'] for x in r['assignments']))}. "
                + (
                    f"After that: {listing([x['assignment'] + ' on ' + day(x['due_date']) for x in r['assignments'][1:]], limit=8)}."
                    if len(r["assignments"]) > 1
                    else "There's nothing else."
                )
            ),
        ),
    )
    def list_assignments(
        self,
        course: Annotated[
            str | None,
            Argument(description="Only assignments of this course.", noun="course", pick=_course_where(_has_open_work)),
        ] = None,
    ) -> AssignmentList:
        """List the learner's open assignments with course, due date and points."""
        found: list[AssignmentSummary] = [
            {"assignment": name, "course": x["course"], "due_date": x["due_date"], "max_points": x["max_points"]}
            for name, x in sorted(self.state["assignments"].items(), key=lambda item: item[1]["due_date"])
            if x["open"] and course in (None, x["course"])
        ]
        require(found, f"No assignment is open for {course}." if course else "No assignment is open.")
        return {"assignments": found}

    @tool(
        asks=(
            "hand in {assignment}[ with the remark {remark}]",
            "submit my work on {assignment}[ and tell the tutor {remark}]",
            "turn in {assignment} in the present state[, adding the note {remark}]",
            "upload my finished {assignment}[ together with the comment {remark}]",
        ),
        questions=(
            "I'm done with {assignment}, ready for the tutor[ with the words {remark}].",
            "Please mark {assignment} as handed in[ and pass on {remark}].",
            "At last I can hand in {assignment}[; the remark to add is {remark}].",
        ),
        noun="receipt",
        deed="hand in an assignment",
        tells=(
            lambda a, r: (
                f"{r['assignment']} has been handed in for {r['course']}, "
                + (f"{plural(r['days_early'], 'day')} before it's due" if r["days_early"] > 0 else "just in time")
                + f". Your receipt is {r['receipt_code']}."
            ),
            lambda a, r: (
                f"Your {r['assignment']} for {r['course']} is in (receipt {r['receipt_code']}). "
                + (
                    f"{plural(r['assignments_left'], 'assignment')} to go."
                    if r["assignments_left"]
                    else "That was your last open assignment."
                )
            ),
            lambda a, r: (
                f"Handed in: {r['assignment']}. Keep {r['receipt_code']} as proof; "
                + (
                    f"you have {plural(r['assignments_left'], 'more assignment')} open."
                    if r["assignments_left"]
                    else "nothing else is open."
                )
            ),
        ),
    )
    def hand_in_assignment(
        self,
        assignment: Assignment,
        remark: Annotated[
            str | None,
            Argument(
                description="Remark for the tutor.",
                noun="remark",
                kind="text",
                choices=(
                    "Part two was hard",
                    "I worked on this with a classmate",
                    "Please look at the last page first",
                    "Sources are listed at the end",
                ),
            ),
        ] = None,
    ) -> HandIn:
        """Hand in an open assignment, with an optional remark for the tutor."""
        x = self._open_assignment(assignment)
        x["open"] = False
        if remark:
            x["remark"] = remark
        early = max(0, (date.fromisoformat(x["due_date"]) - self.today).days)
        left = sum(work["open"] for work in self.state["assignments"].values())
        code = self.issue("HIN")
        return {"assignment": assignment, "course": x["course"], "receipt_code": code, "days_early": early, "assignments_left": left}

    @tool(
        asks=(
            "ask for {extra_days} more on {assignment}",
            "request an extension of {extra_days} for {assignment}",
            "get the deadline of {assignment} moved back[ by {extra_days}]",
            "arrange for {assignment} to be due[ {extra_days}] later",
        ),
        questions=(
            "I won't finish {assignment} on time and need an extension[ of {extra_days}].",
            "Could I hand in {assignment} a bit later[, say {extra_days}]?",
            "I've been ill, so please extend {assignment}[ by {extra_days}].",
        ),
        noun="extension",
        deed="ask for an extension",
        tells=(
            lambda a, r: f"The extension is granted: {r['assignment']} is now due on {day(r['due_date'])}.",
            lambda a, r: (
                f"You've got {plural(r['extra_days'], 'extra day')} for {r['assignment']} in {r['course']}; the new deadline is {day(r['due_date'])}."
            ),
            lambda a, r: f"You have until {day(r['due_date'])} for {r['assignment']} in {r['course']} now.",
        ),
    )
    def extend_deadline(
        self,
        assignment: Assignment,
        extra_days: Annotated[
            int, Argument(description="Days to add, 1 to 14.", noun="number of extra days", word="{} day(s)", low=1, high=14)
        ],
    ) -> Extension:
        """Move the due date of an open assignment back by one to fourteen days."""
        x = self._open_assignment(assignment)
        require(1 <= extra_days <= 14, "An extension is 1 to 14 days.")
        x["due_date"] = (date.fromisoformat(x["due_date"]) + timedelta(days=extra_days)).isoformat()
        return {"assignment": assignment, "course": x["course"], "extra_days": extra_days, "due_date": x["due_date"]}

    @tool(
        asks=(
            "show my grades for {course}",
            "check how I've done so far in {course}",
            "look up my marks and average in {course}",
            "tell me what I scored on the homework for {course}",
        ),
        questions=(
            "How am I doing in {course}?",
            "What grades did I get in {course}?",
            "Has the tutor of {course} marked my work yet, and what's my average?",
        ),
        things=("grade of mine in {course}", "average of mine in {course}"),
        noun="grade report",
        deed="look up grades",
        tells=(
            lambda a, r: (
                f"Your average in {r['course']} is {r['average_percent']} percent: {listing([x['assignment'] + ' with ' + str(x['points']) + ' of ' + plural(x['max_points'], 'point') for x in r['grades']])}."
            ),
            lambda a, r: (
                f"{r['tutor']} has marked {plural(len(r['grades']), 'assignment')} in {r['course']}. You scored {listing([str(x['percent']) + ' percent on ' + x['assignment'] for x in r['grades']])}, "
                f"which gives an average of {r['average_percent']} percent."
            ),
            lambda a, r: (
                f"On average you're at {r['average_percent']} percent in {r['course']}, with {listing([str(x['points']) + ' of ' + str(x['max_points']) + ' points for ' + x['assignment'] for x in r['grades']])}."
            ),
        ),
    )
    def show_grades(
        self,
        course: Annotated[
            str,
            Argument(
                description="Title of a course that the learner takes or has finished.",
                noun="course",
                pick=_course_where(lambda state, course: course in state["grades"]),
            ),
        ],
    ) -> GradeReport:
        """List the learner's marks in a course and their average."""
        x = self._offered(course)
        require(course in self.state["grades"], f"There are no grades for {course} yet.")
        grades: list[Grade] = [
            {
                "assignment": mark["assignment"],
                "points": mark["points"],
                "max_points": mark["max_points"],
                "percent": round(100 * mark["points"] / mark["max_points"]),
            }
            for mark in self.state["grades"][course]
        ]
        return {"course": course, "tutor": x["tutor"], "grades": grades, "average_percent": self._average(course)}

    @tool(
        asks=(
            "list the courses I've completed",
            "show which courses I finished and whether I have the certificates",
            "go through my finished courses and their averages",
            "look up what I've already studied at the centre",
        ),
        questions=(
            "Which courses have I finished so far?",
            "For which of my past courses is there still no certificate?",
            "What was my average in the courses I completed?",
        ),
        things=("course I've finished", "completed course of mine"),
        noun="finished course",
        deed="list finished courses",
        tells=(
            lambda a, r: f"You've finished {listing([_finished(x) for x in r['finished_courses']], limit=6)}.{_certificates(r)}",
            lambda a, r: (
                f"You have completed {plural(len(r['finished_courses']), 'course')}: {listing([_finished(x) for x in r['finished_courses']], limit=6)}. "
                + (
                    f"There's no certificate yet for {listing([x['course'] for x in r['finished_courses'] if not x['certified']], limit=6, conjunction='or')}."
                    if any(not x["certified"] for x in r["finished_courses"])
                    else "You have certificates for all of them."
                )
            ),
            lambda a, r: (
                f"Behind you are {listing([x['course'] + ' (' + str(x['average_percent']) + ' percent, finished ' + day(x['finished_on']) + ')' for x in sorted(r['finished_courses'], key=lambda x: x['finished_on'])], limit=6)}.{_certificates(r)}"
            ),
        ),
    )
    def list_finished_courses(self) -> FinishedCourseList:
        """List the courses that the learner has finished, with average and certificate."""
        found: list[FinishedCourse] = [
            {
                "course": course,
                "finished_on": finished_on,
                "average_percent": self._average(course),
                "certified": bool(self._certificate_of(course)),
            }
            for course, finished_on in self.state["finished"].items()
        ]
        certificates: list[IssuedCertificate] = [
            {"certificate_code": code, "awarded_for": x["course"], "prints_ordered": x["prints_ordered"]}
            for code, x in self.state["certificates"].items()
        ]
        return {"finished_courses": found, "certificates": certificates}

    @tool(
        asks=(
            "get me the certificate for {course}",
            "have my certificate for {course} issued",
            "apply for the certificate that goes with {course}",
            "ask the centre to certify that I completed {course}",
        ),
        questions=(
            "I've finished {course}, so may I have my certificate?",
            "My employer wants proof that I did {course} — please issue the certificate.",
            "Could the certificate for {course} be made out now?",
        ),
        noun="certificate",
        deed="issue a certificate",
        tells=(
            lambda a, r: (
                f"Your certificate for {r['course']} is {r['certificate_code']}, issued {day(r['issued_on'])} with an average of {r['average_percent']} percent."
            ),
            lambda a, r: f"Congratulations! The certificate for {r['course']} has been issued under {r['certificate_code']}.",
            lambda a, r: (
                f"Certificate {r['certificate_code']} confirms that you finished {r['course']} with {r['average_percent']} percent."
            ),
        ),
    )
    def request_certificate(
        self,
        course: Annotated[
            str,
            Argument(
                description="Title of a course that the learner has finished.",
                noun="course",
                pick=_course_where(
                    lambda state, course: course in state["finished"] and all(x["course"] != course for x in state["certificates"].values())
                ),
            ),
        ],
    ) -> Certificate:
        """Issue the certificate of a course that the learner has finished."""
        self._offered(course)
        require(course in self.state["finished"], f"The learner has not finished {course}.")
        require(not self._certificate_of(course), f"The certificate for {course} was issued before: {self._certificate_of(course)}.")
        code = self.issue("CRT")
        self.state["certificates"][code] = {"course": course, "issued_on": self.state["today"], "prints_ordered": 0}
        return {"certificate_code": code, "course": course, "average_percent": self._average(course), "issued_on": self.state["today"]}

    @tool(
        asks=(
            "order {copies} on paper of {certificate_code}",
            "have {certificate_code} printed and posted to me[ in {copies}]",
            "send me {certificate_code} by post[, {copies}]",
            "get {certificate_code} on paper[, {copies} altogether]",
        ),
        questions=(
            "I need {certificate_code} on real paper[, {copies}].",
            "Would you put {certificate_code} in the post for me[, {copies}]?",
            "For my job application I need {certificate_code} on paper[ in {copies}].",
        ),
        noun="paper copy",
        deed="order paper certificates",
        tells=(
            lambda a, r: (
                f"{plural(r['copies'], 'paper copy')} of {r['certificate_code']} will be posted by {day(r['posted_by'])}, for {money(r['total_price'])}."
            ),
            lambda a, r: (
                f"Your {r['course']} certificate is being printed ({plural(r['copies'], 'copy')}, {money(r['total_price'])}) and goes out by {day(r['posted_by'])}."
            ),
            lambda a, r: (
                f"Ordered: {plural(r['copies'], 'copy')} of the {r['course']} certificate. The cost is {money(r['total_price'])}, with posting by {day(r['posted_by'])}."
            ),
        ),
    )
    def order_paper_certificate(
        self,
        certificate_code: Annotated[
            str,
            Argument(
                description="Code of the certificate, such as CRT-48213.",
                noun="certificate",
                word="certificate {}",
                kind="code",
                pick=_certificate_code,
            ),
        ],
        copies: Annotated[int, Argument(description="How many copies, 2 to 5.", noun="number of copies", word="{} copies", low=2, high=5)],
    ) -> PaperCopies:
        """Order printed copies of an issued certificate by post, at eight dollars each."""
        require(certificate_code in self.state["certificates"], f"There is no certificate with code {certificate_code!r}.")
        require(2 <= copies <= 9, "Certificates are printed in 2 to 9 copies.")
        x = self.state["certificates"][certificate_code]
        x["prints_ordered"] += copies
        posted = (self.today + timedelta(days=3)).isoformat()
        return {
            "certificate_code": certificate_code,
            "course": x["course"],
            "copies": copies,
            "total_price": 8 * copies,
            "posted_by": posted,
        }
