"""What makes a rollout right: it leaves the state that the reference leaves, saw what the reference saw, and asked where it had to.

Call strings are not compared as such (paper, section 3.4, and APIGen-MT): a fresh environment makes the reference calls
beside the rollout, turn by turn. Extra readings are allowed, extra writes are not, and neither is a trace of a hint. After
a wrong turn the verdicts of later turns may be its consequences.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from magnet_ray.errors import Rejected
from magnet_ray.rollouts.hint_traces import HintTraces
from magnet_ray.rollouts.left_out import unmentioned
from magnet_ray.rollouts.reference import MadeCall, ReferenceRun, ReferenceTurn, comparable
from magnet_ray.rollouts.rollout import RolledCall, RolledTurn, Rollout, World
from magnet_ray.rollouts.summary_facts import Facts
from magnet_ray.types import FailureReason, Trajectory, parsed
from magnet_ray.wording import plural

_ASKS: Final = re.compile(
    r"""\?|\w+n['\u2019]t\b|\b(?:cannot|no|not|unable|sorry|unfortunately|afraid|lacks?|lacking|missing|beyond|outside|unavailable|none|nothing|without
    |please|needs?|require|requires|which|what|let\s+me\s+know|tell\s+me|specify|provide|(?:have|like)\s+to\s+know|as\s+soon\s+as|once)\b""",
    re.IGNORECASE | re.VERBOSE,
)
"""Words with which a message asks for something or says that it cannot be done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnVerdict:
    """How one turn of a rollout compares with the reference."""

    turn: int
    """Index of the user turn."""
    reason: FailureReason | None
    """What is wrong; None: right."""
    detail: str
    """One line for a reader; empty when right."""
    missed: tuple[int, ...]
    """Indices into the row's reference calls of this turn whose output was not seen by its end."""
    unexpected: tuple[int, ...]
    """Indices into the rolled turn's calls that the reference does not make; extra readings that changed nothing and did not fail
    are not among them, unless the reference makes no call at all."""


class SummaryJudge(Protocol):
    """A model that reads closing messages (role `error_judge`)."""

    async def fault(self, row: Trajectory, turn: int, rollout: Rollout) -> str:
        """What is wrong with the closing message of a turn, in one line; empty when nothing is.

        Raises:
            Rejected: the model cannot be reached, or its answer cannot be read.
        """


def check_rollout(row: Trajectory, rollout: Rollout, world: World) -> None:
    """Check a rollout of a row.

    Raises:
        Rejected: with the reason of the first wrong turn, and what the player emitted there; or ENVIRONMENT_FAULT.
    """
    for verdict in turn_verdicts(row, rollout, world):
        if verdict.reason:
            raise Rejected(verdict.reason, f"turn {verdict.turn}: {verdict.detail}", "\n".join(rollout.turns[verdict.turn].raw))


async def check_summaries(row: Trajectory, rollout: Rollout, judge: SummaryJudge) -> None:
    """Have a model read the closing message of each turn.

    Raises:
        Rejected: WRONG_SUMMARY, or whatever the judge raises.
    """
    for turn in range(len(rollout.turns)):
        if detail := await judge.fault(row, turn, rollout):
            raise Rejected(FailureReason.WRONG_SUMMARY, f"turn {turn}: {detail}", rollout.turns[turn].reply)


def turn_verdicts(row: Trajectory, rollout: Rollout, world: World) -> tuple[TurnVerdict, ...]:
    """How each turn that was played compares with the reference.

    Raises:
        Rejected: ENVIRONMENT_FAULT, or REPLAY_DIFFERS when the row's own calls no longer do what they did.
    """
    with ReferenceRun(row, world) as reference:
        return tuple(_Reading(row, rollout, reference, world).verdicts())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """A rolled call that was carried out."""

    turn: int
    index: int
    call: MadeCall


class _Reading:
    """A rollout beside its reference, while it is read turn by turn."""

    def __init__(self, row: Trajectory, rollout: Rollout, reference: ReferenceRun, world: World) -> None:
        self.nested = [[bool(call["nested"]) for call in calls] for calls in parsed(row.reference_calls)]
        self.rollout, self.reference, self.pool = rollout, reference, world.pool
        self.traces = HintTraces(world.pool)
        self.added = parsed(row.tools_added)
        self.messages = messages_by_turn(rollout)
        self.facts = Facts()
        self.seen: list[_Seen] = []
        self._offer(parsed(row.tools))
        for message in self.messages[0]:
            self.facts.add_text(message["content"])

    def verdicts(self) -> Iterator[TurnVerdict]:
        """The verdict of each turn."""
        for index, turn in enumerate(self.rollout.turns):
            self._offer(self.added.get(str(index), ()))
            self._take_in(index, turn)
            expected = self.reference.advance(turn)
            missed, unexpected = self._missed(index, expected), self._unexpected(turn, expected)
            reason, detail = self._problem(index, expected, missed, unexpected) or (None, "")
            yield TurnVerdict(turn=index, reason=reason, detail=detail, missed=missed, unexpected=unexpected)
            self.facts.add_text(turn.reply)

    def _offer(self, tools: Sequence[Mapping[str, Any]]) -> None:
        for tool in tools:
            self.traces.add_function(tool["function"]["name"])
            self.facts.add_names(f"{tool['function']['name']} {tool['function']['description']}")

    def _take_in(self, index: int, turn: RolledTurn) -> None:
        """What the user says in a turn and what the calls show."""
        query = self.messages[index + 1][0]["content"]
        self.facts.add_text(query)
        self.traces.add_shown(query)
        for position, call in enumerate(turn.calls):
            self.facts.add_value(parsed(call.output))
            if call.accepted:
                self.facts.add_value(parsed(call.arguments))
                self.traces.add_values(call.arguments, call.output)
                self.seen.append(_Seen(turn=index, index=position, call=comparable(call, self.pool)))

    def _missed(self, index: int, expected: ReferenceTurn) -> tuple[int, ...]:
        """The reference's calls whose outputs were not seen; each rolled call shows the output of one."""
        missed = []
        for position, call in enumerate(expected.calls):
            showing = [seen for seen in self.seen if call.shown_by(seen.call)]
            if showing:
                self.seen.remove(min(showing, key=lambda seen: (not call.same_call(seen.call), seen.turn != index)))
            else:
                missed.append(position)
        return tuple(missed)

    def _unexpected(self, turn: RolledTurn, expected: ReferenceTurn) -> tuple[int, ...]:
        """The rolled calls that the reference does not make; readings that it could do without are none of them."""
        if not expected.calls:
            return tuple(range(len(turn.calls)))
        writes = [call for call in expected.calls if call.wrote]
        found = []
        for position, call in enumerate(turn.calls):
            if not call.wrote:
                found += [] if call.accepted else [position]
                continue
            made = comparable(call, self.pool) if call.accepted else None
            twin = next((write for write in writes if made and (write.same_call(made) or write.shown_by(made))), None)
            if twin is None:
                found.append(position)
            else:
                writes.remove(twin)
        return tuple(found)

    def _problem(
        self, index: int, expected: ReferenceTurn, missed: tuple[int, ...], unexpected: tuple[int, ...]
    ) -> tuple[FailureReason, str] | None:
        turn = self.rollout.turns[index]
        if not turn.ended:
            return FailureReason.NOT_ENDED, f"no closing message after {plural(len(turn.rounds), 'round')} of calls"
        if not expected.calls and turn.calls:
            return FailureReason.CALLED_INSTEAD_OF_ASKING, _listed(turn.calls)
        written = [turn.calls[position] for position in unexpected if turn.calls[position].wrote]
        if written and not missed:
            return FailureReason.EXTRA_WRITE, _listed(written)
        if (expected.calls or index + 1 == self.reference.turns) and turn.state != expected.state:
            return FailureReason.STATE_DIFFERS, f"made {_listed(turn.calls)}, expected {_listed(expected.calls)}"
        if written:
            return FailureReason.EXTRA_WRITE, _listed(written)
        if missed:
            return FailureReason.OUTPUT_MISSED, _listed([expected.calls[position] for position in missed])
        return self._wrong_words(index, expected)

    def _wrong_words(self, index: int, expected: ReferenceTurn) -> tuple[FailureReason, str] | None:
        reply = self.rollout.turns[index].reply
        texts = [message["content"] for message in self.messages[index + 1] if message["role"] == "assistant"]
        if trace := next(filter(None, map(self.traces.find, texts)), ""):
            return FailureReason.HINT_LEAK, f"{trace!r} in what the assistant says"
        if unknown := list(self.facts.unknown(reply)):
            return FailureReason.WRONG_SUMMARY, f"{', '.join(map(repr, unknown))} in {reply!r}"
        asked = [call for call, nested in zip(expected.calls, self.nested[index], strict=True) if not nested and not call.wrote]
        if silent := [asked[at] for at in unmentioned([(call.arguments, call.output) for call in asked], reply)]:
            return FailureReason.WRONG_SUMMARY, f"nothing is said of {_listed(silent)} in {reply!r}"
        if not expected.calls and not asks_or_declines(reply):
            return FailureReason.WRONG_SUMMARY, f"neither asks nor declines: {reply!r}"
        return None


def asks_or_declines(text: str) -> bool:
    """Whether a message asks for something or says that something cannot be done, as far as its words tell."""
    return bool(_ASKS.search(text))


def messages_by_turn(rollout: Rollout) -> list[list[dict[str, Any]]]:
    """What stands before the first user message, then each user message with what follows it."""
    groups: list[list[dict[str, Any]]] = [[]]
    for message in parsed(rollout.messages):
        if message["role"] == "user":
            groups.append([])
        groups[-1].append(message)
    return groups


def _listed(calls: Sequence[RolledCall | MadeCall]) -> str:
    return "; ".join(f"{call.function}({call.arguments})" for call in calls) or "no call"
