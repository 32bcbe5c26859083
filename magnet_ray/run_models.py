"""The models of a run: how they are reached, whether they answer, and what they judge before the first path is made."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from magnet_ray.artifacts import RunDirectory
from magnet_ray.config import ClusterConfig, GraphConfig, RoleConfig, TeacherConfig
from magnet_ray.environments.base import OpenEnvironment
from magnet_ray.errors import BudgetSpent, ConfigError, JobFailed
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.judge import DependencyJudge
from magnet_ray.judge_agreement import AgreementReport, agreement_report
from magnet_ray.llm.budget import local_ledger
from magnet_ray.llm.cache import ResponseCache
from magnet_ray.llm.roles import connect, role_prices
from magnet_ray.llm.settings import ModelSettings
from magnet_ray.llm.transport import Transport
from magnet_ray.model_judge import ModelJudge, conceivable_pairs, judge_pairs
from magnet_ray.model_workers import ModelAccess
from magnet_ray.places import Place, place
from magnet_ray.progress import Progress
from magnet_ray.ray_session import cluster
from magnet_ray.shard_runs import note_usage, spent_so_far
from magnet_ray.types import FunctionSpec, content_id

RESPONSES = "responses"
"""Directory of the response cache inside a run, unless the configuration names another."""
GRAPH_BUCKET = "graph"
"""Bucket of the judge's verdicts."""


@contextmanager
def models_of(run: RunDirectory[Any], student: RoleConfig | None, progress: Progress) -> Iterator[ModelAccess | None]:
    """How the run reaches its models, after a look whether they are there; None when it asks none.

    A teacher of kind `vllm` is deployed in the run's cluster, and is gone at the end.

    Raises:
        ConfigError: a model cannot be reached, or is configured in a way that cannot be used.
        JobFailed: no replica became ready.
    """
    teacher: TeacherConfig = run.config.teacher
    responses = place(teacher.cache).resolve() if teacher.cache else run.path.resolve() / RESPONSES
    access = ModelAccess(teacher=teacher, student=student, responses=responses)
    if teacher.kind == "vllm":
        with _deployed(access, run.config.ray, run.path, progress) as access:
            asyncio.run(_check(run, access))
            yield access
    elif access.asks:
        asyncio.run(_check(run, access))
        yield access
    else:
        yield None


@contextmanager
def _deployed(access: ModelAccess, settings: ClusterConfig, path: Place, progress: Progress) -> Iterator[ModelAccess]:
    from magnet_ray.serving.teacher import deploy_teacher

    # The same name for the same run, so that replicas which a killed driver left behind are taken over.
    name = f"magnet-teacher-{content_id(path.resolve())}"
    with cluster(settings, progress), deploy_teacher(access.teacher.vllm, name, progress) as served:
        teacher = access.teacher.model_copy(update={"model": _named(access.teacher.model, served.model)})
        yield dataclasses.replace(access, teacher=teacher, transport=partial(_to_replicas, served.application, _own_urls(access)))


def _named(model: RoleConfig, name: str) -> RoleConfig:
    return model if model.name else model.model_copy(update={"name": name})


def _own_urls(access: ModelAccess) -> frozenset[str]:
    """Addresses that the configuration names: whoever has one is asked there, and not at the replicas."""
    roles = (getattr(access.teacher.roles, name) for name in type(access.teacher.roles).model_fields)
    configured = (access.teacher.model, *roles, access.student)
    return frozenset(each.base_url for each in configured if each is not None and each.base_url)


def _to_replicas(application: str, urls: frozenset[str], settings: ModelSettings) -> Transport:
    from magnet_ray.serving.serve_transport import ServeTransport

    return connect(settings) if settings.base_url in urls else ServeTransport(application)


async def _check(run: RunDirectory[Any], access: ModelAccess) -> None:
    ledger = local_ledger(access.teacher.budget.model_copy(update={"tokens": None, "cost": None}), {})
    async with access.open(ledger, None, lambda key: "") as models:
        await models.check()
        note_usage(run, models.usage)


# The judge of the graph


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedByModel:
    """A model's verdicts on a pool, and how far the other judges agree."""

    judge: DependencyJudge
    """Looks the verdicts up."""
    report: AgreementReport
    """Schema judge, model and execution compared."""

    def figures(self) -> dict[str, Any]:
        """Counts for the manifest."""
        figures: dict[str, Any] = {"verdict_kinds": dict(self.report.kinds), "unusable_verdicts": self.report.unusable}
        for name in ("schema_model", "schema_execution", "model_execution"):
            compared = getattr(self.report, name)
            kappa = compared.kappa
            figures[name] = {**dataclasses.asdict(compared), "kappa": None if kappa is None else round(kappa, 3)}
        return figures


def judge_by_model(
    run: RunDirectory[Any], access: ModelAccess | None, pool: FunctionPool, settings: GraphConfig, open_environment: OpenEnvironment
) -> JudgedByModel:
    """Have the judge's model look at every pair of functions between which something may flow; verdicts are cached.

    Raises:
        ConfigError: the run has no model.
        JobFailed: the budget is spent.
    """
    if access is None or access.teacher.kind == "template":
        raise ConfigError("graph.judge", "model", "a teacher that is a model", "set teacher.kind and teacher.model.name")
    pairs = conceivable_pairs(pool, settings.max_candidates)
    judge = asyncio.run(_judged(run, access, pairs))
    return JudgedByModel(judge=judge, report=agreement_report(pairs, judge, pool, open_environment, run.config.seed))


async def _judged(run: RunDirectory[Any], access: ModelAccess, pairs: Sequence[tuple[FunctionSpec, FunctionSpec]]) -> ModelJudge:
    before, prices = spent_so_far(run.path, access), role_prices(access.settings)
    ledger = local_ledger(access.teacher.budget, prices, before)
    cache = ResponseCache.open(access.responses, (GRAPH_BUCKET,))
    try:
        async with access.open(ledger, cache, lambda key: GRAPH_BUCKET) as models:
            try:
                return await judge_pairs(pairs, models, access.teacher.requests.reasks)
            except BudgetSpent as spent:
                raise JobFailed(f"{spent} on judging the graph; raise teacher.budget and go on with --resume") from None
            finally:
                note_usage(run, models.usage)
    finally:
        cache.close()
