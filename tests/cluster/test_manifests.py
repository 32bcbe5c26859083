"""Every manifest, rendered, is what Kubernetes and KubeRay accept; a broken one is not."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.cluster.operator_rules import refusals
from tests.cluster.rendering import Manifest, everything, named, of_kind, render
from tests.cluster.schemas import complaints

FOR = {"kueue": ("kind", "gpu"), "gcs-fault-tolerance": ("kind",), "object-store": ("gpu",)}
"""Components that are added to what an overlay has -> the overlays that they are for."""
PARTS = ("", "/cluster", "/pipeline", "/service")
OPTIONAL = [(f"{overlay}{part}", component) for component, overlays in FOR.items() for overlay in overlays for part in PARTS]


@pytest.mark.parametrize("directory", everything())
def test_everything_that_can_be_applied_fits_the_schemas(directory: str) -> None:
    manifests = render(directory)
    assert manifests
    assert {f"{each['kind']}/{each['metadata']['name']}": complaints(each) for each in manifests if complaints(each)} == {}


@pytest.mark.parametrize("directory", everything())
def test_the_operator_takes_every_cluster_job_and_service(directory: str) -> None:
    for manifest in of_kind(render(directory), "RayCluster", "RayJob", "RayService"):
        assert refusals(manifest) == []


@pytest.mark.parametrize(("directory", "component"), OPTIONAL)
def test_each_option_fits_the_schemas_too(directory: str, component: str) -> None:
    for manifest in render(directory, component):
        assert complaints(manifest) == []
        if manifest["kind"].startswith("Ray"):
            assert refusals(manifest) == []


def test_options_do_what_they_say() -> None:
    queued = of_kind(render("gpu/pipeline", "kueue"), "RayJob")[0]
    assert queued["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "magnet" and queued["spec"]["suspend"]
    kept = of_kind(render("kind/cluster", "gcs-fault-tolerance"), "RayCluster")[0]
    assert kept["spec"]["gcsFaultToleranceOptions"]["redisAddress"]
    platform, job = render("gpu", "object-store"), of_kind(render("gpu/pipeline", "object-store"), "RayJob")[0]
    assert not of_kind(platform, "PersistentVolumeClaim")
    assert named(platform, "ConfigMap", "magnet-settings")["data"]["MAGNET_RUNS"].startswith("s3://")
    assert "persistentVolumeClaim" not in str(job)


# Breaking them. Each of these is a mistake that somebody makes.


def put(*path: str | int, value: Any) -> Callable[[Manifest], None]:
    """Set a value within `spec`."""

    def change(manifest: Manifest) -> None:
        inner: Any = manifest["spec"]
        for step in path[:-1]:
            inner = inner[step]
        inner[path[-1]] = value

    return change


def drop(*path: str | int) -> Callable[[Manifest], None]:
    """Remove a value within `spec`."""

    def change(manifest: Manifest) -> None:
        inner: Any = manifest["spec"]
        for step in path[:-1]:
            inner = inner[step]
        del inner[path[-1]]

    return change


CPU = ("rayClusterSpec", "workerGroupSpecs", 0)
IN_POD = (*CPU, "template", "spec")
RAY = (*IN_POD, "containers", 0)
BROKEN_JOBS: dict[str, Callable[[Manifest], None]] = {
    "a misspelt field of the job": put("entryPoint", value="python x.py"),
    "a misspelt field of the cluster": put("rayClusterSpec", "enableInTreeAutoscalling", value=True),
    "a misspelt field of a container": put(*RAY, "imagePullPolcy", value="Always"),
    "a misspelt field of a security context": put(*RAY, "securityContext", "allowPrivilegeEscalations", value=False),
    "text for a number": put("backoffLimit", value="three"),
    "a number for text": put("rayClusterSpec", "rayVersion", value=2.6),
    "a number for a start parameter": put("rayClusterSpec", "headGroupSpec", "rayStartParams", "num-cpus", value=0),
    "a group without a name": drop(*CPU, "groupName"),
    "a container without a name": drop(*RAY, "name"),
    "a cluster without a head": drop("rayClusterSpec", "headGroupSpec"),
    "an unknown autoscaler": put("rayClusterSpec", "autoscalerOptions", "version", value="v3"),
    "an unknown way to authenticate": put("rayClusterSpec", "authOptions", "mode", value="password"),
    "an unknown deletion policy": put("deletionStrategy", "deletionRules", 0, "policy", value="DeleteEverything"),
    "a quantity that is none": put(*RAY, "resources", "limits", "memory", value="16 gigabytes"),
    "a port that is text": put(*RAY, "ports", 0, "containerPort", value="eight"),
    "a volume mount without a path": drop(*RAY, "volumeMounts", 0, "mountPath"),
    "a list where a mapping belongs": put("rayClusterSpec", "authOptions", value=["token"]),
    "a label that is a number": lambda manifest: manifest["metadata"]["labels"].update(version=1),
}
REFUSED_JOBS: dict[str, Callable[[Manifest], None]] = {
    "deletion rules beside shutdownAfterJobFinishes": put("shutdownAfterJobFinishes", value=True),
    "suspended without shutdownAfterJobFinishes": put("suspend", value=True),
    "a record that goes before its cluster": put("deletionStrategy", "deletionRules", 0, "condition", "ttlSeconds", value=10**9),
    "a condition of two kinds": put("deletionStrategy", "deletionRules", 0, "condition", "jobDeploymentStatus", value="Failed"),
    "tokens with an old Ray": put("rayClusterSpec", "rayVersion", value="2.40.0"),
    "more replicas at least than at most": put(*CPU, "minReplicas", value=100),
    "a restart policy that the autoscaler does not allow": put(*IN_POD, "restartPolicy", value="Always"),
    "resources in two places": put("rayClusterSpec", "workerGroupSpecs", 1, "rayStartParams", value={"num-cpus": "1"}),
}
BROKEN_OTHERS: dict[str, tuple[str, Callable[[Manifest], None]]] = {
    "a misspelt field of a policy": ("NetworkPolicy", put("podSelecter", value={})),
    "an unknown protocol's port": ("NetworkPolicy", put("egress", value=[{"ports": [{"protocol": "TCP", "port": True}]}])),
    "a claim without a mode of access": ("PersistentVolumeClaim", put("accessModes", value="ReadWriteMany")),
    "a monitor of an unknown field": ("PodMonitor", put("podMetricsEndpoint", value=[])),
    "a stateful set without a selector": ("StatefulSet", drop("selector")),
}


@pytest.mark.parametrize("mistake", BROKEN_JOBS)
def test_a_broken_job_is_caught(mistake: str) -> None:
    job = copy.deepcopy(of_kind(render("gpu/pipeline"), "RayJob")[0])
    assert complaints(job) == []
    BROKEN_JOBS[mistake](job)
    assert complaints(job)


@pytest.mark.parametrize("mistake", REFUSED_JOBS)
def test_a_job_that_the_operator_refuses_is_caught(mistake: str) -> None:
    job = copy.deepcopy(of_kind(render("gpu/pipeline"), "RayJob")[0])
    REFUSED_JOBS[mistake](job)
    assert refusals(job)


@pytest.mark.parametrize("mistake", BROKEN_OTHERS)
def test_a_broken_object_of_another_kind_is_caught(mistake: str) -> None:
    kind, change = BROKEN_OTHERS[mistake]
    manifest = copy.deepcopy(of_kind(render("gpu"), kind)[0])
    change(manifest)
    assert complaints(manifest)
