from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.errors import ConfigError
from magnet_ray.paper.chain import Step
from magnet_ray.paper.config import STEPS, PipelineConfig
from magnet_ray.paper.steps import Means, pipeline_steps
from magnet_ray.sections import load_section, section_values

OUT = Path("runs/p")
GIVEN = {
    "data of sft": ("sft.data=[runs/a]", "sft.data is set by the step synthesize; leave it out"),
    "the pool": ("synthesize.pool=pools/a", "synthesize.pool is set by the step pool"),
    "the graph": ("synthesize.graph.directory=graphs/a", "synthesize.graph.directory is set by the step graph"),
    "the model of mdpo": ("mdpo.model=m", "mdpo.model is set by the step sft"),
    "a cluster of its own": ("distill.ray.address=auto", "distill.ray.address is set by the pipeline; set ray.address and ray.num_cpus"),
    "an endpoint": ("evaluate.heldout.model.base_url=http://x/v1", "evaluate.heldout.model.base_url is set by the pipeline"),
    "a served model": ("serve.model=m", "serve.model is set by the pipeline"),
}
BAD_SETS = {
    "an unknown step": ("steps=[pool, grahp]", 'got "grahp"'),
    "no step": ("steps=[]", "at least one value"),
    "an unknown key of a step": ("sft.batchsize=4", "did you mean sft.batch_size?"),
    "an unknown section": ("stf.batch_size=4", "stf in --set is not a configuration key"),
}


def steps_of(*sets: str, served: list[tuple[str, str]] | None = None) -> dict[str, Step]:
    """The steps of a configuration by name; what they have served is noted."""

    def reach(checkpoint: str, name: str) -> Mapping[str, str]:
        if served is not None:
            served.append((checkpoint, name))
        return {"base_url": "http://here/v1", "name": name}

    means = Means(place=OUT.joinpath, reach=reach, alone=lambda: None)
    return {step.name: step for step in pipeline_steps(load_section(PipelineConfig, sets=sets), means)}


def values(step: Step) -> dict[str, Any]:
    return section_values(step.config)


def test_each_step_takes_what_the_ones_before_it_made() -> None:
    steps = steps_of("distill.student={}", "sft.model=base/model", "evaluate.evaluations=[heldout, bfcl]")
    evaluations = [f"evaluate/{model}-{name}" for model in ("base", "sft", "mdpo") for name in ("heldout", "bfcl")]
    assert list(steps) == [*STEPS[:-1], *evaluations]
    assert all(step.directory == OUT / name for name, step in steps.items())
    assert values(steps["graph"])["graph"] == values(steps["synthesize"])["graph"] | {"directory": None}
    synthesized = values(steps["synthesize"])
    assert (synthesized["pool"], synthesized["graph"]["directory"]) == ("runs/p/pool", "runs/p/graph")
    assert values(steps["sft"])["data"] == ["runs/p/synthesize"]
    distilled = values(steps["distill"])
    assert (distilled["run"], distilled["student"]["name"]) == ("runs/p/synthesize", "sft")
    tuned = values(steps["mdpo"])
    assert (tuned["data"], tuned["model"]) == (["runs/p/distill"], "runs/p/sft/model")
    # All models are asked the same conversations: those that the last training and the one before it held out.
    for model in ("base", "sft", "mdpo"):
        held_out = values(steps[f"evaluate/{model}-heldout"])
        assert (held_out["trained"], held_out["model"]["name"]) == ("runs/p/mdpo", model)
    assert values(steps["evaluate/base-bfcl"])["checkpoint"] == "base/model"
    assert steps["mdpo"].sources == ("distill", "sft") and steps["evaluate/sft-bfcl"].sources == ("sft",)


def test_where_the_pipeline_runs_is_where_each_step_does() -> None:
    for name, step in steps_of("ray.address=auto", "ray.num_cpus=3").items():
        if name not in ("pool", "graph"):
            assert (values(step)["ray"]["address"], values(step)["ray"]["num_cpus"]) == ("auto", 3)


def test_only_steps_that_ask_a_model_have_one_served() -> None:
    asks = {name for name, step in steps_of().items() if step.asks_model}
    assert asks == {f"evaluate/{model}-{name}" for model in ("base", "sft", "mdpo") for name in ("heldout", "toolquery")}
    assert steps_of("distill.student={}")["distill"].asks_model
    # Somebody else's student is asked where it is.
    external = steps_of("distill.student={base_url: 'http://there/v1', name: other}")["distill"]
    assert not external.asks_model and values(external)["student"]["name"] == "other"
    assert not steps_of("evaluate.heldout.agent=reference")["evaluate/sft-heldout"].asks_model


def test_steps_may_be_left_out_when_what_they_make_is_given() -> None:
    steps = steps_of("steps=[mdpo, evaluate]", "mdpo.model=other/model", "mdpo.data=[runs/pairs]")
    assert list(steps) == ["mdpo", *(f"evaluate/{model}-{name}" for model in ("base", "mdpo") for name in ("heldout", "toolquery"))]
    assert values(steps["mdpo"])["model"] == "other/model"
    data_only = steps_of("steps=[synthesize, evaluate]", "synthesize.pool=pools/a", "evaluate.heldout.agent=reference")
    assert values(data_only["synthesize"])["pool"] == "pools/a"
    # Without a training there is nothing unseen: all rows are asked.
    assert values(data_only["evaluate/base-heldout"])["run"] == "runs/p/synthesize"


def test_a_graph_that_a_model_judges_is_made_in_the_run_that_pays_for_it() -> None:
    steps = steps_of("synthesize.graph.judge=model", "synthesize.teacher.kind=openai", "synthesize.teacher.model.name=m")
    assert "graph" not in steps
    assert values(steps["synthesize"])["graph"]["directory"] is None


@pytest.mark.parametrize(("text", "words"), GIVEN.values(), ids=GIVEN)
def test_what_another_step_sets_may_not_be_given(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        steps_of(text)
    assert words in str(caught.value)


@pytest.mark.parametrize(("text", "words"), BAD_SETS.values(), ids=BAD_SETS)
def test_a_bad_setting_is_one_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        steps_of(text)
    assert words in str(caught.value) and "\n" not in str(caught.value)
