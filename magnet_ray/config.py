"""Job configurations: one frozen record for each job, from YAML and `--set a.b=c`.

Unknown keys are refused with the nearest valid key named; a wrong type or a value out of range is one line
that says what, got and expected. Later sources win: defaults, file, `--set`, the command line's own options.
The mechanism is here, the policy is in `jobs/configs/`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import ErrorDetails

from magnet_ray.errors import ConfigError

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0)]
Text = Annotated[str, Field(min_length=1)]

ROWS_UNCHANGED = "rows_unchanged"
"""Mark of a field that may differ between a run and its resumption."""


class Section(BaseModel):
    """A part of a configuration: strict types, no unknown keys, frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)


class MixConfig(Section):
    """Weights of the kinds of conversation (paper, section 4.1); only ratios matter, quotas are dealt out by path index."""

    single_turn: Weight = Field(default=20_000, description="Single, parallel and multiple together.")
    multi_turn: Weight = Field(default=7_800, description="Multi-turn, miss_func and miss_params together.")
    irrelevance: Weight = Field(default=6_200, description="Requests that no offered function can serve.")
    single: Weight = Field(default=1, description="Within single_turn: one function, called once.")
    parallel: Weight = Field(default=1, description="Within single_turn: several calls at once.")
    multiple: Weight = Field(default=1, description="Within single_turn: one call, several functions offered.")
    complete: Weight = Field(default=2, description="Within multi_turn: conversations that lack nothing.")
    miss_func: Weight = Field(default=1, description="Within multi_turn: conversations in which a function is missing.")
    miss_params: Weight = Field(default=1, description="Within multi_turn: conversations in which a value is missing.")

    @model_validator(mode="after")
    def something_to_make(self) -> Self:
        groups = {
            "single_turn": self.single + self.parallel + self.multiple,
            "multi_turn": self.complete + self.miss_func + self.miss_params,
            "irrelevance": 1.0,
        }
        if not any(getattr(self, name) for name in groups):
            raise ValueError("at least one weight above 0")
        for name, inner in groups.items():
            if getattr(self, name) and not inner:
                raise ValueError(f"a weight above 0 within {name}")
        return self


class PathsConfig(Section):
    """Walks over the graph (paper, section 3.1)."""

    steps: int = Field(default=7, ge=2, le=20, description="Functions of a walk before the node operations: the paper's S.")


class MergeConfig(Section):
    """Merge: consecutive turns become one request with several intents."""

    enabled: bool = Field(default=True, description="Whether to merge at all.")
    probability: Share = Field(default=0.3, description="Chance that a turn joins the one before it.")
    max_functions: int = Field(default=3, ge=2, le=6, description="Most functions that a merged turn asks for.")


class InsertConfig(Section):
    """Insert: a nested function that the query does not mention, in the same turn or in a later one."""

    enabled: bool = Field(default=True, description="Whether to insert at all.")
    probability: Share = Field(default=0.8, description="Chance that a turn gets a nested function, when a neighbour fits.")
    long_probability: Share = Field(default=0.4, description="Chance that an insertion goes into a later turn (long dependency).")


class SplitConfig(Section):
    """Split: a turn that lacks its function or a value, completed by the next turn."""

    enabled: bool = Field(default=True, description="Whether to make miss_func and miss_params; off: those paths become multi_turn.")


class RepeatConfig(Section):
    """Repeat: one function over several entities in one turn."""

    enabled: bool = Field(default=True, description="Whether to repeat at all.")
    probability: Share = Field(default=0.6, description="Chance that a turn has a step with several calls, where it can.")


class OpsConfig(Section):
    """Node operations, in the order in which they are applied (paper, section 3.2)."""

    merge: MergeConfig = Field(default=MergeConfig(), description="Several intents in one turn.")
    insert: InsertConfig = Field(default=InsertConfig(), description="Nested functions, short and long dependency.")
    split: SplitConfig = Field(default=SplitConfig(), description="Missing functions and values.")
    repeat: RepeatConfig = Field(default=RepeatConfig(), description="One function over several entities.")


class GraphConfig(Section):
    """The dependency graph (paper, section 3.1)."""

    judge: Literal["schema", "model"] = Field(
        default="schema", description="`schema`: names, types and descriptions; `model`: the teacher's model judges what that lets through."
    )
    max_candidates: int = Field(default=30, ge=1, le=1_000, description="Candidates of its category that a function is judged against.")
    min_score: Share = Field(default=0.5, description="Judge's confidence from which an output field fills a parameter.")
    verify_scenarios: int = Field(default=3, ge=0, le=100, description="Scenarios in which an edge is executed; 0 keeps the judge's word.")
    min_success_rate: Share = Field(default=0.34, description="Share of those scenarios that must accept the mapped value.")


class ToolsConfig(Section):
    """The tools that a conversation offers."""

    distractors: tuple[Annotated[int, Field(ge=0)], Annotated[int, Field(le=100)]] = Field(
        default=(3, 8), description="Fewest and most functions of the same domain that are offered but not needed."
    )

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.distractors[0] > self.distractors[1]:
            raise ValueError("distractors as [fewest, most]")
        return self


class RetriesConfig(Section):
    """Second chances: first the failed call alone, then its turn, then the path is given up."""

    call: int = Field(default=4, ge=0, le=50, description="Further tries of one call with other values.")
    turn: int = Field(default=2, ge=0, le=20, description="Further tries of a whole turn.")


class VerificationConfig(Section):
    """What a conversation must pass to be kept."""

    near_duplicate: Share = Field(default=0.8, description="MinHash similarity of two conversations from which the later one goes.")
    contamination: Share = Field(default=0.5, description="MinHash similarity to a benchmark's test query from which a row goes.")
    ngram: int = Field(default=13, ge=3, le=50, description="Words in a row shared with a test query that count as contamination.")


class RoleConfig(Section):
    """A model and how it is sampled; a field left null is taken from `teacher.model`."""

    base_url: Text | None = Field(
        default=None, description="OpenAI-compatible endpoint, such as http://host:8000/v1; null: OPENAI_BASE_URL, else OpenAI's own."
    )
    api_key_env: Text | None = Field(default=None, description="Environment variable that holds the key; null: OPENAI_API_KEY.")
    name: Text | None = Field(default=None, description="Name of the model, as the endpoint knows it.")
    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(
        default=None, description="Sampling temperature; null: the endpoint's own."
    )
    top_p: Annotated[float, Field(gt=0, le=1)] | None = Field(default=None, description="Nucleus sampling; null: the endpoint's own.")
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Most tokens of one answer; null: 2048.")
    structured: Literal["json_schema", "json_object", "none"] | None = Field(
        default=None, description="How the endpoint holds an answer to a JSON Schema; `none`: by asking. null: json_schema."
    )
    concurrency: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="Most requests that one worker keeps in flight; fewer while the endpoint pushes back. null: 64."
    )
    timeout: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Seconds that one request may take; null: 120.")
    input_price: Annotated[float, Field(ge=0)] | None = Field(default=None, description="Price of a million tokens read; null: 0.")
    output_price: Annotated[float, Field(ge=0)] | None = Field(default=None, description="Price of a million tokens written; null: 0.")
    extra_body: Text | None = Field(
        default=None, description="JSON object text added to every request, such as vLLM's chat_template_kwargs."
    )


class RolesConfig(Section):
    """Models of single roles, where they differ from `teacher.model`: the same keys as there."""

    judge: RoleConfig | None = Field(default=None, description="Judges whether one function's output serves another's input.")
    back_translator: RoleConfig | None = Field(default=None, description="Writes what the user says.")
    forth_translator: RoleConfig | None = Field(default=None, description="Fills in the calls from what the user says.")
    responder: RoleConfig | None = Field(default=None, description="Plays the assistant.")
    error_judge: RoleConfig | None = Field(default=None, description="Finds what is wrong with a turn.")


class RequestsConfig(Section):
    """What is done about requests that fail."""

    retries: int = Field(default=10, ge=0, le=1_000, description="Times that a failed request is sent again.")
    backoff: float = Field(default=0.5, gt=0, description="Seconds before the first retry, on average; doubled each time.")
    backoff_max: float = Field(default=30.0, gt=0, description="Longest wait before a retry, unless the server asks for more.")
    reasks: int = Field(default=2, ge=0, le=20, description="Times that a model is shown what was wrong with its answer.")


class BudgetConfig(Section):
    """What a run may use up before it stops; it can be resumed with more."""

    tokens: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Tokens read and written; null: no limit.")
    cost: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Money, in the currency of the prices; null: no limit.")
    seconds: Annotated[float, Field(gt=0)] | None = Field(default=None, description="Wall time of this process; null: no limit.")


class PositivesConfig(Section):
    """Hinted rollouts that become the positive trajectories (paper, section 3.4)."""

    attempts: int = Field(
        default=1, ge=0, le=100, description="Rollouts of a conversation, the best kept; 0: the planned calls with written replies."
    )
    max_rounds: int = Field(default=8, ge=1, le=100, description="Rounds of calls that one turn may take.")


class VllmConfig(Section):
    """Replicas of the teacher in the same Ray cluster, for `kind: vllm`."""

    model: Text | None = Field(default=None, description="Checkpoint: a directory, or a name that vLLM can fetch.")
    min_replicas: int = Field(default=1, ge=0, le=4_096, description="Fewest replicas.")
    max_replicas: int = Field(default=1, ge=1, le=4_096, description="Most replicas.")
    ongoing_requests: int = Field(
        default=64, ge=1, le=100_000, description="Requests a replica should have in flight; more bring another replica."
    )
    engine: Text | None = Field(default=None, description="JSON object text of further vLLM engine arguments.")
    bundle: Text | None = Field(default=None, description="JSON object text of what a replica reserves; null: one GPU.")


class TeacherConfig(Section):
    """Who writes the words."""

    kind: Literal["template", "openai", "vllm"] = Field(
        default="template",
        description="`template`: embedded, deterministic, no model; `openai`: any compatible endpoint; `vllm`: replicas in the cluster.",
    )
    model: RoleConfig = Field(default=RoleConfig(), description="The model of every role.")
    roles: RolesConfig = Field(default=RolesConfig(), description="Models of single roles.")
    requests: RequestsConfig = Field(default=RequestsConfig(), description="Failed requests.")
    budget: BudgetConfig = Field(default=BudgetConfig(), description="What a run may use up.", json_schema_extra={ROWS_UNCHANGED: True})
    cache: Text | None = Field(
        default=None,
        description="Directory of the responses, for several runs to share; null: `responses` in the run directory.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    workers: Annotated[int, Field(ge=1, le=4_096)] | None = Field(
        default=None,
        description="Workers that hold conversations in flight; null: one for each CPU.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    conversations: int = Field(
        default=256,
        ge=1,
        le=100_000,
        description="Conversations that one worker keeps in flight.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    forth_check: bool = Field(
        default=True, description="Have the forth-translator fill in each call, and word the turn again where it differs."
    )
    positives: PositivesConfig = Field(default=PositivesConfig(), description="Hinted rollouts.")
    vllm: VllmConfig = Field(default=VllmConfig(), description="Replicas in the cluster.")


class RayConfig(Section):
    """Where the job runs. Nothing here changes a row."""

    address: Text | None = Field(
        default=None, description="Cluster to join (`auto`, `ray://…`); null: start one here.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    num_cpus: Annotated[int, Field(ge=1, le=4_096)] | None = Field(
        default=None, description="CPUs of a cluster started here; null: all.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    shard_size: int = Field(
        default=100, ge=1, le=100_000, description="Paths of one shard: the unit of work and of resumption, fixed for a run directory."
    )


class IsolationConfig(Section):
    """Limits on the subprocesses that execute functions which are not ours."""

    call_seconds: float = Field(default=5.0, gt=0, le=3_600, description="Longest that one call may take, in seconds.")
    memory_mb: int = Field(default=512, ge=64, le=1_048_576, description="Most address space of one subprocess beyond its start, in MiB.")


class SynthesizeConfig(Section):
    """`magnet synthesize`: from sources of functions to verified conversations."""

    sources: tuple[Text, ...] = Field(default=("builtin",), min_length=1, description="Sources of functions, as for --source.")
    num: int = Field(default=1_000, ge=1, le=100_000_000, description="Paths to attempt; rows kept + failures = num.")
    seed: int = Field(default=1, ge=0, lt=2**63, description="Seed of everything random.")
    mix: MixConfig = Field(default=MixConfig(), description="Weights of the kinds of conversation.")
    paths: PathsConfig = Field(default=PathsConfig(), description="Walks over the graph.")
    ops: OpsConfig = Field(default=OpsConfig(), description="Node operations.")
    graph: GraphConfig = Field(default=GraphConfig(), description="The dependency graph.")
    tools: ToolsConfig = Field(default=ToolsConfig(), description="Offered tools.")
    retries: RetriesConfig = Field(default=RetriesConfig(), description="Second chances of a failed call.")
    verification: VerificationConfig = Field(default=VerificationConfig(), description="What is kept.")
    teacher: TeacherConfig = Field(default=TeacherConfig(), description="Who writes the words.")
    ray: RayConfig = Field(default=RayConfig(), description="Where it runs.")
    failure_budget: Share = Field(
        default=0.2, description="Share of failed paths above which the job fails.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    isolation: IsolationConfig = Field(default=IsolationConfig(), description="Limits on foreign code.")


def load_config(file: Path | str | None = None, sets: Sequence[str] = (), overrides: Mapping[str, Any] | None = None) -> SynthesizeConfig:
    """The configuration of a job from a YAML file, `a.b=c` texts and the command line's own options.

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
    return parse_config(tree, places)


def parse_config(tree: Mapping[str, Any], places: Mapping[str, str] | None = None) -> SynthesizeConfig:
    """A configuration from plain values, as `config_values` gives them and a manifest holds them.

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
        return SynthesizeConfig.model_validate_json(text)
    except ValidationError as error:
        raise _as_config_error(error, places or {}) from None


def config_values(config: SynthesizeConfig) -> dict[str, Any]:
    """The configuration as plain JSON values."""
    values: dict[str, Any] = config.model_dump(mode="json")
    return values


def config_differences(first: SynthesizeConfig, second: SynthesizeConfig) -> tuple[str, ...]:
    """Dotted keys in which two configurations differ so that one cannot resume the other's run.

    Keys that change no row (where Ray runs, the failure budget) may differ.
    """
    ours, theirs = dict(_leaves(first)), dict(_leaves(second))
    return tuple(key for key in ours if ours[key] != theirs[key])


def describe_keys() -> tuple[tuple[str, str, str], ...]:
    """Every key with its default as text and its meaning, for `--help` and the documentation."""
    return tuple(_describe(SynthesizeConfig, ""))


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


def _as_config_error(error: ValidationError, places: Mapping[str, str]) -> ConfigError:
    details = error.errors()
    # An unknown key explains more than the value errors that it may have caused.
    first = min(details, key=lambda detail: detail["type"] != "extra_forbidden")
    key = ".".join(str(part) for part in first["loc"] if not isinstance(part, int))
    place = next(
        (words for given, words in reversed(list(places.items())) if f"{key}.".startswith(f"{given}.") or given.startswith(f"{key}.")), ""
    )
    more = f"({len(details) - 1} more to fix)" if len(details) > 1 else ""
    if first["type"] == "extra_forbidden":
        return ConfigError(f"{key}{place} is not a configuration key", fix=f"{_nearest(key)} {more}".strip())
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


def _nearest(key: str) -> str:
    known = [name for name, _, _ in describe_keys()]
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
