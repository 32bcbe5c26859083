from __future__ import annotations

import multiprocessing
from pathlib import Path

import pytest

from magnet_ray.checkpoint_places import fetched, is_checkpoint, whole_directory
from magnet_ray.errors import ModelError
from magnet_ray.places import Place, entries

FILES = {"config.json": "{}", "tokenizer.json": '{"a":1}', "model.safetensors": "weights", "below/more.txt": "more"}


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where checkpoints are fetched to."""
    monkeypatch.setenv("MAGNET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "checkpoints"


def make(directory: Path, **changed: str) -> None:
    """A directory in the layout of a checkpoint."""
    for name, text in (FILES | changed).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_text(text)


def content(directory: str | Path) -> dict[str, str]:
    return {str(file.relative_to(directory)): file.read_text() for file in Path(directory).rglob("*") if file.is_file()}


def put(target: Place, **changed: str) -> str:
    """A checkpoint on a store; its address."""
    with whole_directory(target) as directory:
        make(directory, **changed)
    return str(target)


@pytest.mark.parametrize("model", ["runs/sft/model", "Qwen/Qwen2.5-Coder-7B-Instruct"])
def test_what_is_no_address_stays_as_it_is(model: str) -> None:
    assert fetched(model) == fetched(Path(model)) == model


def test_a_checkpoint_goes_to_a_store_and_comes_back(bucket: Place, cache: Path) -> None:
    model = put(bucket / "run" / "model")
    assert is_checkpoint(bucket / "run" / "model")
    local = fetched(model)
    assert content(local) == FILES
    assert Path(local).parent == cache
    assert Path(local).name.startswith("model-")


def test_a_checkpoint_is_fetched_once_and_again_when_it_has_changed(bucket: Place, cache: Path) -> None:
    model = put(bucket / "model")
    local = fetched(model)
    (Path(local) / "mark").write_text("fetched before")
    assert fetched(model) == local
    assert (Path(local) / "mark").exists()
    put(bucket / "model", **{"model.safetensors": "WEIGHTS"})
    again = fetched(model)
    assert again != local
    assert content(again) == FILES | {"model.safetensors": "WEIGHTS"}


def test_the_large_files_are_left_there_by_those_who_do_not_need_them(bucket: Place, cache: Path) -> None:
    model = put(bucket / "model")
    assert content(fetched(model, weights=False)).keys() == FILES.keys() - {"model.safetensors"}
    assert content(fetched(model)).keys() == FILES.keys()


def test_a_fetch_that_was_killed_is_made_anew(bucket: Place, cache: Path) -> None:
    model = put(bucket / "model")
    local = Path(fetched(model))
    half = local.with_name(f".{local.name}.tmp")
    local.rename(half)
    (half / "config.json").write_text("half")
    assert content(fetched(model)) == FILES
    assert not half.exists()


def _names(model: str) -> str:
    return fetched(model)


def test_processes_that_want_the_same_at_once_get_the_same(bucket: Place, cache: Path) -> None:
    model = put(bucket / "model")
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        assert set(pool.map(_names, [model] * 3)) == {fetched(model)}
    assert [entry.name for entry in cache.iterdir() if not entry.name.startswith(".")] == [Path(fetched(model)).name]


def test_what_was_put_in_part_is_no_checkpoint(bucket: Place, cache: Path) -> None:
    put(bucket / "model")
    (bucket / "model" / "config.json").unlink()
    assert not is_checkpoint(bucket / "model")
    with pytest.raises(ModelError, match=f"{bucket}/model holds no whole checkpoint; expected adapter_config.json or config.json"):
        fetched(str(bucket / "model"))


def test_a_directory_that_fails_to_be_made_replaces_nothing(bucket: Place, tmp_path: Path) -> None:
    for target in (bucket / "model", tmp_path / "model"):
        put(target)
        with pytest.raises(KeyError), whole_directory(target) as directory:
            make(directory, **{"config.json": "half"})
            raise KeyError("stage")
        assert (target / "config.json").read_text() == "{}"


def test_what_a_new_checkpoint_does_not_have_is_gone(bucket: Place) -> None:
    put(bucket / "model", **{"old.safetensors": "old"})
    put(bucket / "model")
    assert "old.safetensors" not in entries(bucket / "model")


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("s3://no-such-bucket-at-all/model", "the checkpoint s3://no-such-bucket-at-all/model"),
        ("ftp://host/model", "ftp://host/model cannot hold a run"),
    ],
)
@pytest.mark.usefixtures("store")
def test_an_address_that_cannot_be_read_is_one_line(model: str, words: str) -> None:
    with pytest.raises(ModelError) as refusal:
        fetched(model)
    assert words in str(refusal.value)
    assert "\n" not in str(refusal.value)
