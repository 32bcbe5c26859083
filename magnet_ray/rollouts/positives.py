"""Positive trajectories (paper, section 3.4): a model that sees the reference as a hint acts in the environment until done.

Context distillation: what is kept is the conversation without the hint. Of several rollouts the right one with the fewest
extra calls is kept, then the shortest; a row of which none is right is given up with the last one's reason.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from magnet_ray.errors import Rejected
from magnet_ray.llm.base import ChatModel, Role
from magnet_ray.rollouts.acceptance import SummaryJudge, check_rollout, check_summaries
from magnet_ray.rollouts.hints import reference_hints
from magnet_ray.rollouts.rollout import Player, Rollout, World, roll_out, user_turns
from magnet_ray.teacher.prompts import prompt
from magnet_ray.types import FailureReason, Trajectory, parsed


@dataclass(frozen=True, slots=True, kw_only=True)
class Positives:
    """How hinted rollouts are made."""

    models: ChatModel
    """Answers for the responder."""
    world: World
    """Where its calls are executed."""
    attempts: int = 1
    """Rollouts of a row to try, at least 1; the first right one without extra calls ends the trying."""
    max_rounds: int = 8
    """Rounds of calls that one turn may take."""
    judge: SummaryJudge | None = None
    """Reads the closing messages as well, where given."""


async def positive_row(row: Trajectory, positives: Positives) -> Trajectory:
    """A verified row as the responder carries it on; its turns, tools and reference are kept.

    Raises:
        Rejected: no rollout was right; the reason, and what the model said, are those of the last one.
        BudgetSpent: the run may buy nothing more.
    """
    hints, instructions = reference_hints(row), responder_instructions()
    best: tuple[tuple[int, int], Rollout] | None = None
    last = Rejected(FailureReason.NOT_ENDED, "no rollout was tried")
    for sample in range(positives.attempts):
        player = Player(
            model=positives.models,
            role=Role.RESPONDER,
            sample=sample,
            hints=hints,
            max_rounds=positives.max_rounds,
            instructions=instructions,
        )
        try:
            rollout = await roll_out(row, player, positives.world)
            check_positive(row, rollout, positives.world)
            if positives.judge:
                await check_summaries(row, rollout, positives.judge)
        except Rejected as rejected:
            last = rejected
            continue
        rank = (max(_extra_calls(row, rollout), 0), len(rollout.messages))
        best = min([found for found in (best, (rank, rollout)) if found], key=lambda found: found[0])
        if not best[0][0]:
            break
    if best is None:
        raise last
    return replace(row, messages=best[1].messages, num_calls=sum(len(turn.calls) for turn in best[1].turns))


def responder_instructions() -> str:
    """What the responder is told before the conversation."""
    return "\n\n".join(str(message["content"]) for message in prompt("hinted_response").fill())


def check_positive(row: Trajectory, rollout: Rollout, world: World) -> None:
    """Check that a rollout can stand for its row.

    Raises:
        Rejected: it is wrong, its messages hold a hint, or it ends in another state than the row.
    """
    check_rollout(row, rollout, world)
    queries = [message["content"] for message in parsed(rollout.messages) if message["role"] == "user"]
    if queries != list(user_turns(row)) or ("[Hint]" in rollout.messages and "[Hint]" not in row.messages):
        raise Rejected(FailureReason.HINT_LEAK, "the messages hold a hint", rollout.messages)
    if rollout.turns[-1].state != row.final_state:
        # The same calls in another order: right, but the row's reference would no longer replay to its state.
        raise Rejected(FailureReason.STATE_DIFFERS, "calls were made in an order that the final state shows", rollout.turns[-1].raw[-1])


def _extra_calls(row: Trajectory, rollout: Rollout) -> int:
    return sum(len(turn.calls) for turn in rollout.turns) - sum(map(len, parsed(row.reference_calls)))
