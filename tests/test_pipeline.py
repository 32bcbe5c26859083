"""The synthesis job as its users start it: a process, real Ray, the built-in pool."""

from __future__ import annotations

import json
import re
import socket
import subprocess
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from magnet_ray.cli import DONE, USER_ERROR, run_command
from magnet_ray.finished_runs import read_manifest
from magnet_ray.progress import Progress
from magnet_ray.types import Category
from tests.cluster_support import ROOT, cluster_of, magnet, needs_proc, rows_by_id, started, wait_until

NUM = 120
OPTIONS = ("synthesize", "--source", "builtin", "--num", NUM, "--seed", 1, "--set", "ray.shard_size=20")


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    """A run on two CPUs, and what it printed."""
    out = tmp_path_factory.mktemp("reference") / "run"
    with started(*OPTIONS, "--set", "ray.num_cpus=2", "--out", out) as command:
        done = command.wait()
        assert not command.processes(), "processes are left over"
    assert done.returncode == DONE, done.stderr
    return out, done


def test_a_run_keeps_and_accounts_for_every_path(reference: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, _ = reference
    counts = read_manifest(run).counts
    assert counts.attempted == NUM == counts.kept + counts.failed
    assert set(counts.by_category) == {category.value for category in Category}
    rows = [json.loads(row) for row in rows_by_id(run).values()]
    assert sorted(row["index"] for row in rows) == list(range(NUM))


def test_a_run_ends_with_its_manifest_and_a_card(reference: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, _ = reference
    entries = {entry.name: entry.stat().st_mtime_ns for entry in run.iterdir()}
    assert {"README.md", "manifest.json", "run.json", "pool", "graph", "trajectories", "failures"} == set(entries)
    assert max((run / name).stat().st_mtime_ns for name in ("README.md", "trajectories", "failures")) <= entries["manifest.json"]
    card = (run / "README.md").read_text(encoding="utf-8")
    assert "verified tool-use conversations" in card
    assert all(f"### {category.value}," in card for category in Category)


def test_a_run_says_what_it_does_and_what_it_made(reference: tuple[Path, subprocess.CompletedProcess[str]]) -> None:
    run, done = reference
    lines = done.stderr.splitlines()
    assert lines[:2] == ["reading and trying the functions", "starting Ray"]
    assert re.search(rf"^making paths: {NUM} of {NUM}, .*\d+ s$", done.stderr, re.MULTILINE)
    # Nothing but our own lines: no warnings of Ray's about tokens, dashboards or progress bars.
    ours = ("making paths: ", "writing rows: ")
    assert [line for line in lines[2:] if not line.startswith(ours)] == []
    assert re.match(rf"\d+ of {NUM} paths kept \(\d+\.\d%\)\n", done.stdout)
    for word in ("category", "multi_turn", "paths/s", str(run)):
        assert word in done.stdout.replace("\n", "") if word == str(run) else word in done.stdout


def test_a_finished_run_is_not_overwritten(
    reference: tuple[Path, subprocess.CompletedProcess[str]], capsys: pytest.CaptureFixture[str]
) -> None:
    run, _ = reference
    for more in ((), ("--resume",)):
        assert run_command([*map(str, OPTIONS), "--out", str(run), *more]) == USER_ERROR
        assert capsys.readouterr().err == f"magnet: {run} holds a finished run; choose another --out, or remove it first\n"


def test_a_plan_says_what_would_run_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*map(str, OPTIONS), "--out", str(tmp_path / "run"), "--plan"]) == DONE
    plan = capsys.readouterr().out
    for words in ("sources      builtin", f"paths        {NUM}: ", "6 of 20 paths", "teacher      template", "edges"):
        assert words in plan
    assert not list(tmp_path.iterdir())


GOOD_TOOL = {
    "name": "find_room",
    "description": "Find a free meeting room in a building.",
    "parameters": {"type": "object", "properties": {"building": {"type": "string"}}, "required": ["building"]},
}
BAD_TOOL = {"name": "book room", "description": "Book it.", "parameters": {"type": "object", "properties": {}}}
FILES = {
    "tools.jsonl": "\n".join(json.dumps(tool) for tool in (GOOD_TOOL, BAD_TOOL)),
    "empty.jsonl": "",
    "broken.jsonl": '{"name": "find_room", "descr',
    "odd_type.jsonl": json.dumps({**GOOD_TOOL, "parameters": {"type": "object", "properties": {"building": {"type": "strin"}}}}),
    "fails.py": "raise OSError('no licence')",
    "syntax.py": "def broken(:\n    pass\n",
    "private.py": "def _hidden(number: int) -> int:\n    return number\n",
    "twice.yaml": "num: 10\nseed: 1\nnum: 20\n",
    "file": "",
}
BAD_RUNS = {
    "a file that does not exist": (["--source", "jsonl:{here}/none.jsonl"], "none.jsonl"),
    "an empty file": (["--source", "jsonl:{here}/empty.jsonl"], "empty.jsonl"),
    "a line that is no JSON": (["--source", "jsonl:{here}/broken.jsonl"], "line 1"),
    "an unknown type": (["--source", "jsonl:{here}/odd_type.jsonl"], "did you mean 'string'?"),
    "a misspelt prefix": (["--source", "jsnl:{here}/tools.jsonl"], "did you mean jsonl?"),
    "a file without its prefix": (["--source", "{here}/tools.jsonl"], "did you mean jsonl:"),
    "a prefix without its file": (["--source", "jsonl:"], "needs an argument"),
    "a source to come": (["--source", "openapi:{here}/api.json"], "not available yet"),
    "a directory without JSON": (["--source", "toolbench:{here}/nothing"], "nothing"),
    "a module that does not exist": (["--source", "python:no_such_module_anywhere"], "no_such_module_anywhere"),
    "a module that raises": (["--source", "python:{here}/fails.py"], "no licence"),
    "a module that is not Python": (["--source", "python:{here}/syntax.py"], "syntax.py"),
    "a module without functions": (["--source", "python:{here}/private.py"], "private.py"),
    "no paths": (["--num", "0"], "num in --num; got 0"),
    "a negative seed": (["--seed", "-1"], "seed in --seed; got -1"),
    "an unknown setting": (["--set", "ray.num_cpu=2"], "did you mean ray.num_cpus?"),
    "a setting without a value": (["--set", "ray.num_cpus"], "--set takes KEY=VALUE; got 'ray.num_cpus'"),
    "a key given twice": (["--config", "{here}/twice.yaml"], "twice.yaml, line 3: the key 'num' is given twice"),
    "a missing configuration": (["--config", "{here}/none.yaml"], "none.yaml does not exist"),
    "a file for a directory": (["--out", "{here}/file"], "is a file; expected a directory"),
    "a directory inside a file": (["--out", "{here}/file/run"], "Not a directory"),
    "a place that refuses": (["--out", "/proc/magnet/run"], "/proc/magnet/run cannot be created"),
    "a directory of something else": (["--out", "{here}"], "is not empty and holds no run"),
    "a cluster that is not there": (["--set", "ray.address=127.0.0.1:1"], "127.0.0.1:1 cannot be joined; got '[Errno 111]"),
    "a client's cluster that is not there": (["--set", "ray.address=ray://127.0.0.1:1"], "ray://127.0.0.1:1 cannot be joined"),
}


@pytest.fixture
def here(tmp_path: Path) -> Path:
    """A folder of files that are no use."""
    (tmp_path / "nothing").mkdir()
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(("options", "words"), BAD_RUNS.values(), ids=BAD_RUNS)
def test_a_run_that_cannot_start_is_one_line(options: list[str], words: str, here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = [] if "--out" in options else ["--out", "{here}/run"]
    assert run_command(["synthesize", *(word.replace("{here}", str(here)) for word in options + out)]) == USER_ERROR
    told = capsys.readouterr().err.splitlines()
    assert all(line.startswith(("reading and trying the functions", "joining the Ray cluster")) for line in told[:-1])
    assert told[-1].startswith("magnet: ")
    assert words in told[-1]


def test_a_corrected_source_can_use_the_same_directory(here: Path) -> None:
    """A source that cannot be read leaves no unfinished run behind."""
    assert run_command(["synthesize", "--source", f"jsonl:{here}/empty.jsonl", "--out", str(here / "run")]) == USER_ERROR
    assert not list((here / "run").iterdir())


def test_one_bad_function_does_not_spoil_the_others(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["synthesize", "--source", f"jsonl:{here}/tools.jsonl", "--plan"]) == DONE
    assert "functions    1 in 1 domains, 1 left out" in capsys.readouterr().out


def test_a_log_gets_a_line_at_the_end_of_each_stage() -> None:
    told = StringIO()
    with Progress(Console(file=told, width=20)) as progress:
        progress.start("making paths", 30, 10)
        progress.advance(10)
        progress.advance(10, failed=2)
    assert told.getvalue() == "making paths: 10 of 30 were done before\nmaking paths: 30 of 30, 2 failed, 0 s\n"


@pytest.mark.slow
@pytest.mark.parametrize("options", [("ray.num_cpus=1", "ray.shard_size=50"), ("ray.num_cpus=4", "ray.shard_size=7")], ids=" ".join)
def test_workers_and_shards_change_no_row(
    options: tuple[str, str], reference: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    run, _ = reference
    done = magnet(*OPTIONS, "--set", options[0], "--set", options[1], "--out", tmp_path / "run")
    assert done.returncode == DONE, done.stderr
    assert rows_by_id(tmp_path / "run") == rows_by_id(run)
    for table in ("trajectories", "failures"):
        assert (tmp_path / "run" / table / "part-00000.parquet").read_bytes() == (run / table / "part-00000.parquet").read_bytes()


@pytest.mark.slow
@needs_proc
def test_a_cluster_of_three_nodes_shares_the_work_and_gives_the_same_rows(
    reference: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    run, _ = reference
    with cluster_of(3) as address:
        options = (*OPTIONS, "--set", "ray.shard_size=5")
        done = magnet(*options, "--out", tmp_path / "joined", env={"RAY_ADDRESS": address})
        assert done.returncode == DONE, done.stderr
        assert f"joining the Ray cluster {address}" in done.stderr
        shared = re.search(r"24 shards were made on 3 nodes: (\d+), (\d+), (\d+)", done.stderr)
        assert shared, done.stderr
        assert min(map(int, shared.groups())) >= 3
        # With no address, a run stays by itself although a cluster runs on this machine.
        alone = magnet(*options, "--set", "ray.num_cpus=2", "--out", tmp_path / "alone")
        assert alone.returncode == DONE, alone.stderr
        assert "starting Ray" in alone.stderr
        assert "nodes" not in alone.stderr
    for name in ("joined", "alone"):
        assert rows_by_id(tmp_path / name) == rows_by_id(run)


@pytest.mark.slow
@needs_proc
def test_one_directory_takes_one_driver_at_a_time(tmp_path: Path) -> None:
    out = tmp_path / "run"
    with started(*OPTIONS, "--out", out) as first:
        wait_until(lambda: (out / "run.json").exists())
        second = magnet(*OPTIONS, "--out", out, "--resume")
        assert second.returncode == USER_ERROR
        holder = f"process {first.process.pid} on {socket.gethostname()}"
        assert second.stderr == f"magnet: {out} is being written by {holder}; wait for it or stop it, or choose another --out\n"
        assert first.wait().returncode == DONE


@pytest.mark.slow
def test_the_entry_point_for_submitted_jobs_is_the_same_job(
    reference: tuple[Path, subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    program = (str(ROOT / "jobs" / "synthesize.py"),)
    with started(*OPTIONS[1:], "--out", tmp_path / "run", program=program) as job:
        done = job.wait()
    assert done.returncode == DONE, done.stderr
    assert rows_by_id(tmp_path / "run") == rows_by_id(reference[0])
