"""The prompts are complete: each file is used, each place is filled, and a run can tell which prompts it had."""

from __future__ import annotations

import re

import pytest

from magnet_ray.teacher.prompts import prompt, prompt_versions, read_prompt

NAMES = [name.removesuffix(".md") for name in prompt_versions()]


@pytest.mark.parametrize("name", NAMES)
def test_a_prompt_states_its_rules_before_anything_that_changes(name: str) -> None:
    parts = prompt(name).parts
    assert [role for role, _ in parts] in (["system", "user"], ["system"], ["user"])
    if len(parts) == 2:
        assert "{{" not in parts[0][1] and "{{" in parts[1][1]
    assert sum(len(text) for _, text in parts) < 3_000


@pytest.mark.parametrize("name", NAMES)
def test_a_filled_prompt_has_no_places_left(name: str) -> None:
    messages = prompt(name).fill(**{place: f"<{place}>" for place in prompt(name).places})
    text = " ".join(str(message["content"]) for message in messages)
    assert "{{" not in text and all(f"<{place}>" in text for place in prompt(name).places)


def test_a_value_is_never_read_as_a_place() -> None:
    (message,) = read_prompt("p", "## User\n{{a}} and {{b}}").fill(a="{{b}}", b="\\1 {{c}}")
    assert message == {"role": "user", "content": "{{b}} and \\1 {{c}}"}


@pytest.mark.parametrize("values", [{}, {"a": "1", "b": "2"}, {"b": "2"}])
def test_a_missing_or_unknown_value_is_an_error(values: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="prompt p: no value for"):
        read_prompt("p", "## User\n{{a}}").fill(**values)


@pytest.mark.parametrize("text", ["", "Hello", "words\n## User\nx", "## User\n", "## System\n\n## User\nx"])
def test_a_file_without_its_parts_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected parts under"):
        read_prompt("p", text)


def test_an_unknown_prompt_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="back_translation"):
        prompt("sonnet")


def test_each_file_has_a_version_of_its_own() -> None:
    versions = prompt_versions()
    assert len(set(versions.values())) == len(versions) >= 12
    assert all(re.fullmatch(r"[0-9a-f]{16}", version) for version in versions.values())


def test_the_responder_is_told_of_hints_in_words_that_never_change() -> None:
    (message,) = prompt("hinted_response").fill()
    assert message["role"] == "system" and "[Hint]" in str(message["content"])
