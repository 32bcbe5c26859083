"""Made-up codes and words for values that no kind explains: `PAT-48213`, `Juniper`, `regional strategy`."""

from __future__ import annotations

import re
from datetime import date
from random import Random
from typing import Final

from magnet_ray.field_kinds import KINDS, kind_of, tokens_of
from magnet_ray.field_kinds.meanings import ID_TAILS, coined_name, identifier_prefix
from magnet_ray.lexicon import LABELS

PLAIN_TYPES: Final = ("standard", "basic", "general", "seasonal")
ABSTRACT: Final = re.compile(
    r"(?:tion|sion|ment|ity|ics|ing|ism|sis|ure|ance|ence|logy|omy|ophy|ship|ness|design|style|work|theory|code|model|response|profile"
    r"|record|structure|behaviou?r)$"
)
"""Ends of nouns for what is described rather than named."""
_EMPTY: Final = frozenset({"the", "data", "input", "name", "type", "info"})


def identifier_text(name: str, rng: Random) -> str:
    """A code as people read it from a letter: `PAT-48213` for a patient, `583920` for a bare id."""
    tokens = [token for token in tokens_of(name) if token not in ID_TAILS and token not in {"number", "code", "no"}]
    last = tokens[-1] if tokens else ""
    known = kind_of(last)
    stem = last[:3].upper() if known and known.named and known.name.startswith(last[:3]) else identifier_prefix(last)
    return f"{stem}-{rng.randint(10_000, 99_999)}" if stem.isalpha() and len(stem) > 1 else str(rng.randint(100_000, 999_999))


def free_text(name: str, description: str, rng: Random, today: date) -> str:
    """Words for a field that nothing else explains: a label, or its own noun with a plain adjective (`regional strategy`)."""
    tokens = tokens_of(name)
    if tokens[-1:] in (("no",), ("nr",), ("number",), ("num",), ("pk",), ("uuid",), ("identifiant",)):
        return str(rng.randint(1000, 9999))
    if tokens[-1:] in (("name",), ("title",)):
        return coined_name(name, description, rng)
    words = [token for token in tokens if token.isalpha() and len(token) > 2 and token not in _EMPTY]
    if len(words) > 3 or not words:
        return KINDS["topic"].draw_text(rng, today)
    if tokens[-1] == "type":
        return rng.choice(PLAIN_TYPES)
    if len(words) == 1 and len(words[0]) <= 3:
        return KINDS["word"].draw_text(rng, today)
    if (ABSTRACT.search(words[-1]) and words[-1] not in {"station", "feature"}) or words[-1].endswith("s"):
        return f"{rng.choice(('standard', 'regional', 'annual', 'revised', 'original'))} {' '.join(words)}"
    return rng.choice(LABELS)
