"""What a model writes is evaluated by bfcl_eval, so it may write anything: none of it gets at this process."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("bfcl_eval")
pytest.importorskip("tree_sitter")

from evals.bfcl.categories import BY_NAME
from evals.bfcl.entries import read_entries
from evals.bfcl.isolated import check_package, judge, limits_of
from evals.bfcl.relay import INFERENCE_ERROR
from magnet_ray.config import IsolationConfig
from magnet_ray.errors import ConfigError
from tests.evals.bfcl.saying import DONE, Saying, calling, job_of, outputs_seen, put_to

LIMITS = limits_of(IsolationConfig(call_seconds=5.0, memory_mb=256))


def test_code_in_a_functions_name_does_not_see_our_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "secret")
    model = Saying(calling("__import__('os').getenv", '{"key": "SOME_API_KEY"}'), DONE)
    put_to(model, job_of("multi_turn_base"))
    assert outputs_seen(model.asked) == ["None"]


@pytest.mark.parametrize(
    ("name", "arguments", "seconds"),
    [
        ("any(iter(int, 1)) or len", "{}", 5.0),
        ("__import__('os')._exit", '{"status": 0}', 60.0),
        ("__import__('os').kill(0, 9) or len", "{}", 60.0),
    ],
)
def test_a_call_that_hangs_or_ends_the_process_is_a_wrong_answer(name: str, arguments: str, seconds: float) -> None:
    job = job_of("multi_turn_base", call_seconds=seconds)
    transcript = put_to(Saying(calling(name, arguments)), job)
    assert transcript.result is not None and str(transcript.result["result"]).startswith(INFERENCE_ERROR)
    assert "multi_turn:inference_error" in job.report([transcript]).reasons


@pytest.mark.parametrize(
    "code",
    [
        "__import__('os').kill(-1, 0) or len",
        "__import__('os').system('true') or len",
        "__import__('subprocess').run(['true']) or len",
        "__import__('socket').create_connection(('127.0.0.1', 9)) or len",
        "__import__('pathlib').Path('../../mine').write_text('x') or len",
    ],
)
def test_a_call_does_not_get_out_of_its_process(code: str) -> None:
    model = Saying(calling(code), DONE)
    put_to(model, job_of("multi_turn_base"))
    [refusal] = outputs_seen(model.asked)
    assert "not allowed" in refusal


def test_a_call_cannot_take_more_memory_than_it_may() -> None:
    model = Saying(
        calling("bytearray", '{"source": "x", "encoding": "utf-8"}'), calling("(lambda n: len(bytearray(n)))", '{"n": 2000000000}'), DONE
    )
    put_to(model, job_of("multi_turn_base"))
    fine, refused = outputs_seen(model.asked)
    assert fine == "bytearray(b'x')" and refused.startswith("Error during execution")


def test_text_that_hangs_the_checker_is_a_wrong_answer() -> None:
    [entry] = read_entries([BY_NAME["simple"]], limit=1)
    verdict = judge(entry, "prompt", {"id": entry.id, "result": "[f(x=9**9**9)]"}, LIMITS)
    assert not verdict.valid and verdict.error_type == "checker:crashed"


def test_a_package_that_does_not_run_is_found_out_before_any_work() -> None:
    with pytest.raises(ConfigError, match=r"bfcl_eval cannot be used.*pip install"):
        check_package(3, replace(LIMITS, import_seconds=0.001))


def test_one_entrys_calls_leave_nothing_to_the_next() -> None:
    spoil = calling("globals().update", '{"len": 1, "repr": 2}')
    put_to(Saying(spoil, DONE), job_of("multi_turn_base"))
    job = job_of("multi_turn_base")
    assert job.report([put_to(job.reference_agent(), job)]).reasons == {}
