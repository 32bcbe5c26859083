"""Scored heads give the log-probabilities and gradients of full logits, in little memory."""

from __future__ import annotations

import copy
import inspect
from typing import Any

import pytest

from magnet_ray.errors import ModelError
from tests.training.tiny_models import assert_same_gradients, gradients, moved_positions, random_pairs, tiny_model, torch, twin

attention: Any = pytest.importorskip("magnet_ray.training.attention")
packs: Any = pytest.importorskip("magnet_ray.training.packs")
scoring: Any = pytest.importorskip("magnet_ray.training.scoring")
peft: Any = pytest.importorskip("peft")
# PEFT 0.21 asks transformers 5.23 by an older name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing`:FutureWarning")
attention.register_segment_attention()
ROW = packs.pack(random_pairs((9, 5, 7), (2, 6, 4)))
HEADS = {
    "plain": scoring.HeadShape(columns=64),
    "one slice": scoring.HeadShape(),
    "scaled": scoring.HeadShape(scale=0.25, columns=50),
    "capped": scoring.HeadShape(cap=2.0, columns=101),
    "scaled and capped": scoring.HeadShape(scale=3.0, cap=5.0, columns=7),
}


def scored_and_full(model: Any, row: Any = ROW) -> tuple[Any, Any]:
    """Log-probabilities of a row's terms, and the same from the model's logits."""
    inputs = packs.scored_inputs(row)
    scores = model(**inputs)
    sources, targets = inputs.pop("sources"), inputs.pop("targets")
    logits = model(**inputs).logits[0].float()
    return scores, logits.log_softmax(-1)[sources, targets]


def assert_same(model: Any, tolerance: float = 1e-5) -> None:
    """Both ways to call the model agree, gradients too."""
    scores, expected = scored_and_full(model)
    assert scores.dtype == torch.float32
    torch.testing.assert_close(scores, expected, atol=tolerance, rtol=tolerance)
    pull = torch.linspace(-1, 1, len(scores)) / len(scores)
    (scores * pull).sum().backward()
    found = gradients(model)
    (expected * pull).sum().backward()
    assert_same_gradients(found, gradients(model), tolerance)


@pytest.mark.parametrize("biased", [True, False])
@pytest.mark.parametrize("head", HEADS)
def test_slices_of_the_vocabulary_give_what_the_whole_gives(head: str, biased: bool) -> None:
    shape = HEADS[head]
    torch.manual_seed(0)
    hidden, weight, bias = (torch.randn(*size).requires_grad_() for size in ((13, 8), (101, 8), (101,)))
    targets = torch.randint(0, 101, (13,))
    targets[:2] = torch.tensor([0, 100])
    scores = scoring.ChunkedLogProbabilities.apply(hidden, weight, bias if biased else None, targets, shape)
    logits = (hidden @ weight.t() + (bias if biased else 0)) * shape.scale
    if shape.cap is not None:
        logits = shape.cap * torch.tanh(logits / shape.cap)
    expected = logits.log_softmax(-1).gather(1, targets[:, None])[:, 0]
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-5)
    pull, leaves = torch.randn(13), (hidden, weight, bias)[: 3 if biased else 2]
    found, plain = (torch.autograd.grad((result * pull).sum(), leaves) for result in (scores, expected))
    for mine, theirs in zip(found, plain, strict=True):
        torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama", "granite", "cohere", "gemma2"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_scored_model_gives_what_its_logits_give(family: str, tied: bool) -> None:
    changes: dict[str, dict[str, Any]] = {
        "granite": {"logits_scaling": 3.0},
        "cohere": {"logit_scale": 0.3},
        "gemma2": {"final_logit_softcapping": 2.0, "attn_logit_softcapping": None, "sliding_window": 4_096},
    }
    model = tiny_model(family, tie_word_embeddings=tied, **changes.get(family, {}))
    scoring.add_scored_head(model)
    scoring.check_scored_head(model)
    assert_same(model)


def test_a_model_that_changes_its_logits_otherwise_is_refused() -> None:
    model = tiny_model()
    scoring.add_scored_head(model)
    model.lm_head.register_forward_hook(lambda module, inputs, output: output * 1.5)
    with pytest.raises(ModelError, match="changes its logits in a way"):
        scoring.check_scored_head(model)
    with pytest.raises(ModelError, match="no probabilities of next tokens"):
        scoring.add_scored_head(model.model)


def test_positions_that_are_no_source_get_no_gradient_at_all() -> None:
    model = tiny_model()
    scoring.add_scored_head(model)
    moved = moved_positions(model, lambda: model(**packs.scored_inputs(ROW)).sum().backward())
    assert moved == sorted(set(ROW["sources"].tolist()))


def test_a_row_that_trains_nothing_gives_every_weight_a_gradient_of_0() -> None:
    model = tiny_model()
    scoring.add_scored_head(model)
    scores = model(**packs.scored_inputs(packs.pack([])))
    assert scores.shape == (0,)
    scores.sum().backward()
    assert all(gradient is not None and not gradient.any() for gradient in gradients(model).values())


@pytest.mark.parametrize("way", ["weights", "autocast"])
def test_bfloat16_is_summed_up_in_float32(way: str) -> None:
    model = tiny_model(initializer_range=0.05)
    scoring.add_scored_head(model)
    exact = model(**packs.scored_inputs(ROW)).detach()
    if way == "weights":
        model = model.to(torch.bfloat16)
    with torch.autocast("cpu", dtype=torch.bfloat16, enabled=way == "autocast"):
        scores, expected = scored_and_full(model)
    assert scores.dtype == torch.float32
    # The products are rounded, what is made of them is not: rounded log-probabilities would be 0.03 apart.
    torch.testing.assert_close(scores, expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(scores, exact, atol=0.05, rtol=0.0)
    (scores.sum() / len(scores)).backward()
    found = gradients(model)
    (expected.sum() / len(scores)).backward()
    assert_same_gradients(found, gradients(model), 0.02)
    assert all(gradient.dtype == parameter.dtype for gradient, parameter in zip(found.values(), model.parameters(), strict=True))


@pytest.mark.parametrize("first", ["head", "adapter"])
def test_an_adapter_scores_too(first: str) -> None:
    model = tiny_model()
    plain = twin(model, "magnet_segments")
    if first == "head":
        scoring.add_scored_head(model)
    model = peft.get_peft_model(model, peft.LoraConfig(r=4, target_modules="all-linear", task_type="CAUSAL_LM", init_lora_weights=False))
    scoring.add_scored_head(model)
    model.eval()
    assert_same(model)
    scoring.add_scored_head(plain)
    with model.disable_adapter():
        assert torch.equal(model(**packs.scored_inputs(ROW)), plain(**packs.scored_inputs(ROW)))
    assert not torch.equal(model(**packs.scored_inputs(ROW)), plain(**packs.scored_inputs(ROW)))


def test_an_adapter_on_the_head_itself_is_refused() -> None:
    model = peft.get_peft_model(tiny_model(), peft.LoraConfig(r=4, target_modules=["lm_head"], task_type="CAUSAL_LM"))
    scoring.add_scored_head(model)
    with pytest.raises(ModelError, match="adapter on the model's head"):
        model(**packs.scored_inputs(ROW))


def test_all_other_calls_stay_as_they_were() -> None:
    model = tiny_model()
    plain = twin(model, "magnet_segments")
    scoring.add_scored_head(model)
    scoring.add_scored_head(model)
    ids = torch.arange(3, 11)[None]
    options = {"max_new_tokens": 5, "do_sample": False, "attention_mask": torch.ones_like(ids)}
    assert torch.equal(model.generate(ids, **options), plain.generate(ids, **options))
    labelled = model(input_ids=ids, labels=ids)
    assert torch.equal(labelled.loss, plain(input_ids=ids, labels=ids).loss)
    assert inspect.signature(model.forward) == inspect.signature(plain.forward)


def test_a_copy_of_a_scored_model_scores_with_its_own_weights() -> None:
    model = tiny_model()
    scoring.add_scored_head(model)
    other = copy.deepcopy(model)
    before = model(**packs.scored_inputs(ROW))
    with torch.no_grad():
        other.lm_head.weight.mul_(2.0)
    assert torch.equal(model(**packs.scored_inputs(ROW)), before)
    assert_same(other)


def test_bad_calls_are_refused() -> None:
    model = tiny_model()
    scoring.add_scored_head(model)
    ids = torch.arange(3, 9).reshape(2, 3)
    with pytest.raises(ValueError, match="one row"):
        model(input_ids=ids, sources=torch.tensor([0]), targets=torch.tensor([4]))
    with pytest.raises(ValueError, match="as many targets"):
        model(input_ids=ids[:1], sources=torch.tensor([0]), targets=torch.tensor([4, 5]))


@pytest.mark.parametrize(("kind", "width"), [("float32", 64), ("bfloat16", 3_584)])
def test_8192_tokens_of_152k_words_add_less_than_a_gigabyte(kind: str, width: int) -> None:
    fake: Any = pytest.importorskip("torch._subclasses.fake_tensor")
    live_bytes: Any = pytest.importorskip("magnet_ray.training.dry_run").LiveBytes
    words, tokens = 151_936, 8_192
    with fake.FakeTensorMode():
        dtype = getattr(torch, kind)
        hidden, weight = (torch.empty(*size, dtype=dtype, requires_grad=True) for size in ((tokens, width), (words, width)))
        targets = torch.zeros(tokens, dtype=torch.long)
        with live_bytes([hidden, weight, targets]) as live:
            scoring.ChunkedLogProbabilities.apply(hidden, weight, None, targets, scoring.HeadShape()).sum().backward()
        own_gradients = hidden.nbytes + weight.nbytes
    assert live.peak - own_gradients < 1e9 < words * tokens * 2
