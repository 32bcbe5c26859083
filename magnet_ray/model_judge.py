"""The dependency graph with a language model as judge (paper, section 3.1).

Pairs that the schema judge finds at least conceivable are put to the model, each once; its verdicts become edges, and `ModelJudge`
looks them up where `build_graph` wants a judge. So graph building stays a plain function, and what the model costs is known before.
Invariants: mappings name output fields and parameters that exist; a pair without a usable verdict is counted and has no edge.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from magnet_ray.errors import Rejected
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.graph import MAX_CANDIDATES, build_graph
from magnet_ray.json_paths import schema_fields, split_path
from magnet_ray.judge import ECHO_CEILING, SchemaJudge, features_of
from magnet_ray.llm.base import ChatModel, ChatRequest, RequestKey, Role
from magnet_ray.llm.structured import ask
from magnet_ray.teacher.prompts import prompt
from magnet_ray.types import Edge, EdgeKind, Failure, FailureReason, FieldMapping, FunctionSpec, JsonValue, compact

Pair = tuple[str, str]
"""Names of source and target."""

CONCEIVABLE: Final = 0.0
"""Score of the schema judge from which a mapping makes a pair worth asking about: any words in common do."""
SURE: Final = 0.9
"""Score of a mapping that the model names: it does not grade."""
GATE: Final = 0.6
"""Score of a prerequisite."""
IN_FLIGHT: Final = 512
"""Pairs that wait for the model at once; how many requests are really under way is the model's own business."""
MAX_FIELDS: Final = 60
"""Output fields that a prompt lists."""

JUDGE_SCHEMA: Final = compact(
    {
        "type": "object",
        "properties": {
            "kind": {"enum": ["full", "partial", "prerequisite", "none"]},
            "mapping": {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"output": {"type": "string"}, "parameter": {"type": "string"}},
                    "required": ["output", "parameter"],
                    "additionalProperties": False,
                },
            },
        },
        "required": ["kind", "mapping"],
        "additionalProperties": False,
    }
)
"""A verdict on a pair of functions."""
NESTED_SCHEMA: Final = compact(
    {"type": "object", "properties": {"nested": {"type": "boolean"}}, "required": ["nested"], "additionalProperties": False}
)
"""Whether a function would go unmentioned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelJudge:
    """The verdicts of a model, as a `DependencyJudge`."""

    verdicts: Mapping[Pair, Edge | None]
    """Pair that was judged -> its edge, or None where nothing flows."""
    failures: tuple[Failure, ...] = field(default=())
    """Pairs without a usable verdict, in the order asked."""

    def judge(self, source: FunctionSpec, target: FunctionSpec) -> Edge | None:
        """The edge from source to target; None too for a pair that was not asked about."""
        return self.verdicts.get((source.name, target.name))


class _Sieve:
    """A judge that remembers which pairs are conceivable."""

    def __init__(self, minimum: float) -> None:
        self._judge = SchemaJudge(minimum=minimum)
        self.found: list[tuple[FunctionSpec, FunctionSpec]] = []

    def judge(self, source: FunctionSpec, target: FunctionSpec) -> Edge | None:
        """No edge; the pair is kept when the schema judge sees one."""
        if self._judge.judge(source, target) is not None:
            self.found.append((source, target))
        return None


def conceivable_pairs(
    pool: FunctionPool, max_candidates: int = MAX_CANDIDATES, minimum: float = CONCEIVABLE
) -> tuple[tuple[FunctionSpec, FunctionSpec], ...]:
    """(source, target) of every pair that the model is asked about: the candidates of `build_graph` between which the schema judge
    sees a mapping of at least `minimum`, or a prerequisite."""
    sieve = _Sieve(minimum)
    build_graph(pool, sieve, max_candidates)
    return tuple(sieve.found)


async def judge_pairs(pairs: Sequence[tuple[FunctionSpec, FunctionSpec]], model: ChatModel, reasks: int = 2) -> ModelJudge:
    """Ask a model about pairs of functions, each once.

    Raises:
        BudgetSpent: the verdicts so far stay with whoever caches the model's answers.
    """
    outcomes = await _each([partial(_judged, source, target, model, reasks) for source, target in pairs])
    verdicts = {
        (source.name, target.name): outcome
        for (source, target), outcome in zip(pairs, outcomes, strict=True)
        if not isinstance(outcome, Failure)
    }
    return ModelJudge(verdicts=verdicts, failures=tuple(outcome for outcome in outcomes if isinstance(outcome, Failure)))


async def judge_nested(judge: ModelJudge, pool: FunctionPool, model: ChatModel, reasks: int = 2) -> ModelJudge:
    """The judge with its mapped edges asked about once more: would the target go unmentioned after the source?

    Where it would not, no mapping keeps a score above `ECHO_CEILING`, so that Insert takes the edge for no nested one
    (`FunctionGraph.nested_successors`) while walks still follow it. An edge without a usable answer stays as it is.
    """
    edges = [edge for edge in judge.verdicts.values() if edge is not None and edge.mappings]
    outcomes = await _each([partial(_nested, edge, pool, model, reasks) for edge in edges])
    asked = {(edge.source, edge.target): edge for edge in outcomes if isinstance(edge, Edge)}
    failures = tuple(outcome for outcome in outcomes if isinstance(outcome, Failure))
    return ModelJudge(verdicts={**judge.verdicts, **asked}, failures=(*judge.failures, *failures))


async def _each(jobs: Iterable[Callable[[], Awaitable[Edge | Failure | None]]]) -> list[Edge | Failure | None]:
    """The outcomes of jobs in their order, `IN_FLIGHT` of them under way at a time; the first error ends them all."""
    waiting = list(enumerate(jobs))[::-1]
    outcomes: list[Edge | Failure | None] = [None] * len(waiting)

    async def work() -> None:
        while waiting:
            place, job = waiting.pop()
            outcomes[place] = await job()

    workers = [asyncio.ensure_future(work()) for _ in range(min(IN_FLIGHT, len(waiting)))]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
    return outcomes


async def _judged(source: FunctionSpec, target: FunctionSpec, model: ChatModel, reasks: int) -> Edge | Failure | None:
    messages = prompt("dependency_judge").fill(
        source=_headline(source), outputs=_outputs(source), target=_headline(target), parameters=_parameters(target)
    )
    request = _request(source.name, target.name, "kind", messages)
    try:
        return await ask(model, request, JUDGE_SCHEMA, partial(edge_of_verdict, source=source, target=target), reasks)
    except Rejected as rejected:
        return _failure(request, rejected)


async def _nested(edge: Edge, pool: FunctionPool, model: ChatModel, reasks: int) -> Edge | Failure | None:
    messages = prompt("nested_judge").fill(
        source=_headline(pool.spec(edge.source)),
        target=_headline(pool.spec(edge.target)),
        mapping="; ".join(f"{mapping.output_path} as {mapping.parameter}" for mapping in edge.mappings),
    )
    request = _request(edge.source, edge.target, "nested", messages)
    try:
        nested = await ask(model, request, NESTED_SCHEMA, lambda answer: bool(answer["nested"]), reasks)
    except Rejected as rejected:
        return _failure(request, rejected)
    return edge if nested else mentioned(edge)


def mentioned(edge: Edge) -> Edge:
    """The edge with no mapping that would let its target be nested."""
    return replace(edge, mappings=tuple(replace(mapping, score=min(mapping.score, ECHO_CEILING)) for mapping in edge.mappings))


def _request(source: str, target: str, step: str, messages: tuple[Mapping[str, JsonValue], ...]) -> ChatRequest:
    return ChatRequest(key=RequestKey(record=f"{source}>{target}", role=Role.JUDGE, step=step), messages=messages)


def _failure(request: ChatRequest, rejected: Rejected) -> Failure:
    return Failure(id=request.key.record, index=0, stage="graph", reason=rejected.reason, detail=rejected.detail[:500], raw=rejected.raw)


def edge_of_verdict(answer: JsonValue, *, source: FunctionSpec, target: FunctionSpec) -> Edge | None:
    """The edge that an answer following `JUDGE_SCHEMA` describes, or None for none.

    Whether the mapping is full or partial is counted, not believed.

    Raises:
        Rejected: UNPARSED, for a field or a parameter that there is not, or a mapping that the kind does not allow.
    """
    kind = answer["kind"]
    if kind == "none":
        return None
    if kind == "prerequisite":
        return Edge(source=source.name, target=target.name, kind=EdgeKind.PREREQUISITE, score=GATE)
    if not answer["mapping"]:
        raise Rejected(FailureReason.UNPARSED, f"the kind is {kind} but the mapping is empty")
    mappings: dict[str, FieldMapping] = {}
    for item in answer["mapping"]:
        path, parameter = _field_named(item["output"], source), item["parameter"]
        if parameter not in target.properties:
            raise Rejected(FailureReason.UNPARSED, f"the target has no parameter {parameter!r}; it has {', '.join(target.properties)}")
        mappings.setdefault(parameter, FieldMapping(output_path=path, parameter=parameter, score=_score(path, source)))
    return _mapped(source, target, tuple(mappings[name] for name in target.properties if name in mappings))


def _mapped(source: FunctionSpec, target: FunctionSpec, mappings: tuple[FieldMapping, ...]) -> Edge:
    """An edge whose kind and score follow from its mappings, as the schema judge weighs them."""
    required = set(target.required)
    filled = required & {mapping.parameter for mapping in mappings}
    coverage = len(filled) / len(required) if required else 0.5
    mean = sum(mapping.score for mapping in mappings) / len(mappings)
    kind = EdgeKind.FULL if required and filled == required else EdgeKind.PARTIAL
    return Edge(source=source.name, target=target.name, kind=kind, mappings=mappings, score=round(mean * (0.7 + 0.3 * coverage), 4))


def _score(path: str, source: FunctionSpec) -> float:
    """An echo of the source's own argument never counts as a find, whoever judges."""
    echoes = {place.label for place in features_of(source).fields if place.echo}
    return ECHO_CEILING if path in echoes else SURE


def _field_named(written: str, source: FunctionSpec) -> str:
    """The output field that a model means: as listed, or told by its keys (`orders[0].id`, `orders.id`, or `id` where one field ends so).

    Raises:
        Rejected: UNPARSED, when no field or more than one is meant.
    """
    fields = [path for path, _ in schema_fields(source.return_schema)]
    if written in fields:
        return written
    keys = _keys(written)
    found = [path for path in fields if _keys(path) == keys] or [path for path in fields if keys and _keys(path)[-len(keys) :] == keys]
    if len(found) != 1:
        raise Rejected(FailureReason.UNPARSED, f"the source has no output field {written!r}; it has {', '.join(fields[:MAX_FIELDS])}")
    return found[0]


def _keys(path: str) -> tuple[str, ...]:
    return tuple(part for part in split_path(path.strip()) if isinstance(part, str))


def _headline(spec: FunctionSpec) -> str:
    return f"{spec.name}: {_one_line(spec.description)}"


def _outputs(spec: FunctionSpec) -> str:
    fields = list(schema_fields(spec.return_schema))[:MAX_FIELDS]
    return "\n".join(f"- {path}{_about(schema)}" for path, schema in fields) or "(unknown)"


def _parameters(spec: FunctionSpec) -> str:
    required = set(spec.required)
    lines = [f"- {name}{' [required]' if name in required else ''}{_about(schema)}" for name, schema in spec.properties.items()]
    return "\n".join(lines) or "(none)"


def _about(schema: Mapping[str, Any]) -> str:
    kind = schema.get("type", "")
    what = _one_line(str(schema.get("description", "")))
    return f" ({kind if isinstance(kind, str) else ' or '.join(kind)})" * bool(kind) + (f": {what}" if what else "")


def _one_line(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= 200 else f"{text[:200]}…"
