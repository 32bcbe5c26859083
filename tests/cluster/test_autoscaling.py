"""Ray's autoscaler reads the manifests as they are meant: what each job asks for fits a group, and the right one."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from ray.autoscaler._private.kuberay import autoscaling_config

from magnet_ray.config import SynthesizeConfig
from magnet_ray.sections import load_section
from tests.cluster.rendering import of_kind, render
from tests.cluster.test_jobs import ALL, spec_of, words

derive: Any = autoscaling_config._derive_autoscaling_config_from_ray_cr
"""Ray's own reading of a RayCluster."""


def node_types(directory: str) -> dict[str, dict[str, Any]]:
    """Group -> what Ray takes its nodes for."""
    cluster = {"metadata": {"name": "magnet", "namespace": "magnet"}, "spec": spec_of(directory)}
    config: dict[str, Any] = derive(cluster)
    types: dict[str, dict[str, Any]] = config["available_node_types"]
    return types


def groups_for(directory: str, asked: dict[str, float]) -> list[str]:
    """Groups a node of which has what is asked for."""
    types = node_types(directory)
    return [name for name, kind in types.items() if all(kind["resources"].get(key, 0) >= amount for key, amount in asked.items())]


def bundle(directory: str, prefix: str) -> dict[str, float]:
    """What a replica reserves, by the job's `--set PREFIX.…=…`."""
    return {found[1]: float(found[2]) for word in words(directory) if (found := re.fullmatch(rf"{re.escape(prefix)}\.(\w+)=(\S+)", word))}


@pytest.mark.parametrize("directory", ALL)
def test_a_head_has_no_cpu_and_groups_have_what_their_pods_have(directory: str) -> None:
    types = node_types(directory)
    (head, *groups) = types
    assert types[head]["resources"]["CPU"] == 0
    assert groups == (["cpu"] if directory.startswith("kind") else ["cpu", "teacher", "train", "serve"])
    for group in spec_of(directory)["workerGroupSpecs"]:
        limits = group["template"]["spec"]["containers"][0]["resources"]["limits"]
        found = types[group["groupName"]]
        assert found["resources"]["CPU"] == int(limits["cpu"])
        assert found["resources"].get("GPU", 0) == int(limits.get("nvidia.com/gpu", 0))
        assert (found["min_workers"], found["max_workers"]) == (0, group["maxReplicas"])


@pytest.mark.parametrize(
    ("directory", "prefix", "group"),
    [
        ("gpu/synthesize", "teacher.vllm.bundle", "teacher"),
        ("gpu/evaluate", "vllm.bundle", "serve"),
        ("gpu/pipeline", "serve.vllm.bundle", "serve"),
    ],
)
def test_replicas_go_to_the_group_of_their_kind(directory: str, prefix: str, group: str) -> None:
    asked = bundle(directory, prefix)
    assert asked["GPU"] == 1 and groups_for(directory, asked) == [group]


def test_training_fits_one_node_of_its_group_and_prefers_it() -> None:
    types = node_types("gpu/pipeline")
    # Eight workers of a GPU and a CPU: jobs/configs/magnet-14b-sft.yaml.
    assert types["train"]["resources"]["GPU"] == 8 and types["train"]["resources"]["CPU"] >= 8
    assert max((name for name in types if types[name]["resources"].get("GPU")), key=lambda name: types[name]["priority"]) == "train"


@pytest.mark.parametrize("directory", [each for each in ALL if any("max_cpus" in word for word in words(each))])
def test_work_is_cut_for_the_whole_group_although_it_begins_with_no_node(directory: str) -> None:
    types = node_types(directory)
    whole = types["cpu"]["max_workers"] * types["cpu"]["resources"]["CPU"]
    found = [int(word.rpartition("=")[2]) for word in words(directory) if "ray.max_cpus=" in word]
    assert found and set(found) == {whole}


def test_the_teacher_of_the_recipe_is_configured_as_meant() -> None:
    sets = [value for word, value in zip(words("gpu/synthesize"), words("gpu/synthesize")[1:], strict=False) if word == "--set"]
    teacher = load_section(SynthesizeConfig, None, sets).teacher
    assert teacher.kind == "vllm" and teacher.vllm.min_replicas == 0
    assert json.loads(teacher.vllm.bundle or "{}") == bundle("gpu/synthesize", "teacher.vllm.bundle")
    (job,) = of_kind(render("gpu/synthesize"), "RayJob")
    (group,) = [each for each in job["spec"]["rayClusterSpec"]["workerGroupSpecs"] if each["groupName"] == "teacher"]
    assert teacher.vllm.max_replicas == group["maxReplicas"]
