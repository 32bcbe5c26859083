"""The entry points in `jobs/`: a command of `magnet` as a job that is submitted to a cluster (see jobs/README.md)."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from magnet_ray.cli import USER_ERROR, run_command

JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Variable in which Ray tells the process of a submitted job what it was submitted with."""


def run_job(*command: str) -> int:
    """Run a command with the options of this process, and give its exit code, which are those of `magnet`."""
    given = sys.argv[1:]
    if "working_dir" in submitted_with(os.environ) and (lost := next(relative_outputs(given), None)):
        # It lies in a copy of the working directory that goes with the job.
        print(
            f"magnet: --out; got {lost!r}; expected a place that outlives the job: an absolute path on shared storage, or s3://BUCKET/PREFIX",
            file=sys.stderr,
        )
        return USER_ERROR
    return run_command([*command, *given])


def submitted_with(environment: Mapping[str, str]) -> Mapping[str, object]:
    """The runtime environment that this process's job was submitted with; empty for any other process."""
    found: Mapping[str, object] = json.loads(environment.get(JOB_CONFIG, "{}")).get("runtime_env") or {}
    return found


def relative_outputs(arguments: Sequence[str]) -> Iterator[str]:
    """The values of `--out` that are relative paths."""
    values = [value for word, value in pairwise(arguments) if word == "--out"]
    values += [word.partition("=")[2] for word in arguments if word.startswith("--out=")]
    return (value for value in values if "://" not in value and not Path(value).is_absolute())
