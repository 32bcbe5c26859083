"""A language model that reads the closing messages of a rollout: is anything in them invented, is anything left out?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from magnet_ray.llm.base import ChatModel, ChatRequest, RequestKey, Role
from magnet_ray.llm.structured import ask
from magnet_ray.rollouts.rollout import RolledTurn, Rollout, user_turns
from magnet_ray.teacher.prompts import prompt
from magnet_ray.teacher.turn_texts import SHORT, WHOLE, shortened
from magnet_ray.types import JsonValue, Trajectory, compact, content_id, parsed

_POINTS: Final = {"type": "array", "items": {"type": "string"}}
CLOSING_SCHEMA: Final = compact(
    {
        "type": "object",
        "properties": {"invented": _POINTS, "left_out": _POINTS},
        "required": ["invented", "left_out"],
        "additionalProperties": False,
    }
)
"""What is wrong with a closing message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSummaryJudge:
    """Asks a model; see `acceptance.SummaryJudge`."""

    model: ChatModel
    """Answers for the error judge."""
    reasks: int = 2
    """Times that it is shown what was wrong with its answer."""

    async def fault(self, row: Trajectory, turn: int, rollout: Rollout) -> str:
        """What is wrong with the closing message of a turn, in one line; empty when nothing is.

        A turn in which the reference calls nothing has nothing to sum up: its message is judged by rules.

        Raises:
            Rejected: the model cannot be reached, or its answer cannot be read.
        """
        if not parsed(row.reference_calls)[turn]:
            return ""
        messages = prompt("error_judge").fill(
            query=user_turns(row)[turn], results=_results(rollout.turns[: turn + 1]), reply=rollout.turns[turn].reply or "(nothing)"
        )
        # Rollouts of one row carry no number; their content tells them apart.
        step = f"{turn}.{content_id(rollout.messages)}"
        request = ChatRequest(key=RequestKey(record=row.id, role=Role.ERROR_JUDGE, step=step), messages=messages)
        return await ask(self.model, request, CLOSING_SCHEMA, _line, self.reasks)


def _line(answer: JsonValue) -> str:
    parts = [
        f"{name}: {', '.join(' '.join(point.split()) for point in answer[key])}"
        for key, name in (("invented", "invented"), ("left_out", "left out"))
        if any(point.strip() for point in answer[key])
    ]
    return "; ".join(parts)


def _results(turns: tuple[RolledTurn, ...]) -> str:
    """The calls of the last turn in full, those before it shortened."""
    *earlier, last = turns
    before = [_call_line(turn, SHORT) for turn in earlier if turn.calls]
    shown = [*(f"Before: {lines}" for lines in before), _call_line(last, WHOLE) or "(none in this turn)"]
    return "\n".join(shown)


def _call_line(turn: RolledTurn, limit: int) -> str:
    return "\n".join(f"{call.function}({call.arguments}) -> {shortened(call.output, limit)}" for call in turn.calls)
