"""How training is configured: what `magnet train sft` and `magnet train mdpo` share, and what mDPO adds.

Defaults are the paper's for a 7B model (section 4.1); `jobs/configs/magnet-*.yaml` hold its recipes.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from pydantic.config import JsonDict

from magnet_ray.config import ClusterConfig, Share, Text, Weight
from magnet_ray.sections import ROWS_UNCHANGED, Section

UNCHANGED: JsonDict = {ROWS_UNCHANGED: True}
Workers = Annotated[int, Field(ge=1, le=100_000)]


class LoraConfig(Section):
    """Low-rank adapters on all linear layers in place of full fine-tuning (paper: r = 32, alpha = 64 for the 14B's mDPO)."""

    enabled: bool = Field(default=False, description="Train adapters and leave the weights alone.")
    rank: int = Field(default=32, ge=1, le=4_096, description="Rank of the adapters.")
    alpha: int = Field(default=64, ge=1, le=65_536, description="Scale of the adapters: alpha / rank.")


class ScalingConfig(Section):
    """Workers and what each of them has. The loss curve does not depend on it, rounding apart."""

    workers: tuple[Workers, Workers] = Field(
        default=(1, 1),
        description="Fewest and most workers; between them the run follows what the cluster has.",
        json_schema_extra=UNCHANGED,
    )
    gpu: bool | None = Field(default=None, description="One GPU each; null: where the cluster has them.", json_schema_extra=UNCHANGED)
    cpus: Annotated[int, Field(ge=1, le=1_024)] | None = Field(
        default=None, description="CPUs of each worker; null: 1 beside a GPU, else an equal share.", json_schema_extra=UNCHANGED
    )
    sharding: Literal["ddp", "fsdp"] = Field(
        default="fsdp",
        description="`fsdp`: weights, gradients and optimizer are spread over the workers (FSDP2); `ddp`: each has them all.",
        json_schema_extra=UNCHANGED,
    )
    max_failures: int = Field(
        default=3, ge=0, le=1_000, description="Lost workers after which the job gives up.", json_schema_extra=UNCHANGED
    )

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.workers[0] > self.workers[1]:
            raise ValueError("workers as [fewest, most]")
        return self


class CheckpointConfig(Section):
    """What a killed run goes on from."""

    every: int = Field(default=50, ge=1, description="Steps between two checkpoints.", json_schema_extra=UNCHANGED)
    storage: Text | None = Field(
        default=None,
        description="Directory or object store (s3://…) that all nodes reach; null: the run's directory.",
        json_schema_extra=UNCHANGED,
    )


class HeldOutConfig(Section):
    """Conversations kept from training, on which the model is measured before and after."""

    by: Literal["domain", "function", "row"] = Field(
        default="domain", description="Whole domains, single functions (with every row that offers one), or rows."
    )
    share: Share = Field(default=0.1, description="Share of the rows to hold out; 0 trains on everything and measures nothing.")
    seed: int = Field(default=1, ge=0, lt=2**63, description="Seed of the choice: one for SFT and mDPO, or mDPO sees what SFT held out.")
    data: tuple[Text, ...] = Field(
        default=(),
        description="Finished runs of magnet synthesize to measure on, all of their rows, beside what is held out of --data.",
        json_schema_extra=UNCHANGED,
    )
    turns: int = Field(default=200, ge=0, description="Turns to answer before and after; 0 measures nothing.", json_schema_extra=UNCHANGED)
    max_new_tokens: int = Field(default=256, ge=1, description="Longest answer, in tokens.", json_schema_extra=UNCHANGED)


class PlanConfig(Section):
    """What `--plan` cannot know."""

    examples: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Examples, or pairs; null: as many as the data give.", json_schema_extra=UNCHANGED
    )
    mean_tokens: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Mean tokens of an example or pair; null: measured on the data.", json_schema_extra=UNCHANGED
    )
    gpu_memory_gb: float = Field(default=80.0, gt=0, description="Memory of a GPU, in 10^9 bytes.", json_schema_extra=UNCHANGED)
    tokens_per_second: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Tokens that a GPU trains on in a second; null: from peak and utilisation.", json_schema_extra=UNCHANGED
    )
    peak_tflops: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Peak of a GPU in 10^12 operations a second; null: an H100's.", json_schema_extra=UNCHANGED
    )
    utilisation: Share = Field(default=0.4, gt=0, description="Share of the peak that is reached.", json_schema_extra=UNCHANGED)
    price_per_gpu_hour: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="Price of a GPU for an hour.", json_schema_extra=UNCHANGED
    )


class TrainConfig(Section):
    """What both kinds of training share."""

    model: Text = Field(default="Qwen/Qwen2.5-Coder-7B-Instruct", description="Checkpoint to start from, as for --model.")
    data: tuple[Text, ...] = Field(default=("runs/a",), min_length=1, description="Finished runs to train on, as for --data.")
    seed: int = Field(default=1, ge=0, lt=2**31, description="Seed of the order of the examples.")
    max_tokens: int = Field(default=8_192, ge=16, description="Longest conversation; whole turns are dropped from its beginning.")
    pack_tokens: Annotated[int, Field(ge=16)] | None = Field(
        default=None,
        description="Tokens that go through the model at once, without padding; null: max_tokens.",
        json_schema_extra=UNCHANGED,
    )
    epochs: int = Field(default=1, ge=1, le=1_000, description="Passes over the data.")
    max_steps: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Steps after which to stop; null: all epochs.")
    batch_size: int = Field(default=64, ge=1, description="Examples, or pairs, of one optimizer step over all workers.")
    learning_rate: float = Field(default=1e-5, gt=0, description="Peak learning rate.")
    schedule: Literal["linear", "cosine", "constant_with_warmup"] = Field(default="cosine", description="Course of the learning rate.")
    warmup: Share = Field(default=0.1, description="Share of the steps in which the learning rate rises.")
    weight_decay: Weight = Field(default=0.0, description="AdamW's weight decay.")
    max_grad_norm: float = Field(default=1.0, gt=0, description="Norm to which gradients are clipped.")
    bf16: bool | None = Field(default=None, description="Compute in bfloat16 over float32 weights; null: on GPUs.")
    gradient_checkpointing: bool = Field(
        default=True,
        description="Compute activations again in the backward pass: less memory, more work.",
        json_schema_extra=UNCHANGED,
    )
    lora: LoraConfig = Field(default=LoraConfig(), description="Adapters.")
    scaling: ScalingConfig = Field(default=ScalingConfig(), description="Workers.")
    checkpoint: CheckpointConfig = Field(default=CheckpointConfig(), description="Checkpoints.")
    held_out: HeldOutConfig = Field(default=HeldOutConfig(), description="Measured before and after.")
    plan: PlanConfig = Field(default=PlanConfig(), description="For --plan.")
    report_to: tuple[Literal["tensorboard", "wandb", "mlflow"], ...] = Field(
        default=("tensorboard",), description="Trackers; TensorBoard's files lie in the run's directory.", json_schema_extra=UNCHANGED
    )
    failure_budget: Share = Field(
        default=0.2, description="Share of rows that cannot be trained on above which the job fails.", json_schema_extra=UNCHANGED
    )
    ray: ClusterConfig = Field(default=ClusterConfig(), description="Where it runs.")


class SftConfig(TrainConfig):
    """`magnet train sft`: supervised fine-tuning on the assistant's tokens."""


class MdpoConfig(TrainConfig):
    """`magnet train mdpo`: L = L_SFT + lambda * L_mDPO over preference pairs (paper, section 3.4)."""

    data: tuple[Text, ...] = Field(default=("runs/pairs",), min_length=1, description="Finished runs of magnet distill, as for --data.")
    batch_size: int = Field(default=32, ge=1, description="Pairs of one optimizer step over all workers.")
    learning_rate: float = Field(default=1e-6, gt=0, description="Peak learning rate.")
    beta: float = Field(default=0.1, gt=0, description="How strongly the policy is held to the reference.")
    mdpo_weight: Weight = Field(default=1.0, description="Lambda: weight of the mDPO loss beside the SFT loss.")
    extent: Literal["trajectory", "continuation"] = Field(
        default="trajectory",
        description="Assistant's tokens that count: of the whole conversation, or only from where the sides part.",
    )
    reference_cache: Text | None = Field(
        default=None,
        description="Directory where the reference's log-probabilities are kept, for several runs to share; null: the run's.",
        json_schema_extra=UNCHANGED,
    )
    length_normalised: bool = Field(default=False, description="Divide each side's log-probability by its trained tokens.")
