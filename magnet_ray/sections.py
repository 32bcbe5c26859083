"""How a job is configured: frozen sections of keys, from YAML and `--set a.b=c`.

Unknown keys are refused with the nearest valid key named; a wrong type or a value out of range is one line
that says what, got and expected. Later sources win: defaults, file, `--set`, the command line's own options.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from magnet_ray.errors import ConfigError

ROWS_UNCHANGED = "rows_unchanged"
"""Mark of a field that may differ between a run and its resumption."""


class Section(BaseModel):
    """A part of a configuration: strict types, no unknown keys, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


Kind = TypeVar("Kind", bound=Section)


def load_section(
    kind: type[Kind], file: Path | str | None = None, sets: Sequence[str] = (), overrides: Mapping[str, Any] | None = None
) -> Kind:
    """A configuration of a kind from a YAML file, `a.b=c` texts and the command line's own options.

    `overrides` maps dotted keys to values; None means "not given". Values of `sets` are read as YAML.

    Raises:
        ConfigError: one line about the first key or value that cannot be used.
    """
    tree = _read_yaml(Path(file)) if file is not None else {}
    places = {key: f" in {Path(file).name}" for key in tree} if file is not None else {}
    for text in sets:
        key, value = _parse_set(text)
        _put(tree, key, value)
        places[key] = " in --set"
    for key, value in (overrides or {}).items():
        if value is not None:
            _put(tree, key, list(value) if isinstance(value, tuple) else value)
            places[key] = f" in --{'source' if key == 'sources' else key}"
    return parse_section(kind, tree, places)


def parse_section(kind: type[Kind], tree: Mapping[str, Any], places: Mapping[str, str] | None = None) -> Kind:
    """A configuration of a kind from plain values, as `section_values` gives them and a manifest holds them.

    `places` maps a key to the words that say where it was given.

    Raises:
        ConfigError: one line about the first key or value that cannot be used.
    """
    try:
        text = json.dumps(tree, default=str)
    except (ValueError, TypeError, RecursionError) as error:
        raise ConfigError("the configuration holds a value that JSON cannot", str(error)) from None
    try:
        # As JSON, so that strict types still take a list where a tuple is declared.
        return kind.model_validate_json(text)
    except ValidationError as error:
        raise _as_config_error(error, places or {}, kind) from None


def section_values(config: Section) -> dict[str, Any]:
    """The configuration as plain JSON values."""
    values: dict[str, Any] = config.model_dump(mode="json")
    return values


def section_differences(first: Section, second: Section) -> tuple[str, ...]:
    """Dotted keys in which two configurations differ so that one cannot resume the other's run.

    Keys that change no row (where Ray runs, the failure budget) may differ.
    """
    ours, theirs = dict(_leaves(first)), dict(_leaves(second))
    # A section that may be left out altogether has keys on one side only.
    return tuple(key for key in {**ours, **theirs} if ours.get(key) != theirs.get(key))


def section_changes(then: Section, now: Section) -> str:
    """The keys in which a configuration differs from the one that a run began with, with both values; empty where it may go on."""
    before, after = section_values(then), section_values(now)
    return "; ".join(f"{key} was {_at(before, key)}, is {_at(after, key)}" for key in section_differences(then, now))


def _at(values: Mapping[str, Any], key: str) -> str:
    value: Any = values
    for part in key.split("."):
        value = None if value is None else value[part]
    return json.dumps(value)


def describe_section(kind: type[Section]) -> tuple[tuple[str, str, str], ...]:
    """Every key of a configuration with its default as text and its meaning, for `--help` and the documentation."""
    return tuple(_describe(kind, ""))


def _describe(section: type[Section], prefix: str) -> Iterator[tuple[str, str, str]]:
    for name, field in section.model_fields.items():
        inner = _section_of(field.annotation)
        if inner:
            yield from _describe(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", json.dumps(field.default), field.description or ""


def _section_of(annotation: object) -> type[Section] | None:
    return annotation if isinstance(annotation, type) and issubclass(annotation, Section) else None


def _leaves(section: Section, prefix: str = "") -> Iterator[tuple[str, object]]:
    for name, field in type(section).model_fields.items():
        value = getattr(section, name)
        extra = field.json_schema_extra
        if isinstance(extra, dict) and extra.get(ROWS_UNCHANGED):
            continue
        if isinstance(value, Section):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


class _Loader(yaml.SafeLoader):
    """Safe YAML that refuses a key given twice and reads `1e-3` as a number."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[str] = set()
        for key_node, _ in node.value:
            if isinstance(key_node, yaml.ScalarNode) and key_node.tag != "tag:yaml.org,2002:merge":
                if key_node.value in seen:
                    raise yaml.constructor.ConstructorError(None, None, f"the key {key_node.value!r} is given twice", key_node.start_mark)
                seen.add(key_node.value)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"^[-+]?\d+(\.\d*)?[eE][-+]?\d+$"), list("-+0123456789"))


def _parse_yaml(text: str, what: str) -> Any:
    try:
        return yaml.load(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        place = f"{what}, line {mark.line + 1}" if mark and "\n" in text.strip() else what
        raise ConfigError(f"{place}: {error.problem or 'not YAML'}", expected="valid YAML") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigError(f"{what}: {error}", expected="valid YAML") from None


def _read_yaml(file: Path) -> dict[str, Any]:
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError(f"the configuration file {file} does not exist", fix="check the path given to --config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the configuration file {file} cannot be read", str(error), "a YAML text file") from None
    tree = _parse_yaml(text, file.name)
    if tree is None:
        return {}
    if not isinstance(tree, dict) or not all(isinstance(key, str) for key in tree):
        raise ConfigError(f"the configuration file {file.name} is not a mapping", type(tree).__name__, "lines such as `num: 1000`")
    return tree


def _parse_set(text: str) -> tuple[str, Any]:
    key, equals, value = text.partition("=")
    key = key.strip()
    if not equals or not all(key.split(".")):
        raise ConfigError("--set takes KEY=VALUE", text, "a dotted key and a value, such as ops.merge.enabled=false")
    return key, _parse_yaml(value, f"--set {key}")


def _put(tree: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    for section in sections:
        inner = tree.get(section)
        # A fresh mapping: YAML aliases may share one between two places.
        tree[section] = dict(inner) if isinstance(inner, dict) else {}
        tree = tree[section]
    tree[last] = value


def _as_config_error(error: ValidationError, places: Mapping[str, str], kind: type[Section]) -> ConfigError:
    details = error.errors()
    # An unknown key explains more than the value errors that it may have caused.
    first = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    place = next(
        (words for given, words in reversed(list(places.items())) if f"{key}.".startswith(f"{given}.") or given.startswith(f"{key}.")), ""
    )
    more = f"({len(details) - 1} more to fix)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{key}{place} is not a configuration key", fix=f"{_nearest(key, kind)} {more}".strip())
    return ConfigError(f"{key or 'the configuration'}{place}", _shown(first), _expected(first), more)


def _shown(detail: ErrorDetails) -> str:
    text = json.dumps(detail["input"], ensure_ascii=False, default=str)
    # JSON text as it would be written, not the quoted form that UserError gives to a str.
    return _Verbatim(text if len(text) <= 80 else text[:77] + "...")


class _Verbatim(str):
    """Text whose repr is itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def _expected(detail: ErrorDetails) -> str:
    match detail["type"]:
        case "model_type" | "model_attributes_type":
            return "a section of keys"
        case "missing":
            return "one more value"
        case "tuple_type":
            return "a list"
        case "too_short":
            return "at least one value"
    return detail["msg"].removeprefix("Value error, ").removeprefix("Input should be ")


def _nearest(key: str, kind: type[Section]) -> str:
    known = [name for name, _, _ in describe_section(kind)]
    sections = sorted({".".join(parts[:end]) for name in known for parts in [name.split(".")] for end in range(1, len(parts))})
    last = key.rpartition(".")[2]
    # First the whole key, then the right name in the wrong section (`shard_size`, `merge`).
    by_last = {name.rpartition(".")[2]: name for name in reversed(known + sections)}
    for written, names in ((key, {name: name for name in known + sections}), (last, by_last)):
        if close := get_close_matches(written, names, n=1, cutoff=0.75):
            return f"did you mean {names[close[0]]}?"
    parent = key.rpartition(".")[0]
    siblings = [name.rpartition(".")[2] for name in (*known, *sections) if name.rpartition(".")[0] == parent]
    return f"the keys of {parent} are {', '.join(siblings)}" if parent else f"the keys are {', '.join(siblings)}"
