"""The supervised fine-tuning job.

    ray job submit --working-dir . -- python jobs/train_sft.py --config jobs/configs/magnet-14b-sft.yaml \
        --data /shared/runs/paper --model Qwen/Qwen2.5-Coder-14B-Instruct --out /shared/runs/sft

It is what `magnet train sft` does. Workers start where the cluster has room; a lost one costs the steps since the last checkpoint.
Options, checks and exit codes are the command's; jobs/README.md says how a job is followed, stopped and resumed.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The working directory, which holds the package where it is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magnet_ray.submitted_jobs import run_job

if __name__ == "__main__":
    sys.exit(run_job("train", "sft"))
