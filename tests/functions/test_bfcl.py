"""The `bfcl` source; the parts that need `bfcl_eval` skip where it is not installed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any

import jsonschema_rs
import pytest
import yaml

from magnet_ray.environments.isolated import close_workers
from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import CallError, EnvironmentFault, MagnetError, SourceError
from magnet_ray.functions import bfcl
from magnet_ray.functions.bfcl_scenarios import SCENARIOS
from magnet_ray.functions.sources import SourceResult
from magnet_ray.types import canonical
from magnet_ray.values import draw_argument

needs_bfcl = pytest.mark.skipif(
    find_spec("bfcl_eval") is None or find_spec("mpmath") is None, reason="bfcl-eval 2025.6.8 and mpmath are not installed"
)


@pytest.fixture(scope="module", autouse=True)
def _workers_end() -> Iterator[None]:
    yield
    close_workers()


@pytest.fixture(scope="module")
def loaded() -> SourceResult:
    return bfcl.load()


def test_scenarios_are_json_and_come_from_the_seed_alone() -> None:
    for name, scenario in SCENARIOS.items():
        assert canonical(scenario(Random(5))) == canonical(scenario(Random(5))), name
        if name != "MathAPI":
            assert canonical(scenario(Random(5))) != canonical(scenario(Random(6))), name


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bfcl, "find_spec", lambda name: None)
    with pytest.raises(SourceError, match=r"pip install --no-deps bfcl-eval==2025\.6\.8"):
        bfcl.load()


def test_an_unknown_form_is_refused() -> None:
    with pytest.raises(SourceError, match="bfcl:original"):
        bfcl.load("renamed")


def test_a_package_without_the_v3_data_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bfcl_eval").mkdir()
    (tmp_path / "bfcl_eval" / "__init__.py").write_text("")
    monkeypatch.setattr(bfcl, "find_spec", lambda name: _Found(str(tmp_path / "bfcl_eval")))
    with pytest.raises(SourceError, match="no BFCL-v3 data"):
        bfcl.package_root()


class _Found:
    def __init__(self, root: str) -> None:
        self.submodule_search_locations = [root]


@needs_bfcl
def test_every_function_has_another_name_and_description_than_in_the_benchmark(loaded: SourceResult) -> None:
    originals = {function["name"]: function for function in bfcl.documented_functions(bfcl.package_root())}
    assert len(loaded.specs) == 128 and [failure.id for failure in loaded.failures] == ["get_outside_temperature_from_weather_com"]
    assert len({spec.name for spec in loaded.specs}) == 128
    for spec in loaded.specs:
        assert spec.name not in originals and spec.source == "bfcl"
        documented = originals[spec.callable_name]
        assert spec.description not in documented["description"]
        for parameter, schema in spec.properties.items():
            assert schema["description"] != documented["parameters"]["properties"][parameter].get("description", "")
        jsonschema_rs.validator_for(dict(spec.parameter_schema))


@needs_bfcl
def test_the_original_form_keeps_names_and_descriptions() -> None:
    originals = {function["name"]: function for function in bfcl.documented_functions(bfcl.package_root())}
    for spec in bfcl.load("original").specs:
        assert spec.source == "bfcl:original"
        assert spec.description == originals[spec.name]["description"]


@needs_bfcl
def test_names_and_tables_speak_of_functions_and_parameters_that_exist() -> None:
    documented: dict[str, dict[str, Any]] = {}
    for function in bfcl.documented_functions(bfcl.package_root()):
        documented[function["name"]] = function
    names = yaml.safe_load(Path(bfcl.__file__).with_name("bfcl_names.yaml").read_text())
    for table in names.values():
        assert table["functions"].keys() <= documented.keys()
        known = {parameter for name in table["functions"] for parameter in documented[name]["parameters"]["properties"]}
        assert {parameter.rsplit(".", 1)[-1] for parameter in table["parameters"]} <= known


@needs_bfcl
@pytest.mark.parametrize("class_name", list(bfcl.MODULES))
def test_calls_with_drawn_arguments_succeed_and_fit_their_schemas(loaded: SourceResult, class_name: str) -> None:
    specs = {spec.callable_name: spec for spec in loaded.specs if spec.environment == f"bfcl:{class_name}"}
    tried, good = 0, 0
    for spec in specs.values():
        for seed in range(5):
            environment, rng = open_environment(spec.environment, seed, specs), Random(f"{spec.name} {seed}")
            arguments: dict[str, object] = {}
            for parameter in spec.properties:
                if parameter in spec.required or rng.random() < 0.5:
                    arguments[parameter] = draw_argument(environment, spec, parameter, arguments, rng)
            assert jsonschema_rs.is_valid(dict(spec.parameter_schema), json.loads(json.dumps(arguments))), (spec.name, arguments)
            tried += 1
            try:
                output = environment.call(spec.callable_name, arguments)
            except MagnetError:
                continue
            good += 1
            if spec.return_schema:
                assert jsonschema_rs.is_valid(dict(spec.return_schema), output), (spec.name, output)
            environment.close()
    assert good >= 0.9 * tried


@needs_bfcl
def test_an_error_in_an_output_is_a_failed_call_that_changes_nothing() -> None:
    environment = open_environment("bfcl:VehicleControlAPI", 3, {})
    before = environment.state()
    with pytest.raises(CallError, match="Cannot fill gas above the tank capacity"):
        environment.call("fillFuelTank", {"fuelAmount": 500})
    with pytest.raises(CallError, match=r"Invalid ignition mode|doors must be locked"):
        environment.call("startEngine", {"ignitionMode": "STOP"})
    assert environment.state() == before


@needs_bfcl
def test_replays_give_the_same_outputs_and_state() -> None:
    def run() -> str:
        environment = open_environment("bfcl:TravelAPI", 11, {})
        token = environment.state()["access_token"]
        card = {
            "card_number": "4111222233334444",
            "expiration_date": "05/2029",
            "cardholder_name": "Mia Berg",
            "card_verification_number": 123,
        }
        outputs = [environment.call("register_credit_card", {"access_token": token, **card})]
        mark = environment.checkpoint()
        flight = {"travel_date": "2026-01-05", "travel_from": "SFO", "travel_to": "LAX", "travel_class": "economy", "travel_cost": 200}
        for _ in range(2):
            environment.rollback(mark)
            outputs.append(environment.call("book_flight", {"access_token": token, "card_id": outputs[0]["card_id"], **flight}))
        assert outputs[1] == outputs[2]
        text = canonical([outputs, environment.state()])
        environment.close()
        return text

    assert run() == run()


@needs_bfcl
def test_comments_on_posts_of_the_scenario_are_found() -> None:
    environment = open_environment("bfcl:TwitterAPI", 2, {})
    number = int(next(iter(environment.state()["comments"])))
    assert len(environment.call("get_tweet_comments", {"tweet_id": number})) == 1


def test_an_unknown_class_is_a_fault() -> None:
    with pytest.raises(EnvironmentFault, match="no BFCL class"):
        open_environment("bfcl:Nothing", 1, {})
