"""What the manifests name is there: settings, secrets, accounts, images; and what they hold back, they hold back everywhere."""

from __future__ import annotations

import re
import shlex
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
from ray.scripts.scripts import drain_node

from tests.cluster.rendering import (
    CLUSTER,
    OVERLAYS,
    ROOT,
    Manifest,
    cluster_specs,
    directories,
    everything,
    of_kind,
    pod_templates,
    render,
)

SECRETS = {("magnet-ray-token", "auth_token"), ("magnet-keys", "MAGNET_API_KEY"), ("magnet-keys", None), ("magnet-redis", "password")}
"""Secrets that the README has the reader make, with the keys that are named (None: all)."""


def applied(overlay: str) -> Iterator[Manifest]:
    """All objects of an overlay."""
    for directory in directories(overlay):
        yield from render(directory)


def values_of(manifest: Any, key: str) -> Iterator[Any]:
    """The values of a key wherever it stands."""
    if isinstance(manifest, dict):
        for name, value in manifest.items():
            if name == key:
                yield value
            yield from values_of(value, key)
    elif isinstance(manifest, list):
        for value in manifest:
            yield from values_of(value, key)


def containers(manifest: Manifest) -> Iterator[tuple[str, Manifest]]:
    """Every container that an object makes, the autoscaler's beside the head's included."""
    for name, pod in pod_templates(manifest):
        for container in [*pod["spec"].get("initContainers", ()), *pod["spec"]["containers"]]:
            yield f"{name}/{container['name']}", container
    for spec in cluster_specs((manifest,)):
        yield "autoscaler", spec["autoscalerOptions"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_what_a_pod_names_is_part_of_the_overlay(overlay: str) -> None:
    there = {(manifest["kind"], manifest["metadata"]["name"]) for manifest in render(overlay)}
    for manifest in applied(overlay):
        for _, pod in pod_templates(manifest):
            spec = pod["spec"]
            named = {("PersistentVolumeClaim", each["claimName"]) for each in values_of(spec, "persistentVolumeClaim")}
            named |= {("ConfigMap", each["name"]) for key in ("configMapRef", "configMapKeyRef") for each in values_of(spec, key)}
            named |= {("ServiceAccount", each) for each in values_of(spec, "serviceAccountName")}
            named |= {("PriorityClass", each) for each in values_of(spec, "priorityClassName")}
            assert named <= there
            mounted = {each["name"] for container in spec["containers"] for each in container.get("volumeMounts", ())}
            claims = {each["metadata"]["name"] for each in manifest["spec"].get("volumeClaimTemplates", ())}
            assert mounted <= {each["name"] for each in spec.get("volumes", ())} | claims


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_secrets_are_those_that_the_readme_makes(overlay: str) -> None:
    named: set[tuple[str, str | None]] = set()
    for manifest in applied(overlay):
        named |= {(each["name"], each["key"]) for each in values_of(manifest, "secretKeyRef")}
        named |= {(each["name"], None) for each in values_of(manifest, "secretRef")}
        named |= {(each, "auth_token") for each in values_of(manifest, "secretName")}
    assert named <= SECRETS and named >= SECRETS - {("magnet-redis", "password")}
    readme = (CLUSTER / "README.md").read_text()
    for name, key in named:
        assert re.search(rf"create secret generic {name}\b", readme), f"{name} is not made in the README"
        assert key is None or re.search(rf"--from-literal=['\"]?{key}=", readme), f"{name}/{key} is not made in the README"


@pytest.mark.parametrize("directory", everything())
def test_no_manifest_holds_a_secret(directory: str) -> None:
    manifests = render(directory)
    assert not of_kind(manifests, "Secret")
    for env in (env for each in values_of(list(manifests), "env") for env in each):
        assert "value" not in env or not re.search("KEY|TOKEN|PASSWORD|SECRET", env["name"]), env["name"]
    for name in (name for manifest in of_kind(manifests, "ConfigMap") for name in manifest["data"]):
        assert not re.search("KEY|TOKEN|PASSWORD|SECRET", name), name


@pytest.mark.parametrize("directory", everything())
def test_every_pod_runs_without_privileges(directory: str) -> None:
    for manifest in render(directory):
        for name, pod in pod_templates(manifest):
            spec, context = pod["spec"], pod["spec"]["securityContext"]
            assert context["runAsNonRoot"] is True and context["runAsUser"] > 0, name
            assert context["seccompProfile"] == {"type": "RuntimeDefault"}, name
            assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), name
            assert all("hostPath" not in volume for volume in spec.get("volumes", ())), name
            # Only the head's autoscaler talks to the Kubernetes API.
            assert spec["automountServiceAccountToken"] is ("headGroupSpec" in name), name
        for name, container in containers(manifest):
            assert container["securityContext"]["allowPrivilegeEscalation"] is False, name
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}, name
            assert "privileged" not in container["securityContext"], name


@pytest.mark.parametrize("directory", everything())
def test_every_container_has_limits_and_ray_asks_for_all_that_it_may_take(directory: str) -> None:
    for manifest in render(directory):
        for name, container in containers(manifest):
            requests, limits = container["resources"]["requests"], container["resources"]["limits"]
            assert {"cpu", "memory"} <= set(requests) and set(requests) == set(limits), name
            if "workerGroupSpecs" in name:
                # A Ray worker uses what its limits say, so the node must have it.
                assert requests == limits, name


@pytest.mark.parametrize("directory", everything())
def test_images_and_versions_are_those_of_the_locks(directory: str) -> None:
    ray = locked("ray")
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    build = "cpu" if directory.startswith("kind") else "gpu"
    for image in (image for each in render(directory) for image in values_of(each, "image")):
        assert re.fullmatch(r"redis:\d+\.\d+\.\d+", image) or image.endswith(f"magnet-ray:{version}-ray{ray}-{build}"), image
    assert all(spec["rayVersion"] == ray for spec in cluster_specs(render(directory)))


@pytest.mark.parametrize("directory", everything())
def test_a_pod_that_is_deleted_has_time_to_drain(directory: str) -> None:
    for manifest in render(directory):
        for name, pod in pod_templates(manifest):
            if "workerGroupSpecs" in name:
                (command,) = [each["preStop"]["exec"]["command"][-1] for each in values_of(pod, "lifecycle")]
                drain = re.search(r"ray drain-node (.*?) && ", command)
                # Ray's own parser takes the options.
                assert drain and drain_node.make_context("drain-node", shlex.split(drain[1])).params["node_id"] is None
                longest = sum(int(seconds) for seconds in re.findall(r"(?:timeout|sleep) (\d+)", command))
                assert longest < pod["spec"]["terminationGracePeriodSeconds"], name


@pytest.mark.parametrize("directory", everything())
def test_heads_do_no_work_and_workers_come_only_when_asked_for(directory: str) -> None:
    for spec in cluster_specs(render(directory)):
        assert spec["headGroupSpec"]["rayStartParams"]["num-cpus"] == "0"
        assert all(group["minReplicas"] == 0 and "replicas" not in group for group in spec["workerGroupSpecs"])
        assert spec["authOptions"] == {"mode": "token", "secretName": "magnet-ray-token"}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_monitor_finds_every_ray_pod_and_its_ports(overlay: str) -> None:
    monitors = of_kind(render("gpu"), "PodMonitor")
    (selector,) = [monitor["spec"]["selector"]["matchLabels"] for monitor in monitors]
    (ports,) = [{each["port"] for each in monitor["spec"]["podMetricsEndpoints"]} for monitor in monitors]
    for manifest in applied(overlay):
        if manifest["kind"].startswith("Ray"):
            pods = [pod for name, pod in pod_templates(manifest) if "submitter" not in name]
            assert all(selector.items() <= pod["metadata"]["labels"].items() for pod in pods)
            opened = [{port["name"] for port in pod["spec"]["containers"][0]["ports"]} for pod in pods]
            assert opened[0] >= ports and all("metrics" in each for each in opened)


def locked(package: str) -> str:
    """The version of a package in the lock that all others follow."""
    found = re.search(rf"^{package}==(\S+)", (ROOT / "requirements" / "core.lock").read_text(), re.MULTILINE)
    assert found
    return found[1]
