"""The same outputs get the same verdicts, and the same reasons, from this harness and from `bfcl evaluate`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

pytest.importorskip("bfcl_eval")
pytest.importorskip("tree_sitter")

from evals.bfcl.categories import BY_NAME, CATEGORIES, Category
from evals.bfcl.entries import Entry, read_entries
from evals.bfcl.isolated import Mode, judge, limits_of
from magnet_ray.config import IsolationConfig
from tests.evals.bfcl.bfcl_runs import Row, bfcl, failures, write_rows
from tests.evals.bfcl.outputs import KINDS, WHOLE, output

LIMITS = limits_of(IsolationConfig())
STRIDE = 7
"""Kinds that an entry goes on by from one round to the next: prime to their number, so that every entry meets every kind."""
ENOUGH = 300


def rows_of(category: Category, entries: Sequence[Entry], mode: Mode, number: int) -> list[tuple[Entry, Row]]:
    """One output for each entry; another one in every round."""
    kinds = KINDS + (WHOLE if category.group == "multi_turn" else ())
    said = (output(entry, kinds[(place + STRIDE * number) % len(kinds)], mode) for place, entry in enumerate(entries))
    return [(entry, {"id": entry.id, "result": result}) for entry, result in zip(entries, said, strict=True)]


def compare(tmp_path: Path, mode: Mode, rounds: dict[str, int]) -> int:
    """Have both score some rounds of outputs of some categories; returns how many outputs."""
    made: dict[tuple[str, str], list[tuple[Entry, Row]]] = {}
    for name, times in rounds.items():
        entries = read_entries([BY_NAME[name]])
        for number in range(times):
            model = f"round{number}{'-FC' if mode == 'fc' else ''}"
            made[name, model] = rows_of(BY_NAME[name], entries, mode, number)
            write_rows(tmp_path, model, name, [row for _, row in made[name, model]])
    bfcl(tmp_path, "evaluate", "--test-category", ",".join(rounds), "--result-dir", "result", "--score-dir", "score")
    with ThreadPoolExecutor(max_workers=4) as threads:
        for (name, model), rows in made.items():
            verdicts = threads.map(lambda each: judge(each[0], mode, each[1], LIMITS), rows)
            ours = Counter((entry.id, verdict.error_type) for (entry, _), verdict in zip(rows, verdicts, strict=True) if not verdict.valid)
            assert ours == failures(tmp_path, model, name), f"{name}, {model}"
            assert 0 < ours.total() < len(rows)
    return sum(map(len, made.values()))


@pytest.mark.parametrize("mode", ["fc", "prompt"])
def test_small_categories_get_the_verdicts_of_bfcl_evaluate(tmp_path: Path, mode: Mode) -> None:
    assert compare(tmp_path, mode, {"javascript": 1, "live_parallel": 2, "live_relevance": 1}) == 100


@pytest.mark.slow
@pytest.mark.timeout(1_200)
@pytest.mark.parametrize("mode", ["fc", "prompt"])
def test_300_outputs_of_every_category_get_the_verdicts_of_bfcl_evaluate(tmp_path: Path, mode: Mode) -> None:
    rounds = {category.name: -(-ENOUGH // category.entries) for category in CATEGORIES}
    assert compare(tmp_path, mode, rounds) >= ENOUGH * len(CATEGORIES)


def test_outputs_are_of_many_kinds() -> None:
    for category in (BY_NAME["simple"], BY_NAME["parallel"], BY_NAME["multi_turn_base"]):
        for entry in read_entries([category], limit=3):
            said = [str(output(entry, kind, "fc")) for kind in KINDS]
            assert len(set(said)) >= len(KINDS) - 4
