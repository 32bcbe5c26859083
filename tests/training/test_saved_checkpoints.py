"""A saved checkpoint answers a request with tools wherever checkpoints run: transformers, PEFT's adapter, vLLM on a CPU.

A model of 135M parameters learns four conversations by heart, through the command that users run; whoever loads what was written
must get their calls from it, by nothing but the files. A random model shows what full fine-tuning leaves behind.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from evals.tiny_checkpoint import CheckpointUnavailable, cached_checkpoint
from evals.tiny_checkpoint import tiny_checkpoint as smollm2_checkpoint
from magnet_ray.artifacts import Origin, RunDirectory
from magnet_ray.cli import DONE
from magnet_ray.config import load_config
from magnet_ray.environments.opening import open_environment
from magnet_ray.finished_runs import read_trajectories
from magnet_ray.llm.base import ChatAnswer
from magnet_ray.llm.http import HttpTransport
from magnet_ray.llm.transport import read_answer
from magnet_ray.render.renderer import load_renderer
from magnet_ray.synthesis import make_rows, prepare
from magnet_ray.types import JsonValue
from tests.cluster_support import needs_proc, started
from tests.serving.vllm_server import interpreter, vllm_server
from tests.training.tiny_models import torch, transformers
from tests.training.tiny_runs import tiny_checkpoint

peft = pytest.importorskip("peft")

# PEFT 0.21 asks transformers 5.2x for a property by its former name.
FORMER_NAME = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
pytestmark = [pytest.mark.slow, needs_proc, pytest.mark.timeout(1_800), FORMER_NAME]
ROWS = 4
SECONDS = 1_200.0
"""Longest wait for a training: one to two minutes are usual on two free cores."""
CALM = ("--set", "held_out.share=0", "--set", "ray.num_cpus=2", "--set", "gradient_checkpointing=false")
BY_HEART = ("max_tokens=768", "batch_size=1", "epochs=4", "schedule=constant_with_warmup", "learning_rate=2e-3")
ADAPTERS = ("lora.enabled=true", "lora.rank=16", "lora.alpha=32")
ANSWER = {"do_sample": False, "max_new_tokens": 96}
CALL = re.compile(r"<tool_call>\s*(\{.*\})\s*</tool_call>", re.DOTALL)
WEIGHTS_OF_PICKLE = {".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".distcp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The first request of a conversation that was trained on."""

    messages: list[dict[str, Any]]
    """What stands before the assistant's first message."""
    tools: list[dict[str, Any]]
    """The offered functions."""
    name: str
    """The function that is to be called."""
    arguments: JsonValue
    """Its arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """A training run and where it came from."""

    base: Path
    """The checkpoint that it started from."""
    out: Path
    """Its directory."""
    parts: frozenset[str]
    """Which directories of weights it has."""


def make_data(directory: Path) -> Path:
    """A run of single calls, one function offered."""
    single = {f"mix.{kind}": 0 for kind in ("multi_turn", "irrelevance", "parallel", "multiple")}
    config = load_config(overrides={"num": ROWS, "seed": 7, "graph.verify_scenarios": 0, "tools.distractors": [0, 0], **single})
    with RunDirectory.open(directory, config) as run:
        rows, failures = make_rows(range(ROWS), prepare(config, open_environment))
        run.write_shard(0, rows, failures)
        run.finish([run.read_table(0)], failures, Origin(sources=config.sources))
    return directory


def train(data: Path, base: Path, out: Path, *sets: str) -> Path:
    options = [word for each in sets for word in ("--set", each)]
    with started("train", "sft", "--data", data, "--model", base, "--out", out, *CALM, *options) as command:
        done = command.wait(SECONDS)
    assert done.returncode == DONE, done.stderr[-3_000:]
    return out


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The conversations."""
    return make_data(tmp_path_factory.mktemp("data") / "run")


@pytest.fixture(scope="module")
def asked(data: Path) -> list[Asked]:
    """What the conversations begin with."""
    found = []
    for row in read_trajectories(data):
        messages = json.loads(row.messages)
        first = next(index for index, message in enumerate(messages) if message["role"] == "assistant")
        [call] = messages[first]["tool_calls"]
        name, arguments = call["function"]["name"], json.loads(call["function"]["arguments"])
        found.append(Asked(messages=messages[:first], tools=json.loads(row.tools), name=name, arguments=arguments))
    assert len(found) == ROWS == len({request.name for request in found})
    return found


@pytest.fixture(scope="module")
def tuned(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """SmolLM2 after the conversations, as an adapter and merged."""
    try:
        base = smollm2_checkpoint(cached_checkpoint())
    except CheckpointUnavailable as error:
        pytest.skip(str(error))
    out = train(data, base, tmp_path_factory.mktemp("tuned") / "run", *BY_HEART, *ADAPTERS)
    return Result(base=base, out=out, parts=frozenset({"model", "adapter"}))


@pytest.fixture(scope="module")
def full(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Result:
    """A random bfloat16 model after two steps; its own files know the end of a text only, as those of base models do."""
    base = tiny_checkpoint(tmp_path_factory.mktemp("base") / "checkpoint")
    model = transformers.AutoModelForCausalLM.from_pretrained(base, dtype=torch.bfloat16)
    tokenizer = transformers.AutoTokenizer.from_pretrained(base)
    tokenizer.eos_token = "<|endoftext|>"
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(base)
    tokenizer.save_pretrained(base)
    out = train(data, base, tmp_path_factory.mktemp("full") / "run", "max_tokens=4096", "batch_size=2", "max_steps=2")
    return Result(base=base, out=out, parts=frozenset({"model"}))


@pytest.fixture(params=["tuned", "full"])
def result(request: pytest.FixtureRequest) -> Result:
    """Each of the two."""
    found: Result = request.getfixturevalue(request.param)
    return found


@pytest.fixture(scope="module")
def answers(tuned: Result, asked: list[Asked]) -> list[list[int]]:
    """What `model/` says to each request, in transformers, from nothing but its directory."""
    model, tokenizer = load(tuned.out / "model")
    return [answer(model, tokenizer, request) for request in asked]


def load(directory: Path) -> tuple[Any, Any]:
    return transformers.AutoModelForCausalLM.from_pretrained(directory), transformers.AutoTokenizer.from_pretrained(directory)


def answer(model: Any, tokenizer: Any, request: Asked) -> list[int]:
    """The tokens that a model goes on with, as whoever knows nothing of us asks for them."""
    prompt = tokenizer.apply_chat_template(
        request.messages, tools=request.tools, add_generation_prompt=True, return_dict=True, return_tensors="pt"
    )
    with torch.inference_mode():
        whole = model.generate(**prompt, **ANSWER)
    ids: list[int] = whole[0, prompt["input_ids"].shape[1] :].tolist()
    return ids


def calls_in(text: str) -> list[tuple[str, Any]]:
    calls = [json.loads(found) for found in CALL.findall(text)]
    return [(call["name"], call["arguments"]) for call in calls]


def test_transformers_gets_the_trained_calls_and_stops_after_them(tuned: Result, asked: list[Asked], answers: list[list[int]]) -> None:
    tokenizer = transformers.AutoTokenizer.from_pretrained(tuned.out / "model")
    end = load_renderer(tuned.base).end_of_turn
    for request, ids in zip(asked, answers, strict=True):
        assert calls_in(tokenizer.decode(ids)) == [(request.name, request.arguments)]
        assert ids.index(end) == len(ids) - 1
        assert "```" not in tokenizer.decode(ids)


def test_the_adapter_on_its_base_says_what_the_merged_model_says(tuned: Result, asked: list[Asked], answers: list[list[int]]) -> None:
    base = transformers.AutoModelForCausalLM.from_pretrained(tuned.base)
    model = peft.PeftModel.from_pretrained(base, tuned.out / "adapter")
    tokenizer = transformers.AutoTokenizer.from_pretrained(tuned.out / "adapter")
    assert [answer(model, tokenizer, request) for request in asked] == answers
    with model.disable_adapter():
        # Or there was nothing to learn.
        assert answer(model, tokenizer, asked[0]) != answers[0]


def test_vllm_gets_the_trained_calls_as_tool_calls(tuned: Result, asked: list[Asked], tmp_path: Path) -> None:
    python = interpreter()
    if python is None:
        pytest.skip("no environment with vLLM: run `make setup-vllm`, or name its interpreter in MAGNET_VLLM_PYTHON")
    with vllm_server(python, tuned.out / "model", log=tmp_path / "server.log") as server:
        said = asyncio.run(ask(server.base_url, server.model, asked))
    for request, reply in zip(asked, said, strict=True):
        [call] = reply.tool_calls
        assert (call.name, json.loads(call.arguments)) == (request.name, request.arguments)
        assert (reply.content or "", reply.finish_reason) == ("", "tool_calls")


async def ask(url: str, model: str, asked: Sequence[Asked]) -> list[ChatAnswer]:
    async with HttpTransport(url) as transport:
        replies = (
            transport.complete(
                {"model": model, "messages": each.messages, "tools": each.tools, "max_tokens": 96, "temperature": 0},
                f"request-{number}",
                400.0,
            )
            for number, each in enumerate(asked)
        )
        return [read_answer(reply) for reply in await asyncio.gather(*replies)]


def test_a_run_leaves_whole_directories_and_no_pickle(result: Result) -> None:
    files = [file for file in result.out.rglob("*") if file.is_file()]
    assert not [file for file in files if file.suffix in WEIGHTS_OF_PICKLE]
    assert {entry.name for entry in result.out.iterdir()} == {
        *("README.md", "curve.jsonl", "manifest.json", "run.json", "tensorboard"),
        *result.parts,
    }
    for part in result.parts:
        names = {file.name for file in (result.out / part).iterdir()}
        assert {name for name in names if name.endswith(".safetensors")} == {f"{part.replace('adapter', 'adapter_model')}.safetensors"}
        assert {"tokenizer.json", "tokenizer_config.json", "chat_template.jinja"} <= names
        assert not {name for name in names if name.startswith(".") or name in {"state.json", "final.json", "training_args.json"}}


def config_of(directory: Path) -> dict[str, Any]:
    """A checkpoint's configuration, but for what training aligns with the tokenizer's tokens."""
    aligned = {"bos_token_id", "eos_token_id", "pad_token_id", "transformers_version"}
    values = json.loads((directory / "config.json").read_text(encoding="utf-8"))
    return {key: value for key, value in values.items() if key not in aligned}


def test_config_and_weights_are_of_the_bases_type_and_kind(result: Result) -> None:
    before, after = config_of(result.base), config_of(result.out / "model")
    assert after == before
    model = transformers.AutoModelForCausalLM.from_pretrained(result.out / "model", dtype="auto")
    assert {str(weight.dtype) for weight in model.parameters()} == {f"torch.{before['dtype']}"}
    assert all(bool(torch.isfinite(weight).all()) for weight in model.parameters())


def test_the_tokenizer_renders_what_was_trained(result: Result, asked: list[Asked]) -> None:
    renderer = load_renderer(result.base)
    for part in result.parts:
        tokenizer = transformers.AutoTokenizer.from_pretrained(result.out / part)
        assert tokenizer.chat_template == renderer.template.text
        for request in asked:
            prompt = tokenizer.apply_chat_template(request.messages, tools=request.tools, add_generation_prompt=True, return_dict=False)
            assert tuple(prompt) == renderer.ask(request.messages, request.tools)


def test_generation_stops_where_a_turn_ends(result: Result) -> None:
    settings = transformers.GenerationConfig.from_pretrained(result.out / "model")
    named = settings.eos_token_id
    assert load_renderer(result.base).end_of_turn in ([named] if isinstance(named, int) else named)
