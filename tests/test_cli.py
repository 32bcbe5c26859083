from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from io import StringIO
from pathlib import Path
from types import ModuleType

import pytest
from rich.console import Console

from magnet_ray.cli import DONE, FAILED, INTERRUPTED, USER_ERROR, run_command
from magnet_ray.config import SynthesizeConfig
from magnet_ray.errors import JobFailed, RunError
from magnet_ray.inspection import choose_trajectory, describe_origin, render_trajectory
from tests.conftest import sample_trajectory

Job = Callable[[SynthesizeConfig, Path, bool], object]


@pytest.fixture
def install_job(monkeypatch: pytest.MonkeyPatch) -> Callable[[Job], None]:
    """Puts a job in the pipeline's place."""

    def install(job: Job) -> None:
        module = ModuleType("magnet_ray.pipeline")
        module.synthesize = job  # type: ignore[attr-defined]
        module.plan = lambda config: f"{config.num} paths"  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "magnet_ray.pipeline", module)
        monkeypatch.setattr("magnet_ray.pipeline", module, raising=False)

    return install


ROOT = Path(__file__).parent.parent
MODELS = ("train", "train sft", "train mdpo", "train merge", "serve", "pipeline")
EVAL = ("eval", "eval bfcl", "eval bfcl compare", "eval heldout", "eval toolquery", "eval online")
COMMANDS = ("", "quickstart", "pool", "pool build", "pool overlap", "graph build", "synthesize", "inspect", "export", *MODELS, *EVAL)
LOADED_BY_HELP = """
import sys
from magnet_ray.cli import run_command
run_command(["--help"])
print([name for name in ("ray", "pyarrow", "numpy") if name in sys.modules])
"""
FINISHED = RunError("runs/a holds a finished run", fix="choose another --out")

BAD_LINES = {
    "no command": ([], "a command is missing"),
    "no command of a group": (["pool"], "a command is missing; see magnet pool --help"),
    "a misspelt command": (["synthezise"], "Did you mean 'synthesize'?"),
    "a misspelt subcommand": (["graph", "bild"], "Did you mean 'build'?"),
    "a misspelt option": (["synthesize", "--nun", "3"], "No such option: --nun (Possible options: --num"),
    "text for a number": (["synthesize", "--num", "many"], "Invalid value for '--num'"),
    "an option without its value": (["synthesize", "--out"], "'--out' requires an argument"),
    "no directory": (["inspect"], "Missing argument 'DIR'"),
    "no --out": (["synthesize"], "--out is missing; expected the directory of the run"),
    "no --out for a pool": (["pool", "build"], "Missing option '--out'"),
    "a number too small": (["synthesize", "--num", "0", "--plan"], "num in --num; got 0; expected greater than or equal to 1"),
    "an unknown setting": (["synthesize", "--set", "sed=1", "--plan"], "sed in --set is not a configuration key; did you mean seed?"),
    "a missing configuration": (["synthesize", "--config", "none.yaml", "--plan"], "none.yaml does not exist"),
    "a missing run": (["inspect", "no/such/run"], "no/such/run is not a directory"),
    "an unknown format": (["export", "run", "--format", "zip", "--out", "x"], "--format; got 'zip'; expected one of sft"),
    "a list of nothing": (["inspect", "run", "--list", "--limit", "0"], "Invalid value for '--limit'"),
}


@pytest.mark.parametrize(("arguments", "words"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_bad_command_line_is_one_line_and_exit_code_2(arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(arguments) == USER_ERROR
    captured = capsys.readouterr().err
    assert captured.startswith("magnet: ")
    assert captured.count("\n") == 1
    assert words in captured


def test_the_options_reach_the_job(install_job: Callable[[Job], None], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[SynthesizeConfig, Path, bool]] = []

    def job(config: SynthesizeConfig, out: Path, resume: bool) -> object:
        seen.append((config, out, resume))
        return "all well"

    install_job(job)
    line = f"synthesize --source builtin --source bfcl --num 7 --seed 9 --set ops.merge.enabled=off --out {tmp_path / 'a'} --resume"
    assert run_command(line.split()) == DONE
    ((config, out, resume),) = seen
    assert (config.sources, config.num, config.seed, config.ops.merge.enabled) == (("builtin", "bfcl"), 7, 9, False)
    assert (out, resume) == (tmp_path / "a", True)
    assert "all well" in capsys.readouterr().out


def test_a_plan_is_printed_and_nothing_runs(install_job: Callable[[Job], None], capsys: pytest.CaptureFixture[str]) -> None:
    install_job(lambda *_: pytest.fail("the job ran"))
    assert run_command(["synthesize", "--num", "12", "--plan"]) == DONE
    assert capsys.readouterr().out == "12 paths\n"


class Wrapped(Exception):
    """What Ray makes of a worker's error: the plain one is its `cause`."""

    def __init__(self, cause: Exception) -> None:
        super().__init__(f"worker 7 died of\n{cause}")
        self.cause = cause


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (JobFailed("40 of 100 paths failed\nmost: call_failed"), FAILED, "magnet: 40 of 100 paths failed most: call_failed\n"),
        (Wrapped(Wrapped(FINISHED)), USER_ERROR, "magnet: runs/a holds a finished run; choose another --out\n"),
        (FINISHED, USER_ERROR, "magnet: runs/a holds a finished run; choose another --out\n"),
        (KeyboardInterrupt(), INTERRUPTED, "magnet: interrupted; go on with: magnet synthesize --out 'my run' --resume\n"),
    ],
    ids=["over its budget", "from a worker", "the user's to fix", "interrupted"],
)
def test_how_a_job_ends_is_one_line_and_its_code(
    error: BaseException, code: int, words: str, install_job: Callable[[Job], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def job(config: SynthesizeConfig, out: Path, resume: bool) -> object:
        raise error

    install_job(job)
    assert run_command(["synthesize", "--out", "my run"]) == code
    assert capsys.readouterr().err.lstrip("\n") == words


def test_a_mistake_of_ours_keeps_its_traceback(install_job: Callable[[Job], None]) -> None:
    def job(config: SynthesizeConfig, out: Path, resume: bool) -> object:
        raise ZeroDivisionError

    install_job(job)
    with pytest.raises(ZeroDivisionError):
        run_command(["synthesize", "--out", "a"])


def test_every_setting_can_be_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["synthesize", "--keys"]) == DONE
    assert "ops.merge.probability" in capsys.readouterr().out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*command.split(), "--help"]) == DONE
    assert "Usage: magnet" in capsys.readouterr().out


def test_help_comes_quickly_and_loads_nothing_heavy() -> None:
    started = time.monotonic()
    done = subprocess.run([sys.executable, "-c", LOADED_BY_HELP], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.rstrip().endswith("[]")
    # It takes a third of a second on an idle machine; this one may be busy.
    assert time.monotonic() - started < 5


def test_a_reader_that_stops_early_is_no_error(finished_run: Path) -> None:
    command = f"{sys.executable} -m magnet_ray.cli inspect {finished_run} --list | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (DONE, "")


def test_a_run_is_listed_and_shown(finished_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["inspect", str(finished_run), "--list", "--limit", "3"]) == DONE
    listed = capsys.readouterr().out
    assert f"{1:016x}" in listed
    assert "and 18 more" in listed
    assert run_command(["inspect", str(finished_run), "--id", f"{8:016x}"]) == DONE
    assert f"conversation {8:016x}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--id", "ffff"], "got \"none that begins with 'ffff'\""),
        (["--id", "0"], "got \"21 that begin with '0'\""),
        (["--category", "sonnet"], "there is no such category; got 'sonnet'"),
    ],
)
def test_a_conversation_that_is_not_there_is_refused(
    options: list[str], words: str, finished_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(["inspect", str(finished_run), *options]) == USER_ERROR
    assert words in capsys.readouterr().err


def test_the_choice_is_seeded_and_of_the_category(finished_run: Path) -> None:
    choices = {choose_trajectory(finished_run, seed=seed).id for seed in range(30)}
    assert len(choices) > 5
    assert choose_trajectory(finished_run, seed=3) == choose_trajectory(finished_run, seed=3)
    assert choose_trajectory(finished_run, category="miss_func", seed=3).category.value == "miss_func"


def test_a_conversation_reads_with_its_provenance() -> None:
    console = Console(width=160, record=True, file=StringIO(), highlight=False)
    console.print(render_trajectory(sample_trajectory()))
    text = console.export_text()
    for words in (
        "2 turns, 3 calls",
        "merge x2, insert_short",
        "find_places, book_place",
        'city = "Ulm"',
        "← this request: “Ulm”",
        "← turn 0's output, call 0: places[1].name",
        "call book_place (nested: the request does not mention it)",
        '→ {"code":"A-1"}',
        "Booked, the code is A-1.",
    ):
        assert words in text


@pytest.mark.parametrize(
    ("origin", "words"),
    [
        ({"origin": "earlier_query", "turn": 2, "text": "four"}, "turn 2's request: “four”"),
        ({"origin": "state", "path": "today"}, "the scenario's state: today"),
        ({"origin": "default", "turn": 1}, "default"),
        ({"origin": "output", "turn": 1, "call": 2, "path": "$"}, "turn 1's output, call 2: $"),
    ],
)
def test_origins_are_words(origin: dict[str, object], words: str) -> None:
    assert describe_origin(origin) == words


def test_a_run_is_exported(finished_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("sft", "prompt-completion", "sharegpt"):
        file = tmp_path / f"{name}.jsonl"
        assert run_command(["export", str(finished_run), "--format", name, "--out", str(file)]) == DONE
        assert capsys.readouterr().out.startswith("21 examples")
        assert len(file.read_text(encoding="utf-8").splitlines()) == 21
