from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from evals.bfcl.categories import BY_NAME, CATEGORIES, FIGURES, chosen
from evals.bfcl.report import composed_score, figures
from evals.score_tables import Score, share
from magnet_ray.errors import ConfigError

# The leaderboard's own code, in a process of its own.
LEADERBOARD = """
import json, os, sys
from pathlib import Path
os.environ["BFCL_PROJECT_ROOT"] = sys.argv[1]
from evals.bfcl.stand_ins import put_stand_ins
put_stand_ins()
from bfcl_eval.eval_checker.eval_runner_helper import generate_leaderboard_csv
table = {name: {"accuracy": accuracy, "total_count": count} for name, (accuracy, count) in json.loads(sys.argv[2]).items()}
generate_leaderboard_csv({"some-model": table}, Path(sys.argv[1]))
"""
COLUMNS = {
    "overall": "Overall Acc",
    "non-live AST": "Non-Live AST Acc",
    "non-live simple": "Non-Live Simple AST",
    "live": "Live Acc",
    "multi-turn": "Multi Turn Acc",
    "relevance": "Relevance Detection",
    "irrelevance": "Irrelevance Detection",
}


def scores(hits: dict[str, int]) -> dict[str, Score]:
    found = {name: share([number < hit for number in range(BY_NAME[name].entries)]) for name, hit in hits.items()}
    return {name: score for name, score in found.items() if score}


@pytest.mark.parametrize("seed", [1, 2])
def test_figures_are_those_of_the_leaderboards_own_code(tmp_path: Path, seed: int) -> None:
    pytest.importorskip("bfcl_eval")
    random = Random(seed)
    hits = {category.name: random.randint(0, category.entries) for category in CATEGORIES}
    table = {name: (hit / BY_NAME[name].entries, BY_NAME[name].entries) for name, hit in hits.items()}
    subprocess.run([sys.executable, "-c", LEADERBOARD, str(tmp_path), json.dumps(table)], check=True, capture_output=True)
    [row] = csv.DictReader((tmp_path / "data_overall.csv").read_text(encoding="utf-8").splitlines())
    own = figures(scores(hits))
    for figure, column in COLUMNS.items():
        score = own[figure]
        assert score is not None
        assert f"{100 * score.value:.2f}%" == row[column], figure
    [row] = csv.DictReader((tmp_path / "data_non_live.csv").read_text(encoding="utf-8").splitlines())
    non_live = own["non-live"]
    assert non_live is not None and f"{100 * non_live.value:.2f}%" == row["Non_Live Overall Acc"]


def test_weights_of_every_figure_add_up_to_one() -> None:
    for weights in FIGURES.values():
        assert sum(weights.values()) == pytest.approx(1)


def test_a_figure_without_one_of_its_categories_is_absent() -> None:
    own = figures(scores({"multi_turn_base": 50, "irrelevance": 10}))
    assert own["overall"] is None and own["multi-turn"] is None and own["irrelevance"] is None
    assert own["  multi_turn_base"] is not None


def test_the_interval_of_one_category_is_wilsons_and_of_several_is_narrower() -> None:
    own = scores({category.name: category.entries // 2 for category in CATEGORIES})
    alone, several = composed_score({"simple": 1.0}, own), composed_score(FIGURES["multi-turn"], own)
    assert alone is not None and several is not None
    assert (alone.low, alone.high) == pytest.approx((own["simple"].low, own["simple"].high))
    base = own["multi_turn_base"]
    assert several.high - several.low == pytest.approx((base.high - base.low) / 2)


def test_an_unknown_category_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ConfigError, match=r"exec_simple.*multi_turn_base"):
        chosen(["exec_simple"])
