from __future__ import annotations

import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
from upath import UPath

from magnet_ray.cli import USER_ERROR, run_command
from magnet_ray.errors import RunError
from magnet_ray.places import Place, entries, matching, place, remove_tree
from tests.cluster_support import ROOT


@pytest.mark.parametrize("text", ["runs/a", "/runs/a", "a:b/c", "."])
def test_a_local_place_is_a_plain_path(text: str) -> None:
    assert place(text) == Path(text)
    assert type(place(text)) is type(Path())


def test_an_address_keeps_its_text_through_everything_that_is_done_with_it(store: dict[str, str]) -> None:
    there = place("s3://bucket/runs/a/")
    assert isinstance(there, UPath)
    assert [str(each) for each in (there, there.resolve(), place(str(there)), place(there), pickle.loads(pickle.dumps(there)))] == [
        "s3://bucket/runs/a"
    ] * 5
    assert str(there / "x" / "y.json") == "s3://bucket/runs/a/x/y.json"
    assert str(there.with_name("a-pairs")) == "s3://bucket/runs/a-pairs"
    assert (there.name, there.parent.name) == ("a", "runs")
    assert "secret" not in repr(pickle.dumps(there))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("ftp://host/runs", "ftp://host/runs cannot hold a run; expected a directory, s3://BUCKET/PREFIX or gs://BUCKET/PREFIX"),
        ("s3://", "s3:// cannot hold a run"),
        ("s3:/bucket/runs", "s3:/bucket/runs is no address; expected two slashes: s3://bucket/runs"),
        ("s3:///runs", "s3:///runs cannot hold a run"),
        ("s3://key:secret@bucket/runs", "an address s3://… holds more than a bucket; leave credentials to the environment"),
    ],
)
def test_an_address_that_cannot_be_used_is_one_line_without_secrets(text: str, words: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(RunError) as refusal:
        place(text)
    assert words in str(refusal.value)
    assert run_command(["inspect", text]) == USER_ERROR
    said = capsys.readouterr().err
    assert (said.count("\n"), "secret" in said) == (1, False)


def test_a_client_that_is_not_installed_is_named_with_its_extra() -> None:
    code = "import sys; sys.modules['s3fs'] = None\nfrom magnet_ray.cli import main\nmain(['inspect', 's3://bucket/run'])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == USER_ERROR
    assert done.stderr == "magnet: s3://bucket/run needs the package s3fs; pip install 'magnet-ray[s3]'\n"


def test_a_listing_is_never_remembered(bucket: Place) -> None:
    # As another process does, for a client forgets what it has written to itself.
    other = pytest.importorskip("boto3").client("s3")
    name, _, prefix = str(bucket).removeprefix("s3://").partition("/")
    assert entries(bucket) == set()
    for key in ("a.json", "b.json", "below/c.json"):
        other.put_object(Bucket=name, Key=f"{prefix}/{key}", Body=b"{}")
        assert key.partition("/")[0] in entries(bucket)
    assert entries(bucket) == {"a.json", "b.json", "below"}
    assert [str(path) for path in matching(bucket, "*.json")] == [f"{bucket}/a.json", f"{bucket}/b.json"]
    other.delete_object(Bucket=name, Key=f"{prefix}/a.json")
    assert entries(bucket) == {"b.json", "below"}
    assert not (bucket / "a.json").exists()
    remove_tree(bucket)
    assert entries(bucket) == set()
    remove_tree(bucket)


def test_an_empty_folder_that_a_console_made_is_an_empty_directory(bucket: Place) -> None:
    assert isinstance(bucket, UPath)
    bucket.fs.pipe_file(f"{bucket.path}/", b"")
    assert entries(bucket) == set()


WITHOUT = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "AWS_SHARED_CREDENTIALS_FILE")


@pytest.mark.parametrize("command", [("inspect", "{}"), ("synthesize", "--num", "5", "--out", "{}")], ids=["reading", "writing"])
@pytest.mark.parametrize(
    ("trouble", "words"), [("credentials", "Unable to locate credentials"), ("bucket", "bucket"), ("server", "Could not connect")]
)
def test_a_store_that_cannot_be_used_is_one_line(
    trouble: str, words: str, command: tuple[str, ...], store: dict[str, str], tmp_path: Path
) -> None:
    kept = {name: value for name, value in os.environ.items() if trouble != "credentials" or name not in WITHOUT}
    nobody = {"AWS_ENDPOINT_URL": "http://127.0.0.1:9", "AWS_MAX_ATTEMPTS": "1"} if trouble == "server" else {}
    env = {**kept, "AWS_EC2_METADATA_DISABLED": "true", "HOME": str(tmp_path), **nobody}
    arguments = [word.format("s3://no-such-bucket/run") for word in command]
    done = subprocess.run(
        [sys.executable, "-m", "magnet_ray.cli", *arguments], capture_output=True, text=True, cwd=ROOT, env=env, check=False
    )
    assert (done.returncode, done.stderr.count("\n")) == (USER_ERROR, 1), done.stderr
    assert words in done.stderr
    assert "of-a-test" not in done.stderr
