"""Answers on the disk outlive their process and whatever damage its end leaves."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from magnet_ray.errors import RunError
from magnet_ray.llm.base import ChatAnswer, RequestKey, Role, ToolCall, Usage
from magnet_ray.llm.cache import ResponseCache

KEY = RequestKey(record="r", role=Role.JUDGE, step="1")
ANSWER = ChatAnswer(
    content='Zwölf\n"Tische" \u2028 \U0001f37d',
    tool_calls=(ToolCall(name="book", arguments="{'torn"), ToolCall(name="", arguments="")),
    finish_reason="stop",
    usage=Usage(prompt_tokens=3, completion_tokens=4),
)


def identity(number: int) -> bytes:
    """Sixteen bytes."""
    return number.to_bytes(16)


def filled(directory: Path, bucket: str, numbers: range, answer: ChatAnswer = ANSWER) -> Path:
    """A directory with answers written by a process that has ended; the new segment."""
    before = set(directory.glob("*"))
    cache = ResponseCache.open(directory)
    for number in numbers:
        cache.keep(bucket, identity(number), KEY, answer)
    cache.close()
    (segment,) = set(directory.glob("*")) - before
    return segment


def test_an_answer_comes_back_as_it_was(tmp_path: Path) -> None:
    filled(tmp_path / "new" / "responses", "0", range(1))
    cache = ResponseCache.open(tmp_path / "new" / "responses", ["0"])
    assert cache.find("0", identity(0)) == ANSWER
    assert cache.find("0", identity(1)) is None


@given(
    st.builds(
        ChatAnswer,
        content=st.text(),
        finish_reason=st.text(),
        tool_calls=st.tuples(st.builds(ToolCall, name=st.text(), arguments=st.text())),
    )
)
def test_any_text_survives(tmp_path_factory: pytest.TempPathFactory, answer: ChatAnswer) -> None:
    directory = tmp_path_factory.mktemp("cache")
    filled(directory, "0", range(1), answer)
    assert ResponseCache.open(directory).find("0", identity(0)) == answer


def test_only_open_buckets_are_in_memory_and_a_closed_one_is_read_again(tmp_path: Path) -> None:
    filled(tmp_path, "1", range(3))
    filled(tmp_path, "10", range(3, 5))
    cache = ResponseCache.open(tmp_path, ["1"])
    assert cache.find("1", identity(3)) is None
    assert cache.find("10", identity(3)) == ANSWER
    cache.keep("1", identity(9), KEY, ANSWER)
    cache.close_bucket("1")
    assert cache.find("1", identity(9)) == ANSWER


def test_a_bucket_without_answers_leaves_no_file(tmp_path: Path) -> None:
    cache = ResponseCache.open(tmp_path, ["1"])
    assert cache.find("1", identity(0)) is None
    cache.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("cut", [1, 5, 40, 90])
def test_a_torn_last_line_costs_only_itself(tmp_path: Path, cut: int) -> None:
    segment = filled(tmp_path, "0", range(5))
    segment.write_bytes(segment.read_bytes()[:-cut])
    cache = ResponseCache.open(tmp_path, ["0"])
    known = [cache.find("0", identity(number)) is not None for number in range(5)]
    # Without its line feed alone, the line is still whole.
    assert known == [True] * 4 + [cut == 1]


@pytest.mark.parametrize("damage", [b"", b"\0" * 50, b"[1]", b'{"id":"zz"}', b"\xff\xfe", b"[" * 100_000])
def test_a_damaged_line_costs_only_itself(tmp_path: Path, damage: bytes) -> None:
    segment = filled(tmp_path, "0", range(3))
    lines = segment.read_bytes().split(b"\n")
    wrong = lines[1].replace(b'"tokens":[3,4]', b'"tokens":["3",4]')
    segment.write_bytes(b"\n".join([lines[0], damage, wrong, lines[1][:70], lines[2], b""]))
    cache = ResponseCache.open(tmp_path, ["0"])
    assert [cache.find("0", identity(number)) is not None for number in range(3)] == [True, False, True]


def test_of_two_answers_the_first_segment_by_name_wins(tmp_path: Path) -> None:
    for content in ("a", "b", "c"):
        segment = filled(tmp_path, "0", range(1), ChatAnswer(content=content))
        segment.rename(tmp_path / f"0-{'cab'['abc'.index(content)]}.jsonl")
    found = ResponseCache.open(tmp_path).find("0", identity(0))
    assert found is not None and found.content == "b"


def test_two_processes_write_to_segments_of_their_own(tmp_path: Path) -> None:
    first, second = ResponseCache.open(tmp_path), ResponseCache.open(tmp_path)
    first.keep("0", identity(1), KEY, ANSWER)
    second.keep("0", identity(2), KEY, ANSWER)
    first.close()
    second.close()
    assert len(list(tmp_path.glob("0-*.jsonl"))) == 2
    both = ResponseCache.open(tmp_path)
    assert both.find("0", identity(1)) == both.find("0", identity(2)) == ANSWER


def test_a_directory_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match="responses cannot be written"):
        ResponseCache.open(tmp_path / "file" / "below")
