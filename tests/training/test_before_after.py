"""The table: checkpoints side by side, changes in points, plain values for the manifest, and a chart."""

from __future__ import annotations

import json
from io import StringIO
from xml.etree import ElementTree

from rich.console import Console

from magnet_ray.training.before_after import BeforeAfter
from magnet_ray.training.score_chart import score_chart
from magnet_ray.training.turn_scores import ALL, Measure, Rate, Scores


def scores(valid: int, right: int, skipped: int = 0) -> Scores:
    overall = {Measure.VALID: Rate(hits=valid, turns=40), Measure.RIGHT: Rate(hits=right, turns=50)}
    return Scores(rates={ALL: overall, "single": {Measure.RIGHT: Rate(hits=right, turns=50)}}, scored=50, skipped=skipped)


COMPARISON = BeforeAfter(names=("base", "sft", "mdpo <1>"), scores=(scores(0, 5), scores(30, 25), scores(28, 30, 2)))


def printed(comparison: BeforeAfter) -> str:
    console = Console(file=StringIO(), width=140, color_system=None)
    console.print(comparison)
    output = console.file
    assert isinstance(output, StringIO)
    return output.getvalue()


def test_each_checkpoint_stands_beside_the_one_before_it_with_the_change() -> None:
    header, rows = COMPARISON.cells()
    assert header == ("", "turns", "base", "sft", "change", "mdpo <1>", "change")
    assert rows[0] == ("call validity", "40", "0.0 (0-9)", "75.0 (60-86)", "+75.0", "70.0 (55-82)", "-5.0")
    assert [row[0] for row in rows] == ["call validity", "next-turn accuracy", "  single"]


def test_a_figure_that_a_checkpoint_lacks_is_a_dash_and_no_0() -> None:
    comparison = BeforeAfter(names=("before", "after"), scores=(Scores(rates={}), scores(30, 25)))
    assert comparison.cells()[1][0] == ("call validity", "40", "-", "75.0 (60-86)", "-")


def test_the_printed_table_says_what_it_counts() -> None:
    text = printed(COMPARISON)
    assert "75.0 (60-86)" in text
    assert "per cent of 50 held-out turns, with 95 % intervals; changes in points; 2 more could not be put to the model" in text


def test_nothing_measured_is_said_so() -> None:
    assert printed(BeforeAfter()) == "nothing was held out, so nothing was measured\n"
    assert BeforeAfter().as_json() == {}


def test_the_json_form_holds_plain_values() -> None:
    values = COMPARISON.as_json()
    assert json.loads(json.dumps(values)) == values
    assert values["sft"]["rates"]["all"]["valid"]["hits"] == 30


def test_the_chart_is_well_formed_and_has_a_bar_for_each_figure() -> None:
    root = ElementTree.fromstring(score_chart(COMPARISON))
    bars = [rect for rect in root.iter("{http://www.w3.org/2000/svg}rect") if rect.get("x") == "220" and rect.get("height") == "11"]
    assert len(bars) == 9
    assert "mdpo <1>" in [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
