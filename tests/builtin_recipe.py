"""The prepared built-in pool and its first rows, made once a process: observing and connecting 150 functions takes seconds."""

from __future__ import annotations

from functools import cache

from magnet_ray.at_once import at_once
from magnet_ray.config import load_config
from magnet_ray.environments.opening import open_environment
from magnet_ray.paths import sample_path
from magnet_ray.synthesis import Recipe, make_row, prepare
from magnet_ray.translation import translate
from magnet_ray.types import Category, Failure, Trajectory, TranslatedPath

ROWS = 150
"""Paths that the properties look at; all seven categories are among them."""


@cache
def builtin_recipe() -> Recipe:
    """The built-in pool with observed effects, its verified graph and the template teacher."""
    return prepare(load_config(overrides={"seed": 1}), open_environment)


@cache
def builtin_outcome(index: int) -> Trajectory | Failure:
    """What one path of the built-in pool became."""
    return at_once(make_row(index, builtin_recipe()))


@cache
def builtin_rows() -> tuple[Trajectory, ...]:
    """The rows of the first `ROWS` paths."""
    outcomes = [builtin_outcome(index) for index in range(ROWS)]
    return tuple(outcome for outcome in outcomes if isinstance(outcome, Trajectory))


def rows_of(category: Category) -> tuple[Trajectory, ...]:
    """Those of one category."""
    return tuple(row for row in builtin_rows() if row.category is category)


@cache
def builtin_translation(index: int) -> TranslatedPath:
    """A path of the built-in pool between translation and verification."""
    recipe = builtin_recipe()
    path = sample_path(index, run_seed=recipe.seed, graph=recipe.workshop.graph, settings=recipe.paths)
    return at_once(translate(path, recipe.workshop))
