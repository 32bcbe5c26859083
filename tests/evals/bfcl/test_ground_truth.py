from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

pytest.importorskip("bfcl_eval")
pytest.importorskip("tree_sitter")

from evals.bfcl.categories import CATEGORIES
from evals.bfcl.entries import Entry, read_entries
from evals.bfcl.isolated import Mode, judge, limits_of
from evals.bfcl.reference import Call, as_reply, reference_calls
from magnet_ray.config import IsolationConfig
from tests.evals.bfcl.outputs import output

CONVERSATIONS = [category for category in CATEGORIES if category.group == "multi_turn"]
LIMITS = limits_of(IsolationConfig())
UNSATISFIABLE = {
    # The data contradict themselves or the package's readers of Java: no answer is right.
    *("java_36", "java_64", "java_65", "javascript_5"),
    *("live_simple_106-63-0", "live_simple_112-68-0", "live_multiple_862-181-3", "live_multiple_964-207-0"),
}


def valid(entries: Sequence[Entry], mode: Mode, said: Callable[[Entry], Any]) -> list[str]:
    """Keys of the entries to which what is said is right."""
    with ThreadPoolExecutor(max_workers=4) as threads:
        verdicts = threads.map(lambda entry: judge(entry, mode, {"id": entry.id, "result": said(entry)}, LIMITS), entries)
        return [entry.key for entry, verdict in zip(entries, verdicts, strict=True) if verdict.valid]


def last_call_dropped(entry: Entry) -> list[list[Any]]:
    """The ground truth as answers in FC mode without its last call."""
    turns = list(reference_calls(entry))
    last = max(index for index, calls in enumerate(turns) if calls)
    turns[last] = turns[last][:-1]
    return [_steps(calls) for calls in turns]


def _steps(calls: Sequence[Call]) -> list[Any]:
    return [[{call.name: call.arguments} for call in as_reply(calls, "fc").calls], "Done."] if calls else ["Done."]


@pytest.mark.parametrize("mode", ["fc", "prompt"])
def test_ground_truth_is_right_in_conversations(mode: Mode) -> None:
    entries = read_entries(CONVERSATIONS, limit=10)
    assert valid(entries, mode, lambda entry: output(entry, "right", mode)) == [entry.key for entry in entries]


def test_ground_truth_without_its_last_call_is_wrong_in_conversations() -> None:
    assert valid(read_entries(CONVERSATIONS, limit=10), "fc", last_call_dropped) == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fc", "prompt"])
def test_ground_truth_scores_100_per_cent_in_all_conversations(mode: Mode) -> None:
    entries = read_entries(CONVERSATIONS)
    assert valid(entries, mode, lambda entry: output(entry, "right", mode)) == [entry.key for entry in entries]


@pytest.mark.slow
def test_ground_truth_without_its_last_call_scores_0_per_cent_in_all_conversations() -> None:
    assert valid(read_entries(CONVERSATIONS), "fc", last_call_dropped) == []


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["fc", "prompt"])
def test_ground_truth_is_right_in_single_turns_wherever_an_answer_can_be(mode: Mode) -> None:
    entries = read_entries([category for category in CATEGORIES if category.group != "multi_turn"])
    right = set(valid(entries, mode, lambda entry: output(entry, "right", mode)))
    assert {entry.key for entry in entries} - right <= UNSATISFIABLE
