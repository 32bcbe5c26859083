"""Calls that stand in a model's text, in the forms that models use, and text that is none."""

from __future__ import annotations

import pytest

from magnet_ray.llm.base import ToolCall
from magnet_ray.rollouts.text_calls import take_calls

RATE = ToolCall(name="rate", arguments='{"place":"Silver Fig"}')
OBJECT = '{"name": "rate", "arguments": {"place": "Silver Fig"}}'


@pytest.mark.parametrize(
    ("text", "calls", "remainder"),
    [
        (f"<tool_call>{OBJECT}</tool_call>", [RATE], ""),
        (f"<tool_call>\n{OBJECT}\n</tool_call>\n<tool_call>\n{OBJECT}\n</tool_call>", [RATE, RATE], ""),
        (f"<tool_call>{OBJECT}<tool_call>{OBJECT}", [RATE, RATE], ""),
        (f"<tool_call>[{OBJECT}, {OBJECT}]</tool_call>", [RATE, RATE], ""),
        (f"I'll check.\n```json\n{OBJECT}\n```\nOne moment.", [RATE], "I'll check.\n\nOne moment."),
        (f"```\n{OBJECT}\n```", [RATE], ""),
        (f"  {OBJECT}\n", [RATE], ""),
        (f"[{OBJECT}]", [RATE], ""),
        ('{"name": "rate", "parameters": {"place": "Silver Fig"}}', [RATE], ""),
        ('{"name": "rate", "arguments": "{\\"place\\":\\"Silver Fig\\"}"}', [RATE], ""),
        ('{"name": "Silver Fig", "rating": 4.5}', [], '{"name": "Silver Fig", "rating": 4.5}'),
        ('```json\n{"rating": 4.5}\n```', [], '```json\n{"rating": 4.5}\n```'),
        ("```json\n" + "[" * 100_000, [], "```json\n" + "[" * 100_000),
        ("[] is all that I found", [], "[] is all that I found"),
        ("[]", [], "[]"),
        ("", [], ""),
    ],
)
def test_calls_are_told_from_other_text(text: str, calls: list[ToolCall], remainder: str) -> None:
    taken = take_calls(text)
    assert list(taken.calls) == calls
    assert taken.remainder == remainder
    assert not taken.unreadable


@pytest.mark.parametrize("inner", ["", "{", "rate(place)", '{"name": "rate"}', '{"name": "", "arguments": {}}', "[]"])
def test_a_block_without_a_call_is_unreadable(inner: str) -> None:
    assert take_calls(f"<tool_call>{inner}</tool_call>").unreadable
