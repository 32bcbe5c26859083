"""The job that builds a pool of functions: they are read, validated, and each is tried in sampled scenarios.

    ray job submit --working-dir . -- python jobs/build_pool.py --source builtin --source jsonl:/shared/tools.jsonl --out /shared/pools/mine

It is what `magnet pool build` does, in one process: functions are tried in seconds. `jobs/synthesize.py --set pool=/shared/pools/mine`
makes conversations from it. A source that is a file or a module must be in the working directory or on storage that every node reaches.
Options, checks and exit codes are the command's; jobs/README.md says how a job is followed, stopped and resumed.
"""

from __future__ import annotations

import sys
from pathlib import Path

# The working directory, which holds the package where it is not installed.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from magnet_ray.submitted_jobs import run_job

if __name__ == "__main__":
    sys.exit(run_job("pool", "build"))
