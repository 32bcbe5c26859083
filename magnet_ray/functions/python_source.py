"""The `python:` source: the public functions of any module or file, and its classes as stateful environments.

Nothing of the module runs in this process: a worker imports and describes it, and what each function accepts is
settled by observation: candidate types from hints, docstrings, defaults and the usual names of parameters are tried
with sampled values in the worker, within a fixed number of calls. A function that accepts nothing that JSON can
express is named as a failure, and the others still build.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from functools import lru_cache
from itertools import islice, product
from random import Random
from typing import Any, Final

from magnet_ray.environments.isolated import IsolatedEnvironment, Limits, Scenario, Target, fill, growing, python_target
from magnet_ray.errors import CallError, EnvironmentFault, Rejected, SourceError
from magnet_ray.functions.sources import SourceResult
from magnet_ray.phrases import plain_name
from magnet_ray.types import Failure, FailureReason, FunctionSpec, JsonValue, compact
from magnet_ray.values import draw_argument

Schema = dict[str, Any]

NUMBERS: Final[Schema] = {"type": "array", "items": {"type": "number"}, "minItems": 4}
TEXT: Final[Schema] = {"type": "string"}
WHOLE: Final[Schema] = {"type": "integer"}
NUMBER: Final[Schema] = {"type": "number"}


def _named(names: Sequence[str], schema: Schema) -> dict[str, Schema]:
    return {name: schema for name in names}


USUAL_TYPES: Final[dict[str, Schema]] = {
    **_named(("s", "text", "string", "str", "word", "sentence", "name", "title", "message", "line", "phrase"), TEXT),
    **_named(("key", "section", "option", "prefix", "suffix", "term", "label", "singular", "label_text"), TEXT),
    **_named(("n", "count", "num", "size", "length", "limit", "times", "k"), {"type": "integer", "minimum": 1, "maximum": 10}),
    **_named(("index", "i", "idx", "position", "pos", "start", "stop"), {"type": "integer", "minimum": 0, "maximum": 9}),
    **_named(("width", "columns", "cols"), {"type": "integer", "minimum": 10, "maximum": 80}),
    **_named(("x", "y", "z", "value", "v", "number", "amount", "a", "b"), NUMBER),
    **_named(("data", "values", "iterable", "numbers", "seq", "sequence", "xs", "sample", "weights", "other"), NUMBERS),
    **_named(("words", "lines", "names", "items", "strings"), {"type": "array", "items": TEXT}),
    **_named(("chr", "char", "c", "character", "ch"), {"type": "string", "minLength": 1, "maxLength": 1}),
    "year": {"type": "integer", "minimum": 1990, "maximum": 2035},
    "theyear": {"type": "integer", "minimum": 1990, "maximum": 2035},
    "month": {"type": "integer", "minimum": 1, "maximum": 12},
    "themonth": {"type": "integer", "minimum": 1, "maximum": 12},
    "day": {"type": "integer", "minimum": 1, "maximum": 28},
    "weekday": {"type": "integer", "minimum": 0, "maximum": 6},
    "firstweekday": {"type": "integer", "minimum": 0, "maximum": 6},
    "hour": {"type": "integer", "minimum": 0, "maximum": 23},
    "minute": {"type": "integer", "minimum": 0, "maximum": 59},
    "second": {"type": "integer", "minimum": 0, "maximum": 59},
    **_named(("p", "probability", "ratio", "fraction", "alpha"), {"type": "number", "minimum": 0.01, "maximum": 0.99}),
    **_named(("r", "g", "h", "l", "q"), {"type": "number", "minimum": 0, "maximum": 1}),
    **_named(("date", "day_of", "when", "since", "until"), {"type": "string", "format": "date"}),
    **_named(("flag", "reverse", "strict", "capitalize"), {"type": "boolean"}),
    **_named(("mapping", "dictionary", "config"), {"type": "object", "additionalProperties": TEXT}),
}
"""Names of parameters -> what they usually take."""
FALLBACKS: Final[tuple[Schema, ...]] = (
    NUMBER,
    {"type": "integer", "minimum": 1, "maximum": 20},
    TEXT,
    NUMBERS,
    {"type": "array", "items": TEXT},
    {"type": "string", "format": "date"},
    {"type": "array", "items": {"type": "array", "items": NUMBER, "minItems": 2, "maxItems": 2}},
    {"type": "boolean"},
)
"""What is tried for a parameter that nothing is known about."""
MAX_ASSIGNMENTS: Final = 30
"""Combinations of types that are tried for one function."""
MAX_STRICTER: Final = 3
"""Optional parameters that are tried as required ones."""
DRAWS: Final = 4
"""Calls with one combination of types."""
GOOD_RATE: Final = 0.4
"""Share of successful calls at which a combination is taken at once."""
MAX_FAULTS: Final = 4
"""Calls of one function that may break their environment (block, crash, take too much memory) before it is given up."""
MAX_ROUNDS: Final = 4
"""Times that the methods of a class are gone through."""
MAX_VARIED: Final = 3
"""Parameters of a constructor whose defaults are varied."""
SURE_RATE: Final = 0.75
"""The same for types that nothing but the trial speaks for."""
PROBE_LIMITS: Final = Limits(call_seconds=0.5, cpu_seconds=20)
DESCRIPTION_LENGTH: Final = 400


def load(argument: str) -> SourceResult:
    """The functions of a module (`statistics`, `shop.py`, `shop.py:Cart`).

    Raises:
        SourceError: it cannot be imported, or has no public functions.
    """
    target = python_target(argument)
    described = _described(target.module)
    source = f"python:{target.module}"
    classes = [item for item in described["classes"] if item["methods"] and target.class_name in {"", item["name"]}]
    functions = [] if target.class_name else described["functions"]
    if not functions and not classes:
        raise SourceError("no public function or class with methods in this module", argument, "a module that defines some")
    settled = list(_settle_all(Target(module=target.module), source, described["name"], functions)) if functions else []
    taken = {item["name"] for item in functions}
    for item in classes:
        clash = len(classes) > 1 or any(method["name"] in taken for method in item["methods"])
        kind = Target(module=target.module, class_name=item["name"])
        settled += _settle_all(
            kind, f"{source}:{item['name']}", item["name"], item["methods"], prefix=_snake(item["name"]) if clash else ""
        )
    specs = tuple(result for result in settled if isinstance(result, FunctionSpec))
    reasons = [result for result in settled if isinstance(result, tuple)]
    failures = tuple(
        Failure(id=name, index=index, stage="pool", reason=FailureReason.BAD_SPEC, detail=f"{source}: {name}: {reason}")
        for index, (name, reason) in enumerate(reasons)
    )
    return SourceResult(specs=specs, failures=failures)


def constructor_arguments(target: Target, seed: int) -> dict[str, JsonValue]:
    """Arguments with which an instance of the target's class can be made; empty where it needs none.

    Raises:
        EnvironmentFault: none of the values that were tried made an instance.
    """
    described = next((item for item in _described(target.module)["classes"] if item["name"] == target.class_name), None)
    if described is None:
        raise EnvironmentFault(f"{target.module} has no public class {target.class_name}")
    parameters = described["constructor"]["parameters"]
    required = [item for item in parameters if item["required"]]
    # A small class made of numbers (a distribution, a point) is dull with its defaults.
    numbers = [item for item in parameters if not item["required"] and type(item["default"]) in {int, float}]
    if len(parameters) <= MAX_VARIED and parameters == [*required, *numbers]:
        required = parameters
    if not required:
        return {}
    outside = IsolatedEnvironment(Target(module=target.module), Scenario(seed=seed), {}, limits=PROBE_LIMITS)
    last: EnvironmentFault | None = None
    for assignment in islice(_assignments(required), MAX_ASSIGNMENTS):
        rng = Random(f"constructor {seed}")
        spec = _spec(target.class_name, described["constructor"], assignment, "", "")
        try:
            arguments = _arguments(outside, spec, [item["name"] for item in required], rng)
            IsolatedEnvironment(target, Scenario(seed=seed, arguments=arguments), {}, limits=PROBE_LIMITS).close()
        except Rejected:
            continue
        except EnvironmentFault as error:
            last = error
            continue
        outside.close()
        return arguments
    outside.close()
    raise last or EnvironmentFault(f"no values fit the constructor of {target.class_name}")


@lru_cache(maxsize=64)
def _described(module: str) -> dict[str, Any]:
    if module.endswith(".py") and not os.path.isfile(module):
        raise SourceError("this Python file does not exist", module, "a path to a .py file", "check the path after python:")
    try:
        environment = IsolatedEnvironment(Target(module=module), Scenario(seed=0), {})
        described: dict[str, Any] = environment.describe()
    except EnvironmentFault as error:
        fix = (
            "install it, or give the path of a .py file" if "ModuleNotFoundError" in str(error) else "check that it imports in plain Python"
        )
        raise SourceError(f"cannot use this module: {error}", module, "an importable module or a .py file", fix) from None
    environment.close()
    return described


Settled = FunctionSpec | tuple[str, str]
"""A specification, or the name of a function and why it has none."""


def _settle_all(
    target: Target, source: str, category: str, described: Sequence[Mapping[str, Any]], *, prefix: str = ""
) -> Iterator[Settled]:
    try:
        probe = _Probe(target)
    except EnvironmentFault as error:
        yield from ((item["name"], f"no instance of {target.class_name} could be made: {error}") for item in described)
        return
    # Methods need each other: a key must be put in before it can be looked up. So what failed is tried again on
    # instances that the functions found so far have filled, as long as that finds more.
    settled: dict[str, Settled] = {}
    for _ in range(MAX_ROUNDS if target.class_name else 1):
        found = len(probe.specs)
        for item in described:
            if isinstance(settled.get(item["name"]), FunctionSpec):
                continue
            if target.class_name:
                probe.close()
            settled[item["name"]] = _settle(probe, item, source, category)
        probe.learn({result.callable_name: result for result in settled.values() if isinstance(result, FunctionSpec)})
        if len(probe.specs) == found:
            break
    yield from (_renamed(result, prefix) for result in settled.values())
    probe.close()


def _renamed(result: Settled, prefix: str) -> Settled:
    if not prefix or not isinstance(result, FunctionSpec):
        return result
    name = f"{prefix}_{result.name}"[:64]
    return FunctionSpec(
        name=name,
        original_name=result.name,
        description=result.description,
        parameters=result.parameters,
        returns=result.returns,
        category=result.category,
        source=result.source,
        environment=result.environment,
    )


class _Probe:
    """Tries calls in environments that are replaced when they break."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.specs: dict[str, FunctionSpec] = {}
        self._known: dict[str, FunctionSpec] = {}
        self._count = 0
        self._growers: tuple[str, ...] = ()
        self._environment: IsolatedEnvironment | None = None
        self.faults: Counter[str] = Counter()
        """Callable name -> calls that broke their environment."""
        self.refusals: dict[str, str] = {}
        """Callable name -> why its last failed call failed."""
        self.environment()

    def environment(self) -> IsolatedEnvironment:
        """A usable environment; for a class, filled by the functions that are known so far."""
        if self._environment is None:
            self._count += 1
            arguments = constructor_arguments(self.target, self._count) if self.target.class_name else {}
            scenario = Scenario(seed=self._count, arguments=arguments)
            self._known |= self.specs
            self._environment = IsolatedEnvironment(self.target, scenario, self._known, limits=PROBE_LIMITS)
            fill(self._environment, self.specs, self._growers, self._count)
        return self._environment

    def learn(self, specs: dict[str, FunctionSpec]) -> None:
        """From now on fill instances with what these functions add."""
        self.specs = specs
        self._known |= specs
        self._growers = ()
        if self.target.class_name:
            # Where no instance can be made this time, the next ones stay unfilled.
            with suppress(EnvironmentFault):
                self._growers = growing(self.environment(), specs)
        self.close()

    def outputs(self, spec: FunctionSpec, names: Sequence[str], draws: int) -> list[JsonValue]:
        """The outputs of the calls that succeeded, of `draws` calls with sampled values."""
        rng = Random(f"probe {spec.name} {spec.parameters}")
        outputs = []
        # The environment goes by this dictionary when it suggests values.
        self._known[spec.callable_name] = spec
        for _ in range(draws):
            if self.faults[spec.callable_name] >= MAX_FAULTS:
                break
            try:
                outputs += self._output(self.environment(), spec, _arguments(self.environment(), spec, names, rng))
            except (CallError, Rejected) as error:
                self.refusals[spec.callable_name] = str(error)
            except EnvironmentFault as fault:
                self.refusals[spec.callable_name] = str(fault)
                self.faults[spec.callable_name] += 1
                self.close()
        return outputs

    @staticmethod
    def _output(environment: IsolatedEnvironment, spec: FunctionSpec, arguments: Mapping[str, JsonValue]) -> list[JsonValue]:
        mark, before = environment.checkpoint(), environment.state_text()
        output = environment.call(spec.callable_name, arguments)
        if environment.state_text() != before:
            # Every draw meets the same state: what one removes is there for the next.
            environment.rollback(mark)
        return [output]

    def close(self) -> None:
        """End the present environment."""
        if self._environment is not None:
            self._environment.close()
        self._environment = None


def _settle(probe: _Probe, described: Mapping[str, Any], source: str, category: str) -> Settled:
    """The specification of one function with the types that it was seen to accept."""
    name = described["name"]
    if described["reason"]:
        return name, described["reason"]
    # Some parameters are optional by signature only: if nothing works, each is tried as a required one.
    for form in (described, *islice(_stricter(described), MAX_STRICTER)):
        types, outputs = _accepted(probe, form, source, category)
        if types is None:
            continue
        if not probe.target.class_name and all(output is None for output in outputs):
            return name, "it returns nothing, and a module's functions have no state to change"
        return _spec(name, form, types | _optional(probe, form, types, source, category), source, category)
    refusal = probe.refusals.get(name)
    return name, "no call with sampled arguments succeeded" + (f"; the last refusal: {refusal}" if refusal else "")


def _stricter(described: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for chosen in described["parameters"]:
        if not chosen["required"] and chosen["default"] is None:
            parameters = [{**item, "required": item["required"] or item is chosen} for item in described["parameters"]]
            yield {**described, "parameters": parameters}


def _accepted(probe: _Probe, described: Mapping[str, Any], source: str, category: str) -> tuple[dict[str, Schema] | None, list[JsonValue]]:
    """Types of the required parameters with which calls succeed, and their outputs; None when no types were found."""
    best: dict[str, Schema] | None = None
    outputs: list[JsonValue] = []
    required = [item for item in described["parameters"] if item["required"]]
    for assignment in islice(_assignments(required), MAX_ASSIGNMENTS):
        spec = _spec(described["name"], described, assignment, source, category)
        first = probe.outputs(spec, spec.required, 1)
        likely = all(schema in _known_types(item) for item, schema in zip(required, assignment.values(), strict=True))
        found = first + probe.outputs(spec, spec.required, DRAWS if first or likely else 1)
        rate = len(found) / (DRAWS + 1)
        if rate >= (GOOD_RATE if likely else SURE_RATE):
            best, outputs = assignment, found
            break
    return best, outputs


def _optional(probe: _Probe, described: Mapping[str, Any], required: Mapping[str, Schema], source: str, category: str) -> dict[str, Schema]:
    """Types of the optional parameters for which calls still succeed; parameters that nothing is known about are left out."""
    kept: dict[str, Schema] = {}
    for item in described["parameters"]:
        if item["required"]:
            continue
        for schema in islice(_known_types(item), 3):
            spec = _spec(described["name"], described, {**required, item["name"]: schema}, source, category)
            if len(probe.outputs(spec, [*spec.required, item["name"]], DRAWS)) > DRAWS // 2:
                kept[item["name"]] = schema
                break
    return kept


def _assignments(parameters: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Schema]]:
    """Combinations of types, the likeliest first."""
    names = [item["name"] for item in parameters]
    options = [_candidates(item) for item in parameters]
    ranked = sorted(product(*[range(len(option)) for option in options]), key=sum) if len(names) <= 4 else [(0,) * len(names)]
    for choice in ranked:
        yield {name: option[index] for name, option, index in zip(names, options, choice, strict=True)}


def _candidates(parameter: Mapping[str, Any]) -> list[Schema]:
    known = list(_known_types(parameter))
    if parameter["hinted"]:
        return known
    return known + [schema for schema in FALLBACKS if schema not in known]


def _known_types(parameter: Mapping[str, Any]) -> Iterator[Schema]:
    """Types by hint, docstring, default and name, in this order; those of a hint are final."""
    usual = USUAL_TYPES.get(parameter["name"].lower())
    seen: list[Schema] = []
    options = list(parameter["hinted"]) or [*parameter["documented"], *_type_of_default(parameter["default"])]
    # A usual name narrows a type that is known (a month is not any integer), and stands in for one that is not.
    narrowed = [usual for option in options if usual and usual["type"] == option.get("type") and not option.keys() - {"type"}]
    for schema in [*narrowed, *sorted(options, key=_oddity)] + ([usual] if usual and not parameter["hinted"] else []):
        if schema not in seen:
            seen.append(schema)
            yield schema


def _oddity(schema: Schema) -> int:
    return int(schema.get("format") in {"duration", "binary", "path"}) + 2 * int("type" not in schema)


def _type_of_default(default: JsonValue) -> list[Schema]:
    if default is None:
        return []
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string"}
    return [{"type": kinds[type(default)]}]


def _spec(name: str, described: Mapping[str, Any], types: Mapping[str, Schema], source: str, category: str) -> FunctionSpec:
    properties, required = {}, []
    for item in described["parameters"]:
        if item["name"] not in types:
            continue
        schema = dict(types[item["name"]])
        properties[item["name"]] = {**schema, "description": item["description"] or _parameter_text(item["name"], schema)}
        if item["required"]:
            required.append(item["name"])
        elif item["default"] is not None:
            properties[item["name"]]["default"] = item["default"]
    return FunctionSpec(
        name=name,
        description=_description(name, described["doc"]),
        parameters=compact({"type": "object", "properties": properties, "required": required}),
        returns=compact(described["returns"]) if described["returns"] else "",
        category=category,
        source=":".join(source.split(":")[:2]),
        environment=source,
    )


def _description(name: str, documentation: str) -> str:
    text = documentation or f"{plain_name(name).capitalize()}."
    return text if len(text) <= DESCRIPTION_LENGTH else text[: text.rfind(" ", 0, DESCRIPTION_LENGTH)] + " …"


def _parameter_text(name: str, schema: Schema) -> str:
    kinds = {"number": "number", "integer": "whole number", "string": "text", "boolean": "yes or no", "object": "mapping"}
    if schema.get("type") == "array":
        items = schema.get("items", {})
        kind = str(items.get("type", "")) if isinstance(items, dict) else ""
        return f"List of {kinds.get(kind, 'item')}s."
    return f"The {plain_name(name)}." if len(name) > 2 else f"A {kinds.get(str(schema.get('type')), 'value')}."


def _arguments(environment: IsolatedEnvironment, spec: FunctionSpec, names: Sequence[str], rng: Random) -> dict[str, JsonValue]:
    chosen: dict[str, JsonValue] = {}
    for name in names:
        chosen[name] = draw_argument(environment, spec, name, chosen, rng)
    return chosen


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()
