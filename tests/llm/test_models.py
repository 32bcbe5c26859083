"""The whole stack against a server that fails in every way: nothing lost, nothing twice, nothing paid for again."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from evals.throughput.model_server import Behaviour, Fault, ModelServer, Served, echo
from magnet_ray.config import BudgetConfig, RequestsConfig, RoleConfig, RolesConfig, TeacherConfig
from magnet_ray.errors import BudgetSpent, ConfigError, Rejected
from magnet_ray.llm.base import ChatAnswer, ChatRequest, RequestKey, Role
from magnet_ray.llm.budget import local_ledger
from magnet_ray.llm.cache import ResponseCache
from magnet_ray.llm.roles import Models, role_prices, teacher_settings
from magnet_ray.llm.settings import ModelSettings
from magnet_ray.llm.transport import RequestFailed, Trouble
from magnet_ray.types import FailureReason, JsonValue

QUICK = RequestsConfig(retries=10, backoff=0.01, backoff_max=0.05)


def teacher(url: str, requests: RequestsConfig = QUICK, budget: BudgetConfig | None = None, **model: Any) -> TeacherConfig:
    """A teacher at a server."""
    settings: dict[str, Any] = {"base_url": url, "name": "m", "timeout": 5.0, "concurrency": 16}
    config = RoleConfig(**settings | model)
    return TeacherConfig(kind="openai", model=config, requests=requests, budget=budget or BudgetConfig())


def chat(record: str, role: Role = Role.JUDGE, **more: Any) -> ChatRequest:
    """A request of a record."""
    return ChatRequest(key=RequestKey(record=record, role=role, step="1"), messages=({"role": "user", "content": f"ask {record}"},), **more)


async def ask_all(models: Models, number: int) -> dict[str, str]:
    """Ask for records 0 to number - 1 at once; record -> content, or the error's text."""

    async def ask(record: str) -> tuple[str, str]:
        try:
            return record, (await models.answer(chat(record))).content
        except (Rejected, BudgetSpent) as error:
            return record, f"{type(error).__name__}: {error}"

    return dict(await asyncio.gather(*(ask(f"{index}") for index in range(number))))


def run_all(config: TeacherConfig, number: int, cache: Path | None = None) -> tuple[dict[str, str], dict[str, Any]]:
    """What a process of its own gets: answers and the judge's usage."""

    async def main() -> tuple[dict[str, str], dict[str, Any]]:
        responses = ResponseCache.open(cache) if cache else None
        async with Models.of_teacher(config, responses) as models:
            answers = await ask_all(models, number)
            if responses:
                responses.close()
            return answers, models.usage.as_json().get("judge", {})

    return asyncio.run(main())


def expected(number: int) -> dict[str, str]:
    """What the echoing server answers."""
    return {f"{index}": f"{index}/judge/1/0: ask {index}" for index in range(number)}


def once_each(number: int) -> Counter[str]:
    """Every request, once."""
    return Counter({f"{index}/judge/1/0": 1 for index in range(number)})


def agrees(usage: Mapping[str, Any], served: Served) -> bool:
    """Whether the client counted what the server did."""
    ours = (usage["requests"], usage["prompt_tokens"], usage["completion_tokens"], sum(usage["errors"].values()))
    theirs = (served.tries.total(), served.prompt_tokens, served.completion_tokens, served.faults.total())
    return ours == theirs


@pytest.mark.parametrize("fault", list(Fault))
def test_with_any_one_fault_nothing_is_lost_and_nothing_is_bought_twice(fault: Fault) -> None:
    behaviour = Behaviour(faults=0.3, kinds=(fault,), retry_after="0.05", hang=60.0, huge=5 << 20)
    with ModelServer(echo, behaviour) as server:
        answers, usage = run_all(teacher(server.url, timeout=0.3 if fault is Fault.HANG else 10.0), 40)
        assert answers == expected(40)
        assert server.served.answered == once_each(40)
        assert agrees(usage, server.served)
        assert usage["retries"] == server.served.faults[fault.value] > 3


def test_with_a_mix_of_all_faults_nothing_is_lost_nothing_twice_and_it_takes_little_longer() -> None:
    number, slots, latency = 600, 32, 0.05
    behaviour = Behaviour(seconds=latency, sigma=0.5, slots=slots, faults=0.3, retry_after="0.2", huge=5 << 20)
    with ModelServer(echo, behaviour) as server:
        started = time.perf_counter()
        answers, usage = run_all(teacher(server.url, timeout=1.0, concurrency=36), number)
        seconds = time.perf_counter() - started
        served = server.served
        assert answers == expected(number)
        assert served.answered == once_each(number)
        assert agrees(usage, served)
        assert set(served.faults) == {fault.value for fault in Fault}
        fair = number * latency / slots + served.waits / slots
        print(f"30 % faults: {seconds:.2f} s, clean + waits / slots {fair:.2f} s, {usage['retries']} retries")
        # One request may meet several hangs in a row, whatever the others do.
        assert seconds < 2 * fair + 6 * 1.0


def test_a_request_that_fails_too_often_is_a_rejected_record() -> None:
    with ModelServer(echo, Behaviour(faults=1.0, kinds=(Fault.SERVER_ERROR,))) as server:
        answers, usage = run_all(teacher(server.url, RequestsConfig(retries=2, backoff=0.001)), 1)
        place = server.url
    assert answers == {"0": f"Rejected: model_unavailable: m at {place}: no answer in 3 tries; server_error (500): Something broke."}
    assert (usage["requests"], usage["retries"], usage["errors"]) == (3, 2, {"server_error": 3})


def test_a_request_that_is_refused_is_not_sent_again() -> None:
    with ModelServer(echo, Behaviour(model="another")) as server:
        answers, usage = run_all(teacher(server.url), 1)
    assert "the request was refused; not_found (404): The model `m` does not exist." in answers["0"]
    assert usage["requests"] == 1


def test_no_place_is_held_while_a_request_waits_for_its_next_try() -> None:
    def answer(headers: Mapping[str, str], body: dict[str, Any]) -> dict[str, Any]:
        return {"content": "ok"}

    class FailsOnce:
        """A transport that fails the first request once and counts."""

        place = "here"

        def __init__(self) -> None:
            self.order: list[str] = []

        async def complete(self, body: dict[str, JsonValue], request_id: str, timeout: float) -> JsonValue:
            self.order.append(request_id[0])
            if self.order == ["0"]:
                raise RequestFailed(Trouble.SERVER_ERROR)
            return {"choices": [{"message": answer({}, body)}]}

        async def models(self, timeout: float) -> tuple[str, ...]:
            return ()

        async def close(self) -> None:
            pass

    transport = FailsOnce()

    async def main() -> None:
        models = injected(transport, RequestsConfig(backoff=0.2), concurrency=1)
        async with models:
            await ask_all(models, 4)

    asyncio.run(main())
    assert "".join(transport.order) == "01230"


def injected(transport: Any, requests: RequestsConfig = QUICK, **model: Any) -> Models:
    """Models over a transport that is not HTTP, as a Serve handle is."""
    config = teacher("http://unused/v1", requests, **model)
    settings = teacher_settings(config)
    ledger = local_ledger(config.budget, role_prices(settings))

    def connect(settings: ModelSettings) -> Any:
        return transport

    return Models(settings, requests=requests, ledger=ledger, transport=connect)


def test_a_retry_after_in_seconds_is_honoured() -> None:
    with ModelServer(echo, Behaviour(faults=0.5, kinds=(Fault.RETRY_AFTER,), retry_after="1", seed=3)) as server:
        started = time.perf_counter()
        answers, usage = run_all(teacher(server.url), 2)
        assert answers == expected(2)
        assert usage["retries"] > 0
        assert time.perf_counter() - started >= 1.0


def test_the_client_finds_how_much_a_crowded_server_takes() -> None:
    with ModelServer(echo, Behaviour(seconds=0.05, refuse_beyond=8)) as server:
        answers, usage = run_all(
            teacher(server.url, concurrency=64, requests=RequestsConfig(retries=30, backoff=0.01, backoff_max=0.1)), 300
        )
        assert answers == expected(300)
        assert server.served.answered == once_each(300)
        # One that keeps 64 in flight is refused well over a thousand times.
        assert server.served.refused < 600
        assert usage["errors"] == {"rate_limited": server.served.refused}


def test_a_second_run_buys_nothing(tmp_path: Path) -> None:
    with ModelServer(echo) as server:
        first, bought = run_all(teacher(server.url), 30, tmp_path)
    # The server is gone: an address is no part of an answer.
    second, found = run_all(teacher("http://127.0.0.1:9/v1"), 30, tmp_path)
    assert first == second == expected(30)
    assert (bought["requests"], bought["from_cache"]) == (30, 0)
    assert (found["requests"], found["from_cache"], found["prompt_tokens"]) == (0, 30, 0)


def test_after_a_kill_at_most_what_was_in_flight_is_asked_again(tmp_path: Path) -> None:
    program = """
        import sys
        from pathlib import Path
        from tests.llm.test_models import run_all, teacher
        run_all(teacher(sys.argv[1], concurrency=8), 200, Path(sys.argv[2]))
    """
    with ModelServer(echo, Behaviour(seconds=0.02)) as server:
        root = Path(__file__).parents[2]
        process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program), server.url, str(tmp_path)], cwd=root)
        while server.served.answered.total() < 60:
            time.sleep(0.005)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
        time.sleep(0.1)
        answers, usage = run_all(teacher(server.url, concurrency=8), 200, tmp_path)
        assert answers == expected(200)
        twice = [key for key, times in server.served.answered.items() if times > 1]
        assert len(twice) <= 8 and max(server.served.answered.values()) <= 2
        assert usage["from_cache"] >= 60 - 8
        assert usage["from_cache"] + usage["requests"] == 200


def test_an_answer_is_kept_in_the_bucket_that_the_caller_names(tmp_path: Path) -> None:
    async def main(url: str) -> None:
        config = teacher(url)
        settings = teacher_settings(config)
        cache = ResponseCache.open(tmp_path)
        ledger = local_ledger(config.budget, role_prices(settings))
        async with Models(settings, requests=QUICK, ledger=ledger, cache=cache, bucket_of=lambda key: f"{int(key.record) // 10}") as models:
            await ask_all(models, 25)
        cache.close()

    with ModelServer(echo) as server:
        asyncio.run(main(server.url))
    assert sorted(file.name.split("-")[0] for file in tmp_path.iterdir()) == ["0", "1", "2"]


def test_half_a_budget_stops_the_run_and_the_whole_one_finishes_it(tmp_path: Path) -> None:
    with ModelServer(echo, Behaviour(seconds=0.001)) as server:
        _, whole = run_all(teacher(server.url), 200)
        tokens = whole["prompt_tokens"] + whole["completion_tokens"]
        each = tokens / 200
        first, half = run_all(teacher(server.url, budget=BudgetConfig(tokens=tokens // 2), concurrency=4), 200, tmp_path)
        spent = half["prompt_tokens"] + half["completion_tokens"]
        assert tokens / 2 <= spent <= tokens / 2 + 4 * each * 1.2
        assert {text for text in first.values() if text.startswith("BudgetSpent")} == {
            f"BudgetSpent: the budget of {tokens // 2:,} tokens is spent"
        }
        second, rest = run_all(teacher(server.url), 200, tmp_path)
        assert second == expected(200)
        assert half["requests"] + rest["requests"] == 200


def test_roles_with_one_address_share_its_limit_and_others_do_not() -> None:
    with ModelServer(echo, Behaviour(seconds=0.02)) as first, ModelServer(echo, Behaviour(seconds=0.02)) as second:
        roles = RolesConfig(judge=RoleConfig(concurrency=5), responder=RoleConfig(base_url=second.url, concurrency=3))
        config = teacher(first.url, concurrency=2).model_copy(update={"roles": roles})

        async def main() -> None:
            async with Models.of_teacher(config) as models:
                wanted = [chat(f"{index}", role) for index in range(8) for role in (Role.JUDGE, Role.BACK_TRANSLATOR, Role.RESPONDER)]
                await asyncio.gather(*(models.answer(request) for request in wanted))
                assert [usage.requests for usage in models.usage.roles.values()] == [8, 8, 8]

        asyncio.run(main())
        assert (first.served.most_in_flight, second.served.most_in_flight) == (5, 3)


def test_a_record_with_more_to_come_is_served_first() -> None:
    with ModelServer(echo) as server:

        async def main() -> None:
            async with Models.of_teacher(teacher(server.url, concurrency=1)) as models:
                await asyncio.gather(*(models.answer(chat(f"{index}", remaining=index)) for index in range(6)))

        asyncio.run(main())
        assert [key[0] for key in server.served.answered] == ["0", "5", "4", "3", "2", "1"]


def test_a_cancelled_run_leaves_no_place_taken() -> None:
    with ModelServer(echo, Behaviour(seconds=0.5)) as server:

        async def main() -> ChatAnswer:
            async with Models.of_teacher(teacher(server.url, concurrency=2)) as models:
                asked = asyncio.create_task(ask_all(models, 20))
                await asyncio.sleep(0.1)
                asked.cancel()
                await asyncio.gather(asked, return_exceptions=True)
                return await asyncio.wait_for(models.answer(chat("last")), 3)

        assert asyncio.run(main()).content == "last/judge/1/0: ask last"


def test_a_role_without_a_model_is_a_rejected_record() -> None:
    async def main() -> None:
        async with Models.of_teacher(teacher("http://unused/v1")) as models:
            await models.answer(chat("0", Role.STUDENT))

    with pytest.raises(Rejected, match="no model is configured for the role student") as caught:
        asyncio.run(main())
    assert caught.value.reason is FailureReason.MODEL_UNAVAILABLE


def check(config: TeacherConfig) -> dict[str, Any]:
    """The preflight; what it used."""

    async def main() -> dict[str, Any]:
        async with Models.of_teacher(config) as models:
            await models.check()
            return models.usage.as_json()

    return asyncio.run(main())


def test_the_check_is_free_where_the_endpoint_lists_the_model() -> None:
    with ModelServer(echo, Behaviour(model="m")) as server:
        assert check(teacher(server.url)) == {}
        assert not server.served.tries


def test_the_check_sends_one_tiny_request_where_the_list_does_not_help() -> None:
    with ModelServer(echo, Behaviour(faults=1.0, kinds=(Fault.RATE_LIMIT,))) as server:
        # Busy, but there.
        assert check(teacher(server.url))["judge"]["requests"] == 1
        assert dict(server.served.tries) == {"check/judge/0/0": 1}


def test_a_wrong_model_a_wrong_key_and_an_absent_server_are_found_before_any_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-very-secret-1234")
    with ModelServer(echo, Behaviour(model="served")) as server, pytest.raises(ConfigError) as caught:
        check(teacher(server.url))
    assert str(caught.value) == (
        f"the model m at {server.url} cannot be used: not_found (404): The model `m` does not exist.; check the model's name and base_url"
    )
    with ModelServer(echo, Behaviour(api_key="right")) as server, pytest.raises(ConfigError) as caught:
        check(teacher(server.url, api_key_env="TEST_KEY"))
    assert "not_allowed (401)" in str(caught.value) and str(caught.value).endswith("check the key in TEST_KEY")
    assert "secret" not in str(caught.value)
    with pytest.raises(ConfigError, match="start the server or correct base_url"):
        check(teacher(server.url))


@pytest.mark.parametrize("fault", list(Fault))
def test_a_key_stands_in_no_error_and_no_log(
    fault: Fault, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("TEST_KEY", "sk-very-secret-1234")
    caplog.set_level(0)
    with ModelServer(echo, Behaviour(faults=1.0, kinds=(fault,), retry_after="0.01", huge=5 << 20)) as server:
        config = teacher(server.url, RequestsConfig(retries=1, backoff=0.001), api_key_env="TEST_KEY", timeout=0.1)
        answers, usage = run_all(config, 2, tmp_path)
    assert all(text.startswith("Rejected: model_unavailable") for text in answers.values())
    shown = [str(answers), str(usage), caplog.text, *capfd.readouterr(), repr(teacher_settings(config))]
    assert not any("secret" in text for text in shown)
