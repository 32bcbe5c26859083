"""The categories of BFCL-v3 that run offline, and the figures that its leaderboard makes of them.

Every figure is linear in the categories' accuracies, so each is kept as weights. A figure that lacks a category is absent: the
leaderboard itself counts a missing category as 0. The four `exec` categories of the paper's time no longer run and are in none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from magnet_ray.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Category:
    """One category of the benchmark."""

    name: str
    """Name, as in the ids of its entries."""
    group: str
    """`non_live`, `live` or `multi_turn`."""
    entries: int
    """Entries that the benchmark has of it."""

    @property
    def has_answers(self) -> bool:
        """Whether the package holds answers to compare with; where not, only calling or not calling counts."""
        return "relevance" not in self.name


def _group(group: str, **entries: int) -> tuple[Category, ...]:
    return tuple(Category(name=name, group=group, entries=count) for name, count in entries.items())


CATEGORIES: Final = (
    *_group("non_live", simple=400, java=100, javascript=50, multiple=200, parallel=200, parallel_multiple=200, irrelevance=240),
    *_group(
        "live",
        live_simple=258,
        live_multiple=1_053,
        live_parallel=16,
        live_parallel_multiple=24,
        live_irrelevance=882,
        live_relevance=18,
    ),
    *_group("multi_turn", multi_turn_base=200, multi_turn_miss_func=200, multi_turn_miss_param=200, multi_turn_long_context=200),
)
BY_NAME: Final = {category.name: category for category in CATEGORIES}
GROUPS: Final = tuple(dict.fromkeys(category.group for category in CATEGORIES))
NO_LONGER_RUN: Final = ("exec_simple", "exec_multiple", "exec_parallel", "exec_parallel_multiple")
"""Categories of the leaderboard in the paper's time that called live services; `bfcl_eval` 2025.6.8 holds them no more."""

Weights = Mapping[str, float]
"""Category -> its weight in a figure; they add up to 1."""


def _mean(*parts: Weights) -> Weights:
    """The unweighted mean of figures."""
    weights: dict[str, float] = {}
    for part in parts:
        for name, weight in part.items():
            weights[name] = weights.get(name, 0.0) + weight / len(parts)
    return weights


def _pooled(*names: str) -> Weights:
    """The mean over all entries of some categories."""
    total = sum(BY_NAME[name].entries for name in names)
    return {name: BY_NAME[name].entries / total for name in names}


def _only(name: str) -> Weights:
    return {name: 1.0}


_SIMPLE = _mean(_only("simple"), _only("java"), _only("javascript"))
_AST = (_SIMPLE, _only("multiple"), _only("parallel"), _only("parallel_multiple"))
_LIVE_AST = ("live_simple", "live_multiple", "live_parallel", "live_parallel_multiple")
_NON_LIVE = _mean(*_AST, _only("irrelevance"))
_LIVE = _pooled(*_LIVE_AST, "live_irrelevance", "live_relevance")
_MULTI_TURN = _mean(*(_only(category.name) for category in CATEGORIES if category.group == "multi_turn"))

FIGURES: Final[Mapping[str, Weights]] = {
    "overall": _mean(_NON_LIVE, _LIVE, _MULTI_TURN),
    "non-live": _NON_LIVE,
    "non-live AST": _mean(*_AST),
    "non-live simple": _SIMPLE,
    "live": _LIVE,
    "live AST": _pooled(*_LIVE_AST),
    "multi-turn": _MULTI_TURN,
    "relevance": _only("live_relevance"),
    "irrelevance": _mean(_only("irrelevance"), _only("live_irrelevance")),
}
"""Figure -> weights, as in `eval_runner_helper.generate_leaderboard_csv` of bfcl_eval 2025.6.8."""
FORMULA: Final = (
    "overall = mean(non-live, live, multi-turn); non-live = mean(simple [mean of Python, Java, JavaScript], multiple, parallel, "
    "parallel multiple, irrelevance); live = mean over its entries; multi-turn = mean of its four categories; "
    "irrelevance = mean(irrelevance, live irrelevance)"
)
"""The formula of BFCL-v3's leaderboard, in words."""
PAPER_NOTE: Final = (
    "The paper's overall figure (the leaderboard's of early 2025) also had four exec categories that called live services and no longer "
    f"run ({', '.join(NO_LONGER_RUN)}), so it is not quite comparable; multi-turn, relevance and irrelevance do not depend on them."
)


def chosen(names: Sequence[str], version: int = 3) -> tuple[Category, ...]:
    """The categories that a list of names means, in the benchmark's order: categories, groups, `single_turn` or `all`.

    Raises:
        ConfigError: an unknown name, or none that runs of this version of the benchmark.
    """
    wanted: set[str] = set()
    for name in names:
        wanted |= {category.name for category in CATEGORIES if _means(name, category)}
        if not any(_means(name, category) for category in CATEGORIES):
            known = ", ".join(("all", *GROUPS, "single_turn", *BY_NAME))
            raise ConfigError("categories names no category of BFCL-v3", name, f"some of {known}")
    found = tuple(category for category in CATEGORIES if category.name in wanted and (version == 3 or category.group == "multi_turn"))
    if not found:
        raise ConfigError(f"none of these categories runs of BFCL-v{version}", ", ".join(names), "multi_turn, or some of its categories")
    return found


def _means(name: str, category: Category) -> bool:
    return name in (category.name, category.group, "all") or (name == "single_turn" and category.group != "multi_turn")
