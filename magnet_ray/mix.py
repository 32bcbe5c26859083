"""Which kind of conversation a path index makes: the training mix (paper, section 4.1), without a sampler.

The weights give exact quotas over one fixed cycle of indices, spread as evenly as they go, so every prefix
is near its quota. Invariant: both functions depend on (index, weights) alone, whatever was made before.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import Final

from magnet_ray.errors import ConfigError
from magnet_ray.types import Category

LONGEST_CYCLE: Final = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MixWeights:
    """Shares of the categories; only their ratios matter. Defaults: the paper's 34,000 SFT examples."""

    single_turn: float = 20_000
    """Share of single, parallel and multiple together."""
    multi_turn: float = 7_800
    """Share of multi_turn, miss_func and miss_params together."""
    irrelevance: float = 6_200
    """Share of irrelevance."""
    single: float = 1
    """Within the first share: one function offered or called once."""
    parallel: float = 1
    """Within the first share: several calls at once."""
    multiple: float = 1
    """Within the first share: one call, several functions offered."""
    complete: float = 2
    """Within the second share: conversations that lack nothing."""
    miss_func: float = 1
    """Within the second share: conversations in which a function is missing."""
    miss_params: float = 1
    """Within the second share: conversations in which a value is missing."""


def category_of(index: int, weights: MixWeights) -> Category:
    """The category of a path.

    Raises:
        ConfigError: the weights give no mix.
    """
    cycle = _cycle(weights)
    return cycle.order[index % len(cycle.order)]


def position_of(index: int, weights: MixWeights) -> int:
    """How many smaller indices have the same category: its position among the paths of its kind."""
    cycle = _cycle(weights)
    rounds, place = divmod(index, len(cycle.order))
    return rounds * cycle.counts[cycle.order[place]] + cycle.ranks[place]


def shares(weights: MixWeights) -> dict[Category, Fraction]:
    """Exact share of each category.

    Raises:
        ConfigError: a weight is negative or not finite, or all are zero.
    """
    groups = (
        (
            weights.single_turn,
            ((Category.SINGLE, weights.single), (Category.PARALLEL, weights.parallel), (Category.MULTIPLE, weights.multiple)),
        ),
        (
            weights.multi_turn,
            ((Category.MULTI_TURN, weights.complete), (Category.MISS_FUNC, weights.miss_func), (Category.MISS_PARAMS, weights.miss_params)),
        ),
        (weights.irrelevance, ((Category.IRRELEVANCE, 1),)),
    )
    raw: dict[Category, Fraction] = {}
    for weight, members in groups:
        inner = sum((_fraction(member) for _, member in members), Fraction())
        if weight and not inner:
            raise ConfigError(
                "a share of the mix has no category to go to", str(members[0][0]), "a positive weight inside each group in use"
            )
        raw |= {category: _fraction(weight) * _fraction(member) / (inner or 1) for category, member in members}
    total = sum(raw.values(), Fraction())
    if not total:
        raise ConfigError("the mix is empty", "only zero weights", "at least one positive weight")
    return {category: share / total for category, share in raw.items()}


def _fraction(weight: float) -> Fraction:
    try:
        value = Fraction(weight).limit_denominator(10_000)
    except (ValueError, OverflowError):
        value = Fraction(-1)
    if value < 0:
        raise ConfigError("a weight of the mix cannot be used", weight, "a number of at least 0")
    return value


@dataclass(frozen=True, slots=True)
class _Cycle:
    order: tuple[Category, ...]
    counts: dict[Category, int]
    ranks: tuple[int, ...]


@lru_cache(maxsize=16)
def _cycle(weights: MixWeights) -> _Cycle:
    counts = _counts(shares(weights))
    # The k-th of n members belongs at (k + 1/2) / n of the cycle: the most even order there is for one category.
    slots = [(Fraction(2 * k + 1, 2 * n), position, category, k) for position, (category, n) in enumerate(counts.items()) for k in range(n)]
    slots.sort(key=lambda slot: slot[:2])
    return _Cycle(tuple(slot[2] for slot in slots), counts, tuple(slot[3] for slot in slots))


def _counts(exact: dict[Category, Fraction]) -> dict[Category, int]:
    length = lcm(*(share.denominator for share in exact.values()))
    if length <= LONGEST_CYCLE:
        counts = {category: int(share * length) for category, share in exact.items()}
        divisor = gcd(*counts.values())
        return {category: count // divisor for category, count in counts.items()}
    # Odd weights: the largest remainders share what rounding down leaves.
    counts = {category: int(share * LONGEST_CYCLE) for category, share in exact.items()}
    by_remainder = sorted(exact, key=lambda category: (counts[category] - exact[category] * LONGEST_CYCLE, category))
    for category in by_remainder[: LONGEST_CYCLE - sum(counts.values())]:
        counts[category] += 1
    return counts
