"""A tiny world to train in: a random model with a tokenizer of its own, a run of conversations, and pairs made from it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from magnet_ray.places import Place
from tests.cluster_support import magnet
from tests.conftest import Run
from tests.render.families import stand_in
from tests.training.tiny_models import torch, transformers

CALM = ("--set", "held_out.share=0", "--set", "report_to=[]", "--set", "learning_rate=3e-3")
"""Settings of runs whose curves are compared: nothing but training."""


def tiny_checkpoint(directory: Path, **changes: Any) -> Path:
    """A random Qwen2 of two layers, whose tokenizer knows Qwen2.5's template and cuts a text into few bytes."""
    tokenizer = stand_in("qwen2.5")
    torch.manual_seed(0)
    options = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2}
    config = transformers.Qwen2Config(
        **{"vocab_size": len(tokenizer), "tie_word_embeddings": True, "max_position_embeddings": 8_192, **options, **changes}
    )
    transformers.AutoModelForCausalLM.from_config(config).save_pretrained(directory)
    tokenizer.save_pretrained(directory)
    return directory


def tiny_data(directory: Run, rows: int = 60) -> Run:
    """Single-turn conversations that offer one function, so that they are short in bytes."""
    done = magnet(
        *("synthesize", "--num", rows, "--out", directory, "--set", "tools.distractors=[0,0]", "--set", "mix.multi_turn=0"),
        *("--set", "mix.parallel=0", "--set", "mix.irrelevance=0", "--set", "ray.num_cpus=2"),
    )
    assert done.returncode == 0, done.stderr
    return directory


def tiny_pairs(directory: Run, run: Place) -> Run:
    """The pairs of a run, as rules make them."""
    done = magnet("distill", "--run", run, "--out", directory, "--set", "balance=false", "--set", "ray.num_cpus=2")
    assert done.returncode == 0, done.stderr
    return directory
