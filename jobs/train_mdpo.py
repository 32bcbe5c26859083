"""The multi-turn DPO job.

    ray job submit --working-dir . -- python jobs/train_mdpo.py --config jobs/configs/magnet-14b-mdpo.yaml \
        --data /shared/runs/pairs --model /shared/runs/sft/model --out /shared/runs/mdpo

It is what `magnet train mdpo` does. Workers start where the cluster has room; a lost one costs the steps since the last checkpoint.
Options, checks and exit codes are the command's; jobs/README.md says how a job is followed, stopped and resumed.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The working directory, which holds the package where it is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magnet_ray.submitted_jobs import run_job

if __name__ == "__main__":
    sys.exit(run_job("train", "mdpo"))
