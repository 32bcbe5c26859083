"""What a model is made of, without its weights: the real modules on meta tensors, from a checkpoint's config.json.

The architectures that the paper's recipes start from are shipped, so that a run can be planned where no checkpoint is.
"""

from __future__ import annotations

import json
import re
import warnings
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from math import prod
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoConfig, AutoModelForCausalLM

from magnet_ray.checkpoint_places import fetched
from magnet_ray.errors import ModelError

PUBLISHED = {
    "Qwen/Qwen2.5-7B-Instruct": "qwen2.5-7b.json",
    "Qwen/Qwen2.5-14B-Instruct": "qwen2.5-14b.json",
    "Qwen/Qwen2.5-Coder-7B-Instruct": "qwen2.5-7b.json",
    "Qwen/Qwen2.5-Coder-14B-Instruct": "qwen2.5-14b.json",
}
"""Published name -> its architecture in `published_configs/` (Qwen2.5 technical report, arXiv 2412.15115, table 1)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Lora:
    """Low-rank adapters on all linear layers but the head, as PEFT's `all-linear` puts them."""

    rank: int = 32
    """Rank of the adapters."""
    alpha: int = 64
    """Their scale is alpha / rank."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weight:
    """One parameter of a model."""

    shape: tuple[int, ...]
    """Its shape."""
    trained: bool
    """Whether it is trained."""
    adapter: bool
    """Whether it belongs to an adapter."""
    group: str
    """`embedding`, `layer N` or `head` (what follows the layers): FSDP gathers a group at a time."""
    linear: bool
    """Whether it belongs to a linear layer, which autocast computes in bfloat16."""

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """A model with or without adapters, as far as planning needs it."""

    config: Any
    """transformers' configuration of the language model."""
    weights: tuple[Weight, ...]
    """Its parameters, each once: an embedding that is also the head stands in group `embedding`."""
    tied: bool
    """Whether the embedding is also the head."""

    @property
    def parameters(self) -> int:
        """Numbers in all weights, adapters included."""
        return sum(weight.elements for weight in self.weights)

    @property
    def trained(self) -> int:
        """Numbers that are trained."""
        return sum(weight.elements for weight in self.weights if weight.trained)

    @property
    def multiplied(self) -> int:
        """Numbers that a token is multiplied with: all but an embedding that is only looked up."""
        return sum(weight.elements for weight in self.weights if self.tied or weight.group != "embedding")

    @property
    def largest_layer(self) -> int:
        """Numbers of the layer that has most, without adapters."""
        sizes = Counter[str]()
        for weight in self.weights:
            if weight.group.startswith("layer") and not weight.adapter:
                sizes[weight.group] += weight.elements
        return max(sizes.values(), default=0)

    @property
    def embedding(self) -> int:
        """Numbers of the embedding."""
        return sum(weight.elements for weight in self.weights if weight.group == "embedding")

    @property
    def head(self) -> int:
        """Numbers of what follows the layers, an embedding that is also the head included."""
        own = sum(weight.elements for weight in self.weights if weight.group == "head" and not weight.adapter)
        return own + self.embedding * self.tied

    @property
    def layers(self) -> int:
        """Number of layers."""
        return int(self.config.num_hidden_layers)

    @property
    def attention_width(self) -> int:
        """Query heads times their width."""
        heads = int(self.config.num_attention_heads)
        return heads * int(getattr(self.config, "head_dim", None) or self.config.hidden_size // heads)


def load_architecture(model: str, lora: Lora | None) -> Architecture:
    """The architecture of a checkpoint directory or of a published model.

    Raises:
        ModelError: `model` is neither, or its configuration describes no causal language model.
    """
    config = _config(model)
    try:
        return _built(json.dumps(config.to_dict(), sort_keys=True, default=str), lora)
    except ValueError:
        raise ModelError(f"{model} is no causal language model that transformers knows", config.model_type) from None


@lru_cache(maxsize=8)
def _built(text: str, lora: Lora | None) -> Architecture:
    """The architecture of a configuration, given as JSON."""
    config = AutoConfig.for_model(**json.loads(text))
    with torch.device("meta"):
        causal = AutoModelForCausalLM.from_config(config)
    embedding, head = causal.get_input_embeddings(), causal.get_output_embeddings()
    tied = head is not None and head.weight is embedding.weight
    model = causal if lora is None else with_adapters(causal, lora)
    return Architecture(config=config, weights=_weights(model, embedding.weight, lora is not None), tied=tied)


def with_adapters(model: Any, lora: Lora) -> Any:
    """The model with adapters that are trained in its weights' place."""
    with warnings.catch_warnings():
        # PEFT 0.21 asks whether activations are recomputed by a name that transformers 5.23 calls old.
        warnings.simplefilter("ignore", FutureWarning)
        return get_peft_model(model, LoraConfig(r=lora.rank, lora_alpha=lora.alpha, target_modules="all-linear", task_type="CAUSAL_LM"))


def _config(model: str) -> Any:
    directory = Path(fetched(model, weights=False))
    if model in PUBLISHED and not directory.exists():
        fields = json.loads((resources.files("magnet_ray.training") / "published_configs" / PUBLISHED[model]).read_text(encoding="utf-8"))
        return AutoConfig.for_model(**fields)
    if not directory.is_dir():
        raise ModelError(f"no architecture is known by the name {model}", expected=f"a checkpoint directory, or {', '.join(PUBLISHED)}")
    try:
        return AutoConfig.from_pretrained(directory, local_files_only=True).get_text_config()
    except (OSError, ValueError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{model} has no config.json that transformers can read", first) from None


def _weights(model: Any, embedding: Any, adapted: bool) -> tuple[Weight, ...]:
    linear = {
        id(weight) for module in model.modules() if isinstance(module, torch.nn.Linear) for weight in module.parameters(recurse=False)
    }
    return tuple(
        Weight(
            shape=tuple(weight.shape),
            trained=weight.requires_grad,
            adapter=adapted and weight.requires_grad,
            group="embedding" if weight is embedding else _group(name),
            linear=id(weight) in linear,
        )
        for name, weight in model.named_parameters()
    )


def _group(name: str) -> str:
    layer = re.search(r"\.(\d+)\.", name)
    return f"layer {layer[1]}" if layer else "head"
