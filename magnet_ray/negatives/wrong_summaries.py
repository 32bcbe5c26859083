"""Closing messages that are wrong although the calls were right: a value that no output holds, or a part left out (paper, section 3.4)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random

from magnet_ray.json_paths import leaves
from magnet_ray.negatives.playback import told
from magnet_ray.rollouts.replays import outputs_of, turns_of
from magnet_ray.rollouts.rollout import World
from magnet_ray.types import JsonValue, Trajectory, parsed
from magnet_ray.wording import contains_words, day, spoken

SHIFTS = (1, 2, 3, 5, 9, -1, -2)
"""By how much a said number, day or hour is wrong."""

FALSE_VALUES = 6
"""Closing messages of each kind that are tried."""


def wrong_replies(row: Trajectory, turn: int, world: World, rng: Random) -> Iterator[str]:
    """Wrong closing messages of a turn: a part left out and a false value, in a drawn order, then more of these, then a claim too many."""
    kinds = [list(_omitting(row, turn, world, rng)), list(_inventing(row, turn, rng))]
    rng.shuffle(kinds)
    for replies in (*(kind[:1] for kind in kinds), *(kind[1:FALSE_VALUES] for kind in kinds)):
        yield from replies
    # Where nothing that is said can be falsified: a claim is added, as models like to do.
    reply = _reply(row, turn)
    yield f"{reply} For your records, the reference is {rng.choice('BDKMRTX')}{rng.choice('CFLNPVZ')}-{rng.randint(10_000, 99_999)}."
    yield f"{reply} There are {rng.randint(13, 87)} more that I have not listed."


def _reply(row: Trajectory, turn: int) -> str:
    """The row's closing message."""
    return str(turns_of(parsed(row.messages))[turn + 1][-1]["content"])


def _omitting(row: Trajectory, turn: int, world: World, rng: Random) -> Iterator[str]:
    """The closing message without one of the things that were asked for."""
    references, outputs = parsed(row.reference_calls)[turn], outputs_of(row)
    asked = [number for number, call in enumerate(references) if not call["nested"] and (turn, number) in outputs]
    for left_out in rng.sample(asked, len(asked)) if len(asked) > 1 else ():
        kept = [(references[number], outputs[turn, number]) for number in asked if number != left_out]
        yield told(kept, row, world, rng)


def _inventing(row: Trajectory, turn: int, rng: Random) -> Iterator[str]:
    """The closing message with one value that no output holds."""
    reply = _reply(row, turn)
    values = {
        repr(value): value
        for (at, _), output in outputs_of(row).items()
        if at == turn
        for _, value in leaves(output)
        if isinstance(value, int | float | str) and not isinstance(value, bool)
    }
    for value in rng.sample(list(values.values()), len(values)):
        for false in _false(value, rng):
            for said, instead in zip(_forms(value), _forms(false), strict=False):
                if said != instead and contains_words(reply, said):
                    yield re.sub(rf"(?<!\w){re.escape(said)}(?!\w)", instead.replace("\\", r"\\"), reply, count=1)
                    break


def _forms(value: JsonValue) -> list[str]:
    """Ways to say a value that line up with those of another value of its kind."""
    forms = spoken(value)
    return [day(value), *forms] if isinstance(value, str) else forms


def _false(value: JsonValue, rng: Random) -> Iterator[JsonValue]:
    """Values of the same kind that are not it."""
    for shift in rng.sample(SHIFTS, 3):
        if isinstance(value, int | float):
            yield round(value + shift, 2) if value + shift > 0 else value + abs(shift)
        elif isinstance(value, str):
            yield _shifted_text(value, shift)


def _shifted_text(value: str, shift: int) -> str:
    """A date some days off, a time some hours off, or a code with other digits; other texts come back as they are."""
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}.*", value):
        try:
            return f"{(date.fromisoformat(value[:10]) + timedelta(days=shift)).isoformat()}{value[10:]}"
        except ValueError:
            return value
    if re.fullmatch(r"\d{2}:\d{2}", value):
        return f"{(int(value[:2]) + shift) % 24:02d}{value[2:]}"
    if re.search(r"[A-Z].*\d{3,}", value):
        return re.sub(
            r"\d{3,}", lambda match: str((int(match.group()) + 137 * shift) % 10 ** len(match.group())).zfill(len(match.group())), value
        )
    return value
