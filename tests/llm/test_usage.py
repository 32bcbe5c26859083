"""Counts add up and survive JSON."""

from __future__ import annotations

import json

from magnet_ray.llm.base import Role, Usage
from magnet_ray.llm.usage import UsageBook


def book(times: int) -> UsageBook:
    """Some counts."""
    made = UsageBook()
    for role in (Role.RESPONDER, Role.JUDGE):
        usage = made.of(role)
        usage.requests += 3 * times
        usage.retries += 1
        usage.errors["timeout"] += times
        usage.from_cache += 2
        usage.add_answer(Usage(prompt_tokens=10 * times, completion_tokens=3), 0.5)
    return made


def test_counts_survive_json_in_the_order_of_the_roles() -> None:
    values = json.loads(json.dumps(book(2).as_json()))
    assert list(values) == ["judge", "responder"]
    assert UsageBook.from_json(values).as_json() == values


def test_counts_of_workers_add_up() -> None:
    total = UsageBook()
    total.add(book(1))
    total.add(book(2))
    judge = total.of(Role.JUDGE)
    assert (judge.requests, judge.retries, judge.from_cache, dict(judge.errors)) == (9, 2, 4, {"timeout": 3})
    assert (judge.prompt_tokens, judge.completion_tokens, judge.seconds, judge.answers) == (30, 6, 1.0, 6)
