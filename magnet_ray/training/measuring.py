"""Before and after: what the checkpoint that training started from, and the one that it ended with, say at held-out turns.

The same turns for both, spread over the cluster. Answers are written to `held_out/` as soon as a checkpoint has given all of its own, so
a resumed run does not ask again; nor does a run that starts from another one's model, which was asked the same turns when it was done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import ray

from magnet_ray.atomic_files import read_json, write_atomically
from magnet_ray.errors import Rejected
from magnet_ray.finished_runs import MANIFEST_FILE
from magnet_ray.places import Place, make_directory, place
from magnet_ray.progress import Progress
from magnet_ray.render.renderer import load_renderer
from magnet_ray.training.answering import Answer, AnswerSettings, answer_turns
from magnet_ray.training.before_after import BeforeAfter
from magnet_ray.training.score_chart import score_chart
from magnet_ray.training.settings import TrainConfig
from magnet_ray.training.training_run import HELD_OUT, MODEL
from magnet_ray.training.turn_scores import score_turns
from magnet_ray.training.turns import Turn, prompt_of, sample_turns
from magnet_ray.types import Trajectory

TURNS_FILE = "turns.jsonl"
"""The turns that were put to the checkpoints."""
BEFORE, AFTER = "before", "after"
"""Names of the checkpoints that training starts from and ends with."""
TURNS_OF_TASK = 64
"""Turns that one task answers: enough to pay for loading the model, few enough to show progress."""


def measure(
    config: TrainConfig, checkpoints: Mapping[str, Place | str], rows: Iterable[Trajectory], directory: Place, progress: Progress
) -> BeforeAfter:
    """Put held-out turns to checkpoints and score what they say.

    Args:
        config: the run, with how many turns and how long an answer.
        checkpoints: name -> checkpoint, in the order of training.
        rows: rows that were not trained on.
        directory: where answers and the chart are written.
        progress: shows how far it is.
    """
    turns = held_out_turns(config, rows)
    make_directory(directory)
    write_atomically(directory / TURNS_FILE, lambda file: file.write_text("".join(map(_turn_line, turns)), encoding="utf-8"))
    scores = []
    for name, checkpoint in checkpoints.items():
        answers = _answers(directory / f"{name}.jsonl", turns)
        if answers is None:
            answers = _answers_of_its_run(place(checkpoint), turns, config)
            if answers is not None:
                progress.say(f"the model {name} training was asked these turns before: see {place(checkpoint).parent / HELD_OUT}")
            else:
                answers = _ask(str(checkpoint), turns, config, f"asking the model {name} training", progress)
            _write_answers(directory / f"{name}.jsonl", answers)
        scores.append(score_turns(turns, [answer.message for answer in answers]))
    comparison = BeforeAfter(names=tuple(checkpoints), scores=tuple(scores))
    write_atomically(directory / "scores.svg", lambda file: file.write_text(score_chart(comparison), encoding="utf-8"))
    return comparison


def held_out_turns(config: TrainConfig, rows: Iterable[Trajectory]) -> tuple[Turn, ...]:
    """A sample of the turns of rows whose prompts fit."""
    renderer = load_renderer(config.model)

    def fits(turn: Turn) -> bool:
        try:
            return len(renderer.ask(*prompt_of(turn))) <= config.max_tokens
        except Rejected:
            return False

    return sample_turns(rows, config.held_out.turns, seed=config.held_out.seed, fits=fits)


def _ask(checkpoint: str, turns: Sequence[Turn], config: TrainConfig, stage: str, progress: Progress) -> list[Answer]:
    """What a checkpoint says, in tasks that each load it: one for each GPU at a time, or one for all CPUs of a node."""
    settings = AnswerSettings(max_new_tokens=config.held_out.max_new_tokens, max_prompt_tokens=config.max_tokens)
    task = ray.remote(**_resources())(answer_turns)
    progress.start(stage, len(turns), 0)
    parts = [turns[start : start + TURNS_OF_TASK] for start in range(0, len(turns), TURNS_OF_TASK)]
    waiting: list[Any] = [task.remote(checkpoint, part, settings) for part in parts]  # type: ignore[call-arg]
    answers: list[Answer] = []
    for reference, part in zip(waiting, parts, strict=True):
        answers += ray.get(reference)
        progress.advance(len(part))
    return answers


def _resources() -> dict[str, Any]:
    """What a task takes: a GPU, or all CPUs of a node, with as many threads."""
    nodes: list[dict[str, Any]] = ray.nodes()  # type: ignore[no-untyped-call]
    having = [node["Resources"] for node in nodes if node["Alive"]]
    if any(resources.get("GPU") for resources in having):
        return {"num_gpus": 1, "num_cpus": 1}
    # Not more than the smallest node has, so that every node can take part.
    cpus = int(min((resources["CPU"] for resources in having if resources.get("CPU")), default=1))
    return {"num_cpus": cpus, "runtime_env": {"env_vars": {"OMP_NUM_THREADS": str(cpus)}}}


def _turn_line(turn: Turn) -> str:
    due = {"id": turn.id, "category": turn.category.value, "due": turn.due.value, "calls": json.loads(turn.calls)}
    return json.dumps({**due, "messages": json.loads(turn.messages), "tools": json.loads(turn.tools)}, ensure_ascii=False) + "\n"


def _write_answers(file: Place, answers: Sequence[Answer]) -> None:
    text = "".join(json.dumps(asdict(answer), ensure_ascii=False) + "\n" for answer in answers)
    write_atomically(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def _answers(file: Place, turns: Sequence[Turn]) -> list[Answer] | None:
    """The answers that an earlier process wrote; None when there are none, or to other turns."""
    if not file.exists():
        return None
    answers = list(_read_answers(file))
    return answers if [answer.id for answer in answers] == [turn.id for turn in turns] else None


def _answers_of_its_run(checkpoint: Place, turns: Sequence[Turn], config: TrainConfig) -> list[Answer] | None:
    """What a checkpoint said at the end of the training run that made it; None when it was not asked the same in the same way."""
    run = checkpoint.parent
    asked, given = (run / HELD_OUT / name for name in (TURNS_FILE, f"{AFTER}.jsonl"))
    if checkpoint.name != MODEL or not all(file.exists() for file in (run / MANIFEST_FILE, asked, given)):
        return None
    manifest = read_json(run / MANIFEST_FILE)
    same_limits = (config.max_tokens, config.held_out.max_new_tokens) == _limits(manifest["config"])
    unchanged = all((run / file["path"]).exists() and (run / file["path"]).stat().st_size == file["bytes"] for file in manifest["files"])
    same_turns = asked.read_text(encoding="utf-8") == "".join(map(_turn_line, turns))
    return _answers(given, turns) if same_limits and unchanged and same_turns else None


def _limits(values: Mapping[str, Any]) -> tuple[int, int]:
    """Longest prompt and longest answer of a run."""
    return values["max_tokens"], values["held_out"]["max_new_tokens"]


def _read_answers(file: Place) -> Iterator[Answer]:
    for line in file.read_text(encoding="utf-8").splitlines():
        yield Answer(**json.loads(line))
