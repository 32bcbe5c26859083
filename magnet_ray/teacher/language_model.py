"""The teacher that is a language model: back-translation with a forth-translation check, and the words of replies and misses.

The calls are planned and executed before it is asked, so what may be planned (`speakable`, `droppable`) is the template
teacher's: which calls a path makes does not depend on who words them. What a model words wrongly it is shown and mends
(`llm.structured`); what no re-ask mends is `Rejected` with its last text.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

from magnet_ray.errors import Rejected
from magnet_ray.llm.base import ChatModel, ChatRequest, RequestKey, Role
from magnet_ray.llm.structured import asked, corrected
from magnet_ray.teacher.answers import SUPPLY_SCHEMA, WORDS_SCHEMA, check_speech, read_supply, read_words, withheld_of
from magnet_ray.teacher.base import TurnRequest, TurnWords
from magnet_ray.teacher.forth import FORTH_SCHEMA, difference, read_calls
from magnet_ray.teacher.prompts import prompt
from magnet_ray.teacher.said import invented, repeats_query, speaks_of, value_said
from magnet_ray.teacher.template import TemplateTeacher
from magnet_ray.teacher.turn_texts import (
    SHORT,
    WHOLE,
    calls_text,
    deeds,
    forms_text,
    functions_text,
    history_text,
    known_results_text,
    missing_text,
    query_text,
    results_text,
)
from magnet_ray.types import FailureReason, FunctionSpec, JsonValue

TRY: Final = 100
"""Attempts of a request's key that one try at a turn has to itself: its re-asks and re-wordings."""
PLANNER: Final = TemplateTeacher()
"""Says what may be planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageModelTeacher:
    """Words every turn by asking a model; see `Teacher`."""

    model: ChatModel
    """Answers for the back-translator, the forth-translator and the responder."""
    reasks: int = 2
    """Times that a model is shown what was wrong with its answer."""
    forth_check: bool = True
    """Whether the forth-translator must arrive at the planned calls."""
    later: float = 1.0
    """Requests a turn that come when all turns have their queries: replies, or the messages of hinted rollouts."""
    rewordings: int = 2
    """Times that a query is worded again because the forth-translator arrived elsewhere."""

    def __post_init__(self) -> None:
        if (self.rewordings + 1) * (self.reasks + 1) > TRY:
            raise ValueError(f"{self.rewordings} rewordings with {self.reasks} re-asks need more than {TRY} attempts a try")

    def speakable(self, spec: FunctionSpec) -> frozenset[str]:
        """As the template teacher."""
        return PLANNER.speakable(spec)

    def droppable(self, spec: FunctionSpec) -> frozenset[str]:
        """As the template teacher."""
        return PLANNER.droppable(spec)

    async def query(self, request: TurnRequest) -> TurnWords:
        """The user's request, such that a reader arrives at the planned calls.

        Raises:
            Rejected: what the last answer said wrongly, or FORTH_DISAGREES.
        """
        messages = prompt("back_translation").fill(
            today=request.today or "(unknown)", history=history_text(request.history, SHORT), calls=calls_text(request)
        )
        worded = self._asking(request, Role.BACK_TRANSLATOR, "", messages)
        unlike, raw = "", ""
        for wording in range(self.rewordings + 1):
            answer = await asked(self.model, worded, WORDS_SCHEMA, partial(read_words, request=request), self.reasks)
            if not self.forth_check:
                return answer.value
            unlike, raw = await self._unlike(request, answer.value, wording)
            if not unlike:
                return answer.value
            (remark,) = prompt("reworded").fill(difference=unlike)
            worded = self._at(corrected(answer.request, answer.text, str(remark["content"])), request, wording + 1)
        raise Rejected(FailureReason.FORTH_DISAGREES, unlike, raw)

    async def _unlike(self, request: TurnRequest, words: TurnWords, wording: int) -> tuple[str, str]:
        """In what the forth-translator differs from the plan, and its answer; the first is empty when in nothing."""
        calls = tuple(replace(call, nested=nested) for call, nested in zip(request.calls, words.nested, strict=True))
        messages = prompt("forth_translation").fill(
            today=request.today or "(unknown)",
            history=history_text(request.history, WHOLE),
            functions=functions_text(call.spec for call in calls),
            results=known_results_text(replace(request, calls=calls)),
            query=words.text,
        )
        asking = self._at(self._asking(request, Role.FORTH_TRANSLATOR, "", messages), request, wording)
        answer = await asked(self.model, asking, FORTH_SCHEMA, partial(read_calls, request=request), self.reasks)
        return difference(answer.value, replace(request, calls=calls)), answer.text

    async def supply(self, request: TurnRequest) -> TurnWords:
        """The user gives the withheld value."""
        call, parameter = withheld_of(request)
        messages = prompt("supply").fill(
            history=history_text(request.history, 0),
            query=query_text(request),
            missing=missing_text(call, parameter),
            forms=forms_text(call, parameter, request.today),
        )
        asking = self._asking(request, Role.BACK_TRANSLATOR, ".supply", messages)
        return (await asked(self.model, asking, SUPPLY_SCHEMA, partial(read_supply, request=request), self.reasks)).value

    async def reply(self, request: TurnRequest) -> str:
        """The assistant's closing message."""
        messages = prompt("reply").fill(
            today=request.today or "(unknown)",
            history=history_text(request.history, 0),
            query=query_text(request),
            results=results_text(request),
        )
        return await self._said(self._asking(request, Role.RESPONDER, ".reply", messages), partial(_check_reply, request=request))

    async def decline(self, request: TurnRequest) -> str:
        """The assistant says what it has no function for."""
        messages = prompt("decline").fill(
            history=history_text(request.history, 0), query=query_text(request), deed=deeds(request, conjunction="or")
        )
        return await self._said(self._asking(request, Role.RESPONDER, ".decline", messages), partial(_check_said, request=request))

    async def clarify(self, request: TurnRequest) -> str:
        """The assistant asks for the withheld value."""
        call, parameter = withheld_of(request)
        messages = prompt("clarify").fill(
            history=history_text(request.history, 0),
            query=query_text(request),
            missing=missing_text(call, parameter),
            deed=deeds(replace(request, calls=(call,))),
        )
        return await self._said(self._asking(request, Role.RESPONDER, ".clarify", messages), partial(_check_question, request=request))

    async def enable(self, request: TurnRequest) -> str:
        """The user says that the missing function is there now."""
        messages = prompt("enable").fill(history=history_text(request.history, 0), query=query_text(request), deed=deeds(request))
        return await self._said(self._asking(request, Role.BACK_TRANSLATOR, ".enable", messages), partial(_check_fresh, request=request))

    async def _said(self, asking: ChatRequest, check: Callable[[JsonValue], str]) -> str:
        return (await asked(self.model, asking, "", check, self.reasks)).value

    def _asking(self, request: TurnRequest, role: Role, suffix: str, messages: tuple[object, ...]) -> ChatRequest:
        key = RequestKey(record=request.record, role=role, step=f"{request.turn}{suffix}", attempt=request.attempt * TRY)
        return ChatRequest(key=key, messages=messages, remaining=self._remaining(request, role, suffix))  # type: ignore[arg-type]

    def _at(self, asking: ChatRequest, request: TurnRequest, wording: int) -> ChatRequest:
        """The request as that of a later wording, whose attempts no other wording uses."""
        attempt = request.attempt * TRY + wording * (self.reasks + 1)
        return replace(asking, key=replace(asking.key, attempt=attempt))

    def _remaining(self, request: TurnRequest, role: Role, suffix: str) -> int:
        """Requests that the path will need after this one when nothing is asked twice: words and check a turn, and what comes after."""
        each = 1 + self.forth_check
        done = {"": 1 if role is Role.BACK_TRANSLATOR else 2}.get(suffix, each)
        return max(0, request.turns - request.turn - 1) * each + each - done + round(request.turns * self.later)


def _check_said(text: JsonValue, request: TurnRequest) -> str:
    check_speech(text, request)
    return str(text)


def _check_fresh(text: JsonValue, request: TurnRequest) -> str:
    if repeats_query(text, request.history):
        raise Rejected(FailureReason.REPEATED_QUERY, "this is what the person said in an earlier turn; say it in other words")
    return _check_said(text, request)


def _check_reply(text: JsonValue, request: TurnRequest) -> str:
    unfounded = invented(text, request)
    if unfounded:
        raise Rejected(FailureReason.WRONG_SUMMARY, f"no result holds {', '.join(unfounded)}; say only what the results say")
    return _check_said(text, request)


def _check_question(text: JsonValue, request: TurnRequest) -> str:
    """A question for the value that does not give it away."""
    call, parameter = withheld_of(request)
    value = call.arguments[parameter]
    if isinstance(value, str) and len(value) > 3 and value_said(text, call, parameter, request.today):
        raise Rejected(FailureReason.NOT_ASKED, "ask for the value; do not say one")
    if "?" not in text and not speaks_of(text, missing_text(call, parameter)):
        raise Rejected(FailureReason.NOT_ASKED, f"ask for the {missing_text(call, parameter)}")
    return _check_said(text, request)
