"""The second pass: near duplicates whatever the order of the rows, and overlaps with a benchmark's queries."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.duplicates import (
    PERMUTATIONS,
    QueryIndex,
    Signature,
    conversation_text,
    near_duplicates,
    shingles,
    signature,
    user_queries,
    words,
)
from magnet_ray.types import Trajectory
from tests.builtin_recipe import builtin_rows
from tests.conftest import sample_trajectory

WORDS = [f"{first}{second}" for first in ("ka", "lo", "mi", "su", "te", "vo") for second in ("ra", "ne", "pi", "do", "xa")]


def text_of(seed: int, length: int = 60) -> str:
    """A text that shares no three words in a row with those of other seeds, as good as."""
    return " ".join(Random(seed).choices(WORDS, k=length))


def stacked(texts: list[str]) -> Signature:
    return np.stack([signature(text) for text in texts])


# Texts 0 to 5 are different; the others are one of them with a word changed at the end.
TEXTS = [text_of(seed) for seed in range(6)] + [text_of(seed) + " indeed" for seed in (0, 2, 2, 5)]
TWINS = {6: 0, 7: 2, 8: 2, 9: 5}


def test_the_larger_index_of_two_near_duplicates_goes() -> None:
    assert near_duplicates(range(len(TEXTS)), stacked(TEXTS), 0.8) == TWINS


@given(st.permutations(range(len(TEXTS))))
def test_the_order_of_the_rows_changes_nothing(order: list[int]) -> None:
    assert near_duplicates(order, stacked([TEXTS[index] for index in order]), 0.8) == TWINS


@given(st.lists(st.integers(0, 4), min_size=1, max_size=12), st.integers(1, 4))
def test_sharding_changes_nothing(kinds: list[int], shards: int) -> None:
    texts = [text_of(kind) for kind in kinds]
    firsts = {kind: kinds.index(kind) for kind in kinds}
    whole = near_duplicates(range(len(texts)), stacked(texts), 0.8)
    assert whole == {index: firsts[kind] for index, kind in enumerate(kinds) if firsts[kind] != index}
    rows = [index for shard in range(shards) for index in range(shard, len(texts), shards)]
    assert near_duplicates(rows, stacked([texts[index] for index in rows]), 0.8) == whole


def test_gaps_between_the_indices_change_nothing() -> None:
    spread = [index * 1000 + 7 for index in range(len(TEXTS))]
    assert near_duplicates(spread, stacked(TEXTS), 0.8) == {a * 1000 + 7: b * 1000 + 7 for a, b in TWINS.items()}


def test_different_texts_stay() -> None:
    assert near_duplicates(range(40), stacked([text_of(seed) for seed in range(40)]), 0.8) == {}


def test_a_row_that_went_does_not_take_others_with_it() -> None:
    base = text_of(1, 80).split()
    # Each differs from the one before by little, the last from the first by much.
    chain = [" ".join(base[:80]), " ".join(["x"] * 8 + base[8:80]), " ".join(["x"] * 8 + base[8:72] + ["y"] * 8)]
    signatures = stacked(chain)
    similarity = [float(np.mean(signatures[a] == signatures[b])) for a, b in ((0, 1), (1, 2), (0, 2))]
    threshold = (min(similarity[:2]) + similarity[2]) / 2
    assert similarity[2] < threshold < min(similarity[:2])
    assert near_duplicates([0, 1, 2], signatures, threshold) == {1: 0}


def test_no_rows_have_no_duplicates() -> None:
    assert near_duplicates([], np.zeros((0, PERMUTATIONS), dtype=np.uint32), 0.8) == {}


def test_signatures_estimate_the_overlap_of_shingles() -> None:
    one, other = text_of(1, 200), " ".join([*text_of(1, 200).split()[:100], *text_of(2, 100).split()])
    exact = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
    estimate = float(np.mean(signature(one) == signature(other)))
    assert abs(estimate - exact) < 0.2 and 0.2 < exact < 0.5
    assert signature(one).shape == (PERMUTATIONS,)


def test_shingles_are_three_words_and_a_short_text_is_one() -> None:
    assert words("Book it, at 6:30!") == ["book", "it", "at", "6", "30"]
    assert shingles("a b c d") == {"a b c", "b c d"}
    assert shingles("Hello you") == {"hello you"}


def test_conversations_of_the_built_in_pool_are_not_each_others_duplicates() -> None:
    rows = builtin_rows()
    assert near_duplicates([row.index for row in rows], stacked([conversation_text(row) for row in rows]), 0.8) == {}


def test_a_row_that_comes_twice_is_found() -> None:
    rows: list[Trajectory] = [*builtin_rows()[:20], replace(builtin_rows()[3], index=900, id="again")]
    removed = near_duplicates([row.index for row in rows], stacked([conversation_text(row) for row in rows]), 0.8)
    assert removed == {900: builtin_rows()[3].index}


def test_the_text_of_a_conversation_holds_words_calls_and_outputs_but_not_the_date() -> None:
    text = conversation_text(sample_trajectory())
    assert "Book the second one" in text and 'find_places{"city":"Ulm"}' in text and "Nordlicht" in text
    assert "Today is Monday" not in text
    assert user_queries(sample_trajectory(4)) == ["What is there in Ulm and in Bern? (4)", "Book the second one for 4."]


LONG = "please move the third file of the folder called reports to the archive and rename it afterwards to last year"


def test_thirteen_words_in_a_row_are_an_overlap_and_twelve_are_not() -> None:
    index = QueryIndex([LONG], ngram=13, threshold=0.99)
    shared = LONG.split()
    padding = "so listen to me now because this is long enough to differ in every other respect from that"
    assert index.overlaps(f"{padding}: {' '.join(shared[2:15]).upper()}, thanks")
    assert not index.overlaps(f"{padding}: {' '.join(shared[2:14])}, thanks")


@pytest.mark.parametrize(("kept", "overlap"), [(18, True), (6, False)])
def test_shingles_that_overlap_by_half_are_an_overlap(kept: int, overlap: bool) -> None:
    query = " ".join([*LONG.split()[:kept], "whatever", "else"])
    share = len(shingles(query) & shingles(LONG)) / len(shingles(query) | shingles(LONG))
    assert (share >= 0.5) is overlap
    assert QueryIndex(["something else entirely", LONG], ngram=99, threshold=0.5).overlaps(query) is overlap


@given(st.integers(0, 30), st.integers(0, 30))
def test_the_index_agrees_with_the_exact_measure(first: int, second: int) -> None:
    one, other = text_of(first % 5, 20 + first), text_of(second % 5, 20 + second)
    share = len(shingles(one) & shingles(other)) / len(shingles(one) | shingles(other))
    assert QueryIndex([one], ngram=99, threshold=0.5).overlaps(other) is (share >= 0.5)


def test_queries_of_the_built_in_pool_do_not_overlap_with_a_foreign_one() -> None:
    index = QueryIndex([LONG], ngram=13, threshold=0.5)
    assert not any(index.overlaps(query) for row in builtin_rows()[:50] for query in user_queries(row))
