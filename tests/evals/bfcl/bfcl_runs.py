"""Running bfcl_eval's own command line on rows that a test made, and reading its verdicts."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def write_rows(project: Path, model: str, category: str, rows: Sequence[Row]) -> None:
    """Write rows where `bfcl evaluate` looks for them."""
    directory = project / "result" / model
    directory.mkdir(parents=True, exist_ok=True)
    (directory / f"BFCL_v3_{category}_result.json").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def read_rows(project: Path, model: str, category: str) -> list[Row]:
    """The rows that `bfcl generate` wrote."""
    file = project / "result" / model / f"BFCL_v3_{category}_result.json"
    return [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]


def failures(project: Path, model: str, category: str) -> Counter[tuple[str, str]]:
    """(id, type of error) -> how often `bfcl evaluate` found it, the first error of each row alone."""
    file = project / "score" / model / f"BFCL_v3_{category}_score.json"
    found: Counter[tuple[str, str]] = Counter()
    last: Any = None
    for line in file.read_text(encoding="utf-8").split("\n")[1:]:
        failure = json.loads(line)
        error = failure["error"]
        kind = error["error_type"] if isinstance(error, dict) else failure["error_type"]
        # A row with an error instead of a result is listed twice by the package: as an inference error and as terminated.
        if (last, kind) != (failure["id"], "multi_turn:force_terminated"):
            found[failure["id"], kind] += 1
        last = failure["id"] if kind == "multi_turn:inference_error" else None
    return found


def bfcl(project: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run the command line; its output is shown when it fails."""
    command = [sys.executable, "-m", "evals.bfcl.original", *arguments]
    variables = {**os.environ, "BFCL_PROJECT_ROOT": str(project), "OPENAI_API_KEY": "none", **(environment or {})}
    ended = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{ended.stdout[-2000:]}\n{ended.stderr[-6000:]}"
