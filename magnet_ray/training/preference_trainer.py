"""Multi-turn DPO beside SFT: transformers' Trainer with the paper's loss over packs of pairs."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist

from magnet_ray.training.losses import combined_loss, mdpo_loss, sft_loss, side_sums
from magnet_ray.training.settings import MdpoConfig
from magnet_ray.training.trainers import Inputs, PackedSteps

FIGURES = ("sft_loss", "mdpo_loss", "margin", "preferred", "chosen_reward", "rejected_reward")


class PreferenceTrainer(PackedSteps):
    """L = L_SFT + lambda * L_mDPO (paper, section 3.4), and what a reader of its curve wants to know."""

    def __init__(self, *, objective: MdpoConfig, **options: Any) -> None:
        super().__init__(**options)
        self.objective = objective
        # The loss is a share of a mean over the global batch already.
        self.loss_is_scaled_for_ga = True
        self._figures = torch.zeros(len(FIGURES), dtype=torch.float64)

    def compute_loss(self, model: torch.nn.Module, inputs: Inputs, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """This pack's part of the global mean, times the number of workers, over which gradients are averaged."""
        pairs, objective, counts = inputs["pairs"], self.objective, self.counts
        policy = side_sums(model(**inputs["model"]), pairs["owners"], pairs["sides"], len(pairs["counts"]))
        compared = mdpo_loss(
            policy, pairs["reference"], beta=objective.beta, counts=pairs["counts"] if objective.length_normalised else None
        )
        loss = combined_loss(policy, compared.losses, weight=objective.mdpo_weight, tokens=counts["tokens"], pairs=counts["items"])
        with torch.no_grad():
            margins = compared.margins
            shares = [
                sft_loss(policy, tokens=counts["tokens"]),
                *(each.sum() / counts["items"] for each in (compared.losses, margins, (margins > 0).double(), *compared.rewards.T)),
            ]
            self._figures += torch.stack(shares).cpu()
        return loss * self.accelerator.num_processes

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """With the parts of the loss, the margin and the share of pairs whose right side is preferred, over the global batch."""
        if "loss" in logs:
            figures = self._figures.to(self.args.device)
            if dist.is_initialized():
                dist.all_reduce(figures)
            logs.update(zip(FIGURES, figures.tolist(), strict=True))
            self._figures.zero_()
        super().log(logs, start_time)
