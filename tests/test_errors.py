"""Errors survive pickling, user errors are one line, and `boundary` lets nothing of a record's content through."""

from __future__ import annotations

import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray import errors
from magnet_ray.errors import (
    BudgetSpent,
    CallError,
    ConfigError,
    EnvironmentFault,
    JobFailed,
    MagnetError,
    ModelError,
    Rejected,
    RunError,
    SourceError,
    UserError,
    boundary,
)
from magnet_ray.types import FailureReason

EXAMPLES: tuple[MagnetError, ...] = (
    MagnetError("something"),
    UserError("a value is wrong", 3, "2", "write 2"),
    ConfigError("unknown key", "seeed", "seed"),
    SourceError("cannot be read", fix="check the path"),
    RunError("not a run directory"),
    ModelError("the tokenizer has no chat template"),
    CallError("No table at 20:00."),
    EnvironmentFault("the worker died"),
    Rejected(FailureReason.NO_VALUE, "no value for city"),
    Rejected(FailureReason.UNPARSED, "no JSON", "Well, hmm."),
    BudgetSpent("the budget of 10 tokens is spent"),
    JobFailed("too many failures"),
)


def test_the_examples_cover_the_whole_error_tree() -> None:
    classes = {item for item in vars(errors).values() if isinstance(item, type) and issubclass(item, MagnetError)}
    assert classes == {type(example) for example in EXAMPLES}


@pytest.mark.parametrize("error", EXAMPLES, ids=lambda error: type(error).__name__)
def test_every_error_survives_pickling(error: MagnetError) -> None:
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert (str(copy), copy.args, vars(copy)) == (str(error), error.args, vars(error))


@given(st.text(), st.none() | st.text() | st.integers(), st.text(), st.text())
def test_a_user_error_prints_one_line(what: str, got: object, expected: str, fix: str) -> None:
    assert len(str(SourceError(what, got, expected, fix)).splitlines()) <= 1


def test_a_user_error_says_what_it_got_what_it_expected_and_what_to_do() -> None:
    error = ConfigError("ray.num_cpus cannot be used", "many", "a whole number", "leave it out to use every core")
    assert str(error) == "ray.num_cpus cannot be used; got 'many'; expected a whole number; leave it out to use every core"
    assert str(ConfigError("seed is too small", -1)) == "seed is too small; got -1"


def test_a_rejection_prints_its_reason_and_detail() -> None:
    assert str(Rejected(FailureReason.UNWORDED, "no clause")) == "unworded: no clause"
    assert str(Rejected(FailureReason.UNWORDED)) == "unworded"


def test_the_boundary_turns_an_unforeseen_error_into_a_rejection_with_its_cause() -> None:
    with pytest.raises(Rejected) as caught, boundary(FailureReason.UNEXPECTED):
        raise ZeroDivisionError("division by zero")
    assert caught.value.reason is FailureReason.UNEXPECTED
    assert caught.value.detail == "ZeroDivisionError: division by zero"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


@pytest.mark.parametrize("error", [*EXAMPLES, KeyboardInterrupt()], ids=lambda error: type(error).__name__)
def test_the_boundary_passes_on_what_was_raised_on_purpose(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, boundary(FailureReason.UNEXPECTED):
        raise error
    assert caught.value is error
