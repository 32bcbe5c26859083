"""`toolbench:` sources: names, types, descriptions and return schemas of real API lists."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.errors import SourceError
from magnet_ray.functions.pool import LEGAL_NAME, build_pool
from magnet_ray.functions.template_response import return_schema_of
from magnet_ray.functions.toolbench import clean_text, function_description, function_name, load, parameter_name, parameter_schema
from magnet_ray.types import FailureReason

STABLE = Path(__file__).parents[2].parent / "shared" / "data" / "stabletoolbench"


def api(**changes: Any) -> dict[str, Any]:
    plain = {
        "category_name": "Logistics",
        "tool_name": "Pack & Send",
        "api_name": "/api/Tracking/",
        "api_description": "",
        "required_parameters": [],
        "optional_parameters": [],
    }
    return {**plain, **changes}


def write(folder: Path, document: Any, name: str = "a.json") -> str:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document), encoding="utf-8")
    return str(path)


def parameter(name: str = "city", kind: str = "STRING", **changes: Any) -> dict[str, Any]:
    return {"name": name, "type": kind, "description": "", "default": "", **changes}


def test_an_api_that_several_queries_repeat_is_one_function(tmp_path: Path) -> None:
    result = load(write(tmp_path, [{"api_list": [api()]}, {"api_list": [api(), api(api_name="Quote")]}]))
    assert [spec.name for spec in result.specs] == ["pack_send_tracking", "pack_send_quote"]
    assert result.specs[0].environment == "simulated:Logistics"
    assert result.places[1].endswith("entry 2, api 2")


def test_the_toolenv_layout_takes_its_category_from_the_folder(tmp_path: Path) -> None:
    document = {
        "tool_name": "Orderful",
        "api_list": [{"name": "List orders", "description": "Gives every order of a shop.", "required_parameters": []}],
    }
    write(tmp_path, document, "Logistics/orderful.json")
    [spec] = load(str(tmp_path)).specs
    assert (spec.name, spec.category, spec.description) == ("orderful_list_orders", "Logistics", "Gives every order of a shop.")


def test_names_are_readable_legal_and_unique() -> None:
    assert function_name("SheScoresAPI", "Get player by ID", set()) == "she_scores_get_player_by_id"
    assert function_name("Orders", "Orders list", set()) == "orders_list"
    assert function_name("Phones", "specs", {"phones_specs"}, ("brand",)) == "phones_specs_by_brand"
    assert function_name("Phones", "specs", {"phones_specs"}) == "phones_specs_2"
    long = function_name("A very long tool name that goes on and on", "an api name that is even longer than its tool's name, by far", set())
    assert LEGAL_NAME.fullmatch(long)
    assert LEGAL_NAME.fullmatch(function_name("工具", "接口", set()))


def test_descriptions_are_cleaned_cut_at_sentences_and_made_up_from_names_when_empty() -> None:
    assert clean_text("<p>Get&nbsp;the **popular** [sites](http://a.b/c)\n for `you` .</p>") == "Get the popular sites for you."
    assert clean_text("One sentence that is long enough to keep here. " * 20, 100).endswith("here.")
    assert len(clean_text("word " * 200, 100)) <= 101
    assert function_description("NHL Stats", "getTeams", " ") == "Get teams with NHL Stats."
    assert function_description("Pack & Send", "/v1/Tracking/", "") == "Look up tracking from Pack & Send."


def test_parameter_types_become_json_schema() -> None:
    def schema(kind: str, default: Any = "", name: str = "x", needed: bool = True) -> dict[str, Any]:
        return parameter_schema(parameter(name, kind, default=default), needed=needed)

    assert schema("NUMBER", "5", "limit") | {"description": ""} == {"type": "integer", "description": "", "examples": [5]}
    assert schema("NUMBER", 40.7, "lat")["type"] == "number"
    assert schema("BOOLEAN", "true", needed=False)["default"] is True
    assert schema("DATE (YYYY-MM-DD)", "2022-08-20")["format"] == "date"
    assert schema("ENUM", ["asc", "desc"])["enum"] == ["asc", "desc"]
    assert schema("ARRAY")["items"] == {"type": "string"}
    assert "examples" not in schema("STRING", "ReferenceNumberHere")
    assert "pattern" in schema("TIME (24-hour HH:MM)", "12:30")
    assert parameter_name("API-Key (v2)") == "API_Key_v2"
    assert parameter_name("2fa") == "p_2fa"


def test_bad_entries_are_named_and_the_rest_is_read(tmp_path: Path) -> None:
    bad = [
        {"api_list": [api(api_name=""), api(api_name="Fine"), "text", api(api_name="Odd", required_parameters=[parameter(kind="STRUCT")])]},
        {"query": "no list"},
        {"api_list": [api(api_name="Nameless", required_parameters=[parameter(name="")])]},
    ]
    result = load(write(tmp_path, bad))
    assert [spec.name for spec in result.specs] == ["pack_send_fine"]
    assert {failure.reason for failure in result.failures} == {FailureReason.BAD_SPEC}
    details = [failure.detail for failure in result.failures]
    for detail, words in zip(
        details, ("api_name is missing", "expected an API object", "type is 'STRUCT'", "object with api_list", "has no name"), strict=True
    ):
        assert words in detail
        assert "a.json: entry " in detail


@pytest.mark.parametrize(("text", "words"), [("", "empty"), ("{", "not JSON"), ("3", "got a JSON int"), ('{"a": 1}', "got a JSON dict")])
def test_files_that_are_no_api_list_are_one_clear_error(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(SourceError, match=words):
        load(str(tmp_path / "a.json"))


def test_missing_files_and_folders_without_json_are_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        load(str(tmp_path / "none.json"))
    with pytest.raises(SourceError, match="no JSON file"):
        load(str(tmp_path))


def test_templates_become_return_schemas_and_errors_do_not() -> None:
    template = {
        "total": "int",
        "items": [{"name": "str", "score": "float", "_list_length": 4}],
        "tags": ["list of str with length 4"],
        "none": "NoneType",
        "error": "str",
    }
    schema = return_schema_of(template)
    assert schema is not None
    assert list(schema["properties"]) == ["total", "items", "tags"]
    assert schema["properties"]["items"]["items"]["properties"]["score"] == {"type": "number"}
    assert return_schema_of({"message": "str", "statusCode": "int"}) is None
    assert return_schema_of({}) is None
    assert return_schema_of(None) is None
    cut = return_schema_of('{"result": {"id": "str", "price": "float", "dates": [{"date": "str", "val')
    assert cut is not None
    assert list(cut["properties"]["result"]["properties"]) == ["id", "price", "dates"]


@pytest.mark.skipif(not STABLE.exists(), reason="StableToolBench's instruction files are not at ../shared/data/stabletoolbench")
def test_the_public_pool_has_2490_apis_in_47_categories() -> None:
    pool = build_pool([f"toolbench:{STABLE}"])
    assert len(pool.specs) + len(pool.failures) == 2490
    assert len(pool.specs) >= 2480
    assert len(pool.categories) == 47
    assert sum(bool(spec.returns) for spec in pool.specs) > 900
    assert all(spec.description[-1] in ".!?" for spec in pool.specs)
