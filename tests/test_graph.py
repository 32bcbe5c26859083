"""Building, verifying, saving and walking around the dependency graph."""

from __future__ import annotations

import json
import pickle
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import networkx as nx
import pytest

from magnet_ray.environments.base import MISSING, Missing
from magnet_ray.errors import CallError, EnvironmentFault, RunError
from magnet_ray.functions.pool import FunctionPool, build_pool
from magnet_ray.graph import FunctionGraph, build_graph, candidate_pairs, load_graph, node_of, save_graph, verify_edges
from magnet_ray.types import Edge, EdgeKind, Effect, FunctionSpec
from tests.test_judge import TEXT, WHOLE, items, spec

SHOP = (
    spec("find_gadgets", {"colour": TEXT}, {"gadgets": items(gadget=TEXT, price=WHOLE)}, effect=Effect.READ),
    spec("describe_gadget", {"gadget": TEXT}, {"gadget": TEXT, "maker": TEXT}, effect=Effect.READ),
    spec("order_gadget", {"gadget": TEXT, "pieces": WHOLE}, {"order_code": TEXT, "gadget": TEXT}, effect=Effect.WRITE),
    spec("cancel_order", {"order_code": TEXT}, {"order_code": TEXT, "refund": WHOLE}, effect=Effect.WRITE),
    spec("find_maker", {"maker": TEXT}, {"town": TEXT}, effect=Effect.READ),
)


class ShopEnvironment:
    """A shop whose makers nobody has heard of, so edges into `find_maker` must fail."""

    today = ""

    def __init__(self, seed: int) -> None:
        self.seed, self.orders, self.closed = seed, ["O-0"], 0

    def call(self, function: str, arguments: Mapping[str, Any]) -> Any:
        match function:
            case "find_gadgets":
                return {"gadgets": [{"gadget": f"thing {self.seed}-{n}", "price": n} for n in range(2)]}
            case "describe_gadget" if str(arguments["gadget"]).startswith("thing"):
                return {"gadget": arguments["gadget"], "maker": "Nobody"}
            case "order_gadget" if str(arguments["gadget"]).startswith("thing"):
                self.orders.append(f"O-{len(self.orders)}")
                return {"order_code": self.orders[-1], "gadget": arguments["gadget"]}
            case "cancel_order" if arguments["order_code"] in self.orders:
                self.orders.remove(arguments["order_code"])
                return {"order_code": arguments["order_code"], "refund": 1}
        raise CallError(f"{function} refused")

    def state(self) -> Any:
        return {"orders": list(self.orders)}

    def checkpoint(self) -> object:
        return list(self.orders)

    def rollback(self, mark: object) -> None:
        assert isinstance(mark, list)
        self.orders = list(mark)

    def suggest(self, function: str, parameter: str, chosen: Mapping[str, Any], rng: Random) -> Any | Missing:
        return {"gadget": f"thing {self.seed}-0", "order_code": self.orders[0], "colour": "red", "pieces": 2}.get(parameter, MISSING)

    def close(self) -> None:
        self.closed += 1


def open_shop(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> ShopEnvironment:
    assert key == "test:one" and set(specs) == {s.name for s in SHOP}
    return ShopEnvironment(seed)


@pytest.fixture
def shop() -> FunctionGraph:
    return build_graph(FunctionPool(specs=SHOP))


def test_edges_are_sorted_without_self_edges_and_do_not_depend_on_pool_order(shop: FunctionGraph) -> None:
    pairs = [(edge.source, edge.target) for edge in shop.edges]
    assert pairs == sorted(pairs) and all(source != target for source, target in pairs)
    assert build_graph(FunctionPool(specs=SHOP[::-1])).fingerprint == shop.fingerprint


def test_neighbours_can_be_looked_up(shop: FunctionGraph) -> None:
    edge = shop.edge("order_gadget", "cancel_order")
    assert edge is not None and edge.kind is EdgeKind.FULL
    assert edge in shop.successors("order_gadget") and edge in shop.predecessors("cancel_order")
    assert shop.edge("cancel_order", "find_maker") is None and shop.successors("no such function") == ()


def test_nested_successors_need_a_new_value_and_little_else(shop: FunctionGraph) -> None:
    assert {edge.target for edge in shop.nested_successors("find_gadgets")} == {"describe_gadget", "order_gadget"}
    # describe_gadget only echoes the gadget that it was given, but finds its maker.
    assert {edge.target for edge in shop.nested_successors("describe_gadget")} == {"find_maker"}


def test_edges_stay_within_category_and_environment() -> None:
    other = spec("cancel_foreign_order", {"order_code": TEXT}, category="other")
    far = spec("cancel_far_order", {"order_code": TEXT}, environment="test:two")
    graph = build_graph(FunctionPool(specs=(*SHOP, other, far)))
    assert not graph.predecessors("cancel_foreign_order") and not graph.predecessors("cancel_far_order")


def test_without_leaves_functions_and_their_edges_out(shop: FunctionGraph) -> None:
    smaller = shop.without({"order_gadget"})
    assert "order_gadget" not in {node.name for node in smaller.nodes}
    assert not any("order_gadget" in (edge.source, edge.target) for edge in smaller.edges)


def test_a_large_category_is_cut_to_the_best_candidates() -> None:
    specs = [spec(f"use_thing_{n:02d}", {f"part{'abcdefgh'[n % 8]}_colour": TEXT}, {"town": TEXT}) for n in range(60)]
    source = spec("find_order", {}, {"order_code": TEXT, "colour": TEXT})
    target = spec("cancel_order", {"order_code": TEXT}, {"town": TEXT})
    pairs = {found.name: targets for found, targets in candidate_pairs([source, target, *specs], 30)}
    assert len(pairs["find_order"]) == 30 and pairs["find_order"][0].name == "cancel_order"
    assert all(found not in [t.name for t in targets] for found, targets in pairs.items())


def test_a_node_knows_what_parallel_calls_can_differ_in() -> None:
    node = node_of(
        spec("f", {"city": TEXT, "day": TEXT, "loud": {"type": "boolean"}, "tags": {"type": "array"}, "order_id": WHOLE, "n": WHOLE})
    )
    assert node.scalars == ("city", "day", "order_id", "n")
    assert node.entities == ("city", "order_id")


def test_only_what_was_seen_to_read_may_go_unasked_and_in_a_simulation_nothing_that_sounds_like_an_action() -> None:
    assert node_of(SHOP[0]).lookup and not node_of(SHOP[2]).lookup
    assert not node_of(spec("get_towns", {})).lookup
    simulated = {
        name: spec(name, {}, environment="simulated:x", effect=Effect.READ)
        for name in ("get_towns", "whois", "delete_town", "shop_send_mail")
    }
    assert [name for name, found in simulated.items() if node_of(found).lookup] == ["get_towns", "whois"]


def test_verification_keeps_what_execution_accepts_and_counts_the_rest(shop: FunctionGraph) -> None:
    verified = verify_edges(shop, FunctionPool(specs=SHOP), open_shop, seed=3)
    assert shop.edge("describe_gadget", "find_maker") is not None and verified.edge("describe_gadget", "find_maker") is None
    edge = verified.edge("order_gadget", "cancel_order")
    assert edge is not None and edge.success_rate == 1.0
    assert verified.dropped == len(shop.edges) - len(verified.edges) > 0
    assert verify_edges(shop, FunctionPool(specs=SHOP), open_shop, seed=3).fingerprint == verified.fingerprint


def test_an_edge_whose_lesser_values_are_refused_keeps_its_best_one() -> None:
    class Picky(ShopEnvironment):
        def call(self, function: str, arguments: Mapping[str, Any]) -> Any:
            if function == "find_order":
                return {"order_code": "O-0", "pieces": 2}
            if arguments["pieces"] == 2:
                raise CallError("It has that size already.")
            return {}

        def suggest(self, function: str, parameter: str, chosen: Mapping[str, Any], rng: Random) -> Any | Missing:
            return 5

    specs = (spec("find_order", {}, {"order_code": TEXT, "pieces": WHOLE}), spec("resize_order", {"order_code": TEXT, "pieces": WHOLE}))
    graph = build_graph(FunctionPool(specs=specs))
    verified = verify_edges(graph, FunctionPool(specs=specs), lambda key, seed, found: Picky(seed), seed=1)
    assert [len(edge.mappings) for edge in graph.edges] == [2]
    assert [(mapping.parameter, edge.kind) for edge in verified.edges for mapping in edge.mappings] == [("order_code", EdgeKind.PARTIAL)]


def test_a_broken_environment_is_replaced_and_its_edges_are_dropped(shop: FunctionGraph) -> None:
    opened: list[ShopEnvironment] = []

    class Fragile(ShopEnvironment):
        def call(self, function: str, arguments: Mapping[str, Any]) -> Any:
            if function == "find_gadgets":
                raise EnvironmentFault("out of memory")
            return super().call(function, arguments)

    def open_fragile(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> ShopEnvironment:
        opened.append(Fragile(seed))
        return opened[-1]

    verified = verify_edges(shop, FunctionPool(specs=SHOP), open_fragile, seed=3, scenarios=1)
    assert not verified.successors("find_gadgets") and verified.edge("order_gadget", "cancel_order") is not None
    assert len(opened) > 1 and all(environment.closed for environment in opened)


def test_simulated_edges_carry_no_verdict() -> None:
    specs = tuple(spec(s.name, dict(s.properties), dict(s.return_schema or {}), environment="simulated:shop") for s in SHOP)
    graph = build_graph(FunctionPool(specs=specs))

    def refuse(key: str, seed: int, found: Mapping[str, FunctionSpec]) -> ShopEnvironment:
        raise AssertionError("a simulated environment needs no verification")

    verified = verify_edges(graph, FunctionPool(specs=specs), refuse, seed=1)
    assert verified.fingerprint == graph.fingerprint and all(edge.success_rate is None for edge in verified.edges)


def test_a_graph_survives_pickling_and_saving(shop: FunctionGraph, tmp_path: Path) -> None:
    verified = verify_edges(shop, FunctionPool(specs=SHOP), open_shop, seed=3)
    assert verified.successors("order_gadget")
    assert pickle.loads(pickle.dumps(verified)).fingerprint == verified.fingerprint
    save_graph(verified, tmp_path / "graph")
    loaded = load_graph(tmp_path / "graph")
    assert (loaded.nodes, loaded.edges, loaded.dropped) == (verified.nodes, verified.edges, verified.dropped)
    drawn = nx.read_graphml(tmp_path / "graph" / "graph.graphml")
    assert (drawn.number_of_nodes(), drawn.number_of_edges()) == (len(verified.nodes), len(verified.edges))


def test_an_empty_graph_can_be_saved(tmp_path: Path) -> None:
    save_graph(build_graph(FunctionPool(specs=())), tmp_path)
    assert load_graph(tmp_path).nodes == ()


@pytest.mark.parametrize("damage", ["missing", "not json", "not parquet", "another"])
def test_an_unfinished_or_changed_graph_is_one_clear_line(shop: FunctionGraph, tmp_path: Path, damage: str) -> None:
    save_graph(shop, tmp_path)
    if damage == "missing":
        (tmp_path / "graph.json").unlink()
    elif damage == "not json":
        (tmp_path / "graph.json").write_text("{")
    elif damage == "not parquet":
        (tmp_path / "edges.parquet").write_bytes(b"PAR1")
    else:
        summary = json.loads((tmp_path / "graph.json").read_text())
        (tmp_path / "graph.json").write_text(json.dumps(summary | {"fingerprint": "0"}))
    with pytest.raises(RunError) as caught:
        load_graph(tmp_path)
    assert "\n" not in str(caught.value)


def test_any_judge_can_be_used() -> None:
    class Everything:
        def judge(self, source: FunctionSpec, target: FunctionSpec) -> Edge | None:
            return Edge(source=source.name, target=target.name, kind=EdgeKind.PREREQUISITE, score=1.0)

    assert len(build_graph(FunctionPool(specs=SHOP), Everything()).edges) == len(SHOP) * (len(SHOP) - 1)


STABLETOOLBENCH = Path(__file__).parents[2] / "shared" / "data" / "stabletoolbench"


@pytest.mark.skipif(not STABLETOOLBENCH.is_dir(), reason="needs ../shared/data/stabletoolbench (StableToolBench's solvable queries)")
def test_2490_real_functions_give_a_graph_in_seconds() -> None:
    pool = build_pool([f"toolbench:{STABLETOOLBENCH}"])
    start = process_time()
    graph = build_graph(pool)
    assert process_time() - start < 20
    assert len(graph.edges) > 2_000
    assert max(Counter(edge.source for edge in graph.edges).values()) <= 30
