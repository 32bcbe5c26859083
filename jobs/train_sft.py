"""Entry point of supervised fine-tuning on a cluster.

    ray job submit --working-dir . -- python jobs/train_sft.py --config jobs/configs/magnet-14b-sft.yaml --data /shared/runs/paper \
        --model Qwen/Qwen2.5-Coder-14B-Instruct --out /shared/runs/sft

The options, the checks and the exit codes are those of `magnet train sft`: 0 done, 1 the job failed, 2 something to fix (one line on
stderr), 130 interrupted. The job manager sets RAY_ADDRESS, so the job joins the cluster that it was submitted to. DIR must lie on
storage that every node shares; after a lost driver, submit the same command with --resume.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The working directory, which holds the package where it is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magnet_ray.cli import run_command

if __name__ == "__main__":
    sys.exit(run_command(["train", "sft", *sys.argv[1:]]))
