"""Attention over one packed row: each item is cut out and attended to by itself, its shared beginning once.

A row [1, T] holds items laid out as [shared | chosen | rejected]. What the chosen side says follows the shared part, so both
together are one causal square. The rejected side's queries see the shared keys and their own: a causal rectangle that is
aligned to its lower right corner. No mask over the whole row is ever made, so memory grows with the row, not with its square.
Without `segments` everything is what transformers' "sdpa" does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import torch
from torch.nn.attention.bias import causal_lower_right
from torch.nn.functional import scaled_dot_product_attention
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import repeat_kv, sdpa_attention_forward, use_gqa_in_sdpa
from transformers.masking_utils import sdpa_mask

from magnet_ray.errors import ModelError
from magnet_ray.training.packs import Segments

SEGMENT_ATTENTION = "magnet_segments"
"""Name for `attn_implementation`."""
_UNSUPPORTED = ("softcap", "s_aux", "position_bias")
"""What some models want of attention and scaled dot products do not give."""


def register_segment_attention() -> str:
    """Make the attention known to transformers, as often as one likes; returns its name for `attn_implementation`."""
    AttentionInterface.register(SEGMENT_ATTENTION, segment_attention)
    AttentionMaskInterface.register(SEGMENT_ATTENTION, segment_mask)
    return SEGMENT_ATTENTION


@dataclass(slots=True)
class PostponedMask:
    """What keeps positions of packed rows apart, made when the first layer needs it and shared by all.

    The function that makes masks is not told of `segments`, with which none over the whole row may be made.
    """

    make: Callable[[], torch.Tensor | None]
    """Makes the mask over whole rows."""
    _made: list[torch.Tensor | None] = field(default_factory=list)
    _biases: dict[Segments, tuple[torch.Tensor | None, ...]] = field(default_factory=dict)

    def mask(self) -> torch.Tensor | None:
        """The mask over whole rows, bool [batch, 1, queries, keys]."""
        if not self._made:
            self._made.append(self.make())
        return self._made[0]

    def biases(self, segments: Segments, like: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        """For each item, what keeps its rejected side from looking ahead; in the type and place of `like`."""
        if segments not in self._biases:
            self._biases[segments] = tuple(
                _lower_right(rejected, shared + rejected, like) if rejected else None for shared, _, rejected in segments
            )
        return self._biases[segments]


def segment_mask(**options: Any) -> Any:
    """transformers' "sdpa" mask, postponed where positions restart inside the rows of a batch without padding."""
    packed = options.get("attention_mask") is None and not options.get("allow_is_causal_skip", True)
    if packed and options["q_length"] == options["kv_length"] > 1:
        return PostponedMask(lambda: sdpa_mask(**options))
    return sdpa_mask(**options)


def segment_attention(
    module: torch.nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | PostponedMask | None,
    **options: Any,
) -> tuple[torch.Tensor, None]:
    """Attention as transformers calls it; with `segments` among the options, over each item of the row by itself.

    Args:
        module: the attention layer.
        query: [batch, heads, T, width]; with `segments` the batch is 1.
        key: [batch, key heads, T, width].
        value: [batch, key heads, T, width].
        attention_mask: what `segment_mask` made.
        options: `segments`, `dropout`, `scaling` and what else the layer passes.

    Returns:
        [batch, T, heads, width], and no weights.

    Raises:
        ModelError: the layers see less than an item, or need what scaled dot products do not give.
        ValueError: the segments do not cover the row, or come with a batch or with padding.
    """
    given = options.pop("segments", None)
    if given is None:
        mask = attention_mask.mask() if isinstance(attention_mask, PostponedMask) else attention_mask
        attended: tuple[torch.Tensor, None] = sdpa_attention_forward(module, query, key, value, mask, **options)
        return attended
    # Loaders that pin memory make lists of tuples.
    segments: Segments = tuple((shared, chosen, rejected) for shared, chosen, rejected in given)
    _check_layer(segments, options)
    _check_row(segments, query, key)
    if attention_mask is None:
        attention_mask = PostponedMask(lambda: None)
    elif not isinstance(attention_mask, PostponedMask):
        raise ValueError("a row with segments takes no attention mask: it has no padding")
    settings: dict[str, Any] = {"dropout_p": options.get("dropout", 0.0), "scale": options.get("scaling")}
    if getattr(module, "num_key_value_groups", 1) > 1:
        if _groups_heads(query, key, value):
            settings["enable_gqa"] = True
        else:
            key, value = (repeat_kv(heads, module.num_key_value_groups) for heads in (key, value))
    parts: list[torch.Tensor] = []
    start = 0
    for segment, bias in zip(segments, attention_mask.biases(segments, query), strict=True):
        item = tuple(heads[:, :, start : start + sum(segment)] for heads in (query, key, value))
        parts += _item_attention(segment, item, bias, settings)
        start += sum(segment)
    return torch.cat([part.transpose(1, 2) for part in parts], dim=1), None


def _item_attention(
    segment: tuple[int, int, int], item: tuple[torch.Tensor, ...], bias: torch.Tensor | None, settings: dict[str, Any]
) -> Iterator[torch.Tensor]:
    """What an item's positions attend to, in pieces [1, heads, length, width], of queries, keys and values of that shape."""
    shared, middle = segment[0], segment[0] + segment[1]
    if middle:
        query, key, value = (heads[:, :, :middle] for heads in item)
        yield scaled_dot_product_attention(query, key, value, is_causal=True, **settings)
    if segment[2]:
        key, value = (torch.cat([heads[:, :, :shared], heads[:, :, middle:]], dim=2) for heads in item[1:])
        yield scaled_dot_product_attention(item[0][:, :, middle:], key, value, attn_mask=bias, **settings)


def _lower_right(queries: int, keys: int, like: torch.Tensor) -> torch.Tensor:
    """The bias [queries, keys] with which the last query sees all keys, the one before all but the last, and so on."""
    if like.device.type == "cuda":
        # A mark that fused kernels know; nothing of this size is made.
        return causal_lower_right(queries, keys)
    # Additive: a bool mask would be made so again in each layer, and kept for the backward pass.
    ahead = torch.ones(queries, keys, dtype=torch.bool, device=like.device).triu(keys - queries + 1)
    return torch.zeros(queries, keys, dtype=like.dtype, device=like.device).masked_fill_(ahead, float("-inf"))


def _groups_heads(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> bool:
    """Whether the kernels take fewer key heads than query heads. CUDA's do not in float32: they would make the mask."""
    return bool(use_gqa_in_sdpa(None, key, value)) and (query.device.type != "cuda" or query.dtype != torch.float32)


def _check_layer(segments: Segments, options: dict[str, Any]) -> None:
    """Refuse a layer that wants something else than the dot products of all earlier tokens."""
    if unsupported := [name for name in _UNSUPPORTED if options.get(name) is not None]:
        raise ModelError(
            "the model's attention cannot be packed", f"a layer with {unsupported[0]}", "Qwen, Llama or another with plain attention"
        )
    window = options.get("sliding_window")
    longest = max(shared + max(chosen, rejected) for shared, chosen, rejected in segments)
    if window is not None and longest > window:
        raise ModelError(
            f"layers of the model see the last {window} tokens only", f"a conversation of {longest}", fix=f"--set max_tokens={window}"
        )


def _check_row(segments: Segments, query: torch.Tensor, key: torch.Tensor) -> None:
    """Refuse what would be computed wrongly without a word."""
    covered = sum(map(sum, segments))
    if query.shape[0] != 1 or query.shape[2] != covered or key.shape[2] != covered:
        raise ValueError(f"segments cover one row of {covered} tokens, got {query.shape[0]} of {query.shape[2]} and {key.shape[2]} keys")
