"""What KubeRay's operator (1.7) refuses although its schema allows it, as far as our manifests come near it.

Each rule is one that the operator applies before it does anything, or that stands as an expression in the definitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tests.cluster.rendering import Manifest

NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
LONGEST_NAME = {"RayCluster": 53, "RayJob": 47, "RayService": 47}
MANAGED_BY_FAULT_TOLERANCE = {"RAY_REDIS_ADDRESS", "REDIS_PASSWORD", "REDIS_USERNAME"}
DELETION_ORDER = ("DeleteWorkers", "DeleteCluster", "DeleteSelf")


def refusals(manifest: Manifest) -> list[str]:
    """Why the operator would not touch an object; nothing where it would."""
    kind, spec = manifest["kind"], manifest["spec"]
    found = []
    if not NAME.fullmatch(manifest["metadata"]["name"]) or len(manifest["metadata"]["name"]) > LONGEST_NAME[kind]:
        found.append(f"the name {manifest['metadata']['name']} is no DNS label of at most {LONGEST_NAME[kind]} characters")
    match kind:
        case "RayCluster":
            found += cluster_refusals(spec)
        case "RayJob":
            found += [*job_refusals(spec), *cluster_refusals(spec["rayClusterSpec"])]
        case "RayService":
            found += [*service_refusals(spec), *cluster_refusals(spec["rayClusterConfig"])]
    return found


def cluster_refusals(spec: Manifest) -> Iterator[str]:
    """Rules of a Ray cluster's specification."""
    version = tuple(int(part) for part in str(spec.get("rayVersion", "0.0")).split(".")[:2])
    autoscaling = spec.get("enableInTreeAutoscaling") and spec.get("autoscalerOptions", {}).get("version") == "v2"
    if spec.get("authOptions", {}).get("mode") == "token" and version < (2, 52):
        yield "tokens need a rayVersion of at least 2.52"
    groups = [spec["headGroupSpec"], *spec.get("workerGroupSpecs", ())]
    names = [group["groupName"] for group in groups[1:]]
    if len(set(names)) < len(names):
        yield "two groups have one name"
    for group in groups:
        yield from _group_refusals(group, bool(autoscaling), version)
    head = group_container(groups[0])
    if spec.get("gcsFaultToleranceOptions") and MANAGED_BY_FAULT_TOLERANCE & {each["name"] for each in head.get("env", ())}:
        yield "the operator itself gives the head Redis' address and password"


def _group_refusals(group: Manifest, autoscaling: bool, version: tuple[int, ...]) -> Iterator[str]:
    name = group.get("groupName", "head")
    start = group.get("rayStartParams", {})
    if group.get("resources") and {"num-cpus", "num-gpus", "memory", "resources"} & set(start):
        yield f"{name}: resources stand in rayStartParams and in resources"
    if "labels" in start:
        yield f"{name}: labels belong to the group"
    if group.get("minReplicas", 0) > group.get("maxReplicas", 2**31 - 1):
        yield f"{name}: minReplicas is greater than maxReplicas"
    if autoscaling and group["template"]["spec"].get("restartPolicy", "Never") != "Never":
        yield f"{name}: the autoscaler v2 needs restartPolicy Never"
    if group.get("idleTimeoutSeconds") is not None and not autoscaling:
        yield f"{name}: idleTimeoutSeconds needs the autoscaler v2"
    if group.get("priority") and not (autoscaling and version >= (2, 56)):
        yield f"{name}: priority needs the autoscaler v2 and Ray 2.56"


def job_refusals(spec: Manifest) -> Iterator[str]:
    """Rules of a RayJob."""
    shutdown, strategy = spec.get("shutdownAfterJobFinishes", False), spec.get("deletionStrategy")
    if spec.get("suspend") and not shutdown:
        yield "a job that can be suspended needs shutdownAfterJobFinishes"
    if spec.get("ttlSecondsAfterFinished") and not shutdown:
        yield "ttlSecondsAfterFinished needs shutdownAfterJobFinishes"
    if strategy is not None:
        if shutdown:
            yield "deletion rules and shutdownAfterJobFinishes exclude each other"
        if not strategy.get("deletionRules"):
            yield "a deletionStrategy without rules"
        yield from _deletion_refusals(strategy.get("deletionRules", ()), spec["rayClusterSpec"])
    for key in ("activeDeadlineSeconds", "preRunningDeadlineSeconds"):
        if key in spec and spec[key] <= 0:
            yield f"{key} is not positive"


def _deletion_refusals(rules: list[Manifest], cluster: Manifest) -> Iterator[str]:
    times: dict[tuple[str, Any], dict[str, int]] = {}
    for rule in rules:
        states = [(key, rule["condition"][key]) for key in ("jobStatus", "jobDeploymentStatus") if key in rule["condition"]]
        if len(states) != 1:
            yield "a condition names either jobStatus or jobDeploymentStatus"
            continue
        if rule["policy"] == "DeleteWorkers" and cluster.get("enableInTreeAutoscaling"):
            yield "DeleteWorkers does not go with the autoscaler"
        of_state = times.setdefault(states[0], {})
        if rule["policy"] in of_state:
            yield f"two rules say when to {rule['policy']}"
        of_state[rule["policy"]] = rule["condition"].get("ttlSeconds", 0)
    for of_state in times.values():
        in_order = [of_state[policy] for policy in DELETION_ORDER if policy in of_state]
        if in_order != sorted(in_order):
            yield "what holds something else is deleted before it"


def service_refusals(spec: Manifest) -> Iterator[str]:
    """Rules of a RayService."""
    if spec.get("upgradeStrategy", {}).get("type") not in ("NewCluster", "NewClusterWithIncrementalUpgrade", "None"):
        yield "no such upgradeStrategy"
    if spec.get("rayClusterDeletionDelaySeconds", 0) < 0:
        yield "rayClusterDeletionDelaySeconds is negative"


def group_container(group: Manifest) -> Manifest:
    """The container in which Ray runs: the first."""
    container: Manifest = group["template"]["spec"]["containers"][0]
    return container
