"""The distillation job: conversations become preference pairs.

    ray job submit --working-dir . -- python jobs/distill.py --run /shared/runs/paper --out /shared/runs/pairs

It is what `magnet distill` does. Shards are made all over the cluster; a lost worker or node costs those that it had not finished.
Options, checks and exit codes are the command's; jobs/README.md says how a job is followed, stopped and resumed.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The working directory, which holds the package where it is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magnet_ray.submitted_jobs import run_job

if __name__ == "__main__":
    sys.exit(run_job("distill"))
