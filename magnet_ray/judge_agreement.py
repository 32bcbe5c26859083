"""How far the judges of the dependency graph agree: the schema judge, the model, and what executing the calls shows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from magnet_ray.functions.pool import FunctionPool
from magnet_ray.graph import SIMULATED, FunctionGraph, OpenEnvironment, node_of, verify_edges
from magnet_ray.judge import DependencyJudge, SchemaJudge
from magnet_ray.model_judge import ModelJudge, Pair
from magnet_ray.types import Edge, FunctionSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Two judges over the same pairs of functions: is there an edge?"""

    both: int
    """Pairs in which both see one."""
    first_only: int
    """Pairs in which only the first does."""
    second_only: int
    """Pairs in which only the second does."""
    neither: int
    """Pairs in which none does."""

    @property
    def share(self) -> float | None:
        """Share of pairs that they judge alike; None without pairs."""
        count = self._count
        return (self.both + self.neither) / count if count else None

    @property
    def kappa(self) -> float | None:
        """Cohen's kappa: agreement beyond chance, 1 for full agreement; None where chance alone explains all or there is no pair.

        Source: Cohen, "A coefficient of agreement for nominal scales" (1960).
        """
        count, share = self._count, self.share
        if share is None:
            return None
        first, second = (self.both + self.first_only) / count, (self.both + self.second_only) / count
        chance = first * second + (1 - first) * (1 - second)
        return None if chance == 1 else (share - chance) / (1 - chance)

    @property
    def _count(self) -> int:
        return self.both + self.first_only + self.second_only + self.neither


@dataclass(frozen=True, slots=True, kw_only=True)
class AgreementReport:
    """Agreement of the three judges, and what the model could not be asked."""

    schema_model: Agreement
    """Schema judge (first) and model (second), over every pair with a verdict."""
    schema_execution: Agreement
    """Schema judge and execution, over the pairs that could be executed."""
    model_execution: Agreement
    """Model and execution, over the same pairs."""
    kinds: Mapping[str, int]
    """`schema kind/model kind` -> pairs, `none` for no edge."""
    unusable: int
    """Pairs without a usable verdict of the model."""


def agreement(first: Collection[Pair], second: Collection[Pair], pairs: Collection[Pair]) -> Agreement:
    """Agreement of two judges who each see an edge in some of the pairs."""
    one, two, every = set(first) & set(pairs), set(second) & set(pairs), set(pairs)
    return Agreement(both=len(one & two), first_only=len(one - two), second_only=len(two - one), neither=len(every - one - two))


def agreement_report(
    pairs: Sequence[tuple[FunctionSpec, FunctionSpec]],
    model: ModelJudge,
    pool: FunctionPool,
    open_environment: OpenEnvironment,
    seed: int,
    schema: DependencyJudge | None = None,
) -> AgreementReport:
    """Compare the judges on the pairs that the model was asked about.

    A pair could be executed when one of the judges maps values in it and its environment is not simulated; execution sees an edge
    in it when the target took the values that either of them maps.
    """
    by_schema = _edges(pairs, schema or SchemaJudge())
    by_model = _edges(pairs, model)
    judged = [pair for pair in ((source.name, target.name) for source, target in pairs) if pair in model.verdicts]
    tested = [pair for pair in judged if _mapped(by_schema.get(pair), pool) or _mapped(by_model.get(pair), pool)]
    works = _executed(by_schema, pool, open_environment, seed) | _executed(by_model, pool, open_environment, seed)
    # A prerequisite maps nothing, so execution says nothing about it.
    mapped_by_schema = [pair for pair, edge in by_schema.items() if edge.mappings]
    mapped_by_model = [pair for pair, edge in by_model.items() if edge.mappings]
    kinds: dict[str, int] = {}
    for pair in judged:
        name = f"{_kind(by_schema.get(pair))}/{_kind(by_model.get(pair))}"
        kinds[name] = kinds.get(name, 0) + 1
    return AgreementReport(
        schema_model=agreement(by_schema, by_model, judged),
        schema_execution=agreement(mapped_by_schema, works, tested),
        model_execution=agreement(mapped_by_model, works, tested),
        kinds=dict(sorted(kinds.items())),
        unusable=len(pairs) - len(judged),
    )


def _edges(pairs: Sequence[tuple[FunctionSpec, FunctionSpec]], judge: DependencyJudge) -> dict[Pair, Edge]:
    judged = ((source, target, judge.judge(source, target)) for source, target in pairs)
    return {(source.name, target.name): edge for source, target, edge in judged if edge is not None}


def _mapped(edge: Edge | None, pool: FunctionPool) -> bool:
    return edge is not None and bool(edge.mappings) and not pool.spec(edge.source).environment.startswith(SIMULATED)


def _kind(edge: Edge | None) -> str:
    return edge.kind.value if edge else "none"


def _executed(edges: Mapping[Pair, Edge], pool: FunctionPool, open_environment: OpenEnvironment, seed: int) -> set[Pair]:
    """Pairs whose mapped values the target took."""
    tried = {pair: edge for pair, edge in edges.items() if _mapped(edge, pool)}
    nodes = tuple(sorted((node_of(spec) for spec in pool.specs), key=lambda node: node.name))
    graph = FunctionGraph(nodes=nodes, edges=tuple(tried[pair] for pair in sorted(tried)))
    return {(edge.source, edge.target) for edge in verify_edges(graph, pool, open_environment, seed).edges}
