"""Which examples an optimizer step sees, and how they are laid out over workers and packs.

A step's examples depend on the seed and the step alone, never on the number of workers, so that one worker or many, before and
after a resize, take the same steps. Within a step examples are packed without padding: first fit, longest first, and every
worker gets equally many packs, for workers that share weights must pass through the model equally often.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

Pack = tuple[int, ...]
"""Positions of the examples that go through the model at once; none in a pack that only keeps a worker in step."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Batches:
    """The steps of a training run over examples of known sizes."""

    sizes: Sequence[int]
    """Tokens of each example."""
    batch_size: int
    """Examples of a step."""
    epochs: int = 1
    """Passes over the examples."""
    seed: int = 1
    """Seed of their order."""
    max_steps: int | None = None
    """Steps after which to stop."""

    @property
    def steps_of_epoch(self) -> int:
        """Steps of one pass; the last one may have fewer examples."""
        return -(-len(self.sizes) // self.batch_size)

    @property
    def steps(self) -> int:
        """Steps in all."""
        steps = self.steps_of_epoch * self.epochs
        return steps if self.max_steps is None else min(steps, self.max_steps)

    def examples_of(self, step: int) -> Pack:
        """Positions of the examples of a step, in the seed's order."""
        epoch, position = divmod(step, self.steps_of_epoch)
        order = np.random.default_rng([self.seed, epoch]).permutation(len(self.sizes))
        return tuple(order[position * self.batch_size : (position + 1) * self.batch_size].tolist())

    def layout_of(self, step: int, workers: int, budget: int) -> tuple[tuple[Pack, ...], ...]:
        """The packs of a step: [workers][packs], equally many for each worker. An example over the budget has a pack to itself."""
        packs = _filled(self.examples_of(step), self.sizes, budget)
        wanted = -(-len(packs) // workers) * workers
        packs += [() for _ in range(wanted - len(packs))]
        _spread(packs, self.sizes)
        # Heaviest first, back and forth over the workers, so that none has all the long ones.
        packs.sort(key=lambda pack: (-_tokens(pack, self.sizes), pack))
        lanes: list[list[Pack]] = [[] for _ in range(workers)]
        for start in range(0, wanted, workers):
            row = packs[start : start + workers]
            for lane, pack in zip(lanes if start // workers % 2 == 0 else lanes[::-1], row, strict=True):
                lane.append(pack)
        return tuple(tuple(lane) for lane in lanes)


def _filled(examples: Sequence[int], sizes: Sequence[int], budget: int) -> list[Pack]:
    """First fit, longest first."""
    packs: list[list[int]] = []
    free: list[int] = []
    for example in sorted(examples, key=lambda example: (-sizes[example], example)):
        place = next((number for number, room in enumerate(free) if room >= sizes[example]), None)
        if place is None:
            packs.append([example])
            free.append(budget - sizes[example])
        else:
            packs[place].append(example)
            free[place] -= sizes[example]
    return [tuple(pack) for pack in packs]


def _spread(packs: list[Pack], sizes: Sequence[int]) -> None:
    """Give empty packs half of what the heaviest divisible pack holds."""
    for number, pack in enumerate(packs):
        if pack:
            continue
        heaviest = max((other for other in packs if len(other) > 1), key=lambda other: (_tokens(other, sizes), other), default=None)
        if heaviest is None:
            return
        packs[packs.index(heaviest)], packs[number] = heaviest[::2], heaviest[1::2]


def _tokens(pack: Pack, sizes: Sequence[int]) -> int:
    return sum(sizes[example] for example in pack)
