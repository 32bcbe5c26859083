"""`jsonl:` sources: one tool a line, bad lines named."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from evals.seal_tools import convert_seal_tools
from magnet_ray.errors import SourceError
from magnet_ray.functions.jsonl import load
from magnet_ray.functions.pool import build_pool

SEAL_TOOLS = Path(__file__).parents[2].parent / "shared" / "data" / "seal_tools" / "tool.jsonl"
PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}


def write(folder: Path, text: str) -> str:
    (folder / "tools.jsonl").write_text(text, encoding="utf-8")
    return str(folder / "tools.jsonl")


def test_bare_and_wrapped_functions_are_read_with_returns_and_category(tmp_path: Path) -> None:
    bare = {"name": "a", "description": "Do a.", "parameters": PARAMETERS, "response": {"type": "string"}, "category": "Inner"}
    wrapped = {"type": "function", "category": "Outer", "function": {"name": "b", "description": "Do b.", "returns": {"type": "object"}}}
    dotted = {"name": "music.player.play", "description": "Play."}
    plain = {"name": "c", "description": "Do c."}
    result = load(write(tmp_path, "\n\n".join(json.dumps(item) for item in (bare, wrapped, dotted, plain))))
    assert [(spec.name, spec.category, bool(spec.returns)) for spec in result.specs] == [
        ("a", "Inner", True),
        ("b", "Outer", True),
        ("music_player_play", "music.player", True),
        ("c", "functions", True),
    ]
    assert result.specs[1].parameter_schema == {"type": "object", "properties": {}}
    assert [place.rsplit(": ", 1)[1] for place in result.places] == ["line 1", "line 3", "line 5", "line 7"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("not json", "not JSON"),
        ("[1, 2]", "got a list, expected a JSON object"),
        ('"text"', "got a text"),
        ('{"description": "No name."}', "name is missing"),
        ('{"name": 7}', "name is 7"),
        ('{"name": "x", "description": 5}', "description is a number"),
        ('{"name": "x", "description": "d", "parameters": "none"}', "parameters is a text"),
        ('{"name": "x", "description": "d", "parameters": {"type": "object", "properties": {"a": {}, "a": {}}}}', "duplicate key 'a'"),
        ('{"function": []}', "function is a list"),
        ('{"name": "x", "description": "d", "category": 4}', "category is 4"),
    ],
)
def test_a_bad_line_is_named_and_the_others_are_read(tmp_path: Path, line: str, words: str) -> None:
    good = json.dumps({"name": "good", "description": "Fine."})
    result = load(write(tmp_path, f"{good}\n{line}\n"))
    assert len(result.specs) == 1
    [failure] = result.failures
    assert failure.index == 2
    assert "tools.jsonl: line 2: " in failure.detail
    assert words in failure.detail


def test_files_that_cannot_be_read_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        load(str(tmp_path / "none.jsonl"))
    with pytest.raises(SourceError, match="expected a file"):
        load(str(tmp_path))
    with pytest.raises(SourceError, match="empty"):
        load(write(tmp_path, "\n \n"))
    (tmp_path / "latin.jsonl").write_bytes('{"name": "café"}'.encode("latin-1"))
    with pytest.raises(SourceError, match="not UTF-8"):
        load(str(tmp_path / "latin.jsonl"))


@pytest.mark.skipif(not SEAL_TOOLS.exists(), reason="Seal-Tools' tool.jsonl is not at ../shared/data/seal_tools")
def test_every_seal_tools_function_is_kept_or_named(tmp_path: Path) -> None:
    total = convert_seal_tools(SEAL_TOOLS, tmp_path / "seal.jsonl")
    start = time.perf_counter()
    pool = build_pool([f"jsonl:{tmp_path / 'seal.jsonl'}"])
    assert time.perf_counter() - start < 10
    assert len(pool.specs) + len(pool.failures) == total == 4076
    assert [failure.id for failure in pool.failures] == ["requestFirst Aid Assistance"] or len(pool.failures) <= 2
    assert all(spec.returns for spec in pool.specs)
