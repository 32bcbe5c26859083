"""The model's words become a turn only when they say what was planned: what fails is asked for again with the reason, then refused."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Coroutine, Sequence
from dataclasses import replace
from random import Random
from typing import Any, cast

import pytest

from magnet_ray.at_once import at_once
from magnet_ray.environments.opening import open_environment
from magnet_ray.errors import Rejected
from magnet_ray.functions.builtin import load
from magnet_ray.llm.base import ChatAnswer, ChatRequest, Role
from magnet_ray.paths import sample_path
from magnet_ray.teacher.answers import SUPPLY_SCHEMA, WORDS_SCHEMA, read_words, supply_answer, words_answer
from magnet_ray.teacher.base import PlannedCall, Teacher, TurnRequest, TurnWords
from magnet_ray.teacher.forth import FORTH_SCHEMA, calls_answer
from magnet_ray.teacher.language_model import LanguageModelTeacher
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.translation import translate
from magnet_ray.types import ArgumentOrigin, ExecutedCall, FailureReason, Origin, TranslatedPath, TranslatedTurn, compact
from magnet_ray.verification import verify
from tests.builtin_recipe import builtin_recipe
from tests.scripted_model import ScriptedModel
from tests.teacher.recorded_turns import RecordedTurn, recorded_turns
from tests.tiny_world import planned

DINING = {item.name: item for item in load("dining").specs}
RESTAURANTS = {"restaurants": [{"restaurant": "Blue Fig", "rating": 4.5}, {"restaurant": "Old Olive", "rating": 4.0}]}
BROWSED = planned(DINING["browse_restaurants"], {"cuisine": "Thai"}, RESTAURANTS)
BOOKED = planned(
    DINING["book_table"],
    {"restaurant": "Blue Fig", "guests": 4, "date": "2026-03-12", "time": "19:00"},
    {"booking_code": "TBL-4711", "deposit": 20, "status": "confirmed"},
    step=1,
)
BOOKING_MADE = ArgumentOrigin(origin=Origin.OUTPUT, turn=0, call=0, path="booking_code")
CANCELLED = planned(DINING["cancel_table"], {"booking_code": "TBL-4711"}, {"status": "cancelled"}, origins={"booking_code": BOOKING_MADE})
GOOD = "Book a table for 4 at Blue Fig tomorrow at 7 pm, please."


def turn(*calls: PlannedCall, **others: Any) -> TurnRequest:
    given = {"record": "path", "turn": 0, "turns": 3, "history": (), "specs": DINING, "today": "2026-03-11", "rng": Random(1)}
    return TurnRequest(calls=calls, **{**given, **others})


def after_booking(query: str = GOOD) -> tuple[TranslatedTurn, ...]:
    call = ExecutedCall(function="book_table", arguments=compact(BOOKED.arguments), output=compact(BOOKED.output))
    return (TranslatedTurn(query=query, calls=(call,), reply="Booked."),)


def answer(query: str, mentions: Sequence[tuple[int, str, str]] = (), unmentioned: Sequence[int] = ()) -> str:
    said = [{"call": call, "parameter": parameter, "words": words} for call, parameter, words in mentions]
    return json.dumps({"query": query, "mentions": said, "unmentioned": list(unmentioned)})


def forth(*calls: PlannedCall) -> str:
    return json.dumps(calls_answer(calls))


def asked_of(model: ScriptedModel, words: Coroutine[Any, Any, Any]) -> tuple[Any, list[str]]:
    """The result and the keys of the requests that it took."""
    return asyncio.run(words), [str(request.key) for request in model.requests]


class KnowingModel:
    """Answers as the template teacher would word the turn that is set before it."""

    def __init__(self) -> None:
        self.turn: RecordedTurn | None = None
        self.requests: list[ChatRequest] = []

    async def answer(self, request: ChatRequest) -> ChatAnswer:
        """The template teacher's words, in the form that is asked for."""
        self.requests.append(request)
        assert self.turn is not None and not any("{{" in str(message["content"]) for message in request.messages)
        asked = self.turn.request
        if request.schema == FORTH_SCHEMA:
            return ChatAnswer(content=json.dumps(calls_answer(asked.calls, without=asked.withheld)), finish_reason="stop")
        said = await getattr(TemplateTeacher(), self.turn.method)(replace(asked, rng=copy.deepcopy(asked.rng)))
        form = {WORDS_SCHEMA: words_answer, SUPPLY_SCHEMA: supply_answer}.get(request.schema)
        return ChatAnswer(content=json.dumps(form(said)) if form else said, finish_reason="stop")


def test_real_turns_are_worded_as_the_model_says_without_a_single_reask() -> None:
    model = KnowingModel()
    teacher = LanguageModelTeacher(model=model, reasks=0, rewordings=0)
    for recorded in recorded_turns():
        model.turn = recorded
        said = at_once(getattr(teacher, recorded.method)(recorded.request))
        if isinstance(recorded.said, str):
            assert said == recorded.said
            continue
        assert said.text == recorded.said.text and said.nested == recorded.said.nested
        assert all(words in said.text for spans in said.spans for words in spans.values())
    assert {request.key.step.partition(".")[2] for request in model.requests} == {"", "reply", "decline", "clarify", "enable", "supply"}


class KnowingTeacher(LanguageModelTeacher):
    """A language model's teacher that lets the model know which turn it is about."""

    async def query(self, request: TurnRequest) -> TurnWords:
        return cast(TurnWords, await self._known("query", request))

    async def reply(self, request: TurnRequest) -> str:
        return cast(str, await self._known("reply", request))

    async def decline(self, request: TurnRequest) -> str:
        return cast(str, await self._known("decline", request))

    async def clarify(self, request: TurnRequest) -> str:
        return cast(str, await self._known("clarify", request))

    async def enable(self, request: TurnRequest) -> str:
        return cast(str, await self._known("enable", request))

    async def supply(self, request: TurnRequest) -> TurnWords:
        return cast(TurnWords, await self._known("supply", request))

    async def _known(self, method: str, request: TurnRequest) -> str | TurnWords:
        assert isinstance(self.model, KnowingModel)
        self.model.turn = RecordedTurn(method, replace(request, rng=copy.deepcopy(request.rng)), "")
        said = await getattr(LanguageModelTeacher, method)(self, request)
        # The template teacher draws from the turn's random source; so that later turns are the same, so do we.
        await getattr(TemplateTeacher(), method)(request)
        return cast("str | TurnWords", said)


def test_whole_conversations_pass_verification_and_make_the_calls_of_the_template_teacher() -> None:
    recipe = builtin_recipe()
    model = KnowingModel()
    workshop = replace(recipe.workshop, teacher=KnowingTeacher(model=model))
    kept = 0
    for index in range(30):
        path = sample_path(index, run_seed=recipe.seed, graph=recipe.workshop.graph, settings=recipe.paths)
        try:
            expected = at_once(translate(path, recipe.workshop))
        except Rejected:
            continue
        found = at_once(translate(path, workshop))
        assert shape(found) == shape(expected)
        verify(found, recipe.workshop.pool, open_environment)
        kept += 1
    assert kept >= 25
    keys = [str(request.key) for request in model.requests]
    assert len(set(keys)) == len(keys)


def shape(path: TranslatedPath) -> list[Any]:
    return [
        (turn.query, turn.reply, turn.miss, [(call.function, call.arguments, call.nested) for call in turn.calls]) for turn in path.turns
    ]


def test_what_may_be_planned_does_not_depend_on_who_words_it() -> None:
    teacher: Teacher = LanguageModelTeacher(model=ScriptedModel([""]))
    for spec in DINING.values():
        assert teacher.speakable(spec) == TemplateTeacher().speakable(spec) and teacher.droppable(spec) == TemplateTeacher().droppable(spec)


def test_words_that_the_model_forgot_to_mention_are_found() -> None:
    model = ScriptedModel([answer(GOOD, [(1, "guests", "for 4"), (1, "time", "at eight"), (7, "date", "x"), (1, "view", "tomorrow")])])
    words, keys = asked_of(model, LanguageModelTeacher(model=model, forth_check=False).query(turn(BOOKED)))
    assert words.spans == ({"restaurant": "Blue Fig", "guests": "for 4", "date": "tomorrow", "time": "7 pm"},)
    assert keys == ["path/back_translator/0/0"]


@pytest.mark.parametrize(
    ("bad", "reason", "told"),
    [
        ("no JSON", FailureReason.UNPARSED, "no JSON value"),
        (answer(""), FailureReason.UNPARSED, "empty"),
        (answer("Book a table for 4 at Blue Fig tomorrow."), FailureReason.PROVENANCE, 'does not say time of call 1: "19:00"'),
        (answer("Book a table for 40 at Blue Fig tomorrow at 7 pm."), FailureReason.PROVENANCE, "guests of call 1: 4"),
        (answer("Please book_table for 4 at Blue Fig tomorrow at 7 pm."), FailureReason.IDENTIFIER_LEAK, "book_table"),
        (answer(GOOD, unmentioned=[1]), FailureReason.NOT_ASKED, "must be asked for"),
    ],
)
def test_each_fault_of_a_query_is_named_and_may_be_mended(bad: str, reason: FailureReason, told: str) -> None:
    model = ScriptedModel([bad, answer(GOOD)])
    words, _ = asked_of(model, LanguageModelTeacher(model=model, forth_check=False).query(turn(BOOKED)))
    assert words.text == GOOD and told in model.last_words()
    with pytest.raises(Rejected) as caught:
        asyncio.run(LanguageModelTeacher(model=ScriptedModel([bad]), reasks=1).query(turn(BOOKED)))
    assert (caught.value.reason, caught.value.raw) == (reason, bad)


def test_a_request_of_before_is_not_repeated() -> None:
    again = turn(BOOKED, turn=1, history=after_booking())
    with pytest.raises(Rejected) as caught:
        read_words(json.loads(answer(f"  {GOOD.upper()}")), again)
    assert caught.value.reason is FailureReason.REPEATED_QUERY


def test_a_call_that_nobody_asks_for_is_missed() -> None:
    with pytest.raises(Rejected) as caught:
        read_words(json.loads(answer("Make me happy, please.")), turn(CANCELLED, turn=1, history=after_booking()))
    assert caught.value.reason is FailureReason.NOT_ASKED and "Cancel" in caught.value.detail


def test_a_nested_call_stays_unmentioned_unless_the_words_ask_for_it() -> None:
    hidden = replace(BROWSED, nested=True)
    words = read_words(json.loads(answer(f"{GOOD} The cook has to be Thai.", unmentioned=[1])), turn(hidden, BOOKED))
    assert words.nested == (True, False) and words.spans[0] == {"cuisine": "Thai"}
    words = read_words(json.loads(answer(f"Find Thai restaurants. {GOOD}")), turn(hidden, BOOKED))
    assert words.nested == (False, False)
    with pytest.raises(Rejected, match="must ask for something"):
        read_words(json.loads(answer("Thai", unmentioned=[1])), turn(hidden))


def test_a_forgotten_value_must_not_be_said_but_may_stand_in_another_one() -> None:
    withheld = turn(BOOKED, withheld=(0, "guests"))
    with pytest.raises(Rejected) as caught:
        read_words(json.loads(answer(GOOD)), withheld)
    assert caught.value.reason is FailureReason.NOT_ASKED and "leave out guests: 4" in caught.value.detail
    assert "guests" not in read_words(json.loads(answer("Book a table at Blue Fig tomorrow at 7 pm.")), withheld).spans[0]
    four = replace(BOOKED, arguments={**BOOKED.arguments, "time": "16:00"})
    words = read_words(json.loads(answer("Book a table at Blue Fig tomorrow at 4 pm.")), turn(four, withheld=(0, "guests")))
    assert words.spans[0]["time"] == "4 pm"


def test_a_boolean_needs_the_words_that_carry_it() -> None:
    left = compact({"type": "object", "properties": {"left": {"type": "boolean"}}})
    spec = replace(DINING["cancel_table"], name="wave", source="test", parameters=left)
    wave = turn(planned(spec, {"left": True}, {}))
    with pytest.raises(Rejected, match="copy the words that say left"):
        read_words(json.loads(answer("Wave with your other hand.")), wave)
    words = read_words(json.loads(answer("Wave with your OTHER hand.", [(1, "left", "other hand")])), wave)
    assert words.spans == ({"left": "OTHER hand"},)


def test_a_reader_who_arrives_elsewhere_has_the_query_worded_again() -> None:
    other = replace(BOOKED, arguments={**BOOKED.arguments, "guests": 5})
    model = ScriptedModel([answer(GOOD), forth(other), answer(f"Hello! {GOOD}"), forth(BOOKED)])
    words, keys = asked_of(model, LanguageModelTeacher(model=model).query(turn(BOOKED, attempt=2)))
    assert words.text == f"Hello! {GOOD}"
    assert keys == [f"path/{role}/0/{attempt}" for attempt in (200, 203) for role in ("back_translator", "forth_translator")]
    reworded = model.requests[2].messages
    assert reworded[-2]["content"] == answer(GOOD) and "guests: planned 4, understood 5" in str(reworded[-1]["content"])


def test_a_reader_who_never_arrives_rejects_the_turn_with_what_he_said() -> None:
    other = forth(replace(BOOKED, arguments={**BOOKED.arguments, "guests": 5}))
    model = ScriptedModel(lambda request: other if request.key.role is Role.FORTH_TRANSLATOR else answer(GOOD))
    with pytest.raises(Rejected) as caught:
        asyncio.run(LanguageModelTeacher(model=model, rewordings=1).query(turn(BOOKED)))
    assert (caught.value.reason, caught.value.raw, len(model.requests)) == (FailureReason.FORTH_DISAGREES, other, 4)
    assert "guests: planned 4, understood 5" in caught.value.detail


def test_the_prompt_says_what_is_to_be_done_about_each_value() -> None:
    again = ArgumentOrigin(origin=Origin.EARLIER_QUERY, turn=0)
    found = ArgumentOrigin(origin=Origin.OUTPUT, turn=1, call=0, path="restaurants[1].restaurant")
    given = ArgumentOrigin(origin=Origin.QUERY, turn=1)
    origins = {"restaurant": found, "guests": given, "date": again, "time": given}
    booked = replace(BOOKED, arguments={**BOOKED.arguments, "restaurant": "Old Olive"}, origins=origins)
    request = turn(replace(BROWSED, nested=True), booked, CANCELLED, turn=1, history=after_booking(), withheld=(1, "time"))
    model = ScriptedModel([answer("Book the worst Thai place for 4 on the same day; cancel the other booking.", unmentioned=[1]), forth()])
    with pytest.raises(Rejected):
        asyncio.run(LanguageModelTeacher(model=model, reasks=0, rewordings=0).query(request))
    words, reading = (str(request.messages[1]["content"]) for request in model.requests[:2])
    assert "SAY `4 guests`" in words and "`four guests`" in words and "FORGET" in words
    assert 'KNOWN from an earlier message: "2026-03-12"' in words
    assert "Call 1 (UNMENTIONED): browse_restaurants" in words and '{"restaurant":"Blue Fig","rating":4.5}' in words
    assert 'REFER to "Old Olive", at restaurants[1].restaurant in the result of call 1: {"restaurant":"Old Olive","rating":4.0}' in words
    assert 'REFER to "TBL-4711", at booking_code in the result of book_table in turn 1' in words
    assert f"Person: {GOOD}" in words and "Assistant: Booked." in words
    assert "browse_restaurants gave" in reading and '"name":"cancel_table"' in reading and "cancel the other booking" in reading
    assert '"19:00"' not in words.partition("Next calls:")[2]


@pytest.mark.parametrize(
    ("said", "reason", "told"),
    [
        ("", FailureReason.UNPARSED, "empty"),
        ("Your booking_code is TBL-4711.", FailureReason.IDENTIFIER_LEAK, "booking_code"),
        ("Booked: TBL-4711, with a deposit of $35.", FailureReason.WRONG_SUMMARY, "no result holds 35"),
    ],
)
def test_a_reply_with_invented_numbers_or_identifiers_is_asked_for_again(said: str, reason: FailureReason, told: str) -> None:
    good = "That's a table for 4 at Blue Fig tomorrow at 7 pm, code TBL-4711, deposit $20."
    model = ScriptedModel([said, good])
    reply, keys = asked_of(model, LanguageModelTeacher(model=model).reply(turn(BOOKED, query=GOOD, attempt=1)))
    assert reply == good and told in model.last_words()
    assert keys == ["path/responder/0.reply/100", "path/responder/0.reply/101"]
    assert GOOD in str(model.requests[0].messages[1]["content"]) and '"deposit":20' in str(model.requests[0].messages[1]["content"])
    with pytest.raises(Rejected) as caught:
        asyncio.run(LanguageModelTeacher(model=ScriptedModel([said])).reply(turn(BOOKED)))
    assert (caught.value.reason, caught.value.raw) == (reason, said)


def test_a_reply_may_speak_of_what_was_said_and_found_before() -> None:
    model = ScriptedModel(["The booking TBL-4711 for 4 is cancelled, so your $20 come back."])
    request = turn(CANCELLED, turn=1, history=after_booking())
    assert "TBL-4711" in asyncio.run(LanguageModelTeacher(model=model, reasks=0).reply(request))


def test_an_identifier_that_is_a_value_may_be_spoken() -> None:
    named = planned(DINING["cancel_table"], {"booking_code": "book_table"}, {})
    request = turn(named, turn=1, history=after_booking())
    assert asyncio.run(LanguageModelTeacher(model=ScriptedModel(["book_table it is."])).reply(request)) == "book_table it is."


@pytest.mark.parametrize(
    ("parameter", "said", "told"),
    [("restaurant", "Shall I take Blue Fig?", "do not say one"), ("time", "All done.", "ask for the time"), ("time", "", "empty")],
)
def test_a_question_asks_for_the_missing_value_and_gives_none(parameter: str, said: str, told: str) -> None:
    model = ScriptedModel([said, f"Which {parameter} would you like?"])
    request = turn(BOOKED, withheld=(0, parameter), query="Book a table.")
    question, keys = asked_of(model, LanguageModelTeacher(model=model).clarify(request))
    assert question == f"Which {parameter} would you like?" and told in model.last_words()
    assert keys == ["path/responder/0.clarify/0", "path/responder/0.clarify/1"]


def test_the_forgotten_value_is_given_in_words_that_are_found() -> None:
    bad = ["{}", '{"answer": "At eight.", "words": "eight"}', json.dumps({"answer": GOOD, "words": "7 pm"})]
    model = ScriptedModel([*bad, '{"answer": "Let\'s say 7 pm.", "words": "seven"}'])
    request = turn(BOOKED, BROWSED, withheld=(0, "time"), history=after_booking(), turn=1)
    words, keys = asked_of(model, LanguageModelTeacher(model=model, reasks=3).supply(request))
    assert words == TurnWords(text="Let's say 7 pm.", spans=({"time": "7 pm"}, {}))
    assert keys == [f"path/back_translator/1.supply/{attempt}" for attempt in range(4)]
    assert "`7 pm`" in str(model.requests[0].messages[1]["content"])


def test_the_user_says_that_a_function_is_there_without_asking_the_same_again() -> None:
    model = ScriptedModel([GOOD, "You can book tables now, so please go on."])
    text, keys = asked_of(model, LanguageModelTeacher(model=model).enable(turn(BOOKED, turn=1, history=after_booking(), query="Book.")))
    assert text == "You can book tables now, so please go on." and "other words" in model.last_words()
    assert keys == ["path/back_translator/1.enable/0", "path/back_translator/1.enable/1"]


def test_the_assistant_declines_without_naming_the_function() -> None:
    model = ScriptedModel(["I have no book_table.", "I can't book tables, sorry."])
    text, keys = asked_of(model, LanguageModelTeacher(model=model).decline(turn(BOOKED, query=GOOD)))
    assert text == "I can't book tables, sorry." and keys[-1] == "path/responder/0.decline/1"


def test_nothing_is_asked_where_nothing_is_withheld() -> None:
    teacher = LanguageModelTeacher(model=ScriptedModel(["Which time?"]))
    for words in (teacher.clarify(turn(BOOKED)), teacher.supply(turn(BOOKED))):
        with pytest.raises(Rejected) as caught:
            asyncio.run(cast("Coroutine[Any, Any, Any]", words))
        assert caught.value.reason is FailureReason.UNWORDED


def test_a_long_conversation_says_how_much_is_still_to_come() -> None:
    model = ScriptedModel(lambda request: forth(BOOKED) if request.key.role is Role.FORTH_TRANSLATOR else answer(GOOD))
    asyncio.run(LanguageModelTeacher(model=model).query(turn(BOOKED, turns=5)))
    asyncio.run(LanguageModelTeacher(model=ScriptedModel(["x"])).decline(turn(BOOKED)))
    assert [request.remaining for request in model.requests] == [14, 13]


def test_every_request_of_a_try_has_an_attempt_of_its_own() -> None:
    LanguageModelTeacher(model=ScriptedModel([""]), reasks=20, rewordings=2)
    with pytest.raises(ValueError, match="more than 100 attempts"):
        LanguageModelTeacher(model=ScriptedModel([""]), reasks=20, rewordings=5)


def test_misses_are_among_the_recorded_turns() -> None:
    methods = {recorded.method for recorded in recorded_turns()}
    assert methods == {"query", "reply", "decline", "clarify", "enable", "supply"}
    assert any(recorded.request.withheld for recorded in recorded_turns() if recorded.method == "query")
