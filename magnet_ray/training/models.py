"""The model of a training worker: loaded whole or sharded, with or without adapters, and written out for others to load."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from huggingface_hub import snapshot_download
from peft import LoraConfig as PeftConfig
from peft import PeftModel, get_peft_model
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_model_state_dict
from torch.distributed.fsdp import FSDPModule
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.distributed import DistributedConfig

from magnet_ray.checkpoint_places import fetched
from magnet_ray.errors import ModelError
from magnet_ray.render.renderer import load_renderer
from magnet_ray.training.attention import register_segment_attention
from magnet_ray.training.settings import TrainConfig

ADAPTER_FILE = "adapter_config.json"


def check_checkpoint(model: str, max_tokens: int) -> None:
    """Refuse a checkpoint that cannot be trained, before anything is started.

    Raises:
        ModelError: it is an adapter, holds no causal language model, or takes shorter texts than it is to be trained on.
    """
    local = fetched(model, weights=False)
    if (Path(local) / ADAPTER_FILE).exists():
        raise ModelError(
            f"{model} is an adapter",
            expected="a whole checkpoint: with an adapter switched off, the reference would be the model before it was tuned",
            fix=f"merge it first: magnet train merge {model} --out DIR",
        )
    if not Path(local).exists() and (model.count("/") != 1 or model.startswith((".", "/", "~"))):
        raise ModelError(
            f"the checkpoint {model} does not exist", fix="name a directory, or a model of the hub such as Qwen/Qwen2.5-Coder-7B-Instruct"
        )
    try:
        config = AutoConfig.from_pretrained(local).get_text_config()
    except (OSError, ValueError) as error:
        raise ModelError(f"{model} holds no checkpoint that transformers can load", first_line(error), fix="correct --model") from None
    longest = getattr(config, "max_position_embeddings", None)
    window = getattr(config, "sliding_window", None)
    if window is not None and "sliding_attention" in (getattr(config, "layer_types", None) or ()):
        longest = min(longest or window, window)
    if longest is not None and max_tokens > longest:
        raise ModelError(f"{model} takes texts of up to {longest} tokens", f"max_tokens={max_tokens}", fix=f"--set max_tokens={longest}")


def checkpoint_directory(model: str) -> Path:
    """Where a checkpoint's files lie: itself, or where the hub's client has put them."""
    local = Path(fetched(model))
    if local.is_dir():
        return local
    return Path(snapshot_download(model, allow_patterns=["*.json", "*.safetensors"]))


def load_model(config: TrainConfig, *, bf16: bool, workers: int) -> Any:
    """The model that one worker trains, in float32; frozen weights under an adapter in bfloat16 where it computes so.

    Weights and adapters are the same on all workers. With `fsdp` and several workers each reads its own shard only.

    Raises:
        ModelError: it cannot be loaded here.
    """
    options: dict[str, Any] = {}
    if config.scaling.sharding == "fsdp" and workers > 1:
        options["distributed_config"] = DistributedConfig(fsdp_size=workers, fsdp_mixed_precision=bf16)
    try:
        model = AutoModelForCausalLM.from_pretrained(
            fetched(config.model),
            dtype=torch.bfloat16 if bf16 and config.lora.enabled else torch.float32,
            attn_implementation=register_segment_attention(),
            **options,
        )
    except (OSError, ValueError) as error:
        raise ModelError(
            f"{config.model} cannot be loaded by the workers", first_line(error), fix="put it where every node finds it, or correct --model"
        ) from None
    model.config.use_cache = False
    if config.lora.enabled:
        # The same adapter on every worker: it starts from random numbers.
        torch.manual_seed(config.seed)
        adapters = PeftConfig(r=config.lora.rank, lora_alpha=config.lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM")
        model = get_peft_model(model, adapters)
    return model


def load_checkpoint(model: str, dtype: torch.dtype | str) -> Any:
    """A whole checkpoint, to answer or to be merged into.

    Raises:
        ModelError: it cannot be loaded, or its weights are not safetensors.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(fetched(model), dtype=dtype, use_safetensors=True)
    except (OSError, ValueError) as error:
        raise ModelError(f"{model} holds no checkpoint that transformers can load", first_line(error), fix="correct --model") from None


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
    kind = getattr(AutoConfig.from_pretrained(fetched(base, weights=False)), "dtype", None)
    if isinstance(kind, torch.dtype) and kind != model.dtype:
        model = model.to(kind)
    model.config.use_cache = True
    stop_at(model, load_renderer(base).end_of_turn)
    # transformers would gather a sharded model itself, but the shards of a tied head apart from the embedding's, to be written twice.
    weights = get_model_state_dict(model, options=StateDictOptions(full_state_dict=True, cpu_offload=True))
    if first:
        model.config.distributed_config = None
        once = {name: weight for name, weight in weights.items() if name not in model.all_tied_weights_keys}
        model.save_pretrained(str(directory), state_dict=once)


def stop_at(model: Any, token: int) -> None:
    """Name a token among those at which generation ends: a base model's settings may know the end of a text only."""
    settings = model.generation_config
    named = settings.eos_token_id
    ends = [named] if isinstance(named, int) else list(named or ())
    if token not in ends:
        settings.eos_token_id = [token, *ends]


def first_line(error: Exception) -> str:
    """The first line of what an error says."""
    return next(iter(str(error).strip().splitlines()), type(error).__name__)


def readable(directory: Path) -> None:
    """Let everybody read a checkpoint, a server under another user too: safetensors' files are their owner's only."""
    for file in directory.iterdir():
        file.chmod(file.stat().st_mode | 0o444)
