"""What a checkpoint directory says of itself, read without loading it: adapter or whole, tokenizer, context, sampling."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from magnet_ray.errors import ModelError
from magnet_ray.places import place, storage_errors

ADAPTER: Final = "adapter_config.json"
CONFIG: Final = "config.json"
TOKENIZER: Final = ("tokenizer_config.json", "tokenizer.json")


def adapter_of(model: str) -> Mapping[str, Any] | None:
    """PEFT's settings of the adapter that a directory holds; None when it is none.

    Raises:
        ModelError: they cannot be read, or name no base.
    """
    file = place(model) / ADAPTER
    if not file.is_file():
        return None
    try:
        settings: Mapping[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        if isinstance(settings["base_model_name_or_path"], str):
            return settings
    except storage_errors(ValueError, KeyError, TypeError):
        pass
    raise ModelError(f"the adapter {model} does not say which checkpoint it belongs to", expected=f"base_model_name_or_path in {ADAPTER}")


def base_of(model: str) -> str:
    """The whole checkpoint: the model itself, or the base that an adapter names."""
    adapter = adapter_of(model)
    return str(adapter["base_model_name_or_path"]) if adapter is not None else model


def tokenizer_of(model: str) -> str:
    """Where a model's tokenizer lies: with it, or with the base of an adapter that has none."""
    return model if (place(model) / "tokenizer_config.json").exists() else base_of(model)


def context_length(config: Any, default: int = 4_096) -> int:
    """Most tokens that the positions of a model reach, by its transformers configuration."""
    text = config.get_text_config(decoder=True)
    return int(getattr(text, "max_position_embeddings", None) or default)


def check_model(model: str | None) -> str:
    """A model that may be one.

    Raises:
        ModelError: none is named, the directory is missing, or it holds neither a checkpoint nor an adapter.
    """
    if model is None:
        raise ModelError("--model is missing", expected="a checkpoint directory, such as runs/sft/model")
    if place(model).is_dir():
        if not (place(model) / CONFIG).is_file() and adapter_of(model) is None:
            raise ModelError(f"{model} is no checkpoint", f"a directory without {CONFIG} or {ADAPTER}")
        tokenizer = place(tokenizer_of(model))
        if tokenizer.is_dir() and not any((tokenizer / name).is_file() for name in TOKENIZER):
            # Otherwise transformers would look for it on the network, for minutes where there is none.
            raise ModelError(f"{tokenizer} has no tokenizer", expected=" or ".join(TOKENIZER))
    elif model.count("/") != 1 or model.startswith((".", "/", "~")):
        # A hub's names have one slash; whether such a one exists is for the engine to find out.
        raise ModelError(f"the model {model} does not exist", fix="check the path given to --model")
    return model
