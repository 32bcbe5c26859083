"""The whole way from tokens to gradients equals the formula computed plainly, and TRL's loss where TRL has one.

The plain computation (`tiny_models.plain_loss`) runs each side by itself through "sdpa", takes log-softmax of its full logits and
writes -log sigmoid(…) out. Ours packs, shares beginnings, cuts the vocabulary into slices and adds up shares of packs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from magnet_ray.training.tokens import Tokens, pair_tokens, unshared
from tests.training.tiny_models import (
    SHAPES,
    WORDS,
    assert_same_gradients,
    gradients,
    moved_positions,
    plain_loss,
    random_pairs,
    tiny_model,
    torch,
    transformers,
    twin,
)

attention: Any = pytest.importorskip("magnet_ray.training.attention")
packs: Any = pytest.importorskip("magnet_ray.training.packs")
scoring: Any = pytest.importorskip("magnet_ray.training.scoring")
losses: Any = pytest.importorskip("magnet_ray.training.losses")
attention.register_segment_attention()
BETA, WEIGHT = 0.3, 0.7
EQUAL: dict[str, Any] = {"rel": 1e-5, "abs": 1e-5}
"""In float32, whose rounding follows the size of a sum and the processor's order of adding."""
LAYOUTS = ("one pack", "a pack each", "sides apart")
PAIRS = random_pairs(*SHAPES.values())


def models(family: str = "qwen2", **changes: Any) -> tuple[Any, Any]:
    """A policy and a reference that differ, both scored."""
    policy, reference = (tiny_model(family, seed=seed, **changes) for seed in (1, 2))
    for model in (policy, reference):
        scoring.add_scored_head(model)
    return policy, reference


def layout(pairs: Sequence[Tokens], how: str) -> list[Any]:
    """Pairs in packs. Sides apart: each side an example of its own, the right one before the wrong one."""
    if how == "sides apart":
        return [packs.pack(unshared(pair)) for pair in pairs]
    return [packs.pack(pairs)] if how == "one pack" else [packs.pack([pair]) for pair in pairs]


def sums_of(model: Any, row: Any, how: str) -> tuple[Any, Any]:
    """Sums and counts of the pairs of a pack, [P, 2]."""
    sums = losses.side_sums(model(**packs.scored_inputs(row)), row["owners"], row["sides"], len(row["ids"]))
    return (sums[:, 0][None], row["counts"][:, 0][None]) if how == "sides apart" else (sums, row["counts"])


def our_loss(
    policy: Any, reference: Any, pairs: Sequence[Tokens], how: str = "one pack", *, normalised: bool = False, of: Sequence[Tokens] = ()
) -> Any:
    """The loss with its gradients on the policy: packs one after the other, as the trainer takes them.

    Args:
        of: the global batch, where `pairs` are one rank's.
    """
    batch = of or pairs
    tokens = sum(int(packs.pack([pair])["counts"][0, 0]) for pair in batch)
    total = torch.zeros(())
    for row in layout(pairs, how):
        sums, counts = sums_of(policy, row, how)
        with torch.no_grad():
            known, _ = sums_of(reference, row, how)
        made = losses.mdpo_loss(sums, known, beta=BETA, counts=counts if normalised else None)
        share = losses.combined_loss(sums, made.losses, weight=WEIGHT, tokens=tokens, pairs=len(batch))
        share.backward()
        total += share.detach()
    return total


def plainly(policy: Any, reference: Any, pairs: Sequence[Tokens], *, normalised: bool = False) -> tuple[float, dict[str, Any]]:
    """The loss from the formula and its gradients, on models that share nothing with ours but their weights."""
    policy, reference = twin(policy, "sdpa"), twin(reference, "sdpa")
    loss, _ = plain_loss(policy, reference, pairs, beta=BETA, weight=WEIGHT, normalised=normalised)
    loss.backward()
    return loss.item(), gradients(policy)


def assert_equal(policy: Any, reference: Any, pairs: Sequence[Tokens], how: str = "one pack", *, normalised: bool = False) -> None:
    """Loss and gradients are the formula's."""
    expected, pulls = plainly(policy, reference, pairs, normalised=normalised)
    assert our_loss(policy, reference, pairs, how, normalised=normalised).item() == pytest.approx(expected, **EQUAL)
    assert_same_gradients(gradients(policy), pulls)


@pytest.mark.parametrize("how", LAYOUTS)
@pytest.mark.parametrize("shape", SHAPES)
def test_loss_and_gradients_are_the_formula_s(shape: str, how: str) -> None:
    assert_equal(*models(), random_pairs(SHAPES[shape]), how)


@pytest.mark.parametrize("normalised", [False, True])
@pytest.mark.parametrize("how", LAYOUTS)
@pytest.mark.parametrize("family", ["qwen2", "qwen3", "llama"])
def test_many_pairs_of_different_lengths_are_a_mean_over_all(family: str, how: str, normalised: bool) -> None:
    assert_equal(*models(family, tie_word_embeddings=family == "qwen3"), PAIRS, how, normalised=normalised)


@pytest.mark.parametrize("trained", ["all turns", "the continuation"])
def test_it_holds_whether_or_not_the_shared_part_is_trained(trained: str) -> None:
    pairs = random_pairs((12, 5, 7), (20, 9, 4))
    if trained == "the continuation":
        pairs = [replace(pair, mask=pair.mask & (np.arange(len(pair.mask)) >= pair.shared)) for pair in pairs]
    assert all(pair.mask[: pair.shared].any() == (trained == "all turns") for pair in pairs)
    for how in LAYOUTS:
        assert_equal(*models(), pairs, how)


def test_shares_of_two_workers_add_up_to_the_global_batch() -> None:
    policy, reference = models()
    expected, pulls = plainly(policy, reference, PAIRS)
    parts = [our_loss(policy, reference, PAIRS[rank::2], "a pack each", of=PAIRS).item() for rank in range(2)]
    assert sum(parts) == pytest.approx(expected, **EQUAL)
    assert_same_gradients(gradients(policy), pulls)


def test_a_row_that_keeps_a_worker_in_step_changes_nothing() -> None:
    policy, reference = models()
    expected = our_loss(policy, reference, PAIRS)
    pulls = gradients(policy)
    idle = replace(PAIRS[0], mask=np.zeros_like(PAIRS[0].mask))
    row = packs.pack([])
    sums, _ = sums_of(policy, row, "one pack")
    losses.combined_loss(sums, losses.mdpo_loss(sums, sums, beta=BETA).losses, weight=WEIGHT, tokens=9, pairs=5).backward()
    assert our_loss(policy, reference, [*PAIRS, idle], of=PAIRS).item() == pytest.approx(expected.item(), abs=1e-6)
    assert_same_gradients(gradients(policy), pulls)


def test_recomputing_layers_gives_the_same_gradients() -> None:
    policy, reference = models()
    expected, pulls = plainly(policy, reference, PAIRS)
    policy.train().activation_checkpointing_enable()
    assert our_loss(policy, reference, PAIRS).item() == pytest.approx(expected, **EQUAL)
    assert_same_gradients(gradients(policy), pulls)


# Real conversations.


def rendered_pairs(*, whole: bool) -> list[Tokens]:
    """Two rendered pairs, with masks over all of the assistant's messages or over those of the continuation."""
    truncation: Any = pytest.importorskip("tests.render.test_truncation")
    renderer: Any = pytest.importorskip("tests.render.families").renderer_of("qwen2.5")
    pairs = (truncation.PAIR, truncation.pair(truncation.TALK[:2], truncation.TALK[2:6], truncation.TALK[5:6]))
    return [pair_tokens(renderer.render_pair(pair, whole=whole)) for pair in pairs]


@pytest.mark.parametrize("whole", [True, False])
def test_rendered_pairs_give_the_formula_s_loss(whole: bool) -> None:
    pairs = rendered_pairs(whole=whole)
    turns = [int((np.diff(unshared(pair)[0].mask.astype(int)) == 1).sum()) for pair in pairs]
    # The second pair has but one turn, of two messages.
    assert turns == ([4, 2] if whole else [2, 2])
    policy, reference = models(vocab_size=512)
    for how in LAYOUTS:
        assert_equal(policy, reference, pairs, how)


def test_at_step_0_there_is_no_margin_however_the_reference_was_packed() -> None:
    pairs = [*rendered_pairs(whole=True), *random_pairs((900, 300, 500), (40, 1_200, 30), seed=5)]
    policy = tiny_model(vocab_size=512, seed=1)
    scoring.add_scored_head(policy)
    with torch.no_grad():
        reference = torch.cat([sums_of(policy, row, "sides apart")[0] for row in layout(pairs, "sides apart")])
        sums, _ = sums_of(policy, layout(pairs, "one pack")[0], "one pack")
    made = losses.mdpo_loss(sums, reference, beta=BETA)
    assert made.margins.abs().max().item() < 1e-4
    assert made.losses.mean().item() == pytest.approx(np.log(2), abs=1e-4)


# Masks.


def logits_model() -> Any:
    """A policy whose last hidden states are its logits: its head is the identity."""
    model = tiny_model(hidden_size=WORDS + 3, vocab_size=WORDS + 3, num_attention_heads=4, head_dim=8)
    with torch.no_grad():
        model.lm_head.weight.copy_(torch.eye(WORDS + 3))
    scoring.add_scored_head(model)
    return model


def pulled_positions(model: Any, pairs: Sequence[Tokens]) -> list[int]:
    """Positions of the row whose logits get a gradient that is not exactly 0."""
    reference = twin_of(model)
    return moved_positions(model, lambda: our_loss(model, reference, pairs))


def twin_of(model: Any) -> Any:
    """A scored model with other weights, for a reference."""
    other = twin(model, "magnet_segments")
    with torch.no_grad():
        other.model.norm.weight.mul_(1.1)
    scoring.add_scored_head(other)
    return other


def expected_positions(pairs: Sequence[Tokens]) -> list[int]:
    """Positions that stand before a trained token on its own side, written out side by side."""
    found, start = set[int](), 0
    for pair in pairs:
        places = list(range(start, start + len(pair.ids)))
        middle = pair.shared + pair.chosen
        for side in (places[:middle], [*places[: pair.shared], *places[middle:]]):
            found |= {before for before, place in pairwise(side) if pair.mask[place - start]}
        start += len(pair.ids)
    return sorted(found)


def shifted(pair: Tokens) -> Tokens:
    """A pair whose mask is one token late on each side."""
    mask = pair.mask.copy()
    mask[1:] = pair.mask[:-1]
    mask[pair.shared + pair.chosen] = pair.mask[pair.shared - 1]
    return replace(pair, mask=mask)


def test_logits_at_masked_positions_get_a_gradient_of_exactly_0() -> None:
    pairs = random_pairs((9, 5, 7), (3, 6, 4))
    assert pulled_positions(logits_model(), pairs) == expected_positions(pairs)


def test_replacing_masked_labels_changes_nothing() -> None:
    pairs = random_pairs((9, 5, 7), (3, 6, 4))
    random = np.random.default_rng(0)
    torch.manual_seed(0)
    logits = torch.randn(sum(len(pair.ids) for pair in pairs), WORDS, requires_grad=True)
    outcomes = []
    for _ in range(3):
        row = packs.pack(pairs)
        sums = losses.side_sums(logits.log_softmax(-1)[row["sources"], row["targets"]], row["owners"], row["sides"], len(pairs))
        made = losses.mdpo_loss(sums, torch.zeros(2, 2), beta=BETA)
        losses.combined_loss(sums, made.losses, weight=WEIGHT, tokens=9, pairs=2).backward()
        outcomes.append((made.losses.detach(), logits.grad, row["targets"]))
        logits.grad = None
        # The logits stay; what they are compared with changes wherever nothing is trained.
        pairs = [replace(pair, ids=np.where(pair.mask, pair.ids, random.integers(3, WORDS, len(pair.ids)))) for pair in pairs]
    for outcome in outcomes[1:]:
        assert all(torch.equal(mine, first) for mine, first in zip(outcome, outcomes[0], strict=True))


@pytest.mark.parametrize("whole", [True, False])
def test_a_mask_that_is_shifted_by_one_token_is_caught(whole: bool) -> None:
    right = rendered_pairs(whole=whole)
    wrong = [shifted(pair) for pair in right]
    policy, reference = models(vocab_size=512)
    expected, pulls = plainly(policy, reference, right)
    assert abs(our_loss(policy, reference, wrong).item() - expected) > 1e-3
    found = gradients(policy)
    assert max(float((found[name] - pulls[name]).abs().max()) for name in pulls) > 1e-3
    policy, pairs = logits_model(), random_pairs((9, 5, 7), (3, 6, 4))
    assert pulled_positions(policy, [shifted(pair) for pair in pairs]) != expected_positions(pairs)


def test_a_weight_that_is_no_number_makes_the_loss_none() -> None:
    policy, reference = models()
    with torch.no_grad():
        policy.model.layers[1].mlp.up_proj.weight[0, 0] = float("nan")
    assert not torch.isfinite(our_loss(policy, reference, PAIRS))


# TRL's own.


def trl_trainer(policy: Any, reference: Any, directory: Path) -> Any:
    """TRL's DPO trainer around both models; what it is trained on is given to its loss directly."""
    trl: Any = pytest.importorskip("trl")
    datasets: Any = pytest.importorskip("datasets")
    tokenizer: Any = pytest.importorskip("tests.render.families").stand_in("qwen2.5")
    settings = trl.DPOConfig(
        output_dir=str(directory), beta=BETA, loss_type=["sigmoid"], use_cpu=True, bf16=False, report_to=[], gradient_checkpointing=False
    )
    rows = datasets.Dataset.from_list([{"prompt": "Book it.", "chosen": "Booked.", "rejected": "No."}])
    return trl.DPOTrainer(model=policy, ref_model=reference, args=settings, train_dataset=rows, processing_class=tokenizer)


def trl_inputs(pairs: Sequence[Tokens]) -> Any:
    """What TRL's collator makes of pairs whose completions are all that the sides do not share."""
    collator: Any = pytest.importorskip("trl.trainer.dpo_trainer").DataCollatorForPreference(pad_token_id=0)
    rows = []
    for pair in pairs:
        chosen, rejected = (side.ids.tolist() for side in unshared(pair))
        rows.append({"prompt_ids": chosen[: pair.shared], "chosen_ids": chosen[pair.shared :], "rejected_ids": rejected[pair.shared :]})
    return collator(rows)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_given_the_same_tokens_and_masks_the_loss_is_trl_s(tmp_path: Path) -> None:
    pairs = [
        replace(pair, mask=np.arange(len(pair.ids)) >= pair.shared)
        for pair in (*rendered_pairs(whole=False), *random_pairs((9, 5, 7), (4, 12, 2)))
    ]
    policy, reference = models(vocab_size=512)
    trainer = trl_trainer(twin(policy, "sdpa"), twin(reference, "sdpa"), tmp_path)
    expected = trainer._compute_loss(trainer.model, trl_inputs(pairs), return_outputs=False)
    expected.backward()
    row = packs.pack(pairs)
    sums, _ = sums_of(policy, row, "one pack")
    with torch.no_grad():
        known, _ = sums_of(reference, row, "one pack")
    made = losses.mdpo_loss(sums, known, beta=BETA)
    made.losses.mean().backward()
    assert made.losses.mean().item() == pytest.approx(expected.item(), **EQUAL)
    assert_same_gradients(gradients(policy), gradients(trainer.model))
    assert made.margins.mean().item() == pytest.approx(trainer._metrics["eval"]["rewards/margins"][0], **EQUAL)


@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_given_the_mask_of_several_turns_the_loss_is_trl_s(tmp_path: Path) -> None:
    pairs = rendered_pairs(whole=True)
    policy, reference = models(vocab_size=512)
    trainer = trl_trainer(twin(policy, "sdpa"), twin(reference, "sdpa"), tmp_path)
    inputs = trl_inputs(pairs)
    sides = [side for column in zip(*map(unshared, pairs), strict=True) for side in column]
    for line, side in enumerate(sides):
        inputs["completion_mask"][line, : len(side.mask)] = torch.as_tensor(side.mask)
    expected = trainer._compute_loss(trainer.model, inputs, return_outputs=False)
    row = packs.pack(pairs)
    with torch.no_grad():
        made = losses.mdpo_loss(sums_of(policy, row, "one pack")[0], sums_of(reference, row, "one pack")[0], beta=BETA)
    assert made.losses.mean().item() == pytest.approx(expected.item(), **EQUAL)


def test_the_sft_part_is_the_model_s_own_loss_on_the_right_sides() -> None:
    policy, _ = models()
    row = packs.pack(PAIRS)
    tokens = int(row["counts"][:, 0].sum())
    right = [unshared(pair)[0] for pair in PAIRS]
    labels = np.concatenate([np.where(side.mask, side.ids, -100) for side in right]).astype(np.int64)
    own = transformers.AutoModelForCausalLM.from_config(policy.config, attn_implementation="magnet_segments").eval()
    own.load_state_dict(policy.state_dict())
    inputs = {name: packs.pack(right)[name] for name in ("input_ids", "position_ids", "segments")}
    expected = own(**inputs, labels=torch.as_tensor(labels)[None], num_items_in_batch=tokens).loss
    sums, _ = sums_of(policy, row, "one pack")
    assert losses.sft_loss(sums, tokens=tokens).item() == pytest.approx(expected.item(), **EQUAL)
