"""transformers' Trainer, and TRL's SFTTrainer on top of it, made to take whole steps of packs and to checkpoint in safetensors.

The trainers see one item a step: this worker's packs of that step. Accumulation over packs happens inside the step, so that steps
may differ in their number of packs and every loss is a mean over the global batch: of trained tokens for SFT, of pairs for mDPO.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from transformers import Trainer
from trl import SFTTrainer
from trl.trainer.utils import compute_flops_per_token, get_peak_flops

from magnet_ray.errors import JobFailed
from magnet_ray.training.checkpoints import load_random_state, load_state, save_state

Inputs = dict[str, Any]


class LossNotFinite(JobFailed):
    """The loss or a gradient is no number any more; the step was not taken."""


class PackedSteps(Trainer):
    """What both trainers do otherwise than transformers' own; to be named before TRL's among a class's bases."""

    counts: dict[str, float]
    """Of the global batch of this step: `tokens` trained, `seen` by the model, `items` (examples or pairs)."""
    _began = 0.0

    def get_batch_samples(self, epoch_iterator: Iterator[Inputs], num_batches: int, device: torch.device) -> tuple[list[Inputs], Any]:
        """The packs of this worker's next step, and the number of trained tokens in those of all workers."""
        self._began = time.monotonic()
        steps = [step for _, step in zip(range(num_batches), epoch_iterator, strict=False)]
        names = ("tokens", "seen", "items")
        totals = torch.tensor([float(sum(step[name] for step in steps)) for name in names], dtype=torch.float64, device=device)
        if dist.is_initialized():
            dist.all_reduce(totals)
        self.counts = dict(zip(names, totals.tolist(), strict=True))
        return steps, totals[0]

    def training_step(self, model: torch.nn.Module, inputs: Inputs, num_items_in_batch: Any = None) -> torch.Tensor:
        """Forward and backward of all packs; gradients meet those of the other workers at the last one."""
        packs = inputs["packs"]
        losses = []
        for number, pack in enumerate(packs):
            with self._unsynchronised(model) if number + 1 < len(packs) else nullcontext():
                losses.append(super().training_step(model, pack, num_items_in_batch))
        return torch.stack(losses).sum()

    def _unsynchronised(self, model: torch.nn.Module) -> AbstractContextManager[Any]:
        if self.is_distributed_loading_by_transformers:
            # Sharded gradients are reduced after every pack: put off, each worker would hold them all, 4 bytes a parameter.
            return nullcontext()
        unsynchronised: AbstractContextManager[Any] = self.accelerator.no_sync(model)
        return unsynchronised

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """With the rate of the last step: tokens a second over all workers, and the share of the GPUs' arithmetic."""
        if "loss" in logs:
            logs["tokens_per_second"] = self.counts["seen"] / (time.monotonic() - self._began)
            if peak := self._peak_rate():
                # Attention over an average conversation; of the arithmetic of all workers.
                work = compute_flops_per_token(self.model.config.get_text_config(), self.counts["seen"] / self.counts["items"])
                logs["mfu"] = logs["tokens_per_second"] * work / (peak * self.accelerator.num_processes)
        super().log(logs, start_time)

    def _peak_rate(self) -> float | None:
        """Multiplications and additions a second that this worker's GPU can do; None on a CPU or an unknown GPU."""
        args = self.args
        if args.device.type != "cuda":
            return None
        peak: float | None = get_peak_flops(torch.cuda.get_device_name(args.device), "bfloat16" if args.bf16 else "float32")
        return peak

    def floating_point_ops(self, inputs: Inputs) -> int:
        """None: utilisation is counted where it is shown."""
        return 0

    def _clip_grad_norm(self, model: torch.nn.Module) -> Any:
        """Clip, and stop before the optimizer's step where the norm, which all workers share, is no number."""
        norm = super()._clip_grad_norm(model)
        if not torch.isfinite(torch.as_tensor(norm)):
            step = self.state.global_step + 1
            raise LossNotFinite(
                f"the gradients of step {step} are not finite; nothing of it was kept: lower learning_rate, or look at the data"
            )
        return norm

    def save_position(self, directory: Path) -> None:
        """Write what a resumed run needs; every worker calls it."""
        model = self.accelerator.unwrap_model(self.model)
        save_state(directory, model, self.optimizer.optimizer, {"schedule": self.lr_scheduler.state_dict()})
        if self.args.process_index == 0:
            self.state.save_to_json(str(directory / "trainer_state.json"))

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: torch.nn.Module | None = None) -> None:
        """Nothing yet: weights are loaded where they lie once the optimizer is there."""

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            model = self.accelerator.unwrap_model(self.model)
            state = load_state(Path(checkpoint), model, self.optimizer.optimizer)
            self.lr_scheduler.load_state_dict(state["schedule"])
            # The schedule tells the optimizer its rate only after a step, and the next one comes first.
            for group, rate in zip(self.optimizer.param_groups, self.lr_scheduler.get_last_lr(), strict=True):
                group["lr"] = rate

    def _load_rng_state(self, checkpoint: str | None) -> None:
        if checkpoint is not None:
            load_random_state(Path(checkpoint))


class SupervisedTrainer(PackedSteps, SFTTrainer):
    """TRL's SFT loss, the mean negative log-likelihood over the trained tokens of the global batch, from a scored head.

    TRL's own head gives the same, but scores every token on machines without Triton, and an entropy that nobody asked for.
    """

    def compute_loss(self, model: torch.nn.Module, inputs: Inputs, return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """This pack's part of the global mean, times the number of workers, over which gradients are averaged."""
        log_probs = model(**inputs)
        return -log_probs.sum() / self.counts["tokens"] * self.accelerator.num_processes
