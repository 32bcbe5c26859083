"""Tiny random models and token sequences for the numerics of training, and the loss written out from its formula.

Importing this module skips the tests of who imports it where the `train` extra is not installed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from magnet_ray.training.tokens import Tokens, unshared

WHY = "training needs the train extra: pip install 'magnet-ray[train]'"
torch: Any = pytest.importorskip("torch", reason=WHY)
transformers: Any = pytest.importorskip("transformers", reason=WHY)
for package in ("trl", "peft", "accelerate"):
    pytest.importorskip(package, reason=WHY)

FAMILIES = ("qwen2", "qwen3", "llama")
# More threads only wait for each other on tensors of this size.
torch.set_num_threads(1)

WORDS = 101
SHAPES = {
    "usual": (9, 5, 7),
    "short shared part": (1, 4, 3),
    "nothing shared": (0, 6, 4),
    "one word each": (6, 1, 1),
    "long wrong side": (3, 2, 17),
}
"""Tokens of a pair: shared, only chosen, only rejected."""


def tiny_model(family: str = "qwen2", attention: str = "magnet_segments", *, seed: int = 0, **changes: Any) -> Any:
    """A random causal model with grouped heads, two layers, in float32 and evaluation mode."""
    config = transformers.AutoConfig.for_model(
        family,
        **{
            "vocab_size": WORDS,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "head_dim": 8,
            "max_position_embeddings": 4_096,
            "initializer_range": 0.2,
            "pad_token_id": 0,
            "bos_token_id": 1,
            "eos_token_id": 2,
            **changes,
        },
    )
    torch.manual_seed(seed)
    return transformers.AutoModelForCausalLM.from_config(config, attn_implementation=attention).eval()


def twin(model: Any, attention: str) -> Any:
    """A model with the same weights and another attention."""
    other = type(model)._from_config(type(model.config).from_dict(model.config.to_dict()), attn_implementation=attention)
    other.load_state_dict(model.state_dict())
    return other.eval()


def random_tokens(seed: int, shared: int, chosen: int = 0, rejected: int = 0, *, words: int = WORDS) -> Tokens:
    """A pair, or an example, with random tokens of which about half are trained, the last one of each side among them."""
    random = np.random.default_rng([seed, shared, chosen, rejected])
    length = shared + chosen + rejected
    mask = random.random(length) < 0.5
    mask[[shared + chosen - 1, length - 1]] = True
    mask[0] = False
    ids = random.integers(3, words, length).astype(np.int32)
    return Tokens(id=f"pair-{seed}", ids=ids, mask=mask, shared=shared, chosen=chosen, rejected=rejected)


def random_pairs(*shapes: tuple[int, int, int], seed: int = 0) -> list[Tokens]:
    """Pairs of these shapes."""
    return [random_tokens(seed + number, *shape) for number, shape in enumerate(shapes)]


def plain_log_probs(model: Any, ids: Any) -> Any:
    """log p of each token but the first, given those before it, [T - 1]: full logits, nothing shared, nothing packed."""
    row = torch.as_tensor(np.asarray(ids), dtype=torch.long)
    logits = model(input_ids=row[None]).logits[0, :-1].float()
    return torch.log_softmax(logits, -1)[torch.arange(len(row) - 1), row[1:]]


def plain_side(model: Any, side: Tokens) -> Any:
    """The sum over a side's trained tokens, []."""
    return (plain_log_probs(model, side.ids) * torch.as_tensor(side.mask[1:])).sum()


def plain_loss(
    policy: Any, reference: Any, pairs: Sequence[Tokens], *, beta: float, weight: float = 1.0, normalised: bool = False
) -> tuple[Any, Any]:
    """L_SFT + weight * L_mDPO from the formula, side by side, and the mDPO part alone."""
    nll, tokens, losses = torch.zeros(()), 0, []
    for pair in pairs:
        sums = []
        for side in unshared(pair):
            ours = plain_side(policy, side)
            with torch.no_grad():
                theirs = plain_side(reference, side)
            length = max(1, int(side.mask[1:].sum())) if normalised else 1
            sums.append((ours, (ours - theirs) / length))
        nll = nll - sums[0][0]
        tokens += int(unshared(pair)[0].mask[1:].sum())
        losses.append(-torch.log(torch.sigmoid(beta * (sums[0][1] - sums[1][1]))))
    mdpo = torch.stack(losses).mean()
    return nll / tokens + weight * mdpo, mdpo


def gradients(model: Any) -> dict[str, Any]:
    """Gradients of all parameters, which are taken off the model."""
    found = {name: parameter.grad for name, parameter in model.named_parameters()}
    model.zero_grad(set_to_none=True)
    return found


def assert_same_gradients(found: dict[str, Any], expected: dict[str, Any], tolerance: float = 1e-5) -> None:
    """All gradients are there and equal."""
    assert found.keys() == expected.keys()
    for name, gradient in expected.items():
        assert (found[name] is None) == (gradient is None), name
        if gradient is not None:
            torch.testing.assert_close(found[name], gradient, atol=tolerance, rtol=tolerance, msg=lambda text, name=name: f"{name}: {text}")


def moved_positions(model: Any, backward: Callable[[], Any]) -> list[int]:
    """Positions of a row whose last hidden states get a gradient that is not exactly 0."""
    kept: list[Any] = []

    def keep(module: Any, inputs: Any, output: Any) -> None:
        output.retain_grad()
        kept.append(output)

    handle = model.model.norm.register_forward_hook(keep)
    backward()
    handle.remove()
    found: list[int] = (kept[0].grad[0] != 0).any(-1).nonzero()[:, 0].tolist()
    return found
