"""The image is made of files that exist, of the locks, and runs as nobody in particular."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.cluster.rendering import CLUSTER, ROOT, pod_templates, render
from tests.cluster.test_references import locked

DOCKERFILE = (CLUSTER / "Dockerfile").read_text()


def stages() -> dict[str, list[str]]:
    """Name of a stage -> its instructions, lines that were continued put together, comments left out."""
    found: dict[str, list[str]] = {"": []}
    name = ""
    for line in re.sub(r"\\\n\s*", "", DOCKERFILE).splitlines():
        if line.startswith("FROM"):
            name = line.rpartition(" AS ")[2]
            found[name] = []
        if line and not line.startswith("#"):
            found[name].append(line)
    return found


def locks(stage: str) -> list[str]:
    return re.findall(r"-r (\S+\.lock)", "\n".join(stages()[stage]))


def test_each_target_is_built_of_locks_and_of_nothing_else() -> None:
    assert locks("gpu") == ["requirements/gpu.lock", "requirements/bfcl.lock"]
    assert locks("cpu") == [f"requirements/{name}.lock" for name in ("core", "train", "serve", "stores", "bfcl")]
    for stage in ("cpu", "gpu"):
        assert all((ROOT / lock).exists() for lock in locks(stage))
        for command in re.findall(r"pip install[^&]*", "\n".join(stages()[stage])):
            assert "--no-deps" in command, command
            assert re.search(r"-r requirements/|--editable \.|torch==\d", command), command


def test_the_locks_of_both_targets_agree_on_what_must_be_the_same() -> None:
    """Ray's nodes must have one version of it; a checkpoint is trained and served by one version of the libraries."""
    core, train, gpu = (pinned(f"requirements/{name}.lock") for name in ("core", "train", "gpu"))
    assert core["ray"] == gpu["ray"] == locked("ray")
    assert {name: gpu[name] for name in ("transformers", "trl", "peft", "accelerate")} == {
        name: train[name] for name in ("transformers", "trl", "peft", "accelerate")
    }
    wheel = re.search(r"torch==([\d.]+)\+cpu", DOCKERFILE)
    assert wheel and gpu["torch"] == wheel[1] and f'"torch=={wheel[1]}"' in (ROOT / "pyproject.toml").read_text()
    # What the overlay's services need, and runs on object stores.
    assert {"vllm", "s3fs", "gcsfs"} <= set(gpu)
    # Two that vLLM's own pins hold back.
    assert {name for name in core if name in gpu and core[name] != gpu[name]} <= {"protobuf", "setuptools"}


def test_everything_that_is_copied_is_in_the_context() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    kept = {line[1:] for line in ignored if line.startswith("!")}
    assert "*" in ignored and all((ROOT / name).exists() for name in kept)
    for source in re.findall(r"^COPY (\S+) ", DOCKERFILE, re.MULTILINE):
        assert source == "." or source.rstrip("/") in kept
    # What building the package reads.
    assert {"pyproject.toml", "README.md", "LICENSE", "magnet_ray", "evals", "jobs"} <= kept


def test_the_image_runs_as_the_user_that_the_pods_say() -> None:
    users = [line.split()[1].partition(":")[0] for stage in ("cpu", "gpu") for line in stages()[stage] if line.startswith("USER")]
    pods = [pod for manifest in render("gpu/pipeline") for _, pod in pod_templates(manifest)]
    assert set(users) == {"1000"} and len(users) == 2
    assert {pod["spec"]["securityContext"]["runAsUser"] for pod in pods} == {1000}
    assert "useradd --uid 1000" in DOCKERFILE
    # The last instruction that counts, so that no stage ends as root.
    assert all(stages()[stage][-1].startswith("USER") for stage in ("cpu", "gpu"))


def test_the_image_has_what_kuberay_calls() -> None:
    assert re.search(r"apt-get install [^&]*\bwget\b", "\n".join(stages()["base"]))


def pinned(lock: str) -> dict[str, str]:
    def lines() -> Iterator[tuple[str, str]]:
        for line in (ROOT / lock).read_text().splitlines():
            if found := re.match(r"([\w.-]+)==([^\s;]+)", line):
                yield found[1], found[2]

    return dict(lines())
