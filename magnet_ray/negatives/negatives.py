"""Negative trajectories (paper, section 3.4): a student's own mistakes, played out again by a teacher, become preference pairs.

rollouts of the student -> first wrong turn of each -> misleading hint -> regenerated trajectory -> pair. A pair is kept when
the row passes the environment's check and the rejected side fails it first in the turn where the two part. Without a teacher the
student's own words are the rejected side; without a student, rules make the mistakes. What gave no pair is a `Failure`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from magnet_ray.errors import Rejected, boundary
from magnet_ray.llm.base import ChatModel, Role
from magnet_ray.negatives.corruptions import corrupt, kinds_for
from magnet_ray.negatives.misleading import FromTurn, hint_trace, misleading_hint, object_in
from magnet_ray.negatives.pairs import TRAJECTORY, build_pair, check_rejected, reach
from magnet_ray.negatives.turn_errors import TurnError, classify
from magnet_ray.rollouts.acceptance import SummaryJudge, TurnVerdict, check_rollout, turn_verdicts
from magnet_ray.rollouts.positives import responder_instructions
from magnet_ray.rollouts.replays import replayed
from magnet_ray.rollouts.rollout import Player, RolledTurn, Rollout, World, roll_out
from magnet_ray.types import ErrorType, Failure, FailureReason, PreferencePair, Trajectory, canonical, parsed

STAGE: Final = "negatives"
REGENERATED: Final = 500
"""Number of the first regenerated trajectory of a row: apart from the samples that give positive trajectories."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NegativeSettings:
    """How negative trajectories are made."""

    rollouts: int = 10
    """Rollouts of the student for each row (paper: 10)."""
    max_rounds: int = 8
    """Rounds of calls that one turn may take."""
    extent: str = TRAJECTORY
    """How far the rejected side goes: `turn` or `trajectory`."""
    fill: bool = False
    """Whether rules make the kinds of mistakes that the student did not make."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cast:
    """Who plays."""

    student: ChatModel | None = None
    """Makes the mistakes; None: rules do."""
    teacher: ChatModel | None = None
    """Plays the mistakes out in its own words (role `responder`); None: the student's words are taken."""
    judge: SummaryJudge | None = None
    """Reads the closing messages of rollouts that the environment finds right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Mistake:
    """A wrong turn of a student."""

    rollout: Rollout
    error: TurnError
    kind: ErrorType
    judged: bool
    """Whether a model found it, and not the environment."""


async def negative_pairs(
    row: Trajectory, cast: Cast, world: World, settings: NegativeSettings
) -> tuple[list[PreferencePair], list[Failure]]:
    """The preference pairs of a row, and what gave none.

    Args:
        row: the right conversation: the chosen side.
        cast: who plays.
        world: functions and environments.
        settings: how.

    Raises:
        BudgetSpent: the run may buy nothing more.
    """
    work = _Work(row, cast, world, settings)
    try:
        with boundary(FailureReason.UNEXPECTED):
            check_rollout(row, replayed(row, parsed(row.messages), world), world)
    except Rejected as rejected:
        work.fail(rejected, "the row itself")
        return work.pairs, work.failures
    if cast.student is not None:
        await work.from_student(cast.student)
    if cast.student is None or settings.fill:
        work.from_rules()
    return work.pairs, work.failures


class _Work:
    """One row's pairs in the making."""

    def __init__(self, row: Trajectory, cast: Cast, world: World, settings: NegativeSettings) -> None:
        self.row, self.cast, self.world, self.settings = row, cast, world, settings
        self.pairs: list[PreferencePair] = []
        self.failures: list[Failure] = []
        self.seen: set[str] = set()

    def fail(self, rejected: Rejected, where: str) -> None:
        """Keep what gave no pair."""
        detail = " ".join(f"{where}: {rejected.detail}".split())[:500]
        category = self.row.category.value
        self.failures.append(
            Failure(
                id=self.row.id,
                index=self.row.index,
                stage=STAGE,
                reason=rejected.reason,
                detail=detail,
                category=category,
                raw=rejected.raw,
            )
        )

    def keep(self, pair: PreferencePair, *, judged: bool = False) -> None:
        """Keep a pair whose rejected side is wrong as it should be; the chosen side is the row, which was checked before.

        Raises:
            Rejected: NOT_WRONG.
        """
        if not judged:
            # Where a model found the mistake, the environment has nothing against it.
            check_rejected(pair, self.row, self.world)
        if pair.id not in {other.id for other in self.pairs}:
            self.pairs.append(pair)

    def from_rules(self) -> None:
        """Pairs of rule-made mistakes: one of each kind that the row offers a place for and that has no pair yet."""
        made = {pair.error_type for pair in self.pairs}
        for kind in kinds_for(self.row):
            if kind in made:
                continue
            try:
                with boundary(FailureReason.UNEXPECTED):
                    wrong = corrupt(self.row, kind, self.world)
                    self.keep(build_pair(self.row, wrong.rollout, wrong.turn, kind, source="rule", extent=self.settings.extent))
            except Rejected as rejected:
                self.fail(rejected, f"rule {kind.value}")

    async def from_student(self, student: ChatModel) -> None:
        """Pairs of the student's mistakes; the same mistake counts once."""
        for sample in range(self.settings.rollouts):
            try:
                with boundary(FailureReason.UNEXPECTED):
                    mistake = await self._mistake(student, sample)
                    if mistake is not None:
                        await self._paired(mistake, sample)
            except Rejected as rejected:
                self.fail(rejected, f"rollout {sample}")

    async def _mistake(self, student: ChatModel, sample: int) -> _Mistake | None:
        """The first wrong turn of one more rollout, or None when all is right or the mistake is known.

        Raises:
            Rejected: the rollout failed, or its mistake is none of the five kinds.
        """
        player = Player(model=student, role=Role.STUDENT, sample=sample, max_rounds=self.settings.max_rounds)
        rollout = await roll_out(self.row, player, self.world)
        verdicts = turn_verdicts(self.row, rollout, self.world)
        errors = classify(self.row, rollout, verdicts)
        judged = not errors and self.cast.judge is not None
        error = await self._judged(rollout) if judged else errors[0] if errors else None
        if error is None or self._known(rollout.turns[error.turn], error):
            return None
        if error.error_type is None:
            reason = _reason(verdicts, error.turn)
            raise Rejected(reason, f"turn {error.turn}, none of the five kinds: {error.detail}", "\n".join(rollout.turns[error.turn].raw))
        return _Mistake(rollout=rollout, error=error, kind=error.error_type, judged=judged)

    async def _judged(self, rollout: Rollout) -> TurnError | None:
        """What a model finds wrong with a closing message, if anything."""
        assert self.cast.judge is not None
        for turn in range(len(rollout.turns)):
            if fault := await self.cast.judge.fault(self.row, turn, rollout):
                lacking = not parsed(self.row.reference_calls)[turn]
                kind = ErrorType.MISS_NOT_RECOGNISED if lacking else ErrorType.WRONG_SUMMARY
                return TurnError(turn=turn, error_type=kind, detail=fault)
        return None

    def _known(self, turn: RolledTurn, error: TurnError) -> bool:
        """Whether the same mistake was made before: the same calls in the same turn, and for a wrong summary the same words."""
        calls = sorted(f"{call.function}({_canonical(call.arguments)})" for call in turn.calls)
        words = turn.reply if error.error_type is ErrorType.WRONG_SUMMARY or not calls else ""
        key = canonical([error.turn, error.error_type, calls, " ".join(words.split())])
        known = key in self.seen
        self.seen.add(key)
        return known

    async def _paired(self, mistake: _Mistake, sample: int) -> None:
        """Keep the pair of a mistake.

        Raises:
            Rejected: NOT_WRONG, IMPLAUSIBLE, or what went wrong with the model.
        """
        turn, kind = mistake.error.turn, mistake.kind
        rejected, source = mistake.rollout, "student"
        if self.cast.teacher is not None:
            rejected, source = await self._regenerated(self.cast.teacher, mistake, sample), "hinted"
        self._check_plausible(rejected, turn)
        pair = build_pair(self.row, rejected, turn, kind, source=source, extent=self.settings.extent)
        self.keep(pair, judged=mistake.judged)

    async def _regenerated(self, teacher: ChatModel, mistake: _Mistake, sample: int) -> Rollout:
        """The conversation as a teacher carries it on that was told to make the mistake.

        Raises:
            Rejected: NOT_WRONG, when it did not make that mistake.
        """
        turn = mistake.error.turn
        player = Player(
            model=FromTurn(self.row, turn, reach(self.row, turn, self.settings.extent), teacher),
            role=Role.RESPONDER,
            sample=REGENERATED + sample,
            hints={turn: misleading_hint(mistake.rollout.turns[turn], closing=mistake.kind is ErrorType.WRONG_SUMMARY)},
            max_rounds=self.settings.max_rounds,
            instructions=responder_instructions(),
        )
        rollout = await roll_out(self.row, player, self.world)
        errors = classify(self.row, rollout, turn_verdicts(self.row, rollout, self.world))
        found = await self._judged(rollout) if mistake.judged and not errors else errors[0] if errors else None
        if found is None or (found.turn, found.error_type) != (turn, mistake.kind):
            instead = f"{found.error_type or 'another mistake'} in turn {found.turn}" if found else "no mistake"
            raise Rejected(
                FailureReason.NOT_WRONG, f"told to make {mistake.kind.value} in turn {turn}, made {instead}", _raw(rollout, turn)
            )
        return rollout

    def _check_plausible(self, rollout: Rollout, turn: int) -> None:
        """Raises Rejected(IMPLAUSIBLE) for a side that no good assistant could have written: cut off, garbled, or talking of a hint."""
        wrong = rollout.turns[turn]
        if not wrong.ended:
            raise Rejected(FailureReason.IMPLAUSIBLE, f"turn {turn} was not closed", _raw(rollout, turn))
        for call in wrong.calls:
            if call.function not in self.world.pool.by_name or object_in(call.arguments) is None:
                raise Rejected(FailureReason.IMPLAUSIBLE, f"turn {turn}: {call.function}({call.arguments}) is no call", _raw(rollout, turn))
        if trace := hint_trace(self.row, rollout, self.world, first=turn):
            raise Rejected(FailureReason.HINT_LEAK, f"{trace!r} from turn {turn} on", _raw(rollout, turn))


def _reason(verdicts: Sequence[TurnVerdict], turn: int) -> FailureReason:
    return next(verdict.reason for verdict in verdicts if verdict.turn == turn and verdict.reason)


def _raw(rollout: Rollout, turn: int) -> str:
    return "\n".join(rollout.turns[turn].raw)


def _canonical(arguments: str) -> str:
    value = object_in(arguments)
    return arguments if value is None else canonical(value)
