"""Examples that are too long lose whole turns from the beginning, or are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.errors import Rejected
from magnet_ray.render.base import Message
from magnet_ray.types import Category, ErrorType, FailureReason, PreferencePair, compact
from tests.render.conversations import TALK, TOOLS, call, conversations, output, tool
from tests.render.families import FAMILIES, renderer_of, spoken

WRONG: list[Message] = [
    {"role": "assistant", "content": "", "tool_calls": [call("call_3", "book", '{"city":"Bern"}')]},
    output("call_3", '{"error":"there is none"}'),
    {"role": "assistant", "content": "That failed."},
]


def pair(prompt: list[Message], chosen: list[Message], rejected: list[Message]) -> PreferencePair:
    """A pair with the same tools on both sides."""
    return PreferencePair(
        id="pair",
        path_id="path",
        category=Category.MULTI_TURN,
        tools_chosen=compact(TOOLS),
        tools_rejected=compact(TOOLS),
        prompt=compact(prompt),
        chosen=compact(chosen),
        rejected=compact(rejected),
        divergence_turn=1,
        error_type=ErrorType.LONG_DEPENDENCY,
        source="rule",
        extent="turn",
    )


PAIR = pair(TALK[:7], TALK[7:], WRONG)


@pytest.mark.parametrize("family", FAMILIES)
def test_whole_turns_are_dropped_from_the_beginning(family: str) -> None:
    renderer = renderer_of(family)
    whole = renderer.render(TALK, TOOLS)
    last = renderer.render([TALK[0], *TALK[6:]], TOOLS)
    assert renderer.render(TALK, TOOLS, limit=len(whole.ids)) == whole
    for limit in (len(whole.ids) - 1, len(last.ids)):
        cut = renderer.render(TALK, TOOLS, limit=limit)
        assert (cut.ids, cut.mask, cut.dropped_turns) == (last.ids, last.mask, 1)
    with pytest.raises(Rejected, match="last turn alone") as refusal:
        renderer.render(TALK, TOOLS, limit=len(last.ids) - 1)
    assert refusal.value.reason is FailureReason.TOO_LONG


@given(messages=conversations(), limit=st.integers(1, 1500), start=st.integers(0, 12))
def test_an_example_fits_and_trains_something_or_is_refused(messages: list[Message], limit: int, start: int) -> None:
    renderer = renderer_of("qwen2.5")
    try:
        cut = renderer.render(messages, TOOLS, loss_from=start, limit=limit)
    except Rejected as refusal:
        assert refusal.reason in {FailureReason.TOO_LONG, FailureReason.UNRENDERED}
        assert refusal.reason is FailureReason.TOO_LONG or start >= len(messages)
        return
    assert 0 < cut.trained < len(cut.ids) <= limit
    whole = renderer.render(messages, TOOLS, loss_from=start)
    said = spoken(renderer, cut.ids, cut.mask)
    assert spoken(renderer, whole.ids, whole.mask)[-len(said) :] == said


def test_an_example_without_a_trained_token_is_refused() -> None:
    with pytest.raises(Rejected, match="no token would be trained"):
        renderer_of("qwen2.5").render(TALK, TOOLS, loss_from=len(TALK))
    with pytest.raises(Rejected, match="no token would be trained"):
        renderer_of("qwen2.5").render(TALK[:2], TOOLS)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_pair_trains_the_continuations_and_knows_what_both_sides_share(family: str) -> None:
    renderer = renderer_of(family)
    rendered = renderer.render_pair(PAIR)
    chosen, rejected = rendered.chosen, rendered.rejected
    assert chosen.ids[: rendered.shared] == rejected.ids[: rendered.shared] == renderer.ask(TALK[:7], TOOLS)
    assert not any(chosen.mask[: rendered.shared]) and chosen.mask[rendered.shared] and rejected.mask[rendered.shared]
    whole = renderer.render(TALK, TOOLS)
    assert chosen.ids == whole.ids
    assert spoken(renderer, chosen.ids, chosen.mask) == spoken(renderer, whole.ids, whole.mask)[-2:]
    assert renderer.decode(rejected.ids).count("That failed.") == 1 and len(spoken(renderer, rejected.ids, rejected.mask)) == 2


def test_a_pair_may_train_all_turns_of_both_sides() -> None:
    renderer = renderer_of("qwen2.5")
    rendered = renderer.render_pair(PAIR, whole=True)
    assert rendered.chosen == renderer.render(TALK, TOOLS)
    assert rendered.shared == len(renderer.ask(TALK[:2], TOOLS))


def test_sides_with_other_tools_share_no_more_than_what_stands_before_them() -> None:
    renderer = renderer_of("qwen2.5")
    other = PreferencePair(**{name: getattr(PAIR, name) for name in PAIR.__slots__} | {"tools_rejected": compact([tool("cancel")])})
    rendered = renderer.render_pair(other)
    shared = renderer.decode(rendered.chosen.ids[: rendered.shared])
    assert "Today is Monday." in shared and "Ulm" not in shared


def test_both_sides_of_a_pair_drop_the_same_turns() -> None:
    renderer = renderer_of("qwen2.5")
    longer = pair(TALK[:7], TALK[7:], [*WRONG[:-1], {"role": "assistant", "content": "That failed. " * 9}])
    whole = renderer.render_pair(longer)
    assert len(whole.chosen.ids) < len(whole.rejected.ids)
    cut = renderer.render_pair(longer, len(whole.rejected.ids) - 1)
    assert cut.chosen.dropped_turns == cut.rejected.dropped_turns == 1
    assert spoken(renderer, cut.rejected.ids, cut.rejected.mask) == spoken(renderer, whole.rejected.ids, whole.rejected.mask)
    assert cut.chosen.ids[: cut.shared] == renderer.ask([TALK[0], TALK[6]], TOOLS)
    with pytest.raises(Rejected, match="in which the sides part"):
        renderer.render_pair(longer, len(cut.rejected.ids) - 1)


def test_a_pair_never_loses_the_turn_in_which_its_sides_part() -> None:
    renderer = renderer_of("qwen2.5")
    later = pair(TALK[:2], TALK[2:], [*WRONG, *TALK[6:]])
    with pytest.raises(Rejected, match="in which the sides part"):
        renderer.render_pair(later, len(renderer.render(TALK, TOOLS).ids) - 1)
