"""How Ray Serve is set up, whoever of ours imports it, and that the user has the last word."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")

from magnet_ray.serving import SERVE_ENVIRONMENT
from tests.cluster_support import ROOT

SEEN = """
import magnet_ray.{module}
from ray.serve._private import constants
from ray.serve._private.handle_options import DynamicHandleOptions
print(DynamicHandleOptions()._by_reference, constants.RAY_SERVE_PROXY_USE_GRPC, constants.RAY_SERVE_REPLICA_GRPC_MAX_MESSAGE_LENGTH)
"""
"""Handles that go by reference go as Ray's tasks."""


@pytest.mark.parametrize(
    ("module", "given", "expected"),
    [
        ("serving.running", {}, "False True 2147483647"),
        ("serving.serve_transport", {"RAY_SERVE_USE_GRPC_BY_DEFAULT": "0"}, "True False 2147483647"),
    ],
)
def test_requests_go_over_grpc_unless_the_user_says_otherwise(module: str, given: dict[str, str], expected: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key not in SERVE_ENVIRONMENT} | given
    program = [sys.executable, "-c", SEEN.format(module=module)]
    done = subprocess.run(program, capture_output=True, text=True, cwd=ROOT, env=environment, timeout=120, check=False)
    assert done.stdout.split() == expected.split(), done.stderr
