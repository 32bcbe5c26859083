"""L = L_SFT + lambda * L_mDPO (the paper's objective; multi-turn DPO after Xiong et al., arXiv 2409.02392), as pure functions.

Each function sees one pack and gives that pack's share of a mean over the global batch: shares add up over packs, accumulation
steps and ranks. Sums over tokens are in float64: log-probabilities of a long conversation add up to thousands, where float32
knows no steps finer than 2e-4 and a difference of two sums would drown. Nothing here hides a NaN.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn.functional import logsigmoid

CHOSEN, REJECTED = 0, 1
"""Columns of the sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairLosses:
    """What mDPO says of P pairs, float64."""

    losses: torch.Tensor
    """-log sigmoid(margin) of each pair, [P]."""
    rewards: torch.Tensor
    """beta * (log pi - log pi_ref) of either side, [P, 2]."""

    @property
    def margins(self) -> torch.Tensor:
        """How much more the right side has gained than the wrong one, [P]: 0 where the policy is the reference."""
        return self.rewards[:, CHOSEN] - self.rewards[:, REJECTED]


def side_sums(log_probs: torch.Tensor, owners: torch.Tensor, sides: torch.Tensor, pairs: int) -> torch.Tensor:
    """Log-probabilities of both sides' trained tokens, summed over all turns, float64 [P, 2].

    Args:
        log_probs: one for each term of a pack, [N].
        owners: the pair of each term, [N].
        sides: whether a term counts on the right and on the wrong side, [N, 2]; a shared term counts on both.
        pairs: P.
    """
    terms = log_probs.double()[:, None] * sides
    return torch.zeros(pairs, 2, dtype=torch.float64, device=log_probs.device).index_add(0, owners, terms)


def mdpo_loss(policy: torch.Tensor, reference: torch.Tensor, *, beta: float, counts: torch.Tensor | None = None) -> PairLosses:
    """-log sigmoid(beta * ((w - w_ref) - (l - l_ref))) of each pair (the paper's L_mDPO).

    Args:
        policy: `side_sums` of the model in training, [P, 2].
        reference: `side_sums` of the reference, [P, 2]; float64, or step 0 has a margin.
        beta: how far the policy may go from the reference.
        counts: trained tokens of either side, [P, 2]: given, each side's sum is divided by its own (length normalisation; then
            shared terms do not cancel where the sides differ in length).
    """
    gained = policy.double() - reference.double()
    if counts is not None:
        gained = gained / counts.clamp(min=1)
    rewards = beta * gained
    return PairLosses(losses=-logsigmoid(rewards[:, CHOSEN] - rewards[:, REJECTED]), rewards=rewards)


def sft_loss(policy: torch.Tensor, *, tokens: float) -> torch.Tensor:
    """This pack's share of L_SFT: the negative log-likelihood of the right sides' trained tokens over their global number.

    Args:
        policy: `side_sums`, [P, 2].
        tokens: trained tokens of all right sides of the global batch.
    """
    return -policy[:, CHOSEN].sum() / tokens


def combined_loss(policy: torch.Tensor, losses: torch.Tensor, *, weight: float, tokens: float, pairs: float) -> torch.Tensor:
    """This pack's share of L = L_SFT + lambda * L_mDPO, float32 [].

    Where gradients are averaged over ranks, as DDP and FSDP do, it is to be multiplied by the number of ranks.

    Args:
        policy: `side_sums`, [P, 2].
        losses: `PairLosses.losses`, [P].
        weight: lambda.
        tokens: trained tokens of all right sides of the global batch.
        pairs: pairs of the global batch.
    """
    return (sft_loss(policy, tokens=tokens) + weight * losses.sum() / pairs).float()
