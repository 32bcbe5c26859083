"""Rule-made wrong turns of the five kinds (paper, section 3.4), for when no student is at hand.

A corruption proposes edits of one turn, in an order drawn from the row's id and the kind of mistake; each is carried
out in the real environment, and the first whose turn is really wrong, in the way that was meant, is kept. What the
environment accepts is preferred to what it refuses: a plausible mistake goes unnoticed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from random import Random

from magnet_ray.errors import Rejected
from magnet_ray.json_paths import expand, leaves
from magnet_ray.negatives.playback import Edits, play
from magnet_ray.negatives.turn_errors import classify
from magnet_ray.negatives.wrong_summaries import wrong_replies
from magnet_ray.rollouts.acceptance import turn_verdicts
from magnet_ray.rollouts.replays import Replay, outputs_of, turns_of
from magnet_ray.rollouts.rollout import Rollout, World
from magnet_ray.types import Category, ErrorType, FailureReason, FunctionSpec, JsonValue, Origin, Trajectory, canonical, parsed
from magnet_ray.wording import says

TRIES = 16
"""Edits of one kind that are carried out before a row is given up."""
SUBSTITUTES = 4
"""Offered functions that are called in place of a missing one."""
DRAWS = 6
"""Values drawn for one parameter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corruption:
    """A row with one wrong turn, carried on to its end."""

    turn: int
    """Index of the wrong turn."""
    error_type: ErrorType
    """What is wrong with it."""
    rollout: Rollout
    """The conversation with the mistake."""
    detail: str
    """One line for a reader."""


def kinds_for(row: Trajectory) -> tuple[ErrorType, ...]:
    """The mistakes that a row offers a place for."""
    reference = parsed(row.reference_calls)
    found = {
        ErrorType.NESTED_MISSING: any(call["nested"] for calls in reference for call in calls),
        ErrorType.SHORT_DEPENDENCY: bool(_dependencies(row, long=False)),
        ErrorType.LONG_DEPENDENCY: bool(_dependencies(row, long=True)),
        ErrorType.WRONG_SUMMARY: any(reference),
        ErrorType.MISS_NOT_RECOGNISED: not all(reference),
    }
    return tuple(kind for kind, place in found.items() if place)


def corrupt(row: Trajectory, error_type: ErrorType, world: World) -> Corruption:
    """A conversation that goes wrong in the asked-for way.

    Args:
        row: a right conversation.
        error_type: the mistake to make.
        world: functions and environments.

    Raises:
        Rejected: NOT_WRONG, when the row offers no place for the mistake or nothing that was tried is wrong;
            ENVIRONMENT_FAULT.
    """
    rng = Random(f"{row.id}/{error_type.value}")
    refused: Corruption | None = None
    tried = 0
    for edits in PROPOSALS[error_type](row, world, rng):
        tried += 1
        made = _carried_out(row, error_type, edits, world)
        if made and all(call.accepted for call in made.rollout.turns[made.turn].calls):
            return made
        refused = refused or made
        if tried == TRIES:
            break
    if refused is None:
        raise Rejected(FailureReason.NOT_WRONG, f"no {error_type.value} can be made of this row ({tried} edits tried)")
    return refused


def _carried_out(row: Trajectory, error_type: ErrorType, edits: Edits, world: World) -> Corruption | None:
    """The corruption that edits lead to, or None when the turn is right after all or wrong in another way."""
    rollout = play(row, edits, world)
    error = next(iter(classify(row, rollout, turn_verdicts(row, rollout, world))), None)
    if error is None or error.turn != edits.turn or error.error_type is not error_type:
        return None
    return Corruption(turn=error.turn, error_type=error_type, rollout=rollout, detail=error.detail)


# Where a mistake can be made


Site = tuple[int, int, str]
"""(turn, call, parameter)."""


def _dependencies(row: Trajectory, *, long: bool) -> list[Site]:
    """Arguments that come from outputs: of earlier turns, or of their own."""
    return [
        (turn, number, name)
        for turn, calls in enumerate(parsed(row.provenance))
        for number, origins in enumerate(calls)
        for name, origin in origins.items()
        if origin["origin"] == Origin.OUTPUT and (origin["turn"] < turn) is long
    ]


def _nested_missing(row: Trajectory, world: World, rng: Random) -> Iterator[Edits]:
    """A nested call left out; what depended on it is called with another value."""
    reference, provenance = parsed(row.reference_calls), parsed(row.provenance)
    sites = [(turn, number) for turn, calls in enumerate(reference) for number, call in enumerate(calls) if call["nested"]]
    for turn, number in rng.sample(sites, len(sites)):
        dependants = [
            (turn, other, name)
            for other, origins in enumerate(provenance[turn])
            for name, origin in origins.items()
            if (origin["origin"], origin["turn"], origin.get("call")) == (Origin.OUTPUT, turn, number)
        ]
        if not dependants:
            if len(reference[turn]) > 1:
                yield Edits(turn=turn, skipped=frozenset({number}))
            continue
        for values in _together(row, dependants, world, rng):
            yield Edits(turn=turn, skipped=frozenset({number}), values=values)


def _together(
    row: Trajectory, sites: list[Site], world: World, rng: Random, at: int | None = None
) -> Iterator[dict[tuple[int, str], JsonValue]]:
    """Wrong values for several arguments of a turn; arguments that were the same stay the same."""
    references = parsed(row.reference_calls)
    said = {site: canonical(references[site[0]][site[1]]["arguments"][site[2]]) for site in sites}
    first = {text: site for site, text in reversed(said.items())}
    drawn = {text: _drawn(row, site, world, rng, at) for text, site in first.items()}
    for choice in range(min(map(len, drawn.values()), default=0)):
        yield {(site[1], site[2]): drawn[text][choice] for site, text in said.items()}


def _short_dependency(row: Trajectory, world: World, rng: Random) -> Iterator[Edits]:
    """An argument out of this turn's outputs replaced by another value of its kind."""
    yield from _broken(row, _dependencies(row, long=False), world, rng)


def _long_dependency(row: Trajectory, world: World, rng: Random) -> Iterator[Edits]:
    """An argument out of an earlier turn's outputs replaced by another value of its kind."""
    yield from _broken(row, _dependencies(row, long=True), world, rng)


def _broken(row: Trajectory, sites: list[Site], world: World, rng: Random) -> Iterator[Edits]:
    for site in rng.sample(sites, len(sites)):
        turn, number, name = site
        calls, near = parsed(row.reference_calls)[turn], _shown(row, site)
        for value in [*rng.sample(near, len(near))[:DRAWS], *_drawn(row, site, world, rng)]:
            wrong = {**calls[number], "arguments": {**calls[number]["arguments"], name: value}}
            # Making another call of the turn twice over would be no plausible mistake.
            if wrong not in calls:
                yield Edits(turn=turn, values={(number, name): value})


def _shown(row: Trajectory, site: Site) -> list[JsonValue]:
    """Other values that the conversation showed for the same thing: beside it in its list, or under the same name elsewhere."""
    turn, number, name = site
    reference = parsed(row.reference_calls)[turn][number]["arguments"][name]
    origin = parsed(row.provenance)[turn][number][name]
    outputs = outputs_of(row)
    source = outputs.get((origin["turn"], origin["call"]))
    field = re.sub(r"\[\d+\]", "[]", origin["path"])
    found = [value for _, value in expand(source, field)]
    last = field.rpartition(".")[2]
    for place in sorted(outputs):
        if place <= (turn, number) and last not in {"$", "[]"}:
            found += [value for path, value in leaves(outputs[place]) if re.sub(r"\[\d+\]", "[]", path).rpartition(".")[2] == last]
    return _others(found, reference)


def _drawn(row: Trajectory, site: Site, world: World, rng: Random, at: int | None = None) -> list[JsonValue]:
    """Other values that a user could have meant, drawn from the state before turn `at` (the site's own by default)."""
    turn, number, name = site
    call = parsed(row.reference_calls)[turn][number]
    with _before(row, turn if at is None else at, world) as replay:
        draws = [_draw(replay, world.pool.spec(call["name"]), name, call["arguments"], rng) for _ in range(DRAWS)]
    return _others(draws, call["arguments"][name])


def _before(row: Trajectory, turn: int, world: World) -> Replay:
    """The conversation up to the beginning of a turn."""
    replay = Replay(row, world)
    for said in turns_of(parsed(row.messages))[1 : turn + 1]:
        replay.as_said(said)
    return replay


def _draw(replay: Replay, spec: FunctionSpec, name: str, arguments: Mapping[str, JsonValue], rng: Random) -> JsonValue | None:
    """A value for a parameter beside the other arguments, or None when none can be thought of."""
    try:
        return replay.draw(spec, name, {other: value for other, value in arguments.items() if other != name}, rng)
    except Rejected as rejected:
        if rejected.reason is not FailureReason.NO_VALUE:
            raise
        return None


def _others(values: list[JsonValue], reference: JsonValue) -> list[JsonValue]:
    """Distinct values of the reference's type that are not it."""
    distinct = {canonical(value): value for value in values if type(value) is type(reference) and value != reference}
    return list(distinct.values())


# Replies


def _wrong_summary(row: Trajectory, world: World, rng: Random) -> Iterator[Edits]:
    """A closing message with a value that no output holds, or without a part that was asked for."""
    turns = [turn for turn, calls in enumerate(parsed(row.reference_calls)) if calls]
    for turn in rng.sample(turns, len(turns)):
        for reply in wrong_replies(row, turn, world, rng):
            yield Edits(turn=turn, reply=reply)


# Misses


def _miss_not_recognised(row: Trajectory, world: World, rng: Random) -> Iterator[Edits]:
    """A turn that lacks something carried out: with a function of the offered ones, or with an invented value."""
    reference = parsed(row.reference_calls)
    turns = [turn for turn, calls in enumerate(reference) if not calls]
    for turn in rng.sample(turns, len(turns)):
        if row.category is Category.MISS_PARAMS and turn + 1 < len(reference):
            yield from _invented(row, turn, world, rng)
        yield from _substituted(row, turn, world, rng)


def _invented(row: Trajectory, turn: int, world: World, rng: Random) -> Iterator[Edits]:
    """The calls of the next turn made at once, with a value for what the user has yet to give."""
    late = [
        (turn + 1, number, name)
        for number, origins in enumerate(parsed(row.provenance)[turn + 1])
        for name, origin in origins.items()
        if (origin["origin"], origin["turn"]) == (Origin.QUERY, turn + 1)
    ]
    for values in _together(row, late, world, rng, at=turn):
        yield Edits(turn=turn, plan=turn + 1, values=values)


def _substituted(row: Trajectory, turn: int, world: World, rng: Random) -> Iterator[Edits]:
    """A call of an offered function that sounds like the request, with the values that were said where it takes them."""
    query = turns_of(parsed(row.messages))[turn + 1][0]["content"]
    offered = [world.pool.spec(tool["function"]["name"]) for tool in parsed(row.tools)]
    alike = sorted(offered, key=lambda spec: (-len(_stems(query) & _stems(f"{spec.name} {spec.description}")), spec.name))
    following = (parsed(row.reference_calls)[turn + 1 :] or [[]])[0]
    said = {name: value for call in following for name, value in call["arguments"].items()}
    for spec in alike[:SUBSTITUTES]:
        with _before(row, turn, world) as replay:
            arguments = _arguments(replay, spec, said, query, rng)
        if arguments is not None:
            yield Edits(turn=turn, calls=((spec.name, arguments),))


def _arguments(replay: Replay, spec: FunctionSpec, said: Mapping[str, JsonValue], query: str, rng: Random) -> dict[str, JsonValue] | None:
    """Arguments of a call that nobody asked for: what was said, else what could have been; None when nothing fits."""
    arguments: dict[str, JsonValue] = {}
    for name in spec.required:
        draws = [_draw(replay, spec, name, arguments, rng) for _ in range(DRAWS)]
        values = [value for value in (said.get(name), *draws) if value is not None]
        if not values:
            return None
        arguments[name] = next((value for value in values if says(query, value)), values[0])
    return arguments


def _stems(text: str) -> frozenset[str]:
    """Beginnings of the longer words of a text."""
    return frozenset(word[:5] for word in re.findall(r"[a-z]{4,}", text.lower()))


PROPOSALS: Mapping[ErrorType, Callable[[Trajectory, World, Random], Iterator[Edits]]] = {
    ErrorType.NESTED_MISSING: _nested_missing,
    ErrorType.SHORT_DEPENDENCY: _short_dependency,
    ErrorType.LONG_DEPENDENCY: _long_dependency,
    ErrorType.WRONG_SUMMARY: _wrong_summary,
    ErrorType.MISS_NOT_RECOGNISED: _miss_not_recognised,
}
"""Kind of mistake -> the edits that make it, the likeliest first."""
