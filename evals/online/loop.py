"""Online evaluation: whenever a checkpoint arrives it is deployed behind the running endpoint, evaluated, and put on the leaderboard.

One checkpoint at a time, in the order in which they were finished. A checkpoint that cannot be deployed or scored is noted with its
reason and passed over, so that it does not hold up the others. What was killed goes on where it was: an evaluation that was begun is
resumed, one that was finished only gets its row.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, Protocol

from evals.comparison import SCORES_FILE
from evals.evaluation_runs import read_transcripts
from evals.online.checkpoints import Checkpoint, find_checkpoints
from evals.online.leaderboard import Entry, Leaderboard
from evals.score_tables import ScoreTable
from magnet_ray.atomic_files import read_json, write_atomically
from magnet_ray.errors import ConfigError, JobFailed, UserError
from magnet_ray.finished_runs import MANIFEST_FILE
from magnet_ray.locks import take_lock
from magnet_ray.places import Place, make_directory
from magnet_ray.progress import Progress
from magnet_ray.types import compact, content_id

EVALUATIONS, FAILURES_FILE = "evaluations", "failures.jsonl"
"""Directory of the evaluations, and the checkpoints that were passed over."""
SCORE: Final = "conversations"
"""Figure that the leaderboard is ordered by."""


class Deployer(Protocol):
    """Puts checkpoints behind an endpoint that clients use meanwhile."""

    def deploy(self, checkpoint: Checkpoint) -> str:
        """Return when the endpoint answers with this checkpoint, and with no other; no request may fail meanwhile.

        Returns:
            Base URL of the endpoint, such as `http://127.0.0.1:8000/v1`.

        Raises:
            UserError, JobFailed: this checkpoint cannot be served; the endpoint goes on with what it had.
        """


class Evaluate(Protocol):
    """Evaluates whatever an endpoint serves."""

    def __call__(self, checkpoint: Checkpoint, url: str, out: Place, *, resume: bool) -> None:
        """Make the evaluation run `out`, or go on with it.

        Raises:
            UserError, JobFailed: it cannot be made.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """What is watched and until when."""

    directory: Place
    """Directory below which training runs are finished."""
    out: Place
    """Directory of the leaderboard."""
    poll_seconds: float = 5.0
    """Time between two looks."""
    checkpoints: int | None = None
    """Checkpoints, known ones included, after which it ends; None: it does not."""
    idle_seconds: float | None = None
    """Time without a new checkpoint after which it ends; None: it does not."""


def follow(
    watch: Watch, deployer: Deployer, evaluate: Evaluate, progress: Progress, sleep: Callable[[float], None] = time.sleep
) -> Leaderboard:
    """Evaluate checkpoints as they arrive, until the watch ends.

    Raises:
        UserError: a directory cannot be used, or another process writes to it.
    """
    if not watch.directory.is_dir():
        raise ConfigError(f"{watch.directory} is not a directory", fix="name the directory that training runs are written to")
    make_directory(watch.out)
    lock = take_lock(watch.out / "lock")
    board, idle_since = Leaderboard(watch.out), time.monotonic()
    try:
        while not _is_over(watch, board, idle_since):
            waiting = _news(watch, board)
            for checkpoint in waiting:
                _take_in(checkpoint, watch.out, board, _Means(deployer, evaluate, progress))
                idle_since = time.monotonic()
                if _is_over(watch, board, idle_since):
                    break
            if not waiting:
                sleep(watch.poll_seconds)
    finally:
        lock.release()
    return board


def passed_over(out: Place) -> list[dict[str, str]]:
    """The checkpoints that could not be evaluated: `weights`, `name`, `reason`."""
    file = out / FAILURES_FILE
    return [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()] if file.exists() else []


@dataclass(frozen=True, slots=True)
class _Means:
    """Who does the work."""

    deployer: Deployer
    evaluate: Evaluate
    progress: Progress


def _is_over(watch: Watch, board: Leaderboard, idle_since: float) -> bool:
    done = len(board.entries()) + len(passed_over(watch.out))
    if watch.checkpoints is not None and done >= watch.checkpoints:
        return True
    return watch.idle_seconds is not None and time.monotonic() - idle_since >= watch.idle_seconds


def _news(watch: Watch, board: Leaderboard) -> Sequence[Checkpoint]:
    known = {entry.weights for entry in board.entries()} | {failure["weights"] for failure in passed_over(watch.out)}
    first: dict[str, Checkpoint] = {}
    for checkpoint in find_checkpoints(watch.directory):
        if checkpoint.weights not in known:
            first.setdefault(checkpoint.weights, checkpoint)
    return list(first.values())


def _take_in(checkpoint: Checkpoint, out: Place, board: Leaderboard, means: _Means) -> None:
    """Deploy, evaluate and enter one checkpoint, or note why not."""
    means.progress.say(f"{checkpoint.name} ({checkpoint.weights[:12]}): deploying")
    began = time.monotonic()
    try:
        url = means.deployer.deploy(checkpoint)
        deployed = time.monotonic()
        run = out / EVALUATIONS / f"{checkpoint.name}-{checkpoint.weights[:12]}"
        if not (run / MANIFEST_FILE).exists():
            means.evaluate(checkpoint, url, run, resume=run.exists())
        entry = _entry(checkpoint, run, deployed - began)
    except (UserError, JobFailed) as error:
        means.progress.say(f"{checkpoint.name} is passed over: {error}")
        _note(out, checkpoint, str(error))
        return
    board.add(entry)
    means.progress.say(f"{checkpoint.name}: {100 * entry.score:.1f} % of {entry.tasks} conversations right")


def _entry(checkpoint: Checkpoint, run: Place, deploy_seconds: float) -> Entry:
    manifest, table = read_json(run / MANIFEST_FILE), ScoreTable.from_json(read_json(run / SCORES_FILE))
    score = table.score(SCORE)
    if score is None:
        raise JobFailed("no conversation could be scored")
    return Entry(
        name=checkpoint.name,
        weights=checkpoint.weights,
        kind=checkpoint.kind,
        steps=checkpoint.steps,
        finished=checkpoint.finished,
        evaluated=datetime.now(UTC).isoformat(timespec="seconds"),
        score=score.value,
        low=score.low,
        high=score.high,
        tasks=score.count,
        tasks_id=content_id(*(transcript.task for transcript in read_transcripts(run))),
        deploy_seconds=round(deploy_seconds, 3),
        evaluation_seconds=float(manifest["seconds"]),
        figures=compact(table.as_json()),
    )


def _note(out: Place, checkpoint: Checkpoint, reason: str) -> None:
    noted = [*passed_over(out), {"weights": checkpoint.weights, "name": checkpoint.name, "reason": reason}]
    text = "".join(json.dumps(each, ensure_ascii=False) + "\n" for each in noted)
    write_atomically(out / FAILURES_FILE, lambda temporary: temporary.write_text(text, encoding="utf-8"))
