"""What Kubernetes and KubeRay accept, with unknown fields refused: each check gives its complaints, none for a good manifest.

Ray's own kinds are held to KubeRay's custom resource definitions, all others to the schemas of `kubernetes-validate`, and the pod
templates within Ray's kinds to both. The definitions' rules beyond JSON Schema, and those of the operator, are in `operator_rules`.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml

from tests.cluster.rendering import ROOT, Manifest, pod_templates

DEFINITIONS = ROOT.parent / "shared" / "data" / "kuberay"
KUBERNETES = "1.33"
"""Kubernetes' version: the oldest that is still maintained refuses what newer ones do not know either."""
POD_MONITOR = {
    "selector": {"matchLabels": {}},
    "podMetricsEndpoints": [{"port": "", "relabelings": [{"sourceLabels": [""], "targetLabel": ""}]}],
}
"""The fields of a PodMonitor that we use; the definition itself is not at hand."""


def complaints(manifest: Manifest) -> list[str]:
    """What is wrong with an object, by all schemas that speak of it."""
    if manifest["kind"].startswith("Ray"):
        return [*ray_complaints(manifest), *(text for name, pod in pod_templates(manifest) for text in pod_complaints(name, pod))]
    if manifest["kind"] == "PodMonitor":
        return [*_beyond(manifest["spec"], POD_MONITOR, "spec"), *metadata_complaints(manifest)]
    return kubernetes_complaints(manifest)


def ray_complaints(manifest: Manifest) -> list[str]:
    """What KubeRay's definition has against an object, and Kubernetes' schema against its metadata."""
    found = [_words(error) for error in _definition(manifest["kind"]).iter_errors(manifest)]
    return [*found, *metadata_complaints(manifest)]


def metadata_complaints(manifest: Manifest) -> list[str]:
    """A definition says nothing of metadata: any object's will do."""
    return kubernetes_complaints({"apiVersion": "v1", "kind": "ConfigMap", "metadata": manifest["metadata"]})


def pod_complaints(name: str, template: Manifest) -> list[str]:
    """What Kubernetes has against a pod template; `name` is told in front."""
    wrapped = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "template"}, "template": template}
    return [f"{name}: {text}" for text in kubernetes_complaints(wrapped)]


def kubernetes_complaints(manifest: Manifest) -> list[str]:
    """What Kubernetes' own schema has against an object of one of its own kinds."""
    kubernetes_validate: Any = pytest.importorskip("kubernetes_validate", reason="Kubernetes' schemas come with the development tools")
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return [f"{'.'.join(map(str, error.path))}: {error.message}"]
    except kubernetes_validate.SchemaNotFoundError as error:
        return [error.message]
    return []


@cache
def definition_file(kind: str) -> Path:
    """KubeRay's definition of a kind, or a skipped test."""
    file = DEFINITIONS / f"ray.io_{kind.lower()}s.yaml"
    if not file.exists():
        pytest.skip(
            f"KubeRay's custom resource definitions are not at {DEFINITIONS}: helm-chart/kuberay-operator/crds of ray-project/kuberay"
        )
    return file


@cache
def _definition(kind: str) -> jsonschema_rs.Validator:
    definition = yaml.load(definition_file(kind).read_text(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    version = next(each for each in definition["spec"]["versions"] if each["name"] == "v1" and each["served"])
    schema = strict(version["schema"]["openAPIV3Schema"])
    # Only the status of an object is not ours to write.
    schema["properties"].pop("status")
    schema["required"] = ["apiVersion", "kind", "metadata", "spec"]
    return jsonschema_rs.validator_for(schema)


def strict(schema: Any) -> Any:
    """A copy of a structural schema that refuses fields it does not name, as `kubectl apply --validate=strict` does."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    copy = {key: strict(value) for key, value in schema.items()}
    # A field may be called `properties` or `type`, and then says of no object what it is.
    names_fields = isinstance(schema.get("properties"), dict) and schema.get("type") == "object"
    if names_fields and not {"additionalProperties", "x-kubernetes-preserve-unknown-fields"} & set(schema):
        copy["additionalProperties"] = False
    return copy


def _words(error: Any) -> str:
    return f"{'.'.join(map(str, error.instance_path))}: {error.message}"


def _beyond(value: Any, known: Any, place: str) -> Iterator[str]:
    """Fields that `known` does not have, and values of another type."""
    if type(value) is not type(known):
        yield f"{place}: {value!r} is no {type(known).__name__}"
    elif isinstance(value, dict) and known:
        for key, inner in value.items():
            if key in known:
                yield from _beyond(inner, known[key], f"{place}.{key}")
            else:
                yield f"{place}.{key} is unknown"
    elif isinstance(value, list):
        for inner in value:
            yield from _beyond(inner, known[0], f"{place}[]")
