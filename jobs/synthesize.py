"""The synthesis job: functions become verified conversations.

    ray job submit --working-dir . -- python jobs/synthesize.py --config jobs/configs/paper.yaml --out /shared/runs/paper

It is what `magnet synthesize` does. Shards are made all over the cluster; a lost worker or node costs those that it had not finished.
Options, checks and exit codes are the command's; jobs/README.md says how a job is followed, stopped and resumed.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The working directory, which holds the package where it is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magnet_ray.submitted_jobs import run_job

if __name__ == "__main__":
    sys.exit(run_job("synthesize"))
