"""The model of a training worker: loaded whole or sharded, with or without adapters, and written out for others to load."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from huggingface_hub import snapshot_download
from peft import LoraConfig as PeftConfig
from peft import PeftModel, get_peft_model, get_peft_model_state_dict
from safetensors import safe_open
from torch.distributed.fsdp import FSDPModule
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.distributed import DistributedConfig
from transformers.utils import logging as transformers_logging

from magnet_ray.errors import ModelError, RunError
from magnet_ray.render.renderer import load_renderer
from magnet_ray.training.attention import register_segment_attention
from magnet_ray.training.settings import TrainConfig

ADAPTER_FILE, ADAPTER_WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


def check_checkpoint(model: str, max_tokens: int) -> None:
    """Refuse a checkpoint that cannot be trained, before anything is started.

    Raises:
        ModelError: it is an adapter, holds no causal language model, or takes shorter texts than it is to be trained on.
    """
    if (Path(model) / ADAPTER_FILE).exists():
        raise ModelError(
            f"{model} is an adapter",
            expected="a whole checkpoint: with an adapter switched off, the reference would be the model before it was tuned",
            fix=f"merge it first: magnet train merge {model} --out DIR",
        )
    if not Path(model).exists() and (model.count("/") != 1 or model.startswith((".", "/", "~"))):
        raise ModelError(
            f"the checkpoint {model} does not exist", fix="name a directory, or a model of the hub such as Qwen/Qwen2.5-Coder-7B-Instruct"
        )
    try:
        config = AutoConfig.from_pretrained(model).get_text_config()
    except (OSError, ValueError) as error:
        raise ModelError(f"{model} holds no checkpoint that transformers can load", _first_line(error), fix="correct --model") from None
    longest = getattr(config, "max_position_embeddings", None)
    if longest is not None and max_tokens > longest:
        raise ModelError(f"{model} takes texts of up to {longest} tokens", f"max_tokens={max_tokens}", fix=f"--set max_tokens={longest}")


def checkpoint_directory(model: str) -> Path:
    """Where a checkpoint's files lie: itself, or where the hub's client has put them."""
    if Path(model).is_dir():
        return Path(model)
    return Path(snapshot_download(model, allow_patterns=["*.json", "*.safetensors"]))


def load_model(config: TrainConfig, *, bf16: bool, workers: int) -> Any:
    """The model that one worker trains, in float32; frozen weights under an adapter in bfloat16 where it computes so.

    Weights and adapters are the same on all workers. With `fsdp` and several workers each reads its own shard only.
    """
    options: dict[str, Any] = {}
    if config.scaling.sharding == "fsdp" and workers > 1:
        options["distributed_config"] = DistributedConfig(fsdp_size=workers, fsdp_mixed_precision=bf16)
    model = AutoModelForCausalLM.from_pretrained(
        config.model,
        dtype=torch.bfloat16 if bf16 and config.lora.enabled else torch.float32,
        attn_implementation=register_segment_attention(),
        **options,
    )
    model.config.use_cache = False
    if config.lora.enabled:
        # The same adapter on every worker: it starts from random numbers.
        torch.manual_seed(config.seed)
        adapters = PeftConfig(r=config.lora.rank, lora_alpha=config.lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, adapters)
    return model


def put_away(model: Any) -> None:
    """Give the gathered weights of a sharded model up, which after a forward pass without a backward pass still lie in the shards' place.

    An optimizer that is made then would hold those, and its steps would change nothing.
    """
    for module in model.modules():
        if isinstance(module, FSDPModule):
            module.reshard()


def write_model(model: Any, base: str, directory: Path) -> None:
    """Write the model, or its adapter, in Hugging Face's layout and in the type of the checkpoint that it started from.

    Whoever generates with it stops where a turn ends, whatever the checkpoint stopped at.
    Every worker calls it; worker 0 writes. The model is not to be trained any further.
    """
    first = not dist.is_initialized() or dist.get_rank() == 0
    if isinstance(model, PeftModel):
        # Or the adapter finds its base only from where training was started.
        model.active_peft_config.base_model_name_or_path = str(Path(base).resolve()) if Path(base).is_dir() else base
        # By all workers, since the base may be sharded. Its embedding stays as it is, so nobody has to look whether it did.
        model.save_pretrained(str(directory), is_main_process=first, save_embedding_layers=False)
        return
    kind = getattr(AutoConfig.from_pretrained(base), "dtype", None)
    if isinstance(kind, torch.dtype) and kind != model.dtype:
        model = model.to(kind)
    model.config.use_cache = True
    _stop_at(model, load_renderer(base).end_of_turn)
    model.save_pretrained(str(directory), is_main_process=first)


def merge_adapter(adapter: Path, directory: Path, *, base: str | None = None) -> None:
    """Write the checkpoint that a base and its adapter make together, tokenizer included, in the base's type; whole or not at all.

    Args:
        adapter: directory of the adapter.
        directory: where the checkpoint is written.
        base: checkpoint that the adapter was trained on; None: the one that it names.

    Raises:
        ModelError: there is no adapter, its base cannot be loaded, or it belongs to another base.
        RunError: the directory exists.
    """
    if directory.exists():
        raise RunError(f"{directory} exists", fix="choose another --out")
    base = base or _named_base(adapter)
    temporary = directory.with_name(f".{directory.name}.tmp")
    with _quietly():
        merged = _with_adapter(base, adapter).merge_and_unload()
        renderer = load_renderer(adapter if (adapter / "tokenizer_config.json").exists() else base)
        _stop_at(merged, renderer.end_of_turn)
        merged.save_pretrained(str(temporary))
        renderer.save(temporary)
    temporary.rename(directory)


@contextmanager
def _quietly() -> Iterator[None]:
    """No bars of transformers' between our lines, nor warnings of PEFT's."""
    shown = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # PEFT 0.21 asks transformers 5.2x for a property by its former name; what it misses is an error here.
            warnings.simplefilter("ignore")
            yield
    finally:
        if shown:
            transformers_logging.enable_progress_bar()


def _stop_at(model: Any, token: int) -> None:
    """Name a token among those at which generation ends: a base model's settings may know the end of a text only."""
    settings = model.generation_config
    named = settings.eos_token_id
    ends = [named] if isinstance(named, int) else list(named or ())
    if token not in ends:
        settings.eos_token_id = [token, *ends]


def _with_adapter(base: str, adapter: Path) -> Any:
    """A base with its adapter, which must fit: PEFT leaves out what it finds no layer for, and starts anew what it misses."""
    named = _named_base(adapter)
    if not (adapter / ADAPTER_WEIGHTS).exists():
        raise ModelError(f"the adapter in {adapter} has no {ADAPTER_WEIGHTS}")
    try:
        model = AutoModelForCausalLM.from_pretrained(base, dtype="auto", use_safetensors=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{base} holds no checkpoint that transformers can load", _first_line(error), fix="give --model") from None
    try:
        tuned = PeftModel.from_pretrained(model, str(adapter))
        with safe_open(adapter / ADAPTER_WEIGHTS, framework="pt") as weights:
            odd = set(weights.keys()) ^ set(get_peft_model_state_dict(tuned, save_embedding_layers=False))
        problem = f"{len(odd)} of the adapter's tensors and the base's layers have no counterpart, such as {min(odd)}" if odd else ""
    except (RuntimeError, ValueError) as error:
        problem = next((line.strip() for line in str(error).splitlines() if "size mismatch" in line), _first_line(error))
    if problem:
        fix = f"name the checkpoint that it was trained on, {named}"
        raise ModelError(f"the adapter in {adapter} does not fit {base}", problem, fix=fix)
    return tuned


def _named_base(adapter: Path) -> str:
    try:
        return str(json.loads((adapter / ADAPTER_FILE).read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{adapter} holds no adapter", _first_line(error), expected=ADAPTER_FILE) from None


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), type(error).__name__)
