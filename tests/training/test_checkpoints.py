"""What a killed run goes on from: everything that a step depends on, in files that run no code."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.training.tiny_models import tiny_model, torch

checkpoints = pytest.importorskip("magnet_ray.training.checkpoints")


def stepped(model: Any, optimizer: Any, steps: range) -> list[float]:
    """The losses of a few steps on random tokens."""
    losses = []
    for step in steps:
        ids = torch.randint(3, 100, (1, 20), generator=torch.Generator().manual_seed(step))
        loss = model(input_ids=ids, labels=ids).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    return losses


@pytest.mark.parametrize("tied", [False, True])
def test_a_loaded_state_takes_the_same_steps(tmp_path: Path, tied: bool) -> None:
    model = tiny_model("llama", "sdpa", tie_word_embeddings=tied).train()
    fresh = copy.deepcopy(model)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    stepped(model, optimizer, range(3))
    checkpoints.save_state(tmp_path, model, optimizer, {"schedule": {"last_epoch": 3}})
    other = torch.optim.AdamW(fresh.parameters(), lr=1e-2)
    assert checkpoints.load_state(tmp_path, fresh, other) == {"schedule": {"last_epoch": 3}}
    assert stepped(fresh, other, range(3, 6)) == stepped(model, optimizer, range(3, 6))


def test_a_state_holds_trained_weights_only_and_no_pickle(tmp_path: Path) -> None:
    model = tiny_model("qwen2", "sdpa")
    for name, parameter in model.named_parameters():
        parameter.requires_grad_("lm_head" in name)
    optimizer = torch.optim.AdamW([parameter for parameter in model.parameters() if parameter.requires_grad])
    stepped(model, optimizer, range(1))
    checkpoints.save_state(tmp_path, model, optimizer, {})
    assert {file.suffix for file in tmp_path.iterdir()} == {".safetensors", ".json"}
    reader = checkpoints.HuggingFaceStorageReader(str(tmp_path))
    names = set(reader.read_metadata().state_dict_metadata)
    assert {name for name in names if name.startswith("model.")} == {"model.lm_head.weight"}


def test_random_numbers_go_on(tmp_path: Path) -> None:
    model = tiny_model("qwen2", "sdpa")
    optimizer = torch.optim.AdamW(model.parameters())
    stepped(model, optimizer, range(1))
    checkpoints.save_state(tmp_path, model, optimizer, {})
    expected = torch.rand(3)
    torch.manual_seed(99)
    checkpoints.load_random_state(tmp_path)
    assert torch.equal(torch.rand(3), expected)
