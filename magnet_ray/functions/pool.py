"""Sources -> FunctionPool: every specification validated, named once, and kept or accounted for.

Invariants: names are unique and legal in OpenAI's tool format; what was given equals specs + failures; the same
sources give the same pool and the same fingerprint. A saved pool is complete exactly when `pool.json` exists.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from functools import partial
from typing import Any, Final

import jsonschema_rs
import pyarrow as pa
import pyarrow.parquet as pq

from magnet_ray.atomic_files import write_atomically, write_json
from magnet_ray.errors import RunError, SourceError
from magnet_ray.functions.sources import load_source
from magnet_ray.places import Place, entries, make_directory, place, reason, storage_errors
from magnet_ray.table_files import whole_file
from magnet_ray.types import Effect, Failure, FailureReason, FunctionSpec, content_id, parsed

LEGAL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
JSON_TYPES: Final = ("string", "number", "integer", "boolean", "object", "array", "null")
FORMAT: Final = "magnet_ray pool 1"
_SPEC_FIELDS: Final = ("name", "description", "parameters", "returns", "category", "source", "environment", "original_name", "effect")
SPEC_SCHEMA: Final = pa.schema([pa.field(name, pa.string(), nullable=False) for name in _SPEC_FIELDS])
_FAILURE_FIELDS: Final = ("id", "index", "stage", "reason", "detail", "category")
FAILURE_SCHEMA: Final = pa.schema(
    [pa.field(name, pa.int64() if name == "index" else pa.string(), nullable=False) for name in _FAILURE_FIELDS]
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionPool:
    """The functions to synthesise from, and what was left out."""

    specs: tuple[FunctionSpec, ...]
    """Valid functions with unique names, in the sources' order."""
    failures: tuple[Failure, ...] = ()
    """Specifications that were left out, with reasons."""
    sources: tuple[str, ...] = ()
    """Source texts that the pool was built from."""
    _by_name: Mapping[str, FunctionSpec] = field(init=False, repr=False, compare=False)
    _by_environment: Mapping[str, Mapping[str, FunctionSpec]] = field(init=False, repr=False, compare=False)
    _by_category: Mapping[str, tuple[FunctionSpec, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_name", {spec.name: spec for spec in self.specs})
        by_environment: dict[str, dict[str, FunctionSpec]] = {}
        by_category: dict[str, list[FunctionSpec]] = {}
        for spec in self.specs:
            by_environment.setdefault(spec.environment, {})[spec.callable_name] = spec
            by_category.setdefault(spec.category, []).append(spec)
        object.__setattr__(self, "_by_environment", by_environment)
        object.__setattr__(self, "_by_category", {category: tuple(specs) for category, specs in by_category.items()})

    def spec(self, name: str) -> FunctionSpec:
        """The function with this name.

        Raises:
            KeyError: the pool has none.
        """
        return self._by_name[name]

    @property
    def by_name(self) -> Mapping[str, FunctionSpec]:
        """Name -> function."""
        return self._by_name

    def in_environment(self, key: str) -> Mapping[str, FunctionSpec]:
        """Callable name -> function, for the functions of one environment, in order."""
        return self._by_environment.get(key, {})

    def in_category(self, category: str) -> tuple[FunctionSpec, ...]:
        """The functions of one category, in order."""
        return self._by_category.get(category, ())

    @property
    def categories(self) -> tuple[str, ...]:
        """The categories, in the order of their first functions."""
        return tuple(self._by_category)

    @property
    def fingerprint(self) -> str:
        """Content hash of every function: equal pools have equal fingerprints."""
        return content_id(*("\x1f".join(str(getattr(spec, name)) for name in _SPEC_FIELDS if name != "source") for spec in self.specs))


def build_pool(sources: Sequence[str]) -> FunctionPool:
    """The pool of all `sources`: validated, deduplicated, with unique names.

    Raises:
        SourceError: a source cannot be read, or no usable function is left.
    """
    if not sources:
        raise SourceError("no function source given", expected="at least one --source, such as builtin")
    specs: list[FunctionSpec] = []
    failures: list[Failure] = []
    names: set[str] = set()
    callables: set[tuple[str, str]] = set()
    contents: dict[str, str] = {}
    for source in sources:
        result = load_source(source)
        failures += result.failures
        for position, spec in enumerate(result.specs, 1):
            place = result.places[position - 1] if result.places else f"{spec.source}: entry {position}"
            problem, reason = spec_problem(spec), FailureReason.BAD_SPEC
            content = content_id(
                spec.name, spec.description, spec.parameters, spec.returns, spec.category, spec.environment, spec.original_name
            )
            if not problem and content in contents:
                problem, reason = f"the same as the entry at {contents[content]}", FailureReason.DUPLICATE_SPEC
            if problem:
                detail = f"{place} (`{spec.name}`): {problem}"
                failures.append(Failure(id=spec.name, index=position, stage="pool", reason=reason, detail=detail))
                continue
            contents[content] = place
            specs.append(_unique(spec, names, callables))
    if not specs:
        first = f"the first problem: {failures[0].detail}" if failures else ""
        raise SourceError("no usable function", ", ".join(sources), "at least one valid function", first)
    return FunctionPool(specs=tuple(specs), failures=tuple(failures), sources=tuple(sources))


def _unique(spec: FunctionSpec, names: set[str], callables: set[tuple[str, str]]) -> FunctionSpec:
    """`spec` under a name that the pool does not have: prefixed by its category, then numbered."""
    name = spec.name
    if name in names:
        prefix = re.sub(r"[^A-Za-z0-9]+", "_", spec.category).strip("_").lower() or "other"
        candidates = (
            f"{prefix[: 63 - len(name)]}_{name}" if len(name) < 62 else name,
            *(f"{name[:60]}_{number}" for number in range(2, 10_000)),
        )
        name = next(candidate for candidate in candidates if candidate not in names)
    renamed = spec if name == spec.name else replace(spec, name=name, original_name=spec.callable_name)
    if (spec.environment, renamed.callable_name) in callables and spec.environment.startswith("simulated:"):
        renamed = replace(renamed, original_name="")  # a simulated environment executes under any name, but each only once
    names.add(name)
    callables.add((spec.environment, renamed.callable_name))
    return renamed


# --- validation --------------------------------------------------------------------------------------------


def spec_problem(spec: FunctionSpec) -> str:
    """What is wrong with a specification, in one line; empty when it can be used."""
    if not LEGAL_NAME.fullmatch(spec.name):
        return f"name is {spec.name!r}, expected 1 to 64 letters, digits, _ or -"
    if not spec.description.strip():
        return "description is empty, expected a sentence that says what the function does"
    if not spec.category.strip():
        return "category is empty"
    return _parameters_problem(spec.parameters) or (spec.returns and schema_problem(parsed(spec.returns), "returns")) or ""


def _parameters_problem(text: str) -> str:
    schema = parsed(text)
    if not isinstance(schema, dict):
        return f"parameters is {schema!r}, expected a JSON Schema object"
    problem = schema_problem(schema, "parameters")
    if problem:
        return problem
    if schema.get("type") != "object":
        return f"parameters.type is {schema.get('type')!r}, expected 'object'"
    properties = schema.get("properties", {})
    unknown = [name for name in schema.get("required", ()) if name not in properties]
    if unknown:
        near = get_close_matches(unknown[0], properties, n=1)
        return f"required names {unknown[0]!r}, which properties lacks" + (f"; did you mean {near[0]!r}?" if near else "")
    return ""


def schema_problem(schema: Any, path: str) -> str:
    """What is wrong with a JSON Schema (Draft 2020-12), with the path to it; empty when it is valid."""
    for where, declared in _types(schema, path):
        for name in declared if isinstance(declared, list) else [declared]:
            if name not in JSON_TYPES:
                near = get_close_matches(str(name), JSON_TYPES, n=1)
                return f"{where}.type is {name!r}, expected one of {', '.join(JSON_TYPES)}" + (
                    f"; did you mean {near[0]!r}?" if near else ""
                )
    try:
        jsonschema_rs.meta.validate(schema)
        jsonschema_rs.Draft202012Validator(schema)
    except (jsonschema_rs.ValidationError, jsonschema_rs.ReferencingError) as error:
        steps = [str(step) for step in getattr(error, "instance_path", ())]
        return f"{'.'.join([path, *_shown(steps)])} is not a valid JSON Schema: {getattr(error, 'message', None) or error}"
    return ""


def _types(schema: Any, path: str) -> Iterator[tuple[str, Any]]:
    """(path, declared type) of a schema and of every schema inside it."""
    if not isinstance(schema, dict):
        return
    if "type" in schema:
        yield path, schema["type"]
    for holder in ("properties", "$defs", "definitions", "patternProperties"):
        inner = schema.get(holder)
        for name, value in inner.items() if isinstance(inner, dict) else ():
            yield from _types(value, f"{path}.{name}")
    for holder in ("items", "additionalProperties", "not"):
        yield from _types(schema.get(holder), f"{path}.{holder}")
    for holder in ("anyOf", "oneOf", "allOf", "prefixItems"):
        inner = schema.get(holder)
        for index, value in enumerate(inner if isinstance(inner, list) else ()):
            yield from _types(value, f"{path}.{holder}[{index}]")


def _shown(steps: list[str]) -> list[str]:
    return [step for step in steps if step != "properties"]


# --- directories -------------------------------------------------------------------------------------------


def save_pool(pool: FunctionPool, directory: Place | str) -> None:
    """Write `pool` into `directory`: specs.parquet, failures.parquet, then pool.json as the sign that it is complete.

    Raises:
        RunError: the directory cannot be written, or holds something that is no pool.
    """
    folder = place(directory)
    names = entries(folder)
    if names and not {"pool.json", "specs.parquet"} & names:
        raise RunError("the folder holds other files", str(folder), "an empty folder, a new one, or an earlier pool")
    try:
        make_directory(folder)
        (folder / "pool.json").unlink(missing_ok=True)
        rows = [{name: str(getattr(spec, name)) for name in _SPEC_FIELDS} for spec in pool.specs]
        write_atomically(folder / "specs.parquet", partial(pq.write_table, pa.Table.from_pylist(rows, schema=SPEC_SCHEMA)))
        failed = [
            {name: value if isinstance(value := getattr(failure, name), int) else str(value) for name in _FAILURE_FIELDS}
            for failure in pool.failures
        ]
        write_atomically(folder / "failures.parquet", partial(pq.write_table, pa.Table.from_pylist(failed, schema=FAILURE_SCHEMA)))
        write_json(folder / "pool.json", _summary(pool))
    except storage_errors() as error:
        raise RunError("the pool cannot be written", str(folder), "a folder that can be written", reason(error)) from None


def _summary(pool: FunctionPool) -> dict[str, Any]:
    reasons = [failure.reason.value for failure in pool.failures]
    return {
        "format": FORMAT,
        "fingerprint": pool.fingerprint,
        "sources": list(pool.sources),
        "functions": len(pool.specs),
        "failures": len(pool.failures),
        "failures_by_reason": {reason: reasons.count(reason) for reason in sorted(set(reasons))},
        "categories": {category: len(pool.in_category(category)) for category in pool.categories},
    }


def load_pool(directory: Place | str) -> FunctionPool:
    """The pool that `save_pool` wrote.

    Raises:
        RunError: no pool there, an unfinished one, or one that was changed or made by another format.
    """
    folder = place(directory)
    fix = "build it with: magnet pool build --source … --out DIR"
    names = entries(folder)
    if not names and not folder.is_dir():
        raise RunError("no such pool folder", str(folder), fix=fix)
    if "pool.json" not in names:
        unfinished = "specs.parquet" in names
        raise RunError("the pool is unfinished" if unfinished else "the folder holds no pool", str(folder), "a folder with pool.json", fix)
    try:
        summary = json.loads((folder / "pool.json").read_text(encoding="utf-8"))
    except ValueError:
        raise RunError("pool.json cannot be read", str(folder), "the file that magnet wrote", fix) from None
    if not isinstance(summary, dict) or summary.get("format") != FORMAT:
        raise RunError("pool.json is not of this format", str(folder), FORMAT, fix)
    pool = _read_tables(folder, tuple(summary.get("sources", ())))
    if pool.fingerprint != summary.get("fingerprint"):
        raise RunError("the pool was changed after it was built", str(folder), f"fingerprint {summary.get('fingerprint')}", fix)
    return pool


def _read_tables(folder: Place, sources: tuple[str, ...]) -> FunctionPool:
    try:
        rows = pq.read_table(whole_file(folder / "specs.parquet"), schema=SPEC_SCHEMA).to_pylist()
        failed = pq.read_table(whole_file(folder / "failures.parquet"), schema=FAILURE_SCHEMA).to_pylist()
    except (OSError, pa.ArrowException) as error:
        raise RunError("the pool's tables cannot be read", str(folder), fix=str(error).splitlines()[0]) from None
    specs = tuple(FunctionSpec(**{**row, "effect": Effect(row["effect"])}) for row in rows)
    failures = tuple(Failure(**{**row, "reason": FailureReason(row["reason"])}) for row in failed)
    return FunctionPool(specs=specs, failures=failures, sources=sources)
