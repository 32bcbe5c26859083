"""Overlap with BFCL-v3; what needs the benchmark's files skips where they are not installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from magnet_ray.functions import bfcl
from magnet_ray.functions.overlap import bfcl_functions, bfcl_queries, normal_name, report_overlap, word_grams
from magnet_ray.types import FunctionSpec, compact

needs_bfcl = pytest.mark.skipif(find_spec("bfcl_eval") is None, reason="bfcl-eval 2025.6.8 is not installed")
LONG = "Reserve a seat on the night train between two towns and send the ticket to a phone"


def spec(name: str, parameters: tuple[str, ...] = (), description: str = "") -> FunctionSpec:
    schema = compact({"type": "object", "properties": {parameter: {"type": "string"} for parameter in parameters}})
    return FunctionSpec(name=name, description=description, parameters=schema, category="x", source="x", environment="x")


def test_names_count_as_equal_whatever_their_case_and_separators() -> None:
    assert normal_name("get_userId") == normal_name("GetUserID") == normal_name("get.user-id")
    report = report_overlap([spec("getUserId"), spec("get_users")], [spec("api.get_user_id")])
    assert [(item.function, item.reference, item.kind) for item in report.overlaps] == [("getUserId", "api.get_user_id", "name")]


def test_parameter_sets_count_from_three_parameters_on() -> None:
    reference = [spec("r2", ("a", "b")), spec("r3", ("a", "b", "c_d"))]
    report = report_overlap([spec("two", ("b", "a")), spec("three", ("cD", "b", "a"))], reference)
    assert [(item.function, item.reference) for item in report.overlaps] == [("three", "r3")]
    assert report.count("parameters") == 1 and report.count("name") == 0


def test_thirteen_words_in_a_row_of_a_description_count() -> None:
    assert len(list(word_grams(LONG))) == 17 - 13 + 1
    report = report_overlap(
        [spec("mine", description=f"Please: {LONG.lower()}!"), spec("other", description="Reserve a seat.")], [spec("r", description=LONG)]
    )
    assert [(item.function, item.kind) for item in report.overlaps] == [("mine", "description")]
    assert report.lines()[0] == "2 functions compared with 1 of BFCL-v3"


@needs_bfcl
def test_the_renamed_benchmark_shares_no_name_or_description_with_itself_and_the_original_all() -> None:
    references = bfcl_functions()
    assert len({item.name for item in references}) > 1500
    renamed = report_overlap(bfcl.load().specs, references)
    assert renamed.count("name") == renamed.count("description") == 0
    assert report_overlap(bfcl.load("original").specs, references).count("name") == 128


@needs_bfcl
def test_the_queries_of_all_test_files_are_read() -> None:
    queries = bfcl_queries()
    assert len(queries) == len(set(queries)) > 4000
    assert any("budget analysis" in query for query in queries)
