"""The memory of one pass through a model, found by making the pass without any numbers.

The real modules run forward and backward on fake tensors, which have shapes and types only, while every allocation is counted.
So recomputation, autocast and adapters cost what they cost in training. Layers that are alike cost alike: two and three of them
are run, and the rest follows. Head, embedding and weights are left to `memory`.
"""

from __future__ import annotations

import json
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from transformers import AutoConfig, AutoModelForCausalLM

from magnet_ray.training.architectures import Lora, with_adapters
from magnet_ray.training.attention import register_segment_attention

RUN_LAYERS = (2, 3)
"""Layers that are run where all are alike. The first is not: under adapters nothing before it is trained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pass:
    """A pass through a model's layers."""

    tokens: int
    """Tokens that go through at once."""
    bf16: bool
    """Whether it computes in bfloat16."""
    gathered: bool
    """Whether all weights come in bfloat16, as FSDP gathers them, or only those of linear layers, as autocast casts them."""
    recompute: bool
    """Whether a layer's activations are computed again in the backward pass."""
    lora: Lora | None
    """Adapters; the weights under them are in bfloat16 where the pass is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Activations:
    """Bytes of a pass beside the weights and their gradients."""

    held: int
    """Kept by the forward pass for the backward pass, the last hidden state included."""
    working: int
    """On top of them at the worst moment: a layer's recomputation, gradients of activations, one weight's new gradient."""


def activations_of(config: Any, one_pass: Pass) -> Activations:
    """Bytes that a pass through a model of this configuration takes."""
    fields = config.to_dict()
    text = json.dumps(fields, sort_keys=True, default=str)
    layers = int(fields["num_hidden_layers"])
    alike = len(set(fields.get("layer_types") or ("all",))) == 1
    if layers <= max(RUN_LAYERS) or not alike:
        return _run(text, layers, one_pass)
    few, more = (_run(text, count, one_pass) for count in RUN_LAYERS)
    rest = layers - RUN_LAYERS[0]
    return Activations(held=few.held + rest * (more.held - few.held), working=few.working + rest * (more.working - few.working))


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of the tensors that are made inside it and still live."""

    def __init__(self, known: Sequence[Any]) -> None:
        """A count that leaves out the tensors in `known`."""
        super().__init__()
        self.now = self.peak = 0
        self._known = [tensor.untyped_storage() for tensor in known]
        self._living = {storage._cdata for storage in self._known}

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        result = function(*args, **(kwargs or {}))
        for tensor in tree_leaves(result):
            if isinstance(tensor, torch.Tensor):
                self._add(tensor.untyped_storage())
        return result

    def _add(self, storage: Any) -> None:
        # The address of the storage, which a view shares with what it looks at.
        address, size = storage._cdata, storage.nbytes()
        if address not in self._living:
            self._living.add(address)
            self.now += size
            self.peak = max(self.peak, self.now)
            weakref.finalize(storage, self._drop, address, size).atexit = False

    def _drop(self, address: int, size: int) -> None:
        self._living.discard(address)
        self.now -= size


@lru_cache(maxsize=256)
def _run(config: str, layers: int, one_pass: Pass) -> Activations:
    """Make the pass with that many layers. `config` is JSON."""
    model = _meta_model(json.loads(config), layers, one_pass)
    with FakeTensorMode():
        _fill(model, one_pass)
        trained = [weight for weight in model.parameters() if weight.requires_grad]
        for weight in trained:
            # As in any pack of a step but the first: new gradients are added to those that are there.
            weight.grad = torch.zeros_like(weight)
        known = [*model.parameters(), *model.buffers(), *(weight.grad for weight in trained)]
        decoder = (model if one_pass.lora is None else model.get_base_model()).get_decoder()
        table = model.get_input_embeddings().weight
        positions = torch.arange(one_pass.tokens)[None]
        with LiveBytes(known) as live:
            embedded = torch.zeros(1, one_pass.tokens, table.shape[1], dtype=table.dtype, requires_grad=one_pass.lora is None)
            with torch.autocast("cpu", dtype=torch.bfloat16, enabled=one_pass.bf16):
                segments = ((one_pass.tokens, 0, 0),)
                hidden = decoder(inputs_embeds=embedded, position_ids=positions, segments=segments, use_cache=False).last_hidden_state
            held = live.now
            hidden.backward(torch.zeros_like(hidden))
            return Activations(held=held, working=live.peak - held)


def _meta_model(fields: dict[str, Any], layers: int, one_pass: Pass) -> Any:
    """The model with that many layers on meta tensors: PEFT moves its adapters about, which fake ones do not bear."""
    fields |= {"num_hidden_layers": layers}
    if fields.get("layer_types"):
        fields["layer_types"] = fields["layer_types"][:layers]
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**fields), attn_implementation=register_segment_attention())
    if one_pass.recompute:
        model.activation_checkpointing_enable()
    return (model if one_pass.lora is None else with_adapters(model, one_pass.lora)).train()


def _fill(model: Any, one_pass: Pass) -> None:
    """Put fake tensors in the places of all weights and buffers, in the types that the forward pass sees."""
    for module in model.modules():
        for name, weight in list(module.named_parameters(recurse=False)):
            kind = _type_of(weight, isinstance(module, torch.nn.Linear), one_pass)
            setattr(module, name, torch.nn.Parameter(torch.empty(weight.shape, dtype=kind), requires_grad=weight.requires_grad))
        for name, buffer in list(module.named_buffers(recurse=False)):
            setattr(module, name, torch.empty(buffer.shape, dtype=buffer.dtype))


def _type_of(weight: Any, linear: bool, one_pass: Pass) -> Any:
    """The type in which a weight is used. Autocast's copies stand in for the weights here: `memory` counts them."""
    if not one_pass.bf16:
        return torch.float32
    if one_pass.lora is not None:
        return torch.float32 if weight.requires_grad else torch.bfloat16
    return torch.bfloat16 if one_pass.gathered or linear else torch.float32
