"""What holds for every row of the built-in pool, checked by this file's own code and by executing the calls again."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from random import Random
from typing import Any

from magnet_ray.at_once import at_once
from magnet_ray.config import TeacherConfig
from magnet_ray.environments.in_process import BuiltinEnvironment
from magnet_ray.errors import EnvironmentFault
from magnet_ray.llm.base import ChatAnswer, ChatRequest
from magnet_ray.synthesis import make_row, make_rows, with_models
from magnet_ray.types import Category, Failure, FailureReason, FunctionSpec, Trajectory
from magnet_ray.wording import says
from tests.builtin_recipe import ROWS, builtin_outcome, builtin_recipe, builtin_rows, rows_of

Message = Mapping[str, Any]


def messages_of(row: Trajectory) -> list[Message]:
    """The messages without the system message."""
    found: list[Message] = json.loads(row.messages)
    return [message for message in found if message["role"] != "system"]


def turns_of(row: Trajectory) -> list[list[Message]]:
    """The messages by turn: each begins with what the user says."""
    turns: list[list[Message]] = []
    for message in messages_of(row):
        if message["role"] == "user":
            turns.append([])
        turns[-1].append(message)
    return turns


def calls_of(turn: list[Message]) -> list[Message]:
    """The calls of a turn as {id, function: {name, arguments}}."""
    return [call for message in turn for call in message.get("tool_calls", ())]


def outputs_of(turn: list[Message]) -> list[Any]:
    """The outputs of a turn, in the order of its calls."""
    by_id = {message["tool_call_id"]: json.loads(message["content"]) for message in turn if message["role"] == "tool"}
    return [by_id[call["id"]] for call in calls_of(turn)]


def names_in(tools: list[Mapping[str, Any]]) -> list[str]:
    return [tool["function"]["name"] for tool in tools]


def follow(value: Any, path: str) -> Any:
    """The value at a concrete path, read independently of the package."""
    for key, index in re.findall(r"([^.\[\]$]+)|\[(\d+)\]", path):
        value = value[key] if key else value[int(index)]
    return value


def origins_of(row: Trajectory) -> Iterator[tuple[int, int, str, Mapping[str, Any]]]:
    """(turn, call, parameter, origin) of every argument."""
    for turn, calls in enumerate(json.loads(row.provenance)):
        for call, origins in enumerate(calls):
            for parameter, origin in origins.items():
                yield turn, call, parameter, origin


def test_nearly_every_path_becomes_a_row_and_all_seven_categories_are_there() -> None:
    assert len(builtin_rows()) >= 0.95 * ROWS
    assert {row.category for row in builtin_rows()} == set(Category)


def test_messages_alternate_between_user_calls_outputs_and_reply() -> None:
    for row in builtin_rows():
        for turn in turns_of(row):
            shape = "".join({"user": "u", "tool": "t", "assistant": "c" if "tool_calls" in m else "a"}[m["role"]] for m in turn)
            assert re.fullmatch(r"u(ct+)*a", shape), (row.index, shape)
            assert turn[0]["content"] and turn[-1]["content"]


def test_only_the_first_message_is_the_systems_and_it_holds_the_date_alone() -> None:
    for row in builtin_rows():
        roles = [message["role"] for message in json.loads(row.messages)]
        assert roles.count("system") == 1 and roles[0] == "system"
        assert re.fullmatch(r"Today is \w+day, \d{1,2} [A-Z]\w+ \d{4}\.", json.loads(row.messages)[0]["content"])


def test_every_call_has_an_id_of_its_own_and_exactly_one_output_right_after_it() -> None:
    for row in builtin_rows():
        messages = messages_of(row)
        ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
        assert len(ids) == len(set(ids))
        for position, message in enumerate(messages):
            calls = message.get("tool_calls", [])
            answers = messages[position + 1 : position + 1 + len(calls)]
            assert [(call["id"], call["function"]["name"]) for call in calls] == [(x["tool_call_id"], x["name"]) for x in answers]
        assert ids == [message["tool_call_id"] for message in messages if message["role"] == "tool"]


def test_arguments_and_outputs_are_json_text_and_equal_the_reference_calls() -> None:
    for row in builtin_rows():
        for turn, reference in zip(turns_of(row), json.loads(row.reference_calls), strict=True):
            made = [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls_of(turn)]
            assert made == [(call["name"], call["arguments"]) for call in reference]
            assert all(isinstance(arguments, dict) for _, arguments in made)
            assert len(outputs_of(turn)) == len(made)


def test_counts_agree_with_the_messages() -> None:
    for row in builtin_rows():
        messages = messages_of(row)
        assert row.num_turns == sum(message["role"] == "user" for message in messages)
        assert row.num_calls == sum(message["role"] == "tool" for message in messages)
        assert row.num_turns == len(json.loads(row.provenance)) == len(json.loads(row.reference_calls))


def test_every_called_function_is_offered_by_the_time_it_is_called() -> None:
    for row in builtin_rows():
        offered = names_in(json.loads(row.tools))
        assert len(offered) == len(set(offered))
        for number, turn in enumerate(turns_of(row)):
            offered += names_in(json.loads(row.tools_added).get(str(number), []))
            assert {call["function"]["name"] for call in calls_of(turn)} <= set(offered), row.index


def test_no_query_comes_twice_in_a_conversation() -> None:
    for row in builtin_rows():
        queries = [" ".join(turn[0]["content"].lower().split()) for turn in turns_of(row)]
        assert len(queries) == len(set(queries))


def test_nobody_speaks_in_identifiers_or_leaves_a_template_unfilled() -> None:
    for row in builtin_rows():
        tools = [*json.loads(row.tools), *(tool for tools in json.loads(row.tools_added).values() for tool in tools)]
        names = {name for tool in tools for name in (tool["function"]["name"], *tool["function"]["parameters"]["properties"])}
        joined = {name for name in names if "_" in name}
        for message in messages_of(row):
            if message["role"] != "tool" and "tool_calls" not in message:
                text = message["content"]
                assert not set(re.findall(r"\w+", text)) & joined, text
                assert not re.search(r"[{}\[\]\0]|\bNone\b(?! of\b)|\(s\)|\.\.|\?\.", text), text


def test_nothing_in_a_row_names_a_hint() -> None:
    for row in builtin_rows():
        spoken = " ".join(message["content"] for message in messages_of(row) if message["role"] != "tool").lower()
        assert not re.search(r"\bhints?\b|\bground truth\b|\breference call\b", spoken)


def test_a_replay_gives_the_same_outputs_and_the_same_final_state() -> None:
    for row in builtin_rows():
        environment = BuiltinEnvironment(row.environment.removeprefix("builtin:"), row.scenario_seed)
        for turn in turns_of(row):
            for call, output in zip(calls_of(turn), outputs_of(turn), strict=True):
                assert environment.call(call["function"]["name"], json.loads(call["function"]["arguments"])) == output
        assert environment.state() == json.loads(row.final_state)


def test_every_argument_has_an_origin() -> None:
    for row in builtin_rows():
        for origins, calls in zip(json.loads(row.provenance), json.loads(row.reference_calls), strict=True):
            assert [list(origin) for origin in origins] == [list(call["arguments"]) for call in calls]


def test_an_argument_from_an_output_equals_what_stands_there() -> None:
    seen = 0
    for row in builtin_rows():
        turns = turns_of(row)
        for turn, call, parameter, origin in origins_of(row):
            if origin["origin"] == "output":
                seen += 1
                value = json.loads(calls_of(turns[turn])[call]["function"]["arguments"])[parameter]
                assert (origin["turn"], origin["call"]) < (turn, call)
                assert follow(outputs_of(turns[origin["turn"]])[origin["call"]], origin["path"]) == value
    assert seen > 100


def test_an_output_is_seen_before_the_message_that_uses_it() -> None:
    for row in builtin_rows():
        turns = turns_of(row)
        for turn, call, _, origin in origins_of(row):
            if origin["origin"] == "output" and origin["turn"] == turn:
                calls = calls_of(turns[turn])
                used = next(n for n, m in enumerate(turns[turn]) if m.get("tool_call_id") == calls[origin["call"]]["id"])
                made = next(n for n, m in enumerate(turns[turn]) if calls[call] in m.get("tool_calls", ()))
                assert used < made, row.index


def test_an_argument_from_a_query_is_worded_in_that_query() -> None:
    seen = 0
    for row in builtin_rows():
        turns = turns_of(row)
        for turn, _, _, origin in origins_of(row):
            if origin["origin"] in {"query", "earlier_query"}:
                seen += 1
                assert origin["turn"] <= turn and (origin["origin"] == "query") is (origin["turn"] == turn)
                query = turns[origin["turn"]][0]["content"].lower()
                text = origin["text"].lower()
                # Of things that are listed with one noun (`the weekly and the camping basket`) each word stands there.
                assert text and (text in query or all(word in query for word in text.split())), row.index
    assert seen > 200


def test_a_number_from_a_query_can_be_read_there() -> None:
    for row in builtin_rows():
        turns = turns_of(row)
        for turn, call, parameter, origin in origins_of(row):
            value = json.loads(calls_of(turns[turn])[call]["function"]["arguments"])[parameter]
            if origin["origin"] != "output" and isinstance(value, int | float) and not isinstance(value, bool):
                assert says(turns[origin["turn"]][0]["content"], value), (row.index, parameter, value)


def test_nested_calls_are_never_all_of_a_turn() -> None:
    nested = 0
    for row in builtin_rows():
        for calls in json.loads(row.reference_calls):
            nested += sum(call["nested"] for call in calls)
            assert not calls or not all(call["nested"] for call in calls)
    assert nested >= 5


def test_a_single_row_offers_one_function_and_calls_it_once() -> None:
    for row in rows_of(Category.SINGLE):
        (calls,) = json.loads(row.reference_calls)
        assert names_in(json.loads(row.tools)) == [call["name"] for call in calls]


def test_a_multiple_row_offers_several_functions_and_calls_one() -> None:
    for row in rows_of(Category.MULTIPLE):
        assert (row.num_turns, row.num_calls) == (1, 1)
        assert len(json.loads(row.tools)) >= 3


def test_a_parallel_row_makes_several_calls_in_its_one_turn() -> None:
    together = 0
    for row in rows_of(Category.PARALLEL):
        assert row.num_turns == 1 and row.num_calls >= 2
        together += sum(len(message.get("tool_calls", ())) >= 2 for message in messages_of(row))
    assert together >= 0.9 * len(rows_of(Category.PARALLEL))


def test_a_multi_turn_row_lacks_nothing() -> None:
    for row in rows_of(Category.MULTI_TURN):
        assert row.num_turns >= 2 and row.tools_added == "{}"
        assert all(json.loads(row.reference_calls))


def test_distractors_come_from_the_domain_of_the_request() -> None:
    pool = builtin_recipe().workshop.pool
    for row in builtin_rows():
        if row.category is not Category.IRRELEVANCE:
            assert {pool.spec(name).category for name in names_in(json.loads(row.tools))} == set(row.domains)


def test_a_row_depends_on_its_index_alone() -> None:
    indices = Random(3).sample(range(ROWS), 12)
    assert [at_once(make_row(index, builtin_recipe())) for index in indices] == [builtin_outcome(index) for index in indices]


def test_rows_and_failures_together_are_all_paths() -> None:
    kept, failed = make_rows(range(40, 64), builtin_recipe())
    assert sorted([*(row.index for row in kept), *(failure.index for failure in failed)]) == list(range(40, 64))


def test_another_seed_gives_other_rows() -> None:
    other = at_once(make_row(0, replace(builtin_recipe(), seed=99)))
    assert isinstance(other, Trajectory)
    assert other.id != builtin_rows()[0].id and other.messages != builtin_rows()[0].messages


def test_an_environment_that_breaks_gives_a_failure_with_its_reason() -> None:
    recipe = builtin_recipe()

    def broken(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> BuiltinEnvironment:
        raise EnvironmentFault(f"no room\nfor {key}")

    outcome = at_once(make_row(4, replace(recipe, workshop=replace(recipe.workshop, open_environment=broken))))
    assert isinstance(outcome, Failure)
    assert (outcome.stage, outcome.category, outcome.index) == ("translation", "multi_turn", 4)
    assert outcome.reason is FailureReason.ENVIRONMENT_FAULT and outcome.detail == "no room for builtin:museum"


def test_what_nobody_foresaw_becomes_a_failure_too() -> None:
    recipe = builtin_recipe()

    def careless(key: str, seed: int, specs: Mapping[str, FunctionSpec]) -> BuiltinEnvironment:
        raise RuntimeError("a bug")

    outcome = at_once(make_row(0, replace(recipe, workshop=replace(recipe.workshop, open_environment=careless))))
    assert isinstance(outcome, Failure)
    assert outcome.reason is FailureReason.UNEXPECTED and "RuntimeError: a bug" in outcome.detail
    assert outcome.id == builtin_outcome(0).id


class ModestModel:
    """Says the same vague thing to every turn: parsable, but about nothing that was planned."""

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        return ChatAnswer(content='{"query": "Could you do that for me, please?", "mentions": [], "unmentioned": []}', finish_reason="stop")


def test_a_path_that_a_model_worded_wrongly_keeps_its_words() -> None:
    recipe = with_models(builtin_recipe(), ModestModel(), TeacherConfig(forth_check=False))
    outcomes = [at_once(make_row(index, recipe)) for index in range(12)]
    assert all(isinstance(outcome, Failure) for outcome in outcomes)
    assert all("Could you do that for me" in outcome.raw for outcome in outcomes if isinstance(outcome, Failure))
