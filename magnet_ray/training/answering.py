"""What a checkpoint says at held-out turns, by plain greedy `generate` of transformers.

Whatever the checkpoint's own generation settings are (sampling, a repetition penalty), they do not apply: the likeliest token is
taken until the turn ends. Prompts go through the model in batches of like length, padded on the left; in float32 the batches change
nothing but roundings, and the same turns give the same answers. Text is cut off sooner than calls: what is judged of it stands at its
beginning, and an untrained model rambles.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import GenerationConfig, StoppingCriteriaList

from magnet_ray.checkpoint_places import fetched
from magnet_ray.errors import Rejected
from magnet_ray.render.base import Message
from magnet_ray.render.parsing import OPEN
from magnet_ray.render.renderer import Renderer, load_renderer
from magnet_ray.training.adapters import named_base, with_adapter
from magnet_ray.training.models import ADAPTER_FILE, load_checkpoint
from magnet_ray.training.turns import Turn, prompt_of

Prompt = tuple[int, tuple[int, ...]]
"""Position among the turns, and token ids."""
Advance = Callable[[int], None]
"""Told how many more turns are done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSettings:
    """How answers are made."""

    max_new_tokens: int = 128
    """Longest answer, in tokens."""
    max_text_tokens: int = 64
    """Tokens after which an answer is cut off that has not begun a call; models that think are not cut off."""
    max_prompt_tokens: int = 8_192
    """Longest prompt; turns with a longer one are skipped."""
    batch_tokens: int = 8_192
    """Most tokens, padding and room for the answers included, that a batch holds; a batch has at least one prompt."""
    device: str = ""
    """Torch device; empty: a GPU where there is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the checkpoint said at one turn."""

    id: str
    """The turn's id."""
    text: str = ""
    """What it emitted, byte for byte, with the end-of-turn token where it reached it."""
    message: Message | None = None
    """The message that this reads as; None when it was not asked."""
    skipped: str = ""
    """Why it was not asked."""


def answer_turns(
    model: Path | str, turns: Sequence[Turn], settings: AnswerSettings | None = None, advance: Advance = lambda turns: None
) -> list[Answer]:
    """What a checkpoint says at each of the turns, in their order.

    Args:
        model: directory of a whole checkpoint or of a PEFT adapter.
        turns: decisions.
        settings: limits; None: the defaults.
        advance: told after each batch how many turns it had.

    Raises:
        ModelError: the checkpoint cannot be loaded, or has no chat template that can be rendered with.
    """
    settings = settings or AnswerSettings()
    renderer = load_renderer(_tokenizer_directory(Path(fetched(model, weights=False))))
    answers, prompts = _prompts(renderer, turns, settings.max_prompt_tokens)
    advance(len(turns) - len(prompts))
    if prompts:
        network = load_network(model, settings.device)
        for batch in batches(prompts, settings):
            emitted = generate(network, [ids for _, ids in batch], renderer, settings)
            for (position, _), ids in zip(batch, emitted, strict=True):
                answers[position] = Answer(id=turns[position].id, text=renderer.decode(ids), message=renderer.parse(ids))
            advance(len(batch))
    return answers


def load_network(model: Path | str, device: str = "") -> Any:
    """The model on its device, ready to answer: an adapter is merged into its base. bfloat16 on a GPU, float32 elsewhere.

    Raises:
        ModelError: it cannot be loaded, or its weights are not safetensors.
    """
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    dtype = torch.bfloat16 if device.startswith("cuda") else torch.float32
    local = Path(fetched(model))
    if (local / ADAPTER_FILE).exists():
        network = with_adapter(named_base(local), local, dtype).merge_and_unload()
    else:
        network = load_checkpoint(str(local), dtype)
    network.generation_config = GenerationConfig()
    return network.to(device).eval()


def batches(prompts: Sequence[Prompt], settings: AnswerSettings) -> Iterator[list[Prompt]]:
    """The prompts in batches of like length, the longest first, so that what does not fit into memory shows at once."""
    batch: list[Prompt] = []
    for prompt in sorted(prompts, key=lambda each: (-len(each[1]), each[0])):
        width = len(batch[0][1]) if batch else 0
        if batch and (len(batch) + 1) * (width + settings.max_new_tokens) > settings.batch_tokens:
            yield batch
            batch = []
        batch.append(prompt)
    if batch:
        yield batch


def generate(network: Any, prompts: Sequence[tuple[int, ...]], renderer: Renderer, settings: AnswerSettings) -> list[list[int]]:
    """The tokens that follow each of the prompts [batch], up to and with the one that ends the turn."""
    ends = _ends(renderer)
    width = max(map(len, prompts))
    padded = [[ends[0]] * (width - len(ids)) + list(ids) for ids in prompts]
    seen = [[0] * (width - len(ids)) + [1] * len(ids) for ids in prompts]
    config = GenerationConfig(do_sample=False, max_new_tokens=settings.max_new_tokens, eos_token_id=list(ends), pad_token_id=ends[0])
    cut = _TextCut(renderer, width, settings.max_text_tokens)
    with torch.inference_mode():
        whole = network.generate(
            input_ids=torch.tensor(padded, device=network.device),
            attention_mask=torch.tensor(seen, device=network.device),
            generation_config=config,
            stopping_criteria=StoppingCriteriaList([] if renderer.template.abilities.thinks else [cut]),
        )
    emitted = [_until_end(ids, ends) for ids in whole[:, width:].tolist()]
    return [ids[: settings.max_text_tokens] if row in cut.rows else ids for row, ids in enumerate(emitted)]


class _TextCut:
    """Ends the answers of a batch that are text so far, once they are as long as text may be."""

    def __init__(self, renderer: Renderer, width: int, limit: int) -> None:
        self._renderer, self._width, self._limit = renderer, width, limit
        self.rows: set[int] = set()

    def __call__(self, input_ids: Any, scores: Any, **others: Any) -> Any:
        """Rows that are to end now, bool [batch]."""
        if input_ids.shape[1] == self._width + self._limit:
            answers = input_ids[:, self._width :].tolist()
            self.rows = {row for row, ids in enumerate(answers) if not _calls(self._renderer.decode(ids))}
        return torch.tensor([row in self.rows for row in range(len(input_ids))], device=input_ids.device)


def _calls(text: str) -> bool:
    """Whether a text has begun a call, in any form that is known."""
    return OPEN in text or text.lstrip().startswith(("{", "<|python_tag|>"))


def _until_end(ids: list[int], ends: Sequence[int]) -> list[int]:
    stop = next((position + 1 for position, token in enumerate(ids) if token in ends), len(ids))
    return ids[:stop]


def _ends(renderer: Renderer) -> tuple[int, ...]:
    """Tokens at which an answer ends: the turn's end, and the text's."""
    text_end = renderer.tokenizer.eos_token
    others = [int(renderer.tokenizer.convert_tokens_to_ids(text_end))] if text_end else []
    return tuple(dict.fromkeys([renderer.end_of_turn, *others]))


def _prompts(renderer: Renderer, turns: Sequence[Turn], limit: int) -> tuple[list[Answer], list[Prompt]]:
    """An answer for each turn, empty so far, and the prompts of those that are put to the model."""
    answers: list[Answer] = []
    prompts: list[Prompt] = []
    for position, turn in enumerate(turns):
        try:
            ids = renderer.ask(*prompt_of(turn))
            why = f"the prompt takes {len(ids)} tokens, more than {limit}" if len(ids) > limit else ""
        except Rejected as refusal:
            ids, why = (), str(refusal)
        answers.append(Answer(id=turn.id, skipped=why))
        if not why:
            prompts.append((position, ids))
    return answers, prompts


def _tokenizer_directory(model: Path) -> str:
    """Where the tokenizer lies: beside an adapter or with its base."""
    is_bare = (model / ADAPTER_FILE).exists() and not (model / "tokenizer_config.json").exists()
    return named_base(model) if is_bare else str(model)
