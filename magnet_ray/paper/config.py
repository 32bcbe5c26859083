"""How the pipeline is configured: a section for each step, which is that of the step's own command.

What one step takes from another (the pool, the data, the checkpoint, the student) is set by the pipeline and may not be given.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeVar

from pydantic import Field

from evals.bfcl.job import BfclConfig
from evals.heldout.conversations import HeldOutConfig
from evals.toolquery.job import ToolQueryConfig
from magnet_ray.config import ClusterConfig, DistillConfig, GraphConfig, IsolationConfig, SynthesizeConfig, Text
from magnet_ray.errors import ConfigError
from magnet_ray.sections import ROWS_UNCHANGED, Section
from magnet_ray.serving.settings import ServeConfig
from magnet_ray.training.settings import MdpoConfig, SftConfig

SectionKind = TypeVar("SectionKind", bound=Section)
StepName = Literal["pool", "graph", "synthesize", "sft", "distill", "mdpo", "evaluate"]
Checkpoint = Literal["base", "sft", "mdpo"]
EvaluationName = Literal["heldout", "toolquery", "bfcl"]

STEPS: Final[tuple[StepName, ...]] = ("pool", "graph", "synthesize", "sft", "distill", "mdpo", "evaluate")
CLUSTER: Final = ("ray.address", "ray.num_cpus")


class EvaluateConfig(Section):
    """What is measured at the end."""

    checkpoints: tuple[Checkpoint, ...] = Field(
        default=("base", "sft", "mdpo"), min_length=1, description="Models to measure; those that the pipeline does not have are left out."
    )
    evaluations: tuple[EvaluationName, ...] = Field(
        default=("heldout", "toolquery"), min_length=1, description="Evaluations; `bfcl` needs bfcl_eval."
    )
    heldout: HeldOutConfig = Field(
        default=HeldOutConfig(), description="Conversations that training never saw; with `run` null those that it held out."
    )
    toolquery: ToolQueryConfig = Field(default=ToolQueryConfig(), description="ToolQuery-style tasks.")
    bfcl: BfclConfig = Field(default=BfclConfig(), description="BFCL-v3.")


class PipelineConfig(Section):
    """`magnet pipeline`: the steps of the paper, each with the settings of its own command."""

    steps: tuple[StepName, ...] = Field(
        default=STEPS, min_length=1, description="Steps to do; what a step needs of one that is left out must be given."
    )
    ray: ClusterConfig = Field(default=ClusterConfig(), description="Where all steps run.", json_schema_extra={ROWS_UNCHANGED: True})
    synthesize: SynthesizeConfig = Field(default=SynthesizeConfig(), description="Pool, graph and conversations.")
    sft: SftConfig = Field(default=SftConfig(), description="SFT; `sft.model` is the checkpoint that all begins with.")
    distill: DistillConfig = Field(
        default=DistillConfig(), description="Preference pairs; with a `student` the SFT model makes the mistakes, without one rules do."
    )
    mdpo: MdpoConfig = Field(default=MdpoConfig(), description="Multi-turn DPO.")
    evaluate: EvaluateConfig = Field(default=EvaluateConfig(), description="What is measured at the end.")
    serve: ServeConfig = Field(
        default=ServeConfig(), description="How models are served to steps that ask them.", json_schema_extra={ROWS_UNCHANGED: True}
    )


class PoolStepConfig(Section):
    """What a pool depends on."""

    sources: tuple[Text, ...] = Field(min_length=1, description="Sources of functions.")
    seed: int = Field(description="Seed of the scenarios in which functions are tried.")
    isolation: IsolationConfig = Field(description="Limits on foreign code.")


class GraphStepConfig(PoolStepConfig):
    """What a graph depends on."""

    graph: GraphConfig = Field(description="How it is made.")


def linked(section: SectionKind, values: Mapping[str, object]) -> SectionKind:
    """A section with other values at dotted keys."""
    for key, value in values.items():
        first, _, rest = key.partition(".")
        inner = linked(getattr(section, first), {rest: value}) if rest else value
        section = section.model_copy(update={first: inner})
    return section


SET_BY: Final[Mapping[StepName, tuple[str, ...]]] = {
    "pool": ("synthesize.pool",),
    "graph": ("synthesize.graph.directory",),
    "synthesize": ("sft.data", "distill.run"),
    "sft": ("mdpo.model",),
    "distill": ("mdpo.data",),
}
"""Step -> the keys of later ones that its result fills."""
SET_HERE: Final = (
    *(f"{section}.{key}" for section in ("synthesize", "sft", "distill", "mdpo", "serve") for key in CLUSTER),
    *(f"evaluate.{section}.{key}" for section in ("heldout", "toolquery", "bfcl") for key in (*CLUSTER, "model.name", "model.base_url")),
    *("evaluate.bfcl.checkpoint", "serve.model", "serve.name"),
)
"""Keys that mean nothing here: `ray` says where everything runs, and the models are the pipeline's own."""


def refuse_given(config: PipelineConfig) -> None:
    """Refuse keys that mean nothing here, or that another step fills.

    Raises:
        ConfigError: one is given.
    """
    setters = {key: f"the step {step}" for step in config.steps for key in SET_BY.get(step, ())}
    setters |= dict.fromkeys(SET_HERE, "the pipeline")
    for key, setter in setters.items():
        if _is_given(config, key):
            fix = "set ray.address and ray.num_cpus" if key.endswith(CLUSTER) else "leave it out, or leave the step out of `steps`"
            raise ConfigError(f"{key} is set by {setter}", fix=fix)


def _is_given(section: Section | None, key: str) -> bool:
    first, _, rest = key.partition(".")
    if section is None or first not in section.model_fields_set:
        return False
    value = getattr(section, first)
    return _is_given(value, rest) if rest else value is not None
