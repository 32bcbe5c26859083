from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from rich.console import Console

from evals.bfcl.comparison import compare
from evals.bfcl.entries import Entry
from evals.bfcl.isolated import Verdict
from evals.bfcl.job import KIND
from evals.bfcl.report import BfclReport, Scored
from evals.bfcl.seen_environments import saw_benchmark
from evals.evaluation_runs import Transcript
from magnet_ray.errors import RunError
from magnet_ray.types import compact

WRONG = Verdict(valid=False, error_type="value_error:string", error="Invalid value for parameter 'unit': 'm'. Expected one of ['units'].")


def scored(category: str, number: int, verdict: Verdict | None) -> Scored:
    entry = Entry(id=f"{category}_{number}", category=category, text="{}")
    result = {"id": entry.id, "result": [{"f": '{"unit": "m"}'}]}
    said = Transcript(task=entry.key, result=result if verdict else None, failure="" if verdict else "model_unavailable")
    return Scored(entry=entry, said=said, verdict=verdict)


def some(right: int = 6, category: str = "simple") -> list[Scored]:
    return [scored(category, number, Verdict(valid=True) if number < right else WRONG) for number in range(10)]


def report(entries: list[Scored], saw: bool | None = None) -> BfclReport:
    return BfclReport.of("tuned", mode="fc", scored=entries, saw_benchmark=saw)


def shown(value: Any) -> str:
    console = Console(width=250)
    with console.capture() as captured:
        console.print(value)
    return captured.get()


def test_a_report_says_how_it_was_asked_what_is_missing_and_by_which_formula() -> None:
    page = report([*some(), scored("simple", 10, None)]).markdown()
    for words in ("FC mode", "10 entries", "not run: java", "1 model_unavailable", "mean(non-live, live, multi-turn)", "exec_simple"):
        assert words in page
    assert "| &nbsp;&nbsp;simple | 10 | 60.0 (31-83) |" in page
    assert "\n| overall |" not in page


def test_failures_are_counted_by_reason_with_examples() -> None:
    made = report([*some(7), *some(8, "java")])
    assert made.reasons == {"value_error:string": {"simple": 3, "java": 2}}
    page = made.markdown()
    assert "**value_error:string**: 5 (3 simple, 2 java)" in page
    assert "simple_7: Invalid value for parameter 'unit'" in page
    assert page.count("  - `") == 3


def test_a_terminal_shows_text_that_looks_like_markup_as_it_is() -> None:
    text = shown(report(some()))
    assert "simple [mean of Python, Java, JavaScript]" in text
    assert "Expected one of ['units']" in text


@pytest.mark.parametrize(("saw", "words"), [(True, "training saw BFCL's"), (False, "training did not see"), (None, "is unknown")])
def test_a_report_says_whether_training_saw_the_environments(saw: bool | None, words: str) -> None:
    made = report(some(), saw)
    assert words in made.markdown()
    assert made.figures()["trained_on_bfcl_environments"] is saw


def test_the_files_of_a_report_can_be_read() -> None:
    files = report(some()).files()
    ElementTree.fromstring(files["scores.svg"])
    assert json.loads(files["scores.json"])["wrong_by_reason"] == {"value_error:string": {"simple": 4}}
    verdicts = [json.loads(line) for line in files["verdicts.jsonl"].splitlines()]
    assert [each["valid"] for each in verdicts] == [True] * 6 + [False] * 4


def finished(directory: Path, made: BfclReport, **config: Any) -> Path:
    """As much of a finished run as a comparison reads."""
    directory.mkdir()
    settings = {"mode": "fc", "categories": ["simple"], "limit": 10, "seed": 1, **config}
    manifest = {"format": 1, "kind": KIND, "config": settings, **made.figures()}
    (directory / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    (directory / "scores.json").write_text(made.files()["scores.json"], encoding="utf-8")
    return directory


def test_several_runs_stand_side_by_side(tmp_path: Path) -> None:
    first, second = finished(tmp_path / "a", report(some(5), False)), finished(tmp_path / "b", report(some(9), True))
    compared = compare([first, second])
    compared.write(tmp_path / "out")
    page = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    assert "| &nbsp;&nbsp;simple | 10 | 50.0 (24-76) | 90.0 (60-98) |" in page
    assert "| value_error:string | 5 | 1 |" in page
    assert "tuned: training did not see" in page and "tuned #2: training saw" in page
    assert "the runs differ" not in page
    assert "side by side" in page and "50.0 (24-76)" in shown(compared)


def test_runs_that_are_not_comparable_are_said_to_differ(tmp_path: Path) -> None:
    runs = [finished(tmp_path / "a", report(some())), finished(tmp_path / "b", report(some()), mode="prompt")]
    assert 'the runs differ in mode: "fc", "prompt"' in compare(runs).notes


def test_a_run_of_another_kind_is_not_compared(tmp_path: Path) -> None:
    run = finished(tmp_path / "a", report(some()))
    (run / "manifest.json").write_text(compact({"format": 1, "kind": "sft"}), encoding="utf-8")
    with pytest.raises(RunError, match="holds a run of magnet sft"):
        compare([run])


def manifest(directory: Path, **values: Any) -> Path:
    directory.mkdir(parents=True)
    (directory / "manifest.json").write_text(json.dumps(values), encoding="utf-8")
    return directory


@pytest.mark.parametrize("saw", [True, False])
def test_what_training_saw_is_read_through_all_its_runs(tmp_path: Path, saw: bool) -> None:
    clean = manifest(tmp_path / "clean", benchmark_environments=False, config={})
    data = manifest(tmp_path / "data", benchmark_environments=saw, config={})
    sft = manifest(tmp_path / "sft", config={"data": [str(data), str(clean)], "model": "Some/Base"})
    mdpo = manifest(tmp_path / "mdpo", config={"data": [str(clean)], "model": str(sft / "model")})
    for run in (sft, mdpo):
        (run / "model").mkdir()
        assert saw_benchmark(run / "model") is saw
        assert saw_benchmark(run) is saw


def test_what_training_saw_is_unknown_where_a_run_is_gone_or_the_model_is_not_ours(tmp_path: Path) -> None:
    sft = manifest(tmp_path / "sft", config={"data": [str(tmp_path / "gone")], "model": "Some/Base"})
    assert saw_benchmark(sft / "model") is None
    assert saw_benchmark(tmp_path) is None
    assert saw_benchmark(None) is None
