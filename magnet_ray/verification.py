"""What a translated path must pass to become a row: schemas, replay, provenance, leaks, and a request for each call.

Nothing here trusts the translation: calls run again in a fresh environment, and every argument is looked for where
its provenance says.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import jsonschema_rs
import orjson

from magnet_ray.environments.base import OpenEnvironment
from magnet_ray.errors import CallError, EnvironmentFault, Rejected
from magnet_ray.functions.pool import FunctionPool
from magnet_ray.json_paths import value_at
from magnet_ray.teacher.phrasebook import phrases_of
from magnet_ray.teacher.said import asks_for, identifiers
from magnet_ray.types import (
    ArgumentOrigin,
    FailureReason,
    FunctionSpec,
    Miss,
    Origin,
    TranslatedPath,
    TranslatedTurn,
    canonical,
    parsed,
)
from magnet_ray.wording import says


def verify(translated: TranslatedPath, pool: FunctionPool, open_environment: OpenEnvironment) -> None:
    """Check a translated path.

    Raises:
        Rejected: with the reason of the first check that failed.
    """
    check_schemas(translated, pool)
    check_repeats(translated.turns)
    check_leaks(translated, pool)
    check_provenance(translated, pool)
    check_requests(translated, pool)
    check_replay(translated, pool, open_environment)


@lru_cache(maxsize=16_384)
def validator(schema: str) -> Any:
    """A compiled validator of a JSON Schema text."""
    return jsonschema_rs.validator_for(schema)


def check_schemas(translated: TranslatedPath, pool: FunctionPool) -> None:
    """Every call's arguments fit its function's schema, and the function is offered by then.

    Raises:
        Rejected: INVALID_CALL.
    """
    offered = set(translated.offered)
    for turn in translated.turns:
        offered.update(turn.tools_added)
        for call in turn.calls:
            if call.function not in offered:
                raise Rejected(FailureReason.INVALID_CALL, f"{call.function} is called but not offered")
            spec = pool.spec(call.function)
            check = validator(spec.parameters)
            arguments = parsed(call.arguments)
            if not check.is_valid(arguments):
                error = next(iter(check.iter_errors(arguments)))
                raise Rejected(FailureReason.INVALID_CALL, f"{call.function}({call.arguments}): {error.message}")
            unknown = set(arguments) - set(spec.properties)
            if unknown:
                raise Rejected(FailureReason.INVALID_CALL, f"{call.function} has no parameter {', '.join(sorted(unknown))}")


def check_repeats(turns: Sequence[TranslatedTurn]) -> None:
    """No query comes twice in a conversation, and none is empty.

    Raises:
        Rejected: REPEATED_QUERY.
    """
    seen: set[str] = set()
    for turn in turns:
        text = " ".join(turn.query.lower().split())
        if not text or text in seen:
            raise Rejected(FailureReason.REPEATED_QUERY, turn.query)
        seen.add(text)


def check_leaks(translated: TranslatedPath, pool: FunctionPool) -> None:
    """No identifier of an offered or missing function stands in what the user or the assistant says.

    Raises:
        Rejected: IDENTIFIER_LEAK.
    """
    names = {*translated.offered, *(name for turn in translated.turns for name in (*turn.missing, *turn.tools_added))}
    leaked = {identifier for name in sorted(names) if name in pool.by_name for identifier in identifiers(pool.spec(name))}
    for turn in translated.turns:
        for text in (turn.query, turn.reply):
            words = set(re.findall(r"\w+", text))
            found = words & leaked
            if found and not _quoted_only(found, turn):
                raise Rejected(FailureReason.IDENTIFIER_LEAK, f"{', '.join(sorted(found))} in {text!r}")


def _quoted_only(found: set[str], turn: TranslatedTurn) -> bool:
    """Whether the identifiers are values of this turn's arguments or outputs (a file called like a function)."""
    values = " ".join(call.arguments.partition(":")[2] + call.output for call in turn.calls)
    return all(re.search(rf'"[^"]*\b{re.escape(name)}\b[^"]*"(?!\s*:)', values) for name in found)


def check_provenance(translated: TranslatedPath, pool: FunctionPool) -> None:
    """Every argument has an origin, and its value is found there.

    Raises:
        Rejected: PROVENANCE.
    """
    for index, turn in enumerate(translated.turns):
        for position, call in enumerate(turn.calls):
            arguments = parsed(call.arguments)
            origins = dict(call.origins)
            if set(origins) != set(arguments):
                raise Rejected(FailureReason.PROVENANCE, f"turn {index}: {call.function} has arguments without an origin")
            for name, value in arguments.items():
                if not _found(value, name, origins[name], (index, position), translated, pool.spec(call.function)):
                    detail = f"turn {index}: {call.function}.{name}={canonical(value)} is not in {origins[name].origin.value}"
                    raise Rejected(FailureReason.PROVENANCE, f"{detail} of turn {origins[name].turn} ({origins[name].text!r})")


def _found(value: Any, name: str, origin: ArgumentOrigin, place: tuple[int, int], translated: TranslatedPath, spec: FunctionSpec) -> bool:
    if origin.origin is Origin.OUTPUT:
        if (origin.turn, origin.call) >= place:
            return False
        try:
            return bool(value_at(parsed(translated.turns[origin.turn].calls[origin.call].output), origin.path) == value)
        except (KeyError, IndexError):
            return False
    if origin.origin in {Origin.QUERY, Origin.EARLIER_QUERY}:
        if origin.turn > place[0] or (origin.origin is Origin.QUERY) != (origin.turn == place[0]):
            return False
        query = translated.turns[origin.turn].query
        if isinstance(value, bool):
            return bool(origin.text) and origin.text.lower() in query.lower()
        known = phrases_of(spec).argument(name)
        return says(query, value, today=translated.today, kind=known.kind)
    return bool(spec.properties[name].get("default") == value)


def check_requests(translated: TranslatedPath, pool: FunctionPool) -> None:
    """The words of a turn ask for each call that is not nested, and a turn without calls lacks something.

    A call is asked for when a content word of its function, or the words that carry one of its arguments, stand in
    the turn's query, or in the query of the miss before it.

    Raises:
        Rejected: NOT_ASKED.
    """
    for index, turn in enumerate(translated.turns):
        if not turn.calls and turn.miss is Miss.NONE:
            raise Rejected(FailureReason.NOT_ASKED, f"turn {index} has no calls and lacks nothing")
        texts = [turn.query]
        if index and translated.turns[index - 1].miss is not Miss.NONE:
            texts.append(translated.turns[index - 1].query)
        query = " ".join(texts)
        for call in turn.calls:
            if not call.nested and not asks_for(query, pool.spec(call.function), {name: origin.text for name, origin in call.origins}):
                raise Rejected(FailureReason.NOT_ASKED, f"turn {index}: {call.function} in {turn.query!r}")


def check_replay(translated: TranslatedPath, pool: FunctionPool, open_environment: OpenEnvironment) -> None:
    """A fresh environment gives the same outputs and ends in the same state.

    Raises:
        Rejected: REPLAY_DIFFERS, or ENVIRONMENT_FAULT.
    """
    try:
        environment = open_environment(translated.environment, translated.scenario_seed, pool.in_environment(translated.environment))
    except EnvironmentFault as fault:
        raise Rejected(FailureReason.ENVIRONMENT_FAULT, str(fault)) from fault
    try:
        for index, turn in enumerate(translated.turns):
            for call in turn.calls:
                output = environment.call(pool.spec(call.function).callable_name, orjson.loads(call.arguments))
                if output != parsed(call.output):
                    raise Rejected(FailureReason.REPLAY_DIFFERS, f"turn {index}: {call.function}({call.arguments})")
        if canonical(environment.state()) != translated.final_state:
            raise Rejected(FailureReason.REPLAY_DIFFERS, "the final states differ")
    except CallError as error:
        raise Rejected(FailureReason.REPLAY_DIFFERS, f"a call is refused: {error}") from error
    except EnvironmentFault as fault:
        raise Rejected(FailureReason.ENVIRONMENT_FAULT, str(fault)) from fault
    finally:
        environment.close()
