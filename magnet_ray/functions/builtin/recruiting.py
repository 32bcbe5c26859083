# ruff: noqa: E501
"""Hiring in one company: job openings, their applicants, interviews with colleagues, ratings and offers."""

from __future__ import annotations

from datetime import date as calendar_date
from datetime import timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import clock, day, listing, moment, money, number, plural

# opening -> (department, salary from)
OPENINGS = {
    "Data Analyst": ("Finance", 52_000),
    "Payroll Specialist": ("Finance", 46_000),
    "Backend Engineer": ("Engineering", 71_000),
    "Test Engineer": ("Engineering", 58_000),
    "Site Reliability Engineer": ("Engineering", 76_000),
    "Copywriter": ("Marketing", 43_000),
    "Event Planner": ("Marketing", 41_000),
    "Brand Designer": ("Marketing", 49_000),
    "Support Lead": ("Customer Care", 47_000),
    "Onboarding Coach": ("Customer Care", 44_000),
    "Warehouse Planner": ("Operations", 45_000),
    "Procurement Officer": ("Operations", 50_000),
}
FIRST_NAMES = (
    "Amina",
    "Bruno",
    "Clara",
    "Dmitri",
    "Esther",
    "Farid",
    "Giulia",
    "Henrik",
    "Isla",
    "Jamal",
    "Keiko",
    "Leonie",
    "Mateo",
    "Nadia",
    "Oscar",
    "Petra",
    "Quentin",
    "Rosa",
    "Stefan",
    "Tara",
)
LAST_NAMES = (
    "Adeyemi",
    "Bianchi",
    "Costa",
    "Dubois",
    "Eriksen",
    "Farrell",
    "Goldberg",
    "Hoffmann",
    "Iqbal",
    "Jansen",
    "Kaya",
    "Laurent",
    "Mbeki",
    "Nguyen",
    "Okafor",
    "Papadakis",
)
INTERVIEWERS = (
    "Judith Stone",
    "Marco Rinaldi",
    "Sanjay Patel",
    "Eva Lindholm",
    "Carol Whitfield",
    "Hugo Martins",
    "Ling Chen",
    "Abel Tesfaye",
)
STRENGTHS = (
    "clear writing",
    "careful planning",
    "calm under pressure",
    "strong references",
    "quick learning",
    "long experience with customers",
    "a very good work sample",
    "leading small teams",
)
PRAISE = (
    "very well prepared",
    "asked sharp questions",
    "would fit the team nicely",
    "strong on substance",
    "great examples from earlier jobs",
)
DOUBTS = ("vague about earlier projects", "little interest in our product", "nervous, but worth a second look", "weak on the basics")
TIMES = ("09:00", "10:30", "11:30", "13:00", "14:00", "15:30", "16:30")
ACTIVE = ("applied", "interviewing")

Department = Literal["Finance", "Engineering", "Marketing", "Customer Care", "Operations"]
Reason = Literal["too little experience", "high salary expectations", "missing skills", "a stronger applicant", "a hiring freeze"]


class OpeningSummary(TypedDict):
    opening: str
    department: str
    salary_from: int
    salary_to: int
    applicants: int


class OpeningList(TypedDict):
    openings: list[OpeningSummary]


class Applicant(TypedDict):
    candidate: str
    experience: int
    expected_salary: int
    test_score: int
    stage: str


class ApplicantList(TypedDict):
    opening: str
    applicants: list[Applicant]


class CandidateFile(TypedDict):
    candidate: str
    opening: str
    stage: str
    experience: int
    expected_salary: int
    strength: str
    ratings: int
    average_rating: float | None
    last_remark: str | None


class FreeTime(TypedDict):
    time: str
    interviewer: str


class FreeTimes(TypedDict):
    date: str
    times: list[FreeTime]


class Interview(TypedDict):
    interview_code: str
    candidate: str
    interviewer: str
    date: str
    time: str


class PlannedInterview(TypedDict):
    interview_code: str
    candidate: str
    interviewer: str
    starts_at: str


class InterviewList(TypedDict):
    interviews: list[PlannedInterview]


class Offer(TypedDict):
    offer_code: str
    candidate: str
    opening: str
    salary: int
    start_date: str


class OpenOffer(TypedDict):
    offer_code: str
    candidate: str
    opening: str
    salary: int
    first_day: str


class OfferList(TypedDict):
    offers: list[OpenOffer]


class RatingReceipt(TypedDict):
    candidate: str
    rating: int
    average_rating: float


class Rejection(TypedDict):
    candidate: str
    opening: str
    stage: str
    applicants_left: int


def _opening(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["opening"] for x in domain.state["candidates"].values() if x["stage"] != "turned down"}))


def _department(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["department"] for x in domain.state["openings"].values()}))


def _min_experience(domain: Domain, rng: Random, chosen: Any) -> Any:
    most = max(
        (
            x["experience"]
            for x in domain.state["candidates"].values()
            if x["opening"] == chosen.get("opening") and x["stage"] != "turned down"
        ),
        default=1,
    )
    return rng.choice([years for years in (1, 2, 3, 4, 5) if years <= most])


def _candidate(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["candidates"]))


def _active_candidate(domain: Domain, rng: Random, chosen: Any) -> Any:
    active = sorted(name for name, x in domain.state["candidates"].items() if x["stage"] in ACTIVE)
    return rng.choice(active or sorted(domain.state["candidates"]))


def _interview_code(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["interviews"]))


def _interviewer(domain: Domain, rng: Random, chosen: Any) -> Any:
    date, time = chosen.get("date"), chosen.get("time")
    free = sorted(
        name
        for name, dates in domain.state["interviewers"].items()
        if any(times and (time is None or time in times) for when, times in dates.items() if date in (None, when))
    )
    return rng.choice(free or sorted(domain.state["interviewers"]))


def _free_dates(domain: Domain, chosen: Any) -> dict[str, list[str]]:
    code = chosen.get("interview_code")
    interviewer = domain.state["interviews"].get(code, {}).get("interviewer") if code else chosen.get("interviewer")
    dates: dict[str, list[str]] = domain.state["interviewers"].get(interviewer, {})
    return dates


def _interview_date(domain: Domain, rng: Random, chosen: Any) -> Any:
    time, dates = chosen.get("time"), _free_dates(domain, chosen)
    every = sorted({date for free in domain.state["interviewers"].values() for date, times in free.items() if times})
    return rng.choice(sorted(date for date, times in dates.items() if times and (time is None or time in times)) or every)


def _interview_time(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(_free_dates(domain, chosen).get(chosen.get("date", ""), []) or list(TIMES))


def _offer_code(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["offers"]))


def _salary(domain: Domain, rng: Random, chosen: Any) -> Any:
    offer = domain.state["offers"].get(chosen.get("offer_code"), {})
    candidate = domain.state["candidates"].get(chosen.get("candidate") or offer.get("candidate"), {})
    opening = domain.state["openings"].get(candidate.get("opening"), {"salary_from": 50_000, "salary_to": 60_000})
    amounts = [amount for amount in range(opening["salary_from"], opening["salary_to"] + 1, 500) if amount != offer.get("salary")]
    return rng.choice(amounts)


def _start_date(domain: Domain, rng: Random, chosen: Any) -> Any:
    monday = domain.today + timedelta(days=7 - domain.today.weekday())
    return (monday + timedelta(weeks=rng.randint(3, 11))).isoformat()


def _remark(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(PRAISE if chosen.get("rating", 7) >= 7 else DOUBTS)


OpeningName = Annotated[str, Argument(description="Title of the job opening.", noun="opening", word="the {} opening", pick=_opening)]
Candidate = Annotated[str, Argument(description="Full name of the candidate.", noun="candidate", pick=_candidate)]
ActiveCandidate = Annotated[
    str, Argument(description="Full name of a candidate without an offer.", noun="candidate", pick=_active_candidate)
]
InterviewDate = Annotated[
    str,
    Argument(
        description="Date of the interview in ISO 8601 format (YYYY-MM-DD).", noun="interview date", kind="date", pick=_interview_date
    ),
]
InterviewTime = Annotated[
    str, Argument(description="Start of the interview in 24-hour format (HH:MM).", noun="interview time", kind="time", pick=_interview_time)
]
Salary = Annotated[
    int, Argument(description="Yearly salary in dollars.", noun="salary", word="${}", low=20_000, high=250_000, pick=_salary)
]


class Recruiting(Domain):
    """Browse openings and applicants, arrange interviews, rate candidates, make and revise offers."""

    name: ClassVar[str] = "recruiting"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {
            "today": today.isoformat(),
            "code_seed": rng.randrange(10_000),
            "openings": {},
            "candidates": {},
            "interviewers": {},
            "interviews": {},
            "offers": {},
        }
        names = iter([f"{first} {last}" for first, last in zip(rng.sample(FIRST_NAMES, 16), rng.sample(LAST_NAMES, 16), strict=True)])
        for opening in rng.sample(sorted(OPENINGS), 4):
            department, low = OPENINGS[opening]
            low += 500 * rng.randint(-4, 6)
            high = low + 500 * rng.randint(16, 30)
            state["openings"][opening] = {"department": department, "salary_from": low, "salary_to": high}
            for _ in range(rng.randint(3, 4)):
                state["candidates"][next(names)] = {
                    "opening": opening,
                    "stage": "applied",
                    "experience": rng.randint(1, 12),
                    "expected_salary": rng.randrange(low, high, 500),
                    "test_score": rng.randint(48, 97),
                    "strength": rng.choice(STRENGTHS),
                    "last_remark": None,
                    "ratings": [rng.randint(5, 10) for _ in range(rng.choice((0, 0, 1, 2)))],
                }
        workdays = [date for ahead in range(1, 10) if (date := today + timedelta(days=ahead)).weekday() < 5][:5]
        for interviewer in rng.sample(INTERVIEWERS, 4):
            state["interviewers"][interviewer] = {date.isoformat(): sorted(rng.sample(TIMES, 2)) for date in workdays}
        cls(state)._fill(rng)
        return state

    def _fill(self, rng: Random) -> None:
        """Put the first interviews and offers into a fresh scenario."""
        chosen = rng.sample(sorted(self.state["candidates"]), 5)
        for candidate in chosen[:3]:
            interviewer = rng.choice(sorted(self.state["interviewers"]))
            date = _interview_date(self, rng, {"interviewer": interviewer})
            self._plan(candidate, interviewer, date, rng.choice(self.state["interviewers"][interviewer][date]))
        for candidate in chosen[3:]:
            self._offer(candidate, self.state["candidates"][candidate]["expected_salary"], _start_date(self, rng, {}))

    def _plan(self, candidate: str, interviewer: str, date: str, time: str) -> str:
        self._book(interviewer, date, time)
        self.state["candidates"][candidate]["stage"] = "interviewing"
        code = self.issue("INT", 4)
        self.state["interviews"][code] = {"candidate": candidate, "interviewer": interviewer, "date": date, "time": time}
        return code

    def _book(self, interviewer: str, date: str, time: str) -> None:
        free = self.state["interviewers"][interviewer].get(date, [])
        require(time in free, f"{interviewer} is not free at {time} on {date}" + (f", but at {' and '.join(free)}." if free else "."))
        free.remove(time)

    def _offer(self, candidate: str, salary: int, start_date: str) -> str:
        code = self.issue("OFF", 4)
        self.state["offers"][code] = {"candidate": candidate, "salary": salary, "start_date": start_date}
        self.state["candidates"][candidate]["stage"] = "offer made"
        return code

    def _candidate(self, candidate: str, *, active: bool = False) -> dict[str, Any]:
        require(candidate in self.state["candidates"], f"There is no candidate called {candidate!r}.")
        found: dict[str, Any] = self.state["candidates"][candidate]
        require(not active or found["stage"] in ACTIVE, f"{candidate} is no longer in selection: {found['stage']}.")
        return found

    def _check_salary(self, candidate: str, salary: int) -> None:
        band = self.state["openings"][self.state["candidates"][candidate]["opening"]]
        low, high = band["salary_from"] // 2, band["salary_to"] * 2
        require(low <= salary <= high, f"The salary for {candidate} must lie between ${low} and ${high}.")

    def _applicants(self, opening: str) -> dict[str, dict[str, Any]]:
        return {name: x for name, x in self.state["candidates"].items() if x["opening"] == opening and x["stage"] != "turned down"}

    @tool(
        asks=(
            "show me the jobs we're hiring for[ in {department}]",
            "list our open positions[, only those in {department}]",
            "go over the vacancies we have[ within {department}] and their salary ranges",
            "give me the open roles[ in {department}] with the number of applicants",
            "check which positions are still unfilled[ over in {department}]",
        ),
        questions=(
            "Which positions are we trying to fill[ in {department}]?",
            "How many people have applied for our open jobs[ in {department}]?",
            "What jobs are open at the moment[ in {department}], and what do they pay?",
            "Are there vacancies[ in {department}] I should know about?",
        ),
        things=("job opening of ours[ in {department}]", "open position[ in {department}]"),
        noun="opening",
        deed="list job openings",
        tells=(
            lambda a, r: (
                f"There {'is' if len(r['openings']) == 1 else 'are'} {plural(len(r['openings']), 'opening')}{' in ' + a['department'] if a.get('department') else ''}: {listing([x['opening'] + ' (' + money(x['salary_from']) + ' to ' + money(x['salary_to']) + ', ' + plural(x['applicants'], 'applicant') + ')' for x in r['openings']])}."
            ),
            lambda a, r: " ".join(
                f"{x['opening']} in {x['department']} has {plural(x['applicants'], 'applicant')} and pays between {money(x['salary_from'])} and {money(x['salary_to'])}."
                for x in r["openings"]
            ),
            lambda a, r: (
                f"You're hiring for {listing([x['opening'] + ' in ' + x['department'] + ' (' + plural(x['applicants'], 'applicant') + ', up to ' + money(x['salary_to']) + ')' for x in r['openings']], limit=8)}."
            ),
        ),
    )
    def list_job_openings(
        self,
        department: Annotated[
            Department | None, Argument(description="Only openings of this department.", noun="department", pick=_department)
        ] = None,
    ) -> OpeningList:
        """List the company's job openings with department, yearly salary range and number of applicants."""
        found = [
            OpeningSummary(
                opening=name,
                department=x["department"],
                salary_from=x["salary_from"],
                salary_to=x["salary_to"],
                applicants=len(self._applicants(name)),
            )
            for name, x in self.state["openings"].items()
            if department in (None, x["department"])
        ]
        require(found, f"There is no opening in {department}.")
        return {"openings": found}

    @tool(
        asks=(
            "show me who applied for {opening}[ with at least {min_experience} of experience]",
            "list the applicants for {opening}[ who bring {min_experience} or more]",
            "go through the people interested in {opening}[, skipping anyone below {min_experience} of practice]",
            "compare the candidates for {opening}[ having {min_experience} or more behind them]",
            "pull up all applications for {opening}[ with {min_experience} of work or more]",
        ),
        questions=(
            "Who has applied for {opening}[ and has {min_experience} or more in the field]?",
            "How do the applicants for {opening} compare[, if we ask for {min_experience} at least]?",
            "We need to fill {opening}; who is in the running[ with {min_experience} or more of experience]?",
            "Do we have good people for {opening}[ with {min_experience} or more on the job]?",
        ),
        things=(
            "applicant for {opening}[ with {min_experience} or more of experience]",
            "candidate for {opening}[ with at least {min_experience} of experience]",
        ),
        noun="applicant",
        deed="list the applicants for an opening",
        tells=(
            lambda a, r: (
                f"{r['opening']} has {plural(len(r['applicants']), 'applicant')}{' who fit' + ('s' if len(r['applicants']) == 1 else '') if a.get('min_experience') else ''}: {listing([x['candidate'] + ' (' + plural(x['experience'], 'year') + ', test score ' + str(x['test_score']) + ')' for x in r['applicants']])}."
            ),
            lambda a, r: " ".join(
                f"{x['candidate']} has {plural(x['experience'], 'year')} of experience and expects {money(x['expected_salary'])}."
                for x in r["applicants"]
            ),
            lambda a, r: (
                f"The best test score for {r['opening']} comes from {max(r['applicants'], key=lambda x: x['test_score'])['candidate']} with {max(x['test_score'] for x in r['applicants'])} points. {'The list' if len(r['applicants']) == 1 else 'All on the list'}: {listing([x['candidate'] + ' (' + x['stage'] + ')' for x in r['applicants']])}."
            ),
        ),
    )
    def list_applicants(
        self,
        opening: OpeningName,
        min_experience: Annotated[
            int | None,
            Argument(
                description="Fewest years of experience.",
                noun="minimum experience",
                word="{} year(s)",
                low=0,
                high=20,
                pick=_min_experience,
            ),
        ] = None,
    ) -> ApplicantList:
        """List an opening's applicants with experience, expected salary, test score and stage."""
        require(opening in self.state["openings"], f"There is no opening called {opening!r}.")
        found = [
            Applicant(
                candidate=name,
                experience=x["experience"],
                expected_salary=x["expected_salary"],
                test_score=x["test_score"],
                stage=x["stage"],
            )
            for name, x in self._applicants(opening).items()
            if min_experience is None or x["experience"] >= min_experience
        ]
        require(found, f"Nobody who applied for {opening} fits.")
        return {"opening": opening, "applicants": found}

    @tool(
        asks=(
            "open the application file of {candidate}",
            "tell me more about {candidate} as a candidate",
            "sum up what we know about {candidate}",
            "find out the stage and the salary expectations of {candidate}",
            "check the background and ratings of {candidate}",
        ),
        questions=(
            "What do we know about {candidate} so far?",
            "How much experience would {candidate} bring, and what does the panel think?",
            "How far have we got with {candidate}?",
            "Before the meeting I should know more about {candidate}.",
        ),
        noun="candidate file",
        deed="read a candidate's file",
        tells=(
            lambda a, r: (
                f"{r['candidate']} applied for {r['opening']}, has {plural(r['experience'], 'year')} of experience and expects {money(r['expected_salary'])}. The application is at this stage: {r['stage']}"
                + (f"; the average rating is {number(r['average_rating'])}." if r["ratings"] else "; nobody has rated them yet.")
            ),
            lambda a, r: (
                f"On file for {r['candidate']}: {r['opening']}, {r['stage']}, {plural(r['experience'], 'year')} in the field, known for {r['strength']}, asking {money(r['expected_salary'])}."
                + (
                    f" {plural(r['ratings'], 'rating').capitalize()} so far, {number(r['average_rating'])} on average."
                    if r["ratings"]
                    else ""
                )
            ),
            lambda a, r: (
                f"{r['candidate']} stands out for {r['strength']} and would like {money(r['expected_salary'])} a year for the {r['opening']} job, with {plural(r['experience'], 'year')} behind them. Status: {r['stage']}"
                + (f", rated {number(r['average_rating'])} out of 10" if r["ratings"] else ", not rated so far")
                + (f". The last remark on file: '{r['last_remark']}'." if r["last_remark"] else ".")
            ),
        ),
    )
    def read_candidate_file(self, candidate: Candidate) -> CandidateFile:
        """Return a candidate's opening, stage, experience, expected salary, main strength, average rating and last remark."""
        x = self._candidate(candidate)
        average = round(sum(x["ratings"]) / len(x["ratings"]), 1) if x["ratings"] else None
        return CandidateFile(
            candidate=candidate,
            opening=x["opening"],
            stage=x["stage"],
            experience=x["experience"],
            expected_salary=x["expected_salary"],
            strength=x["strength"],
            ratings=len(x["ratings"]),
            average_rating=average,
            last_remark=x["last_remark"],
        )

    @tool(
        asks=(
            "see who is free to interview on {date}[, starting with {interviewer}]",
            "find free interview times[ on {date}][ with {interviewer}]",
            "check which colleagues have room for an interview on {date}[, {interviewer} in particular]",
            "look for a gap to interview somebody[ on {date}][, ideally with {interviewer}]",
            "go through the diaries for {date}[, that of {interviewer} above all,] and find an hour for an interview",
        ),
        questions=(
            "Who would be free to interview on {date}[, looking at {interviewer} alone]?",
            "What interview times are left on {date}[ with {interviewer}]?",
            "Is there any room for an interview on {date}[ with {interviewer}]?",
            "When could an interview take place on {date}[ with {interviewer}]?",
        ),
        things=("free interview time on {date}[ with {interviewer}]", "interview time left on {date}[ with {interviewer}]"),
        noun="free interview time",
        deed="find free interview times",
        tells=(
            lambda a, r: (
                f"On {day(r['date'])} there's room with {listing([x['interviewer'] + ' at ' + clock(x['time']) for x in r['times']], limit=8)}."
            ),
            lambda a, r: (
                f"I see {plural(len(r['times']), 'free time')} on {day(r['date'])}: {listing([clock(x['time']) + ' (' + x['interviewer'] + ')' for x in r['times']], limit=8)}."
            ),
            lambda a, r: (
                f"The earliest interview on {day(r['date'])} could start at {clock(min(x['time'] for x in r['times']))} with {min(r['times'], key=lambda x: x['time'])['interviewer']}. Free that day: {'; '.join(x['interviewer'] + ', ' + clock(x['time']) for x in r['times'])}."
            ),
        ),
    )
    def list_interview_times(
        self,
        date: InterviewDate,
        interviewer: Annotated[str | None, Argument(description="Only this interviewer.", noun="interviewer", pick=_interviewer)] = None,
    ) -> FreeTimes:
        """List the free interview times on a date by interviewer."""
        require(interviewer is None or interviewer in self.state["interviewers"], f"{interviewer} does not hold interviews.")
        found = [
            FreeTime(time=time, interviewer=name)
            for name, dates in self.state["interviewers"].items()
            if interviewer in (None, name)
            for time in dates.get(date, [])
        ]
        require(found, f"There is no free interview time on {date}.")
        return {"date": date, "times": found}

    @tool(
        asks=(
            "list the interviews we have planned",
            "show me which candidates are coming in and when",
            "run down the upcoming interviews with date and interviewer",
            "tell me who is interviewing whom in the coming days",
            "check the interview schedule",
        ),
        questions=(
            "Which interviews are coming up?",
            "When are our next interviews?",
            "Who's coming in for an interview soon?",
            "Remind me which candidates we're meeting, and when.",
        ),
        things=("planned interview", "interview on our schedule"),
        noun="interview",
        deed="list planned interviews",
        tells=(
            lambda a, r: (
                f"There {'is' if len(r['interviews']) == 1 else 'are'} {plural(len(r['interviews']), 'interview')} planned: {'; '.join(x['candidate'] + ' with ' + x['interviewer'] + ' on ' + moment(x['starts_at']) for x in r['interviews'])}."
            ),
            lambda a, r: " ".join(
                f"{x['interviewer']} meets {x['candidate']} on {moment(x['starts_at'])} (interview {x['interview_code']})."
                for x in r["interviews"]
            ),
            lambda a, r: (
                f"First up is {min(r['interviews'], key=lambda x: x['starts_at'])['candidate']}. The schedule holds "
                f"{'; '.join(x['interview_code'] + ', ' + x['candidate'] + ' with ' + x['interviewer'] + ' on ' + moment(x['starts_at']) for x in r['interviews'])}."
            ),
        ),
    )
    def list_planned_interviews(self) -> InterviewList:
        """List the planned interviews with code, candidate, interviewer and start."""
        found = [
            PlannedInterview(
                interview_code=code, candidate=x["candidate"], interviewer=x["interviewer"], starts_at=f"{x['date']}T{x['time']}"
            )
            for code, x in sorted(self.state["interviews"].items(), key=lambda item: (item[1]["date"], item[1]["time"]))
        ]
        require(found, "No interviews are planned.")
        return {"interviews": found}

    @tool(
        asks=(
            "list the job offers that are out",
            "show me which offers candidates haven't answered yet",
            "sum up the offers we've made, with salaries",
            "look over our pending job offers",
            "tell me who has an offer from us",
        ),
        questions=(
            "Which job offers are still open?",
            "Who has received an offer, and for how much?",
            "Which offers have we got out there?",
            "Where do we stand with the offers we made?",
        ),
        things=("job offer we made", "pending offer of ours"),
        noun="offer",
        deed="list the open offers",
        tells=(
            lambda a, r: (
                f"{plural(len(r['offers']), 'offer is', 'offers are')} open at the moment: {listing([x['candidate'] + ' for ' + money(x['salary']) + ' (' + x['offer_code'] + ')' for x in r['offers']], limit=8)}."
            ),
            lambda a, r: " ".join(
                f"{x['candidate']} was offered {money(x['salary'])} as {x['opening']}, starting {day(x['first_day'])} (offer {x['offer_code']})."
                for x in r["offers"]
            ),
            lambda a, r: (
                f"{plural(len(r['offers']), 'offer')} {'has' if len(r['offers']) == 1 else 'have'} not been answered yet: {listing([x['offer_code'] + ' for ' + x['candidate'] + ' (' + x['opening'] + ', ' + money(x['salary']) + ')' for x in r['offers']], limit=8)}."
            ),
        ),
    )
    def list_open_offers(self) -> OfferList:
        """List the job offers that candidates have not answered, with salary and starting date."""
        found = [
            OpenOffer(
                offer_code=code,
                candidate=x["candidate"],
                opening=self.state["candidates"][x["candidate"]]["opening"],
                salary=x["salary"],
                first_day=x["start_date"],
            )
            for code, x in self.state["offers"].items()
        ]
        require(found, "No offers are open.")
        return {"offers": found}

    @tool(
        asks=(
            "set up an interview between {candidate} and {interviewer} on {date} at {time}",
            "schedule {candidate} for an interview with {interviewer}[ on {date}][ at {time}]",
            "have {interviewer} interview {candidate}[ on {date}][ at {time}]",
            "arrange for {candidate} to meet {interviewer}[ on {date}][ at {time}]",
            "put {candidate} down for an interview at {time} on {date} with {interviewer}",
        ),
        questions=(
            "Let's get {candidate} in to talk to {interviewer} on {date} at {time}.",
            "I'd have {interviewer} meet {candidate} on {date}, at {time}.",
            "Time to interview {candidate}: {interviewer} can do it on {date} at {time}.",
            "Would you book {candidate} in with {interviewer} for {time} on {date}?",
        ),
        noun="interview",
        deed="arrange an interview",
        tells=(
            lambda a, r: (
                f"{r['candidate']} will be interviewed by {r['interviewer']} on {day(r['date'])} at {clock(r['time'])} (interview {r['interview_code']})."
            ),
            lambda a, r: (
                f"Interview {r['interview_code']} is set: {r['candidate']} with {r['interviewer']}, {day(r['date'])}, {clock(r['time'])}."
            ),
            lambda a, r: (
                f"I've put {r['candidate']} down to meet {r['interviewer']} at {clock(r['time'])} on {day(r['date'])}. The code for it is {r['interview_code']}."
            ),
        ),
    )
    def arrange_interview(
        self,
        candidate: ActiveCandidate,
        interviewer: Annotated[str, Argument(description="Full name of the interviewer.", noun="interviewer", pick=_interviewer)],
        date: InterviewDate,
        time: InterviewTime,
    ) -> Interview:
        """Arrange an interview of a candidate with an interviewer at one of the interviewer's free times."""
        self._candidate(candidate, active=True)
        require(interviewer in self.state["interviewers"], f"{interviewer} does not hold interviews.")
        code = self._plan(candidate, interviewer, date, time)
        return Interview(interview_code=code, candidate=candidate, interviewer=interviewer, date=date, time=time)

    @tool(
        asks=(
            "move {interview_code} to {date} at {time}",
            "reschedule {interview_code}[ for {date}][ at {time}]",
            "fit {interview_code} in on {date} at {time} instead",
            "change the slot of {interview_code}[ to {date}][ at {time}]",
            "set {interview_code} for {date} at {time}",
        ),
        questions=(
            "The candidate can't come, so we need {interview_code} moved to {date} at {time}.",
            "Something came up: please shift {interview_code} to {date}, {time}.",
            "Could we hold {interview_code} on {date} at {time} instead?",
            "For {interview_code}, {time} on {date} would be better.",
        ),
        noun="interview",
        deed="move an interview",
        tells=(
            lambda a, r: (
                f"Interview {r['interview_code']} with {r['candidate']} now takes place on {day(r['date'])} at {clock(r['time'])}."
            ),
            lambda a, r: f"Moved: {r['interviewer']} meets {r['candidate']} on {day(r['date'])} at {clock(r['time'])}.",
            lambda a, r: (
                f"{r['candidate']} and {r['interviewer']} have a new time for {r['interview_code']}: {clock(r['time'])} on {day(r['date'])}."
            ),
        ),
    )
    def move_interview(
        self,
        interview_code: Annotated[
            str,
            Argument(
                description="Code of the interview, such as INT-4821.",
                noun="interview",
                word="interview {}",
                kind="code",
                pick=_interview_code,
            ),
        ],
        date: InterviewDate,
        time: InterviewTime,
    ) -> Interview:
        """Move a planned interview to another free time of the same interviewer."""
        require(interview_code in self.state["interviews"], f"There is no planned interview {interview_code!r}.")
        x = self.state["interviews"][interview_code]
        self._book(x["interviewer"], date, time)
        freed = self.state["interviewers"][x["interviewer"]].setdefault(x["date"], [])
        freed.append(x["time"])
        freed.sort()
        x["date"], x["time"] = date, time
        return Interview(interview_code=interview_code, candidate=x["candidate"], interviewer=x["interviewer"], date=date, time=time)

    @tool(
        asks=(
            "rate {candidate} {rating}[ with the remark {remark}]",
            "note down {rating} for {candidate}[ and the comment {remark}]",
            "record my impression of {candidate}: {rating}[, plus the words {remark}]",
            "score {candidate} at {rating}[, adding {remark}]",
            "put {rating} into the file of {candidate}[ and write {remark}]",
        ),
        questions=(
            "I met {candidate} today and would say {rating}[; the note is {remark}].",
            "As for {candidate}, I'd give {rating}[, with this remark: {remark}].",
            "Having talked to {candidate}, I'm at {rating}[ — please add {remark}].",
            "Please note {rating} from me for {candidate}[ and the comment {remark}].",
        ),
        noun="rating",
        deed="rate a candidate",
        tells=(
            lambda a, r: f"Your rating of {r['rating']} for {r['candidate']} is recorded; the average is {number(r['average_rating'])}.",
            lambda a, r: f"Noted: {r['rating']} out of 10 for {r['candidate']}, who now averages {number(r['average_rating'])}.",
            lambda a, r: f"{r['candidate']} now has an average rating of {number(r['average_rating'])}, your {r['rating']} included.",
        ),
    )
    def rate_candidate(
        self,
        candidate: Candidate,
        rating: Annotated[
            int,
            Argument(
                description="Rating from 1 (poor) to 10 (outstanding).",
                noun="rating",
                word="{} out of 10",
                low=1,
                high=10,
                choices=(3, 4, 5, 6, 7, 7, 8, 8, 9, 10),
            ),
        ],
        remark: Annotated[str | None, Argument(description="Remark for the file.", noun="remark", kind="text", pick=_remark)] = None,
    ) -> RatingReceipt:
        """Record a rating from 1 to 10, with an optional remark, in a candidate's file."""
        x = self._candidate(candidate)
        require(1 <= rating <= 10, "Ratings go from 1 to 10.")
        x["ratings"].append(rating)
        if remark:
            x["last_remark"] = remark
        return RatingReceipt(candidate=candidate, rating=rating, average_rating=round(sum(x["ratings"]) / len(x["ratings"]), 1))

    @tool(
        asks=(
            "make {candidate} an offer of {salary} starting {start_date}",
            "offer {candidate} the job at {salary}[, with {start_date} as the first day]",
            "draw up an offer for {candidate}[ at {salary} a year][, beginning {start_date}]",
            "hire {candidate} from {start_date} on a salary of {salary}, if the offer is accepted",
            "extend an offer to {candidate}[ of {salary} a year][, to start on {start_date}]",
        ),
        questions=(
            "We want {candidate} on board from {start_date}, so offer {salary}.",
            "The team has decided on {candidate}: {salary} a year, beginning {start_date}.",
            "Please make {candidate} an offer with {salary} and {start_date} as the starting day.",
            "Let's not wait any longer and offer {candidate} {salary}, starting {start_date}.",
        ),
        noun="offer",
        deed="make a job offer",
        tells=(
            lambda a, r: (
                f"{r['candidate']} has been offered the {r['opening']} job at {money(r['salary'])} a year, starting {day(r['start_date'])}. The offer code is {r['offer_code']}."
            ),
            lambda a, r: (
                f"Offer {r['offer_code']} is open for {r['candidate']}: {r['opening']}, {money(r['salary'])}, first day {day(r['start_date'])}."
            ),
            lambda a, r: (
                f"I've made the offer ({r['offer_code']}). It gives {r['candidate']} {money(r['salary'])} a year as {r['opening']} from {day(r['start_date'])}."
            ),
        ),
    )
    def make_job_offer(
        self,
        candidate: ActiveCandidate,
        salary: Salary,
        start_date: Annotated[
            str,
            Argument(description="First working day in ISO 8601 format (YYYY-MM-DD).", noun="starting date", kind="date", pick=_start_date),
        ],
    ) -> Offer:
        """Offer a candidate the job at a yearly salary from a starting date."""
        x = self._candidate(candidate, active=True)
        self._check_salary(candidate, salary)
        require(calendar_date.fromisoformat(start_date) > self.today, "The first working day must lie ahead.")
        code = self._offer(candidate, salary, start_date)
        return Offer(offer_code=code, candidate=candidate, opening=x["opening"], salary=salary, start_date=start_date)

    @tool(
        asks=(
            "change the salary in {offer_code} to {salary}",
            "revise {offer_code}[ to {salary} a year]",
            "adjust {offer_code} to a salary of {salary}",
            "come back on {offer_code} with {salary}",
            "amend the pay in {offer_code}[ to {salary}]",
        ),
        questions=(
            "After some negotiating, I'd like {offer_code} to say {salary}.",
            "We've agreed on {salary} for {offer_code}.",
            "Please let {offer_code} read {salary} a year.",
            "Management approved {salary}, so update {offer_code} with that.",
        ),
        noun="offer",
        deed="revise an offer",
        tells=(
            lambda a, r: f"Offer {r['offer_code']} now gives {r['candidate']} {money(r['salary'])} a year.",
            lambda a, r: f"I've changed {r['offer_code']}: {r['candidate']} is offered {money(r['salary'])} as {r['opening']}.",
            lambda a, r: (
                f"The revised offer to {r['candidate']} stands at {money(r['salary'])}; the start on {day(r['start_date'])} stays as it was."
            ),
        ),
    )
    def revise_offer(
        self,
        offer_code: Annotated[
            str,
            Argument(description="Code of the job offer, such as OFF-4821.", noun="offer", word="offer {}", kind="code", pick=_offer_code),
        ],
        salary: Salary,
    ) -> Offer:
        """Change the yearly salary of an open job offer."""
        require(offer_code in self.state["offers"], f"There is no open offer {offer_code!r}.")
        x = self.state["offers"][offer_code]
        self._check_salary(x["candidate"], salary)
        require(x["salary"] != salary, f"Offer {offer_code} is at ${salary} already.")
        x["salary"] = salary
        return Offer(
            offer_code=offer_code,
            candidate=x["candidate"],
            opening=self.state["candidates"][x["candidate"]]["opening"],
            salary=salary,
            start_date=x["start_date"],
        )

    @tool(
        asks=(
            "turn down {candidate}[, giving {reason} as the reason]",
            "mark {candidate} as turned down[ on the grounds of {reason}]",
            "take {candidate} out of the running[ because of {reason}]",
            "reject {candidate}[, the reason being {reason}]",
            "drop {candidate} from the selection[ and note {reason}]",
        ),
        questions=(
            "Sadly we can't take {candidate}, so please turn them down[ and name {reason} as the reason].",
            "We've decided against {candidate}[, and the reason is {reason}].",
            "It won't work out with {candidate}, so close the application[ and put {reason} in the file].",
            "No further rounds for {candidate}, please[, given {reason}].",
        ),
        noun="rejection",
        deed="turn down a candidate",
        tells=(
            lambda a, r: (
                f"{r['candidate']} has been turned down; {plural(r['applicants_left'], 'applicant')} remain{'s' if r['applicants_left'] == 1 else ''} for {r['opening']}."
            ),
            lambda a, r: (
                f"{r['candidate']} is turned down. That leaves {plural(r['applicants_left'], 'person', 'people')} for the {r['opening']} opening."
            ),
            lambda a, r: (
                f"{r['candidate']} is out of the selection for {r['opening']}"
                + (f"; the file names {a['reason']} as the reason." if a.get("reason") else ".")
            ),
        ),
    )
    def turn_down_candidate(
        self,
        candidate: ActiveCandidate,
        reason: Annotated[Reason | None, Argument(description="Reason to keep on file.", noun="reason")] = None,
    ) -> Rejection:
        """Turn down a candidate who has no offer, cancel planned interviews and keep a reason on file."""
        x = self._candidate(candidate, active=True)
        x["stage"] = "turned down"
        if reason:
            x["reason"] = reason
        for code in [code for code, interview in self.state["interviews"].items() if interview["candidate"] == candidate]:
            interview = self.state["interviews"].pop(code)
            self.state["interviewers"][interview["interviewer"]].setdefault(interview["date"], []).append(interview["time"])
            self.state["interviewers"][interview["interviewer"]][interview["date"]].sort()
        return Rejection(candidate=candidate, opening=x["opening"], stage=x["stage"], applicants_left=len(self._applicants(x["opening"])))
