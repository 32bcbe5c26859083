"""What all tests share: sample records, a sample run, the shared data sets where they are at hand."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings

from magnet_ray.artifacts import Origin, RunDirectory
from magnet_ray.config import SynthesizeConfig, load_config
from magnet_ray.places import Place, place
from magnet_ray.types import Category, Failure, FailureReason, Trajectory, compact
from tests.object_store import new_bucket, object_store

# No test may reach for a hub.
os.environ["HF_HUB_OFFLINE"] = "1"
settings.register_profile("here", deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("here")

Run = TypeVar("Run", Path, Place)


def tool(name: str) -> dict[str, object]:
    """A tool in OpenAI's format."""
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    return {"type": "function", "function": {"name": name, "description": f"Does {name}.", "parameters": parameters}}


def call(key: str, name: str, arguments: str) -> dict[str, object]:
    """A tool call as a message holds it."""
    return {"id": key, "type": "function", "function": {"name": name, "arguments": arguments}}


def sample_trajectory(index: int = 0) -> Trajectory:
    """Two turns: two calls of one round, then a call that uses an earlier output."""
    found = '{"places":[{"name":"Nordlicht"},{"name":"Süd"}]}'
    messages = [
        {"role": "system", "content": "Today is Monday."},
        {"role": "user", "content": f"What is there in Ulm and in Bern? ({index})"},
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [call("call_1", "find_places", '{"city":"Ulm"}'), call("call_2", "find_places", '{"city":"Bern"}')],
        },
        {"role": "tool", "tool_call_id": "call_1", "name": "find_places", "content": found},
        {"role": "tool", "tool_call_id": "call_2", "name": "find_places", "content": "[]"},
        {"role": "assistant", "content": "Ulm has Nordlicht and Süd; Bern has nothing."},
        {"role": "user", "content": "Book the second one for 4."},
        {"role": "assistant", "content": "", "tool_calls": [call("call_3", "book_place", '{"name":"Süd","guests":4}')]},
        {"role": "tool", "tool_call_id": "call_3", "name": "book_place", "content": '{"code":"A-1"}'},
        {"role": "assistant", "content": "Booked, the code is A-1."},
    ]
    query = {"origin": "query", "turn": 0, "text": "Ulm"}
    output = {"origin": "output", "turn": 0, "call": 0, "path": "places[1].name"}
    return Trajectory(
        id=f"{index:016x}",
        index=index,
        category=list(Category)[index % len(Category)],
        tools=compact([tool("find_places"), tool("book_place")]),
        tools_added="{}",
        messages=compact(messages),
        reference_calls=compact(
            [
                [{"name": "find_places", "arguments": {"city": city}, "nested": False} for city in ("Ulm", "Bern")],
                [{"name": "book_place", "arguments": {"name": "Süd", "guests": 4}, "nested": True}],
            ]
        ),
        provenance=compact(
            [
                [{"city": query}, {"city": query | {"text": "Bern"}}],
                [
                    {
                        "name": output,
                        "guests": {"origin": "query", "turn": 1, "text": "4"},
                    }
                ],
            ]
        ),
        ops=("merge", "merge", "insert_short"),
        domains=("dining",),
        source="builtin",
        environment="builtin:dining",
        scenario_seed=2**62 + index,
        final_state='{"issued":1}',
        num_turns=2,
        num_calls=3,
    )


def sample_failure(index: int) -> Failure:
    """A path that gave no row."""
    return Failure(
        id=f"{index:016x}", index=index, stage="translation", reason=FailureReason.CALL_FAILED, detail="no table", category="single"
    )


def sample_rows(paths: range) -> tuple[list[Trajectory], list[Failure]]:
    """Every seventh path fails."""
    kept = [sample_trajectory(index) for index in paths if index % 7]
    return kept, [sample_failure(index) for index in paths if index % 7 == 0]


def make_run(directory: Run, config: SynthesizeConfig) -> Run:
    """A finished run of sample rows."""
    with RunDirectory.open(directory, config) as run:
        for shard in range(run.shards):
            run.write_shard(shard, *sample_rows(run.paths_of(shard)))
        failures = [failure for shard in range(run.shards) for failure in run.read_failures(shard)]
        run.finish((run.read_table(shard) for shard in range(run.shards)), failures, Origin(sources=config.sources))
    return directory


@pytest.fixture
def config() -> SynthesizeConfig:
    """Twenty-five paths in shards of ten."""
    return load_config(overrides={"num": 25, "ray.shard_size": 10})


@pytest.fixture
def finished_run(tmp_path: Path, config: SynthesizeConfig) -> Path:
    """A finished run of 25 paths."""
    return make_run(tmp_path / "run", config)


@pytest.fixture
def read_lines() -> Callable[[Path], list[dict[str, object]]]:
    """Reads a file of JSON lines."""

    def read(file: Path) -> list[dict[str, object]]:
        return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]

    return read


@pytest.fixture(scope="session")
def shared_data() -> Iterator[Path]:
    """The shared data sets; a test that needs them is skipped where they are absent."""
    directory = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not directory.is_dir():
        pytest.skip("the shared data sets (../shared/data) are not here")
    yield directory


@pytest.fixture(scope="session")
def store() -> Iterator[dict[str, str]]:
    """A running S3 server, and the environment of its clients; skipped where none is installed."""
    with object_store() as environment:
        yield environment


@pytest.fixture
def bucket(store: dict[str, str]) -> Place:
    """A place in an empty bucket."""
    return place(f"{new_bucket()}/runs")
