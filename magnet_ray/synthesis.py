"""From a path's index to a verified row: the stages in order, for one path, without a cluster.

    index -> SignaturePath (walk, node operations) -> TranslatedPath (words, executed calls) -> checks -> Trajectory

A path is a function of (configuration, index) alone, so any worker can make any slice of a run.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial

from magnet_ray.at_once import at_once
from magnet_ray.config import SynthesizeConfig, TeacherConfig
from magnet_ray.environments.base import OpenEnvironment
from magnet_ray.errors import Rejected, RunError, SourceError, boundary
from magnet_ray.functions.observation import observe_pool
from magnet_ray.functions.pool import FunctionPool, build_pool, load_pool
from magnet_ray.graph import FunctionGraph, build_graph, load_graph, verify_edges
from magnet_ray.judge import DependencyJudge, SchemaJudge
from magnet_ray.llm.base import ChatModel
from magnet_ray.mix import MixWeights, category_of
from magnet_ray.paths import PathSettings, path_id, sample_path
from magnet_ray.rollouts.acceptance import SummaryJudge
from magnet_ray.rollouts.positives import Positives, positive_row
from magnet_ray.rollouts.rollout import World
from magnet_ray.rollouts.summary_judge import ModelSummaryJudge
from magnet_ray.teacher.base import Teacher
from magnet_ray.teacher.language_model import LanguageModelTeacher
from magnet_ray.teacher.split import SplitTeacher
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.trajectories import build_trajectory
from magnet_ray.translation import TranslationSettings, Workshop, translate
from magnet_ray.types import Failure, FailureReason, Trajectory, TranslatedPath, content_id
from magnet_ray.verification import verify

MakeJudge = Callable[[FunctionPool], DependencyJudge]
"""Makes the judge of a pool's dependencies."""
MESSAGES_A_TURN = 2.4
"""Messages that the assistant writes in a turn, rounds of calls included, on average over multi-turn conversations."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """Everything that making a path needs; sent to every worker."""

    seed: int
    """Seed of the run."""
    workshop: Workshop
    """Pool, graph, teacher and environments."""
    paths: PathSettings
    """How paths are sampled."""
    act: Callable[[Trajectory], Awaitable[Trajectory]] | None = None
    """Has a model act out a planned conversation (paper, section 3.4: context distillation); None keeps what was planned."""

    @property
    def fingerprint(self) -> str:
        """Content hash of the functions and their dependencies."""
        return content_id(self.workshop.pool.fingerprint, self.workshop.graph.fingerprint)


def prepare(config: SynthesizeConfig, open_environment: OpenEnvironment, judge: MakeJudge | None = None) -> Recipe:
    """Build, observe and connect the pool of a configuration.

    `judge` makes the judge of the dependencies, the schema judge by default.

    Raises:
        SourceError: a source cannot be read, or none of its functions can be called.
        RunError: the pool or the graph that it names cannot be read, or the graph is another pool's.
    """
    pool = usable_pool(config, open_environment)
    if config.graph.directory is not None:
        graph = _saved_graph(config.graph.directory, pool)
    else:
        graph = connect(pool, config, open_environment, judge(pool) if judge else SchemaJudge(minimum=config.graph.min_score))
    settings = TranslationSettings(call_retries=config.retries.call, turn_retries=config.retries.turn, distractors=config.tools.distractors)
    workshop = Workshop(pool=pool, graph=graph, teacher=TemplateTeacher(), open_environment=open_environment, settings=settings)
    return Recipe(seed=config.seed, workshop=workshop, paths=path_settings(config))


def usable_pool(config: SynthesizeConfig, open_environment: OpenEnvironment) -> FunctionPool:
    """The pool of a configuration: the saved one that it names, or its sources' functions, each tried in sampled scenarios.

    Raises:
        SourceError, RunError: as `prepare`.
    """
    if config.pool is not None:
        return load_pool(config.pool)
    pool = observe_pool(build_pool(config.sources), open_environment, seed=config.seed)
    if not pool.specs:
        raise SourceError("no function could be called", ", ".join(config.sources), fix=f"the last refusal: {pool.failures[-1].detail}")
    return pool


def _saved_graph(directory: str, pool: FunctionPool) -> FunctionGraph:
    graph = load_graph(directory)
    if {node.name for node in graph.nodes} != set(pool.by_name):
        raise RunError(f"the graph in {directory} is of other functions than the pool", fix="build it anew: magnet graph build --pool DIR")
    return graph


def connect(pool: FunctionPool, config: SynthesizeConfig, open_environment: OpenEnvironment, judge: DependencyJudge) -> FunctionGraph:
    """The pool's dependency graph, verified by execution."""
    graph = build_graph(pool, judge, config.graph.max_candidates)
    if not config.graph.verify_scenarios:
        return graph
    return verify_edges(graph, pool, open_environment, config.seed, config.graph.verify_scenarios, config.graph.min_success_rate)


def path_settings(config: SynthesizeConfig) -> PathSettings:
    """The part of a configuration that shapes paths."""
    ops = config.ops
    return PathSettings(
        steps=config.paths.steps,
        merge=ops.merge.enabled,
        merge_probability=ops.merge.probability,
        max_functions=ops.merge.max_functions,
        insert=ops.insert.enabled,
        insert_probability=ops.insert.probability,
        insert_long_probability=ops.insert.long_probability,
        split=ops.split.enabled,
        repeat=ops.repeat.enabled,
        repeat_probability=ops.repeat.probability,
        mix=MixWeights(**config.mix.model_dump()),
    )


async def make_row(index: int, recipe: Recipe) -> Trajectory | Failure:
    """The verified row of a path, or why there is none."""
    stage, said = "path", ""
    try:
        with boundary(FailureReason.UNEXPECTED):
            path = sample_path(index, run_seed=recipe.seed, graph=recipe.workshop.graph, settings=recipe.paths)
            stage = "translation"
            translated = await translate(path, recipe.workshop)
            stage, said = "verification", _said(translated, recipe.workshop.teacher)
            verify(translated, recipe.workshop.pool, recipe.workshop.open_environment)
            row = build_trajectory(translated, recipe.workshop.pool)
            if recipe.act is None:
                return row
            stage = "positives"
            return await recipe.act(row)
    except Rejected as rejected:
        return Failure(
            id=path_id(recipe.seed, index),
            index=index,
            stage=stage,
            reason=rejected.reason,
            detail=" ".join(rejected.detail.split())[:500],
            category=category_of(index, recipe.paths.mix).value,
            raw=rejected.raw or said,
        )


def _said(translated: TranslatedPath, teacher: Teacher) -> str:
    """What a model wrote for a path, for a failure's record; empty where the embedded teacher did."""
    if isinstance(teacher, TemplateTeacher):
        return ""
    return "\n".join(text for turn in translated.turns for text in (turn.query, turn.reply))


def with_models(recipe: Recipe, models: ChatModel, config: TeacherConfig) -> Recipe:
    """The recipe with a language model for its teacher, and hinted rollouts where the configuration wants them."""
    words = LanguageModelTeacher(model=models, reasks=config.requests.reasks, forth_check=config.forth_check)
    if not config.positives.attempts:
        return replace(recipe, workshop=replace(recipe.workshop, teacher=words))
    teacher = SplitTeacher(user=replace(words, later=MESSAGES_A_TURN), assistant=recipe.workshop.teacher)
    world = World(pool=recipe.workshop.pool, open_environment=recipe.workshop.open_environment)
    positives = Positives(
        models=models,
        world=world,
        attempts=config.positives.attempts,
        max_rounds=config.positives.max_rounds,
        judge=summary_judge(models, config),
    )
    return replace(recipe, workshop=replace(recipe.workshop, teacher=teacher), act=partial(positive_row, positives=positives))


def summary_judge(models: ChatModel, config: TeacherConfig) -> SummaryJudge | None:
    """A model that reads closing messages, where the configuration names one for it: it costs a request a turn."""
    return ModelSummaryJudge(model=models, reasks=config.requests.reasks) if config.roles.error_judge else None


def make_rows(indices: Iterable[int], recipe: Recipe) -> tuple[list[Trajectory], list[Failure]]:
    """The rows and the failures of some paths, in order, with a teacher that never waits."""
    made = [at_once(make_row(index, recipe)) for index in indices]
    return [row for row in made if isinstance(row, Trajectory)], [row for row in made if isinstance(row, Failure)]
