"""Imports go one way: words, errors <- config, rows, artifacts <- environments, functions, teacher <- stages <- jobs <- evals <- cli."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "magnet_ray"

LAYERS = (
    {"types", "errors", "places", "at_once", "phrases", "wording", "json_paths", "lexicon", "field_kinds", "field_meanings"},
    {
        "config",
        "sections",
        "rows",
        "atomic_files",
        "checkpoint_places",
        "locks",
        "line_files",
        "table_files",
        "artifacts",
        "run_directories",
        "finished_runs",
        "render",
        "llm",
    },
    {"environments", "functions", "teacher", "values"},
    set[str](),  # the stages: every module that is named nowhere else
    {
        "pipeline",
        "ray_session",
        "shards",
        "shard_runs",
        "final_tables",
        "path_maker",
        "model_workers",
        "run_models",
        "scoreboard",
        "worker_pool",
        "metrics",
        "shard_log",
        "distillation",
        "pair_maker",
        "training",
        "serving",
        "report",
        "inspection",
        "pair_inspection",
        "pair_card",
        "data_card",
    },
    {"cli", "cli_options", "quickstart", "paper", "pipeline_command", "serve_command", "submitted_jobs", "train_commands"},
)
STAGE_LAYER = 3
STAGES = {"paths", "translation", "trajectories", "verification", "datasets"}
"""Stages of the pipeline: they meet in the record types."""
MAY_IMPORT_RAY = {
    "pipeline",
    "ray_session",
    "shards",
    "shard_runs",
    "final_tables",
    "model_workers",
    "scoreboard",
    "worker_pool",
    "metrics",
    "distillation",
    "training",
    "serving",
}
HEAVY = {
    *("torch", "transformers", "trl", "peft", "accelerate", "safetensors", "huggingface_hub", "tensorboardX", "vllm", "datasets"),
    "starlette",
}
MAY_BE_HEAVY = {"training", "serving", "render"}


def modules() -> dict[str, ast.Module]:
    """Module name inside the package -> its syntax tree."""
    trees = {}
    for file in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(file.relative_to(PACKAGE).with_suffix("").parts).removesuffix("__init__").rstrip(".")
        if name:
            trees[name] = ast.parse(file.read_text(encoding="utf-8"))
    return trees


def imports(nodes: Iterator[ast.AST]) -> set[str]:
    """Full names of the modules (or their members) that the nodes import."""
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def on_import(tree: ast.Module) -> Iterator[ast.AST]:
    """The nodes that run when the module is imported: no function bodies, no `if TYPE_CHECKING`."""
    waiting: list[ast.AST] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        waiting += ast.iter_child_nodes(node)


def ours(name: str) -> str | None:
    """The longest module of the package that an imported name lies in."""
    parts = name.split(".")
    if parts[0] != "magnet_ray":
        return None
    parts = parts[1:]
    while parts and ".".join(parts) not in MODULES:
        parts.pop()
    return ".".join(parts) or None


def within(imported: set[str]) -> set[str]:
    """The modules of the package among imported names."""
    return {name for each in imported if (name := ours(each))}


def layer(module: str) -> int:
    head = module.split(".")[0]
    return next((number for number, names in enumerate(LAYERS) if head in names), STAGE_LAYER)


MODULES = modules()
NAMES = sorted(MODULES)


@pytest.mark.parametrize("module", NAMES)
def test_imports_go_one_way(module: str) -> None:
    used = within(imports(ast.walk(MODULES[module])))
    backwards = sorted(name for name in used if layer(name) > layer(module))
    assert not backwards, f"{module} (layer {layer(module)}) imports {backwards}"


@pytest.mark.parametrize("module", sorted(STAGES & MODULES.keys()))
def test_stages_do_not_import_each_other(module: str) -> None:
    used = within(imports(ast.walk(MODULES[module])))
    assert not used & STAGES


@pytest.mark.parametrize("module", NAMES)
def test_ray_is_imported_only_where_jobs_are_run(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(ast.walk(MODULES[module]))}
    assert "ray" not in roots or module.split(".")[0] in MAY_IMPORT_RAY


@pytest.mark.parametrize("module", NAMES)
def test_synthesis_needs_no_training_library(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(ast.walk(MODULES[module]))}
    assert not roots & HEAVY or module.split(".")[0] in MAY_BE_HEAVY


@pytest.mark.parametrize("module", NAMES)
def test_only_commands_know_the_evaluations(module: str) -> None:
    roots = {name.split(".")[0] for name in imports(ast.walk(MODULES[module]))}
    assert "evals" not in roots or layer(module) == layer("cli")


CARRIED = {"pydantic_core", "typing_extensions", "grpc"}
"""Parts of pydantic and of Ray that come with them."""
OPTIONAL = {"bfcl_eval"}
"""Installed beside the package by those who want it; every use says so where it is absent."""


def test_every_dependency_is_declared() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {_plain(re.split(r"[\[=<>; ]", line)[0]) for line in project["dependencies"]}
    distributions = packages_distributions()
    needed = {name.split(".")[0] for module, tree in MODULES.items() if layer(module) <= layer("cli") for name in imports(ast.walk(tree))}
    foreign = needed - set(sys.stdlib_module_names) - {"magnet_ray", "evals"} - CARRIED - OPTIONAL - HEAVY
    missing = {name for name in foreign if not {_plain(each) for each in distributions.get(name, [name])} & declared}
    assert not missing


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = {
        module: {name for imported in imports(on_import(tree)) if (name := ours(imported))} - {module} for module, tree in MODULES.items()
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_stages_load_neither_ray_nor_torch() -> None:
    stages = [f"magnet_ray.{name}" for name in NAMES if layer(name) <= STAGE_LAYER and "worker" not in name]
    code = (
        f"import importlib, sys\nfor name in {stages}: importlib.import_module(name)\nprint(sorted({{'ray', 'torch'}} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert (done.returncode, done.stdout) == (0, "[]\n"), done.stderr
