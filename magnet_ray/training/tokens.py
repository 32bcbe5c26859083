"""What is trained on, as tokens: one record for an SFT example and for both sides of a preference pair.

A pair is laid out as [shared | chosen | rejected]: what both sides begin with stands there once, and each side goes on
from it as if the other were not there. An SFT example is all `shared`. So packing, attention and scoring know one shape.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

import numpy as np
import numpy.typing as npt

from magnet_ray.render.base import Rendered, RenderedPair

Ids = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokens:
    """An example or a pair as tokens."""

    id: str
    """Id of the example or pair."""
    ids: Ids
    """Token ids, int32 [shared + chosen + rejected]."""
    mask: Mask
    """As long as `ids`: whether the model must produce the token, given those of its own side before it."""
    shared: int
    """Tokens at the beginning that belong to both sides; all of them in an SFT example."""
    chosen: int = 0
    """Tokens after them that only the right side has; 0 in an SFT example."""
    rejected: int = 0
    """Tokens after those that only the wrong side has; 0 in an SFT example."""

    @property
    def is_pair(self) -> bool:
        """Whether there are two sides."""
        return bool(self.chosen or self.rejected)

    @property
    def trained(self) -> int:
        """Trained tokens of the right side: what the SFT loss is a mean over."""
        return int(self.mask[: self.shared + self.chosen].sum())


def example_tokens(id: str, rendered: Rendered) -> Tokens:
    """An SFT example."""
    return Tokens(id=id, ids=np.array(rendered.ids, np.int32), mask=np.array(rendered.mask, np.bool_), shared=len(rendered.ids))


def pair_tokens(pair: RenderedPair) -> Tokens:
    """A pair, with everything that its sides begin with shared, trained or not: equal terms cancel in the margin.

    Each side keeps at least one token of its own, for a side that is the other's beginning has nothing left to say.
    """
    shared = min(_common(pair.chosen, pair.rejected), len(pair.chosen.ids) - 1, len(pair.rejected.ids) - 1)
    return Tokens(
        id=pair.id,
        ids=np.array([*pair.chosen.ids, *pair.rejected.ids[shared:]], np.int32),
        mask=np.array([*pair.chosen.mask, *pair.rejected.mask[shared:]], np.bool_),
        shared=shared,
        chosen=len(pair.chosen.ids) - shared,
        rejected=len(pair.rejected.ids) - shared,
    )


def unshared(tokens: Tokens) -> tuple[Tokens, Tokens]:
    """Both sides of a pair as examples of their own: what a trainer computes that shares nothing."""
    middle = tokens.shared + tokens.chosen
    sides: Sequence[tuple[Ids, Mask]] = (
        (tokens.ids[:middle], tokens.mask[:middle]),
        (
            np.concatenate([tokens.ids[: tokens.shared], tokens.ids[middle:]]),
            np.concatenate([tokens.mask[: tokens.shared], tokens.mask[middle:]]),
        ),
    )
    chosen, rejected = (Tokens(id=tokens.id, ids=ids, mask=mask, shared=len(ids)) for ids, mask in sides)
    return chosen, rejected


def _common(first: Rendered, second: Rendered) -> int:
    """Tokens at the beginning that are the same on both sides, and trained on both or on neither."""
    columns = zip(first.ids, second.ids, first.mask, second.mask, strict=False)
    return sum(1 for _ in takewhile(lambda column: column[0] == column[1] and column[2] == column[3], columns))
