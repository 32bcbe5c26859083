"""The renderer: messages and tools -> token ids and loss mask, and back.

A token is trained when the model must produce it: the text, the calls and the end-of-turn token of the assistant's messages,
never what the generation prompt already supplies. The assistant's messages lie between generation prompt and end of turn;
both hold special tokens, which no message may hold as text, so they are found in the rendered text without a second
rendering. Each is tokenised by itself, as a server's prompt ends where it begins. TRL's own marks, narrowed, give the same.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from typing import Any

from magnet_ray.checkpoint_places import fetched
from magnet_ray.errors import ModelError, Rejected, boundary
from magnet_ray.render.base import Message, Rendered, RenderedPair, Tokenizer, Tools
from magnet_ray.render.conversation import Conversation, take_conversation
from magnet_ray.render.parsing import parse_message, until
from magnet_ray.render.template import PROBE, PROBE_TOOLS, Template, choose_template, write_text
from magnet_ray.types import FailureReason, PreferencePair, SftExample, compact


class Renderer:
    """Renders and parses for one checkpoint."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        """A renderer with the checkpoint's template, or the one that takes its place.

        Raises:
            ModelError: the tokenizer has no chat template, or none that can be trained on.
        """
        self.tokenizer = tokenizer
        self.template: Template = choose_template(tokenizer)
        self._markers = re.compile("|".join(map(re.escape, self.template.markers)))
        self._refuse_other_tokens()
        self._ends = tuple(dict.fromkeys(end for end in (self.template.end_of_turn, tokenizer.eos_token, "<|eom_id|>") if end))

    @property
    def end_of_turn(self) -> int:
        """Id of the token that ends the assistant's messages: a server must stop at it."""
        return int(self.tokenizer.convert_tokens_to_ids(self.template.end_of_turn))

    def write(self, messages: Sequence[Mapping[str, Any]], tools: Tools = (), *, ask: bool = False) -> str:
        """Messages as the text that the template makes of them; with `ask`, up to where the model goes on.

        Raises:
            Rejected: UNRENDERED, the template would refuse or leave something out.
        """
        conversation = take_conversation(messages, 0, self.template.abilities)
        return write_text(self.tokenizer, self.template.text, conversation.messages, tools, ask=ask)

    def ask(self, messages: Sequence[Mapping[str, Any]], tools: Tools = ()) -> tuple[int, ...]:
        """The tokens that a model is given to go on from: what stands before its message in a rendered conversation.

        Raises:
            Rejected: UNRENDERED.
        """
        pieces = self._pieces(self.write(messages, tools, ask=True))
        return tuple(token for ids in self._tokens([text for text, _ in pieces]) for token in ids)

    def render(self, messages: Sequence[Mapping[str, Any]], tools: Tools = (), *, loss_from: int = 0, limit: int | None = None) -> Rendered:
        """A conversation as tokens, with the mask over the assistant's messages from `loss_from` on.

        Args:
            messages: stored messages, call arguments as text.
            tools: tools that are offered.
            loss_from: index of the first message that may be trained.
            limit: most tokens; whole turns are dropped from the beginning, system message and tools are kept.

        Raises:
            Rejected: UNRENDERED, or TOO_LONG when not even the last turn fits.
        """
        conversation = take_conversation(messages, loss_from, self.template.abilities)
        for dropped in range(max(1, len(conversation.turns))):
            rendered = self._rendered(conversation, tools, dropped)
            if limit is None or len(rendered.ids) <= limit:
                return _checked(rendered)
        raise _too_long(len(rendered.ids), limit, "its last turn alone")

    def render_example(self, example: SftExample, limit: int | None = None) -> Rendered:
        """A training example as tokens.

        Raises:
            Rejected: UNRENDERED or TOO_LONG.
        """
        return self.render(json.loads(example.messages), json.loads(example.tools), loss_from=example.loss_from, limit=limit)

    def render_pair(self, pair: PreferencePair, limit: int | None = None, *, whole: bool = False) -> RenderedPair:
        """Both sides of a pair as tokens; the same turns are dropped on both, never the one in which they part.

        Args:
            pair: the pair.
            limit: most tokens of a side.
            whole: train all of the assistant's messages, not only those of the continuation; then nothing counts as shared.

        Raises:
            Rejected: UNRENDERED or TOO_LONG.
        """
        prompt = json.loads(pair.prompt)
        turns = sum(message["role"] == "user" for message in prompt)
        sides = [
            (take_conversation([*prompt, *json.loads(side)], 0 if whole else len(prompt), self.template.abilities), json.loads(tools))
            for side, tools in ((pair.chosen, pair.tools_chosen), (pair.rejected, pair.tools_rejected))
        ]
        for dropped in range(max(1, turns)):
            chosen, rejected = (self._rendered(conversation, tools, dropped) for conversation, tools in sides)
            longest = max(len(chosen.ids), len(rejected.ids))
            if limit is None or longest <= limit:
                return RenderedPair(id=pair.id, chosen=_checked(chosen), rejected=_checked(rejected), shared=_shared(chosen, rejected))
        raise _too_long(longest, limit, "the turn in which the sides part")

    def parse(self, emitted: str | Sequence[int]) -> Message:
        """What the model emitted after the generation prompt as a message; call arguments keep the emitted text."""
        text = emitted if isinstance(emitted, str) else self.decode(emitted)
        return parse_message(until(text, self._ends), self.template.form, thinks=self.template.abilities.thinks)

    def decode(self, ids: Sequence[int]) -> str:
        """Tokens as the text that they stand for, special tokens and spaces as they are."""
        return str(self.tokenizer.decode(list(ids), skip_special_tokens=False, clean_up_tokenization_spaces=False))

    def save(self, directory: Path | str) -> None:
        """Write the tokenizer with the template that was trained with, so that every server applies it."""
        self.tokenizer.chat_template = self.template.text
        self.tokenizer.save_pretrained(str(directory))

    def _rendered(self, conversation: Conversation, tools: Tools, dropped: int) -> Rendered:
        kept = conversation.without_turns(dropped)
        self._refuse_markers(kept.messages, tools)
        pieces = self._pieces(write_text(self.tokenizer, self.template.text, kept.messages, tools))
        counts = [trained for message, trained in zip(kept.messages, kept.trained, strict=True) if message["role"] == "assistant"]
        if sum(spoken for _, spoken in pieces) != len(counts):
            raise Rejected(FailureReason.UNRENDERED, "the template leaves out some of the assistant's messages")
        waiting = iter(counts)
        ids: list[int] = []
        mask: list[bool] = []
        for tokens, (_, spoken) in zip(self._tokens([text for text, _ in pieces]), pieces, strict=True):
            ids += tokens
            mask += [next(waiting) if spoken else False] * len(tokens)
        return Rendered(ids=tuple(ids), mask=tuple(mask), dropped_turns=dropped)

    def _pieces(self, text: str) -> list[tuple[str, bool]]:
        """The text cut where the assistant's messages begin and end, and whether a piece is one."""
        return [piece for piece in self._cut(text) if piece[0]]

    def _cut(self, text: str) -> Iterator[tuple[str, bool]]:
        prompt, end = self.template.generation_prompt, self.template.end_of_turn
        position = 0
        while (found := text.find(prompt, position)) >= 0:
            start = found + len(prompt)
            yield text[position:start], False
            closed = text.find(end, start)
            position = len(text) if closed < 0 else closed + len(end)
            yield text[start:position], True
        yield text[position:], False

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        with boundary(FailureReason.UNRENDERED):
            tokens: list[list[int]] = self.tokenizer(texts, add_special_tokens=False, verbose=False)["input_ids"]
        return tokens

    def _refuse_other_tokens(self) -> None:
        """Refuse a tokenizer that makes other tokens of a conversation's parts than of the whole, which servers tokenise."""
        text = write_text(self.tokenizer, self.template.text, PROBE, PROBE_TOOLS)
        parts = self._tokens([piece for piece, _ in self._pieces(text)])
        ids = [token for tokens in parts for token in tokens]
        if self._tokens([text]) != [ids] or self.decode(ids) != text:
            raise ModelError("the checkpoint's tokenizer joins the assistant's words to what stands before them, or loses characters")

    def _refuse_markers(self, messages: Sequence[Message], tools: Tools) -> None:
        if found := self._markers.search(compact([list(messages), list(tools)])):
            raise Rejected(FailureReason.UNRENDERED, f"the template's own token {found.group()} stands in a message or a tool as text")


def load_renderer(model: Path | str) -> Renderer:
    """The renderer of a checkpoint directory, or of a name that transformers finds.

    Raises:
        ModelError: there is no tokenizer, no chat template, or none that can be trained on.
    """
    try:
        transformers = import_module("transformers")
    except ImportError:
        raise ModelError("rendering needs transformers", fix="pip install 'magnet-ray[train]'") from None
    try:
        tokenizer: Tokenizer = transformers.AutoTokenizer.from_pretrained(fetched(model, weights=False))
    except (OSError, ValueError) as error:
        first = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise ModelError(f"{model} has no tokenizer that transformers can load", first) from None
    return Renderer(tokenizer)


def _checked(rendered: Rendered) -> Rendered:
    if not any(rendered.mask):
        raise Rejected(FailureReason.UNRENDERED, "no token would be trained: no message of the assistant's counts")
    return rendered


def _shared(chosen: Rendered, rejected: Rendered) -> int:
    """Tokens that are the same on both sides before the first trained one."""
    columns = zip(chosen.ids, rejected.ids, chosen.mask, rejected.mask, strict=False)
    return sum(1 for _ in takewhile(lambda column: column[0] == column[1] and not (column[2] or column[3]), columns))


def _too_long(tokens: int, limit: int | None, what: str) -> Rejected:
    return Rejected(FailureReason.TOO_LONG, f"{what} takes {tokens} tokens, more than {limit}")
