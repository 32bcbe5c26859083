"""A row carried on with one wrong turn: its calls are executed for real, and what comes back shapes the rest of the conversation.

Everything before the wrong turn is the row's, word for word. From there on the reference's calls are made in the world
as the mistake left it: arguments out of earlier outputs are looked up in the outputs that really came, and replies are
worded from what was really answered. The same row and the same edits give the same rollout.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any, Final

from magnet_ray.at_once import at_once
from magnet_ray.errors import Rejected
from magnet_ray.json_paths import value_at
from magnet_ray.rollouts.replays import Place, Replay, calls_in, outputs_of, turns_of
from magnet_ray.rollouts.rollout import RolledCall, Rollout, World
from magnet_ray.teacher.base import PlannedCall, TurnRequest
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.types import JsonValue, Origin, Trajectory, canonical, compact, parsed

REFUSED: Final = ("That didn't go through: {error}", "I couldn't do that: {error}", "Sorry, that was not possible: {error}")
"""How a refusal is told."""
NOTHING: Final = "I can't go on with that, because the step that it builds on did not go through."
"""What is said when no call of a turn can be made any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edits:
    """What is done wrong in one turn."""

    turn: int
    """The turn."""
    plan: int | None = None
    """Turn whose reference calls are made in it; None: its own."""
    skipped: frozenset[int] = frozenset()
    """Reference calls that are left out."""
    values: Mapping[tuple[int, str], JsonValue] = field(default_factory=dict)
    """(reference call, parameter) -> wrong value."""
    calls: tuple[tuple[str, Mapping[str, JsonValue]], ...] = ()
    """(function, arguments) of calls that are made instead of the reference's."""
    reply: str = ""
    """Closing message; empty: worded from the outputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Wanted:
    """A call to make."""

    name: str
    arguments: Mapping[str, JsonValue]
    place: Place | None = None
    nested: bool = False


def play(row: Trajectory, edits: Edits, world: World) -> Rollout:
    """The row with a wrong turn, to its end.

    Raises:
        Rejected: ENVIRONMENT_FAULT, or REPLAY_DIFFERS when the row's own calls no longer do what they did.
    """
    with Replay(row, world) as replay:
        return _Playback(row, replay).run(edits)


def told(made: Sequence[tuple[Mapping[str, Any], JsonValue]], row: Trajectory, world: World, rng: Random) -> str:
    """What (reference call, output) pairs found or did, in the template teacher's words; empty for none."""
    if not made:
        return ""
    specs = world.pool.by_name
    calls = tuple(
        PlannedCall(spec=specs[call["name"]], arguments=call["arguments"], origins={}, output=output, step=number, nested=call["nested"])
        for number, (call, output) in enumerate(made)
    )
    request = TurnRequest(record=row.id, turn=0, turns=1, calls=calls, history=(), specs=specs, today="", rng=rng)
    return at_once(TemplateTeacher().reply(request))


class _Playback:
    """One conversation with a mistake."""

    def __init__(self, row: Trajectory, replay: Replay) -> None:
        self.row, self.replay = row, replay
        self.reference: list[list[dict[str, Any]]] = parsed(row.reference_calls)
        self.provenance: list[list[dict[str, dict[str, Any]]]] = parsed(row.provenance)
        self.said = turns_of(parsed(row.messages))[1:]
        self.outputs: dict[Place, JsonValue] = {}
        self.refused: set[Place] = set()

    def run(self, edits: Edits) -> Rollout:
        """Play the row's turns, the wrong one, and the rest."""
        for said in self.said[: edits.turn]:
            self.replay.as_said(said)
        self.outputs = {place: output for place, output in outputs_of(self.row).items() if place[0] < edits.turn}
        self._turn(edits)
        for turn in range(edits.turn + 1, len(self.said)):
            self._turn(Edits(turn=turn))
        return self.replay.rollout()

    def _turn(self, edits: Edits) -> None:
        """A turn with its calls made anew."""
        self.replay.begin(self.said[edits.turn][0])
        made: list[tuple[_Wanted, RolledCall]] = []
        for level in self._levels(edits):
            ready = [call for item in level if (call := self._filled(item, edits))]
            if ready:
                made += zip(ready, self._round(ready), strict=True)
        self.replay.close(edits.reply or self._reply(edits.turn, made))

    # Calls

    def _levels(self, edits: Edits) -> list[list[_Wanted]]:
        """The turn's calls by round: a call waits for those of the turn whose outputs it uses."""
        if edits.calls:
            return [[_Wanted(name=name, arguments=arguments) for name, arguments in edits.calls]]
        plan = edits.turn if edits.plan is None else edits.plan
        levels: list[int] = []
        rounds: dict[int, list[_Wanted]] = {}
        for number, call in enumerate(self.reference[plan]):
            origins = self.provenance[plan][number].values()
            sources = {origin["call"] for origin in origins if origin["origin"] == Origin.OUTPUT and origin["turn"] == plan}
            after = [levels[source] + 1 for source in sources - edits.skipped if source < number]
            levels.append(max([*after, levels[-1] if levels else 0]))
            if number not in edits.skipped:
                wanted = _Wanted(name=call["name"], arguments=call["arguments"], place=(plan, number), nested=bool(call.get("nested")))
                rounds.setdefault(levels[-1], []).append(wanted)
        return [rounds[level] for level in sorted(rounds)]

    def _filled(self, wanted: _Wanted, edits: Edits) -> _Wanted | None:
        """A call with its arguments looked up anew, or None when what it builds on was refused."""
        if wanted.place is None:
            return wanted
        turn, number = wanted.place
        arguments: dict[str, JsonValue] = {}
        for name, value in wanted.arguments.items():
            origin = self.provenance[turn][number].get(name, {})
            if (number, name) in edits.values:
                value = edits.values[number, name]
            elif origin.get("origin") == Origin.OUTPUT:
                if (origin["turn"], origin["call"]) in self.refused:
                    self.refused.add(wanted.place)
                    return None
                value = self._looked_up(replace(wanted, arguments=arguments), name, value, origin)
            arguments[name] = value
        return replace(wanted, arguments=arguments)

    def _looked_up(self, wanted: _Wanted, name: str, value: JsonValue, origin: Mapping[str, Any]) -> JsonValue:
        """The value that a provenance points to in the outputs that really came; `wanted` holds the arguments filled so far."""
        source = (origin["turn"], origin["call"])
        seen = self._seen(value)
        if source in self.outputs:
            try:
                found = value_at(self.outputs[source], origin["path"])
            except KeyError:
                return value
            # A list may have moved on: the thing that was meant is taken wherever it stands now.
            return value if ("[" in origin["path"] and seen) or type(found) is not type(value) else found
        if seen:
            return value
        # The assistant never saw what the reference takes: it makes something up.
        rng = Random(f"{self.row.id}/{wanted.place}/{name}")
        try:
            return self.replay.draw(self.replay.world.pool.spec(wanted.name), name, wanted.arguments, rng)
        except Rejected:
            return value

    def _seen(self, value: JsonValue) -> bool:
        """Whether a value stands in the conversation so far."""
        text = canonical(value).strip('"')
        return any(text in (message.get("content") or "") for message in self.replay.messages)

    def _round(self, wanted: Sequence[_Wanted]) -> list[RolledCall]:
        """One round of calls; what came back is remembered for those that build on it."""
        calls = self.replay.carry_out([(item.name, compact(item.arguments)) for item in wanted])
        for item, call in zip(wanted, calls, strict=True):
            if item.place is None:
                continue
            self.outputs.pop(item.place, None)
            self.refused.discard(item.place)
            if call.accepted:
                self.outputs[item.place] = parsed(call.output)
            else:
                self.refused.add(item.place)
        return calls

    # Words

    def _reply(self, turn: int, made: Sequence[tuple[_Wanted, RolledCall]]) -> str:
        """The row's own closing message where nothing changed, else what came back in words."""
        if self._unchanged(turn, [call for _, call in made]):
            return str(self.said[turn][-1]["content"])
        if not made:
            return NOTHING
        rng = Random(f"{self.row.id}/{turn}/reply")
        accepted = [
            ({"name": item.name, "arguments": item.arguments, "nested": item.nested}, parsed(call.output))
            for item, call in made
            if call.accepted
        ]
        words = told(accepted, self.row, self.replay.world, rng)
        refusals = dict.fromkeys(error_text(call.output) for _, call in made if not call.accepted)
        return " ".join([*([words] if words else []), *(rng.choice(REFUSED).format(error=text) for text in refusals)])

    def _unchanged(self, turn: int, calls: Sequence[RolledCall]) -> bool:
        """Whether a turn's calls and outputs are the row's."""
        return [(call.function, parsed(call.arguments), parsed(call.output)) for call in calls] == [
            (name, parsed(arguments), parsed(output)) for name, arguments, output in calls_in(self.said[turn])
        ]


def error_text(output: str) -> str:
    """What a refusal says."""
    value = parsed(output)
    text = value.get("error") or value.get("message") or value if isinstance(value, dict) else value
    return " ".join(str(text).split())
