"""What the models of a run were asked and what it took, counted for each role. Counts add up over workers and processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from magnet_ray.llm.base import Role, Usage
from magnet_ray.types import JsonValue


@dataclass(slots=True, kw_only=True)
class RoleUsage:
    """The counts of one role. They grow in place: the one record here that does."""

    requests: int = 0
    """Requests sent, every try counted."""
    from_cache: int = 0
    """Answers found on the disk, for which nothing was sent."""
    prompt_tokens: int = 0
    """Tokens read for the answers that came."""
    completion_tokens: int = 0
    """Tokens written in the answers that came."""
    retries: int = 0
    """Requests that were sent again after a failed try."""
    errors: Counter[str] = field(default_factory=Counter)
    """Trouble -> tries that it ended."""
    seconds: float = 0.0
    """Time from sending to the answer's end, summed over the answers that came."""

    @property
    def answers(self) -> int:
        """Answers that came over the wire."""
        return self.requests - self.errors.total()

    def add_answer(self, usage: Usage, seconds: float) -> None:
        """Count an answer that came."""
        self.prompt_tokens += usage.prompt_tokens
        self.completion_tokens += usage.completion_tokens
        self.seconds += seconds

    def add(self, other: RoleUsage) -> None:
        """Add another worker's counts."""
        self.requests += other.requests
        self.from_cache += other.from_cache
        self.prompt_tokens += other.prompt_tokens
        self.completion_tokens += other.completion_tokens
        self.retries += other.retries
        self.errors.update(other.errors)
        self.seconds += other.seconds


class UsageBook:
    """The counts of all roles."""

    __slots__ = ("roles",)

    def __init__(self) -> None:
        self.roles: dict[Role, RoleUsage] = {}

    def of(self, role: Role) -> RoleUsage:
        """The role's counts, to add to."""
        return self.roles.get(role) or self.roles.setdefault(role, RoleUsage())

    def add(self, other: UsageBook) -> None:
        """Add another worker's counts."""
        for role, usage in other.roles.items():
            self.of(role).add(usage)

    def as_json(self) -> dict[str, JsonValue]:
        """Role -> counts, as plain values in the order of the roles."""
        return {role.value: _values(self.roles[role]) for role in Role if role in self.roles}

    @classmethod
    def from_json(cls, values: Mapping[str, JsonValue]) -> Self:
        """The counts from what `as_json` gave."""
        book = cls()
        for role, counts in values.items():
            book.roles[Role(role)] = RoleUsage(**{**counts, "errors": Counter(counts["errors"])})
        return book


def _values(usage: RoleUsage) -> dict[str, JsonValue]:
    return {
        "requests": usage.requests,
        "from_cache": usage.from_cache,
        "prompt_tokens": usage.prompt_tokens,
        "completion_tokens": usage.completion_tokens,
        "retries": usage.retries,
        "errors": dict(sorted(usage.errors.items())),
        "seconds": round(usage.seconds, 3),
    }
