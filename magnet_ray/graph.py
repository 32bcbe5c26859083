"""The local dependency graph: which function's output serves which function's input (paper, section 3.1).

For each function the best candidates of its category are judged (the paper: 30), and edges between
functions that can be executed are then kept only where executing them showed that the target accepts the
mapped values. Invariants: no edge leaves its category and environment, none joins a function to itself,
nodes are sorted by name and edges by (source, target), and nothing depends on the order of the pool.
"""

from __future__ import annotations

import json
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property, partial
from random import Random
from typing import TYPE_CHECKING, Any, Final

import networkx as nx
import pyarrow as pa
import pyarrow.parquet as pq

from magnet_ray.atomic_files import write_atomically, write_json
from magnet_ray.environments.base import Environment
from magnet_ray.errors import CallError, EnvironmentFault, Rejected, RunError
from magnet_ray.json_paths import expand
from magnet_ray.judge import ECHO_CEILING, MARKS, VAGUE, DependencyJudge, SchemaJudge, features_of, name_tokens, verb_of
from magnet_ray.places import Place, make_directory, place, storage_errors
from magnet_ray.table_files import whole_file
from magnet_ray.types import Edge, EdgeKind, Effect, FieldMapping, FunctionSpec, JsonValue, canonical, content_id
from magnet_ray.values import draw_argument

if TYPE_CHECKING:
    from magnet_ray.functions.pool import FunctionPool

OpenEnvironment = Callable[[str, int, Mapping[str, FunctionSpec]], Environment]
"""(environment key, scenario seed, callable name -> specification) -> a fresh environment."""
Choices = Sequence[tuple[str, list[JsonValue]]]
"""Parameter and the values found for it."""

MAX_CANDIDATES: Final = 30
MINIMUM_RATE: Final = 0.34
"""Smallest success rate that keeps an executed edge: one of three scenarios is too few, two of three are enough."""
SIMULATED: Final = "simulated:"
ACTIONS: Final = frozenset(
    "add apply assign begin book buy cancel change close create delete deploy donate edit end enroll insert issue join launch make "  # noqa: SIM905
    "modify move open order pay post publish purchase put register remove reserve run schedule send set sign start stop submit train "
    "transfer update upload".split()
)
"""Verbs of names that never pass for a lookup where an environment is simulated, since executing shows nothing there."""
ATTEMPTS: Final = 3
"""Draws of the remaining arguments before a call counts as refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionNode:
    """What walks and node operations need to know of a function."""

    name: str
    """Name in the pool."""
    category: str
    """Domain."""
    environment: str
    """Key of the environment that executes it."""
    effect: Effect
    """What executing it was seen to do."""
    required: tuple[str, ...]
    """Required parameters."""
    scalars: tuple[str, ...]
    """Required parameters that take one text or number: what parallel calls differ in."""
    entities: tuple[str, ...]
    """Those of `scalars` that name a thing (`restaurant`, `city`, `order_id`): what a request can list several of."""
    lookup: bool
    """Whether it may run without being asked for: it was seen to read only; where the environment is simulated
    and executing shows nothing, its name must not begin like an action either."""

    @property
    def group(self) -> tuple[str, str]:
        """Environment and category: a path stays within both."""
        return self.environment, self.category


@dataclass(frozen=True, kw_only=True, eq=False)
class FunctionGraph:
    """Functions and their dependencies. Compared and cached by identity; see `fingerprint` for content."""

    nodes: tuple[FunctionNode, ...]
    """Functions, sorted by name."""
    edges: tuple[Edge, ...]
    """Dependencies, sorted by (source, target)."""
    dropped: int = 0
    """Edges that execution refuted or could not reach."""

    def __reduce__(self) -> tuple[Callable[..., FunctionGraph], tuple[Any, ...]]:
        # Adjacency is rebuilt where it is needed, not shipped.
        return _rebuild, (self.nodes, self.edges, self.dropped)

    @cached_property
    def _nodes(self) -> dict[str, FunctionNode]:
        return {node.name: node for node in self.nodes}

    @cached_property
    def _edges(self) -> dict[tuple[str, str], Edge]:
        return {(edge.source, edge.target): edge for edge in self.edges}

    @cached_property
    def _successors(self) -> dict[str, tuple[Edge, ...]]:
        return _grouped(self.edges, "source")

    @cached_property
    def _predecessors(self) -> dict[str, tuple[Edge, ...]]:
        return _grouped(self.edges, "target")

    @cached_property
    def groups(self) -> dict[tuple[str, str], tuple[str, ...]]:
        """(environment, category) -> names of its functions, sorted."""
        groups: dict[tuple[str, str], list[str]] = defaultdict(list)
        for node in self.nodes:
            groups[node.group].append(node.name)
        return {group: tuple(names) for group, names in sorted(groups.items())}

    @cached_property
    def fingerprint(self) -> str:
        """Content hash of nodes and edges."""
        return content_id(*(repr(node) for node in self.nodes), *(repr(edge) for edge in self.edges))

    def node(self, name: str) -> FunctionNode:
        """The node of a function.

        Raises:
            KeyError: the graph has no such function.
        """
        return self._nodes[name]

    def successors(self, name: str) -> tuple[Edge, ...]:
        """Edges that leave a function, sorted by target."""
        return self._successors.get(name, ())

    def predecessors(self, name: str) -> tuple[Edge, ...]:
        """Edges that enter a function, sorted by source."""
        return self._predecessors.get(name, ())

    def edge(self, source: str, target: str) -> Edge | None:
        """The edge between two functions, or None."""
        return self._edges.get((source, target))

    def nested_successors(self, name: str) -> tuple[Edge, ...]:
        """Edges along which a call needs the source's output and hardly anything else (paper, section 3.2: Insert).

        At least one value must be more than an echo of the source's own argument, and at most one required
        parameter of the target may be left to the query.
        """
        return tuple(edge for edge in self.successors(name) if self._is_nested(edge))

    def unfilled(self, edge: Edge) -> tuple[str, ...]:
        """Required parameters of the edge's target that its mappings do not fill."""
        filled = {mapping.parameter for mapping in edge.mappings}
        return tuple(name for name in self.node(edge.target).required if name not in filled)

    def without(self, names: Collection[str]) -> FunctionGraph:
        """This graph without some functions, such as those that were seen to be unusable."""
        nodes = tuple(node for node in self.nodes if node.name not in names)
        edges = tuple(edge for edge in self.edges if edge.source not in names and edge.target not in names)
        return FunctionGraph(nodes=nodes, edges=edges, dropped=self.dropped)

    def _is_nested(self, edge: Edge) -> bool:
        required = set(self.node(edge.target).required)
        own = any(mapping.score > ECHO_CEILING and mapping.parameter in required for mapping in edge.mappings)
        return own and len(self.unfilled(edge)) <= 1


def _rebuild(nodes: tuple[FunctionNode, ...], edges: tuple[Edge, ...], dropped: int) -> FunctionGraph:
    return FunctionGraph(nodes=nodes, edges=edges, dropped=dropped)


def _grouped(edges: Iterable[Edge], key: str) -> dict[str, tuple[Edge, ...]]:
    grouped: dict[str, list[Edge]] = defaultdict(list)
    for edge in edges:
        grouped[getattr(edge, key)].append(edge)
    return {name: tuple(found) for name, found in grouped.items()}


def node_of(spec: FunctionSpec) -> FunctionNode:
    """The node of one specification."""
    scalars = tuple(name for name in spec.required if _is_scalar(spec.properties.get(name, {})))
    return FunctionNode(
        name=spec.name,
        category=spec.category,
        environment=spec.environment,
        effect=spec.effect,
        required=spec.required,
        scalars=scalars,
        entities=tuple(name for name in scalars if _is_entity(name, spec.properties.get(name, {}))),
        lookup=_is_lookup(spec),
    )


def _is_scalar(schema: Mapping[str, Any]) -> bool:
    declared = schema.get("type", "string")
    types = {declared} if isinstance(declared, str) else set(declared)
    return not types & {"boolean", "array", "object"}


def _is_entity(name: str, schema: Mapping[str, Any]) -> bool:
    tokens = frozenset(name_tokens(name))
    named = tokens - VAGUE if schema.get("type", "string") == "string" else frozenset()
    return not schema.get("format") and bool(named or tokens & MARKS)


def _is_lookup(spec: FunctionSpec) -> bool:
    if not spec.environment.startswith(SIMULATED):
        return spec.effect is Effect.READ
    return spec.effect is not Effect.WRITE and verb_of(spec.name)[0] not in ACTIONS and not ACTIONS.intersection(name_tokens(spec.name)[:1])


def build_graph(pool: FunctionPool, judge: DependencyJudge | None = None, max_candidates: int = MAX_CANDIDATES) -> FunctionGraph:
    """Judge each function against the best candidates of its category.

    Args:
        pool: the functions.
        judge: decides on an edge; `SchemaJudge()` by default.
        max_candidates: candidates judged per function (paper: 30).
    """
    judge = judge or SchemaJudge()
    groups: dict[tuple[str, str], list[FunctionSpec]] = defaultdict(list)
    for spec in sorted(pool.specs, key=lambda spec: spec.name):
        groups[spec.environment, spec.category].append(spec)
    edges = []
    for _, specs in sorted(groups.items()):
        for source, targets in candidate_pairs(specs, max_candidates):
            edges += [edge for target in targets if (edge := judge.judge(source, target)) is not None]
    return _graph((node_of(spec) for spec in pool.specs), edges)


def _graph(nodes: Iterable[FunctionNode], edges: Iterable[Edge], dropped: int = 0) -> FunctionGraph:
    return FunctionGraph(
        nodes=tuple(sorted(nodes, key=lambda node: node.name)),
        edges=tuple(sorted(edges, key=lambda edge: (edge.source, edge.target))),
        dropped=dropped,
    )


def candidate_pairs(specs: Sequence[FunctionSpec], max_candidates: int) -> Iterable[tuple[FunctionSpec, list[FunctionSpec]]]:
    """Each function with its most promising targets, best first, ties by name.

    A target is promising by the rarity of the words that its parameters share with the source's output
    (or with the source's own required parameters, for prerequisites). A group that is small enough is
    judged whole, so that any judge sees every pair there.
    """
    if len(specs) <= max_candidates + 1:
        yield from ((source, [target for target in specs if target is not source]) for source in specs)
        return
    index: dict[str, list[int]] = defaultdict(list)
    for position, spec in enumerate(specs):
        features = features_of(spec)
        for token in features.wanted | {f"={entity}" for entity in features.entities}:
            index[token].append(position)
    for position, source in enumerate(specs):
        features = features_of(source)
        # A shared entity opens a prerequisite at most, so it counts less than a value that could flow.
        tokens = [(token, 1.0) for token in features.offered] + [(f"={entity}", 0.3) for entity in features.entities if features.gate]
        scores: dict[int, float] = defaultdict(float)
        for token, weight in sorted(tokens):
            found = index.get(token, ())
            rarity = weight * math.log(1 + len(specs) / (1 + len(found))) * (0.4 if token in VAGUE else 1.0)
            for target in found:
                scores[target] += rarity
        scores.pop(position, None)
        best = sorted(scores.items(), key=lambda item: (-item[1], specs[item[0]].name))[:max_candidates]
        yield source, [specs[target] for target, _ in best]


class _Trials:
    """Calls made in one scenario of one environment, to try edges."""

    def __init__(self, opened: Callable[[], Environment], specs: Mapping[str, FunctionSpec]) -> None:
        self.opened, self.specs = opened, specs
        self.environment = opened()

    def accepted(self, edges: Sequence[Edge], rng: Random) -> dict[str, tuple[bool, bool]]:
        """Target -> whether it took all mapped values, and whether it took the best one, for each edge of one
        source that could be tried; the state ends as it began."""
        start = self.environment.checkpoint()
        outcomes: dict[str, tuple[bool, bool]] = {}
        try:
            output = self._call(self.specs[edges[0].source], (), rng)
            after = self.environment.checkpoint()
            for edge in edges if output is not None else ():
                choices = _value_choices(edge, output)
                if choices is not None:
                    whole = self._accepts(edge, choices, rng, after)
                    outcomes[edge.target] = (
                        whole,
                        whole or (len(choices) > 1 and self._accepts(edge, _best_only(edge, choices), rng, after)),
                    )
            self.environment.rollback(start)
        except EnvironmentFault:
            # What was found out before stands; the next source gets a fresh world.
            self.environment.close()
            self.environment = self.opened()
        return outcomes

    def _accepts(self, edge: Edge, choices: Choices, rng: Random, after: object) -> bool:
        taken = self._call(self.specs[edge.target], choices, rng) is not None
        self.environment.rollback(after)
        return taken

    def _call(self, spec: FunctionSpec, choices: Choices, rng: Random) -> tuple[JsonValue] | None:
        for _ in range(ATTEMPTS):
            # One draw for all, so that values out of one list come from one item.
            place = rng.random()
            arguments = {parameter: values[int(place * len(values))] for parameter, values in choices}
            try:
                for parameter in spec.required:
                    if parameter not in arguments:
                        arguments[parameter] = draw_argument(self.environment, spec, parameter, arguments, rng)
                return (self.environment.call(spec.callable_name, arguments),)
            except (CallError, Rejected):
                continue
        return None


def _best_only(edge: Edge, choices: Choices) -> Choices:
    best = max(edge.mappings, key=lambda mapping: mapping.score).parameter
    return [choice for choice in choices if choice[0] == best]


def _value_choices(edge: Edge, output: tuple[JsonValue] | None) -> Choices | None:
    """Parameter -> values found for it, or None when the output holds none for some mapping."""
    choices = []
    for mapping in edge.mappings:
        values = [value for _, value in expand(output[0] if output else None, mapping.output_path) if value is not None]
        if not values:
            return None
        choices.append((mapping.parameter, values))
    return choices


def verify_edges(
    graph: FunctionGraph,
    pool: FunctionPool,
    open_environment: OpenEnvironment,
    seed: int,
    scenarios: int = 3,
    minimum: float = MINIMUM_RATE,
) -> FunctionGraph:
    """Keep the edges along which execution showed that values flow.

    In each scenario a source is called once with drawn arguments; for each of its edges the target is then
    called with values taken from that output and other required arguments drawn, up to `ATTEMPTS` times. An
    edge whose values are refused together but whose best value is accepted keeps that one alone.
    Prerequisites and edges of simulated environments carry no verdict and stay as they are.

    Args:
        graph: edges as judged.
        pool: their specifications.
        open_environment: opens a scenario of an environment.
        seed: seed of the scenarios and the draws.
        scenarios: scenarios per environment.
        minimum: smallest success rate that keeps an edge; an edge that no scenario reached is dropped too.
    """
    specs = {spec.name: spec for spec in pool.specs}
    testable: dict[str, dict[str, list[Edge]]] = defaultdict(lambda: defaultdict(list))
    for edge in graph.edges:
        key = specs[edge.source].environment
        if edge.mappings and not key.startswith(SIMULATED) and specs[edge.target].environment == key:
            testable[key][edge.source].append(edge)
    tallies = {(edge.source, edge.target): [0, 0, 0] for sources in testable.values() for edges in sources.values() for edge in edges}
    for key, sources in sorted(testable.items()):
        callables = {spec.callable_name: spec for spec in pool.specs if spec.environment == key}
        for scenario in range(scenarios):
            trials = _Trials(partial(open_environment, key, _seed(seed, key, scenario), callables), specs)
            for source, edges in sorted(sources.items()):
                for target, (whole, best) in trials.accepted(edges, Random(_seed(seed, scenario, source))).items():
                    tally = tallies[source, target]
                    tally[:] = tally[0] + 1, tally[1] + whole, tally[2] + best
            trials.environment.close()
    return _judged(graph, tallies, minimum)


def _seed(*parts: object) -> int:
    return int(content_id("verify_edges", *parts), 16) >> 1


def _judged(graph: FunctionGraph, tallies: Mapping[tuple[str, str], Sequence[int]], minimum: float) -> FunctionGraph:
    edges = [_verdict(edge, tallies.get((edge.source, edge.target)), graph, minimum) for edge in graph.edges]
    kept = [edge for edge in edges if edge is not None]
    return _graph(graph.nodes, kept, graph.dropped + len(edges) - len(kept))


def _verdict(edge: Edge, tally: Sequence[int] | None, graph: FunctionGraph, minimum: float) -> Edge | None:
    if tally is None:
        return edge
    attempted, whole, best = tally
    if attempted and whole / attempted >= minimum:
        return replace(edge, success_rate=round(whole / attempted, 4))
    if attempted and best / attempted >= minimum:
        # Its best value is welcome, the others are not: an appointment is not moved to the time that it has.
        mapping = max(edge.mappings, key=lambda mapping: mapping.score)
        kind = EdgeKind.FULL if set(graph.node(edge.target).required) == {mapping.parameter} else EdgeKind.PARTIAL
        return replace(edge, kind=kind, mappings=(mapping,), success_rate=round(best / attempted, 4))
    return None


_NODE_SCHEMA: Final = pa.schema(
    [(name, pa.string()) for name in ("name", "category", "environment", "effect")]
    + [(name, pa.list_(pa.string())) for name in ("required", "scalars", "entities")]
    + [("lookup", pa.bool_())]
)
_EDGE_SCHEMA: Final = pa.schema(
    [(name, pa.string()) for name in ("source", "target", "kind", "mappings")] + [("score", pa.float64()), ("success_rate", pa.float64())]
)


def save_graph(graph: FunctionGraph, directory: Place | str) -> None:
    """Write `nodes.parquet`, `edges.parquet` (mappings as JSON text), `graph.graphml` and, last, `graph.json`.

    Raises:
        RunError: the directory cannot be written.
    """
    folder = place(directory)
    make_directory(folder)
    nodes = [asdict(node) | {"effect": node.effect.value} for node in graph.nodes]
    edges = [asdict(edge) | {"kind": edge.kind.value, "mappings": canonical([asdict(m) for m in edge.mappings])} for edge in graph.edges]
    for name, rows, schema in (("nodes", nodes, _NODE_SCHEMA), ("edges", edges, _EDGE_SCHEMA)):
        write_atomically(folder / f"{name}.parquet", partial(pq.write_table, pa.Table.from_pylist(rows, schema=schema)))
    write_atomically(folder / "graph.graphml", partial(nx.write_graphml, as_networkx(graph)))
    kinds = Counter(edge.kind.value for edge in graph.edges)
    summary = {
        "functions": len(nodes),
        "edges": len(edges),
        "kinds": dict(sorted(kinds.items())),
        "dropped": graph.dropped,
        "fingerprint": graph.fingerprint,
    }
    write_json(folder / "graph.json", summary)


def as_networkx(graph: FunctionGraph) -> nx.DiGraph[str]:
    """The graph for networkx, with scalar attributes only (what GraphML can hold)."""
    drawn: nx.DiGraph[str] = nx.DiGraph()
    for node in graph.nodes:
        drawn.add_node(node.name, category=node.category, environment=node.environment, effect=node.effect.value)
    for edge in graph.edges:
        values = ", ".join(f"{mapping.output_path} -> {mapping.parameter}" for mapping in edge.mappings)
        rate = {} if edge.success_rate is None else {"success_rate": edge.success_rate}
        drawn.add_edge(edge.source, edge.target, kind=edge.kind.value, score=edge.score, values=values, **rate)
    return drawn


def load_graph(directory: Place | str) -> FunctionGraph:
    """Read a graph that `save_graph` wrote.

    Raises:
        RunError: the directory holds no finished graph, or not the one that its summary describes.
    """
    folder = place(directory)
    try:
        summary = json.loads((folder / "graph.json").read_text(encoding="utf-8"))
        nodes = pq.read_table(whole_file(folder / "nodes.parquet"), schema=_NODE_SCHEMA).to_pylist()
        edges = pq.read_table(whole_file(folder / "edges.parquet"), schema=_EDGE_SCHEMA).to_pylist()
        graph = _graph((_read_node(row) for row in nodes), (_read_edge(row) for row in edges), int(summary["dropped"]))
        complete = graph.fingerprint == summary["fingerprint"]
    except storage_errors(ValueError, KeyError, TypeError, pa.ArrowException) as error:
        raise RunError(
            "cannot read a function graph", str(directory), "a folder written by `magnet graph build`", f"({type(error).__name__})"
        ) from error
    if not complete:
        raise RunError("the function graph does not match its summary", str(directory), "unchanged files", "build the graph again")
    return graph


def _read_node(row: Mapping[str, Any]) -> FunctionNode:
    lists = {name: tuple(row[name]) for name in ("required", "scalars", "entities")}
    return FunctionNode(**{**row, **lists, "effect": Effect(row["effect"])})


def _read_edge(row: Mapping[str, Any]) -> Edge:
    mappings = tuple(FieldMapping(**mapping) for mapping in json.loads(row["mappings"]))
    return Edge(**{**row, "kind": EdgeKind(row["kind"]), "mappings": mappings})
