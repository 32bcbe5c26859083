"""Answers on the disk, so that a resumed or repeated run pays for nothing twice.

An answer is found by its request's identity: the key (record, role, step, attempt) and everything that shapes the
answer, so identical prompts of different records stay different samples. A directory holds append-only segments
`<bucket>-<unique>.jsonl`; a process writes only to its own. A kill costs at most the line being written, on an object
store the answers of the last ten seconds: see `line_files`. Damaged lines are passed over. An identity that stands
twice: the first, in the order of the segments' names. Only the answers of open buckets are in memory.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Self

import orjson

from magnet_ray.errors import RunError
from magnet_ray.line_files import ENDING, LineFile
from magnet_ray.llm.base import ChatAnswer, RequestKey, ToolCall, Usage
from magnet_ray.places import Place, make_directory, matching, reason, storage_errors
from magnet_ray.types import JsonValue


class ResponseCache:
    """The answers of some buckets of one directory. Buckets open at their first use, or before."""

    __slots__ = ("_answers", "_directory", "_segments")

    def __init__(self, directory: Place) -> None:
        """
        Raises:
            RunError: the directory cannot be made.
        """
        try:
            make_directory(directory)
        except OSError as error:
            raise _unwritable(directory, error) from None
        self._directory = directory
        self._answers: dict[str, dict[bytes, ChatAnswer]] = {}
        self._segments: dict[str, LineFile] = {}

    @classmethod
    def open(cls, directory: Place, buckets: Iterable[str] = ()) -> Self:
        """A cache with `buckets` read from `directory`, which is made if it is missing."""
        cache = cls(directory)
        for bucket in buckets:
            cache.open_bucket(bucket)
        return cache

    def open_bucket(self, bucket: str) -> None:
        """Read a bucket's segments, unless it is open. A bucket's name holds letters, digits, `_` and `.`."""
        if bucket not in self._answers:
            answers: dict[bytes, ChatAnswer] = {}
            for segment in matching(self._directory, f"{bucket}-*{ENDING}"):
                _read_segment(segment, answers)
            self._answers[bucket] = answers

    def close_bucket(self, bucket: str) -> None:
        """Forget a bucket's answers; they stay on the disk.

        Raises:
            RunError: the last ones cannot be written.
        """
        self._answers.pop(bucket, None)
        if (segment := self._segments.pop(bucket, None)) is not None:
            try:
                segment.close()
            except storage_errors() as error:
                raise _unwritable(self._directory, error) from None

    def close(self) -> None:
        """Close every bucket."""
        for bucket in list(self._answers):
            self.close_bucket(bucket)

    def find(self, bucket: str, identity: bytes) -> ChatAnswer | None:
        """The answer to a request, if it is known."""
        if bucket not in self._answers:
            self.open_bucket(bucket)
        return self._answers[bucket].get(identity)

    def keep(self, bucket: str, identity: bytes, key: RequestKey, answer: ChatAnswer) -> None:
        """Write an answer down. `key` stands beside it for readers.

        Raises:
            RunError: the disk refused.
        """
        self.open_bucket(bucket)
        line = orjson.dumps({"id": identity.hex(), "key": str(key), **_values(answer)}, option=orjson.OPT_APPEND_NEWLINE)
        try:
            if bucket not in self._segments:
                self._segments[bucket] = LineFile(self._directory, f"{bucket}-")
            self._segments[bucket].add(line)
        except storage_errors() as error:
            raise _unwritable(self._directory, error) from None
        self._answers[bucket].setdefault(identity, answer)


def _unwritable(directory: Place, error: Exception) -> RunError:
    return RunError(f"responses cannot be written to {directory}", reason(error), fix="free some space or set teacher.cache")


def _read_segment(segment: Place, answers: dict[bytes, ChatAnswer]) -> None:
    try:
        lines = segment.read_bytes().split(b"\n")
    except storage_errors() as error:
        raise RunError(f"{segment} cannot be read", reason(error), fix="remove it to ask again") from None
    for line in lines:
        # Torn by a kill, or damaged: the request is asked again.
        if (found := _read_line(line)) is not None:
            answers.setdefault(*found)


def _values(answer: ChatAnswer) -> dict[str, JsonValue]:
    return {
        "content": answer.content,
        "calls": [[call.name, call.arguments] for call in answer.tool_calls],
        "end": answer.finish_reason,
        "tokens": [answer.usage.prompt_tokens, answer.usage.completion_tokens],
    }


def _read_line(line: bytes) -> tuple[bytes, ChatAnswer] | None:
    try:
        match orjson.loads(line):
            case {"id": str(digest), "content": str(content), "calls": list(calls), "end": str(end), "tokens": [int(read), int(written)]}:
                return bytes.fromhex(digest), ChatAnswer(
                    content=content,
                    tool_calls=tuple(ToolCall(name=name, arguments=arguments) for name, arguments in calls),
                    finish_reason=end,
                    usage=Usage(prompt_tokens=read, completion_tokens=written),
                )
    except (ValueError, TypeError):
        pass
    return None
