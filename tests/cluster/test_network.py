"""The policies let through what must talk, and nothing else."""

from __future__ import annotations

import pytest

from tests.cluster.network import Party, may_talk
from tests.cluster.rendering import of_kind, pod_templates, render

RAY = Party(labels={"app.kubernetes.io/part-of": "magnet", "app.kubernetes.io/component": "ray"})
SUBMITTER = Party(labels={"app.kubernetes.io/component": "submitter"})
REDIS = Party(labels={"app.kubernetes.io/part-of": "magnet", "app.kubernetes.io/component": "redis"})
OPERATOR = Party(labels={"app.kubernetes.io/name": "kuberay-operator"}, namespace={"kubernetes.io/metadata.name": "kuberay-system"})
CLIENT = Party(namespace={"magnet-clients": "true"})
PERSON = Party(namespace={"magnet-operators": "true"})
STRANGER = Party(namespace={"kubernetes.io/metadata.name": "default"})
PROMETHEUS = Party(namespace={"kubernetes.io/metadata.name": "monitoring"})
DNS = Party(labels={"k8s-app": "kube-dns"}, namespace={"kubernetes.io/metadata.name": "kube-system"})
NODE_DNS = Party(address="169.254.20.10")
SOMEWHERE, METADATA = Party(address="93.184.216.34"), Party(address="169.254.169.254")

ALLOWED = [
    *((RAY, RAY, port) for port in (6379, 8000, 8265, 10001, 52365, 34567)),
    *((SUBMITTER, RAY, 8265), (OPERATOR, RAY, 8265), (OPERATOR, RAY, 8000), (OPERATOR, RAY, 52365)),
    *((CLIENT, RAY, 8000), (PERSON, RAY, 8265), (RAY, SOMEWHERE, 443), (RAY, SOMEWHERE, 6443)),
    *((PROMETHEUS, RAY, port) for port in (8080, 44217, 44227)),
    (RAY, REDIS, 6379),
]
FORBIDDEN = [
    *((CLIENT, RAY, port) for port in (8265, 6379, 10001, 52365)),
    *((STRANGER, RAY, port) for port in (8000, 8265, 6379, 8080)),
    *((SUBMITTER, RAY, 6379), (SUBMITTER, REDIS, 6379), (SUBMITTER, SOMEWHERE, 443), (PERSON, RAY, 8000), (PROMETHEUS, RAY, 8265)),
    *((STRANGER, REDIS, 6379), (REDIS, RAY, 8265), (REDIS, SOMEWHERE, 443), (RAY, SOMEWHERE, 22), (RAY, METADATA, 443)),
]


@pytest.mark.parametrize(("source", "target", "port"), ALLOWED)
def test_what_must_talk_may(source: Party, target: Party, port: int) -> None:
    assert may_talk(of_kind(render("gpu"), "NetworkPolicy"), source, target, port)


@pytest.mark.parametrize(("source", "target", "port"), FORBIDDEN)
def test_nobody_else_may(source: Party, target: Party, port: int) -> None:
    assert not may_talk(of_kind(render("gpu"), "NetworkPolicy"), source, target, port)


def test_everybody_may_look_up_names() -> None:
    policies = of_kind(render("kind"), "NetworkPolicy")
    assert all(may_talk(policies, party, DNS, 53, protocol) for party in (RAY, SUBMITTER, REDIS) for protocol in ("TCP", "UDP"))
    assert may_talk(policies, RAY, NODE_DNS, 53, "UDP")
    assert not may_talk(policies, RAY, DNS, 80) and not may_talk(policies, RAY, METADATA, 53)


def test_the_parties_are_those_of_the_manifests() -> None:
    wanted = {str(dict(party.labels)) for party in (RAY, REDIS)} | {str({"app.kubernetes.io/part-of": "magnet", **SUBMITTER.labels})}
    found = set()
    for directory in ("gpu", "gpu/pipeline", "gpu/service", "gpu/cluster"):
        for manifest in render(directory):
            found |= {str(dict(sorted(pod["metadata"]["labels"].items(), reverse=True))) for _, pod in pod_templates(manifest)}
    assert found == wanted


@pytest.mark.parametrize("directory", ["kind/cluster", "gpu/pipeline", "gpu/service"])
def test_each_port_that_a_pod_opens_is_open_to_somebody(directory: str) -> None:
    policies = of_kind(render("gpu"), "NetworkPolicy")
    named = {"gcs-server": RAY, "client": RAY, "dashboard": PERSON, "serve": CLIENT, "agent": OPERATOR}
    named |= dict.fromkeys(("metrics", "as-metrics", "dash-metrics"), PROMETHEUS)
    for manifest in render(directory):
        for _, pod in pod_templates(manifest):
            for port in (port for container in pod["spec"]["containers"] for port in container.get("ports", ())):
                assert may_talk(policies, named[port["name"]], RAY, port["containerPort"]), port
