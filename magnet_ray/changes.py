"""What a call changed in the world, and whether a later call takes it back: seen in the states, whatever the functions are called.

People do not undo in one breath what they asked for in the one before, nor do they ask for the same thing twice.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from magnet_ray.types import FunctionSpec, JsonValue

_MOMENT = re.compile(r"\d{4}-\d{2}-\d{2}([T ].*)?|\d{1,2}:\d{2}(:\d{2})?")


class Gone:
    """Says that nothing stands at a place."""


GONE: Final = Gone()


@dataclass(frozen=True, slots=True)
class Change:
    """One place of a state that a call changed."""

    place: tuple[str, ...]
    """Keys from the top; lists are compared whole."""
    old: JsonValue | Gone
    """What stood there before."""
    new: JsonValue | Gone
    """What stood there after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deed:
    """A call that changed something."""

    turn: int
    """Its turn."""
    changes: tuple[Change, ...]
    """What it changed."""
    undid: bool
    """Whether it took back what an earlier one had changed."""


class Deeds:
    """What a conversation has changed so far."""

    def __init__(self) -> None:
        self._deeds: list[Deed] = []

    def admit(self, turn: int, before: JsonValue, after: JsonValue, *, lately: int) -> bool:
        """Note what a call changed, unless a person would not ask for it.

        Args:
            turn: the call's turn.
            before: the state that it found.
            after: the state that it left.
            lately: the turn from which on nothing is taken back; before it, one deed in a conversation. Negative admits everything.
        """
        if before == after:
            return True
        undone = [deed.turn for deed in self._deeds if takes_back(deed, before, after)]
        if lately >= 0 and undone and (max(undone) >= lately or any(deed.undid for deed in self._deeds)):
            return False
        self._deeds.append(Deed(turn=turn, changes=tuple(changes(before, after)), undid=bool(undone)))
        return True

    def forget(self, turn: int) -> None:
        """Forget the deeds of a turn and after it, which are tried again."""
        self._deeds = [deed for deed in self._deeds if deed.turn < turn]


def changes(before: JsonValue | Gone, after: JsonValue | Gone, place: tuple[str, ...] = ()) -> Iterator[Change]:
    """The innermost places at which two states differ."""
    if before == after:
        return
    if isinstance(before, dict) and isinstance(after, dict):
        for key in dict.fromkeys((*before, *after)):
            old, new = before.get(key, GONE), after.get(key, GONE)
            if old != new:
                yield from changes(old, new, (*place, key))
    else:
        yield Change(place, before, after)


def takes_back(deed: Deed, before: JsonValue, after: JsonValue) -> bool:
    """Whether a call that led from one state to another undid some of what a deed had changed, did away with it, or made it anew."""
    return any(
        _undone(change, _standing(before, change.place), _standing(after, change.place)) or _made_anew(change, before, after)
        for change in deed.changes
    )


def _undone(change: Change, before: JsonValue | Gone, after: JsonValue | Gone) -> bool:
    if before == after:
        return False
    if isinstance(change.old, list) and isinstance(change.new, list) and isinstance(before, list) and isinstance(after, list):
        added = [item for item in change.new if item not in change.old]
        removed = [item for item in change.old if item not in change.new]
        return any(item in before and item not in after for item in added) or any(item in after and item not in before for item in removed)
    return after == change.old or isinstance(after, Gone)


def _made_anew(change: Change, before: JsonValue, after: JsonValue) -> bool:
    """Whether something of the same name stands anew where a deed had taken it away: the same book is waited for again."""
    if not isinstance(change.new, Gone) or not isinstance(change.old, dict) or not change.old:
        return False
    there, now = _standing(before, change.place[:-1]), _standing(after, change.place[:-1])
    if not isinstance(there, dict) or not isinstance(now, dict):
        return False
    name = next(iter(change.old))
    made = (record for key, record in now.items() if key not in there)
    return any(isinstance(record, dict) and record.get(name) == change.old[name] for record in made)


def _standing(state: JsonValue, place: tuple[str, ...]) -> JsonValue | Gone:
    for key in place:
        if not isinstance(state, dict) or key not in state:
            return GONE
        state = state[key]
    return state


def things(spec: FunctionSpec, arguments: Mapping[str, JsonValue]) -> frozenset[tuple[str, str]]:
    """What a call acts on: the texts that name things, without dates and times."""
    named = ((name, value) for name, value in arguments.items() if isinstance(value, str) and not _MOMENT.fullmatch(value))
    return frozenset((name, value) for name, value in named if name in spec.required and spec.names_thing(name))
