"""The application on Ray Serve with a scripted engine: what the gateway does in one process, it does across three."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("starlette", reason="serving needs the serve extra")
pytest.importorskip("uvicorn")

from magnet_ray.free_ports import free_port
from magnet_ray.serving import SERVE_ENVIRONMENT
from tests.cluster_support import Command, needs_proc, started, wait_until
from tests.serving.client_checks import chat, check_answers, check_failures, check_refusals, client_of, openai
from tests.serving.scripted_engine import GIVEN_UP

pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(600)]
BYTES = 6 << 20
"""Largest body: more than gRPC carries by default."""
WAITING, SLOTS = 2, 4
"""Requests that wait before others are refused, and that a replica has in flight."""
SETTINGS = (
    f"limits.max_body_bytes={BYTES}",
    f"limits.max_queued={WAITING}",
    f"replicas.max_ongoing={SLOTS}",
    "replicas.min=2",
    "replicas.max=2",
    "replicas.cpus=0.5",
)


@pytest.fixture(scope="module")
def given_up(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("served") / "given_up"
    file.touch()
    return file


@pytest.fixture(scope="module")
def served(given_up: Path) -> Iterator[tuple[str, Command]]:
    """Base URL and process of a server that knows one key."""
    environment = {"MAGNET_API_KEY": "right", GIVEN_UP: str(given_up)}
    program = ("-m", "tests.serving.serve_scripted")
    with started(free_port(), *SETTINGS, program=program, env=environment) as command:
        assert command.process.stdout is not None
        url = command.process.stdout.readline().strip()
        assert url.startswith("http"), command.wait().stderr
        yield url, command


@pytest.fixture
def client(served: tuple[str, Command]) -> Iterator[Any]:
    with client_of(served[0], "right") as right:
        yield right


def test_every_process_of_serve_knows_how_requests_are_carried(served: tuple[str, Command]) -> None:
    processes = served[1].processes()
    serves = {pid for pid, line in processes.items() if line.startswith(("ray::ServeController", "ray::ProxyActor", "ray::ServeReplica"))}
    # Two of the model, one of the gateway.
    assert len(serves) >= 5, processes
    for pid in serves:
        known = dict(line.partition("=")[::2] for line in Path(f"/proc/{pid}/environ").read_text(encoding="utf-8").split("\0"))
        assert SERVE_ENVIRONMENT.items() <= known.items()


def test_the_client_gets_chats_calls_and_streams(client: Any) -> None:
    check_answers(client)


def test_the_client_gets_its_own_errors(served: tuple[str, Command], client: Any) -> None:
    check_refusals(client, BYTES)
    check_failures(client)
    with client_of(served[0], "wrong") as stranger, pytest.raises(openai.AuthenticationError):
        chat(stranger, "hello")


def test_a_body_and_an_answer_of_many_megabytes_come_through(client: Any) -> None:
    word = "x" * (BYTES - 1_000)
    assert chat(client, word).choices[0].message.content == f"{word} "
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chat(client, word, stream=True)) == f"{word} "


def test_requests_beyond_those_that_wait_are_refused_and_the_others_answered(client: Any) -> None:
    busy = [chat(client, "slow", stream=True) for _ in range(2 * SLOTS)]
    said: list[str] = []
    waiting = [threading.Thread(target=lambda: said.append(chat(client, "good day").choices[0].message.content)) for _ in range(WAITING)]
    for thread in waiting:
        thread.start()
    time.sleep(1.0)
    for more in ({}, {"stream": True}):
        with pytest.raises(openai.InternalServerError) as caught:
            chat(client, "hello", **more)
        assert (caught.value.status_code, caught.value.body["code"]) == (503, "unavailable")
        assert int(caught.value.response.headers["retry-after"]) >= 1
    for stream in busy:
        stream.close()
    for thread in waiting:
        thread.join(60.0)
    assert said == ["good day "] * WAITING


def test_a_client_that_goes_away_ends_the_work_in_the_replica(client: Any, given_up: Path) -> None:
    before = given_up.read_text().count("\n")
    stream = chat(client, "slow", stream=True)
    next(stream)
    stream.close()
    wait_until(lambda: given_up.read_text().count("\n") == before + 1, 20.0)
    with pytest.raises(openai.APITimeoutError):
        chat(client.with_options(timeout=1.0), "slow")
    wait_until(lambda: given_up.read_text().count("\n") == before + 2, 20.0)


def test_a_replica_that_is_killed_under_load_loses_nothing_that_is_sent_again(served: tuple[str, Command], client: Any) -> None:
    patient = client.with_options(max_retries=6)
    said: list[str] = []

    def talk(number: int) -> None:
        for turn in range(20):
            said.append(chat(patient, f"{number} says {turn}").choices[0].message.content)

    threads = [threading.Thread(target=talk, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    replicas = [pid for pid, line in served[1].processes().items() if "ServeReplica:magnet:model" in line]
    assert len(replicas) == 2
    os.kill(replicas[0], 9)
    for thread in threads:
        thread.join(120.0)
    assert sorted(said) == sorted(f"{number} says {turn} " for number in range(4) for turn in range(20))
    # A new one takes its place.
    wait_until(lambda: len([line for line in served[1].processes().values() if "ServeReplica:magnet:model" in line]) == 2, 60.0)


def test_what_was_begun_is_finished_when_the_server_is_told_to_stop(served: tuple[str, Command], client: Any) -> None:
    """The last of these tests: nothing is served afterwards."""
    words = " ".join(str(number) for number in range(3_000))
    stream = chat(client, words, stream=True)
    next(stream)
    assert served[1].process.stdin is not None
    served[1].process.stdin.close()
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == f"{words} "
    wait_until(lambda: served[1].process.poll() == 0, 60.0)
