"""The engine `vllm`: replicas through `ray.serve.llm`, configured from the checkpoint's own files.

The template says how calls are read and demanded, and travels along, for it may not be the tokenizer's own; an adapter is loaded
beside its base; the context is the checkpoint's. Replicas share requests by how their prompts begin.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from tempfile import gettempdir
from typing import Any, Final

from ray.serve import Application

from magnet_ray.checkpoint_places import fetched
from magnet_ray.errors import ConfigError
from magnet_ray.places import place
from magnet_ray.render.renderer import load_renderer
from magnet_ray.serving.app import MODEL, QUIET, STARTS, scaling
from magnet_ray.serving.call_openings import call_opening
from magnet_ray.serving.checkpoint_files import adapter_of, base_of, context_length, tokenizer_of
from magnet_ray.serving.emitted import in_thought
from magnet_ray.serving.settings import ServeConfig, served_name
from magnet_ray.serving.teacher import PREFIX_ROUTER
from magnet_ray.serving.vllm_answers import Reading

SETTINGS: Final = "magnet"
"""Where in an `LLMConfig` the replica finds what only it reads."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplicaSettings:
    """What a replica needs to know beside its `LLMConfig`."""

    served: str
    """Name of the model, or of the adapter where there is one."""
    template: str
    """Jinja text of the chat template."""
    reading: Reading
    """How calls are written."""
    adapter: str | None
    """Directory of the adapter."""
    longest: int | None
    """Most tokens of an answer where a request names none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """What vLLM has to know of a model."""

    base: str
    """The whole checkpoint."""
    adapter: str | None
    """Directory of the adapter beside it."""
    rank: int
    """Rank of the adapter."""
    template: str
    """Jinja text of the chat template."""
    reading: Reading
    """How it writes calls."""
    context: int
    """Most tokens of prompt and answer."""


def read_checkpoint(config: ServeConfig) -> Checkpoint:
    """What the files of `config.model` say.

    Raises:
        ModelError: there is no tokenizer, or no chat template for tools.
        ConfigError: the context asked for is longer than the checkpoint's.
    """
    model = str(config.model)
    adapter, base = adapter_of(model), base_of(model)
    renderer = load_renderer(tokenizer_of(model))
    template, abilities = renderer.template, renderer.template.abilities
    longest = context_length(import_module("transformers").AutoConfig.from_pretrained(fetched(base, weights=False)))
    if config.context_length is not None and config.context_length > longest:
        raise ConfigError("context_length", config.context_length, f"at most {longest}, which the checkpoint's positions reach")
    return Checkpoint(
        base=base,
        adapter=str(place(model).absolute()) if adapter is not None else None,
        rank=int(adapter.get("r", 16)) if adapter is not None else 0,
        template=template.text,
        reading=Reading(
            form=template.form,
            thinks=abilities.thinks,
            in_thought=in_thought(template),
            several=abilities.several_calls,
            opening=call_opening(renderer),
        ),
        context=config.context_length or longest,
    )


def vllm_replicas(config: ServeConfig) -> Application:
    """Replicas of vLLM behind the methods that `RemoteEngine` calls.

    Raises:
        ConfigError, ModelError: settings or a checkpoint that vLLM cannot use.
    """
    from ray.serve.llm import LLMConfig, build_llm_deployment

    from magnet_ray.serving.vllm_chat_replica import VllmChatReplica

    checkpoint, on_cpu = read_checkpoint(config), runs_on_cpu()
    name = served_name(config)
    bundle = _parsed(config.vllm.bundle) or ({"CPU": 1} if on_cpu else {})
    ours = ReplicaSettings(
        served=name,
        template=checkpoint.template,
        reading=checkpoint.reading,
        adapter=checkpoint.adapter,
        longest=config.limits.max_tokens,
    )
    try:
        settings = LLMConfig(
            # An adapter has the name that clients ask for; its base needs another.
            model_loading_config={"model_id": f"{name}-base" if checkpoint.adapter else name, "model_source": checkpoint.base},
            engine_kwargs=engine_arguments(checkpoint, config.replicas.max_ongoing, on_cpu) | _parsed(config.vllm.engine),
            placement_group_config={"bundles": [bundle]} if bundle else None,
            deployment_config=_options(config, bundle),
            experimental_configs={"stream_batching_interval_ms": 0, SETTINGS: ours},
        )
        return build_llm_deployment(
            settings,
            deployment_cls=VllmChatReplica,
            override_serve_options={"name": MODEL, "logging_config": QUIET},
        )
    except (ValueError, TypeError) as error:
        # pydantic's own errors are ValueErrors.
        raise ConfigError("the engine vllm cannot be configured", str(error), fix="see vllm.engine and vllm.bundle") from None


def engine_arguments(checkpoint: Checkpoint, requests: int, on_cpu: bool) -> dict[str, Any]:
    """vLLM's engine arguments for a checkpoint, `requests` of which may be under way at once."""
    arguments: dict[str, Any] = {
        "max_model_len": checkpoint.context,
        "chat_template": str(template_file(checkpoint.template)),
        "enable_prefix_caching": True,
        # A small model spends its tokens on blanks where the grammar lets it.
        "structured_outputs_config": {"backend": "xgrammar", "disable_any_whitespace": True},
    }
    if checkpoint.adapter:
        arguments |= {"enable_lora": True, "max_lora_rank": _lora_rank(checkpoint.rank), "max_loras": 1}
    if on_cpu:
        arguments |= {
            # Fastest on a CPU, together with no compilation.
            "dtype": "float32",
            "enforce_eager": True,
            "distributed_executor_backend": "mp",
            "max_num_seqs": requests,
            "kv_cache_memory_bytes": 1 << 30,
            # vLLM 0.32 on a CPU: a request with a `seed` whose prompt is read in chunks kills the engine.
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": checkpoint.context,
        }
    return arguments


def template_file(text: str) -> Path:
    """Where a replica keeps a template for vLLM, which takes a file; its name follows from the text."""
    return Path(gettempdir()) / f"magnet-template-{sha256(text.encode()).hexdigest()[:16]}.jinja"


def runs_on_cpu() -> bool:
    """Whether the vLLM that is installed here is one for CPUs."""
    return bool(import_module("vllm.platforms").current_platform.is_cpu())


def _options(config: ServeConfig, bundle: Mapping[str, Any]) -> dict[str, Any]:
    options = scaling(config) | {"max_constructor_retry_count": STARTS}
    if "CPU" in bundle:
        # Otherwise the replica adds a CPU of its own to the bundle.
        options["ray_actor_options"] = {"num_cpus": 0}
    if config.replicas.max > 1:
        # The router's own default never gives up a prefix for an idle replica, and keeps every prompt for ever.
        routing = {"imbalanced_threshold": max(1, config.replicas.target_ongoing // 8), "do_eviction": True}
        options["request_router_config"] = {"request_router_class": PREFIX_ROUTER, "request_router_kwargs": routing}
    return options


def _lora_rank(rank: int) -> int:
    """The smallest of the ranks that vLLM knows which holds an adapter's."""
    return next((known for known in (8, 16, 32, 64, 128, 256, 320, 512) if rank <= known), rank)


def _parsed(text: str | None) -> dict[str, Any]:
    try:
        value = json.loads(text or "{}")
    except json.JSONDecodeError as error:
        raise ConfigError(f"vllm: {error}", text, "the text of a JSON object") from None
    if not isinstance(value, dict):
        raise ConfigError("vllm", text, "the text of a JSON object")
    return value
