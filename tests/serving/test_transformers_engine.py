"""The engine `transformers` with a tiny random model: what it says is nonsense, but it says it by the rules."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from magnet_ray.serving.answers import Assembly
from magnet_ray.serving.api_errors import ApiError
from magnet_ray.serving.chat_requests import parse_chat
from magnet_ray.serving.engine import CallPiece, EndPiece, Piece, TextPiece
from magnet_ray.serving.settings import ServeConfig
from tests.serving.client_checks import TOOLS
from tests.training.tiny_runs import tiny_checkpoint

from magnet_ray.serving.transformers_engine import TransformersEngine  # isort: skip


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TransformersEngine]:
    model = tiny_checkpoint(tmp_path_factory.mktemp("model"))
    made = TransformersEngine(ServeConfig(model=str(model), context_length=2_000))
    yield made
    made.close()


def asked(engine: TransformersEngine, **more: Any) -> list[Piece]:
    """The pieces of an answer."""
    body = {"model": "m", "messages": [{"role": "user", "content": "good day"}], "max_tokens": 12, "seed": 1, **more}

    async def pieces() -> list[Piece]:
        return [piece async for piece in engine.generate(parse_chat(orjson.dumps(body)))]

    return asyncio.run(pieces())


def text_of(pieces: list[Piece]) -> str:
    whole = Assembly()
    for piece in pieces:
        whole.add(piece)
    return "".join(whole.text)


def test_an_answer_has_text_and_counts_its_tokens(engine: TransformersEngine) -> None:
    *texts, end = asked(engine)
    assert all(isinstance(piece, TextPiece) for piece in texts) and text_of(texts)
    assert isinstance(end, EndPiece) and (end.completion_tokens, end.reason) == (12, "length")
    assert end.prompt_tokens == len(engine.renderer.ask([{"role": "user", "content": "good day"}]))


def test_a_seed_repeats_an_answer_and_temperature_0_needs_none(engine: TransformersEngine) -> None:
    assert asked(engine, temperature=1.5) == asked(engine, temperature=1.5) != asked(engine, temperature=1.5, seed=2)
    assert asked(engine, temperature=0) == asked(engine, temperature=0, seed=2)


def test_a_stop_text_ends_an_answer_before_itself(engine: TransformersEngine) -> None:
    whole = text_of(asked(engine, temperature=0))
    stop = whole[len(whole) // 2 :][:3]
    pieces = asked(engine, temperature=0, stop=[stop])
    assert text_of(pieces) == whole[: whole.index(stop)]
    assert isinstance(pieces[-1], EndPiece) and pieces[-1].reason == "stop"


def test_max_completion_tokens_goes_before_max_tokens(engine: TransformersEngine) -> None:
    end = asked(engine, max_completion_tokens=3)[-1]
    assert isinstance(end, EndPiece) and end.completion_tokens == 3


def test_a_demanded_call_is_sound_or_an_error_says_so(engine: TransformersEngine) -> None:
    for choice in ("required", {"type": "function", "function": {"name": "shout"}}):
        try:
            calls = [piece for piece in asked(engine, tools=TOOLS, tool_choice=choice, max_tokens=200) if isinstance(piece, CallPiece)]
        except ApiError as error:
            assert (error.status, error.code) == (422, "tool_call_failed")
            continue
        assert calls and all(call.name in ("spell", "shout") and isinstance(orjson.loads(call.arguments), dict) for call in calls)


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"messages": [{"role": "user", "content": "word " * 3_000}]}, "context_length_exceeded"),
        ({"response_format": {"type": "json_object"}}, "unsupported_value"),
        (
            {"messages": [{"role": "assistant", "content": None, "tool_calls": [{"function": {"name": "f", "arguments": "no"}}]}]},
            None,
        ),
    ],
)
def test_what_cannot_be_answered_is_refused(engine: TransformersEngine, more: dict[str, Any], code: str | None) -> None:
    with pytest.raises(ApiError) as caught:
        asked(engine, **more)
    assert (caught.value.status, caught.value.code) == (400, code)


def test_tools_change_the_prompt_unless_none_may_be_called(engine: TransformersEngine) -> None:
    def read(**more: Any) -> int:
        end = asked(engine, **more)[-1]
        assert isinstance(end, EndPiece)
        return end.prompt_tokens

    assert read(tools=TOOLS) > read(tools=TOOLS, tool_choice="none") == read()


def test_a_model_that_does_not_exist_is_refused_without_ray(tmp_path: Path) -> None:
    from magnet_ray.errors import ModelError
    from magnet_ray.serving.checkpoint_files import check_model

    for wrong in (None, str(tmp_path / "nothing"), str(tmp_path), "gpt2"):
        with pytest.raises(ModelError):
            check_model(wrong)
