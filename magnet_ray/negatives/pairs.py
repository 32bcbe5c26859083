"""Preference pairs: a row and a conversation that goes wrong where the row goes right, as one record (paper, section 3.4).

Invariants: both sides are offered the tools of the wrong turn, and no side goes on into a turn that brings new ones, so
every message stands under the tools that it was written with (as in `datasets.sft_examples`). Both continuations begin
with an assistant message that differs, and reach equally far: to the end of the wrong turn, or of the conversation.
Choosing among pairs goes by their ids, so it is the same however they were sharded.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from magnet_ray.errors import ConfigError, Rejected
from magnet_ray.negatives.turn_errors import classify
from magnet_ray.rollouts.acceptance import check_rollout, turn_verdicts
from magnet_ray.rollouts.replays import Message, replayed, turns_of
from magnet_ray.rollouts.rollout import Rollout, World
from magnet_ray.types import Category, ErrorType, FailureReason, PreferencePair, Trajectory, compact, content_id, parsed

TURN, TRAJECTORY = "turn", "trajectory"
"""Extents of the rejected side."""
SOURCES = ("student", "hinted", "rule")
"""Who can make the rejected side."""

GROUPS: Mapping[Category, str] = {
    Category.SINGLE: "single_turn",
    Category.PARALLEL: "single_turn",
    Category.MULTIPLE: "single_turn",
    Category.MULTI_TURN: "multi_turn",
    Category.MISS_FUNC: "multi_turn",
    Category.MISS_PARAMS: "multi_turn",
    Category.IRRELEVANCE: "irrelevance",
}
"""Category -> its group in the paper's mix (section 4.1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairWeights:
    """Shares of the pairs that are kept; the paper's: 1,556 single-turn, 2,250 multi-turn, 750 irrelevance."""

    groups: Mapping[str, float] = field(default_factory=lambda: {"single_turn": 1556, "multi_turn": 2250, "irrelevance": 750})
    """Group of categories -> weight."""
    errors: Mapping[ErrorType, float] = field(default_factory=lambda: dict.fromkeys(ErrorType, 1.0))
    """Kind of mistake -> weight inside its group, as far as the group has pairs of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balanced:
    """What balancing kept, and what it left out."""

    pairs: tuple[PreferencePair, ...]
    """Kept pairs, by id."""
    left_out: Mapping[tuple[str, ErrorType], int]
    """(group, kind of mistake) -> pairs that were left out."""
    kept: Mapping[tuple[str, ErrorType], int]
    """(group, kind of mistake) -> pairs that were kept."""


def build_pair(
    row: Trajectory, rejected: Rollout, turn: int, error_type: ErrorType, *, source: str, extent: str = TRAJECTORY
) -> PreferencePair:
    """The pair of a row and a rollout that goes wrong in a turn.

    Turns before the wrong one are right on both sides, so the row's words stand for them. A rollout that says the same
    by other words before that is therefore continued from the row's own conversation: the state is the same.

    Args:
        row: the right conversation.
        rejected: the wrong one.
        turn: first wrong user turn.
        error_type: what is wrong with it.
        source: `student`, `hinted` or `rule`.
        extent: `turn` or `trajectory`; the end of the conversation is where tools are added, if that comes earlier,
            and `turn` is recorded where that leaves one turn of several.

    Raises:
        Rejected: NOT_ENDED, when the wrong turn was not closed; NOT_WRONG, when the two sides read the same.
    """
    if turn >= len(rejected.turns) or not rejected.turns[turn].ended:
        raise Rejected(FailureReason.NOT_ENDED, f"turn {turn} was not closed")
    right, wrong = turns_of(parsed(row.messages)), turns_of(parsed(rejected.messages))
    closed = next((index for index, rolled in enumerate(rejected.turns) if not rolled.ended), len(rejected.turns))
    end = min(reach(row, turn, extent), closed)
    prompt = [message for said in right[: turn + 1] for message in said] + right[turn + 1][:1]
    chosen = [message for said in right[turn + 1 : end + 1] for message in said][1:]
    other = _renumbered([message for said in wrong[turn + 1 : end + 1] for message in said][1:], prompt)
    shared = shared_length(chosen, other)
    tools = offered_in(row, turn)
    reached = TURN if end == turn + 1 and (extent == TURN or end < len(right) - 1) else TRAJECTORY
    texts = [compact(side) for side in (prompt + chosen[:shared], chosen[shared:], other[shared:])]
    return PreferencePair(
        id=content_id(row.id, error_type.value, source, reached, turn, tools, *texts),
        path_id=row.id,
        category=row.category,
        tools_chosen=tools,
        tools_rejected=tools,
        prompt=texts[0],
        chosen=texts[1],
        rejected=texts[2],
        divergence_turn=turn,
        error_type=error_type,
        source=source,
        extent=reached,
    )


def offered_in(row: Trajectory, turn: int) -> str:
    """JSON text of the tools that the assistant of a row has in a turn."""
    added = parsed(row.tools_added)
    return compact([*parsed(row.tools), *(tool for at in sorted(map(int, added)) if at <= turn for tool in added[str(at)])])


def check_pair(pair: PreferencePair, row: Trajectory, world: World) -> None:
    """Carry out both sides again: the chosen one is right, the rejected one goes wrong first in the turn where they part.

    Raises:
        Rejected: the chosen side's first fault; NOT_WRONG, when the rejected side has none or another first one.
    """
    check_rollout(row, replayed(row, parsed(pair.prompt) + parsed(pair.chosen), world), world)
    check_rejected(pair, row, world)


def check_rejected(pair: PreferencePair, row: Trajectory, world: World) -> None:
    """The half of `check_pair` that is about the rejected side.

    Raises:
        Rejected: NOT_WRONG.
    """
    rejected = replayed(row, parsed(pair.prompt) + parsed(pair.rejected), world)
    error = next(iter(classify(row, rejected, turn_verdicts(row, rejected, world))), None)
    if error is None or (error.turn, error.error_type) != (pair.divergence_turn, pair.error_type):
        raise Rejected(
            FailureReason.NOT_WRONG, f"the rejected side was to show {pair.error_type.value} in turn {pair.divergence_turn}: {error}"
        )


def shared_length(chosen: Sequence[Message], rejected: Sequence[Message]) -> int:
    """How many messages two continuations share, up to the last place where the assistant speaks next on both sides.

    Raises:
        Rejected: NOT_WRONG, when they are the same.
    """
    same = 0
    while same < min(len(chosen), len(rejected)) and _content(chosen[same]) == _content(rejected[same]):
        same += 1
    if same == len(chosen) == len(rejected):
        raise Rejected(FailureReason.NOT_WRONG, "the two sides read the same")
    while same and not all(side[same : same + 1] and side[same]["role"] == "assistant" for side in (chosen, rejected)):
        same -= 1
    return same


def reach(row: Trajectory, turn: int, extent: str) -> int:
    """The turn before which both sides of a pair stop at the latest: the next one, the one that brings new tools, or the end."""
    if extent == TURN:
        return turn + 1
    return min([row.num_turns, *(at for at in map(int, parsed(row.tools_added)) if at > turn)])


def _content(message: Message) -> tuple[str, str, list[tuple[str, Any]]]:
    """What a message says, whatever its calls are numbered."""
    calls = [(call["function"]["name"], _arguments(call["function"]["arguments"])) for call in message.get("tool_calls") or ()]
    return message["role"], message.get("content") or "", calls


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _renumbered(messages: Iterable[Message], before: Iterable[Message]) -> list[Message]:
    """Messages whose calls are numbered on from those before them."""
    keys: dict[str, str] = {}
    made = sum(len(message.get("tool_calls") or ()) for message in before)
    renumbered = []
    for message in messages:
        if message.get("tool_calls"):
            calls = []
            for call in message["tool_calls"]:
                made += 1
                keys[call["id"]] = f"call_{made}"
                calls.append({**call, "id": keys[call["id"]]})
            message = {**message, "tool_calls": calls}
        elif message["role"] == "tool":
            message = {**message, "tool_call_id": keys[message["tool_call_id"]]}
        renumbered.append(message)
    return renumbered


def balance(pairs: Iterable[PreferencePair], weights: PairWeights, seed: int = 0) -> Balanced:
    """Pairs in the weights' shares: as many as there can be, those with the smallest hashes of seed and id.

    The groups of categories keep their exact ratio, so the scarcest decides how many there are; inside a group the kinds
    of mistakes share evenly by their weights, and what a scarce kind cannot fill goes to the others.

    Raises:
        ConfigError: a weight is negative or no group has one.
    """
    _check(weights)
    cells: dict[tuple[str, ErrorType], list[PreferencePair]] = {}
    for pair in sorted({pair.id: pair for pair in pairs}.values(), key=lambda pair: (content_id(seed, pair.id), pair.id)):
        cells.setdefault((GROUPS[pair.category], pair.error_type), []).append(pair)
    usable = {cell: len(members) for cell, members in cells.items() if weights.errors.get(cell[1], 0) > 0}
    totals = {group: sum(count for cell, count in usable.items() if cell[0] == group) for group in weights.groups}
    wanted = {group: Fraction(weight) for group, weight in weights.groups.items() if weight > 0 and totals[group]}
    scale = min((totals[group] / weight for group, weight in wanted.items()), default=Fraction())
    kept: Counter[tuple[str, ErrorType]] = Counter()
    for group, weight in wanted.items():
        have = {cell[1]: count for cell, count in usable.items() if cell[0] == group}
        kept.update({(group, error): count for error, count in _shared_out(int(scale * weight), have, weights.errors).items()})
    chosen = [pair for cell, members in cells.items() for pair in members[: kept[cell]]]
    return Balanced(
        pairs=tuple(sorted(chosen, key=lambda pair: pair.id)),
        left_out={cell: len(members) - kept[cell] for cell, members in sorted(cells.items()) if len(members) > kept[cell]},
        kept=dict(sorted((cell, count) for cell, count in kept.items() if count)),
    )


def _shared_out(total: int, have: Mapping[ErrorType, int], weights: Mapping[ErrorType, float]) -> dict[ErrorType, int]:
    """`total` shared among the kinds by weight, one by one to the kind that is furthest behind and has some left."""
    given = dict.fromkeys(sorted(have), 0)
    for _ in range(min(total, sum(have.values()))):
        open_kinds = [error for error in given if given[error] < have[error]]
        given[min(open_kinds, key=lambda error: (Fraction(given[error] + 1) / Fraction(weights[error]), error))] += 1
    return given


def _check(weights: PairWeights) -> None:
    """Raises ConfigError for weights that give no shares."""
    unknown = sorted(set(weights.groups) - set(GROUPS.values()))
    if unknown:
        raise ConfigError("a group of categories is unknown", ", ".join(unknown), ", ".join(dict.fromkeys(GROUPS.values())))
    values = [*weights.groups.values(), *weights.errors.values()]
    if any(not 0 <= value < float("inf") for value in values) or not any(weights.groups.values()):
        raise ConfigError("the weights of the pairs cannot be used", values, "numbers of at least 0, and one group above 0")
