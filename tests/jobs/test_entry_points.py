"""Each entry point is a command of `magnet`, in a process as a cluster starts it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from ray._private.runtime_env.packaging import create_package

from magnet_ray.cli import DONE, USER_ERROR
from magnet_ray.submitted_jobs import JOB_CONFIG, relative_outputs, submitted_with
from tests.cluster_support import ROOT

JOBS = {
    "build_pool": "pool build",
    "synthesize": "synthesize",
    "distill": "distill",
    "train_sft": "train sft",
    "train_mdpo": "train mdpo",
    "evaluate": "eval",
    "pipeline": "pipeline",
}
SUBMITTED = json.dumps({"runtime_env": {"working_dir": "gcs://_ray_pkg_0123.zip"}, "metadata": {"job_submission_id": "one"}})


def run_entry(job: str, *options: str, directory: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """An entry point with options, in a directory that does not hold the package."""
    file = ROOT / "jobs" / f"{job}.py"
    inherited = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        [sys.executable, str(file), *options], capture_output=True, text=True, check=False, cwd=directory, env={**inherited, **env}
    )


def test_every_job_has_an_entry_point_and_stands_in_the_readme() -> None:
    assert {file.stem for file in (ROOT / "jobs").glob("*.py")} == set(JOBS)
    readme = (ROOT / "jobs" / "README.md").read_text(encoding="utf-8")
    assert all(f"`{job}.py`" in readme for job in JOBS)


@pytest.mark.parametrize("job", JOBS)
def test_an_entry_point_is_its_command(job: str, tmp_path: Path) -> None:
    helped = run_entry(job, "--help", directory=tmp_path)
    assert helped.returncode == DONE, helped.stderr
    assert re.search(rf"Usage: magnet {JOBS[job]}\b", helped.stdout)
    refused = run_entry(job, "--no-such-option", directory=tmp_path)
    assert refused.returncode == USER_ERROR
    assert refused.stderr.startswith("magnet: No such option: --no-such-option") and refused.stderr.count("\n") == 1


def test_a_submitted_job_may_not_write_into_its_copy_of_the_working_directory(tmp_path: Path) -> None:
    refused = run_entry("build_pool", "--out", "pools/a", directory=tmp_path, **{JOB_CONFIG: SUBMITTED})
    assert refused.returncode == USER_ERROR
    assert (
        refused.stderr.startswith("magnet: --out; got 'pools/a'; expected a place that outlives the job")
        and refused.stderr.count("\n") == 1
    )
    assert not list(tmp_path.iterdir())


def test_outputs_are_told_apart_by_where_they_lie() -> None:
    assert list(relative_outputs(["--num", "3", "--out", "runs/a", "--out=b"])) == ["runs/a", "b"]
    assert list(relative_outputs(["--out", "/shared/a", "--out=s3://bucket/a"])) == []
    assert submitted_with({}) == {}
    assert submitted_with({JOB_CONFIG: SUBMITTED}) == {"working_dir": "gcs://_ray_pkg_0123.zip"}


def test_a_working_directory_is_sent_without_what_only_developers_need(tmp_path: Path) -> None:
    clone, package = tmp_path / "clone", tmp_path / "package.zip"
    sent = {"magnet_ray/cli.py", "magnet_ray/builtin/build.py", "evals/runs.py", "jobs/configs/paper.yaml", "my_tools.py"}
    left = {".git/x", ".venv/x", ".venv-vllm/x", "runs/a/x", "tests/x", "build/x", "magnet_ray.egg-info/x", ".mypy_cache/x", "quickstart/x"}
    for name in sent | left:
        (clone / name).parent.mkdir(parents=True, exist_ok=True)
        (clone / name).write_text("", encoding="utf-8")
    for name in (".gitignore", ".rayignore"):
        (clone / name).write_bytes((ROOT / name).read_bytes())
    create_package(str(clone), package, include_gitignore=True)
    with zipfile.ZipFile(package) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    assert names - {".gitignore", ".rayignore"} == sent
