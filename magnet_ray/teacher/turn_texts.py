"""A turn as a prompt shows it: the conversation so far, the planned calls with what is to be said of each value, the results.

Turns and calls are counted from 1 here, as models count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from magnet_ray.json_paths import split_path
from magnet_ray.teacher.base import PlannedCall, TurnRequest
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.teacher.turn_clauses import forms_of
from magnet_ray.types import ArgumentOrigin, FunctionSpec, JsonValue, Origin, TranslatedTurn, compact, parsed
from magnet_ray.wording import listing

SHORT: Final = 300
"""Characters of an output in the conversation so far, where it only reminds."""
WHOLE: Final = 6_000
"""Characters of an output that values are looked up in."""
FORMS: Final = 4
"""Forms of a value that are offered."""
NOTHING: Final = "(nothing yet)"


def shortened(text: str, limit: int) -> str:
    """A text of at most about `limit` characters, with a mark where it was cut."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text) - limit} more characters)"


def history_text(history: Iterable[TranslatedTurn], limit: int) -> str:
    """Earlier turns: what was said, and the calls with outputs of at most `limit` characters; 0 leaves the calls out."""
    lines: list[str] = []
    for number, turn in enumerate(history, 1):
        lines.append(f"Turn {number}\nPerson: {turn.query}")
        if limit:
            lines += [f"{call.function}({call.arguments}) -> {shortened(call.output, limit)}" for call in turn.calls]
        lines.append(f"Assistant: {turn.reply}")
    return "\n".join(lines) or NOTHING


def calls_text(request: TurnRequest) -> str:
    """The planned calls, with what is to be said of each value."""
    return "\n".join(_call_text(number, call, request) for number, call in enumerate(request.calls, 1))


def _call_text(number: int, call: PlannedCall, request: TurnRequest) -> str:
    hidden = " (UNMENTIONED)" if call.nested else ""
    lines = [f"Call {number}{hidden}: {call.spec.name}: {_one_line(call.spec.description)}"]
    for name in call.arguments:
        what = _one_line(str(call.spec.properties.get(name, {}).get("description", "")))
        lines.append(f"  - {name}{f' ({what})' if what else ''}: {_instruction(call, name, request)}")
    if call.nested:
        lines.append(f"  Its result: {shortened(compact(call.output), WHOLE // 4)}")
    return "\n".join(lines)


def _instruction(call: PlannedCall, name: str, request: TurnRequest) -> str:
    """What to do about one value."""
    if is_withheld(call, name, request):
        return "FORGET"
    value, origin = call.arguments[name], call.origins[name]
    match origin.origin:
        case Origin.QUERY:
            return _say(call, name, request.today)
        case Origin.EARLIER_QUERY:
            return f"KNOWN from an earlier message: {compact(value)}"
        case Origin.OUTPUT:
            return f"REFER to {compact(value)}, {_place(origin, request)}"
    return "SILENT"


def is_withheld(call: PlannedCall, name: str, request: TurnRequest) -> bool:
    """Whether the user forgets to give this value."""
    return request.withheld is not None and request.calls[request.withheld[0]].step == call.step and request.withheld[1] == name


def _say(call: PlannedCall, name: str, today: str) -> str:
    value = call.arguments[name]
    if isinstance(value, bool):
        return f"SAY in your own words that this is {'' if value else 'not '}wanted"
    return f"SAY {forms_text(call, name, today)}"


def forms_text(call: PlannedCall, name: str, today: str) -> str:
    """The forms that a value may take in words."""
    forms = list(dict.fromkeys(forms_of(call, name, today)))[:FORMS]
    return listing([f"`{form}`" for form in forms], conjunction="or")


def _place(origin: ArgumentOrigin, request: TurnRequest) -> str:
    """Where an output's value stands, with the item around it."""
    if origin.turn == request.turn and origin.call < len(request.calls):
        source = request.calls[origin.call]
        where, output = f"in the result of call {origin.call + 1}", source.output
    else:
        earlier = request.history[origin.turn].calls[origin.call]
        where, output = f"in the result of {earlier.function} in turn {origin.turn + 1}", parsed(earlier.output)
    item = _item(output, origin.path)
    return f"at {origin.path} {where}" + (f": {shortened(compact(item), SHORT)}" if item is not None else "")


def _item(output: JsonValue, path: str) -> JsonValue:
    """The list item that a path leads through, or None."""
    parts = split_path(path)
    last = max((place for place, part in enumerate(parts) if isinstance(part, int)), default=-1)
    if last < 0 or last == len(parts) - 1:
        return None
    try:
        found: JsonValue = output
        for part in parts[: last + 1]:
            found = found[part]
    except (KeyError, IndexError, TypeError):
        return None
    return found


def functions_text(specs: Iterable[FunctionSpec]) -> str:
    """Functions as JSON, one a line, each once."""
    unique: Mapping[str, FunctionSpec] = {spec.name: spec for spec in specs}
    return "\n".join(compact(spec.as_tool()["function"]) for spec in unique.values())


def known_results_text(request: TurnRequest) -> str:
    """Results of this turn's calls that its other calls take values from."""
    used = {
        origin.call
        for call in request.calls
        for origin in call.origins.values()
        if origin.origin is Origin.OUTPUT and origin.turn == request.turn
    }
    lines = [
        f"{call.spec.name} gave {shortened(compact(call.output), WHOLE)}"
        for index, call in enumerate(request.calls)
        if index in used or call.nested
    ]
    return "\n".join(lines) or "(none)"


def results_text(request: TurnRequest) -> str:
    """All calls of the turn with their results."""
    return "\n".join(f"{call.spec.name}({compact(call.arguments)}) -> {shortened(compact(call.output), WHOLE)}" for call in request.calls)


def query_text(request: TurnRequest) -> str:
    """What the user said for the calls; what it was about where the words are not known."""
    return request.query or f"(a request to {deeds(request)})"


def deeds(request: TurnRequest, conjunction: str = "and") -> str:
    """What the calls that are asked for would do: `book tables and cancel bookings`."""
    asked = [call for call in request.calls if not call.nested] or list(request.calls)
    return listing(list(dict.fromkeys(phrases_of(call.spec).deed for call in asked)), limit=3, conjunction=conjunction)


def missing_text(call: PlannedCall, parameter: str) -> str:
    """A parameter as a person calls it, with its description."""
    what = _one_line(str(call.spec.properties.get(parameter, {}).get("description", "")))
    return f"{phrases_of(call.spec).noun_of(parameter)}{f' ({what})' if what else ''}"


def _one_line(text: str) -> str:
    return shortened(" ".join(text.split()), SHORT)
