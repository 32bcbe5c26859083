"""Packed rows on a GPU give what they give on a CPU: in float32 to its digits, in bfloat16 to its own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.training.tiny_models import SHAPES, assert_same_gradients, gradients, random_pairs, tiny_model, torch

packs: Any = pytest.importorskip("magnet_ray.training.packs")
scoring: Any = pytest.importorskip("magnet_ray.training.scoring")
pytest.importorskip("magnet_ray.training.attention").register_segment_attention()
pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU at hand")
ROW = packs.pack(random_pairs(*SHAPES.values(), (300, 200, 150), (70, 1, 190)))


def scored(model: Any, device: str, *, autocast: bool = False) -> tuple[Any, dict[str, Any]]:
    """Log-probabilities of the row's terms and the gradients of their weighted mean, both on the CPU."""
    model = copy.deepcopy(model).to(device)
    scoring.add_scored_head(model)
    inputs = {name: value.to(device) if isinstance(value, torch.Tensor) else value for name, value in packs.scored_inputs(ROW).items()}
    with torch.autocast("cuda", torch.bfloat16, enabled=autocast):
        scores = model(**inputs)
    (scores * torch.linspace(-1, 1, len(scores), device=device)).mean().backward()
    return scores.detach().cpu(), {name: gradient.cpu() for name, gradient in gradients(model).items()}


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama"])
def test_float32_is_the_cpu_s(family: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.backends.cuda.matmul, "allow_tf32", False)
    model = tiny_model(family)
    (expected, pulls), (found, pulled) = scored(model, "cpu"), scored(model, "cuda")
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)
    assert_same_gradients(pulled, pulls, 1e-4)


@pytest.mark.parametrize("weights", ["float32", "bfloat16"])
@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama"])
def test_bfloat16_is_near(family: str, weights: str) -> None:
    model = tiny_model(family, hidden_size=64, head_dim=16, initializer_range=0.1)
    expected, pulls = scored(model, "cpu")
    found, pulled = scored(model.to(getattr(torch, weights)), "cuda", autocast=weights == "float32")
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, atol=0.1, rtol=0.02)
    for name, pull in pulls.items():
        difference = (pulled[name].float() - pull).norm() / pull.norm()
        assert difference < 0.05, name


def test_8192_tokens_of_152k_words_take_less_than_a_gigabyte() -> None:
    words, tokens, width = 151_936, 8_192, 896
    kind = {"dtype": torch.bfloat16, "device": "cuda", "requires_grad": True}
    hidden, weight = (torch.randn(length, width, **kind) for length in (tokens, words))
    targets = torch.randint(0, words, (tokens,), device="cuda")
    torch.cuda.reset_peak_memory_stats()
    before = torch.cuda.memory_allocated()
    scoring.ChunkedLogProbabilities.apply(hidden, weight, None, targets, scoring.HeadShape()).sum().backward()
    assert torch.cuda.max_memory_allocated() - before - hidden.grad.nbytes - weight.grad.nbytes < 1e9
