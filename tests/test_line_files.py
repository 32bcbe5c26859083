from __future__ import annotations

from pathlib import Path

import pytest
from upath import UPath

from magnet_ray.line_files import LineFile
from magnet_ray.places import Place, matching, place
from tests.cluster_support import wait_until


def contents(directory: Place) -> list[bytes]:
    """What the files of a directory hold, in the order of their names."""
    return [file.read_bytes() for file in matching(directory, "*.jsonl")]


def test_on_a_disk_a_line_is_there_at_once(tmp_path: Path) -> None:
    file = LineFile(tmp_path, "a-")
    assert contents(tmp_path) == []
    file.add(b"1\n")
    assert contents(tmp_path) == [b"1\n"]
    file.add(b"2\n")
    file.close()
    file.close()
    assert contents(tmp_path) == [b"1\n2\n"]


def test_on_a_store_lines_are_put_together_and_at_the_end(bucket: Place) -> None:
    file = LineFile(bucket, "a-", put_seconds=0.5)
    file.add(b"1\n")
    file.add(b"2\n")
    assert contents(bucket) == []
    # By themselves, though nothing more comes.
    wait_until(lambda: contents(bucket) == [b"1\n2\n"], seconds=30)
    file.add(b"3\n")
    file.close()
    file.close()
    assert contents(bucket) == [b"1\n2\n", b"3\n"]
    assert all(path.name.startswith("a-") for path in matching(bucket, "*"))


def test_two_files_of_one_directory_do_not_touch_each_other(bucket: Place) -> None:
    first, second = LineFile(bucket), LineFile(bucket)
    for file in (first, second):
        file.add(b"1\n")
        file.close()
    assert contents(bucket) == [b"1\n", b"1\n"]


def test_a_store_that_refuses_is_told_to_whoever_adds_or_closes(bucket: Place) -> None:
    assert isinstance(bucket, UPath)
    file = LineFile(place(f"s3://no-such-{bucket.parts[0].strip('/')}/a"), put_seconds=0.2)
    file.add(b"1\n")

    def refused() -> bool:
        try:
            file.add(b"2\n")
        except FileNotFoundError:
            return True
        return False

    wait_until(refused, seconds=30)
    with pytest.raises(FileNotFoundError):
        file.close()
