"""A checkpoint at held-out turns: greedy, the same in any batch, from whole checkpoints and from adapters."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from magnet_ray.errors import ModelError
from magnet_ray.training.turn_scores import ALL, Measure, score_turns
from magnet_ray.training.turns import Due, Turn
from magnet_ray.types import Category, compact
from tests.conftest import call, tool

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

from magnet_ray.render.renderer import Renderer  # noqa: E402
from magnet_ray.training.answering import Answer, AnswerSettings, answer_turns, batches, generate  # noqa: E402
from tests.render.families import renderer_of  # noqa: E402

SHORT = AnswerSettings(max_new_tokens=12)
CALL = call("call_1", "find_places", '{"city":"Ulm"}')


def a_turn(number: int, words: str = "") -> Turn:
    messages = [{"role": "user", "content": f"What is there in Ulm? {words * number}"}]
    return Turn(
        id=f"row{number}:1",
        category=Category.SINGLE,
        due=Due.CALL,
        messages=compact(messages),
        tools=compact([tool("find_places")]),
        calls=compact([CALL["function"]]),
    )


TURNS = [a_turn(number, "Tell me more. ") for number in (3, 0, 7, 1, 2)]


def tiny_model(renderer: Renderer) -> Any:
    torch.manual_seed(1)
    config = transformers.LlamaConfig(
        vocab_size=len(cast(Any, renderer.tokenizer)),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=2048,
        bos_token_id=None,
        eos_token_id=None,
    )
    return transformers.LlamaForCausalLM(config)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model whose own settings ask for sampling and a penalty."""
    directory = tmp_path_factory.mktemp("checkpoint")
    renderer = renderer_of("smollm2")
    tiny_model(renderer).save_pretrained(directory)
    settings = {"do_sample": True, "temperature": 5.0, "repetition_penalty": 9.0, "max_new_tokens": 3}
    (directory / "generation_config.json").write_text(json.dumps(settings))
    renderer.save(directory)
    return directory


def texts(answers: list[Answer]) -> list[str]:
    return [answer.text for answer in answers]


def test_answers_are_greedy_whatever_the_checkpoint_asks_for_and_the_same_in_any_batch(checkpoint: Path) -> None:
    together = answer_turns(checkpoint, TURNS, SHORT)
    alone = answer_turns(checkpoint, TURNS, replace(SHORT, batch_tokens=1))
    assert texts(together) == texts(alone) == texts(answer_turns(checkpoint, TURNS, SHORT))
    assert [answer.id for answer in together] == [turn.id for turn in TURNS]
    renderer = renderer_of("smollm2")
    ids = list(renderer.ask(json.loads(TURNS[0].messages), json.loads(TURNS[0].tools)))
    network = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32).eval()
    start = len(ids)
    while len(ids) < start + 12 and (len(ids) == start or ids[-1] != renderer.end_of_turn):
        with torch.no_grad():
            ids.append(int(network(torch.tensor([ids])).logits[0, -1].argmax()))
    assert together[0].text == renderer.decode(ids[start:])


def test_a_turn_that_cannot_be_put_to_the_model_is_skipped_with_the_reason(checkpoint: Path) -> None:
    unsayable = replace(TURNS[0], messages='[{"role":"narrator","content":"Once"}]')
    done: list[int] = []
    limit = len(renderer_of("smollm2").ask(json.loads(TURNS[0].messages), json.loads(TURNS[0].tools)))
    answers = answer_turns(checkpoint, [*TURNS[:3], unsayable], replace(SHORT, max_prompt_tokens=limit), done.append)
    assert [bool(answer.skipped) for answer in answers] == [False, False, True, True]
    assert f"more than {limit}" in answers[2].skipped
    assert "narrator" in answers[3].skipped
    assert sum(done) == 4
    assert score_turns([*TURNS[:3], unsayable], [answer.message for answer in answers]).skipped == 2


# PEFT 0.21 asks transformers 5.2x for a property by its former name.
@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
def test_an_adapter_answers_like_the_model_that_it_makes(checkpoint: Path, tmp_path: Path) -> None:
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=torch.float32)
    torch.manual_seed(2)
    tuned = peft.get_peft_model(
        model, peft.LoraConfig(r=2, lora_alpha=64, target_modules=["q_proj", "down_proj"], init_lora_weights=False, task_type="CAUSAL_LM")
    )
    tuned.save_pretrained(tmp_path / "adapter")
    tuned.merge_and_unload().save_pretrained(tmp_path / "merged")
    renderer_of("smollm2").save(tmp_path / "merged")
    adapted = texts(answer_turns(tmp_path / "adapter", TURNS, SHORT))
    assert adapted == texts(answer_turns(tmp_path / "merged", TURNS, SHORT))
    assert adapted != texts(answer_turns(checkpoint, TURNS, SHORT))


def test_what_is_no_checkpoint_is_refused_in_one_line(checkpoint: Path, tmp_path: Path) -> None:
    renderer_of("smollm2").save(tmp_path)
    with pytest.raises(ModelError, match="holds no checkpoint"):
        answer_turns(tmp_path, TURNS)
    (tmp_path / "adapter_config.json").write_text("{}")
    with pytest.raises(ModelError, match="holds no adapter"):
        answer_turns(tmp_path, TURNS)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(checkpoint)}))
    with pytest.raises(ModelError, match=r"has no adapter_model\.safetensors"):
        answer_turns(tmp_path, TURNS)


def test_batches_hold_prompts_of_like_length_and_each_prompt_once() -> None:
    prompts = [(position, (1,) * size) for position, size in enumerate([5, 90, 7, 6, 300, 80])]
    made = list(batches(prompts, AnswerSettings(max_new_tokens=10, batch_tokens=200)))
    assert [[len(ids) for _, ids in batch] for batch in made] == [[300], [90, 80], [7, 6, 5]]


class Scripted:
    """A network that goes on with given tokens."""

    device = "cpu"

    def __init__(self, rows: list[list[int]]) -> None:
        self.rows = rows

    def generate(self, *, input_ids: Any, attention_mask: Any, generation_config: Any, stopping_criteria: Any) -> Any:
        self.seen = input_ids.tolist(), attention_mask.tolist()
        return torch.cat([input_ids, torch.tensor(self.rows)], dim=1)


def test_an_answer_ends_with_its_first_end_of_turn() -> None:
    renderer = renderer_of("smollm2")
    end = renderer.end_of_turn
    network = Scripted([[7, end, end, end], [7, 8, 9, 10]])
    assert generate(network, [(5, 6, 7), (5,)], renderer, AnswerSettings(max_new_tokens=4)) == [[7, end], [7, 8, 9, 10]]
    assert network.seen == ([[5, 6, 7], [end, end, 5]], [[1, 1, 1], [0, 0, 1]])


def learned(turn: Turn, message: dict[str, Any], directory: Path) -> Path:
    """A checkpoint that says one message at one turn."""
    renderer = renderer_of("smollm2")
    rendered = renderer.render([*json.loads(turn.messages), message], json.loads(turn.tools))
    ids = torch.tensor([rendered.ids])
    labels = torch.where(torch.tensor([rendered.mask]), ids, -100)
    model = tiny_model(renderer)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for _ in range(120):
        model(input_ids=ids, labels=labels).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(directory)
    renderer.save(directory)
    return directory


def test_text_is_cut_off_sooner_than_a_call(tmp_path: Path) -> None:
    turn, limits = a_turn(0), AnswerSettings(max_text_tokens=16)
    words = "There is much to see in Ulm, and more around it."
    text = learned(turn, {"role": "assistant", "content": words}, tmp_path / "text")
    whole, cut = (answer_turns(text, [turn], settings)[0].text for settings in (AnswerSettings(), limits))
    assert whole == words + renderer_of("smollm2").template.end_of_turn
    assert whole.startswith(cut) and 0 < len(cut) < len(words)
    calls = learned(turn, {"role": "assistant", "content": "", "tool_calls": [CALL]}, tmp_path / "calls")
    answer = answer_turns(calls, [turn], limits)[0]
    assert answer.message is not None and answer.message["tool_calls"]


def test_a_model_that_has_learned_a_call_makes_it(tmp_path: Path) -> None:
    turn = a_turn(0)
    learned(turn, {"role": "assistant", "content": "", "tool_calls": [CALL]}, tmp_path)
    answers = answer_turns(tmp_path, [turn])
    assert answers[0].text.endswith(renderer_of("smollm2").template.end_of_turn)
    scores = score_turns([turn], [answers[0].message])
    assert {measure: rate.share for measure, rate in scores.rates[ALL].items()} == dict.fromkeys(
        (Measure.VALID, Measure.FUNCTION, Measure.ARGUMENTS, Measure.RIGHT), 1.0
    )
