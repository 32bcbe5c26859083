"""The jobs' configurations: one frozen record for each job. The mechanism is in `sections`, the policy in `jobs/configs/`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from magnet_ray.sections import ROWS_UNCHANGED, Section, load_section
from magnet_ray.types import compact

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Weight = Annotated[float, Field(ge=0.0)]
Text = Annotated[str, Field(min_length=1)]
# YAML reads a JSON object as a mapping, and so does --set; it is kept as text, whose keys no section has to know.
JsonObject = Annotated[Text, BeforeValidator(lambda value: compact(value) if isinstance(value, dict) else value)]


def _as_range(value: Any) -> Any:
    """One number as a range of one size; a list as the tuple that strict types want."""
    return (value, value) if type(value) is int else tuple(value) if isinstance(value, list) else value


def _ordered(sizes: tuple[int, int] | None) -> tuple[int, int] | None:
    if sizes and sizes[0] > sizes[1]:
        raise ValueError("a number, or [fewest, most]")
    return sizes


Workers = Annotated[int, Field(ge=1, le=4_096)]
WorkerRange = Annotated[tuple[Workers, Workers] | None, BeforeValidator(_as_range), AfterValidator(_ordered)]


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
    directory: Text | None = Field(
        default=None,
        description="A graph that `magnet graph build` made of `pool`, or another run's `graph`, taken as it is; null: build it.",
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
        default=None,
        description="OpenAI-compatible endpoint, such as http://host:8000/v1; null: OPENAI_BASE_URL, else OpenAI's own.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    api_key_env: Text | None = Field(
        default=None, description="Environment variable that holds the key; null: OPENAI_API_KEY.", json_schema_extra={ROWS_UNCHANGED: True}
    )
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
        default=None,
        description="Most requests that one worker keeps in flight; fewer while the endpoint pushes back. null: 64.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    timeout: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Seconds that one request may take; null: 120.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    input_price: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="Price of a million tokens read; null: 0.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    output_price: Annotated[float, Field(ge=0)] | None = Field(
        default=None, description="Price of a million tokens written; null: 0.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    extra_body: JsonObject | None = Field(
        default=None, description="JSON object of keys added to every request, such as vLLM's chat_template_kwargs."
    )


class RolesConfig(Section):
    """Models of single roles, where they differ from `teacher.model`: the same keys as there."""

    judge: RoleConfig | None = Field(default=None, description="Judges whether one function's output serves another's input.")
    back_translator: RoleConfig | None = Field(default=None, description="Writes what the user says.")
    forth_translator: RoleConfig | None = Field(default=None, description="Fills in the calls from what the user says.")
    responder: RoleConfig | None = Field(default=None, description="Plays the assistant.")
    error_judge: RoleConfig | None = Field(default=None, description="Reads closing messages; null: rules alone do.")


class RequestsConfig(Section):
    """What is done about requests that fail."""

    retries: int = Field(
        default=10, ge=0, le=1_000, description="Times that a failed request is sent again.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    backoff: float = Field(
        default=0.5,
        gt=0,
        description="Seconds before the first retry, on average; doubled each time.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    backoff_max: float = Field(
        default=30.0,
        gt=0,
        description="Longest wait before a retry, unless the server asks for more.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
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
    min_replicas: int = Field(default=1, ge=0, le=4_096, description="Fewest replicas.", json_schema_extra={ROWS_UNCHANGED: True})
    max_replicas: int = Field(default=1, ge=1, le=4_096, description="Most replicas.", json_schema_extra={ROWS_UNCHANGED: True})
    ongoing_requests: int = Field(
        default=64,
        ge=1,
        le=100_000,
        description="Requests a replica should have in flight; more bring another replica.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    engine: JsonObject | None = Field(default=None, description="JSON object of further vLLM engine arguments.")
    bundle: JsonObject | None = Field(
        default=None, description="JSON object of what a replica reserves; null: one GPU.", json_schema_extra={ROWS_UNCHANGED: True}
    )


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
    workers: WorkerRange = Field(
        default=None,
        description="Workers that hold conversations in flight, or [fewest, most]: more while all are busy; null: one for each CPU.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    conversations: int = Field(
        default=512,
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


class ClusterConfig(Section):
    """Where a job runs. Nothing here changes what comes of it."""

    address: Text | None = Field(
        default=None, description="Cluster to join (`auto`, HOST:PORT); null: start one here.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    num_cpus: Annotated[int, Field(ge=1, le=4_096)] | None = Field(
        default=None, description="CPUs of a cluster started here; null: all.", json_schema_extra={ROWS_UNCHANGED: True}
    )


class RayConfig(ClusterConfig):
    """Where a job of shards runs. Nothing here changes a row."""

    max_cpus: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None,
        description="CPUs that the work may take of a cluster that grows; null: all, and it is cut for those there are at the start.",
        json_schema_extra={ROWS_UNCHANGED: True},
    )
    shard_log: bool | None = Field(
        default=None,
        description="Log a line of JSON on stderr for each shard; null: in a submitted job.",
        json_schema_extra={ROWS_UNCHANGED: True},
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
    pool: Text | None = Field(
        default=None, description="A pool that `magnet pool build` made, or another run's `pool`, taken as it is in place of sources."
    )
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


class PairMixConfig(Section):
    """Weights of the groups of pairs (paper, section 4.1); only ratios matter."""

    single_turn: Weight = Field(default=1_556, description="Single, parallel and multiple together.")
    multi_turn: Weight = Field(default=2_250, description="Multi-turn with and without a missing function or value.")
    irrelevance: Weight = Field(default=750, description="No offered function can serve.")


class DistillConfig(Section):
    """`magnet distill`: from a finished run to preference pairs."""

    run: Text = Field(default="runs/a", description="A finished run of `magnet synthesize`, as for --run.")
    num: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Rows of the run to use, from its beginning; null: all.")
    seed: int = Field(default=1, ge=0, lt=2**63, description="Seed of everything random.")
    student: RoleConfig | None = Field(default=None, description="Model that makes the mistakes; null: rules make them.")
    rollouts: int = Field(default=10, ge=1, le=1_000, description="Rollouts of the student for each row.")
    max_rounds: int = Field(default=8, ge=1, le=100, description="Rounds of calls that one turn may take.")
    hinted: bool = Field(default=True, description="Have the teacher's responder repeat the student's mistakes in its own words.")
    extent: Literal["turn", "trajectory"] = Field(default="trajectory", description="How far the rejected side goes.")
    fill: bool = Field(default=False, description="Have rules make the kinds of mistakes that the student did not make.")
    balance: bool = Field(default=True, description="Leave pairs out until the groups and the error types are in proportion.")
    mix: PairMixConfig = Field(default=PairMixConfig(), description="Weights of the groups of pairs.")
    teacher: TeacherConfig = Field(default=TeacherConfig(), description="Who plays the responder and the error judge.")
    ray: RayConfig = Field(default=RayConfig(), description="Where it runs.")
    failure_budget: Share = Field(
        default=0.9, description="Share of rows without a pair above which the job fails.", json_schema_extra={ROWS_UNCHANGED: True}
    )
    isolation: IsolationConfig = Field(default=IsolationConfig(), description="Limits on foreign code.")


def load_config(file: Path | str | None = None, sets: Sequence[str] = (), overrides: Mapping[str, Any] | None = None) -> SynthesizeConfig:
    """The configuration of `magnet synthesize`; see `load_section`."""
    return load_section(SynthesizeConfig, file, sets, overrides)
