"""What a measured training run is, what it gives, and how it is run in a process of its own. Needs no torch itself."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

_QUIET = {
    "HF_HUB_OFFLINE": "1",
    "TQDM_DISABLE": "1",
    "HF_DATASETS_DISABLE_PROGRESS_BARS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
_NO_GPU = {"CUDA_VISIBLE_DEVICES": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """The random model."""

    words: int = 32_768
    """Size of the vocabulary."""
    hidden: int = 384
    """Width."""
    layers: int = 8
    """Depth. With the other two 29.9 million numbers, 12.6 of them the embedding, which is the head, too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What is run."""

    trainer: Literal["ours", "trl"]
    """Whose."""
    objective: Literal["sft", "mdpo"]
    """What is trained for."""
    model: str
    """Checkpoint directory."""
    table: str
    """Parquet file with the token table."""
    batch: int
    """Examples, or pairs, of a step."""
    rows: int = 1
    """TRL: examples, or pairs, that go through the model at once. Ours: a pack holds as many tokens as the largest of these."""
    flat: bool = False
    """TRL's SFT: lay the rows end to end, without padding."""
    checkpointing: bool = True
    """Compute activations again in the backward pass."""
    gpu: bool = False
    """On a GPU in bfloat16 over float32 weights, instead of CPUs in float32."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What was measured, after a first step that is not counted."""

    seconds: Sequence[float]
    """Of each step, data loading and the optimizer included."""
    tokens: Sequence[int]
    """Of each step: its examples, or both sides of its pairs in full."""
    computed: Sequence[int]
    """Tokens that went through the model in each step: shared ones once, padding counted."""
    losses: Sequence[float]
    """Of every step, the first included."""
    before: int
    """Bytes before the first step: weights; on CPUs, where they are the process's resident ones, also libraries and data."""
    peak: int
    """Most bytes from then on; on a GPU those that torch has allocated there."""
    parameters: int
    """Numbers in the model's weights."""
    device: str
    """What computed: the GPU's name, or how many threads."""

    @property
    def rate(self) -> float:
        """Tokens a second over all steps."""
        return sum(self.tokens) / sum(self.seconds)

    @property
    def grown(self) -> int:
        """Bytes that training took beyond what was there before."""
        return self.peak - self.before


def measured(run: Run) -> Figures:
    """Do a run in a new process."""
    with tempfile.TemporaryDirectory() as directory:
        asked, given = Path(directory) / "run.json", Path(directory) / "figures.json"
        asked.write_text(json.dumps(asdict(run)), encoding="utf-8")
        _python("evals.throughput.training_process", asked, given, gpu=run.gpu)
        return Figures(**json.loads(given.read_text(encoding="utf-8")))


def write_checkpoint(directory: Path, shape: Shape) -> None:
    """Make the random model, in a process that is gone before anything is measured."""
    _python("evals.throughput.random_model", directory, shape.words, shape.hidden, shape.layers)


def _python(module: str, *arguments: object, gpu: bool = False) -> None:
    command = [sys.executable, "-m", module, *map(str, arguments)]
    environment = os.environ | _QUIET | ({} if gpu else _NO_GPU)
    done = subprocess.run(command, cwd=Path(__file__).parents[2], env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{module} failed:\n" + "\n".join(done.stderr.splitlines()[-20:]))
