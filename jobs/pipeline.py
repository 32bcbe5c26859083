"""The whole paper as one job: pool, graph, conversations, SFT, preference pairs, multi-turn DPO, and what each model is worth.

    ray job submit --working-dir . -- python jobs/pipeline.py --config jobs/configs/pipeline.yaml --out /shared/runs/paper

It is what `magnet pipeline` does. Each step has a directory of its own in --out; what is finished is not done again, and --plan prints
what is done and what would run.
Options, checks and exit codes are the command's; jobs/README.md says how a job is followed, stopped and resumed.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The working directory, which holds the package where it is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magnet_ray.submitted_jobs import run_job

if __name__ == "__main__":
    sys.exit(run_job("pipeline"))
