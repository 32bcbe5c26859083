"""A random Qwen2 with a tokenizer that writes every id as a text of its own, so that trainers can be given texts or ids alike.

Run as `python -m evals.throughput.random_model DIRECTORY WORDS HIDDEN LAYERS`.
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast, Qwen2Config

from evals.throughput.training_pairs import END_OF_TURN, FIRST_WORD
from magnet_ray.render.template import CHATML, our_template

LONGEST = 32_768
SPECIAL = (*CHATML, "<|endoftext|>")
"""The template's, and one that transformers gives every Qwen2."""


def write_model(directory: Path, *, words: int, hidden: int, layers: int) -> None:
    """Write the checkpoint: Qwen2.5's proportions of heads, embeddings tied to the head as in its small models."""
    heads = max(2, hidden // 64)
    config = Qwen2Config(
        vocab_size=words,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=max(1, heads // 3),
        max_position_embeddings=LONGEST,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=END_OF_TURN,
        pad_token_id=END_OF_TURN + 1,
    )
    torch.manual_seed(1)
    AutoModelForCausalLM.from_config(config).save_pretrained(str(directory))
    _tokenizer(words).save_pretrained(str(directory))


def word(id: int) -> str:
    """The text of the id of a word, or of the end of a turn."""
    return SPECIAL[1] if id == END_OF_TURN else f"<|{id}|>"


def _tokenizer(words: int) -> PreTrainedTokenizerFast:
    """Bytes, the template's special tokens, and a word for every other id."""
    parts = import_module("tokenizers")
    alphabet = sorted(parts.pre_tokenizers.ByteLevel.alphabet())
    tokenizer = parts.Tokenizer(parts.models.BPE(vocab={byte: id for id, byte in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = parts.pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = parts.decoders.ByteLevel()
    tokenizer.add_special_tokens(list(SPECIAL))
    tokenizer.add_tokens([parts.AddedToken(word(id), normalized=False) for id in range(FIRST_WORD, words)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token=SPECIAL[2], eos_token=SPECIAL[1], chat_template=our_template(), model_max_length=LONGEST
    )


if __name__ == "__main__":
    write_model(Path(sys.argv[1]), words=int(sys.argv[2]), hidden=int(sys.argv[3]), layers=int(sys.argv[4]))
