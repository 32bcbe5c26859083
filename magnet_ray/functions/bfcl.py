"""The `bfcl` source: the multi-turn classes of BFCL-v3, from an installed `bfcl_eval`, in isolated workers.

Names and descriptions are our own by default (`bfcl_names.yaml`); `bfcl:original` keeps the benchmark's, for
comparison. Scenarios are always our own (`bfcl_scenarios`). A data set made with this source has seen a benchmark's
environments: it is never in a default mix, and the manifest says when it was used.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from random import Random
from typing import Any, Final

import yaml

from magnet_ray.environments.base import Missing
from magnet_ray.environments.isolated import Scenario, Suggest, Target
from magnet_ray.errors import EnvironmentFault, SourceError
from magnet_ray.functions.bfcl_scenarios import SCENARIOS, TRADING_DAY
from magnet_ray.functions.bfcl_suggestions import suggest_for
from magnet_ray.functions.sources import SourceResult
from magnet_ray.types import Failure, FailureReason, FunctionSpec, JsonValue, compact

CODE: Final = "bfcl_eval.eval_checker.multi_turn_eval.func_source_code"
MODULES: Final = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TwitterAPI": "posting_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "VehicleControlAPI": "vehicle_control",
}
"""Class -> its module, which is also the stem of its documentation file."""
UNUSABLE: Final = {
    "get_outside_temperature_from_weather_com": "it answers every call with an error",
}
"""Documented functions that cannot be called with success."""
UNKNOWN_PARAMETERS: Final = frozenset({("delete_message", "message_id"), ("retrieve_invoice", "insurance_id")})
"""Documented parameters that the code does not take, or does nothing with."""
NEEDED_PARAMETERS: Final = {"retrieve_invoice": ["booking_id"]}
"""Parameters documented as optional without which every call fails."""
UNKNOWN_RETURNS: Final = frozenset(
    [
        "mkdir",
        "touch",
        "echo",
        "send_message",
        "delete_message",
        "list_all_airports",
        "list_all_following",
        "get_user_tweets",
        "search_tweets",
        "get_tweet_comments",
        "get_user_tickets",
        "ticket_get_login_status",
        "edit_ticket",
        "adjustClimateControl",
        "displayCarStatus",
        "check_tire_pressure",
        "authenticate_travel",
        "get_all_credit_cards",
        "add_to_watchlist",
        "get_order_history",
    ]
)
"""Functions whose outputs differ from their documentation: their return schema is left to observation."""
INSTALL: Final = "run: pip install --no-deps bfcl-eval==2025.6.8 && pip install mpmath==1.3.0"
_TYPES = {
    "float": "number",
    "dict": "object",
    "tuple": "array",
    "any": "string",
    "int": "integer",
    "str": "string",
    "bool": "boolean",
    "list": "array",
}


def load(argument: str = "") -> SourceResult:
    """The functions of all eight classes.

    Args:
        argument: empty for our own names and descriptions, `original` for the benchmark's.

    Raises:
        SourceError: `bfcl_eval` is not installed or is another version, or the argument is unknown.
    """
    if argument not in {"", "original"}:
        raise SourceError("unknown form of the bfcl source", f"bfcl:{argument}", "bfcl or bfcl:original")
    root = package_root()
    if find_spec("mpmath") is None:
        raise SourceError("the bfcl source needs the package mpmath", fix=INSTALL)
    names = {} if argument else _names()
    specs, failures = [], []
    for index, (class_name, function) in enumerate(_documented(root)):
        original = function["name"]
        if original in UNUSABLE:
            detail = f"bfcl: {class_name}.{original}: {UNUSABLE[original]}"
            failures.append(Failure(id=original, index=index, stage="pool", reason=FailureReason.BAD_SPEC, detail=detail))
            continue
        specs.append(_spec(class_name, function, names.get(class_name)))
    return SourceResult(specs=tuple(specs), failures=tuple(failures))


def package_root() -> Path:
    """The folder of the installed `bfcl_eval`, found without importing it.

    Raises:
        SourceError: it is not installed, or has no BFCL-v3 data.
    """
    found = find_spec("bfcl_eval")
    if found is None or not found.submodule_search_locations:
        raise SourceError("the bfcl source needs the package bfcl_eval", "none installed", "bfcl-eval 2025.6.8", INSTALL)
    root = Path(next(iter(found.submodule_search_locations)))
    if not (root / "data" / "multi_turn_func_doc").is_dir() or not list((root / "data").glob("BFCL_v3_*.json")):
        raise SourceError("this bfcl_eval has no BFCL-v3 data", str(root.name), "bfcl-eval 2025.6.8", INSTALL)
    return root


def bfcl_target(class_name: str) -> Target:
    """What a worker executes for a class; the eight classes share one worker.

    Raises:
        EnvironmentFault: there is no such class.
    """
    if class_name not in MODULES:
        raise EnvironmentFault(f"there is no BFCL class {class_name!r}")
    return Target(
        module=f"{CODE}.{MODULES[class_name]}",
        class_name=class_name,
        modules=tuple(f"{CODE}.{module}" for module in MODULES.values()),
        loader="" if class_name == "MathAPI" else "_load_scenario",
        hidden=("_api_description", "_last_modified", "_random", "long_context", "parent"),
        integer_keys=("comments",) if class_name == "TwitterAPI" else (),
        error_field="error",
        reusable=True,
    )


def bfcl_scenario(class_name: str, seed: int) -> Scenario:
    """Our own initial state for a class.

    Raises:
        EnvironmentFault: there is no such class.
    """
    if class_name not in SCENARIOS:
        raise EnvironmentFault(f"there is no BFCL class {class_name!r}")
    rng = Random(f"bfcl {class_name} {seed}")
    state = SCENARIOS[class_name](rng)
    today = {"TradingBot": TRADING_DAY, "TravelAPI": (date(2025, 6, 1) + timedelta(days=rng.randrange(80))).isoformat()}.get(class_name, "")
    return Scenario(seed=seed, state=state, today=today)


def bfcl_suggest(class_name: str) -> Suggest:
    """How values are suggested for a class's functions."""

    def suggest(state: JsonValue, function: str, parameter: str, chosen: Mapping[str, JsonValue], rng: Random) -> JsonValue | Missing:
        return suggest_for(class_name, state, function, parameter, chosen, rng)

    return suggest


def documented_functions(root: Path) -> list[dict[str, Any]]:
    """The functions of the multi-turn documentation, as the benchmark gives them."""
    return [function for _, function in _documented(root)]


def _documented(root: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    for class_name, module in MODULES.items():
        path = root / "data" / "multi_turn_func_doc" / f"{module}.json"
        for line in path.read_text(encoding="utf-8").splitlines():
            if line.strip():
                yield class_name, json.loads(line)


@lru_cache(maxsize=1)
def _names() -> dict[str, Any]:
    names: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("bfcl_names.yaml").read_text(encoding="utf-8"))
    return names


def _spec(class_name: str, function: Mapping[str, Any], names: Mapping[str, Any] | None) -> FunctionSpec:
    original = function["name"]
    properties = {
        parameter: plain_schema(schema, described=names is None)
        for parameter, schema in function["parameters"]["properties"].items()
        if (original, parameter) not in UNKNOWN_PARAMETERS
    }
    for parameter in properties if names else ():
        properties[parameter] |= _own_words(names or {}, original, parameter)
    name, description = names["functions"][original] if names else (original, function["description"])
    required = [*function["parameters"]["required"], *NEEDED_PARAMETERS.get(original, [])]
    returns = plain_schema(function.get("response", {}), described=names is None)
    return FunctionSpec(
        name=name,
        original_name="" if name == original else original,
        description=description,
        parameters=compact({"type": "object", "properties": properties, "required": required}),
        returns=compact(returns) if returns.get("properties") and original not in UNKNOWN_RETURNS else "",
        category=names["category"] if names else class_name,
        source="bfcl" if names else "bfcl:original",
        environment=f"bfcl:{class_name}",
    )


def _own_words(names: Mapping[str, Any], function: str, parameter: str) -> dict[str, Any]:
    table = names["parameters"]
    entry = table.get(f"{function}.{parameter}") or table[parameter]
    description, keywords = (entry, {}) if isinstance(entry, str) else entry
    return {**keywords, "description": description}


def plain_schema(schema: Mapping[str, Any], *, described: bool = True) -> dict[str, Any]:
    """A JSON Schema from the benchmark's dialect (`dict`, `float`, the text `None` as a default)."""
    plain: dict[str, Any] = {}
    if "type" in schema:
        plain["type"] = _TYPES.get(schema["type"], schema["type"])
    if described and schema.get("description"):
        plain["description"] = " ".join(str(schema["description"]).split())
    if choices := re.search(r"\[Enum\]: *\[([^\]]+)\]", str(schema.get("description", ""))):
        values = re.findall(r'"([^"]+)"', choices.group(1))
        plain |= {"enum": values} if plain.get("type") == "string" and values else {}
    if "enum" in schema:
        plain["enum"] = list(schema["enum"])
    if schema.get("default") not in (None, "None"):
        plain["default"] = schema["default"]
    if "items" in schema:
        plain["items"] = plain_schema(schema["items"], described=described)
    if "properties" in schema:
        plain["properties"] = {name: plain_schema(inner, described=described) for name, inner in schema["properties"].items()}
    return plain
