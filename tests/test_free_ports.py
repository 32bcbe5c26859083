"""Tests of the ports that nobody listens at."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from pathlib import Path

from magnet_ray.free_ports import free_ports


def test_ports_of_one_call_differ_and_can_be_listened_at() -> None:
    ports = free_ports(200)
    assert len(set(ports)) == 200
    with ExitStack() as held:
        for port in ports:
            held.enter_context(socket.socket()).bind(("127.0.0.1", port))


def test_a_port_that_is_taken_is_not_given() -> None:
    with ExitStack() as held:
        taken = set(free_ports(500))
        for port in taken:
            server = held.enter_context(socket.socket())
            server.bind(("127.0.0.1", port))
            server.listen()
        assert not taken & {port for _ in range(5) for port in free_ports(500)}


def test_no_outgoing_connection_can_take_them() -> None:
    handed_out = Path("/proc/sys/net/ipv4/ip_local_port_range")
    lowest = int(handed_out.read_text().split()[0]) if handed_out.exists() else 32_768
    assert max(free_ports(500)) < lowest
