"""Attention over packed rows equals attention over each side alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from magnet_ray.errors import ModelError
from magnet_ray.training.tokens import Tokens, unshared
from tests.training.tiny_models import (
    FAMILIES,
    SHAPES,
    assert_same_gradients,
    gradients,
    random_pairs,
    random_tokens,
    tiny_model,
    torch,
    transformers,
    twin,
)

attention: Any = pytest.importorskip("magnet_ray.training.attention")
packs: Any = pytest.importorskip("magnet_ray.training.packs")
NAME = attention.register_segment_attention()


def row_inputs(items: Sequence[Tokens]) -> dict[str, Any]:
    row = packs.pack(items)
    return {name: row[name] for name in ("input_ids", "position_ids", "segments")}


def sides_alone(model: Any, item: Tokens) -> list[Any]:
    """Logits of each side run by itself."""
    sides = unshared(item) if item.is_pair else (item,)
    return [model(input_ids=torch.as_tensor(side.ids, dtype=torch.long)[None]).logits[0] for side in sides]


def row_alone(model: Any, items: Sequence[Tokens]) -> Any:
    """Logits of a row, put together from sides that were run by themselves."""
    parts = []
    for item in items:
        chosen, *rejected = sides_alone(model, item)
        parts += [chosen, *(side[item.shared :] for side in rejected)]
    return torch.cat(parts)


ROWS = {
    "one example": [random_tokens(0, 12)],
    "examples": [random_tokens(seed, length) for seed, length in enumerate((7, 1, 12))],
    **{name: random_pairs(shape) for name, shape in SHAPES.items()},
    "many pairs": random_pairs(*SHAPES.values()),
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("family", FAMILIES)
def test_a_packed_row_gives_the_logits_and_gradients_of_each_side_alone(family: str, row: str) -> None:
    items, model = ROWS[row], tiny_model(family)
    alone = twin(model, "sdpa")
    packed, expected = model(**row_inputs(items)).logits[0], row_alone(alone, items)
    torch.testing.assert_close(packed, expected, atol=1e-5, rtol=1e-5)
    pull = torch.randn(packed.shape, generator=torch.Generator().manual_seed(1)) / len(packed)
    # Where both sides share a beginning, the packed row passes its gradient once.
    (packed * pull).sum().backward()
    (expected * pull).sum().backward()
    assert_same_gradients(gradients(model), gradients(alone))


@pytest.mark.parametrize("reentrant", [True, False])
def test_recomputing_layers_in_the_backward_pass_changes_nothing(reentrant: bool) -> None:
    model = tiny_model().train()
    inputs = row_inputs(ROWS["many pairs"])
    model(**inputs).logits.square().mean().backward()
    expected = gradients(model)
    model.activation_checkpointing_enable(activation_checkpointing_kwargs={"use_reentrant": reentrant})
    model.enable_input_require_grads()
    model(**inputs, use_cache=False).logits.square().mean().backward()
    assert_same_gradients(gradients(model), expected)


def test_segments_may_come_as_lists() -> None:
    inputs = row_inputs(ROWS["many pairs"])
    model = tiny_model()
    lists = {**inputs, "segments": [list(segment) for segment in inputs["segments"]]}
    assert torch.equal(model(**lists).logits, model(**inputs).logits)


def test_one_side_does_not_see_the_other_nor_its_neighbours() -> None:
    model, items = tiny_model(), ROWS["many pairs"]
    inputs = row_inputs(items)
    before = model(**inputs).logits[0]
    shared, chosen, _ = inputs["segments"][0]
    inputs["input_ids"][0, shared : shared + chosen] = 3
    after = model(**inputs).logits[0]
    changed = (before != after).any(-1).nonzero()[:, 0].tolist()
    assert set(changed) <= set(range(shared, shared + chosen)) and changed


@pytest.mark.parametrize("family", FAMILIES)
def test_without_segments_everything_is_sdpa_s(family: str) -> None:
    model = tiny_model(family)
    plain = twin(model, "sdpa")
    ids = torch.randint(3, 90, (2, 11), generator=torch.Generator().manual_seed(0))
    padding = torch.ones_like(ids)
    padding[0, :4] = 0
    packed_positions = torch.tensor([[*range(5), *range(6)]])
    for inputs in (
        {"input_ids": ids},
        {"input_ids": ids, "attention_mask": padding},
        # Without segments, positions that start again are all there is to tell packed sequences apart.
        {"input_ids": ids[:1], "position_ids": packed_positions},
    ):
        assert torch.equal(model(**inputs).logits, plain(**inputs).logits)
    options = {"max_new_tokens": 6, "do_sample": False, "attention_mask": padding}
    for cache in ({}, {"cache_implementation": "static"}, {"use_cache": False}):
        assert torch.equal(model.generate(ids, **options, **cache), plain.generate(ids, **options, **cache))


def test_no_mask_over_the_whole_row_is_made() -> None:
    made = []
    options = {"batch_size": 1, "q_length": 8, "kv_length": 8, "attention_mask": None, "allow_is_causal_skip": False}
    postponed = attention.segment_mask(**options, mask_function=lambda *places: made.append(places))
    states = torch.zeros(1, 2, 8, 4)
    module = torch.nn.Module()
    for _ in range(2):
        output, _ = attention.segment_attention(module, states, states, states, postponed, segments=((3, 2, 3),))
    assert output.shape == (1, 8, 2, 4) and not made


def test_what_cannot_be_computed_so_is_refused() -> None:
    states = torch.zeros(1, 2, 8, 4)
    call = attention.segment_attention

    def attend(**options: Any) -> Any:
        return call(torch.nn.Module(), states, states, states, None, **options)

    with pytest.raises(ValueError, match="cover one row of 7 tokens"):
        attend(segments=((3, 2, 2),))
    with pytest.raises(ValueError, match="no padding"):
        call(torch.nn.Module(), states, states, states, torch.ones(1, 1, 8, 8, dtype=torch.bool), segments=((3, 2, 3),))
    with pytest.raises(ModelError, match="last 5 tokens only; got 'a conversation of 6'"):
        attend(segments=((3, 2, 3),), sliding_window=5)
    attend(segments=((3, 2, 3),), sliding_window=6, softcap=None)
    with pytest.raises(ModelError, match="cannot be packed; got 'a layer with softcap'"):
        attend(segments=((3, 2, 3),), softcap=30.0)


def test_registering_twice_changes_nothing() -> None:
    assert attention.register_segment_attention() == attention.register_segment_attention() == NAME
    assert NAME in transformers.AttentionInterface() and NAME in transformers.AttentionMaskInterface()


def test_positions_of_the_wrong_side_go_on_from_the_shared_part() -> None:
    assert np.array_equal(row_inputs(random_pairs((3, 2, 2)))["position_ids"][0], [0, 1, 2, 3, 4, 3, 4])
