"""The engine `transformers`: a small model where vLLM is not installed, with the same API.

Prompts are rendered, and answers read, by the renderer that training and evaluation use. A call that a request demands is opened
for the model (the name is held to the offered ones); should its arguments not be a JSON object, it is tried again with other
draws, a bounded number of times, and nothing of it is sent before it is sound.
"""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass

import torch
from transformers import GenerationConfig as CheckpointGeneration

from magnet_ray.checkpoint_places import fetched
from magnet_ray.errors import MagnetError, Rejected
from magnet_ray.render.renderer import Renderer, load_renderer
from magnet_ray.serving.api_errors import ApiError, invalid, unavailable
from magnet_ray.serving.call_openings import CallOpening, call_opening, guide_to
from magnet_ray.serving.chat_requests import ChatRequest, IncomingChat
from magnet_ray.serving.checkpoint_files import context_length, tokenizer_of
from magnet_ray.serving.decoding import Answering, Decoder, Guide, Sampling
from magnet_ray.serving.emitted import Emitted, in_thought
from magnet_ray.serving.engine import CallPiece, EndPiece, FinishReason, Piece
from magnet_ray.serving.settings import ServeConfig
from magnet_ray.training.answering import load_network

_LOGGER = logging.getLogger("ray.serve.magnet")


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A request as the decoder needs it."""

    prompt: tuple[int, ...]
    """Token ids."""
    limit: int
    """Most tokens of the answer."""
    sampling: Sampling
    """How tokens are chosen."""
    guide: Guide | None = None
    """What limits them."""


class TransformersEngine:
    """A checkpoint behind the `Engine` protocol."""

    def __init__(self, config: ServeConfig) -> None:
        """Load the checkpoint of `config.model`.

        Raises:
            ModelError: it cannot be loaded.
        """
        model = str(config.model)
        if config.generation.threads:
            torch.set_num_threads(config.generation.threads)
        self._settings, self._longest = config.generation, config.limits.max_tokens or 2**31
        self.renderer: Renderer = load_renderer(tokenizer_of(model))
        network = load_network(model)
        self._context = config.context_length or context_length(network.config)
        self._defaults = _default_sampling(model)
        template = self.renderer.template
        self._thinks, self._in_thought = template.abilities.thinks, in_thought(template)
        self._opening: CallOpening = call_opening(self.renderer)
        self._ends = tuple({self.renderer.end_of_turn, *_text_end(self.renderer)})
        self._decoder = Decoder(network, config.generation.batch)

    async def ready(self) -> None:
        """Return at once: the model is loaded before this object exists."""
        if not self._decoder.is_alive():
            raise unavailable("the model's thread has ended")

    def close(self) -> None:
        """End the decoder's thread."""
        self._decoder.close()

    async def generate(self, request: IncomingChat) -> AsyncGenerator[Piece]:
        """The answer's pieces."""
        task = await asyncio.to_thread(self._task, request.chat)
        answer = self._forced(request.chat, task) if request.chat.forced_names else self._one(request.chat, task)
        async with aclosing(answer) as pieces:
            async for piece in pieces:
                yield piece

    async def _forced(self, chat: ChatRequest, task: Task) -> AsyncGenerator[Piece]:
        """An answer that begins with a call of an offered function; nothing is sent of an attempt that fails."""
        for attempt in range(self._settings.forced_tries):
            drawn = task.sampling
            if attempt:
                # The likeliest tokens would only be the same again.
                drawn = Sampling(temperature=max(drawn.temperature, 0.7), top_p=drawn.top_p, seed=drawn.seed + attempt)
            again = Task(prompt=task.prompt, limit=task.limit, sampling=drawn, guide=task.guide)
            async with aclosing(self._one(chat, again)) as pieces:
                made = [piece async for piece in pieces]
            if _is_call(made, chat.forced_names):
                for piece in made:
                    yield piece
                return
        tries = self._settings.forced_tries
        raise ApiError(
            422, f"the model made no sound call in {tries} tries; its arguments were no JSON object", "tool_call_failed", "tool_choice"
        )

    async def _one(self, chat: ChatRequest, task: Task) -> AsyncGenerator[Piece]:
        """One answer as it is made."""
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[int | BaseException | None] = asyncio.Queue()

        def tell(word: int | BaseException | None) -> None:
            # At the end of the process the loop may be gone before the decoder's thread.
            if not loop.is_closed():
                loop.call_soon_threadsafe(told.put_nowait, word)

        answering = Answering(prompt=task.prompt, limit=task.limit, ends=self._ends, sampling=task.sampling, guide=task.guide, tell=tell)
        form = self.renderer.template.form if chat.choice != "none" else None
        emitted = Emitted(form, thinks=self._thinks, in_thought=self._in_thought, stops=chat.stops)
        ids: list[int] = []
        stopped = False
        self._decoder.submit(answering)
        try:
            while not stopped and (word := await told.get()) is not None:
                if isinstance(word, BaseException):
                    raise _failed(word)
                ids.append(word)
                if word in self._ends:
                    stopped = True
                    break
                text = self.renderer.decode(ids)
                # An unfinished character; the next token completes it.
                if text.endswith("\ufffd"):
                    continue
                pieces, stopped = emitted.grow(text)
                stopped = stopped or (chat.is_single and emitted.calls > 0)
                for piece in pieces:
                    yield piece
        finally:
            answering.given_up.set()
        for piece in emitted.close():
            yield piece
        reason: FinishReason = "length" if not stopped else "tool_calls" if emitted.calls else "stop"
        yield EndPiece(reason=reason, prompt_tokens=len(task.prompt), completion_tokens=len(ids))

    def _task(self, chat: ChatRequest) -> Task:
        """What the decoder is to do.

        Raises:
            ApiError: the request cannot be rendered, is too long, or asks for what this engine cannot do.
        """
        if chat.response_format and chat.response_format.type != "text":
            raise invalid("this engine cannot hold an answer to a format; use the engine vllm", "response_format", "unsupported_value")
        tools = chat.plain_tools() if chat.choice != "none" else []
        try:
            prompt = self.renderer.ask(chat.plain_messages(), tools)
        except Rejected as refusal:
            raise invalid(f"the conversation cannot be rendered: {refusal.detail}", "messages") from None
        room = self._context - len(prompt)
        if room < 1:
            message = f"the prompt has {len(prompt)} tokens, and prompt and answer together may have {self._context}"
            raise invalid(message, "messages", "context_length_exceeded")
        limit = min(room, chat.limit or self._settings.max_tokens, self._longest)
        guide = guide_to(self._opening, chat.forced_names, self._tokens) if chat.forced_names else None
        return Task(prompt=prompt, limit=limit, sampling=self._sampling(chat), guide=guide)

    def _sampling(self, chat: ChatRequest) -> Sampling:
        seed = chat.seed if chat.seed is not None else secrets.randbits(62)
        return Sampling(
            temperature=self._defaults.temperature if chat.temperature is None else chat.temperature,
            top_p=self._defaults.top_p if chat.top_p is None else chat.top_p,
            seed=seed % 2**63,
        )

    def _tokens(self, text: str) -> Sequence[int]:
        tokens: list[list[int]] = self.renderer.tokenizer([text], add_special_tokens=False, verbose=False)["input_ids"]
        return tokens[0]


def _default_sampling(model: str) -> Sampling:
    """What the checkpoint recommends, as vLLM takes it too; else OpenAI's defaults."""
    try:
        found = CheckpointGeneration.from_pretrained(fetched(model, weights=False))
    except (OSError, ValueError):
        return Sampling(temperature=1.0)
    return Sampling(temperature=1.0 if found.temperature is None else float(found.temperature), top_p=float(found.top_p or 1.0))


def _text_end(renderer: Renderer) -> tuple[int, ...]:
    end = renderer.tokenizer.eos_token
    return (int(renderer.tokenizer.convert_tokens_to_ids(end)),) if end else ()


def _is_call(pieces: Sequence[Piece], names: Sequence[str]) -> bool:
    """Whether there are calls, all of offered functions with a JSON object of arguments, and the answer was not cut off."""
    calls = [piece for piece in pieces if isinstance(piece, CallPiece)]
    is_whole = any(isinstance(piece, EndPiece) and piece.reason == "tool_calls" for piece in pieces)
    return is_whole and bool(calls) and all(call.name in names and isinstance(json.loads(call.arguments), dict) for call in calls)


def _failed(error: BaseException) -> ApiError | BaseException:
    if isinstance(error, MagnetError):
        return error
    _LOGGER.error("the model failed: %s: %s", type(error).__name__, error)
    return ApiError(500, "the model failed on this request", "internal_error", kind="server_error")
