from __future__ import annotations

import pickle
from pathlib import Path

import pytest
import yaml

from magnet_ray.config import DistillConfig, SynthesizeConfig, load_config
from magnet_ray.errors import ConfigError
from magnet_ray.paper.config import PipelineConfig
from magnet_ray.sections import Section, describe_section, load_section, parse_section, section_differences, section_values
from magnet_ray.training.settings import MdpoConfig, SftConfig

CONFIGS = sorted((Path(__file__).parent.parent / "jobs" / "configs").glob("*.yaml"))

BAD_SETS = {
    "no value": ("num", "--set takes KEY=VALUE; got 'num'"),
    "no key": ("=3", "--set takes KEY=VALUE"),
    "empty part of a key": ("ops..enabled=true", "--set takes KEY=VALUE"),
    "misspelt key": ("ops.merge.probabilty=0.3", "did you mean ops.merge.probability?"),
    "key in the wrong section": ("shard_size=4", "did you mean ray.shard_size?"),
    "section at the top": ("merge.probability=0.1", "did you mean ops.merge?"),
    "unknown key": ("banana=1", "the keys are sources, pool, num, seed"),
    "unknown key of a section": ("ops.banana.x=1", "the keys of ops are insert, merge, repeat, split"),
    "text for a number": ("num=many", 'num in --set; got "many"; expected a valid integer'),
    "truth value for a number": ("num=true", "got true; expected a valid integer"),
    "number too small": ("num=0", "got 0; expected greater than or equal to 1"),
    "negative seed": ("seed=-1", "seed in --set; got -1"),
    "chance above one": ("ops.insert.probability=1.5", "expected less than or equal to 1"),
    "infinite number": ("graph.min_score=.inf", "expected a finite number"),
    "number for a section": ("ops=5", "ops in --set; got 5; expected a section of keys"),
    "text for a list": ("sources=builtin", 'got "builtin"; expected a list'),
    "empty list": ("sources=[]", "expected at least one value"),
    "range the wrong way round": ("tools.distractors=[5, 2]", "expected distractors as [fewest, most]"),
    "more workers at least than at most": (
        "teacher.workers=[3, 2]",
        "teacher.workers in --set; got [3, 2]; expected a number, or [fewest, most]",
    ),
    "no workers": ("teacher.workers=[0, 2]", "got 0; expected greater than or equal to 1"),
    "half a range": ("tools.distractors=[5]", "expected one more value"),
    "all weights zero": ("mix={single_turn: 0, multi_turn: 0, irrelevance: 0}", "expected at least one weight above 0"),
    "a group without members": ("mix={single: 0, parallel: 0, multiple: 0}", "expected a weight above 0 within single_turn"),
    "unknown choice": ("teacher.kind=parrot", "expected 'template'"),
    "broken YAML": ("ops.merge.enabled=[", "expected valid YAML"),
    "key given twice": ("ops.merge={enabled: true, enabled: false}", "the key 'enabled' is given twice"),
    "a date": ("num=2026-01-01", "expected a valid integer"),
}

BAD_FILES = {
    "a list": ("- num\n", "is not a mapping"),
    "a sentence": ("just words", "is not a mapping"),
    "a key that is no text": ("1: 2\n", "is not a mapping"),
    "broken YAML": ("num: 5\nops: [1\n", "expected valid YAML"),
    "a tab": ("num: 5\n\tseed: 1\n", "line 2"),
    "a key twice": ("num: 5\nseed: 1\nnum: 6\n", "line 3: the key 'num' is given twice"),
    "a Python object": ("num: !!python/object/apply:os.getcwd []\n", "expected valid YAML"),
    "a value within itself": ("mix: &a {single: *a}\n", "Circular reference"),
    "an unknown key": ("num: 5\nsed: 1\n", "sed in job.yaml is not a configuration key; did you mean seed?"),
    "not UTF-8": (b"num: \xff\n", "cannot be read"),
}


@pytest.mark.parametrize(("text", "words"), BAD_SETS.values(), ids=BAD_SETS)
def test_a_bad_setting_is_refused_in_one_clear_line(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(sets=[text])
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("content", "words"), BAD_FILES.values(), ids=BAD_FILES)
def test_a_bad_file_is_refused_in_one_clear_line(content: str | bytes, words: str, tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ConfigError) as caught:
        load_config(file)
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml does not exist"):
        load_config(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path)


def test_several_mistakes_are_counted_and_the_unknown_key_comes_first() -> None:
    with pytest.raises(ConfigError, match=r"sed in --set is not .*did you mean seed\? \(1 more to fix\)"):
        load_config(sets=["num=0", "sed=1"])


def test_the_defaults_are_the_papers_settings() -> None:
    config = load_config()
    assert config.sources == ("builtin",)
    assert (config.mix.single_turn, config.mix.multi_turn, config.mix.irrelevance) == (20_000, 7_800, 6_200)
    assert (config.paths.steps, config.ops.merge.probability, config.ops.merge.max_functions) == (7, 0.3, 3)
    assert config.graph.max_candidates == 30


def test_later_sources_win(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("num: 5\nseed: 5\nsources: [bfcl]\nops: {merge: {enabled: false}}\n", encoding="utf-8")
    config = load_config(file, ["num=6", "ops.merge.probability=1e-1", "seed=6"], {"seed": 7, "num": None, "sources": ("a", "b")})
    assert (config.num, config.seed, config.sources) == (6, 7, ("a", "b"))
    assert (config.ops.merge.enabled, config.ops.merge.probability) == (False, 0.1)


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("# nothing yet\n", encoding="utf-8")
    assert load_config(file) == load_config()


def test_a_setting_may_reach_into_a_section_shared_by_an_alias(tmp_path: Path) -> None:
    file = tmp_path / "job.yaml"
    file.write_text("ops:\n  merge: &p {probability: 0.5}\n  insert: *p\n", encoding="utf-8")
    config = load_config(file, ["ops.merge.probability=0.25"])
    assert (config.ops.merge.probability, config.ops.insert.probability) == (0.25, 0.5)


def kind_of(file: Path) -> type[Section]:
    """The job that a configuration is for."""
    kinds: dict[str, type[Section]] = {"distill": DistillConfig, "sft": SftConfig, "mdpo": MdpoConfig, "pipeline": PipelineConfig}
    return kinds.get(file.stem.split("-")[-1], SynthesizeConfig)


@pytest.mark.parametrize("file", CONFIGS, ids=lambda file: file.name)
def test_the_published_configurations_load(file: Path) -> None:
    load_section(kind_of(file), file)


@pytest.mark.parametrize("name", ["synthesize.yaml", "distill.yaml", "sft.yaml", "mdpo.yaml"])
def test_the_default_file_says_every_key_with_its_default(name: str) -> None:
    file = next(file for file in CONFIGS if file.name == name)
    kind = kind_of(file)
    tree = yaml.safe_load(file.read_text(encoding="utf-8"))
    assert load_section(kind, file) == load_section(kind) == parse_section(kind, tree)
    written = set(_dotted(tree))
    assert written == {key for key, _, _ in describe_section(kind)}


def _dotted(tree: dict[str, object], prefix: str = "") -> list[str]:
    keys = []
    for key, value in tree.items():
        keys += _dotted(value, f"{prefix}{key}.") if isinstance(value, dict) else [f"{prefix}{key}"]
    return keys


def test_a_configuration_survives_plain_values_and_pickling() -> None:
    config = load_config(sets=["tools.distractors=[1, 2]", "ray.address=auto", "ops.split.enabled=false"])
    assert parse_section(SynthesizeConfig, section_values(config)) == config
    assert pickle.loads(pickle.dumps(config)) == config


def test_a_json_object_is_taken_as_text_and_as_yaml_reads_it() -> None:
    text = '{"dtype":"float32","enforce_eager":true}'
    for given in (text, f"'{text}'", "{dtype: float32, enforce_eager: true}"):
        assert load_config(sets=[f"teacher.vllm.engine={given}"]).teacher.vllm.engine == text
    parts = ["teacher.vllm.engine.dtype=float32", "teacher.vllm.engine.enforce_eager=true"]
    assert load_config(sets=parts).teacher.vllm.engine == text
    with pytest.raises(ConfigError, match=r"teacher\.vllm\.bundle in --set; got \[1\]; expected a valid string"):
        load_config(sets=["teacher.vllm.bundle=[1]"])


def test_a_configuration_cannot_be_changed() -> None:
    config = load_config()
    with pytest.raises(ValueError, match="frozen"):
        config.num = 5


def test_every_key_has_a_meaning() -> None:
    assert all(meaning.endswith((".", "model.")) for _, _, meaning in describe_section(SynthesizeConfig))
    assert len(describe_section(SynthesizeConfig)) > 30


def test_only_keys_that_change_rows_count_as_differences() -> None:
    first = load_config()
    assert section_differences(first, first) == ()
    assert section_differences(first, load_config(sets=["ray.num_cpus=4", "ray.address=auto", "failure_budget=0.9"])) == ()
    other = load_config(sets=["seed=2", "ops.merge.enabled=false", "ray.shard_size=7", "sources=[bfcl]"])
    assert set(section_differences(first, other)) == {"seed", "ops.merge.enabled", "ray.shard_size", "sources"}


def test_workers_are_a_number_or_a_range() -> None:
    for text, workers in (("null", None), ("4", (4, 4)), ("[1, 64]", (1, 64))):
        config = load_config(sets=[f"teacher.workers={text}"])
        assert config.teacher.workers == workers
        assert parse_section(SynthesizeConfig, section_values(config)) == config


def test_the_mix_has_the_names_that_the_mixer_takes() -> None:
    from magnet_ray.mix import MixWeights

    assert MixWeights(**SynthesizeConfig().mix.model_dump()) == MixWeights()


def test_how_a_model_is_reached_may_change_between_a_run_and_its_resumption() -> None:
    began = load_config(sets=["teacher.kind=openai", "teacher.model.name=a"])
    moved = ("base_url=http://there/v1", "api_key_env=OTHER", "concurrency=9", "timeout=5", "input_price=1")
    again = ["teacher.kind=openai", "teacher.model.name=a", "teacher.requests.retries=3", "teacher.workers=2"]
    assert section_differences(began, load_config(sets=[*again, *(f"teacher.model.{key}" for key in moved)])) == ()
    assert section_differences(began, load_config(sets=[*again, "teacher.model.temperature=1"])) == ("teacher.model.temperature",)
    other = load_config(sets=[*again, "teacher.roles.responder.name=b"])
    assert section_differences(began, other) == section_differences(other, began) == ("teacher.roles.responder.name",)
