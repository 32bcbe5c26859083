"""The decisions that a model is measured on: what its next message should be, at places of held-out conversations.

A decision stands before each of the assistant's messages: those that answer the user and those that follow a function's output.
What was said so far is the stored conversation (teacher forcing) and nothing is executed, so decisions are independent of each other.
Due is what the stored message does: it makes calls, asks for a value that is missing, declines for want of a function, or closes
the turn when all calls have been made.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from operator import itemgetter
from typing import Any

import orjson

from magnet_ray.negatives.pairs import offered_in
from magnet_ray.types import Category, Trajectory, compact, content_id

Stratum = tuple[str, str]
"""Category and what is due; no category for a closing message, which is much the same in all of them."""


class Due(StrEnum):
    """What the next message should do."""

    CALL = "call"
    """Make the calls of the stored message."""
    ASK = "ask"
    """Ask for a value that the user left out, without a call."""
    DECLINE = "decline"
    """Say that no offered function serves, without a call."""
    ANSWER = "answer"
    """Close the turn: everything has been called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """A decision in a held-out conversation."""

    id: str
    """The row's id and the position of the stored message that was due."""
    category: Category
    """Kind of conversation."""
    due: Due
    """What is right here."""
    messages: str
    """JSON text: the stored messages before it."""
    tools: str
    """JSON text of the tools that are offered by then."""
    calls: str = "[]"
    """JSON text: the calls that are due, as {name, arguments}, arguments as text."""


def turns_of(row: Trajectory) -> Iterator[Turn]:
    """The decisions of a row, in order."""
    messages: list[dict[str, Any]] = orjson.loads(row.messages)
    turn = -1
    for position, message in enumerate(messages):
        turn += message["role"] == "user"
        if message["role"] == "assistant":
            calls = [call["function"] for call in message.get("tool_calls") or ()]
            yield Turn(
                id=f"{row.id}:{position}",
                category=row.category,
                due=Due.CALL if calls else _due_without_calls(row, turn, messages[position - 1]),
                messages=compact(messages[:position]),
                tools=offered_in(row, turn),
                calls=compact(calls),
            )


def _due_without_calls(row: Trajectory, turn: int, before: Mapping[str, Any]) -> Due:
    """What a message without calls does; the function that a turn lacks comes with the next one."""
    if before["role"] == "tool":
        return Due.ANSWER
    if row.category is Category.IRRELEVANCE or str(turn + 1) in orjson.loads(row.tools_added):
        return Due.DECLINE
    return Due.ASK if row.category is Category.MISS_PARAMS else Due.ANSWER


def sample_turns(
    rows: Iterable[Trajectory], number: int, *, seed: int = 0, fits: Callable[[Turn], bool] = lambda turn: True
) -> tuple[Turn, ...]:
    """A sample of the rows' decisions with equally many of each category, closing messages counting as one more.

    Within a category, what is due comes equally often, but for closing messages; what a scarce kind cannot fill goes to the others.
    Decisions are taken by the hashes of seed and id, so the sample does not depend on the order of the rows, and its first part is
    balanced too. At most `number` decisions of each kind are in memory.

    Args:
        rows: held-out rows.
        number: decisions wanted, at least 1; all of them where there are fewer.
        seed: seed of the choice.
        fits: whether a decision can be used, such as for the length of its prompt; asked only where it matters.
    """
    strata: dict[Stratum, list[tuple[str, Turn]]] = {}
    for row in rows:
        for turn in turns_of(row):
            kept = strata.setdefault(("" if turn.due is Due.ANSWER else turn.category.value, turn.due.value), [])
            key = content_id(seed, turn.id)
            if (len(kept) < number or key < kept[-1][0]) and fits(turn):
                insort(kept, (key, turn), key=itemgetter(0))
                del kept[number:]
    kinds = {category: sum(bool(kept) for (other, _), kept in strata.items() if other == category) for category, _ in strata}
    ranked = [((rank + 1) * kinds[category], key, turn) for (category, _), kept in strata.items() for rank, (key, turn) in enumerate(kept)]
    return tuple(turn for _, _, turn in sorted(ranked, key=itemgetter(0, 1))[:number])


def prompt_of(turn: Turn) -> tuple[Sequence[dict[str, Any]], Sequence[dict[str, Any]]]:
    """The messages and tools that a model is given."""
    return orjson.loads(turn.messages), orjson.loads(turn.tools)
