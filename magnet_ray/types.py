"""The records, in the order in which data flows. Standard library and orjson only.

Invariants: records are frozen; collections are tuples; ids are content hashes; JSON Schemas and call
arguments travel as JSON *text*, because Arrow merges dictionaries. States and outputs are canonical text
(sorted keys); schemas and arguments keep the order in which they were declared, as a model should see them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from hashlib import blake2b
from typing import Any

import orjson

JsonValue = Any
"""A value that JSON can hold: null, bool, int, float, str, list or dict with string keys."""


# For what orjson refuses: integers beyond 64 bits, keys that are no text, lone surrogates.
_CANONICAL = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False)
_COMPACT = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False)
_JSON_TYPES_ONLY = orjson.OPT_PASSTHROUGH_DATACLASS | orjson.OPT_PASSTHROUGH_DATETIME


def canonical(value: JsonValue) -> str:
    """`value` as canonical JSON text: sorted keys, no spaces, non-ASCII kept."""
    try:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS | _JSON_TYPES_ONLY).decode()
    except TypeError:
        return _CANONICAL.encode(value)


def compact(value: JsonValue) -> str:
    """`value` as JSON text without spaces, keys in their own order: what a model reads and writes."""
    try:
        return orjson.dumps(value, option=_JSON_TYPES_ONLY).decode()
    except TypeError:
        return _COMPACT.encode(value)


def content_id(*parts: object) -> str:
    """A 16-digit hexadecimal id, the BLAKE2b hash of the parts' canonical JSON."""
    return blake2b(canonical([str(part) for part in parts]).encode(), digest_size=8).hexdigest()


@lru_cache(maxsize=8_192)
def parsed(text: str) -> Any:
    """The value of a JSON text, parsed once and shared: never change what this returns."""
    return json.loads(text)


class Effect(StrEnum):
    """What executing a function was seen to do to its environment's state."""

    READ = "read"
    WRITE = "write"
    UNKNOWN = "unknown"


class Category(StrEnum):
    """The kind of conversation, as in the training mix (paper, section 4.1)."""

    SINGLE = "single"
    PARALLEL = "parallel"
    MULTIPLE = "multiple"
    MULTI_TURN = "multi_turn"
    MISS_FUNC = "miss_func"
    MISS_PARAMS = "miss_params"
    IRRELEVANCE = "irrelevance"


class EdgeKind(StrEnum):
    """How a source's output serves a target (paper, section 3.1)."""

    FULL = "full"
    PARTIAL = "partial"
    PREREQUISITE = "prerequisite"


class Operation(StrEnum):
    """A node operation that changed a path (paper, section 3.2)."""

    MERGE = "merge"
    INSERT_SHORT = "insert_short"
    INSERT_LONG = "insert_long"
    SPLIT_MISS_FUNC = "split_miss_func"
    SPLIT_MISS_PARAMS = "split_miss_params"
    REPEAT = "repeat"


class Miss(StrEnum):
    """What a turn lacks: nothing, its function, or a required value."""

    NONE = ""
    FUNCTION = "miss_func"
    PARAMETER = "miss_params"


class Origin(StrEnum):
    """Where an argument's value came from."""

    QUERY = "query"
    EARLIER_QUERY = "earlier_query"
    OUTPUT = "output"
    STATE = "state"
    DEFAULT = "default"


class ErrorType(StrEnum):
    """What is wrong with a turn (paper, section 3.4)."""

    NESTED_MISSING = "nested_missing"
    """A helper call that the request implies was left out."""
    SHORT_DEPENDENCY = "short_dependency"
    """An argument does not come from the output of the same turn that it depends on."""
    LONG_DEPENDENCY = "long_dependency"
    """An argument does not come from the output of an earlier turn that it depends on."""
    WRONG_SUMMARY = "wrong_summary"
    """The closing message says what no output holds, or leaves out what was asked for."""
    MISS_NOT_RECOGNISED = "miss_not_recognised"
    """Something was missing and the assistant acted as if it were there, or it did not see a function or value that was asked for."""


class FailureReason(StrEnum):
    """Why a path or a specification gave no row."""

    BAD_SPEC = "bad_spec"
    DUPLICATE_SPEC = "duplicate_spec"
    NO_PATH = "no_path"
    NO_VALUE = "no_value"
    CALL_FAILED = "call_failed"
    ENVIRONMENT_FAULT = "environment_fault"
    UNWORDED = "unworded"
    NO_GENUINE_MISS = "no_genuine_miss"
    INVALID_CALL = "invalid_call"
    REPLAY_DIFFERS = "replay_differs"
    PROVENANCE = "provenance"
    IDENTIFIER_LEAK = "identifier_leak"
    NOT_ASKED = "not_asked"
    REPEATED_QUERY = "repeated_query"
    MODEL_UNAVAILABLE = "model_unavailable"
    UNPARSED = "unparsed"
    FORTH_DISAGREES = "forth_disagrees"
    STATE_DIFFERS = "state_differs"
    OUTPUT_MISSED = "output_missed"
    EXTRA_WRITE = "extra_write"
    HINT_LEAK = "hint_leak"
    CALLED_INSTEAD_OF_ASKING = "called_instead_of_asking"
    NOT_ENDED = "not_ended"
    WRONG_SUMMARY = "wrong_summary"
    NOT_WRONG = "not_wrong"
    IMPLAUSIBLE = "implausible"
    UNBALANCED = "unbalanced"
    NEAR_DUPLICATE = "near_duplicate"
    CONTAMINATED = "contaminated"
    UNRENDERED = "unrendered"
    TOO_LONG = "too_long"
    UNEXPECTED = "unexpected"


@dataclass(frozen=True, slots=True, kw_only=True)
class FunctionSpec:
    """One function of a pool, as the model is offered it and as we execute it."""

    name: str
    """Name that the model sees, unique in its pool."""
    description: str
    """What it does, as the model sees it."""
    parameters: str
    """JSON Schema of the arguments: text of an object schema with `properties`."""
    returns: str = ""
    """JSON Schema of the output as text; empty when unknown."""
    category: str
    """Domain that edges and distractors stay within."""
    source: str
    """Source that it came from: `builtin`, `bfcl`, `python:MODULE`, `toolbench:PATH`, `jsonl:PATH`."""
    environment: str
    """Key of the environment that executes it, such as `builtin:dining` or `simulated:Finance`."""
    original_name: str = ""
    """Name inside its environment, when the offered name is another."""
    effect: Effect = Effect.UNKNOWN
    """Whether executing it changed the state; set by observation, never from the name."""

    @property
    def callable_name(self) -> str:
        """Name to execute it under."""
        return self.original_name or self.name

    @property
    def parameter_schema(self) -> Mapping[str, Any]:
        """The parsed object schema of the arguments (shared: do not change)."""
        schema: Mapping[str, Any] = parsed(self.parameters)
        return schema

    @property
    def properties(self) -> Mapping[str, Mapping[str, Any]]:
        """Parameter name -> its JSON Schema, in declared order."""
        properties: Mapping[str, Mapping[str, Any]] = self.parameter_schema.get("properties", {})
        return properties

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the required parameters."""
        return tuple(self.parameter_schema.get("required", ()))

    def names_thing(self, parameter: str) -> bool:
        """Whether a parameter names one thing that a person can refer to again: a text that is no date and no choice."""
        schema = self.properties[parameter]
        return schema.get("type") == "string" and not {"enum", "const", "format"} & schema.keys()

    @property
    def return_schema(self) -> Mapping[str, Any] | None:
        """The parsed schema of the output, or None when unknown (shared: do not change)."""
        return parsed(self.returns) if self.returns else None

    def as_tool(self) -> dict[str, Any]:
        """The specification in OpenAI's tool format."""
        return {
            "type": "function",
            "function": {"name": self.name, "description": self.description, "parameters": dict(self.parameter_schema)},
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMapping:
    """One output field that can fill one parameter."""

    output_path: str
    """Path in the source's output: `reservations[].reservation_id`; the whole output is `$`."""
    parameter: str
    """Parameter of the target."""
    score: float
    """The judge's confidence, 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """A directed dependency: the source's output serves the target (paper, section 3.1)."""

    source: str
    """Name of the function whose output is used."""
    target: str
    """Name of the function that uses it."""
    kind: EdgeKind
    """How the output serves."""
    mappings: tuple[FieldMapping, ...] = ()
    """Which output fields fill which parameters; empty for a prerequisite."""
    score: float = 0.0
    """The judge's confidence, 0 to 1."""
    success_rate: float | None = None
    """Share of sampled scenarios in which the target accepted the mapped values; None when not executed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One function of a turn in a signature path."""

    function: str
    """Name of the function."""
    source_turn: int | None = None
    """Turn whose output should feed it, when an edge was walked or inserted."""
    source_step: int | None = None
    """Step inside that turn."""
    nested: bool = False
    """True when the user's query must not mention it (paper, section 3.2: Insert)."""
    repeats: int = 1
    """How many calls the step makes, over as many entities."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnSignature:
    """The functions of one turn."""

    steps: tuple[Step, ...]
    """Functions in the order of their calls; empty for the turn that Split adds."""
    miss: Miss = Miss.NONE
    """Set on the turn that cannot be carried out yet; the next turn completes it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignaturePath:
    """A function signature path (FSP): what a conversation will do, before any words."""

    id: str
    """Content hash of the run seed and the path's index."""
    index: int
    """Position in the run, 0 to num - 1."""
    seed: int
    """Seed of everything that is random about this path, derived from (run seed, id)."""
    category: Category
    """Kind of conversation to make."""
    domain: str
    """Function category that the path stays in."""
    turns: tuple[TurnSignature, ...]
    """Turns in order."""
    ops: tuple[Operation, ...] = ()
    """Node operations that were applied, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ArgumentOrigin:
    """Where one argument's value came from, so that a reader can find it there."""

    origin: Origin
    """Kind of place."""
    turn: int = 0
    """Turn of the query or of the output."""
    call: int = 0
    """Index of the call inside that turn, for outputs."""
    path: str = ""
    """Path inside the output (`restaurants[2].name`) or the initial state; `$` is the whole."""
    text: str = ""
    """Words in the query that carry the value, for queries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutedCall:
    """One call with what the environment answered."""

    function: str
    """Name of the function, as offered."""
    arguments: str
    """Arguments as JSON text in declared order."""
    output: str
    """Output as canonical JSON text."""
    origins: tuple[tuple[str, ArgumentOrigin], ...] = ()
    """Parameter -> where its value came from."""
    nested: bool = False
    """True when the query does not mention it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatedTurn:
    """One turn in words and executed calls."""

    query: str
    """What the user says."""
    calls: tuple[ExecutedCall, ...]
    """Calls in order; empty when the right move is to answer or ask without one."""
    reply: str
    """What the assistant says at the end of the turn."""
    miss: Miss = Miss.NONE
    """What the turn lacks, if anything."""
    missing: tuple[str, ...] = ()
    """Functions or parameters that are missing."""
    tools_added: tuple[str, ...] = ()
    """Functions that become available with this turn."""
    steps: tuple[tuple[int, ...], ...] = ()
    """Indices of `calls` by round: calls of one round are made in one assistant message."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranslatedPath:
    """A path after back-and-forth translation."""

    path: SignaturePath
    """The path that was translated."""
    scenario_seed: int
    """Seed of the scenario that the calls ran in."""
    environment: str
    """Key of the environment."""
    today: str
    """Date of the scenario (ISO 8601), or empty."""
    offered: tuple[str, ...]
    """Functions that the model is offered from the first turn."""
    turns: tuple[TranslatedTurn, ...]
    """Turns in order."""
    final_state: str
    """State of the environment after the last call, as canonical JSON text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """A verified conversation: one row of a run."""

    id: str
    """The path's id."""
    index: int
    """The path's index."""
    category: Category
    """Kind of conversation."""
    tools: str
    """Offered tools as JSON text (a list in OpenAI's tool format)."""
    tools_added: str
    """JSON text: turn -> list of tools that become available with that turn."""
    messages: str
    """JSON text: OpenAI chat messages with `tool_calls` and `tool` messages. Never holds a hint."""
    reference_calls: str
    """JSON text: per turn, the list of {name, arguments, nested}."""
    provenance: str
    """JSON text: per turn, per call, parameter -> origin."""
    ops: tuple[str, ...]
    """Node operations of the path."""
    domains: tuple[str, ...]
    """Domains of the functions that were called or asked for."""
    source: str
    """Source of the functions, without its path."""
    environment: str
    """Key of the environment that replays it."""
    scenario_seed: int
    """Seed of the scenario."""
    final_state: str
    """JSON text of the environment's state at the end."""
    num_turns: int
    """User turns."""
    num_calls: int
    """Function calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """A path or a specification that gave no row, kept beside the data."""

    id: str
    """Id of the path, or name of the specification."""
    index: int
    """Index of the path or position of the specification."""
    stage: str
    """Stage that gave up: pool, path, translation, verification, duplicates."""
    reason: FailureReason
    """Why."""
    detail: str
    """One line for a reader."""
    category: str = ""
    """Category of conversation that was attempted."""
    raw: str = ""
    """What a model emitted, byte for byte, when that is what failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SftExample:
    """One training example: messages, tools and where the loss starts."""

    id: str
    """The trajectory's id, with a suffix when a row gives two examples."""
    messages: str
    """JSON text of the messages."""
    tools: str
    """JSON text of the tools offered."""
    loss_from: int
    """Index of the first message whose assistant text is trained on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencePair:
    """A right and a wrong continuation of one conversation (paper, section 3.4)."""

    id: str
    """Content hash of the pair."""
    path_id: str
    """Id of the trajectory that it was made from."""
    index: int = 0
    """Position of that trajectory in its run."""
    category: Category
    """Kind of conversation."""
    tools_chosen: str
    """JSON text of the tools offered on the chosen side."""
    tools_rejected: str
    """JSON text of the tools offered on the rejected side."""
    prompt: str
    """JSON text: messages that both sides share."""
    chosen: str
    """JSON text: messages that follow on the right side."""
    rejected: str
    """JSON text: messages that follow on the wrong side."""
    divergence_turn: int
    """User turn in which the sides part."""
    error_type: ErrorType
    """What is wrong with the rejected side."""
    source: str
    """Who made the rejected side: `student`, `hinted` or `rule`."""
    extent: str
    """How far the rejected side goes: to the end of its `turn`, or of the `trajectory`."""
