"""Plans of training runs against published figures, hand arithmetic and real runs of a tiny model."""

from __future__ import annotations

import io
import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from magnet_ray.errors import ConfigError, ModelError
from tests.training.tiny_models import WHY, tiny_model, torch

plan: Any = pytest.importorskip("magnet_ray.training.plan", reason=WHY)
plan_card: Any = pytest.importorskip("magnet_ray.training.plan_card", reason=WHY)
fitting: Any = pytest.importorskip("magnet_ray.training.fitting", reason=WHY)
memory: Any = pytest.importorskip("magnet_ray.training.memory", reason=WHY)
dry_run: Any = pytest.importorskip("magnet_ray.training.dry_run", reason=WHY)
architectures: Any = pytest.importorskip("magnet_ray.training.architectures", reason=WHY)
pytest.importorskip("magnet_ray.training.attention", reason=WHY).register_segment_attention()

SEVEN, FOURTEEN = "Qwen/Qwen2.5-Coder-7B-Instruct", "Qwen/Qwen2.5-Coder-14B-Instruct"
PARAMETERS = {SEVEN: 7_615_616_512, FOURTEEN: 14_770_033_664}
"""As the published checkpoints' indexes count them: 7.62 B and 14.77 B."""
TOKENS = 512


def placed(model: Any = FOURTEEN, **changes: Any) -> Any:
    """The paper's layout: fully sharded over 8 GPUs, packs of 8,192 tokens."""
    return memory.Placement(**{"model": str(model), "workers": 8, **changes})


def asked(placement: Any, **changes: Any) -> Any:
    return plan.PlanRequest(**{"placement": placement, "examples": 34_000, "mean_tokens": 3_000.0, "batch_size": 64, **changes})


def planned(placement: Any, **changes: Any) -> Any:
    return plan.plan_training(asked(placement, **changes))


def memory_of(placement: Any) -> Any:
    return memory.plan_memory(architectures.load_architecture(placement.model, placement.lora), placement)


def wide_model(**changes: Any) -> Any:
    """A tiny Qwen2 with four layers, in which activations outweigh what all layers share."""
    return tiny_model(hidden_size=64, intermediate_size=160, num_hidden_layers=4, num_attention_heads=8, vocab_size=500, **changes).train()


@pytest.mark.parametrize("name", sorted(architectures.PUBLISHED))
def test_shipped_architectures_have_the_published_number_of_parameters(name: str) -> None:
    architecture = architectures.load_architecture(name, None)
    assert architecture.parameters == architecture.trained == PARAMETERS[SEVEN if "7B" in name else FOURTEEN]
    assert architecture.config.max_position_embeddings == 32_768
    assert architecture.config.rope_parameters["rope_theta"] == 1e6


@pytest.mark.parametrize(
    ("name", "layers", "hidden", "keys", "inner"), [(SEVEN, 28, 3_584, 512, 18_944), (FOURTEEN, 48, 5_120, 1_024, 13_824)]
)
def test_adapters_have_rank_times_both_widths_of_every_linear_layer(name: str, layers: int, hidden: int, keys: int, inner: int) -> None:
    architecture = architectures.load_architecture(name, architectures.Lora(rank=32))
    widths = 2 * (hidden + hidden) + 2 * (hidden + keys) + 3 * (hidden + inner)
    assert architecture.trained == layers * 32 * widths
    assert architecture.parameters == PARAMETERS[name] + architecture.trained


def test_a_name_that_is_neither_directory_nor_known_is_refused_with_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"no architecture .* Qwen/Qwen2.5-72B.*checkpoint directory.*Qwen/Qwen2.5-Coder-14B-Instruct"):
        architectures.load_architecture("Qwen/Qwen2.5-72B", None)
    with pytest.raises(ModelError, match=r"no config\.json"):
        architectures.load_architecture(str(tmp_path), None)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "t5"}), encoding="utf-8")
    with pytest.raises(ModelError, match="causal language model"):
        architectures.load_architecture(str(tmp_path), None)


def test_full_tuning_takes_sixteen_bytes_of_every_parameter() -> None:
    one, eight = memory_of(placed(workers=1)), memory_of(placed(workers=8))
    # 14.77e9 x 16 bytes = 236.3 GB; an eighth of it is 29.5 GB.
    assert one.weights + one.gradients + one.optimizer == 236_320_538_624
    assert (eight.weights, eight.gradients, eight.optimizer) == (7_385_016_832, 7_385_016_832, 14_770_033_664)


def test_sharding_divides_and_rounds_rows_up_on_the_fullest_gpu() -> None:
    seven = memory_of(placed(SEVEN, workers=7))
    assert PARAMETERS[SEVEN] * 4 / 7 < seven.weights < PARAMETERS[SEVEN] * 4 / 7 * 1.001


def test_without_sharding_more_gpus_take_buckets_on_top() -> None:
    one, two = memory_of(placed(workers=1)), memory_of(placed(workers=2, sharding="ddp"))
    assert (two.weights, two.gradients, two.optimizer) == (one.weights, one.gradients, one.optimizer)
    assert two.worst.in_flight - one.worst.in_flight == 4 * PARAMETERS[FOURTEEN]


def test_adapters_leave_frozen_weights_in_bfloat16_and_are_not_sharded() -> None:
    trained = 137_625_600
    one, eight = (memory_of(placed(lora=architectures.Lora(), workers=workers)) for workers in (1, 8))
    assert one.weights == 2 * PARAMETERS[FOURTEEN] + 4 * trained
    assert eight.weights == 2 * PARAMETERS[FOURTEEN] // 8 + 4 * trained
    assert (eight.gradients, eight.optimizer) == (4 * trained, 8 * trained)


def test_gathered_layers_are_the_head_or_two_layers_and_not_the_model() -> None:
    head, layer = 152_064 * 5_120, 275_268_608
    at_the_head = memory.least_memory(architectures.load_architecture(FOURTEEN, None), placed()).worst
    assert at_the_head.name == "the head's backward pass"
    # The gradient in bfloat16, its copy in float32 to be sent, and the next layer's weights; the final norm's are in the group.
    assert at_the_head.in_flight == pytest.approx(6 * head + 2 * layer, rel=1e-4)
    assert memory_of(placed(lora=architectures.Lora())).worst.in_flight == 2 * 2 * layer


@pytest.mark.parametrize("method", ["sft", "mdpo"])
def test_log_probabilities_of_a_long_pack_stay_below_a_gigabyte(method: str) -> None:
    placement = placed(method=method)
    moments = memory.moments_of(architectures.load_architecture(FOURTEEN, None), placement, dry_run.Activations(held=0, working=0))
    assert 10**8 < moments[0].log_probabilities < 10**9


@pytest.mark.parametrize(("recompute", "bf16"), [(True, False), (False, False), (True, True), (False, True)])
def test_activations_are_what_a_real_forward_pass_saves(recompute: bool, bf16: bool) -> None:
    model = wide_model()
    one_pass = dry_run.Pass(tokens=TOKENS, bf16=bf16, gathered=bf16, recompute=recompute, lora=None)
    expected = dry_run.activations_of(model.config, one_pass)
    if bf16:
        # What FSDP's policy makes of the weights that a layer sees.
        model.to(torch.bfloat16)
    if recompute:
        model.activation_checkpointing_enable()
    assert expected.held == pytest.approx(saved_bytes(model, bf16), rel=0.1)


@pytest.mark.parametrize("recompute", [True, False])
def test_autocast_holds_its_copies_of_weights_beside_the_activations(recompute: bool) -> None:
    model = wide_model()
    expected = dry_run.activations_of(model.config, dry_run.Pass(tokens=TOKENS, bf16=True, gathered=False, recompute=recompute, lora=None))
    if recompute:
        model.activation_checkpointing_enable()
    linear = sum(weight.numel() for name, weight in model.model.layers.named_parameters() if "_proj" in name)
    assert expected.held + (0 if recompute else 2 * linear) == pytest.approx(saved_bytes(model, bf16=True), rel=0.1)


@pytest.mark.parametrize("recompute", [True, False])
def test_adapters_keep_what_a_real_forward_pass_saves_for_them(recompute: bool) -> None:
    model, lora = wide_model(), architectures.Lora(rank=4)
    expected = dry_run.activations_of(model.config, dry_run.Pass(tokens=TOKENS, bf16=False, gathered=False, recompute=recompute, lora=lora))
    if recompute:
        model.activation_checkpointing_enable()
    assert expected.held == pytest.approx(saved_bytes(architectures.with_adapters(model, lora), bf16=False), rel=0.1)


@pytest.mark.parametrize("recompute", [True, False])
def test_a_pass_without_numbers_takes_what_the_same_pass_takes_with_them(recompute: bool) -> None:
    model = wide_model()
    expected = dry_run.activations_of(model.config, dry_run.Pass(tokens=TOKENS, bf16=False, gathered=False, recompute=recompute, lora=None))
    if recompute:
        model.activation_checkpointing_enable()
    for weight in model.parameters():
        weight.grad = torch.zeros_like(weight)
    with dry_run.LiveBytes([*model.parameters(), *model.buffers(), *(weight.grad for weight in model.parameters())]) as live:
        embedded = torch.zeros(1, TOKENS, 64, requires_grad=True)
        hidden = last_hidden(model, inputs_embeds=embedded)
        assert expected.held == pytest.approx(live.now, rel=0.01)
        hidden.backward(torch.zeros_like(hidden))
    assert expected.held + expected.working == pytest.approx(live.peak, rel=0.05)


def last_hidden(model: Any, **inputs: Any) -> Any:
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    positions = torch.arange(TOKENS)[None]
    return base.get_decoder()(position_ids=positions, segments=((TOKENS, 0, 0),), use_cache=False, **inputs).last_hidden_state


def saved_bytes(model: Any, bf16: bool) -> int:
    """Bytes that a real forward pass keeps beside weights, as autograd's hooks see them, and the last hidden state."""
    kept: dict[int, Any] = {}

    def keep(tensor: Any) -> Any:
        kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    with (
        torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", dtype=torch.bfloat16) if bf16 else nullcontext(),
    ):
        keep(last_hidden(model, input_ids=torch.zeros(1, TOKENS, dtype=torch.long)))
    for weight in model.parameters():
        kept.pop(weight.untyped_storage().data_ptr(), None)
    return sum(storage.nbytes() for storage in kept.values())


@pytest.mark.parametrize("rank", [None, 4])
def test_states_are_the_bytes_of_a_real_model_after_a_step(rank: int | None, tmp_path: Path) -> None:
    model = wide_model()
    model.config.save_pretrained(tmp_path)
    lora = None if rank is None else architectures.Lora(rank=rank)
    expected = memory_of(placed(tmp_path, workers=1, lora=lora, precision="float32", pack_tokens=TOKENS))
    if lora is not None:
        model = architectures.with_adapters(model, lora)
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad])
    last_hidden(model, input_ids=torch.zeros(1, TOKENS, dtype=torch.long)).sum().backward()
    for weight in model.parameters():
        if weight.requires_grad and weight.grad is None:
            weight.grad = torch.zeros_like(weight)
    optimizer.step()
    # `step` is one number for each weight, which does not stay on the GPU.
    moments = [value for state in optimizer.state.values() for name, value in state.items() if name != "step"]
    assert expected.weights == sum(weight.nbytes for weight in model.parameters())
    assert expected.gradients == sum(weight.grad.nbytes for weight in model.parameters() if weight.grad is not None)
    assert expected.optimizer == sum(value.nbytes for value in moments)


def test_what_does_not_fit_is_refused_with_what_fits() -> None:
    tight = placed(workers=1)
    with pytest.raises(
        ConfigError, match=r"full fine-tuning of .*14B.* does not fit: 27\d\.\d GB .* would fit: LoRA of rank 32 \(--set lora"
    ) as refusal:
        planned(tight)
    assert "\n" not in str(refusal.value)
    change = fitting.smallest_change(tight, 80 * plan.GB)
    assert planned(change.placement).memory.total == change.memory.total <= 80 * plan.GB


@pytest.mark.parametrize(
    ("changes", "gigabytes", "words"),
    [
        ({"sharding": "ddp"}, 80, "fsdp (--set scaling.sharding=fsdp)"),
        ({"recompute": False}, 80, "gradient checkpointing (--set gradient_checkpointing=true)"),
        ({"workers": 1}, 80, "LoRA of rank 32 (--set lora.enabled=true)"),
        ({"lora": "yes", "workers": 1}, 36, "packs of 4096 tokens and nothing longer (--set pack_tokens=4096 --set max_tokens=4096)"),
        ({"lora": "yes", "workers": 1}, 24, "4 GPUs with fsdp (--set scaling.workers=[4,4])"),
        (
            {"sharding": "ddp", "recompute": False},
            80,
            "fsdp (--set scaling.sharding=fsdp) and gradient checkpointing (--set gradient_checkpointing=true)",
        ),
    ],
)
def test_the_first_smallest_change_is_named_and_fits(changes: dict[str, Any], gigabytes: int, words: str) -> None:
    if changes.get("lora"):
        changes = {**changes, "lora": architectures.Lora()}
    tight = placed(**changes)
    with pytest.raises(ConfigError):
        planned(tight, gpu_memory_gb=gigabytes)
    change = fitting.smallest_change(tight, gigabytes * plan.GB)
    assert change.words == words
    planned(change.placement, gpu_memory_gb=gigabytes)


def test_more_gpus_are_the_fewest_that_fit() -> None:
    change = fitting.smallest_change(placed(lora=architectures.Lora(), workers=1), 16 * plan.GB)
    assert change.memory.total <= 16 * plan.GB < memory_of(replace(change.placement, workers=change.placement.workers // 2)).total


def test_what_nothing_helps_is_said_to_be_beyond_help() -> None:
    with pytest.raises(ConfigError, match="take a smaller model"):
        planned(placed(SEVEN), gpu_memory_gb=1)


def test_steps_hours_and_cost_follow_from_the_figures() -> None:
    found = planned(placed(), examples=1_000, mean_tokens=2_000, epochs=2, price_per_gpu_hour=2.5)
    assert (found.steps_per_epoch, found.steps, found.tokens_per_step, found.packs_per_step) == (16, 32, 128_000, 2)
    # 13.99e9 numbers are multiplied (the embedding is looked up), 48 layers of 5,120 attend to 1,000 tokens; forward twice.
    multiplied = 14_770_033_664 - 152_064 * 5_120
    per_token = (2 + 2 + 2 + 2) * multiplied + (1 + 1 + 2) * 4 * 48 * 5_120 * 1_000
    assert found.flops == pytest.approx(4_000_000 * per_token)
    assert found.hours == pytest.approx(found.flops / (8 * 989e12 * 0.4) / 3_600)
    assert found.cost == pytest.approx(found.hours * 8 * 2.5)


def test_without_recomputation_a_token_takes_six_operations_a_parameter() -> None:
    architecture = architectures.load_architecture(SEVEN, None)
    assert plan.training_flops(architecture, context=0, recompute=False) == 6 * architecture.multiplied


def test_adapters_save_the_gradients_of_frozen_weights() -> None:
    architecture = architectures.load_architecture(SEVEN, architectures.Lora())
    assert plan.training_flops(architecture, context=0, recompute=False) == 4 * architecture.multiplied + 2 * architecture.trained


def test_a_measured_speed_decides_the_hours() -> None:
    found = planned(placed(), examples=1_000, mean_tokens=3_600, tokens_per_second=500)
    assert found.hours == pytest.approx(1_000 * 3_600 / (500 * 8) / 3_600)
    short = planned(placed(), examples=1_000, mean_tokens=3_600, tokens_per_second=500, max_steps=8)
    assert short.hours == pytest.approx(found.hours / 2)


def test_mdpo_passes_over_the_data_once_more_for_the_reference() -> None:
    supervised, preferred = (planned(placed(method=method), examples=100, batch_size=10) for method in ("sft", "mdpo"))
    architecture = architectures.load_architecture(FOURTEEN, None)
    assert preferred.flops - supervised.flops == pytest.approx(100 * 3_000 * plan.forward_flops(architecture, context=1_500))


@pytest.mark.parametrize("figure", [{"examples": 0}, {"mean_tokens": float("nan")}, {"gpu_memory_gb": -1}, {"utilisation": 0}])
def test_figures_that_make_no_plan_are_refused(figure: dict[str, Any]) -> None:
    with pytest.raises(ConfigError, match="above 0"):
        planned(placed(), **figure)


@pytest.mark.parametrize("name", ["qwen3", "llama"])
def test_other_families_are_planned_from_a_checkpoint_directory(name: str, tmp_path: Path) -> None:
    model = tiny_model(name, num_hidden_layers=5)
    model.config.save_pretrained(tmp_path)
    found = planned(placed(tmp_path, workers=2), examples=10, batch_size=2)
    assert found.parameters == sum(weight.numel() for weight in model.parameters())


def test_a_plan_is_shown_with_every_kind_of_bytes_and_its_price() -> None:
    shown = io.StringIO()
    Console(file=shown, width=140).print(
        plan_card.render_plan(planned(placed(method="mdpo"), examples=4_556, batch_size=32, price_per_gpu_hour=2.5))
    )
    text = shown.getvalue()
    for words in (
        "14.77 B parameters",
        "weights",
        "gradients",
        "optimizer",
        "activations",
        "in flight",
        "32 pairs",
        "143",
        "2.5 a GPU hour",
    ):
        assert words in text
