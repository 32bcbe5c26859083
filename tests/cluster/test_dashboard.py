"""The dashboard asks for series that exist, and shows all that there are."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.cluster.rendering import ROOT, named, render

RUNS = ROOT / "magnet_ray" / "metrics.py"
SERVING = ROOT / "magnet_ray" / "serving" / "measurements.py"
NOT_IN_RAY = {"magnet_requests_in_flight"}
"""Series of the gateway that only its own /metrics has."""


def dashboard() -> dict[str, Any]:
    (text,) = named(render("gpu"), "ConfigMap", "magnet-dashboard")["data"].values()
    board: dict[str, Any] = json.loads(text)
    return board


def test_the_dashboard_asks_for_the_series_that_we_have_and_for_all_of_them() -> None:
    assert asked_for(dashboard()) == exported(RUNS) | exported(SERVING)


def test_every_panel_has_a_place_of_its_own_and_says_what_it_shows() -> None:
    panels = dashboard()["panels"]
    taken = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels]
    assert len(set(taken)) == len(panels) == len({panel["id"] for panel in panels})
    assert all(panel["title"] and (panel["type"] == "row" or (panel["description"] and panel["targets"])) for panel in panels)


def test_every_label_that_the_dashboard_groups_by_is_one_of_the_series() -> None:
    labels = {"le", "ray_io_cluster", "job_kind", "run", "reason", "role", "kind", "route", "status"}
    for expression in expressions(dashboard()):
        grouped = re.findall(r"by \(([^)]*)\)", expression) + re.findall(r"(\w+)=~", expression)
        assert {label.strip() for group in grouped for label in group.split(",")} <= labels, expression


def expressions(board: dict[str, Any]) -> Iterator[str]:
    for panel in board["panels"]:
        yield from (target["expr"] for target in panel.get("targets", ()))


def asked_for(board: dict[str, Any]) -> set[str]:
    return {name for expression in expressions(board) for name in re.findall(r"ray_magnet_\w+", expression)}


def exported(file: Path) -> set[str]:
    """Names as Ray's exporter writes them: `ray_` before, `_total` behind a counter, `_bucket` behind a histogram."""
    endings = {"Counter": "_total", "Histogram": "_bucket", "Gauge": ""}
    in_ray = {name: kind for name, kind in made_in(file) if file != SERVING or name not in NOT_IN_RAY}
    return {f"ray_{name.removesuffix('_total')}{endings[kind]}" for name, kind in in_ray.items()}


def made_in(file: Path) -> Iterator[tuple[str, str]]:
    """Names of the series that a module makes, and their kinds: of calls whose first argument is a name that begins with `magnet_`."""
    tree = ast.parse(file.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            name = str(node.args[0].value)
            kind = (node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")).strip("_").capitalize()
            if re.fullmatch(r"magnet_\w+", name) and kind in ("Counter", "Gauge", "Histogram"):
                yield name, kind
    # The gateway's histograms are made in a loop over pairs.
    for node in ast.walk(tree):
        match node:
            case ast.Tuple(elts=[ast.Constant(value=str(name)), ast.Constant()]) if re.fullmatch(r"magnet_\w+_seconds", name):
                yield name, "Histogram"
