"""The model's verdicts become edges of the graph; what it writes carelessly is read, what it invents is sent back and counted."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import BudgetSpent, Rejected
from magnet_ray.functions.observation import observe_pool
from magnet_ray.functions.pool import FunctionPool, build_pool
from magnet_ray.graph import build_graph
from magnet_ray.judge import ECHO_CEILING, SchemaJudge
from magnet_ray.judge_agreement import Agreement, agreement, agreement_report
from magnet_ray.llm.base import ChatAnswer, ChatRequest
from magnet_ray.model_judge import IN_FLIGHT, ModelJudge, conceivable_pairs, edge_of_verdict, judge_nested, judge_pairs
from magnet_ray.types import EdgeKind, FailureReason
from tests.scripted_model import ScriptedModel


@cache
def dining() -> FunctionPool:
    pool = observe_pool(build_pool(("builtin",)), open_environment, seed=1)
    return replace(pool, specs=tuple(spec for spec in pool.specs if spec.category == "dining"))


def spec_of(name: str) -> Any:
    return dining().spec(name)


def verdict(kind: str, *mapping: tuple[str, str]) -> str:
    return json.dumps({"kind": kind, "mapping": [{"output": output, "parameter": parameter} for output, parameter in mapping]})


def as_schema_judge(request: ChatRequest) -> str:
    """What the schema judge would answer."""
    source, target = request.key.record.split(">")
    edge = SchemaJudge().judge(spec_of(source), spec_of(target))
    return verdict(edge.kind.value, *((m.output_path, m.parameter) for m in edge.mappings)) if edge else verdict("none")


def test_a_model_that_agrees_gives_the_graph_of_the_schema_judge() -> None:
    model = ScriptedModel(as_schema_judge)
    pairs = conceivable_pairs(dining())
    judge = asyncio.run(judge_pairs(pairs, model))
    keys = [request.key for request in model.requests]
    assert [key.record for key in keys] == [f"{source.name}>{target.name}" for source, target in pairs]
    assert {str(key).split("/", 1)[1] for key in keys} == {"judge/kind/0"} and not judge.failures
    ours, theirs = build_graph(dining(), judge), build_graph(dining())
    assert [(edge.source, edge.target, edge.kind) for edge in ours.edges] == [
        (edge.source, edge.target, edge.kind) for edge in theirs.edges
    ]
    for edge in ours.edges:
        other = theirs.edge(edge.source, edge.target)
        assert other and [m.output_path for m in edge.mappings] == [m.output_path for m in other.mappings]
        assert ours.nested_successors(edge.source) or not theirs.nested_successors(edge.source)


def test_only_pairs_with_something_in_common_are_asked_about() -> None:
    every = len(dining().specs) * (len(dining().specs) - 1)
    wide, narrow = len(conceivable_pairs(dining())), len(conceivable_pairs(dining(), minimum=0.5))
    assert narrow <= wide <= every
    assert len(conceivable_pairs(dining(), max_candidates=2)) <= 2 * len(dining().specs)


def test_the_prompt_shows_fields_and_parameters() -> None:
    model = ScriptedModel([verdict("none")])
    asyncio.run(judge_pairs([(spec_of("browse_restaurants"), spec_of("book_table"))], model))
    system, user = (str(message["content"]) for message in model.requests[0].messages)
    assert "{{" not in system + user and "- restaurants[].restaurant (string)" in user and "- guests [required] (integer)" in user


@pytest.mark.parametrize(
    "written",
    ["restaurants[].restaurant", "restaurants[0].restaurant", "restaurants.restaurant", "$.restaurants[].restaurant", "restaurant"],
)
def test_a_field_is_recognised_however_it_is_written(written: str) -> None:
    answer = json.loads(verdict("full", (written, "restaurant")))
    edge = edge_of_verdict(answer, source=spec_of("browse_restaurants"), target=spec_of("book_table"))
    assert edge is not None and edge.mappings[0].output_path == "restaurants[].restaurant"
    assert edge.kind is EdgeKind.PARTIAL and edge.score < edge.mappings[0].score


def test_full_means_that_every_required_parameter_is_filled() -> None:
    answer = json.loads(verdict("partial", ("booking_code", "booking_code")))
    edge = edge_of_verdict(answer, source=spec_of("book_table"), target=spec_of("cancel_table"))
    assert edge is not None and edge.kind is EdgeKind.FULL


def test_prerequisites_map_nothing_and_none_is_no_edge() -> None:
    pair = {"source": spec_of("browse_restaurants"), "target": spec_of("book_table")}
    edge = edge_of_verdict(json.loads(verdict("prerequisite", ("restaurants[].restaurant", "restaurant"))), **pair)
    assert edge is not None and edge.kind is EdgeKind.PREREQUISITE and not edge.mappings
    assert edge_of_verdict(json.loads(verdict("none")), **pair) is None


def test_an_echo_of_the_sources_own_argument_counts_for_less() -> None:
    answer = json.loads(verdict("partial", ("restaurant", "restaurant")))
    edge = edge_of_verdict(answer, source=spec_of("read_menu"), target=spec_of("book_table"))
    assert edge is not None and edge.mappings[0].score <= ECHO_CEILING


@pytest.mark.parametrize(
    ("bad", "told"),
    [
        (verdict("full"), "the mapping is empty"),
        (verdict("full", ("stars", "restaurant")), "no output field 'stars'"),
        (verdict("full", ("restaurants[].restaurant", "place")), "no parameter 'place'"),
        ('{"kind": "certainly", "mapping": []}', "kind"),
        ("yes", "no JSON"),
    ],
)
def test_a_verdict_that_cannot_be_used_is_sent_back_and_then_counted(bad: str, told: str) -> None:
    pair = (spec_of("browse_restaurants"), spec_of("book_table"))
    model = ScriptedModel([bad, verdict("full", ("restaurants[].restaurant", "restaurant"))])
    judge = asyncio.run(judge_pairs([pair], model))
    assert told in model.last_words() and judge.judge(*pair) is not None and not judge.failures
    judge = asyncio.run(judge_pairs([pair], ScriptedModel([bad]), reasks=1))
    (failure,) = judge.failures
    assert judge.judge(*pair) is None and not judge.verdicts
    assert (failure.id, failure.stage, failure.reason, failure.raw) == (
        "browse_restaurants>book_table",
        "graph",
        FailureReason.UNPARSED,
        bad,
    )


def test_an_unavailable_model_is_a_failure_of_its_pair_and_a_spent_budget_ends_all() -> None:
    pairs = conceivable_pairs(dining())

    class Refusing(ScriptedModel):
        async def answer(self, request: ChatRequest) -> ChatAnswer:
            self.requests.append(request)
            await asyncio.sleep(0)
            raise Rejected(FailureReason.MODEL_UNAVAILABLE, "503") if len(self.requests) < 3 else BudgetSpent("tokens")

    model = Refusing([])
    with pytest.raises(BudgetSpent):
        asyncio.run(judge_pairs(pairs, model))
    judge = asyncio.run(judge_pairs(pairs[:2], Refusing([])))
    assert [failure.reason for failure in judge.failures] == [FailureReason.MODEL_UNAVAILABLE] * 2


def test_no_more_pairs_than_agreed_wait_for_the_model() -> None:
    class Counting(ScriptedModel):
        now, most = 0, 0

        async def answer(self, request: ChatRequest) -> ChatAnswer:
            type(self).now += 1
            type(self).most = max(self.most, self.now)
            await asyncio.sleep(0)
            type(self).now -= 1
            return ChatAnswer(content=verdict("none"))

    pairs = [(spec_of("browse_restaurants"), spec_of("book_table"))] * (IN_FLIGHT * 2 + 5)
    asyncio.run(judge_pairs(pairs, Counting([])))
    assert Counting.most == IN_FLIGHT


def test_a_function_that_would_be_asked_for_is_not_nested() -> None:
    pairs = conceivable_pairs(dining())
    judge = asyncio.run(judge_pairs(pairs, ScriptedModel(as_schema_judge)))

    def only_menus(request: ChatRequest) -> str:
        return json.dumps({"nested": request.key.record.endswith(">read_menu")})

    model = ScriptedModel(only_menus)
    nested = asyncio.run(judge_nested(judge, dining(), model))
    before, after = build_graph(dining(), judge), build_graph(dining(), nested)
    assert len(before.edges) == len(after.edges) and {request.key.step for request in model.requests} == {"nested"}
    assert {edge.target for edge in after.edges for edge in after.nested_successors(edge.source)} == {"read_menu"}
    assert {edge.target for edge in before.edges for edge in before.nested_successors(edge.source)} > {"read_menu"}
    unsure = asyncio.run(judge_nested(judge, dining(), ScriptedModel(["perhaps"]), reasks=0))
    assert unsure.verdicts == judge.verdicts and unsure.failures


def test_kappa_is_one_for_full_agreement_and_none_where_chance_explains_all() -> None:
    assert agreement([("a", "b")], [("a", "b")], [("a", "b"), ("b", "a")]).kappa == 1
    assert Agreement(both=3, first_only=0, second_only=0, neither=0).kappa is None
    assert agreement([], [], []).kappa is None and agreement([], [], []).share is None
    # Worked by hand: 0.7 observed, 0.5 by chance.
    table = Agreement(both=20, first_only=5, second_only=10, neither=15)
    assert table.share == pytest.approx(0.7) and table.kappa == pytest.approx(0.4)


def test_the_report_counts_how_the_three_judges_agree() -> None:
    pairs = conceivable_pairs(dining())
    same = asyncio.run(judge_pairs(pairs, ScriptedModel(as_schema_judge)))
    report = agreement_report(pairs, same, dining(), open_environment, seed=1)
    assert report.schema_model.kappa in (1, None) and report.unusable == 0
    assert report.schema_execution == report.model_execution and report.model_execution.both > 0
    assert sum(report.kinds.values()) == len(pairs)
    blind = ModelJudge(verdicts={(source.name, target.name): None for source, target in pairs[1:]})
    report = agreement_report(pairs, blind, dining(), open_environment, seed=1)
    assert report.unusable == 1 and report.model_execution.both == 0 and report.model_execution.second_only > 0
    assert report.schema_model.both == 0 and report.schema_model.first_only > 0
