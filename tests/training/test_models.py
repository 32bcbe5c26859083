"""Written checkpoints: in the type of their base, stopping where a turn ends, and an adapter only with the base that it belongs to."""

from __future__ import annotations

import json
from contextlib import chdir
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.cli import USER_ERROR, run_command
from magnet_ray.errors import ModelError
from tests.training.tiny_models import torch, transformers
from tests.training.tiny_runs import tiny_checkpoint

peft = pytest.importorskip("peft")

from magnet_ray.training.adapters import merge_adapter  # noqa: E402
from magnet_ray.training.models import write_model  # noqa: E402

# PEFT 0.21 asks transformers 5.2x for a property by its former name.
pytestmark = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")
TEXT_END, TURN_END = "<|endoftext|>", "<|im_end|>"


def loaded(directory: Path, **options: Any) -> Any:
    return transformers.AutoModelForCausalLM.from_pretrained(directory, **options)


def ends(directory: Path) -> list[str]:
    """The tokens at which generation ends, as everyone reads them who loads the checkpoint."""
    settings = transformers.GenerationConfig.from_pretrained(directory)
    named = settings.eos_token_id
    return list(tokenizer_of(directory).convert_ids_to_tokens([named] if isinstance(named, int) else named))


def tokenizer_of(directory: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(directory)


def with_ends(directory: Path, *tokens: str) -> Path:
    """The checkpoint with generation settings of its own that end at these tokens."""
    tokenizer = tokenizer_of(directory)
    ids = tokenizer.convert_tokens_to_ids(list(tokens))
    settings = {"do_sample": True, "temperature": 0.7, "eos_token_id": ids[0] if len(ids) == 1 else ids}
    (directory / "generation_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return directory


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A bfloat16 checkpoint whose settings know, as those of base models do, the end of a text only."""
    # With three layers PEFT names what an adapter changes by kind, as in larger models; with fewer, one by one.
    directory = tiny_checkpoint(tmp_path / "base", num_hidden_layers=3)
    loaded(directory, dtype=torch.bfloat16).save_pretrained(directory)
    return with_ends(directory, TEXT_END)


def adapted(base: Path, directory: Path) -> Path:
    """An adapter of a base that changes what it says."""
    torch.manual_seed(1)
    settings = peft.LoraConfig(r=2, target_modules="all-linear", init_lora_weights=False, task_type="CAUSAL_LM")
    write_model(peft.get_peft_model(loaded(base), settings), str(base), directory)
    return directory


def test_a_model_is_written_in_the_type_of_its_base_and_stops_where_a_turn_ends(base: Path, tmp_path: Path) -> None:
    write_model(loaded(base, dtype=torch.float32), str(base), tmp_path / "model")
    tokenizer_of(base).save_pretrained(tmp_path / "model")
    assert loaded(tmp_path / "model").dtype == torch.bfloat16
    assert ends(tmp_path / "model") == [TURN_END, TEXT_END]
    assert transformers.GenerationConfig.from_pretrained(tmp_path / "model").temperature == 0.7
    for file in (tmp_path / "model").iterdir():
        assert file.suffix in {".safetensors", ".json", ".jinja"}, file


@pytest.mark.parametrize("tokens", [(TURN_END,), (TEXT_END, TURN_END)])
def test_ends_that_a_base_knows_stay_as_they_are(base: Path, tmp_path: Path, tokens: tuple[str, ...]) -> None:
    write_model(loaded(with_ends(base, *tokens)), str(base), tmp_path / "model")
    tokenizer_of(base).save_pretrained(tmp_path / "model")
    assert ends(tmp_path / "model") == list(tokens)


def test_a_merged_adapter_is_written_like_a_model_and_says_what_both_say(base: Path, tmp_path: Path) -> None:
    adapter = adapted(base, tmp_path / "adapter")
    merge_adapter(adapter, tmp_path / "merged")
    merged = loaded(tmp_path / "merged")
    assert merged.dtype == torch.bfloat16
    assert ends(tmp_path / "merged") == [TURN_END, TEXT_END]
    both = peft.PeftModel.from_pretrained(loaded(base, dtype=torch.float32), adapter).eval()
    ids = torch.arange(20)[None]
    with torch.inference_mode():
        expected, alone = both(ids).logits, loaded(base, dtype=torch.float32)(ids).logits
        found = merged.float()(ids).logits
    assert (found - expected).abs().max() < 0.05 * (alone - expected).abs().max()


def test_an_adapter_finds_its_base_from_anywhere(base: Path, tmp_path: Path) -> None:
    with chdir(tmp_path):
        adapter = adapted(Path("base"), Path("adapter")).resolve()
    merge_adapter(adapter, tmp_path / "merged")
    assert isinstance(peft.AutoPeftModelForCausalLM.from_pretrained(adapter), peft.PeftModel)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"hidden_size": 64}, "size mismatch for base_model.model.model.layers."),
        ({"num_hidden_layers": 2}, "no counterpart, such as base_model.model.model.layers.2."),
        ({"num_hidden_layers": 4}, "no counterpart, such as base_model.model.model.layers.3."),
    ],
)
def test_a_base_that_is_not_the_adapters_is_one_clear_line(
    base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], changes: dict[str, int], problem: str
) -> None:
    adapter = adapted(base, tmp_path / "adapter")
    other = tiny_checkpoint(tmp_path / "other", **{"num_hidden_layers": 3, **changes})
    before = set(tmp_path.iterdir())
    capfd.readouterr()
    assert run_command(["train", "merge", str(adapter), "--model", str(other), "--out", str(tmp_path / "merged")]) == USER_ERROR
    said = capfd.readouterr()
    [line] = said.err.splitlines()
    assert line.startswith(f"magnet: the adapter in {adapter} does not fit {other}; ")
    assert problem in line
    assert line.endswith(f"name the checkpoint that it was trained on, {base}")
    assert not said.out
    assert set(tmp_path.iterdir()) == before


def test_what_is_no_adapter_and_no_base_is_named(base: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no adapter"):
        merge_adapter(base, tmp_path / "merged")
    adapter = adapted(base, tmp_path / "adapter")
    with pytest.raises(ModelError, match="absent holds no checkpoint"):
        merge_adapter(adapter, tmp_path / "merged", base=str(tmp_path / "absent"))
    (adapter / "adapter_model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no adapter_model\.safetensors"):
        merge_adapter(adapter, tmp_path / "merged")
    assert not (tmp_path / "merged").exists()
