"""The evaluation job: heldout, toolquery, bfcl or online, of an endpoint or of a checkpoint that the job serves meanwhile.

    ray job submit --working-dir . -- python jobs/evaluate.py heldout --serve /shared/runs/mdpo/model \
        --trained /shared/runs/mdpo --out /shared/runs/eval
    ray job submit --working-dir . -- python jobs/evaluate.py toolquery --endpoint http://SERVER:8000/v1 --out /shared/runs/eval-toolquery

It is what `magnet eval` does. Conversations are held all over the cluster; those of a lost worker are held again. With --serve the
model is there for the length of the job, in the same cluster; settings of `magnet serve` are --serve-set replicas.max=4.
Options, checks and exit codes are the command's; jobs/README.md says how a job is followed, stopped and resumed.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The working directory, which holds the package where it is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magnet_ray.submitted_jobs import run_job

if __name__ == "__main__":
    sys.exit(run_job("eval"))
