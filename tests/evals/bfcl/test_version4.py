from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from evals.bfcl.categories import chosen
from magnet_ray.errors import ConfigError

RELEASE = os.environ.get("MAGNET_BFCL_V4", "")
"""Directory of `pip install --no-deps --target DIR bfcl-eval==2026.3.23`: the two releases have one name."""


def test_of_bfcl_v4_only_conversations_run() -> None:
    assert [category.group for category in chosen(["all"], 4)] == ["multi_turn"] * 4
    with pytest.raises(ConfigError, match="none of these categories runs of BFCL-v4"):
        chosen(["live"], 4)


def test_the_other_release_is_refused_by_name() -> None:
    pytest.importorskip("bfcl_eval")
    from evals.bfcl.entries import read_entries

    with pytest.raises(ConfigError, match=r"got '2025.6.8'; expected 2026.3.23 for BFCL-v4"):
        read_entries(chosen(["all"], 4), version=4)


@pytest.mark.slow
@pytest.mark.skipif(not RELEASE, reason="MAGNET_BFCL_V4 names no installation of bfcl_eval 2026.3.23")
@pytest.mark.parametrize("mode", ["fc", "prompt"])
def test_the_reference_is_right_in_conversations_of_bfcl_v4(tmp_path: Path, mode: str) -> None:
    command = [sys.executable, "-m", "evals.bfcl", "--agent", "reference", "--mode", mode, "--limit", "15", "--out", str(tmp_path / "run")]
    variables = {**os.environ, "PYTHONPATH": RELEASE}
    subprocess.run([*command, "--set", "version=4", "--set", "ray.workers=1"], env=variables, check=True, capture_output=True)
    scores = json.loads((tmp_path / "run" / "scores.json").read_text(encoding="utf-8"))
    assert {row["scores"][0]["value"] for row in scores["rows"]} == {1.0}
    assert scores["bfcl_eval"] == "2026.3.23"
