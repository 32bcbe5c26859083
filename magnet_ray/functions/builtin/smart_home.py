# ruff: noqa: E501
"""One connected home: rooms, lights, heating, appliances with their energy, and scheduled routines."""

from __future__ import annotations

from datetime import datetime, timedelta
from random import Random
from typing import Annotated, Any, ClassVar, Literal

from typing_extensions import TypedDict

from magnet_ray.functions.builtin.base import Domain, State, pick_today, require, tool
from magnet_ray.phrases import Argument
from magnet_ray.wording import clock, listing, money, number, plural

# room -> appliances that people keep there
GROUND_ROOMS = {
    "kitchen": ("coffee machine", "kettle", "dishwasher", "radio"),
    "living room": ("television", "floor lamp", "speaker", "air purifier"),
    "dining room": ("floor lamp", "speaker", "fan"),
    "hallway": ("radio", "air purifier", "floor lamp"),
    "home office": ("desk lamp", "monitor", "printer", "space heater", "fan"),
    "laundry room": ("washing machine", "tumble dryer", "dehumidifier"),
}
UPPER_ROOMS = {
    "main bedroom": ("electric blanket", "television", "fan", "bedside lamp"),
    "guest room": ("bedside lamp", "space heater", "radio"),
    "nursery": ("humidifier", "bedside lamp", "air purifier"),
    "bathroom": ("towel rail", "radio", "dehumidifier"),
    "attic studio": ("space heater", "desk lamp", "speaker", "monitor"),
    "reading room": ("floor lamp", "radio", "electric blanket"),
}
# kind -> (watts while running, kWh on an ordinary day)
APPLIANCES = {
    "air purifier": (38, 0.5),
    "bedside lamp": (7, 0.03),
    "coffee machine": (1250, 0.4),
    "dehumidifier": (320, 2.4),
    "desk lamp": (9, 0.04),
    "dishwasher": (1800, 1.1),
    "electric blanket": (90, 0.4),
    "fan": (45, 0.3),
    "floor lamp": (14, 0.07),
    "humidifier": (32, 0.3),
    "kettle": (2200, 0.5),
    "monitor": (34, 0.25),
    "printer": (28, 0.1),
    "radio": (8, 0.05),
    "space heater": (1400, 3.6),
    "speaker": (12, 0.1),
    "television": (110, 0.6),
    "towel rail": (150, 1.2),
    "tumble dryer": (2300, 1.9),
    "washing machine": (1900, 0.9),
}
# routine -> (effect, usual starting times)
ROUTINES = {
    "Early Bird": ("lights on", ("05:45", "06:30", "07:00")),
    "Movie Night": ("lights out", ("20:00", "20:30", "21:15")),
    "Lights Out": ("lights out", ("22:00", "22:45", "23:30")),
    "Coming Home": ("lights on", ("16:30", "17:30", "18:15")),
    "Slow Morning": ("more heat", ("08:30", "09:00", "09:45")),
    "Dinner Time": ("lights on", ("18:30", "19:00", "19:30")),
    "Leaving Home": ("less heat", ("07:45", "08:15", "08:40")),
    "Wind Down": ("less heat", ("21:00", "21:30", "22:15")),
    "Homework Hour": ("lights on", ("15:30", "16:00", "17:00")),
    "Warm Welcome": ("more heat", ("16:00", "17:15", "18:00")),
}
EFFECTS = ("lights on", "lights out", "more heat", "less heat")
PRICE_PER_KWH = 0.31
DAY_SO_FAR = 0.7  # share of a day's use that today has seen

Floor = Literal["ground floor", "upper floor"]
Tone = Literal["warm", "neutral", "cool"]
Power = Literal["on", "off"]
Period = Literal["today", "this week", "this month"]
RoutineEffect = Literal["lights on", "lights out", "more heat", "less heat"]
Days = Literal["every day", "weekdays only", "weekends only"]


class RoomSummary(TypedDict):
    room: str
    floor: str
    temperature: float
    target_temperature: float
    lights_on: int


class RoomList(TypedDict):
    rooms: list[RoomSummary]


class DeviceSummary(TypedDict):
    device: str
    power: str
    watts: int


class RoomDevices(TypedDict):
    room: str
    devices: list[DeviceSummary]


class RoomClimate(TypedDict):
    room: str
    temperature: float
    target_temperature: float
    humidity_percent: int


class DeviceReport(TypedDict):
    device: str
    room: str
    power: str
    watts: int
    energy_today_kwh: float
    switches_off_at: str | None


class EnergyShare(TypedDict):
    device: str
    energy_kwh: float
    cost: float


class EnergyRanking(TypedDict):
    period: str
    devices: list[EnergyShare]


class Routine(TypedDict):
    routine: str
    room: str
    effect: str
    start_time: str
    days: str


class RoutineList(TypedDict):
    routines: list[Routine]


class LightSetting(TypedDict):
    room: str
    brightness: int
    tone: str


class HeatingSetting(TypedDict):
    room: str
    previous_target: float
    target_temperature: float
    minutes_to_reach: int


class DeviceSwitch(TypedDict):
    device: str
    room: str
    power: str


class DeviceTimer(TypedDict):
    device: str
    minutes: int
    switches_off_at: str


def _room(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["rooms"]))


def _floor(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted({x["floor"] for x in domain.state["rooms"].values()}))


def _device(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["devices"]))


def _routine(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice(sorted(domain.state["routines"]))


def _new_routine(domain: Domain, rng: Random, chosen: Any) -> Any:
    return rng.choice([name for name in ROUTINES if name not in domain.state["routines"]] or ["Second Wind", "Late Shift"])


def _brightness(domain: Domain, rng: Random, chosen: Any) -> Any:
    present = domain.state["rooms"].get(chosen.get("room"), {}).get("brightness")
    return rng.choice([level for level in range(10, 101, 10) if level != present])


def _target(domain: Domain, rng: Random, chosen: Any) -> Any:
    present = domain.state["rooms"].get(chosen.get("room"), {}).get("target_temperature")
    return rng.choice([value for value in (17, 17.5, 18, 18.5, 19, 19.5, 20, 20.5, 21, 21.5, 22, 23) if value != present])


def _power(domain: Domain, rng: Random, chosen: Any) -> Any:
    present = domain.state["devices"].get(chosen.get("device"), {}).get("power")
    return {"on": "off", "off": "on"}.get(present) or rng.choice(("on", "off"))


def _start_time(domain: Domain, rng: Random, chosen: Any) -> Any:
    present = domain.state["routines"].get(chosen.get("routine"), {}).get("start_time")
    _, usual = ROUTINES.get(chosen.get("routine", ""), ("", ("07:15", "12:00", "18:45", "20:30")))
    return rng.choice([time for time in usual if time != present])


def _effect(domain: Domain, rng: Random, chosen: Any) -> Any:
    effect, _ = ROUTINES.get(chosen.get("routine", ""), ("", ()))
    return effect or rng.choice(EFFECTS)


Room = Annotated[str, Argument(description="Name of the room, such as 'kitchen'.", noun="room", word="the {}", pick=_room)]
Device = Annotated[str, Argument(description="Full name of the device, such as 'kitchen fan'.", noun="device", word="the {}", pick=_device)]
RoutineName = Annotated[str, Argument(description="Name of an existing routine.", noun="routine", word="the {} routine", pick=_routine)]
StartTime = Annotated[str, Argument(description="Start in 24-hour format (HH:MM).", noun="starting time", kind="time", pick=_start_time)]


def _short(device: Any, r: Any) -> str:
    """A device without the name of the room that the sentence has given."""
    return str(device["device"]).removeprefix(f"{r['room']} ")


class SmartHome(Domain):
    """Check rooms and devices, set lights and heating, compare energy use, plan routines."""

    name: ClassVar[str] = "smart_home"

    @classmethod
    def scenario(cls, rng: Random) -> State:
        now = f"{rng.randint(7, 20):02d}:{rng.choice(('00', '10', '25', '40', '50'))}"
        state: State = {"today": pick_today(rng).isoformat(), "now": now, "rooms": {}, "devices": {}, "routines": {}}
        rooms = [*rng.sample(sorted(GROUND_ROOMS), 3), *rng.sample(sorted(UPPER_ROOMS), rng.randint(2, 3))]
        for room in rooms:
            target = rng.choice((18, 18.5, 19, 19.5, 20, 20.5, 21))
            state["rooms"][room] = {
                "floor": "ground floor" if room in GROUND_ROOMS else "upper floor",
                "temperature": round(target + rng.uniform(-1.8, 1.2), 1),
                "target_temperature": float(target),
                "humidity_percent": rng.randint(36, 64),
                "brightness": rng.choice((0, 0, 30, 50, 60, 80, 100)),
                "tone": rng.choice(("warm", "neutral", "cool")),
                "lamps": rng.randint(1, 4),
            }
            for kind in rng.sample(GROUND_ROOMS.get(room) or UPPER_ROOMS[room], rng.randint(2, 3)):
                watts, daily = APPLIANCES[kind]
                state["devices"][f"{room} {kind}"] = {
                    "room": room,
                    "power": rng.choice(("on", "off")),
                    "watts": round(watts * rng.uniform(0.85, 1.25)),
                    "daily_kwh": round(daily * rng.uniform(0.6, 1.6), 3),
                    "switches_off_at": None,
                }
        for name in rng.sample(sorted(ROUTINES), rng.randint(3, 4)):
            effect, usual = ROUTINES[name]
            state["routines"][name] = {
                "room": rng.choice(rooms),
                "effect": effect,
                "start_time": rng.choice(usual),
                "days": rng.choice(("every day", "weekdays only", "weekends only")),
            }
        return state

    def _room(self, room: str) -> dict[str, Any]:
        require(room in self.state["rooms"], f"There is no room called {room!r} in this home.")
        found: dict[str, Any] = self.state["rooms"][room]
        return found

    def _device(self, device: str) -> dict[str, Any]:
        require(device in self.state["devices"], f"There is no device called {device!r} in this home.")
        found: dict[str, Any] = self.state["devices"][device]
        return found

    def _routine(self, routine: str) -> dict[str, Any]:
        require(routine in self.state["routines"], f"There is no routine called {routine!r}.")
        found: dict[str, Any] = self.state["routines"][routine]
        return found

    @tool(
        asks=(
            "give me an overview of the rooms at home[, just those on {floor}]",
            "go round the house[ on {floor}] and tell me how warm every room is",
            "compare the rooms[ on {floor}] by temperature and lights",
            "run through all the rooms[ of {floor}] and say where lights are burning",
            "report the state of each room[ we have on {floor}]",
        ),
        questions=(
            "Which rooms are warm and which are chilly[ on {floor}]?",
            "Did anybody leave a light burning[ on {floor}], and how warm are the rooms?",
            "How do things look around the house[ on {floor}] right now?",
            "Just checking on the house[, mainly {floor}]: how warm is each room, and are any lights on?",
        ),
        things=("room in the house[ on {floor}]", "room at home[ on {floor}]"),
        noun="room",
        deed="give an overview of the rooms",
        tells=(
            lambda a, r: (
                f"Here's how your {'room looks' if len(r['rooms']) == 1 else 'rooms compare'}: {listing([x['room'] + ' at ' + number(x['temperature']) + ' degrees' for x in r['rooms']], limit=6)}. Lights are on in {listing(['the ' + x['room'] for x in r['rooms'] if x['lights_on']], limit=6) if any(x['lights_on'] for x in r['rooms']) else 'no room'}."
            ),
            lambda a, r: (
                f"The warmest room{' on the ' + a['floor'] if a.get('floor') else ''} is the {max(r['rooms'], key=lambda x: x['temperature'])['room']}. All in degrees: "
                f"{listing([x['room'] + ' ' + number(x['temperature']) for x in r['rooms']], limit=9)}. "
                + (
                    f"Lights are on in {listing(['the ' + x['room'] for x in r['rooms'] if x['lights_on']], limit=9)}."
                    if any(x["lights_on"] for x in r["rooms"])
                    else "No lamp is on."
                )
            ),
            lambda a, r: (
                f"{listing([('the ' if place else 'The ') + x['room'] + ' is at ' + number(x['temperature']) + ' degrees (set to ' + number(x['target_temperature']) + ')' for place, x in enumerate(r['rooms'])], limit=9)}. Lamps on: {listing([str(x['lights_on']) + ' in the ' + x['room'] for x in r['rooms'] if x['lights_on']], limit=9)}."
            ),
        ),
    )
    def survey_rooms(
        self,
        floor: Annotated[Floor | None, Argument(description="Only rooms on this floor.", noun="floor", word="the {}", pick=_floor)] = None,
    ) -> RoomList:
        """Summarise every room of the home: floor, temperature, heating target and lamps that are on."""
        found = [
            RoomSummary(
                room=name,
                floor=x["floor"],
                temperature=x["temperature"],
                target_temperature=x["target_temperature"],
                lights_on=x["lamps"] if x["brightness"] else 0,
            )
            for name, x in self.state["rooms"].items()
            if floor in (None, x["floor"])
        ]
        require(found, f"No room is on the {floor}.")
        return {"rooms": found}

    @tool(
        asks=(
            "tell me which devices are in {room}",
            "list the gadgets plugged in around {room} with their wattage",
            "check what's connected in {room} and what's running",
            "show every appliance we keep in {room}",
            "see if anything in {room} is still switched on",
        ),
        questions=(
            "What's running in {room} at the moment?",
            "Is anything still on over in {room}?",
            "Remind me what we have connected in {room}, please.",
            "I forget which appliances are in {room}.",
        ),
        things=("device in {room}", "appliance standing in {room}", "gadget we have in {room}"),
        noun="device",
        deed="list the devices in a room",
        tells=(
            lambda a, r: (
                f"There {'is' if len(r['devices']) == 1 else 'are'} {plural(len(r['devices']), 'device')} in the {r['room']}: {listing([_short(x, r) + ' (' + x['power'] + ', ' + str(x['watts']) + ' watts)' for x in r['devices']])}."
            ),
            lambda a, r: (
                f"In the {r['room']} you have the {listing([_short(x, r) + ' (' + str(x['watts']) + ' watts)' for x in r['devices']])}. Switched on: "
                f"{listing([_short(x, r) for x in r['devices'] if x['power'] == 'on']) if any(x['power'] == 'on' for x in r['devices']) else 'nothing'}."
            ),
            lambda a, r: " ".join(f"The {x['device']} is {x['power']} and draws {x['watts']} watts when it runs." for x in r["devices"]),
        ),
    )
    def list_room_devices(self, room: Room) -> RoomDevices:
        """List the devices in a room, whether each is on, and its power draw in watts."""
        self._room(room)
        found = [
            DeviceSummary(device=name, power=x["power"], watts=x["watts"]) for name, x in self.state["devices"].items() if x["room"] == room
        ]
        require(found, f"No device is connected in the {room}.")
        return {"room": room, "devices": found}

    @tool(
        asks=(
            "check how warm it is in {room}",
            "read the thermostat in {room}",
            "look at the temperature and humidity in {room}",
            "find out the temperature and heating target in {room}",
            "see whether the heating target in {room} was reached",
        ),
        questions=(
            "What's the climate like in {room} right now?",
            "Is it comfortable in {room}?",
            "It feels a bit stuffy in {room} — what do the sensors say?",
            "What does the thermostat show for {room}?",
        ),
        noun="reading",
        deed="read the climate of a room",
        tells=(
            lambda a, r: (
                f"The {r['room']} is at {number(r['temperature'])} degrees with {r['humidity_percent']} percent humidity; the heating is set to {number(r['target_temperature'])}."
            ),
            lambda a, r: (
                f"It's {number(r['temperature'])} degrees in the {r['room']}, {'below' if r['temperature'] < r['target_temperature'] else 'at or above'} the target of {number(r['target_temperature'])}. Humidity stands at {r['humidity_percent']} percent."
            ),
            lambda a, r: (
                f"Sensors in the {r['room']} show {number(r['temperature'])} degrees and {r['humidity_percent']} percent humidity, with a heating target of {number(r['target_temperature'])} degrees."
            ),
        ),
    )
    def read_room_climate(self, room: Room) -> RoomClimate:
        """Read a room's temperature in degrees Celsius, its heating target and its humidity."""
        x = self._room(room)
        return RoomClimate(
            room=room, temperature=x["temperature"], target_temperature=x["target_temperature"], humidity_percent=x["humidity_percent"]
        )

    @tool(
        asks=(
            "check on {device} for me",
            "find out the state of {device} and the power used today",
            "look up the consumption of {device} for today",
            "tell me if there's a timer running on {device}",
            "get a status report on {device}",
        ),
        questions=(
            "Did I leave {device} running?",
            "How much electricity went into {device} today?",
            "Did anyone set a timer on {device}?",
            "I can't see {device} from here — on or off?",
        ),
        noun="status",
        deed="check on a device",
        tells=(
            lambda a, r: (
                f"The {r['device']} is {r['power']} and has used {number(r['energy_today_kwh'])} kWh today"
                + (f"; it will switch off at {clock(r['switches_off_at'])}." if r["switches_off_at"] else ", with no timer set.")
            ),
            lambda a, r: (
                f"Right now the {r['device']} is switched {r['power']}. It draws {r['watts']} watts when running and comes to {number(r['energy_today_kwh'])} kWh so far today."
                + (f" Its timer ends at {clock(r['switches_off_at'])}." if r["switches_off_at"] else " There's no timer on it.")
            ),
            lambda a, r: (
                f"Today's consumption of the {r['device']} is {number(r['energy_today_kwh'])} kWh. It is {r['power']} at the moment"
                + (f" and goes off at {clock(r['switches_off_at'])}." if r["switches_off_at"] else ", without a timer.")
            ),
        ),
    )
    def inspect_device(self, device: Device) -> DeviceReport:
        """Report whether a device is on, its power draw, today's energy use and its running timer."""
        x = self._device(device)
        return DeviceReport(
            device=device,
            room=x["room"],
            power=x["power"],
            watts=x["watts"],
            energy_today_kwh=round(x["daily_kwh"] * DAY_SO_FAR, 2),
            switches_off_at=x["switches_off_at"],
        )

    @tool(
        asks=(
            "rank our appliances by the electricity they used[ {period}]",
            "show me the biggest power guzzlers at home {period}",
            "work out which devices cost the most to run {period}",
            "break down the electricity costs at home[ for {period}]",
            "list the five thirstiest appliances {period}",
        ),
        questions=(
            "Which appliances have been eating the most electricity {period}?",
            "Our power bill worries me: where did the energy go {period}?",
            "What has cost us the most electricity at home {period}?",
            "Where is all our electricity going {period}?",
        ),
        things=("device on the list of power guzzlers {period}", "appliance among our top energy users {period}"),
        noun="energy user",
        deed="rank devices by energy use",
        tells=(
            lambda a, r: (
                f"{r['period'].capitalize()}, the {r['devices'][0]['device']} used the most: {number(r['devices'][0]['energy_kwh'])} kWh, about {money(r['devices'][0]['cost'])}. After it {'come' if len(r['devices']) > 2 else 'comes'} {listing(['the ' + x['device'] + ' with ' + number(x['energy_kwh']) + ' kWh (' + money(x['cost']) + ')' for x in r['devices'][1:]])}."
            ),
            lambda a, r: (
                f"The top energy users {r['period']} are {listing(['the ' + x['device'] + ' (' + number(x['energy_kwh']) + ' kWh, ' + money(x['cost']) + ')' for x in r['devices']], limit=5)}."
            ),
            lambda a, r: (
                f"The largest share of the electricity {r['period']} went into the {r['devices'][0]['device']}, at {money(r['devices'][0]['cost'])}. The next on the list: {listing([x['device'] + ' at ' + money(x['cost']) for x in r['devices'][1:]])}."
            ),
        ),
    )
    def rank_energy_users(self, period: Annotated[Period, Argument(description="Period to add up.", noun="period")]) -> EnergyRanking:
        """Rank the five devices that used the most electricity in a period, with kWh and cost in dollars."""
        days = {"today": DAY_SO_FAR, "this week": self.today.weekday() + DAY_SO_FAR, "this month": self.today.day - 1 + DAY_SO_FAR}.get(
            period
        )
        require(days, "Energy use is kept for today, this week and this month.")
        assert days is not None
        shares = [(round(x["daily_kwh"] * days, 2), name) for name, x in self.state["devices"].items()]
        top = sorted(shares, key=lambda share: (-share[0], share[1]))[:5]
        return {
            "period": period,
            "devices": [EnergyShare(device=name, energy_kwh=kwh, cost=round(kwh * PRICE_PER_KWH, 2)) for kwh, name in top],
        }

    @tool(
        asks=(
            "go over the routines that are set up at home",
            "show me what our house does automatically and when",
            "list all the automations we have scheduled",
            "read out the home routines with their starting times",
            "check which routines are programmed",
        ),
        questions=(
            "What automations are running at home these days?",
            "Which routines have we got, and when do they start?",
            "Something keeps switching by itself; what routines are set?",
            "When do our home routines kick in?",
        ),
        things=("home routine of ours", "routine we have scheduled at home"),
        noun="routine",
        deed="list the home routines",
        tells=(
            lambda a, r: (
                f"You have {plural(len(r['routines']), 'routine')}: {listing([x['routine'] + ' at ' + clock(x['start_time']) + ' (' + x['days'] + ')' for x in r['routines']], limit=6)}."
            ),
            lambda a, r: " ".join(
                f"{x['routine']} means {x['effect']} in the {x['room']} at {clock(x['start_time'])}, {x['days']}." for x in r["routines"]
            ),
            lambda a, r: (
                f"Programmed so far: {listing([x['routine'] + ' (' + x['effect'] + ' in the ' + x['room'] + ' at ' + clock(x['start_time']) + ', ' + x['days'] + ')' for x in sorted(r['routines'], key=lambda x: x['start_time'])], limit=6)}."
            ),
        ),
    )
    def list_home_routines(self) -> RoutineList:
        """List the scheduled routines of the home with room, effect, starting time and days."""
        found = [
            Routine(routine=name, room=x["room"], effect=x["effect"], start_time=x["start_time"], days=x["days"])
            for name, x in self.state["routines"].items()
        ]
        require(found, "No routines are set up.")
        return {"routines": found}

    @tool(
        asks=(
            "set the lights in {room} to {brightness}[ with {tone}]",
            "change the light level in {room}[ to {brightness}][, with {tone}]",
            "bring the lamps in {room} to {brightness}[ and give them {tone}]",
            "adjust the lighting in {room}[ to {brightness}][, with {tone}]",
            "light {room} at {brightness}[, in {tone}]",
        ),
        questions=(
            "The light in {room} isn't right; {brightness} would be better[, and {tone}].",
            "I'd find {brightness} about right for the lamps in {room}[, in {tone}].",
            "Would you have the lamps in {room} at {brightness}[ and use {tone}]?",
            "For {room}, lights at {brightness}[ and {tone}], please.",
        ),
        noun="light setting",
        deed="adjust the lights",
        tells=(
            lambda a, r: f"The lights in the {r['room']} are now at {r['brightness']} percent with a {r['tone']} tone.",
            lambda a, r: f"Done — {r['tone']} light at {r['brightness']} percent in the {r['room']}.",
            lambda a, r: f"I set the {r['room']} to {r['brightness']} percent brightness; the colour tone is {r['tone']}.",
        ),
    )
    def adjust_room_lights(
        self,
        room: Room,
        brightness: Annotated[
            int,
            Argument(
                description="Brightness in percent, 1 to 100.", noun="brightness", word="{} percent", low=1, high=100, pick=_brightness
            ),
        ],
        tone: Annotated[
            Tone | None, Argument(description="Colour tone of the light; unchanged when left out.", noun="colour tone", word="a {} tone")
        ] = None,
    ) -> LightSetting:
        """Set the brightness and, if wanted, the colour tone of the lights in a room."""
        x = self._room(room)
        require(1 <= brightness <= 100, "Brightness goes from 1 to 100 percent.")
        x["brightness"], x["tone"] = brightness, tone or x["tone"]
        return LightSetting(room=room, brightness=brightness, tone=x["tone"])

    @tool(
        asks=(
            "heat {room} to {target_temperature}",
            "set the heating in {room}[ to {target_temperature}]",
            "turn the thermostat in {room} to {target_temperature}",
            "keep {room} at {target_temperature} from now on",
            "have the radiators bring {room} to {target_temperature}",
        ),
        questions=(
            "We'd be happier with {target_temperature} in {room}.",
            "The temperature in {room} bothers me, so go for {target_temperature}.",
            "Please let the heating hold {target_temperature} in {room}.",
            "How about {target_temperature} for {room}, starting now?",
        ),
        noun="heating target",
        deed="set the heating of a room",
        tells=(
            lambda a, r: (
                f"The heating in the {r['room']} now aims for {number(r['target_temperature'])} degrees instead of {number(r['previous_target'])}"
                + (f" and should get there in about {plural(r['minutes_to_reach'], 'minute')}." if r["minutes_to_reach"] else ".")
            ),
            lambda a, r: (
                f"I've changed the {r['room']} from {number(r['previous_target'])} to {number(r['target_temperature'])} degrees. "
                + (
                    f"Give it roughly {plural(r['minutes_to_reach'], 'minute')}."
                    if r["minutes_to_reach"]
                    else "It is warm enough already, so the radiators stay off."
                )
            ),
            lambda a, r: (
                f"New target for the {r['room']}: {number(r['target_temperature'])} degrees (it was {number(r['previous_target'])})."
                + (f" Expect it to be reached in {plural(r['minutes_to_reach'], 'minute')}." if r["minutes_to_reach"] else "")
            ),
        ),
    )
    def set_room_heating(
        self,
        room: Room,
        target_temperature: Annotated[
            float,
            Argument(
                description="Target in degrees Celsius, 12 to 26.", noun="temperature", word="{} degrees", low=12, high=26, pick=_target
            ),
        ],
    ) -> HeatingSetting:
        """Set the heating target of a room and estimate the minutes until it is reached."""
        x = self._room(room)
        require(12 <= target_temperature <= 26, "The heating can be set from 12 to 26 degrees.")
        previous = x["target_temperature"]
        x["target_temperature"] = float(target_temperature)
        minutes = max(0, round((target_temperature - x["temperature"]) * 14))
        return HeatingSetting(room=room, previous_target=previous, target_temperature=float(target_temperature), minutes_to_reach=minutes)

    @tool(
        asks=(
            "turn {device} {power}",
            "switch {power} {device}",
            "make sure to switch {power} {device}",
            "have {device} turned {power} right away",
            "set {device} to {power}",
        ),
        questions=(
            "I'm out and would like {device} to be {power}.",
            "Better have {device} switched {power} now.",
            "Could somebody turn {power} {device}, as I'm not at home?",
            "Kindly see to it that we have {device} {power}.",
        ),
        noun="switched device",
        deed="switch a device on or off",
        tells=(
            lambda a, r: f"The {r['device']} is now {r['power']}.",
            lambda a, r: f"I've switched the {r['device']} {r['power']}.",
            lambda a, r: f"Over in the {r['room']}, the {r['device']} has been turned {r['power']}.",
        ),
    )
    def switch_device(
        self,
        device: Device,
        power: Annotated[Power, Argument(description="Whether the device should be on or off.", noun="setting", pick=_power)],
    ) -> DeviceSwitch:
        """Switch a device on or off; this also clears its timer."""
        x = self._device(device)
        require(power in ("on", "off"), "A device can be switched on or off.")
        require(x["power"] != power, f"The {device} is already {power}.")
        x["power"], x["switches_off_at"] = power, None
        return DeviceSwitch(device=device, room=x["room"], power=power)

    @tool(
        asks=(
            "run {device} for {minutes} and then switch off again",
            "let {device} go for {minutes}",
            "put {device} on a timer[ of {minutes}]",
            "start {device} and stop again after {minutes}",
            "give {device} {minutes} and no more",
        ),
        questions=(
            "I need {device} on, but only for {minutes}.",
            "Let's have {device} running for {minutes}, then off.",
            "Would you leave {device} on for {minutes} and no longer?",
            "Starting now, let {device} run and shut off after {minutes}.",
        ),
        noun="timer",
        deed="run a device on a timer",
        tells=(
            lambda a, r: (
                f"The {r['device']} is running and will switch off at {clock(r['switches_off_at'])}, in {plural(r['minutes'], 'minute')}."
            ),
            lambda a, r: f"Timer set: {plural(r['minutes'], 'minute')} for the {r['device']}, which ends at {clock(r['switches_off_at'])}.",
            lambda a, r: f"I started the {r['device']}; it goes off by itself at {clock(r['switches_off_at'])}.",
        ),
    )
    def run_device_for(
        self,
        device: Device,
        minutes: Annotated[
            int,
            Argument(
                description="Minutes until it switches off, 5 to 240.",
                noun="number of minutes",
                word="{} minute(s)",
                low=5,
                high=240,
                choices=(10, 15, 20, 25, 30, 40, 45, 60, 75, 90, 120),
            ),
        ],
    ) -> DeviceTimer:
        """Start a device now and switch it off by itself after a number of minutes."""
        x = self._device(device)
        require(5 <= minutes <= 240, "A timer can run for 5 to 240 minutes.")
        ends = datetime.fromisoformat(f"{self.state['today']}T{self.state['now']}") + timedelta(minutes=minutes)
        x["power"], x["switches_off_at"] = "on", f"{ends:%H:%M}"
        return DeviceTimer(device=device, minutes=minutes, switches_off_at=x["switches_off_at"])

    @tool(
        asks=(
            "set up a routine called {routine} that means {effect} in {room} at {start_time} every day",
            "program a new routine, {routine}, with {effect} in {room}[ at {start_time}]",
            "automate {room} with {effect}[ at {start_time} each day], under the name {routine}",
            "schedule {effect} for {room}[ daily at {start_time}], and save it as {routine}",
            "add an automation named {routine} for {effect} in {room}[, starting at {start_time}]",
        ),
        questions=(
            "From now on there should be {effect} in {room} at {start_time}; name that routine {routine}.",
            "We could use a routine named {routine}: {effect} in {room} at {start_time}.",
            "Let {room} have {effect} at {start_time} by itself, as a routine called {routine}.",
        ),
        noun="routine",
        deed="set up a routine",
        tells=(
            lambda a, r: f"The {r['routine']} routine is set: {r['effect']} in the {r['room']} at {clock(r['start_time'])}, {r['days']}.",
            lambda a, r: f"I've saved {r['routine']}. At {clock(r['start_time'])} ({r['days']}) it means {r['effect']} in the {r['room']}.",
            lambda a, r: (
                f"From now on the {r['room']} gets {r['effect']} at {clock(r['start_time'])}, {r['days']}; the routine is called {r['routine']}."
            ),
        ),
    )
    def program_routine(
        self,
        room: Room,
        routine: Annotated[
            str, Argument(description="Name for the new routine.", noun="name for the routine", kind="text", pick=_new_routine)
        ],
        effect: Annotated[RoutineEffect, Argument(description="What happens in the room.", noun="action", pick=_effect)],
        start_time: StartTime,
    ) -> Routine:
        """Program a new daily routine that changes the lights or heating of a room at a time of day."""
        self._room(room)
        require(routine not in self.state["routines"], f"A routine called {routine!r} exists already.")
        require(effect in EFFECTS, f"A routine can do one of: {', '.join(EFFECTS)}.")
        self.state["routines"][routine] = {"room": room, "effect": effect, "start_time": start_time, "days": "every day"}
        return Routine(routine=routine, room=room, effect=effect, start_time=start_time, days="every day")

    @tool(
        asks=(
            "move {routine} to {start_time}[, {days}]",
            "let {routine} begin at {start_time}[ and run {days}]",
            "change the starting time of {routine}[ to {start_time}][, running {days}]",
            "shift {routine} to kick in at {start_time}[, {days}]",
            "reschedule {routine}[ for {start_time}][, {days} from now on]",
        ),
        questions=(
            "Our days have changed, so {routine} should start at {start_time}[, {days}].",
            "Starting {routine} at {start_time} would suit us better[, {days}].",
            "Could {routine} start at {start_time}[, {days}]?",
            "To fit in with our days, have {routine} start at {start_time}[, {days}].",
        ),
        noun="routine",
        deed="reschedule a routine",
        tells=(
            lambda a, r: f"The {r['routine']} routine now starts at {clock(r['start_time'])}, {r['days']}.",
            lambda a, r: f"Rescheduled: {r['routine']} ({r['effect']} in the {r['room']}) runs at {clock(r['start_time'])}, {r['days']}.",
            lambda a, r: (
                f"I've moved {r['routine']} to {clock(r['start_time'])}; it runs {'every day' if r['days'] == 'every day' else 'on ' + r['days']}."
            ),
        ),
    )
    def reschedule_routine(
        self,
        routine: RoutineName,
        start_time: StartTime,
        days: Annotated[Days | None, Argument(description="New days it runs on; unchanged when left out.", noun="days")] = None,
    ) -> Routine:
        """Change the starting time and, if wanted, the days of an existing routine."""
        x = self._routine(routine)
        require(x["start_time"] != start_time or days not in (None, x["days"]), f"{routine} already starts at {start_time}.")
        x["start_time"], x["days"] = start_time, days or x["days"]
        return Routine(routine=routine, room=x["room"], effect=x["effect"], start_time=x["start_time"], days=x["days"])
