"""One try over HTTP: what each fault becomes, and that a key is never shown."""

from __future__ import annotations

import asyncio
from time import perf_counter
from typing import Any

import pytest

from evals.throughput.model_server import Behaviour, Fault, ModelServer, echo
from magnet_ray.errors import ConfigError
from magnet_ray.llm.http import HttpTransport, retry_after_seconds
from magnet_ray.llm.transport import RequestFailed, Trouble, read_answer

BODY: dict[str, Any] = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}
SECRET = "sk-very-secret-1234"


def send(url: str, key: str = "", timeout: float = 5.0, request_id: str = "r/1") -> Any:
    """One try's reply."""

    async def main() -> Any:
        async with HttpTransport(url, key) as transport:
            return await transport.complete(BODY, request_id, timeout)

    return asyncio.run(main())


def failure_of(fault: Fault, **more: Any) -> RequestFailed:
    """What one try with a certain fault becomes."""
    with ModelServer(echo, Behaviour(faults=1.0, kinds=(fault,), **more)) as server, pytest.raises(RequestFailed) as caught:
        read_answer(send(server.url, timeout=0.5))
    return caught.value


def test_a_request_carries_its_id_and_comes_back_as_an_answer() -> None:
    with ModelServer(echo) as server:
        assert read_answer(send(server.url + "/")).content == "r/1: hello"
        assert dict(server.served.answered) == {"r/1": 1}
        assert (server.served.prompt_tokens, server.served.completion_tokens) == (
            len('{"model":"m","messages":[{"role":"user","content":"hello"}]}') // 4,
            11,
        )


@pytest.mark.parametrize(
    ("fault", "trouble", "status"),
    [
        (Fault.RATE_LIMIT, Trouble.RATE_LIMITED, 429),
        (Fault.RETRY_AFTER, Trouble.RATE_LIMITED, 429),
        (Fault.SERVER_ERROR, Trouble.SERVER_ERROR, 500),
        (Fault.UNAVAILABLE, Trouble.UNAVAILABLE, 503),
        (Fault.RESET, Trouble.CONNECTION, 0),
        (Fault.HANG, Trouble.TIMEOUT, 0),
        (Fault.TRUNCATED, Trouble.MALFORMED, 0),
        (Fault.EMPTY_CHOICES, Trouble.MALFORMED, 0),
        (Fault.WRONG_TYPES, Trouble.MALFORMED, 0),
        (Fault.HUGE, Trouble.MALFORMED, 0),
    ],
)
def test_every_fault_has_its_name_and_may_be_tried_again(fault: Fault, trouble: Trouble, status: int) -> None:
    failure = failure_of(fault, retry_after="7")
    assert (failure.trouble, failure.status, failure.retriable) == (trouble, status, True)
    assert failure.retry_after == (7.0 if fault is Fault.RETRY_AFTER else None)


def test_a_hang_ends_at_the_deadline() -> None:
    started = perf_counter()
    failure_of(Fault.HANG)
    assert 0.45 < perf_counter() - started < 3


def test_a_server_that_is_not_there_is_a_failed_connection() -> None:
    with ModelServer(echo) as server:
        pass
    with pytest.raises(RequestFailed, match="connection: ClientConnectorError"):
        send(server.url)


def test_a_key_is_sent_and_never_shown_even_when_the_server_repeats_it() -> None:
    with ModelServer(echo, Behaviour(api_key="right")) as server:
        assert read_answer(send(server.url, "right")).content
        with pytest.raises(RequestFailed) as caught:
            send(server.url, SECRET)
    assert caught.value.trouble is Trouble.NOT_ALLOWED
    assert "Incorrect API key provided: ***" in str(caught.value)
    assert SECRET not in repr(caught.value) and SECRET not in repr(HttpTransport(server.url, SECRET))


@pytest.mark.parametrize("key", ["sk\nEvil: 1", "schlüssel", "a\0b"])
def test_a_key_that_no_header_can_carry_is_a_mistake_of_the_configuration(key: str) -> None:
    with pytest.raises(ConfigError, match="no HTTP header") as caught:
        HttpTransport("http://host/v1", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("url", ["", "host:8000/v1", "ftp://host/v1", "http://", "http://host:99999/v1", "http://[::1/v1"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="base_url cannot be used"):
        HttpTransport(url)


def test_credentials_in_an_address_are_refused_and_not_shown() -> None:
    with pytest.raises(ConfigError, match="must not hold credentials") as caught:
        HttpTransport(f"http://user:{SECRET}@host/v1")
    assert SECRET not in str(caught.value)
    assert SECRET not in HttpTransport(f"http://host/v1?key={SECRET}").place


@pytest.mark.parametrize("request_id", ["edge a>b/judge/0/0", "zwölf/1", "line\r\nfeed/1", "x" * 500])
def test_any_request_id_can_be_sent(request_id: str) -> None:
    with ModelServer(echo) as server:
        send(server.url, request_id=request_id)
        (seen,) = server.served.answered
    assert seen == request_id or not (request_id.isascii() and request_id.isprintable())


def test_a_transport_can_be_used_again_after_it_was_closed() -> None:
    with ModelServer(echo) as server:
        transport = HttpTransport(server.url)

        async def twice() -> None:
            for _ in range(2):
                await transport.complete(BODY, "r", 5.0)
                await transport.close()

        asyncio.run(twice())
        asyncio.run(twice())


def test_the_models_that_an_endpoint_serves_are_listed() -> None:
    async def main(url: str) -> tuple[str, ...]:
        async with HttpTransport(url) as transport:
            return await transport.models(5.0)

    with ModelServer(echo, Behaviour(model="served")) as server:
        # The stranger's check of the list compares its own name.
        assert asyncio.run(main(server.url)) == ("served",)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 1.5 ", 1.5),
        ("-3", None),
        ("soon", None),
        ("nan", None),
        ("1e9", None),
        ("²", None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 40.0),
        ("Thu, 01 Jan 1970 00:00:10 GMT", 0.0),
        ("Thu, 01 Jan 1970", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str | None, seconds: float | None) -> None:
    assert retry_after_seconds(text, now=60.0) == seconds
