"""What rendering takes and gives: the part of a tokenizer that it uses, and tokens with their mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

Message = dict[str, Any]
"""A chat message in OpenAI's format; call arguments are JSON text."""
Tools = Sequence[Mapping[str, Any]]
"""Offered functions in OpenAI's tool format."""


class CallForm(StrEnum):
    """How a template writes a call."""

    HERMES = "<tool_call> blocks"
    LLAMA = "a bare JSON object with name and parameters"


class Tokenizer(Protocol):
    """What rendering uses of a transformers tokenizer, so that nothing here imports transformers."""

    chat_template: Any
    """Jinja text, or name -> Jinja text, or None."""
    eos_token: str | None
    """Text of the token that ends a text."""
    added_tokens_decoder: Mapping[int, Any]
    """Id -> added token, with `content` and `special`."""

    def apply_chat_template(self, conversation: Sequence[Message], /, **options: Any) -> Any:
        """The conversation through a Jinja template: a text, or tokens."""

    def __call__(self, text: list[str], /, **options: Any) -> Any:
        """Texts -> `input_ids`, one list for each."""

    def decode(self, token_ids: Sequence[int], /, **options: Any) -> Any:
        """Tokens -> text."""

    def convert_tokens_to_ids(self, tokens: str, /) -> Any:
        """The id of one token."""

    def save_pretrained(self, save_directory: str, /) -> Any:
        """Write the tokenizer's files, its chat template among them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rendered:
    """A conversation as tokens."""

    ids: tuple[int, ...]
    """Token ids."""
    mask: tuple[bool, ...]
    """As long as `ids`: whether the token is one that the model must produce. Position i is predicted from `ids[:i]`."""
    dropped_turns: int = 0
    """User turns left out at the beginning, so that the rest fits."""

    @property
    def trained(self) -> int:
        """How many tokens are trained."""
        return sum(self.mask)


@dataclass(frozen=True, slots=True, kw_only=True)
class RenderedPair:
    """Both sides of a preference pair as tokens."""

    id: str
    """The pair's id."""
    chosen: Rendered
    """Shared conversation and right continuation."""
    rejected: Rendered
    """Shared conversation and wrong continuation."""
    shared: int
    """Tokens at the beginning that are the same on both sides; no trained token lies among them."""
