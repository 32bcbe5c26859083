"""A doctor's practice as one patient meets it: physicians, appointments, prescriptions and lab results.

Physicians see patients at fixed times of the day; which of them are free follows from the physician's rota
and the appointments taken so far. A refill uses one up and goes to the preferred pharmacy unless told otherwise.
"""
# ruff: noqa: E501

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import article, clock, day, listing, money, number, plural

Specialty = Literal["family medicine", "dermatology", "cardiology", "orthopaedics", "paediatrics", "physiotherapy"]
Language = Literal["Spanish", "French", "Arabic", "Mandarin", "Polish", "Portuguese"]
SPECIALTIES = ("family medicine", "dermatology", "cardiology", "orthopaedics", "paediatrics", "physiotherapy")
LANGUAGES = ("Spanish", "French", "Arabic", "Mandarin", "Polish", "Portuguese")
FIRST_NAMES = ("Amara", "Jonas", "Priya", "Lucia", "Thomas", "Mei", "Sara", "Omar", "Nina", "Diego", "Helena", "Kwame", "Ingrid", "Rafael")
LAST_NAMES = ("Okafor", "Weiss", "Raman", "Ferrante", "Bishop", "Liang", "Lindholm", "Khalil", "Kovac", "Pereira", "Novak", "Mensah")
TIMES = ("08:30", "09:15", "10:00", "10:45", "11:30", "13:30", "14:15", "15:00", "15:45", "16:30")
REASONS = (
    "back pain",
    "a yearly check-up",
    "a persistent cough",
    "a skin rash",
    "headaches",
    "a sore knee",
    "trouble sleeping",
    "a vaccination",
)
MEDICINES = (
    ("lisinopril", "10 mg once a day"),
    ("metformin", "500 mg twice a day"),
    ("atorvastatin", "20 mg in the evening"),
    ("levothyroxine", "75 mcg before breakfast"),
    ("omeprazole", "20 mg before breakfast"),
    ("cetirizine", "10 mg once a day"),
    ("sertraline", "50 mg in the morning"),
    ("salbutamol", "two puffs when needed"),
)
LAB_TESTS: Mapping[str, tuple[str, float, float]] = {
    "haemoglobin": ("g/dL", 12, 16),
    "fasting glucose": ("mg/dL", 70, 99),
    "total cholesterol": ("mg/dL", 125, 200),
    "vitamin D": ("ng/mL", 30, 80),
    "ferritin": ("ng/mL", 20, 200),
    "creatinine": ("mg/dL", 0.6, 1.2),
    "potassium": ("mmol/L", 3.5, 5.1),
    "calcium": ("mg/dL", 8.6, 10.3),
}
PHARMACIES = (
    "Elm Tree Pharmacy",
    "Station Pharmacy",
    "Greenleaf Pharmacy",
    "Bridge Street Pharmacy",
    "Corner Pharmacy",
    "Lakeside Pharmacy",
)


class PhysicianSummary(TypedDict):
    physician: str
    specialty: str
    language: str
    rating: float
    consultation_fee: int
    years_of_practice: int


class PhysicianList(TypedDict):
    physicians: list[PhysicianSummary]


class ConsultationTimes(TypedDict):
    physician: str
    date: str
    open_times: list[str]
    consultation_fee: int


class Appointment(TypedDict):
    appointment_code: str
    physician: str
    date: str
    time: str
    reason: str
    room: str


class AppointmentList(TypedDict):
    appointments: list[Appointment]


class CalledOffAppointment(TypedDict):
    appointment_code: str
    physician: str
    date: str
    late_fee: int


class Prescription(TypedDict):
    medicine: str
    dose: str
    refills_left: int
    physician: str
    expires_on: str


class PrescriptionList(TypedDict):
    prescriptions: list[Prescription]


class PharmacySummary(TypedDict):
    pharmacy: str
    distance_km: float
    copay: int
    closes: str
    preferred: bool


class PharmacyList(TypedDict):
    pharmacies: list[PharmacySummary]


class Refill(TypedDict):
    medicine: str
    pharmacy: str
    ready_on: str
    copay: int
    refills_left: int


class PharmacyChoice(TypedDict):
    pharmacy: str
    previous_pharmacy: str
    distance_km: float
    closes: str


class LabResult(TypedDict):
    lab_test: str
    date: str
    value: float
    unit: str
    assessment: str


class LabResultList(TypedDict):
    lab_results: list[LabResult]


class LabExplanation(TypedDict):
    lab_test: str
    value: float
    unit: str
    normal_from: float
    normal_to: float
    assessment: str
    physician: str


def _assessment(lab_test: str, value: float) -> str:
    _, low, high = LAB_TESTS[lab_test]
    return "low" if value < low else "high" if value > high else "normal"


def _day_of(text: str) -> date:
    """The date that `text` says; a refusal where it says none."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        require(False, f"{text!r} is not a date; dates look like 2026-03-14.")
        raise


def _matching(domain: Domain, chosen: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        x
        for x in domain.state["physicians"].values()
        if x["specialty"] == chosen.get("specialty", x["specialty"])
        and x["language"] == chosen.get("language", x["language"])
        and x["fee"] <= chosen.get("max_fee", x["fee"])
    ]


def _specialty(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([x["specialty"] for x in _matching(domain, {})])


def _language(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([x["language"] for x in _matching(domain, chosen)] or LANGUAGES)


def _max_fee(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([x["fee"] for x in _matching(domain, chosen)] or [100]) + 5 * rng.randint(1, 4)


def _physician(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(list(domain.state["physicians"]))


def _appointment_code(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(list(domain.state["appointments"]) or ["APT-10000"])


def _refillable(domain: Domain, rng: Random, chosen: Any) -> Any:
    medicines = list(domain.state["prescriptions"])
    return rng.choice([name for name in medicines if domain.state["prescriptions"][name]["refills_left"]] or medicines)


def _pharmacy(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(list(domain.state["pharmacies"]))


def _other_pharmacy(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([name for name in domain.state["pharmacies"] if name != domain.state["preferred_pharmacy"]])


def _lab_test(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(list(domain.state["lab_results"]))


def _since(domain: Domain, rng: Random, chosen: Any) -> Any:
    taken = date.fromisoformat(rng.choice([x["date"] for x in domain.state["lab_results"].values()]))
    return (taken - timedelta(days=rng.randint(1, 9))).isoformat()


def _free_times(state: State, physician: str, when: str) -> list[str]:
    """Times at which a physician is on the rota and the patient has no visit yet; a different pattern every day."""
    rota, ordinal = state["physicians"][physician]["rota"], date.fromisoformat(when).toordinal()
    taken = {x["time"] for x in state["appointments"].values() if x["date"] == when}
    return [time for index, time in enumerate(TIMES) if (index * 3 + ordinal * 2 + rota) % 5 < 3 and time not in taken]


def _open_day(domain: Domain, rng: Random, chosen: Any) -> Any:
    when = domain.today + timedelta(days=rng.randint(1, 20))
    return (when + timedelta(days=when.isoweekday() == 7)).isoformat()


def _free_time(domain: Domain, rng: Random, chosen: Any) -> Any:
    booked = domain.state["appointments"].get(chosen.get("appointment_code"), {})
    physician, when = chosen.get("physician", booked.get("physician")), chosen.get("date")
    if physician not in domain.state["physicians"] or not when:
        return rng.choice(TIMES)
    return rng.choice(_free_times(domain.state, physician, when) or TIMES)


def _counter(x: Any) -> str:
    return f"{x['pharmacy']} ({number(x['distance_km'])} km away, {money(x['copay'])} copay, open until {clock(x['closes'])})"


def _measured(x: Any) -> str:
    return f"{x['lab_test']} at {number(x['value'])} {x['unit']}"


Physician = Annotated[str, Argument(description="Name of the physician, such as Dr Mei Liang.", noun="physician", pick=_physician)]
AppointmentCode = Annotated[
    str,
    Argument(
        description="Code of the appointment, such as APT-48213.",
        noun="appointment",
        word="appointment {}",
        kind="code",
        pick=_appointment_code,
    ),
]
Date = Annotated[str, Argument(description="Date in ISO 8601 format (YYYY-MM-DD).", noun="date", kind="date", pick=_open_day)]
Time = Annotated[str, Argument(description="Time of day in 24-hour format (HH:MM).", noun="time", kind="time", pick=_free_time)]


class Clinic(Domain):
    """See physicians, arrange appointments, refill prescriptions and read lab results at a doctor's practice."""

    name: ClassVar[str] = "clinic"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        today = pick_today(rng)
        state: State = {
            "today": today.isoformat(),
            "code_seed": rng.randrange(10_000),
            "physicians": {},
            "appointments": {},
            "prescriptions": {},
            "pharmacies": {},
            "lab_results": {},
        }
        specialties = rng.sample(SPECIALTIES, 3)
        names = zip(rng.sample(FIRST_NAMES, 9), rng.sample(LAST_NAMES, 9), strict=True)
        for index, (first, last) in enumerate(list(names)[: rng.randint(7, 9)]):
            state["physicians"][f"Dr {first} {last}"] = {
                "specialty": specialties[index % 3],
                "language": rng.choice(LANGUAGES),
                "rating": round(rng.uniform(3.4, 4.9), 1),
                "fee": rng.randrange(60, 185, 5),
                "years": rng.randint(2, 31),
                "room": f"{rng.randint(1, 3)}{rng.choice('ABCD')}",
                "rota": rng.randrange(5),
            }
        for pharmacy in rng.sample(PHARMACIES, rng.randint(3, 4)):
            state["pharmacies"][pharmacy] = {
                "distance_km": round(rng.uniform(0.3, 6.5), 1),
                "copay": rng.randint(4, 18),
                "closes": rng.choice(("18:00", "19:30", "20:00", "22:00")),
            }
        state["preferred_pharmacy"] = rng.choice(list(state["pharmacies"]))
        cls._open_file(state, rng, today)
        return state

    @classmethod
    def _open_file(cls, state: State, rng: Random, today: date) -> None:
        """Fill the patient's file: appointments, prescriptions and lab results."""
        domain, physicians = cls(state), list(state["physicians"])
        for physician in rng.sample(physicians, rng.randint(4, 5)):
            when = _open_day(domain, rng, {})
            state["appointments"][domain.issue("APT")] = {
                "physician": physician,
                "date": when,
                "time": rng.choice(_free_times(state, physician, when)),
                "reason": rng.choice(REASONS),
            }
        for medicine, dose in rng.sample(MEDICINES, rng.randint(3, 5)):
            state["prescriptions"][medicine] = {
                "dose": dose,
                "refills_left": rng.randint(1, 4),
                "physician": rng.choice(physicians),
                "expires_on": (today + timedelta(days=rng.randint(30, 170))).isoformat(),
            }
        for lab_test in rng.sample(sorted(LAB_TESTS), rng.randint(4, 6)):
            _, low, high = LAB_TESTS[lab_test]
            value = low + (high - low) * rng.uniform(-0.25, 1.3)
            state["lab_results"][lab_test] = {
                "date": (today - timedelta(days=rng.randint(3, 120))).isoformat(),
                "value": round(value) if high > 60 else round(value, 1),
                "physician": rng.choice(physicians),
            }

    def _doctor(self, physician: str) -> dict[str, Any]:
        require(physician in self.state["physicians"], f"No physician called {physician!r} works here.")
        doctor: dict[str, Any] = self.state["physicians"][physician]
        return doctor

    def _booked(self, appointment_code: str) -> dict[str, Any]:
        require(appointment_code in self.state["appointments"], f"There is no appointment with code {appointment_code!r}.")
        booked: dict[str, Any] = self.state["appointments"][appointment_code]
        return booked

    def _require_free(self, physician: str, when: str, time: str) -> None:
        require(_day_of(when) >= self.today, f"{when} is in the past.")
        free = _free_times(self.state, physician, when)
        require(time in free, f"{physician} or the patient is taken at {time} on {when}; free times: {', '.join(free) or 'none'}.")

    def _appointment(self, code: str) -> Appointment:
        x = self.state["appointments"][code]
        room = self.state["physicians"][x["physician"]]["room"]
        return {
            "appointment_code": code,
            "physician": x["physician"],
            "date": x["date"],
            "time": x["time"],
            "reason": x["reason"],
            "room": room,
        }

    @tool(
        asks=(
            "find a doctor for {specialty}[ who speaks {language}][, at no more than {max_fee} a visit]",
            "see who works in {specialty} at the practice[, as long as a visit costs {max_fee} or less][, ideally speaking {language}]",
            "look for physicians in {specialty}[ with a fee below {max_fee}][, preferably with some {language}]",
            "give me the names of your specialists[ in {specialty}][ that I could talk to in {language}][ for at most {max_fee} a visit]",
        ),
        questions=(
            "Who practises {specialty} here[ and speaks {language}][, for no more than {max_fee}]?",
            "My sister needs somebody in {specialty}[, preferably speaking {language}][, at a fee of {max_fee} at most].",
            "Do you have anyone in {specialty}[ for less than {max_fee}][, somebody who knows {language}]?",
            "Which of your doctors do {specialty}[ for {max_fee} or under][, with {language} as a language]?",
        ),
        things=("doctor in {specialty}", "physician who does {specialty}"),
        noun="physician",
        deed="look for a doctor",
        tells=(
            lambda a, r: (
                f"In {a['specialty']} you can see {listing([x['physician'] + ' (' + money(x['consultation_fee']) + ' a visit, rated ' + number(x['rating']) + ')' for x in r['physicians']], conjunction='or')}."
            ),
            lambda a, r: (
                f"There {'is one doctor' if len(r['physicians']) == 1 else 'are ' + plural(len(r['physicians']), 'doctor')} for {a['specialty']}: "
                f"{listing([x['physician'] + ' with ' + plural(x['years_of_practice'], 'year') + ' of practice at ' + money(x['consultation_fee']) for x in r['physicians']])}."
            ),
            lambda a, r: (
                f"For {a['specialty']} the practice has {listing([x['physician'] + ' (also speaks ' + x['language'] + ', ' + number(x['rating']) + ' stars)' for x in r['physicians']])}. "
                f"{'The fee is' if len(r['physicians']) == 1 else 'Fees start at'} {money(min(x['consultation_fee'] for x in r['physicians']))}."
            ),
        ),
    )
    def find_physicians(
        self,
        specialty: Annotated[Specialty, Argument(description="Medical specialty.", noun="specialty", pick=_specialty)],
        language: Annotated[
            Language | None, Argument(description="Language spoken besides English.", noun="language", pick=_language)
        ] = None,
        max_fee: Annotated[
            int | None, Argument(description="Highest consultation fee in dollars.", noun="fee limit", word="${}", pick=_max_fee)
        ] = None,
    ) -> PhysicianList:
        """List the practice's physicians of a specialty, optionally by language and consultation fee."""
        found: list[PhysicianSummary] = [
            {
                "physician": name,
                "specialty": specialty,
                "language": x["language"],
                "rating": x["rating"],
                "consultation_fee": x["fee"],
                "years_of_practice": x["years"],
            }
            for name, x in self.state["physicians"].items()
            if x["specialty"] == specialty and (language is None or x["language"] == language) and (max_fee is None or x["fee"] <= max_fee)
        ]
        require(found, f"No physician in {specialty} meets these wishes.")
        return {"physicians": found}

    @tool(
        asks=(
            "check the free times of {physician} on {date}",
            "list the free consultation times of {physician} for {date}",
            "see if there's still a gap with {physician}[ on {date}]",
            "look into the diary of {physician} for {date} and tell me what's open",
        ),
        questions=(
            "When could {physician} see me on {date}?",
            "Is anything open with {physician} on {date}?",
            "I'm off work on {date}, so at what times could I see {physician}?",
        ),
        things=("open time with {physician} on {date}",),
        noun="free time",
        deed="check when a doctor is free",
        tells=(
            lambda a, r: (
                f"{r['physician']} can see you on {day(r['date'])} at {listing([clock(t) for t in r['open_times']], limit=10, conjunction='or')}."
            ),
            lambda a, r: (
                f"Still open with {r['physician']} on {day(r['date'])}: {listing([clock(t) for t in r['open_times']], limit=10)}. A visit costs {money(r['consultation_fee'])}."
            ),
            lambda a, r: (
                f"On {day(r['date'])} there {'is one gap' if len(r['open_times']) == 1 else 'are ' + plural(len(r['open_times']), 'gap')} with {r['physician']}: {listing([clock(t) for t in r['open_times']], limit=10)}."
            ),
        ),
    )
    def list_consultation_times(self, physician: Physician, date: Date) -> ConsultationTimes:
        """List the times at which a physician is free on a date, with the consultation fee."""
        x = self._doctor(physician)
        require(_day_of(date) >= self.today, f"{date} is in the past.")
        free = _free_times(self.state, physician, date)
        require(free, f"{physician} has no free time on {date}.")
        return {"physician": physician, "date": date, "open_times": free, "consultation_fee": x["fee"]}

    @tool(
        asks=(
            "make an appointment with {physician}[ on {date}][ at {time}][ about {reason}]",
            "get me in to see {physician}[ on {date}][ around {time}][, because of {reason}]",
            "arrange a visit to {physician}[ for {date}][ at {time}][, the reason being {reason}]",
            "put me down for {physician}[ at {time}][ on {date}][, the subject being {reason}]",
            "set up a consultation with {physician}[ on {date}][ at {time}][ to talk about {reason}]",
        ),
        questions=(
            "I need to see {physician}[ on {date}][ at {time}][ about {reason}].",
            "Would {physician} see me[ on {date}][ at {time}][ for {reason}]?",
            "I'm due for another visit to {physician}, so please book one[ on {date}][ at {time}][ about {reason}].",
            "Please book me with {physician}[ for {date}][ at {time}][; the reason is {reason}].",
        ),
        noun="appointment",
        deed="make an appointment",
        tells=(
            lambda a, r: (
                f"You're booked with {r['physician']} on {day(r['date'])} at {clock(r['time'])}, room {r['room']}. It's appointment {r['appointment_code']}."
            ),
            lambda a, r: (
                f"Appointment {r['appointment_code']} is set: {r['physician']}, {day(r['date'])}, {clock(r['time'])}. Please come to room {r['room']}."
            ),
            lambda a, r: (
                f"{r['physician']} will see you about {r['reason']} on {day(r['date'])} at {clock(r['time'])} ({r['appointment_code']})."
            ),
        ),
    )
    def book_consultation(
        self,
        physician: Physician,
        date: Date,
        time: Time,
        reason: Annotated[
            str | None, Argument(description="What the visit is about, in a few words.", noun="reason", choices=REASONS)
        ] = None,
    ) -> Appointment:
        """Make an appointment with a physician at a free time on a date."""
        self._doctor(physician)
        self._require_free(physician, date, time)
        code = self.issue("APT")
        self.state["appointments"][code] = {
            "physician": physician,
            "date": date,
            "time": time,
            "reason": reason or "general advice",
        }
        return self._appointment(code)

    @tool(
        asks=(
            "go through my upcoming doctor's appointments",
            "list the visits I have at the practice",
            "remind me which doctors I'm seeing and when",
            "check what's in my file as coming appointments",
        ),
        questions=(
            "When do I next have to be at the doctor's?",
            "Which appointments do I have at the practice?",
            "What doctor's visits are coming up for me?",
        ),
        things=("doctor's appointment of mine", "visit I have at the practice"),
        noun="appointment",
        deed="list doctor's appointments",
        tells=(
            lambda a, r: (
                f"You have {plural(len(r['appointments']), 'appointment')}: {listing([x['physician'] + ' on ' + day(x['date']) + ' at ' + clock(x['time']) + ' (' + x['appointment_code'] + ')' for x in r['appointments']], limit=6)}."
            ),
            lambda a, r: (
                f"Next is {min(r['appointments'], key=lambda x: x['date'] + x['time'])['physician']} on {day(min(x['date'] for x in r['appointments']))}. In your file: "
                f"{listing([x['physician'] + ' on ' + day(x['date']) + ' for ' + x['reason'] + ' (' + x['appointment_code'] + ')' for x in r['appointments']], limit=6)}."
            ),
            lambda a, r: (
                f"Coming up at the practice: {listing([x['physician'] + ' in room ' + x['room'] + ' (' + day(x['date']) + ')' for x in sorted(r['appointments'], key=lambda x: x['date'])], limit=6)}."
            ),
        ),
    )
    def list_appointments(self) -> AppointmentList:
        """List the patient's coming appointments with physician, date, time, reason and room."""
        found = sorted(map(self._appointment, self.state["appointments"]), key=lambda x: (x["date"], x["time"]))
        require(found, "There are no coming appointments.")
        return {"appointments": found}

    @tool(
        asks=(
            "move {appointment_code}[ to {date}][, starting at {time}]",
            "shift {appointment_code} to another slot[ on {date}][ at {time}]",
            "change when I come in for {appointment_code}[ to {date}][ at {time}]",
            "find another time for {appointment_code}[, best on {date}][ at {time}]",
        ),
        questions=(
            "Something came up, so please move {appointment_code}[ to {date}][, starting at {time}].",
            "Is there any chance of another slot for {appointment_code}[ on {date}][ at {time}]?",
            "As for {appointment_code}, I need a different slot[ on {date}][ at {time}].",
        ),
        noun="new appointment time",
        deed="move an appointment",
        tells=(
            lambda a, r: f"Appointment {r['appointment_code']} with {r['physician']} is now on {day(r['date'])} at {clock(r['time'])}.",
            lambda a, r: f"{r['physician']} expects you on {day(r['date'])} at {clock(r['time'])} instead, in room {r['room']}.",
            lambda a, r: f"That's changed: you see {r['physician']} about {r['reason']} on {day(r['date'])}, {clock(r['time'])}.",
        ),
    )
    def move_appointment(self, appointment_code: AppointmentCode, date: Date, time: Time) -> Appointment:
        """Move an appointment to another date and time at which its physician is free."""
        x = self._booked(appointment_code)
        self._require_free(x["physician"], date, time)
        x["date"], x["time"] = date, time
        return self._appointment(appointment_code)

    @tool(
        asks=(
            "call off {appointment_code}",
            "strike {appointment_code} from the schedule, since I won't make it",
            "take {appointment_code} out of the diary",
            "cancel {appointment_code}, as I'm feeling better",
        ),
        questions=(
            "I can't come to {appointment_code} after all.",
            "Please give the slot of {appointment_code} to someone else.",
            "Am I still in time to get out of {appointment_code}?",
        ),
        noun="cancellation",
        deed="call off an appointment",
        tells=(
            lambda a, r: (
                f"Appointment {r['appointment_code']} with {r['physician']} is off. "
                + (f"As it was so close, a fee of {money(r['late_fee'])} applies." if r["late_fee"] else "There's no fee.")
            ),
            lambda a, r: (
                f"You no longer see {r['physician']} on {day(r['date'])}"
                + (f"; the late fee is {money(r['late_fee'])}." if r["late_fee"] else ", free of charge.")
            ),
            lambda a, r: (
                f"The time with {r['physician']} on {day(r['date'])} is free for others again. "
                + (f"Calling it off this late costs {money(r['late_fee'])}." if r["late_fee"] else "It costs you nothing.")
            ),
        ),
    )
    def call_off_appointment(self, appointment_code: AppointmentCode) -> CalledOffAppointment:
        """Call off an appointment; less than two days ahead a late fee is due."""
        x = self._booked(appointment_code)
        del self.state["appointments"][appointment_code]
        late = (date.fromisoformat(x["date"]) - self.today).days < 2
        return {"appointment_code": appointment_code, "physician": x["physician"], "date": x["date"], "late_fee": 25 if late else 0}

    @tool(
        asks=(
            "list the medicines I'm prescribed",
            "look up my prescriptions and how many refills remain",
            "tell me which of my prescriptions can still be refilled",
            "show my current medication",
        ),
        questions=(
            "Which medicines am I supposed to be taking?",
            "How many refills are left on my prescriptions?",
            "What am I prescribed at the moment, and are there refills left?",
        ),
        things=("medicine I'm prescribed", "prescription of mine"),
        noun="prescription",
        deed="list prescriptions",
        tells=(
            lambda a, r: (
                f"You're prescribed {listing([x['medicine'] + ' (' + x['dose'] + ', ' + (plural(x['refills_left'], 'refill') if x['refills_left'] else 'no refills') + ' left)' for x in r['prescriptions']], limit=6)}."
            ),
            lambda a, r: (
                f"Your prescriptions: {listing([x['medicine'] + ' with ' + (plural(x['refills_left'], 'refill') if x['refills_left'] else 'no refills') + ' left' for x in r['prescriptions']], limit=6)}. "
                f"The first to expire is {min(r['prescriptions'], key=lambda x: x['expires_on'])['medicine']}, on {day(min(x['expires_on'] for x in r['prescriptions']))}."
            ),
            lambda a, r: (
                f"There {'is one prescription' if len(r['prescriptions']) == 1 else 'are ' + plural(len(r['prescriptions']), 'prescription')} in your file: "
                f"{listing([x['medicine'] + ' from ' + x['physician'] + ' (' + (plural(x['refills_left'], 'refill') if x['refills_left'] else 'no refills') + ')' for x in r['prescriptions']], limit=6)}."
            ),
        ),
    )
    def list_prescriptions(self) -> PrescriptionList:
        """List the patient's prescriptions with dose, refills left, prescriber and expiry date."""
        found: list[Prescription] = [
            {
                "medicine": medicine,
                "dose": x["dose"],
                "refills_left": x["refills_left"],
                "physician": x["physician"],
                "expires_on": x["expires_on"],
            }
            for medicine, x in self.state["prescriptions"].items()
        ]
        return {"prescriptions": found}

    @tool(
        asks=(
            "order a refill of {medicine}[ at {pharmacy}]",
            "have {medicine} refilled[ and sent to {pharmacy}]",
            "get more {medicine} for me[, to be picked up at {pharmacy}]",
            "ask the practice for another pack of {medicine}[, collected at {pharmacy}]",
            "renew my supply of {medicine}[ through {pharmacy}]",
        ),
        questions=(
            "I'm nearly out of {medicine} and need a refill[ from {pharmacy}].",
            "Would you refill {medicine} for me[ at {pharmacy}]?",
            "There are only two days of {medicine} left, so please have more ready[ at {pharmacy}].",
        ),
        noun="refill",
        deed="request a refill",
        tells=(
            lambda a, r: (
                f"Your {r['medicine']} will be ready at {r['pharmacy']} on {day(r['ready_on'])}; the copay is {money(r['copay'])}."
            ),
            lambda a, r: (
                f"{r['pharmacy']} has the refill request for {r['medicine']}. Pick it up from {day(r['ready_on'])}, with "
                + (f"{plural(r['refills_left'], 'refill')} left after this." if r["refills_left"] else "no refills left after this.")
            ),
            lambda a, r: (
                f"Refill requested: {r['medicine']}, {money(r['copay'])}, ready {day(r['ready_on'])} at {r['pharmacy']}."
                + ("" if r["refills_left"] else " That was the last one on this prescription.")
            ),
        ),
    )
    def request_refill(
        self,
        medicine: Annotated[str, Argument(description="Name of the prescribed medicine.", noun="medicine", pick=_refillable)],
        pharmacy: Annotated[
            str | None,
            Argument(description="Pharmacy to send it to; the preferred one unless given.", noun="pharmacy", pick=_pharmacy),
        ] = None,
    ) -> Refill:
        """Request a refill of a prescribed medicine, to be picked up at a pharmacy."""
        require(medicine in self.state["prescriptions"], f"There is no prescription for {medicine!r}.")
        x = self.state["prescriptions"][medicine]
        shop = pharmacy or self.state["preferred_pharmacy"]
        require(shop in self.state["pharmacies"], f"No pharmacy called {shop!r} is registered.")
        require(x["refills_left"] > 0, f"The prescription for {medicine} has no refills left.")
        x["refills_left"] -= 1
        copay = self.state["pharmacies"][shop]["copay"]
        ready = (self.today + timedelta(days=1 + len(medicine) % 3)).isoformat()
        return {"medicine": medicine, "pharmacy": shop, "ready_on": ready, "copay": copay, "refills_left": x["refills_left"]}

    @tool(
        asks=(
            "show the pharmacies that work with the practice",
            "compare the pharmacies nearby by distance and copay",
            "list the places where I can pick up my medicine",
            "tell me which pharmacies the practice can send prescriptions to",
        ),
        questions=(
            "Where can I have my prescriptions filled?",
            "Which pharmacies are nearby, and how late are they open?",
            "What would the copay be at the different pharmacies?",
        ),
        things=("pharmacy that works with the practice", "pharmacy nearby"),
        noun="pharmacy",
        deed="list pharmacies",
        tells=(
            lambda a, r: f"You can use {listing([_counter(x) for x in r['pharmacies']], conjunction='or')}.",
            lambda a, r: (
                f"{plural(len(r['pharmacies']), 'pharmacy works', 'pharmacies work')} with the practice: {listing([_counter(x) for x in r['pharmacies']])}. "
                f"The closest is {min(r['pharmacies'], key=lambda x: x['distance_km'])['pharmacy']}."
            ),
            lambda a, r: (
                f"There {'is' if len(r['pharmacies']) == 1 else 'are'} {listing([_counter(x) for x in r['pharmacies']])}."
                + "".join(f" Your usual one is {x['pharmacy']}." for x in r["pharmacies"] if x["preferred"])
            ),
        ),
    )
    def list_pharmacies(self) -> PharmacyList:
        """List the pharmacies that fill the practice's prescriptions, with distance, copay and closing time."""
        preferred = self.state["preferred_pharmacy"]
        found: list[PharmacySummary] = [
            {
                "pharmacy": name,
                "distance_km": x["distance_km"],
                "copay": x["copay"],
                "closes": x["closes"],
                "preferred": name == preferred,
            }
            for name, x in self.state["pharmacies"].items()
        ]
        return {"pharmacies": found}

    @tool(
        asks=(
            "make {pharmacy} my usual pharmacy",
            "send my prescriptions to {pharmacy} from now on",
            "note {pharmacy} in my file as the one I prefer",
            "switch my regular pharmacy to {pharmacy}",
        ),
        questions=(
            "From now on I'd rather collect my medicine at {pharmacy}.",
            "Could future refills go to {pharmacy} by default?",
            "We've moved, so {pharmacy} should be my regular pharmacy.",
        ),
        noun="preferred pharmacy",
        deed="change the usual pharmacy",
        tells=(
            lambda a, r: f"Your prescriptions now go to {r['pharmacy']} instead of {r['previous_pharmacy']}.",
            lambda a, r: (
                f"{r['pharmacy']} is set as your usual pharmacy; it's {number(r['distance_km'])} km away and open until {clock(r['closes'])}."
            ),
            lambda a, r: f"Noted: {r['pharmacy']} replaces {r['previous_pharmacy']} in your file.",
        ),
    )
    def set_preferred_pharmacy(
        self, pharmacy: Annotated[str, Argument(description="Name of the pharmacy.", noun="pharmacy", pick=_other_pharmacy)]
    ) -> PharmacyChoice:
        """Choose the pharmacy that the patient's prescriptions go to."""
        require(pharmacy in self.state["pharmacies"], f"No pharmacy called {pharmacy!r} is registered.")
        previous = self.state["preferred_pharmacy"]
        require(pharmacy != previous, f"{pharmacy} is already the preferred pharmacy.")
        self.state["preferred_pharmacy"] = pharmacy
        x = self.state["pharmacies"][pharmacy]
        return {"pharmacy": pharmacy, "previous_pharmacy": previous, "distance_km": x["distance_km"], "closes": x["closes"]}

    @tool(
        asks=(
            "pull up my lab results[ since {taken_after}]",
            "list the blood values the practice has for me[, from {taken_after} on]",
            "see which of my lab values are out of range[, counting those after {taken_after}]",
            "get my test results[, those after {taken_after}]",
        ),
        questions=(
            "Have any of my lab results come in[ since {taken_after}]?",
            "What did the lab find[ after {taken_after}]?",
            "How did my blood tests turn out[, the ones since {taken_after}]?",
        ),
        things=("lab result of mine", "blood test of mine"),
        noun="lab result",
        deed="look up lab results",
        tells=(
            lambda a, r: (
                f"Your results: {listing([x['lab_test'] + ' ' + number(x['value']) + ' ' + x['unit'] + ' (' + x['assessment'] + ')' for x in r['lab_results']], limit=6)}."
            ),
            lambda a, r: (
                f"The lab has {plural(len(r['lab_results']), 'result')} for you: {listing([_measured(x) for x in r['lab_results']], limit=8)}. "
                + (
                    f"Out of range: {listing([x['lab_test'] + ' (' + x['assessment'] + ')' for x in r['lab_results'] if x['assessment'] != 'normal'], limit=8)}."
                    if any(x["assessment"] != "normal" for x in r["lab_results"])
                    else "All of it is in the normal range."
                )
            ),
            lambda a, r: (
                f"Here they are: {listing([_measured(x) + ' on ' + day(x['date']) + ' (' + x['assessment'] + ')' for x in r['lab_results']], limit=8)}."
            ),
        ),
    )
    def list_lab_results(
        self,
        taken_after: Annotated[
            str | None,
            Argument(description="Only results taken after this date (YYYY-MM-DD).", noun="earliest date", kind="date", pick=_since),
        ] = None,
    ) -> LabResultList:
        """List the patient's lab results with value, unit and whether they are low, normal or high."""
        start = _day_of(taken_after).isoformat() if taken_after else ""
        found: list[LabResult] = [
            {
                "lab_test": lab_test,
                "date": x["date"],
                "value": x["value"],
                "unit": LAB_TESTS[lab_test][0],
                "assessment": _assessment(lab_test, x["value"]),
            }
            for lab_test, x in self.state["lab_results"].items()
            if x["date"] > start
        ]
        require(found, f"There are no lab results after {taken_after}.")
        return {"lab_results": found}

    @tool(
        asks=(
            "explain my value for {lab_test}",
            "check my result for {lab_test} against the normal range",
            "tell me if I should worry about {lab_test}",
            "find out who had me tested for {lab_test} and what would be normal",
        ),
        questions=(
            "Should I be worried about my value for {lab_test}?",
            "What range would be normal for {lab_test}, and where am I?",
            "I don't understand my result for {lab_test} — too high or too low?",
        ),
        things=("doctor who ordered {lab_test}",),
        noun="explanation",
        deed="explain a lab result",
        tells=(
            lambda a, r: (
                f"Your {r['lab_test']} is {number(r['value'])} {r['unit']}, which is {r['assessment']}; the normal range is {number(r['normal_from'])} to {number(r['normal_to'])}. {r['physician']} ordered the test."
            ),
            lambda a, r: (
                f"For {r['lab_test']}, {number(r['normal_from'])} to {number(r['normal_to'])} {r['unit']} is normal, and you are at {number(r['value'])}. "
                + ("That's fine." if r["assessment"] == "normal" else f"That's {r['assessment']}, so it's worth asking {r['physician']}.")
            ),
            lambda a, r: (
                f"At {number(r['value'])} {r['unit']} you have {article(r['assessment'])} {r['lab_test']} value (normal: {number(r['normal_from'])} to {number(r['normal_to'])}). Questions go to {r['physician']}."
            ),
        ),
    )
    def explain_lab_result(
        self, lab_test: Annotated[str, Argument(description="Name of the lab test.", noun="lab test", pick=_lab_test)]
    ) -> LabExplanation:
        """Compare one lab value of the patient with its normal range and name the ordering physician."""
        require(lab_test in self.state["lab_results"], f"There is no result for {lab_test!r}.")
        x = self.state["lab_results"][lab_test]
        unit, low, high = LAB_TESTS[lab_test]
        return {
            "lab_test": lab_test,
            "value": x["value"],
            "unit": unit,
            "normal_from": low,
            "normal_to": high,
            "assessment": _assessment(lab_test, x["value"]),
            "physician": x["physician"],
        }
