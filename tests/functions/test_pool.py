"""Pools: what is kept, what is named as bad, what is refused."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.errors import RunError, SourceError, UserError
from magnet_ray.functions.pool import build_pool, load_pool, save_pool, schema_problem
from magnet_ray.functions.sources import LOADERS, split_source
from magnet_ray.types import FailureReason


def tool(name: str = "find_city", **changes: Any) -> dict[str, Any]:
    function = {
        "name": name,
        "description": "Find a city.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
    return {**function, **changes}


def write(folder: Path, *lines: Any, name: str = "tools.jsonl") -> str:
    path = folder / name
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines), encoding="utf-8")
    return f"jsonl:{path}"


def test_a_pool_keeps_valid_functions_and_finds_them_by_name_and_category(tmp_path: Path) -> None:
    pool = build_pool([write(tmp_path, tool("a", category="Geo"), tool("b", category="Food"), tool("c", category="Geo"))])
    assert [spec.name for spec in pool.specs] == ["a", "b", "c"]
    assert [spec.name for spec in pool.in_category("Geo")] == ["a", "c"]
    assert pool.spec("b").environment == "simulated:Food"
    assert pool.categories == ("Geo", "Food")
    assert pickle.loads(pickle.dumps(pool)) == pool


BAD_SPECS = [
    (
        tool(parameters={"type": "object", "properties": {"city": {"type": "strng"}}}),
        "parameters.city.type is 'strng', expected one of string",
    ),
    (
        tool(parameters={"type": "object", "properties": {"x": {"type": "object", "properties": {"y": {"type": "int"}}}}}),
        "parameters.x.y.type is 'int'",
    ),
    (tool(parameters={"type": "object", "properties": {"city": {"type": "string"}}, "required": ["ciy"]}), "did you mean 'city'"),
    (tool(parameters={"type": "array", "items": {}}), "parameters.type is 'array', expected 'object'"),
    (
        tool(parameters={"type": "object", "properties": {"n": {"type": "integer", "minimum": "low"}}}),
        "parameters.n.minimum is not a valid JSON Schema",
    ),
    (tool(parameters={"type": "object", "properties": ["city"]}), "is not a valid JSON Schema"),
    (tool(parameters={"type": "object", "properties": {"a": {"$ref": "#/$defs/none"}}}), "is not a valid JSON Schema"),
    (tool(name="find a city"), "expected 1 to 64 letters, digits, _ or -"),
    (tool(name="n" * 65), "expected 1 to 64 letters"),
    (tool(description="  "), "description is empty"),
    (tool(returns={"type": "objet"}), "returns.type is 'objet'"),
]


@pytest.mark.parametrize(("bad", "words"), BAD_SPECS)
def test_a_bad_specification_is_named_with_file_and_position_and_the_rest_is_kept(tmp_path: Path, bad: dict[str, Any], words: str) -> None:
    pool = build_pool([write(tmp_path, tool("good"), bad)])
    assert [spec.name for spec in pool.specs] == ["good"]
    [failure] = pool.failures
    assert (failure.stage, failure.reason, failure.index, failure.id) == ("pool", FailureReason.BAD_SPEC, 2, bad["name"])
    assert f"{tmp_path / 'tools.jsonl'}: line 2 (`{bad['name']}`): " in failure.detail
    assert words in failure.detail
    assert "\n" not in failure.detail


def test_the_same_function_twice_is_kept_once_and_counted(tmp_path: Path) -> None:
    pool = build_pool([write(tmp_path, tool(), tool())])
    assert len(pool.specs) == 1
    assert [failure.reason for failure in pool.failures] == [FailureReason.DUPLICATE_SPEC]


def test_the_same_name_with_other_content_gets_a_readable_name_and_stays_callable(tmp_path: Path) -> None:
    pool = build_pool(
        [
            write(
                tmp_path,
                tool(category="Maps"),
                tool(category="Air Travel", description="Other."),
                tool(category="Maps", description="Third."),
            )
        ]
    )
    assert [spec.name for spec in pool.specs] == ["find_city", "air_travel_find_city", "maps_find_city"]
    assert pool.spec("air_travel_find_city").original_name == "find_city"
    keys = [(spec.environment, spec.callable_name) for spec in pool.specs]
    assert len(set(keys)) == len(keys)


def test_renamed_functions_never_pass_64_characters(tmp_path: Path) -> None:
    pool = build_pool([write(tmp_path, *(tool("n" * 64, description=f"Number {index}.", category="C" * 40) for index in range(4)))])
    assert len({spec.name for spec in pool.specs}) == 4
    assert max(len(spec.name) for spec in pool.specs) <= 64


def test_a_pool_survives_saving_and_loading(tmp_path: Path) -> None:
    pool = build_pool([write(tmp_path, tool("a", returns={"type": "object", "properties": {"x": {"type": "null"}}}), tool("b c"))])
    save_pool(pool, tmp_path / "pool")
    loaded = load_pool(tmp_path / "pool")
    assert loaded == pool
    assert loaded.fingerprint == pool.fingerprint
    summary = json.loads((tmp_path / "pool" / "pool.json").read_text())
    assert (summary["functions"], summary["failures"]) == (1, 1)
    save_pool(pool, tmp_path / "pool")


def test_equal_pools_have_equal_fingerprints_and_different_ones_differ(tmp_path: Path) -> None:
    first = build_pool([write(tmp_path, tool("a"), name="one.jsonl")])
    same = build_pool([write(tmp_path, tool("a"), name="two.jsonl")])
    other = build_pool([write(tmp_path, tool("a", description="Find another city."), name="three.jsonl")])
    assert first.fingerprint == same.fingerprint != other.fingerprint


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda folder: (folder / "pool.json").unlink(), "unfinished"),
        (lambda folder: [entry.unlink() for entry in folder.iterdir()], "holds no pool"),
        (lambda folder: (folder / "pool.json").write_text("{"), "cannot be read"),
        (lambda folder: (folder / "pool.json").write_text("{}"), "not of this format"),
        (lambda folder: (folder / "specs.parquet").write_bytes(b"PAR1"), "tables cannot be read"),
        (
            lambda folder: (folder / "pool.json").write_text(
                (folder / "pool.json").read_text().replace('"fingerprint": "', '"fingerprint": "0')
            ),
            "changed",
        ),
    ],
)
def test_an_unfinished_or_foreign_pool_folder_is_refused(tmp_path: Path, damage: Any, words: str) -> None:
    save_pool(build_pool([write(tmp_path, tool())]), tmp_path / "pool")
    damage(tmp_path / "pool")
    with pytest.raises(RunError, match=words) as caught:
        load_pool(tmp_path / "pool")
    assert "\n" not in str(caught.value)


def test_a_missing_pool_and_a_folder_with_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="no such pool folder"):
        load_pool(tmp_path / "none")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("dear")
    with pytest.raises(RunError, match="other files"):
        save_pool(build_pool([write(tmp_path, tool())]), tmp_path / "mine")


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("buildin", "did you mean builtin?"),
        ("tools.jsonl", "did you mean jsonl:tools.jsonl?"),
        ("shapes.py", "did you mean python:shapes.py?"),
        ("toolbnech:x", "did you mean toolbench?"),
        ("", "unknown function source"),
        ("jsonl", "needs an argument"),
        ("toolbench:", "needs an argument"),
        ("mcp:server", "not available yet"),
        ("openapi:a.yaml", "not available yet"),
    ],
)
def test_a_wrong_source_text_is_one_clear_line(source: str, words: str) -> None:
    with pytest.raises(UserError) as caught:
        split_source(source)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_known_sources_are_split_into_prefix_and_argument() -> None:
    assert split_source("builtin") == ("builtin", "")
    assert split_source("jsonl:C:\\tools.jsonl") == ("jsonl", "C:\\tools.jsonl")
    assert set(LOADERS) == {"builtin", "python", "bfcl", "toolbench", "jsonl"}


def test_a_pool_without_a_usable_function_is_an_error_that_names_the_first_problem(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"no usable function.*line 1"):
        build_pool([write(tmp_path, "[]")])
    with pytest.raises(SourceError, match="no function source"):
        build_pool([])


def test_a_schema_problem_says_where() -> None:
    assert schema_problem({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "text"}}}}, "parameters").startswith(
        "parameters.a.items.type is 'text'"
    )
    assert schema_problem({"type": ["string", "null"]}, "parameters") == ""
