"""A model's text as a value: found, mended, checked, and asked for again when it cannot be used.

Models wrap JSON in fences and chatter, write Python literals, curly quotes and trailing commas. All of that is read;
what is not a JSON value (NaN, a number too large, half a surrogate pair) is refused. Nothing is ever evaluated.
Invariant: text that is JSON already comes back as `json.loads` reads it.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Final, Generic, TypeVar

import jsonschema_rs

from magnet_ray.errors import Rejected
from magnet_ray.llm.base import ChatAnswer, ChatModel, ChatRequest
from magnet_ray.types import FailureReason, JsonValue

Value = TypeVar("Value")

MAX_CHARACTERS: Final = 100_000
"""Longest answer that is looked at."""
MAX_STARTS: Final = 10
"""Brackets of one answer from which a value is sought in vain."""
SHOWN: Final = 2_000
"""Characters of a refused answer that the model is shown again."""

_THOUGHT = re.compile(r"\A\s*<think(?:ing)?>.*?</think(?:ing)?>", re.DOTALL)
_LANGUAGE = re.compile(r"[\w-]*[ \t]*(?=[\s{\[\"]|$)")
_TOKEN = re.compile(
    r"""(?P<string>"(?:[^"\\]|\\.)*")|(?P<single>'(?:[^'\\]|\\.)*')|\\.|"""
    r"""(?P<curly>\u201c[^\u201c\u201d]*\u201d|\u2018[^\u2018\u2019]*\u2019)|"""
    r"""(?P<word>[A-Za-z_]+)|(?P<comma>,(?=\s*[}\]]))|(?P<open>[{\[])|(?P<close>[}\]])|.""",
    re.DOTALL,
)
_WORDS: Final[Mapping[str, str]] = {"True": "true", "False": "false", "None": "null"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked(Generic[Value]):
    """A usable answer with what led to it, so that the conversation can go on from there."""

    value: Value
    """What the check made of the answer."""
    text: str
    """The answer, byte for byte."""
    request: ChatRequest
    """The request that it answers, re-asks included."""


async def ask(model: ChatModel, request: ChatRequest, schema: str, check: Callable[[JsonValue], Value], reasks: int) -> Value:
    """The value of a model's answer; see `asked`."""
    return (await asked(model, request, schema, check, reasks)).value


async def asked(model: ChatModel, request: ChatRequest, schema: str, check: Callable[[JsonValue], Value], reasks: int) -> Asked[Value]:
    """Ask until the answer can be used: each re-ask shows the model its answer and what is wrong with it.

    Args:
        model: who is asked.
        request: the first request; re-asks count its key's attempt up.
        schema: JSON Schema text that the value must follow; empty for free text, which is given to `check` without
            thoughts and enclosing quotes.
        check: makes the result of a value; raises `Rejected` with a line that tells the model what to mend.
        reasks: most re-asks.

    Raises:
        Rejected: the last answer's reason (UNPARSED, or that of `check`), with the model's last text as `raw`; or
            whatever the model raises.
    """
    request = replace(request, schema=schema)
    for turn in range(reasks + 1):
        answer = await model.answer(request)
        try:
            return Asked(value=check(_value(answer, schema)), text=answer.content, request=request)
        except Rejected as rejected:
            if turn == reasks:
                raise Rejected(rejected.reason, rejected.detail, answer.content) from rejected
            request = corrected(
                request, answer.content, f"That cannot be used: {rejected.detail}. Answer again, mending this and nothing else."
            )
    raise AssertionError("unreachable")


def corrected(request: ChatRequest, text: str, remark: str, *, attempts: int = 1) -> ChatRequest:
    """The request that shows a model its answer and a remark on it, `attempts` tries later."""
    shown = text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
    messages = (*request.messages, {"role": "assistant", "content": shown or "(no answer)"}, {"role": "user", "content": remark})
    return replace(request, key=replace(request.key, attempt=request.key.attempt + attempts), messages=messages)


def _value(answer: ChatAnswer, schema: str) -> JsonValue:
    if answer.finish_reason == "length":
        raise Rejected(FailureReason.UNPARSED, "the answer was cut off because it was too long")
    if not schema:
        text = plain_text(answer.content)
        if not text:
            raise Rejected(FailureReason.UNPARSED, "the answer is empty")
        return text
    return parse(answer.content, schema)


def plain_text(text: str) -> str:
    """A text without a leading thought, and without quotes around the whole."""
    text = _THOUGHT.sub("", text).strip()
    for opening, closing in ('""', "“”"):
        inner = text[1:-1]
        if len(text) > 1 and text[0] == opening and text[-1] == closing and opening not in inner and closing not in inner:
            return inner.strip()
    return text


def parse(text: str, schema: str = "") -> JsonValue:
    """The JSON value that a model's text holds: the first one that follows the schema.

    Raises:
        Rejected: UNPARSED, with one line about what is wrong.
    """
    if len(text) > MAX_CHARACTERS:
        raise Rejected(FailureReason.UNPARSED, f"the answer has {len(text)} characters, more than {MAX_CHARACTERS}")
    error = ""
    for value in _values(_THOUGHT.sub("", text).strip().lstrip("\ufeff")):
        found = schema_error(value, schema)
        if not found:
            return value
        error = error or found
    raise Rejected(FailureReason.UNPARSED, error or ("the answer holds no JSON value" if text.strip() else "the answer is empty"))


def schema_error(value: JsonValue, schema: str) -> str:
    """What is wrong with a value by a JSON Schema text, in one line; empty when nothing is."""
    if not schema:
        return ""
    error = next(iter(_validator(schema).iter_errors(value)), None)
    if error is None:
        return ""
    place = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error.instance_path).lstrip(".")
    return f"{place or 'the answer'}: {' '.join(error.message.split())[:200]}"


@lru_cache(maxsize=1_024)
def _validator(schema: str) -> Any:
    return jsonschema_rs.validator_for(schema)


def _values(text: str) -> Iterator[JsonValue]:
    """Every value that the text may stand for: the whole, what is fenced, then what brackets enclose."""
    for candidate in (text, *_fenced(text)):
        yield from _read(candidate)
        yield from _read(_mended(candidate))
    place, tries = 0, 0
    while tries < MAX_STARTS and (start := re.compile(r"[{\[]").search(text, place)):
        enclosed = _enclosed(text, start.start())
        values = [*_read(enclosed), *_read(_mended(enclosed))][:1] if enclosed else []
        yield from values
        tries += not values
        place = start.start() + (len(enclosed) if values else 1)


def _fenced(text: str) -> Iterator[str]:
    """What stands between a line that begins with a fence and the next line that ends with one."""
    inside: list[str] | None = None
    for line in text.split("\n") if "```" in text else ():
        if inside is None and line.lstrip().startswith("```"):
            inside, line = [], _LANGUAGE.sub("", line.lstrip()[3:], count=1)
        if inside is None:
            continue
        if line.rstrip().endswith("```"):
            yield "\n".join([*inside, line.rstrip()[:-3]])
            inside = None
        else:
            inside.append(line)


def _read(text: str) -> Iterator[JsonValue]:
    """The value of a JSON text, if it is one. Line breaks inside strings are let through."""
    try:
        value = json.loads(text, parse_constant=_refuse, strict=False)
        if _is_plain(value):
            yield value
    except (ValueError, RecursionError):
        return


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _is_plain(value: JsonValue) -> bool:
    """Whether a value can be written as JSON again, in UTF-8."""
    match value:
        case dict():
            return all(_is_plain(key) and _is_plain(item) for key, item in value.items())
        case list():
            return all(_is_plain(item) for item in value)
        case float():
            return math.isfinite(value)
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
    return True


def _enclosed(text: str, start: int) -> str:
    """The text from a bracket to the one that closes it; empty when none does."""
    depth = 0
    for token in _TOKEN.finditer(text, start):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        if depth == 0:
            return text[start : token.end()]
    return ""


def _mended(text: str) -> str:
    """Python's literals, curly quotes and trailing commas as JSON writes them."""
    return _TOKEN.sub(_mended_token, text)


def _mended_token(token: re.Match[str]) -> str:
    written = token.group()
    match token.lastgroup:
        case "single":
            return json.dumps(_unquoted(written), ensure_ascii=False)
        case "string":
            return written if list(_read(written)) else json.dumps(_unquoted(written), ensure_ascii=False)
        case "curly":
            return json.dumps(written[1:-1], ensure_ascii=False)
        case "word":
            return _WORDS.get(written, written)
        case "comma":
            return ""
    return written


def _unquoted(written: str) -> str:
    """The value of a Python string."""
    try:
        return str(ast.literal_eval(written.replace("\n", "\\n").replace("\r", "\\r")))
    except (ValueError, SyntaxError):
        return written[1:-1]
