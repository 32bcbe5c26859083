"""What the jobs start is there, and takes the options that it is given."""

from __future__ import annotations

import ast
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from magnet_ray.cli import app
from magnet_ray.config import DistillConfig, SynthesizeConfig
from magnet_ray.sections import Section, load_section
from magnet_ray.serving.settings import ServeConfig
from magnet_ray.training.settings import MdpoConfig, SftConfig
from tests.cluster.rendering import OVERLAYS, ROOT, Manifest, named, of_kind, render

JOBS = ("build-pool", "synthesize", "distill", "train-sft", "train-mdpo", "evaluate", "pipeline")
ALL = [f"{overlay}/{job}" for overlay in OVERLAYS for job in JOBS]
APP = "/app/"
"""Where the image has the repository."""


def words(directory: str) -> list[str]:
    """The command of a job as the shell makes it, with the overlay's settings filled in and the image's paths made ours."""
    (job,) = of_kind(render(directory), "RayJob")
    settings = named(render(directory.partition("/")[0]), "ConfigMap", "magnet-settings")["data"]
    command = re.sub(r"\$(\w+)", lambda match: settings[match[1]], job["spec"]["entrypoint"])
    return [word.replace(APP, f"{ROOT}/", 1) if word.startswith(APP) else word for word in shlex.split(command)]


def parsed(arguments: list[str]) -> dict[str, Any]:
    """The options of a command of `magnet`, by its own parser, without running it."""
    command: Any = typer.main.get_command(app)
    while True:
        context = command.make_context("magnet", list(arguments))
        rest = [*getattr(context, "_protected_args", ()), *context.args]
        if not rest:
            options: dict[str, Any] = context.params
            return options
        _, command, arguments = command.resolve_command(context, rest)


def subcommand(script: Path) -> list[str]:
    """The command of `magnet` that an entry point is."""
    for node in ast.walk(ast.parse(script.read_text())):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "run_job":
            return [str(ast.literal_eval(argument)) for argument in node.args]
    raise AssertionError(f"{script} runs no job")


def test_there_is_a_job_for_each_entry_point() -> None:
    scripts = {path.stem.replace("_", "-") for path in (ROOT / "jobs").glob("*.py")}
    assert scripts == set(JOBS)
    assert all(of_kind(render(directory), "RayJob")[0]["metadata"]["name"] == directory.partition("/")[2] for directory in ALL)


@pytest.mark.parametrize("directory", ALL)
def test_each_entry_point_exists_and_its_own_parser_takes_the_options(directory: str) -> None:
    python, script, *options = words(directory)
    assert python == "python" and Path(script) == ROOT / "jobs" / f"{directory.partition('/')[2].replace('-', '_')}.py"
    given = parsed([*subcommand(Path(script)), *options])
    assert str(given["out"]).startswith("/shared/runs/")
    assert given.get("config") is None or Path(given["config"]).is_file()


@pytest.mark.parametrize("directory", ALL)
def test_each_configuration_is_one(directory: str) -> None:
    _, script, *options = words(directory)
    given = parsed([*subcommand(Path(script)), *options])
    if kind := section_of(directory.partition("/")[2]):
        load_section(kind, given["config"], given["sets"] or ())
    if sets := given.get("serve_set") or given.get("serve_sets"):
        load_section(ServeConfig, sets=sets)


@pytest.mark.parametrize("directory", ALL)
def test_a_job_that_is_tried_again_goes_on(directory: str) -> None:
    (job,) = of_kind(render(directory), "RayJob")
    assert job["spec"]["backoffLimit"] > 0
    # A pool is made in seconds, and made anew.
    assert "--resume" in words(directory) or directory.endswith("build-pool")


@pytest.mark.parametrize("directory", ALL)
def test_the_command_survives_the_shells_that_it_passes(directory: str) -> None:
    """The submitter's shell fills in the variables; what reaches Ray must need no more quotes."""
    (job,) = of_kind(render(directory), "RayJob")
    variables = set(re.findall(r"\$(\w+)", job["spec"]["entrypoint"]))
    settings = named(render(directory.partition("/")[0]), "ConfigMap", "magnet-settings")["data"]
    assert variables <= set(settings)
    assert not re.search(r"""['"`;&|<>(){}*?\\]""", job["spec"]["entrypoint"])
    (container,) = job["spec"]["submitterPodTemplate"]["spec"]["containers"]
    assert {"configMapRef": {"name": "magnet-settings"}} in container["envFrom"]


def section_of(job: str) -> type[Section] | None:
    """What the options of a job configure."""
    if job == "pipeline":
        # Imported here: it brings the evaluations.
        from magnet_ray.paper.config import PipelineConfig

        return PipelineConfig
    kinds: dict[str, type[Section]] = {
        "synthesize": SynthesizeConfig,
        "distill": DistillConfig,
        "train-sft": SftConfig,
        "train-mdpo": MdpoConfig,
    }
    return kinds.get(job)


def spec_of(directory: str) -> Manifest:
    """The cluster of a job."""
    spec: Manifest = of_kind(render(directory), "RayJob")[0]["spec"]["rayClusterSpec"]
    return spec
