"""The pieces of an answer, however it is cut into tokens, assemble to the message that its whole text reads as."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from magnet_ray.render.base import CallForm
from magnet_ray.render.parsing import parse_message
from magnet_ray.serving.answers import Assembly
from magnet_ray.serving.emitted import Emitted
from magnet_ray.serving.engine import CallPiece, Piece, TextPiece

CALL = '<tool_call>\n{"name": "find", "arguments": {"city": "Ulm"}}\n</tool_call>'
PARTS = (
    *("<tool_call>", "</tool_call>", "<think>", "</think>", "<|python_tag|>", "\n", " ", "Hi", "<", "{", "}", '"', "é"),
    *(CALL, '{"name": "find", "arguments": {"x": "</tool_call>"}}', '{"name": "find", "parameters": {"x": "<tool_call>"}}', "END"),
)
TEXTS = st.lists(st.sampled_from(PARTS), max_size=8).map("".join)


def pieces_of(text: str, cuts: list[int], form: CallForm | None, **options: Any) -> list[Piece]:
    """The pieces of a text that arrives in parts."""
    emitted = Emitted(form, **options)
    pieces: list[Piece] = []
    for end in [*sorted(cut % (len(text) + 1) for cut in cuts), len(text)]:
        more, stopped = emitted.grow(text[:end])
        pieces += more
        if stopped:
            break
    return [*pieces, *emitted.close()]


def assembled(pieces: list[Piece]) -> tuple[str, str, list[tuple[str, str]]]:
    """Content, reasoning and calls."""
    whole = Assembly()
    for piece in pieces:
        whole.add(piece)
    calls = [(call["function"]["name"], call["function"]["arguments"]) for call in whole.calls.values()]
    return "".join(whole.text), "".join(whole.thought), calls


@given(TEXTS, st.lists(st.integers(0, 400), max_size=12), st.sampled_from(CallForm), st.booleans(), st.booleans())
@example(f"First.\n{CALL}", [8], CallForm.HERMES, False, False)
@example(f'<tool_call>{{"name": "f", "arguments": {{"x": "</tool_call>{CALL}"}}}}', list(range(120)), CallForm.HERMES, False, False)
@example(f"<think>\nWell.\n</think>\n\nSo.\n{CALL}", list(range(120)), CallForm.HERMES, True, False)
def test_pieces_assemble_to_the_parsed_message(text: str, cuts: list[int], form: CallForm, thinks: bool, in_thought: bool) -> None:
    content, thought, calls = assembled(pieces_of(text, cuts, form, thinks=thinks, in_thought=thinks and in_thought))
    # Text that is sent cannot become a thought: only what begins as one is one.
    message = parse_message(text, form, thinks=thinks and (in_thought or text.startswith("<think>")))
    assert content == message["content"]
    assert thought == message.get("reasoning_content", "")
    assert calls == [(call["function"]["name"], call["function"]["arguments"]) for call in message.get("tool_calls", ())]


@given(TEXTS, st.lists(st.integers(0, 400), max_size=12))
def test_a_stop_text_ends_the_answer_before_itself(text: str, cuts: list[int]) -> None:
    pieces = pieces_of(text, [*cuts, *range(len(text))], None, stops=("END", "Hi<"))
    ends = [position for stop in ("END", "Hi<") if (position := text.find(stop)) >= 0]
    assert assembled(pieces)[0] == text[: min(ends, default=len(text))]


@pytest.mark.parametrize("form", [CallForm.HERMES, None])
def test_plain_text_is_sent_as_it_comes(form: CallForm | None) -> None:
    emitted = Emitted(form)
    assert emitted.grow("How")[0] == [TextPiece(text="How")]
    assert emitted.grow("How are")[0] == [TextPiece(text=" are")]


def test_a_call_is_sent_when_its_block_is_closed() -> None:
    emitted = Emitted(CallForm.HERMES)
    assert emitted.grow("Wait.\n<tool_")[0] == [TextPiece(text="Wait.")]
    [first] = emitted.grow(f"Wait.\n{CALL}")[0]
    assert isinstance(first, CallPiece) and (first.index, first.name, first.arguments) == (0, "find", '{"city": "Ulm"}')
    [second] = emitted.grow(f"Wait.\n{CALL}\n{CALL}")[0]
    assert isinstance(second, CallPiece) and (second.index, second.name) == (1, "find") and second.id != first.id


def test_text_behind_a_thought_is_sent_as_it_comes() -> None:
    emitted = Emitted(CallForm.HERMES, thinks=True)
    assert emitted.grow("<think>\nWell")[0] == []
    assert emitted.grow("<think>\nWell.\n</think>\n\nSo")[0] == [TextPiece(text="Well.", thought=True), TextPiece(text="So")]
    assert emitted.grow("<think>\nWell.\n</think>\n\nSo be it")[0] == [TextPiece(text=" be it")]


def test_without_tools_what_looks_like_a_call_is_text() -> None:
    assert assembled(pieces_of(CALL, [], None)) == (CALL, "", [])
