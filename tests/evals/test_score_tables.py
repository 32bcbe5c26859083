"""Figures with their intervals, and tables of them."""

from __future__ import annotations

from xml.etree import ElementTree

from hypothesis import given
from hypothesis import strategies as st

from evals.score_tables import ScoreTable, mean, score_table, share, side_by_side
from magnet_ray.training.turn_scores import Rate

TABLE = score_table("Things", "base", {"all": share([True, False, True]), "  part": mean([0.5, 0.25]), "unasked": share([])})


@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_a_share_has_wilsons_interval(holds: list[bool]) -> None:
    rate, score = Rate(hits=sum(holds), turns=len(holds)), share(holds)
    assert score is not None
    assert (round(score.low, 9), round(score.high, 9)) == tuple(round(edge, 9) for edge in rate.interval)
    assert (score.value, score.count) == (rate.share, rate.turns)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=60))
def test_a_mean_lies_in_its_interval(values: list[float]) -> None:
    score = mean(values)
    assert score is not None
    assert 0 <= score.low <= score.value + 1e-9
    assert score.value - 1e-9 <= score.high <= 1


def test_what_was_asked_of_nothing_is_absent() -> None:
    assert share([]) is None
    assert [row.name for row in TABLE.rows] == ["all", "  part"]
    assert TABLE.score("unasked") is None


def test_a_table_survives_json() -> None:
    again = ScoreTable.from_json(TABLE.as_json())
    assert again.as_json() == TABLE.as_json()
    assert again.markdown() == TABLE.markdown()


def test_several_models_stand_side_by_side() -> None:
    other = score_table("Things", "tuned", {"all": share([True, True]), "new": share([False])})
    table = side_by_side([TABLE, other, TABLE])
    assert table.models == ("base", "tuned", "base #2")
    assert [row.name for row in table.rows] == ["all", "  part", "new"]
    assert [[score is not None for score in row.scores] for row in table.rows] == [
        [True, True, True],
        [True, False, True],
        [False, True, False],
    ]
    assert "| all | 3 | 66.7 (21-94) | 100.0 (34-100) | 66.7 (21-94) |" in table.markdown()


def test_the_chart_is_a_picture_with_a_bar_for_each_figure() -> None:
    chart = ElementTree.fromstring(side_by_side([TABLE, TABLE]).chart().replace('xmlns="http://www.w3.org/2000/svg" ', ""))
    # The background and two marks of the legend.
    assert len(chart.findall("rect")) == 1 + 2 + 4
    assert float(chart.attrib["height"]) > 100
    assert "a &lt; b" in score_table("a < b", "m", {"x": share([True])}).chart()
