"""Adapters: the checkpoint that one makes together with its base."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel, get_peft_model_state_dict
from safetensors import safe_open
from transformers.utils import logging as transformers_logging

from magnet_ray.checkpoint_places import fetched, is_checkpoint, whole_directory
from magnet_ray.errors import ModelError, RunError
from magnet_ray.places import Place, place
from magnet_ray.render.renderer import load_renderer
from magnet_ray.training.models import ADAPTER_FILE, first_line, load_checkpoint, readable, stop_at

ADAPTER_WEIGHTS = "adapter_model.safetensors"


def merge_adapter(adapter: Place | str, directory: Place | str, *, base: str | None = None) -> None:
    """Write the checkpoint that a base and its adapter make together, tokenizer included, in the base's type; whole or not at all.

    Args:
        adapter: directory of the adapter.
        directory: where the checkpoint is written.
        base: checkpoint that the adapter was trained on; None: the one that it names.

    Raises:
        ModelError: there is no adapter, its base cannot be loaded, or it belongs to another base.
        RunError: the directory exists.
    """
    target = place(directory)
    if is_checkpoint(target) or (isinstance(target, Path) and target.exists()):
        raise RunError(f"{directory} exists", fix="choose another --out")
    local = Path(fetched(str(adapter)))
    base = base or named_base(local)
    with whole_directory(target) as temporary:
        with _quietly():
            merged = with_adapter(base, local).merge_and_unload()
            renderer = load_renderer(local if (local / "tokenizer_config.json").exists() else base)
            stop_at(merged, renderer.end_of_turn)
            merged.save_pretrained(str(temporary))
            renderer.save(temporary)
        readable(temporary)


def with_adapter(base: str, adapter: Path, dtype: torch.dtype | str = "auto") -> Any:
    """A base with its adapter, which must fit: PEFT leaves out what it finds no layer for, and starts anew what it misses.

    Raises:
        ModelError: there is no adapter, its base cannot be loaded, or it belongs to another base.
    """
    named = named_base(adapter)
    if not (adapter / ADAPTER_WEIGHTS).exists():
        raise ModelError(f"the adapter in {adapter} has no {ADAPTER_WEIGHTS}")
    model = load_checkpoint(base, dtype)
    try:
        tuned = PeftModel.from_pretrained(model, str(adapter))
        with safe_open(adapter / ADAPTER_WEIGHTS, framework="pt") as weights:
            odd = set(weights.keys()) ^ set(get_peft_model_state_dict(tuned, save_embedding_layers=False))
        problem = f"{len(odd)} of the adapter's tensors and the base's layers have no counterpart, such as {min(odd)}" if odd else ""
    except (RuntimeError, ValueError) as error:
        problem = next((line.strip() for line in str(error).splitlines() if "size mismatch" in line), first_line(error))
    if problem:
        fix = f"name the checkpoint that it was trained on, {named}"
        raise ModelError(f"the adapter in {adapter} does not fit {base}", problem, fix=fix)
    return tuned


def named_base(adapter: Path) -> str:
    """The checkpoint that an adapter names as its base.

    Raises:
        ModelError: there is no adapter, or it names none.
    """
    try:
        return str(json.loads((adapter / ADAPTER_FILE).read_text(encoding="utf-8"))["base_model_name_or_path"])
    except (OSError, ValueError, KeyError) as error:
        raise ModelError(f"{adapter} holds no adapter", first_line(error), expected=ADAPTER_FILE) from None


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
