"""The judge of closing messages asks once a turn that has results, and says in a line what the model found."""

from __future__ import annotations

import asyncio
import json

import pytest

from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import Rejected
from magnet_ray.llm.base import Role
from magnet_ray.rollouts.acceptance import SummaryJudge, check_summaries
from magnet_ray.rollouts.rollout import Player, Rollout, World, roll_out
from magnet_ray.rollouts.summary_judge import ModelSummaryJudge
from magnet_ray.types import Category, FailureReason, Trajectory
from tests.builtin_recipe import builtin_recipe, rows_of
from tests.row_player import RowPlayer
from tests.scripted_model import ScriptedModel

RIGHT = '{"invented": [], "left_out": []}'


def played(row: Trajectory) -> Rollout:
    world = World(pool=builtin_recipe().workshop.pool, open_environment=open_environment)
    return asyncio.run(roll_out(row, Player(model=RowPlayer([row]), role=Role.RESPONDER), world))


def test_every_turn_with_results_is_read_once() -> None:
    row = rows_of(Category.MULTI_TURN)[0]
    model, rollout = ScriptedModel([RIGHT]), played(rows_of(Category.MULTI_TURN)[0])
    judge: SummaryJudge = ModelSummaryJudge(model=model)
    asyncio.run(check_summaries(row, rollout, judge))
    assert len(model.requests) == sum(bool(calls) for calls in json.loads(row.reference_calls))
    keys = [request.key for request in model.requests]
    assert len(set(keys)) == len(keys) and {(key.record, key.role) for key in keys} == {(row.id, Role.ERROR_JUDGE)}
    shown = str(model.requests[-1].messages[1]["content"])
    assert rollout.turns[-1].reply in shown and rollout.turns[-1].calls[-1].output in shown and "Before: " in shown


def test_what_is_invented_or_left_out_is_told() -> None:
    row = rows_of(Category.SINGLE)[0]
    model = ScriptedModel(['{"invented": ["a table\\nfor six", "x"], "left_out": [""]}'])
    with pytest.raises(Rejected) as caught:
        asyncio.run(check_summaries(row, played(row), ModelSummaryJudge(model=model)))
    assert caught.value.reason is FailureReason.WRONG_SUMMARY and caught.value.detail == "turn 0: invented: a table for six, x"


def test_a_turn_without_anything_to_sum_up_costs_nothing() -> None:
    row, model = rows_of(Category.IRRELEVANCE)[0], ScriptedModel(["no JSON"])
    assert asyncio.run(ModelSummaryJudge(model=model).fault(row, 0, played(row))) == "" and not model.requests


def test_an_answer_that_cannot_be_read_is_refused_with_its_text() -> None:
    row = rows_of(Category.SINGLE)[0]
    with pytest.raises(Rejected) as caught:
        asyncio.run(ModelSummaryJudge(model=ScriptedModel(["fine"]), reasks=1).fault(row, 0, played(row)))
    assert (caught.value.reason, caught.value.raw) == (FailureReason.UNPARSED, "fine")
