"""A row's reference calls, made again in a fresh environment beside a rollout, and which of them a rolled call stands for.

The calls of one turn may come in another order where that changes none of their outputs: the reference then takes the
rollout's order, so that what merely lies differently in the state (two bookings made the other way round) is no error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from magnet_ray.errors import Rejected
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.json_paths import leaves
from magnet_ray.rollouts.rollout import RolledCall, RolledTurn, World
from magnet_ray.rollouts.tool_server import ToolServer
from magnet_ray.types import FailureReason, JsonValue, Trajectory, canonical, compact, parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCall:
    """A call that was carried out, by the reference or in a rollout, in a form that can be compared."""

    function: str
    """Function as offered."""
    arguments: str
    """Arguments with the schema's defaults filled in, as canonical JSON text."""
    output: str
    """Output as canonical JSON text."""
    wrote: bool
    """Whether it changed the state."""

    @property
    def telling(self) -> bool:
        """Whether the output says what it is about: of a bare value or an empty list, only the arguments tell."""
        return sum(1 for _ in leaves(parsed(self.output))) > 1

    def same_call(self, other: MadeCall) -> bool:
        """Whether the other is the same call, whatever it gave."""
        return (self.function, self.arguments) == (other.function, other.arguments)

    def shown_by(self, other: MadeCall) -> bool:
        """Whether the other showed this call's output: other arguments may come to the same where the output is telling."""
        return self.function == other.function and self.output == other.output and (self.telling or self.arguments == other.arguments)


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceTurn:
    """One turn of the reference."""

    calls: tuple[MadeCall, ...]
    """Calls in the row's order."""
    state: str
    """State after them, as canonical JSON text."""


class ReferenceRun:
    """The reference of a row, turn by turn beside a rollout.

    As long as the rollout makes the very calls of the reference it has shown what they do, an environment being
    deterministic; from the first other call on, the reference is carried out in an environment of its own.
    """

    def __init__(self, row: Trajectory, world: World) -> None:
        self._row, self._pool, self._world = row, world.pool, world
        self._planned: Sequence[Sequence[dict[str, JsonValue]]] = parsed(row.reference_calls)
        self._turn = 0
        self._reordered = False
        self._own: ToolServer | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._own is not None:
            self._own.__exit__(kind, error, trace)

    @property
    def turns(self) -> int:
        """How many turns the reference has."""
        return len(self._planned)

    def advance(self, rolled: RolledTurn) -> ReferenceTurn:
        """Make the calls of the next turn, in the rollout's order where only that reconciles the states.

        Raises:
            Rejected: ENVIRONMENT_FAULT, or REPLAY_DIFFERS when the row's own calls no longer do what they did.
        """
        planned = self._planned[self._turn]
        turn = self._as_rolled(planned, rolled) or self._carried_out(planned, rolled)
        self._turn += 1
        if self._turn == self.turns and not self._reordered and turn.state != self._row.final_state:
            raise Rejected(FailureReason.REPLAY_DIFFERS, "the reference calls no longer end in the row's final state")
        return turn

    def _as_rolled(self, planned: Sequence[dict[str, JsonValue]], rolled: RolledTurn) -> ReferenceTurn | None:
        """What the rollout shows of the reference's turn, or None when it made other calls by now."""
        if self._own is not None or len(planned) != len(rolled.calls) or not all(call.accepted for call in rolled.calls):
            return None
        made = tuple(comparable(call, self._pool) for call in rolled.calls)
        if any((call.function, call.arguments) != self._call(each) for call, each in zip(made, planned, strict=True)):
            return None
        return ReferenceTurn(calls=made, state=rolled.state)

    def _call(self, planned: dict[str, JsonValue]) -> tuple[str, str]:
        return planned["name"], comparable_arguments(planned["name"], planned["arguments"], self._pool)

    @property
    def _server(self) -> ToolServer:
        """The reference's own environment, with all turns before this one carried out."""
        if self._own is None:
            row = self._row
            self._own = ToolServer(self._pool, self._world.open_environment, row.environment, row.scenario_seed)
            for planned in self._planned[: self._turn]:
                self._made(planned, range(len(planned)))
        return self._own

    def _carried_out(self, planned: Sequence[dict[str, JsonValue]], rolled: RolledTurn) -> ReferenceTurn:
        mark = self._server.checkpoint()
        order = tuple(range(len(planned)))
        turn = self._made(planned, order)
        if turn.state != rolled.state and (other := _order_in(rolled, turn.calls, self._pool)) not in {None, order}:
            self._server.rollback(mark)
            again = self._made(planned, other or order)
            if again.state == rolled.state and again.calls == turn.calls:
                self._reordered, turn = True, again
            else:
                self._server.rollback(mark)
                turn = self._made(planned, order)
        return turn

    def _made(self, planned: Sequence[dict[str, JsonValue]], order: Sequence[int]) -> ReferenceTurn:
        """Make a turn's calls in some order."""
        made: dict[int, MadeCall] = {}
        for position in order:
            name, arguments = planned[position]["name"], compact(planned[position]["arguments"])
            served = self._server.serve(name, arguments, {name})
            if not served.accepted:
                raise Rejected(FailureReason.REPLAY_DIFFERS, f"turn {self._turn}: {name}({arguments}): {canonical(served.output)}")
            rolled = RolledCall(function=name, arguments=arguments, output=canonical(served.output), accepted=True, wrote=served.wrote)
            made[position] = comparable(rolled, self._pool)
        return ReferenceTurn(calls=tuple(made[position] for position in sorted(made)), state=self._server.state())


def comparable(call: RolledCall, pool: FunctionPool) -> MadeCall:
    """A call that was carried out, in a form that can be compared."""
    arguments = comparable_arguments(call.function, parsed(call.arguments), pool)
    return MadeCall(function=call.function, arguments=arguments, output=call.output, wrote=call.wrote)


def comparable_arguments(function: str, arguments: dict[str, JsonValue], pool: FunctionPool) -> str:
    """`comparable_text` of a call of one of the pool's functions."""
    return comparable_text(arguments, pool.spec(function).properties)


def comparable_text(arguments: Mapping[str, JsonValue], properties: Mapping[str, JsonValue]) -> str:
    """Arguments with their schema's defaults filled in, as canonical JSON text in which `2.0` reads `2`."""
    defaults = {name: schema["default"] for name, schema in properties.items() if isinstance(schema, dict) and "default" in schema}
    return canonical(_whole_as_integers({**defaults, **arguments}))


def _whole_as_integers(value: JsonValue) -> JsonValue:
    """A value in which `2.0` reads `2`."""
    if isinstance(value, dict):
        return {key: _whole_as_integers(entry) for key, entry in value.items()}
    if isinstance(value, list):
        return [_whole_as_integers(entry) for entry in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _order_in(rolled: RolledTurn, calls: Sequence[MadeCall], pool: FunctionPool) -> tuple[int, ...] | None:
    """The order in which a rolled turn makes the reference's calls; None when it lacks one."""
    left = dict(enumerate(calls))
    order = []
    for made in (comparable(call, pool) for call in rolled.calls if call.accepted):
        position = next((position for position, call in left.items() if call.same_call(made)), None)
        if position is not None:
            order.append(position)
            del left[position]
    return None if left else tuple(order)
