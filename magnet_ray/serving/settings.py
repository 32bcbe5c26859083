"""How serving is configured: what `magnet serve`, `serve deploy` and a RayService take alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final, Literal, Self

from pydantic import Field, model_validator

from magnet_ray.config import ClusterConfig, JsonObject, Text
from magnet_ray.sections import Section

PARTS_OF_A_RUN: Final = frozenset({"model", "adapter"})
"""What a training run's directory holds."""


class HttpConfig(Section):
    """Where requests arrive, when Serve is not running yet."""

    host: Text = Field(default="127.0.0.1", description="Address to listen at; 0.0.0.0 takes requests from other machines.")
    port: int = Field(default=8000, ge=1, le=65_535, description="Port to listen at.")
    haproxy: bool = Field(
        default=False,
        description="HAProxy, which Ray Serve brings, in place of its own proxy, for a Ray that is started here: a third "
        "of the added time, but it opens ports of its own to the network.",
    )


class LimitsConfig(Section):
    """What a client may ask for."""

    max_body_bytes: int = Field(default=4 << 20, ge=1_024, description="Largest request body; a larger one is answered with 413.")
    requests_per_minute: float = Field(
        default=0.0, ge=0.0, description="Requests that a key may send, as a steady rate with a minute's worth at once; 0: no limit."
    )
    max_queued: int = Field(default=256, ge=1, description="Requests that wait for a replica; more are answered with 503.")
    max_tokens: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Longest answer that a request may have; null: what the context has room for."
    )
    seconds: float = Field(default=600.0, gt=0.0, description="Longest time for an answer.")


class ReplicasConfig(Section):
    """Replicas of the model; Serve starts and stops them with the number of requests in flight."""

    min: int = Field(default=1, ge=1, le=4_096, description="Fewest replicas.")
    max: int = Field(default=1, ge=1, le=4_096, description="Most replicas.")
    target_ongoing: int = Field(default=8, ge=1, description="Requests a replica should have in flight; more bring another replica.")
    max_ongoing: int = Field(default=32, ge=1, description="Most requests in flight at a replica; others wait.")
    cpus: float = Field(default=1.0, gt=0.0, description="CPUs of a replica of the engine `transformers`.")
    gpus: float = Field(default=0.0, ge=0.0, description="GPUs of a replica of the engine `transformers`.")

    @model_validator(mode="after")
    def ordered(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min at most max, which is {self.max}")
        return self


class GenerationConfig(Section):
    """How the engine `transformers` makes answers."""

    max_tokens: int = Field(default=1_024, ge=1, description="Longest answer where the request names none.")
    batch: int = Field(default=8, ge=1, le=1_024, description="Requests that are generated together.")
    forced_tries: int = Field(default=3, ge=1, le=20, description="Tries at a call that the request demands, before an error says so.")
    threads: Annotated[int, Field(ge=1)] | None = Field(default=None, description="Threads of torch on a CPU; null: the replica's CPUs.")


class VllmEngineConfig(Section):
    """What the engine `vllm` needs beyond the checkpoint."""

    engine: JsonObject | None = Field(default=None, description="JSON object of vLLM engine arguments; they win over those we derive.")
    bundle: JsonObject | None = Field(default=None, description="JSON object of what a worker reserves; null: a GPU, or a CPU without any.")


class ServeConfig(Section):
    """A model behind OpenAI's API."""

    model: Text | None = Field(default=None, description="Checkpoint or adapter: a directory, or a name that the engine finds.")
    name: Text | None = Field(
        default=None, description="Name that clients ask for; null: that of the training run, or of the checkpoint's directory."
    )
    engine: Literal["auto", "vllm", "transformers"] = Field(
        default="auto", description="`vllm`, `transformers` for a small model, or `auto`: vllm where it is installed."
    )
    api_key_file: Text | None = Field(
        default=None, description="File of API keys, one a line; null: MAGNET_API_KEY, and without it everybody is served."
    )
    context_length: Annotated[int, Field(ge=1)] | None = Field(
        default=None, description="Most tokens of prompt and answer; null: what the checkpoint says."
    )
    gateways: int = Field(default=1, ge=1, le=256, description="Replicas of the part that checks requests; they share the rate limit.")
    drain_seconds: float = Field(default=60.0, gt=0.0, description="How long a replica that goes may finish what it began.")
    http: HttpConfig = Field(default=HttpConfig(), description="Where requests arrive.")
    limits: LimitsConfig = Field(default=LimitsConfig(), description="What a client may ask for.")
    replicas: ReplicasConfig = Field(default=ReplicasConfig(), description="Replicas of the model.")
    generation: GenerationConfig = Field(default=GenerationConfig(), description="The engine `transformers`.")
    vllm: VllmEngineConfig = Field(default=VllmEngineConfig(), description="The engine `vllm`.")
    ray: ClusterConfig = Field(default=ClusterConfig(), description="Where Ray runs.")


def served_name(config: ServeConfig) -> str:
    """The name that clients ask for: that of the training run, or of the checkpoint's directory."""
    parts = Path(str(config.model)).parts
    last = parts[-2:-1] if parts[-1] in PARTS_OF_A_RUN and len(parts) > 1 else parts[-1:]
    return config.name or last[0]
