"""The losses as pure functions, on numbers that can be worked out by hand."""

from __future__ import annotations

import math
from typing import Any

import pytest

from tests.training.tiny_models import torch

losses: Any = pytest.importorskip("magnet_ray.training.losses")
POLICY = [[-3.0, -8.0], [-5.0, -4.0]]
REFERENCE = [[-4.0, -6.0], [-5.0, -4.0]]


def test_terms_are_summed_by_pair_and_side() -> None:
    log_probs = torch.tensor([-1.0, -2.0, -4.0, -8.0])
    owners = torch.tensor([0, 0, 1, 1])
    sides = torch.tensor([[True, True], [True, False], [False, True], [True, False]])
    sums = losses.side_sums(log_probs, owners, sides, 3)
    assert sums.tolist() == [[-3.0, -1.0], [-8.0, -4.0], [0.0, 0.0]] and sums.dtype == torch.float64


def test_the_loss_is_the_formula_s() -> None:
    made = losses.mdpo_loss(torch.tensor(POLICY), torch.tensor(REFERENCE), beta=0.1)
    assert made.margins.tolist() == pytest.approx([0.1 * (1.0 + 2.0), 0.0])
    assert made.rewards.tolist() == [pytest.approx([0.1, -0.2]), [0.0, 0.0]]
    assert made.losses.tolist() == pytest.approx([math.log(1 + math.exp(-0.3)), math.log(2)])


def test_length_normalisation_divides_each_side_by_its_own_tokens() -> None:
    counts = torch.tensor([[2, 4], [1, 1]])
    made = losses.mdpo_loss(torch.tensor(POLICY), torch.tensor(REFERENCE), beta=0.1, counts=counts)
    assert made.margins.tolist() == pytest.approx([0.1 * (1.0 / 2 + 2.0 / 4), 0.0])


def test_a_shared_term_moves_nothing_unless_lengths_are_normalised() -> None:
    log_probs = torch.tensor([-1.0, -2.0, -4.0], requires_grad=True)
    owners, sides = torch.zeros(3, dtype=torch.long), torch.tensor([[True, True], [True, False], [False, True]])
    for counts, still in ((None, True), (torch.tensor([[2, 7]]), False)):
        sums = losses.side_sums(log_probs, owners, sides, 1)
        losses.mdpo_loss(sums, torch.tensor([[-2.0, -6.0]]), beta=0.3, counts=counts).losses.sum().backward()
        assert bool(log_probs.grad[0] == 0.0) is still
        assert log_probs.grad[1] < 0 < log_probs.grad[2]
        log_probs.grad = None


def test_shares_of_packs_add_up_to_the_mean_over_the_global_batch() -> None:
    policy, reference = torch.tensor(POLICY), torch.tensor(REFERENCE)
    tokens = 9
    whole = losses.mdpo_loss(policy, reference, beta=0.1)
    together = losses.combined_loss(policy, whole.losses, weight=0.5, tokens=tokens, pairs=2)
    assert together.dtype == torch.float32
    assert float(together) == pytest.approx((3.0 + 5.0) / tokens + 0.5 * float(whole.losses.mean()))
    parts = [
        losses.combined_loss(
            policy[row : row + 1],
            losses.mdpo_loss(policy[row : row + 1], reference[row : row + 1], beta=0.1).losses,
            weight=0.5,
            tokens=tokens,
            pairs=2,
        )
        for row in range(2)
    ]
    assert float(sum(parts)) == pytest.approx(float(together))


def test_a_pack_without_pairs_has_no_share() -> None:
    none = losses.side_sums(torch.zeros(0, requires_grad=True), torch.zeros(0, dtype=torch.long), torch.zeros(0, 2, dtype=torch.bool), 0)
    made = losses.mdpo_loss(none, torch.zeros(0, 2), beta=0.1, counts=torch.zeros(0, 2))
    share = losses.combined_loss(none, made.losses, weight=1.0, tokens=5, pairs=3)
    share.backward()
    assert share.item() == 0.0


def test_margins_of_long_conversations_keep_their_digits() -> None:
    log_probs = torch.full((8_000,), -0.7310585)
    owners, sides = torch.zeros(8_000, dtype=torch.long), torch.ones(8_000, 2, dtype=torch.bool)
    policy = losses.side_sums(log_probs, owners, sides, 1)
    parts = losses.side_sums(log_probs[:1_000], owners[:1_000], sides[:1_000], 1) * 8
    assert abs(float((policy - parts).max())) < 1e-9
    near = torch.tensor([[-9_000.00002, -9_000.0]], dtype=torch.float64)
    assert losses.mdpo_loss(near, near.round(), beta=1.0).margins.item() == pytest.approx(-2e-5, rel=1e-3)
    far = losses.mdpo_loss(torch.tensor([[-9e4, 0.0]]), torch.zeros(1, 2), beta=0.3)
    assert float(far.losses) == pytest.approx(2.7e4)


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_a_number_that_is_none_surfaces(bad: float) -> None:
    log_probs = torch.tensor([-1.0, bad])
    sums = losses.side_sums(log_probs, torch.tensor([0, 1]), torch.ones(2, 2, dtype=torch.bool), 2)
    made = losses.mdpo_loss(sums, torch.zeros(2, 2), beta=0.1)
    assert not torch.isfinite(losses.combined_loss(sums, made.losses, weight=1.0, tokens=2, pairs=2))
    # The other pair's figures are its own.
    assert torch.isfinite(made.losses[0])
