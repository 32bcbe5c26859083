"""The families' templates as TRL carries them, on tokenizers that can be had without a hub.

Stand-ins have a family's special tokens and its way of cutting text into words; their merges are few, or SmolLM2's.
Importing this module skips the tests of who imports it where the `train` extra is not installed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest

from evals.tiny_checkpoint import CheckpointUnavailable, cached_checkpoint, tiny_checkpoint
from magnet_ray.render.base import Message
from magnet_ray.render.renderer import Renderer
from magnet_ray.render.template import our_template

WHY = "rendering needs the train extra: pip install 'magnet-ray[train]'"
transformers: Any = pytest.importorskip("transformers", reason=WHY)
trl_templates: Any = pytest.importorskip("trl.chat_template_utils", reason=WHY)
tokenizers: Any = pytest.importorskip("tokenizers", reason=WHY)

CHATML = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
HEADERS = ("<|begin_of_text|>", "<|end_of_text|>", "<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>", "<|eom_id|>", "<|python_tag|>")
WORDS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
"""How Qwen's and Llama 3's tokenizers cut text before merging (Llama's keeps up to three digits together)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """A family of checkpoints."""

    template: str
    """Name of its template among TRL's; empty for ours."""
    special: tuple[str, ...]
    """Special tokens."""
    end: str
    """Token that ends a turn and a text."""
    added: tuple[str, ...] = ()
    """Added tokens that are ordinary text."""


_CALL_TOKENS = ("<tool_call>", "</tool_call>")
FAMILIES: Mapping[str, Family] = {
    "qwen2.5": Family(template="qwen2_5", special=CHATML, end="<|im_end|>", added=_CALL_TOKENS),
    "qwen3": Family(template="qwen3", special=CHATML, end="<|im_end|>", added=(*_CALL_TOKENS, "<think>", "</think>")),
    "qwen3-2507": Family(template="qwen3_instruct_2507", special=CHATML, end="<|im_end|>", added=_CALL_TOKENS),
    "llama3.1": Family(template="llama3_1", special=HEADERS, end="<|eot_id|>"),
    "llama3.2": Family(template="llama3_2", special=HEADERS, end="<|eot_id|>"),
    "smollm2": Family(template="", special=CHATML, end="<|im_end|>"),
}
LLAMA = ("llama3.1", "llama3.2")
PLAIN_CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""Like SmolLM2's own: it knows no tools."""


def bundled_template(family: str) -> str:
    """The family's template as TRL carries it, or as the model has it."""
    name = FAMILIES[family].template
    return str(getattr(trl_templates, f"{name}_chat_template")) if name else PLAIN_CHATML


def training_template(family: str) -> str:
    """TRL's training template of a family."""
    return str(getattr(trl_templates, f"{FAMILIES[family].template}_training_chat_template"))


def stand_in(family: str) -> Any:
    """A byte-level tokenizer with few merges, and the family's special tokens and template."""
    what = FAMILIES[family]
    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = _pre_tokenizer()
    backend.decoder = tokenizers.decoders.ByteLevel()
    alphabet = tokenizers.pre_tokenizers.ByteLevel.alphabet()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=alphabet, special_tokens=list(what.special), show_progress=False
    )
    backend.train_from_iterator([our_template(), bundled_template(family)], trainer)
    backend.add_tokens(list(what.added))
    special = {"bos_token": what.special[0], "eos_token": what.end, "pad_token": what.special[0]}
    tokenizer = transformers.PreTrainedTokenizerFast(tokenizer_object=backend, **special)
    tokenizer.chat_template = bundled_template(family)
    return tokenizer


def smollm2(family: str) -> Any:
    """SmolLM2's tokenizer with a family's special tokens, way of cutting words, and template; skips where it cannot be had."""
    directory = cached_checkpoint()
    if not (directory / "tokenizer.json").exists():
        try:
            tiny_checkpoint(directory)
        except CheckpointUnavailable as error:
            pytest.skip(str(error))
    tokenizer = transformers.AutoTokenizer.from_pretrained(str(directory))
    tokenizer.chat_template = bundled_template(family)
    what = FAMILIES[family]
    if family != "smollm2":
        tokenizer.add_special_tokens({"extra_special_tokens": [*what.special], "bos_token": what.special[0], "eos_token": what.end})
        tokenizer.add_tokens(list(what.added))
        tokenizer.backend_tokenizer.pre_tokenizer = _pre_tokenizer()
    return tokenizer


def _pre_tokenizer() -> Any:
    pre = tokenizers.pre_tokenizers
    cut = pre.Split(tokenizers.Regex(WORDS), "isolated")
    return pre.Sequence([cut, pre.ByteLevel(add_prefix_space=False, use_regex=False)])


@cache
def renderer_of(family: str) -> Renderer:
    """The renderer of a stand-in."""
    return Renderer(stand_in(family))


@cache
def smollm2_renderer() -> Renderer:
    """The renderer of the real SmolLM2 tokenizer."""
    return Renderer(smollm2("smollm2"))


def spoken(renderer: Renderer, ids: tuple[int, ...], mask: tuple[bool, ...]) -> list[str]:
    """The text of each run of trained tokens."""
    texts, run = [], list[int]()
    for token, counts in zip((*ids, 0), (*mask, False), strict=True):
        if counts:
            run.append(token)
        elif run:
            texts.append(renderer.decode(run))
            run = []
    return texts


def comparable(message: Message) -> Any:
    """What a message says: its text, and its calls with their arguments as values."""
    calls = [call["function"] for call in message.get("tool_calls") or ()]
    return message["content"], [(call["name"], json.loads(call["arguments"])) for call in calls], message.get("reasoning_content", "")
