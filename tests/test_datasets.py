from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from magnet_ray.artifacts import Origin, RunDirectory
from magnet_ray.config import load_config
from magnet_ray.datasets import sft_examples, write_prompt_completion, write_sft_jsonl, write_sharegpt
from magnet_ray.errors import RunError
from magnet_ray.finished_runs import read_trajectories
from magnet_ray.rows import to_table
from magnet_ray.types import Trajectory, compact
from tests.conftest import call, sample_failure, sample_trajectory, tool

ReadLines = Callable[[Path], list[dict[str, Any]]]


def with_addition() -> Trajectory:
    """A row whose second turn asks for a function that comes with its third."""
    messages = json.loads(sample_trajectory().messages)
    messages += [
        {"role": "user", "content": "Cancel it again."},
        {"role": "assistant", "content": "I have no way to cancel a booking."},
        {"role": "user", "content": "Now you should have one."},
        {"role": "assistant", "content": "", "tool_calls": [call("call_4", "cancel_place", '{"code":"A-1"}')]},
        {"role": "tool", "tool_call_id": "call_4", "name": "cancel_place", "content": "true"},
        {"role": "assistant", "content": "It is cancelled."},
    ]
    return replace(sample_trajectory(), messages=compact(messages), tools_added=compact({"3": [tool("cancel_place")]}), num_turns=4)


def names(tools: str) -> list[str]:
    return [entry["function"]["name"] for entry in json.loads(tools)]


def test_a_plain_row_is_one_example_trained_from_its_first_reply() -> None:
    row = sample_trajectory()
    (example,) = sft_examples(row)
    assert (example.id, example.messages, names(example.tools)) == (row.id, row.messages, ["find_places", "book_place"])
    assert example.loss_from == 2


def test_a_row_with_an_addition_is_two_examples() -> None:
    row = with_addition()
    before, after = sft_examples(row)
    assert (before.id, after.id) == (f"{row.id}-0", f"{row.id}-1")
    assert names(before.tools) == ["find_places", "book_place"]
    assert names(after.tools) == ["find_places", "book_place", "cancel_place"]
    assert json.loads(before.messages)[-1]["content"] == "I have no way to cancel a booking."
    assert after.messages == row.messages
    assert json.loads(after.messages)[after.loss_from]["tool_calls"][0]["function"]["name"] == "cancel_place"


def test_every_reply_is_trained_exactly_once() -> None:
    for row in (sample_trajectory(), with_addition(), replace(with_addition(), tools_added=compact({"1": [tool("a")], "3": [tool("b")]}))):
        messages = json.loads(row.messages)
        trained = []
        for example in sft_examples(row):
            shown = json.loads(example.messages)
            assert shown == messages[: len(shown)]
            trained += [index for index in range(example.loss_from, len(shown)) if shown[index]["role"] == "assistant"]
        assert trained == [index for index, message in enumerate(messages) if message["role"] == "assistant"]


def test_tools_that_come_with_the_first_turn_are_simply_offered() -> None:
    (example,) = sft_examples(replace(sample_trajectory(), tools_added=compact({"0": [tool("late")]})))
    assert names(example.tools) == ["find_places", "book_place", "late"]


def test_sft_lines_have_the_same_keys_and_arguments_as_objects(finished_run: Path, tmp_path: Path, read_lines: ReadLines) -> None:
    assert write_sft_jsonl(finished_run, tmp_path / "sft.jsonl") == 21
    lines = read_lines(tmp_path / "sft.jsonl")
    assert {tuple(line) for line in lines} == {("id", "category", "messages", "tools", "loss_from")}
    assert lines[0]["messages"][2]["tool_calls"][1]["function"]["arguments"] == {"city": "Bern"}
    assert names(lines[0]["tools"]) == ["find_places", "book_place"]


def test_prompt_and_completion_part_where_the_loss_starts(tmp_path: Path, read_lines: ReadLines) -> None:
    run = run_of(tmp_path, [with_addition()])
    assert write_prompt_completion(run, tmp_path / "pc.jsonl") == 2
    before, after = read_lines(tmp_path / "pc.jsonl")
    assert (before["prompt"][-1]["role"], before["completion"][0]["role"]) == ("user", "assistant")
    assert after["prompt"][-1]["content"] == "Now you should have one."
    assert unweighted(after["prompt"][:-1]) == unweighted(before["prompt"] + before["completion"])
    assert unweighted(after["prompt"] + after["completion"]) == unweighted(expected_messages(with_addition()))


def unweighted(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{key: value for key, value in message.items() if key != "weight"} for message in messages]


def test_weights_say_which_replies_are_trained(tmp_path: Path, read_lines: ReadLines) -> None:
    write_sft_jsonl(run_of(tmp_path, [with_addition()]), tmp_path / "sft.jsonl")
    for line in read_lines(tmp_path / "sft.jsonl"):
        weights = {index: message["weight"] for index, message in enumerate(line["messages"]) if "weight" in message}
        assert weights == {index: int(index >= line["loss_from"]) for index in weights}
        assert set(weights) == {index for index, message in enumerate(line["messages"]) if message["role"] == "assistant"}


def test_sharegpt_sides_alternate_and_keep_everything(tmp_path: Path, read_lines: ReadLines) -> None:
    assert write_sharegpt(run_of(tmp_path, [with_addition()]), tmp_path / "share.jsonl") == 2
    _, after = read_lines(tmp_path / "share.jsonl")
    turns = after["conversations"]
    assert [turn["from"] in {"human", "observation"} for turn in turns] == [index % 2 == 0 for index in range(len(turns))]
    assert [turn["from"] for turn in turns[:4]] == ["human", "function_call", "observation", "gpt"]
    assert [entry["arguments"] for entry in json.loads(turns[1]["value"])] == [{"city": "Ulm"}, {"city": "Bern"}]
    assert json.loads(turns[2]["value"]) == [{"places": [{"name": "Nordlicht"}, {"name": "Süd"}]}, []]
    assert json.loads(turns[5]["value"]) == {"name": "book_place", "arguments": {"name": "Süd", "guests": 4}}
    assert after["system"] == "Today is Monday."
    assert json.loads(turns[after["loss_from"]]["value"])["name"] == "cancel_place"


@pytest.mark.parametrize("write", [write_sft_jsonl, write_prompt_completion, write_sharegpt])
def test_a_file_that_cannot_be_written_is_refused(write: Callable[[Path, Path], int], finished_run: Path, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is a directory; expected a file to write"):
        write(finished_run, tmp_path)
    with pytest.raises(RunError, match="does not exist; make it first"):
        write(finished_run, tmp_path / "none" / "sft.jsonl")


def run_of(directory: Path, rows: list[Trajectory]) -> Path:
    """A finished run of the given rows and one failure."""
    with RunDirectory.open(directory / "some", load_config(overrides={"num": len(rows) + 1})) as run:
        run.finish([to_table(Trajectory, rows)], [sample_failure(99)], Origin(sources=("builtin",)))
    return directory / "some"


def varied_row(index: int) -> Trajectory:
    """Rows whose arguments have other keys and types, and some without any call, as irrelevance has."""
    if index % 3 == 0:
        messages: list[dict[str, Any]] = [{"role": "user", "content": f"Sing {index}."}, {"role": "assistant", "content": "I cannot."}]
    else:
        argument = [index, f"x{index}", [index, {"deep": None}], {f"key{index}": True}, None, 0.5][index % 6]
        arguments = json.dumps({f"only_{index % 5}": argument, "same": argument})
        messages = [
            {"role": "user", "content": f"Do {index}."},
            {"role": "assistant", "content": "", "tool_calls": [call("call_1", "do", arguments)]},
            {"role": "tool", "tool_call_id": "call_1", "name": "do", "content": "{}"},
            {"role": "assistant", "content": "Done."},
        ]
    return replace(sample_trajectory(index), messages=compact(messages))


def expected_messages(row: Trajectory) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = json.loads(row.messages)
    for message in messages:
        if message["role"] == "assistant":
            message["weight"] = 1
        for entry in message.get("tool_calls", []):
            entry["function"]["arguments"] = json.loads(entry["function"]["arguments"])
    return messages


@pytest.mark.parametrize("order", ["mixed", "without calls first"])
def test_datasets_loads_the_lines_unchanged(order: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="the extra `dev` or `train` is not installed")
    rows = [varied_row(index) for index in range(60)]
    if order != "mixed":
        rows.sort(key=lambda row: row.index % 3 != 0)
    run = run_of(tmp_path, rows)
    write_sft_jsonl(run, tmp_path / "sft.jsonl")
    # Small chunks, as a large file has several: each chunk's columns are inferred anew.
    loaded = datasets.load_dataset(
        "json", data_files=str(tmp_path / "sft.jsonl"), split="train", cache_dir=str(tmp_path / "cache"), chunksize=2_000
    )
    assert loaded.column_names == ["id", "category", "messages", "tools", "loss_from"]
    assert [json.loads(tools) for tools in loaded["tools"]] == [json.loads(row.tools) for row in read_trajectories(run)]
    assert list(loaded["messages"]) == [expected_messages(row) for row in rows]
