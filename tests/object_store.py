"""A real S3 protocol server for tests: moto's, on this machine, at a port of its own."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any
from uuid import uuid4

import pytest

from magnet_ray.places import place

KEYS = {"AWS_ACCESS_KEY_ID": "key-of-a-test", "AWS_SECRET_ACCESS_KEY": "secret-of-a-test", "AWS_DEFAULT_REGION": "us-east-1"}
"""Credentials, as a client finds them in its environment."""


@contextmanager
def object_store() -> Iterator[dict[str, str]]:
    """The environment of a client of a running server; it is this process's too while the context lasts."""
    server: Any = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    pytest.importorskip("s3fs")
    # It would print every request.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server.start()
    host, port = server.get_host_and_port()
    environment = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", **KEYS}
    before = {name: os.environ.get(name) for name in environment}
    os.environ.update(environment)
    try:
        yield environment
    finally:
        server.stop()
        import_module("s3fs").S3FileSystem.clear_instance_cache()
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})


def new_bucket() -> str:
    """The address of a new bucket in the store of this process's environment."""
    name = f"bucket-{uuid4().hex[:12]}"
    made: Any = place(f"s3://{name}/x")
    made.fs.mkdir(name)
    return f"s3://{name}"
