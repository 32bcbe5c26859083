"""Answers made together are those that would be made alone."""

from __future__ import annotations

import queue
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from tests.training.tiny_models import WORDS, tiny_model, torch

from magnet_ray.serving.decoding import Answering, Decoder, Sampling  # isort: skip

END = 2
PROMPTS = ([5, 6, 7], [9] * 20, [11, 3], list(range(3, 60)), [40, 41, 42, 43])


class Asked:
    """One request, and what was told of it."""

    def __init__(self, prompt: Sequence[int], sampling: Sampling | None = None, limit: int = 24, guide: Any = None) -> None:
        self.told: queue.Queue[int | BaseException | None] = queue.Queue()
        self.answering = Answering(
            prompt=prompt, limit=limit, ends=(END,), sampling=sampling or Sampling(), guide=guide, tell=self.told.put
        )

    def tokens(self) -> list[int]:
        """All tokens, once the answer is over."""
        tokens = []
        while (word := self.told.get(timeout=60.0)) is not None:
            if isinstance(word, BaseException):
                raise word
            tokens.append(word)
        return tokens


@pytest.fixture(scope="module", params=["qwen2", "llama"])
def network(request: pytest.FixtureRequest) -> Any:
    return tiny_model(request.param, "sdpa")


@pytest.fixture
def decoder(network: Any) -> Iterator[Decoder]:
    made = Decoder(network, batch=4)
    yield made
    made.close()


def test_greedy_answers_are_those_of_generate(network: Any, decoder: Decoder) -> None:
    asked = [Asked(prompt) for prompt in PROMPTS]
    for each in asked:
        decoder.submit(each.answering)
    for each, prompt in zip(asked, PROMPTS, strict=True):
        ids = torch.tensor([prompt])
        with torch.inference_mode():
            whole = network.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24, eos_token_id=END, pad_token_id=0
            )
        assert each.tokens() == whole[0, len(prompt) :].tolist()


def test_draws_do_not_depend_on_who_is_beside(decoder: Decoder) -> None:
    def asked() -> list[Asked]:
        return [Asked(prompt, Sampling(temperature=0.9, top_p=0.8, seed=number)) for number, prompt in enumerate(PROMPTS)]

    together = asked()
    for each in together:
        decoder.submit(each.answering)
    whole = [each.tokens() for each in together]
    for alone, before in zip(asked(), whole, strict=True):
        decoder.submit(alone.answering)
        assert alone.tokens() == before
    assert len({tuple(tokens) for tokens in whole}) > 1


def test_an_answer_that_is_given_up_makes_room(decoder: Decoder) -> None:
    endless = [Asked([5, 6], Sampling(temperature=2.0, seed=number), limit=100_000) for number in range(4)]
    for each in endless:
        each.answering.ends = ()
        decoder.submit(each.answering)
    waiting = Asked([7, 8, 9])
    decoder.submit(waiting.answering)
    for each in endless:
        each.answering.given_up.set()
    assert waiting.tokens()
    assert all(len(each.tokens()) < 100_000 for each in endless)


def test_a_guide_limits_the_tokens(decoder: Decoder) -> None:
    guided = Asked([5, 6], guide=lambda emitted: (17, 18) if len(emitted) < 3 else (END,))
    free = Asked([5, 6])
    for each in (guided, free):
        decoder.submit(each.answering)
    tokens = guided.tokens()
    assert set(tokens[:3]) <= {17, 18} and tokens[3:] == [END]
    assert free.tokens() != tokens


def test_a_prompt_that_the_model_fails_on_ends_only_its_own_answer(decoder: Decoder) -> None:
    sound, wrong = Asked([5, 6]), Asked([WORDS + 5])
    for each in (wrong, sound):
        decoder.submit(each.answering)
    with pytest.raises(IndexError):
        wrong.tokens()
    assert sound.tokens()


def test_a_model_with_other_states_answers_one_after_the_other() -> None:
    sliding = tiny_model("qwen2", "sdpa", use_sliding_window=True, sliding_window=8, max_window_layers=0)
    decoder = Decoder(sliding, batch=4)
    try:
        asked = [Asked(prompt) for prompt in PROMPTS]
        for each in asked:
            decoder.submit(each.answering)
        assert all(each.tokens() for each in asked)
    finally:
        decoder.close()
