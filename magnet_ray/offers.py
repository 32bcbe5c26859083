"""Which functions a conversation offers: those that it needs and distractors of the same domain."""

from __future__ import annotations

from random import Random

from magnet_ray.functions.pool import FunctionPool
from magnet_ray.types import Category, FunctionSpec, SignaturePath

SIMILAR = 0.6
"""Overlap of description words from which two functions are taken to do the same."""
HARD_IRRELEVANCE = 0.5
"""Share of irrelevant requests that are offered functions of their own domain."""


def offer(path: SignaturePath, pool: FunctionPool, distractors: tuple[int, int], withheld: frozenset[str]) -> tuple[str, ...]:
    """Names of the offered functions, in a drawn order.

    A single call is offered its one function, as in BFCL's simple category; all others get distractors.

    Args:
        path: the signature path.
        pool: the pool.
        distractors: fewest and most functions beside the needed ones.
        withheld: functions that must not be offered at first.
    """
    rng = Random(f"{path.seed}/offer")
    needed = list(dict.fromkeys(step.function for turn in path.turns for step in turn.steps if step.function not in withheld))
    if path.category is Category.SINGLE:
        return tuple(needed)
    domain = path.domain
    if path.category is Category.IRRELEVANCE and rng.random() >= HARD_IRRELEVANCE:
        others = [category for category in pool.categories if category != path.domain]
        domain = rng.choice(others) if others else domain
    gone = [pool.spec(name) for name in sorted(withheld)]
    candidates = [
        spec.name
        for spec in pool.in_category(domain)
        if spec.name not in needed and spec.name not in withheld and not any(similar(spec, other) for other in gone)
    ]
    chosen = rng.sample(candidates, min(len(candidates), rng.randint(*distractors)))
    return tuple(rng.sample([*needed, *chosen], len(needed) + len(chosen)))


def similar(one: FunctionSpec, other: FunctionSpec) -> bool:
    """Whether two functions say that they do about the same (word overlap of their descriptions)."""
    a, b = _words(one), _words(other)
    return bool(a and b) and len(a & b) / min(len(a), len(b)) >= SIMILAR and len(a & b) / len(a | b) >= SIMILAR / 2


def _words(spec: FunctionSpec) -> frozenset[str]:
    text = f"{spec.name.replace('_', ' ')} {spec.description}".lower()
    return frozenset(word for word in text.replace(".", " ").replace(",", " ").split() if len(word) > 3)
