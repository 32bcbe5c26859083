"""A pool and a graph that were saved are what the sources give: runs begin with them without trying a function again."""

from __future__ import annotations

from pathlib import Path

import pytest

from magnet_ray.config import SynthesizeConfig, load_config
from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import EnvironmentFault, RunError
from magnet_ray.functions.pool import save_pool
from magnet_ray.graph import save_graph
from magnet_ray.synthesis import prepare

SOURCES = ("builtin:gym", "builtin:rail")


def closed(*_: object, **__: object) -> None:
    raise EnvironmentFault("nothing is to be tried again")


@pytest.fixture
def saved(tmp_path: Path) -> SynthesizeConfig:
    """A configuration that names a saved pool and its graph."""
    recipe = prepare(load_config(overrides={"sources": SOURCES}), open_environment)
    save_pool(recipe.workshop.pool, tmp_path / "pool")
    save_graph(recipe.workshop.graph, tmp_path / "graph")
    return load_config(overrides={"pool": str(tmp_path / "pool"), "graph.directory": str(tmp_path / "graph")})


def test_a_saved_pool_and_graph_give_the_same_run_and_are_not_made_again(saved: SynthesizeConfig) -> None:
    again = prepare(saved, closed)  # type: ignore[arg-type]
    made = prepare(load_config(overrides={"sources": SOURCES}), open_environment)
    assert again.fingerprint == made.fingerprint
    assert again.workshop.graph.nodes == made.workshop.graph.nodes and again.workshop.graph.edges == made.workshop.graph.edges
    # The manifest names what the functions came from, and so whether a benchmark's are among them.
    assert again.workshop.pool.sources == SOURCES


def test_a_graph_of_another_pool_is_refused(saved: SynthesizeConfig, tmp_path: Path) -> None:
    other = prepare(load_config(overrides={"sources": ("builtin:gym",)}), open_environment)
    save_pool(other.workshop.pool, tmp_path / "other")
    with pytest.raises(RunError, match="is of other functions than the pool; build it anew"):
        prepare(saved.model_copy(update={"pool": str(tmp_path / "other")}), open_environment)


def test_a_pool_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such pool folder"):
        prepare(load_config(overrides={"pool": str(tmp_path / "none")}), open_environment)
