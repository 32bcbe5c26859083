"""The benchmark against TRL: the shape of its pairs, and that both trainers do the same work."""

from __future__ import annotations

import numpy as np
import pytest

from evals.throughput.training import Objective, Setup, bench, compare, right_sides
from evals.throughput.training_pairs import END_OF_TURN, paper_pairs, prefix_pairs
from evals.throughput.training_runs import Shape
from magnet_ray.training.tokens import unshared

WORDS = 512


def test_pairs_have_the_mean_length_that_was_asked_for_and_the_papers_mix() -> None:
    pairs = paper_pairs(64, mean=1_000, words=WORDS)
    lengths = [len(side.ids) for pair in pairs for side in unshared(pair)]
    assert np.mean(lengths) == pytest.approx(1_000, rel=0.01)
    # Half of the pairs are long conversations, the others short ones.
    assert np.percentile(lengths, 25) < 500 < 1_500 < np.percentile(lengths, 90)
    assert len({pair.id for pair in pairs}) == 64


def test_pairs_depend_on_the_seed_alone() -> None:
    first, again, other = (paper_pairs(8, mean=100, words=WORDS, seed=seed) for seed in (1, 1, 2))
    assert [pair.ids.tolist() for pair in first] == [pair.ids.tolist() for pair in again]
    assert [pair.ids.tolist() for pair in first] != [pair.ids.tolist() for pair in other]


def test_sides_part_at_the_assistants_words_and_end_with_them() -> None:
    for pair in paper_pairs(32, mean=200, words=WORDS):
        chosen, rejected = unshared(pair)
        assert pair.mask[pair.shared] and pair.mask[pair.shared + pair.chosen]
        assert chosen.mask[-1] and rejected.mask[-1]
        assert chosen.ids[-1] == rejected.ids[-1] == END_OF_TURN


@pytest.mark.parametrize("share", [0.0, 0.25, 0.9])
def test_sides_of_one_length_share_what_was_asked_for(share: float) -> None:
    for pair in prefix_pairs(2, length=320, share=share, words=WORDS):
        assert [len(side.ids) for side in unshared(pair)] == [320, 320]
        assert pair.shared == max(1, round(320 * share))
        assert unshared(pair)[0].mask.mean() == pytest.approx(0.25, abs=0.03)


@pytest.mark.slow
@pytest.mark.parametrize("objective", ["sft", "mdpo"])
def test_ours_and_trls_take_the_same_steps_over_the_same_tokens(objective: Objective) -> None:
    for package in ("torch", "transformers", "trl", "accelerate"):
        pytest.importorskip(package)
    pairs = paper_pairs(6, mean=100, words=WORDS)
    data = pairs if objective == "mdpo" else right_sides(pairs)
    with bench(Setup(shape=Shape(words=WORDS, hidden=32, layers=2))) as place:
        found = compare(place.run("toy", objective, data, 2, 1), repeats=1)
    ours, theirs = found["ours"][0], found["trl"][0]
    assert len(ours.seconds) == len(theirs.seconds) == 2
    assert ours.device == theirs.device
    assert ours.tokens == theirs.tokens
    assert sum(ours.computed) <= sum(ours.tokens) <= sum(theirs.computed)
    assert min(ours.grown, theirs.grown) > 0
    if objective == "sft":
        assert ours.losses == pytest.approx(theirs.losses, rel=1e-4)
    else:
        # The first step's margin is 0 for both; what is beside it is not a mean over the same tokens.
        assert ours.losses[0] == pytest.approx(theirs.losses[0], rel=0.05)
