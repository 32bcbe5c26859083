"""Traces of a hint in what the assistant says: talk of the hint itself, a call quoted as code, or an identifier.

The user sees neither hints nor functions, so none of these belongs in a message. Words that the user or an output brought
up are no trace: a course may be called "Hints and Tricks".
"""

from __future__ import annotations

import re
from typing import Final

from magnet_ray.functions.pool import FunctionPool
from magnet_ray.teacher.said import identifiers

_CALLED: Final = re.compile(r"(?<![\w-])([\w-]{1,64})\(")
_HINT: Final = re.compile(r"\bhint(?:s|ed)?\b", re.IGNORECASE)
_TOLD: Final = re.compile(
    r"""\breference\s+(?:calls?|answers?|solutions?|trajector(?:y|ies)|sequence|actions?)\b
    |\b(?:according\s+to|as\s+per|per|following|follow|based\s+on)\s+(?:the|my|these|those)\s+(?:given\s+|provided\s+)?(?:reference|instructions?)\b
        (?!\s+(?:number|code|no\b|sheet|manual|on|for|in))
    |\b(?:the|my|given|provided)\s+(?:reference|instructions?)\s+(?:says?|said|tells?|told|states?|asks?|asked|requires?|suggests?)\b
    |\b(?:was|am|were|been)\s+(?:instructed|told)\s+to\s+(?:call|make|use|ask|say)\b""",
    re.IGNORECASE | re.VERBOSE,
)


class HintTraces:
    """What would be a trace in one conversation."""

    def __init__(self, pool: FunctionPool) -> None:
        self._pool = pool
        self._identifiers: set[str] = set()
        self._names: set[str] = set()
        self._shown: list[str] = []
        self._values: list[str] = []

    def add_function(self, name: str) -> None:
        """A function that is offered."""
        self._names.add(name)
        if name in self._pool.by_name:
            self._identifiers.update(identifiers(self._pool.spec(name)))

    def add_shown(self, text: str) -> None:
        """What the user said."""
        self._shown.append(text)

    def add_values(self, arguments: str, output: str) -> None:
        """A call that was carried out: its values may be repeated, the names of its fields may not."""
        self._values += [arguments, output]

    def find(self, text: str) -> str:
        """The first trace in a message; empty when there is none."""
        if (told := _TOLD.search(text)) and told.group().lower() not in self._spoken().lower():
            return told.group()
        if (hint := _HINT.search(text)) and not _HINT.search(self._spoken()):
            return hint.group()
        if called := next((name for name in _CALLED.findall(text) if name in self._names), ""):
            return f"{called}("
        leaked = self._identifiers.intersection(re.findall(r"\w+", text))
        return min((word for word in leaked if not self._brought_up(word)), default="")

    def _spoken(self) -> str:
        return "\n".join([*self._shown, *self._values])

    def _brought_up(self, word: str) -> bool:
        """Whether the user said an identifier, or a value holds it (a file called like a function)."""
        name = re.escape(word)
        if re.search(rf"\b{name}\b", "\n".join(self._shown)):
            return True
        return bool(re.search(rf'"[^"]*\b{name}\b[^"]*"(?!\s*:)', "\n".join(self._values)))
