"""The steps of the paper in order, and what each takes from the others.

pool -> graph -> synthesize -> sft -> distill (the SFT model's mistakes, or rules') -> mdpo -> evaluate (base, sft, mdpo)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from rich.console import RenderableType

from evals.bfcl.job import BfclConfig
from evals.evaluation_runs import EvaluationConfig
from evals.heldout.conversations import HeldOutConfig
from magnet_ray.config import DistillConfig
from magnet_ray.paper.chain import Step
from magnet_ray.paper.config import (
    STEPS,
    Checkpoint,
    EvaluationName,
    GraphStepConfig,
    PipelineConfig,
    PoolStepConfig,
    SectionKind,
    linked,
    refuse_given,
)
from magnet_ray.paper.jobs import distill_step, evaluate_step, make_graph_step, make_pool_step, synthesize_step, train_step
from magnet_ray.places import Place
from magnet_ray.sections import Section

STUDENT: Final = "sft"
"""Name of the model that distillation asks for its mistakes."""
Reach = Callable[[str, str], Mapping[str, str]]
"""(checkpoint, name) -> the settings of its client; serves it from then on (see `ServedCheckpoint.reach`)."""
PlaceOf = Callable[[str], Place]
"""Name of a step -> its directory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Means:
    """What steps use beside their settings."""

    place: PlaceOf
    """Where each step's result lies."""
    reach: Reach
    """Serves a checkpoint."""
    alone: Callable[[], object]
    """Stops serving, for a step that wants the whole cluster."""


def pipeline_steps(config: PipelineConfig, means: Means) -> tuple[Step, ...]:
    """The steps of a pipeline, in order.

    Raises:
        ConfigError: a key is given that another step or the pipeline itself sets.
    """
    refuse_given(config)
    return tuple(_Steps(config, means).all())


class _Steps:
    """Makes the steps: a section of the configuration with what it takes from other steps, and the job that it is given to."""

    def __init__(self, config: PipelineConfig, means: Means) -> None:
        self._config, self._means = config, means
        self._names = [name for name in STEPS if name in config.steps]
        if config.synthesize.graph.judge == "model" and "graph" in self._names:
            # The model judges while the run that may pay for it is open.
            self._names.remove("graph")

    def all(self) -> Iterator[Step]:
        makers: dict[str, Callable[[], Iterator[Step]]] = {
            "pool": self._pool,
            "graph": self._graph,
            "synthesize": self._synthesize,
            "sft": self._sft,
            "distill": self._distill,
            "mdpo": self._mdpo,
            "evaluate": self._evaluate,
        }
        for name in self._names:
            yield from makers[name]()

    def _place(self, name: str) -> str:
        return str(self._means.place(name))

    def _pool(self) -> Iterator[Step]:
        config = self._config.synthesize
        depends = PoolStepConfig(sources=config.sources, seed=config.seed, isolation=config.isolation)
        what = f"functions of {', '.join(config.sources)}"
        yield self._step("pool", depends, what, partial(make_pool_step, config, depends), last_file="pool.json")

    def _graph(self) -> Iterator[Step]:
        config = linked(self._config.synthesize, {"pool": self._place("pool")} if "pool" in self._names else {})
        depends = GraphStepConfig(sources=config.sources, seed=config.seed, isolation=config.isolation, graph=config.graph)
        job = partial(make_graph_step, config, depends)
        yield self._step("graph", depends, "which output serves which input", job, last_file="graph.json")

    def _synthesize(self) -> Iterator[Step]:
        found = {"pool": "pool", "graph": "graph.directory"}
        links = {key: self._place(name) for name, key in found.items() if name in self._names}
        config = self._here(linked(self._config.synthesize, links))
        what = f"{config.num:,} conversations, worded by {config.teacher.kind}"
        yield self._step("synthesize", config, what, partial(synthesize_step, config))

    def _sft(self) -> Iterator[Step]:
        links: dict[str, object] = {"data": (self._place("synthesize"),)} if "synthesize" in self._names else {}
        config = self._here(linked(self._config.sft, links))
        what = f"{config.model} on conversations, batches of {config.batch_size}"
        yield self._step("sft", config, what, partial(train_step, config), sources=("synthesize",))

    def _distill(self) -> Iterator[Step]:
        links: dict[str, object] = {"run": self._place("synthesize")} if "synthesize" in self._names else {}
        student = self._config.distill.student
        asks_sft = student is not None and student.base_url is None and "sft" in self._names
        if asks_sft:
            links["student.name"] = STUDENT
        config = self._here(linked(self._config.distill, links))
        if asks_sft:
            what, sources = f"mistakes of the sft model, {config.rollouts} rollouts each", ("synthesize", "sft")
            yield self._step("distill", config, what, partial(self._distill_served, config), sources=sources, asks_model=True)
        else:
            what = f"mistakes of {config.student.name}" if config.student else "mistakes that rules make"
            yield self._step("distill", config, what, partial(distill_step, config), sources=("synthesize",))

    def _distill_served(self, config: DistillConfig, out: Place, resume: bool) -> RenderableType:
        reached = self._means.reach(self._model("sft"), STUDENT)
        return distill_step(linked(config, {f"student.{key}": value for key, value in reached.items()}), out, resume)

    def _mdpo(self) -> Iterator[Step]:
        links: dict[str, object] = {"data": (self._place("distill"),)} if "distill" in self._names else {}
        if "sft" in self._names:
            links["model"] = self._model("sft")
        config = self._here(linked(self._config.mdpo, links))
        what = f"{'the sft model' if 'sft' in self._names else config.model} on pairs, beta {config.beta:g}, batches of {config.batch_size}"
        yield self._step("mdpo", config, what, partial(train_step, config), sources=("distill", "sft"))

    def _evaluate(self) -> Iterator[Step]:
        known: dict[str, str] = {name: self._model(name) for name in ("sft", "mdpo") if name in self._names}
        known["base"] = (self._config.sft if "sft" in self._names else self._config.mdpo).model
        # One model after the other, so that each is started once.
        for checkpoint in self._config.evaluate.checkpoints:
            if checkpoint in known:
                for evaluation in self._config.evaluate.evaluations:
                    yield self._evaluation(evaluation, checkpoint, known[checkpoint])

    def _evaluation(self, evaluation: EvaluationName, checkpoint: Checkpoint, model: str) -> Step:
        section: EvaluationConfig = getattr(self._config.evaluate, evaluation)
        links: dict[str, object] = {"model.name": checkpoint if section.agent == "endpoint" else section.agent}
        if isinstance(section, HeldOutConfig) and section.run is None and section.trained is None:
            trained = next((name for name in ("mdpo", "sft") if name in self._names), None)
            links |= {"trained": self._place(trained)} if trained else {"run": self._place("synthesize")}
        if isinstance(section, BfclConfig):
            links["checkpoint"] = model
        config = self._here(linked(section, links))
        trainings = ("sft", "mdpo") if evaluation == "heldout" else () if checkpoint == "base" else (checkpoint,)
        return self._step(
            evaluation_step(evaluation, checkpoint),
            config,
            f"{evaluation} of the {'model that all begins with' if checkpoint == 'base' else f'{checkpoint} model'}",
            partial(self._evaluate_served, evaluation, config, model),
            sources=trainings,
            asks_model=section.agent == "endpoint",
        )

    def _evaluate_served(
        self, evaluation: EvaluationName, config: EvaluationConfig, model: str, out: Place, resume: bool
    ) -> RenderableType:
        if config.agent == "endpoint":
            reached = self._means.reach(model, str(config.model.name))
            config = linked(config, {f"model.{key}": value for key, value in reached.items()})
        return evaluate_step(evaluation, config, out, resume)

    def _model(self, training: str) -> str:
        return str(self._means.place(training) / "model")

    def _here(self, section: SectionKind) -> SectionKind:
        """A section that runs where the pipeline does."""
        ray = self._config.ray
        return linked(section, {"ray.address": ray.address, "ray.num_cpus": ray.num_cpus})

    def _step(self, name: str, config: Section, what: str, job: Callable[[Place, bool], RenderableType], **more: Any) -> Step:
        directory = self._means.place(name)

        def do(resume: bool) -> RenderableType:
            if not more.get("asks_model"):
                self._means.alone()
            return job(directory, resume)

        return Step(name=name, directory=directory, config=config, what=what, job=do, **more)


def evaluation_step(evaluation: str, checkpoint: str) -> str:
    """Name of the step that measures a checkpoint."""
    return f"evaluate/{checkpoint}-{evaluation}"
