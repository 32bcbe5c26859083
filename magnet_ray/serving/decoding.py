"""Tokens of many answers at once: one thread that steps a transformers model over all of them.

Requests join between two steps and leave when they end or are given up; each has its own sampling, seed and guide, so what is
drawn for one does not depend on who is beside it. transformers' own continuous batching has no seeds and no guides of single requests,
and holds a fixed share of the memory; here the key-value caches are joined, padded on the left. A model whose layers keep other
states than that (a sliding window, a recurrence) has its requests answered one after the other.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import torch
from transformers import DynamicCache
from transformers.cache_utils import DynamicLayer


class Guide(Protocol):
    """What limits the tokens of an answer."""

    def __call__(self, emitted: Sequence[int]) -> Sequence[int] | None:
        """Tokens that may follow those emitted so far; None: any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen."""

    temperature: float = 0.0
    """0 takes the likeliest token."""
    top_p: float = 1.0
    """Share of the probability from which tokens are drawn."""
    seed: int = 0
    """Seed of the draws."""


@dataclass(slots=True, kw_only=True, eq=False)
class Answering:
    """One request while it is answered. What it calls back is called in the decoder's thread."""

    prompt: Sequence[int]
    """Token ids to go on from."""
    limit: int
    """Most tokens of the answer."""
    ends: Sequence[int]
    """Tokens that end it; the last one emitted is one of them, unless the limit came first."""
    sampling: Sampling
    """How tokens are chosen."""
    guide: Guide | None
    """What limits them."""
    tell: Callable[[int | BaseException | None], None]
    """Told every token, then None; or the error that ended the answer."""
    given_up: threading.Event = field(default_factory=threading.Event)
    """Set it to have the answer ended."""
    emitted: list[int] = field(default_factory=list)
    """Tokens so far."""
    generator: Any = None
    """Source of the draws."""

    def is_over(self) -> bool:
        """Whether no further token is wanted."""
        return self.given_up.is_set() or len(self.emitted) >= self.limit or bool(self.emitted and self.emitted[-1] in self.ends)


class Decoder:
    """The thread, the model and the answers under way."""

    def __init__(self, network: Any, batch: int) -> None:
        """Start the thread. `network`: a causal language model, ready to answer; `batch`: most answers at once."""
        self._network, self._batch = network, batch
        self._waiting: queue.SimpleQueue[Answering | None] = queue.SimpleQueue()
        self._closed = False
        self._thread = threading.Thread(target=self._run, daemon=True, name="decoder")
        self._thread.start()

    def submit(self, answering: Answering) -> None:
        """Have a request answered; may be called from any thread."""
        self._waiting.put(answering)

    def close(self) -> None:
        """End the thread; answers under way are left as they are."""
        self._closed = True
        self._waiting.put(None)
        self._thread.join()

    def is_alive(self) -> bool:
        """Whether answers are still made."""
        return self._thread.is_alive()

    def _run(self) -> None:
        together = _Together(self._network)
        with torch.inference_mode():
            while not self._closed:
                try:
                    self._admit(together)
                    together.step()
                except Exception as error:  # noqa: BLE001 - whatever goes wrong with the model ends these answers, not the server
                    for answering in together.answers:
                        answering.tell(error)
                    together = _Together(self._network)

    def _admit(self, together: _Together) -> None:
        """Let one request in that waits: more would hold up those under way. Without any under way, wait for one."""
        if len(together.answers) >= (self._batch if together.joins else 1):
            return
        try:
            answering = self._waiting.get(block=not together.answers)
        except queue.Empty:
            return
        if answering is None:
            return
        if answering.given_up.is_set():
            answering.tell(None)
            return
        try:
            together.join(answering)
        except Exception as error:  # noqa: BLE001 - a prompt that the model fails on is its request's error
            answering.tell(error)


class _Together:
    """Answers that are made in one batch, a row for each."""

    def __init__(self, network: Any) -> None:
        self._network = network
        self.answers: list[Answering] = []
        self.joins = True
        self._cache: Any = None
        self._seen: Any = None
        """1 where a row has a token, 0 where it is padded: [rows, width]."""

    def join(self, answering: Answering) -> None:
        """Read a prompt, emit its first token and let it take part from then on."""
        device = self._network.device
        ids = torch.tensor([list(answering.prompt)], device=device)
        answering.generator = torch.Generator(device="cpu").manual_seed(answering.sampling.seed)
        cache = DynamicCache(config=self._network.config)
        out = self._network(input_ids=ids, past_key_values=cache, use_cache=True, logits_to_keep=1)
        self.joins = all(type(layer) is DynamicLayer for layer in out.past_key_values.layers)
        _emit(answering, out.logits[0, -1])
        if answering.is_over():
            answering.tell(None)
            return
        seen = torch.ones_like(ids)
        if self.answers:
            self._cache, self._seen = _joined(self._cache, self._seen, out.past_key_values, seen)
        else:
            self._cache, self._seen = out.past_key_values, seen
        self.answers.append(answering)

    def step(self) -> None:
        """One more token for each answer; those that are over leave."""
        self._leave()
        if not self.answers:
            return
        device = self._network.device
        ids = torch.tensor([[answering.emitted[-1]] for answering in self.answers], device=device)
        positions = self._seen.sum(dim=1, keepdim=True)
        self._seen = torch.cat([self._seen, torch.ones_like(ids)], dim=1)
        out = self._network(
            input_ids=ids, attention_mask=self._seen, position_ids=positions, past_key_values=self._cache, use_cache=True, logits_to_keep=1
        )
        self._cache = out.past_key_values
        for answering, logits in zip(self.answers, out.logits[:, -1], strict=True):
            _emit(answering, logits)
        self._leave()

    def _leave(self) -> None:
        staying = [row for row, answering in enumerate(self.answers) if not answering.is_over()]
        if len(staying) == len(self.answers):
            return
        for answering in self.answers:
            if answering.is_over():
                answering.tell(None)
        self.answers = [self.answers[row] for row in staying]
        if not staying:
            self._cache = self._seen = None
            return
        seen = self._seen[staying]
        # Columns that only those had who left.
        first = int(seen.argmax(dim=1).min())
        self._cache = DynamicCache(
            [(layer.keys[staying][:, :, first:], layer.values[staying][:, :, first:]) for layer in self._cache.layers]
        )
        self._seen = seen[:, first:]


def _joined(cache: Any, seen: Any, newer: Any, newer_seen: Any) -> tuple[Any, Any]:
    """Two caches as one, the shorter padded on the left."""
    width = max(seen.shape[1], newer_seen.shape[1])

    def padded(states: Any) -> Any:
        return torch.nn.functional.pad(states, (0, 0, width - states.shape[2], 0))

    layers = [
        (torch.cat([padded(ours.keys), padded(theirs.keys)]), torch.cat([padded(ours.values), padded(theirs.values)]))
        for ours, theirs in zip(cache.layers, newer.layers, strict=True)
    ]
    rows = [torch.nn.functional.pad(each, (width - each.shape[1], 0)) for each in (seen, newer_seen)]
    return DynamicCache(layers), torch.cat(rows)


def _emit(answering: Answering, logits: Any) -> None:
    """Choose a token from logits [words] and tell it."""
    allowed = answering.guide(answering.emitted) if answering.guide else None
    token = allowed[0] if allowed is not None and len(allowed) == 1 else _chosen(logits.float().cpu(), answering, allowed)
    answering.emitted.append(token)
    answering.tell(token)


def _chosen(logits: Any, answering: Answering, allowed: Sequence[int] | None) -> int:
    if allowed is not None:
        mask = torch.full_like(logits, float("-inf"))
        mask[list(allowed)] = 0.0
        logits = logits + mask
    sampling = answering.sampling
    if sampling.temperature < 1e-4:
        return int(logits.argmax())
    shares = torch.softmax(logits / sampling.temperature, dim=-1)
    if sampling.top_p < 1.0:
        shares, order = shares.sort(descending=True, stable=True)
        # A token stays while those before it do not make up the share yet, so the likeliest always does.
        shares[shares.cumsum(dim=0) - shares >= sampling.top_p] = 0.0
        return int(order[torch.multinomial(shares, 1, generator=answering.generator)])
    return int(torch.multinomial(shares, 1, generator=answering.generator))
