"""Who may talk to whom, by NetworkPolicies: as Kubernetes defines it, for the selectors and ports that ours use."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any

from tests.cluster.rendering import Manifest


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A pod, or an address outside of the cluster."""

    labels: Mapping[str, str] = field(default_factory=dict)
    """The pod's labels."""
    namespace: Mapping[str, str] = field(default_factory=lambda: {"kubernetes.io/metadata.name": "magnet"})
    """Labels of its namespace."""
    address: str | None = None
    """Of one outside."""

    @property
    def is_ours(self) -> bool:
        """Whether our policies speak of it."""
        return self.address is None and self.namespace.get("kubernetes.io/metadata.name") == "magnet"


def may_talk(policies: Sequence[Manifest], source: Party, target: Party, port: int, protocol: str = "TCP") -> bool:
    """Whether every policy of the source lets it out, and every policy of the target lets it in."""
    out = _passes(policies, "Egress", source, target, port, protocol)
    return out and _passes(policies, "Ingress", target, source, port, protocol)


def _passes(policies: Sequence[Manifest], direction: str, subject: Party, other: Party, port: int, protocol: str) -> bool:
    if not subject.is_ours:
        return True
    ours = [policy["spec"] for policy in policies if direction in policy["spec"]["policyTypes"]]
    ours = [spec for spec in ours if _selects(spec["podSelector"], subject.labels)]
    rules = [rule for spec in ours for rule in spec.get(direction.lower(), ())]
    peers = "to" if direction == "Egress" else "from"
    return not ours or any(_has_port(rule, port, protocol) and any(_is(peer, other) for peer in rule[peers]) for rule in rules)


def _has_port(rule: Manifest, port: int, protocol: str) -> bool:
    return "ports" not in rule or any(each["port"] == port and each["protocol"] == protocol for each in rule["ports"])


def _is(peer: Manifest, party: Party) -> bool:
    if "ipBlock" in peer:
        address = ip_address(party.address or "10.0.0.1")
        return address in ip_network(peer["ipBlock"]["cidr"]) and not any(
            address in ip_network(each) for each in peer["ipBlock"].get("except", ())
        )
    if party.address is not None:
        return False
    in_namespace = _selects(peer["namespaceSelector"], party.namespace) if "namespaceSelector" in peer else party.is_ours
    return in_namespace and _selects(peer.get("podSelector", {}), party.labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    assert set(selector) <= {"matchLabels"}, "only matchLabels are understood here"
    return all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
