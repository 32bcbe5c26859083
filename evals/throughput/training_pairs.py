"""Random tokens in the shape of preference pairs: how long conversations are, and where two sides part, as in the paper.

Counts of pairs, turns and calls are the paper's (section 4.1): 1,556 single-turn, 2,250 multi-turn and 750 irrelevance pairs; seven
functions a path of which two neighbours share a turn with p = 0.3, so 5.2 turns; 14.98 calls a conversation. How many tokens a tool,
a call or an output takes is what rendered rows of `magnet synthesize` show (SmolLM2's tokenizer, ChatML with Hermes' calls). Sides
part at one of the assistant's messages, each as likely, and go on to the end of the conversation. Lengths are then scaled to a mean.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from magnet_ray.training.tokens import Tokens

PAIRS = {"single_turn": 1_556, "multi_turn": 2_250, "irrelevance": 750}
"""The paper's pairs of each kind."""
FIRST_WORD = 259
"""Ids below it are bytes and the template's special tokens."""
END_OF_TURN = 257
"""Ends each side, as it does real ones."""
_SYSTEM, _TOOL, _QUERY, _CALL, _OUTPUT, _ANSWER, _REFUSAL = 100, 120, 38, 65, 150, 75, 30
_SPREAD = 0.4
_FUNCTIONS, _MERGED, _CALLS = 7, 0.3, 14.98
_TRAINED_RUN = (12, 16)

Piece = tuple[float, bool]
"""Tokens of a part of a conversation, and whether the assistant wrote it."""


def paper_pairs(count: int, *, mean: float, words: int, seed: int = 1) -> list[Tokens]:
    """Pairs of the paper's kinds in its proportions, in random order.

    Args:
        count: how many.
        mean: mean tokens of a side.
        words: size of the vocabulary.
        seed: of lengths, order and tokens.
    """
    random = np.random.default_rng(seed)
    drawn = [_drawn(str(kind), random) for kind in random.permutation(_kinds(count))]
    lengths = [sum(size for size, _ in (*shared, *side)) for shared, *sides in drawn for side in sides]
    scale = mean / float(np.mean(lengths))
    return [_pair(f"pair-{number}", [_scaled(part, scale) for part in parts], words, random) for number, parts in enumerate(drawn)]


def prefix_pairs(count: int, *, length: int, share: float, words: int, seed: int = 1) -> list[Tokens]:
    """Pairs with sides of one length that begin with the same share of it; a quarter of the tokens is the assistant's."""
    shared = min(max(1, round(share * length)), length - 1)
    random = np.random.default_rng(seed)
    parts = [_quarter(shared), _quarter(length - shared), _quarter(length - shared)]
    return [_pair(f"pair-{number}", parts, words, random) for number in range(count)]


def _kinds(count: int) -> list[str]:
    """The kinds of so many pairs: the nearest whole numbers that add up."""
    exact = {kind: count * pairs / sum(PAIRS.values()) for kind, pairs in PAIRS.items()}
    kinds = [kind for kind, number in exact.items() for _ in range(int(number))]
    remainders = sorted(exact, key=lambda kind: int(exact[kind]) - exact[kind])
    return kinds + remainders[: count - len(kinds)]


def _drawn(kind: str, random: np.random.Generator) -> tuple[list[Piece], list[Piece], list[Piece]]:
    """What both sides begin with, and how each goes on."""
    plan = _plan(kind, random)
    parting = int(random.choice([number for number, (_, trained) in enumerate(plan) if trained]))
    # Where no function helps, the wrong side calls one.
    wrong = [(_CALL, True), (_OUTPUT, False), (_ANSWER, True)] if kind == "irrelevance" else plan[parting:]
    return _varied(plan[:parting], random), _varied(plan[parting:], random), _varied(wrong, random)


def _plan(kind: str, random: np.random.Generator) -> list[Piece]:
    """A conversation of mean lengths."""
    if kind == "multi_turn":
        tools, turns = random.integers(9, 13), _FUNCTIONS - random.binomial(_FUNCTIONS - 1, _MERGED)
        more = _CALLS / (_FUNCTIONS - (_FUNCTIONS - 1) * _MERGED) - 1
        calls = [1 + int(random.poisson(more)) for _ in range(turns)]
    else:
        tools, calls = random.integers(3, 9), [0 if kind == "irrelevance" else int(random.integers(1, 4))]
    plan: list[Piece] = [(_SYSTEM + _TOOL * float(tools), False)]
    for number in calls:
        rounds = [(_CALL, True), (_OUTPUT, False)] * number
        plan += [(_QUERY, False), *rounds, (_ANSWER if number else _REFUSAL, True)]
    return plan


def _varied(plan: Sequence[Piece], random: np.random.Generator) -> list[Piece]:
    return [(size * random.lognormal(-_SPREAD * _SPREAD / 2, _SPREAD), trained) for size, trained in plan]


def _scaled(pieces: Sequence[Piece], scale: float) -> list[bool]:
    """The mask of a part: pieces in whole tokens."""
    return [trained for size, trained in pieces for _ in range(max(1, round(size * scale)))]


def _quarter(length: int) -> list[bool]:
    """The mask of a part that ends with the assistant's words."""
    start, period = _TRAINED_RUN
    return [(place - length) % period >= start for place in range(length)]


def _pair(id: str, masks: Sequence[list[bool]], words: int, random: np.random.Generator) -> Tokens:
    """A pair of random tokens from the masks of its parts: shared, only chosen, only rejected."""
    mask = np.concatenate([np.array(each, np.bool_) for each in masks])
    shared, chosen, rejected = map(len, masks)
    ids = random.integers(FIRST_WORD, words, len(mask)).astype(np.int32)
    ids[[shared + chosen - 1, -1]] = END_OF_TURN
    return Tokens(id=id, ids=ids, mask=mask, shared=shared, chosen=chosen, rejected=rejected)
