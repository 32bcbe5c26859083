"""Rows: what is predicted where, and on which side it counts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.training.tokens import Tokens, unshared
from tests.training.tiny_models import random_pairs, random_tokens, torch

packs: Any = pytest.importorskip("magnet_ray.training.packs")
PAIR = Tokens(
    id="pair",
    ids=np.array([10, 11, 12, 20, 21, 30, 31, 32], np.int32),
    mask=np.array([True, False, True, True, False, True, False, True]),
    shared=3,
    chosen=2,
    rejected=3,
)


def terms(row: Any) -> list[tuple[int, int, int, bool, bool]]:
    """Source, target, owner and sides of each term."""
    columns = (row["sources"], row["targets"], row["owners"], *row["sides"].T)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_each_term_is_predicted_where_its_own_side_stands_before_it() -> None:
    row = packs.pack([PAIR])
    assert terms(row) == [
        # A shared term counts on both sides; the first token of all is not predicted.
        (1, 12, 0, True, True),
        (2, 20, 0, True, False),
        # The first rejected token follows the last shared one.
        (2, 30, 0, False, True),
        (6, 32, 0, False, True),
    ]
    assert row["counts"].tolist() == [[2, 3]] and row["ids"] == ("pair",)
    assert row["segments"] == ((3, 2, 3),)
    assert row["position_ids"].tolist() == [[0, 1, 2, 3, 4, 3, 4, 5]]


_MASKS = st.lists(st.booleans(), min_size=1, max_size=9)


@given(st.lists(st.tuples(st.integers(0, 4), _MASKS, _MASKS), min_size=1, max_size=4))
def test_the_terms_of_a_row_are_those_of_its_sides_alone(shapes: list[tuple[int, list[bool], list[bool]]]) -> None:
    pairs = []
    for number, (shared, chosen, rejected) in enumerate(shapes):
        pair = random_tokens(number, shared, len(chosen), len(rejected))
        mask = np.array([*pair.mask[:shared], *chosen, *rejected])
        pairs.append(replace(pair, mask=mask, id=str(number)))
    row = packs.pack(pairs)
    ids, positions, starts = row["input_ids"][0], row["position_ids"][0], np.cumsum([0, *(len(pair.ids) for pair in pairs)])
    for owner, name in enumerate(row["ids"]):
        for column, side in enumerate(unshared(pairs[int(name)])):
            mine = (row["owners"] == owner) & row["sides"][:, column]
            alone = packs.pack([side])
            assert row["targets"][mine].tolist() == alone["targets"].tolist()
            # The token at the source is the one that stands before the target in the side, at the place that it has there.
            assert ids[row["sources"][mine]].tolist() == side.ids[alone["sources"].numpy()].tolist()
            assert positions[row["sources"][mine]].tolist() == alone["sources"].tolist()
            assert int(row["counts"][owner, column]) == len(alone["targets"])
            inside = (row["sources"] >= starts[int(name)]) & (row["sources"] < starts[int(name) + 1])
            assert bool(inside[mine].all())
    trained = [pair.id for pair in pairs if any(len(packs.pack([side])["targets"]) for side in unshared(pair))]
    assert list(row["ids"]) == trained


def test_an_example_has_a_right_side_only() -> None:
    examples = [random_tokens(number, length) for number, length in enumerate((4, 6))]
    row = packs.pack(examples)
    assert row["sides"].tolist() == [[True, False]] * len(row["sources"])
    trained = np.concatenate([example.mask for example in examples])
    assert row["targets"].tolist() == np.concatenate([example.ids for example in examples])[trained].tolist()
    assert row["sources"].tolist() == (trained.nonzero()[0] - 1).tolist()


def test_a_row_that_trains_nothing_is_allowed() -> None:
    idle = replace(PAIR, id="idle", mask=np.zeros(8, np.bool_))
    row = packs.pack([idle, PAIR])
    assert row["ids"] == ("pair",) and row["owners"].tolist() == [0] * 4
    assert row["sources"].tolist() == [9, 10, 10, 14]
    for empty in (packs.pack([idle]), packs.pack([])):
        assert empty["ids"] == () and empty["counts"].shape == (0, 2) and empty["sides"].shape == (0, 2)
        assert empty["sources"].dtype == torch.int64 and empty["targets"].shape == (0,)
    assert packs.pack([])["input_ids"].shape == (1, 1)


def test_what_does_not_belong_together_is_refused() -> None:
    with pytest.raises(ValueError, match="examples and pairs"):
        packs.pack([PAIR, random_tokens(0, 5)])
    with pytest.raises(ValueError, match="parts of 9 tokens"):
        packs.pack([replace(PAIR, rejected=4)])


def test_a_row_can_be_moved_to_a_device() -> None:
    operations: Any = pytest.importorskip("accelerate.utils.operations")
    row = packs.pack(random_pairs((3, 2, 2), (4, 1, 3)))
    moved = operations.send_to_device(row, torch.device("cpu"))
    assert moved["segments"] == row["segments"] and moved["ids"] == row["ids"]
    assert all(torch.equal(moved[name], row[name]) for name in row if isinstance(row[name], torch.Tensor))
